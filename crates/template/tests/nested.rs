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
