//! What happens to a thread that wants back what it gave up.
#![expect(clippy::unwrap_used, reason = "tests")]

use answer::Landlock;
use confine::{Role, confine};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;

/// The signal of a forbidden system call.
const SIGSYS: i32 = 31;

/// Runs one of the child tests below as a process of its own.
fn child(test: &str) -> ExitStatus {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--ignored", "--test-threads=1"]).env("NSGATE_TEST_CHILD", "1");
    child.status().unwrap()
}

/// A process that goes with the test, whatever becomes of that.
struct Sibling(Child);

impl Drop for Sibling {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The path of a control socket.
fn socket() -> &'static Path {
    Path::new("/nowhere/control.sock")
}

#[test]
fn a_forbidden_call_kills_its_process_and_no_other() {
    let mut sibling = Sibling(Command::new("sleep").arg("60").spawn().unwrap());
    for test in [
        "child_worker_makes_a_socket",
        "child_control_makes_a_socket",
        "child_loader_writes",
        "child_watch_makes_a_socket",
        "child_main_runs_a_program",
    ] {
        let ended = child(test);
        assert_eq!(ended.signal(), Some(SIGSYS), "{test}: {ended:?}");
    }
    assert!(sibling.0.try_wait().unwrap().is_none(), "the sibling lives");
}

#[test]
fn allowed_calls_go_on_and_landlock_refuses_without_killing() {
    let ended = child("child_loader_reads");
    assert!(ended.success(), "{ended:?}");
    let ended = child("child_worker_finds_no_files");
    assert!(ended.success(), "{ended:?}");
    let ended = child("child_watch_finds_files_and_reads_none");
    assert!(ended.success(), "{ended:?}");
    let ended = child("child_main_may_not_write_elsewhere");
    assert!(ended.success(), "{ended:?}");
}

/// Does `work` confined, on a thread of its own as the daemon does it; where it comes back, the process ends with 0.
fn confined(role: Role, work: impl FnOnce(Landlock) + Send + 'static) {
    if std::env::var_os("NSGATE_TEST_CHILD").is_none() {
        return;
    }
    let thread = thread::spawn(move || {
        work(confine(role, socket()).unwrap().landlock);
    });
    thread.join().unwrap();
}

#[test]
#[ignore = "the child of another test"]
fn child_worker_makes_a_socket() {
    confined(Role::Worker, |_| drop(std::net::UdpSocket::bind("127.0.0.1:0")));
}

#[test]
#[ignore = "the child of another test"]
fn child_control_makes_a_socket() {
    confined(Role::Control, |_| drop(std::net::UdpSocket::bind("127.0.0.1:0")));
}

#[test]
#[ignore = "the child of another test"]
fn child_loader_writes() {
    confined(Role::Loader, |_| drop(fs::write("/tmp/nsgate-test-never-there", "x")));
}

#[test]
#[ignore = "the child of another test"]
fn child_watch_makes_a_socket() {
    confined(Role::Watch, |_| drop(std::net::UdpSocket::bind("127.0.0.1:0")));
}

#[test]
#[ignore = "the child of another test"]
fn child_watch_finds_files_and_reads_none() {
    confined(Role::Watch, |_| {
        assert!(fs::metadata("/proc/self/status").unwrap().is_file());
        assert!(fs::canonicalize("/proc/../proc/self/./status").unwrap().starts_with("/proc"));
        let opened = fs::File::open("/proc/self/status");
        assert!(opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied));
    });
}

#[test]
#[ignore = "the child of another test"]
fn child_main_runs_a_program() {
    confined(Role::Main, |_| drop(Command::new("true").status()));
}

#[test]
#[ignore = "the child of another test"]
fn child_loader_reads() {
    confined(Role::Loader, |_| {
        assert!(fs::read_to_string("/proc/self/status").unwrap().contains("NoNewPrivs"));
        assert!(fs::read_dir("/etc").unwrap().count() > 0);
        assert!(io::interface::names().contains(&"lo".to_owned()));
    });
}

#[test]
#[ignore = "the child of another test"]
fn child_worker_finds_no_files() {
    confined(Role::Worker, |_| {
        let opened = fs::File::open("/proc/sys/vm/overcommit_memory");
        assert!(opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied));
        // Memory that goes back to the system is where the allocator looks.
        let much: Vec<Vec<u8>> = (0..2000).map(|_| vec![1; 64 << 10]).collect();
        drop(much);
    });
}

#[test]
#[ignore = "the child of another test"]
fn child_main_may_not_write_elsewhere() {
    confined(Role::Main, |landlock| {
        let opened = fs::OpenOptions::new().append(true).open("/proc/self/comm");
        let is_refused = opened.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        assert!(is_refused || landlock == Landlock::Absent);
    });
}
