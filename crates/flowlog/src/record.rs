//! What a record says of its tuples.

use crate::{Error, Form, Tuple};
use std::sync::Arc;

/// An Ethernet hardware address.
pub type Mac = [u8; 6];

/// One record: what one network interface saw in about a minute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Which of the two logs it belongs to.
    pub form: Form,
    /// The network interface's hardware address.
    pub mac: Option<Mac>,
    /// The NSG of an NSG flow log, or the resource of a VNet flow log, by its id.
    pub resource: Option<Arc<str>>,
    /// The tuples.
    pub entries: Vec<Entry>,
    /// The tuples that could not be read.
    pub faults: Vec<Error>,
}

/// A tuple, and what stands around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The rule that decided, as it is written: see [`Rule`].
    pub rule: Arc<str>,
    /// The NSG of the rule: `aclID` in a VNet flow log.
    pub acl: Option<Arc<str>>,
    /// The network interface's hardware address, where it stands beside the tuple.
    pub mac: Option<Mac>,
    /// The tuple.
    pub tuple: Tuple,
    /// Its line in the log, from 1.
    pub line: u64,
    /// Which tuple of the log it is, from 1: a log may be a single line.
    pub number: u64,
}

/// Whose rule decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule<'a> {
    /// `UserRule_…`: one of the user's rules.
    User(&'a str),
    /// `DefaultRule_…`: one of the six that every NSG has.
    Default(&'a str),
    /// `PlatformRule`, and whatever else is no rule of an NSG.
    Platform,
}

impl<'a> Rule<'a> {
    /// Reads a rule's name as logs have it, in whatever case.
    pub fn of(written: &'a str) -> Self {
        match written.split_once('_') {
            Some((kind, name)) if kind.eq_ignore_ascii_case("UserRule") => Self::User(name),
            Some((kind, name)) if kind.eq_ignore_ascii_case("DefaultRule") => Self::Default(name),
            _ => Self::Platform,
        }
    }
}

/// Reads a hardware address of twelve hexadecimal digits, with `-` or `:` between them or without.
pub fn parse_mac(text: &str) -> Option<Mac> {
    let mut digits = text.chars().filter(|c| !matches!(c, '-' | ':'));
    let mut mac = [0; 6];
    for byte in &mut mac {
        let (high, low) = (digits.next()?.to_digit(16)?, digits.next()?.to_digit(16)?);
        *byte = (high << 4 | low) as u8;
    }
    digits.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_whose_in_whatever_case() {
        assert_eq!(Rule::of("userrule_x"), Rule::User("x"));
        assert_eq!(Rule::of("UserRule_a_b"), Rule::User("a_b"));
        assert_eq!(Rule::of("DEFAULTRULE_DenyAllInBound"), Rule::Default("DenyAllInBound"));
        assert_eq!(Rule::of("PlatformRule"), Rule::Platform);
        assert_eq!(Rule::of("OtherRule_x"), Rule::Platform);
    }
}
