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
//! commas, a service tag, or `@asg`; ports are `*` or ranges with commas. Its name is `rule-<priority>`.
#![expect(clippy::expect_used, clippy::panic, reason = "the caller is a test")]

mod blueprint;
mod frames;
mod network;
mod networks;
mod outcome;
mod rule;
mod tally;

pub use blueprint::Blueprint;
pub use frames::address;
pub use outcome::{Departed, Outcome};

use crate::build::{Body, OwnedFrame, arp_reply, read};
use blueprint::gateway_mac;
use frames::addressed;
use packet::{AttachmentId, Offload, Time};
use pipeline::{DropReason, Ending, Engine, Explanation, Names, Settings, Snapshot};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tally::{Tally, assert_foretold};

/// The step in which the lab's clock goes on; shorter than any timer of the gateway.
const STEP: Duration = Duration::from_millis(100);

/// A gateway and whoever is around it.
#[derive(Debug)]
pub struct Lab {
    blueprint: Blueprint,
    names: Names,
    engine: Engine,
    pools: Arc<nat::Pools>,
    now: Time,
    silent: HashSet<String>,
    /// The counters when [`Lab::expect`] was last asked.
    before: Tally,
    /// What the lab caused by itself since: hosts' ARP replies, and the questions that they answer.
    own: Tally,
    sent: i64,
}

impl Blueprint {
    /// Builds the lab.
    pub fn build(self) -> Lab {
        let mut names = Names::default();
        let snapshot = self.snapshot(&mut names);
        let settings =
            Settings { capacity: self.capacity, timeouts: flow::Timeouts::default(), seed: [0x5eed, 0xfeed] };
        let pools = nat::Pools::new([3, 5]);
        let engine = Engine::new(snapshot, settings, Arc::clone(&pools)).expect("there is memory");
        Lab {
            before: Tally::of(&engine),
            blueprint: self,
            names,
            engine,
            pools,
            now: Time::from_nanos(1_000_000_000),
            silent: HashSet::new(),
            own: Tally::default(),
            sent: 0,
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
        let foretold = self.engine.explain(on, &mut frame.bytes.clone(), frame.offload);
        let before = Tally::of(&self.engine);
        self.sent += 1;
        let mut outcome = Outcome::default();
        self.receive(on, frame.clone(), &mut outcome);
        let moved = Tally::of(&self.engine).since(&before);
        if !matches!(read(&frame.bytes), Ok(seen) if matches!(seen.body, Body::Arp(_))) {
            assert_foretold(&foretold, before.get("waiting"), &moved);
        }
        self.settle(&mut outcome);
        outcome
    }

    /// Sends a frame like [`Self::send`], and returns only what left straight away, not by the outbox.
    #[track_caller]
    pub fn send_directly(&mut self, from: &str, frame: impl Into<OwnedFrame>) -> Outcome {
        let (on, frame) = self.ready(from, frame);
        self.sent += 1;
        let mut direct = Outcome::default();
        self.receive(on, frame, &mut direct);
        self.settle(&mut Outcome::default());
        direct
    }

    /// Checks how every counter moved since this was last asked; `received` need not be said.
    #[track_caller]
    pub fn expect<const N: usize>(&mut self, moved: [(&str, i64); N]) {
        let now = Tally::of(&self.engine);
        let really = now.since(&self.before).since(&self.own);
        let mut said = Tally::default();
        said.add("received", self.sent);
        moved.into_iter().for_each(|(name, count)| said.add(name, count));
        let difference = really.difference(&said);
        assert!(difference.is_empty(), "the counters moved otherwise:\n{difference}");
        (self.before, self.own, self.sent) = (now, Tally::default(), 0);
    }

    /// Lets time pass, with the gateway's clockwork running. Returns what came out meanwhile.
    #[track_caller]
    pub fn advance(&mut self, span: Duration) -> Outcome {
        let end = self.now + span;
        let mut outcome = Outcome::default();
        while self.now < end {
            self.now = (self.now + STEP).min(end);
            self.engine.tick(self.now);
            while self.engine.idle_for().is_zero() {
                self.engine.tick(self.now);
            }
            self.settle(&mut outcome);
        }
        outcome
    }

    /// Takes another policy, made by changing this lab's blueprint.
    pub fn reload(&mut self, change: impl FnOnce(Blueprint) -> Blueprint) {
        self.blueprint = change(self.blueprint.clone());
        let snapshot = self.blueprint.snapshot(&mut self.names);
        self.engine.replace(snapshot);
    }

    /// Makes a VM, or `internet`, answer no ARP request.
    pub fn silence(&mut self, host: &str) {
        self.silent.insert(host.into());
    }

    /// Makes it answer again.
    pub fn wake(&mut self, host: &str) {
        self.silent.remove(host);
    }

    /// What `explain` says about a frame.
    pub fn explain(&self, from: &str, frame: impl Into<OwnedFrame>) -> Explanation {
        let (on, OwnedFrame { mut bytes, offload }) = self.ready(from, frame);
        self.engine.explain(on, &mut bytes, offload)
    }

    /// A frame as [`Self::send`] would hand it to the engine, and where.
    pub fn ready(&self, from: &str, frame: impl Into<OwnedFrame>) -> (AttachmentId, OwnedFrame) {
        let (on, sender) = self.blueprint.place(from);
        (on, addressed(on, sender, frame.into()))
    }

    /// The engine, to be driven without the lab.
    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// The engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The pools of translated ports.
    pub fn pools(&self) -> &nat::Pools {
        &self.pools
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
        self.engine.counters().ended(ending).packets
    }

    /// How often this reason was counted since the lab was built.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.ended(Ending::Dropped(reason))
    }

    /// Hands a frame to the engine and takes it as it leaves.
    fn receive(&mut self, on: AttachmentId, mut frame: OwnedFrame, outcome: &mut Outcome) {
        let mut view = frame.frame();
        let egress = self.engine.receive(self.now, on, &mut view);
        let offload = view.offload;
        if let Some(to) = egress {
            self.depart(to, frame.bytes, offload, outcome);
        }
    }

    /// Takes everything out of the outbox, and lets the hosts answer what they are asked, until nothing is left.
    #[track_caller]
    fn settle(&mut self, outcome: &mut Outcome) {
        loop {
            let mut frames = Vec::new();
            self.engine.outbox().drain(|out| frames.push((out.to, out.bytes.clone(), out.offload)));
            if frames.is_empty() {
                break;
            }
            for (to, bytes, offload) in frames {
                match self.answer_to(to, &bytes) {
                    Some(reply) => {
                        for (name, count) in [("received", 1), ("consumed", 1), ("originated", 1)] {
                            self.own.add(name, count);
                        }
                        self.receive(to, reply.into(), outcome);
                    }
                    None => self.depart(to, bytes, offload, outcome),
                }
            }
        }
        let counters = self.engine.counters();
        let accounted = counters.total().packets + self.engine.waiting() as u64;
        assert_eq!(counters.received.packets, accounted, "received = endings + waiting");
    }

    fn depart(&self, to: AttachmentId, bytes: Vec<u8>, offload: Offload, outcome: &mut Outcome) {
        assert_eq!(bytes[6..12], gateway_mac(to), "frames leave under the gateway's hardware address");
        outcome.frames.push(Departed { to: self.blueprint.name_at(to, &bytes[..6]), bytes, offload });
    }

    /// What the host behind an attachment answers to an ARP request for it.
    fn answer_to(&self, on: AttachmentId, bytes: &[u8]) -> Option<Vec<u8>> {
        let Body::Arp(arp) = read(bytes).ok()?.body else { return None };
        let (target, asker) = (arp.target.1, arp.sender);
        let owner = self.blueprint.who_has(on, target).filter(|_| arp.operation == 1)?;
        let mac = self.blueprint.place(&owner).1;
        let answers = !self.silent.contains(&owner);
        answers.then(|| arp_reply(mac, &target.to_string(), asker.0, &asker.1.to_string()))
    }
}
