//! Reloads, an interface that goes and comes, and traffic leave nothing on the daemon's heap. Needs root.
//!
//! This program is the test and, started with a command of nsgate, nsgate itself on an allocator that counts; so it has no
//! harness.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::{eventually, veth};
use testbed::site::{Daemon, PATIENCE, Setting, Site, Wires};
use testkit::allocations::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// After the first so many rounds every table and buffer has the size that it needs.
const ROUNDS: u32 = 60;
/// What so many rounds may leave behind, in bytes: less than a round or reload that leaves something each time.
const SLACK: u64 = 4 * ROUNDS as u64;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let after = |flag: &str| words.iter().position(|word| word == flag).and_then(|nth| words.get(nth + 1));
    match (after("--config"), after("--socket")) {
        (Some(config), None) => {
            tell_what_is_held(&socket_beside(Path::new(config)));
            nsgate::main()
        }
        (None, Some(_)) => nsgate::main(),
        _ => {
            for (name, setting) in [("veth_2", Setting::veth(2)), ("tap_1", Setting::tap(1))] {
                nothing_stays_on_the_heap(setting);
                println!("test {name}::nothing_stays_on_the_heap ... ok");
            }
            ExitCode::SUCCESS
        }
    }
}

fn socket_beside(config: &Path) -> PathBuf {
    config.with_extension("held")
}

/// Whoever connects gets the number of bytes that this process holds.
fn tell_what_is_held(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for mut peer in listener.incoming().flatten() {
            // Who has gone away needs no answer.
            let _ = peer.write_all(&allocations::held().to_ne_bytes());
        }
    });
}

/// What the daemon holds when it does nothing: the least of some looks, as somebody's question may just be answered.
fn held(daemon: &Daemon) -> u64 {
    let look = || {
        let mut bytes = [0; 8];
        UnixStream::connect(socket_beside(&daemon.config())).unwrap().read_exact(&mut bytes).unwrap();
        u64::from_ne_bytes(bytes)
    };
    (0..20).map(|_| (thread::sleep(Duration::from_millis(10)), look()).1).min().unwrap()
}

fn file(strict: bool) -> GatewayFile {
    let rules =
        if strict { vec![Rule::deny("NoTelnet", 100).protocol("Tcp").port("23")] } else { Vec::new() };
    GatewayFile::open().nsg("data", rules).idle_timeout("1s").with("flows", flows())
}

fn flows() -> serde_json::Value {
    serde_json::json!({ "idleTimeout": "1s", "capacity": 1_000 })
}

fn nothing_stays_on_the_heap(setting: Setting) {
    let program = std::env::current_exe().unwrap();
    let Some((site, daemon)) = Site::with_setting(program.to_str().unwrap(), setting, &file(false)) else {
        return;
    };
    [&site.internet, &site.vm2].iter().for_each(|machine| site.serve(machine, 80));
    let held = [(); 3].map(|()| {
        run(&site, &daemon, setting);
        quiet(&daemon)
    });
    eprintln!("{setting:?}: {held:?} bytes, each after {ROUNDS} more rounds");
    assert!(held[0] > 1_000_000, "the tables of flows are held: {held:?}");
    // A list that once was longer than ever before grows once; what is left behind each time shows each time.
    let gained = held.array_windows().map(|[before, after]| after.saturating_sub(*before));
    assert!(gained.min() <= Some(SLACK), "{held:?}");
}

fn run(site: &Site, daemon: &Daemon, setting: Setting) {
    for round in 0..ROUNDS {
        for strict in [true, false] {
            let reloaded = daemon.reload(&file(strict).text());
            assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
        }
        assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some(), "{}", daemon.log());
        if setting.wires == Wires::Veth && round % 4 == 0 {
            flap(site, daemon);
        }
    }
}

/// The interface of `vm2` goes and another of its name comes.
fn flap(site: &Site, daemon: &Daemon) {
    site.gateway.ip("link delete vm2");
    veth((&site.vm2, "eth0"), (&site.gateway, "vm2"));
    site.vm2.address("eth0", "10.0.1.5/24");
    site.vm2.route("default", "10.0.1.1");
    let is_back = || site.try_udp(&site.vm1, "10.0.1.5:80").address().map(drop);
    assert!(eventually(PATIENCE, is_back).is_some(), "{}", daemon.log());
}

/// What the daemon holds once all flows are over.
fn quiet(daemon: &Daemon) -> u64 {
    let over = eventually(PATIENCE, || {
        let status = daemon.ask("status");
        (status["flows"]["used"] == 0 && status["snatPortsUsed"] == 0).then_some(())
    });
    assert!(over.is_some(), "{:#}", daemon.ask("status"));
    held(daemon)
}
