//! Network security groups and their rules.

use super::resource::Head;
use super::{Reader, keys};
use crate::codes;
use diagnostic::At;
use document::Place;
use model::raw;

impl Reader {
    pub(super) fn security_group(&mut self, place: &Place<'_>, head: Head) {
        let (mut rules, mut subnets, mut network_interfaces) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(properties) = self.properties(place, keys::SECURITY_GROUP) {
            if let Some(list) = properties.get("defaultSecurityRules") {
                self.default_rules(&list);
            }
            self.flush_connection(&properties);
            subnets = ids(&properties, "subnets");
            network_interfaces = ids(&properties, "networkInterfaces");
            if let Some(list) = properties.get("securityRules") {
                self.report.array(&list);
                rules.extend(list.elements().filter_map(|rule| self.inline_rule(&rule)));
            }
        }
        let Head { id, name } = head;
        let group = raw::NetworkSecurityGroup { id, name, rules, subnets, network_interfaces };
        self.network.security_groups.push(group);
    }

    fn inline_rule(&mut self, place: &Place<'_>) -> Option<raw::SecurityRule> {
        if !self.report.object(place) {
            return None;
        }
        let head = Head::read(place, &mut self.report);
        Some(self.security_rule(place, head))
    }

    /// A rule; its place has been found to be an object.
    pub(super) fn security_rule(&mut self, place: &Place<'_>, head: Head) -> raw::SecurityRule {
        let before = self.report.errors();
        let mut rule = raw::SecurityRule {
            name: head.name,
            description: None,
            priority: None,
            direction: None,
            access: None,
            protocol: None,
            source: raw::Addresses::default(),
            source_ports: raw::Ports::default(),
            destination: raw::Addresses::default(),
            destination_ports: raw::Ports::default(),
            incomplete: false,
        };
        let Some(properties) = self.properties(place, keys::SECURITY_RULE) else { return rule };
        let report = &mut self.report;
        rule.description = report.string(&properties, "description");
        rule.priority = report.integer(&properties, "priority");
        rule.direction = report.string(&properties, "direction");
        rule.access = report.string(&properties, "access");
        // The number of a protocol is none of the words that Azure takes, which validation says.
        rule.protocol = report.string_or_number(&properties, "protocol");
        rule.source = raw::Addresses {
            prefix: report.string(&properties, "sourceAddressPrefix"),
            prefixes: report.strings(&properties, "sourceAddressPrefixes"),
            application_security_groups: report.references(&properties, "sourceApplicationSecurityGroups"),
        };
        rule.source_ports = raw::Ports {
            range: report.string_or_number(&properties, "sourcePortRange"),
            ranges: report.strings(&properties, "sourcePortRanges"),
        };
        rule.destination = raw::Addresses {
            prefix: report.string(&properties, "destinationAddressPrefix"),
            prefixes: report.strings(&properties, "destinationAddressPrefixes"),
            application_security_groups: report
                .references(&properties, "destinationApplicationSecurityGroups"),
        };
        rule.destination_ports = raw::Ports {
            range: report.string_or_number(&properties, "destinationPortRange"),
            ranges: report.strings(&properties, "destinationPortRanges"),
        };
        rule.incomplete = self.report.errors() > before;
        rule
    }

    /// Flows outlive a change of rules here, whatever the group asks for.
    fn flush_connection(&mut self, properties: &Place<'_>) {
        let asked = self.report.boolean(properties, "flushConnection").is_some_and(|it| it.value);
        if let Some(place) = properties.get("flushConnection").filter(|_| asked) {
            let message = "live flows are not judged again when rules change";
            self.report.push(place.warning(codes::NOT_HONOURED, message).help("set it to false"));
        }
    }
}

/// The ids in a list of what Azure adds to its answers, which is nobody's to get right.
fn ids(properties: &Place<'_>, key: &str) -> Vec<At<String>> {
    let list = properties.get(key);
    let ids = list.iter().flat_map(Place::elements).filter_map(|it| {
        let id = it.get("id")?;
        Some(At::new(id.node.as_str()?, &id.node.at))
    });
    ids.collect()
}
