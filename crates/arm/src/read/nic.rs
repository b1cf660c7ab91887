//! Network interfaces.

use super::resource::Head;
use super::vnet::truth;
use super::{Reader, keys};
use crate::codes;
use diagnostic::At;
use document::Place;
use model::raw;

impl Reader {
    pub(super) fn network_interface(&mut self, place: &Place<'_>, head: Head) {
        let before = self.report.errors();
        let Head { id, name } = head;
        let mut nic = raw::NetworkInterface {
            id,
            name,
            security_group: None,
            private_endpoint: None,
            ip_forwarding: false,
            virtual_machine: None,
            mac: None,
            ip_configurations: Vec::new(),
            incomplete: false,
        };
        if let Some(properties) = self.properties(place, keys::NETWORK_INTERFACE) {
            nic.security_group = self.report.reference(&properties, "networkSecurityGroup");
            nic.virtual_machine = self.report.reference(&properties, "virtualMachine");
            // It matters to a warning alone, so what cannot be read of it is nobody's concern.
            let endpoint = properties.get("privateEndpoint");
            let id = endpoint.as_ref().and_then(|it| it.node.get("id"));
            nic.private_endpoint = id.and_then(|id| Some(At::new(id.as_str()?.to_owned(), &id.at)));
            let forwarding = self.report.boolean(&properties, "enableIPForwarding");
            nic.ip_forwarding = forwarding.is_some_and(|it| it.value);
            if let Some(place) = properties.get("enableIPForwarding").filter(|_| nic.ip_forwarding) {
                let message = "a network interface sends its own addresses only; what it forwards is dropped";
                let help = "attach the machines behind it as network interfaces of their own";
                self.report.push(place.warning(codes::NOT_HONOURED, message).help(help));
            }
            let port_25 = properties.get("allowPort25Out");
            if let Some(place) = port_25.filter(|place| truth(place.node) == Some(false)) {
                let message =
                    "Azure drops what this sends to TCP port 25 on the internet, and nsgate does not";
                let help = "deny it by an outbound rule for port 25 of Internet";
                self.report.push(place.warning(codes::NOT_HONOURED, message).help(help));
            }
            let untracked = properties.get("disableTcpStateTracking");
            if let Some(place) = untracked.filter(|place| truth(place.node) == Some(true)) {
                let message = "the state of TCP connections is tracked all the same";
                self.report.push(place.warning(codes::NOT_HONOURED, message).help("set it to false"));
            }
            nic.mac = properties.get("macAddress").and_then(|place| mac(place.node.as_str()?));
            if let Some(list) = properties.get("ipConfigurations") {
                self.report.array(&list);
                let owner = nic.name.value.as_str();
                let read = list.elements().filter_map(|it| self.ip_configuration(&it, owner));
                nic.ip_configurations = read.collect();
            }
        }
        nic.incomplete = self.report.errors() > before;
        self.network.network_interfaces.push(nic);
    }

    fn ip_configuration(&mut self, place: &Place<'_>, nic: &str) -> Option<raw::IpConfiguration> {
        if !self.report.object(place) {
            return None;
        }
        let before = self.report.errors();
        let name = Head::read(place, &mut self.report).name;
        let mut configuration = raw::IpConfiguration {
            name,
            subnet: None,
            private_address: None,
            is_ipv6: None,
            public_ip: None,
            application_security_groups: Vec::new(),
            primary: None,
            is_balanced: false,
            incomplete: false,
        };
        if let Some(properties) = self.properties(place, keys::IP_CONFIGURATION) {
            let report = &mut self.report;
            configuration.subnet = report.reference(&properties, "subnet");
            configuration.private_address = report.string(&properties, "privateIPAddress");
            let version = properties.get("privateIPAddressVersion");
            let version = version.as_ref().and_then(|place| place.node.as_str());
            configuration.is_ipv6 = version.map(|it| it.trim().eq_ignore_ascii_case("IPv6"));
            configuration.public_ip = report.reference(&properties, "publicIPAddress");
            configuration.application_security_groups =
                report.references(&properties, "applicationSecurityGroups");
            configuration.primary = report.boolean(&properties, "primary");
            let pools = properties.get("loadBalancerBackendAddressPools");
            configuration.is_balanced = pools.is_some_and(|pools| pools.elements().next().is_some());
            let beyond = [
                "loadBalancerBackendAddressPools",
                "loadBalancerInboundNatRules",
                "applicationGatewayBackendAddressPools",
                "gatewayLoadBalancer",
            ];
            self.ignore_properties(&properties, &beyond, nic);
        }
        configuration.incomplete = self.report.errors() > before;
        Some(configuration)
    }
}

/// A hardware address of twelve hexadecimal digits, as Azure answers it (`00-0D-3A-…`) or with other separators or none.
fn mac(text: &str) -> Option<[u8; 6]> {
    let mut digits = text.chars().filter(|c| !matches!(c, '-' | ':'));
    let mut mac = [0; 6];
    for byte in &mut mac {
        let (high, low) = (digits.next()?.to_digit(16)?, digits.next()?.to_digit(16)?);
        *byte = (high << 4 | low) as u8;
    }
    digits.next().is_none().then_some(mac)
}
