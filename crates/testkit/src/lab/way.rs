//! A frame's way through a lab: to a worker, from worker to worker, out, and what the hosts outside make of it.

use super::blueprint::gateway_mac;
use super::{Departed, Lab, Outcome, Steering, steering};
use crate::build::{Body, OwnedFrame, Transport, arp_reply, neighbour_advertisement, read};
use packet::{AttachmentId, Offload};
use pipeline::{Count, Counters, Ending, Engine, Explanation, Way};
use std::net::IpAddr;

/// The most workers that a frame goes through: who received it, whom the directory named, the home, who gives a port up for
/// it, and the home again.
const STATIONS: usize = 5;

impl Lab {
    /// The worker that receives a frame.
    pub(super) fn steer(&mut self, on: AttachmentId, frame: &OwnedFrame) -> usize {
        let workers = self.engines.len();
        let steered = steering::steered(&frame.bytes, workers);
        match self.steering {
            Steering::Home => steered,
            Steering::Wrong => {
                let others = (1..workers).map(|nth| (steered + nth) % workers);
                let hands_over = |&worker: &usize| {
                    let explained = self.engines[worker].explain(on, &mut frame.bytes.clone(), frame.offload);
                    explained.hand_over.is_some()
                };
                others.chain([steered]).find(hands_over).unwrap_or((steered + 1) % workers)
            }
            Steering::Random => {
                self.drawn ^= self.drawn << 13;
                self.drawn ^= self.drawn >> 7;
                self.drawn ^= self.drawn << 17;
                self.drawn as usize % workers
            }
        }
    }

    /// What the worker that has a frame's flow says of it, when this one has received it.
    #[track_caller]
    pub(super) fn explain_at(&self, worker: usize, on: AttachmentId, frame: &OwnedFrame) -> Explanation {
        let bytes = &mut frame.bytes.clone()[..];
        let mut explained = self.engines[worker].explain(on, bytes, frame.offload);
        for _ in 1..STATIONS {
            let Some(next) = explained.hand_over else { return explained };
            explained = self.engines[next].explain_taken_over(on, bytes, frame.offload);
        }
        panic!("handed over again and again: {explained:?}")
    }

    /// Hands a frame to a worker, and on as long as it is handed over, and takes it as it leaves.
    #[track_caller]
    pub(super) fn receive(
        &mut self,
        worker: usize,
        on: AttachmentId,
        mut frame: OwnedFrame,
        outcome: &mut Outcome,
    ) {
        // What a neighbour says goes round besides, to all whose packets have waited for it.
        let round = if is_about_neighbours(&frame.bytes) { self.engines.len() } else { 0 };
        let mut view = frame.frame();
        let mut way = self.engines[worker].receive(self.now, on, &mut view);
        for _ in 1..STATIONS.max(1 + round) {
            let Way::HandOver(next) = way else { break };
            way = self.engines[next].take_over(self.now, on, &mut view);
        }
        let offload = view.offload;
        match way {
            Way::Leaves(to) => {
                self.forwards(frame.bytes.len());
                self.depart(to, frame.bytes, offload, outcome);
            }
            Way::HandOver(_) => panic!("handed over again and again"),
            Way::Ends => {}
        }
    }

    /// Takes everything out of the outbox, and lets the hosts answer what they are asked, until nothing is left.
    #[track_caller]
    pub(super) fn settle(&mut self, outcome: &mut Outcome) {
        loop {
            let mut frames = Vec::new();
            let mut forwarded = Vec::new();
            for engine in &mut self.engines {
                engine.outbox().drain(|out| {
                    forwarded.extend((out.forwards > 0).then_some(out.forwards));
                    frames.push((out.to, out.bytes.clone(), out.offload));
                });
            }
            forwarded.into_iter().for_each(|bytes| self.forwards(bytes));
            if frames.is_empty() {
                break;
            }
            for (to, bytes, offload) in frames {
                match self.answer_to(to, &bytes) {
                    Some(reply) => {
                        for (name, count) in [("received", 1), ("consumed", 1), ("originated", 1)] {
                            self.own.add(name, count);
                        }
                        let reply = OwnedFrame::from(reply);
                        let worker = self.steer(to, &reply);
                        self.receive(worker, to, reply, outcome);
                    }
                    None => self.depart(to, bytes, offload, outcome),
                }
            }
        }
        let counters = self.engines.iter().map(Engine::counters);
        let (received, ended, between) = counters.fold((0, 0, 0), |(received, ended, between), counters| {
            let (more, over) = (counters.received.packets, counters.total().packets);
            (received + more, ended + over, between + counters.between())
        });
        assert_eq!(received, ended + self.shared.waiting() as u64, "received = endings + waiting");
        assert_eq!(between, 0, "what is handed over is taken over");
    }

    /// Counts a packet that leaves, whole or with its last piece.
    fn forwards(&mut self, bytes: usize) {
        self.left.packets += 1;
        self.left.bytes += bytes as u64;
    }

    /// What has left by the lab, and what the engines say was forwarded: the two move together.
    pub(super) fn left_and_forwarded(&self) -> [Count; 2] {
        let mut sum = Counters::default();
        self.engines.iter().for_each(|engine| sum.add(engine.counters()));
        [self.left, sum.ended(Ending::Forwarded)]
    }

    fn depart(&self, to: AttachmentId, bytes: Vec<u8>, offload: Offload, outcome: &mut Outcome) {
        assert_eq!(bytes[6..12], gateway_mac(to), "frames leave under the gateway's hardware address");
        outcome.frames.push(Departed { to: self.blueprint.name_at(to, &bytes[..6]), bytes, offload });
    }

    /// What the host behind an attachment answers to a question about its address.
    fn answer_to(&self, on: AttachmentId, bytes: &[u8]) -> Option<Vec<u8>> {
        let (target, asker) = question(bytes)?;
        let owner = self.blueprint.who_has(on, target)?;
        if self.silent.contains(&owner) {
            return None;
        }
        let mac = self.blueprint.place(&owner).1;
        let hears_it = bytes[0] & 1 == 1 || bytes[..6] == mac;
        if !hears_it {
            return None;
        }
        let (target, to) = (target.to_string(), asker.1.to_string());
        Some(match asker.1 {
            IpAddr::V4(_) => arp_reply(mac, &target, asker.0, &to),
            IpAddr::V6(_) => neighbour_advertisement(mac, &target, asker.0, &to).bytes(),
        })
    }
}

/// Whom a frame asks for, and who asks.
fn question(bytes: &[u8]) -> Option<(IpAddr, ([u8; 6], IpAddr))> {
    let seen = read(bytes).ok()?;
    match &seen.body {
        Body::Arp(arp) if arp.operation == 1 => {
            Some((arp.target.1.into(), (arp.sender.0, arp.sender.1.into())))
        }
        Body::Ip(ip) if matches!(ip.transport, Transport::Icmp { kind: 135, .. }) && ip.protocol == 58 => {
            let target = IpAddr::from(*ip.payload.first_chunk::<16>()?);
            Some((target, (seen.source_mac, ip.source)))
        }
        _ => None,
    }
}

/// Whether a frame is of ARP or neighbour discovery, of which `explain` says nothing.
pub fn is_about_neighbours(bytes: &[u8]) -> bool {
    read(bytes).is_ok_and(|seen| match &seen.body {
        Body::Arp(_) => true,
        Body::Ip(ip) => ip.protocol == 58 && matches!(ip.transport, Transport::Icmp { kind: 135 | 136, .. }),
        Body::Other(_) => false,
    })
}
