//! The gateway file, loaded on a host of our own making.

use crate::questions::{findings, refused, verify, whole};
use crate::script::Script;
use gateway::{Host, Ids, load_text};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

/// What gateway files are made of.
pub const WORDS: &[&str] = &[
    "network: ",
    "resources: ",
    "attachments: ",
    "- interface: ",
    "nic: ",
    "subnet: ",
    "internet: ",
    "onPremises: ",
    "address: ",
    "prefixes: ",
    "nextHop: ",
    "mac: ",
    "tap: ",
    "outbound: ",
    "defaultPublicIp: ",
    "idleTimeout: ",
    "portsPerVm: ",
    "ports: ",
    "profile: ",
    "flows: ",
    "capacity: ",
    "engine: ",
    "workers: ",
    "io: ",
    "control: ",
    "socket: ",
    "flowLogs: ",
    "metrics: ",
    "eth0",
    "host0",
    "missing0",
    "10.0.1.4",
    "203.0.113.2/24",
    "0.0.0.0/0",
    "2001:db8::1/64",
    "02:00:00:00:00:04",
    "ff:ff:ff:ff:ff:ff",
    "4m",
    "1s",
    "999999999999h",
    "auto",
    "null",
    "~",
    "true",
    "-1",
    "1e400",
    "0x7f",
    ".nan",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "#",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "\"",
    "'",
    "  ",
];

/// Loads a gateway file, compiles what was accepted, and asks it.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // No file of this host may matter: an escape or a tag could hide the key.
    if ["files", "serviceTags", "\\", "binary"].iter().any(|word| text.contains(word)) {
        return;
    }
    let path = Path::new("gateway.yaml");
    let mut ids = Ids::default();
    let seen = load_text(path, text, &mut ids, &Host::Needed(&find));
    let unseen = load_text(path, text, &mut Ids::default(), &Host::Unseen);
    for loaded in [seen, unseen] {
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(found) => {
                findings(&found, text);
                assert!(refused(&found), "nothing says why it is refused");
                continue;
            }
        };
        findings(&loaded.warnings, text);
        assert!(!refused(&loaded.warnings), "an error, and it is loaded");
        let linked = loaded.gateway.attachments.iter().map(|one| one.id).collect::<BTreeSet<_>>();
        assert!(loaded.links.keys().eq(&linked));
        whole(&loaded.gateway.network);
        verify(&loaded.gateway, &mut Script::new(input));
    }
}

/// The host's interfaces: names with `missing` are none, and `host0` holds addresses.
fn find(&io::Wanted { name, .. }: &io::Wanted<'_>) -> Result<io::Interface, io::Error> {
    if name.contains("missing") {
        return Err(io::Error::NoSuchInterface { name: name.into(), nearest: None });
    }
    let host: [(IpAddr, u8); 2] = [([203, 0, 113, 2].into(), 24), ([203, 0, 113, 10].into(), 24)];
    Ok(io::Interface {
        name: name.into(),
        index: 1,
        mac: [2, 0, 0, 0, 0, name.len() as u8],
        mtu: 1500,
        addresses: if name == "host0" { host.to_vec() } else { Vec::new() },
        local_ports: 32_768..=60_999,
        is_up: true,
        is_running: true,
    })
}
