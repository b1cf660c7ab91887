//! Answers from a gateway file alone, by the same code that a daemon runs.

use crate::cli::{self, Output};
use anyhow::bail;
use diagnostic::{Diagnostic, Severity};
use gateway::{Broken, Given, Host, Ids, Loaded};
use model::codes::NOT_HONOURED;
use model::{Network, NicIndex};
use packet::AttachmentId;
use print::Look;
use snapshot::{Attachment, AttachmentKind, Gateway, Names, Snapshot};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A network interface for questions only: an Ethernet link of the usual size.
const MTU: u32 = 1500;
/// Stands for the address of Azure's default outbound access: TEST-NET-1 (RFC 5737), nobody's address.
const DEFAULT_OUTBOUND: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 4);
/// The most flows of a gateway that no file describes.
const CAPACITY: usize = 1_000_000;

/// A gateway whose packets can be asked about: every network interface has an attachment, and leaves for the internet as
/// Azure lets it.
pub(super) fn complete(gateway: Gateway, output: Output) -> Gateway {
    if gateway.attachments.is_empty() {
        tell_assumptions(&gateway.network, output);
    }
    attached(gateway)
}

/// The same, where its assumptions are told elsewhere.
pub(super) fn attached(gateway: Gateway) -> Gateway {
    if !gateway.attachments.is_empty() {
        return gateway;
    }
    let attachments = imagined(&gateway);
    let default_outbound_access = gateway.default_public_ips.is_empty();
    let default_public_ips = match default_outbound_access {
        true => vec![DEFAULT_OUTBOUND],
        false => gateway.default_public_ips.clone(),
    };
    Gateway { attachments, default_outbound_access, default_public_ips, ..gateway }
}

/// The gateway in which the network interface that a packet is said to come from has its source address, where nothing is
/// attached and that is left open.
pub(super) fn from_where_asked(mut gateway: Gateway, from: Option<&str>, source: IpAddr) -> Gateway {
    let nic = from.filter(|_| gateway.attachments.is_empty()).map(|from| gateway.network.find_nic(from));
    if let Some(Ok(nic)) = nic {
        // Where it can not have it, the answer is that it does not belong there.
        let _ = Arc::make_mut(&mut gateway.network).settle_address(nic, source);
    }
    gateway
}

/// Says on stderr which addresses are assumed, where nothing is attached; a gateway assumes none.
pub(super) fn tell_assumptions(network: &Network, output: Output) {
    let Some(assumptions) = network.assumptions() else { return };
    // There is nobody left to tell where stderr fails.
    let _ = match output {
        Output::Json => print::notes_json(&mut super::stderr(), &[assumptions]),
        Output::Text | Output::None => writeln!(super::stderr(), "nsgate: {assumptions}"),
    };
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

/// What files are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Files<'a> {
    /// A gateway file, which names its documents itself.
    Gateway(&'a Path),
    /// Documents of Azure's.
    Documents(&'a [PathBuf]),
}

impl<'a> Files<'a> {
    /// What files are that stand where a gateway file is expected: one, unless it is called a document.
    pub(super) fn of_config(files: &'a [PathBuf]) -> anyhow::Result<Self> {
        match files {
            [file] if !is_document(file) => Ok(Self::Gateway(file)),
            files => Self::of_documents(files),
        }
    }

    /// What files are that stand where documents are expected: those, unless the only one is called a gateway file.
    pub(super) fn of_documents(files: &'a [PathBuf]) -> anyhow::Result<Self> {
        match (files, files.iter().find(|file| is_gateway_file(file))) {
            ([file], Some(_)) => Ok(Self::Gateway(file)),
            (_, Some(file)) => bail!(
                "{}: a gateway file names its documents itself, so it stands alone; all other files are taken for documents of \
                 Azure's",
                file.display()
            ),
            (files, None) => Ok(Self::Documents(files)),
        }
    }

    /// Refuses what only documents are read with, where there are none.
    pub(super) fn refuse_unused(self, given: &Given<'_>) -> anyhow::Result<()> {
        let Self::Gateway(file) = self else { return Ok(()) };
        no_documents(&file.display().to_string(), given)
    }
}

/// Refuses what only documents are read with. Of network interfaces a resource group tells namesakes apart, so it is not
/// asked about here.
pub(super) fn no_documents(whom: &str, given: &Given<'_>) -> anyhow::Result<()> {
    let all = [
        ("--parameters", !given.parameters.is_empty(), "network.parameters"),
        ("--location", given.location.is_some(), "network.deployment"),
        ("--service-tags", given.service_tags.is_some(), "serviceTags"),
    ];
    match all.into_iter().find(|(_, is_given, _)| *is_given) {
        Some((option, _, key)) => {
            bail!(
                "{option} is for documents of Azure's, and {whom} is none: a gateway file says it under {key}"
            )
        }
        None => Ok(()),
    }
}

/// The same where nobody asks for a network interface.
pub(super) fn no_place(whom: &str, given: &Given<'_>) -> anyhow::Result<()> {
    no_documents(whom, given)?;
    let place = [("--resource-group", given.resource_group), ("--subscription", given.subscription)];
    match place.into_iter().find(|(_, given)| given.is_some()) {
        Some((option, _)) => {
            bail!(
                "{option} is for documents of Azure's, and {whom} is none: a gateway file says it under network.deployment"
            )
        }
        None => Ok(()),
    }
}

/// A file where nothing but a gateway file will do.
pub(super) fn gateway_file(file: &Path) -> anyhow::Result<&Path> {
    match is_document(file) {
        true => bail!(
            "{}: a document of Azure's, by its name; here a gateway file (.yaml) is expected, which names documents under \
             network.files",
            file.display()
        ),
        false => Ok(file),
    }
}

fn has_ending(file: &Path, endings: &[&str]) -> bool {
    let ending = file.extension().unwrap_or_default();
    endings.iter().any(|one| ending.eq_ignore_ascii_case(one))
}

fn is_gateway_file(file: &Path) -> bool {
    has_ending(file, &["yaml", "yml"])
}

fn is_document(file: &Path) -> bool {
    has_ending(file, &["json", "jsonc"])
}

/// The gateway of a gateway file, or one that is imagined around documents of Azure's; with room for how many flows.
pub(super) fn policy(
    files: Files<'_>,
    given: &Given<'_>,
    output: Output,
) -> anyhow::Result<(Gateway, usize)> {
    match files {
        Files::Gateway(file) => {
            let loaded = load_file(file, output)?;
            Ok((complete(loaded.gateway, output), loaded.settings.flow_capacity))
        }
        Files::Documents(files) => Ok((complete(load_documents(files, given, output)?, output), CAPACITY)),
    }
}

pub(super) fn load(file: &Path, output: Output) -> anyhow::Result<Gateway> {
    Ok(load_file(file, output)?.gateway)
}

/// A gateway of Azure's documents alone: nothing is attached, and all else is as a gateway file that says nothing.
pub(super) fn load_documents(
    files: &[PathBuf],
    given: &Given<'_>,
    output: Output,
) -> anyhow::Result<Gateway> {
    load_network(files, given, output).map(gateway::without_file)
}

/// The network of Azure's documents alone, with the addresses that Azure would give where they are open.
pub(super) fn load_network(files: &[PathBuf], given: &Given<'_>, output: Output) -> anyhow::Result<Network> {
    let (documents, found) = gateway::load_documents(files, given);
    match documents.network.filter(|_| found.iter().all(|one| one.severity != Severity::Error)) {
        Some(mut network) => {
            warn(&found, output);
            network.assume_addresses();
            Ok(network)
        }
        None => Err(Broken(found).into()),
    }
}

fn load_file(file: &Path, output: Output) -> anyhow::Result<Loaded> {
    let mut loaded = gateway::load(file, &mut Ids::default(), &Host::Unseen).map_err(Broken)?;
    warn(&loaded.warnings, output);
    if loaded.gateway.attachments.is_empty() {
        Arc::make_mut(&mut loaded.gateway.network).assume_addresses();
    }
    Ok(loaded)
}

/// Says on stderr where Azure's answer may be another; the other warnings are for `nsgate check`.
fn warn(found: &[Diagnostic], output: Output) {
    let found: Vec<Diagnostic> = found.iter().filter(|one| one.code == NOT_HONOURED).cloned().collect();
    // There is nobody left to tell where stderr fails.
    let _ = match output {
        Output::Json if found.is_empty() => Ok(()),
        Output::Json => print::diagnostics_json(&mut super::stderr(), &found),
        _ => print::diagnostics(&mut super::stderr(), &found, &Look::of(&io::stderr())),
    };
}

pub(super) fn compile(gateway: &Gateway) -> anyhow::Result<Arc<Snapshot>> {
    match Snapshot::build(gateway, &mut Names::default()) {
        Ok(snapshot) => Ok(Arc::new(snapshot)),
        Err(errors) => bail!(errors.join("; ")),
    }
}

/// For a file without attachments: every network interface, and an internet.
fn imagined(gateway: &Gateway) -> Vec<Attachment> {
    let internet = AttachmentKind::Internet {
        // TEST-NET-1 (RFC 5737), and the last of what RFC 9637 keeps for documentation: nobody's addresses.
        addresses: ["192.0.2.1/24", "3fff:fff:ffff:ffff::1/64"].into_iter().flat_map(str::parse).collect(),
        next_hops: ["192.0.2.254", "3fff:fff:ffff:ffff::2"].into_iter().flat_map(str::parse).collect(),
        host_addresses: Vec::new(),
    };
    let nics = gateway.network.network_interfaces.iter().enumerate().map(|(nth, nic)| {
        (Arc::clone(&nic.name), AttachmentKind::Nic { nic: NicIndex(nth), enforced_mac: None })
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
