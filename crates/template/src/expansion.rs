//! One expansion: all deployments of it, what it may cost, and what has been found.

use crate::depends::Key;
use crate::deployment::{Deployment, Place, Start, Supplied, Template, level_of};
use crate::findings::{Findings, Found};
use crate::given::Given;
use crate::inside::Inside;
use crate::waiting::Waiting;
use crate::way::Way;
use crate::{instance::Instance, supplied};
use diagnostic::Severity;
use document::{Node, Value};
use expression::{Budget, Fault, Level};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The name of the first template among the links.
pub(crate) const FIRST: &str = "azuredeploy.json";

pub(crate) struct Expansion<'g> {
    pub(crate) given: &'g Given<'g>,
    pub(crate) budget: &'g Budget,
    pub(crate) found: RefCell<Findings>,
    deployments: RefCell<Vec<Rc<Deployment>>>,
    pub(crate) waiting: Waiting,
    values: HashMap<String, (usize, &'g Node)>,
    /// The numbers of the given values that something asked for.
    pub(crate) used: RefCell<HashSet<usize>>,
    /// The ids of resources that something asked about and nobody knows.
    pub(crate) asked: RefCell<HashSet<String>>,
    /// How often a name was asked about that nothing has.
    pub(crate) nameless: Cell<usize>,
    /// The linked templates that have been read, by their paths.
    pub(crate) linked: RefCell<HashMap<String, Option<Rc<Node>>>>,
    /// The resources that their templates make a second time.
    pub(crate) again: RefCell<HashSet<Key>>,
    limited: Cell<bool>,
}

impl<'g> Expansion<'g> {
    pub(crate) fn new(given: &'g Given<'g>, budget: &'g Budget) -> Self {
        Self {
            given,
            budget,
            found: RefCell::default(),
            deployments: RefCell::default(),
            waiting: Waiting::default(),
            values: given
                .values
                .iter()
                .enumerate()
                .map(|(nth, it)| (plain(&it.key.value), (nth, &it.value)))
                .collect(),
            used: RefCell::default(),
            asked: RefCell::default(),
            nameless: Cell::default(),
            linked: RefCell::default(),
            again: RefCell::default(),
            limited: Cell::new(false),
        }
    }

    /// The deployment that everything begins with.
    pub(crate) fn first(&self, template: &Node) -> Rc<Deployment> {
        let supplied = supplied::read(self.given, template, &mut self.found.borrow_mut());
        self.add(Start {
            template: Template::Whole(Rc::new(template.clone())),
            path: String::new(),
            file: FIRST.to_owned(),
            linked: Vec::new(),
            facts: self.given.facts.clone(),
            level: level_of(template).unwrap_or(Level::ResourceGroup),
            depth: 0,
            supplied: supplied.into_iter().map(|(name, value)| (name, Supplied::Value(value))).collect(),
            outer: None,
        })
    }

    pub(crate) fn add(&self, start: Start) -> Rc<Deployment> {
        let mut deployments = self.deployments.borrow_mut();
        let deployment = Rc::new(Deployment::new(deployments.len(), start));
        deployments.push(deployment.clone());
        deployment
    }

    pub(crate) fn deployment(&self, number: usize) -> Option<Rc<Deployment>> {
        self.deployments.borrow().get(number).cloned()
    }

    pub(crate) fn inside(&self, place: &Place) -> Option<Inside<'_, 'g>> {
        let deployment = self.deployment(place.deployment)?;
        Some(Inside { all: self, deployment, loops: place.loops.clone(), own: false })
    }

    /// Writes a fault down. That the budget is used up is said once.
    pub(crate) fn report(&self, fault: Fault, way: &Way<'_>) {
        if self.is_halted() || (fault.is_limit() && self.limited.replace(true)) {
            return;
        }
        let Fault { code, at, message, help } = fault;
        if let Some(at) = &at {
            let severity = Severity::Error;
            self.found.borrow_mut().push(Found { severity, code, at, message, help }, way);
        }
    }

    /// Whether the budget is used up, so that going on makes no sense.
    pub(crate) fn is_limited(&self) -> bool {
        self.limited.get()
    }

    /// The value that was given for an expression.
    pub(crate) fn given_value(&self, text: &str) -> Option<Node> {
        if self.values.is_empty() {
            return None;
        }
        let (nth, node) = self.values.get(&plain(text))?;
        self.used.borrow_mut().insert(*nth);
        Some((*node).clone())
    }

    /// Every instance of every deployment, with those of nested ones.
    pub(crate) fn declare_all(&self, first: &Rc<Deployment>) {
        let mut next = vec![first.clone()];
        while let Some(deployment) = next.pop() {
            let inside = Inside { all: self, deployment, loops: Rc::new([]), own: false };
            let instances = self.with_all(|| inside.instances());
            let found = instances.iter().filter_map(|it| self.with_all(|| inside.nested(it)));
            let found: Vec<_> = found.collect();
            next.extend(found.into_iter().rev());
            if self.is_limited() {
                return;
            }
        }
    }

    /// Calls `each` with every instance there is, deployments in the order of their numbers.
    pub(crate) fn each_instance(&self, mut each: impl FnMut(&Inside<'_, 'g>, &Instance)) {
        let mut number = 0;
        while let Some(deployment) = self.deployment(number) {
            let inside = Inside { all: self, deployment, loops: Rc::new([]), own: false };
            for instance in inside.deployment.instances.get().into_iter().flatten() {
                if !self.is_limited() {
                    each(&inside, instance);
                }
            }
            number += 1;
        }
    }
}

/// A text of an expression without what does not matter: white space outside quotes, brackets around it, letter case.
fn plain(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    let mut quoted = false;
    let kept = text.chars().filter(|it| {
        quoted ^= *it == '\'';
        quoted || !it.is_whitespace()
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// Whether a value is true, false, or neither.
pub(crate) fn truth(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
