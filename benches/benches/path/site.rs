//! A gateway with one VM, in memory: what the path's benchmarks send through.
#![expect(clippy::expect_used, reason = "the inputs are our own")]

use model::{
    Access, AddressMatch, Direction, IpConfiguration, Network, NetworkInterface, NetworkSecurityGroup,
    NsgIndex, PortSet, RuleProtocol, SecurityRule, Subnet, SubnetIndex, VirtualNetwork, VnetIndex,
};
use packet::{AttachmentId, Frame, Offload, Time};
use pipeline::{Engine, Settings, Shared};
use snapshot::{Attachment, AttachmentKind, Gateway, Names, Snapshot};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{arp_reply, ipv4, read};

pub(crate) const VM: AttachmentId = AttachmentId(0);
pub(crate) const INTERNET: AttachmentId = AttachmentId(1);
pub(crate) const GATEWAY_MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 0], [2, 0, 0, 0, 1, 1]];
pub(crate) const HOST_MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 2, 0], [2, 0, 0, 0, 2, 1]];

/// A gateway, and the frames of its live flows in both directions.
pub(crate) struct Site {
    engine: Engine,
    now: Time,
    flows: Vec<(AttachmentId, Vec<u8>)>,
}

impl Site {
    /// A gateway whose VM's NSG has `rules` rules, the last of which allows, and `flows` live UDP flows.
    pub(crate) fn with_flows(rules: usize, flows: usize) -> Self {
        let gateway = gateway(rules);
        let snapshot = Snapshot::build(&gateway, &mut Names::default()).expect("the network is small");
        let settings = Settings { capacity: 2_000_000, seed: [1, 2], worker: 0, workers: 1 };
        let shared = Shared::new(nat::Pools::new([3, 4]), [5, 6]);
        let engine = Engine::new(Arc::new(snapshot), settings, shared).expect("there is memory");
        let mut site = Self { engine, now: Time::from_nanos(1), flows: Vec::new() };
        site.meet_the_neighbours();
        for nth in 0..flows {
            let (on, asked) = first_frame(nth);
            let mut sent = asked.clone();
            assert_eq!(site.receive(on, &mut sent), Some(INTERNET), "the last rule allows");
            let mut answer = answer_to(&sent);
            site.flows.push((on, asked));
            site.flows.push((INTERNET, answer.clone()));
            assert_eq!(site.receive(INTERNET, &mut answer), Some(VM), "the flow is live");
        }
        site
    }

    /// The frames of all live flows, each flow's question and answer apart from each other.
    pub(crate) fn frames_of_flows(&self) -> Vec<(AttachmentId, Vec<u8>)> {
        self.flows.clone()
    }

    /// One frame's way through the engine.
    pub(crate) fn receive(&mut self, on: AttachmentId, bytes: &mut [u8]) -> Option<AttachmentId> {
        self.engine.receive(self.now, on, &mut Frame { bytes, offload: Offload::default() }).egress()
    }

    /// Ends all records, whose time is up.
    #[allow(dead_code, reason = "only some of those that include this file ask for it")]
    pub(crate) fn a_while_passes(&mut self) {
        self.now = self.now + Duration::from_secs(250);
        self.engine.tick(self.now);
        self.answer_arp(INTERNET, "203.0.113.1", "203.0.113.2");
        self.answer_arp(VM, "10.0.1.4", "10.0.1.1");
    }

    /// Answers the gateway's questions for its next hops, so that no frame waits.
    fn meet_the_neighbours(&mut self) {
        let (_, mut question) = first_frame(0);
        self.receive(VM, &mut question);
        self.answer_arp(INTERNET, "203.0.113.1", "203.0.113.2");
        let sent = self.take_sent().expect("the frame waited for its next hop");
        let mut answer = answer_to(&sent);
        self.receive(INTERNET, &mut answer);
        self.answer_arp(VM, "10.0.1.4", "10.0.1.1");
        self.take_sent();
    }

    fn answer_arp(&mut self, on: AttachmentId, host: &str, gateway: &str) {
        let nth = usize::from(on.0);
        self.engine.outbox().drain(|_| ());
        let mut reply = arp_reply(HOST_MACS[nth], host, GATEWAY_MACS[nth], gateway);
        self.receive(on, &mut reply);
    }

    fn take_sent(&mut self) -> Option<Vec<u8>> {
        let mut sent = None;
        self.engine.outbox().drain(|frame| sent = Some(frame.bytes.clone()));
        sent
    }
}

/// The first frame of the `nth` flow; 50,000 flows go to each destination.
pub(crate) fn first_frame(nth: usize) -> (AttachmentId, Vec<u8>) {
    let destination = Ipv4Addr::from_bits(0xc633_0000 + (nth / 50_000) as u32).to_string();
    let port = 10_000 + (nth % 50_000) as u16;
    let frame = ipv4("10.0.1.4", &destination).udp(port, 4_000).payload(&[0; 18]);
    (VM, frame.macs(HOST_MACS[0], GATEWAY_MACS[0]).bytes())
}

/// What the far side answers to a UDP packet that it received.
fn answer_to(sent: &[u8]) -> Vec<u8> {
    let seen = read(sent).expect("the gateway sends sound packets");
    let ip = seen.ipv4();
    let (from, to) = ip.ports().expect("it is UDP");
    let answer = ipv4(&ip.destination.to_string(), &ip.source.to_string()).udp(to, from).payload(&[0; 18]);
    answer.macs(HOST_MACS[1], GATEWAY_MACS[1]).bytes()
}

fn gateway(rules: usize) -> Gateway {
    let network = Network {
        virtual_networks: vec![VirtualNetwork {
            id: "vnet".into(),
            name: "vnet".into(),
            address_space: vec!["10.0.0.0/16".parse().expect("a prefix")],
            subnets: vec![Subnet {
                id: "web".into(),
                name: "web".into(),
                prefixes: vec!["10.0.1.0/24".parse().expect("a prefix")],
                security_group: Some(NsgIndex(0)),
                route_table: None,
                default_outbound_access: true,
            }],
            peerings: Vec::new(),
            peers_elsewhere: Vec::new(),
        }],
        network_interfaces: vec![NetworkInterface {
            id: "nic".into(),
            name: "nic".into(),
            security_group: None,
            ip_forwarding: false,
            virtual_machine: None,
            mac: None,
            ip_configurations: vec![IpConfiguration {
                name: "primary".into(),
                subnet: SubnetIndex { vnet: VnetIndex(0), subnet: 0 },
                private_address: Some("10.0.1.4".parse().expect("an address")),
                is_assumed: false,
                is_ipv6: false,
                public_ip: None,
                application_security_groups: Vec::new(),
                primary: true,
            }],
        }],
        security_groups: vec![NetworkSecurityGroup {
            id: "nsg".into(),
            name: "nsg".into(),
            rules: (0..rules).map(|nth| rule(nth, nth + 1 == rules)).collect(),
        }],
        ..Network::default()
    };
    let attachment = |id: AttachmentId, interface: &str, kind| Attachment {
        id,
        interface: interface.into(),
        mac: GATEWAY_MACS[usize::from(id.0)],
        mtu: 1500,
        kind,
    };
    Gateway {
        network: Arc::new(network),
        attachments: vec![
            attachment(VM, "vm", AttachmentKind::Nic { nic: model::NicIndex(0), enforced_mac: None }),
            attachment(
                INTERNET,
                "internet",
                AttachmentKind::Internet {
                    addresses: vec!["203.0.113.2/24".parse().expect("a prefix")],
                    next_hops: vec!["203.0.113.1".parse().expect("an address")],
                    host_addresses: Vec::new(),
                },
            ),
        ],
        snat_ports: nat::Ports::ALL,
        ports_per_vm: nat::CAPACITY as u32,
        default_public_ips: vec![Ipv4Addr::new(203, 0, 113, 10)],
        default_outbound_access: false,
        flow_idle: Duration::from_secs(240),
        snat_idle: Duration::from_secs(240),
    }
}

/// The `nth` outbound rule: each denies a prefix and a port of its own, the last allows what the benchmarks send.
fn rule(nth: usize, last: bool) -> SecurityRule {
    let prefix = format!("{}.{}.0.0/16", 20 + nth / 250, nth % 250);
    let (access, destination, port) = if last {
        (Access::Allow, AddressMatch::Any, 4_000)
    } else {
        (Access::Deny, AddressMatch::Prefixes(vec![prefix.parse().expect("a prefix")]), 5_000 + nth as u16)
    };
    SecurityRule {
        name: format!("rule-{nth}").into(),
        default: false,
        priority: 100 + nth as u16,
        direction: Direction::Outbound,
        access,
        protocol: if last { RuleProtocol::Any } else { RuleProtocol::Udp },
        source: AddressMatch::Any,
        source_ports: PortSet::full(),
        destination,
        destination_ports: PortSet::from_ranges([port..=port]),
    }
}
