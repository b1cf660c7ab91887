//! What a template declares: each turn of each loop whose condition is true, with the children in it.

use crate::deployment::{Loop, Loops};
use crate::expansion::truth;
use crate::findings::Found;
use crate::inside::Inside;
use crate::instance::Instance;
use crate::waiting::Wanted;
use crate::way::Way;
use diagnostic::Severity;
use document::{Entry, Node, Value, codes};
use expression::{Level, codes as template_codes};
use std::rc::Rc;

/// The most resources of one template.
///
/// # Source
/// Azure "Template limits": 800 resources, copies included.
const MOST_RESOURCES: usize = 800;
/// How many values a resource takes the room of, besides those in it.
const ROOM: usize = 8;

/// What a resource that stands in another one has from it.
#[derive(Clone)]
pub(crate) struct Parent {
    pub(crate) kind: String,
    pub(crate) name: Node,
}

/// One turn of a declaration.
#[derive(Clone)]
pub(crate) struct Turn {
    pub(crate) declared: Rc<Node>,
    pub(crate) path: String,
    pub(crate) symbol: Option<String>,
    pub(crate) parent: Option<Parent>,
    pub(crate) loops: Loops,
}

/// What of a template makes no resource.
#[derive(Default)]
pub(crate) struct LeftOut {
    /// Those whose condition is false.
    pub(crate) turns: Vec<Turn>,
    /// Whether there are others, of which nobody can say the names.
    pub(crate) others: bool,
}

impl Inside<'_, '_> {
    /// The resources of the deployment; none while they are being found.
    pub(crate) fn instances(&self) -> &[Instance] {
        if let Some(instances) = self.deployment.instances.get() {
            return instances;
        }
        let path = self.deployment.path_of("resources");
        let Ok(_entered) = self.all.enter(Wanted::Resources(self.deployment.number, path.clone())) else {
            return &[];
        };
        let mut found = Vec::new();
        self.deployment.left_out.take();
        if let Some(resources) = self.deployment.start.template.node().get("resources") {
            self.declare_all(resources, &path, None, &mut found);
        }
        self.check_once(&found);
        self.check_level(&found);
        self.all.keep(&self.deployment.instances, found).map_or(&[], Vec::as_slice)
    }

    /// Warns of what of the network stands in a template that is deployed to no resource group.
    fn check_level(&self, instances: &[Instance]) {
        if self.deployment.start.level == Level::ResourceGroup {
            return;
        }
        let is_misplaced = |it: &&Instance| {
            it.is_deployed()
                && it.declared.get("scope").is_none()
                && (self.all.given.is_modelled)(&it.kind.value)
        };
        for instance in instances.iter().filter(is_misplaced) {
            let (kind, at) = (&instance.kind.value, &instance.kind.at);
            let message = format!(
                "a resource of the type {kind} is in a resource group, and this deployment is to none"
            );
            let help = "Azure refuses this; put it into a nested deployment with a resourceGroup".to_owned();
            let (severity, code, help) = (Severity::Warning, template_codes::INVALID_TEMPLATE, Some(help));
            let found = Found { severity, code, at, message, help };
            self.all.found.borrow_mut().push(found, &Way::Root(&instance.path));
        }
    }

    fn declare_all(&self, resources: &Node, path: &str, parent: Option<&Parent>, found: &mut Vec<Instance>) {
        match &resources.value {
            Value::Array(items) => {
                for (nth, item) in items.iter().enumerate() {
                    self.declare(item, &format!("{path}[{nth}]"), None, parent, found);
                }
            }
            Value::Object(entries) => {
                for Entry { key, value } in entries {
                    self.declare(value, &format!("{path}.{}", key.value), Some(&key.value), parent, found);
                }
            }
            other => {
                let message = format!("resources is {}, and neither a list nor an object", other.kind());
                self.invalid(&resources.at, message, "write a list of resources", &Way::Root(path));
            }
        }
    }

    /// One declaration, with all turns of its loop.
    fn declare(
        &self,
        node: &Node,
        path: &str,
        symbol: Option<&str>,
        parent: Option<&Parent>,
        found: &mut Vec<Instance>,
    ) {
        if self.declare_turns(node, path, symbol, parent, found).is_none() {
            self.deployment.left_out.borrow_mut().others = true;
        }
    }

    /// `None` where it makes nothing that it should, or nobody knows what.
    fn declare_turns(
        &self,
        node: &Node,
        path: &str,
        symbol: Option<&str>,
        parent: Option<&Parent>,
        found: &mut Vec<Instance>,
    ) -> Option<()> {
        let way = Way::Root(path);
        if !matches!(node.value, Value::Object(_)) {
            let message = format!("{} stands where a resource should", node.value.kind());
            self.invalid(&node.at, message, "write an object with type and name", &way);
            return None;
        }
        let declared = match self.all.budget.copy(node) {
            Ok(node) => Rc::new(node),
            Err(fault) => {
                self.all.report(fault.or_at(&node.at), &way);
                return None;
            }
        };
        let parent = parent.cloned();
        let turn = |path: String, symbol: Option<String>, loops: Loops| {
            let (declared, parent) = (declared.clone(), parent.clone());
            Turn { declared, path, symbol, parent, loops }
        };
        let Some(copy) = node.get("copy") else {
            let turn = turn(path.to_owned(), symbol.map(str::to_owned), self.loops.clone());
            return self.declare_turn(turn, found);
        };
        let name = copy.get("name").and_then(Node::as_str).or(symbol).unwrap_or_default();
        let count = match self.count(copy, &way.key("copy")) {
            Ok(count) => count,
            Err(hole) => {
                self.matters(&declared, parent.as_ref(), &hole, &way.key("copy").key("count"));
                return None;
            }
        };
        // The names of a loop that does not turn would need its index.
        let mut all = (count > 0).then_some(());
        for index in 0..count {
            if self.all.is_limited() || found.len() > MOST_RESOURCES {
                return None;
            }
            let inside = self.in_turn(Loop { name: name.to_owned(), index, of_resources: true });
            let symbol = symbol.map(|symbol| format!("{symbol}[{index}]"));
            let turn = turn(format!("{path}[{index}]"), symbol, inside.loops.clone());
            all = inside.declare_turn(turn, found).and(all);
        }
        all
    }

    fn declare_turn(&self, turn: Turn, found: &mut Vec<Instance>) -> Option<()> {
        let Turn { declared, path, parent, .. } = &turn;
        let way = Way::Root(path);
        if found.len() >= MOST_RESOURCES {
            if found.len() == MOST_RESOURCES {
                let message = format!("the template makes more than {MOST_RESOURCES} resources");
                self.invalid(&declared.at, message, "split the template", &way);
            }
            return None;
        }
        let mut is_there = true;
        if let Some(condition) = declared.get("condition") {
            let value = self.value(condition, &way.key("condition"));
            match (truth(&value), &value.value) {
                (Some(true), _) => {}
                (Some(false), _) => is_there = false,
                (None, Value::Unknown(_)) => {
                    self.matters(declared, parent.as_ref(), &value, &way.key("condition"));
                    return None;
                }
                (None, other) => {
                    let message = format!("the condition is {}, and neither true nor false", other.kind());
                    self.invalid(&condition.at, message, "write true or false", &way.key("condition"));
                    return None;
                }
            }
        }
        if !is_there {
            self.deployment.left_out.borrow_mut().turns.push(turn.clone());
            // A condition is the resource's own: its children have theirs.
            if declared.get("resources").is_none() {
                return Some(());
            }
        }
        if let Err(fault) = self.all.budget.nodes(ROOM) {
            self.all.report(fault.or_at(&declared.at), &way);
            return None;
        }
        let (instance, child) = self.instance(&turn, found.len())?;
        if is_there {
            found.push(instance);
        }
        if let Some(children) = declared.get("resources") {
            self.declare_all(children, &format!("{path}.resources"), Some(&child), found);
        }
        Some(())
    }

    /// Reports that something is not known which decides whether a resource is there, if the resource matters.
    fn matters(&self, declared: &Node, parent: Option<&Parent>, value: &Node, way: &Way<'_>) {
        // The parent's loop may be what is not known, so the name of a child's type is enough here.
        let kind = |node: &Node, parent: Option<&str>| match (node.get("type").and_then(Node::as_str), parent)
        {
            (Some(own), Some(parent)) if !own.contains('/') => format!("{parent}/{own}"),
            (Some(own), _) => own.to_owned(),
            (None, _) => String::new(),
        };
        let own = kind(declared, parent.map(|it| it.kind.as_str()));
        let template = declared.get("properties").and_then(|it| it.get("template"));
        let inside = template.and_then(|it| it.get("resources"));
        let does = (self.all.given.is_modelled)(&own)
            || any_modelled(declared.get("resources"), Some(&own), self.all.given.is_modelled)
            || any_modelled(inside, None, self.all.given.is_modelled);
        if does {
            self.not_known(value, way);
        }
    }

    /// Reports that something is not known, unless that has been said.
    pub(crate) fn not_known(&self, value: &Node, way: &Way<'_>) {
        let Value::Unknown(unknown) = &value.value else { return };
        if unknown.help.is_empty()
            || !self.all.found.borrow_mut().is_news(&value.at.file, &unknown.expression)
        {
            return;
        }
        let (code, severity) = (codes::VALUE_NOT_KNOWN, Severity::Error);
        let message = format!("'{}' {}", unknown.expression, unknown.why);
        let help = Some(unknown.help.clone());
        self.all.found.borrow_mut().push(Found { severity, code, at: &value.at, message, help }, way);
    }
}

/// Whether any of the resources is of a type that matters.
fn any_modelled(resources: Option<&Node>, parent: Option<&str>, is_modelled: &dyn Fn(&str) -> bool) -> bool {
    let Some(resources) = resources else { return false };
    let one = |node: &Node| {
        let own = node.get("type").and_then(Node::as_str).unwrap_or_default();
        let kind = match parent {
            Some(parent) if !own.contains('/') => format!("{parent}/{own}"),
            _ => own.to_owned(),
        };
        let inside =
            node.get("properties").and_then(|it| it.get("template")).and_then(|it| it.get("resources"));
        is_modelled(&kind)
            || any_modelled(node.get("resources"), Some(&kind), is_modelled)
            || any_modelled(inside, None, is_modelled)
    };
    match &resources.value {
        Value::Array(items) => items.iter().any(one),
        Value::Object(entries) => entries.iter().any(|entry| one(&entry.value)),
        _ => false,
    }
}
