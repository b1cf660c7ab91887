//! The way from a template to a value in it, as diagnostics print it.

use std::fmt;

/// A path of keys and indexes; it costs nothing until it is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way<'a> {
    /// Where the walk began.
    Root(&'a str),
    /// Under a key.
    Key(&'a Way<'a>, &'a str),
    /// An element of an array, or one turn of a loop.
    Nth(&'a Way<'a>, usize),
}

impl<'a> Way<'a> {
    pub(crate) fn key(&'a self, key: &'a str) -> Way<'a> {
        Way::Key(self, key)
    }

    pub(crate) fn nth(&'a self, nth: usize) -> Way<'a> {
        Way::Nth(self, nth)
    }
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Root(path) => f.write_str(path),
            Way::Key(Way::Root(""), key) => f.write_str(key),
            Way::Key(up, key) => write!(f, "{up}.{key}"),
            Way::Nth(up, nth) => write!(f, "{up}[{nth}]"),
        }
    }
}
