//! The gateway file as it is written: every key read, nothing yet compared with the network or the host.

mod attachments;

pub(crate) use attachments::{Attachment, Behind, OnPremises};

use crate::codes;
use crate::fields::{Fields, Known};
use crate::templates;
use Known::{Built, Later};
use arm::Facts;
use diagnostic::{At, Diagnostic};
use document::{Entry, Node};
use io::Backend;
use nat::{PORTS, Ports};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The flow records there may be; each takes a few hundred bytes from the start.
const CAPACITY: RangeInclusive<u64> = 1..=16_000_000;
/// The workers there may be.
const WORKERS: RangeInclusive<usize> = 1..=64;

/// Every key of the file.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// `network.files`.
    pub(crate) files: Vec<At<String>>,
    /// `network.parameters`.
    pub(crate) parameters: Vec<At<String>>,
    /// `network.deployment`.
    pub(crate) facts: Facts,
    /// `network.values`.
    pub(crate) values: Vec<Entry>,
    /// `network.resources`.
    pub(crate) resources: Option<Node>,
    /// `serviceTags`.
    pub(crate) service_tags: Option<At<String>>,
    /// `attachments`.
    pub(crate) attachments: Vec<Attachment>,
    /// `outbound.defaultPublicIp`.
    pub(crate) default_public_ips: Vec<At<Ipv4Addr>>,
    /// `outbound.ports`.
    pub(crate) snat_ports: Option<At<Ports>>,
    /// `outbound.portsPerVm`.
    pub(crate) ports_per_vm: Option<u32>,
    /// `outbound.idleTimeout`.
    pub(crate) snat_idle: Option<Duration>,
    /// `flows.idleTimeout`.
    pub(crate) flow_idle: Option<Duration>,
    /// `flows.capacity`.
    pub(crate) flow_capacity: Option<u64>,
    /// `engine`.
    pub(crate) engine: Engine,
    /// `control.socket`.
    pub(crate) socket: Option<At<String>>,
}

/// `engine`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Engine {
    /// `workers`; `None` for `auto`.
    pub(crate) workers: Option<usize>,
    /// `io`.
    pub(crate) io: Backend,
    /// Whether `handOff` is `always`.
    pub(crate) hand_off: bool,
}

impl Written {
    /// Reads the whole file; what is wrong is written to `out` and left out.
    pub(crate) fn read(root: &Node, out: &mut Vec<Diagnostic>) -> Self {
        let keys = [
            Built("network"),
            Built("serviceTags"),
            Built("attachments"),
            Built("outbound"),
            Built("flows"),
            Built("engine"),
            Built("control"),
            Later("flowLogs"),
            Later("metrics"),
        ];
        let file = Fields::read(Some(root), "", &keys, out);
        let mut written = Self { service_tags: file.text("serviceTags", out), ..Self::default() };
        match file.get("network") {
            Some(network) => written.read_network(network, out),
            None => {
                let error =
                    Diagnostic::error(codes::MISSING_KEY, &root.at, "the gateway file has no \"network\"");
                out.push(error.help(
                    "name Azure's documents in network.files, or write resources in network.resources",
                ));
            }
        }
        written.attachments = attachments::read(file.get("attachments"), out);
        written.read_outbound(file.get("outbound"), out);
        written.read_flows(file.get("flows"), out);
        written.engine = read_engine(file.get("engine"), out);
        let control = Fields::read(file.get("control"), "control", &[Built("socket")], out);
        let path = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        written.socket = control.parsed("socket", "the path of a socket", path, out);
        written
    }

    fn read_network(&mut self, node: &Node, out: &mut Vec<Diagnostic>) {
        let keys =
            [Built("files"), Built("parameters"), Built("deployment"), Built("values"), Built("resources")];
        let network = Fields::read(Some(node), "network", &keys, out);
        self.files = network.texts("files", out);
        self.parameters = network.texts("parameters", out);
        self.facts = templates::read_facts(network.get("deployment"), out);
        self.values = templates::read_values(network.get("values"), out);
        self.resources = network.get("resources").cloned();
    }

    fn read_outbound(&mut self, node: Option<&Node>, out: &mut Vec<Diagnostic>) {
        let keys = [
            Built("profile"),
            Built("defaultPublicIp"),
            Built("idleTimeout"),
            Built("portsPerVm"),
            Built("ports"),
        ];
        let outbound = Fields::read(node, "outbound", &keys, out);
        only(&outbound, "outbound", "profile", &["azure2017"], out);
        let range =
            format!("a range of ports between {} and {}, such as 49152-65535", PORTS.start(), PORTS.end());
        self.snat_ports = outbound.parsed("ports", &range, port_range, out);
        let count = |text: &str| text.parse().ok().filter(|count| (1..=nat::CAPACITY as u32).contains(count));
        let expected = format!("a number between 1 and {}", nat::CAPACITY);
        self.ports_per_vm = outbound.parsed("portsPerVm", &expected, count, out).map(|count| count.value);
        let public = |text: &str| text.parse().ok().filter(|address: &Ipv4Addr| usable(IpAddr::V4(*address)));
        let expected = "an IPv4 address that a host can have";
        self.default_public_ips = outbound.parsed_list("defaultPublicIp", expected, public, out);
        self.snat_idle = outbound.duration("idleTimeout", out);
    }

    fn read_flows(&mut self, node: Option<&Node>, out: &mut Vec<Diagnostic>) {
        let flows = Fields::read(node, "flows", &[Built("idleTimeout"), Built("capacity")], out);
        self.flow_idle = flows.duration("idleTimeout", out);
        let count = |text: &str| text.replace('_', "").parse().ok().filter(|count| CAPACITY.contains(count));
        let expected = format!("a number between {} and {}", CAPACITY.start(), CAPACITY.end());
        self.flow_capacity = flows.parsed("capacity", &expected, count, out).map(|count| count.value);
    }
}

/// Two ports with a hyphen between them, the lower one first.
fn port_range(text: &str) -> Option<Ports> {
    let (start, end) = text.split_once('-')?;
    Ports::new(start.trim().parse().ok()?..=end.trim().parse().ok()?)
}

fn read_engine(node: Option<&Node>, out: &mut Vec<Diagnostic>) -> Engine {
    let engine = Fields::read(node, "engine", &[Built("workers"), Built("io"), Built("handOff")], out);
    let workers = |text: &str| match text {
        "auto" => Some(None),
        number => number.parse().ok().filter(|number| WORKERS.contains(number)).map(Some),
    };
    let expected = format!("auto or a number between {} and {}", WORKERS.start(), WORKERS.end());
    let workers = engine.parsed("workers", &expected, workers, out);
    let io = engine.parsed("io", "one of auto, af_packet, tap and pnet", |text| text.parse().ok(), out);
    let hand_off = |text: &str| ["auto", "always"].contains(&text).then_some(text == "always");
    let hand_off = engine.parsed("handOff", "auto or always", hand_off, out);
    if let (Some(At { value: Some(2..), at }), Some(At { value: Backend::Pnet, .. })) = (&workers, &io) {
        let error = Diagnostic::error(codes::CONTRADICTION, at, "engine.workers: pnet serves one worker");
        out.push(error.help("leave the key out, or have engine.io: af_packet"));
    }
    Engine {
        workers: workers.and_then(|workers| workers.value),
        io: io.map(|io| io.value).unwrap_or_default(),
        hand_off: hand_off.is_some_and(|hand_off| hand_off.value),
    }
}

/// Values of the design that this version does not offer are named as such; the key says what there will be.
fn only(fields: &Fields<'_>, name: &str, key: &str, built: &[&str], out: &mut Vec<Diagnostic>) {
    let Some(text) = fields.text(key, out) else { return };
    if built.contains(&text.value.as_str()) {
        return;
    }
    let what = format!("{name}.{key}: {}", text.value);
    let error = Diagnostic::error(codes::NOT_BUILT_YET, &text.at, format!("{what} is not built yet"));
    out.push(error.help(format!("this version has {}", built.join(" and "))));
}

/// Whether a host can have the address on a link.
fn usable(address: IpAddr) -> bool {
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(address.is_unspecified() || address.is_multicast() || address.is_loopback() || is_broadcast)
}
