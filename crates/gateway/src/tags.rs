//! New service tags for a network that is in force.

use crate::codes;
use diagnostic::{Diagnostic, Location, Severity};
use model::{Network, ServiceTags};
use std::path::Path;
use std::sync::Arc;

/// A network with the tags of another file, which may do.
#[derive(Debug)]
pub struct Retagged {
    /// The network.
    pub network: Network,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// Why a file of service tags is not taken.
#[derive(Debug)]
pub struct NotTaken {
    /// Everything that is wrong with it.
    pub found: Vec<Diagnostic>,
    /// Whether it may be whole in a moment: it is not there, or breaks off.
    pub is_unfinished: bool,
}

/// Reads the file of service tags again, for a network that has tags already.
///
/// # Returns
/// The network with those tags, or `None` where it has them already.
///
/// # Errors
/// Where the file cannot be read or is none, is of another cloud or older than what is in force, or has not every tag that
/// a rule names; and then with the place of each such rule.
///
/// # Cost
/// That of reading the file, and a copy of the network.
pub fn retag(path: &Path, network: &Network) -> Result<Option<Retagged>, NotTaken> {
    let (tags, unfinished) =
        arm::read_service_tags_file(path).map_err(|found| NotTaken { found, is_unfinished: true })?;
    if tags == *network.service_tags {
        return Ok(None);
    }
    let refused = |found| NotTaken { found, is_unfinished: false };
    if let Some(step_back) = step_back(path, &network.service_tags, &tags) {
        return Err(refused(vec![Diagnostic { severity: Severity::Error, ..step_back }]));
    }
    let (network, mut warnings) = model::retag(network, Arc::new(tags));
    warnings.splice(0..0, unfinished);
    match network {
        Some(network) => Ok(Some(Retagged { network, warnings })),
        None => Err(refused(warnings)),
    }
}

/// The warning of a file of service tags that is no later one of the same cloud. By itself nsgate does not take it; a reload
/// that is asked for does.
pub fn step_back(path: &Path, old: &ServiceTags, new: &ServiceTags) -> Option<Diagnostic> {
    let at = Location::new(&*path.to_string_lossy(), 1, 1);
    let cloud = |tags: &ServiceTags| tags.cloud.as_deref().unwrap_or("no cloud").to_ascii_lowercase();
    if old.is_empty() || new.is_empty() {
        return None;
    }
    let (code, message) = if cloud(old) != cloud(new) {
        let name = |tags: &ServiceTags| tags.cloud.as_deref().unwrap_or("no cloud").to_owned();
        let message = format!("these service tags are of {}, those in force of {}", name(new), name(old));
        (codes::SERVICE_TAGS_CLOUD, message)
    } else if new.change_number < old.change_number {
        let (new, old) = (new.change_number, old.change_number);
        let message = format!("these service tags are number {new}, those in force are number {old}");
        (codes::SERVICE_TAGS_OLDER, message)
    } else {
        return None;
    };
    Some(Diagnostic::warning(code, &at, message).help("`nsgate reload` takes them all the same"))
}
