//! What no correct sender makes: counted under its reason, and nothing of it reaches the protected side. Another machine's
//! traffic goes on.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::Ipv6Addr;
use std::ops::Range;
use std::time::Duration;
use testbed::gateway_file::GatewayFile;
use testbed::netns::eventually;
use testbed::raw::Raw;
use testbed::site::{Daemon, PATIENCE, Setting, Site};
use testkit::build::{Draft, Layer, ethernet, fragments, ipv4, ipv6};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

// The portable backend cannot tell a frame that is shorter than it says from one that it has cut, and loses both unread.
testbed::on_rings_and_taps!(
    what_is_cut_short_goes_nowhere,
    lies_about_lengths_go_nowhere,
    what_azure_does_not_carry_goes_nowhere,
    fragments_that_hide_something_go_nowhere,
    ipv6_that_is_cut_short_goes_nowhere,
    ipv6_that_contradicts_itself_goes_nowhere,
    ipv6_fragments_that_hide_something_go_nowhere,
    every_frame_received_ends_in_one_counter
);
testbed::on_setting!(
    pnet,
    super::Setting::pnet(),
    lies_about_lengths_go_nowhere,
    what_azure_does_not_carry_goes_nowhere,
    fragments_that_hide_something_go_nowhere,
    ipv6_that_contradicts_itself_goes_nowhere,
    ipv6_fragments_that_hide_something_go_nowhere,
    every_frame_received_ends_in_one_counter
);

const OUTSIDE: &str = "203.0.113.1";
const PUBLIC: &str = "203.0.113.20";
const OUTSIDE_SIX: &str = "2001:db8:ffff::1";
const PUBLIC_SIX: &str = "2001:db8:ffff::20";

/// Sends frames from the internet towards vm2 and judges what became of them.
struct Attack<'a> {
    site: &'a Site,
    daemon: &'a Daemon,
    from: Raw,
    gateway: [u8; 6],
    target: Raw,
}

impl<'a> Attack<'a> {
    fn on(site: &'a Site, daemon: &'a Daemon) -> Self {
        site.serve(&site.internet, 7);
        let from = Raw::open(&site.internet, "eth0");
        Self { site, daemon, from, gateway: site.gateway_mac("eth0"), target: Raw::open(&site.vm2, "eth0") }
    }

    fn frame<L: Layer>(&self, draft: Draft<L>) -> Vec<u8> {
        draft.macs(self.from.mac, self.gateway).bytes()
    }

    /// A frame that is none of a draft's, with the hardware addresses of one.
    fn to_gateway(&self, mut frame: Vec<u8>) -> Vec<u8> {
        frame[..6].copy_from_slice(&self.gateway);
        frame[6..12].copy_from_slice(&self.from.mac);
        frame
    }

    /// As long as nothing is wrong with it, vm2 hears a frame.
    fn must_arrive(&self, frame: &[u8]) {
        self.from.send(frame);
        assert!(self.target.hear(PATIENCE, is_to_vm2).is_some(), "{:#}", self.daemon.ask("drops"));
    }

    /// vm1 asks the internet, whose answer comes behind what was sent before it.
    fn others_talk(&self) {
        let talk = self.site.udp(&self.site.vm1, "198.51.100.1:7");
        assert!(talk.address().is_some(), "{talk}: {:#}", self.daemon.ask("drops"));
    }

    /// Each frame must be dropped for `reason`, and vm2 hear none of them, while vm1 and the internet talk on.
    fn must_end_in(&self, reason: &str, frames: &[Vec<u8>]) {
        let before = self.daemon.dropped(reason, "", "");
        let (some, others) = frames.split_at(frames.len() / 2);
        for frames in [some, others] {
            frames.iter().for_each(|frame| self.from.send(frame));
            self.others_talk();
        }
        let counted = || self.daemon.dropped(reason, "", "") - before;
        let all = eventually(PATIENCE, || (counted() >= frames.len() as u64).then_some(()));
        assert!(all.is_some(), "{} of {} {reason}: {:#}", counted(), frames.len(), self.daemon.ask("drops"));
        let heard = self.target.hear(Duration::from_millis(20), is_to_vm2);
        assert_eq!(heard, None, "{reason} reached vm2");
    }
}

/// Whether it is an IP packet to an address of vm2.
fn is_to_vm2(frame: &[u8]) -> bool {
    let six: Ipv6Addr = "fd00:a:0:1::5".parse().unwrap();
    frame.get(30..34) == Some(&[10, 0, 1, 5]) || frame.get(38..54) == Some(&six.octets())
}

fn lies_about_lengths_go_nowhere(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let attack = Attack::on(&site, &daemon);
    let udp = || ipv4(OUTSIDE, PUBLIC).udp(5000, 5000).data(100);
    attack.must_arrive(&attack.frame(udp()));
    attack.must_end_in("bad-length", &[attack.frame(udp().total_length(10))]);
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

fn what_is_cut_short_goes_nowhere(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let attack = Attack::on(&site, &daemon);
    let udp = || ipv4(OUTSIDE, PUBLIC).udp(5000, 5000).data(100);
    let whole = attack.frame(udp());
    attack.must_arrive(&whole);
    // Cut off at every byte: inside the IP header, and behind it.
    attack.must_end_in("bad-ip-header", &cut(&whole, 15..34));
    attack.must_end_in("bad-length", &cut(&whole, 34..whole.len()));
    attack.must_end_in("bad-length", &[attack.frame(udp().total_length(1000))]);
    attack.must_end_in("bad-length", &[attack.to_gateway(ethernet(0x86dd, &[0x60; 60]))]);
}

/// A frame's beginnings of such lengths.
fn cut(whole: &[u8], lengths: Range<usize>) -> Vec<Vec<u8>> {
    lengths.map(|length| whole[..length].to_vec()).collect()
}

fn what_azure_does_not_carry_goes_nowhere(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let attack = Attack::on(&site, &daemon);
    // Loose source route over 8.8.8.8, filled up to a word.
    let loose = [0x83, 7, 4, 8, 8, 8, 8, 0];
    attack.must_end_in(
        "source-route",
        &[attack.frame(ipv4(OUTSIDE, PUBLIC).ip_options(&loose).udp(5000, 5000))],
    );
    attack.must_end_in("unknown-ethertype", &[attack.to_gateway(ethernet(0x88cc, &[0; 60]))]);
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

fn ipv6_that_is_cut_short_goes_nowhere(setting: Setting) {
    let file = GatewayFile::open().dual_stack();
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &file) else { return };
    let attack = Attack::on(&site, &daemon);
    let whole = attack.frame(ipv6(OUTSIDE_SIX, PUBLIC_SIX).udp(5000, 5000).data(100));
    attack.must_arrive(&whole);
    attack.must_end_in("bad-ip-header", &cut(&whole, 15..54));
    attack.must_end_in("bad-length", &cut(&whole, 54..whole.len()));
}

fn ipv6_that_contradicts_itself_goes_nowhere(setting: Setting) {
    let file = GatewayFile::open().dual_stack();
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &file) else { return };
    let attack = Attack::on(&site, &daemon);
    let bare = || ipv6(OUTSIDE_SIX, PUBLIC_SIX);
    let udp = || bare().udp(5000, 5000).data(100);
    attack.must_arrive(&attack.frame(udp()));
    attack.must_end_in("bad-ip-header", &[attack.frame(udp().version(5))]);
    attack.must_end_in(
        "bad-transport-header",
        &[
            attack.frame(bare().tcp(5000, 80).syn().data_offset(4)),
            attack.frame(bare().tcp(5000, 80).syn().data_offset(15)),
            attack.frame(udp().length(7)),
            attack.frame(udp().length(2000)),
        ],
    );
    let (hop_by_hop, destination_options, routing, padding) = (0, 60, 43, [1, 4, 0, 0, 0, 0]);
    let many = (0..9).fold(bare(), |draft, _| draft.extension(destination_options, &padding));
    attack.must_end_in(
        "bad-extension-header",
        &[
            attack.frame(many.udp(5000, 5000)),
            // What each hop must read stands first or not at all (RFC 8200, section 4.1).
            attack.frame(
                bare()
                    .extension(destination_options, &padding)
                    .extension(hop_by_hop, &padding)
                    .udp(5000, 5000),
            ),
            // A jumbogram (RFC 2675).
            attack.frame(bare().extension(hop_by_hop, &[0xc2, 4, 0, 1, 0, 0]).udp(5000, 5000)),
        ],
    );
    // A routing header of type 0 that is not yet at its end (RFC 5095).
    let mut through = vec![0, 1, 0, 0, 0, 0];
    through.extend("2001:db8:ffff::30".parse::<Ipv6Addr>().unwrap().octets());
    attack.must_end_in("source-route", &[attack.frame(bare().extension(routing, &through).udp(5000, 5000))]);
    attack.must_end_in(
        "unsupported-protocol",
        &[1, 47, 132].map(|number| attack.frame(bare().protocol(number).data(40))),
    );
    attack.must_end_in(
        "bad-checksum",
        &[
            attack.frame(bare().tcp(5, 5).syn().wrong_checksum()),
            attack.frame(bare().echo_request(1, 1).wrong_checksum()),
        ],
    );
    attack.must_end_in(
        "martian",
        &["::1", "fd00:a:0:2::4"].map(|from| attack.frame(ipv6(from, PUBLIC_SIX).udp(5, 5))),
    );
}

fn ipv6_fragments_that_hide_something_go_nowhere(setting: Setting) {
    let file = GatewayFile::open().dual_stack();
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &file) else { return };
    let attack = Attack::on(&site, &daemon);
    let bare = |id: u32| ipv6(OUTSIDE_SIX, PUBLIC_SIX).id(id);
    let syn = attack.frame(bare(1).tcp(5000, 80).syn().data(100));
    attack.must_end_in("bad-fragment", &fragments(&syn, 8)[..1]);
    attack
        .must_end_in("bad-fragment", &[attack.frame(bare(2).fragment(65_528, false).protocol(17).data(100))]);
    let orphan = |id: u32| attack.frame(bare(100 + id).fragment(1480, false).protocol(17).data(64));
    attack.must_end_in("fragment-orphan", &(0..20).map(orphan).collect::<Vec<_>>());
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
    for nth in 1..=5000 {
        let mut frame = attack.frame(ipv4(OUTSIDE, PUBLIC).udp(5000, 80).data(80));
        for _ in 0..4 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = 12 + (noise >> 33) as usize % (frame.len() - 12);
            frame[at] = (noise >> 56) as u8;
        }
        attack.from.send(&frame);
        // No more at once than a queue holds.
        if nth % 100 == 0 {
            attack.others_talk();
        }
    }
    let sum = |list: &serde_json::Value, key: &str| -> u64 {
        list.as_array().unwrap().iter().filter_map(|entry| entry[key].as_u64()).sum()
    };
    let balance = eventually(PATIENCE, || {
        let status = daemon.ask("status");
        let received = sum(&status["attachments"], "received");
        let lost = ["ringDrops", "broken"].map(|loss| sum(&status["attachments"], loss)).iter().sum::<u64>();
        (received + lost >= 5000 && received == sum(&status["endings"], "packets")).then_some(())
    });
    assert!(balance.is_some(), "{:#}", daemon.ask("status"));
    attack.others_talk();
}
