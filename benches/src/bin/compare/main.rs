//! nsgate beside the kernel's nftables: same topology, equivalent policy, same pinning, alternating runs.
//!
//! Every run has a site of its own, so that no run inherits the flows or sockets of another.

mod policy;
mod report;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};
use testbed::netns::Namespace;
use testbed::site::Site;

/// The machines on both sides, with their generators and servers.
const HOSTS_CPU: usize = 0;
/// The daemon. The kernel forwards where the packet is sent: on the hosts' processor.
const DAEMON_CPU: usize = 1;

/// Compares nsgate with nftables under 1,000 rules and prints medians, spread and ratios.
#[derive(Parser)]
struct Options {
    /// Alternating rounds; each measures both systems once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds a measurement takes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Two rounds of one second: whether it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Only this system: nftables or nsgate.
    #[arg(long)]
    only: Option<System>,
}

/// Who stands between the machines.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum System {
    Nftables,
    Nsgate,
}

impl System {
    const ALL: [Self; 2] = [Self::Nftables, Self::Nsgate];

    fn name(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::Nsgate => "nsgate",
        }
    }
}

/// What one run measured.
#[derive(Clone, Copy)]
struct Figures {
    /// TCP over 8 streams, in Gbit/s received.
    tcp: f64,
    /// 64-byte packets over 1,000 answered flows, in millions per second delivered.
    packets: f64,
    /// New connections per second over 64 addresses.
    connections: f64,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if options.quick {
        (options.rounds, options.seconds) = (2, 1);
    }
    let mut runs = Vec::new();
    for round in 0..options.rounds {
        // Who goes first changes, so that a drift of the machine hits both alike.
        let mut order = System::ALL;
        order.rotate_left(round as usize % 2);
        for system in order.into_iter().filter(|system| options.only.is_none_or(|only| only == *system)) {
            let figures = measure(system, options.seconds)
                .with_context(|| format!("round {} of {}", round + 1, system.name()))?;
            eprintln!(
                "round {} {:<8}  {:6.2} Gbit/s  {:6.3} Mpps  {:7.0} connections/s",
                round + 1,
                system.name(),
                figures.tcp,
                figures.packets,
                figures.connections
            );
            runs.push((system, figures));
        }
    }
    report::print(&runs);
    Ok(())
}

fn measure(system: System, seconds: u64) -> Result<Figures> {
    let mut site = Site::new();
    site.pin = Some(DAEMON_CPU);
    let _daemon = match system {
        System::Nftables => {
            policy::in_kernel(&site);
            None
        }
        System::Nsgate => Some(site.start(&beside_us("nsgate")?, &policy::gateway_file())),
    };
    Ok(Figures {
        tcp: tcp(&site, seconds)?,
        packets: packets(&site, seconds)?,
        connections: connections(&site, seconds)?,
    })
}

fn tcp(site: &Site, seconds: u64) -> Result<f64> {
    let _server = site.serve_with(&format!("taskset -c {HOSTS_CPU} iperf3 -s -1 -p 5201"), 5201);
    let client = format!("iperf3 -c 198.51.100.1 -p 5201 -P 8 -C cubic -t {seconds} -J");
    let report = on_hosts_cpu(&site.vm1, &client)?;
    let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
    Ok(bits.with_context(|| format!("iperf3: {}", report["error"]))? / 1e9)
}

fn packets(site: &Site, seconds: u64) -> Result<f64> {
    let traffic = beside_us("traffic")?;
    let traffic = traffic.display();
    let _server = site.serve_with(&format!("taskset -c {HOSTS_CPU} {traffic} serve 7"), 7);
    let sink = site.internet.name();
    let flood =
        format!("{traffic} pps 198.51.100.1:7 --via 10.0.1.1 --flows 1000 --seconds {seconds} --sink {sink}");
    on_hosts_cpu(&site.vm1, &flood)?["deliveredMpps"].as_f64().context("no packet rate")
}

fn connections(site: &Site, seconds: u64) -> Result<f64> {
    let traffic = beside_us("traffic")?;
    let traffic = traffic.display();
    let _server = site.serve_with(&format!("taskset -c {HOSTS_CPU} {traffic} cps-serve 9"), 9);
    let client = format!("{traffic} cps 198.51.100.1:9 --targets 64 --seconds {seconds}");
    let report = on_hosts_cpu(&site.vm1, &client)?;
    let (done, failed) = (report["connections"].as_f64(), report["failures"].as_f64());
    let (done, failed) = done.zip(failed).context("no connection count")?;
    ensure!(failed <= done / 1000.0, "{failed} of {done} connections failed");
    report["perSecond"].as_f64().context("no connection rate")
}

/// Runs a command of a machine to its end and reads its JSON.
fn on_hosts_cpu(machine: &Namespace, command: &str) -> Result<Value> {
    let ran = machine.attempt(&format!("taskset -c {HOSTS_CPU} {command}"));
    serde_json::from_str(&ran.stdout).with_context(|| format!("{command}: {}{}", ran.stdout, ran.stderr))
}

/// A binary of this workspace, built into the same folder as this one.
fn beside_us(name: &str) -> Result<PathBuf> {
    let ours = env::current_exe()?;
    let path = ours.parent().unwrap_or(Path::new(".")).join(name);
    ensure!(path.exists(), "{} is not built", path.display());
    Ok(path)
}
