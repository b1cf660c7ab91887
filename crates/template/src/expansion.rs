//! One expansion: all deployments of it, what it may cost, and what has been found.

use crate::deployment::{Deployment, Place, Start, Supplied, Template, level_of};
use crate::findings::{Findings, Found};
use crate::given::Given;
use crate::inside::Inside;
use crate::way::Way;
use crate::{instance::Instance, supplied};
use document::{Node, Value};
use expression::{Budget, Fault, Level};
use model::Severity;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// How many variables, parameters, functions and references may wait for each other: templates of people need about ten.
const MOST_WAITING: usize = 48;
/// The name of the first template among the links.
const FIRST: &str = "azuredeploy.json";

pub(crate) struct Expansion<'g> {
    pub(crate) given: &'g Given<'g>,
    pub(crate) budget: &'g Budget,
    pub(crate) found: RefCell<Findings>,
    deployments: RefCell<Vec<Rc<Deployment>>>,
    /// What is being evaluated, each for the one before.
    waiting: RefCell<Vec<Wanted>>,
    values: HashMap<String, &'g Node>,
    /// The linked templates that have been read, by their paths.
    pub(crate) linked: RefCell<HashMap<String, Option<Rc<Node>>>>,
    limited: Cell<bool>,
}

/// Something that is evaluated because something else asked for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    Parameter(usize, String),
    Variable(usize, String),
    Function(usize, String),
    Resource(usize, usize, String),
    Outputs(usize, String),
}

/// Takes the last one off when it is dropped.
pub(crate) struct Entered<'e>(&'e RefCell<Vec<Wanted>>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().pop();
    }
}

impl<'g> Expansion<'g> {
    pub(crate) fn new(given: &'g Given<'g>, budget: &'g Budget) -> Self {
        Self {
            given,
            budget,
            found: RefCell::default(),
            deployments: RefCell::default(),
            waiting: RefCell::default(),
            values: given.values.iter().map(|it| (plain(&it.key.value), &it.value)).collect(),
            linked: RefCell::default(),
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

    /// Begins to evaluate something.
    ///
    /// # Errors
    /// It waits for itself, or too many wait already.
    pub(crate) fn enter(&self, wanted: Wanted) -> Result<Entered<'_>, Fault> {
        let mut waiting = self.waiting.borrow_mut();
        if let Some(nth) = waiting.iter().position(|it| *it == wanted) {
            let circle = waiting.iter().skip(nth).chain([&wanted]);
            let circle: Vec<String> = circle.map(ToString::to_string).collect();
            let message = format!("this needs itself: {}", circle.join(" -> "));
            return Err(Fault::new(message).help("give one of them a value that does not need the others"));
        }
        if waiting.len() >= MOST_WAITING {
            let message = format!(
                "parameters, variables and functions wait for each other more than {MOST_WAITING} deep"
            );
            return Err(Fault::limit(message));
        }
        waiting.push(wanted);
        Ok(Entered(&self.waiting))
    }

    /// Whether something is being evaluated right now.
    pub(crate) fn waits(&self, wanted: &Wanted) -> bool {
        self.waiting.borrow().contains(wanted)
    }

    /// Writes a fault down. That the budget is used up is said once.
    pub(crate) fn report(&self, fault: Fault, way: &Way<'_>) {
        if fault.is_limit() && self.limited.replace(true) {
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
        self.values.get(&plain(text)).map(|node| (*node).clone())
    }

    /// Every instance of every deployment, with those of nested ones.
    pub(crate) fn declare_all(&self, first: &Rc<Deployment>) {
        let mut next = vec![first.clone()];
        while let Some(deployment) = next.pop() {
            let inside = Inside { all: self, deployment, loops: Rc::new([]), own: false };
            let found: Vec<_> = inside.instances().iter().filter_map(|it| inside.nested(it)).collect();
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

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(_, name) => write!(f, "parameters('{name}')"),
            Self::Variable(_, name) => write!(f, "variables('{name}')"),
            Self::Function(_, name) => write!(f, "{name}()"),
            Self::Resource(_, _, path) => f.write_str(path),
            Self::Outputs(_, path) => write!(f, "the outputs of {path}"),
        }
    }
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
