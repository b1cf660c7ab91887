//! The views of a small network, and their shape beside Azure's published examples.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests: what cannot be had ends the test.

use answer::{Diagnosis, Diagnostic, Mixed, NsgResult, Profile, Question, Verbosity, WithoutRule};
use gateway::{Host, Ids};
use serde_json::{Value, json};
use snapshot::{Names, Snapshot};
use std::collections::BTreeSet;
use std::path::Path;

/// A subnet's NSG and a NIC's, application security groups, and a NIC without any NSG at a Standard public address.
const NETWORK: &str = r#"
attachments: []
network:
  resources:
    - { type: Microsoft.Network/applicationSecurityGroups, name: webs }
    - { type: Microsoft.Network/applicationSecurityGroups, name: nobody }
    - type: Microsoft.Network/networkSecurityGroups
      name: web-nsg
      properties:
        securityRules:
          - { name: https, properties: { priority: 100, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: Internet, sourcePortRange: "*", destinationApplicationSecurityGroups: [{ id: webs }], destinationPortRange: 443 } }
          - { name: bad-host, properties: { priority: 200, direction: Inbound, access: Deny, protocol: "*", sourceAddressPrefix: 10.0.2.9, sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: "*" } }
          - { name: admins, properties: { priority: 300, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefixes: [10.0.2.0/24, 192.0.2.7], sourcePortRange: "*", destinationAddressPrefix: 10.0.1.0/24, destinationPortRanges: ["22", "8000-8100"] } }
          - { name: ghosts, properties: { priority: 400, direction: Inbound, access: Allow, protocol: Udp, sourceApplicationSecurityGroups: [{ id: nobody }], sourcePortRange: 53, destinationAddressPrefix: "*", destinationPortRange: "*" } }
    - type: Microsoft.Network/networkSecurityGroups
      name: nic-nsg
      properties:
        securityRules:
          - { name: no-mail, properties: { priority: 100, direction: Outbound, access: Deny, protocol: Tcp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: Internet, destinationPortRange: 25 } }
    - { type: Microsoft.Network/publicIPAddresses, name: ip, sku: { name: Standard }, properties: { ipAddress: 203.0.113.9 } }
    - type: Microsoft.Network/virtualNetworks
      name: v1
      properties:
        addressSpace: { addressPrefixes: [10.0.0.0/16] }
        subnets:
          - { name: web, properties: { addressPrefix: 10.0.1.0/24, networkSecurityGroup: { id: web-nsg } } }
          - { name: bare, properties: { addressPrefix: 10.0.3.0/24 } }
    - type: Microsoft.Network/networkInterfaces
      name: web1
      properties:
        virtualMachine: { id: vm-web1 }
        networkSecurityGroup: { id: nic-nsg }
        ipConfigurations:
          - { name: one, properties: { subnet: { id: v1/web }, privateIPAddress: 10.0.1.4, applicationSecurityGroups: [{ id: webs }] } }
    - type: Microsoft.Network/networkInterfaces
      name: bare1
      properties:
        ipConfigurations:
          - { name: one, properties: { subnet: { id: v1/bare }, privateIPAddress: 10.0.3.4, publicIPAddress: { id: ip } } }
"#;

fn snapshot() -> Snapshot {
    snapshot_of(NETWORK)
}

/// The network with a route table at each of its subnets: one route to an appliance, for these prefixes.
fn routed(web: &str, bare: &str) -> Snapshot {
    let table = |name: &str, prefix: &str| {
        let appliance = if prefix.contains(':') { "'fd00::9'" } else { "10.0.1.9" };
        format!(
            "    - {{ type: Microsoft.Network/routeTables, name: {name}, properties: {{ routes: [{{ name: r, properties: {{ \
             addressPrefix: '{prefix}', nextHopType: VirtualAppliance, nextHopIpAddress: {appliance} }} }}] }} }}\n"
        )
    };
    let text = NETWORK.replace(
        "networkSecurityGroup: { id: web-nsg }",
        "networkSecurityGroup: { id: web-nsg }, routeTable: { id: to-web }",
    );
    let text =
        text.replace("addressPrefix: 10.0.3.0/24", "addressPrefix: 10.0.3.0/24, routeTable: { id: to-bare }");
    snapshot_of(&format!("{text}{}{}", table("to-web", web), table("to-bare", bare)))
}

fn snapshot_of(text: &str) -> Snapshot {
    let loaded = gateway::load_text(Path::new("g.yaml"), text, &mut Ids::default(), &Host::Unseen);
    let loaded = loaded.unwrap_or_else(|found| panic!("{found:?}"));
    Snapshot::build(&loaded.gateway, &mut Names::default()).unwrap()
}

fn effective(nic: &str) -> Value {
    effective_in(&snapshot(), nic)
}

fn effective_in(snapshot: &Snapshot, nic: &str) -> Value {
    let nsgs = views::effective_nsgs(snapshot, nic).unwrap();
    serde_json::to_value(views::EffectiveNsgs(&nsgs)).unwrap()
}

fn profile(direction: &str, protocol: &str, source: &str, destination: &str, port: &str) -> Profile {
    let [direction, protocol, source, destination, destination_port] =
        [direction, protocol, source, destination, port].map(str::to_owned);
    Profile { direction, protocol, source, destination, destination_port }
}

fn ask(nic: &str, profile: Profile, verbosity: Verbosity) -> Result<Diagnosis, String> {
    let asked = Diagnostic { nic: Some(nic.into()), vm: None, profile, verbosity };
    views::diagnose(&snapshot(), &asked)
}

fn said(nic: &str, profile: Profile) -> NsgResult {
    ask(nic, profile, Verbosity::Normal).unwrap().network_security_group_result
}

/// The rule of each NSG that was asked.
fn rules(result: &NsgResult) -> Vec<&str> {
    let nsgs = result.evaluated_network_security_groups.iter();
    nsgs.filter_map(|nsg| Some(nsg.matched_rule.as_ref()?.rule_name.as_str())).collect()
}

#[test]
fn every_rule_of_both_groups_is_listed_as_azure_writes_it() {
    let view = effective("WEB1");
    let [subnet, nic] = view["value"].as_array().unwrap().as_slice() else { panic!("{view}") };
    assert!(
        subnet["association"]["subnet"]["id"].as_str().unwrap().ends_with("/virtualNetworks/v1/subnets/web")
    );
    assert!(
        nic["association"]["networkInterface"]["id"].as_str().unwrap().ends_with("/networkInterfaces/web1")
    );
    let listed: Vec<&str> = subnet["effectiveSecurityRules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        listed,
        [
            "securityRules/https",
            "securityRules/bad-host",
            "securityRules/admins",
            "securityRules/ghosts",
            "defaultSecurityRules/AllowVnetInBound",
            "defaultSecurityRules/AllowAzureLoadBalancerInBound",
            "defaultSecurityRules/DenyAllInBound",
            "defaultSecurityRules/AllowVnetOutBound",
            "defaultSecurityRules/AllowInternetOutBound",
            "defaultSecurityRules/DenyAllOutBound",
        ]
    );
    let rule = |nth: usize| subnet["effectiveSecurityRules"][nth].clone();
    let https = rule(0);
    assert_eq!(https["sourceAddressPrefix"], "Internet");
    assert_eq!(https["destinationAddressPrefixes"], json!(["10.0.1.4/32"]));
    assert_eq!(https["expandedDestinationAddressPrefix"], json!(["10.0.1.4/32"]));
    assert_eq!(https["expandedSourceAddressPrefix"][0], "1.0.0.0/8");
    assert_eq!(https["destinationPortRange"], "443-443");
    assert_eq!(
        rule(1),
        json!({
            "name": "securityRules/bad-host", "protocol": "All", "access": "Deny", "priority": 200,
            "direction": "Inbound", "sourcePortRange": "0-65535", "destinationPortRange": "0-65535",
            "sourcePortRanges": ["0-65535"], "destinationPortRanges": ["0-65535"],
            "sourceAddressPrefix": "10.0.2.9/32", "sourceAddressPrefixes": ["10.0.2.9/32"],
            "destinationAddressPrefix": "0.0.0.0/0", "destinationAddressPrefixes": ["0.0.0.0/0"],
            "expandedSourceAddressPrefix": null, "expandedDestinationAddressPrefix": null,
        })
    );
    let admins = rule(2);
    assert_eq!(admins["sourceAddressPrefix"], Value::Null);
    assert_eq!(admins["sourceAddressPrefixes"], json!(["10.0.2.0/24", "192.0.2.7/32"]));
    assert_eq!(admins["destinationPortRanges"], json!(["22-22", "8000-8100"]));
    assert_eq!(rule(3)["expandedSourceAddressPrefix"], json!([]), "an empty group is nobody, not everybody");
    assert_eq!(rule(7)["expandedDestinationAddressPrefix"], json!(["10.0.0.0/16", "168.63.129.16/32"]));
    assert_eq!(subnet["tagMap"]["VirtualNetwork"], json!(["10.0.0.0/16", "168.63.129.16/32"]));
    let tags: BTreeSet<&String> = nic["tagMap"].as_object().unwrap().keys().collect();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), ["AzureLoadBalancer", "Internet", "VirtualNetwork"]);
    assert_eq!(view["nextLink"], Value::Null);
    assert_eq!(effective("bare1")["value"], json!([]));
    let missing = views::effective_nsgs(&snapshot(), "web2").unwrap_err();
    assert_eq!(missing, "there is no network interface 'web2'; did you mean 'web1'?");
}

#[test]
fn each_rule_up_to_the_match_is_told_field_by_field() {
    let https = said("web1", profile("Inbound", "TCP", "198.51.100.7", "10.0.1.4", "8443"));
    assert_eq!(https.security_rule_access_result, "Deny");
    assert_eq!(rules(&https), ["DefaultRule_DenyAllInBound"], "a deny ends the walk");
    let nsg = &https.evaluated_network_security_groups[0];
    assert!(nsg.applied_to.ends_with("/virtualNetworks/v1/subnets/web"));
    let fields: Vec<(&str, [bool; 5])> = nsg
        .rules_evaluation_result
        .iter()
        .map(|it| {
            let fields = [it.protocol_matched, it.source_matched, it.source_port_matched];
            let [a, b, c] = fields;
            (it.name.as_str(), [a, b, c, it.destination_matched, it.destination_port_matched])
        })
        .collect();
    assert_eq!(
        fields,
        [
            ("UserRule_https", [true, true, true, true, false]),
            ("UserRule_bad-host", [true, false, true, true, true]),
            ("UserRule_admins", [true, false, true, true, false]),
            ("UserRule_ghosts", [false, false, false, true, true]),
            ("DefaultRule_AllowVnetInBound", [true, false, true, true, true]),
            ("DefaultRule_AllowAzureLoadBalancerInBound", [true, false, true, true, true]),
            ("DefaultRule_DenyAllInBound", [true, true, true, true, true]),
        ]
    );
    let both = said("web1", profile("outbound", "udp", "*", "Internet", "*"));
    assert_eq!(both.security_rule_access_result, "Allow");
    assert_eq!(rules(&both), ["DefaultRule_AllowInternetOutBound"; 2]);
    let asked = || profile("Outbound", "UDP", "10.0.1.4", "198.51.100.7", "53");
    let told = |verbosity| {
        let answer = ask("web1", asked(), verbosity).unwrap().network_security_group_result;
        answer.evaluated_network_security_groups[0].rules_evaluation_result.len()
    };
    assert_eq!([Verbosity::Minimum, Verbosity::Normal, Verbosity::Full].map(told), [0, 3, 4]);
}

#[test]
fn packets_with_different_fates_are_shown() {
    let mixed = said("web1", profile("Inbound", "TCP", "10.0.2.0/24", "10.0.1.4", "22"));
    assert_eq!(mixed.security_rule_access_result, "Deny", "not all of them are allowed");
    assert_eq!(rules(&mixed), ["DefaultRule_AllowVnetInBound"], "of the subnet's group two rules decide");
    let mixed = mixed.mixed.unwrap();
    assert_eq!(mixed.denied.rule_name.as_deref(), Some("UserRule_bad-host"));
    assert!(mixed.denied.packet.starts_with("Tcp 10.0.2.9:"), "{}", mixed.denied.packet);
    assert!(mixed.allowed.packet.ends_with(" > 10.0.1.4:22"), "{}", mixed.allowed.packet);
    // What one group lets pass the other may deny.
    let some = said("web1", profile("Inbound", "TCP", "*", "*", "443")).mixed.unwrap();
    assert_eq!(some.allowed.rule_name.as_deref(), Some("DefaultRule_AllowVnetInBound"));
    let none = said("web1", profile("Inbound", "UDP", "172.16.0.0/12", "10.0.1.4", "*"));
    assert_eq!((none.mixed, none.security_rule_access_result.as_str()), (None, "Deny"));
}

/// Two groups before a network interface, neither of which has one rule for all that is asked about.
const SHARED: &str = r#"
attachments: []
network:
  resources:
    - type: Microsoft.Network/networkSecurityGroups
      name: outer
      properties:
        securityRules:
          - { name: low, properties: { priority: 100, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: 80-100 } }
          - { name: high, properties: { priority: 110, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: 101-443 } }
          - { name: names, properties: { priority: 120, direction: Inbound, access: Allow, protocol: Udp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: 53 } }
          - { name: no-time, properties: { priority: 130, direction: Inbound, access: Deny, protocol: Udp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: 123 } }
    - type: Microsoft.Network/networkSecurityGroups
      name: inner
      properties:
        securityRules:
          - { name: outside, properties: { priority: 100, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: Internet, sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: "*" } }
          - { name: no-names, properties: { priority: 200, direction: Inbound, access: Deny, protocol: Udp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: 53 } }
          - { name: other, properties: { priority: 210, direction: Inbound, access: Allow, protocol: Udp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: 54 } }
    - type: Microsoft.Network/virtualNetworks
      name: v1
      properties:
        addressSpace: { addressPrefixes: [10.0.0.0/16] }
        subnets: [{ name: web, properties: { addressPrefix: 10.0.1.0/24, networkSecurityGroup: { id: outer } } }]
    - type: Microsoft.Network/networkInterfaces
      name: web1
      properties:
        networkSecurityGroup: { id: inner }
        ipConfigurations: [{ name: one, properties: { subnet: { id: v1/web }, privateIPAddress: 10.0.1.4 } }]
"#;

/// Where several rules decide together none is named, what they come to is told, and the next group is asked all the same.
#[test]
fn what_several_rules_decide_no_one_rule_is_named_for() {
    let snapshot = snapshot_of(SHARED);
    let ask = |protocol: &str, source: &str, port: &str| {
        let profile = profile("Inbound", protocol, source, "10.0.1.4", port);
        let asked = Diagnostic { nic: Some("web1".into()), vm: None, profile, verbosity: Verbosity::Normal };
        let diagnosis = views::diagnose(&snapshot, &asked).unwrap();
        let mut out = Vec::new();
        print::diagnoses(&mut out, std::slice::from_ref(&diagnosis), &print::Look::default()).unwrap();
        (diagnosis.network_security_group_result, String::from_utf8(out).unwrap())
    };
    let said = |result: &NsgResult| -> Vec<(Option<String>, Option<String>)> {
        let nsgs = result.evaluated_network_security_groups.iter();
        nsgs.map(|nsg| (nsg.matched_rule.as_ref().map(|it| it.rule_name.clone()), nsg.together.clone()))
            .collect()
    };
    let by = |rule: &str| (Some(rule.to_owned()), None);
    let together = |access: &str| (None, Some(access.to_owned()));

    let (result, text) = ask("TCP", "8.8.8.8", "80-443");
    assert_eq!((result.security_rule_access_result.as_str(), &result.mixed), ("Allow", &None));
    assert_eq!(said(&result), [together("Allow"), by("UserRule_outside")]);
    assert!(text.contains("outer at v1/web: Allow, though no one rule decides over them all\n"), "{text}");
    assert!(text.ends_with("Allow: UserRule_outside of inner\n"), "{text}");
    // A field that a program looks for stands there where it says something, and is null where nothing is named.
    let json = serde_json::to_value(&result.evaluated_network_security_groups[0]).unwrap();
    assert_eq!((&json["matchedRule"], &json["together"]), (&Value::Null, &json!("Allow")));
    let inner = serde_json::to_value(&result.evaluated_network_security_groups[1]).unwrap();
    assert_eq!(inner.get("together"), None);

    // Several denials end the walk as one does.
    let (result, _) = ask("UDP", "8.8.8.8", "123-124");
    assert_eq!((result.security_rule_access_result.as_str(), &result.mixed), ("Deny", &None));
    assert_eq!(said(&result), [by("DefaultRule_DenyAllInBound")]);

    // The outer group denies some of them, and the inner one the others: neither says so of them all.
    let (result, _) = ask("UDP", "8.8.8.8", "53-54");
    assert_eq!((result.security_rule_access_result.as_str(), &result.mixed), ("Deny", &None));
    assert_eq!(said(&result), [(None, None), (None, None)]);

    let (result, text) = ask("TCP", "8.8.8.8", "79-443");
    assert_eq!(said(&result), [(None, None), by("UserRule_outside")]);
    let mixed = result.mixed.unwrap();
    assert_eq!(mixed.denied.rule_name.as_deref(), Some("DefaultRule_DenyAllInBound"));
    assert_eq!(mixed.allowed.rule_name.as_deref(), Some("UserRule_outside"));
    assert!(text.contains("outer at v1/web: no one rule decides over them all\n"), "{text}");
}

#[test]
fn what_no_group_guards_is_told_so() {
    let inside = said("bare1", profile("Inbound", "TCP", "10.0.1.4", "10.0.3.4", "22"));
    assert_eq!((inside.security_rule_access_result.as_str(), rules(&inside).len()), ("Allow", 0));
    let outside = said("bare1", profile("Inbound", "TCP", "198.51.100.7", "10.0.3.4", "22"));
    assert_eq!(outside.security_rule_access_result, "Deny");
    assert!(outside.notes.iter().any(|note| note.contains("Standard")), "{outside:?}");
    let elsewhere = said("web1", profile("Inbound", "TCP", "10.0.2.1", "10.0.9.9", "22"));
    assert!(elsewhere.notes[0].contains("10.0.9.9"), "{elsewhere:?}");
}

/// Outbound to the platform only rules with its tags are asked: no other is shown, and none is said to decide.
#[test]
fn what_goes_to_the_platform_is_judged_by_its_tags_alone() {
    let rule = |name: &str, priority: u16, protocol: &str, to: &str, port: &str| {
        format!(
            r#"          - {{ name: {name}, properties: {{ priority: {priority}, direction: Outbound, access: Deny, protocol: "{protocol}", sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "{to}", destinationPortRange: "{port}" }} }}
"#
        )
    };
    let mail = NETWORK.find("          - { name: no-mail").unwrap();
    let with = |rules: &str| {
        let (before, after) = NETWORK.split_at(mail);
        snapshot_of(&format!("{before}{rules}{after}"))
    };
    let ask = |snapshot: &Snapshot, to: &str, port: &str, verbosity| {
        let profile = profile("Outbound", "UDP", "10.0.1.4", to, port);
        let asked = Diagnostic { nic: Some("web1".into()), vm: None, verbosity, profile };
        views::diagnose(snapshot, &asked).unwrap().network_security_group_result
    };
    let result = |answer: &NsgResult| answer.security_rule_access_result.clone();
    let rows = |answer: &NsgResult| {
        let nsgs = answer.evaluated_network_security_groups.iter();
        nsgs.map(|nsg| nsg.rules_evaluation_result.len()).collect::<Vec<_>>()
    };
    let is_noted = |answer: &NsgResult| answer.notes.iter().any(|note| note == answer::PLATFORM_NOTE);

    let no_dns = with(&rule("no-dns", 101, "Udp", "*", "53"));
    for verbosity in [Verbosity::Normal, Verbosity::Full] {
        let answer = ask(&no_dns, "168.63.129.16", "53", verbosity);
        assert_eq!((result(&answer).as_str(), rows(&answer)), ("Allow", vec![0, 0]));
        assert_eq!(rules(&answer), [""; 0]);
        assert!(is_noted(&answer), "{answer:?}");
    }
    // A set that holds more says of both parts what becomes of them.
    for to in ["*", "VirtualNetwork"] {
        let answer = ask(&no_dns, to, "53", Verbosity::Normal);
        assert_eq!(result(&answer), "Deny");
        // The subnet's group is asked too, about what goes to the platform.
        let both = ["UserRule_no-dns", "DefaultRule_AllowVnetOutBound"];
        assert_eq!(rules(&answer), both[..if to == "*" { 1 } else { 2 }]);
        assert_eq!(rows(&answer).len(), 2);
        let mixed = answer.mixed.clone().unwrap();
        assert!(mixed.allowed.packet.contains(" > 168.63.129.16:53"), "{mixed:?}");
        assert_eq!(mixed.allowed.without_rule, Some(WithoutRule::Platform));
        assert_eq!(mixed.denied.rule_name.as_deref(), Some("UserRule_no-dns"));
        assert!(is_noted(&answer), "{answer:?}");
    }
    // Its tag denies it, and that is not hidden behind what a set holds besides.
    let tagged = with(&rule("no-dns", 101, "*", "AzurePlatformDNS", "*"));
    let answer = ask(&tagged, "168.63.129.16", "53", Verbosity::Normal);
    assert_eq!((result(&answer).as_str(), rows(&answer)), ("Deny", vec![1]));
    assert_eq!(rules(&answer), ["UserRule_no-dns"]);
    let answer = ask(&tagged, "VirtualNetwork", "53", Verbosity::Normal);
    let mixed = answer.mixed.clone().unwrap();
    assert_eq!(
        (result(&answer).as_str(), mixed.denied.rule_name.as_deref()),
        ("Deny", Some("UserRule_no-dns"))
    );
    assert!(mixed.denied.packet.contains(" > 168.63.129.16:53") && is_noted(&answer), "{answer:?}");
    assert_eq!(mixed.allowed.rule_name.as_deref(), Some("DefaultRule_AllowVnetOutBound"));
    // What has one fate with it is told as before.
    let answer = ask(&snapshot(), "VirtualNetwork", "53", Verbosity::Normal);
    assert_eq!((result(&answer).as_str(), answer.mixed.is_none(), is_noted(&answer)), ("Allow", true, false));
}

/// What lies between two ranges of the virtual network comes from outside, whatever both ends of a prefix are.
#[test]
fn a_standard_address_is_closed_to_every_part_that_is_outside() {
    let text =
        NETWORK.replace("addressPrefixes: [10.0.0.0/16]", "addressPrefixes: [10.0.0.0/16, 10.3.0.0/16]");
    let loaded = gateway::load_text(Path::new("g.yaml"), &text, &mut Ids::default(), &Host::Unseen).unwrap();
    let snapshot = Snapshot::build(&loaded.gateway, &mut Names::default()).unwrap();
    let ask = |source: &str, destination: &str| {
        let profile = profile("Inbound", "TCP", source, destination, "22");
        let asked = Diagnostic { nic: Some("bare1".into()), vm: None, profile, verbosity: Verbosity::Normal };
        views::diagnose(&snapshot, &asked).unwrap().network_security_group_result
    };
    let verify = |source: &str| {
        let question = Question {
            nic: Some("bare1".into()),
            vm: None,
            direction: "Inbound".into(),
            protocol: "TCP".into(),
            local: "10.0.3.4:22".into(),
            remote: format!("{source}:*"),
        };
        views::test_ip_flow(&snapshot, &question).unwrap().access
    };
    let gap = ask("10.0.0.0/14", "10.0.3.4");
    assert_eq!(gap.security_rule_access_result, "Deny");
    let Mixed { allowed, denied } = gap.mixed.unwrap();
    assert_eq!((allowed.packet.as_str(), allowed.rule_name), ("Tcp 10.0.0.0:0 > 10.0.3.4:22", None));
    assert_eq!((denied.packet.as_str(), denied.rule_name), ("Tcp 10.1.0.0:0 > 10.0.3.4:22", None));
    // On each side of every boundary.
    let addresses = [
        "9.255.255.255",
        "10.0.0.0",
        "10.0.255.255",
        "10.1.0.0",
        "10.2.255.255",
        "10.3.0.0",
        "10.3.255.255",
        "10.4.0.0",
        "168.63.129.15",
        "168.63.129.16",
        "168.63.129.17",
    ];
    for source in [
        "10.0.0.0/16",
        "10.0.0.0/15",
        "10.2.0.0/15",
        "10.0.0.0/13",
        "168.63.129.16",
        "168.63.129.16/31",
        "0.0.0.0/0",
    ] {
        let holds = |address: &&&str| {
            let prefix = source
                .parse::<ipnet::IpNet>()
                .or_else(|_| source.parse::<std::net::IpAddr>().map(Into::into));
            prefix.unwrap().contains(&address.parse::<std::net::IpAddr>().unwrap())
        };
        let fates: BTreeSet<String> = addresses.iter().filter(holds).map(|address| verify(address)).collect();
        let answer = ask(source, "*");
        assert_eq!(
            answer.security_rule_access_result == "Allow",
            !fates.contains("Deny"),
            "{source}: {answer:?}"
        );
        assert_eq!(answer.mixed.is_some(), fates.len() == 2, "{source}: {answer:?}");
    }
    for (tag, allowed, mixed) in [
        ("VirtualNetwork", "Allow", false),
        ("AzureLoadBalancer", "Allow", false),
        ("Internet", "Deny", false),
        ("*", "Deny", true),
    ] {
        let answer = ask(tag, "10.0.3.4");
        assert_eq!(
            (answer.security_rule_access_result.as_str(), answer.mixed.is_some()),
            (allowed, mixed),
            "{tag}"
        );
    }
}

#[test]
fn wrong_questions_are_told_why() {
    for (asked, why) in [
        (profile("Sideways", "TCP", "*", "*", "*"), "Sideways"),
        (profile("Inbound", "GRE", "*", "*", "*"), "GRE"),
        (profile("Inbound", "TCP", "Internett", "*", "*"), "did you mean Internet?"),
        (profile("Inbound", "TCP", "10.0.1.4/24", "*", "*"), "did you mean 10.0.1.0/24?"),
        (profile("Inbound", "TCP", "fd00::1", "10.0.1.4", "*"), "different address families"),
        (profile("Inbound", "TCP", "fd00::1", "*", "*"), "no packet is both"),
        (profile("Inbound", "TCP", "*", "*", "443,80"), "443,80"),
        (profile("Inbound", "TCP", "*", "*", "90-80"), "90-80"),
    ] {
        let error = ask("web1", asked.clone(), Verbosity::Normal).unwrap_err();
        assert!(error.contains(why), "{asked:?}: {error}");
    }
}

/// From any port the answer is that of each port, whether one rule holds them all or several do, and where they differ it
/// is denied and says so.
#[test]
fn any_port_is_every_port() {
    let with = |rules: &[(&str, &str, &str)]| {
        let rules = rules.iter().zip([110, 120]).map(|((name, access, ports), priority)| {
            format!(
                r#"          - {{ name: {name}, properties: {{ priority: {priority}, direction: Inbound, access: {access}, protocol: Tcp, sourceAddressPrefix: "*", sourcePortRange: "{ports}", destinationAddressPrefix: "*", destinationPortRange: 443 }} }}
"#
            )
        });
        let text = NETWORK.replace("        networkSecurityGroup: { id: nic-nsg }\n", "");
        let at = text.find("          - { name: https").unwrap();
        let (before, after) = text.split_at(at);
        snapshot_of(&format!("{before}{}{after}", rules.collect::<String>()))
    };
    let asked = |snapshot: &Snapshot, port: &str| {
        let question = Question {
            nic: Some("web1".into()),
            vm: None,
            direction: "Inbound".into(),
            protocol: "TCP".into(),
            local: "10.0.1.4:443".into(),
            remote: format!("10.0.2.9:{port}"),
        };
        views::test_ip_flow(snapshot, &question).unwrap()
    };
    let named = |snapshot: &Snapshot, port: &str| {
        let answer = asked(snapshot, port);
        assert_eq!(answer.by_port, None, "{port}");
        (answer.access, answer.rule_name.unwrap())
    };
    let verdict = |access: &str, rule: &str| (access.to_owned(), format!("securityRules/{rule}"));

    // Several rules hold all ports together: that which holds most is named.
    let halves = with(&[("high", "Allow", "1024-65535"), ("low", "Allow", "0-1023")]);
    assert_eq!(named(&halves, "5000"), verdict("Allow", "high"));
    assert_eq!(named(&halves, "500"), verdict("Allow", "low"));
    assert_eq!(named(&halves, "*"), verdict("Allow", "high"));
    let one = with(&[("all", "Allow", "*")]);
    assert_eq!(named(&one, "*"), verdict("Allow", "all"));
    // What the group's own last rule denies besides is one more that agrees.
    let closed = with(&[("odd", "Deny", "7"), ("rest", "Deny", "*")]);
    assert_eq!(named(&closed, "*"), verdict("Deny", "rest"));

    // One port is enough to make it no Allow, and none is left out.
    let but = with(&[("odd", "Deny", "7"), ("web", "Allow", "*")]);
    assert_eq!((named(&but, "7"), named(&but, "8")), (verdict("Deny", "odd"), verdict("Allow", "web")));
    let answer = asked(&but, "*");
    assert_eq!(
        (answer.access.as_str(), answer.rule_name.as_deref(), answer.nsg.as_deref()),
        ("Deny", Some("securityRules/odd"), Some("web-nsg"))
    );
    assert_eq!(
        answer.by_port.as_ref().unwrap().to_string(),
        "it depends on the sender's port: from 7 it is denied, from 65535 allowed by securityRules/web of web-nsg"
    );
    assert_eq!(answer.azures().by_port, None);
    let mut out = Vec::new();
    print::ip_flow(&mut out, &answer, &print::Look::default()).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.starts_with("Deny: securityRules/odd of web-nsg\nnote: it depends on the sender's port: "),
        "{text}"
    );

    // No NSG stands there, and the platform's own is nobody's.
    let bare = Question {
        nic: Some("bare1".into()),
        vm: None,
        direction: "Outbound".into(),
        protocol: "UDP".into(),
        local: "10.0.3.4:*".into(),
        remote: "8.8.8.8:53".into(),
    };
    let answer = views::test_ip_flow(&but, &bare).unwrap();
    assert_eq!((answer.without_rule, answer.by_port), (Some(WithoutRule::NoNsg), None));
    let platforms = Question {
        nic: Some("web1".into()),
        local: "10.0.1.4:*".into(),
        remote: "168.63.129.16:53".into(),
        ..bare
    };
    let answer = views::test_ip_flow(&but, &platforms).unwrap();
    assert_eq!((answer.without_rule, answer.by_port), (Some(WithoutRule::Platform), None));
}

#[test]
fn a_machine_with_one_network_interface_is_enough() {
    let asked = |nic: Option<&str>, vm: Option<&str>| {
        let question = Question {
            nic: nic.map(Into::into),
            vm: vm.map(Into::into),
            direction: "Inbound".into(),
            protocol: "TCP".into(),
            local: "10.0.1.4:443".into(),
            remote: "198.51.100.7:*".into(),
        };
        views::test_ip_flow(&snapshot(), &question)
    };
    let by_nic = asked(Some("web1"), None).unwrap();
    assert_eq!(
        (by_nic.access.as_str(), by_nic.rule_name.as_deref()),
        ("Deny", Some("defaultSecurityRules/DenyAllInBound"))
    );
    assert_eq!(by_nic.nsg.as_deref(), Some("nic-nsg"), "the subnet's group allows it");
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/VM-web1";
    assert_eq!(asked(None, Some(id)), Ok(by_nic.clone()));
    assert_eq!(asked(None, Some("vm-web1")), Ok(by_nic));
    assert!(asked(None, Some("vm-web2")).unwrap_err().ends_with("vm-web2's; did you mean 'vm-web1'?"));
    assert!(asked(Some("web2"), None).unwrap_err().ends_with("did you mean 'web1'?"));
    assert!(asked(None, None).is_err());
    // One name for both is that of either; two names are a network interface and whose it is.
    assert_eq!(asked(Some("vm-web1"), Some("vm-web1")).unwrap().access, "Deny");
    assert!(asked(Some("web2"), Some("vm-web1")).unwrap_err().contains("'web2'"));
}

#[test]
fn tags_are_listed_as_the_subnets_route_table_has_made_them() {
    let view = effective_in(&routed("198.51.100.0/24", "0.0.0.0/0"), "web1");
    let held = json!(["10.0.0.0/16", "168.63.129.16/32", "198.51.100.0/24"]);
    for nsg in view["value"].as_array().unwrap() {
        assert_eq!(nsg["tagMap"]["VirtualNetwork"], held);
        let internet = nsg["tagMap"]["Internet"].to_string();
        assert!(!internet.contains("198.51.100.0/") && internet.contains("198.51.101.0/24"), "{internet}");
    }
    let snapshot = routed("0.0.0.0/0", "0.0.0.0/0");
    let view = effective_in(&snapshot, "web1");
    let [subnet, nic] = view["value"].as_array().unwrap().as_slice() else { panic!("{view}") };
    assert_eq!(subnet["tagMap"]["VirtualNetwork"], json!(["0.0.0.0/0"]));
    assert_eq!(nic["tagMap"]["Internet"], json!(["2000::/3"]));
    let shown = |snapshot: &Snapshot| {
        let nsgs = views::effective_nsgs(snapshot, "web1").unwrap();
        let mut out = Vec::new();
        print::effective_nsgs(&mut out, &nsgs, &print::Look::default()).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(shown(&snapshot).contains("VirtualNetwork (0.0.0.0/0)"), "{}", shown(&snapshot));
    let six = routed("::/0", "0.0.0.0/0");
    assert!(shown(&six).contains("VirtualNetwork (::/0 and 2 more)"), "{}", shown(&six));
}

/// Whoever asks about Internet where a route leaves nothing of it is told by which, and what to ask.
#[test]
fn an_internet_without_addresses_is_told_with_its_route() {
    let snapshot = routed("0.0.0.0/0", "0.0.0.0/0");
    let asked = |nic: &str, direction: &str, source: &str, destination: &str| {
        let profile = profile(direction, "TCP", source, destination, "443");
        let asked = Diagnostic { nic: Some(nic.into()), vm: None, profile, verbosity: Verbosity::Normal };
        views::diagnose(&snapshot, &asked)
    };
    let nobody = "no packet is both from that source and to that destination";
    for (nic, own, table) in [("web1", "10.0.1.4", "to-web"), ("bare1", "10.0.3.4", "to-bare")] {
        let told = format!(
            "{nobody}: Internet holds no IPv4 address here, as VirtualNetwork holds 0.0.0.0/0 by route 'r' of route \
             table '{table}'; ask about an address or a prefix instead, such as 8.8.8.8"
        );
        assert_eq!(asked(nic, "Inbound", "Internet", own).unwrap_err(), told);
        assert_eq!(asked(nic, "Inbound", "Internet", "*").unwrap_err(), told);
        assert_eq!(asked(nic, "Outbound", own, "Internet").unwrap_err(), told);
        assert!(asked(nic, "Inbound", "8.8.8.8", own).is_ok());
        // Another reason.
        assert_eq!(asked(nic, "Inbound", "fd00::1", "*").unwrap_err(), nobody);
    }
}

/// What a route brings into VirtualNetwork is no nearer to a Standard public address without a group.
#[test]
fn a_route_opens_no_address_that_nothing_guards() {
    let asked = |snapshot: &Snapshot| {
        let profile = profile("Inbound", "TCP", "VirtualNetwork", "10.0.3.4", "22");
        let asked = Diagnostic { nic: Some("bare1".into()), vm: None, profile, verbosity: Verbosity::Normal };
        views::diagnose(snapshot, &asked).unwrap().network_security_group_result.security_rule_access_result
    };
    assert_eq!(asked(&snapshot()), "Allow");
    assert_eq!(asked(&routed("10.9.0.0/16", "10.0.1.0/24")), "Allow");
    assert_eq!(asked(&routed("10.9.0.0/16", "198.51.100.0/24")), "Deny");
}

/// Azure's published example answers, where the reference data is at hand (`NSGATE_DATA`).
fn example(name: &str) -> Option<Value> {
    let data = std::env::var_os("NSGATE_DATA")?;
    let text = std::fs::read_to_string(Path::new(&data).join("rest-examples").join(name)).ok()?;
    let example: Value = serde_json::from_str(&text).unwrap();
    Some(example["responses"]["200"]["body"].clone())
}

/// Every way through objects and lists to a value that is neither.
fn ways(value: &Value, way: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| ways(value, &format!("{way}.{key}"), all))
        }
        Value::Array(items) => items.iter().for_each(|item| ways(item, &format!("{way}[]"), all)),
        _ => drop(all.insert(way.to_owned())),
    }
}

/// The ways of an example that an answer has not.
fn missing(example: &Value, answer: &Value) -> Vec<String> {
    let [mut wanted, mut had] = [BTreeSet::new(), BTreeSet::new()];
    ways(example, "", &mut wanted);
    ways(answer, "", &mut had);
    wanted.difference(&had).cloned().collect()
}

#[test]
fn the_shapes_are_azures() {
    if let Some(example) = example("NetworkInterfaceEffectiveNSGList.json") {
        // Admin rules of a network manager are not built.
        assert_eq!(missing(&example, &effective("web1")), [".value[].association.networkManager.id"]);
    }
    if let Some(example) = example("NetworkWatcherNetworkConfigurationDiagnostic.json") {
        let answer = ask("web1", profile("Inbound", "TCP", "10.1.0.4", "10.0.1.4", "443"), Verbosity::Normal);
        let answer = serde_json::to_value(views::Diagnoses { results: &[answer.unwrap()] }).unwrap();
        assert_eq!(missing(&example, &answer), Vec::<String>::new());
        assert_eq!(missing(&answer, &example), Vec::<String>::new());
    }
    if let Some(example) = example("NetworkWatcherIpFlowVerify.json") {
        let keys: Vec<&String> = example.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["access", "ruleName"]);
    }
}

#[test]
fn tables_are_short_and_fit_the_terminal() {
    let snapshot = snapshot();
    let nsgs = views::effective_nsgs(&snapshot, "web1").unwrap();
    let shown = |width, colour| {
        let mut out = Vec::new();
        print::effective_nsgs(&mut out, &nsgs, &print::Look { width, colour }).unwrap();
        String::from_utf8(out).unwrap()
    };
    let plain = shown(None, false);
    for text in [
        "web-nsg at v1/web",
        "webs (1 prefix)",
        "nobody (nobody)",
        "22, 8000-8100",
        "10.0.2.9 ",
        "VirtualNetwork (2 prefixes)",
    ] {
        assert!(plain.contains(text), "{text} is not in\n{plain}");
    }
    assert!(!plain.contains('\x1b'));
    for width in [70, 80, 100] {
        let narrow = shown(Some(width), false);
        assert!(narrow.lines().all(|line| line.chars().count() <= usize::from(width)), "{narrow}");
        let names = nsgs.iter().flat_map(|nsg| &nsg.rules).map(|rule| rule.name.as_str());
        for whole in names.chain(["VirtualNetwork", "10.0.2.0/24", "8000-8100"]) {
            assert!(narrow.contains(whole), "{whole} is cut in\n{narrow}");
        }
    }
    let rows = nsgs.iter().map(|nsg| nsg.rules.len()).sum::<usize>();
    for width in [None, Some(80)] {
        let painted = shown(width, true).matches("\x1b[0m").count();
        assert_eq!(painted, rows, "each rule's access is coloured, nothing else");
    }
}
