//! Public addresses.

use super::{Report, id_of, text};
use crate::reference::Kind;
use crate::{PublicIpAddress, PublicIpSku, codes, raw};
use diagnostic::{Diagnostic, INVALID_REQUEST_FORMAT, Location};
use std::collections::HashMap;
use std::net::IpAddr;

/// All of them, in the documents' order; no address twice.
pub(super) fn build_all(raws: &[raw::PublicIpAddress], report: &mut Report) -> Vec<PublicIpAddress> {
    let mut owners: HashMap<IpAddr, (&str, &Location)> = HashMap::new();
    let mut built = Vec::with_capacity(raws.len());
    for raw in raws {
        let address = address(raw, report);
        if let (Some(address), Some(at)) = (address, &raw.address) {
            if let Some((owner, first)) = owners.get(&address) {
                let name = &raw.name.value;
                let message = format!("public IP address '{name}' has {address}, which '{owner}' has too");
                let help = "give each public IP address its own address";
                let error = Diagnostic::error(codes::PUBLIC_ADDRESS_IN_USE, &at.at, message).help(help);
                report.push(error.related(first, "first used here"));
            } else {
                owners.insert(address, (&raw.name.value, &at.at));
            }
        }
        let sku = sku(raw, report);
        is_static(raw, sku, report);
        built.push(PublicIpAddress {
            id: id_of(Kind::PublicIp, raw.id.as_ref(), &raw.name.value),
            name: raw.name.value.as_str().into(),
            address,
            sku,
        });
    }
    built
}

fn address(raw: &raw::PublicIpAddress, report: &mut Report) -> Option<IpAddr> {
    let written = raw.address.as_ref()?;
    let text = text::trimmed(written, report);
    if text.is_empty() {
        return None;
    }
    match text.parse::<IpAddr>() {
        Ok(address) if is_unicast(address) => Some(address),
        _ => {
            let message = format!("public IP address '{}' has the address '{text}'", raw.name.value);
            let help = "write one unicast address, such as 203.0.113.10, or leave ipAddress out";
            report.push(Diagnostic::error(codes::INVALID_IP_ADDRESS_FORMAT, &written.at, message).help(help));
            None
        }
    }
}

/// Whether a machine on the internet could answer to it.
fn is_unicast(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(link_local || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

/// Reports a Standard address that is written as dynamic. One that says nothing may be another tool's.
fn is_static(raw: &raw::PublicIpAddress, sku: PublicIpSku, report: &mut Report) {
    let Some(written) = raw.allocation.as_ref().filter(|_| sku == PublicIpSku::Standard) else { return };
    if written.value.trim().eq_ignore_ascii_case("Dynamic") {
        let message = format!("public IP address '{}' is Standard and dynamic", raw.name.value);
        let help = "set publicIPAllocationMethod to Static";
        report.push(Diagnostic::error(codes::STANDARD_MUST_BE_STATIC, &written.at, message).help(help));
    }
}

/// Azure's own default is Basic.
fn sku(raw: &raw::PublicIpAddress, report: &mut Report) -> PublicIpSku {
    let Some(written) = &raw.sku else { return PublicIpSku::default() };
    match text::trimmed(written, report).to_ascii_lowercase().as_str() {
        "basic" | "" => PublicIpSku::Basic,
        // V2 differs in what it can be attached to, not in what it lets in.
        "standard" | "standardv2" => PublicIpSku::Standard,
        _ => {
            let message = format!("public IP address '{}' has the sku '{}'", raw.name.value, written.value);
            let help = "use Basic or Standard";
            report.push(Diagnostic::error(INVALID_REQUEST_FORMAT, &written.at, message).help(help));
            PublicIpSku::default()
        }
    }
}
