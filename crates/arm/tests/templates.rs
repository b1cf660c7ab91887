//! Published templates, where they are at hand.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use arm::{Deployment, read_documents};
use common::check_all;
use document::{Node, read_json_file};
use model::{Diagnostic, Severity};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The folder of published documents, if there is one.
fn data(folder: &str) -> Option<PathBuf> {
    let path = Path::new(&std::env::var_os("NSGATE_DATA")?).join(folder);
    path.is_dir().then_some(path)
}

/// What became of one template.
struct Outcome {
    name: String,
    resources: BTreeMap<String, usize>,
    found: Vec<Diagnostic>,
}

fn outcomes(folder: &Path) -> Vec<Outcome> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let is_parameters = |file: &&PathBuf| file.to_string_lossy().ends_with(".parameters.json");
    files.iter().filter(|it| !is_parameters(it)).map(|file| outcome(file)).collect()
}

fn outcome(file: &Path) -> Outcome {
    let document = read_json_file(file).unwrap();
    let beside = file.with_extension("parameters.json");
    let parameters: Vec<Node> =
        beside.is_file().then(|| read_json_file(&beside).unwrap()).into_iter().collect();
    let deployment = Deployment { parameters, ..Deployment::default() };
    let documents = [document];
    let mut resources = BTreeMap::new();
    for resource in deployment.expand(&documents).resources {
        *resources.entry(resource.kind.to_lowercase()).or_insert(0) += 1;
    }
    let found = read_documents(&documents, &deployment).diagnostics;
    Outcome { name: file.file_name().unwrap().to_string_lossy().into_owned(), resources, found }
}

#[test]
fn a_template_is_in_whatever_resource_group_others_say() {
    let group = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network";
    let net = r#"{"resources": [
        {"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": {"securityRules": []}},
        {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24",
                "networkSecurityGroup": {"id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'n')]"}}}]}}]}"#;
    let nic = |address: &str, id: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/networkInterfaces", "name": "nic{address}", {id} "properties": {{"ipConfigurations": [
                {{"name": "i", "properties": {{"privateIPAddress": "10.0.0.{address}",
                    "subnet": {{"id": "{group}/virtualNetworks/v/subnets/a"}}}}}}]}}}}"#
        )
    };
    let application = format!(r#"{{"resources": [{}]}}"#, nic("4", ""));
    let answer = nic("5", &format!(r#""id": "{group}/networkInterfaces/nic5","#));
    let network = check_all(&[net, &application, &answer]).clean();
    let subnet = &network.virtual_networks[0].subnets[0];
    assert_eq!(network.network_interfaces.len(), 2);
    assert!(subnet.security_group.is_some());
}

#[test]
fn published_templates_are_evaluated() {
    let Some(folder) = data("arm") else { return };
    for Outcome { name, resources, found } in outcomes(&folder) {
        let errors = found.iter().filter(|it| it.severity == Severity::Error).count();
        println!("{name}: {} resources, {errors} errors", resources.values().sum::<usize>());
        for one in &found {
            println!("    {one}");
        }
    }
}
