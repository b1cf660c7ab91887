//! `nsgate replay`, and `nsgate explain` of captures and of packets that tell by themselves where they come in.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;
use testkit::build::ipv4;

const TWO: &str = "config/two-subnets.yaml";
const FAR: &str = "8.8.8.8";

fn nsgate(words: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_nsgate")).args(words).current_dir(root).output().expect("running nsgate")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn written(directory: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// web1's own capture: mail, which is denied; a web page and its answer; somebody at its ssh.
fn capture(directory: &TempDir) -> String {
    let mut writer = pcap::Writer::new(Vec::new()).unwrap();
    let web1 = "10.0.1.4";
    for (second, frame) in [
        ipv4(web1, FAR).tcp(5000, 25).syn().bytes(),
        ipv4(web1, FAR).tcp(5001, 443).syn().bytes(),
        ipv4(FAR, web1).tcp(443, 5001).syn().ack(1).bytes(),
        ipv4(FAR, web1).tcp(7000, 22).syn().bytes(),
        ipv4("9.9.9.9", FAR).tcp(7000, 22).syn().bytes(),
    ]
    .into_iter()
    .enumerate()
    {
        writer.write(Duration::from_secs(1_767_607_200 + second as u64), &frame).unwrap();
    }
    written(directory, "web1.pcap", &writer.into_inner()).display().to_string()
}

#[test]
fn a_packets_addresses_say_where_it_comes_in() {
    let walk = json_of(&nsgate(&["explain", "--config", TWO, "-o", "json", "tcp 8.8.8.8:5 203.0.113.20:22"]));
    assert_eq!((&walk["from"], &walk["verdict"]), (&json!("internet"), &json!("denied-inbound")));
    assert_eq!(walk["fromBecause"], "it is for a public address of ours");
    let decided = walk["stages"].as_array().unwrap().iter().find_map(|stage| stage.get("decided")).unwrap();
    assert_eq!((&decided["nsg"], &decided["earlierRules"]), (&json!("web-nsg"), &json!(4)));
    assert_eq!(
        decided["earlier"][0],
        json!({"rule": "securityRules/AllowWeb", "priority": 100, "access": "Allow", "matched": 4,
               "field": "destination port", "packet": "22", "says": "80, 443"})
    );
    let packet = "tcp 8.8.8.8:5 203.0.113.20:22";
    let told = text(&nsgate(&["explain", "--config", TWO, packet]).stdout);
    assert!(told.contains("4 rules before it did not match") && told.contains("--all-rules"), "{told}");
    assert!(!told.contains("AllowAzureLoadBalancerInBound"), "{told}");
    let told = text(&nsgate(&["explain", "--config", TWO, "--all-rules", packet]).stdout);
    assert!(told.contains("AllowAzureLoadBalancerInBound"), "{told}");
    let nowhere = nsgate(&["explain", "--config", TWO, "tcp 9.9.9.9:5 8.8.8.8:22"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(text(&nowhere.stderr).contains("--from"), "{}", text(&nowhere.stderr));
}

#[test]
fn the_packets_of_a_capture_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    let ask = |more: &[&str]| {
        nsgate(&[&["explain", "--config", TWO, "-o", "json", "--pcap", &capture], more].concat())
    };
    let walks = json_of(&ask(&[]));
    let told: Vec<_> = walks.as_array().unwrap().iter().map(|w| (&w["number"], &w["verdict"])).collect();
    let said = ["denied-outbound", "forwarded", "forwarded", "denied-inbound", "not-judged"].map(Value::from);
    let numbers = [1, 2, 3, 4, 5].map(Value::from);
    assert_eq!(told, numbers.iter().zip(&said).collect::<Vec<_>>());
    // The answer, alone: its question has gone before it all the same.
    let walk = &json_of(&ask(&["--packet", "3"]))[0];
    assert_eq!(
        (&walk["from"], &walk["packet"]),
        (&json!("internet"), &json!("Tcp 8.8.8.8:443 > 10.0.1.4:5001"))
    );
    assert_eq!(json_of(&ask(&["--limit", "2"])).as_array().unwrap().len(), 2);
    assert_eq!(ask(&["--packet", "9"]).status.code(), Some(2));
    let elsewhere = json_of(&ask(&["--packet", "2", "--from", "web2-nic"]));
    assert_eq!(elsewhere[0]["verdict"], "spoofed-source");
}

const LOG: &str = r#"{"records":[{"resourceId":"/S/NETWORKSECURITYGROUPS/WEB-NSG","properties":{"Version":2,"flows":[
 {"rule":"UserRule_AllowWeb","flows":[{"flowTuples":[
 "1767607215,8.8.8.8,10.0.1.4,50123,443,T,I,A,B,,,,",
 "1767607216,8.8.8.8,10.0.1.4,50123,443,T,I,A,E,9,1400,11,8120",
 "1767607217,8.8.8.8,10.0.1.4,50124,22,T,I,A,B,,,,"]}]}]}}]}"#;

#[test]
fn a_flow_log_is_held_against_the_policy() {
    let directory = tempfile::tempdir().unwrap();
    let log = written(&directory, "PT1H.json", LOG.as_bytes()).display().to_string();
    let different = nsgate(&["replay", "--config", TWO, "-o", "json", &log]);
    assert_eq!(different.status.code(), Some(1), "{}", text(&different.stderr));
    let answer = json_of(&different);
    let counts = ["judged", "same", "different", "continuing"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!(counts, [2, 1, 1, 1], "{answer:#}");
    let one = &answer["differences"][0];
    assert_eq!(one["was"], json!({"access": "Allow", "nsg": "web-nsg", "rule": "securityRules/AllowWeb"}));
    let now = json!({"access": "Deny", "nsg": "web-nsg", "rule": "defaultSecurityRules/DenyAllInBound"});
    assert_eq!((&one["now"], &one["examples"][0]["at"]), (&now, &json!(format!("{log}:5, tuple 3"))));

    let told = nsgate(&["replay", "--config", TWO, &log]);
    let told = text(&told.stdout);
    assert!(told.contains("web1-nic Inbound: Allow (securityRules/AllowWeb of web-nsg) → Deny"), "{told}");
    assert!(told.contains("2026-01-05T10:00:17.000Z Tcp 8.8.8.8:50124 > 10.0.1.4:22"), "{told}");
    // Against itself nothing differs, whatever was recorded.
    let pattern = directory.path().join("*.json").display().to_string();
    let same = nsgate(&["replay", "--config", TWO, "--against", TWO, &pattern]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stderr));
}

#[test]
fn a_capture_is_held_against_an_older_policy() {
    let directory = tempfile::tempdir().unwrap();
    let capture = capture(&directory);
    let alone = nsgate(&["replay", "--config", TWO, "-o", "json", &capture]);
    assert_eq!(alone.status.code(), Some(0), "{}", text(&alone.stderr));
    let answer = json_of(&alone);
    assert_eq!([&answer["judged"], &answer["denied"]], [&json!(4), &json!(2)], "{answer:#}");
    let same = nsgate(&["replay", "--config", TWO, "--against", TWO, &capture]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stderr));
}

/// The same packets in a pcapng file, as tcpdump's successors write them: blocks, each with its length before and behind it.
fn as_pcapng(capture: &[u8]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes(), &length, body, &length].concat()
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]));
    file.extend(block(1, &words(&[1, 0])));
    for record in pcap::Reader::new(capture).unwrap() {
        let mut bytes = record.unwrap().bytes;
        let length = bytes.len() as u32;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        file.extend(block(6, &[words(&[0, 0, 0, length, length]), bytes].concat()));
    }
    file
}

/// A pcapng file begins with white space only, as JSON may.
#[test]
fn a_capture_of_either_format_is_judged_alike() {
    let directory = tempfile::tempdir().unwrap();
    let classic = capture(&directory);
    let ng = written(&directory, "web1.pcapng", &as_pcapng(&std::fs::read(&classic).unwrap()));
    let judged = |capture: &str| {
        let output = nsgate(&["replay", "--config", TWO, "-o", "json", capture]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let answer = json_of(&output);
        ["judged", "denied"].map(|count| answer[count].as_u64().unwrap())
    };
    assert_eq!([judged(&classic), judged(&ng.display().to_string())], [[4, 2], [4, 2]]);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name, bytes: &[u8]| written(&directory, name, bytes).display().to_string();
    let broken = file("broken.json", LOG.replace(",50124,", ",x,").as_bytes());
    let cut = file("cut.json", &LOG.as_bytes()[..200]);
    let no_capture = file("c.pcap", b"GIF89a");
    for (input, why) in [
        (broken.as_str(), "broken.json:5: tuple 3: the source port \"x\" cannot be read"),
        (cut.as_str(), "cut.json:3: the log ends in the middle"),
        (no_capture.as_str(), "not a capture file"),
        ("nowhere.pcap", "nowhere.pcap"),
        ("nowhere-*.json", "matches no file"),
    ] {
        let output = nsgate(&["replay", "--config", TWO, input]);
        assert_eq!(output.status.code(), Some(2), "{input}");
        assert!(text(&output.stderr).contains(why), "{why}: {}", text(&output.stderr));
    }
}

#[test]
fn a_file_that_ends_too_soon_hides_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name, bytes: &[u8]| written(&directory, name, bytes).display().to_string();
    let whole = file("whole.json", LOG.as_bytes());
    // Two records, the second of them still being written.
    let growing = file("growing.json", format!("{LOG}\n{}", &LOG[..200]).as_bytes());
    let capture = std::fs::read(capture(&directory)).unwrap();
    let cut = file("cut.pcap", &capture[..capture.len() - 10]);
    let output = nsgate(&["replay", "--config", TWO, "-o", "json", &growing, &cut, "nowhere.json", &whole]);
    assert_eq!(output.status.code(), Some(2));
    let answer = json_of(&output);
    // Of each log two flows are judged, and of the capture three packets of ours.
    assert_eq!([&answer["judged"], &answer["different"]], [&json!(2 + 2 + 4), &json!(2)], "{answer:#}");
    let said = text(&output.stderr);
    for why in ["growing.json:8: the log ends in the middle", "cut.pcap: ", "nowhere.json: No such file"] {
        assert!(said.contains(why), "{why}: {said}");
    }
    let explained = nsgate(&["explain", "--config", TWO, "-o", "json", "--pcap", &cut]);
    assert_eq!(explained.status.code(), Some(2));
    assert_eq!(json_of(&explained).as_array().unwrap().len(), 4);
    assert!(text(&explained.stderr).contains("cut.pcap: "), "{}", text(&explained.stderr));
    let beyond = nsgate(&["explain", "--config", TWO, "--packet", "5", "--pcap", &cut]);
    assert_eq!((beyond.status.code(), beyond.stdout.len()), (Some(2), 0));
}

#[test]
fn what_could_not_be_judged_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let log = |name, text: String| written(&directory, name, text.as_bytes()).display().to_string();
    let run = |more: &[&str]| nsgate(&[&["replay", "--config", TWO, "-o", "json"], more].concat());
    // A flow of somebody whom the policy does not know was decided then and is not now.
    let strange = log(
        "strange.json",
        LOG.replace(",50124,22,", ",50124,80,").replace("10.0.1.4,50123", "10.9.9.9,50123"),
    );
    let answer = run(&[&strange]);
    assert_eq!(answer.status.code(), Some(1), "{}", text(&answer.stderr));
    let answer = json_of(&answer);
    let counts = ["judged", "different", "oneSided"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!(counts, [1, 0, 1], "{answer:#}");
    assert_eq!(
        [&answer["notJudged"][0]["reason"], &answer["notJudged"][0]["count"]],
        [&json!("no-such-nic"), &json!(1)]
    );
    // Two policies that both do not know him are of one mind, where one does they are not.
    assert_eq!(run(&["--against", TWO, &strange]).status.code(), Some(0));
    let two = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(TWO)).unwrap();
    let other = log("other.yaml", two.replace("10.0.1.4", "10.0.1.9"));
    let without = run(&["--against", &other, &strange]);
    assert_eq!(
        (without.status.code(), &json_of(&without)["oneSided"]),
        (Some(2), &json!(1)),
        "{}",
        text(&without.stderr)
    );
    // Nobody whom it knows, or nothing that began.
    for nothing in [LOG.replace("10.0.1.4", "10.9.9.9"), LOG.replace(",B,", ",C,")] {
        let answer = run(&[&log("nothing.json", nothing)]);
        assert_eq!(answer.status.code(), Some(2));
        assert_eq!(json_of(&answer)["judged"], 0);
        assert!(text(&answer.stderr).contains("nothing was judged"), "{}", text(&answer.stderr));
    }
}

#[test]
fn a_file_without_flows_or_packets_is_no_proof() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name, bytes: &[u8]| written(&directory, name, bytes).display().to_string();
    for (input, why) in [
        (
            file("nsg.json", br#"{"name": "g", "properties": {"securityRules": []}}"#),
            "neither a flow nor a packet",
        ),
        (file("empty.json", b""), "neither a flow nor a packet"),
        (
            file("none.pcap", &pcap::Writer::new(Vec::new()).unwrap().into_inner()),
            "neither a flow nor a packet",
        ),
        (file("PT1H.json.gz", b"\x1f\x8b\x08\0\0\0\0\0"), "packed with gzip"),
    ] {
        let output = nsgate(&["replay", "--config", TWO, &input]);
        assert_eq!(output.status.code(), Some(2), "{input}");
        assert!(text(&output.stderr).contains(why), "{input}: {}", text(&output.stderr));
    }
    let none = file("none.pcap", &pcap::Writer::new(Vec::new()).unwrap().into_inner());
    let explained = nsgate(&["explain", "--config", TWO, "--pcap", &none]);
    assert_eq!(explained.status.code(), Some(2));
    assert!(text(&explained.stderr).contains("none.pcap: no packet is in it"), "{}", text(&explained.stderr));
}
