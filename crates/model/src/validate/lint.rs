//! What is valid and yet hardly meant: rules that match nothing or less than they say, and groups that judge nobody.

use super::rule::label;
use super::{Directories, Report, attached, prefix};
use crate::{Network, NsgIndex, VnetIndex, codes, raw};
use diagnostic::{At, Diagnostic, Severity};
use ipnet::IpNet;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

/// The platform's addresses, and what answers there.
const PLATFORM: [(Ipv4Addr, &str); 2] = [
    (Ipv4Addr::new(168, 63, 129, 16), "Azure's DHCP, DNS and health probes"),
    (Ipv4Addr::new(169, 254, 169, 254), "Azure's instance metadata service"),
];
/// A shorter prefix covers the platform's addresses by the way, not for their sake.
const EXPLICIT: u8 = 16;

/// Looks over everything that could be read.
///
/// # Cost
/// Linear in the rules and the network interfaces; a rule that denies health probes looks at all of its group.
pub(super) fn lint(
    raw: &raw::Network,
    network: &Network,
    asg_vnets: &[Option<VnetIndex>],
    directories: &Directories,
    report: &mut Report,
) {
    // Documents with errors say nothing of who is judged, nor do those without machines of who is in a group.
    let errors = report.diagnostics.iter().any(|found| found.severity == Severity::Error);
    let complete = !errors && is_complete(raw);
    let machines = complete && !raw.network_interfaces.is_empty();
    let subnets = complete && network.virtual_networks.iter().any(|vnet| !vnet.subnets.is_empty());
    let public = public_addresses(network);
    let balanced = if machines { balanced(raw, network) } else { HashSet::new() };
    let guarded = guarded(network);
    for (nth, group) in raw.security_groups.iter().enumerate() {
        let is_balanced = balanced.contains(&NsgIndex(nth));
        let guarded = guarded.get(&NsgIndex(nth));
        for rule in &group.rules {
            let label = label(&group.name.value, &rule.name.value);
            own_public_address(rule, &label, &public, report);
            platform_denied(rule, &label, report);
            probes_denied(rule, &group.rules, is_balanced, &label, report);
            if machines {
                empty_groups(rule, &label, asg_vnets, directories, report);
                let guarded = guarded.map(|vnets| (network, vnets));
                groups_out_of_reach(rule, &label, (asg_vnets, guarded), directories, report);
            }
        }
    }
    if machines || subnets {
        attached::nowhere(raw, network, report);
    }
    if complete {
        attached::contradicted(raw, network, directories, report);
    }
}

/// Whether every network interface and subnet could be read.
fn is_complete(raw: &raw::Network) -> bool {
    let incomplete = |nic: &raw::NetworkInterface| {
        nic.incomplete || nic.ip_configurations.iter().any(|configuration| configuration.incomplete)
    };
    let vnets = &raw.virtual_networks;
    !raw.network_interfaces.iter().any(incomplete)
        && !vnets.iter().any(|vnet| vnet.incomplete || vnet.subnets.iter().any(|subnet| subnet.incomplete))
}

/// The groups before addresses that a load balancer has in a pool.
fn balanced(raw: &raw::Network, network: &Network) -> HashSet<NsgIndex> {
    let mut groups = HashSet::new();
    for (written, nic) in raw.network_interfaces.iter().zip(&network.network_interfaces) {
        for (written, own) in written.ip_configurations.iter().zip(&nic.ip_configurations) {
            if !written.is_balanced {
                continue;
            }
            let vnet = network.virtual_networks.get(own.subnet.vnet.0);
            let subnet = vnet.and_then(|vnet| vnet.subnets.get(own.subnet.subnet));
            groups.extend(
                subnet.and_then(|subnet| subnet.security_group).into_iter().chain(nic.security_group),
            );
        }
    }
    groups
}

/// The public addresses of machines, with whose they are and what stands for them in a rule.
fn public_addresses(network: &Network) -> HashMap<IpAddr, (String, Option<IpAddr>)> {
    let mut found = HashMap::new();
    for nic in &network.network_interfaces {
        for configuration in &nic.ip_configurations {
            let public = configuration.public_ip.and_then(|index| network.public_ips.get(index.0));
            if let Some(address) = public.and_then(|public| public.address) {
                let owner = format!("{}/{}", nic.name, configuration.name);
                found.insert(address, (owner, configuration.private_address));
            }
        }
    }
    found
}

/// Rules see a machine's private address, on its way in after translation and on its way out before.
fn own_public_address(
    rule: &raw::SecurityRule,
    label: &str,
    public: &HashMap<IpAddr, (String, Option<IpAddr>)>,
    report: &mut Report,
) {
    let (side, addresses) = match direction(rule) {
        Some(Way::In) => ("destination", &rule.destination),
        Some(Way::Out) => ("source", &rule.source),
        None => return,
    };
    for (net, written) in prefixes(addresses) {
        let single = net.prefix_len() == net.max_prefix_len();
        let Some((owner, private)) = public.get(&net.addr()).filter(|_| single) else { continue };
        let message = format!(
            "{label} has the {side} {}, the public address of '{owner}': it never matches",
            net.addr()
        );
        let help = match private {
            Some(private) => format!("write its private address {private}: rules see no other"),
            None => "write its private address: rules see no other".to_owned(),
        };
        let warning = Diagnostic::warning(codes::OWN_PUBLIC_ADDRESS, &written.at, message);
        report.push(warning.help(help));
    }
}

/// No rule but one with the platform's own tag judges what a machine sends to the platform.
fn platform_denied(rule: &raw::SecurityRule, label: &str, report: &mut Report) {
    if !has_access(rule, "Deny") || direction(rule) != Some(Way::Out) {
        return;
    }
    for (net, written) in prefixes(&rule.destination).filter(|(net, _)| net.prefix_len() >= EXPLICIT) {
        for (address, what) in PLATFORM.iter().filter(|(address, _)| net.contains(&IpAddr::V4(*address))) {
            let message = format!("{label} denies {address}, but what goes to {what} is not judged by it");
            let tag = if address.octets()[0] == 168 { "AzurePlatformDNS" } else { "AzurePlatformIMDS" };
            let warning = Diagnostic::warning(codes::PLATFORM_ADDRESS_DENIED, &written.at, message);
            report.push(warning.help(format!("to switch it off, deny the service tag {tag}")));
        }
    }
}

/// What denies where probes come from stands before the default rule that lets them in; unless a rule before both lets
/// some of them in. Before what a load balancer balances to, so does a rule that denies everybody, or VirtualNetwork, whatever
/// the port.
fn probes_denied(
    rule: &raw::SecurityRule,
    all: &[raw::SecurityRule],
    is_balanced: bool,
    label: &str,
    report: &mut Report,
) {
    if !has_access(rule, "Deny") || direction(rule) != Some(Way::In) {
        return;
    }
    let wide = || everybody(rule).filter(|_| is_balanced && is_about_every_port(rule));
    let Some(written) = probes(rule).or_else(wide) else { return };
    let is_earlier =
        |other: &raw::SecurityRule| priority(other).zip(priority(rule)).is_some_and(|(a, b)| a < b);
    let is_named = probes(rule).is_some();
    let lets_in = |other: &&raw::SecurityRule| {
        let some = probes(other).or_else(|| everybody(other).filter(|_| !is_named));
        has_access(other, "Allow") && direction(other) == Some(Way::In) && some.is_some()
    };
    if all.iter().filter(lets_in).any(is_earlier) {
        return;
    }
    let held = if is_named { "" } else { "which holds 168.63.129.16, " };
    let message = format!(
        "{label} denies {}, {held}where the load balancer's health probes come from: what it balances to looks dead",
        written.value.trim()
    );
    let warning = Diagnostic::warning(codes::HEALTH_PROBES_DENIED, &written.at, message);
    report.push(warning.help("allow the service tag AzureLoadBalancer with a lower priority number"));
}

/// Where a rule names the senders of health probes, by their tag or by their address.
fn probes(rule: &raw::SecurityRule) -> Option<&At<String>> {
    let is_tag = |it: &&At<String>| {
        ["AzureLoadBalancer", "AZURE_LOADBALANCER"]
            .iter()
            .any(|tag| it.value.trim().eq_ignore_ascii_case(tag))
    };
    let by_tag = rule.source.prefix.iter().chain(&rule.source.prefixes).find(is_tag);
    let is_address = |net: &IpNet| net.prefix_len() >= EXPLICIT && net.contains(&IpAddr::V4(PLATFORM[0].0));
    by_tag.or_else(|| prefixes(&rule.source).find(|(net, _)| is_address(net)).map(|(_, written)| written))
}

/// Where a rule names everybody or the virtual network, which holds the senders of health probes.
fn everybody(rule: &raw::SecurityRule) -> Option<&At<String>> {
    let words = ["*", "any", "0.0.0.0/0", "VirtualNetwork", "VIRTUAL_NETWORK"];
    let is_wide = |it: &&At<String>| words.iter().any(|word| it.value.trim().eq_ignore_ascii_case(word));
    rule.source.prefix.iter().chain(&rule.source.prefixes).find(is_wide)
}

/// Whether a rule is about TCP, which probes speak, to every port.
fn is_about_every_port(rule: &raw::SecurityRule) -> bool {
    let is = |text: &At<String>, words: &[&str]| {
        words.iter().any(|word| text.value.trim().eq_ignore_ascii_case(word))
    };
    let ports = rule.destination_ports.range.iter().chain(&rule.destination_ports.ranges);
    rule.protocol.as_ref().is_some_and(|it| is(it, &["*", "Tcp"]))
        && ports.into_iter().any(|it| is(it, &["*", "0-65535"]))
}

fn empty_groups(
    rule: &raw::SecurityRule,
    label: &str,
    asg_vnets: &[Option<VnetIndex>],
    directories: &Directories,
    report: &mut Report,
) {
    for addresses in [&rule.source, &rule.destination] {
        for reference in &addresses.application_security_groups {
            let Ok(asg) = directories.asgs.find(&reference.value) else { continue };
            if !matches!(asg_vnets.get(asg.0), Some(None)) {
                continue;
            }
            let message =
                format!("{label} names the application security group '{}', which has no members", {
                    reference.value.rsplit('/').next().unwrap_or_default()
                });
            let warning = Diagnostic::warning(codes::ASG_EMPTY, &reference.at, message);
            report.push(warning.help("it matches nothing until an IP configuration joins it"));
        }
    }
}

/// A network, and those of its virtual networks in which one group guards something.
type Guarded<'a> = (&'a Network, &'a HashSet<VnetIndex>);

/// The virtual networks in which each group guards something.
fn guarded(network: &Network) -> HashMap<NsgIndex, HashSet<VnetIndex>> {
    let mut guarded: HashMap<NsgIndex, HashSet<VnetIndex>> = HashMap::new();
    for (nth, vnet) in network.virtual_networks.iter().enumerate() {
        for group in vnet.subnets.iter().filter_map(|subnet| subnet.security_group) {
            guarded.entry(group).or_default().insert(VnetIndex(nth));
        }
    }
    for nic in &network.network_interfaces {
        if let (Some(group), Some(vnet)) = (nic.security_group, nic.vnet()) {
            guarded.entry(group).or_default().insert(vnet);
        }
    }
    guarded
}

/// Groups whose members are in another virtual network than all that the rule guards. At the other end of a connection they
/// count where both are peered, at the rule's own they never do.
///
/// # Source
/// Azure "Application security groups": all members of one group, and those of the groups on both sides of a rule, are in one
/// virtual network. Of a group that stands alone at the other end it says nothing.
fn groups_out_of_reach(
    rule: &raw::SecurityRule,
    label: &str,
    (asg_vnets, guarded): (&[Option<VnetIndex>], Option<Guarded<'_>>),
    directories: &Directories,
    report: &mut Report,
) {
    let (Some((network, guarded)), Some(way)) = (guarded, direction(rule)) else { return };
    for (side, is_own) in [(&rule.source, way == Way::Out), (&rule.destination, way == Way::In)] {
        for reference in &side.application_security_groups {
            let Ok(asg) = directories.asgs.find(&reference.value) else { continue };
            let Some(&Some(of)) = asg_vnets.get(asg.0) else { continue };
            let is_peer = |vnet: &VnetIndex| network.peers(*vnet).any(|peering| peering.remote == of);
            if guarded.contains(&of) || !is_own && guarded.iter().any(is_peer) {
                continue;
            }
            let name = reference.value.rsplit('/').next().unwrap_or_default();
            let vnet = network.virtual_networks.get(of.0).map(|vnet| &*vnet.name).unwrap_or_default();
            let message = format!(
                "{label} names the application security group '{name}', whose members are in virtual network '{vnet}', which \
                 is neither one that its network security group guards nor a peer of one: it matches none of them"
            );
            let message = match is_own {
                true => format!(
                    "{label} names the application security group '{name}' at its own end, whose members are in virtual network \
                     '{vnet}', where its network security group guards nothing: it matches none of them"
                ),
                false => message,
            };
            let help = match is_own {
                true => "name a group with members that the network security group guards",
                false => "connect the virtual networks by a peering, or write the addresses of the members",
            };
            report.push(Diagnostic::warning(codes::ASG_OUT_OF_REACH, &reference.at, message).help(help));
        }
    }
}

fn has_access(rule: &raw::SecurityRule, word: &str) -> bool {
    rule.access.as_ref().is_some_and(|it| it.value.trim().eq_ignore_ascii_case(word))
}

fn priority(rule: &raw::SecurityRule) -> Option<u16> {
    rule.priority.as_ref()?.value.trim().parse().ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

fn direction(rule: &raw::SecurityRule) -> Option<Way> {
    let word = rule.direction.as_ref()?.value.trim();
    let is = |known: &str| word.eq_ignore_ascii_case(known);
    is("Inbound").then_some(Way::In).or_else(|| is("Outbound").then_some(Way::Out))
}

/// The addresses and prefixes that can be read.
fn prefixes(addresses: &raw::Addresses) -> impl Iterator<Item = (IpNet, &At<String>)> {
    let written = addresses.prefix.iter().chain(&addresses.prefixes);
    written.filter_map(|it| Some((prefix::parse(it.value.trim()).ok()?, it)))
}
