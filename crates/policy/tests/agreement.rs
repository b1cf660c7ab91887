//! The compiled policy and the linear reference agree on every packet, most of all at the edges of rules.
#![allow(clippy::unwrap_used)] // A test may panic.

mod common;

use common::{asg, net, nic, nsg};
use ipnet::IpNet;
use model::*;
use packet::{Address, Protocol};
use policy::{Builder, FieldMatches, GroupId, Match, Policy, Question, RuleIndex, Tuple, reference};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const ASGS: usize = 4;
const TAGS: usize = 4;
const PACKETS: usize = 48;
const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn compiled_and_reference_agree(
        case in case(0..14),
        packets in prop::collection::vec(draw(), PACKETS),
    ) {
        agree(&case, &packets)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// More rules than a word and than a block has bits.
    #[test]
    fn compiled_and_reference_agree_on_long_lists(
        case in case(100..700),
        packets in prop::collection::vec(draw(), PACKETS),
    ) {
        agree(&case, &packets)?;
    }
}

/// Asks both for every packet, in every group and both directions.
fn agree(case: &Case, packets: &[Draw]) -> Result<(), TestCaseError> {
    let Case { network, virtual_networks } = case;
    let mut builder = Builder::new(network);
    let mut groups = Vec::new();
    for (nth, nsg) in network.security_groups.iter().enumerate() {
        for (vnet, virtual_network) in virtual_networks.iter().enumerate() {
            let vnet = VnetIndex(vnet);
            let group = builder.add(NsgIndex(nth), vnet, virtual_network);
            let mut rules = nsg.rules.clone();
            rules.extend(BOTH.into_iter().flat_map(SecurityRule::defaults));
            groups.push((group, rules, reference::Meaning { network, vnet, virtual_network }));
        }
    }
    let policy = builder.compile().map_err(|error| TestCaseError::fail(error.to_string()))?;
    let landmarks = Landmarks::of(case);
    for draw in packets {
        let tuple = draw.tuple(&landmarks);
        let classes = policy.classes(&tuple);
        for (group, rules, meaning) in &groups {
            for direction in BOTH {
                let slow = reference::first_match(rules, direction, &tuple, meaning);
                let fast = match policy.first_match(*group, direction, &classes) {
                    Match::Rule(index) => policy.rule(*group, direction, index).map(Match::Rule),
                    Match::Platform => Some(Match::Platform),
                };
                prop_assert!(slow.is_some());
                prop_assert_eq!(fast, slow, "{:?} {:?}", direction, tuple);
                for (index, rule) in (0..).zip(policy.rules(*group, direction)) {
                    let fast = policy.field_matches(*group, direction, RuleIndex(index), &classes);
                    let slow = reference::field_matches(rule, &tuple, meaning);
                    prop_assert_eq!(fast, Some(slow), "{:?} {:?}", rule, tuple);
                }
                let beyond = policy.rules(*group, direction).len() as u16;
                prop_assert_eq!(policy.field_matches(*group, direction, RuleIndex(beyond), &classes), None);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// A side of a rule holds an address if and only if its expansion does, whoever asks.
    #[test]
    fn expansions_are_what_rules_hold(case in case(0..14), packets in prop::collection::vec(draw(), PACKETS)) {
        let Case { network, virtual_networks } = &case;
        let mut builder = Builder::new(network);
        let nsgs = (0..network.security_groups.len()).map(NsgIndex);
        let sides = nsgs.flat_map(|nsg| [0, 1].map(|vnet| (nsg, vnet)));
        let groups: Vec<_> = sides.map(|(nsg, vnet)| builder.add(nsg, VnetIndex(vnet), &virtual_networks[vnet])).collect();
        let policy = builder.compile().unwrap();
        let landmarks = Landmarks::of(&case);
        let tuples: Vec<Tuple> = packets.iter().map(|draw| draw.tuple(&landmarks)).collect();
        for group in groups {
            let expansion = policy.expansion(network, group).unwrap();
            for direction in BOTH {
                for (index, rule) in (0..).zip(policy.rules(group, direction)) {
                    let (source, destination) = (expansion.of(&rule.source).unwrap(), expansion.of(&rule.destination).unwrap());
                    for tuple in &tuples {
                        let holds = |side: &[IpNet], address: Address| side.iter().any(|prefix| prefix.contains(&address.ip()));
                        let said = policy.field_matches(group, direction, RuleIndex(index), &policy.classes(tuple)).unwrap();
                        prop_assert_eq!(said.source, holds(&source, tuple.source), "{:?} {:?}", rule, tuple);
                        if direction == Direction::Inbound || !PLATFORM.map(net).iter().any(|it| it.contains(&tuple.destination.ip())) {
                            prop_assert_eq!(said.destination, holds(&destination, tuple.destination), "{:?} {:?}", rule, tuple);
                        }
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// What is said of many packets at once is so of each of them, and of one of them where a field is said not to hold.
    #[test]
    fn questions_about_many_are_answered_for_each(
        case in case(0..10),
        asked in (select(QUESTIONED.to_vec()), any_side(), any_side(), any_ports()),
        packets in prop::collection::vec(draw(), PACKETS),
    ) {
        let Case { network, virtual_networks } = &case;
        let mut builder = Builder::new(network);
        let nsgs = (0..network.security_groups.len()).map(NsgIndex);
        let groups: Vec<_> = nsgs.map(|nsg| builder.add(nsg, VnetIndex(0), &virtual_networks[0])).collect();
        let policy = builder.compile().unwrap();
        let question = Question { protocol: asked.0, source: asked.1, destination: asked.2, destination_ports: asked.3 };
        let mut landmarks = Landmarks::of(&case);
        landmarks.ask(&case, &question);
        for direction in BOTH {
            answered(&case, &policy, &groups, direction, &question, &packets, &landmarks)?;
        }
    }
}

const QUESTIONED: [RuleProtocol; 4] =
    [RuleProtocol::Any, RuleProtocol::Tcp, RuleProtocol::Udp, RuleProtocol::Icmp];

fn answered(
    case: &Case,
    policy: &Policy,
    groups: &[GroupId],
    direction: Direction,
    question: &Question,
    packets: &[Draw],
    landmarks: &Landmarks,
) -> Result<(), TestCaseError> {
    let expansion = policy.expansion(&case.network, groups[0]).unwrap();
    let traffic = policy.traffic(&expansion, direction, question).unwrap();
    let [source, destination] =
        [&question.source, &question.destination].map(|side| expansion.of(side).unwrap());
    let holds = |side: &[IpNet], address: Address| side.iter().any(|it| it.contains(&address.ip()));
    let about = |tuple: &Tuple| {
        let protocol = match (question.protocol, tuple.protocol) {
            (RuleProtocol::Any, it) => match tuple.source.is_v4() {
                true => {
                    [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ESP, Protocol::AH].contains(&it)
                }
                false => [Protocol::TCP, Protocol::UDP, Protocol::ICMPV6, Protocol::ESP, Protocol::AH]
                    .contains(&it),
            },
            (RuleProtocol::Icmp, Protocol::ICMP) => tuple.source.is_v4(),
            (RuleProtocol::Icmp, Protocol::ICMPV6) => !tuple.source.is_v4(),
            (asked, it) => asked != RuleProtocol::Icmp && it == protocol(asked),
        };
        let port = match tuple.destination_port.filter(|_| tuple.protocol.has_ports()) {
            Some(port) => question.destination_ports.contains(port) && tuple.source_port.is_some(),
            None => {
                !tuple.protocol.has_ports()
                    && (question.destination_ports.is_full() || question.protocol == RuleProtocol::Icmp)
            }
        };
        let family = tuple.source.is_v4() == tuple.destination.is_v4();
        family && protocol && port && holds(&source, tuple.source) && holds(&destination, tuple.destination)
    };
    let platform = |tuple: &Tuple| {
        direction == Direction::Outbound
            && PLATFORM.map(net).iter().any(|it| it.contains(&tuple.destination.ip()))
    };
    let fates = policy.fates(groups, direction, &traffic);
    prop_assert!(fates.complete);
    prop_assert_eq!(traffic.is_empty(), fates.allowed.is_none() && fates.denied.is_none());
    let meaning = reference::Meaning {
        network: &case.network,
        vnet: VnetIndex(0),
        virtual_network: &case.virtual_networks[0],
    };
    let fate = |tuple: &Tuple| {
        let denied = groups.iter().any(|&group| {
            match reference::first_match(policy.rules(group, direction), direction, tuple, &meaning) {
                Some(Match::Rule(rule)) => rule.access == Access::Deny,
                Some(Match::Platform) => false,
                None => true,
            }
        });
        if denied { Access::Deny } else { Access::Allow }
    };
    for (sample, access) in [(fates.allowed, Access::Allow), (fates.denied, Access::Deny)] {
        if let Some(sample) = sample {
            prop_assert!(about(&sample), "{:?} is not asked about by {:?}", sample, question);
            prop_assert_eq!(fate(&sample), access, "{:?}", sample);
            if platform(&sample) {
                let others = packets.iter().map(|draw| draw.tuple(landmarks));
                let mut others = others.filter(|tuple| about(tuple) && !platform(tuple));
                prop_assert!(others.all(|tuple| fate(&tuple) != access), "{:?} {:?}", sample, question);
            }
        }
    }
    for draw in packets {
        let tuple = draw.tuple(landmarks);
        if !about(&tuple) {
            continue;
        }
        match fate(&tuple) {
            Access::Allow => prop_assert!(fates.allowed.is_some(), "{:?}", tuple),
            Access::Deny => prop_assert!(fates.denied.is_some(), "{:?}", tuple),
        }
        if platform(&tuple) {
            continue;
        }
        prop_assert!(!traffic.is_platforms(), "{:?}", tuple);
        for &group in groups {
            let held = policy.fields_held(group, direction, &traffic);
            // Where one rule is said to decide, it holds the packet, and what is decided is what it says.
            if let Some(decider) = policy.decider(group, direction, &traffic) {
                let rule = policy.rule(group, direction, decider).unwrap();
                prop_assert!(held[usize::from(decider.0)].all(), "{:?} {:?}", rule, question);
                let rules = policy.rules(group, direction);
                let first = reference::first_match(rules, direction, &tuple, &meaning);
                let access = match first {
                    Some(Match::Rule(first)) => Some(first.access),
                    _ => None,
                };
                prop_assert_eq!(access, Some(rule.access), "{:?} {:?}", tuple, question);
            }
            for (held, rule) in held.iter().zip(policy.rules(group, direction)) {
                let one = reference::field_matches(rule, &tuple, &meaning);
                for (all, one) in fields(held).into_iter().zip(fields(&one)) {
                    prop_assert!(!all || one, "{:?} {:?} {:?}", rule, tuple, held);
                }
            }
        }
    }
    Ok(())
}

fn fields(held: &FieldMatches) -> [bool; 5] {
    [held.protocol, held.source, held.source_port, held.destination, held.destination_port]
}

/// No rule holds these outbound but those that name their tags.
const PLATFORM: [&str; 2] = ["168.63.129.16/32", "169.254.169.254/32"];

/// A network with its NSGs, and two meanings of VirtualNetwork.
#[derive(Clone, Debug)]
struct Case {
    network: Network,
    virtual_networks: [Vec<IpNet>; 2],
}

fn case(rules: std::ops::Range<usize>) -> impl Strategy<Value = Case> {
    let groups = prop::collection::vec(prop::collection::vec(any_rule(), rules), 1..3);
    let members = prop::collection::vec((any_address(), prop::collection::vec(0..ASGS, 0..3)), 0..8);
    let tags = prop::collection::vec(prop::collection::vec(any_prefix(), 0..6), TAGS);
    let virtual_network = || prop::collection::vec(any_prefix(), 0..3);
    let peered = [virtual_network(), virtual_network()];
    (groups, members, tags, virtual_network(), virtual_network(), any::<[bool; 2]>(), peered).prop_map(
        |(groups, members, tags, one, two, connected, peered)| {
            let named = tags.into_iter().enumerate().map(|(nth, prefixes)| NamedTag {
                name: format!("Tag{nth}").into(),
                prefixes,
                usable_in_nsg: true,
                ..NamedTag::default()
            });
            let half = |nth: usize| Peering {
                name: "half".into(),
                remote: VnetIndex(1 - nth),
                address_space: peered[nth].clone(),
                connected: connected[nth],
                virtual_network_access: false,
                gateway_transit: false,
                remote_gateways: false,
            };
            let vnet = |nth: usize| VirtualNetwork {
                id: nth.to_string().into(),
                name: nth.to_string().into(),
                address_space: Vec::new(),
                subnets: Vec::new(),
                peerings: vec![half(nth)],
                peers_elsewhere: Vec::new(),
            };
            let network = Network {
                virtual_networks: vec![vnet(0), vnet(1)],
                security_groups: groups.into_iter().map(|rules| nsg("nsg", rules)).collect(),
                application_security_groups: (0..ASGS).map(|nth| asg(&format!("asg{nth}"))).collect(),
                network_interfaces: members.iter().enumerate().map(member).collect(),
                service_tags: Arc::new(ServiceTags::new(named.collect())),
                ..Network::default()
            };
            Case { network, virtual_networks: [one, two] }
        },
    )
}

fn any_rule() -> impl Strategy<Value = SecurityRule> {
    use RuleProtocol::{Ah, Any, Esp, Icmp, Tcp, Udp};
    (
        100..=4096_u16,
        select(BOTH.to_vec()),
        select(vec![Access::Allow, Access::Deny]),
        select(vec![Any, Any, Tcp, Tcp, Udp, Icmp, Esp, Ah]),
        (any_side(), any_ports()),
        (any_side(), any_ports()),
    )
        .prop_map(|(priority, direction, access, protocol, from, to)| SecurityRule {
            name: format!("rule-{priority}").into(),
            default: false,
            priority,
            direction,
            access,
            protocol,
            source: from.0,
            source_ports: from.1,
            destination: to.0,
            destination_ports: to.1,
        })
}

fn any_side() -> impl Strategy<Value = AddressMatch> {
    let special = vec![
        ServiceTag::VirtualNetwork,
        ServiceTag::AzureLoadBalancer,
        ServiceTag::Internet,
        ServiceTag::AzurePlatformDns,
        ServiceTag::AzurePlatformImds,
        ServiceTag::AzurePlatformLkm,
    ];
    prop_oneof![
        3 => Just(AddressMatch::Any),
        5 => prop::collection::vec(any_prefix(), 0..4).prop_map(AddressMatch::Prefixes),
        2 => select(special).prop_map(AddressMatch::Tag),
        1 => (0..TAGS).prop_map(|nth| AddressMatch::Tag(ServiceTag::Named(TagIndex(nth)))),
        1 => prop::collection::vec((0..ASGS).prop_map(AsgIndex), 0..3)
            .prop_map(AddressMatch::ApplicationSecurityGroups),
    ]
}

fn any_ports() -> impl Strategy<Value = PortSet> {
    let end = || prop_oneof![select(vec![0, 1, 53, 80, 443, 1688, 65_534, 65_535]), any::<u16>()];
    let range = (end(), end()).prop_map(|(a, b)| a.min(b)..=a.max(b));
    let single = end().prop_map(|port| port..=port);
    prop_oneof![
        2 => Just(PortSet::full()),
        1 => prop::collection::vec(prop_oneof![range, single], 0..4).prop_map(PortSet::from_ranges),
    ]
}

fn any_prefix() -> impl Strategy<Value = IpNet> {
    let six = vec![0, 1, 3, 32, 48, 64, 95, 96, 97, 126, 127, 128];
    (any_address(), select(vec![0, 1, 8, 15, 16, 17, 23, 24, 25, 30, 31, 32]), select(six)).prop_map(
        |(address, four, six)| {
            let length = if address.is_ipv4() { four } else { six };
            IpNet::new(address, length).unwrap().trunc()
        },
    )
}

/// A member of application security groups, in one of two VNets by turns.
fn member((nth, (ip, asgs)): (usize, &(IpAddr, Vec<usize>))) -> NetworkInterface {
    let mut member = nic(&ip.to_string(), asgs);
    member.ip_configurations.iter_mut().for_each(|own| own.subnet.vnet = VnetIndex(nth % 2));
    member
}

/// Few enough places that prefixes, members and packets meet.
fn any_address() -> impl Strategy<Value = IpAddr> {
    let four = vec![
        0,
        0x0a00_0000,
        0x0a00_0100,
        0x0aff_ff00,
        0x0b00_0000,
        0x14c8_0000,
        0x7fff_ff00,
        0x8000_0000,
        0xa83f_8100,
        0xa9fe_a900,
        0xac10_0000,
        0xc0a8_0000,
        0xe000_0000,
        0xffff_ff00,
    ];
    let six = vec![
        0,
        0xffff_0000_0000,
        0x1_0000_0000_0000,
        0x2000_u128 << 112,
        0x2001_0db8_u128 << 96,
        (0x2001_0db8_u128 << 96) | (1 << 64),
        0x3fff_u128 << 112,
        0xfe80_u128 << 112,
        0xffff_u128 << 112,
    ];
    prop_oneof![
        3 => (select(four), 0..256_u32).prop_map(|(base, low)| Ipv4Addr::from_bits(base | low).into()),
        2 => (select(six), 0..4_u128).prop_map(|(base, low)| Ipv6Addr::from_bits(base | low).into()),
    ]
}

/// Where the sets of a case, and of each of its rules, begin and end.
struct Landmarks {
    all: Marks,
    rules: Vec<Marks>,
}

struct Marks {
    protocol: Option<Protocol>,
    /// Of the source side and of the destination side.
    addresses: [Vec<(u128, u128)>; 2],
    ports: [Vec<(u16, u16)>; 2],
}

impl Landmarks {
    fn of(case: &Case) -> Self {
        let rules: Vec<Marks> = case
            .network
            .security_groups
            .iter()
            .flat_map(|group| &group.rules)
            .map(|rule| Marks {
                protocol: Some(protocol(rule.protocol)),
                addresses: [&rule.source, &rule.destination].map(|side| ranges(&case.prefixes(side))),
                ports: [&rule.source_ports, &rule.destination_ports]
                    .map(|set| set.ranges().map(|range| range.into_inner()).collect()),
            })
            .collect();
        let well_known = ["168.63.129.16/32", "169.254.169.254/32", "10.0.0.0/8", "100.64.0.0/10", "::/0"];
        let mut addresses = ranges(&well_known.map(net));
        let mut ports = vec![(0, 0), (53, 53), (80, 80), (1688, 1688), (u16::MAX, u16::MAX)];
        for rule in &rules {
            addresses.extend(rule.addresses.iter().flatten());
            ports.extend(rule.ports.iter().flatten());
        }
        let both = |marks: Vec<_>| [marks.clone(), marks];
        let all = Marks { protocol: None, addresses: both(addresses), ports: [ports.clone(), ports] };
        Self { all, rules }
    }
}

impl Landmarks {
    /// Aims at a question too, as though it were a rule.
    fn ask(&mut self, case: &Case, question: &Question) {
        let asked = Marks {
            protocol: None,
            addresses: [&question.source, &question.destination].map(|side| ranges(&case.prefixes(side))),
            ports: [&PortSet::full(), &question.destination_ports]
                .map(|set| set.ranges().map(|range| range.into_inner()).collect()),
        };
        for _ in 0..=self.rules.len() {
            self.rules.push(Marks {
                protocol: None,
                addresses: asked.addresses.clone(),
                ports: asked.ports.clone(),
            });
        }
    }
}

impl Case {
    /// Prefixes at whose ends the membership in `side` may change.
    fn prefixes(&self, side: &AddressMatch) -> Vec<IpNet> {
        let nics = self.network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
        match side {
            AddressMatch::Any => ["0.0.0.0/0", "::/0"].map(net).to_vec(),
            AddressMatch::Prefixes(prefixes) => prefixes.clone(),
            AddressMatch::ApplicationSecurityGroups(_) => {
                nics.filter_map(|member| member.private_address).map(IpNet::from).collect()
            }
            AddressMatch::Tag(ServiceTag::VirtualNetwork) => self.virtual_networks.concat(),
            AddressMatch::Tag(ServiceTag::Internet) => {
                ["11.0.0.0/8", "128.0.0.0/3", "2000::/3"].map(net).to_vec()
            }
            AddressMatch::Tag(ServiceTag::AzurePlatformImds) => vec![net("169.254.169.254/32")],
            AddressMatch::Tag(ServiceTag::AzurePlatformLkm) => {
                ["23.102.135.246/32", "20.118.99.224/32", "40.83.235.53/32"].map(net).to_vec()
            }
            AddressMatch::Tag(ServiceTag::Named(index)) => {
                self.network.service_tags.get(*index).unwrap().prefixes.clone()
            }
            AddressMatch::Tag(ServiceTag::AzureLoadBalancer | ServiceTag::AzurePlatformDns) => {
                vec![net("168.63.129.16/32")]
            }
        }
    }
}

fn ranges(prefixes: &[IpNet]) -> Vec<(u128, u128)> {
    let bits = |ip: IpAddr| Address::from(ip).bits();
    prefixes.iter().map(|prefix| (bits(prefix.network()), bits(prefix.broadcast()))).collect()
}

fn protocol(rule: RuleProtocol) -> Protocol {
    match rule {
        RuleProtocol::Any | RuleProtocol::Tcp => Protocol::TCP,
        RuleProtocol::Udp => Protocol::UDP,
        RuleProtocol::Icmp => Protocol::ICMP,
        RuleProtocol::Esp => Protocol::ESP,
        RuleProtocol::Ah => Protocol::AH,
    }
}

/// A packet to be drawn when the policy is known.
#[derive(Clone, Debug)]
struct Draw {
    /// The rule that it aims at, or none.
    aim: Option<Index>,
    protocol: u8,
    addresses: [Place; 2],
    ports: [Place; 2],
    /// Whether it is a question about any port.
    any_port: bool,
}

/// At an edge of one of the sets, just beside it, inside one, or anywhere.
#[derive(Clone, Debug)]
enum Place {
    Edge { of: Index, last: bool, beside: i8 },
    Inside { of: Index, offset: u64 },
    Four(u32),
    Six(u128),
}

fn draw() -> impl Strategy<Value = Draw> {
    let protocol = prop_oneof![6 => select(vec![6, 6, 17, 1, 50, 51, 58]), 1 => any::<u8>()];
    let aim = prop::option::weighted(0.7, any::<Index>());
    let places = || [any_place(), any_place()];
    (aim, protocol, places(), places(), prop::bool::weighted(0.1)).prop_map(
        |(aim, protocol, addresses, ports, any_port)| Draw { aim, protocol, addresses, ports, any_port },
    )
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        12 => (any::<Index>(), any::<bool>(), select(vec![0, 0, 0, 0, -1, 1]))
            .prop_map(|(of, last, beside)| Place::Edge { of, last, beside }),
        6 => (any::<Index>(), any::<u64>()).prop_map(|(of, offset)| Place::Inside { of, offset }),
        1 => any::<u32>().prop_map(Place::Four),
        1 => any::<u128>().prop_map(Place::Six),
    ]
}

impl Draw {
    fn tuple(&self, landmarks: &Landmarks) -> Tuple {
        let aim = self.aim.filter(|_| !landmarks.rules.is_empty());
        let marks = aim.map_or(&landmarks.all, |aim| aim.get(&landmarks.rules));
        let address = |side: usize| self.addresses[side].address(&marks.addresses[side]);
        let port = |side: usize| (!self.any_port).then(|| self.ports[side].port(&marks.ports[side]));
        Tuple {
            protocol: marks.protocol.unwrap_or(Protocol(self.protocol)),
            source: address(0),
            source_port: port(0),
            destination: address(1),
            destination_port: port(1),
        }
    }
}

impl Place {
    fn address(&self, marks: &[(u128, u128)]) -> Address {
        let bits = match self {
            Place::Four(bits) => Address::from_v4_bits(*bits).bits(),
            Place::Six(bits) => *bits,
            Place::Edge { .. } | Place::Inside { .. } if marks.is_empty() => 0,
            Place::Edge { of, last, beside } => {
                let &(first, end) = of.get(marks);
                (if *last { end } else { first }).wrapping_add_signed(i128::from(*beside))
            }
            Place::Inside { of, offset } => {
                let &(first, end) = of.get(marks);
                first + u128::from(*offset) % (end - first).saturating_add(1)
            }
        };
        Ipv6Addr::from_bits(bits).into()
    }

    fn port(&self, marks: &[(u16, u16)]) -> u16 {
        match self {
            Place::Four(bits) => *bits as u16,
            Place::Six(bits) => *bits as u16,
            Place::Edge { .. } | Place::Inside { .. } if marks.is_empty() => 0,
            Place::Edge { of, last, beside } => {
                let &(first, end) = of.get(marks);
                (if *last { end } else { first }).wrapping_add_signed(i16::from(*beside))
            }
            Place::Inside { of, offset } => {
                let &(first, end) = of.get(marks);
                first + (offset % (u64::from(end - first) + 1)) as u16
            }
        }
    }
}
