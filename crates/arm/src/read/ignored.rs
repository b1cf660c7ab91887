//! What is not modelled: listed, each once.

use super::{Ignored, Reader};
use diagnostic::Location;
use document::{Place, Value};
use std::collections::HashSet;

/// A reference to a resource that is not modelled.
pub(super) struct Elsewhere {
    listed: Ignored,
    /// Type and name of the resource, as its id ends: `routetables/web`.
    resource: String,
}

impl Reader {
    pub(super) fn ignore(&mut self, what: String, name: &str, at: &Location) {
        self.ignored.push(Ignored { what, name: name.to_owned(), at: at.clone() });
    }

    /// Lists the properties that say something which is not modelled. One that refers to a resource is listed only
    /// where that resource is not, and once for each.
    pub(super) fn ignore_properties(&mut self, properties: &Place<'_>, keys: &[&str], name: &str) {
        for &key in keys {
            let Some(place) = properties.get(key) else { continue };
            let listed = Ignored { what: key.to_owned(), name: name.to_owned(), at: place.node.at.clone() };
            let references: Vec<String> = match &place.node.value {
                Value::Array(_) => place.elements().filter_map(|item| referred(&item)).collect(),
                _ => referred(&place).into_iter().collect(),
            };
            if references.is_empty() {
                if !matches!(&place.node.value, Value::Array(items) if items.is_empty()) {
                    self.ignored.push(listed);
                }
                continue;
            }
            let each = references.into_iter().map(|resource| Elsewhere { listed: listed.clone(), resource });
            self.elsewhere.extend(each);
        }
    }

    /// What is listed in the end, in the order of the documents.
    pub(super) fn listed(ignored: Vec<Ignored>, elsewhere: Vec<Elsewhere>) -> Vec<Ignored> {
        let resource = |it: &Ignored| {
            let kind = it.what.rsplit('/').next().unwrap_or_default();
            format!("{kind}/{}", it.name).to_ascii_lowercase()
        };
        let mut known: HashSet<String> = ignored.iter().map(resource).collect();
        let first = elsewhere.into_iter().filter(|it| known.insert(it.resource.clone()));
        let mut places = HashSet::new();
        let mut all = ignored;
        all.extend(first.map(|it| it.listed).filter(|it| places.insert(it.at.clone())));
        all.sort_by(|one, other| one.at.cmp(&other.at));
        all
    }
}

/// The resource that a reference's id ends with; of a pool or a rule of a load balancer, the load balancer.
fn referred(place: &Place<'_>) -> Option<String> {
    let id = place.get("id")?;
    let words: Vec<&str> = id.node.as_str()?.split('/').filter(|word| !word.is_empty()).collect();
    let provider = words.iter().rposition(|word| word.eq_ignore_ascii_case("providers"));
    let path = match provider {
        // …/providers/Microsoft.Network/loadBalancers/lb/backendAddressPools/web
        Some(provider) => words.get(provider + 2..provider + 4)?,
        None => words.get(..2).unwrap_or(&words),
    };
    Some(path.join("/").to_ascii_lowercase())
}
