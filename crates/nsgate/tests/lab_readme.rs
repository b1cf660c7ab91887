//! What the README shows of a template that Azure exported: its gateway file, run, filters. Needs root.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use testbed::netns;
use testbed::probe::Outcome;
use testbed::site::Site;

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

/// The first block of YAML under a heading of the README.
fn shown(heading: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once("```yaml\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn an_exported_template_and_ten_lines_are_a_gateway() {
    let text = shown("From an exported template");
    assert!(text.lines().count() <= 10, "{text}");
    assert_eq!(fs::read_to_string(root().join("config/exported.yaml")).unwrap(), text, "config has it too");
    if !netns::available() {
        return;
    }
    let site = Site::new();
    let files = format!("[{}/config/azure/exported.json]", root().display());
    assert!(text.contains("[azure/exported.json]"));
    let daemon = site.start_on(Path::new(NSGATE), &text.replace("[azure/exported.json]", &files));
    site.serve(&site.vm2, 443);
    site.serve(&site.vm2, 22);
    site.serve(&site.internet, 80);
    site.serve(&site.internet, 23);

    let seen = |outcome: Outcome| outcome.address().map(|address| address.to_string());
    assert_eq!(seen(site.tcp(&site.vm1, "198.51.100.7:80")), Some("203.0.113.10".into()));
    assert_eq!(seen(site.tcp(&site.vm2, "198.51.100.7:80")), Some("203.0.113.20".into()));
    assert_eq!(seen(site.tcp(&site.internet, "203.0.113.20:443")), Some("203.0.113.1".into()));
    daemon.denies("web-nsg", "DenyTelnetOutBound", || {
        assert_eq!(seen(site.try_tcp(&site.vm1, "198.51.100.7:23")), None);
    });
    daemon.denies("web-nsg", "DenyAllInBound", || {
        assert_eq!(seen(site.try_tcp(&site.internet, "203.0.113.20:22")), None);
    });
}
