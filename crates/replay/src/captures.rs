//! The packets of captures under one policy, or under two.

use crate::tally::{ONLY_ONE, Pair, Tally, Told, Verdict};
use crate::trial::{Ready, Trial};
use explain::role;
use packet::Packet;
use pipeline::{DropReason, Ending, Explanation, Foreseen};

/// A fragment whose first one has not come.
const WAITS: (&str, &str) = ("waits", "A fragment that waits for the first one of its datagram.");
/// An answer to a translated flow, or nobody's; the port was the choice of the gateway that stood where it was captured.
const LEASED: (&str, &str) = (
    "translated-port",
    "It is for a shared public address, at a port that no flow has here: another gateway chose it.",
);
/// The packets of captures, one after the other.
#[derive(Debug)]
pub struct Captures {
    now: Trial,
    against: Option<Trial>,
}

impl Captures {
    /// Judges by `now`, and holds it against the older policy where there is one.
    pub fn new(now: Trial, against: Option<Trial>) -> Self {
        Self { now, against }
    }

    /// The policy on trial.
    pub fn now(&self) -> &Trial {
        &self.now
    }

    /// Judges a packet and lets it go on its way. `file` is the capture's name.
    pub fn packet(&mut self, file: &str, record: &pcap::Record, tally: &mut Tally) {
        self.now.advance(record.time);
        if let Some(against) = &mut self.against {
            against.advance(record.time);
        }
        let ready = self.now.ready(record);
        let before = self.against.as_ref().map(|against| against.ready(record));
        match (ready, before) {
            (Err((slug, text)), None | Some(Err(_))) => tally.not_judged(slug, text),
            (Ok(ready), None) => self.alone(file, record, ready, tally),
            (Ok(ready), Some(Ok(before))) => self.both(file, record, (ready, before), tally),
            (ready, before) => {
                tally.one_sided(ONLY_ONE.0, ONLY_ONE.1);
                if let Ok(ready) = ready {
                    self.now.pass(ready);
                }
                if let (Some(against), Some(Ok(before))) = (&mut self.against, before) {
                    against.pass(before);
                }
            }
        }
    }

    fn alone(&mut self, file: &str, record: &pcap::Record, mut ready: Ready, tally: &mut Tally) {
        let foreseen = self.now.foresee(&mut ready);
        match verdict(&self.now, &foreseen) {
            _ if is_leased(&foreseen) => tally.not_judged(LEASED.0, LEASED.1),
            None => tally.not_judged(WAITS.0, WAITS.1),
            Some(now) if now.allow => tally.judged(true),
            Some(now) => tally.dropped(place(&self.now, &ready), now, || told(file, record, &ready.packet)),
        }
        self.now.pass(ready);
    }

    fn both(
        &mut self,
        file: &str,
        record: &pcap::Record,
        (mut ready, mut before): (Ready, Ready),
        tally: &mut Tally,
    ) {
        let Some(against) = &mut self.against else { return };
        let (foreseen, foregone) = (self.now.foresee(&mut ready), against.foresee(&mut before));
        let (now, was) = (verdict(&self.now, &foreseen), verdict(against, &foregone));
        match (was, now) {
            _ if is_leased(&foreseen) || is_leased(&foregone) => tally.not_judged(LEASED.0, LEASED.1),
            (Some(was), Some(now)) if was == now => tally.same(now.allow),
            (Some(mut was), Some(mut now)) => {
                // Only here the rule that allowed is worth its words.
                name_allowing(&mut was, || against.explain(&mut before));
                name_allowing(&mut now, || self.now.explain(&mut ready));
                let pair = Pair { place: place(&self.now, &ready), direction: "", was, now };
                tally.pair(pair, || told(file, record, &ready.packet));
            }
            _ => tally.not_judged(WAITS.0, WAITS.1),
        }
        self.now.pass(ready);
        against.pass(before);
    }
}

/// What was foreseen as a decision; `None` where it waits.
fn verdict(trial: &Trial, foreseen: &Foreseen) -> Option<Verdict> {
    let rule = foreseen.denied_by.and_then(|rule| trial.snapshot().rule_name(rule));
    Some(match foreseen.ending? {
        Ending::Dropped(reason) => Verdict {
            allow: false,
            nsg: rule.map(|rule| rule.nsg.to_string()),
            rule: rule.map(snapshot::RuleName::azure),
            reason: rule.is_none().then(|| reason.slug()),
        },
        _ => Verdict { allow: true, ..Verdict::default() },
    })
}

/// Whether it is for a port of a shared address that no flow has.
fn is_leased(foreseen: &Foreseen) -> bool {
    foreseen.ending == Some(Ending::Dropped(DropReason::NoMapping))
}

fn name_allowing(verdict: &mut Verdict, explain: impl FnOnce() -> Explanation) {
    if !verdict.allow {
        return;
    }
    let last = explain().stages.into_iter().rev().find_map(|stage| stage.decided);
    verdict.reason = last.is_none().then_some("no-rule-asked");
    verdict.nsg = last.as_ref().map(|last| last.name.nsg.to_string());
    verdict.rule = last.map(|last| last.name.azure());
}

fn place(trial: &Trial, ready: &Ready) -> String {
    let gateway = trial.gateway();
    gateway.attachments.get(ready.attachment).map(|attachment| role(gateway, attachment)).unwrap_or_default()
}

fn told(file: &str, record: &pcap::Record, packet: &Packet) -> Told {
    let ports = if packet.protocol.has_ports() { packet.ports() } else { (0, 0) };
    Told {
        time: record.time,
        at: format!("{file}#{}", record.number),
        protocol: packet.protocol.to_string(),
        source: (packet.source.ip(), ports.0),
        destination: (packet.destination.ip(), ports.1),
    }
}
