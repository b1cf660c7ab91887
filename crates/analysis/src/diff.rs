//! The difference of two networks.

use crate::compare::Sides;
use crate::diagram::{Diagram, NodeId};
use crate::limits::{Error, MAX_STEPS, Steps};
use crate::line::{DESTINATION, FIELDS, FULL, SOURCE};
use crate::matching::{Matched, pair, views};
use crate::reach::{self, ReachChange};
use crate::region::{Region, Way, count, regions, ways};
use crate::space::{Builder, Space};
use crate::symbol::View;
use ipnet::IpNet;
use model::{Direction, IpConfiguration, NetworkInterface, NsgIndex, PublicIpSku, Vantage};
use policy::Ranges;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// A network to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    /// The network.
    pub network: &'a model::Network,
    /// What VirtualNetwork holds from each vantage of the network: see [`policy::Builder::add`].
    pub virtual_networks: &'a BTreeMap<Vantage, Vec<IpNet>>,
    /// What is on premises behind the gateway that each virtual network has or uses, in the model's order; empty where
    /// there is none, or nobody knows.
    pub on_premises: &'a [Vec<IpNet>],
}

/// How much is answered, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most regions in the answer, and the most gains and losses of reach; the rest is counted.
    pub regions: usize,
    /// The most steps for one comparison; all together may take four times as many.
    pub steps: u64,
    /// How many of these may go into the search for the broadest regions. Where they do not suffice, each changed rule's
    /// packets are taken apart by themselves.
    pub broad_steps: u64,
}

/// What two networks decide differently.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// By NIC or network security group, and direction.
    pub differences: Vec<Difference>,
    /// What only one network has, so that it can not be compared.
    pub only: Vec<Only>,
    /// What is reached in one network alone, whatever the rules say.
    pub reach: Vec<ReachChange>,
    /// How many more gains and losses of reach there are.
    pub more_reach: u64,
}

/// What is decided differently at one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Whose packets.
    pub subject: Subject,
    /// Which way they go.
    pub direction: Direction,
    /// The first regions.
    pub regions: Vec<Region>,
    /// How many more there are.
    pub more: u64,
    /// Whether these are all; if not, the rules overlap in too many ways to find every region within the limits.
    pub is_complete: bool,
    /// The groups of both networks whose rules decide, each once.
    pub groups: Vec<Arc<str>>,
}

/// Whose packets are compared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    /// A network interface's, judged by its subnet's group and its own together.
    Nic(Arc<str>),
    /// Those of a network security group that guards no network interface.
    Nsg(Arc<str>),
}

/// What only one of both networks has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Only {
    /// What it is, such as `network interface web1-nic`.
    pub what: String,
    /// Which network has it.
    pub side: OnlyIn,
}

/// One of both networks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnlyIn {
    /// The old one.
    Old,
    /// The new one.
    New,
}

/// The regions that are answered unless more are asked for.
const REGIONS: usize = 100;

const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

impl Default for Limits {
    fn default() -> Self {
        Self { regions: REGIONS, steps: MAX_STEPS, broad_steps: MAX_STEPS / 4 }
    }
}

impl Diff {
    /// Whether the rules of both networks decide alike over every packet, neither has anything that the other has not, and
    /// the same is reached in both.
    pub fn is_equal(&self) -> bool {
        let is_reach_equal = self.reach.is_empty() && self.more_reach == 0;
        self.differences.is_empty() && self.only.is_empty() && is_reach_equal
    }
}

/// What two networks decide differently.
///
/// Where a network has NICs, each is compared with the NIC of its id or name, its subnet's group and its own together,
/// for the packets to and from its own addresses (of a NIC whose address is open, for all of its subnet). Network
/// security groups that guard no NIC are compared by themselves: as each subnet sees them that both guard, or else with
/// what VirtualNetwork holds left open, as the members of application security groups without any. Those without a partner
/// are paired where their rules are the same in all but name; where then a single one on each side has none, they are
/// compared whatever their names.
///
/// Beside the rules, what each NIC reaches is compared: its virtual network and those that are peered with it, the sites
/// on premises, its public addresses, and the user-defined routes of its subnet; in a virtual network without NICs, what
/// they would reach, user-defined routes left out.
///
/// # Errors
/// Tags that are not loaded. A comparison that does not end within the limits is told as one that is not complete.
///
/// # Cost
/// Only packets that a changed rule holds are looked at, one that is not in both lists in the same order. Two lists of 1,000
/// rules that differ in one are compared in some milliseconds, beside cutting the prefixes of all tags.
pub fn diff(old: &Network<'_>, new: &Network<'_>, limits: &Limits) -> Result<Diff, Error> {
    let sides = (old, new);
    let (old, new) = (&Seen::new(*old), &Seen::new(*new));
    let mut comparison = Comparison {
        old,
        new,
        limits,
        left: limits.regions,
        steps: limits.steps.saturating_mul(4),
        found: Diff::default(),
    };
    let nics =
        pair(&old.network.network_interfaces, &new.network.network_interfaces, |nic| (&nic.id, &nic.name));
    comparison.nics(&nics)?;
    comparison.groups()?;
    let (reach, more_reach) = reach::changes(sides.0, sides.1, &nics, limits.regions);
    Ok(Diff { reach, more_reach, ..comparison.found })
}

/// The rules before an address of a NIC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Stack {
    from: Vantage,
    subnet_group: Option<NsgIndex>,
    nic_group: Option<NsgIndex>,
    /// Nothing guards it but the kind of its public address.
    closed: bool,
}

/// Addresses of one NIC that meet the same rules.
#[derive(Clone, Debug)]
struct Unit {
    nic: usize,
    addresses: Ranges,
}

struct Comparison<'a> {
    old: &'a Seen<'a>,
    new: &'a Seen<'a>,
    limits: &'a Limits,
    /// How many more regions may be answered.
    left: usize,
    /// How many steps all comparisons together may still take.
    steps: u64,
    found: Diff,
}

/// Lists of rules in a space, by their order, with the names of their groups.
type Tables = Vec<(usize, Arc<str>)>;

impl Comparison<'_> {
    fn nics(&mut self, matched: &Matched) -> Result<(), Error> {
        let (old, new) = (self.old.network, self.new.network);
        let mut stacks: Vec<((Stack, Stack), Vec<Unit>)> = Vec::new();
        let mut places: HashMap<(Stack, Stack), usize> = HashMap::new();
        for &(old_nic, new_nic) in &matched.pairs {
            let here = &old.network_interfaces[old_nic];
            let (olds, news) = (locals(old, here), locals(new, &new.network_interfaces[new_nic]));
            for (addresses, old_stack) in &olds {
                for (others, new_stack) in &news {
                    let shared = addresses.minus(&addresses.minus(others));
                    if shared.is_empty() {
                        continue;
                    }
                    let place = *places.entry((*old_stack, *new_stack)).or_insert_with(|| {
                        stacks.push(((*old_stack, *new_stack), Vec::new()));
                        stacks.len() - 1
                    });
                    stacks[place].1.push(Unit { nic: old_nic, addresses: shared });
                }
            }
            let all = |side: &[(Ranges, Stack)]| {
                Ranges::union(side.iter().flat_map(|(addresses, _)| addresses.as_slice().iter().copied()))
            };
            let (olds, news) = (all(&olds), all(&news));
            for (rest, side) in [(olds.minus(&news), OnlyIn::Old), (news.minus(&olds), OnlyIn::New)] {
                if !rest.is_empty() {
                    let what = format!(
                        "address {} of network interface {}",
                        crate::text::addresses(&rest),
                        here.name
                    );
                    self.found.only.push(Only { what, side });
                }
            }
        }
        for (list, places, side) in [
            (&old.network_interfaces, &matched.old, OnlyIn::Old),
            (&new.network_interfaces, &matched.new, OnlyIn::New),
        ] {
            let only = places.iter().filter_map(|&place| list.get(place));
            let what = only.map(|nic| format!("network interface {}", nic.name));
            self.found.only.extend(what.map(|what| Only { what, side }));
        }
        for direction in BOTH {
            for ((old, new), units) in &stacks {
                self.stack(direction, old, new, units)?;
            }
        }
        // People look for a NIC, not for the rules that it shares with others.
        let place = |subject: &Subject| match subject {
            Subject::Nic(name) => old.network_interfaces.iter().position(|nic| nic.name == *name),
            Subject::Nsg(_) => None,
        };
        self.found.differences.sort_by_key(|one| (place(&one.subject), one.direction));
        Ok(())
    }

    /// All NICs before which the same rules stand.
    fn stack(&mut self, direction: Direction, old: &Stack, new: &Stack, units: &[Unit]) -> Result<(), Error> {
        let mut builder = Builder::new();
        let local = if direction == Direction::Inbound { DESTINATION } else { SOURCE };
        let sides =
            [add(&mut builder, self.old, direction, old)?, add(&mut builder, self.new, direction, new)?];
        let locals: Vec<u32> =
            units.iter().map(|unit| builder.local(local, unit.addresses.clone())).collect();
        let name =
            |unit: &Unit| Subject::Nic(Arc::clone(&self.old.network.network_interfaces[unit.nic].name));
        let space = match builder.build() {
            Err(Error::TooComplex) => {
                let subjects: Vec<Subject> = units.iter().map(name).collect();
                subjects.into_iter().for_each(|subject| self.not_compared(subject, direction, &sides));
                return Ok(());
            }
            space => space?,
        };
        // Most of the time nothing has changed for anybody.
        let mut both = Both {
            sides: Sides::new(&space, &numbers(&sides[0]), &numbers(&sides[1]))?,
            names: &sides,
            is_simple: true,
        };
        match self.is_same(&space, &both.sides) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(_) => both.is_simple = false,
        }
        for (unit, set) in units.iter().zip(locals) {
            let mut sets = [FULL; FIELDS];
            sets[local] = set;
            self.compare(name(unit), direction, &space, &sets, &both);
        }
        Ok(())
    }

    /// The groups that guard no NIC.
    fn groups(&mut self) -> Result<(), Error> {
        let (old, new) = (self.old.network, self.new.network);
        let mut matched = pair(&old.security_groups, &new.security_groups, |group| (&group.id, &group.name));
        let (old_guards, new_guards) = (guards(old), guards(new));
        matched.old.retain(|&group| !old_guards.contains(&group));
        matched.new.retain(|&group| !new_guards.contains(&group));
        self.renamed(&mut matched);
        if let ([old], [new]) = (&matched.old[..], &matched.new[..]) {
            // Names are not meaning.
            matched.pairs.push((*old, *new));
            matched.old.clear();
            matched.new.clear();
        }
        for (list, places, side) in [
            (&old.security_groups, &matched.old, OnlyIn::Old),
            (&new.security_groups, &matched.new, OnlyIn::New),
        ] {
            let only = places.iter().filter_map(|&place| list.get(place));
            let what = only.map(|group| format!("network security group {}", group.name));
            self.found.only.extend(what.map(|what| Only { what, side }));
        }
        for (old_group, new_group) in matched.pairs {
            if old_guards.contains(&old_group) && new_guards.contains(&new_group) {
                continue;
            }
            for view in views((old, old_group), (new, new_group)) {
                for direction in BOTH {
                    self.group(direction, old_group, new_group, view)?;
                }
            }
        }
        Ok(())
    }

    /// Pairs the groups that are left and whose rules are the same in all but name.
    fn renamed(&self, matched: &mut Matched) {
        let mut builder = Builder::new();
        let mut meaning = |side: &Seen<'_>, group: usize| {
            let group = &side.network.security_groups[group];
            // Rules that cannot be read are somebody else's to report.
            let tables = BOTH.map(|way| builder.add(group, way, side.view.from(None)).ok());
            let [inbound, outbound] = [tables[0]?, tables[1]?];
            Some([builder.meaning(inbound), builder.meaning(outbound)])
        };
        let mut news: HashMap<_, VecDeque<usize>> = HashMap::new();
        for &group in &matched.new {
            if let Some(meaning) = meaning(self.new, group) {
                news.entry(meaning).or_default().push_back(group);
            }
        }
        let mut taken = HashSet::new();
        matched.old.retain(|&group| {
            let partner = meaning(self.old, group).and_then(|it| news.get_mut(&it)?.pop_front());
            let Some(partner) = partner else { return true };
            taken.insert(partner);
            matched.pairs.push((group, partner));
            false
        });
        matched.new.retain(|group| !taken.contains(group));
    }

    fn group(
        &mut self,
        direction: Direction,
        old: usize,
        new: usize,
        view: Option<(Vantage, Vantage)>,
    ) -> Result<(), Error> {
        let mut builder = Builder::new();
        let mut add = |side: &Seen<'_>, group: usize, from: Option<Vantage>| {
            let sight = side.view.from(from);
            let group = &side.network.security_groups[group];
            Ok::<_, Error>(vec![(builder.add(group, direction, sight)?, Arc::clone(&group.name))])
        };
        let names =
            [add(self.old, old, view.map(|view| view.0))?, add(self.new, new, view.map(|view| view.1))?];
        let subject = Subject::Nsg(Arc::clone(&self.old.network.security_groups[old].name));
        let space = match builder.build() {
            Err(Error::TooComplex) => {
                self.not_compared(subject, direction, &names);
                return Ok(());
            }
            space => space?,
        };
        let sides = Both {
            sides: Sides::new(&space, &numbers(&names[0]), &numbers(&names[1]))?,
            names: &names,
            is_simple: true,
        };
        self.compare(subject, direction, &space, &[FULL; FIELDS], &sides);
        Ok(())
    }

    /// Whether two sides decide alike over every packet.
    fn is_same(&mut self, space: &Space, sides: &Sides<'_>) -> Result<bool, Error> {
        let allowed = self.allowed().min(self.limits.broad_steps);
        let mut diagram = Diagram::new(space, sides.domain(&[FULL; FIELDS]), Steps(allowed));
        let lists = sides.lists(&mut diagram);
        let same = lists.and_then(|(changed, [old, new])| diagram.is_same(changed, old, new));
        self.steps -= allowed - diagram.steps().0;
        same
    }

    fn compare(
        &mut self,
        subject: Subject,
        direction: Direction,
        space: &Space,
        sets: &[u32; FIELDS],
        both: &Both<'_, '_>,
    ) {
        let (ways, all, is_complete) = match both.is_simple.then(|| self.broad(space, sets, &both.sides)) {
            Some(Ok((ways, all))) => (ways, all, true),
            Some(Err(_)) | None => self.in_pieces(sets, &both.sides),
        };
        if all == 0 && is_complete {
            return;
        }
        let more = all.saturating_sub(ways.len() as u64);
        let domain = both.sides.domain(sets);
        let names = [both.names[0].as_slice(), both.names[1].as_slice()];
        let regions: Vec<Region> =
            ways.iter().flat_map(|(way, end)| regions(space, &domain, way, *end, names)).collect();
        self.left = self.left.saturating_sub(regions.len());
        let groups = groups(both.names);
        self.found.differences.push(Difference { subject, direction, regions, more, is_complete, groups });
    }

    /// The first of the broadest regions, and how many there are.
    fn broad(
        &mut self,
        space: &Space,
        sets: &[u32; FIELDS],
        sides: &Sides<'_>,
    ) -> Result<(Ways, u64), Error> {
        let allowed = self.allowed().min(self.limits.broad_steps);
        let mut diagram = Diagram::new(space, sides.domain(sets), Steps(allowed));
        let lists = sides.lists(&mut diagram);
        let root = lists.and_then(|(changed, [old, new])| diagram.differ(changed, old, new));
        self.steps -= allowed - diagram.steps().0;
        let root = root?;
        let all = count(&diagram, root, &mut HashMap::new());
        Ok((ways(&diagram, root, self.left), all))
    }

    /// The first regions of those that each changed rule makes by itself, how many were found, and whether these are all.
    fn in_pieces(&mut self, sets: &[u32; FIELDS], sides: &Sides<'_>) -> (Ways, u64, bool) {
        let allowed = self.allowed();
        let (mut ways, mut all, mut steps) = (Ways::new(), 0, Steps(allowed));
        let found = sides.pieces(sets, &mut steps, &mut |way, end| {
            all += 1;
            if ways.len() < self.left {
                ways.push((way, end));
            }
        });
        self.steps -= allowed - steps.0;
        (ways, all, found.is_ok())
    }

    /// The most steps for the next comparison.
    fn allowed(&self) -> u64 {
        self.limits.steps.min(self.steps)
    }

    fn not_compared(&mut self, subject: Subject, direction: Direction, names: &[Tables; 2]) {
        let (regions, groups) = (Vec::new(), groups(names));
        let none = Difference { subject, direction, regions, more: 0, is_complete: false, groups };
        self.found.differences.push(none);
    }
}

/// Ways to a difference.
type Ways = Vec<(Way, NodeId)>;

/// Both sides, and what they are called.
struct Both<'a, 's> {
    sides: Sides<'s>,
    names: &'a [Tables; 2],
    /// Whether a diagram of them may be small.
    is_simple: bool,
}

/// A network, and what its tags and groups hold.
struct Seen<'a> {
    network: &'a model::Network,
    virtual_networks: &'a BTreeMap<Vantage, Vec<IpNet>>,
    view: View<'a>,
}

impl<'a> Seen<'a> {
    fn new(Network { network, virtual_networks, .. }: Network<'a>) -> Self {
        Self { network, virtual_networks, view: View::new(network, virtual_networks) }
    }
}

/// The addresses of a NIC by the rules before them.
fn locals(network: &model::Network, nic: &NetworkInterface) -> Vec<(Ranges, Stack)> {
    let mut locals: Vec<(Ranges, Stack)> = Vec::new();
    for configuration in &nic.ip_configurations {
        let IpConfiguration { subnet, private_address, public_ip, .. } = configuration;
        let of = network.virtual_networks.get(subnet.vnet.0).and_then(|vnet| vnet.subnets.get(subnet.subnet));
        let subnet_group = of.and_then(|subnet| subnet.security_group);
        let public = public_ip.and_then(|index| network.public_ips.get(index.0));
        let standard = public.is_some_and(|it| it.address.is_some() && it.sku == PublicIpSku::Standard);
        let stack = Stack {
            from: network.vantage(*subnet),
            subnet_group,
            nic_group: nic.security_group,
            closed: standard && subnet_group.is_none() && nic.security_group.is_none(),
        };
        let addresses = match private_address {
            Some(address) => Ranges::of_addresses([*address]),
            None => Ranges::of_prefixes(of.map(|subnet| subnet.prefixes.as_slice()).unwrap_or_default()),
        };
        match locals.iter_mut().find(|(_, known)| *known == stack) {
            Some((known, _)) => {
                *known = Ranges::union(known.as_slice().iter().chain(addresses.as_slice()).copied());
            }
            None => locals.push((addresses, stack)),
        }
    }
    locals
}

/// Adds the lists of a stack in the order in which they are asked.
fn add(builder: &mut Builder, side: &Seen<'_>, direction: Direction, stack: &Stack) -> Result<Tables, Error> {
    let order = match direction {
        Direction::Inbound => [stack.subnet_group, stack.nic_group],
        Direction::Outbound => [stack.nic_group, stack.subnet_group],
    };
    let mut tables = Tables::new();
    for group in order.into_iter().flatten() {
        let Some(group) = side.network.security_groups.get(group.0) else { continue };
        let sight = side.view.from(Some(stack.from));
        tables.push((builder.add(group, direction, sight)?, Arc::clone(&group.name)));
    }
    if stack.closed && direction == Direction::Inbound {
        let vnet = stack.from.vnet;
        let peers = side.network.peers(vnet).map(|peering| peering.remote);
        let spaces = peers.filter_map(|peer| side.network.virtual_networks.get(peer.0));
        // A route to an appliance brings nobody nearer.
        let own = side.virtual_networks.get(&Vantage::of(vnet)).map(Vec::as_slice).unwrap_or_default();
        let private = Ranges::of_prefixes(own.iter().chain(spaces.flat_map(|vnet| &vnet.address_space)));
        tables.push((builder.add_closed(private), "".into()));
    }
    Ok(tables)
}

/// The names of all groups, each once.
fn groups(names: &[Tables; 2]) -> Vec<Arc<str>> {
    let mut groups: Vec<Arc<str>> = Vec::new();
    for (_, name) in names.iter().flatten() {
        if !name.is_empty() && !groups.contains(name) {
            groups.push(Arc::clone(name));
        }
    }
    groups
}

fn numbers(tables: &Tables) -> Vec<usize> {
    tables.iter().map(|(table, _)| *table).collect()
}

/// The groups that guard a NIC.
fn guards(network: &model::Network) -> HashSet<usize> {
    let of_nics = network.network_interfaces.iter().filter_map(|nic| nic.security_group);
    let configurations = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    let of_subnets = configurations.filter_map(|own| {
        network.virtual_networks.get(own.subnet.vnet.0)?.subnets.get(own.subnet.subnet)?.security_group
    });
    of_nics.chain(of_subnets).map(|group| group.0).collect()
}
