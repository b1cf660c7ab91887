//! The published service tags.

use crate::TagIndex;
use diagnostic::At;
use ipnet::IpNet;
use std::collections::HashMap;
use std::sync::Arc;

/// The tags of one published file, found by name whatever its case.
#[derive(Clone, Debug, Default)]
pub struct ServiceTags {
    /// The cloud that they are of, such as `Public`; `None` where the file does not say.
    pub cloud: Option<Arc<str>>,
    /// The number of the file, which grows with each that is published.
    pub change_number: u64,
    tags: Vec<NamedTag>,
    by_name: HashMap<String, TagIndex>,
}

/// One published tag.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NamedTag {
    /// The name in the file's own spelling.
    pub name: Arc<str>,
    /// The region in the file's own spelling (`westus`, `centralfrance`); `None` for a tag of all regions.
    pub region: Option<Arc<str>>,
    /// The service that it is of, such as `AzureStorage`; several tags may be of one.
    pub system_service: Option<Arc<str>>,
    /// The prefixes of both families.
    pub prefixes: Vec<IpNet>,
    /// Whether the file lists the tag as usable in NSGs (files of 2019 do not say, and count as yes).
    pub usable_in_nsg: bool,
    /// Whether the file lists the tag as usable in user-defined routes; of files that do not say as above.
    pub usable_in_routes: bool,
}

/// A place where a document names a published tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TagUse {
    /// Whose the place is, as messages name it: `the source of rule 'web/AllowSql'`, `route 'table/sql'`.
    pub by: String,
    /// Whether it is the prefix of a route, and not a side of a rule.
    pub in_route: bool,
    /// The name as it is written there.
    pub written: At<String>,
}

impl ServiceTags {
    /// The tags by their names; of two that differ only in case the first counts.
    pub fn new(tags: Vec<NamedTag>) -> Self {
        let mut by_name = HashMap::with_capacity(tags.len());
        for (nth, tag) in tags.iter().enumerate() {
            by_name.entry(tag.name.to_ascii_lowercase()).or_insert(TagIndex(nth));
        }
        Self { cloud: None, change_number: 0, tags, by_name }
    }

    /// The tag of that name, whatever its case. A dot is no proof of a region, so this is the whole name.
    pub fn find(&self, name: &str) -> Option<TagIndex> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The tag of a service in one region: `Storage` in `westus`, `WestUS` or `West US`.
    ///
    /// The file writes some regions in two ways (`AzureCloud.centralfrance`, `Storage.FranceCentral`); whatever it writes for
    /// one service is understood for every other.
    ///
    /// # Cost
    /// One look-up, and one pass over all tags where the service has no tag of that spelling.
    pub fn find_in_region(&self, service: &str, region: &str) -> Option<TagIndex> {
        let region: String = region.chars().filter(|c| !c.is_whitespace()).collect();
        if region.is_empty() {
            return None;
        }
        if let Some(index) = self.find(&format!("{service}.{region}")) {
            return Some(index);
        }
        let regional = || {
            self.tags.iter().enumerate().filter_map(|(nth, tag)| {
                let (service, suffix) = tag.name.rsplit_once('.')?;
                Some((TagIndex(nth), service, suffix, tag.region.as_deref()?))
            })
        };
        let written_so = regional().find(|(_, _, suffix, _)| suffix.eq_ignore_ascii_case(&region));
        let own = written_so.map_or(region.as_str(), |(.., own)| own);
        let is_it = |of: &str, in_: &str| of.eq_ignore_ascii_case(service) && in_.eq_ignore_ascii_case(own);
        regional().find(|(_, of, _, in_)| is_it(of, in_)).map(|(index, ..)| index)
    }

    /// The tag at `index`, or `None` for an index of another file.
    pub fn get(&self, index: TagIndex) -> Option<&NamedTag> {
        self.tags.get(index.0)
    }

    /// All tags in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &NamedTag> + Clone {
        self.tags.iter()
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether no tag file was loaded.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }
}

/// Whether both say the same.
impl PartialEq for ServiceTags {
    fn eq(&self, other: &Self) -> bool {
        (&self.cloud, self.change_number, &self.tags) == (&other.cloud, other.change_number, &other.tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> ServiceTags {
        let tag = |name: &str, region: &str| NamedTag {
            name: name.into(),
            region: (!region.is_empty()).then(|| region.into()),
            ..NamedTag::default()
        };
        ServiceTags::new(vec![
            tag("Storage", ""),
            tag("Storage.WestUS", "westus"),
            tag("Storage.FranceCentral", "centralfrance"),
            tag("AzureCloud.westus", "westus"),
            tag("AzureCloud.centralfrance", "centralfrance"),
            tag("AzureFrontDoor.Frontend", ""),
        ])
    }

    #[test]
    fn a_region_is_understood_however_it_is_written() {
        let tags = tags();
        let find = |service, region| {
            tags.find_in_region(service, region).and_then(|nth| tags.get(nth)).map(|tag| &*tag.name)
        };
        for region in ["westus", "WestUS", "West US", "WESTUS"] {
            assert_eq!(find("storage", region), Some("Storage.WestUS"), "{region}");
            assert_eq!(find("AzureCloud", region), Some("AzureCloud.westus"), "{region}");
        }
        for region in ["France Central", "francecentral", "centralfrance"] {
            assert_eq!(find("Storage", region), Some("Storage.FranceCentral"), "{region}");
            assert_eq!(find("AzureCloud", region), Some("AzureCloud.centralfrance"), "{region}");
        }
        for (service, region) in [("Storage", "eastus"), ("Storage", ""), ("Sql", "westus"), ("", "westus")] {
            assert_eq!(find(service, region), None, "{service} {region}");
        }
    }

    #[test]
    fn a_dot_is_no_proof_of_a_region() {
        let tags = tags();
        assert_eq!(tags.find("azurefrontdoor.frontend"), Some(TagIndex(5)));
        assert_eq!(tags.find("Frontend"), None);
        assert_eq!(
            tags.find_in_region("AzureFrontDoor", "Frontend"),
            Some(TagIndex(5)),
            "its own name counts"
        );
    }
}
