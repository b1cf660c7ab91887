//! What the file can be told by the host: its interfaces.

use crate::codes;
use diagnostic::{At, Diagnostic};
use io::{Backend, Wanted, Wire};
use packet::{AttachmentId, Mac};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// The most interfaces that have a number at one time.
const MAX_IDS: u16 = 0x7fff;
/// The MTU of an interface that nobody looked at.
const MTU: u32 = 1500;

/// Looks up what an attachment asks for; see [`io::Interfaces::describe`].
pub type Find<'a> = &'a dyn Fn(&Wanted<'_>) -> Result<io::Interface, io::Error>;

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
        wire: Wire,
        queues: usize,
        out: &mut Vec<Diagnostic>,
    ) -> Seen {
        let found = match self {
            Self::Unseen => return Seen::imagined(id),
            Self::Seen(find) | Self::Needed(find) => find(&Wanted { name: &name.value, wire, queues }),
        };
        let error = match found {
            Ok(interface) => return Seen::of(interface),
            Err(error) => error,
        };
        let missing = matches!(error, io::Error::NoSuchInterface { .. });
        let message = error.to_string();
        let diagnostic = match (self, missing) {
            (Self::Seen(_), true) => Diagnostic::warning(codes::INTERFACE_MISSING, &name.at, message),
            (_, true) => Diagnostic::error(codes::INTERFACE_MISSING, &name.at, message),
            (_, false) => Diagnostic::error(codes::INTERFACE, &name.at, message),
        };
        out.push(match self.help(&error, wire, &name.value) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
        Seen::imagined(id)
    }

    /// What to do about an interface that cannot be had.
    fn help(&self, error: &io::Error, wire: Wire, name: &str) -> Option<String> {
        let is_existing = wire == Wire::Existing(Backend::Tap);
        match error {
            io::Error::NoSuchInterface { .. } if is_existing => {
                Some(format!("`interface` names one that exists; write `tap: {name}` and nsgate creates it"))
            }
            io::Error::NoSuchInterface { .. } if matches!(self, Self::Seen(_)) => {
                Some("`nsgate run` needs it".into())
            }
            io::Error::NotTap(..) if is_existing => Some(
                "engine.io: tap is for files whose interfaces are all TAP devices; leave it out, and write `tap` for \
                 each device that nsgate shall create"
                    .into(),
            ),
            io::Error::NotTap(..) => Some(format!("remove {name} and nsgate creates it, or choose another name")),
            _ => None,
        }
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

/// The numbers of interfaces: a name keeps its number until that is given back.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    numbers: HashMap<String, AttachmentId>,
    /// Those below that are nobody's now.
    free: BTreeSet<AttachmentId>,
    /// The first that was never anybody's.
    next: u16,
}

impl Ids {
    /// The number of an interface, a new one where it has none; `None` when all are taken.
    pub(crate) fn number(&mut self, interface: &str) -> Option<AttachmentId> {
        if let Some(id) = self.numbers.get(interface) {
            return Some(*id);
        }
        let id = self.free.pop_first().or_else(|| {
            let next = Some(self.next).filter(|next| *next < MAX_IDS)?;
            self.next += 1;
            Some(AttachmentId(next))
        })?;
        self.numbers.insert(interface.to_owned(), id);
        Some(id)
    }

    /// The numbers that interfaces have.
    pub fn taken(&self) -> impl Iterator<Item = AttachmentId> {
        self.numbers.values().copied()
    }

    /// Gives numbers back, each to whichever interface is new next. Nothing may mean the old ones by them any more.
    pub fn give_back(&mut self, ids: &BTreeSet<AttachmentId>) {
        self.numbers.retain(|_, id| !ids.contains(id) || !self.free.insert(*id));
    }
}
