//! What a file says that may be broken: enough to ask the daemon, and to give interfaces back.

use crate::written::{Attachment, Written};
use crate::{directory_of, socket, yaml};
use diagnostic::Diagnostic;
use std::path::{Path, PathBuf};

/// The control socket that a gateway file names, whatever else may be wrong with it.
///
/// # Errors
/// Where the file cannot be read as YAML.
pub fn socket_of(path: &Path) -> Result<PathBuf, Vec<Diagnostic>> {
    let text = document::read_text(path).map_err(|error| vec![error])?;
    let root = yaml::read(&path.to_string_lossy().into(), &text).map_err(|error| vec![*error])?;
    Ok(socket(&Written::read(&root, &mut Vec::new()), directory_of(path)))
}

/// The names of the Linux interfaces that a gateway file attaches and that are guarded, whatever else may be wrong with
/// it. TAP devices are not: what they carry never enters the host's own stack.
///
/// # Errors
/// Where the file cannot be read as YAML, or its attachments are not readable as such.
pub fn interfaces_of(path: &Path) -> Result<Vec<String>, Vec<Diagnostic>> {
    let text = document::read_text(path).map_err(|error| vec![error])?;
    let root = yaml::read(&path.to_string_lossy().into(), &text).map_err(|error| vec![*error])?;
    let written = Written::read(&root, &mut Vec::new());
    let is_guarded = |attachment: &Attachment| !attachment.is_tap && written.engine.io != io::Backend::Tap;
    let guarded = written.attachments.iter().filter(|attachment| is_guarded(attachment));
    Ok(guarded.map(|attachment| attachment.interface.value.clone()).collect())
}
