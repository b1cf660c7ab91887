//! What is said of questions about resources that are not there, and about outputs.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{expanded, get, json, said};
use document::Value;

/// A deployment with the outputs `first` and `second`.
const DEPLOYMENT: &str = r#"{"type": "Microsoft.Resources/deployments", "name": "d", "properties": {
    "expressionEvaluationOptions": {"scope": "inner"}, "template": {"resources": [], "outputs": {
        "first": {"type": "string", "value": "one"}, "second": {"type": "secureString", "value": "two"}}}}}"#;

/// Why `value`, which `x` has among `resources`, is not known, and what to do about it.
fn reason(resources: &str, value: &str) -> String {
    let expanded = expanded(&format!(
        r#""languageVersion": "2.0", "resources": {{{resources}
            "x": {{"type": "Microsoft.Network/x", "name": "x", "properties": {{"value": "[{value}]"}}}}}}"#
    ));
    assert_eq!(said(&expanded), Vec::<String>::new());
    let x = expanded.resources.iter().find(|it| it.path == "resources.x").unwrap();
    match &get(&x.node, "properties.value").value {
        Value::Unknown(unknown) => format!("{} {}; {}", unknown.expression, unknown.why, unknown.help),
        _ => json(get(&x.node, "properties.value")),
    }
}

#[test]
fn a_name_that_no_resource_has_is_told() {
    let ip = |name: &str, more: &str| {
        format!(
            r#""{name}": {{"type": "Microsoft.Network/publicIPAddresses", "name": "[concat('my-', '{name}')]" {more}}},"#
        )
    };
    let not_there = "asks about 'nosuch', and the template deploys no resource of this name";
    let (plain, off) = (ip("address", ""), ip("nosuch", r#", "condition": false"#));
    assert_eq!(
        reason(&plain, "reference('nosuch').ipAddress"),
        format!(
            "reference('nosuch').ipAddress {not_there}; name one of its resources, or write the id of another one"
        )
    );
    assert!(reason(&plain, "reference('adress').ipAddress").ends_with("; did you mean 'address'?"));
    let false_one = reason(&off, "reference('nosuch').ipAddress");
    assert!(
        false_one
            .starts_with(&format!("reference('nosuch').ipAddress {not_there}; one whose condition is false")),
        "{false_one}"
    );
    assert!(reason(&plain, "resourceInfo('nosuch').id").contains(not_there));
    // The id of what is not there is known all the same.
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/my-nosuch";
    assert_eq!(reason(&off, "resourceInfo('nosuch').id"), format!("{id:?}"));
    let by_id =
        reason(&plain, "reference(resourceId('Microsoft.Network/publicIPAddresses', 'nosuch')).ipAddress");
    assert!(by_id.contains("is known only after deployment"), "{by_id}");
}

#[test]
fn an_output_that_a_deployment_does_not_have_is_told() {
    let of = |value: &str| {
        said(&expanded(&format!(
            r#""resources": [{DEPLOYMENT}, {{"type": "Microsoft.Network/x", "name": "x", "properties": {{"value": "[{value}]"}}}}]"#
        )))
    };
    let found = of("reference('d').outputs.third.value");
    assert!(
        found.len() == 1
            && found[0].contains("error[InvalidTemplate]")
            && found[0].contains("reference('d') has no such output: the object has no property 'third'")
            && found[0].contains("it has first, second"),
        "{found:#?}"
    );
    assert_eq!(of("reference('d').outputs.second.value"), Vec::<String>::new());
    assert_eq!(of("tryGet(reference('d').outputs, 'third')"), Vec::<String>::new());
}

#[test]
fn secret_outputs_are_values() {
    let deployment = format!(r#""m": {DEPLOYMENT},"#);
    let secret = |name: &str| {
        reason(&deployment, &format!("listOutputsWithSecureValues('{name}', '2025-04-01').second"))
    };
    assert_eq!(secret("m"), "\"two\"");
    assert_eq!(
        secret("nosuch"),
        "listOutputsWithSecureValues('nosuch', '2025-04-01').second asks about 'nosuch', and the template deploys no resource of \
         this name; name one of its resources, or write the id of another one"
    );
    let elsewhere = reason(
        &deployment,
        "listOutputsWithSecureValues('/subscriptions/s/providers/Microsoft.Resources/deployments/z', '2025-04-01').second",
    );
    assert!(
        elsewhere.contains("is known only to the deployed resource; write the value itself"),
        "{elsewhere}"
    );
}
