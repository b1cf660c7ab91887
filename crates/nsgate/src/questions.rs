//! Explaining a packet: from words to a frame, and from the engine's walk to an answer.

use crate::words::Words;
use control::answer::{Stage, Walk};
use model::SubnetIndex;
use packet::{AttachmentId, Mac};
use pipeline::{Attachment, AttachmentKind, Ending, Explanation, Gateway};

/// The hardware address of an imagined sender, locally administered.
const SENDER: Mac = [0x02, 0, 0, 0, 0xff, 0xff];

/// A packet that is to be explained.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Where it comes in.
    pub(crate) on: AttachmentId,
    /// The same in words.
    pub(crate) from: String,
    /// The frame.
    pub(crate) frame: Vec<u8>,
}

impl Asked {
    /// Finds the attachment and builds the frame as it would come in there.
    ///
    /// # Errors
    /// One sentence on what is wrong with the question.
    pub(crate) fn new(gateway: &Gateway, from: &str, words: &Words) -> Result<Self, String> {
        let attachment = find(gateway, from, words)?;
        Ok(Self {
            on: attachment.id,
            from: role(gateway, attachment),
            frame: words.frame(sender(attachment), attachment.mac),
        })
    }

    /// The engine's walk as an answer.
    pub(crate) fn answer(&self, gateway: &Gateway, words: &Words, walk: Explanation) -> Walk {
        let stages =
            walk.stages.iter().map(|s| Stage { stage: s.name.into(), outcome: s.text.clone() }).collect();
        let egress =
            walk.egress.and_then(|id| gateway.attachments.iter().find(|attachment| attachment.id == id));
        let (allowed, summary) = match walk.ending {
            Some(Ending::Forwarded) => {
                let by = egress.map(|to| format!(" by {}, {}", to.interface, role(gateway, to)));
                (true, format!("sent on{}", by.unwrap_or_default()))
            }
            Some(Ending::Answered) => (true, "answered by the gateway itself".into()),
            Some(Ending::Consumed) => (true, "taken in by the gateway".into()),
            Some(Ending::PassedToHost) => (true, "left to this host's own network stack".into()),
            Some(Ending::Dropped(reason)) => {
                let by = walk.denied_by.as_ref().map(|rule| format!(" {} of {}.", rule.azure(), rule.nsg));
                (false, format!("{}{}", reason.text(), by.unwrap_or_default()))
            }
            None => (true, "waits for the first fragment of its datagram".into()),
        };
        let verdict = walk.ending.map_or("waiting", Ending::slug).to_owned();
        Walk { packet: words.to_string(), from: self.from.clone(), stages, verdict, allowed, summary }
    }
}

/// The hardware address of whoever sends on an attachment.
pub(crate) fn sender(attachment: &Attachment) -> Mac {
    match &attachment.kind {
        AttachmentKind::Nic { enforced_mac: Some(mac), .. } => *mac,
        _ => SENDER,
    }
}

/// What an attachment is: `web1-nic`, `vnet1/db`, `internet` or `on-premises`.
pub(crate) fn role(gateway: &Gateway, attachment: &Attachment) -> String {
    match &attachment.kind {
        AttachmentKind::Internet { .. } => "internet".into(),
        AttachmentKind::OnPremises { .. } => "on-premises".into(),
        AttachmentKind::Subnet { subnet } => {
            let vnet = gateway.network.virtual_networks.get(subnet.vnet.0);
            let subnet = vnet.and_then(|vnet| Some((vnet, vnet.subnets.get(subnet.subnet)?)));
            subnet.map(|(vnet, subnet)| format!("{}/{}", vnet.name, subnet.name)).unwrap_or_default()
        }
        AttachmentKind::Nic { nic, .. } => {
            gateway.network.network_interfaces.get(nic.0).map(|nic| nic.name.to_string()).unwrap_or_default()
        }
    }
}

fn find<'a>(gateway: &'a Gateway, from: &str, words: &Words) -> Result<&'a Attachment, String> {
    let is_internet = |attachment: &&Attachment| matches!(attachment.kind, AttachmentKind::Internet { .. });
    let mut attachments = gateway.attachments.iter();
    if from.eq_ignore_ascii_case("internet") {
        return attachments.find(is_internet).ok_or_else(|| "there is no internet attachment".into());
    }
    if from.eq_ignore_ascii_case("on-premises") {
        // Of several sites the one whose packet this could be.
        let site = |attachment: &&Attachment| matches!(attachment.kind, AttachmentKind::OnPremises { .. });
        let holds = |attachment: &&Attachment| match &attachment.kind {
            AttachmentKind::OnPremises { prefixes, .. } => {
                prefixes.iter().any(|prefix| prefix.contains(&words.source.0))
            }
            _ => false,
        };
        let fits = gateway.attachments.iter().find(holds).or_else(|| attachments.find(site));
        return fits.ok_or_else(|| "there is no on-premises attachment".into());
    }
    let wanted = gateway.network.find_nic(from).map_err(|missing| missing.to_string())?;
    let nic = gateway.network.network_interfaces.get(wanted.0);
    let is_in = |wanted: &SubnetIndex| {
        nic.is_some_and(|nic| nic.ip_configurations.iter().any(|it| it.subnet == *wanted))
    };
    let own = |attachment: &&Attachment| matches!(attachment.kind, AttachmentKind::Nic { nic, .. } if nic == wanted);
    let segment = |attachment: &&Attachment| matches!(&attachment.kind, AttachmentKind::Subnet { subnet } if is_in(subnet));
    let found = attachments.find(own).or_else(|| gateway.attachments.iter().find(segment));
    found.ok_or_else(|| format!("network interface {from} has no attachment"))
}
