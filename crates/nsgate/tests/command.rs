//! The commands that need no daemon, as a shell sees them.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn nsgate(words: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_nsgate")).args(words).current_dir(root).output().expect("running nsgate")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", out(output), err(output)))
}

fn written(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const TWO: &str = "config/two-subnets.yaml";

fn verify(direction: &str, protocol: &str, local: &str, remote: &str) -> Output {
    let nic = if local.starts_with("10.0.2.") { "db1-nic" } else { "web1-nic" };
    nsgate(&[
        "test-ip-flow",
        "--config",
        TWO,
        "--nic",
        nic,
        "--direction",
        direction,
        "--protocol",
        protocol,
        "--local",
        local,
        "--remote",
        remote,
        "--output",
        "json",
    ])
}

#[test]
fn ip_flow_verify_answers_as_azure_does() {
    for (direction, protocol, local, remote, answer) in [
        (
            "Inbound",
            "TCP",
            "10.0.2.4:5432",
            "10.0.1.4:*",
            json!({"access": "Allow", "ruleName": "securityRules/AllowPostgresFromWeb"}),
        ),
        (
            "inbound",
            "udp",
            "10.0.2.4:5432",
            "10.0.1.4:9",
            json!({"access": "Deny", "ruleName": "securityRules/DenyTheRestOfTheVirtualNetwork"}),
        ),
        (
            "Inbound",
            "TCP",
            "10.0.2.4:22",
            "198.51.100.1:*",
            json!({"access": "Deny", "ruleName": "defaultSecurityRules/DenyAllInBound"}),
        ),
        (
            "Outbound",
            "TCP",
            "10.0.1.4:*",
            "198.51.100.1:25",
            json!({"access": "Deny", "ruleName": "securityRules/DenyMail"}),
        ),
        (
            "OUTBOUND",
            "Tcp",
            "10.0.1.4:40000",
            "198.51.100.1:443",
            json!({"access": "Allow", "ruleName": "defaultSecurityRules/AllowInternetOutBound"}),
        ),
    ] {
        let output = verify(direction, protocol, local, remote);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert_eq!(json_of(&output), answer, "{direction} {local} {remote}");
    }
}

#[test]
fn an_answer_without_an_nsg_names_no_rule() {
    let directory = tempfile::tempdir().unwrap();
    let open =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/minimal.yaml"))
            .unwrap();
    let open = written(
        &directory,
        "open.yaml",
        &open.replace(
            "        networkSecurityGroup: { id: web1-nsg }\n",
            "        virtualMachine: { id: web1 }\n",
        ),
    );
    let words = [
        "test-ip-flow",
        "--config",
        open.to_str().unwrap(),
        "--name",
        "web1-nic",
        "-g",
        "any",
        "--vm",
        "web1",
        "--direction",
        "Inbound",
        "--protocol",
        "TCP",
        "--local",
        "10.0.1.4:80",
        "--remote",
        "8.8.8.8:1",
        "-o",
        "json",
    ];
    assert_eq!(json_of(&nsgate(&words)), json!({"access": "Allow"}));
    let text = nsgate(&words[..words.len() - 2]);
    assert_eq!(out(&text), "Allow: no network security group applies\n");
}

#[test]
fn questions_that_cannot_be_answered_exit_2_and_say_why() {
    for (output, why) in [
        (verify("Inbound", "TCP", "10.0.2.9:1", "10.0.1.4:1"), "it has 10.0.2.4"),
        (verify("Inbound", "TCP", "10.0.2.4:*", "10.0.1.4:1"), "only the port of the end that sends"),
        (verify("Inbound", "TCP", "10.0.2.4", "10.0.1.4:1"), "expected an address and a port"),
        (verify("Inbound", "ICMP", "10.0.2.4:1", "10.0.1.4:1"), "ICMP"),
        (verify("Sideways", "TCP", "10.0.2.4:1", "10.0.1.4:1"), "Sideways"),
        (
            nsgate(&[
                "test-ip-flow",
                "--config",
                TWO,
                "--nic",
                "web9-nic",
                "--direction",
                "Inbound",
                "--protocol",
                "TCP",
                "--local",
                "10.0.1.4:1",
                "--remote",
                "1.1.1.1:1",
            ]),
            "web9-nic",
        ),
        (
            nsgate(&["explain", "--config", TWO, "--from", "web1-nic", "tcp", "10.0.1.4", "8.8.8.8:1"]),
            "10.0.1.4",
        ),
        (nsgate(&["explain", "--config", TWO, "--from", "nobody", "icmp", "10.0.1.4", "8.8.8.8"]), "nobody"),
        (
            nsgate(&[
                "explain",
                "--config",
                "config/nowhere.yaml",
                "--from",
                "x",
                "icmp",
                "10.0.1.4",
                "8.8.8.8",
            ]),
            "nowhere.yaml",
        ),
        (nsgate(&["frobnicate"]), "frobnicate"),
        (nsgate(&["check"]), "<FILE|--file <FILE>...|--config <FILE>>"),
        (nsgate(&["run", "--config", "config/nowhere.yaml"]), "nowhere.yaml"),
        (nsgate(&["run", "--config", "config/files.yaml"]), "there are no attachments"),
    ] {
        assert_eq!(output.status.code(), Some(2), "{why}: {}{}", out(&output), err(&output));
        assert!(err(&output).contains(why), "{why}: {}", err(&output));
        assert!(out(&output).is_empty(), "{}", out(&output));
    }
}

#[test]
fn explain_tells_the_walk() {
    for (from, packet, verdict) in [
        ("web1-nic", "tcp 10.0.1.4:40000 8.8.8.8:443", "forwarded"),
        ("web1-nic", "tcp 10.0.1.4:40000 8.8.8.8:25", "denied-outbound"),
        ("web1-nic", "udp 10.0.1.4:5 10.0.1.5:5", "denied-inbound"),
        ("web1-nic", "icmp 10.0.1.9 8.8.8.8", "spoofed-source"),
        ("db1-nic", "tcp 10.0.2.4:5 8.8.8.8:80 flags=ack", "snat-midstream"),
        ("db1-nic", "esp 10.0.2.4 8.8.8.8", "snat-protocol"),
        ("internet", "tcp 8.8.8.8:5 203.0.113.20:443", "forwarded"),
        ("internet", "tcp 8.8.8.8:5 203.0.113.20:22", "denied-inbound"),
        ("internet", "tcp 8.8.8.8:5 10.0.1.4:443", "not-ours"),
        ("internet", "icmp 8.8.8.8 203.0.113.2", "answered"),
    ] {
        let output = nsgate(&["explain", "--config", TWO, "--from", from, packet, "-o", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let walk = json_of(&output);
        assert_eq!(walk["verdict"], verdict, "{packet}: {walk:#}");
        assert_eq!(walk["allowed"], ["forwarded", "answered"].contains(&verdict));
    }
    let text =
        nsgate(&["explain", "--config", TWO, "--from", "web1-nic", "tcp", "10.0.1.4:40000", "8.8.8.8:25"]);
    assert!(out(&text).contains("securityRules/DenyMail of web1-nsg"), "{}", out(&text));
    assert!(!out(&text).contains('\x1b'), "no colour into a pipe");
}

/// People think in private addresses; on the wire outside there are none.
#[test]
fn explain_from_the_internet_to_a_private_address_says_what_to_ask() {
    for (private, says) in [
        (
            "10.0.1.4",
            "10.0.1.4 is a private address of web1-nic, which the internet reaches at 203.0.113.20: ask for that.",
        ),
        (
            "10.0.2.4",
            "10.0.2.4 is a private address of db1-nic, which has no public one: test-ip-flow tells what",
        ),
        ("10.0.1.77", "to an address that is no public address of this gateway."),
    ] {
        let packet = format!("tcp 8.8.8.8:5 {private}:443");
        let output = nsgate(&["explain", "--config", TWO, "--from", "internet", &packet]);
        assert!(out(&output).contains(says), "{}", out(&output));
    }
}

#[test]
fn a_file_without_attachments_answers_offline() {
    let walk = nsgate(&[
        "explain",
        "--config",
        "config/files.yaml",
        "--from",
        "app1-nic",
        "tcp 10.20.0.4:1 8.8.8.8:443",
        "-o",
        "json",
    ]);
    assert_eq!(json_of(&walk)["verdict"], "denied-outbound", "{}", err(&walk));
}

#[test]
fn check_counts_errors_and_shows_their_lines() {
    let good = nsgate(&["check", "--config", "config/files.yaml"]);
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    assert!(out(&good).starts_with("ok: "), "{}", out(&good));

    let directory = tempfile::tempdir().unwrap();
    let (machine, disk) = ("Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks");
    let others = format!(
        r#"{{"value": [{{"type": "{machine}", "name": "a"}}, {{"type": "{disk}", "name": "d"}}, {{"type": "{machine}", "name": "b"}}]}}"#
    );
    let others = nsgate(&["check", written(&directory, "others.json", &others).to_str().unwrap()]);
    assert!(
        out(&others).contains(&format!("; ignored: 1 {disk}, 2 {machine}; 0 errors")),
        "{}",
        out(&others)
    );

    let wrong =
        written(&directory, "gateway.yaml", "network: { resources: [] }\natachments: []\nmetrics: {}\n");
    let text = nsgate(&["check", "--config", wrong.to_str().unwrap()]);
    assert_eq!(text.status.code(), Some(1));
    assert!(err(&text).contains("gateway.yaml:2:1"), "{}", err(&text));
    assert!(err(&text).contains("did you mean \"attachments\"?"), "{}", err(&text));
    assert_eq!(out(&text), "2 errors, 0 warnings\n");
    let list = json_of(&nsgate(&["check", "--config", wrong.to_str().unwrap(), "--output", "json"]));
    assert_eq!(list[1]["code"], "NotBuiltYet");
    assert_eq!(
        (&list[1]["line"], &list[1]["column"], &list[1]["severity"]),
        (&json!(3), &json!(1), &json!("error"))
    );

    let warned = written(
        &directory,
        "there.yaml",
        &std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/minimal.yaml"))
            .unwrap(),
    );
    let warned = nsgate(&["check", "--config", warned.to_str().unwrap()]);
    assert_eq!(warned.status.code(), Some(0), "a warning does not count: {}", err(&warned));
    assert!(out(&warned).contains("MiB in all; at most 64 MiB waiting besides"), "{}", out(&warned));
    assert!(out(&warned).contains("rings of 8 MiB = "), "{}", out(&warned));
}

#[test]
fn check_takes_azures_documents_alone() {
    let with_tags = [
        "check",
        "config/azure/network.json",
        "config/azure/app.nsg.json",
        "--service-tags",
        "config/azure/service-tags.json",
    ];
    let good = nsgate(&with_tags);
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    let without = nsgate(&with_tags[..3]);
    assert_eq!(without.status.code(), Some(1), "the tag is unknown without its file");
    assert!(err(&without).contains("SecurityRuleInvalidAddressPrefix"), "{}", err(&without));
    assert!(err(&without).contains("app.nsg.json:"), "{}", err(&without));
    let nowhere = nsgate(&["check", "config/azure/nowhere.json"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(err(&nowhere).contains("nowhere.json"), "{}", err(&nowhere));
}

/// Azure's own commands ask for the machine, and a template names its network interfaces there alone.
#[test]
fn a_templates_machine_can_be_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let template = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
      "contentVersion": "1.0.0.0", "variables": {"nic": "[concat('web', '-nic')]"}, "resources": [
        {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
          "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
          "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.1.0/24"}}]}},
        {"type": "Microsoft.Network/networkInterfaces", "name": "[variables('nic')]", "properties": {
          "ipConfigurations": [{"name": "one", "properties": {"privateIPAddress": "10.0.1.4",
            "subnet": {"id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 's')]"}}}]}},
        {"type": "Microsoft.Compute/virtualMachines", "name": "web", "properties": {"networkProfile": {
          "networkInterfaces": [{"id": "[resourceId('Microsoft.Network/networkInterfaces', variables('nic'))]"}]}}}]}"#;
    let file = written(&directory, "template.json", template).display().to_string();
    let flow = ["--protocol", "TCP", "--local", "10.0.1.4:443", "--remote", "8.8.8.8:*", "--vm", "web"];
    let answer = nsgate(&[&["test-ip-flow", "--file", &file, "--direction", "Inbound"], &flow[..]].concat());
    assert_eq!(answer.status.code(), Some(0), "{}", err(&answer));
    let packets =
        ["--protocol", "TCP", "--source", "8.8.8.8", "--destination", "10.0.1.4", "--resource", "web"];
    let asked = [&["run-configuration-diagnostic", "--file", &file, "--direction", "Inbound"], &packets[..]];
    for more in [&[][..], &["--resource-type", "virtualMachines", "--parent", ""]] {
        let answer = nsgate(&[asked.concat(), more.to_vec()].concat());
        assert_eq!(answer.status.code(), Some(0), "{}", err(&answer));
    }
}

/// Azure's answer has no word for a verdict that depends on the port, so it is told beside it.
#[test]
fn a_verdict_that_depends_on_the_port_says_so_in_every_shape() {
    let directory = tempfile::tempdir().unwrap();
    let document = r#"[
        {"type": "Microsoft.Network/networkSecurityGroups", "name": "g", "properties": {"securityRules": [
          {"name": "low", "properties": {"priority": 100, "direction": "Inbound", "access": "Deny", "protocol": "Tcp",
            "sourceAddressPrefix": "*", "sourcePortRange": "1-1023", "destinationAddressPrefix": "*", "destinationPortRange": "443"}},
          {"name": "web", "properties": {"priority": 110, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "443"}}]}},
        {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
          "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
          "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": "g"}}}]}},
        {"type": "Microsoft.Network/networkInterfaces", "name": "nic", "properties": {
          "ipConfigurations": [{"name": "one", "properties": {"privateIPAddress": "10.0.1.4", "subnet": {"id": "v/s"}}}]}}]"#;
    let file = written(&directory, "net.json", document).display().to_string();
    let ask = |port: &str, output: &str| {
        let words = format!(
            "test-ip-flow --file {file} --nic nic --direction Inbound --protocol TCP --local 10.0.1.4:443 --remote \
             8.8.8.8:{port} -o {output}"
        );
        let answer = nsgate(&words.split_whitespace().collect::<Vec<_>>());
        assert_eq!(answer.status.code(), Some(0), "{}", err(&answer));
        answer
    };
    let depends = "it depends on the sender's port: from 1023 it is denied, from 65535 allowed by securityRules/web of g\n";
    let text = ask("*", "text");
    assert_eq!(out(&text), format!("Deny: securityRules/low of g\nnote: {depends}"));
    assert!(!err(&text).contains("depends"), "once is enough: {}", err(&text));
    let json = ask("*", "json");
    assert_eq!(json_of(&json), json!({"access": "Deny", "ruleName": "securityRules/low"}));
    assert!(err(&json).contains(&format!("nsgate: {depends}")), "{}", err(&json));
    for (port, access, rule) in [("500", "Deny", "low"), ("5000", "Allow", "web")] {
        let json = ask(port, "json");
        assert_eq!(json_of(&json), json!({"access": access, "ruleName": format!("securityRules/{rule}")}));
        assert!(!err(&json).contains("depends"), "{}", err(&json));
    }
}

#[test]
fn a_packet_from_on_premises_is_explained() {
    let hybrid = "config/hybrid.yaml";
    let ask = |from: &str, packet: &[&str]| {
        let words = [&["explain", "--config", hybrid, "--output", "json", "--from", from], packet].concat();
        let answer = json_of(&nsgate(&words));
        let route = answer["stages"].as_array().unwrap().iter().find(|stage| stage["stage"] == "route");
        let route = route.map(|stage| stage["outcome"].as_str().unwrap().to_owned());
        (answer["verdict"].as_str().unwrap().to_owned(), route, answer["from"].as_str().unwrap().to_owned())
    };
    let site = |packet: &[&str]| ask("on-premises", packet);
    assert_eq!(
        site(&["tcp", "192.168.7.9:40000", "10.1.1.4:443"]),
        ("forwarded".into(), Some("VnetLocal: app1-nic".into()), "on-premises".into())
    );
    assert_eq!(site(&["tcp", "192.168.7.9:40000", "10.0.2.4:5432"]).0, "denied-inbound");
    assert_eq!(site(&["tcp", "192.168.7.9:40000", "8.8.8.8:443"]).0, "no-transit");
    assert_eq!(
        ask("app1-nic", &["tcp", "10.1.1.4:40000", "10.0.2.5:5432"]).1,
        Some("VNetPeering: db2-nic".into())
    );
    assert_eq!(
        ask("db1-nic", &["udp", "10.0.2.4:40000", "192.168.7.9:53"]),
        ("forwarded".into(), Some("VirtualNetworkGateway".into()), "hub/db".into())
    );
}

/// A group with one rule.
fn one_rule(nsg: &str, rule: &str, priority: u32, prefixes: &str, ports: &str) -> String {
    format!(
        r#"{{"type": "Microsoft.Network/networkSecurityGroups", "name": "{nsg}", "properties": {{"securityRules": [
            {{"name": "{rule}", "properties": {{"priority": {priority}, "direction": "Inbound", "access": "Allow",
              "protocol": "Tcp", "sourceAddressPrefixes": {prefixes}, "sourcePortRange": "*",
              "destinationAddressPrefix": "10.0.1.0/24", "destinationPortRanges": {ports}}}}}]}}}}"#
    )
}

#[test]
fn a_difference_is_said_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| written(&directory, name, &text).display().to_string();
    let old =
        write("old.json", one_rule("web", "AllowWeb", 100, r#"["203.0.113.0/24"]"#, r#"["80", "443"]"#));
    let halves = r#"["203.0.113.0/25", "203.0.113.128/25"]"#;
    let same = write("same.json", one_rule("site", "Other", 200, halves, r#"["443-443", "80"]"#));
    let wider = write("wider.json", one_rule("web", "AllowWeb", 100, halves, r#"["80", "443", "8080"]"#));

    let equal = nsgate(&["diff", &old, &same, "--output", "json"]);
    assert_eq!(equal.status.code(), Some(0), "{}", err(&equal));
    assert_eq!(
        json_of(&equal),
        json!({"equal": true, "differences": [], "more": 0, "reach": [], "moreReach": 0})
    );

    let different = nsgate(&["diff", "--old", &old, "--new", &wider, "--output", "json"]);
    assert_eq!(different.status.code(), Some(1), "{}", err(&different));
    let answer = json_of(&different);
    assert_eq!(answer["equal"], json!(false));
    for one in answer["differences"].as_array().unwrap() {
        assert_eq!((&one["nsg"], &one["direction"]), (&json!("web"), &json!("Inbound")));
        assert_eq!((&one["old"], &one["new"]), (&json!("Deny"), &json!("Allow")));
        // The fields of the difference are one packet …
        assert_eq!((&one["protocol"], &one["destinationPort"]), (&json!("Tcp"), &json!("8080")));
        let address = |end: &str| one[end].as_str().unwrap().parse::<std::net::Ipv4Addr>().unwrap().octets();
        assert_eq!(
            (&address("source")[..3], &address("destination")[..3]),
            (&[203, 0, 113][..], &[10, 0, 1][..])
        );
        assert!(one["sourcePort"].as_str().unwrap().parse::<u16>().is_ok(), "{one}");
        assert_eq!(one["newRuleName"], json!("web/AllowWeb"));
        // … and its region all of them.
        let region = &one["region"];
        assert_eq!((&region["protocol"], &region["destinationPort"]), (&json!("Tcp"), &json!("8080")));
        assert_eq!((&region["source"], &region["sourcePort"]), (&json!("203.0.113.0/24"), &json!("*")));
        assert_eq!(region["destination"], json!("10.0.1.0/24"));
    }
    let text = nsgate(&["diff", &old, &wider]);
    assert!(out(&text).contains("8080") && out(&text).contains("DenyAllInBound"), "{}", out(&text));

    let missing = nsgate(&["diff", &old, "nowhere.json"]);
    assert_eq!(missing.status.code(), Some(2));
    assert_eq!(nsgate(&["diff", &old]).status.code(), Some(2));
}

#[test]
fn rules_that_change_nothing_are_warnings_at_their_line() {
    let directory = tempfile::tempdir().unwrap();
    let rule = |name: &str, priority: u32, access: &str, source: &str| {
        format!(
            r#"{{"name": "{name}", "properties": {{"priority": {priority}, "direction": "Inbound", "access": "{access}",
               "protocol": "*", "sourceAddressPrefix": "{source}", "sourcePortRange": "*",
               "destinationAddressPrefix": "*", "destinationPortRange": "*"}}}}"#
        )
    };
    let rules = [
        rule("Office", 100, "Allow", "203.0.113.0/24"),
        rule("Desk", 110, "Deny", "203.0.113.7"),
        rule("DenyRest", 4096, "Deny", "*"),
    ];
    let text = format!(
        r#"{{"type": "Microsoft.Network/networkSecurityGroups", "name": "web", "properties": {{"securityRules": [
            {}]}}}}"#,
        rules.join(",\n")
    );
    let file = written(&directory, "web.json", &text).display().to_string();
    let checked = nsgate(&["check", &file, "--output", "json"]);
    assert_eq!(checked.status.code(), Some(0));
    let found = json_of(&checked);
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["code"], json!("ShadowedSecurityRule"));
    assert!(found[0].to_string().contains("Office"), "{found:#?}");

    // ICMPv6 is another protocol than ICMP.
    for (protocol, source, is_told) in
        [("Icmp", "2001:db8::/32", true), ("*", "2001:db8::/32", false), ("Icmp", "203.0.113.0/24", false)]
    {
        let text = text.replace(r#""protocol": "*""#, &format!(r#""protocol": "{protocol}""#));
        let text = text.replace("203.0.113.0/24", source).replace("203.0.113.7", "198.51.100.7");
        let file = written(&directory, "icmp.json", &text).display().to_string();
        let checked = nsgate(&["check", &file, "--output", "json"]);
        assert_eq!(checked.status.code(), Some(0));
        let found = json_of(&checked);
        let told = found.as_array().unwrap().iter().find(|one| one["code"] == "IcmpOverIpv6");
        assert_eq!(told.is_some(), is_told, "{protocol} {source}: {found:#?}");
        let message = told.map(|one| one["message"].to_string()).unwrap_or_default();
        assert!(!is_told || message.contains("'web/Office' holds no packet"), "{message}");
    }
}

/// A subnet whose packets a route table would send to an appliance.
const ROUTED: &str = r#"[
{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {"securityRules": []}},
{"type": "Microsoft.Network/routeTables", "name": "rt", "properties": {"routes": [{"name": "all",
 "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.1.9"}}]}},
{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
 "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [{"name": "a", "properties": {
 "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": "n"}, "routeTable": {"id": "rt"}}}]}},
{"type": "Microsoft.Network/networkInterfaces", "name": "nic", "properties": {"ipConfigurations": [{"name": "i",
 "properties": {"subnet": {"id": "v/a"}, "privateIPAddress": "10.0.1.4"}}]}}
]"#;

#[test]
fn every_answer_says_what_of_the_documents_it_leaves_out() {
    let directory = tempfile::tempdir().unwrap();
    let document = written(&directory, "net.json", ROUTED);
    let gateway = written(&directory, "g.yaml", "network: { files: [net.json] }\n");
    let capture = written(&directory, "nothing.json", "{\"records\": []}");
    let [document, gateway, capture] = [&document, &gateway, &capture].map(|path| path.to_str().unwrap());
    let flow = "--direction Inbound --protocol TCP --local 10.0.1.4:80 --remote 8.8.8.8:*";
    let profile = "--direction Inbound --protocol * --source 8.8.8.8 --destination 10.0.1.4 --port 80";
    for question in [
        format!("test-ip-flow --file {document} --nic nic {flow}"),
        format!("test-ip-flow --config {gateway} --nic nic {flow}"),
        format!("list-effective-nsg --file {document} --nic nic"),
        format!("run-configuration-diagnostic --file {document} --resource nic {profile}"),
        format!("explain --config {gateway} tcp 8.8.8.8:5 10.0.1.4:80"),
        format!("replay --config {document} {capture}"),
        format!("diff {document} {document}"),
        format!("diff {gateway} {gateway}"),
    ] {
        let output = nsgate(&question.split(' ').collect::<Vec<_>>());
        let said = err(&output);
        assert!(
            said.contains("packets of subnet 'v/a' are not routed by its route table yet"),
            "{question}: {said}"
        );
        assert!(!out(&output).contains("not routed"), "{question}");
    }
}

/// What a route brings into VirtualNetwork is asked for by every question alike.
#[test]
fn every_answer_follows_the_route_table() {
    let directory = tempfile::tempdir().unwrap();
    let with = written(&directory, "with.json", ROUTED);
    let without = ROUTED.replace("\"VirtualAppliance\", \"nextHopIpAddress\": \"10.0.1.9\"", "\"Internet\"");
    let without = written(&directory, "without.json", &without);
    let [with, without] = [&with, &without].map(|path| path.to_str().unwrap());
    for (file, access, rule, out_rule) in [
        (with, "Allow", "AllowVnetInBound", "AllowVnetOutBound"),
        (without, "Deny", "DenyAllInBound", "AllowInternetOutBound"),
    ] {
        let flow = "--direction Inbound --protocol TCP --local 10.0.1.4:80 --remote 8.8.8.8:* --output json";
        let flow =
            nsgate(&format!("test-ip-flow --file {file} --nic nic {flow}").split(' ').collect::<Vec<_>>());
        assert_eq!(
            json_of(&flow),
            json!({"access": access, "ruleName": format!("defaultSecurityRules/{rule}")})
        );
        let profile =
            "--direction Inbound --protocol TCP --source 8.8.8.8 --destination 10.0.1.4 --output json";
        let words = format!("run-configuration-diagnostic --file {file} --resource nic {profile}");
        let asked = json_of(&nsgate(&words.split(' ').collect::<Vec<_>>()));
        assert_eq!(
            asked["results"][0]["networkSecurityGroupResult"]["securityRuleAccessResult"],
            json!(access)
        );
        let effective = nsgate(&["list-effective-nsg", "--file", file, "--nic", "nic", "--output", "json"]);
        let held = &json_of(&effective)["value"][0]["tagMap"]["VirtualNetwork"];
        assert_eq!(held[0] == json!("0.0.0.0/0"), access == "Allow", "{held}");
        let walk = nsgate(&["explain", "--file", file, "tcp", "10.0.1.4:5", "8.8.8.8:80"]);
        assert!(out(&walk).contains(out_rule), "{}", out(&walk));
        let warned = err(&nsgate(&["check", file]));
        assert_eq!(warned.contains("VirtualNetworkTagHoldsEverything"), access == "Allow", "{warned}");
    }
    // The other way round, and not where it stays as it is.
    assert_eq!(nsgate(&["diff", with, with]).status.code(), Some(0));
    let found = nsgate(&["diff", without, with, "--output", "json"]);
    assert_eq!(found.status.code(), Some(1));
    let found = json_of(&found);
    let inbound = |one: &&Value| one["direction"] == json!("Inbound");
    let opened: Vec<&Value> = found["differences"].as_array().unwrap().iter().filter(inbound).collect();
    assert!(!opened.is_empty() && opened.iter().all(|one| one["new"] == json!("Allow")), "{found}");
}

/// Two virtual networks' worth of verdicts that no rule gives, and a NIC whose address Azure has yet to choose.
const WITHOUT_RULES: &str = r#"[
{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {"securityRules": [{"name": "Web",
 "properties": {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "*", "sourceAddressPrefix": "*",
 "sourcePortRange": "*", "destinationAddressPrefix": "10.0.1.0/24", "destinationPortRange": "80"}}]}},
{"type": "Microsoft.Network/publicIPAddresses", "name": "ip", "sku": {"name": "Standard"},
 "properties": {"ipAddress": "203.0.113.9"}},
{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
 "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
 {"name": "a", "properties": {"addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": "n"}}},
 {"name": "b", "properties": {"addressPrefix": "10.0.2.0/24"}}]}},
{"type": "Microsoft.Network/networkInterfaces", "name": "guarded", "properties": {"ipConfigurations": [{"name": "i",
 "properties": {"subnet": {"id": "v/a"}, "privateIPAddress": "10.0.1.4"}}]}},
{"type": "Microsoft.Network/networkInterfaces", "name": "dynamic", "properties": {"ipConfigurations": [{"name": "i",
 "properties": {"subnet": {"id": "v/a"}, "privateIPAllocationMethod": "Dynamic"}}]}},
{"type": "Microsoft.Network/networkInterfaces", "name": "closed", "properties": {"ipConfigurations": [{"name": "i",
 "properties": {"subnet": {"id": "v/b"}, "privateIPAddress": "10.0.2.4", "publicIPAddress": {"id": "ip"}}}]}}
]"#;

fn asked(document: &Path, nic: &str, question: &str) -> Output {
    let document = document.to_str().unwrap();
    let words = ["test-ip-flow", "--file", document, "--nic", nic].into_iter().chain(question.split(' '));
    nsgate(&words.collect::<Vec<_>>())
}

#[test]
fn a_verdict_without_a_rule_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let document = written(&directory, "net.json", WITHOUT_RULES);
    let dns = "--direction Outbound --protocol UDP --local 10.0.1.4:* --remote 168.63.129.16:53";
    let said = out(&asked(&document, "guarded", dns));
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let told =
        "Allow: no rule with a tag of the platform denies it note: 168.63.129.16 and 169.254.169.254 are ";
    assert!(words.starts_with(told) && words.contains("this gateway drops"), "{said}");
    let web = "--direction Inbound --protocol TCP --local 10.0.2.4:80 --remote 8.8.8.8:*";
    let said = out(&asked(&document, "closed", web));
    assert_eq!(said, "Deny: a Standard public address is closed until a network security group opens it\n");
    let inside = "--direction Inbound --protocol TCP --local 10.0.2.4:80 --remote 10.0.1.4:*";
    let said = out(&asked(&document, "closed", inside));
    assert_eq!(said, "Allow: no network security group applies\n");
    // Azure's answer has no such field.
    let azures = json_of(&asked(&document, "guarded", &format!("{dns} --output json")));
    assert_eq!(azures, json!({"access": "Allow"}));
}

#[test]
fn an_address_that_is_open_may_be_any_of_its_subnet() {
    let directory = tempfile::tempdir().unwrap();
    let document = written(&directory, "net.json", WITHOUT_RULES);
    let flow =
        |local: &str| format!("--direction Inbound --protocol TCP --local {local}:80 --remote 8.8.8.8:*");
    let answer = asked(&document, "dynamic", &flow("10.0.1.77"));
    assert_eq!(out(&answer), "Allow: securityRules/Web of n\n", "{}", err(&answer));
    // Outside of the subnet, and another's.
    for wrong in ["10.0.2.77", "10.0.1.4"] {
        assert_eq!(asked(&document, "dynamic", &flow(wrong)).status.code(), Some(2), "{wrong}");
    }
    assert_eq!(asked(&document, "guarded", &flow("10.0.1.77")).status.code(), Some(2));
    // All of what it may be is in the virtual network.
    let diagnostic = "run-configuration-diagnostic --nic dynamic --direction Inbound --protocol TCP --source 10.0.2.4 \
                      --destination * --port 443 --output json --file";
    let words: Vec<&str> = diagnostic.split_whitespace().chain([document.to_str().unwrap()]).collect();
    let result = &json_of(&nsgate(&words))["results"][0]["networkSecurityGroupResult"];
    assert_eq!(result["securityRuleAccessResult"], "Allow", "{result:#}");
}

/// A machine that is in a group and has no address in the documents, one that has none and no way out, and one with all.
const OPEN: &str = r#"[
{"type": "Microsoft.Network/applicationSecurityGroups", "name": "webs", "properties": {}},
{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {"securityRules": [
 {"name": "Web", "properties": {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
  "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationApplicationSecurityGroups": [{"id": "webs"}],
  "destinationPortRange": "80"}},
 {"name": "No", "properties": {"priority": 4096, "direction": "Inbound", "access": "Deny", "protocol": "*",
  "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}}]}},
{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
 "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
 {"name": "a", "properties": {"addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": "n"}}},
 {"name": "shut", "properties": {"addressPrefix": "10.0.2.0/24", "defaultOutboundAccess": false}}]}},
{"type": "Microsoft.Network/networkInterfaces", "name": "known", "properties": {"ipConfigurations": [{"name": "i",
 "properties": {"subnet": {"id": "v/a"}, "privateIPAddress": "10.0.1.4"}}]}},
{"type": "Microsoft.Network/networkInterfaces", "name": "web", "properties": {"ipConfigurations": [{"name": "i",
 "properties": {"subnet": {"id": "v/a"}, "applicationSecurityGroups": [{"id": "webs"}]}}]}},
{"type": "Microsoft.Network/networkInterfaces", "name": "shut", "properties": {"ipConfigurations": [{"name": "i",
 "properties": {"subnet": {"id": "v/shut"}}}]}}
]"#;

#[test]
fn an_address_that_is_open_is_assumed_alike_by_all() {
    let directory = tempfile::tempdir().unwrap();
    let document = written(&directory, "net.json", OPEN);
    let file = document.to_str().unwrap();
    let said = |words: &str| {
        let answer = nsgate(&words.split(' ').chain(["--file", file]).collect::<Vec<_>>());
        (out(&answer), err(&answer), answer.status.code())
    };
    let flow = |local: &str| {
        format!(
            "test-ip-flow --nic web --direction Inbound --protocol TCP --local {local}:80 --remote 10.0.1.4:*"
        )
    };
    let note = "nsgate: 2 IP configurations have no address in these documents: the first that are free are assumed, \
                10.0.1.5 for web, 10.0.2.4 for shut\n";
    let allow = "Allow: securityRules/Web of n\n".to_owned();
    assert_eq!(said(&flow("10.0.1.5")), (allow.clone(), note.into(), Some(0)));
    // Where the question names another one, that is its own, and nothing is assumed of it.
    let other =
        "nsgate: shut has no address in these documents: 10.0.2.4 is assumed, the first that is free\n";
    assert_eq!(said(&flow("10.0.1.9")), (allow, other.into(), Some(0)));
    for reserved in ["10.0.1.0", "10.0.1.1", "10.0.1.3", "10.0.1.255"] {
        let (_, why, code) = said(&flow(reserved));
        assert_eq!(code, Some(2), "{reserved}");
        assert!(
            why.contains("Azure keeps the first four addresses and the last one of 10.0.1.0/24"),
            "{why}"
        );
    }
    for destination in ["*", "10.0.1.5", "10.0.1.9"] {
        let words = format!(
            "run-configuration-diagnostic --nic web --direction Inbound --protocol TCP --source 10.0.1.4 \
             --destination {destination} --port 80"
        );
        let (answer, ..) = said(&words);
        assert!(answer.contains("Allow: UserRule_Web of n") && !answer.contains("note"), "{answer}");
    }
    let half = "run-configuration-diagnostic --nic web --direction Inbound --protocol TCP --source 10.0.1.4 --destination \
                10.0.1.128/25 --port 80";
    let (answer, ..) = said(half);
    assert!(answer.contains("Allow Tcp 10.0.1.4:0 > 10.0.1.129:80: UserRule_Web"), "{answer}");
    assert!(!answer.contains("holds no private address"), "{answer}");
    let (listed, noted, _) = said("list-effective-nsg --nic web --output json");
    assert!(listed.contains("\"10.0.1.5/32\"") && !listed.contains("assumed"), "{listed}");
    let noted: Value = serde_json::from_str(&noted).unwrap();
    assert_eq!(noted[0]["severity"], "note");
    assert_eq!(format!("nsgate: {}\n", noted[0]["message"].as_str().unwrap()), note);
    let (walk, ..) = said("explain tcp 10.0.1.4:5 10.0.1.5:80 --all-rules");
    assert!(walk.contains("securityRules/Web of n"), "{walk}");
}

#[test]
fn a_walk_from_an_address_that_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let document = written(&directory, "net.json", OPEN);
    let file = document.to_str().unwrap();
    let walk = |words: &str| {
        let answer =
            nsgate(&["explain", "--file", file].into_iter().chain(words.split(' ')).collect::<Vec<_>>());
        (out(&answer), err(&answer), answer.status.code())
    };
    // Azure lets it out, unless its subnet says no.
    let (said, ..) = walk("tcp 10.0.1.5:5000 8.8.8.8:80 --output json");
    assert!(said.contains("default outbound access, whose address the documents do not tell"), "{said}");
    assert!(said.contains("\"verdict\": \"forwarded\""), "{said}");
    let (said, ..) = walk("tcp 10.0.2.4:5000 8.8.8.8:80 --output json");
    assert!(said.contains("\"no-public-address\"") && said.contains("defaultOutboundAccess"), "{said}");
    // Any other of its subnet, for who says that it is its own.
    let (said, note, code) = walk("--from web tcp 10.0.1.77:5000 8.8.8.8:80 --output json");
    assert!(
        code == Some(0) && said.contains("\"verdict\": \"forwarded\"") && !note.contains("for web"),
        "{said}"
    );
    let (said, ..) = walk("--from web tcp 10.0.1.1:5000 8.8.8.8:80 --output json");
    assert!(said.contains("spoofed-source"), "{said}");
    for words in
        ["tcp 10.0.1.77:5000 8.8.8.8:80", "tcp 10.0.1.77:5000 10.0.1.4:80", "tcp 8.8.8.8:5 10.0.1.77:80"]
    {
        let (_, why, code) = walk(words);
        assert_eq!(code, Some(2), "{words}");
        assert!(why.contains("is of a virtual network, and no network interface has it"), "{why}");
    }
    let (_, why, _) = walk("tcp 192.0.2.77:5 8.8.8.8:80");
    assert!(why.contains("belongs to this network"), "{why}");
}

#[test]
fn members_without_an_address_are_compared() {
    let directory = tempfile::tempdir().unwrap();
    let old = written(&directory, "old.json", OPEN);
    let diff = |new: &str| {
        let new = written(&directory, "new.json", new);
        let answer = nsgate(&["diff", old.to_str().unwrap(), new.to_str().unwrap(), "--output", "json"]);
        (answer.status.code(), json_of(&answer))
    };
    assert_eq!(diff(OPEN).0, Some(0));
    let member = r#""subnet": {"id": "v/a"}, "applicationSecurityGroups": [{"id": "webs"}]"#;
    let left = r#""subnet": {"id": "v/a"}"#;
    for new in [OPEN.replace("\"80\"", "\"8080\""), OPEN.replace(member, left)] {
        let (code, found) = diff(&new);
        assert_eq!(code, Some(1));
        let all = found["differences"].as_array().unwrap();
        assert!(!all.is_empty() && all.iter().all(|one| one["nic"] == json!("web")), "{found:#}");
    }
    // Azure has chosen since, or another interface came before it.
    let chosen = OPEN.replace(member, &format!("\"privateIPAddress\": \"10.0.1.77\", {member}"));
    assert_eq!(diff(&chosen), (Some(0), diff(OPEN).1));
    let name = r#"{"type": "Microsoft.Network/networkInterfaces", "name": "web""#;
    let first = r#"{"type": "Microsoft.Network/networkInterfaces", "name": "new", "properties": {"ipConfigurations": [
        {"name": "i", "properties": {"subnet": {"id": "v/a"}}}]}},"#;
    let (code, found) = diff(&OPEN.replace(name, &format!("{first} {name}")));
    assert_eq!((code, found["differences"].as_array().map(Vec::len)), (Some(1), Some(0)), "{found:#}");
}

/// A network without machines, whose only subnet is like this.
fn bare(subnet: &str) -> String {
    format!(
        r#"[{}, {{"type": "Microsoft.Network/virtualNetworks", "name": "v1", "properties": {{
            "addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}}, "subnets": [{subnet}]}}}}]"#,
        one_rule("web", "AllowWeb", 100, r#"["203.0.113.0/24"]"#, r#"["80"]"#)
    )
}

#[test]
fn subnets_without_machines_are_compared() {
    let directory = tempfile::tempdir().unwrap();
    let guarded = r#"{"name": "a", "properties": {"addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": "web"}}}"#;
    let open = r#"{"name": "a", "properties": {"addressPrefix": "10.0.1.0/24"}}"#;
    let moved = guarded.replace("10.0.1.0", "10.0.4.0");
    let document = |name: &str, subnet: &str| {
        written(&directory, &format!("{name}.json"), &bare(subnet)).display().to_string()
    };
    let gateway = |name: &str| {
        let text = format!("network: {{files: [{name}.json]}}\nattachments: []\n");
        written(&directory, &format!("{name}.yaml"), &text).display().to_string()
    };
    let (old, new) = (document("old", guarded), document("new", open));
    let (both, changed) = (
        document(
            "both",
            &format!("{guarded}, {}", open.replace("\"a\"", "\"b\"").replace("10.0.1.0", "10.0.2.0")),
        ),
        document("moved", &moved),
    );
    assert_eq!(nsgate(&["diff", &old, &old]).status.code(), Some(0));

    // Documents and gateway files alike.
    for (old, new) in [(old.clone(), new.clone()), (gateway("old"), gateway("new"))] {
        let found = nsgate(&["diff", &old, &new, "--output", "json"]);
        assert_eq!(found.status.code(), Some(1), "{}", err(&found));
        let found = json_of(&found);
        let all = found["differences"].as_array().unwrap();
        let is = |one: &Value, way: &str| one["direction"] == json!(way);
        assert!(["Inbound", "Outbound"].iter().all(|way| all.iter().any(|one| is(one, way))), "{found:#}");
        for one in all {
            let whose = (&one["subnet"], &one["nsg"], one.get("nic"));
            assert_eq!(whose, (&json!("v1/a"), &json!("web"), None), "{one:#}");
            assert_eq!((&one["old"], &one["new"]), (&json!("Deny"), &json!("Allow")));
            let own = if is(one, "Inbound") { "destination" } else { "source" };
            assert!(one[own].as_str().unwrap().starts_with("10.0.1."), "{one:#}");
        }
        assert!(out(&nsgate(&["diff", &old, &new])).starts_with("subnet v1/a, inbound\n"));
    }

    let alike = "different: of what both have the rules decide alike, and the same is reached\n";
    let gone = nsgate(&["diff", &both, &old]);
    assert_eq!(out(&gone), format!("only in the old policy: subnet v1/b\n{alike}"));
    let changed = nsgate(&["diff", &old, &changed]);
    let told = "only in the old policy: addresses 10.0.1.0/24 of subnet v1/a\n\
                only in the new policy: addresses 10.0.4.0/24 of subnet v1/a\n";
    assert_eq!(out(&changed), format!("{told}{alike}"));
    assert_eq!((gone.status.code(), changed.status.code()), (Some(1), Some(1)));
}

#[test]
fn explain_takes_azures_documents_alone() {
    let directory = tempfile::tempdir().unwrap();
    let document = written(&directory, "net.json", WITHOUT_RULES);
    let document = document.to_str().unwrap();
    let walk = nsgate(&["explain", "--file", document, "tcp", "8.8.8.8:5", "10.0.1.4:80"]);
    assert_eq!(walk.status.code(), Some(0), "{}", err(&walk));
    let inside =
        nsgate(&["explain", "--file", document, "--output", "json", "tcp", "10.0.2.4:5", "10.0.1.4:80"]);
    assert!(inside.status.success(), "{}", err(&inside));
    assert!(out(&inside).contains("Web"), "{}", out(&inside));
    let both = nsgate(&["explain", "--file", document, "--config", TWO, "tcp", "8.8.8.8:5", "10.0.1.4:80"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn what_is_reached_is_part_of_the_difference() {
    let directory = tempfile::tempdir().unwrap();
    let diff = |old: &Path, new: &Path, more: &[&str]| {
        nsgate(&[&["diff", old.to_str().unwrap(), new.to_str().unwrap()], more].concat())
    };
    let old = written(&directory, "old.json", WITHOUT_RULES);
    let said = diff(&old, &old, &[]);
    assert_eq!(out(&said), "equal: the rules decide alike over every packet, and the same is reached\n");

    // Another public address: no rule can tell.
    let new = written(&directory, "new.json", &WITHOUT_RULES.replace("203.0.113.9", "203.0.113.10"));
    let said = diff(&old, &new, &["--output", "json"]);
    assert_eq!(said.status.code(), Some(1), "{}", err(&said));
    let public = |address: &str| json!([{"kind": "publicIpAddress", "name": "ip", "address": address, "privateAddress": "10.0.2.4"}]);
    let reach = json!([{"nic": "closed", "gained": public("203.0.113.10"), "lost": public("203.0.113.9")}]);
    let answer = json!({"equal": false, "differences": [], "more": 0, "reach": reach, "moreReach": 0});
    assert_eq!(json_of(&said), answer);

    // Routes that drop packets: no rule can tell these either.
    let table = r#"[{"type": "Microsoft.Network/routeTables", "name": "t", "properties": {"routes": [
        {"name": "all", "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "None"}},
        {"name": "b", "properties": {"addressPrefix": "10.0.2.0/24", "nextHopType": "None"}}]}},"#;
    let subnet = r#""10.0.1.0/24", "networkSecurityGroup""#;
    let routed = WITHOUT_RULES.replacen('[', table, 1);
    let routed =
        routed.replace(subnet, r#""10.0.1.0/24", "routeTable": {"id": "t"}, "networkSecurityGroup""#);
    let said = diff(&old, &written(&directory, "routed.json", &routed), &[]);
    assert_eq!(said.status.code(), Some(1), "{}", err(&said));
    assert_eq!(
        out(&said),
        "network interfaces guarded, dynamic, whatever the rules say
  gained route to 0.0.0.0/0: next hop None
  gained route to 10.0.2.0/24: next hop None
different: 4 changes of reach\n"
    );

    // A peering that is gone takes the site behind the hub's gateway along, and a site that is smaller is so for the hub.
    let hybrid = std::fs::read_to_string(format!("{}/../../config/hybrid.yaml", env!("CARGO_MANIFEST_DIR")));
    let hybrid = hybrid.unwrap();
    let [old, new] = [
        ("old.yaml", hybrid.clone()),
        (
            "new.yaml",
            hybrid
                .replace("allowGatewayTransit: true", "peeringState: Disconnected")
                .replace("[192.168.0.0/16]", "[192.168.0.0/17]"),
        ),
    ]
    .map(|(name, text)| written(&directory, name, &text));
    let said = diff(&old, &new, &[]);
    assert_eq!(said.status.code(), Some(1), "{}", err(&said));
    let told = "network interfaces db1-nic, db2-nic, whatever the rules say
  lost   virtual network spoke: 10.1.0.0/16
  lost   on premises: 192.168.128.0/17
network interface app1-nic, whatever the rules say
  lost   virtual network hub: 10.0.0.0/16
  lost   on premises: 192.168.0.0/16
";
    assert!(out(&said).contains(told), "{}", out(&said));
    assert!(out(&said).ends_with("; 6 changes of reach\n"), "{}", out(&said));
}

/// A network interface with an address of each family, and a public one for that of IPv6; one more of IPv4.
fn two_families(default_outbound: bool) -> String {
    format!(
        r#"[{{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{
            "addressSpace": {{"addressPrefixes": ["10.0.0.0/16", "fd00::/48"]}},
            "subnets": [{{"name": "a", "properties": {{
                "addressPrefixes": ["10.0.0.0/24", "fd00::/64"], "defaultOutboundAccess": {default_outbound}}}}}]}}}},
        {{"type": "Microsoft.Network/publicIPAddresses", "name": "p", "sku": {{"name": "Standard"}},
          "properties": {{"ipAddress": "2001:db8:1::9", "publicIPAddressVersion": "IPv6", "publicIPAllocationMethod": "Static"}}}},
        {{"type": "Microsoft.Network/networkInterfaces", "name": "n", "properties": {{"ipConfigurations": [
            {{"name": "i4", "properties": {{"subnet": {{"id": "v/a"}}, "primary": true, "privateIPAddress": "10.0.0.4"}}}},
            {{"name": "i6", "properties": {{"subnet": {{"id": "v/a"}}, "privateIPAddressVersion": "IPv6",
                "privateIPAddress": "fd00::4", "publicIPAddress": {{"id": "p"}}}}}}]}}}},
        {{"type": "Microsoft.Network/networkInterfaces", "name": "m", "properties": {{"ipConfigurations": [
            {{"name": "i4", "properties": {{"subnet": {{"id": "v/a"}}, "primary": true, "privateIPAddress": "10.0.0.5"}}}},
            {{"name": "i6", "properties": {{"subnet": {{"id": "v/a"}}, "privateIPAddressVersion": "IPv6",
                "privateIPAddress": "fd00::5"}}}}]}}}}]"#
    )
}

#[test]
fn documents_alone_lead_both_families_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(&directory, "net.json", &two_families(true)).display().to_string();
    // A public address of IPv6 leads nobody out of a private subnet over IPv4.
    let private = written(&directory, "private.json", &two_families(false)).display().to_string();
    for (file, packet, verdict) in [
        (&file, "tcp 10.0.0.5:5 8.8.8.8:443", "forwarded"),
        (&file, "tcp [fd00::4]:5 [2001:4860::1]:443", "forwarded"),
        (&file, "tcp [fd00::5]:5 [2001:4860::1]:443", "no-ipv6-snat"),
        (&private, "tcp 10.0.0.4:5 8.8.8.8:443", "no-public-address"),
        (&private, "tcp [fd00::4]:5 [2001:4860::1]:443", "forwarded"),
    ] {
        let said = nsgate(&["explain", "--file", file, packet, "--output", "json"]);
        assert_eq!(json_of(&said)["verdict"], verdict, "{packet}: {}{}", out(&said), err(&said));
    }
}

#[test]
fn a_question_about_icmp_over_ipv6_is_told_what_it_is_about() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(&directory, "net.json", &two_families(true)).display().to_string();
    for (protocol, source, destination, is_told) in [
        ("ICMP", "2001:db8::9", "fd00::4", true),
        ("ICMP", "*", "fd00::4", true),
        ("TCP", "2001:db8::9", "fd00::4", false),
        ("ICMP", "8.8.8.8", "10.0.0.4", false),
    ] {
        let asked = [
            "--direction",
            "Inbound",
            "--protocol",
            protocol,
            "--source",
            source,
            "--destination",
            destination,
        ];
        let said = nsgate(
            &[&["run-configuration-diagnostic", "--file", &file, "--resource", "n"][..], &asked].concat(),
        );
        assert_eq!(
            out(&said).contains("over IPv6 this is ICMPv6"),
            is_told,
            "{asked:?}: {}{}",
            out(&said),
            err(&said)
        );
    }
}

#[test]
fn the_internet_is_part_of_what_is_reached() {
    let directory = tempfile::tempdir().unwrap();
    let path = |path: &PathBuf| path.display().to_string();
    let open = path(&written(&directory, "open.json", &two_families(true)));
    let closed = path(&written(&directory, "closed.json", &two_families(false)));
    let gateway = |name: &str, internet: &str, outbound: &str| {
        let text = format!(
            "network: {{ files: [open.json] }}\nattachments:\n  - {{ interface: e1, nic: n }}\n  - {{ interface: e2, nic: m }}\n\
             {internet}{outbound}"
        );
        path(&written(&directory, name, &text))
    };
    let four = "  - { interface: e0, internet: { address: 203.0.113.2/24, nextHop: 203.0.113.1 } }\n";
    let both = "  - { interface: e0, internet: { address: [203.0.113.2/24, '2001:db8:2::2/64'], nextHop: [203.0.113.1, '2001:db8:2::1'] } }\n";
    let outbound = "outbound: { defaultPublicIp: 203.0.113.10 }\n";
    let whole = gateway("whole.yaml", both, outbound);
    let all = "network interfaces n, m, whatever the rules say";
    for (old, new, told) in [
        (
            &open,
            &closed,
            format!("{all}\n  lost   internet over IPv4\ndifferent: 2 changes of reach\n"),
        ),
        (
            &whole,
            &gateway("without-outbound.yaml", both, ""),
            format!("{all}\n  lost   internet over IPv4\ndifferent: 2 changes of reach\n"),
        ),
        (
            &whole,
            &gateway("four.yaml", four, outbound),
            "network interface n, whatever the rules say\n  lost   internet over IPv6\ndifferent: 1 change of reach\n".to_owned(),
        ),
        (
            &whole,
            &gateway("without-internet.yaml", "", ""),
            "network interface n, whatever the rules say\n  lost   internet over IPv4\n  lost   internet over IPv6\n\
             network interface m, whatever the rules say\n  lost   internet over IPv4\ndifferent: 3 changes of reach\n"
                .to_owned(),
        ),
    ] {
        let said = nsgate(&["diff", old, new]);
        assert_eq!((said.status.code(), out(&said)), (Some(1), told), "{new}: {}", err(&said));
        let back = nsgate(&["diff", new, old, "--output", "json"]);
        let gained = json_of(&back)["reach"][0]["gained"][0].clone();
        assert_eq!(gained["kind"], "internet", "{new}: {}", err(&back));
    }
    // As whom they leave is not compared.
    let other = gateway("other.yaml", both, "outbound: { defaultPublicIp: 203.0.113.11 }\n");
    assert_eq!(nsgate(&["diff", &whole, &other]).status.code(), Some(0));
}

#[test]
fn documents_are_deployed_where_the_command_line_says() {
    let directory = tempfile::tempdir().unwrap();
    let template = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
      "contentVersion": "1.0.0.0", "resources": [{"type": "Microsoft.Network/networkSecurityGroups",
        "name": "[concat(resourceGroup().name, '-', resourceGroup().location)]", "properties": {"securityRules": [
          {"name": "r", "properties": {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
            "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*",
            "destinationPortRange": "[if(equals(subscription().subscriptionId, 's'), '22', 'none')]"}}]}}]}"#;
    let file = written(&directory, "template.json", template).display().to_string();
    let place = ["-g", "shop", "--subscription", "s", "-l", "westeurope"];
    let deployed = nsgate(&[&["expand", &file, "-o", "json"], &place[..]].concat());
    let id = "/subscriptions/s/resourceGroups/shop/providers/Microsoft.Network/networkSecurityGroups/shop-westeurope";
    assert_eq!(json_of(&deployed)[0]["id"], json!(id), "{}", err(&deployed));
    // As it is displayed, the location is the same.
    let displayed = ["-g", "shop", "--subscription", "s", "-l", "West Europe"];
    let as_displayed = nsgate(&[&["expand", &file, "-o", "json"], &displayed[..]].concat());
    assert_eq!(json_of(&as_displayed), json_of(&deployed), "{}", err(&as_displayed));
    for command in [&["check", &file][..], &["diff", &file, &file]] {
        let told = nsgate(&[command, &place[..]].concat());
        assert_eq!(told.status.code(), Some(0), "{}", err(&told));
        assert!(!nsgate(command).status.success(), "the port is wrong elsewhere");
    }
    let wrong = nsgate(&["check", &file, "--resource-group", "a/b"]);
    assert!(err(&wrong).contains("--resource-group: \"a/b\" is not a name"), "{}", err(&wrong));
    // A gateway file says it itself.
    for option in ["-g", "--subscription", "--location"] {
        assert_eq!(nsgate(&["check", "--config", TWO, option, "x"]).status.code(), Some(2), "{option}");
    }
}

#[test]
fn a_resource_group_tells_namesakes_apart() {
    let directory = tempfile::tempdir().unwrap();
    let id = |group: &str, what: &str| {
        format!(
            "/subscriptions/5ab5ab5a-0000-1111-2222-333344445555/resourceGroups/{group}/providers/Microsoft.Network/{what}"
        )
    };
    let network = |group: &str, net: &str, access: &str| {
        let (vnet, nsg, nic) = (
            id(group, "virtualNetworks/v"),
            id(group, "networkSecurityGroups/n"),
            id(group, "networkInterfaces/web"),
        );
        format!(
            r#"{{"id": "{vnet}", "type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{
                "addressSpace": {{"addressPrefixes": ["{net}.0.0/16"]}}, "subnets": [{{"name": "s", "id": "{vnet}/subnets/s",
                "properties": {{"addressPrefix": "{net}.1.0/24", "networkSecurityGroup": {{"id": "{nsg}"}}}}}}]}}}},
            {{"id": "{nsg}", "type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {{"securityRules": [
                {{"name": "Web", "properties": {{"priority": 100, "direction": "Inbound", "access": "{access}", "protocol": "*",
                "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}}}}]}}}},
            {{"id": "{nic}", "type": "Microsoft.Network/networkInterfaces", "name": "web", "properties": {{"ipConfigurations": [
                {{"name": "i", "properties": {{"privateIPAddress": "{net}.1.4", "subnet": {{"id": "{vnet}/subnets/s"}}}}}}]}}}}"#
        )
    };
    let both = format!("[{},{}]", network("blue", "10.1", "Allow"), network("green", "10.2", "Deny"));
    let document = written(&directory, "net.json", &both);
    let flow = |net: &str, more: &str| {
        format!("--direction Inbound --protocol TCP --local {net}.1.4:80 --remote 8.8.8.8:*{more}")
    };
    let told = |net: &str, more: &str| asked(&document, "web", &flow(net, more));
    assert!(err(&told("10.1", "")).contains("could be any of 2"), "{}", err(&told("10.1", "")));
    assert_eq!(out(&told("10.1", " -g Blue")), "Allow: securityRules/Web of n\n");
    let subscription = " -g green --subscription 5ab5ab5a-0000-1111-2222-333344445555";
    assert_eq!(out(&told("10.2", subscription)), "Deny: securityRules/Web of n\n");
    let elsewhere = " -g blue --subscription 00000000-1111-1111-2222-333344445555";
    for nowhere in [" -g red", elsewhere, " -g blue --subscription lab", " --subscription lab"] {
        let told = told("10.1", nowhere);
        assert_eq!(told.status.code(), Some(2), "{nowhere}");
        assert!(err(&told).contains("there is no network interface '/subscriptions/"), "{}", err(&told));
    }
    let file = document.to_str().unwrap();
    let rules = nsgate(&["list-effective-nsg", "--file", file, "--nic", "web", "-g", "green", "-o", "json"]);
    assert!(out(&rules).contains("/green/") && !out(&rules).contains("/blue/"), "{}", out(&rules));
    let walk = |from: &str, more: &[&str]| {
        let words = ["explain", "--file", file, "--from", from, "tcp", "10.2.1.4:5", "8.8.8.8:443"];
        nsgate(&[&words, more].concat())
    };
    assert!(err(&walk("web", &[])).contains("could be any of 2"), "{}", err(&walk("web", &[])));
    for from in ["web", &id("green", "networkInterfaces/web"), "Internet"] {
        assert_eq!(
            walk(from, &["-g", "green"]).status.code(),
            Some(0),
            "{}",
            err(&walk(from, &["-g", "green"]))
        );
    }
    let red = err(&walk("web", &["-g", "red"]));
    assert!(red.contains("there is no network interface '/subscriptions/"), "{red}");
    // What says nothing of its resource group may be in any.
    let said = nsgate(&["list-effective-nsg", "--config", TWO, "--nic", "web1-nic", "-g", "any"]);
    assert_eq!(said.status.code(), Some(0), "{}", err(&said));
}

/// A spoke as Azure answers it, whose hub nobody gave: rules see the hub's prefixes in VirtualNetwork all the same.
#[test]
fn rules_see_the_prefixes_of_a_peer_that_nobody_gave() {
    let directory = tempfile::tempdir().unwrap();
    let hub = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/hub";
    let peering = format!(
        r#""virtualNetworkPeerings": [{{"name": "to-hub", "properties": {{"remoteVirtualNetwork": {{"id": "{hub}"}},
        "peeringState": "Connected", "remoteAddressSpace": {{"addressPrefixes": ["10.9.0.0/16"]}}}}}}]"#
    );
    let spoke = WITHOUT_RULES.replacen("\"subnets\": [", &format!("{peering}, \"subnets\": ["), 1);
    let [with, without] = [("with.json", spoke.as_str()), ("without.json", WITHOUT_RULES)]
        .map(|(name, text)| written(&directory, name, text));
    let flow = |nic: &str, local: &str| {
        let question = format!("--direction Inbound --protocol TCP --local {local}:443 --remote 10.9.0.4:*");
        [&with, &without].map(|document| out(&asked(document, nic, &question)))
    };
    let [with_peer, without_peer] = flow("guarded", "10.0.1.4");
    assert_eq!(with_peer, "Allow: defaultSecurityRules/AllowVnetInBound of n\n");
    assert_eq!(without_peer, "Deny: defaultSecurityRules/DenyAllInBound of n\n");
    // The hub comes to the private address, which no public address closes.
    let [with_peer, without_peer] = flow("closed", "10.0.2.4");
    assert_eq!(with_peer, "Allow: no network security group applies\n");
    assert!(without_peer.starts_with("Deny: a Standard public address is closed"), "{without_peer}");
    let said = nsgate(&["check", with.to_str().unwrap()]);
    assert!(err(&said).contains("rules see its prefixes in VirtualNetwork"), "{}", err(&said));
}

/// Whichever crate a line comes from.
#[test]
fn a_filter_that_names_nsgate_means_the_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let broken = written(&directory, "gateway.yaml", "network: {}\nattachments: [{ nik: a, mak: b }]\n");
    let errors = |filter: &str| {
        let file = broken.to_str().unwrap();
        let ran = nsgate(&["run", "--config", file, "--log-format", "json", "--log-level", filter]);
        assert_eq!(ran.status.code(), Some(2), "{}", err(&ran));
        err(&ran).lines().filter(|line| line.contains(r#""level":"ERROR""#)).count()
    };
    assert_eq!(errors("error"), 2, "each by itself");
    assert_eq!(errors("nsgate=error"), 2);
    assert_eq!(errors("io=error"), 0);
}
