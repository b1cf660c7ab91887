//! A real engine in the time of a capture, with everybody around it answering.

use answer::Walk;
use explain::{Arrivals, Asked, Captured, Nowhere};
use flow::TooLarge;
use packet::make::neighbour_reply;
use packet::{AttachmentId, Frame, Offload, Packet, Parsed, Time, Transport, Tuple, parse, translate};
use pipeline::{Engine, Explanation, Foreseen, Settings, Shared, Way};
use snapshot::{Gateway, Names, Snapshot};
use std::sync::Arc;
use std::time::Duration;

/// Where the engine's clock stands when the first packet comes.
const START: Time = Time::from_nanos(1_000_000_000);

/// What the engine's hash tables and SNAT ports follow from. The same seeds give the same ports.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// Of the flow records.
    pub flows: [u64; 2],
    /// Of the SNAT ports.
    pub pools: [u64; 2],
    /// Of everything else.
    pub shared: [u64; 2],
}

impl Default for Seeds {
    /// Nobody attacks a replay, so they need not be secret, and two runs are alike.
    fn default() -> Self {
        Self { flows: [1, 2], pools: [3, 4], shared: [5, 6] }
    }
}

/// One policy on trial.
#[derive(Debug)]
pub struct Trial {
    gateway: Gateway,
    arrivals: Arrivals,
    engine: Engine,
    /// When the first packet was captured, since 1970.
    start: Option<Duration>,
    now: Time,
}

/// A captured packet as it comes in.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where, as a place in the gateway's list of attachments.
    pub attachment: usize,
    /// Why there, where nobody said so.
    pub because: Option<&'static str>,
    /// The attachment's number.
    pub on: AttachmentId,
    /// The frame.
    pub bytes: Vec<u8>,
    /// What its sender left to the device.
    pub offload: Offload,
    /// The packet as it was captured.
    pub packet: Packet,
}

/// Why a packet does not come in: a short name, and one sentence.
pub(crate) type Unready = (&'static str, &'static str);

const NO_PUBLIC: Unready = (
    "no-public-address",
    "It comes from outside to a private address; no flow asked for it, and no public address stands for that one.",
);
const TRANSLATED_ERROR: Unready = ("translated-error", "An ICMP error as it looks behind a translation.");
const LINK: Unready = ("link", "The header of its link is not read, or was cut off.");

impl Trial {
    /// An engine without flows for a gateway, with room for `capacity` flows.
    ///
    /// # Errors
    /// One sentence where the gateway's policy cannot be compiled, or the flows do not fit into memory.
    pub fn new(gateway: Gateway, capacity: usize, seeds: Seeds) -> Result<Self, String> {
        let snapshot =
            Snapshot::build(&gateway, &mut Names::default()).map_err(|errors| errors.join("; "))?;
        let settings = Settings { capacity, seed: seeds.flows, worker: 0, workers: 1 };
        let shared = Shared::new(nat::Pools::of(seeds.pools, gateway.snat_ports), seeds.shared);
        let engine = Engine::new(Arc::new(snapshot), settings, shared);
        let engine = engine.map_err(|error: TooLarge| error.to_string())?;
        Ok(Self { arrivals: Arrivals::new(&gateway), gateway, engine, start: None, now: START })
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Its policy.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        self.engine.snapshot()
    }

    /// The engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Lets time pass until a packet was captured. A packet that was captured before the last one comes with that.
    pub fn advance(&mut self, time: Duration) {
        let start = *self.start.get_or_insert(time);
        let now = START + time.saturating_sub(start);
        if now <= self.now {
            return;
        }
        self.now = now;
        self.engine.tick(now);
        while self.engine.idle_for().is_zero() {
            self.engine.tick(now);
        }
        self.settle();
    }

    /// A captured packet as it comes in: where its addresses say, and where it is an answer as it looks behind the
    /// translation, as it looked before.
    ///
    /// # Errors
    /// A short name and one sentence where it does not come in.
    pub fn ready(&self, record: &pcap::Record) -> Result<Ready, (&'static str, &'static str)> {
        let (kind, ip) = record.payload().ok_or(LINK)?;
        if kind != pcap::IPV4 && kind != pcap::IPV6 {
            return Err((explain::NotJudged::NotIp.slug(), explain::NotJudged::NotIp.text()));
        }
        let mut captured =
            Captured::read(ip, ip.len() + record.missing()).map_err(|why| (why.slug(), why.text()))?;
        let packet = captured.packet;
        let arrival = self.arrivals.find(packet.source.ip(), packet.destination.ip());
        let arrival = arrival.map_err(|why: Nowhere| (why.slug(), why.text()))?;
        if let Some((behind, public)) = arrival.translated {
            let behind = self.gateway.attachments.get(behind).map(|attachment| attachment.id);
            let asked_for = behind.and_then(|behind| self.engine.answer_of(behind, &packet));
            if matches!(packet.transport, Transport::IcmpError { .. }) {
                return Err(TRANSLATED_ERROR);
            }
            let (destination, destination_port) = match (asked_for, public) {
                (Some(key), _) => (key.destination, key.destination_port),
                (None, Some(public)) => (public.into(), packet.ports().1),
                (None, None) => return Err(NO_PUBLIC),
            };
            let (source, source_port) = (packet.source, packet.ports().0);
            let before = Tuple { source, source_port, destination, destination_port };
            translate(&mut captured.bytes, &packet, captured.offload.checksum, &before);
        }
        let attachment = self.gateway.attachments.get(arrival.attachment).ok_or(LINK)?;
        let (from, to) = Arrivals::macs(attachment);
        captured.address(from, to);
        let Captured { bytes, offload, .. } = captured;
        let (attachment, on) = (arrival.attachment, attachment.id);
        Ok(Ready { attachment, because: Some(arrival.because), on, bytes, offload, packet })
    }

    /// A captured packet as it comes in where somebody says that it does.
    ///
    /// # Errors
    /// One sentence where there is no such place, or no packet.
    pub fn ready_at(&self, from: &str, record: &pcap::Record) -> Result<Ready, String> {
        let (_, ip) = record.payload().ok_or(LINK.1)?;
        let captured = Captured::read(ip, ip.len() + record.missing());
        let mut captured = captured.map_err(|why| why.to_string())?;
        let attachment = explain::named(&self.gateway, from, captured.packet.source.ip())?;
        let (sender, gateway) = Arrivals::macs(attachment);
        captured.address(sender, gateway);
        let Captured { packet, bytes, offload } = captured;
        let on = attachment.id;
        let nth = self.gateway.attachments.iter().position(|it| it.id == on).unwrap_or_default();
        Ok(Ready { attachment: nth, because: None, on, bytes, offload, packet })
    }

    /// Its walk as it is told to people and programs.
    pub fn tell(&self, mut ready: Ready) -> Option<Walk> {
        let explained = self.explain(&mut ready);
        let attachment = self.gateway.attachments.get(ready.attachment)?;
        let frame = (ready.bytes, ready.offload);
        let asked = Asked::at(&self.gateway, attachment, ready.because, &ready.packet, frame);
        Some(explain::answer(&self.gateway, self.snapshot(), &asked, &explained))
    }

    /// How it would end now.
    pub fn foresee(&self, ready: &mut Ready) -> Foreseen {
        self.engine.foresee(ready.on, &mut ready.bytes, ready.offload)
    }

    /// Its walk, told.
    pub fn explain(&self, ready: &mut Ready) -> Explanation {
        self.engine.explain(ready.on, &mut ready.bytes, ready.offload)
    }

    /// Lets it come in.
    pub fn pass(&mut self, mut ready: Ready) {
        let mut frame = Frame { bytes: &mut ready.bytes, offload: ready.offload };
        let _: Way = self.engine.receive(self.now, ready.on, &mut frame);
        self.settle();
    }

    /// Takes everything out of the outbox, and has each question about a neighbour answered.
    fn settle(&mut self) {
        while !self.engine.outbox().is_empty() {
            let mut replies = Vec::new();
            self.engine.outbox().drain(|out| replies.extend(reply(&out.bytes).map(|reply| (out.to, reply))));
            for (on, mut bytes) in replies {
                let mut frame = Frame { bytes: &mut bytes, offload: Offload::default() };
                let _: Way = self.engine.receive(self.now, on, &mut frame);
            }
        }
    }
}

/// What a neighbour answers who is asked for.
fn reply(bytes: &[u8]) -> Option<Vec<u8>> {
    let Ok(Parsed::Neighbour(question)) = parse(bytes) else { return None };
    let mut out = Vec::new();
    let mac = [0x02, 0, 0, 0, 0xff, 0xfe];
    neighbour_reply(&mut out, (mac, question.target), (question.sender_mac, question.sender));
    question.wants_answer().then_some(out)
}
