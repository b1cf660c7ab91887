//! Azure's template language: expressions and their functions, evaluated on values that keep their places.
//!
//! [`evaluate_text`] gives the value of one text, [`evaluate`] that of a whole tree. What an expression may ask about
//! the deployment it stands in comes from a [`Scope`]; what it may cost from a [`Budget`]. Any text ends in a value or a
//! [`Fault`] that names the function, the expression and the character.
//!
//! A value keeps the place where it was written, so that a bad priority from a parameter file is reported there. What
//! cannot be known before the deployment is a value too: it is carried along, and a function of it is not known either,
//! unless something else decides (`if`, `and`, `or`).

mod budget;
pub mod codes;
mod deployment;
mod encode;
mod evaluate;
mod expression;
mod fault;
mod format;
mod functions;
mod hash;
mod parse;
mod scope;
mod text;
mod time;
mod value;

pub use budget::{Budget, Deeper, Limits};
pub use deployment::{
    Expanded, FOLDER_URI, Facts, Folder, Given, Links, NoLinks, Resource, expand, parameter_names,
};
pub use evaluate::{evaluate, evaluate_text};
pub use fault::Fault;
pub use scope::{Fact, Level, Question, Scope};
