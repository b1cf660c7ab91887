//! The policies that a script chooses from, compiled once.

use super::hosts::{HOSTS, Stands, Vnet};
use model::NextHop;
use snapshot::{Names, Snapshot};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use testkit::lab::Blueprint;

/// How long a silent flow lives here.
const IDLE: Duration = Duration::from_secs(2);
/// The most policies that are kept.
const KEPT: usize = 2048;
/// Few translated ports, so that none free is near.
const FEW_PORTS: RangeInclusive<u16> = 1025..=1026;

/// A policy, ready to be taken.
#[derive(Clone)]
pub(super) struct Policy {
    pub(super) blueprint: Blueprint,
    pub(super) snapshot: Arc<Snapshot>,
    choice: Choice,
}

/// What a script chose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Choice {
    /// Which networks there are and how they are connected.
    networks: u8,
    /// The rules, and the addresses and links.
    rest: u8,
    few_ports: bool,
}

/// Compiled policies with the names that all of them share.
struct Shelf {
    names: Names,
    policies: HashMap<Choice, Policy>,
}

thread_local! {
    static SHELF: RefCell<Shelf> = RefCell::new(Shelf::new());
}

impl Policy {
    pub(super) fn of(choice: Choice) -> Self {
        SHELF.with_borrow_mut(|shelf| shelf.take(choice))
    }

    /// Whether somebody has a place in it.
    pub(super) fn has(&self, name: &str) -> bool {
        match name {
            "site" => self.choice.has_site(),
            "branch" => self.choice.sites() == 2,
            _ => HOSTS.iter().any(|host| host.name == name),
        }
    }

    /// Whether the first subnet is a segment.
    pub(super) fn has_segment(&self) -> bool {
        self.choice.networks & 0x20 != 0
    }

    /// Whether packets may go from one place to another without a public address.
    pub(super) fn connects(&self, from: Stands, to: Stands) -> bool {
        let choice = self.choice;
        let peers = choice.is_peered();
        match (from, to) {
            (Stands::In(from), Stands::In(to)) => {
                from == to || peers && from != Vnet::Twin && to != Vnet::Twin
            }
            (Stands::In(vnet), Stands::Behind(site)) | (Stands::Behind(site), Stands::In(vnet)) => {
                vnet == site || choice.has_transit() && site == Vnet::First && vnet == Vnet::Peer
            }
            _ => false,
        }
    }
}

/// The names of all policies.
pub(super) fn names() -> Names {
    SHELF.with_borrow(|shelf| shelf.names.clone())
}

impl Shelf {
    fn new() -> Self {
        let mut names = Names::default();
        // All rules are numbered first: a policy knows the names of those only that came before it.
        for rules in 0..4 {
            Choice::new(0x80, rules << 1, false).blueprint().snapshot(&mut names);
        }
        Self { names, policies: HashMap::new() }
    }

    fn take(&mut self, choice: Choice) -> Policy {
        if let Some(policy) = self.policies.get(&choice) {
            return policy.clone();
        }
        let blueprint = choice.blueprint();
        let known = self.names.list().len();
        let snapshot = blueprint.snapshot(&mut self.names);
        assert_eq!(self.names.list().len(), known, "every rule has its number before");
        let policy = Policy { blueprint, snapshot, choice };
        if self.policies.len() >= KEPT {
            self.policies.clear();
        }
        self.policies.insert(choice, policy.clone());
        policy
    }
}

impl Choice {
    pub(super) fn new(networks: u8, rest: u8, few_ports: bool) -> Self {
        // The first half of the links are all the ordinary ones.
        let rest = if rest >> 5 < 4 { rest & 0x1f } else { rest };
        Self { networks, rest, few_ports }
    }

    /// None, one, one with its twin, or one that the peered network may use.
    fn sites(self) -> u8 {
        self.networks >> 1 & 3
    }

    fn has_site(self) -> bool {
        self.sites() > 0
    }

    fn is_peered(self) -> bool {
        self.networks & 0x08 != 0
    }

    fn has_transit(self) -> bool {
        self.is_peered() && self.sites() == 3
    }

    /// Flow tables are small, so that full is near.
    fn blueprint(self) -> Blueprint {
        let base = Blueprint::default()
            .vnet("other", "10.0.0.0/16")
            .subnet("far", "10.0.1.0/24")
            .vm("vm4", "far", "10.0.1.4")
            // Not private by its number, and nobody's on the internet all the same.
            .vnet("peer", "172.99.0.0/16")
            .subnet("spoke", "172.99.0.0/24")
            .vm("vm5", "spoke", "172.99.0.4")
            .asg("fronts", &["vm1", "vm2"])
            .public("vm1", "203.0.113.21")
            .idle(IDLE)
            .capacity(12);
        let base = if self.few_ports { base.snat_ports(FEW_PORTS).ports_per_vm(2) } else { base };
        self.links(self.rules(self.networks(base)))
    }

    fn networks(self, base: Blueprint) -> Blueprint {
        let is = |bit: u8| self.networks & bit != 0;
        let base = if is(0x01) { base.dual_stack() } else { base };
        let site = |base: Blueprint, name, vnet| {
            base.on_premises(name, vnet, "192.168.9.2/24", &["192.168.0.0/16"], Some("192.168.9.1"))
        };
        let base = match self.sites() {
            0 => base,
            1 => site(base, "site", "vnet").site_host("site", &["192.168.9.2"]),
            2 => site(site(base, "site", "vnet"), "branch", "other"),
            _ => site(base, "site", "vnet"),
        };
        let base = if self.is_peered() { base.peer("vnet", "peer") } else { base };
        let base = if self.has_transit() { base.gateway_transit("vnet", "peer") } else { base };
        let base = if self.is_peered() && is(0x10) { base.without_access("vnet", "peer") } else { base };
        let base = if is(0x20) { base.segment("web") } else { base };
        let base = match is(0x40) {
            true => base.public_v6("vm1", "2001:db8:ffff::21").public_v6("vm3", "2001:db8:23::23"),
            false => base,
        };
        if !is(0x80) {
            return base;
        }
        let base = if is(0x10) { base.without_next_hop_v6() } else { base };
        base.guard(
            "vm2",
            &[
                "100 in deny any [fd00:a:0:2::/64] > *",
                "110 in allow any Internet > *",
                "100 out deny tcp * > [2001:db8:7::/48]:443",
            ],
        )
        .guard("spoke", &["100 in deny udp VirtualNetwork > *", "110 in allow icmp [2000::/3] > *"])
    }

    fn rules(self, base: Blueprint) -> Blueprint {
        let base = if self.rest & 1 == 0 { base } else { base.standard_public("vm3", "203.0.113.23") };
        match self.rest >> 1 & 3 {
            0 => base,
            1 => base
                .guard(
                    "web",
                    &["100 in allow any Internet > *:1-1023", "110 in deny tcp VirtualNetwork > @fronts:22"],
                )
                .guard("vm3", &["100 in allow udp @fronts > *", "200 in deny any * > *"]),
            2 => base
                .guard("db", &["100 out deny any * > Internet", "100 in allow tcp * > *:80,443,8000-9000"])
                .guard("vm1", &["100 in allow any * > *", "100 out deny udp * > 198.51.100.0/24:53"]),
            // Forced tunnelling, which opens the default rules, and a route that takes a prefix out of Internet.
            _ => base
                .guard("web", &["100 in deny any * > *", "100 out allow icmp * > *"])
                .guard("vm3", &[])
                .routes("web", &[("198.51.100.0/24", NextHop::Internet), ("::/0", NextHop::None)])
                .routes("db", &[("0.0.0.0/0", NextHop::VirtualAppliance(None))]),
        }
    }

    fn links(self, base: Blueprint) -> Blueprint {
        let base = match self.rest >> 3 & 3 {
            0 => base,
            1 => base.mtu("internet", 576).mtu("vm2", 1280),
            2 => base.mtu("vm1", 68).enforce_mac("vm2"),
            _ => base.detached("vm3"),
        };
        match self.rest >> 5 {
            0..=3 => base,
            4 => base.default_public(&[]),
            5 => base.without_internet(),
            // Shared with the host: its ports are the gateway's, the others the host's.
            6 => base.host(&["203.0.113.10"]),
            _ => base.internet("203.0.113.2/24", None),
        }
    }
}
