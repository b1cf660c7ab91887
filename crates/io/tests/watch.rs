//! Changes of a namespace's interfaces, as they happen. Needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{PATIENCE, Site};
use io::watch::{Change, Changes};
use std::time::Duration;

/// Waits for a change that `wanted` likes; fails at one that says something was lost.
fn expect(changes: &mut Changes, what: &str, wanted: impl Fn(&Change) -> bool) {
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

fn drain(changes: &mut Changes) {
    while changes.wait(Duration::from_millis(20)).unwrap() {
        while changes.next_change().is_some() {}
    }
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
    drain(&mut changes);
    site.gateway.address("vr", "10.9.2.254/24");
    expect(&mut changes, "address", |change| *change == Change::Address { index: vr });
    drain(&mut changes);
    site.gateway.ip("link set vr down");
    expect(&mut changes, "down", |change| is_link(change, "vr"));
    drain(&mut changes);
    site.gateway.ip("link set vr name other");
    expect(&mut changes, "name", |change| is_link(change, "other"));
    drain(&mut changes);
    site.gateway.ip("link delete other");
    let gone = Change::Gone { index: vr, name: "other".into() };
    expect(&mut changes, "gone", |change| *change == gone);
    drain(&mut changes);
    site.gateway.ip(&format!("link set vl netns {}", site.right.name()));
    expect(&mut changes, "moved", |change| matches!(change, Change::Gone { name, .. } if name == "vl"));
    drain(&mut changes);
    site.gateway.ip("link add new type veth peer name pair");
    expect(&mut changes, "new", |change| is_link(change, "new"));
    // Nothing of other namespaces.
    drain(&mut changes);
    site.left.mtu("eth0", 1300);
    assert!(!changes.wait(Duration::from_millis(20)).unwrap() && changes.next_change().is_none());
}

#[test]
fn what_is_too_much_to_keep_is_told_as_everything() {
    let site = Site::new();
    let mut changes = site.gateway.enter(Changes::open).unwrap();
    let kept = |changes: &mut Changes| {
        let mut kept = Vec::new();
        while changes.wait(Duration::from_millis(20)).unwrap() {
            kept.extend(std::iter::from_fn(|| changes.next_change()));
        }
        kept
    };
    let _ = kept(&mut changes);
    for round in 0..400 {
        site.gateway.mtu("vl", 1000 + round);
    }
    let heard = kept(&mut changes);
    assert!(heard.contains(&Change::Everything), "{} changes were kept", heard.len());
    assert!(heard.len() < 400, "{}", heard.len());
    // And then it hears again.
    site.gateway.mtu("vl", 1500);
    expect(&mut changes, "after", |change| matches!(change, Change::Link { name, .. } if name == "vl"));
}
