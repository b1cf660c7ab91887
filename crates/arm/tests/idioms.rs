//! How templates are written, in small: what they come to together with the documents beside them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use arm::{Deployment, read_documents};
use document::{Node, read_json};
use model::{AddressMatch, Network, ServiceTags};
use std::sync::Arc;

/// The network of documents with nothing wrong in them.
fn network(documents: &[&str], parameters: &[&str]) -> Network {
    let read = |texts: &[&str], name: &str| -> Vec<Node> {
        let each = texts.iter().enumerate();
        each.map(|(nth, text)| read_json(&format!("{name}{nth}.json"), text).unwrap()).collect()
    };
    let deployment = Deployment { parameters: read(parameters, "p"), ..Deployment::default() };
    let resources = read_documents(&read(documents, "d"), &deployment);
    let (network, found) = model::validate(resources.network, Arc::new(ServiceTags::default()));
    let found: Vec<String> = resources.diagnostics.iter().chain(&found).map(ToString::to_string).collect();
    assert_eq!(found, Vec::<String>::new());
    network.unwrap()
}

#[test]
fn a_management_group_deploys_down_to_resource_groups() {
    let text = r##"{"$schema": "https://schema.management.azure.com/schemas/2019-08-01/managementGroupDeploymentTemplate.json#",
        "parameters": {"subscription": {"type": "string", "defaultValue": "33333333-3333-3333-3333-333333333333"}},
        "resources": [{"type": "Microsoft.Resources/deployments", "name": "down", "location": "westeurope",
          "subscriptionId": "[parameters('subscription')]", "properties": {"expressionEvaluationOptions": {"scope": "inner"},
          "template": {"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
            "resources": [
              {"type": "Microsoft.Resources/resourceGroups", "name": "net", "location": "[deployment().location]"},
              {"type": "Microsoft.Resources/deployments", "name": "vnet", "resourceGroup": "net", "properties": {
                "expressionEvaluationOptions": {"scope": "inner"},
                "parameters": {"nsg": {"value": "[reference(resourceId(subscription().subscriptionId, 'net', 'Microsoft.Resources/deployments', 'nsg')).outputs.id.value]"}},
                "template": {"parameters": {"nsg": {"type": "string"}}, "resources": [{"type": "Microsoft.Network/virtualNetworks", "name": "v",
                  "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [{"name": "s", "properties": {
                    "addressPrefix": "[cidrSubnet('10.0.0.0/16', 24, 3)]", "networkSecurityGroup": {"id": "[parameters('nsg')]"}}}]}}]}}},
              {"type": "Microsoft.Resources/deployments", "name": "nsg", "resourceGroup": "net", "dependsOn": ["net"], "properties": {
                "expressionEvaluationOptions": {"scope": "inner"},
                "template": {"resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "[concat('nsg-', resourceGroup().name)]",
                  "properties": {"securityRules": []}}], "outputs": {"id": {"type": "string",
                    "value": "[resourceId('Microsoft.Network/networkSecurityGroups', concat('nsg-', resourceGroup().name))]"}}}}}]}}}]}"##;
    let network = network(&[text], &[]);
    let id =
        "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/net/providers/Microsoft.Network";
    assert_eq!(&*network.security_groups[0].id, format!("{id}/networkSecurityGroups/nsg-net"));
    let subnet = &network.virtual_networks[0].subnets[0];
    assert_eq!(
        (subnet.prefixes[0].to_string().as_str(), subnet.security_group.is_some()),
        ("10.0.3.0/24", true)
    );
}

#[test]
fn a_template_adds_to_what_is_there_already() {
    let id =
        "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/prod/providers/Microsoft.Network";
    let there = format!(
        r#"[{{"id": "{id}/virtualNetworks/shared", "name": "shared", "resourceGroup": "prod", "addressSpace": {{"addressPrefixes": ["10.9.0.0/16"]}},
              "subnets": [{{"name": "old", "id": "{id}/virtualNetworks/shared/subnets/old", "addressPrefix": "10.9.9.0/24",
                "networkSecurityGroup": {{"id": "{id}/networkSecurityGroups/corp"}}}}]}},
            {{"id": "{id}/networkSecurityGroups/corp", "name": "corp", "resourceGroup": "prod", "securityRules": []}}]"#
    );
    let text = r#"{"languageVersion": "2.0", "parameters": {"subnets": {"type": "array"}}, "resources": {
        "vnet": {"existing": true, "type": "Microsoft.Network/virtualNetworks", "name": "shared"},
        "nsg": {"existing": true, "type": "Microsoft.Network/networkSecurityGroups", "name": "corp"},
        "subnets": {"copy": {"name": "subnets", "count": "[length(parameters('subnets'))]", "mode": "serial", "batchSize": 1},
            "type": "Microsoft.Network/virtualNetworks/subnets", "name": "[format('{0}/{1}', 'shared', parameters('subnets')[copyIndex()].name)]",
            "properties": {"addressPrefix": "[parameters('subnets')[copyIndex()].prefix]", "networkSecurityGroup": {"id": "[resourceInfo('nsg').id]"}}},
        "rule": {"type": "Microsoft.Network/networkSecurityGroups/securityRules", "name": "corp/web", "properties": {
            "priority": 150, "protocol": "Tcp", "access": "Allow", "direction": "Inbound", "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "443"}}}}"#;
    let parameters = r#"{"subnets": {"value": [{"name": "a", "prefix": "10.9.0.0/24"}, {"name": "b", "prefix": "10.9.1.0/24"}]}}"#;
    let network = network(&[&there, text], &[parameters]);
    assert_eq!(network.security_groups[0].rules.len(), 1);
    let subnets = &network.virtual_networks[0].subnets;
    assert_eq!(subnets.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["old", "a", "b"]);
    assert!(subnets.iter().all(|it| it.security_group.is_some()));
}

#[test]
fn bicep_makes_tiers_of_typed_parameters() {
    let text = r##"{"languageVersion": "2.0",
        "definitions": {
            "rule": {"type": "object", "properties": {"name": {"type": "string"}, "ports": {"type": "array", "items": {"type": "int"}},
                "from": {"type": "string", "nullable": true}}},
            "tier": {"type": "object", "properties": {"order": {"type": "int"}, "rules": {"type": "array", "items": {"$ref": "#/definitions/rule"}}}}},
        "functions": [{"namespace": "__bicep", "members": {"ruleOf": {
            "parameters": [{"$ref": "#/definitions/rule", "name": "rule"}, {"type": "int", "name": "nth"}],
            "output": {"type": "object", "value": {"name": "[parameters('rule').name]", "properties": {
                "priority": "[add(100, mul(10, parameters('nth')))]", "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
                "sourceAddressPrefix": "[coalesce(tryGet(parameters('rule'), 'from'), 'Internet')]", "sourcePortRange": "*",
                "destinationAddressPrefix": "*", "destinationPortRanges": "[map(parameters('rule').ports, lambda('p', string(lambdaVariables('p'))))]"}}}}}}],
        "parameters": {"tiers": {"type": "object", "additionalProperties": {"$ref": "#/definitions/tier"}}},
        "variables": {"copy": [{"name": "names", "count": "[length(items(parameters('tiers')))]",
            "input": "[sort(items(parameters('tiers')), lambda('a', 'b', less(lambdaVariables('a').value.order, lambdaVariables('b').value.order)))[copyIndex('names')].key]"}]},
        "resources": {
            "nsgs": {"copy": {"name": "nsgs", "count": "[length(variables('names'))]"}, "type": "Microsoft.Network/networkSecurityGroups",
                "name": "[format('nsg-{0}', variables('names')[copyIndex()])]", "properties": {"copy": [{"name": "securityRules",
                    "count": "[length(parameters('tiers')[variables('names')[copyIndex()]].rules)]",
                    "input": "[__bicep.ruleOf(parameters('tiers')[variables('names')[copyIndex()]].rules[copyIndex('securityRules')], copyIndex('securityRules'))]"}]}},
            "vnet": {"type": "Microsoft.Network/virtualNetworks", "name": "vnet", "dependsOn": ["nsgs"], "properties": {
                "addressSpace": {"addressPrefixes": ["10.20.0.0/16"]}, "copy": [{"name": "subnets", "count": "[length(range(0, length(variables('names'))))]",
                "input": {"name": "[variables('names')[range(0, length(variables('names')))[copyIndex('subnets')]]]", "properties": {
                    "addressPrefix": "[cidrSubnet('10.20.0.0/16', 24, copyIndex('subnets'))]",
                    "networkSecurityGroup": {"id": "[resourceInfo(format('nsgs[{0}]', copyIndex('subnets'))).id]"}}}}]}}}}"##;
    let parameters = r#"{"parameters": {"tiers": {"value": {
        "web": {"order": 1, "rules": [{"name": "https", "ports": [80, 443]}, {"name": "admin", "ports": [22], "from": "10.20.9.0/24"}]},
        "db": {"order": 0, "rules": [{"name": "sql", "ports": [1433], "from": "10.20.1.0/24"}]}}}}}"#;
    let network = network(&[text], &[parameters]);
    let names = |of: &[model::SecurityRule]| of.iter().map(|it| it.name.to_string()).collect::<Vec<_>>();
    let groups: Vec<_> =
        network.security_groups.iter().map(|it| (it.name.to_string(), names(&it.rules))).collect();
    assert_eq!(
        groups,
        [("nsg-db".into(), vec!["sql".into()]), ("nsg-web".into(), vec!["https".into(), "admin".to_owned()])]
    );
    assert!(matches!(&network.security_groups[1].rules[0].source, AddressMatch::Tag(_)));
    let subnets = &network.virtual_networks[0].subnets;
    assert_eq!(subnets[1].security_group.map(|it| it.0), Some(1));
}
