//! What `terraform show -json` prints of plans: what they do not know, and what they have read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use diagnostic::Severity;
use serde_json::{Value, json};

const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";

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
    let told = |all: Vec<diagnostic::Diagnostic>| all.iter().map(ToString::to_string).collect();
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
fn what_a_plan_has_read_stands_beside_what_it_makes() {
    let id = |what: &str| format!("{GROUP}/{what}");
    let mut alone = rule();
    alone["network_security_group_name"] = "n".into();
    alone["priority"] = 200.into();
    alone["name"] = "more".into();
    let mut document = plan(&[
        resource("managed", "azurerm_network_security_rule", alone),
        resource(
            "managed",
            "azurerm_network_interface",
            json!({"name": "nic", "ip_configuration": [{"name": "c", "primary": true,
            "private_ip_address_allocation": "Dynamic", "subnet_id": id("virtualNetworks/v/subnets/s"), "public_ip_address_id": null}]}),
        ),
    ]);
    let group = json!({"id": id("networkSecurityGroups/n"), "name": "n", "security_rule": [rule()]});
    let mut before = rule();
    before["network_security_group_name"] = "n".into();
    before["id"] = id("networkSecurityGroups/n/securityRules/in").into();
    before["destination_port_range"] = "23".into();
    document["prior_state"] = json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": [
        resource("data", "azurerm_network_security_group", group),
        resource("data", "azurerm_virtual_network", json!({"id": id("virtualNetworks/v"), "name": "v", "address_space": ["10.0.0.0/16"]})),
        resource("data", "azurerm_subnet", json!({"id": id("virtualNetworks/v/subnets/s"), "name": "s", "virtual_network_name": "v",
            "address_prefixes": ["10.0.1.0/24"], "network_security_group_id": id("networkSecurityGroups/n"), "route_table_id": ""})),
        // What is managed was so before the plan.
        resource("managed", "azurerm_network_security_rule", before),
    ]}}});
    let (network, errors, _) = read(&document);
    assert_eq!(errors, Vec::<String>::new());
    let network = network.unwrap();
    let rules =
        network.security_groups[0].rules.iter().map(|it| (&*it.name, it.destination_ports.to_string()));
    assert_eq!(rules.collect::<Vec<_>>(), [("in", "22".to_owned()), ("more", "22".to_owned())]);
    assert_eq!(network.virtual_networks[0].subnets[0].security_group.map(|it| it.0), Some(0));
    assert_eq!(network.network_interfaces.len(), 1);
}

#[test]
fn what_a_plan_reads_only_when_it_is_applied_is_not_known() {
    let subnet = json!({"name": "s", "virtual_network_name": "v", "address_prefixes": ["10.0.1.0/24"], "route_table_id": ""});
    let vnet = json!({"name": "v", "address_space": ["10.0.0.0/16"], "subnet": []});
    for (kind, values, name) in [
        ("azurerm_network_security_group", json!({"name": "n"}), "security_rule"),
        ("azurerm_subnet", subnet, "network_security_group_id"),
        ("azurerm_public_ip", json!({"name": "p", "sku": "Standard"}), "ip_address"),
        (
            "azapi_resource",
            json!({"type": "Microsoft.Network/networkSecurityGroups@2024-05-01", "name": "n"}),
            "output",
        ),
    ] {
        let mut document = plan(&[
            resource("data", kind, values),
            resource("managed", "azurerm_virtual_network", vnet.clone()),
        ]);
        let of_module =
            document["planned_values"]["root_module"]["child_modules"][0]["child_modules"][0]["resources"][0]
                .clone();
        let told = error(&document);
        assert!(
            told.contains(&format!("data.{kind}.x: {name}' is known only after it is applied")),
            "{told}"
        );
        // What an earlier plan has read of it is no longer true.
        let mut earlier = of_module;
        earlier["values"][name] = if name == "security_rule" { json!([rule()]) } else { json!("") };
        document["prior_state"] = json!({"values": {"root_module": {"resources": [earlier]}}});
        assert_eq!(error(&document), told);
    }
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
    // The name of an application security group says everything.
    let kind = "Microsoft.Network/applicationSecurityGroups@2024-05-01";
    let (network, errors, _) =
        read(&plan(&[resource("managed", "azapi_resource", json!({"type": kind, "name": "a"}))]));
    assert_eq!((network.unwrap().application_security_groups.len(), errors), (1, Vec::new()));
}

#[test]
fn what_a_plan_deletes_is_not_left_in_the_lists_of_others() {
    let id = |what: &str| format!("{GROUP}/{what}");
    let (subnet, group) = (id("virtualNetworks/v/subnets/s"), id("networkSecurityGroups/n"));
    let mut other = rule();
    other["name"] = "other".into();
    other["priority"] = 200.into();
    let route = |name: &str, prefix: &str| json!({"name": name, "address_prefix": prefix, "next_hop_type": "None", "next_hop_in_ip_address": ""});
    let mut document = plan(&[
        resource(
            "managed",
            "azurerm_network_security_group",
            json!({"id": group, "name": "n", "security_rule": [rule(), other]}),
        ),
        resource(
            "managed",
            "azurerm_route_table",
            json!({"id": id("routeTables/t"), "name": "t",
            "route": [route("one", "192.0.2.0/24"), route("two", "198.51.100.0/24")]}),
        ),
        resource(
            "managed",
            "azurerm_virtual_network",
            json!({"id": id("virtualNetworks/v"), "name": "v", "address_space": ["10.0.0.0/16"],
            "subnet": [{"id": subnet, "name": "s", "address_prefixes": ["10.0.1.0/24"], "security_group": group, "route_table_id": ""},
                {"id": id("virtualNetworks/v/subnets/old"), "name": "old", "address_prefixes": ["10.0.2.0/24"], "security_group": "",
                    "route_table_id": ""}]}),
        ),
        resource(
            "managed",
            "azurerm_subnet",
            json!({"id": subnet, "name": "s", "virtual_network_name": "v",
            "address_prefixes": ["10.0.1.0/24"]}),
        ),
    ]);
    let rules = |network: &model::Network| network.security_groups[0].rules.len();
    let (network, errors, warnings) = read(&document);
    let network = network.unwrap();
    assert_eq!((rules(&network), network.virtual_networks[0].subnets.len(), errors), (2, 2, Vec::new()));
    assert_eq!(network.virtual_networks[0].subnets[0].security_group.map(|it| it.0), Some(0));
    assert!(warnings[0].contains("AssociationMissing"), "{warnings:?}");
    let change = |kind: &str, id: &str, actions: &[&str]| json!({"address": format!("{kind}.gone"), "type": kind, "change": {"actions": actions, "before": {"id": id}, "after": null}});
    document["resource_changes"] = json!([
        change("azurerm_network_security_rule", &format!("{group}/securityRules/IN"), &["delete"]),
        // Kept, and no longer managed.
        change("azurerm_network_security_rule", &format!("{group}/securityRules/other"), &["forget"]),
        change("azurerm_route", &id("routeTables/t/routes/one"), &["delete"]),
        // Made again under another name.
        change("azurerm_subnet", &id("virtualNetworks/v/subnets/old"), &["create", "delete"]),
        change("azurerm_subnet_network_security_group_association", &subnet, &["delete"]),
    ]);
    let (network, errors, warnings) = read(&document);
    let network = network.unwrap();
    assert_eq!((rules(&network), network.virtual_networks[0].subnets.len(), errors), (1, 1, Vec::new()));
    assert_eq!(&*network.security_groups[0].rules[0].name, "other");
    assert_eq!(&*network.route_tables[0].routes[0].name, "two");
    assert_eq!(network.virtual_networks[0].subnets[0].security_group, None);
    assert!(warnings.iter().all(|it| !it.contains("AssociationMissing")), "{warnings:?}");
}

#[test]
fn an_association_that_a_plan_deletes_is_not_left_in_what_it_has_read() {
    let id = |what: &str| format!("{GROUP}/{what}");
    let (subnet, nic) = (id("virtualNetworks/v/subnets/s"), id("networkInterfaces/nic"));
    let (group, table) = (id("networkSecurityGroups/n"), id("routeTables/t"));
    let of_subnet =
        json!({"id": subnet, "name": "s", "virtual_network_name": "v", "address_prefixes": ["10.0.1.0/24"]});
    let of_nic = json!({"id": nic, "name": "nic", "ip_configuration": [{"name": "c", "primary": true,
        "private_ip_address": "10.0.1.4", "private_ip_address_allocation": "Static", "subnet_id": subnet, "public_ip_address_id": ""}]});
    let mut managed = vec![
        resource(
            "managed",
            "azurerm_network_security_group",
            json!({"id": group, "name": "n", "security_rule": [rule()]}),
        ),
        resource("managed", "azurerm_route_table", json!({"id": table, "name": "t", "route": []})),
        resource(
            "managed",
            "azurerm_virtual_network",
            json!({"id": id("virtualNetworks/v"), "name": "v", "address_space": ["10.0.0.0/16"], "subnet": []}),
        ),
    ];
    let (mut read_subnet, mut read_nic) = (of_subnet.clone(), of_nic.clone());
    read_subnet["network_security_group_id"] = group.as_str().into();
    read_subnet["route_table_id"] = table.as_str().into();
    read_nic["network_security_group_id"] = group.as_str().into();
    let prior = json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": [
        resource("data", "azurerm_subnet", read_subnet), resource("data", "azurerm_network_interface", read_nic)]}}});
    let associations = [
        ("azurerm_subnet_network_security_group_association", subnet.clone()),
        ("azurerm_subnet_route_table_association", subnet.to_uppercase()),
        ("azurerm_network_interface_security_group_association", format!("{nic}|{group}")),
    ];
    let held = |document: &Value| {
        let (network, errors, warnings) = read(document);
        assert_eq!(errors, Vec::<String>::new());
        let network = network.unwrap();
        let (subnet, nic) = (&network.virtual_networks[0].subnets[0], &network.network_interfaces[0]);
        let held =
            [subnet.security_group.is_some(), subnet.route_table.is_some(), nic.security_group.is_some()];
        (held, warnings.iter().filter(|it| it.contains("AssociationMissing")).count())
    };
    // The data sources stand alone, and then beside what is managed here, which says nothing of the associations.
    for is_managed in [false, true] {
        if is_managed {
            managed.push(resource("managed", "azurerm_subnet", of_subnet.clone()));
            managed.push(resource("managed", "azurerm_network_interface", of_nic.clone()));
        }
        let mut document = plan(&managed);
        document["prior_state"] = prior.clone();
        let warned = if is_managed { 3 } else { 0 };
        assert_eq!(held(&document), ([true; 3], warned));
        for (action, left) in [("forget", ([true; 3], warned)), ("delete", ([false; 3], 0))] {
            let changes = associations.iter().map(|(kind, id)| {
                json!({"address": format!("{kind}.gone"), "type": kind,
                "change": {"actions": [action], "before": {"id": id}, "after": null}})
            });
            document["resource_changes"] = changes.collect();
            assert_eq!(held(&document), left, "{action}");
        }
    }
}
