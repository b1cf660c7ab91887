//! The watch over the file of service tags: says that it may say something new.
//!
//! What is watched are directories, because files are best replaced by renaming: the one that the file is in and, where it
//! is a link, the one that this leads to. What the kernel does not tell of, as on a file server or behind a chain of links, is
//! seen when the file is looked at now and then.

use arc_swap::ArcSwapOption;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How often the file is looked at, should nobody have told of a change.
const LOOKING: Duration = Duration::from_secs(30);
/// How long a directory must be quiet before the file counts as written.
const QUIET: Duration = Duration::from_millis(250);
/// How long that is waited for.
const WRITING: Duration = Duration::from_secs(5);
/// How far the clock of files may lag behind.
const CLOCK: Duration = Duration::from_secs(1);

/// What may have happened in a directory to a file in it.
const WANTED: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_MODIFY)
    .union(AddWatchFlags::IN_MOVE)
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// The file to be watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    /// Since when its changes count: from before it was last read.
    pub(crate) since: SystemTime,
}

/// The main thread's end: what is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    target: Arc<ArcSwapOption<Target>>,
    waker: Arc<EventFd>,
}

impl Watched {
    /// From now on watches this file, or none.
    pub(crate) fn set(&self, target: Option<Target>) {
        self.target.store(target.map(Arc::new));
        // A counter that is full wakes as well.
        let _ = self.waker.write(1);
    }
}

/// The watching thread's end.
#[derive(Debug)]
pub(crate) struct TagWatch {
    target: Arc<ArcSwapOption<Target>>,
    waker: Arc<EventFd>,
    inotify: Inotify,
    changed: Sender<()>,
}

/// What tells one version of a file from another, without reading it; `None` where it is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp(Option<[i64; 7]>);

impl Stamp {
    fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().map(|it| {
            let (device, inode, size) = (it.dev() as i64, it.ino() as i64, it.size() as i64);
            [device, inode, size, it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()]
        }))
    }

    /// Whether the file has changed since then, as far as its clock can tell.
    fn is_later_than(self, since: SystemTime) -> bool {
        let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since = since.saturating_sub(CLOCK).as_nanos() as i128;
        self.0.is_none_or(|[.., seconds, nanos]| {
            i128::from(seconds) * 1_000_000_000 + i128::from(nanos) >= since
        })
    }
}

impl TagWatch {
    /// The two ends, and what the watch says. Opens what it needs, before the thread is confined.
    ///
    /// # Errors
    /// What the system answered.
    pub(crate) fn open() -> nix::Result<(Watched, Self, Receiver<()>)> {
        let target = Arc::new(ArcSwapOption::empty());
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let waker = Arc::new(EventFd::from_value_and_flags(0, flags)?);
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let (changed, is_changed) = bounded(1);
        let watched = Watched { target: Arc::clone(&target), waker: Arc::clone(&waker) };
        Ok((watched, Self { target, waker, inotify, changed }, is_changed))
    }

    /// Watches until nobody listens any more, or the system does not let it wait.
    pub(crate) fn work(self) {
        let mut watching: Option<Watching> = None;
        loop {
            let target = self.target.load_full();
            if watching.as_ref().map(|it| &it.target) != target.as_ref() {
                watching.take().into_iter().for_each(|old| old.end(&self.inotify));
                watching = target.map(|target| Watching::begin(target, &self.inotify));
            }
            if watching.as_mut().is_some_and(Watching::has_changed)
                && let Err(TrySendError::Disconnected(())) = self.changed.try_send(())
            {
                return;
            }
            let limit = if watching.is_some() { Some(LOOKING) } else { None };
            let Ok(has_events) = self.wait(limit) else { return };
            if has_events {
                self.settle();
                if let Some(watching) = &mut watching {
                    watching.follow(&self.inotify);
                }
            }
        }
    }

    /// Waits for events or to be woken; whether there are events.
    fn wait(&self, limit: Option<Duration>) -> nix::Result<bool> {
        let mut wanted =
            [self.inotify.as_fd(), self.waker.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let limit =
            limit.map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
        match poll(&mut wanted, limit) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error),
        }
        let has_events = wanted[0].any().unwrap_or(false);
        let _ = self.waker.read();
        Ok(has_events)
    }

    /// Takes all events until nothing has happened for a while; whoever writes without end is not waited for without end.
    fn settle(&self) {
        let end = Instant::now() + WRITING;
        loop {
            // Only that there are some counts; where more happened than was kept, that is one.
            while self.inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
            let mut wanted = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
            let quiet = PollTimeout::try_from(QUIET).unwrap_or(PollTimeout::ZERO);
            if Instant::now() >= end || !poll(&mut wanted, quiet).is_ok_and(|ready| ready > 0) {
                return;
            }
        }
    }
}

/// A file that is watched.
struct Watching {
    target: Arc<Target>,
    directories: Vec<WatchDescriptor>,
    /// What it was when it was last looked at; `None` where it may have changed before that.
    seen: Option<Stamp>,
}

impl Watching {
    fn begin(target: Arc<Target>, inotify: &Inotify) -> Self {
        let mut watching = Self { target, directories: Vec::new(), seen: None };
        watching.follow(inotify);
        let stamp = Stamp::of(&watching.target.path);
        watching.seen = (!stamp.is_later_than(watching.target.since)).then_some(stamp);
        watching
    }

    fn end(self, inotify: &Inotify) {
        for old in self.directories {
            // One whose directory is gone went with it.
            let _ = inotify.rm_watch(old);
        }
    }

    /// Watches the directories in which the file is now.
    fn follow(&mut self, inotify: &Inotify) {
        let path = &self.target.path;
        let own = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut directories = vec![own.unwrap_or(Path::new(".")).to_owned()];
        let leads_to = fs::canonicalize(path).ok().and_then(|real| real.parent().map(Path::to_owned));
        directories.extend(leads_to);
        let now = directories.iter().filter_map(|directory| inotify.add_watch(directory, WANTED).ok());
        let now: Vec<_> = now.collect();
        let old = std::mem::replace(&mut self.directories, now);
        for gone in old.into_iter().filter(|old| !self.directories.contains(old)) {
            let _ = inotify.rm_watch(gone);
        }
    }

    fn has_changed(&mut self) -> bool {
        let stamp = Stamp::of(&self.target.path);
        self.seen.replace(stamp) != Some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::thread;

    const SOON: Duration = Duration::from_secs(20);

    struct Case {
        directory: tempfile::TempDir,
        watched: Watched,
        changed: Receiver<()>,
    }

    impl Case {
        fn new() -> Self {
            let (watched, watch, changed) = TagWatch::open().unwrap();
            thread::spawn(move || watch.work());
            Self { directory: tempfile::tempdir().unwrap(), watched, changed }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// Watches `tags.json` as if it had been read long ago.
        fn watch(&self) {
            let since = SystemTime::now() + Duration::from_secs(3600);
            self.watched.set(Some(Target { path: self.path("tags.json"), since }));
            // It is under way once a change of something else has been looked at.
            thread::sleep(Duration::from_millis(50));
        }

        #[track_caller]
        fn is_told(&self) {
            self.changed.recv_timeout(SOON).unwrap();
        }
    }

    #[test]
    fn every_way_of_replacing_the_file_is_told_once() {
        let case = Case::new();
        fs::write(case.path("tags.json"), "1").unwrap();
        case.watch();
        fs::write(case.path("new"), "22").unwrap();
        fs::rename(case.path("new"), case.path("tags.json")).unwrap();
        case.is_told();
        fs::write(case.path("tags.json"), "333").unwrap();
        case.is_told();
        fs::remove_file(case.path("tags.json")).unwrap();
        case.is_told();
        fs::write(case.path("other"), "").unwrap();
        fs::write(case.path("tags.json"), "4444").unwrap();
        case.is_told();
        assert!(case.changed.try_recv().is_err(), "what happens beside it is nobody's business");
    }

    #[test]
    fn a_link_that_is_swapped_is_followed() {
        let case = Case::new();
        for version in ["one", "two"] {
            fs::create_dir(case.path(version)).unwrap();
            fs::write(case.path(version).join("tags.json"), version).unwrap();
        }
        symlink("one", case.path("now")).unwrap();
        symlink("now/tags.json", case.path("tags.json")).unwrap();
        case.watch();
        // As Kubernetes replaces what is mounted.
        symlink("two", case.path("next")).unwrap();
        fs::rename(case.path("next"), case.path("now")).unwrap();
        case.is_told();
        fs::write(case.path("two").join("tags.json"), "two, again").unwrap();
        case.is_told();
    }

    #[test]
    fn what_changed_while_it_was_read_is_told() {
        let case = Case::new();
        let since = SystemTime::now();
        fs::write(case.path("tags.json"), "1").unwrap();
        case.watched.set(Some(Target { path: case.path("tags.json"), since }));
        case.is_told();
        case.watched.set(None);
    }
}
