//! A place in a deployment, and what expressions there may ask: parameters, variables, loops, the template's own functions.

use crate::deployment::{Deployment, Loop, Loops, Place, Written, entries};
use crate::expansion::Expansion;
use crate::waiting::Wanted;
use crate::way::Way;
use diagnostic::Location;
use document::{Node, Unknown, Value};
use expression::{Budget, Fact, Fault, Level, Question, Scope};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// A place where expressions stand.
#[derive(Clone)]
pub(crate) struct Inside<'e, 'g> {
    pub(crate) all: &'e Expansion<'g>,
    pub(crate) deployment: Rc<Deployment>,
    pub(crate) loops: Loops,
    /// Whether names mean the deployment's own, even where another's expressions stand in it.
    pub(crate) own: bool,
}

impl<'e, 'g> Inside<'e, 'g> {
    /// The same one turn of a loop deeper.
    pub(crate) fn in_turn(&self, turn: Loop) -> Self {
        Self { loops: self.loops.iter().cloned().chain([turn]).collect(), ..self.clone() }
    }

    pub(crate) fn place(&self) -> Place {
        Place { deployment: self.deployment.number, loops: self.loops.clone() }
    }

    /// Where expressions of this deployment are evaluated, if not in itself; its own loops go with them.
    pub(crate) fn outer(&self) -> Option<Self> {
        let place = self.deployment.start.outer.as_ref().filter(|_| !self.own)?;
        let loops = place.loops.iter().chain(self.loops.iter()).cloned().collect();
        Some(Self { all: self.all, deployment: self.all.deployment(place.deployment)?, loops, own: false })
    }

    /// A value that is not there because of what has been reported: whoever reads it has nothing to add.
    pub(crate) fn hole(&self, at: &Location, what: &str) -> Node {
        Node::new(Value::Unknown(Arc::new(Unknown::new(what, "could not be evaluated", ""))), at.clone())
    }

    /// Reports a fault and leaves a hole.
    pub(crate) fn refused(&self, what: &str, at: &Location, fault: Fault, way: &Way<'_>) -> Node {
        self.all.report(fault.or_at(at), way);
        self.hole(at, what)
    }

    /// A variable of this deployment itself, evaluated once.
    ///
    /// # Errors
    /// There is none, it is wrong, or it needs itself.
    pub(crate) fn own_variable(&self, name: &str) -> Result<&Node, Fault> {
        let Some((written, once)) = self.deployment.variables.get(&name.to_lowercase()) else {
            return Err(self.no_such("variable", name, self.deployment.variables.keys().cloned()));
        };
        match once.get() {
            Some(value) => Ok(value),
            None => self.all.keep(once, self.variable_value(name, *written)?),
        }
    }

    fn variable_value(&self, name: &str, written: Written) -> Result<Node, Fault> {
        let _entered = self.all.enter(Wanted::Variable(self.deployment.number, name.to_owned()))?;
        let plain = Self { loops: Rc::new([]), ..self.clone() };
        let section = self.deployment.path_of("variables");
        let way = Way::Root(&section);
        let variables = entries(self.deployment.start.template.node(), "variables");
        Ok(match written {
            Written::Entry(nth) => match variables.get(nth) {
                Some(entry) => plain.value(&entry.value, &way.key(&entry.key.value)),
                None => return Err(Fault::new(format!("there is no variable '{name}'"))),
            },
            Written::Loop(nth) => {
                let mut loops = variables.iter().filter_map(|it| match &it.value.value {
                    Value::Array(loops) if it.key.value.eq_ignore_ascii_case("copy") => loops.get(nth),
                    _ => None,
                });
                let way = way.key("copy");
                match loops.next() {
                    Some(copy) => plain.looped(copy, &way.nth(nth)),
                    None => return Err(Fault::new(format!("there is no variable '{name}'"))),
                }
            }
        })
    }

    pub(crate) fn no_such(&self, what: &str, name: &str, names: impl Iterator<Item = String>) -> Fault {
        let fault = Fault::new(format!("the template has no {what} '{name}'"));
        let names: Vec<String> = names.collect();
        match diagnostic::nearest(name, names.iter().map(String::as_str)) {
            Some(near) => fault.help(format!("did you mean '{near}'?")),
            None => fault.help(format!("declare it under \"{what}s\"")),
        }
    }
}

impl Scope for Inside<'_, '_> {
    fn parameter(&self, name: &str, budget: &Budget) -> Result<Cow<'_, Node>, Fault> {
        let lower = name.to_lowercase();
        if let Some(outer) = self.outer()
            && (outer.has_parameter(&lower) || !self.deployment.parameters.contains_key(&lower))
        {
            let value = outer.parameter(name, budget)?;
            return Ok(Cow::Owned(budget.copy(&value)?));
        }
        self.own_parameter(name).map(Cow::Borrowed)
    }

    fn variable(&self, name: &str, budget: &Budget) -> Result<Cow<'_, Node>, Fault> {
        let lower = name.to_lowercase();
        if let Some(outer) = self.outer()
            && (outer.has_variable(&lower) || !self.deployment.variables.contains_key(&lower))
        {
            let value = outer.variable(name, budget)?;
            return Ok(Cow::Owned(budget.copy(&value)?));
        }
        self.own_variable(name).map(Cow::Borrowed)
    }

    fn copy_index(&self, name: Option<&str>) -> Result<i64, Fault> {
        let loops = || self.loops.iter().rev();
        let found = match name {
            Some(name) => loops().find(|it| it.name.eq_ignore_ascii_case(name)),
            None => loops().find(|it| it.of_resources).or_else(|| loops().next()),
        };
        if let Some(found) = found {
            return Ok(found.index);
        }
        if let Some(outer) = self.outer() {
            return outer.copy_index(name);
        }
        let around: Vec<&str> = loops().map(|it| it.name.as_str()).collect();
        Err(match name {
            Some(name) if !around.is_empty() => {
                Fault::new(format!("copyIndex: there is no loop '{name}' here"))
                    .help(format!("the loops here are {}", around.join(", ")))
            }
            Some(name) => Fault::new(format!("copyIndex: there is no loop '{name}' here"))
                .help("it stands in the input of that loop, or in a resource with that copy"),
            None => {
                Fault::new("copyIndex: there is no loop here").help("it stands in a resource with a copy")
            }
        })
    }

    fn call(
        &self,
        namespace: &str,
        name: &str,
        arguments: Vec<Node>,
        budget: &Budget,
    ) -> Result<Node, Fault> {
        match self.outer() {
            Some(outer) => outer.call(namespace, name, arguments, budget),
            None => self.call_own(namespace, name, arguments, budget),
        }
    }

    fn fact(&self, fact: Fact) -> Result<Cow<'_, Node>, Fault> {
        if let Some(outer) = self.outer() {
            return Ok(Cow::Owned(self.all.budget.copy(&*outer.fact(fact)?)?));
        }
        if fact == Fact::Template {
            return Ok(Cow::Borrowed(self.deployment.start.template.node()));
        }
        match self.deployment.fact(fact) {
            Some(node) => Ok(Cow::Borrowed(node)),
            None => Err(Fault::new("this function has no meaning for a deployment of this level")
                .help("the $schema of the template says what it is deployed to")),
        }
    }

    fn level(&self) -> Level {
        self.outer().map_or(self.deployment.start.level, |outer| outer.level())
    }

    fn reference(&self, question: Question, arguments: &[Node]) -> Result<Node, Fault> {
        self.referred(question, arguments)
    }

    fn now(&self) -> Option<i64> {
        self.all.given.now
    }

    fn given(&self, text: &str) -> Option<Node> {
        self.all.given_value(text)
    }
}

impl Inside<'_, '_> {
    fn has_parameter(&self, lower: &str) -> bool {
        self.deployment.parameters.contains_key(lower)
            || self.outer().is_some_and(|it| it.has_parameter(lower))
    }

    fn has_variable(&self, lower: &str) -> bool {
        self.deployment.variables.contains_key(lower) || self.outer().is_some_and(|it| it.has_variable(lower))
    }
}
