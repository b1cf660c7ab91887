//! Whether anything has a network security group, and whether all documents say so.

use super::{Directories, Report};
use crate::{Network, NsgIndex, codes, raw};
use diagnostic::Diagnostic;
use std::collections::HashSet;

/// Groups that no subnet and no network interface has, here or as Azure's answer says elsewhere.
pub(super) fn nowhere(raw: &raw::Network, network: &Network, report: &mut Report) {
    let subnets = network.virtual_networks.iter().flat_map(|vnet| &vnet.subnets);
    let of_subnets = subnets.filter_map(|subnet| subnet.security_group);
    let of_nics = network.network_interfaces.iter().filter_map(|nic| nic.security_group);
    let attached: HashSet<NsgIndex> = of_subnets.chain(of_nics).collect();
    for (nth, group) in raw.security_groups.iter().enumerate() {
        if attached.contains(&NsgIndex(nth))
            || !(group.subnets.is_empty() && group.network_interfaces.is_empty())
        {
            continue;
        }
        let name = &group.name;
        let message = format!(
            "network security group '{}' is attached to no subnet and no network interface",
            name.value
        );
        let warning = Diagnostic::warning(codes::SECURITY_GROUP_NOT_ATTACHED, &name.at, message);
        report.push(
            warning.help(
                "it judges nothing: name it as networkSecurityGroup of a subnet or a network interface",
            ),
        );
    }
}

/// Groups of which Azure's answer says that something has them which names none here, or another one: the documents are not
/// of one time.
pub(super) fn contradicted(
    raw: &raw::Network,
    network: &Network,
    directories: &Directories,
    report: &mut Report,
) {
    for (nth, group) in raw.security_groups.iter().enumerate() {
        let subnets = group.subnets.iter().filter_map(|id| {
            let index = directories.subnets.find(&id.value).ok()?;
            let vnet = network.virtual_networks.get(index.vnet.0)?;
            let subnet = vnet.subnets.get(index.subnet)?;
            Some((id, format!("subnet '{}/{}'", vnet.name, subnet.name), subnet.security_group))
        });
        let nics = group.network_interfaces.iter().filter_map(|id| {
            let nic = network.network_interfaces.get(directories.nics.find(&id.value).ok()?.0)?;
            Some((id, format!("network interface '{}'", nic.name), nic.security_group))
        });
        for (id, holder, own) in subnets.chain(nics).filter(|(.., own)| *own != Some(NsgIndex(nth))) {
            let named = own.and_then(|own| network.security_groups.get(own.0));
            let named = named.map_or("no network security group".to_owned(), |it| format!("'{}'", it.name));
            let name = &group.name.value;
            let message =
                format!("network security group '{name}' says that {holder} has it, which names {named}");
            let warning = Diagnostic::warning(codes::SECURITY_GROUP_NOT_ATTACHED, &id.at, message);
            report.push(warning.help("what it names counts; get both documents again, at one time"));
        }
    }
}
