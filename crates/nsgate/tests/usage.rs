//! What the command line takes, what it refuses, and how it says so.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TWO: &str = "config/two-subnets.yaml";
const FLOW: &str = "--direction Inbound --protocol TCP --remote 8.8.8.8:* --local";

fn command(words: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nsgate"));
    command.args(words.split_whitespace()).current_dir(root);
    command
}

fn nsgate(words: &str) -> Output {
    command(words).output().expect("running nsgate")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What went to stderr, for programs.
fn errors(output: &Output) -> Vec<Value> {
    serde_json::from_slice(&output.stderr).unwrap_or_else(|error| panic!("{error}: {}", err(output)))
}

#[track_caller]
fn refused(words: &str, why: &str) -> String {
    let output = nsgate(words);
    assert_eq!(output.status.code(), Some(2), "{words}: {}{}", out(&output), err(&output));
    assert!(out(&output).is_empty(), "{words}: {}", out(&output));
    assert!(err(&output).contains(why), "{words}: {why}: {}", err(&output));
    err(&output)
}

#[track_caller]
fn told(words: &str) -> String {
    let output = nsgate(words);
    assert_eq!(output.status.code(), Some(0), "{words}: {}", err(&output));
    out(&output)
}

/// A network in one subscription and resource group, whose network interface is a machine's; and one of no machine.
fn network(directory: &tempfile::TempDir) -> String {
    let id = |what: &str| format!("/subscriptions/s1/resourceGroups/blue/providers/{what}");
    let nic = |name: &str, address: &str, machine: &str| {
        format!(
            r#"{{"id": "{}", "type": "Microsoft.Network/networkInterfaces", "name": "{name}", "properties": {{ {machine}
                "ipConfigurations": [{{"name": "i", "properties": {{"subnet": {{"id": "{}"}}, "privateIPAddress": "{address}"}}}}]}}}}"#,
            id(&format!("Microsoft.Network/networkInterfaces/{name}")),
            id("Microsoft.Network/virtualNetworks/v/subnets/a")
        )
    };
    let machine =
        format!(r#""virtualMachine": {{"id": "{}"}},"#, id("Microsoft.Compute/virtualMachines/vm1"));
    let text = format!(
        r#"[{{"id": "{}", "type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{
            "addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}},
            "subnets": [{{"name": "a", "properties": {{"addressPrefix": "10.0.1.0/24"}}}}]}}}},
            {}, {}]"#,
        id("Microsoft.Network/virtualNetworks/v"),
        nic("n1", "10.0.1.4", &machine),
        nic("n2", "10.0.1.5", "")
    );
    let path = directory.path().join("net.json");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_reader_who_goes_does_not_change_the_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("wrong.yaml");
    std::fs::write(&wrong, "network: {}\natachments: []\n").unwrap();
    for (words, status) in [
        (format!("diff {TWO} config/hybrid.yaml"), 1),
        (format!("diff {TWO} {TWO}"), 0),
        (format!("check {}", wrong.display()), 1),
        (format!("check {} -o json", wrong.display()), 1),
        (format!("list-effective-nsg --config {TWO} --nic web1-nic"), 0),
    ] {
        // Nobody ever reads.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let errors = writer.try_clone().unwrap();
        let ran = command(&words).stdout(writer).stderr(errors).status().unwrap();
        assert_eq!(ran.code(), Some(status), "{words}");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = command(&format!("diff {TWO} {TWO}")).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(ran.code(), Some(2), "a disk that is full is no reader who has enough");
}

#[test]
fn a_machine_with_several_network_interfaces_is_told_from_none() {
    let directory = tempfile::tempdir().unwrap();
    let file = network(&directory);
    let text = std::fs::read_to_string(&file).unwrap();
    let machine = r#""virtualMachine": {"id": "/subscriptions/s1/resourceGroups/blue/providers/Microsoft.Compute/virtualMachines/vm1"},"#;
    let two = text.replace(
        r#""name": "n2", "properties": { "#,
        &format!(r#""name": "n2", "properties": {{ {machine}"#),
    );
    assert_ne!(two, text);
    std::fs::write(&file, two).unwrap();
    let asked = |resource: &str| {
        format!(
            "run-configuration-diagnostic --file {file} --direction Inbound --protocol TCP --source 8.8.8.8 \
             --destination 10.0.1.4 --resource {resource}"
        )
    };
    for resource in ["vm1", "VM1", "vm1 -g blue"] {
        refused(&asked(resource), "has several network interfaces, such as n1 and n2: name one");
    }
    refused(&asked("vm2"), "there is no network interface");
    told(&asked("n2"));
}

#[test]
fn a_place_selects_or_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = network(&directory);
    let flow = |more: &str| format!("test-ip-flow --file {file} {FLOW} 10.0.1.4:80 {more}");
    let diagnostic = |more: &str| {
        format!(
            "run-configuration-diagnostic --file {file} --direction Inbound --protocol TCP --source 8.8.8.8 \
             --destination 10.0.1.4 {more}"
        )
    };
    for subject in ["--vm vm1", "--nic n1", "-n n1", "--vm vm1 --nic n1"] {
        for place in ["", "-g Blue", "--subscription s1", "-g blue --subscription S1"] {
            told(&flow(&format!("{subject} {place}")));
        }
        for place in ["-g nope", "--subscription zz", "-g blue --subscription zz"] {
            refused(&flow(&format!("{subject} {place}")), "did you mean '/subscriptions/s1/");
        }
    }
    for subject in ["--resource vm1", "--name n1", "-n n1", "--resource vm1 --resource-type virtualMachines"]
    {
        told(&diagnostic(&format!("{subject} -g blue")));
        refused(&diagnostic(&format!("{subject} -g nope")), "/resourceGroups/nope/");
        refused(&diagnostic(&format!("{subject} --subscription zz")), "/subscriptions/zz/");
    }
    let id = "/subscriptions/s1/resourceGroups/blue/providers/Microsoft.Network/networkInterfaces/n1";
    told(&flow(&format!("--nic {id} -g blue")));
    refused(&flow(&format!("--nic {id} -g green")), "--resource-group says green, and");
    let explain = format!("explain --config {TWO} -g x tcp 8.8.8.8:5 203.0.113.20:22");
    refused(&explain, "--resource-group is for documents");
}

#[test]
fn a_network_interface_is_the_machines_that_is_named_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = network(&directory);
    let flow = |more: &str| format!("test-ip-flow --file {file} {FLOW} 10.0.1.4:80 {more}");
    told(&flow("--vm vm1 --nic n1"));
    refused(&flow("--vm nosuch --nic n1"), "n1 is another virtual machine's than nosuch");
    refused(&flow("--vm vm1 --nic n2"), "n2 does not say that it is virtual machine vm1's");
    refused(&flow("--vm nosuch"), "no network interface says that it is virtual machine nosuch's");
    let asked = "run-configuration-diagnostic --resource n1 --direction Inbound --protocol Any --source 8.8.8.8 \
                 --destination 10.0.1.4 --file";
    refused(&format!("{asked} {file} --resource-type applicationGateways"), "no other type is known here");
    refused(&format!("{asked} {file} --parent x"), "scale sets are not known here");
    for kind in ["networkInterfaces", "Microsoft.Network/networkInterfaces"] {
        let told = told(&format!("{asked} {file} --resource-type {kind}"));
        assert!(told.starts_with("Inbound, any protocol from 8.8.8.8"), "{told}");
    }
}

#[test]
fn answers_are_written_as_azures_cli_calls_it_or_refused() {
    let view = format!("list-effective-nsg --config {TWO} --nic web1-nic");
    let text = told(&view);
    assert_eq!(told(&format!("{view} -o table --no-wait")), text);
    let answer = told(&format!("{view} -o JSONC"));
    assert!(serde_json::from_str::<Value>(&answer).is_ok(), "{answer}");
    assert_eq!(told(&format!("{view} -o none")), "");
    let different = nsgate(&format!("diff {TWO} config/hybrid.yaml -o none"));
    assert_eq!((different.status.code(), different.stdout.len(), err(&different).len()), (Some(1), 0, 0));
    for format in ["tsv", "yaml", "yamlc"] {
        refused(&format!("{view} -o {format}"), "jq");
    }
    refused(&format!("{view} -o xml"), "expected text");
    refused(&format!("{view} --query value[0].id"), "into jq");
    // Several ids have an answer each.
    let both: Value = serde_json::from_str(&told(&format!(
        "list-effective-nsg --config {TWO} --ids networkInterfaces/web1-nic networkInterfaces/db1-nic -o json"
    )))
    .unwrap();
    let one: Value = serde_json::from_str(&told(&format!("{view} -o json"))).unwrap();
    assert_eq!((both.as_array().unwrap().len(), &both[0]), (2, &one));
}

#[test]
fn tips_lead_where_they_should() {
    let flow = format!("test-ip-flow --config {TWO} --nic web1-nic --direction Inbound");
    let said = refused(&format!("{flow} --protocol ICMP"), "run-configuration-diagnostic");
    assert!(!said.contains("similar"), "{said}");
    let said = refused("list-effective-nsg --direction Inbound", "--direction");
    assert!(!said.contains("similar"), "{said}");
    let said = refused(&format!("diff {TWO}"), "NEW is missing");
    assert!(!said.contains("required"), "{said}");
    refused("diff", "OLD is missing");
    let both =
        "config/azure/network.json config/azure/app.nsg.json --service-tags config/azure/service-tags.json";
    assert_eq!(told(&format!("check --file {both}")), told(&format!("check {both}")));
}

#[test]
fn a_files_name_says_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = network(&directory);
    let [plain, gateway] = ["check", "check --config"].map(|words| told(&format!("{words} {TWO}")));
    assert_eq!(plain, gateway);
    assert_eq!(told(&format!("check --config {file}")), told(&format!("check {file}")));
    let flow = |from: &str, nic: &str| told(&format!("test-ip-flow {from} {nic} {FLOW} 10.0.1.4:80"));
    assert_eq!(
        flow(&format!("--file {TWO}"), "--nic web1-nic"),
        flow(&format!("--config {TWO}"), "--nic web1-nic")
    );
    assert_eq!(flow(&format!("--config {file}"), "--nic n1"), flow(&format!("--file {file}"), "--nic n1"));
    let packet = "tcp 10.0.1.4:5 10.0.1.5:80";
    let both = format!("explain --file {file} config/azure/service-tags-none.json {packet}");
    refused(&both, "service-tags-none.json");
    for explain in [format!("--file {file} {packet}"), format!("--config {file} {packet}")] {
        assert!(told(&format!("explain {explain}")).contains("n2"), "{explain}");
    }
    // Two kinds at once, and the one that will not do.
    let stands = "a gateway file names its documents itself";
    for words in ["check", "expand"] {
        refused(&format!("{words} {file} {TWO}"), stands);
    }
    refused(&format!("diff {file} --old {TWO} {file}"), stands);
    refused(&format!("test-ip-flow --nic n1 {FLOW} 10.0.1.4:80 --file {file} {TWO}"), stands);
    refused(&format!("replay --config {file} --config {TWO} x.pcap"), stands);
    for words in ["status --config", "run --config", "release --config"] {
        refused(&format!("{words} {file}"), "here a gateway file (.yaml) is expected");
    }
    refused(&format!("check {TWO} --parameters a=b"), "under network.parameters");
    refused(&format!("diff {TWO} {TWO} -g x"), "under network.deployment");
}

#[test]
fn all_that_is_wrong_with_questions_is_told_with_their_numbers() {
    let asked = format!("run-configuration-diagnostic --config {TWO} --nic web1-nic --queries");
    let list = r#"[{"direction":"Sideways","protocol":"TCP","source":"*","destination":"10.0.1.4"},{"direction":"Inbound","protocol":"TCP","source":"*","destination":"10.0.1.4"},{"direction":"Inbound","protocol":"GRE","source":"*","destination":"10.0.1.4"}]"#;
    let said = refused(&format!("{asked} {list}"), "question 1: direction \"Sideways\"");
    assert!(said.contains("question 3: protocol \"GRE\"") && !said.contains("question 2"), "{said}");
    let said =
        refused(&format!("{asked} {}", list.replace("\"source\"", "\"sorce\"")), "did you mean \"source\"");
    assert!(said.contains("question 2") && said.contains("question 3"), "{said}");
}

#[test]
fn what_is_left_of_a_capture_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = pcap::Writer::new(Vec::new()).unwrap();
    let frame = testkit::build::ipv4("10.0.1.4", "8.8.8.8").tcp(5000, 443).syn().bytes();
    for second in 0..25 {
        writer.write(std::time::Duration::from_secs(second), &frame).unwrap();
    }
    let capture = directory.path().join("c.pcap");
    std::fs::write(&capture, writer.into_inner()).unwrap();
    let asked = format!("explain --config {TWO} --pcap {}", capture.display());
    assert!(told(&asked).ends_with("and 5 more: --limit\n"), "{}", told(&asked));
    assert_eq!(told(&format!("{asked} --limit 0")), "and 25 more: --limit\n");
    let json = nsgate(&format!("{asked} --output json"));
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&json.stdout).unwrap().len(), 20);
    let notes = errors(&json);
    assert_eq!(
        (&notes[0]["severity"], &notes[0]["message"]),
        (&json!("note"), &json!("and 5 more: --limit"))
    );
    assert!(!told(&format!("{asked} --limit 25")).contains("more: --limit\n"));
}

#[test]
fn what_is_no_template_is_not_expanded_in_silence() {
    let directory = tempfile::tempdir().unwrap();
    let file = network(&directory);
    let plain = nsgate(&format!("expand {file}"));
    assert_eq!((plain.status.code(), out(&plain).as_str()), (Some(0), ""));
    assert!(err(&plain).contains("nothing to expand"), "{}", err(&plain));
    let parameters = directory.path().join("p.json");
    std::fs::write(
        &parameters,
        r#"{"$schema": "x", "contentVersion": "1.0.0.0", "parameters": {"s": {"value": 5}}}"#,
    )
    .unwrap();
    let checked = nsgate(&format!("check {}", parameters.display()));
    assert_eq!(checked.status.code(), Some(1), "{}", out(&checked));
    refused(&format!("expand {}", parameters.display()), "error[");
}

#[test]
fn errors_are_for_programs_where_the_answer_would_have_been() {
    let no_nic = nsgate(&format!("list-effective-nsg --config {TWO} --nic web9-nic -o json"));
    let [one] = &errors(&no_nic)[..] else { panic!("{}", err(&no_nic)) };
    assert_eq!(
        (no_nic.status.code(), &one["severity"], &one["code"]),
        (Some(2), &json!("error"), &json!(null))
    );
    assert!(one["message"].as_str().unwrap().contains("web9-nic"), "{one}");
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("wrong.yaml");
    std::fs::write(&wrong, "network: {}\natachments: []\n").unwrap();
    let diff = nsgate(&format!("diff {TWO} {} -o json", wrong.display()));
    let [one] = &errors(&diff)[..] else { panic!("{}", err(&diff)) };
    assert_eq!((diff.status.code(), &one["code"], &one["line"]), (Some(2), &json!("UnknownKey"), &json!(2)));

    let file = directory.path().join("v.json");
    std::fs::write(&file, r#"[{"type": "Microsoft.KeyVault/vaults", "name": "k"}]"#).unwrap();
    let checked = nsgate(&format!("check {} -o json", file.display()));
    assert_eq!(serde_json::from_slice::<Value>(&checked.stdout).unwrap(), json!([]));
    let summary: Value = serde_json::from_slice(&checked.stderr).unwrap();
    assert_eq!(
        (&summary["ok"], &summary["errors"], &summary["warnings"]),
        (&json!(true), &json!(0), &json!(0))
    );
    assert_eq!(summary["ignored"], json!({"Microsoft.KeyVault/vaults": 1}));
}

#[test]
fn a_command_line_that_is_not_understood_is_told_to_programs_too() {
    let flow = format!("test-ip-flow --config {TWO} --nic web1-nic --local 10.0.1.4:80 --remote 8.8.8.8:*");
    for (words, said) in [
        (format!("{flow} --direction Sideways --protocol TCP"), "'Sideways' for '--direction"),
        (format!("{flow} --direction Inbound --protocol ICMP"), "run-configuration-diagnostic"),
        (flow, "not provided"),
    ] {
        for output in ["-o json", "--output=JSONC", "-ojson"] {
            let told = nsgate(&format!("{words} {output}"));
            let [one] = &errors(&told)[..] else { panic!("{}", err(&told)) };
            assert_eq!((told.status.code(), &one["severity"]), (Some(2), &json!("error")));
            let message = one["message"].as_str().unwrap();
            assert!(message.contains(said) && !message.contains("Usage"), "{message}");
        }
        let told = refused(&format!("{words} -o text"), said);
        assert!(told.starts_with("error: "), "{told}");
    }
    assert!(told("test-ip-flow --help -o json").contains("Usage"));
}

#[test]
fn a_packet_of_an_unknown_protocol_is_no_document() {
    let directory = tempfile::tempdir().unwrap();
    let file = network(&directory);
    refused(&format!("explain --file {file} gre 10.0.1.4 10.0.1.5"), "\"gre\": expected a packet");
    refused(&format!("explain --file {file}"), "no packet is given");
}

#[test]
fn a_mistyped_type_is_no_other_resource() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("typos.json");
    let types =
        ["Microsoft.Network/networkSecurityGroup", "networkSecurityGroups", "Microsoft.Network/natGateways"];
    let list: Vec<Value> = types.iter().map(|kind| json!({"type": kind, "name": "a"})).collect();
    std::fs::write(&file, json!(list).to_string()).unwrap();
    let checked = nsgate(&format!("check {} -o json", file.display()));
    assert_eq!(checked.status.code(), Some(1));
    let found: Vec<Value> = serde_json::from_slice(&checked.stdout).unwrap();
    let help = json!("did you mean 'Microsoft.Network/networkSecurityGroups'?");
    let errors: Vec<_> = found.iter().filter(|one| one["severity"] == "error").collect();
    assert_eq!(errors.len(), 2, "{found:#?}");
    assert!(
        errors.iter().all(|one| one["code"] == "InvalidResourceType" && one["help"] == help),
        "{found:#?}"
    );
}

#[test]
fn views_that_are_to_come_say_so() {
    for words in ["show-next-hop --source-ip 10.0.1.4", "show-effective-route-table --nic web1-nic -o json"] {
        refused(words, "not built yet");
    }
    assert!(!told("--help").contains("show-next-hop"));
}

#[test]
fn a_type_of_a_megabyte_is_told_in_short() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("network.json");
    let kind = format!("Microsoft.KeyVault/{}", "x".repeat(1 << 20));
    std::fs::write(&file, json!([{"type": kind, "name": "v", "properties": {}}]).to_string()).unwrap();
    for output in ["text", "json"] {
        let told = nsgate(&format!("check {} -o {output}", file.display()));
        let (out, err) = (out(&told), err(&told));
        assert!(out.contains("Microsoft.KeyVault/xxx") || err.contains("Microsoft.KeyVault/xxx"), "{output}");
        assert!(out.len() + err.len() < 1000, "{output}: {} bytes", out.len() + err.len());
    }
}
