//! IPv6 between real machines.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::{Namespace, eventually};
use testbed::probe::Outcome;
use testbed::site::{Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(
    machines_reach_each_other_as_the_rules_say,
    a_public_address_of_its_own_works_both_ways_and_none_is_shared,
    large_packets_pass_in_fragments,
    a_machine_that_never_spoke_is_found
);
// The host narrows an interface of its own; a TAP device's is its machine's.
testbed::on_setting!(narrow_veth_1, testbed::site::Setting::veth(1), errors_name_the_hop_and_the_size);
testbed::on_setting!(narrow_veth_4, testbed::site::Setting::veth(4), errors_name_the_hop_and_the_size);
testbed::on_setting!(
    narrow_tap_and_veth_2,
    testbed::site::Setting::tap_and_veth(2),
    errors_name_the_hop_and_the_size
);
testbed::on_setting!(narrow_pnet, testbed::site::Setting::pnet(), errors_name_the_hop_and_the_size);

const VM1: &str = "fd00:a:0:1::4";
const VM2: &str = "fd00:a:0:1::5";
const VM3: &str = "fd00:a:0:2::4";
const PUBLIC2: &str = "2001:db8:ffff::20";
const FAR: &str = "2001:db8:1::1";

fn at(address: &str, port: u16) -> String {
    format!("[{address}]:{port}")
}

fn ping(site: &Site, from: &Namespace, to: &str) -> bool {
    site.ping_with(from, "-c 2 -i 0.2", to).success
}

fn seen_as(outcome: &Outcome) -> Option<String> {
    outcome.address().map(|address| address.to_string())
}

fn machines_reach_each_other_as_the_rules_say(setting: Setting) {
    let rules = [
        Rule::allow("web", 100).protocol("Tcp").from("fd00:a:0:1::/64").port("80"),
        Rule::allow("names", 110).protocol("Udp").from("fd00:a:0:1::/64").port("80"),
        Rule::deny("rest", 200).from("fd00:a::/48"),
    ];
    let file = GatewayFile::open().dual_stack().nsg("data", rules);
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &file) else { return };
    for (machine, address) in [(&site.vm2, VM2), (&site.vm3, VM3)] {
        site.serve_v6(machine, &at(address, 80));
        site.serve_v6(machine, &at(address, 81));
    }
    assert!(ping(&site, &site.vm1, VM2), "one subnet: {:#}", daemon.ask("drops"));
    for port in [80, 81] {
        assert_eq!(seen_as(&site.tcp(&site.vm1, &at(VM2, port))).as_deref(), Some(VM1));
        assert_eq!(seen_as(&site.udp(&site.vm1, &at(VM2, port))).as_deref(), Some(VM1));
    }
    assert_eq!(
        seen_as(&site.tcp(&site.vm1, &at(VM3, 80))).as_deref(),
        Some(VM1),
        "{:#}",
        daemon.ask("drops")
    );
    assert_eq!(seen_as(&site.udp(&site.vm1, &at(VM3, 80))).as_deref(), Some(VM1));
    let denied = daemon.denies("data-nsg", "rest", || site.try_tcp(&site.vm1, &at(VM3, 81)));
    assert_eq!(denied, Outcome::Silent);
    daemon.denies("data-nsg", "rest", || assert!(!site.try_ping(&site.vm1, VM3)));
    assert!(ping(&site, &site.vm3, VM1), "the other way there is no rule");
    let flows = daemon.ask("flows").to_string();
    assert!(flows.contains("fd00:a:0:1::4"), "{flows}");
    let text = String::from_utf8(daemon.attempt("flows").stdout).unwrap();
    assert!(text.contains("[fd00:a:0:1::4]:"), "{text}");
    // What IPv6 hosts say to their links is no reason for alarm.
    assert_eq!(daemon.dropped("multicast", "", ""), 0, "{:#}", daemon.ask("drops"));
}

fn a_public_address_of_its_own_works_both_ways_and_none_is_shared(setting: Setting) {
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &GatewayFile::open().dual_stack())
    else {
        return;
    };
    site.serve_v6(&site.internet, &at(FAR, 80));
    site.serve_v6(&site.vm2, &at(VM2, 80));
    assert!(ping(&site, &site.vm2, FAR), "{:#}", daemon.ask("drops"));
    assert!(ping(&site, &site.internet, PUBLIC2), "{:#}", daemon.ask("drops"));
    assert!(ping(&site, &site.internet, "2001:db8:ffff::2"), "the gateway's own address");
    assert_eq!(seen_as(&site.tcp(&site.vm2, &at(FAR, 80))).as_deref(), Some(PUBLIC2));
    assert_eq!(seen_as(&site.udp(&site.vm2, &at(FAR, 80))).as_deref(), Some(PUBLIC2));
    assert_eq!(seen_as(&site.tcp(&site.internet, &at(PUBLIC2, 80))).as_deref(), Some("2001:db8:ffff::1"));
    assert_eq!(site.udp(&site.vm2, &at(FAR, 81)), Outcome::Refused, "the far side's error comes back");
    assert_eq!(site.udp(&site.internet, &at(PUBLIC2, 81)), Outcome::Refused);
    assert_eq!(site.try_tcp(&site.vm1, &at(FAR, 80)), Outcome::Silent);
    daemon.drops("no-ipv6-snat", |packets| packets > 0);
}

fn errors_name_the_hop_and_the_size(setting: Setting) {
    if !testbed::netns::available() {
        return;
    }
    let site = Site::set(setting).dual_stack();
    site.narrow(1400);
    let _daemon = site.start(NSGATE.as_ref(), &GatewayFile::open().dual_stack());
    let told = site.ping_with(&site.vm2, "-t 1", FAR);
    assert!(told.stdout.contains("From fd00:a:0:1::1"), "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("Hop limit"), "{}{}", told.stdout, told.stderr);
    assert_eq!(site.told_mtu(&site.vm2, FAR), Some(1400));
    // Another address, of which the machine knows no narrower path yet.
    let far = at("2001:db8:1::2", 80);
    site.serve_v6(&site.internet, &far);
    assert_eq!(site.echoed(&site.vm2, &far, 4 << 20), 4 << 20);
}

fn large_packets_pass_in_fragments(setting: Setting) {
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &GatewayFile::open().dual_stack())
    else {
        return;
    };
    for (from, to) in [(&site.vm1, VM2), (&site.vm1, VM3), (&site.vm2, FAR), (&site.internet, PUBLIC2)] {
        assert!(site.ping_with(from, "-c 2 -i 0.2 -s 3000", to).success, "{to}: {:#}", daemon.ask("drops"));
    }
    let status = daemon.ask("drops").to_string();
    assert!(!status.contains("fragment"), "{status}");
}

fn a_machine_that_never_spoke_is_found(setting: Setting) {
    let Some((site, _daemon)) = Site::dual_stack_with(NSGATE, setting, &GatewayFile::open().dual_stack())
    else {
        return;
    };
    // Whatever the kernels said while their links came up is over and forgotten.
    site.vm3.ip("-6 neigh flush dev eth0");
    assert!(ping(&site, &site.vm1, VM3));
    // A machine that tries whether its address is free finds it so.
    site.vm3.ip("address add fd00:a:0:2::77/64 dev eth0");
    let tried = eventually(Duration::from_secs(10), || {
        let shown = site.vm3.run("ip -6 address show dev eth0 to fd00:a:0:2::77");
        (!shown.contains("tentative") || shown.contains("dadfailed")).then_some(shown)
    });
    let shown = tried.unwrap();
    assert!(shown.contains("fd00:a:0:2::77") && !shown.contains("dadfailed"), "{shown}");
}
