//! The daemon as a service: what its manager is told, what a stuck file or worker does, and what a dead one leaves.
#![expect(clippy::unwrap_used, reason = "tests")]

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::net::UdpSocket;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::{self, Process, eventually};
use testbed::site::{Daemon, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

/// The service manager's end.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        Self { socket, directory }
    }

    fn start(&self, site: &Site, file: &GatewayFile, environment: &str) -> Process {
        self.launch(site, file, &format!("{environment} {NSGATE}"), &self.directory.path().join("nsgate.log"))
    }

    /// Starts a program with its environment before it; it logs to `log`.
    fn launch(&self, site: &Site, file: &GatewayFile, program: &str, log: &Path) -> Process {
        let directory = self.directory.path().display();
        fs::write(self.directory.path().join("gateway.yaml"), file.text()).unwrap();
        let run =
            format!("env NOTIFY_SOCKET={directory}/notify {program} run --config {directory}/gateway.yaml");
        site.gateway.start(&run, log)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("nsgate.log")).unwrap_or_default()
    }

    /// The next message that is not a sign of life, if one comes within `limit`.
    fn hears(&self, limit: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        loop {
            let mut message = [0; 4096];
            let length = self.socket.recv(&mut message).ok()?;
            let message = String::from_utf8(message[..length].to_vec()).unwrap();
            if message != "WATCHDOG=1\n" {
                return Some(message);
            }
        }
    }

    /// Whether a sign of life comes within `limit`.
    fn is_told_of_life(&self, limit: Duration) -> bool {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let mut message = [0; 4096];
        self.socket.recv(&mut message).is_ok_and(|length| message[..length] == *b"WATCHDOG=1\n")
    }

    /// How many signs of life come before the next `READY=1`.
    fn signs_until_ready(&self) -> usize {
        self.socket.set_read_timeout(Some(SOON)).unwrap();
        let mut signs = 0;
        loop {
            let mut message = [0; 4096];
            let length = self.socket.recv(&mut message).unwrap();
            match &message[..length] {
                b"READY=1\n" => return signs,
                b"WATCHDOG=1\n" => signs += 1,
                _ => {}
            }
        }
    }

    fn drain(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut [0; 64]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }
}

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    if !netns::available() {
        return;
    }
    for log_format in ["text", "json"] {
        let (site, manager) = (Site::new(), Manager::new());
        let directory = manager.directory.path().display();
        fs::write(manager.directory.path().join("gateway.yaml"), GatewayFile::open().text()).unwrap();
        let run = format!(
            "env NOTIFY_SOCKET={directory}/notify {NSGATE} run --log-format {log_format} --config {directory}/gateway.yaml"
        );
        let mut daemon = site.gateway.start(&run, Path::new("/dev/full"));
        assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"), "{log_format}: {:?}", daemon.ended());
        daemon.signal("TERM");
        assert_eq!(daemon.wait(SOON).and_then(|ended| ended.code()), Some(0), "{log_format}");
    }
}

/// A daemon with two workers whose log is a pipe that nobody reads, and that is full since the daemon is ready.
fn with_full_log() -> Option<(Site, Manager, Process, fs::File)> {
    netns::available().then(|| {
        let (site, manager) = (Site::new(), Manager::new());
        let path = manager.directory.path().join("log");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Open in both directions it has a reader, and can be opened to be written to.
        let open =
            fs::OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(&path);
        let mut pipe = open.unwrap();
        let file = GatewayFile::open().with("engine", json!({ "workers": 2 }));
        let daemon = manager.launch(&site, &file, NSGATE, &path);
        assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"));
        for length in [4096, 1] {
            let is_full = |written: std::io::Result<usize>| {
                written.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            };
            while !is_full(pipe.write(&vec![b'x'; length])) {}
        }
        (site, manager, daemon, pipe)
    })
}

#[test]
fn a_log_that_nobody_reads_holds_up_neither_reloads_nor_the_end() {
    let Some((site, manager, mut daemon, _unread)) = with_full_log() else { return };
    site.gateway.mtu("vm3", 1400);
    daemon.signal("HUP");
    assert!(manager.hears(SOON).is_some_and(|said| said.starts_with("RELOADING=1\n")));
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"));
    site.serve(&site.internet, 80);
    assert!(site.udp(&site.vm3, "198.51.100.1:80").address().is_some());
    daemon.signal("TERM");
    assert_eq!(daemon.wait(SOON).and_then(|ended| ended.code()), Some(0));
}

#[test]
fn a_worker_that_cannot_go_on_takes_the_daemon_down_though_nobody_reads_why() {
    let Some((_site, _manager, mut daemon, _unread)) = with_full_log() else { return };
    let pid = daemon.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, "--nofile=2"]).status().unwrap().success());
    assert_eq!(daemon.wait(SOON).and_then(|ended| ended.code()), Some(70));
}

#[test]
fn the_service_manager_is_told_of_start_reload_and_stop() {
    if !netns::available() {
        return;
    }
    let (site, manager) = (Site::new(), Manager::new());
    let mut daemon = manager.start(&site, &GatewayFile::open(), "");
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"), "{}", manager.log());
    daemon.signal("HUP");
    let reloading = manager.hears(SOON).unwrap();
    let (state, at) = reloading.split_once('\n').unwrap();
    assert_eq!(state, "RELOADING=1");
    assert!(at.trim().strip_prefix("MONOTONIC_USEC=").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"));
    // A refused reload is over, too.
    fs::write(manager.directory.path().join("gateway.yaml"), "nonsense").unwrap();
    daemon.signal("HUP");
    assert!(manager.hears(SOON).unwrap().starts_with("RELOADING=1\n"));
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"));
    daemon.signal("TERM");
    assert_eq!(manager.hears(SOON).as_deref(), Some("STOPPING=1\n"));
    assert!(daemon.wait(Duration::from_secs(5)).is_some_and(|ended| ended.success()), "{}", manager.log());
}

/// The thread of a process with this name.
fn thread_of(process: u32, name: &str) -> Pid {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let mut tasks = tasks
        .filter(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
    let task = tasks.next().unwrap();
    Pid::from_raw(task.file_name().to_str().unwrap().parse().unwrap())
}

/// Stops one thread, as if it hung; only the calling thread can let it go on.
fn halt(thread: Pid) {
    ptrace::seize(thread, ptrace::Options::empty()).unwrap();
    ptrace::interrupt(thread).unwrap();
    waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
}

/// Asserts that a daemon that has been told to stop, and of which one thread is halted, ends and leaves the doors shut.
fn ends_without(site: &Site, daemon: &mut Process, halted: Pid, log: impl Fn() -> String) {
    let ended = eventually(SOON, || {
        // A thread that is traced is gone only when this is heard of; the main one's end is its process's.
        if halted.as_raw() as u32 != daemon.id() {
            let _ = waitpid(halted, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
        }
        daemon.ended()
    });
    assert_eq!(ended.and_then(|ended| ended.code()), Some(0), "{}", log());
    all_are_guarded(site);
}

#[test]
fn a_worker_that_hangs_does_not_hold_up_the_end() {
    if !netns::available() {
        return;
    }
    let (site, manager) = (Site::new(), Manager::new());
    let file = GatewayFile::open().with("engine", json!({ "workers": 2 }));
    let mut daemon = manager.start(&site, &file, "");
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"), "{}", manager.log());
    // Everybody knows where to send, and has sent by both workers.
    let far = site.internet.enter(|| UdpSocket::bind("0.0.0.0:9")).unwrap();
    far.set_nonblocking(true).unwrap();
    let hear = |heard: &mut BTreeSet<u16>, wanted: u8| {
        let mut bytes = [0; 3];
        while far.recv(&mut bytes).is_ok() {
            let [high, low, round] = bytes;
            heard.extend((round == wanted).then_some(u16::from_be_bytes([high, low])));
        }
        heard.len()
    };
    let ports = 5000..5064_u16;
    let sockets = ports.map(|port| (port, site.vm1.enter(|| UdpSocket::bind(("10.0.1.4", port))).unwrap()));
    let sockets: Vec<_> = sockets.collect();
    let send = |round: u8| {
        for (port, socket) in &sockets {
            let [high, low] = port.to_be_bytes();
            socket.send_to(&[high, low, round], "198.51.100.1:9").unwrap();
        }
    };
    let mut heard = BTreeSet::new();
    let all = eventually(SOON, || {
        send(1);
        (hear(&mut heard, 1) == sockets.len()).then_some(())
    });
    assert!(all.is_some(), "{}", manager.log());

    let worker = thread_of(daemon.id(), "worker-0");
    halt(worker);
    daemon.signal("STOP");
    let waits = |(port, _): &&(u16, UdpSocket)| packet::home(*port, 9, 2) == 1;
    let waiting: BTreeSet<_> = sockets.iter().filter(waits).map(|(port, _)| *port).collect();
    send(2);
    daemon.signal("TERM");
    daemon.signal("CONT");
    ends_without(&site, &mut daemon, worker, || manager.log());
    assert!(
        manager.log().contains("worker 0 does not answer: its rings are left to the kernel"),
        "{}",
        manager.log()
    );
    let mut heard = BTreeSet::new();
    let emptied = eventually(SOON, || {
        hear(&mut heard, 2);
        (heard == waiting).then_some(())
    });
    assert!(
        emptied.is_some(),
        "the other one empties its rings: {heard:?} of {waiting:?}: {}",
        manager.log()
    );
}

#[test]
fn a_main_thread_that_hangs_does_not_hold_up_the_end() {
    if !netns::available() {
        return;
    }
    let (site, manager) = (Site::new(), Manager::new());
    let mut daemon = manager.start(&site, &GatewayFile::open(), "");
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"), "{}", manager.log());
    let main = Pid::from_raw(daemon.id() as i32);
    halt(main);
    daemon.signal("TERM");
    ends_without(&site, &mut daemon, main, || manager.log());
    assert!(manager.log().contains("the main thread was busy"), "{}", manager.log());
    // The socket that it could not remove is in nobody's way.
    let mut next = manager.start(&site, &GatewayFile::open(), "");
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"), "{}", manager.log());
    next.signal("TERM");
    assert!(next.wait(SOON).is_some_and(|ended| ended.success()), "{}", manager.log());
}

#[test]
fn a_long_change_shows_signs_of_life() {
    if !netns::available() {
        return;
    }
    let file = |machines: &[&str]| {
        let internet = json!({ "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } });
        let machines = machines.iter().map(|name| json!({ "interface": name, "nic": format!("{name}-nic") }));
        let attachments: Vec<_> = machines.chain([internet]).collect();
        GatewayFile::open().with("attachments", attachments.into()).with("engine", json!({ "workers": 1 }))
    };
    let (site, manager) = (Site::new(), Manager::new());
    // By itself it shows one in 20 seconds.
    let mut daemon = manager.start(&site, &file(&["vm1"]), "WATCHDOG_USEC=60000000");
    assert_eq!(manager.signs_until_ready(), 0);
    let reload = |machines: &[&str]| {
        fs::write(manager.directory.path().join("gateway.yaml"), file(machines).text()).unwrap();
        daemon.signal("HUP");
        manager.signs_until_ready()
    };
    assert!(reload(&["vm1", "vm2", "vm3"]) >= 4, "one for each attachment: {}", manager.log());
    assert!(reload(&["vm1"]) >= 4, "one for each attachment and each port that is closed: {}", manager.log());
    daemon.signal("TERM");
    assert!(daemon.wait(SOON).is_some_and(|ended| ended.success()), "{}", manager.log());
}

#[test]
fn a_stalled_worker_is_not_passed_off_as_alive() {
    if !netns::available() {
        return;
    }
    let (site, manager) = (Site::new(), Manager::new());
    let mut daemon = manager.start(&site, &GatewayFile::open(), "WATCHDOG_USEC=3000000");
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"), "{}", manager.log());
    assert!(manager.is_told_of_life(SOON));

    let worker = thread_of(daemon.id(), "worker-0");
    halt(worker);
    // One sign may be under way, and the last one counted for half the span.
    let silent = eventually(SOON, || {
        manager.drain();
        (!manager.is_told_of_life(Duration::from_secs(3))).then_some(())
    });
    assert!(silent.is_some(), "the watchdog must bite");
    ptrace::detach(worker, None).unwrap();
    assert!(manager.is_told_of_life(SOON), "{}", manager.log());
    daemon.signal("TERM");
    assert!(daemon.wait(Duration::from_secs(5)).is_some_and(|ended| ended.success()), "{}", manager.log());
}

/// A pipe, and a program that runs nsgate with it as its descriptor 9: a named pipe it would not even open.
struct Pipe(tempfile::TempDir);

impl Pipe {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (pipe, script) = (directory.path().join("pipe"), directory.path().join("nsgate"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // A pipe can be opened to be read without waiting only while somebody has it open to write.
        let pipe = pipe.display();
        let lines = format!(
            "#!/bin/sh\n[ $1 = run ] && exec 8<>{pipe} && exec 9<{pipe} && exec 8>&-\nexec {NSGATE} \"$@\"\n"
        );
        fs::write(&script, lines).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        Self(directory)
    }

    fn program(&self) -> String {
        self.0.path().join("nsgate").display().to_string()
    }

    /// A gateway file whose documents come out of it.
    fn endless() -> GatewayFile {
        GatewayFile::open().with("network", json!({ "files": ["/dev/fd/9"] }))
    }

    /// Whether a thread waits in open(2) until somebody writes.
    fn holds_up(process: u32, thread: Pid) -> bool {
        let at = fs::read_to_string(format!("/proc/{process}/task/{thread}/syscall")).unwrap_or_default();
        at.split(' ').next() == Some(&nix::libc::SYS_openat.to_string())
    }

    /// Writes the documents, to whoever waits for them.
    fn end(&self) {
        let file: serde_json::Value = serde_json::from_str(&GatewayFile::open().text()).unwrap();
        let documents = json!({ "value": file["network"]["resources"] });
        fs::write(self.0.path().join("pipe"), documents.to_string()).unwrap();
    }
}

/// A site whose daemon was started with a pipe that nobody writes to, and a gateway file whose documents come out of
/// that.
fn with_pipe() -> Option<(Site, Daemon, String, Pipe)> {
    let pipe = Pipe::new();
    let (site, daemon) = Site::with(&pipe.program(), &GatewayFile::open())?;
    Some((site, daemon, Pipe::endless().text(), pipe))
}

/// Has a daemon load a file that hangs, and waits until it does.
fn hang(daemon: &Daemon, endless: &str) {
    fs::write(daemon.config(), endless).unwrap();
    daemon.signal("HUP");
    let begun = eventually(SOON, || daemon.log().contains("loading the gateway file again").then_some(()));
    assert!(begun.is_some(), "{}", daemon.log());
    let pid = daemon.ask("status")["pid"].as_u64().unwrap() as u32;
    let is_stuck = |number| Pipe::holds_up(pid, thread_of(pid, &format!("loader-{number}")));
    // Whichever of them was the first to take it.
    let stuck = eventually(SOON, || (0..4).any(is_stuck).then_some(()));
    assert!(stuck.is_some(), "the loader does not hang");
}

/// Gives a machine another wire to the gateway's interface `name`.
fn connect(site: &Site, machine: &netns::Namespace, name: &str, address: &str, first_hop: &str) {
    site.connect((machine, "eth0"), name);
    machine.address("eth0", address);
    machine.route("default", first_hop);
}

fn is_guarded(site: &Site, interface: &str) -> bool {
    site.gateway.run(&format!("tc filter show dev {interface} ingress")).contains("nsgate")
}

/// What a host does to its interfaces: another hardware address, another address, a name that goes to another, one that
/// is taken away and made anew.
fn change(site: &Site) {
    site.gateway.ip("link set vm1 address 02:00:00:00:77:02");
    site.gateway.address("eth0", "203.0.113.77/24");
    site.gateway.ip("link set vm2 down");
    site.gateway.ip("link set vm2 name other");
    site.vm2.ip("link set eth0 down");
    site.vm2.ip("link set eth0 name other");
    site.vm2.ip("address flush dev other");
    connect(site, &site.vm2, "vm2", "10.0.1.5/24", "10.0.1.1");
    site.gateway.ip("link delete vm3");
    connect(site, &site.vm3, "vm3", "10.0.2.4/24", "10.0.2.1");
}

/// Asserts that all of [`change`] is in force since a line of the log: the next change is the only one that is followed.
fn assert_changed(site: &Site, log: impl Fn() -> String, since: &str) {
    for interface in ["vm1", "vm2", "vm3", "eth0"] {
        assert!(is_guarded(site, interface), "{interface} is open: {}", log());
    }
    site.gateway.mtu("eth0", 1400);
    let followed = || {
        let log = log();
        let (_, after) = log.split_once(since)?;
        let lines =
            after.lines().filter_map(|line| line.split_once("followed a change")?.1.split_once("changed="));
        let changed: Vec<_> = lines.map(|(_, changed)| changed.to_owned()).collect();
        (!changed.is_empty()).then_some(changed)
    };
    let followed = eventually(SOON, followed);
    assert_eq!(followed, Some(vec!["[\"eth0\"] attached=[]".to_owned()]), "{}", log());
    site.serve(&site.internet, 80);
    for machine in [&site.vm1, &site.vm2, &site.vm3] {
        assert!(site.udp(machine, "198.51.100.1:80").address().is_some(), "{}: {}", machine.name(), log());
    }
    assert!(site.ping(&site.internet, "203.0.113.77"), "the host's address is the host's: {}", log());
}

#[test]
fn what_the_host_changes_during_a_load_is_in_force_after_it() {
    let Some((site, daemon, endless, pipe)) = with_pipe() else { return };
    hang(&daemon, &endless);
    change(&site);
    // Each as soon as it happens.
    let followed = eventually(SOON, || (is_guarded(&site, "vm2") && is_guarded(&site, "vm3")).then_some(()));
    assert!(followed.is_some(), "{}", daemon.log());
    pipe.end();
    let ended = eventually(SOON, || {
        let reloads = daemon.ask("status")["reloads"].clone();
        (reloads["done"] == 1 || reloads["refused"] == 1).then_some(reloads)
    });
    assert!(ended.is_some_and(|reloads| reloads["done"] == 1), "{}", daemon.log());
    assert_changed(&site, || daemon.log(), "reloaded attached=");
}

#[test]
fn what_vanishes_during_a_load_is_away_after_it_and_comes_back() {
    let Some((site, daemon, endless, pipe)) = with_pipe() else { return };
    hang(&daemon, &endless);
    // The main thread hears of the load's end and of the interface at once.
    let pid = daemon.ask("status")["pid"].as_u64().unwrap() as u32;
    halt(Pid::from_raw(pid as i32));
    pipe.end();
    site.gateway.ip("link delete vm3");
    ptrace::detach(Pid::from_raw(pid as i32), None).unwrap();
    let state = || daemon.ask("status")["attachments"].as_array().unwrap().clone();
    let vm3 = || state().iter().find(|one| one["interface"] == "vm3").unwrap()["state"].clone();
    assert!(
        eventually(SOON, || (daemon.ask("status")["reloads"]["done"] == 1).then_some(())).is_some(),
        "{}",
        daemon.log()
    );
    assert_eq!(vm3(), "missing");
    assert_eq!(daemon.log().matches("the interface is gone").count(), 1, "{}", daemon.log());
    connect(&site, &site.vm3, "vm3", "10.0.2.4/24", "10.0.2.1");
    assert!(eventually(SOON, || (vm3() == "attached").then_some(())).is_some(), "{}", daemon.log());
}

#[test]
fn what_the_host_changes_while_the_daemon_starts_is_in_force_when_it_is_ready() {
    if !netns::available() {
        return;
    }
    let (site, manager, pipe) = (Site::new(), Manager::new(), Pipe::new());
    let log = manager.directory.path().join("nsgate.log");
    let mut daemon = manager.launch(&site, &Pipe::endless(), &pipe.program(), &log);
    let main = Pid::from_raw(daemon.id() as i32);
    let stuck = eventually(SOON, || Pipe::holds_up(daemon.id(), main).then_some(()));
    assert!(stuck.is_some(), "the file does not hang: {}", manager.log());
    change(&site);
    pipe.end();
    assert_eq!(manager.hears(SOON).as_deref(), Some("READY=1\n"), "{}", manager.log());
    assert!(!is_guarded(&site, "other"), "the name counts: {}", manager.log());
    assert_changed(&site, || manager.log(), "ready: packets flow");
    daemon.signal("TERM");
    assert!(daemon.wait(SOON).is_some_and(|ended| ended.success()), "{}", manager.log());
}

#[test]
fn a_file_that_hangs_delays_neither_questions_nor_the_end() {
    let Some((site, mut daemon, endless, _pipe)) = with_pipe() else { return };
    hang(&daemon, &endless);
    site.serve(&site.internet, 80);
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some(), "packets flow");
    assert_eq!(daemon.ask("status")["reloads"]["done"], 0);
    let denied = daemon.ask("drops");
    let denied = denied.as_array().unwrap().iter().filter(|drop| !drop["rule"].is_null());
    assert_eq!(denied.count(), 0, "{:#}", daemon.ask("drops"));
    // What the host changes meanwhile is followed all the same.
    site.gateway.ip("link set vm1 address 02:00:00:00:77:02");
    let followed = eventually(SOON, || daemon.log().contains("followed a change").then_some(()));
    assert!(followed.is_some(), "{}", daemon.log());
    let ended = daemon.stop();
    assert!(ended.is_some_and(|ended| ended.success()), "{}", daemon.log());
}

#[test]
fn a_file_that_hangs_is_given_up_and_does_not_hold_up_the_next_reload() {
    let Some((site, daemon, endless, pipe)) = with_pipe() else { return };
    let refused = daemon.reload(&endless);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("one of them hangs"), "{said}");
    assert_eq!(daemon.ask("status")["reloads"]["refused"], 1);
    site.serve(&site.internet, 80);
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some(), "the old policy is in force");

    let deny = Rule::deny("NoUdp", 100).outbound().protocol("Udp");
    let closed = GatewayFile::open().nsg("vm1", [deny]);
    let reloaded = daemon.reload(&closed.text());
    assert!(reloaded.status.success(), "{}", daemon.log());
    // Now the first load ends; nobody wants it any more.
    fs::write(pipe.0.path().join("pipe"), "[]").unwrap();
    assert!(daemon.reload(&closed.text()).status.success(), "{}", daemon.log());
    daemon.denies("vm1-nsg", "NoUdp", || site.udp(&site.vm1, "198.51.100.1:80"));
    let status = daemon.ask("status");
    assert_eq!((&status["reloads"]["done"], &status["reloads"]["refused"]), (&2.into(), &1.into()));
}

#[test]
fn documents_are_found_and_read_without_rights() {
    let Some((_site, daemon)) = Site::with(NSGATE, &GatewayFile::open()) else { return };
    let directory = daemon.config().with_file_name("azure");
    fs::create_dir(&directory).unwrap();
    let file: serde_json::Value = serde_json::from_str(&GatewayFile::open().text()).unwrap();
    let documents = json!({ "value": file["network"]["resources"] });
    fs::write(directory.join("network.json"), documents.to_string()).unwrap();
    let globs = json!({ "files": ["azure/*.json"] });
    let reloaded = daemon.reload(&GatewayFile::open().with("network", globs).text());
    assert!(reloaded.status.success(), "{}", daemon.log());
    let missing = json!({ "files": ["azure/*.yaml", "elsewhere/*/*.json"] });
    let refused = daemon.reload(&GatewayFile::open().with("network", missing).text());
    assert!(!refused.status.success());
    assert_eq!(daemon.ask("status")["reloads"]["done"], 1);
}

#[test]
fn two_reloads_at_once_are_both_answered() {
    let Some((_site, daemon)) = Site::with(NSGATE, &GatewayFile::open()) else { return };
    thread::scope(|scope| {
        let asking: Vec<_> =
            (0..8).map(|_| scope.spawn(|| daemon.attempt("reload").status.success())).collect();
        assert!(asking.into_iter().all(|asked| asked.join().unwrap()), "{}", daemon.log());
    });
}

#[test]
fn a_worker_that_cannot_go_on_takes_the_daemon_down_and_leaves_the_door_shut() {
    let Some((site, mut daemon)) = Site::with(NSGATE, &GatewayFile::open()) else { return };
    let pid = daemon.ask("status")["pid"].to_string();
    // Fewer descriptors than the worker waits for: the kernel refuses its next wait.
    assert!(Command::new("prlimit").args(["--pid", &pid, "--nofile=2"]).status().unwrap().success());
    let ended = daemon.ended(SOON);
    assert_eq!(ended.and_then(|ended| ended.code()), Some(70), "{}", daemon.log());
    assert!(daemon.log().contains("the worker cannot go on"), "{}", daemon.log());
    all_are_guarded(&site);
}

#[test]
fn one_of_several_workers_that_cannot_go_on_takes_the_daemon_down() {
    for (workers, dying) in [(2, 1), (4, 1), (4, 3)] {
        let Some((site, mut daemon)) =
            Site::with_setting(NSGATE, Setting::veth(workers), &GatewayFile::open())
        else {
            return;
        };
        let pid = daemon.ask("status")["pid"].as_u64().unwrap() as u32;
        // The others do not notice: they hold still.
        let others = (0..workers).filter(|worker| *worker != dying);
        let others: Vec<Pid> = others.map(|worker| thread_of(pid, &format!("worker-{worker}"))).collect();
        others.iter().for_each(|thread| halt(*thread));
        let limited = Command::new("prlimit").args(["--pid", &pid.to_string(), "--nofile=2"]).status();
        assert!(limited.unwrap().success());
        let ended = eventually(SOON, || {
            // A thread that is traced is gone only when this is heard of.
            for thread in &others {
                let _ = waitpid(*thread, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
            }
            daemon.ended(Duration::ZERO)
        });
        let log = daemon.log();
        assert_eq!(ended.and_then(|ended| ended.code()), Some(70), "{workers}, {dying}: {log}");
        let said: Vec<_> = log.lines().filter(|line| line.contains("the worker cannot go on")).collect();
        assert_eq!(said.len(), 1, "{log}");
        assert!(said[0].contains(&format!("worker={dying}")), "{log}");
        all_are_guarded(&site);
    }
}

fn all_are_guarded(site: &Site) {
    for interface in ["vm1", "vm2", "vm3", "eth0"] {
        let filters = site.gateway.run(&format!("tc filter show dev {interface} ingress"));
        assert!(filters.contains("nsgate"), "{interface} is open: {filters}");
    }
}
