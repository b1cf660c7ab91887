//! The codes of what is wrong with a template.

/// The language is not followed; Azure's own code for it.
pub const INVALID_TEMPLATE: &str = "InvalidTemplate";
/// Evaluating takes more than a [`Budget`](crate::Budget) allows; ours.
pub const TEMPLATE_LIMIT: &str = "TemplateLimitExceeded";
/// A linked template that is not at hand; ours.
pub const LINKED_TEMPLATE: &str = "LinkedTemplateNotFound";
/// A resource that deployments write in an order that nobody gives; ours.
pub const ORDER_NOT_GIVEN: &str = "DeploymentOrderNotGiven";
