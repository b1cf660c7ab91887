//! What can go wrong with an attachment, in words for whoever runs the gateway.

use std::io;

/// Why an attachment, its lock or its ingress drop could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The process lacks a capability.
    #[error("no permission: this needs {0}; run as root, or give the service AmbientCapabilities={0}")]
    MissingCapability(&'static str),
    /// No interface has this name.
    #[error("no interface is named `{name}`{}", suggestion(.nearest.as_deref()))]
    NoSuchInterface {
        /// The name asked for.
        name: String,
        /// The existing name that is most like it.
        nearest: Option<String>,
    },
    /// The interface does not carry Ethernet frames.
    #[error("interface `{0}` has no Ethernet address, so it cannot be attached")]
    NotEthernet(String),
    /// Another daemon has the interface.
    #[error(
        "interface {0} is attached by another nsgate daemon in this network namespace; stop that one first"
    )]
    AlreadyAttached(String),
    /// More host addresses than the ingress drop takes.
    #[error("{count} host addresses on one interface, and the ingress drop knows at most {limit}")]
    TooManyAddresses {
        /// How many there are.
        count: usize,
        /// How many are possible.
        limit: usize,
    },
    /// A system call failed.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the system answered.
        source: io::Error,
    },
}

impl Error {
    /// Names the failure of a system call, and the capability where it is one that is missing.
    pub(crate) fn system(doing: &'static str, capability: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::MissingCapability(capability),
            _ => Self::System { doing, source },
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
