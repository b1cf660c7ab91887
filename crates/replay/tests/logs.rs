//! Flow logs of each version against a policy, and against two.
#![expect(clippy::unwrap_used, reason = "tests")]

use answer::Replayed;
use replay::{Logs, Tally};
use snapshot::{Gateway, Names, Snapshot};
use std::sync::Arc;
use testkit::lab::Blueprint;

fn policy() -> Blueprint {
    Blueprint::default().guard("web", &["100 in allow tcp * > *:443", "110 in deny tcp * > *:22"])
}

fn compiled(blueprint: &Blueprint) -> (Gateway, Arc<Snapshot>) {
    let mut network = blueprint.network();
    network.network_interfaces[1].mac = Some([0, 0x22, 0x48, 0x0a, 0x0b, 0x0c]);
    let gateway = blueprint.gateway(Arc::new(network));
    let snapshot = Snapshot::build(&gateway, &mut Names::default()).unwrap();
    (gateway, Arc::new(snapshot))
}

fn run(log: &str, now: &Blueprint, against: Option<&Blueprint>, limit: usize) -> Replayed {
    let (now, against) = (compiled(now), against.map(compiled));
    let logs = Logs::new((&now.0, &now.1), against.as_ref().map(|(gateway, policy)| (gateway, policy)));
    let mut tally = Tally::new(limit);
    flowlog::read("PT1H.json", log.as_bytes(), |record| logs.record("PT1H.json", &record, &mut tally))
        .unwrap();
    tally.answer()
}

/// An NSG flow log with these tuples of one rule.
fn nsg(rule: &str, tuples: &[&str]) -> String {
    let tuples: Vec<_> = tuples.iter().map(|tuple| format!("\"{tuple}\"")).collect();
    format!(
        "{{\"macAddress\":\"0022480AFFFF\",\"resourceId\":\"/SUBSCRIPTIONS/0/NETWORKSECURITYGROUPS/WEB-NSG\",\
         \"properties\":{{\"flows\":[{{\"rule\":\"{rule}\",\"flows\":[{{\"mac\":\"0022480AFFFF\",\"flowTuples\":[\n{}]}}]}}]}}}}\n",
        tuples.join(",\n")
    )
}

#[test]
fn what_was_decided_so_is_the_same() {
    let log = [
        nsg(
            "UserRule_rule-100",
            &[
                "1767607215,203.0.113.9,10.0.1.4,50123,443,T,I,A",
                "1767607215,203.0.113.9,10.0.1.4,50124,443,T,I,A,B,,,,",
                "1767607216,203.0.113.9,10.0.1.4,50124,443,T,I,A,C,1,2,3,4",
                "1767607217,203.0.113.9,10.0.1.4,50124,443,T,I,A,E,1,2,3,4",
            ],
        ),
        nsg("UserRule_RULE-110", &["1767607215,203.0.113.9,10.0.1.4,50123,22,T,I,D,B,,,,"]),
        nsg("DefaultRule_AllowVnetOutBound", &["1767607215,10.0.1.4,10.0.2.4,50123,22,U,O,A,B,,,,"]),
    ]
    .concat();
    let answer = run(&log, &policy(), None, 10);
    assert_eq!(
        (answer.judged, answer.same, answer.different, answer.continuing),
        (4, 4, 0, 2),
        "{answer:#?}"
    );
    assert!(answer.differences.is_empty() && answer.not_judged.is_empty(), "{answer:#?}");
}

#[test]
fn what_is_decided_differently_is_told_with_both_rules() {
    let log = nsg(
        "DefaultRule_DenyAllInBound",
        &[
            "1767607215,203.0.113.9,10.0.1.4,50123,443,T,I,D,B,,,,",
            "1767607225,203.0.113.9,10.0.1.4,50124,443,T,I,D,B,,,,",
            "1767607205,203.0.113.8,10.0.1.4,50125,443,T,I,D",
            "1767607205,203.0.113.8,10.0.1.4,50125,22,T,I,D",
            "1767607205,203.0.113.8,10.0.1.4,broken,22,T,I,D",
        ],
    );
    let answer = run(&log, &policy(), None, 2);
    assert_eq!((answer.judged, answer.same, answer.same_by_other_rule, answer.different), (4, 1, 1, 3));
    let [different, by_rule] = &answer.differences[..] else { panic!("{answer:#?}") };
    assert_eq!((different.place.as_str(), different.direction.as_deref()), ("vm1", Some("Inbound")));
    let was = different.was.as_ref().unwrap();
    assert_eq!((was.access.as_str(), was.nsg.as_deref()), ("Deny", Some("web-nsg")));
    assert_eq!(was.rule.as_deref(), Some("defaultSecurityRules/DenyAllInBound"));
    let now = &different.now;
    assert_eq!((now.access.as_str(), now.rule.as_deref()), ("Allow", Some("securityRules/rule-100")));
    assert_eq!((different.count, different.first, different.last), (3, 1_767_607_205.0, 1_767_607_225.0));
    assert_eq!(different.examples.len(), 2, "no more than the limit");
    assert_eq!(
        (different.examples[0].at.as_str(), different.examples[0].source_port),
        ("PT1H.json:2, tuple 1", 50_123)
    );
    assert_eq!(by_rule.now.rule.as_deref(), Some("securityRules/rule-110"));
    assert_eq!((answer.not_judged[0].reason.as_str(), answer.not_judged[0].count), ("unreadable", 1));
}

#[test]
fn a_vnet_flow_log_names_its_nsg_and_its_network_interface() {
    // The hardware address is vm2's, whatever the tuples say.
    let log = r#"{"records":[{"flowLogVersion":4,"macAddress":"0022480A0B0C","flowLogResourceID":"/F","flowRecords":{"flows":[
     {"aclID":"/subscriptions/0/networkSecurityGroups/web-nsg","flowGroups":[{"rule":"UserRule_rule-110","flowTuples":[
     "1767607231000,198.51.100.7,10.0.1.5,40000,22,6,I,D,NX,0,0,0,0",
     "1767607231000,198.51.100.7,10.0.1.4,40000,22,6,I,D,NX,0,0,0,0",
     "1767607231000,10.0.1.5,198.51.100.7,0,0,1,O,B,NX,0,0,0,0"]}]},
     {"aclID":"00000000-0000-0000-0000-000000000000","flowGroups":[{"rule":"PlatformRule","flowTuples":[
     "1767607231000,10.0.1.5,168.63.129.16,40000,53,17,O,B,NX,0,0,0,0"]}]}]}}]}"#;
    let answer = run(log, &policy(), None, 10);
    assert_eq!((answer.judged, answer.same, answer.same_by_other_rule), (2, 2, 1), "{answer:#?}");
    let [ping] = &answer.differences[..] else { panic!("{answer:#?}") };
    assert_eq!((ping.place.as_str(), ping.examples[0].protocol.as_str()), ("vm2", "Icmp"));
    assert_eq!(ping.now.rule.as_deref(), Some("defaultSecurityRules/AllowInternetOutBound"));
    let reasons: Vec<_> = answer.not_judged.iter().map(|one| (one.reason.as_str(), one.count)).collect();
    assert_eq!(reasons, [("not-its-address", 1), ("platform", 1)]);
}

/// No rule is asked about what the network does not carry, as of a capture.
#[test]
fn what_the_network_does_not_carry_is_denied() {
    let record = |protocol: u8, ends: &str| {
        format!(
            r#"{{"records":[{{"flowLogVersion":4,"macAddress":"0022480A0B0C","flowLogResourceID":"/F","flowRecords":{{"flows":[
             {{"aclID":"/subscriptions/0/networkSecurityGroups/web-nsg","flowGroups":[{{"rule":"DefaultRule_AllowInternetOutBound",
             "flowTuples":["1767607231000,{ends},0,0,{protocol},O,B,NX,0,0,0,0"]}}]}}]}}}}]}}"#
        )
    };
    for (protocol, is_carried) in [(1, true), (50, true), (47, false), (58, false), (132, false)] {
        let answer = run(&record(protocol, "10.0.1.5,198.51.100.7"), &policy(), None, 10);
        let [one] = &answer.differences[..] else {
            assert!(is_carried && answer.same == 1, "{protocol}: {answer:#?}");
            continue;
        };
        let said = (one.now.access.as_str(), one.now.rule.as_deref(), one.now.reason.as_deref());
        let allowed = ("Allow", Some("defaultSecurityRules/AllowInternetOutBound"), None);
        let refused = ("Deny", None, Some("unsupported-protocol"));
        assert_eq!(said, if is_carried { allowed } else { refused }, "{protocol}");
    }
}

/// An NSG that no rule of had a say is not no NSG.
#[test]
fn what_goes_to_the_platform_is_the_platforms() {
    let log = nsg(
        "DefaultRule_AllowVnetOutBound",
        &[
            "1767607231,10.0.1.4,168.63.129.16,40000,53,U,O,A,B,,,,",
            "1767607231,10.0.2.4,168.63.129.16,40000,53,U,O,A,B,,,,",
        ],
    );
    let answer = run(&log, &policy(), None, 10);
    let told: Vec<_> =
        answer.differences.iter().map(|one| (&*one.place, one.now.reason.as_deref())).collect();
    assert_eq!(told, [("vm1", Some("platform")), ("vm3", Some("no-nsg"))], "{answer:#?}");
    assert!(answer.differences.iter().all(|one| one.now.access == "Allow"), "{answer:#?}");
}

#[test]
fn an_older_policy_stands_in_the_place_of_the_record() {
    let log = nsg(
        "UserRule_whatever",
        &[
            "1767607215,203.0.113.9,10.0.1.4,50123,443,T,I,D",
            "1767607215,203.0.113.9,10.0.1.4,50123,22,T,I,A",
        ],
    );
    let old = Blueprint::default().guard("web", &["100 in allow tcp * > *:443", "110 in allow tcp * > *:22"]);
    let answer = run(&log, &policy(), Some(&old), 10);
    assert_eq!((answer.judged, answer.same, answer.different), (2, 1, 1));
    let [one] = &answer.differences[..] else { panic!("{answer:#?}") };
    assert_eq!((one.was.as_ref().unwrap().access.as_str(), one.now.access.as_str()), ("Allow", "Deny"));
    assert_eq!(one.examples[0].destination_port, 22);
}

#[test]
fn however_many_groups_there_are_they_are_bounded() {
    let rules: String = (0..1500)
        .map(|nth| nsg(&format!("UserRule_r{nth}"), &["1767607215,203.0.113.9,10.0.1.4,50123,22,T,I,A"]))
        .collect();
    let answer = run(&rules, &policy(), None, 10);
    assert_eq!((answer.different, answer.differences.len(), answer.not_listed), (1500, 1000, 500));
    assert_eq!(answer.differences.iter().map(|one| one.examples.len()).sum::<usize>(), 10);
}

#[test]
fn a_foreign_address_is_nobodys() {
    let answer = run(&nsg("UserRule_x", &["1,203.0.113.9,10.9.9.9,1,22,T,I,A"]), &policy(), None, 10);
    assert_eq!((answer.judged, answer.not_judged[0].reason.as_str()), (0, "no-such-nic"));
}
