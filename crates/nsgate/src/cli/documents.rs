//! The words of the commands about gateway files and Azure's documents.

use super::Output;
use super::answer::output;
use clap::{ArgGroup, Args};
use std::path::PathBuf;

/// What documents are read with. A gateway file says it itself.
#[derive(Clone, Debug, Default, Args)]
pub struct Given {
    /// What templates among the documents are given: a parameter file, a parameter as name=value, or what an expression
    /// comes to that is known only after the deployment, as "reference('ip').ipAddress=203.0.113.7". May stand more than
    /// once.
    #[arg(long, short, value_name = "FILE|NAME=VALUE")]
    pub parameters: Vec<String>,
    /// The resource group that templates among the documents are deployed to.
    #[arg(long, short = 'g', value_name = "NAME")]
    pub resource_group: Option<String>,
    /// The id of the subscription that they are deployed to.
    #[arg(long, value_name = "ID")]
    pub subscription: Option<String>,
    /// The location that they are deployed to, such as westeurope.
    #[arg(long, short, value_name = "LOCATION")]
    pub location: Option<String>,
}

/// `nsgate check`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("checked").args(["documents", "more", "config"]).multiple(true).required(true))]
pub struct Check {
    /// The gateway file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["documents", "more"])]
    pub config: Option<PathBuf>,
    /// Azure's documents, to be checked without a gateway file; or one gateway file (.yaml).
    #[arg(value_name = "FILE")]
    pub documents: Vec<PathBuf>,
    /// The same, as the other commands take them.
    #[arg(long = "file", value_name = "FILE", num_args = 1..)]
    pub more: Vec<PathBuf>,
    /// The published service-tag file that the documents' rules refer to.
    #[arg(long, value_name = "FILE")]
    pub service_tags: Option<PathBuf>,
    /// What they are read with.
    #[command(flatten)]
    pub given: Given,
    /// How the answer is written.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
}

/// `nsgate diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The old policy: a gateway file (.yaml), or a document of Azure's.
    #[arg(value_name = "OLD")]
    pub old: Option<PathBuf>,
    /// The new policy.
    #[arg(value_name = "NEW")]
    pub new: Option<PathBuf>,
    /// A document of the old policy; may be repeated.
    #[arg(long = "old", value_name = "FILE")]
    pub more_old: Vec<PathBuf>,
    /// A document of the new policy; may be repeated.
    #[arg(long = "new", value_name = "FILE")]
    pub more_new: Vec<PathBuf>,
    /// The published service-tag file that the documents' rules refer to.
    #[arg(long, value_name = "FILE")]
    pub service_tags: Option<PathBuf>,
    /// What they are read with.
    #[command(flatten)]
    pub given: Given,
    /// The most regions to answer, and the most gains and losses of reach; the others are counted.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
    /// How the answer is written.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
}

/// `nsgate expand`.
#[derive(Debug, Args)]
pub struct Expand {
    /// The templates.
    #[arg(value_name = "FILE", required = true)]
    pub documents: Vec<PathBuf>,
    /// What they are read with.
    #[command(flatten)]
    pub given: Given,
    /// How the answer is written: as a table, or as the resources in JSON.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
}
