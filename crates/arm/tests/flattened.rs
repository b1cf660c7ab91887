//! What Azure's tools print: properties beside the name, wrappers, nulls; and answers that are no policy.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use arm::codes;
use common::{check, check_all};
use model::{AddressMatch, Network, PublicIpSku, ServiceTag, codes as azure};

const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";

/// The resource with its `properties` moved beside its name, and in all that stands in it.
fn flat(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Object};
    match value {
        Array(items) => Array(items.into_iter().map(flat).collect()),
        Object(mut entries) => {
            let inner = match entries.remove("properties") {
                Some(Object(inner)) => inner,
                _ => serde_json::Map::new(),
            };
            Object(entries.into_iter().chain(inner).map(|(key, value)| (key, flat(value))).collect())
        }
        other => other,
    }
}

/// The same as older versions print it: every other property there is, without a value.
fn with_nulls(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value::{Array, Null, Object};
    match value {
        Array(items) => Array(items.into_iter().map(with_nulls).collect()),
        Object(entries) => {
            let named = entries.contains_key("id");
            let mut entries: serde_json::Map<_, _> =
                entries.into_iter().map(|(key, value)| (key, with_nulls(value))).collect();
            if named {
                entries.insert("additionalProperties".into(), serde_json::json!({}));
                entries.insert("resourceGroup".into(), "g".into());
                for key in ["etag", "type", "interfaceEndpoint", "sourceAddressPrefixes", "virtualNetworkTap"]
                {
                    entries.entry(key).or_insert(Null);
                }
            }
            Object(entries)
        }
        other => other,
    }
}

/// Every modelled type, as the REST interface answers.
fn rest() -> serde_json::Value {
    let id = |path: &str| format!("{GROUP}/{path}");
    serde_json::json!([
        {"id": id("networkSecurityGroups/nsg"), "name": "nsg", "etag": "W/\"1\"", "location": "westus",
         "type": "Microsoft.Network/networkSecurityGroups", "properties": {"securityRules": [
            {"id": id("networkSecurityGroups/nsg/securityRules/a"), "name": "a",
             "type": "Microsoft.Network/networkSecurityGroups/securityRules", "properties": {
                "access": "Allow", "direction": "Inbound", "priority": 100, "protocol": "TCP",
                "sourceAddressPrefix": "VirtualNetwork", "sourcePortRange": "*", "sourcePortRanges": [],
                "destinationApplicationSecurityGroups": [{"id": id("applicationSecurityGroups/asg")}],
                "destinationPortRanges": ["22", "8080-8090"]}}]}},
        {"id": id("applicationSecurityGroups/asg"), "name": "asg", "properties": {"provisioningState": "Succeeded"}},
        {"id": id("publicIPAddresses/ip"), "name": "ip", "sku": {"name": "Standard"},
         "properties": {"ipAddress": "203.0.113.10", "publicIPAllocationMethod": "Static"}},
        {"id": id("virtualNetworks/v"), "name": "v", "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"id": id("virtualNetworks/v/subnets/s"), "name": "s", "properties": {
                "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": id("networkSecurityGroups/nsg")},
                "ipConfigurations": [{"id": id("networkInterfaces/n/ipConfigurations/c")}]}}],
            "virtualNetworkPeerings": []}},
        {"id": id("networkInterfaces/n"), "name": "n", "properties": {
            "networkSecurityGroup": {"id": id("networkSecurityGroups/nsg")}, "enableIPForwarding": false,
            "ipConfigurations": [{"id": id("networkInterfaces/n/ipConfigurations/c"), "name": "c", "properties": {
                "privateIPAddress": "10.0.1.4", "primary": true, "subnet": {"id": id("virtualNetworks/v/subnets/s")},
                "publicIPAddress": {"id": id("publicIPAddresses/ip")},
                "applicationSecurityGroups": [{"id": id("applicationSecurityGroups/asg")}]}}]}}
    ])
}

fn text(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

fn hold(network: &Network) {
    let rule = &network.security_groups[0].rules[0];
    assert_eq!((&*rule.name, rule.priority), ("a", 100));
    assert_eq!(rule.source, AddressMatch::Tag(ServiceTag::VirtualNetwork));
    assert_eq!(rule.destination_ports.to_string(), "22,8080-8090");
    assert!(network.virtual_networks[0].subnets[0].security_group.is_some());
    let nic = &network.network_interfaces[0];
    assert!(nic.security_group.is_some());
    let configuration = &nic.ip_configurations[0];
    assert_eq!(configuration.private_address, Some([10, 0, 1, 4].into()));
    assert_eq!(configuration.application_security_groups, [model::AsgIndex(0)]);
    let public = &network.public_ips[configuration.public_ip.unwrap().0];
    assert_eq!((public.address, public.sku), (Some([203, 0, 113, 10].into()), PublicIpSku::Standard));
}

/// What it says, without where: the tags are a hash map, which prints in no order, and each text has its own lines.
fn said(network: Network) -> Network {
    let (service_tags, tag_uses, rule_places) = Default::default();
    Network { service_tags, tag_uses, rule_places, ..network }
}

#[test]
fn every_type_is_read_flattened_with_nulls_and_without() {
    let nested = check(&text(&rest())).clean();
    hold(&nested);
    for printed in [flat(rest()), with_nulls(flat(rest())), with_nulls(rest())] {
        let network = check(&text(&printed)).clean();
        hold(&network);
        assert_eq!(format!("{:?}", said(network)), format!("{:?}", said(nested.clone())));
    }
    // The case that the tools' own libraries make of the names.
    let camel = text(&flat(rest())).replace("IPAddress\"", "IpAddress\"").replace("enableIPF", "enableIpF");
    hold(&check(&camel).clean());
}

#[test]
fn what_create_wraps_is_unwrapped() {
    let printed = flat(rest());
    let wrapped: Vec<String> = ["NewNSG", "newAsg", "publicIp", "newVNet", "NewNIC"]
        .iter()
        .zip(printed.as_array().unwrap())
        .map(|(key, value)| text(&serde_json::json!({*key: value})))
        .collect();
    let wrapped: Vec<&str> = wrapped.iter().map(String::as_str).collect();
    hold(&check_all(&wrapped).clean());
    let text = "{\"NewNSG\": {}}";
    check(text).one_error(text, "{", codes::UNKNOWN_RESOURCE);
}

#[test]
fn a_path_in_a_flattened_resource_is_the_files_own() {
    let text = "{\"NewNSG\": {\"name\": \"w\", \"securityRules\": [{\"name\": \"a\",\n \"priority\": [1]}]}}";
    let found = check(text).findings;
    assert!(found[0].message.starts_with("NewNSG.securityRules[0].priority: an array"), "{}", found[0]);
    assert_eq!(found[0].at.as_ref().unwrap().to_string(), "net.json:2:14");
}

#[test]
fn a_property_beside_properties_is_no_silent_gap() {
    let both = |extra: &str| {
        format!(
            "{{\"name\": \"w\", \"resourceGroup\": \"g\", \"type\": \"Microsoft.Network/networkSecurityGroups\", {extra}\
             \"properties\": {{\"provisioningState\": \"Succeeded\"}}}}"
        )
    };
    check(&both("")).clean();
    check(&both("\"provisioningState\": \"Succeeded\", \"subnets\": null, ")).clean();
    let text = both("\"securityRules\": [], ");
    check(&text).one_error(&text, "\"securityRules\"", azure::INVALID_REQUEST_FORMAT);
    let misspelt = "{\"name\": \"w\", \"defaultSecurityRules\": [], \"securityRuls\": []}";
    let message = check(misspelt).one_error(misspelt, "\"securityRuls\"", codes::UNKNOWN_PROPERTY);
    assert!(message.ends_with("did you mean 'securityRules'?"), "{message}");
}

#[test]
fn default_rules_are_azures_own() {
    let rule = |name: &str, priority: u32, access: &str, source: &str, destination: &str| {
        let direction = if name.ends_with("InBound") { "Inbound" } else { "Outbound" };
        serde_json::json!({"name": name, "priority": priority, "access": access, "direction": direction,
            "protocol": "*", "sourceAddressPrefix": source, "sourcePortRange": "*", "sourcePortRanges": [],
            "destinationAddressPrefix": destination, "destinationPortRange": "*"})
    };
    let six = [
        rule("AllowVnetInBound", 65000, "Allow", "VirtualNetwork", "VirtualNetwork"),
        rule("AllowAzureLoadBalancerInBound", 65001, "Allow", "AzureLoadBalancer", "*"),
        rule("DenyAllInBound", 65500, "Deny", "*", "*"),
        rule("AllowVnetOutBound", 65000, "Allow", "VirtualNetwork", "VirtualNetwork"),
        rule("AllowInternetOutBound", 65001, "Allow", "*", "Internet"),
        rule("DenyAllOutBound", 65500, "Deny", "*", "*"),
    ];
    let group = |rules: &[serde_json::Value]| {
        text(&serde_json::json!({"name": "w", "securityRules": [], "defaultSecurityRules": rules}))
    };
    check(&group(&six)).clean();
    check(&group(&[])).clean();
    let changed = group(&six).replacen("65500", "65499", 1);
    let message = check(&changed).one_warning(&changed, "65499", codes::DEFAULT_RULES_DIFFER);
    assert!(message.contains("the priority of DenyAllInBound"), "{message}");
    let opened = group(&six).replacen("\"VirtualNetwork\"", "\"Internet\"", 1);
    check(&opened).one_warning(&opened, "\"Internet\"", codes::DEFAULT_RULES_DIFFER);
    let fewer = group(&six[1..]);
    let message =
        check(&fewer).one_warning(&fewer, "[\n    {\n      \"access\"", codes::DEFAULT_RULES_DIFFER);
    assert!(message.contains("AllowVnetInBound is missing"), "{message}");
    let other = group(&six).replacen("DenyAllInBound", "DenySome", 1);
    assert_eq!(check(&other).codes(), [codes::DEFAULT_RULES_DIFFER; 2]);
}

#[test]
fn answers_that_tell_of_a_network_are_refused_by_name() {
    for (text, what) in [
        (
            "{\"value\": [{\"effectiveSecurityRules\": [], \"networkSecurityGroup\": {\"id\": \"x\"}}]}",
            "effective",
        ),
        (
            "{\"value\": [{\"source\": \"Default\", \"addressPrefix\": [\"0.0.0.0/0\"], \"nextHopType\": \"Internet\"}]}",
            "routes",
        ),
        ("{\"access\": \"Allow\", \"ruleName\": \"r\"}", "IP flow verify"),
        ("{\"results\": []}", "diagnostic"),
        ("{\"changeNumber\": 1, \"cloud\": \"Public\", \"values\": []}", "service tags"),
        ("{\"version\": 4, \"terraform_version\": \"1.9.0\", \"resources\": []}", "Terraform"),
        ("{\"changes\": [], \"error\": null, \"status\": \"Succeeded\"}", "what-if"),
        ("{\"count\": 0, \"data\": [], \"skip_token\": null, \"total_records\": 0}", "Resource Graph"),
    ] {
        let needle = if text.starts_with("{\"value\"") { &text[11..] } else { text };
        let message = check(text).one_error(text, needle, codes::ANSWER_NOT_POLICY);
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn what_is_not_modelled_is_listed_once() {
    let resources = serde_json::json!([
        {"id": format!("{GROUP}/routeTables/rt"), "name": "rt", "routes": []},
        {"id": format!("{GROUP}/loadBalancers/lb"), "name": "lb", "frontendIpConfigurations": [{"name": "f"}]},
        {"type": "Microsoft.Network/azureFirewalls", "name": "fw", "properties": {}},
        {"type": "Microsoft.Network/networkManagers", "name": "nm", "properties": {}},
        {"type": "Microsoft.Compute/virtualMachineScaleSets", "name": "ss", "properties": {"virtualMachineProfile":
            {"networkProfile": {"networkInterfaceConfigurations": [{"name": "n"}]}}}},
        {"id": format!("{GROUP}/virtualNetworks/v"), "name": "v", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
         "subnets": [
            {"name": "a", "addressPrefix": "10.0.1.0/24", "routeTable": {"id": format!("{GROUP}/routeTables/RT")},
             "natGateway": {"id": format!("{GROUP}/natGateways/nat")}},
            {"name": "b", "addressPrefix": "10.0.2.0/24", "natGateway": {"id": format!("{GROUP}/natGateways/nat")}}]},
        {"id": format!("{GROUP}/networkInterfaces/n"), "name": "n", "ipConfigurations": [{"name": "c",
            "subnet": {"id": "v/a"}, "loadBalancerBackendAddressPools":
                [{"id": format!("{GROUP}/loadBalancers/lb/backendAddressPools/p")}]}]}
    ]);
    let read = arm::read_resources(&[document::read_json("net.json", &text(&resources)).unwrap()]);
    assert!(read.diagnostics.is_empty(), "{:?}", read.diagnostics);
    let listed: Vec<String> = read.ignored.iter().map(|it| format!("{} {}", it.what, it.name)).collect();
    assert_eq!(
        listed,
        [
            "Microsoft.Network/loadBalancers lb",
            "Microsoft.Network/azureFirewalls fw",
            "Microsoft.Network/networkManagers nm",
            "Microsoft.Compute/virtualMachineScaleSets ss",
            "networkInterfaceConfigurations ss",
            "natGateway a",
        ]
    );
}

#[test]
fn a_child_resource_counts_more_than_an_inline_rule() {
    let rule = |ports: &str| {
        serde_json::json!({"name": "a", "priority": 100, "direction": "inbound", "access": "ALLOW",
            "protocol": "tcp", "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": ports})
    };
    let mut child = rule("2");
    child["id"] = format!("{GROUP}/networkSecurityGroups/nsg/securityRules/A").into();
    child["name"] = "A".into();
    let all = serde_json::json!([child,
        {"id": format!("{GROUP}/networkSecurityGroups/nsg"), "name": "nsg", "securityRules": [rule("1")]}]);
    let network = check(&text(&all)).clean();
    let [only] = network.security_groups[0].rules.as_slice() else { panic!() };
    assert_eq!((&*only.name, only.destination_ports.to_string()), ("A", "2".to_owned()));
}

/// As Azure PowerShell makes them, with what it repeats.
fn of_powershell() -> serde_json::Value {
    let id = |what: &str| format!("{GROUP}/{what}");
    let head = |mut value: serde_json::Value, name: &str, what: &str| {
        let more = serde_json::json!({"Name": name, "Id": id(what), "Etag": "W/\"1\"", "ResourceGroupName": "g",
            "Location": "eastus", "Type": null, "Tag": null, "TagsTable": null, "ProvisioningState": "Succeeded"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let rule = serde_json::json!({"Protocol": "Tcp", "SourcePortRange": ["*"], "DestinationPortRange": ["22", "80-90"],
        "SourceAddressPrefix": ["10.1.0.0/16", "10.2.0.0/16"], "DestinationAddressPrefix": [],
        "SourceApplicationSecurityGroups": [], "SourceApplicationSecurityGroupsText": "[]",
        "DestinationApplicationSecurityGroups": [{"Id": id("applicationSecurityGroups/web")}],
        "DestinationApplicationSecurityGroupsText": "[]", "Access": "Allow", "Priority": 100, "Direction": "Inbound",
        "ProvisioningState": "Succeeded", "Name": "in", "Etag": "x", "Id": id("networkSecurityGroups/n/securityRules/in")});
    let group = serde_json::json!({"SecurityRules": [rule], "DefaultSecurityRules": [], "NetworkInterfaces": [],
        "Subnets": [{"AddressPrefix": [], "Id": id("virtualNetworks/v/subnets/s"), "SecurityRulesText": null}],
        "SecurityRulesText": "[]", "DefaultSecurityRulesText": "[]", "NetworkInterfacesText": "[]", "SubnetsText": "[]"});
    let vnet = serde_json::json!({"AddressSpace": {"AddressPrefixes": ["10.0.0.0/16"], "AddressPrefixesText": "[]"},
        "Subnets": [{"AddressPrefix": ["10.0.1.0/24"], "NetworkSecurityGroup": {"SecurityRules": [], "SecurityRulesText": "[]",
            "Id": id("networkSecurityGroups/n")}, "Name": "s", "Etag": "x", "Id": id("virtualNetworks/v/subnets/s")}],
        "SubnetsText": "[]", "VirtualNetworkPeerings": [], "EnableDdosProtection": false});
    let nic = serde_json::json!({"IpConfigurations": [{"PrivateIpAddress": "10.0.1.4", "PrivateIpAllocationMethod": "Static",
        "PrivateIpAddressVersion": "IPv4", "Primary": true, "Subnet": {"AddressPrefix": [], "Id": id("virtualNetworks/v/subnets/s")},
        "ApplicationSecurityGroups": [{"Id": id("applicationSecurityGroups/web")}], "ApplicationSecurityGroupsText": "[]",
        "PublicIpAddress": {"IpTags": [], "Id": id("publicIPAddresses/ip")}, "Name": "one", "Etag": "x",
        "Id": id("networkInterfaces/web/ipConfigurations/one")}], "IpConfigurationsText": "[]", "NetworkSecurityGroup": null});
    let ip = serde_json::json!({"PublicIpAllocationMethod": "Dynamic", "PublicIpAddressVersion": "IPv4",
        "IpAddress": "Not Assigned", "IpConfigurationText": "null", "Sku": {"Name": "Standard", "Tier": "Regional"}});
    serde_json::json!([
        head(group, "n", "networkSecurityGroups/n"),
        head(vnet, "v", "virtualNetworks/v"),
        head(nic, "web", "networkInterfaces/web"),
        head(ip, "ip", "publicIPAddresses/ip"),
        head(serde_json::json!({}), "web", "applicationSecurityGroups/web")
    ])
}

#[test]
fn what_powershell_makes_is_read() {
    let network = check(&text(&of_powershell())).clean();
    let [rule] = network.security_groups[0].rules.as_slice() else { panic!() };
    assert_eq!(rule.destination_ports.to_string(), "22,80-90");
    let AddressMatch::Prefixes(prefixes) = &rule.source else { panic!("{rule:?}") };
    assert_eq!(prefixes.len(), 2);
    let nic = &network.network_interfaces[0].ip_configurations[0];
    assert_eq!(nic.private_address, Some("10.0.1.4".parse().unwrap()));
    assert_eq!(nic.application_security_groups.len(), 1);
    assert!(network.virtual_networks[0].subnets[0].security_group.is_some());
}

#[test]
fn what_powershell_cuts_off_is_told() {
    let mut all = of_powershell();
    all[0]["SecurityRules"][0]["DestinationApplicationSecurityGroups"] = "".into();
    let text = text(&all);
    let found = arm::read_resources(&[document::read_json("net.json", &text).unwrap()]).diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("has cut DestinationApplicationSecurityGroups off"), "{found:?}");
    assert_eq!(found[0].help.as_deref(), Some("write the file with ConvertTo-Json -Depth 10"));
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
    assert!(found.iter().all(|one| one.severity == model::Severity::Warning), "{found:?}");
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
