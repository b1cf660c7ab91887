//! One line of a flow log: read and printed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// Which log a tuple belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// NSG flow logs, of version 1 or 2.
    Nsg,
    /// VNet flow logs, of version 4.
    Vnet,
}

/// One flow, or one moment of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tuple {
    /// When, since 1970: in whole seconds, or milliseconds in a VNet flow log.
    pub time: Duration,
    /// The initiator's address.
    pub source: IpAddr,
    /// The other end's address.
    pub destination: IpAddr,
    /// The initiator's port.
    pub source_port: u16,
    /// The other end's port.
    pub destination_port: u16,
    /// The protocol's number.
    pub protocol: u8,
    /// Which way, seen from the network interface.
    pub direction: Direction,
    /// What only this version says, or says in its own way.
    pub said: Said,
}

/// The part of a tuple that differs from version to version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Said {
    /// NSG flow logs, version 1: one line for each new flow and each denied attempt.
    One(Access),
    /// NSG flow logs, version 2.
    Two(Access, State, Option<Counters>),
    /// VNet flow logs, version 4: an allowed flow.
    Allowed(State, Encryption, Option<Counters>),
    /// VNet flow logs, version 4: a denied attempt.
    Denied(Encryption, Option<Counters>),
}

/// What was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// `A`.
    Allow,
    /// `D`.
    Deny,
}

/// A direction, seen from the network interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `I`.
    Inbound,
    /// `O`.
    Outbound,
}

/// Where in its life a flow is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// `B`.
    Begin,
    /// `C`.
    Continue,
    /// `E`.
    End,
}

/// Packets and bytes since the tuple before of the same flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// From the source.
    pub packets_sent: u64,
    /// From the source.
    pub bytes_sent: u64,
    /// From the destination.
    pub packets_received: u64,
    /// From the destination.
    pub bytes_received: u64,
}

/// Whether a flow inside a virtual network is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are Azure's own")]
pub enum Encryption {
    X,
    Nx,
    NxHwNotSupported,
    NxSwNotReady,
    NxNotAccepted,
    NxNotSupported,
    NxLocalDst,
    NxFallback,
}

impl Tuple {
    /// Reads a tuple of one of the two logs.
    ///
    /// # Errors
    /// One sentence that names the field.
    pub fn parse(form: Form, text: &str) -> Result<Self, String> {
        let mut fields = [""; 13];
        let mut count = 0;
        for field in text.split(',') {
            *fields.get_mut(count).ok_or("a tuple of more than 13 fields")? = field.trim();
            count += 1;
        }
        let [time, source, destination, source_port, destination_port, protocol, direction, ..] = fields;
        let [.., seventh, eighth, _, _, _, _] = fields;
        let expected = if form == Form::Nsg { "8 or 13" } else { "13" };
        let said = match (form, count) {
            (Form::Nsg, 8) => Said::One(access(seventh)?),
            (Form::Nsg, 13) => Said::Two(access(seventh)?, state(eighth)?, counters(&fields)?),
            (Form::Vnet, 13) if seventh == "D" => Said::Denied(eighth.parse()?, counters(&fields)?),
            (Form::Vnet, 13) => Said::Allowed(state(seventh)?, eighth.parse()?, counters(&fields)?),
            _ => return Err(format!("a tuple of {count} fields, where {expected} are expected")),
        };
        let units = number("time", time)?;
        Ok(Self {
            time: match form {
                Form::Nsg => Duration::from_secs(units),
                Form::Vnet => Duration::from_millis(units),
            },
            source: number("source address", source)?,
            destination: number("destination address", destination)?,
            source_port: number("source port", source_port)?,
            destination_port: number("destination port", destination_port)?,
            protocol: match (form, protocol) {
                (Form::Nsg, "T") => 6,
                (Form::Nsg, "U") => 17,
                (Form::Nsg, other) => return Err(format!("protocol \"{other}\": expected T or U")),
                (Form::Vnet, other) => number("protocol", other)?,
            },
            direction: match direction {
                "I" => Direction::Inbound,
                "O" => Direction::Outbound,
                other => return Err(format!("direction \"{other}\": expected I or O")),
            },
            said,
        })
    }

    /// Which log it belongs to.
    pub fn form(&self) -> Form {
        match self.said {
            Said::One(..) | Said::Two(..) => Form::Nsg,
            Said::Allowed(..) | Said::Denied(..) => Form::Vnet,
        }
    }

    /// What was decided.
    pub fn access(&self) -> Access {
        match self.said {
            Said::One(access) | Said::Two(access, ..) => access,
            Said::Allowed(..) => Access::Allow,
            Said::Denied(..) => Access::Deny,
        }
    }

    /// Whether it tells of a flow's first packet, which the rules decided over, and not of how the flow goes on or ends.
    pub fn begins(&self) -> bool {
        match self.said {
            Said::One(_) | Said::Denied(..) | Said::Two(Access::Deny, ..) => true,
            Said::Two(_, state, _) | Said::Allowed(state, ..) => state == State::Begin,
        }
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, source_port, destination_port, protocol, .. } = self;
        match self.form() {
            Form::Nsg => write!(f, "{}", self.time.as_secs())?,
            Form::Vnet => write!(f, "{}", self.time.as_millis())?,
        }
        write!(f, ",{source},{destination},{source_port},{destination_port},")?;
        match (self.form(), protocol) {
            (Form::Nsg, 17) => f.write_str("U")?,
            (Form::Nsg, _) => f.write_str("T")?,
            (Form::Vnet, number) => write!(f, "{number}")?,
        }
        let direction = if self.direction == Direction::Inbound { 'I' } else { 'O' };
        write!(f, ",{direction},")?;
        match self.said {
            Said::One(access) => write!(f, "{}", access.letter()),
            Said::Two(access, state, counters) => {
                write!(f, "{},{},{}", access.letter(), state.letter(), Fields(counters))
            }
            Said::Allowed(state, encryption, counters) => {
                write!(f, "{},{},{}", state.letter(), encryption.name(), Fields(counters))
            }
            Said::Denied(encryption, counters) => write!(f, "D,{},{}", encryption.name(), Fields(counters)),
        }
    }
}

/// Counters as the four last fields of a tuple; empty where there are none.
struct Fields(Option<Counters>);

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Counters { packets_sent, bytes_sent, packets_received, bytes_received }) = self.0 else {
            return f.write_str(",,,");
        };
        write!(f, "{packets_sent},{bytes_sent},{packets_received},{bytes_received}")
    }
}

impl Access {
    fn letter(self) -> char {
        if self == Self::Allow { 'A' } else { 'D' }
    }
}

impl State {
    fn letter(self) -> char {
        match self {
            Self::Begin => 'B',
            Self::Continue => 'C',
            Self::End => 'E',
        }
    }
}

impl Encryption {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::X,
        Self::Nx,
        Self::NxHwNotSupported,
        Self::NxSwNotReady,
        Self::NxNotAccepted,
        Self::NxNotSupported,
        Self::NxLocalDst,
        Self::NxFallback,
    ];

    /// As logs have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X => "X",
            Self::Nx => "NX",
            Self::NxHwNotSupported => "NX_HW_NOT_SUPPORTED",
            Self::NxSwNotReady => "NX_SW_NOT_READY",
            Self::NxNotAccepted => "NX_NOT_ACCEPTED",
            Self::NxNotSupported => "NX_NOT_SUPPORTED",
            Self::NxLocalDst => "NX_LOCAL_DST",
            Self::NxFallback => "NX_FALLBACK",
        }
    }
}

impl FromStr for Encryption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|known| known.name() == text);
        known.ok_or_else(|| format!("encryption \"{text}\": expected NX or another of Azure's words"))
    }
}

fn number<T: FromStr>(what: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("the {what} \"{text}\" cannot be read"))
}

fn access(text: &str) -> Result<Access, String> {
    match text {
        "A" => Ok(Access::Allow),
        "D" => Ok(Access::Deny),
        other => Err(format!("decision \"{other}\": expected A or D")),
    }
}

fn state(text: &str) -> Result<State, String> {
    match text {
        "B" => Ok(State::Begin),
        "C" => Ok(State::Continue),
        "E" => Ok(State::End),
        other => Err(format!("state \"{other}\": expected B, C, E, or D in a VNet flow log")),
    }
}

/// The four last fields: all there, or all empty.
fn counters(fields: &[&str; 13]) -> Result<Option<Counters>, String> {
    let [.., a, b, c, d] = *fields;
    if [a, b, c, d].iter().all(|field| field.is_empty()) {
        return Ok(None);
    }
    Ok(Some(Counters {
        packets_sent: number("count of packets sent", a)?,
        bytes_sent: number("count of bytes sent", b)?,
        packets_received: number("count of packets received", c)?,
        bytes_received: number("count of bytes received", d)?,
    }))
}
