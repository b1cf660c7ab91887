//! The codes of this crate's diagnostics; all are ours.

/// No packet reaches a rule.
pub const SHADOWED: &str = "ShadowedSecurityRule";
/// Without a rule everything is decided alike.
pub const REDUNDANT: &str = "RedundantSecurityRule";
/// A rule about ICMP, which is IPv4's, names IPv6 addresses.
pub const ICMP_OVER_IPV6: &str = "IcmpOverIpv6";
/// Whether a rule changes anything is too complex to say.
pub const TOO_COMPLEX: &str = "SecurityRulesTooComplex";
