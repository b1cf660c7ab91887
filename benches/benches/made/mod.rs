//! Made-up rules that look like real ones.
#![allow(dead_code, reason = "each file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use ipnet::{IpNet, Ipv4Net};
use model::*;
use packet::{Address, Protocol};
use policy::Tuple;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

/// How many different tags the rules name: the largest of the file.
const TAGS: usize = 200;
pub(crate) const VIRTUAL_NETWORK: &str = "10.0.0.0/16";

/// One NSG of inbound rules: popular ports and ranges, a fifth of the sources tags, the rest prefixes and `*`.
/// No rule is wide on both sides, so a random packet falls to the default deny.
pub(crate) fn network(rules: u16, tags: &Arc<ServiceTags>) -> Network {
    let mut random = Random(1);
    let mut largest: Vec<TagIndex> = (0..tags.len()).map(TagIndex).collect();
    largest.sort_by_key(|&tag| std::cmp::Reverse(tags.get(tag).unwrap().prefixes.len()));
    largest.truncate(TAGS);
    let rules = (0..rules).map(|nth| random.rule(100 + nth, &largest)).collect();
    let group = NetworkSecurityGroup { id: "nsg".into(), name: "nsg".into(), rules };
    Network { security_groups: vec![group], service_tags: Arc::clone(tags), ..Network::default() }
}

pub(crate) fn tags() -> Arc<ServiceTags> {
    let tags = match std::env::var_os("NSGATE_DATA") {
        Some(folder) => published(Path::new(&folder)),
        None => made_up(),
    };
    Arc::new(ServiceTags::new(tags))
}

fn published(folder: &Path) -> Vec<NamedTag> {
    let files = std::fs::read_dir(folder.join("service-tags")).unwrap().map(|file| file.unwrap().path());
    let newest = files.filter(|file| file.extension().is_some_and(|end| end == "json")).max().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(newest).unwrap()).unwrap();
    let tag = |value: &serde_json::Value| NamedTag {
        name: value["name"].as_str().unwrap().into(),
        prefixes: value["properties"]["addressPrefixes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|prefix| prefix.as_str().unwrap().parse().unwrap())
            .collect(),
        usable_in_nsg: true,
        ..NamedTag::default()
    };
    document["values"].as_array().unwrap().iter().map(tag).collect()
}

/// 3,000 tags, the first holding 13,000 prefixes and the others 27 on average, from one pool of 50,000.
fn made_up() -> Vec<NamedTag> {
    let mut random = Random(3);
    let pool: Vec<IpNet> = (0..50_000).map(|_| random.public_prefix()).collect();
    let mut tag = |nth: usize| {
        let size = if nth == 0 { 13_000 } else { 1 + random.below(53) };
        let prefixes = (0..size).map(|_| pool[random.below(50_000) as usize]).collect();
        NamedTag { name: format!("Tag{nth}").into(), prefixes, usable_in_nsg: true, ..NamedTag::default() }
    };
    (0..3000).map(&mut tag).collect()
}

/// Sebastiano Vigna's SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn rule(&mut self, priority: u16, tags: &[TagIndex]) -> SecurityRule {
        let source = match self.below(10) {
            0 => AddressMatch::Any,
            1 | 2 => AddressMatch::Tag(ServiceTag::Named(tags[self.below(tags.len() as u64) as usize])),
            _ => AddressMatch::Prefixes((0..1 + self.below(3)).map(|_| self.public_prefix()).collect()),
        };
        let destination = match self.below(10) {
            0 if source != AddressMatch::Any => AddressMatch::Any,
            1 if source != AddressMatch::Any => AddressMatch::Tag(ServiceTag::VirtualNetwork),
            _ => AddressMatch::Prefixes(vec![self.private_prefix()]),
        };
        SecurityRule {
            name: format!("rule-{priority}").into(),
            default: false,
            priority,
            direction: Direction::Inbound,
            access: if self.below(2) == 0 { Access::Allow } else { Access::Deny },
            protocol: [RuleProtocol::Tcp, RuleProtocol::Udp, RuleProtocol::Any][self.below(3) as usize],
            source,
            source_ports: PortSet::full(),
            destination,
            destination_ports: self.ports(),
        }
    }

    fn ports(&mut self) -> PortSet {
        match self.below(10) {
            0 => PortSet::full(),
            1..=6 => {
                let popular = [22, 53, 80, 443, 1433, 3389, 5432, 8080];
                let port = popular[self.below(8) as usize];
                PortSet::from_ranges([port..=port])
            }
            _ => {
                let start = self.below(65_000) as u16;
                PortSet::from_ranges([start..=start + self.below(500) as u16])
            }
        }
    }

    fn public_prefix(&mut self) -> IpNet {
        let address = Ipv4Addr::from_bits((20 + self.below(180) as u32) << 24 | self.next() as u32 >> 8);
        Ipv4Net::new(address, 20 + self.below(13) as u8).unwrap().trunc().into()
    }

    fn private_prefix(&mut self) -> IpNet {
        let address = Ipv4Addr::from_bits(10 << 24 | self.below(1 << 16) as u32);
        Ipv4Net::new(address, 20 + self.below(13) as u8).unwrap().trunc().into()
    }

    /// A packet inside the box of some rule.
    pub(crate) fn hit(&mut self, network: &Network) -> Tuple {
        let rules = &network.security_groups[0].rules;
        let rule = &rules[self.below(rules.len() as u64) as usize];
        let ports: Vec<_> = rule.destination_ports.ranges().collect();
        let port = &ports[self.below(ports.len() as u64) as usize];
        let port = port.start() + self.below(u64::from(port.end() - port.start()) + 1) as u16;
        Tuple {
            protocol: if rule.protocol == RuleProtocol::Udp { Protocol::UDP } else { Protocol::TCP },
            source: self.inside(&rule.source, network),
            source_port: Some(self.next() as u16),
            destination: self.inside(&rule.destination, network),
            destination_port: Some(port),
        }
    }

    fn inside(&mut self, side: &AddressMatch, network: &Network) -> Address {
        let prefixes = match side {
            AddressMatch::Prefixes(prefixes) => prefixes.clone(),
            AddressMatch::Tag(ServiceTag::Named(tag)) => {
                network.service_tags.get(*tag).unwrap().prefixes.clone()
            }
            _ => vec![VIRTUAL_NETWORK.parse().unwrap()],
        };
        match prefixes[self.below(prefixes.len() as u64) as usize] {
            IpNet::V4(net) => {
                Ipv4Addr::from_bits(net.network().to_bits() | self.host(32 - net.prefix_len())).into()
            }
            IpNet::V6(net) => net.network().into(),
        }
    }

    fn host(&mut self, bits: u8) -> u32 {
        self.below(1 << bits) as u32
    }

    /// A packet from anywhere to the virtual network.
    pub(crate) fn packet(&mut self, six: bool) -> Tuple {
        let (source, destination): (IpAddr, IpAddr) = if six {
            let high = u128::from([0x2603_1000, 0x2a01_0110][self.below(2) as usize] | self.below(64) as u32);
            let mut address = || Ipv6Addr::from_bits(high << 96 | u128::from(self.next()) << 32);
            (address().into(), address().into())
        } else {
            let inside = Ipv4Addr::from_bits(10 << 24 | self.below(1 << 16) as u32);
            (Ipv4Addr::from_bits(self.next() as u32).into(), inside.into())
        };
        Tuple {
            protocol: Protocol::TCP,
            source: source.into(),
            source_port: Some(self.next() as u16),
            destination: destination.into(),
            destination_port: Some(self.next() as u16),
        }
    }
}
