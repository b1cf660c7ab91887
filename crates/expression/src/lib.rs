//! The expressions of Azure's template language, evaluated on values that keep their places.
//!
//! Whatever an expression holds, it ends within a [`Budget`], and a mistake is said with the function, the text and the
//! character.
//!
//! A value keeps the place where it was written, so that a bad priority from a parameter file is reported there. What
//! cannot be known before the deployment is a value too: it is carried along, and a function of it is not known either,
//! unless something else decides (`if`, `and`, `or`, `contains`).
//!
//! A [`Scope`] says what an expression may ask about the deployment it stands in.
//!
//! # The functions
//!
//! | kind | functions |
//! |---|---|
//! | arrays | `array`, `concat`, `contains`, `createArray`, `empty`, `first`, `flatten`, `indexFromEnd`, `indexOf`, `intersection`, `last`, `lastIndexOf`, `length`, `max`, `min`, `range`, `skip`, `take`, `tryGet`, `tryIndexFromEnd`, `union` |
//! | prefixes | `cidrHost`, `cidrSubnet`, `parseCidr` |
//! | comparison | `coalesce`, `equals`, `greater`, `greaterOrEquals`, `less`, `lessOrEquals` |
//! | times | `dateTimeAdd`, `dateTimeFromEpoch`, `dateTimeToEpoch`; `utcNow` where the time is given |
//! | deployment | `copyIndex`, `deployer`, `deployment`, `environment`, `managementGroup`, `parameters`, `resourceGroup`, `subscription`, `tenant`, `variables`, and functions of the template's own |
//! | lambdas | `filter`, `groupBy`, `lambda`, `lambdaVariables`, `map`, `mapValues`, `reduce`, `sort`, `toObject` |
//! | logic | `and`, `bool`, `fail`, `false`, `if`, `not`, `or`, `true` |
//! | numbers | `add`, `div`, `float`, `int`, `max`, `min`, `mod`, `mul`, `sub` |
//! | objects | `createObject`, `intersection`, `items`, `json`, `null`, `objectKeys`, `shallowMerge`, `union` |
//! | resources | `extensionResourceId`, `managementGroupResourceId`, `resourceId`, `subscriptionResourceId`, `tenantResourceId`; `reference`, `references` and `resourceInfo` as far as the deployment knows |
//! | texts | `base64`, `base64ToJson`, `base64ToString`, `buildUri`, `dataUri`, `dataUriToString`, `endsWith`, `format`, `guid`, `join`, `padLeft`, `parseUri`, `replace`, `split`, `startsWith`, `string`, `substring`, `toLower`, `toUpper`, `trim`, `uniqueString`, `uri`, `uriComponent`, `uriComponentToString` |
//! | never known | `externalInput`, `externalInputs`, `getSecret`, `list` and what begins with it, `newGuid`, `pickZones`, `providers`, `roleDefinitions`, `toLogicalZone`, `toLogicalZones`, `toPhysicalZone`, `toPhysicalZones` |
//!
//! # Where it is not sure to be Azure's
//!
//! - `uniqueString` is not documented; ours agrees with published results.
//! - `dateTimeAdd` without a format writes the sum as the time was given.
//! - `format` writes numbers as .NET does in its invariant language, and arrays and objects as JSON.
//! - `parseUri` has a path in any case, a port that may be null, and a query where there is one.
//! - `first` and `last` of an empty array are null.

mod budget;
pub mod codes;
mod encode;
mod evaluate;
mod fault;
mod format;
mod functions;
mod hash;
mod number;
mod parse;
mod pattern;
mod scope;
mod syntax;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod value;

pub use budget::{Budget, Limits};
pub use evaluate::{AFTER_DEPLOYMENT, IN_THE_RESOURCE, SUPPLY, WRITE_IT, evaluate_text, shortened};
pub use fault::Fault;
pub use functions::DEFAULT_OF;
pub use scope::{Fact, Level, Question, Scope};
pub use value::from_json;
