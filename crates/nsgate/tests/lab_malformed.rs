//! What no correct sender makes: counted under its reason, and nothing of it reaches the protected side.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::Duration;
use testkit::build::{Draft, Layer, ethernet, fragments, ipv4};
use testkit::gateway_file::GatewayFile;
use testkit::netns::eventually;
use testkit::raw::Raw;
use testkit::site::{Daemon, PATIENCE, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

// The portable backend cannot tell a frame that is shorter than it says from one that it has cut, and loses both unread.
testkit::on_rings_and_taps!(
    lies_about_lengths_go_nowhere,
    what_azure_does_not_carry_goes_nowhere,
    fragments_that_hide_something_go_nowhere,
    every_frame_received_ends_in_one_counter
);
testkit::on_setting!(pnet, super::Setting::pnet(), fragments_that_hide_something_go_nowhere);

const OUTSIDE: &str = "203.0.113.1";
const PUBLIC: &str = "203.0.113.20";

/// Sends frames from the internet towards vm2 and judges what became of them.
struct Attack<'a> {
    daemon: &'a Daemon,
    from: Raw,
    gateway: [u8; 6],
    target: Raw,
}

impl<'a> Attack<'a> {
    fn on(site: &'a Site, daemon: &'a Daemon) -> Self {
        let from = Raw::open(&site.internet, "eth0");
        Self { daemon, from, gateway: site.gateway_mac("eth0"), target: Raw::open(&site.vm2, "eth0") }
    }

    fn frame<L: Layer>(&self, draft: Draft<L>) -> Vec<u8> {
        draft.macs(self.from.mac, self.gateway).bytes()
    }

    /// Each frame must be dropped for `reason`, and vm2 hear none of them.
    fn must_end_in(&self, reason: &str, frames: &[Vec<u8>]) {
        let before = self.daemon.dropped(reason, "", "");
        for frame in frames {
            self.from.send(frame);
        }
        let counted = || self.daemon.dropped(reason, "", "") - before;
        let all = eventually(PATIENCE, || (counted() >= frames.len() as u64).then_some(()));
        assert!(all.is_some(), "{} of {} {reason}: {:#}", counted(), frames.len(), self.daemon.ask("drops"));
        let heard = self.target.hear_to(Ipv4Addr::new(10, 0, 1, 5), Duration::from_millis(20));
        assert_eq!(heard, None, "{reason} reached vm2");
    }
}

fn lies_about_lengths_go_nowhere(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let attack = Attack::on(&site, &daemon);
    let udp = || ipv4(OUTSIDE, PUBLIC).udp(5000, 5000).data(100);
    let whole = attack.frame(udp());
    // Cut off at every byte: inside the IP header, and behind it.
    let cut = |lengths: Range<usize>| -> Vec<_> { lengths.map(|length| whole[..length].to_vec()).collect() };
    attack.must_end_in("bad-ip-header", &cut(15..34));
    attack.must_end_in("bad-length", &cut(34..whole.len()));
    attack.must_end_in(
        "bad-length",
        &[attack.frame(udp().total_length(1000)), attack.frame(udp().total_length(10))],
    );
    attack.must_end_in(
        "bad-ip-header",
        &[
            attack.frame(udp().version(5)),
            attack.frame(udp().header_length(4)),
            attack.frame(udp().ip_checksum(0x1234)),
        ],
    );
    attack.must_end_in(
        "bad-transport-header",
        &[
            attack.frame(ipv4(OUTSIDE, PUBLIC).tcp(5000, 80).syn().data_offset(4)),
            attack.frame(ipv4(OUTSIDE, PUBLIC).tcp(5000, 80).syn().data_offset(15)),
            attack.frame(udp().length(7)),
            attack.frame(udp().length(2000)),
        ],
    );
}

fn what_azure_does_not_carry_goes_nowhere(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let attack = Attack::on(&site, &daemon);
    let to_gateway = |mut frame: Vec<u8>| {
        frame[..6].copy_from_slice(&attack.gateway);
        frame[6..12].copy_from_slice(&attack.from.mac);
        frame
    };
    // Loose source route over 8.8.8.8, filled up to a word.
    let loose = [0x83, 7, 4, 8, 8, 8, 8, 0];
    attack.must_end_in(
        "source-route",
        &[attack.frame(ipv4(OUTSIDE, PUBLIC).ip_options(&loose).udp(5000, 5000))],
    );
    attack.must_end_in("bad-length", &[to_gateway(ethernet(0x86dd, &[0x60; 60]))]);
    attack.must_end_in("unknown-ethertype", &[to_gateway(ethernet(0x88cc, &[0; 60]))]);
    attack.must_end_in("unsupported-protocol", &[attack.frame(ipv4(OUTSIDE, PUBLIC).protocol(47).data(40))]);
    attack
        .must_end_in("bad-checksum", &[attack.frame(ipv4(OUTSIDE, PUBLIC).tcp(5, 5).syn().wrong_checksum())]);
    attack.must_end_in("martian", &[attack.frame(ipv4("127.0.0.1", PUBLIC).udp(5, 5))]);
}

fn fragments_that_hide_something_go_nowhere(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let attack = Attack::on(&site, &daemon);
    let syn = attack.frame(ipv4(OUTSIDE, PUBLIC).id(1).tcp(5000, 80).syn().data(100));
    let tiny = fragments(&syn, 8);
    attack.must_end_in("bad-fragment", &tiny[..1]);
    // Its end lies beyond 65,535 bytes.
    attack.must_end_in(
        "bad-fragment",
        &[attack.frame(ipv4(OUTSIDE, PUBLIC).id(2).fragment(65_528, false).protocol(17).data(100))],
    );
    // No first fragment ever comes: they wait for a second, and no longer.
    let orphans: Vec<_> = (0..20)
        .map(|id| {
            attack.frame(ipv4(OUTSIDE, PUBLIC).id(100 + id).fragment(1480, false).protocol(17).data(64))
        })
        .collect();
    attack.must_end_in("fragment-orphan", &orphans);
}

fn every_frame_received_ends_in_one_counter(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    site.serve(&site.vm2, 80);
    for _ in 0..5 {
        assert!(site.tcp(&site.vm1, "198.51.100.1:80").address().is_some());
        assert!(site.udp(&site.vm1, "203.0.113.20:80").address().is_some());
        assert!(site.ping(&site.vm3, "198.51.100.1"));
    }
    let attack = Attack::on(&site, &daemon);
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..5000 {
        let mut frame = attack.frame(ipv4(OUTSIDE, PUBLIC).udp(5000, 80).data(80));
        for _ in 0..4 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = 12 + (noise >> 33) as usize % (frame.len() - 12);
            frame[at] = (noise >> 56) as u8;
        }
        attack.from.send(&frame);
    }
    let sum = |list: &serde_json::Value, key: &str| -> u64 {
        list.as_array().unwrap().iter().filter_map(|entry| entry[key].as_u64()).sum()
    };
    let balance = eventually(PATIENCE, || {
        let status = daemon.ask("status");
        let received = sum(&status["attachments"], "received");
        let lost = sum(&status["attachments"], "ringDrops");
        (received + lost >= 5000 && received == sum(&status["endings"], "packets")).then_some(())
    });
    assert!(balance.is_some(), "{:#}", daemon.ask("status"));
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some(), "it still works");
}
