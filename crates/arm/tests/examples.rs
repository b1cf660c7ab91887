//! Azure's own examples and tag files, where the environment variable `NSGATE_DATA` names a folder of them:
//! `rest-examples/*.json`, `az-cli/*.json`, `service-tags/*.json`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::codes as azure;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The JSON files of a folder of the data, or `None` after saying that there are none.
fn files(folder: &str) -> Option<Vec<PathBuf>> {
    let Some(data) = std::env::var_os("NSGATE_DATA") else {
        eprintln!("skipped: NSGATE_DATA is not set");
        return None;
    };
    let folder = Path::new(&data).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "{} has no JSON files", folder.display());
    Some(files)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[test]
fn examples_of_modelled_types_are_read_without_a_word() {
    let Some(files) = files("rest-examples") else { return };
    let modelled = [
        "ApplicationSecurityGroup",
        "NetworkInterfaceCreate",
        "NetworkInterfaceGet",
        "NetworkSecurityGroup",
        "PublicIpAddress",
        "Subnet",
        "VirtualNetworkCreate",
        "VirtualNetworkGet",
    ];
    let mut read = 0;
    for path in files {
        let resources = arm::load(&[&path]);
        if !modelled.iter().any(|name| stem(&path).starts_with(name)) {
            continue;
        }
        read += 1;
        assert!(resources.diagnostics.is_empty(), "{}: {:?}", path.display(), resources.diagnostics);
        // An example shows one resource; what it refers to is elsewhere.
        let (_, findings) = model::validate(resources.network, Default::default());
        for found in findings {
            let elsewhere = [azure::INVALID_RESOURCE_REFERENCE, azure::PARENT_RESOURCE_NOT_FOUND];
            assert!(elsewhere.contains(&found.code), "{found}");
        }
    }
    assert!(read >= 10, "only {read} examples of modelled types");
}

/// Every security rule that stands anywhere in the document, as its name and fields, sorted; read by nobody of ours.
fn written(value: &serde_json::Value, found: &mut Vec<String>) {
    let of_rule = |rule: &serde_json::Value| {
        let fields = rule.get("properties").unwrap_or(rule);
        let one = |key: &str| match &fields[key] {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let many = |key: &str| -> Vec<String> {
            let items = fields[key].as_array().into_iter().flatten();
            items.map(|it| it.get("id").unwrap_or(it).as_str().unwrap().to_owned()).collect()
        };
        let singular = ONE.map(one);
        format!("{} {singular:?} {:?}", rule["name"].as_str().unwrap(), MANY.map(many))
    };
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| written(item, found)),
        serde_json::Value::Object(entries) => {
            for (key, inner) in entries {
                match key.as_str() {
                    "securityRules" => found.extend(inner.as_array().into_iter().flatten().map(of_rule)),
                    "defaultSecurityRules" => {}
                    _ => written(inner, found),
                }
            }
        }
        _ => {}
    }
}

const ONE: [&str; 9] = [
    "priority",
    "direction",
    "access",
    "protocol",
    "description",
    "sourceAddressPrefix",
    "sourcePortRange",
    "destinationAddressPrefix",
    "destinationPortRange",
];
const MANY: [&str; 6] = [
    "sourceAddressPrefixes",
    "sourcePortRanges",
    "sourceApplicationSecurityGroups",
    "destinationAddressPrefixes",
    "destinationPortRanges",
    "destinationApplicationSecurityGroups",
];

/// The same of what was read.
fn read(rule: &model::raw::SecurityRule) -> String {
    let one =
        |it: &Option<diagnostic::At<String>>| it.as_ref().map(|it| it.value.clone()).unwrap_or_default();
    let many = |list: &[diagnostic::At<String>]| list.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
    let (from, to) = (&rule.source, &rule.destination);
    let singular = [
        one(&rule.priority),
        one(&rule.direction),
        one(&rule.access),
        one(&rule.protocol),
        one(&rule.description),
        one(&from.prefix),
        one(&rule.source_ports.range),
        one(&to.prefix),
        one(&rule.destination_ports.range),
    ];
    let plural = [
        many(&from.prefixes),
        many(&rule.source_ports.ranges),
        many(&from.application_security_groups),
        many(&to.prefixes),
        many(&rule.destination_ports.ranges),
        many(&to.application_security_groups),
    ];
    format!("{} {singular:?} {plural:?}", rule.name.value)
}

/// Holds the rules that were read against those of the file, field by field; returns how many there are.
fn compare(path: &Path, network: &model::raw::Network) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let document: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
    let body = document.pointer("/responses/200/body").unwrap_or(&document);
    let mut expected = Vec::new();
    written(body, &mut expected);
    let mut rules: Vec<String> = network.security_groups.iter().flat_map(|it| &it.rules).map(read).collect();
    expected.sort();
    rules.sort();
    assert_eq!(rules, expected, "{}", path.display());
    rules.len()
}

#[test]
fn what_the_cli_prints_is_read_without_a_word_and_field_by_field() {
    let Some(files) = files("az-cli") else { return };
    for path in files {
        let resources = arm::load(&[&path]);
        assert!(resources.diagnostics.is_empty(), "{}: {:?}", path.display(), resources.diagnostics);
        let count = compare(&path, &resources.network);
        let (network, findings) = model::validate(resources.network, Default::default());
        assert!(findings.iter().all(|it| it.severity == diagnostic::Severity::Warning), "{findings:?}");
        let groups = network.unwrap().security_groups.len();
        eprintln!("{}: {groups} groups, {count} rules, {findings:?}", stem(&path));
        assert!(groups > 0 && count > 0);
    }
}

#[test]
fn every_example_is_read_listed_or_refused_by_name() {
    let Some(files) = files("rest-examples") else { return };
    // Answers that tell of a network, and those that are about one address.
    let answers = [
        "NetworkInterfaceEffectiveNSGList",
        "NetworkInterfaceEffectiveRouteTableList",
        "NetworkWatcherConnectivityCheck",
        "NetworkWatcherIpFlowVerify",
        "NetworkWatcherNetworkConfigurationDiagnostic",
        "NetworkWatcherNextHopGet",
        "NetworkWatcherSecurityGroupViewGet",
        "ServiceTagsList",
    ];
    for path in files {
        let resources = arm::load(&[&path]);
        let codes: Vec<_> = resources.diagnostics.iter().map(|found| found.code).collect();
        if answers.contains(&stem(&path).as_str()) {
            assert!(!codes.is_empty(), "{}", path.display());
            assert!(codes.iter().all(|&code| code == arm::codes::ANSWER_NOT_POLICY), "{codes:?}");
        } else {
            assert!(codes.is_empty(), "{}: {:?}", path.display(), resources.diagnostics);
            let rules = compare(&path, &resources.network);
            let ignored: Vec<&str> = resources.ignored.iter().map(|it| it.what.as_str()).collect();
            eprintln!("{}: {rules} rules, ignored {ignored:?}", stem(&path));
        }
    }
}

#[test]
fn published_tags_of_every_year_are_read() {
    let Some(files) = files("service-tags") else { return };
    for path in files {
        let start = Instant::now();
        let tags = arm::read_service_tags_file(&path).unwrap().0;
        let prefixes: usize = tags.iter().map(|tag| tag.prefixes.len()).sum();
        eprintln!("{}: {} tags, {prefixes} prefixes in {:?}", path.display(), tags.len(), start.elapsed());
        let storage = tags.find("STORAGE").and_then(|index| tags.get(index)).unwrap();
        assert!(storage.usable_in_nsg && !storage.prefixes.is_empty());
    }
}
