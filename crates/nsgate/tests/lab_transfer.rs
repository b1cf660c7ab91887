//! Bulk through SNAT, with the offloads that a veth has by default.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use testbed::gateway_file::GatewayFile;
use testbed::site::{Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(a_hundred_megabytes_each_way_at_once_arrive_unchanged);
const LENGTH: usize = 100 << 20;

/// Sends `LENGTH` bytes that follow from `seed` and gives back their checksum.
fn send(mut stream: &TcpStream, seed: u64) -> u64 {
    let mut state = seed;
    let mut sum = DefaultHasher::new();
    let mut chunk = vec![0; 1 << 20];
    for _ in 0..LENGTH / chunk.len() {
        for word in chunk.chunks_exact_mut(8) {
            // xorshift64; never zero.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        sum.write(&chunk);
        stream.write_all(&chunk).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    sum.finish()
}

/// Reads to the end and gives back the checksum and the length.
fn receive(mut stream: &TcpStream) -> (u64, usize) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut sum = DefaultHasher::new();
    let mut chunk = vec![0; 1 << 20];
    let mut length = 0;
    // The hash depends on how the bytes are cut, so they are cut as the sender cut them.
    let mut filled = 0;
    loop {
        let read = stream.read(&mut chunk[filled..]).unwrap();
        filled += read;
        length += read;
        if filled == chunk.len() || read == 0 {
            sum.write(&chunk[..filled]);
            filled = 0;
        }
        if read == 0 {
            return (sum.finish(), length);
        }
    }
}

fn a_hundred_megabytes_each_way_at_once_arrive_unchanged(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let listener = site.internet.enter(|| TcpListener::bind("0.0.0.0:9000")).unwrap();
    let client = site.vm1.enter(|| TcpStream::connect("198.51.100.1:9000")).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip().to_string(), "203.0.113.10");
    thread::scope(|scope| {
        let up = scope.spawn(|| send(&client, 0x1234_5678_9abc_def1));
        let down = scope.spawn(|| send(&server, 0xfedc_ba98_7654_3211));
        let there = scope.spawn(|| receive(&server));
        let here = scope.spawn(|| receive(&client));
        assert_eq!(there.join().unwrap(), (up.join().unwrap(), LENGTH));
        assert_eq!(here.join().unwrap(), (down.join().unwrap(), LENGTH));
    });
}
