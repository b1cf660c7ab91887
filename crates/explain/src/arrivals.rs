//! Where a packet comes in, by its addresses.

use ipnet::IpNet;
use model::{NicIndex, SubnetIndex, VnetIndex};
use snapshot::{Attachment, AttachmentKind, Gateway};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// Whose each address is, and where it is attached.
#[derive(Clone, Debug)]
pub struct Arrivals {
    private: HashMap<IpAddr, Vec<Private>>,
    /// Public addresses of ours, and those of the gateway itself.
    public: HashMap<IpAddr, &'static str>,
    sites: Vec<(IpNet, usize)>,
    internet: Option<usize>,
    vnets: Vec<Vec<IpNet>>,
}

/// A private address of a network interface.
#[derive(Clone, Copy, Debug)]
struct Private {
    nic: NicIndex,
    vnet: VnetIndex,
    /// The place of its attachment in the gateway's list.
    attachment: Option<usize>,
    public: Option<IpAddr>,
}

/// Where a packet comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The place of the attachment in the gateway's list.
    pub attachment: usize,
    /// Why there, to be read behind its name.
    pub because: &'static str,
    /// It comes from outside to a private address, as it looks behind the translation: the attachment of whoever has the
    /// address, and the public address that stands for it.
    pub translated: Option<(usize, Option<IpAddr>)>,
}

/// Why no place was found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Nowhere {
    /// Neither end is of this network.
    Foreign,
    /// Several network interfaces have the source address, in different virtual networks.
    Ambiguous,
    /// The network interface or the internet has no attachment.
    Unattached,
    /// The source is a public address of ours: somebody has translated the packet already.
    Translated,
}

impl Nowhere {
    /// A short name, stable for machines.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Ambiguous => "ambiguous",
            Self::Unattached => "unattached",
            Self::Translated => "translated",
        }
    }

    /// One sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Foreign => "Neither of its addresses belongs to this network.",
            Self::Ambiguous => "Several network interfaces have its address.",
            Self::Unattached => "Where it comes in there is no attachment.",
            Self::Translated => "Its source is a public address of ours: it has been translated already.",
        }
    }
}

impl fmt::Display for Nowhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Arrivals {
    /// Looks through a gateway once.
    pub fn new(gateway: &Gateway) -> Self {
        let network = &gateway.network;
        let mut arrivals = Self {
            private: HashMap::new(),
            public: HashMap::new(),
            sites: Vec::new(),
            internet: None,
            vnets: network.virtual_networks.iter().map(|vnet| vnet.address_space.clone()).collect(),
        };
        let (mut nics, mut segments) = (HashMap::new(), HashMap::new());
        for (nth, Attachment { kind, .. }) in gateway.attachments.iter().enumerate() {
            match kind {
                AttachmentKind::Nic { nic, .. } => drop(nics.insert(*nic, nth)),
                AttachmentKind::Subnet { subnet } => drop(segments.insert(*subnet, nth)),
                AttachmentKind::Internet { addresses, .. } => {
                    arrivals.internet.get_or_insert(nth);
                    let own = addresses.iter().map(|prefix| (prefix.addr(), "it is for the gateway itself"));
                    arrivals.public.extend(own);
                }
                AttachmentKind::OnPremises { prefixes, .. } => {
                    arrivals.sites.extend(prefixes.iter().map(|prefix| (*prefix, nth)));
                }
            }
        }
        let public = network.public_ips.iter().filter_map(|public| public.address);
        let public = public.chain(gateway.default_public_ips.iter().copied().map(IpAddr::V4));
        arrivals.public.extend(public.map(|public| (public, "it is for a public address of ours")));
        for (nth, nic) in network.network_interfaces.iter().enumerate() {
            for it in &nic.ip_configurations {
                let Some(address) = it.private_address else { continue };
                let attachment = nics.get(&NicIndex(nth)).or_else(|| segments.get::<SubnetIndex>(&it.subnet));
                let public = it.public_ip.and_then(|index| network.public_ips.get(index.0)?.address);
                let entry = Private {
                    nic: NicIndex(nth),
                    vnet: it.subnet.vnet,
                    attachment: attachment.copied(),
                    public,
                };
                arrivals.private.entry(address).or_default().push(entry);
            }
        }
        arrivals
    }

    /// The attachment on which a packet with these addresses comes in.
    ///
    /// # Errors
    /// [`Nowhere`] where its addresses do not tell.
    pub fn find(&self, source: IpAddr, destination: IpAddr) -> Result<Arrival, Nowhere> {
        let at = |attachment: Option<usize>, because| {
            let attachment = attachment.ok_or(Nowhere::Unattached)?;
            Ok(Arrival { attachment, because, translated: None })
        };
        if let Some(senders) = self.private.get(&source) {
            let sender = self.one_of(senders, destination)?;
            return at(sender.attachment, "its source address");
        }
        if let Some((_, site)) = self.sites.iter().find(|(prefix, _)| prefix.contains(&source)) {
            return at(Some(*site), "its source is of a site on premises");
        }
        if self.public.contains_key(&source) {
            return Err(Nowhere::Translated);
        }
        if let Some(because) = self.public.get(&destination) {
            return at(self.internet, because);
        }
        let receivers = self.private.get(&destination).ok_or(Nowhere::Foreign)?;
        let receiver = self.one_of(receivers, source)?;
        let behind = receiver.attachment.ok_or(Nowhere::Unattached)?;
        let arrival = at(self.internet, "its destination is ours, its source is not")?;
        Ok(Arrival { translated: Some((behind, receiver.public)), ..arrival })
    }

    /// Which network interfaces have a private address.
    pub fn nics(&self, private: IpAddr) -> impl Iterator<Item = NicIndex> + '_ {
        self.private.get(&private).into_iter().flatten().map(|entry| entry.nic)
    }

    /// Of those who have an address, the only one, or the only one whose virtual network has the other end too.
    fn one_of(&self, those: &[Private], other: IpAddr) -> Result<Private, Nowhere> {
        if let [only] = those {
            return Ok(*only);
        }
        let has = |it: &&Private| {
            let space = self.vnets.get(it.vnet.0);
            space.is_some_and(|space| space.iter().any(|prefix| prefix.contains(&other)))
        };
        let mut near = those.iter().filter(has);
        near.next().filter(|_| near.next().is_none()).copied().ok_or(Nowhere::Ambiguous)
    }
}
