//! One worker's end of an attachment, whatever carries its frames.

use crate::room::Room;
use crate::{
    Backend, Error, Interface, LinkState, Reception, Statistics, Unsent, af_packet, pnet, tap, virtio,
};
use packet::{AttachmentId, Frame};
use std::io::{self, IoSlice};
use std::os::fd::RawFd;

/// One worker's end of an attachment: what it receives is its own, what it sends leaves by the whole interface.
///
/// A port may be opened on one thread and used on another, and it works there without any capability.
#[derive(Debug)]
pub struct Port {
    name: String,
    /// The kernel's number for its interface when it was opened.
    interface: u32,
    kind: Kind,
    statistics: Statistics,
    state: LinkState,
    told: LinkState,
}

#[derive(Debug)]
enum Kind {
    AfPacket(af_packet::Link),
    Tap(tap::Queue),
    Pnet(pnet::Channel),
}

/// Where a frame of the present batch lies, behind its virtio header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameAt {
    pub(crate) within: Within,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a frame lies in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Within {
    Slot(usize),
    Room,
}

/// Why a frame is not judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loss {
    Truncated,
    Malformed,
    Foreign,
}

/// What became of frames that were to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) sent: usize,
    pub(crate) failed: usize,
    pub(crate) refused: usize,
    /// Those of `sent` whose checksums or segments had to be finished here.
    pub(crate) finished: usize,
    /// The bytes of those that failed or were refused, their headers not included.
    pub(crate) lost_bytes: usize,
    pub(crate) is_down: bool,
    /// How often the device has had no room for a frame.
    full: usize,
}

/// How many frames a device may turn away before the rest of a batch is given up: it makes room at any moment, and a
/// smaller frame may fit where a larger one did not.
const TURNED_AWAY: usize = 8;

impl Sent {
    /// Sends frames one by one; `send` says whether one had to be finished.
    pub(crate) fn one_by_one(
        frames: &[IoSlice<'_>],
        mut send: impl FnMut(&[u8]) -> Result<bool, SendError>,
    ) -> Self {
        let mut sent = Self::default();
        let mut left = frames;
        while let [frame, rest @ ..] = left {
            match send(frame) {
                Ok(is_finished) => {
                    sent.sent += 1;
                    sent.finished += usize::from(is_finished);
                    left = rest;
                }
                Err(error) => left = left.get(sent.fail(error, left)..).unwrap_or_default(),
            }
        }
        sent
    }

    /// Takes an error into account that the first of the frames left to be sent has met; how many of them are dealt with.
    pub(crate) fn fail(&mut self, error: SendError, left: &[IoSlice<'_>]) -> usize {
        let done = match error {
            SendError::Interrupted => 0,
            SendError::Refused => {
                self.refused += 1;
                1
            }
            SendError::QueueFull if self.full < TURNED_AWAY => {
                self.full += 1;
                self.failed += 1;
                1
            }
            SendError::QueueFull => self.give_up(left, false),
            SendError::Unable { is_down } => self.give_up(left, is_down),
        };
        self.lost_bytes += bytes(left.get(..done).unwrap_or_default());
        done
    }

    fn give_up(&mut self, left: &[IoSlice<'_>], is_down: bool) -> usize {
        self.failed += left.len();
        self.is_down |= is_down;
        left.len()
    }

    /// Frames that there is no port to send by.
    pub(crate) fn refused(frames: &[IoSlice<'_>]) -> Self {
        Self { refused: frames.len(), lost_bytes: bytes(frames), ..Self::default() }
    }

    /// What has not left.
    pub(crate) fn unsent(&self) -> Unsent {
        Unsent { frames: (self.failed + self.refused) as u64, bytes: self.lost_bytes as u64 }
    }
}

/// How many bytes frames have without their virtio headers.
fn bytes(frames: &[IoSlice<'_>]) -> usize {
    frames.iter().map(|frame| frame.len().saturating_sub(virtio::SIZE)).sum()
}

/// Why a frame was not sent, as far as it matters for those behind it.
pub(crate) enum SendError {
    /// A signal came; the next attempt may do.
    Interrupted,
    /// The device's queue has no room for this frame.
    QueueFull,
    /// There is no memory, or the link is down: the next frame would fare no better.
    Unable { is_down: bool },
    /// Something about this one frame, as its length.
    Refused,
}

impl SendError {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EINTR) => Self::Interrupted,
            Some(libc::ENOBUFS) => Self::QueueFull,
            Some(libc::EAGAIN | libc::ENOMEM) => Self::Unable { is_down: false },
            // A TAP device says EIO while it is down and EBADFD when it is gone.
            Some(libc::ENETDOWN | libc::ENXIO | libc::ENODEV | libc::EIO | libc::EBADFD) => {
                Self::Unable { is_down: true }
            }
            _ => Self::Refused,
        }
    }
}

/// Opens all queues of an attachment at once, one port for each worker in the workers' order.
///
/// The kernel steers each frame to the port of the worker that [`packet::home`] names, as far as it can tell; see
/// [`Backend`] for what each can do. [`Backend::Auto`] is AF_PACKET, and [`Backend::Tap`] is [`tap::open`].
///
/// # Errors
/// [`Error::MissingCapability`], [`Error::Down`], [`Error::OneWorkerOnly`], [`Error::OffloadsOn`], what [`tap::open`]
/// says, or what the system answered.
pub fn open(
    interface: &Interface,
    backend: Backend,
    reception: Reception,
    queues: usize,
) -> Result<Vec<Port>, Error> {
    match backend.settled() {
        Backend::Auto | Backend::AfPacket => {
            let links = af_packet::open(interface, reception, queues)?;
            Ok(links.into_iter().map(|link| Port::new(interface, Kind::AfPacket(link))).collect())
        }
        Backend::Tap => tap::open(interface, reception, queues),
        Backend::Pnet => {
            let channel = pnet::Channel::open(interface, reception, queues)?;
            Ok(vec![Port::new(interface, Kind::Pnet(channel))])
        }
    }
}

impl Port {
    fn new(Interface { name, index, .. }: &Interface, kind: Kind) -> Self {
        let (statistics, state) = (Statistics::default(), LinkState::Up);
        Self { name: name.clone(), interface: *index, kind, statistics, state, told: state }
    }

    pub(crate) fn of_tap(interface: &Interface, queue: tap::Queue) -> Self {
        Self::new(interface, Kind::Tap(queue))
    }

    /// The interface's name when it was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel's number for its interface when it was opened.
    pub fn interface(&self) -> u32 {
        self.interface
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        match &self.kind {
            Kind::AfPacket(link) => link.descriptor(),
            Kind::Tap(queue) => queue.descriptor(),
            Kind::Pnet(channel) => channel.descriptor(),
        }
    }

    /// Whether a frame waits in memory that can be looked at; `None` where only the kernel knows.
    #[inline]
    pub(crate) fn is_ready(&self) -> Option<bool> {
        match &self.kind {
            Kind::AfPacket(link) => Some(link.is_ready()),
            Kind::Tap(_) | Kind::Pnet(_) => None,
        }
    }

    /// Takes the next frame that is to be judged, or counts why the next one is not; `None` where nothing waits.
    #[inline]
    pub(crate) fn next(&mut self, room: &mut Room) -> Option<Option<FrameAt>> {
        let next = match &mut self.kind {
            Kind::AfPacket(link) => link.next(room),
            Kind::Tap(queue) => queue.next(room),
            Kind::Pnet(channel) => channel.next(room),
        };
        Some(match next? {
            Ok(at) => Some(at),
            Err(loss) => self.count_loss(loss),
        })
    }

    /// Has a frame judged; where it is to go, if anywhere.
    #[inline]
    pub(crate) fn judge(
        &mut self,
        at: FrameAt,
        room: &mut Room,
        judge: &mut impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> Option<AttachmentId> {
        let bytes = match (at.within, &mut self.kind) {
            (Within::Slot(slot), Kind::AfPacket(link)) => link.slot_mut(slot),
            _ => room.bytes_mut(),
        };
        let frame = bytes.get_mut(at.start..at.end).and_then(|bytes| bytes.split_first_chunk_mut());
        let Some((header, bytes)) = frame else { return self.count_loss(Loss::Malformed) };
        let length = bytes.len();
        let Some(offload) = virtio::decode(header, length) else { return self.count_loss(Loss::Malformed) };
        self.statistics.received += 1;
        let mut frame = Frame { bytes, offload };
        let to = judge(&mut frame)?;
        if frame.offload != offload {
            *header = virtio::encode(frame.offload, length);
        }
        Some(to)
    }

    /// The virtio header and the frame there.
    #[inline]
    pub(crate) fn bytes<'a>(&'a self, at: &FrameAt, room: &'a Room) -> &'a [u8] {
        let bytes = match (at.within, &self.kind) {
            (Within::Slot(slot), Kind::AfPacket(link)) => link.slot(slot),
            _ => room.bytes(),
        };
        bytes.get(at.start..at.end).unwrap_or_default()
    }

    /// Lets the kernel have the slots of the batch back.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if let Kind::AfPacket(link) = &mut self.kind {
            link.give_back();
        }
    }

    /// Sends frames, each behind its virtio header, in their order.
    pub(crate) fn transmit(&self, frames: &[IoSlice<'_>]) -> Sent {
        match &self.kind {
            Kind::AfPacket(link) => link.transmit(frames),
            Kind::Tap(queue) => queue.transmit(frames),
            Kind::Pnet(channel) => channel.transmit(frames),
        }
    }

    pub(crate) fn count_again_from(&mut self, before: Statistics) {
        self.statistics = before;
    }

    pub(crate) fn count_sent(&mut self, sent: Sent) {
        self.statistics.sent += sent.sent as u64;
        self.statistics.send_failures += sent.failed as u64;
        self.statistics.refused += sent.refused as u64;
        self.statistics.finished += sent.finished as u64;
        if sent.is_down {
            self.note_trouble();
        }
    }

    pub(crate) fn count_refused(&mut self, count: usize) {
        self.statistics.refused += count as u64;
    }

    fn count_loss<T>(&mut self, loss: Loss) -> Option<T> {
        let counter = match loss {
            Loss::Truncated => &mut self.statistics.truncated,
            Loss::Malformed => &mut self.statistics.malformed,
            Loss::Foreign => &mut self.statistics.foreign,
        };
        *counter += 1;
        None
    }

    pub(crate) fn statistics(&self) -> Statistics {
        match &self.kind {
            Kind::AfPacket(link) => Statistics { ring_drops: link.drops(), ..self.statistics },
            Kind::Tap(_) => self.statistics,
            Kind::Pnet(channel) => Statistics {
                ring_drops: channel.drops(),
                unfinished: channel.unfinished(),
                ..self.statistics
            },
        }
    }

    /// Looks what is behind an error that `poll` has reported.
    pub(crate) fn note_error(&mut self) {
        let is_trouble = match &self.kind {
            Kind::AfPacket(link) => link.take_error(),
            Kind::Tap(_) => true,
            Kind::Pnet(channel) => channel.take_error(),
        };
        if is_trouble {
            self.note_trouble();
        }
    }

    /// Something failed as it does when a link is down.
    fn note_trouble(&mut self) {
        let is_gone = self.is_up().is_none();
        self.state = if is_gone { LinkState::Gone } else { LinkState::Down };
    }

    /// Looks whether a link that was down has come back or is gone for good.
    pub(crate) fn look_again(&mut self) {
        if self.state == LinkState::Down {
            self.state = match self.is_up() {
                None => LinkState::Gone,
                Some(true) => LinkState::Up,
                Some(false) => LinkState::Down,
            };
        }
    }

    /// Whether the interface is up; `None` where it is gone.
    fn is_up(&self) -> Option<bool> {
        match &self.kind {
            Kind::AfPacket(link) => link.is_up(&self.name),
            Kind::Tap(queue) => queue.is_up(),
            Kind::Pnet(channel) => channel.is_up(&self.name),
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state == LinkState::Gone
    }

    /// The state, where it has changed since it was last told.
    pub(crate) fn take_change(&mut self) -> Option<LinkState> {
        let has_changed = self.state != self.told;
        self.told = self.state;
        has_changed.then_some(self.state)
    }
}
