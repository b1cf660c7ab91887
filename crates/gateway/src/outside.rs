//! The internet attachment, and whose the public addresses are.

use crate::attach::Desk;
use crate::codes;
use crate::host::Seen;
use crate::written::{Attachment, Behind, Written};
use diagnostic::{At, Diagnostic, Location};
use ipnet::IpNet;
use model::IpConfiguration;
use snapshot::{AttachmentKind, PLATFORM};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

impl Desk<'_> {
    pub(crate) fn internet(
        &mut self,
        addresses: &[At<IpNet>],
        next_hops: &[At<IpAddr>],
        seen: &Seen,
    ) -> AttachmentKind {
        self.own_addresses(codes::INTERNET, addresses, next_hops);
        for At { value: hop, at } in next_hops {
            let Some(nic) = self.owner(*hop) else { continue };
            let message = format!("nextHop {hop} is the public address of {nic}");
            let help = "nsgate would answer for the router: give one of the two another address";
            self.error(codes::INTERNET, at, message, help);
        }
        for At { value: prefix, at } in addresses {
            for edge in [prefix.network(), prefix.broadcast()].into_iter().filter(|it| is_edge(prefix, *it)) {
                let Some(nic) = self.owner(edge) else { continue };
                let message = format!(
                    "{edge}, the public address of {nic}, is the first or the last one of {}",
                    prefix.trunc()
                );
                self.error(
                    codes::INTERNET,
                    at,
                    message,
                    "these are nobody's: give one of the two another address",
                );
            }
        }
        AttachmentKind::Internet {
            addresses: addresses.iter().map(|own| own.value).collect(),
            next_hops: next_hops.iter().map(|hop| hop.value).collect(),
            host_addresses: seen.addresses.clone(),
        }
    }

    /// The gateway's own addresses outside, and the routers there.
    pub(crate) fn own_addresses(
        &mut self,
        code: &'static str,
        addresses: &[At<IpNet>],
        next_hops: &[At<IpAddr>],
    ) {
        for At { value: prefix, at } in addresses {
            if is_edge(prefix, prefix.addr()) {
                let message = format!("{prefix}: the first and the last address of a prefix are nobody's");
                self.error(code, at, message, "give the gateway's own address, such as 203.0.113.2/24");
            }
        }
        for At { value: hop, at } in next_hops {
            if addresses.iter().any(|own| own.value.addr() == *hop) {
                self.out.push(Diagnostic::error(
                    code,
                    at,
                    format!("nextHop {hop} is the gateway's own address"),
                ));
            } else if addresses.iter().any(|own| is_edge(&own.value, *hop)) {
                let message = format!("nextHop {hop} is the first or the last address of the link");
                self.error(code, at, message, "these are nobody's: give the router's own address");
            } else if !addresses.is_empty() && !addresses.iter().any(|own| is_near(&own.value, *hop)) {
                let prefixes: Vec<_> = addresses.iter().map(|own| own.value.trunc().to_string()).collect();
                let message = format!("nextHop {hop} is outside {}", prefixes.join(" and "));
                self.error(code, at, message, "a router is reached on the link itself");
            }
        }
    }

    pub(crate) fn one_internet(&mut self, written: &Written) {
        let internet = written.attachments.iter().filter_map(|attachment| match &attachment.behind {
            Behind::Internet { at, .. } => Some(at),
            _ => None,
        });
        let mut internet = internet.peekable();
        if let Some(public) = written.default_public_ips.first()
            && internet.peek().is_none()
            && !written.attachments.is_empty()
        {
            let message = format!("defaultPublicIp {} needs an internet attachment", public.value);
            self.error(codes::INTERNET, &public.at, message, "give one of the attachments internet");
        }
        for at in internet.skip(1) {
            self.out.push(crate::fields::not_built(at, "more than one internet attachment"));
        }
    }

    /// No public address may be two things at once.
    pub(crate) fn public_addresses(&mut self, written: &Written) {
        let held = self.host_addresses();
        self.default_public_ips(written, &held);
        for (address, interface) in held {
            let Some(nic) = self.owner(address) else { continue };
            let at = written.attachments.iter().find(|attachment| *attachment.interface.value == *interface);
            let Some(Attachment { interface: At { at, .. }, .. }) = at else { continue };
            let message = format!("interface {interface} holds {address}, the public address of {nic}");
            self.error(codes::INTERNET, at, message, "take it off the host: nsgate answers for it");
        }
    }

    fn default_public_ips(&mut self, written: &Written, held: &[(IpAddr, Arc<str>)]) {
        let mut seen = Vec::new();
        let mut is_shared = false;
        for At { value, at } in &written.default_public_ips {
            if seen.contains(value) {
                let message = format!("defaultPublicIp {value} stands twice");
                self.error(codes::DEFAULT_PUBLIC_IP, at, message, "write each address once");
                continue;
            }
            seen.push(*value);
            if let Some(nic) = self.owner(IpAddr::V4(*value)) {
                let message = format!("defaultPublicIp {value} is the public address of {nic} alone");
                let help = "choose an address that no network interface has";
                self.error(codes::DEFAULT_PUBLIC_IP, at, message, help);
            }
            if let Some(whose) = self.nobodys_outside(*value) {
                let message = format!("defaultPublicIp {value} is {whose}");
                let help = "choose an address that leads to this gateway from outside";
                self.error(codes::DEFAULT_PUBLIC_IP, at, message, help);
            }
            for attachment in &written.attachments {
                let Behind::Internet { addresses, next_hops, .. } = &attachment.behind else { continue };
                let whose = if next_hops.iter().any(|hop| hop.value == *value) {
                    "a nextHop's: nsgate would answer for the router"
                } else if addresses.iter().any(|own| is_edge(&own.value, IpAddr::V4(*value))) {
                    "the first or the last one of the link, which is nobody's"
                } else {
                    continue;
                };
                let message = format!("defaultPublicIp {value} is {whose}");
                self.error(codes::DEFAULT_PUBLIC_IP, at, message, "choose an address that nobody else has");
            }
            let Some((_, interface)) = held.iter().find(|(address, _)| *address == *value) else { continue };
            if std::mem::replace(&mut is_shared, true) {
                let message =
                    format!("defaultPublicIp {value} is this host's own address, as one before it is");
                let help =
                    "only one can be shared with the host; take one of them off the host or out of the list";
                self.error(codes::DEFAULT_PUBLIC_IP, at, message, help);
                continue;
            }
            self.shared_with_the_host(*value, interface, at, written);
        }
    }

    /// What an address is that leads nobody outside back to this gateway.
    ///
    /// One that is only near those of the machines may do so: the link outside can have a prefix of theirs.
    fn nobodys_outside(&self, address: Ipv4Addr) -> Option<String> {
        if PLATFORM.ip() == address {
            return Some("the platform's".into());
        }
        if address.is_link_local() {
            return Some("link-local: no router takes it further".into());
        }
        let has = |configuration: &IpConfiguration| configuration.private_address == Some(address.into());
        let nics = self.network.as_deref().map(|network| &network.network_interfaces);
        let owner = nics?.iter().find(|nic| nic.ip_configurations.iter().any(has))?;
        Some(format!("the private address of {}", owner.name))
    }

    /// The host and the gateway can have one address between them where their ports lie apart.
    fn shared_with_the_host(&mut self, address: Ipv4Addr, interface: &str, at: &Location, written: &Written) {
        let Some((ports, at)) = written.snat_ports.as_ref().map(|ports| (ports.value.range(), &ports.at))
        else {
            let message = format!("defaultPublicIp {address} is this host's own address on {interface}");
            let help = "to share it give outbound.ports a range outside the host's ip_local_port_range, \
                        or choose an address that the host does not hold";
            return self.error(codes::DEFAULT_PUBLIC_IP, at, message, help);
        };
        let mut seen = self.attached.links.values().filter_map(|link| link.interface.as_ref());
        let Some(local) = seen.find(|seen| seen.name == interface).map(|seen| seen.local_ports.clone())
        else {
            return;
        };
        if ports.start() <= local.end() && local.start() <= ports.end() {
            let message = format!(
                "ports {}-{} overlap the host's own, {}-{} (net.ipv4.ip_local_port_range)",
                ports.start(),
                ports.end(),
                local.start(),
                local.end()
            );
            let help = format!("the host shares {address}: narrow one of the two ranges");
            self.error(codes::OUTBOUND_PORTS, at, message, &help);
        }
    }

    /// What the host holds on the internet attachment.
    fn host_addresses(&self) -> Vec<(IpAddr, Arc<str>)> {
        let mut held = Vec::new();
        for attachment in &self.attached.attachments {
            let AttachmentKind::Internet { host_addresses, .. } = &attachment.kind else { continue };
            held.extend(host_addresses.iter().map(|address| (*address, Arc::clone(&attachment.interface))));
        }
        held
    }

    /// The network interface with this instance-level public address.
    fn owner(&self, public: IpAddr) -> Option<Arc<str>> {
        let network = self.network.as_deref()?;
        let has = |configuration: &IpConfiguration| {
            let index = configuration.public_ip;
            index.and_then(|index| network.public_ips.get(index.0)).and_then(|public| public.address)
                == Some(public)
        };
        let owner = network.network_interfaces.iter().find(|nic| nic.ip_configurations.iter().any(has));
        owner.map(|nic| Arc::clone(&nic.name))
    }
}

/// Whether an address is the first or the last one of a link's prefix, which are nobody's.
fn is_edge(prefix: &IpNet, address: IpAddr) -> bool {
    prefix.prefix_len() < prefix.max_prefix_len() - 1
        && (address == prefix.network() || address == prefix.broadcast())
}

/// Whether a router is on the link where the gateway has this address; every link has IPv6's link-local ones.
fn is_near(own: &IpNet, router: IpAddr) -> bool {
    let link_local = matches!(router, IpAddr::V6(v6) if v6.is_unicast_link_local());
    own.contains(&router) || link_local && own.addr().is_ipv6()
}
