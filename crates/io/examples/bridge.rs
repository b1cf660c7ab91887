//! Joins two interfaces as a cable would, super-frames and unfinished checksums included, and says every second what
//! was counted.
//!
//! ```text
//! cargo run --release -p nsgate-io --example bridge -- veth-left veth-right
//! ```

use io::{Backend, Ports, Reception, interface};
use packet::AttachmentId;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let [left, right] = names.as_slice() else { return Err("usage: bridge INTERFACE INTERFACE".into()) };
    let ends = [AttachmentId(0), AttachmentId(1)];
    let mut links = Ports::new()?;
    for (end, name) in ends.into_iter().zip([left, right]) {
        for port in io::open(&interface::find(name)?, Backend::AfPacket, Reception::All, 1)? {
            links.put(end, port);
        }
    }
    let mut shown = Instant::now();
    loop {
        let mut taken = 0;
        for (from, to) in [(ends[0], ends[1]), (ends[1], ends[0])] {
            taken += links.relay(from, 64, |_| Some(to))?;
        }
        if taken == 0 {
            links.wait(Duration::from_secs(1))?;
        }
        while let Some(event) = links.next_event() {
            eprintln!("{event:?}");
        }
        if shown.elapsed() > Duration::from_secs(1) {
            shown = Instant::now();
            for (end, name) in ends.into_iter().zip([left, right]) {
                eprintln!("{name}: {:?}", links.statistics(end));
            }
        }
    }
}
