//! What the tests share.

use packet::{Address, FlowKey, Protocol, Scope};
use std::time::Duration;

/// How long the tests' flows may be silent.
pub(crate) const IDLE: Duration = Duration::from_secs(240);

/// The tuple of client number `client`, to one server.
pub(crate) fn key(client: u32) -> FlowKey {
    FlowKey {
        source: Address::from_v4_bits(0x0a00_0000 + client / 60_000),
        destination: Address::from_v4_bits(0xcb00_7105),
        source_port: 1_025 + (client % 60_000) as u16,
        destination_port: 443,
        scope: Scope(1),
        protocol: Protocol::TCP,
    }
}
