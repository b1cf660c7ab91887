//! `nsgate replay`: captures and flow logs against a policy.

use super::offline::Files;
use super::{NO, UNUSABLE, offline};
use crate::cli::{Output, Replay};
use anyhow::{Context, anyhow, bail};
use replay::{Captures, Logs, Seeds, Tally, Trial};
use snapshot::Gateway;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// No packet of a capture is too large: its device may have put many into one, and a size is no question of policy.
const LARGEST: u32 = 65_535;
/// The most inputs, after patterns are spelled out.
const MAX_INPUTS: usize = 100_000;
/// The most tuples and files that cannot be read which are named one by one.
const NAMED: usize = 20;
/// How a file begins that gzip has packed.
const GZIP: &[u8] = b"\x1f\x8b";
/// How pcapng begins: with white space, as JSON may.
const PCAPNG: &[u8] = b"\n\r\r\n";

pub(super) fn replay(args: &Replay, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let given = offline::given(&args.given, &args.service_tags);
    let files = Files::of_config(&args.config)?;
    let old = if args.against.is_empty() { None } else { Some(Files::of_config(&args.against)?) };
    if let (Files::Gateway(file), None | Some(Files::Gateway(_))) = (files, old) {
        offline::no_place(&file.display().to_string(), &given)?;
    }
    let now = trial(files, &given, args.output)?;
    let against = old.map(|old| trial(old, &given, args.output)).transpose()?;
    let pair = |trial: &Trial| (trial.gateway().clone(), std::sync::Arc::clone(trial.snapshot()));
    let (now_pair, old_pair) = (pair(&now), against.as_ref().map(pair));
    let logs =
        Logs::new((&now_pair.0, &now_pair.1), old_pair.as_ref().map(|(gateway, policy)| (gateway, policy)));
    let mut replayed = Inputs {
        logs,
        captures: Captures::new(now, against),
        tally: Tally::new(args.limit),
        faults: Faults::of(args.output),
    };
    for input in &args.inputs {
        match spelled_out(input) {
            Ok(files) => files.iter().for_each(|file| replayed.file(file)),
            Err(why) => replayed.fault(&format!("{why:#}")),
        }
    }
    if replayed.faults.count == 0 && replayed.tally.is_empty() {
        replayed.fault("nothing was judged, so nothing is known to be as before; the answer says why");
    }
    let (is_different, faults) = (replayed.tally.is_different(), replayed.faults.told());
    let answer = replayed.tally.answer();
    match args.output {
        Output::Json => print::json(out, &answer)?,
        Output::Text => print::replayed(out, &answer, &super::look())?,
        Output::None => {}
    }
    Ok(match (faults, is_different) {
        (1.., _) => ExitCode::from(UNUSABLE),
        (0, true) => ExitCode::from(NO),
        (0, false) => ExitCode::SUCCESS,
    })
}

fn trial(files: Files<'_>, given: &gateway::Given<'_>, output: Output) -> anyhow::Result<Trial> {
    let (mut gateway, capacity): (Gateway, usize) = offline::policy(files, given, output)?;
    gateway.attachments.iter_mut().for_each(|attachment| attachment.mtu = LARGEST);
    Trial::new(gateway, capacity, Seeds::default()).map_err(|why| anyhow!(why))
}

/// Everything that is read, and what was found so far.
struct Inputs {
    logs: Logs,
    captures: Captures,
    tally: Tally,
    faults: Faults,
}

/// Tuples and files that could not be read.
struct Faults {
    count: usize,
    /// What is wrong with the first ones, where programs read it at the end.
    kept: Option<Vec<String>>,
}

impl Faults {
    fn of(output: Output) -> Self {
        Self { count: 0, kept: (output == Output::Json).then(Vec::new) }
    }

    /// Says what is wrong with the input, as long as that is not said too often.
    fn add(&mut self, why: &str) {
        self.count += 1;
        match &mut self.kept {
            _ if self.count > NAMED => {}
            Some(kept) => kept.push(why.to_owned()),
            None => {
                // There is nobody left to tell where stderr fails.
                let _ = writeln!(super::stderr(), "nsgate: {why}");
            }
        }
    }

    /// How many there are, once all are told.
    fn told(self) -> usize {
        if let Some(kept) = self.kept.filter(|kept| !kept.is_empty()) {
            let _ = print::errors_json(&mut super::stderr(), &kept);
        }
        self.count
    }
}

impl Inputs {
    /// Reads a file as far as it can be read: a log that is being written, or a capture that was cut off, hides neither
    /// what stands before its end nor the other files.
    fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        match self.read(&name, path) {
            Ok(0) => self.fault(&format!("{name}: neither a flow nor a packet is in it")),
            Ok(_) => {}
            Err(why) => self.fault(&format!("{why:#}")),
        }
    }

    fn fault(&mut self, why: &str) {
        self.faults.add(why);
    }

    /// How many tuples or packets a file has.
    fn read(&mut self, name: &str, path: &Path) -> anyhow::Result<u64> {
        let file = File::open(path).with_context(|| name.to_owned())?;
        let mut first = Vec::new();
        (&file).take(4).read_to_end(&mut first).with_context(|| name.to_owned())?;
        if first.starts_with(GZIP) {
            bail!("{name}: it is packed with gzip; unpack it first");
        }
        let whole = BufReader::with_capacity(1 << 16, first.as_slice().chain(file));
        if is_json(&first) { self.log(name, whole) } else { self.capture(name, whole) }
    }

    fn log(&mut self, name: &str, log: impl std::io::BufRead) -> anyhow::Result<u64> {
        let mut tuples = 0;
        flowlog::read(name, log, |record| {
            tuples += (record.entries.len() + record.faults.len()) as u64;
            self.logs.record(name, &record, &mut self.tally);
            record.faults.iter().for_each(|fault| self.faults.add(&fault.to_string()));
        })?;
        Ok(tuples)
    }

    fn capture(&mut self, name: &str, capture: impl Read) -> anyhow::Result<u64> {
        let mut packets = 0;
        for record in pcap::Reader::new(capture).with_context(|| name.to_owned())? {
            let record = record.with_context(|| name.to_owned())?;
            packets += 1;
            self.captures.packet(name, &record, &mut self.tally);
        }
        Ok(packets)
    }
}

/// Whether a file begins as JSON does, perhaps behind a byte order mark or some white space.
fn is_json(first: &[u8]) -> bool {
    if first == PCAPNG {
        return false;
    }
    let rest = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    rest.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|byte| matches!(byte, b'{' | b'['))
}

/// The files of a pattern, or the one that it names.
fn spelled_out(input: &str) -> anyhow::Result<Vec<PathBuf>> {
    if !input.contains(['*', '?', '[']) || Path::new(input).exists() {
        return Ok(vec![input.into()]);
    }
    let mut files = Vec::new();
    for path in glob::glob(input).with_context(|| input.to_owned())? {
        let path = path?;
        if !path.is_dir() {
            files.push(path);
        }
        if files.len() > MAX_INPUTS {
            bail!("\"{input}\" matches more than {MAX_INPUTS} files");
        }
    }
    if files.is_empty() { Err(anyhow!("\"{input}\" matches no file")) } else { Ok(files) }
}
