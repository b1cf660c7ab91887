//! Templates that a template links to: files below its own folder, and nothing else.

use diagnostic::Diagnostic;
use document::{Node, read_json_file};
use std::path::{Path, PathBuf};

/// The address that the folder of the template seems to have. Nobody can have the name (RFC 2606).
pub const FOLDER_URI: &str = "https://nsgate.invalid/";

/// Where linked templates come from.
pub trait Links {
    /// The template at a path below the folder of the first one, with warnings to `found`; `None` where there is no such file.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn load(&self, path: &str, found: &mut Vec<Diagnostic>) -> Result<Option<Node>, Vec<Diagnostic>>;

    /// Why what a template links to is not read, though it is there: it lies outside the folder; `None` where it is not there.
    fn why_not(&self, _from: &str, _link: &str) -> Option<String> {
        None
    }
}

/// Nothing can be linked to.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLinks;

impl Links for NoLinks {
    fn load(&self, _: &str, _: &mut Vec<Diagnostic>) -> Result<Option<Node>, Vec<Diagnostic>> {
        Ok(None)
    }
}

/// The files below a folder.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder that a template's file is in.
    pub fn of(template: &Path) -> Self {
        Self(template.parent().unwrap_or_else(|| Path::new("")).to_owned())
    }
}

impl Links for Folder {
    fn load(&self, path: &str, found: &mut Vec<Diagnostic>) -> Result<Option<Node>, Vec<Diagnostic>> {
        let folder = if self.0.as_os_str().is_empty() { Path::new(".") } else { &self.0 };
        let file = self.0.join(path);
        // A symbolic link may lead out of the folder.
        match (folder.canonicalize(), file.canonicalize()) {
            (Ok(folder), Ok(target)) if target.starts_with(&folder) && target.is_file() => {
                read_json_file(&file, found).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn why_not(&self, from: &str, link: &str) -> Option<String> {
        let link = link.split(['?', '#']).next().unwrap_or_default().trim();
        if link.is_empty() || link.contains("://") {
            return None;
        }
        let below = Path::new(from).parent().unwrap_or_else(|| Path::new(""));
        let is_there = self.0.join(below).join(link).is_file();
        let folder = if self.0.as_os_str().is_empty() { Path::new(".") } else { &self.0 };
        is_there.then(|| {
            format!(
                "it is there, but only what lies below the template's folder '{}' is read",
                folder.display()
            )
        })
    }
}

/// The path below [`FOLDER_URI`] that `link` means in the template at `from`, or `None` where it lies elsewhere.
pub(crate) fn resolve(from: &str, link: &str) -> Option<String> {
    let link = link.split(['?', '#']).next().unwrap_or_default().trim();
    let below = match link.get(..FOLDER_URI.len()) {
        Some(start) if start.eq_ignore_ascii_case(FOLDER_URI) => link.get(FOLDER_URI.len()..)?.to_owned(),
        _ if link.is_empty() || link.contains("://") || link.starts_with(['/', '\\']) => return None,
        _ => format!("{}/{link}", from.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    let mut steps: Vec<String> = Vec::new();
    for step in below.split(['/', '\\']) {
        match decoded(step)?.as_str() {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            // A name with a separator or a drive in it is no name.
            name if name.contains(['/', '\\', ':', '\0']) => return None,
            name => steps.push(name.to_owned()),
        }
    }
    (!steps.is_empty()).then(|| steps.join("/"))
}

/// A step of a path without its percent signs.
fn decoded(step: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                bytes.push(value);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_below_the_folder_is_found() {
        let from = |from: &str, link: &str| resolve(from, link).unwrap_or_default();
        assert_eq!(from("azuredeploy.json", "nested/vnet.json"), "nested/vnet.json");
        assert_eq!(
            from("azuredeploy.json", "https://NSGATE.invalid/nested/a%20b.json?sas=1"),
            "nested/a b.json"
        );
        assert_eq!(from("nested/vnet.json", "../common/nsg.json"), "common/nsg.json");
        assert_eq!(from("nested/vnet.json", "./nsg.json"), "nested/nsg.json");
        for outside in [
            "../secret.json",
            "a/../../b.json",
            "%2e%2e/b.json",
            "a%2f..%2f..%2fb.json",
            "/etc/passwd",
            "C:\\a.json",
            "https://example.com/a.json",
            "",
        ] {
            assert_eq!(resolve("azuredeploy.json", outside), None, "{outside}");
        }
    }

    #[test]
    fn a_folder_does_not_follow_links_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("templates");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(folder.path().join("secret.json"), "{}").unwrap();
        std::fs::write(inside.join("open.json"), "{}").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret.json"), inside.join("link.json")).unwrap();
        let links = Folder::of(&inside.join("azuredeploy.json"));
        assert!(links.load("open.json", &mut Vec::new()).unwrap().is_some());
        assert!(links.load("link.json", &mut Vec::new()).unwrap().is_none());
        assert!(links.load("nothing.json", &mut Vec::new()).unwrap().is_none());
        for there in ["link.json", "../secret.json"] {
            let why = links.why_not("azuredeploy.json", there).unwrap();
            assert!(why.contains("only what lies below the template's folder"), "{why}");
        }
        for elsewhere in ["nothing.json", "https://example.com/secret.json", ""] {
            assert_eq!(links.why_not("azuredeploy.json", elsewhere), None, "{elsewhere}");
        }
    }
}
