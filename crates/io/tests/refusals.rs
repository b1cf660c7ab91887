//! What is refused by name: a second daemon, a missing capability, a missing interface. Needs root.

mod common;

use common::{PATIENCE, Site};
use io::guard::{self, HostAddresses};
use io::lock::Lock;
use io::{Backend, Error, Interface, Interfaces, Reception, Wanted, Wire, interface};
use std::os::unix::process::CommandExt;
use std::process::Command;
use testbed::netns::eventually;

#[test]
fn an_interface_is_locked_once_in_its_namespace() {
    let (site, elsewhere) = (Site::new(), Site::new());
    let interface = site.interface("vl");
    let take = |site: &Site, interface: &Interface| site.gateway.enter(|| Lock::take(interface));
    let held = take(&site, &interface).unwrap();
    let refused = take(&site, &interface).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "interface vl is attached by another nsgate daemon in this network namespace; stop that one first"
    );
    take(&site, &site.interface("vr")).expect("another interface");
    take(&elsewhere, &interface).expect("the same number in another namespace");
    drop(held);
    // A test beside this one may be starting a process, which has all descriptors for a moment.
    assert!(eventually(PATIENCE, || take(&site, &interface).ok()).is_some(), "released");
}

#[test]
fn an_interface_is_described_as_it_is() {
    let site = Site::new();
    site.gateway.address("vl", "10.9.1.254/24");
    site.gateway.mtu("vl", 1400);
    let found = site.interface("vl");
    assert_eq!((found.name.as_str(), found.mtu, found.mac), ("vl", 1400, site.gateway.mac("vl")));
    assert_eq!(found.addresses, [("10.9.1.254".parse().unwrap(), 24)]);
    assert!(found.is_up && found.is_running);
    site.gateway.ip("link set vr down");
    assert!(!site.interface("vr").is_up);
    let names = site.gateway.enter(interface::names);
    assert!(["lo", "vl", "vr"].iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
}

/// Whoever asks beforehand is told what opening would say.
#[test]
fn offloads_that_pnet_can_not_bear_are_told_beforehand() {
    let site = Site::new();
    let wanted = |backend| Wanted { name: "vl", wire: Wire::Existing(backend), queues: 1 };
    site.gateway.enter(|| {
        let described = Interfaces::look().describe(&wanted(Backend::Pnet));
        let Err(Error::OffloadsOn { name, features }) = described else { panic!("{described:?}") };
        assert!(name == "vl" && features.iter().any(|one| one.starts_with("tx-checksum")), "{features:?}");
        let interface = Interfaces::look().describe(&wanted(Backend::AfPacket)).unwrap();
        let opened = io::open(&interface, Backend::Pnet, Reception::Own, 1);
        assert!(matches!(opened, Err(Error::OffloadsOn { .. })), "{opened:?}");
    });
}

/// Runs itself again as nobody, who has no capabilities.
#[test]
fn a_missing_capability_is_named() {
    const INSIDE: &str = "NSGATE_TEST_AS_NOBODY";
    if std::env::var_os(INSIDE).is_some() {
        return without_capabilities();
    }
    // Nobody may not read the directory this was built in. Copied by another process: a file that is open for writing
    // cannot be run, and other tests' children would hold ours open.
    let copy = std::env::temp_dir().join(format!("nsgate-io-{}", std::process::id()));
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status().unwrap();
    assert!(copied.success());
    let test = ["--exact", "a_missing_capability_is_named", "--nocapture"];
    let output =
        Command::new(&copy).args(test).env(INSIDE, "1").uid(65_534).gid(65_534).current_dir("/").output();
    std::fs::remove_file(&copy).unwrap();
    let output = output.expect("running a test as another user needs root");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn without_capabilities() {
    // None with this number exists here; permission is asked for first.
    let addresses = Vec::new();
    let interface = Interface {
        name: "none".into(),
        index: 999_999,
        mac: [2; 6],
        mtu: 1500,
        addresses,
        local_ports: 32_768..=60_999,
        is_up: true,
        is_running: true,
    };
    let opened = io::open(&interface, Backend::AfPacket, Reception::Own, 1);
    assert!(matches!(opened, Err(Error::MissingCapability("CAP_NET_RAW"))), "{opened:?}");
    let opened = io::open(&interface, Backend::Tap, Reception::Own, 1);
    // Where the device file is root's alone, that comes first.
    let is_named = matches!(opened, Err(Error::MissingCapability("CAP_NET_ADMIN") | Error::TunForbidden(_)));
    assert!(is_named, "{opened:?}");
    let installed = guard::install(interface.index, &HostAddresses::default());
    assert!(matches!(installed, Err(Error::MissingCapability("CAP_BPF"))), "{installed:?}");
}
