//! What is asked before an address of a NIC or a subnet: lists of rules, one after the other.

use crate::diff::{Network, Subject};
use crate::limits::Error;
use crate::space::Builder;
use crate::symbol::View;
use ipnet::IpNet;
use model::{Direction, IpConfiguration, NetworkInterface, NsgIndex, PublicIpSku, Vantage};
use policy::Ranges;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The rules before an address of a NIC, or of a subnet without any.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Stack {
    pub(crate) from: Vantage,
    pub(crate) subnet_group: Option<NsgIndex>,
    pub(crate) nic_group: Option<NsgIndex>,
    /// Nothing guards it but the kind of its public address.
    pub(crate) closed: bool,
}

/// Addresses of one NIC or subnet that meet the same rules.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) subject: Subject,
    pub(crate) addresses: Ranges,
}

/// Who is compared, by the rules before it in the old network and in the new one.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    pub(crate) list: Vec<((Stack, Stack), Vec<Unit>)>,
    places: HashMap<(Stack, Stack), usize>,
    order: HashMap<Subject, usize>,
}

impl Stacks {
    pub(crate) fn push(&mut self, both: (Stack, Stack), subject: Subject, addresses: Ranges) {
        let next = self.order.len();
        self.order.entry(subject.clone()).or_insert(next);
        let place = *self.places.entry(both).or_insert_with(|| {
            self.list.push((both, Vec::new()));
            self.list.len() - 1
        });
        self.list[place].1.push(Unit { subject, addresses });
    }

    /// The place of a subject in the order in which they came.
    pub(crate) fn place(&self, subject: &Subject) -> Option<usize> {
        self.order.get(subject).copied()
    }
}

/// Lists of rules in a space, by their order, with the names of their groups.
pub(crate) type Tables = Vec<(usize, Arc<str>)>;

/// A network, and what its tags and groups hold.
pub(crate) struct Seen<'a> {
    pub(crate) network: &'a model::Network,
    pub(crate) virtual_networks: &'a BTreeMap<Vantage, Vec<IpNet>>,
    pub(crate) view: View<'a>,
}

impl<'a> Seen<'a> {
    pub(crate) fn new(Network { network, virtual_networks, .. }: Network<'a>) -> Self {
        Self { network, virtual_networks, view: View::new(network, virtual_networks) }
    }
}

/// The addresses of a NIC by the rules before them.
pub(crate) fn locals(network: &model::Network, nic: &NetworkInterface) -> Vec<(Ranges, Stack)> {
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
pub(crate) fn add(
    builder: &mut Builder,
    side: &Seen<'_>,
    direction: Direction,
    stack: &Stack,
) -> Result<Tables, Error> {
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
        let reached = side.network.reached_from(vnet).flat_map(|(_, space)| space);
        // A route to an appliance brings nobody nearer.
        let own = side.virtual_networks.get(&Vantage::of(vnet)).map(Vec::as_slice).unwrap_or_default();
        let private = Ranges::of_prefixes(own.iter().chain(reached));
        tables.push((builder.add_closed(private), "".into()));
    }
    Ok(tables)
}

/// The names of all groups, each once.
pub(crate) fn groups(names: &[Tables; 2]) -> Vec<Arc<str>> {
    let mut groups: Vec<Arc<str>> = Vec::new();
    for (_, name) in names.iter().flatten() {
        if !name.is_empty() && !groups.contains(name) {
            groups.push(Arc::clone(name));
        }
    }
    groups
}

pub(crate) fn numbers(tables: &Tables) -> Vec<usize> {
    tables.iter().map(|(table, _)| *table).collect()
}

/// The groups that guard a NIC.
pub(crate) fn guards(network: &model::Network) -> HashSet<usize> {
    let of_nics = network.network_interfaces.iter().filter_map(|nic| nic.security_group);
    let configurations = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    let of_subnets = configurations.filter_map(|own| {
        network.virtual_networks.get(own.subnet.vnet.0)?.subnets.get(own.subnet.subnet)?.security_group
    });
    of_nics.chain(of_subnets).map(|group| group.0).collect()
}
