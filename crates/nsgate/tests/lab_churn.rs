//! Connections that come and go, reloads every second, an interface that flaps: afterwards the daemon is as it was. Needs root.
//!
//! `NSGATE_CHURN` says for how many seconds, 15 without.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testbed::figures::{assert_every_frame_is_counted, lost_on_wires, number, of_workers};
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::{Namespace, eventually, veth};
use testbed::probe::{self, Outcome};
use testbed::process::{self, Holdings};
use testbed::raw::Raw;
use testbed::site::{Daemon, PATIENCE, Setting, Site};
use testkit::build::{fragments, ipv4};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
/// Every so long something changes.
const SECOND: Duration = Duration::from_secs(1);
/// The memory of its own, in KiB, that the daemon may have gained for each thread when all is over: glibc keeps for each
/// what that has freed, at most seven pieces of each of 64 sizes. Questions and reloads go around among the threads that
/// answer, so each fills its share slowly, over minutes. That nothing is held, `lab_heap.rs` shows.
const KEPT_PER_THREAD: u64 = 233;

testbed::on_setting!(veth_1, super::Setting::veth(1), churn);
testbed::on_setting!(veth_2, super::Setting::veth(2), churn);
testbed::on_setting!(tap_2, super::Setting::tap(2), churn);
testbed::on_setting!(veth_4_handing_over, super::Setting::veth(4).handing_over(), churn);

/// Where vm3 serves by IPv6.
const SIX: &str = "[fd00:a:0:2::4]:85";

fn span() -> Duration {
    let seconds = std::env::var("NSGATE_CHURN").ok().map(|text| text.parse().unwrap());
    Duration::from_secs(seconds.unwrap_or(15))
}

/// The gateway file, of one of two policies.
fn file(strict: bool) -> GatewayFile {
    let rules =
        if strict { vec![Rule::deny("NoTelnet", 100).protocol("Tcp").port("23")] } else { Vec::new() };
    let flows = json!({ "idleTimeout": "2s", "capacity": 20_000 });
    GatewayFile::open().dual_stack().nsg("data", rules).idle_timeout("2s").with("flows", flows)
}

/// How often something was tried, how often it failed, and how it failed last.
#[derive(Default)]
struct Tries {
    done: AtomicU64,
    failed: AtomicU64,
    last: Mutex<String>,
}

impl Tries {
    fn note(&self, outcome: Result<(), String>) {
        self.done.fetch_add(1, Ordering::Relaxed);
        if let Err(why) = outcome {
            self.failed.fetch_add(1, Ordering::Relaxed);
            *self.last.lock().unwrap() = why;
        }
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} failed)", self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// What comes and goes.
#[derive(Default)]
struct Traffic {
    done: AtomicBool,
    outward: Tries,
    between: Tries,
    datagrams: Tries,
    pings: Tries,
    /// By IPv6: a connection, a datagram, a series of pings in turn.
    six: Tries,
    to_the_flapping: Tries,
}

impl Traffic {
    /// Tries one thing after the other until all is over.
    fn repeat(
        &self,
        tries: &Tries,
        machine: &Namespace,
        mut once: impl FnMut(u64) -> Result<(), String> + Send,
    ) {
        machine.enter(|| {
            for round in 0.. {
                if self.done.load(Ordering::Relaxed) {
                    return;
                }
                tries.note(once(round));
                thread::sleep(Duration::from_millis(1));
            }
        });
    }

    fn run(&self, site: &Site, meanwhile: impl FnOnce()) {
        let told = |outcome: Outcome| match outcome {
            Outcome::Seen(_) => Ok(()),
            other => Err(other.to_string()),
        };
        let tcp = move |to: String| told(probe::tcp(to.parse().unwrap(), PATIENCE));
        let pings = move |from: &Namespace, to: &str| {
            let ran = site.ping_with(from, "-c 4 -i 0.05 -s 4000", to);
            if ran.success { Ok(()) } else { Err(ran.stdout) }
        };
        let udp = move |to: &str, limit| told(probe::udp(to.parse().unwrap(), limit));
        thread::scope(|scope| {
            let outward = |round: u64| tcp(format!("198.51.100.{}:80", 1 + round % 200));
            scope.spawn(move || self.repeat(&self.outward, &site.vm1, outward));
            let between = |round: u64| tcp(format!("10.0.2.4:{}", 80 + round % 4));
            scope.spawn(move || self.repeat(&self.between, &site.vm1, between));
            scope.spawn(move || self.repeat(&self.outward, &site.vm3, outward));
            scope.spawn(move || {
                self.repeat(&self.datagrams, &site.vm3, |_| udp("198.51.100.7:80", PATIENCE));
            });
            scope.spawn(move || {
                let soon = Duration::from_millis(200);
                self.repeat(&self.to_the_flapping, &site.vm1, |_| udp("10.0.1.5:80", soon));
            });
            scope.spawn(move || {
                // In pieces there and back.
                self.repeat(&self.pings, &site.vm3, |_| pings(&site.vm3, "198.51.100.9"));
            });
            scope.spawn(move || {
                self.repeat(&self.six, &site.vm1, |round| match round % 3 {
                    0 => tcp(SIX.into()),
                    1 => udp(SIX, PATIENCE),
                    _ => pings(&site.vm1, "fd00:a:0:2::4"),
                });
            });
            let over = Over(&self.done);
            meanwhile();
            drop(over);
        });
    }
}

/// Ends the traffic, also where something has gone wrong.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was seen of the daemon, once a second.
struct Samples {
    pid: u32,
    held: Vec<Holdings>,
    flows: Vec<u64>,
    ports: Vec<u64>,
    waiting: Vec<u64>,
}

impl Samples {
    fn new(daemon: &Daemon) -> Self {
        let pid = number(&daemon.ask("status"), "/pid") as u32;
        Self { pid, held: Vec::new(), flows: Vec::new(), ports: Vec::new(), waiting: Vec::new() }
    }

    fn take(&mut self, status: &Value) {
        self.held.push(Holdings::of(self.pid));
        self.flows.push(number(status, "/flows/used"));
        self.ports.push(number(status, "/snatPortsUsed"));
        self.waiting.push(number(status, "/framesWaiting"));
    }

    fn most_descriptors(&self) -> usize {
        self.held.iter().map(|held| held.descriptors).max().unwrap()
    }
}

/// The interface of `vm2` goes and comes, a step each second. A TAP device is its machine's, and the daemon makes it again,
/// which may take two seconds.
fn flap(site: &Site, setting: Setting, step: u64) {
    let (host, interface) = match setting.is_tap("vm2") {
        true => (&site.vm2, "eth0"),
        false => (&site.gateway, "vm2"),
    };
    match step % 6 {
        0 => host.ip(&format!("link set {interface} down")),
        1 => host.ip(&format!("link set {interface} up")),
        2 => host.ip(&format!("link delete {interface}")),
        3 if !setting.is_tap("vm2") => {
            veth((&site.vm2, "eth0"), (&site.gateway, "vm2"));
            let mac = format!("02:00:00:{:02x}:{:02x}:02", step / 256 % 256, step % 256);
            site.vm2.ip(&format!("link set eth0 address {mac}"));
            site.vm2.address("eth0", "10.0.1.5/24");
            site.vm2.route("default", "10.0.1.1");
        }
        5 if setting.is_tap("vm2") => site.plug("vm2"),
        _ => {}
    }
}

/// Fragments whose datagram never becomes whole, and one that nobody began.
fn send_pieces(site: &Site, wire: &Raw, step: u64) {
    let gateway = site.gateway_mac("vm3");
    let datagram = |id: u64| ipv4("10.0.2.4", "198.51.100.5").id(id as u32).udp(4000, 9).data(2000);
    for (nth, wanted) in [0..1, 1..2].into_iter().enumerate() {
        let wanted: Range<usize> = wanted;
        let whole = datagram(2 * step + nth as u64).macs(wire.mac, gateway).bytes();
        fragments(&whole, 1000)[wanted].iter().for_each(|piece| wire.send(piece));
    }
}

/// Warnings about `vm2` are expected, and of a ring that was full, of which the frames are counted; anything else that is
/// worse than information is not.
fn unexpected(log: &str) -> Vec<&str> {
    let bad = |line: &&str| {
        let expected =
            (line.contains("vm2") || line.contains("the ring was full")) && line.contains(" WARN ");
        (line.contains(" WARN ") || line.contains(" ERROR ") || line.contains("panicked")) && !expected
    };
    log.lines().filter(bad).collect()
}

/// What the daemon holds once it has closed the connections of those who asked.
fn quiet(pid: u32) -> Holdings {
    let still = eventually(Duration::from_secs(5), || {
        let before = Holdings::of(pid);
        thread::sleep(Duration::from_millis(100));
        (before.descriptors == Holdings::of(pid).descriptors).then_some(before)
    });
    still.unwrap()
}

fn serve(site: &Site) {
    site.serve(&site.internet, 80);
    (80..84).for_each(|port| site.serve(&site.vm3, port));
    site.serve(&site.vm2, 80);
    // So that the clients' own kernels do not run out of ports.
    site.serve_v6(&site.vm3, SIX);
    [&site.vm1, &site.vm3].iter().for_each(|machine| machine.sysctl("net.ipv4.tcp_tw_reuse", "1"));
}

fn churn(setting: Setting) {
    let Some((site, daemon)) = Site::dual_stack_with(NSGATE, setting, &file(false)) else { return };
    serve(&site);
    let wire = Raw::open(&site.vm3, "eth0");
    let reaches_all = || {
        let to_vm2 = site.try_udp(&site.vm1, "10.0.1.5:80").address().is_some();
        (to_vm2 && site.try_udp(&site.vm3, "198.51.100.1:80").address().is_some()).then_some(())
    };
    assert!(eventually(Duration::from_secs(10), reaches_all).is_some(), "{}", daemon.log());
    let mut samples = Samples::new(&daemon);
    let begin = quiet(samples.pid);
    let traffic = Traffic::default();
    traffic.run(&site, || {
        let start = Instant::now();
        let mut step = 0;
        // Whole rounds, so that the interface is there at the end.
        while start.elapsed() < span() || step % 6 != 0 {
            let next = start + SECOND * (step as u32 + 1);
            let reloaded = daemon.reload(&file(step % 2 == 0).text());
            assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
            flap(&site, setting, step);
            send_pieces(&site, &wire, step);
            samples.take(&daemon.ask("status"));
            thread::sleep(next.saturating_duration_since(Instant::now()));
            step += 1;
        }
    });
    report(setting, &traffic, begin, &samples);
    assert!(eventually(Duration::from_secs(10), reaches_all).is_some(), "vm2 is back: {}", daemon.log());
    assert_all_is_over(&daemon, begin, &samples);
    assert_eq!(unexpected(&daemon.log()), Vec::<&str>::new());
    // Each frame that this host had no time for may have been one try's, but most tries lose none.
    let status = daemon.ask("status");
    let lost = lost_on_wires(&site, &status, &["vm1", "vm3", "eth0"]) + of_workers(&status, "lostBetween");
    for tries in [&traffic.outward, &traffic.between, &traffic.datagrams, &traffic.pings, &traffic.six] {
        let (done, failed) = (tries.done.load(Ordering::Relaxed), tries.failed.load(Ordering::Relaxed));
        assert!(done > span().as_secs(), "hardly any traffic");
        let last = tries.last.lock().unwrap();
        assert!(
            failed <= lost.min(done / 4),
            "{failed} failed of {done} that have nothing to do with vm2, {lost} frames were lost: {last}\n{status:#}"
        );
    }
    let reached = traffic.to_the_flapping.failed.load(Ordering::Relaxed);
    assert!(reached < traffic.to_the_flapping.done.load(Ordering::Relaxed), "vm2 was reached between");
}

/// What the flows were needs half a minute to go: half-open connections live as long.
fn assert_all_is_over(daemon: &Daemon, begin: Holdings, samples: &Samples) {
    let over = eventually(Duration::from_secs(40), || {
        let status = daemon.ask("status");
        let left =
            ["/flows/used", "/snatPortsUsed", "/framesWaiting"].iter().map(|path| number(&status, path));
        (left.sum::<u64>() == 0).then_some(())
    });
    assert!(over.is_some(), "{:#}", daemon.ask("status"));
    assert!(samples.flows.iter().max() > Some(&10) && samples.ports.iter().max() > Some(&10));
    assert_every_frame_is_counted(daemon);
    assert!(daemon.dropped("fragment-orphan", "", "") > 0, "{:#}", daemon.ask("drops"));
    let end = quiet(samples.pid);
    eprintln!("  at the end: {end}");
    assert_eq!((end.descriptors, end.threads), (begin.descriptors, begin.threads));
    // A peer of the control socket, the gateway file while it is read, an interface that is opened anew.
    assert!(samples.most_descriptors() < begin.descriptors + 40, "{}", samples.most_descriptors());
    // The tables are touched in the first seconds; what follows must not grow.
    let warm = samples.held[samples.held.len() / 3].private;
    let kept = KEPT_PER_THREAD * end.threads as u64;
    assert!(end.private <= warm + kept, "{} KiB after {warm} KiB, {kept} allowed", end.private);
    for thread in process::rights(samples.pid) {
        assert!(thread.is_filtered, "{thread:?}");
        assert!(thread.is_main || thread.capabilities == 0, "{thread:?}");
    }
}

fn report(setting: Setting, traffic: &Traffic, begin: Holdings, samples: &Samples) {
    let Traffic { outward, between, datagrams, pings, six, to_the_flapping, .. } = traffic;
    eprintln!(
        "{setting:?}, {} s: {outward} connections outward, {between} between VMs, {datagrams} datagrams, \
         {pings} series of pings, {six} tries by IPv6, {to_the_flapping} datagrams to vm2",
        samples.held.len()
    );
    eprintln!("  at the start: {begin}");
    for nth in [samples.held.len() / 3, samples.held.len() * 2 / 3, samples.held.len() - 1] {
        eprintln!("  at second {nth}: {}", samples.held[nth]);
    }
    let most = |values: &[u64]| values.iter().max().copied().unwrap_or(0);
    eprintln!(
        "  at most {} flows, {} ports, {} frames waiting, {} descriptors",
        most(&samples.flows),
        most(&samples.ports),
        most(&samples.waiting),
        samples.most_descriptors()
    );
}
