//! The ingress drop's program: pass what is the host's own, drop the rest.
//!
//! It reads the packet through `bpf_skb_load_bytes`, which also reads packets that do not lie in one piece. A direct
//! load (`LD_ABS`) would end the program with "pass" where the packet is too short.

use super::HostAddresses;
use crate::assembler::{Assembler, FRAME, Label, R0, R1, R2, R3, R4, R6, Width};
use std::ops::RangeInclusive;

/// Let later filters and then the stack have it (`TC_ACT_UNSPEC`).
const PASS: i32 = -1;
/// `TC_ACT_SHOT`.
const DROP: i32 = 2;

/// `bpf_skb_load_bytes`.
const LOAD_BYTES: i32 = 26;

/// `vlan_present` in `struct __sk_buff`.
const VLAN_PRESENT: i16 = 20;

const ETHER_TYPE: i32 = 12;
const IPV4: i32 = 14;
/// In the IPv4 header: version and length, flags and fragment offset, protocol.
const IPV4_FRAGMENT: i16 = 6;
const IPV4_PROTOCOL: i16 = 9;
const IPV4_DESTINATION: i32 = 14 + 16;
const IPV6_DESTINATION: i32 = 14 + 24;

/// Where on the stack the packet's bytes are put.
const LOADED: i16 = -16;

/// The program for a host with these addresses; without any, it drops everything.
pub(super) fn assemble(host: &HostAddresses) -> Vec<u64> {
    let mut code = Assembler::default();
    let (pass, drop) = (code.label(), code.label());
    if !host.v4.is_empty() || !host.v6.is_empty() {
        judge(&mut code, host, pass, drop);
        code.place(pass);
        code.set(R0, PASS);
        code.exit();
    }
    code.place(drop);
    code.set(R0, DROP);
    code.exit();
    code.finish()
}

fn judge(code: &mut Assembler, host: &HostAddresses, pass: Label, drop: Label) {
    let (v4, v6) = (code.label(), code.label());
    code.copy(R6, R1);
    // A tag takes the packet to another interface, whose addresses these are not.
    code.load(R1, Width::Word, R6, VLAN_PRESENT);
    code.jump_if_not(R1, 0, drop);
    load_packet(code, ETHER_TYPE, 2, drop);
    code.load(R1, Width::Half, FRAME, LOADED);
    if !host.v4.is_empty() {
        code.jump_if_equal(R1, network(libc::ETH_P_ARP), pass);
        code.jump_if_equal(R1, network(libc::ETH_P_IP), v4);
    }
    if !host.v6.is_empty() {
        code.jump_if_equal(R1, network(libc::ETH_P_IPV6), v6);
    }
    code.jump(drop);
    code.place(v4);
    if !host.v4.is_empty() {
        load_packet(code, IPV4_DESTINATION, 4, drop);
        code.load(R1, Width::Word, FRAME, LOADED);
        let lent = code.label();
        if let Some((address, _)) = &host.lent {
            code.jump_if_equal(R1, u32::from_ne_bytes(address.octets()), lent);
        }
        for address in &host.v4 {
            code.jump_if_equal(R1, u32::from_ne_bytes(address.octets()), pass);
        }
        code.jump(drop);
        code.place(lent);
        if let Some((_, ports)) = &host.lent {
            judge_port(code, ports, pass, drop);
        }
    }
    code.place(v6);
    if !host.v6.is_empty() {
        load_packet(code, IPV6_DESTINATION, 16, drop);
        code.load(R1, Width::Half, FRAME, LOADED);
        code.jump_if_equal(R1, u32::from(0xff02_u16.to_be()), pass);
        code.load(R1, Width::Double, FRAME, LOADED);
        code.load(R2, Width::Double, FRAME, LOADED + 8);
        for address in &host.v6 {
            compare_v6(code, address.octets(), pass);
        }
        code.jump(drop);
    }
}

/// Jumps to `drop` where an IPv4 packet is for one of these TCP or UDP ports, and to `pass` where it is not.
fn judge_port(code: &mut Assembler, ports: &RangeInclusive<u16>, pass: Label, drop: Label) {
    let has_ports = code.label();
    load_packet(code, IPV4, 10, drop);
    code.load(R1, Width::Byte, FRAME, LOADED + IPV4_PROTOCOL);
    code.jump_if_equal(R1, libc::IPPROTO_TCP as u32, has_ports);
    code.jump_if_equal(R1, libc::IPPROTO_UDP as u32, has_ports);
    code.jump(pass);
    code.place(has_ports);
    code.load(R1, Width::Half, FRAME, LOADED + IPV4_FRAGMENT);
    // All but the three flags: a later fragment.
    code.mask(R1, i32::from(0x1fff_u16.to_be()));
    code.jump_if_not(R1, 0, pass);
    code.load(R2, Width::Byte, FRAME, LOADED);
    code.mask(R2, 0x0f);
    code.shift_left(R2, 2);
    code.add(R2, IPV4 + 2);
    load_packet_at_r2(code, 2, drop);
    code.load(R1, Width::Half, FRAME, LOADED);
    code.swap_half(R1);
    code.jump_if_below(R1, (*ports.start()).into(), pass);
    code.jump_if_above(R1, (*ports.end()).into(), pass);
    code.jump(drop);
}

/// Jumps to `pass` where the address in R1 and R2 is this one.
fn compare_v6(code: &mut Assembler, address: [u8; 16], pass: Label) {
    let next = code.label();
    let bits = u128::from_be_bytes(address);
    for (register, half) in [(R1, (bits >> 64) as u64), (R2, bits as u64)] {
        code.set_double(R3, half.to_be());
        code.jump_if_different(register, R3, next);
    }
    code.jump(pass);
    code.place(next);
}

/// Loads bytes of the packet onto the stack, or jumps to `drop` where it does not have them.
fn load_packet(code: &mut Assembler, offset: i32, length: i32, drop: Label) {
    code.set(R2, offset);
    load_packet_at_r2(code, length, drop);
}

/// The same from the offset that stands in R2.
fn load_packet_at_r2(code: &mut Assembler, length: i32, drop: Label) {
    code.copy(R1, R6);
    code.copy(R3, FRAME);
    code.add(R3, LOADED.into());
    code.set(R4, length);
    code.call(LOAD_BYTES);
    code.jump_if_not(R0, 0, drop);
}

/// An Ethernet type as it stands in memory.
fn network(kind: i32) -> u32 {
    u32::from((kind as u16).to_be())
}

#[cfg(test)]
mod tests;
