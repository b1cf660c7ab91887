//! Answering on the control socket.
//!
//! The directory is its owner's alone, so is the socket, and each peer must be root or the daemon's own user. A
//! slow or silent peer loses its connection after [`PATIENCE`]; at most [`MAX_PEERS`] are served at once.

use super::{Answer, Line, MAX_REPLY, Reply, Request, VERSION, read_request};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{Uid, getegid, geteuid};
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tracing::{debug, warn};

/// The target of what is logged here: filters such as `nsgate=debug` mean the control socket too.
const TARGET: &str = "nsgate::control";
/// How long a peer may take to send its request, and again to take its reply.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most peers served at once.
pub const MAX_PEERS: usize = 16;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum CannotListen {
    /// Another daemon answers there.
    #[error("another nsgate is running: it answers on {}", .0.display())]
    Running(PathBuf),
    /// The path holds something that is not a socket.
    #[error("{} exists and is not a socket; nsgate will not replace it", .0.display())]
    NotASocket(PathBuf),
    /// The directory could be changed by somebody else.
    #[error("{} belongs to another user or is open to writers: no place for a control socket", .0.display())]
    UnsafeDirectory(PathBuf),
    /// The system said no.
    #[error("control socket {}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// The listening socket; its file goes with it.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file we made, so that we never remove another's.
    made: (u64, u64),
}

impl Listener {
    /// Makes the directory (0700) and the socket (0600), replacing the socket of a dead daemon.
    ///
    /// # Errors
    /// See [`CannotListen`].
    pub fn bind(path: &Path) -> Result<Self, CannotListen> {
        let system = |source| CannotListen::System { path: path.to_owned(), source };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or_else(|| Path::new("."));
        make_directory(directory).map_err(system)?;
        check_directory(directory)?;
        remove_stale(path)?;
        let listener = UnixListener::bind(path).map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => CannotListen::Running(path.to_owned()),
            _ => system(source),
        })?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(system)?;
        let metadata = fs::symlink_metadata(path).map_err(system)?;
        Ok(Self { listener, path: path.to_owned(), made: (metadata.dev(), metadata.ino()) })
    }

    /// Removes the socket's file; nobody new can connect after that.
    pub fn remove(&self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| (file.dev(), file.ino()) == self.made);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            debug!(target: TARGET, %error, "the control socket's file stays behind");
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.remove();
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Nobody else may be able to put something in the socket's place. A sticky directory such as `/tmp` will do:
/// there only the owner of a file may replace it.
fn check_directory(directory: &Path) -> Result<(), CannotListen> {
    let system = |source| CannotListen::System { path: directory.to_owned(), source };
    let trusted = |file: &fs::Metadata| file.uid() == 0 || file.uid() == geteuid().as_raw();
    // A link such as /var/run is as good as its owner.
    let (link, target) = (
        fs::symlink_metadata(directory).map_err(system)?,
        fs::metadata(directory)
            .map_err(|source| CannotListen::System { path: directory.to_owned(), source })?,
    );
    let writers = target.mode() & 0o022 != 0 && target.mode() & 0o1000 == 0;
    if target.is_dir() && trusted(&link) && trusted(&target) && !writers {
        Ok(())
    } else {
        Err(CannotListen::UnsafeDirectory(directory.to_owned()))
    }
}

fn remove_stale(path: &Path) -> Result<(), CannotListen> {
    let system = |source| CannotListen::System { path: path.to_owned(), source };
    // Not following links: what stands at the path itself must be a socket.
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(error)),
        Ok(metadata) => metadata,
    };
    if !metadata.file_type().is_socket() {
        return Err(CannotListen::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(system),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(system(error)),
        Ok(_) => Err(CannotListen::Running(path.to_owned())),
    }
}

/// Serves peers until the process ends, each by a task that `spawn` runs at the same time as the others; there are at
/// most [`MAX_PEERS`] at once.
///
/// `answer` may be called by several tasks at once.
pub fn serve<F>(listener: &Listener, spawn: impl Fn(Task) -> io::Result<()>, answer: F)
where
    F: Fn(Request) -> Result<Answer, String> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    let peers = Arc::new(AtomicUsize::new(0));
    for stream in listener.listener.incoming() {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                warn!(target: TARGET, %error, "a control connection could not be accepted");
                // Out of file descriptors, most likely: trying at once would only spin.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let Some(seat) = Seat::take(&peers) else {
            send(&stream, Err(format!("too many control connections: {MAX_PEERS} are open")), Duration::ZERO);
            continue;
        };
        let answer = Arc::clone(&answer);
        let served = spawn(Box::new(move || {
            let _seat = seat;
            let reply = permitted(&stream).and_then(|()| receive(&stream)).and_then(|line| {
                let request = read_request(&line)?;
                debug!(target: TARGET, ?request, "control");
                answer(request)
            });
            send(&stream, reply, PATIENCE);
        }));
        if let Err(error) = served {
            warn!(target: TARGET, %error, "a control connection could not be served");
        }
    }
}

/// The serving of one peer.
pub type Task = Box<dyn FnOnce() + Send>;

/// One of the [`MAX_PEERS`] seats, given back when dropped.
struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(peers: &Arc<AtomicUsize>) -> Option<Self> {
        let seat = Self(Arc::clone(peers));
        (peers.fetch_add(1, Ordering::AcqRel) < MAX_PEERS).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn permitted(stream: &UnixStream) -> Result<(), String> {
    let peer =
        getsockopt(stream, PeerCredentials).map_err(|error| format!("who asks is not known: {error}"))?;
    let uid = Uid::from_raw(peer.uid());
    if uid.is_root() || uid == geteuid() {
        return Ok(());
    }
    warn!(
        target: TARGET,
        uid = peer.uid(),
        gid = peer.gid(),
        daemon_gid = getegid().as_raw(),
        "a control connection was refused"
    );
    Err(format!("user {} may not control this daemon", peer.uid()))
}

/// Reads up to the first newline, within [`PATIENCE`] for all of it.
fn receive(mut stream: &UnixStream) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + PATIENCE;
    let mut line = Line::default();
    let mut chunk = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("no whole request within {PATIENCE:?}"));
        }
        stream.set_read_timeout(Some(left)).map_err(|error| error.to_string())?;
        let bytes = match stream.read(&mut chunk) {
            Ok(0) => return Err("the connection ended before the end of the request (a newline)".into()),
            Ok(read) => &chunk[..read],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => continue,
            Err(error) => return Err(error.to_string()),
        };
        if let Some(line) = line.take(bytes)? {
            return Ok(line);
        }
    }
}

/// Writes the reply within `patience`, and at once where that is zero.
fn send(mut stream: &UnixStream, reply: Result<Answer, String>, patience: Duration) {
    let reply = match reply {
        Ok(answer) => Reply { version: VERSION, answer: Some(answer), error: None },
        Err(error) => Reply { version: VERSION, answer: None, error: Some(error) },
    };
    let Ok(mut line) = serde_json::to_vec(&reply) else { return };
    if line.len() >= MAX_REPLY {
        let error =
            format!("the answer has {} MiB, more than {}: ask offline", line.len() >> 20, MAX_REPLY >> 20);
        let reply = Reply { version: VERSION, answer: None::<Answer>, error: Some(error) };
        line = serde_json::to_vec(&reply).unwrap_or_default();
    }
    line.push(b'\n');
    if patience.is_zero() {
        // The kernel's buffer takes a line this short, or the peer goes without.
        let _ = stream.set_nonblocking(true).and_then(|()| stream.write_all(&line));
        return;
    }
    let deadline = Instant::now() + patience;
    let mut rest = line.as_slice();
    while !rest.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_write_timeout(Some(left)).is_err() {
            return;
        }
        match stream.write(rest) {
            Ok(0) => return,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
    // What the peer still sends must be read, or closing would throw the reply away.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let mut rest = [0; 4096];
    for _ in 0..64 {
        if !matches!(stream.read(&mut rest), Ok(read) if read > 0) {
            break;
        }
    }
}
