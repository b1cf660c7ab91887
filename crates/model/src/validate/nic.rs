//! Network interfaces and their IP configurations.

mod together;

use super::{Directories, Report, children, id_of, prefix, text};
use crate::reference::Kind;
use crate::{
    AsgIndex, IpConfiguration, NetworkInterface, PublicIpAddress, PublicIpIndex, Subnet, SubnetIndex,
    VirtualNetwork, VnetIndex, codes, limits, raw,
};
use diagnostic::{At, Diagnostic};
use std::collections::HashMap;
use std::net::IpAddr;

/// All of them, in the documents' order, and the virtual network of each application security group's members.
pub(super) fn build_all(
    raw: &raw::Network,
    vnets: &[VirtualNetwork],
    public_ips: &[PublicIpAddress],
    directories: &Directories,
    report: &mut Report,
) -> (Vec<NetworkInterface>, Vec<Option<VnetIndex>>) {
    let mut builder = Builder {
        raw_vnets: &raw.virtual_networks,
        vnets,
        public_ips,
        directories,
        addresses: HashMap::new(),
        public_ip_users: HashMap::new(),
        members: vec![Members::default(); raw.application_security_groups.len()],
        report,
    };
    let nics = raw.network_interfaces.iter().map(|nic| builder.nic(nic)).collect();
    let members = builder.members;
    for (asg, members) in raw.application_security_groups.iter().zip(&members) {
        if members.count > limits::IP_CONFIGURATIONS_PER_ASG {
            let (name, count) = (&asg.name.value, members.count);
            let message = format!("application security group '{name}' has {count} members");
            let help = format!("a group has at most {}", limits::IP_CONFIGURATIONS_PER_ASG);
            report.push(Diagnostic::error(codes::ASG_MEMBERS_LIMIT, &asg.name.at, message).help(help));
        }
    }
    (nics, members.into_iter().map(|members| members.vnet).collect())
}

/// What is known of a group's members.
#[derive(Clone, Default)]
struct Members {
    vnet: Option<VnetIndex>,
    count: usize,
}

struct Builder<'a> {
    raw_vnets: &'a [raw::VirtualNetwork],
    vnets: &'a [VirtualNetwork],
    public_ips: &'a [PublicIpAddress],
    directories: &'a Directories,
    /// Who has which private address.
    addresses: HashMap<(VnetIndex, IpAddr), At<String>>,
    /// Who uses which public address.
    public_ip_users: HashMap<PublicIpIndex, At<String>>,
    members: Vec<Members>,
    report: &'a mut Report,
}

impl Builder<'_> {
    fn nic(&mut self, raw: &raw::NetworkInterface) -> NetworkInterface {
        let owner = format!("network interface '{}'", raw.name.value);
        if raw.ip_configurations.is_empty() && !raw.incomplete {
            let message = format!("{owner} has no IP configuration");
            let help = "write properties.ipConfigurations with one that names a subnet";
            self.error(codes::IP_CONFIGURATION_MISSING, &raw.name, message, help);
        }
        let names = raw.ip_configurations.iter().map(|configuration| &configuration.name);
        children::names_differ(names, "IP configuration", &raw.name.value, self.report);
        let security_group = raw.security_group.as_ref().and_then(|reference| {
            self.report.resolve(&self.directories.nsgs, reference, format_args!("{owner}"))
        });
        let primary = self.primary(raw);
        self.primary_is_ipv4(raw, primary);
        let before = self.report.tally.errors();
        let is_whole = !raw.incomplete && raw.ip_configurations.iter().all(|it| !it.incomplete);
        let mut ip_configurations: Vec<IpConfiguration> = Vec::with_capacity(raw.ip_configurations.len());
        for (nth, configuration) in raw.ip_configurations.iter().enumerate() {
            let Some(built) = self.configuration(raw, configuration, nth == primary) else { continue };
            if let Some(first) = ip_configurations.first()
                && first.subnet != built.subnet
            {
                let at = configuration.subnet.as_ref().unwrap_or(&configuration.name);
                self.apart(&owner, first, &built, at);
            }
            ip_configurations.push(built);
        }
        if is_whole && self.report.tally.errors() == before {
            self.same_groups(raw, &ip_configurations);
        }
        self.private_endpoint(raw, security_group, &ip_configurations);
        NetworkInterface {
            id: id_of(Kind::NetworkInterface, raw.id.as_ref(), &raw.name.value),
            name: raw.name.value.as_str().into(),
            security_group,
            ip_forwarding: raw.ip_forwarding,
            virtual_machine: raw.virtual_machine.as_ref().map(|it| it.value.as_str().into()),
            mac: raw.mac,
            ip_configurations,
        }
    }

    /// The configuration, or `None` where its subnet is not known.
    fn configuration(
        &mut self,
        nic: &raw::NetworkInterface,
        raw: &raw::IpConfiguration,
        primary: bool,
    ) -> Option<IpConfiguration> {
        let owner = format!("IP configuration '{}/{}'", nic.name.value, raw.name.value);
        text::name(&raw.name, "IP configuration", self.report);
        let subnet = self.subnet(raw, &owner);
        let private_address = self.private_address(raw, subnet, &owner);
        let public_ip = self.public_ip(raw, private_address, &owner);
        let application_security_groups = self.memberships(raw, subnet, &owner);
        Some(IpConfiguration {
            name: raw.name.value.as_str().into(),
            subnet: subnet?,
            private_address,
            is_assumed: false,
            is_ipv6: raw.is_ipv6.unwrap_or(false),
            public_ip,
            application_security_groups,
            primary,
        })
    }

    fn subnet(&mut self, raw: &raw::IpConfiguration, owner: &str) -> Option<SubnetIndex> {
        if raw.subnet.is_none() && !raw.incomplete {
            let message = format!("{owner} has no subnet");
            let help = "write properties.subnet.id, such as \"virtualNetworks/vnet1/subnets/web\"";
            self.error(codes::SUBNET_MISSING, &raw.name, message, help);
        }
        self.report.resolve(&self.directories.subnets, raw.subnet.as_ref()?, format_args!("{owner}"))
    }

    fn private_address(
        &mut self,
        raw: &raw::IpConfiguration,
        index: Option<SubnetIndex>,
        owner: &str,
    ) -> Option<IpAddr> {
        let written = raw.private_address.as_ref()?;
        let text = text::trimmed(written, self.report);
        if text.is_empty() {
            return None;
        }
        let Ok(address) = text.parse::<IpAddr>() else {
            let message = format!("{owner} has the private address '{text}'");
            let help = "write one address, such as 10.0.1.4";
            self.error(codes::INVALID_IP_ADDRESS_FORMAT, written, message, help);
            return None;
        };
        if raw.is_ipv6.is_some_and(|is_ipv6| is_ipv6 != address.is_ipv6()) {
            let (version, other) = if address.is_ipv4() { ("IPv6", "IPv4") } else { ("IPv4", "IPv6") };
            let message = format!("{owner} is for {version} and has {address}");
            let help = format!("write an {version} address, or privateIPAddressVersion {other}");
            self.error(codes::ADDRESS_VERSIONS_DIFFER, written, message, &help);
            return None;
        }
        let index = index?;
        let subnet = self.vnets.get(index.vnet.0)?.subnets.get(index.subnet)?;
        self.place_in_subnet(written, address, subnet, owner);
        if let Some(other) = self.addresses.get(&(index.vnet, address)) {
            let message = format!("{owner} has {address}, which {} has too", other.value);
            let help = "give every IP configuration of a virtual network its own address";
            let error = Diagnostic::error(codes::ADDRESS_IS_ALLOCATED, &written.at, message).help(help);
            self.report.push(error.related(&other.at, "first used here"));
        } else {
            self.addresses.insert((index.vnet, address), At::new(owner, &written.at));
        }
        Some(address)
    }

    /// Reports an address that its subnet cannot give.
    fn place_in_subnet(&mut self, written: &At<String>, address: IpAddr, subnet: &Subnet, owner: &str) {
        if subnet.prefixes.is_empty() {
            // Unreadable, and reported there.
            return;
        }
        let name = &subnet.name;
        let prefixes: Vec<String> = subnet.prefixes.iter().map(ToString::to_string).collect();
        let prefixes = prefixes.join(", ");
        match subnet.prefixes.iter().find(|prefix| prefix.contains(&address)) {
            None => {
                let message = format!("{owner} has {address}, which is not in its subnet '{name}'");
                let help = format!("choose an address of {prefixes}");
                self.error(codes::ADDRESS_NOT_IN_SUBNET, written, message, &help);
            }
            Some(prefix) if prefix::is_reserved(prefix, address) => {
                let message = format!("{owner} has {address}, which Azure keeps for itself in '{name}'");
                let help = format!("choose another address of {prefix}: not the first four, nor the last");
                self.error(codes::ADDRESS_IN_RESERVED_RANGE, written, message, &help);
            }
            Some(_) => {}
        }
    }

    fn public_ip(
        &mut self,
        raw: &raw::IpConfiguration,
        private: Option<IpAddr>,
        owner: &str,
    ) -> Option<PublicIpIndex> {
        let reference = raw.public_ip.as_ref()?;
        let index = self.report.resolve(&self.directories.public_ips, reference, format_args!("{owner}"))?;
        let public = self.public_ips.get(index.0)?;
        if let Some(other) = self.public_ip_users.get(&index) {
            let message =
                format!("{owner} uses public IP address '{}', which {} uses too", public.name, other.value);
            let help = "a public IP address belongs to one IP configuration";
            let error = Diagnostic::error(codes::PUBLIC_ADDRESS_IN_USE, &reference.at, message).help(help);
            self.report.push(error.related(&other.at, "first used here"));
        } else {
            self.public_ip_users.insert(index, At::new(owner, &reference.at));
        }
        let is_ipv6 = private.map(|private| private.is_ipv6()).or(raw.is_ipv6);
        if let (Some(is_ipv6), Some(address)) = (is_ipv6, public.address)
            && is_ipv6 != address.is_ipv6()
        {
            let version = if is_ipv6 { "IPv6" } else { "IPv4" };
            let message = format!("{owner} is for {version} and has the public address {address}");
            let help = "IPv4 goes with IPv4, IPv6 with IPv6: use an IP configuration for each";
            self.error(codes::PUBLIC_ADDRESS_VERSION, reference, message, help);
        }
        Some(index)
    }

    fn memberships(
        &mut self,
        raw: &raw::IpConfiguration,
        subnet: Option<SubnetIndex>,
        owner: &str,
    ) -> Vec<AsgIndex> {
        let mut groups: Vec<AsgIndex> = Vec::new();
        for reference in &raw.application_security_groups {
            let asgs = &self.directories.asgs;
            let Some(index) = self.report.resolve(asgs, reference, format_args!("{owner}")) else { continue };
            if groups.contains(&index) {
                continue;
            }
            groups.push(index);
            if let Some(subnet) = subnet {
                self.join(index, subnet.vnet, reference, owner);
            }
        }
        if groups.len() > limits::ASGS_PER_IP_CONFIGURATION {
            let message = format!("{owner} is in {} application security groups", groups.len());
            let help = format!("use at most {}", limits::ASGS_PER_IP_CONFIGURATION);
            self.error(codes::ASGS_OF_IP_CONFIGURATION_LIMIT, &raw.name, message, &help);
        }
        groups
    }

    /// Counts a member, which must be in the virtual network of the first one.
    fn join(&mut self, asg: AsgIndex, vnet: VnetIndex, reference: &At<String>, owner: &str) {
        let Some(members) = self.members.get_mut(asg.0) else { return };
        members.count += 1;
        let first = *members.vnet.get_or_insert(vnet);
        if first != vnet {
            let message = format!(
                "{owner} in virtual network '{}' joins '{}', whose members are in '{}'",
                self.vnet_name(vnet),
                reference.value,
                self.vnet_name(first),
            );
            let help = "use an application security group for each virtual network";
            self.error(codes::ASG_MEMBERS_OF_DIFFERENT_VNETS, reference, message, help);
        }
    }

    fn vnet_name(&self, index: VnetIndex) -> &str {
        self.vnets.get(index.0).map_or("", |vnet| &vnet.name)
    }

    fn error<T>(&mut self, code: &'static str, at: &At<T>, message: String, help: &str) {
        self.report.push(Diagnostic::error(code, &at.at, message).help(help));
    }
}
