//! Interfaces that are opened anew while packets flow: what the old rings have brought the new ones do not bring again. Needs
//! root.

use serde_json::json;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use testbed::gateway_file::GatewayFile;
use testbed::netns::available;
use testbed::site::{PATIENCE, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const THERE: &str = "10.0.2.4:9000";
/// How often all attachments change what carries their frames.
const CHANGES: usize = 10;
/// Fewer datagrams show nothing.
const ENOUGH: u64 = 1000;

fn carried_by(io: &str) -> GatewayFile {
    GatewayFile::open().with("engine", json!({ "workers": 1, "io": io }))
}

/// Says that it is over when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_frame_passes_twice_or_late_when_the_backend_changes() {
    if !available() {
        return;
    }
    let site = Site::set(Setting::pnet());
    let daemon = site.start(Path::new(NSGATE), &carried_by("pnet"));
    site.receive_in_order();
    let there = site.vm3.enter(|| UdpSocket::bind(THERE)).unwrap();
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    let socket = site.vm1.enter(|| UdpSocket::bind("10.0.1.4:9000")).unwrap();
    // What the kernel sends later may overtake what waits for a hardware address at its own end.
    socket.send_to(&[0; 8], THERE).unwrap();
    there.recv(&mut [0; 8]).unwrap();
    let is_over = AtomicBool::new(false);
    let (reloads, (count, again)) = thread::scope(|scope| {
        // Whatever becomes of this test, its threads end.
        let over = Over(&is_over);
        scope.spawn(|| {
            for number in (1_u64..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                let _ = socket.send_to(&number.to_be_bytes(), THERE);
            }
        });
        let received = scope.spawn(|| {
            let (mut count, mut last, mut again) = (0_u64, None, 0_u64);
            let mut buffer = [0; 8];
            while !is_over.load(Ordering::Relaxed) && there.recv(&mut buffer).is_ok() {
                let number = u64::from_be_bytes(buffer);
                count += 1;
                again += u64::from(last.is_some_and(|last| number <= last));
                last = last.max(Some(number));
            }
            (count, again)
        });
        let reload = |io: &str| {
            fs::write(daemon.config(), carried_by(io).text()).ok()?;
            Some(daemon.attempt("reload"))
        };
        let reloads: Vec<_> = (0..CHANGES).map(|nth| reload(["af_packet", "pnet"][nth % 2])).collect();
        drop(over);
        (reloads, received.join().unwrap())
    });
    for reloaded in reloads {
        let reloaded = reloaded.unwrap();
        assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    }
    assert!(count > ENOUGH, "{count}: {}", daemon.log());
    assert_eq!(again, 0, "of {count}");
}
