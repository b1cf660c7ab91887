//! Answers from a gateway file alone, by the same code that a daemon runs.

use super::Broken;
use crate::questions::Asked;
use crate::words::Words;
use anyhow::{anyhow, bail};
use control::answer::Walk;
use gateway::{Host, Ids};
use model::{NicIndex, Severity};
use packet::AttachmentId;
use pipeline::{Attachment, AttachmentKind, Engine, Gateway, Names, Settings, Shared, Snapshot};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A network interface for questions only: an Ethernet link of the usual size.
const MTU: u32 = 1500;

pub(super) fn explain(file: &Path, from: &str, words: &Words) -> anyhow::Result<Walk> {
    let mut gateway = load(file)?;
    if gateway.attachments.is_empty() {
        gateway.attachments = imagined(&gateway);
    }
    let mut asked = Asked::new(&gateway, from, words).map_err(|why| anyhow!(why))?;
    // A table of one record is enough: nothing has been seen yet, and explaining changes nothing.
    let timeouts = flow::Timeouts::default();
    let settings = Settings { capacity: 1, timeouts, seed: [0; 2], worker: 0, workers: 1 };
    let shared = Shared::new(nat::Pools::of([0; 2], gateway.snat_ports), [0; 2]);
    let engine = Engine::new(compile(&gateway)?, settings, shared)?;
    let walk = engine.explain(asked.on, &mut asked.frame, packet::Offload::default());
    Ok(asked.answer(&gateway, words, walk))
}

pub(super) fn load(file: &Path) -> anyhow::Result<Gateway> {
    let loaded = gateway::load(file, &mut Ids::default(), &Host::Unseen).map_err(Broken)?;
    Ok(loaded.gateway)
}

/// A gateway of Azure's documents alone: nothing is attached, and all else is as a gateway file that says nothing.
pub(super) fn load_documents(files: &[PathBuf], service_tags: Option<&Path>) -> anyhow::Result<Gateway> {
    let (network, found) = gateway::load_documents(files, service_tags);
    match network.filter(|_| found.iter().all(|one| one.severity != Severity::Error)) {
        Some(network) => Ok(gateway::without_file(network)),
        None => Err(Broken(found).into()),
    }
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
