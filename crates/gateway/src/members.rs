//! Members of application security groups that no rule of a gateway sees.

use crate::codes;
use diagnostic::{Diagnostic, Location};
use model::{AddressMatch, AsgIndex, IpConfiguration, Network, SecurityRule};

/// So many members are named one by one.
const NAMED: usize = 4;

/// For each group that a rule names a warning of its members that have no address, where the first such rule is written: what
/// a rule says of them is not so for their packets, a Deny neither.
pub(crate) fn without_address(network: &Network) -> Vec<Diagnostic> {
    let groups = (0..network.application_security_groups.len()).map(AsgIndex);
    groups.filter_map(|group| warning(network, group)).collect()
}

fn warning(network: &Network, group: AsgIndex) -> Option<Diagnostic> {
    let is_one = |own: &&IpConfiguration| {
        own.private_address.is_none() && own.application_security_groups.contains(&group)
    };
    let nics = network.network_interfaces.iter();
    let members = nics.flat_map(|nic| {
        nic.ip_configurations.iter().filter(is_one).map(move |own| format!("{}/{}", nic.name, own.name))
    });
    let members: Vec<String> = members.collect();
    let ([first, ..], (rule, at)) = (members.as_slice(), first_rule(network, group)?) else { return None };
    let name = &network.application_security_groups.get(group.0)?.name;
    let named = members.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = members.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let message = format!(
        "{rule} names the application security group '{name}', and no rule sees its members {named}{more}: they have no \
         private address"
    );
    let help = format!(
        "write privateIPAddress in the IP configuration {first}, or attach its network interface and give the attachment an \
         address"
    );
    Some(Diagnostic::warning(codes::MEMBER_WITHOUT_ADDRESS, at, message).help(help))
}

/// The first rule that names a group, and where it is written.
fn first_rule(network: &Network, group: AsgIndex) -> Option<(String, &Location)> {
    let names = |rule: &SecurityRule| {
        [&rule.source, &rule.destination].into_iter().any(
            |side| matches!(side, AddressMatch::ApplicationSecurityGroups(groups) if groups.contains(&group)),
        )
    };
    network.security_groups.iter().zip(&network.rule_places).find_map(|(nsg, places)| {
        let (rule, at) = nsg.rules.iter().zip(places).find(|(rule, _)| names(rule))?;
        Some((format!("rule '{}/{}'", nsg.name, rule.name), at))
    })
}
