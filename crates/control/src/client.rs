//! Asking the daemon.

use super::{Asked, MAX_REPLY, Reply, Request, VERSION};
use anyhow::{Context as _, anyhow, bail, ensure};
use serde::de::DeserializeOwned;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long the daemon may take; a reload of a large network is the longest.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the daemon refused, in its own words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Asks the daemon behind `socket`; `T` is the shape of the answer that [`Request`] names.
///
/// # Errors
/// A [`Refusal`] where the daemon says no; else what went wrong on the way.
pub fn ask<T: DeserializeOwned>(socket: &Path, request: &Request) -> anyhow::Result<T> {
    let mut stream = UnixStream::connect(socket).map_err(|error| {
        let path = socket.display();
        let why = match error.kind() {
            ErrorKind::PermissionDenied => format!("only root and the daemon's own user may use {path}"),
            _ => {
                format!("no nsgate answers on {path}; is `nsgate run` running, with this control socket?")
            }
        };
        anyhow!(error).context(why)
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(&Asked { version: VERSION, request })?;
    line.push(b'\n');
    // Told in words alone: a broken pipe to the daemon is not one to whoever reads our output.
    stream.write_all(&line).map_err(|error| anyhow!("the daemon closed the connection: {error}"))?;

    let mut reply = Vec::new();
    let limit = u64::try_from(MAX_REPLY).unwrap_or(u64::MAX);
    BufReader::new(stream.take(limit)).read_until(b'\n', &mut reply).context("the daemon did not answer")?;
    ensure!(!reply.is_empty(), "the daemon closed the connection without an answer");
    let reply: Reply<T> = serde_json::from_slice(&reply).context("the daemon's answer is not understood")?;
    match reply {
        Reply { error: Some(error), .. } => bail!(Refusal(error)),
        Reply { version: VERSION, answer: Some(answer), .. } => Ok(answer),
        Reply { version, .. } => {
            Err(anyhow!("the daemon speaks protocol version {version}, this is {VERSION}"))
        }
    }
}
