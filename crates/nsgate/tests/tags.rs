//! The file of service tags under a running daemon: what is good is taken whole, what is not changes nothing.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::eventually;
use testbed::site::{Daemon, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const SOON: Duration = Duration::from_secs(15);
/// Two servers in the internet.
const ONE: &str = "198.51.100.7:8080";
const TWO: &str = "198.51.100.8:8080";

/// A file of tags, each with one prefix.
fn file(number: u64, cloud: &str, tags: &[(&str, &str)]) -> String {
    let values: Vec<_> = tags
        .iter()
        .map(|(name, prefix)| {
            json!({ "name": name, "id": name, "properties": {
                "changeNumber": 1, "region": "", "regionId": 0, "platform": "Azure", "systemService": "",
                "addressPrefixes": [prefix], "networkFeatures": ["API", "NSG"],
            }})
        })
        .collect();
    json!({ "changeNumber": number, "cloud": cloud, "values": values }).to_string()
}

fn sql(number: u64, prefix: &str) -> String {
    file(number, "Public", &[("Sql", prefix), ("Storage", "192.0.2.0/24")])
}

struct Case {
    site: Site,
    daemon: Daemon,
    directory: tempfile::TempDir,
}

impl Case {
    /// vm1 may reach what the tag `Sql` holds and nothing else, which is server one; others may not be told.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("tags.json"), sql(10, "198.51.100.7/32")).unwrap();
        let (site, daemon) = Site::with(NSGATE, &Self::gateway(&directory.path().join("tags.json")))?;
        site.serve(&site.internet, 8080);
        Some(Self { site, daemon, directory })
    }

    fn gateway(tags: &std::path::Path) -> GatewayFile {
        let rules = [
            Rule::allow("AllowSql", 100).outbound().to("sql"),
            Rule::deny("DenyRest", 200).outbound().to("Internet"),
        ];
        GatewayFile::open().nsg("vm1", rules).with("serviceTags", json!(tags.to_str().unwrap()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a new file in the old one's place, as everybody should.
    fn replace(&self, text: &str) {
        fs::write(self.path("next"), text).unwrap();
        fs::rename(self.path("next"), self.path("tags.json")).unwrap();
    }

    fn tags(&self) -> Value {
        self.daemon.ask("status")["serviceTags"].clone()
    }

    /// Waits until the tags in force have this number.
    #[track_caller]
    fn has_taken(&self, number: u64) {
        let taken = eventually(SOON, || (self.tags()["changeNumber"] == number).then_some(()));
        assert!(taken.is_some(), "{:#}\n{}", self.tags(), self.daemon.log());
        assert!(self.tags().get("lastRefusal").is_none(), "{:#}", self.tags());
    }

    /// Waits until a version was refused for this reason.
    #[track_caller]
    fn has_refused(&self, why: &str) {
        let said = |tags: &Value| tags["lastRefusal"]["why"].as_str().is_some_and(|it| it.contains(why));
        let refused = eventually(SOON, || said(&self.tags()).then_some(()));
        assert!(refused.is_some(), "{:#}\n{}", self.tags(), self.daemon.log());
    }

    /// What vm1 reaches with a new flow.
    fn reaches(&self) -> [bool; 2] {
        [ONE, TWO].map(|to| self.site.try_udp(&self.site.vm1, to).address().is_some())
    }

    /// A flow that lives.
    fn flow(&self) -> UdpSocket {
        let socket = self.site.vm1.enter(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        socket.connect(ONE).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }
}

fn is_answered(flow: &UdpSocket) -> bool {
    flow.send(b"still there?").unwrap();
    flow.recv(&mut [0; 64]).is_ok()
}

#[test]
fn a_newer_file_is_taken_whole_and_live_flows_go_on() {
    let Some(case) = Case::new() else { return };
    assert_eq!(case.reaches(), [true, false], "{}", case.daemon.log());
    let flow = case.flow();
    assert!(is_answered(&flow));
    let before = case.tags();
    assert_eq!((&before["cloud"], &before["tags"]), (&json!("Public"), &json!(2)), "{before:#}");
    assert_eq!(before["file"], case.path("tags.json").to_str().unwrap());

    case.replace(&sql(11, "198.51.100.8/32"));
    case.has_taken(11);
    assert_eq!(case.reaches(), [false, true], "{}", case.daemon.log());
    assert!(is_answered(&flow), "a flow lives on when the rules change");
    assert!(case.daemon.log().contains("new service tags are in force"), "{}", case.daemon.log());

    // Over the old one, in the same file.
    fs::write(case.path("tags.json"), sql(12, "198.51.100.7/32")).unwrap();
    case.has_taken(12);
    assert_eq!(case.reaches(), [true, false]);
    assert!(is_answered(&flow));
    assert_eq!(case.daemon.ask("status")["reloads"], json!({ "done": 0, "refused": 0 }));
}

#[test]
fn whatever_is_not_good_changes_nothing_and_is_told() {
    let Some(case) = Case::new() else { return };
    let flow = case.flow();
    assert!(is_answered(&flow));
    let whole = sql(20, "198.51.100.8/32");
    for (text, why) in [
        (&whole[..whole.len() / 2], "error[InvalidServiceTags]"),
        ("", "error[InvalidServiceTags]"),
        (&file(20, "Public", &[]), "the file has no service tags"),
        (&file(20, "AzureChinaCloud", &[("Sql", "198.51.100.8/32")]), "error[ServiceTagsOfAnotherCloud]"),
        (&sql(9, "198.51.100.8/32"), "error[ServiceTagsOlder]: these service tags are number 9"),
        (&file(20, "Public", &[("Sqll", "198.51.100.8/32")]), "did you mean 'Sqll'?"),
    ] {
        case.replace(text);
        case.has_refused(why);
        assert_eq!(case.tags()["changeNumber"], 10, "{why}");
    }
    let why = case.tags()["lastRefusal"]["why"].as_str().unwrap().to_owned();
    for part in [
        "gateway.yaml:",
        "error[SecurityRuleInvalidAddressPrefix]",
        "the destination of rule 'vm1-nsg/AllowSql' has the address prefix 'sql'",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    fs::remove_file(case.path("tags.json")).unwrap();
    case.has_refused("No such file");
    assert_eq!(case.reaches(), [true, false], "{}", case.daemon.log());
    assert!(is_answered(&flow));
    let log = case.daemon.log();
    let told = log.lines().filter(|line| line.contains("the service tags are not taken")).count();
    assert!((6..=8).contains(&told), "one line each: {log}");

    // Half of it is there, and in a moment the rest.
    fs::write(case.path("tags.json"), &whole[..whole.len() / 2]).unwrap();
    case.has_refused("InvalidServiceTags");
    fs::write(case.path("tags.json"), &whole).unwrap();
    case.has_taken(20);
    assert_eq!(case.reaches(), [false, true]);
}

#[test]
fn a_reload_takes_older_tags_and_says_so() {
    let Some(case) = Case::new() else { return };
    case.replace(&sql(9, "198.51.100.8/32"));
    case.has_refused("ServiceTagsOlder");
    let reloaded = case.daemon.ask("reload");
    let warnings = reloaded["warnings"].to_string();
    assert!(warnings.contains("warning[ServiceTagsOlder]"), "{warnings}");
    case.has_taken(9);
    assert_eq!(case.reaches(), [false, true]);

    // Another file is watched from then on, and the old one is not.
    fs::write(case.path("other.json"), sql(30, "198.51.100.7/32")).unwrap();
    let moved = case.daemon.reload(&Case::gateway(&case.path("other.json")).text());
    assert!(moved.status.success(), "{}", case.daemon.log());
    assert_eq!(case.reaches(), [true, false]);
    case.replace(&sql(40, "198.51.100.9/32"));
    fs::write(case.path("other.json"), sql(31, "198.51.100.8/32")).unwrap();
    case.has_taken(31);
    assert_eq!(case.reaches(), [false, true]);
    let none = case.daemon.reload(&GatewayFile::open().text());
    assert!(none.status.success(), "{}", case.daemon.log());
    assert_eq!(case.tags(), Value::Null);
    assert_eq!(case.reaches(), [true, true]);
}

/// `nsgate reload --dry-run`: what it answers, and its exit status.
fn tried(case: &Case, text: &str, more: &str) -> (Value, Option<i32>) {
    fs::write(case.daemon.config(), text).unwrap();
    let output = case.daemon.attempt(&format!("reload --dry-run --output json {more}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (serde_json::from_slice(&output.stdout).unwrap_or_else(|_| json!(said)), output.status.code())
}

#[test]
fn a_trial_names_the_flows_that_would_not_be_admitted_and_changes_nothing() {
    let Some(case) = Case::new() else { return };
    let flows: Vec<_> = (0..5).map(|_| case.flow()).collect();
    assert!(flows.iter().all(is_answered));
    let inward = case.site.internet.enter(|| UdpSocket::bind("198.51.100.7:5000").unwrap());
    case.site.serve(&case.site.vm2, 8080);
    inward.connect("203.0.113.20:8080").unwrap();
    inward.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(is_answered(&inward));

    let now = Case::gateway(&case.path("tags.json"));
    let (same, code) = tried(&case, &now.text(), "");
    assert_eq!(code, Some(0), "{same:#}");
    assert_eq!((&same["equal"], &same["differences"]), (&json!(true), &json!([])), "{same:#}");
    assert_eq!(same["more"], json!(0), "{same:#}");
    assert_eq!((&same["flowsNotAdmitted"], &same["flowsJudged"]), (&json!(0), &json!(6)), "{same:#}");

    let closed = now.clone().nsg("vm2", [Rule::deny("DenyAll", 100)]);
    let (trial, code) = tried(&case, &closed.text(), "");
    assert_eq!(code, Some(1), "{trial:#}");
    assert_eq!(trial["flows"].as_array().unwrap().len(), 1);
    assert_eq!(trial["equal"], false);
    let closes = |it: &Value| {
        it["nic"] == "vm2-nic"
            && it["direction"] == "Inbound"
            && it["old"] == "Allow"
            && it["new"] == "Deny"
            && it["region"]["destination"].is_string()
            && it["newRuleName"] == "vm2-nsg/DenyAll"
    };
    assert!(trial["differences"].as_array().unwrap().iter().any(closes), "{trial:#}");
    let flow = &trial["flows"][0];
    assert_eq!(flow["deniedBy"], json!({ "nsg": "vm2-nsg", "rule": "DenyAll" }));
    assert_eq!(
        (&flow["reason"], &flow["initiator"]["destination"]),
        (&json!("denied-inbound"), &json!("203.0.113.20"))
    );

    let closed = GatewayFile::open().nsg("vm1", [Rule::deny("NoUdp", 100).outbound().protocol("Udp")]);
    let (trial, code) = tried(&case, &closed.text(), "--limit 2");
    assert_eq!(
        (code, &trial["flowsNotAdmitted"], &trial["allFlowsJudged"]),
        (Some(1), &json!(5), &json!(true))
    );
    assert_eq!(trial["flows"].as_array().unwrap().len(), 2, "{trial:#}");

    let alone = json!([{ "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } }]);
    let (trial, code) = tried(&case, &now.clone().with("attachments", alone).text(), "");
    assert_eq!((code, &trial["detached"]), (Some(1), &json!(["vm1", "vm2", "vm3"])), "{trial:#}");
    assert_eq!(trial["flowsNotAdmitted"], 6);
    assert!(
        trial["flows"].as_array().unwrap().iter().any(|flow| flow["reason"] == "attachment-gone"),
        "{trial:#}"
    );

    let (said, code) = tried(&case, &now.clone().with("attachmnts", json!([])).text(), "");
    assert_eq!(code, Some(2));
    assert!(said.as_str().unwrap().contains("attachmnts"), "{said}");

    assert_eq!(case.daemon.ask("status")["reloads"], json!({ "done": 0, "refused": 0 }));
    assert_eq!(case.reaches(), [true, false]);
    assert!(flows.iter().all(is_answered) && is_answered(&inward));
    let text = case.daemon.attempt("reload --dry-run");
    assert_eq!(text.status.code(), Some(2), "the file is still broken");
}
