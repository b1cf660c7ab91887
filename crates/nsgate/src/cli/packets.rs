//! The words of the commands about single packets, and about what was recorded.

use super::answer::output;
use super::{Given, Output, Policy};
use clap::Args;
use std::path::PathBuf;

/// `nsgate explain`.
#[derive(Debug, Args)]
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
    #[arg(value_name = "PACKET", conflicts_with = "pcap", num_args = 1..)]
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
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
}

/// `nsgate replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// The policy: a gateway file (.yaml), or documents of Azure's (.json).
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
    #[arg(long, short, value_name = "text|json|none", value_parser = output, default_value = "text")]
    pub output: Output,
}
