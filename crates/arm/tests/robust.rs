//! No text makes the reader or the validator panic, and what is refused says why.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use arm::read_resources;
use diagnostic::Severity;
use document::read_json;
use model::ServiceTags;
use proptest::prelude::*;
use std::sync::Arc;

/// Documents that hold a bit of everything.
fn seeds() -> Vec<String> {
    let network = include_str!("network.rs");
    let start = network.find("r#\"[").map(|at| at + 3).unwrap();
    let end = network[start..].find("\"#;").map(|at| at + start).unwrap();
    let groups = [
        ("sourceAddressPrefix", ""),
        ("sourceAddressPrefixes", "[\"10.0.0.0/8\", \"fd00::/8\", \"1.2.3.4\"]"),
        ("destinationPortRange", ""),
        ("destinationPortRanges", "[\"80\", \"443-500\", 22]"),
    ];
    let rules = [common::rule("a", &[]), common::rule("b", &groups)];
    vec![
        network[start..end].to_owned(),
        common::group(&rules),
        format!("{{\"responses\": {{\"200\": {{\"body\": {{\"value\": {}}}}}}}}}", common::group(&rules)),
    ]
}

/// Words that mean something somewhere.
const WORDS: [&str; 24] = [
    "null",
    "[]",
    "{}",
    "\"\"",
    "*",
    "0",
    "-1",
    "65536",
    "::/0",
    "0.0.0.0/0",
    "/",
    "\"id\":",
    "\"type\":",
    "\"value\":",
    "\"properties\":",
    "Internet",
    "[x]",
    "[[",
    "\\u0000",
    "\u{feff}",
    "ä",
    "//",
    "/*",
    "\r\n",
];

fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0usize..12, 0usize..WORDS.len() + 1);
    (0usize..3, prop::collection::vec(edit, 0..6)).prop_map(|(seed, edits)| {
        let mut text: Vec<char> = seeds()[seed].chars().collect();
        for (at, cut, word) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + cut).min(text.len());
            let word = WORDS.get(word).copied().unwrap_or_default();
            text.splice(start..end, word.chars());
        }
        text.into_iter().collect()
    })
}

/// Values swapped for others of the same document: the syntax stays right, the sense goes.
fn shuffled() -> impl Strategy<Value = String> {
    let swap = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (0usize..3, prop::collection::vec(swap, 1..8)).prop_map(|(seed, swaps)| {
        let text = seeds()[seed].clone();
        let mut parts: Vec<&str> = text.split('"').collect();
        for (one, other) in swaps {
            let odd = |index: prop::sample::Index| index.index(parts.len() / 2) * 2 + 1;
            let (one, other) = (odd(one), odd(other));
            parts.swap(one, other);
        }
        parts.join("\"")
    })
}

/// Reads, validates, and holds the outcome to its promise.
fn hold(text: &str) -> Result<(), TestCaseError> {
    let outcome = common::check(text);
    let errors = outcome.findings.iter().filter(|it| it.severity == Severity::Error).count();
    if outcome.network.is_none() {
        prop_assert!(errors > 0, "nothing says why {text} is refused");
    }
    for found in &outcome.findings {
        prop_assert!(!found.message.is_empty());
        let at = found.at.as_ref().unwrap();
        prop_assert!(at.line as usize <= text.matches('\n').count() + 1, "{found}");
    }
    if let Some(network) = &outcome.network {
        for nic in &network.network_interfaces {
            prop_assert!(errors > 0 || nic.ip_configurations.iter().filter(|it| it.primary).count() == 1);
            for it in &nic.ip_configurations {
                prop_assert!(
                    network.virtual_networks[it.subnet.vnet.0].subnets.get(it.subnet.subnet).is_some()
                );
            }
        }
    }
    let _ = arm::read_service_tags("tags.json", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn mutated_documents(text in mutated()) {
        hold(&text)?;
    }

    #[test]
    fn shuffled_documents(text in shuffled()) {
        hold(&text)?;
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        hold(&text)?;
    }

    #[test]
    fn any_json_like_text(text in "[\\[\\]{}\",:0-9a-z/*\\\\ \n]{0,200}") {
        hold(&text)?;
    }
}

#[test]
fn very_many_mistakes_are_listed_to_a_point() {
    let rules = vec!["{}"; 3000].join(",");
    let loose = vec![r#"{"name": "r", "properties": {"priority": "100"}}"#; 11_000].join(",");
    let nsg = |name: &str, rules: &str| {
        format!(
            r#"{{"type": "Microsoft.Network/networkSecurityGroups", "name": "{name}", "properties": {{"securityRules": [{rules}]}}}}"#
        )
    };
    let text = format!("[{},{}]", nsg("empty", &rules), nsg("loose", &loose));
    let resources = read_resources(&[read_json("many.json", &text).unwrap()]);
    let (network, found) = model::validate(resources.network, Arc::new(ServiceTags::default()));
    assert!(network.is_none());
    for (list, severity, kind) in
        [(&resources.diagnostics, Severity::Warning, "warnings"), (&found, Severity::Error, "errors")]
    {
        let of_it = || list.iter().filter(|it| it.severity == severity);
        assert_eq!(of_it().count(), 10_001);
        let more: Vec<_> = of_it().filter(|it| it.code == "TooManyDiagnostics").collect();
        assert_eq!(more.len(), 1);
        assert_eq!(more[0].message, format!("there are more than 10000 {kind}; the others are left out"));
    }
}
