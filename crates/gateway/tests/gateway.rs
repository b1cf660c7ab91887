//! The gateway file: what is accepted, and what each mistake is told.
#![expect(clippy::expect_used, reason = "tests")]

use diagnostic::{Diagnostic, Severity};
use gateway::{Host, Ids, Loaded, load, load_text};
use io::Wanted;
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

fn read(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    load_text(Path::new("g.yaml"), text, &mut Ids::default(), &Host::Unseen)
}

fn errors(text: &str) -> Vec<Diagnostic> {
    let mut found = read(text).expect_err(text);
    found.retain(|one| one.severity == Severity::Error);
    found
}

/// A sound file; tests break it.
const SOUND: &str = r#"
network:
  resources:
    - type: Microsoft.Network/virtualNetworks
      name: vnet1
      properties:
        addressSpace: { addressPrefixes: [10.0.0.0/16] }
        subnets:
          - { name: web, properties: { addressPrefix: 10.0.1.0/24 } }
    - type: Microsoft.Network/publicIPAddresses
      name: web1-ip
      properties: { ipAddress: 203.0.113.20 }
    - type: Microsoft.Network/networkInterfaces
      name: web1-nic
      properties:
        ipConfigurations:
          - name: primary
            properties:
              { subnet: { id: vnet1/web }, privateIPAddress: 10.0.1.4, publicIPAddress: { id: web1-ip } }
    - type: Microsoft.Network/networkInterfaces
      name: open-nic
      properties:
        ipConfigurations:
          - { name: primary, properties: { subnet: { id: vnet1/web } } }
attachments:
  - { interface: veth-web1, nic: web1-nic }
  - { interface: veth-open, nic: open-nic, address: 10.0.1.5 }
  - { interface: wan0, internet: { address: 203.0.113.2/24, nextHop: 203.0.113.1 } }
outbound: { defaultPublicIp: 203.0.113.10, idleTimeout: 2m }
flows: { idleTimeout: 90s, capacity: 1_000 }
control: { socket: run/control.sock }
"#;

/// A group of three members, of whom one has no address, and no rule for it yet.
const MEMBERS: &str = r#"
network:
  resources:
    - { type: Microsoft.Network/applicationSecurityGroups, name: webs }
    - { type: Microsoft.Network/applicationSecurityGroups, name: nobody }
    - type: Microsoft.Network/networkSecurityGroups
      name: nsg
      properties:
        securityRules:
          - { name: first, properties: { priority: 100, direction: Inbound, access: Deny, protocol: "*", sourceApplicationSecurityGroups: [{ id: webs }], sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: "*" } }
          - { name: second, properties: { priority: 200, direction: Inbound, access: Deny, protocol: Tcp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationApplicationSecurityGroups: [{ id: webs }], destinationPortRange: 80 } }
    - type: Microsoft.Network/virtualNetworks
      name: vnet1
      properties:
        addressSpace: { addressPrefixes: [10.0.0.0/16] }
        subnets: [{ name: web, properties: { addressPrefix: 10.0.1.0/24, networkSecurityGroup: { id: nsg } } }]
    - type: Microsoft.Network/networkInterfaces
      name: known
      properties: { ipConfigurations: [{ name: one, properties: { subnet: { id: vnet1/web }, privateIPAddress: 10.0.1.4, applicationSecurityGroups: [{ id: webs }] } }] }
    - type: Microsoft.Network/networkInterfaces
      name: given
      properties: { ipConfigurations: [{ name: one, properties: { subnet: { id: vnet1/web }, applicationSecurityGroups: [{ id: webs }] } }] }
    - type: Microsoft.Network/networkInterfaces
      name: open
      properties: { ipConfigurations: [{ name: one, properties: { subnet: { id: vnet1/web }, applicationSecurityGroups: [{ id: webs }, { id: nobody }] } }] }
attachments:
  - { interface: veth-known, nic: known }
  - { interface: veth-given, nic: given, address: 10.0.1.5 }
"#;

#[test]
fn members_that_no_rule_sees_are_told_once_for_each_group() {
    let told = |text: &str| {
        let mut warnings = read(text).expect("a sound file").warnings;
        warnings.retain(|one| one.code == "ApplicationSecurityGroupMemberWithoutAddress");
        warnings
    };
    let warnings = told(MEMBERS);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let warning = warnings.first().expect("there is one");
    assert_eq!(warning.at.as_ref().map(ToString::to_string).as_deref(), Some("g.yaml:10:21"));
    let message = "rule 'nsg/first' names the application security group 'webs', and no rule sees its members open/one: \
                   they have no private address";
    assert_eq!(warning.message, message);
    assert!(warning.help.as_deref().expect("a help").contains("give the attachment an address"));
    // Who has an address is seen, and where nothing is attached nothing is enforced.
    let attached = format!("{MEMBERS}  - {{ interface: veth-open, nic: open, address: 10.0.1.6 }}\n");
    assert!(told(&attached).is_empty());
    let start = MEMBERS.find("attachments:").expect("there are some");
    assert!(told(&format!("{}attachments: []\n", &MEMBERS[..start])).is_empty());
}

#[test]
fn every_example_loads() {
    let mut seen = 0;
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let loaded = load(&path, &mut Ids::default(), &Host::Unseen);
            let loaded = loaded.unwrap_or_else(|found| panic!("{}: {found:#?}", path.display()));
            assert!(loaded.warnings.is_empty(), "{}: {:#?}", path.display(), loaded.warnings);
            snapshot::Snapshot::build(&loaded.gateway, &mut snapshot::Names::default()).unwrap();
            seen += 1;
        }
    }
    assert!(seen >= 3, "the examples were not found");
}

#[test]
fn every_key_reaches_its_place() {
    let loaded = read(SOUND).unwrap();
    assert_eq!(loaded.warnings, []);
    let gateway = &loaded.gateway;
    assert_eq!(gateway.default_public_ips, [Ipv4Addr::new(203, 0, 113, 10)]);
    assert_eq!((gateway.snat_idle.as_secs(), gateway.flow_idle.as_secs()), (120, 90));
    assert_eq!(loaded.settings.flow_capacity, 1000);
    assert_eq!(loaded.settings.socket, Path::new("run/control.sock"));
    let open = &gateway.network.network_interfaces[1].ip_configurations[0];
    assert_eq!(open.private_address, Some([10, 0, 1, 5].into()));
    assert_eq!(gateway.attachments.len(), 3);
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let file = load_text(
        &examples().join("x.yaml"),
        "network: { files: azure/*.json }\nserviceTags: azure/service-tags.json\n",
        &mut Ids::default(),
        &Host::Unseen,
    );
    // The pattern takes in the tag file too, which is no resource.
    let found = file.unwrap_err();
    assert!(
        found.iter().all(|one| one.at.as_ref().unwrap().file.ends_with("service-tags.json")),
        "{found:#?}"
    );
    let outside = load(&examples().join("files.yaml"), &mut Ids::default(), &Host::Unseen).unwrap();
    assert_eq!(outside.gateway.network.security_groups.len(), 1);
    assert_eq!(outside.settings.socket, Path::new("/run/nsgate/control.sock"));
}

#[test]
fn a_number_that_is_given_back_is_another_interfaces() {
    let mut ids = Ids::default();
    let mut numbers = Vec::new();
    for round in 0..40 {
        let text = SOUND.replace("veth-web1", &format!("veth{round}"));
        let loaded = load_text(Path::new("g.yaml"), &text, &mut ids, &Host::Unseen).unwrap();
        numbers.push(loaded.gateway.attachments[0].id.0);
        ids.give_back(&[loaded.gateway.attachments[0].id].into());
    }
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
    assert_eq!(ids.taken().count(), 2);
}

#[test]
fn an_interface_keeps_its_number_over_reloads() {
    let mut ids = Ids::default();
    let mut load = |text: &str| {
        load_text(Path::new("g.yaml"), text, &mut ids, &Host::Unseen).unwrap().gateway.attachments
    };
    let before = load(SOUND);
    let reordered = SOUND.replace("  - { interface: veth-web1, nic: web1-nic }\n", "");
    let without = load(&reordered);
    let again = load(SOUND);
    assert_eq!(without[0].id, before[1].id);
    assert_eq!(without[1].id, before[2].id);
    assert_eq!(again[0].id, before[0].id);
    assert_eq!(again[2].id, before[2].id);
}

/// Each key of the design that this version does not have yet, and what its error must name.
#[test]
fn every_key_that_is_not_built_yet_says_so_by_name() {
    let cases = [
        ("idleTimeout: 2m", "profile: azure2023", "outbound.profile: azure2023"),
        ("flows:", "flowLogs: { directory: /var/log/nsgate }\nflows:", "flowLogs"),
        ("flows:", "metrics: { listen: 127.0.0.1:9464 }\nflows:", "metrics"),
        (
            "outbound:",
            "  - { interface: wan1, internet: { address: 198.51.100.2/24, nextHop: 198.51.100.1 } }\noutbound:",
            "more than one internet attachment",
        ),
    ];
    for (from, to, name) in cases {
        assert!(SOUND.contains(from), "{from}");
        let found = errors(&SOUND.replacen(from, to, 1));
        let named = found
            .iter()
            .find(|one| one.code == "NotBuiltYet")
            .unwrap_or_else(|| panic!("{name}: {found:#?}"));
        assert_eq!(named.message, format!("{name} is not built yet"));
        assert!(named.at.as_ref().is_some_and(|at| at.line > 1), "{named}");
    }
}

#[test]
fn the_built_values_of_those_keys_are_accepted() {
    let text = SOUND.replace("idleTimeout: 2m", "profile: azure2017, portsPerVm: 64511");
    for engine in [
        "{ workers: auto, io: auto, handOff: auto }",
        "{ workers: 64, io: af_packet, handOff: always }",
        "{ workers: 1, io: pnet }",
        "{ io: tap }",
        "{}",
        "",
    ] {
        read(&format!("{text}engine: {engine}\n")).unwrap();
    }
}

/// How the attachments come by their interfaces, in their order.
fn wires(loaded: &Loaded) -> Vec<io::Wire> {
    loaded.gateway.attachments.iter().map(|attachment| loaded.links[&attachment.id].wire).collect()
}

#[test]
fn engine_and_tap_are_read() {
    let loaded = read(&format!("{SOUND}engine: {{ workers: 3, handOff: always }}\n")).unwrap();
    assert_eq!((loaded.settings.workers, loaded.settings.hand_off_always), (3, true));
    assert!(wires(&loaded).iter().all(|wire| *wire == io::Wire::Existing(io::Backend::AfPacket)));
    let (workers, cores) = (read(SOUND).unwrap().settings.workers, std::thread::available_parallelism());
    assert_eq!(workers, cores.map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, 64)));

    let first = SOUND.find("interface:").unwrap();
    let tap = format!("{}tap:{}", &SOUND[..first], &SOUND[first + "interface:".len()..]);
    let loaded = read(&tap).unwrap();
    assert_eq!(wires(&loaded)[..2], [io::Wire::Made, io::Wire::Existing(io::Backend::AfPacket)]);

    for (engine, code) in [
        ("workers: 0", "InvalidValue"),
        ("workers: 65", "InvalidValue"),
        ("workers: many", "InvalidValue"),
        ("io: dpdk", "InvalidValue"),
        ("handOff: never", "InvalidValue"),
        ("workers: 2, io: pnet", "Contradiction"),
    ] {
        let found = errors(&format!("{SOUND}engine: {{ {engine} }}\n"));
        assert!(found.iter().any(|one| one.code == code), "{engine}: {found:#?}");
    }
    assert_eq!(read(&format!("{SOUND}engine: {{ io: pnet }}\n")).unwrap().settings.workers, 1, "one queue");
    let both = SOUND.replacen("nic: web1-nic }", "nic: web1-nic, tap: tap0 }", 1);
    let found = errors(&both);
    assert!(found.iter().any(|one| one.message.contains("both an interface and a tap")), "{found:#?}");
}

#[test]
fn a_wrong_value_is_named_by_its_whole_path_with_what_would_do() {
    for (from, to, expected) in [
        (
            "defaultPublicIp: 203.0.113.10",
            "defaultPublicIp: 127.0.0.1",
            "outbound.defaultPublicIp: \"127.0.0.1\" is not an IPv4 address that a host can have",
        ),
        (
            "idleTimeout: 2m",
            "ports: 5000-4000",
            "outbound.ports: \"5000-4000\" is not a range of ports between 1025 and 65535, such as 49152-65535",
        ),
        ("idleTimeout: 2m", "portsPerVm: [1]", "outbound.portsPerVm: expected one value"),
        (
            "nic: web1-nic",
            "nic: web1-nic, mac: here",
            "attachments[0].mac: \"here\" is not a hardware address such as 02:00:00:00:00:04",
        ),
        ("interface: ", "tap: sixteen-bytes-xx", "attachments[0].tap: \"sixteen-bytes-xx"),
    ] {
        let found = errors(&SOUND.replacen(from, to, 1));
        assert!(found.iter().any(|one| one.message.starts_with(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn ten_mistakes_give_ten_messages_with_their_lines() {
    let text = r#"network:
  resources:
    - type: Microsoft.Network/virtualNetworks
      name: vnet1
      properties: { addressSpace: { addressPrefixes: [10.0.0.0/16] }, subnets: [{ name: web, properties: { addressPrefix: 10.0.1.0/24 } }] }
    - type: Microsoft.Network/networkSecurityGroups
      name: web-nsg
      properties:
        securityRules:
          - name: Twice
            properties: { priority: 50, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: "80,443" }
atachments: []
attachments:
  - interface: veth-web1
    nik: web1-nic
  - { interface: veth-web2, nic: nobody-nic }
  - { interface: veth-web2, nic: other-nic }
  - { interface: wan0, internet: { address: 203.0.113.2/24, nextHop: 198.51.100.1 } }
outbound: { defaultPublicIp: 203.0.113.300, idleTimeout: 3h }
flows: { capacity: none }
"#;
    let found = errors(text);
    let expected = [
        (11, "50"),
        (11, "80,443"),
        (12, "did you mean \"attachments\"?"),
        (15, "did you mean \"nic\"?"),
        (16, "nobody-nic"),
        (17, "attached twice"),
        (18, "nextHop 198.51.100.1 is outside 203.0.113.0/24"),
        (19, "203.0.113.300"),
        (19, "3h"),
        (20, "none"),
    ];
    for (line, words) in expected {
        let hit = found
            .iter()
            .any(|one| one.at.as_ref().is_some_and(|at| at.line == line) && one.to_string().contains(words));
        assert!(hit, "line {line}, {words}: {found:#?}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
    let lines: Vec<u32> = found.iter().filter_map(|one| Some(one.at.as_ref()?.line)).collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn what_azure_would_heed_and_nsgate_does_not_is_a_warning() {
    let subnet = "{ name: web, properties: { addressPrefix: 10.0.1.0/24";
    let text = SOUND.replace(subnet, &format!("{subnet}, natGateway: {{ id: nat }}")).replace(
        "attachments:",
        "    - { type: Microsoft.Network/natGateways, name: nat, properties: {} }
    - { type: Microsoft.Compute/virtualMachines, name: vm, properties: {} }
    - { type: Microsoft.Network/networkSecurityGroups, name: off, condition: false, properties: {} }
attachments:",
    );
    let warnings = read(&text).unwrap().warnings;
    let said: Vec<_> = warnings.iter().map(|one| (one.code, one.message.as_str())).collect();
    assert_eq!(
        said,
        [
            ("NotHonoured", "natGateway of 'web' is not honoured yet"),
            ("NotHonoured", "Microsoft.Network/natGateways of 'nat' is not honoured yet"),
        ]
    );
}

#[test]
fn what_leads_to_a_site_says_how_its_prefixes_come_in() {
    for kind in ["virtualNetworkGateways", "localNetworkGateways", "CONNECTIONS"] {
        let one =
            format!("    - {{ type: Microsoft.Network/{kind}, name: hq, properties: {{}} }}\nattachments:");
        let [warning] = &read(&SOUND.replace("attachments:", &one)).unwrap().warnings[..] else {
            panic!("{kind}")
        };
        assert_eq!(warning.code, "NotHonoured");
        let help = warning.help.as_deref().unwrap();
        assert!(
            help.contains("VirtualNetwork lacks the prefixes behind it") && help.contains("onPremises"),
            "{help}"
        );
    }
}

#[test]
fn a_file_that_is_no_mapping_is_named() {
    for text in ["[]", "hello", "7"] {
        let found = errors(text);
        assert!(
            found.iter().any(|one| one.message == "the gateway file: expected keys and values"),
            "{found:?}"
        );
    }
}

#[test]
fn contradictions_are_found() {
    let cases = [
        ("nic: web1-nic }", "nic: open-nic }", "NetworkInterfaceAttachedTwice"),
        ("address: 10.0.1.5", "address: 10.0.1.4", "AttachmentAddress"),
        ("address: 10.0.1.5", "address: 10.0.2.5", "AttachmentAddress"),
        ("address: 10.0.1.5", "address: 10.0.1.3", "AttachmentAddress"),
        ("address: 10.0.1.5", "address: 10.0.1.255", "AttachmentAddress"),
        (", address: 10.0.1.5", "", "AttachmentAddress"),
        ("nic: web1-nic }", "nic: web1-nic, address: 10.0.1.9 }", "AttachmentAddress"),
        ("nic: web1-nic }", "internet: { address: 203.0.113.2/24 } }", "NotBuiltYet"),
        ("nic: web1-nic }", "nic: web1-nic, internet: {} }", "Contradiction"),
        ("nic: web1-nic }", "mac: 02:00:00:00:00:04 }", "MissingKey"),
        ("nic: web1-nic }", "nic: web1-nic, mac: 01:00:00:00:00:04 }", "InvalidValue"),
        ("interface: veth-web1", "interface: a-name-far-too-long", "InvalidValue"),
        ("{ interface: veth-web1,", "{", "MissingKey"),
        ("nextHop: 203.0.113.1", "nextHop: 203.0.113.2", "InternetAttachment"),
        ("nextHop: 203.0.113.1", "nextHop: \"fe80::1\"", "InternetAttachment"),
        ("nextHop: 203.0.113.1", "nextHop: [203.0.113.1, \"2001:db8::1\"]", "InternetAttachment"),
        ("203.0.113.2/24", "203.0.113.0/24", "InternetAttachment"),
        ("address: 203.0.113.2/24,", "", "MissingKey"),
        ("defaultPublicIp: 203.0.113.10", "defaultPublicIp: 203.0.113.20", "DefaultPublicIp"),
        (
            "  - { interface: wan0, internet: { address: 203.0.113.2/24, nextHop: 203.0.113.1 } }\n",
            "",
            "InternetAttachment",
        ),
        ("idleTimeout: 2m", "idleTimeout: 500ms", "InvalidValue"),
        ("idleTimeout: 2m", "idleTimeout: 125m", "InvalidValue"),
        ("idleTimeout: 2m", "idleTimeout: [2m]", "InvalidValue"),
        ("capacity: 1_000", "capacity: 0", "InvalidValue"),
        ("socket: run/control.sock", "socket: \"\"", "InvalidValue"),
        ("flows: {", "flows: [", "InvalidYaml"),
        ("network:", "netwrk:", "UnknownKey"),
    ];
    for (from, to, code) in cases {
        assert!(SOUND.contains(from), "{from}");
        let found = errors(&SOUND.replacen(from, to, 1));
        assert!(found.iter().any(|one| one.code == code), "{to}: expected {code}: {found:#?}");
        assert!(found.iter().all(|one| one.at.is_some()), "{found:#?}");
    }
}

#[test]
fn a_public_address_without_a_value_is_only_worth_a_warning() {
    let loaded =
        read(&SOUND.replace("ipAddress: 203.0.113.20", "publicIPAllocationMethod: Dynamic")).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].code, "PublicAddressMissing");
}

#[test]
fn the_host_has_its_say() {
    let interface = |name: &str, addresses: &[&str]| io::Interface {
        name: name.into(),
        index: 7,
        mac: [2, 0, 0, 0, 0, 9],
        mtu: 1400,
        addresses: addresses.iter().map(|address| (address.parse().unwrap(), 24)).collect(),
        local_ports: 32_768..=60_999,
        is_up: true,
        is_running: true,
    };
    let look = |held: &'static [(&'static str, &'static [&'static str])]| {
        move |wanted: &Wanted<'_>| match held.iter().find(|(known, _)| *known == wanted.name) {
            Some((_, addresses)) => Ok(interface(wanted.name, addresses)),
            None => Err(io::Error::NoSuchInterface { name: wanted.name.into(), nearest: None }),
        }
    };
    let load = |host: &Host<'_>| load_text(Path::new("g.yaml"), SOUND, &mut Ids::default(), host);

    let all = look(&[("veth-web1", &["fe80::1"]), ("veth-open", &[]), ("wan0", &["192.0.2.1"])]);
    let loaded = load(&Host::Needed(&all)).unwrap();
    assert!(loaded.gateway.attachments.iter().all(|a| a.mtu == 1400 && a.mac == [2, 0, 0, 0, 0, 9]));
    let some = look(&[("veth-web1", &[]), ("wan0", &[])]);
    assert_eq!(load(&Host::Seen(&some)).unwrap().warnings[0].code, "InterfaceMissing");
    assert_eq!(load(&Host::Needed(&some)).unwrap_err()[0].code, "InterfaceMissing");
    for (held, code) in [
        (
            look(&[("veth-web1", &["10.0.1.1"]), ("veth-open", &[]), ("wan0", &[])]),
            "HostAddressBypassesRules",
        ),
        (look(&[("veth-web1", &[]), ("veth-open", &[]), ("wan0", &["203.0.113.10"])]), "DefaultPublicIp"),
        (look(&[("veth-web1", &[]), ("veth-open", &[]), ("wan0", &["203.0.113.20"])]), "InternetAttachment"),
    ] {
        let found = load(&Host::Seen(&held)).unwrap_err();
        assert!(found.iter().any(|one| one.code == code), "{code}: {found:#?}");
    }
}

#[test]
fn ipv6_on_a_link_too_narrow_for_it_is_worth_a_warning() {
    let find = |mtu: u32| {
        move |wanted: &Wanted<'_>| match wanted.name {
            "veth-open" => Err(io::Error::NoSuchInterface { name: "veth-open".into(), nearest: None }),
            name => Ok(io::Interface {
                name: name.into(),
                index: 7,
                mac: [2, 0, 0, 0, 0, 9],
                mtu,
                addresses: Vec::new(),
                local_ports: 32_768..=60_999,
                is_up: true,
                is_running: true,
            }),
        }
    };
    let dual = SOUND
        .replace("addressPrefixes: [10.0.0.0/16]", "addressPrefixes: [10.0.0.0/16, 'fd00:a::/48']")
        .replace("{ addressPrefix: 10.0.1.0/24 }", "{ addressPrefixes: [10.0.1.0/24, 'fd00:a:0:1::/64'] }")
        .replace(
            "publicIPAddress: { id: web1-ip } }",
            "publicIPAddress: { id: web1-ip } }\n          - { name: v6, properties: { subnet: { id: vnet1/web }, \
             privateIPAddress: 'fd00:a:0:1::4', privateIPAddressVersion: IPv6 } }",
        );
    let outside = SOUND
        .replace("address: 203.0.113.2/24", "address: [203.0.113.2/24, '2001:db8::2/64']")
        .replace("nextHop: 203.0.113.1 ", "nextHop: [203.0.113.1, '2001:db8::1'] ");
    let segment = dual.replace("veth-web1, nic: web1-nic", "veth-web1, subnet: vnet1/web");
    let narrow = |text: &str, mtu: u32| -> Vec<String> {
        let loaded = load_text(Path::new("g.yaml"), text, &mut Ids::default(), &Host::Seen(&find(mtu)));
        let warnings = loaded.expect("no errors").warnings.into_iter();
        warnings.filter(|one| one.code == "LinkTooNarrowForIpv6").map(|one| one.to_string()).collect()
    };
    for (text, name) in [(&dual, "veth-web1"), (&outside, "wan0"), (&segment, "veth-web1")] {
        let line = 1 + text.lines().position(|line| line.contains(name)).expect("it is written");
        let found = narrow(text, 1279);
        assert_eq!(found.len(), 1, "{found:#?}");
        let expected = format!("interface {name} has an MTU of 1279 bytes, and IPv6 needs 1280");
        assert!(found[0].contains(&format!("g.yaml:{line}:")) && found[0].contains(&expected), "{found:#?}");
        assert!(narrow(text, 1280).is_empty());
    }
    assert!(narrow(SOUND, 576).is_empty(), "IPv4 is content with less");
}

#[test]
fn one_address_is_shared_with_the_host_where_the_ports_lie_apart() {
    let shared = |&Wanted { name, .. }: &Wanted<'_>| {
        Ok(io::Interface {
            name: name.into(),
            index: 7,
            mac: [2, 0, 0, 0, 0, 9],
            mtu: 1400,
            addresses: match name {
                "wan0" => vec![([203, 0, 113, 10].into(), 24), ([203, 0, 113, 11].into(), 24)],
                _ => Vec::new(),
            },
            local_ports: 32_768..=49_151,
            is_up: true,
            is_running: true,
        })
    };
    let load = |outbound: &str| {
        let text = SOUND.replace("idleTimeout: 2m", outbound);
        load_text(Path::new("g.yaml"), &text, &mut Ids::default(), &Host::Needed(&shared))
    };
    let loaded = load("ports: 49152-65535, portsPerVm: 1024").unwrap();
    assert_eq!((loaded.gateway.snat_ports.range(), loaded.gateway.ports_per_vm), (49_152..=65_535, 1_024));
    let refusal = |outbound: &str| load(outbound).unwrap_err()[0].to_string();
    assert!(refusal("idleTimeout: 2m").contains("203.0.113.10 is this host's own address on wan0"));
    for ports in ["49151-65535", "40000-40001", "30000-32768", "20000-60000"] {
        let found = refusal(&format!("ports: {ports}"));
        let expected =
            format!("ports {ports} overlap the host's own, 32768-49151 (net.ipv4.ip_local_port_range)");
        assert!(found.contains(&expected), "{found}");
    }
    load("ports: 20000-32767").unwrap();
    let load = |pool: &str| {
        let text = SOUND.replace("idleTimeout: 2m", "ports: 49152-65535");
        let text = text.replace("defaultPublicIp: 203.0.113.10", &format!("defaultPublicIp: [{pool}]"));
        load_text(Path::new("g.yaml"), &text, &mut Ids::default(), &Host::Needed(&shared))
    };
    assert_eq!(load("203.0.113.77, 203.0.113.10, 203.0.113.5").unwrap().gateway.default_public_ips.len(), 3);
    let second = load("203.0.113.10, 203.0.113.11").unwrap_err()[0].to_string();
    assert!(second.contains("203.0.113.11 is this host's own address, as one before it is"), "{second}");
    let twice = load("203.0.113.5, 203.0.113.5").unwrap_err()[0].to_string();
    assert!(twice.contains("defaultPublicIp 203.0.113.5 stands twice"), "{twice}");
}

#[test]
fn ports_and_shares_are_read_and_refused() {
    let load = |outbound: &str| read(&SOUND.replace("idleTimeout: 2m", outbound));
    let loaded = load("idleTimeout: 2m").unwrap();
    assert_eq!((loaded.gateway.snat_ports.range(), loaded.gateway.ports_per_vm), (1_025..=65_535, 64_511));
    assert_eq!(load("ports: 1025-1025").unwrap().gateway.snat_ports.range(), 1_025..=1_025);
    for wrong in ["ports: 1024-2000", "ports: 3000-2000", "ports: 5000", "ports: 5000-70000", "ports: a-b"] {
        let found = load(wrong).unwrap_err();
        assert_eq!(found[0].code, "InvalidValue", "{wrong}");
        assert!(found[0].message.contains("a range of ports between 1025 and 65535"), "{}", found[0]);
    }
    for wrong in ["0", "64512", "-1", "many"] {
        assert_eq!(load(&format!("portsPerVm: {wrong}")).unwrap_err()[0].code, "InvalidValue", "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_mutated_file_makes_it_panic(cuts in proptest::collection::vec((0usize..SOUND.len(), "\\PC{0,4}|[\n:\\[\\]{},-]|null|\\*", 0usize..8), 1..6)) {
        let mut text = SOUND.to_owned();
        for (at, with, length) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                text.replace_range(at..end, &with);
            }
        }
        if let Err(found) = read(&text) {
            prop_assert!(found.iter().any(|one| one.severity == Severity::Error), "{text}");
        }
    }

    #[test]
    fn no_lines_in_any_order_make_it_panic(order in proptest::collection::vec(0usize..40, 0..40)) {
        let lines: Vec<&str> = SOUND.lines().collect();
        let text: String = order.iter().filter_map(|nth| lines.get(*nth)).map(|line| format!("{line}\n")).collect();
        let _ = read(&text);
    }
}

/// Each with all that is told of it.
#[test]
fn what_cannot_work_is_refused_and_told_once() {
    let (link, public) = ("address: 203.0.113.2/24", "defaultPublicIp: 203.0.113.10");
    let long = format!("socket: {}", "s".repeat(108));
    for (from, to, words) in [
        (public, "defaultPublicIp: 203.0.113.1", "203.0.113.1 is a nextHop's"),
        (
            "{ ipAddress: 203.0.113.20 }",
            "{ ipAddress: 203.0.113.1 }",
            "203.0.113.1 is the public address of web1-nic",
        ),
        (public, "defaultPublicIp: 203.0.113.255", "203.0.113.255 is the first or the last one of the link"),
        (public, "defaultPublicIp: 203.0.113.0", "203.0.113.0 is the first or the last one of the link"),
        (public, "defaultPublicIp: 10.0.1.4", "10.0.1.4 is the private address of web1-nic"),
        (public, "defaultPublicIp: 168.63.129.16", "168.63.129.16 is the platform's"),
        (public, "defaultPublicIp: 169.254.1.1", "169.254.1.1 is link-local"),
        (link, "address: 224.0.0.2/24", "\"224.0.0.2/24\" is not a host's address"),
        (link, "address: 127.0.0.2/24", "\"127.0.0.2/24\" is not a host's address"),
        (link, "address: 203.0.113.02/24", "\"203.0.113.02/24\" is not a host's address"),
        (link, "address: 203.0.113.2/024", "\"203.0.113.2/024\" is not a host's address"),
        ("nextHop: 203.0.113.1", "nextHop: 203.0.113.255", "203.0.113.255 is the first or the last address"),
        (
            "{ ipAddress: 203.0.113.20 }",
            "{ ipAddress: 203.0.113.255 }",
            "203.0.113.255, the public address of web1-nic",
        ),
        ("socket: run/control.sock", &long, "has 108 bytes"),
        ("address: 10.0.1.5", "address: x", "attachments[1].address: \"x\" is not an IP address"),
        ("address: 10.0.1.5", "address: [10.0.1.5]", "attachments[1].address: expected one value"),
        ("address: 10.0.1.5", "address: 'fd00::5'", "fd00::5: IP configuration primary is for IPv4"),
        ("nextHop: 203.0.113.1", "nextHop: x", "nextHop: \"x\" is not an IP address"),
        ("nextHop: 203.0.113.1", "nextHops: 203.0.113.1", "has no key \"nextHops\""),
        (
            "internet: { address: 203.0.113.2/24",
            "internet: { adress: 203.0.113.2/24",
            "did you mean \"address\"",
        ),
        (
            "internet: { address",
            "onPremises: { virtualNetwork: vnet1, prefix: 192.168.0.0/16, address",
            "has no key \"prefix\"",
        ),
    ] {
        assert!(SOUND.contains(from), "{from}");
        let mut found = read(&SOUND.replacen(from, to, 1)).expect_err(to);
        // That the shared address needs the internet is another matter.
        found.retain(|one| !one.message.contains("needs an internet attachment"));
        assert!(found.len() == 1 && found[0].to_string().contains(words), "{to}: {found:#?}");
    }
    read(&SOUND.replacen("socket: run/control.sock", &long[..long.len() - 1], 1)).unwrap();
    // What is no misspelling hides nothing that is missing.
    let found =
        read(&SOUND.replacen("internet: { address: 203.0.113.2/24", "internet: { zone: 1", 1)).unwrap_err();
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    for words in ["has no key \"zone\"", "has no \"address\""] {
        assert!(told.iter().any(|it| it.contains(words)), "{words}: {told:#?}");
    }
}

#[test]
fn an_address_is_for_the_open_configuration_of_its_version() {
    let six = SOUND
        .replace("addressPrefixes: [10.0.0.0/16]", "addressPrefixes: [10.0.0.0/16, 'fd00::/48']")
        .replace("{ addressPrefix: 10.0.1.0/24 }", "{ addressPrefixes: [10.0.1.0/24, 'fd00:0:0:1::/64'] }");
    let both = |first: &str| {
        let (one, two) = ("{ name: primary, properties: {", "subnet: { id: vnet1/web } } }");
        let ipv6 = format!("{one} privateIPAddressVersion: IPv6, {two}").replace("primary", "six");
        let four = format!("{one} primary: true, privateIPAddress: 10.0.1.9, {two}");
        six.replace(&format!("          - {one} {two}"), &format!("          - {four}\n          - {ipv6}"))
            .replace("address: 10.0.1.5", &format!("address: {first}"))
    };
    let loaded = read(&both("'fd00:0:0:1::5'")).unwrap();
    let own = &loaded.gateway.network.network_interfaces[1].ip_configurations;
    assert_eq!(own[1].private_address, Some("fd00:0:0:1::5".parse().unwrap()));
    let found = read(&both("10.0.1.5")).unwrap_err();
    assert!(found[0].message.contains("10.0.1.5: IP configuration six is for IPv6"), "{found:#?}");
    // Of two that are open one stays so.
    let open = both("'fd00:0:0:1::5'").replace(" privateIPAddress: 10.0.1.9,", "");
    let warnings = read(&open).unwrap().warnings;
    let words = "IP configuration primary of open-nic has no private address: what its machine sends";
    assert_eq!(warnings.iter().filter(|one| one.message.contains(words)).count(), 1, "{warnings:#?}");
}
