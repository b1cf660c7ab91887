//! Resources as they will be, with their full types, names and ids.

use crate::deployment::Loops;
use crate::expansion::truth;
use crate::facts::Facts;
use crate::inside::Inside;
use crate::turns::{Parent, Turn};
use crate::waiting::Wanted;
use crate::way::Way;
use diagnostic::At;
use document::{Entry, Node, Unknown, Value};
use expression::{Fault, Level};
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

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
            // Whatever it is, the network may need it.
            (unknown @ Value::Unknown(_), _) => {
                self.not_known(&Node::new(unknown, value.at), &way.key("type"));
                None
            }
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
        let (facts, level) = match self.place_of(declared, way) {
            Ok(place) => place,
            Err(hole) => return hole,
        };
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
    ///
    /// # Errors
    /// A hole, where that is not known.
    fn place_of(&self, declared: &Node, way: &Way<'_>) -> Result<(Facts, Level), Node> {
        let mut facts = self.deployment.start.facts.clone();
        let mut level = self.deployment.start.level;
        let text = |key: &str| {
            let value = declared.get(key).map(|it| self.value(it, &way.key(key)));
            match value {
                Some(node @ Node { value: Value::Unknown(_), .. }) => Err(node),
                value => Ok(value.as_ref().and_then(Node::as_str).map(str::to_owned)),
            }
        };
        if let Some(subscription) = text("subscriptionId")? {
            (facts.subscription, level) = (subscription, Level::Subscription);
        }
        if let Some(group) = text("resourceGroup")? {
            (facts.resource_group, level) = (group, Level::ResourceGroup);
        }
        Ok((facts, level))
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
