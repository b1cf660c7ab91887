//! What the README shows is what is answered, and what is read from Azure's documents is what the views answer.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn nsgate(words: &[String], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nsgate"))
        .args(words)
        .current_dir(folder)
        .output()
        .expect("running nsgate")
}

/// The flow log of the README: a page that is allowed, its end, and somebody at ssh.
const LOG: &str = r#"{"records":[{"resourceId":"/S/NETWORKSECURITYGROUPS/WEB1-NSG","properties":{"Version":2,"flows":[
 {"rule":"UserRule_AllowWeb","flows":[{"flowTuples":["1767607215,8.8.8.8,10.0.1.4,50123,443,T,I,A,B,,,,",
 "1767607216,8.8.8.8,10.0.1.4,50123,443,T,I,A,E,9,1400,11,8120"]}]}]}},{"resourceId":"/S/NETWORKSECURITYGROUPS/WEB-NSG",
 "properties":{"Version":2,"flows":[{"rule":"UserRule_AllowWeb","flows":[{"flowTuples":[
 "1767607217,8.8.8.8,10.0.1.4,50124,22,T,I,A,B,,,,"]}]}]}}]}"#;

/// Each command of the README's blocks with what is shown below it.
fn shown(readme: &str) -> Vec<(Vec<String>, String)> {
    let mut all: Vec<(Vec<String>, String)> = Vec::new();
    let (mut inside, mut answered) = (false, false);
    for line in readme.lines() {
        if line.starts_with("```") {
            (inside, answered) = (!inside, false);
        } else if let Some(command) = line.strip_prefix("$ nsgate ").filter(|_| inside) {
            let words = command.split_whitespace().map(|word| word.trim_matches('\'').to_owned());
            all.push((words.collect(), String::new()));
            answered = true;
        } else if answered && let Some((_, answer)) = all.last_mut() {
            answer.push_str(line);
            answer.push('\n');
        }
    }
    all
}

/// Whether an answer is what is shown, where `…` stands for anything and white space for none.
fn is(answer: &str, shown: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let (answer, shown) = (squeezed(answer), squeezed(shown));
    let mut pieces = shown.split('…');
    let Some(mut left) = pieces.next().and_then(|first| answer.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return left.is_empty() };
    for piece in between {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(last)
}

#[test]
fn what_the_readme_shows_is_answered() {
    assert!(is("a b\nc", "a …c") && is("a b", "a b\n") && is("abc", "a…"));
    assert!(!is("a b c", "a b") && !is("a b", "b") && !is("a b", "…c…"));

    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("config"), folder.path().join("config")).unwrap();
    fs::write(folder.path().join("PT1H.json"), LOG).unwrap();
    let shown = shown(&fs::read_to_string(root().join("README.md")).unwrap());
    assert!(shown.len() >= 5, "{shown:?}");
    for (command, answer) in shown {
        let output = nsgate(&command, folder.path());
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(is(&said, &answer), "{command:?} answers\n{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The network security groups of an answer, whatever stands around them.
fn groups<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            let properties = value.get("properties").unwrap_or(value);
            if properties["securityRules"].is_array() && value["name"].is_string() {
                found.push(value);
            } else {
                members.values().for_each(|member| groups(member, found));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| groups(item, found)),
        _ => {}
    }
}

/// A field's values, of its plural or else its singular.
fn values(rule: &Value, field: &str, plural: &str) -> Vec<String> {
    let listed = rule[format!("{field}{plural}")].as_array().filter(|list| !list.is_empty()).cloned();
    let listed = listed.unwrap_or_else(|| vec![rule[field].clone()]);
    listed.iter().map(|it| it.as_str().unwrap_or_else(|| panic!("{field} of {rule}")).to_owned()).collect()
}

/// What the view must say of a rule as it is written.
fn expected(written: &Value) -> Value {
    let rule = written.get("properties").unwrap_or(written);
    let ports = |side: &str| -> Vec<String> {
        let normal = |it: String| match it.as_str() {
            "*" => "0-65535".to_owned(),
            range if range.contains('-') => it,
            port => format!("{port}-{port}"),
        };
        values(rule, &format!("{side}PortRange"), "s").into_iter().map(normal).collect()
    };
    let addresses = |side: &str| -> Vec<String> {
        let normal = |it: String| match it.as_str() {
            "*" => "0.0.0.0/0".to_owned(),
            address if address.parse::<std::net::Ipv4Addr>().is_ok() => format!("{address}/32"),
            _ => it,
        };
        values(rule, &format!("{side}AddressPrefix"), "es").into_iter().map(normal).collect()
    };
    let protocol = rule["protocol"].as_str().unwrap().replace('*', "All").to_ascii_lowercase();
    json!({
        "name": format!("securityRules/{}", written["name"].as_str().unwrap()),
        "protocol": protocol, "access": rule["access"], "priority": rule["priority"], "direction": rule["direction"],
        "sourcePortRanges": ports("source"), "destinationPortRanges": ports("destination"),
        "sourceAddressPrefixes": addresses("source"), "destinationAddressPrefixes": addresses("destination"),
    })
}

#[test]
fn what_is_read_is_what_the_views_answer() {
    let own = root().join("config/azure");
    let mut files: Vec<PathBuf> = vec![own.join("app.nsg.json")];
    if let Some(data) = std::env::var_os("NSGATE_DATA") {
        for folder in ["az-cli", "rest-examples"] {
            let entries = fs::read_dir(Path::new(&data).join(folder)).unwrap();
            files.extend(entries.map(|entry| entry.unwrap().path()).filter(|path| {
                path.file_name().unwrap().to_string_lossy().starts_with("NetworkSecurityGroup")
                    || path.to_string_lossy().contains("az-cli")
            }));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut compared = 0;
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut found = Vec::new();
        groups(document.pointer("/responses/200/body").unwrap_or(&document), &mut found);
        for group in found {
            let id = group.get("id").unwrap_or(&group["name"]);
            let network = json!([
                { "type": "Microsoft.Network/virtualNetworks", "name": "shown", "properties": {
                    "addressSpace": { "addressPrefixes": ["10.99.0.0/16"] },
                    "subnets": [{ "name": "shown", "properties": { "addressPrefix": "10.99.1.0/24" } }] } },
                { "type": "Microsoft.Network/networkInterfaces", "name": "shown-nic", "properties": {
                    "networkSecurityGroup": { "id": id },
                    "ipConfigurations": [{ "name": "one", "properties": {
                        "subnet": { "id": "shown/shown" }, "privateIPAddress": "10.99.1.4" } }] } },
            ]);
            fs::write(folder.path().join("network.json"), network.to_string()).unwrap();
            let words = ["list-effective-nsg", "--nic", "shown-nic", "-o", "json", "--file", "network.json"];
            let mut words: Vec<String> = words.map(str::to_owned).to_vec();
            words.extend(["--service-tags".to_owned(), own.join("service-tags.json").display().to_string()]);
            words.push("--file".to_owned());
            words.push(file.display().to_string());
            let output = nsgate(&words, folder.path());
            let view: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
            let rules = view["value"][0]["effectiveSecurityRules"].as_array().unwrap();
            let written = group.get("properties").unwrap_or(group)["securityRules"].as_array().unwrap();
            assert_eq!(rules.len(), written.len() + 6, "{} of {}", group["name"], file.display());
            for written in written {
                let expected = expected(written);
                let one = rules.iter().find(|rule| rule["name"] == expected["name"]).unwrap();
                for (key, value) in expected.as_object().unwrap() {
                    let said = match key.as_str() {
                        "protocol" => json!(one[key].as_str().unwrap().to_ascii_lowercase()),
                        _ => one[key].clone(),
                    };
                    assert_eq!(said, *value, "{key} of {} in {}", expected["name"], file.display());
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 0, "no rule was compared");
}
