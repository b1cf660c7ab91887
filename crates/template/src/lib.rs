//! Azure's templates: a whole one with its parameters, loops, conditions and nested deployments becomes plain resources.
//!
//! [`expand`] makes them. Whatever the template holds, it ends within a [`Budget`], and what is wrong is said with its
//! place. What the expressions in it mean is the business of `expression`; here is what they may ask.
//!
//! | file | question |
//! |---|---|
//! | `given`, `facts`, `supplied`, `links` | what is known besides the template |
//! | `expansion`, `deployment` | which deployments there are, and what of them has been evaluated |
//! | `waiting` | what is evaluated first |
//! | `inside`, `members` | what names mean where an expression stands |
//! | `parameters` | what a parameter comes to |
//! | `values` | trees with expressions and loops in them |
//! | `constraints`, `parts` | whether a parameter's value is one that its declaration allows |
//! | `turns` | which resources there will be |
//! | `instance` | what each of them is |
//! | `once` | whether it makes one of them twice |
//! | `nested`, `linked` | deployments in deployments, and where their templates are |
//! | `depends` | which resources wait for which |
//! | `order` | which of the resources that several deployments write is there in the end |
//! | `unordered` | whether anything says so |
//! | `found` | which resource a name means |
//! | `reference` | what one resource may ask about another |
//! | `findings`, `way` | what is wrong, each fault once, and where it stands |

mod constraints;
mod depends;
mod deployment;
mod expansion;
mod facts;
mod findings;
mod found;
mod given;
mod inside;
mod instance;
mod linked;
mod links;
mod members;
mod nested;
mod once;
mod order;
mod parameters;
mod parts;
mod reference;
mod supplied;
mod turns;
mod unordered;
mod values;
mod waiting;
mod way;

pub use expression::{Budget, Limits, codes, from_json};
pub use facts::Facts;
pub use given::{Given, Others};
pub use links::{FOLDER_URI, Folder, Links, NoLinks};
pub use supplied::parameter_names;

use diagnostic::{At, Diagnostic};
use document::{Node, Value};
use expansion::Expansion;
use inside::Inside;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

/// What a template comes to.
#[derive(Clone, Debug, Default)]
pub struct Expanded {
    /// The resources, in the order of the template; those of a nested deployment after all of the one around it. Of one
    /// that several deployments write, the last writing.
    pub resources: Vec<Resource>,
    /// The outputs that can be known.
    pub outputs: Vec<(At<String>, Node)>,
    /// What is wrong with the template, each fault once.
    pub diagnostics: Vec<Diagnostic>,
    /// The expressions that are among the diagnostics because they are not known, each with its file.
    pub not_known: HashSet<(Arc<str>, String)>,
    /// The numbers of the given values that something asked for.
    pub used_values: HashSet<usize>,
    /// The ids of resources that something asked about and nobody knows.
    pub asked: HashSet<String>,
}

/// A resource that a template deploys.
#[derive(Clone, PartialEq, Debug)]
pub struct Resource {
    /// The way from the first template, such as `resources[3]`; of the second turn of a loop, `resources[3][1]`; in a linked
    /// template, `resources[3].properties.templateLink.resources[0]`.
    pub path: String,
    /// The full type.
    pub kind: String,
    /// The resource in the shape of Azure's REST interface: full type and name, id, and no expressions.
    pub node: Node,
}

/// Evaluates a template with everything nested in it.
///
/// A value that cannot be known is a [`Value::Unknown`] in its place; where an expression is wrong, one without help,
/// because the reason is among the diagnostics.
///
/// # Cost
/// At most what a [`Budget`] allows.
///
/// # Source
/// Azure "Understand the structure and syntax of ARM templates" and the pages it leads to.
pub fn expand(template: &Node, given: &Given<'_>) -> Expanded {
    let budget = Budget::default();
    let all = Expansion::new(given, &budget);
    let first = all.first(template);
    let inside = Inside { all: &all, deployment: first.clone(), loops: Rc::new([]), own: false };
    inside.check_supplied();
    all.declare_all(&first);
    // What does not matter comes last, so that whatever also matters to something that does has been said by then.
    for matters in [true, false] {
        all.found.borrow_mut().lenient = !matters;
        all.each_instance(|inside, instance| {
            let is_next = (given.is_modelled)(&instance.kind.value) == matters && instance.is_deployed();
            if is_next && let Err(fault) = all.with_all(|| inside.body(instance)) {
                all.report(fault.or_at(&instance.declared.at), &way::Way::Root(&instance.path));
            }
        });
    }
    // Azure refuses what is wrong with them, too, but the network does not need them.
    inside.check_unused();
    let mut expanded = Expanded::default();
    match all.with_all(|| inside.outputs()) {
        Ok(outputs) => {
            let known =
                outputs.iter().filter_map(|it| Some((it.key.clone(), it.value.get("value")?.clone())));
            expanded.outputs = known.filter(|(_, value)| !matches!(value.value, Value::Unknown(_))).collect();
        }
        Err(fault) => all.report(fault.or_at(&template.at), &way::Way::Root("outputs")),
    }
    let needs = depends::read(&all);
    let mut settled = order::settle(&all, &first, &needs);
    all.each_instance(|inside, instance| {
        let key = (inside.deployment.number, instance.number);
        let Some(body) = instance.body.get().filter(|_| instance.is_deployed()) else { return };
        if settled.gone.contains(&key) || all.again.borrow().contains(&key) {
            return;
        }
        let mut node = body.clone();
        order::add(&mut node, settled.kept.remove(&key).unwrap_or_default());
        expanded.resources.push(Resource {
            path: instance.path.clone(),
            kind: instance.kind.value.clone(),
            node,
        });
    });
    expanded.used_values = all.used.take();
    expanded.asked = all.asked.take();
    (expanded.diagnostics, expanded.not_known) = all.found.into_inner().into_parts();
    expanded
}
