//! Expressions become values.

use crate::budget::Budget;
use crate::fault::{Fault, Stop};
use crate::functions::{self, Call, Run};
use crate::parse::{Meaning, meaning};
use crate::scope::{Fact, Scope};
use crate::syntax::{self, Expr, Key, Kind, Step};
use diagnostic::{Location, nearest};
use document::{Node, Unknown, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// Why what only the deployment decides is not known.
pub const AFTER_DEPLOYMENT: &str = "is known only after deployment";
/// What to do about it.
pub const SUPPLY: &str = "give its value by the text of the expression: as a key under network.values, or with --parameters \"EXPRESSION=VALUE\"";

/// Why what a resource tells only whoever may ask it is not known.
pub const IN_THE_RESOURCE: &str = "is known only to the deployed resource";
/// What to do about that.
pub const WRITE_IT: &str = "write the value itself in its place";

/// How many characters of an expression that is not known are told.
const MOST_SAID: usize = 1000;

/// A value that may belong to the deployment.
pub(crate) type Lent<'a> = Cow<'a, Node>;

/// The value of a text that may be an expression.
///
/// The value has the place where it was written: a parameter's that of the parameter. What a function makes has the
/// place of the text.
///
/// # Errors
/// The expression is wrong, with the place of the character; or the budget is used up.
pub fn evaluate_text(text: &str, at: &Location, scope: &dyn Scope, budget: &Budget) -> Result<Node, Fault> {
    let text = match meaning(text) {
        Meaning::Expression(text) => text,
        Meaning::Literal(text) => {
            budget.nodes(1).and_then(|()| budget.text(text.len())).map_err(|fault| fault.or_at(at))?;
            return Ok(Node::new(Value::String(text.to_owned()), at.clone()));
        }
    };
    let evaluator = Evaluator { scope, budget, at, text };
    let expr = budget.parse(text).map_err(|mistake| {
        let fault = Fault { help: mistake.help, ..Fault::new(mistake.message) };
        evaluator.placed(fault, mistake.at, mistake.at + 1)
    })?;
    let outermost = Frame::default();
    let value = evaluator.value(&expr, &outermost)?;
    own(value, budget).map_err(|fault| fault.or_at(at))
}

/// The variables of the lambdas around an expression, innermost first.
#[derive(Clone, Copy, Default)]
pub(crate) struct Frame<'a> {
    /// Names and values.
    pub(crate) variables: &'a [(&'a str, &'a Node)],
    /// Those of the lambda around.
    pub(crate) up: Option<&'a Frame<'a>>,
}

/// One expression that is being evaluated.
pub(crate) struct Evaluator<'e> {
    pub(crate) scope: &'e dyn Scope,
    pub(crate) budget: &'e Budget,
    /// The place of the text.
    pub(crate) at: &'e Location,
    /// The expression with its brackets.
    pub(crate) text: &'e str,
}

impl<'e> Evaluator<'e> {
    /// The value of a part of the expression.
    pub(crate) fn value<'v>(&'v self, expr: &'v Expr, frame: &'v Frame<'v>) -> Result<Lent<'v>, Fault> {
        let place = |fault: Fault| self.placed(fault, expr.from, expr.to);
        self.budget.steps(1).map_err(place)?;
        let made = |value| Cow::Owned(Node::new(value, self.at.clone()));
        match &expr.kind {
            Kind::Text(text) => {
                self.budget.text(text.len()).map_err(place)?;
                Ok(made(Value::String(text.clone())))
            }
            Kind::Number(text) => Ok(made(Value::Number(text.clone()))),
            Kind::Call(call) => {
                if let Some(given) = self.given(expr, expr.to) {
                    return Ok(Cow::Owned(given));
                }
                let deeper = self.budget.deeper().map_err(place)?;
                let value = self.call(expr, call, frame);
                drop(deeper);
                match value {
                    Ok(value) => Ok(value),
                    Err(Stop::Unknown(unknown)) => Ok(made(Value::Unknown(unknown))),
                    Err(Stop::Fault(fault)) => Err(place(fault)),
                }
            }
            Kind::Walk { base, steps } => {
                let deeper = self.budget.deeper().map_err(place)?;
                // What was given for the longest part of the way is where it begins.
                let given = (1..=steps.len()).rev().find_map(|count| {
                    let end = steps.get(count - 1)?.to;
                    Some((count, self.given(expr, end)?))
                });
                let (gone, mut value) = match given {
                    Some((count, value)) => (count, Cow::Owned(value)),
                    None if asks_the_template(base, steps) => {
                        (2, self.scope.fact(Fact::Template).map_err(place)?)
                    }
                    None => (0, self.value(base, frame)?),
                };
                let ends = std::iter::once(base.to).chain(steps.iter().map(|step| step.to));
                for (nth, (step, end)) in steps.iter().zip(ends).enumerate().skip(gone) {
                    if let Value::Unknown(unknown) = &value.value {
                        // An answer may be supplied from here on by the text; a parameter is given whole.
                        let is_asked = unknown.expression == self.said(expr.from, end);
                        let mut unknown = unknown.reason();
                        if is_asked && !is_call_of(base, "parameters") {
                            unknown.expression = self.said(expr.from, expr.to);
                        }
                        return Ok(Cow::Owned(Node::new(
                            Value::Unknown(Arc::new(unknown)),
                            value.at.clone(),
                        )));
                    }
                    match self.step(value, step, frame) {
                        Ok(Some(next)) => value = next,
                        Ok(None) => return Ok(made(Value::Null)),
                        // The template says only a part of what a resource will be, but all outputs of a deployment.
                        Err(fault) if is_an_output(base, steps, nth) && !fault.is_limit() => {
                            let said = shortened(self.text.get(base.from..base.to).unwrap_or_default());
                            let message = format!("{said} has no such output: {}", fault.message);
                            let fault = Fault { message, ..fault };
                            return Err(self.placed(fault, step.from, step.to));
                        }
                        Err(fault) if asks_a_resource(base) && !fault.is_limit() => {
                            let said = self.said(expr.from, expr.to);
                            let unknown = Unknown::new(said, AFTER_DEPLOYMENT, SUPPLY);
                            return Ok(made(Value::Unknown(Arc::new(unknown))));
                        }
                        Err(fault) => return Err(self.placed(fault, step.from, step.to)),
                    }
                }
                drop(deeper);
                Ok(value)
            }
        }
    }

    /// A part of the text as it is called in messages, where people copy it from: whole, unless it is monstrous.
    pub(crate) fn said(&self, from: usize, to: usize) -> String {
        begun(self.text.get(from..to).unwrap_or_default(), MOST_SAID)
    }

    /// The value that was given for the expression up to a byte.
    fn given(&self, expr: &Expr, to: usize) -> Option<Node> {
        self.scope.given(self.text.get(expr.from..to)?)
    }

    /// One step further, or `None` where a question mark allows that there is nothing.
    fn step<'v>(
        &'v self,
        value: Lent<'v>,
        step: &'v Step,
        frame: &'v Frame<'v>,
    ) -> Result<Option<Lent<'v>>, Fault> {
        let index = match &step.key {
            Key::Name(name) => return self.property(value, name, step.safe),
            Key::Index(index) => self.value(index, frame)?,
        };
        match &index.value {
            Value::String(name) => self.property(value, name, step.safe),
            Value::Number(text) => self.element(value, text, step.safe),
            Value::Unknown(unknown) => {
                let unknown = Value::Unknown(Arc::new(unknown.reason()));
                Ok(Some(Cow::Owned(Node::new(unknown, self.at.clone()))))
            }
            other => Err(Fault::new(format!("the index is {}, and not a number or a text", other.kind()))),
        }
    }

    fn property<'v>(&self, value: Lent<'v>, name: &str, safe: bool) -> Result<Option<Lent<'v>>, Fault> {
        let entries = match &value.value {
            Value::Object(entries) => entries,
            Value::Null if safe => return Ok(None),
            other => {
                let message = format!("{} has no property '{name}'", other.kind());
                return Err(Fault::new(message));
            }
        };
        self.budget.steps(entries.len() / 16)?;
        let found = entries.iter().position(|entry| entry.key.value.eq_ignore_ascii_case(name));
        let Some(nth) = found else {
            if safe {
                return Ok(None);
            }
            let fault = Fault::new(format!("the object has no property '{name}'"));
            let keys = entries.iter().map(|entry| entry.key.value.as_str());
            return Err(match nearest(name, keys.clone()) {
                Some(near) => fault.help(format!("'{near}' is there")),
                None if entries.is_empty() => fault.help("it is empty"),
                None => {
                    let some: Vec<&str> = keys.take(8).collect();
                    fault.help(format!("it has {}", shortened(&some.join(", "))))
                }
            });
        };
        Ok(Some(match value {
            Cow::Borrowed(node) => Cow::Borrowed(node.entries().get(nth).map_or(node, |entry| &entry.value)),
            Cow::Owned(node) => match node.value {
                Value::Object(mut entries) => Cow::Owned(entries.swap_remove(nth).value),
                value => Cow::Owned(Node { value, ..node }),
            },
        }))
    }

    fn element<'v>(&self, value: Lent<'v>, index: &str, safe: bool) -> Result<Option<Lent<'v>>, Fault> {
        let length = match &value.value {
            Value::Array(items) => items.len(),
            Value::Null if safe => return Ok(None),
            other => return Err(Fault::new(format!("{} has no element {index}", other.kind()))),
        };
        let Some(nth) = index.parse().ok().filter(|nth: &usize| *nth < length) else {
            if safe {
                return Ok(None);
            }
            let fault = Fault::new(format!("the array has no element {index}"));
            return Err(match length {
                0 => fault.help("it is empty"),
                _ => fault.help(format!("it has the elements 0 to {}", length - 1)),
            });
        };
        Ok(Some(match value {
            Cow::Owned(Node { value: Value::Array(mut items), .. }) => Cow::Owned(items.swap_remove(nth)),
            Cow::Owned(node) => Cow::Owned(node),
            Cow::Borrowed(node) => match &node.value {
                Value::Array(items) => Cow::Borrowed(items.get(nth).unwrap_or(node)),
                _ => Cow::Borrowed(node),
            },
        }))
    }

    fn call<'v>(
        &'v self,
        expr: &'v Expr,
        call: &'v syntax::Call,
        frame: &'v Frame<'v>,
    ) -> Result<Lent<'v>, Stop> {
        if let Some(namespace) = &call.namespace {
            let values = call.arguments.iter().map(|it| own(self.value(it, frame)?, self.budget));
            let values = values.collect::<Result<Vec<Node>, Fault>>()?;
            return Ok(Cow::Owned(self.scope.call(namespace, &call.name, values, self.budget)?));
        }
        let Some(function) = call.function else {
            let fault = Fault::new(format!("there is no function '{}'", call.name));
            return Err(match functions::near(&call.name) {
                Some(near) => fault.help(format!("did you mean '{near}'?")),
                None => {
                    fault.help("a function of the template's own is called with its name space before it")
                }
            }
            .into());
        };
        function.takes(call.arguments.len())?;
        let written = functions::Written { evaluator: self, function, expr, arguments: &call.arguments };
        match function.run {
            Run::Lazy(run) => run(written, frame).map_err(|stop| match stop {
                Stop::Unknown(unknown) if unknown.stand_in.is_some() => {
                    Stop::Unknown(Arc::new(unknown.reason()))
                }
                stop => stop,
            }),
            Run::Plain(run) => {
                let mut arguments = Vec::with_capacity(call.arguments.len());
                for argument in &call.arguments {
                    arguments.push(self.value(argument, frame)?);
                }
                let unknown = arguments.iter().find_map(|it| match &it.value {
                    Value::Unknown(unknown) if !function.carries => Some(unknown.clone()),
                    _ => None,
                });
                match unknown {
                    None => run(&mut Call { written, arguments }).map(Cow::Owned),
                    Some(unknown) if unknown.stand_in.is_none() => Err(Stop::Unknown(unknown)),
                    Some(unknown) => {
                        let stand_in = stood_in(arguments).and_then(|arguments| {
                            let made = run(&mut Call { written, arguments }).ok()?;
                            made.as_str().map(str::to_owned)
                        });
                        Err(Stop::Unknown(Arc::new(Unknown { stand_in, ..unknown.reason() })))
                    }
                }
            }
        }
    }

    /// The fault with the place of a part of the text, and with the text, unless it has a place already.
    pub(crate) fn placed(&self, fault: Fault, from: usize, to: usize) -> Fault {
        if fault.at.is_some() {
            return fault;
        }
        let before = self.text.get(..from).unwrap_or(self.text);
        let characters = before.chars().count() as u32;
        let length = self.text.get(from..to).map_or(1, |part| part.chars().count() as u32);
        // What JSON writes with a backslash takes more room in the file than here.
        let read = self.text.get(..to).unwrap_or(self.text);
        let plain = !read.contains(|it: char| it.is_control() || it == '"' || it == '\\');
        let at = if plain {
            let column = self.at.column.saturating_add(1).saturating_add(characters);
            let end = column.saturating_add(length);
            Location::new(Arc::clone(&self.at.file), self.at.line, column).until(self.at.line, end)
        } else {
            self.at.clone()
        };
        let message = format!(
            "{}, at character {} of the expression '{}'",
            fault.message,
            characters.saturating_add(1),
            shortened(self.text)
        );
        Fault { at: Some(at), message, ..fault }
    }
}

/// The arguments with what stands in for those that are not known, or `None` where nothing stands in for one.
fn stood_in(arguments: Vec<Lent<'_>>) -> Option<Vec<Lent<'_>>> {
    let mut known = Vec::with_capacity(arguments.len());
    for argument in arguments {
        known.push(match &argument.value {
            Value::Unknown(unknown) => {
                Cow::Owned(Node::new(Value::String(unknown.stand_in.clone()?), argument.at.clone()))
            }
            _ => argument,
        });
    }
    Some(known)
}

/// Whether an expression is the answer to a question about a resource.
fn asks_a_resource(expr: &Expr) -> bool {
    is_call_of(expr, "reference")
}

/// Whether a step leads to an output of a deployment: `reference(…).outputs.name`.
fn is_an_output(base: &Expr, steps: &[Step], nth: usize) -> bool {
    let before = nth.checked_sub(1).and_then(|nth| steps.get(nth));
    asks_a_resource(base) && before.is_some_and(|it| it.is_named("outputs"))
}

/// Whether an expression is a call of one of Azure's own functions.
fn is_call_of(expr: &Expr, name: &str) -> bool {
    matches!(&expr.kind, Kind::Call(call) if call.namespace.is_none() && call.name.eq_ignore_ascii_case(name))
}

/// Whether a way begins with `deployment().properties.template`, and goes on.
fn asks_the_template(base: &Expr, steps: &[Step]) -> bool {
    let is_named = |nth: usize, name: &str| steps.get(nth).is_some_and(|it| it.is_named(name));
    is_call_of(base, "deployment") && steps.len() > 2 && is_named(0, "properties") && is_named(1, "template")
}

/// A value of one's own.
pub(crate) fn own(value: Lent<'_>, budget: &Budget) -> Result<Node, Fault> {
    match value {
        Cow::Owned(node) => Ok(node),
        Cow::Borrowed(node) => budget.copy(node),
    }
}

/// A text for a message: its beginning, where it is long.
pub fn shortened(text: &str) -> String {
    begun(text, 120)
}

/// The first `most` characters of a text.
fn begun(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
