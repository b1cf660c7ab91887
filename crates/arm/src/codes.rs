//! The codes of what is wrong with Azure's documents as such; all of them are ours.

pub use model::codes::NOT_HONOURED;

/// A property that no resource of the type has.
pub const UNKNOWN_PROPERTY: &str = "UnknownProperty";
/// An object that is no resource, or does not say of which type.
pub const UNKNOWN_RESOURCE: &str = "UnknownResource";
/// A type that no resource has, as Azure calls the mistake.
pub const INVALID_RESOURCE_TYPE: &str = "InvalidResourceType";
/// A list that goes on in another answer of Azure's.
pub const INCOMPLETE_LIST: &str = "IncompleteList";
/// Resources that an export leaves out, in Azure's code.
pub const INCOMPLETE_EXPORT: &str = "ExportTemplateCompletedWithErrors";
/// Something of a template where there is none.
pub const TEMPLATE_NOT_SUPPORTED: &str = "TemplateNotSupported";
/// An answer of Azure's that tells of a network, but is none.
pub const ANSWER_NOT_POLICY: &str = "AnswerNotPolicy";
/// Default rules that are not Azure's.
pub const DEFAULT_RULES_DIFFER: &str = "DefaultSecurityRulesDiffer";
/// A file of service tags that is none.
pub const INVALID_SERVICE_TAGS: &str = "InvalidServiceTags";
/// A template that cannot be deployed to the resource group of another one.
pub const ANOTHER_RESOURCE_GROUP: &str = "AnotherResourceGroup";
/// A value for an expression that nothing asks for.
pub const UNUSED_VALUE: &str = "UnusedValue";
/// Parameters without a template that they are for.
pub const NO_TEMPLATE: &str = "ParametersWithoutTemplate";
/// What a subnet of Terraform's has by its virtual network alone.
pub const ASSOCIATION_MISSING: &str = "AssociationMissing";
