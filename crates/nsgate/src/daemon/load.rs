//! The loader: a thread without rights that reads the gateway file and everything it names.
//!
//! Files may be slow or hang, and documents may be hostile; here neither holds up the main thread, nor has anything to
//! gain.

use crate::command::Broken;
use crossbeam::channel::{Receiver, Sender, bounded};
use gateway::{Host, Ids, Loaded};
use io::Interface;
use std::path::PathBuf;

/// What is to be loaded.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) file: PathBuf,
    pub(super) ids: Ids,
    /// Interfaces that are away keep their place: one that vanishes must not keep the others from new rules.
    pub(super) away: Vec<Interface>,
}

/// What became of it: the gateway with the interfaces' numbers, or everything that is wrong, a line each.
pub(super) type Read = Result<(Ids, Loaded), String>;

/// The way to the loader, which has one job at a time.
#[derive(Debug)]
pub(super) struct Loader {
    pub(super) jobs: Sender<Job>,
    pub(super) done: Receiver<Read>,
}

impl Loader {
    /// The two ends: what the main thread holds, and what the loader works on.
    pub(super) fn channels() -> (Self, Receiver<Job>, Sender<Read>) {
        let ((jobs, inbox), (results, done)) = (bounded(1), bounded(1));
        (Self { jobs, done }, inbox, results)
    }
}

/// Loads until nobody wants anything any more.
pub(super) fn work(jobs: &Receiver<Job>, results: &Sender<Read>) {
    for job in jobs {
        if results.send(load(job)).is_err() {
            return;
        }
    }
}

fn load(Job { file, mut ids, away }: Job) -> Read {
    let find = |name: &str| match io::interface::find(name) {
        Err(error @ io::Error::NoSuchInterface { .. }) => {
            away.iter().find(|interface| interface.name == name).cloned().ok_or(error)
        }
        found => found,
    };
    let loaded = gateway::load(&file, &mut ids, &Host::Needed(&find));
    let loaded = loaded.map_err(|found| Broken(found).one_line_each())?;
    if loaded.gateway.attachments.is_empty() {
        return Err("there are no attachments".into());
    }
    Ok((ids, loaded))
}
