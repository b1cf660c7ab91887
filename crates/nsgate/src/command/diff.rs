//! `nsgate diff`: what two policies decide differently.

use super::{NO, offline};
use crate::cli::{self, Output};
use crate::print::{self, Colour};
use analysis::{Limits, Network, diff};
use anyhow::{Context as _, bail};
use ipnet::IpNet;
use model::Vantage;
use pipeline::{Attachment, virtual_network_tags};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(args: &cli::Diff, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let files = |first: &Option<PathBuf>, more: &[PathBuf]| -> Vec<PathBuf> {
        first.iter().chain(more).cloned().collect()
    };
    let besides = (args.parameters.as_slice(), args.service_tags.as_deref());
    let old = Side::load(&files(&args.old, &args.more_old), besides, "OLD")?;
    let new = Side::load(&files(&args.new, &args.more_new), besides, "NEW")?;
    let limits = Limits { regions: args.limit, ..Limits::default() };
    let found = diff(&old.network(), &new.network(), &limits)?;
    match args.output {
        Output::Json => print::json(out, &print::Differences::from(&found))?,
        Output::Text => print::differences(out, &found, Colour::of(&std::io::stdout()), print::width())?,
    }
    Ok(if found.is_equal() { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// One side, loaded.
struct Side {
    network: Arc<model::Network>,
    virtual_networks: BTreeMap<Vantage, Vec<IpNet>>,
}

impl Side {
    /// A gateway file, or documents.
    fn load(
        files: &[PathBuf],
        (parameters, tags): (&[String], Option<&Path>),
        name: &str,
    ) -> anyhow::Result<Self> {
        match files {
            [] => bail!("{name} is missing: give OLD and NEW, or --old FILE and --new FILE"),
            [file] if is_gateway_file(file) => {
                let gateway = offline::load(file)?;
                Ok(Self::new(gateway.network, &gateway.attachments))
            }
            files if files.iter().any(|file| is_gateway_file(file)) => {
                bail!("{name}: a gateway file names its documents itself, so it stands alone")
            }
            files => {
                let network = offline::load_network(files, parameters, tags);
                Ok(Self::new(Arc::new(network.with_context(|| name.to_owned())?), &[]))
            }
        }
    }

    fn new(network: Arc<model::Network>, attachments: &[Attachment]) -> Self {
        Self { virtual_networks: virtual_network_tags(&network, attachments), network }
    }

    fn network(&self) -> Network<'_> {
        Network { network: &self.network, virtual_networks: &self.virtual_networks }
    }
}

fn is_gateway_file(file: &Path) -> bool {
    file.extension().is_some_and(|it| it.eq_ignore_ascii_case("yaml") || it.eq_ignore_ascii_case("yml"))
}
