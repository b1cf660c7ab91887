//! What Azure's tools print: properties beside the name, wrappers, nulls; and answers that are no policy.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use arm::codes;
use common::{check, check_all};
use diagnostic::INVALID_REQUEST_FORMAT;
use model::{AddressMatch, Network, PublicIpSku, ServiceTag};

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
    check(&text).one_error(&text, "\"securityRules\"", INVALID_REQUEST_FORMAT);
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
        (
            "{\"totalRecords\": 0, \"count\": 0, \"data\": [], \"facets\": [], \"resultTruncated\": \"false\"}",
            "Resource Graph",
        ),
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
fn network_interfaces_that_a_machine_describes_are_listed() {
    let interfaces = serde_json::json!([{"name": "n", "properties": {"networkSecurityGroup": {"id": "g"}}}]);
    let network = serde_json::json!({"networkInterfaceConfigurations": interfaces});
    let resources = serde_json::json!([
        {"type": "Microsoft.Compute/virtualMachineScaleSets", "apiVersion": "2023-03-01", "name": "ss",
         "properties": {"virtualMachineProfile": {"networkProfile": network}}},
        {"type": "Microsoft.Compute/virtualMachines", "apiVersion": "2023-03-01", "name": "vm",
         "properties": {"networkProfile": network}},
        {"type": "Microsoft.Compute/virtualMachines", "apiVersion": "2023-03-01", "name": "plain",
         "properties": {"networkProfile": {"networkInterfaces": [], "networkInterfaceConfigurations": []}}}
    ]);
    let template = serde_json::json!({"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "resources": resources});
    for document in [resources, template] {
        let read = arm::read_resources(&[document::read_json("net.json", &text(&document)).unwrap()]);
        assert!(read.diagnostics.is_empty(), "{:?}", read.diagnostics);
        let listed = read.ignored.iter().filter(|it| !it.what.contains('/'));
        let listed: Vec<String> = listed.map(|it| format!("{} {}", it.what, it.name)).collect();
        assert_eq!(listed, ["networkInterfaceConfigurations ss", "networkInterfaceConfigurations vm"]);
    }
}

#[test]
fn a_child_resource_counts_more_than_an_inline_rule() {
    let rule = |ports: &str| {
        serde_json::json!({"name": "a", "priority": 100, "direction": "inbound", "access": "ALLOW",
            "protocol": "tcp", "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": ports})
    };
    let mut child = rule("2");
    child["name"] = "nsg/A".into();
    let all = serde_json::json!([child, {"name": "nsg", "securityRules": [rule("1")]}]);
    let network = check(&text(&all)).clean();
    let [only] = network.security_groups[0].rules.as_slice() else { panic!() };
    assert_eq!((&*only.name, only.destination_ports.to_string()), ("A", "2".to_owned()));
}

#[test]
fn answers_about_a_child_agree() {
    let nsg = format!("{GROUP}/networkSecurityGroups/n");
    let rule = serde_json::json!({"id": format!("{nsg}/securityRules/r"), "name": "r", "priority": 100, "direction": "Inbound",
        "access": "Deny", "protocol": "Tcp", "sourceAddressPrefix": "*", "sourceAddressPrefixes": [], "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": "", "destinationPortRanges": ["22", "80"]});
    let route = serde_json::json!({"id": format!("{GROUP}/routeTables/t/routes/d"), "name": "d",
        "addressPrefix": "10.9.0.0/16", "nextHopType": "None"});
    let subnet = serde_json::json!({"id": format!("{GROUP}/virtualNetworks/v/subnets/s"), "name": "s",
        "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": {"id": nsg}, "etag": "1"});
    let half = |name: &str, remote: &str| {
        serde_json::json!({"id": format!("{GROUP}/virtualNetworks/{name}/virtualNetworkPeerings/p"), "name": "p",
            "peeringState": "Connected", "remoteVirtualNetwork": {"id": format!("{GROUP}/virtualNetworks/{remote}")}})
    };
    let vnet = |name: &str, prefix: &str, subnets: serde_json::Value, half: serde_json::Value| {
        serde_json::json!({"id": format!("{GROUP}/virtualNetworks/{name}"), "name": name, "subnets": subnets,
            "virtualNetworkPeerings": [half], "addressSpace": {"addressPrefixes": [prefix]}})
    };
    let parents = text(&serde_json::json!([
        {"id": nsg, "name": "n", "securityRules": [rule]},
        {"id": format!("{GROUP}/routeTables/t"), "name": "t", "routes": [route]},
        vnet("v", "10.0.0.0/16", serde_json::json!([subnet]), half("v", "w")),
        vnet("w", "10.1.0.0/16", serde_json::json!([]), half("w", "v"))
    ]));
    let children = serde_json::json!([rule, route, subnet, half("v", "w")]);
    // Another tool's letters, and the fields that mean the same.
    let mut same = children.clone();
    same[0]["access"] = "deny".into();
    same[0]["destinationPortRanges"] = serde_json::json!(["80", "22"]);
    same[2] = serde_json::json!({"id": subnet["id"].as_str().unwrap().replace("/g/", "/G/"), "name": "S",
        "addressPrefixes": ["10.0.1.0/24"], "networkSecurityGroup": {"id": nsg.to_uppercase()}, "etag": "2"});
    check_all(&[&parents, &text(&same)]).clean();
    // What an older answer about the parent does not say yet.
    let mut newer = children.clone();
    newer[2]["defaultOutboundAccess"] = false.into();
    check_all(&[&parents, &text(&newer)]).clean();
    // The other way round the child's silence would open what its parent closes.
    let closed = parents.replace("\"peeringState\"", "\"enableOnlyIPv6Peering\": true, \"peeringState\"");
    let outcome = check_all(&[&closed, &text(&children)]);
    assert!(outcome.to_string().contains("'p' has another enableOnlyIPv6Peering here"), "{outcome}");
    for (nth, field, value) in [
        (0, "access", serde_json::json!("Allow")),
        (0, "destinationPortRanges", serde_json::json!(["22"])),
        (1, "nextHopType", serde_json::json!("Internet")),
        (2, "addressPrefix", serde_json::json!("10.0.2.0/24")),
        (2, "networkSecurityGroup", serde_json::Value::Null),
        (3, "allowVirtualNetworkAccess", serde_json::json!(false)),
    ] {
        let mut other = children.clone();
        other[nth][field] = value;
        let (other, said) = (text(&other), field.trim_end_matches('s'));
        for files in [[parents.as_str(), &other], [&other, &parents]] {
            let outcome = check_all(&files);
            let errors = outcome.findings.iter().filter(|it| it.severity == diagnostic::Severity::Error);
            let [error] = errors.collect::<Vec<_>>()[..] else { panic!("{field}: {outcome}") };
            assert_eq!(error.code, model::codes::DUPLICATE_RESOURCE_NAME, "{outcome}");
            assert!(error.message.contains(&format!("another {said}")), "{outcome}");
        }
    }
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
    let ip = serde_json::json!({"PublicIpAllocationMethod": "Static", "PublicIpAddressVersion": "IPv4",
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
fn children_of_powershell_are_read() {
    // What `Get-AzNetworkSecurityRuleConfig` and its kin print beside the parents.
    let mut all = of_powershell();
    let plain = check(&text(&all)).clean();
    let children = serde_json::json!([all[0]["SecurityRules"][0], all[1]["Subnets"][0]]);
    let both = check_all(&[&text(&all), &text(&children)]).clean();
    assert_eq!(format!("{:?}", said(both)), format!("{:?}", said(plain.clone())));
    all[0]["SecurityRules"] = serde_json::json!([]);
    all[1]["Subnets"] = serde_json::json!([]);
    for documents in [
        vec![text(&all), text(&children)],
        vec![text(&serde_json::json!([children[0], all[0], all[1], children[1], all[2], all[3], all[4]]))],
    ] {
        let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
        let apart = check_all(&documents).clean();
        assert_eq!(format!("{:?}", said(apart)), format!("{:?}", said(plain.clone())));
    }
}

#[test]
fn what_powershell_makes_of_any_resource_is_read() {
    let id = format!("{GROUP}/networkSecurityGroups/n");
    let rule = serde_json::json!({"name": "a", "properties": {"priority": 100, "direction": "Inbound", "access": "Deny",
        "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*",
        "destinationPortRange": "*"}});
    let resource = serde_json::json!({"ResourceId": id, "Id": id, "ResourceName": "n", "Name": "n", "ParentResource": "x",
        "ResourceType": "Microsoft.Network/networkSecurityGroups", "Type": "Microsoft.Network/networkSecurityGroups",
        "ExtensionResourceName": null, "ExtensionResourceType": null, "ResourceGroupName": "g", "SubscriptionId": "s",
        "Location": "eastus", "Kind": null, "Sku": null, "Tags": {}, "TagsTable": null, "CreatedTime": "2024-01-01T00:00:00Z",
        "ChangedTime": "2024-01-01T00:00:00Z", "ETag": null, "Properties": {"securityRules": [rule]}});
    assert_eq!(check(&text(&resource)).clean().security_groups[0].rules.len(), 1);
    // Without -ExpandProperties it says nothing.
    let mut bare = resource.clone();
    bare["Properties"] = serde_json::Value::Null;
    assert_eq!(check(&text(&bare)).codes(), [codes::ANSWER_NOT_POLICY]);
}

#[test]
fn a_peering_of_powershell_is_read() {
    let mut all = of_powershell();
    all[1]["VirtualNetworkPeerings"] = serde_json::json!([{"ResourceGroupName": "g", "VirtualNetworkName": "v",
        "PeeringState": "Connected", "UseRemoteGateways": true, "RemoteVirtualNetworkText": "{}", "RemoteGatewaysText": "[]",
        "RemoteVirtualNetwork": {"Id": format!("{GROUP}/virtualNetworks/hub")},
        "RemoteGateways": [{"Id": format!("{GROUP}/virtualNetworkGateways/gw")}],
        "PeeredRemoteAddressSpace": {"AddressPrefixes": ["10.7.0.0/16"]},
        "RemoteVirtualNetworkAddressSpace": {"AddressPrefixes": ["10.8.0.0/16"]},
        "Name": "hub", "Etag": "x", "Id": format!("{GROUP}/virtualNetworks/v/virtualNetworkPeerings/hub")}]);
    let outcome = check(&text(&all));
    assert_eq!(outcome.codes(), [model::codes::PEERING_NOT_CONNECTED], "{outcome}");
    let elsewhere = &outcome.network.unwrap().virtual_networks[0].peers_elsewhere;
    assert_eq!(elsewhere.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.7.0.0/16"]);
}

#[test]
fn what_windows_powershell_wraps_is_unwrapped() {
    // Lists as it writes them where they come from a variable.
    fn wrap(value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value::{Array, Object};
        match value {
            Array(items) => {
                let count = items.len();
                let items: Vec<_> = items.into_iter().map(wrap).collect();
                serde_json::json!({"value": items, "Count": count})
            }
            Object(entries) => Object(entries.into_iter().map(|(key, value)| (key, wrap(value))).collect()),
            other => other,
        }
    }
    let plain = check(&text(&of_powershell())).clean();
    for all in [serde_json::json!({"value": of_powershell(), "Count": 5}), wrap(of_powershell())] {
        let network = check(&text(&all)).clean();
        assert_eq!(format!("{:?}", said(network)), format!("{:?}", said(plain.clone())));
    }
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
