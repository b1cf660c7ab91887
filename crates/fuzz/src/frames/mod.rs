//! A whole gateway of one to three workers: frames, answers, time and reloads as the bytes say, and what must hold.
//!
//! The lab itself checks that every frame is in exactly one counter and that `explain` had foretold each end; `watch`
//! checks what leaves, and at the end nothing may be left behind.

mod draft;
mod watch;

use crate::script::Script;
use std::time::Duration;
use testkit::build::{Body, OwnedFrame, ipv4, read};
use testkit::lab::{Blueprint, Departed, Lab, Outcome, Steering};
use watch::Watch;

/// Who sends: the internet's router and the VMs. `vm4` has the address of `vm1` in another virtual network.
const HOSTS: [&str; 5] = ["internet", "vm1", "vm2", "vm3", "vm4"];
/// Their addresses, the internet's being somebody behind the router.
const ADDRESSES: [&str; 5] = ["198.51.100.7", "10.0.1.4", "10.0.1.5", "10.0.2.4", "10.0.1.4"];
/// The most steps of one script.
const STEPS: usize = 64;
/// How many of the last frames that left can be answered.
const RECENT: usize = 8;
/// How long a silent flow lives here.
const IDLE: Duration = Duration::from_secs(2);
/// Longer than anything is held: fragments' records are the last, with 30 seconds.
const LONGEST_HELD: Duration = Duration::from_secs(40);
/// How many workers there are, and who receives a frame.
const ARRANGEMENTS: [(usize, Steering); 4] =
    [(1, Steering::Home), (2, Steering::Random), (2, Steering::Wrong), (3, Steering::Home)];
const PAUSES: [u64; 8] = [1, 50, 100, 250, 1000, 2500, 4000, 31_000];

/// A lab that a script drives.
struct Play {
    lab: Lab,
    policies: [Blueprint; 2],
    watch: Watch,
    /// What left last, the newest at the end.
    recent: Vec<Departed>,
    /// What was sent last.
    last: Option<OwnedFrame>,
}

/// Reads the bytes as a script and plays it.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let policies = [policy(script.byte()), policy(script.byte())];
    let (workers, steering) = script.one_of(&ARRANGEMENTS);
    let lab = policies[0].clone().workers(workers, steering).build();
    let mut play = Play { lab, policies, watch: Watch::default(), recent: Vec::new(), last: None };
    for _ in 0..STEPS {
        if script.is_over() {
            break;
        }
        play.step(&mut script);
    }
    play.close();
}

/// One of a few policies; flow tables are small, so that full is near.
fn policy(choice: u8) -> Blueprint {
    let base = Blueprint::default()
        .vnet("other", "10.0.0.0/16")
        .subnet("far", "10.0.1.0/24")
        .vm("vm4", "far", "10.0.1.4")
        .asg("fronts", &["vm1", "vm2"])
        .public("vm1", "203.0.113.21")
        .idle(IDLE)
        .capacity(12);
    let base = if choice & 1 == 0 { base } else { base.standard_public("vm3", "203.0.113.23") };
    let base = match choice >> 1 & 3 {
        0 => base,
        1 => base
            .guard(
                "web",
                &["100 in allow any Internet > *:1-1023", "110 in deny tcp VirtualNetwork > @fronts:22"],
            )
            .guard("vm3", &["100 in allow udp @fronts > *", "200 in deny any * > *"]),
        2 => base
            .guard("db", &["100 out deny any * > Internet", "100 in allow tcp * > *:80,443,8000-9000"])
            .guard("vm1", &["100 in allow any * > *", "100 out deny udp * > 198.51.100.0/24:53"]),
        _ => base.guard("web", &["100 in deny any * > *", "100 out allow icmp * > *"]).guard("vm3", &[]),
    };
    let base = match choice >> 3 & 3 {
        0 => base,
        1 => base.mtu("internet", 576).mtu("vm2", 1280),
        2 => base.mtu("vm1", 68).enforce_mac("vm2"),
        _ => base.detached("vm3"),
    };
    match choice >> 5 {
        0..=3 => base,
        4 => base.default_public(None),
        5 => base.without_internet(),
        6 => base.host(&["203.0.113.10"]),
        _ => base.internet("203.0.113.2/24", None),
    }
}

impl Play {
    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 16 {
            0..=4 => {
                let (from, frame) = draft::packet(script);
                self.send(from, frame, script);
            }
            5 => {
                let (from, frame) = draft::fragment(script);
                self.send(from, frame, script);
            }
            6..=8 => self.answer(script),
            9 => self.complain(script),
            10 => {
                let (from, frame) = draft::arp(script);
                self.send(from, frame, script);
            }
            11 => {
                let from = script.one_of(&HOSTS);
                let length = script.byte();
                let bytes = script.take(length.into()).to_vec();
                self.send(from, bytes.into(), script);
            }
            12 => {
                // A switch sends it twice, or elsewhere.
                let Some(frame) = self.last.clone() else { return };
                self.send(script.one_of(&HOSTS), frame, script);
            }
            13 => {
                let outcome = self.lab.advance(Duration::from_millis(script.one_of(&PAUSES)));
                self.see(outcome);
            }
            14 => {
                self.policies.swap(0, 1);
                let next = self.policies[0].clone();
                self.lab.reload(|_| next);
            }
            _ => match script.byte() {
                choice if choice & 1 == 0 => self.lab.silence(HOSTS[usize::from(choice) % HOSTS.len()]),
                choice => self.lab.wake(HOSTS[usize::from(choice) % HOSTS.len()]),
            },
        }
    }

    fn send(&mut self, from: &str, mut frame: OwnedFrame, script: &mut Script<'_>) {
        draft::alter(&mut frame, script);
        let (_, ready) = self.lab.ready(from, frame.clone());
        self.watch.note(&ready);
        self.last = Some(frame);
        let outcome = self.lab.send(from, ready);
        self.see(outcome);
    }

    fn see(&mut self, outcome: Outcome) {
        outcome.frames.iter().for_each(|out| self.watch.check(out));
        self.recent.extend(outcome.frames);
        let old = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..old);
    }

    fn recent(&self, nth: u8) -> Option<&Departed> {
        self.recent.iter().rev().nth(usize::from(nth) % RECENT)
    }

    /// Whoever received one of the last frames sends it back with its ends exchanged.
    fn answer(&mut self, script: &mut Script<'_>) {
        let Some(out) = self.recent(script.byte()) else { return };
        let (from, answer) = (out.to.clone(), draft::answer(&out.bytes, out.offload, script.byte()));
        if let Some(answer) = answer {
            self.send(&from, answer, script);
        }
    }

    /// Whoever received one of the last frames, or a router on the way, sends an ICMP error about it.
    fn complain(&mut self, script: &mut Script<'_>) {
        let Some(out) = self.recent(script.byte()) else { return };
        let Ok(Body::Ip(packet)) = read(&out.bytes).map(|seen| seen.body) else { return };
        let receiver = packet.destination.to_string();
        let router =
            script.one_of(&[receiver.as_str(), receiver.as_str(), "192.0.2.66", "10.99.0.1"]).to_owned();
        let draft = ipv4(&router, &packet.source.to_string());
        let (kind, code) = (script.one_of(&[3, 3, 11, 4, 12, 5]), script.byte() % 16);
        let quoted = script.one_of(&[8, 28, 255, 7]);
        let from = out.to.clone();
        let error = draft.icmp(kind, code, u32::from(script.byte()) << 3).quoting(&out.bytes, quoted);
        self.send(&from, error.into(), script);
    }

    /// Time passes, and everything that was held is let go.
    fn close(mut self) {
        let outcome = self.lab.advance(LONGEST_HELD);
        self.see(outcome);
        assert_eq!(self.lab.held(), [0, 0, 0], "flows, fragments, lingering pools");
        assert_eq!(self.lab.shared().waiting(), 0, "frames that wait");
        assert_eq!(self.lab.pools().used_total(), 0, "translated ports");
    }
}
