//! What `explain` tells: the stages in the order of the path, and no change.

use testkit::build::{arp_request, fragments, ipv4};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";

/// The stages as `name: text`.
fn stages(lab: &Lab, from: &str, frame: impl Into<testkit::build::OwnedFrame>) -> Vec<String> {
    let explained = lab.explain(from, frame);
    explained.stages.iter().map(|stage| format!("{}: {}", stage.name, stage.text)).collect()
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn a_first_packet_is_told_stage_by_stage() {
    let lab = Blueprint::default().guard("web", &[]).guard("vm1", &["100 out allow udp * > *:53"]).build();
    let told = stages(&lab, "vm1", ipv4(VM1, FAR).udp(5000, 53));
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    let [packet, source, flow, nic, subnet, route, translation, egress] = told[..] else {
        panic!("{told:#?}")
    };
    assert_eq!(packet, "packet: Udp 10.0.1.4 > 198.51.100.7, ports 5000 > 53, TTL 64, 28 bytes");
    assert!(source.starts_with("source: "));
    assert_eq!(flow, "flow: no live flow has the tuple Udp 10.0.1.4:5000 > 198.51.100.7:53: a first packet");
    assert_eq!(nic, "outbound-nic: allowed at vm1 by securityRules/rule-100 of vm1-nsg");
    assert_eq!(
        subnet,
        "outbound-subnet: allowed at the subnet of vm1 by defaultSecurityRules/AllowInternetOutBound of web-nsg"
    );
    assert_eq!(route, "route: Internet");
    assert!(translation.starts_with("translation: the source becomes 203.0.113.10:"));
    assert_eq!(egress, "egress: leaves by the internet attachment");
}

#[test]
fn a_denial_names_its_rule() {
    let lab = Blueprint::default().guard("db", &["100 in deny udp * > *"]).build();
    let explained = lab.explain("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    assert_eq!(explained.ending.map(|ending| ending.slug()), Some("denied-inbound"));
    assert_eq!(
        explained.denied_by.map(|rule| (rule.nsg.to_string(), rule.azure())),
        Some(("db-nsg".into(), "securityRules/rule-100".into()))
    );
    assert_eq!(explained.egress, None);
    let names: Vec<_> = explained.stages.iter().map(|stage| stage.name).collect();
    assert_eq!(
        names,
        ["packet", "source", "flow", "outbound-nic", "outbound-subnet", "route", "inbound-subnet", "verdict"]
    );
}

#[test]
fn it_changes_nothing() {
    let mut lab = Blueprint::default().public("vm3", "203.0.113.23").build();
    lab.silence("vm3");
    for _ in 0..3 {
        for frame in [
            ipv4(VM1, FAR).udp(5000, 53).frame(),
            ipv4(VM1, "10.0.2.4").tcp(5000, 80).syn().frame(),
            ipv4(VM1, "203.0.113.23").echo_request(1, 1).frame(),
            ipv4(VM1, FAR).udp(5000, 53).ttl(1).frame(),
            ipv4(VM1, "10.0.2.4").protocol(17).fragment(1480, false).data(8).frame(),
            fragments(&ipv4(VM1, FAR).udp(5000, 53).data(3000).bytes(), 1480).remove(0).into(),
            arp_request(lab.host_mac("vm1"), VM1, "10.0.1.1").into(),
        ] {
            lab.explain("vm1", frame);
        }
    }
    lab.expect([]);
    assert_eq!((lab.held(), lab.pools().used_total()), ([0, 0, 0], 0));
}

#[test]
fn the_port_that_it_names_is_the_port_that_is_taken() {
    let mut lab = Blueprint::default().build();
    for port in 5000..5200 {
        let told = stages(&lab, "vm1", ipv4(VM1, FAR).udp(port, 53));
        let sent = lab.send("vm1", ipv4(VM1, FAR).udp(port, 53));
        let (taken, _) = sent.only().seen().ipv4().ports().unwrap();
        assert!(told.contains(&format!("translation: the source becomes 203.0.113.10:{taken}")), "{told:?}");
    }
}

#[test]
fn a_live_flow_an_answer_and_a_wait_are_told() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    let told = stages(&lab, "vm3", ipv4("10.0.2.4", VM1).udp(53, 5000));
    assert_eq!(
        told[2],
        "flow: a live flow has the tuple Udp 10.0.2.4:53 > 10.0.1.4:5000, before which no NSG stood when it began"
    );
    let ping = lab.explain("internet", ipv4(FAR, "203.0.113.2").echo_request(1, 1));
    assert_eq!(ping.ending.map(|ending| ending.slug()), Some("answered"));
    let waits = lab.explain("vm1", ipv4(VM1, "10.0.2.4").protocol(17).fragment(1480, false).data(8));
    assert_eq!(waits.ending, None);
    let told = lab.explain("vm1", ipv4(VM1, FAR).udp(1, 2).ttl(1));
    assert_eq!(told.told, Some(pipeline::IcmpError::TimeExceeded));
}

#[test]
fn a_live_flow_names_the_rules_that_allowed_it() {
    let mut lab = Blueprint::default()
        .guard("vm1", &["100 out allow udp * > *:53"])
        .guard("db", &["100 in allow udp * > *"])
        .build();
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    for (from, frame) in
        [("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53)), ("vm3", ipv4("10.0.2.4", VM1).udp(53, 5000))]
    {
        let explained = lab.explain(from, frame);
        let flow = explained.stages.iter().find(|stage| stage.name == "flow").unwrap();
        let rules: Vec<_> = flow.allowed_by.iter().map(|rule| (&*rule.nsg, rule.azure())).collect();
        let named = "securityRules/rule-100".to_owned();
        assert_eq!(rules, [("vm1-nsg", named.clone()), ("db-nsg", named)]);
        let by = "which securityRules/rule-100 of vm1-nsg and securityRules/rule-100 of db-nsg allowed when it began";
        assert!(flow.text.ends_with(by), "{}", flow.text);
    }
}

/// Each level says for itself that it does not judge, and nothing is said to be denied or routed that is not.
#[test]
fn what_goes_to_the_platform_is_told_level_by_level() {
    let lab = Blueprint::default()
        .guard("web", &["100 out deny udp * > *"])
        .guard("vm1", &["100 out deny udp * > *"])
        .build();
    let told = stages(&lab, "vm1", ipv4(VM1, "168.63.129.16").udp(5000, 53));
    assert_eq!(
        told[3..],
        [
            "outbound-nic: allowed at vm1: the platform's own traffic, which only rules of vm1-nsg with its tags could deny",
            "outbound-subnet: allowed at the subnet of vm1: the platform's own traffic, which only rules of web-nsg with \
             its tags could deny",
            "route: none leads to 168.63.129.16, which is the platform's own",
            "verdict: 168.63.129.16 belongs to the platform and never leaves.",
        ]
    );
    let metadata = stages(&lab, "vm1", ipv4(VM1, "169.254.169.254").tcp(5000, 80).syn());
    assert!(metadata.contains(&"route: none leads to 169.254.169.254, which is the platform's own".into()));
}

#[test]
fn the_routes_of_the_system_have_azures_words() {
    let lab = Blueprint::default().build();
    for (to, route) in [
        ("10.0.2.4", "VnetLocal: vm3"),
        ("10.0.1.77", "VnetLocal, where no network interface has 10.0.1.77"),
        (FAR, "Internet"),
        (
            "192.168.7.7",
            "None: nobody has 192.168.7.7, which is private or reserved, in this virtual network, in its peers or behind \
             its gateway",
        ),
        ("169.254.3.4", "none leads to 169.254.3.4, which is link-local"),
    ] {
        let told = stages(&lab, "vm1", ipv4(VM1, to).udp(5000, 53));
        assert!(told.contains(&format!("route: {route}")), "{told:#?}");
    }
    let none = lab.explain("vm1", ipv4(VM1, "192.168.7.7").udp(5000, 53)).why.unwrap();
    assert!(none.starts_with("The system's route is None: "), "{none}");
    let land = lab.explain("vm1", ipv4(VM1, VM1).udp(5000, 53)).why.unwrap();
    assert!(land.contains("LAND"), "{land}");
}
