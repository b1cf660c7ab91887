//! The shapes that documents may have, and what is said of those they may not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use arm::codes;
use common::{Outcome, check, check_all, group, group_of, rule};
use diagnostic::INVALID_REQUEST_FORMAT;
use model::codes as azure;

#[track_caller]
fn error(text: &str, needle: &str, code: &str) -> String {
    check(text).one_error(text, needle, code)
}

fn group_names(outcome: Outcome) -> Vec<String> {
    outcome.clean().security_groups.iter().map(|group| group.name.to_string()).collect()
}

#[test]
fn one_resource_a_list_and_every_wrapper() {
    let one = group_of("web", &[rule("a", &[])]);
    for text in [
        one.clone(),
        format!("[{one}]"),
        format!("{{\"value\": [{one}], \"nextLink\": null}}"),
        format!("{{\"parameters\": {{}}, \"responses\": {{\"200\": {{\"body\": {one}}}}}}}"),
        format!("{{\"responses\": {{\"201\": {{\"body\": {{\"value\": [{one}]}}}}, \"202\": {{}}}}}}"),
        format!("\u{feff}// a comment\r\n[{one}, /* and */\r\n]"),
    ] {
        assert_eq!(group_names(check(&text)), ["web"], "{text}");
    }
    assert_eq!(group_names(check_all(&[&one, &group_of("b", &[])])), ["web", "b"]);
    assert_eq!(group_names(check("[]")), [""; 0]);
}

#[test]
fn one_object_in_two_documents_is_one() {
    const ID: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n";
    let rule = |port: &str| {
        format!(
            r#"{{"name": "r", "properties": {{"priority": 100, "direction": "Inbound", "access": "Allow",
            "protocol": "Tcp", "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*",
            "destinationPortRange": "{port}"}}}}"#
        )
    };
    let one =
        format!(r#"{{"id": "{ID}", "name": "n", "properties": {{"securityRules": [{}]}}}}"#, rule("22"));
    let other = |port: &str| {
        format!(
            r#"{{"value": [{{"Properties": {{"flushConnection": null, "securityRules": [{}]}}, "name": "n", "id": "{ID}"}}]}}"#,
            rule(port)
        )
    };
    assert_eq!(group_names(check_all(&[&one, &other("22"), &one])), ["n"]);
    assert_eq!(group_names(check(&format!("[{one}, {one}]"))), ["n"]);
    // Azure writes a new etag for what it changes elsewhere, and not every tool keeps the letters of an id.
    let later = one.replacen('{', r#"{"etag": "2", "#, 1).replace("resourceGroups/g", "resourcegroups/G");
    assert_eq!(group_names(check_all(&[&one, &later])), ["n"]);
    // A rule as a resource of its own.
    let child = rule("22").replacen("\"name\"", &format!("\"id\": \"{ID}/securityRules/r\", \"name\""), 1);
    assert_eq!(group_names(check_all(&[&one, &child, &child])), ["n"]);
    // Where they differ, the help can be followed.
    let outcome = check_all(&[&one, &other("23")]);
    assert_eq!(outcome.codes(), [azure::DUPLICATE_RESOURCE_NAME]);
    assert_eq!(
        outcome.findings[0].help.as_deref(),
        Some("they have one id and differ: take one of them away")
    );
    // Only the first is read, so that no network interface has its own address too.
    let nic = |mac: &str| {
        let id = ID.replace("networkSecurityGroups/n", "networkInterfaces/i");
        format!(
            r#"{{"id": "{id}", "name": "i", "macAddress": "{mac}", "ipConfigurations": [{{"name": "c",
            "privateIPAddress": "10.0.1.4", "subnet": {{"id": "virtualNetworks/v/subnets/s"}}}}]}}"#
        )
    };
    let vnet = r#"{"name": "v", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "s", "addressPrefix": "10.0.1.0/24"}]}"#;
    let outcome = check_all(&[vnet, &nic("00-0D-3A-00-00-01"), &nic("00-0D-3A-00-00-02")]);
    assert_eq!(outcome.codes(), [azure::DUPLICATE_RESOURCE_NAME], "{outcome}");
    // Without an id nobody knows that it is the same.
    let nameless = one.replacen(
        &format!("\"id\": \"{ID}\", "),
        "\"type\": \"Microsoft.Network/networkSecurityGroups\", ",
        1,
    );
    let outcome = check_all(&[&nameless, &nameless]);
    assert_eq!(outcome.codes(), [azure::DUPLICATE_RESOURCE_NAME]);
    assert!(outcome.findings[0].help.as_deref().unwrap().contains("give both the ids"), "{outcome}");
}

#[test]
fn a_list_that_goes_on_elsewhere_is_worth_a_warning() {
    let text = "{\"value\": [], \"nextLink\": \"https://management.azure.com/next\"}";
    check(text).one_warning(text, "\"https", codes::INCOMPLETE_LIST);
}

#[test]
fn the_type_is_told_by_the_id_or_the_properties() {
    let untyped =
        |text: String| text.replacen("\"type\": \"Microsoft.Network/networkSecurityGroups\", ", "", 1);
    assert_eq!(group_names(check(&untyped(group(&[rule("a", &[])])))), ["web"]);
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationSecurityGroups/asg";
    let network = check(&format!("{{\"id\": \"{id}\", \"location\": \"westus\"}}")).clean();
    assert_eq!(&*network.application_security_groups[0].name, "asg");
    let vnet =
        "{\"name\": \"v\", \"properties\": {\"addressSpace\": {\"addressPrefixes\": [\"10.0.0.0/8\"]}}}";
    assert_eq!(check(vnet).clean().virtual_networks.len(), 1);
    let public = "{\"name\": \"p\", \"properties\": {\"publicIPAllocationMethod\": \"Static\"}}";
    assert_eq!(check(public).clean().public_ips.len(), 1);
    error("[\n  {\"name\": \"x\", \"properties\": {}}]", "{\"name\"", codes::UNKNOWN_RESOURCE);
    error("{\"status\": \"ok\"}", "{", codes::UNKNOWN_RESOURCE);
}

#[test]
fn other_types_are_listed_not_refused() {
    let text = "[{\"type\": \"Microsoft.Compute/virtualMachines\", \"name\": \"vm\", \"properties\": {\"priority\": \"Spot\"}},\n {\"type\": \"Microsoft.Network/natGateways\", \"name\": \"nat\"}]";
    let resources = arm::read_resources(&[document::read_json("net.json", text).unwrap()]);
    assert!(resources.diagnostics.is_empty());
    let listed: Vec<String> =
        resources.ignored.iter().map(|it| format!("{} {} {}", it.at, it.what, it.name)).collect();
    assert_eq!(
        listed,
        [
            "net.json:1:2 Microsoft.Compute/virtualMachines vm",
            "net.json:2:2 Microsoft.Network/natGateways nat"
        ]
    );
}

#[test]
fn parts_beyond_the_model_are_listed() {
    let text = "{\"type\": \"Microsoft.Network/virtualNetworks\", \"name\": \"v\", \"properties\": {\"addressSpace\": {\"addressPrefixes\": [\"10.0.0.0/8\"]}, \"flowTimeoutInMinutes\": 4, \"subnets\": [{\"name\": \"s\", \"properties\": {\"addressPrefix\": \"10.0.0.0/16\", \"serviceEndpoints\": [], \"natGateway\": {\"id\": \"nat\"}}}]}}";
    let resources = arm::read_resources(&[document::read_json("net.json", text).unwrap()]);
    let listed: Vec<(&str, &str)> =
        resources.ignored.iter().map(|it| (it.what.as_str(), it.name.as_str())).collect();
    assert_eq!(listed, [("flowTimeoutInMinutes", "v"), ("natGateway", "s")]);
}

#[test]
fn wrong_types_are_named_with_their_path() {
    for (changes, needle, path) in [
        (&[("protocol", "true")][..], "true,", "properties.securityRules[0].properties.protocol"),
        (&[("priority", "[1]")], "[1]", "properties.securityRules[0].properties.priority"),
        (
            &[("destinationPortRange", "true")],
            "true",
            "properties.securityRules[0].properties.destinationPortRange",
        ),
        (
            &[("sourceAddressPrefix", ""), ("sourceAddressPrefixes", "[\"10.0.0.1\", {}]")],
            "{}]",
            "properties.securityRules[0].properties.sourceAddressPrefixes[1]",
        ),
        (
            &[("sourceAddressPrefix", ""), ("sourceApplicationSecurityGroups", "[\"web\"]")],
            "\"web\"]",
            "properties.securityRules[0].properties.sourceApplicationSecurityGroups[0]",
        ),
    ] {
        // The last line has no comma, so the protocol gets one to be found by.
        let text = group_of("nsg", &[rule("a", changes)])
            .replace("\"protocol\": true", "\"protocol\": true, \"description\": \"d\"");
        let message = error(&text, needle, INVALID_REQUEST_FORMAT);
        assert!(message.starts_with(&format!("{path}: ")), "{message}");
    }
    let text = group(&[]).replace("[\n\n  ]", "{}");
    let message = error(&text, "{}", INVALID_REQUEST_FORMAT);
    assert!(
        message.starts_with("[0].properties.securityRules: an object stands where an array should"),
        "{message}"
    );
    error("5", "5", INVALID_REQUEST_FORMAT);
    error("[5]", "5", INVALID_REQUEST_FORMAT);
}

#[test]
fn what_a_tool_has_cut_off_or_answered_is_said_to_be_that() {
    for cut in [
        "Microsoft.Azure.Commands.Network.Models.PSSecurityRule",
        "@{Name=a; Priority=100}",
        "System.Object[]",
    ] {
        let text = format!(
            r#"{{"Name": "n", "Id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n", "SecurityRules": ["{cut}"]}}"#
        );
        let message = error(&text, &format!("\"{cut}\""), INVALID_REQUEST_FORMAT);
        assert!(message.ends_with("write it with ConvertTo-Json -Depth 10"), "{message}");
    }
    let refused = r#"{"error": {"code": "AuthorizationFailed", "message": "no"}}"#;
    let message = error(refused, refused, codes::ANSWER_NOT_POLICY);
    assert!(message.contains("this is an error that Azure answered"), "{message}");
    let log =
        r#"{"records": [{"time": "2026-01-05T10:01:00Z", "category": "NetworkSecurityGroupFlowEvent"}]}"#;
    let message = error(log, log, codes::ANSWER_NOT_POLICY);
    assert!(message.contains("this is a flow log") && message.contains("nsgate replay"), "{message}");
}

#[test]
fn a_misspelt_property_is_no_silent_gap() {
    let text = group(&[rule("a", &[("sourcePortRnage", "\"*\"")])]);
    let message = error(&text, "\"sourcePortRnage\"", codes::UNKNOWN_PROPERTY);
    assert!(message.ends_with("did you mean 'sourcePortRange'?"), "{message}");
    let text = group(&[rule("a", &[("colour", "\"red\"")])]);
    check(&text).one_warning(&text, "\"colour\"", codes::UNKNOWN_PROPERTY);
    let text =
        "[{\"type\": \"Microsoft.Network/networkSecurityGroups\", \"name\": \"a\", \"propertes\": {}}]";
    error(text, "\"propertes\"", codes::UNKNOWN_PROPERTY);
}

#[test]
fn what_belongs_into_a_template_is_refused_outside_of_one() {
    let parameters = "{\"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#\", \"parameters\": {}}";
    error(parameters, "\"https", codes::UNKNOWN_RESOURCE);
    for (field, value) in [
        ("sourceAddressPrefix", "\"[parameters('from')]\""),
        ("priority", "\"[add(100, 1)]\""),
        ("destinationPortRange", "\"[variables('port')]\""),
        ("sourceAddressPrefixes", "\"[variables('all')]\""),
    ] {
        let text = group(&[rule("a", &[("sourceAddressPrefix", ""), (field, value)])]);
        // What an expression would say is unknown, so nothing is called missing.
        check(&text).one_error(&text, value, document::codes::EXPRESSION_NOT_EVALUATED);
    }
    let text = group(&[]).replacen("\"name\"", "\"copy\": {\"name\": \"c\", \"count\": 2}, \"name\"", 1);
    error(&text, "{\"name\": \"c\"", codes::TEMPLATE_NOT_SUPPORTED);
}

#[test]
fn what_azure_adds_to_its_answers_is_passed_over() {
    let text = "{\"type\": \"Microsoft.Network/networkSecurityGroups\", \"name\": \"a\", \"etag\": \"W/x\", \"properties\": {\"provisioningState\": \"Succeeded\", \"resourceGuid\": \"x\", \"securityRules\": [], \"defaultSecurityRules\": [], \"unheardOf\": null, \"subnets\": [{\"id\": \"x\"}]}}";
    assert!(check(text).clean().security_groups[0].rules.is_empty());
    let text = text.replacen("\"resourceGuid\"", "\"flushConnection\": true, \"resourceGuid\"", 1);
    check(&text).one_warning(&text, "true", codes::NOT_HONOURED);
}

#[test]
fn a_mistyped_type_is_an_error_in_a_template_too() {
    const TYPE: &str = "\"Microsoft.Network/networkSecurityGroup\"";
    let resource =
        format!(r#"{{"type": {TYPE}, "apiVersion": "2024-05-01", "name": "n", "properties": {{}}}}"#);
    let template = format!(
        r#"{{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0", "resources": [{resource}]}}"#
    );
    for text in [resource, template] {
        error(&text, TYPE, codes::INVALID_RESOURCE_TYPE);
    }
}

#[test]
fn what_is_read_but_not_honoured_is_said() {
    let vnet = r#"{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.1.0/24"}}]}}"#;
    let nic = r#"{"type": "Microsoft.Network/networkInterfaces", "name": "n", "properties": {"enableIPForwarding": false, "ipConfigurations": [{"name": "c", "properties": {"privateIPAddress": "10.0.1.4", "subnet": {"id": "virtualNetworks/v/subnets/s"}}}]}}"#;
    let text = format!("[{vnet},\n{nic}]");
    check(&text).clean();
    let text = text.replacen("false", "true", 1);
    check(&text).one_warning(&text, "true", codes::NOT_HONOURED);
}

#[test]
fn load_says_what_is_wrong_with_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = write("good.json", group(&[rule("a", &[])]).as_bytes());
    let broken = write("broken.json", b"[\n  {\"name\" \"a\"}]");
    let wide = write("wide.json", b"\xff\xfe[\0]\0");
    let latin = write("latin.json", b"[\"\xe4\"]");
    let missing = folder.path().join("missing.json");
    let resources = arm::load(&[&good, &broken, &wide, &latin, &missing]);
    assert_eq!(resources.network.security_groups.len(), 1);
    let messages: Vec<String> = resources.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert!(
        messages[0].starts_with(&format!("{}:2:11: error[InvalidJson]", broken.display())),
        "{messages:?}"
    );
    assert!(messages[1].contains("is UTF-16"));
    assert!(messages[2].contains("is not UTF-8 at byte 2"));
    assert!(messages[3].contains("cannot read") && messages[3].contains("missing.json"));
}

#[test]
fn a_template_stands_in_the_body_of_a_deployment_and_in_a_template_spec() {
    let template = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {"name": {"type": "string", "defaultValue": "none"}}, "resources": [
            {"type": "Microsoft.Network/networkSecurityGroups", "name": "[parameters('name')]", "properties": {}}]}"#;
    let body = |parameters: &str| {
        format!(
            r#"{{"location": "westeurope", "properties": {{"mode": "Incremental", "template": {template}, "parameters": {parameters}}}}}"#
        )
    };
    assert_eq!(group_names(check(&body(r#"{"name": {"value": "web"}}"#))), ["web"]);
    assert_eq!(group_names(check(&body("{}"))), ["none"]);
    // A blueprint's own expressions are nobody's here.
    let blueprint =
        body(r#"{"name": {"value": "[parameters('name')]"}}"#).replacen('{', r#"{"kind": "template", "#, 1);
    assert_eq!(group_names(check(&blueprint)), ["none"]);
    let spec = r#""type": "Microsoft.Resources/templateSpecs/versions", "name": "1.0""#;
    for text in [
        format!(r#"{{"template": {template}, "error": null}}"#),
        format!(r#"{{{spec}, "properties": {{"mainTemplate": {template}}}}}"#),
        format!(r#"{{{spec}, "mainTemplate": {template}, "linkedTemplates": null}}"#),
    ] {
        assert_eq!(group_names(check(&text)), ["none"], "{text}");
    }
}

#[test]
fn of_a_key_that_stands_twice_the_last_counts() {
    let text = group(&[rule("a", &[("access", "\"Allow\", \"ACCESS\": \"Deny\"")])]);
    let outcome = check(&text);
    let told = outcome.one_warning(&text, "\"ACCESS\"", document::codes::DUPLICATE_PROPERTY);
    assert!(told.contains("this one counts"), "{told}");
    assert_eq!(outcome.network.unwrap().security_groups[0].rules[0].access, model::Access::Deny);
    // A vault's loops stand beside each other in published templates, and are nothing to the network.
    let vault = r#"{"resources": [{"type": "Microsoft.KeyVault/vaults", "name": "v", "properties": {
        "copy": [{"name": "a", "count": 1, "input": {}}], "copy": [{"name": "b", "count": 1, "input": {}}]}}]}"#;
    assert_eq!(check(vault).codes(), [document::codes::DUPLICATE_PROPERTY]);
}

#[test]
fn what_azure_could_not_export_is_told() {
    let export = |error: &str| {
        format!(
            r#"{{"template": {{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "resources": []}}, "error": {error}}}"#
        )
    };
    let detail = r#"{"code": "ExportTemplateProviderError", "target": "Microsoft.Network/networkSecurityGroups",
        "message": "Could not get resources of the type 'networkSecurityGroups'."}"#;
    let named = export(&format!(
        r#"{{"code": "ExportTemplateCompletedWithErrors", "message": "completed", "details": [{detail}]}}"#
    ));
    let told = check(&named).one_warning(&named, detail, codes::INCOMPLETE_EXPORT);
    assert!(told.contains("the export is not complete: Could not get resources of the type"), "{told}");
    let error = r#"{"code": "ExportTemplateCompletedWithErrors"}"#;
    let bare = export(error);
    let told = check(&bare).one_warning(&bare, error, codes::INCOMPLETE_EXPORT);
    assert!(told.contains("ExportTemplateCompletedWithErrors"), "{told}");
}

#[test]
fn what_a_deployment_would_make_is_read_where_it_is_whole() {
    let one = group_of("web", &[rule("a", &[])]);
    for text in [
        format!(r#"{{"predictedResources": [{one}], "diagnostics": []}}"#),
        format!(
            r#"{{"type": "Microsoft.Resources/deployments", "properties": {{"validatedResources": [{one}]}}}}"#
        ),
    ] {
        assert_eq!(group_names(check(&text)), ["web"], "{text}");
    }
    // Ids alone say nothing of rules.
    let ids = r#"{"type": "Microsoft.Resources/deployments", "name": "d", "properties": {"validatedResources": [
        {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n"}]}}"#;
    assert_eq!(group_names(check(ids)), [""; 0]);
    let changes = r#"{"status": "Succeeded", "properties": {"changes": []}}"#;
    assert!(error(changes, changes, codes::ANSWER_NOT_POLICY).contains("what-if"));
    let built = r#"{"parametersJson": "{}", "templateJson": "{}"}"#;
    assert!(error(built, built, codes::ANSWER_NOT_POLICY).contains("bicep build-params"));
}

#[test]
fn a_list_without_properties_is_no_policy() {
    let listed = r#"[{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "properties": null, "tags": null}]"#;
    assert!(error(listed, "\"properties\"", codes::ANSWER_NOT_POLICY).contains("az network nsg list"));
    let other = listed.replace("Network/networkSecurityGroups", "Storage/storageAccounts");
    assert_eq!(group_names(check(&other)), [""; 0]);
    // A template may well say so.
    let template = format!(r#"{{"resources": {listed}}}"#);
    assert_eq!(group_names(check(&template)), ["n"]);
}

#[test]
fn an_answer_without_rules_is_no_policy() {
    const ID: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/n";
    let head = format!(r#""id": "{ID}", "name": "n", "location": "westus""#);
    let listed = format!(r#"{{"value": [{{{head}, "tags": {{}}}}]}}"#);
    assert!(error(&listed, "{\"id\"", codes::ANSWER_NOT_POLICY).contains("write \"securityRules\": []"));
    for (told, list) in [
        (format!(r#"[{{{head}, "properties": {{"provisioningState": "Succeeded"}}}}]"#), "securityRules"),
        (format!(r#"{{"NewNSG": {{{head}, "provisioningState": "Succeeded"}}}}"#), "securityRules"),
        (
            format!(r#"[{{{head}, "apiVersion": "2024-05-01", "provisioningState": "Succeeded"}}]"#),
            "securityRules",
        ),
        (format!(r#"[{{{head}, "etag": "1"}}]"#).replace("networkSecurityGroups", "routeTables"), "routes"),
    ] {
        assert!(error(&told, "{\"id\"", codes::ANSWER_NOT_POLICY).contains(list), "{told}");
    }
    // A group may have none, what is written by hand need not say so, nor what a deployment would make.
    let typed = r#""type": "Microsoft.Network/networkSecurityGroups", "name": "n""#;
    for sound in [
        format!(r#"[{{{head}, "properties": {{"securityRules": []}}}}]"#),
        format!(r#"[{{{typed}}}]"#),
        format!(r#"[{{{typed}, "properties": {{}}}}]"#),
        format!(r#"[{{{head}, "properties": {{}}}}]"#),
        format!(r#"{{"predictedResources": [{{{head}, "properties": {{}}}}]}}"#),
    ] {
        assert_eq!(group_names(check(&sound)), ["n"], "{sound}");
    }
}
