//! The workers' threads, and the hosts around the gateway, which answer in whichever thread a frame comes out.

use crossbeam::queue::{ArrayQueue, SegQueue};
use packet::{AttachmentId, Frame, Offload, Time};
use pipeline::{Engine, Settings, Shared, Way};
use snapshot::{Names, Snapshot};
use std::collections::HashMap;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::build::{Body, Ip, OwnedFrame, Transport, arp_reply, fragments, ipv4, read};
use testkit::lab::{Blueprint, address};

pub(crate) const SHARED: &str = "203.0.113.10";
pub(crate) const PUBLIC: &str = "203.0.113.23";
const FAR: [&str; 2] = ["198.51.100.7", "198.51.100.8"];
/// By attachment, of which the first is the internet's.
const VMS: [&str; 4] = ["", "10.0.1.4", "10.0.1.5", "10.0.2.4"];
const INTERNET: AttachmentId = AttachmentId(0);
/// Small enough to overflow now and then.
const QUEUE: usize = 48;
/// Where flows go whose order is watched.
const WATCHED: u16 = 9_000;

/// What is between the threads.
pub(crate) struct Wire {
    /// Frames that one worker hands over to another.
    handed: Vec<ArrayQueue<(AttachmentId, OwnedFrame)>>,
    /// Frames that hosts have sent, by who receives them.
    arrivals: Vec<SegQueue<(AttachmentId, OwnedFrame)>>,
    /// Frames in all of these, and workers that still begin something.
    busy: AtomicUsize,
    clock: AtomicU64,
    policy: Mutex<(Blueprint, Names, Arc<Snapshot>)>,
    version: AtomicU64,
    alarm: AtomicBool,
    /// Frames that hosts sent, and that came out.
    pub(crate) sent: AtomicU64,
    pub(crate) left: AtomicU64,
    /// The last number of each watched flow, and how many came in order.
    last: Mutex<HashMap<u16, u32>>,
    pub(crate) in_order: AtomicU64,
}

/// Ends all threads where one panics.
pub(crate) struct Alarm<'a>(pub(crate) &'a Wire);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.alarm.store(true, Release);
        }
    }
}

impl Wire {
    pub(crate) fn new(blueprint: Blueprint, workers: usize) -> Self {
        let mut names = Names::default();
        let snapshot = blueprint.snapshot(&mut names);
        Self {
            handed: (0..workers).map(|_| ArrayQueue::new(QUEUE)).collect(),
            arrivals: (0..workers).map(|_| SegQueue::new()).collect(),
            busy: AtomicUsize::new(0),
            clock: AtomicU64::new(1_000_000_000),
            policy: Mutex::new((blueprint, names, snapshot)),
            version: AtomicU64::new(0),
            alarm: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            left: AtomicU64::new(0),
            last: Mutex::default(),
            in_order: AtomicU64::new(0),
        }
    }

    pub(crate) fn begin_round(&self, workers: usize) {
        self.busy.fetch_add(workers, Relaxed);
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_nanos(self.clock.load(Relaxed))
    }

    pub(crate) fn later(&self, span: Duration) -> Time {
        self.clock.fetch_add(span.as_nanos() as u64, Relaxed);
        self.now()
    }

    /// Another policy, which each worker takes when it comes to it.
    fn reload(&self) {
        let (blueprint, names, snapshot) = &mut *self.policy.lock().unwrap();
        let version = self.version.load(Relaxed) + 1;
        let rules: &[&str] =
            if version.is_multiple_of(2) { &[] } else { &["100 in deny udp 10.0.1.0/24 > *:53"] };
        let next = blueprint.clone().guard("db", rules);
        *blueprint = if version % 4 < 2 { next.attached("vm2") } else { next.detached("vm2") };
        *snapshot = blueprint.snapshot(names);
        self.version.store(version, Release);
    }

    /// A host sends a frame, which this worker receives.
    fn send(&self, worker: usize, on: AttachmentId, frame: impl Into<OwnedFrame>) {
        let mut frame = frame.into();
        address(on, &mut frame);
        self.sent.fetch_add(1, Relaxed);
        self.busy.fetch_add(1, Relaxed);
        self.arrivals[worker].push((on, frame));
    }

    /// What came out of the gateway: somebody gets it, and may answer.
    fn deliver(&self, dice: &mut Dice, to: AttachmentId, bytes: &[u8]) {
        self.left.fetch_add(1, Relaxed);
        let seen = read(bytes).unwrap();
        match &seen.body {
            Body::Arp(arp) if arp.operation == 1 => {
                let mac = [2, 0, 0, 2, 0, to.0 as u8];
                let (target, asker) = (arp.target.1.to_string(), arp.sender.1.to_string());
                self.answer(dice, to, arp_reply(mac, &target, arp.sender.0, &asker));
            }
            Body::Ip(packet) if to == INTERNET => self.outside(dice, packet),
            Body::Ip(packet) => self.inside(dice, to, packet),
            _ => {}
        }
    }

    fn answer(&self, dice: &mut Dice, on: AttachmentId, frame: impl Into<OwnedFrame>) {
        self.send(dice.below(self.arrivals.len() as u64) as usize, on, frame);
    }

    fn outside(&self, dice: &mut Dice, packet: &Ip) {
        let (here, there) = (packet.destination.to_string(), packet.source.to_string());
        assert!(there == SHARED || there == PUBLIC, "{there} leaves");
        match &packet.transport {
            Transport::Udp { destination: WATCHED, .. } => self.watch(&packet.payload),
            // Pieces are not answered; what was begun outside has been.
            Transport::Udp { destination: 55, .. } => {}
            Transport::Udp { destination: 4_000.., .. } if there == PUBLIC => {}
            Transport::Udp { source, destination, .. } => {
                self.answer(
                    dice,
                    INTERNET,
                    ipv4(&here, &there).udp(*destination, *source).payload(&packet.payload),
                );
            }
            Transport::Tcp { source, destination, .. } => {
                let tcp = ipv4(&here, &there).tcp(*destination, *source).ack(101);
                let tcp = if dice.below(4) == 0 { tcp.syn().seq(500) } else { tcp.rst().seq(0) };
                self.answer(dice, INTERNET, tcp);
            }
            _ => {}
        }
    }

    fn inside(&self, dice: &mut Dice, to: AttachmentId, packet: &Ip) {
        let here = VMS[usize::from(to.0)];
        assert_eq!(packet.destination.to_string(), here, "what a VM gets is for it");
        let Transport::Udp { source, destination, .. } = packet.transport else { return };
        // A question goes to a port below 1,000, and whoever answers it sends its payload back.
        if destination < 1_000 {
            let answer = ipv4(here, &packet.source.to_string()).udp(destination, source);
            return self.answer(dice, to, answer.payload(&packet.payload));
        }
        let asked = packet.payload.first_chunk::<4>().unwrap();
        // A reload takes vm2 away, and its ports are others' before its last answers come.
        let of_gone = asked[0] == 2;
        assert!(of_gone || *asked == identity(to, destination), "an answer to somebody else's question");
    }

    /// The numbers of a flow rise.
    fn watch(&self, payload: &[u8]) {
        let flow = u16::from_be_bytes([payload[0], payload[1]]);
        let number = u32::from_be_bytes(payload[2..6].try_into().unwrap());
        let before = self.last.lock().unwrap().insert(flow, number);
        assert!(before.is_none_or(|before| before < number), "{number} of flow {flow} came after {before:?}");
        self.in_order.fetch_add(1, Relaxed);
    }
}

/// What a question's payload begins with: who asks.
fn identity(on: AttachmentId, port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [on.0 as u8, 0xa5, high, low]
}

pub(crate) fn engines(wire: &Wire, workers: usize) -> (Arc<Shared>, Vec<Engine>) {
    let ports = nat::Ports::new(2_000..=2_063).unwrap();
    let shared = Shared::new(nat::Pools::of([3, 5], ports), [7, 11]);
    let engine = |worker| {
        let settings = Settings { capacity: 4_000, seed: [0x5eed, 0xfeed], worker, workers };
        let snapshot = Arc::clone(&wire.policy.lock().unwrap().2);
        Engine::new(snapshot, settings, Arc::clone(&shared)).unwrap()
    };
    let engines = (0..workers).map(engine).collect();
    (shared, engines)
}

/// Lets all that is under way come to its end, as long as anybody asks for a neighbour.
pub(crate) fn come_to_rest(engines: &mut [Engine], wire: &Wire) {
    for _ in 0..10 {
        let now = wire.later(Duration::from_millis(500));
        for engine in &mut *engines {
            engine.tick(now);
            Worker::new(engine, wire, 1).let_out();
        }
        while wire.busy.load(Relaxed) > 0 {
            engines.iter_mut().for_each(|engine| Worker::new(engine, wire, 1).take_in());
        }
    }
}

/// Numbers that look random (xorshift64).
pub(crate) struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// One thread's worker, with the hosts whose frames it receives.
pub(crate) struct Worker<'a> {
    engine: &'a mut Engine,
    wire: &'a Wire,
    dice: Dice,
    version: u64,
    number: u32,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(engine: &'a mut Engine, wire: &'a Wire, seed: u64) -> Self {
        let dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
        Self { engine, wire, dice, version: u64::MAX, number: seed as u32 / 97 * 1_000_000 }
    }

    /// Until every worker has begun so much and all has come to its end.
    pub(crate) fn run(mut self, beginnings: u32) {
        let mut left = beginnings;
        while self.wire.busy.load(Acquire) > 0 && !self.wire.alarm.load(Acquire) {
            self.replace();
            if left > 0 && self.wire.arrivals[self.engine.worker()].len() < 16 {
                self.begin();
                left -= 1;
                if left == 0 {
                    self.wire.busy.fetch_sub(1, Release);
                }
            }
            self.take_in();
            self.engine.tick(self.wire.now());
            self.let_out();
        }
    }

    fn replace(&mut self) {
        let version = self.wire.version.load(Acquire);
        if version != self.version {
            self.version = version;
            let snapshot = Arc::clone(&self.wire.policy.lock().unwrap().2);
            self.engine.replace(snapshot);
        }
    }

    /// A frame that was handed over, and one that is new.
    fn take_in(&mut self) {
        let worker = self.engine.worker();
        for is_new in [false, true] {
            let next = if is_new { self.wire.arrivals[worker].pop() } else { self.wire.handed[worker].pop() };
            let Some((on, mut frame)) = next else { continue };
            let now = self.wire.now();
            let mut view: Frame<'_> = frame.frame();
            let way = match is_new {
                true => self.engine.receive(now, on, &mut view),
                false => self.engine.take_over(now, on, &mut view),
            };
            match way {
                Way::Leaves(to) => self.wire.deliver(&mut self.dice, to, &frame.bytes),
                Way::HandOver(to) => self.hand_over(to, on, frame),
                Way::Ends => {}
            }
            self.let_out();
            self.wire.busy.fetch_sub(1, Release);
        }
    }

    fn hand_over(&mut self, to: usize, on: AttachmentId, frame: OwnedFrame) {
        assert_ne!(to, self.engine.worker(), "to another");
        let length = frame.bytes.len();
        self.wire.busy.fetch_add(1, Relaxed);
        if self.wire.handed[to].push((on, frame)).is_err() {
            self.wire.busy.fetch_sub(1, Release);
            self.engine.lost_in_hand_over(length);
        }
    }

    fn let_out(&mut self) {
        let Self { engine, wire, dice, .. } = self;
        engine.outbox().drain(|out| {
            assert_eq!(out.offload, Offload::default());
            wire.deliver(dice, out.to, &out.bytes);
        });
    }

    /// Somebody begins something, and this worker receives it.
    fn begin(&mut self) {
        self.wire.later(Duration::from_micros(100));
        let worker = self.engine.worker();
        let on = AttachmentId(1 + self.dice.below(3) as u16);
        let (vm, port) = (VMS[usize::from(on.0)], 5_000 + self.dice.below(300) as u16);
        let far = FAR[self.dice.below(2) as usize];
        let question = identity(on, port);
        match self.dice.below(16) {
            0..=3 => self.wire.send(worker, on, ipv4(vm, far).udp(port, 53).payload(&question)),
            4..=6 => self.wire.send(worker, on, ipv4(vm, far).tcp(port, 80).syn().seq(100)),
            7 | 8 => {
                let other = VMS[usize::from(on.0 % 3) + 1];
                self.wire.send(worker, on, ipv4(vm, other).udp(port, 53).payload(&question));
            }
            9 => self.wire.send(worker, on, ipv4(vm, PUBLIC).udp(port, 54).payload(&question)),
            10 => self.wire.send(worker, INTERNET, ipv4(far, PUBLIC).udp(port, 54).payload(&question)),
            11 => self.pieces(on, vm, port, far),
            12 if self.dice.below(40) == 0 => self.wire.reload(),
            // The router is looked for again, and whoever hears its answer is not who has the flows that wait for it.
            13 if self.dice.below(4) == 0 && self.engine.shared().waiting() == 0 => {
                self.engine.rewired(INTERNET)
            }
            _ => self.go_on(worker),
        }
    }

    /// The next packet of a flow that this worker always receives, whoever has it.
    fn go_on(&mut self, worker: usize) {
        for flow in [0, 1, 2].map(|nth| 6_000 + worker as u16 * 3 + nth) {
            self.number += 1;
            let mut payload = flow.to_be_bytes().to_vec();
            payload.extend(self.number.to_be_bytes());
            self.wire.send(
                worker,
                AttachmentId(3),
                ipv4(VMS[3], FAR[1]).udp(flow, WATCHED).payload(&payload),
            );
        }
    }

    /// A datagram in pieces, which one worker receives in order.
    fn pieces(&mut self, on: AttachmentId, vm: &str, port: u16, far: &str) {
        self.number += 1;
        let id = self.number % 0x4000 + (self.engine.worker() as u32) * 0x4000;
        let whole = ipv4(vm, far).id(id).udp(port, 55).data(200).bytes();
        for piece in fragments(&whole, 104) {
            self.wire.send(self.engine.worker(), on, piece);
        }
    }
}
