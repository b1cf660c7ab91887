//! What two gateways decide differently.

use analysis::{Error, Limits, Network, diff};
use answer::Differences;
use ipnet::IpNet;
use model::Vantage;
use snapshot::{Gateway, internet, on_premises, virtual_network_tags};
use std::collections::BTreeMap;

/// Where the policies of two gateways differ, with a packet for each region.
///
/// # Errors
/// Where the policies are too large to be compared; see [`Limits`].
///
/// # Cost
/// As [`diff`].
pub fn differences(old: &Gateway, new: &Gateway, limits: &Limits) -> Result<Differences, Error> {
    let (old, new) = (Side::new(old), Side::new(new));
    Ok(analysis::answer(&diff(&old.network(), &new.network(), limits)?))
}

/// A gateway, and what follows from it for a comparison.
struct Side<'a> {
    gateway: &'a Gateway,
    virtual_networks: BTreeMap<Vantage, Vec<IpNet>>,
    on_premises: Vec<Vec<IpNet>>,
    internet: Vec<Vec<bool>>,
}

impl<'a> Side<'a> {
    fn new(gateway: &'a Gateway) -> Self {
        let Gateway { network, attachments, .. } = gateway;
        Self {
            gateway,
            virtual_networks: virtual_network_tags(network, attachments),
            on_premises: on_premises(network, attachments),
            internet: internet(gateway),
        }
    }

    fn network(&self) -> Network<'_> {
        Network {
            network: &self.gateway.network,
            virtual_networks: &self.virtual_networks,
            on_premises: &self.on_premises,
            internet: &self.internet,
        }
    }
}
