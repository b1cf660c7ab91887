//! The attachments of one worker, and the frames that pass between them.
//!
//! Every port receives and sends frames behind their virtio headers, so a frame that came by one backend leaves by
//! any other as it lies.

use crate::parcel::{Leaving, Parcel};
use crate::port::{FrameAt, Sent};
use crate::room::Room;
use crate::sys::socket::BATCH;
use crate::sys::wait::{Watch, wait};
use crate::{Error, Event, Port, Statistics, Unsent, Waker, af_packet};
use packet::{AttachmentId, Frame, MAX_FRAME, Offload};
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

/// How long `wait` looks for frames before it asks the kernel to wake us.
///
/// A sleeping worker answers 100 µs later than a spinning one, and one that never sleeps takes a core from
/// whoever else needs it.
const SPIN: Duration = Duration::from_micros(50);

/// One worker's ports, by the numbers of their attachments.
#[derive(Debug)]
pub struct Ports {
    ports: Vec<Option<Port>>,
    /// The frames of the present batch that go out, in the order received.
    outgoing: Vec<Outgoing>,
    /// What has become of a batch that was sent, by receiver; empty before and after.
    transmitted: Vec<(AttachmentId, Sent)>,
    /// Where the frames of the present batch lie that do not lie in a ring.
    room: Room,
    /// A frame of the gateway's own.
    own: Parcel,
    /// The waker first, then the ports whose frames only the kernel can see, then the others.
    watches: Vec<Watch>,
    /// The port behind each watch but the first.
    watched: Vec<usize>,
    /// How many of the ports are of the first sort.
    unseen: usize,
    waker: Waker,
    unsent: Unsent,
}

#[derive(Debug)]
struct Outgoing {
    to: AttachmentId,
    frame: FrameAt,
}

impl Ports {
    /// The most frames that one system call sends.
    pub const BATCH: usize = BATCH;
    /// The memory of one worker's ring of an AF_PACKET attachment, taken when it is opened, in MiB.
    pub const RING_MIB: usize = af_packet::RING_MIB;
    /// The most memory of super-frames that wait at an AF_PACKET attachment of up to four workers, in MiB.
    pub const QUEUE_MIB: usize = af_packet::QUEUE_MIB;

    /// No ports yet.
    ///
    /// # Errors
    /// Where the process has too many files open.
    pub fn new() -> Result<Self, Error> {
        let waker = Waker::new().map_err(Error::system("making an event counter", "CAP_SYS_ADMIN"))?;
        let mut ports = Self {
            ports: Vec::new(),
            outgoing: Vec::with_capacity(BATCH),
            transmitted: Vec::with_capacity(BATCH),
            room: Room::new(),
            own: Parcel::with_capacity(MAX_FRAME),
            watches: Vec::new(),
            watched: Vec::new(),
            unseen: 0,
            waker,
            unsent: Unsent::default(),
        };
        ports.watch();
        Ok(ports)
    }

    /// Attaches a port; an earlier one of this number ends.
    pub fn put(&mut self, id: AttachmentId, port: Port) {
        let index = usize::from(id.0);
        if self.ports.len() <= index {
            self.ports.resize_with(index + 1, || None);
        }
        self.ports[index] = Some(port);
        self.watch();
    }

    /// Gives a port back; frames that wait at it are lost when it is dropped. `None` where there is none.
    pub fn remove(&mut self, id: AttachmentId) -> Option<Port> {
        let removed = self.ports.get_mut(usize::from(id.0)).and_then(Option::take);
        self.watch();
        removed
    }

    /// Gives all ports back, as [`Self::remove`]. The kernel takes some 25 ms to close one of AF_PACKET, so whoever has many
    /// closes them on several threads.
    pub fn take_all(&mut self) -> Vec<Port> {
        let taken = self.ports.drain(..).flatten().collect();
        self.watch();
        taken
    }

    /// The kernel's number for an attachment's interface when its port was opened; `None` where there is no port.
    pub fn interface(&self, id: AttachmentId) -> Option<u32> {
        self.ports.get(usize::from(id.0)).and_then(Option::as_ref).map(Port::interface)
    }

    /// Ends a `wait` from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The next change of a port's link state that has not been told yet.
    pub fn next_event(&mut self) -> Option<Event> {
        let mut ports = self.ports.iter_mut().enumerate();
        ports.find_map(|(index, port)| {
            let port = port.as_mut()?;
            let state = port.take_change()?;
            Some(Event { attachment: AttachmentId(index as u16), interface: port.interface(), state })
        })
    }

    /// What has been counted on an attachment since it was attached; all zeros where there is no such attachment.
    pub fn statistics(&self, attachment: AttachmentId) -> Statistics {
        let port = self.ports.get(usize::from(attachment.0)).and_then(Option::as_ref);
        port.map(Port::statistics).unwrap_or_default()
    }

    /// Waits until something can be received, somebody wakes us, or the time is over.
    ///
    /// # Errors
    /// Where the system refuses to wait; never because one attachment has failed.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        let is_due = self.spin(SPIN.min(timeout))?;
        let mut is_ringing = false;
        if !is_due && self.waker.fall_asleep() {
            let waited = wait(&mut self.watches, timeout);
            is_ringing = self.watches[0].is_ready();
            self.waker.answer(is_ringing);
            waited?;
        } else {
            self.waker.answer(is_ringing);
        }
        self.look_at_errors();
        Ok(())
    }

    /// Learns what has gone wrong with ports without waiting for any of them, as [`Self::wait`] does: for whoever always
    /// has frames and never waits.
    ///
    /// # Errors
    /// Where the system refuses to look.
    ///
    /// # Cost
    /// One system call, and one for each port that is down.
    pub fn look(&mut self) -> io::Result<()> {
        wait(&mut self.watches, Duration::ZERO)?;
        self.look_at_errors();
        Ok(())
    }

    /// Chooses what to wait for.
    fn watch(&mut self) {
        let present =
            |(index, port): (usize, &Option<Port>)| Some((index, port.as_ref()?.is_ready().is_none()));
        let mut watched: Vec<_> = self.ports.iter().enumerate().filter_map(present).collect();
        watched.sort_by_key(|(_, is_unseen)| !is_unseen);
        self.unseen = watched.iter().filter(|(_, is_unseen)| *is_unseen).count();
        self.watched = watched.into_iter().map(|(index, _)| index).collect();
        let descriptors = self.watched.iter().filter_map(|index| self.ports.get(*index)?.as_ref());
        self.watches.clear();
        self.watches.push(Watch::new(self.waker.descriptor()));
        self.watches.extend(descriptors.map(|port| Watch::new(port.descriptor())));
    }

    fn port(&mut self, id: AttachmentId) -> Option<&mut Port> {
        self.ports.get_mut(usize::from(id.0))?.as_mut()
    }

    /// Takes up to `budget` frames received on `from`, asks `judge` about each, sends those for which it names an
    /// attachment, and gives the others back.
    ///
    /// The judge may rewrite the bytes in place and change the offload; a frame keeps its length. Frames leave
    /// before this returns, those of one receiver in the order in which they came. A frame that cannot be sent is
    /// lost and counted; this never blocks.
    ///
    /// # Returns
    /// The number of frames taken, those included that were broken and never judged; zero where nothing waits.
    ///
    /// # Errors
    /// `NotFound` where there is no such attachment.
    pub fn relay(
        &mut self,
        from: AttachmentId,
        budget: usize,
        mut judge: impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> io::Result<usize> {
        let mut total = 0;
        while total < budget {
            let taken = self.relay_batch(from, budget - total, &mut judge)?;
            total += taken;
            if taken == 0 {
                break;
            }
        }
        Ok(total)
    }

    /// Gives back up to `limit` frames that wait at an attachment, unjudged and uncounted.
    pub fn discard(&mut self, id: AttachmentId, limit: usize) {
        let before = self.statistics(id);
        let _ = self.relay(id, limit, |_| None);
        if let Some(port) = self.port(id) {
            port.count_again_from(before);
        }
    }

    /// Sends one frame that lies elsewhere; whether it has left. Where that fails, the frame is lost and counted.
    pub fn send(&mut self, to: AttachmentId, frame: &[u8], offload: Offload) -> bool {
        let Some(Some(port)) = self.ports.get_mut(usize::from(to.0)) else { return false };
        if frame.len() > MAX_FRAME {
            port.count_refused(1);
            return false;
        }
        self.own.fill(frame);
        let sent = port.transmit(&[IoSlice::new(self.own.sealed(offload))]);
        port.count_sent(sent);
        sent.sent == 1
    }

    /// Relays at most [`BATCH`] frames.
    fn relay_batch(
        &mut self,
        from: AttachmentId,
        limit: usize,
        judge: &mut impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> io::Result<usize> {
        let port = self.ports.get_mut(usize::from(from.0)).and_then(Option::as_mut);
        let port = port.ok_or(io::ErrorKind::NotFound)?;
        self.outgoing.clear();
        self.room.clear();
        let mut taken = 0;
        while taken < limit.min(BATCH) && !self.room.is_full() {
            let Some(frame) = port.next(&mut self.room) else { break };
            taken += 1;
            let Some(frame) = frame else { continue };
            if let Some(to) = port.judge(frame, &mut self.room, judge) {
                self.outgoing.push(Outgoing { to, frame });
            }
        }
        if taken > 0 {
            self.send_outgoing(from);
            if let Some(port) = self.port(from) {
                port.give_back();
            }
        }
        Ok(taken)
    }

    /// Sends the batch, one system call for each receiver where nothing goes wrong.
    fn send_outgoing(&mut self, from: AttachmentId) {
        if self.outgoing.is_empty() {
            return;
        }
        let Some(Some(source)) = self.ports.get(usize::from(from.0)) else { return };
        let mut waiting = [(None, IoSlice::new(&[])); BATCH];
        for (waiting, Outgoing { to, frame }) in waiting.iter_mut().zip(&self.outgoing) {
            *waiting = (Some(*to), IoSlice::new(source.bytes(frame, &self.room)));
        }
        transmit(&self.ports, &mut waiting[..self.outgoing.len()], &mut self.transmitted);
        self.count_transmitted(Some(from));
    }

    /// Sends frames as they lie, those for one attachment in their order; what cannot be sent is lost and counted.
    ///
    /// # Cost
    /// One system call for each attachment and [`Self::BATCH`] frames, where nothing goes wrong.
    pub fn send_all(&mut self, leaving: &mut [Leaving]) {
        for leaving in leaving.chunks_mut(BATCH) {
            let mut waiting = [(None, IoSlice::new(&[])); BATCH];
            let count = leaving.len();
            for (waiting, Leaving { to, parcel, offload }) in waiting.iter_mut().zip(leaving) {
                *waiting = (Some(*to), IoSlice::new(parcel.sealed(*offload)));
            }
            transmit(&self.ports, &mut waiting[..count], &mut self.transmitted);
            self.count_transmitted(None);
        }
    }

    /// Counts what has become of the frames of a batch, which came by the port `from` or by none of this worker's.
    fn count_transmitted(&mut self, from: Option<AttachmentId>) {
        for nth in 0..self.transmitted.len() {
            let (to, sent) = self.transmitted[nth];
            self.unsent += sent.unsent();
            // Where there is no such port, those that came by one count there.
            let counting = if self.port(to).is_some() { Some(to) } else { from };
            if let Some(port) = counting.and_then(|id| self.port(id)) {
                port.count_sent(sent);
            }
        }
        self.transmitted.clear();
    }

    /// What [`Self::relay`] and [`Self::send_all`] could not send since this was last asked, whatever became of the
    /// attachment.
    pub fn take_unsent(&mut self) -> Unsent {
        std::mem::take(&mut self.unsent)
    }

    /// Looks for frames for a short while; whether there is a reason not to sleep.
    ///
    /// A ring is looked at where it lies. Where only the kernel knows whether a frame waits, one system call asks for
    /// all such ports at once.
    fn spin(&mut self, limit: Duration) -> io::Result<bool> {
        // The backends are where time enters: a spin is bounded by the clock, or not at all.
        let start = Instant::now();
        loop {
            for _ in 0..16 {
                let is_ready = |port: &Port| port.is_ready() == Some(true);
                if self.waker.is_called() || self.ports.iter().flatten().any(is_ready) {
                    return Ok(true);
                }
                std::hint::spin_loop();
            }
            if let Some(unseen @ [_, ..]) = self.watches.get_mut(1..=self.unseen) {
                wait(unseen, Duration::ZERO)?;
                if unseen.iter().any(|watch| watch.is_ready() || watch.has_error()) {
                    return Ok(true);
                }
            }
            if start.elapsed() >= limit {
                return Ok(false);
            }
        }
    }

    /// Learns what went wrong with the ports for which the last wait has found an error.
    fn look_at_errors(&mut self) {
        for (watch, index) in self.watches.iter_mut().skip(1).zip(&self.watched) {
            let Some(Some(port)) = self.ports.get_mut(*index) else { continue };
            if watch.has_error() {
                port.note_error();
            }
            watch.clear();
            port.look_again();
            if port.is_gone() {
                // Its error would end every wait at once.
                watch.ignore();
            }
        }
    }
}

/// Hands frames to the ports of their receivers, one system call for each receiver where nothing goes wrong, and puts
/// into `transmitted` what has become of them. A frame whose receiver has been taken out is dealt with.
fn transmit(
    ports: &[Option<Port>],
    waiting: &mut [(Option<AttachmentId>, IoSlice<'_>)],
    transmitted: &mut Vec<(AttachmentId, Sent)>,
) {
    for first in 0..waiting.len() {
        let Some(to) = waiting[first].0 else { continue };
        let mut frames = [IoSlice::new(&[]); BATCH];
        let mut count = 0;
        for (receiver, frame) in waiting[first..].iter_mut().filter(|(it, _)| *it == Some(to)) {
            frames[count] = *frame;
            *receiver = None;
            count += 1;
        }
        let frames = &frames[..count];
        let sent = match ports.get(usize::from(to.0)) {
            Some(Some(port)) => port.transmit(frames),
            _ => Sent::refused(frames),
        };
        transmitted.push((to, sent));
    }
}
