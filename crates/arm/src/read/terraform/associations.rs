//! Resources of Terraform's that only say what belongs to which other one.

use super::fields::{IP_CONFIGURATION, NETWORK_INTERFACE, SUBNET, entry, fields, reference};
use super::{KNOWN_AFTER, is_deposed, items, parts, text};
use crate::codes;
use diagnostic::Diagnostic;
use document::{Entry, Node, Value};
use std::collections::HashMap;

/// Resources that say of two others that they belong together: their type, and the keys of the two ids.
pub(super) const ASSOCIATIONS: [(&str, &str, &str); 4] = [
    ("azurerm_subnet_network_security_group_association", "subnet_id", "network_security_group_id"),
    ("azurerm_subnet_route_table_association", "subnet_id", "route_table_id"),
    (
        "azurerm_network_interface_security_group_association",
        "network_interface_id",
        "network_security_group_id",
    ),
    (
        "azurerm_network_interface_application_security_group_association",
        "network_interface_id",
        "application_security_group_id",
    ),
];
/// So many groups of one network interface are read, which is more than Azure allows: each IP configuration has them all.
const MOST_GROUPS: usize = 100;

/// What belongs to the resource of an id, in small letters: security groups, route tables, and application security groups.
#[derive(Default)]
pub(super) struct Belongs {
    security_group: HashMap<String, Node>,
    route_table: HashMap<String, Node>,
    application_security_groups: HashMap<String, Vec<Node>>,
}

impl Belongs {
    pub(super) fn read(all: &[&Node], found: &mut Vec<Diagnostic>) -> Self {
        let mut belongs = Self::default();
        // Of two that say it of one, the later counts, and what is deposed is older.
        let (deposed, others): (Vec<&Node>, Vec<&Node>) = all.iter().partition(|it| is_deposed(it));
        for resource in deposed.into_iter().chain(others) {
            let Some((kind, values)) = text(resource, "type").zip(resource.get("values")) else { continue };
            let Some((_, holder, held)) = ASSOCIATIONS.iter().find(|(it, ..)| *it == kind) else { continue };
            let (Some(holder), Some(held)) = (text(values, holder), values.get(held)) else {
                let message = "what belongs together here is known only after it is applied";
                let error = Diagnostic::error(document::codes::VALUE_NOT_KNOWN, &resource.at, message);
                found.push(error.help(KNOWN_AFTER));
                continue;
            };
            let holder = holder.to_ascii_lowercase();
            if kind.contains("application") {
                belongs.application_security_groups.entry(holder).or_default().push(held.clone());
            } else if kind.contains("route_table") {
                belongs.route_table.insert(holder, held.clone());
            } else {
                belongs.security_group.insert(holder, held.clone());
            }
        }
        belongs.take_read(all, found);
        belongs
    }

    /// Lets what no association names have what else was read of it from Azure, by its virtual network or by a data source: what
    /// associates the two may stand in another state, or in none.
    fn take_read(&mut self, all: &[&Node], found: &mut Vec<Diagnostic>) {
        let of = |kinds: &'static [&str]| {
            let of_kind = all.iter().filter(move |it| text(it, "type").is_some_and(|it| kinds.contains(&it)));
            of_kind.filter_map(|it| it.get("values"))
        };
        let listed = || of(&["azurerm_virtual_network"]).flat_map(|it| items(it.get("subnet")));
        let holders = || of(&["azurerm_subnet", "azurerm_network_interface"]);
        let id_of = |it: &Node| text(it, "id").map(str::to_ascii_lowercase);
        let groups: &[&str] = &["security_group", "network_security_group_id"];
        for (what, keys, associated) in [
            ("network security group", groups, &mut self.security_group),
            ("route table", &["route_table_id"], &mut self.route_table),
        ] {
            let held_by = |it: &Node| {
                let held = keys.iter().find_map(|key| it.get(key).filter(|it| it.as_str() != Some("")))?;
                Some(held.clone())
            };
            let read = listed().chain(holders()).filter_map(|it| Some((id_of(it)?, held_by(it)?)));
            let read: HashMap<String, Node> = read.collect();
            for holder in holders().filter(|it| held_by(it).is_none()) {
                let Some(id) = id_of(holder).filter(|it| !associated.contains_key(it)) else { continue };
                let Some(held) = read.get(&id) else { continue };
                let name = text(holder, "name").unwrap_or(&id);
                let message = format!("no association gives '{name}' this {what}, which Azure said it has");
                let warning = Diagnostic::warning(codes::ASSOCIATION_MISSING, &held.at, message);
                found.push(warning.help(
                    "it is taken to have it; where that has just been taken away, `terraform apply -refresh-only` reads it again",
                ));
                associated.insert(id, held.clone());
            }
        }
    }

    pub(super) fn subnet(&self, values: &Node) -> Vec<Entry> {
        let mut properties = fields(values, SUBNET);
        let id = text(values, "id").unwrap_or_default().to_ascii_lowercase();
        put(&mut properties, "networkSecurityGroup", self.security_group.get(&id));
        put(&mut properties, "routeTable", self.route_table.get(&id));
        properties
    }

    pub(super) fn network_interface(&self, values: &Node) -> Vec<Entry> {
        let id = text(values, "id").unwrap_or_default().to_ascii_lowercase();
        let groups = self.application_security_groups.get(&id).map(Vec::as_slice).unwrap_or_default();
        let groups =
            || groups.iter().take(MOST_GROUPS).map(|it| Node::new(reference(it), it.at.clone())).collect();
        let configurations = parts(values, "ip_configuration", "ipConfigurations", |it| {
            let mut properties = fields(it, IP_CONFIGURATION);
            properties.push(entry(it, "applicationSecurityGroups", Value::Array(groups())));
            properties
        });
        let mut properties = fields(values, NETWORK_INTERFACE);
        properties.push(configurations);
        put(&mut properties, "networkSecurityGroup", self.security_group.get(&id));
        properties
    }
}

/// Lets a reference to what an association names stand in the place of one that is there already.
fn put(properties: &mut Vec<Entry>, key: &str, held: Option<&Node>) {
    if let Some(held) = held {
        properties.retain(|it| it.key.value != key);
        properties.push(entry(held, key, reference(held)));
    }
}
