//! Templates under `network.files`, and what they are given.
#![expect(clippy::unwrap_used, reason = "tests")]

use diagnostic::{Diagnostic, Severity};
use gateway::{Given, Host, Ids, expand_documents, load, load_documents};
use std::path::PathBuf;

const TEMPLATE: &str = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "parameters": {"name": {"type": "string"}, "count": {"type": "int", "defaultValue": 1}},
    "resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "[concat(parameters('name'), copyIndex())]",
        "copy": {"name": "nsgs", "count": "[parameters('count')]"}, "location": "[resourceGroup().location]",
        "properties": {"securityRules": [{"name": "r", "properties": {"priority": 100, "direction": "Inbound", "access": "Allow",
            "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "443", "destinationAddressPrefix": "*",
            "sourceAddressPrefix": "[concat(resourceGroup().name)]"}}]}}]}"#;

/// A folder with the template, two parameter files and a gateway file.
fn folder(gateway: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("t.json", TEMPLATE);
    write("t.parameters.json", r#"{"contentVersion": "1.0.0.0", "parameters": {"name": {"value": "web"}}}"#);
    write("more.json", r#"{"count": 2}"#);
    write("g.yaml", gateway);
    folder
}

fn shown(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

fn with(parameters: &[String]) -> Given<'_> {
    Given { parameters, ..Given::default() }
}

#[test]
fn a_gateway_file_gives_parameters_facts_and_values() {
    let text = "network:\n  files: t.json\n  parameters: [t.parameters.json, more.json]\n  deployment: { resourceGroup: Internet, subscription: sub }\n  \
                values: { \"concat(resourceGroup().name)\": 10.0.0.1 }\nattachments: []\n";
    let folder = folder(text);
    let loaded = load(&folder.path().join("g.yaml"), &mut Ids::default(), &Host::Unseen).unwrap();
    let groups = &loaded.gateway.network.security_groups;
    let ids: Vec<&str> = groups.iter().map(|it| &*it.id).collect();
    let base = "/subscriptions/sub/resourceGroups/Internet/providers/Microsoft.Network/networkSecurityGroups";
    assert_eq!(ids, [format!("{base}/web0"), format!("{base}/web1")]);

    let text = text
        .replace("resourceGroup: Internet", "resourceGroup: a/b")
        .replace("values: {", "values: [{")
        .replace("1 }", "1 }]");
    std::fs::write(folder.path().join("g.yaml"), text).unwrap();
    let found = load(&folder.path().join("g.yaml"), &mut Ids::default(), &Host::Unseen).unwrap_err();
    let found = shown(&found);
    assert!(
        found.iter().any(|it| it.contains("network.deployment.resourceGroup: \"a/b\" is not a name")),
        "{found:#?}"
    );
    assert!(found.iter().any(|it| it.contains("network.values: expected keys and values")), "{found:#?}");
}

#[test]
fn a_parameter_file_that_is_not_named_is_not_read_but_mentioned() {
    let folder = folder("network: { files: t.json }\nattachments: []\n");
    let found = load(&folder.path().join("g.yaml"), &mut Ids::default(), &Host::Unseen).unwrap_err();
    let missing: Vec<_> = found.iter().filter(|it| it.code == "ValueNotKnown").collect();
    assert_eq!(missing.len(), 1, "{:#?}", shown(&found));
    let help = missing[0].help.as_deref().unwrap();
    assert!(help.contains("t.parameters.json lies beside the template"), "{help}");
}

#[test]
fn the_command_line_gives_files_and_single_parameters() {
    let folder = folder("");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let files = [PathBuf::from(path("t.json"))];
    let (deployed, found) =
        expand_documents(&files, &with(&[format!("@{}", path("t.parameters.json")), "count=2".into()]));
    assert_eq!(shown(&found), Vec::<String>::new());
    let names: Vec<&str> = deployed.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["web0", "web1"]);
    let text = serde_json::to_string(&deployed).unwrap();
    assert!(
        text.starts_with(
            r#"[{"type":"Microsoft.Network/networkSecurityGroups","name":"web0","id":"/subscriptions/"#
        ),
        "{text}"
    );

    let given = ["name=Web".to_owned(), "cuont=2".to_owned()];
    let (documents, found) = load_documents(&files, &with(&given));
    let errors: Vec<_> = found.iter().filter(|it| it.severity == Severity::Error).collect();
    assert!(documents.network.is_none() || !errors.is_empty());
    assert!(
        shown(&found)
            .iter()
            .any(|it| it.contains("no template has a parameter 'cuont'\n  help: did you mean 'count'?")),
        "{:#?}",
        shown(&found)
    );
    let (_, found) = load_documents(&files, &with(&[path("nowhere.json")]));
    assert_eq!(found[0].code, "UnreadableFile");
    let (_, found) = load_documents(&files, &with(&["name".to_owned()]));
    assert_eq!(found[0].help.as_deref(), Some("give a parameter file, or a parameter as NAME=VALUE"));
    std::fs::write(path("empty.json"), "").unwrap();
    let (_, found) = load_documents(&files, &with(&[path("empty.json")]));
    assert_eq!(found[0].help.as_deref(), Some(r#"write {"parameters": {"name": {"value": …}}}"#));
    let (_, found) = load_documents(&[PathBuf::from("count=2")], &Given::default());
    assert!(found[0].help.as_deref().is_some_and(|it| it.contains("--parameters before it")), "{found:?}");
}

#[test]
fn the_command_line_gives_what_expressions_come_to() {
    let folder = folder("");
    let text = TEMPLATE.replace("concat(resourceGroup().name)", "reference('a/b=c').list[0].ipAddress");
    std::fs::write(folder.path().join("t.json"), text).unwrap();
    let files = [folder.path().join("t.json")];
    let loaded = |given: &[&str]| {
        let given: Vec<String> = ["name=web"].iter().chain(given).map(|it| (*it).to_owned()).collect();
        load_documents(&files, &with(&given))
    };
    let (_, found) = loaded(&[]);
    let help = found[0].help.as_deref().unwrap();
    assert!(help.contains("network.values") && help.contains("--parameters \"EXPRESSION=VALUE\""), "{help}");
    for given in [
        "reference('a/b=c').list[0].ipAddress=10.0.0.1",
        "[Reference( 'a/b=c' ).list[0].ipAddress]=10.0.0.1",
        r#"reference('a/b=c')={"list": [{"ipAddress": "10.0.0.1"}]}"#,
        r#"reference('a/b=c').list=[{"ipAddress": "10.0.0.1"}]"#,
    ] {
        let (documents, found) = loaded(&[given]);
        assert_eq!(shown(&found), Vec::<String>::new(), "{given}");
        let rule = &documents.network.unwrap().security_groups[0].rules[0];
        let one = model::AddressMatch::Prefixes(vec!["10.0.0.1/32".parse().unwrap()]);
        assert_eq!(rule.source, one, "{given}");
    }
    // What is no expression is a file.
    for given in ["reference('a/b=c'=1", "a b=1", "reference('a)=1", ")=1", "'=1"] {
        let (_, found) = loaded(&[given]);
        assert!(found.iter().any(|it| it.code == "UnreadableFile"), "{given}: {:#?}", shown(&found));
    }
}

#[test]
fn parameters_without_a_template_are_an_error() {
    let folder = folder("network: { resources: [], parameters: more.json }\nattachments: []\n");
    let found = load(&folder.path().join("g.yaml"), &mut Ids::default(), &Host::Unseen).unwrap_err();
    assert_eq!(found[0].code, "ParametersWithoutTemplate", "{:#?}", shown(&found));
}
