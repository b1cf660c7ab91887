//! What `terraform show -json` prints of plans.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::Severity;
use serde_json::{Value, json};

fn resource(mode: &str, kind: &str, values: Value) -> Value {
    let prefix = if mode == "data" { "data." } else { "" };
    json!({"address": format!("{prefix}{kind}.x"), "mode": mode, "type": kind, "name": "x", "values": values})
}

/// A plan that makes these, in a module of two with keys.
fn plan(resources: &[Value]) -> Value {
    let module = "module.net[\"a.b\"].module.inner[0]";
    let mut resources = resources.to_vec();
    for it in &mut resources {
        it["address"] = format!("{module}.{}", it["address"].as_str().unwrap()).into();
    }
    json!({"format_version": "1.2", "terraform_version": "1.9.0", "planned_values": {"root_module": {"child_modules": [
        {"address": "module.net[\"a.b\"]", "child_modules": [{"address": module, "resources": resources}]}]}}})
}

/// The configuration of the first resource of that plan.
fn configured(plan: &mut Value, kind: &str, expressions: Value) {
    let resources = json!([{"address": format!("{kind}.x"), "mode": "managed", "type": kind, "name": "x", "expressions": expressions}]);
    plan["configuration"] = json!({"root_module": {"module_calls": {"net": {"module": {"module_calls": {"inner": {"module":
        {"resources": resources}}}}}}}});
}

/// The network, the errors and the warnings of a document.
fn read(document: &Value) -> (Option<model::Network>, Vec<String>, Vec<String>) {
    let text = serde_json::to_string_pretty(document).unwrap();
    let found = arm::read_resources(&[document::read_json("plan.json", &text).unwrap()]);
    let (network, more) = model::validate(found.network, std::sync::Arc::default());
    let (errors, warnings): (Vec<_>, Vec<_>) =
        found.diagnostics.into_iter().chain(more).partition(|it| it.severity == Severity::Error);
    let told = |all: Vec<model::Diagnostic>| all.iter().map(ToString::to_string).collect();
    (network, told(errors), told(warnings))
}

/// The only error of a document.
#[track_caller]
fn error(document: &Value) -> String {
    let (_, errors, _) = read(document);
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    error.clone()
}

fn rule() -> Value {
    json!({"name": "in", "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "description": "",
        "source_port_range": "*", "source_port_ranges": [], "source_address_prefix": "*", "source_address_prefixes": [],
        "source_application_security_group_ids": [], "destination_port_range": "22", "destination_port_ranges": [],
        "destination_address_prefix": "*", "destination_address_prefixes": [],
        "destination_application_security_group_ids": []})
}

#[test]
fn rules_that_are_written_and_not_known_are_not_none() {
    let kind = "azurerm_network_security_group";
    let mut document = plan(&[resource("managed", kind, json!({"name": "n"}))]);
    configured(
        &mut document,
        kind,
        json!({"name": {"constant_value": "n"}, "security_rule": {"references": ["data.http.rules"]}}),
    );
    let told = error(&document);
    let expected = "error[ValueNotKnown]: [0].properties.securityRules: 'module.net[\"a.b\"].module.inner[0].\
                    azurerm_network_security_group.x: security_rule' is known only after it is applied";
    assert!(told.contains(expected), "{told}");
    // Nothing is written: any list of rules is known only once Azure has it, and what a dynamic block makes looks the same.
    for with_configuration in [true, false] {
        let mut document = plan(&[resource("managed", kind, json!({"name": "n"}))]);
        if with_configuration {
            configured(&mut document, kind, json!({"name": {"constant_value": "n"}}));
        }
        let (network, errors, warnings) = read(&document);
        assert_eq!((network.unwrap().security_groups[0].rules.len(), errors), (0, Vec::new()));
        assert!(warnings[0].contains("warning[ValueNotKnown]"), "{warnings:?}");
        assert!(
            warnings[0].contains("the plan shows no rules of network security group 'n'"),
            "{warnings:?}"
        );
    }
    // The rules are resources of their own.
    let mut alone = rule();
    alone["network_security_group_name"] = "N".into();
    let alone = resource("managed", "azurerm_network_security_rule", alone);
    let (network, errors, warnings) = read(&plan(&[resource("managed", kind, json!({"name": "n"})), alone]));
    assert_eq!((network.unwrap().security_groups[0].rules.len(), errors), (1, Vec::new()));
    assert!(warnings.iter().all(|it| !it.contains("ValueNotKnown")), "{warnings:?}");
    // A plan that knows that there are none says so.
    let (_, errors, warnings) =
        read(&plan(&[resource("managed", kind, json!({"name": "n", "security_rule": []}))]));
    assert!(errors.is_empty() && warnings.iter().all(|it| !it.contains("ValueNotKnown")), "{warnings:?}");
}

#[test]
fn a_part_of_a_list_that_a_plan_does_not_know_is_told() {
    let of = |rules: Value| {
        plan(&[resource(
            "managed",
            "azurerm_network_security_group",
            json!({"name": "n", "security_rule": rules}),
        )])
    };
    let mut one = rule();
    one["source_address_prefix"] = Value::Null;
    one["source_address_prefixes"] = json!(["198.51.100.0/24", null]);
    let told = error(&of(json!([one])));
    assert!(told.contains("sourceAddressPrefixes[1]: 'module.net"), "{told}");
    assert!(told.contains(".x: source_address_prefixes' is known only after it is applied"), "{told}");
    // A whole rule.
    let told = error(&of(json!([rule(), null])));
    assert!(
        told.contains("securityRules[1]: 'module.net") && told.contains("security_rule' is known only"),
        "{told}"
    );
    // A field that is no end of the rule.
    let mut one = rule();
    one.as_object_mut().unwrap().remove("destination_port_range");
    let told = error(&of(json!([one])));
    assert!(told.contains("destination_port_range' is known only after it is applied"), "{told}");
    // A subnet in its network, whose group the same plan makes.
    let vnet = json!({"name": "v", "address_space": ["10.0.0.0/16"], "subnet": [{"name": "s", "address_prefix": "10.0.1.0/24"}]});
    let told = error(&plan(&[resource("managed", "azurerm_virtual_network", vnet)]));
    assert!(
        told.contains("networkSecurityGroup.id: 'module.net") && told.contains("security_group' is known"),
        "{told}"
    );
    // A name, and who is called by it.
    let mut alone = rule();
    alone["description"] = Value::Null;
    let document = plan(&[
        resource("managed", "azurerm_network_security_group", json!({"security_rule": [rule()]})),
        resource("managed", "azurerm_network_security_rule", alone),
    ]);
    let (_, errors, _) = read(&document);
    let [group, child] = errors.as_slice() else { panic!("{errors:#?}") };
    assert!(
        group.contains("name' is known only") && child.contains("network_security_group_name' is known only"),
        "{errors:#?}"
    );
}

#[test]
fn the_body_of_azapi_in_a_plan_is_known_or_told() {
    let of = |values: Value| {
        let mut values = values;
        values["type"] = "Microsoft.Network/networkSecurityGroups@2024-05-01".into();
        values["name"] = "n".into();
        plan(&[resource("managed", "azapi_resource", values)])
    };
    // The text of a body is not known as a whole.
    let told = error(&of(json!({"output": {"properties": {"securityRules": []}}})));
    assert!(told.contains("azapi_resource.x: body' is known only after it is applied"), "{told}");
    // A part of a body is.
    let mut document = of(json!({"body": {"properties": {}}}));
    let address = document["planned_values"]["root_module"]["child_modules"][0]["child_modules"][0]["resources"][0]["address"].clone();
    let (_, errors, _) = read(&document);
    assert_eq!(errors, Vec::<String>::new());
    document["resource_changes"] = json!([{"address": address, "change": {"actions": ["create"],
        "after_unknown": {"id": true, "output": true, "body": {"properties": {"securityRules": true}}}}}]);
    let told = error(&document);
    assert!(told.contains("azapi_resource.x: securityRules' is known only after it is applied"), "{told}");
}
