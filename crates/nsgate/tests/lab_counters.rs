//! What the daemon has counted is what the kernel has at the other ends of its wires, frame by frame. Needs root.
//!
//! Small packets only, so that a frame is one for both.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::UdpSocket;
use testbed::figures::{Wirewise, assert_every_frame_is_counted};
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::site::{Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(the_kernel_has_counted_the_same);

const ROUNDS: u64 = 300;
const PINGS: u64 = 20;

fn the_kernel_has_counted_the_same(setting: Setting) {
    let file = GatewayFile::open().nsg("vm2", [Rule::deny("NoDiscard", 100).protocol("Udp").port("9")]);
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &file) else { return };
    site.serve(&site.internet, 7);
    let _silent = site.vm3.enter(|| UdpSocket::bind("10.0.2.4:9000")).unwrap();
    // Everybody is known to everybody, so that nothing waits.
    assert!(site.ping(&site.vm1, "198.51.100.1") && site.ping(&site.vm1, "10.0.2.4"));
    assert!(site.ping(&site.vm1, "10.0.1.5"));

    let before = Wirewise::take(&site, &daemon);
    let socket = site.vm1.enter(|| UdpSocket::bind("10.0.1.4:0")).unwrap();
    let mut answer = [0; 64];
    for _ in 0..ROUNDS {
        socket.send_to(b"silent", "10.0.2.4:9000").unwrap();
        socket.send_to(b"denied", "10.0.1.5:9").unwrap();
        socket.send_to(b"answered", "198.51.100.1:7").unwrap();
        // Waiting for it keeps the rings from filling up.
        socket.recv(&mut answer).unwrap();
    }
    site.vm3.run(&format!("ping -n -c {PINGS} -i 0.01 10.0.1.4"));
    let after = Wirewise::take_alike_since(&before, &site, &daemon);

    let frames = after.assert_alike_since(&before);
    let [forwarded, answered, consumed, denied] = ["forwarded", "answered", "consumed", "denied-inbound"]
        .map(|ending| after.ended_since(&before, ending));
    assert_eq!(denied, ROUNDS);
    assert_eq!(forwarded, 3 * ROUNDS + 2 * PINGS);
    assert_eq!(frames.to_gateway, forwarded + answered + consumed + denied);
    // Questions for a hardware address are answered, and the gateway's own get the answers that it takes in.
    assert_eq!(frames.from_gateway, forwarded + answered + consumed);
    assert_every_frame_is_counted(&daemon);
}
