//! Trees with expressions and loops in them become plain values.

use crate::deployment::Loop;
use crate::inside::Inside;
use crate::way::Way;
use diagnostic::At;
use document::{Entry, Node, Value};
use expression::{Budget, Fault, Scope, evaluate_text};

/// The most turns of a loop.
///
/// # Source
/// Azure "Resource iteration in ARM templates": the count can't exceed 800.
const MOST_TURNS: i64 = 800;

impl Inside<'_, '_> {
    /// The value of a tree; what is wrong is reported and leaves holes.
    pub(crate) fn value(&self, node: &Node, way: &Way<'_>) -> Node {
        match &node.value {
            Value::Array(items) => {
                let values = items.iter().enumerate().map(|(nth, item)| self.value(item, &way.nth(nth)));
                self.made(node, Value::Array(values.collect()), way)
            }
            Value::Object(entries) => {
                let value = self.object(entries, way);
                self.made(node, value, way)
            }
            _ => self.value_in(node, self, self.all.budget, way),
        }
    }

    /// The same for names that mean what `scope` says; there are no loops.
    pub(crate) fn value_in(&self, node: &Node, scope: &dyn Scope, budget: &Budget, way: &Way<'_>) -> Node {
        match &node.value {
            Value::String(text) => match self.text(text, node, scope, budget) {
                Ok(value) => value,
                Err(fault) => self.refused(text, &node.at, fault, way),
            },
            Value::Array(items) => {
                let value = |(nth, item)| self.value_in(item, scope, budget, &way.nth(nth));
                let values = items.iter().enumerate().map(value).collect();
                self.made(node, Value::Array(values), way)
            }
            Value::Object(entries) => {
                let entry = |entry: &Entry| {
                    let way = way.key(&entry.key.value);
                    let key = self.key(&entry.key, scope, budget, &way)?;
                    Some(Entry { key, value: self.value_in(&entry.value, scope, budget, &way) })
                };
                let entries = entries.iter().filter_map(entry).collect();
                self.made(node, Value::Object(entries), way)
            }
            other => self.made(node, other.clone(), way),
        }
    }

    /// One value at the place of `node`, paid for.
    fn made(&self, node: &Node, value: Value, way: &Way<'_>) -> Node {
        match self.all.budget.nodes(1) {
            Ok(()) => Node::new(value, node.at.clone()),
            Err(fault) => self.refused("", &node.at, fault, way),
        }
    }

    fn text(&self, text: &str, node: &Node, scope: &dyn Scope, budget: &Budget) -> Result<Node, Fault> {
        let mut value = evaluate_text(text, &node.at, scope, budget)?;
        let inwards = if text.starts_with("[[") { self.scopes() } else { Vec::new() };
        let mut text = text.to_owned();
        // What one deployment has unescaped, the next one inwards evaluates.
        for next in inwards.iter().rev().skip(1) {
            let Value::String(inner) = &value.value else { break };
            if !text.starts_with("[[") {
                break;
            }
            text.clone_from(inner);
            value = evaluate_text(&text, &node.at, next, budget)?;
        }
        Ok(value)
    }

    /// The deployments that evaluate the expressions here one after another, the last one first.
    fn scopes(&self) -> Vec<Self> {
        let around = std::iter::successors(Some(self.clone()), Self::outer);
        around.map(|it| Self { own: true, ..it }).collect()
    }

    /// A key, which may be an expression; `None` where it is not known, which is reported.
    fn key(&self, key: &At<String>, scope: &dyn Scope, budget: &Budget, way: &Way<'_>) -> Option<At<String>> {
        if !key.value.starts_with('[') {
            return Some(key.clone());
        }
        let fault = match evaluate_text(&key.value, &key.at, scope, budget).map(|it| it.value) {
            Ok(Value::String(text)) => return Some(At { value: text, at: key.at.clone() }),
            Ok(Value::Unknown(unknown)) => {
                let message = format!("the key is '{}', which {}", unknown.expression, unknown.why);
                Fault::new(message).help(unknown.help.clone())
            }
            Ok(other) => Fault::new(format!("the key '{}' is {}, and no text", key.value, other.kind())),
            Err(fault) => fault,
        };
        self.all.report(fault.or_at(&key.at), way);
        None
    }

    fn object(&self, entries: &[Entry], way: &Way<'_>) -> Value {
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(loops) = loops_of(entry) {
                let way = way.key("copy");
                for (nth, copy) in loops.iter().enumerate() {
                    let way = way.nth(nth);
                    let Some(name) = copy.get("name") else { continue };
                    let value = self.looped(copy, &way);
                    if let Some(text) = name.as_str() {
                        values.push(Entry { key: At::new(text, &name.at), value });
                    }
                }
                continue;
            }
            let way = way.key(&entry.key.value);
            if let Some(key) = self.key(&entry.key, self, self.all.budget, &way) {
                values.push(Entry { key, value: self.value(&entry.value, &way) });
            }
        }
        Value::Object(values)
    }

    /// The array that a loop with `count` and `input` makes.
    pub(crate) fn looped(&self, copy: &Node, way: &Way<'_>) -> Node {
        let name = copy.get("name").and_then(Node::as_str).unwrap_or_default();
        let count = match self.count(copy, way) {
            Ok(count) => count,
            Err(hole) => return hole,
        };
        let Some(input) = copy.entry("input") else {
            let message = format!("the loop '{name}' has no input");
            return self.refused(name, &copy.at, Fault::new(message).help("write what each turn makes"), way);
        };
        let mut turns = Vec::new();
        for index in 0..count {
            if self.all.is_limited() {
                break;
            }
            let turn = Loop { name: name.to_owned(), index, of_resources: false };
            turns.push(self.in_turn(turn).value(&input.value, &way.key("input")));
        }
        self.made(copy, Value::Array(turns), way)
    }

    /// How often a loop turns, or a hole where that is wrong or not known.
    pub(crate) fn count(&self, copy: &Node, way: &Way<'_>) -> Result<i64, Node> {
        let Some(written) = copy.get("count") else {
            let fault = Fault::new("the loop has no count").help("write how often it turns");
            return Err(self.refused("count", &copy.at, fault, way));
        };
        let value = self.value(written, &way.key("count"));
        let number = match &value.value {
            Value::Number(text) | Value::String(text) => text.trim().parse::<i64>().ok(),
            Value::Unknown(_) => return Err(Node::new(value.value, written.at.clone())),
            _ => None,
        };
        let message = match number {
            Some(count) if (0..=MOST_TURNS).contains(&count) => return Ok(count),
            Some(count) => format!("the loop turns {count} times, and may turn 0 to {MOST_TURNS} times"),
            None => format!("the count of the loop is {}, and no whole number", value.value.kind()),
        };
        let help = match number {
            Some(..0) => "give 0 or more; a condition leaves a resource out",
            Some(_) => "give fewer, or split the loop",
            None => "give a whole number",
        };
        let fault = Fault::new(message).help(help);
        Err(self.refused("count", &written.at, fault, &way.key("count")))
    }
}

/// The loops under `copy` of an object that is to have their arrays.
fn loops_of(entry: &Entry) -> Option<&[Node]> {
    let Value::Array(loops) = &entry.value.value else { return None };
    let is_loop = |it: &Node| it.get("name").is_some() && it.get("count").is_some();
    let are_loops =
        entry.key.value.eq_ignore_ascii_case("copy") && !loops.is_empty() && loops.iter().all(is_loop);
    are_loops.then_some(loops.as_slice())
}
