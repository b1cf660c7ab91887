//! The portable backend: `pnet_datalink`, one system call and one more to ask for it, a frame.
//!
//! It is for comparison and for hosts on which nothing else works, and it is chosen by name only. What it cannot do:
//!
//! - It knows nothing of offloads. An interface that makes super-frames of what it receives, or that leaves checksums
//!   and segments to a device, is refused at opening. The other end of a veth pair may do so all the same and cannot be
//!   seen from here: a checksum that was left open is recognised and counted (`unfinished`), a super-frame is longer
//!   than the MTU and lost (`truncated`).
//! - What is sent is finished in software first (`finished`).
//! - What is too long and what is for others it tells by the MTU and the hardware address that the interface had at
//!   opening; whoever changes them opens it anew.
//! - It has one queue, so it serves one worker.
//! - VLAN tags that a device has taken out cannot be put back; such frames are lost (`malformed`).
//! - It cuts long frames in silence. The room is one byte longer than a frame may be, so a frame that fills it is lost
//!   (`truncated`), and so is one that is shorter than its IP header says.

use crate::assembler::{Assembler, R0, R1, R6, Width};
use crate::port::{FrameAt, Loss, SendError, Sent, Within};
use crate::room::Room;
use crate::sys::socket::PacketSocket;
use crate::tap::is_foreign;
use crate::{Error, Interface, Reception, sys, virtio};
use packet::{Checksum, MAX_FRAME, Offload, unfinished};
use pnet_datalink::{Channel as Pair, Config, DataLinkReceiver, DataLinkSender, NetworkInterface};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::time::Duration;

const ETHERNET_HEADER: usize = 14;
/// The bytes of frames that may wait in either direction; the kernel doubles it and counts its own overhead.
const QUEUE: i32 = 2 << 20;
/// `vlan_present` in `struct __sk_buff`.
const VLAN_PRESENT: i16 = 20;
/// The features that change what arrives or what may be sent, as ethtool knows them.
const OFFLOADS: [&str; 13] = [
    "rx-gro",
    "rx-gro-hw",
    "rx-gro-list",
    "rx-lro",
    "rx-udp-gro-forwarding",
    "tx-checksum-ip-generic",
    "tx-checksum-ipv4",
    "tx-checksum-ipv6",
    "tx-generic-segmentation",
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp6-segmentation",
    "tx-udp-segmentation",
];

/// A pair of pnet's ends, and the socket under them.
pub(crate) struct Channel {
    socket: PacketSocket,
    receiver: Box<dyn DataLinkReceiver>,
    sender: RefCell<Box<dyn DataLinkSender>>,
    /// A frame whose checksum or segments are being finished.
    scratch: RefCell<Vec<u8>>,
    reception: Reception,
    mac: [u8; 6],
    /// What pnet receives into: a frame that fills it was longer.
    longest: usize,
    drops: Cell<u64>,
    unfinished: u64,
}

impl Channel {
    pub(crate) fn open(interface: &Interface, reception: Reception, queues: usize) -> Result<Self, Error> {
        if queues != 1 {
            return Err(Error::OneWorkerOnly(interface.name.clone()));
        }
        refuse_offloads(&interface.name)?;
        let raw = |doing| Error::system(doing, "CAP_NET_RAW");
        let socket = PacketSocket::open().map_err(raw("opening a packet socket"))?;
        socket.set_packet(libc::PACKET_IGNORE_OUTGOING, 1).map_err(raw("preparing a packet socket"))?;
        socket
            .set_socket(libc::SO_RCVBUFFORCE, QUEUE)
            .and_then(|()| socket.set_socket(libc::SO_SNDBUFFORCE, QUEUE))
            .map_err(Error::system("sizing a packet socket's buffers", "CAP_NET_ADMIN"))?;
        let mark = sys::bpf::load_socket_filter(&mark_tagged(), "nsgate_tags")
            .map_err(Error::system("loading the filter of tagged frames", "CAP_BPF"))?;
        socket.set_socket(libc::SO_ATTACH_BPF, mark.as_raw_fd()).map_err(raw("filtering tagged frames"))?;
        // Of what is not multicast pnet takes care itself.
        socket.hear(false, interface.index).map_err(raw("having a device let multicasts through"))?;
        let longest = (interface.mtu as usize).saturating_add(ETHERNET_HEADER + 1).min(MAX_FRAME + 1);
        let (sender, receiver) = pair(&socket, interface, reception, longest).map_err(raw("opening pnet"))?;
        Ok(Self {
            socket,
            receiver,
            sender: RefCell::new(sender),
            scratch: RefCell::new(Vec::with_capacity(MAX_FRAME)),
            reception,
            mac: interface.mac,
            longest,
            drops: Cell::default(),
            unfinished: 0,
        })
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Takes the next frame from pnet into the room, behind a virtio header that says what can be told of it.
    pub(crate) fn next(&mut self, room: &mut Room) -> Option<Result<FrameAt, Loss>> {
        let frame = self.receiver.next().ok()?;
        if frame.len() == self.longest {
            return Some(Err(Loss::Truncated));
        }
        if frame.len() < ETHERNET_HEADER {
            return Some(Err(Loss::Malformed));
        }
        if self.reception == Reception::Own && is_foreign(frame, self.mac) {
            return Some(Err(Loss::Foreign));
        }
        if is_cut(frame) {
            return Some(Err(Loss::Truncated));
        }
        let mut offload = Offload::default();
        if let Some(open) = unfinished(frame) {
            offload.checksum = open;
            self.unfinished += 1;
        }
        let length = virtio::SIZE + frame.len();
        let (header, bytes) = room.next().get_mut(..length)?.split_at_mut(virtio::SIZE);
        header.copy_from_slice(&virtio::encode(offload, frame.len()));
        bytes.copy_from_slice(frame);
        let start = room.keep(length);
        Some(Ok(FrameAt { within: Within::Room, start, end: start + length }))
    }

    /// Sends frames, each behind its virtio header, finished.
    pub(crate) fn transmit(&self, frames: &[IoSlice<'_>]) -> Sent {
        Sent::one_by_one(frames, |frame| self.send(frame).map_err(|error| send_error(&error)))
    }

    /// Sends one frame, or all the frames that it is cut into; whether there was anything to finish.
    fn send(&self, bytes: &[u8]) -> io::Result<bool> {
        let refused = || io::Error::from(io::ErrorKind::InvalidInput);
        let decoded = bytes.split_first_chunk();
        let decoded = decoded.and_then(|(header, frame)| Some((virtio::decode(header, frame.len())?, frame)));
        let (Some((offload, frame)), Ok(mut sender)) = (decoded, self.sender.try_borrow_mut()) else {
            return Err(refused());
        };
        let mut send = |frame: &[u8]| sender.send_to(frame, None).unwrap_or_else(|| Err(refused()));
        if offload.segments.is_none() && !matches!(offload.checksum, Checksum::Partial { .. }) {
            return send(frame).map(|()| false);
        }
        let Ok(mut scratch) = self.scratch.try_borrow_mut() else { return Err(refused()) };
        let mut result = Ok(());
        let is_sound = packet::segment(frame, offload, &mut scratch, |segment| {
            if result.is_ok() {
                result = send(segment);
            }
        });
        if is_sound { result.map(|()| true) } else { Err(refused()) }
    }

    /// The frames that found the socket's queue full.
    pub(crate) fn drops(&self) -> u64 {
        let drops = self.socket.take_drops().unwrap_or(0);
        self.drops.set(self.drops.get() + u64::from(drops));
        self.drops.get()
    }

    pub(crate) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    pub(crate) fn take_error(&self) -> bool {
        self.socket.take_error().is_some()
    }

    /// Whether the interface is up; `None` where it is gone.
    pub(crate) fn is_up(&self, name: &str) -> Option<bool> {
        let is_up = self.socket.is_up(name).unwrap_or(false);
        self.socket.is_bound().then_some(is_up)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("socket", &self.socket)
            .field("longest", &self.longest)
            .finish_non_exhaustive()
    }
}

/// pnet's ends over a socket of ours, so that we can wait for it and ask it what pnet does not tell.
fn pair(
    socket: &PacketSocket,
    interface: &Interface,
    reception: Reception,
    longest: usize,
) -> io::Result<(Box<dyn DataLinkSender>, Box<dyn DataLinkReceiver>)> {
    let found = NetworkInterface {
        name: interface.name.clone(),
        description: String::new(),
        index: interface.index,
        mac: Some(interface.mac.into()),
        ips: Vec::new(),
        flags: 0,
    };
    let config = Config {
        read_buffer_size: longest,
        // Nothing here may wait.
        read_timeout: Some(Duration::ZERO),
        write_timeout: Some(Duration::ZERO),
        promiscuous: reception == Reception::All,
        // pnet closes it.
        socket_fd: Some(socket.duplicate()?.into_raw_fd()),
        ..Config::default()
    };
    match pnet_datalink::channel(&found, config)? {
        Pair::Ethernet(sender, receiver) => Ok((sender, receiver)),
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Fails with the features of an interface that are on and must not be.
pub(crate) fn refuse_offloads(name: &str) -> Result<(), Error> {
    let active = sys::device::active_features(name)
        .map_err(|source| Error::OffloadsUnknown { name: name.into(), source })?;
    let features: Vec<_> =
        active.into_iter().filter(|feature| OFFLOADS.contains(&feature.as_str())).collect();
    if features.is_empty() { Ok(()) } else { Err(Error::OffloadsOn { name: name.into(), features }) }
}

/// A filter that leaves one byte of a frame whose tag the device has taken out, and all of any other.
fn mark_tagged() -> Vec<u64> {
    let mut code = Assembler::default();
    let tagged = code.label();
    code.copy(R6, R1);
    code.load(R1, Width::Word, R6, VLAN_PRESENT);
    code.jump_if_not(R1, 0, tagged);
    code.set(R0, i32::MAX);
    code.exit();
    code.place(tagged);
    code.set(R0, 1);
    code.exit();
    code.finish()
}

/// Whether a frame is shorter than its IP header says.
fn is_cut(frame: &[u8]) -> bool {
    let half =
        |at: usize| frame.get(at..at + 2).map(|bytes| usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    let said = match half(12) {
        Some(0x0800) => half(16),
        Some(0x86dd) => half(18).map(|payload| 40 + payload),
        _ => None,
    };
    said.is_some_and(|said| ETHERNET_HEADER + said > frame.len())
}

/// pnet waits for room with a limit of zero.
fn send_error(error: &io::Error) -> SendError {
    match error.kind() {
        io::ErrorKind::TimedOut => SendError::Unable { is_down: false },
        // An error that is pending on the socket, which pnet does not look at: the link went down.
        io::ErrorKind::Other if error.raw_os_error().is_none() => SendError::Unable { is_down: true },
        _ => SendError::of(error),
    }
}
