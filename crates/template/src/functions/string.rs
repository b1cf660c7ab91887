//! Functions on texts.

use super::{Call, Function, plain};
use crate::fault::Stop;
use crate::value::{json, textual};
use document::Node;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("string", 1, 1, string),
    plain("toLower", 1, 1, |call| call.made(call.text(0)?.to_lowercase())),
    plain("toUpper", 1, 1, |call| call.made(call.text(0)?.to_uppercase())),
    plain("trim", 1, 1, |call| call.made(call.text(0)?.trim())),
];

fn string(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    match textual(node) {
        Some(text) => call.made(text),
        None => call.made(json(node, call.budget())?),
    }
}
