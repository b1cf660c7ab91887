//! Files, bounded and decoded.

use crate::{Node, codes, read_json};
use model::Diagnostic;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest file that is read: several times the published service tags.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// Reads one JSON file.
///
/// # Errors
/// That it cannot be read, is too large, is not UTF-8, or is not JSON.
pub fn read_json_file(path: &Path) -> Result<Node, Vec<Diagnostic>> {
    let text = read_text(path).map_err(|error| vec![error])?;
    read_json(&path.to_string_lossy(), &text)
}

/// Reads a text file of at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// That it cannot be read, is too large, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Diagnostic> {
    let error = |message: String| Diagnostic::nowhere(codes::UNREADABLE_FILE, message);
    let name = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|why| error(format!("cannot read {name}: {why}")))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("{name} is larger than {} MiB", MAX_FILE_BYTES / (1024 * 1024));
        return Err(error(message));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let help = "save it as UTF-8; in PowerShell, use Out-File -Encoding utf8";
        return Err(error(format!("{name} is UTF-16")).help(help));
    }
    String::from_utf8(bytes).map_err(|why| {
        let message = format!("{name} is not UTF-8 at byte {}", why.utf8_error().valid_up_to());
        error(message).help("save it as UTF-8")
    })
}
