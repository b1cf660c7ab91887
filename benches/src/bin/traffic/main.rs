//! Traffic for the demo and the benchmarks: real sockets, bounded in time and count, one line of JSON each.

mod connections;
mod flood;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use std::net::{SocketAddr, SocketAddrV4};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use testbed::echo;
use testbed::probe::{self, Outcome, PingEar};

/// Sends and answers traffic; each answer is one line of JSON.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer TCP and UDP with the address and port that asked, and echo TCP.
    Serve {
        /// The ports to serve.
        #[arg(required = true)]
        ports: Vec<u16>,
        /// How long.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// Connect once to a server of this tool.
    Tcp(Try),
    /// Send one datagram to a server of this tool.
    Udp(Try),
    /// Wait for a ping and tell who sent it.
    HearPing {
        /// How long.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
    },
    /// Send 64-byte UDP frames over flows that a server of this tool has answered, and count what arrives.
    Pps(flood::Options),
    /// Answer one byte with one byte on each connection.
    CpsServe {
        /// The port to serve.
        port: u16,
        /// How long.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
    },
    /// Connect, send a byte, read a byte, close; as often as possible.
    Cps(connections::Options),
}

#[derive(clap::Args)]
struct Try {
    /// Where to, as address:port.
    to: SocketAddrV4,
    /// How long to wait for an answer, in milliseconds.
    #[arg(long, default_value_t = 1500)]
    milliseconds: u64,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(answer) => {
            println!("{answer}");
            if answer.get("failed").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("traffic: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<Value> {
    match command {
        Command::Serve { ports, seconds } => {
            for port in ports {
                echo::serve(port).with_context(|| format!("serving on port {port}"))?;
            }
            thread::sleep(Duration::from_secs(seconds));
            Ok(json!({ "served": seconds }))
        }
        Command::Tcp(Try { to, milliseconds }) => {
            Ok(answer(&probe::tcp(SocketAddr::V4(to), Duration::from_millis(milliseconds))))
        }
        Command::Udp(Try { to, milliseconds }) => {
            Ok(answer(&probe::udp(SocketAddr::V4(to), Duration::from_millis(milliseconds))))
        }
        Command::HearPing { seconds } => {
            let heard = PingEar::open()?.hear(Duration::from_secs(seconds))?;
            Ok(heard.map_or_else(
                || json!({ "failed": "no ping" }),
                |sender| json!({ "seen": sender.ip().to_string(), "identifier": sender.port() }),
            ))
        }
        Command::Pps(options) => flood::run(&options),
        Command::CpsServe { port, seconds } => connections::serve(port, Duration::from_secs(seconds)),
        Command::Cps(options) => connections::run(&options),
    }
}

fn answer(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Seen(peer) => json!({ "seen": peer.to_string() }),
        other => json!({ "failed": other.to_string() }),
    }
}
