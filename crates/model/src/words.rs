//! Service tags by what a person writes.

use crate::near_tag::near_tag;
use crate::{Network, ServiceTag};

/// The tags that are computed, not published.
pub(crate) const SPECIAL: [(&str, ServiceTag); 6] = [
    ("VirtualNetwork", ServiceTag::VirtualNetwork),
    ("AzureLoadBalancer", ServiceTag::AzureLoadBalancer),
    ("Internet", ServiceTag::Internet),
    ("AzurePlatformDNS", ServiceTag::AzurePlatformDns),
    ("AzurePlatformIMDS", ServiceTag::AzurePlatformImds),
    ("AzurePlatformLKM", ServiceTag::AzurePlatformLkm),
];

/// Whether a service tag of that name, whatever its case, is computed, and so none that a file could say.
pub fn is_computed_tag(name: &str) -> bool {
    SPECIAL.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

impl Network {
    /// The service tag of that name, whatever its case; `None` where it is neither computed nor loaded.
    pub fn find_service_tag(&self, name: &str) -> Option<ServiceTag> {
        let special = SPECIAL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, tag)| *tag);
        special.or_else(|| self.service_tags.find(name).map(ServiceTag::Named))
    }

    /// The name of a service tag in Azure's spelling, or `None` for one of another network.
    pub fn service_tag_name(&self, tag: ServiceTag) -> Option<&str> {
        match tag {
            ServiceTag::Named(index) => self.service_tags.get(index).map(|tag| &*tag.name),
            special => SPECIAL.iter().find(|(_, known)| *known == special).map(|(name, _)| *name),
        }
    }

    /// The service tag whose name is nearest to what was written, if any is near.
    pub fn nearest_service_tag(&self, written: &str) -> Option<&str> {
        let special = SPECIAL.iter().map(|(name, _)| *name);
        near_tag(written, special.chain(self.service_tags.iter().map(|tag| &*tag.name)))
    }
}
