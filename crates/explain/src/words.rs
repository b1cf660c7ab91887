//! A packet in words: `tcp 10.0.1.4:40000 8.8.8.8:443 flags=syn ttl=1 df`, `udp [fd00::4]:40000 [2001:db8::8]:53`.

mod frame;

use packet::{Protocol, parse};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What Linux sends with.
const TTL: u8 = 64;

/// A packet that somebody asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The sender, with port zero where the protocol has none.
    pub source: (IpAddr, u16),
    /// The receiver, likewise.
    pub destination: (IpAddr, u16),
    /// TCP flags.
    pub flags: u8,
    /// Time to live, or the hop limit.
    pub ttl: u8,
    /// The bytes of the IP packet; headers alone where it is `None`.
    pub size: Option<u16>,
    /// Whether it may not be cut up; IPv6 never may.
    pub dont_fragment: bool,
}

impl Words {
    /// Reads the words, given one by one or in one argument.
    ///
    /// # Errors
    /// One sentence that names the word and says what was expected there.
    pub fn parse(words: &[impl AsRef<str>]) -> Result<Self, String> {
        let mut words = words.iter().flat_map(|words| words.as_ref().split_whitespace());
        let protocol = protocol(words.next().unwrap_or_default())?;
        let mut end = |which: &str| {
            let word = words.next().ok_or_else(|| format!("the packet's {which} is missing"))?;
            if protocol.has_ports() { address_and_port(word) } else { Ok((address(word)?, 0)) }
        };
        let (source, destination) = (end("source")?, end("destination")?);
        if source.0.is_ipv4() != destination.0.is_ipv4() {
            return Err(format!("{} and {} are of different address families", source.0, destination.0));
        }
        let protocol = match protocol {
            Protocol::ICMP if source.0.is_ipv6() => Protocol::ICMPV6,
            Protocol::ICMPV6 if source.0.is_ipv4() => return Err(format!("icmpv6: {} is IPv4", source.0)),
            protocol => protocol,
        };
        let mut packet = Self {
            protocol,
            source,
            destination,
            flags: parse::SYN,
            ttl: TTL,
            size: None,
            dont_fragment: false,
        };
        for word in words {
            packet.option(word)?;
        }
        match packet.size {
            Some(size) if usize::from(size) < packet.headers() => {
                Err(format!("size={size}: the headers alone are {} bytes", packet.headers()))
            }
            _ => Ok(packet),
        }
    }

    /// Whether a packet's words may begin with these.
    pub fn begin(words: &str) -> bool {
        words.split_whitespace().next().is_some_and(|word| protocol(word).is_ok())
    }

    fn option(&mut self, word: &str) -> Result<(), String> {
        let expected =
            || format!("\"{word}\": expected flags=syn|ack|rst|fin, ttl=1..255, size=20..65535 or df");
        match word.to_ascii_lowercase().split_once('=') {
            None if word.eq_ignore_ascii_case("df") => self.dont_fragment = true,
            Some(("flags", flags)) if self.protocol == Protocol::TCP => {
                self.flags = flags.split([',', '+']).try_fold(0, |all, flag| {
                    let bit = match flag {
                        "syn" => parse::SYN,
                        "ack" => parse::ACK,
                        "rst" => parse::RST,
                        "fin" => parse::FIN,
                        _ => return Err(expected()),
                    };
                    Ok(all | bit)
                })?;
            }
            Some(("flags", _)) => return Err(format!("\"{word}\": only TCP has flags")),
            Some(("ttl", ttl)) => {
                self.ttl = ttl.parse().ok().filter(|ttl| *ttl > 0).ok_or_else(expected)?;
            }
            Some(("size", size)) => self.size = Some(size.parse().map_err(|_| expected())?),
            _ => return Err(expected()),
        }
        Ok(())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source, self.destination);
        match self.protocol.has_ports() {
            true => write!(
                f,
                "{} {} > {}",
                self.protocol,
                SocketAddr::from(source),
                SocketAddr::from(destination)
            )?,
            false => write!(f, "{} {} > {}", self.protocol, source.0, destination.0)?,
        }
        if self.protocol == Protocol::TCP {
            let names = [("syn", parse::SYN), ("ack", parse::ACK), ("rst", parse::RST), ("fin", parse::FIN)];
            let set: Vec<_> =
                names.iter().filter(|(_, bit)| self.flags & bit != 0).map(|(name, _)| *name).collect();
            write!(f, " {}", set.join("+"))?;
        }
        if self.ttl != TTL {
            write!(f, " ttl {}", self.ttl)?;
        }
        if let Some(size) = self.size {
            write!(f, " {size} bytes")?;
        }
        if self.dont_fragment { f.write_str(" df") } else { Ok(()) }
    }
}

fn protocol(word: &str) -> Result<Protocol, String> {
    match word.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "icmp" => Ok(Protocol::ICMP),
        "icmpv6" => Ok(Protocol::ICMPV6),
        "esp" => Ok(Protocol::ESP),
        "ah" => Ok(Protocol::AH),
        _ => Err(format!("\"{word}\": expected a packet that begins with tcp, udp, icmp, esp or ah")),
    }
}

fn address(word: &str) -> Result<IpAddr, String> {
    match word.parse() {
        Ok(IpAddr::V6(v6)) if Ipv6Addr::to_ipv4_mapped(&v6).is_some() => {
            Err(format!("{word}: an IPv4 address in an IPv6 header is nobody's"))
        }
        Ok(address) => Ok(address),
        Err(_) => Err(format!("\"{word}\": expected an IP address")),
    }
}

fn address_and_port(word: &str) -> Result<(IpAddr, u16), String> {
    let expected =
        || format!("\"{word}\": expected an address and a port, such as 10.0.1.4:443 or [fd00::4]:443");
    let end: SocketAddr = word.parse().map_err(|_| expected())?;
    Ok((address(&end.ip().to_string())?, end.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::{Parsed, Transport};
    use proptest::prelude::*;

    fn parsed(text: &str) -> packet::Packet {
        let frame = Words::parse(&[text]).unwrap().frame([2; 6], [4; 6]);
        let Ok(Parsed::Ip(packet)) = parse(&frame) else { panic!("{text}") };
        packet
    }

    #[test]
    fn words_become_the_packet_they_say() {
        let tcp = parsed("tcp 10.0.1.4:40000 8.8.8.8:443 flags=syn+ack ttl=1 df size=1500");
        assert_eq!((tcp.ttl, tcp.dont_fragment, tcp.length()), (1, true, 1500));
        assert_eq!(tcp.ports(), (40000, 443));
        let Transport::Tcp(header) = tcp.transport else { panic!() };
        assert_eq!(header.flags, parse::SYN | parse::ACK);
        assert_eq!(parsed("udp 10.0.1.4:53 8.8.8.8:53").ports(), (53, 53));
        assert_eq!(parsed("icmp 10.0.1.4 8.8.8.8").protocol, Protocol::ICMP);
        assert_eq!(parsed("ESP 10.0.1.4 8.8.8.8").protocol, Protocol::ESP);
        let six = parsed("tcp [fd00::4]:40000 [2001:db8::8]:443 ttl=1 size=1280");
        assert_eq!((six.ttl, six.length(), six.ports()), (1, 1280, (40000, 443)));
        assert_eq!(parsed("icmp fd00::4 2001:db8::8").protocol, Protocol::ICMPV6);
        let words = Words::parse(&["udp [fd00::4]:53 [fd00::5]:53"]).unwrap();
        assert_eq!(words.to_string(), "Udp [fd00::4]:53 > [fd00::5]:53");
    }

    #[test]
    fn wrong_words_are_named() {
        for (text, word) in [
            ("", "tcp"),
            ("sctp 1.2.3.4:1 1.2.3.4:2", "sctp"),
            ("tcp 1.2.3.4:1", "destination"),
            ("tcp 1.2.3.4 8.8.8.8:2", "1.2.3.4"),
            ("tcp 1.2.3.4:1 8.8.8.8:2 flags=urgent", "urgent"),
            ("udp 1.2.3.4:1 8.8.8.8:2 flags=syn", "flags"),
            ("icmp 1.2.3.4:1 8.8.8.8", "1.2.3.4:1"),
            ("icmp 1.2.3.4 8.8.8.8 ttl=0", "ttl=0"),
            ("tcp 1.2.3.4:1 8.8.8.8:2 size=21", "size=21"),
            ("tcp fd00::4:1 [fd00::5]:2", "fd00::4:1"),
            ("tcp [fd00::4]:1 8.8.8.8:2", "families"),
            ("tcp [::ffff:1.2.3.4]:1 [fd00::5]:2", "::ffff:1.2.3.4"),
            ("icmpv6 1.2.3.4 8.8.8.8", "IPv4"),
            ("udp [fd00::4]:1 [fd00::5]:2 size=47", "size=47"),
        ] {
            let error = Words::parse(&[text]).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_words_make_it_panic(words in proptest::collection::vec("(tcp|udp|icmp|[0-9.:]{0,12}|\\[[0-9a-f:]{0,12}\\]:[0-9]{1,5}|[0-9a-f:]{2,12}|flags=[a-z+]{0,8}|ttl=[0-9]{0,4}|size=[0-9]{0,6}|df|.{0,8})", 0..8)) {
            if let Ok(words) = Words::parse(&words) {
                let frame = words.frame([2; 6], [4; 6]);
                prop_assert!(parse(&frame).is_ok());
            }
        }
    }
}
