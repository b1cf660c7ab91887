//! What a plan takes away: what has resources of its own stands in a list of another resource, too, as Azure had it before the plan.

use super::plan::inner;
use super::{items, text};
use document::{Node, Value};
use std::collections::HashSet;

/// Such lists: the type and the key, and of what stands in them the type and what its id has before its name.
const LISTS: [(&str, &str, &str, &str); 3] = [
    ("azurerm_network_security_group", "security_rule", "azurerm_network_security_rule", "securityRules"),
    ("azurerm_virtual_network", "subnet", "azurerm_subnet", "subnets"),
    ("azurerm_route_table", "route", "azurerm_route", "routes"),
];
/// What a subnet of such a list has by an association, which has the id of the subnet.
const ASSOCIATED: [(&str, &str); 2] = [
    ("azurerm_subnet_network_security_group_association", "security_group"),
    ("azurerm_subnet_route_table_association", "route_table_id"),
];
/// What a data source has by an association: its type, that of the association, and the key.
const READ: [(&str, &str, &str); 3] = [
    ("azurerm_subnet", "azurerm_subnet_network_security_group_association", "network_security_group_id"),
    ("azurerm_subnet", "azurerm_subnet_route_table_association", "route_table_id"),
    (
        "azurerm_network_interface",
        "azurerm_network_interface_security_group_association",
        "network_security_group_id",
    ),
];

/// The types and ids, in small letters, of what a plan deletes, also where it makes it again.
pub(super) struct Gone(HashSet<(String, String)>);

impl Gone {
    pub(super) fn of(plan: &Node) -> Self {
        let deleted = |it: &Node| {
            let change = it.get("change")?;
            let is_deleted = items(change.get("actions")).iter().any(|it| it.as_str() == Some("delete"));
            let id = text(change.get("before")?, "id").filter(|_| is_deleted)?;
            // That of an association of a network interface is the two ids with a bar between them.
            let id = id.split('|').next()?;
            Some((text(it, "type")?.to_owned(), id.to_ascii_lowercase()))
        };
        Self(items(plan.get("resource_changes")).iter().filter_map(deleted).collect())
    }

    /// Leaves out of a resource what the plan deletes.
    pub(super) fn leave_out(&self, kind: &str, values: &mut Node) {
        let Some((_, list, own, of_ids)) = LISTS.iter().find(|(it, ..)| *it == kind) else { return };
        let Some(id) = text(values, "id").map(|it| format!("{it}/{of_ids}").to_ascii_lowercase()) else {
            return;
        };
        let Some(Node { value: Value::Array(items), .. }) = inner(values, list) else { return };
        let id_of = |it: &Node| Some(format!("{id}/{}", text(it, "name")?.to_ascii_lowercase()));
        let is_gone =
            |kind: &str, it: &Node| id_of(it).is_some_and(|id| self.0.contains(&(kind.to_owned(), id)));
        items.retain(|it| !is_gone(own, it));
        for item in items.iter_mut().filter(|_| *list == "subnet") {
            let gone = ASSOCIATED.map(|(kind, key)| is_gone(kind, item).then_some(key));
            if let Value::Object(entries) = &mut item.value {
                entries
                    .iter_mut()
                    .filter(|it| gone.contains(&Some(&*it.key.value)))
                    .for_each(|it| it.value.value = Value::Null);
            }
        }
    }

    /// Leaves out of what a data source has read what it had by an association that the plan deletes. What is managed keeps it: there
    /// it is written in the configuration.
    pub(super) fn leave_out_associated(&self, kind: &str, values: &mut Node) {
        let Some(id) = text(values, "id").map(str::to_ascii_lowercase) else { return };
        for (_, own, key) in READ.iter().filter(|(it, ..)| *it == kind) {
            if self.0.contains(&((*own).to_owned(), id.clone())) {
                inner(values, key).into_iter().for_each(|it| it.value = Value::Null);
            }
        }
    }
}
