//! Functions on numbers.

use super::{ANY, Call, Function, plain};
use crate::fault::Stop;
use document::{Node, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    plain("add", 2, 2, |call| arithmetic(call, i64::checked_add)),
    plain("sub", 2, 2, |call| arithmetic(call, i64::checked_sub)),
    plain("mul", 2, 2, |call| arithmetic(call, i64::checked_mul)),
    plain("div", 2, 2, |call| divided(call, i64::checked_div)),
    plain("mod", 2, 2, |call| divided(call, i64::checked_rem)),
    plain("int", 1, 1, int),
    plain("float", 1, 1, float),
    plain("max", 1, ANY, |call| extreme(call, i64::max)),
    plain("min", 1, ANY, |call| extreme(call, i64::min)),
    plain("range", 2, 2, range),
];

/// The most numbers that a range has, and the greatest of them.
///
/// # Source
/// Azure "Array functions for ARM templates", *range*.
const MAX_RANGE: i64 = 10_000;
const MAX_RANGE_END: i64 = 2_147_483_647;

fn arithmetic(call: &mut Call<'_>, operation: fn(i64, i64) -> Option<i64>) -> Result<Node, Stop> {
    match operation(call.integer(0)?, call.integer(1)?) {
        Some(number) => call.number(number),
        None => Err(call.fault("the result has more than 64 bits")),
    }
}

fn divided(call: &mut Call<'_>, operation: fn(i64, i64) -> Option<i64>) -> Result<Node, Stop> {
    if call.integer(1)? == 0 {
        return Err(call.at(1, "nothing can be divided by 0"));
    }
    arithmetic(call, operation)
}

fn int(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    let text = match &node.value {
        Value::String(text) => text.trim(),
        Value::Number(text) => text,
        _ => return Err(call.wrong(0, node, "a string or an integer")),
    };
    let text = text.strip_prefix('+').unwrap_or(text);
    let whole = text.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
    match text.parse::<i64>().ok().or(whole.map(|number| number as i64)) {
        Some(number) => call.number(number),
        None => Err(call.wrong(0, node, "the digits of an integer")),
    }
}

fn float(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    let text = match &node.value {
        Value::String(text) => text.trim(),
        Value::Number(text) => text,
        _ => return Err(call.wrong(0, node, "a string or a number")),
    };
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => call.number(format!("{number:?}")),
        _ => Err(call.wrong(0, node, "the digits of a number")),
    }
}

/// Of integers, or of the integers in one array.
fn extreme(call: &mut Call<'_>, choose: fn(i64, i64) -> i64) -> Result<Node, Stop> {
    let numbers: Vec<i64> = match &call.argument(0)?.value {
        Value::Array(_) if call.arguments.len() == 1 => {
            let numbers = call.array(0)?.iter().map(|item| call.integer_of(0, item));
            numbers.collect::<Result<_, Stop>>()?
        }
        _ => (0..call.arguments.len()).map(|nth| call.integer(nth)).collect::<Result<_, Stop>>()?,
    };
    match numbers.into_iter().reduce(choose) {
        Some(number) => call.number(number),
        None => Err(call.at(0, "the array is empty")),
    }
}

fn range(call: &mut Call<'_>) -> Result<Node, Stop> {
    let (start, count) = (call.integer(0)?, call.integer(1)?);
    if !(0..=MAX_RANGE).contains(&count) {
        return Err(call.at(1, format!("it counts 0 to {MAX_RANGE} numbers, and not {count}")));
    }
    if start.checked_add(count).is_none_or(|end| end > MAX_RANGE_END) {
        return Err(call.at(0, format!("its numbers go up to {MAX_RANGE_END}")));
    }
    let items = (start..start + count).map(|number| call.number(number));
    let items = items.collect::<Result<_, Stop>>()?;
    call.node(Value::Array(items))
}
