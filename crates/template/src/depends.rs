//! What `dependsOn` says: which resources each one needs, whether the template defines them, and whether they wait for each
//! other.

use crate::expansion::Expansion;
use crate::findings::Found;
use crate::inside::Inside;
use crate::instance::Instance;
use crate::turns::LeftOut;
use crate::way::Way;
use diagnostic::{Location, Severity};
use document::{Node, Value};
use expression::codes;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// An instance, by the number of its deployment and its own.
pub(crate) type Key = (usize, usize);

/// How many are named of a long circle.
const NAMED_OF_A_CIRCLE: usize = 10;
/// For so many names that are not defined the nearest one is looked for, in all.
pub(crate) const MOST_NEAREST: usize = 100;

/// Which instances of its own deployment each one depends on.
#[derive(Default)]
pub(crate) struct Needs {
    needed: HashMap<Key, Vec<usize>>,
    /// How many names are not defined.
    undefined: usize,
}

impl Needs {
    pub(crate) fn of(&self, key: Key) -> &[usize] {
        self.needed.get(&key).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Reads every `dependsOn`, and reports names that the template does not define and resources that wait for themselves.
///
/// # Cost
/// Linear in the resources and in what they depend on.
///
/// # Source
/// Azure "Define the order for deploying resources in ARM templates" and "Resolve errors for invalid template": *The resource
/// … is not defined in the template*, *Circular dependency detected on resource*.
pub(crate) fn read(all: &Expansion<'_>) -> Needs {
    let mut needs = Needs::default();
    let mut number = 0;
    while let Some(deployment) = all.deployment(number).filter(|_| !all.is_limited()) {
        Inside { all, deployment, loops: Rc::new([]), own: false }.read_dependencies(&mut needs);
        number += 1;
    }
    all.found.borrow_mut().lenient = false;
    needs
}

/// What `dependsOn` may call the resources of a deployment.
struct Names<'i> {
    instances: &'i [Instance],
    known: HashMap<String, Vec<usize>>,
    /// The last parts of their names, in small letters; `None` where one is not known.
    own: Option<HashSet<String>>,
    /// Those of resources whose condition is false, where all are known; `None` until somebody asks for one.
    left_out: Option<Option<HashSet<String>>>,
}

impl Inside<'_, '_> {
    fn read_dependencies(&self, needs: &mut Needs) {
        let Some(instances) = self.deployment.instances.get() else { return };
        let own = |it: &Instance| Some(it.name.as_str()?.rsplit('/').next()?.to_ascii_lowercase());
        let own = instances.iter().map(own).collect();
        let mut names = Names { instances, known: HashMap::new(), own, left_out: None };
        for (nth, instance) in instances.iter().enumerate() {
            for name in names_of(instance) {
                names.known.entry(name).or_default().push(nth);
            }
        }
        // Without what may mean several, so that nobody is said to wait who does not.
        let mut certain: Vec<Vec<(usize, Location)>> = Vec::new();
        for (nth, instance) in instances.iter().enumerate() {
            self.all.found.borrow_mut().lenient = !self.matters_to_the_network(instance);
            let (mut needed, mut sure, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
            for (way, name) in self.dependencies(instance) {
                let way = Way::Root(&way);
                let Some(text) = name.as_str().filter(|it| !it.trim().is_empty()) else { continue };
                if !seen.insert(forms(text)) {
                    continue;
                }
                let found = names.find(text);
                match found.as_slice() {
                    [] if !self.may_be_there(&mut names, text) => {
                        needs.undefined += 1;
                        let near = needs.undefined <= MOST_NEAREST;
                        self.undefined(near.then_some(&names), text, &name.at, &way);
                    }
                    [one] if self.is_certain(instances.get(*one), text) && !is_own_loop(instance, text) => {
                        sure.push((*one, name.at.clone()));
                    }
                    [_] => {}
                    _ => {
                        let turns = found.iter().filter_map(|it| instances.get(*it));
                        let turns: Vec<&Instance> = turns.collect();
                        let is_one_loop = turns.windows(2).all(|it| match it {
                            [one, other] => Rc::ptr_eq(&one.declared, &other.declared),
                            _ => true,
                        });
                        if is_one_loop && !found.contains(&nth) {
                            sure.extend(found.iter().map(|it| (*it, name.at.clone())));
                        }
                    }
                }
                needed.extend(found);
            }
            needed.sort_unstable();
            needed.dedup();
            needs.needed.insert((self.deployment.number, nth), needed);
            certain.push(sure);
        }
        self.circles(instances, &certain);
    }

    /// Whether what is wrong with an instance keeps the network from being there.
    fn matters_to_the_network(&self, instance: &Instance) -> bool {
        instance.is_deployment() || (self.all.given.is_modelled)(&instance.kind.value)
    }

    /// The names under `dependsOn`, each with its way.
    fn dependencies(&self, instance: &Instance) -> Vec<(String, Node)> {
        let Some(written) = instance.declared.get("dependsOn") else { return Vec::new() };
        let here = Self { loops: instance.loops.clone(), ..self.clone() };
        let root = Way::Root(&instance.path);
        let way = root.key("dependsOn");
        let value = self.all.with_all(|| here.value(written, &way));
        let Value::Array(items) = value.value else { return Vec::new() };
        items.into_iter().enumerate().map(|(nth, it)| (way.nth(nth).to_string(), it)).collect()
    }

    /// Whether a name may be that of a resource whose condition is false, or of one that nobody knows.
    fn may_be_there(&self, names: &mut Names<'_>, text: &str) -> bool {
        let left_out = self.deployment.left_out.borrow();
        // A child by its own name alone is taken, too.
        let is_own = |own: &HashSet<String>| own.contains(&text.trim().to_ascii_lowercase());
        if left_out.others || names.own.as_ref().is_none_or(is_own) {
            return true;
        }
        let known = names.left_out.get_or_insert_with(|| self.names_left_out(&left_out));
        known.as_ref().is_none_or(|known| forms(text).iter().any(|it| known.contains(it)))
    }

    /// What `dependsOn` may call the resources whose condition is false; `None` where that is not known of one.
    fn names_left_out(&self, left_out: &LeftOut) -> Option<HashSet<String>> {
        let names = left_out.turns.iter().map(|turn| {
            let here = Self { loops: turn.loops.clone(), ..self.clone() };
            let (instance, _) = self.all.with_all(|| here.instance(turn, 0))?;
            instance.name.as_str()?;
            Some(names_of(&instance))
        });
        // Whatever else is wrong with what is not there is nobody's concern.
        let said = self.all.found.take();
        let names: Option<Vec<HashSet<String>>> = names.collect();
        let (found, _) = self.all.found.replace(said).into_parts();
        let limits = found.into_iter().filter(|it| it.code == codes::TEMPLATE_LIMIT);
        self.all.found.borrow_mut().extend(limits);
        Some(names?.into_iter().flatten().collect())
    }

    fn undefined(&self, names: Option<&Names<'_>>, text: &str, at: &Location, way: &Way<'_>) {
        let own = names.iter().flat_map(|it| it.instances);
        let own = own.filter_map(|it| it.symbol.as_deref().or(it.name.as_str()));
        let help = match diagnostic::nearest(text, own) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "name a resource of this template, or take it away".to_owned(),
        };
        self.invalid(at, format!("the resource '{text}' is not defined in the template"), &help, way);
    }

    /// Whether a name means this one, and not a namesake whose condition is false.
    fn is_certain(&self, instance: Option<&Instance>, text: &str) -> bool {
        let symbol = instance.and_then(|it| it.symbol.as_deref());
        text.contains('/')
            || symbol.is_some_and(|it| it.eq_ignore_ascii_case(text.trim()))
            || self.deployment.left_out.borrow().turns.is_empty()
    }

    /// Reports the resources that wait for themselves, each in one circle.
    fn circles(&self, instances: &[Instance], needed: &[Vec<(usize, Location)>]) {
        // Whether it is being looked at, or has been.
        let mut seen: HashMap<usize, bool> = HashMap::new();
        let mut told = HashSet::new();
        for first in 0..needed.len() {
            let mut open: Vec<(usize, std::slice::Iter<'_, (usize, Location)>)> = Vec::new();
            let mut next = Some(first);
            loop {
                if let Some(nth) = next.filter(|it| !seen.contains_key(it))
                    && let Some(needs) = needed.get(nth)
                {
                    seen.insert(nth, true);
                    open.push((nth, needs.iter()));
                }
                let Some((nth, needs)) = open.last_mut() else { break };
                let Some((to, at)) = needs.next() else {
                    seen.insert(*nth, false);
                    open.pop();
                    next = None;
                    continue;
                };
                next = Some(*to);
                if seen.get(to) == Some(&true) && told.insert(*to) {
                    let circle = open.iter().map(|it| it.0).skip_while(|it| it != to);
                    let circle: Vec<&Instance> = circle.filter_map(|it| instances.get(it)).collect();
                    self.circle(&circle, at);
                }
            }
        }
    }

    fn circle(&self, circle: &[&Instance], at: &Location) {
        let Some(last) = circle.last() else { return };
        let name = |it: &&Instance| it.symbol.as_deref().or(it.name.as_str()).unwrap_or_default().to_owned();
        let mut names: Vec<String> = circle.iter().chain(circle.first()).map(name).collect();
        if names.len() > NAMED_OF_A_CIRCLE {
            names.splice(NAMED_OF_A_CIRCLE / 2..names.len() - NAMED_OF_A_CIRCLE / 2, ["…".to_owned()]);
        }
        let message = format!("circular dependency detected on resource: {}", names.join(" -> "));
        let help = Some("take away the dependsOn of one of them".to_owned());
        let mut found = self.all.found.borrow_mut();
        found.lenient = !circle.iter().any(|it| self.matters_to_the_network(it));
        let (severity, code) = (Severity::Error, codes::INVALID_TEMPLATE);
        let root = Way::Root(&last.path);
        found.push(Found { severity, code, at, message, help }, &root.key("dependsOn"));
    }
}

impl Names<'_> {
    /// The instances that a text means.
    fn find(&self, text: &str) -> Vec<usize> {
        forms(text).iter().find_map(|it| self.known.get(it)).cloned().unwrap_or_default()
    }
}

/// The forms of a name under `dependsOn` that may be known: as it is, and without what is before the provider.
fn forms(text: &str) -> [String; 2] {
    let text = text.trim().trim_matches('/').to_ascii_lowercase();
    let tail = text.rsplit_once("providers/").map_or(text.as_str(), |(_, tail)| tail).to_owned();
    [text, tail]
}

fn is_own_loop(instance: &Instance, text: &str) -> bool {
    instance.loops.iter().any(|it| it.of_resources && it.name.eq_ignore_ascii_case(text.trim()))
}

/// By what `dependsOn` may mean an instance, in small letters.
fn names_of(instance: &Instance) -> HashSet<String> {
    let (id, name) = (instance.id.as_str(), instance.name.as_str());
    let symbol = instance.symbol.as_deref();
    let kind = &instance.kind.value;
    let names = [
        symbol,
        symbol.and_then(|it| it.split('[').next()),
        name,
        id,
        id.and_then(|it| it.rsplit_once("/providers/")).map(|(_, tail)| tail),
    ];
    let loops = instance.loops.iter().filter(|it| it.of_resources).map(|it| it.name.as_str());
    let plain = names.into_iter().flatten().chain(loops).map(str::to_owned);
    let beside = name.map(|name| format!("{kind}/{name}"));
    let all = plain.chain(beside).chain(name.and_then(|name| between(kind, name)));
    // As in `forms`: the name behind the last slash may be empty, which has been reported.
    all.map(|it| it.trim_matches('/').to_ascii_lowercase()).filter(|it| !it.is_empty()).collect()
}

/// Type and name with each name behind its part of the type, as an id ends.
fn between(kind: &str, name: &str) -> Option<String> {
    let (provider, types) = kind.split_once('/')?;
    let pairs = types.split('/').zip(name.split('/')).map(|(kind, name)| format!("/{kind}/{name}"));
    (types.split('/').count() == name.split('/').count())
        .then(|| provider.to_owned() + &pairs.collect::<String>())
}
