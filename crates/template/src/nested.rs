//! Deployments in deployments: templates nested and linked, and their outputs.

use crate::deployment::{Deployment, Loop, Start, Supplied, Template, entries, level_of};
use crate::expansion::truth;
use crate::facts::Made;
use crate::inside::Inside;
use crate::instance::Instance;
use crate::supplied::unwrapped;
use crate::waiting::Wanted;
use crate::way::Way;
use document::{Entry, Node, Value};
use expression::{Fault, Level};
use std::collections::HashMap;
use std::rc::Rc;

/// How many deployments stand in each other.
const MOST_DEPTH: usize = 16;
/// How many there are in all: templates of people have a few dozen.
const MOST_DEPLOYMENTS: usize = 10_000;

impl Inside<'_, '_> {
    /// The deployment that a resource makes, or `None` for other resources and for what cannot be had.
    pub(crate) fn nested(&self, instance: &Instance) -> Option<Rc<Deployment>> {
        if !instance.is_deployment() || instance.existing {
            return None;
        }
        if let Some(number) = instance.nested.get() {
            return self.all.deployment((*number)?);
        }
        let wanted = Wanted::Nested(self.deployment.number, instance.number, instance.path.clone());
        // One that is asked about while it begins is not there yet.
        let _entered = self.all.enter(wanted).ok()?;
        let here = Self { loops: instance.loops.clone(), ..self.clone() };
        let begun = here.begin(instance);
        self.all.keep(&instance.nested, begun.as_ref().map(|it| it.number)).ok()?;
        begun
    }

    fn begin(&self, instance: &Instance) -> Option<Rc<Deployment>> {
        let way = Way::Root(&instance.path);
        if self.deployment.start.depth >= MOST_DEPTH {
            let mut message = format!("deployments stand more than {MOST_DEPTH} deep in each other");
            if let Some(cycle) = cycle(&self.deployment.start.linked) {
                message = format!("{message}: {cycle}");
            }
            self.all.report(Fault::limit(message).or_at(&instance.declared.at), &way);
            return None;
        }
        if self.all.deployment(MOST_DEPLOYMENTS).is_some() {
            let message = format!("the template makes more than {MOST_DEPLOYMENTS} deployments");
            self.all.report(Fault::limit(message).or_at(&instance.declared.at), &way);
            return None;
        }
        let declared = &instance.declared;
        let written = declared.get("properties")?;
        let properties = way.key("properties");
        let inline = written.get("template").filter(|it| matches!(it.value, Value::Object(_)));
        let path = || format!("{}.properties.template", instance.path);
        let (template, path, file) = match (inline, written.get("template")) {
            (Some(_), _) => (Template::Inside(declared.clone()), path(), self.deployment.start.file.clone()),
            (None, Some(made)) => {
                let node = self.made_template(made, &properties.key("template"))?;
                (Template::Whole(Rc::new(node)), path(), self.deployment.start.file.clone())
            }
            (None, None) => {
                let (node, file) = self.linked(written, &properties)?;
                self.check_version(written, &node, &properties);
                (Template::Whole(node), format!("{}.properties.templateLink", instance.path), file)
            }
        };
        let mut linked = self.deployment.start.linked.clone();
        if inline.is_none() {
            linked.push(file.clone());
        }
        let options = written.get("expressionEvaluationOptions").and_then(|it| it.get("scope"));
        let scope =
            options.map(|it| self.value(it, &properties.key("expressionEvaluationOptions").key("scope")));
        let is_inner =
            scope.as_ref().and_then(Node::as_str).is_some_and(|it| it.eq_ignore_ascii_case("inner"));
        let (facts, level) = self.target(instance, template.node(), &way);
        let mut supplied = HashMap::new();
        let inline_parameters = written.get("parameters").filter(|it| !it.entries().is_empty());
        if let (Some(link), Some(_)) = (written.entry("parametersLink"), inline_parameters) {
            let message = "the deployment has both parameters and parametersLink".to_owned();
            self.invalid(
                &link.key.at,
                message,
                "leave one of the two out",
                &properties.key("parametersLink"),
            );
        }
        if let Some(link) = written.get("parametersLink").and_then(|it| it.get("uri")) {
            let link = self.value(link, &properties.key("parametersLink").key("uri"));
            self.linked_parameters(&link, &properties, &mut supplied);
        }
        if let Some(parameters) = written.get("parameters") {
            self.supply(parameters, &properties.key("parameters"), &mut supplied);
        }
        self.check_names(&supplied, written, template.node(), &properties);
        if self.all.is_halted() {
            return None;
        }
        Some(self.all.add(Start {
            path,
            file,
            facts,
            level,
            depth: self.deployment.start.depth + 1,
            supplied,
            linked,
            // A deployment around that is evaluated elsewhere is so with all that stands in it.
            outer: match (inline.is_some(), is_inner) {
                (true, true) => self.outer().map(|it| it.place()),
                (true, false) => Some(self.place()),
                (false, _) => None,
            },
            template,
        }))
    }

    /// Where a nested deployment goes.
    fn target(&self, instance: &Instance, template: &Node, way: &Way<'_>) -> (crate::Facts, Level) {
        let mut facts = self.deployment.start.facts.clone();
        if let Some(name) = instance.name.as_str() {
            facts.deployment = name.to_owned();
        }
        let text = |key: &str| {
            let value = self.value(instance.declared.get(key)?, &way.key(key));
            value.as_str().filter(|it| !it.is_empty()).map(str::to_owned)
        };
        let mut level = level_of(template).unwrap_or(self.deployment.start.level);
        if let Some(subscription) = text("subscriptionId") {
            facts.subscription = subscription;
            level = if level == Level::ResourceGroup { level } else { Level::Subscription };
        }
        let group = instance.declared.get("resourceGroup").filter(|it| it.as_str() != Some(""));
        if group.is_some() {
            // One that is not known is one all the same.
            facts.resource_group = text("resourceGroup").unwrap_or(facts.resource_group);
            level = Level::ResourceGroup;
        } else if level == Level::ResourceGroup && self.deployment.start.level != Level::ResourceGroup {
            // A template of the old schema, deployed where there is no resource group.
            level = self.deployment.start.level;
        }
        (facts, level)
    }

    /// The values of `properties.parameters`.
    fn supply(&self, parameters: &Node, way: &Way<'_>, supplied: &mut HashMap<String, Supplied>) {
        let whole = match &parameters.value {
            Value::String(_) => self.value(parameters, way),
            _ => parameters.clone(),
        };
        let evaluated = matches!(parameters.value, Value::String(_));
        let node = Rc::new(whole);
        for entry in node.entries() {
            let name = entry.key.value.to_lowercase();
            if evaluated {
                let found = &mut self.all.found.borrow_mut();
                let value = unwrapped(&entry.key.value, &entry.value, way, found);
                supplied.extend(value.map(|value| (name, Supplied::Value(value))));
            } else {
                let (key, from, path) = (entry.key.value.clone(), self.place(), way.to_string());
                supplied.insert(name, Supplied::Outside { node: node.clone(), key, from, path });
            }
        }
    }

    fn check_names(
        &self,
        supplied: &HashMap<String, Supplied>,
        written: &Node,
        template: &Node,
        way: &Way<'_>,
    ) {
        let declared = entries(template, "parameters");
        let is_declared =
            |entry: &&Entry| declared.iter().any(|it| it.key.value.eq_ignore_ascii_case(&entry.key.value));
        let given = entries(written, "parameters").iter().filter(|it| !is_declared(it));
        for entry in given.filter(|it| supplied.contains_key(&it.key.value.to_lowercase())) {
            let name = &entry.key.value;
            let message = format!("the nested template has no parameter '{name}'");
            let help = match diagnostic::nearest(name, declared.iter().map(|it| it.key.value.as_str())) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "take it away".to_owned(),
            };
            self.invalid(&entry.key.at, message, &help, &way.key("parameters"));
        }
    }

    /// The outputs of this deployment, each `{"type": …, "value": …}`; those that are not there by a condition are left out.
    ///
    /// # Errors
    /// They need themselves.
    pub(crate) fn outputs(&self) -> Result<&[Entry], Fault> {
        if let Some(outputs) = self.deployment.outputs.get() {
            return Ok(outputs);
        }
        let path = self.deployment.path_of("outputs");
        let _entered = self.all.enter(Wanted::Outputs(self.deployment.number, path.clone()))?;
        let way = Way::Root(&path);
        let mut outputs = Vec::new();
        for entry in entries(self.deployment.start.template.node(), "outputs") {
            let way = way.key(&entry.key.value);
            if let Some(condition) = entry.value.get("condition")
                && truth(&self.value(condition, &way.key("condition"))) == Some(false)
            {
                continue;
            }
            let kind = entry.value.get("type").cloned();
            let made = Made(&entry.value.at);
            let value = match entry.value.get("copy") {
                Some(copy) => self.output_loop(copy, &entry.key.value, &way.key("copy")),
                None => match entry.value.entry("value") {
                    Some(value) => self.value(&value.value, &way.key("value")),
                    None => continue,
                },
            };
            let fields = kind.map(|kind| ("type", kind)).into_iter().chain([("value", value)]);
            outputs.push(Entry { key: entry.key.clone(), value: made.object(fields) });
        }
        Ok(self.all.keep(&self.deployment.outputs, outputs)?)
    }

    /// An output's loop has no name: `copyIndex()` means it.
    fn output_loop(&self, copy: &Node, name: &str, way: &Way<'_>) -> Node {
        let count = match self.count(copy, way) {
            Ok(count) => count,
            Err(hole) => return hole,
        };
        let input = copy.entry("input");
        let turns = (0..count).filter(|_| !self.all.is_limited()).filter_map(|index| {
            let turn = Loop { name: name.to_owned(), index, of_resources: true };
            Some(self.in_turn(turn).value(&input?.value, &way.key("input")))
        });
        Node::new(Value::Array(turns.collect()), copy.at.clone())
    }
}

/// How the last of some templates, each linked to by the one before, comes to link to itself.
fn cycle(linked: &[String]) -> Option<String> {
    let (last, before) = linked.split_last()?;
    let start = before.iter().rposition(|file| file == last)?;
    let between: String =
        before[start + 1..].iter().map(|file| format!(" links to '{file}', which")).collect();
    Some(match between.as_str() {
        "" => format!("'{last}' links to itself"),
        between => format!("'{last}'{between} links to '{last}'"),
    })
}
