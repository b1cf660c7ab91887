//! What a snapshot is built from: the network, and which Linux interface is what.

use ipnet::IpNet;
use model::{Network, NicIndex, SubnetIndex, VnetIndex};
use nat::Ports;
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
    /// `outbound.defaultPublicIp`; each network interface without an address of its own has one of them.
    pub default_public_ips: Vec<Ipv4Addr>,
    /// `outbound.ports`: those that translated flows get. Where the host itself holds one of `default_public_ips`, these are the
    /// gateway's of its TCP and UDP ports, and the rest is the host's.
    pub snat_ports: Ports,
    /// `outbound.portsPerVm`: the most ports that one NIC may hold of those there are for one public address, protocol and
    /// destination.
    pub ports_per_vm: u32,
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
    /// A segment: every network interface of the subnet without an attachment of its own.
    Subnet {
        /// Which.
        subnet: SubnetIndex,
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
    /// Sites of one's own, reached as through a virtual network gateway.
    OnPremises {
        /// The virtual network whose gateway this is; its peers may use it too.
        vnet: VnetIndex,
        /// The gateway's own addresses there, with the prefix that is on the link.
        addresses: Vec<IpNet>,
        /// The addresses of the sites.
        prefixes: Vec<IpNet>,
        /// Where those go that are not on the link.
        next_hops: Vec<IpAddr>,
        /// Addresses that the host itself holds on the interface and keeps.
        host_addresses: Vec<IpAddr>,
    },
}
