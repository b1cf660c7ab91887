//! Functions on dates and times.

use super::{Call, DEFAULT_OF, Function, plain};
use crate::fault::Stop;
use crate::time::{Duration, Time};
use document::{Node, Unknown};
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("dateTimeAdd", 2, 3, add),
    plain("dateTimeFromEpoch", 1, 1, from_epoch),
    plain("dateTimeToEpoch", 1, 1, |call| call.number(time(call)?.0.seconds())),
    plain("utcNow", 0, 1, now),
];

/// What stands in for the time of a deployment: any would do.
const SOME_TIME: Time = Time::EPOCH;

/// The first argument, and the format it is in.
fn time(call: &Call<'_>) -> Result<(Time, &'static str), Stop> {
    let text = call.text(0)?;
    Time::parse(text).ok_or_else(|| call.at(0, format!("'{text}' is no time such as 2026-01-31T12:00:00Z")))
}

fn formatted(call: &Call<'_>, time: Time, nth: usize, default: &str) -> Result<Node, Stop> {
    let format = if call.arguments.len() > nth { call.text(nth)? } else { default };
    match time.format(format) {
        Some(text) => call.made(text),
        None => Err(call.at(nth, format!("'{format}' is no format of times"))),
    }
}

/// Without a format the sum is written as the time is.
fn add(call: &mut Call<'_>) -> Result<Node, Stop> {
    let (base, format) = time(call)?;
    let text = call.text(1)?;
    let Some(duration) = Duration::parse(text) else {
        return Err(call.at(1, format!("'{text}' is no duration such as P1D or -PT1H30M")));
    };
    match base.plus(&duration) {
        Some(sum) => formatted(call, sum, 2, format),
        None => Err(call.at(1, "the sum is not in the years 1 to 9999")),
    }
}

fn from_epoch(call: &mut Call<'_>) -> Result<Node, Stop> {
    match Time::from_seconds(call.integer(0)?) {
        Some(time) => formatted(call, time, 1, "yyyy-MM-ddTHH:mm:ssZ"),
        None => Err(call.at(0, "the time is not in the years 1 to 9999")),
    }
}

fn now(call: &mut Call<'_>) -> Result<Node, Stop> {
    match call.written.evaluator.scope.now().and_then(Time::from_seconds) {
        Some(time) => formatted(call, time, 0, "yyyyMMddTHHmmssZ"),
        None => Err(Stop::Unknown(Arc::new(Unknown {
            stand_in: formatted(call, SOME_TIME, 0, "yyyyMMddTHHmmssZ")?.as_str().map(str::to_owned),
            ..Unknown::new("utcNow()", "is the time of the deployment", DEFAULT_OF)
        }))),
    }
}
