//! What the IP configurations of one network interface must be together.

use super::Builder;
use crate::{IpConfiguration, NsgIndex, SubnetIndex, codes, raw};
use diagnostic::{At, Diagnostic};

impl Builder<'_> {
    /// Reports two IP configurations of one network interface that are not in one subnet.
    pub(super) fn apart(
        &mut self,
        owner: &str,
        first: &IpConfiguration,
        other: &IpConfiguration,
        at: &At<String>,
    ) {
        let code = match first.subnet.vnet == other.subnet.vnet {
            true => codes::IP_CONFIGURATIONS_IN_DIFFERENT_SUBNETS,
            false => codes::SUBNETS_NOT_IN_SAME_VNET,
        };
        let place = |of: &IpConfiguration| {
            let vnet = self.vnets.get(of.subnet.vnet.0)?;
            Some(format!("{}/{}", vnet.name, vnet.subnets.get(of.subnet.subnet)?.name))
        };
        let [here, there] = [first, other].map(|of| place(of).unwrap_or_default());
        let message =
            format!("{owner} has '{}' in subnet '{here}' and '{}' in '{there}'", first.name, other.name);
        let help = "put all IP configurations of a network interface into one subnet, or give the machine another interface";
        self.error(code, at, message, help);
    }

    /// Which configuration is the primary one: the only one, the one that says so, or else the first.
    pub(super) fn primary(&mut self, raw: &raw::NetworkInterface) -> usize {
        let list = &raw.ip_configurations;
        let mut said = list
            .iter()
            .enumerate()
            .filter(|(_, it)| it.primary.as_ref().is_some_and(|primary| primary.value));
        let first = said.next();
        let first_at = first.and_then(|(_, it)| Some(&it.primary.as_ref()?.at));
        for (_, other) in said {
            let at = other.primary.as_ref().map_or(&other.name.at, |primary| &primary.at);
            let message =
                format!("network interface '{}' has several primary IP configurations", raw.name.value);
            let help = format!("take \"primary\": true away from '{}'", other.name.value);
            let error = Diagnostic::error(codes::PRIMARY_IP_CONFIGURATION, at, message).help(help);
            self.report.push(match first_at {
                Some(first) => error.related(first, "the first one"),
                None => error,
            });
        }
        if first.is_none()
            && let [first, _, ..] = list.as_slice()
        {
            let name = &first.name.value;
            let message = format!(
                "network interface '{}' has no primary IP configuration; '{name}' is taken",
                raw.name.value
            );
            let help = format!("write \"primary\": true in '{name}'");
            let warning = Diagnostic::warning(codes::PRIMARY_IP_CONFIGURATION, &raw.name.at, message);
            self.report.push(warning.help(help));
        }
        first.map_or(0, |(nth, _)| nth)
    }

    /// Warns of a primary configuration for IPv6. Azure's is for IPv4 always, which a network interface needs.
    pub(super) fn primary_is_ipv4(&mut self, raw: &raw::NetworkInterface, primary: usize) {
        let first = raw.ip_configurations.get(primary).filter(|it| it.is_ipv6 == Some(true));
        if let Some(first) = first {
            let at = first.primary.as_ref().map_or(&first.name.at, |primary| &primary.at);
            let (nic, name) = (&raw.name.value, &first.name.value);
            let message =
                format!("the primary IP configuration '{nic}/{name}' is for IPv6, and Azure's is for IPv4");
            let warning = Diagnostic::warning(codes::PRIMARY_IP_CONFIGURATION, at, message);
            self.report.push(warning.help("make one for IPv4 the primary one"));
        }
    }

    /// Reports IPv4 configurations of one network interface that are in different application security groups.
    pub(super) fn same_groups(&mut self, raw: &raw::NetworkInterface, built: &[IpConfiguration]) {
        let sorted = |it: &IpConfiguration| {
            let mut groups = it.application_security_groups.clone();
            groups.sort_unstable();
            groups
        };
        let is_v4 = |it: &IpConfiguration| !it.is_ipv6 && it.private_address.is_none_or(|own| own.is_ipv4());
        let mut all = raw.ip_configurations.iter().zip(built).filter(|(_, it)| is_v4(it));
        let Some((first, groups)) = all.next().map(|(raw, it)| (raw, sorted(it))) else { return };
        for (other, _) in all.filter(|(_, it)| sorted(it) != groups) {
            let (nic, one, two) = (&raw.name.value, &first.name.value, &other.name.value);
            let message = format!(
                "IP configurations '{nic}/{one}' and '{nic}/{two}' are in different application security groups"
            );
            let help = "name the same groups in all IPv4 configurations of a network interface";
            let error = Diagnostic::error(codes::ASGS_OF_IP_CONFIGURATIONS_DIFFER, &other.name.at, message);
            self.report.push(error.help(help).related(&first.name.at, "the first one"));
        }
    }

    /// Warns where the rules judge a private endpoint that they do not judge in Azure.
    ///
    /// # Source
    /// Azure "Manage network policies for private endpoints".
    pub(super) fn private_endpoint(
        &mut self,
        raw: &raw::NetworkInterface,
        own: Option<NsgIndex>,
        configurations: &[IpConfiguration],
    ) {
        let (Some(endpoint), Some(first)) = (&raw.private_endpoint, configurations.first()) else { return };
        let SubnetIndex { vnet, subnet } = first.subnet;
        let of = |list: &raw::VirtualNetwork| list.subnets.get(subnet).map(|it| it.judges_private_endpoints);
        let is_judged = self.raw_vnets.get(vnet.0).and_then(of).unwrap_or(true);
        let built = self.vnets.get(vnet.0).and_then(|vnet| Some((vnet, vnet.subnets.get(subnet)?)));
        let Some((vnet, subnet)) = built.filter(|_| !is_judged) else { return };
        if own.or(subnet.security_group).is_some() {
            let message = format!(
                "network interface '{}' is of a private endpoint, and privateEndpointNetworkPolicies of subnet '{}/{}' keeps \
                 network security groups from it in Azure; here they judge it",
                raw.name.value, vnet.name, subnet.name
            );
            let help = "allow by rules what shall reach it, or set privateEndpointNetworkPolicies to NetworkSecurityGroupEnabled";
            self.report.push(Diagnostic::warning(codes::NOT_HONOURED, &endpoint.at, message).help(help));
        }
    }
}
