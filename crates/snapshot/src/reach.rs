//! Whom the private addresses mean that a network can reach: its virtual network, its peers, what is behind its gateway.

use crate::gateway::{Attachment, AttachmentKind, Gateway};
use crate::link::outside_scope;
use crate::prefixes::Prefixes;
use crate::scatter::Scattered;
use crate::snapshot::PLATFORM;
use ipnet::IpNet;
use model::{Network, NextHop, Vantage, VnetIndex};
use packet::{Address, AttachmentId, Scope};
use policy::Ranges;
use std::collections::{BTreeMap, HashMap};

/// Where a private address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// In the virtual network of this scope.
    Vnet(Scope),
    /// On premises, behind this attachment.
    Gateway(AttachmentId),
}

/// The next hop of the system's route to where an address is, seen from the network of a scope; peers have no such word.
pub(crate) fn next_hop(from: Scope, reach: Option<Reach>) -> Option<NextHop> {
    match reach {
        Some(Reach::Vnet(to)) => (to == from).then_some(NextHop::VnetLocal),
        Some(Reach::Gateway(_)) => Some(NextHop::VirtualNetworkGateway),
        None => Some(NextHop::Internet),
    }
}

/// What each network reaches.
#[derive(Debug)]
pub(crate) struct Reaches {
    /// By the scope of virtual networks and of on-premises attachments.
    by_scope: HashMap<Scope, Prefixes<Reach>, Scattered>,
    any_vnet: Prefixes<()>,
}

/// Routes of virtual networks and peerings come before those of gateways, however long these are.
///
/// # Source
/// Azure "Virtual network traffic routing", *How Azure selects a route*.
const VNET: u8 = 1;
const GATEWAY: u8 = 0;

impl Reaches {
    /// The tables of all networks; `scopes` are those of the virtual networks in the model's order.
    pub(crate) fn new<'a>(gateway: &'a Gateway, scopes: &[Scope]) -> Self {
        let network = &gateway.network;
        let vnets = &network.virtual_networks;
        let entries_of = |(vnet, space): (VnetIndex, &'a [IpNet])| {
            let scope = scopes.get(vnet.0).copied();
            let entry = move |scope| space.iter().map(move |prefix| (*prefix, VNET, Reach::Vnet(scope)));
            scope.into_iter().flat_map(entry)
        };
        let mut entries: HashMap<Scope, Vec<(IpNet, u8, Reach)>> = HashMap::new();
        for (nth, scope) in scopes.iter().enumerate() {
            entries.insert(*scope, network.reached_from(VnetIndex(nth)).flat_map(entries_of).collect());
        }
        for attachment in &gateway.attachments {
            let AttachmentKind::OnPremises { vnet, prefixes, .. } = &attachment.kind else { continue };
            let id = attachment.id;
            let served = network.served_by_gateway_of(*vnet);
            entries.insert(outside_scope(id), served.iter().copied().flat_map(entries_of).collect());
            for scope in served.iter().filter_map(|(vnet, _)| scopes.get(vnet.0)) {
                let theirs = prefixes.iter().map(|prefix| (*prefix, GATEWAY, Reach::Gateway(id)));
                entries.entry(*scope).or_default().extend(theirs);
            }
        }
        let spaces = vnets.iter().flat_map(|vnet| vnet.address_space.iter().chain(&vnet.peers_elsewhere));
        Self {
            by_scope: entries.into_iter().map(|(scope, list)| (scope, Prefixes::new(list))).collect(),
            any_vnet: Prefixes::new(spaces.map(|prefix| (*prefix, 0, ()))),
        }
    }

    /// Where an address is, seen from the network of a scope; `None` where it is nobody's there.
    pub(crate) fn find(&self, from: Scope, address: Address) -> Option<Reach> {
        self.by_scope.get(&from)?.find(address)
    }

    /// Every address that is anybody's, seen from the network of a scope.
    pub(crate) fn all(&self, from: Scope) -> Ranges {
        self.by_scope.get(&from).map(Prefixes::held).unwrap_or_default()
    }

    /// Whether any virtual network has the address, or a peer that no document describes; whoever it belongs to there.
    pub(crate) fn in_any_vnet(&self, address: Address) -> bool {
        self.any_vnet.find(address).is_some()
    }
}

/// What `VirtualNetwork` means to the rules of some subnets: the address space of their virtual network, what is peered of
/// its connected peers, the prefixes of those that no document describes, what is behind the gateway that it has or uses, the
/// platform's address, and the prefixes of the routes in their route table that [count](model::Route::is_in_virtual_network).
///
/// # Source
/// Azure "Virtual network service tags"; "Create, change, or delete a virtual network peering", *Allow access*: without it
/// the peer is left out.
pub fn virtual_network_tag(network: &Network, attachments: &[Attachment], from: Vantage) -> Vec<IpNet> {
    let Vantage { vnet, route_table } = from;
    let own = network.virtual_networks.get(vnet.0).into_iter();
    let mut tag: Vec<IpNet> =
        own.flat_map(|own| own.address_space.iter().chain(&own.peers_elsewhere)).copied().collect();
    let peers = network.peers(vnet).filter(|peering| peering.virtual_network_access);
    tag.extend(peers.flat_map(|peering| &peering.address_space));
    tag.extend(behind_gateway_of(network, attachments, vnet));
    tag.extend(route_table.into_iter().flat_map(|table| network.prefixes_by_routes(table)));
    tag.push(IpNet::from(PLATFORM.ip()));
    tag
}

/// The same for every vantage of a network.
pub fn virtual_network_tags(network: &Network, attachments: &[Attachment]) -> BTreeMap<Vantage, Vec<IpNet>> {
    let tag = |from| (from, virtual_network_tag(network, attachments, from));
    network.vantages().into_iter().map(tag).collect()
}

/// What is on premises behind the gateway that each virtual network has or uses, in the model's order.
pub fn on_premises(network: &Network, attachments: &[Attachment]) -> Vec<Vec<IpNet>> {
    let vnets = (0..network.virtual_networks.len()).map(VnetIndex);
    vnets.map(|vnet| behind_gateway_of(network, attachments, vnet).collect()).collect()
}

/// What is on premises behind the gateway that a virtual network has or uses.
pub(crate) fn behind_gateway_of<'a>(
    network: &'a Network,
    attachments: &'a [Attachment],
    vnet: VnetIndex,
) -> impl Iterator<Item = IpNet> {
    let of = move |attachment: &'a Attachment| match &attachment.kind {
        AttachmentKind::OnPremises { vnet: of, prefixes, .. }
            if network.served_by_gateway_of(*of).iter().any(|(served, _)| *served == vnet) =>
        {
            prefixes.as_slice()
        }
        _ => &[],
    };
    attachments.iter().flat_map(of).copied()
}
