//! Clients that try to reach somebody and say what became of it.

use crate::site::PATIENCE;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrIn, recvfrom, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// What became of a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was answered; the far side says it saw this address and port.
    Seen(SocketAddr),
    /// Nothing came back in time.
    Silent,
    /// A reset, or ICMP port unreachable.
    Refused,
    /// Any other error of the socket, such as ICMP host unreachable.
    Failed(String),
}

impl Outcome {
    /// The address that the far side saw, where it answered.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Seen(peer) => Some(peer.ip()),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(peer) => peer.fmt(f),
            Self::Silent => f.pad("no answer"),
            Self::Refused => f.pad("refused"),
            Self::Failed(why) => f.pad(why),
        }
    }
}

/// Connects to an echo server, reads whom it saw, and checks that it echoes.
pub fn tcp(to: SocketAddr, limit: Duration) -> Outcome {
    outcome(tcp_seen(to, limit))
}

/// Connects to an echo server and sends it that many bytes; how many came back as they were sent.
///
/// # Errors
/// Where there is no connection, or the server does not begin.
pub fn echoed(to: SocketAddr, length: usize, limit: Duration) -> io::Result<usize> {
    let stream = TcpStream::connect_timeout(&to, limit)?;
    greeting(&stream, limit)?;
    Ok(returned(&stream, length))
}

/// Asks an echo server by one datagram, sent once, from a connected socket, so ICMP errors are heard.
pub fn udp(to: SocketAddr, limit: Duration) -> Outcome {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(to).map(|()| socket));
    outcome(socket.and_then(|socket| udp_seen(&socket, limit)))
}

/// The same over a socket that the caller has bound and connected.
pub fn udp_over(socket: &UdpSocket, limit: Duration) -> Outcome {
    outcome(udp_seen(socket, limit))
}

/// Sends that many bytes to whoever sends every byte back; how many came back as they were sent.
///
/// # Panics
/// Where more comes back.
pub fn returned(mut stream: &TcpStream, length: usize) -> usize {
    let sent: Vec<u8> = (0..length).map(|at| (at ^ at >> 8 ^ at >> 16) as u8).collect();
    let (sent, mut received) = (&sent, Vec::with_capacity(length));
    std::thread::scope(|scope| {
        // Whoever stops listening is found out by what comes back.
        let mut writer = stream;
        scope.spawn(move || writer.write_all(sent).and_then(|()| writer.shutdown(Shutdown::Write)));
        let _ = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.read_to_end(&mut received));
    });
    assert!(received.len() <= length, "{} bytes came back of {length}", received.len());
    received.iter().zip(sent).take_while(|(one, other)| one == other).count()
}

/// Hears the ICMP echo requests that arrive in a namespace.
#[derive(Debug)]
pub struct PingEar(OwnedFd);

impl PingEar {
    /// Listens from now on.
    ///
    /// # Errors
    /// Where the process may not open raw sockets.
    pub fn open() -> io::Result<Self> {
        let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp)?;
        setsockopt(&raw, sockopt::ReceiveTimeout, &TimeVal::new(0, 50_000))?;
        Ok(Self(raw))
    }

    /// Waits for an echo request and tells who sent it and its identifier, or `None` where none comes.
    ///
    /// # Errors
    /// What the socket reports.
    pub fn hear(&self, limit: Duration) -> io::Result<Option<SocketAddrV4>> {
        let start = Instant::now();
        let mut packet = [0; 2048];
        while start.elapsed() < limit {
            let (length, sender) = match recvfrom::<SockaddrIn>(self.0.as_raw_fd(), &mut packet) {
                Ok(received) => received,
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let header = usize::from(packet[0] & 0x0f) * 4;
            let icmp = packet.get(header..length).and_then(|icmp| icmp.first_chunk());
            if let (Some(&[8, 0, _, _, high, low]), Some(sender)) = (icmp, sender) {
                return Ok(Some(SocketAddrV4::new(sender.ip(), u16::from_be_bytes([high, low]))));
            }
        }
        Ok(None)
    }
}

fn tcp_seen(to: SocketAddr, limit: Duration) -> io::Result<SocketAddr> {
    let mut stream = TcpStream::connect_timeout(&to, limit)?;
    let line = greeting(&stream, limit)?;
    stream.write_all(b"nsgate")?;
    let mut echoed = [0; 6];
    stream.read_exact(&mut echoed)?;
    if &echoed != b"nsgate" {
        return Err(io::Error::other("the echo differs"));
    }
    parse(&line)
}

/// The line with which an echo server begins.
fn greeting(mut stream: &TcpStream, limit: Duration) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(limit))?;
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(line)
}

fn udp_seen(socket: &UdpSocket, limit: Duration) -> io::Result<SocketAddr> {
    socket.set_read_timeout(Some(limit))?;
    socket.send(b"nsgate")?;
    let mut answer = [0; 128];
    let length = socket.recv(&mut answer)?;
    parse(&answer[..length])
}

fn parse(answer: &[u8]) -> io::Result<SocketAddr> {
    let text = String::from_utf8_lossy(answer);
    let parsed = text.trim().parse();
    parsed.map_err(|_| io::Error::other(format!("not an echo server: {text}")))
}

fn outcome(seen: io::Result<SocketAddr>) -> Outcome {
    match seen {
        Ok(peer) => Outcome::Seen(peer),
        Err(error) => match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Outcome::Silent,
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Outcome::Refused,
            _ => Outcome::Failed(error.to_string()),
        },
    }
}
