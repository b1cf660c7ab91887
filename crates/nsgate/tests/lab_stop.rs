//! Many interfaces: the end within five seconds, however much there is to close and whatever the daemon is busy with, and
//! what it does when all of them go or return at once. Needs root.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use testbed::gateway_file::GatewayFile;
use testbed::netns::{self, eventually};
use testbed::site::{Daemon, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const WORKERS: usize = 2;
const MANY: usize = 100;
/// What is promised, in milliseconds.
const PROMISED: u64 = 5000;
/// How long a hundred interfaces may take to be opened, on a machine that has other things to do.
const OPENING: Duration = Duration::from_secs(60);
/// The most rings that may be left to the kernel on such a machine. Closed one after the other, half of them would be.
const LEFT: u64 = MANY as u64 * WORKERS as u64 / 4;

/// Whose turn it is: a hundred interfaces are enough for one host.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A gateway file with so many machines, each behind an interface of its own, or a TAP device (`key`).
fn file(key: &str, machines: usize) -> GatewayFile {
    let id = |kind: &str, name: &str| {
        format!("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/{kind}/{name}")
    };
    let subnet = id("virtualNetworks", "vnet") + "/subnets/all";
    let mut resources = vec![json!({
        "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "id": id("virtualNetworks", "vnet"),
        "properties": {
            "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] },
            "subnets": [{ "name": "all", "id": subnet, "properties": { "addressPrefix": "10.0.0.0/16" } }],
        },
    })];
    resources.extend((0..machines).map(|nth| {
        let name = format!("vm{nth}-nic");
        json!({
            "type": "Microsoft.Network/networkInterfaces", "name": name, "id": id("networkInterfaces", &name),
            "properties": { "ipConfigurations": [{ "name": "ipconfig", "properties": {
                "subnet": { "id": subnet }, "privateIPAddress": format!("10.0.1.{}", nth + 4),
                "privateIPAllocationMethod": "Static", "primary": true,
            } }] },
        })
    }));
    let attachment = |nth| json!({ key: format!("m{nth}"), "nic": format!("vm{nth}-nic") });
    let attachments: Vec<Value> = (0..machines).map(attachment).collect();
    GatewayFile::open()
        .with("network", json!({ "resources": resources }))
        .with("attachments", attachments.into())
        .with("outbound", json!({}))
        .with("flows", json!({ "capacity": 10_000 }))
        .with("engine", json!({ "workers": WORKERS }))
}

/// A host with a hundred interfaces.
fn site() -> Option<Site> {
    netns::available().then(|| {
        let site = Site::new();
        add_links(&site);
        site
    })
}

fn add_links(site: &Site) {
    let mut lines = String::new();
    for nth in 0..MANY {
        writeln!(lines, "link add m{nth} type veth peer name p{nth}").unwrap();
        writeln!(lines, "link set m{nth} up\nlink set p{nth} up").unwrap();
    }
    ip_batch(site, &lines);
}

fn delete_links(site: &Site, count: usize) {
    let lines: String = (0..count).map(|nth| format!("link delete m{nth}\n")).collect();
    ip_batch(site, &lines);
}

/// Runs `ip` in the gateway's namespace with many lines.
fn ip_batch(site: &Site, lines: &str) {
    let directory = tempfile::tempdir().unwrap();
    let batch = directory.path().join("links");
    fs::write(&batch, lines).unwrap();
    site.gateway.ip(&format!("-batch {}", batch.display()));
}

/// The interfaces' numbers that the gateway's packet sockets are bound to.
fn bound(site: &Site) -> Vec<u32> {
    let sockets = site.gateway.run("cat /proc/net/packet");
    // After the address, the references, the type and the protocol.
    let number = |line: &str| line.split_whitespace().nth(4)?.parse().ok();
    sockets.lines().filter_map(number).collect()
}

/// The kernel's number for an interface of the gateway's.
fn number(site: &Site, name: &str) -> u32 {
    site.gateway.run(&format!("cat /sys/class/net/{name}/ifindex")).trim().parse().unwrap()
}

fn start(site: &Site, file: &GatewayFile) -> Daemon {
    let daemon = site.launch(Path::new(NSGATE), file);
    let ready = eventually(OPENING, || daemon.log().contains("ready: packets flow").then_some(()));
    assert!(ready.is_some(), "{}", daemon.log());
    daemon
}

/// The interfaces that have a guard.
fn guarded(site: &Site) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let batch = directory.path().join("filters");
    let lines: String = (0..MANY).map(|nth| format!("filter show dev m{nth} ingress\n")).collect();
    fs::write(&batch, lines).unwrap();
    let shown = site.gateway.run(&format!("tc -batch {}", batch.display()));
    shown.lines().filter(|line| line.contains("nsgate")).count()
}

/// The number behind `key` in the last line of a log that has it.
fn told(log: &str, key: &str) -> Option<u64> {
    let (_, value) = log.rsplit_once(&format!(" {key}="))?;
    value.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Asserts that a daemon that has been told to stop ends in time, with 0, having closed what there was to close.
fn ends_in_time(daemon: &mut Daemon, what: &str) {
    let ended = daemon.ended(OPENING);
    let log = daemon.log();
    assert_eq!(ended.and_then(|ended| ended.code()), Some(0), "{what}: {log}");
    assert!(log.contains("stopped; the interfaces stay guarded"), "{what}: {log}");
    let (took, left) = (told(&log, "took_ms"), told(&log, "open").unwrap_or(0));
    eprintln!("{what}: stopped after {took:?} ms, {left} rings left to the kernel");
    assert!(took.is_some_and(|took| took < PROMISED) && left <= LEFT, "{what}: {log}");
}

fn stops_in_time(daemon: &mut Daemon, what: &str) {
    daemon.signal("TERM");
    ends_in_time(daemon, what);
}

#[test]
fn a_hundred_interfaces_are_closed_in_time() {
    let _turn = turn();
    let Some(site) = site() else { return };
    let mut daemon = start(&site, &file("interface", MANY));
    assert_eq!(guarded(&site), MANY);
    stops_in_time(&mut daemon, "idle");
    assert_eq!(guarded(&site), MANY);
    assert!(!daemon.config().with_file_name("control.sock").exists());
}

#[test]
fn a_reload_that_opens_a_hundred_interfaces_holds_up_nothing() {
    let _turn = turn();
    let Some(site) = site() else { return };
    let mut daemon = start(&site, &file("interface", 1));
    fs::write(daemon.config(), file("interface", MANY).text()).unwrap();
    daemon.signal("HUP");
    // They are guarded and opened one after the other; it hears of its end when it goes on.
    let begun = eventually(OPENING, || (guarded(&site) >= MANY / 4).then_some(()));
    assert!(begun.is_some(), "{}", daemon.log());
    daemon.signal("STOP");
    let guards = guarded(&site);
    daemon.signal("TERM");
    daemon.signal("CONT");
    ends_in_time(&mut daemon, "while opening");
    assert!(guarded(&site) >= guards);
    let log = daemon.log();
    assert!(log.contains("stopping in the middle of a change of interfaces"), "{log}");
}

#[test]
fn a_start_that_opens_a_hundred_interfaces_is_ended_in_time() {
    let _turn = turn();
    let Some(site) = site() else { return };
    let file = file("interface", MANY).with("engine", json!({ "workers": 4 }));
    let mut daemon = site.launch(Path::new(NSGATE), &file);
    let begun = eventually(OPENING, || (bound(&site).len() > MANY).then_some(()));
    assert!(begun.is_some(), "{}", daemon.log());
    assert_eq!(guarded(&site), MANY, "before the first is opened");
    stops_in_time(&mut daemon, "while starting");
    assert_eq!(guarded(&site), MANY);
    assert!(!daemon.log().contains("ready"), "{}", daemon.log());
    assert!(!daemon.config().with_file_name("control.sock").exists());
}

#[test]
fn a_hundred_interfaces_that_return_at_once_are_all_guarded_before_one_is_opened() {
    let _turn = turn();
    let Some(site) = site() else { return };
    let daemon = start(&site, &file("interface", MANY));
    let highest = bound(&site).into_iter().max().unwrap();
    // It hears of all of it at once.
    daemon.signal("STOP");
    delete_links(&site, MANY);
    add_links(&site);
    daemon.signal("CONT");
    let begun = eventually(OPENING, || bound(&site).into_iter().any(|number| number > highest).then_some(()));
    assert!(begun.is_some(), "{}", daemon.log());
    let last = site.gateway.run(&format!("tc filter show dev m{} ingress", MANY - 1));
    assert!(last.contains("nsgate"), "the last one is open: {}", daemon.log());
    assert_eq!(guarded(&site), MANY);
}

#[test]
fn an_interface_that_is_made_anew_in_the_middle_of_a_reload_is_guarded_meanwhile() {
    is_guarded_while_others_are_opened(|site| {
        let lines = "link delete m0\nlink add m0 type veth peer name p0\nlink set m0 up\nlink set p0 up\n";
        ip_batch(site, lines);
    });
}

/// The kernel lets it have its number again, and has closed its sockets and taken its guard off.
#[test]
fn an_interface_that_leaves_and_returns_in_the_middle_of_a_reload_is_guarded_meanwhile() {
    is_guarded_while_others_are_opened(|site| {
        let before = number(site, "m0");
        site.gateway.ip(&format!("link set m0 netns {}", site.vm3.name()));
        site.vm3.ip(&format!("link set m0 netns {}", site.gateway.name()));
        site.gateway.ip("link set m0 up");
        assert_eq!(number(site, "m0"), before);
    });
}

/// What becomes of the first interface is heard with others left to open.
fn is_guarded_while_others_are_opened(happens: impl Fn(&Site)) {
    let _turn = turn();
    let Some(site) = site() else { return };
    let daemon = start(&site, &file("interface", 1));
    fs::write(daemon.config(), file("interface", MANY).text()).unwrap();
    daemon.signal("HUP");
    let begun = eventually(OPENING, || (bound(&site).len() > 2 * WORKERS).then_some(()));
    assert!(begun.is_some(), "{}", daemon.log());
    daemon.signal("STOP");
    happens(&site);
    daemon.signal("CONT");
    let loaded = "INFO reloaded";
    assert!(
        eventually(OPENING, || daemon.log().contains(loaded).then_some(())).is_some(),
        "{}",
        daemon.log()
    );
    let log = daemon.log();
    let (before, _) = log.split_once(loaded).unwrap();
    assert!(before.contains("it was there without its guard: guarded"), "{log}");
    let m0 = number(&site, "m0");
    let is_attached = || {
        let rings = bound(&site).into_iter().filter(|number| *number == m0).count();
        rings == WORKERS && daemon.ask("status")["attachments"][0]["state"] == "attached"
    };
    assert!(eventually(OPENING, || is_attached().then_some(())).is_some(), "{}", daemon.log());
    assert_eq!(guarded(&site), MANY);
}

#[test]
fn two_hundred_tap_devices_that_go_at_once_are_all_made_again() {
    const TAPS: usize = 200;
    let _turn = turn();
    if !netns::available() {
        return;
    }
    let site = Site::new();
    let daemon = start(&site, &file("tap", TAPS));
    let numbers = || {
        let links = site.gateway.run("ip -o link show");
        let number =
            |line: &str| line.contains(": m").then(|| line.split(':').next()?.parse::<u32>().ok())?;
        links.lines().filter_map(number).collect::<Vec<_>>()
    };
    let highest = numbers().into_iter().max().unwrap();
    daemon.signal("STOP");
    delete_links(&site, TAPS);
    daemon.signal("CONT");
    let made = || numbers().into_iter().filter(|number| *number > highest).count();
    let all = eventually(OPENING, || (made() == TAPS).then_some(()));
    assert!(all.is_some(), "{} of {TAPS}: {}", made(), daemon.log());
    let is_attached = |one: &Value| one["state"] == "attached";
    let all_attached = || daemon.ask("status")["attachments"].as_array().unwrap().iter().all(is_attached);
    assert!(eventually(OPENING, || all_attached().then_some(())).is_some(), "{}", daemon.log());
}

#[test]
fn a_hundred_tap_devices_go_in_time() {
    let _turn = turn();
    if !netns::available() {
        return;
    }
    let site = Site::new();
    let mut daemon = start(&site, &file("tap", MANY));
    let devices = || site.gateway.run("ip -o link show").lines().filter(|line| line.contains(": m")).count();
    assert_eq!(devices(), MANY);
    stops_in_time(&mut daemon, "TAP devices");
    assert_eq!(devices(), 0);
}
