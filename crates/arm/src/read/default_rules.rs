//! The default rules that Azure's answers repeat: the same six in every group, and a warning where they are not.

use super::Reader;
use super::resource::Head;
use crate::codes;
use diagnostic::{At, Location};
use document::{Place, Value};
use model::{AddressMatch, Direction, PortSet, RuleProtocol, SecurityRule, ServiceTag, raw};

impl Reader {
    /// Compares the `defaultSecurityRules` of a group with the six that nsgate has. An empty list says nothing.
    pub(super) fn default_rules(&mut self, list: &Place<'_>) {
        if !self.report.array(list) {
            return;
        }
        let mut seen = Vec::new();
        for item in list.elements().filter(|item| matches!(item.node.value, Value::Object(_))) {
            seen.extend(self.default_rule(&item));
        }
        let missing = standard().find(|rule| !seen.is_empty() && !seen.contains(&rule.name));
        if let Some(rule) = missing {
            self.differs(&list.node.at, &format!("{list}: the default rule {} is missing", rule.name));
        }
    }

    /// Compares one; returns the name of the standard rule that it is.
    pub(super) fn default_rule(&mut self, place: &Place<'_>) -> Option<std::sync::Arc<str>> {
        let head = Head::read(place, &mut self.report);
        let name = head.name.clone();
        let rule = self.security_rule(place, head);
        let Some(standard) = standard().find(|known| known.name.eq_ignore_ascii_case(&name.value)) else {
            self.differs(&name.at, &format!("{place}: '{}' is none of Azure's default rules", name.value));
            return None;
        };
        if let Some((field, at)) = difference(&rule, &standard) {
            self.differs(&at, &format!("{place}: the {field} of {} is not Azure's", standard.name));
        }
        Some(standard.name)
    }

    fn differs(&mut self, at: &Location, message: &str) {
        let warning = diagnostic::Diagnostic::warning(codes::DEFAULT_RULES_DIFFER, at, message);
        self.report.push(warning.help("it is not read: every group has Azure's six default rules"));
    }
}

fn standard() -> impl Iterator<Item = SecurityRule> {
    [Direction::Inbound, Direction::Outbound].into_iter().flat_map(SecurityRule::defaults)
}

/// The first field that says another thing than the standard rule.
fn difference(rule: &raw::SecurityRule, standard: &SecurityRule) -> Option<(&'static str, Location)> {
    let (access, direction) = (format!("{:?}", standard.access), format!("{:?}", standard.direction));
    let (source, destination) = (address(&standard.source), address(&standard.destination));
    let protocol = if standard.protocol == RuleProtocol::Any { "*" } else { "" };
    let priority = standard.priority.to_string();
    let ports = |ports: &PortSet| if ports.is_full() { "*" } else { "" };
    let fields = [
        ("priority", &rule.priority, priority.as_str()),
        ("direction", &rule.direction, &direction),
        ("access", &rule.access, &access),
        ("protocol", &rule.protocol, protocol),
        ("sourceAddressPrefix", &rule.source.prefix, source),
        ("sourcePortRange", &rule.source_ports.range, ports(&standard.source_ports)),
        ("destinationAddressPrefix", &rule.destination.prefix, destination),
        ("destinationPortRange", &rule.destination_ports.range, ports(&standard.destination_ports)),
    ];
    let same = |written: &Option<At<String>>, standard: &str| {
        written.as_ref().is_none_or(|it| same_word(it.value.trim(), standard))
    };
    let (field, written, _) = fields.into_iter().find(|(_, written, standard)| !same(written, standard))?;
    Some((field, written.as_ref()?.at.clone()))
}

/// Whether two words say the same; some tools write every port and every protocol out.
fn same_word(written: &str, standard: &str) -> bool {
    let every =
        |word: &str| matches!(word, "*" | "0-65535" | "0.0.0.0/0") || word.eq_ignore_ascii_case("all");
    written.eq_ignore_ascii_case(standard) || (standard == "*" && every(written))
}

fn address(side: &AddressMatch) -> &'static str {
    match side {
        AddressMatch::Tag(ServiceTag::VirtualNetwork) => "VirtualNetwork",
        AddressMatch::Tag(ServiceTag::AzureLoadBalancer) => "AzureLoadBalancer",
        AddressMatch::Tag(ServiceTag::Internet) => "Internet",
        _ => "*",
    }
}
