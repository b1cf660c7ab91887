//! Segments, sites on premises, peers and networks with the same addresses, by real traffic.
//!
//! ```text
//!   Site's vm1, vm2, vm3 and internet, and besides
//!   v4 10.0.3.4 ┐
//!   v5 10.0.3.5 ┴ bridge ── seg ┐
//!   t1 10.0.1.4, network twin ──┤ gateway ── onp ── office 192.168.100.254 and 192.168.7.9
//!   e1 10.1.1.4, network east ──┘
//! ```
//!
//! On TAP the segment's device becomes a port of the bridge, and those of the others are moved to them.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::path::Path;
use std::thread;
use testbed::gateway_file::GatewayFile;
use testbed::netns::{Namespace, available, veth};
use testbed::probe::Outcome;
use testbed::site::{Daemon, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(
    machines_of_a_segment_share_an_interface,
    an_office_reaches_private_addresses_and_nothing_else,
    peers_reach_each_other_and_twins_do_not_mix,
);

struct Networks {
    site: Site,
    /// The bridge, which hands frames on without the gateway.
    lan: Namespace,
    v4: Namespace,
    v5: Namespace,
    twin: Namespace,
    east: Namespace,
    office: Namespace,
}

impl Networks {
    fn new(setting: Setting) -> Self {
        let site = Site::set(setting);
        let lan = Namespace::new("lan");
        lan.ip("link add br0 type bridge");
        lan.ip("link set br0 up");
        let [v4, v5] = [("v4", "10.0.3.4"), ("v5", "10.0.3.5")].map(|(name, it)| on_segment(&lan, name, it));
        let [twin, east, office] = ["t1", "e1", "onp"].map(Namespace::new);
        Self { site, lan, v4, v5, twin, east, office }
    }

    /// Who is behind each interface of the gateway that the site does not have, and by which name it has the wire.
    fn ends(&self) -> [(&'static str, &Namespace, &'static str); 4] {
        let Self { lan, twin, east, office, .. } = self;
        [("seg", lan, "gw"), ("t1", twin, "eth0"), ("e1", east, "eth0"), ("onp", office, "eth0")]
    }

    /// Gives everybody behind a wire of their own addresses and routes, and the bridge its port.
    fn address(&self) {
        let Self { lan, twin, east, office, .. } = self;
        lan.ip("link set gw master br0");
        let machines = [
            (twin, "10.0.1.4", "10.0.1.1"),
            (east, "10.1.1.4", "10.1.1.1"),
            (office, "192.168.100.254", "192.168.100.1"),
        ];
        for (machine, address, first_hop) in machines {
            machine.address("eth0", &format!("{address}/24"));
            machine.route("default", first_hop);
        }
        office.address("lo", "192.168.7.9/32");
    }

    fn with_daemon(setting: Setting) -> Option<(Self, Daemon)> {
        available().then(|| {
            let networks = Self::new(setting);
            let site = &networks.site;
            for (name, end, inside) in networks.ends() {
                if !setting.is_tap(name) {
                    site.connect((end, inside), name);
                }
            }
            let daemon = site.start(Path::new(NSGATE), &file(&[]));
            for (name, end, inside) in networks.ends() {
                if setting.is_tap(name) {
                    site.gateway.ip(&format!("link set {name} netns {} name {inside}", end.name()));
                    end.ip(&format!("link set {inside} up"));
                }
            }
            networks.address();
            (networks, daemon)
        })
    }
}

/// A machine on the segment.
fn on_segment(lan: &Namespace, name: &str, address: &str) -> Namespace {
    let machine = Namespace::new(name);
    veth((&machine, "eth0"), (lan, name));
    lan.ip(&format!("link set {name} master br0"));
    machine.address("eth0", &format!("{address}/24"));
    machine.route("default", "10.0.3.1");
    machine
}

/// The gateway file of all networks, with more machines on the segment.
fn file(more: &[(&str, &str)]) -> GatewayFile {
    let base: Value = serde_json::from_str(&GatewayFile::open().text()).unwrap();
    let mut resources = base["network"]["resources"].as_array().unwrap().clone();
    let mut attachments = base["attachments"].as_array().unwrap().clone();
    let half = |from: &str, to: &str| {
        json!({ "type": "Microsoft.Network/virtualNetworks/virtualNetworkPeerings", "name": format!("{from}/to-{to}"),
            "properties": { "remoteVirtualNetwork": { "id": to } } })
    };
    let network = |name: &str, space: &str, subnet: &str| {
        json!({ "type": "Microsoft.Network/virtualNetworks", "name": name, "properties": {
            "addressSpace": { "addressPrefixes": [space] },
            "subnets": [{ "name": "only", "properties": { "addressPrefix": subnet } }] } })
    };
    resources.extend([
        json!({ "type": "Microsoft.Network/virtualNetworks/subnets", "name": "vnet1/seg",
            "properties": { "addressPrefix": "10.0.3.0/24" } }),
        network("twin", "10.0.0.0/16", "10.0.1.0/24"),
        network("east", "10.1.0.0/16", "10.1.1.0/24"),
        half("vnet1", "east"),
        half("east", "vnet1"),
        json!({ "type": "Microsoft.Network/networkSecurityGroups", "name": "v4-nsg", "properties": { "securityRules": [
            { "name": "NoTelnet", "properties": { "priority": 100, "direction": "Inbound", "access": "Deny",
                "protocol": "Tcp", "sourceAddressPrefix": "192.168.0.0/16", "sourcePortRange": "*",
                "destinationAddressPrefix": "*", "destinationPortRange": "23" } }] } }),
    ]);
    let machines = [
        ("v4", "vnet1/seg", "10.0.3.4"),
        ("v5", "vnet1/seg", "10.0.3.5"),
        ("t1", "twin/only", "10.0.1.4"),
        ("e1", "east/only", "10.1.1.4"),
    ];
    let more = more.iter().map(|(name, address)| (*name, "vnet1/seg", *address));
    for (name, subnet, address) in machines.into_iter().chain(more) {
        let mut properties = json!({ "ipConfigurations": [{ "name": "primary", "properties":
            { "subnet": { "id": subnet }, "privateIPAddress": address } }] });
        if name == "v4" {
            properties["networkSecurityGroup"] = json!({ "id": "v4-nsg" });
        }
        resources.push(json!({ "type": "Microsoft.Network/networkInterfaces", "name": format!("{name}-nic"),
            "properties": properties }));
    }
    attachments.extend([
        json!({ "interface": "seg", "subnet": "vnet1/seg" }),
        json!({ "interface": "t1", "nic": "t1-nic" }),
        json!({ "interface": "e1", "nic": "e1-nic" }),
        json!({ "interface": "onp", "onPremises": { "address": "192.168.100.1/24", "prefixes": ["192.168.0.0/16"],
            "nextHop": "192.168.100.254", "virtualNetwork": "vnet1" } }),
    ]);
    GatewayFile::open()
        .with("network", json!({ "resources": resources }))
        .with("attachments", json!(attachments))
}

fn seen(outcome: Outcome) -> Option<String> {
    outcome.address().map(|address| address.to_string())
}

fn saw(address: &str) -> Option<String> {
    Some(address.into())
}

/// Asserts that none of these gets an answer by UDP; all wait at the same time.
fn silent(site: &Site, tries: &[(&Namespace, &str)]) {
    thread::scope(|scope| {
        for &(from, to) in tries {
            scope.spawn(move || {
                assert_eq!(site.try_udp(from, to), Outcome::Silent, "{} to {to}", from.name())
            });
        }
    });
}

fn machines_of_a_segment_share_an_interface(setting: Setting) {
    let Some((networks, daemon)) = Networks::with_daemon(setting) else { return };
    let Networks { site, lan, v4, v5, .. } = &networks;
    for machine in [&site.vm1, v4, v5, &site.internet] {
        site.serve(machine, 80);
    }
    for (machine, address) in [(v4, "10.0.3.4"), (v5, "10.0.3.5")] {
        assert_eq!(seen(site.tcp(machine, "10.0.1.4:80")), saw(address));
        assert_eq!(seen(site.tcp(&site.vm1, &format!("{address}:80"))), saw("10.0.1.4"));
        assert_eq!(seen(site.udp(machine, "198.51.100.1:80")), saw("203.0.113.10"));
        assert!(site.ping(machine, "10.0.2.4"));
    }
    // Neighbours need no gateway, and the gateway does not answer for them.
    assert_eq!(seen(site.tcp(v4, "10.0.3.5:80")), saw("10.0.3.4"));
    let neighbour = v4.run("ip neigh show 10.0.3.5");
    let mac = v5.mac("eth0").map(|byte| format!("{byte:02x}")).join(":");
    assert!(neighbour.contains(&mac), "{neighbour}");
    // Nobody else's address may come from there.
    v5.address("eth0", "10.0.3.77/24");
    let before = daemon.dropped("spoofed-source", "", "");
    assert!(!v5.attempt("ping -n -c 1 -W 1 -I 10.0.3.77 10.0.1.4").success);
    daemon.drops("spoofed-source", |packets| packets > before);
    // A machine that comes later is there after a reload.
    let v6 = on_segment(lan, "v6", "10.0.3.6");
    assert_eq!(site.try_tcp(&v6, "10.0.1.4:80"), Outcome::Silent);
    assert!(daemon.reload(&file(&[("v6", "10.0.3.6")]).text()).status.success());
    assert_eq!(seen(site.tcp(&v6, "10.0.1.4:80")), saw("10.0.3.6"));
}

fn an_office_reaches_private_addresses_and_nothing_else(setting: Setting) {
    let Some((networks, daemon)) = Networks::with_daemon(setting) else { return };
    let Networks { site, v4, office, east, .. } = &networks;
    for machine in [&site.vm1, &site.vm2, v4, office, &site.internet] {
        site.serve(machine, 80);
        site.serve(machine, 23);
    }
    assert_eq!(seen(site.tcp(&site.vm1, "192.168.7.9:80")), saw("10.0.1.4"));
    assert_eq!(seen(site.udp(v4, "192.168.7.9:80")), saw("10.0.3.4"));
    assert_eq!(seen(site.tcp(office, "10.0.1.4:80")), saw("192.168.100.254"));
    assert_eq!(seen(site.tcp(office, "10.0.3.4:80")), saw("192.168.100.254"));
    assert!(site.ping(office, "192.168.100.1"), "the gateway's own address");
    daemon.denies("v4-nsg", "NoTelnet", || assert_eq!(site.try_tcp(office, "10.0.3.4:23"), Outcome::Silent));
    let before = daemon.dropped("no-transit", "", "");
    let outside = ["198.51.100.1:80", "203.0.113.20:80", "10.1.1.4:80"];
    // The peer does not use the gateway to the office.
    silent(
        site,
        &[(office, outside[0]), (office, outside[1]), (office, outside[2]), (east, "192.168.7.9:80")],
    );
    daemon.drops("no-transit", |packets| packets == before + outside.len() as u64);
    let said = daemon.attempt("explain --from on-premises udp 192.168.7.9:5000 10.0.1.4:53");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("forwarded") && said.contains("VnetLocal: vm1-nic"), "{said}");
}

fn peers_reach_each_other_and_twins_do_not_mix(setting: Setting) {
    let Some((networks, daemon)) = Networks::with_daemon(setting) else { return };
    let Networks { site, twin, east, .. } = &networks;
    for machine in [&site.vm1, &site.vm2, &site.internet, east] {
        site.serve(machine, 80);
    }
    assert_eq!(seen(site.tcp(&site.vm1, "10.1.1.4:80")), saw("10.0.1.4"));
    assert_eq!(seen(site.udp(east, "10.0.1.4:80")), saw("10.1.1.4"));
    // One hop more than inside a network.
    assert!(!site.vm1.attempt("ping -n -c 1 -W 1 -t 1 10.1.1.4").success);
    daemon.drops("ttl-exceeded", |packets| packets > 0);
    // The twin has vm1's address, and neither its peer nor its neighbours.
    silent(site, &[(twin, "10.1.1.4:80"), (twin, "10.0.1.5:80")]);
    // Both talk to the internet at once, under one public address, and each gets its own answers.
    let outcomes = thread::scope(|scope| {
        let ask =
            |machine| move || (0..20).map(|_| seen(site.tcp(machine, "198.51.100.1:80"))).collect::<Vec<_>>();
        [&site.vm1, twin].map(|machine| scope.spawn(ask(machine))).map(|joined| joined.join().unwrap())
    });
    for outcome in outcomes.iter().flatten() {
        assert_eq!(outcome, &saw("203.0.113.10"));
    }
    // And they meet by public addresses.
    assert_eq!(seen(site.tcp(twin, "203.0.113.20:80")), saw("203.0.113.10"));
}
