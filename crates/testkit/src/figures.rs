//! What a running daemon has counted.
#![expect(clippy::expect_used, reason = "the caller is a test")]

use crate::netns::eventually;
use crate::site::Daemon;
use serde_json::Value;
use std::time::Duration;

/// A number of a `status` answer; 0 where there is none.
pub fn number(status: &Value, path: &str) -> u64 {
    status.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

/// The sum of a number over all workers.
pub fn of_workers(status: &Value, key: &str) -> u64 {
    let workers = status["eachWorker"].as_array().expect("status names each worker");
    workers.iter().filter_map(|worker| worker[key].as_u64()).sum()
}

/// Frames that were lost on the way through the gateway, for want of room.
pub fn lost(status: &Value) -> u64 {
    let attachments = status["attachments"].as_array().expect("status names each attachment").iter();
    let at_rings = |one: &Value| number(one, "/ringDrops") + number(one, "/sendFailures");
    attachments.map(at_rings).sum::<u64>() + of_workers(status, "lostBetween")
}

/// Asserts that every frame received has ended, or waits, and nothing twice; within some seconds, once all is quiet.
///
/// # Panics
/// Where it is not so, or it does not get quiet.
pub fn assert_every_frame_is_counted(daemon: &Daemon) {
    let quiet = eventually(Duration::from_secs(5), || {
        // Workers answer one after the other, so only a quiet moment adds up.
        let (one, other) = (daemon.ask("status"), daemon.ask("status"));
        (one["eachWorker"] == other["eachWorker"]).then_some(other)
    });
    let status = quiet.expect("it gets quiet");
    let endings = status["endings"].as_array().expect("status has endings").iter();
    let ended: u64 = endings.map(|ending| number(ending, "/packets")).sum();
    assert_eq!(ended, of_workers(&status, "ended"));
    let handed = of_workers(&status, "handedOver") - of_workers(&status, "lostBetween");
    let between = handed - of_workers(&status, "takenOver");
    let accounted = ended + number(&status, "/framesWaiting") + between;
    assert_eq!(of_workers(&status, "received"), accounted, "{status:#}");
}
