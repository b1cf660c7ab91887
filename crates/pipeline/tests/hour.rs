//! An hour of everything at once: connections, pings, fragments, errors, nonsense, hosts that fall silent, reloads and
//! attachments that come and go. At its end nothing is left, and several workers have counted what one does.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use pipeline::{DropReason, Ending};
use std::time::Duration;
use testkit::build::{
    Bare, Body, Draft, OwnedFrame, Transport, arp_request, fragments, ip, neighbour_solicitation,
};
use testkit::lab::{Blueprint, Departed, Lab, Outcome, Steering};

const SECONDS: u32 = 3600;
/// The most that happens in one second.
const BUSY: u64 = 10;
/// The last packets that somebody may answer.
const RECENT: usize = 48;
/// Hosts with their addresses of both families.
const HOSTS: [(&str, [&str; 2]); 6] = [
    ("vm1", ["10.0.1.4", "fd00:a:0:1::4"]),
    ("vm2", ["10.0.1.5", "fd00:a:0:1::5"]),
    ("vm3", ["10.0.2.4", "fd00:a:0:2::4"]),
    ("internet", ["198.51.100.7", "2001:db8:1::7"]),
    ("internet", ["198.51.100.8", "2001:db8:1::8"]),
    ("internet", ["192.0.2.1", "2001:db8:2::1"]),
];
const PUBLIC: [&str; 2] = ["203.0.113.23", "2001:db8:f::23"];
/// Beside the hosts' own: public addresses, the gateway's own, and those that are nobody's.
const OTHERS: [[&str; 2]; 5] = [
    PUBLIC,
    ["203.0.113.10", "2001:db8:ffff::2"],
    ["10.0.1.77", "fd00:a:0:1::77"],
    ["172.31.0.1", "fc00::1"],
    ["203.0.113.99", "2001:db8:ffff::99"],
];

/// Numbers that look random and are the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn port(&mut self) -> u16 {
        5000 + self.below(400) as u16
    }
}

/// A lab, and what goes on in it.
struct Hour {
    lab: Lab,
    dice: Dice,
    recent: Vec<Departed>,
    /// The most flow records, translated ports and fragmented datagrams that there were at once.
    most: [usize; 3],
    attached: bool,
    strict: bool,
}

impl Hour {
    fn new(workers: usize, steering: Steering) -> Self {
        let idle = Duration::from_secs(20);
        let lab = Blueprint::default().dual_stack().public("vm3", PUBLIC[0]).public_v6("vm3", PUBLIC[1]);
        let lab = lab.idle(idle).capacity(4_000).ports_per_vm(2_000).workers(workers, steering).build();
        Self {
            lab,
            dice: Dice(0x0123_4567_89ab_cdef),
            recent: Vec::new(),
            most: [0; 3],
            attached: true,
            strict: false,
        }
    }

    /// One second: what happens in it, at moments of its own.
    fn second(&mut self, number: u32) {
        let count = self.dice.below(BUSY + 1);
        for _ in 0..count {
            self.happen();
        }
        if number.is_multiple_of(5) {
            self.reload();
        }
        if number.is_multiple_of(30) {
            self.fall_silent();
        }
        // Nobody reacts to what had waited for a neighbour: flows of several workers go on in another order than one's.
        self.lab.advance(Duration::from_secs(1));
        let held = self.lab.held();
        let seen = [held[0], self.lab.pools().used_total(), held[1]];
        self.most.iter_mut().zip(seen).for_each(|(most, now)| *most = now.max(*most));
        assert!(seen[1] <= seen[0], "every translated port has its flow record: {seen:?}");
    }

    fn happen(&mut self) {
        match self.dice.below(20) {
            0..=3 => self.begin(|draft, ports| draft.tcp(ports.0, ports.1).syn().seq(100).into()),
            4..=5 => self.begin(|draft, ports| draft.udp(ports.0, ports.1).data(30).into()),
            6..=7 => self.begin(|draft, ports| draft.echo_request(ports.0, 1).data(30).into()),
            8 => self.pieces(),
            9 => self.nonsense(),
            _ => self.react(),
        }
    }

    fn send(&mut self, from: &str, frame: impl Into<OwnedFrame>) {
        let outcome = self.lab.send(from, frame);
        self.keep(outcome);
    }

    fn keep(&mut self, outcome: Outcome) {
        self.recent.extend(outcome.frames.into_iter().filter(is_for_a_host));
        self.recent.drain(..self.recent.len().saturating_sub(RECENT));
    }

    /// Somebody who sends, from which address, and an address to send to.
    fn ends(&mut self) -> (&'static str, &'static str, &'static str) {
        let (from, source) = self.dice.one_of(&HOSTS);
        let family = self.dice.below(2) as usize;
        if from == "internet" && self.dice.below(4) > 0 {
            return (from, source[family], PUBLIC[family]);
        }
        let to = self.dice.below((HOSTS.len() + OTHERS.len()) as u64) as usize;
        let to = HOSTS.get(to).map_or_else(|| OTHERS[to - HOSTS.len()], |host| host.1);
        (from, source[family], to[family])
    }

    fn begin(&mut self, make: impl Fn(Draft<Bare>, (u16, u16)) -> OwnedFrame) {
        let (from, source, to) = self.ends();
        // From outside only to ports that are never lent: who has which one, each gateway chooses by itself.
        let ports = (self.dice.port(), self.dice.one_of(&[22, 53, 80, 443]));
        let frame = make(ip(source, to), ports);
        self.send(from, frame);
    }

    /// A datagram in pieces, in any order, some of which get lost.
    fn pieces(&mut self) {
        let (from, source, to) = self.ends();
        let (port, id) = (self.dice.port(), self.dice.below(0x1_0000) as u32);
        let mut pieces = fragments(&ip(source, to).id(id).udp(port, 53).data(2500).bytes(), 1000);
        while !pieces.is_empty() {
            let piece = pieces.swap_remove(self.dice.below(pieces.len() as u64) as usize);
            if self.dice.below(8) > 0 {
                self.send(from, piece);
            }
        }
    }

    /// What no honest host sends.
    fn nonsense(&mut self) {
        let (from, source, to) = self.ends();
        let port = self.dice.port();
        let is_v6 = source.contains(':');
        let either = |v4, v6| if is_v6 { v6 } else { v4 };
        let frame: OwnedFrame = match self.dice.below(9) {
            0 => ip(source, source).tcp(port, port).syn().into(),
            1 => ip(either("127.0.0.1", "::1"), to).udp(port, 53).into(),
            2 => ip(either("10.0.1.200", "fd00:a:0:1::200"), to).udp(port, 53).into(),
            3 => ip(source, to).tcp(port, 80).syn().wrong_checksum().into(),
            4 => ip(source, to).udp(port, 53).length(4).into(),
            5 if is_v6 => ip(source, to).extension(43, &[0, 1, 0, 0, 0, 0]).udp(port, 53).into(),
            5 => ip(source, to).ip_options(&[131, 7, 4, 10, 0, 0, 1, 0]).udp(port, 53).into(),
            6 => ip(source, either("224.0.0.251", "ff02::fb")).udp(port, 5353).into(),
            7 => ip(source, to).ttl(1).udp(port, 53).into(),
            _ if is_v6 => neighbour_solicitation(self.lab.host_mac(from), source, to).into(),
            _ => arp_request(self.lab.host_mac(from), source, to).into(),
        };
        self.send(from, frame);
    }

    /// Whoever received one of the last packets answers, goes on, ends it, or complains.
    fn react(&mut self) {
        if self.recent.is_empty() {
            return;
        }
        let nth = self.dice.below(self.recent.len() as u64) as usize;
        let what = self.dice.below(6);
        let received = &self.recent[nth];
        let to = received.to.clone();
        if let Some(frame) = reaction(received, what) {
            self.send(&to, frame);
        }
    }

    /// Another policy, and sometimes another attachment.
    fn reload(&mut self) {
        self.strict = !self.strict;
        if self.dice.below(3) == 0 {
            self.attached = !self.attached;
        }
        let (strict, attached) = (self.strict, self.attached);
        self.lab.reload(|blueprint| {
            let rules: &[&str] = if strict { &["100 in deny tcp * > *:22"] } else { &[] };
            let blueprint = blueprint.guard("db", rules);
            if attached { blueprint.attached("vm2") } else { blueprint.detached("vm2") }
        });
    }

    /// Now and then a host answers no questions for a while.
    fn fall_silent(&mut self) {
        HOSTS.iter().for_each(|host| self.lab.wake(host.0));
        if self.dice.below(3) == 0 {
            let host = self.dice.one_of(&HOSTS).0;
            self.lab.silence(host);
        }
    }

    /// Everybody stops; what is left goes by itself.
    fn end(mut self) -> (Vec<(&'static str, u64)>, [usize; 3]) {
        HOSTS.iter().for_each(|host| self.lab.wake(host.0));
        self.lab.advance(Duration::from_secs(250));
        let (lab, shared) = (&self.lab, self.lab.shared());
        assert_eq!(lab.held(), [0; 3], "flow records, fragmented datagrams, lingering connections");
        assert_eq!((lab.pools().used_total(), lab.pools().askers()), (0, 0), "translated ports");
        assert_eq!((shared.away_from_home(), shared.waiting()), (0, 0), "owners, frames that wait");
        assert!(shared.next_hops() > 0, "neighbours are remembered for longer");
        self.lab.advance(Duration::from_secs(400));
        assert_eq!(self.lab.shared().next_hops(), 0, "neighbours");
        let others = [Ending::Forwarded, Ending::Answered, Ending::Consumed, Ending::PassedToHost];
        let all = others.into_iter().chain(DropReason::ALL.iter().map(|&reason| Ending::Dropped(reason)));
        let counted = all.map(|ending| (ending.slug(), self.lab.ended(ending)));
        (counted.filter(|(_, count)| *count > 0).collect(), self.most)
    }
}

/// Whether it is more than talk about neighbours.
fn is_for_a_host(out: &Departed) -> bool {
    match out.seen().body {
        Body::Ip(ip) => !matches!(ip.transport, Transport::Icmp { kind: 135 | 136, .. }),
        Body::Arp(_) | Body::Other(_) => false,
    }
}

fn reaction(received: &Departed, what: u64) -> Option<OwnedFrame> {
    let seen = received.seen();
    let packet = seen.ip();
    let (here, there) = (packet.destination.to_string(), packet.source.to_string());
    let draft = ip(&here, &there);
    if what == 0 {
        return (packet.offset == 0).then(|| draft.unreachable(3).quoting(&received.bytes, 28).into());
    }
    match (&packet.transport, packet.ports()) {
        (Transport::Tcp { .. }, Some((from, to))) => {
            let tcp = draft.tcp(to, from).seq(500).ack(101);
            Some(match what {
                1 => tcp.rst().into(),
                2 => tcp.fin().into(),
                3 => tcp.data(100).into(),
                _ => tcp.syn().into(),
            })
        }
        (Transport::Udp { .. }, Some((from, to))) => Some(draft.udp(to, from).data(9).into()),
        (Transport::Icmp { kind: 8 | 128, .. }, _) => {
            Some(draft.echo_reply(packet.echo_identifier()?, 1).data(30).into())
        }
        _ => None,
    }
}

fn hour(workers: usize, steering: Steering) -> (Vec<(&'static str, u64)>, [usize; 3]) {
    let mut hour = Hour::new(workers, steering);
    (0..SECONDS).for_each(|number| hour.second(number));
    hour.end()
}

#[test]
fn an_hour_leaves_nothing_behind() {
    let arrangements = [
        (1, Steering::Home),
        (2, Steering::Wrong),
        (4, Steering::Home),
        (4, Steering::Wrong),
        (3, Steering::Random),
    ];
    let hours = std::thread::scope(|scope| {
        let running = arrangements.map(|(workers, steering)| scope.spawn(move || hour(workers, steering)));
        running.map(|hour| hour.join().unwrap())
    });
    let (counted, most) = &hours[0];
    let count = |name: &str| counted.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
    for name in EXPECTED {
        assert!(count(name) > 0, "{name} did not happen: {counted:?}");
    }
    assert!(most.iter().all(|&most| most > 5), "there was something to go: {most:?}");
    for (other, arrangement) in hours.iter().zip(arrangements) {
        assert_eq!(other, &hours[0], "{arrangement:?} counts as one worker does");
    }
}

/// What an hour brings about.
const EXPECTED: [&str; 19] = [
    "forwarded",
    "answered",
    "consumed",
    "bad-transport-header",
    "source-route",
    "multicast",
    "spoofed-source",
    "martian",
    "fragment-orphan",
    "reply-without-flow",
    "error-without-flow",
    "denied-inbound",
    "route-none",
    "unknown-destination",
    "detached-destination",
    "no-mapping",
    "snat-midstream",
    "no-ipv6-snat",
    "no-neighbour",
];
