//! Resources that one template makes more than once.

use crate::inside::Inside;
use crate::instance::Instance;
use diagnostic::{Diagnostic, Location};
use expression::codes;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

impl Inside<'_, '_> {
    /// Reports all resources of an id but the first, whatever their type.
    ///
    /// # Source
    /// Azure "Resolve errors for invalid template": "The resource … is defined multiple times in a template".
    pub(crate) fn check_once(&self, instances: &[Instance]) {
        let mut known: HashMap<String, &Location> = HashMap::new();
        for instance in instances.iter().filter(|it| !it.existing) {
            let Some(id) = instance.id.as_str() else { continue };
            match known.entry(id.to_ascii_lowercase()) {
                Entry::Occupied(first) => self.made_again(instance, first.get()),
                Entry::Vacant(place) => drop(place.insert(&instance.name.at)),
            }
        }
    }

    fn made_again(&self, instance: &Instance, first: &Location) {
        if self.all.is_halted() {
            return;
        }
        self.all.again.borrow_mut().insert((self.deployment.number, instance.number));
        let (kind, name, at) = (&instance.kind.value, instance.name.as_str(), &instance.name.at);
        let name = name.unwrap_or_default();
        let message =
            format!("{}: the resource {kind}/{name} is defined multiple times in a template", instance.path);
        let error = Diagnostic::error(codes::INVALID_TEMPLATE, at, message);
        self.all.found.borrow_mut().extend([match first == at {
            true => error.help("give each turn of the loop a name of its own, with copyIndex()"),
            false => {
                error.help("give each a name of its own, or take one away").related(first, "the other one")
            }
        }]);
    }
}
