//! One policy, compiled: everything that a first packet asks about, in tables that nobody changes any more.
//!
//! A reload builds a new snapshot aside and the engine takes it whole between two batches.

use crate::gateway::{Attachment, AttachmentKind, Gateway};
use crate::link::{Behind, Link, build_links};
use crate::names::{Names, OUTSIDE_SCOPES, RuleId, RuleName};
use ipnet::IpNet;
use model::{Direction, IpConfiguration, Network, NicIndex, NsgIndex, PublicIpSku, SubnetIndex, VnetIndex};
use packet::{Address, AttachmentId, Owner, Scope};
use policy::{GroupId, Policy};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// 168.63.129.16, the platform's own address in every virtual network.
pub(crate) const PLATFORM: Address = Address::from_v4_bits(0xa83f_8110);

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
    private: HashMap<(Scope, Address), Private>,
    public: HashMap<Address, Public>,
    /// The address spaces of the virtual networks, in the model's order.
    spaces: Vec<(Scope, Vec<IpNet>)>,
    groups: HashMap<GroupId, Rules>,
    /// Where the internet is.
    pub(crate) internet: Option<AttachmentId>,
    /// What NICs without a public address of their own become.
    pub(crate) default_public: Option<Address>,
    pub(crate) flow_idle: Duration,
    pub(crate) snat_idle: Duration,
}

/// A NIC of the model.
#[derive(Debug)]
pub(crate) struct Nic {
    pub(crate) name: Arc<str>,
    /// Whose its flows are.
    pub(crate) owner: Owner,
    pub(crate) attachment: Option<AttachmentId>,
    /// The NSG at the NIC itself.
    pub(crate) group: Option<GroupId>,
}

/// A private address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Private {
    pub(crate) nic: usize,
    pub(crate) subnet: SubnetIndex,
    /// The NSG of its subnet.
    pub(crate) subnet_group: Option<GroupId>,
    /// Its instance-level public address.
    pub(crate) public: Option<Address>,
    pub(crate) sku: PublicIpSku,
}

/// What a public address of ours stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Public {
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
        let mut groups =
            Groups { builder: policy::Builder::new(&network), network: &network, known: Vec::new() };
        let mut snapshot_nics = Vec::with_capacity(network.network_interfaces.len());
        let mut private = HashMap::new();
        let mut public = HashMap::new();
        for (nth, (nic, owner)) in network.network_interfaces.iter().zip(owners).enumerate() {
            let attachment = gateway.attachments.iter().find(|a| a.is_nic(NicIndex(nth)));
            let group = nic.security_group.zip(nic.vnet()).map(|(nsg, vnet)| groups.add(nsg, vnet.0));
            snapshot_nics.push(Nic {
                name: Arc::clone(&nic.name),
                owner,
                attachment: attachment.map(|a| a.id),
                group,
            });
            for configuration in &nic.ip_configurations {
                let Some(address) = configuration.private_address else { continue };
                let entry = groups.private(nth, configuration);
                let Some(&scope) = scopes.get(configuration.subnet.vnet.0) else { continue };
                if let Some(outside) = entry.public {
                    public.insert(outside, Public::OneToOne(scope, address.into()));
                }
                private.insert((scope, Address::from(address)), entry);
            }
        }
        let default_public = gateway.default_public_ip.map(Address::from);
        if let Some(address) = default_public {
            public.entry(address).or_insert(Public::Shared);
        }
        let (known, compiled) = (groups.known, groups.builder.compile());
        let policy = compiled.map_err(|error| vec![error.to_string()])?;
        let groups = known
            .into_iter()
            .map(|(id, nsg)| (id, Rules::number(&policy, id, &network, nsg, names)))
            .collect();
        let links = build_links(gateway, &network, &scopes);
        let spaces = scopes
            .iter()
            .zip(&network.virtual_networks)
            .map(|(&s, v)| (s, v.address_space.clone()))
            .collect();
        Ok(Self {
            internet: links.iter().flatten().find(|link| link.is_internet()).map(|link| link.id),
            spaces,
            links,
            nics: snapshot_nics,
            private,
            public,
            groups,
            policy,
            names: names.list(),
            default_public,
            flow_idle: gateway.flow_idle,
            snat_idle: gateway.snat_idle,
            network,
        })
    }

    #[inline]
    pub(crate) fn link(&self, id: AttachmentId) -> Option<&Link> {
        self.links.get(usize::from(id.0))?.as_ref()
    }

    pub(crate) fn nic(&self, nth: usize) -> &Nic {
        &self.nics[nth]
    }

    /// Whose flows can be: the attached NICs.
    pub(crate) fn owners(&self) -> impl Iterator<Item = Owner> {
        self.nics.iter().filter(|nic| nic.attachment.is_some()).map(|nic| nic.owner)
    }

    pub(crate) fn scope_of(&self, vnet: VnetIndex) -> Option<Scope> {
        self.spaces.get(vnet.0).map(|(scope, _)| *scope)
    }

    pub(crate) fn private(&self, scope: Scope, address: Address) -> Option<&Private> {
        self.private.get(&(scope, address))
    }

    pub(crate) fn public(&self, address: Address) -> Option<Public> {
        self.public.get(&address).copied()
    }

    /// Whether any virtual network has the address, whoever it belongs to there.
    pub(crate) fn in_any_vnet(&self, address: Address) -> bool {
        let ip = address.ip();
        self.spaces.iter().any(|(_, space)| space.iter().any(|prefix| prefix.contains(&ip)))
    }

    pub(crate) fn in_vnet(&self, scope: Scope, address: Address) -> bool {
        let ip = address.ip();
        let mut spaces = self.spaces.iter().filter(|(of, _)| *of == scope);
        spaces.any(|(_, space)| space.iter().any(|prefix| prefix.contains(&ip)))
    }

    /// The number of a group's rule.
    pub(crate) fn rule(&self, group: GroupId, direction: Direction, index: usize) -> Option<RuleId> {
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
    pub(crate) fn own_address(&self, link: &Link, to: Address) -> Option<Address> {
        match &link.behind {
            Behind::Nic { addresses, .. } => {
                let near = if addresses.contains(&to) { to } else { *addresses.first()? };
                let subnet = self.private(link.scope, near)?.subnet;
                let vnet = self.network.virtual_networks.get(subnet.vnet.0)?;
                let prefixes = &vnet.subnets.get(subnet.subnet)?.prefixes;
                first_host(prefixes.iter().find(|prefix| prefix.contains(&near.ip()))?)
            }
            Behind::Internet { own, host, .. } => {
                own.iter().chain(host).find(|a| a.is_v4() == to.is_v4()).copied()
            }
        }
    }

    /// Whether the gateway answers for an address on the internet attachment: a public address of ours, or its own.
    pub(crate) fn answers_for(&self, link: &Link, address: Address) -> bool {
        match &link.behind {
            Behind::Internet { own, host, .. } => {
                !host.contains(&address) && (own.contains(&address) || self.public.contains_key(&address))
            }
            Behind::Nic { .. } => false,
        }
    }
}

impl Attachment {
    fn is_nic(&self, index: NicIndex) -> bool {
        matches!(self.kind, AttachmentKind::Nic { nic, .. } if nic == index)
    }
}

/// The first usable address of a subnet, which is Azure's router there.
fn first_host(prefix: &IpNet) -> Option<Address> {
    match prefix.network() {
        IpAddr::V4(v4) => Some(Address::from(Ipv4Addr::from_bits(v4.to_bits().checked_add(1)?))),
        IpAddr::V6(v6) => Some(Address::from(std::net::Ipv6Addr::from_bits(v6.to_bits().checked_add(1)?))),
    }
}

/// The NSGs in use, each compiled once for each virtual network that it guards.
struct Groups<'a> {
    builder: policy::Builder<'a>,
    network: &'a Network,
    known: Vec<(GroupId, NsgIndex)>,
}

impl Groups<'_> {
    fn add(&mut self, nsg: NsgIndex, vnet: usize) -> GroupId {
        let id = self.builder.add(nsg, VnetIndex(vnet), &virtual_network_tag(self.network, vnet));
        if !self.known.iter().any(|(known, _)| *known == id) {
            self.known.push((id, nsg));
        }
        id
    }

    fn private(&mut self, nic: usize, configuration: &IpConfiguration) -> Private {
        let subnet = configuration.subnet;
        let nsg = self.network.virtual_networks.get(subnet.vnet.0).and_then(|v| v.subnets.get(subnet.subnet));
        let public = configuration.public_ip.and_then(|index| self.network.public_ips.get(index.0));
        Private {
            nic,
            subnet,
            subnet_group: nsg.and_then(|s| s.security_group).map(|nsg| self.add(nsg, subnet.vnet.0)),
            public: public.and_then(|p| p.address).map(Address::from),
            sku: public.map(|p| p.sku).unwrap_or_default(),
        }
    }
}

/// What `VirtualNetwork` means in a virtual network: its address space and the platform's address.
///
/// # Source
/// Azure "Virtual network service tags": the tag holds the address space, connected on-premises spaces, peered
/// networks, the host's virtual address, and the prefixes of user-defined routes; the middle ones come with their features.
pub fn virtual_network_tag(network: &Network, vnet: usize) -> Vec<IpNet> {
    let mut prefixes =
        network.virtual_networks.get(vnet).map(|v| v.address_space.clone()).unwrap_or_default();
    prefixes.push(IpNet::from(PLATFORM.ip()));
    prefixes
}

impl Rules {
    fn number(policy: &Policy, id: GroupId, network: &Network, nsg: NsgIndex, names: &mut Names) -> Self {
        let nsg = network.security_groups.get(nsg.0).map(|nsg| Arc::clone(&nsg.name)).unwrap_or_default();
        let mut of = |direction| {
            let rules = policy.rules(id, direction).iter();
            rules
                .map(|rule| {
                    names.number(RuleName {
                        nsg: Arc::clone(&nsg),
                        rule: Arc::clone(&rule.name),
                        default: rule.default,
                    })
                })
                .collect()
        };
        Self { inbound: of(Direction::Inbound), outbound: of(Direction::Outbound) }
    }
}
