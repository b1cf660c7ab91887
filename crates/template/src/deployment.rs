//! One deployment: a template, what its parameters are given, and what has been evaluated of it so far.

use crate::facts::Facts;
use crate::instance::Instance;
use crate::turns::LeftOut;
use document::{Entry, Node, Value};
use expression::{Fact, Level};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// A loop, and where in it we are.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub(crate) name: String,
    pub(crate) index: i64,
    /// Whether `copyIndex()` without a name means this one.
    pub(crate) of_resources: bool,
}

/// The loops around a value, the innermost last.
pub(crate) type Loops = Rc<[Loop]>;

/// A template, alone in its file or inside a resource of another.
#[derive(Clone, Debug)]
pub(crate) enum Template {
    Whole(Rc<Node>),
    /// Under `properties.template` of the resource.
    Inside(Rc<Node>),
}

impl Template {
    pub(crate) fn node(&self) -> &Node {
        match self {
            Self::Whole(node) => node,
            Self::Inside(resource) => {
                resource.get("properties").and_then(|it| it.get("template")).unwrap_or(resource)
            }
        }
    }
}

/// What a parameter is given.
#[derive(Clone, Debug)]
pub(crate) enum Supplied {
    /// A value.
    Value(Node),
    /// An expression of the deployment around this one.
    Outside { node: Rc<Node>, key: String, from: Place, path: String },
}

/// A deployment by its number, and the loops of the place where something stands in it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) deployment: usize,
    pub(crate) loops: Loops,
}

/// What is evaluated at most once.
type Once = OnceCell<Node>;

/// Where a variable is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Written {
    /// The nth entry of `variables`.
    Entry(usize),
    /// The nth loop of `variables.copy`.
    Loop(usize),
}

pub(crate) struct Deployment {
    /// Its place among all.
    pub(crate) number: usize,
    pub(crate) start: Start,
    pub(crate) parameters: HashMap<String, (usize, Once)>,
    pub(crate) variables: HashMap<String, (Written, Once)>,
    pub(crate) told: [Once; Self::FACTS.len()],
    pub(crate) instances: OnceCell<Vec<Instance>>,
    pub(crate) left_out: RefCell<LeftOut>,
    pub(crate) outputs: OnceCell<Vec<Entry>>,
}

/// How a deployment begins.
pub(crate) struct Start {
    pub(crate) template: Template,
    /// The way to the template from the first one, through the links.
    pub(crate) path: String,
    /// The path of that file below the first one's folder.
    pub(crate) file: String,
    pub(crate) facts: Facts,
    pub(crate) level: Level,
    /// How many deployments it is in.
    pub(crate) depth: usize,
    /// The files that were linked to on the way to it.
    pub(crate) linked: Vec<String>,
    pub(crate) supplied: HashMap<String, Supplied>,
    /// Where its expressions are evaluated, if not in itself.
    pub(crate) outer: Option<Place>,
}

impl Deployment {
    const FACTS: [Fact; 7] = [
        Fact::Deployment,
        Fact::Deployer,
        Fact::Environment,
        Fact::ManagementGroup,
        Fact::ResourceGroup,
        Fact::Subscription,
        Fact::Tenant,
    ];

    pub(crate) fn new(number: usize, start: Start) -> Self {
        let template = start.template.node();
        Self {
            number,
            parameters: named(entries(template, "parameters")).collect(),
            variables: variables(template),
            start,
            told: Default::default(),
            instances: OnceCell::new(),
            left_out: RefCell::default(),
            outputs: OnceCell::new(),
        }
    }

    /// A path in the file for something in the template.
    pub(crate) fn path_of(&self, within: &str) -> String {
        let path = &self.start.path;
        if path.is_empty() { within.to_owned() } else { format!("{path}.{within}") }
    }

    /// What a function without arguments says, or `None` where the level has no such function.
    pub(crate) fn fact(&self, fact: Fact) -> Option<&Node> {
        let nth = Self::FACTS.iter().position(|it| *it == fact)?;
        let once = self.told.get(nth)?;
        if once.get().is_none() {
            let Start { facts, level, template, file, .. } = &self.start;
            let node = facts.node(fact, *level, template.node(), file)?;
            return Some(once.get_or_init(|| node));
        }
        once.get()
    }
}

/// The entries of a section of a template.
pub(crate) fn entries<'n>(template: &'n Node, section: &str) -> &'n [Entry] {
    template.get(section).map(Node::entries).unwrap_or_default()
}

fn named(entries: &[Entry]) -> impl Iterator<Item = (String, (usize, Once))> {
    entries.iter().enumerate().map(|(nth, entry)| (entry.key.value.to_lowercase(), (nth, Once::new())))
}

fn variables(template: &Node) -> HashMap<String, (Written, Once)> {
    let mut variables = HashMap::new();
    for (nth, entry) in entries(template, "variables").iter().enumerate() {
        let loops = match &entry.value.value {
            Value::Array(loops) if entry.key.value.eq_ignore_ascii_case("copy") => loops.as_slice(),
            _ => {
                variables.insert(entry.key.value.to_lowercase(), (Written::Entry(nth), Once::new()));
                continue;
            }
        };
        for (nth, one) in loops.iter().enumerate() {
            if let Some(name) = one.get("name").and_then(Node::as_str) {
                variables.insert(name.to_lowercase(), (Written::Loop(nth), Once::new()));
            }
        }
    }
    variables
}

/// What a template is deployed to, by its schema.
pub(crate) fn level_of(template: &Node) -> Option<Level> {
    let schema = template.get("$schema")?.as_str()?.to_ascii_lowercase();
    let is = |word: &str| schema.contains(word);
    if is("subscriptiondeploymenttemplate") {
        Some(Level::Subscription)
    } else if is("managementgroupdeploymenttemplate") {
        Some(Level::ManagementGroup)
    } else if is("tenantdeploymenttemplate") {
        Some(Level::Tenant)
    } else if is("deploymenttemplate") {
        Some(Level::ResourceGroup)
    } else {
        None
    }
}
