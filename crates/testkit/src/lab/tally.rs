//! Every counter of the engines by name, and how they moved.

use pipeline::{DropReason, Ending, Engine, Explanation};
use std::collections::BTreeMap;

/// Every counter that is not zero, by name: endings, denying rules as `nsg/rule`, `received`, `originated`, `waiting`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Tally(BTreeMap<String, i64>);

impl Tally {
    /// The sum over all workers.
    pub(super) fn of(engines: &[Engine]) -> Self {
        let mut tally = Self::default();
        for engine in engines {
            let counters = engine.counters();
            for (ending, count) in counters.endings().filter(|(_, count)| count.packets > 0) {
                tally.add(ending.slug(), count.packets as i64);
            }
            for (id, count) in counters.rules() {
                let name = engine.snapshot().rule_name(id).expect("what counts has a name");
                tally.add(&format!("{}/{}", name.nsg, name.rule), count.packets as i64);
            }
            tally.add("received", counters.received.packets as i64);
            tally.add("originated", counters.originated.packets as i64);
        }
        tally.add("waiting", engines[0].shared().waiting() as i64);
        tally
    }

    pub(super) fn add(&mut self, name: &str, count: i64) {
        *self.0.entry(name.into()).or_default() += count;
    }

    pub(super) fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// What moved since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let names = self.0.keys().chain(before.0.keys());
        let moved = names.map(|name| (name.clone(), self.get(name) - before.get(name)));
        Self(moved.filter(|(_, count)| *count != 0).collect())
    }

    /// One line for each counter that is not as said: what was said and what it did.
    pub(super) fn difference(&self, said: &Self) -> String {
        let lines = self.since(said).0.into_keys();
        lines.map(|name| format!("  {name}: said {}, moved {}\n", said.get(&name), self.get(&name))).collect()
    }
}

/// Whether what happened is what `explain` had said. It knows nothing of neighbours that do not answer; and of frames that
/// `waited` one may have ended while this one took its place.
#[track_caller]
pub(super) fn assert_foretold(foretold: &Explanation, waited: i64, moved: &Tally) {
    let ended = |ending: Ending| moved.get(ending.slug()) > 0;
    let in_its_place = waited > 0 && moved.get("waiting") > -waited;
    let held = in_its_place || moved.get("waiting") > 0 || ended(Ending::Dropped(DropReason::NeighboursFull));
    let right = match foretold.ending {
        Some(Ending::Forwarded) => ended(Ending::Forwarded) || held,
        Some(ending) => ended(ending),
        // Where there is no room to wait, an address that the host shares is the host's.
        None => held || ended(Ending::Dropped(DropReason::FragmentsFull)) || ended(Ending::PassedToHost),
    };
    assert!(right, "explain foretold {:?}, and this moved: {moved:?}", foretold.ending);
}
