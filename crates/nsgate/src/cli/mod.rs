//! The words of the command line. Where Azure's CLI has the verb, ours has its name and takes its flags.
//!
//! | module | question |
//! |---|---|
//! | `answer` | how answers and log lines are written |
//! | `running` | the daemon: run it, ask it, reload it |
//! | `documents` | what files say and mean |
//! | `views` | Azure's views |
//! | `packets` | single packets, and what was recorded |

mod answer;
mod documents;
mod packets;
mod running;
mod views;

pub(crate) use self::answer::output;
pub use self::answer::{LogFormat, Output};
pub use documents::{Check, Diff, Expand, Given};
pub use packets::{Explain, Replay};
pub use running::{Ask, Release, Reload, Run, Whom};
pub use views::{
    AzureFlags, Level, ListEffectiveNsg, Policy, RunConfigurationDiagnostic, TestIpFlow, VerifiedProtocol,
    Way,
};

use clap::{Args, Parser, Subcommand};

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
    /// Azure's next hop of a packet.
    #[command(name = "show-next-hop", hide = true)]
    ShowNextHop(NotBuilt),
    /// Azure's effective routes of a network interface.
    #[command(name = "show-effective-route-table", hide = true)]
    ShowEffectiveRouteTable(NotBuilt),
}

impl Command {
    /// How the answer is written, and with it what is said where there is none.
    pub fn output(&self) -> Output {
        match self {
            Self::Run(_) | Self::ShowNextHop(_) | Self::ShowEffectiveRouteTable(_) => Output::Text,
            Self::Release(args) => args.output,
            Self::Check(args) => args.output,
            Self::Diff(args) => args.output,
            Self::Expand(args) => args.output,
            Self::TestIpFlow(args) => args.output,
            Self::ListEffectiveNsg(args) => args.output,
            Self::RunConfigurationDiagnostic(args) => args.output,
            Self::Explain(args) => args.output,
            Self::Replay(args) => args.output,
            Self::Status(args) | Self::Flows(args) | Self::Snat(args) | Self::Drops(args) => args.output,
            Self::Reload(args) => args.ask.output,
        }
    }
}

/// A command that is to come, whatever stands behind it.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct NotBuilt {
    /// What it was asked.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
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
