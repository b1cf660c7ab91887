//! What two policies decide differently.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The difference of two policies.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Differences {
    /// Whether both mean the same.
    pub equal: bool,
    /// Where their rules differ, the first of the regions.
    pub differences: Vec<Difference>,
    /// How many more regions there are.
    pub more: u64,
    /// Where the rules overlap in too many ways to find every region, so that there may be more than these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Incomplete>,
    /// What only one of both has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<OneSided>,
    /// What is reached in one of both alone, whatever the rules say: the first of the gains and losses.
    #[serde(default)]
    pub reach: Vec<ReachChange>,
    /// How many more gains and losses there are.
    #[serde(default)]
    pub more_reach: u64,
}

/// What somebody reaches by one of two policies alone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReachChange {
    /// The network interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic: Option<String>,
    /// The virtual network, where none of its network interfaces is in both policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_network: Option<String>,
    /// What it reaches by the new policy alone.
    pub gained: Vec<Reached>,
    /// What it reaches by the old policy alone.
    pub lost: Vec<Reached>,
}

/// Something that is reached.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reached {
    /// A virtual network, its own or a peer.
    VirtualNetwork {
        /// Its name.
        name: String,
        /// The addresses, as a list of prefixes.
        addresses: String,
    },
    /// Sites on premises.
    OnPremises {
        /// The addresses, as a list of prefixes.
        addresses: String,
    },
    /// The internet, under whatever address.
    Internet {
        /// `IPv4` or `IPv6`.
        ip_version: String,
    },
    /// The internet, under a public address of its own.
    PublicIpAddress {
        /// The name of the public address.
        name: String,
        /// The address; absent where Azure has not assigned one yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<IpAddr>,
        /// The private address that it stands for; absent where the documents leave that open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        private_address: Option<IpAddr>,
    },
    /// A user-defined route of its subnet.
    Route {
        /// The prefix, or the service tag.
        destination: String,
        /// The type of the next hop, as Azure writes it.
        next_hop_type: String,
        /// The address of a virtual appliance; absent of other types, and where only the deployment will tell it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_hop_ip_address: Option<IpAddr>,
    },
}

/// Whose packets are decided differently in more ways, perhaps, than were found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incomplete {
    /// `Inbound` or `Outbound`.
    pub direction: String,
    /// The network interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic: Option<String>,
    /// The subnet without network interfaces, as `vnet1/web`, where it has another group than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// The network security group, where it guards no network interface; of a subnet its old one, or else its new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsg: Option<String>,
    /// The groups whose rules overlap.
    pub groups: Vec<String>,
}

/// What only one of two policies has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OneSided {
    /// What it is, such as `network interface web1-nic`.
    pub what: String,
    /// Which of them has it: `old` or `new`.
    pub side: String,
}

/// Packets that two policies decide differently: one of them, and the region around it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// `Inbound` or `Outbound`.
    pub direction: String,
    /// The network interface whose packets they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nic: Option<String>,
    /// The subnet without network interfaces, as `vnet1/web`, where it has another group than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// The network security group, where it guards no network interface; of a subnet its old one, or else its new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nsg: Option<String>,
    /// The packet's protocol.
    pub protocol: String,
    /// Its sender.
    pub source: IpAddr,
    /// The sender's port, or `*` where the protocol has none.
    pub source_port: String,
    /// Its receiver.
    pub destination: IpAddr,
    /// The receiver's port, likewise.
    pub destination_port: String,
    /// What the old policy says of it: `Allow` or `Deny`.
    pub old: String,
    /// What the new policy says.
    pub new: String,
    /// The rule that decides in the old policy, as `nsg/rule`.
    pub old_rule_name: Option<String>,
    /// The rule that decides in the new policy.
    pub new_rule_name: Option<String>,
    /// What is supposed of the packet where the documents leave it open, such as `source in VirtualNetwork`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// All packets around it that are decided in the same two ways.
    pub region: Region,
}

/// Packets of any protocol, address and port that is named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// Protocols: `*`, or a list such as `Tcp,Udp`.
    pub protocol: String,
    /// The senders: `*`, a service tag, or a list of prefixes.
    pub source: String,
    /// What is supposed of the senders where the documents leave it open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_given: Option<String>,
    /// The senders' ports: `*`, or a list such as `80,1024-65535`.
    pub source_port: String,
    /// The receivers.
    pub destination: String,
    /// What is supposed of the receivers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_given: Option<String>,
    /// The receivers' ports.
    pub destination_port: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trial;
    use serde_json::{from_value, to_value};

    #[test]
    fn a_trial_has_the_fields_of_a_difference() {
        let only = OneSided { what: "network interface web1-nic".into(), side: "old".into() };
        let policies = Differences { more: 3, only: vec![only], ..Differences::default() };
        let trial = Trial { policies: policies.clone(), flows_judged: 1, ..Trial::default() };
        let (alone, within) = (to_value(&policies).unwrap(), to_value(&trial).unwrap());
        for (name, value) in alone.as_object().unwrap() {
            assert_eq!(within.get(name), Some(value), "{name}");
        }
        assert_eq!(from_value::<Trial>(within).unwrap(), trial);
    }
}
