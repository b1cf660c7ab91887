//! The frame that a packet would be where it comes in.

use crate::told::role;
use crate::{Arrivals, Captured, Words};
use model::SubnetIndex;
use packet::{AttachmentId, Mac, Offload, Packet, Transport};
use snapshot::{Attachment, AttachmentKind, Gateway};
use std::net::{IpAddr, SocketAddr};

/// The hardware address of an imagined sender, locally administered.
const SENDER: Mac = [0x02, 0, 0, 0, 0xff, 0xff];

/// A packet that is to be explained.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where it comes in.
    pub on: AttachmentId,
    /// The same in words.
    pub from: String,
    /// Why there, where nobody said so.
    pub because: Option<&'static str>,
    /// The packet in words.
    pub packet: String,
    /// Where it goes.
    pub destination: IpAddr,
    /// The frame.
    pub frame: Vec<u8>,
    /// What its sender left to the device.
    pub offload: Offload,
}

impl Asked {
    /// Builds the frame of a packet in words as it would come in at `from`, or where its addresses tell.
    ///
    /// # Errors
    /// One sentence on what is wrong with the question.
    pub fn in_words(gateway: &Gateway, from: Option<&str>, words: &Words) -> Result<Self, String> {
        let (attachment, because) = place(gateway, from, (words.source.0, words.destination.0))?;
        Ok(Self {
            on: attachment.id,
            from: role(gateway, attachment),
            because,
            packet: words.to_string(),
            destination: words.destination.0,
            frame: words.frame(sender(attachment), attachment.mac),
            offload: Offload::default(),
        })
    }

    /// The same for the bytes of an IP packet that had `length` bytes.
    ///
    /// # Errors
    /// One sentence on what is wrong with the packet, or with the question.
    pub fn captured(gateway: &Gateway, from: Option<&str>, ip: &[u8], length: usize) -> Result<Self, String> {
        let mut captured = Captured::read(ip, length).map_err(|why| why.to_string())?;
        let ends = (captured.packet.source.ip(), captured.packet.destination.ip());
        if from.is_none()
            && Arrivals::new(gateway).find(ends.0, ends.1).is_ok_and(|it| it.translated.is_some())
        {
            return Err(
                "It comes from outside to a private address, as it looks behind a translation.".into()
            );
        }
        let (attachment, because) = place(gateway, from, ends)?;
        captured.address(sender(attachment), attachment.mac);
        let Captured { packet, bytes, offload } = captured;
        Ok(Self::at(gateway, attachment, because, &packet, (bytes, offload)))
    }

    /// A frame that is ready to come in on an attachment; `packet` is what it was captured as.
    pub fn at(
        gateway: &Gateway,
        attachment: &Attachment,
        because: Option<&'static str>,
        packet: &Packet,
        (frame, offload): (Vec<u8>, Offload),
    ) -> Self {
        let (on, from) = (attachment.id, role(gateway, attachment));
        Self {
            on,
            from,
            because,
            packet: describe(packet),
            destination: packet.destination.ip(),
            frame,
            offload,
        }
    }
}

/// The hardware address that a frame comes from.
pub(crate) fn sender(attachment: &Attachment) -> Mac {
    match &attachment.kind {
        AttachmentKind::Nic { enforced_mac: Some(mac), .. } => *mac,
        _ => SENDER,
    }
}

impl Arrivals {
    /// The hardware addresses of frames that come in on an attachment: the sender's and the gateway's.
    pub fn macs(attachment: &Attachment) -> (Mac, Mac) {
        (sender(attachment), attachment.mac)
    }
}

/// A packet in a few words.
fn describe(packet: &Packet) -> String {
    let (source, destination) = (packet.source.ip(), packet.destination.ip());
    let ports = packet.ports();
    match packet.transport {
        Transport::Tcp(_) | Transport::Udp { .. } => format!(
            "{} {} > {}",
            packet.protocol,
            SocketAddr::new(source, ports.0),
            SocketAddr::new(destination, ports.1)
        ),
        _ => format!("{} {source} > {destination}", packet.protocol),
    }
}

type Place<'a> = (&'a Attachment, Option<&'static str>);

fn place<'a>(
    gateway: &'a Gateway,
    from: Option<&str>,
    (source, destination): (IpAddr, IpAddr),
) -> Result<Place<'a>, String> {
    if let Some(from) = from {
        return Ok((named(gateway, from, source)?, None));
    }
    let arrival = Arrivals::new(gateway).find(source, destination).map_err(|why| {
        format!("where does a packet from {source} to {destination} come in? {why} Say it with --from")
    })?;
    let attachment = gateway.attachments.get(arrival.attachment).ok_or("there is no such attachment")?;
    Ok((attachment, Some(arrival.because)))
}

/// The attachment of that name: of a network interface, `internet` or `on-premises`; of several sites the one that `source`
/// could be of.
///
/// # Errors
/// One sentence where there is none.
pub fn named<'a>(gateway: &'a Gateway, from: &str, source: IpAddr) -> Result<&'a Attachment, String> {
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
                prefixes.iter().any(|prefix| prefix.contains(&source))
            }
            _ => false,
        };
        let fits = gateway.attachments.iter().find(holds).or_else(|| attachments.find(site));
        return fits.ok_or_else(|| "there is no on-premises attachment".into());
    }
    let wanted = gateway.network.find_nic(from).map_err(|missing| missing.sentence())?;
    let nic = gateway.network.network_interfaces.get(wanted.0);
    let is_in = |wanted: &SubnetIndex| {
        nic.is_some_and(|nic| nic.ip_configurations.iter().any(|it| it.subnet == *wanted))
    };
    let own = |attachment: &&Attachment| matches!(attachment.kind, AttachmentKind::Nic { nic, .. } if nic == wanted);
    let segment = |attachment: &&Attachment| matches!(&attachment.kind, AttachmentKind::Subnet { subnet } if is_in(subnet));
    let found = attachments.find(own).or_else(|| gateway.attachments.iter().find(segment));
    found.ok_or_else(|| format!("network interface {from} has no attachment"))
}
