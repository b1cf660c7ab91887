//! Azure's documents, read, validated, compiled and asked.

use crate::questions::{agree, findings, refused, verify, whole};
use crate::script::Script;
use model::ServiceTags;
use snapshot::Gateway;
use std::sync::Arc;
use std::time::Duration;

/// What documents are made of.
pub const WORDS: &[&str] = &[
    "\n---\n",
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "\"*\"",
    "\"0-65535\"",
    "\"80\"",
    "0",
    "-1",
    "65536",
    "4096",
    "1e9",
    "\"::/0\"",
    "\"0.0.0.0/0\"",
    "\"10.0.0.0/8\"",
    "\"10.0.1.4/31\"",
    "\"fd00::/8\"",
    "\"Internet\"",
    "\"VirtualNetwork\"",
    "\"AzurePlatformDNS\"",
    "\"Storage\"",
    "\"Inbound\"",
    "\"Outbound\"",
    "\"Allow\"",
    "\"Deny\"",
    "\"Tcp\"",
    "\"Icmp\"",
    "\"Esp\"",
    "\"id\": ",
    "\"name\": ",
    "\"type\": ",
    "\"value\": ",
    "\"properties\": ",
    "\"resources\": ",
    "\"responses\": ",
    "\"$schema\": ",
    "\"condition\": false",
    "\"copy\": ",
    "\"nextLink\": ",
    "\"securityRules\": ",
    "\"priority\": ",
    "\"routes\": ",
    "\"routeTable\": ",
    "\"addressPrefix\": ",
    "\"nextHopType\": ",
    "\"VirtualAppliance\"",
    "\"None\"",
    "\"sourceAddressPrefixes\": ",
    "\"destinationPortRanges\": ",
    "\"ipConfigurations\": ",
    "\"privateIPAddress\": ",
    "\"primary\": ",
    "Microsoft.Network/",
    "networkSecurityGroups",
    "virtualNetworks",
    "networkInterfaces",
    "routeTables",
    "publicIPAddresses",
    "/subscriptions/s/resourceGroups/r/providers/",
    "[parameters('x')]",
    "[[",
    "\\u0000",
    "\\ud83d\\ude00",
    "\u{feff}",
    "\u{e4}",
    "//",
    "/*",
    "\r\n",
];

/// Reads documents that lines of `---` divide; those that are files of service tags are taken as such.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (mut tags, mut nodes) = (Vec::new(), Vec::new());
    for part in text.split("\n---\n") {
        match arm::read_service_tags("tags.json", part) {
            Ok((read, _)) => {
                tags.extend(read.iter().cloned());
                continue;
            }
            Err(why) => findings(&why, part),
        }
        match document::read_json("network.json", part) {
            Ok(node) => nodes.push(node),
            Err(why) => findings(&why, part),
        }
    }
    let resources = arm::read_resources(&nodes);
    findings(&resources.diagnostics, text);
    let (network, found) = model::validate(resources.network, Arc::new(ServiceTags::new(tags)));
    findings(&found, text);
    let wrong = refused(&found) || refused(&resources.diagnostics);
    let Some(network) = network else {
        return assert!(wrong, "nothing says why it is refused");
    };
    if wrong {
        return;
    }
    whole(&network);
    let mut script = Script::new(input);
    agree(&network, &mut script);
    let gateway = Gateway {
        network: Arc::new(network),
        attachments: Vec::new(),
        default_public_ips: Vec::new(),
        snat_ports: nat::Ports::ALL,
        ports_per_vm: 64_511,
        flow_idle: Duration::from_secs(240),
        snat_idle: Duration::from_secs(240),
    };
    verify(&gateway, &mut script);
}
