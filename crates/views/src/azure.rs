//! The answers in the shape of Azure's REST API, which its CLI prints as it is.

use answer::{AppliedTo, Diagnosis, EffectiveNsg, EffectiveRule, Expansion, Side};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

/// Effective security rules as `az network nic list-effective-nsg` prints them: each rule with its expansions, which the
/// answer itself holds once.
#[derive(Debug)]
pub struct EffectiveNsgs<'a>(pub &'a [EffectiveNsg]);

/// The results of a network configuration diagnostic as `az network watcher run-configuration-diagnostic` prints them.
#[derive(Debug, serde::Serialize)]
pub struct Diagnoses<'a> {
    /// One for each question.
    pub results: &'a [Diagnosis],
}

impl Serialize for EffectiveNsgs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("EffectiveNetworkSecurityGroupListResult", 2)?;
        all.serialize_field("value", &self.0.iter().map(Nsg).collect::<Vec<_>>())?;
        all.serialize_field("nextLink", &None::<String>)?;
        all.end()
    }
}

struct Nsg<'a>(&'a EffectiveNsg);
struct Association<'a>(&'a AppliedTo);
struct Rule<'a>(&'a EffectiveRule, &'a [Expansion]);
struct TagMap<'a>(&'a [Expansion]);

#[derive(serde::Serialize)]
struct Id<'a> {
    id: &'a str,
}

impl Serialize for Nsg<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(nsg) = self;
        let rules: Vec<_> = nsg.rules.iter().map(|rule| Rule(rule, &nsg.expansions)).collect();
        let mut one = serializer.serialize_struct("EffectiveNetworkSecurityGroup", 4)?;
        one.serialize_field("networkSecurityGroup", &Id { id: &nsg.id })?;
        one.serialize_field("association", &Association(&nsg.applied_to))?;
        one.serialize_field("effectiveSecurityRules", &rules)?;
        one.serialize_field("tagMap", &TagMap(&nsg.expansions))?;
        one.end()
    }
}

impl Serialize for Association<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut place = serializer.serialize_map(Some(1))?;
        match self.0 {
            AppliedTo::Subnet(id) => place.serialize_entry("subnet", &Id { id })?,
            AppliedTo::NetworkInterface(id) => place.serialize_entry("networkInterface", &Id { id })?,
        }
        place.end()
    }
}

impl Serialize for TagMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tags = self.0.iter().filter_map(|it| Some((it.tag.as_ref()?, &it.prefixes)));
        serializer.collect_map(tags)
    }
}

impl Serialize for Rule<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(rule, expansions) = *self;
        let kind = if rule.default { "defaultSecurityRules" } else { "securityRules" };
        let (source, expanded_source) = addresses(&rule.source, expansions);
        let (destination, expanded_destination) = addresses(&rule.destination, expansions);
        let mut one = serializer.serialize_struct("EffectiveNetworkSecurityRule", 14)?;
        one.serialize_field("name", &format!("{kind}/{}", rule.name))?;
        one.serialize_field("protocol", &rule.protocol)?;
        one.serialize_field("sourcePortRange", &alone(&rule.source_ports))?;
        one.serialize_field("destinationPortRange", &alone(&rule.destination_ports))?;
        one.serialize_field("sourcePortRanges", &rule.source_ports)?;
        one.serialize_field("destinationPortRanges", &rule.destination_ports)?;
        one.serialize_field("sourceAddressPrefix", &alone(&source))?;
        one.serialize_field("destinationAddressPrefix", &alone(&destination))?;
        one.serialize_field("sourceAddressPrefixes", &source)?;
        one.serialize_field("destinationAddressPrefixes", &destination)?;
        one.serialize_field("expandedSourceAddressPrefix", &expanded_source)?;
        one.serialize_field("expandedDestinationAddressPrefix", &expanded_destination)?;
        one.serialize_field("access", &rule.access)?;
        one.serialize_field("priority", &rule.priority)?;
        one.serialize_field("direction", &rule.direction)?;
        one.end()
    }
}

/// What Azure writes in the plural fields of a side, and its expansion.
///
/// Every address is `0.0.0.0/0`, which in Azure's view means both families. Application security groups have no field of
/// their own there: their members stand in both.
fn addresses<'a>(side: &'a Side, expansions: &'a [Expansion]) -> (Vec<&'a str>, Option<&'a [String]>) {
    let expansion = |number: usize| expansions.get(number);
    match side {
        Side::Any => (vec!["0.0.0.0/0"], None),
        Side::Prefixes(prefixes) => (prefixes.iter().map(String::as_str).collect(), None),
        Side::Tag(number) => {
            let tag = expansion(*number).and_then(|it| it.tag.as_deref());
            (tag.into_iter().collect(), expansion(*number).map(|it| &*it.prefixes))
        }
        Side::Groups(_, number) => {
            let members = expansion(*number).map(|it| &*it.prefixes);
            (members.unwrap_or_default().iter().map(String::as_str).collect(), members)
        }
    }
}

/// The singular field: what the plural one holds, if it is one.
fn alone<T>(list: &[T]) -> Option<&T> {
    match list {
        [one] => Some(one),
        _ => None,
    }
}
