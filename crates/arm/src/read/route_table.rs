//! Route tables and their routes.

use super::resource::Head;
use super::{Reader, keys};
use document::{Place, Value};
use model::{At, raw};

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
            route.next_hop_ip_address = self.next_hop_ip_address(&properties);
        }
        route.incomplete = self.report.errors() > before;
        route
    }

    /// The address of an appliance. That of a firewall which the template makes is known only after the deployment, and
    /// no rule asks for it.
    fn next_hop_ip_address(&mut self, properties: &Place<'_>) -> Option<At<String>> {
        let place = properties.get("nextHopIpAddress")?;
        match &place.node.value {
            Value::Unknown(unknown) => Some(At::new(format!("[{}]", unknown.expression), &place.node.at)),
            _ => self.report.string(properties, "nextHopIpAddress"),
        }
    }
}
