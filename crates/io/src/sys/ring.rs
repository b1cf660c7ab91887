//! A TPACKET_V2 receive ring, mapped.
//!
//! # Source
//! The kernel's `Documentation/networking/packet_mmap.rst`.

use super::check;
use super::socket::PacketSocket;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// How the ring's memory is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// The bytes of one slot, a multiple of 16.
    pub(crate) slot: usize,
    /// The bytes of one block, a power of two of pages; slots do not cross blocks.
    pub(crate) block: usize,
    /// The number of blocks.
    pub(crate) blocks: usize,
}

impl Layout {
    const fn slots_per_block(self) -> usize {
        self.block / self.slot
    }

    /// The number of frames the ring holds.
    pub(crate) const fn slots(self) -> usize {
        self.slots_per_block() * self.blocks
    }

    /// The bytes of memory the ring takes.
    pub(crate) const fn size(self) -> usize {
        self.block * self.blocks
    }
}

/// A receive ring: the kernel fills slots in order, we take them in order and give them back.
///
/// The slots from `tail` up to `head` are taken: the kernel leaves them alone until they are given back.
#[derive(Debug)]
pub(crate) struct Ring {
    base: NonNull<u8>,
    layout: Layout,
    head: usize,
    taken: usize,
}

// SAFETY: the mapping belongs to this value alone and is not tied to the thread that made it.
unsafe impl Send for Ring {}

impl Ring {
    /// Makes the ring of a socket that has its version and header set, and is not bound yet.
    pub(crate) fn map(socket: &PacketSocket, layout: Layout) -> io::Result<Self> {
        socket.make_ring(layout)?;
        // SAFETY: a new mapping of the whole ring at an address the kernel chooses disturbs no other memory.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                layout.size(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                socket.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { base, layout, head: 0, taken: 0 })
    }

    /// Whether a filled slot waits.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.taken < self.layout.slots()
            && self.status(self.head).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// Takes the next filled slot, or `None` where the kernel has filled no further one.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<usize> {
        if !self.is_ready() {
            return None;
        }
        let index = self.head;
        self.head = self.after(index);
        self.taken += 1;
        Some(index)
    }

    /// The bytes of a taken slot, from its `tpacket2_hdr` on; empty where it is not taken.
    #[inline]
    pub(crate) fn slot(&self, index: usize) -> &[u8] {
        if !self.is_taken(index) {
            return &[];
        }
        // SAFETY: the slot lies within the mapping, and a taken slot is not written by the kernel; whoever
        // writes it here needs `&mut self`.
        unsafe { std::slice::from_raw_parts(self.place(index), self.layout.slot) }
    }

    /// The bytes of a taken slot, writable; empty where it is not taken.
    #[inline]
    pub(crate) fn slot_mut(&mut self, index: usize) -> &mut [u8] {
        if !self.is_taken(index) {
            return &mut [];
        }
        // SAFETY: as in `slot`, and `&mut self` keeps every other reference into the mapping away.
        unsafe { std::slice::from_raw_parts_mut(self.place(index), self.layout.slot) }
    }

    /// Gives all taken slots back to the kernel.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        while self.taken > 0 {
            self.status(self.tail()).store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.taken -= 1;
        }
    }

    #[inline]
    fn tail(&self) -> usize {
        let slots = self.layout.slots();
        if self.head >= self.taken { self.head - self.taken } else { self.head + slots - self.taken }
    }

    #[inline]
    fn is_taken(&self, index: usize) -> bool {
        let slots = self.layout.slots();
        if index >= slots {
            return false;
        }
        let behind = if index < self.head { self.head - index } else { self.head + slots - index };
        behind <= self.taken
    }

    #[inline]
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.layout.slots() { 0 } else { index + 1 }
    }

    /// Where a slot begins. `index` is below the number of slots.
    #[inline]
    fn place(&self, index: usize) -> *mut u8 {
        let per_block = self.layout.slots_per_block();
        let offset = index / per_block * self.layout.block + index % per_block * self.layout.slot;
        // SAFETY: `index` is below the number of slots, so the offset lies within the mapping.
        unsafe { self.base.as_ptr().add(offset) }
    }

    /// The status word at the beginning of a slot. `index` is below the number of slots.
    #[inline]
    fn status(&self, index: usize) -> &AtomicU32 {
        // SAFETY: the word lies within the mapping, aligned because slots are multiples of 16 bytes from a
        // page, and both sides use it as an atomic word only.
        unsafe { AtomicU32::from_ptr(self.place(index).cast()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` with this size, and every reference into it borrows `self`.
        let result = unsafe { libc::munmap(self.base.as_ptr().cast(), self.layout.size()) };
        debug_assert!(check(result.into()).is_ok());
    }
}
