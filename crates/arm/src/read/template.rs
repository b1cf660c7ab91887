//! Templates among the documents: expanded, and then read as what they come to.

use super::answers::{self, Answers};
use super::kind::Kind;
use super::made_twice::{another_group, name_of, tops, twin};
use super::{Reader, shape};
use crate::codes;
use diagnostic::{Diagnostic, Location};
use document::{Entry, Node, Place, Value, is_expression};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use template::{Expanded, Facts, Folder, Given, Others, parameter_names};

/// What templates are expanded with.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// Parameter files, each for the template that it fits.
    pub parameters: Vec<Node>,
    /// Single parameters, for the templates that have them.
    pub overrides: Vec<Entry>,
    /// Where the deployments go.
    pub facts: Facts,
    /// Values for expressions that cannot be known offline, by their texts.
    pub values: Vec<Entry>,
    /// The time of the deployments, in seconds since 1970.
    pub now: Option<i64>,
}

/// What templates come to.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// The resources, with values in the place of expressions.
    pub resources: Vec<template::Resource>,
    /// The outputs that can be known.
    pub outputs: Vec<Entry>,
    /// What is wrong with the templates.
    pub diagnostics: Vec<Diagnostic>,
}

impl Deployment {
    /// What the templates among `documents` come to; other documents are left alone.
    ///
    /// # Cost
    /// For each template at most what a [`template::Budget`] allows.
    pub fn expand(&self, documents: &[Node]) -> Plain {
        let (all, found) = self.expand_all(documents);
        let mut plain = Plain { diagnostics: found, ..Plain::default() };
        for expanded in all {
            plain.resources.extend(expanded.resources);
            plain.outputs.extend(expanded.outputs.into_iter().map(|(key, value)| Entry { key, value }));
            plain.diagnostics.extend(expanded.diagnostics);
        }
        plain
    }

    /// What each template among the documents comes to, and what is wrong with what they are given.
    ///
    /// Where nobody said where they are deployed to, one that makes a resource of an earlier one's type and name is in another
    /// resource group.
    pub(super) fn expand_all(&self, documents: &[Node]) -> (Vec<Expanded>, Vec<Diagnostic>) {
        let templates = self.allotted(documents);
        let mut found = self.left_over(&templates);
        let mut made: HashMap<String, Location> = HashMap::new();
        let mut all: Vec<(Facts, Expanded)> = Vec::new();
        let known = if templates.is_empty() { Answers::default() } else { Answers::of(documents) };
        let others = known.except(None);
        for (nth, (template, files)) in templates.iter().enumerate() {
            let mut facts = self.facts.clone();
            let mut expanded = self.expand_one(template, files, &facts, &others);
            if let Some(other) = twin(&made, &expanded).filter(|_| self.is_nowhere()) {
                let another =
                    Facts { resource_group: model::another_resource_group(nth + 1), ..facts.clone() };
                let elsewhere = self.expand_one(template, files, &another, &others);
                if twin(&made, &elsewhere).is_none() {
                    found.push(another_group(&other));
                    (facts, expanded) = (another, elsewhere);
                }
            }
            made.extend(tops(&expanded).map(|(id, it)| (id, name_of(it).1)));
            all.push((facts, expanded));
        }
        let (facts, all): (Vec<Facts>, Vec<Expanded>) = all.into_iter().unzip();
        let all = answers::settled(&known, all, |nth, others| {
            let ((template, files), facts) = (templates.get(nth)?, facts.get(nth)?);
            Some(self.expand_one(template, files, facts, others))
        });
        found.extend(self.unused(&all));
        (all, found)
    }

    /// Whether nobody said where the templates are deployed to.
    fn is_nowhere(&self) -> bool {
        self.facts.subscription == model::NO_SUBSCRIPTION
            && self.facts.resource_group == model::NO_RESOURCE_GROUP
    }

    /// Warnings of given values that nothing asks for.
    fn unused(&self, all: &[Expanded]) -> Vec<Diagnostic> {
        let is_unused = |(nth, _): &(usize, &Entry)| !all.iter().any(|it| it.used_values.contains(nth));
        let unused = self.values.iter().enumerate().filter(is_unused);
        let warning = |(_, entry): (usize, &Entry)| {
            let message = format!("no template asks for '{}'", entry.key.value);
            let warning = Diagnostic::warning(codes::UNUSED_VALUE, &entry.key.at, message);
            let asked = all.iter().flat_map(|it| &it.not_known).map(|(_, expression)| expression.as_str());
            warning.help(match diagnostic::nearest(&entry.key.value, asked) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write the expression as the template does, or take it away".to_owned(),
            })
        };
        unused.map(warning).collect()
    }

    /// The templates among the documents, each with the parameter files that are for it.
    fn allotted<'d>(&'d self, documents: &'d [Node]) -> Vec<(&'d Node, Vec<Node>)> {
        let mut templates: Vec<(&Node, Vec<Node>)> = documents
            .iter()
            .filter_map(|it| Some((template_of(it)?, parameters_beside(it).into_iter().collect())))
            .collect();
        for file in self.parameters.iter().filter(|it| shape::not_parameters(it).is_none()) {
            for nth in fitting(file, &templates) {
                if let Some((_, files)) = templates.get_mut(nth) {
                    files.push(file.clone());
                }
            }
        }
        templates
    }

    fn expand_one(&self, document: &Node, files: &[Node], facts: &Facts, others: &dyn Others) -> Expanded {
        let path = Path::new(&*document.at.file);
        let declared = |entry: &&Entry| {
            let parameters = document.get("parameters").map(Node::entries).unwrap_or_default();
            parameters.iter().any(|it| it.key.value.eq_ignore_ascii_case(&entry.key.value))
        };
        let overrides: Vec<Entry> = self.overrides.iter().filter(declared).cloned().collect();
        template::expand(
            document,
            &Given {
                parameters: files,
                overrides: &overrides,
                facts: facts.clone(),
                values: &self.values,
                now: self.now,
                hint: if files.is_empty() { lies_beside(path) } else { None },
                others,
                links: &Folder::of(path),
                is_modelled: &|kind| !matches!(Kind::named(kind), Kind::Other(_)),
            },
        )
    }

    /// Overrides that no template declares.
    fn strangers<'d>(&'d self, templates: &[(&Node, Vec<Node>)]) -> Vec<&'d Entry> {
        let declares = |template: &Node, name: &str| {
            let parameters = template.get("parameters").map(Node::entries).unwrap_or_default();
            parameters.iter().any(|it| it.key.value.eq_ignore_ascii_case(name))
        };
        let is_strange = |entry: &&Entry| !templates.iter().any(|(it, _)| declares(it, &entry.key.value));
        self.overrides.iter().filter(is_strange).collect()
    }

    /// Errors of parameters that are for no template.
    fn left_over(&self, templates: &[(&Node, Vec<Node>)]) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = self.parameters.iter().filter_map(shape::not_parameters).collect();
        let help = "name the template under network.files, or take the parameters away";
        for file in self.parameters.iter().filter(|_| templates.is_empty()) {
            let message = "these are parameters, and there is no template";
            found.push(Diagnostic::error(codes::NO_TEMPLATE, &file.at, message).help(help));
        }
        for entry in self.strangers(templates) {
            let message = format!("no template has a parameter '{}'", entry.key.value);
            let names = templates
                .iter()
                .flat_map(|(it, _)| it.get("parameters").map(Node::entries).unwrap_or_default());
            let error = Diagnostic::error(template::codes::INVALID_TEMPLATE, &entry.key.at, message);
            found.push(match diagnostic::nearest(&entry.key.value, names.map(|it| it.key.value.as_str())) {
                Some(near) => error.help(format!("did you mean '{near}'?")),
                None => error.help("take it away"),
            });
        }
        found
    }
}

impl Reader {
    /// What a template comes to.
    pub(super) fn template(&mut self, expanded: Expanded) {
        expanded.diagnostics.into_iter().for_each(|it| self.report.push(it));
        self.report.told(expanded.not_known);
        for resource in expanded.resources {
            if let Kind::Other(kind) = Kind::named(&resource.kind) {
                let name = match resource.node.get("name").map(|it| &it.value) {
                    Some(Value::String(name)) => name.clone(),
                    Some(Value::Unknown(unknown)) => format!("[{}]", unknown.expression),
                    _ => String::new(),
                };
                let at = resource.node.get("type").map_or(&resource.node.at, |it| &it.at);
                if let Some(error) = super::kind::mistyped(&kind, at) {
                    self.report.push(error);
                    continue;
                }
                self.virtual_machine(&kind, &resource.node);
                self.described_interfaces(&resource.node, &name);
                self.ignore(kind, &name, &resource.node.at);
                continue;
            }
            let mut node = resource.node;
            escape(&mut node);
            self.resource(&Place::part(&node, &resource.path), None);
        }
    }
}

/// The template that a document is, or that it holds: Azure's answer to an export under `template`, the body of a
/// deployment under `properties`, and a template spec under `mainTemplate`.
pub(super) fn template_of(document: &Node) -> Option<&Node> {
    let is_template = |node: &Node| match node.get("$schema").and_then(Node::as_str) {
        Some(schema) => schema.to_ascii_lowercase().contains("deploymenttemplate"),
        None => {
            // Terraform's state has resources, too.
            let typed = ["type", "id", "properties", "value", "terraform_version"]
                .iter()
                .any(|key| node.get(key).is_some());
            node.get("resources").is_some() && !typed
        }
    };
    if is_template(document) {
        return Some(document);
    }
    let held = |node: &'_ Node| {
        let found = ["template", "mainTemplate"].iter().find_map(|key| node.entry(key));
        found.is_some_and(|it| is_template(&it.value))
    };
    let holder = [Some(document), document.get("properties")].into_iter().flatten().find(|it| held(it))?;
    holder.get("template").or_else(|| holder.get("mainTemplate"))
}

/// The parameters that the body of a deployment gives its template, in the shape of a parameter file. An expression among
/// them is of whatever made the body, as a blueprint.
fn parameters_beside(document: &Node) -> Option<Node> {
    let properties = document.get("properties").filter(|it| it.get("template").is_some())?;
    let written = properties.entry("parameters")?;
    let is_made = |it: &Entry| it.value.get("value").and_then(Node::as_str).is_some_and(is_expression);
    let kept = written.value.entries().iter().filter(|it| !is_made(it)).cloned().collect();
    let parameters = Node::new(Value::Object(kept), written.value.at.clone());
    let file = Value::Object(vec![Entry { key: written.key.clone(), value: parameters }]);
    Some(Node::new(file, written.value.at.clone()))
}

/// The templates that a parameter file is for: the one of its own name, else those that declare all it gives, else the one that
/// declares most of it, which then says what is wrong.
fn fitting(file: &Node, templates: &[(&Node, Vec<Node>)]) -> Vec<usize> {
    let stem = |path: &str| {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
        let name = name.strip_suffix(".json").or_else(|| name.strip_suffix(".jsonc")).unwrap_or(&name);
        name.strip_suffix(".parameters").or_else(|| name.strip_suffix(".param")).unwrap_or(name).to_owned()
    };
    let folder = |path: &str| path.rsplit_once(['/', '\\']).map(|(folder, _)| folder.to_owned());
    let [_, _, ..] = templates else { return (0..templates.len()).collect() };
    let own = stem(&file.at.file);
    let same: Vec<usize> = (0..templates.len())
        .filter(|nth| templates.get(*nth).is_some_and(|(it, _)| stem(&it.at.file) == own))
        .collect();
    let beside = |nth: &&usize| {
        templates.get(**nth).is_some_and(|(it, _)| folder(&it.at.file) == folder(&file.at.file))
    };
    if let [one] = same.as_slice() {
        return vec![*one];
    }
    if let Some(one) = same.iter().find(beside) {
        return vec![*one];
    }
    let names: HashSet<String> = parameter_names(file).map(str::to_lowercase).collect();
    let declares = |template: &Node| {
        let parameters = template.get("parameters").map(Node::entries).unwrap_or_default();
        parameters.iter().filter(|it| names.contains(&it.key.value.to_lowercase())).count()
    };
    let counts: Vec<usize> = templates.iter().map(|(it, _)| declares(it)).collect();
    let most = counts.iter().copied().max().unwrap_or(0);
    let best = (0..counts.len()).filter(|nth| counts.get(*nth) == Some(&most));
    if most == names.len() { best.collect() } else { best.take(1).collect() }
}

/// A word about a parameter file that lies beside the template and was not named.
fn lies_beside(template: &Path) -> Option<String> {
    let stem = template.file_stem()?.to_str()?;
    let file = template.with_file_name(format!("{stem}.parameters.json"));
    file.is_file()
        .then(|| format!("{} lies beside the template, and is read where it is named", file.display()))
}

/// A value that looks like an expression is none any more.
fn escape(node: &mut Node) {
    match &mut node.value {
        Value::String(text) if is_expression(text) || text.starts_with("[[") => text.insert(0, '['),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Object(entries) => entries.iter_mut().for_each(|it| escape(&mut it.value)),
        _ => {}
    }
}
