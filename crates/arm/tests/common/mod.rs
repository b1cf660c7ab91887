//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use diagnostic::{Diagnostic, Severity};
use model::{NamedTag, Network, ServiceTags};
use std::sync::Arc;

/// What became of a text: the network, and every finding as `line:column severity code`, then its message.
pub(crate) struct Outcome {
    pub(crate) network: Option<Network>,
    pub(crate) findings: Vec<Diagnostic>,
}

/// Reads and validates `text` as `net.json`, with a few service tags loaded.
pub(crate) fn check(text: &str) -> Outcome {
    check_all(&[text])
}

/// The same with several files: `net.json`, `net2.json`, ….
pub(crate) fn check_all(texts: &[&str]) -> Outcome {
    let mut findings = Vec::new();
    let mut nodes = Vec::new();
    for (nth, text) in texts.iter().enumerate() {
        let file = if nth == 0 { "net.json".to_owned() } else { format!("net{}.json", nth + 1) };
        match document::read_document(&file, text, &mut findings) {
            Ok(node) => nodes.push(node),
            Err(errors) => findings.extend(errors),
        }
    }
    let resources = arm::read_resources(&nodes);
    findings.extend(resources.diagnostics);
    let (network, more) = model::validate(resources.network, tags());
    findings.extend(more);
    Outcome { network, findings }
}

/// A text without any finding, which tests break.
pub(crate) struct Sound(pub(crate) &'static str);

impl Sound {
    /// The text with the first `from` replaced, and what became of it.
    #[track_caller]
    pub(crate) fn changed(&self, from: &str, to: &str) -> (String, Outcome) {
        assert!(self.0.contains(from), "{from}");
        let text = self.0.replacen(from, to, 1);
        let outcome = check(&text);
        (text, outcome)
    }

    /// The one error of the changed text; see [`Outcome::one_error`].
    #[track_caller]
    pub(crate) fn error(&self, from: &str, to: &str, needle: &str, code: &str) -> String {
        let (text, outcome) = self.changed(from, to);
        outcome.one_error(&text, needle, code)
    }

    /// The one warning of the changed text, and the network that there is all the same.
    #[track_caller]
    pub(crate) fn warning(&self, from: &str, to: &str, needle: &str, code: &str) -> (Network, String) {
        let (text, outcome) = self.changed(from, to);
        let told = outcome.one_warning(&text, needle, code);
        (outcome.network.unwrap(), told)
    }
}

/// `Sql` and `Storage` can be used in NSGs and in routes, `Feeder` cannot.
pub(crate) fn tags() -> Arc<ServiceTags> {
    let tag = |name: &str, prefix: &str, usable| NamedTag {
        name: name.into(),
        prefixes: vec![prefix.parse().unwrap()],
        usable_in_nsg: usable,
        usable_in_routes: usable,
        ..NamedTag::default()
    };
    Arc::new(ServiceTags::new(vec![
        tag("Sql", "13.64.0.0/16", true),
        tag("Storage.WestUS", "13.83.72.16/28", true),
        tag("Feeder", "20.0.0.0/8", false),
    ]))
}

impl Outcome {
    /// Exactly one finding: this error, at the first place of `needle` in `text`. Returns its message and help.
    #[track_caller]
    pub(crate) fn one_error(&self, text: &str, needle: &str, code: &str) -> String {
        self.one(Severity::Error, text, needle, code)
    }

    /// Exactly one finding: this warning, at the first place of `needle` in `text`.
    #[track_caller]
    pub(crate) fn one_warning(&self, text: &str, needle: &str, code: &str) -> String {
        assert!(self.network.is_some(), "{self}");
        self.one(Severity::Warning, text, needle, code)
    }

    #[track_caller]
    fn one(&self, severity: Severity, text: &str, needle: &str, code: &str) -> String {
        let [found] = self.findings.as_slice() else { panic!("expected one finding:\n{self}") };
        assert_eq!((found.severity, found.code), (severity, code), "{self}");
        assert_eq!(found.at.as_ref().unwrap().to_string(), format!("net.json:{}", position(text, needle)));
        assert!(found.help.is_some(), "{self}");
        format!("{}\n{}", found.message, found.help.as_deref().unwrap_or_default())
    }

    /// The network, of a text without any finding.
    #[track_caller]
    pub(crate) fn clean(self) -> Network {
        assert!(self.findings.is_empty(), "{self}");
        self.network.unwrap()
    }

    /// Every code found, in order.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.findings.iter().map(|found| found.code).collect()
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.findings.iter().try_for_each(|found| writeln!(f, "{found}"))
    }
}

/// `line:column` of the first place of `needle`.
#[track_caller]
pub(crate) fn position(text: &str, needle: &str) -> String {
    let offset = text.find(needle).unwrap_or_else(|| panic!("'{needle}' is not in the text"));
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{line}:{column}")
}

/// A rule that is right, with `changes` made: each replaces the line of its key, or adds one; an empty value takes
/// the line away.
pub(crate) fn rule(name: &str, changes: &[(&str, &str)]) -> String {
    let mut lines: Vec<(String, String)> = [
        ("priority", "100"),
        ("direction", "\"Inbound\""),
        ("access", "\"Allow\""),
        ("protocol", "\"Tcp\""),
        ("sourceAddressPrefix", "\"*\""),
        ("sourcePortRange", "\"*\""),
        ("destinationAddressPrefix", "\"*\""),
        ("destinationPortRange", "\"443\""),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec();
    for (key, value) in changes {
        lines.retain(|(known, _)| known != key);
        if !value.is_empty() {
            lines.push(((*key).to_owned(), (*value).to_owned()));
        }
    }
    let lines: Vec<String> = lines.iter().map(|(key, value)| format!("      \"{key}\": {value}")).collect();
    format!("    {{\"name\": \"{name}\", \"properties\": {{\n{}\n    }}}}", lines.join(",\n"))
}

/// An NSG `web` with these rules, as an array of one resource.
pub(crate) fn group(rules: &[String]) -> String {
    format!("[{}]", group_of("web", rules))
}

/// An NSG with these rules.
pub(crate) fn group_of(name: &str, rules: &[String]) -> String {
    format!(
        "{{\"type\": \"Microsoft.Network/networkSecurityGroups\", \"name\": \"{name}\", \"properties\": {{\n  \"securityRules\": [\n{}\n  ]}}}}",
        rules.join(",\n")
    )
}
