//! `nsgate diff`: what two policies decide differently, and what each lets reach.

use super::{NO, offline};
use crate::cli::{self, Output};
use analysis::{Limits, Network, answer, diff};
use anyhow::{Context as _, bail};
use ipnet::IpNet;
use model::Vantage;
use offline::Files;
use snapshot::{Gateway, internet, on_premises, virtual_network_tags};
use std::collections::BTreeMap;
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
    analysis::assume_alike(Arc::make_mut(&mut old.network), Arc::make_mut(&mut new.network));
    tell_assumptions(&old, &new, args.output);
    let limits = Limits { regions: args.limit, ..Limits::default() };
    let found = answer(&diff(&old.network(), &new.network(), &limits)?);
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
    let told = |side: &Side| side.network.assumptions().filter(|_| !side.is_attached);
    let sides = if told(old) == told(new) { vec![old] } else { vec![old, new] };
    for side in sides.into_iter().filter(|side| !side.is_attached) {
        offline::tell_assumptions(&side.network, output);
    }
}

/// One side, loaded.
struct Side {
    network: Arc<model::Network>,
    virtual_networks: BTreeMap<Vantage, Vec<IpNet>>,
    on_premises: Vec<Vec<IpNet>>,
    internet: Vec<Vec<bool>>,
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
        match files {
            Files::Gateway(file) => Ok(Self::new(offline::load(file, output)?)),
            Files::Documents(files) => {
                let gateway = offline::load_documents(files, given, output);
                Ok(Self::new(gateway.with_context(|| name.to_owned())?))
            }
        }
    }

    fn new(gateway: Gateway) -> Self {
        let Gateway { network, attachments, .. } = &gateway;
        Self {
            virtual_networks: virtual_network_tags(network, attachments),
            on_premises: on_premises(network, attachments),
            is_attached: !attachments.is_empty(),
            network: Arc::clone(network),
            internet: internet(&offline::attached(gateway)),
        }
    }

    fn network(&self) -> Network<'_> {
        Network {
            network: &self.network,
            virtual_networks: &self.virtual_networks,
            on_premises: &self.on_premises,
            internet: &self.internet,
        }
    }
}
