//! The way of a frame through the rings allocates nothing. Needs root.

mod common;

use common::{Bridge, L, R, Site, relay_all};
use packet::Offload;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::raw::Raw;
use testkit::allocations::{Counting, asked};
use testkit::build::ethernet;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn small_frames_waiting_and_own_frames_allocate_nothing() {
    let site = Site::new();
    let mut links = site.attach();
    let left = Raw::open(&site.left, "eth0");
    let frame = ethernet(0x88b5, &[7; 100]);
    let mut counted = [0; 3];
    for counted in &mut counted {
        (0..500).for_each(|_| left.send(&frame));
        let before = asked();
        relay_all(&mut links, L, 500, |_| Some(R));
        links.send(L, &frame, Offload::default());
        links.wait(Duration::from_millis(2)).unwrap();
        let _ = links.statistics(L);
        *counted = asked() - before;
    }
    assert_eq!(counted[1..], [0, 0], "after the first round");
    assert!(links.statistics(R).sent >= 1500);
}

#[test]
fn super_frames_allocate_nothing() {
    let site = Site::new();
    site.left.address("eth0", "10.9.9.1/24");
    site.right.address("eth0", "10.9.9.2/24");
    // The count at the first and at the last super-frame that passed.
    let counts = Arc::new(Mutex::new((0, None, 0)));
    let seen = counts.clone();
    let bridge = Bridge::start(site.attach(), move |_, frame| {
        if frame.bytes.len() > 20_000 {
            let (passed, first, last) = &mut *seen.lock().unwrap();
            *passed += 1;
            *last = asked();
            first.get_or_insert(*last);
        }
    });
    let listener = site.right.enter(|| TcpListener::bind("10.9.9.2:5000")).unwrap();
    let mut sender = site.left.enter(|| TcpStream::connect("10.9.9.2:5000")).unwrap();
    let (mut receiver, _) = listener.accept().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || sender.write_all(&vec![5; 16 << 20]).unwrap());
        let mut received = vec![0; 16 << 20];
        receiver.read_exact(&mut received).unwrap();
    });
    bridge.stop();
    let (passed, first, last) = *counts.lock().unwrap();
    assert!(passed > 50, "{passed} super-frames");
    assert_eq!(Some(last), first, "{passed} super-frames");
}
