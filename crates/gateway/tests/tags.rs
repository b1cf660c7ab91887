//! A newer file of service tags for a network in force.
#![expect(clippy::unwrap_used, reason = "tests")]

use gateway::{Host, Ids, NotTaken, Retagged, load, retag};
use model::{AddressMatch, Network, ServiceTag};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const GATEWAY: &str = "
network:
  resources:
    - type: Microsoft.Network/networkSecurityGroups
      name: web
      properties:
        securityRules:
          - name: AllowSql
            properties: { priority: 100, direction: Outbound, access: Allow, protocol: Tcp, sourceAddressPrefix: '*',
              sourcePortRange: '*', destinationAddressPrefix: sql, destinationPortRange: 1433 }
          - name: AllowStorage
            properties: { priority: 110, direction: Inbound, access: Allow, protocol: Tcp,
              sourceAddressPrefix: Storage.WestUS, sourcePortRange: '*', destinationAddressPrefix: '*',
              destinationPortRange: '*' }
serviceTags: tags.json
attachments: []
";

/// A file of tags; each has one prefix, and `Feeder` is not for NSGs.
fn file(cloud: &str, number: u64, tags: &[(&str, &str)]) -> String {
    let values: Vec<_> = tags
        .iter()
        .map(|(name, prefix)| {
            let features = if *name == "Feeder" { "" } else { "\"NSG\"" };
            format!(
                r#"{{"name": "{name}", "id": "{name}", "properties": {{"changeNumber": 1, "region": "", "systemService": "",
                "addressPrefixes": ["{prefix}"], "networkFeatures": [{features}]}}}}"#
            )
        })
        .collect();
    format!(r#"{{"changeNumber": {number}, "cloud": "{cloud}", "values": [{}]}}"#, values.join(",\n"))
}

const TAGS: [(&str, &str); 2] = [("Sql", "40.0.0.0/16"), ("Storage.WestUS", "13.0.0.0/16")];

struct Case {
    directory: TempDir,
    network: Network,
}

impl Case {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("gateway.yaml"), GATEWAY).unwrap();
        fs::write(directory.path().join("tags.json"), file("Public", 10, &TAGS)).unwrap();
        let gateway = directory.path().join("gateway.yaml");
        let loaded = load(&gateway, &mut Ids::default(), &Host::Unseen).unwrap();
        assert_eq!(loaded.settings.service_tags.as_deref(), Some(&*directory.path().join("tags.json")));
        let network = (*loaded.gateway.network).clone();
        Self { directory, network }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("tags.json")
    }

    fn take(&self, text: &str) -> Result<Option<Retagged>, NotTaken> {
        fs::write(self.path(), text).unwrap();
        retag(&self.path(), &self.network)
    }

    /// Everything that is said of a file that is not taken, and whether it may be in a moment.
    fn refusal(&self, text: &str) -> (String, bool) {
        let NotTaken { found, is_unfinished } = self.take(text).unwrap_err();
        (found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), is_unfinished)
    }
}

/// The prefix of the tag that each rule names.
fn named(network: &Network) -> Vec<String> {
    let rules = network.security_groups.iter().flat_map(|group| &group.rules);
    let sides = rules.flat_map(|rule| [&rule.source, &rule.destination]);
    let prefix = |side: &AddressMatch| match side {
        AddressMatch::Tag(ServiceTag::Named(index)) => {
            Some(network.service_tags.get(*index).unwrap().prefixes[0].to_string())
        }
        _ => None,
    };
    sides.filter_map(prefix).collect()
}

#[test]
fn rules_follow_their_tags_by_name_wherever_these_stand() {
    let case = Case::new();
    assert_eq!(named(&case.network), ["40.0.0.0/16", "13.0.0.0/16"]);
    let new = [("Other", "1.0.0.0/8"), ("STORAGE.westus", "14.0.0.0/16"), ("SQL", "41.0.0.0/16")];
    let Retagged { network, warnings } = case.take(&file("public", 10, &new)).unwrap().unwrap();
    assert_eq!(named(&network), ["41.0.0.0/16", "14.0.0.0/16"]);
    assert_eq!((network.service_tags.len(), warnings.len()), (3, 0));
    assert_eq!(network.tag_uses, case.network.tag_uses);
}

#[test]
fn the_same_tags_are_no_change() {
    let case = Case::new();
    let same = file("Public", 10, &TAGS).replace('\n', "  \r\n");
    assert!(case.take(&same).unwrap().is_none());
    assert!(case.take(&file("Public", 11, &TAGS)).unwrap().is_some(), "another week");
}

#[test]
fn a_rule_that_loses_its_tag_is_named_with_its_line_and_the_nearest() {
    let case = Case::new();
    let (said, is_unfinished) = case.refusal(&file("Public", 11, &[("Sgl", "40.0.0.0/16")]));
    let yaml = case.directory.path().join("gateway.yaml");
    let at = |line: u32| format!("{}:{line}:", yaml.display());
    assert!(!is_unfinished);
    assert!(said.contains(&at(10)) && said.contains(&at(13)), "{said}");
    for part in [
        "error[SecurityRuleInvalidAddressPrefix]: the destination of rule 'web/AllowSql' has the address prefix 'sql'",
        "a service tag that the new file lacks\n  help: the tags in force stay; did you mean 'Sgl'?",
        "the source of rule 'web/AllowStorage' has the address prefix 'Storage.WestUS'",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn an_older_file_and_one_of_another_cloud_are_refused_by_name() {
    let case = Case::new();
    let (said, is_unfinished) = case.refusal(&file("Public", 9, &TAGS));
    assert!(said.contains("error[ServiceTagsOlder]: these service tags are number 9"), "{said}");
    assert!(said.contains("`nsgate reload` takes them") && !is_unfinished, "{said}");
    let (said, _) = case.refusal(&file("AzureGovernment", 900, &TAGS));
    assert!(
        said.contains("error[ServiceTagsOfAnotherCloud]: these service tags are of AzureGovernment"),
        "{said}"
    );
    let (said, _) = case.refusal(&file("Public", 11, &TAGS).replace(r#""cloud": "Public","#, ""));
    assert!(said.contains("of no cloud, those in force of Public"), "{said}");
}

#[test]
fn half_a_file_may_be_whole_in_a_moment() {
    let case = Case::new();
    let whole = file("Public", 11, &TAGS);
    for end in [0, 1, whole.len() / 2, whole.len() - 1] {
        let (said, is_unfinished) = case.refusal(&whole[..end]);
        assert!(is_unfinished && said.contains("error[InvalidServiceTags]"), "{end}: {said}");
    }
    assert!(case.refusal(&file("Public", 11, &[])).0.contains("no service tags"));
    fs::remove_file(case.path()).unwrap();
    let gone = retag(&case.path(), &case.network).unwrap_err();
    assert!(gone.is_unfinished && gone.found[0].code == "UnreadableFile", "{gone:?}");
    assert!(retag(Path::new("/dev/zero"), &case.network).is_err());
}

#[test]
fn a_tag_that_is_no_longer_for_rules_is_a_warning() {
    let case = Case::new();
    let text = file("Public", 11, &TAGS).replacen("\"NSG\"", "\"API\"", 1);
    let Retagged { warnings, .. } = case.take(&text).unwrap().unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, "ServiceTagNotUsableInSecurityRule");
}
