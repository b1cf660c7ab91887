//! A whole gateway in memory: VMs, the internet, a clock and fixed seeds, no sockets.
//!
//! A [`Blueprint`] says what there is, [`Lab::send`] what somebody sends, and what comes out where is compared as text.
//! [`Lab::expect`] says how the counters moved: **all** of them, so whatever moved besides fails. After every frame the
//! lab checks that all frames are accounted for and that `explain` had foretold the end.
//!
//! ```
//! use testkit::build::ipv4;
//! use testkit::lab::Blueprint;
//!
//! let mut lab = Blueprint::default().guard("db", &["100 in deny tcp 10.0.1.0/24 > *:22"]).build();
//! let sent = lab.send("vm1", ipv4("10.0.1.4", "10.0.2.4").udp(40000, 53));
//! assert_eq!(sent.lines(), ["vm3: udp 10.0.1.4:40000 > 10.0.2.4:53 ttl 63"]);
//! lab.expect([("forwarded", 1)]);
//! lab.send("vm1", ipv4("10.0.1.4", "10.0.2.4").tcp(40000, 22).syn());
//! lab.expect([("denied-inbound", 1), ("db-nsg/rule-100", 1)]);
//! ```
//!
//! A rule is `priority in|out allow|deny protocol source[:ports] > destination[:ports]`. An address is `*`, prefixes with
//! commas (those of IPv6 in brackets), a service tag, or `@asg`; ports are `*` or ranges with commas. Its name is
//! `rule-<priority>`.
//!
//! A lab has one worker unless its blueprint says otherwise; a test program with a test that calls [`in_every_arrangement`]
//! runs all its tests with several, also with every frame received by a worker that has to hand it over.
#![expect(clippy::expect_used, clippy::panic, reason = "the caller is a test")]

mod blueprint;
mod frames;
mod network;
mod networks;
mod outcome;
mod rule;
mod six;
mod steering;
mod tally;
mod way;

pub use blueprint::Blueprint;
pub use frames::address;
pub use outcome::{Departed, Outcome};
pub use steering::{Steering, in_every_arrangement};
pub use tally::Tally;
pub use way::is_about_neighbours;

use crate::build::OwnedFrame;
use blueprint::gateway_mac;
use frames::addressed;
use packet::{AttachmentId, Time};
use pipeline::{Count, DropReason, Ending, Engine, Explanation, FlowView, Settings, Shared};
use snapshot::{Names, Snapshot};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tally::assert_foretold;

/// The step in which the lab's clock goes on; shorter than any timer of the gateway.
const STEP: Duration = Duration::from_millis(100);

/// A gateway and whoever is around it.
#[derive(Debug)]
pub struct Lab {
    blueprint: Blueprint,
    names: Names,
    engines: Vec<Engine>,
    shared: Arc<Shared>,
    steering: Steering,
    /// What random steering draws from.
    drawn: u64,
    now: Time,
    silent: HashSet<String>,
    /// The counters when [`Lab::expect`] was last asked.
    before: Tally,
    /// What the lab caused by itself since: hosts' ARP replies, and the questions that they answer.
    own: Tally,
    sent: i64,
    /// Packets that have left, as the frames themselves say.
    left: Count,
}

impl Blueprint {
    /// Builds the lab.
    pub fn build(self) -> Lab {
        let mut names = Names::default();
        let snapshot = self.snapshot(&mut names);
        self.build_on(snapshot, names)
    }

    /// Builds the lab on this blueprint's policy, compiled before with these names.
    pub fn build_on(self, snapshot: Arc<Snapshot>, names: Names) -> Lab {
        let (workers, steering) = self.workers.unwrap_or_else(steering::arrangement);
        let shared = Shared::new(nat::Pools::of([3, 5], self.snat_ports), [7, 11]);
        let engine = |worker| {
            let settings = Settings { capacity: self.capacity, seed: self.flow_seed, worker, workers };
            Engine::new(Arc::clone(&snapshot), settings, Arc::clone(&shared)).expect("there is memory")
        };
        let engines: Vec<Engine> = (0..workers).map(engine).collect();
        Lab {
            before: Tally::of(&engines),
            blueprint: self,
            names,
            engines,
            shared,
            steering,
            drawn: 0x9e37_79b9_7f4a_7c15,
            now: Time::from_nanos(1_000_000_000),
            silent: HashSet::new(),
            own: Tally::default(),
            sent: 0,
            left: Count::default(),
        }
    }

    /// The policy that this blueprint makes.
    pub fn snapshot(&self, names: &mut Names) -> Arc<Snapshot> {
        let gateway = self.gateway(Arc::new(self.network()));
        Arc::new(Snapshot::build(&gateway, names).expect("the blueprint holds together"))
    }
}

impl Lab {
    /// Sends a frame from a VM, from `internet` or from a site on premises. Where a draft names no hardware addresses it gets the right ones.
    #[track_caller]
    pub fn send(&mut self, from: &str, frame: impl Into<OwnedFrame>) -> Outcome {
        let (on, frame) = self.ready(from, frame);
        let worker = self.steer(on, &frame);
        let foretold = self.explain_at(worker, on, &frame);
        let before = Tally::of(&self.engines);
        let accounts = self.left_and_forwarded();
        self.sent += 1;
        let mut outcome = Outcome::default();
        self.receive(worker, on, frame.clone(), &mut outcome);
        let moved = Tally::of(&self.engines).since(&before);
        if !is_about_neighbours(&frame.bytes) {
            assert_foretold(&foretold, before.get("waiting"), &moved);
        }
        self.settle(&mut outcome);
        let moved =
            |[left, forwarded]: [Count; 2]| (forwarded.packets - left.packets, forwarded.bytes - left.bytes);
        assert_eq!(moved(self.left_and_forwarded()), moved(accounts), "what was forwarded has left");
        outcome
    }

    /// Sends a frame like [`Self::send`], and returns only what left straight away, not by the outbox.
    #[track_caller]
    pub fn send_directly(&mut self, from: &str, frame: impl Into<OwnedFrame>) -> Outcome {
        let (on, frame) = self.ready(from, frame);
        self.sent += 1;
        let mut direct = Outcome::default();
        let worker = self.steer(on, &frame);
        self.receive(worker, on, frame, &mut direct);
        self.settle(&mut Outcome::default());
        direct
    }

    /// Checks how every counter moved since this was last asked; `received` need not be said.
    #[track_caller]
    pub fn expect<const N: usize>(&mut self, moved: [(&str, i64); N]) {
        let mut said = Tally::default();
        said.add("received", self.sent);
        moved.into_iter().for_each(|(name, count)| said.add(name, count));
        let difference = self.moved().difference(&said);
        assert!(difference.is_empty(), "the counters moved otherwise:\n{difference}");
        (self.before, self.own, self.sent) = (Tally::of(&self.engines), Tally::default(), 0);
    }

    /// How every counter moved since [`Self::expect`] was last asked, but for the gateway's questions about its neighbours
    /// that they answered.
    pub fn moved(&self) -> Tally {
        Tally::of(&self.engines).since(&self.before).since(&self.own)
    }

    /// Lets time pass, with the gateway's clockwork running. Returns what came out meanwhile.
    #[track_caller]
    pub fn advance(&mut self, span: Duration) -> Outcome {
        let end = self.now + span;
        let mut outcome = Outcome::default();
        while self.now < end {
            self.now = (self.now + STEP).min(end);
            for engine in &mut self.engines {
                engine.tick(self.now);
                while engine.idle_for().is_zero() {
                    engine.tick(self.now);
                }
            }
            self.settle(&mut outcome);
        }
        outcome
    }

    /// Takes another policy, made by changing this lab's blueprint.
    pub fn reload(&mut self, change: impl FnOnce(Blueprint) -> Blueprint) {
        let blueprint = change(self.blueprint.clone());
        let snapshot = blueprint.snapshot(&mut self.names);
        self.reload_on(blueprint, &snapshot);
    }

    /// Takes another blueprint, whose policy was compiled before with this lab's names.
    pub fn reload_on(&mut self, blueprint: Blueprint, snapshot: &Arc<Snapshot>) {
        self.blueprint = blueprint;
        self.replace(snapshot);
    }

    /// Takes a policy of its own.
    pub fn replace(&mut self, snapshot: &Arc<Snapshot>) {
        self.engines.iter_mut().for_each(|engine| engine.replace(Arc::clone(snapshot)));
    }

    /// Makes a VM, or `internet`, answer no question of ARP and neighbour discovery.
    pub fn silence(&mut self, host: &str) {
        self.silent.insert(host.into());
    }

    /// Makes it answer again.
    pub fn wake(&mut self, host: &str) {
        self.silent.remove(host);
    }

    /// Gives a VM another hardware address, of which it tells nobody.
    #[track_caller]
    pub fn change_mac(&mut self, vm: &str, mac: [u8; 6]) {
        let vm = self.blueprint.vms.iter_mut().find(|it| it.name == vm).expect("a VM of the lab");
        vm.mac = Some(mac);
    }

    /// What `explain` says about a frame.
    pub fn explain(&self, from: &str, frame: impl Into<OwnedFrame>) -> Explanation {
        let (on, frame) = self.ready(from, frame);
        self.explain_at(steering::steered(&frame.bytes, self.engines.len()), on, &frame)
    }

    /// A frame as [`Self::send`] would hand it to the engine, and where.
    pub fn ready(&self, from: &str, frame: impl Into<OwnedFrame>) -> (AttachmentId, OwnedFrame) {
        let (on, sender) = self.blueprint.place(from);
        (on, addressed(on, sender, frame.into()))
    }

    /// The only worker's engine, to be driven without the lab.
    #[track_caller]
    pub fn engine_mut(&mut self) -> &mut Engine {
        let [engine] = &mut self.engines[..] else { panic!("build this lab with one_worker()") };
        engine
    }

    /// The engines of all workers, to look at.
    pub fn engines(&self) -> &[Engine] {
        &self.engines
    }

    /// What they share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The policy in force.
    pub fn snapshot(&self) -> &Snapshot {
        self.engines[0].snapshot()
    }

    /// The live flows of all workers.
    pub fn flows(&self) -> Vec<FlowView> {
        self.engines.iter().flat_map(|engine| engine.flows(self.now, 0, usize::MAX).0).collect()
    }

    /// What is held: flow records, fragmented datagrams, pools with lingering connections. All return to zero when traffic
    /// stops.
    #[track_caller]
    pub fn held(&self) -> [usize; 3] {
        let held = self.engines.iter().map(Engine::held);
        let [flows, lingering] = held.fold([0, 0], |[flows, pools], [f, p]| [flows + f, pools + p]);
        let away = self.shared.away_from_home();
        assert!(away <= 2 * flows, "{away} tuples are claimed by {flows} flows");
        [flows, self.shared.datagrams(), lingering]
    }

    /// How many lingering connections there is memory for, to find the one whose port is given up next.
    pub fn lingering_places(&self) -> usize {
        self.engines.iter().map(Engine::lingering_places).sum()
    }

    /// The pools of translated ports.
    pub fn pools(&self) -> &nat::Pools {
        self.shared.pools()
    }

    /// The time now.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The hardware address of a VM, or of the internet's router.
    pub fn host_mac(&self, host: &str) -> [u8; 6] {
        self.blueprint.place(host).1
    }

    /// The gateway's hardware address towards a VM or the internet.
    pub fn gateway_mac(&self, host: &str) -> [u8; 6] {
        gateway_mac(self.blueprint.place(host).0)
    }

    /// How often an ending was counted since the lab was built.
    pub fn ended(&self, ending: Ending) -> u64 {
        self.engines.iter().map(|engine| engine.counters().ended(ending).packets).sum()
    }

    /// How often this reason was counted since the lab was built.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.ended(Ending::Dropped(reason))
    }
}
