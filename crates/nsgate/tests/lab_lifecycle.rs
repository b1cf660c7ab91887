//! Reload, crash, restart, release: what passes while the daemon changes or is away.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};
use testbed::figures::{assert_every_frame_is_counted, ended, number};
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::{self, Namespace};
use testbed::probe::Outcome;
use testbed::raw::Raw;
use testbed::site::{Daemon, PATIENCE, Setting, Site, Wires};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(
    a_reload_keeps_running_flows_and_judges_new_ones,
    a_hangup_reloads_too,
    a_killed_daemon_lets_nothing_pass_until_it_is_released,
    a_stopped_daemon_exits_cleanly_and_keeps_the_door_shut
);
testbed::on_setting!(
    tap_and_veth_2,
    super::Setting::tap_and_veth(2),
    a_killed_daemon_lets_nothing_pass_until_it_is_released,
    a_stopped_daemon_exits_cleanly_and_keeps_the_door_shut
);

/// What the host does to an interface of its own.
mod host {
    use super::{
        a_change_of_offloads_is_borne, a_new_hardware_address_of_an_attachment_is_followed,
        a_new_mtu_of_an_attachment_is_followed, what_finds_no_room_at_an_interface_is_dropped_by_name,
    };
    testbed::on_veth!(
        what_finds_no_room_at_an_interface_is_dropped_by_name,
        a_new_hardware_address_of_an_attachment_is_followed,
        a_new_mtu_of_an_attachment_is_followed,
        a_change_of_offloads_is_borne
    );
    testbed::on_setting!(
        pnet,
        testbed::site::Setting::pnet(),
        what_finds_no_room_at_an_interface_is_dropped_by_name,
        a_new_hardware_address_of_an_attachment_is_followed,
        a_new_mtu_of_an_attachment_is_followed,
        a_change_of_offloads_is_borne
    );
}

/// A connection to an echo server that is in the middle of its work.
struct Transfer {
    stream: TcpStream,
}

impl Transfer {
    fn begin(site: &Site, to: &str) -> Self {
        let stream = site.vm1.enter(|| TcpStream::connect(to)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut transfer = Self { stream };
        let mut byte = [0];
        while byte != *b"\n" {
            transfer.stream.read_exact(&mut byte).unwrap();
        }
        transfer
    }

    /// Sends some and waits for all of it to come back.
    fn go_on(&mut self) {
        let sent = [0x5a; 100_000];
        let mut writer = self.stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&sent).unwrap());
            let mut back = vec![0; sent.len()];
            self.stream.read_exact(&mut back).unwrap();
            assert!(back == sent, "the echo differs");
        });
    }
}

/// Forwarded is what has left, and nothing else.
fn what_finds_no_room_at_an_interface_is_dropped_by_name(setting: Setting) {
    const COUNT: u64 = 300;
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    // It listens and never answers, so nothing else is forwarded.
    let _silent = site.vm3.enter(|| UdpSocket::bind("10.0.2.4:9000")).unwrap();
    let socket = site.vm1.enter(|| UdpSocket::bind("10.0.1.4:9000")).unwrap();
    let forwarded = || ended(&daemon.ask("status"), "forwarded");
    let failures = || {
        let status = daemon.ask("status");
        let attachments = status["attachments"].as_array().unwrap();
        let vm3 = attachments.iter().find(|attachment| attachment["interface"] == "vm3").unwrap();
        number(vm3, "/sendFailures")
    };
    let start = Instant::now();
    socket.send_to(&[0; 1000], "10.0.2.4:9000").unwrap();
    assert!(netns::eventually(PATIENCE, || (forwarded() == 1).then_some(())).is_some(), "{}", daemon.log());

    site.gateway.run("tc qdisc add dev vm3 root tbf rate 80kbit burst 1600 limit 20000");
    for _ in 0..COUNT {
        socket.send_to(&[0; 1000], "10.0.2.4:9000").unwrap();
    }
    let all = || (forwarded() + daemon.dropped("not-sent", "", "") == 1 + COUNT).then_some(());
    assert!(
        netns::eventually(PATIENCE, all).is_some(),
        "{:#} {:#}",
        daemon.ask("status"),
        daemon.ask("drops")
    );
    let lost = daemon.dropped("not-sent", "", "");
    assert!(lost > 0 && lost < COUNT, "{lost}");
    // At the interface a question of the gateway's own counts as well. Half a minute after a machine has answered one it is
    // asked once a second whether it is still there.
    let failures = failures();
    let questions = start.elapsed().as_secs().saturating_sub(29);
    assert!((lost..=lost + questions).contains(&failures), "{failures} failures, {lost} packets lost");
    assert_every_frame_is_counted(&daemon);
}

fn a_reload_keeps_running_flows_and_judges_new_ones(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open().nsg("web", []))
    else {
        return;
    };
    site.serve(&site.internet, 80);
    let mut transfer = Transfer::begin(&site, "198.51.100.1:80");
    transfer.go_on();

    let stricter = GatewayFile::open().nsg("web", [Rule::deny("NoWeb", 100).outbound().port("80")]);
    let reloaded = thread::scope(|scope| {
        // Under load: the transfer runs while the policy is swapped.
        let running = scope.spawn(|| (0..50).for_each(|_| transfer.go_on()));
        let reloaded = daemon.reload(&stricter.text());
        running.join().unwrap();
        reloaded
    });
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    transfer.go_on();
    let denied = daemon.denies("web-nsg", "NoWeb", || site.try_tcp(&site.vm1, "198.51.100.2:80"));
    assert_eq!(denied, Outcome::Silent);

    let broken = daemon.reload(&stricter.text().replace("\"NoWeb\"", "\"no web\""));
    assert!(!broken.status.success());
    let why = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(why.contains("gateway.yaml:") && why.contains("no web"), "{why}");
    transfer.go_on();
    let denied = daemon.denies("web-nsg", "NoWeb", || site.try_udp(&site.vm1, "198.51.100.2:80"));
    assert_eq!(denied, Outcome::Silent);
}

fn a_hangup_reloads_too(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open().nsg("web", []))
    else {
        return;
    };
    site.serve(&site.internet, 80);
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some());
    daemon.write(&GatewayFile::open().nsg("web", [Rule::deny("NoWeb", 100).outbound().port("80")]).text());
    daemon.signal("HUP");
    let denied = netns::eventually(PATIENCE, || {
        let outcome = site.try_udp(&site.vm1, "198.51.100.1:80");
        let counted = daemon.dropped("denied-outbound", "web-nsg", "NoWeb") > 0;
        (counted && outcome == Outcome::Silent).then_some(())
    });
    assert!(denied.is_some(), "{}", daemon.log());
}

fn a_new_hardware_address_of_an_attachment_is_followed(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some());
    site.gateway.ip("link set vm1 address 02:00:00:00:77:01");
    let reached = netns::eventually(Duration::from_secs(15), || {
        site.vm1.attempt("ip neigh flush all");
        site.try_udp(&site.vm1, "198.51.100.1:80").address()
    });
    assert!(reached.is_some(), "{}", daemon.log());
}

fn a_new_mtu_of_an_attachment_is_followed(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let large = || {
        // What it was told before the daemon knew.
        site.vm1.ip("route flush cache");
        site.vm1.attempt("ping -n -c 1 -W 1 -M do -s 2500 10.0.2.4").success
    };
    let ends = [(&site.gateway, "vm1"), (&site.vm1, "eth0"), (&site.gateway, "vm3"), (&site.vm3, "eth0")];
    for (machine, interface) in ends {
        machine.mtu(interface, 3000);
    }
    assert!(netns::eventually(PATIENCE, || large().then_some(())).is_some(), "{}", daemon.log());
    // It stays so, and the other way: what is too long for its link is told.
    site.answers(&site.vm1, "-M do -s 2500", "10.0.2.4");
    for (machine, interface) in &ends[2..] {
        machine.mtu(interface, 1300);
    }
    let told = || (site.told_mtu(&site.vm1, "10.0.2.4") == Some(1300)).then_some(());
    assert!(netns::eventually(PATIENCE, told).is_some(), "{}", daemon.log());
}

/// Of those that leave the portable backend frames as they are: it cannot take what others make.
fn a_change_of_offloads_is_borne(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    let features = match setting.wires {
        Wires::Plain => "tx",
        Wires::Veth | Wires::Tap | Wires::TapAndVeth => "tx gso tso gro",
    };
    let set = |state: &str| {
        let set: Vec<_> = features.split(' ').map(|feature| format!("{feature} {state}")).collect();
        let ends =
            [(&site.gateway, "vm1"), (&site.vm1, "eth0"), (&site.gateway, "eth0"), (&site.internet, "eth0")];
        for (machine, interface) in ends {
            machine.run(&format!("ethtool -K {interface} {}", set.join(" ")));
        }
    };
    let mut running = Transfer::begin(&site, "198.51.100.1:80");
    for state in ["off", "on", "off"] {
        set(state);
        running.go_on();
        assert_eq!(site.echoed(&site.vm1, "198.51.100.2:80", 1 << 20), 1 << 20, "{state}: {}", daemon.log());
    }
    assert_every_frame_is_counted(&daemon);
}

/// Makes the gateway's kernel forward, where nothing keeps it from doing so; a machine's TAP device is not its own.
fn let_the_kernel_forward(site: &Site, setting: Setting) {
    site.gateway.sysctl("net.ipv4.ip_forward", "1");
    if !setting.is_tap("vm1") {
        site.gateway.address("vm1", "10.0.1.1/24");
    }
    if !setting.is_tap("eth0") {
        site.gateway.address("eth0", "203.0.113.2/24");
        site.gateway.route("default", "203.0.113.1");
        site.internet.route("10.0.0.0/16", "203.0.113.2");
    }
}

/// Takes back the address that would bypass the NSGs, with which the daemon refuses to start.
fn clean_attachment(site: &Site, setting: Setting) {
    if !setting.is_tap("vm1") {
        site.gateway.ip("address delete 10.0.1.1/24 dev vm1");
    }
}

/// A TAP device has gone with the daemon; on what is there nothing comes.
fn assert_nothing_passes(site: &Site, setting: Setting) {
    let wire = |machine: &Namespace, name| {
        if !setting.is_tap(name) {
            return Some(Raw::open(machine, "eth0"));
        }
        let is_gone = || (!machine.attempt("ip link show eth0").success).then_some(());
        assert!(netns::eventually(PATIENCE, is_gone).is_some(), "{name} is still there");
        None
    };
    let (outside, inside) = (wire(&site.internet, "eth0"), wire(&site.vm1, "vm1"));
    assert_eq!(site.try_tcp(&site.vm1, "198.51.100.1:80").address(), None);
    assert_eq!(site.try_udp(&site.vm1, "203.0.113.1:80").address(), None);
    assert_eq!(site.try_udp(&site.internet, "10.0.1.4:80").address(), None);
    let moment = Duration::from_millis(50);
    let heard = |wire: &Option<Raw>, to: [u8; 4]| {
        wire.as_ref().and_then(|wire| wire.hear_to(Ipv4Addr::from(to), moment))
    };
    for to in [[198, 51, 100, 1], [203, 0, 113, 1]] {
        assert_eq!(heard(&outside, to), None, "something went out");
    }
    assert_eq!(heard(&inside, [10, 0, 1, 4]), None, "something came in");
}

fn serve_both_ends(site: &Site) {
    site.serve(&site.internet, 80);
    site.serve(&site.vm1, 80);
}

/// What it says.
fn release(site: &Site, daemon: &Daemon) -> String {
    let config = daemon.config();
    site.gateway.run(&format!("{NSGATE} release --config {}", config.display()))
}

fn a_killed_daemon_lets_nothing_pass_until_it_is_released(setting: Setting) {
    let Some((site, mut daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    serve_both_ends(&site);
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some());
    let_the_kernel_forward(&site, setting);
    daemon.kill();
    assert_nothing_passes(&site, setting);

    clean_attachment(&site, setting);
    let mut restarted = site.start(NSGATE.as_ref(), &GatewayFile::open());
    let shared = Some(Ipv4Addr::new(203, 0, 113, 10).into());
    assert_eq!(site.tcp(&site.vm1, "198.51.100.1:80").address(), shared, "a restart works at once");

    restarted.kill();
    let said = release(&site, &restarted);
    for (_, name) in site.wired() {
        let is_given_back = said.contains(&format!("{name}: given back to the host"));
        assert_eq!(is_given_back, !setting.is_tap(name), "{name}: {said}");
    }
    if setting.is_tap("vm1") {
        return assert_nothing_passes(&site, setting);
    }
    site.gateway.address("vm1", "10.0.1.1/24");
    // The kernel forwards now, without any translation: the interfaces are the host's again.
    let own = Some(Ipv4Addr::new(10, 0, 1, 4).into());
    assert_eq!(site.tcp(&site.vm1, "198.51.100.1:80").address(), own);
}

fn a_stopped_daemon_exits_cleanly_and_keeps_the_door_shut(setting: Setting) {
    let Some((site, mut daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    serve_both_ends(&site);
    let mut transfer = Transfer::begin(&site, "198.51.100.1:80");
    transfer.go_on();
    let_the_kernel_forward(&site, setting);
    let status = daemon.stop();
    assert!(status.is_some_and(|status| status.success()), "{status:?}\n{}", daemon.log());
    assert_nothing_passes(&site, setting);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let Some((site, _daemon)) = Site::with(NSGATE, &GatewayFile::open()) else { return };
    let refused = |file: GatewayFile, why: &[&str]| {
        let said = refusal(&site, "", &file.text());
        assert!(why.iter().all(|word| said.contains(word)), "must say {why:?}: {said}");
    };
    refused(GatewayFile::open(), &["another", "nsgate"]);
    let attachments = |interface: &str| {
        serde_json::json!([
            { "interface": interface, "nic": "vm1-nic" },
            { "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } },
        ])
    };
    refused(GatewayFile::open().with("attachments", attachments("nowhere0")), &["nowhere0"]);
    refused(GatewayFile::open().with("attachments", serde_json::json!([])), &["attachments"]);
    refused(
        GatewayFile::open()
            .with("flowLogs", serde_json::json!({ "directory": "/tmp", "formats": ["nsg-v2"] })),
        &["flowLogs", "not built"],
    );
    refused(GatewayFile::open().with("flavour", serde_json::json!(1)), &["flavour"]);
}

#[test]
fn a_missing_capability_is_named() {
    if !netns::available() {
        return;
    }
    let site = Site::new();
    let said = refusal(&site, "setpriv --bounding-set=-all --inh-caps=-all", &GatewayFile::open().text());
    assert!(said.contains("CAP_NET_RAW") || said.contains("CAP_NET_ADMIN"), "{said}");
}

#[test]
fn a_host_address_behind_the_rules_is_refused() {
    if !netns::available() {
        return;
    }
    let site = Site::new();
    site.gateway.address("vm1", "10.0.1.1/24");
    let said = refusal(&site, "", &GatewayFile::open().text());
    assert!(said.contains("10.0.1.1") && said.contains("vm1"), "{said}");
}

/// Runs the daemon on a file that it must refuse; what it says.
fn refusal(site: &Site, prefix: &str, text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("gateway.yaml");
    std::fs::write(&config, text).unwrap();
    let run = format!("timeout 10 {prefix} {NSGATE} run --config {}", config.display());
    let ran = site.gateway.attempt(&run);
    assert!(!ran.success, "it runs: {}", ran.stderr);
    ran.stderr
}
