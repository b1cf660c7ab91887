//! What happened, counted: one counter for each ending and one for each rule that denied.

use crate::{Denial, DropReason, Ending};
use snapshot::RuleId;

/// Frames and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// Frames; a super-frame is one.
    pub packets: u64,
    /// Bytes of those frames, with their Ethernet headers.
    pub bytes: u64,
}

impl Count {
    #[inline]
    pub(crate) fn add(&mut self, bytes: u64) {
        self.packets += 1;
        self.bytes += bytes;
    }
}

/// The counters of one worker. Its owner writes, and copies go out between batches.
///
/// Of all workers together: received frames are always the sum of all endings, of those that still wait for a neighbour or a
/// first fragment ([`Shared::waiting`](crate::Shared::waiting)), and of those on their way [`between`](Self::between) two
/// workers.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Frames received.
    pub received: Count,
    /// Frames handed over to another worker, and those taken over from one; neither counts as received or ended.
    pub(crate) handed_over: Count,
    pub(crate) taken_over: Count,
    /// Frames that the gateway made itself: ARP, ICMP errors, replies. Pieces of a packet that was cut are not counted.
    pub originated: Count,
    endings: [Count; 4],
    drops: [Count; DropReason::ALL.len()],
    /// By [`RuleId`]; a vector only grows when a reload brings new rules.
    rules: Vec<Count>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received: Count::default(),
            handed_over: Count::default(),
            taken_over: Count::default(),
            originated: Count::default(),
            endings: [Count::default(); 4],
            drops: [Count::default(); DropReason::ALL.len()],
            rules: Vec::new(),
        }
    }
}

impl Counters {
    /// What ended that way.
    pub fn ended(&self, ending: Ending) -> Count {
        match ending {
            Ending::Forwarded => self.endings[0],
            Ending::Answered => self.endings[1],
            Ending::Consumed => self.endings[2],
            Ending::PassedToHost => self.endings[3],
            Ending::Dropped(reason) => self.drops[reason as usize],
        }
    }

    /// Frames handed over to another worker, and taken over from one; these neither are received nor end here.
    pub fn handed(&self) -> (Count, Count) {
        (self.handed_over, self.taken_over)
    }

    /// Frames that this worker has handed over and that were not lost, less those that it has taken over: the sum over all
    /// workers is what is in their queues.
    pub fn between(&self) -> i64 {
        let lost = self.ended(Ending::Dropped(DropReason::HandOffFull)).packets;
        // What is lost has been handed over before.
        (self.handed_over.packets - lost) as i64 - self.taken_over.packets as i64
    }

    /// What that rule denied.
    pub fn denied_by(&self, rule: RuleId) -> Count {
        self.rules.get(rule.0 as usize).copied().unwrap_or_default()
    }

    /// Every ending, in the order of the packet's path, with its count.
    pub fn endings(&self) -> impl Iterator<Item = (Ending, Count)> + '_ {
        let others = [Ending::Forwarded, Ending::Answered, Ending::Consumed, Ending::PassedToHost];
        let drops = DropReason::ALL.iter().map(|&reason| Ending::Dropped(reason));
        others.into_iter().chain(drops).map(|ending| (ending, self.ended(ending)))
    }

    /// Every rule that denied something, with its count.
    pub fn rules(&self) -> impl Iterator<Item = (RuleId, Count)> + '_ {
        let counts = self.rules.iter().enumerate();
        counts.filter(|(_, count)| count.packets > 0).map(|(nth, &count)| (RuleId(nth as u32), count))
    }

    /// The sum of everything that ended.
    pub fn total(&self) -> Count {
        self.endings().fold(Count::default(), |sum, (_, count)| Count {
            packets: sum.packets + count.packets,
            bytes: sum.bytes + count.bytes,
        })
    }

    /// Adds what another worker has counted.
    pub fn add(&mut self, other: &Self) {
        self.make_room(other.rules.len());
        let sum = |own: &mut [Count], others: &[Count]| {
            for (own, other) in own.iter_mut().zip(others) {
                own.packets += other.packets;
                own.bytes += other.bytes;
            }
        };
        sum(&mut self.endings, &other.endings);
        sum(&mut self.drops, &other.drops);
        sum(&mut self.rules, &other.rules);
        for (own, other) in [
            (&mut self.received, other.received),
            (&mut self.handed_over, other.handed_over),
            (&mut self.taken_over, other.taken_over),
            (&mut self.originated, other.originated),
        ] {
            sum(std::slice::from_mut(own), &[other]);
        }
    }

    pub(crate) fn make_room(&mut self, rules: usize) {
        if self.rules.len() < rules {
            self.rules.resize(rules, Count::default());
        }
    }

    #[inline]
    pub(crate) fn receive(&mut self, bytes: usize) {
        self.received.add(bytes as u64);
    }

    pub(crate) fn hand_over(&mut self, bytes: usize) {
        self.handed_over.add(bytes as u64);
    }

    pub(crate) fn take_over(&mut self, bytes: usize) {
        self.taken_over.add(bytes as u64);
    }

    #[inline]
    pub(crate) fn originate(&mut self, bytes: usize) {
        self.originated.add(bytes as u64);
    }

    #[inline]
    pub(crate) fn end(&mut self, ending: Ending, bytes: usize) {
        let count = match ending {
            Ending::Forwarded => &mut self.endings[0],
            Ending::Answered => &mut self.endings[1],
            Ending::Consumed => &mut self.endings[2],
            Ending::PassedToHost => &mut self.endings[3],
            Ending::Dropped(reason) => &mut self.drops[reason as usize],
        };
        count.add(bytes as u64);
    }

    /// What was forwarded a moment ago has not left.
    pub(crate) fn not_sent(&mut self, count: Count) {
        let (forwarded, dropped) = (&mut self.endings[0], &mut self.drops[DropReason::NotSent as usize]);
        forwarded.packets = forwarded.packets.saturating_sub(count.packets);
        forwarded.bytes = forwarded.bytes.saturating_sub(count.bytes);
        dropped.packets += count.packets;
        dropped.bytes += count.bytes;
    }

    pub(crate) fn drop(&mut self, denial: Denial, bytes: usize) {
        self.end(Ending::Dropped(denial.reason), bytes);
        if let Some(count) = denial.rule.and_then(|rule| self.rules.get_mut(rule.0 as usize)) {
            count.add(bytes as u64);
        }
    }
}
