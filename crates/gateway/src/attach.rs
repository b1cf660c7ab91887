//! The attachments of the file, held against the network and the host.

use crate::documents::Documents;
use crate::host::{Host, Ids, Seen};
use crate::inside::{Segment, address_missing, left_open, public_address_missing};
use crate::narrow;
use crate::written::{Behind, Written};
use crate::{Link, codes};
use diagnostic::{At, Diagnostic, Location};
use io::Wire;
use ipnet::IpNet;
use model::{IpConfiguration, Network, NicIndex, VnetIndex};
use packet::AttachmentId;
use snapshot::{Attachment, AttachmentKind};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// What the file says of attachments, ready for a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    /// In the file's order.
    pub(crate) attachments: Vec<Attachment>,
    /// How each comes by its interface.
    pub(crate) links: BTreeMap<AttachmentId, Link>,
    /// The segments, and where they are written.
    pub(crate) segments: Vec<(AttachmentId, Location)>,
}

/// Compares everything with everything; what is wrong is written to `out`.
///
/// The network gets the private addresses that the attachments give. Where it is broken, and so is not there, the rest
/// is compared all the same.
pub(crate) fn attach(
    written: &Written,
    documents: &mut Documents,
    ids: &mut Ids,
    host: &Host<'_>,
    out: &mut Vec<Diagnostic>,
) -> Attached {
    let Documents { network, nics: known, .. } = documents;
    let mut desk = Desk {
        network: network.as_mut(),
        known: known.as_deref(),
        host,
        out,
        nics: HashMap::new(),
        segments: Vec::new(),
        sites: Vec::new(),
        attached: Attached::default(),
    };
    let mut interfaces: HashMap<&str, &Location> = HashMap::new();
    for attachment in &written.attachments {
        let At { value: interface, at } = &attachment.interface;
        if let Some(first) = interfaces.insert(interface, at) {
            let message = format!("interface {interface} is attached twice");
            let error = Diagnostic::error(codes::DUPLICATE_INTERFACE, at, message);
            desk.out.push(error.related(first, "first attached here"));
            continue;
        }
        let Some(id) = ids.number(interface) else {
            let message = format!("interface {interface}: more interfaces than can be numbered");
            let help = "those that are attached no more give their numbers back soon after a reload";
            desk.out.push(Diagnostic::error(codes::INTERFACE, at, message).help(help));
            continue;
        };
        let wire = if attachment.is_tap { Wire::Made } else { Wire::Existing(written.engine.io.settled()) };
        let seen = desk.host.look(id, &attachment.interface, wire, crate::workers(written), desk.out);
        let kind = match &attachment.behind {
            Behind::Nic { nic, address, gives_address, mac } => {
                desk.no_host_address(&attachment.interface, &seen);
                desk.nic(nic, address.as_ref(), *gives_address)
                    .map(|nic| AttachmentKind::Nic { nic, enforced_mac: *mac })
            }
            Behind::Subnet { subnet } => {
                desk.no_host_address(&attachment.interface, &seen);
                let subnet_index = desk.segment(subnet);
                subnet_index.map(|index| {
                    desk.attached.segments.push((id, subnet.at.clone()));
                    AttachmentKind::Subnet { subnet: index }
                })
            }
            Behind::OnPremises(written) => desk.on_premises(written, &seen),
            Behind::Internet { addresses, next_hops, .. } => Some(desk.internet(addresses, next_hops, &seen)),
        };
        let Some(kind) = kind else { continue };
        let narrow = narrow::warning(&attachment.interface, &seen, &kind, desk.network.as_deref());
        desk.out.extend(narrow);
        let interface = Arc::from(interface.as_str());
        desk.attached.attachments.push(Attachment { id, interface, mac: seen.mac, mtu: seen.mtu, kind });
        desk.attached.links.insert(id, Link { wire, interface: seen.interface });
    }
    desk.look_behind_segments();
    desk.one_internet(written);
    desk.public_addresses(written);
    desk.attached
}

/// The work in progress.
pub(crate) struct Desk<'a> {
    pub(crate) network: Option<&'a mut Network>,
    /// The names and ids of the network interfaces, whatever else may be wrong with them.
    known: Option<&'a [String]>,
    host: &'a Host<'a>,
    pub(crate) out: &'a mut Vec<Diagnostic>,
    /// Attached network interfaces, and where.
    pub(crate) nics: HashMap<NicIndex, Location>,
    pub(crate) segments: Vec<Segment>,
    /// The gateway and the prefixes of each site, and where it is written.
    pub(crate) sites: Vec<(VnetIndex, Vec<(IpNet, Location)>)>,
    pub(crate) attached: Attached,
}

impl Desk<'_> {
    pub(crate) fn error(&mut self, code: &'static str, at: &Location, message: String, help: &str) {
        self.out.push(Diagnostic::error(code, at, message).help(help));
    }

    /// Packets to an address of the host go to the host's own stack, past every rule. A link-local address of the
    /// kernel's own making reaches nothing.
    fn no_host_address(&mut self, interface: &At<String>, seen: &Seen) {
        for address in &seen.addresses {
            if matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
                continue;
            }
            let message = format!("interface {} holds {address}, an address of this host", interface.value);
            let help = "it would bypass the network security groups; take it off with `ip address del`";
            self.error(codes::HOST_ADDRESS, &interface.at, message, help);
        }
    }

    fn nic(
        &mut self,
        wanted: &At<String>,
        address: Option<&At<IpAddr>>,
        gives_address: bool,
    ) -> Option<NicIndex> {
        let Some(network) = self.network.as_deref() else {
            self.must_be_named(wanted);
            return None;
        };
        let nic = match network.find_nic(&wanted.value) {
            Ok(nic) => nic,
            Err(missing) => {
                self.out.push(Diagnostic::error(codes::UNKNOWN_NIC, &wanted.at, missing.to_string()));
                return None;
            }
        };
        if let Some(first) = self.nics.insert(nic, wanted.at.clone()) {
            let message = format!("network interface {} is attached twice", wanted.value);
            let error = Diagnostic::error(codes::DUPLICATE_NIC, &wanted.at, message);
            self.out.push(error.related(&first, "first attached here"));
            return None;
        }
        let is_given = address.is_some_and(|address| self.give_address(nic, wanted, address));
        self.needs_addresses(nic, wanted, gives_address, is_given);
        Some(nic)
    }

    /// What can be said of a reference into a network that is broken elsewhere.
    fn must_be_named(&mut self, wanted: &At<String>) {
        let name = wanted.value.rsplit('/').next().unwrap_or_default();
        let is =
            |known: &String| known.rsplit('/').next().is_some_and(|known| known.eq_ignore_ascii_case(name));
        if self.known.is_some_and(|known| !known.iter().any(is)) {
            let message = format!("no network interface is named \"{}\"", wanted.value);
            self.out.push(Diagnostic::error(codes::UNKNOWN_NIC, &wanted.at, message));
        }
    }

    /// Fills in the address that the model leaves open; whether that could be done.
    fn give_address(&mut self, nic: NicIndex, wanted: &At<String>, address: &At<IpAddr>) -> bool {
        let Some(network) = self.network.as_deref() else { return false };
        let configurations =
            network.network_interfaces.get(nic.0).map(|nic| nic.ip_configurations.as_slice());
        let open = |configuration: &IpConfiguration| configuration.private_address.is_none();
        let configurations = configurations.unwrap_or_default();
        let of_family = |it: &IpConfiguration| open(it) && it.is_ipv6 == address.value.is_ipv6();
        let best = configurations.iter().position(of_family);
        let Some(place) = best.or_else(|| configurations.iter().position(open)) else {
            let known: Vec<_> =
                configurations.iter().filter_map(|c| c.private_address).map(|a| a.to_string()).collect();
            let message = format!("{} already has the address {}", wanted.value, known.join(" and "));
            self.error(
                codes::ADDRESS,
                &address.at,
                message,
                "an attachment gives an address only where the network leaves it open",
            );
            return false;
        };
        let configuration = &configurations[place];
        if gives_ipv6(network, configuration) != address.value.is_ipv6() {
            let version = if address.value.is_ipv4() { "IPv6" } else { "IPv4" };
            let message =
                format!("{}: IP configuration {} is for {version}", address.value, configuration.name);
            let help = format!("give an {version} address, or write its privateIPAddressVersion");
            self.error(codes::ADDRESS, &address.at, message, &help);
            return false;
        }
        if let Err(why) = network.may_have(configuration, address.value) {
            self.out.push(Diagnostic::error(
                codes::ADDRESS,
                &address.at,
                format!("{}: {why}", address.value),
            ));
            return false;
        }
        let nic = self.network.as_deref_mut().and_then(|network| network.network_interfaces.get_mut(nic.0));
        if let Some(configuration) = nic.and_then(|nic| nic.ip_configurations.get_mut(place)) {
            configuration.private_address = Some(address.value);
        }
        true
    }

    /// Tells of the configurations whose addresses are open still: an attachment gives one.
    fn needs_addresses(&mut self, nic: NicIndex, wanted: &At<String>, gives_address: bool, is_given: bool) {
        let Some(network) = self.network.as_deref() else { return };
        let Some(nic) = network.network_interfaces.get(nic.0) else { return };
        let mut found = Vec::new();
        for configuration in &nic.ip_configurations {
            // Where an address was refused, that was told.
            found.extend(match (gives_address, is_given) {
                (false, _) => {
                    let help = "give the attachment an address";
                    address_missing(&nic.name, configuration, wanted, help)
                }
                (true, true) => left_open(&nic.name, configuration, wanted),
                (true, false) => None,
            });
            found.extend(public_address_missing(network, &nic.name, configuration, wanted));
        }
        self.out.extend(found);
    }
}

/// Whether Azure gives a configuration IPv6 addresses; where nothing says so, a subnet of nothing else does.
fn gives_ipv6(network: &Network, configuration: &IpConfiguration) -> bool {
    let prefixes = network.subnet(configuration.subnet).map(|subnet| subnet.prefixes.as_slice());
    configuration.is_ipv6 || prefixes.unwrap_or_default().iter().all(|prefix| prefix.addr().is_ipv6())
}
