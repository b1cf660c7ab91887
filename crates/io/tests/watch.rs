//! Changes of a namespace's interfaces, as they happen. Needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PATIENCE, Site};
use io::watch::{Change, Changes};
use nix::sys::socket::{setsockopt, sockopt};

/// The kernel's number for the loopback interface, in every namespace.
const LOOPBACK: u32 = 1;

/// Waits for a change that `wanted` likes; fails at one that says something was lost.
fn expect(changes: &mut Changes, what: &str, mut wanted: impl FnMut(&Change) -> bool) {
    loop {
        assert!(changes.wait(PATIENCE).unwrap(), "{what}: nothing happened");
        while let Some(change) = changes.next_change() {
            assert_ne!(change, Change::Everything, "{what}");
            if wanted(&change) {
                return;
            }
        }
    }
}

/// Makes a change of its own, which nobody else makes, and hears everything up to that.
fn hear_all(site: &Site, changes: &mut Changes) -> Vec<Change> {
    site.gateway.address("lo", "192.0.2.1/32");
    let mut heard = Vec::new();
    expect(changes, "our own", |change| {
        heard.push(change.clone());
        *change == Change::Address { index: LOOPBACK }
    });
    site.gateway.ip("address delete 192.0.2.1/32 dev lo");
    expect(changes, "our own", |change| *change == Change::Address { index: LOOPBACK });
    heard
}

#[test]
fn what_happens_to_an_interface_is_heard_at_once() {
    let site = Site::new();
    let vr = site.interface("vr").index;
    let mut changes = site.gateway.enter(Changes::open).unwrap();
    let is_link =
        |change: &Change, wanted: &str| matches!(change, Change::Link { name, .. } if name == wanted);
    site.gateway.mtu("vr", 1400);
    expect(&mut changes, "MTU", |change| is_link(change, "vr"));
    hear_all(&site, &mut changes);
    site.gateway.address("vr", "10.9.2.254/24");
    expect(&mut changes, "address", |change| *change == Change::Address { index: vr });
    hear_all(&site, &mut changes);
    site.gateway.ip("link set vr down");
    expect(&mut changes, "down", |change| is_link(change, "vr"));
    hear_all(&site, &mut changes);
    for opened in ["tc qdisc add dev vr clsact", "tc qdisc del dev vr clsact"] {
        site.gateway.run(opened);
    }
    expect(&mut changes, "opened", |change| *change == Change::Opened { index: vr });
    hear_all(&site, &mut changes);
    site.gateway.ip("link set vr name other");
    expect(&mut changes, "name", |change| is_link(change, "other"));
    hear_all(&site, &mut changes);
    site.gateway.ip("link delete other");
    let gone = Change::Gone { index: vr, name: "other".into() };
    expect(&mut changes, "gone", |change| *change == gone);
    hear_all(&site, &mut changes);
    site.gateway.ip(&format!("link set vl netns {}", site.right.name()));
    expect(&mut changes, "moved", |change| matches!(change, Change::Gone { name, .. } if name == "vl"));
    hear_all(&site, &mut changes);
    site.gateway.ip("link add new type veth peer name pair");
    expect(&mut changes, "new", |change| is_link(change, "new"));
    // Nothing of other namespaces.
    hear_all(&site, &mut changes);
    site.left.mtu("eth0", 1300);
    let heard = hear_all(&site, &mut changes);
    let is_of_left = |change: &&Change| match change {
        Change::Link { name, .. } | Change::Gone { name, .. } => name == "eth0",
        Change::Address { .. } | Change::Opened { .. } | Change::Everything => false,
    };
    assert_eq!(heard.iter().find(is_of_left), None);
}

#[test]
fn what_is_too_much_to_keep_is_told_as_everything() {
    let site = Site::new();
    let mut changes = site.gateway.enter(Changes::open).unwrap();
    // Little enough, whatever this host gives a socket.
    setsockopt(&changes, sockopt::RcvBuf, &(64 << 10)).unwrap();
    for round in 0..400 {
        site.gateway.mtu("vl", 1000 + round);
    }
    // What has happened is there to be read.
    let heard: Vec<Change> = std::iter::from_fn(|| changes.next_change()).collect();
    assert!(heard.contains(&Change::Everything), "{} changes were kept", heard.len());
    assert!(heard.len() < 400, "{}", heard.len());
    // And then it hears again.
    site.gateway.mtu("vl", 1500);
    expect(&mut changes, "after", |change| matches!(change, Change::Link { name, .. } if name == "vl"));
}
