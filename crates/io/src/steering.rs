//! The program by which the kernel chooses a worker's queue: it computes the same number as [`packet::home`].
//!
//! It serves fan-out groups and TAP devices, which begin to read a packet at different places. What it cannot place
//! goes to the first worker: a wrong choice costs a hand-over and nothing else. The packet is read through
//! `bpf_skb_load_bytes`, which also reads packets that do not lie in one piece.

use crate::assembler::{Assembler, FRAME, Label, R0, R1, R2, R3, R4, R6, R7, R8, Width};
use crate::{Error, sys};
use std::os::fd::OwnedFd;

/// Where the program's packet begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub(crate) enum Start {
    /// At the network header: a fan-out group.
    Network = 0,
    /// At the Ethernet header: a TAP device.
    Ethernet = 14,
}

/// `bpf_skb_load_bytes`.
const LOAD_BYTES: i32 = 26;
/// `protocol` in `struct __sk_buff`: the Ethernet type as it stands in the packet.
const PROTOCOL: i16 = 16;
/// Where on the stack the packet's bytes are put.
const LOADED: i16 = -24;

/// IPv6's fragment header (RFC 8200, section 4.5).
const FRAGMENT_HEADER: u32 = 44;
const V6_HEADER: i32 = 40;

/// Loads the program for so many workers.
///
/// # Errors
/// [`Error::MissingCapability`], or what the system answered.
pub(crate) fn load(workers: usize, start: Start) -> Result<OwnedFd, Error> {
    sys::bpf::load_socket_filter(&assemble(workers, start), "nsgate_steering")
        .map_err(Error::system("loading the steering program", "CAP_BPF"))
}

fn assemble(workers: usize, start: Start) -> Vec<u64> {
    let mut code = Assembler::default();
    let [v4, v4_fragment, v6, v6_fragment, transport, number, first] = [(); 7].map(|()| code.label());
    let base = start as i32;
    code.copy(R6, R1);
    code.load(R1, Width::Word, R6, PROTOCOL);
    code.jump_if_equal(R1, network(libc::ETH_P_IP as u16), v4);
    code.jump_if_equal(R1, network(libc::ETH_P_IPV6 as u16), v6);
    code.jump(first);

    code.place(v4);
    code.set(R8, base);
    load_packet(&mut code, 20, first);
    code.load(R1, Width::Half, FRAME, LOADED + 6);
    code.jump_if_any(R1, network(0x3fff), v4_fragment);
    code.load(R7, Width::Byte, FRAME, LOADED);
    code.mask(R7, 0x0f);
    code.shift_left(R7, 2);
    code.add_register(R8, R7);
    code.load(R7, Width::Byte, FRAME, LOADED + 9);
    code.jump(transport);
    code.place(v4_fragment);
    load_number(&mut code, R7, LOADED + 4);
    code.jump(number);

    code.place(v6);
    code.set(R8, base + 6);
    load_packet(&mut code, 1, first);
    code.load(R7, Width::Byte, FRAME, LOADED);
    code.set(R8, base + V6_HEADER);
    code.jump_if_equal(R7, FRAGMENT_HEADER, v6_fragment);
    code.jump(transport);
    code.place(v6_fragment);
    load_packet(&mut code, 8, first);
    load_number(&mut code, R7, LOADED + 6);
    code.jump(number);

    code.place(transport);
    sum_of_ports(&mut code, number, first);

    code.place(number);
    code.mask(R7, 0xffff);
    code.multiply(R7, 40_503);
    code.mask(R7, 0xffff);
    code.multiply(R7, workers as i32);
    code.shift_right(R7, 16);
    code.copy(R0, R7);
    code.exit();
    code.place(first);
    code.set(R0, 0);
    code.exit();
    code.finish()
}

/// Makes of the protocol in R7 the sum of the ports of the header at R8, falling through or jumping to `number`.
fn sum_of_ports(code: &mut Assembler, number: Label, first: Label) {
    let [ports, v4_query, v6_query, query] = [(); 4].map(|()| code.label());
    for (protocol, to) in [(6, ports), (17, ports), (1, v4_query), (58, v6_query)] {
        code.jump_if_equal(R7, protocol, to);
    }
    code.jump(first);

    code.place(ports);
    load_packet(code, 4, first);
    load_number(code, R7, LOADED);
    load_number(code, R1, LOADED + 2);
    code.add_register(R7, R1);
    code.jump(number);

    // An echo reply counts as its request.
    for (label, request, reply) in [(v4_query, 8, 0), (v6_query, 128, 129)] {
        code.place(label);
        load_packet(code, 8, first);
        code.set(R7, request);
        code.load(R1, Width::Byte, FRAME, LOADED);
        code.jump_if_equal(R1, request as u32, query);
        code.jump_if_equal(R1, reply, query);
        code.jump(first);
    }
    code.place(query);
    load_number(code, R1, LOADED + 4);
    code.add_register(R7, R1);
}

/// Loads bytes of the packet from R8 on onto the stack, or jumps to `otherwise` where it does not have them.
fn load_packet(code: &mut Assembler, length: i32, otherwise: Label) {
    code.copy(R1, R6);
    code.copy(R2, R8);
    code.copy(R3, FRAME);
    code.add(R3, LOADED.into());
    code.set(R4, length);
    code.call(LOAD_BYTES);
    code.jump_if_not(R0, 0, otherwise);
}

fn load_number(code: &mut Assembler, to: crate::assembler::Register, at: i16) {
    code.load(to, Width::Half, FRAME, at);
    code.swap_half(to);
}

/// A 16-bit word as it stands in the packet.
fn network(word: u16) -> u32 {
    u32::from(word.to_be())
}
