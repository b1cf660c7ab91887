//! The six default rules of every NSG.

use crate::{Access, AddressMatch, Direction, PortSet, RuleProtocol, SecurityRule, ServiceTag};

impl SecurityRule {
    /// The three default rules of `direction`, in priority order, under the names that Azure's API prints.
    ///
    /// # Source
    /// Azure "Network security groups", *Default security rules*.
    pub fn defaults(direction: Direction) -> [SecurityRule; 3] {
        use AddressMatch::{Any, Tag};
        let rule = |priority, name: &str, access, source, destination| SecurityRule {
            name: name.into(),
            default: true,
            priority,
            direction,
            access,
            protocol: RuleProtocol::Any,
            source,
            source_ports: PortSet::full(),
            destination,
            destination_ports: PortSet::full(),
        };
        let vnet = || Tag(ServiceTag::VirtualNetwork);
        match direction {
            Direction::Inbound => [
                rule(65000, "AllowVnetInBound", Access::Allow, vnet(), vnet()),
                rule(
                    65001,
                    "AllowAzureLoadBalancerInBound",
                    Access::Allow,
                    Tag(ServiceTag::AzureLoadBalancer),
                    Any,
                ),
                rule(65500, "DenyAllInBound", Access::Deny, Any, Any),
            ],
            Direction::Outbound => [
                rule(65000, "AllowVnetOutBound", Access::Allow, vnet(), vnet()),
                rule(65001, "AllowInternetOutBound", Access::Allow, Any, Tag(ServiceTag::Internet)),
                rule(65500, "DenyAllOutBound", Access::Deny, Any, Any),
            ],
        }
    }
}
