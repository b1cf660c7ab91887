//! What `reference` and its kin can say offline: what the template itself writes of its resources.

use crate::depends::MOST_NEAREST;
use crate::facts::Made;
use crate::found::{part_of, parted};
use crate::inside::Inside;
use crate::instance::Instance;
use crate::turns::Turn;
use diagnostic::At;
use document::{Entry, Node, Unknown, Value};
use expression::{AFTER_DEPLOYMENT, Fault, IN_THE_RESOURCE, Question, SUPPLY, WRITE_IT};
use std::rc::Rc;
use std::sync::Arc;

/// The provider whose resources have parts with ids, in small letters.
const NETWORK: &str = "microsoft.network/";

impl Inside<'_, '_> {
    /// The answer to a question about a resource.
    pub(crate) fn referred(&self, question: Question, arguments: &[Node]) -> Result<Node, Fault> {
        let Some(name) = arguments.first().and_then(Node::as_str) else {
            return Err(
                Fault::new("the first argument is no text").help("give the name or the id of a resource")
            );
        };
        let full =
            arguments.iter().skip(1).any(|it| it.as_str().is_some_and(|it| it.eq_ignore_ascii_case("full")));
        if question == Question::References {
            return self.all_of(name, full);
        }
        let found = self.find(name);
        let found = found.as_ref().and_then(|(inside, nth)| Some((inside, inside.instances().get(*nth)?)));
        let said = match (question, found) {
            (Question::ResourceInfo, Some((_, instance))) => Some(information(instance)),
            (Question::SecureOutputs, Some((inside, instance))) => inside.output_values(instance)?,
            (Question::ResourceInfo, None) => self.left_out(name),
            (Question::SecureOutputs, None) => None,
            (_, Some((inside, instance))) => inside.said(instance, full)?,
            (_, None) => self.part_or_other(name, full)?,
        };
        Ok(match (said, found) {
            (Some(said), _) => said,
            (None, None) if !name.contains('/') => self.no_resource(question, name),
            (None, _) => self.unknown(question, name),
        })
    }

    /// What a resource says of itself, or who writes it where it is there already; `None` where that is not in the template.
    fn said(&self, instance: &Instance, full: bool) -> Result<Option<Node>, Fault> {
        let id = instance.id.as_key();
        if instance.existing {
            let written = id.and_then(|id| self.find_written(id));
            if let Some((inside, nth)) = &written
                && let Some(written) = inside.instances().get(*nth)
            {
                return inside.said(written, full);
            }
        } else if self.is_under_way(instance) {
            // A resource that asks about itself means what is there before it is written.
            if let Some((inside, nth)) = self.written_before(instance)
                && let Some(before) = inside.instances().get(nth)
            {
                return inside.said_of(before, full).map(Some);
            }
        } else {
            return self.said_of(instance, full).map(Some);
        }
        let said = id.map(|id| self.part_or_other(id, full)).transpose()?.flatten();
        Ok(said.or_else(|| (instance.existing && full).then(|| information(instance))))
    }

    /// What a resource says in whose lists a part stands, or else another document.
    fn part_or_other(&self, id: &str, full: bool) -> Result<Option<Node>, Fault> {
        if let Some(part) = self.inline(id, full)? {
            return Ok(Some(part));
        }
        let said = |id: &str| self.all.given.others.resource(id).filter(|_| id.starts_with('/'));
        if let Some(resource) = said(id) {
            let node = if full { resource } else { resource.get("properties").unwrap_or(resource) };
            let mut node = self.all.budget.copy(node)?;
            self.name_all_parts(&mut node, id, full)?;
            return Ok(Some(node));
        }
        let part = parted(id).and_then(|(parent, list, name)| part_of(said(parent)?, list, name));
        let Some(part) = part else {
            self.all.asked.borrow_mut().insert(id.to_owned());
            return Ok(None);
        };
        let node = if full { part } else { part.get("properties").unwrap_or(part) };
        self.all.budget.copy(node).map(Some)
    }

    /// The place of the expression is the evaluator's to say, and so is its text.
    fn unknown(&self, question: Question, name: &str) -> Node {
        let unknown = match question {
            Question::Reference | Question::References | Question::ResourceInfo => {
                Unknown::new(name, AFTER_DEPLOYMENT, SUPPLY)
            }
            Question::SecureOutputs => Unknown::new(name, IN_THE_RESOURCE, WRITE_IT),
        };
        Node::new(Value::Unknown(Arc::new(unknown)), self.deployment.start.template.node().at.clone())
    }

    /// The same of a name that no resource has, as far as the names of all are known.
    fn no_resource(&self, question: Question, name: &str) -> Node {
        let around: Vec<Self> = std::iter::successors(Some(self.clone()), Self::outer).collect();
        let instances = || around.iter().flat_map(|it| it.instances());
        let mut loops = instances().flat_map(|it| it.loops.iter());
        if around.iter().any(|it| it.deployment.left_out.borrow().others)
            || loops.any(|it| it.name.eq_ignore_ascii_case(name))
        {
            return self.unknown(question, name);
        }
        let asked = self.all.nameless.get();
        self.all.nameless.set(asked + 1);
        let names = instances().filter_map(|it| it.symbol.as_deref().or(it.name.as_str()));
        let help = match (asked < MOST_NEAREST).then(|| diagnostic::nearest(name, names)).flatten() {
            Some(near) => format!("did you mean '{near}'?"),
            None if around.iter().all(|it| it.deployment.left_out.borrow().turns.is_empty()) => {
                "name one of its resources, or write the id of another one".to_owned()
            }
            None => "one whose condition is false is not deployed; name another one, or write the id of one that is there"
                .to_owned(),
        };
        let why = format!("asks about '{name}', and the template deploys no resource of this name");
        let unknown = Unknown::new(name, why, help);
        Node::new(Value::Unknown(Arc::new(unknown)), self.deployment.start.template.node().at.clone())
    }

    /// What is written of a resource whose condition is false: its id is known all the same.
    fn left_out(&self, symbol: &str) -> Option<Node> {
        let is_it = |it: &&Turn| it.symbol.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(symbol));
        let turn = self.deployment.left_out.borrow().turns.iter().find(is_it).cloned()?;
        let here = Self { loops: turn.loops.clone(), ..self.clone() };
        here.instance(&turn, 0).map(|(instance, _)| information(&instance))
    }

    fn said_of(&self, instance: &Instance, full: bool) -> Result<Node, Fault> {
        if instance.is_deployment() {
            return self.said_of_deployment(instance, full);
        }
        let body = self.body(instance)?;
        let mut said = match (full, body.get("properties")) {
            (true, _) => self.all.budget.copy(body)?,
            (false, Some(properties)) => self.all.budget.copy(properties)?,
            (false, None) => return Ok(Made(&body.at).object([])),
        };
        if full && let Value::Object(entries) = &mut said.value {
            let known: Vec<&str> = entries.iter().map(|it| it.key.value.as_str()).collect();
            let more = self.around(instance).into_iter().filter(|it| !known.contains(&it.key.value.as_str()));
            let more: Vec<Entry> = more.collect();
            entries.extend(more);
        }
        if let Some(id) = instance.id.as_str() {
            self.name_all_parts(&mut said, id, full)?;
        }
        Ok(said)
    }

    /// Names the parts of a resource, in its properties or in the whole of it.
    fn name_all_parts(&self, said: &mut Node, id: &str, full: bool) -> Result<(), Fault> {
        let provider = id.rsplit_once("/providers/").map_or("", |(_, tail)| tail);
        if !provider.to_ascii_lowercase().starts_with(NETWORK) {
            return Ok(());
        }
        let parts = match &mut said.value {
            Value::Object(entries) if full => {
                entries.iter_mut().find(|it| it.key.value.eq_ignore_ascii_case("properties"))
            }
            _ => return self.name_parts(said, id),
        };
        parts.map_or(Ok(()), |parts| self.name_parts(&mut parts.value, id))
    }

    /// What a full answer says besides the resource: where it is, and its id without that.
    ///
    /// # Source
    /// Azure "Resource functions for ARM templates", *reference*: the example with `Full`.
    fn around(&self, instance: &Instance) -> Vec<Entry> {
        let made = Made(&instance.declared.at);
        let mut said = Vec::new();
        let mut say = |key: &str, value: Option<Node>| {
            said.extend(value.map(|value| Entry { key: At::new(key, &value.at), value }));
        };
        say("apiVersion", instance.declared.get("apiVersion").filter(|it| !is_made(it)).cloned());
        let id = instance.id.as_str().unwrap_or_default();
        let words: Vec<&str> = id.split('/').collect();
        let after = |word: &str| {
            let nth = words.iter().position(|it| it.eq_ignore_ascii_case(word))?;
            Some(made.text(*words.get(nth + 1)?))
        };
        say("subscriptionId", after("subscriptions"));
        say("resourceGroupName", after("resourceGroups"));
        say("resourceId", id.rsplit_once("/providers/").map(|(_, tail)| made.text(tail)));
        said
    }

    /// Gives the parts in the lists of a network resource, such as its subnets, the ids that Azure answers with.
    fn name_parts(&self, properties: &mut Node, parent: &str) -> Result<(), Fault> {
        let Value::Object(lists) = &mut properties.value else { return Ok(()) };
        for Entry { key, value } in lists {
            let Value::Array(items) = &mut value.value else { continue };
            for item in items {
                let says_nothing_else = item.get("properties").is_some() || item.entries().len() == 1;
                let is_part = says_nothing_else && item.get("id").is_none();
                let Some(name) = item.get("name").and_then(Node::as_str).filter(|_| is_part) else {
                    continue;
                };
                let id = format!("{parent}/{}/{name}", key.value);
                self.all.budget.nodes(1)?;
                self.all.budget.text(id.len())?;
                let id = Made(&item.at).text(id);
                if let Value::Object(entries) = &mut item.value {
                    entries.retain(|it| !it.key.value.eq_ignore_ascii_case("id"));
                    entries.push(Entry { key: At::new("id", &id.at), value: id });
                }
            }
        }
        Ok(())
    }

    fn said_of_deployment(&self, instance: &Instance, full: bool) -> Result<Node, Fault> {
        let made = Made(&instance.declared.at);
        let Some(nested) = self.nested(instance) else {
            return Ok(made.unknown(
                &format!("reference('{}')", instance.name.as_str().unwrap_or_default()),
                AFTER_DEPLOYMENT,
            ));
        };
        let inside = Inside { all: self.all, deployment: nested, loops: Rc::new([]), own: false };
        let outputs = Node::new(Value::Object(inside.outputs()?.to_vec()), instance.declared.at.clone());
        let outputs = self.all.budget.copy(&outputs)?;
        let properties = made.object([("outputs", outputs), ("provisioningState", made.text("Succeeded"))]);
        if !full {
            return Ok(properties);
        }
        Ok(made.object([
            ("name", instance.name.clone()),
            ("id", instance.id.clone()),
            ("properties", properties),
        ]))
    }

    /// The values of a deployment's outputs by their names.
    fn output_values(&self, instance: &Instance) -> Result<Option<Node>, Fault> {
        let Some(nested) = self.nested(instance) else { return Ok(None) };
        let inside = Inside { all: self.all, deployment: nested, loops: Rc::new([]), own: false };
        let mut values = Vec::new();
        for output in inside.outputs()? {
            let Some(value) = output.value.get("value") else { continue };
            values.push(Entry { key: output.key.clone(), value: self.all.budget.copy(value)? });
        }
        Ok(Some(Node::new(Value::Object(values), instance.declared.at.clone())))
    }

    /// All turns of a loop with this symbolic name.
    fn all_of(&self, symbol: &str, full: bool) -> Result<Node, Fault> {
        let is_turn = |it: &&Instance| {
            let symbol_of = it.symbol.as_deref().and_then(|it| it.split('[').next());
            symbol_of.is_some_and(|it| it.eq_ignore_ascii_case(symbol))
        };
        let turns = self.instances().iter().filter(is_turn);
        let turns = turns
            .map(|it| Ok(self.said(it, full)?.unwrap_or_else(|| self.unknown(Question::References, symbol))));
        let turns = turns.collect::<Result<Vec<_>, Fault>>()?;
        Ok(Node::new(Value::Array(turns), self.deployment.start.template.node().at.clone()))
    }
}

fn information(instance: &Instance) -> Node {
    let made = Made(&instance.declared.at);
    let mut entries = vec![
        ("id", instance.id.clone()),
        ("name", instance.name.clone()),
        ("type", made.text(instance.kind.value.clone())),
    ];
    entries.extend(instance.declared.get("apiVersion").map(|it| ("apiVersion", it.clone())));
    made.object(entries)
}

/// Whether a value is written as an expression.
fn is_made(node: &Node) -> bool {
    node.as_str().is_some_and(document::is_expression)
}
