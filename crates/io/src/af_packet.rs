//! One interface, or one worker's share of it, through a packet socket: a receive ring, and batched sends straight out
//! of wherever the frames lie.
//!
//! A ring's slots hold a full packet each, behind its virtio header. A super-frame travels whole: it is longer than
//! a slot, so the kernel also queues it at the socket, and it is received from there when its slot's turn comes.
//! Header and frame are sent as they lie, from slot or buffer. Beside one slot of 68 KiB for every frame, this costs
//! the same for super-frames and loses far fewer small packets when the worker pauses: 4,096 slots instead of 240.
//!
//! The ring's version is 2 because version 3 hands frames over by timer, a millisecond late.
//!
//! Several workers share an interface by a fan-out group, whose members the kernel numbers in the order in which they
//! joined. When an interface goes down and comes back, the kernel puts its sockets back in the order in which they were
//! opened, so a worker keeps its number.

mod slot;

use crate::port::{FrameAt, Loss, SendError, Sent, Within};
use crate::room::{Room, TAG};
use crate::steering::{self, Start};
use crate::sys::ring::{Layout, Ring};
use crate::sys::socket::PacketSocket;
use crate::{Error, Interface, Reception, virtio};
use slot::{Slot, insert_tag};
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, RawFd};

/// The memory of one worker's ring, taken when it is opened, in MiB.
pub(crate) const RING_MIB: usize = 8;
/// The most memory of super-frames that wait at an attachment, in MiB; several workers share it.
pub(crate) const QUEUE_MIB: usize = 32;
/// The least that a worker gets of it, in MiB.
const LEAST_QUEUE_MIB: usize = 8;

const BLOCK: usize = 1 << 20;
/// What a device may have in hand before a send is refused.
const SEND_BUFFER: i32 = 4 << 20;
/// The least bytes of a slot, and what the kernel needs of it before the packet: its header, the virtio header,
/// room for a tag, the Ethernet header, alignment.
const LEAST_SLOT: usize = 2048;
const SLOT_HEADER: usize = 128;
/// How much of a queued frame is compared with what its slot says it begins with.
const PROOF: usize = 64;

/// A packet socket and its ring.
#[derive(Debug)]
pub(crate) struct Link {
    socket: PacketSocket,
    ring: Ring,
    reception: Reception,
    /// Kept because the kernel forgets what it has told.
    drops: Cell<u64>,
}

/// Opens an interface for so many workers; the first link is the first worker's.
pub(crate) fn open(interface: &Interface, reception: Reception, queues: usize) -> Result<Vec<Link>, Error> {
    let links = (0..queues).map(|_| Link::open(interface, reception, queues));
    let links = links.collect::<Result<Vec<_>, _>>()?;
    if queues > 1 {
        share(&links, &interface.name)?;
    }
    Ok(links)
}

/// Joins sockets to a group of their own, in which each frame goes to the worker that a flow calls its home. Only then do
/// they hear anything: before it joins each has all frames, so each frame came several times.
fn share(links: &[Link], interface: &str) -> Result<(), Error> {
    let failed = |error: io::Error| match error.raw_os_error() {
        // Kernels before 6.13 form a group only on an interface that is up.
        Some(libc::EINVAL) => Error::Down(interface.into()),
        _ => Error::system("sharing an interface between workers", "CAP_NET_RAW")(error),
    };
    let flags = libc::PACKET_FANOUT_FLAG_UNIQUEID | libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
    let mut group = ((libc::PACKET_FANOUT_EBPF | flags) << 16) as i32;
    let program = steering::load(links.len(), Start::Network)?;
    for (number, link) in links.iter().enumerate() {
        group = link.socket.join(group).map_err(failed)?;
        if number == 0 {
            let set = link.socket.set_packet(libc::PACKET_FANOUT_DATA, program.as_raw_fd());
            set.map_err(Error::system("steering frames to workers", "CAP_NET_RAW"))?;
        }
    }
    links.iter().try_for_each(|link| link.socket.open_ears()).map_err(failed)
}

impl Link {
    fn open(interface: &Interface, reception: Reception, queues: usize) -> Result<Self, Error> {
        let raw = |doing| Error::system(doing, "CAP_NET_RAW");
        let socket = PacketSocket::open().map_err(raw("opening a packet socket"))?;
        let set = |name, value| socket.set_packet(name, value);
        // The version and the header first: both are fixed once there is a ring. No PACKET_QDISC_BYPASS: with it a
        // device that cannot cut super-frames loses them.
        set(libc::PACKET_VERSION, libc::tpacket_versions::TPACKET_V2 as i32)
            .and_then(|()| set(libc::PACKET_VNET_HDR, 1))
            .and_then(|()| set(libc::PACKET_IGNORE_OUTGOING, 1))
            .and_then(|()| set(libc::PACKET_COPY_THRESH, 1))
            .map_err(raw("preparing a packet socket"))?;
        socket
            .set_socket(libc::SO_RCVBUFFORCE, queue(queues))
            .and_then(|()| socket.set_socket(libc::SO_SNDBUFFORCE, SEND_BUFFER))
            .map_err(Error::system("sizing a packet socket's buffers", "CAP_NET_ADMIN"))?;
        if queues > 1 {
            socket.close_ears().map_err(raw("preparing a packet socket"))?;
        }
        let ring = Ring::map(&socket, layout(interface.mtu)).map_err(raw("mapping a receive ring"))?;
        socket.bind(interface.index).map_err(raw("binding a packet socket"))?;
        let heard = socket.hear(reception == Reception::All, interface.index);
        heard.map_err(raw("having a device let multicasts through"))?;
        Ok(Self { socket, ring, reception, drops: Cell::default() })
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        self.ring.is_ready()
    }

    #[inline]
    pub(crate) fn slot(&self, index: usize) -> &[u8] {
        self.ring.slot(index)
    }

    #[inline]
    pub(crate) fn slot_mut(&mut self, index: usize) -> &mut [u8] {
        self.ring.slot_mut(index)
    }

    #[inline]
    pub(crate) fn give_back(&mut self) {
        self.ring.give_back();
    }

    /// Takes the next frame out of the ring, or out of the queue into the room.
    #[inline]
    pub(crate) fn next(&mut self, room: &mut Room) -> Option<Result<FrameAt, Loss>> {
        let index = self.ring.take()?;
        Some(self.locate(index, room))
    }

    #[inline]
    fn locate(&mut self, index: usize, room: &mut Room) -> Result<FrameAt, Loss> {
        let bytes = self.ring.slot(index);
        let slot = Slot::read(bytes).ok_or(Loss::Malformed)?;
        let mut at = if slot.is_queued {
            let beginning = bytes.get(slot.start..slot.start + virtio::SIZE + slot.captured);
            // Taken even where it is foreign: the queue must stay in step with the slots.
            self.receive(&slot, beginning.unwrap_or_default(), room).ok_or(Loss::Truncated)?
        } else if slot.captured < slot.length {
            return Err(Loss::Truncated);
        } else {
            let end = slot.start + virtio::SIZE + slot.captured;
            FrameAt { within: Within::Slot(index), start: slot.start, end }
        };
        if slot.is_foreign && self.reception == Reception::Own {
            return Err(Loss::Foreign);
        }
        if let Some(tag) = slot.tag {
            at.start -= TAG;
            let bytes = match at.within {
                Within::Slot(slot) => self.ring.slot_mut(slot),
                Within::Room => room.bytes_mut(),
            };
            insert_tag(bytes.get_mut(at.start..at.end).unwrap_or_default(), tag);
        }
        Ok(at)
    }

    /// Takes the whole of a slot's frame out of the socket's queue.
    ///
    /// Slots and queue are filled under one lock, so they agree; should they ever not, the queue is emptied and
    /// the frame is lost, for a wrong frame must not pass under another's name.
    fn receive(&self, slot: &Slot, beginning: &[u8], room: &mut Room) -> Option<FrameAt> {
        let buffer = room.next();
        // A pending error, such as that the link went down, is told first and once.
        let received = self.socket.receive(buffer).or_else(|_| self.socket.receive(buffer)).unwrap_or(0);
        if received > buffer.len() {
            return None;
        }
        let proof = beginning.len().min(virtio::SIZE + PROOF);
        if received != virtio::SIZE + slot.length || buffer.get(..proof) != beginning.get(..proof) {
            while self.socket.receive(buffer).is_ok() {}
            return None;
        }
        let start = room.keep(received);
        Some(FrameAt { within: Within::Room, start, end: start + received })
    }

    /// Sends frames, each behind its virtio header.
    pub(crate) fn transmit(&self, mut frames: &[IoSlice<'_>]) -> Sent {
        let mut sent = Sent::default();
        while !frames.is_empty() {
            match self.socket.send(frames) {
                Ok(count @ 1..) => {
                    sent.sent += count;
                    frames = frames.get(count..).unwrap_or_default();
                }
                result => {
                    // No error and nothing sent: there is none such.
                    let error = result
                        .map_or_else(|error| SendError::of(&error), |_| SendError::Unable { is_down: false });
                    frames = frames.get(sent.fail(error, frames)..).unwrap_or_default();
                }
            }
        }
        sent
    }

    /// The frames that found no room in the ring, or that no virtio header can describe.
    pub(crate) fn drops(&self) -> u64 {
        let drops = self.socket.take_drops().unwrap_or(0);
        self.drops.set(self.drops.get() + u64::from(drops));
        self.drops.get()
    }

    /// Takes the error behind what `poll` has reported; whether there was one.
    pub(crate) fn take_error(&self) -> bool {
        self.socket.take_error().is_some()
    }

    /// Whether the interface is up; `None` where it is gone.
    pub(crate) fn is_up(&self, name: &str) -> Option<bool> {
        let is_up = self.socket.is_up(name).unwrap_or(false);
        self.socket.is_bound().then_some(is_up)
    }
}

/// Slots that hold a full packet of the interface; super-frames come another way.
///
/// Many small slots outlast a pause of the worker; few that could hold a super-frame would not.
fn layout(mtu: u32) -> Layout {
    let needed = (mtu as usize).saturating_add(SLOT_HEADER).next_multiple_of(libc::TPACKET_ALIGNMENT);
    Layout { slot: needed.clamp(LEAST_SLOT, 69_632), block: BLOCK, blocks: (RING_MIB << 20) / BLOCK }
}

/// The bytes of frames longer than a slot that may wait at one socket; the kernel doubles what it is asked for, and
/// counts its own overhead. Eight TCP streams keep about 32 MiB on the way: with half of it some are lost, every sender
/// slows down, and 17 to 19 Gbit/s remain of 29.
fn queue(queues: usize) -> i32 {
    let mib = (QUEUE_MIB / queues.max(1)).max(LEAST_QUEUE_MIB);
    (mib << 20) as i32 / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_the_mtu_within_the_memory_allowed() {
        for (mtu, slot, slots) in
            [(1500, 2048, 4096), (9000, 9136, 912), (65_535, 65_664, 120), (u32::MAX, 69_632, 120)]
        {
            let layout = layout(mtu);
            assert_eq!((layout.slot, layout.slots(), layout.size()), (slot, slots, 8 << 20), "MTU {mtu}");
        }
    }

    #[test]
    fn workers_share_the_queue_down_to_a_floor() {
        let mib = |queues| (queue(queues) * 2) >> 20;
        assert_eq!([1, 2, 4, 16].map(mib), [32, 16, 8, 8]);
    }
}
