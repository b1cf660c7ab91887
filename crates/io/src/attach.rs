//! What is said of an attachment, whatever carries its frames.

use packet::AttachmentId;
use std::fmt;
use std::str::FromStr;

/// What carries an attachment's frames, by its name in the gateway file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backend {
    /// `auto`: AF_PACKET for an existing interface, TAP for one that is to be created. Never pnet.
    #[default]
    Auto,
    /// `af_packet`: packet rings on an existing interface, any number of workers, super-frames whole.
    AfPacket,
    /// `tap`: the queues of a TAP device, any number of workers, super-frames whole.
    Tap,
    /// `pnet`: one system call a frame, one worker, no offloads; for comparison, and where nothing else works.
    Pnet,
}

/// How an attachment comes by its interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// It exists, and this carries its frames.
    Existing(Backend),
    /// It is a TAP device, made where there is none.
    Made,
}

impl Wire {
    /// Whether the gateway has its end of a TAP device, and not the host's interface.
    pub const fn is_tap(self) -> bool {
        matches!(self, Self::Made | Self::Existing(Backend::Tap))
    }

    /// Whether what was opened goes on when its interface gets another hardware address or MTU; else it is to be opened anew.
    pub const fn follows(self) -> bool {
        !matches!(self, Self::Existing(Backend::Pnet))
    }
}

/// Which frames of an interface are ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reception {
    /// Those for the interface's own Ethernet address, broadcasts and multicasts.
    #[default]
    Own,
    /// All that can be heard; the interface is promiscuous while it is attached. For whoever joins interfaces as a cable
    /// would; a gateway, which has an address of its own, takes [`Self::Own`].
    All,
}

/// The state of an attachment's link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LinkState {
    /// Nothing is known against it.
    #[default]
    Up,
    /// The interface is down; frames flow again when it is up.
    Down,
    /// The interface has been removed; one that returns under its name has to be attached anew.
    Gone,
}

/// A link that changed its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Which attachment.
    pub attachment: AttachmentId,
    /// The kernel's number for its interface when it was opened; another one that has come in its place has another.
    pub interface: u32,
    /// What it has become.
    pub state: LinkState,
}

impl Backend {
    /// All of them, in the order in which they are listed to users.
    pub const ALL: [Self; 4] = [Self::Auto, Self::AfPacket, Self::Tap, Self::Pnet];

    /// What an existing interface is opened with.
    pub const fn settled(self) -> Self {
        match self {
            Self::Auto => Self::AfPacket,
            chosen => chosen,
        }
    }

    /// The name that stands for it in the gateway file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::AfPacket => "af_packet",
            Self::Tap => "tap",
            Self::Pnet => "pnet",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Self, UnknownBackend> {
        Self::ALL.into_iter().find(|backend| backend.name() == name).ok_or(UnknownBackend)
    }
}

/// No backend has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no such backend; there are auto, af_packet, tap and pnet")]
pub struct UnknownBackend;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_is_found_by_its_name() {
        for backend in Backend::ALL {
            assert_eq!(backend.to_string().parse(), Ok(backend));
        }
        assert_eq!("af-packet".parse::<Backend>(), Err(UnknownBackend));
    }
}
