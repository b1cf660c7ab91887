//! Where packets come in, what captured ones are, and why earlier rules did not match: held against the reference.
#![expect(clippy::unwrap_used, reason = "tests")]

use explain::{Arrivals, Asked, Captured, NotJudged, Nowhere, Words, earlier};
use model::{Direction, NextHop};
use packet::Checksum;
use pipeline::{DropReason, Explanation};
use policy::reference::{Meaning, field_matches};
use proptest::prelude::*;
use snapshot::virtual_network_tag;
use std::sync::Arc;
use testkit::build::{fragments, ipv4};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";

fn blueprint() -> Blueprint {
    Blueprint::default().public("vm3", "203.0.113.23")
}

#[test]
fn addresses_tell_where_a_packet_comes_in() {
    let twins = blueprint().vnet("other", "10.0.0.0/16").subnet("twin", "10.0.9.0/24").vm("vm9", "twin", VM1);
    let gateway = twins.gateway(Arc::new(twins.network()));
    let arrivals = Arrivals::new(&gateway);
    let at = |source: &str, destination: &str| {
        let arrival = arrivals.find(source.parse().unwrap(), destination.parse().unwrap())?;
        let place = explain::role(&gateway, &gateway.attachments[arrival.attachment]);
        Ok((place, arrival.translated.map(|(_, public)| public.map(|ip| ip.to_string()))))
    };
    assert_eq!(at("10.0.1.5", FAR), Ok(("vm2".into(), None)));
    assert_eq!(at(FAR, "203.0.113.10"), Ok(("internet".into(), None)));
    assert_eq!(at(FAR, "203.0.113.2"), Ok(("internet".into(), None)));
    assert_eq!(at(FAR, "10.0.2.4"), Ok(("internet".into(), Some(Some("203.0.113.23".into())))));
    assert_eq!(at(FAR, "10.0.1.5"), Ok(("internet".into(), Some(None))));
    assert_eq!(at(FAR, "8.8.8.8"), Err(Nowhere::Foreign));
    for (source, destination) in [("10.0.1.77", FAR), (FAR, "10.0.1.77"), ("10.0.1.77", "10.0.1.5")] {
        assert_eq!(at(source, destination), Err(Nowhere::Nobodys), "{source} {destination}");
    }
    assert_eq!(at("203.0.113.10", FAR), Err(Nowhere::Translated));
    assert_eq!(at(VM1, FAR), Err(Nowhere::Ambiguous));
}

#[test]
fn where_nobody_says_where_the_answer_does() {
    let blueprint = blueprint();
    let gateway = blueprint.gateway(Arc::new(blueprint.network()));
    let ask = |from, words: &str| Asked::in_words(&gateway, from, &Words::parse(&[words]).unwrap());
    let asked = ask(None, "tcp 10.0.1.4:1 8.8.8.8:2").unwrap();
    assert_eq!((asked.from.as_str(), asked.because), ("vm1", Some("its source address")));
    let asked = ask(Some("vm2"), "tcp 10.0.1.4:1 8.8.8.8:2").unwrap();
    assert_eq!((asked.from.as_str(), asked.because), ("vm2", None));
    assert!(ask(None, "tcp 9.9.9.9:1 8.8.8.8:2").unwrap_err().contains("--from"));
    assert!(ask(Some("nobody"), "tcp 9.9.9.9:1 8.8.8.8:2").unwrap_err().contains("nobody"));
}

#[test]
fn a_captured_packet_is_what_it_was() {
    let frame = ipv4(VM1, FAR).tcp(5000, 80).syn().data(100).bytes();
    let ip = &frame[14..];
    let whole = Captured::read(ip, ip.len()).unwrap();
    assert_eq!((&whole.bytes[14..], whole.offload.checksum), (ip, Checksum::Finished));
    let padded = [ip, &[7; 9]].concat();
    assert_eq!(Captured::read(&padded, padded.len()).unwrap().bytes[14..], *ip);
    // Cut short: as long as it was, and nobody asks for a sum over what is missing.
    let cut = Captured::read(&ip[..60], ip.len()).unwrap();
    assert_eq!((cut.bytes.len(), cut.offload.checksum), (frame.len(), Checksum::Verified));
    assert_eq!(cut.packet.ports(), (5000, 80));
    // Captured before the device summed it up.
    let mut unfinished = ip.to_vec();
    unfinished[36] ^= 1;
    assert_eq!(Captured::read(&unfinished, ip.len()).unwrap().offload.checksum, Checksum::Verified);
    assert_eq!(Captured::read(&[], 0).unwrap_err(), NotJudged::NotIp);
    assert_eq!(Captured::read(&ip[..30], 30).unwrap_err(), NotJudged::Malformed(DropReason::BadLength));
    // A first fragment that hides its header (RFC 1858) is that, unless the rest of it was not captured.
    let tiny = fragments(&frame, 8)[0][14..].to_vec();
    let hidden = NotJudged::Malformed(DropReason::BadFragment);
    assert_eq!(Captured::read(&tiny, tiny.len()).unwrap_err(), hidden);
    assert!(hidden.to_string().starts_with("bad-fragment: The fragment hides"), "{hidden}");
    assert_eq!(Captured::read(&tiny[..24], tiny.len()).unwrap_err(), NotJudged::CutShort);
}

/// Every earlier rule that is told, against the reference.
fn compare(lab: &Lab, explained: &Explanation) -> usize {
    let snapshot = lab.snapshot();
    let network = &snapshot.network;
    let mut told = 0;
    for decided in explained.stages.iter().filter_map(|stage| stage.decided.as_ref()) {
        let own = match decided.name.direction {
            Direction::Inbound => decided.tuple.destination.ip(),
            Direction::Outbound => decided.tuple.source.ip(),
        };
        let mut configurations = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
        let subnet = configurations.find(|it| it.private_address == Some(own)).unwrap().subnet;
        let tag = virtual_network_tag(network, &[], network.vantage(subnet));
        let meaning = Meaning { network, vnet: subnet.vnet, virtual_network: &tag };
        let rules = snapshot.policy.rules(decided.group, decided.name.direction);
        assert!(field_matches(&rules[usize::from(decided.rule.0)], &decided.tuple, &meaning).all());
        let earlier = earlier(snapshot, decided);
        assert_eq!(earlier.len(), usize::from(decided.rule.0), "each rule before it is told");
        assert!(earlier.is_sorted_by_key(|one| (5 - one.matched, one.priority)));
        for one in &earlier {
            let rule = rules.iter().find(|rule| rule.priority == one.priority).unwrap();
            let fields = field_matches(rule, &decided.tuple, &meaning);
            let fields = [
                ("protocol", fields.protocol),
                ("source", fields.source),
                ("source port", fields.source_port),
                ("destination", fields.destination),
                ("destination port", fields.destination_port),
            ];
            let first = fields.iter().find(|(_, held)| !held).map(|(field, _)| *field);
            assert_eq!(Some(one.field.as_str()), first, "{one:?}");
            assert_eq!(usize::from(one.matched), fields.iter().filter(|(_, held)| *held).count());
            assert!(!one.says.is_empty() && !one.packet.is_empty(), "{one:?}");
            told += 1;
        }
    }
    told
}

#[test]
fn a_miss_names_its_field_and_both_values() {
    let rules = [
        "100 in deny tcp * > *:22,3389",
        "110 in deny udp * > *",
        "120 in deny tcp 192.0.2.0/24 > *",
        "130 in allow tcp * > @stores:443",
        "140 in deny tcp Internet > *",
        "150 in deny any *:1-1023 > *:80",
        "160 in allow tcp 10.0.1.0/24 > *:80",
    ];
    let lab = Blueprint::default().asg("stores", &["vm1"]).guard("db", &rules).build();
    let explained = lab.explain("vm1", ipv4(VM1, "10.0.2.4").tcp(40_000, 80).syn());
    assert_eq!(compare(&lab, &explained), 6);
    let decided = explained.stages.iter().find_map(|stage| stage.decided.as_ref()).unwrap();
    let told: Vec<_> = earlier(lab.snapshot(), decided)
        .into_iter()
        .map(|one| format!("{} {}: {} {} {}", one.priority, one.access, one.field, one.packet, one.says))
        .collect();
    assert_eq!(
        told,
        [
            "100 Deny: destination port 80 22, 3389",
            "110 Deny: protocol Tcp Udp",
            "120 Deny: source 10.0.1.4 192.0.2.0/24",
            "140 Deny: source 10.0.1.4 Internet, and VirtualNetwork holds it",
            "150 Deny: source port 40000 1-1023",
            "130 Allow: destination 10.0.2.4 stores",
        ]
    );
}

/// A route to an appliance takes the internet out of Internet, and the explanation says where it is.
#[test]
fn an_address_that_a_route_moved_is_told() {
    let lab = Blueprint::default().guard("web", &["100 out deny any * > Internet"]);
    let lab = lab.routes("web", &[("0.0.0.0/0", NextHop::VirtualAppliance(None))]).build();
    let explained = lab.explain("vm1", ipv4(VM1, FAR).udp(5000, 53));
    let decided = explained.stages.iter().find_map(|stage| stage.decided.as_ref()).unwrap();
    assert_eq!(&*decided.name.rule, "AllowVnetOutBound");
    let told = earlier(lab.snapshot(), decided);
    assert_eq!(
        (told[0].field.as_str(), told[0].says.as_str()),
        ("destination", "Internet, and VirtualNetwork holds it")
    );
}

fn rules() -> impl Strategy<Value = Vec<String>> {
    let address = proptest::sample::select(
        &["*", "10.0.1.0/24", "10.0.2.4", "Internet", "VirtualNetwork", "@stores"][..],
    );
    let side = (address, proptest::sample::select(&["*", "80", "1-1023", "53,443"][..]));
    let head = proptest::sample::select(
        &["in allow tcp", "in deny udp", "in deny any", "out allow udp", "out deny tcp", "out deny icmp"][..],
    );
    let rule = (head, side.clone(), side)
        .prop_map(|(head, (from, f), (to, t))| format!("{head} {from}:{f} > {to}:{t}"));
    proptest::collection::vec(rule, 0..6).prop_map(|rules| {
        rules.into_iter().enumerate().map(|(nth, rule)| format!("{} {rule}", 100 + nth)).collect()
    })
}

/// Routes that bring the internet, or one machine of it, into VirtualNetwork, or do not.
fn routes() -> impl Strategy<Value = Vec<(&'static str, NextHop)>> {
    let all = &[
        ("0.0.0.0/0", NextHop::VirtualAppliance(None)),
        ("198.51.100.7/32", NextHop::Internet),
        ("128.0.0.0/1", NextHop::None),
    ];
    let default = prop_oneof![
        Just(("0.0.0.0/0", NextHop::Internet)),
        Just(("0.0.0.0/0", NextHop::None)),
        Just(all[0]),
    ];
    let others = proptest::sample::subsequence(all[1..].to_vec(), 0..2);
    (proptest::option::of(default), others)
        .prop_map(|(default, others)| default.into_iter().chain(others).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_told_is_what_the_reference_says(
        vm in rules(),
        web in rules(),
        db in rules(),
        tables in [routes(), routes()],
        packets in proptest::collection::vec(
            (proptest::sample::select(&[VM1, FAR][..]), proptest::sample::select(&[53u16, 80, 443, 999][..]), any::<bool>()), 8,
        ),
    ) {
        let lines = |rules: &[String]| rules.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        let blueprint = [("vm1", &vm), ("web", &web), ("db", &db)].iter().fold(
            Blueprint::default().public("vm3", "203.0.113.23").asg("stores", &["vm3"]),
            |lab, (place, rules)| lab.guard(place, &rules.iter().map(String::as_str).collect::<Vec<_>>()),
        );
        let routed = blueprint.routes("web", &tables[0]).routes("db", &tables[1]);
        let lab = routed.one_worker().build();
        for (source, port, tcp) in packets {
            let (from, to) = if source == VM1 { ("vm1", "10.0.2.4") } else { ("internet", "203.0.113.23") };
            let explained = if tcp {
                lab.explain(from, ipv4(source, to).tcp(40_000, port).syn())
            } else {
                lab.explain(from, ipv4(source, to).udp(999, port))
            };
            compare(&lab, &explained);
            prop_assert!(explained.stages.iter().any(|s| s.decided.is_some()), "{}", lines(&vm));
        }
    }

    #[test]
    fn no_captured_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
        first in proptest::sample::select(&[0x45u8, 0x46, 0x60, 0x00][..]),
        length in 0usize..100_000,
    ) {
        let mut bytes = bytes;
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        if let Ok(captured) = Captured::read(&bytes, length) {
            prop_assert_eq!(captured.bytes.len(), captured.packet.end as usize);
        }
    }
}
