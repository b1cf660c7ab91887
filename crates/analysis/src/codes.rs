//! The codes of this crate's diagnostics; all are ours.

/// No packet reaches a rule.
pub const SHADOWED: &str = "ShadowedSecurityRule";
/// Without a rule everything is decided alike.
pub const REDUNDANT: &str = "RedundantSecurityRule";
/// Whether a rule changes anything is too complex to say.
pub const TOO_COMPLEX: &str = "SecurityRulesTooComplex";
