//! Functions that a template defines: they see their own parameters and nothing else.

use crate::deployment::entries;
use crate::inside::Inside;
use crate::waiting::Wanted;
use crate::way::Way;
use document::{Node, Value};
use expression::{Budget, Fact, Fault, Level, Question, Scope};
use std::borrow::Cow;

/// Inside one call.
struct Member<'a, 'e, 'g> {
    around: &'a Inside<'e, 'g>,
    /// The names of the parameters and what they are in this call.
    arguments: Vec<(String, Node)>,
}

impl Inside<'_, '_> {
    /// Calls a function of this template.
    pub(crate) fn call_own(
        &self,
        namespace: &str,
        name: &str,
        arguments: Vec<Node>,
        budget: &Budget,
    ) -> Result<Node, Fault> {
        let functions = self.deployment.start.template.node().get("functions");
        let spaces = match functions.map(|it| &it.value) {
            Some(Value::Array(spaces)) => spaces.as_slice(),
            _ => &[],
        };
        let of_name = |space: &&Node| {
            space.get("namespace").and_then(Node::as_str).is_some_and(|it| it.eq_ignore_ascii_case(namespace))
        };
        let members = || spaces.iter().filter(of_name).flat_map(|space| entries(space, "members"));
        let Some(member) = members().find(|it| it.key.value.eq_ignore_ascii_case(name)) else {
            let fault = Fault::new(format!("the template defines no function '{namespace}.{name}'"));
            return Err(match diagnostic::nearest(name, members().map(|it| it.key.value.as_str())) {
                Some(near) => fault.help(format!("did you mean '{namespace}.{near}'?")),
                None => fault.help("define it under \"functions\""),
            });
        };
        let (label, member) = (format!("{namespace}.{}", member.key.value), &member.value);
        let declared: Vec<&Node> = match member.get("parameters").map(|it| &it.value) {
            Some(Value::Array(items)) => items.iter().collect(),
            _ => Vec::new(),
        };
        if declared.len() != arguments.len() {
            let (takes, given) = (declared.len(), arguments.len());
            return Err(Fault::new(format!("'{label}' takes {takes} arguments, and {given} are given")));
        }
        let Some(output) = member.get("output") else {
            return Err(Fault::new(format!("the function '{label}' has no output")).or_at(&member.at));
        };
        let Some(value) = output.entry("value") else {
            return Err(
                Fault::new(format!("the output of the function '{label}' has no value")).or_at(&output.at)
            );
        };
        let _entered = self.all.enter(Wanted::Function(self.deployment.number, label.clone()))?;
        let path = self.deployment.path_of(&format!("functions.{label}"));
        let way = Way::Root(&path);
        let named = declared.iter().zip(arguments).map(|(declared, argument)| {
            let name = declared.get("name").and_then(Node::as_str).unwrap_or_default();
            (name.to_owned(), self.held_against(name, declared, argument, &way.key(name)))
        });
        let member = Member { around: self, arguments: named.collect() };
        let way = way.key("output");
        Ok(self.value_in(&value.value, &member, budget, &way.key("value")))
    }
}

impl Scope for Member<'_, '_, '_> {
    fn parameter(&self, name: &str, _: &Budget) -> Result<Cow<'_, Node>, Fault> {
        match self.arguments.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, value)) => Ok(Cow::Borrowed(value)),
            None => Err(Fault::new(format!("the function has no parameter '{name}'"))
                .help("a function sees its own parameters, and not those of the template")),
        }
    }

    fn variable(&self, name: &str, _: &Budget) -> Result<Cow<'_, Node>, Fault> {
        Err(Fault::new(format!("a function sees no variables, and so not '{name}'"))
            .help("give it as an argument"))
    }

    fn copy_index(&self, _: Option<&str>) -> Result<i64, Fault> {
        Err(Fault::new("a function is in no loop").help("give copyIndex() as an argument"))
    }

    fn call(
        &self,
        namespace: &str,
        name: &str,
        arguments: Vec<Node>,
        budget: &Budget,
    ) -> Result<Node, Fault> {
        // Bicep's functions call each other.
        self.around.call_own(namespace, name, arguments, budget)
    }

    fn fact(&self, fact: Fact) -> Result<Cow<'_, Node>, Fault> {
        self.around.fact(fact)
    }

    fn level(&self) -> Level {
        self.around.level()
    }

    fn reference(&self, _: Question, _: &[Node]) -> Result<Node, Fault> {
        Err(Fault::new("a function may not ask about resources")
            .help("give what it shall know as an argument"))
    }

    fn now(&self) -> Option<i64> {
        None
    }

    fn given(&self, text: &str) -> Option<Node> {
        self.around.given(text)
    }
}
