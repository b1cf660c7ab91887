//! The private addresses that Azure would give where the documents leave them open.

use crate::validate::is_reserved;
use crate::{IpConfiguration, Network, NicIndex, SubnetIndex, VnetIndex, limits};
use ipnet::IpNet;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// So many network interfaces are named one by one.
const NAMED: usize = 4;

/// An IP configuration: its network interface, and its place there.
type Place = (usize, usize);

impl Network {
    /// Gives every IP configuration without an address the one that Azure would: the lowest of its subnet that is free, in
    /// the documents' order. Where none is left it stays without.
    ///
    /// # Cost
    /// About linear in the number of IP configurations.
    ///
    /// # Source
    /// Azure "Private IP addresses", *allocation method*: dynamic is the next available address of the subnet.
    pub fn assume_addresses(&mut self) {
        self.assume(&|_, _| None, &HashSet::new());
    }

    /// Chooses all assumed addresses once more. Each IP configuration, a place in its network interface, gets the one that is
    /// `wanted` for it where that is free, or else the lowest that is free and, as long as there are any, not one `to_avoid`.
    pub fn assume_again(
        &mut self,
        wanted: &dyn Fn(NicIndex, usize) -> Option<IpAddr>,
        to_avoid: &HashSet<IpAddr>,
    ) {
        for own in self.network_interfaces.iter_mut().flat_map(|nic| &mut nic.ip_configurations) {
            if own.is_assumed {
                (own.private_address, own.is_assumed) = (None, false);
            }
        }
        self.assume(wanted, to_avoid);
    }

    /// Lets a network interface have an address where the documents leave one open: in its subnet, not reserved, and nobody's
    /// who has it by the documents. Who was assumed to have it gets another.
    ///
    /// # Returns
    /// Whether anything has changed; `false` where it has the address already, or none of its addresses is open.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the address: why it can not have it.
    pub fn settle_address(&mut self, nic: NicIndex, address: IpAddr) -> Result<bool, String> {
        let own = self.network_interfaces.get(nic.0).map(|nic| nic.ip_configurations.as_slice());
        let own = own.unwrap_or_default();
        if own.iter().any(|it| it.private_address == Some(address)) {
            return Ok(false);
        }
        let is_open = |it: &IpConfiguration| it.private_address.is_none() || it.is_assumed;
        let open = || own.iter().enumerate().filter(|(_, it)| is_open(it));
        // An IPv6 address may also be meant for one that does not say its family.
        let is_of_family = |it: &IpConfiguration| it.is_ipv6 == address.is_ipv6();
        let fits = |it: &IpConfiguration| {
            self.prefix_of(it.subnet, address).is_some() && !(it.is_ipv6 && address.is_ipv4())
        };
        let best = open().find(|(_, it)| fits(it) && is_of_family(it));
        let Some((place, it)) = best.or_else(|| open().find(|(_, it)| fits(it))).or_else(|| open().next())
        else {
            return Ok(false);
        };
        if it.is_ipv6 && address.is_ipv4() {
            return Err(format!("not IPv6, which IP configuration {} is to have", it.name));
        }
        self.may_have(it, address)?;
        let vnet = it.subnet.vnet;
        let mut assumes = false;
        for (nth, other) in self.network_interfaces.iter_mut().enumerate() {
            for (at, it) in other.ip_configurations.iter_mut().enumerate() {
                if (nth, at) == (nic.0, place) {
                    (it.private_address, it.is_assumed) = (Some(address), false);
                } else if it.subnet.vnet == vnet && it.private_address == Some(address) {
                    (it.private_address, it.is_assumed) = (None, false);
                    assumes = true;
                }
            }
        }
        if assumes {
            self.assume_addresses();
        }
        Ok(true)
    }

    /// Whether an IP configuration may have an address: inside its subnet, not reserved, nobody else's by the documents.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the address.
    pub fn may_have(&self, configuration: &IpConfiguration, address: IpAddr) -> Result<(), String> {
        let index = configuration.subnet;
        let Some(subnet) = self.subnet(index) else { return Ok(()) };
        let Some(prefix) = self.prefix_of(index, address) else {
            let prefixes: Vec<_> = subnet.prefixes.iter().map(IpNet::to_string).collect();
            return Err(format!("outside subnet {} ({})", subnet.name, prefixes.join(", ")));
        };
        if is_reserved(prefix, address) {
            return Err(format!(
                "Azure keeps the first four addresses and the last one of {prefix} for itself"
            ));
        }
        let has = |other: &IpConfiguration| {
            other.private_address == Some(address) && !other.is_assumed && other.subnet.vnet == index.vnet
        };
        match self.network_interfaces.iter().find(|nic| nic.ip_configurations.iter().any(has)) {
            Some(nic) => Err(format!("already the address of {}", nic.name)),
            None => Ok(()),
        }
    }

    /// A sentence without its end on the addresses that are assumed, or `None` where the documents tell all.
    pub fn assumptions(&self) -> Option<String> {
        let all = || {
            let nics = self.network_interfaces.iter();
            nics.flat_map(|nic| nic.ip_configurations.iter().map(move |own| (&nic.name, own)))
        };
        let assumed: Vec<_> = all().filter(|(_, own)| own.is_assumed).collect();
        let told = |(nic, own): &(_, &IpConfiguration)| {
            own.private_address.map(|address| format!("{address} for {nic}")).unwrap_or_default()
        };
        let first: Vec<String> = assumed.iter().take(NAMED).map(told).collect();
        let mut sentences = match (assumed.as_slice(), assumed.len().saturating_sub(NAMED)) {
            ([], _) => Vec::new(),
            ([(nic, IpConfiguration { private_address: Some(address), .. })], _) => vec![format!(
                "{nic} has no address in these documents: {address} is assumed, the first that is free"
            )],
            (_, more) => {
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                vec![format!(
                    "{} IP configurations have no address in these documents: the first that are free are assumed, {}{more}",
                    assumed.len(),
                    first.join(", ")
                )]
            }
        };
        let without: Vec<_> = all().filter(|(_, own)| own.private_address.is_none()).collect();
        if let Some((nic, _)) = without.first() {
            let more = if without.len() == 1 {
                String::new()
            } else {
                format!(", nor have {} more", without.len() - 1)
            };
            sentences.push(format!("{nic} has no address, and its subnet has none that is free{more}"));
        }
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }

    fn prefix_of(&self, subnet: SubnetIndex, address: IpAddr) -> Option<&IpNet> {
        self.subnet(subnet)?.prefixes.iter().find(|prefix| prefix.contains(&address))
    }

    fn assume(&mut self, wanted: &dyn Fn(NicIndex, usize) -> Option<IpAddr>, to_avoid: &HashSet<IpAddr>) {
        let (mut taken, mut open) = (HashSet::new(), Vec::new());
        for (nth, nic) in self.network_interfaces.iter().enumerate() {
            for (at, own) in nic.ip_configurations.iter().enumerate() {
                match own.private_address {
                    Some(address) => drop(taken.insert((own.subnet.vnet, address))),
                    None => open.push(((nth, at), own.subnet, own.is_ipv6)),
                }
            }
        }
        let mut chosen: Vec<(Place, IpAddr)> = Vec::new();
        // Who is to have a certain address must not find it given to another.
        open.retain(|&((nth, at), subnet, is_ipv6)| {
            let wanted = wanted(NicIndex(nth), at).filter(|&address| {
                let prefixes = self.subnet(subnet).map(|it| it.prefixes.as_slice()).unwrap_or_default();
                let prefix = of_family(prefixes, is_ipv6).find(|prefix| prefix.contains(&address));
                prefix.is_some_and(|prefix| !is_reserved(prefix, address))
                    && taken.insert((subnet.vnet, address))
            });
            chosen.extend(wanted.map(|address| ((nth, at), address)));
            wanted.is_none()
        });
        let mut lowest = Lowest { taken, next: HashMap::new() };
        for (place, subnet, is_ipv6) in open {
            let prefixes = self.subnet(subnet).map(|it| it.prefixes.as_slice()).unwrap_or_default();
            let address = lowest.free((subnet, is_ipv6), prefixes, Some(to_avoid));
            let address = address.or_else(|| lowest.free((subnet, is_ipv6), prefixes, None));
            chosen.extend(address.map(|address| (place, address)));
        }
        for ((nth, at), address) in chosen {
            let nic = self.network_interfaces.get_mut(nth);
            if let Some(own) = nic.and_then(|nic| nic.ip_configurations.get_mut(at)) {
                (own.private_address, own.is_assumed) = (Some(address), true);
            }
        }
    }
}

/// Finds addresses that nobody has.
struct Lowest {
    taken: HashSet<(VnetIndex, IpAddr)>,
    /// By subnet and family, and whether some addresses are avoided: the prefix and the offset there where to look on.
    next: HashMap<(SubnetIndex, bool, bool), (usize, u128)>,
}

impl Lowest {
    /// The lowest address of a family in a subnet that is free, which it is no more.
    fn free(
        &mut self,
        (subnet, is_ipv6): (SubnetIndex, bool),
        prefixes: &[IpNet],
        to_avoid: Option<&HashSet<IpAddr>>,
    ) -> Option<IpAddr> {
        let (place, offset) = self
            .next
            .entry((subnet, is_ipv6, to_avoid.is_some()))
            .or_insert((0, limits::RESERVED_FIRST_ADDRESSES));
        for prefix in of_family(prefixes, is_ipv6).skip(*place) {
            while let Some(address) = nth_of(prefix, *offset).filter(|it| !is_reserved(prefix, *it)) {
                *offset += 1;
                let is_avoided = to_avoid.is_some_and(|avoided| avoided.contains(&address));
                if !is_avoided && self.taken.insert((subnet.vnet, address)) {
                    return Some(address);
                }
            }
            (*place, *offset) = (*place + 1, limits::RESERVED_FIRST_ADDRESSES);
        }
        None
    }
}

/// The prefixes of a subnet that give IPv6, or IPv4; where nothing says IPv6, a subnet of nothing else does.
fn of_family(prefixes: &[IpNet], is_ipv6: bool) -> impl Iterator<Item = &IpNet> {
    let is_ipv6 = is_ipv6 || prefixes.iter().all(|prefix| prefix.addr().is_ipv6());
    prefixes.iter().filter(move |prefix| prefix.addr().is_ipv6() == is_ipv6)
}

/// The address at an offset in a prefix, if that is inside.
fn nth_of(prefix: &IpNet, offset: u128) -> Option<IpAddr> {
    let address = match prefix.network() {
        IpAddr::V4(first) => {
            let bits = first.to_bits().checked_add(u32::try_from(offset).ok()?)?;
            IpAddr::V4(Ipv4Addr::from_bits(bits))
        }
        IpAddr::V6(first) => IpAddr::V6(Ipv6Addr::from_bits(first.to_bits().checked_add(offset)?)),
    };
    prefix.contains(&address).then_some(address)
}
