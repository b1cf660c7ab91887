//! Templates that stand elsewhere: those that a deployment links to, and those that an expression makes.

use crate::deployment::{Supplied, entries};
use crate::expansion::FIRST;
use crate::findings::Found;
use crate::inside::Inside;
use crate::links::resolve;
use crate::supplied::unwrapped;
use crate::way::Way;
use diagnostic::Severity;
use document::{Node, Value};
use expression::codes;
use std::collections::HashMap;
use std::rc::Rc;

/// How many steps of an address are looked for below the folder.
const MOST_STEPS: usize = 8;

impl Inside<'_, '_> {
    /// The template that an expression makes.
    pub(crate) fn made_template(&self, written: &Node, way: &Way<'_>) -> Option<Node> {
        let value = self.value(written, way);
        let said = match &value.value {
            Value::Object(_) => return Some(value),
            Value::Unknown(unknown) if unknown.help.is_empty() => return None,
            Value::Unknown(unknown) => {
                format!("the nested template is not known: '{}' {}", unknown.expression, unknown.why)
            }
            other => {
                let message = format!("the nested template is {}, and no object", other.kind());
                self.invalid(&written.at, message, "write the template", way);
                return None;
            }
        };
        let help = "its resources are left out; give it as a document of its own".to_owned();
        let (severity, code) = (Severity::Warning, codes::LINKED_TEMPLATE);
        let found = Found { severity, code, at: &written.at, message: said, help: Some(help) };
        self.all.found.borrow_mut().push(found, way);
        None
    }

    /// The template that a link leads to, and its path below the first one's folder.
    pub(crate) fn linked(&self, written: &Node, way: &Way<'_>) -> Option<(Rc<Node>, String)> {
        let way = way.key("templateLink");
        let Some(link) = written.get("templateLink") else {
            let help = "write properties.template or properties.templateLink";
            self.invalid(&written.at, "the deployment has no template".to_owned(), help, &way);
            return None;
        };
        let (key, target) =
            ["relativePath", "uri", "id"].iter().find_map(|key| Some((*key, link.get(key)?)))?;
        let value = self.value(target, &way.key(key));
        let path = value.as_str().and_then(|text| resolve(&self.deployment.start.file, text));
        if let Some(path) = path
            && let Some(node) = self.load(&path)
        {
            return Some((node, path));
        }
        if let Some((node, path)) = value.as_str().and_then(|text| self.copy_of(text)) {
            let message = format!("the linked template is read from '{path}', below the template's folder");
            let help = "see that it is the one that the link leads to".to_owned();
            let (severity, code) = (Severity::Warning, codes::LINKED_TEMPLATE);
            let found = Found { severity, code, at: &target.at, message, help: Some(help) };
            self.all.found.borrow_mut().push(found, &way.key(key));
            return Some((node, path));
        }
        let said = match &value.value {
            Value::String(text) => {
                let name = expression::shortened(text);
                match self.all.given.links.why_not(&self.deployment.start.file, text) {
                    Some(why) => format!("the linked template '{name}' is not read: {why}"),
                    None => format!("the linked template '{name}' is not at hand"),
                }
            }
            Value::Unknown(unknown) if unknown.help.is_empty() => return None,
            Value::Unknown(unknown) => {
                format!("the linked template is not known: '{}' {}", unknown.expression, unknown.why)
            }
            other => format!("the link is {}, and no text", other.kind()),
        };
        let help = "its resources are left out; save it below the template's folder and link to it by relativePath or \
                    by deployment().properties.templateLink.uri, or give it as a document of its own";
        let found = Found {
            severity: Severity::Warning,
            code: codes::LINKED_TEMPLATE,
            at: &target.at,
            message: said,
            help: Some(help.to_owned()),
        };
        self.all.found.borrow_mut().push(found, &way.key(key));
        None
    }

    /// Reports a link that asks for another version of the template than there is.
    ///
    /// # Source
    /// Azure "Using linked and nested templates when deploying Azure resources", *contentVersion*: if you provide a value, it
    /// must match the version in the linked template.
    pub(crate) fn check_version(&self, written: &Node, template: &Node, way: &Way<'_>) {
        let way = way.key("templateLink");
        let Some(wanted) = written.get("templateLink").and_then(|it| it.get("contentVersion")) else {
            return;
        };
        let value = self.value(wanted, &way.key("contentVersion"));
        let own = template.get("contentVersion").and_then(Node::as_str);
        let (Some(asked), Some(own)) = (value.as_str(), own) else { return };
        if asked != own {
            let message = format!(
                "the link asks for version '{asked}' of the template '{}', which is '{own}'",
                template.at.file
            );
            let help = "write that version, or leave contentVersion out";
            self.invalid(&wanted.at, message, help, &way.key("contentVersion"));
        }
    }

    /// A file below the folder that is where the address of another place would have it: whoever has the template has mostly
    /// got the others with it.
    fn copy_of(&self, address: &str) -> Option<(Rc<Node>, String)> {
        let (_, beyond) = address.split_once("://")?;
        let way = beyond.split(['?', '#']).next().unwrap_or_default();
        let mut steps: Vec<&str> = way.split('/').skip(1).collect();
        // The longest way that leads to a file is the surest.
        steps.drain(..steps.len().saturating_sub(MOST_STEPS));
        let here = &self.deployment.start;
        (0..steps.len()).find_map(|nth| {
            let below = steps.get(nth..)?.join("/");
            [FIRST, here.file.as_str()].iter().find_map(|from| {
                let path = resolve(from, &below)?;
                let node = self.load(&path)?;
                // The template itself may have the name of one elsewhere.
                (node.at.file != here.template.node().at.file).then_some((node, path))
            })
        })
    }

    /// A file below the folder, read once.
    fn load(&self, path: &str) -> Option<Rc<Node>> {
        if let Some(known) = self.all.linked.borrow().get(path) {
            return known.clone();
        }
        let mut found = Vec::new();
        let read = self.all.given.links.load(path, &mut found);
        let node = read.unwrap_or_else(|errors| {
            found.extend(errors);
            None
        });
        self.all.found.borrow_mut().extend(found);
        let node = node.map(Rc::new);
        self.all.linked.borrow_mut().insert(path.to_owned(), node.clone());
        node
    }

    pub(crate) fn linked_parameters(
        &self,
        link: &Node,
        way: &Way<'_>,
        supplied: &mut HashMap<String, Supplied>,
    ) {
        let path = link.as_str().and_then(|text| resolve(&self.deployment.start.file, text));
        let Some(file) = path.and_then(|path| self.load(&path)) else { return };
        for entry in entries(&file, "parameters") {
            let value = unwrapped(&entry.key.value, &entry.value, way, &mut self.all.found.borrow_mut());
            supplied.extend(value.map(|value| (entry.key.value.to_lowercase(), Supplied::Value(value))));
        }
    }
}
