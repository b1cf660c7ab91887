//! The words of the commands about a gateway that runs, or shall.

use super::answer::output;
use super::{LogFormat, Output};
use clap::Args;
use std::path::PathBuf;

/// `nsgate run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The gateway file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How log lines are written to stderr.
    #[arg(long, value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Which log lines are written: error, warn, info, debug, trace, or a tracing filter.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// `nsgate release`.
#[derive(Debug, Args)]
pub struct Release {
    /// The gateway file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How the answer is written.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
}

/// Whom to ask: a gateway file, or the daemon behind a socket.
#[derive(Debug, Args)]
pub struct Whom {
    /// The gateway file. Offline for questions about policy; for the others it names the daemon's socket.
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    pub config: Option<PathBuf>,
    /// The control socket of a running daemon [default: /run/nsgate/control.sock where one runs].
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// A question about the running daemon.
#[derive(Debug, Args)]
pub struct Ask {
    /// Whom to ask.
    #[command(flatten)]
    pub whom: Whom,
    /// How the answer is written.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
}

/// `nsgate reload`.
#[derive(Debug, Args)]
pub struct Reload {
    /// Whom to ask.
    #[command(flatten)]
    pub ask: Ask,
    /// Change nothing, and say what a reload would change: exit 0 nothing, 1 something, 2 the file has errors.
    #[arg(long)]
    pub dry_run: bool,
    /// The most live flows that are listed.
    #[arg(long, value_name = "COUNT", default_value_t = 100, requires = "dry_run")]
    pub limit: u32,
}
