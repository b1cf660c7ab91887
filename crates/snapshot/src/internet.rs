//! Who reaches the internet, whatever rules and user-defined routes say.

use crate::gateway::{AttachmentKind, Gateway};
use crate::snapshot::may_share;

/// Whether each IP configuration of each network interface reaches the internet, in the model's order: by an internet
/// attachment that leads its family out, under a public address of its own or, over IPv4, a shared one. A public address
/// that Azure has not assigned yet counts.
pub fn internet(gateway: &Gateway) -> Vec<Vec<bool>> {
    let next_hops = gateway.attachments.iter().flat_map(|attachment| match &attachment.kind {
        AttachmentKind::Internet { next_hops, .. } => next_hops.as_slice(),
        _ => &[],
    });
    let [out_v4, out_v6] =
        next_hops.fold([false; 2], |[v4, v6], hop| [v4 || hop.is_ipv4(), v6 || hop.is_ipv6()]);
    let nics = gateway.network.network_interfaces.iter().map(|nic| {
        let shares = !gateway.default_public_ips.is_empty() && may_share(gateway, nic);
        let own = nic.ip_configurations.iter();
        let reaches = own.map(|own| match own.is_over_ipv6() {
            true => out_v6 && own.public_ip.is_some(),
            false => out_v4 && (own.public_ip.is_some() || shares),
        });
        reaches.collect()
    });
    nics.collect()
}
