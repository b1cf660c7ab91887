//! What `/proc` says about a process.
#![expect(clippy::panic, reason = "the caller is a test")]

use std::fmt;
use std::fs;
use std::path::PathBuf;

/// What a process holds at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holdings {
    /// Memory of its own in RAM, in KiB.
    pub private: u64,
    /// All its memory in RAM, in KiB: rings and the program's own pages count too.
    pub resident: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
    /// Stretches of its address space.
    pub mappings: usize,
}

impl Holdings {
    /// What process `pid` holds now.
    ///
    /// # Panics
    /// Where there is no such process.
    pub fn of(pid: u32) -> Self {
        let status = read(pid, "status");
        let kib = |key: &str| field(&status, key).split_whitespace().next().and_then(|kib| kib.parse().ok());
        Self {
            private: kib("RssAnon").unwrap_or(0),
            resident: kib("VmRSS").unwrap_or(0),
            descriptors: entries(pid, "fd").len(),
            threads: entries(pid, "task").len(),
            mappings: read(pid, "maps").lines().count(),
        }
    }
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { private, resident, descriptors, threads, mappings } = self;
        write!(
            f,
            "{private} KiB of its own, {resident} KiB in all, {descriptors} descriptors, {threads} threads, {mappings} mappings"
        )
    }
}

/// What one thread of a process may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rights {
    /// The thread's name.
    pub name: String,
    /// Whether it is the main thread.
    pub is_main: bool,
    /// Its effective capabilities, one bit each.
    pub capabilities: u64,
    /// Whether a filter of system calls is in force.
    pub is_filtered: bool,
}

/// What each thread of process `pid` may do.
///
/// # Panics
/// Where there is no such process.
pub fn rights(pid: u32) -> Vec<Rights> {
    let of_thread = |thread: PathBuf| {
        let status = fs::read_to_string(thread.join("status")).ok()?;
        Some(Rights {
            name: field(&status, "Name").into(),
            is_main: field(&status, "Pid") == pid.to_string(),
            capabilities: u64::from_str_radix(field(&status, "CapEff"), 16).ok()?,
            is_filtered: field(&status, "Seccomp") == "2",
        })
    };
    entries(pid, "task").into_iter().filter_map(of_thread).collect()
}

fn field<'a>(status: &'a str, key: &str) -> &'a str {
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.map_or("", str::trim)
}

fn read(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_else(|error| panic!("process {pid}: {error}"))
}

fn entries(pid: u32, name: &str) -> Vec<PathBuf> {
    let listed = fs::read_dir(format!("/proc/{pid}/{name}"));
    let listed = listed.unwrap_or_else(|error| panic!("process {pid}: {error}"));
    listed.flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_hold_something_ourselves() {
        let own = std::process::id();
        let before = Holdings::of(own);
        assert!(before.private > 0 && before.resident >= before.private && before.mappings > 5, "{before}");
        let _files = [0; 50].map(|_| fs::File::open("/proc/self/stat"));
        assert!(Holdings::of(own).descriptors >= before.descriptors + 40);
        assert!(rights(own).iter().filter(|thread| thread.is_main).count() == 1);
    }
}
