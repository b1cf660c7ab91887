//! The table of neighbours.

use crate::epochs::Epochs;
use crate::neighbour::Neighbour;
use crate::shares::Shares;
use crate::{Learnt, LeftBehind, NextHop, Question, Resolved, Said, Waiting, Whose};
use crossbeam::utils::CachePadded;
use packet::{Address, AttachmentId, Frame, Scope, Time};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most packets that wait for one next hop; as many as Linux keeps by count (`unres_qlen`, in the old unit).
const WAITING_EACH: usize = 8;
/// The most questions that go out together: each costs a frame of its own, some 5 µs, and packets wait meanwhile.
const TOGETHER: usize = 64;

/// The neighbours of all links, for all workers. Only the epochs are read without the lock.
#[derive(Debug, Default)]
pub struct Neighbours {
    table: Mutex<Table>,
    /// Every packet reads them: apart from the lock, which first packets write.
    epochs: CachePadded<Epochs>,
}

#[derive(Debug, Default)]
struct Table {
    known: HashMap<(AttachmentId, Address), Neighbour>,
    shares: Shares,
    /// Who was due to be asked at the last round but was not yet.
    due: Vec<(AttachmentId, Address)>,
    /// Whether packets may wait for a neighbour that is known: not all of their workers were told yet.
    untold: bool,
}

impl Neighbours {
    /// Moves whenever a hardware address that was given out may no longer hold.
    ///
    /// To be read **before** the address is looked up: a copy that is older than its epoch is looked up once too often, one
    /// that is younger would never be.
    #[inline]
    pub fn epoch(&self, on: AttachmentId) -> u32 {
        self.epochs.of(on)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hardware address of a next hop; where it is not known it is looked for, and the packet waits.
    pub fn resolve(&self, next_hop: NextHop, whose: Whose, now: Time, frame: &Frame<'_>) -> Resolved {
        let NextHop { on, scope, address } = next_hop;
        let Whose { from, worker } = whose;
        let mut table = self.table();
        let Table { known, shares, .. } = &mut *table;
        let (ask, neighbour) = match known.entry((on, address)) {
            Entry::Occupied(known) => (false, known.into_mut()),
            Entry::Vacant(place) => {
                if !shares.take_place(from) {
                    return Resolved::Full { ask: false };
                }
                (true, place.insert(Neighbour::sought((from, scope), now)))
            }
        };
        neighbour.look_up(now);
        if let Some(mac) = neighbour.mac {
            let waited = neighbour.let_go(worker);
            shares.let_go(&waited);
            return Resolved::At { mac, waited };
        }
        if neighbour.waiting.len() >= WAITING_EACH || !shares.wait(whose, frame.bytes.len()) {
            return Resolved::Full { ask };
        }
        neighbour.waiting.push(Waiting { whose, bytes: frame.bytes.to_vec(), offload: frame.offload });
        Resolved::Waits { ask }
    }

    /// Takes in what is said, if anybody asked or knew. Once for each worker that it is handed on to.
    pub fn learn(&self, on: AttachmentId, said: &Said, worker: usize, now: Time) -> Learnt {
        let mut table = self.table();
        let Table { known, shares, untold, .. } = &mut *table;
        let Some(neighbour) = known.get_mut(&(on, said.sender)) else { return Learnt::default() };
        if neighbour.mac.is_some_and(|mac| mac != said.mac) {
            let contradicted = !neighbour.contradict(said.mac, said.answers, now);
            return Learnt { contradicted, ..Learnt::default() };
        }
        neighbour.settle(said.mac, now);
        let waited = neighbour.let_go(worker);
        shares.let_go(&waited);
        *untold |= !neighbour.waiting.is_empty();
        let next = neighbour.waiting.first().map(|waiting| waiting.whose.worker);
        Learnt { waited, next, contradicted: false }
    }

    /// A worker's packets that still wait although their next hop is known: the answer that was handed on to it was lost.
    /// `None` where nothing of its own waits at all.
    ///
    /// Cost: a look at every neighbour, where packets of any worker may still wait for one that is known.
    pub fn left_behind(&self, worker: usize) -> Option<Vec<LeftBehind>> {
        let mut table = self.table();
        let Table { known, shares, untold, .. } = &mut *table;
        if !shares.waits_for(worker) {
            return None;
        }
        let mut left = Vec::new();
        if !std::mem::take(untold) {
            return Some(left);
        }
        for (&(on, _), neighbour) in known.iter_mut().filter(|(_, neighbour)| !neighbour.waiting.is_empty()) {
            let Some(mac) = neighbour.mac else { continue };
            let waited = neighbour.let_go(worker);
            shares.let_go(&waited);
            left.extend((!waited.is_empty()).then_some(LeftBehind { on, mac, waited }));
            *untold |= !neighbour.waiting.is_empty();
        }
        Some(left)
    }

    /// Believes, forgets, and finds who is to be asked; returns what waited in vain.
    ///
    /// Cost: a look at every neighbour.
    pub fn tick(&self, now: Time) -> Vec<Waiting> {
        let mut given_up = Vec::new();
        let mut doubtful = Vec::new();
        let mut table = self.table();
        let Table { known, shares, due, .. } = &mut *table;
        // First all that were due before: nobody is asked twice while another waits for its first time.
        let all_were_asked = due.is_empty();
        known.retain(|&(on, target), neighbour| {
            if neighbour.believe_claim(now) {
                doubtful.push(on);
            }
            if neighbour.is_over(now) {
                doubtful.extend(neighbour.mac.map(|_| on));
                given_up.append(&mut shares.forget(neighbour));
                return false;
            }
            if neighbour.nudge(now) {
                doubtful.push(on);
            }
            if all_were_asked && neighbour.is_due(now) {
                due.push((on, target));
            }
            true
        });
        doubtful.into_iter().for_each(|on| self.epochs.doubt(on));
        given_up
    }

    /// Asks again and confirms, at most once a second each: the next few questions of those that a [tick](Self::tick) found.
    /// None when all were asked.
    pub fn questions(&self, now: Time) -> Vec<Question> {
        let mut questions = Vec::new();
        let mut table = self.table();
        let Table { known, due, .. } = &mut *table;
        while questions.len() < TOGETHER
            && let Some((on, target)) = due.pop()
        {
            let neighbour = known.get_mut(&(on, target)).filter(|neighbour| neighbour.is_due(now));
            questions.extend(neighbour.map(|due| Question { on, target, known: due.ask(now) }));
        }
        questions
    }

    /// Forgets the hardware addresses on an attachment. Next hops that packets wait for are looked for still.
    pub fn forget_link(&self, on: AttachmentId) {
        let mut table = self.table();
        let Table { known, shares, .. } = &mut *table;
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
        self.epochs.doubt(on);
    }

    /// Whether a next hop on an attachment is known, or anything of its own is held.
    pub fn remember(&self, attachment: AttachmentId) -> bool {
        let table = self.table();
        table.shares.know(attachment) || table.known.keys().any(|(on, _)| *on == attachment)
    }

    /// Forgets next hops that are gone; returns what waited for them.
    pub fn forget(&self, is_gone: impl Fn(AttachmentId, Scope, Address) -> bool) -> Vec<Waiting> {
        let mut waited = Vec::new();
        let mut table = self.table();
        let Table { known, shares, .. } = &mut *table;
        known.retain(|&(on, target), neighbour| {
            let gone = is_gone(on, neighbour.scope, target);
            if gone {
                waited.append(&mut shares.forget(neighbour));
            }
            !gone
        });
        self.epochs.doubt_all();
        waited
    }

    /// How many next hops are known or asked for.
    pub fn next_hops(&self) -> usize {
        self.table().known.len()
    }

    /// How many packets wait.
    pub fn waiting(&self) -> usize {
        self.table().shares.waiting()
    }
}

#[cfg(test)]
mod tests;
