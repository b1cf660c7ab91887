//! The gateway file's segments and sites on premises: what is accepted, and what each mistake is told.
#![expect(clippy::expect_used, reason = "tests")]

use diagnostic::{Diagnostic, Severity};
use gateway::{Host, Ids, Loaded, load, load_text, unseen_rules};
use io::Wanted;
use model::{NicIndex, SubnetIndex, VnetIndex};
use snapshot::{AttachmentKind, Names, Snapshot};
use std::path::Path;

/// A hub with a segment, a site and a peer.
const SOUND: &str = r#"
network:
  resources:
    - type: Microsoft.Network/virtualNetworks
      name: hub
      properties:
        addressSpace: { addressPrefixes: [10.0.0.0/16] }
        subnets:
          - { name: web, properties: { addressPrefix: 10.0.1.0/24, networkSecurityGroup: { id: web-nsg } } }
          - { name: GatewaySubnet, properties: { addressPrefix: 10.0.0.0/27 } }
        virtualNetworkPeerings:
          - { name: h, properties: { remoteVirtualNetwork: { id: spoke }, allowGatewayTransit: true } }
    - type: Microsoft.Network/virtualNetworks
      name: spoke
      properties:
        addressSpace: { addressPrefixes: [10.1.0.0/16] }
        subnets: [{ name: app, properties: { addressPrefix: 10.1.1.0/24 } }]
        virtualNetworkPeerings:
          - { name: s, properties: { remoteVirtualNetwork: { id: hub }, useRemoteGateways: true } }
    - type: Microsoft.Network/networkSecurityGroups
      name: web-nsg
      properties:
        securityRules:
          - name: NoSsh
            properties:
              { priority: 100, direction: Inbound, access: Deny, protocol: Tcp, sourceAddressPrefix: 10.1.0.0/16,
                sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: "22" }
    - type: Microsoft.Network/networkInterfaces
      name: web1
      properties:
        ipConfigurations: [{ name: p, properties: { subnet: { id: hub/web }, privateIPAddress: 10.0.1.4 } }]
    - type: Microsoft.Network/networkInterfaces
      name: web2
      properties:
        ipConfigurations: [{ name: p, properties: { subnet: { id: hub/web }, privateIPAddress: 10.0.1.5 } }]
    - type: Microsoft.Network/networkInterfaces
      name: web3
      properties:
        ipConfigurations: [{ name: p, properties: { subnet: { id: hub/web }, privateIPAddress: 10.0.1.6 } }]
attachments:
  - { interface: br-web, subnet: hub/web }
  - { interface: veth-web3, nic: web3 }
  - { interface: eth1, onPremises: { address: 192.168.100.1/24, prefixes: [192.168.0.0/16], nextHop: 192.168.100.254 } }
"#;

fn read(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    load_text(Path::new("g.yaml"), text, &mut Ids::default(), &Host::Unseen)
}

#[track_caller]
fn changed(from: &str, to: &str) -> (String, Result<Loaded, Vec<Diagnostic>>) {
    assert!(SOUND.contains(from), "{from}");
    let text = SOUND.replacen(from, to, 1);
    let read = read(&text);
    (text, read)
}

/// The line of the first place of `needle`.
fn line(text: &str, needle: &str) -> u32 {
    let before = text.split(needle).next().unwrap_or_default();
    before.matches('\n').count() as u32 + 1
}

fn unseen(loaded: &Loaded) -> Vec<Diagnostic> {
    let snapshot = Snapshot::build(&loaded.gateway, &mut Names::default()).expect("a policy");
    unseen_rules(&snapshot, &loaded.segments)
}

#[test]
fn every_key_reaches_its_place() {
    let loaded = read(SOUND).expect("it is sound");
    assert_eq!(loaded.warnings, []);
    let kinds: Vec<_> = loaded.gateway.attachments.iter().map(|attachment| &attachment.kind).collect();
    let web = SubnetIndex { vnet: VnetIndex(0), subnet: 0 };
    assert!(matches!(kinds[0], AttachmentKind::Subnet { subnet } if *subnet == web));
    assert!(matches!(kinds[1], AttachmentKind::Nic { nic: NicIndex(2), .. }));
    let AttachmentKind::OnPremises { vnet, addresses, prefixes, next_hops, .. } = kinds[2] else {
        panic!("{kinds:?}")
    };
    assert_eq!((*vnet, addresses.len(), prefixes.len(), next_hops.len()), (VnetIndex(0), 1, 1, 1));
    assert_eq!(unseen(&loaded), []);
}

#[test]
fn lists_hold_both_families() {
    let (_, loaded) = changed(
        "address: 192.168.100.1/24, prefixes: [192.168.0.0/16], nextHop: 192.168.100.254",
        "address: [192.168.100.1/24, \"fd01::1/64\"], prefixes: [192.168.0.0/16, \"fd02::/48\"], \
         nextHop: [192.168.100.254, \"fd01::2\"]",
    );
    let loaded = loaded.expect("both families");
    assert!(
        matches!(&loaded.gateway.attachments[2].kind, AttachmentKind::OnPremises { prefixes, .. } if prefixes.len() == 2)
    );
}

#[test]
fn the_gateways_network_is_named_or_the_only_one_that_it_can_be() {
    let (_, named) = changed("nextHop: 192.168.100.254", "nextHop: 192.168.100.254, virtualNetwork: hub");
    assert!(named.is_ok());
    let (text, open) = changed("name: GatewaySubnet", "name: other");
    let found = open.expect_err("two networks could have it");
    assert_eq!((found.len(), found[0].code), (1, "OnPremisesAttachment"));
    assert_eq!(found[0].at.as_ref().map(|at| at.line), Some(line(&text, "onPremises")));
    assert!(found[0].help.as_ref().is_some_and(|help| help.contains("virtualNetwork: ")));
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let site = "prefixes: [192.168.0.0/16]";
    let second = |written: &str| {
        format!(
            "  - {{ interface: eth2, onPremises: {{ address: 172.16.0.1/24, nextHop: 172.16.0.2, {written} }} }}\n  - {{ interface: eth1,"
        )
    };
    let other = "  - { interface: eth1,";
    for (from, to, code, at) in [
        ("subnet: hub/web }", "subnet: hub/wbe }", "UnknownSubnet", "hub/wbe"),
        ("nic: web3 }", "subnet: web }", "SubnetAttachedTwice", "subnet: web }"),
        ("subnet: hub/web }", "subnet: hub/web, nic: web1 }", "Contradiction", "subnet: hub/web, nic"),
        ("subnet: hub/web }", "subnet: hub/web, mac: 02:00:00:00:00:04 }", "Contradiction", "mac: "),
        ("subnet: hub/web }", "subnet: hub/web, address: 10.0.1.4 }", "Contradiction", "address: 10.0.1.4 }"),
        (", privateIPAddress: 10.0.1.5", "", "AttachmentAddress", "subnet: hub/web }\n  -"),
        (site, "prefixes: [0.0.0.0/0]", "OnPremisesAttachment", "0.0.0.0/0"),
        (site, "prefixes: [10.0.7.0/24]", "OnPremisesAttachment", "10.0.7.0/24"),
        (site, "prefixes: [10.1.0.0/16]", "OnPremisesAttachment", "[10.1.0.0/16], next"),
        (site, "prefixes: [128.0.0.0/1]", "OnPremisesAttachment", "128.0.0.0/1"),
        (site, "prefixes: [\"::/1\"]", "OnPremisesAttachment", "::/1"),
        (site, "prefixes: [192.168.0.1/16]", "InvalidValue", "192.168.0.1/16"),
        (", prefixes: [192.168.0.0/16]", "", "MissingKey", "onPremises"),
        ("nextHop: 192.168.100.254", "nextHop: 192.168.101.254", "OnPremisesAttachment", "192.168.101.254"),
        (", nextHop: 192.168.100.254", "", "OnPremisesAttachment", "192.168.0.0/16"),
        ("nextHop: 192.168.100.254", "virtualNetwork: hab", "UnknownVirtualNetwork", "hab"),
        (
            "nextHop: 192.168.100.254",
            "nextHop: 192.168.100.254, virtualNetwork: spoke",
            "OnPremisesAttachment",
            "onPremises",
        ),
        (other, &second("prefixes: [192.168.7.0/24]"), "OnPremisesAttachment", "eth1"),
        (other, &second("prefices: [172.16.0.0/16]"), "UnknownKey", "prefices"),
    ] {
        let (text, outcome) = changed(from, to);
        let mut found = outcome.expect_err(to);
        found.retain(|one| one.severity == Severity::Error);
        let lines: Vec<_> =
            found.iter().map(|one| (one.code, one.at.as_ref().map_or(0, |at| at.line))).collect();
        assert!(lines.contains(&(code, line(&text, at))), "{to}: expected {code} at {at}: {found:#?}");
    }
    let (_, near) =
        changed("prefixes: [192.168.0.0/16], nextHop: 192.168.100.254", "prefixes: [192.168.100.0/24]");
    assert!(near.is_ok(), "what is on the link needs no router: {near:?}");
    let (_, wide) = changed(site, "prefixes: [10.0.0.0/8]");
    assert!(wide.is_ok(), "a summary may hold a virtual network: {wide:?}");
}

#[test]
fn a_host_address_is_refused_on_a_segment_and_kept_on_premises() {
    let interface = |name: &str, held: &str| io::Interface {
        name: name.into(),
        index: 7,
        mac: [2, 0, 0, 0, 0, 9],
        mtu: 1500,
        addresses: vec![(held.parse().expect("an address"), 24)],
        local_ports: 32_768..=60_999,
        is_up: true,
        is_running: true,
    };
    let look = |on: &'static str| {
        move |&Wanted { name, .. }: &Wanted<'_>| {
            Ok(interface(name, if name == on { "192.168.100.3" } else { "fe80::1" }))
        }
    };
    let load = |on| load_text(Path::new("g.yaml"), SOUND, &mut Ids::default(), &Host::Needed(&look(on)));
    let found = load("br-web").expect_err("it would bypass the rules");
    assert_eq!(found[0].code, "HostAddressBypassesRules");
    let loaded = load("eth1").expect("the host's stays the host's");
    let AttachmentKind::OnPremises { host_addresses, .. } = &loaded.gateway.attachments[2].kind else {
        panic!("{loaded:?}")
    };
    assert_eq!(host_addresses.len(), 1);
}

#[test]
fn an_empty_segment_is_worth_a_warning() {
    let (text, loaded) = changed("subnet: hub/web }", "subnet: spoke/app }");
    let warnings = loaded.expect("nobody is there yet").warnings;
    let told: Vec<_> =
        warnings.iter().map(|one| (one.code, one.at.as_ref().map_or(0, |at| at.line))).collect();
    assert_eq!(told, [("SegmentWithoutNetworkInterfaces", line(&text, "spoke/app }"))]);
}

#[test]
fn a_rule_between_neighbours_is_named_at_the_segment() {
    let (text, loaded) = changed("sourceAddressPrefix: 10.1.0.0/16", "sourceAddressPrefix: VirtualNetwork");
    let found = unseen(&loaded.expect("it is only a warning"));
    let [warning] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((warning.severity, warning.code), (Severity::Warning, "NeighboursUnseen"));
    assert_eq!(warning.at.as_ref().map(|at| at.line), Some(line(&text, "subnet: hub/web }")));
    assert_eq!(
        warning.message,
        "rule NoSsh of web-nsg denies inbound Tcp 10.0.1.4 > 10.0.1.5 port 22, and web1 and web2 reach each other here \
         without the gateway"
    );
    // web3 has an attachment of its own.
    let (_, loaded) = changed("sourceAddressPrefix: 10.1.0.0/16", "sourceAddressPrefix: 10.0.1.6");
    assert_eq!(unseen(&loaded.expect("sound")), []);
}

#[test]
fn the_example_says_what_it_means() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/hybrid.yaml");
    let loaded = load(&file, &mut Ids::default(), &Host::Unseen).expect("the example");
    assert_eq!((loaded.warnings.len(), unseen(&loaded)), (0, Vec::new()));
}
