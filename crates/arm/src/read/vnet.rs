//! Virtual networks, subnets and peerings.

use super::resource::Head;
use super::{Reader, keys};
use diagnostic::{At, INVALID_REQUEST_FORMAT};
use document::{Node, Place, Value, codes};
use model::raw;

impl Reader {
    pub(super) fn virtual_network(&mut self, place: &Place<'_>, head: Head) {
        let before = self.report.errors();
        let mut address_space = Vec::new();
        let mut subnets = Vec::new();
        let mut peerings = Vec::new();
        if let Some(properties) = self.properties(place, keys::VIRTUAL_NETWORK) {
            if let Some(space) = properties.get("addressSpace").filter(|it| self.report.object(it)) {
                address_space = self.report.strings(&space, "addressPrefixes");
                self.allocated(&space, &mut address_space, "properties.addressSpace.addressPrefixes");
            }
            if let Some(list) = properties.get("subnets") {
                self.report.array(&list);
                subnets.extend(list.elements().filter_map(|subnet| self.inline_subnet(&subnet)));
            }
            if let Some(list) = properties.get("virtualNetworkPeerings") {
                self.report.array(&list);
                peerings.extend(list.elements().filter_map(|peering| self.inline_peering(&peering)));
            }
            self.ignore_properties(&properties, &["flowTimeoutInMinutes"], &head.name.value);
            self.flow_timeout(&properties);
            self.encryption(&properties);
        }
        let incomplete = self.report.errors() > before;
        let Head { id, name } = head;
        let vnet = raw::VirtualNetwork { id, name, address_space, subnets, peerings, incomplete };
        self.network.virtual_networks.push(vnet);
    }

    /// Azure REST API, *Virtual Networks*, `flowTimeoutInMinutes`.
    fn flow_timeout(&mut self, properties: &Place<'_>) {
        let Some(place) = properties.get("flowTimeoutInMinutes") else { return };
        let (Value::Number(text) | Value::String(text)) = &place.node.value else { return };
        if text.trim().parse().is_ok_and(|minutes: i64| !(4..=30).contains(&minutes)) {
            let error = place.error(INVALID_REQUEST_FORMAT, format_args!("it is {text}"));
            self.report.push(error.help("write 4 to 30 minutes, or leave it out"));
        }
    }

    /// Azure "What is Azure Virtual Network encryption", of which nothing is done here.
    fn encryption(&mut self, properties: &Place<'_>) {
        let Some(encryption) = properties.get("encryption") else { return };
        let is_on = encryption.get("enabled").is_some_and(|place| truth(place.node) == Some(true));
        let Some(enforcement) = encryption.get("enforcement").filter(|_| is_on) else { return };
        if enforcement.node.as_str().is_some_and(|it| it.eq_ignore_ascii_case("DropUnencrypted")) {
            let message = "nothing is encrypted, and what is not is not dropped";
            let warning = enforcement.warning(model::codes::NOT_HONOURED, message);
            self.report.push(warning.help("nsgate acts as though it were AllowUnencrypted"));
        }
    }

    fn inline_subnet(&mut self, place: &Place<'_>) -> Option<raw::Subnet> {
        if !self.report.object(place) {
            return None;
        }
        let head = Head::read(place, &mut self.report);
        Some(self.subnet(place, head))
    }

    /// A subnet; its place has been found to be an object.
    pub(super) fn subnet(&mut self, place: &Place<'_>, head: Head) -> raw::Subnet {
        let before = self.report.errors();
        let Head { id, name } = head;
        let (mut prefixes, mut security_group, mut route_table) = (Vec::new(), None, None);
        let (mut default_outbound_access, mut judges_private_endpoints) = (None, false);
        if let Some(properties) = self.properties(place, keys::SUBNET) {
            prefixes = self.report.strings(&properties, "addressPrefixes");
            if let Some(one) = self.report.string(&properties, "addressPrefix") {
                add_once(&mut prefixes, one);
            }
            self.allocated(&properties, &mut prefixes, "properties.addressPrefix");
            security_group = self.report.reference(&properties, "networkSecurityGroup");
            route_table = self.report.reference(&properties, "routeTable");
            let policies = properties.get("privateEndpointNetworkPolicies");
            let policies = policies.as_ref().and_then(|place| place.node.as_str()).unwrap_or("Disabled");
            judges_private_endpoints =
                ["Enabled", "NetworkSecurityGroupEnabled"].iter().any(|it| it.eq_ignore_ascii_case(policies));
            let outbound = properties.get("defaultOutboundAccess");
            default_outbound_access = outbound.and_then(|place| truth(place.node));
            let beyond = ["natGateway", "serviceEndpoints", "serviceEndpointPolicies"];
            self.ignore_properties(&properties, &beyond, &name.value);
        }
        let incomplete = self.report.errors() > before;
        raw::Subnet {
            id,
            name,
            prefixes,
            security_group,
            route_table,
            default_outbound_access,
            judges_private_endpoints,
            incomplete,
        }
    }

    /// The prefixes that a pool of addresses has given, where none are written: only Azure's answers tell them.
    fn allocated(&mut self, place: &Place<'_>, prefixes: &mut Vec<At<String>>, field: &str) {
        let Some(list) = place.get("ipamPoolPrefixAllocations").filter(|_| prefixes.is_empty()) else {
            return;
        };
        if !self.report.array(&list) {
            return;
        }
        for item in list.elements() {
            prefixes.extend(self.report.strings(&item, "allocatedAddressPrefixes"));
        }
        if prefixes.is_empty() && list.elements().next().is_some() {
            let message = "which prefixes the pool gives is known only after the deployment";
            let help = format!(
                "write {field}, or give the network as `az network vnet show -o json` prints it then"
            );
            self.report.push(list.error(codes::VALUE_NOT_KNOWN, message).help(help));
        }
    }

    fn inline_peering(&mut self, place: &Place<'_>) -> Option<raw::Peering> {
        if !self.report.object(place) {
            return None;
        }
        let head = Head::read(place, &mut self.report);
        Some(self.peering(place, head))
    }

    /// A half of a peering; its place has been found to be an object.
    pub(super) fn peering(&mut self, place: &Place<'_>, head: Head) -> raw::Peering {
        let before = self.report.errors();
        let mut peering = raw::Peering {
            name: head.name,
            remote: None,
            virtual_network_access: true,
            gateway_transit: false,
            remote_gateways: None,
            state: None,
            remote_address_space: Vec::new(),
            is_complete: true,
            only_ipv6: None,
            incomplete: false,
        };
        if let Some(properties) = self.properties(place, keys::PEERING) {
            let report = &mut self.report;
            peering.remote = report.reference(&properties, "remoteVirtualNetwork");
            let access = report.boolean(&properties, "allowVirtualNetworkAccess");
            peering.virtual_network_access = access.is_none_or(|it| it.value);
            // Read for its type only: no network interface here forwards what others sent.
            report.boolean(&properties, "allowForwardedTraffic");
            let transit = report.boolean(&properties, "allowGatewayTransit");
            peering.gateway_transit = transit.is_some_and(|it| it.value);
            peering.remote_gateways = report.boolean(&properties, "useRemoteGateways");
            peering.state = report.string(&properties, "peeringState");
            let only_ipv6 = report.boolean(&properties, "enableOnlyIPv6Peering");
            peering.only_ipv6 = only_ipv6.map(|it| it.value);
            let is_complete = report.boolean(&properties, "peerCompleteVnets");
            peering.is_complete = is_complete.is_none_or(|it| it.value);
            // The first is what the peering is in force for; the second is ahead of it until the peering is synced.
            for key in ["remoteAddressSpace", "remoteVirtualNetworkAddressSpace"] {
                let space = properties.get(key).filter(|it| report.object(it));
                let prefixes = space.map(|it| report.strings(&it, "addressPrefixes")).unwrap_or_default();
                if peering.remote_address_space.is_empty() {
                    peering.remote_address_space = prefixes;
                }
            }
            let beyond = ["localSubnetNames", "remoteSubnetNames"];
            self.ignore_properties(&properties, &beyond, &peering.name.value);
        }
        peering.incomplete = self.report.errors() > before;
        peering
    }
}

/// What a value says, as a word or as text, of a property that matters too little to be reported where it says nothing.
pub(super) fn truth(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// Azure's answers may give a lone prefix in both fields.
fn add_once(prefixes: &mut Vec<At<String>>, one: At<String>) {
    if !one.value.is_empty() && prefixes.iter().all(|it| it.value != one.value) {
        prefixes.push(one);
    }
}
