//! `nsgate diff`: what two policies decide differently, and what each lets reach.

use super::{NO, offline};
use crate::cli;
use analysis::{Limits, Network, answer, diff};
use anyhow::{Context as _, bail};
use ipnet::IpNet;
use model::VnetIndex;
use pipeline::{Attachment, on_premises, virtual_network_tag};
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
    let found = answer(&diff(&old.network(), &new.network(), &limits)?);
    super::answer(out, args.output, &found, |out, it| print::differences(out, it, &super::look()))?;
    Ok(if found.equal { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// One side, loaded.
struct Side {
    network: Arc<model::Network>,
    virtual_networks: Vec<Vec<IpNet>>,
    on_premises: Vec<Vec<IpNet>>,
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
        Self {
            virtual_networks: virtual_networks(&network, attachments),
            on_premises: on_premises(&network, attachments),
            network,
        }
    }

    fn network(&self) -> Network<'_> {
        Network {
            network: &self.network,
            virtual_networks: &self.virtual_networks,
            on_premises: &self.on_premises,
        }
    }
}

/// What VirtualNetwork holds in each virtual network.
pub(super) fn virtual_networks(network: &model::Network, attachments: &[Attachment]) -> Vec<Vec<IpNet>> {
    let vnets = (0..network.virtual_networks.len()).map(VnetIndex);
    vnets.map(|vnet| virtual_network_tag(network, attachments, vnet)).collect()
}

fn is_gateway_file(file: &Path) -> bool {
    file.extension().is_some_and(|it| it.eq_ignore_ascii_case("yaml") || it.eq_ignore_ascii_case("yml"))
}
