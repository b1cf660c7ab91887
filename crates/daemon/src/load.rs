//! The loaders: threads without rights that read the gateway file and everything it names, or its service tags alone.
//!
//! Files may be slow or hang, and documents may be hostile; here neither holds up the main thread, nor has anything to
//! gain. One loads at a time. A load that takes longer than [`LIMIT`] is given up, and since nothing can call a thread back
//! that waits for a dead file server, the next load is another thread's.

use crossbeam::channel::{Receiver, Sender, after, bounded, never};
use gateway::{Broken, Host, Ids, Loaded, NotTaken, Retagged};
use io::{Interface, Interfaces, Wanted};
use model::Network;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many there are; all but one may hang.
pub(crate) const LOADERS: usize = 4;
/// How long a load may take. Two of them fit into the time for which a peer waits for its reload: it may have to let
/// another one end before.
const LIMIT: Duration = Duration::from_secs(10);

/// What is to be loaded.
#[derive(Debug)]
pub(crate) enum Job {
    /// The gateway file and everything it names.
    Gateway(FileJob),
    /// The file of service tags, for a network in force.
    Tags { file: PathBuf, network: Arc<Network> },
}

/// What the loading of a gateway file goes by.
#[derive(Debug)]
pub(crate) struct FileJob {
    pub(crate) file: PathBuf,
    pub(crate) ids: Ids,
    /// Interfaces that are away keep their place: one that vanishes must not keep the others from new rules.
    pub(crate) away: Vec<Interface>,
    /// TAP devices that are attached; by now they may be in other network namespaces, where nobody can look at them.
    pub(crate) taps: Vec<Interface>,
}

/// What became of it, or why nothing did.
pub(crate) type Read = Result<Found, String>;

/// What has been read.
#[derive(Debug)]
pub(crate) enum Found {
    /// A gateway with the interfaces' numbers, or everything that is wrong, a line each.
    Gateway(GatewayRead),
    /// The network with other service tags; `None` where they are the same.
    Tags(Result<Option<Box<Retagged>>, NotTaken>),
}

/// A gateway with the interfaces' numbers, or everything that is wrong, a line each.
pub(crate) type GatewayRead = Result<Box<(Ids, Loaded)>, String>;

/// Something with the number of the load that it belongs to.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    number: u64,
    it: T,
}

/// The way to the loaders.
#[derive(Debug)]
pub(crate) struct Loader {
    jobs: Sender<Numbered<Job>>,
    /// What has been read; [`Self::take`] says whether anybody still wants it.
    pub(crate) done: Receiver<Numbered<Read>>,
    /// Says when the present load takes too long; then [`Self::give_up`].
    pub(crate) overdue: Receiver<Instant>,
    /// The number of the load that began last.
    number: u64,
    /// Whether that one is still waited for.
    is_loading: bool,
    /// How many loaders are at work, those that were given up included.
    busy: usize,
}

impl Loader {
    /// The two ends: what the main thread holds, and what every loader works on.
    pub(crate) fn channels() -> (Self, Receiver<Numbered<Job>>, Sender<Numbered<Read>>) {
        let ((jobs, inbox), (results, done)) = (bounded(LOADERS), bounded(LOADERS));
        let loader = Self { jobs, done, overdue: never(), number: 0, is_loading: false, busy: 0 };
        (loader, inbox, results)
    }

    /// Begins a load; there is none at the moment.
    ///
    /// # Errors
    /// Where every loader hangs.
    pub(crate) fn begin(&mut self, job: Job) -> Result<(), String> {
        if self.busy == LOADERS {
            return Err(format!(
                "{LOADERS} earlier loads still hang in reading their files; there can be another when one of them ends"
            ));
        }
        self.number += 1;
        self.busy += 1;
        self.is_loading = true;
        self.overdue = after(LIMIT);
        // One of the loaders is free, and has room for it.
        let _ = self.jobs.try_send(Numbered { number: self.number, it: job });
        Ok(())
    }

    /// What a loader has read, unless it was given up before.
    pub(crate) fn take(&mut self, done: Numbered<Read>) -> Option<Read> {
        self.busy = self.busy.saturating_sub(1);
        let is_wanted = self.is_loading && done.number == self.number;
        is_wanted.then(|| {
            self.end();
            done.it
        })
    }

    /// What to say of the present load, which takes too long; `None` where there is none.
    pub(crate) fn give_up(&mut self) -> Option<Read> {
        let was_loading = self.is_loading;
        self.end();
        was_loading.then(|| {
            Err(format!(
                "the gateway file and the files that it names could not be read within {LIMIT:?}: one of them hangs, as a \
                 pipe that nobody writes to or a file of a server that is gone"
            ))
        })
    }

    fn end(&mut self) {
        self.is_loading = false;
        self.overdue = never();
    }
}

/// Loads until nobody wants anything any more.
pub(crate) fn work(jobs: &Receiver<Numbered<Job>>, results: &Sender<Numbered<Read>>) {
    for Numbered { number, it } in jobs {
        let found = match it {
            Job::Gateway(job) => Found::Gateway(load(job).map(Box::new)),
            Job::Tags { file, network } => {
                Found::Tags(gateway::retag(&file, &network).map(|new| new.map(Box::new)))
            }
        };
        if results.send(Numbered { number, it: Ok(found) }).is_err() {
            return;
        }
    }
}

fn load(FileJob { file, mut ids, away, taps }: FileJob) -> Result<(Ids, Loaded), String> {
    let host = Interfaces::look();
    let among = |list: &[Interface], name: &str| list.iter().find(|one| one.name == name).cloned();
    let find = |wanted: &Wanted<'_>| match among(&taps, wanted.name).filter(|_| wanted.wire.is_tap()) {
        Some(tap) => Ok(tap),
        None => match host.describe(wanted) {
            Err(error @ io::Error::NoSuchInterface { .. }) => among(&away, wanted.name).ok_or(error),
            found => found,
        },
    };
    let loaded = gateway::load(&file, &mut ids, &Host::Needed(&find));
    let loaded = loaded.map_err(|found| Broken(found).one_line_each())?;
    if loaded.gateway.attachments.is_empty() {
        return Err("there are no attachments".into());
    }
    Ok((ids, loaded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let (file, ids) = (PathBuf::new(), Ids::default());
        Job::Gateway(FileJob { file, ids, away: Vec::new(), taps: Vec::new() })
    }

    fn read(number: u64) -> Numbered<Read> {
        Numbered { number, it: Err(number.to_string()) }
    }

    #[test]
    fn a_load_that_was_given_up_is_nobodys_however_late_it_ends() {
        let (mut loader, jobs, _results) = Loader::channels();
        assert!(loader.give_up().is_none(), "nothing to give up");
        loader.begin(job()).unwrap();
        assert!(loader.give_up().unwrap().is_err_and(|why| why.contains("hangs")));
        loader.begin(job()).unwrap();
        assert_eq!(jobs.len(), 2);
        assert!(loader.take(read(1)).is_none(), "the first one's, which nobody wants any more");
        assert!(loader.take(read(2)).unwrap().is_err_and(|why| why == "2"));
        assert!(loader.give_up().is_none(), "it is done");
        assert_eq!(loader.busy, 0);
    }

    #[test]
    fn when_all_hang_that_is_said_until_one_ends() {
        let (mut loader, jobs, _results) = Loader::channels();
        for number in 1..=LOADERS {
            loader.begin(job()).unwrap();
            assert_eq!(jobs.len(), number, "each has a loader");
            assert!(loader.give_up().is_some());
        }
        for _ in 0..3 {
            assert!(loader.begin(job()).is_err_and(|why| why.contains("still hang")));
        }
        assert_eq!(jobs.len(), LOADERS);
        assert!(loader.take(read(2)).is_none());
        loader.begin(job()).unwrap();
        assert!(loader.take(read(LOADERS as u64 + 1)).is_some());
    }
}
