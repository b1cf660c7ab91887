//! From what the documents say to a network that holds together, or to everything that is wrong with them.
//!
//! Nothing stops at the first error: every part is checked as far as it can be read, and each finding carries
//! its place, its value and what to do about it.

mod addresses;
mod attached;
mod children;
mod group;
mod lint;
mod machine;
mod nic;
mod peering;
mod ports;
mod prefix;
mod public_ip;
mod route_table;
mod routing;
mod rule;
mod tag;
mod text;
mod vnet;

pub(crate) use prefix::is_reserved;
pub use tag::retag;

use crate::reference::{Directory, Kind, is_full};
use crate::{
    ApplicationSecurityGroup, AsgIndex, Network, NicIndex, NsgIndex, PublicIpIndex, RouteTableIndex,
    ServiceTags, SubnetIndex, TagUse, VnetIndex, codes, raw,
};
use diagnostic::{At, Diagnostic, Severity, Tally};
use std::sync::Arc;

/// Checks what the documents say and links it together.
///
/// # Returns
/// The network, or `None` where any finding is an error; and all findings in the order of their places.
///
/// # Cost
/// About linear in the size of the documents and, once for each unknown name, in the number of known ones.
///
/// # Source
/// Azure "Network security groups", "Azure Virtual Network FAQ", "Networking limits", and the error codes that
/// Azure's resource manager answers with.
pub fn validate(mut raw: raw::Network, tags: Arc<ServiceTags>) -> (Option<Network>, Vec<Diagnostic>) {
    let mut report = Report::default();
    let directories = Directories::new(&mut raw, &mut report);

    let mut virtual_networks: Vec<_> =
        raw.virtual_networks.iter().map(|vnet| vnet::build(vnet, &directories, &mut report)).collect();
    peering::build_all(&raw.virtual_networks, &mut virtual_networks, &directories, &mut report);
    let route_tables: Vec<_> =
        raw.route_tables.iter().map(|table| route_table::build(table, &tags, &mut report)).collect();
    let public_ips = public_ip::build_all(&raw.public_ips, &mut report);
    let (mut network_interfaces, asg_vnets) =
        nic::build_all(&raw, &virtual_networks, &public_ips, &directories, &mut report);
    machine::name_all(&raw.virtual_machines, &directories.nics, &mut network_interfaces);
    let asg_names: Vec<&str> =
        raw.application_security_groups.iter().map(|asg| asg.name.value.as_str()).collect();
    let scope = rule::Scope {
        tags: &tags,
        asgs: &directories.asgs,
        asg_vnets: &asg_vnets,
        vnets: &virtual_networks,
        asg_names: &asg_names,
    };
    let security_groups: Vec<_> =
        raw.security_groups.iter().map(|group| group::build(group, &scope, &mut report)).collect();
    let application_security_groups = raw
        .application_security_groups
        .iter()
        .map(|asg| ApplicationSecurityGroup {
            id: id_of(Kind::ApplicationSecurityGroup, asg.id.as_ref(), &asg.name.value),
            name: asg.name.value.as_str().into(),
        })
        .collect();

    let network = Network {
        virtual_networks,
        network_interfaces,
        security_groups,
        application_security_groups,
        route_tables,
        public_ips,
        service_tags: tags,
        tag_uses: std::mem::take(&mut report.tag_uses),
        rule_places: raw.security_groups.iter().map(group::places).collect(),
    };
    routing::look_over(&raw, &network, &mut report);
    lint::lint(&raw, &network, &asg_vnets, &directories, &mut report);
    report.finish(network)
}

/// What was found so far.
#[derive(Default)]
struct Report {
    diagnostics: Vec<Diagnostic>,
    tally: Tally,
    /// Where rules and routes name published tags.
    tag_uses: Vec<TagUse>,
    /// Whether the name of something could not be read.
    unread: bool,
}

impl Report {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.extend(self.tally.listed(diagnostic));
    }

    /// Follows a reference, or says why it leads nowhere. `owner` says whose it is.
    fn resolve<I: Copy>(
        &mut self,
        directory: &Directory<I>,
        reference: &At<String>,
        owner: std::fmt::Arguments<'_>,
    ) -> Option<I> {
        let error = match directory.find(&reference.value) {
            Ok(index) => return Some(index),
            Err(error) => error,
        };
        let code = match error {
            crate::NotFound::Ambiguous { .. } => codes::AMBIGUOUS_RESOURCE_REFERENCE,
            _ => codes::INVALID_RESOURCE_REFERENCE,
        };
        let message = format!("{owner}: {error}");
        self.push(Diagnostic::error(code, &reference.at, message).help(error.help()));
        None
    }

    /// Everything in the order of the files, and the network only where nothing is wrong.
    fn finish(mut self, network: Network) -> (Option<Network>, Vec<Diagnostic>) {
        self.diagnostics.sort_by(|a, b| a.at.cmp(&b.at));
        let sound = !self.unread && self.diagnostics.iter().all(|found| found.severity != Severity::Error);
        (sound.then_some(network), self.diagnostics)
    }
}

/// Every type's resources by reference. Indices are those of the raw lists, and so of the network's.
struct Directories {
    vnets: Directory<VnetIndex>,
    subnets: Directory<SubnetIndex>,
    nsgs: Directory<NsgIndex>,
    asgs: Directory<AsgIndex>,
    route_tables: Directory<RouteTableIndex>,
    public_ips: Directory<PublicIpIndex>,
    nics: Directory<NicIndex>,
}

impl Directories {
    /// Merges child resources into their parents and reports names that are wrong or used twice.
    fn new(raw: &mut raw::Network, report: &mut Report) -> Self {
        let vnets = directory(Kind::VirtualNetwork, VnetIndex, heads(&raw.virtual_networks), report);
        let nsgs = directory(Kind::SecurityGroup, NsgIndex, heads(&raw.security_groups), report);
        let asg_heads = heads(&raw.application_security_groups);
        let asgs = directory(Kind::ApplicationSecurityGroup, AsgIndex, asg_heads, report);
        let route_tables = directory(Kind::RouteTable, RouteTableIndex, heads(&raw.route_tables), report);
        let public_ips = directory(Kind::PublicIp, PublicIpIndex, heads(&raw.public_ips), report);
        let nics = directory(Kind::NetworkInterface, NicIndex, heads(&raw.network_interfaces), report);
        children::merge(raw, &vnets, &nsgs, &route_tables, report);

        let mut subnets = Directory::new(Kind::Subnet);
        for (nth, vnet) in raw.virtual_networks.iter().enumerate() {
            children::names_differ(
                vnet.subnets.iter().map(|it| &it.name),
                "subnet",
                &vnet.name.value,
                report,
            );
            let peerings = vnet.peerings.iter().map(|it| &it.name);
            children::names_differ(peerings, "peering", &vnet.name.value, report);
            for (subnet, it) in vnet.subnets.iter().enumerate() {
                text::name(&it.name, "subnet", report);
                let index = SubnetIndex { vnet: VnetIndex(nth), subnet };
                let name = format!("{}/{}", vnet.name.value, it.name.value);
                subnets.add(index, &vnet::subnet_id(vnet, it), &name);
            }
        }
        Self { vnets, subnets, nsgs, asgs, route_tables, public_ips, nics }
    }
}

/// What every resource has: an id, perhaps, and a name.
trait Head {
    fn head(&self) -> (Option<&At<String>>, &At<String>);
}

macro_rules! heads {
    ($($type:ident)*) => {$(
        impl Head for raw::$type {
            fn head(&self) -> (Option<&At<String>>, &At<String>) {
                (self.id.as_ref(), &self.name)
            }
        }
    )*};
}

heads!(VirtualNetwork NetworkInterface NetworkSecurityGroup ApplicationSecurityGroup RouteTable PublicIpAddress);

fn heads<T: Head>(resources: &[T]) -> impl Iterator<Item = (Option<&At<String>>, &At<String>)> {
    resources.iter().map(Head::head)
}

fn directory<'a, I: Copy>(
    kind: Kind,
    index: impl Fn(usize) -> I,
    heads: impl Iterator<Item = (Option<&'a At<String>>, &'a At<String>)>,
    report: &mut Report,
) -> Directory<I> {
    let mut directory = Directory::new(kind);
    let mut places: Vec<(bool, &At<String>)> = Vec::new();
    for (nth, (id, name)) in heads.enumerate() {
        let is_full = id.is_some_and(|id| is_full(&id.value));
        text::name(name, kind.words(), report);
        let other = directory.add(nth, &id_of(kind, id, &name.value), &name.value);
        if let Some(other) = other.filter(|_| !raw::is_unread(&name.value)) {
            let message = format!("there are two {}s '{}'", kind.words(), name.value);
            let first = places.get(other);
            let help = match first {
                Some((true, _)) if is_full => "they have one id and differ: take one of them away",
                _ => "take one away, or give both the ids of their resource groups",
            };
            let error = Diagnostic::error(codes::DUPLICATE_RESOURCE_NAME, &name.at, message).help(help);
            report.push(match first {
                Some((_, first)) => error.related(&first.at, "first used here"),
                None => error,
            });
        }
        places.push((is_full, name));
    }
    directory.map(index)
}

/// The id that a resource goes by: the document's, or one of ours.
fn id_of(kind: Kind, id: Option<&At<String>>, name: &str) -> Arc<str> {
    match id {
        Some(id) if is_full(&id.value) => id.value.as_str().into(),
        _ => kind.local_id(name).into(),
    }
}
