//! What each thread of the daemon gives up once it has what it needs.
//!
//! | thread | capabilities | files | system calls |
//! |---|---|---|---|
//! | [main](Role::Main): interfaces, guards, reloads | `CAP_NET_ADMIN`, `CAP_NET_RAW`, `CAP_BPF` | removes its socket, opens what is in `/dev/net`, reads the network's settings | sockets, `bpf(2)`, memory |
//! | [workers](Role::Worker) | none | none | sending, receiving, waiting, memory |
//! | [control](Role::Control): the socket's peers, signals, the watch over interfaces | none | none | what is open already, memory |
//! | [watch](Role::Watch) over the file of service tags | none | none; learns where they are, and that they change | what is open already, `inotify(7)`, memory |
//! | [loader](Role::Loader): the gateway file | none | reads | reading, looking interfaces up, memory |
//!
//! The process calls [`no_new_privileges`] before it starts its first thread, and says which rights are [`missing`]
//! before it takes an interface. Each thread opens what it needs, calls [`confine()`] with its role, and begins:
//!
//! ```no_run
//! # fn main() -> Result<(), confine::Error> {
//! confine::no_new_privileges()?;
//! let worker = std::thread::spawn(|| {
//!     let left = confine::confine(confine::Role::Worker, "/run/nsgate/control.sock".as_ref())?;
//!     assert!(left.capabilities.is_empty());
//!     // Packets, and nothing else, from here on.
//!     Ok::<(), confine::Error>(())
//! });
//! # drop(worker);
//! # Ok(())
//! # }
//! ```
//!
//! Nobody gets anything back: `NoNewPrivs` is set, and no thread can make another thread or run a program. A forbidden
//! system call kills the process (SIGSYS), but for opening a file, which fails; the guards stay, so nothing passes. What
//! Landlock forbids fails with `EACCES`; a kernel without Landlock goes without, and `status` says so.

mod calls;
mod capabilities;
mod files;

pub use capabilities::{missing, without_rights_over_files};

use answer::Confinement;
use std::path::Path;

/// What a thread is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Interfaces, guards and reloads.
    Main,
    /// Packets.
    Worker,
    /// The control socket and its peers, signals, and the watch over the host's interfaces.
    Control,
    /// Reading the gateway file and what it names.
    Loader,
    /// Hearing that a file has changed, which another thread reads.
    Watch,
}

/// Why a thread cannot be confined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process could gain rights again.
    #[error("setting NoNewPrivs: {0}")]
    NoNewPrivileges(#[from] nix::Error),
    /// Capabilities stay.
    #[error("giving up capabilities: {0}")]
    Capabilities(#[from] caps::errors::CapsError),
    /// System calls stay.
    #[error("installing the system call filter: {0}; the kernel needs CONFIG_SECCOMP_FILTER")]
    Calls(String),
    /// Files stay.
    #[error("installing the Landlock rules: {0}")]
    Files(#[from] landlock::RulesetError),
}

/// Gives up, for this thread and those that it starts, whatever could bring new rights.
///
/// # Errors
/// Where the kernel refuses, which none does.
pub fn no_new_privileges() -> Result<(), Error> {
    Ok(nix::sys::prctl::set_no_new_privs()?)
}

/// Takes from the calling thread what its role does not need, for good. Returns what is left.
///
/// `socket` is the control socket, which the main thread removes in the end.
///
/// # Errors
/// Where the kernel refuses any of it; the thread must not go on then.
pub fn confine(role: Role, socket: &Path) -> Result<Confinement, Error> {
    no_new_privileges()?;
    let capabilities = capabilities::keep(role)?;
    let landlock = files::restrict(role, socket)?;
    calls::filter(role)?;
    Ok(Confinement { seccomp: true, landlock, capabilities })
}
