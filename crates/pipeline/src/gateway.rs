//! What a snapshot is built from: the network, and which Linux interface is what.

use ipnet::IpNet;
use model::{Network, NicIndex};
use packet::{AttachmentId, Mac};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// A gateway as its file describes it, on the interfaces that the host has now.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The network; every attached NIC has its private addresses.
    pub network: Arc<Network>,
    /// The attachments. An interface keeps its id over reloads.
    pub attachments: Vec<Attachment>,
    /// `outbound.defaultPublicIp`.
    pub default_public_ip: Option<Ipv4Addr>,
    /// `flows.idleTimeout`.
    pub flow_idle: Duration,
    /// `outbound.idleTimeout`, for flows that hold a translated port.
    pub snat_idle: Duration,
}

/// One attachment.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its number.
    pub id: AttachmentId,
    /// The Linux interface.
    pub interface: Arc<str>,
    /// The interface's hardware address.
    pub mac: Mac,
    /// The interface's MTU, in bytes of IP packet.
    pub mtu: u32,
    /// What is behind it.
    pub kind: AttachmentKind,
}

/// What is behind an attachment.
#[derive(Clone, Debug)]
pub enum AttachmentKind {
    /// One network interface of the model.
    Nic {
        /// Which.
        nic: NicIndex,
        /// The hardware address that its frames must come from, if that is enforced.
        enforced_mac: Option<Mac>,
    },
    /// The internet.
    Internet {
        /// The gateway's own addresses there, with the prefix that is on the link.
        addresses: Vec<IpNet>,
        /// Where everything else goes.
        next_hops: Vec<IpAddr>,
        /// Addresses that the host itself holds on the interface and keeps.
        host_addresses: Vec<IpAddr>,
    },
}
