//! In which deployment the expressions of nested templates are evaluated.

mod common;

use common::{With, expanded, get, json, said};
use document::read_json;
use template::NoLinks;

/// A deployment with `"expressionEvaluationOptions": {"scope": …}` whose template has a parameter `p` of its own.
fn nested(name: &str, scope: &str, resource: &str) -> String {
    format!(
        r#"{{"type": "Microsoft.Resources/deployments", "name": "{name}", "properties": {{
            "expressionEvaluationOptions": {{"scope": "{scope}"}}, "parameters": {{"p": {{"value": "{name}"}}}},
            "template": {{"parameters": {{"p": {{"type": "string"}}}}, "resources": [{resource}]}}}}}}"#
    )
}

#[test]
fn what_a_deployment_unescapes_the_next_one_inwards_evaluates() {
    let x = r#"{"type": "Microsoft.Network/x", "name": "x", "properties": {
        "one": "[parameters('p')]", "two": "[[parameters('p')]", "three": "[[[parameters('p')]", "four": "[[[[parameters('p')]"}}"#;
    let of = |middle: &str, low: &str| {
        let low = nested("low", low, x);
        let expanded = expanded(&format!(
            r#""parameters": {{"p": {{"type": "string", "defaultValue": "main"}}}}, "resources": [{}]"#,
            nested("middle", middle, &low)
        ));
        assert_eq!(said(&expanded), Vec::<String>::new());
        json(get(&expanded.resources[0].node, "properties"))
    };
    assert_eq!(
        of("outer", "outer"),
        r#"{"one":"main","two":"middle","three":"low","four":"[parameters('p')]"}"#
    );
    // An outer evaluation takes the whole template, whatever is nested in it; the one in the middle leaves it alone.
    assert_eq!(
        of("outer", "inner"),
        r#"{"one":"main","two":"low","three":"[parameters('p')]","four":"[[parameters('p')]"}"#
    );
    assert_eq!(
        of("inner", "outer"),
        r#"{"one":"middle","two":"low","three":"[parameters('p')]","four":"[[parameters('p')]"}"#
    );
    assert_eq!(
        of("inner", "inner"),
        r#"{"one":"low","two":"[parameters('p')]","three":"[[parameters('p')]","four":"[[[parameters('p')]"}"#
    );
}

#[test]
fn the_network_is_in_resource_groups() {
    let x = r#"{"type": "Microsoft.Network/x", "name": "x"}"#;
    let nested = |name: &str, group: &str| {
        format!(
            r#"{{"type": "Microsoft.Resources/deployments", "name": "{name}" {group}, "location": "w", "properties": {{"mode": "Incremental",
                "template": {{"resources": [{x}]}}}}}}"#
        )
    };
    let resources = [
        x.to_owned(),
        nested("none", ""),
        nested("empty", r#", "resourceGroup": """#),
        nested("given", r#", "resourceGroup": "g""#),
        nested(
            "open",
            r#", "resourceGroup": "[reference('/subscriptions/s/providers/Microsoft.Network/x/y', '2020-01-01').g]""#,
        ),
    ];
    let text = format!(
        r#"{{"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
            "contentVersion": "1.0.0.0", "resources": [{}]}}"#,
        resources.join(",")
    );
    let found = said(&With::default().expand_with(&read_json("t.json", &text).unwrap(), &NoLinks));
    assert_eq!(found.len(), 3, "{found:#?}");
    for (found, nth) in found.iter().zip(["resources[0]", "resources[1].", "resources[2]."]) {
        let told = found.contains(&format!("warning[InvalidTemplate]: {nth}"))
            && found.contains("a resource of the type Microsoft.Network/x is in a resource group, and this deployment is to none");
        assert!(told, "{found:#?}");
    }
}
