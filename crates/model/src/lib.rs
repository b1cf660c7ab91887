//! The network as Azure names it, validated.
//!
//! | module | question |
//! |---|---|
//! | [`raw`] | what do documents say, before anybody has checked it? |
//! | `validate` | does it hold together, and what network is it? |
//! | [`codes`], [`limits`] | which errors does Azure give, and what does it refuse to exceed? |
//! | `network`, `ports` | what is there, and how does it belong together? |
//! | `reference`, `lookup` | which resource is meant by an id or a name? |
//! | `tags`, `words`, `near_tag` | which service tags are there, and which one is meant by a word? |
//! | `defaults` | which rules does every NSG have? |
//! | `peerings` | which other virtual networks does one reach? |
//! | `routes` | what do rules see of route tables? |
//! | `assume` | which address has a network interface that the documents give none? |

mod assume;
pub mod codes;
mod defaults;
pub mod limits;
mod lookup;
mod near_tag;
mod network;
mod peerings;
mod ports;
pub mod raw;
mod reference;
mod routes;
mod tags;
mod validate;
mod words;

pub use network::{
    Access, AddressMatch, ApplicationSecurityGroup, AsgIndex, Direction, IpConfiguration, Network,
    NetworkInterface, NetworkSecurityGroup, NicIndex, NsgIndex, Peering, PublicIpAddress, PublicIpIndex,
    RouteTableIndex, RuleProtocol, SecurityRule, ServiceTag, Subnet, SubnetIndex, TagIndex, VirtualNetwork,
    VnetIndex,
};
pub use ports::PortSet;
pub use reference::{NO_RESOURCE_GROUP, NO_SUBSCRIPTION, NotFound, another_resource_group, may_be_within};
pub use routes::{Everything, NextHop, Route, RouteDestination, RouteTable, Vantage};
pub use tags::{NamedTag, ServiceTags, TagUse};
pub use validate::{retag, validate};
pub use words::is_computed_tag;

/// What kind of public address it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum PublicIpSku {
    /// Open to the internet where no NSG stands before it.
    #[default]
    Basic,
    /// Closed to the internet where no NSG allows.
    Standard,
}
