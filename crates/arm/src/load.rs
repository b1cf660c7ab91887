//! Documents read from files.

use crate::{Resources, read_resources, read_service_tags};
use diagnostic::Diagnostic;
use document::{read_json_file, read_text};
use model::ServiceTags;
use std::path::Path;

/// Reads all `files` and finds the resources in them; what is wrong with one does not hide what is in the others.
///
/// # Cost
/// Linear in the files; all are in memory at once.
pub fn load<P: AsRef<Path>>(files: &[P]) -> Resources {
    let mut nodes = Vec::with_capacity(files.len());
    let mut diagnostics = Vec::new();
    for file in files {
        match read_json_file(file.as_ref(), &mut diagnostics) {
            Ok(node) => nodes.push(node),
            Err(errors) => diagnostics.extend(errors),
        }
    }
    let mut resources = read_resources(&nodes);
    resources.diagnostics.splice(0..0, diagnostics);
    resources
}

/// Reads the published file of service tags, with what is worth a look.
///
/// # Errors
/// That it cannot be read or is none, with every bad prefix and its tag.
pub fn read_service_tags_file(path: &Path) -> Result<(ServiceTags, Vec<Diagnostic>), Vec<Diagnostic>> {
    let text = read_text(path).map_err(|error| vec![error])?;
    read_service_tags(&path.to_string_lossy(), &text)
}
