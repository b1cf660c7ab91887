//! Resources that are there already, and what they are where the template writes them, too.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{expanded, get, json, said};

const VNET: &str = r#"{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
    "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
    "subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.1.0/24"}}]}}"#;
const EXISTING: &str = r#""old": {"existing": true, "type": "Microsoft.Network/virtualNetworks", "name": "v", "apiVersion": "2023-04-01"},
    "old::a": {"existing": true, "type": "Microsoft.Network/virtualNetworks/subnets", "name": "v/a", "apiVersion": "2023-04-01"},
    "elsewhere": {"existing": true, "resourceGroup": "other", "type": "Microsoft.Network/virtualNetworks", "name": "v"}"#;
const ASKING: &str = r#""x": {"type": "Microsoft.Network/x", "name": "x", "properties": {
    "space": "[reference('old').addressSpace.addressPrefixes[0]]", "prefix": "[reference('old::a').addressPrefix]",
    "full": "[reference('old', '2023-04-01', 'full').properties.addressSpace.addressPrefixes[0]]",
    "elsewhere": "[reference('elsewhere').addressSpace]"}}"#;

/// What `x` comes to in a template with symbolic names.
fn properties(resources: &str) -> String {
    let expanded = expanded(&format!(r#""languageVersion": "2.0", "resources": {{{resources}}}"#));
    assert_eq!(said(&expanded), Vec::<String>::new());
    let x = expanded.resources.iter().find(|it| it.kind == "Microsoft.Network/x").unwrap();
    json(get(&x.node, "properties"))
}

fn module(resources: &str) -> String {
    format!(
        r#"{{"type": "Microsoft.Resources/deployments", "name": "m", "properties": {{
            "expressionEvaluationOptions": {{"scope": "inner"}},
            "template": {{"languageVersion": "2.0", "resources": {{{resources}}}}}}}}}"#
    )
}

#[test]
fn what_is_there_already_is_what_the_template_writes_of_it() {
    let known = r#"{"space":"10.0.0.0/16","prefix":"10.0.1.0/24","full":"10.0.0.0/16","elsewhere":?reference('elsewhere').addressSpace}"#;
    let vnet = format!(r#""v": {VNET}"#);
    assert_eq!(properties(&format!("{ASKING}, {EXISTING}, {vnet}")), known);
    assert_eq!(properties(&format!(r#"{ASKING}, {EXISTING}, "m": {}"#, module(&vnet))), known);
    assert_eq!(properties(&format!(r#"{vnet}, "m": {}"#, module(&format!("{EXISTING}, {ASKING}")))), known);
}

#[test]
fn what_nobody_writes_is_known_only_after_deployment() {
    assert_eq!(
        properties(&format!("{EXISTING}, {ASKING}")),
        "{\"space\":?reference('old').addressSpace.addressPrefixes[0],\"prefix\":?reference('old::a').addressPrefix,\
         \"full\":?reference('old', '2023-04-01', 'full').properties.addressSpace.addressPrefixes[0],\
         \"elsewhere\":?reference('elsewhere').addressSpace}"
    );
}

#[test]
fn a_network_that_asks_itself_by_another_name_ends() {
    let own = VNET.replace(r#""10.0.1.0/24""#, r#""[reference('old').subnets[0].properties.addressPrefix]""#);
    let asking = r#""x": {"type": "Microsoft.Network/x", "name": "x", "properties": {"prefix": "[reference('v').subnets[0].properties.addressPrefix]"}}"#;
    assert_eq!(
        properties(&format!(r#"{EXISTING}, "v": {own}, {asking}"#)),
        r#"{"prefix":?reference('old').subnets[0].properties.addressPrefix}"#
    );
}

#[test]
fn turns_of_a_loop_of_what_is_there_already_are_known_too() {
    let turns = r#""all": {"existing": true, "type": "Microsoft.Network/virtualNetworks", "name": "[concat('v', copyIndex())]",
        "copy": {"name": "loop", "count": 1}}, "v0": {"type": "Microsoft.Network/virtualNetworks", "name": "v0", "properties": {"a": 1}},
        "x": {"type": "Microsoft.Network/x", "name": "x", "properties": {"all": "[references('all')]"}}"#;
    assert_eq!(properties(turns), r#"{"all":[{"a":1}]}"#);
}
