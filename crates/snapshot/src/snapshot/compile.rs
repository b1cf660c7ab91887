//! Compiling a policy: from the model and the gateway file to a [`Snapshot`].

use super::{Nic, Private, Public, Rules, Snapshot, StandIn};
use crate::gateway::{Attachment, AttachmentKind, Gateway};
use crate::guards::Guards;
use crate::link::build_links;
use crate::names::{Names, OUTSIDE_SCOPES, RuleName};
use crate::reach::{Reaches, virtual_network_tag, virtual_network_tags};
use crate::user_routes::UserRoutes;
use model::{
    Direction, IpConfiguration, Network, NetworkInterface, NicIndex, NsgIndex, SubnetIndex, Vantage,
};
use packet::{Address, AttachmentId, Owner, Scope};
use policy::{GroupId, Policy};
use siphasher::sip::SipHasher13;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

impl Snapshot {
    /// Compiles a gateway's policy.
    ///
    /// # Errors
    /// All contradictions found, one sentence each. The gateway file is checked before, so these name what only the
    /// whole shows: a policy past its size limits, or more attachments or networks than can be numbered.
    pub fn build(gateway: &Gateway, names: &mut Names) -> Result<Self, Vec<String>> {
        let network = Arc::clone(&gateway.network);
        let vnets = network.virtual_networks.iter();
        let scopes: Option<Vec<Scope>> = vnets.map(|vnet| names.scope(&vnet.id)).collect();
        let scopes = scopes.filter(|_| gateway.attachments.iter().all(|a| a.id.0 < OUTSIDE_SCOPES));
        let interfaces = network.network_interfaces.iter();
        let owners: Option<Vec<Owner>> = interfaces.map(|nic| names.owner(&nic.id)).collect();
        let (Some(scopes), Some(owners)) = (scopes, owners) else {
            let what = "more virtual networks, network interfaces or attachments than can be numbered";
            return Err(vec![what.into()]);
        };
        let mut groups = Groups {
            builder: policy::Builder::new(&network),
            gateway,
            known: HashMap::new(),
            attached: Attached::new(&gateway.attachments),
        };
        let mut snapshot_nics = Vec::with_capacity(network.network_interfaces.len());
        let mut private = HashMap::default();
        let mut public = HashMap::default();
        let shared: Vec<Address> = gateway.default_public_ips.iter().copied().map(Address::from).collect();
        for (nth, (nic, owner)) in network.network_interfaces.iter().zip(owners).enumerate() {
            let attached =
                nic.ip_configurations.iter().any(|it| groups.attached.find(nth, it.subnet).is_some());
            let guards: Vec<Guards> =
                nic.ip_configurations.iter().map(|it| groups.guards(nic.security_group, it.subnet)).collect();
            for (configuration, guards) in nic.ip_configurations.iter().zip(&guards) {
                let Some(address) = configuration.private_address else { continue };
                let entry = groups.private(nth, configuration, *guards);
                let Some(&scope) = scopes.get(configuration.subnet.vnet.0) else { continue };
                if let Some(outside) = entry.public {
                    public.insert(outside, Public::OneToOne(scope, address.into()));
                }
                private.insert((scope, Address::from(address)), entry);
            }
            let shared_public = if may_share(gateway, nic) { one_of(&shared, &nic.id) } else { None };
            let stand_in = gateway.default_outbound_access.then(|| stand_in(&network, nic)).flatten();
            let name = Arc::clone(&nic.name);
            snapshot_nics.push(Nic { name, owner, shared_public, stand_in, attached, guards });
        }
        for address in &shared {
            public.entry(*address).or_insert(Public::Shared);
        }
        let mut behind: HashMap<AttachmentId, Vec<Address>> = HashMap::new();
        for ((_, address), Private { attachment, .. }) in &private {
            if let Some(id) = attachment {
                behind.entry(*id).or_default().push(*address);
            }
        }
        let (known, compiled) = (groups.known, groups.builder.compile());
        let policy = compiled.map_err(|error| vec![error.to_string()])?;
        let groups = known
            .into_iter()
            .map(|((nsg, _), id)| (id, Rules::number(&policy, id, &network, nsg, names)))
            .collect();
        let links = build_links(gateway, &scopes, &behind, |address| public.contains_key(address));
        Ok(Self {
            internet: links.iter().flatten().find(|link| link.is_internet()).map(|link| link.id),
            reaches: Reaches::new(gateway, &scopes),
            user_routes: UserRoutes::new(gateway),
            virtual_networks: virtual_network_tags(&network, &gateway.attachments),
            scopes,
            links,
            nics: snapshot_nics,
            private,
            public,
            groups,
            policy,
            names: names.list(),
            ports_per_vm: gateway.ports_per_vm,
            lent: shared
                .into_iter()
                .find(|public| gateway.is_held_by_host(*public))
                .map(|public| (public, gateway.snat_ports.range())),
            flow_idle: gateway.flow_idle,
            snat_idle: gateway.snat_idle,
            network,
        })
    }
}

/// Whether a network interface may leave under a shared public address, where there is one.
pub(crate) fn may_share(gateway: &Gateway, nic: &NetworkInterface) -> bool {
    !gateway.default_outbound_access || stand_in(&gateway.network, nic).is_some()
}

/// For what an imagined public address stands at a network interface; `None` where its subnet keeps it from the internet.
/// All of this is about IPv4: an address of IPv6 is nobody's but its own.
///
/// # Source
/// Azure "Default outbound access in Azure": a subnet is private where its `defaultOutboundAccess` is false.
fn stand_in(network: &Network, nic: &NetworkInterface) -> Option<StandIn> {
    let mut own = nic.ip_configurations.iter().filter(|it| !it.is_over_ipv6());
    if own.clone().any(|it| it.public_ip.is_some()) {
        return Some(StandIn::PublicIpAddress);
    }
    let gives = |it: &IpConfiguration| network.subnet(it.subnet).is_some_and(|it| it.default_outbound_access);
    own.all(gives).then_some(StandIn::DefaultOutboundAccess)
}

/// The shared address that is a network interface's: the one that with its name makes the greatest hash.
///
/// So it keeps it whatever other interfaces come and go, and when addresses come or go only those move that get the new
/// one or had the old one ("rendezvous hashing").
fn one_of(shared: &[Address], nic: &str) -> Option<Address> {
    let weight = |address: &Address| {
        // No secret: it is the same after every start, and who chooses the names is the operator.
        let mut hasher = SipHasher13::new_with_keys(0, 0);
        nic.to_ascii_lowercase().hash(&mut hasher);
        address.hash(&mut hasher);
        hasher.finish()
    };
    shared.iter().copied().max_by_key(weight)
}

impl Gateway {
    /// Whether the host itself holds an address on the internet attachment.
    fn is_held_by_host(&self, address: Address) -> bool {
        self.attachments.iter().any(|attachment| match &attachment.kind {
            AttachmentKind::Internet { host_addresses, .. } => host_addresses.contains(&address.ip()),
            _ => false,
        })
    }
}

/// Which attachment is whose.
#[derive(Debug, Default)]
struct Attached {
    nics: HashMap<NicIndex, AttachmentId>,
    segments: HashMap<SubnetIndex, AttachmentId>,
}

impl Attached {
    fn new(attachments: &[Attachment]) -> Self {
        let mut attached = Self::default();
        for Attachment { id, kind, .. } in attachments {
            match kind {
                AttachmentKind::Nic { nic, .. } => drop(attached.nics.insert(*nic, *id)),
                AttachmentKind::Subnet { subnet } => drop(attached.segments.insert(*subnet, *id)),
                AttachmentKind::Internet { .. } | AttachmentKind::OnPremises { .. } => {}
            }
        }
        attached
    }

    /// Where an address of a NIC in a subnet is.
    fn find(&self, nic: usize, subnet: SubnetIndex) -> Option<AttachmentId> {
        self.nics.get(&NicIndex(nic)).or_else(|| self.segments.get(&subnet)).copied()
    }
}

/// The NSGs in use, each compiled once for each vantage of what it guards.
struct Groups<'a> {
    builder: policy::Builder<'a>,
    gateway: &'a Gateway,
    known: HashMap<(NsgIndex, Vantage), GroupId>,
    attached: Attached,
}

impl Groups<'_> {
    fn add(&mut self, nsg: NsgIndex, from: Vantage) -> GroupId {
        let Gateway { network, attachments, .. } = self.gateway;
        let builder = &mut self.builder;
        let new = || builder.add(nsg, from.vnet, &virtual_network_tag(network, attachments, from));
        *self.known.entry((nsg, from)).or_insert_with(new)
    }

    /// The NSGs before an address in a subnet, that of its NIC among them: both see the VirtualNetwork of the subnet.
    fn guards(&mut self, of_nic: Option<NsgIndex>, subnet: SubnetIndex) -> Guards {
        let network = &self.gateway.network;
        let from = network.vantage(subnet);
        let vnet = network.virtual_networks.get(subnet.vnet.0);
        let of_subnet = vnet.and_then(|vnet| vnet.subnets.get(subnet.subnet)?.security_group);
        Guards {
            nic: of_nic.map(|nsg| self.add(nsg, from)),
            subnet: of_subnet.map(|nsg| self.add(nsg, from)),
        }
    }

    fn private(&self, nic: usize, configuration: &IpConfiguration, guards: Guards) -> Private {
        let subnet = configuration.subnet;
        let network = &self.gateway.network;
        let public = configuration.public_ip.and_then(|index| network.public_ips.get(index.0));
        Private {
            nic,
            subnet,
            attachment: self.attached.find(nic, subnet),
            guards,
            public: public.and_then(|p| p.address).map(Address::from),
            sku: public.map(|p| p.sku).unwrap_or_default(),
        }
    }
}

impl Rules {
    fn number(policy: &Policy, id: GroupId, network: &Network, nsg: NsgIndex, names: &mut Names) -> Self {
        let group = network.security_groups.get(nsg.0);
        let nsg = group.map(|group| Arc::clone(&group.name)).unwrap_or_default();
        let nsg_id: Arc<str> = group.map(|group| group.id.to_ascii_lowercase().into()).unwrap_or_default();
        let mut of = |direction| {
            let rules = policy.rules(id, direction).iter();
            rules
                .map(|rule| {
                    names.number(RuleName {
                        nsg_id: Arc::clone(&nsg_id),
                        nsg: Arc::clone(&nsg),
                        rule: Arc::clone(&rule.name),
                        direction,
                        default: rule.default,
                    })
                })
                .collect()
        };
        Self { inbound: of(Direction::Inbound), outbound: of(Direction::Outbound) }
    }
}
