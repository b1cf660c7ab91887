//! The published service tags.

use crate::TagIndex;
use ipnet::IpNet;
use std::collections::HashMap;
use std::sync::Arc;

/// The tags of one published file, found by name whatever its case.
#[derive(Clone, Debug, Default)]
pub struct ServiceTags {
    tags: Vec<NamedTag>,
    by_name: HashMap<String, TagIndex>,
}

/// One published tag.
#[derive(Clone, Debug)]
pub struct NamedTag {
    /// The name in the file's own spelling.
    pub name: Arc<str>,
    /// The prefixes of both families.
    pub prefixes: Vec<IpNet>,
    /// Whether the file lists the tag as usable in NSGs (files of 2019 do not say, and count as yes).
    pub usable_in_nsg: bool,
}

impl ServiceTags {
    /// The tags by their names; of two that differ only in case the first counts.
    pub fn new(tags: Vec<NamedTag>) -> Self {
        let mut by_name = HashMap::with_capacity(tags.len());
        for (nth, tag) in tags.iter().enumerate() {
            by_name.entry(tag.name.to_ascii_lowercase()).or_insert(TagIndex(nth));
        }
        Self { tags, by_name }
    }

    /// The tag of that name, whatever its case.
    pub fn find(&self, name: &str) -> Option<TagIndex> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The tag at `index`, or `None` for an index of another file.
    pub fn get(&self, index: TagIndex) -> Option<&NamedTag> {
        self.tags.get(index.0)
    }

    /// All tags in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &NamedTag> {
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
