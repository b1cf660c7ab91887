//! The on-premises attachments: whose gateway each is, and whether its prefixes are anybody else's.

use crate::attach::Desk;
use crate::codes;
use crate::host::Seen;
use crate::written::OnPremises;
use diagnostic::{At, Diagnostic};
use ipnet::IpNet;
use model::{Network, VnetIndex};
use snapshot::AttachmentKind;
use std::net::IpAddr;

/// What no site can have: nobody's, the host's own, multicast, or the platform's.
const NOT_ALLOWED: [&str; 7] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "168.63.129.16/32",
    "224.0.0.0/3",
    "ff00::/8",
    "fe80::/10",
];

/// Of IPv6 the global and the local unicast addresses can be a site's.
const V6: [&str; 2] = ["2000::/3", "fc00::/7"];

impl Desk<'_> {
    /// The attachment, or `None` where nobody knows whose gateway it is.
    pub(crate) fn on_premises(&mut self, written: &OnPremises, seen: &Seen) -> Option<AttachmentKind> {
        let OnPremises { at, addresses, next_hops, prefixes, .. } = written;
        self.own_addresses(codes::ON_PREMISES, addresses, next_hops);
        for prefix in prefixes {
            if let Some((message, help)) = unusable(prefix.value) {
                self.error(codes::ON_PREMISES, &prefix.at, message, help);
            }
            let near = addresses.iter().any(|own| own.value.trunc().contains(&prefix.value));
            let same = |hop: &At<IpAddr>| hop.value.is_ipv4() == prefix.value.addr().is_ipv4();
            if !near && !next_hops.iter().any(same) {
                let message = format!("{} is not on the link, and there is no nextHop", prefix.value);
                let help = "give nextHop the address of the router there";
                self.error(codes::ON_PREMISES, &prefix.at, message, help);
            }
        }
        let vnet = self.gateway_of(written)?;
        self.apart(vnet, prefixes);
        self.one_gateway(vnet, written);
        self.sites.push((vnet, prefixes.iter().map(|prefix| (prefix.value, at.clone())).collect()));
        Some(AttachmentKind::OnPremises {
            vnet,
            addresses: addresses.iter().map(|own| own.value).collect(),
            prefixes: prefixes.iter().map(|prefix| prefix.value).collect(),
            next_hops: next_hops.iter().map(|hop| hop.value).collect(),
            host_addresses: seen.addresses.clone(),
        })
    }

    /// The virtual network whose gateway this is: the one that the file names, or the only one that it can be.
    fn gateway_of(&mut self, written: &OnPremises) -> Option<VnetIndex> {
        let network = self.network.as_deref()?;
        let error = match &written.virtual_network {
            Some(name) => match network.find_virtual_network(&name.value) {
                Ok(vnet) => return Some(vnet),
                Err(missing) => {
                    Diagnostic::error(codes::UNKNOWN_VNET, &name.at, missing.to_string()).help(missing.help())
                }
            },
            None => match candidates(network).as_slice() {
                [vnet] => return Some(*vnet),
                _ => Diagnostic::error(
                    codes::ON_PREMISES,
                    &written.at,
                    "several virtual networks could have this gateway, or none has one",
                )
                .help("name one: virtualNetwork: vnet1; or call a subnet of it GatewaySubnet, as Azure does"),
            },
        };
        self.out.push(error);
        None
    }

    /// A prefix that holds a virtual network is fine, for the network's routes come first; one inside it would be dead.
    fn apart(&mut self, vnet: VnetIndex, prefixes: &[At<IpNet>]) {
        let Some(network) = self.network.as_deref() else { return };
        let mut found = Vec::new();
        for (vnet, space) in network.served_by_gateway_of(vnet) {
            let Some(vnet) = network.virtual_networks.get(vnet.0) else { continue };
            for At { value: prefix, at } in prefixes {
                if let Some(space) = space.iter().find(|space| space.contains(prefix)) {
                    let message = format!("{prefix} lies inside {space}, the address space of {}", vnet.name);
                    let help = "a virtual network's own routes come first: nothing would ever go there";
                    found.push(Diagnostic::error(codes::ON_PREMISES, at, message).help(help));
                }
            }
        }
        self.out.extend(found);
    }

    /// A network that uses a peer's gateway has none of its own, and two sites of one gateway share no address.
    fn one_gateway(&mut self, vnet: VnetIndex, written: &OnPremises) {
        let Some(network) = self.network.as_deref() else { return };
        let mut found = Vec::new();
        if let Some(peering) = network.peers(vnet).find(|peering| peering.remote_gateways) {
            let name = |vnet: VnetIndex| network.virtual_networks.get(vnet.0).map_or("", |vnet| &vnet.name);
            let message = format!("{} uses the gateway of {} already", name(vnet), name(peering.remote));
            let error = Diagnostic::error(codes::ON_PREMISES, &written.at, message);
            found.push(error.help("attach the site to that network, or set useRemoteGateways to false"));
        }
        let served = |vnet| network.served_by_gateway_of(vnet).into_iter().map(|(vnet, _)| vnet);
        let ours: Vec<VnetIndex> = served(vnet).collect();
        for (other, prefixes) in &self.sites {
            if !served(*other).any(|vnet| ours.contains(&vnet)) {
                continue;
            }
            for prefix in &written.prefixes {
                let overlaps = |other: &IpNet| other.contains(&prefix.value) || prefix.value.contains(other);
                if let Some((theirs, at)) = prefixes.iter().find(|(other, _)| overlaps(other)) {
                    let message = format!("{} overlaps {theirs} of the site at {at}", prefix.value);
                    let error = Diagnostic::error(codes::ON_PREMISES, &prefix.at, message);
                    found.push(error.help("sites behind one gateway need addresses of their own"));
                }
            }
        }
        self.out.extend(found);
    }
}

/// The networks with a subnet of Azure's name for it, or else all.
fn candidates(network: &Network) -> Vec<VnetIndex> {
    let all = 0..network.virtual_networks.len();
    let has_gateway = |nth: &usize| {
        let subnets = &network.virtual_networks[*nth].subnets;
        subnets.iter().any(|subnet| subnet.name.eq_ignore_ascii_case("GatewaySubnet"))
    };
    let mut found: Vec<usize> = all.clone().filter(has_gateway).collect();
    if found.is_empty() {
        found = all.collect();
    }
    found.into_iter().map(VnetIndex).collect()
}

/// Why a prefix cannot be a site's, and what to do.
fn unusable(prefix: IpNet) -> Option<(String, &'static str)> {
    if prefix.prefix_len() == 0 {
        let help = "forced tunnelling is not built yet: name the site's own prefixes";
        return Some((format!("{prefix} would take all traffic on premises"), help));
    }
    let parse = |text: &&str| text.parse::<IpNet>().ok();
    let touches = |range: &IpNet| range.contains(&prefix) || prefix.contains(range);
    if let Some(range) = NOT_ALLOWED.iter().filter_map(parse).find(touches) {
        return Some((format!("{prefix} takes in {range}, which can be nobody's"), "leave that range out"));
    }
    let v6 = prefix.addr().is_ipv6() && !V6.iter().filter_map(parse).any(|range| range.contains(&prefix));
    v6.then(|| (format!("{prefix} is no unicast range of IPv6"), "use prefixes of 2000::/3 or fc00::/7"))
}
