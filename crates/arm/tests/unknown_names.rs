//! Names that cannot be known: each is one message, and nothing else is said of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::check;

fn template(sections: &str) -> String {
    format!(
        "{{\"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",\n{sections}}}"
    )
}

#[test]
fn a_name_that_is_not_known_is_one_error() {
    let outcome = check(&template(
        r#""parameters": {"prefix": {"type": "string"}},
        "resources": [
            {"type": "Microsoft.Network/networkSecurityGroups", "name": "[concat(parameters('prefix'), '-a')]", "properties": {
                "securityRules": [
                    {"name": "[concat(parameters('prefix'), 'r')]", "properties": {"priority": 100, "access": "Allow", "direction": "Inbound",
                     "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}},
                    {"name": "[concat(parameters('prefix'), 'r')]", "properties": {"priority": 110, "access": "Deny", "direction": "Inbound",
                     "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*", "sourceAddressPrefix": "Internett", "destinationAddressPrefix": "*"}}
                ]}},
            {"type": "Microsoft.Network/networkSecurityGroups", "name": "[concat(parameters('prefix'), '-b')]", "properties": {}},
            {"type": "Microsoft.Network/networkSecurityGroups/securityRules", "name": "[concat(parameters('prefix'), '-b/r')]", "properties": {
                "priority": 100, "access": "Allow", "direction": "Inbound", "protocol": "*", "sourcePortRange": "*",
                "destinationPortRange": "*", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}},
            {"type": "Microsoft.Network/virtualNetworks", "name": "[concat(parameters('prefix'), '-v')]", "properties": {
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [
                    {"name": "[parameters('prefix')]", "properties": {"addressPrefix": "10.0.0.0/24"}},
                    {"name": "[parameters('prefix')]", "properties": {"addressPrefix": "10.0.1.0/24"}}
                ]}},
            {"type": "Microsoft.Network/virtualNetworks/subnets", "name": "[concat(parameters('prefix'), '-v/c')]",
             "properties": {"addressPrefix": "10.0.2.0/24"}}
        ]"#,
    ));
    assert!(outcome.network.is_none());
    let said: Vec<String> =
        outcome.findings.iter().map(|it| format!("{}: {}", it.code, it.message)).collect();
    // What is wrong besides is said too, and by the name that is written.
    assert_eq!(
        said,
        [
            "ValueNotKnown: resources[0].name: 'parameters('prefix')' has neither a value nor a default",
            "SecurityRuleInvalidAddressPrefix: the source of rule '[parameters('prefix')]/[parameters('prefix')]' has the address \
             prefix 'Internett', which is no known service tag"
        ]
    );
}

#[test]
fn a_count_and_a_name_of_the_same_parameter_are_one_error() {
    let outcome = check(&template(
        r#""parameters": {"count": {"type": "int"}}, "resources": [
            {"type": "Microsoft.Network/networkSecurityGroups", "name": "a", "copy": {"name": "c", "count": "[parameters('count')]"}},
            {"type": "Microsoft.Network/networkSecurityGroups", "name": "[string(parameters('count'))]"}
        ]"#,
    ));
    assert!(outcome.network.is_none());
    let codes: Vec<&str> = outcome.findings.iter().map(|it| it.code).collect();
    assert_eq!(codes, ["ValueNotKnown"]);
}

#[test]
fn a_name_that_begins_with_a_bracket_is_an_error_and_no_network() {
    for document in [
        r#"{"type": "Microsoft.Network/networkSecurityGroups", "name": "[x", "properties": {}}"#,
        r#"{"type": "Microsoft.Network/networkSecurityGroups", "name": "[[x]", "properties": {}}"#,
    ] {
        let outcome = check(document);
        assert!(outcome.network.is_none());
        let codes: Vec<&str> = outcome.findings.iter().map(|it| it.code).collect();
        assert_eq!(codes, ["InvalidResourceName"], "{document}");
    }
}

#[test]
fn a_missing_name_is_still_an_error() {
    let outcome = check(r#"[{"type": "Microsoft.Network/networkSecurityGroups", "properties": {}}]"#);
    let codes: Vec<&str> = outcome.findings.iter().map(|it| it.code).collect();
    assert_eq!(codes, ["InvalidResourceName"]);
}
