//! Children that their own answer and their parent's tell differently: one of the two is older, and nobody knows which.

use super::resource::is_full;
use diagnostic::{At, Diagnostic};
use document::Report;
use model::{codes, raw};
use std::collections::HashMap;

/// Reports each child that was answered by itself and says something else than inside its parent.
///
/// # Cost
/// Linear in the network.
pub(super) fn find(network: &raw::Network, report: &mut Report) {
    let raw::Network { subnets, peerings, security_rules, routes, .. } = network;
    let vnets = &network.virtual_networks;
    compare(vnets.iter().map(|it| (&it.id, &it.subnets)), subnets, report);
    compare(vnets.iter().map(|it| (&it.id, &it.peerings)), peerings, report);
    compare(network.security_groups.iter().map(|it| (&it.id, &it.rules)), security_rules, report);
    compare(network.route_tables.iter().map(|it| (&it.id, &it.routes)), routes, report);
}

/// What answers of older versions of the interface do not say. A parent that is silent about it contradicts nobody; a child
/// that is counts, so it must not leave out what its parent says.
const MAY_BE_LEFT_OUT: [&str; 4] =
    ["defaultOutboundAccess", "enableOnlyIPv6Peering", "peeringState", "remoteAddressSpace"];

/// The name of a field, and the words in it that count.
type Field = (&'static str, Vec<String>);

/// A child, field by field.
trait Child {
    fn name(&self) -> &At<String>;
    fn fields(&self) -> Vec<Field>;
}

fn compare<'a, T: Child + 'a>(
    parents: impl Iterator<Item = (&'a Option<At<String>>, &'a Vec<T>)>,
    children: &[raw::Child<T>],
    report: &mut Report,
) {
    let key = |id: &str, name: &str| {
        is_full(id).then(|| (id.trim_matches('/').to_ascii_lowercase(), name.to_ascii_lowercase()))
    };
    let mut inline = HashMap::new();
    for (id, child) in parents.flat_map(|(id, all)| all.iter().map(move |child| (id, child))) {
        let key = id.as_ref().and_then(|id| key(&id.value, &child.name().value));
        inline.extend(key.map(|key| (key, child)));
    }
    for own in children {
        let (name, key) = (own.value.name(), key(&own.parent.value, &own.value.name().value));
        let Some(first) = key.and_then(|key| inline.get(&key)) else { continue };
        let both = first.fields().into_iter().zip(own.value.fields());
        let differs = |(field, parents): &Field, (_, own): &Field| {
            let is_older = MAY_BE_LEFT_OUT.contains(field) && parents.is_empty();
            parents != own && !is_older
        };
        let Some(((field, _), _)) = both.into_iter().find(|(parents, own)| differs(parents, own)) else {
            continue;
        };
        let message =
            format!("'{}' has another {field} here than in the answer about its parent", name.value);
        let error = Diagnostic::error(codes::DUPLICATE_RESOURCE_NAME, &name.at, message);
        let error = error.related(&first.name().at, "what its parent says of it");
        report.push(error.help("one of the two answers is older: take it away, or ask for both again"));
    }
}

/// What is written in a field or in two that mean the same, whatever the order and the letter case.
fn words<'a>(written: impl IntoIterator<Item = &'a At<String>>) -> Vec<String> {
    let trimmed = written.into_iter().map(|it| it.value.trim().to_ascii_lowercase());
    let mut words: Vec<String> = trimmed.filter(|it| !it.is_empty()).collect();
    words.sort();
    words.dedup();
    words
}

fn said(value: Option<bool>) -> Vec<String> {
    value.iter().map(ToString::to_string).collect()
}

impl Child for raw::Subnet {
    fn name(&self) -> &At<String> {
        &self.name
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            ("addressPrefix", words(&self.prefixes)),
            ("networkSecurityGroup", words(&self.security_group)),
            ("routeTable", words(&self.route_table)),
            ("defaultOutboundAccess", said(self.default_outbound_access)),
        ]
    }
}

impl Child for raw::Peering {
    fn name(&self) -> &At<String> {
        &self.name
    }

    fn fields(&self) -> Vec<Field> {
        let is_used = self.remote_gateways.as_ref().is_some_and(|it| it.value);
        vec![
            ("remoteVirtualNetwork", words(&self.remote)),
            ("allowVirtualNetworkAccess", vec![self.virtual_network_access.to_string()]),
            ("allowGatewayTransit", vec![self.gateway_transit.to_string()]),
            ("useRemoteGateways", vec![is_used.to_string()]),
            ("enableOnlyIPv6Peering", said(self.only_ipv6)),
            ("peeringState", words(&self.state)),
            ("remoteAddressSpace", words(&self.remote_address_space)),
        ]
    }
}

impl Child for raw::SecurityRule {
    fn name(&self) -> &At<String> {
        &self.name
    }

    fn fields(&self) -> Vec<Field> {
        let addresses = |it: &raw::Addresses| words(it.prefix.iter().chain(&it.prefixes));
        let ports = |it: &raw::Ports| words(it.range.iter().chain(&it.ranges));
        vec![
            ("priority", words(&self.priority)),
            ("direction", words(&self.direction)),
            ("access", words(&self.access)),
            ("protocol", words(&self.protocol)),
            ("sourceAddressPrefix", addresses(&self.source)),
            ("sourceApplicationSecurityGroups", words(&self.source.application_security_groups)),
            ("sourcePortRange", ports(&self.source_ports)),
            ("destinationAddressPrefix", addresses(&self.destination)),
            ("destinationApplicationSecurityGroups", words(&self.destination.application_security_groups)),
            ("destinationPortRange", ports(&self.destination_ports)),
        ]
    }
}

impl Child for raw::Route {
    fn name(&self) -> &At<String> {
        &self.name
    }

    fn fields(&self) -> Vec<Field> {
        vec![
            ("addressPrefix", words(&self.prefix)),
            ("nextHopType", words(&self.next_hop_type)),
            ("nextHopIpAddress", words(&self.next_hop_ip_address)),
        ]
    }
}
