//! Network security groups compiled to lookup tables, beside the linear reference.
//!
//! All prefixes that any rule, tag or application security group mentions cut the address space into
//! elementary intervals, and intervals that lie in the same sets are one **class**; ports likewise. A packet's
//! addresses and ports are looked up once and become classes. Each NSG and direction holds, per field and
//! class, a bitmap of its rules in priority order: the first bit that stands in all five is the rule.
//!
//! | module | question |
//! |---|---|
//! | `tuple` | what does a rule look at? |
//! | `expansion`, `platform` | which prefixes does a rule mean? |
//! | `ranges`, `sets`, `fields` | which sets of numbers do rules name? |
//! | `atoms`, `lookup` | which class is an address or a port of? |
//! | `column`, `table` | which rules hold a packet, and which is the first? |
//! | `compile`, `limits` | how are the tables made, and what may they cost? |
//! | `traffic`, `held` | what do rules say of many packets at once? |
//! | [`reference`](mod@reference) | what does Azure's page say of one packet? |
//!
//! ```
//! use model::{Direction, Network, NetworkSecurityGroup, NsgIndex, VnetIndex};
//! use packet::Protocol;
//! use policy::{Builder, Match, Tuple};
//!
//! let group = NetworkSecurityGroup { id: "web-nsg".into(), name: "web-nsg".into(), rules: vec![] };
//! let network = Network { security_groups: vec![group], ..Network::default() };
//! let mut builder = Builder::new(&network);
//! let web = builder.add(NsgIndex(0), VnetIndex(0), &["10.0.0.0/16".parse()?]);
//! let policy = builder.compile()?;
//!
//! let tuple = Tuple {
//!     protocol: Protocol::TCP,
//!     source: "203.0.113.9".parse::<std::net::IpAddr>()?.into(),
//!     source_port: Some(50_000),
//!     destination: "10.0.1.4".parse::<std::net::IpAddr>()?.into(),
//!     destination_port: Some(443),
//! };
//! let Match::Rule(index) = policy.first_match(web, Direction::Inbound, &policy.classes(&tuple)) else {
//!     unreachable!("only outbound packets are the platform's")
//! };
//! let rule = policy.rule(web, Direction::Inbound, index).ok_or("no such rule")?;
//! assert_eq!(&*rule.name, "DenyAllInBound");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atoms;
mod column;
mod compile;
mod expansion;
mod fields;
mod held;
mod limits;
mod lookup;
mod platform;
mod ranges;
pub mod reference;
mod sets;
mod table;
mod traffic;
mod tuple;

pub use atoms::Atoms;
pub use compile::Builder;
pub use expansion::Expansion;
pub use fields::{KINDS, Spoken};
pub use limits::{Error, MAX_BYTES, MAX_ROWS, MAX_STEPS};
pub use platform::{HOST, PLATFORM};
pub use ranges::{IPV4, Range, Ranges};
pub use sets::Meanings;
pub use table::{Classes, GroupId, Policy};
pub use traffic::{Fates, Question, Traffic};
pub use tuple::{FieldMatches, Match, RuleIndex, Tuple};
