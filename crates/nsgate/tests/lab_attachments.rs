//! The life of attachments: interfaces that cannot be had, that change, that are renamed, and what a refused change leaves.
#![expect(clippy::expect_used, reason = "tests")]

use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use testbed::gateway_file::GatewayFile;
use testbed::netns::{Namespace, available, eventually};
use testbed::probe::Outcome;
use testbed::site::{Daemon, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const OUTSIDE: &str = "198.51.100.7:8080";

fn site() -> Option<Site> {
    available().then(|| {
        let site = Site::new();
        site.serve(&site.internet, 8080);
        site
    })
}

/// What the daemon says of the attachment of an interface.
fn state(daemon: &Daemon, interface: &str) -> Option<String> {
    let status = daemon.ask("status");
    let attachments = status["attachments"].as_array().cloned().unwrap_or_default();
    let one = attachments.iter().find(|attachment| attachment["interface"] == interface);
    one.and_then(|attachment| attachment["state"].as_str().map(str::to_owned))
}

fn start(site: &Site, file: &GatewayFile) -> Daemon {
    site.start(Path::new(NSGATE), file)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command in the gateway's namespace says.
fn output_of(site: &Site, words: &str) -> Output {
    site.gateway.command(words).output().expect("it runs")
}

/// A gateway file with these attachments beside the internet, for one worker.
fn file(machines: &[Value]) -> GatewayFile {
    let internet =
        json!({ "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } });
    let attachments: Vec<_> = machines.iter().cloned().chain([internet]).collect();
    GatewayFile::open().with("attachments", attachments.into()).with("engine", json!({ "workers": 1 }))
}

fn nic(key: &str, interface: &str, nic: &str) -> Value {
    json!({ key: interface, "nic": nic })
}

/// The guard's program on an interface of the gateway: the same tag means the same program.
fn guard(gateway: &Namespace, interface: &str) -> Option<String> {
    let filters = gateway.run(&format!("tc filter show dev {interface} ingress"));
    let line = filters.lines().find(|line| line.contains("nsgate-guard"))?.to_owned();
    line.split(" tag ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned)
}

fn soon(what: impl Fn() -> bool) -> bool {
    eventually(Duration::from_secs(10), || what().then_some(())).is_some()
}

fn is_answered(site: &Site, machine: &Namespace) -> bool {
    matches!(site.tcp(machine, OUTSIDE), Outcome::Seen(_))
}

#[test]
fn check_and_run_say_the_same_of_tap_devices() {
    let Some(site) = site() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("gateway.yaml");
    let ask = |command: &str, engine: Value, attachment: Value| {
        let text = GatewayFile::open()
            .with("attachments", json!([attachment]))
            .with("outbound", json!({}))
            .with("engine", engine)
            .text();
        std::fs::write(&config, text).expect("the gateway file");
        let words = format!("timeout 10 {NSGATE} {command} --config {}", config.display());
        let output = output_of(&site, &words);
        (output.status.code(), stderr(&output))
    };
    site.gateway.ip("tuntap add dev one mode tap");
    site.gateway.ip("link add bridge type bridge");
    let (tap, two) = (json!({ "io": "tap", "workers": 1 }), json!({ "io": "tap", "workers": 2 }));
    for (engine, key, name, said, help) in [
        (&tap, "interface", "vm1", "vm1 is no TAP device", "engine.io: tap is for"),
        (&two, "interface", "one", "one is no TAP device that 2 workers can share", "multi_queue"),
        (&tap, "tap", "bridge", "bridge is no TAP device", "remove bridge"),
    ] {
        for command in ["check", "run"] {
            let (code, text) = ask(command, engine.clone(), nic(key, name, "vm1-nic"));
            assert_eq!(code, Some(if command == "check" { 1 } else { 2 }), "{command} {name}: {text}");
            assert!(text.contains(said) && text.contains(help), "{command} {name}: {text}");
            assert!(text.contains("gateway.yaml:"), "{text}");
        }
    }
    // One that is not there is the business of this host at this time, as with every interface.
    let missing = nic("interface", "taps", "vm1-nic");
    let (code, text) = ask("check", tap.clone(), missing.clone());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("warning") && text.contains("write `tap: taps`"), "{text}");
    let (code, text) = ask("run", tap.clone(), missing);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no interface is named `taps`") && text.contains("write `tap: taps`"), "{text}");
    assert!(!site.gateway.attempt("ip link show taps").success, "nothing was created");
    // What both take runs.
    let (code, text) = ask("check", tap.clone(), nic("interface", "one", "vm1-nic"));
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = ask("run", tap, nic("interface", "one", "vm1-nic"));
    assert_eq!(code, Some(124), "it runs until its time is over: {text}");
    assert!(site.gateway.attempt("ip link show one").success, "it stays where it was there before");
}

#[test]
fn a_refused_reload_leaves_every_guard_as_it_was() {
    let Some(site) = site() else { return };
    let machines = ["vm1", "vm2", "vm3"].map(|name| nic("interface", name, &format!("{name}-nic")));
    let mut earlier = start(&site, &file(&machines));
    earlier.kill();
    let daemon = start(&site, &file(&machines[..1]));
    testbed::netns::veth((&site.gateway, "fresh"), (&site.internet, "fresh"));
    let before = ["vm1", "vm2", "vm3", "eth0", "fresh"].map(|name| (name, guard(&site.gateway, name)));
    let is_guarded: Vec<_> = before.iter().map(|(_, guard)| guard.is_some()).collect();
    assert_eq!(is_guarded, [true, true, true, true, false]);

    // The last of them cannot be opened: a process has the gateway's end of it. And vm1 would be what the host may talk on.
    site.gateway.ip("tuntap add dev held mode tap");
    let held = site.gateway.enter(|| io::tap::create("held", io::Reception::Own, 1)).expect("a TAP device");
    site.gateway.address("vm1", "192.168.100.2/24");
    let on_premises = json!({ "address": "192.168.100.1/24", "prefixes": ["192.168.0.0/16"],
        "nextHop": "192.168.100.254", "virtualNetwork": "vnet1" });
    let wanted = file(&[
        json!({ "interface": "vm1", "onPremises": on_premises }),
        machines[1].clone(),
        machines[2].clone(),
        nic("interface", "fresh", "vm1-nic"),
        json!({ "tap": "held", "subnet": "vnet1/data" }),
    ]);
    let refused = daemon.reload(&wanted.text());
    assert!(!refused.status.success());
    assert!(stderr(&refused).contains("TAP device held is in use"), "{}", stderr(&refused));
    for (name, guard_before) in before {
        assert_eq!(guard(&site.gateway, name), guard_before, "{name}");
    }
    drop(held);

    // With nothing in the way the same file is taken, and vm1's guard lets its new kind through.
    let tag = guard(&site.gateway, "vm1");
    // A process that another test is just starting may hold the device a moment longer.
    assert!(soon(|| daemon.reload(&wanted.text()).status.success()), "{}", daemon.log());
    assert_ne!(guard(&site.gateway, "vm1"), tag);
    assert!(guard(&site.gateway, "fresh").is_some());
}

#[test]
fn one_interface_that_cannot_be_had_holds_up_no_other() {
    let Some(site) = site() else { return };
    let machines = ["vm1", "vm2", "vm3"].map(|name| nic("interface", name, &format!("{name}-nic")));
    let daemon = start(&site, &file(&machines));
    // Another daemon seems to have the new vm3: whoever has its lock.
    site.gateway.ip("link delete vm3");
    site.gateway.ip(&format!("link add other type veth peer name eth0 netns {}", site.vm3.name()));
    let lock = site.gateway.enter(|| {
        let other = io::interface::find("other").expect("it is there");
        io::lock::Lock::take(&other).expect("nobody has it")
    });
    site.gateway.ip("link set other name vm3");
    site.gateway.ip("link set vm3 up");
    let said = || daemon.log().matches("cannot be followed").count();
    assert!(soon(|| said() == 1), "{}", daemon.log());
    assert!(soon(|| guard(&site.gateway, "vm3").is_some()), "whoever has the lock has not guarded it");
    site.gateway.mtu("vm1", 1400);
    let followed = |name: &str| {
        daemon.log().lines().any(|line| line.contains("followed a change") && line.contains(name))
    };
    assert!(soon(|| followed("vm1")), "{}", daemon.log());
    site.gateway.mtu("vm2", 1300);
    assert!(soon(|| followed("vm2")), "{}", daemon.log());
    assert!(is_answered(&site, &site.vm1));
    assert_eq!(said(), 1, "it is told once: {}", daemon.log());
    assert!(daemon.log().contains("another nsgate daemon"), "{}", daemon.log());

    drop(lock);
    assert!(soon(|| followed("vm3")), "it is tried again: {}", daemon.log());
    assert!(guard(&site.gateway, "vm3").is_some());
}

#[test]
fn a_renamed_interface_keeps_its_guard_under_its_new_name() {
    let Some(site) = site() else { return };
    let named = |vm3: &str| file(&[nic("interface", "vm1", "vm1-nic"), nic("interface", vm3, "vm3-nic")]);
    let daemon = start(&site, &named("vm3"));
    site.gateway.ip("link set vm3 down");
    site.gateway.ip("link set vm3 name vm9");
    site.gateway.ip("link set vm9 up");
    let reloaded = daemon.reload(&named("vm9").text());
    assert!(reloaded.status.success(), "{}", stderr(&reloaded));
    assert!(guard(&site.gateway, "vm9").is_some());
    assert!(soon(|| is_answered(&site, &site.vm3)), "{}", daemon.log());
    let detached = daemon.reload(&file(&[nic("interface", "vm1", "vm1-nic")]).text());
    assert!(detached.status.success(), "{}", stderr(&detached));
    assert_eq!(guard(&site.gateway, "vm9"), None, "now it is the host's again");
}

#[test]
fn a_guard_that_is_taken_off_is_back_at_once() {
    let Some(site) = site() else { return };
    let daemon =
        start(&site, &file(&[nic("interface", "vm1", "vm1-nic"), nic("interface", "vm3", "vm3-nic")]));
    let before = guard(&site.gateway, "vm3");
    assert!(before.is_some());
    let told = || daemon.log().matches("it was there without its guard: guarded").count();
    for (times, words) in [(1, "tc qdisc del dev vm3 clsact"), (2, "tc filter del dev vm3 ingress")] {
        site.gateway.run(words);
        assert!(soon(|| guard(&site.gateway, "vm3") == before), "{words}: {}", daemon.log());
        assert!(soon(|| told() == times), "{words}: {}", daemon.log());
    }
    // Whoever has taken its place is not pushed aside, and that is told.
    daemon.signal("STOP");
    for words in ["qdisc del", "qdisc add"] {
        site.gateway.run(&format!("tc {words} dev vm3 clsact"));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("lets-pass");
    std::fs::write(&program, "1,6 0 0 0,").expect("a program");
    let others = "dev vm3 ingress pref 1 protocol ip";
    site.gateway.run(&format!("tc filter add {others} bpf bytecode-file {}", program.display()));
    daemon.signal("CONT");
    assert!(soon(|| daemon.log().contains("cannot be guarded: interface vm3")), "{}", daemon.log());
    site.gateway.run(&format!("tc filter del {others}"));
    assert!(soon(|| guard(&site.gateway, "vm3") == before), "{}", daemon.log());
    assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
}

#[test]
fn an_interface_that_vanishes_again_is_reported_again() {
    let Some(site) = site() else { return };
    let machines = ["vm1", "vm3"].map(|name| nic("interface", name, &format!("{name}-nic")));
    let daemon = start(&site, &file(&machines));
    let is = |wanted: &str| state(&daemon, "vm3").as_deref() == Some(wanted);
    let vanish = || site.gateway.ip("link delete vm3");
    let come_back = || {
        site.gateway.ip(&format!("link add vm3 type veth peer name eth0 netns {}", site.vm3.name()));
        site.gateway.ip("link set vm3 up");
    };
    // The log tells of one link so much at once, and of what else happens to it, too.
    for times in 1..=2 {
        vanish();
        assert!(soon(|| is("missing")), "{times}: {}", daemon.log());
        come_back();
        assert!(soon(|| is("attached")), "{}", daemon.log());
    }
    // What the workers have noticed of the one before is nothing against the one that is there.
    let opened = || daemon.log().matches("attached=[\"vm3\"]").count();
    for _ in 0..10 {
        let before = opened();
        vanish();
        come_back();
        assert!(soon(|| opened() > before && is("attached")), "{}", daemon.log());
        let is_taken_for_gone = eventually(Duration::from_millis(300), || is("missing").then_some(()));
        assert_eq!(is_taken_for_gone, None, "{}", daemon.log());
    }
}

#[test]
fn a_link_that_goes_up_and_down_does_not_hide_that_its_interface_is_gone() {
    let Some(site) = site() else { return };
    let machines = ["vm1", "vm3"].map(|name| nic("interface", name, &format!("{name}-nic")));
    let daemon = start(&site, &file(&machines));
    let told = |what: &str| daemon.log().contains(what);
    // As many lines as a link may have at once.
    for (state, times) in [("down", 1), ("up", 1), ("down", 2)] {
        site.gateway.ip(&format!("link set vm3 {state}"));
        let told = || daemon.log().matches(&format!("the link is {state}")).count() == times;
        assert!(soon(told), "{state} {times}: {}", daemon.log());
    }
    site.gateway.ip("link delete vm3");
    assert!(soon(|| told("the interface is gone")), "{}", daemon.log());
}

#[test]
fn an_interface_of_pnets_that_returns_is_attached_again() {
    let Some((site, daemon)) = Site::with_setting(NSGATE, Setting::pnet(), &GatewayFile::open()) else {
        return;
    };
    site.serve(&site.internet, 8080);
    assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
    site.gateway.ip("link delete vm3");
    assert!(soon(|| state(&daemon, "vm3").as_deref() == Some("missing")), "{}", daemon.log());
    // Until its offloads are off it is refused, and tried again.
    site.connect((&site.vm3, "eth0"), "vm3");
    site.vm3.address("eth0", "10.0.2.4/24");
    site.vm3.route("default", "10.0.2.1");
    assert!(soon(|| state(&daemon, "vm3").as_deref() == Some("attached")), "{}", daemon.log());
    assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
}

#[test]
fn a_shared_public_address_that_the_host_takes_is_told_at_once() {
    let Some(site) = site() else { return };
    let outbound = json!({ "defaultPublicIp": ["203.0.113.10", "203.0.113.11"] });
    let daemon = start(&site, &file(&[nic("interface", "vm1", "vm1-nic")]).with("outbound", outbound));
    assert!(is_answered(&site, &site.vm1), "{}", daemon.log());
    for (times, address) in [(1, "203.0.113.10/24"), (2, "203.0.113.11/24")] {
        site.gateway.address("eth0", address);
        let told = || daemon.log().matches("a public address that machines share").count() == times;
        assert!(soon(told), "{address}: {}", daemon.log());
    }
}

#[test]
fn an_address_that_the_host_takes_behind_the_rules_is_told_at_once() {
    let Some(site) = site() else { return };
    let machines = ["vm1", "vm3"].map(|name| nic("interface", name, &format!("{name}-nic")));
    let daemon = start(&site, &file(&machines));
    site.gateway.address("vm1", "10.0.1.1/24");
    let told = || daemon.log().matches("the host has an address behind the rules").count();
    assert!(soon(|| told() == 1), "{}", daemon.log());
    assert!(daemon.log().contains("10.0.1.1"), "{}", daemon.log());
    // Other changes do not tell it again.
    site.gateway.mtu("vm1", 1400);
    assert!(soon(|| daemon.log().matches("followed a change").count() >= 2), "{}", daemon.log());
    assert_eq!(told(), 1, "{}", daemon.log());
    assert!(is_answered(&site, &site.vm1), "{}", daemon.log());
}
