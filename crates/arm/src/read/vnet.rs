//! Virtual networks and subnets.

use super::resource::Head;
use super::{Reader, keys};
use crate::place::Place;
use model::{At, raw};

impl Reader {
    pub(super) fn virtual_network(&mut self, place: &Place<'_>, head: Head) {
        let before = self.report.errors();
        let mut address_space = Vec::new();
        let mut subnets = Vec::new();
        if let Some(properties) = place.get("properties") {
            keys::check(&properties, keys::VIRTUAL_NETWORK, &mut self.report);
            if let Some(space) = properties.get("addressSpace").filter(|it| self.report.object(it)) {
                address_space = self.report.strings(&space, "addressPrefixes");
            }
            if let Some(list) = properties.get("subnets") {
                self.report.array(&list);
                subnets.extend(list.elements().filter_map(|subnet| self.inline_subnet(&subnet)));
            }
            self.ignore_properties(
                &properties,
                &["virtualNetworkPeerings", "flowTimeoutInMinutes"],
                &head.name.value,
            );
        }
        let incomplete = self.report.errors() > before;
        let Head { id, name } = head;
        let vnet = raw::VirtualNetwork { id, name, address_space, subnets, incomplete };
        self.network.virtual_networks.push(vnet);
    }

    fn inline_subnet(&mut self, place: &Place<'_>) -> Option<raw::Subnet> {
        if !self.report.object(place) || !self.is_nested(place, keys::SUBNET) {
            return None;
        }
        keys::check(place, keys::RESOURCE, &mut self.report);
        let head = Head::read(place, &mut self.report);
        Some(self.subnet(place, head))
    }

    /// A subnet; its place has been found to be nested.
    pub(super) fn subnet(&mut self, place: &Place<'_>, head: Head) -> raw::Subnet {
        let before = self.report.errors();
        let Head { id, name } = head;
        let (mut prefixes, mut security_group) = (Vec::new(), None);
        if let Some(properties) = place.get("properties") {
            keys::check(&properties, keys::SUBNET, &mut self.report);
            prefixes = self.report.strings(&properties, "addressPrefixes");
            if let Some(one) = self.report.string(&properties, "addressPrefix") {
                add_once(&mut prefixes, one);
            }
            security_group = self.report.reference(&properties, "networkSecurityGroup");
            let beyond = ["routeTable", "natGateway", "serviceEndpoints", "serviceEndpointPolicies"];
            self.ignore_properties(&properties, &beyond, &name.value);
        }
        let incomplete = self.report.errors() > before;
        raw::Subnet { id, name, prefixes, security_group, incomplete }
    }
}

/// Azure's answers may give a lone prefix in both fields.
fn add_once(prefixes: &mut Vec<At<String>>, one: At<String>) {
    if !one.value.is_empty() && prefixes.iter().all(|it| it.value != one.value) {
        prefixes.push(one);
    }
}
