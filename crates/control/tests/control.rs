//! The control socket: who may use it, and what becomes of nonsense.
#![expect(clippy::unwrap_used, reason = "tests")]

use answer::Reloaded;
use control::{Answer, CannotListen, Listener, MAX_PEERS, MAX_REQUEST, Refusal, Request, ask, serve};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long to wait for what is expected to come; only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that reloads and refuses everything else.
fn server() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/control.sock");
    let listener = Listener::bind(&path).unwrap();
    thread::spawn(move || {
        let spawn = |task| thread::Builder::new().spawn(task).map(drop);
        serve(&listener, spawn, |request| match request {
            Request::Reload {} => Ok(Answer::Reload(Reloaded {
                attached: vec!["eth0".into()],
                detached: vec![],
                warnings: vec![],
            })),
            other => Err(format!("no answer to {other:?}")),
        });
    });
    (directory, path)
}

/// Sends bytes and returns the reply, empty where there is none.
fn say(path: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may close on us in the middle; what counts is its reply.
    let _ = stream.write_all(bytes);
    let mut reply = String::new();
    let _ = BufReader::new(stream).read_line(&mut reply);
    reply
}

/// Tries until there is an answer.
fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "nothing comes of it");
        thread::sleep(Duration::from_millis(5));
    }
}

fn error_of(reply: &str) -> String {
    let reply: Value = serde_json::from_str(reply).unwrap();
    assert_eq!(reply["version"], 1);
    reply["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_question_is_answered_and_a_refusal_is_one() {
    let (_directory, path) = server();
    let done: Reloaded = ask(&path, &Request::Reload {}).unwrap();
    assert_eq!(done.attached, ["eth0"]);
    let refused = ask::<Reloaded>(&path, &Request::Snat {}).unwrap_err();
    assert!(refused.is::<Refusal>(), "{refused:#}");
}

#[test]
fn the_socket_is_its_owners_alone() {
    let (_directory, path) = server();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[test]
fn nonsense_is_told_why() {
    let (_directory, path) = server();
    for (bytes, why) in [
        (&b"\n"[..], "not a JSON object"),
        (b"\0\xff\xfe\n", "not a JSON object"),
        (b"{\"version\":1,\"request\":\"explode\"}\n", "explode"),
        (b"{\"version\":7,\"request\":\"status\"}\n", "version 7"),
        (b"GET / HTTP/1.1\r\n\r\n", "not a JSON object"),
    ] {
        let error = error_of(&say(&path, bytes));
        assert!(error.contains(why), "{error}");
    }
    let long = vec![b'x'; MAX_REQUEST + 10];
    assert!(error_of(&say(&path, &long)).contains("longer than"));
    let mut half = UnixStream::connect(&path).unwrap();
    half.write_all(b"{\"version\":1").unwrap();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    let mut reply = String::new();
    half.read_to_string(&mut reply).unwrap();
    assert!(error_of(&reply).contains("newline"));
}

#[test]
fn slow_peers_are_cut_off_and_too_many_are_turned_away() {
    let (_directory, path) = server();
    // On a busy host the first may be cut off before the last has come; then they come again.
    let slow = eventually(|| {
        let slow: Vec<UnixStream> = (0..MAX_PEERS).map(|_| UnixStream::connect(&path).unwrap()).collect();
        let is_turned_away = say(&path, b"{}\n").contains("too many");
        slow[0].set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reply = String::new();
        BufReader::new(&slow[0]).read_line(&mut reply).unwrap();
        (is_turned_away && reply.contains("no whole request")).then_some(slow)
    });
    drop(slow);
    // Their places are free again as soon as this is noticed.
    let _: Reloaded = eventually(|| ask(&path, &Request::Reload {}).ok());
}

#[test]
fn only_a_dead_daemons_socket_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    let first = Listener::bind(&path).unwrap();
    let second = Listener::bind(&path).unwrap_err();
    assert!(matches!(second, CannotListen::Running(_)), "{second}");
    assert!(second.to_string().starts_with("another nsgate is running"), "{second}");
    drop(first);
    assert!(!path.exists());

    fs::write(&path, "precious").unwrap();
    assert!(matches!(Listener::bind(&path), Err(CannotListen::NotASocket(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn links_lead_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let victim = directory.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let path = directory.path().join("control.sock");
    symlink(&victim, &path).unwrap();
    assert!(matches!(Listener::bind(&path), Err(CannotListen::NotASocket(_))));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");

    let open = directory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Listener::bind(&open.join("control.sock")), Err(CannotListen::UnsafeDirectory(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_message_brings_the_server_down(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        thread_local!(static SERVER: (TempDir, PathBuf) = server());
        bytes.push(b'\n');
        SERVER.with(|(_, path)| {
            let _ = error_of(&say(path, &bytes));
            let _: Reloaded = ask(path, &Request::Reload {}).unwrap();
        });
    }
}

#[test]
fn a_daemon_that_hangs_up_is_no_broken_pipe_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    for _ in 0..20 {
        let error = ask::<Reloaded>(&path, &Request::Reload {}).unwrap_err();
        let broken_pipe = error.downcast_ref::<std::io::Error>();
        assert!(broken_pipe.is_none_or(|error| error.kind() != std::io::ErrorKind::BrokenPipe), "{error:#}");
    }
}
