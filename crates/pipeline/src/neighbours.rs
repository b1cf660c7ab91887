//! Who is where on each link: next hops and the hardware addresses they answered with.
//!
//! The gateway asks on its own account, so a host that never speaks is reached all the same. While an answer is
//! awaited a few packets wait. An answered neighbour is asked again now and then; flow records copy the
//! hardware address together with the [`Neighbours::epoch`], which moves whenever any copy may have become wrong.

use packet::{Address, AttachmentId, Mac, Offload, Time};
use std::collections::HashMap;
use std::time::Duration;

/// The most next hops known or asked for at once.
const CAPACITY: usize = 4096;
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

/// What a tick finds to do.
#[derive(Debug)]
pub(crate) enum Chore {
    /// Ask for a next hop; at `known` where only a confirmation is sought.
    Ask { on: AttachmentId, target: Address, known: Option<Mac> },
    /// These packets waited in vain.
    GiveUp(Vec<Waiting>),
}

/// The neighbours of all links.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    table: HashMap<(AttachmentId, Address), Neighbour>,
    waiting: usize,
    /// What has moved by itself, by attachment.
    epochs: Vec<u32>,
    /// What a reload has moved everywhere.
    era: u32,
}

impl Neighbours {
    /// Moves whenever a hardware address that was given out may no longer hold.
    #[inline]
    pub(crate) fn epoch(&self, on: AttachmentId) -> u32 {
        let own = self.epochs.get(usize::from(on.0)).copied().unwrap_or_default();
        self.era.wrapping_add(own)
    }

    /// Makes every copy of an attachment's hardware addresses doubtful, and no other's: a host that keeps changing its own
    /// costs nobody else.
    fn doubt(&mut self, on: AttachmentId) {
        let at = usize::from(on.0);
        if self.epochs.len() <= at {
            self.epochs.resize(at + 1, 0);
        }
        self.epochs[at] = self.epochs[at].wrapping_add(1);
    }

    /// The hardware address of a next hop, if it is known.
    pub(crate) fn find(&mut self, on: AttachmentId, target: Address, now: Time) -> Option<Mac> {
        let neighbour = self.table.get_mut(&(on, target))?;
        neighbour.used = now;
        neighbour.nudged = false;
        neighbour.mac
    }

    /// Begins to look for a next hop. Returns whether it is to be asked for now: not where it is looked for already, or
    /// too many are.
    pub(crate) fn seek(&mut self, on: AttachmentId, target: Address, now: Time) -> bool {
        if self.table.len() >= CAPACITY || self.table.contains_key(&(on, target)) {
            return false;
        }
        let sought = Neighbour {
            mac: None,
            answered: now,
            used: now,
            asked: now,
            questions: 1,
            nudged: false,
            waiting: Vec::new(),
        };
        self.table.insert((on, target), sought);
        true
    }

    /// Lets a packet wait for a next hop that is looked for. Returns whether there was room.
    pub(crate) fn wait(
        &mut self,
        on: AttachmentId,
        target: Address,
        packet: impl FnOnce() -> Waiting,
    ) -> bool {
        let Some(neighbour) = self.table.get_mut(&(on, target)) else { return false };
        if self.waiting >= WAITING_ALL || neighbour.waiting.len() >= WAITING_EACH {
            return false;
        }
        neighbour.waiting.push(packet());
        self.waiting += 1;
        true
    }

    /// Takes in that `sender` is at `mac`, if anybody asked or knew; returns what waited for it.
    pub(crate) fn learn(&mut self, on: AttachmentId, sender: Address, mac: Mac, now: Time) -> Vec<Waiting> {
        let Some(neighbour) = self.table.get_mut(&(on, sender)) else { return Vec::new() };
        let changed = neighbour.mac.is_some_and(|old| old != mac);
        neighbour.mac = Some(mac);
        neighbour.answered = now;
        neighbour.questions = 0;
        let waited = std::mem::take(&mut neighbour.waiting);
        self.waiting -= waited.len();
        if changed {
            self.doubt(on);
        }
        waited
    }

    /// Asks again, confirms and forgets. At most one question a second goes to each neighbour.
    pub(crate) fn tick(&mut self, now: Time) -> Vec<Chore> {
        let mut chores = Vec::new();
        let mut doubtful = Vec::new();
        self.table.retain(|&(on, target), neighbour| {
            let unused = neighbour.mac.is_some() && now.since(neighbour.used) >= UNUSED;
            let silent = neighbour.questions >= QUESTIONS && now.since(neighbour.asked) >= RETRY;
            if unused || silent {
                doubtful.extend(neighbour.mac.map(|_| on));
                self.waiting -= neighbour.waiting.len();
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
    pub(crate) fn forget(&mut self, is_gone: impl Fn(AttachmentId, Address) -> bool) -> Vec<Waiting> {
        let mut waited = Vec::new();
        self.table.retain(|&(on, target), neighbour| {
            let gone = is_gone(on, target);
            if gone {
                waited.append(&mut neighbour.waiting);
            }
            !gone
        });
        self.waiting -= waited.len();
        self.era = self.era.wrapping_add(1);
        waited
    }

    /// How many packets wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
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

    fn packet() -> Waiting {
        Waiting { bytes: vec![0; 60], offload: Offload::default() }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_packet_waits_and_goes_when_the_answer_comes() {
        let mut neighbours = Neighbours::default();
        assert!(neighbours.seek(ON, target(), at(0)), "the first packet asks");
        assert!(!neighbours.seek(ON, target(), at(0)), "the second does not ask again");
        assert!(neighbours.wait(ON, target(), packet) && neighbours.wait(ON, target(), packet));
        assert_eq!(neighbours.learn(ON, target(), MAC, at(1)).len(), 2);
        assert_eq!(neighbours.find(ON, target(), at(1)), Some(MAC));
        assert_eq!(neighbours.waiting(), 0);
    }

    #[test]
    fn three_questions_without_an_answer_give_up() {
        let mut neighbours = Neighbours::default();
        neighbours.seek(ON, target(), at(0));
        neighbours.wait(ON, target(), packet);
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
        let mut neighbours = Neighbours::default();
        neighbours.seek(ON, target(), at(0));
        neighbours.wait(ON, target(), packet);
        neighbours.learn(ON, target(), MAC, at(0));
        let epoch = neighbours.epoch(ON);
        assert!(neighbours.tick(at(29)).is_empty());
        assert!(matches!(neighbours.tick(at(30))[..], [Chore::Ask { known: Some(MAC), .. }]));
        for second in 31..=33 {
            neighbours.tick(at(second));
        }
        assert_eq!(neighbours.find(ON, target(), at(33)), None);
        assert_ne!(neighbours.epoch(ON), epoch, "records must ask anew");
    }

    #[test]
    fn another_hardware_address_moves_the_epoch() {
        let mut neighbours = Neighbours::default();
        neighbours.seek(ON, target(), at(0));
        neighbours.wait(ON, target(), packet);
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
        let mut neighbours = Neighbours::default();
        neighbours.learn(ON, target(), MAC, at(0));
        assert_eq!(neighbours.find(ON, target(), at(0)), None);
        neighbours.seek(ON, target(), at(0));
        let taken = (0..20).filter(|_| neighbours.wait(ON, target(), packet)).count();
        assert_eq!(taken, WAITING_EACH);
    }
}
