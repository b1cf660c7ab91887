//! Azure's templates, expanded, and single expressions, evaluated.

use crate::questions::findings;
use diagnostic::{At, Location};
use document::{Entry, Node, Value, read_json};
use template::{Expanded, Facts, Given, NoLinks, expand};

/// What templates and expressions are made of.
pub const WORDS: &[&str] = &[
    "\n---\n",
    "\"parameters\": {",
    "\"variables\": {",
    "\"functions\": [",
    "\"resources\": [",
    "\"outputs\": {",
    "\"copy\": ",
    "\"count\": ",
    "\"input\": ",
    "\"condition\": ",
    "\"defaultValue\": ",
    "\"value\": ",
    "\"languageVersion\": \"2.0\"",
    "Microsoft.Resources/deployments",
    "Microsoft.Network/virtualNetworks",
    "\"expressionEvaluationOptions\": {\"scope\": \"inner\"}",
    "[parameters('p')]",
    "[variables('v')]",
    "[copyIndex()]",
    "[reference('r')]",
    "[[",
    "''",
    "'",
    "(",
    ")",
    "[",
    "]",
    ".?",
    "[?",
    ",",
    "1",
    "-1",
    "9223372036854775807",
    "null()",
    "true()",
    "concat(",
    "createArray(",
    "createObject('a', ",
    "if(",
    "range(0, 10000)",
    "map(",
    "lambda('x', ",
    "lambdaVariables('x')",
    "reduce(",
    "sort(",
    "union(",
    "split(",
    "format('{0,9:D3}', ",
    "padLeft(",
    "substring(",
    "replace(",
    "json(",
    "string(",
    "items(",
    "tryGet(",
    "indexOf(",
    "cidrSubnet('10.0.0.0/8', ",
    "cidrHost('fd00::/64', ",
    "dateTimeAdd('2026-01-31', 'P1M'",
    "base64ToString(",
    "uri('http://a/b', ",
    "resourceId('A.B/c', ",
    "\u{e4}\u{1f600}",
];

/// A template and its parameter files, divided by lines of `---`; or what begins with no brace, as an expression.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if text.trim_start().starts_with('{') { template(text) } else { expression(text) }
}

fn template(text: &str) {
    let mut nodes = Vec::new();
    for part in text.split("\n---\n") {
        match read_json("template.json", part) {
            Ok(node) => nodes.push(node),
            Err(why) => findings(&why, part),
        }
    }
    let Some((template, parameters)) = nodes.split_first() else { return };
    let expanded = expanded(template, parameters);
    findings(&expanded.diagnostics, text);
    assert!(expanded.resources.iter().all(|resource| !resource.path.is_empty()), "each resource has a path");
    let again = self::expanded(template, parameters);
    assert_eq!(again.resources, expanded.resources, "a template always comes to the same");
    assert_eq!(again.diagnostics, expanded.diagnostics);
}

/// A list or an object is the same after it was written and read.
fn expression(text: &str) {
    let Some(value) = output(&format!("[{text}]")) else { return };
    if matches!(value.value, Value::Array(_) | Value::Object(_))
        && let Some(read) = output(&format!("[json(string({text}))]"))
    {
        assert!(same(&read, &value), "{read:?} was {value:?}");
    }
}

/// The value of an expression, where it has one.
fn output(text: &str) -> Option<Node> {
    let at = Location::new("template.json", 1, 1);
    let node = |value| Node::new(value, at.clone());
    let entry = |key: &str, value| Entry { key: At::new(key, &at), value };
    let object = |key: &str, value| node(Value::Object(vec![entry(key, value)]));
    let template = object("outputs", object("o", object("value", node(Value::String(text.to_owned())))));
    let expanded = expanded(&template, &[]);
    findings(&expanded.diagnostics, text);
    expanded.outputs.into_iter().next().map(|(_, value)| value)
}

fn expanded(template: &Node, parameters: &[Node]) -> Expanded {
    let given = Given {
        parameters,
        overrides: &[],
        facts: Facts { subscription: "s".into(), resource_group: "g".into(), ..Facts::default() },
        values: &[],
        now: Some(1_767_225_600),
        hint: None,
        others: &(),
        links: &NoLinks,
        is_modelled: &|kind| kind.to_ascii_lowercase().starts_with("microsoft.network/"),
    };
    expand(template, &given)
}

/// Whether two values are the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let entry = |(a, b): (&Entry, &Entry)| a.key.value == b.key.value && same(&a.value, &b.value);
            a.len() == b.len() && a.iter().zip(b).all(entry)
        }
        (a, b) => a == b,
    }
}
