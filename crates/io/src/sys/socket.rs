//! Packet sockets: options, binding, sending in batches.

use super::ring::Layout;
use super::{check, device, owned};
use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// The most frames that one system call sends.
pub(crate) const BATCH: usize = 64;

/// An AF_PACKET socket for whole Ethernet frames; it never blocks.
#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// A socket that receives nothing before it is bound.
    pub(crate) fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointer is passed.
        owned(unsafe { libc::socket(libc::AF_PACKET, kind, 0) }.into()).map(Self)
    }

    /// Sets an option of the packet layer (`SOL_PACKET`).
    pub(crate) fn set_packet(&self, name: i32, value: i32) -> io::Result<()> {
        self.set(libc::SOL_PACKET, name, &value)
    }

    /// Sets an option of the socket layer (`SOL_SOCKET`).
    pub(crate) fn set_socket(&self, name: i32, value: i32) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, name, &value)
    }

    /// Lets no frame in until [`Self::open_ears`].
    pub(crate) fn close_ears(&self) -> io::Result<()> {
        // "Return 0": of no frame anything is kept.
        let mut nothing =
            libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 };
        let program = libc::sock_fprog { len: 1, filter: &raw mut nothing };
        let size = size_of::<libc::sock_fprog>() as u32;
        // SAFETY: the kernel reads `size` bytes of `program` and the one instruction that it points to; both live until the
        // call returns.
        let result = unsafe {
            libc::setsockopt(
                self.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size,
            )
        };
        check(result.into()).map(drop)
    }

    /// Lets frames in.
    pub(crate) fn open_ears(&self) -> io::Result<()> {
        self.set_socket(libc::SO_DETACH_FILTER, 0)
    }

    /// Joins the fan-out group that `group` describes, or makes it, and says how others may join it.
    pub(crate) fn join(&self, group: i32) -> io::Result<i32> {
        self.set_packet(libc::PACKET_FANOUT, group)?;
        self.get(libc::SOL_PACKET, libc::PACKET_FANOUT)
    }

    /// Makes a receive ring; `Ring::map` maps it.
    pub(crate) fn make_ring(&self, layout: Layout) -> io::Result<()> {
        let request = libc::tpacket_req {
            tp_block_size: layout.block as u32,
            tp_block_nr: layout.blocks as u32,
            tp_frame_size: layout.slot as u32,
            tp_frame_nr: layout.slots() as u32,
        };
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
    }

    /// Begins to receive every frame that arrives on an interface.
    pub(crate) fn bind(&self, interface: u32) -> io::Result<()> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: interface as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let size = size_of::<libc::sockaddr_ll>() as u32;
        // SAFETY: the kernel reads `size` bytes of `address`, which lives until the call returns.
        check(unsafe { libc::bind(self.as_raw_fd(), (&raw const address).cast(), size) }.into()).map(drop)
    }

    /// Has an interface's device let through every frame for as long as the socket lives, or every multicast beside its own.
    ///
    /// Whoever asks for an IPv6 address asks its solicited-node group (RFC 4291, section 2.7.1). The host has joined those
    /// of its own addresses only, and a device that filters keeps all others back.
    pub(crate) fn hear(&self, everything: bool, interface: u32) -> io::Result<()> {
        let kind = if everything { libc::PACKET_MR_PROMISC } else { libc::PACKET_MR_ALLMULTI };
        let membership = libc::packet_mreq {
            mr_ifindex: interface as i32,
            mr_type: kind as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
    }

    /// Whether the interface that the socket was bound to still exists.
    pub(crate) fn is_bound(&self) -> bool {
        // SAFETY: all zeros is a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut size = size_of::<libc::sockaddr_ll>() as u32;
        // SAFETY: the kernel writes at most `size` bytes into `address`, and the size it wrote into `size`.
        let result = unsafe { libc::getsockname(self.as_raw_fd(), (&raw mut address).cast(), &raw mut size) };
        result == 0 && address.sll_ifindex > 0
    }

    /// Whether the administrator has set up the interface with this name.
    pub(crate) fn is_up(&self, name: &str) -> io::Result<bool> {
        device::is_up(self.0.as_fd(), name)
    }

    /// The same socket under another descriptor, for a library that closes what it is given.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// Takes the error that the socket has pending, if any: `ENETDOWN` after the interface went down.
    pub(crate) fn take_error(&self) -> Option<i32> {
        let error: i32 = self.get(libc::SOL_SOCKET, libc::SO_ERROR).ok()?;
        (error != 0).then_some(error)
    }

    /// Takes the count of frames that found no room in the ring, or that no virtio header can describe, since it
    /// was last asked for.
    pub(crate) fn take_drops(&self) -> io::Result<u32> {
        let [_packets, drops]: [u32; 2] = self.get(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(drops)
    }

    /// Takes the next frame out of the socket's queue, behind its virtio header, and says how long it is; what
    /// does not fit is lost.
    pub(crate) fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
        // SAFETY: the kernel writes at most the slice's length.
        let result = unsafe { libc::recv(self.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len(), flags) };
        check(result as i64).map(|length| length as usize)
    }

    /// Sends up to [`BATCH`] frames, each behind its virtio header, and says how many went out.
    ///
    /// # Errors
    /// Where the first of them could not be sent.
    pub(crate) fn send(&self, frames: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut messages = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        let count = frames.len().min(BATCH);
        for (message, frame) in messages.iter_mut().zip(frames) {
            // SAFETY: all zeros is a valid `mmsghdr`: no address, no control data.
            let empty = unsafe { std::mem::zeroed() };
            let header: &mut libc::mmsghdr = message.write(empty);
            // The kernel only reads what a message to be sent points to.
            header.msg_hdr.msg_iov = std::ptr::from_ref(frame).cast_mut().cast();
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the first `count` messages are initialised; each points to one `IoSlice`, which has the
        // layout of an `iovec` and borrows its bytes until this call returns.
        let sent = unsafe {
            libc::sendmmsg(
                self.as_raw_fd(),
                messages.as_mut_ptr().cast(),
                count as u32,
                libc::MSG_DONTWAIT as _,
            )
        };
        check(sent.into()).map(|sent| sent as usize)
    }

    fn set<T: Plain>(&self, level: i32, name: i32, value: &T) -> io::Result<()> {
        let size = size_of::<T>() as u32;
        // SAFETY: the kernel reads `size` bytes of `value`.
        let result = unsafe {
            libc::setsockopt(self.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), size)
        };
        check(result.into()).map(drop)
    }

    fn get<T: Plain>(&self, level: i32, name: i32) -> io::Result<T> {
        let mut value = MaybeUninit::<T>::zeroed();
        let mut size = size_of::<T>() as u32;
        // SAFETY: the kernel writes at most `size` bytes, the size of `T`.
        let result = unsafe {
            libc::getsockopt(self.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut size)
        };
        check(result.into())?;
        // SAFETY: zeroed and then partly overwritten, and every bit pattern is a `T`.
        Ok(unsafe { value.assume_init() })
    }
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// A type without padding for which every bit pattern is valid.
///
/// # Safety
/// The implementer says that this is so.
unsafe trait Plain {}

// SAFETY: integers.
unsafe impl Plain for i32 {}
// SAFETY: integers.
unsafe impl Plain for [u32; 2] {}
// SAFETY: four 32-bit integers.
unsafe impl Plain for libc::tpacket_req {}
// SAFETY: a 32-bit integer, two of 16 bits and eight bytes.
unsafe impl Plain for libc::packet_mreq {}
