//! Which type a resource is of: as it says, else as its id says, else as its properties say.

use crate::codes;
use diagnostic::{Diagnostic, Location};
use document::{Place, Report};

/// So many letters of a type may be wrong, and it is clear which is meant.
const MISTYPED: usize = 2;

/// The types that are modelled, and all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    VirtualNetwork,
    Subnet,
    Peering,
    NetworkInterface,
    SecurityGroup,
    SecurityRule,
    ApplicationSecurityGroup,
    RouteTable,
    Route,
    PublicIp,
    DefaultSecurityRule,
    Other(String),
}

impl Kind {
    const MODELLED: [Self; 11] = [
        Self::VirtualNetwork,
        Self::Subnet,
        Self::Peering,
        Self::NetworkInterface,
        Self::SecurityGroup,
        Self::SecurityRule,
        Self::ApplicationSecurityGroup,
        Self::RouteTable,
        Self::Route,
        Self::PublicIp,
        Self::DefaultSecurityRule,
    ];

    /// The full type, as Azure spells it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::VirtualNetwork => "Microsoft.Network/virtualNetworks",
            Self::Subnet => "Microsoft.Network/virtualNetworks/subnets",
            Self::Peering => "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
            Self::NetworkInterface => "Microsoft.Network/networkInterfaces",
            Self::SecurityGroup => "Microsoft.Network/networkSecurityGroups",
            Self::SecurityRule => "Microsoft.Network/networkSecurityGroups/securityRules",
            Self::ApplicationSecurityGroup => "Microsoft.Network/applicationSecurityGroups",
            Self::RouteTable => "Microsoft.Network/routeTables",
            Self::Route => "Microsoft.Network/routeTables/routes",
            Self::PublicIp => "Microsoft.Network/publicIPAddresses",
            Self::DefaultSecurityRule => "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
            Self::Other(name) => name,
        }
    }

    /// The type that is meant by a name of none, where no more than a letter or two are wrong, or the provider is missing. No
    /// type of Azure's that is not modelled comes so near.
    pub(super) fn meant(name: &str) -> Option<Self> {
        let is_meant = |kind: &Self| {
            let whole = kind.name();
            let last = whole.rsplit('/').next().filter(|_| !name.contains('/'));
            diagnostic::is_near(name, whole, MISTYPED)
                || last.is_some_and(|last| diagnostic::is_near(name, last, MISTYPED.min(last.len() / 5)))
        };
        Self::MODELLED.into_iter().find(is_meant)
    }

    pub(super) fn named(name: &str) -> Self {
        let known = Self::MODELLED.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
        known.unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

/// The type of the resource, or `None` where nothing tells it. A child inside its parent says only its last word.
pub(super) fn of(place: &Place<'_>, parent: Option<&Kind>, report: &mut Report) -> Option<Kind> {
    if place.get("type").is_some() {
        let name = report.string(place, "type")?.value;
        return Some(match parent {
            Some(parent) if !name.contains('/') => Kind::named(&format!("{}/{name}", parent.name())),
            _ => Kind::named(&name),
        });
    }
    if let Some(id) = place.get("id")
        && let Some(name) = id.node.as_str().and_then(type_of_id)
    {
        return Some(Kind::named(&name));
    }
    by_properties(place)
}

fn by_properties(place: &Place<'_>) -> Option<Kind> {
    from_properties(place.get("properties").as_ref().unwrap_or(place))
}

/// The type in a resource id: the provider and every second word after it.
fn type_of_id(id: &str) -> Option<String> {
    let words: Vec<&str> = id.split('/').filter(|word| !word.is_empty()).collect();
    let provider = words.iter().rposition(|word| word.eq_ignore_ascii_case("providers"))?;
    let types = words.iter().skip(provider + 2).step_by(2);
    let name: Vec<&str> = words.get(provider + 1).into_iter().chain(types).copied().collect();
    (name.len() > 1).then(|| name.join("/"))
}

fn from_properties(properties: &Place<'_>) -> Option<Kind> {
    let has = |key| properties.get(key).is_some();
    if has("securityRules") || has("defaultSecurityRules") {
        Some(Kind::SecurityGroup)
    } else if has("addressSpace") {
        Some(Kind::VirtualNetwork)
    } else if has("priority") && has("direction") {
        Some(Kind::SecurityRule)
    } else if has("nextHopType") {
        // What an effective route table lists has the source of each route beside it.
        (has("addressPrefix") && !has("source")).then_some(Kind::Route)
    } else if has("addressPrefix") || has("addressPrefixes") {
        Some(Kind::Subnet)
    } else if has("remoteVirtualNetwork") {
        Some(Kind::Peering)
    } else if has("ipConfigurations") {
        Some(Kind::NetworkInterface)
    } else if has("routes") || has("disableBgpRoutePropagation") {
        Some(Kind::RouteTable)
    } else if has("publicIPAllocationMethod") || has("ipAddress") {
        Some(Kind::PublicIp)
    } else {
        None
    }
}

/// Whether anything tells the type of the object.
pub(super) fn is_told(place: &Place<'_>) -> bool {
    let by_id = || type_of_id(place.get("id")?.node.as_str()?);
    place.get("type").is_some() || by_id().is_some() || by_properties(place).is_some()
}

/// The error for a type that is none, and almost one that is modelled.
pub(super) fn mistyped(name: &str, at: &Location) -> Option<Diagnostic> {
    let meant = Kind::meant(name)?;
    let error =
        Diagnostic::error(codes::INVALID_RESOURCE_TYPE, at, format!("there is no resource type '{name}'"));
    Some(error.help(format!("did you mean '{}'?", meant.name())))
}

/// The error for an object that no one can tell the type of.
pub(super) fn unknown(place: &Place<'_>) -> Diagnostic {
    if let Some(answer) = super::shape::answer(place) {
        return answer;
    }
    let help = "write its type, such as \"type\": \"Microsoft.Network/networkSecurityGroups\"";
    place.error(codes::UNKNOWN_RESOURCE, "nothing says what type of resource this is").help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_their_type() {
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/a";
        assert_eq!(type_of_id(id).map(|name| Kind::named(&name)), Some(Kind::Subnet));
        assert_eq!(type_of_id("networkSecurityGroups/web"), None);
        assert_eq!(type_of_id("/providers"), None);
        assert_eq!(type_of_id("/providers/Microsoft.Network"), None);
        assert_eq!(Kind::named("MICROSOFT.NETWORK/PUBLICIPADDRESSES"), Kind::PublicIp);
    }

    #[test]
    fn a_letter_or_two_do_not_make_another_type() {
        for (written, meant) in [
            ("Microsoft.Network/networkSecurityGroup", Kind::SecurityGroup),
            ("Microsoft.Networks/networkSecurityGroups", Kind::SecurityGroup),
            ("networkSecurityGroups", Kind::SecurityGroup),
            ("networkSecurtiyGroup", Kind::SecurityGroup),
            ("microsoft.network/virtualNetworks/subnet", Kind::Subnet),
            ("subnets", Kind::Subnet),
        ] {
            assert_eq!(Kind::meant(written), Some(meant), "{written}");
        }
        // Azure's own, and others'.
        for other in [
            "Microsoft.Network/virtualNetworkTaps",
            "Microsoft.Network/virtualNetworkGateways",
            "Microsoft.Network/loadBalancers",
            "Microsoft.Network/natGateways",
            "Microsoft.Network/publicIPPrefixes",
            "Microsoft.Network/routeFilters",
            "Microsoft.ClassicNetwork/networkSecurityGroups",
            "Microsoft.Compute/virtualMachines",
            "azurerm_network_security_group_x",
            "extensions",
            "",
        ] {
            assert_eq!(Kind::meant(other), None, "{other}");
        }
    }
}
