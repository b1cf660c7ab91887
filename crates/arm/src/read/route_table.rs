//! Route tables and their routes.

use super::resource::Head;
use super::{Reader, keys};
use crate::codes;
use diagnostic::{At, Diagnostic};
use document::{Place, Value};
use model::raw;

impl Reader {
    pub(super) fn route_table(&mut self, place: &Place<'_>, head: Head) {
        let (mut routes, mut disable_bgp_route_propagation) = (Vec::new(), false);
        if let Some(properties) = self.properties(place, keys::ROUTE_TABLE) {
            let disabled = self.report.boolean(&properties, "disableBgpRoutePropagation");
            disable_bgp_route_propagation = disabled.is_some_and(|it| it.value);
            if let Some(list) = properties.get("routes") {
                self.report.array(&list);
                routes.extend(list.elements().filter_map(|route| self.inline_route(&route)));
            }
        }
        let Head { id, name } = head;
        let table = raw::RouteTable { id, name, routes, disable_bgp_route_propagation };
        self.network.route_tables.push(table);
    }

    fn inline_route(&mut self, place: &Place<'_>) -> Option<raw::Route> {
        if !self.report.object(place) {
            return None;
        }
        let head = Head::read(place, &mut self.report);
        Some(self.route(place, head))
    }

    /// A route; its place has been found to be an object.
    pub(super) fn route(&mut self, place: &Place<'_>, head: Head) -> raw::Route {
        let before = self.report.errors();
        let mut route = raw::Route {
            name: head.name,
            prefix: None,
            next_hop_type: None,
            next_hop_ip_address: None,
            incomplete: false,
        };
        if let Some(properties) = self.properties(place, keys::ROUTE) {
            route.prefix = self.report.string(&properties, "addressPrefix");
            route.next_hop_type = self.report.string(&properties, "nextHopType");
            let address = properties.get("nextHopIpAddress");
            route.next_hop_ip_address = address.and_then(|it| self.next_hop_ip_address(&it));
            self.several_appliances(&properties, &mut route);
        }
        route.incomplete = self.report.errors() > before;
        route
    }

    /// A route to several appliances, which share its packets: here none of them gets any, so the first stands for all.
    fn several_appliances(&mut self, properties: &Place<'_>, route: &mut raw::Route) {
        let several = |it: &&mut At<String>| it.value.trim().eq_ignore_ascii_case("VirtualApplianceEcmp");
        let Some(kind) = route.next_hop_type.as_mut().filter(several) else { return };
        let message = "a route to several appliances is taken for one to the first";
        let warning = Diagnostic::warning(codes::NOT_HONOURED, &kind.at, format!("{properties}: {message}"));
        self.report
            .push(warning.help("its packets are dropped either way: nothing is given to an appliance here"));
        kind.value = "VirtualAppliance".to_owned();
        let next_hop = properties.get("nextHop").filter(|it| self.report.object(it));
        let addresses = next_hop.as_ref().and_then(|it| it.get("nextHopIpAddresses"));
        let addresses = addresses.filter(|it| self.report.array(it));
        let mut each =
            addresses.iter().flat_map(Place::elements).filter_map(|it| self.next_hop_ip_address(&it));
        route.next_hop_ip_address = each.next();
    }

    /// The address of an appliance. That of a firewall which the template makes is known only after the deployment, and
    /// no rule asks for it.
    fn next_hop_ip_address(&mut self, place: &Place<'_>) -> Option<At<String>> {
        match &place.node.value {
            Value::Unknown(unknown) => Some(At::new(format!("[{}]", unknown.expression), &place.node.at)),
            _ => self.report.text(place),
        }
    }
}
