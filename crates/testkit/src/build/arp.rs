//! Frames that are not IP: ARP (RFC 826), and any other type.

use super::{DESTINATION_MAC, SOURCE_MAC, ipv4_address};
use pnet_packet::arp::{ArpHardwareType, ArpOperation, MutableArpPacket};
use pnet_packet::ethernet::{EtherType, MutableEthernetPacket};

/// The address of every station.
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// Who has `target`? A broadcast. A probe's sender is `0.0.0.0`, a gratuitous request's is its target.
pub fn arp_request(mac: [u8; 6], sender: &str, target: &str) -> Vec<u8> {
    ethernet_from(mac, BROADCAST, 0x0806, &arp(1, (mac, sender), ([0; 6], target)))
}

/// `sender` is at `mac`, told to `target` alone.
pub fn arp_reply(mac: [u8; 6], sender: &str, target_mac: [u8; 6], target: &str) -> Vec<u8> {
    ethernet_from(mac, target_mac, 0x0806, &arp(2, (mac, sender), (target_mac, target)))
}

/// A frame of any type between the default addresses; 0x8100 and two bytes of tag make a VLAN frame.
pub fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    ethernet_from(SOURCE_MAC, DESTINATION_MAC, ethertype, payload)
}

pub(super) fn ethernet_from(
    source: [u8; 6],
    destination: [u8; 6],
    ethertype: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0; super::ETHERNET];
    let mut header = MutableEthernetPacket::new(&mut bytes).expect("14 bytes hold a header");
    header.set_source(source.into());
    header.set_destination(destination.into());
    header.set_ethertype(EtherType(ethertype));
    bytes.extend(payload);
    bytes
}

fn arp(operation: u16, sender: ([u8; 6], &str), target: ([u8; 6], &str)) -> Vec<u8> {
    let mut bytes = vec![0; 28];
    let mut arp = MutableArpPacket::new(&mut bytes).expect("28 bytes hold a message");
    arp.set_hardware_type(ArpHardwareType(1));
    arp.set_protocol_type(EtherType(0x0800));
    arp.set_hw_addr_len(6);
    arp.set_proto_addr_len(4);
    arp.set_operation(ArpOperation(operation));
    arp.set_sender_hw_addr(sender.0.into());
    arp.set_sender_proto_addr(ipv4_address(sender.1));
    arp.set_target_hw_addr(target.0.into());
    arp.set_target_proto_addr(ipv4_address(target.1));
    bytes
}
