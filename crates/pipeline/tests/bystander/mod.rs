//! A VM that has nothing to do with an attack and whose traffic goes on.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use testkit::build::ipv4;
use testkit::lab::Lab;

const VM2: &str = "10.0.1.5";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.99";
const SHARED: &str = "203.0.113.10";

/// `vm2`, with a connection to the far side and a talk with `vm3`.
#[derive(Debug)]
pub(crate) struct Bystander {
    /// The port of the connection outside.
    port: u16,
    /// What it will send next.
    sequence: u32,
    /// The port of its latest connection.
    own_port: u16,
}

impl Bystander {
    /// Begins its traffic.
    #[track_caller]
    pub(crate) fn begin(lab: &mut Lab) -> Self {
        let mut bystander = Self { port: 0, sequence: 101, own_port: 20_000 };
        bystander.port = connect(lab, 20_000);
        lab.send("vm2", ipv4(VM2, VM3).udp(4000, 53));
        lab.send("vm3", ipv4(VM3, VM2).udp(53, 4000));
        lab.expect([("forwarded", 5)]);
        bystander
    }

    /// Its connection and its talk go on, and a new connection succeeds; nothing else is counted.
    #[track_caller]
    pub(crate) fn goes_on(&mut self, lab: &mut Lab) {
        let data = ipv4(VM2, FAR).tcp(20_000, 443).ack(501).seq(self.sequence).data(100);
        assert_eq!(lab.send("vm2", data).only().seen().ipv4().ports(), Some((self.port, 443)));
        self.sequence += 100;
        let answer = ipv4(FAR, SHARED).tcp(443, self.port).ack(self.sequence).seq(501);
        assert_eq!(lab.send("internet", answer).only().to, "vm2");
        assert_eq!(lab.send("vm2", ipv4(VM2, VM3).udp(4000, 53)).only().to, "vm3");
        assert_eq!(lab.send("vm3", ipv4(VM3, VM2).udp(53, 4000)).only().to, "vm2");
        self.own_port += 1;
        connect(lab, self.own_port);
        lab.expect([("forwarded", 7)]);
    }
}

/// A handshake with the far side; the port that it knows.
#[track_caller]
fn connect(lab: &mut Lab, from: u16) -> u16 {
    let syn = lab.send("vm2", ipv4(VM2, FAR).tcp(from, 443).syn().seq(100));
    let (port, _) = syn.only().seen().ipv4().ports().unwrap();
    let answer = ipv4(FAR, SHARED).tcp(443, port).syn().seq(500).ack(101);
    assert_eq!(lab.send("internet", answer).only().to, "vm2");
    let sent = lab.send("vm2", ipv4(VM2, FAR).tcp(from, 443).seq(101).ack(501));
    assert_eq!(sent.only().to, "internet");
    port
}
