//! What may be said of the network interfaces behind the attachments: their addresses, and who is on which segment.

use crate::attach::Desk;
use crate::codes;
use diagnostic::{At, Diagnostic};
use model::{IpConfiguration, Network, NicIndex, SubnetIndex};

/// A subnet that is attached as a segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) subnet: SubnetIndex,
    /// Where it is written.
    pub(crate) written: At<String>,
}

impl Desk<'_> {
    /// The subnet that an attachment names.
    pub(crate) fn segment(&mut self, wanted: &At<String>) -> Option<SubnetIndex> {
        let subnet = match self.network.as_deref()?.find_subnet(&wanted.value) {
            Ok(subnet) => subnet,
            Err(missing) => {
                let error = Diagnostic::error(codes::UNKNOWN_SUBNET, &wanted.at, missing.to_string());
                self.out.push(error.help(missing.help()));
                return None;
            }
        };
        if let Some(first) = self.segments.iter().find(|known| known.subnet == subnet) {
            let message = format!("subnet {} is attached twice", wanted.value);
            let error = Diagnostic::error(codes::DUPLICATE_SUBNET, &wanted.at, message);
            self.out.push(error.related(&first.written.at, "first attached here"));
            return None;
        }
        self.segments.push(Segment { subnet, written: wanted.clone() });
        Some(subnet)
    }

    /// Looks at the network interfaces behind the segments, once all attachments are known.
    pub(crate) fn look_behind_segments(&mut self) {
        let Some(network) = self.network.as_deref() else { return };
        let mut found = Vec::new();
        for Segment { subnet, written } in &self.segments {
            let mut members = 0;
            let nics = network.network_interfaces.iter().enumerate();
            for (_, nic) in nics.filter(|(nth, _)| !self.nics.contains_key(&NicIndex(*nth))) {
                let here = nic.ip_configurations.iter().filter(|it| it.subnet == *subnet);
                for configuration in here {
                    members += 1;
                    let help = "write its privateIPAddress, or give it an attachment of its own";
                    found.extend(address_missing(&nic.name, configuration, written, help));
                    found.extend(public_address_missing(network, &nic.name, configuration, written));
                }
            }
            if members == 0 {
                let message = format!("no network interface is behind subnet {}", written.value);
                let warning = Diagnostic::warning(codes::EMPTY_SEGMENT, &written.at, message);
                found.push(warning.help("what comes from there is dropped until the network has one"));
            }
        }
        self.out.extend(found);
    }
}

/// The error of an IP configuration whose address nobody says.
pub(crate) fn address_missing(
    nic: &str,
    configuration: &IpConfiguration,
    wanted: &At<String>,
    help: &str,
) -> Option<Diagnostic> {
    if configuration.private_address.is_some() {
        return None;
    }
    let message = format!("IP configuration {} of {nic} has no private address", configuration.name);
    Some(Diagnostic::error(codes::ADDRESS, &wanted.at, message).help(help))
}

/// The warning of an IP configuration that stays without an address beside one that the attachment gives one.
pub(crate) fn left_open(
    nic: &str,
    configuration: &IpConfiguration,
    wanted: &At<String>,
) -> Option<Diagnostic> {
    if configuration.private_address.is_some() {
        return None;
    }
    let name = &configuration.name;
    let message = format!(
        "IP configuration {name} of {nic} has no private address: what its machine sends from one is dropped"
    );
    let help = "an attachment gives one address; write the other's privateIPAddress";
    Some(Diagnostic::warning(codes::ADDRESS, &wanted.at, message).help(help))
}

/// The warning of a public address that has no value.
pub(crate) fn public_address_missing(
    network: &Network,
    nic: &str,
    configuration: &IpConfiguration,
    wanted: &At<String>,
) -> Option<Diagnostic> {
    let public = configuration.public_ip.and_then(|index| network.public_ips.get(index.0))?;
    if public.address.is_some() {
        return None;
    }
    let message = format!("public address {} of {nic} has no value yet", public.name);
    let warning = Diagnostic::warning(codes::PUBLIC_ADDRESS_MISSING, &wanted.at, message);
    Some(warning.help("its traffic uses outbound.defaultPublicIp until ipAddress is set"))
}
