//! `nsgate run`: the daemon, in the foreground.

use crate::cli::{LogFormat, Run};
use crate::logs;

pub(super) fn run(args: &Run) -> anyhow::Result<()> {
    super::offline::gateway_file(&args.config)?;
    logs::start(args.log_format, &args.log_level)?;
    daemon::run(&args.config).inspect_err(|failure| match args.log_format {
        // It is written for people, as that of any command.
        LogFormat::Text => {}
        LogFormat::Json => daemon::log_failure(failure),
    })
}
