//! Azure's documents read into the model, with file and line.
//!
//! [`read_resources`] finds the resources in a [`Node`](document::Node), and says what they say as [`model::raw`]. Nothing is judged here beyond the shape: that is
//! [`model::validate`]'s part. The shapes are those of the REST interface and those that Azure's tools print. Templates among the
//! documents are expanded first, with what a [`Deployment`] gives them ([`read_documents`]).
//!
//! ```
//! let text = r#"[{"type": "Microsoft.Network/networkSecurityGroups", "name": "web", "properties": {}}]"#;
//! let node = document::read_json("web.json", text).unwrap();
//! let resources = arm::read_resources(&[node]);
//! let (network, findings) = model::validate(resources.network, Default::default());
//! assert!(findings.is_empty());
//! assert_eq!(&*network.unwrap().security_groups[0].name, "web");
//! ```

mod load;
mod read;
mod service_tags;

pub mod codes;

pub use ::template::{Facts, Resource};
pub use load::{load, read_service_tags_file};
pub use read::{Deployment, Ignored, Plain, Resources, read_documents, read_resources};
pub use service_tags::read_service_tags;
