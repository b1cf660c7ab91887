//! The rules that neighbours of a segment evade, found exactly.

use packet::AttachmentId;
use testkit::lab::Blueprint;

/// What is found on the segment `web` with `vm1` and `vm2`, as `nsg/rule sender > receiver, ports`.
fn unseen(blueprint: Blueprint) -> Vec<String> {
    let lab = blueprint.segment("web").build();
    let found = lab.snapshot().unseen_rules(AttachmentId(100));
    let told = found.iter().map(|one| {
        let ports =
            [one.packet.source_port, one.packet.destination_port].map(|port| port.map_or(-1, i32::from));
        format!("{}/{} {} > {}, {ports:?}", one.rule.nsg, one.rule.rule, one.from, one.to)
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

fn guarded(place: &str, rules: &[&str]) -> Vec<String> {
    unseen(Blueprint::default().guard(place, rules))
}

#[test]
fn a_deny_between_neighbours_is_found_with_a_packet() {
    assert_eq!(
        guarded("web", &["100 in deny tcp VirtualNetwork > *:22"]),
        ["web-nsg/rule-100 vm1 > vm2, [0, 22]"]
    );
    assert_eq!(guarded("vm1", &["100 out deny icmp * > 10.0.1.5"]), ["vm1-nsg/rule-100 vm1 > vm2, [-1, -1]"]);
    assert_eq!(guarded("vm1", &["100 in deny udp 10.0.1.5:53 > *"]), ["vm1-nsg/rule-100 vm2 > vm1, [53, 0]"]);
}

#[test]
fn what_an_earlier_rule_decides_is_nobodys_business() {
    assert_eq!(guarded("web", &["100 in allow tcp * > *:22", "200 in deny tcp * > *:22"]), [""; 0]);
    assert_eq!(guarded("web", &["100 in allow tcp *:1-65535 > *:22", "200 in deny tcp * > *:22"]).len(), 1);
    let both = ["100 in deny tcp * > *:22", "200 in deny tcp * > *:20-30"];
    assert_eq!(
        guarded("web", &both),
        ["web-nsg/rule-100 vm1 > vm2, [0, 22]", "web-nsg/rule-200 vm1 > vm2, [0, 20]"]
    );
}

#[test]
fn rules_about_others_are_not_meant() {
    for rule in ["100 in deny any 10.0.2.0/24 > *", "100 out deny any * > Internet", "100 in allow any * > *"]
    {
        assert_eq!(guarded("web", &[rule]), [""; 0], "{rule}");
    }
    assert_eq!(guarded("db", &["100 in deny any * > *"]), [""; 0], "another subnet");
    // From itself to itself there is no neighbour.
    assert_eq!(guarded("web", &["100 in deny any 10.0.1.4 > 10.0.1.4"]), [""; 0]);
    assert_eq!(
        unseen(
            Blueprint::default()
                .vm("vm8", "web", "10.0.1.8")
                .asg("one", &["vm1"])
                .guard("web", &["100 in deny any @one > @one"])
        ),
        [""; 0]
    );
}

#[test]
fn one_machine_has_no_neighbours() {
    let lab = Blueprint::default().guard("db", &["100 in deny any * > *"]).segment("db").build();
    assert_eq!(lab.snapshot().unseen_rules(AttachmentId(100)), []);
}
