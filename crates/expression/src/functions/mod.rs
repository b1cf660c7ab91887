//! The functions of the language: which there are, what they take, and how one is called.

mod array;
mod cidr;
mod compare;
mod date;
mod deployment;
mod lambda;
mod logic;
mod numeric;
mod object;
mod resource;
mod string;

use crate::budget::Budget;
use crate::evaluate::{Evaluator, Frame, Lent, own, shortened};
use crate::fault::{Fault, Stop};
use crate::syntax::Expr;
use diagnostic::nearest;
use document::{Entry, Node, Unknown, Value};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One function.
pub(crate) struct Function {
    /// Its name as Azure writes it.
    pub(crate) name: &'static str,
    /// The fewest arguments.
    pub(crate) least: usize,
    /// The most; `usize::MAX` for as many as one likes.
    pub(crate) most: usize,
    /// Whether a value that is not known may go in, instead of coming out.
    pub(crate) carries: bool,
    /// How it is run.
    pub(crate) run: Run,
}

/// How a function is run.
pub(crate) enum Run {
    /// With the values of its arguments.
    Plain(for<'v> fn(&mut Call<'v>) -> Result<Node, Stop>),
    /// With its arguments as they are written, to evaluate those that it needs.
    Lazy(for<'v> fn(Written<'v>, &'v Frame<'v>) -> Result<Lent<'v>, Stop>),
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What to do about a function that only the default value of a parameter may call.
pub const DEFAULT_OF: &str = "give the parameter whose default value it is";

/// As many arguments as one likes.
const ANY: usize = usize::MAX;

const fn plain(
    name: &'static str,
    least: usize,
    most: usize,
    run: for<'v> fn(&mut Call<'v>) -> Result<Node, Stop>,
) -> Function {
    Function { name, least, most, carries: false, run: Run::Plain(run) }
}

const fn lazy(
    name: &'static str,
    least: usize,
    most: usize,
    run: for<'v> fn(Written<'v>, &'v Frame<'v>) -> Result<Lent<'v>, Stop>,
) -> Function {
    Function { name, least, most, carries: true, run: Run::Lazy(run) }
}

/// Azure's function of a name, whatever its case.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    let listing = name.len() >= 4 && name.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("list"));
    let found = all().find(|function| function.name.eq_ignore_ascii_case(name));
    found.or(if listing { Some(&resource::LIST) } else { None })
}

/// The function whose name is most like this.
pub(crate) fn near(name: &str) -> Option<&'static str> {
    nearest(name, all().map(|function| function.name))
}

pub(crate) fn all() -> impl Iterator<Item = &'static Function> {
    let rooms = [
        array::FUNCTIONS,
        cidr::FUNCTIONS,
        compare::FUNCTIONS,
        date::FUNCTIONS,
        deployment::FUNCTIONS,
        lambda::FUNCTIONS,
        logic::FUNCTIONS,
        numeric::FUNCTIONS,
        object::FUNCTIONS,
        resource::FUNCTIONS,
        string::FUNCTIONS,
    ];
    rooms.into_iter().flatten()
}

impl Function {
    /// Whether it takes so many arguments.
    pub(crate) fn takes(&self, count: usize) -> Result<(), Fault> {
        if (self.least..=self.most).contains(&count) {
            return Ok(());
        }
        let many = |count: usize| if count == 1 { "1 argument".into() } else { format!("{count} arguments") };
        let expected = match (self.least, self.most) {
            (least, most) if least == most => many(least),
            (least, ANY) => format!("at least {}", many(least)),
            (least, most) => format!("{least} to {}", many(most)),
        };
        Err(Fault::new(format!("{} takes {expected}, and {count} are given", self.name)))
    }
}

/// A call as it is written.
#[derive(Clone, Copy)]
pub(crate) struct Written<'v> {
    pub(crate) evaluator: &'v Evaluator<'v>,
    pub(crate) function: &'static Function,
    pub(crate) expr: &'v Expr,
    pub(crate) arguments: &'v [Expr],
}

impl<'v> Written<'v> {
    /// The value of the nth argument.
    pub(crate) fn value(self, nth: usize, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
        match self.arguments.get(nth) {
            Some(argument) => Ok(self.evaluator.value(argument, frame)?),
            None => Err(self.fault("an argument is missing").into()),
        }
    }

    /// The truth of the nth argument.
    pub(crate) fn truth(self, nth: usize, frame: &'v Frame<'v>) -> Result<bool, Stop> {
        let value = self.value(nth, frame)?;
        self.truth_of(nth, &value)
    }

    /// The truth that a value of the nth argument is.
    pub(crate) fn truth_of(self, nth: usize, value: &Node) -> Result<bool, Stop> {
        match &value.value {
            Value::Bool(truth) => Ok(*truth),
            Value::Unknown(unknown) => Err(Stop::Unknown(unknown.clone())),
            _ => Err(self.wrong(nth, value, "a boolean")),
        }
    }

    pub(crate) fn budget(self) -> &'v Budget {
        self.evaluator.budget
    }

    /// A value that the function makes; its place is that of the expression.
    pub(crate) fn node(self, value: Value) -> Node {
        Node::new(value, self.evaluator.at.clone())
    }

    /// A fault that names the function.
    pub(crate) fn fault(self, message: impl fmt::Display) -> Fault {
        Fault::new(format!("{}: {message}", self.function.name))
    }

    /// An argument of the wrong type.
    pub(crate) fn wrong(self, nth: usize, found: &Node, expected: &str) -> Stop {
        let found = described(found);
        self.at(nth, format!("argument {} is {found}, and it takes {expected}", nth + 1))
    }

    /// A fault at an argument.
    pub(crate) fn at(self, nth: usize, message: impl fmt::Display) -> Stop {
        let part = self.arguments.get(nth).unwrap_or(self.expr);
        Stop::Fault(self.evaluator.placed(self.fault(message), part.from, part.to))
    }
}

/// The call itself, as a value that nobody can know here.
fn unknown<'v>(call: Written<'v>, why: &str, help: &str) -> Result<Lent<'v>, Stop> {
    Err(Stop::Unknown(Arc::new(Unknown::new(call.evaluator.said(call.expr.from, call.expr.to), why, help))))
}

/// A call with the values of its arguments.
pub(crate) struct Call<'v> {
    pub(crate) written: Written<'v>,
    pub(crate) arguments: Vec<Lent<'v>>,
}

impl<'v> Call<'v> {
    pub(crate) fn argument(&self, nth: usize) -> Result<&Node, Stop> {
        match self.arguments.get(nth) {
            Some(argument) => Ok(argument),
            None => Err(self.fault("an argument is missing")),
        }
    }

    /// The nth argument itself, copied where it belongs to the deployment.
    pub(crate) fn take(&mut self, nth: usize) -> Result<Node, Stop> {
        let nothing = Cow::Owned(self.written.node(Value::Null));
        match self.arguments.get_mut(nth) {
            Some(argument) => Ok(own(std::mem::replace(argument, nothing), self.budget())?),
            None => Err(self.fault("an argument is missing")),
        }
    }

    pub(crate) fn text(&self, nth: usize) -> Result<&str, Stop> {
        self.text_of(nth, self.argument(nth)?)
    }

    /// The text of a value that is, or is in, the nth argument.
    pub(crate) fn text_of<'n>(&self, nth: usize, node: &'n Node) -> Result<&'n str, Stop> {
        match &node.value {
            Value::String(text) => {
                self.budget().steps(text.len() / 64)?;
                Ok(text)
            }
            Value::Unknown(unknown) => Err(Stop::Unknown(unknown.clone())),
            _ => Err(self.wrong(nth, node, "a string")),
        }
    }

    pub(crate) fn integer(&self, nth: usize) -> Result<i64, Stop> {
        self.integer_of(nth, self.argument(nth)?)
    }

    /// The integer of a value that is, or is in, the nth argument.
    pub(crate) fn integer_of(&self, nth: usize, node: &Node) -> Result<i64, Stop> {
        match &node.value {
            Value::Number(text) => match text.parse() {
                Ok(number) => Ok(number),
                Err(_) => Err(self.wrong(nth, node, "an integer of 64 bits")),
            },
            Value::Unknown(unknown) => Err(Stop::Unknown(unknown.clone())),
            _ => Err(self.wrong(nth, node, "an integer")),
        }
    }

    pub(crate) fn truth(&self, nth: usize) -> Result<bool, Stop> {
        self.written.truth_of(nth, self.argument(nth)?)
    }

    /// The elements of an array; costs a step each.
    pub(crate) fn array(&self, nth: usize) -> Result<&[Node], Stop> {
        let node = self.argument(nth)?;
        let Value::Array(items) = &node.value else { return Err(self.wrong(nth, node, "an array")) };
        self.budget().steps(items.len())?;
        Ok(items)
    }

    /// The entries of an object; costs a step each.
    pub(crate) fn entries(&self, nth: usize) -> Result<&[Entry], Stop> {
        let node = self.argument(nth)?;
        let Value::Object(entries) = &node.value else { return Err(self.wrong(nth, node, "an object")) };
        self.budget().steps(entries.len())?;
        Ok(entries)
    }

    pub(crate) fn budget(&self) -> &'v Budget {
        self.written.evaluator.budget
    }

    pub(crate) fn node(&self, value: Value) -> Result<Node, Stop> {
        self.budget().nodes(1)?;
        Ok(self.written.node(value))
    }

    /// A text that the function makes.
    pub(crate) fn made(&self, text: impl Into<String>) -> Result<Node, Stop> {
        let text = text.into();
        self.budget().text(text.len())?;
        self.node(Value::String(text))
    }

    pub(crate) fn number(&self, number: impl fmt::Display) -> Result<Node, Stop> {
        self.node(Value::Number(number.to_string()))
    }

    pub(crate) fn fault(&self, message: impl fmt::Display) -> Stop {
        self.written.fault(message).into()
    }

    pub(crate) fn at(&self, nth: usize, message: impl fmt::Display) -> Stop {
        self.written.at(nth, message)
    }

    pub(crate) fn wrong(&self, nth: usize, found: &Node, expected: &str) -> Stop {
        self.written.wrong(nth, found, expected)
    }
}

/// A value in a message's words.
pub(crate) fn described(node: &Node) -> String {
    match &node.value {
        Value::String(text) => format!("the string '{}'", shortened(text)),
        Value::Number(text) => format!("the number {}", shortened(text)),
        Value::Bool(truth) => truth.to_string(),
        other => other.kind().to_owned(),
    }
}
