//! From ways through the diagram to regions that people can read, each with one packet.

use crate::diagram::{CLOSED, Diagram, Domain, NodeId, OPENED, SAME};
use crate::line::{
    DESTINATION, DESTINATION_PORT, FIELDS, PROTOCOL, PROTOCOL_KINDS, SOURCE, SOURCE_PORT, carried,
};
use crate::space::{Space, platform};
use crate::symbol::{World, host};
use crate::text::{self, Given};
use ipnet::IpNet;
use model::Access;
use packet::{Address, Protocol};
use policy::{IPV4, KINDS, Ranges, Tuple};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

/// Packets that two policies decide differently: any protocol, address and port of the region, in any combination that
/// a packet can have. Regions of one comparison have no packet in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// The protocols: a bit for each of [`KINDS`], of which `None` is ICMPv6.
    pub protocols: u8,
    /// The senders.
    pub source: Place,
    /// The senders' ports; full for protocols without.
    pub source_ports: Ranges,
    /// The receivers.
    pub destination: Place,
    /// The receivers' ports; full for protocols without.
    pub destination_ports: Ranges,
    /// What the old policy says.
    pub old: Access,
    /// What the new policy says.
    pub new: Access,
    /// One packet of the region.
    pub witness: Tuple,
    /// Who decides over the witness in the old policy.
    pub old_rule: Option<Decider>,
    /// Who decides over the witness in the new policy.
    pub new_rule: Option<Decider>,
}

/// The addresses of one side of a region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The addresses.
    pub addresses: Ranges,
    /// The name of the tag that holds exactly these, where it is shorter.
    pub name: Option<Arc<str>>,
    /// What is supposed of them where the documents leave it open, such as `outside VirtualNetwork`.
    pub given: Option<String>,
}

/// A rule that decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decider {
    /// The network security group.
    pub nsg: Arc<str>,
    /// The rule.
    pub rule: Arc<str>,
}

/// One way through the diagram: for each field its classes, `None` for all.
pub(crate) type Way = [Option<Vec<u32>>; FIELDS];

/// How many ways lead from a node to a difference.
pub(crate) fn count(diagram: &Diagram<'_>, node: NodeId, known: &mut HashMap<NodeId, u64>) -> u64 {
    match node {
        SAME => 0,
        OPENED | CLOSED => 1,
        _ => {
            if let Some(&count) = known.get(&node) {
                return count;
            }
            let edges = diagram.node(node).map(|node| node.edges.as_slice()).unwrap_or_default();
            let ways =
                edges.iter().fold(0_u64, |sum, (_, next)| sum.saturating_add(count(diagram, *next, known)));
            known.insert(node, ways);
            ways
        }
    }
}

/// The first `limit` ways.
pub(crate) fn ways(diagram: &Diagram<'_>, node: NodeId, limit: usize) -> Vec<(Way, NodeId)> {
    let mut found = Vec::new();
    walk(diagram, node, &mut Way::default(), limit, &mut found);
    found
}

fn walk(diagram: &Diagram<'_>, node: NodeId, way: &mut Way, limit: usize, found: &mut Vec<(Way, NodeId)>) {
    if found.len() >= limit || node == SAME {
        return;
    }
    if matches!(node, OPENED | CLOSED) {
        found.push((way.clone(), node));
        return;
    }
    let Some(node) = diagram.node(node) else { return };
    for (classes, next) in &node.edges {
        way[node.field] = Some(classes.clone());
        walk(diagram, *next, way, limit, found);
    }
    way[node.field] = None;
}

/// The regions of a way: one for each supposition on each side.
pub(crate) fn regions(
    space: &Space,
    domain: &Domain,
    way: &Way,
    end: NodeId,
    tables: [&[(usize, Arc<str>)]; 2],
) -> Vec<Region> {
    let (old, new) =
        if end == OPENED { (Access::Deny, Access::Allow) } else { (Access::Allow, Access::Deny) };
    let classes: [Vec<u32>; FIELDS] =
        std::array::from_fn(|field| way[field].clone().unwrap_or_else(|| domain.classes(field)));
    let protocols = classes[PROTOCOL].iter().fold(0, |bits, class| bits | 1 << class);
    let whole = |field: usize| way[field].is_none() && domain.is_full(field);
    let ports = |field: usize| match space.lines[field].values(&classes[field], 0) {
        some if !whole(field) && !some.is_empty() => some,
        // Protocols without ports have no values.
        _ => Ranges::of_ports(&model::PortSet::full()),
    };
    let families = families(space, &classes);
    let places = |field: usize| places(space, field, &classes[field], whole(field), families);
    let mut regions = Vec::new();
    let destinations = places(DESTINATION);
    for (source, source_worlds) in places(SOURCE) {
        for (destination, destination_worlds) in &destinations {
            let sides = [(SOURCE, &source_worlds[..]), (DESTINATION, destination_worlds)];
            let Some((witness, chosen)) = witness(space, &classes, sides) else { continue };
            let [old_rule, new_rule] = tables.map(|tables| decider(space, tables, &chosen));
            regions.push(Region {
                protocols: protocols & carried(source.families(destination)),
                source: source.clone(),
                source_ports: ports(SOURCE_PORT),
                destination: destination.clone(),
                destination_ports: ports(DESTINATION_PORT),
                old,
                new,
                witness,
                old_rule,
                new_rule,
            });
        }
    }
    regions
}

impl Place {
    /// The families in which packets go from here to another place.
    pub(crate) fn families(&self, to: &Self) -> [bool; 2] {
        let four = Ranges::union([IPV4]);
        [&Ranges::every_address().minus(&four), &four]
            .map(|other| [self, to].into_iter().all(|place| !place.addresses.minus(other).is_empty()))
    }
}

/// The families of packets that have some classes.
fn families(space: &Space, classes: &[Vec<u32>; FIELDS]) -> [bool; 2] {
    let any = |field: usize, is: &dyn Fn(usize) -> bool| {
        classes[field].iter().any(|class| is(space.lines[field].classes[*class as usize].kind))
    };
    [0, 1].map(|family| {
        let is_it = |kind| kind == family;
        any(SOURCE, &is_it)
            && any(DESTINATION, &is_it)
            && any(PROTOCOL, &|kind| PROTOCOL_KINDS[kind].1.contains(&family))
    })
}

/// The classes of one side, grouped by what is supposed of them; each group with its worlds. Only addresses of the packets'
/// families count, so a name that holds more of another one may stand for them.
fn places(
    space: &Space,
    field: usize,
    classes: &[u32],
    whole: bool,
    kinds: [bool; 2],
) -> Vec<(Place, Vec<usize>)> {
    let line = &space.lines[field];
    if whole {
        let world = space.worlds.len().min(2) - 1;
        let every = Place { addresses: Ranges::every_address(), name: None, given: None };
        return vec![(every, vec![world])];
    }
    let counts = |class: &u32| kinds[line.classes[*class as usize].kind];
    let classes: Vec<u32> = classes.iter().copied().filter(counts).collect();
    // Outside VirtualNetwork there is no host, so it does not count in telling worlds apart.
    let host = host();
    let mut groups: Vec<(Ranges, Ranges, Vec<usize>)> = Vec::new();
    for world in 0..space.worlds.len() {
        let values = line.values(&classes, world);
        if values.is_empty() {
            continue;
        }
        let bare = values.minus(&host);
        match groups.iter_mut().find(|(known, ..)| *known == bare) {
            Some((_, all, worlds)) => {
                *all = Ranges::union(all.as_slice().iter().chain(values.as_slice()).copied());
                worlds.push(world);
            }
            None => groups.push((bare, values, vec![world])),
        }
    }
    let name = space.name_of(field, &classes, kinds);
    let every = match kinds {
        [true, false] => Ranges::union([IPV4]),
        [false, true] => Ranges::every_address().minus(&Ranges::union([IPV4])),
        _ => Ranges::every_address(),
    };
    groups
        .into_iter()
        .map(|(_, addresses, worlds)| {
            let supposed: Vec<&World> = worlds.iter().filter_map(|world| space.worlds.get(*world)).collect();
            let place = match text::given(&supposed, &space.worlds) {
                // Everything that is inside, or a member, has a name of its own.
                Given::Named(name) if every.minus(&addresses).is_empty() => {
                    Place { addresses, name: Some(name.into()), given: None }
                }
                Given::Named(name) => Place { addresses, name: None, given: Some(format!("in {name}")) },
                Given::Other(given) => Place { addresses, name: name.clone(), given: Some(given) },
                Given::Nothing => Place { addresses, name: name.clone(), given: None },
            };
            (place, worlds)
        })
        .collect()
}

/// A packet of some classes, and the class of each of its fields.
fn witness(
    space: &Space,
    classes: &[Vec<u32>; FIELDS],
    sides: [(usize, &[usize]); 2],
) -> Option<(Tuple, [u32; FIELDS])> {
    let mut chosen = [0; FIELDS];
    for family in 0..2 {
        let of = |(field, worlds): (usize, &[usize])| {
            let line = &space.lines[field];
            let fits = |class: &&u32| {
                line.classes
                    .get(**class as usize)
                    .is_some_and(|it| it.kind == family && worlds.contains(&it.world))
            };
            classes[field].iter().filter(fits).copied().collect::<Vec<u32>>()
        };
        let [sources, destinations] = sides.map(of);
        let spoken = classes[PROTOCOL].iter().copied().find(|class| {
            let line = &space.lines[PROTOCOL];
            line.classes.get(*class as usize).is_some_and(|it| PROTOCOL_KINDS[it.kind].1.contains(&family))
        });
        let Some(protocol) = spoken.filter(|_| !sources.is_empty() && !destinations.is_empty()) else {
            continue;
        };
        let (destination, class) = address(space, DESTINATION, &destinations, None)?;
        chosen[DESTINATION] = class;
        let (source, class) = address(space, SOURCE, &sources, Some(destination))?;
        chosen[SOURCE] = class;
        chosen[PROTOCOL] = protocol;
        let protocol = KINDS.get(protocol as usize).copied().flatten().unwrap_or(Protocol::ICMPV6);
        let mut port = |field: usize, wanted: u128| {
            let line = &space.lines[field];
            let kind = usize::from(!protocol.has_ports());
            let fits = |class: &&u32| line.classes.get(**class as usize).is_some_and(|it| it.kind == kind);
            let fitting: Vec<u32> = classes[field].iter().filter(fits).copied().collect();
            let ranges = |class: u32| &line.classes[class as usize].ranges;
            // No program listens at port 0.
            let first = |ranges: &Ranges| ranges.minus(&Ranges::union([(0, 0)])).as_slice().first().copied();
            let holds = |class: &&u32| ranges(**class).contains(wanted);
            let is_ordinary = |class: &&u32| first(ranges(**class)).is_some();
            let class = fitting.iter().find(holds).or_else(|| fitting.iter().find(is_ordinary));
            let class = *class.or(fitting.first())?;
            chosen[field] = class;
            let ranges = ranges(class);
            let first = first(ranges).or(ranges.as_slice().first().copied()).map(|range| range.0);
            let port = if ranges.contains(wanted) { Some(wanted) } else { first };
            Some(port.and_then(|port| u16::try_from(port).ok()))
        };
        let tuple = Tuple {
            protocol,
            source,
            source_port: port(SOURCE_PORT, 50_000)?,
            destination,
            destination_port: port(DESTINATION_PORT, 443)?,
        };
        return Some((tuple, chosen));
    }
    None
}

/// The most ordinary address of some classes, if it can be another than `other`, and its class.
fn address(space: &Space, field: usize, classes: &[u32], other: Option<Address>) -> Option<(Address, u32)> {
    // Documentation addresses (RFC 5737, RFC 3849) stand for anybody.
    let anybody =
        [Address::from_v4_bits(0xcb00_7109).bits(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9).to_bits()];
    let line = &space.lines[field];
    let mut first = None;
    for unwanted in &*UNWANTED {
        for &class in classes {
            let ranges = line.classes.get(class as usize)?.ranges.minus(unwanted);
            let mut candidates: Vec<u128> = anybody.into_iter().filter(|it| ranges.contains(*it)).collect();
            for &(start, end) in ranges.as_slice().iter().take(2) {
                // Hosts of a subnet begin at its fifth address.
                candidates.extend([4, 0, 1].map(|step| start.saturating_add(step).min(end)));
            }
            for candidate in candidates {
                let found = (Address::from(Ipv6Addr::from_bits(candidate)), class);
                if other != Some(found.0) {
                    return Some(found);
                }
                first = first.or(Some(found));
            }
        }
    }
    first
}

/// What an example avoids while it can, less each time: what no packet between networks is sent from or to (RFC 6890), the
/// platform's addresses, and those that carriers share (RFC 6598); the same without the last; nothing.
static UNWANTED: LazyLock<[Ranges; 3]> = LazyLock::new(|| {
    let v4 = |bytes: [u8; 4], length| IpNet::new(IpAddr::from(bytes), length);
    let v6 = |first: u16, length| IpNet::new(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0).into(), length);
    let never = [
        v4([0, 0, 0, 0], 8),
        v4([127, 0, 0, 0], 8),
        v4([169, 254, 0, 0], 16),
        v4([224, 0, 0, 0], 3),
        v6(0, 8),
        v6(0xfe80, 10),
        v6(0xff00, 8),
    ];
    let never = Ranges::of_prefixes(&never.into_iter().flatten().collect::<Vec<_>>());
    let never = Ranges::union(never.as_slice().iter().chain(platform().as_slice()).copied());
    let shared = v4([100, 64, 0, 0], 10).map(|it| Ranges::of_prefixes([&it])).unwrap_or_default();
    let both = Ranges::union(never.as_slice().iter().chain(shared.as_slice()).copied());
    [both, never, Ranges::default()]
});

/// The rule that decides over a packet at the first group that denies it, or at the last one.
fn decider(space: &Space, tables: &[(usize, Arc<str>)], chosen: &[u32; FIELDS]) -> Option<Decider> {
    let mut decider = None;
    for (table, nsg) in tables {
        let rules = &space.tables.get(*table)?.rules;
        let first = rules.iter().find(|rule| space.holds(rule, chosen))?;
        let rule = first.rule.as_ref().map(|rule| Arc::clone(&rule.name));
        // The platform allows without a rule, and so does what is closed by default deny.
        decider = rule.map(|rule| Decider { nsg: Arc::clone(nsg), rule }).or(decider);
        if first.access == Access::Deny {
            break;
        }
    }
    decider
}
