//! What a plan comes to: what it makes of the resources, and what it has read before.
//!
//! # Source
//! Terraform "JSON Output Format", *Plan Representation* and *Change Representation*: of `planned_values`, what is not known is
//! left out, and is a null in a list; what is not set is a null.

use super::gone::Gone;
use super::{AZAPI, KNOWN_AFTER, collect, is_read, items, text, updates::UPDATE};
use diagnostic::{At, Diagnostic};
use document::{Entry, Node, Unknown, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const OF_A_RULE: &[&str] = &[
    "priority",
    "direction",
    "access",
    "protocol",
    "source_port_range",
    "source_port_ranges",
    "source_address_prefix",
    "source_address_prefixes",
    "source_application_security_group_ids",
    "destination_port_range",
    "destination_port_ranges",
    "destination_address_prefix",
    "destination_address_prefixes",
    "destination_application_security_group_ids",
];
/// Attributes that every plan has which knows them: the type of the resource, the block that they stand in, and their names.
/// Others are missing from most plans because Azure chooses them, such as a private address. Of types that are not here, no part of
/// a list is read.
const KNOWN: [(&str, Option<&str>, &[&str]); 15] = [
    ("azurerm_network_security_group", None, &["name"]),
    ("azurerm_network_security_group", Some("security_rule"), OF_A_RULE),
    ("azurerm_network_security_rule", None, &["name", "network_security_group_name"]),
    ("azurerm_network_security_rule", None, OF_A_RULE),
    ("azurerm_virtual_network", None, &["name"]),
    ("azurerm_virtual_network", Some("subnet"), &["security_group"]),
    ("azurerm_subnet", None, &["name", "virtual_network_name"]),
    ("azurerm_virtual_network_peering", None, &["name", "virtual_network_name", "remote_virtual_network_id"]),
    ("azurerm_route_table", None, &["name"]),
    ("azurerm_route", None, &["name", "route_table_name"]),
    ("azurerm_network_interface", None, &["name", "ip_configuration"]),
    ("azurerm_network_interface", Some("ip_configuration"), &["subnet_id", "public_ip_address_id"]),
    ("azurerm_public_ip", None, &["name"]),
    // The body is what is written, to the last part.
    (AZAPI, None, &["body"]),
    (UPDATE, None, &["body"]),
];
/// Lists that stand in a resource or are made of others, and then are known only once Azure has them.
const LISTS: [(&str, &str); 3] = [
    ("azurerm_network_security_group", "security_rule"),
    ("azurerm_virtual_network", "subnet"),
    ("azurerm_route_table", "route"),
];
/// What a data source says once it is read.
const READ: [(&str, &[&str]); 7] = [
    ("azurerm_network_security_group", &["security_rule"]),
    ("azurerm_virtual_network", &["address_space"]),
    ("azurerm_subnet", &["address_prefixes", "network_security_group_id", "route_table_id"]),
    ("azurerm_network_interface", &["ip_configuration", "network_security_group_id"]),
    ("azurerm_route_table", &["route"]),
    ("azurerm_public_ip", &["ip_address"]),
    (AZAPI, &["output"]),
];

/// So many letters of an address are told, however often it is.
const MOST_LETTERS: usize = 300;

/// The resources that a plan comes to, with a value that is not known for each that it does not know; `None` of what is no plan.
pub(super) fn resources(document: &Node, found: &mut Vec<Diagnostic>) -> Option<Vec<Node>> {
    document.get("terraform_version")?;
    let (mut planned, mut read) = (Vec::new(), Vec::new());
    collect(document.get("planned_values")?.get("root_module")?, &mut planned);
    let prior = document.get("prior_state").and_then(|it| it.get("values"));
    prior.and_then(|it| it.get("root_module")).into_iter().for_each(|it| collect(it, &mut read));
    // What the plan has not read yet stands among what it makes, and what it manages stands there as it will be.
    let again: HashSet<&str> = planned.iter().filter_map(|it| text(it, "address")).collect();
    read.retain(|it| is_read(it) && text(it, "address").is_none_or(|it| !again.contains(it)));
    let plan = Plan::of(document, &planned);
    let planned = planned.into_iter().map(|it| plan.with_unknown(it, found));
    Some(planned.chain(read.into_iter().map(|it| plan.without_gone(it))).collect())
}

/// What a plan says beside the values.
struct Plan<'n> {
    /// What is not known of a resource, by its address.
    unknown: HashMap<&'n str, &'n Node>,
    /// What is written for a resource, by the number of its module and its address in it. The root is the first module.
    written: HashMap<(usize, &'n str), &'n Node>,
    /// The number of a module, by that of the one that calls it, and its name there.
    modules: HashMap<(usize, &'n str), usize>,
    /// The groups, in small letters, that have rules as resources of their own.
    with_rules: HashSet<String>,
    gone: Gone,
}

impl<'n> Plan<'n> {
    fn of(document: &'n Node, planned: &[&Node]) -> Self {
        let changes = items(document.get("resource_changes")).iter();
        let unknown =
            changes.filter_map(|it| Some((text(it, "address")?, it.get("change")?.get("after_unknown")?)));
        let rules = planned.iter().filter(|it| text(it, "type") == Some("azurerm_network_security_rule"));
        let groups = rules.filter_map(|it| text(it.get("values")?, "network_security_group_name"));
        let with_rules = groups.map(str::to_ascii_lowercase).collect();
        let gone = Gone::of(document);
        let (written, modules) = (HashMap::new(), HashMap::new());
        let mut plan = Self { unknown: unknown.collect(), written, modules, with_rules, gone };
        let configuration = document.get("configuration").and_then(|it| it.get("root_module"));
        configuration.into_iter().for_each(|it| plan.take_written(it, 0));
        plan
    }

    fn take_written(&mut self, module: &'n Node, nth: usize) {
        for resource in items(module.get("resources")) {
            if let (Some(address), Some(written)) = (text(resource, "address"), resource.get("expressions")) {
                self.written.insert((nth, address), written);
            }
        }
        for call in module.get("module_calls").map(Node::entries).unwrap_or_default() {
            let called = self.modules.len() + 1;
            self.modules.insert((nth, &call.key.value), called);
            call.value.get("module").into_iter().for_each(|it| self.take_written(it, called));
        }
    }

    fn is_written(&self, address: &str, attribute: &str) -> bool {
        let address = without_keys(address);
        let (mut module, mut rest) = (Some(0), address.as_str());
        while let Some((name, inner)) = rest.strip_prefix("module.").and_then(|it| it.split_once('.')) {
            module = module.and_then(|it| self.modules.get(&(it, name)).copied());
            rest = inner;
        }
        let written = module.and_then(|it| self.written.get(&(it, rest)));
        written.is_some_and(|it| it.get(attribute).is_some())
    }

    fn with_unknown(&self, resource: &Node, found: &mut Vec<Diagnostic>) -> Node {
        let mut resource = resource.clone();
        let kind = text(&resource, "type").unwrap_or_default().to_owned();
        let address = text(&resource, "address").unwrap_or(&kind).to_owned();
        let is_read = is_read(&resource);
        // Of other types, a plan may not know a million parts that nobody asks for.
        if KNOWN.iter().all(|(it, ..)| *it != kind) {
            return resource;
        }
        let Some(values) = inner(&mut resource, "values") else { return resource };
        replace_nulls(values, &address, "", &mut None, &mut HashMap::new());
        self.gone.leave_out(&kind, values);
        if is_read {
            let of_kind = READ.iter().filter(|(it, ..)| *it == kind);
            of_kind.for_each(|(_, names)| add(values, &address, names));
            return resource;
        }
        let body = self.unknown.get(&*address).and_then(|it| it.get("body"));
        if let (Some(body), Some(unknown)) = (inner(values, "body"), body) {
            mark(body, unknown, &address);
        }
        for (_, block, names) in KNOWN.iter().filter(|(it, ..)| *it == kind) {
            match block.map(|block| inner(values, block)) {
                None => add(values, &address, names),
                Some(Some(Node { value: Value::Array(items), .. })) => add_to_each(items, &address, names),
                Some(_) => {}
            }
        }
        let lists = LISTS.iter().filter(|(it, list)| *it == kind && values.entry(list).is_none());
        let missing: Vec<&str> = lists.map(|(_, list)| *list).collect();
        for list in missing {
            if self.is_written(&address, list) {
                add(values, &address, &[list]);
            } else if list == "security_rule" {
                found.extend(self.without_rules(values, &address));
            }
        }
        resource
    }

    /// What was read before the plan, without what the plan deletes.
    fn without_gone(&self, resource: &Node) -> Node {
        let mut resource = resource.clone();
        let kind = text(&resource, "type").unwrap_or_default().to_owned();
        if let Some(values) = inner(&mut resource, "values") {
            self.gone.leave_out(&kind, values);
            self.gone.leave_out_associated(&kind, values);
        }
        resource
    }

    /// The warning for a group that has no rules as far as a plan tells. Its configuration does not show what `dynamic` blocks make,
    /// and any list that is not written is known only once Azure has it.
    ///
    /// # Source
    /// Terraform `internal/command/jsonconfig`: the expressions are those of the attributes and blocks, without `dynamic` ones.
    fn without_rules(&self, group: &Node, address: &str) -> Option<Diagnostic> {
        let name = text(group, "name")?;
        if self.with_rules.contains(&name.to_ascii_lowercase()) {
            return None;
        }
        let message = format!(
            "{address}: the plan shows no rules of network security group '{name}', and may not know them"
        );
        let warning = Diagnostic::warning(document::codes::VALUE_NOT_KNOWN, &group.at, message);
        Some(warning.help(format!("it is taken to have none; if it has, {KNOWN_AFTER}")))
    }
}

/// An address without the keys of count and for_each, which stand in brackets and may be quoted.
fn without_keys(address: &str) -> String {
    let (mut plain, mut in_key, mut is_quoted) = (String::new(), false, false);
    let mut letters = address.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if is_quoted => drop(letters.next()),
            '"' if in_key => is_quoted = !is_quoted,
            '[' if !in_key => in_key = true,
            ']' if in_key && !is_quoted => in_key = false,
            _ if !in_key => plain.push(letter),
            _ => {}
        }
    }
    plain
}

pub(super) fn inner<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Object(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|it| it.key.value == key).map(|it| &mut it.value)
}

fn unknown(address: &str, name: &str) -> Value {
    let address: String = address.chars().take(MOST_LETTERS).collect();
    let what = format!("{address}: {name}");
    Value::Unknown(Arc::new(Unknown::new(what, "is known only after it is applied", KNOWN_AFTER)))
}

fn add(values: &mut Node, address: &str, names: &[&str]) {
    add_to_each(std::slice::from_mut(values), address, names);
}

fn add_to_each(all: &mut [Node], address: &str, names: &[&str]) {
    for name in names {
        let unknown = unknown(address, name);
        for values in all.iter_mut() {
            let at = values.at.clone();
            let Value::Object(entries) = &mut values.value else { continue };
            if entries.iter().all(|it| it.key.value != *name) {
                entries.push(Entry { key: At::new(*name, &at), value: Node::new(unknown.clone(), at) });
            }
        }
    }
}

/// Puts a value that is not known in the place of each null in a list; `name` is the attribute that the value is of. A list may have
/// a million of them, so that all of one name share what is told of them: `shared` has it by the name, and `own` that of this one.
fn replace_nulls<'n>(
    value: &'n mut Node,
    address: &str,
    name: &'n str,
    own: &mut Option<Value>,
    shared: &mut HashMap<&'n str, Value>,
) {
    match &mut value.value {
        Value::Object(entries) => {
            for Entry { key, value } in entries {
                replace_nulls(value, address, &key.value, &mut None, shared);
            }
        }
        Value::Array(items) => {
            for item in items {
                if item.value == Value::Null {
                    let of_name = || shared.entry(name).or_insert_with(|| unknown(address, name)).clone();
                    item.value = own.get_or_insert_with(of_name).clone();
                } else {
                    replace_nulls(item, address, name, own, shared);
                }
            }
        }
        _ => {}
    }
}

/// Puts in the parts of a value of any shape that are not known, which are true in a value of the same shape.
fn mark(value: &mut Node, not_known: &Node, address: &str) {
    let (entries, marks) = match (&mut value.value, &not_known.value) {
        (Value::Object(entries), Value::Object(marks)) => (entries, marks),
        (Value::Array(items), Value::Array(marks)) => {
            return items.iter_mut().zip(marks).for_each(|(item, not_known)| mark(item, not_known, address));
        }
        _ => return,
    };
    let mut rest: HashMap<&str, &Node> = marks.iter().map(|it| (&*it.key.value, &it.value)).collect();
    for entry in entries.iter_mut() {
        rest.remove(&*entry.key.value).into_iter().for_each(|it| mark(&mut entry.value, it, address));
    }
    let is_left = |it: &&Entry| rest.contains_key(&*it.key.value) && it.value.value == Value::Bool(true);
    entries.extend(marks.iter().filter(is_left).map(|it| {
        let value = Node::new(unknown(address, &it.key.value), value.at.clone());
        Entry { key: At::new(it.key.value.as_str(), &value.at), value }
    }));
}
