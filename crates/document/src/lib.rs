//! A tree of values that know where they were written, read from JSON as people keep it.
//!
//! A text becomes a [`Node`]. A [`Place`] walks in it and remembers the way, so that whatever is wrong is said with file,
//! line and path; a [`Report`] reads values of a type and gathers what was found. What a value means is not known here.
//!
//! | module | question |
//! |---|---|
//! | `file` | what does a file hold? |
//! | `json` | which tree is written there? |
//! | `node` | what is a tree of values? |
//! | `place` | which way leads to a value? |
//! | `report` | is it of the type that it should have, and what was found meanwhile? |
//! | [`codes`] | which errors are of the document itself? |
//!
//! ```
//! use document::{Place, Report, read_json};
//!
//! let node = read_json("web.json", "{\n  \"properties\": { \"priority\": \"100\" }\n}").unwrap();
//! let (place, mut report) = (Place::root(&node), Report::default());
//! let properties = place.get("properties").unwrap();
//! assert_eq!(report.integer(&properties, "priority").unwrap().value, "100");
//! assert_eq!(
//!     report.diagnostics[0].to_string().lines().next(),
//!     Some("web.json:2:31: warning[LooselyTypedValue]: properties.priority: \"100\" is a string"),
//! );
//! ```

mod file;
mod json;
mod node;
mod place;
mod report;

pub mod codes;

pub use file::{MAX_FILE_BYTES, read_json_file, read_text};
pub use json::{MAX_DEPTH, MAX_VALUES, Places, read_document, read_json};
pub use node::{Entry, Node, Unknown, Value};
pub use place::Place;
pub use report::{Report, is_expression};
