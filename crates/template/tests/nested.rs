//! Deployments in deployments, and what resources ask about each other.

mod common;

use common::{With, expanded, get, ids, json, said, template};
use document::{Node, read_json};
use std::collections::HashMap;
use template::Links;

/// Files that exist only here.
struct Shelf(HashMap<&'static str, &'static str>);

impl Links for Shelf {
    fn load(&self, path: &str) -> Result<Option<Node>, Vec<model::Diagnostic>> {
        self.0.get(path).map(|text| read_json(path, text)).transpose()
    }
}

#[test]
fn nested_templates_are_evaluated_outside_or_inside() {
    let nested = |scope: &str| {
        let expanded = expanded(&format!(
            r#""variables": {{"v": "outer"}},
            "parameters": {{"p": {{"type": "string", "defaultValue": "outer"}}}},
            "resources": [{{"type": "Microsoft.Resources/deployments", "name": "d", "resourceGroup": "other",
                "properties": {{"mode": "Incremental", {scope}
                    "parameters": {{"p": {{"value": "[concat('given ', parameters('p'))]"}}}},
                    "template": {{"variables": {{"v": "inner"}}, "parameters": {{"p": {{"type": "string"}}}},
                        "resources": [{{"type": "Microsoft.Network/x", "name": "n", "properties": {{"v": "[variables('v')]",
                            "p": "[parameters('p')]", "g": "[resourceGroup().name]", "own": "[[variables('v')]"}}}}]}}
                }}}}]"#
        ));
        let path = "resources[0].properties.template.resources[0]";
        // The id is in the group that it is deployed to, whoever evaluates.
        assert_eq!(
            ids(&expanded),
            [(path, "/subscriptions/s/resourceGroups/other/providers/Microsoft.Network/x/n")]
        );
        json(get(&expanded.resources[0].node, "properties"))
    };
    assert_eq!(nested(""), r#"{"v":"outer","p":"outer","g":"g","own":"inner"}"#);
    let inner = r#""expressionEvaluationOptions": {"scope": "inner"},"#;
    assert_eq!(nested(inner), r#"{"v":"inner","p":"given outer","g":"other","own":"[variables('v')]"}"#);
}

#[test]
fn linked_templates_are_files_below_the_folder() {
    let child = r#"{"parameters": {"n": {"type": "string"}},
        "resources": [{"type": "Microsoft.Network/x", "name": "[parameters('n')]"},
            {"type": "Microsoft.Resources/deployments", "name": "deeper", "properties": {"templateLink": {"relativePath": "leaf.json"}}}]}"#;
    let leaf = r#"{"resources": [{"type": "Microsoft.Network/x", "name": "leaf"}]}"#;
    let shelf = Shelf(HashMap::from([("nested/child.json", child), ("nested/leaf.json", leaf)]));
    let linked = |link: &str| {
        let sections = format!(
            r#""resources": [{{"type": "Microsoft.Resources/deployments", "name": "d",
                "properties": {{"templateLink": {{{link}}}, "parameters": {{"n": {{"value": "one"}}}}}}}}]"#
        );
        With::default().expand_with(&template(&sections), &shelf)
    };
    let [one, leaf] = ["one", "leaf"]
        .map(|it| format!("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/x/{it}"));
    for link in
        [r#""relativePath": "nested/child.json""#, r#""uri": "https://nsgate.invalid/nested/child.json?sas""#]
    {
        let expanded = linked(link);
        assert_eq!(ids(&expanded), [("resources[0]", &*one), ("resources[0]", &*leaf)]);
        assert_eq!(&*expanded.resources[1].node.at.file, "nested/leaf.json");
    }
    let found = said(&linked(r#""uri": "https://example.com/nested/child.json""#));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("warning[LinkedTemplateNotFound]: resources[0].properties.templateLink.uri: "),
        "{found:#?}"
    );
}

#[test]
fn a_template_that_links_to_itself_ends() {
    let itself = r#"{"resources": [{"type": "Microsoft.Resources/deployments", "name": "d", "copy": {"name": "c", "count": 800},
        "properties": {"templateLink": {"relativePath": "a.json"}}}]}"#;
    let shelf = Shelf(HashMap::from([("a.json", itself)]));
    let expanded = With::default().expand_with(&read_json("a.json", itself).unwrap(), &shelf);
    let found = said(&expanded);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("error[TemplateLimitExceeded]"), "{found:#?}");
}

#[test]
fn resources_ask_about_each_other() {
    let expanded = expanded(
        r#""resources": [
            {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.1.0/24"}}]}},
            {"type": "Microsoft.Network/publicIPAddresses", "name": "ip", "properties": {"method": "Static"}},
            {"type": "Microsoft.Network/x", "name": "x", "properties": {
                "prefix": "[reference(resourceId('Microsoft.Network/virtualNetworks', 'v')).addressSpace.addressPrefixes[0]]",
                "subnet": "[reference(resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 'a'), '2020-05-01').addressPrefix]",
                "method": "[reference('ip').method]",
                "tail": "[reference('Microsoft.Network/publicIPAddresses/ip', '2020-05-01', 'full').properties.method]",
                "address": "[reference('ip').ipAddress]",
                "own": "[reference('x').own]",
                "elsewhere": "[reference('nowhere').a.b]"
            }}
        ]"#,
    );
    assert_eq!(said(&expanded), Vec::<String>::new());
    assert_eq!(
        json(get(&expanded.resources[2].node, "properties")),
        r#"{"prefix":"10.0.0.0/16","subnet":"10.0.1.0/24","method":"Static","tail":"Static","address":?reference('ip').ipAddress,"own":?reference('x').own,"elsewhere":?reference('nowhere').a.b}"#
    );
}

#[test]
fn values_are_given_by_the_text_of_a_reference() {
    let values = r#"{"reference('ip').ipAddress": "203.0.113.7", "reference(variables('id'), '2020-05-01')": {"prefix": "10.0.0.0/8"}}"#;
    let expanded = With::default().values(values).expand(
        r#""variables": {"id": "[resourceId('g2', 'Microsoft.Network/virtualNetworks', 'v')]"},
        "resources": [{"type": "Microsoft.Network/x", "name": "x", "properties": {
            "address": "[concat(reference( 'ip' ).ipAddress, '/32')]", "prefix": "[reference(variables('id'),'2020-05-01').prefix]"}}]"#,
    );
    assert_eq!(
        json(get(&expanded.resources[0].node, "properties")),
        r#"{"address":"203.0.113.7/32","prefix":"10.0.0.0/8"}"#
    );
}

#[test]
fn outputs_of_nested_deployments_are_values() {
    let expanded = expanded(
        r#""resources": [
            {"type": "Microsoft.Network/x", "name": "[reference('d').outputs.name.value]",
             "properties": {"ip": "[reference('d').outputs.ip.value]"}},
            {"type": "Microsoft.Resources/deployments", "name": "d", "properties": {
                "expressionEvaluationOptions": {"scope": "inner"}, "parameters": {"n": {"value": "made"}},
                "template": {"parameters": {"n": {"type": "string"}}, "resources": [],
                    "outputs": {"name": {"type": "string", "value": "[concat(parameters('n'), '-x')]"},
                                "ip": {"type": "string", "value": "[reference('ip').ipAddress]"}}}}}
        ],
        "outputs": {"all": {"type": "string", "value": "[reference('d').outputs.name.value]"}}"#,
    );
    assert_eq!(json(&expanded.outputs[0].1), "\"made-x\"");
    assert_eq!(json(get(&expanded.resources[0].node, "properties.ip")), "?reference('ip').ipAddress");
}

#[test]
fn symbolic_names_tell_about_their_resources() {
    let expanded = expanded(
        r#""languageVersion": "2.0", "resources": {
            "old": {"existing": true, "type": "Microsoft.Network/virtualNetworks", "name": "v", "apiVersion": "2020-05-01"},
            "ips": {"type": "Microsoft.Network/publicIPAddresses", "name": "[concat('ip', copyIndex())]", "copy": {"name": "loop", "count": 2},
                    "properties": {"nth": "[copyIndex()]"}},
            "x": {"type": "Microsoft.Network/x", "name": "x", "properties": {
                "id": "[resourceInfo('old').id]", "old": "[reference('old').addressSpace]",
                "all": "[references('ips')]", "one": "[reference('ips[1]').nth]"}}
        }"#,
    );
    assert_eq!(said(&expanded), Vec::<String>::new());
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v";
    assert_eq!(
        json(get(&expanded.resources[2].node, "properties")),
        format!(
            r#"{{"id":"{id}","old":?reference('old').addressSpace,"all":[{{"nth":0}},{{"nth":1}}],"one":1}}"#
        )
    );
}

#[test]
fn the_parts_of_a_network_resource_have_ids() {
    let expanded = expanded(
        r#""resources": [
            {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
                "subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}}, {"name": "b", "properties": {}, "id": "own"}]}},
            {"type": "Microsoft.Other/things", "name": "t", "properties": {"parts": [{"name": "a", "properties": {}}]}},
            {"type": "Microsoft.Network/x", "name": "x", "properties": {
                "first": "[reference('v').subnets[0].id]",
                "full": "[reference(resourceId('Microsoft.Network/virtualNetworks', 'v'), '2020-05-01', 'Full').properties.subnets[0].id]",
                "own": "[reference('v').subnets[1].id]", "other": "[reference('t').parts[0].id]"}}
        ]"#,
    );
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/a";
    assert_eq!(
        json(get(&expanded.resources[2].node, "properties")),
        format!(r#"{{"first":"{id}","full":"{id}","own":"own","other":?reference('t').parts[0].id}}"#)
    );
}

#[test]
fn what_is_elsewhere_has_the_id_that_it_has_there() {
    let expanded = expanded(
        r#""languageVersion": "2.0", "resources": {
            "old": {"existing": true, "type": "Microsoft.Network/virtualNetworks", "name": "v", "apiVersion": "2020-05-01",
                    "subscriptionId": "other", "resourceGroup": "hub"},
            "d": {"type": "Microsoft.Resources/deployments", "name": "d", "resourceGroup": "hub", "properties": {"template": {
                "resources": {}, "outputs": {"name": {"type": "string", "value": "made"}}}}},
            "x": {"type": "Microsoft.Network/x", "name": "x", "properties": {
                "info": "[resourceInfo('old').id]", "id": "[reference('old', '2020-05-01', 'full').id]",
                "place": "[reference('old', '2020-05-01', 'full').location]",
                "made": "[reference(extensionResourceId(format('/subscriptions/{0}/resourceGroups/{1}', subscription().subscriptionId, 'hub'), 'Microsoft.Resources/deployments', 'd'), '2022-09-01').outputs.name.value]"}}
        }"#,
    );
    assert_eq!(said(&expanded), Vec::<String>::new());
    let id = "/subscriptions/other/resourceGroups/hub/providers/Microsoft.Network/virtualNetworks/v";
    assert_eq!(
        json(get(&expanded.resources[0].node, "properties")),
        format!(
            r#"{{"info":"{id}","id":"{id}","place":?reference('old', '2020-05-01', 'full').location,"made":"made"}}"#
        )
    );
}

#[test]
fn there_are_not_too_many_deployments() {
    let level = |name: &str, resources: &str| {
        format!(
            r#"[{{"type": "Microsoft.Resources/deployments", "name": "[concat('{name}', copyIndex())]", "copy": {{"name": "{name}", "count": 800}},
                "properties": {{"template": {{"resources": {resources}}}}}}}]"#
        )
    };
    let expanded = expanded(&format!("\"resources\": {}", level("a", &level("b", "[]"))));
    let said = said(&expanded);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].contains("TemplateLimitExceeded") && said[0].contains("more than 10000 deployments"),
        "{}",
        said[0]
    );
}

#[test]
fn there_are_not_too_many_resources_in_all() {
    let copies = |kind: &str, name: &str, count: u32, more: &str| {
        format!(
            r#"[{{"type": "{kind}", "name": "[concat('{name}', copyIndex())]", "copy": {{"name": "{name}", "count": {count}}}{more}}}]"#
        )
    };
    let inner = copies("Microsoft.Network/x", "x", 800, "");
    let more = format!(r#", "properties": {{"template": {{"resources": {inner}}}}}"#);
    let expanded =
        expanded(&format!("\"resources\": {}", copies("Microsoft.Resources/deployments", "d", 250, &more)));
    let said = said(&expanded);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].contains("TemplateLimitExceeded") && said[0].contains("more than 2000000 values"),
        "{}",
        said[0]
    );
}
