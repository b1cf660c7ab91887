//! One attached interface.

use super::copies::Copies;
use super::slot::{Slot, TAG, insert_tag};
use super::{AfPacket, LinkState, Reception, virtio};
use crate::sys::device;
use crate::sys::ring::{Layout, Ring};
use crate::sys::socket::PacketSocket;
use crate::{Error, Interface, Statistics};
use packet::{AttachmentId, Frame};
use std::cell::Cell;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, RawFd};

/// The bytes of a ring.
const RING: usize = AfPacket::RING_MIB << 20;
const BLOCK: usize = 1 << 20;
/// The bytes of frames longer than a slot that may wait; the kernel doubles what it is asked for, and counts its own
/// overhead. Eight TCP streams keep about that much on the way: with half of it some are lost, every sender slows
/// down, and 17 to 19 Gbit/s remain of 29.
const QUEUE: i32 = (AfPacket::QUEUE_MIB << 20) as i32 / 2;
/// What a device may have in hand before a send is refused.
const SEND_BUFFER: i32 = 4 << 20;
/// The least bytes of a slot, and what the kernel needs of it before the packet: its header, the virtio header,
/// room for a tag, the Ethernet header, alignment.
const LEAST_SLOT: usize = 2048;
const SLOT_HEADER: usize = 128;

/// An interface with its socket and its ring.
#[derive(Debug)]
pub(super) struct Link {
    name: String,
    socket: PacketSocket,
    ring: Ring,
    reception: Reception,
    statistics: Statistics,
    /// Apart from the others because the kernel forgets what it has told.
    ring_drops: Cell<u64>,
    state: LinkState,
    told: LinkState,
}

/// Where a frame of the present batch lies, behind its virtio header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    room: Room,
    start: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug)]
enum Room {
    Slot(usize),
    Copy(usize),
}

/// Why a frame is not judged.
enum Loss {
    Truncated,
    Malformed,
    Foreign,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    sent: usize,
    failed: usize,
    refused: usize,
    is_down: bool,
}

impl Link {
    pub(super) fn open(interface: &Interface, reception: Reception) -> Result<Self, Error> {
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
            .set_socket(libc::SO_RCVBUFFORCE, QUEUE)
            .and_then(|()| socket.set_socket(libc::SO_SNDBUFFORCE, SEND_BUFFER))
            .map_err(Error::system("sizing a packet socket's buffers", "CAP_NET_ADMIN"))?;
        let ring = Ring::map(&socket, layout(interface.mtu)).map_err(raw("mapping a receive ring"))?;
        socket.bind(interface.index).map_err(raw("binding a packet socket"))?;
        if reception == Reception::All {
            socket.hear_all(interface.index).map_err(raw("making an interface promiscuous"))?;
        }
        Ok(Self {
            name: interface.name.clone(),
            socket,
            ring,
            reception,
            statistics: Statistics::default(),
            ring_drops: Cell::default(),
            state: LinkState::Up,
            told: LinkState::Up,
        })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.ring.is_ready()
    }

    #[inline]
    pub(super) fn take(&mut self) -> Option<usize> {
        self.ring.take()
    }

    #[inline]
    pub(super) fn give_back(&mut self) {
        self.ring.give_back();
    }

    /// Has the frame in a taken slot judged; where it is to go, if anywhere.
    pub(super) fn judge(
        &mut self,
        slot: usize,
        copies: &mut Copies,
        judge: &mut impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> Option<(AttachmentId, Place)> {
        let place = match self.locate(slot, copies) {
            Ok(place) => place,
            Err(loss) => return self.count_loss(&loss),
        };
        let bytes = match place.room {
            Room::Slot(slot) => self.ring.slot_mut(slot),
            Room::Copy(copy) => copies.buffer_mut(copy),
        };
        let frame = bytes.get_mut(place.start..place.end).and_then(|bytes| bytes.split_first_chunk_mut());
        let Some((header, bytes)) = frame else { return self.count_loss(&Loss::Malformed) };
        let length = bytes.len();
        let Some(offload) = virtio::decode(header, length) else { return self.count_loss(&Loss::Malformed) };
        self.statistics.received += 1;
        let mut frame = Frame { bytes, offload };
        let to = judge(&mut frame)?;
        if frame.offload != offload {
            *header = virtio::encode(frame.offload, length);
        }
        Some((to, place))
    }

    /// Finds the whole frame of a slot.
    #[inline]
    fn locate(&mut self, index: usize, copies: &mut Copies) -> Result<Place, Loss> {
        let bytes = self.ring.slot(index);
        let slot = Slot::read(bytes).ok_or(Loss::Malformed)?;
        let mut place = if slot.is_queued {
            let beginning = bytes.get(slot.start..slot.start + virtio::SIZE + slot.captured);
            // Taken even where it is foreign: the queue must stay in step with the slots.
            let copy = copies.receive(&self.socket, &slot, beginning.unwrap_or_default());
            let room = Room::Copy(copy.ok_or(Loss::Truncated)?);
            Place { room, start: TAG, end: TAG + virtio::SIZE + slot.length }
        } else if slot.captured < slot.length {
            return Err(Loss::Truncated);
        } else {
            let end = slot.start + virtio::SIZE + slot.captured;
            Place { room: Room::Slot(index), start: slot.start, end }
        };
        if slot.is_foreign && self.reception == Reception::Own {
            return Err(Loss::Foreign);
        }
        if let Some(tag) = slot.tag {
            place.start -= TAG;
            let bytes = match place.room {
                Room::Slot(slot) => self.ring.slot_mut(slot),
                Room::Copy(copy) => copies.buffer_mut(copy),
            };
            insert_tag(bytes.get_mut(place.start..place.end).unwrap_or_default(), tag);
        }
        Ok(place)
    }

    /// The virtio header and the frame at a place of the present batch.
    #[inline]
    pub(super) fn bytes<'a>(&'a self, place: &Place, copies: &'a Copies) -> &'a [u8] {
        let bytes = match place.room {
            Room::Slot(slot) => self.ring.slot(slot),
            Room::Copy(copy) => copies.buffer(copy),
        };
        bytes.get(place.start..place.end).unwrap_or_default()
    }

    /// Sends frames, each behind its virtio header.
    ///
    /// Where the system has no room, the rest is given up: the next frame would find none either.
    pub(super) fn transmit(&self, mut frames: &[IoSlice<'_>]) -> Sent {
        let mut sent = Sent::default();
        while let [_, after_first @ ..] = frames {
            match self.socket.send(frames) {
                Ok(count @ 1..) => {
                    sent.sent += count;
                    frames = frames.get(count..).unwrap_or_default();
                }
                Ok(_) => {
                    sent.failed += frames.len();
                    break;
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(
                        error @ (libc::ENOBUFS | libc::EAGAIN | libc::ENETDOWN | libc::ENXIO | libc::ENODEV),
                    ) => {
                        sent.failed += frames.len();
                        sent.is_down = !matches!(error, libc::ENOBUFS | libc::EAGAIN);
                        break;
                    }
                    // Something about this one frame, as its length.
                    _ => {
                        sent.refused += 1;
                        frames = after_first;
                    }
                },
            }
        }
        sent
    }

    pub(super) fn count_sent(&mut self, sent: Sent) {
        self.statistics.sent += sent.sent as u64;
        self.statistics.send_failures += sent.failed as u64;
        self.statistics.refused += sent.refused as u64;
        if sent.is_down {
            self.note_down();
        }
    }

    pub(super) fn count_refused(&mut self, count: usize) {
        self.statistics.refused += count as u64;
    }

    fn count_loss<T>(&mut self, loss: &Loss) -> Option<T> {
        let counter = match loss {
            Loss::Truncated => &mut self.statistics.truncated,
            Loss::Malformed => &mut self.statistics.malformed,
            Loss::Foreign => &mut self.statistics.foreign,
        };
        *counter += 1;
        None
    }

    pub(super) fn statistics(&self) -> Statistics {
        let drops = self.socket.take_drops().unwrap_or(0);
        self.ring_drops.set(self.ring_drops.get() + u64::from(drops));
        Statistics { ring_drops: self.ring_drops.get(), ..self.statistics }
    }

    /// Looks what is behind an error that `poll` has reported.
    pub(super) fn note_error(&mut self) {
        if self.socket.take_error().is_some() {
            self.note_down();
        }
    }

    fn note_down(&mut self) {
        self.state = if self.socket.is_bound() { LinkState::Down } else { LinkState::Gone };
    }

    /// Looks whether a link that was down has come back or is gone for good.
    pub(super) fn look_again(&mut self) {
        if self.state == LinkState::Down {
            let is_up = device::is_up(self.socket.as_raw_fd(), &self.name).unwrap_or(false);
            self.state = match self.socket.is_bound() {
                false => LinkState::Gone,
                true if is_up => LinkState::Up,
                true => LinkState::Down,
            };
        }
    }

    /// The state, where it has changed since it was last told.
    pub(super) fn take_change(&mut self) -> Option<LinkState> {
        let has_changed = self.state != self.told;
        self.told = self.state;
        has_changed.then_some(self.state)
    }
}

/// Slots that hold a full packet of the interface; super-frames come another way.
///
/// Many small slots outlast a pause of the worker; few that could hold a super-frame would not.
fn layout(mtu: u32) -> Layout {
    let needed = (mtu as usize).saturating_add(SLOT_HEADER).next_multiple_of(libc::TPACKET_ALIGNMENT);
    Layout { slot: needed.clamp(LEAST_SLOT, 69_632), block: BLOCK, blocks: RING / BLOCK }
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
}
