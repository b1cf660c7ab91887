//! `nsgate expand`: the plain resources that templates come to.

use super::{UNUSABLE, offline};
use crate::cli::{Expand, Output};
use anyhow::bail;
use diagnostic::{Diagnostic, Severity};
use gateway::{Broken, Deployed};
use offline::Files;
use print::Look;
use std::io::{self, Write};
use std::process::ExitCode;

pub(super) fn expand(args: &Expand, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let given = offline::given(&args.given, &None);
    if let Files::Gateway(file) = Files::of_documents(&args.documents)? {
        bail!(
            "{}: a gateway file; the templates that it names are expanded by their own names",
            file.display()
        );
    }
    let (deployed, found) = gateway::expand_documents(&args.documents, &given);
    let is_broken = |found: &[Diagnostic]| found.iter().any(|one| one.severity == Severity::Error);
    if deployed.is_empty() && !is_broken(&found) {
        // What is wrong with documents that are no templates, nobody has said so far.
        let (_, found) = gateway::load_documents(&args.documents, &given);
        if is_broken(&found) {
            return Err(Broken(found).into());
        }
    }
    let mut err = super::stderr();
    match args.output {
        Output::Json if found.is_empty() => {}
        Output::Json => print::diagnostics_json(&mut err, &found)?,
        _ => print::diagnostics(&mut err, &found, &Look::of(&io::stderr()))?,
    }
    let broken = is_broken(&found);
    if deployed.is_empty() && !broken {
        writeln!(err, "nothing to expand: these are no templates, or templates that deploy nothing")?;
    }
    match args.output {
        Output::Json => print::json(out, &deployed)?,
        Output::Text if deployed.is_empty() => {}
        Output::Text => print::deployed(out, deployed.iter().map(row), &super::look())?,
        Output::None => {}
    }
    Ok(if broken { ExitCode::from(UNUSABLE) } else { ExitCode::SUCCESS })
}

fn row(one: &Deployed) -> [String; 4] {
    [one.kind.clone(), one.name.clone(), one.at.to_string(), one.path.clone()]
}
