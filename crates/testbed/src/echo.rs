//! A server that tells each client what address and port it came from.

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

/// Serves TCP and UDP on `port` of every address of the namespace, until the process ends.
///
/// A TCP client gets the line `ip:port` and then every byte back. Each datagram is answered with `ip:port`,
/// sent from the address that the client had asked.
///
/// # Errors
/// Where the port is taken.
pub fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(stream));
        }
    });
    thread::spawn(move || while answer(&socket).is_ok() {});
    Ok(())
}

/// The same on one IPv6 address.
///
/// # Errors
/// Where the port is taken.
pub fn serve_v6(on: SocketAddrV6) -> io::Result<()> {
    let listener = TcpListener::bind(on)?;
    let socket = UdpSocket::bind(on)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || echo(stream));
        }
    });
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        loop {
            // An error is one that an earlier answer met; it concerns nobody else.
            if let Ok((_, peer)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(peer.to_string().as_bytes(), peer);
            }
        }
    });
    Ok(())
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let peer = stream.peer_addr()?;
    stream.write_all(format!("{peer}\n").as_bytes())?;
    let mut chunk = [0; 65_536];
    loop {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            length => stream.write_all(&chunk[..length])?,
        }
    }
}

/// Answers one datagram from the address it was sent to; a plain `send_to` would use the interface's own.
fn answer(socket: &UdpSocket) -> nix::Result<()> {
    let mut bytes = [0; 2048];
    let mut space = nix::cmsg_space!(nix::libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty());
    let received = match received {
        Ok(received) => received,
        // An ICMP error that an earlier answer met; it concerns nobody else.
        Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH) => return Ok(()),
        Err(error) => return Err(error),
    };
    let asked = received.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4PacketInfo(asked) => Some(asked),
        _ => None,
    });
    let (Some(peer), Some(mut from)) = (received.address, asked) else { return Ok(()) };
    from.ipi_ifindex = 0;
    from.ipi_spec_dst = from.ipi_addr;
    let text = SocketAddrV4::from(peer).to_string();
    let control = [ControlMessage::Ipv4PacketInfo(&from)];
    // A peer that cannot be reached any more is not the server's trouble.
    let _ = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(text.as_bytes())],
        &control,
        MsgFlags::empty(),
        Some(&peer),
    );
    Ok(())
}
