//! Counting what is the same, and keeping what differs: grouped, and bounded.

use answer::{Decision, Example, NotJudged, Redecided, Replayed};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The most groups that are kept apart; what comes after them is counted.
const GROUPS: usize = 1000;

/// Why something is not judged though one of two policies decides over it.
pub(crate) const ONLY_ONE: (&str, &str) =
    ("only-one-policy", "The network of one policy has a place for it, and that of the other has none.");

/// What was said of all that was read so far.
#[derive(Debug)]
pub struct Tally {
    judged: u64,
    same: u64,
    by_other_rule: u64,
    different: u64,
    allowed: u64,
    denied: u64,
    continuing: u64,
    /// Of those not judged, the ones that one of both sides decided over.
    one_sided: u64,
    /// By the reason's short name.
    not_judged: BTreeMap<&'static str, (&'static str, u64)>,
    groups: BTreeMap<Key, Group>,
    /// Of groups for which there was no room.
    beyond: u64,
    /// The most examples that are kept of all groups together.
    limit: usize,
    kept: usize,
}

/// What the members of a group have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    place: String,
    direction: &'static str,
    /// Nothing where there is nothing to be held against.
    was: Option<Verdict>,
    now: Verdict,
}

/// A decision, and by what.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) allow: bool,
    pub(crate) nsg: Option<String>,
    pub(crate) rule: Option<String>,
    /// Why, where no rule decided.
    pub(crate) reason: Option<&'static str>,
}

#[derive(Debug)]
struct Group {
    count: u64,
    first: Duration,
    last: Duration,
    examples: Vec<Example>,
}

/// One packet or flow, as it is told where it differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// When, since 1970.
    pub time: Duration,
    /// Where it stands: `file:line, tuple number`, or `file#number` for a packet.
    pub at: String,
    /// The protocol.
    pub protocol: String,
    /// The sender.
    pub source: (IpAddr, u16),
    /// The receiver.
    pub destination: (IpAddr, u16),
}

/// What was decided, then and now.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Where: a network interface, or the attachment.
    pub(crate) place: String,
    /// `Inbound`, `Outbound`, or nothing for a packet, which may meet both.
    pub(crate) direction: &'static str,
    pub(crate) was: Verdict,
    pub(crate) now: Verdict,
}

impl Tally {
    /// Nothing yet; of what differs, at most `limit` are kept one by one.
    pub fn new(limit: usize) -> Self {
        Self {
            judged: 0,
            same: 0,
            by_other_rule: 0,
            different: 0,
            allowed: 0,
            denied: 0,
            continuing: 0,
            one_sided: 0,
            not_judged: BTreeMap::new(),
            groups: BTreeMap::new(),
            beyond: 0,
            limit,
            kept: 0,
        }
    }

    /// Whether anything was decided differently, or on one side alone.
    pub fn is_different(&self) -> bool {
        self.different > 0 || self.one_sided > 0
    }

    /// Whether nothing at all was judged.
    pub fn is_empty(&self) -> bool {
        self.judged == 0
    }

    pub(crate) fn not_judged(&mut self, slug: &'static str, text: &'static str) {
        self.not_judged.entry(slug).or_insert((text, 0)).1 += 1;
    }

    /// Not judged though one side decided over it: nobody can say that it is as before.
    pub(crate) fn one_sided(&mut self, slug: &'static str, text: &'static str) {
        self.one_sided += 1;
        self.not_judged(slug, text);
    }

    pub(crate) fn continues(&mut self) {
        self.continuing += 1;
    }

    /// Something judged that has nothing to be held against.
    pub(crate) fn judged(&mut self, allow: bool) {
        self.judged += 1;
        if allow { self.allowed += 1 } else { self.denied += 1 }
    }

    /// Something judged, and decided as before.
    pub(crate) fn same(&mut self, allow: bool) {
        self.judged(allow);
        self.same += 1;
    }

    /// Something judged and held against what was decided. What differs is kept as `told` says; so is what is decided alike
    /// and by another rule.
    pub(crate) fn pair(&mut self, pair: Pair, told: impl FnOnce() -> Told) {
        self.judged(pair.now.allow);
        if pair.was.allow == pair.now.allow {
            self.same += 1;
            if pair.was == pair.now {
                return;
            }
            self.by_other_rule += 1;
        } else {
            self.different += 1;
        }
        let Pair { place, direction, was, now } = pair;
        self.keep(Key { place, direction, was: Some(was), now }, told);
    }

    /// Something judged that would be dropped, with nothing to be held against.
    pub(crate) fn dropped(&mut self, place: String, now: Verdict, told: impl FnOnce() -> Told) {
        self.judged(now.allow);
        self.keep(Key { place, direction: "", was: None, now }, told);
    }

    fn keep(&mut self, key: Key, told: impl FnOnce() -> Told) {
        if self.groups.len() == GROUPS && !self.groups.contains_key(&key) {
            self.beyond += 1;
            return;
        }
        let told = told();
        let group = self.groups.entry(key).or_insert(Group {
            count: 0,
            first: told.time,
            last: told.time,
            examples: Vec::new(),
        });
        group.count += 1;
        group.first = group.first.min(told.time);
        group.last = group.last.max(told.time);
        if self.kept < self.limit {
            self.kept += 1;
            group.examples.push(example(told));
        }
    }

    /// What is told: the most frequent differences first, and what differs by its rule alone last.
    pub fn answer(self) -> Replayed {
        let not_judged = self.not_judged.into_iter().map(|(reason, (meaning, count))| NotJudged {
            reason: reason.into(),
            meaning: meaning.into(),
            count,
        });
        let mut differences: Vec<Redecided> = self.groups.into_iter().map(difference).collect();
        differences.sort_by_key(|one| {
            (one.was.as_ref().is_some_and(|was| was.access == one.now.access), u64::MAX - one.count)
        });
        Replayed {
            judged: self.judged,
            allowed: self.allowed,
            denied: self.denied,
            same: self.same,
            same_by_other_rule: self.by_other_rule,
            different: self.different,
            continuing: self.continuing,
            not_judged: not_judged.collect(),
            one_sided: self.one_sided,
            not_listed: self.beyond,
            differences,
        }
    }
}

fn difference((Key { place, direction, was, now }, group): (Key, Group)) -> Redecided {
    Redecided {
        place,
        direction: (!direction.is_empty()).then(|| direction.into()),
        was: was.map(decision),
        now: decision(now),
        count: group.count,
        first: seconds(group.first),
        last: seconds(group.last),
        examples: group.examples,
    }
}

fn decision(Verdict { allow, nsg, rule, reason }: Verdict) -> Decision {
    Decision {
        access: if allow { "Allow" } else { "Deny" }.into(),
        nsg,
        rule,
        reason: reason.map(Into::into),
    }
}

fn example(told: Told) -> Example {
    Example {
        time: seconds(told.time),
        at: told.at,
        protocol: told.protocol,
        source: told.source.0,
        source_port: told.source.1,
        destination: told.destination.0,
        destination_port: told.destination.1,
    }
}

/// Seconds since 1970, with what is behind the point as far as a program's number holds it.
fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
