//! Templates that ask about the resources of other documents.
#![expect(clippy::unwrap_used, reason = "tests")]

use arm::{Deployment, Resources, read_documents};
use document::read_json;

/// A template with a virtual network `name`, whose address space `prefix` may be an expression.
fn vnet(name: &str, prefix: &str) -> String {
    format!(
        r#"{{"resources": [{{"type": "Microsoft.Network/virtualNetworks", "name": "{name}", "properties": {{
            "addressSpace": {{"addressPrefixes": ["{prefix}"]}}, "subnets": []}}}}]}}"#
    )
}

/// The first prefix of a virtual network's address space, as an expression.
fn prefix_of(name: &str) -> String {
    format!(
        "[reference(resourceId('Microsoft.Network/virtualNetworks', '{name}'), '2023-04-01').addressSpace.addressPrefixes[0]]"
    )
}

/// The name and the address space of each virtual network, and what is wrong.
fn read(texts: &[&str]) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let nodes: Vec<_> = texts.iter().map(|it| read_json("t.json", it).unwrap()).collect();
    let Resources { network, diagnostics, .. } = read_documents(&nodes, &Deployment::default());
    let mut vnets: Vec<_> = network
        .virtual_networks
        .iter()
        .map(|it| {
            let space = it.address_space.iter().map(|it| it.value.clone());
            (it.name.value.to_string(), space.collect())
        })
        .collect();
    vnets.sort();
    (vnets, diagnostics.iter().map(ToString::to_string).collect())
}

fn known(names: &[(&str, &str)]) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let one = |(name, prefix): &(&str, &str)| ((*name).to_owned(), vec![(*prefix).to_owned()]);
    (names.iter().map(one).collect(), Vec::new())
}

#[test]
fn a_template_knows_what_another_one_makes_whatever_their_order() {
    let [a, b, c] = [vnet("a", "10.0.0.0/16"), vnet("b", &prefix_of("a")), vnet("c", &prefix_of("b"))];
    let expected = known(&[("a", "10.0.0.0/16"), ("b", "10.0.0.0/16"), ("c", "10.0.0.0/16")]);
    assert_eq!(read(&[&a, &b, &c]), expected);
    assert_eq!(read(&[&c, &b, &a]), expected);
}

#[test]
fn a_template_knows_what_a_document_says_of_a_resource_and_its_parts() {
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/old";
    let named = r#""name": "old", "type": "Microsoft.Network/virtualNetworks""#;
    let part = "[reference(resourceId('Microsoft.Network/virtualNetworks/subnets', 'old', 'a'), '2023-04-01').addressPrefix]";
    let template = vnet("new", part);
    for head in [named.to_owned(), format!(r#"{named}, "id": "{id}""#)] {
        let old = format!(
            r#"{{{head}, "properties": {{"addressSpace": {{"addressPrefixes": ["10.1.0.0/16"]}},
                "subnets": [{{"name": "a", "properties": {{"addressPrefix": "10.1.1.0/24"}}}}]}}}}"#
        );
        let expected = known(&[("new", "10.1.1.0/24"), ("old", "10.1.0.0/16")]);
        assert_eq!(read(&[&template, &old]), expected, "{head}");
        assert_eq!(read(&[&format!("[{old}]"), &template]), expected, "{head}");
    }
    // Two that it may mean are none.
    let old = |group: &str| {
        format!(
            r#"{{{named}, "id": "{}", "properties": {{"addressSpace": {{"addressPrefixes": ["10.1.0.0/16"]}}, "subnets": []}}}}"#,
            id.replace("/g/", group)
        )
    };
    let (_, found) = read(&[&vnet("new", &prefix_of("old")), &old("/g/"), &old("/h/")]);
    assert!(found.len() == 1 && found[0].contains("is known only after deployment"), "{found:#?}");
}

#[test]
fn templates_that_ask_each_other_end() {
    let (vnets, found) = read(&[&vnet("a", &prefix_of("b")), &vnet("b", &prefix_of("a"))]);
    assert_eq!(vnets.len(), 2);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|it| it.contains("is known only after deployment")), "{found:#?}");
}
