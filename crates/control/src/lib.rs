//! The control socket: one JSON request a line, one JSON reply a line, over a Unix stream.
//!
//! Requests are at most 64 KiB. Every request and reply carries the protocol's version; a daemon refuses one it
//! does not know. Replies have either `answer` or `error`.
//!
//! | module | question |
//! |---|---|
//! | this one | what can be asked, and how it is written on the socket |
//! | `line` | where a request ends |
//! | `server` | who may ask, and for how long |
//! | `client` | how to ask |
//!
//! What is answered is [`answer`]'s plain data. What a request means, only the daemon knows.

mod client;
mod line;
mod server;

pub use client::{Refusal, ask};
pub use line::Line;
pub use server::{CannotListen, Listener, MAX_PEERS, Task, serve};

use answer::{
    Diagnosis, Diagnostic, EffectiveNsg, FlowPage, IpFlow, Question, Reloaded, SnatPool, Status, Trial, Walk,
};
use serde::{Deserialize, Serialize};

/// The protocol's version.
pub const VERSION: u32 = 1;
/// The most bytes of a request, its newline included.
pub const MAX_REQUEST: usize = 64 * 1024;
/// The most bytes of a reply, its newline included.
pub const MAX_REPLY: usize = 16 * 1024 * 1024;
/// The socket of a gateway file that does not name one.
pub const DEFAULT_SOCKET: &str = "/run/nsgate/control.sock";
/// The most flows on one page.
pub const PAGE: u32 = 1000;

/// A question or command to the daemon.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What the daemon is doing; the answer is a [`Status`].
    Status {},
    /// A page of flows; the answer is a [`FlowPage`].
    Flows {
        /// Where the page begins: zero, or [`FlowPage::next`].
        #[serde(default)]
        from: u64,
        /// How many flows at most; [`PAGE`] where it is more.
        limit: u32,
    },
    /// SNAT ports in use; the answer is a list of [`SnatPool`].
    Snat {},
    /// What was dropped; the answer is a list of [`answer::Drop`].
    Drops {},
    /// Load the gateway file again; the answer is a [`Reloaded`].
    Reload {},
    /// Load the gateway file without putting it in force; the answer is a [`Trial`].
    TryReload {
        /// How many flows are listed at most.
        limit: u32,
    },
    /// IP flow verify on the policy in force; the answer is an [`IpFlow`].
    TestIpFlow(Question),
    /// The rules that apply to a network interface; the answer is a list of [`EffectiveNsg`].
    ListEffectiveNsg {
        /// The network interface, by name or resource id.
        nic: String,
    },
    /// What the rules say of many packets, one by one; the answer is a [`Diagnosis`].
    RunConfigurationDiagnostic(Diagnostic),
    /// The walk of a packet, live flows included; the answer is a [`Walk`].
    Explain {
        /// A NIC by name or resource id, `internet` or `on-premises`; by the packet's addresses where it is absent.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        from: Option<String>,
        /// The packet.
        packet: Packet,
    },
}

/// A packet that is asked about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Packet {
    /// In words, such as `tcp 10.0.1.4:40000 8.8.8.8:443`.
    Words(String),
    /// As it was captured.
    Captured {
        /// The first bytes of the IP packet, in hexadecimal digits.
        captured: String,
        /// The bytes that the IP packet had.
        length: u32,
    },
}

/// A request as it goes over the socket.
#[derive(Serialize)]
struct Asked<'a> {
    version: u32,
    #[serde(flatten)]
    request: &'a Request,
}

/// A reply as it goes over the socket.
#[derive(Serialize, Deserialize)]
struct Reply<T> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    answer: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    error: Option<String>,
}

fn none<T>() -> Option<T> {
    None
}

/// The answer to any request.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Flows`].
    Flows(FlowPage),
    /// To [`Request::Snat`].
    Snat(Vec<SnatPool>),
    /// To [`Request::Drops`].
    Drops(Vec<answer::Drop>),
    /// To [`Request::Reload`].
    Reload(Reloaded),
    /// To [`Request::TryReload`].
    Trial(Box<Trial>),
    /// To [`Request::TestIpFlow`].
    IpFlow(IpFlow),
    /// To [`Request::ListEffectiveNsg`].
    EffectiveNsgs(Vec<EffectiveNsg>),
    /// To [`Request::RunConfigurationDiagnostic`].
    Diagnosis(Diagnosis),
    /// To [`Request::Explain`].
    Walk(Walk),
}

/// Reads one line of JSON as a request.
///
/// # Errors
/// One sentence for the client: not JSON, another version, or not a request.
pub fn read_request(line: &[u8]) -> Result<Request, String> {
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(line).map_err(|error| format!("the request is not a JSON object: {error}"))?;
    match fields.remove("version").as_ref().map(|version| (version, version.as_u64())) {
        Some((_, Some(version))) if version == u64::from(VERSION) => {}
        Some((version, _)) => {
            return Err(format!(
                "protocol version {version} is not known here; this daemon speaks {VERSION}"
            ));
        }
        None => return Err(format!("the request has no \"version\"; this daemon speaks {VERSION}")),
    }
    serde_json::from_value(fields.into()).map_err(|error| format!("not a request: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_survive_the_wire() {
        for request in [
            Request::Status {},
            Request::Flows { from: 3, limit: 10 },
            Request::Explain {
                from: Some("internet".into()),
                packet: Packet::Words("icmp 1.2.3.4 5.6.7.8".into()),
            },
            Request::Explain {
                from: None,
                packet: Packet::Captured { captured: "4500".into(), length: 1500 },
            },
        ] {
            let line = serde_json::to_vec(&Asked { version: VERSION, request: &request }).unwrap();
            assert_eq!(read_request(&line), Ok(request));
        }
    }

    #[test]
    fn wrong_requests_are_told_why() {
        for (line, why) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{}", "no \"version\""),
            (r#"{"version":2,"request":"status"}"#, "version 2"),
            (r#"{"version":"1","request":"status"}"#, "version \"1\""),
            (r#"{"version":1}"#, "request"),
            (r#"{"version":1,"request":"format"}"#, "format"),
            (r#"{"version":1,"request":"flows","limit":-1}"#, "not a request"),
            (r#"{"version":1,"request":"status","colour":1}"#, "colour"),
        ] {
            let error = read_request(line.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
        let deep = format!("{}{}", r#"{"version":"#, "[".repeat(60_000));
        assert!(read_request(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_request(&line);
        }

        #[test]
        fn no_mutated_request_makes_it_panic(at in 0usize..80, with: u8) {
            let mut line = br#"{"version":1,"request":"explain","from":"web1-nic","packet":"icmp 1.2.3.4 5.6.7.8"}"#.to_vec();
            line[at] = with;
            let _ = read_request(&line);
        }
    }
}
