//! What evaluating one template may cost, so that no template can cost more.

use crate::fault::Fault;
use crate::parse::{Mistake, parse};
use crate::syntax::Expr;
use document::{Node, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// How deep arrays and objects that are copied may stand in each other.
pub(crate) const MAX_VALUE_DEPTH: usize = 128;
/// How many parsed expressions are kept; a template of Azure's has at most 4 MB.
const MAX_PARSED: usize = 50_000;

/// The size of a [`Budget`].
///
/// # Units
/// Chosen so that a template of Azure's greatest size fits several times over, and a hostile one ends within about a
/// second and a few hundred megabytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls, comparisons and elements looked at.
    pub steps: u64,
    /// Values made or copied, and those of them that are gone again.
    pub nodes: u64,
    /// Bytes of text made or copied.
    pub text: u64,
    /// How many calls, variables and functions may wait for each other.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 20_000_000, nodes: 2_000_000, text: 128 << 20, depth: 200 }
    }
}

/// What is left for evaluating one template with all that is nested in it, and the expressions parsed so far.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    nodes: Cell<u64>,
    text: Cell<u64>,
    depth: Cell<u32>,
    parsed: RefCell<HashMap<String, Rc<Expr>>>,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Budget {
    /// A whole one.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: Cell::new(limits.steps),
            nodes: Cell::new(limits.nodes),
            text: Cell::new(limits.text),
            depth: Cell::new(limits.depth),
            parsed: RefCell::default(),
        }
    }

    /// Takes steps.
    ///
    /// # Errors
    /// There are not so many left; then none is.
    pub(crate) fn steps(&self, count: usize) -> Result<(), Fault> {
        let limit = self.limits.steps;
        take(&self.steps, count, || format!("the template takes more than {limit} steps to evaluate"))
    }

    /// Takes values.
    ///
    /// # Errors
    /// There are not so many left; then none is.
    pub fn nodes(&self, count: usize) -> Result<(), Fault> {
        let limit = self.limits.nodes;
        take(&self.nodes, count, || format!("the template makes more than {limit} values"))
    }

    /// Takes bytes of text.
    ///
    /// # Errors
    /// There are not so many left; then none is.
    pub fn text(&self, bytes: usize) -> Result<(), Fault> {
        let limit = self.limits.text;
        take(&self.text, bytes, || format!("the template makes more than {limit} bytes of text"))
    }

    /// Goes one deeper until the result is dropped.
    ///
    /// # Errors
    /// It is as deep as it may be.
    pub(crate) fn deeper(&self) -> Result<Deeper<'_>, Fault> {
        let Some(left) = self.depth.get().checked_sub(1) else {
            let limit = self.limits.depth;
            return Err(Fault::limit(format!("expressions wait for each other more than {limit} deep")));
        };
        self.depth.set(left);
        Ok(Deeper(self))
    }

    /// Whether less than half of the depth is left: enough for the deepest expression, and not for much besides.
    pub fn is_deep(&self) -> bool {
        self.depth.get() < self.limits.depth / 2
    }

    /// Copies a value with all that is in it.
    ///
    /// # Errors
    /// There is too little left, or arrays and objects stand more than 128 deep in each other.
    pub fn copy(&self, node: &Node) -> Result<Node, Fault> {
        self.charge(node, MAX_VALUE_DEPTH)?;
        Ok(node.clone())
    }

    fn charge(&self, node: &Node, depth: usize) -> Result<(), Fault> {
        let Some(deeper) = depth.checked_sub(1) else {
            return Err(Fault::limit(format!(
                "arrays and objects stand more than {MAX_VALUE_DEPTH} deep in each other"
            )));
        };
        self.nodes(1)?;
        match &node.value {
            Value::String(text) | Value::Number(text) => self.text(text.len()),
            Value::Array(items) => items.iter().try_for_each(|item| self.charge(item, deeper)),
            Value::Object(entries) => entries.iter().try_for_each(|entry| {
                self.text(entry.key.value.len())?;
                self.charge(&entry.value, deeper)
            }),
            _ => Ok(()),
        }
    }

    /// The expression that a whole text is, parsed once however often it is evaluated.
    pub(crate) fn parse(&self, text: &str) -> Result<Rc<Expr>, Mistake> {
        if let Some(found) = self.parsed.borrow().get(text) {
            return Ok(found.clone());
        }
        let expr = Rc::new(parse(text)?);
        let mut parsed = self.parsed.borrow_mut();
        if parsed.len() < MAX_PARSED {
            parsed.insert(text.to_owned(), expr.clone());
        }
        Ok(expr)
    }
}

/// Takes `count`, or all and says why.
fn take(left: &Cell<u64>, count: usize, why: impl FnOnce() -> String) -> Result<(), Fault> {
    let after = left.get().checked_sub(count as u64);
    left.set(after.unwrap_or(0));
    after.map(|_| ()).ok_or_else(|| Fault::limit(why()))
}

/// One level deeper, until it is dropped.
#[derive(Debug)]
pub(crate) struct Deeper<'a>(&'a Budget);

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() + 1);
    }
}
