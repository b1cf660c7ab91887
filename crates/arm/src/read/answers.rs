//! What the documents answer to the templates among them that ask about resources of others.

use super::powershell;
use super::template::template_of;
use document::{Node, Value};
use model::may_be_within;
use std::collections::HashMap;
use template::{Expanded, Others};

/// How often templates that ask about each other's resources are expanded again.
const MOST_ROUNDS: usize = 8;
/// Among so many resources of one type and name the one is looked for that an id may mean; among more, a whole id alone counts.
const MOST_ALIKE: usize = 64;

/// Resources, found in small letters.
#[derive(Clone, Default)]
pub(super) struct Answers<'d> {
    /// By their ids.
    by_id: HashMap<String, Vec<Answer<'d>>>,
    /// By what stands behind the last `/providers/` in these.
    by_tail: HashMap<String, Vec<Answer<'d>>>,
}

#[derive(Clone, Copy)]
struct Answer<'d> {
    /// The number of the template that makes it.
    by: Option<usize>,
    id: Option<&'d str>,
    node: &'d Node,
}

impl<'d> Answers<'d> {
    /// Those of the documents that are neither templates nor what Terraform and PowerShell print.
    pub(super) fn of(documents: &'d [Node]) -> Self {
        let mut answers = Self::default();
        let is_plain = |it: &&Node| template_of(it).is_none() && !powershell::has_printed(it);
        for document in documents.iter().filter(is_plain) {
            match &document.get("value").unwrap_or(document).value {
                Value::Array(items) => items.iter().for_each(|it| answers.add(None, it)),
                _ => answers.add(None, document),
            }
        }
        answers
    }

    /// The same with those that templates make.
    fn with(&self, all: &'d [Expanded]) -> Self {
        let mut answers = self.clone();
        for (nth, expanded) in all.iter().enumerate() {
            expanded.resources.iter().for_each(|it| answers.add(Some(nth), &it.node));
        }
        answers
    }

    fn add(&mut self, by: Option<usize>, node: &'d Node) {
        let text = |key: &str| node.get(key).and_then(Node::as_str);
        let id = text("id").filter(|id| id.contains("/providers/"));
        let tail = match (id, text("type"), text("name")) {
            (Some(id), ..) => tail(id).to_owned(),
            (None, Some(kind), Some(name)) => format!("{kind}/{name}"),
            _ => return,
        };
        let answer = Answer { by, id, node };
        if let Some(id) = id {
            self.by_id.entry(id.to_ascii_lowercase()).or_default().push(answer);
        }
        self.by_tail.entry(tail.to_ascii_lowercase()).or_default().push(answer);
    }

    /// Those that a template has not made itself.
    pub(super) fn except(&self, by: Option<usize>) -> Except<'_> {
        Except { answers: self, by }
    }
}

/// The resources of all but one of the documents.
pub(super) struct Except<'b> {
    answers: &'b Answers<'b>,
    by: Option<usize>,
}

impl Others for Except<'_> {
    /// The one with this id, or the only one that it may mean.
    fn resource(&self, id: &str) -> Option<&Node> {
        let Answers { by_id, by_tail } = self.answers;
        let named = by_id.get(&id.to_ascii_lowercase()).and_then(|told| self.only(told, |_| true));
        named.or_else(|| {
            let told = by_tail.get(&tail(id).to_ascii_lowercase()).filter(|told| told.len() <= MOST_ALIKE)?;
            self.only(told, |it| it.id.is_none_or(|it| may_be_within(it, id)))
        })
    }
}

impl<'b> Except<'b> {
    fn only(&self, told: &[Answer<'b>], is_it: impl Fn(&Answer<'b>) -> bool) -> Option<&'b Node> {
        let others = told.iter().filter(|it| it.by.is_none() || it.by != self.by);
        let mut found = others.filter(|it| is_it(it));
        found.next().filter(|_| found.next().is_none()).map(|it| it.node)
    }
}

fn tail(id: &str) -> &str {
    id.rsplit_once("/providers/").map_or(id, |(_, tail)| tail)
}

/// Expands the templates that ask about resources of the others again, each time with what the others have come to, until
/// nothing changes or the rounds are over. So the order of the documents has no meaning; what needs itself stays unknown, and
/// so does the end of a longer chain.
///
/// # Cost
/// At most [`MOST_ROUNDS`] times that of the templates that ask.
pub(super) fn settled(
    known: &Answers<'_>,
    mut all: Vec<Expanded>,
    expand: impl Fn(usize, &dyn Others) -> Option<Expanded>,
) -> Vec<Expanded> {
    let mut asking = vec![false; all.len()];
    for _ in 0..MOST_ROUNDS {
        let answers = known.with(&all);
        let mut again = Vec::new();
        for (nth, (expanded, asks)) in all.iter().zip(&mut asking).enumerate() {
            let others = answers.except(Some(nth));
            // A part is told by the resource whose list it is in.
            let is_told = |id: &String| {
                [Some(id.as_str()), id.rsplitn(3, '/').nth(2)]
                    .into_iter()
                    .flatten()
                    .any(|it| others.resource(it).is_some())
            };
            *asks |= expanded.asked.iter().any(is_told);
            if *asks {
                again.extend(expand(nth, &others).map(|it| (nth, it)));
            }
        }
        let mut is_changed = false;
        for (nth, expanded) in again {
            if let Some(before) = all.get_mut(nth) {
                is_changed |= before.resources != expanded.resources;
                *before = expanded;
            }
        }
        if !is_changed {
            break;
        }
    }
    all
}
