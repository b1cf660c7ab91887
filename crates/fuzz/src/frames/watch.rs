//! What must hold of every frame that leaves.

use super::{ADDRESSES, HOSTS};
use packet::Checksum;
use std::collections::HashSet;
use std::net::IpAddr;
use testkit::build::{Body, Ip, OwnedFrame, Sum, Transport, read};
use testkit::lab::Departed;

/// What is known of the frames that came in.
#[derive(Default)]
pub(super) struct Watch {
    /// The payloads that came in under a checksum that was not right; they may leave so.
    wrong: HashSet<Vec<u8>>,
}

impl Watch {
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
                assert!(out.to != "internet" || !is_private(arp.sender.1.into()), "{seen}");
                return;
            }
            Body::Other(_) => panic!("nothing else is ever sent: {seen}"),
        };
        assert!(packet.ip_checksum, "{seen}");
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
        if out.to == "internet" {
            assert_public(packet);
        } else {
            let nth = HOSTS.iter().position(|host| *host == out.to).unwrap();
            assert_eq!(packet.destination.to_string(), ADDRESSES[nth], "{seen} is not for {}", out.to);
        }
    }
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

/// No private address is on its way to the internet, not even in what an error quotes.
fn assert_public(packet: &Ip) {
    let mut addresses = vec![packet.source, packet.destination];
    if let Transport::Icmp { quoted: Some(quoted), .. } = &packet.transport {
        addresses.extend([quoted.source, quoted.destination]);
    }
    assert!(!addresses.iter().any(|address| is_private(*address)), "private, and it leaves: {packet:?}");
}

fn is_private(address: IpAddr) -> bool {
    let special = address.is_loopback() || address.is_unspecified();
    special
        || match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        }
}
