//! Linux interfaces through packet sockets: a receive ring each, and batched sends straight out of the rings.
//!
//! A ring's slots hold a full packet each, behind its virtio header. A super-frame travels whole: it is longer than
//! a slot, so the kernel also queues it at the socket, and it is received from there when its slot's turn comes.
//! Header and frame are sent as they lie, from slot or buffer. Beside one slot of 68 KiB for every frame, this costs
//! the same for super-frames and loses far fewer small packets when the worker pauses: 4,096 slots instead of 240.
//!
//! The ring's version is 2 because version 3 hands frames over by timer, a millisecond late.

mod copies;
mod link;
mod slot;
mod virtio;
mod waker;

use crate::sys::socket::BATCH;
use crate::sys::wait::{Watch, wait};
use crate::{Error, Interface, Links, Statistics};
use copies::Copies;
use link::{Link, Place};
use packet::{AttachmentId, Frame, MAX_FRAME, Offload};
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};
pub use waker::Waker;

/// How long `wait` looks at the rings before it asks the kernel to wake us.
///
/// A sleeping worker answers 100 µs later than a spinning one, and one that never sleeps takes a core from
/// whoever else needs it.
const SPIN: Duration = Duration::from_micros(50);

/// Which frames of an interface are ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reception {
    /// Those for the interface's own Ethernet address, broadcasts and multicasts.
    #[default]
    Own,
    /// All that can be heard; the interface is promiscuous while it is attached.
    All,
}

/// The state of an attachment's link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LinkState {
    /// Nothing is known against it.
    #[default]
    Up,
    /// The interface is down; frames flow again when it is up.
    Down,
    /// The interface has been removed; one that returns under its name has to be attached anew.
    Gone,
}

/// A link that changed its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Which attachment.
    pub attachment: AttachmentId,
    /// What it has become.
    pub state: LinkState,
}

/// An interface that has been opened and is not attached yet.
#[derive(Debug)]
pub struct Port(Link);

/// Attachments through AF_PACKET sockets.
#[derive(Debug)]
pub struct AfPacket {
    /// By attachment number.
    links: Vec<Option<Link>>,
    /// The frames of the present batch that go out, in the order received.
    outgoing: Vec<Outgoing>,
    /// The frames of the present batch that are longer than a slot.
    copies: Copies,
    /// A frame of the gateway's own, behind its virtio header.
    own: Vec<u8>,
    /// The waker first, then the attached links in order.
    watches: Vec<Watch>,
    waker: Waker,
}

#[derive(Debug)]
struct Outgoing {
    /// `None` once it has been handed to the kernel.
    to: Option<AttachmentId>,
    place: Place,
}

impl AfPacket {
    /// The memory of an attachment's ring, taken when it is attached, in MiB.
    pub const RING_MIB: usize = 8;
    /// The most memory of super-frames that wait at an attachment, in MiB.
    pub const QUEUE_MIB: usize = 32;

    /// No attachments yet.
    ///
    /// # Errors
    /// Where the process has too many files open.
    pub fn new() -> Result<Self, Error> {
        let waker = Waker::new().map_err(Error::system("making an event counter", "CAP_SYS_ADMIN"))?;
        Ok(Self {
            links: Vec::new(),
            outgoing: Vec::with_capacity(BATCH),
            copies: Copies::new(),
            own: Vec::with_capacity(virtio::SIZE + MAX_FRAME),
            watches: vec![Watch::new(waker.descriptor())],
            waker,
        })
    }

    /// Opens an interface of the calling thread's network namespace. Frames wait in the port until it is put in its
    /// place, which may be done by a thread that has no right to open one.
    ///
    /// # Errors
    /// [`Error::MissingCapability`], or what the system answered.
    pub fn open(interface: &Interface, reception: Reception) -> Result<Port, Error> {
        Link::open(interface, reception).map(Port)
    }

    /// Opens an interface and attaches it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn attach(&mut self, id: AttachmentId, to: &Interface, reception: Reception) -> Result<(), Error> {
        self.put(id, Self::open(to, reception)?);
        Ok(())
    }

    /// Attaches an open port; an earlier attachment of this number ends.
    pub fn put(&mut self, id: AttachmentId, Port(link): Port) {
        let index = usize::from(id.0);
        if self.links.len() <= index {
            self.links.resize_with(index + 1, || None);
        }
        self.links[index] = Some(link);
        self.watch();
    }

    /// Ends an attachment; frames still in its ring are lost. Does nothing where there is none.
    pub fn detach(&mut self, id: AttachmentId) {
        if let Some(link) = self.links.get_mut(usize::from(id.0)) {
            *link = None;
        }
        self.watch();
    }

    /// Ends a `wait` from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The next change of a link's state that has not been told yet.
    pub fn next_event(&mut self) -> Option<Event> {
        let mut links = self.links.iter_mut().enumerate();
        links.find_map(|(index, link)| {
            let state = link.as_mut()?.take_change()?;
            Some(Event { attachment: AttachmentId(index as u16), state })
        })
    }

    fn watch(&mut self) {
        self.watches.truncate(1);
        self.watches.extend(self.links.iter().flatten().map(|link| Watch::new(link.descriptor())));
    }

    fn link(&mut self, id: AttachmentId) -> Option<&mut Link> {
        self.links.get_mut(usize::from(id.0))?.as_mut()
    }

    /// Relays at most [`BATCH`] frames.
    fn relay_batch(
        &mut self,
        from: AttachmentId,
        limit: usize,
        judge: &mut impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> io::Result<usize> {
        let link = self.links.get_mut(usize::from(from.0)).and_then(Option::as_mut);
        let link = link.ok_or(io::ErrorKind::NotFound)?;
        self.outgoing.clear();
        self.copies.clear();
        let mut taken = 0;
        while taken < limit.min(BATCH) && !self.copies.is_full() {
            let Some(slot) = link.take() else { break };
            taken += 1;
            if let Some((to, place)) = link.judge(slot, &mut self.copies, judge) {
                self.outgoing.push(Outgoing { to: Some(to), place });
            }
        }
        if taken > 0 {
            self.send_outgoing(from);
            if let Some(link) = self.link(from) {
                link.give_back();
            }
        }
        Ok(taken)
    }

    /// Sends the batch, one system call for each receiver where nothing goes wrong.
    fn send_outgoing(&mut self, from: AttachmentId) {
        for first in 0..self.outgoing.len() {
            let Some(to) = self.outgoing[first].to else { continue };
            let Some(Some(source)) = self.links.get(usize::from(from.0)) else { return };
            let mut frames = [IoSlice::new(&[]); BATCH];
            let mut count = 0;
            for frame in self.outgoing[first..].iter_mut().filter(|frame| frame.to == Some(to)) {
                frames[count] = IoSlice::new(source.bytes(&frame.place, &self.copies));
                frame.to = None;
                count += 1;
            }
            match self.links.get(usize::from(to.0)) {
                Some(Some(link)) => {
                    let sent = link.transmit(&frames[..count]);
                    if let Some(link) = self.link(to) {
                        link.count_sent(sent);
                    }
                }
                _ => {
                    if let Some(link) = self.link(from) {
                        link.count_refused(count);
                    }
                }
            }
        }
    }

    /// Looks at the rings for a short while; whether there is a reason not to sleep.
    fn spin(&self, limit: Duration) -> bool {
        // The backends are where time enters: a spin is bounded by the clock, or not at all.
        let start = Instant::now();
        loop {
            for _ in 0..16 {
                if self.waker.is_rung() || self.links.iter().flatten().any(Link::is_ready) {
                    return true;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() >= limit {
                return false;
            }
        }
    }
}

impl Links for AfPacket {
    fn relay(
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

    fn send(&mut self, to: AttachmentId, frame: &[u8], offload: Offload) {
        let Some(Some(link)) = self.links.get_mut(usize::from(to.0)) else { return };
        if frame.len() > MAX_FRAME {
            return link.count_refused(1);
        }
        self.own.clear();
        self.own.extend_from_slice(&virtio::encode(offload, frame.len()));
        self.own.extend_from_slice(frame);
        let sent = link.transmit(&[IoSlice::new(&self.own)]);
        link.count_sent(sent);
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        let mut is_rung = false;
        if !self.spin(SPIN.min(timeout)) {
            wait(&mut self.watches, timeout)?;
            let links = self.links.iter_mut().flatten();
            for (link, _) in links.zip(&self.watches[1..]).filter(|(_, watch)| watch.has_error()) {
                link.note_error();
            }
            // A bell that was answered between its two halves shows only here.
            is_rung = self.watches[0].is_ready();
        }
        if is_rung || self.waker.is_rung() {
            self.waker.answer();
        }
        self.links.iter_mut().flatten().for_each(Link::look_again);
        Ok(())
    }

    fn statistics(&self, attachment: AttachmentId) -> Statistics {
        let link = self.links.get(usize::from(attachment.0)).and_then(Option::as_ref);
        link.map(Link::statistics).unwrap_or_default()
    }
}
