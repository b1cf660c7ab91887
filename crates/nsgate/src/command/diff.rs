//! `nsgate diff`: what two policies decide differently, and what each lets reach.

use super::{NO, offline};
use crate::cli::{self, Output};
use analysis::Limits;
use anyhow::{Context as _, bail};
use offline::Files;
use snapshot::Gateway;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(args: &cli::Diff, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let files = |first: &Option<PathBuf>, more: &[PathBuf]| -> Vec<PathBuf> {
        first.iter().chain(more).cloned().collect()
    };
    let given = offline::given(&args.given, &args.service_tags);
    let (old, new) = (files(&args.old, &args.more_old), files(&args.new, &args.more_new));
    let (old, new) = (side("OLD", &old)?, side("NEW", &new)?);
    if let (Files::Gateway(_), Files::Gateway(file)) = (old, new) {
        offline::no_place(&file.display().to_string(), &given)?;
    }
    let mut old = Side::load(old, &given, "OLD", args.output)?;
    let mut new = Side::load(new, &given, "NEW", args.output)?;
    let networks = (&mut old.gateway.network, &mut new.gateway.network);
    analysis::assume_alike(Arc::make_mut(networks.0), Arc::make_mut(networks.1));
    tell_assumptions(&old, &new, args.output);
    let limits = Limits { regions: args.limit, ..Limits::default() };
    let found = views::differences(&old.gateway, &new.gateway, &limits)?;
    super::answer(out, args.output, &found, |out, it| print::differences(out, it, &super::look()))?;
    Ok(if found.equal { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// What the files of a side are.
fn side<'a>(name: &str, files: &'a [PathBuf]) -> anyhow::Result<Files<'a>> {
    if files.is_empty() {
        bail!(
            "{name} is missing: `nsgate diff OLD NEW`, or --old FILE and --new FILE where a side has several documents"
        );
    }
    Files::of_documents(files).with_context(|| name.to_owned())
}

/// Says which addresses the answer assumes, once where both sides assume the same.
fn tell_assumptions(old: &Side, new: &Side, output: Output) {
    let told = |side: &Side| side.gateway.network.assumptions().filter(|_| !side.is_attached);
    let sides = if told(old) == told(new) { vec![old] } else { vec![old, new] };
    for side in sides.into_iter().filter(|side| !side.is_attached) {
        offline::tell_assumptions(&side.gateway.network, output);
    }
}

/// One side, loaded.
struct Side {
    /// The gateway, attached to what is imagined where nothing is.
    gateway: Gateway,
    is_attached: bool,
}

impl Side {
    /// A gateway file, or documents.
    fn load(
        files: Files<'_>,
        given: &gateway::Given<'_>,
        name: &str,
        output: Output,
    ) -> anyhow::Result<Self> {
        let gateway = match files {
            Files::Gateway(file) => offline::load(file, output)?,
            Files::Documents(files) => {
                offline::load_documents(files, given, output).with_context(|| name.to_owned())?
            }
        };
        Ok(Self { is_attached: !gateway.attachments.is_empty(), gateway: offline::attached(gateway) })
    }
}
