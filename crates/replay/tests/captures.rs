//! Captures through a real engine: what was counted when they were taken, and what another policy makes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use answer::Replayed;
use packet::Frame;
use pcap::{Reader, Record, Writer};
use pipeline::{DropReason, Ending};
use replay::{Captures, Seeds, Tally, Trial};
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{OwnedFrame, fragments, ipv4};
use testkit::lab::{Blueprint, Lab, Outcome};

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const PUBLIC: &str = "203.0.113.10";
/// What the lab's engine is made with.
const LABS: Seeds = Seeds { flows: [0x5eed, 0xfeed], pools: [3, 5], shared: [7, 11] };

fn trial(blueprint: &Blueprint, seeds: Seeds) -> Trial {
    Trial::new(blueprint.gateway(Arc::new(blueprint.network())), 1000, seeds).unwrap()
}

/// A lab and the capture of all that came in there.
struct Taken {
    lab: Lab,
    capture: Writer<Vec<u8>>,
    count: u64,
}

impl Taken {
    fn new(blueprint: &Blueprint) -> Self {
        let lab = blueprint.clone().one_worker().build();
        Self { lab, capture: Writer::new(Vec::new()).unwrap(), count: 0 }
    }

    fn send(&mut self, from: &str, frame: impl Into<OwnedFrame>) -> Outcome {
        let frame = frame.into();
        let (_, ready) = self.lab.ready(from, frame.clone());
        let time = Duration::from_secs(1_700_000_000) + Duration::from_nanos(self.lab.now().nanos());
        self.capture.write(time, &ready.bytes).unwrap();
        self.count += 1;
        self.lab.send(from, frame)
    }
}

fn records(file: &[u8]) -> Vec<Record> {
    Reader::new(file).unwrap().collect::<Result<_, _>>().unwrap()
}

fn run(captures: &mut Captures, records: &[Record]) -> Replayed {
    let mut tally = Tally::new(100);
    records.iter().for_each(|record| captures.packet("c.pcap", record, &mut tally));
    tally.answer()
}

fn policy() -> Blueprint {
    Blueprint::default()
        .public("vm3", "203.0.113.23")
        .guard("vm1", &["100 out deny tcp * > *:25"])
        .guard("db", &["100 in allow tcp * > *:443", "110 in deny udp 10.0.1.0/24 > *:53"])
}

/// Connections, their answers, refusals, pings, fragments, and time that ends flows.
fn traffic(taken: &mut Taken) {
    for port in 5000..5040 {
        let out = taken.send("vm1", ipv4(VM1, FAR).udp(port, 53));
        let (leased, _) = out.only().seen().ipv4().ports().unwrap();
        taken.send("internet", ipv4(FAR, PUBLIC).udp(53, leased));
        taken.send("internet", ipv4("198.51.100.9", PUBLIC).udp(53, leased));
        taken.send("vm1", ipv4(VM1, FAR).tcp(port, 25).syn());
        taken.send("vm1", ipv4(VM1, VM3).udp(port, 53));
        taken.send("vm1", ipv4(VM1, VM3).tcp(port, 443).syn());
        taken.send("vm3", ipv4(VM3, VM1).tcp(443, port).syn().ack(1));
        taken.send("internet", ipv4(FAR, "203.0.113.23").tcp(port, 443).syn());
        taken.send("vm3", ipv4(VM3, FAR).tcp(443, port).syn().ack(1));
        taken.send("internet", ipv4(FAR, "203.0.113.23").tcp(port, 22).syn());
        taken.send("vm2", ipv4("10.0.1.5", FAR).echo_request(port, 1));
        for part in fragments(&ipv4(VM1, FAR).udp(port, 54).data(3000).bytes(), 1480) {
            taken.send("vm1", part);
        }
        taken.lab.advance(Duration::from_secs(if port % 7 == 0 { 300 } else { 3 }));
    }
}

#[test]
fn a_capture_of_the_lab_ends_as_it_was_counted() {
    let blueprint = policy();
    let mut taken = Taken::new(&blueprint);
    traffic(&mut taken);
    let mut captures = Captures::new(trial(&blueprint, LABS), None);
    let answer = run(&mut captures, &records(&taken.capture.into_inner()));
    let unasked = taken.lab.dropped(DropReason::NoMapping);
    assert_eq!((unasked, answer.judged), (40, taken.count - 40), "{:?}", answer.not_judged);

    let counted = captures.now().engine().counters();
    let ended: Vec<_> = taken.lab.engines()[0].counters().endings().collect();
    // What neighbours are asked and answer differs: those of the lab move and are asked for again.
    for (ending, count) in ended.into_iter().filter(|(ending, _)| *ending != Ending::Consumed) {
        assert_eq!(counted.ended(ending).packets, count.packets, "{}", ending.slug());
    }
    let denied = [DropReason::DeniedInbound, DropReason::DeniedOutbound];
    let denied: u64 = denied.iter().map(|reason| taken.lab.dropped(*reason)).sum();
    assert_eq!(denied, answer.denied);
    let by_rule: Vec<_> = answer
        .differences
        .iter()
        .map(|one| {
            (one.place.as_str(), one.now.rule.as_deref().or(one.now.reason.as_deref()).unwrap(), one.count)
        })
        .collect();
    assert_eq!(by_rule.len(), 3, "{by_rule:?}");
    assert!(by_rule.contains(&("vm1", "securityRules/rule-100", 40)), "{by_rule:?}");
    assert!(by_rule.contains(&("vm1", "securityRules/rule-110", 40)), "{by_rule:?}");
    assert!(by_rule.contains(&("internet", "defaultSecurityRules/DenyAllInBound", 40)), "{by_rule:?}");
}

#[test]
fn two_policies_differ_where_they_differ() {
    let (old, new) = (policy(), policy().guard("vm1", &["100 out deny tcp * > *:26"]));
    let mut taken = Taken::new(&old);
    traffic(&mut taken);
    let records = records(&taken.capture.into_inner());
    let same = run(&mut Captures::new(trial(&old, LABS), Some(trial(&old, LABS))), &records);
    assert_eq!((same.judged, same.same, same.different), (taken.count - 40, taken.count - 40, 0));
    assert!(same.differences.is_empty());

    let answer = run(&mut Captures::new(trial(&new, LABS), Some(trial(&old, LABS))), &records);
    // Its SNAT ports are others, and what answers to the old ones says nothing of the policy.
    assert_eq!((answer.judged + answer.not_judged[0].count, answer.different), (taken.count, 40));
    assert_eq!(answer.not_judged[0].reason, "translated-port");
    let [one] = &answer.differences[..] else { panic!("{:#?}", answer.differences) };
    let was = one.was.as_ref().unwrap();
    assert_eq!((was.access.as_str(), was.rule.as_deref()), ("Deny", Some("securityRules/rule-100")));
    let allowing = Some("defaultSecurityRules/AllowInternetOutBound");
    assert_eq!((one.now.access.as_str(), one.now.rule.as_deref()), ("Allow", allowing));
    assert_eq!((one.count, one.examples.len(), one.examples[0].at.as_str()), (40, 40, "c.pcap#4"));
    assert_eq!((one.examples[0].source_port, one.examples[0].destination_port), (5000, 25));
}

/// A record of raw IP, as a machine captures it on its own tunnel or any device.
fn raw(number: u64, seconds: u64, frame: &[u8], cut_to: usize) -> Record {
    let ip = &frame[14..];
    let bytes = ip[..cut_to.min(ip.len())].to_vec();
    let link = pcap::Link::RawIp;
    Record { number, time: Duration::from_secs(seconds), bytes, length: ip.len() as u32, link }
}

#[test]
fn a_machines_own_capture_finds_its_answers() {
    let blueprint = policy();
    let packets = [
        raw(1, 10, &ipv4(VM1, FAR).tcp(5000, 443).syn().bytes(), 40),
        // The answer as the machine sees it, to its private address.
        raw(2, 10, &ipv4(FAR, VM1).tcp(443, 5000).syn().ack(1).bytes(), 40),
        raw(3, 11, &ipv4(VM1, FAR).tcp(5000, 443).ack(1).data(900).bytes(), 60),
        // To a machine with a public address of its own: unasked.
        raw(4, 12, &ipv4(FAR, VM3).tcp(6000, 443).syn().bytes(), 40),
        raw(5, 12, &ipv4(FAR, VM3).tcp(6000, 22).syn().bytes(), 40),
        // Unasked, and nothing stands for its address outside.
        raw(6, 13, &ipv4(FAR, VM1).tcp(443, 5001).syn().bytes(), 40),
        // The flow is over.
        raw(7, 1000, &ipv4(FAR, VM1).tcp(443, 5000).ack(1).bytes(), 40),
        raw(8, 1001, &ipv4("8.8.8.8", FAR).udp(1, 2).bytes(), 40),
    ];
    let mut captures = Captures::new(trial(&blueprint, Seeds::default()), None);
    let answer = run(&mut captures, &packets);
    assert_eq!((answer.judged, answer.allowed, answer.denied), (5, 4, 1), "{answer:#?}");
    let reasons: Vec<_> = answer.not_judged.iter().map(|one| (one.reason.as_str(), one.count)).collect();
    assert_eq!(reasons, [("foreign", 1), ("no-public-address", 2)]);
    assert_eq!(answer.differences[0].examples[0].at, "c.pcap#5");
    assert_eq!(answer.differences[0].now.rule.as_deref(), Some("defaultSecurityRules/DenyAllInBound"));
}

#[test]
fn what_would_happen_is_told_of_each_packet_before_it_goes() {
    let mut trial = trial(&policy(), Seeds::default());
    let answer = raw(2, 10, &ipv4(FAR, VM1).udp(53, 5000).bytes(), 40);
    assert!(trial.ready(&answer).is_err());
    let question = raw(1, 10, &ipv4(VM1, FAR).udp(5000, 53).bytes(), 40);
    trial.advance(question.time);
    let ready = trial.ready(&question).unwrap();
    let walk = trial.tell(ready.clone()).unwrap();
    assert_eq!((walk.from.as_str(), walk.from_because.as_deref()), ("vm1", Some("its source address")));
    assert_eq!(walk.stages[3].decided.as_ref().unwrap().earlier_rules, 2);
    trial.pass(ready);
    let walk = trial.tell(trial.ready(&answer).unwrap()).unwrap();
    assert_eq!((walk.verdict.as_str(), walk.from.as_str()), ("forwarded", "internet"));
    assert!(walk.stages[2].outcome.starts_with("a live flow"), "{walk:#?}");
    assert_eq!(walk.packet, "Udp 198.51.100.7:53 > 10.0.1.4:5000");
}

#[test]
fn what_is_foreseen_happens() {
    let blueprint = policy();
    let mut taken = Taken::new(&blueprint);
    traffic(&mut taken);
    let mut engine = taken.lab.engine_mut();
    let now = packet::Time::from_nanos(u64::MAX / 2);
    for record in records(&taken.capture.into_inner()) {
        let on = engine.snapshot().network.network_interfaces.len();
        assert!(on > 0);
        let mut bytes = record.bytes.clone();
        let offload = packet::Offload::default();
        let on = packet::AttachmentId(u16::from(bytes[5]));
        let foreseen = engine.foresee(on, &mut bytes, offload);
        let explained = engine.explain(on, &mut bytes, offload);
        assert_eq!(foreseen.ending, explained.ending);
        let rule = foreseen.denied_by.and_then(|rule| engine.snapshot().rule_name(rule).cloned());
        assert_eq!(rule, explained.denied_by);
        let _ = engine.receive(now, on, &mut Frame { bytes: &mut bytes, offload });
        engine.outbox().drain(|_| {});
        engine = taken.lab.engine_mut();
    }
}
