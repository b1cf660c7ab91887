//! One neighbour's life: sought, known, confirmed, doubted, forgotten.

use crate::Waiting;
use packet::{AttachmentId, Mac, Scope, Time};
use std::time::Duration;

/// The pause between two questions (RFC 4861, RETRANS_TIMER; ARP itself names none).
const RETRY: Duration = Duration::from_secs(1);
/// How many questions without an answer make a next hop unreachable (RFC 4861, MAX_MULTICAST_SOLICIT).
const QUESTIONS: u8 = 3;
/// How long whoever is known may still answer after another has.
pub(crate) const FIRST_WORD: Duration = Duration::from_millis(100);
/// How long an answer is believed before the neighbour is asked again (RFC 4861, REACHABLE_TIME).
const REACHABLE: Duration = Duration::from_secs(30);
/// How long an answer is kept although nobody looked it up.
const UNUSED: Duration = Duration::from_secs(600);
/// When records that may still use an answer are made to look it up again, well before it is forgotten.
const UNSEEN: Duration = Duration::from_secs(300);

/// A next hop that is looked for or known.
#[derive(Debug)]
pub(crate) struct Neighbour {
    /// The address space that its address belongs to.
    pub(crate) scope: Scope,
    /// The attachment whose packets looked for it first: it has its place.
    pub(crate) asker: AttachmentId,
    pub(crate) mac: Option<Mac>,
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
    pub(crate) waiting: Vec<Waiting>,
}

impl Neighbour {
    /// One that is asked for now.
    pub(crate) fn sought((asker, scope): (AttachmentId, Scope), now: Time) -> Self {
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
    pub(crate) fn settle(&mut self, mac: Mac, now: Time) {
        self.mac = Some(mac);
        self.answered = now;
        self.questions = 0;
        self.doubted = false;
        self.claim = None;
    }

    /// Its link was cut before all that waited for it had gone.
    pub(crate) fn lose(&mut self) {
        self.mac = None;
        self.questions = 1;
        self.claim = None;
    }

    /// Takes out a worker's packets, in their order.
    pub(crate) fn let_go(&mut self, worker: usize) -> Vec<Waiting> {
        self.waiting.extract_if(.., |waiting| waiting.whose.worker == worker).collect()
    }

    /// Somebody says that it is at `mac`, and not where it is known to be. Returns whether that may come to be believed: as the
    /// first answer to a question that whoever is known has left to everybody.
    pub(crate) fn contradict(&mut self, mac: Mac, answers: bool, now: Time) -> bool {
        if answers && self.questions > 1 {
            return self.claim.get_or_insert((mac, now)).0 == mac;
        }
        self.doubted = true;
        false
    }

    /// Whether it is to be asked now: at most once a second.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        let stale = now.since(self.answered) >= REACHABLE;
        (self.questions > 0 || self.doubted || stale) && now.since(self.asked) >= RETRY
    }

    /// Whether it is to be forgotten: nobody looked it up for long, or it does not answer.
    pub(crate) fn is_over(&self, now: Time) -> bool {
        let unused = self.mac.is_some() && now.since(self.used) >= UNUSED;
        unused || self.questions >= QUESTIONS && now.since(self.asked) >= RETRY
    }

    /// Counts a question; returns the hardware address that it goes to, where it goes to that alone.
    pub(crate) fn ask(&mut self, now: Time) -> Option<Mac> {
        self.questions += 1;
        self.asked = now;
        self.mac.filter(|_| self.questions == 1)
    }

    /// Believes who else answered, where whoever is known has kept silent. Returns whether that is so.
    pub(crate) fn believe_claim(&mut self, now: Time) -> bool {
        match self.claim {
            Some((mac, since)) if now.since(since) >= FIRST_WORD => {
                self.settle(mac, now);
                true
            }
            _ => false,
        }
    }

    /// Whether copies of its address are to be looked up again, so that it is seen to be used. True once.
    pub(crate) fn nudge(&mut self, now: Time) -> bool {
        let is_due = self.mac.is_some() && !self.nudged && now.since(self.used) >= UNSEEN;
        self.nudged |= is_due;
        is_due
    }

    /// Notes that it was looked up.
    pub(crate) fn look_up(&mut self, now: Time) {
        self.used = now;
        self.nudged = false;
    }
}
