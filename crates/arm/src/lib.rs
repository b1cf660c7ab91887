//! Azure's documents read into the model, with file and line.
//!
//! A text becomes a [`Node`], a tree that knows the place of every key and value; [`read_resources`] finds the
//! resources in it and says what they say as [`model::raw`]. Nothing is judged here beyond the shape: that is
//! [`model::validate`]'s part. Expressions of templates and the flattened shapes of Azure's CLI are named errors.
//!
//! ```
//! let text = r#"[{"type": "Microsoft.Network/networkSecurityGroups", "name": "web", "properties": {}}]"#;
//! let node = arm::read_json("web.json", text).unwrap();
//! let resources = arm::read_resources(&[node]);
//! let (network, findings) = model::validate(resources.network, Default::default());
//! assert!(findings.is_empty());
//! assert_eq!(&*network.unwrap().security_groups[0].name, "web");
//! ```

mod file;
mod json;
mod node;
mod place;
mod read;
mod service_tags;

pub mod codes;

pub use file::{MAX_FILE_BYTES, load, read_json_file, read_service_tags_file, read_text};
pub use json::{MAX_DEPTH, read_json};
pub use node::{Entry, Node, Value};
pub use read::{Ignored, Resources, read_resources};
pub use service_tags::read_service_tags;
