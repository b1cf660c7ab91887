//! What virtual networks, network interfaces and public addresses must be together.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Sound, check, check_all, group_of, rule};
use diagnostic::INVALID_REQUEST_FORMAT;
use model::{NicIndex, NotFound, NsgIndex, PublicIpSku, VnetIndex, codes};

/// A small network: two subnets, two NICs, one of them with a public address, an NSG on each level.
const NETWORK: &str = r#"[
  {"type": "Microsoft.Network/virtualNetworks", "name": "vnet1", "properties": {
    "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
    "subnets": [
      {"name": "web", "properties": {"addressPrefix": "10.0.1.0/24",
        "networkSecurityGroup": {"id": "networkSecurityGroups/subnet-nsg"}}},
      {"name": "db", "properties": {"addressPrefixes": ["10.0.2.0/24"]}}
    ]}},
  {"type": "Microsoft.Network/networkSecurityGroups", "name": "subnet-nsg", "properties": {}},
  {"type": "Microsoft.Network/networkSecurityGroups", "name": "nic-nsg", "properties": {}},
  {"type": "Microsoft.Network/publicIPAddresses", "name": "web-ip", "sku": {"name": "standard"},
    "properties": {"ipAddress": "203.0.113.10"}},
  {"type": "Microsoft.Network/networkInterfaces", "name": "web-nic", "properties": {
    "networkSecurityGroup": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/NIC-NSG"},
    "enableIPForwarding": false,
    "ipConfigurations": [{"name": "web-ipc", "properties": {
      "privateIPAddress": "10.0.1.4", "privateIPAllocationMethod": "Dynamic",
      "subnet": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/vnet1/subnets/web"},
      "publicIPAddress": {"id": "web-ip"}}}]}},
  {"type": "Microsoft.Network/networkInterfaces", "name": "db-nic", "properties": {
    "ipConfigurations": [{"name": "db-ipc", "properties": {
      "privateIPAddress": "10.0.2.4", "subnet": {"id": "virtualNetworks/vnet1/subnets/db"}}}]}}
]"#;

const SOUND: Sound = Sound(NETWORK);

#[test]
fn a_right_network_is_linked() {
    let network = check(NETWORK).clean();
    let vnet = &network.virtual_networks[0];
    assert_eq!(vnet.subnets[0].security_group, Some(NsgIndex(0)));
    assert_eq!(vnet.subnets[1].prefixes, ["10.0.2.0/24".parse::<ipnet::IpNet>().unwrap()]);
    assert!(vnet.subnets[1].id.ends_with("/virtualNetworks/vnet1/subnets/db"), "{}", vnet.subnets[1].id);
    let nic = &network.network_interfaces[0];
    assert_eq!(
        (nic.security_group, nic.ip_forwarding, nic.vnet()),
        (Some(NsgIndex(1)), false, Some(VnetIndex(0)))
    );
    let configuration = &nic.ip_configurations[0];
    assert_eq!(configuration.private_address, Some([10, 0, 1, 4].into()));
    assert!(configuration.primary);
    let public = &network.public_ips[configuration.public_ip.unwrap().0];
    assert_eq!((public.address, public.sku), (Some([203, 0, 113, 10].into()), PublicIpSku::Standard));
}

#[test]
fn resources_are_found_by_what_people_write() {
    let network = check(NETWORK).clean();
    assert_eq!(network.find_nic("WEB-nic"), Ok(NicIndex(0)));
    assert_eq!(network.find_nic(&network.network_interfaces[1].id), Ok(NicIndex(1)));
    let elsewhere = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/networkInterfaces/db-nic";
    assert_eq!(network.find_nic(elsewhere), Ok(NicIndex(1)));
    let Err(missing) = network.find_nic("web-nci") else { panic!() };
    assert_eq!(missing.to_string(), "there is no network interface 'web-nci'");
    assert_eq!(missing.help(), "did you mean 'web-nic'?");
    assert_eq!(network.find_subnet("vnet1/db").unwrap().subnet, 1);
    assert!(matches!(network.find_subnet("vnet2/db"), Err(NotFound::Missing { .. })));
}

/// A template says at the machine which network interfaces it has, and nothing at them.
#[test]
fn a_machine_names_its_network_interfaces() {
    let machine = r#"{"type": "Microsoft.Compute/virtualMachines", "name": "web-vm", "properties": {
        "networkProfile": {"networkInterfaces": [
            {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/WEB-NIC"},
            {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkInterfaces/elsewhere"},
            {"id": 7}]}}}"#;
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/db-vm";
    let flattened = format!(
        r#"{{"id": "{id}", "name": "db-vm", "type": "Microsoft.Compute/virtualMachines", "resourceGroup": "g",
            "networkProfile": {{"networkInterfaces": [{{"id": "networkInterfaces/db-nic", "primary": true}}]}}}}"#
    );
    let network = check(&NETWORK.replacen("[\n", &format!("[\n{machine}, {flattened},"), 1)).clean();
    assert_eq!(network.find_nic_of_machine("WEB-vm"), Ok(NicIndex(0)));
    let by_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web-vm";
    assert_eq!(network.find_nic_of_machine(by_id), Ok(NicIndex(0)));
    assert_eq!(network.find_nic_of_machine(&id.to_uppercase()), Ok(NicIndex(1)));
    let elsewhere = id.replace("/g/", "/h/");
    let missing = network.find_nic_of_machine(&elsewhere).unwrap_err();
    assert!(missing.ends_with(&format!("; did you mean '{id}'?")), "{missing}");
    for (machine, is_its) in [("DB-vm", true), (id, true), ("web-vm", false), (&elsewhere, false)] {
        assert_eq!(network.is_of_machine(NicIndex(1), machine), Some(is_its), "{machine}");
    }
    let missing = network.find_nic_of_machine("web-mv").unwrap_err();
    assert!(missing.ends_with("'s; did you mean 'web-vm'?"), "{missing}");
}

#[test]
fn references_lead_somewhere() {
    let code = codes::INVALID_RESOURCE_REFERENCE;
    let message = SOUND.error(
        "networkSecurityGroups/subnet-nsg\"",
        "networkSecurityGroups/subnet-ngs\"",
        "\"networkSecurityGroups/subnet-ngs\"",
        code,
    );
    assert!(message.ends_with("did you mean 'subnet-nsg'?"), "{message}");
    SOUND.error("{\"id\": \"web-ip\"}", "{\"id\": \"web-pi\"}", "\"web-pi\"", code);
    SOUND.error("/vnet1/subnets/db\"}", "/vnet2/subnets/db\"}", "\"virtualNetworks/vnet2", code);
    SOUND.error("virtualNetworks/vnet1/subnets/db", "routeTables/db", "\"routeTables/db\"", code);
}

#[test]
fn an_ambiguous_name_asks_for_the_id() {
    let id = |group: &str| {
        format!(
            "/subscriptions/s/resourceGroups/{group}/providers/Microsoft.Network/networkSecurityGroups/twin"
        )
    };
    let twin =
        |group: &str| group_of("twin", &[]).replacen('{', &format!("{{\"id\": \"{}\", ", id(group)), 1);
    let twins = format!("[{}, {}]", twin("a"), twin("b"));
    let by = |reference: &str| {
        let text = NETWORK.replacen("networkSecurityGroups/subnet-nsg", reference, 1);
        (check_all(&[&text, &twins]), text)
    };
    let (outcome, text) = by("twin");
    let message = outcome.one_error(&text, "\"twin\"", codes::AMBIGUOUS_RESOURCE_REFERENCE);
    assert!(message.contains(&id("a")) && message.contains(&id("b")), "{message}");
    let outcome = by(&id("B")).0;
    assert_eq!(outcome.codes(), [codes::SECURITY_GROUP_NOT_ATTACHED; 2]);
    let network = outcome.network.unwrap();
    assert_eq!(network.virtual_networks[0].subnets[0].security_group, Some(NsgIndex(3)));
    let (outcome, text) = by(&id("c"));
    outcome.one_error(&text, &format!("\"{}\"", id("c")), codes::INVALID_RESOURCE_REFERENCE);
}

#[test]
fn private_addresses_lie_in_their_subnet_and_are_free() {
    let place = |address: &str, code: &str| {
        let quoted = format!("\"{address}\"");
        SOUND.error("\"10.0.2.4\"", &quoted, &quoted, code);
    };
    place("10.0.3.4", codes::ADDRESS_NOT_IN_SUBNET);
    place("fd00::4", codes::ADDRESS_NOT_IN_SUBNET);
    for reserved in ["10.0.2.0", "10.0.2.1", "10.0.2.3", "10.0.2.255"] {
        place(reserved, codes::ADDRESS_IN_RESERVED_RANGE);
    }
    place("10.0.2", codes::INVALID_IP_ADDRESS_FORMAT);
    place("10.0.2.4/32", codes::INVALID_IP_ADDRESS_FORMAT);
    SOUND.changed("\"10.0.2.4\"", "\"10.0.2.254\"").1.clean();
    let network = SOUND.changed("\"privateIPAddress\": \"10.0.2.4\", ", "").1.clean();
    assert_eq!(network.network_interfaces[1].ip_configurations[0].private_address, None);
}

#[test]
fn an_address_is_given_once_in_a_vnet() {
    let message = SOUND.error(
        "\"10.0.2.4\", \"subnet\": {\"id\": \"virtualNetworks/vnet1/subnets/db\"}",
        "\"10.0.1.4\", \"subnet\": {\"id\": \"web\"}",
        "\"10.0.1.4\", \"subnet\"",
        codes::ADDRESS_IS_ALLOCATED,
    );
    assert!(message.contains("'web-nic/web-ipc' has too"), "{message}");
}

#[test]
fn a_public_address_is_used_once() {
    let again = "\"10.0.2.4\", \"publicIPAddress\": {\"id\": \"WEB-IP\"}";
    SOUND.error("\"10.0.2.4\"", again, "\"WEB-IP\"", codes::PUBLIC_ADDRESS_IN_USE);
    let twin = "[{\"type\": \"Microsoft.Network/publicIPAddresses\", \"name\": \"z\", \"properties\": {\"ipAddress\": \"203.0.113.10\"}}]";
    let outcome = check_all(&[twin, NETWORK]);
    assert_eq!(outcome.codes(), [codes::PUBLIC_ADDRESS_IN_USE]);
    for bad in ["\"203.0.113\"", "\"127.0.0.1\"", "\"0.0.0.0\"", "\"239.1.1.1\""] {
        SOUND.error("\"203.0.113.10\"", bad, bad, codes::INVALID_IP_ADDRESS_FORMAT);
    }
    SOUND.error("\"203.0.113.10\"", "\"2001:db8::1\"", "\"web-ip\"}}", codes::PUBLIC_ADDRESS_VERSION);
    SOUND.error("\"standard\"", "\"Premium\"", "\"Premium\"", INVALID_REQUEST_FORMAT);
}

#[test]
fn subnets_lie_in_the_space_and_apart() {
    // The NIC in it would be outside too, so it moves along.
    let (text, outcome) = SOUND.changed("[\"10.0.2.0/24\"]}}", "[\"11.0.2.0/24\"]}}");
    assert_eq!(outcome.codes(), [codes::SUBNET_OUTSIDE_VNET, codes::ADDRESS_NOT_IN_SUBNET], "{outcome}");
    assert!(
        outcome.findings[0].at.as_ref().unwrap().to_string().ends_with(&common::position(&text, "\"11.0"))
    );
    let text = NETWORK.replacen("\"10.0.1.0/24\"", "\"10.0.0.0/22\"", 1);
    let message = check(&text).one_error(&text, "\"10.0.2.0/24\"", codes::SUBNETS_OVERLAP);
    assert!(message.contains("10.0.2.0/24, which overlaps 10.0.0.0/22 of 'vnet1/web'"), "{message}");
}

#[test]
fn sizes_and_formats_of_subnets() {
    let web = |prefix: &str| {
        let text = NETWORK.replacen("\"10.0.1.0/24\"", &format!("\"{prefix}\""), 1).replacen(
            "\"privateIPAddress\": \"10.0.1.4\", ",
            "",
            1,
        );
        (check(&text), text)
    };
    for (prefix, code) in [
        ("10.0.1.0/30", codes::INVALID_SUBNET),
        ("10.0.1.1/24", codes::INVALID_CIDR_NOTATION),
        ("10.0.1.0", codes::INVALID_ADDRESS_PREFIX_FORMAT),
        ("10.0.1.0/33", codes::INVALID_ADDRESS_PREFIX_FORMAT),
    ] {
        let (outcome, text) = web(prefix);
        outcome.one_error(&text, &format!("\"{prefix}\""), code);
    }
    web("10.0.1.0/29").0.clean();
    let v6 = |prefix: &str| {
        SOUND.changed("[\"10.0.0.0/16\"]", "[\"10.0.0.0/16\", \"fd00::/48\"]").0.replacen(
            "[\"10.0.2.0/24\"]",
            &format!("[\"10.0.2.0/24\", \"{prefix}\"]"),
            1,
        )
    };
    check(&v6("fd00::/64")).clean();
    check(&v6("fd00::/65")).one_error(&v6("fd00::/65"), "\"fd00::/65\"", codes::INVALID_SUBNET);
    SOUND.error("\"addressPrefix\": \"10.0.1.0/24\",", "", "\"web\"", codes::INVALID_SUBNET);
}

#[test]
fn address_spaces() {
    let space = |prefixes: &str| {
        let text = NETWORK.replacen("[\"10.0.0.0/16\"]", &format!("[\"10.0.0.0/16\", {prefixes}]"), 1);
        (check(&text), text)
    };
    for bad in
        ["224.0.0.0/8", "127.0.0.0/16", "169.254.1.0/24", "168.63.129.0/24", "168.0.0.0/8", "fe80::/64"]
    {
        let (outcome, text) = space(&format!("\"{bad}\""));
        outcome.one_error(&text, &format!("\"{bad}\""), codes::ADDRESS_SPACE_NOT_ALLOWED);
    }
    let (outcome, text) = space("\"10.0.0.0/8\"");
    outcome.one_error(&text, "\"10.0.0.0/8\"", codes::ADDRESS_SPACES_OVERLAP);
    SOUND.error("\"addressPrefixes\": [\"10.0.0.0/16\"]", "", "\"vnet1\"", codes::ADDRESS_SPACE_MISSING);
    // What cannot be read is told once, and nothing that follows from it.
    SOUND.error("\"10.0.0.0/16\"", "\"10.0.0.0\"", "\"10.0.0.0\"", codes::INVALID_ADDRESS_PREFIX_FORMAT);
    space("\"192.168.0.0/16\"").0.clean();
}

#[test]
fn names_and_ids_are_used_once() {
    let twice = |kind: &str, name: &str| {
        let text = format!(
            "[{{\"type\": \"Microsoft.Network/{kind}\", \"name\": \"{name}\"}},\n{}",
            NETWORK.trim_start_matches('[')
        );
        check(&text)
    };
    for (kind, name) in [("networkSecurityGroups", "NIC-nsg"), ("publicIPAddresses", "web-ip")] {
        let outcome = twice(kind, name);
        let found =
            outcome.findings.iter().find(|found| found.code == codes::DUPLICATE_RESOURCE_NAME).unwrap();
        assert!(found.to_string().contains("\n  net.json:1:"), "{outcome}");
        assert!(outcome.network.is_none());
    }
    check(NETWORK.replace("nic-nsg", "web-nic").replace("NIC-NSG", "web-nic").as_str()).clean();
    let third =
        "{\"name\": \"WEB\", \"properties\": {\"addressPrefix\": \"10.0.3.0/24\"}}, {\"name\": \"db\"";
    SOUND.error("{\"name\": \"db\"", third, "\"WEB\"", codes::DUPLICATE_RESOURCE_NAME);
}

#[test]
fn ip_configurations() {
    let second = |what: &str| {
        format!(
            "{{\"name\": \"second\", \"properties\": {{{what}\"subnet\": {{\"id\": \"db\"}}}}}}, {{\"name\": \"db-ipc\""
        )
    };
    let from = "{\"name\": \"db-ipc\"";
    let (text, outcome) = SOUND.changed(from, &second(""));
    outcome.one_warning(&text, "\"db-nic\"", codes::PRIMARY_IP_CONFIGURATION);
    let network = SOUND.changed(from, &second("\"primary\": true, ")).1.clean();
    let primary: Vec<bool> =
        network.network_interfaces[1].ip_configurations.iter().map(|it| it.primary).collect();
    assert_eq!(primary, [true, false]);

    let both = NETWORK.replacen(from, &second("\"primary\": true, "), 1).replacen(
        "\"10.0.2.4\"",
        "\"10.0.2.4\", \"primary\":  true",
        1,
    );
    check(&both).one_error(&both, "true, \"subnet\": {\"id\": \"virtual", codes::PRIMARY_IP_CONFIGURATION);
    SOUND.error(
        ", \"subnet\": {\"id\": \"virtualNetworks/vnet1/subnets/db\"}",
        "",
        "\"db-ipc\"",
        codes::SUBNET_MISSING,
    );
    let none = "\"name\": \"db-nic\", \"properties\": {\n    \"ipConfigurations\": []}}\n]";
    let start = NETWORK.find("\"name\": \"db-nic\"").unwrap();
    let text = format!("{}{none}", &NETWORK[..start]);
    check(&text).one_error(&text, "\"db-nic\"", codes::IP_CONFIGURATION_MISSING);
    let twice = second("\"primary\": true, ").replace("second", "DB-ipc");
    SOUND.error(from, &twice, "\"db-ipc\"", codes::DUPLICATE_RESOURCE_NAME);
}

#[test]
fn a_nic_stays_in_one_subnet_and_a_group_in_one_vnet() {
    let other = r#"[{"type": "Microsoft.Network/virtualNetworks", "name": "vnet2", "properties": {
      "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
      "subnets": [{"name": "far", "properties": {"addressPrefix": "10.0.1.0/24"}}]}},
      {"type": "Microsoft.Network/applicationSecurityGroups", "name": "asg"}]"#;
    let far = "{\"name\": \"far-ipc\", \"properties\": {\"privateIPAddress\": \"10.0.1.4\", \"primary\": true, \"subnet\": {\"id\": \"far\"}}}";
    let text = NETWORK.replacen("{\"name\": \"db-ipc\"", &format!("{far}, {{\"name\": \"db-ipc\""), 1);
    let outcome = check_all(&[&text, other]);
    outcome.one_error(&text, "\"virtualNetworks/vnet1/subnets/db\"", codes::SUBNETS_NOT_IN_SAME_VNET);

    let web = "{\"name\": \"web-ipc\", \"properties\": {\"privateIPAddress\": \"10.0.1.77\", \"primary\": true, \"subnet\": {\"id\": \"virtualNetworks/vnet1/subnets/web\"}}}";
    let text = NETWORK.replacen("{\"name\": \"db-ipc\"", &format!("{web}, {{\"name\": \"db-ipc\""), 1);
    let outcome = check(&text);
    outcome.one_error(
        &text,
        "\"virtualNetworks/vnet1/subnets/db\"",
        codes::IP_CONFIGURATIONS_IN_DIFFERENT_SUBNETS,
    );

    let member = "\"applicationSecurityGroups\": [{\"id\": \"asg\"}], \"subnet\": {\"id\": ";
    let text = NETWORK
        .replacen("\"privateIPAllocationMethod\": \"Dynamic\",\n      \"subnet\": {\"id\": ", member, 1)
        .replacen(
            "\"subnet\": {\"id\": \"virtualNetworks/vnet1/subnets/db\"",
            &format!("{member} \"far\""),
            1,
        )
        .replacen("10.0.2.4", "10.0.1.4", 1);
    let outcome = check_all(&[&text, other]);
    let [found] = outcome.findings.as_slice() else { panic!("{outcome}") };
    assert_eq!(found.code, codes::ASG_MEMBERS_OF_DIFFERENT_VNETS);
    assert_eq!(found.at.as_ref().unwrap().line, 21);
}

#[test]
fn child_resources_are_merged_and_win() {
    let child = |name: &str, id: &str, ports: &str| {
        let body = rule(name, &[("destinationPortRange", ports)]);
        body.replacen(
            '{',
            &format!("{{\"type\": \"Microsoft.Network/networkSecurityGroups/securityRules\", {id}"),
            1,
        )
    };
    let parent = format!("[{}]", group_of("web", &[rule("a", &[]), rule("b", &[("priority", "101")])]));
    let children = format!("[{}]", child("web/B", "", "\"22\"").replacen("100", "101", 1));
    let network = check_all(&[&children, &parent]).clean();
    let rules: Vec<(&str, String)> = network.security_groups[0]
        .rules
        .iter()
        .map(|rule| (&*rule.name, rule.destination_ports.to_string()))
        .collect();
    assert_eq!(rules, [("a", "443".to_owned()), ("B", "22".to_owned())]);

    // The same as Azure's REST answer gives it: the parent stands in the id, and there is no type.
    let id = "\"id\": \"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/web/securityRules/c\", ";
    let rest = rule("c", &[("priority", "102")]).replacen('{', &format!("{{{id}"), 1);
    let network = check_all(&[&rest, &parent]).clean();
    assert_eq!(network.security_groups[0].rules.len(), 3);

    let orphan = check(&rest);
    orphan.one_error(&rest, "\"c\"", codes::PARENT_RESOURCE_NOT_FOUND);
    // A condition of the parent is none of the child.
    let parted = r#"{"resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "web", "condition": false,
        "resources": [{"type": "securityRules", "name": "d", "properties": {}}]}]}"#;
    check(parted).one_error(parted, "\"d\"", codes::PARENT_RESOURCE_NOT_FOUND);
    let twice = format!("[{0}, {0}]", child("web/c", "", "\"22\""));
    assert_eq!(
        check_all(&[&twice, &format!("[{}]", group_of("web", &[]))]).codes(),
        [codes::DUPLICATE_RESOURCE_NAME]
    );
}

#[test]
fn subnets_as_resources_of_their_own() {
    let vnet = r#"[{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}, "resources": [
      {"type": "subnets", "name": "inner", "properties": {"addressPrefix": "10.1.0.0/16"}}]},
      {"type": "Microsoft.Network/virtualNetworks/subnets", "name": "v/outer", "properties": {"addressPrefix": "10.2.0.0/16"}}]"#;
    let network = check(vnet).clean();
    let names: Vec<&str> = network.virtual_networks[0].subnets.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["inner", "outer"]);
}

#[test]
fn prefixes_from_a_pool_are_those_that_it_has_given() {
    let pool = |given: &str| {
        format!(
            r#""ipamPoolPrefixAllocations": [{{"pool": {{"id": "p"}}, "numberOfIpAddresses": "256"{given}}}]"#
        )
    };
    let vnet = |space: &str, subnet: &str| {
        format!(
            r#"[{{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{
                "addressSpace": {{{space}}}, "subnets": [{{"name": "s", "properties": {{{subnet}}}}}]}}}}]"#
        )
    };
    let given = |prefix: &str| pool(&format!(r#", "allocatedAddressPrefixes": ["{prefix}"]"#));
    let network = check(&vnet(&given("10.0.0.0/24"), &given("10.0.0.0/26"))).clean();
    assert_eq!(network.virtual_networks[0].subnets[0].prefixes, ["10.0.0.0/26".parse().unwrap()]);
    // What is written counts, and what nobody knows is said at the pool.
    let space = format!(r#""addressPrefixes": ["10.0.0.0/24"], {}"#, pool(""));
    let text = vnet(&space, &pool(""));
    let found = check(&text);
    assert_eq!(found.codes(), ["ValueNotKnown"], "{:?}", found.codes());
    assert_eq!(check(&vnet(&pool(""), r#""addressPrefix": "10.0.0.0/26""#)).codes(), ["ValueNotKnown"]);
}

/// The network with another IP configuration behind the primary one of `db-nic`, whose properties each begin with a word.
fn with_a_second(first: &str, second: &str) -> String {
    let subnet = r#""subnet": {"id": "virtualNetworks/vnet1/subnets/db"}}}"#;
    let known = format!(r#""privateIPAddress": "10.0.2.4", {subnet}"#);
    assert!(NETWORK.contains(&known));
    let both = format!(
        r#""primary": true, {first} "privateIPAddress": "10.0.2.4", {subnet}, {{"name": "second", "properties": {{{second} {subnet}"#
    );
    NETWORK.replace(&known, &both)
}

#[test]
fn an_address_is_of_the_version_of_its_configuration() {
    let four = r#""privateIPAddress": "10.0.2.4""#;
    let six = r#""privateIPAddressVersion": "IPv4", "privateIPAddress": "fd00::4""#;
    let told = SOUND.error(four, six, "\"fd00::4\"", codes::ADDRESS_VERSIONS_DIFFER);
    assert!(told.contains("'db-nic/db-ipc' is for IPv4 and has fd00::4"), "{told}");
    let text = with_a_second("", r#""privateIPAddressVersion": "IPv6", "privateIPAddress": "10.0.2.5","#);
    let told = check(&text).one_error(&text, "\"10.0.2.5\"", codes::ADDRESS_VERSIONS_DIFFER);
    assert!(told.contains("'db-nic/second' is for IPv6"), "{told}");
    // Nor is a public one that belongs to a configuration whose address is open.
    let text = NETWORK.replace(r#""privateIPAddress": "10.0.1.4","#, r#""privateIPAddressVersion": "IPv4","#);
    let text = text.replace("203.0.113.10", "2001:db8::1");
    check(&text).one_error(&text, "\"web-ip\"}}", codes::PUBLIC_ADDRESS_VERSION);
}

#[test]
fn the_primary_configuration_is_for_ipv4() {
    let four = r#""privateIPAddress": "10.0.2.4""#;
    let (_, told) = SOUND.warning(
        four,
        r#""privateIPAddressVersion": "IPv6""#,
        "\"db-ipc\"",
        codes::PRIMARY_IP_CONFIGURATION,
    );
    assert!(told.contains("'db-nic/db-ipc' is for IPv6"), "{told}");
    check(&with_a_second("", r#""privateIPAddressVersion": "IPv6","#)).clean();
}

#[test]
fn ipv4_configurations_of_one_nic_are_in_the_same_groups() {
    let groups = |names: &[&str]| {
        let ids: Vec<String> = names.iter().map(|name| format!(r#"{{"id": "{name}"}}"#)).collect();
        format!(r#""applicationSecurityGroups": [{}],"#, ids.join(","))
    };
    let with = |first: &[&str], second: &[&str], more: &str| {
        let text = with_a_second(&groups(first), &format!("{}{more}", groups(second)));
        let asg =
            |name| format!(r#"{{"type": "Microsoft.Network/applicationSecurityGroups", "name": "{name}"}}"#);
        text.replacen('[', &format!("[{}, {},", asg("one"), asg("two")), 1)
    };
    check(&with(&["one", "two"], &["two", "one", "one"], "")).clean();
    check(&with(&["one"], &[], r#""privateIPAddressVersion": "IPv6","#)).clean();
    for (first, second) in [(["one"].as_slice(), [].as_slice()), (&[], &["one"]), (&["one"], &["one", "two"])]
    {
        let text = with(first, second, "");
        let told = check(&text).one_error(&text, "\"second\"", codes::ASGS_OF_IP_CONFIGURATIONS_DIFFER);
        assert!(told.contains("'db-nic/db-ipc' and 'db-nic/second'"), "{told}");
    }
    // One that is not there says nothing of the others.
    let text = with(&["one"], &["three"], "");
    check(&text).one_error(&text, "\"three\"", codes::INVALID_RESOURCE_REFERENCE);
    let text = with(&["one"], &["two"], "").replace(r#"[{"id": "two"}]"#, "7");
    check(&text).one_error(&text, "7", INVALID_REQUEST_FORMAT);
}

#[test]
fn a_standard_public_address_is_static() {
    let address = r#""ipAddress": "203.0.113.10""#;
    let with = |method: &str| format!(r#"{address}, "publicIPAllocationMethod": "{method}""#);
    SOUND.error(address, &with("dynamic"), "\"dynamic\"", codes::STANDARD_MUST_BE_STATIC);
    SOUND.changed(address, &with("Static")).1.clean();
    let basic = NETWORK.replace(address, &with("Dynamic")).replace("\"standard\"", "\"Basic\"");
    check(&basic).clean();
}

#[test]
fn what_a_network_interface_asks_for_in_vain_is_told() {
    let forwarding = r#""enableIPForwarding": false"#;
    for (asked, value, harmless) in
        [("allowPort25Out", "false", "true"), ("disableTcpStateTracking", "true", "\"False\"")]
    {
        let with = |value: &str| format!(r#""{asked}": {value}"#);
        let (_, told) = SOUND.warning(forwarding, &with(value), value, codes::NOT_HONOURED);
        assert!(told.contains(asked), "{told}");
        SOUND.changed(forwarding, &with(harmless)).1.clean();
    }
}

#[test]
fn what_a_virtual_network_asks_for_in_vain_is_told() {
    let space = r#""addressSpace":"#;
    let with = |more: &str| format!("{more}, {space}");
    let encryption =
        |on, word| with(&format!(r#""encryption": {{"enabled": {on}, "enforcement": "{word}"}}"#));
    SOUND.warning(space, &encryption(true, "dropUnencrypted"), "\"dropUnencrypted\"", codes::NOT_HONOURED);
    SOUND.changed(space, &encryption(false, "DropUnencrypted")).1.clean();
    SOUND.changed(space, &encryption(true, "AllowUnencrypted")).1.clean();
    let timeout = |minutes| with(&format!(r#""flowTimeoutInMinutes": {minutes}"#));
    for minutes in ["3", "31"] {
        let told = SOUND.error(space, &timeout(minutes), &format!("{minutes},"), INVALID_REQUEST_FORMAT);
        assert!(told.contains("flowTimeoutInMinutes"), "{told}");
    }
    for minutes in ["4", "30", "null"] {
        SOUND.changed(space, &timeout(minutes)).1.clean();
    }
}

#[test]
fn a_private_endpoint_that_azure_does_not_judge_is_told() {
    let forwarding = r#""enableIPForwarding": false"#;
    let endpoint = r#""privateEndpoint": {"id": "privateEndpoints/pe"}"#;
    let prefix = r#""addressPrefix": "10.0.1.0/24""#;
    let with = |policies: &str| {
        let policies = format!(r#"{prefix}, "privateEndpointNetworkPolicies": "{policies}""#);
        NETWORK.replace(forwarding, endpoint).replace(prefix, &policies)
    };
    for policies in ["Disabled", "RouteTableEnabled"] {
        let text = with(policies);
        let told = check(&text).one_warning(&text, "\"privateEndpoints/pe\"", codes::NOT_HONOURED);
        assert!(told.contains("'vnet1/web'"), "{told}");
    }
    for policies in ["enabled", "NetworkSecurityGroupEnabled"] {
        check(&with(policies)).clean();
    }
}
