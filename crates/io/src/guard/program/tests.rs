//! The program as an interpreter of its instructions runs it.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What the program says about a frame, run by an interpreter of the instructions it uses.
fn run(program: &[u64], frame: &[u8], is_tagged: bool) -> i32 {
    let (mut registers, mut stack) = ([0u64; 11], [0u8; 16]);
    let mut at = 0;
    loop {
        let [code, pair, o0, o1, v @ ..] = program[at].to_le_bytes();
        let (to, from) = (usize::from(pair & 15), usize::from(pair >> 4));
        let (jump, value) = (i16::from_le_bytes([o0, o1]), i32::from_le_bytes(v));
        at += 1;
        let place = (jump - LOADED) as usize;
        let take = match code {
            0xb7 => {
                registers[to] = value as i64 as u64;
                false
            }
            0xbf => {
                registers[to] = registers[from];
                false
            }
            0x07 => {
                registers[to] = registers[to].wrapping_add(value as i64 as u64);
                false
            }
            0x18 => {
                registers[to] = u64::from(value as u32) | program[at] >> 32 << 32;
                at += 1;
                false
            }
            0x61 if from == 6 => {
                registers[to] = is_tagged.into();
                false
            }
            0x61 => {
                registers[to] = u32::from_ne_bytes(stack[place..place + 4].try_into().unwrap()).into();
                false
            }
            0x69 => {
                registers[to] = u16::from_ne_bytes(stack[place..place + 2].try_into().unwrap()).into();
                false
            }
            0x71 => {
                registers[to] = stack[place].into();
                false
            }
            0x57 => {
                registers[to] &= value as i64 as u64;
                false
            }
            0x67 => {
                registers[to] <<= value;
                false
            }
            0xdc => {
                registers[to] = u16::from_be(registers[to] as u16).into();
                false
            }
            0x79 => {
                registers[to] = u64::from_ne_bytes(stack[place..place + 8].try_into().unwrap());
                false
            }
            0x85 => {
                let (offset, length) = (registers[2] as usize, registers[4] as usize);
                registers[0] = match frame.get(offset..offset + length) {
                    Some(bytes) => {
                        stack[..length].copy_from_slice(bytes);
                        0
                    }
                    None => -14i64 as u64,
                };
                false
            }
            0x05 => true,
            0x16 => registers[to] as u32 == value as u32,
            0x56 => registers[to] as u32 != value as u32,
            0xa6 => (registers[to] as u32) < value as u32,
            0x26 => registers[to] as u32 > value as u32,
            0x5d => registers[to] != registers[from],
            0x95 => return registers[0] as i32,
            other => panic!("instruction {other:#x}"),
        };
        at += if take { jump as usize } else { 0 };
    }
}

fn v4(to: Ipv4Addr) -> Vec<u8> {
    [&[0; 12][..], &[0x08, 0x00], &[0; 16], &to.octets(), &[0; 20]].concat()
}

fn v6(to: Ipv6Addr) -> Vec<u8> {
    [&[0; 12][..], &[0x86, 0xdd], &[0; 24], &to.octets(), &[0; 20]].concat()
}

fn arp() -> Vec<u8> {
    [&[0; 12][..], &[0x08, 0x06], &[0; 28]].concat()
}

fn host() -> HostAddresses {
    let v4 = (0..32).map(|last| Ipv4Addr::new(203, 0, 113, last)).collect();
    let v6 = (0..32).map(|last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)).collect();
    HostAddresses { v4, v6, lent: None }
}

/// An IPv4 packet with options of so many words, to that port.
fn to_port(to: Ipv4Addr, protocol: u8, port: u16, words: u8) -> Vec<u8> {
    let mut header =
        [&[0x45 + words, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 9, 9, 9, 9], &to.octets()[..]].concat();
    header.resize(20 + 4 * usize::from(words), 0);
    let ports = [7_u16.to_be_bytes(), port.to_be_bytes()].concat();
    [&[0; 12][..], &[0x08, 0x00], &header, &ports, &[0; 16]].concat()
}

#[test]
fn the_gateways_ports_of_a_lent_address_are_dropped_and_the_rest_passes() {
    let address = Ipv4Addr::new(203, 0, 113, 2);
    for (first, last) in [(49_152, 65_535), (1_025, 1_025), (20_000, 40_000)] {
        let program = assemble(&HostAddresses { lent: Some((address, first..=last)), ..host() });
        for protocol in [6, 17] {
            for words in [0, 1, 10] {
                for port in [0, 22, first - 1, first, last, last.saturating_add(1), 65_535] {
                    let expected = if (first..=last).contains(&port) { DROP } else { PASS };
                    let packet = to_port(address, protocol, port, words);
                    assert_eq!(run(&program, &packet, false), expected, "{protocol} to {port}");
                    let other = to_port(Ipv4Addr::new(203, 0, 113, 3), protocol, port, words);
                    assert_eq!(run(&program, &other, false), PASS, "another address of the host");
                }
            }
            let mut fragment = to_port(address, protocol, first, 0);
            fragment[20] = 0x20;
            assert_eq!(run(&program, &fragment, false), DROP, "the first fragment names its port");
            fragment[21] = 9;
            assert_eq!(run(&program, &fragment, false), PASS, "a later fragment");
            let whole = to_port(address, protocol, first, 0);
            for length in 34..38 {
                assert_eq!(run(&program, &whole[..length], false), DROP, "{length} bytes");
            }
        }
        for protocol in [1, 47, 50, 132] {
            assert_eq!(run(&program, &to_port(address, protocol, first, 0), false), PASS);
        }
        assert_eq!(run(&program, &arp(), false), PASS);
        assert_eq!(run(&program, &to_port(Ipv4Addr::new(10, 0, 0, 1), 6, 22, 0), false), DROP);
    }
}

#[test]
fn every_address_of_the_host_passes_and_no_other() {
    let host = host();
    let program = assemble(&host);
    for address in &host.v4 {
        assert_eq!(run(&program, &v4(*address), false), PASS, "{address}");
    }
    for address in &host.v6 {
        assert_eq!(run(&program, &v6(*address), false), PASS, "{address}");
    }
    assert_eq!(run(&program, &arp(), false), PASS);
    assert_eq!(run(&program, &v6("ff02::1:ff00:4".parse().unwrap()), false), PASS);
    for address in ["203.0.113.32", "10.0.1.4", "255.255.255.255", "224.0.0.1"] {
        assert_eq!(run(&program, &v4(address.parse().unwrap()), false), DROP, "{address}");
    }
    for address in ["2001:db8::20", "2001:db8:0:1::1", "ff05::1", "::"] {
        assert_eq!(run(&program, &v6(address.parse().unwrap()), false), DROP, "{address}");
    }
}

#[test]
fn a_host_without_a_family_gets_nothing_of_it() {
    let only_v4 = assemble(&HostAddresses { v6: Vec::new(), ..host() });
    assert_eq!(run(&only_v4, &v6("2001:db8::1".parse().unwrap()), false), DROP);
    assert_eq!(run(&only_v4, &v6("ff02::1".parse().unwrap()), false), DROP);
    assert_eq!(run(&only_v4, &arp(), false), PASS);
    let only_v6 = assemble(&HostAddresses { v4: Vec::new(), ..host() });
    assert_eq!(run(&only_v6, &arp(), false), DROP);
    assert_eq!(run(&only_v6, &v4("203.0.113.1".parse().unwrap()), false), DROP);
    assert_eq!(run(&only_v6, &v6("2001:db8::1".parse().unwrap()), false), PASS);
}

#[test]
fn without_addresses_everything_is_dropped() {
    let program = assemble(&HostAddresses::default());
    for frame in [arp(), v4("203.0.113.1".parse().unwrap()), Vec::new()] {
        assert_eq!(run(&program, &frame, false), DROP);
    }
}

#[test]
fn a_short_or_tagged_packet_is_dropped() {
    let program = assemble(&host());
    for whole in [v4("203.0.113.1".parse().unwrap()), v6("2001:db8::1".parse().unwrap())] {
        let needed = if whole[12] == 8 { 34 } else { 54 };
        for length in 0..needed {
            assert_eq!(run(&program, &whole[..length], false), DROP, "{length} bytes");
        }
        assert_eq!(run(&program, &whole[..needed], false), PASS);
        assert_eq!(run(&program, &whole, true), DROP, "tagged");
    }
}
