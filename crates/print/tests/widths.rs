//! Every answer in terminals of several widths, with long names and large numbers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use answer::*;
use print::Look;
use std::io;

const NIC: &str = "production-frontend-westeurope-nic-0001";
const NSG: &str = "production-frontend-westeurope-nsg";
const RULE: &str = "AllowHttpsFromTheApplicationGatewayAndTheOffices";

fn flow(is_translated: bool) -> Flow {
    let tuple = |source: &str, source_port, destination: &str, destination_port| Tuple {
        source: source.parse().unwrap(),
        source_port,
        destination: destination.parse().unwrap(),
        destination_port,
    };
    Flow {
        protocol: "Tcp".into(),
        initiator: tuple("10.100.101.102", 50_123, "198.51.100.107", 65_443),
        responder: tuple("198.51.100.107", 65_443, "203.0.113.110", 61_025),
        translated: is_translated.then(|| tuple("203.0.113.110", 61_025, "198.51.100.107", 65_443)),
        state: "established".into(),
        age_seconds: 93_784,
        idle_seconds: 61,
        sent_packets: 12_345_678,
        sent_bytes: 12_345_678_901,
        received_packets: 7,
        received_bytes: 700,
        rules: vec![rule("AllowInternetOutBound"), rule(RULE)],
    }
}

fn rule(name: &str) -> FlowRule {
    FlowRule { nsg: NSG.into(), rule: name.into() }
}

fn status() -> Status {
    let attachment = |interface: &str, role: &str| AttachmentStatus {
        interface: interface.into(),
        role: role.into(),
        state: "attached".into(),
        received: 12_345_678_901,
        sent: 12_345_678_900,
        ..AttachmentStatus::default()
    };
    let ending = |ending: &str, meaning: &str| Ending {
        ending: ending.into(),
        meaning: meaning.into(),
        packets: 12_345_678_901,
        bytes: 12_345_678_901_234,
    };
    let refusal = "gateway.yaml:12:5: unknown key \"interfce\"; did you mean \"interface\"?";
    Status {
        version: "0.1.0".into(),
        pid: 123_456,
        config: "/etc/nsgate/production-frontend-westeurope.yaml".into(),
        uptime_seconds: 8_640_061,
        workers: 2,
        reloads: Reloads { done: 12, refused: 1, last_refusal: Some(refusal.into()) },
        service_tags: Some(TagsInForce {
            file: "/etc/nsgate/azure/ServiceTags_Public_20261123.json".into(),
            cloud: Some("Public".into()),
            change_number: 345,
            tags: 3039,
            taken_at: "2026-11-23T10:00:00Z".into(),
            last_refusal: None,
        }),
        confinement: Confinement {
            seccomp: true,
            landlock: Landlock::Enforced,
            capabilities: ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF"].map(Into::into).to_vec(),
        },
        flows: Usage { used: 123_456, capacity: 1_000_000 },
        snat_ports_used: 64_511,
        each_worker: vec![WorkerStatus { received: 12_345_678_901, ..WorkerStatus::default() }; 2],
        attachments: vec![attachment("veth-web1", NIC), attachment("eth0", "internet")],
        endings: vec![
            ending("forwarded", "Sent on."),
            ending("denied-inbound", "A rule of a network security group denies it inbound."),
        ],
        ..Status::default()
    }
}

fn difference(direction: &str) -> Difference {
    let addresses: Vec<_> = (0..12).map(|nth| format!("203.0.113.{}", nth * 2)).collect();
    Difference {
        direction: direction.into(),
        nic: Some(NIC.into()),
        subnet: None,
        nsg: None,
        protocol: "Tcp".into(),
        source: [203, 0, 113, 9].into(),
        source_port: "50000".into(),
        destination: [10, 100, 101, 102].into(),
        destination_port: "65443".into(),
        old: "Deny".into(),
        new: "Allow".into(),
        old_rule_name: Some(format!("{NSG}/DenyAllInBound")),
        new_rule_name: Some(format!("{NSG}/{RULE}")),
        given: Vec::new(),
        region: Region {
            protocol: "Tcp,Udp".into(),
            source: format!("{} and 40 more", addresses.join(",")),
            source_given: Some("outside VirtualNetwork".into()),
            source_port: "*".into(),
            destination: "10.100.101.0/24".into(),
            destination_given: None,
            destination_port: "80,443,8000-8100,65443".into(),
        },
    }
}

fn differences() -> Differences {
    let hub = Reached::VirtualNetwork {
        name: "production-hub".into(),
        addresses: "10.101.0.0/16,10.102.0.0/16".into(),
    };
    let public = Reached::PublicIpAddress {
        name: "production-frontend-westeurope-ip".into(),
        address: None,
        private_address: Some([10, 100, 101, 102].into()),
    };
    let nic = Some(NIC.to_owned());
    let route = Reached::Route {
        destination: "AzureMonitor.westeurope".into(),
        next_hop_type: "VirtualAppliance".into(),
        next_hop_ip_address: Some([10, 100, 101, 102].into()),
    };
    let change = ReachChange { nic, virtual_network: None, gained: vec![public, route], lost: vec![hub] };
    let too = ReachChange { nic: Some(format!("{NIC}-too")), ..change.clone() };
    Differences {
        equal: false,
        differences: vec![difference("Inbound"), difference("Inbound"), difference("Outbound")],
        more: 7,
        incomplete: vec![Incomplete {
            direction: "Inbound".into(),
            nic: Some(NIC.to_owned()),
            subnet: None,
            nsg: None,
            groups: vec![format!("{NIC}-nsg"), format!("{NIC}-subnet-nsg")],
        }],
        only: vec![OneSided { what: format!("network interface {NIC}-new"), side: "new".into() }],
        reach: vec![change, too],
        more_reach: 0,
    }
}

fn walk() -> Walk {
    let stage = |stage: &str, outcome: String| Stage {
        stage: stage.into(),
        outcome,
        allowed_by: Vec::new(),
        route: None,
        decided: None,
    };
    let earlier = |nth: u16| Earlier {
        rule: format!("securityRules/{RULE}{nth}"),
        priority: 100 + nth,
        access: "Allow".into(),
        matched: 4,
        field: "destination port".into(),
        packet: "22".into(),
        says: "80, 443, 8000-8100".into(),
    };
    let by = "defaultSecurityRules/DenyAllInBound";
    let decided = Deciding {
        nsg: NSG.into(),
        rule: by.into(),
        access: "Deny".into(),
        earlier_rules: 12,
        earlier: (0..12).map(earlier).collect(),
    };
    let denied = stage("inbound-subnet", format!("denied at the subnet of {NIC} by {by} of {NSG}"));
    Walk {
        packet: "Tcp 203.0.113.9:50000 > 203.0.113.20:22 syn".into(),
        number: Some(3),
        from: "internet".into(),
        from_because: Some("it is for a public address of ours".into()),
        stages: vec![
            stage("packet", "Tcp 203.0.113.9 > 203.0.113.20, ports 50000 > 22, TTL 64, 40 bytes".into()),
            stage("translation", "the destination becomes 10.100.101.102".into()),
            Stage { decided: Some(decided), ..denied },
        ],
        verdict: "denied-inbound".into(),
        allowed: false,
        summary: format!("A rule of a network security group denies it inbound. {by} of {NSG}."),
    }
}

fn nsgs() -> Vec<EffectiveNsg> {
    let rule = |name: &str, direction: &str| EffectiveRule {
        name: name.into(),
        default: false,
        protocol: "Tcp".into(),
        source: Side::Prefixes((0..5).map(|nth| format!("203.0.{nth}.0/24")).collect()),
        source_ports: vec!["0-65535".into()],
        destination: Side::Tag(0),
        destination_ports: vec!["80-80".into(), "8000-8100".into()],
        access: "Allow".into(),
        priority: 100,
        direction: direction.into(),
    };
    let tag = Expansion { tag: Some("VirtualNetwork".into()), prefixes: vec!["10.0.0.0/8".into(); 12] };
    let at = |applied_to| EffectiveNsg {
        id: format!("/n/{NSG}"),
        name: NSG.into(),
        applied_to,
        rules: vec![rule(RULE, "Inbound"), rule("AllowVnetOutBound", "Outbound")],
        expansions: vec![tag.clone()],
    };
    let [subnet, nic] = ["/n/production/subnets/frontend", &format!("/n/{NIC}")].map(str::to_owned);
    vec![at(AppliedTo::Subnet(subnet)), at(AppliedTo::NetworkInterface(nic))]
}

fn diagnosis() -> Diagnosis {
    let evaluated = |name: &str, held| RuleEvaluation {
        name: name.into(),
        protocol_matched: true,
        source_matched: held,
        source_port_matched: held,
        destination_matched: true,
        destination_port_matched: held,
    };
    let rule = format!("UserRule_{RULE}");
    let witness =
        |packet: &str| Witness { packet: packet.into(), rule_name: Some(rule.clone()), without_rule: None };
    let note = "10.100.101.102/32 holds no private address of the network interface that is asked about";
    Diagnosis {
        profile: Profile {
            direction: "Inbound".into(),
            protocol: "TCP".into(),
            source: "Internet".into(),
            destination: "10.100.101.102".into(),
            destination_port: "443".into(),
        },
        network_security_group_result: NsgResult {
            security_rule_access_result: "Deny".into(),
            evaluated_network_security_groups: vec![
                EvaluatedNsg {
                    network_security_group_id: format!("/n/{NSG}"),
                    applied_to: format!("/n/{NIC}"),
                    matched_rule: Some(MatchedRule { rule_name: rule.clone(), action: "Allow".into() }),
                    together: None,
                    rules_evaluation_result: vec![
                        evaluated("UserRule_DenyMail", false),
                        evaluated(&rule, true),
                    ],
                },
                EvaluatedNsg {
                    network_security_group_id: format!("/n/{NSG}"),
                    applied_to: format!("/n/{NIC}"),
                    matched_rule: None,
                    together: Some("Allow".into()),
                    rules_evaluation_result: Vec::new(),
                },
            ],
            mixed: Some(Mixed {
                allowed: witness("Tcp 203.0.113.9:50000 > 10.100.101.102:443"),
                denied: witness("Tcp 198.51.100.7:50000 > 10.100.101.102:443"),
            }),
            notes: vec![note.into()],
        },
    }
}

fn replayed() -> Replayed {
    let decision = |access: &str, rule: &str| Decision {
        access: access.into(),
        nsg: Some(NSG.into()),
        rule: Some(rule.into()),
        reason: None,
    };
    let example = Example {
        time: 1_767_607_217.0,
        at: "logs/2026/01/05/PT1H.json:1234".into(),
        protocol: "Tcp".into(),
        source: [203, 0, 113, 9].into(),
        source_port: 50_124,
        destination: [10, 100, 101, 102].into(),
        destination_port: 65_443,
    };
    let different = Redecided {
        place: NIC.into(),
        direction: Some("Inbound".into()),
        was: Some(decision("Allow", &format!("securityRules/{RULE}"))),
        now: decision("Deny", "defaultSecurityRules/DenyAllInBound"),
        count: 12,
        first: 1_767_607_217.0,
        last: 1_767_607_999.5,
        examples: vec![example; 2],
    };
    let reason = NotJudged {
        reason: "no-such-nic".into(),
        meaning: "No network interface has its hardware address or its local address.".into(),
        count: 3,
    };
    Replayed {
        judged: 15,
        allowed: 3,
        denied: 12,
        same: 3,
        same_by_other_rule: 1,
        different: 12,
        continuing: 40,
        not_judged: vec![reason],
        one_sided: 3,
        not_listed: 0,
        differences: vec![different],
    }
}

fn trial() -> Trial {
    let by = Some(rule(RULE));
    Trial {
        policies: differences(),
        flows: vec![NotAdmitted { flow: flow(true), reason: "denied-outbound".into(), denied_by: by }],
        flows_not_admitted: 12,
        flows_judged: 123_456,
        attached: vec!["veth-web1".into()],
        detached: vec!["veth-web2".into()],
        ..Trial::default()
    }
}

/// Each answer by its name, as it looks.
fn all(look: &Look) -> Vec<(&'static str, String)> {
    let said = |name, write: &dyn Fn(&mut Vec<u8>) -> io::Result<()>| {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        (name, String::from_utf8(out).unwrap())
    };
    let pool = SnatPool {
        public_ip: [203, 0, 113, 110].into(),
        protocol: "Tcp".into(),
        destination: "198.51.100.107".parse().unwrap(),
        used: 64_511,
        capacity: 64_511,
    };
    let drop = Drop {
        reason: "denied-inbound".into(),
        nsg: Some(NSG.into()),
        rule: Some(RULE.into()),
        packets: 12_345_678_901,
        bytes: 12_345_678_901_234,
    };
    let idle =
        format!("gateway.yaml:12:5: warning[Odd]: rule '{NSG}/{RULE}' changes nothing, as others decide");
    let reloaded =
        Reloaded { attached: vec!["veth-web1".into()], detached: Vec::new(), warnings: vec![idle] };
    let closed = Some(WithoutRule::SecureByDefault);
    let verdict =
        IpFlow { access: "Deny".into(), rule_name: None, nsg: None, without_rule: closed, by_port: None };
    let by_port = IpFlow {
        rule_name: Some(RULE.into()),
        nsg: Some(NSG.into()),
        without_rule: None,
        by_port: Some(ByPort {
            denied: 1023,
            allowed: 65_535,
            rule_name: Some(RULE.into()),
            nsg: Some(NSG.into()),
        }),
        ..verdict.clone()
    };
    let kind = "Microsoft.Network/networkSecurityGroups";
    let resource = [kind, NSG, "azure/network.json:123", "resources[0].resources[12]"].map(String::from);
    vec![
        said("status", &|out| print::status(out, &status(), look)),
        said("flows", &|out| print::flows(out, &[flow(true), flow(false)], look)),
        said("snat", &|out| print::snat(out, std::slice::from_ref(&pool), look)),
        said("drops", &|out| print::drops(out, std::slice::from_ref(&drop), look)),
        said("reloaded", &|out| print::reloaded(out, &reloaded, look)),
        said("trial", &|out| print::trial(out, &trial(), look)),
        said("differences", &|out| print::differences(out, &differences(), look)),
        said("walk", &|out| print::walk(out, &walk(), false, look)),
        said("effective", &|out| print::effective_nsgs(out, &nsgs(), look)),
        said("diagnosis", &|out| print::diagnoses(out, &[diagnosis(), diagnosis()], look)),
        said("verdict", &|out| print::ip_flow(out, &verdict, look)),
        said("by port", &|out| print::ip_flow(out, &by_port, look)),
        said("replayed", &|out| print::replayed(out, &replayed(), look)),
        said("deployed", &|out| print::deployed(out, [resource.clone()].into_iter(), look)),
    ]
}

/// What a reader would look for: names, addresses and numbers.
fn words(text: &str) -> Vec<&str> {
    let is_inside = |letter: char| letter.is_alphanumeric() || "-._/:".contains(letter);
    let is_name = |word: &&str| word.len() > 7 && word.chars().skip(1).any(|it| !it.is_lowercase());
    text.split(|letter| !is_inside(letter)).filter(is_name).collect()
}

#[test]
fn lines_fit_and_no_word_is_cut_or_lost() {
    let wide = all(&Look::default());
    for width in [60, 80, 140] {
        for ((name, text), (_, wide)) in all(&Look { width: Some(width), colour: false }).iter().zip(&wide) {
            println!("---- {name}, {width} columns\n{text}");
            for line in text.lines().filter(|line| line.chars().count() > usize::from(width)) {
                assert_eq!(line.split_whitespace().count(), 1, "{name} is wider than {width}: {line}");
            }
            for word in words(wide) {
                assert!(text.contains(word), "{name} lacks {word} in {width} columns:\n{text}");
            }
        }
    }
}

#[test]
fn colours_are_all_that_they_add() {
    for width in [None, Some(60), Some(140)] {
        let [plain, coloured] = [false, true].map(|colour| all(&Look { width, colour }));
        for ((name, plain), (_, coloured)) in plain.iter().zip(coloured) {
            let colours = ["\x1b[1;32m", "\x1b[1;31m", "\x1b[0m"];
            let stripped = colours.iter().fold(coloured, |text, colour| text.replace(colour, ""));
            assert_eq!(*plain, stripped, "{name} at {width:?}");
        }
    }
}

#[test]
fn nothing_is_said_in_words() {
    let look = Look::default();
    let mut out = Vec::new();
    print::flows(&mut out, &[], &look).unwrap();
    print::snat(&mut out, &[], &look).unwrap();
    print::drops(&mut out, &[], &look).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "0 flows\nno SNAT port is in use\nnothing was dropped\n");
}
