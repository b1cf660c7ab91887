//! Deployments in deployments, and what resources ask about each other.

mod common;

use common::{With, expanded, get, ids, json, said, template};
use document::{Node, Value, read_document, read_json};
use std::collections::HashMap;
use template::Links;

/// Files that exist only here.
struct Shelf<'a>(HashMap<&'static str, &'a str>);

impl Links for Shelf<'_> {
    fn load(
        &self,
        path: &str,
        found: &mut Vec<diagnostic::Diagnostic>,
    ) -> Result<Option<Node>, Vec<diagnostic::Diagnostic>> {
        self.0.get(path).map(|text| read_document(path, text, found)).transpose()
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
        let link = "resources[0].properties.templateLink.resources";
        let deeper = format!("{link}[1].properties.templateLink.resources[0]");
        assert_eq!(ids(&expanded), [(&*format!("{link}[0]"), &*one), (&*deeper, &*leaf)]);
        assert_eq!(&*expanded.resources[1].node.at.file, "nested/leaf.json");
    }
    let found = said(&linked(r#""uri": "https://example.com/nested/other.json""#));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("warning[LinkedTemplateNotFound]: resources[0].properties.templateLink.uri: "),
        "{found:#?}"
    );
    // What an address elsewhere leads to may lie below the folder, too.
    let expanded = linked(r#""uri": "https://example.com/raw/main/nested/child.json?sas""#);
    let found = said(&expanded);
    assert_eq!((expanded.resources.len(), found.len()), (2, 1), "{found:#?}");
    assert!(
        found[0].contains(
            "warning[LinkedTemplateNotFound]: resources[0].properties.templateLink.uri: the linked template is read from \
             'nested/child.json'"
        ),
        "{found:#?}"
    );
}

#[test]
fn a_link_asks_for_the_version_that_there_is_and_parameters_stand_in_one_place() {
    let child = r#"{"contentVersion": "1.0.0.0", "parameters": {"n": {"type": "string", "defaultValue": "x"}}, "resources": []}"#;
    let values = r#"{"parameters": {"n": {"value": "y"}}}"#;
    let shelf = Shelf(HashMap::from([("child.json", child), ("values.json", values)]));
    let of = |version: &str, more: &str| {
        let sections = format!(
            r#""resources": [{{"type": "Microsoft.Resources/deployments", "name": "d", "properties": {{
                "templateLink": {{"relativePath": "child.json", "contentVersion": "{version}"}} {more}}}}}]"#
        );
        said(&With::default().expand_with(&template(&sections), &shelf))
    };
    let (link, inline) =
        (r#", "parametersLink": {"uri": "values.json"}"#, r#", "parameters": {"n": {"value": "z"}}"#);
    for good in ["", link, inline] {
        assert_eq!(of("1.0.0.0", good), Vec::<String>::new(), "{good}");
    }
    let found = of("9.9.9.9", "");
    assert!(
        found.len() == 1
            && found[0].contains(
                "error[InvalidTemplate]: resources[0].properties.templateLink.contentVersion: the link asks for version \
                 '9.9.9.9' of the template 'child.json', which is '1.0.0.0'"
            ),
        "{found:#?}"
    );
    let found = of("1.0.0.0", &format!("{link}{inline}"));
    assert!(
        found.len() == 1
            && found[0].contains("resources[0].properties.parametersLink: the deployment has both parameters and parametersLink"),
        "{found:#?}"
    );
}

#[test]
fn a_template_that_links_to_itself_ends() {
    let itself = r#"{"resources": [{"type": "Microsoft.Resources/deployments", "name": "[concat('d', copyIndex())]", "copy": {"name": "c", "count": 800},
        "properties": {"templateLink": {"relativePath": "a.json"}}}]}"#;
    let shelf = Shelf(HashMap::from([("a.json", itself)]));
    let expanded = With::default().expand_with(&read_json("a.json", itself).unwrap(), &shelf);
    let found = said(&expanded);
    assert_eq!(found.len(), 1, "{found:#?}");
    // One of the same name elsewhere is another one.
    let elsewhere = itself.replace(r#""relativePath": "a.json""#, r#""uri": "https://example.com/b/a.json""#);
    let expanded = With::default().expand_with(&read_json("a.json", &elsewhere).unwrap(), &shelf);
    assert!(
        said(&expanded)[0].contains("'https://example.com/b/a.json' is not at hand"),
        "{:#?}",
        said(&expanded)
    );
    assert!(found[0].contains("error[TemplateLimitExceeded]"), "{found:#?}");
    let once =
        itself.replace(r#""[concat('d', copyIndex())]", "copy": {"name": "c", "count": 800},"#, r#""d","#);
    let shelf = Shelf(HashMap::from([("a.json", once.as_str())]));
    let found = said(&With::default().expand_with(&read_json("a.json", &once).unwrap(), &shelf));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains(" deep in each other: 'a.json' links to itself"), "{found:#?}");
}

#[test]
fn templates_that_link_in_a_ring_are_named() {
    let links = |to: &str| {
        let link = format!(r#""properties": {{"templateLink": {{"relativePath": "{to}"}}}}"#);
        format!(r#"{{"resources": [{{"type": "Microsoft.Resources/deployments", "name": "d", {link}}}]}}"#)
    };
    let (a, b, c) = (links("b.json"), links("c.json"), links("a.json"));
    let shelf = Shelf(HashMap::from([("a.json", a.as_str()), ("b.json", &b), ("c.json", &c)]));
    let found = said(&With::default().expand_with(&read_json("root.json", &a).unwrap(), &shelf));
    assert_eq!(found.len(), 1, "{found:#?}");
    let ring = " links to 'c.json', which links to 'a.json', which links to 'b.json'";
    assert!(found[0].contains(&format!("deep in each other: 'b.json'{ring}")), "{found:#?}");
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
fn a_deployment_knows_its_template() {
    let expanded = expanded(
        r#""variables": {"v": "[deployment().name]", "all": "[deployment().properties]"},
        "resources": [
            {"type": "Microsoft.Network/x", "name": "x", "properties": {
                "count": "[length(deployment().properties.template.resources)]",
                "raw": "[Deployment().Properties['template'].contentVersion]",
                "v": "[deployment().properties.template.variables.v]",
                "version": "[variables('all').template.contentVersion]"}},
            {"type": "Microsoft.Resources/deployments", "name": "outer", "properties": {
                "template": {"contentVersion": "2.0", "resources": [{"type": "Microsoft.Network/x", "name": "y", "properties": {
                    "count": "[length(deployment().properties.template.resources)]"}}]}}},
            {"type": "Microsoft.Resources/deployments", "name": "inner", "properties": {
                "expressionEvaluationOptions": {"scope": "inner"},
                "template": {"contentVersion": "3.0", "resources": [{"type": "Microsoft.Network/x", "name": "z", "properties": {
                    "version": "[deployment().properties.template.contentVersion]"}}]}}}
        ]"#,
    );
    assert_eq!(said(&expanded), Vec::<String>::new());
    let properties = expanded.resources.iter().map(|it| json(get(&it.node, "properties")));
    assert_eq!(
        properties.collect::<Vec<_>>(),
        [
            r#"{"count":3,"raw":"1.0.0.0","v":"[deployment().name]","version":"1.0.0.0"}"#,
            r#"{"count":3}"#,
            r#"{"version":"3.0"}"#
        ]
    );
}

#[test]
fn a_chain_of_outputs_is_as_long_as_the_template() {
    // The last one stands first, so that nothing has been evaluated when it asks.
    let deployment = |nth: usize| {
        format!(
            r#"{{"type": "Microsoft.Resources/deployments", "name": "d{nth}", "properties": {{
                "expressionEvaluationOptions": {{"scope": "inner"}},
                "parameters": {{"n": {{"value": "[reference('d{}').outputs.next.value]"}}}},
                "template": {{"parameters": {{"n": {{"type": "int"}}}}, "resources": [
                    {{"type": "Microsoft.Network/x", "name": "[concat('x', parameters('n'))]"}}],
                    "outputs": {{"next": {{"type": "int", "value": "[add(parameters('n'), 1)]"}}}}}}}}}}"#,
            nth + 1
        )
    };
    let chain: Vec<String> = (0..700).map(deployment).collect();
    let first = r#"{"type": "Microsoft.Resources/deployments", "name": "d700", "properties": {"template": {
        "resources": [], "outputs": {"next": {"type": "int", "value": 1}}}}}"#;
    let expanded = expanded(&format!(
        r#""resources": [{}, {first}], "outputs": {{"n": {{"type": "int", "value": "[reference('d0').outputs.next.value]"}}}}"#,
        chain.join(",")
    ));
    assert_eq!(said(&expanded), Vec::<String>::new());
    assert_eq!((json(&expanded.outputs[0].1).as_str(), expanded.resources.len()), ("701", 700));
    assert_eq!(json(get(&expanded.resources[0].node, "name")), "\"x700\"");
}

#[test]
fn a_deployment_that_asks_about_itself_is_not_there_yet() {
    let expanded = expanded(
        r#""resources": [{"type": "Microsoft.Resources/deployments", "name": "d",
            "resourceGroup": "[reference('d').outputs.group.value]",
            "properties": {"template": {"resources": [{"type": "Microsoft.Network/x", "name": "x"}],
                "outputs": {"group": {"type": "string", "value": "a"}}}}}]"#,
    );
    assert_eq!(expanded.resources.len(), 1, "{:#?}", said(&expanded));
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
                "subnets": [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}}, {"name": "b", "properties": {}, "id": "own"}],
                "pools": [{"name": "bare"}], "others": [{"name": "o", "of": "another"}]}},
            {"type": "Microsoft.Other/things", "name": "t", "properties": {"parts": [{"name": "a", "properties": {}}]}},
            {"type": "Microsoft.Network/x", "name": "x", "properties": {
                "first": "[reference('v').subnets[0].id]",
                "full": "[reference(resourceId('Microsoft.Network/virtualNetworks', 'v'), '2020-05-01', 'Full').properties.subnets[0].id]",
                "own": "[reference('v').subnets[1].id]", "other": "[reference('t').parts[0].id]",
                "bare": "[reference('v').pools[0].id]", "not": "[reference('v').others[0].id]",
                "where": "[concat(reference('v', '2020-05-01', 'full').resourceGroupName, ' ', reference('v', '2020-05-01', 'full').resourceId)]"}}
        ]"#,
    );
    let vnet = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v";
    let id = format!("{vnet}/subnets/a");
    assert_eq!(
        json(get(&expanded.resources[2].node, "properties")),
        format!(
            r#"{{"first":"{id}","full":"{id}","own":"own","other":?reference('t').parts[0].id,"bare":"{vnet}/pools/bare","not":?reference('v').others[0].id,"where":"g Microsoft.Network/virtualNetworks/v"}}"#
        )
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

/// A deployment that stands in a template.
fn deployment(name: &str, depends: &str, resources: &str) -> String {
    format!(
        r#"{{"type": "Microsoft.Resources/deployments", "name": "{name}", "dependsOn": [{depends}],
            "properties": {{"mode": "Incremental", "template": {{"resources": [{resources}]}}}}}}"#
    )
}

/// A security group that says of itself which one it is.
fn group(says: &str, depends: &str) -> String {
    format!(
        r#"{{"type": "Microsoft.Network/networkSecurityGroups", "name": "n", "dependsOn": [{depends}], "properties": {{"says": "{says}"}}}}"#
    )
}

#[test]
fn of_a_resource_that_several_deployments_write_the_last_is_there() {
    let says = |resources: &[String]| {
        let expanded = expanded(&format!(r#""resources": [{}]"#, resources.join(",")));
        assert!(said(&expanded).iter().all(|it| it.contains(UNORDERED)), "{:#?}", said(&expanded));
        let says = expanded.resources.iter().map(|it| json(get(&it.node, "properties.says")));
        says.collect::<Vec<_>>().join(" ")
    };
    let nested = |name: &str, depends: &str| deployment(name, depends, &group(name, ""));
    assert_eq!(says(&[group("own", ""), nested("x", "")]), r#""x""#);
    assert_eq!(says(&[nested("x", ""), group("own", "")]), r#""own""#);
    // Whatever way it is said that one is after the other.
    for after in [
        r#""Y""#,
        r#""Microsoft.Resources/deployments/y""#,
        r#""[resourceId('Microsoft.Resources/deployments', 'y')]""#,
    ] {
        assert_eq!(says(&[nested("x", after), nested("y", "")]), r#""x""#, "{after}");
    }
    assert_eq!(says(&[group("own", r#""z""#), nested("y", ""), nested("z", r#""y""#)]), r#""own""#);
    let deeper = deployment("outer", "", &nested("inner", ""));
    assert_eq!(says(&[group("own", ""), deeper.clone()]), r#""inner""#);
    assert_eq!(says(&[group("own", r#""outer""#), deeper]), r#""own""#);
    // Two in one deployment are a mistake.
    let twice = expanded(&format!(r#""resources": [{}, {}]"#, group("a", ""), group("b", "")));
    let found = said(&twice);
    assert!(found.len() == 1 && found[0].contains("is defined multiple times in a template"), "{found:#?}");
    assert_eq!(json(get(&twice.resources[0].node, "properties.says")), r#""a""#);
    assert_eq!(twice.resources.len(), 1);
}

const UNORDERED: &str = "warning[DeploymentOrderNotGiven]";

#[test]
fn of_a_resource_that_is_written_twice_somebody_says_the_order() {
    let found =
        |resources: &[String]| said(&expanded(&format!(r#""resources": [{}]"#, resources.join(",\n"))));
    let nested = |name: &str, depends: &str| deployment(name, depends, &group(name, ""));
    for unordered in [
        [nested("x", ""), group("own", "")],
        [group("own", ""), nested("x", "")],
        [nested("x", ""), deployment("outer", "", &nested("y", ""))],
    ] {
        let found = found(&unordered);
        let [one] = found.as_slice() else { panic!("{found:#?}") };
        assert!(one.contains(UNORDERED), "{one}");
        assert!(
            one.contains("writes the Microsoft.Network/networkSecurityGroups 'n' with other properties"),
            "{one}"
        );
        // Both places.
        let (first, last) = (one.split(' ').next().unwrap(), one.lines().nth(1).unwrap());
        assert!(last.contains("the other one, resources[0]") && !last.contains(first), "{one}");
    }
    let between = deployment("z", r#""x""#, "");
    let asking = nested("y", "").replace(r#""says": "y""#, r#""says": "[reference('x').outputs.o.value]""#);
    for ordered in [
        vec![nested("x", ""), group("own", r#""x""#)],
        vec![nested("x", r#""n""#), group("own", "")],
        // By another one in between, or by what deploys them.
        vec![nested("x", ""), between, nested("y", r#""z""#)],
        vec![nested("x", ""), deployment("outer", r#""x""#, &nested("y", ""))],
        // What asks for something waits for it.
        vec![nested("x", ""), asking],
        // The same twice.
        vec![deployment("x", "", &group("same", "")), deployment("y", "", &group("SAME", ""))],
    ] {
        let found = found(&ordered);
        assert!(!found.iter().any(|it| it.contains(UNORDERED)), "{found:#?}");
    }
    // The turns of a loop, unless one waits for the other.
    let looped = |mode: &str| {
        let one = deployment("[concat('d', copyIndex())]", "", &group("[string(copyIndex('loop'))]", ""));
        one.replacen(
            "\"name\"",
            &format!("\"copy\": {{\"name\": \"loop\", \"count\": 2{mode}}}, \"name\""),
            1,
        )
    };
    assert_eq!(found(&[looped(r#", "mode": "Serial", "batchSize": 1"#)]), Vec::<String>::new());
    let parallel = found(&[looped(", \"mode\": \"Parallel\"")]);
    assert!(parallel.len() == 1 && parallel[0].contains("the other one, resources[0][0]"), "{parallel:#?}");
    // In whatever order they stand, each resource is said once.
    let three = [nested("x", ""), nested("y", ""), nested("z", "")];
    assert_eq!(found(&three).len(), 1);
}

#[test]
fn a_parent_that_is_written_again_replaces_its_children() {
    let rule = r#"{"type": "Microsoft.Network/networkSecurityGroups/securityRules", "name": "n/r", "dependsOn": ["n"]}"#;
    let vnet = |more: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{"addressSpace": {{}}{more}}}}}"#
        )
    };
    let subnet =
        r#"{"type": "Microsoft.Network/virtualNetworks/subnets", "name": "v/b", "dependsOn": ["v"]}"#;
    let shown = |resources: &[String]| {
        let expanded = expanded(&format!(r#""resources": [{}]"#, resources.join(",")));
        assert!(expanded.diagnostics.is_empty(), "{:#?}", said(&expanded));
        let shown = expanded.resources.iter().map(|it| {
            let subnets = it.node.get("properties").and_then(|it| it.get("subnets"));
            format!("{}{}", it.path, subnets.map(json).unwrap_or_default())
        });
        shown.collect::<Vec<_>>().join(" ")
    };
    let inside = |nth: usize| format!("resources[{nth}].properties.template.resources[0]");
    let again = deployment("x", r#""n/r""#, &group("x", ""));
    assert_eq!(shown(&[group("a", ""), rule.to_owned(), again]), inside(2));
    // A rule that is written after the group stays.
    let late = deployment("y", r#""x""#, &rule.replace(r#""dependsOn": ["n"]"#, r#""dependsOn": []"#));
    let again = deployment("x", r#""n""#, &group("x", ""));
    assert_eq!(shown(&[group("a", ""), again, late]), format!("{} {}", inside(1), inside(2)));
    // A virtual network keeps the subnets that it says nothing about.
    let first = vnet(r#", "subnets": [{"name": "a"}]"#);
    let again = deployment("x", r#""v/b""#, &vnet(""));
    assert_eq!(
        shown(&[first.clone(), subnet.to_owned(), again]),
        format!(r#"resources[1] {}[{{"name":"a"}}]"#, inside(2))
    );
    let again = deployment("x", r#""v/b""#, &vnet(r#", "subnets": [{"name": "c"}]"#));
    assert_eq!(shown(&[first, subnet.to_owned(), again]), format!(r#"{}[{{"name":"c"}}]"#, inside(2)));
}

#[test]
fn a_deployment_whose_name_is_another_each_time_is_found() {
    let named = |now: &str| {
        format!(
            r#""parameters": {{"now": {{"type": "string", "defaultValue": "[{now}]"}}}},
            "resources": [
              {{"type": "Microsoft.Resources/deployments", "name": "[format('a-{{0}}', parameters('now'))]",
                "properties": {{"mode": "Incremental", "template": {{"resources": [], "outputs": {{"x": {{"type": "string", "value": "one"}}}}}}}}}},
              {{"type": "Microsoft.Resources/deployments", "name": "[format('b-{{0}}', parameters('now'))]",
                "properties": {{"mode": "Incremental", "template": {{"resources": [], "outputs": {{"x": {{"type": "string", "value": "two"}}}}}}}}}},
              {{"type": "Microsoft.Network/x", "name": "x", "properties": {{
                "id": "[reference(resourceId('Microsoft.Resources/deployments', format('b-{{0}}', parameters('now')))).outputs.x.value]",
                "name": "[reference(format('a-{{0}}', parameters('now'))).outputs.x.value]",
                "none": "[reference(format('c-{{0}}', parameters('now'))).outputs.x.value]",
                "now": "[concat('at ', parameters('now'))]"}}}}]"#
        )
    };
    for now in ["utcNow()", "newGuid()", "take(utcNow('u'), 10)"] {
        let expanded = expanded(&named(now));
        assert!(expanded.diagnostics.is_empty(), "{:#?}", said(&expanded));
        let node = &expanded.resources[0].node;
        assert_eq!(json(get(node, "properties.id")), "\"two\"", "{now}");
        assert_eq!(json(get(node, "properties.name")), "\"one\"", "{now}");
        assert_eq!(json(get(node, "properties.none")), "?parameters('now')", "{now}");
        let Value::Unknown(unknown) = &get(node, "properties.now").value else { panic!("{now} is known") };
        assert_eq!(unknown.expression, "parameters('now')");
        assert!(
            unknown.why.starts_with("is made of ") && unknown.help.ends_with("--parameters now=…"),
            "{unknown:?}"
        );
    }
}

#[test]
fn a_template_may_be_made_by_an_expression() {
    let of = |template: &str| {
        format!(
            r#""variables": {{"inner": {{"resources": [{{"type": "Microsoft.Network/x", "name": "[[concat('a', 'b')]"}}],
                             "outputs": {{"o": {{"type": "string", "value": "out"}}}}}}}},
            "resources": [
              {{"type": "Microsoft.Resources/deployments", "name": "d", "properties": {{"mode": "Incremental", "template": {template}}}}},
              {{"type": "Microsoft.Network/y", "name": "y", "properties": {{"o": "[reference('d').outputs.o.value]"}}}}]"#
        )
    };
    let made = expanded(&of(r#""[variables('inner')]""#));
    assert_eq!(
        ids(&made).iter().map(|it| it.0).collect::<Vec<_>>(),
        ["resources[1]", "resources[0].properties.template.resources[0]"]
    );
    assert_eq!(json(get(&made.resources[1].node, "name")), "\"ab\"");
    assert_eq!(json(get(&made.resources[0].node, "properties.o")), "\"out\"");
    let elsewhere = expanded(&of(r#""[reference('policy').template]""#));
    let found = said(&elsewhere);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains(
            "warning[LinkedTemplateNotFound]: resources[0].properties.template: the nested template is not known: \
             'reference('policy').template' asks about 'policy', and the template deploys no resource"
        ),
        "{found:#?}"
    );
    assert!(
        said(&expanded(&of(r#""[concat('a', 'b')]""#)))[0]
            .contains("the nested template is a string, and no object")
    );
}

#[test]
fn a_resource_that_is_written_again_may_keep_what_it_was() {
    // The way to add to a network in the same template: it asks about itself in a deployment after it.
    let again = |name: &str, after: &str, subnets: &str| {
        deployment(
            name,
            after,
            &format!(
                r#"{{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{
                    "space": "[reference('v').space]", "subnets": {subnets}}}}}"#
            ),
        )
    };
    let first = r#"{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {"space": "s", "subnets": ["a"]}}"#;
    let second = again("x", r#""v""#, r#""[concat(reference('v').subnets, createArray('b'))]""#);
    let third = again(
        "y",
        r#""x""#,
        r#""[concat(reference(resourceId('Microsoft.Network/virtualNetworks', 'v')).subnets, createArray('c'))]""#,
    );
    let expanded = expanded(&format!(r#""resources": [{first}, {second}, {third}]"#));
    assert_eq!(
        ids(&expanded).iter().map(|it| it.0).collect::<Vec<_>>(),
        ["resources[2].properties.template.resources[0]"]
    );
    assert_eq!(
        json(get(&expanded.resources[0].node, "properties")),
        r#"{"space":"s","subnets":["a","b","c"]}"#
    );
}

#[test]
fn a_subnet_that_is_written_again_may_keep_what_its_network_says_of_it() {
    // The way to put a group on a subnet in the same template.
    let vnet = |prefix: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{"subnets": [
                {{"name": "A", "properties": {{"prefix": {prefix}}}}}]}}}}"#
        )
    };
    let id = "resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 'a')";
    let subnet = format!(
        r#"{{"type": "Microsoft.Network/virtualNetworks/subnets", "name": "v/a", "properties": {{
            "prefix": "[reference({id}, '2020-01-01').prefix]"}}}}"#
    );
    let again = deployment("again", r#""v""#, &subnet);
    let expanded = expanded(&format!(r#""resources": [{}, {again}]"#, vnet(r#""10.0.1.0/24""#)));
    assert_eq!(ids(&expanded).len(), 2);
    assert_eq!(json(get(&expanded.resources[1].node, "properties.prefix")), r#""10.0.1.0/24""#);
    // Each asks about the other.
    let circle = vnet(&format!(r#""[reference({id}).prefix]""#));
    let circle = self::expanded(&format!(r#""resources": [{circle}, {again}]"#));
    assert_eq!(
        json(get(&circle.resources[1].node, "properties.prefix")),
        "?reference(resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 'a'), '2020-01-01').prefix"
    );
}

#[test]
fn a_loop_makes_the_value_of_a_nested_parameter() {
    let of = |copy: &str| {
        expanded(&format!(
            r#""variables": {{"names": ["a", "b"]}},
            "resources": [{{"type": "Microsoft.Resources/deployments", "name": "[concat('d', copyIndex())]",
                "copy": {{"name": "d", "count": 2, "mode": "Serial"}}, "properties": {{"expressionEvaluationOptions": {{"scope": "inner"}},
                "parameters": {{"list": {{"copy": [{copy}]}}}},
                "template": {{"parameters": {{"list": {{"type": "array"}}}},
                    "resources": [{{"type": "Microsoft.Network/x", "name": "x", "properties": {{"list": "[parameters('list')]"}}}}]}}}}}}]"#
        ))
    };
    let made = of(r#"{"name": "value", "count": "[length(variables('names'))]",
           "input": "[concat(variables('names')[copyIndex('value')], copyIndex())]"}"#);
    assert!(made.diagnostics.is_empty(), "{:#?}", said(&made));
    let lists: Vec<String> = made.resources.iter().map(|it| json(get(&it.node, "properties.list"))).collect();
    assert_eq!(lists.last().map(String::as_str), Some(r#"["a1","b1"]"#), "{lists:?}");
    let nameless = said(&of(r#"{"name": "values", "count": 1, "input": 1}"#));
    assert!(nameless[0].contains("the parameter has neither value nor reference"), "{nameless:#?}");
}
