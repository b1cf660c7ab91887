//! Azure's IP flow verify, on a snapshot.

use crate::words;
use answer::{ByPort, IpFlow, Question, WithoutRule};
use model::{Access, Direction, IpConfiguration, Network, NicIndex};
use packet::{Address, Protocol};
use policy::Tuple;
use snapshot::{FlowVerdict, RuleName, Snapshot};
use std::net::IpAddr;

/// Answers from the rules alone, flow records and routes left out, as Azure does.
///
/// From `*` every port is asked about: the answer is `Allow` where each is allowed, and of several rules that decide alike
/// the one that decides over most ports is named. Where only some are denied, the answer says so beside its `Deny`.
///
/// # Errors
/// One sentence on what is wrong with the question.
pub fn test_ip_flow(snapshot: &Snapshot, asked: &Question) -> Result<IpFlow, String> {
    let nic = words::target(&snapshot.network, asked.nic.as_deref(), asked.vm.as_deref())?;
    let direction = words::direction(&asked.direction)?;
    let inbound = direction == Direction::Inbound;
    let (local, local_port) = end("--local", &asked.local, !inbound)?;
    let (remote, remote_port) = end("--remote", &asked.remote, inbound)?;
    if local.is_ipv4() != remote.is_ipv4() {
        return Err(format!("{local} and {remote} are of different address families"));
    }
    local_belongs(&snapshot.network, nic, local)?;
    let (local, remote) = (Address::from(local), Address::from(remote));
    let protocol = protocol(&asked.protocol)?;
    let tuple = if inbound {
        Tuple {
            protocol,
            source: remote,
            source_port: remote_port,
            destination: local,
            destination_port: local_port,
        }
    } else {
        Tuple {
            protocol,
            source: local,
            source_port: local_port,
            destination: remote,
            destination_port: remote_port,
        }
    };
    let verdict = snapshot
        .test_ip_flow(nic, direction, &tuple)
        .ok_or_else(|| format!("{} is not the network interface's", asked.local))?;
    let (verdict, by_port) = match tuple.source_port {
        // Where no NSG stands no port changes anything.
        None if verdict.is_guarded => {
            from_every_port(snapshot, nic, direction, &tuple).unwrap_or((verdict, None))
        }
        _ => (verdict, None),
    };
    Ok(IpFlow {
        access: words::access(verdict.access).into(),
        rule_name: verdict.rule.as_ref().map(RuleName::azure),
        nsg: verdict.rule.as_ref().map(|rule| rule.nsg.to_string()),
        without_rule: match (&verdict.rule, verdict.access) {
            (Some(_), _) => None,
            (None, Access::Deny) => Some(WithoutRule::SecureByDefault),
            (None, Access::Allow) if verdict.is_guarded => Some(WithoutRule::Platform),
            (None, Access::Allow) => Some(WithoutRule::NoNsg),
        },
        by_port,
    })
}

/// What the rules say of a packet from every port: the verdict on most of them, or where some are denied, on most of these.
///
/// # Cost
/// A look at each port, and a verdict for each class of them.
fn from_every_port(
    snapshot: &Snapshot,
    nic: NicIndex,
    direction: Direction,
    tuple: &Tuple,
) -> Option<(FlowVerdict, Option<ByPort>)> {
    // Of each verdict how many ports meet it, and the highest of them.
    let mut met: Vec<(FlowVerdict, u32, u16)> = Vec::new();
    for (port, ports) in snapshot.policy.port_of_each_class() {
        let verdict = snapshot.test_ip_flow(nic, direction, &Tuple { source_port: Some(port), ..*tuple })?;
        match met.iter_mut().find(|(known, ..)| *known == verdict) {
            Some((_, count, highest)) => (*count, *highest) = (*count + ports, port.max(*highest)),
            None => met.push((verdict, ports, port)),
        }
    }
    let most = |access| {
        let those = met.iter().filter(|(verdict, ..)| verdict.access == access);
        those.max_by_key(|(_, count, port)| (*count, *port))
    };
    match (most(Access::Deny), most(Access::Allow)) {
        (Some((verdict, _, denied)), Some((other, _, allowed))) => {
            let by_port = ByPort {
                denied: *denied,
                allowed: *allowed,
                rule_name: other.rule.as_ref().map(RuleName::azure),
                nsg: other.rule.as_ref().map(|rule| rule.nsg.to_string()),
            };
            Some((verdict.clone(), Some(by_port)))
        }
        (Some((verdict, ..)), None) | (None, Some((verdict, ..))) => Some((verdict.clone(), None)),
        (None, None) => None,
    }
}

fn local_belongs(network: &Network, nic: NicIndex, local: IpAddr) -> Result<(), String> {
    let Some(nic) = network.network_interfaces.get(nic.0) else {
        return Err("no such network interface".into());
    };
    let own: Vec<IpAddr> = nic.ip_configurations.iter().filter_map(|c| c.private_address).collect();
    if own.contains(&local) {
        return Ok(());
    }
    let is_open = |it: &&IpConfiguration| it.private_address.is_none() || it.is_assumed;
    let open = || nic.ip_configurations.iter().filter(is_open);
    if let Some(why) = open().next().and_then(|it| network.may_have(it, local).err()) {
        return Err(format!("--local {local} can not be the address of {}: {why}", nic.name));
    }
    let mut own: Vec<String> = own.iter().map(IpAddr::to_string).collect();
    for subnet in open().filter_map(|it| network.subnet(it.subnet)) {
        let prefixes: Vec<String> = subnet.prefixes.iter().map(ToString::to_string).collect();
        own.push(format!("one of {} that nobody else has", prefixes.join(", ")));
    }
    Err(format!("--local {local} is no private address of {}; it has {}", nic.name, own.join(", ")))
}

fn protocol(word: &str) -> Result<Protocol, String> {
    match word.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        _ => Err(format!("\"{word}\": IP flow verify knows TCP and UDP")),
    }
}

/// Reads `IP:PORT`; `None` is any port, which only the end that sends may have.
pub(crate) fn end(flag: &str, text: &str, sends: bool) -> Result<(IpAddr, Option<u16>), String> {
    let expected = || format!("{flag} \"{text}\": expected an address and a port, such as 10.0.1.4:443");
    let (ip, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let ip = match ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')) {
        Some(v6) => IpAddr::V6(v6.parse().map_err(|_| expected())?),
        None => IpAddr::V4(ip.parse().map_err(|_| expected())?),
    };
    match port {
        "*" if sends => Ok((ip, None)),
        "*" => Err(format!("{flag} \"{text}\": only the port of the end that sends may be \"*\"")),
        port => Ok((ip, Some(port.parse().map_err(|_| expected())?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sending_end_may_have_any_port() {
        assert_eq!(end("--local", "10.0.1.4:*", true), Ok(([10, 0, 1, 4].into(), None)));
        assert!(end("--local", "10.0.1.4:*", false).unwrap_err().contains("--local"));
        assert_eq!(end("--remote", "[2001:db8::1]:53", false).unwrap().1, Some(53));
        for wrong in
            ["", ":", "10.0.1.4", "10.0.1.4:", "10.0.1.4:65536", "10.0.1:80", "2001:db8::1:53", "[::1]"]
        {
            assert!(end("--local", wrong, true).is_err(), "{wrong}");
        }
    }
}
