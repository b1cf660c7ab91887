//! What policies mean, answered exactly: rules that change nothing, and the difference of two networks.
//!
//! [`diff`] compares two networks, NIC by NIC where they have any and network security group by group and subnet by subnet
//! where not, and answers with regions: sets of packets that the old network decides one way and the new one the other, each with one
//! packet as a witness. It sees meaning alone. Other names, merged ports, split prefixes, or rules in another order that
//! no packet can tell are no difference.
//!
//! ```
//! use analysis::{Limits, Network, diff};
//! use model::{Access, AddressMatch, Direction, NetworkSecurityGroup, PortSet, RuleProtocol, SecurityRule};
//!
//! let allow = |ports: &[u16]| SecurityRule {
//!     name: "AllowWeb".into(),
//!     default: false,
//!     priority: 100,
//!     direction: Direction::Inbound,
//!     access: Access::Allow,
//!     protocol: RuleProtocol::Tcp,
//!     source: AddressMatch::Any,
//!     source_ports: PortSet::full(),
//!     destination: AddressMatch::Prefixes(vec!["10.0.1.0/24".parse().unwrap()]),
//!     destination_ports: PortSet::from_ranges(ports.iter().map(|&port| port..=port)),
//! };
//! let network = |rule| model::Network {
//!     security_groups: vec![NetworkSecurityGroup { id: "web".into(), name: "web".into(), rules: vec![rule] }],
//!     ..model::Network::default()
//! };
//! let (old, new) = (network(allow(&[80])), network(allow(&[80, 8080])));
//! let old = Network { network: &old, virtual_networks: &Default::default(), on_premises: &[], internet: &[] };
//! let new = Network { network: &new, virtual_networks: &Default::default(), on_premises: &[], internet: &[] };
//! let found = diff(&old, &new, &Limits::default())?;
//! let region = &found.differences[0].regions[0];
//! assert_eq!(analysis::text::ports(&region.destination_ports), "8080");
//! assert_eq!((region.old, region.new), (Access::Deny, Access::Allow));
//! # Ok::<(), analysis::Error>(())
//! ```
//!
//! [`lint`] finds the rules of a network that no packet reaches, and those that could go without anything changing.
//!
//! In both all sets that rules name cut each field into classes. A difference is a decision diagram (`diagram`) over the
//! fields protocol, destination port, destination, source and source port: a state is the list of rules that are still
//! possible, cut after the first that matches everything left, in a form in which lists of one meaning are mostly one list.
//!
//! | module | question |
//! |---|---|
//! | `symbol` | which addresses a rule names, and what of that the documents leave open |
//! | `line`, `space` | which values of a field the rules tell apart |
//! | `compare`, `changed`, `diagram`, `lists` | which packets two lists of rules decide differently |
//! | `region`, [`text`], `told` | how that is told |
//! | `diff`, `comparison`, `groups`, `subnets`, `stack`, `matching` | what is compared with what |
//! | `assume` | which addresses both sides assume alike |
//! | `reach` | what is reached in one network alone, whatever the rules say |
//! | `lint`, `diagnostics` | which rules change nothing, and how that is told |
//! | `idle`, `cover` | whether one rule does, and what some rules leave of another's packets |

mod assume;
mod changed;
pub mod codes;
mod compare;
mod comparison;
mod cover;
mod diagnostics;
mod diagram;
mod diff;
mod groups;
mod idle;
mod limits;
mod line;
mod lint;
mod lists;
mod matching;
mod reach;
mod region;
mod space;
mod stack;
mod subnets;
mod symbol;
pub mod text;
mod told;

pub use assume::assume_alike;
pub use diagnostics::diagnostics;
pub use diff::{Diff, Difference, Limits, Network, Only, OnlyIn, Subject, diff};
pub use limits::{Error, MAX_CLASSES, MAX_STEPS};
pub use lint::{Finding, Findings, Idle, lint};
pub use reach::{ReachChange, Reached, Reacher};
pub use region::{Decider, Place, Region};
pub use told::answer;
