//! More than one network in a lab: segments, peerings, sites on premises, route tables.

use super::blueprint::{Blueprint, host_mac, ip, net};
use ipnet::IpNet;
use model::{NextHop, Peering, Route, RouteDestination, RouteTable, VnetIndex};
use packet::{AttachmentId, Mac};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Segments are numbered from here.
const SEGMENTS: u16 = 100;
/// On-premises attachments are numbered from here.
const SITES: u16 = 200;

/// A subnet behind one attachment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) subnet: usize,
    pub(super) on: AttachmentId,
}

/// A site on premises.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) name: String,
    pub(super) vnet: usize,
    pub(super) address: IpNet,
    pub(super) prefixes: Vec<IpNet>,
    pub(super) next_hop: Option<Ipv4Addr>,
    pub(super) host: Vec<Ipv4Addr>,
    pub(super) on: AttachmentId,
}

impl Blueprint {
    /// Attaches a subnet as a segment. Its VMs so far are behind it and no longer attached by themselves.
    pub fn segment(mut self, subnet: &str) -> Self {
        let subnet = self.subnet_index(subnet);
        let on = AttachmentId(SEGMENTS + self.segments.len() as u16);
        self.vms.iter_mut().filter(|vm| vm.subnet == subnet).for_each(|vm| vm.attachment = None);
        self.segments.push(Segment { subnet, on });
        self
    }

    /// Attaches a site on premises, behind the gateway of a virtual network; packets come `from` it by its name.
    pub fn on_premises(
        mut self,
        name: &str,
        vnet: &str,
        address: &str,
        prefixes: &[&str],
        next_hop: Option<&str>,
    ) -> Self {
        self.sites.push(Site {
            name: name.into(),
            vnet: self.vnet_index(vnet),
            address: net(address),
            prefixes: prefixes.iter().map(|prefix| net(prefix)).collect(),
            next_hop: next_hop.map(ip),
            host: Vec::new(),
            on: AttachmentId(SITES + self.sites.len() as u16),
        });
        self
    }

    /// Addresses that the host itself holds on a site's attachment.
    pub fn site_host(mut self, site: &str, addresses: &[&str]) -> Self {
        let site = self.sites.iter_mut().find(|known| known.name == site).expect("a site of the blueprint");
        site.host = addresses.iter().map(|address| ip(address)).collect();
        self
    }

    /// Gives a subnet a route table of these prefixes and next hops.
    pub fn routes(mut self, subnet: &str, routes: &[(&str, NextHop)]) -> Self {
        let route = |(prefix, next_hop): &(&str, NextHop)| Route {
            name: format!("to-{prefix}").into(),
            destination: RouteDestination::Prefix(net(prefix)),
            next_hop: *next_hop,
        };
        let name: Arc<str> = format!("{subnet}-routes").into();
        self.route_tables.push(RouteTable {
            id: Arc::clone(&name),
            name,
            routes: routes.iter().map(route).collect(),
            disable_bgp_route_propagation: false,
        });
        let plan =
            self.subnets.iter_mut().find(|plan| plan.name == subnet).expect("a subnet of the blueprint");
        plan.route_table = Some(self.route_tables.len() - 1);
        self
    }

    /// Peers two virtual networks.
    pub fn peer(mut self, one: &str, other: &str) -> Self {
        let (one, other) = (self.vnet_index(one), self.vnet_index(other));
        for (from, to) in [(one, other), (other, one)] {
            let half = Peering {
                name: format!("to-{}", self.vnets[to].0).into(),
                remote: VnetIndex(to),
                address_space: Vec::new(),
                connected: true,
                virtual_network_access: true,
                gateway_transit: false,
                remote_gateways: false,
            };
            self.peerings.push((from, half));
        }
        self
    }

    /// Takes the peerings of a virtual network away.
    pub fn unpeered(mut self, vnet: &str) -> Self {
        let vnet = self.vnet_index(vnet);
        self.peerings.retain(|(from, half)| *from != vnet && half.remote.0 != vnet);
        self
    }

    /// Peers only a part of `to`, as `from` sees it.
    pub fn peered(mut self, from: &str, to: &str, part: &str) -> Self {
        self.half(from, to).address_space = vec![part.parse().expect("a prefix")];
        self
    }

    /// Leaves a peer out of the VirtualNetwork of another network.
    pub fn without_access(mut self, from: &str, to: &str) -> Self {
        self.half(from, to).virtual_network_access = false;
        self
    }

    /// Lets the peer `spoke` use the gateway of `hub`.
    pub fn gateway_transit(mut self, hub: &str, spoke: &str) -> Self {
        self.half(hub, spoke).gateway_transit = true;
        self.half(spoke, hub).remote_gateways = true;
        self
    }

    /// Where somebody is, and its hardware address there.
    pub(super) fn place(&self, name: &str) -> (AttachmentId, Mac) {
        if name == "internet" {
            return (super::blueprint::INTERNET, host_mac(super::blueprint::INTERNET));
        }
        if let Some(site) = self.sites.iter().find(|site| site.name == name) {
            return (site.on, host_mac(site.on));
        }
        let nth = self.vms.iter().position(|vm| vm.name == name).expect("a VM of the lab");
        let own = AttachmentId(nth as u16 + 1);
        (self.attachment_of(nth).unwrap_or(own), self.mac_of(nth))
    }

    /// Who is at a hardware address behind an attachment; the attachment's own name for everybody else's.
    pub(super) fn name_at(&self, on: AttachmentId, mac: &[u8]) -> String {
        let vm = (0..self.vms.len()).find(|&nth| {
            let alone = self.vms[nth].attachment == Some(on.0);
            alone || self.attachment_of(nth) == Some(on) && mac == self.mac_of(nth)
        });
        let segment = self.segments.iter().find(|segment| segment.on == on);
        let site = self.sites.iter().find(|site| site.on == on);
        match (vm, segment, site) {
            (Some(nth), ..) => self.vms[nth].name.clone(),
            (_, Some(segment), _) => self.subnets[segment.subnet].name.clone(),
            (.., Some(site)) => site.name.clone(),
            _ => "internet".into(),
        }
    }

    /// Who answers for an address behind an attachment.
    pub(super) fn who_has(&self, on: AttachmentId, address: IpAddr) -> Option<String> {
        let near = |prefix: &IpNet| prefix.contains(&address);
        if let Some(internet) = self.internet.as_ref().filter(|_| on == super::blueprint::INTERNET) {
            let next_hops = [internet.next_hop.map(IpAddr::from), internet.next_hop_v6.map(IpAddr::from)];
            let there = internet.addresses.iter().any(near) || next_hops.contains(&Some(address));
            return there.then(|| "internet".into());
        }
        if let Some(site) = self.sites.iter().find(|site| site.on == on) {
            let there = self.both(site.address).iter().any(near);
            return (there || self.next_hops_of(site).contains(&address)).then(|| site.name.clone());
        }
        let is_it = |nth: &usize| self.vms[*nth].has(address) && self.attachment_of(*nth) == Some(on);
        (0..self.vms.len()).find(is_it).map(|nth| self.vms[nth].name.clone())
    }

    fn mac_of(&self, nth: usize) -> Mac {
        self.vms[nth].mac.unwrap_or_else(|| host_mac(AttachmentId(nth as u16 + 1)))
    }

    /// A VM's own attachment, or its subnet's segment.
    fn attachment_of(&self, nth: usize) -> Option<AttachmentId> {
        let vm = &self.vms[nth];
        let segment = self.segments.iter().find(|segment| segment.subnet == vm.subnet);
        vm.attachment.map(AttachmentId).or(segment.map(|segment| segment.on))
    }

    fn half(&mut self, from: &str, to: &str) -> &mut Peering {
        let (from, to) = (self.vnet_index(from), VnetIndex(self.vnet_index(to)));
        let half = self.peerings.iter_mut().find(|(of, half)| *of == from && half.remote == to);
        &mut half.expect("two networks that are peered").1
    }

    fn vnet_index(&self, name: &str) -> usize {
        self.vnets.iter().position(|(known, _)| known == name).expect("a virtual network of the blueprint")
    }

    fn subnet_index(&self, name: &str) -> usize {
        self.subnets.iter().position(|subnet| subnet.name == name).expect("a subnet of the blueprint")
    }
}
