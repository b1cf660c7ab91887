//! Small words for writing networks, rules and packets.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ipnet::IpNet;
use model::*;
use packet::Protocol;
use policy::{Builder, GroupId, Match, Policy, Tuple, reference};

pub(crate) use model::Access::{Allow, Deny};
pub(crate) use model::Direction::{Inbound, Outbound};

/// A rule in one line: `rule(100, Inbound, Allow, RuleProtocol::Tcp, any(), "*", prefix("10.0.0.0/8"), "80,443")`.
#[allow(clippy::too_many_arguments, reason = "a rule has eight parts, and one line for each rule reads best")]
pub(crate) fn rule(
    priority: u16,
    direction: Direction,
    access: Access,
    protocol: RuleProtocol,
    source: AddressMatch,
    source_ports: &str,
    destination: AddressMatch,
    destination_ports: &str,
) -> SecurityRule {
    SecurityRule {
        name: format!("rule-{priority}").into(),
        default: false,
        priority,
        direction,
        access,
        protocol,
        source,
        source_ports: ports(source_ports),
        destination,
        destination_ports: ports(destination_ports),
    }
}

pub(crate) fn any() -> AddressMatch {
    AddressMatch::Any
}

pub(crate) fn tag(tag: ServiceTag) -> AddressMatch {
    AddressMatch::Tag(tag)
}

pub(crate) fn prefix(text: &str) -> AddressMatch {
    AddressMatch::Prefixes(text.split(',').map(net).collect())
}

pub(crate) fn asgs(groups: &[usize]) -> AddressMatch {
    AddressMatch::ApplicationSecurityGroups(groups.iter().copied().map(AsgIndex).collect())
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn ports(text: &str) -> PortSet {
    if text == "*" {
        return PortSet::full();
    }
    PortSet::from_ranges(text.split(',').map(|range| {
        let (start, end) = range.split_once('-').unwrap_or((range, range));
        start.parse().unwrap()..=end.parse().unwrap()
    }))
}

pub(crate) fn nsg(name: &str, rules: Vec<SecurityRule>) -> NetworkSecurityGroup {
    NetworkSecurityGroup { id: name.into(), name: name.into(), rules }
}

/// A NIC with one address and its application security groups.
pub(crate) fn nic(address: &str, groups: &[usize]) -> NetworkInterface {
    let configuration = IpConfiguration {
        name: "ipconfig1".into(),
        subnet: SubnetIndex { vnet: VnetIndex(0), subnet: 0 },
        private_address: Some(address.parse().unwrap()),
        is_assumed: false,
        is_ipv6: false,
        public_ip: None,
        application_security_groups: groups.iter().copied().map(AsgIndex).collect(),
        primary: true,
    };
    NetworkInterface {
        id: address.into(),
        name: address.into(),
        security_group: None,
        ip_forwarding: false,
        virtual_machine: None,
        mac: None,
        ip_configurations: vec![configuration],
    }
}

pub(crate) fn asg(name: &str) -> ApplicationSecurityGroup {
    ApplicationSecurityGroup { id: name.into(), name: name.into() }
}

pub(crate) fn tcp(source: &str, source_port: u16, destination: &str, destination_port: u16) -> Tuple {
    tuple(Protocol::TCP, source, Some(source_port), destination, Some(destination_port))
}

pub(crate) fn udp(source: &str, source_port: u16, destination: &str, destination_port: u16) -> Tuple {
    Tuple { protocol: Protocol::UDP, ..tcp(source, source_port, destination, destination_port) }
}

/// A packet without ports.
pub(crate) fn bare(protocol: Protocol, source: &str, destination: &str) -> Tuple {
    tuple(protocol, source, None, destination, None)
}

pub(crate) fn tuple(
    protocol: Protocol,
    source: &str,
    source_port: Option<u16>,
    destination: &str,
    destination_port: Option<u16>,
) -> Tuple {
    let address = |text: &str| text.parse::<std::net::IpAddr>().unwrap().into();
    Tuple {
        protocol,
        source: address(source),
        source_port,
        destination: address(destination),
        destination_port,
    }
}

/// A network's NSGs compiled for NICs of one virtual network, asked twice: compiled and by the reference.
pub(crate) struct Judge {
    network: Network,
    virtual_network: Vec<IpNet>,
    policy: Policy,
    groups: Vec<GroupId>,
}

impl Judge {
    pub(crate) fn new(network: Network, virtual_network: &[&str]) -> Self {
        let virtual_network: Vec<IpNet> = virtual_network.iter().map(|text| net(text)).collect();
        let mut builder = Builder::new(&network);
        let numbers = (0..network.security_groups.len()).map(NsgIndex);
        let groups = numbers.map(|nsg| builder.add(nsg, VnetIndex(0), &virtual_network)).collect();
        let policy = builder.compile().unwrap();
        Self { network, virtual_network, policy, groups }
    }

    /// One NSG in the network 10.0.0.0/16.
    pub(crate) fn of_rules(rules: Vec<SecurityRule>) -> Self {
        let network = Network { security_groups: vec![nsg("nsg", rules)], ..Network::default() };
        Self::new(network, &["10.0.0.0/16"])
    }

    /// The rule of an NSG that decides, as (access, name); the platform allows as "platform".
    pub(crate) fn ask(&self, nsg: usize, direction: Direction, tuple: &Tuple) -> (Access, &str) {
        let group = self.groups[nsg];
        let compiled = match self.policy.first_match(group, direction, &self.policy.classes(tuple)) {
            Match::Rule(index) => Match::Rule(self.policy.rule(group, direction, index).unwrap()),
            Match::Platform => Match::Platform,
        };
        let meaning = reference::Meaning {
            network: &self.network,
            vnet: VnetIndex(0),
            virtual_network: &self.virtual_network,
        };
        let rules = self.policy.rules(group, direction);
        let slow = reference::first_match(rules, direction, tuple, &meaning).unwrap();
        assert_eq!(compiled, slow, "{tuple:?}");
        match compiled {
            Match::Rule(rule) => (rule.access, &rule.name),
            Match::Platform => (Allow, "platform"),
        }
    }

    /// The verdict of several NSGs in order: the first deny, else the last allow; `None` where there is none.
    pub(crate) fn walk(&self, nsgs: &[usize], direction: Direction, tuple: &Tuple) -> Option<(Access, &str)> {
        let mut last = None;
        for &nsg in nsgs {
            let (access, name) = self.ask(nsg, direction, tuple);
            last = Some((access, name));
            if access == Deny {
                break;
            }
        }
        last
    }
}
