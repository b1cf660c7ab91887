//! Every rule of validation that Azure has for security rules: its code, its place, its help.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{check, check_all, group, group_of, position, rule};
use diagnostic::INVALID_REQUEST_FORMAT;
use model::{Access, AddressMatch, Direction, RuleProtocol, ServiceTag, codes};

/// Checks an NSG with one rule that was changed.
fn one(changes: &[(&str, &str)]) -> (String, common::Outcome) {
    let text = group(&[rule("allow", changes)]);
    let outcome = check(&text);
    (text, outcome)
}

/// The one error of a rule that was changed, at the place of `needle`; returns its message and help.
#[track_caller]
fn error(changes: &[(&str, &str)], needle: &str, code: &str) -> String {
    let (text, outcome) = one(changes);
    outcome.one_error(&text, needle, code)
}

fn addresses(side: &str) -> [String; 3] {
    ["AddressPrefix", "AddressPrefixes", "ApplicationSecurityGroups"].map(|field| format!("{side}{field}"))
}

#[test]
fn a_right_rule_is_linked() {
    let (_, outcome) = one(&[("protocol", "\"tcp\""), ("direction", "\"OUTBOUND\""), ("access", "\"deny\"")]);
    let network = outcome.clean();
    let rule = &network.security_groups[0].rules[0];
    assert_eq!((&*rule.name, rule.priority, rule.default), ("allow", 100, false));
    assert_eq!((rule.direction, rule.access), (Direction::Outbound, Access::Deny));
    assert_eq!((rule.protocol, &rule.source), (RuleProtocol::Tcp, &AddressMatch::Any));
    assert_eq!(rule.destination_ports.to_string(), "443");
}

#[test]
fn v1_priority() {
    for bad in ["99", "4097", "-1", "100.5", "70000", "99999999999999999999"] {
        let message = error(&[("priority", bad)], bad, codes::SECURITY_RULE_INVALID_PRIORITY);
        assert!(message.contains(bad) && message.contains("100-4096"), "{message}");
    }
    for good in ["100", "4096"] {
        one(&[("priority", good)]).1.clean();
    }
    error(&[("priority", "")], "\"allow\"", codes::SECURITY_RULE_INVALID_PRIORITY);
}

#[test]
fn v2_two_rules_in_one_slot() {
    let text = group(&[rule("a", &[]), rule("b", &[("priority", "100")])]);
    let second = text.rfind("100").unwrap();
    let message = check(&text).findings.remove(0);
    assert_eq!(message.code, codes::SECURITY_RULE_CONFLICT);
    assert!(message.to_string().contains("'web/b' conflicts with 'a': both are Inbound with priority 100\n  net.json:4:19: first used here, by 'a'"), "{message}");
    let line = text[..second].matches('\n').count() + 1;
    assert_eq!(message.at.unwrap().to_string(), format!("net.json:{line}:19"));
    check(&group(&[rule("a", &[]), rule("b", &[("direction", "\"Outbound\"")])])).clean();
}

#[test]
fn v3_ports() {
    for bad in ["80,443", "636, 389", "65536", "100-50", "-5", "http", "80-", "+80", "0x50"] {
        let quoted = format!("\"{bad}\"");
        let code = codes::SECURITY_RULE_INVALID_PORT_RANGE;
        error(&[("destinationPortRange", &quoted)], &quoted, code);
        error(&[("sourcePortRange", &quoted)], &quoted, code);
        let list = format!("[\"22\", {quoted}]");
        error(&[("destinationPortRange", ""), ("destinationPortRanges", &list)], &quoted, code);
    }
    let message = error(
        &[("destinationPortRange", "\"80,443\"")],
        "\"80,443\"",
        codes::SECURITY_RULE_INVALID_PORT_RANGE,
    );
    assert!(message.contains("destinationPortRanges"), "{message}");
}

#[test]
fn ports_are_numbers_ranges_or_all() {
    let ports = |value: &str| {
        let network = one(&[("destinationPortRange", ""), ("destinationPortRanges", value)]).1.clean();
        network.security_groups[0].rules[0].destination_ports.to_string()
    };
    assert_eq!(ports("[\"0-65535\"]"), "*");
    assert_eq!(ports("[80, \"81-90\", 443]"), "80-90,443");
    let network = one(&[("destinationPortRange", "22")]).1.clean();
    assert_eq!(network.security_groups[0].rules[0].destination_ports.to_string(), "22");
}

#[test]
fn v4_addresses() {
    for (bad, help) in [
        ("50.206.209.68/27", "did you mean '50.206.209.64/27'?"),
        ("10.0.0.0/34", "service tag"),
        ("10.0.0.0/0/16", "service tag"),
        ("10.0.0.256", "service tag"),
        ("web-subnet", "service tag"),
        ("Strage.WestUS", "did you mean 'Storage.WestUS'?"),
        ("VirtualNetwrk", "did you mean 'VirtualNetwork'?"),
        ("10.0.0.0/8,11.0.0.0/8", "sourceAddressPrefixes"),
    ] {
        let quoted = format!("\"{bad}\"");
        let code = codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX;
        let message = error(&[("sourceAddressPrefix", &quoted)], &quoted, code);
        assert!(message.contains(bad) && message.contains(help), "{message}");
    }
    let list = "[\"10.0.0.0/8\", \"11.0.0.1/8\"]";
    let changes = [("sourceAddressPrefix", ""), ("sourceAddressPrefixes", list)];
    error(&changes, "\"11.0.0.1/8\"", codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX);
}

#[test]
fn v4_names_of_other_things() {
    let help = |name: &str| {
        let quoted = format!("\"{name}\"");
        let text = group(&[rule("allow", &[("sourceAddressPrefix", &quoted)])]);
        let outcome = check_all(&[&text, &members()]);
        outcome.one_error(&text, &quoted, codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX)
    };
    assert!(help("S").contains("'s' is a subnet: write its prefix 10.1.0.0/24"), "{}", help("S"));
    assert!(help("v2").contains("'v2' is a virtual network: write its prefix 10.2.0.0/16"), "{}", help("v2"));
    let group = "'e10' is an application security group: name it in sourceApplicationSecurityGroups";
    assert!(help("e10").contains(group), "{}", help("e10"));
    assert!(help("e1x").contains("'e1' is an application security group"), "{}", help("e1x"));
    assert!(help("Sgl").contains("did you mean 'Sql'?"), "{}", help("Sgl"));
}

#[test]
fn an_address_alone_is_its_own_prefix_and_any_is_any() {
    let source = |value: &str| {
        let network = one(&[("sourceAddressPrefix", value)]).1.clean();
        network.security_groups[0].rules[0].source.clone()
    };
    let prefixes = |text: &str| AddressMatch::Prefixes(vec![text.parse().unwrap()]);
    assert_eq!(source("\"10.0.0.5\""), prefixes("10.0.0.5/32"));
    assert_eq!(source("\"fd00::5\""), prefixes("fd00::5/128"));
    assert_eq!(source("\"0.0.0.0/0\""), prefixes("0.0.0.0/0"));
    assert_eq!(source("\"any\""), AddressMatch::Any);
    assert_eq!(source("\"VIRTUALNETWORK\""), AddressMatch::Tag(ServiceTag::VirtualNetwork));
    let named = model::TagIndex(1);
    assert_eq!(source("\"storage.westus\""), AddressMatch::Tag(ServiceTag::Named(named)));
}

#[test]
fn v5_any_and_tags_stand_alone() {
    for bad in ["*", "VirtualNetwork", "INTERNET", "Sql", "Any"] {
        let quoted = format!("\"{bad}\"");
        let list = format!("[\"10.0.0.0/8\", {quoted}]");
        let changes = [("destinationAddressPrefix", ""), ("destinationAddressPrefixes", list.as_str())];
        error(&changes, &format!("{quoted}]"), codes::SECURITY_RULE_UNSUPPORTED_VALUE);
    }
}

#[test]
fn v6_overlapping_prefixes() {
    let list = "[\"10.1.0.0/16\", \"11.0.0.0/8\", \"10.0.0.0/8\", \"11.0.0.0/8\"]";
    let text = group(&[rule("allow", &[("sourceAddressPrefix", ""), ("sourceAddressPrefixes", list)])]);
    let outcome = check(&text);
    assert_eq!(outcome.codes(), [codes::OVERLAPPING_PREFIXES; 2]);
    let line = text.lines().position(|line| line.contains("sourceAddressPrefixes")).unwrap() + 1;
    let column = |nth: usize| outcome.findings[nth].at.as_ref().unwrap().to_string();
    assert_eq!(column(0), format!("net.json:{line}:62"));
    assert_eq!(column(1), format!("net.json:{line}:76"));
    assert!(outcome.findings[0].message.contains("[10.0.0.0/8, 10.1.0.0/16]"), "{outcome}");
}

#[test]
fn v7_exactly_one_way_to_say_the_addresses() {
    for side in ["source", "destination"] {
        let [one_field, many, groups] = addresses(side);
        let none = [(one_field.as_str(), "")];
        error(&none, "\"allow\"", codes::SECURITY_RULE_PARAMETERS_MISSING);
        let empty = [(one_field.as_str(), "\"\""), (many.as_str(), "[]"), (groups.as_str(), "[]")];
        error(&empty, "\"\"", codes::SECURITY_RULE_PARAMETERS_MISSING);
        let both = [(many.as_str(), "[\"10.0.0.0/8\"]")];
        error(&both, "\"10.0.0.0/8\"", codes::SECURITY_RULE_PARAMETER_CONFLICT);
        one(&[(many.as_str(), "[]"), (groups.as_str(), "null")]).1.clean();
        one(&[(many.as_str(), "[\"10.0.0.0/8\"]"), (one_field.as_str(), "\"\"")]).1.clean();
    }
    error(&[("sourcePortRange", "")], "\"allow\"", codes::SECURITY_RULE_PARAMETERS_MISSING);
    error(&[("sourcePortRanges", "[\"1\"]")], "\"1\"", codes::SECURITY_RULE_PARAMETER_CONFLICT);
}

#[test]
fn v8_one_address_family() {
    let changes = [("sourceAddressPrefix", "\"10.0.0.0/8\""), ("destinationAddressPrefix", "\"fd00::/8\"")];
    error(&changes, "\"fd00::/8\"", codes::DIFFERENT_ADDRESS_FAMILIES);
    let list = [("sourceAddressPrefix", ""), ("sourceAddressPrefixes", "[\"::/0\", \"0.0.0.0/0\"]")];
    error(&list, "\"0.0.0.0/0\"", codes::DIFFERENT_ADDRESS_FAMILIES);
    one(&[("sourceAddressPrefix", "\"fd00::/8\""), ("destinationAddressPrefix", "\"Sql\"")]).1.clean();
}

#[test]
fn v9_rules_in_a_group() {
    let rules = |count: usize| -> Vec<String> {
        (0..count).map(|nth| rule(&format!("r{nth}"), &[("priority", &format!("{}", 100 + nth))])).collect()
    };
    check(&group(&rules(1000))).clean();
    let text = group(&rules(1001));
    check(&text).one_error(&text, "\"web\"", codes::SECURITY_RULE_COUNT_LIMIT);
}

#[test]
fn v10_addresses_and_ports_in_a_group() {
    let list = |count: usize, item: fn(usize) -> String| {
        let items: Vec<String> = (0..count).map(|nth| format!("\"{}\"", item(nth))).collect();
        format!("[{}]", items.join(","))
    };
    let address = |nth: usize| format!("10.{}.{}.1", nth / 256, nth % 256);
    let port = |nth: usize| nth.to_string();
    for (single, plural, name, item) in [
        (
            "sourceAddressPrefix",
            "sourceAddressPrefixes",
            "SourceAddressPrefixes",
            address as fn(usize) -> String,
        ),
        ("destinationAddressPrefix", "destinationAddressPrefixes", "DestinationAddressPrefixes", address),
        ("sourcePortRange", "sourcePortRanges", "SourcePortRanges", port),
        ("destinationPortRange", "destinationPortRanges", "DestinationPortRanges", port),
    ] {
        let text = |second: usize| {
            let half = [("priority", "200"), (single, ""), (plural, &list(second, item))];
            group(&[rule("a", &[(single, ""), (plural, &list(2000, item))]), rule("b", &half)])
        };
        check(&text(2000)).clean();
        let text = text(2001);
        let message = check(&text).one_error(&text, "\"web\"", codes::ADDRESSES_OR_PORTS_LIMIT);
        assert!(message.contains(&format!("4001 {name}")), "{message}");
    }
}

/// Two VNets with a NIC each, the first in groups `a`, `b` and `e0` to `e10`, the second in `c`.
fn members() -> String {
    let vnet = |name: &str, net: u8| {
        format!(
            "{{\"type\": \"Microsoft.Network/virtualNetworks\", \"name\": \"{name}\", \"properties\": {{\"addressSpace\": {{\"addressPrefixes\": [\"10.{net}.0.0/16\"]}}, \"subnets\": [{{\"name\": \"s\", \"properties\": {{\"addressPrefix\": \"10.{net}.0.0/24\", \"networkSecurityGroup\": {{\"id\": \"web\"}}}}}}]}}}}"
        )
    };
    let nic = |name: &str, vnet: &str, asgs: &str| {
        format!(
            "{{\"type\": \"Microsoft.Network/networkInterfaces\", \"name\": \"{name}\", \"properties\": {{\"ipConfigurations\": [{{\"name\": \"c\", \"properties\": {{\"subnet\": {{\"id\": \"{vnet}/s\"}}, \"applicationSecurityGroups\": [{asgs}]}}}}]}}}}"
        )
    };
    let asg = |name: &str| {
        format!("{{\"type\": \"Microsoft.Network/applicationSecurityGroups\", \"name\": \"{name}\"}}")
    };
    let more: Vec<String> = (0..11).map(|nth| asg(&format!("e{nth}"))).collect();
    let joined: Vec<String> = (0..11).map(|nth| format!("{{\"id\": \"e{nth}\"}}")).collect();
    let joined =
        format!("{{\"id\": \"a\"}}, {{\"id\": \"applicationSecurityGroups/b\"}}, {}", joined.join(", "));
    format!(
        "[{}, {}, {}, {}, {}, {}, {}, {}]",
        vnet("v1", 1),
        vnet("v2", 2),
        nic("n1", "v1", &joined),
        nic("n2", "v2", "{\"id\": \"c\"}"),
        asg("a"),
        asg("b"),
        asg("c"),
        more.join(", ")
    )
}

/// A rule from and to application security groups.
fn between(source: &str, destination: &str) -> String {
    let ids = |names: &str| {
        let ids: Vec<String> = names.split(' ').map(|name| format!("{{\"id\": \"{name}\"}}")).collect();
        format!("[{}]", ids.join(", "))
    };
    let changes = [
        ("sourceAddressPrefix", ""),
        ("sourceApplicationSecurityGroups", &*ids(source)),
        ("destinationAddressPrefix", ""),
        ("destinationApplicationSecurityGroups", &*ids(destination)),
    ];
    group(&[rule("allow", &changes)])
}

#[test]
fn groups_are_linked_by_index() {
    let network = check_all(&[&between("a", "b e0"), &members()]).clean();
    let rule = &network.security_groups[0].rules[0];
    assert_eq!(rule.source, AddressMatch::ApplicationSecurityGroups(vec![model::AsgIndex(0)]));
    let both = vec![model::AsgIndex(1), model::AsgIndex(3)];
    assert_eq!(rule.destination, AddressMatch::ApplicationSecurityGroups(both));
}

#[test]
fn v11_groups_on_one_side() {
    let ten: Vec<String> = (0..10).map(|nth| format!("e{nth}")).collect();
    check_all(&[&between("a", &ten.join(" ")), &members()]).clean();
    let text = between("a", &format!("{} e10", ten.join(" ")));
    check_all(&[&text, &members()]).one_error(&text, "\"e10\"", codes::ASGS_IN_RULE_LIMIT);
}

#[test]
fn v12_groups_of_one_vnet() {
    let text = between("a", "b c");
    let message = check_all(&[&text, &members()]).one_error(&text, "\"c\"", codes::ASGS_OF_DIFFERENT_VNETS);
    assert!(message.contains("'a' and 'c'"), "{message}");
}

#[test]
fn v13_the_platforms_tags_can_only_be_denied() {
    for tag in ["AzurePlatformDNS", "azureplatformimds", "AzurePlatformLKM"] {
        let quoted = format!("\"{tag}\"");
        let allow = [("destinationAddressPrefix", quoted.as_str())];
        error(&allow, "\"Allow\"", codes::SECURITY_RULE_INVALID_ACCESS_TYPE);
        one(&[("destinationAddressPrefix", &quoted), ("access", "\"Deny\"")]).1.clean();
    }
}

#[test]
fn v14_groups_exist() {
    let text = between("a", "nope");
    let outcome = check_all(&[&text, &members()]);
    let message = outcome.one_error(&text, "\"nope\"", codes::INVALID_RESOURCE_REFERENCE);
    assert!(message.contains("there is no application security group 'nope'"), "{message}");
}

#[test]
fn v15_description() {
    let text = |length: usize| format!("\"{}\"", "ä".repeat(length));
    one(&[("description", &text(140))]).1.clean();
    error(&[("description", &text(141))], "\"ää", codes::SECURITY_RULE_INVALID_DESCRIPTION);
}

#[test]
fn v16_names() {
    for bad in ["_allow", "allow-", "allow web", "", &"a".repeat(81)] {
        let text = group(&[rule(bad, &[])]);
        check(&text).one_error(&text, &format!("\"{bad}\""), codes::INVALID_RESOURCE_NAME);
    }
    check(&group(&[rule("1.a-b_", &[])])).clean();
}

#[test]
fn v17_words() {
    for (field, bad) in [("protocol", "Sctp"), ("protocol", "6"), ("access", "Accept"), ("direction", "In")] {
        let quoted = format!("\"{bad}\"");
        let message = error(&[(field, &quoted)], &quoted, INVALID_REQUEST_FORMAT);
        assert!(message.contains("use one of"), "{message}");
        error(&[(field, "")], "\"allow\"", INVALID_REQUEST_FORMAT);
    }
}

#[test]
fn names_differ_in_a_group_whatever_their_case() {
    let text = group(&[rule("a", &[]), rule("A", &[("priority", "101")])]);
    check(&text).one_error(&text, "\"A\"", codes::DUPLICATE_RESOURCE_NAME);
}

#[test]
fn what_azure_or_we_forgive_is_a_warning() {
    let warning = |changes: &[(&str, &str)], needle: &str, code: &str| {
        let (text, outcome) = one(changes);
        outcome.one_warning(&text, needle, code);
        outcome.network.unwrap().security_groups.remove(0).rules.remove(0)
    };
    let spaced = [("destinationPortRange", "\"65503-65534 \"")];
    let rule = warning(&spaced, "\"65503-65534 \"", codes::SURROUNDING_WHITESPACE);
    assert_eq!(rule.destination_ports.to_string(), "65503-65534");
    let spaced = [("sourceAddressPrefix", "\" 10.0.0.0/8\"")];
    warning(&spaced, "\" 10.0.0.0/8\"", codes::SURROUNDING_WHITESPACE);

    for (classic, tag) in [
        ("VIRTUAL_NETWORK", ServiceTag::VirtualNetwork),
        ("AZURE_LOADBALANCER", ServiceTag::AzureLoadBalancer),
        ("INTERNET", ServiceTag::Internet),
    ] {
        let quoted = format!("\"{classic}\"");
        let rule = warning(&[("sourceAddressPrefix", &quoted)], &quoted, codes::CLASSIC_SERVICE_TAG);
        assert_eq!(rule.source, AddressMatch::Tag(tag));
    }
    warning(&[("sourceAddressPrefix", "\"Feeder\"")], "\"Feeder\"", codes::SERVICE_TAG_NOT_FOR_NSG);
    warning(&[("priority", "\"100\"")], "\"100\"", document::codes::LOOSE_TYPE);

    for protocol in ["\"Icmp\"", "\"ESP\"", "\"Ah\""] {
        let changes = [("protocol", protocol), ("destinationPortRange", "\"8\"")];
        let rule = warning(&changes, "\"8\"", codes::PORTS_WITHOUT_MEANING);
        assert!(rule.destination_ports.is_full() && rule.source_ports.is_full());
    }
}

#[test]
fn ten_errors_are_ten_messages_in_the_order_of_the_file() {
    let text = group(&[
        rule("a", &[("priority", "1"), ("protocol", "\"Sctp\""), ("access", "\"Maybe\"")]),
        rule("b", &[("destinationPortRange", "\"80,443\""), ("sourceAddressPrefix", "\"10.0.0.1/8\"")]),
        rule("-c", &[("priority", "103"), ("direction", "\"Up\""), ("sourcePortRange", "\"x\"")]),
        rule("d", &[("priority", "104"), ("destinationAddressPrefix", "")]),
        rule("e", &[("priority", "105"), ("sourcePortRange", "[]")]),
    ]);
    let outcome = check(&text);
    assert!(outcome.network.is_none());
    let places: Vec<String> = outcome
        .findings
        .iter()
        .map(|found| format!("{}: {}", found.at.as_ref().unwrap(), found.code))
        .collect();
    let at = |needle: &str, code: &str| format!("net.json:{}: {code}", position(&text, needle));
    // What the reader of the shape finds comes before what validation finds.
    let expected = [
        at("[]", INVALID_REQUEST_FORMAT),
        at("1,\n", codes::SECURITY_RULE_INVALID_PRIORITY),
        at("\"Sctp\"", INVALID_REQUEST_FORMAT),
        at("\"Maybe\"", INVALID_REQUEST_FORMAT),
        at("\"80,443\"", codes::SECURITY_RULE_INVALID_PORT_RANGE),
        at("\"10.0.0.1/8\"", codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX),
        at("\"-c\"", codes::INVALID_RESOURCE_NAME),
        at("\"Up\"", INVALID_REQUEST_FORMAT),
        at("\"x\"", codes::SECURITY_RULE_INVALID_PORT_RANGE),
        at("\"d\"", codes::SECURITY_RULE_PARAMETERS_MISSING),
    ];
    assert_eq!(places, expected);
}

#[test]
fn two_groups_may_use_the_same_names() {
    let text = format!("[{}, {}]", group_of("a", &[rule("r", &[])]), group_of("b", &[rule("r", &[])]));
    assert_eq!(check(&text).clean().security_groups.len(), 2);
}

/// The header says why, and not only what stands there.
#[test]
fn what_is_refused_is_refused_for_a_reason() {
    let (priority, ports) = (codes::SECURITY_RULE_INVALID_PRIORITY, codes::SECURITY_RULE_INVALID_PORT_RANGE);
    let prefix = codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX;
    for (field, bad, code, why) in [
        ("priority", "99", priority, "which is not within 100-4096"),
        ("priority", "-100", priority, "which is not within 100-4096"),
        ("priority", "100.5", priority, "which is not a whole number"),
        ("priority", "1000.0", priority, "which is not a whole number"),
        // One message, which does not say to take the quotes away.
        ("priority", "\"abc\"", priority, "which is not a whole number"),
        ("destinationPortRange", "\"80,443\"", ports, "which is a list"),
        ("destinationPortRange", "\"65536\"", ports, "which is not within 0-65535"),
        ("destinationPortRange", "\"1-99999999999999999999\"", ports, "which is not within 0-65535"),
        ("destinationPortRange", "\"100-50\"", ports, "which ends before it begins"),
        ("destinationPortRange", "\"http\"", ports, "which is neither *, a port nor a range of ports"),
        ("sourceAddressPrefix", "\"10.0.0.0/33\"", prefix, "whose length is not within 0-32"),
        ("sourceAddressPrefix", "\"fd00::/129\"", prefix, "whose length is not within 0-128"),
        ("sourceAddressPrefix", "\"10.0.0.0/08\"", prefix, "whose length begins with 0"),
        ("sourceAddressPrefix", "\"10.0.0.0/0/16\"", prefix, "whose length is no number"),
        ("sourceAddressPrefix", "\"10.0.0.1,10.0.0.2\"", prefix, "which is a list"),
        (
            "sourceAddressPrefix",
            "\"[[concat('10.0.0.0', '/8')]\"",
            prefix,
            "which is an expression that nothing evaluates there",
        ),
        ("sourceAddressPrefix", "\"Bogus\"", prefix, "which is no known service tag"),
        (
            "sourceAddressPrefix",
            "\"10.0.0\"",
            prefix,
            "which is neither *, an address, a prefix nor a service tag",
        ),
    ] {
        let message = error(&[(field, bad)], bad, code);
        let header = message.lines().next().unwrap_or_default();
        assert!(header.ends_with(why), "{bad}: {message}");
    }
    let message = error(&[("priority", "100.5")], "100.5", priority);
    assert!(message.ends_with("use a whole number of 100-4096"), "{message}");
    // Azure takes no number of a protocol, written in whatever way.
    for bad in ["6", "\"6\""] {
        let message = error(&[("protocol", bad)], bad, INVALID_REQUEST_FORMAT);
        assert!(
            message.ends_with("has the protocol '6'\nuse one of Tcp, Udp, Icmp, Esp, Ah, *"),
            "{message}"
        );
    }
}

#[test]
fn what_is_empty_is_said_at_its_place() {
    let code = codes::SECURITY_RULE_PARAMETERS_MISSING;
    let message = error(&[("destinationPortRange", "\"\"")], "\"\"", code);
    assert!(message.contains("has an empty destinationPortRange"), "{message}");
    let message = error(&[("sourceAddressPrefix", "\"\"")], "\"\"", code);
    assert!(message.contains("has an empty sourceAddressPrefix"), "{message}");
    let nameless = check(&group(&[rule("", &[]), rule("", &[("priority", "101")])]));
    assert_eq!(nameless.codes(), [codes::INVALID_RESOURCE_NAME; 2]);
    let several = |prefixes: &str| {
        let changes = [("sourceAddressPrefix", "\"*\""), ("sourceAddressPrefixes", prefixes)];
        one(&changes).1.findings.remove(0).message
    };
    assert!(several("[\"10.0.0.0/8\"]").ends_with("(*, 10.0.0.0/8)"), "{}", several("[\"10.0.0.0/8\"]"));
    assert!(several("[\"10.0.0.0/8\", \"11.0.0.0/8\"]").ends_with("(*, 10.0.0.0/8 …)"));
}
