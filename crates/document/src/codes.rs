//! The codes of what is wrong with a document itself; all of them are ours.

/// The file cannot be read.
pub const UNREADABLE_FILE: &str = "UnreadableFile";
/// The text is not JSON.
pub const INVALID_JSON: &str = "InvalidJson";
/// A key stands twice in one object.
pub const DUPLICATE_PROPERTY: &str = "DuplicateProperty";
/// A value of another type than Azure's, but plain enough to be read.
pub const LOOSE_TYPE: &str = "LooselyTypedValue";
/// A value that nobody can know before the deployment.
pub const VALUE_NOT_KNOWN: &str = "ValueNotKnown";
/// An expression of a template where none is evaluated.
pub const EXPRESSION_NOT_EVALUATED: &str = "ExpressionNotEvaluated";
