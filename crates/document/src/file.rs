//! Files, bounded and decoded.

use crate::{Node, codes, read_document};
use diagnostic::Diagnostic;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The largest file that is read: several times the published service tags.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

/// Descriptors that whoever started us has opened, as a shell does for `<(az network nsg list)`.
const INHERITED: [&str; 3] = ["/dev/stdin", "/dev/fd", "/proc/self/fd"];

/// Reads one JSON file, with warnings to `found` as of [`read_document`].
///
/// # Errors
/// That it cannot be read, is too large, is not UTF-8, or is not JSON.
pub fn read_json_file(path: &Path, found: &mut Vec<Diagnostic>) -> Result<Node, Vec<Diagnostic>> {
    let text = read_text(path).map_err(|error| vec![error])?;
    read_document(&path.to_string_lossy(), &text, found).map_err(|errors| match source_of(path) {
        Some(help) => errors.into_iter().map(|it| it.help(help)).collect(),
        None => errors,
    })
}

/// How to get a document from the source that a file's name tells it to be.
fn source_of(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "bicep" => Some("this is Bicep's source; give what `az bicep build` makes of it"),
        "bicepparam" => Some("this is Bicep's source; give what `az bicep build-params` makes of it"),
        "tf" => Some("this is Terraform's source; give what `terraform show -json` prints of its state"),
        _ => None,
    }
}

/// Reads a text file of at most [`MAX_FILE_BYTES`].
///
/// What is no file, such as a directory or a named pipe, is refused without being read; a pipe that this process was
/// started with is read to its end, however long that takes.
///
/// # Errors
/// That it cannot be read, is no file, is too large, or is not UTF-8.
///
/// # Cost
/// At most [`MAX_FILE_BYTES`] of memory; a file that is larger is not read at all.
pub fn read_text(path: &Path) -> Result<String, Diagnostic> {
    let name = path.display();
    let bytes = read(path).map_err(|why| error(format!("cannot read {name}: {why}")))?;
    let Some(bytes) = bytes else {
        let message = format!("{name} is larger than {} MiB", MAX_FILE_BYTES / (1024 * 1024));
        return Err(error(message).help("nothing that Azure writes is as large"));
    };
    // Before UTF-16, whose mark it begins with.
    if bytes.starts_with(&[0xff, 0xfe, 0, 0]) || bytes.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err(error(format!("{name} is UTF-32")).help("save it as UTF-8"));
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

fn error(message: String) -> Diagnostic {
    Diagnostic::nowhere(codes::UNREADABLE_FILE, message)
}

/// All bytes of a file, or `None` where there are too many.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Before it is opened: to open a device can do something, and to open a pipe waits for a writer.
    let is_inherited = INHERITED.iter().any(|those| path.starts_with(those));
    let found = fs::metadata(path)?;
    check(&found, is_inherited)?;
    let mut options = OpenOptions::new();
    options.read(true);
    if !is_inherited {
        // What takes the file's place meanwhile is not waited for either.
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    let file = options.open(path)?;
    let opened = file.metadata()?;
    check(&opened, is_inherited)?;
    if opened.len() > MAX_FILE_BYTES { Ok(None) } else { read_bounded(file) }
}

/// The length that the system tells may be of a moment ago, or none at all, as in `/proc`.
fn read_bounded(file: File) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_FILE_BYTES).then_some(bytes))
}

fn check(found: &Metadata, is_inherited: bool) -> io::Result<()> {
    let kind = found.file_type();
    let what = match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_file() || is_inherited => return Ok(()),
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::other(format!("it is {what}, not a file")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    #[test]
    fn sources_say_how_to_get_documents() {
        let folder = tempfile::tempdir().unwrap();
        for (name, what) in [
            ("main.bicep", "az bicep build`"),
            ("a.BICEPPARAM", "build-params"),
            ("n.tf", "terraform show -json`"),
        ] {
            let file = folder.path().join(name);
            fs::write(&file, "resource nsg\n").unwrap();
            let found = read_json_file(&file, &mut Vec::new()).unwrap_err();
            assert!(found[0].help.as_deref().is_some_and(|it| it.contains(what)), "{found:?}");
        }
    }

    fn refusal(path: &Path) -> String {
        read_text(path).unwrap_err().message
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink("loop", path("loop")).unwrap();
        symlink("pipe", path("link")).unwrap();
        for (file, why) in [
            (directory.path().to_owned(), "it is a directory, not a file"),
            (path("pipe"), "it is a named pipe, not a file"),
            (path("link"), "it is a named pipe, not a file"),
            (path("socket"), "it is a socket, not a file"),
            ("/dev/zero".into(), "it is a device, not a file"),
            (path("loop"), "Too many levels of symbolic links"),
            (path("nothing"), "No such file"),
        ] {
            let said = refusal(&file);
            assert!(said.starts_with(&format!("cannot read {}: ", file.display())), "{said}");
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn the_size_is_bounded_whatever_the_system_tells_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("large.json");
        let file = File::create(&path).unwrap();
        file.set_len(MAX_FILE_BYTES).unwrap();
        assert_eq!(read_text(&path).unwrap().len() as u64, MAX_FILE_BYTES);
        for length in [MAX_FILE_BYTES + 1, 100 << 20, 1 << 40] {
            file.set_len(length).unwrap();
            assert!(refusal(&path).ends_with("is larger than 32 MiB"), "{length}");
        }
        assert!(read_text(Path::new("/proc/self/status")).unwrap().contains("Name:"));
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_bounded_too() {
        assert_eq!(read_bounded(File::open("/dev/zero").unwrap()).unwrap(), None);
    }

    #[test]
    fn other_encodings_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        for (bytes, why) in [
            (&b"\xff\xfe[\0]\0"[..], "is UTF-16"),
            (b"\xfe\xff\0[\0]", "is UTF-16"),
            (b"\xff\xfe\0\0[\0\0\0]\0\0\0", "is UTF-32"),
            (b"\0\0\xfe\xff\0\0\0[\0\0\0]", "is UTF-32"),
            (b"[\"\xe4\"]", "is not UTF-8 at byte 2"),
            (b"\x80", "is not UTF-8 at byte 0"),
        ] {
            fs::write(&path, bytes).unwrap();
            assert!(refusal(&path).ends_with(why), "{}", refusal(&path));
        }
    }

    /// Not run by itself: the other test starts it with a pipe for its standard input.
    #[test]
    #[ignore = "the child of another test"]
    fn child_reads_its_standard_input() {
        assert_eq!(read_text(Path::new("/dev/stdin")).unwrap(), "[]");
        assert_eq!(read_text(Path::new("/dev/fd/0")).unwrap(), "");
    }

    #[test]
    fn a_pipe_of_whoever_started_us_is_read() {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "file::tests::child_reads_its_standard_input", "--ignored"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"[]").unwrap();
        assert!(child.wait().unwrap().success());
    }
}
