//! Network namespaces that a test makes, uses and leaves no trace of.
//!
//! Everything here panics where the host refuses: the caller is a test, and a test without its network has failed.
//!
//! ```no_run
//! use testbed::netns::{Namespace, veth};
//!
//! let left = Namespace::new("left");
//! let right = Namespace::new("right");
//! veth((&left, "eth0"), (&right, "eth0"));
//! left.address("eth0", "192.0.2.1/24");
//! right.address("eth0", "192.0.2.2/24");
//! left.run("ping -c 1 192.0.2.2");
//! ```
#![expect(clippy::panic, clippy::expect_used, reason = "the caller is a test")]

use nix::sched::{CloneFlags, setns};
use nix::unistd::Uid;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PREFIX: &str = "nsgate-";
const MOUNTS: &str = "/run/netns";

/// Whether this process may make namespaces. A test that needs them returns early, and aloud, where not.
pub fn available() -> bool {
    let root = Uid::effective().is_root();
    if !root {
        eprintln!("SKIPPED: network namespaces need root");
    }
    root
}

/// A network namespace, removed on drop with all interfaces inside it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new namespace with its loopback up and IPv6 off, so that no packet flows that the test did not send.
    pub fn new(role: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        remove_orphans();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{role}", std::process::id());
        ip(&format!("netns add {name}"));
        let namespace = Self { name };
        namespace.sysctl("net.ipv6.conf.all.disable_ipv6", "1");
        namespace.sysctl("net.ipv6.conf.default.disable_ipv6", "1");
        namespace.ip("link set lo up");
        namespace
    }

    /// The name under which `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` with `arguments` for this namespace.
    pub fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name));
    }

    /// Gives `interface` an address with its prefix length.
    pub fn address(&self, interface: &str, address: &str) {
        self.ip(&format!("address add {address} dev {interface}"));
    }

    /// Sends `prefix` (or `default`) to the next hop `via`.
    pub fn route(&self, prefix: &str, via: &str) {
        self.ip(&format!("route add {prefix} via {via}"));
    }

    /// Sets the MTU of `interface`, in bytes of IP packet.
    pub fn mtu(&self, interface: &str, mtu: u32) {
        self.ip(&format!("link set {interface} mtu {mtu}"));
    }

    /// Writes a kernel setting of this namespace, such as `net.ipv4.ip_forward`.
    pub fn sysctl(&self, key: &str, value: &str) {
        let path = Path::new("/proc/sys").join(key.replace('.', "/"));
        let written = self.enter(|| fs::write(&path, value));
        written.unwrap_or_else(|error| panic!("{}: sysctl {key}={value}: {error}", self.name));
    }

    /// The Ethernet address of `interface`.
    pub fn mac(&self, interface: &str) -> [u8; 6] {
        let shown = self.run(&format!("cat /sys/class/net/{interface}/address"));
        let bytes = shown.trim().split(':').map(|byte| u8::from_str_radix(byte, 16));
        let bytes: Vec<u8> = bytes.collect::<Result<_, _>>().expect("an Ethernet address");
        bytes.try_into().expect("six bytes")
    }

    /// Runs a command, split at spaces, and gives back what it wrote to stdout.
    ///
    /// # Panics
    /// Where it fails, with what it wrote to stderr.
    pub fn run(&self, command: &str) -> String {
        let ran = self.attempt(command);
        assert!(ran.success, "{}: `{command}` failed:\n{}{}", self.name, ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs a command, split at spaces, that may fail.
    pub fn attempt(&self, command: &str) -> Ran {
        let output = self.command(command).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{}: `{command}`: {error}", self.name));
        Ran {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a command, split at spaces, that runs until it is dropped. It writes to `log`.
    pub fn start(&self, command: &str, log: &Path) -> Process {
        let open = || fs::OpenOptions::new().create(true).append(true).open(log).expect("the log file");
        let child = self.command(command).stdin(Stdio::null()).stdout(open()).stderr(open()).spawn();
        Process(child.unwrap_or_else(|error| panic!("{}: `{command}`: {error}", self.name)))
    }

    /// A command, split at spaces, that will run in this namespace.
    pub fn command(&self, command: &str) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name]).args(command.split_whitespace());
        inside
    }

    /// Does `work` on a thread inside the namespace. Sockets opened there belong to it for good.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            enter_by_name(&self.name);
            work()
        };
        let joined = thread::scope(|scope| scope.spawn(inside).join());
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Starts a thread inside the namespace.
    pub fn spawn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let name = self.name.clone();
        thread::spawn(move || {
            enter_by_name(&name);
            work()
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Never panics: a second panic would abort the test that is being unwound.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

/// Moves the calling thread into the network namespace that `ip netns` knows as `name`.
pub fn enter_by_name(name: &str) {
    let file = File::open(Path::new(MOUNTS).join(name));
    let entered = file.and_then(|file| Ok(setns(file, CloneFlags::CLONE_NEWNET)?));
    entered.unwrap_or_else(|error| panic!("entering namespace {name}: {error}"));
}

/// A pair of veth interfaces, one in each namespace, both up, offloads as the kernel sets them.
pub fn veth(one: (&Namespace, &str), other: (&Namespace, &str)) {
    let (here, name) = one;
    let (there, peer) = other;
    here.ip(&format!("link add {name} type veth peer name {peer} netns {}", there.name));
    here.ip(&format!("link set {name} up"));
    there.ip(&format!("link set {peer} up"));
}

/// What a command that ended left behind.
#[derive(Debug)]
pub struct Ran {
    /// Whether it exited with 0.
    pub success: bool,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// A running command, killed on drop.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends the signal `name`, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name} {}", self.id());
    }

    /// The exit status, where it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("waiting for our own child")
    }

    /// Waits until it ends, at most `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        eventually(limit, || self.ended())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until there is an answer, every few milliseconds, for at most `limit`.
pub fn eventually<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > limit {
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split_whitespace()).output();
    let output = output.unwrap_or_else(|error| panic!("ip is needed (package iproute2): {error}"));
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Removes the namespaces of tests that were killed and could not clean up.
fn remove_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let names = fs::read_dir(MOUNTS).into_iter().flatten().flatten();
        for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
            let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
            let Some(owner) = owner.and_then(|pid| pid.parse::<u32>().ok()) else { continue };
            if !is_alive(owner) {
                kill_all_in(&name);
                let _ = Command::new("ip").args(["netns", "delete", &name]).output();
            }
        }
    });
}

/// Kills what a dead test has started in its namespace.
fn kill_all_in(namespace: &str) {
    let Ok(found) = Command::new("ip").args(["netns", "pids", namespace]).output() else { return };
    for process in String::from_utf8_lossy(&found.stdout).split_whitespace() {
        let _ = Command::new("kill").args(["-9", process]).output();
    }
}

fn is_alive(process: u32) -> bool {
    let mut text = String::new();
    File::open(format!("/proc/{process}/stat")).and_then(|mut file| file.read_to_string(&mut text)).is_ok()
}
