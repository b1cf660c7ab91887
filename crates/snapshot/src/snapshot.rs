//! One policy, compiled: everything that a first packet asks about, in tables that nobody changes any more.
//!
//! A reload builds a new snapshot aside and the engine takes it whole between two batches.

mod compile;

use crate::guards::Guards;
use crate::link::{Behind, Link, Outside, holds};
use crate::names::{RuleId, RuleName};
use crate::reach::{Reach, Reaches, next_hop};
use crate::scatter::Scattered;
use crate::user_routes::{Diverted, UserRoutes};
use ipnet::IpNet;
use model::{Direction, Network, PublicIpSku, SubnetIndex, Vantage, VnetIndex};
use nat::Asker;
use packet::{Address, AttachmentId, Owner, Scope};
use policy::{GroupId, Policy};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use compile::may_share;

/// 168.63.129.16, the platform's own address in every virtual network.
pub const PLATFORM: Address = Address::from_v4_bits(0xa83f_8110);

/// A gateway's policy, compiled.
#[derive(Debug)]
pub struct Snapshot {
    /// The network that it was built from.
    pub network: Arc<Network>,
    /// The compiled NSGs.
    pub policy: Policy,
    /// Every rule name so far, by [`RuleId`].
    pub names: Arc<Vec<RuleName>>,
    /// By [`AttachmentId`]; `None` where a reload took one away.
    links: Vec<Option<Link>>,
    nics: Vec<Nic>,
    private: HashMap<(Scope, Address), Private, Scattered>,
    public: HashMap<Address, Public, Scattered>,
    /// Of the virtual networks, in the model's order.
    scopes: Vec<Scope>,
    /// What VirtualNetwork holds from each vantage.
    pub(crate) virtual_networks: BTreeMap<Vantage, Vec<IpNet>>,
    pub(crate) reaches: Reaches,
    pub(crate) user_routes: UserRoutes,
    groups: HashMap<GroupId, Rules, Scattered>,
    /// Where the internet is.
    pub internet: Option<AttachmentId>,
    /// The shared public address that the host itself holds, if it does, and its ports that are the gateway's.
    pub lent: Option<(Address, RangeInclusive<u16>)>,
    ports_per_vm: u32,
    /// `flows.idleTimeout`.
    pub flow_idle: Duration,
    /// `outbound.idleTimeout`, for flows that hold a translated port.
    pub snat_idle: Duration,
}

/// A NIC of the model.
#[derive(Debug)]
pub struct Nic {
    /// Its name.
    pub name: Arc<str>,
    /// Whose its flows are.
    pub owner: Owner,
    /// The shared public address that it has outside where it has none of its own: always the same one, whatever the
    /// protocol (RFC 4787, REQ-2).
    pub shared_public: Option<Address>,
    /// Whether that stands for an address which nobody tells.
    pub stand_in: Option<StandIn>,
    /// Whether any of its addresses is behind an attachment.
    attached: bool,
    /// The NSGs before each of its IP configurations.
    pub(crate) guards: Vec<Guards>,
}

/// For which address that nobody tells a public one stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StandIn {
    /// That of the network interface's own public IP address, which Azure has yet to choose.
    PublicIpAddress,
    /// That of Azure's default outbound access.
    DefaultOutboundAccess,
}

/// A private address.
#[derive(Clone, Copy, Debug)]
pub struct Private {
    /// The place of its NIC in the model, and in [`Snapshot::nic`].
    pub nic: usize,
    /// Its subnet.
    pub subnet: SubnetIndex,
    /// Where it is: the NIC's own attachment, or its subnet's segment.
    pub attachment: Option<AttachmentId>,
    /// The NSGs before it.
    pub guards: Guards,
    /// Its instance-level public address.
    pub public: Option<Address>,
    /// What kind of public address that is.
    pub sku: PublicIpSku,
}

/// What a public address of ours stands for.
#[derive(Clone, Copy, Debug)]
pub enum Public {
    /// One private address.
    OneToOne(Scope, Address),
    /// Translated ports only.
    Shared,
}

/// The numbers of a group's rules, by direction and index.
#[derive(Debug)]
struct Rules {
    inbound: Vec<RuleId>,
    outbound: Vec<RuleId>,
}

impl Snapshot {
    /// An attachment, unless a reload took it away.
    #[inline]
    pub fn link(&self, id: AttachmentId) -> Option<&Link> {
        self.links.get(usize::from(id.0))?.as_ref()
    }

    /// One more than the greatest number of an attachment.
    pub fn places(&self) -> usize {
        self.links.len()
    }

    /// The NIC of a private address.
    pub fn nic(&self, nth: usize) -> &Nic {
        &self.nics[nth]
    }

    pub(crate) fn nics(&self) -> &[Nic] {
        &self.nics
    }

    /// Whose flows can be: the attached NICs.
    pub fn owners(&self) -> impl Iterator<Item = Owner> {
        self.nics.iter().filter(|nic| nic.attached).map(|nic| nic.owner)
    }

    /// Who asks for a port on behalf of this owner's flow.
    pub fn asker(&self, owner: Owner) -> Asker {
        Asker { owner, limit: self.ports_per_vm }
    }

    pub(crate) fn scope_of(&self, vnet: VnetIndex) -> Option<Scope> {
        self.scopes.get(vnet.0).copied()
    }

    /// What a private address of a virtual network's scope is; `None` where it is nobody's.
    pub fn private(&self, scope: Scope, address: Address) -> Option<&Private> {
        self.private.get(&(scope, address))
    }

    /// What a public address stands for; `None` where it is none of ours.
    pub fn public(&self, address: Address) -> Option<Public> {
        self.public.get(&address).copied()
    }

    /// Where a private address is, seen from the network of a scope; `None` where it is nobody's there.
    pub fn reach(&self, from: Scope, address: Address) -> Option<Reach> {
        self.reaches.find(from, address)
    }

    /// The same for packets from a subnet of that network, which go there by the system's own route.
    ///
    /// # Errors
    /// Where a user-defined route of the subnet leads them elsewhere.
    pub fn route(&self, from: Scope, subnet: SubnetIndex, to: Address) -> Result<Option<Reach>, Diverted> {
        let reach = self.reach(from, to);
        self.user_routes.agree(subnet, to, next_hop(from, reach))?;
        Ok(reach)
    }

    /// Whether an on-premises attachment leads to a network that has the address.
    pub fn admits(&self, link: &Link, address: Address) -> bool {
        matches!(self.reach(link.scope, address), Some(Reach::Vnet(_)))
    }

    /// Whether any virtual network has the address, or a peer that no document describes; whoever it belongs to there.
    pub fn in_any_vnet(&self, address: Address) -> bool {
        self.reaches.in_any_vnet(address)
    }

    /// The number of a group's rule.
    pub fn rule(&self, group: GroupId, direction: Direction, index: usize) -> Option<RuleId> {
        let rules = self.groups.get(&group)?;
        let list = if direction == Direction::Inbound { &rules.inbound } else { &rules.outbound };
        list.get(index).copied()
    }

    /// The name of a rule.
    pub fn rule_name(&self, id: RuleId) -> Option<&RuleName> {
        self.names.get(id.0 as usize)
    }

    /// The address that the gateway speaks from on an attachment, when it speaks to `to`: Azure's router, which is the
    /// first address of the subnet, or the gateway's own address on the internet.
    pub fn own_address(&self, link: &Link, to: Address) -> Option<Address> {
        let Behind::Nics { addresses, .. } = &link.behind else {
            let outside = link.outside()?;
            return outside.own.iter().chain(&outside.host).find(|a| a.is_v4() == to.is_v4()).copied();
        };
        let near = if holds(addresses, to) { to } else { *addresses.first()? };
        let subnet = self.private(link.scope, near)?.subnet;
        let vnet = self.network.virtual_networks.get(subnet.vnet.0)?;
        let prefixes = &vnet.subnets.get(subnet.subnet)?.prefixes;
        first_host(prefixes.iter().find(|prefix| prefix.contains(&near.ip()))?)
    }

    /// Whether the host holds an address and lends some of its ports.
    pub fn is_shared_with_host(&self, address: Address) -> bool {
        self.lent.as_ref().is_some_and(|(lent, _)| *lent == address)
    }

    /// Whether the gateway answers for an address outside: its own, or on the internet a public address of ours.
    pub fn answers_for(&self, link: &Link, address: Address) -> bool {
        let Some(Outside { own, host, .. }) = link.outside() else { return false };
        let public = link.is_internet() && self.public.contains_key(&address);
        !host.contains(&address) && (own.contains(&address) || public)
    }
}

/// The first usable address of a subnet, which is Azure's router there.
fn first_host(prefix: &IpNet) -> Option<Address> {
    match prefix.network() {
        IpAddr::V4(v4) => Some(Address::from(Ipv4Addr::from_bits(v4.to_bits().checked_add(1)?))),
        IpAddr::V6(v6) => Some(Address::from(std::net::Ipv6Addr::from_bits(v6.to_bits().checked_add(1)?))),
    }
}
