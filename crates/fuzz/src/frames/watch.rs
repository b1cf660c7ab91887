//! What must hold of every frame that leaves.

use super::hosts::{HOSTS, Host, Stands, Vnet, host, is};
use super::policies::Policy;
use ipnet::IpNet;
use packet::Checksum;
use std::collections::HashSet;
use std::net::IpAddr;
use testkit::build::{Body, Ip, OwnedFrame, Seen, Sum, Transport, read};
use testkit::lab::Departed;

/// The addresses under which anything of ours is known on the internet: public ones, and the gateway's own.
const PUBLIC: [&str; 7] = [
    "203.0.113.2",
    "203.0.113.10",
    "203.0.113.21",
    "203.0.113.23",
    "2001:db8:ffff::2",
    "2001:db8:ffff::21",
    "2001:db8:23::23",
];
/// The private address spaces of the virtual networks.
const VNETS: [&str; 3] = ["10.0.0.0/16", "fd00:a::/48", "fd00:ac:63::/48"];
/// The space of the peered network, which is no private one: who is not peered finds it on the internet.
const PEER: [&str; 1] = ["172.99.0.0/16"];
/// What is on premises.
const SITES: [&str; 2] = ["192.168.0.0/16", "fd00:c0:a8::/48"];
/// What leaves for the internet neither as a source nor as a destination, besides what std calls private.
const NEVER_OUTSIDE: [&str; 3] = ["100.64.0.0/10", "240.0.0.0/4", "0.0.0.0/8"];
/// The subnet that is a segment in some policies.
const SEGMENT: [&str; 3] = ["web", "vm1", "vm2"];

/// What is known of the frames that came in, and which policies there are.
pub(super) struct Watch {
    policies: [Policy; 2],
    /// The payloads that came in under a checksum that was not right; they may leave so.
    wrong: HashSet<Vec<u8>>,
}

/// The type of service with which somebody sends everything, so that it is known by it wherever it comes out.
pub(super) fn mark_of(nth: usize) -> u8 {
    (nth as u8 + 1) << 2
}

impl Watch {
    pub(super) fn new(policies: [Policy; 2]) -> Self {
        Self { policies, wrong: HashSet::new() }
    }

    /// Looks at a frame that comes in.
    pub(super) fn note(&mut self, frame: &OwnedFrame) {
        let Ok(Body::Ip(packet)) = read(&frame.bytes).map(|seen| seen.body) else { return };
        if !holds(&packet, frame.offload.checksum) {
            self.wrong.insert(packet.payload);
        }
    }

    /// Looks at a frame that leaves.
    pub(super) fn check(&self, out: &Departed) {
        let seen = out.seen();
        let packet = match &seen.body {
            Body::Ip(packet) => packet,
            Body::Arp(arp) => {
                assert!(out.to != "internet" || is_public(arp.sender.1.into()), "{seen}");
                return;
            }
            Body::Other(_) => panic!("nothing else is ever sent: {seen}"),
        };
        assert!(packet.ip_checksum, "{seen}");
        if is_about_neighbours(packet) {
            assert_eq!(packet.checksum, Sum::Right, "{seen}");
            assert!(out.to != "internet" || is_public(packet.source), "{seen}");
            return;
        }
        // Once in 65,536 the pseudo-header's sum is that of the whole as well.
        if !holds(packet, out.offload.checksum) && packet.checksum != Sum::Right {
            assert!(self.wrong.contains(&packet.payload), "its checksum was right when it came: {seen}");
        }
        // Whatever the device is told, it can do.
        for frame in out.on_the_wire() {
            assert!(
                matches!(read(&frame).map(|seen| seen.body), Ok(Body::Ip(on)) if on.ip_checksum),
                "{seen}"
            );
        }
        match host(&out.to) {
            Some((_, internet)) if internet.stands == Stands::Outside => assert_public(packet),
            Some((_, site)) if matches!(site.stands, Stands::Behind(_)) => {
                assert!(within(&SITES, packet.destination), "{seen} is not for {}", out.to);
            }
            _ => {
                let ours = self.near(&out.to).any(|host| host.has(packet.destination));
                assert!(ours, "{seen} is not for {}", out.to);
            }
        }
        self.check_sender(packet, out, &seen);
    }

    /// The host of a name, and its neighbours where it stands on a segment: there each can speak for the other, and lie about
    /// its hardware address.
    fn near(&self, name: &str) -> impl Iterator<Item = &'static Host> {
        let on_segment = SEGMENT.contains(&name) && self.policies.iter().any(Policy::has_segment);
        HOSTS.iter().filter(move |host| host.name == name || on_segment && SEGMENT.contains(&host.name))
    }

    /// Whoever sent it may be heard there, and under that address.
    fn check_sender(&self, packet: &Ip, out: &Departed, seen: &Seen) {
        // What the gateway says by itself has no mark.
        let Some(nth) = (0..HOSTS.len()).find(|&nth| mark_of(nth) == packet.tos) else { return };
        let sender = &HOSTS[nth];
        let to = host(&out.to).map_or(Stands::In(Vnet::First), |(_, host)| host.stands);
        let outside = |stands| !matches!(stands, Stands::In(_));
        if outside(sender.stands) && outside(to) {
            assert_eq!(sender.name, out.to, "nothing passes through: {seen}");
            return;
        }
        let connected = self.policies.iter().any(|policy| policy.connects(sender.stands, to));
        let right = match sender.stands {
            Stands::Outside if within(&PEER, packet.source) => {
                self.policies.iter().any(|policy| !policy.connects(to, Stands::In(Vnet::Peer)))
            }
            Stands::Outside => !within(&VNETS, packet.source),
            Stands::Behind(_) => connected && (within(&SITES, packet.source) || is_a_routers(packet)),
            Stands::In(_) if self.near(sender.name).any(|host| host.has(packet.source)) => connected,
            Stands::In(_) => {
                let known = self.near(sender.name).any(|host| host.appears_as(packet.source));
                known && !matches!(to, Stands::Behind(_))
            }
        };
        assert!(right, "{} is not to be heard so at {}: {seen}", sender.name, out.to);
    }
}

/// Whether a packet is what any router on the way to a site may say: an error about a packet that went there, under an address
/// that is none of ours.
fn is_a_routers(packet: &Ip) -> bool {
    let Transport::Icmp { quoted: Some(quoted), .. } = &packet.transport else { return false };
    within(&SITES, quoted.destination) && !within(&VNETS, packet.source)
}

fn is_about_neighbours(packet: &Ip) -> bool {
    packet.protocol == 58 && matches!(packet.transport, Transport::Icmp { kind: 135 | 136, .. })
}

/// Whether a packet's checksum is what its sender should have left in it.
fn holds(packet: &Ip, state: Checksum) -> bool {
    match state {
        Checksum::Partial { .. } => packet.checksum == Sum::Pseudo,
        Checksum::Finished | Checksum::Verified => {
            matches!(packet.checksum, Sum::Right | Sum::Absent | Sum::Unknown)
        }
    }
}

/// To the internet everything goes from a public address of ours, and nothing private, not even in what an error quotes.
fn assert_public(packet: &Ip) {
    let mut ours = vec![packet.source];
    let mut theirs = vec![packet.destination];
    if let Transport::Icmp { quoted: Some(quoted), .. } = &packet.transport {
        ours.push(quoted.destination);
        theirs.push(quoted.source);
    }
    assert!(ours.iter().all(|address| is_public(*address)), "not public, and it leaves: {packet:?}");
    assert!(!theirs.iter().any(|address| is_private(*address)), "private, and it leaves: {packet:?}");
}

fn is_public(address: IpAddr) -> bool {
    PUBLIC.iter().any(|public| is(public, address))
}

fn is_private(address: IpAddr) -> bool {
    let special = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    special
        || within(&NEVER_OUTSIDE, address)
        || match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => {
                v6.is_unique_local() || v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some()
            }
        }
}

fn within(prefixes: &[&str], address: IpAddr) -> bool {
    prefixes.iter().any(|prefix| prefix.parse::<IpNet>().expect("a prefix").contains(&address))
}
