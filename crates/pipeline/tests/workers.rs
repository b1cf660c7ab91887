//! Several workers are as good as one: the same packets leave, the same endings are counted, and nothing is left behind.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use nat::PORTS;
use packet::home;
use proptest::prelude::*;
use std::collections::HashSet;
use std::time::Duration;
use testkit::build::{Body, OwnedFrame, Transport, fragments, ip, ipv4, ipv6};
use testkit::lab::{Blueprint, Departed, Lab, Outcome, Steering};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const SHARED: &str = "203.0.113.10";
/// Hosts with their addresses of both families.
const HOSTS: [(&str, [&str; 2]); 5] = [
    ("vm1", [VM1, "fd00:a:0:1::4"]),
    ("vm2", ["10.0.1.5", "fd00:a:0:1::5"]),
    ("vm3", ["10.0.2.4", "fd00:a:0:2::4"]),
    ("internet", [FAR, "2001:db8:1::7"]),
    ("internet", ["198.51.100.8", "2001:db8:1::8"]),
];
/// Beside those of the hosts: public addresses of `vm3` and of all (IPv6 has none, but the gateway's own), and one that is
/// nobody's.
const PUBLIC: [[&str; 2]; 3] =
    [["203.0.113.23", "2001:db8:f::23"], [SHARED, "2001:db8:ffff::2"], ["10.0.1.77", "fd00:a:0:1::77"]];
const LONG: Duration = Duration::from_secs(250);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Udp,
    Syn,
    Ping,
    /// A datagram in three pieces, sent in the order that the number chooses.
    Pieces(usize),
}

#[derive(Clone, Debug)]
enum Step {
    Begin {
        from: usize,
        to: usize,
        /// 0 for IPv4, 1 for IPv6.
        family: usize,
        kind: Kind,
        port: u16,
    },
    /// Whoever received one of the last packets answers it, resets its connection, or complains about it.
    Answer(prop::sample::Index),
    Reset(prop::sample::Index),
    Complain(prop::sample::Index),
    Wait(u64),
    /// `vm2` loses its attachment, or gets it back.
    Reload,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind =
        prop_oneof![Just(Kind::Udp), Just(Kind::Syn), Just(Kind::Ping), (0..6usize).prop_map(Kind::Pieces)];
    let begin = (0..HOSTS.len(), 0..HOSTS.len() + PUBLIC.len(), 0..2usize, kind, 5000..5040u16);
    let any = any::<prop::sample::Index>;
    let step = prop_oneof![
        6 => begin.prop_map(|(from, to, family, kind, port)| Step::Begin { from, to, family, kind, port }),
        6 => any().prop_map(Step::Answer),
        2 => any().prop_map(Step::Reset),
        2 => any().prop_map(Step::Complain),
        1 => (1..40u64).prop_map(|seconds| Step::Wait(seconds * seconds * 100)),
        1 => Just(Step::Reload),
    ];
    prop::collection::vec(step, 1..80)
}

/// The frames of a packet that begins something.
fn beginning(from: &str, to: &str, kind: Kind, port: u16) -> Vec<OwnedFrame> {
    let draft = ip(from, to).id(u32::from(port));
    match kind {
        Kind::Udp => vec![draft.udp(port, 53).data(20).into()],
        Kind::Syn => vec![draft.tcp(port, 80).syn().seq(100).into()],
        Kind::Ping => vec![draft.echo_request(port, 1).data(20).into()],
        Kind::Pieces(order) => {
            let pieces = fragments(&draft.udp(port, 53).data(2500).bytes(), 1000);
            let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
            orders[order].map(|nth| pieces[nth].clone().into()).into()
        }
    }
}

/// What the receiver of a packet sends back, from its own address.
fn reaction(received: &Departed, step: &Step) -> Option<OwnedFrame> {
    let seen = received.seen();
    let packet = seen.ip();
    let (here, there) = (packet.destination.to_string(), packet.source.to_string());
    if let Step::Complain(_) = step {
        let error = ip(&here, &there).unreachable(3).quoting(&received.bytes, 28);
        return (packet.offset == 0).then(|| error.into());
    }
    let draft = ip(&here, &there);
    match (&packet.transport, packet.ports(), step) {
        (Transport::Tcp { .. }, Some((from, to)), Step::Reset(_)) => {
            Some(draft.tcp(to, from).rst().seq(0).ack(101).into())
        }
        (Transport::Tcp { .. }, Some((from, to)), _) => {
            Some(draft.tcp(to, from).syn().seq(500).ack(101).into())
        }
        (Transport::Udp { .. }, Some((from, to)), _) => Some(draft.udp(to, from).data(9).into()),
        (Transport::Icmp { kind: 8 | 128, .. }, ..) => {
            Some(draft.echo_reply(packet.echo_identifier()?, 1).data(20).into())
        }
        _ => None,
    }
}

/// Whether it is more than talk about neighbours.
fn is_for_a_host(out: &Departed) -> bool {
    match out.seen().body {
        Body::Ip(ip) => !matches!(ip.transport, Transport::Icmp { kind: 135 | 136, .. }),
        Body::Arp(_) | Body::Other(_) => false,
    }
}

/// What came out, without what each gateway may choose: ports and identifiers of the shared address.
fn told(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.lines().into_iter();
    lines
        .map(|line| match line.contains(SHARED) {
            true => without_number_after(" id ", &without_number_after(&format!("{SHARED}:"), &line)),
            false => line,
        })
        .collect()
}

fn without_number_after(mark: &str, line: &str) -> String {
    let mut parts = line.split(mark);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + mark + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// The directory has exactly the tuples of live flows that are not at home where their flow is.
fn assert_directory(lab: &Lab) {
    let workers = lab.engines().len();
    let away = lab.engines().iter().flat_map(|engine| {
        let flows = engine.flows(lab.now(), 0, usize::MAX).0;
        let keys = flows.into_iter().flat_map(|flow| [flow.initiator, flow.responder]);
        keys.filter(move |key| key.home(workers) != engine.worker())
    });
    assert_eq!(lab.shared().away_from_home(), away.count());
}

/// Runs the steps in several labs at once.
struct Race {
    labs: Vec<Lab>,
    /// The last packets that left, of each lab.
    last: Vec<Vec<Departed>>,
    attached: bool,
}

impl Race {
    fn new(capacity: usize, arrangements: &[(usize, Steering)]) -> Self {
        let [v4, v6] = PUBLIC[0];
        let base = Blueprint::default().dual_stack().public("vm3", v4).public_v6("vm3", v6);
        let base = || base.clone().idle(Duration::from_secs(30)).capacity(capacity);
        let labs = arrangements.iter().map(|&(workers, steering)| base().workers(workers, steering).build());
        let labs: Vec<Lab> = labs.collect();
        Self { last: vec![Vec::new(); labs.len()], labs, attached: true }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Begin { from, to, family, kind, port } => {
                let (host, addresses) = HOSTS[*from];
                let to = HOSTS.get(*to).map_or_else(|| PUBLIC[to - HOSTS.len()], |host| host.1);
                for frame in beginning(addresses[*family], to[*family], *kind, *port) {
                    self.each(|lab, _| lab.send(host, frame.clone()));
                }
            }
            Step::Answer(which) | Step::Reset(which) | Step::Complain(which) => {
                let which = *which;
                self.each(|lab, last| {
                    let received = (!last.is_empty()).then(|| &last[which.index(last.len())]);
                    let answer = received.and_then(|packet| Some((&packet.to, reaction(packet, step)?)));
                    answer.map_or_else(Outcome::default, |(from, frame)| lab.send(from, frame))
                });
            }
            Step::Wait(millis) => self.each(|lab, _| lab.advance(Duration::from_millis(*millis))),
            Step::Reload => {
                self.attached = !self.attached;
                let attached = self.attached;
                self.each(|lab, _| {
                    lab.reload(
                        |blueprint| {
                            if attached { blueprint.attached("vm2") } else { blueprint.detached("vm2") }
                        },
                    );
                    Outcome::default()
                });
            }
        }
    }

    fn each(&mut self, act: impl Fn(&mut Lab, &[Departed]) -> Outcome) {
        let mut first: Option<Vec<String>> = None;
        for (lab, last) in self.labs.iter_mut().zip(&mut self.last) {
            let outcome = act(lab, last);
            let lines = told(&outcome);
            assert_eq!(first.get_or_insert_with(|| lines.clone()), &lines, "as one worker");
            last.extend(outcome.frames.into_iter().filter(is_for_a_host));
            last.drain(..last.len().saturating_sub(12));
            assert_directory(lab);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn several_workers_do_what_one_does(steps in steps()) {
        let others = [(2, Steering::Random), (3, Steering::Random), (4, Steering::Wrong)];
        do_what_one_does(1_000, &others, &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn as_many_workers_as_there_can_be_do_what_one_does(steps in steps()) {
        do_what_one_does(64_000, &[(17, Steering::Wrong), (64, Steering::Random)], &steps);
    }
}

fn do_what_one_does(capacity: usize, others: &[(usize, Steering)], steps: &[Step]) {
    let mut race = Race::new(capacity, &[&[(1, Steering::Home)][..], others].concat());
    steps.iter().for_each(|step| race.take(step));
    // Not how often neighbours were asked again: that depends on which worker looked them up last.
    let moved: HashSet<_> = race.labs.iter().map(Lab::moved).collect();
    assert_eq!(moved.len(), 1, "{moved:#?}");
    race.take(&Step::Wait(250_000));
    for lab in &race.labs {
        assert_eq!((lab.held(), lab.shared().waiting(), lab.pools().used_total()), ([0, 0, 0], 0, 0));
        assert_eq!(lab.shared().away_from_home(), 0);
    }
}

/// A lab of four workers in which a worker has to borrow a port, and the port.
///
/// Flows of one home take ports until the worker finds no more of its own among the next ones.
fn borrowed() -> (Lab, u16) {
    let mut lab = Blueprint::default().capacity(400_000).workers(4, Steering::Wrong).build();
    for nth in 0..u32::MAX {
        let (source, destination) = ((nth % 60_000) as u16 + 1, (nth / 60_000) as u16 + 1);
        if home(source, destination, 4) != 0 {
            continue;
        }
        let sent = lab.send("vm1", ipv4(VM1, FAR).udp(source, destination));
        let (port, _) = sent.only().seen().ip().ports().unwrap();
        assert!(PORTS.contains(&port));
        if home(port, destination, 4) != 0 {
            return (lab, port);
        }
    }
    unreachable!("there are 64,511 ports")
}

#[test]
fn a_borrowed_port_is_claimed_as_long_as_its_flow_lives() {
    let ends: [fn(&mut Lab); 2] = [
        |lab| drop(lab.advance(LONG)),
        |lab| {
            lab.reload(|blueprint| blueprint.detached("vm1"));
            lab.advance(Duration::from_secs(1));
        },
    ];
    for end in ends {
        let (mut lab, port) = borrowed();
        assert_eq!(lab.shared().away_from_home(), 1);
        let destination =
            lab.flows().iter().find(|flow| flow.responder.destination_port == port).unwrap().initiator;
        let back = ipv4(FAR, SHARED).udp(destination.destination_port, port);
        let line = format!(
            "vm1: udp {FAR}:{} > {VM1}:{} ttl 63",
            destination.destination_port, destination.source_port
        );
        assert_eq!(lab.send("internet", back).lines(), [line], "whoever receives the answer");
        end(&mut lab);
        assert_eq!((lab.shared().away_from_home(), lab.held()[0]), (0, 0));
    }
}

#[test]
fn a_record_that_is_evicted_takes_its_claims_along() {
    let mut lab = Blueprint::default().capacity(64).workers(4, Steering::Random).build();
    for nth in 0..4000u16 {
        let far = format!("198.51.100.{}", nth % 3);
        let sent = lab.send("vm1", ipv4(VM1, &far).tcp(1 + nth, 80).syn().seq(100));
        if nth % 2 == 0 {
            let (port, _) = sent.only().seen().ip().ports().unwrap();
            lab.send("internet", ipv4(&far, SHARED).tcp(80, port).rst().ack(101).seq(0));
        }
        assert_directory(&lab);
    }
    lab.advance(LONG);
    assert_eq!((lab.held(), lab.shared().away_from_home()), ([0, 0, 0], 0));
}

#[test]
fn each_worker_has_its_share_of_the_records() {
    let lab = Blueprint::default().capacity(1000).workers(3, Steering::Home).build();
    let capacities: Vec<usize> = lab.engines().iter().map(|engine| engine.flow_usage().1).collect();
    assert_eq!(capacities, [334; 3]);
}

#[test]
fn what_is_steered_home_is_handed_to_nobody() {
    let mut lab = Blueprint::default().dual_stack().workers(4, Steering::Home).build();
    let handed =
        |lab: &Lab| lab.engines().iter().map(|engine| engine.counters().handed().0.packets).sum::<u64>();
    let (vm1, vm3) = ("fd00:a:0:1::4", "fd00:a:0:2::4");
    let ends = [(ipv4(VM1, "10.0.2.4"), ipv4("10.0.2.4", VM1)), (ipv6(vm1, vm3), ipv6(vm3, vm1))];
    for (there, back) in ends {
        // What waits for a neighbour's answer goes to its own worker from wherever that comes.
        lab.send("vm1", there.clone().udp(1000, 53));
        lab.send("vm3", back.clone().udp(53, 1000));
        let before = handed(&lab);
        for port in 1024..1124 {
            let exchanges: [(OwnedFrame, OwnedFrame); 3] = [
                (there.clone().udp(port, 53).into(), back.clone().udp(53, port).into()),
                (there.clone().tcp(port, 80).syn().into(), back.clone().tcp(80, port).syn().ack(1).into()),
                (there.clone().echo_request(port, 1).into(), back.clone().echo_reply(port, 1).into()),
            ];
            for (there, back) in exchanges {
                assert_eq!(lab.send("vm1", there).frames.len(), 1);
                assert_eq!(lab.send("vm3", back).frames.len(), 1);
            }
        }
        assert_eq!(handed(&lab), before);
    }
    assert!(lab.engines().iter().all(|engine| engine.flow_usage().0 > 100), "one worker has it all");
}
