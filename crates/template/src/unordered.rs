//! Resources that two deployments write differently, where nothing says which of them is the last.

use crate::constraints::same;
use crate::depends::{Key, Needs};
use crate::expansion::Expansion;
use crate::instance::Instance;
use diagnostic::{Diagnostic, Location};
use document::{Node, Value};
use expression::codes;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// So many pairs are looked at in all; more would say nothing new.
const MOST_PAIRS: usize = 100;

/// Which resource made which deployment.
pub(crate) struct Unordered<'a, 'g> {
    all: &'a Expansion<'g>,
    needs: &'a Needs,
    made_by: HashMap<usize, Key>,
    pairs: usize,
}

impl<'a, 'g> Unordered<'a, 'g> {
    pub(crate) fn new(all: &'a Expansion<'g>, needs: &'a Needs) -> Self {
        let mut made_by = HashMap::new();
        all.each_instance(|inside, instance| {
            if let Some(Some(made)) = instance.nested.get() {
                made_by.insert(*made, (inside.deployment.number, instance.number));
            }
        });
        Self { all, needs, made_by, pairs: 0 }
    }

    /// Warns of a resource that the last writing says otherwise than one before it, though neither waits for the other.
    ///
    /// # Cost
    /// Linear in the two, and for the first pairs that differ in what stands between them.
    pub(crate) fn look_at(&mut self, last: Key, before: &[Key]) {
        let told = before.iter().rev().find_map(|it| {
            let (one, other) = (self.written(*it)?, self.written(last)?);
            let is_modelled = (self.all.given.is_modelled)(&other.kind);
            (is_modelled && one.differs(&other) && self.is_open(*it, last)).then_some((one, other))
        });
        let Some((one, other)) = told else { return };
        let message = format!(
            "{}: another deployment writes the {} '{}' with other properties; neither waits for the other, and this one is taken",
            other.path, other.kind, other.name
        );
        let warning = Diagnostic::warning(codes::ORDER_NOT_GIVEN, &other.at, message);
        let warning = warning.help("say with dependsOn which of the two is the last, or take one away");
        self.all
            .found
            .borrow_mut()
            .extend([warning.related(&one.at, format!("the other one, {}", one.path))]);
    }

    fn written(&self, (deployment, number): Key) -> Option<Written> {
        let deployment = self.all.deployment(deployment)?;
        let instance = deployment.instances.get()?.get(number)?;
        Some(Written {
            path: instance.path.clone(),
            kind: instance.kind.value.clone(),
            name: instance.name.as_str().unwrap_or_default().to_owned(),
            at: instance.name.at.clone(),
            properties: instance.body.get()?.get("properties").cloned(),
        })
    }

    /// Whether neither of two resources waits for the other, nor what deploys one for what deploys the other.
    fn is_open(&mut self, one: Key, other: Key) -> bool {
        self.pairs += 1;
        if self.pairs > MOST_PAIRS {
            return false;
        }
        let around: HashMap<usize, usize> = self.outwards(one).collect();
        let common =
            self.outwards(other).find_map(|(number, nth)| Some((number, *around.get(&number)?, nth)));
        let Some((number, one, other)) = common.filter(|(_, one, other)| one != other) else { return false };
        // What asks for another one waits for it, whatever its dependsOn says.
        let asks = |nth: usize| self.of((number, nth), |it| asks(&it.declared)).unwrap_or(true);
        let turns = |nth: usize| self.of((number, nth), serial).flatten();
        if turns(one).zip(turns(other)).is_some_and(|(one, other)| Rc::ptr_eq(&one, &other)) {
            return false;
        }
        !asks(one) && !asks(other) && !self.waits(number, one, other) && !self.waits(number, other, one)
    }

    /// An instance and what deploys it, each by its deployment and its number there.
    fn outwards(&self, key: Key) -> impl Iterator<Item = Key> {
        std::iter::successors(Some(key), |it| self.made_by.get(&it.0).copied())
    }

    fn of<T>(&self, (deployment, number): Key, read: impl FnOnce(&Instance) -> T) -> Option<T> {
        let deployment = self.all.deployment(deployment)?;
        deployment.instances.get()?.get(number).map(read)
    }

    fn waits(&self, deployment: usize, one: usize, other: usize) -> bool {
        let (mut next, mut seen) = (vec![one], HashSet::new());
        while let Some(nth) = next.pop() {
            if nth == other {
                return true;
            }
            if seen.insert(nth) {
                next.extend_from_slice(self.needs.of((deployment, nth)));
            }
        }
        false
    }
}

/// The declaration of a loop whose turns wait for each other.
fn serial(instance: &Instance) -> Option<Rc<Node>> {
    let mode = instance.declared.get("copy")?.get("mode")?.as_str()?;
    mode.eq_ignore_ascii_case("serial").then(|| instance.declared.clone())
}

/// What a resource is, as one deployment writes it.
struct Written {
    path: String,
    kind: String,
    name: String,
    at: Location,
    properties: Option<Node>,
}

impl Written {
    fn differs(&self, other: &Self) -> bool {
        match (&self.properties, &other.properties) {
            (Some(one), Some(other)) => !same(one, other),
            (one, other) => one.is_some() || other.is_some(),
        }
    }
}

/// Whether an expression in it asks about another resource.
fn asks(node: &Node) -> bool {
    match &node.value {
        Value::String(text) => text.starts_with('[') && text.to_ascii_lowercase().contains("reference"),
        Value::Array(items) => items.iter().any(asks),
        Value::Object(entries) => entries.iter().any(|it| asks(&it.value)),
        _ => false,
    }
}
