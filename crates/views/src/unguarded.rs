//! A diagnostic where no network security group stands before the network interface.

use crate::diagnose::Asking;
use crate::words;
use answer::{Mixed, NsgResult, Witness};
use model::{Access, Direction, IpConfiguration, PublicIpSku, RuleProtocol};
use packet::{Address, Protocol};
use policy::{IPV4, Question, Ranges, Tuple};
use std::net::Ipv6Addr;

impl Asking<'_> {
    /// No NSG stands here: all is allowed, but what comes to a Standard public address from outside.
    pub(crate) fn without_rules(&self, question: &Question) -> Result<NsgResult, String> {
        let Self { snapshot, index, nic, direction, configuration, .. } = *self;
        let set = |side| {
            snapshot
                .addresses(index, configuration, side)
                .ok_or("a service tag of the question is not loaded")
        };
        let (source, destination) = (set(&question.source)?, set(&question.destination)?);
        let is_inbound = direction == Direction::Inbound;
        let local = if is_inbound { &destination } else { &source };
        let (mut allowed, mut denied) = (None, None);
        for (nth, own) in nic.ip_configurations.iter().enumerate() {
            let asked = own.private_address.filter(|it| local.contains(Address::from(*it).bits()));
            if nth != configuration && (asked.is_none() || !snapshot.guards(index, nth).is_none()) {
                continue;
            }
            let outside = match self.is_closed(own) {
                true => source.minus(&snapshot.private_to(index)),
                false => Ranges::default(),
            };
            let inside = source.minus(&outside);
            let at = asked.filter(|_| is_inbound).map(|it| Ranges::of_addresses([it]));
            let at = at.as_ref().unwrap_or(&destination);
            allowed = allowed.or_else(|| packet(question, &inside, at));
            denied = denied.or_else(|| packet(question, &outside, at));
        }
        if allowed.is_none() && denied.is_none() {
            return Err(self.nobody(question));
        }
        let mut notes = vec!["no network security group applies".to_owned()];
        if denied.is_some() {
            notes.push("a Standard public address is closed until a network security group allows".into());
        }
        let access = if denied.is_some() { Access::Deny } else { Access::Allow };
        let told =
            |tuple: Tuple| Witness { packet: words::packet(&tuple), rule_name: None, without_rule: None };
        Ok(NsgResult {
            security_rule_access_result: words::access(access).into(),
            evaluated_network_security_groups: Vec::new(),
            mixed: allowed.zip(denied).map(|(allowed, denied)| {
                let [allowed, denied] = [allowed, denied].map(told);
                Mixed { allowed, denied }
            }),
            notes,
        })
    }

    /// Whether the address of an IP configuration is open to nobody outside, where no NSG stands before it.
    fn is_closed(&self, own: &IpConfiguration) -> bool {
        let public = own.public_ip.and_then(|index| self.snapshot.network.public_ips.get(index.0));
        self.direction == Direction::Inbound
            && public.is_some_and(|it| it.sku == PublicIpSku::Standard && it.address.is_some())
    }
}

/// One packet of a question; `None` where its ends have no address of one family.
fn packet(question: &Question, from: &Ranges, to: &Ranges) -> Option<Tuple> {
    let first = |addresses: &Ranges, is_v4: bool| {
        let four = Ranges::union([IPV4]);
        let other = if is_v4 { Ranges::every_address().minus(&four) } else { four };
        addresses.minus(&other).as_slice().first().map(|range| Ipv6Addr::from_bits(range.0))
    };
    let of_family = |is_v4| Some((first(from, is_v4)?, first(to, is_v4)?, is_v4));
    let (source, destination, is_v4) = of_family(true).or_else(|| of_family(false))?;
    let protocol = match (question.protocol, is_v4) {
        (RuleProtocol::Udp, _) => Protocol::UDP,
        (RuleProtocol::Icmp, true) => Protocol::ICMP,
        (RuleProtocol::Icmp, false) => Protocol::ICMPV6,
        _ => Protocol::TCP,
    };
    let port = question.destination_ports.ranges().next().map(|range| *range.start());
    Some(Tuple {
        protocol,
        source: source.into(),
        source_port: protocol.has_ports().then_some(0),
        destination: destination.into(),
        destination_port: port.filter(|_| protocol.has_ports()),
    })
}
