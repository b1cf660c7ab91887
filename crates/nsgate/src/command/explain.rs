//! `nsgate explain`: the walk of a packet in words, or of those of a capture.

use super::policy::{self, Whom};
use super::{answer, look, offline};
use crate::cli::{Explain, Output};
use anyhow::{Context, anyhow, bail};
use control::answer::Walk;
use control::{Packet, Request, ask};
use explain::{Asked, Words};
use pcap::Record;
use replay::{Seeds, Trial};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

/// The most bytes of a captured packet that go over the socket; the rules look at none behind.
const SENT: usize = 4096;
/// Flow records for packets in words: nothing has been seen before them, and explaining leaves nothing behind.
const NONE_YET: usize = 1;

pub(super) fn explain(args: &Explain, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(file) = &args.pcap else {
        let walk = in_words(args)?;
        return answer(out, args.output, &walk, |out, it| print::walk(out, it, args.all_rules, &look()));
    };
    let (walks, fault) = captured(args, file)?;
    match (fault, args.packet, &walks[..]) {
        (Some(fault), _, []) => Err(fault),
        (None, Some(number), []) => bail!("{}: there is no packet {number}", file.display()),
        (fault, ..) => told(args, &walks, out).and(fault.map_or(Ok(()), Err)),
    }
}

fn told(args: &Explain, walks: &[Walk], out: &mut impl Write) -> anyhow::Result<()> {
    match args.output {
        Output::Json => print::json(out, &walks)?,
        Output::Text => {
            for walk in walks {
                print::walk(out, walk, args.all_rules, &look())?;
            }
        }
    }
    Ok(())
}

/// Where the packets come in, where somebody said so: a network interface is in the resource group that was named with it.
fn from(args: &Explain) -> Option<String> {
    let is_no_name = |from: &str| ["internet", "on-premises"].iter().any(|it| it.eq_ignore_ascii_case(from));
    let from = args.from.as_deref()?;
    Some(if is_no_name(from) { from.to_owned() } else { policy::placed(&args.policy, from) })
}

fn in_words(args: &Explain) -> anyhow::Result<Walk> {
    let from = from(args);
    let words = Words::parse(&args.words).map_err(|why| anyhow!(why))?;
    let gateway = match policy::whom(&args.policy)? {
        Whom::Daemon(socket) => {
            let packet = Packet::Words(args.words.join(" "));
            return super::question(&socket, &Request::Explain { from, packet });
        }
        Whom::File(file) => offline::load(file)?,
        Whom::Documents => policy::of_documents(&args.policy)?,
    };
    let gateway = offline::complete(offline::from_where_asked(gateway, from.as_deref(), words.source.0));
    let asked = Asked::in_words(&gateway, from.as_deref(), &words).map_err(|why| anyhow!(why))?;
    let trial = Trial::new(gateway, NONE_YET, Seeds::default()).map_err(|why| anyhow!(why))?;
    let walk = trial.engine().explain(asked.on, &mut asked.frame.clone(), asked.offload);
    Ok(explain::answer(trial.gateway(), trial.snapshot(), &asked, &walk))
}

/// The walks of a capture's packets, those that cannot be asked about among them, and why the capture ends too soon if it
/// does.
fn captured(args: &Explain, file: &Path) -> anyhow::Result<(Vec<Walk>, Option<anyhow::Error>)> {
    let named = || file.display().to_string();
    let capture = File::open(file).with_context(named)?;
    let mut asker = Asker::new(args)?;
    let from = from(args);
    let mut walks = Vec::new();
    for record in pcap::Reader::new(BufReader::new(capture)).with_context(named)? {
        let record = match record.with_context(named) {
            Ok(record) => record,
            Err(fault) => return Ok((walks, Some(fault))),
        };
        let is_wanted = args.packet.is_none_or(|number| number == record.number);
        let walk = asker.ask(from.as_deref(), &record, is_wanted)?;
        walks.extend(walk.map(|walk| Walk { number: Some(record.number), ..walk }));
        if walks.len() >= args.limit || args.packet == Some(record.number) {
            break;
        }
    }
    Ok((walks, None))
}

/// Who is asked about captured packets.
enum Asker {
    /// An engine of our own, through which the packets go.
    Trial(Box<Trial>),
    /// The daemon behind this socket, whose own flows are there.
    Daemon(std::path::PathBuf),
}

impl Asker {
    fn new(args: &Explain) -> anyhow::Result<Self> {
        let (gateway, capacity) = match policy::whom(&args.policy)? {
            Whom::Daemon(socket) => return Ok(Self::Daemon(socket)),
            Whom::File(file) => offline::policy(&[file.to_owned()], &gateway::Given::default())?,
            Whom::Documents => (offline::complete(policy::of_documents(&args.policy)?), offline::CAPACITY),
        };
        let trial = Trial::new(gateway, capacity, Seeds::default()).map_err(|why| anyhow!(why))?;
        Ok(Self::Trial(Box::new(trial)))
    }

    /// What becomes of a packet, if that is wanted.
    fn ask(&mut self, from: Option<&str>, record: &Record, is_wanted: bool) -> anyhow::Result<Option<Walk>> {
        match self {
            Self::Daemon(socket) if is_wanted => over_the_socket(socket, from, record).map(Some),
            Self::Daemon(_) => Ok(None),
            Self::Trial(trial) => {
                trial.advance(record.time);
                let ready = match from {
                    Some(from) => trial.ready_at(from, record),
                    None => trial.ready(record).map_err(|(_, text)| text.into()),
                };
                let ready = match ready {
                    Ok(ready) => ready,
                    Err(why) => return Ok(is_wanted.then(|| not_asked(why))),
                };
                let walk = if is_wanted { trial.tell(ready.clone()) } else { None };
                trial.pass(ready);
                Ok(walk)
            }
        }
    }
}

fn over_the_socket(socket: &Path, from: Option<&str>, record: &Record) -> anyhow::Result<Walk> {
    let Some((pcap::IPV4 | pcap::IPV6, ip)) = record.payload() else {
        return Ok(not_asked(explain::NotJudged::NotIp.to_string()));
    };
    let sent = &ip[..ip.len().min(SENT)];
    let captured = sent.iter().map(|byte| format!("{byte:02x}")).collect();
    let length = u32::try_from(ip.len() + record.missing()).unwrap_or(u32::MAX);
    let packet = Packet::Captured { captured, length };
    match ask(socket, &Request::Explain { from: from.map(Into::into), packet }) {
        Ok(walk) => Ok(walk),
        // One packet that cannot be asked about says nothing of the others.
        Err(error) => match error.downcast_ref::<control::Refusal>() {
            Some(refusal) => Ok(not_asked(refusal.to_string())),
            None => Err(error),
        },
    }
}

fn not_asked(why: String) -> Walk {
    Walk {
        packet: "a captured packet".into(),
        number: None,
        from: String::new(),
        from_because: None,
        stages: Vec::new(),
        verdict: "not-judged".into(),
        allowed: false,
        summary: why,
    }
}
