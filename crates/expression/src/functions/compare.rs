//! Comparisons.

use super::{Call, Function, plain};
use crate::fault::Stop;
use crate::value::same;
use document::{Node, Value};
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("equals", 2, 2, equals),
    plain("less", 2, 2, |call| ordered(call, Ordering::is_lt)),
    plain("lessOrEquals", 2, 2, |call| ordered(call, Ordering::is_le)),
    plain("greater", 2, 2, |call| ordered(call, Ordering::is_gt)),
    plain("greaterOrEquals", 2, 2, |call| ordered(call, Ordering::is_ge)),
];

fn equals(call: &mut Call<'_>) -> Result<Node, Stop> {
    let equal = same(call.argument(0)?, call.argument(1)?, call.budget())?;
    call.node(Value::Bool(equal))
}

/// Two integers, or two texts by their characters' numbers.
fn ordered(call: &mut Call<'_>, holds: fn(Ordering) -> bool) -> Result<Node, Stop> {
    let (a, b) = (call.argument(0)?, call.argument(1)?);
    let order = match (&a.value, &b.value) {
        (Value::Number(x), Value::Number(y)) => match (x.parse::<i64>(), y.parse::<i64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => {
                let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
                number(x).total_cmp(&number(y))
            }
        },
        (Value::String(_), Value::String(_)) => call.text(0)?.cmp(call.text(1)?),
        (Value::Number(_), _) => return Err(call.wrong(1, b, "an integer as argument 1 is")),
        (Value::String(_), _) => return Err(call.wrong(1, b, "a string as argument 1 is")),
        _ => return Err(call.wrong(0, a, "an integer or a string")),
    };
    call.node(Value::Bool(holds(order)))
}
