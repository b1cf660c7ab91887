//! Who is where on each link: next hops and the hardware addresses they answered with.
//!
//! The gateway asks on its own account, so a host that never speaks is reached all the same. While an answer is
//! awaited a few packets wait. An answered neighbour is asked again now and then; flow records copy the
//! hardware address together with the [`Neighbours::epoch`], which moves whenever any copy may have become wrong.

use packet::{Address, AttachmentId, Mac, Offload, Scope, Time};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most next hops known or asked for at once.
const CAPACITY: usize = 4096;
/// How many attachments have an epoch of their own.
const EPOCHS: usize = 4096;
/// The most packets that wait for one next hop; as many as Linux keeps by count (`unres_qlen`, in the old unit).
const WAITING_EACH: usize = 8;
/// The most packets that wait altogether.
const WAITING_ALL: usize = 256;
/// The pause between two questions (RFC 4861, RETRANS_TIMER; ARP itself names none).
const RETRY: Duration = Duration::from_secs(1);
/// How many questions without an answer make a next hop unreachable (RFC 4861, MAX_MULTICAST_SOLICIT).
const QUESTIONS: u8 = 3;
/// How long an answer is believed before the neighbour is asked again (RFC 4861, REACHABLE_TIME).
const REACHABLE: Duration = Duration::from_secs(30);
/// How long an answer is kept although nobody looked it up.
const UNUSED: Duration = Duration::from_secs(600);
/// When records that may still use an answer are made to look it up again, well before it is forgotten.
const UNSEEN: Duration = Duration::from_secs(300);

/// A packet that waits for its next hop's hardware address; otherwise ready to be sent.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) bytes: Vec<u8>,
    pub(crate) offload: Offload,
}

#[derive(Debug)]
struct Neighbour {
    /// The address space that its address belongs to.
    scope: Scope,
    mac: Option<Mac>,
    /// Of the last answer.
    answered: Time,
    /// Of the last look-up.
    used: Time,
    /// Of the last question.
    asked: Time,
    questions: u8,
    /// Whether the epoch has moved since the last look-up, for its own sake.
    nudged: bool,
    waiting: Vec<Waiting>,
}

impl Neighbour {
    /// One that is asked for now.
    fn sought(scope: Scope, now: Time) -> Self {
        Self {
            scope,
            mac: None,
            answered: now,
            used: now,
            asked: now,
            questions: 1,
            nudged: false,
            waiting: Vec::new(),
        }
    }
}

/// What a tick finds to do.
#[derive(Debug)]
pub(crate) enum Chore {
    /// Ask for a next hop; at `known` where only a confirmation is sought.
    Ask { on: AttachmentId, target: Address, known: Option<Mac> },
    /// These packets waited in vain.
    GiveUp(Vec<Waiting>),
}

/// The answer to who is at a next hop's address.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// It is known.
    At(Mac),
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

/// The neighbours of all links, for all workers.
///
/// Whoever is told of a hardware address lets everything go that waited for it. Only the epochs are read without the lock.
#[derive(Debug)]
pub(crate) struct Neighbours {
    table: Mutex<Table>,
    /// What has moved by itself, by attachment; those [`EPOCHS`] apart share one.
    epochs: Box<[AtomicU32]>,
    /// What a reload has moved everywhere.
    era: AtomicU32,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<(AttachmentId, Address), Neighbour>,
    waiting: usize,
}

impl Default for Neighbours {
    fn default() -> Self {
        let epochs = (0..EPOCHS).map(|_| AtomicU32::new(0)).collect();
        Self { table: Mutex::default(), epochs, era: AtomicU32::new(0) }
    }
}

impl Neighbours {
    /// Moves whenever a hardware address that was given out may no longer hold.
    ///
    /// To be read **before** the address is looked up: a copy that is older than its epoch is looked up once too often, one
    /// that is younger would never be.
    #[inline]
    pub(crate) fn epoch(&self, on: AttachmentId) -> u32 {
        let own = self.epochs[usize::from(on.0) % EPOCHS].load(Ordering::Acquire);
        self.era.load(Ordering::Acquire).wrapping_add(own)
    }

    /// Makes every copy of an attachment's hardware addresses doubtful, and no other's: a host that keeps changing its own
    /// costs nobody else. The table has changed already, and its lock is still held.
    fn doubt(&self, on: AttachmentId) {
        self.epochs[usize::from(on.0) % EPOCHS].fetch_add(1, Ordering::Release);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hardware address of a next hop; where it is not known it is looked for, and the packet waits.
    pub(crate) fn resolve(
        &self,
        (on, scope, target): (AttachmentId, Scope, Address),
        now: Time,
        packet: impl FnOnce() -> Waiting,
    ) -> Resolved {
        let mut table = self.table();
        let Table { known, waiting } = &mut *table;
        let is_full = known.len() >= CAPACITY;
        let (ask, neighbour) = match known.entry((on, target)) {
            Entry::Occupied(known) => (false, known.into_mut()),
            Entry::Vacant(_) if is_full => return Resolved::Full { ask: false },
            Entry::Vacant(place) => (true, place.insert(Neighbour::sought(scope, now))),
        };
        neighbour.used = now;
        neighbour.nudged = false;
        if let Some(mac) = neighbour.mac {
            return Resolved::At(mac);
        }
        if *waiting >= WAITING_ALL || neighbour.waiting.len() >= WAITING_EACH {
            return Resolved::Full { ask };
        }
        neighbour.waiting.push(packet());
        *waiting += 1;
        Resolved::Waits { ask }
    }

    /// Takes in that `sender` is at `mac`, if anybody asked or knew; returns what waited for it.
    pub(crate) fn learn(&self, on: AttachmentId, sender: Address, mac: Mac, now: Time) -> Vec<Waiting> {
        let mut table = self.table();
        let Some(neighbour) = table.known.get_mut(&(on, sender)) else { return Vec::new() };
        let changed = neighbour.mac.is_some_and(|old| old != mac);
        neighbour.mac = Some(mac);
        neighbour.answered = now;
        neighbour.questions = 0;
        let waited = std::mem::take(&mut neighbour.waiting);
        table.waiting -= waited.len();
        if changed {
            self.doubt(on);
        }
        waited
    }

    /// Asks again, confirms and forgets. At most one question a second goes to each neighbour.
    pub(crate) fn tick(&self, now: Time) -> Vec<Chore> {
        let mut chores = Vec::new();
        let mut doubtful = Vec::new();
        let mut table = self.table();
        let Table { known, waiting } = &mut *table;
        known.retain(|&(on, target), neighbour| {
            let unused = neighbour.mac.is_some() && now.since(neighbour.used) >= UNUSED;
            let silent = neighbour.questions >= QUESTIONS && now.since(neighbour.asked) >= RETRY;
            if unused || silent {
                doubtful.extend(neighbour.mac.map(|_| on));
                *waiting -= neighbour.waiting.len();
                if !neighbour.waiting.is_empty() {
                    chores.push(Chore::GiveUp(std::mem::take(&mut neighbour.waiting)));
                }
                return false;
            }
            if neighbour.mac.is_some() && !neighbour.nudged && now.since(neighbour.used) >= UNSEEN {
                neighbour.nudged = true;
                doubtful.push(on);
            }
            let awaited = neighbour.questions > 0 && now.since(neighbour.asked) >= RETRY;
            let stale = neighbour.questions == 0 && now.since(neighbour.answered) >= REACHABLE;
            if awaited || stale {
                neighbour.questions += 1;
                neighbour.asked = now;
                chores.push(Chore::Ask { on, target, known: neighbour.mac });
            }
            true
        });
        doubtful.into_iter().for_each(|on| self.doubt(on));
        chores
    }

    /// Forgets next hops that are gone; returns what waited for them.
    pub(crate) fn forget(&self, is_gone: impl Fn(AttachmentId, Scope, Address) -> bool) -> Vec<Waiting> {
        let mut waited = Vec::new();
        let mut table = self.table();
        table.known.retain(|&(on, target), neighbour| {
            let gone = is_gone(on, neighbour.scope, target);
            if gone {
                waited.append(&mut neighbour.waiting);
            }
            !gone
        });
        table.waiting -= waited.len();
        self.era.fetch_add(1, Ordering::Release);
        waited
    }

    /// How many next hops are known or asked for.
    pub(crate) fn len(&self) -> usize {
        self.table().known.len()
    }

    /// How many packets wait.
    pub(crate) fn waiting(&self) -> usize {
        self.table().waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: AttachmentId = AttachmentId(3);
    const MAC: Mac = [2, 0, 0, 0, 0, 9];

    fn target() -> Address {
        Address::from_v4_bits(0x0a00_0104)
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn resolve(neighbours: &Neighbours, seconds: u64) -> Resolved {
        let packet = || Waiting { bytes: vec![0; 60], offload: Offload::default() };
        neighbours.resolve((ON, Scope(1), target()), at(seconds), packet)
    }

    #[test]
    fn a_packet_waits_and_goes_when_the_answer_comes() {
        let neighbours = Neighbours::default();
        assert!(matches!(resolve(&neighbours, 0), Resolved::Waits { ask: true }), "the first packet asks");
        assert!(matches!(resolve(&neighbours, 0), Resolved::Waits { ask: false }), "the second does not");
        assert_eq!(neighbours.learn(ON, target(), MAC, at(1)).len(), 2);
        assert!(matches!(resolve(&neighbours, 1), Resolved::At(MAC)));
        assert_eq!(neighbours.waiting(), 0);
    }

    #[test]
    fn three_questions_without_an_answer_give_up() {
        let neighbours = Neighbours::default();
        resolve(&neighbours, 0);
        for second in [1, 2] {
            assert!(
                matches!(neighbours.tick(at(second))[..], [Chore::Ask { known: None, .. }]),
                "second {second}"
            );
        }
        assert!(matches!(&neighbours.tick(at(3))[..], [Chore::GiveUp(waited)] if waited.len() == 1));
        assert!(neighbours.tick(at(4)).is_empty());
    }

    #[test]
    fn an_answer_is_confirmed_and_a_silent_neighbour_forgotten() {
        let neighbours = Neighbours::default();
        resolve(&neighbours, 0);
        neighbours.learn(ON, target(), MAC, at(0));
        let epoch = neighbours.epoch(ON);
        assert!(neighbours.tick(at(29)).is_empty());
        assert!(matches!(neighbours.tick(at(30))[..], [Chore::Ask { known: Some(MAC), .. }]));
        for second in 31..=33 {
            neighbours.tick(at(second));
        }
        assert_ne!(neighbours.epoch(ON), epoch, "records must ask anew");
        assert!(matches!(resolve(&neighbours, 33), Resolved::Waits { ask: true }));
    }

    #[test]
    fn another_hardware_address_moves_the_epoch() {
        let neighbours = Neighbours::default();
        resolve(&neighbours, 0);
        neighbours.learn(ON, target(), MAC, at(0));
        let epoch = neighbours.epoch(ON);
        neighbours.learn(ON, target(), MAC, at(1));
        assert_eq!(neighbours.epoch(ON), epoch);
        let elsewhere = neighbours.epoch(AttachmentId(7));
        neighbours.learn(ON, target(), [6; 6], at(2));
        assert_ne!(neighbours.epoch(ON), epoch);
        assert_eq!(neighbours.epoch(AttachmentId(7)), elsewhere, "nobody else is disturbed");
    }

    #[test]
    fn nobody_is_learnt_unasked_and_the_queue_is_bounded() {
        let neighbours = Neighbours::default();
        neighbours.learn(ON, target(), MAC, at(0));
        let waits = |_: &i32| matches!(resolve(&neighbours, 0), Resolved::Waits { .. });
        assert_eq!((0..20).filter(waits).count(), WAITING_EACH);
        assert_eq!(neighbours.waiting(), WAITING_EACH);
    }
}
