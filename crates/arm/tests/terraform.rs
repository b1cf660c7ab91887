//! What `terraform show -json` prints of states and plans with the providers azurerm and azapi.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::PublicIpSku;

const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";

fn text(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// What `terraform show -json` prints of a state: every attribute is there, and what is not set is empty.
fn of_terraform() -> serde_json::Value {
    let id = |what: &str| format!("{GROUP}/{what}");
    let resource = |kind: &str, name: &str, values: serde_json::Value| {
        let mut values = values;
        values["name"] = name.into();
        values["resource_group_name"] = "g".into();
        serde_json::json!({"address": format!("{kind}.x"), "mode": "managed", "type": kind, "name": "x", "values": values})
    };
    let rule = |name: &str, port: &str| {
        serde_json::json!({"name": name, "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
            "description": "", "source_port_range": "*", "source_port_ranges": [], "source_address_prefix": "",
            "source_address_prefixes": ["10.1.0.0/16", "10.2.0.0/16"], "source_application_security_group_ids": [],
            "destination_port_range": port, "destination_port_ranges": [], "destination_address_prefix": "",
            "destination_address_prefixes": [], "destination_application_security_group_ids": [id("applicationSecurityGroups/web")]})
    };
    let mut alone = rule("more", "443");
    alone["priority"] = 200.into();
    alone["network_security_group_name"] = "n".into();
    alone["id"] = id("networkSecurityGroups/n/securityRules/more").into();
    let (subnet, nic) = (id("virtualNetworks/v/subnets/s"), id("networkInterfaces/web"));
    serde_json::json!({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {
    "resources": [
        resource("azurerm_network_security_group", "n", serde_json::json!({"id": id("networkSecurityGroups/n"), "security_rule": [rule("in", "22")], "tags": null})),
        resource("azurerm_network_security_rule", "more", alone),
        resource("azurerm_application_security_group", "web", serde_json::json!({"id": id("applicationSecurityGroups/web")})),
        resource("azurerm_public_ip", "ip", serde_json::json!({"id": id("publicIPAddresses/ip"), "ip_address": "203.0.113.7", "allocation_method": "Static", "sku": "Standard", "ip_version": "IPv4"})),
        resource("azurerm_route_table", "t", serde_json::json!({"id": id("routeTables/t"), "bgp_route_propagation_enabled": true, "subnets": [], "route": [
            {"name": "all", "address_prefix": "0.0.0.0/0", "next_hop_type": "VirtualAppliance", "next_hop_in_ip_address": "10.0.9.4"}]})),
        resource("azurerm_route", "r", serde_json::json!({"id": id("routeTables/t/routes/r"), "route_table_name": "t", "address_prefix": "192.0.2.0/24", "next_hop_type": "None", "next_hop_in_ip_address": ""})),
        resource("azurerm_linux_virtual_machine", "vm", serde_json::json!({"id": "vm"})),
    ],
    "child_modules": [{"address": "module.net", "resources": [
        resource("azurerm_virtual_network", "v", serde_json::json!({"id": id("virtualNetworks/v"), "address_space": ["10.0.0.0/16"],
            "subnet": [{"name": "s", "address_prefix": "10.0.1.0/24", "security_group": "", "id": subnet}]})),
        resource("azurerm_subnet", "s", serde_json::json!({"id": subnet, "virtual_network_name": "v", "address_prefixes": ["10.0.1.0/24"]})),
        resource("azurerm_subnet_network_security_group_association", "", serde_json::json!({"id": subnet, "subnet_id": subnet.to_uppercase(), "network_security_group_id": id("networkSecurityGroups/n")})),
        resource("azurerm_subnet_route_table_association", "", serde_json::json!({"id": subnet, "subnet_id": subnet, "route_table_id": id("routeTables/t")})),
        resource("azurerm_network_interface", "web", serde_json::json!({"id": nic, "virtual_machine_id": "", "ip_forwarding_enabled": false, "ip_configuration": [
            {"name": "one", "primary": true, "private_ip_address": "10.0.1.4", "private_ip_address_allocation": "Static", "private_ip_address_version": "IPv4",
             "subnet_id": subnet, "public_ip_address_id": id("publicIPAddresses/ip"), "gateway_load_balancer_frontend_ip_configuration_id": ""}]})),
        resource("azurerm_network_interface_application_security_group_association", "", serde_json::json!({"network_interface_id": nic, "application_security_group_id": id("applicationSecurityGroups/web")})),
        resource("azurerm_network_interface_security_group_association", "", serde_json::json!({"network_interface_id": nic, "network_security_group_id": id("networkSecurityGroups/n")})),
    ]}]}}})
}

#[test]
fn what_terraform_shows_of_a_state_is_read() {
    let text = text(&of_terraform());
    let read = arm::read_resources(&[document::read_json("net.json", &text).unwrap()]);
    let ignored: Vec<&str> = read.ignored.iter().map(|it| it.what.as_str()).collect();
    assert_eq!((ignored, read.diagnostics), (vec!["Terraform/azurerm_linux_virtual_machine"], Vec::new()));
    let (network, found) = model::validate(read.network, std::sync::Arc::default());
    assert!(found.iter().all(|one| one.severity == diagnostic::Severity::Warning), "{found:?}");
    let network = network.unwrap();
    let subnet = &network.virtual_networks[0].subnets[0];
    let table = network.route_tables.get(subnet.route_table.unwrap().0).unwrap();
    assert_eq!(table.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(), ["all", "r"]);
    let rules =
        network.security_groups[0].rules.iter().map(|it| (&*it.name, it.destination_ports.to_string()));
    assert_eq!(rules.collect::<Vec<_>>(), [("in", "22".to_owned()), ("more", "443".to_owned())]);
    let nic = &network.network_interfaces[0];
    assert_eq!(
        (nic.security_group.map(|it| it.0), nic.ip_configurations[0].application_security_groups.len()),
        (Some(0), 1)
    );
    assert_eq!(nic.ip_configurations[0].private_address, Some("10.0.1.4".parse().unwrap()));
    assert_eq!(network.virtual_networks[0].subnets[0].security_group.map(|it| it.0), Some(0));
    assert_eq!(network.public_ips[0].sku, PublicIpSku::Standard);
}

#[test]
fn what_a_subnet_of_terraforms_holds_may_stand_in_it() {
    let (group, table) = (format!("{GROUP}/networkSecurityGroups/n"), format!("{GROUP}/routeTables/t"));
    // In the network, in a resource of its own, and in a data source, without the associations.
    for (key, is_data) in
        [("security_group", false), ("network_security_group_id", false), ("network_security_group_id", true)]
    {
        let mut state = of_terraform();
        let resources =
            state["values"]["root_module"]["child_modules"][0]["resources"].as_array_mut().unwrap();
        resources.retain(|it| !it["type"].as_str().unwrap().starts_with("azurerm_subnet_"));
        let subnet = if key == "security_group" {
            resources.remove(1);
            &mut resources[0]["values"]["subnet"][0]
        } else {
            resources[1]["mode"] = if is_data { "data" } else { "managed" }.into();
            &mut resources[1]["values"]
        };
        subnet[key] = group.as_str().into();
        subnet["route_table_id"] = table.as_str().into();
        let read = arm::read_resources(&[document::read_json("net.json", &text(&state)).unwrap()]);
        assert!(read.diagnostics.is_empty(), "{:?}", read.diagnostics);
        let network = model::validate(read.network, std::sync::Arc::default()).0.unwrap();
        let subnet = &network.virtual_networks[0].subnets[0];
        assert_eq!(subnet.security_group.map(|it| it.0), Some(0), "{key}");
        assert_eq!(subnet.route_table.map(|it| it.0), Some(0), "{key}");
    }
    // An association that says the same is no contradiction.
    let mut state = of_terraform();
    let resources = &mut state["values"]["root_module"]["child_modules"][0]["resources"];
    resources[1]["values"]["route_table_id"] = table.as_str().into();
    let read = arm::read_resources(&[document::read_json("net.json", &text(&state)).unwrap()]);
    assert!(read.diagnostics.is_empty(), "{:?}", read.diagnostics);
}

#[test]
fn what_only_its_network_says_of_a_subnet_counts() {
    // The associations stand in another state; the network says what Azure has, and the subnet says nothing of it.
    let mut state = without_associations();
    let resources = resources_of(&mut state);
    resources[0]["values"]["subnet"][0]["security_group"] = format!("{GROUP}/networkSecurityGroups/n").into();
    resources[0]["values"]["subnet"][0]["route_table_id"] = format!("{GROUP}/routeTables/t").into();
    let (found, network) = read(&state);
    let told: Vec<_> = found.diagnostics.iter().map(|it| (it.severity, it.code)).collect();
    assert_eq!(told, [(diagnostic::Severity::Warning, arm::codes::ASSOCIATION_MISSING); 2]);
    assert!(found.diagnostics[0].message.contains("'s' this network security group"), "{told:?}");
    let subnet = &network.unwrap().virtual_networks[0].subnets[0];
    assert_eq!((subnet.security_group.map(|it| it.0), subnet.route_table.map(|it| it.0)), (Some(0), Some(0)));
    // A data source that names none, which may have been read before.
    resources_of(&mut state)[1]["mode"] = "data".into();
    resources_of(&mut state)[1]["values"]["network_security_group_id"] = "".into();
    assert_eq!(read(&state).1.unwrap().virtual_networks[0].subnets[0].security_group.map(|it| it.0), Some(0));
    // One that is in none of the documents is the error that it is everywhere.
    resources_of(&mut state)[0]["values"]["subnet"][0]["security_group"] =
        format!("{GROUP}/networkSecurityGroups/elsewhere").into();
    let (found, more) = model::validate(read(&state).0.network, std::sync::Arc::default());
    assert!(found.is_none());
    assert!(more.iter().any(|it| it.code == model::codes::INVALID_RESOURCE_REFERENCE), "{more:?}");
    // Data sources say the same of what is managed, here or in another state.
    let mut state = without_associations();
    let resources = resources_of(&mut state);
    for nth in [1, 2] {
        let mut read = resources[nth].clone();
        read["mode"] = "data".into();
        read["values"]["network_security_group_id"] = format!("{GROUP}/networkSecurityGroups/n").into();
        resources.push(read);
    }
    let (found, network) = read(&state);
    let told: Vec<_> = found.diagnostics.iter().map(|it| (it.severity, it.code)).collect();
    assert_eq!(told, [(diagnostic::Severity::Warning, arm::codes::ASSOCIATION_MISSING); 2]);
    let network = network.unwrap();
    let (subnet, nic) = (&network.virtual_networks[0].subnets[0], &network.network_interfaces[0]);
    assert_eq!((subnet.security_group.map(|it| it.0), nic.security_group.map(|it| it.0)), (Some(0), Some(0)));
    // An association is newer than the network, which nobody has read since.
    let mut state = of_terraform();
    resources_of(&mut state)[0]["values"]["subnet"][0]["security_group"] =
        format!("{GROUP}/networkSecurityGroups/old").into();
    let (found, network) = read(&state);
    assert_eq!(found.diagnostics, Vec::new());
    assert_eq!(network.unwrap().virtual_networks[0].subnets[0].security_group.map(|it| it.0), Some(0));
}

#[test]
fn what_a_plan_of_terraforms_does_not_know_is_told() {
    let mut plan = of_terraform();
    plan["planned_values"] = plan["values"].take();
    let association =
        &mut plan["planned_values"]["root_module"]["child_modules"][0]["resources"][2]["values"];
    association.as_object_mut().unwrap().remove("subnet_id");
    let found = arm::read_resources(&[document::read_json("plan.json", &text(&plan)).unwrap()]).diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("known only after it is applied"), "{found:?}");
}

#[test]
fn what_azapi_manages_is_azures_own_already() {
    let network = format!("{GROUP}/virtualNetworks/v");
    let resource = |kind: &str, name: &str, more: serde_json::Value| {
        let mut values = more;
        values["type"] = format!("Microsoft.Network/{kind}@2024-05-01").into();
        values["name"] = name.into();
        serde_json::json!({"address": "azapi_resource.x", "mode": "managed", "type": "azapi_resource", "name": "x", "values": values})
    };
    let group_of = GROUP.split("/providers/").next().unwrap();
    let rules = serde_json::json!({"properties": {"securityRules": [{"name": "in", "properties": {"priority": 100, "protocol": "Tcp",
        "direction": "Inbound", "access": "Allow", "sourcePortRange": "*", "destinationPortRange": "22",
        "sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}}]}});
    let group = format!("{GROUP}/networkSecurityGroups/n");
    let state = serde_json::json!({"format_version": "1.0", "terraform_version": "1.9.0", "planned_values": {"root_module": {"resources": [
        // Of a state, and of a plan, which knows no id; with a body and with the text of one.
        resource("networkSecurityGroups", "n", serde_json::json!({"id": group, "parent_id": group_of, "body": rules.to_string(), "tags": {}})),
        resource("virtualNetworks", "v", serde_json::json!({"parent_id": group_of, "location": "westeurope",
            "body": {"properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}})),
        resource("virtualNetworks/subnets", "s", serde_json::json!({"parent_id": network,
            "body": {"properties": {"addressPrefixes": ["10.0.1.0/24"], "networkSecurityGroup": {"id": group}, "routeTable": null}}})),
        resource("networkManagers", "m", serde_json::json!({"parent_id": group_of, "body": {}})),
    ]}}});
    let read = arm::read_resources(&[document::read_json("net.json", &text(&state)).unwrap()]);
    let ignored: Vec<&str> = read.ignored.iter().map(|it| it.what.as_str()).collect();
    assert_eq!((ignored, read.diagnostics), (vec!["Microsoft.Network/networkManagers"], Vec::new()));
    let (network, found) = model::validate(read.network, std::sync::Arc::default());
    assert_eq!(found, Vec::new());
    let network = network.unwrap();
    assert_eq!(network.security_groups[0].rules[0].destination_ports.to_string(), "22");
    assert_eq!(network.virtual_networks[0].subnets[0].security_group.map(|it| it.0), Some(0));
}

#[test]
fn what_a_data_source_of_azapi_does_not_export_is_not_known() {
    let errors = |kind: &str, values: serde_json::Value| {
        let mut values = values;
        values["type"] = format!("Microsoft.Network/{kind}@2024-05-01").into();
        values["id"] = format!("{GROUP}/{kind}/x").into();
        values["name"] = "x".into();
        let read_only = serde_json::json!({"address": "data.azapi_resource.x", "mode": "data", "type": "azapi_resource", "name": "x",
            "values": values});
        let mut state = of_terraform();
        resources_of(&mut state).push(read_only);
        let found = read(&state).0.diagnostics;
        assert!(found.iter().all(|it| it.code == document::codes::VALUE_NOT_KNOWN), "{found:?}");
        found.iter().map(|it| it.message.rsplit("x: ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let group = |output: serde_json::Value, exported: serde_json::Value| {
        errors(
            "networkSecurityGroups",
            serde_json::json!({"output": output, "response_export_values": exported}),
        )
    };
    let rules = serde_json::json!({"securityRules": []});
    let read_only = serde_json::json!({"provisioningState": "Succeeded"});
    // Nothing; a text of nothing; what is read-only, as later versions have it where nothing is asked for.
    for (output, exported) in [
        (serde_json::json!({}), serde_json::json!(["properties"])),
        (serde_json::json!("{}"), serde_json::json!([])),
        (
            serde_json::json!({"state": "Succeeded"}),
            serde_json::json!({"state": "properties.provisioningState"}),
        ),
    ] {
        assert_eq!(group(output, exported), ["properties' is not exported"]);
    }
    for exported in [serde_json::json!(["properties.provisioningState"]), serde_json::Value::Null] {
        let told = group(serde_json::json!({"properties": read_only}), exported);
        assert_eq!(told, ["properties.securityRules' is not exported"]);
    }
    for exported in
        [serde_json::json!(["properties.securityRules"]), serde_json::json!({"properties": "properties"})]
    {
        assert_eq!(group(serde_json::json!({"properties": rules}), exported), Vec::<String>::new());
    }
    // Without a group, an answer does not name one; it has to be asked for all the same.
    let nic = |exported: &[&str]| {
        let subnet = format!("{GROUP}/virtualNetworks/v/subnets/s");
        let output = serde_json::json!({"properties": {"ipConfigurations": [{"name": "c", "properties": {"subnet": {"id": subnet}}}]}});
        errors("networkInterfaces", serde_json::json!({"output": output, "response_export_values": exported}))
    };
    assert_eq!(nic(&["properties.ipConfigurations"]), ["properties.networkSecurityGroup' is not exported"]);
    let both = ["properties.ipConfigurations", "properties.networkSecurityGroup.id"];
    for exported in [&both[..], &["properties"], &["*"]] {
        assert_eq!(nic(exported), Vec::<String>::new(), "{exported:?}");
    }
    // What lets a public address in without a group is its SKU.
    let address = serde_json::json!({"output": {"properties": {"ipAddress": "203.0.113.9"}}, "response_export_values": ["properties"]});
    assert_eq!(errors("publicIPAddresses", address), ["sku' is not exported"]);
    // Of what the state manages nothing has to be exported.
    let mut state = of_terraform();
    let values = serde_json::json!({"type": "Microsoft.Network/networkSecurityGroups@2024-05-01", "name": "n",
        "id": format!("{GROUP}/networkSecurityGroups/n"), "output": {}, "response_export_values": []});
    resources_of(&mut state)
        .push(serde_json::json!({"mode": "data", "type": "azapi_resource", "name": "x", "values": values}));
    assert_eq!(read(&state).0.diagnostics, Vec::new());
    // What is not there at all, and what says nothing about packets.
    let gone = serde_json::json!({"output": null, "exists": false, "response_export_values": ["*"]});
    assert_eq!(errors("networkSecurityGroups", gone), Vec::<String>::new());
    let nothing = serde_json::json!({"output": {}, "response_export_values": []});
    assert_eq!(errors("applicationSecurityGroups", nothing.clone()), Vec::<String>::new());
    assert_eq!(errors("loadBalancers", nothing), Vec::<String>::new());
}

/// The state without the resources that only say what belongs together.
fn without_associations() -> serde_json::Value {
    let mut state = of_terraform();
    let resources = resources_of(&mut state);
    resources.retain(|it| !it["type"].as_str().unwrap().ends_with("_association"));
    state
}

/// The resources of the module that has the network: the virtual network, its subnet, and the network interface last.
fn resources_of(state: &mut serde_json::Value) -> &mut Vec<serde_json::Value> {
    state["values"]["root_module"]["child_modules"][0]["resources"].as_array_mut().unwrap()
}

/// What is read, and the network that it makes.
fn read(document: &serde_json::Value) -> (arm::Resources, Option<model::Network>) {
    let read = arm::read_resources(&[document::read_json("net.json", &text(document)).unwrap()]);
    let network = model::validate(read.network.clone(), std::sync::Arc::default()).0;
    (read, network)
}

#[test]
fn a_network_interface_that_terraform_only_reads_has_its_group() {
    let mut state = without_associations();
    let nic = resources_of(&mut state).last_mut().unwrap();
    nic["mode"] = "data".into();
    nic["values"]["network_security_group_id"] = format!("{GROUP}/networkSecurityGroups/n").into();
    let (found, network) = read(&state);
    assert_eq!(found.diagnostics, Vec::new());
    let nic = &network.unwrap().network_interfaces[0];
    assert_eq!(nic.security_group.map(|it| it.0), Some(0));
    // An association that says the same is no contradiction.
    let mut state = of_terraform();
    let nic = &mut resources_of(&mut state)[4];
    nic["values"]["network_security_group_id"] = format!("{GROUP}/networkSecurityGroups/N").into();
    let (found, network) = read(&state);
    assert_eq!(found.diagnostics, Vec::new());
    assert_eq!(network.unwrap().network_interfaces[0].security_group.map(|it| it.0), Some(0));
}

#[test]
fn what_terraform_manages_counts_more_than_what_it_reads() {
    // As the provider reads a subnet and a network that the same state manages, before what it manages has changed.
    let mut state = of_terraform();
    let resources = resources_of(&mut state);
    let mut subnet = resources[1].clone();
    subnet["mode"] = "data".into();
    subnet["values"]["id"] = subnet["values"]["id"].as_str().unwrap().to_uppercase().into();
    subnet["values"]["address_prefixes"] = serde_json::json!(["10.0.9.0/24"]);
    subnet["values"]["network_security_group_id"] = "".into();
    let mut vnet = resources[0].clone();
    vnet["mode"] = "data".into();
    vnet["values"] = serde_json::json!({"id": format!("{GROUP}/virtualNetworks/v"), "name": "v",
        "address_space": ["10.0.0.0/16"], "subnets": ["s"], "vnet_peerings": {}});
    resources.insert(0, subnet);
    resources.push(vnet);
    let found = read(&state).0;
    assert_eq!(found.diagnostics, Vec::new());
    let (network, more) = model::validate(found.network, std::sync::Arc::default());
    let errors: Vec<_> = more.iter().filter(|it| it.severity == diagnostic::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let subnet = &network.unwrap().virtual_networks[0].subnets[0];
    assert_eq!(subnet.prefixes[0].to_string(), "10.0.1.0/24");
    assert_eq!(subnet.security_group.map(|it| it.0), Some(0));
    // An association is no subnet, though it has the id of one.
    let mut state = of_terraform();
    let resources = resources_of(&mut state);
    resources[0]["values"]["subnet"] = serde_json::json!([]);
    resources[1]["mode"] = "data".into();
    assert_eq!(resources[1]["values"]["id"], resources[2]["values"]["id"]);
    let (found, network) = read(&state);
    assert_eq!(found.diagnostics, Vec::new());
    assert_eq!(network.unwrap().virtual_networks[0].subnets[0].security_group.map(|it| it.0), Some(0));
}

#[test]
fn what_stands_in_several_states_is_one_network() {
    // One state manages the network, one associates, and one has the network interface, and reads the network.
    let mut network = of_terraform();
    let (mut associations, mut machines) = (without_associations(), without_associations());
    let all = std::mem::take(resources_of(&mut network));
    let (associated, mut all): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|it| it["type"].as_str().unwrap().ends_with("_association"));
    let nic = all.pop().unwrap();
    let mut subnet = all[1].clone();
    subnet["mode"] = "data".into();
    subnet["values"]["network_security_group_id"] = "".into();
    let vnet = serde_json::json!({"mode": "data", "type": "azurerm_virtual_network", "name": "v", "values":
        {"id": format!("{GROUP}/virtualNetworks/v"), "name": "v", "address_space": ["10.0.0.0/16"], "subnets": ["s"]}});
    *resources_of(&mut network) = all;
    for (state, resources) in [(&mut associations, associated), (&mut machines, vec![subnet, vnet, nic])] {
        state["values"]["root_module"]["resources"] = serde_json::json!([]);
        *resources_of(state) = resources;
    }
    let documents =
        [machines, associations, network].map(|it| document::read_json("net.json", &text(&it)).unwrap());
    let found = arm::read_resources(&documents);
    assert_eq!(found.diagnostics, Vec::new());
    let (network, more) = model::validate(found.network, std::sync::Arc::default());
    let errors: Vec<_> = more.iter().filter(|it| it.severity == diagnostic::Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let network = network.unwrap();
    let (subnet, nic) = (&network.virtual_networks[0].subnets[0], &network.network_interfaces[0]);
    assert_eq!((subnet.security_group.map(|it| it.0), nic.security_group.map(|it| it.0)), (Some(0), Some(0)));
}

#[test]
fn what_is_deposed_is_older() {
    let group = |name: &str| format!("{GROUP}/networkSecurityGroups/{name}");
    for deposed_is_last in [false, true] {
        let mut state = of_terraform();
        let mut old = state["values"]["root_module"]["resources"][0].clone();
        old["values"]["security_rule"] = serde_json::json!([]);
        // Another resource, which Azure still has.
        let mut other = old.clone();
        (other["values"]["id"], other["values"]["name"]) = (group("other").into(), "other".into());
        let resources = resources_of(&mut state);
        let mut nic = resources.last().unwrap().clone();
        assert_eq!(nic["type"], "azurerm_network_interface_security_group_association");
        nic["values"]["network_security_group_id"] = group("other").into();
        for mut it in [old, other, nic] {
            it["deposed_key"] = "0a1b2c3d".into();
            let place = if deposed_is_last { resources.len() } else { 0 };
            resources.insert(place, it);
        }
        let (found, network) = read(&state);
        assert_eq!(found.diagnostics, Vec::new());
        let network = network.unwrap();
        let nic = network.network_interfaces[0].security_group.unwrap();
        let groups: Vec<_> = network.security_groups.iter().map(|it| (&*it.name, it.rules.len())).collect();
        assert_eq!(groups.len(), 2, "{groups:?}");
        assert_eq!(groups[nic.0], ("n", 2), "{groups:?}");
    }
}

#[test]
fn rules_of_a_network_manager_of_terraforms_are_of_the_network() {
    let mut state = of_terraform();
    resources_of(&mut state)
        .push(serde_json::json!({"mode": "managed", "type": "azurerm_network_manager_admin_rule",
        "name": "r", "values": {"name": "deny-rdp", "action": "Deny"}}));
    let listed = read(&state).0.ignored;
    let listed: Vec<_> = listed.iter().map(|it| (it.what.as_str(), it.name.as_str())).collect();
    assert!(listed.contains(&("azurerm_network_manager_admin_rule", "deny-rdp")), "{listed:?}");
}

#[test]
fn a_peering_of_some_subnets_of_terraforms_is_listed() {
    let mut state = of_terraform();
    let peering = serde_json::json!({"id": format!("{GROUP}/virtualNetworks/v/virtualNetworkPeerings/p"), "name": "p",
        "virtual_network_name": "v", "remote_virtual_network_id": format!("{GROUP}/virtualNetworks/hub"),
        "local_subnet_names": ["s"], "remote_subnet_names": []});
    resources_of(&mut state)
        .push(serde_json::json!({"mode": "managed", "type": "azurerm_virtual_network_peering",
        "name": "p", "values": peering}));
    let listed = read(&state).0.ignored;
    let listed: Vec<_> = listed.iter().map(|it| (it.what.as_str(), it.name.as_str())).collect();
    assert!(listed.contains(&("localSubnetNames", "p")), "{listed:?}");
    assert!(listed.iter().all(|(what, _)| *what != "remoteSubnetNames"), "{listed:?}");
}

/// What azapi changes of a resource that something else manages.
fn update(target: serde_json::Value, properties: serde_json::Value) -> serde_json::Value {
    let mut values = target;
    values["type"] = "Microsoft.Network/virtualNetworks/subnets@2024-05-01".into();
    values["body"] = serde_json::json!({"properties": properties});
    serde_json::json!({"address": "azapi_update_resource.x", "mode": "managed", "type": "azapi_update_resource", "name": "x",
        "values": values})
}

#[test]
fn what_azapi_changes_of_a_resource_is_a_part_of_it() {
    let subnet = format!("{GROUP}/virtualNetworks/v/subnets/s");
    let group =
        serde_json::json!({"NetworkSecurityGroup": {"id": format!("{GROUP}/networkSecurityGroups/n")}});
    let guarded = |state: &serde_json::Value| {
        let (found, network) = read(state);
        assert_eq!(found.diagnostics, Vec::new());
        let subnet = network.unwrap().virtual_networks[0].subnets[0].clone();
        assert_eq!(subnet.prefixes[0].to_string(), "10.0.1.0/24");
        subnet.security_group.map(|it| it.0)
    };
    assert_eq!(guarded(&without_associations()), None);
    for target in [
        serde_json::json!({"resource_id": subnet.to_uppercase(), "id": subnet, "name": "s"}),
        serde_json::json!({"parent_id": format!("{GROUP}/virtualNetworks/v"), "name": "s", "resource_id": null}),
    ] {
        let mut state = without_associations();
        resources_of(&mut state).insert(0, update(target.clone(), group.clone()));
        assert_eq!(guarded(&state), Some(0), "{target}");
        // The subnet stands in its network alone, and the body is a text, as older versions keep it.
        let mut update = update(target.clone(), group.clone());
        update["values"]["body"] = update["values"]["body"].to_string().into();
        let mut state = without_associations();
        let resources = resources_of(&mut state);
        resources.retain(|it| it["type"] != "azurerm_subnet");
        resources.push(update);
        assert_eq!(guarded(&state), Some(0), "{target}");
    }
}

#[test]
fn what_azapi_changes_and_nobody_knows_is_told() {
    let group =
        serde_json::json!({"networkSecurityGroup": {"id": format!("{GROUP}/networkSecurityGroups/n")}});
    // What it changes is made by the same plan.
    let mut state = without_associations();
    resources_of(&mut state).push(update(serde_json::json!({"name": null}), group.clone()));
    let found = read(&state).0.diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].severity, found[0].code),
        (diagnostic::Severity::Error, document::codes::VALUE_NOT_KNOWN)
    );
    assert!(found[0].message.contains("known only after it is applied"), "{found:?}");
    // What it changes is not in the document.
    let elsewhere = format!("{GROUP}/virtualNetworks/v/subnets/t");
    let mut state = without_associations();
    resources_of(&mut state).push(update(serde_json::json!({"resource_id": elsewhere}), group.clone()));
    let found = read(&state).0.diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].severity, found[0].code), (diagnostic::Severity::Warning, arm::codes::NOT_HONOURED));
    assert!(found[0].message.contains(&elsewhere), "{found:?}");
    // What says nothing about packets is listed.
    let mut other = update(serde_json::json!({"resource_id": "x"}), group);
    other["values"]["type"] = "Microsoft.Compute/virtualMachines@2024-05-01".into();
    let mut state = without_associations();
    resources_of(&mut state).push(other);
    let found = read(&state).0;
    assert_eq!(found.diagnostics, Vec::new());
    assert!(
        found.ignored.iter().any(|it| it.what == "Microsoft.Compute/virtualMachines"),
        "{:?}",
        found.ignored
    );
}

#[test]
fn a_subnet_that_a_plan_makes_is_known_after_it() {
    let mut plan = without_associations();
    let nic = resources_of(&mut plan).last_mut().unwrap();
    nic["address"] = "azurerm_network_interface.web".into();
    nic["values"]["ip_configuration"][0].as_object_mut().unwrap().remove("subnet_id");
    plan["planned_values"] = plan["values"].take();
    plan.as_object_mut().unwrap().remove("values");
    let found = arm::read_resources(&[document::read_json("plan.json", &text(&plan)).unwrap()]);
    let (_, more) = model::validate(found.network, std::sync::Arc::default());
    let errors =
        found.diagnostics.iter().chain(&more).filter(|it| it.severity == diagnostic::Severity::Error);
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    assert!(error.starts_with("plan.json:") && error.contains("error[ValueNotKnown]"), "{error}");
    assert!(
        error.contains("'azurerm_network_interface.web: subnet_id' is known only after it is applied"),
        "{error}"
    );
    assert!(error.ends_with("apply it, and give what `terraform show -json` prints of the state"), "{error}");
    // The groups of a rule, of which a plan knows the other end.
    let mut plan = of_terraform();
    let rule = &mut plan["values"]["root_module"]["resources"][0]["values"]["security_rule"][0];
    rule.as_object_mut().unwrap().remove("destination_application_security_group_ids");
    plan["planned_values"] = plan["values"].take();
    let found = arm::read_resources(&[document::read_json("plan.json", &text(&plan)).unwrap()]);
    let (_, more) = model::validate(found.network, std::sync::Arc::default());
    let errors =
        found.diagnostics.iter().chain(&more).filter(|it| it.severity == diagnostic::Severity::Error);
    let errors: Vec<&str> = errors.map(|it| it.message.as_str()).collect();
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    assert!(
        error.ends_with(": destination_application_security_group_ids' is known only after it is applied"),
        "{error}"
    );
    // A state that says nothing of it leaves nothing to wait for.
    let mut state = without_associations();
    let nic = resources_of(&mut state).last_mut().unwrap();
    nic["values"]["ip_configuration"][0].as_object_mut().unwrap().remove("subnet_id");
    let found = read(&state).0;
    assert_eq!(found.diagnostics, Vec::new());
}

#[test]
fn the_network_interfaces_of_a_scale_set_of_terraforms_are_listed() {
    let mut state = of_terraform();
    resources_of(&mut state).push(serde_json::json!({"address": "x", "mode": "managed",
        "type": "azurerm_linux_virtual_machine_scale_set", "name": "x", "values": {"name": "ss",
        "network_interface": [{"name": "n", "network_security_group_id": format!("{GROUP}/networkSecurityGroups/n")}]}}));
    let listed = read(&state).0.ignored;
    let listed: Vec<_> = listed.iter().map(|it| (it.what.as_str(), it.name.as_str())).collect();
    assert!(listed.contains(&("networkInterfaceConfigurations", "ss")), "{listed:?}");
}

#[test]
fn what_a_peering_is_for_is_read() {
    let mut state = of_terraform();
    let vnet = format!("{GROUP}/virtualNetworks/v");
    resources_of(&mut state).push(serde_json::json!({"address": "azurerm_virtual_network_peering.p", "mode": "managed",
        "type": "azurerm_virtual_network_peering", "name": "p", "values": {"name": "p", "id": format!("{vnet}/virtualNetworkPeerings/p"),
        "virtual_network_name": "v", "remote_virtual_network_id": format!("{GROUP}/virtualNetworks/w"),
        "only_ipv6_peering_enabled": true, "local_subnet_names": ["s"], "remote_subnet_names": []}}));
    let found = arm::read_resources(&[document::read_json("net.json", &text(&state)).unwrap()]);
    assert_eq!(found.network.peerings[0].value.only_ipv6, Some(true));
    assert!(found.ignored.iter().any(|it| it.what == "localSubnetNames"), "{:?}", found.ignored);
}
