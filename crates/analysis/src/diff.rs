//! The difference of two networks.

use crate::comparison::Comparison;
use crate::limits::{Error, MAX_STEPS};
use crate::matching::pair;
use crate::reach::{self, ReachChange};
use crate::region::Region;
use crate::stack::Seen;
use crate::subnets::Subnets;
use ipnet::IpNet;
use model::{Direction, Vantage};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A network to be compared.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    /// The network.
    pub network: &'a model::Network,
    /// What VirtualNetwork holds from each vantage of the network: see [`policy::Builder::add`].
    pub virtual_networks: &'a BTreeMap<Vantage, Vec<IpNet>>,
    /// What is on premises behind the gateway that each virtual network has or uses, in the model's order; empty where
    /// there is none, or nobody knows.
    pub on_premises: &'a [Vec<IpNet>],
    /// Which IP configurations of each network interface reach the internet, in the model's order; empty where nobody knows.
    pub internet: &'a [Vec<bool>],
}

/// How much is answered, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most regions in the answer, and the most gains and losses of reach; the rest is counted.
    pub regions: usize,
    /// The most steps for one comparison; all together may take four times as many.
    pub steps: u64,
    /// How many of these may go into the search for the broadest regions. Where they do not suffice, each changed rule's
    /// packets are taken apart by themselves.
    pub broad_steps: u64,
}

/// What two networks decide differently.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diff {
    /// By NIC, network security group or subnet, and direction.
    pub differences: Vec<Difference>,
    /// What only one network has, so that it can not be compared.
    pub only: Vec<Only>,
    /// What is reached in one network alone, whatever the rules say.
    pub reach: Vec<ReachChange>,
    /// How many more gains and losses of reach there are.
    pub more_reach: u64,
}

/// What is decided differently at one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Whose packets.
    pub subject: Subject,
    /// Which way they go.
    pub direction: Direction,
    /// The first regions.
    pub regions: Vec<Region>,
    /// How many more there are.
    pub more: u64,
    /// Whether these are all; if not, the rules overlap in too many ways to find every region within the limits.
    pub is_complete: bool,
    /// The groups of both networks whose rules decide, each once.
    pub groups: Vec<Arc<str>>,
}

/// Whose packets are compared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Subject {
    /// A network interface's, judged by its subnet's group and its own together.
    Nic(Arc<str>),
    /// Those of a network security group that guards no network interface.
    Nsg(Arc<str>),
    /// Those of a subnet in which no network interface is compared, and whose group is another one than before.
    Subnet {
        /// The subnet, as `vnet1/web`.
        subnet: Arc<str>,
        /// Its group; the new one where it had none.
        nsg: Arc<str>,
    },
}

/// What only one of both networks has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Only {
    /// What it is, such as `network interface web1-nic`.
    pub what: String,
    /// Which network has it.
    pub side: OnlyIn,
}

/// One of both networks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnlyIn {
    /// The old one.
    Old,
    /// The new one.
    New,
}

/// The regions that are answered unless more are asked for.
const REGIONS: usize = 100;

impl Default for Limits {
    fn default() -> Self {
        Self { regions: REGIONS, steps: MAX_STEPS, broad_steps: MAX_STEPS / 4 }
    }
}

impl Diff {
    /// Whether the rules of both networks decide alike over every packet, neither has anything that the other has not, and
    /// the same is reached in both.
    pub fn is_equal(&self) -> bool {
        let is_reach_equal = self.reach.is_empty() && self.more_reach == 0;
        self.differences.is_empty() && self.only.is_empty() && is_reach_equal
    }
}

/// What two networks decide differently.
///
/// Where a network has NICs, each is compared with the NIC of its id or name, its subnet's group and its own together,
/// for the packets to and from its own addresses (of a NIC whose address is open, for all of its subnet). Network
/// security groups that guard no NIC are compared by themselves: as each subnet sees them that both guard, or else with
/// what VirtualNetwork holds left open, as the members of application security groups without any. Those without a partner
/// are paired where their rules are the same in all but name, or where they guard one subnet; where then a single one on
/// each side has none, they are compared whatever their names.
///
/// Where both networks have virtual networks, each subnet in which no NIC is compared has its partner too, by id, name or
/// addresses: with another group than before, or without one, it is compared as a NIC of it would be whose address nobody
/// has. What only one network has of subnets without NICs, and of their addresses, is told.
///
/// Beside the rules, what each NIC reaches is compared: its virtual network and those that are peered with it, the sites
/// on premises, its public addresses, and the user-defined routes of its subnet; in a virtual network without NICs, what
/// they would reach, user-defined routes left out.
///
/// # Errors
/// Tags that are not loaded. A comparison that does not end within the limits is told as one that is not complete.
///
/// # Cost
/// Only packets that a changed rule holds are looked at, one that is not in both lists in the same order. Two lists of 1,000
/// rules that differ in one are compared in some milliseconds, beside cutting the prefixes of all tags.
pub fn diff(old: &Network<'_>, new: &Network<'_>, limits: &Limits) -> Result<Diff, Error> {
    let sides = (old, new);
    let (old, new) = (&Seen::new(*old), &Seen::new(*new));
    let mut comparison = Comparison {
        old,
        new,
        limits,
        left: limits.regions,
        steps: limits.steps.saturating_mul(4),
        found: Diff::default(),
    };
    let nics =
        pair(&old.network.network_interfaces, &new.network.network_interfaces, |nic| (&nic.id, &nic.name));
    comparison.nics(&nics)?;
    let subnets = Subnets::new(old.network, new.network, &nics);
    let groups = comparison.groups(&subnets)?;
    comparison.subnets(&subnets, &groups)?;
    let (reach, more_reach) = reach::changes(sides.0, sides.1, &nics, limits.regions);
    Ok(Diff { reach, more_reach, ..comparison.found })
}
