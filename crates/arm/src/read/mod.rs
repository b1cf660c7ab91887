//! Documents in the shapes of Azure's REST interface and of its tools: a resource, an array of them, an answer with a
//! `value` list, an API example with the answer inside, or what `az … create` wraps around it; properties under
//! `properties` or beside the name, as Azure PowerShell makes them, too. And what Terraform shows of a state.
//!
//! | module | question |
//! |---|---|
//! | this one | which of the documents holds what, and where are the resources in it? |
//! | `shape`, `azapi`, `powershell`, `terraform` | how do the tools wrap and write a resource, and what is no policy at all? |
//! | `template`, `answers`, `made_twice` | what do the templates come to, what do they learn of others, and do they go to one resource group? |
//! | `kind`, `resource` | which type is a resource of, and what has every one? |
//! | `vnet`, `nic`, `group`, `route_table` | what does each say? |
//! | `keys`, `ignored` | which of its properties matter, and what is not modelled? |
//! | `same_object`, `contradiction`, `default_rules` | do answers agree with each other, and with what is true of every group? |

mod answers;
mod azapi;
mod contradiction;
mod default_rules;
mod group;
mod ignored;
mod keys;
mod kind;
mod made_twice;
mod nic;
mod powershell;
mod resource;
mod route_table;
mod same_object;
mod shape;
mod template;
mod terraform;
mod vnet;

use crate::codes;
use diagnostic::{Diagnostic, INVALID_REQUEST_FORMAT, Location};
use document::{Node, Value};
use document::{Place, Report};
use ignored::Elsewhere;
use kind::Kind;
use model::{codes as azure, raw};
use resource::Head;

pub use template::{Deployment, Plain};

/// What the documents say.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// The resources that are modelled.
    pub network: raw::Network,
    /// What is not modelled.
    pub ignored: Vec<Ignored>,
    /// What is wrong with the shape of the documents.
    pub diagnostics: Vec<Diagnostic>,
}

/// A resource, or a part of one, that nsgate does not model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignored {
    /// The resource type, or the property.
    pub what: String,
    /// The name of the resource, as far as it has one.
    pub name: String,
    /// Where it stands.
    pub at: Location,
}

/// Finds the resources in `documents`, which may have been written in any language that makes a [`Node`].
///
/// # Cost
/// Linear in the documents.
pub fn read_resources(documents: &[Node]) -> Resources {
    read_documents(documents, &Deployment::default())
}

/// The same, with what the templates among the documents are expanded with.
///
/// # Cost
/// Linear in the documents; for each template at most what a [`::template::Budget`] allows.
pub fn read_documents(documents: &[Node], deployment: &Deployment) -> Resources {
    let mut reader = Reader::default();
    let (expanded, found) = deployment.expand_all(documents);
    found.into_iter().for_each(|it| reader.report.push(it));
    let mut expanded = expanded.into_iter();
    let mut found = Vec::new();
    let shown = terraform::plain(documents, &mut found);
    found.into_iter().for_each(|it| reader.report.push(it));
    let mut others = Vec::new();
    for (document, shown) in documents.iter().zip(shown) {
        if template::template_of(document).is_some() {
            let found = shape::not_exported(&Place::root(document));
            found.into_iter().for_each(|it| reader.report.push(it));
            others.extend(expanded.next().map(Other::Template));
        } else if let Some(plain) = shown {
            others.push(Other::Terraform(plain));
        } else if powershell::has_printed(document) {
            match powershell::plain(document) {
                Ok(plain) => reader.document(&Place::root(&plain)),
                Err(error) => reader.report.push(error),
            }
        } else {
            reader.document(&Place::root(document));
        }
    }
    // Answers tell what is there, so they agree; of a template or a state, a child says what becomes of its parent's.
    contradiction::find(&reader.network, &mut reader.report);
    for other in others {
        match other {
            Other::Template(expanded) => reader.template(expanded),
            Other::Terraform(plain) => {
                Place::root(&plain).elements().for_each(|it| reader.resource(&it, None));
            }
        }
    }
    let ignored = Reader::listed(reader.ignored, reader.elsewhere);
    Resources { network: reader.network, ignored, diagnostics: reader.report.diagnostics }
}

/// What is no answer of Azure's.
enum Other {
    Template(::template::Expanded),
    Terraform(Node),
}

#[derive(Default)]
struct Reader {
    network: raw::Network,
    ignored: Vec<Ignored>,
    elsewhere: Vec<Elsewhere>,
    report: Report,
    known: same_object::Objects,
}

impl Reader {
    fn document(&mut self, place: &Place<'_>) {
        match &place.node.value {
            Value::Array(_) => self.list(place, false),
            Value::Object(_) => self.wrapped(place),
            other => {
                let message = format_args!("{} stands where resources should", other.kind());
                let help = "write a resource, an array of resources, or {\"value\": […]}";
                self.report.push(place.error(INVALID_REQUEST_FORMAT, message).help(help));
            }
        }
    }

    /// Resources one after the other; `is_listed` where the list is Azure's own.
    fn list(&mut self, place: &Place<'_>, is_listed: bool) {
        for item in place.elements() {
            self.whole(&item, is_listed);
        }
    }

    /// A resource as Azure answers it, alone or in a list.
    fn whole(&mut self, place: &Place<'_>, is_listed: bool) {
        let told = kind::of(place, None, &mut Report::default());
        let ours = told.filter(|it| !matches!(it, Kind::Other(_)));
        match ours.and_then(|kind| shape::without_properties(place, &kind, is_listed)) {
            Some(error) => self.report.push(error),
            None => self.resource(place, None),
        }
    }

    /// A resource, or one of the shapes around resources.
    fn wrapped(&mut self, place: &Place<'_>) {
        if let Some(schema) = place.get("$schema") {
            return self.schema(&schema);
        }
        if let Some(responses) = place.get("responses") {
            return self.example(&responses);
        }
        let typed = ["type", "id", "properties"].iter().any(|key| place.get(key).is_some());
        let properties = place.get("properties");
        let answer = shape::predicted(place).or_else(|| shape::predicted(properties.as_ref()?));
        if let Some(list) = answer.filter(|it| self.report.array(it)) {
            return list.elements().for_each(|it| self.resource(&it, None));
        }
        if typed {
            return self.whole(place, false);
        }
        if let Some(inner) = shape::unwrapped(place) {
            return self.whole(&inner, false);
        }
        let Some(value) = place.get("value") else { return self.resource(place, None) };
        if self.report.array(&value) {
            self.list(&value, true);
        }
        if let Some(next) = place.get("nextLink").filter(|it| it.node.as_str() != Some("")) {
            let warning = next.warning(codes::INCOMPLETE_LIST, "the list goes on in another answer");
            self.report.push(warning.help("add the answers of the following links to the files"));
        }
    }

    fn schema(&mut self, schema: &Place<'_>) {
        let text = schema.node.as_str().unwrap_or_default();
        let (message, help) = if text.to_ascii_lowercase().contains("parameters") {
            (
                "this is a parameter file, not a list of resources",
                "name it under network.parameters, or with --parameters",
            )
        } else {
            ("this is neither a template nor a list of resources", "give a template, or resources as JSON")
        };
        self.report.push(schema.error(codes::UNKNOWN_RESOURCE, message).help(help));
    }

    /// The answer inside an example of the API's documentation.
    fn example(&mut self, responses: &Place<'_>) {
        let good = |code: &&str| responses.get(code).is_some_and(|it| it.get("body").is_some());
        let Some(code) = ["200", "201"].iter().copied().find(good) else {
            let error = responses.error(codes::UNKNOWN_RESOURCE, "there is no response 200 with a body");
            return self.report.push(error.help("give the answer itself"));
        };
        let response = responses.get(code);
        if let Some(body) = response.as_ref().and_then(|it| it.get("body")) {
            match body.node.value {
                // Examples do not stand in each other.
                Value::Object(_) if body.get("responses").is_none() => self.wrapped(&body),
                _ => self.list(&body, true),
            }
        }
    }

    /// One resource; `parent` is set for one that stands in its parent's `resources`.
    fn resource(&mut self, place: &Place<'_>, parent: Option<(&Kind, &Head)>) {
        if !self.report.object(place) {
            return;
        }
        if let Some(copy) = place.get("copy") {
            let error = copy
                .error(codes::TEMPLATE_NOT_SUPPORTED, "this is a copy loop of a template, and this is none");
            return self.report.push(error.help("give the template that it stands in"));
        }
        let before = self.report.errors();
        let kind = kind::of(place, parent.map(|(kind, _)| kind), &mut self.report);
        let condition = self.report.boolean(place, "condition");
        let Some(kind) = kind else {
            if self.report.errors() == before {
                self.report.push(kind::unknown(place));
            }
            return;
        };
        let head = Head::read(place, &mut self.report);
        if condition.is_some_and(|it| !it.value) {
            // Whoever wrote this does not want it to be there.
            return;
        }
        let full = head.id.as_ref().filter(|id| parent.is_none() && resource::is_full(&id.value));
        match full.and_then(|id| self.known.again(&id.value, place.node, &head.name.at)) {
            None => self.known(place, kind, head, parent.map(|(_, head)| head)),
            Some(same_object::Again::Same) => {}
            Some(same_object::Again::Differs(first)) => {
                let message = format!("there are two {} '{}'", kind.name(), head.name.value);
                let error = Diagnostic::error(azure::DUPLICATE_RESOURCE_NAME, &head.name.at, message);
                let error = error.related(first, "first used here");
                self.report.push(error.help("they have one id and differ: take one of them away"));
            }
        }
    }
}
