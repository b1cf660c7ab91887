//! From an address or a port to its class.

use crate::atoms::Atoms;
use crate::limits::{Budget, Error};
use crate::ranges::{IPV4, Ranges};
use packet::Address;
use std::collections::BTreeMap;

/// The class of every address.
#[derive(Debug)]
pub(crate) struct Addresses {
    v4: Four,
    v6: Six,
}

impl Addresses {
    /// Where atoms of addresses must be cut for [`Self::new`].
    pub(crate) const CUTS: [u128; 2] = [IPV4.0, IPV4.1 + 1];

    /// Splits the atoms into the two families.
    pub(crate) fn new(atoms: &Atoms, budget: &mut Budget) -> Result<Self, Error> {
        budget.bytes(atoms.starts.len(), size_of::<u128>() + size_of::<u32>())?;
        budget.bytes(BLOCKS + 1, size_of::<u32>())?;
        let mut v4 = Four::default();
        let mut v6 = Six::default();
        for (&start, &class) in atoms.starts.iter().zip(&atoms.classes) {
            if (IPV4.0..=IPV4.1).contains(&start) {
                v4.starts.push(start as u32); // The low 32 bits of a mapped address are the IPv4 address.
                v4.classes.push(class);
            } else {
                v6.starts.push(start);
                v6.classes.push(class);
            }
        }
        v4.index();
        Ok(Self { v4, v6 })
    }

    /// The class of an address.
    #[inline]
    pub(crate) fn class(&self, address: Address) -> u32 {
        match address.v4_bits() {
            Some(bits) => self.v4.class(bits),
            None => self.v6.class(address.bits()),
        }
    }

    /// Tells the class of each interval that some of `addresses` lie in, with the first of them, as bits.
    pub(crate) fn each_class(&self, addresses: &Ranges, mut tell: impl FnMut(u32, u128)) {
        let (four, six) = addresses.families();
        for &(start, end) in four.as_slice() {
            // The low 32 bits of a mapped address are the IPv4 address.
            within(&self.v4.starts, start as u32, end as u32, |nth, first| {
                tell(self.v4.classes[nth], Address::from_v4_bits(first).bits());
            });
        }
        for &(start, end) in six.as_slice() {
            within(&self.v6.starts, start, end, |nth, first| tell(self.v6.classes[nth], first));
        }
    }

    /// The memory of the tables in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let four =
            size_of_val(&*self.v4.first) + size_of_val(&*self.v4.starts) + size_of_val(&*self.v4.classes);
        four + size_of_val(&*self.v6.starts) + size_of_val(&*self.v6.classes)
    }
}

/// Tells the place of each interval that reaches into a range, and the first number that lies in both.
fn within<T: Copy + Ord>(starts: &[T], start: T, end: T, mut tell: impl FnMut(usize, T)) {
    let first = starts.partition_point(|&it| it <= start).saturating_sub(1);
    let reached = starts.iter().enumerate().skip(first).take_while(|&(_, &it)| it <= end);
    reached.for_each(|(nth, &it)| tell(nth, it.max(start)));
}

/// How many blocks the first level divides IPv4 into: its /16 prefixes.
const BLOCKS: usize = 1 << 16;

/// IPv4: a first level over the high 16 bits, then a search among the few intervals of that block.
#[derive(Debug, Default)]
struct Four {
    /// For each block the interval that holds its first address; one more entry ends the last block.
    first: Vec<u32>,
    starts: Vec<u32>,
    classes: Vec<u32>,
}

impl Four {
    fn index(&mut self) {
        self.first.reserve_exact(BLOCKS + 1);
        let mut interval = 0;
        for block in 0..BLOCKS {
            let address = (block << 16) as u32;
            while self.starts.get(interval + 1).is_some_and(|&start| start <= address) {
                interval += 1;
            }
            self.first.push(interval as u32); // Counts distinct IPv4 addresses, so it fits.
        }
        self.first.push(self.starts.len().saturating_sub(1) as u32);
    }

    #[inline]
    fn class(&self, address: u32) -> u32 {
        let block = (address >> 16) as usize;
        let (Some(&low), Some(&high)) = (self.first.get(block), self.first.get(block + 1)) else {
            return u32::MAX;
        };
        let later = self.starts.get(low as usize + 1..=high as usize).unwrap_or_default();
        let interval = low as usize + later.partition_point(|&start| start <= address);
        self.classes.get(interval).copied().unwrap_or(u32::MAX)
    }
}

/// IPv6: sorted intervals.
#[derive(Debug, Default)]
struct Six {
    starts: Vec<u128>,
    classes: Vec<u32>,
}

impl Six {
    #[inline]
    fn class(&self, address: u128) -> u32 {
        let after = self.starts.partition_point(|&start| start <= address);
        self.classes.get(after.wrapping_sub(1)).copied().unwrap_or(u32::MAX)
    }
}

/// The class of every port, and of having none.
#[derive(Debug)]
pub(crate) struct Ports {
    classes: Vec<u16>,
    none: u32,
}

/// How many ports there are.
const PORTS: u128 = 1 << 16;

impl Ports {
    /// Where atoms of ports must be cut for [`Self::new`].
    pub(crate) const CUTS: [u128; 1] = [PORTS];

    /// Tabulates the atoms of `sets` and adds to them the class of having no port, which full sets alone hold.
    pub(crate) fn new(atoms: &mut Atoms, sets: &[Ranges], budget: &mut Budget) -> Result<Self, Error> {
        budget.bytes(PORTS as usize, size_of::<u16>())?;
        let full = |set: &Ranges| set.as_slice() == [(0, PORTS - 1)];
        let holding = (0_u32..).zip(sets).filter(|(_, set)| full(set)).map(|(set, _)| set).collect();
        let mut classes = Vec::with_capacity(PORTS as usize);
        let ends = atoms.starts.iter().skip(1);
        for ((&start, &end), &class) in atoms.starts.iter().zip(ends).zip(&atoms.classes) {
            let class = u16::try_from(class).map_err(|_| Error::Bytes)?;
            classes.resize(classes.len() + (end - start) as usize, class);
        }
        let none = u32::try_from(atoms.members.len()).map_err(|_| Error::Bytes)?;
        atoms.members.push(holding);
        Ok(Self { classes, none })
    }

    /// The class of a port.
    #[inline]
    pub(crate) fn class(&self, port: Option<u16>) -> u32 {
        match port {
            Some(port) => self.classes.get(usize::from(port)).map_or(u32::MAX, |&class| class.into()),
            None => self.none,
        }
    }

    /// The highest port of each class, and how many ports are of that class.
    pub(crate) fn of_each_class(&self) -> Vec<(u16, u32)> {
        let mut each: BTreeMap<u16, (u16, u32)> = BTreeMap::new();
        for (port, class) in (0..=u16::MAX).zip(&self.classes) {
            let (highest, count) = each.entry(*class).or_default();
            *highest = port;
            *count += 1;
        }
        each.into_values().collect()
    }

    /// The memory of the table in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.classes)
    }
}
