//! Resources as they will be: each turn of each loop, with its full type, name and id.

use crate::deployment::{Loop, Loops};
use crate::expansion::truth;
use crate::facts::Facts;
use crate::findings::Found;
use crate::inside::Inside;
use crate::waiting::Wanted;
use crate::way::Way;
use document::{Entry, Node, Unknown, Value, codes};
use expression::{Fault, Level};
use model::{At, Severity};
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

/// The most resources of one template.
///
/// # Source
/// Azure "Template limits": 800 resources, copies included.
const MOST_RESOURCES: usize = 800;
/// How many values a resource takes the room of, besides those in it.
const ROOM: usize = 8;
/// The type of a deployment.
pub(crate) const DEPLOYMENTS: &str = "Microsoft.Resources/deployments";
/// The type of a resource group.
const GROUPS: &str = "Microsoft.Resources/resourceGroups";
/// What of a resource says how it is deployed, and is no part of it.
const NOT_OF_THE_RESOURCE: [&str; 18] = [
    "type",
    "name",
    "id",
    "apiVersion",
    "condition",
    "copy",
    "resources",
    "dependsOn",
    "existing",
    "comments",
    "metadata",
    "scope",
    "asserts",
    "subscriptionId",
    "resourceGroup",
    "import",
    "extension",
    "@options",
];

/// One resource.
pub(crate) struct Instance {
    /// The JSON path in its file, with the turn of its loop.
    pub(crate) path: String,
    /// As it is declared.
    pub(crate) declared: Rc<Node>,
    pub(crate) loops: Loops,
    /// The full type.
    pub(crate) kind: At<String>,
    /// The full name, as far as it is known.
    pub(crate) name: Node,
    /// The id, as far as it is known.
    pub(crate) id: Node,
    /// The symbolic name; of a loop, `name[3]`.
    pub(crate) symbol: Option<String>,
    /// Whether it is there already and only referred to.
    pub(crate) existing: bool,
    /// Its place among its deployment's.
    pub(crate) number: usize,
    /// The whole resource.
    pub(crate) body: OnceCell<Node>,
    /// For a deployment, the number of the one it makes.
    pub(crate) nested: OnceCell<Option<usize>>,
}

/// What a resource that stands in another one has from it.
#[derive(Clone)]
pub(crate) struct Parent {
    kind: String,
    name: Node,
}

/// One turn of a declaration.
#[derive(Clone)]
pub(crate) struct Turn {
    declared: Rc<Node>,
    path: String,
    symbol: Option<String>,
    parent: Option<Parent>,
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

impl Instance {
    /// Whether it becomes a resource of its own.
    pub(crate) fn is_deployed(&self) -> bool {
        !self.existing && !self.is_deployment()
    }

    pub(crate) fn is_deployment(&self) -> bool {
        self.kind.value.eq_ignore_ascii_case(DEPLOYMENTS)
    }
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
        self.all.keep(&self.deployment.instances, found).map_or(&[], Vec::as_slice)
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

    /// What a turn of a declaration makes, and what its children have from it.
    pub(crate) fn instance(&self, turn: &Turn, number: usize) -> Option<(Instance, Parent)> {
        let Turn { declared, path, symbol, parent, loops } = turn;
        let way = Way::Root(path);
        let kind = self.kind(declared, parent.as_ref(), &way)?;
        let is_foreign = is_foreign(declared);
        let named = declared.get("name").map(|name| self.value(name, &way.key("name")));
        let unnamed = || Node::new(Value::String(String::new()), declared.at.clone());
        let Some(own) = named.or_else(|| is_foreign.then(unnamed)) else {
            let help = "write its name, or an expression that makes it";
            self.invalid(&declared.at, "the resource has no name".to_owned(), help, &way);
            return None;
        };
        let nested = declared.get("type").and_then(Node::as_str).is_some_and(is_of_its_parent);
        let name = match parent.as_ref().filter(|_| nested) {
            Some(parent) => joined(&parent.name, own),
            None => own,
        };
        let child = Parent { kind: kind.value.clone(), name: name.clone() };
        let id =
            if is_foreign { self.hole(&name.at, "id") } else { self.id_of(declared, &kind, &name, &way) };
        let extension = name.as_key().and_then(|name| extension_of(&kind.value, name));
        let instance = Instance {
            path: path.clone(),
            declared: declared.clone(),
            loops: loops.clone(),
            kind: At { value: extension.unwrap_or(kind.value), at: kind.at },
            name,
            id,
            symbol: symbol.clone(),
            existing: declared.get("existing").and_then(truth).unwrap_or(false),
            number,
            body: OnceCell::new(),
            nested: OnceCell::new(),
        };
        Some((instance, child))
    }

    /// The full type.
    fn kind(&self, declared: &Node, parent: Option<&Parent>, way: &Way<'_>) -> Option<At<String>> {
        let Some(written) = declared.get("type") else {
            let help = "write it, such as \"type\": \"Microsoft.Network/networkSecurityGroups\"";
            self.invalid(&declared.at, "the resource has no type".to_owned(), help, way);
            return None;
        };
        let value = self.value(written, &way.key("type"));
        match (value.value, parent) {
            (Value::String(own), Some(parent)) if is_of_its_parent(&own) => {
                Some(At { value: format!("{}/{own}", parent.kind), at: value.at })
            }
            // Symbolic templates have the version after the type where an extension made the resource.
            (Value::String(own), _) if own.contains('/') => {
                let own = own.split('@').next().unwrap_or_default();
                Some(At { value: own.to_owned(), at: value.at })
            }
            (Value::String(own), _) if is_foreign(declared) => Some(At { value: own, at: value.at }),
            (Value::Unknown(_), _) => None,
            (Value::String(own), _) => {
                let message = format!("the type '{own}' has no provider");
                self.invalid(
                    &written.at,
                    message,
                    "write it in full, such as Microsoft.Network/virtualNetworks",
                    way,
                );
                None
            }
            (other, _) => {
                let message = format!("the type is {}, and no text", other.kind());
                self.invalid(&written.at, message, "write the type of the resource", way);
                None
            }
        }
    }

    /// Reports that something is not known which decides whether a resource is there, if the resource matters.
    fn matters(&self, declared: &Node, parent: Option<&Parent>, value: &Node, way: &Way<'_>) {
        let Value::Unknown(unknown) = &value.value else { return };
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
        if !does || unknown.help.is_empty() {
            return;
        }
        if !self.all.found.borrow_mut().is_news(&value.at.file, &unknown.expression) {
            return;
        }
        let (code, severity) = (codes::VALUE_NOT_KNOWN, Severity::Error);
        let message = format!("'{}' {}", unknown.expression, unknown.why);
        let help = Some(unknown.help.clone());
        self.all.found.borrow_mut().push(Found { severity, code, at: &value.at, message, help }, way);
    }

    /// The id, from the scope, the type and the name.
    fn id_of(&self, declared: &Node, kind: &At<String>, name: &Node, way: &Way<'_>) -> Node {
        let text = match &name.value {
            Value::String(text) => text,
            Value::Unknown(unknown) => {
                let id = unknown.stand_in.as_ref().map(|text| {
                    let name = Node::new(Value::String(text.clone()), name.at.clone());
                    self.id_of(declared, kind, &name, way)
                });
                let stand_in = id.and_then(|id| id.as_key().map(str::to_owned));
                let unknown = Unknown { stand_in, ..unknown.reason() };
                return Node::new(Value::Unknown(Arc::new(unknown)), name.at.clone());
            }
            other => {
                let message = format!("the name is {}, and no text", other.kind());
                self.invalid(&name.at, message, "write the name of the resource", &way.key("name"));
                return self.hole(&name.at, "name");
            }
        };
        let (provider, types) = kind.value.split_once('/').unwrap_or((&kind.value, ""));
        let (types, names): (Vec<&str>, Vec<&str>) = (types.split('/').collect(), text.split('/').collect());
        if types.len() != names.len() {
            let message = format!(
                "the resource '{text}' of type '{}' has incorrect segment lengths: the name needs {} parts, and has {}",
                kind.value,
                types.len(),
                names.len(),
            );
            self.invalid(&name.at, message, "a child's name is parent/child", &way.key("name"));
            return self.hole(&name.at, text);
        }
        let (facts, level) = self.place_of(declared, way);
        let prefix = match declared.get("scope").map(|it| self.value(it, &way.key("scope"))) {
            Some(Node { value: Value::String(scope), .. }) if scope.starts_with('/') => {
                scope.trim_end_matches('/').to_owned()
            }
            Some(Node { value: Value::String(scope), .. }) => {
                format!("{}/providers/{scope}", facts.prefix(level))
            }
            Some(node @ Node { value: Value::Unknown(_), .. }) => return node,
            _ if kind.value.eq_ignore_ascii_case(GROUPS) => {
                let id = format!("{}/resourceGroups/{text}", facts.prefix(Level::Subscription));
                return Node::new(Value::String(id), name.at.clone());
            }
            _ => facts.prefix(level),
        };
        let pairs: String = types.iter().zip(&names).map(|(kind, name)| format!("/{kind}/{name}")).collect();
        Node::new(Value::String(format!("{prefix}/providers/{provider}{pairs}")), name.at.clone())
    }

    /// Where a resource is: elsewhere, if it is a deployment or one that is there already and says so.
    fn place_of(&self, declared: &Node, way: &Way<'_>) -> (Facts, Level) {
        let mut facts = self.deployment.start.facts.clone();
        let mut level = self.deployment.start.level;
        let text = |key: &str| {
            let value = self.value(declared.get(key)?, &way.key(key));
            value.as_str().map(str::to_owned)
        };
        if let Some(subscription) = text("subscriptionId") {
            (facts.subscription, level) = (subscription, Level::Subscription);
        }
        if let Some(group) = text("resourceGroup") {
            (facts.resource_group, level) = (group, Level::ResourceGroup);
        }
        (facts, level)
    }

    /// Whether the whole resource is being evaluated right now.
    pub(crate) fn is_under_way(&self, instance: &Instance) -> bool {
        let wanted = Wanted::Resource(self.deployment.number, instance.number, instance.path.clone());
        self.all.waits(&wanted)
    }

    /// The whole resource in REST shape, evaluated once.
    ///
    /// # Errors
    /// It needs itself.
    pub(crate) fn body<'i>(&self, instance: &'i Instance) -> Result<&'i Node, Fault> {
        if let Some(body) = instance.body.get() {
            return Ok(body);
        }
        let wanted = Wanted::Resource(self.deployment.number, instance.number, instance.path.clone());
        let _entered = self.all.enter(wanted)?;
        let here = Self { loops: instance.loops.clone(), ..self.clone() };
        let way = Way::Root(&instance.path);
        let entry = |key: &str, value: Node| {
            let written = instance.declared.entry(key);
            let at = written.map_or(&instance.name.at, |it| &it.key.at);
            Entry { key: At::new(key, at), value }
        };
        let kind = Node::new(Value::String(instance.kind.value.clone()), instance.kind.at.clone());
        let mut entries = vec![entry("type", kind), entry("name", instance.name.clone())];
        // Of a name that is not known, the name tells.
        if !matches!(instance.id.value, Value::Unknown(_)) {
            entries.push(entry("id", instance.id.clone()));
        }
        let is_own = |entry: &&Entry| {
            !NOT_OF_THE_RESOURCE.iter().any(|key| key.eq_ignore_ascii_case(&entry.key.value))
        };
        for Entry { key, value } in instance.declared.entries().iter().filter(is_own) {
            let value = here.value(value, &way.key(&key.value));
            entries.push(Entry { key: key.clone(), value });
        }
        let body = Node::new(Value::Object(entries), instance.declared.at.clone());
        self.all.keep(&instance.body, body)
    }
}

/// Whether an extension of the language makes the resource, and not Azure's resource manager: it needs no name.
fn is_foreign(declared: &Node) -> bool {
    let is_versioned = declared.get("type").and_then(Node::as_str).is_some_and(|it| it.contains('@'));
    is_versioned || declared.get("import").is_some() || declared.get("extension").is_some()
}

/// Whether the type of a resource that stands in another one goes on from the other's: `subnets`, or an extension such as
/// `providers/locks`.
fn is_of_its_parent(own: &str) -> bool {
    let is_extension = own.split_once('/').is_some_and(|(first, _)| first.eq_ignore_ascii_case("providers"));
    is_extension || !own.contains('/')
}

/// The type of an extension by its own provider, which stands in its name: `Microsoft.Insights/diagnosticSettings` of
/// `…/networkSecurityGroups/providers/diagnosticSettings` and `web/Microsoft.Insights/logs`.
fn extension_of(kind: &str, name: &str) -> Option<String> {
    let types: Vec<&str> = kind.split('/').skip(1).collect();
    let nth = types.iter().rposition(|it| it.eq_ignore_ascii_case("providers"))?;
    let provider = name.split('/').nth(nth)?;
    let own = types.get(nth + 1..).filter(|it| !it.is_empty())?;
    Some(format!("{provider}/{}", own.join("/")))
}

/// The name of a child: its parent's and its own.
fn joined(parent: &Node, own: Node) -> Node {
    let key = || Some(format!("{}/{}", parent.as_key()?, own.as_key()?));
    let value = match (&parent.value, &own.value) {
        // An extension's may begin with a slash.
        (Value::String(parent), Value::String(name)) => {
            Value::String(format!("{parent}/{}", name.trim_start_matches('/')))
        }
        (Value::Unknown(unknown), _) | (_, Value::Unknown(unknown)) => {
            Value::Unknown(Arc::new(Unknown { stand_in: key(), ..unknown.reason() }))
        }
        _ => own.value,
    };
    Node::new(value, own.at)
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
