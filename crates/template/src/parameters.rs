//! What the parameters of a deployment come to: what they are given, or their defaults.

use crate::constraints::is_nullable;
use crate::deployment::{Supplied, entries};
use crate::inside::Inside;
use crate::waiting::Wanted;
use crate::way::Way;
use document::{Node, Unknown, Value};
use expression::Fault;
use std::rc::Rc;
use std::sync::Arc;

impl Inside<'_, '_> {
    /// A parameter of this deployment itself, evaluated once.
    ///
    /// # Errors
    /// There is none, it is wrong, or it needs itself.
    pub(crate) fn own_parameter(&self, name: &str) -> Result<&Node, Fault> {
        let Some((nth, once)) = self.deployment.parameters.get(&name.to_lowercase()) else {
            let names = entries(self.deployment.start.template.node(), "parameters").iter();
            return Err(self.no_such("parameter", name, names.map(|it| it.key.value.clone())));
        };
        match once.get() {
            Some(value) => Ok(value),
            None => self.all.keep(once, self.parameter_value(*nth)?),
        }
    }

    fn parameter_value(&self, nth: usize) -> Result<Node, Fault> {
        let template = self.deployment.start.template.node();
        let Some(entry) = entries(template, "parameters").get(nth) else {
            return Err(Fault::new("no such parameter"));
        };
        let (name, declaration) = (&entry.key.value, &entry.value);
        let _entered = self.all.enter(Wanted::Parameter(self.deployment.number, name.clone()))?;
        let (section, path);
        let supplied = match self.deployment.start.supplied.get(&name.to_lowercase()) {
            Some(Supplied::Value(node)) => Some((self.all.budget.copy(node)?, "parameters")),
            Some(Supplied::Outside { node, key, from, path: outside }) => {
                path = outside.as_str();
                let value =
                    self.all.inside(from).and_then(|from| from.outside(node, key, name, &Way::Root(path)));
                value.map(|value| (value, path))
            }
            None => None,
        };
        let value = match supplied {
            Some((value, path)) => {
                // Null is no value where it may not be one: the default counts, and what Azure keeps secret is exported as null.
                let is_null = value.value == Value::Null && !is_nullable(template, declaration);
                let has_other = declaration.get("defaultValue").is_some() || self.deployment.start.depth == 0;
                (!is_null || !has_other).then_some((value, path.to_owned()))
            }
            None => None,
        };
        section = self.deployment.path_of("parameters");
        let (value, path) = match value {
            Some(found) => found,
            None => {
                let Some(default) = declaration.entry("defaultValue") else {
                    return Ok(self.not_given(name, declaration));
                };
                let plain = Self { loops: Rc::new([]), ..self.clone() };
                let way = Way::Root(&section);
                let way = way.key(name);
                let value = plain.value(&default.value, &way.key("defaultValue"));
                (self.default_value(name, value), section.clone())
            }
        };
        Ok(self.held_against(name, declaration, value, &Way::Root(&path).key(name)))
    }

    /// Holds every value that was given against its declaration, whether or not anything uses it.
    pub(crate) fn check_supplied(&self) {
        let section = self.deployment.path_of("parameters");
        for entry in entries(self.deployment.start.template.node(), "parameters") {
            let (name, way) = (&entry.key.value, Way::Root(&section));
            let way = way.key(name);
            self.check_type(name, &entry.value, &way);
            if self.deployment.start.supplied.contains_key(&name.to_lowercase())
                && let Err(fault) = self.all.with_all(|| self.own_parameter(name))
            {
                self.all.report(fault.or_at(&entry.key.at), &way);
            }
        }
    }

    /// Evaluates the defaults and variables that nothing uses, too.
    pub(crate) fn check_unused(&self) {
        for section in ["parameters", "variables"] {
            let path = self.deployment.path_of(section);
            for entry in entries(self.deployment.start.template.node(), section) {
                let name = &entry.key.value;
                let is_parameter = section == "parameters";
                let result = self.all.with_all(|| match is_parameter {
                    true if entry.value.get("defaultValue").is_some() => self.own_parameter(name).err(),
                    false if self.deployment.variables.contains_key(&name.to_lowercase()) => {
                        self.own_variable(name).err()
                    }
                    _ => None,
                });
                if let Some(fault) = result {
                    self.all.report(fault.or_at(&entry.key.at), &Way::Root(&path).key(name));
                }
            }
        }
    }

    /// Of a parameter that nobody gave a value.
    fn not_given(&self, name: &str, declaration: &Node) -> Node {
        let nullable = is_nullable(self.deployment.start.template.node(), declaration);
        let value = if nullable {
            Value::Null
        } else {
            let why = "has neither a value nor a default";
            Value::Unknown(Arc::new(Unknown::new(
                format!("parameters('{name}')"),
                why,
                self.how_to_give(name),
            )))
        };
        Node::new(value, declaration.at.clone())
    }

    fn how_to_give(&self, name: &str) -> String {
        if self.deployment.start.depth > 0 {
            return "give it in the parameters of the deployment that this template is nested in".to_owned();
        }
        let hint = self.all.given.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("give it in a parameter file or with --parameters {name}=…{hint}")
    }

    /// A default value; one that is another at each deployment is called by the parameter, which can be given.
    fn default_value(&self, name: &str, value: Node) -> Node {
        match value.value {
            Value::Unknown(unknown) if unknown.help == expression::DEFAULT_OF => {
                let why = format!("is made of {} by default, which {}", unknown.expression, unknown.why);
                let named = Unknown::new(format!("parameters('{name}')"), why, self.how_to_give(name));
                let named = Unknown { stand_in: unknown.stand_in.clone(), ..named };
                Node::new(Value::Unknown(Arc::new(named)), value.at)
            }
            value_of => Node::new(value_of, value.at),
        }
    }

    /// The value of the parameter `key` in the `properties.parameters` of a nested deployment, as `node` has it.
    fn outside(&self, node: &Node, key: &str, name: &str, way: &Way<'_>) -> Option<Node> {
        let entry = node.entry(key)?;
        // The whole wrapping may be made by an expression, and the value in it by a loop of that name, as Bicep writes it.
        let is_made = matches!(entry.value.value, Value::String(_)) || entry.value.get("copy").is_some();
        let wrapping = if is_made { self.value(&entry.value, &way.key(key)) } else { entry.value.clone() };
        if let Value::Unknown(_) = wrapping.value {
            return Some(wrapping);
        }
        let inner = crate::supplied::unwrapped(name, &wrapping, way, &mut self.all.found.borrow_mut())?;
        Some(if is_made { inner } else { self.value(&inner, &way.key(key).key("value")) })
    }
}
