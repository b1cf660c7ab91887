//! One policy of 1,000 rules in both languages; the traffic is matched by the last rule alone.

use std::fmt::Write;
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::site::Site;

const RULES: u16 = 1000;
/// Where all traffic goes, and what only the last rule names.
const SERVERS: &str = "198.51.100.0/24";

/// One of the 999 that match nothing: a network and ports of one protocol.
struct Miss {
    protocol: &'static str,
    prefix: String,
    ports: (u16, u16),
}

fn misses() -> impl Iterator<Item = Miss> {
    (0..RULES - 1).map(|number| Miss {
        protocol: if number % 2 == 0 { "tcp" } else { "udp" },
        prefix: format!("45.{}.{}.0/24", number / 200, number % 200),
        ports: (1000 + number * 7, 1000 + number * 7 + 50),
    })
}

/// As an NSG before vm1's NIC.
pub(crate) fn gateway_file() -> GatewayFile {
    let denied = misses().enumerate().map(|(number, miss)| {
        let protocol = if miss.protocol == "tcp" { "Tcp" } else { "Udp" };
        let ports = format!("{}-{}", miss.ports.0, miss.ports.1);
        let rule = Rule::deny(&format!("Deny{number}"), 100 + number as u16).outbound();
        rule.protocol(protocol).to(&miss.prefix).port(&ports)
    });
    let last = Rule::allow("AllowServers", 4000).outbound().to(SERVERS);
    GatewayFile::open().nsg("vm1", denied.chain([last]).collect::<Vec<_>>())
}

/// As an nftables chain, what is established accepted first, behind the kernel's own forwarding.
pub(crate) fn in_kernel(site: &Site) {
    let gateway = &site.gateway;
    gateway.address("vm1", "10.0.1.1/24");
    gateway.address("eth0", "203.0.113.2/24");
    gateway.route("default", "203.0.113.1");
    gateway.sysctl("net.ipv4.ip_forward", "1");
    let mut rules = String::from(
        "add table ip gate\n\
         add chain ip gate out { type nat hook postrouting priority 100 ; }\n\
         add rule ip gate out oifname eth0 masquerade\n\
         add chain ip gate forward { type filter hook forward priority 0 ; policy drop ; }\n\
         add rule ip gate forward ct state established,related accept\n",
    );
    for Miss { protocol, prefix, ports: (first, last) } in misses() {
        let _ = writeln!(
            rules,
            "add rule ip gate forward ip saddr 10.0.1.4 ip daddr {prefix} {protocol} dport {first}-{last} drop"
        );
    }
    let _ = writeln!(rules, "add rule ip gate forward ip saddr 10.0.1.4 ip daddr {SERVERS} accept");
    site.load_nft(&rules);
}
