//! The classic pcap format, both byte orders, microseconds and nanoseconds.

use crate::bytes::{Order, Source};
use crate::{Error, Link, Record};
use std::io::Read;
use std::time::Duration;

pub(crate) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(crate) const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// What the file's header says.
#[derive(Debug)]
pub(crate) struct Header {
    order: Order,
    /// Nanoseconds in the unit of the file's fractions.
    unit: u32,
    link: Link,
}

impl Header {
    /// Reads what stands behind the magic number.
    pub(crate) fn read(magic: [u8; 4], source: &mut Source<impl Read>) -> Result<Self, Error> {
        let little = u32::from_le_bytes(magic);
        let (order, unit) = match (little, little.swap_bytes()) {
            (MICROSECONDS, _) => (Order::Little, 1_000),
            (NANOSECONDS, _) => (Order::Little, 1),
            (_, MICROSECONDS) => (Order::Big, 1_000),
            (_, NANOSECONDS) => (Order::Big, 1),
            _ => return Err(Error::Magic(little)),
        };
        let rest: [u8; 20] = source.need()?;
        // The upper bits may tell of a frame check sequence.
        let link = Link::of((order.word(&rest, 4) & 0xffff) as u16);
        match link {
            Link::Other(number) => Err(Error::LinkType(number)),
            link => Ok(Self { order, unit, link }),
        }
    }

    pub(crate) fn next(&self, source: &mut Source<impl Read>) -> Result<Option<Record>, Error> {
        let Some(header) = source.array::<16>()? else { return Ok(None) };
        let [seconds, fraction, captured, length] = [0, 1, 2, 3].map(|nth| self.order.word(&header, nth));
        let bytes = source.packet(captured)?;
        let fraction = Duration::from_nanos(u64::from(fraction) * u64::from(self.unit));
        let time = Duration::from_secs(seconds.into()) + fraction;
        Ok(Some(source.done(Record { number: source.number(), time, bytes, length, link: self.link })))
    }
}
