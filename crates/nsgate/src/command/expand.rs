//! `nsgate expand`: the plain resources that templates come to.

use super::offline;
use crate::cli::{Expand, Output};
use gateway::Deployed;
use model::Severity;
use print::Look;
use std::io::{self, Write};
use std::process::ExitCode;

pub(super) fn expand(args: &Expand, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let (deployed, found) = gateway::expand_documents(&args.documents, &offline::given(&args.given, &None));
    print::diagnostics(&mut super::stderr(), &found, &Look::of(&io::stderr()))?;
    match args.output {
        Output::Json => print::json(out, &deployed)?,
        Output::Text => print::deployed(out, deployed.iter().map(row), &super::look())?,
    }
    let broken = found.iter().any(|one| one.severity == Severity::Error);
    Ok(if broken { ExitCode::from(super::NO) } else { ExitCode::SUCCESS })
}

fn row(one: &Deployed) -> [String; 4] {
    [one.kind.clone(), one.name.clone(), one.at.to_string(), one.path.clone()]
}
