//! One machine sends as much as it can of what nobody wants; another one's new connections go on. Needs root.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use serde_json::json;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use testbed::figures::{assert_every_frame_is_counted, lost_on_wires, number};
use testbed::flood::{Flood, Sort};
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::eventually;
use testbed::probe;
use testbed::site::{Daemon, PATIENCE, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
/// Frames a second, as far as the machine gives them.
const RATE: u32 = 100_000;
/// Frames that a flood must have had.
const LEAST: u64 = 10_000;
/// How many different frames a flood has.
const VARIETY: u32 = 40_000;
/// How long each flood lasts at least.
const SPAN: Duration = Duration::from_secs(2);
const CAPACITY: u64 = 16_000;
const PORTS_EACH: u64 = 5_000;
/// What a neighbour may hold altogether: an eighth of the table is kept for those below their share.
const LENT: u64 = CAPACITY / 8 * 7;
/// Where vm2 serves by IPv6.
const SIX: &str = "[fd00:a:0:1::5]:80";
/// Of the quiet machine, before the floods and during each.
const PINGS: u64 = 200;
/// The most of them that may be lost, beyond those that this host had no room for.
const LOST: u64 = PINGS / 40;
/// How long a flood may take to arrive while this host does much else.
const BUSY: Duration = Duration::from_secs(30);

/// Whose turn it is: two floods at once would be the same as one of twice the rate.
static TURN: Mutex<()> = Mutex::new(());

testbed::on_setting!(veth_1, super::Setting::veth(1), floods);
testbed::on_setting!(veth_2, super::Setting::veth(2), floods);
testbed::on_setting!(veth_4, super::Setting::veth(4), floods);
testbed::on_setting!(tap_1, super::Setting::tap(1), floods);
testbed::on_setting!(tap_2, super::Setting::tap(2), floods);
testbed::on_setting!(tap_4, super::Setting::tap(4), floods);
// Every frame goes through a queue that the flooder's go through too.
testbed::on_setting!(veth_2_handing_over, super::Setting::veth(2).handing_over(), floods);
testbed::on_setting!(tap_2_handing_over, super::Setting::tap(2).handing_over(), floods);

fn file() -> GatewayFile {
    let rule = Rule::deny("NoHighPorts", 100).protocol("Udp").port("30000-65535");
    GatewayFile::open()
        .dual_stack()
        .nsg("vm2", [rule, Rule::allow("All", 200)])
        .with("flows", json!({ "capacity": CAPACITY }))
        .with("outbound", json!({ "defaultPublicIp": "203.0.113.10", "portsPerVm": PORTS_EACH }))
}

/// What is sent, and the reasons, with a rule's name, for which some of it is dropped.
type Attack = (Sort, &'static [(&'static str, &'static str)]);

const ATTACKS: [Attack; 5] = [
    (Sort::SYNS, &[("snat-share-full", "")]),
    (Sort::DATAGRAMS, &[("denied-inbound", "NoHighPorts")]),
    (Sort::ORPHANS, &[("fragments-full", ""), ("fragment-orphan", "")]),
    (Sort::ORPHANS_V6, &[("fragments-full", ""), ("fragment-orphan", "")]),
    (Sort::SPOOFED, &[("spoofed-source", "")]),
];

fn floods(setting: Setting) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &file()) else { return };
    site.serve(&site.internet, 80);
    site.serve_v6(&site.vm2, SIX);
    let reachable = || site.try_udp(&site.vm3, "198.51.100.1:80").address();
    assert!(eventually(PATIENCE, reachable).is_some(), "{}", daemon.log());
    let (sender, gateway) = (site.vm1.mac("eth0"), site.gateway_mac("vm1"));
    let arrived = || {
        let status = daemon.ask("status");
        let mut attachments = status["attachments"].as_array().unwrap().iter();
        number(attachments.find(|one| one["interface"] == "vm1").unwrap(), "/received")
    };
    let lost = unanswered(&site, &daemon);
    assert!(lost <= LOST, "{lost} of {PINGS} pings before any flood");
    for (sort, reasons) in ATTACKS {
        let before: Vec<u64> = reasons.iter().map(|of| daemon.dropped(of.0, "", of.1)).collect();
        let arrived_before = arrived();
        let frames = sort.frames(VARIETY, sender, gateway);
        let flood = Flood::start(&site.vm1, "eth0", frames, RATE, None);
        let start = Instant::now();
        let (connections, lost) = goes_on(&site, &daemon);
        let most = flows_of_vm1(&daemon);
        let enough = eventually(BUSY, || (arrived() - arrived_before >= LEAST).then_some(()));
        let rate = flood.stop() as f64 / start.elapsed().as_secs_f64();
        let arrived = arrived() - arrived_before;
        eprintln!(
            "{setting:?}: {}: {rate:.0} a second, {arrived} arrived, {connections} connections and {lost} of {PINGS} pings \
             lost meanwhile, {most} flows of the flooder",
            sort.name
        );
        assert!(enough.is_some(), "{}: {arrived} frames are no flood", sort.name);
        assert!(connections > 1, "{}: the neighbour made no two connections", sort.name);
        assert!(lost <= LOST, "{}: {lost} of the neighbour's {PINGS} pings", sort.name);
        assert!(most <= LENT, "{}: {most} flows", sort.name);
        assert_named(&daemon, reasons, &before, arrived);
    }
    assert_every_frame_is_counted(&daemon);
}

/// The number of new connections of the quiet machine, and of its pings that are not answered.
fn goes_on(site: &Site, daemon: &Daemon) -> (u64, u64) {
    thread::scope(|scope| {
        let pings = scope.spawn(|| unanswered(site, daemon));
        let connections = site.vm3.enter(|| {
            let end = Instant::now() + SPAN;
            let mut done = 0;
            while Instant::now() < end || done < 2 {
                // One outward, one to the other machine by IPv6.
                let to = if done % 2 == 0 { format!("198.51.100.{}:80", 1 + done % 100) } else { SIX.into() };
                let outcome = probe::tcp(to.parse().unwrap(), PATIENCE);
                assert!(outcome.address().is_some(), "connection {done}: {outcome}");
                done += 1;
                thread::sleep(Duration::from_millis(2));
            }
            done
        });
        (connections, pings.join().unwrap())
    })
}

/// How many of the quiet machine's pings are not answered, beyond what this host had no room for on their wires. What waits
/// between workers is the gateway's own matter: the flooder has no more than its share of that room.
fn unanswered(site: &Site, daemon: &Daemon) -> u64 {
    let lost = || lost_on_wires(site, &daemon.ask("status"), &["vm3", "eth0"]);
    let before = lost();
    let ran = site.ping_with(&site.vm3, &format!("-c {PINGS} -i 0.01"), "198.51.100.3");
    let received = ran.stdout.split(", ").find_map(|part| part.strip_suffix(" received"));
    let received: u64 = received.unwrap_or_else(|| panic!("{}", ran.stderr)).parse().unwrap();
    // The flood goes by these wires, too: that much of it has found no room excuses some pings, and not all.
    (PINGS - received).saturating_sub((lost() - before).min(PINGS / 4))
}

/// Half-open and unanswered flows are records like any other.
fn flows_of_vm1(daemon: &Daemon) -> u64 {
    let flows = daemon.ask("flows");
    let flows = flows.as_array().unwrap().iter();
    flows.filter(|flow| flow.pointer("/initiator/source").is_some_and(|it| it == "10.0.1.4")).count() as u64
}

/// Asserts that `drops` names what happened to the flood, of which so many frames have arrived.
fn assert_named(daemon: &Daemon, reasons: &[(&str, &str)], before: &[u64], arrived: u64) {
    let mut all = 0;
    for ((reason, rule), before) in reasons.iter().zip(before) {
        let dropped = || Some(daemon.dropped(reason, "", rule) - before).filter(|dropped| *dropped > 50);
        let named = eventually(PATIENCE, dropped);
        assert!(named.is_some(), "{reason}: {:#}", daemon.ask("drops"));
        all += named.unwrap_or_default();
    }
    assert!(all > arrived / 4, "{all} of {arrived}: {:#}", daemon.ask("drops"));
    let status = daemon.ask("status");
    assert!(number(&status, "/flows/used") <= CAPACITY, "{status:#}");
}
