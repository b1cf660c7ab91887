//! What a rule looks at, and what it answers.

use packet::{Address, FlowKey, Protocol};

/// The five fields that rules look at.
///
/// A port is `None` for a packet without ports (ICMP, ESP, a protocol we do not know); then only the full set of ports
/// holds it. So it does not stand for every port: those that hold one each may be several rules. Ports beside a protocol
/// without ports count as `None`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tuple {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The sender's private address.
    pub source: Address,
    /// The sender's port.
    pub source_port: Option<u16>,
    /// The receiver's private address.
    pub destination: Address,
    /// The receiver's port.
    pub destination_port: Option<u16>,
}

impl From<&FlowKey> for Tuple {
    fn from(key: &FlowKey) -> Self {
        let ports = key.protocol.has_ports();
        Self {
            protocol: key.protocol,
            source: key.source,
            source_port: ports.then_some(key.source_port),
            destination: key.destination,
            destination_port: ports.then_some(key.destination_port),
        }
    }
}

/// The place of a rule among the rules of its group and direction, by priority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleIndex(pub u16);

/// Who decides over a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Match<Rule = RuleIndex> {
    /// The first rule that matches; a default rule where no other does.
    Rule(Rule),
    /// The platform, which allows it: outbound to one of its own addresses, with no rule naming its tag.
    Platform,
}

/// Which of a rule's fields hold a packet; a rule matches where all five do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FieldMatches {
    /// The protocol; of a rule that names a platform tag, the protocols of that service too.
    pub protocol: bool,
    /// The sender's address.
    pub source: bool,
    /// The sender's port.
    pub source_port: bool,
    /// The receiver's address. Never true of an outbound packet to a platform address, but where the rule names its tag.
    pub destination: bool,
    /// The receiver's port.
    pub destination_port: bool,
}

impl FieldMatches {
    /// Whether the rule matches.
    pub const fn all(self) -> bool {
        self.protocol && self.source && self.source_port && self.destination && self.destination_port
    }
}
