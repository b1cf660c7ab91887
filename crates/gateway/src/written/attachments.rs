//! The attachments as they are written.

use super::usable;
use crate::codes;
use crate::fields::{Fields, Known::Built};
use diagnostic::{At, Diagnostic, Location};
use document::{Node, Value};
use ipnet::IpNet;
use packet::Mac;
use std::net::IpAddr;

/// An attachment that could be read.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// The Linux interface.
    pub(crate) interface: At<String>,
    /// Whether it is written as `tap`.
    pub(crate) is_tap: bool,
    /// What is behind it.
    pub(crate) behind: Behind,
}

/// What is behind an attachment.
#[derive(Debug)]
pub(crate) enum Behind {
    /// A network interface of the model.
    Nic {
        /// Its name or resource id.
        nic: At<String>,
        /// The private address, where the model leaves it open.
        address: Option<At<IpAddr>>,
        /// Whether the file gives one, be it readable or not.
        gives_address: bool,
        /// The hardware address that is enforced.
        mac: Option<Mac>,
    },
    /// Every network interface of a subnet that has no attachment of its own.
    Subnet {
        /// `vnet/subnet`, or a resource id.
        subnet: At<String>,
    },
    /// Sites behind a virtual network gateway.
    OnPremises(OnPremises),
    /// The internet.
    Internet {
        /// Where the key stands.
        at: Location,
        /// The gateway's own addresses and the prefixes on the link.
        addresses: Vec<At<IpNet>>,
        /// The routers.
        next_hops: Vec<At<IpAddr>>,
    },
}

/// An on-premises attachment.
#[derive(Debug)]
pub(crate) struct OnPremises {
    /// Where the key stands.
    pub(crate) at: Location,
    /// The gateway's own addresses and the prefixes on the link.
    pub(crate) addresses: Vec<At<IpNet>>,
    /// The addresses of the sites.
    pub(crate) prefixes: Vec<At<IpNet>>,
    /// The routers.
    pub(crate) next_hops: Vec<At<IpAddr>>,
    /// The virtual network whose gateway it is.
    pub(crate) virtual_network: Option<At<String>>,
}

/// Reads the list; what is wrong is written to `out` and left out.
pub(super) fn read(node: Option<&Node>, out: &mut Vec<Diagnostic>) -> Vec<Attachment> {
    match node.map(|node| (&node.value, &node.at)) {
        None => Vec::new(),
        Some((Value::Array(items), _)) => {
            let mut attachments = Vec::with_capacity(items.len());
            for (nth, item) in items.iter().enumerate() {
                attachments.extend(read_attachment(item, &format!("attachments[{nth}]"), out));
            }
            attachments
        }
        Some((_, at)) => {
            out.push(Diagnostic::error(codes::INVALID_VALUE, at, "attachments: expected a list"));
            Vec::new()
        }
    }
}

fn read_attachment(node: &Node, name: &str, out: &mut Vec<Diagnostic>) -> Option<Attachment> {
    let keys = [
        Built("interface"),
        Built("tap"),
        Built("nic"),
        Built("address"),
        Built("mac"),
        Built("subnet"),
        Built("internet"),
        Built("onPremises"),
    ];
    let before = out.len();
    let fields = Fields::read(Some(node), name, &keys, out);
    let expected = |what| format!("the name of {what}: 1 to 15 bytes without `/`, `:` and spaces");
    let interface = fields.parsed("interface", &expected("a Linux interface"), interface_name, out);
    let tap = fields.parsed("tap", &expected("a TAP device"), interface_name, out);
    if let (Some(_), Some(tap)) = (&interface, &tap) {
        let message = format!("{name} has both an interface and a tap");
        let error = Diagnostic::error(codes::CONTRADICTION, &tap.at, message);
        out.push(error.help("interface names one that exists; tap names one that nsgate creates"));
    }
    let is_tap = tap.is_some();
    let interface = interface.or(tap);
    let nic = fields.text("nic", out);
    let address = fields.parsed("address", "an IP address", |text| text.parse().ok(), out);
    let gives_address = fields.get("address").is_some();
    let mac = fields.parsed("mac", "a hardware address such as 02:00:00:00:00:04", parse_mac, out);
    let subnet = fields.text("subnet", out);
    let internet =
        fields.key("internet").map(|key| read_internet(fields.get("internet"), &key.at, name, out));
    let on_premises =
        fields.key("onPremises").map(|key| read_on_premises(fields.get("onPremises"), &key.at, name, out));
    let wrong = |message: String| Diagnostic::error(codes::CONTRADICTION, &node.at, message);
    let is_nic = nic.is_some();
    let mut kinds = [
        nic.map(|nic| ("a nic", Behind::Nic { nic, address, gives_address, mac: mac.map(|mac| mac.value) })),
        subnet.map(|subnet| ("a subnet", Behind::Subnet { subnet })),
        internet.map(|internet| ("the internet", internet)),
        on_premises.map(|on_premises| ("on premises", on_premises)),
    ]
    .into_iter()
    .flatten();
    let behind = kinds.next();
    match (&behind, kinds.next()) {
        (Some((one, _)), Some((other, _))) => {
            out.push(wrong(format!("{name} is both {one} and {other}")));
            return None;
        }
        (None, _) if out.len() == before => {
            let error =
                Diagnostic::error(codes::MISSING_KEY, &node.at, format!("{name} does not say what it is"));
            out.push(error.help("give it nic, subnet, internet or onPremises"));
        }
        (Some(_), None) if !is_nic => {
            for key in ["address", "mac"].into_iter().filter_map(|key| fields.key(key)) {
                let message = format!("{name}: {} belongs to a nic attachment", key.value);
                out.push(Diagnostic::error(codes::CONTRADICTION, &key.at, message));
            }
        }
        _ => {}
    }
    if interface.is_none() && out.len() == before {
        let error = Diagnostic::error(codes::MISSING_KEY, &node.at, format!("{name} has no \"interface\""));
        out.push(error.help("name the Linux interface, or the TAP device that shall be made"));
    }
    Some(Attachment { interface: interface?, is_tap, behind: behind?.1 })
}

fn read_on_premises(node: Option<&Node>, at: &Location, name: &str, out: &mut Vec<Diagnostic>) -> Behind {
    let name = format!("{name}.onPremises");
    let keys = [Built("address"), Built("prefixes"), Built("nextHop"), Built("virtualNetwork")];
    let fields = Fields::read(node, &name, &keys, out);
    for (key, help) in [
        ("address", "give the gateway's own address with its prefix, such as 192.168.100.1/24"),
        ("prefixes", "give the addresses of the sites, such as [192.168.0.0/16]"),
    ] {
        if fields.is_missing(key, &keys) {
            let error = Diagnostic::error(codes::MISSING_KEY, at, format!("{name} has no \"{key}\""));
            out.push(error.help(help));
        }
    }
    let expected = "a host's address with its prefix, such as 192.168.100.1/24";
    let addresses = fields.parsed_list("address", expected, own_address, out);
    let whole = |text: &str| prefix(text).filter(|prefix| prefix.trunc() == *prefix);
    let prefixes = fields.parsed_list("prefixes", "a prefix, such as 192.168.0.0/16", whole, out);
    let next_hops = fields.parsed_list("nextHop", "an IP address", |text| text.parse().ok(), out);
    let virtual_network = fields.text("virtualNetwork", out);
    Behind::OnPremises(OnPremises { at: at.clone(), addresses, prefixes, next_hops, virtual_network })
}

fn read_internet(node: Option<&Node>, at: &Location, name: &str, out: &mut Vec<Diagnostic>) -> Behind {
    let name = format!("{name}.internet");
    let keys = [Built("address"), Built("nextHop")];
    let fields = Fields::read(node, &name, &keys, out);
    if fields.is_missing("address", &keys) {
        let error = Diagnostic::error(codes::MISSING_KEY, at, format!("{name} has no \"address\""));
        out.push(error.help("give the gateway's own address with its prefix, such as 203.0.113.2/24"));
    }
    let expected = "a host's address with its prefix, such as 203.0.113.2/24";
    let addresses = fields.parsed_list("address", expected, own_address, out);
    let next_hops = fields.parsed_list("nextHop", "an IP address", |text| text.parse().ok(), out);
    if fields.is_missing("nextHop", &keys) {
        let warning = Diagnostic::warning(codes::INTERNET, at, "the internet has no nextHop");
        out.push(warning.help("only addresses of the link's own prefix can be reached"));
    }
    Behind::Internet { at: at.clone(), addresses, next_hops }
}

/// An address that a host can have, and the prefix of its link.
fn own_address(text: &str) -> Option<IpNet> {
    prefix(text).filter(|own| usable(own.addr()))
}

/// An address and a length. Numbers have no leading zeros, which some would read as octal.
fn prefix(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let is_plain = length == "0" || !length.starts_with(['0', '+']);
    IpNet::new(address.parse().ok()?, length.parse().ok()?).ok().filter(|_| is_plain)
}

/// What the kernel takes as an interface's name (`dev_valid_name`).
fn interface_name(text: &str) -> Option<String> {
    let sound = !text.is_empty()
        && text.len() < 16
        && text != "."
        && text != ".."
        && !text.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    sound.then(|| text.to_owned())
}

fn parse_mac(text: &str) -> Option<Mac> {
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    // A group address can be nobody's own.
    (parts.next().is_none() && mac != [0; 6] && mac[0] & 1 == 0).then_some(mac)
}
