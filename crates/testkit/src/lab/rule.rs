//! Rules in one line of text.

use model::{Access, AddressMatch, AsgIndex, Direction, PortSet, RuleProtocol, SecurityRule, ServiceTag};

/// Reads a rule as [`super`] tells it; panics where it is none.
pub(super) fn parse_rule(text: &str, asg: impl Fn(&str) -> AsgIndex) -> SecurityRule {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [priority, direction, access, protocol, from, ">", to] = words[..] else {
        panic!("a rule has the form `100 in allow tcp * > *:80`, not `{text}`");
    };
    let (source, source_ports) = side(from, &asg);
    let (destination, destination_ports) = side(to, &asg);
    SecurityRule {
        name: format!("rule-{priority}").into(),
        default: false,
        priority: priority.parse().expect("a priority"),
        direction: match direction {
            "in" => Direction::Inbound,
            "out" => Direction::Outbound,
            other => panic!("`in` or `out`, not `{other}`"),
        },
        access: match access {
            "allow" => Access::Allow,
            "deny" => Access::Deny,
            other => panic!("`allow` or `deny`, not `{other}`"),
        },
        protocol: match protocol {
            "any" => RuleProtocol::Any,
            "tcp" => RuleProtocol::Tcp,
            "udp" => RuleProtocol::Udp,
            "icmp" => RuleProtocol::Icmp,
            "esp" => RuleProtocol::Esp,
            "ah" => RuleProtocol::Ah,
            other => panic!("no protocol of rules: `{other}`"),
        },
        source,
        source_ports,
        destination,
        destination_ports,
    }
}

/// Addresses, in brackets where they are of IPv6, and after a colon ports.
fn side(text: &str, asg: &impl Fn(&str) -> AsgIndex) -> (AddressMatch, PortSet) {
    let (addresses, ports) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((addresses, ports)) => (addresses, ports.strip_prefix(':').unwrap_or("*")),
        None => text.split_once(':').unwrap_or((text, "*")),
    };
    let tag = |tag| AddressMatch::Tag(tag);
    let addresses = match addresses {
        "*" => AddressMatch::Any,
        "VirtualNetwork" => tag(ServiceTag::VirtualNetwork),
        "Internet" => tag(ServiceTag::Internet),
        "AzureLoadBalancer" => tag(ServiceTag::AzureLoadBalancer),
        "AzurePlatformDNS" => tag(ServiceTag::AzurePlatformDns),
        "AzurePlatformIMDS" => tag(ServiceTag::AzurePlatformImds),
        names if names.starts_with('@') => {
            AddressMatch::ApplicationSecurityGroups(names.split(',').map(|name| asg(&name[1..])).collect())
        }
        prefixes => AddressMatch::Prefixes(prefixes.split(',').map(prefix).collect()),
    };
    (addresses, port_set(ports))
}

fn prefix(text: &str) -> ipnet::IpNet {
    match text.parse() {
        Ok(prefix) => prefix,
        Err(_) => ipnet::IpNet::from(text.parse::<std::net::IpAddr>().expect("an address or a prefix")),
    }
}

fn port_set(text: &str) -> PortSet {
    if text == "*" {
        return PortSet::full();
    }
    PortSet::from_ranges(text.split(',').map(|range| {
        let (start, end) = range.split_once('-').unwrap_or((range, range));
        start.parse().expect("a port")..=end.parse().expect("a port")
    }))
}
