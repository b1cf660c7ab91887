//! What the file can be told by the host: its interfaces.

use crate::codes;
use io::Backend;
use model::{At, Diagnostic};
use packet::{AttachmentId, Mac};
use std::collections::HashMap;
use std::net::IpAddr;

/// The most interfaces that one daemon numbers in its life.
const MAX_IDS: usize = 0x7fff;
/// The MTU of an interface that nobody looked at.
const MTU: u32 = 1500;

/// Looks an interface up by name.
pub type Find<'a> = &'a dyn Fn(&str) -> Result<io::Interface, io::Error>;

/// How far the host counts.
pub enum Host<'a> {
    /// Not at all: questions about policy need no interface.
    Unseen,
    /// As far as it goes: a missing interface is worth a warning, because the file may be meant for another host.
    Seen(Find<'a>),
    /// Fully: a missing interface is an error.
    Needed(Find<'a>),
}

/// What is known of an attachment's interface.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) mac: Mac,
    pub(crate) mtu: u32,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) interface: Option<io::Interface>,
}

impl Host<'_> {
    /// Looks at one interface; what stands against it is written to `out`.
    pub(crate) fn look(
        &self,
        id: AttachmentId,
        name: &At<String>,
        backend: Backend,
        out: &mut Vec<Diagnostic>,
    ) -> Seen {
        let found = match self {
            Self::Unseen => return Seen::imagined(id),
            // What does not exist yet is described as it will be made.
            Self::Seen(_) | Self::Needed(_) if backend == Backend::Tap => io::tap::describe(&name.value),
            Self::Seen(find) | Self::Needed(find) => find(&name.value),
        };
        let error = match found {
            Ok(interface) => return Seen::of(interface),
            Err(error) => error,
        };
        let missing = matches!(error, io::Error::NoSuchInterface { .. });
        let message = error.to_string();
        out.push(match (self, missing) {
            (Self::Seen(_), true) => {
                let warning = Diagnostic::warning(codes::INTERFACE_MISSING, &name.at, message);
                warning.help("`nsgate run` needs it")
            }
            (_, true) => Diagnostic::error(codes::INTERFACE_MISSING, &name.at, message),
            (_, false) => Diagnostic::error(codes::INTERFACE, &name.at, message),
        });
        Seen::imagined(id)
    }
}

impl Seen {
    fn of(interface: io::Interface) -> Self {
        Self {
            mac: interface.mac,
            mtu: interface.mtu,
            addresses: interface.addresses.iter().map(|(address, _)| *address).collect(),
            interface: Some(interface),
        }
    }

    /// An interface that nobody looked at, with a locally administered hardware address.
    fn imagined(id: AttachmentId) -> Self {
        let [high, low] = id.0.to_be_bytes();
        Self { mac: [0x02, 0, 0, 0, high, low], mtu: MTU, addresses: Vec::new(), interface: None }
    }
}

/// The numbers of interfaces: a name keeps its number for the daemon's life.
#[derive(Clone, Debug, Default)]
pub struct Ids(HashMap<String, AttachmentId>);

impl Ids {
    /// The number of an interface, a new one where it was never seen; `None` when all are taken.
    pub(crate) fn number(&mut self, interface: &str) -> Option<AttachmentId> {
        if let Some(id) = self.0.get(interface) {
            return Some(*id);
        }
        let next = u16::try_from(self.0.len()).ok().filter(|next| usize::from(*next) < MAX_IDS)?;
        self.0.insert(interface.to_owned(), AttachmentId(next));
        Some(AttachmentId(next))
    }
}
