//! What the caller knows besides the template.

use crate::facts::Facts;
use crate::links::Links;
use document::{Entry, Node};

/// What documents beside a template say.
pub trait Others {
    /// The whole of the resource that an id means, where one of them has it.
    fn resource(&self, id: &str) -> Option<&Node>;
}

/// There are none.
impl Others for () {
    fn resource(&self, _: &str) -> Option<&Node> {
        None
    }
}

/// What a template is expanded with.
pub struct Given<'a> {
    /// Parameter files, read: a later one wins over an earlier one. Either Azure's shape, `{"parameters": {"name": {"value": …}}}`, or
    /// a plain object of names and values.
    pub parameters: &'a [Node],
    /// Single parameters, which win over the files.
    pub overrides: &'a [Entry],
    /// Where the deployment goes.
    pub facts: Facts,
    /// Values for expressions that cannot be known offline, by the text of the expression, such as
    /// `reference('ip').ipAddress`.
    pub values: &'a [Entry],
    /// What `utcNow()` says, in seconds since 1970; not known where it is not given.
    pub now: Option<i64>,
    /// What else to say of a parameter that nobody gave a value, such as where there is a parameter file.
    pub hint: Option<String>,
    /// The resources of the documents beside the template.
    pub others: &'a dyn Others,
    /// The templates that this one may link to.
    pub links: &'a dyn Links,
    /// Whether a resource of this type matters: what cannot be known about any other is no error.
    pub is_modelled: &'a dyn Fn(&str) -> bool,
}
