//! A whole gateway of one to three workers: frames, answers, time and reloads as the bytes say, and what must hold.
//!
//! The lab itself checks that every frame is in exactly one counter and that `explain` had foretold each end; `watch`
//! checks what leaves, and at the end nothing may be left behind.

mod draft;
mod hosts;
mod policies;
mod watch;

use crate::script::Script;
use hosts::{HOSTS, host};
use policies::{Choice, Policy};
use std::time::Duration;
use testkit::build::{Body, OwnedFrame, read};
use testkit::lab::{Departed, Lab, Outcome, Steering};
use watch::Watch;

/// The most steps of one script.
const STEPS: usize = 64;
/// How many of the last frames that left can be answered.
const RECENT: usize = 8;
/// Longer than anything is held: fragments' records are the last, with 30 seconds.
const LONGEST_HELD: Duration = Duration::from_secs(40);
/// How many workers there are, and who receives a frame.
const ARRANGEMENTS: [(usize, Steering); 4] =
    [(1, Steering::Home), (2, Steering::Random), (2, Steering::Wrong), (3, Steering::Home)];
/// Who is on the way to the internet, the second with a private address.
const ROUTERS: [&str; 2] = ["192.0.2.66", "10.99.0.1"];
const ROUTERS_V6: [&str; 2] = ["2001:db8:66::66", "fd00:99::1"];
const PAUSES: [u64; 8] = [1, 50, 100, 250, 1000, 2500, 4000, 31_000];

fn somebody(choice: u8) -> &'static str {
    HOSTS[usize::from(choice) % HOSTS.len()].name
}

/// A lab that a script drives.
struct Play {
    lab: Lab,
    /// The one in force, and the other.
    policies: [Policy; 2],
    watch: Watch,
    /// What left last, the newest at the end.
    recent: Vec<Departed>,
    /// What was sent last.
    last: Option<OwnedFrame>,
}

/// Reads the bytes as a script and plays it.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let chosen = [(script.byte(), script.byte()), (script.byte(), script.byte())];
    let arrangement = script.byte();
    let few_ports = arrangement & 0x0c == 0x0c;
    let policies = chosen.map(|(networks, rest)| Policy::of(Choice::new(networks, rest, few_ports)));
    let (workers, steering) = ARRANGEMENTS[usize::from(arrangement & 3)];
    let first = policies[0].clone();
    let lab = first.blueprint.workers(workers, steering).build_on(first.snapshot, policies::names());
    let watch = Watch::new(policies.clone());
    let mut play = Play { lab, policies, watch, recent: Vec::new(), last: None };
    for _ in 0..STEPS {
        if script.is_over() {
            break;
        }
        play.step(&mut script);
    }
    play.close();
}

impl Play {
    fn step(&mut self, script: &mut Script<'_>) {
        let what = script.byte();
        let six = what & 0x80 != 0;
        match what % 16 {
            0..=4 => {
                let (from, frame) = draft::packet(script, six);
                self.send(from, frame, script);
            }
            5 => {
                let (from, frame) = draft::fragment(script, six);
                self.send(from, frame, script);
            }
            6..=8 => self.answer(script),
            9 => self.complain(script),
            10 => {
                let (from, frame) = draft::neighbour(script, six);
                self.send(from, frame, script);
            }
            11 => {
                let from = somebody(script.byte());
                let length = script.byte();
                let bytes = script.take(length.into()).to_vec();
                self.send(from, bytes.into(), script);
            }
            12 => {
                // A switch sends it twice, or elsewhere.
                let Some(frame) = self.last.clone() else { return };
                self.send(somebody(script.byte()), frame, script);
            }
            13 => {
                let outcome = self.lab.advance(Duration::from_millis(script.one_of(&PAUSES)));
                self.see(outcome);
            }
            14 => {
                self.policies.swap(0, 1);
                let Policy { blueprint, snapshot, .. } = self.policies[0].clone();
                self.lab.reload_on(blueprint, &snapshot);
            }
            _ => match script.byte() {
                choice if choice & 1 == 0 => self.lab.silence(somebody(choice >> 1)),
                choice => self.lab.wake(somebody(choice >> 1)),
            },
        }
    }

    fn send(&mut self, from: &str, mut frame: OwnedFrame, script: &mut Script<'_>) {
        draft::alter(&mut frame, script);
        // Frames to no host of a segment, and what a reload took away, have nobody who could answer.
        let Some((nth, _)) = host(from).filter(|_| self.policies[0].has(from)) else { return };
        draft::mark(&mut frame.bytes, watch::mark_of(nth));
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
        let receiver = packet.destination;
        let routers = if receiver.is_ipv4() { ROUTERS } else { ROUTERS_V6 };
        let router = match script.byte() % 4 {
            0 | 1 => receiver,
            nth => routers[usize::from(nth) - 2].parse().expect("an address"),
        };
        let draft = draft::between(router, packet.source);
        let kinds = if router.is_ipv4() { [3, 3, 11, 4, 12, 5] } else { [1, 1, 3, 2, 4, 2] };
        let (kind, code) = (script.one_of(&kinds), script.byte() % 16);
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
