//! What `dependsOn` may name, and that nothing waits for itself.

mod common;

use common::{expanded, said};

/// A group that depends on what is said.
fn group(name: &str, depends: &str) -> String {
    format!(
        r#"{{"type": "Microsoft.Network/networkSecurityGroups", "name": "{name}", "dependsOn": [{depends}], "properties": {{}}}}"#
    )
}

/// A network with a subnet as a child, a loop of addresses, a resource that is left out with its child, a deployment, one
/// that is elsewhere, and extensions of two kinds.
const OTHERS: &str = r#"
    {"type": "Microsoft.Network/virtualNetworks", "name": "v", "resources": [{"type": "subnets", "name": "a"}]},
    {"type": "Microsoft.Network/publicIPAddresses", "name": "[concat('ip', copyIndex())]", "copy": {"name": "ips", "count": 2}},
    {"type": "Microsoft.Network/routeTables", "name": "[parameters('table')]", "condition": false,
        "resources": [{"type": "routes", "name": "r", "condition": false}]},
    {"type": "Microsoft.Resources/deployments", "name": "d", "resourceGroup": "other",
        "properties": {"template": {"resources": [{"type": "Microsoft.Network/x", "name": "inner"}]}}},
    {"type": "Microsoft.Network/networkSecurityGroups/providers/diagnosticSettings", "name": "n/Microsoft.Insights/logs"},
    {"type": "Microsoft.Authorization/locks", "name": "lock", "scope": "Microsoft.Network/virtualNetworks/v"}"#;

fn with_others(depends: &str) -> Vec<String> {
    said(&expanded(&format!(
        r#""parameters": {{"table": {{"type": "string", "defaultValue": "t"}}}},
        "resources": [{}, {OTHERS}]"#,
        group("n", depends)
    )))
}

#[test]
fn every_way_to_name_a_resource_is_taken() {
    for name in [
        "",
        "v",
        "V",
        "v/a",
        "a",
        "microsoft.network/VIRTUALNETWORKS/v",
        "/Microsoft.Network/virtualNetworks/v/",
        "Microsoft.Network/virtualNetworks/v/subnets/a",
        "Microsoft.Network/virtualNetworks/subnets/v/a",
        "[resourceId('Microsoft.Network/virtualNetworks', 'v')]",
        "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 'a')]",
        "[resourceId('another', 'Microsoft.Network/virtualNetworks', 'v')]",
        "ips",
        "ip1",
        "[concat('Microsoft.Network/publicIPAddresses/', 'ip', 0)]",
        "t",
        "[resourceId('Microsoft.Network/routeTables', parameters('table'))]",
        "Microsoft.Network/routeTables/t/routes/r",
        "d",
        "[resourceId('other', 'Microsoft.Resources/deployments', 'd')]",
        "Microsoft.Network/networkSecurityGroups/n/providers/Microsoft.Insights/diagnosticSettings/logs",
        "[extensionResourceId(resourceId('Microsoft.Network/virtualNetworks', 'v'), 'Microsoft.Authorization/locks', 'lock')]",
        "[reference('elsewhere').id]",
    ] {
        assert_eq!(with_others(&format!("\"{name}\"")), Vec::<String>::new(), "{name}");
    }
    // Symbolic names, those of existing resources among them, and of loops and their turns.
    let symbolic = |depends: &str| {
        said(&expanded(&format!(
            r#""languageVersion": "2.0", "resources": {{"own": {},
                "there": {{"type": "Microsoft.Network/virtualNetworks", "name": "v", "existing": true}},
                "many": {{"type": "Microsoft.Network/x", "name": "[concat('x', copyIndex())]", "copy": {{"name": "loop", "count": 2}}}},
                "out": {{"type": "Microsoft.Network/y", "name": "y", "condition": false}}}}"#,
            group("n", depends)
        )))
    };
    assert_eq!(symbolic(r#""there", "many", "many[1]", "loop", "out", "y""#), Vec::<String>::new());
    assert_eq!(symbolic(r#""many[2]""#).len(), 1);
}

#[test]
fn a_name_that_the_template_does_not_define_is_refused() {
    let elsewhere = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/w";
    for (name, shown) in [
        ("nope", "nope"),
        ("Microsoft.Network/virtualNetworks/w", "Microsoft.Network/virtualNetworks/w"),
        ("[resourceId('Microsoft.Network/virtualNetworks', 'w')]", elsewhere),
        ("Microsoft.Network/publicIPAddresses/v", "Microsoft.Network/publicIPAddresses/v"),
        ("inner", "inner"),
    ] {
        let found = with_others(&format!("\"v\", \"{name}\""));
        let [one] = found.as_slice() else { panic!("{name}: {found:#?}") };
        assert!(one.contains("error[InvalidTemplate]: resources[0].dependsOn[1]: "), "{one}");
        assert!(one.contains(&format!("the resource '{shown}' is not defined in the template")), "{one}");
    }
    let found = with_others(r#""ip3""#);
    assert!(found[0].ends_with("help: did you mean 'ip0'?"), "{found:#?}");
    // What is no part of the network is not there either, and the network may be.
    let machine = r#"{"type": "Microsoft.Compute/virtualMachines", "name": "vm", "dependsOn": ["nope"]}"#;
    let found = said(&expanded(&format!(r#""resources": [{machine}]"#)));
    assert!(found.len() == 1 && found[0].contains("warning[InvalidTemplate]"), "{found:#?}");
}

#[test]
fn where_a_name_is_not_known_none_is_refused() {
    for other in [
        r#"{"type": "Microsoft.Compute/x", "name": "[reference('elsewhere').name]"}"#,
        r#"{"type": "Microsoft.Compute/x", "name": "x", "condition": "[reference('elsewhere').there]"}"#,
        r#"{"type": "Microsoft.Compute/x", "name": "[concat('x', copyIndex())]", "copy": {"name": "c", "count": 0}}"#,
        r#"{"type": "Microsoft.Compute/x", "name": "[reference('elsewhere').name]", "condition": false}"#,
    ] {
        let found = said(&expanded(&format!(r#""resources": [{}, {other}]"#, group("n", r#""nope""#))));
        assert_eq!(found, Vec::<String>::new(), "{other}");
    }
}

#[test]
fn what_waits_for_itself_is_named() {
    let found =
        |resources: &[String]| said(&expanded(&format!(r#""resources": [{}]"#, resources.join(",\n"))));
    let circle =
        found(&[group("a", r#""b""#), group("b", r#""c""#), group("c", r#""d", "a""#), group("d", "")]);
    let [one] = circle.as_slice() else { panic!("{circle:#?}") };
    assert!(one.starts_with("t.json:4:85: "), "{one}");
    assert!(one.contains("error[InvalidTemplate]: resources[2].dependsOn: circular dependency detected on resource: a -> b -> c -> a"), "{one}");
    assert!(found(&[group("a", r#""a""#)])[0].contains("resource: a -> a"));
    // A diamond is none, nor is a name that another resource has, too.
    assert_eq!(
        found(&[group("a", r#""b", "c""#), group("b", r#""d""#), group("c", r#""d""#), group("d", "")]),
        Vec::<String>::new()
    );
    let namesake = r#"{"type": "Microsoft.Network/publicIPAddresses", "name": "a"}"#;
    assert_eq!(found(&[group("a", r#""a""#), namesake.to_owned()]), Vec::<String>::new());
    let left_out = namesake.replace("}", r#", "condition": false}"#);
    assert_eq!(found(&[group("a", r#""a""#), left_out]), Vec::<String>::new());
    // Each loop waits for the other.
    let looped = |name: &str, after: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/x", "name": "[concat('{name}', copyIndex())]", "dependsOn": ["{after}"],
                "copy": {{"name": "{name}", "count": 2}}}}"#
        )
    };
    assert!(!found(&[looped("x", "y"), looped("y", "x")]).is_empty());
    assert_eq!(found(&[looped("x", "y"), looped("y", "z"), group("z", "")]), Vec::<String>::new());
    // A long one is shortened, and a chain is as long as the template.
    let chain = |last: &str| {
        let one = |nth: usize| group(&format!("n{nth}"), &format!("\"n{}\"", nth + 1));
        let all: Vec<String> = (0..700).map(one).chain([group("n700", last)]).collect();
        found(&all)
    };
    assert_eq!(chain(""), Vec::<String>::new());
    let long = chain(r#""n0""#);
    assert!(
        long.len() == 1
            && long[0].contains("n0 -> n1 -> n2 -> n3 -> n4 -> … -> n697 -> n698 -> n699 -> n700 -> n0"),
        "{long:#?}"
    );
}

#[test]
fn a_long_list_is_read_once() {
    // Whatever is said a thousand times by each turn of a loop is looked up once by each.
    let same = vec![r#""loop""#; 1000].join(", ");
    let other: Vec<String> = (0..1000).map(|nth| format!("\"nope{nth}\"")).collect();
    let of = |depends: &str, count: usize| {
        let looped = format!(
            r#"{{"type": "Microsoft.Network/x", "name": "[concat('x', copyIndex())]", "copy": {{"name": "loop", "count": 400}}}},
            {{"type": "Microsoft.Network/y", "name": "[concat('y', copyIndex())]", "dependsOn": [{depends}],
                "copy": {{"name": "more", "count": {count}}}}}"#
        );
        said(&expanded(&format!(r#""resources": [{looped}]"#)))
    };
    assert_eq!(of(&same, 400), Vec::<String>::new());
    let found = of(&other.join(", "), 400);
    assert!(found.len() == 1000 && found[0].contains("'nope0' is not defined"), "{:?}", found.first());
}
