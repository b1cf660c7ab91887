//! From a blueprint to the model that the gateway is built from.

use super::blueprint::{Blueprint, INTERNET, SubnetPlan, Vm, gateway_mac, host_mac};
use super::rule::parse_rule;
use ipnet::IpNet;
use model::{
    ApplicationSecurityGroup, AsgIndex, IpConfiguration, Network, NetworkInterface, NetworkSecurityGroup,
    NicIndex, NsgIndex, Peering, PublicIpAddress, PublicIpIndex, RouteTableIndex, Subnet, SubnetIndex,
    VirtualNetwork, VnetIndex,
};
use packet::AttachmentId;
use snapshot::{Attachment, AttachmentKind, Gateway};
use std::net::IpAddr;
use std::sync::Arc;

impl Blueprint {
    /// The network as the gateway's model.
    pub fn network(&self) -> Network {
        let nsg = |(name, rules): &(String, Vec<String>)| NetworkSecurityGroup {
            id: name.as_str().into(),
            name: name.as_str().into(),
            rules: rules.iter().map(|rule| parse_rule(rule, |asg| self.asg_index(asg))).collect(),
        };
        let asg = |(name, _): &(String, Vec<String>)| ApplicationSecurityGroup {
            id: name.as_str().into(),
            name: name.as_str().into(),
        };
        let mut public_ips = Vec::new();
        let nics = self.vms.iter().map(|vm| self.nic(vm, &mut public_ips)).collect();
        Network {
            virtual_networks: self
                .vnets
                .iter()
                .enumerate()
                .map(|(nth, vnet)| self.virtual_network(nth, vnet))
                .collect(),
            network_interfaces: nics,
            security_groups: self.nsgs.iter().map(nsg).collect(),
            application_security_groups: self.asgs.iter().map(asg).collect(),
            route_tables: self.route_tables.clone(),
            public_ips,
            ..Network::default()
        }
    }

    /// The gateway on `network`.
    pub fn gateway(&self, network: Arc<Network>) -> Gateway {
        let nics = self.vms.iter().enumerate().filter_map(|(nth, vm)| {
            let kind = AttachmentKind::Nic {
                nic: NicIndex(nth),
                enforced_mac: vm.enforced_mac.then(|| host_mac(AttachmentId(vm.attachment.unwrap_or(0)))),
            };
            Some(attachment(AttachmentId(vm.attachment?), &vm.name, vm.mtu, kind))
        });
        let internet = self.internet.iter().map(|internet| {
            let kind = AttachmentKind::Internet {
                addresses: internet.addresses.clone(),
                next_hops: internet
                    .next_hop
                    .map(IpAddr::from)
                    .into_iter()
                    .chain(internet.next_hop_v6.map(IpAddr::from))
                    .collect(),
                host_addresses: internet.host.iter().copied().map(Into::into).collect(),
            };
            attachment(INTERNET, "internet", internet.mtu, kind)
        });
        let segments = self.segments.iter().map(|segment| {
            let kind = AttachmentKind::Subnet { subnet: self.subnet_of(segment.subnet) };
            attachment(segment.on, &self.subnets[segment.subnet].name, 1500, kind)
        });
        let sites = self.sites.iter().map(|site| {
            let kind = AttachmentKind::OnPremises {
                vnet: VnetIndex(site.vnet),
                addresses: self.both(site.address),
                prefixes: site.prefixes.iter().flat_map(|prefix| self.both(*prefix)).collect(),
                next_hops: self.next_hops_of(site),
                host_addresses: site.host.iter().copied().map(Into::into).collect(),
            };
            attachment(site.on, &site.name, 1500, kind)
        });
        Gateway {
            network,
            attachments: internet.chain(nics).chain(segments).chain(sites).collect(),
            default_public_ips: self.default_public.clone(),
            default_outbound_access: false,
            snat_ports: self.snat_ports,
            ports_per_vm: self.ports_per_vm,
            flow_idle: self.flow_idle,
            snat_idle: self.snat_idle,
        }
    }

    fn virtual_network(&self, nth: usize, (name, space): &(String, IpNet)) -> VirtualNetwork {
        let subnet = |plan: &SubnetPlan| Subnet {
            id: plan.name.as_str().into(),
            name: plan.name.as_str().into(),
            prefixes: plan.prefixes(self),
            security_group: plan.nsg.map(NsgIndex),
            route_table: plan.route_table.map(RouteTableIndex),
            default_outbound_access: true,
        };
        VirtualNetwork {
            id: name.as_str().into(),
            name: name.as_str().into(),
            address_space: self.both(*space),
            subnets: self.subnets.iter().filter(|plan| plan.vnet == nth).map(subnet).collect(),
            peerings: self
                .peerings
                .iter()
                .filter(|(of, _)| *of == nth)
                .map(|(_, half)| self.whole(half))
                .collect(),
            peers_elsewhere: Vec::new(),
        }
    }

    /// A half with all that the other network has, unless a part is peered.
    fn whole(&self, half: &Peering) -> Peering {
        let theirs = half.address_space.is_empty().then(|| self.both(self.vnets[half.remote.0].1));
        Peering { address_space: theirs.unwrap_or_else(|| half.address_space.clone()), ..half.clone() }
    }

    fn subnet_of(&self, nth: usize) -> SubnetIndex {
        let vnet = self.subnets[nth].vnet;
        let before = self.subnets[..nth].iter().filter(|other| other.vnet == vnet).count();
        SubnetIndex { vnet: VnetIndex(vnet), subnet: before }
    }

    fn nic(&self, vm: &Vm, public_ips: &mut Vec<PublicIpAddress>) -> NetworkInterface {
        let public_ip = vm.public.map(|(address, sku)| {
            let name = format!("{}-ip", vm.name);
            let id = name.as_str().into();
            public_ips.push(PublicIpAddress { id, name: name.into(), address: Some(address.into()), sku });
            PublicIpIndex(public_ips.len() - 1)
        });
        let groups = self.asgs.iter().enumerate().filter(|(_, (_, members))| members.contains(&vm.name));
        let configuration = IpConfiguration {
            name: "ipconfig1".into(),
            subnet: self.subnet_of(vm.subnet),
            private_address: Some(vm.address.into()),
            is_assumed: false,
            is_ipv6: false,
            public_ip,
            application_security_groups: groups.map(|(nth, _)| AsgIndex(nth)).collect(),
            primary: true,
        };
        let second = self.configuration_v6(vm, &configuration, public_ips);
        NetworkInterface {
            id: vm.name.as_str().into(),
            name: vm.name.as_str().into(),
            security_group: vm.nsg.map(NsgIndex),
            ip_forwarding: false,
            virtual_machine: None,
            mac: None,
            ip_configurations: [configuration].into_iter().chain(second).collect(),
        }
    }

    fn asg_index(&self, name: &str) -> AsgIndex {
        AsgIndex(self.asgs.iter().position(|(known, _)| known == name).expect("an ASG named before the rule"))
    }
}

fn attachment(id: AttachmentId, interface: &str, mtu: u32, kind: AttachmentKind) -> Attachment {
    Attachment { id, interface: interface.into(), mac: gateway_mac(id), mtu, kind }
}
