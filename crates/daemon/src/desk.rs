//! What the control socket's peers can ask, and how they ask.
//!
//! A peer reads what the main thread has put on show, asks the worker for figures, and leaves what changes anything to
//! the main thread. Nothing here waits for a lock.

use crate::Clock;
use crate::commands::{Command, Report, Workers};
use crate::errand::Errand;
use crate::figures;
use crate::trial::{self, Candidate};
use answer::{Confinement, FlowPage, Reloaded, Reloads, Status, TagsInForce, Trial, Walk};
use arc_swap::ArcSwap;
use control::{Answer, PAGE, Packet, Request};
use crossbeam::channel::{RecvTimeoutError, Sender, bounded};
use explain::{Asked, Words};
use gateway::Settings;
use packet::AttachmentId;
use pipeline::{Explanation, Shared};
use snapshot::{Gateway, Snapshot};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a peer waits for its reload; a load that takes longer goes on without it.
const LOADING: Duration = Duration::from_secs(25);
/// When a trial is over, however many flows are left to be judged; a peer waits a little longer.
const TRYING: Duration = Duration::from_secs(27);
/// The most SNAT pools in one answer, the fullest first.
const POOLS: usize = 10_000;

/// How far the numbers of one worker's flows lie from those of the next.
const FLOWS_EACH: u64 = 1 << 40;
/// The most times that a frame's way from worker to worker is followed: more than it takes while no flow moves meanwhile.
const HAND_OVERS: usize = 4;

/// What is in force, for everybody to read; the main thread replaces it whole.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) gateway: Gateway,
    pub(crate) settings: Settings,
    pub(crate) snapshot: Arc<Snapshot>,
    /// Attachments whose interface is away.
    pub(crate) missing: HashSet<AttachmentId>,
    pub(crate) reloads: Reloads,
    pub(crate) tags: Option<TagsInForce>,
    pub(crate) confinement: Confinement,
}

/// Where questions are answered.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) shown: ArcSwap<Shown>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Clock,
    pub(crate) workers: Workers,
    /// What peers want of the main thread.
    pub(crate) errands: Sender<Errand>,
}

impl Desk {
    /// Answers one request of the control socket.
    ///
    /// # Errors
    /// One sentence for the peer.
    pub(crate) fn answer(&self, request: Request) -> Result<Answer, String> {
        match request {
            Request::Status {} => self.status().map(Box::new).map(Answer::Status),
            Request::Flows { from, limit } => self.flows(from, limit).map(Answer::Flows),
            Request::Snat {} => {
                let usage = self.shared.pools().usage(POOLS);
                Ok(Answer::Snat(usage.iter().map(figures::pool).collect()))
            }
            Request::Drops {} => {
                let counters = figures::sum(&self.reports()?);
                let shown = self.shown.load();
                Ok(Answer::Drops(figures::drops(&counters, &shown.snapshot)))
            }
            Request::Reload {} => self.reload().map(Answer::Reload),
            Request::TryReload { limit } => self.try_reload(limit).map(Box::new).map(Answer::Trial),
            Request::TestIpFlow(question) => {
                let shown = self.shown.load();
                let snapshot = views::supposed_by_flow(&shown.gateway, &shown.snapshot, &question)?;
                views::test_ip_flow(&snapshot, &question).map(Answer::IpFlow)
            }
            Request::ListEffectiveNsg { nic } => {
                views::effective_nsgs(&self.shown.load().snapshot, &nic).map(Answer::EffectiveNsgs)
            }
            Request::RunConfigurationDiagnostic(asked) => {
                let shown = self.shown.load();
                let diagnosis = views::diagnose_supposing(&shown.gateway, &shown.snapshot, &asked)?;
                Ok(Answer::Diagnosis(diagnosis.0))
            }
            Request::Explain { from, packet } => self.explain(from.as_deref(), &packet).map(Answer::Walk),
        }
    }

    /// What each worker has counted.
    fn reports(&self) -> Result<Vec<Report>, String> {
        self.workers.ask_all(|_, reply| Command::Report(reply))
    }

    fn status(&self) -> Result<Status, String> {
        let reports = self.reports()?;
        let links = figures::links(&reports);
        let shown = self.shown.load();
        let attachments = shown.gateway.attachments.iter().map(|attachment| {
            let statistics = links.get(&attachment.id).copied();
            figures::attachment(
                &shown.gateway,
                attachment,
                statistics,
                shown.missing.contains(&attachment.id),
            )
        });
        let flows = reports.iter().fold((0, 0), |(used, most), one| (used + one.flows.0, most + one.flows.1));
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            config: shown.settings.file.display().to_string(),
            uptime_seconds: self.clock.now().since(packet::Time::ZERO).as_secs(),
            workers: self.workers.count() as u16,
            reloads: shown.reloads.clone(),
            service_tags: shown.tags.clone(),
            confinement: shown.confinement.clone(),
            flows: figures::usage(flows),
            snat_ports_used: self.shared.pools().used_total() as u64,
            frames_waiting: self.shared.waiting() as u64,
            attachments: attachments.collect(),
            endings: figures::endings(&figures::sum(&reports)),
            each_worker: reports
                .iter()
                .enumerate()
                .map(|(nth, report)| figures::worker(nth, report))
                .collect(),
        })
    }

    /// A page of one worker's flows; the last page of each names the first of the next worker.
    fn flows(&self, from: u64, limit: u32) -> Result<FlowPage, String> {
        let no_such = || format!("there is no flow {from}");
        let worker = usize::try_from(from / FLOWS_EACH).map_err(|_| no_such())?;
        let start = usize::try_from(from % FLOWS_EACH).map_err(|_| no_such())?;
        if worker >= self.workers.count() {
            return Err(no_such());
        }
        let limit = limit.clamp(1, PAGE) as usize;
        let (flows, next) = self.workers.ask(worker, |reply| Command::Flows { start, limit, reply })?;
        let base = worker as u64 * FLOWS_EACH;
        let next_worker = (worker + 1 < self.workers.count()).then_some(base + FLOWS_EACH);
        let next = next.map(|next| base + next as u64).or(next_worker);
        Ok(FlowPage { flows: flows.iter().map(figures::flow).collect(), next })
    }

    /// Asks the first worker, which may receive the packet as well as any, and whoever it would be handed over to.
    fn explain(&self, from: Option<&str>, packet: &Packet) -> Result<Walk, String> {
        let shown = self.shown.load();
        let gateway = &shown.gateway;
        let asked = match packet {
            Packet::Words(packet) => Asked::in_words(gateway, from, &Words::parse(&[packet])?)?,
            Packet::Captured { captured, length } => {
                let bytes = hexadecimal(captured).ok_or("the captured bytes are no hexadecimal digits")?;
                Asked::captured(gateway, from, &bytes, *length as usize)?
            }
        };
        let (on, offload) = (asked.on, asked.offload);
        let ask = |worker, is_taken_over| {
            let frame = asked.frame.clone();
            self.workers.ask(worker, |reply| Command::Explain { on, frame, offload, is_taken_over, reply })
        };
        let (walk, snapshot) = handed_over(ask)?;
        Ok(explain::answer(gateway, &snapshot, &asked, &walk))
    }

    /// Has the gateway file loaded again. On an error nothing has changed.
    fn reload(&self) -> Result<Reloaded, String> {
        self.run(|reply| Errand::Reload(vec![reply]))
    }

    /// Says what a reload would change, and changes nothing.
    fn try_reload(&self, limit: u32) -> Result<Trial, String> {
        let by = Instant::now() + TRYING;
        let candidate: Box<Candidate> = self.run(Errand::Try)?;
        trial::run(*candidate, &self.shown.load_full(), &self.workers, (limit as usize, by))
    }

    /// Waits for what the main thread makes of an errand.
    fn run<T>(&self, errand: impl FnOnce(Sender<Result<T, String>>) -> Errand) -> Result<T, String> {
        let (reply, answer) = bounded(1);
        let stopping = || String::from("nsgate is stopping");
        self.errands.send(errand(reply)).map_err(|_| stopping())?;
        answer.recv_timeout(LOADING).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(format!(
                "the gateway file is still being loaded after {LOADING:?}; `nsgate status` and the log say what becomes of it"
            )),
            RecvTimeoutError::Disconnected => Err(stopping()),
        })
    }
}

/// Has the first worker, and then whoever each hands the frame over to, say what becomes of it; whether it is taken over goes along.
///
/// # Errors
/// Where the workers do not answer, or where the frame's way has no end.
fn handed_over<T>(
    mut ask: impl FnMut(usize, bool) -> Result<(Explanation, T), String>,
) -> Result<(Explanation, T), String> {
    let (mut walk, mut policy) = ask(0, false)?;
    for _ in 0..HAND_OVERS {
        let Some(owner) = walk.hand_over else { break };
        (walk, policy) = ask(owner, true)?;
    }
    match walk.hand_over {
        None => Ok((walk, policy)),
        Some(_) => Err("the packet's flow goes from worker to worker at this moment; ask again".to_owned()),
    }
}

/// The bytes that pairs of hexadecimal digits stand for.
fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| {
        let [high, low] = pair else { return None };
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        Some((digit(high)? << 4 | digit(low)?) as u8)
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::Ending;

    fn walk(hand_over: Option<usize>) -> Explanation {
        Explanation {
            stages: Vec::new(),
            ending: hand_over.is_none().then_some(Ending::Forwarded),
            denied_by: None,
            why: None,
            egress: None,
            told: None,
            hand_over,
        }
    }

    #[test]
    fn a_frame_is_followed_to_the_worker_that_judges_it() {
        let mut asked = Vec::new();
        let ways = [Some(2), Some(1), None];
        let (last, worker) = handed_over(|worker, is_taken_over| {
            asked.push((worker, is_taken_over));
            Ok((walk(ways[asked.len() - 1]), worker))
        })
        .unwrap();
        assert_eq!((last.ending, worker), (Some(Ending::Forwarded), 1));
        assert_eq!(asked, [(0, false), (2, true), (1, true)]);
    }

    #[test]
    fn a_frame_that_goes_round_is_told_to_nobody_as_waiting() {
        let round = handed_over(|worker, _| Ok((walk(Some(1 - worker)), ())));
        assert!(round.is_err_and(|why| why.contains("ask again")));
    }
}
