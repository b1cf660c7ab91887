//! The network interfaces of this network namespace.

use crate::{Backend, Error, Wire, pnet, sys, tap};
use pnet_datalink::NetworkInterface;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// A network interface that carries Ethernet frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name in this network namespace.
    pub name: String,
    /// The kernel's number for it, never used twice in a namespace's life.
    pub index: u32,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// The longest packet it sends, in bytes without the Ethernet header.
    pub mtu: u32,
    /// The addresses that the host holds on it, each with its prefix length.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The ports that the host gives its own connections, on this and every other interface (`ip_local_port_range`).
    pub local_ports: RangeInclusive<u16>,
    /// Whether the administrator has set it up.
    pub is_up: bool,
    /// Whether it has a carrier.
    pub is_running: bool,
}

/// What an attachment asks of the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted<'a> {
    /// The name of its interface.
    pub name: &'a str,
    /// What is to carry its frames.
    pub wire: Wire,
    /// How many workers share it.
    pub queues: usize,
}

/// The interfaces of a network namespace as they were when somebody looked, for as many questions as he has.
#[derive(Debug)]
pub struct Interfaces {
    all: HashMap<String, NetworkInterface>,
    local_ports: RangeInclusive<u16>,
}

impl Interfaces {
    /// Looks at those of the calling thread's network namespace.
    ///
    /// # Cost
    /// Some system calls for each interface there is.
    pub fn look() -> Self {
        let all = pnet_datalink::interfaces().into_iter().map(|one| (one.name.clone(), one)).collect();
        Self { all, local_ports: local_ports() }
    }

    /// The interface with this name.
    ///
    /// # Errors
    /// [`Error::NoSuchInterface`] with the most similar name that exists; [`Error::NotEthernet`].
    pub fn find(&self, name: &str) -> Result<Interface, Error> {
        let Some(found) = self.all.get(name) else {
            let nearest = nearest(name, self.all.keys().map(String::as_str));
            return Err(Error::NoSuchInterface { name: name.into(), nearest });
        };
        // A tunnel shows an address of zeros.
        let Some(mac) = found.mac.filter(|mac| !found.is_loopback() && !mac.is_zero()) else {
            return Err(Error::NotEthernet(name.into()));
        };
        let mtu = sys::device::mtu(name).map_err(Error::system("reading the MTU", "CAP_NET_ADMIN"))?;
        Ok(Interface {
            name: name.into(),
            index: found.index,
            mac: mac.octets(),
            mtu,
            addresses: found.ips.iter().map(|network| (network.ip(), network.prefix())).collect(),
            local_ports: self.local_ports.clone(),
            is_up: found.is_up(),
            is_running: found.is_running(),
        })
    }

    /// Whether there is one with this number, whatever its name; any, where the system would not let us look.
    pub fn has(&self, index: u32) -> bool {
        // There is always the loopback.
        self.all.is_empty() || self.all.values().any(|one| one.index == index)
    }

    /// The gateway's end of what an attachment asks for; a TAP device that is to be made as it would be, its index zero.
    ///
    /// # Errors
    /// As [`Self::find`], and those of [`tap::describe`] and [`tap::find`]; [`Error::OffloadsOn`] where pnet would lose frames.
    pub fn describe(&self, wanted: &Wanted<'_>) -> Result<Interface, Error> {
        match wanted.wire {
            Wire::Made => tap::describe(wanted.name, wanted.queues),
            Wire::Existing(Backend::Tap) => tap::find(self, wanted.name, wanted.queues),
            Wire::Existing(Backend::Pnet) => {
                let found = self.find(wanted.name)?;
                pnet::refuse_offloads(wanted.name).map(|()| found)
            }
            Wire::Existing(Backend::Auto | Backend::AfPacket) => self.find(wanted.name),
        }
    }
}

/// The interface with this name; see [`Interfaces::find`].
///
/// # Errors
/// As there.
///
/// # Cost
/// That of looking at all interfaces: whoever asks for several has [`Interfaces`].
pub fn find(name: &str) -> Result<Interface, Error> {
    Interfaces::look().find(name)
}

/// The names of all interfaces, in the kernel's order.
pub fn names() -> Vec<String> {
    pnet_datalink::interfaces().into_iter().map(|interface| interface.name).collect()
}

/// What the kernel of this network namespace says; all ports, where it says nothing.
pub(crate) fn local_ports() -> RangeInclusive<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    read_range(&text).unwrap_or(0..=u16::MAX)
}

/// Two numbers with white space between them.
fn read_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (start, end) = text.trim().split_once(char::is_whitespace)?;
    Some(start.parse().ok()?..=end.trim_start().parse().ok()?)
}

/// The candidate that takes the fewest edits to reach, unless it would be another word altogether.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    // Another case is the smallest difference.
    let folded = name.to_ascii_lowercase();
    let distances = |it: &str| (edits(&folded, &it.to_ascii_lowercase()), edits(name, it));
    let ((distance, _), best) = candidates.map(|candidate| (distances(candidate), candidate)).min()?;
    (distance <= name.len().max(best.len()) / 2).then(|| best.into())
}

/// How many bytes must be inserted, removed or changed to make one name of the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_close_or_not_named() {
        let names = ["lo", "eth0", "eth1", "veth-web1"];
        let nearest = |name| nearest(name, names.into_iter());
        assert_eq!(nearest("veth-web"), Some("veth-web1".into()));
        assert_eq!(nearest("ethO"), Some("eth0".into()));
        assert_eq!(nearest("wlan0"), None);
        assert_eq!(nearest("ETH1"), Some("eth1".into()));
        assert_eq!(super::nearest("V1", ["p1", "v1"].into_iter()), Some("v1".into()));
        assert_eq!(super::nearest("eth0", [].into_iter()), None);
    }

    #[test]
    fn a_range_is_two_numbers() {
        assert_eq!(read_range("32768\t60999\n"), Some(32_768..=60_999));
        assert!(["", "1", "1 99999", "a b"].into_iter().all(|text| read_range(text).is_none()));
        assert!(local_ports().start() < local_ports().end());
    }

    #[test]
    fn edits_count_as_the_definition_says() {
        for (from, to, count) in [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3)] {
            assert_eq!(edits(from, to), count);
        }
    }

    #[test]
    fn an_interface_is_there_under_its_number() {
        let host = Interfaces::look();
        let loopback = host.all.values().find(|one| one.is_loopback()).unwrap().index;
        assert!(host.has(loopback));
        assert!(!host.has(u32::MAX));
        assert!(Interfaces { all: HashMap::new(), ..host }.has(u32::MAX), "nobody knows");
    }

    #[test]
    fn a_missing_interface_is_named_and_loopback_is_refused() {
        let error = find("no-such-interface").unwrap_err();
        assert!(error.to_string().starts_with("no interface is named `no-such-interface`"), "{error}");
        assert!(matches!(find("lo"), Err(Error::NotEthernet(_))));
    }
}
