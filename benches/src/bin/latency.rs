//! Round trips of a quiet machine while its neighbour floods, beside those without a flood.
//!
//! The daemon has one worker, on one processor; the machines, the generator and the server are on the other. The daemon, the
//! quiet machine and its server have a real-time priority: what is measured is the gateway, neither the generator's share of
//! the quiet machine's processor nor whatever else this host does.
//!
//! Exits with 1 where the slowest hundredth takes [`LIMIT`] times as long as without a flood, or anything is lost.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use comfy_table::{Table, presets};
use nix::unistd::gettid;
use serde_json::json;
use std::env;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};
use testbed::flood::{Flood, Sort, keep_on};
use testbed::gateway_file::GatewayFile;
use testbed::site::{Daemon, Site};

const HOSTS_CPU: usize = 0;
const DAEMON_CPU: usize = 1;
/// How many different frames a flood has.
const VARIETY: u32 = 50_000;
/// The pause between two questions of the quiet machine.
const PAUSE: Duration = Duration::from_micros(300);
/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_millis(500);
/// A p99 of so many times the quiet one is too much.
const LIMIT: f64 = 2.0;

/// Measures round trips without and with floods, in alternating order, and prints them.
#[derive(Parser)]
struct Options {
    /// Rounds; each measures everything once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds a measurement takes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Frames a second that the flooder sends, as far as the machine gives them.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

/// What goes on beside the quiet machine; `None` is nothing.
const CASES: [Option<Sort>; 4] = [None, Some(Sort::SYNS), Some(Sort::DATAGRAMS), Some(Sort::ORPHANS)];

/// What one run measured, in microseconds.
#[derive(Clone, Copy)]
struct Figures {
    median: f64,
    p99: f64,
    p999: f64,
    lost: usize,
    /// Frames a second of the flood, in thousands.
    flood: f64,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let mut runs: [Vec<Figures>; CASES.len()] = Default::default();
    for round in 0..options.rounds as usize {
        for nth in 0..CASES.len() {
            // Who goes first changes, so that a drift of the machine hits all alike.
            let case = (nth + round) % CASES.len();
            let figures = measure(CASES[case], &options).with_context(|| name(case))?;
            let Figures { median, p99, p999, lost, flood } = figures;
            eprintln!(
                "round {} {:<22} {median:7.1} {p99:7.1} {p999:7.1} µs  {lost} lost  {flood:5.1} k frames/s",
                round + 1,
                name(case)
            );
            runs[case].push(figures);
        }
    }
    let outcomes: Vec<Outcome> = runs.iter().enumerate().map(|(case, of)| sum_up(name(case), of)).collect();
    print(&outcomes);
    let faults = faults(&outcomes);
    for fault in &faults {
        eprintln!("FAILED: {fault}");
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What all runs of one case come to: medians, and the sum of what was lost.
struct Outcome {
    name: &'static str,
    figures: Figures,
}

fn sum_up(name: &'static str, runs: &[Figures]) -> Outcome {
    let middle = |of: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let figures = Figures {
        median: middle(|run| run.median),
        p99: middle(|run| run.p99),
        p999: middle(|run| run.p999),
        lost: runs.iter().map(|run| run.lost).sum(),
        flood: middle(|run| run.flood),
    };
    Outcome { name, figures }
}

/// How much longer the slowest hundredth takes than in the first, quiet case.
fn ratio(outcomes: &[Outcome], of: &Outcome) -> f64 {
    of.figures.p99 / outcomes[0].figures.p99
}

/// What is not as promised, one line each.
fn faults(outcomes: &[Outcome]) -> Vec<String> {
    let mut faults = Vec::new();
    for outcome in outcomes {
        let (name, ratio) = (outcome.name, ratio(outcomes, outcome));
        if ratio >= LIMIT {
            faults
                .push(format!("{name}: p99 is {ratio:.2} times the quiet one, and must stay under {LIMIT}"));
        }
        if outcome.figures.lost > 0 {
            faults.push(format!("{name}: {} round trips were lost", outcome.figures.lost));
        }
    }
    faults
}

fn name(case: usize) -> &'static str {
    CASES[case].map_or("quiet", |sort| sort.name)
}

fn print(outcomes: &[Outcome]) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header([
        "beside a flood of",
        "k frames/s",
        "median µs",
        "p99 µs",
        "p99.9 µs",
        "p99 ratio",
        "lost",
    ]);
    for outcome in outcomes {
        let Figures { median, p99, p999, lost, flood } = outcome.figures;
        table.add_row([
            outcome.name.to_owned(),
            format!("{flood:.1}"),
            format!("{median:.1}"),
            format!("{p99:.1}"),
            format!("{p999:.1}"),
            format!("{:.2}", ratio(outcomes, outcome)),
            lost.to_string(),
        ]);
    }
    println!("{table}");
}

fn measure(beside: Option<Sort>, options: &Options) -> Result<Figures> {
    let mut site = Site::new();
    site.pin = Some(DAEMON_CPU);
    let file = GatewayFile::open().with("engine", json!({ "workers": 1 }));
    let daemon = site.start(&beside_us("nsgate")?, &file);
    run_first(&["--all-tasks"], &daemon.ask("status")["pid"].to_string())?;
    let server = site.internet.enter(|| UdpSocket::bind("198.51.100.1:7"))?;
    let client = site.vm3.enter(|| UdpSocket::bind("10.0.2.4:0"))?;
    client.connect("198.51.100.1:7")?;
    let (sender, gateway) = (site.vm1.mac("eth0"), site.gateway_mac("vm1"));
    let span = Duration::from_secs(options.seconds);
    thread::scope(|scope| {
        let answering = scope.spawn(|| answer(&server));
        let flood = beside.map(|sort| {
            let frames = sort.frames(VARIETY, sender, gateway);
            Flood::start(&site.vm1, "eth0", frames, options.rate, Some(HOSTS_CPU))
        });
        let start = Instant::now();
        let asking = scope.spawn(|| ask(&client, span)).join();
        let sent = flood.map_or(0, Flood::stop);
        let elapsed = start.elapsed().as_secs_f64();
        // An empty datagram ends the server.
        let end = site.internet.enter(|| UdpSocket::bind("198.51.100.2:0")?.send_to(&[], "198.51.100.1:7"));
        end.context("ending the server")?;
        let _ = answering.join();
        let (mut trips, lost) = asking.ok().context("the quiet machine broke off")??;
        ensure!(!trips.is_empty(), "nothing was answered: {}", daemon_said(&daemon));
        trips.sort_unstable();
        let at = |part: f64| trips[((trips.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
        Ok(Figures {
            median: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            lost,
            flood: sent as f64 / elapsed / 1000.0,
        })
    })
}

fn daemon_said(daemon: &Daemon) -> String {
    format!("{:#}\n{}", daemon.ask("drops"), daemon.log())
}

/// Asks and waits for each answer; the round trips, and how many were lost.
fn ask(client: &UdpSocket, span: Duration) -> Result<(Vec<Duration>, usize)> {
    keep_on(HOSTS_CPU);
    run_first(&[], &gettid().to_string())?;
    client.set_read_timeout(Some(PATIENCE))?;
    let (mut trips, mut lost) = (Vec::new(), 0);
    let end = Instant::now() + span;
    for number in 0_u64.. {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        client.send(&number.to_ne_bytes())?;
        let mut answer = [0; 8];
        // One that is late answers an earlier question.
        let answered =
            std::iter::repeat_with(|| client.recv(&mut answer).map(|_| u64::from_ne_bytes(answer)));
        match answered.into_iter().take_while(Result::is_ok).flatten().find(|it| *it == number) {
            Some(_) => trips.push(asked.elapsed()),
            None => lost += 1,
        }
        thread::sleep(PAUSE);
    }
    Ok((trips, lost))
}

/// Sends every datagram back until an empty one comes.
fn answer(server: &UdpSocket) -> Result<()> {
    keep_on(HOSTS_CPU);
    run_first(&[], &gettid().to_string())?;
    let mut bytes = [0; 64];
    loop {
        let (length, peer) = server.recv_from(&mut bytes)?;
        if length == 0 {
            return Ok(());
        }
        server.send_to(&bytes[..length], peer)?;
    }
}

/// A thread, or a process with all of its, runs before all ordinary ones on its processor.
fn run_first(how: &[&str], whom: &str) -> Result<()> {
    let output = Command::new("chrt").args(how).args(["--fifo", "--pid", "10", whom]).output()?;
    ensure!(output.status.success(), "chrt: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A binary of this workspace, built into the same folder as this one.
fn beside_us(name: &str) -> Result<PathBuf> {
    let ours = env::current_exe()?;
    let path = ours.parent().unwrap_or(Path::new(".")).join(name);
    ensure!(path.exists(), "{} is not built", path.display());
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &'static str, p99: f64, lost: usize) -> Outcome {
        Outcome { name, figures: Figures { median: 10.0, p99, p999: 90.0, lost, flood: 100.0 } }
    }

    #[test]
    fn what_is_slow_or_lost_is_said() {
        assert!(faults(&[outcome("quiet", 30.0, 0), outcome("SYNs", 59.0, 0)]).is_empty());
        let said = faults(&[outcome("quiet", 30.0, 1), outcome("SYNs", 60.0, 0), outcome("UDP", 31.0, 2)]);
        assert_eq!(said.len(), 3, "{said:?}");
        for (line, word) in said.iter().zip(["quiet: 1 ", "SYNs: p99 is 2.00 ", "UDP: 2 "]) {
            assert!(line.starts_with(word), "{line}");
        }
    }
}
