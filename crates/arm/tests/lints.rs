//! What is valid and hardly meant: each lint fires at its place, and is silent on the sound twin.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Outcome, check, group_of, rule};
use model::codes;

/// A machine with a public address in a subnet with the NSG `web`, and the groups `full` and `empty`.
fn network(rules: &[String]) -> String {
    format!(
        r#"[{},
{{"type": "Microsoft.Network/applicationSecurityGroups", "name": "full"}},
{{"type": "Microsoft.Network/applicationSecurityGroups", "name": "empty"}},
{{"type": "Microsoft.Network/publicIPAddresses", "name": "ip", "properties": {{"ipAddress": "203.0.113.10"}}}},
{{"type": "Microsoft.Network/publicIPAddresses", "name": "spare", "properties": {{"ipAddress": "203.0.113.11"}}}},
{{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{
  "addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}}, "subnets": [{{"name": "s", "properties": {{
    "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {{"id": "web"}}}}}}]}}}},
{{"type": "Microsoft.Network/networkInterfaces", "name": "n", "properties": {{"ipConfigurations": [{{
  "name": "c", "properties": {{"privateIPAddress": "10.0.1.4", "subnet": {{"id": "v/s"}},
    "publicIPAddress": {{"id": "ip"}}, "applicationSecurityGroups": [{{"id": "full"}}]}}}}]}}}}]"#,
        group_of("web", rules)
    )
}

/// The outcome with one rule that was changed.
fn one(changes: &[(&str, &str)]) -> (String, Outcome) {
    let text = network(&[rule("a", changes)]);
    let outcome = check(&text);
    (text, outcome)
}

#[track_caller]
fn warning(changes: &[(&str, &str)], needle: &str, code: &str) -> String {
    let (text, outcome) = one(changes);
    outcome.one_warning(&text, needle, code)
}

#[test]
fn a_machines_own_public_address() {
    let (public, code) = ("\"203.0.113.10\"", codes::OWN_PUBLIC_ADDRESS);
    let message = warning(&[("destinationAddressPrefix", public)], public, code);
    assert!(message.contains("'n/c'") && message.contains("10.0.1.4"), "{message}");
    let listed = "[\"198.51.100.0/24\", \"203.0.113.10/32\"]";
    let list = [("destinationAddressPrefix", ""), ("destinationAddressPrefixes", listed)];
    warning(&list, "\"203.0.113.10/32\"", code);
    let outbound = ("direction", "\"outbound\"");
    warning(&[outbound, ("sourceAddressPrefix", public)], public, code);
    // The far side, a wider prefix, an address of no machine, and the private one.
    one(&[("sourceAddressPrefix", public)]).1.clean();
    one(&[outbound, ("destinationAddressPrefix", public)]).1.clean();
    for sound in ["\"203.0.113.0/24\"", "\"203.0.113.11\"", "\"10.0.1.4\""] {
        one(&[("destinationAddressPrefix", sound)]).1.clean();
    }
}

#[test]
fn an_address_of_the_platform() {
    let (deny, outbound) = (("access", "\"Deny\""), ("direction", "\"Outbound\""));
    for (prefix, tag) in [
        ("168.63.129.16", "AzurePlatformDNS"),
        ("169.254.169.254/32", "AzurePlatformIMDS"),
        ("169.254.0.0/16", "AzurePlatformIMDS"),
    ] {
        let quoted = format!("\"{prefix}\"");
        let changes = [deny, outbound, ("destinationAddressPrefix", quoted.as_str())];
        let message = warning(&changes, &quoted, codes::PLATFORM_ADDRESS_DENIED);
        assert!(message.contains(tag), "{message}");
        one(&[outbound, ("destinationAddressPrefix", &quoted)]).1.clean();
    }
    for sound in ["\"0.0.0.0/0\"", "\"168.0.0.0/8\"", "\"AzurePlatformDNS\"", "\"168.63.129.17\""] {
        one(&[deny, outbound, ("destinationAddressPrefix", sound)]).1.clean();
    }
}

#[test]
fn where_health_probes_come_from() {
    let deny = ("access", "\"Deny\"");
    for source in ["\"168.63.129.16\"", "\"168.63.0.0/16\"", "\"AzureLoadBalancer\"", "\"azureloadbalancer\""]
    {
        let message = warning(&[deny, ("sourceAddressPrefix", source)], source, codes::HEALTH_PROBES_DENIED);
        assert!(message.contains(source.trim_matches('"')), "{message}");
        one(&[("sourceAddressPrefix", source)]).1.clean();
        // Some are let in on purpose, and the others are not.
        let of = |name: &str, access: &str, priority: &str| {
            rule(name, &[("access", access), ("priority", priority), ("sourceAddressPrefix", source)])
        };
        check(&network(&[of("in", "\"Allow\"", "100"), of("not", "\"Deny\"", "200")])).clean();
        let late = network(&[of("late", "\"Allow\"", "300"), of("not", "\"Deny\"", "200")]);
        assert_eq!(check(&late).codes(), [codes::HEALTH_PROBES_DENIED]);
    }
    // What is denied by the way, and the metadata service, which sends no probes.
    for sound in ["\"*\"", "\"168.0.0.0/8\"", "\"169.254.169.254\""] {
        one(&[deny, ("sourceAddressPrefix", sound)]).1.clean();
    }
}

/// VirtualNetwork holds the senders of health probes, and what a load balancer balances to looks dead without them.
#[test]
fn health_probes_of_a_load_balancer() {
    let pools =
        "\"loadBalancerBackendAddressPools\": [{\"id\": \"lb/backendAddressPools/p\"}], \"publicIPAddress\"";
    let with = |name: &str, changes: &[(&str, &str)]| {
        let priority = if name == "deny" { "4000" } else { "100" };
        rule(name, &[&[("priority", priority)], changes].concat())
    };
    let web = with("web", &[("sourceAddressPrefix", "\"Internet\""), ("destinationPortRange", "\"80\"")]);
    let deny = |source: &str, others: &[(&str, &str)]| {
        let every = ("destinationPortRange", "\"*\"");
        let source = ("sourceAddressPrefix", source);
        with("deny", &[&[("access", "\"Deny\""), ("protocol", "\"*\""), every, source], others].concat())
    };
    let balanced = |rules: &[String]| network(rules).replace("\"publicIPAddress\"", pools);
    for source in ["\"VirtualNetwork\"", "\"*\""] {
        let text = balanced(&[web.clone(), deny(source, &[])]);
        let found = check(&text).findings;
        let [warning] = found.as_slice() else { panic!("{found:#?}") };
        let place = text.rfind(&format!("\"sourceAddressPrefix\": {source}")).unwrap();
        let line = text[..place].matches('\n').count() + 1;
        assert_eq!(
            (warning.code, warning.at.as_ref().unwrap().line as usize),
            (codes::HEALTH_PROBES_DENIED, line)
        );
        let message = &warning.message;
        assert!(message.contains("which holds 168.63.129.16"), "{message}");
        // Nothing is balanced to it; a rule before lets probes in; it is about one port, or about UDP.
        check(&network(&[web.clone(), deny(source, &[])])).clean();
        for lets_in in ["\"AzureLoadBalancer\"", "\"*\"", "\"VirtualNetwork\""] {
            let probes = with("probes", &[("sourceAddressPrefix", lets_in)]);
            check(&balanced(&[probes, deny(source, &[])])).clean();
        }
        check(&balanced(&[web.clone(), deny(source, &[("destinationPortRange", "\"22\"")])])).clean();
        check(&balanced(&[web.clone(), deny(source, &[("protocol", "\"Udp\"")])])).clean();
    }
}

#[test]
fn a_group_without_members() {
    let named = |name: &str| {
        let list = format!("[{{\"id\": \"{name}\"}}]");
        one(&[("sourceAddressPrefix", ""), ("sourceApplicationSecurityGroups", &list)])
    };
    let (text, outcome) = named("empty");
    let message = outcome.one_warning(&text, "\"empty\"", codes::ASG_EMPTY);
    assert!(message.contains("no members"), "{message}");
    named("full").1.clean();
}

/// The network with another one, whose only machine is in the group `far`.
fn beside(rule: &[(&str, &str)], peered: bool) -> String {
    let peering = |to: &str| match peered {
        true => format!(
            r#""virtualNetworkPeerings": [{{"name": "p", "properties": {{"remoteVirtualNetwork": {{"id": "{to}"}}}}}}], "#
        ),
        false => String::new(),
    };
    let here = network(&[self::rule("a", rule)]);
    let here = here.replacen("\"subnets\": ", &format!("{}\"subnets\": ", peering("w")), 1);
    let far = format!(
        r#",
{{"type": "Microsoft.Network/applicationSecurityGroups", "name": "far"}},
{{"type": "Microsoft.Network/virtualNetworks", "name": "w", "properties": {{
  "addressSpace": {{"addressPrefixes": ["10.9.0.0/16"]}}, {}"subnets": [{{"name": "t", "properties": {{
    "addressPrefix": "10.9.1.0/24"}}}}]}}}},
{{"type": "Microsoft.Network/networkInterfaces", "name": "m", "properties": {{"ipConfigurations": [{{
  "name": "c", "properties": {{"privateIPAddress": "10.9.1.4", "subnet": {{"id": "w/t"}},
    "applicationSecurityGroups": [{{"id": "far"}}]}}}}]}}}}]"#,
        peering("v")
    );
    format!("{}{far}", here.strip_suffix(']').unwrap())
}

#[test]
fn a_group_whose_members_are_out_of_reach() {
    let side = |one: &'static str, groups: &'static str| [(one, ""), (groups, "[{\"id\": \"far\"}]")];
    let source = side("sourceAddressPrefix", "sourceApplicationSecurityGroups");
    let destination = side("destinationAddressPrefix", "destinationApplicationSecurityGroups");
    // At the other end a peer's members count, at the rule's own they never do.
    let apart = beside(&source, false);
    let message = check(&apart).one_warning(&apart, "\"far\"", codes::ASG_OUT_OF_REACH);
    assert!(message.contains("'w'") && message.contains("peer"), "{message}");
    check(&beside(&source, true)).clean();
    for peered in [false, true] {
        let own = beside(&destination, peered);
        let message = check(&own).one_warning(&own, "\"far\"", codes::ASG_OUT_OF_REACH);
        assert!(message.contains("at its own end"), "{message}");
    }
    let outbound = ("direction", "\"Outbound\"");
    check(&beside(&[destination[0], destination[1], outbound], true)).clean();
    let own = beside(&[source[0], source[1], outbound], true);
    check(&own).one_warning(&own, "\"far\"", codes::ASG_OUT_OF_REACH);
}

#[test]
fn a_group_attached_to_nothing() {
    let attached = network(&[]);
    check(&attached).clean();
    let lone = attached.replacen(", \"networkSecurityGroup\": {\"id\": \"web\"}", "", 1);
    check(&lone).one_warning(&lone, "\"web\"", codes::SECURITY_GROUP_NOT_ATTACHED);
    // Attached to a network interface that is in other documents.
    let elsewhere =
        lone.replacen("\"securityRules\"", "\"networkInterfaces\": [{\"id\": \"x\"}], \"securityRules\"", 1);
    check(&elsewhere).clean();
    // A network without machines says who guards its subnets; without any subnet nobody can say.
    let bare = |subnets: &str, group: &str| {
        let reference = if group.is_empty() {
            String::new()
        } else {
            format!(", \"networkSecurityGroup\": {{\"id\": \"{group}\"}}")
        };
        let subnets = subnets.replacen("}}", &format!("{reference}}}}}"), 1);
        format!(
            r#"[{}, {{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{
            "addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}}, "subnets": [{subnets}]}}}}]"#,
            group_of("web", &[])
        )
    };
    let subnet = r#"{"name": "s", "properties": {"addressPrefix": "10.0.1.0/24"}}"#;
    check(&bare(subnet, "web")).clean();
    let lone = bare(subnet, "");
    check(&lone).one_warning(&lone, "\"web\"", codes::SECURITY_GROUP_NOT_ATTACHED);
    check(&bare("", "")).clean();
    check(&format!("[{}]", group_of("web", &[]))).clean();
    // A reference that leads nowhere is the error, and all that is said.
    let broken = attached.replacen("{\"id\": \"web\"}", "{\"id\": \"wbe\"}", 1);
    check(&broken).one_error(&broken, "\"wbe\"", codes::INVALID_RESOURCE_REFERENCE);
}

#[test]
fn a_group_that_says_who_has_it() {
    let sound = network(&[]);
    let says = |text: &str, key: &str, id: &str| {
        let holders = format!("\"{key}\": [{{\"id\": \"{id}\"}}], \"securityRules\"");
        text.replacen("\"securityRules\"", &holders, 1)
    };
    let group = ", \"networkSecurityGroup\": {\"id\": \"web\"}";
    check(&says(&sound, "subnets", "v/s")).clean();
    // The subnet is there and names none, with machines and without.
    let without = sound.replacen(group, "", 1);
    for text in [
        without.clone(),
        format!(
            "{}]",
            without.split_once(",\n{\"type\": \"Microsoft.Network/networkInterfaces\"").unwrap().0
        ),
    ] {
        let text = says(&text, "subnets", "v/s");
        let message = check(&text).one_warning(&text, "\"v/s\"", codes::SECURITY_GROUP_NOT_ATTACHED);
        assert!(
            message.contains("subnet 'v/s'") && message.contains("names no network security group"),
            "{message}"
        );
    }
    // So does the network interface.
    let text = says(&sound, "networkInterfaces", "n");
    let message = check(&text).one_warning(&text, "\"n\"", codes::SECURITY_GROUP_NOT_ATTACHED);
    assert!(message.contains("network interface 'n'"), "{message}");
    // The network interface names another one.
    let other = format!(
        "{},\n{}]",
        says(&sound, "networkInterfaces", "n").strip_suffix(']').unwrap(),
        group_of("other", &[])
    );
    let text = other.replacen(
        "{\"ipConfigurations\"",
        "{\"networkSecurityGroup\": {\"id\": \"other\"}, \"ipConfigurations\"",
        1,
    );
    let message = check(&text).one_warning(&text, "\"n\"", codes::SECURITY_GROUP_NOT_ATTACHED);
    assert!(message.contains("names 'other'"), "{message}");
}

#[test]
fn ports_without_meaning_and_old_or_unusable_tags() {
    for protocol in ["\"Icmp\"", "\"Esp\"", "\"Ah\""] {
        let ports = [("protocol", protocol), ("destinationPortRange", "\"22-80\"")];
        warning(&ports, "\"22-80\"", codes::PORTS_WITHOUT_MEANING);
        one(&[("protocol", protocol), ("destinationPortRange", "\"*\"")]).1.clean();
    }
    let source = |tag: &'static str| [("sourceAddressPrefix", tag)];
    warning(&source("\"VIRTUAL_NETWORK\""), "\"VIRTUAL_NETWORK\"", codes::CLASSIC_SERVICE_TAG);
    one(&source("\"VIRTUALNETWORK\"")).1.clean();
    warning(&source("\"Feeder\""), "\"Feeder\"", codes::SERVICE_TAG_NOT_FOR_NSG);
    one(&source("\"Sql\"")).1.clean();
}
