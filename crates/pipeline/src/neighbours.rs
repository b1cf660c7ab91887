//! Who is where on each link: next hops and the hardware addresses they answered with.
//!
//! The gateway asks on its own account, so a host that never speaks is reached all the same. While an answer is
//! awaited a few packets wait. An answered neighbour is asked again now and then; flow records copy the
//! hardware address together with the [`Neighbours::epoch`], which moves whenever any copy may have become wrong.
//!
//! Nobody is believed unasked. Who says that a known neighbour is elsewhere only makes the gateway ask, first at the known
//! hardware address alone, and only where nothing comes from there everybody; whoever is known has the first word.
//!
//! Each attachment has places of its own for the neighbours that its packets look for, so nobody's scan takes another's.
//!
//! **Order.** A packet that waits is its flow's worker's, and no other lets it go: whoever hears an answer takes out what is
//! its own and is told who else has some, to hand the answer on ([`Learnt`]). Before that comes, a worker may meet the
//! address by itself, with the flow's next packet; then it gets what waited along with it, to be sent first
//! ([`Resolved::At`]). Should the answer be lost between the workers, each looks after its own ([`Neighbours::left_behind`]).

use crossbeam::utils::CachePadded;
use packet::{Address, AttachmentId, Frame, Mac, Offload, Scope, Time};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most next hops known or asked for at once for the packets of one attachment.
const PLACES: usize = 4096;
/// How many attachments have an epoch of their own.
const EPOCHS: usize = 4096;
/// The most packets that wait for one next hop; as many as Linux keeps by count (`unres_qlen`, in the old unit).
const WAITING_EACH: usize = 8;
/// The most packets of one attachment that wait.
const WAITING: usize = 64;
/// The pause between two questions (RFC 4861, RETRANS_TIMER; ARP itself names none).
const RETRY: Duration = Duration::from_secs(1);
/// How many questions without an answer make a next hop unreachable (RFC 4861, MAX_MULTICAST_SOLICIT).
const QUESTIONS: u8 = 3;
/// How long whoever is known may still answer after another has.
const FIRST_WORD: Duration = Duration::from_millis(100);
/// How long an answer is believed before the neighbour is asked again (RFC 4861, REACHABLE_TIME).
const REACHABLE: Duration = Duration::from_secs(30);
/// How long an answer is kept although nobody looked it up.
const UNUSED: Duration = Duration::from_secs(600);
/// When records that may still use an answer are made to look it up again, well before it is forgotten.
const UNSEEN: Duration = Duration::from_secs(300);

/// A next hop: its attachment, the address space of its address, its address.
pub(crate) type NextHop = (AttachmentId, Scope, Address);

/// Whose a packet is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose {
    /// The attachment that it came in on.
    pub(crate) from: AttachmentId,
    /// The worker that has its flow.
    pub(crate) worker: usize,
}

/// A packet that waits for its next hop's hardware address; otherwise ready to be sent.
#[derive(Debug)]
pub(crate) struct Waiting {
    whose: Whose,
    pub(crate) bytes: Vec<u8>,
    pub(crate) offload: Offload,
}

#[derive(Debug)]
struct Neighbour {
    /// The address space that its address belongs to.
    scope: Scope,
    /// The attachment whose packets looked for it first: it has its place.
    asker: AttachmentId,
    mac: Option<Mac>,
    /// Of the last answer.
    answered: Time,
    /// Of the last look-up.
    used: Time,
    /// Of the last question.
    asked: Time,
    /// How many have had no answer. Where it is known only the first goes to it alone.
    questions: u8,
    /// Whether somebody said, unasked, that it is elsewhere.
    doubted: bool,
    /// Who else answered, and when: believed unless whoever is known answers too.
    claim: Option<(Mac, Time)>,
    /// Whether the epoch has moved since the last look-up, for its own sake.
    nudged: bool,
    /// In the order in which they came. Once it is known, those whose workers have not taken them yet.
    waiting: Vec<Waiting>,
}

impl Neighbour {
    /// One that is asked for now.
    fn sought((asker, scope): (AttachmentId, Scope), now: Time) -> Self {
        Self {
            scope,
            asker,
            mac: None,
            answered: now,
            used: now,
            asked: now,
            questions: 1,
            doubted: false,
            claim: None,
            nudged: false,
            waiting: Vec::new(),
        }
    }

    /// It is at `mac`, as its answer says.
    fn settle(&mut self, mac: Mac, now: Time) {
        self.mac = Some(mac);
        self.answered = now;
        self.questions = 0;
        self.doubted = false;
        self.claim = None;
    }

    /// Its link was cut before all that waited for it had gone.
    fn lose(&mut self) {
        self.mac = None;
        self.questions = 1;
        self.claim = None;
    }

    /// Takes out a worker's packets, in their order.
    fn let_go(&mut self, worker: usize) -> Vec<Waiting> {
        self.waiting.extract_if(.., |waiting| waiting.whose.worker == worker).collect()
    }

    /// Somebody says that it is at `mac`, and not where it is known to be.
    fn contradict(&mut self, mac: Mac, answers: bool, now: Time) {
        if answers && self.questions > 1 {
            self.claim.get_or_insert((mac, now));
        } else {
            self.doubted = true;
        }
    }

    /// Whether it is to be asked now: at most once a second.
    fn is_due(&self, now: Time) -> bool {
        let stale = now.since(self.answered) >= REACHABLE;
        (self.questions > 0 || self.doubted || stale) && now.since(self.asked) >= RETRY
    }
}

/// Who says where a neighbour is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) sender: Address,
    pub(crate) mac: Mac,
    /// Whether it is an answer to the gateway.
    pub(crate) answers: bool,
}

/// What a tick finds to do.
#[derive(Debug)]
pub(crate) enum Chore {
    /// Ask for a next hop; only at `known` where that may suffice.
    Ask { on: AttachmentId, target: Address, known: Option<Mac> },
    /// These packets waited in vain.
    GiveUp(Vec<Waiting>),
}

/// The answer to who is at a next hop's address.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// It is known.
    At {
        mac: Mac,
        /// Earlier packets of the same worker, which go first.
        waited: Vec<Waiting>,
    },
    /// It is looked for, and the packet waits.
    Waits {
        /// Whether the question is to be sent now.
        ask: bool,
    },
    /// It is looked for, and there is no room for the packet. The next one may find it.
    Full {
        /// As above.
        ask: bool,
    },
}

/// What a worker does with what it has heard.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    /// Its own packets that waited for it, which go now.
    pub(crate) waited: Vec<Waiting>,
    /// Another worker whose packets wait for it, to be told as well.
    pub(crate) next: Option<usize>,
}

/// What waited for a next hop that is known.
#[derive(Debug)]
pub(crate) struct LeftBehind {
    pub(crate) on: AttachmentId,
    pub(crate) mac: Mac,
    pub(crate) waited: Vec<Waiting>,
}

/// The neighbours of all links, for all workers. Only the epochs are read without the lock.
#[derive(Debug)]
pub(crate) struct Neighbours {
    table: Mutex<Table>,
    /// Every packet reads them: apart from the lock, which first packets write.
    epochs: CachePadded<Epochs>,
}

/// How often hardware addresses have become doubtful.
#[derive(Debug)]
struct Epochs {
    /// What has moved by itself, by attachment; those [`EPOCHS`] apart share one.
    own: Box<[AtomicU32]>,
    /// What a reload has moved everywhere.
    era: AtomicU32,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<(AttachmentId, Address), Neighbour>,
    shares: Shares,
}

/// What the packets of each attachment hold.
#[derive(Debug, Default)]
struct Shares(HashMap<AttachmentId, Share>);

#[derive(Debug, Default)]
struct Share {
    /// Neighbours that they looked for first.
    places: usize,
    /// Those of them that wait.
    waiting: usize,
}

impl Shares {
    /// Takes in that these packets wait no longer.
    fn let_go(&mut self, waited: &[Waiting]) {
        for waiting in waited {
            self.change(waiting.whose.from, |share| share.waiting -= 1);
        }
    }

    /// Takes in that a neighbour is forgotten; returns what waited for it.
    fn forget(&mut self, neighbour: &mut Neighbour) -> Vec<Waiting> {
        self.change(neighbour.asker, |share| share.places -= 1);
        let waited = std::mem::take(&mut neighbour.waiting);
        self.let_go(&waited);
        waited
    }

    fn change(&mut self, of: AttachmentId, change: impl FnOnce(&mut Share)) {
        let Entry::Occupied(mut share) = self.0.entry(of) else { return };
        change(share.get_mut());
        if share.get().places + share.get().waiting == 0 {
            share.remove();
        }
    }
}

impl Default for Neighbours {
    fn default() -> Self {
        let own = (0..EPOCHS).map(|_| AtomicU32::new(0)).collect();
        let epochs = Epochs { own, era: AtomicU32::new(0) };
        Self { table: Mutex::default(), epochs: CachePadded::new(epochs) }
    }
}

impl Neighbours {
    /// Moves whenever a hardware address that was given out may no longer hold.
    ///
    /// To be read **before** the address is looked up: a copy that is older than its epoch is looked up once too often, one
    /// that is younger would never be.
    #[inline]
    pub(crate) fn epoch(&self, on: AttachmentId) -> u32 {
        let own = self.epochs.own[usize::from(on.0) % EPOCHS].load(Ordering::Acquire);
        self.epochs.era.load(Ordering::Acquire).wrapping_add(own)
    }

    /// Makes every copy of an attachment's hardware addresses doubtful, and no other's: a host that keeps changing its own
    /// costs nobody else. The table has changed already, and its lock is still held.
    fn doubt(&self, on: AttachmentId) {
        self.epochs.own[usize::from(on.0) % EPOCHS].fetch_add(1, Ordering::Release);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hardware address of a next hop; where it is not known it is looked for, and the packet waits.
    pub(crate) fn resolve(
        &self,
        (on, scope, target): NextHop,
        whose: Whose,
        now: Time,
        frame: &Frame<'_>,
    ) -> Resolved {
        let Whose { from, worker } = whose;
        let mut table = self.table();
        let Table { known, shares } = &mut *table;
        let (ask, neighbour) = match known.entry((on, target)) {
            Entry::Occupied(known) => (false, known.into_mut()),
            Entry::Vacant(place) => {
                let share = shares.0.entry(from).or_default();
                if share.places >= PLACES {
                    return Resolved::Full { ask: false };
                }
                share.places += 1;
                (true, place.insert(Neighbour::sought((from, scope), now)))
            }
        };
        neighbour.used = now;
        neighbour.nudged = false;
        if let Some(mac) = neighbour.mac {
            let waited = neighbour.let_go(worker);
            shares.let_go(&waited);
            return Resolved::At { mac, waited };
        }
        let held = shares.0.get(&from).map_or(0, |share| share.waiting);
        if held >= WAITING || neighbour.waiting.len() >= WAITING_EACH {
            return Resolved::Full { ask };
        }
        shares.0.entry(from).or_default().waiting += 1;
        neighbour.waiting.push(Waiting { whose, bytes: frame.bytes.to_vec(), offload: frame.offload });
        Resolved::Waits { ask }
    }

    /// Takes in what is said, if anybody asked or knew. Once for each worker that it is handed on to; the first counts.
    pub(crate) fn learn(&self, on: AttachmentId, said: &Said, worker: usize, now: Time) -> Learnt {
        let mut table = self.table();
        let Table { known, shares } = &mut *table;
        let Some(neighbour) = known.get_mut(&(on, said.sender)) else { return Learnt::default() };
        if neighbour.mac.is_some_and(|mac| mac != said.mac) {
            neighbour.contradict(said.mac, said.answers, now);
            return Learnt::default();
        }
        neighbour.settle(said.mac, now);
        let waited = neighbour.let_go(worker);
        shares.let_go(&waited);
        Learnt { waited, next: neighbour.waiting.first().map(|waiting| waiting.whose.worker) }
    }

    /// A worker's packets that still wait although their next hop is known: the answer that was handed on to it was lost.
    /// `None` where nothing of its own waits at all.
    ///
    /// Cost: a look at every neighbour.
    pub(crate) fn left_behind(&self, worker: usize) -> Option<Vec<LeftBehind>> {
        let mut table = self.table();
        let Table { known, shares } = &mut *table;
        let (mut left, mut waits) = (Vec::new(), false);
        for (&(on, _), neighbour) in known.iter_mut() {
            match neighbour.mac {
                Some(mac) if !neighbour.waiting.is_empty() => {
                    let waited = neighbour.let_go(worker);
                    shares.let_go(&waited);
                    left.extend((!waited.is_empty()).then_some(LeftBehind { on, mac, waited }));
                }
                _ => waits |= neighbour.waiting.iter().any(|waiting| waiting.whose.worker == worker),
            }
        }
        (waits || !left.is_empty()).then_some(left)
    }

    /// Asks again, confirms, believes and forgets. At most one question a second goes to each neighbour.
    pub(crate) fn tick(&self, now: Time) -> Vec<Chore> {
        let mut chores = Vec::new();
        let mut doubtful = Vec::new();
        let mut table = self.table();
        let Table { known, shares } = &mut *table;
        known.retain(|&(on, target), neighbour| {
            if let Some((mac, since)) = neighbour.claim
                && now.since(since) >= FIRST_WORD
            {
                neighbour.settle(mac, now);
                doubtful.push(on);
            }
            let unused = neighbour.mac.is_some() && now.since(neighbour.used) >= UNUSED;
            let silent = neighbour.questions >= QUESTIONS && now.since(neighbour.asked) >= RETRY;
            if unused || silent {
                doubtful.extend(neighbour.mac.map(|_| on));
                let waited = shares.forget(neighbour);
                chores.extend((!waited.is_empty()).then_some(Chore::GiveUp(waited)));
                return false;
            }
            if neighbour.mac.is_some() && !neighbour.nudged && now.since(neighbour.used) >= UNSEEN {
                neighbour.nudged = true;
                doubtful.push(on);
            }
            if neighbour.is_due(now) {
                neighbour.questions += 1;
                neighbour.asked = now;
                let known = neighbour.mac.filter(|_| neighbour.questions == 1);
                chores.push(Chore::Ask { on, target, known });
            }
            true
        });
        doubtful.into_iter().for_each(|on| self.doubt(on));
        chores
    }

    /// Forgets the hardware addresses on an attachment. Next hops that packets wait for are looked for still.
    pub(crate) fn forget_link(&self, on: AttachmentId) {
        let mut table = self.table();
        let Table { known, shares } = &mut *table;
        known.retain(|(link, _), neighbour| {
            if *link != on || neighbour.mac.is_none() {
                return true;
            }
            if neighbour.waiting.is_empty() {
                shares.forget(neighbour);
                return false;
            }
            neighbour.lose();
            true
        });
        self.doubt(on);
    }

    /// Forgets next hops that are gone; returns what waited for them.
    pub(crate) fn forget(&self, is_gone: impl Fn(AttachmentId, Scope, Address) -> bool) -> Vec<Waiting> {
        let mut waited = Vec::new();
        let mut table = self.table();
        let Table { known, shares } = &mut *table;
        known.retain(|&(on, target), neighbour| {
            let gone = is_gone(on, neighbour.scope, target);
            if gone {
                waited.append(&mut shares.forget(neighbour));
            }
            !gone
        });
        self.epochs.era.fetch_add(1, Ordering::Release);
        waited
    }

    /// How many next hops are known or asked for.
    pub(crate) fn len(&self) -> usize {
        self.table().known.len()
    }

    /// How many packets wait.
    pub(crate) fn waiting(&self) -> usize {
        self.table().shares.0.values().map(|share| share.waiting).sum()
    }
}

#[cfg(test)]
mod tests;
