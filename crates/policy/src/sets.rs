//! The sets of addresses and ports that rules name, each kept once.

use crate::limits::{Budget, Error};
use crate::platform::{HOST, LICENSING, METADATA, NOT_PUBLIC, PUBLIC_V6, single};
use crate::ranges::{IPV4, Range, Ranges};
use ipnet::IpNet;
use model::{AddressMatch, AsgIndex, Network, Peering, ServiceTag, VnetIndex};
use std::collections::HashMap;
use std::net::IpAddr;

/// Distinct sets, numbered in the order of their first mention.
#[derive(Debug, Default)]
pub(crate) struct Numbered(HashMap<Ranges, u32>);

impl Numbered {
    /// The number of a set.
    pub(crate) fn number(&mut self, set: Ranges, budget: &mut Budget) -> Result<u32, Error> {
        if let Some(&number) = self.0.get(&set) {
            return Ok(number);
        }
        budget.bytes(set.as_slice().len() + 2, size_of::<Range>())?;
        let number = u32::try_from(self.0.len()).map_err(|_| Error::Bytes)?;
        self.0.insert(set, number);
        Ok(number)
    }

    /// The sets by their numbers.
    pub(crate) fn into_sets(self) -> Vec<Ranges> {
        let mut sets: Vec<(Ranges, u32)> = self.0.into_iter().collect();
        sets.sort_unstable_by_key(|&(_, number)| number);
        sets.into_iter().map(|(set, _)| set).collect()
    }
}

/// What tags and application security groups hold.
#[derive(Debug)]
pub struct Meanings<'a> {
    network: &'a Network,
    /// What VirtualNetwork holds, for each different meaning of it.
    virtual_networks: Vec<Ranges>,
    asg_members: Vec<Vec<(VnetIndex, IpAddr)>>,
}

impl<'a> Meanings<'a> {
    /// Of a network, with the prefixes of each different VirtualNetwork, the host's address beside them.
    pub fn new<'p>(network: &'a Network, virtual_networks: impl IntoIterator<Item = &'p [IpNet]>) -> Self {
        let with_host = |prefixes: &[IpNet]| Ranges::of_prefixes(prefixes.iter().chain([&single(HOST)]));
        Self {
            network,
            virtual_networks: virtual_networks.into_iter().map(with_host).collect(),
            asg_members: asg_members(network),
        }
    }

    /// The addresses that one side of a rule names, as NICs of a VNet with that meaning of VirtualNetwork see it, or
    /// `None` for a tag that is not loaded.
    pub fn set(&self, side: &AddressMatch, (vnet, virtual_network): (VnetIndex, usize)) -> Option<Ranges> {
        match side {
            AddressMatch::Any => Some(Ranges::every_address()),
            AddressMatch::Prefixes(prefixes) => Some(Ranges::of_prefixes(prefixes)),
            AddressMatch::ApplicationSecurityGroups(groups) => Some(self.members_of(groups, vnet)),
            AddressMatch::Tag(tag) => self.tag(*tag, virtual_network),
        }
    }

    fn members_of(&self, groups: &[AsgIndex], vnet: VnetIndex) -> Ranges {
        let peers: HashMap<VnetIndex, &Peering> =
            self.network.peers(vnet).map(|peering| (peering.remote, peering)).collect();
        let is_near = |of: VnetIndex, address| {
            of == vnet || peers.get(&of).is_some_and(|peering| peering.holds(address))
        };
        let members = groups.iter().filter_map(|group| self.asg_members.get(group.0)).flatten();
        Ranges::of_addresses(members.filter(|(of, at)| is_near(*of, *at)).map(|&(_, address)| address))
    }

    fn tag(&self, tag: ServiceTag, virtual_network: usize) -> Option<Ranges> {
        let own = self.virtual_networks.get(virtual_network)?;
        Some(match tag {
            ServiceTag::VirtualNetwork => own.clone(),
            ServiceTag::Internet => public().minus(own),
            ServiceTag::AzureLoadBalancer | ServiceTag::AzurePlatformDns => {
                Ranges::of_prefixes([&single(HOST)])
            }
            ServiceTag::AzurePlatformImds => Ranges::of_prefixes([&single(METADATA)]),
            ServiceTag::AzurePlatformLkm => Ranges::of_addresses(LICENSING.map(IpAddr::V4)),
            ServiceTag::Named(index) => Ranges::of_prefixes(&self.network.service_tags.get(index)?.prefixes),
        })
    }
}

/// The sets of addresses that rules name; a tag is expanded once, however many rules name it.
#[derive(Debug)]
pub(crate) struct AddressSets<'a> {
    meanings: Meanings<'a>,
    sets: Numbered,
    /// With the number of the VirtualNetwork for the tags that depend on it.
    by_tag: HashMap<(ServiceTag, Option<usize>), u32>,
}

impl<'a> AddressSets<'a> {
    /// No sets yet but the platform's addresses, which need classes of their own.
    pub(crate) fn new(meanings: Meanings<'a>, budget: &mut Budget) -> Result<Self, Error> {
        let mut sets = Numbered::default();
        for address in [HOST, METADATA] {
            sets.number(Ranges::of_prefixes([&single(address)]), budget)?;
        }
        Ok(Self { meanings, sets, by_tag: HashMap::new() })
    }

    /// The number of the set that one side of a rule names, as NICs of a VNet with that meaning of VirtualNetwork see
    /// it, or `None` for a tag that is not loaded.
    pub(crate) fn number(
        &mut self,
        side: &AddressMatch,
        network: (VnetIndex, usize),
        budget: &mut Budget,
    ) -> Result<Option<u32>, Error> {
        let tag = match side {
            AddressMatch::Tag(tag) => {
                let own = matches!(tag, ServiceTag::VirtualNetwork | ServiceTag::Internet);
                Some((*tag, own.then_some(network.1)))
            }
            _ => None,
        };
        if let Some(&number) = tag.as_ref().and_then(|tag| self.by_tag.get(tag)) {
            return Ok(Some(number));
        }
        let Some(set) = self.meanings.set(side, network) else { return Ok(None) };
        let number = self.sets.number(set, budget)?;
        if let Some(tag) = tag {
            self.by_tag.insert(tag, number);
        }
        Ok(Some(number))
    }

    /// The sets by their numbers.
    pub(crate) fn into_sets(self) -> Vec<Ranges> {
        self.sets.into_sets()
    }
}

/// The publicly reachable addresses of both families.
fn public() -> Ranges {
    let every_v4 = Ranges::union([IPV4]);
    let v4 = every_v4.minus(&Ranges::of_prefixes(&NOT_PUBLIC.map(IpNet::V4)));
    let v6 = Ranges::of_prefixes([&IpNet::V6(PUBLIC_V6)]);
    Ranges::union(v4.as_slice().iter().chain(v6.as_slice()).copied())
}

/// The private addresses of the members of each application security group.
fn asg_members(network: &Network) -> Vec<Vec<(VnetIndex, IpAddr)>> {
    let mut members = vec![Vec::new(); network.application_security_groups.len()];
    let configurations = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    for configuration in configurations {
        let Some(address) = configuration.private_address else { continue };
        for group in &configuration.application_security_groups {
            if let Some(members) = members.get_mut(group.0) {
                members.push((configuration.subnet.vnet, address));
            }
        }
    }
    members
}
