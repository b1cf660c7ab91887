//! pcapng: blocks, of which sections, interfaces and packets are read and all others passed over.

use crate::bytes::{Order, Source};
use crate::{Error, Link, Record};
use std::io::Read;
use std::time::Duration;

/// The type of a section header block; it reads the same in both byte orders.
pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
/// The packet block of before 2004, which old files have.
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// What stands in a section header for the order of its bytes.
const ORDER: u32 = 0x1a2b_3c4d;
/// The most bytes that the description of an interface may have, its options included.
const MOST_DESCRIPTION: u32 = 1 << 20;
/// The most interfaces of a section.
const MOST_INTERFACES: usize = 1 << 16;
/// Everything of a block but its body: its type, and its length twice.
const FRAME: u32 = 12;

/// What the blocks of the present section have said so far.
#[derive(Debug)]
pub(crate) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

/// An interface that packets were captured on.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: Link,
    /// The most bytes of a packet that were kept; 0 is no limit.
    snap: u32,
    resolution: Resolution,
    /// What is to be added to its times, in seconds.
    offset: i64,
}

/// The unit of an interface's times, as a negative power of 10 or of 2 of a second.
#[derive(Clone, Copy, Debug)]
enum Resolution {
    Ten(u8),
    Two(u8),
}

impl Section {
    /// Reads the file's first section header, behind the block's type.
    pub(crate) fn read(source: &mut Source<impl Read>) -> Result<Self, Error> {
        let mut section = Self { order: Order::Little, interfaces: Vec::new() };
        section.begin(source)?;
        Ok(section)
    }

    /// Begins a section, behind the block's type.
    fn begin(&mut self, source: &mut Source<impl Read>) -> Result<(), Error> {
        let [length, order] = [source.need::<4>()?, source.need::<4>()?];
        self.order = match (u32::from_le_bytes(order), u32::from_be_bytes(order)) {
            (ORDER, _) => Order::Little,
            (_, ORDER) => Order::Big,
            _ => return Err(wrong(source, "a section without a byte order")),
        };
        self.interfaces.clear();
        let [major, minor] = [source.need::<2>()?, source.need::<2>()?].map(|bytes| self.order.u16(bytes));
        if major != 1 {
            return Err(Error::Version(major, minor));
        }
        let length = self.body(source, length)?;
        let rest = length.checked_sub(8).ok_or_else(|| wrong(source, "a section header cut short"))?;
        self.end(source, rest, length)
    }

    /// Reads on to the next packet.
    pub(crate) fn next(&mut self, source: &mut Source<impl Read>) -> Result<Option<Record>, Error> {
        loop {
            let Some(kind) = source.array::<4>()? else { return Ok(None) };
            let kind = self.order.u32(kind);
            if kind == SECTION {
                self.begin(source)?;
                continue;
            }
            let length = source.need::<4>()?;
            let length = self.body(source, length)?;
            match kind {
                INTERFACE => self.interface(source, length)?,
                ENHANCED_PACKET | OLD_PACKET => return self.packet(source, length, kind).map(Some),
                SIMPLE_PACKET => return self.simple(source, length).map(Some),
                _ => self.end(source, length, length)?,
            }
        }
    }

    /// The bytes of a block's body, by the length of the whole block.
    fn body(&self, source: &Source<impl Read>, length: [u8; 4]) -> Result<u32, Error> {
        let length = self.order.u32(length);
        let body = length.checked_sub(FRAME).filter(|body| body % 4 == 0);
        body.ok_or_else(|| wrong(source, "a block's length is impossible"))
    }

    /// Passes over what is left of a block's body, and its second length.
    fn end(&self, source: &mut Source<impl Read>, left: u32, body: u32) -> Result<(), Error> {
        source.skip(left.into())?;
        let length = source.need()?;
        if self.order.u32(length) == body + FRAME {
            Ok(())
        } else {
            Err(wrong(source, "a block says two different lengths"))
        }
    }

    fn interface(&mut self, source: &mut Source<impl Read>, length: u32) -> Result<(), Error> {
        if !(8..=MOST_DESCRIPTION).contains(&length) {
            return Err(wrong(source, "the description of an interface is too short or too long"));
        }
        if self.interfaces.len() == MOST_INTERFACES {
            return Err(wrong(source, "more than 65,536 interfaces"));
        }
        let body = source.bytes(length as usize)?;
        let number = self.order.u16([body[0], body[1]]);
        let mut interface = Interface {
            link: Link::of(number),
            snap: self.order.word(&body, 1),
            resolution: Resolution::Ten(6),
            offset: 0,
        };
        for (code, value) in self.options(&body[8..]) {
            match (code, value) {
                (9, [exponent]) if exponent & 0x80 != 0 => {
                    interface.resolution = Resolution::Two(exponent & 0x7f);
                }
                (9, [exponent]) => interface.resolution = Resolution::Ten(*exponent),
                (14, [a, b, c, d, e, f, g, h]) => {
                    let bytes = [*a, *b, *c, *d, *e, *f, *g, *h];
                    interface.offset = match self.order {
                        Order::Little => i64::from_le_bytes(bytes),
                        Order::Big => i64::from_be_bytes(bytes),
                    };
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        self.end(source, 0, length)
    }

    /// The options of a block: their codes and values, as far as they can be read.
    fn options<'a>(&self, mut bytes: &'a [u8]) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let order = self.order;
        std::iter::from_fn(move || {
            let &[a, b, c, d] = bytes.first_chunk()?;
            let (code, length) = (order.u16([a, b]), usize::from(order.u16([c, d])));
            let value = bytes.get(4..4 + length)?;
            bytes = bytes.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
            // The end of the options has the code 0.
            (code != 0).then_some((code, value))
        })
    }

    /// An enhanced packet block, or the packet block that came before it.
    fn packet(&self, source: &mut Source<impl Read>, length: u32, kind: u32) -> Result<Record, Error> {
        if length < 20 {
            return Err(wrong(source, "a packet's block is too short"));
        }
        let header: [u8; 20] = source.need()?;
        let [first, high, low, captured, original] = [0, 1, 2, 3, 4].map(|nth| self.order.word(&header, nth));
        let on = match kind {
            // In 16 bits; the others count what was dropped.
            OLD_PACKET => u32::from(self.order.u16([header[0], header[1]])),
            _ => first,
        };
        let interface = self.on(source, on)?;
        let room = length - 20;
        let bytes = self.bytes(source, captured, room)?;
        self.end(source, room - captured, length)?;
        let time = interface.time(u64::from(high) << 32 | u64::from(low));
        Ok(self.record(source, interface, time, bytes, original))
    }

    /// A simple packet block: no time, and the first interface.
    fn simple(&self, source: &mut Source<impl Read>, length: u32) -> Result<Record, Error> {
        if length < 4 {
            return Err(wrong(source, "a packet's block is too short"));
        }
        let original = self.order.u32(source.need()?);
        let interface = self.on(source, 0)?;
        let room = length - 4;
        let snap = if interface.snap == 0 { u32::MAX } else { interface.snap };
        let captured = original.min(snap);
        let bytes = self.bytes(source, captured, room)?;
        self.end(source, room - captured, length)?;
        Ok(self.record(source, interface, Duration::ZERO, bytes, original))
    }

    fn on(&self, source: &Source<impl Read>, nth: u32) -> Result<Interface, Error> {
        let interface = usize::try_from(nth).ok().and_then(|nth| self.interfaces.get(nth));
        interface.copied().ok_or_else(|| wrong(source, "a packet of an interface that was not described"))
    }

    fn bytes(&self, source: &mut Source<impl Read>, captured: u32, room: u32) -> Result<Vec<u8>, Error> {
        if captured > room && captured <= crate::LONGEST {
            return Err(wrong(source, "a packet is longer than its block"));
        }
        source.packet(captured)
    }

    fn record(
        &self,
        source: &mut Source<impl Read>,
        interface: Interface,
        time: Duration,
        bytes: Vec<u8>,
        length: u32,
    ) -> Record {
        source.done(Record { number: source.number(), time, bytes, length, link: interface.link })
    }
}

impl Interface {
    /// The time since 1970 of so many of its units.
    fn time(&self, units: u64) -> Duration {
        let nanos = u128::from(units) * 1_000_000_000;
        let nanos = match self.resolution {
            Resolution::Ten(exponent) => 10u128.checked_pow(exponent.into()).map_or(0, |unit| nanos / unit),
            Resolution::Two(exponent) => nanos >> exponent,
        };
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        Duration::new(seconds.saturating_add_signed(self.offset), (nanos % 1_000_000_000) as u32)
    }
}

fn wrong(source: &Source<impl Read>, why: &'static str) -> Error {
    Error::Block { number: source.number(), why }
}
