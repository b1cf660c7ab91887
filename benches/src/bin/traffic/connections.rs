//! New connections per second: connect, one byte there, one byte back, close.
//!
//! Both ends are one thread and one epoll each, so that the tool costs little beside what is measured.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};
use serde_json::{Value, json};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

const EVENTS: usize = 256;
/// A connection that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whom to connect to, and how.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The first server address, with the port.
    to: SocketAddrV4,
    /// How many addresses in a row, from the first one on.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    targets: u32,
    /// How long.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections at the same time.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    parallel: u32,
}

/// Answers one byte with one byte on each connection, and lets the client close first.
pub(crate) fn serve(port: u16, span: Duration) -> Result<Value> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    // A connection's number is its file descriptor.
    let own = listener.as_raw_fd() as usize;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, own as u64))?;
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut answered = 0_u64;
    let mut events = [EpollEvent::empty(); EVENTS];
    let end = Instant::now() + span;
    while Instant::now() < end {
        for event in wait(&epoll, &mut events)? {
            let number = event.data() as usize;
            if number == own {
                while let Some((fd, stream)) = accept(&listener, &epoll)? {
                    connections.resize_with(connections.len().max(fd + 1), || None);
                    connections[fd] = Some(stream);
                }
            } else if let Some(Some(stream)) = connections.get_mut(number) {
                match answer(stream) {
                    Ok(true) => answered += 1,
                    Ok(false) => {}
                    Err(_) => connections[number] = None,
                }
            }
        }
    }
    Ok(json!({ "answered": answered }))
}

/// Connects for the given time and reports how many connections were completed.
pub(crate) fn run(options: &Options) -> Result<Value> {
    let mut client = Client::new(options)?;
    let start = Instant::now();
    let end = start + Duration::from_secs(options.seconds);
    for slot in 0..client.slots.len() {
        client.open(slot)?;
    }
    let mut events = [EpollEvent::empty(); EVENTS];
    let mut next_look = start + PATIENCE;
    while Instant::now() < end {
        for event in wait(&client.epoll, &mut events)? {
            client.advance(event.data() as usize)?;
        }
        if Instant::now() >= next_look {
            client.give_up_old_ones()?;
            next_look += PATIENCE;
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    Ok(json!({
        "targets": client.targets.len(), "seconds": elapsed, "connections": client.done,
        "failures": client.failed, "perSecond": client.done as f64 / elapsed,
    }))
}

/// Connections in flight, each in a slot that is filled again as soon as it is done.
struct Client {
    epoll: Epoll,
    targets: Vec<SockaddrIn>,
    next: usize,
    slots: Vec<Option<Connection>>,
    done: u64,
    failed: u64,
}

struct Connection {
    stream: TcpStream,
    asked: bool,
    since: Instant,
}

impl Client {
    fn new(options: &Options) -> Result<Self> {
        let first = options.to.ip().to_bits();
        let target = |number| {
            let address = Ipv4Addr::from_bits(first.wrapping_add(number));
            SockaddrIn::from(SocketAddrV4::new(address, options.to.port()))
        };
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            targets: (0..options.targets).map(target).collect(),
            next: 0,
            slots: (0..options.parallel).map(|_| None).collect(),
            done: 0,
            failed: 0,
        })
    }

    /// Begins a connection to the next address.
    fn open(&mut self, slot: usize) -> Result<()> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let raw = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        self.next = (self.next + 1) % self.targets.len();
        match connect(raw.as_raw_fd(), &self.targets[self.next]) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error).context("connecting"),
        }
        let either_edge = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        self.epoll.add(&raw, EpollEvent::new(either_edge, slot as u64))?;
        self.slots[slot] = Some(Connection { stream: raw.into(), asked: false, since: Instant::now() });
        Ok(())
    }

    /// Goes on with a connection that has become writable or readable.
    fn advance(&mut self, slot: usize) -> Result<()> {
        let Some(Some(connection)) = self.slots.get_mut(slot) else { return Ok(()) };
        match connection.advance() {
            Ok(false) => return Ok(()),
            Ok(true) => self.done += 1,
            Err(_) => self.failed += 1,
        }
        self.open(slot)
    }

    fn give_up_old_ones(&mut self) -> Result<()> {
        for slot in 0..self.slots.len() {
            if self.slots[slot].as_ref().is_some_and(|connection| connection.since.elapsed() > PATIENCE) {
                self.failed += 1;
                self.open(slot)?;
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Whether the answer has come.
    fn advance(&mut self) -> io::Result<bool> {
        if !self.asked {
            self.stream.write_all(b"?")?;
            self.asked = true;
            return Ok(false);
        }
        match self.stream.read(&mut [0]) {
            Ok(1) => Ok(true),
            Ok(_) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn accept(listener: &TcpListener, epoll: &Epoll) -> Result<Option<(usize, TcpStream)>> {
    let stream = match listener.accept() {
        Ok((stream, _)) => stream,
        // Nobody waits any more, or the one who did has gone.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {
            return Ok(None);
        }
        Err(error) => return Err(error).context("accepting"),
    };
    stream.set_nonblocking(true)?;
    let number = stream.as_raw_fd() as usize;
    epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
    Ok(Some((number, stream)))
}

/// Whether a question was answered; an error also where the client has closed.
fn answer(stream: &mut TcpStream) -> io::Result<bool> {
    match stream.read(&mut [0]) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => stream.write_all(b"!").map(|()| true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn wait<'a>(epoll: &Epoll, events: &'a mut [EpollEvent]) -> Result<&'a [EpollEvent]> {
    match epoll.wait(events, 100_u16) {
        Ok(count) => Ok(&events[..count]),
        Err(Errno::EINTR) => Ok(&[]),
        Err(error) => Err(error).context("waiting"),
    }
}
