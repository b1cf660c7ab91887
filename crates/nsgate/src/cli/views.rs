//! The words of Azure's views, with the flags of Azure's CLI.

use super::answer::{output, query};
use super::{Given, Output};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Whom to ask about policy: a gateway file, Azure's documents alone, or the daemon behind a socket.
///
/// What a file is, its name says: a gateway file ends in `.yaml` or `.yml`, a document in `.json`.
#[derive(Debug, Args)]
pub struct Policy {
    /// The gateway file; the answer is what it would mean, whether or not a daemon runs on it.
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    pub config: Option<PathBuf>,
    /// Azure's documents without a gateway file; may be given several times.
    #[arg(long = "file", value_name = "FILE", num_args = 1.., conflicts_with_all = ["config", "socket"])]
    pub documents: Vec<PathBuf>,
    /// The published service-tag file that the documents' rules refer to.
    #[arg(long, value_name = "FILE")]
    pub service_tags: Option<PathBuf>,
    /// What they are read with; a network interface or a machine that is asked for by its name is that of the resource group and
    /// the subscription, too.
    #[command(flatten)]
    pub given: Given,
    /// The control socket of a running daemon [default: /run/nsgate/control.sock where one runs].
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// `nsgate test-ip-flow`, with the flags of `az network watcher test-ip-flow`.
#[derive(Debug, Args)]
pub struct TestIpFlow {
    /// Whom to ask.
    #[command(flatten)]
    pub policy: Policy,
    /// The network interface, by name or resource id.
    #[arg(long, short = 'n', visible_alias = "name", value_name = "NIC", required_unless_present = "vm")]
    pub nic: Option<String>,
    /// The virtual machine, by name or resource id; enough where it has one network interface. One that is named beside it
    /// must be its own.
    #[arg(long, value_name = "VM")]
    pub vm: Option<String>,
    /// Which way the packet goes, seen from the network interface.
    #[arg(long, ignore_case = true, value_enum)]
    pub direction: Way,
    /// TCP or UDP.
    #[arg(long, value_name = "TCP|UDP", value_parser = verified_protocol)]
    pub protocol: VerifiedProtocol,
    /// The network interface's end. The port may be `*` where it is the source: every port is asked about.
    #[arg(long, value_name = "IP:PORT")]
    pub local: String,
    /// The other end. The port may be `*` where it is the source: every port is asked about.
    #[arg(long, value_name = "IP:PORT")]
    pub remote: String,
    /// How the answer is written.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
    /// Flags of Azure's CLI that change nothing here.
    #[command(flatten)]
    pub azure: AzureFlags,
}

/// `nsgate list-effective-nsg`, with the flags of `az network nic list-effective-nsg`.
#[derive(Debug, Args)]
pub struct ListEffectiveNsg {
    /// Whom to ask.
    #[command(flatten)]
    pub policy: Policy,
    /// The network interface, by name or resource id.
    #[arg(long, short = 'n', visible_alias = "name", value_name = "NIC", required_unless_present = "ids")]
    pub nic: Option<String>,
    /// Network interfaces by their resource ids, each with an answer of its own.
    #[arg(long, value_name = "ID", num_args = 1.., conflicts_with = "nic")]
    pub ids: Vec<String>,
    /// How the answer is written.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
    /// Flags of Azure's CLI that change nothing here.
    #[command(flatten)]
    pub azure: AzureFlags,
}

/// `nsgate run-configuration-diagnostic`, with the flags of `az network watcher run-configuration-diagnostic`.
#[derive(Debug, Args)]
pub struct RunConfigurationDiagnostic {
    /// Whom to ask.
    #[command(flatten)]
    pub policy: Policy,
    /// The network interface, by name or resource id, or its virtual machine.
    #[arg(long, short = 'n', visible_aliases = ["nic", "name"], value_name = "NIC")]
    pub resource: String,
    /// What the resource is: networkInterfaces or virtualMachines. A resource id says it by itself.
    #[arg(long, value_name = "TYPE")]
    pub resource_type: Option<String>,
    /// The scale set that Azure's CLI finds the resource in; only an empty one is known here.
    #[arg(long, hide = true)]
    pub parent: Option<String>,
    /// Which way the packets go, seen from the network interface.
    #[arg(long, ignore_case = true, value_enum, required_unless_present = "queries")]
    pub direction: Option<Way>,
    /// TCP, UDP, ICMP or `*`.
    #[arg(long, required_unless_present = "queries")]
    pub protocol: Option<String>,
    /// The senders: `*`, an address, a prefix or a service tag. A prefix or tag means every address of it.
    #[arg(long, value_name = "ADDRESSES", required_unless_present = "queries")]
    pub source: Option<String>,
    /// The receivers: the same.
    #[arg(long, value_name = "ADDRESSES", required_unless_present = "queries")]
    pub destination: Option<String>,
    /// The receivers' port: `*`, a port or a range such as 80-100.
    #[arg(long, visible_alias = "destination-port", value_name = "PORT", default_value = "*")]
    pub port: String,
    /// Several questions at once, as a JSON list of objects with direction, protocol, source, destination and
    /// destinationPort; `@FILE` reads it from a file.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["direction", "protocol", "source", "destination", "port"])]
    pub queries: Option<String>,
    /// Minimum tells the rule that matched, Normal every rule up to it, Full every rule.
    #[arg(long, ignore_case = true, value_enum, default_value_t)]
    pub verbosity_level: Level,
    /// How the answer is written.
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
    /// Flags of Azure's CLI that change nothing here.
    #[command(flatten)]
    pub azure: AzureFlags,
}

/// How much a diagnostic tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Level {
    /// The rule that matched.
    #[value(name = "Minimum")]
    Minimum,
    /// Each rule up to that one.
    #[default]
    #[value(name = "Normal")]
    Normal,
    /// Every rule.
    #[value(name = "Full")]
    Full,
}

/// Flags that Azure's CLI takes and that mean nothing to a gateway; scripts may keep them.
#[derive(Debug, Args)]
pub struct AzureFlags {
    /// Accepted for the sake of scripts.
    #[arg(long, hide = true)]
    pub only_show_errors: bool,
    /// Accepted for the sake of scripts.
    #[arg(long, hide = true)]
    pub verbose: bool,
    /// Accepted for the sake of scripts.
    #[arg(long, hide = true)]
    pub debug: bool,
    /// Accepted for the sake of scripts: nothing here waits.
    #[arg(long, hide = true)]
    pub no_wait: bool,
    /// Refused, with what to use instead.
    #[arg(long, hide = true, value_parser = query)]
    pub query: Option<String>,
}

/// The direction of a verified flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Way {
    /// To the network interface.
    #[value(name = "Inbound")]
    Inbound,
    /// From the network interface.
    #[value(name = "Outbound")]
    Outbound,
}

/// The protocols that IP flow verify knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifiedProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

fn verified_protocol(word: &str) -> Result<VerifiedProtocol, String> {
    match word.to_ascii_lowercase().as_str() {
        "tcp" => Ok(VerifiedProtocol::Tcp),
        "udp" => Ok(VerifiedProtocol::Udp),
        "icmp" | "*" | "any" => {
            Err("IP flow verify knows TCP and UDP; `run-configuration-diagnostic` knows ICMP and *".into())
        }
        _ => Err("expected TCP or UDP".into()),
    }
}
