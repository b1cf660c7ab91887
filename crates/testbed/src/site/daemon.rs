//! A site's daemon: asked, reloaded and ended.

use super::{PATIENCE, Setting};
use crate::netns::{Process, eventually};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// How long a start may take where many start at once.
const STARTING: Duration = Duration::from_secs(60);

/// How long an end may take where this host does much else; the daemon has a limit of its own.
const ENDING: Duration = Duration::from_secs(60);

/// A running `nsgate run`, killed on drop.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    nsgate: PathBuf,
    directory: PathBuf,
    setting: Setting,
}

impl Daemon {
    pub(super) fn new(process: Process, nsgate: &Path, directory: PathBuf, setting: Setting) -> Self {
        Self { process, nsgate: nsgate.to_owned(), directory, setting }
    }

    /// What it wrote to stderr so far, over all starts at this site.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("nsgate.log")).unwrap_or_default()
    }

    /// The path of the gateway file.
    pub fn config(&self) -> PathBuf {
        self.directory.join("gateway.yaml")
    }

    /// The answer of `nsgate <command>` over the control socket.
    ///
    /// # Panics
    /// Where the command fails or answers no JSON.
    pub fn ask(&self, command: &str) -> Value {
        let output = self.attempt(&format!("{command} --output json"));
        assert!(output.status.success(), "nsgate {command}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("nsgate {command} is no JSON ({error})"))
    }

    /// Runs `nsgate <command>` over the control socket; it may fail.
    pub fn attempt(&self, command: &str) -> std::process::Output {
        let mut nsgate = std::process::Command::new(&self.nsgate);
        nsgate.args(command.split_whitespace()).arg("--socket").arg(self.directory.join("control.sock"));
        nsgate.output().expect("running nsgate")
    }

    /// How many packets were dropped so far for `reason`, `nsg` and `rule`; an empty string is any.
    pub fn dropped(&self, reason: &str, nsg: &str, rule: &str) -> u64 {
        let matches = |drop: &Value, key: &str, wanted: &str| wanted.is_empty() || drop[key] == wanted;
        let drops = self.ask("drops");
        let drops = drops.as_array().expect("drops is a list").iter();
        drops
            .filter(|drop| {
                matches(drop, "reason", reason) && matches(drop, "nsg", nsg) && matches(drop, "rule", rule)
            })
            .filter_map(|drop| drop["packets"].as_u64())
            .sum()
    }

    /// Asserts that as many packets are dropped for `reason` as is `enough`, soon: a worker may still be at it.
    #[track_caller]
    pub fn drops(&self, reason: &str, enough: impl Fn(u64) -> bool) {
        let counted = eventually(PATIENCE, || enough(self.dropped(reason, "", "")).then_some(()));
        assert!(counted.is_some(), "{reason}: {:#}", self.ask("drops"));
    }

    /// Asserts that `work` makes the daemon drop packets by `rule` of `nsg`; gives back what `work` does.
    pub fn denies<T>(&self, nsg: &str, rule: &str, work: impl FnOnce() -> T) -> T {
        let before = self.dropped("", nsg, rule);
        let result = work();
        let counted = eventually(PATIENCE, || (self.dropped("", nsg, rule) > before).then_some(()));
        assert!(counted.is_some(), "nothing dropped by {nsg}/{rule}: {:#}", self.ask("drops"));
        result
    }

    /// Writes a new gateway file and has it reloaded; the exit status is the answer's.
    pub fn reload(&self, text: &str) -> std::process::Output {
        self.write(text);
        self.attempt("reload")
    }

    /// Writes a new gateway file and tells nobody.
    pub fn write(&self, text: &str) {
        fs::write(self.config(), self.setting.apply(text)).expect("writing the gateway file");
    }

    /// Sends the signal `name`, such as `HUP`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// SIGTERM, then its exit status, or `None` where it does not end. How long it took it says itself.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.process.signal("TERM");
        self.process.wait(ENDING)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.signal("KILL");
        self.process.wait(PATIENCE).expect("a killed process ends");
    }

    /// Its exit status, where it ends within `limit`.
    pub fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.process.wait(limit)
    }

    /// Waits until it answers on its socket.
    ///
    /// # Panics
    /// Where it does not within some seconds, with its log.
    #[must_use]
    pub fn wait_until_ready(mut self) -> Self {
        let ready = eventually(STARTING, || {
            let answers = self.attempt("status").status.success();
            (answers || self.process.ended().is_some()).then_some(answers)
        });
        assert_eq!(ready, Some(true), "nsgate is not ready:\n{}", self.log());
        self
    }
}
