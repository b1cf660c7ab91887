//! The entries of flow logs under one policy, or under two.

use crate::tally::{ONLY_ONE, Pair, Tally, Told, Verdict};
use explain::Arrivals;
use flowlog::{Entry, Form, Mac, Record, Rule};
use model::{Access, Direction, NicIndex};
use packet::{Address, Protocol};
use pipeline::DropReason;
use policy::Tuple;
use snapshot::{Gateway, Snapshot};
use std::collections::HashMap;
use std::sync::Arc;

/// From so many letters on Azure may cut the name of a rule in its logs.
const CUT_FROM: usize = 65;

/// Why an entry is not judged: a short name, and one sentence.
type Unjudged = (&'static str, &'static str);

const PLATFORM: Unjudged = ("platform", "The platform decided over it, not a rule.");
const NO_NIC: Unjudged =
    ("no-such-nic", "No network interface has its hardware address or its local address.");
const AMBIGUOUS: Unjudged = ("ambiguous", "Several network interfaces have its local address.");
const NOT_ITS_OWN: Unjudged = ("not-its-address", "Its local address is none of its network interface's.");
const UNREADABLE: Unjudged = ("unreadable", "It cannot be read.");

/// The entries of flow logs, one record after the other.
#[derive(Debug)]
pub struct Logs {
    now: Side,
    against: Option<Side>,
}

/// One policy, and whose is what in its network.
#[derive(Debug)]
struct Side {
    snapshot: Arc<Snapshot>,
    arrivals: Arrivals,
    macs: HashMap<Mac, NicIndex>,
}

impl Logs {
    /// Judges by `now`, and holds it against what the logs say, or against the older policy where there is one.
    pub fn new(now: (&Gateway, &Arc<Snapshot>), against: Option<(&Gateway, &Arc<Snapshot>)>) -> Self {
        Self { now: Side::new(now), against: against.map(Side::new) }
    }

    /// Judges the entries of a record. `file` is the log's name.
    pub fn record(&self, file: &str, record: &Record, tally: &mut Tally) {
        for entry in &record.entries {
            self.entry(file, record, entry, tally);
        }
        for _ in &record.faults {
            tally.not_judged(UNREADABLE.0, UNREADABLE.1);
        }
    }

    fn entry(&self, file: &str, record: &Record, entry: &Entry, tally: &mut Tally) {
        if !entry.tuple.begins() {
            return tally.continues();
        }
        let Some(recorded) = recorded(record, entry) else {
            return tally.not_judged(PLATFORM.0, PLATFORM.1);
        };
        let before = self.against.as_ref().map(|against| against.verdict(record, entry));
        let (place, was, now) = match (self.now.verdict(record, entry), before) {
            (Ok((place, now)), None) => (place, in_its_words(recorded, &now), now),
            (Ok((place, now)), Some(Ok((_, was)))) => (place, was, now),
            (Err((slug, text)), None) => return tally.one_sided(slug, text),
            (Err((slug, text)), Some(Err(_))) => return tally.not_judged(slug, text),
            (Ok(_), Some(Err(_))) | (Err(_), Some(Ok(_))) => return tally.one_sided(ONLY_ONE.0, ONLY_ONE.1),
        };
        let direction = match entry.tuple.direction {
            flowlog::Direction::Inbound => "Inbound",
            flowlog::Direction::Outbound => "Outbound",
        };
        tally.pair(Pair { place, direction, was, now }, || told(file, entry));
    }
}

impl Side {
    fn new((gateway, snapshot): (&Gateway, &Arc<Snapshot>)) -> Self {
        let nics = gateway.network.network_interfaces.iter().enumerate();
        Self {
            snapshot: Arc::clone(snapshot),
            arrivals: Arrivals::new(gateway),
            macs: nics.filter_map(|(nth, nic)| Some((nic.mac?, NicIndex(nth)))).collect(),
        }
    }

    /// What the rules say, with the name of the network interface.
    fn verdict(&self, record: &Record, entry: &Entry) -> Result<(String, Verdict), Unjudged> {
        let nic = self.nic(record, entry)?;
        let direction = match entry.tuple.direction {
            flowlog::Direction::Inbound => Direction::Inbound,
            flowlog::Direction::Outbound => Direction::Outbound,
        };
        let verdict = self.snapshot.test_ip_flow(nic, direction, &tuple(entry)).ok_or(NOT_ITS_OWN)?;
        // No rule is asked about what the network does not carry.
        let is_carried = Protocol(entry.tuple.protocol).is_carried(entry.tuple.source.is_ipv4());
        let (allow, rule) = match is_carried {
            true => (verdict.access == Access::Allow, verdict.rule),
            false => (false, None),
        };
        let reason = match (&rule, allow) {
            _ if !is_carried => Some(DropReason::UnsupportedProtocol.slug()),
            (Some(_), _) => None,
            (None, true) if verdict.is_guarded => Some(PLATFORM.0),
            (None, true) => Some("no-nsg"),
            (None, false) => Some("secure-by-default"),
        };
        let name = self.snapshot.network.network_interfaces.get(nic.0).map(|nic| nic.name.to_string());
        let verdict = Verdict {
            allow,
            nsg: rule.as_ref().map(|rule| rule.nsg.to_string()),
            rule: rule.as_ref().map(snapshot::RuleName::azure),
            reason,
        };
        Ok((name.unwrap_or_default(), verdict))
    }

    /// The network interface that logged it: by its hardware address, or by its own.
    fn nic(&self, record: &Record, entry: &Entry) -> Result<NicIndex, Unjudged> {
        let by_mac = [entry.mac, record.mac].into_iter().flatten().find_map(|mac| self.macs.get(&mac));
        if let Some(nic) = by_mac {
            return Ok(*nic);
        }
        let local = match entry.tuple.direction {
            flowlog::Direction::Inbound => entry.tuple.destination,
            flowlog::Direction::Outbound => entry.tuple.source,
        };
        let mut nics = self.arrivals.nics(local);
        let nic = nics.next().ok_or(NO_NIC)?;
        if nics.next().is_some() { Err(AMBIGUOUS) } else { Ok(nic) }
    }
}

fn tuple(entry: &Entry) -> Tuple {
    let it = &entry.tuple;
    let protocol = Protocol(it.protocol);
    let port = |port| protocol.has_ports().then_some(port);
    Tuple {
        protocol,
        source: Address::from(it.source),
        source_port: port(it.source_port),
        destination: Address::from(it.destination),
        destination_port: port(it.destination_port),
    }
}

/// What the log says was decided; `None` where no rule of an NSG did.
fn recorded(record: &Record, entry: &Entry) -> Option<Verdict> {
    let rule = match Rule::of(&entry.rule) {
        Rule::User(name) => format!("securityRules/{name}"),
        Rule::Default(name) => format!("defaultSecurityRules/{name}"),
        Rule::Platform => return None,
    };
    // A VNet flow log's own resource is no NSG, and an NSG of which it has the number alone has no name.
    let nsg = if record.form == Form::Nsg { record.resource.as_deref() } else { entry.acl.as_deref() };
    let nsg = nsg.and_then(|id| id.rsplit_once('/')).map(|(_, name)| name.to_owned());
    Some(Verdict {
        allow: entry.tuple.access() == flowlog::Access::Allow,
        nsg,
        rule: Some(rule),
        reason: None,
    })
}

/// What was recorded, in the spelling of what is decided now: logs write ids in upper case and cut long names.
fn in_its_words(recorded: Verdict, now: &Verdict) -> Verdict {
    let is_nsg = match (&recorded.nsg, &now.nsg) {
        (Some(then), Some(now)) => then.eq_ignore_ascii_case(now),
        (None, _) => true,
        (Some(_), None) => false,
    };
    let is_rule = match (&recorded.rule, &now.rule) {
        (Some(then), Some(now)) => {
            let is_cut = then.rsplit('/').next().is_some_and(|name| name.len() >= CUT_FROM);
            let begins = now.get(..then.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(then));
            then.eq_ignore_ascii_case(now) || is_cut && begins
        }
        _ => false,
    };
    Verdict {
        nsg: if is_nsg { now.nsg.clone().or(recorded.nsg) } else { recorded.nsg },
        rule: if is_rule { now.rule.clone() } else { recorded.rule },
        ..recorded
    }
}

fn told(file: &str, entry: &Entry) -> Told {
    let it = &entry.tuple;
    Told {
        time: it.time,
        at: format!("{file}:{}, tuple {}", entry.line, entry.number),
        protocol: Protocol(it.protocol).to_string(),
        source: (it.source, it.source_port),
        destination: (it.destination, it.destination_port),
    }
}
