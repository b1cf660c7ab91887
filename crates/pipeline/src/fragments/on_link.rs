//! The fragmented datagrams of one attachment, and what each source and each destination may have of them.
//!
//! A source has half of the places of its destination, and a destination a quarter of all: who floods one machine takes
//! nothing from the others, and one stranger alone nothing from whoever else speaks to it.

use super::waiting::Waiting;
use super::{CAPACITY, Datagram, LIFE, Record};
use packet::{Address, Time};
use std::collections::{HashMap, VecDeque};

/// The datagrams of one attachment.
#[derive(Debug, Default)]
pub(super) struct OnLink {
    pub(super) records: HashMap<Datagram, Record>,
    /// None for those who have no record.
    pub(super) ages: HashMap<Whose, Ages>,
    pub(super) waiting: Waiting,
}

/// Whose datagrams are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Whose {
    From(Address),
    To(Address),
    Everybodys,
}

/// The records of some datagrams by age.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// In the order of their beginning; some are through and have no record any more.
    pub(super) order: VecDeque<(Time, Datagram)>,
    /// How many have one.
    records: usize,
}

impl Whose {
    /// All whose bounds a datagram must keep.
    pub(super) fn each(datagram: &Datagram) -> [Self; 3] {
        [Self::From(datagram.source), Self::To(datagram.destination), Self::Everybodys]
    }

    /// How many times the bounds of one source these are.
    pub(super) fn times(self) -> usize {
        match self {
            Self::From(_) => 1,
            Self::To(_) => 2,
            Self::Everybodys => 8,
        }
    }
}

impl OnLink {
    /// Takes in a record; the oldest of those who have too many make room.
    pub(super) fn enter(&mut self, datagram: Datagram, record: Record) {
        // Announced again in the same moment it has its place in the order.
        if let Some(known) = self.records.get_mut(&datagram).filter(|known| known.since == record.since) {
            *known = record;
            return;
        }
        self.forget(&datagram);
        for whose in Whose::each(&datagram) {
            let is_full = |ages: &Ages| ages.records >= whose.times() * CAPACITY;
            while self.ages.get(&whose).is_some_and(is_full) && self.forget_oldest(whose) {}
        }
        for whose in Whose::each(&datagram) {
            let ages = self.ages.entry(whose).or_default();
            ages.order.push_back((record.since, datagram));
            ages.records += 1;
        }
        self.records.insert(datagram, record);
    }

    /// Forgets a datagram, if it has a record.
    pub(super) fn forget(&mut self, datagram: &Datagram) {
        if self.records.remove(datagram).is_none() {
            return;
        }
        for whose in Whose::each(datagram) {
            let Some(ages) = self.ages.get_mut(&whose) else { continue };
            ages.records -= 1;
            if ages.records == 0 {
                self.ages.remove(&whose);
            } else if ages.order.len() > 2 * ages.records + 8 {
                ages.order.retain(|(since, datagram)| is_kept(&self.records, *since, datagram));
            }
        }
    }

    pub(super) fn forget_old(&mut self, now: Time) {
        let is_old = |ages: &Ages| ages.order.front().is_some_and(|&(since, _)| now.since(since) >= LIFE);
        while self.ages.get(&Whose::Everybodys).is_some_and(is_old) {
            self.forget_oldest(Whose::Everybodys);
        }
    }

    /// Forgets the first of those in their order. Returns whether there was one.
    fn forget_oldest(&mut self, whose: Whose) -> bool {
        let first = self.ages.get_mut(&whose).and_then(|ages| ages.order.pop_front());
        let Some((since, datagram)) = first else { return false };
        if is_kept(&self.records, since, &datagram) {
            self.forget(&datagram);
        }
        true
    }
}

fn is_kept(records: &HashMap<Datagram, Record>, since: Time, datagram: &Datagram) -> bool {
    records.get(datagram).is_some_and(|record| record.since == since)
}
