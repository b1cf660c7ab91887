//! What all resources have in common, and the small ones.

use super::kind::Kind;
use super::{Reader, keys, shape};
use diagnostic::{At, Diagnostic, Location};
use document::{Node, Place, Report, Value};
use model::{codes, raw};

/// The id and the name of a resource.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: Option<At<String>>,
    /// As written, or the last word of the id, or empty; the expression in brackets where it is not known.
    pub(super) name: At<String>,
}

impl Head {
    pub(super) fn read(place: &Place<'_>, report: &mut Report) -> Self {
        let id = report.string(place, "id");
        let written = report.string(place, "name");
        if let Some(name) = written.as_ref().filter(|it| raw::is_unread(&it.value)) {
            let message = format!("'{}' is no name", name.value);
            let error = Diagnostic::error(codes::INVALID_RESOURCE_NAME, &name.at, message);
            report.push(error.help(if name.value.ends_with(']') {
                "a name begins with a letter or a digit"
            } else {
                "a name begins with a letter or a digit; an expression of a template ends with ]"
            }));
        }
        let name = written.or_else(|| unread(place)).or_else(|| {
            let id = id.as_ref()?;
            Some(At::new(id.value.rsplit('/').find(|word| !word.is_empty())?, &id.at))
        });
        // Without any, the name is empty, which validation reports.
        Self { name: name.unwrap_or_else(|| At::new("", &place.node.at)), id }
    }

    /// Takes the parent out of a child's name `parent/child`, else out of its id.
    fn split_parent(&mut self) -> Option<At<String>> {
        let At { value, at } = self.name.clone();
        if raw::is_unread(&value) {
            return Some(self.name.clone());
        }
        let in_name = value.split_once('/');
        if let Some((_, child)) = in_name {
            self.name = At::new(child, &at);
        }
        if let Some(id) = self.id.as_ref().filter(|id| is_full(&id.value)) {
            // …/networkSecurityGroups/web/securityRules/allow → …/networkSecurityGroups/web
            if let Some(parent) = id.value.trim_end_matches('/').rsplitn(3, '/').nth(2) {
                return Some(At::new(parent, &id.at));
            }
        }
        in_name.map(|(parent, _)| At::new(parent, &at))
    }
}

/// What stands for a name that is there and could not be read, which has been reported.
fn unread(place: &Place<'_>) -> Option<At<String>> {
    let name = place.get("name")?;
    let what = match &name.node.value {
        Value::Unknown(unknown) => unknown.expression.as_str(),
        Value::String(text) => text,
        other => other.kind(),
    };
    let what = if raw::is_unread(what) { what.to_owned() } else { format!("[{what}]") };
    Some(At::new(what, &name.node.at))
}

/// Whether an id says its subscription, and so its parent's whole id.
pub(super) fn is_full(id: &str) -> bool {
    let first = id.split('/').find(|word| !word.is_empty());
    first.is_some_and(|word| word.eq_ignore_ascii_case("subscriptions"))
}

impl Reader {
    /// A resource whose type is known.
    pub(super) fn known(&mut self, place: &Place<'_>, kind: Kind, mut head: Head, enclosing: Option<&Head>) {
        if let Kind::Other(name) = &kind {
            let tags = name.eq_ignore_ascii_case("Microsoft.Network/serviceTags");
            if let Some(answer) = shape::answer(place).filter(|_| tags) {
                return self.report.push(answer);
            }
            let at = place.get("type").map_or(&place.node.at, |it| &it.node.at).clone();
            if let Some(error) = super::kind::mistyped(name, &at) {
                return self.report.push(error);
            }
            self.ignore(name.clone(), &head.name.value, &place.node.at);
            self.virtual_machine(name, place.node);
            return self.described_interfaces(place.node, &head.name.value);
        }
        for child in place.get("resources").iter().flat_map(Place::elements) {
            self.resource(&child, Some((&kind, &head)));
        }
        match kind {
            Kind::VirtualNetwork => self.virtual_network(place, head),
            Kind::NetworkInterface => self.network_interface(place, head),
            Kind::SecurityGroup => self.security_group(place, head),
            Kind::ApplicationSecurityGroup => self.application_security_group(place, head),
            Kind::RouteTable => self.route_table(place, head),
            Kind::PublicIp => self.public_ip(place, head),
            Kind::Subnet => {
                let Some(parent) = self.parent(&mut head, enclosing, &place.node.at) else { return };
                let value = self.subnet(place, head);
                self.network.subnets.push(raw::Child { parent, value });
            }
            Kind::Peering => {
                let Some(parent) = self.parent(&mut head, enclosing, &place.node.at) else { return };
                let value = self.peering(place, head);
                self.network.peerings.push(raw::Child { parent, value });
            }
            Kind::SecurityRule => {
                let Some(parent) = self.parent(&mut head, enclosing, &place.node.at) else { return };
                let value = self.security_rule(place, head);
                self.network.security_rules.push(raw::Child { parent, value });
            }
            Kind::Route => {
                let Some(parent) = self.parent(&mut head, enclosing, &place.node.at) else { return };
                let value = self.route(place, head);
                self.network.routes.push(raw::Child { parent, value });
            }
            Kind::DefaultSecurityRule => {
                head.split_parent();
                self.default_rule(place);
            }
            Kind::Other(_) => {}
        }
    }

    /// Takes down whose network interfaces are whose: a template says it at the machine, an answer at both.
    pub(super) fn virtual_machine(&mut self, kind: &str, machine: &Node) {
        if !kind.eq_ignore_ascii_case("Microsoft.Compute/virtualMachines") {
            return;
        }
        let profile = machine.get("properties").unwrap_or(machine).get("networkProfile");
        let listed = profile.and_then(|it| it.get("networkInterfaces")).map(|it| &it.value);
        let word = |node: &Node, key: &str| Some(node.get(key)?.as_str()?.to_owned());
        let (Some(Value::Array(interfaces)), Some(id_or_name)) =
            (listed, word(machine, "id").or_else(|| word(machine, "name")))
        else {
            return;
        };
        let network_interfaces = interfaces.iter().filter_map(|it| word(it, "id")).collect();
        self.network.virtual_machines.push(raw::VirtualMachine { id_or_name, network_interfaces });
    }

    /// Lists the network interfaces that a machine or a scale set describes without their being resources.
    pub(super) fn described_interfaces(&mut self, owner: &Node, name: &str) {
        let properties = owner.get("properties").unwrap_or(owner);
        let profiles = [properties.get("virtualMachineProfile"), Some(properties)];
        let networks = profiles.into_iter().flatten().filter_map(|it| it.get("networkProfile"));
        let described = networks.filter_map(|it| it.get("networkInterfaceConfigurations"));
        let is_empty = |it: &Node| matches!(&it.value, Value::Array(items) if items.is_empty());
        for interfaces in described.filter(|it| !is_empty(it)) {
            self.ignore("networkInterfaceConfigurations".to_owned(), name, &interfaces.at);
        }
    }

    /// The parent of a child resource: the one around it, or the one in its id or name.
    fn parent(&mut self, head: &mut Head, enclosing: Option<&Head>, at: &Location) -> Option<At<String>> {
        let written = head.split_parent();
        let around = enclosing.map(|parent| parent.id.clone().unwrap_or_else(|| parent.name.clone()));
        let found = around.or(written);
        if found.is_none() {
            let message = format!("the child resource '{}' does not name its parent", head.name.value);
            let error = Diagnostic::error(codes::INVALID_RESOURCE_NAME, at, message);
            self.report.push(error.help("write its name as parent/child, or its id"));
        }
        found
    }

    fn application_security_group(&mut self, place: &Place<'_>, head: Head) {
        self.properties(place, keys::APPLICATION_SECURITY_GROUP);
        let Head { id, name } = head;
        self.network.application_security_groups.push(raw::ApplicationSecurityGroup { id, name });
    }

    fn public_ip(&mut self, place: &Place<'_>, head: Head) {
        let properties = self.properties(place, keys::PUBLIC_IP);
        let allocation = properties.as_ref().and_then(|it| it.get("publicIPAllocationMethod"));
        let allocation = allocation.and_then(|it| Some(At::new(it.node.as_str()?, &it.node.at)));
        let address = properties.and_then(|it| self.report.string(&it, "ipAddress"));
        let sku = place.get("sku").filter(|it| self.report.object(it));
        let sku = sku.and_then(|it| self.report.string(&it, "name"));
        let Head { id, name } = head;
        self.network.public_ips.push(raw::PublicIpAddress { id, name, address, sku, allocation });
    }
}
