//! `nsgate explain`: the walk of a packet in words, or of those of a capture.

use super::offline::Files;
use super::policy::{self, Whom};
use super::{answer, look, offline};
use crate::cli::{Explain, Output};
use answer::Walk;
use anyhow::{Context, anyhow, bail};
use control::{Packet, Request, ask};
use explain::{Asked, Words};
use pcap::Record;
use replay::{Seeds, Trial};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

/// The most bytes of a captured packet that go over the socket; the rules look at none behind.
const SENT: usize = 4096;
/// Flow records for packets in words: nothing has been seen before them, and explaining leaves nothing behind.
const NONE_YET: usize = 1;

pub(super) fn explain(args: &Explain, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(file) = &args.pcap else {
        let walk = in_words(args)?;
        return answer(out, args.output, &walk, |out, it| print::walk(out, it, args.all_rules, &look()));
    };
    let Captured { walks, more, fault } = captured(args, file)?;
    match (fault, args.packet, &walks[..]) {
        (Some(fault), _, []) => Err(fault),
        (None, Some(number), []) => bail!("{}: there is no packet {number}", file.display()),
        (None, None, []) if more == 0 => bail!("{}: no packet is in it", file.display()),
        (fault, ..) => told(args, &walks, more, out).and(fault.map_or(Ok(()), Err)),
    }
}

fn told(args: &Explain, walks: &[Walk], more: u64, out: &mut impl Write) -> anyhow::Result<()> {
    let rest = format!("and {more} more: --limit");
    match args.output {
        Output::None => {}
        Output::Json => {
            print::json(out, &walks)?;
            if more > 0 {
                print::notes_json(&mut super::stderr(), &[rest])?;
            }
        }
        Output::Text => {
            for walk in walks {
                print::walk(out, walk, args.all_rules, &look())?;
            }
            if more > 0 {
                writeln!(out, "{rest}")?;
            }
        }
    }
    Ok(())
}

/// The documents, and the words of the packet. Behind `--file` one follows the other, and the protocol tells them apart; a
/// protocol that nobody knows is no file, and has no ending.
fn parted(args: &Explain) -> (Vec<PathBuf>, Vec<String>) {
    let is_packet = |file: &PathBuf| file.to_str().is_some_and(Words::begin);
    let files = &args.policy.documents;
    let is_no_file = |file: &PathBuf| file.extension().is_none() && !file.exists();
    let begin = files.iter().position(is_packet).or_else(|| files.iter().position(is_no_file));
    let (files, words) = files.split_at(begin.unwrap_or(files.len()));
    let words = words.iter().map(|word| word.display().to_string()).chain(args.words.iter().cloned());
    (files.to_vec(), words.collect())
}

/// Where the packets come in, where somebody said so: a network interface is in the resource group that was named with it.
fn from(args: &Explain) -> anyhow::Result<Option<String>> {
    let is_no_name = |from: &str| ["internet", "on-premises"].iter().any(|it| it.eq_ignore_ascii_case(from));
    match args.from.as_deref() {
        Some(from) if !is_no_name(from) => policy::placed(&args.policy, policy::NIC, from).map(Some),
        from => Ok(from.map(str::to_owned)),
    }
}

/// Who answers. Where no documents are read, a resource group says nothing but which network interface is meant.
fn whom<'a>(args: &'a Explain, documents: &'a [PathBuf]) -> anyhow::Result<Whom<'a>> {
    let whom = policy::whom(&args.policy, documents)?;
    if args.from.is_none() && !matches!(whom, Whom::Files(Files::Documents(_))) {
        let given = offline::given(&args.policy.given, &args.policy.service_tags);
        offline::no_place("no --from names a network interface, and what is asked", &given)?;
    }
    Ok(whom)
}

fn in_words(args: &Explain) -> anyhow::Result<Walk> {
    let from = from(args)?;
    let (documents, words) = parted(args);
    if words.is_empty() {
        bail!("no packet is given: say one, such as `tcp 10.0.1.4:40000 8.8.8.8:443`, or --pcap FILE");
    }
    let asked = Words::parse(&words).map_err(|why| anyhow!(why))?;
    let gateway = match whom(args, &documents)? {
        Whom::Daemon(socket) => {
            let packet = Packet::Words(words.join(" "));
            return super::question(&socket, &Request::Explain { from, packet });
        }
        Whom::Files(files) => policy::of_files(&args.policy, files, args.output)?,
    };
    let gateway =
        offline::complete(offline::from_where_asked(gateway, from.as_deref(), asked.source.0), args.output);
    let asked = Asked::in_words(&gateway, from.as_deref(), &asked).map_err(|why| anyhow!(why))?;
    let trial = Trial::new(gateway, NONE_YET, Seeds::default()).map_err(|why| anyhow!(why))?;
    let walk = trial.engine().explain(asked.on, &mut asked.frame.clone(), asked.offload);
    Ok(explain::answer(trial.gateway(), trial.snapshot(), &asked, &walk))
}

/// What is told of a capture.
struct Captured {
    /// The walks of its packets, those that cannot be asked about among them.
    walks: Vec<Walk>,
    /// The packets beyond the limit.
    more: u64,
    /// Why the capture ends too soon if it does.
    fault: Option<anyhow::Error>,
}

fn captured(args: &Explain, file: &Path) -> anyhow::Result<Captured> {
    let named = || file.display().to_string();
    let capture = File::open(file).with_context(named)?;
    let mut asker = Asker::new(args)?;
    let from = from(args)?;
    let (mut walks, mut more) = (Vec::new(), 0);
    for record in pcap::Reader::new(BufReader::new(capture)).with_context(named)? {
        let record = match record.with_context(named) {
            Ok(record) => record,
            Err(fault) => return Ok(Captured { walks, more, fault: Some(fault) }),
        };
        if args.packet.is_none() && walks.len() >= args.limit {
            more += 1;
            continue;
        }
        let is_wanted = args.packet.is_none_or(|number| number == record.number);
        let walk = asker.ask(from.as_deref(), &record, is_wanted)?;
        walks.extend(walk.map(|walk| Walk { number: Some(record.number), ..walk }));
        if args.packet == Some(record.number) {
            break;
        }
    }
    Ok(Captured { walks, more, fault: None })
}

/// Who is asked about captured packets.
enum Asker {
    /// An engine of our own, through which the packets go.
    Trial(Box<Trial>),
    /// The daemon behind this socket, whose own flows are there.
    Daemon(PathBuf),
}

impl Asker {
    fn new(args: &Explain) -> anyhow::Result<Self> {
        let given = offline::given(&args.policy.given, &args.policy.service_tags);
        let (gateway, capacity) = match whom(args, &args.policy.documents)? {
            Whom::Daemon(socket) => return Ok(Self::Daemon(socket)),
            Whom::Files(files) => offline::policy(files, &given, args.output)?,
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
                    None => trial.ready(record).map_err(|(slug, text)| format!("{slug}: {text}")),
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
