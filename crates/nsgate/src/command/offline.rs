//! Answers from a gateway file alone, by the same code that a daemon runs.

use crate::cli;
use anyhow::bail;
use gateway::{Broken, Given, Host, Ids, Loaded};
use model::codes::NOT_HONOURED;
use model::{Diagnostic, Network, NicIndex, Severity};
use packet::AttachmentId;
use print::Look;
use snapshot::{Attachment, AttachmentKind, Gateway, Names, Snapshot};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A network interface for questions only: an Ethernet link of the usual size.
const MTU: u32 = 1500;
/// The most flows of a gateway that no file describes.
pub(super) const CAPACITY: usize = 1_000_000;

/// A gateway whose packets can be asked about: every network interface has an attachment.
pub(super) fn complete(gateway: Gateway) -> Gateway {
    if !gateway.attachments.is_empty() {
        return gateway;
    }
    let attachments = imagined(&gateway);
    Gateway { attachments, ..gateway }
}

/// What documents are read with.
pub(super) fn given<'a>(given: &'a cli::Given, service_tags: &'a Option<PathBuf>) -> Given<'a> {
    let cli::Given { parameters, resource_group, subscription, location } = given;
    Given {
        parameters,
        resource_group: resource_group.as_deref(),
        subscription: subscription.as_deref(),
        location: location.as_deref(),
        service_tags: service_tags.as_deref(),
    }
}

/// The gateway of a gateway file, or one that is imagined around documents of Azure's; with room for how many flows.
pub(super) fn policy(files: &[PathBuf], given: &Given<'_>) -> anyhow::Result<(Gateway, usize)> {
    let is_document =
        |file: &PathBuf| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if let [file] = files
        && !is_document(file)
    {
        let loaded = load_file(file)?;
        return Ok((complete(loaded.gateway), loaded.settings.flow_capacity));
    }
    if let Some(other) = files.iter().find(|file| !is_document(file)) {
        bail!("{}: several files are documents of Azure's, whose names end in .json", other.display());
    }
    Ok((complete(load_documents(files, given)?), CAPACITY))
}

pub(super) fn load(file: &Path) -> anyhow::Result<Gateway> {
    Ok(load_file(file)?.gateway)
}

/// A gateway of Azure's documents alone: nothing is attached, and all else is as a gateway file that says nothing.
pub(super) fn load_documents(files: &[PathBuf], given: &Given<'_>) -> anyhow::Result<Gateway> {
    load_network(files, given).map(gateway::without_file)
}

/// The network of Azure's documents alone.
pub(super) fn load_network(files: &[PathBuf], given: &Given<'_>) -> anyhow::Result<Network> {
    let (documents, found) = gateway::load_documents(files, given);
    match documents.network.filter(|_| found.iter().all(|one| one.severity != Severity::Error)) {
        Some(network) => {
            warn(&found);
            Ok(network)
        }
        None => Err(Broken(found).into()),
    }
}

fn load_file(file: &Path) -> anyhow::Result<Loaded> {
    let loaded = gateway::load(file, &mut Ids::default(), &Host::Unseen).map_err(Broken)?;
    warn(&loaded.warnings);
    Ok(loaded)
}

/// Says on stderr where Azure's answer may be another; the other warnings are for `nsgate check`.
fn warn(found: &[Diagnostic]) {
    let found: Vec<Diagnostic> = found.iter().filter(|one| one.code == NOT_HONOURED).cloned().collect();
    // There is nobody left to tell where stderr fails.
    let _ = print::diagnostics(&mut io::stderr().lock(), &found, &Look::of(&io::stderr()));
}

pub(super) fn compile(gateway: &Gateway) -> anyhow::Result<Arc<Snapshot>> {
    match Snapshot::build(gateway, &mut Names::default()) {
        Ok(snapshot) => Ok(Arc::new(snapshot)),
        Err(errors) => bail!(errors.join("; ")),
    }
}

/// For a file without attachments: every network interface that has its addresses, and an internet.
fn imagined(gateway: &Gateway) -> Vec<Attachment> {
    let internet = AttachmentKind::Internet {
        // TEST-NET-1 (RFC 5737): nobody's addresses.
        addresses: "192.0.2.1/24".parse().into_iter().collect(),
        next_hops: vec![[192, 0, 2, 254].into()],
        host_addresses: Vec::new(),
    };
    let complete = |nic: &&(usize, &model::NetworkInterface)| {
        nic.1.ip_configurations.iter().all(|configuration| configuration.private_address.is_some())
    };
    let nics: Vec<_> = gateway.network.network_interfaces.iter().enumerate().collect();
    let nics = nics.iter().filter(complete).map(|(nth, nic)| {
        (Arc::clone(&nic.name), AttachmentKind::Nic { nic: NicIndex(*nth), enforced_mac: None })
    });
    std::iter::once((Arc::from("internet"), internet))
        .chain(nics)
        // Ids are small numbers; what cannot be numbered cannot be asked about.
        .zip(0..0x7fff)
        .map(|((interface, kind), id)| {
            let [high, low] = u16::to_be_bytes(id);
            Attachment { id: AttachmentId(id), interface, mac: [0x02, 0, 0, 0, high, low], mtu: MTU, kind }
        })
        .collect()
}
