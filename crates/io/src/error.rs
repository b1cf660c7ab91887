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
    /// Several workers cannot share an interface that is down.
    #[error(
        "interface {0} is down: several workers can only share it while it is up; set it up, or use one worker"
    )]
    Down(String),
    /// The backend has one queue.
    #[error("interface {0}: the pnet backend serves one worker; set engine.workers to 1, or use af_packet")]
    OneWorkerOnly(String),
    /// An interface hands over frames that the backend cannot describe.
    #[error(
        "interface {name}: the pnet backend needs {features} off; run `{commands}`, or use af_packet",
        features = .features.join(", "),
        commands = ethtool(.name, .features),
    )]
    OffloadsOn {
        /// The interface.
        name: String,
        /// What is on, as ethtool knows it.
        features: Vec<String>,
    },
    /// Nobody can say whether an interface hands over frames that the backend cannot describe.
    #[error(
        "interface {name}: its offloads cannot be seen ({source}), so the pnet backend refuses it; use af_packet"
    )]
    OffloadsUnknown {
        /// The interface.
        name: String,
        /// What the system answered.
        source: io::Error,
    },
    /// No device can have this name.
    #[error("`{0}` cannot name a TAP device: 1 to 15 letters, digits, `-`, `_` and `.`, not only dots")]
    InvalidName(String),
    /// An existing device of this name is of another kind.
    #[error(
        "interface {0} is no TAP device that {1} can share; one is made by \
         `ip tuntap add dev {0} mode tap multi_queue`"
    )]
    NotTap(String, Workers),
    /// The kernel's TAP devices are kept from this process.
    #[error(
        "/dev/net/tun cannot be opened ({0}): its owner does not let this user, or it came after nsgate had started and \
         given up what it did not need; start nsgate again"
    )]
    TunForbidden(io::Error),
    /// A process holds the gateway's end of a TAP device.
    #[error(
        "TAP device {0} is in use: a process, such as a virtual machine monitor or another nsgate, holds the \
         gateway's end of it; stop that one, or attach the device by `interface: {0}`"
    )]
    TapInUse(String),
    /// The kernel has no TAP devices.
    #[error("/dev/net/tun cannot be opened ({0}): TAP devices need the kernel's tun module, `modprobe tun`")]
    NoTun(io::Error),
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
    /// Whether it is about a device that is not there any more.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::NoSuchInterface { .. } => true,
            Self::System { source, .. } => matches!(source.raw_os_error(), Some(libc::ENODEV | libc::ENXIO)),
            _ => false,
        }
    }

    /// Names the failure of a system call, and the capability where it is one that is missing.
    pub(crate) fn system(doing: &'static str, capability: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::MissingCapability(capability),
            _ => Self::System { doing, source },
        }
    }
}

/// So many workers, in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Workers(pub usize);

impl std::fmt::Display for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} worker{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// The command line that turns features off.
fn ethtool(name: &str, features: &[String]) -> String {
    let off: String = features.iter().map(|feature| format!(" {feature} off")).collect();
    format!("ethtool -K {name}{off}")
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_taps_is_one_line_that_says_what_to_do() {
        let not_found = io::Error::from_raw_os_error(libc::ENOENT);
        for (error, advice) in [
            (Error::NotTap("tap0".into(), Workers(2)), "ip tuntap add dev tap0 mode tap multi_queue"),
            (Error::TapInUse("tap0".into()), "interface: tap0"),
            (Error::NoTun(not_found), "modprobe tun"),
        ] {
            let line = error.to_string();
            assert!(line.contains(advice) && !line.contains("  ") && !line.contains('\n'), "{line}");
        }
    }
}
