//! The capabilities that packets need.

use super::CannotStart;
use std::fs;

const NET_ADMIN: (u32, &str) = (12, "CAP_NET_ADMIN");
const NET_RAW: (u32, &str) = (13, "CAP_NET_RAW");

/// Whether this process may open packet sockets and guard interfaces.
///
/// # Errors
/// [`CannotStart::Capability`] with what is missing; where the system does not say, nothing is held against it.
pub(super) fn check() -> Result<(), CannotStart> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let missing = missing(&status);
    if missing.is_empty() { Ok(()) } else { Err(CannotStart::Capability(missing.join(" and "))) }
}

fn missing(status: &str) -> Vec<&'static str> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let Some(effective) = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()) else {
        return Vec::new();
    };
    [NET_RAW, NET_ADMIN].iter().filter(|(bit, _)| effective & 1 << bit == 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(missing("Name:\tx\nCapEff:\t000001ffffffffff\n"), Vec::<&str>::new());
        assert_eq!(missing("CapEff:\t0000000000000000\n"), ["CAP_NET_RAW", "CAP_NET_ADMIN"]);
        assert_eq!(missing("CapEff:\t0000000000002000\n"), ["CAP_NET_ADMIN"]);
        assert_eq!(missing("CapEff:\tnonsense\n"), Vec::<&str>::new());
    }
}
