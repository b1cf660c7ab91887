//! In which deployment the expressions of nested templates are evaluated.

mod common;

use common::{expanded, get, json, said};

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
