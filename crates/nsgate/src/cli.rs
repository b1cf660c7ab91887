//! The words of the command line. Where Azure's CLI has the verb, ours has its name and takes its flags.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Azure's network policy on a Linux gateway.
#[derive(Debug, Parser)]
#[command(name = "nsgate", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway in the foreground. SIGHUP reloads, SIGTERM stops.
    Run(Run),
    /// Give the attached interfaces back to the host after the daemon has stopped.
    Release(Release),
    /// Load and validate a gateway file, or Azure's documents alone, and list every error and warning.
    Check(Check),
    /// What two policies decide differently, exactly, and what they let reach.
    ///
    /// Exit status 0: they mean the same, 1: they differ, 2: an error.
    Diff(Diff),
    /// The plain resources that templates come to, with values in the place of expressions.
    Expand(Expand),
    /// Azure's IP flow verify: is this packet allowed, and by which rule?
    #[command(name = "test-ip-flow")]
    TestIpFlow(TestIpFlow),
    /// Azure's effective security rules: every rule that applies to a network interface, with what tags and groups hold.
    #[command(name = "list-effective-nsg")]
    ListEffectiveNsg(ListEffectiveNsg),
    /// Azure's configuration diagnostic: what does each rule say of these packets, field by field?
    #[command(name = "run-configuration-diagnostic")]
    RunConfigurationDiagnostic(RunConfigurationDiagnostic),
    /// The whole walk of one packet: each stage, rule, route and translation, and the verdict.
    Explain(Explain),
    /// Run captures or flow logs against a policy: what would be decided differently?
    ///
    /// Exit status 0: nothing, 1: something, or what the policy has no place for, 2: an error, or nothing could be judged.
    Replay(Replay),
    /// What the running gateway is doing.
    Status(Ask),
    /// The live flows of the running gateway.
    Flows(Ask),
    /// The SNAT ports in use, per public address, protocol and destination.
    Snat(Ask),
    /// What was dropped, by reason, NSG and rule.
    Drops(Ask),
    /// Load the gateway file again; a broken file changes nothing.
    Reload(Reload),
}

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Output {
    /// For people; `table` is the same.
    #[default]
    #[value(alias = "table")]
    Text,
    /// For programs.
    #[value(alias = "jsonc")]
    Json,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

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
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
    pub output: Output,
}

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
#[command(
    mut_arg("parameters", |it| it.conflicts_with("config")),
    mut_arg("resource_group", |it| it.conflicts_with("config")),
    mut_arg("subscription", |it| it.conflicts_with("config")),
    mut_arg("location", |it| it.conflicts_with("config")),
)]
pub struct Check {
    /// The gateway file.
    #[arg(long, value_name = "FILE", conflicts_with = "documents", required_unless_present = "documents")]
    pub config: Option<PathBuf>,
    /// Azure's documents, to be checked without a gateway file.
    #[arg(value_name = "FILE")]
    pub documents: Vec<PathBuf>,
    /// The published service-tag file that the documents' rules refer to.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub service_tags: Option<PathBuf>,
    /// What they are read with.
    #[command(flatten)]
    pub given: Given,
    /// How the answer is written.
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
    pub output: Output,
}

/// `nsgate diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The old policy: a gateway file (.yaml), or a document of Azure's.
    #[arg(value_name = "OLD", requires = "new")]
    pub old: Option<PathBuf>,
    /// The new policy.
    #[arg(value_name = "NEW")]
    pub new: Option<PathBuf>,
    /// A document of the old policy; may be repeated.
    #[arg(long = "old", value_name = "FILE", required_unless_present = "old")]
    pub more_old: Vec<PathBuf>,
    /// A document of the new policy; may be repeated.
    #[arg(long = "new", value_name = "FILE", required_unless_present = "new")]
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
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
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
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
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

/// Whom to ask about policy: a gateway file, Azure's documents alone, or the daemon behind a socket.
#[derive(Debug, Args)]
#[command(
    mut_arg("parameters", |it| it.requires("documents")),
    mut_arg("location", |it| it.requires("documents")),
)]
pub struct Policy {
    /// The gateway file; the answer is what it would mean, whether or not a daemon runs on it.
    #[arg(long, value_name = "FILE", conflicts_with = "socket")]
    pub config: Option<PathBuf>,
    /// Azure's documents without a gateway file; may be given several times.
    #[arg(long = "file", value_name = "FILE", num_args = 1.., conflicts_with_all = ["config", "socket"])]
    pub documents: Vec<PathBuf>,
    /// The published service-tag file that the documents' rules refer to.
    #[arg(long, value_name = "FILE", requires = "documents")]
    pub service_tags: Option<PathBuf>,
    /// What they are read with; a network interface that is asked for by its name is that of the resource group, too.
    #[command(flatten)]
    pub given: Given,
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
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
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

/// `nsgate test-ip-flow`, with the flags of `az network watcher test-ip-flow`.
#[derive(Debug, Args)]
pub struct TestIpFlow {
    /// Whom to ask.
    #[command(flatten)]
    pub policy: Policy,
    /// The network interface, by name or resource id.
    #[arg(long, visible_alias = "name", value_name = "NIC", required_unless_present = "vm")]
    pub nic: Option<String>,
    /// The virtual machine, by name or resource id; enough where it has one network interface.
    #[arg(long, value_name = "VM")]
    pub vm: Option<String>,
    /// Which way the packet goes, seen from the network interface.
    #[arg(long, ignore_case = true, value_enum)]
    pub direction: Way,
    /// TCP or UDP.
    #[arg(long, ignore_case = true, value_enum)]
    pub protocol: VerifiedProtocol,
    /// The network interface's end. The port may be `*` where it is the source.
    #[arg(long, value_name = "IP:PORT")]
    pub local: String,
    /// The other end. The port may be `*` where it is the source.
    #[arg(long, value_name = "IP:PORT")]
    pub remote: String,
    /// How the answer is written.
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
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
    #[arg(long, short = 'n', visible_alias = "name", visible_alias = "ids", value_name = "NIC")]
    pub nic: String,
    /// How the answer is written.
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
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
    #[arg(long, visible_alias = "nic", value_name = "NIC")]
    pub resource: String,
    /// What the resource is: networkInterfaces or virtualMachines. A resource id says it by itself.
    #[arg(long, value_name = "TYPE")]
    pub resource_type: Option<String>,
    /// Where Azure's CLI finds the resource; here its name says enough.
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
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum VerifiedProtocol {
    /// TCP.
    #[value(name = "TCP")]
    Tcp,
    /// UDP.
    #[value(name = "UDP")]
    Udp,
}

/// `nsgate explain`.
#[derive(Debug, Args)]
#[command(mut_arg("documents", |documents| documents.num_args(1)))]
pub struct Explain {
    /// Whom to ask.
    #[command(flatten)]
    pub policy: Policy,
    /// Where the packet comes in: a network interface, by name or resource id, `internet` or `on-premises` [default: where
    /// its addresses say].
    #[arg(long, value_name = "NIC|internet|on-premises")]
    pub from: Option<String>,
    /// The packet: `tcp 10.0.1.4:40000 8.8.8.8:443`, `udp A:P B:P`, `icmp A B`, `esp A B` or `ah A B`, and then any of
    /// `flags=syn|ack|rst|fin`, `ttl=1`, `size=1500`, `df`.
    #[arg(value_name = "PACKET", required_unless_present = "pcap", conflicts_with = "pcap", num_args = 1..)]
    pub words: Vec<String>,
    /// The packets of a capture instead. With a gateway file each finds the flows that those before it have begun.
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// Only this packet of the capture, from 1.
    #[arg(long, value_name = "N", requires = "pcap")]
    pub packet: Option<u64>,
    /// The most packets of the capture that are explained.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "pcap")]
    pub limit: usize,
    /// Say of every rule that was looked at why it did not match, not only of those that came nearest.
    #[arg(long)]
    pub all_rules: bool,
    /// How the answer is written.
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
    pub output: Output,
}

/// `nsgate replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The policy: a gateway file, or documents of Azure's (`.json`).
    #[arg(long, value_name = "FILE", required = true)]
    pub config: Vec<PathBuf>,
    /// An older policy. What it decides stands in the place of what was recorded.
    #[arg(long, value_name = "OLD")]
    pub against: Vec<PathBuf>,
    /// The published service-tag file that the rules of documents refer to.
    #[arg(long, value_name = "FILE")]
    pub service_tags: Option<PathBuf>,
    /// What they are read with.
    #[command(flatten)]
    pub given: Given,
    /// Captures (pcap, pcapng) and flow logs in Azure's formats; patterns such as `logs/**/PT1H.json` are allowed.
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<String>,
    /// The most packets or flows that are listed one by one.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// How the answer is written.
    #[arg(long, short, ignore_case = true, value_enum, default_value_t)]
    pub output: Output,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn azures_own_command_line_is_understood() {
        let cli = Cli::try_parse_from([
            "nsgate",
            "test-ip-flow",
            "-g",
            "rg",
            "--vm",
            "vm1",
            "--name",
            "web1-nic",
            "--direction",
            "inbound",
            "--protocol",
            "tcp",
            "--local",
            "10.0.1.4:443",
            "--remote",
            "1.2.3.4:*",
            "-o",
            "JSON",
        ])
        .unwrap();
        let Command::TestIpFlow(asked) = cli.command else { panic!("{cli:?}") };
        assert_eq!((asked.nic.as_deref(), asked.direction), (Some("web1-nic"), Way::Inbound));
        assert_eq!((asked.protocol, asked.output), (VerifiedProtocol::Tcp, Output::Json));
    }

    #[test]
    fn two_sources_of_truth_are_refused() {
        let both = ["nsgate", "status", "--config", "a.yaml", "--socket", "b.sock"];
        assert!(Cli::try_parse_from(both).is_err());
        let both = ["nsgate", "check", "--config", "a.yaml", "nsg.json"];
        assert!(Cli::try_parse_from(both).is_err());
        assert!(Cli::try_parse_from(["nsgate", "check"]).is_err());
    }
}
