//! What an expression may ask about the deployment it stands in: the border between the language and deployments.

use crate::budget::Budget;
use crate::fault::Fault;
use document::Node;
use std::borrow::Cow;

/// The names that mean something where an expression stands, and what is known of the deployment.
///
/// A fault without a place gets that of the expression that asked. What cannot be known is no fault but a
/// [`Value::Unknown`](document::Value::Unknown) that says why and how to supply it.
pub trait Scope {
    /// The value of a parameter, with the place where it was given.
    ///
    /// # Errors
    /// There is no such parameter here, or its default value is wrong.
    fn parameter(&self, name: &str, budget: &Budget) -> Result<Cow<'_, Node>, Fault>;

    /// The value of a variable.
    ///
    /// # Errors
    /// There is no such variable here, it is wrong, or it needs itself.
    fn variable(&self, name: &str, budget: &Budget) -> Result<Cow<'_, Node>, Fault>;

    /// The current index of a copy loop: the named one, or the resource's.
    ///
    /// # Errors
    /// The expression is in no such loop.
    fn copy_index(&self, name: Option<&str>) -> Result<i64, Fault>;

    /// Calls a function that the template defines.
    ///
    /// # Errors
    /// There is no such function, the arguments do not fit, or it is wrong.
    fn call(&self, namespace: &str, name: &str, arguments: Vec<Node>, budget: &Budget)
    -> Result<Node, Fault>;

    /// What a function without arguments says about the deployment.
    ///
    /// # Errors
    /// It may not be asked at this level.
    fn fact(&self, fact: Fact) -> Result<Cow<'_, Node>, Fault>;

    /// What the deployment is made to.
    fn level(&self) -> Level;

    /// What `reference` and its kin say of a resource.
    ///
    /// # Errors
    /// The arguments name no resource.
    fn reference(&self, question: Question, arguments: &[Node]) -> Result<Node, Fault>;

    /// The value that was given for an expression that cannot be known, by its text.
    fn given(&self, _text: &str) -> Option<Node> {
        None
    }

    /// The time of the deployment in seconds since 1970, where it is given.
    fn now(&self) -> Option<i64>;
}

/// A function without arguments that tells about the deployment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fact {
    /// `deployment()`
    Deployment,
    /// `deployer()`
    Deployer,
    /// `environment()`
    Environment,
    /// `managementGroup()`
    ManagementGroup,
    /// `resourceGroup()`
    ResourceGroup,
    /// `subscription()`
    Subscription,
    /// `deployment().properties.template`, which is too large to be in every `deployment()`.
    Template,
    /// `tenant()`
    Tenant,
}

/// What a deployment is made to; `resourceId` means something else in each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Level {
    /// A resource group.
    ResourceGroup,
    /// A subscription.
    Subscription,
    /// A management group.
    ManagementGroup,
    /// A tenant.
    Tenant,
}

/// A function that asks about a resource.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Question {
    /// `reference(name or id, [API version], ['Full'])`
    Reference,
    /// `references(symbolic name of a copy, ['Full'])`
    References,
    /// `resourceInfo(symbolic name)`
    ResourceInfo,
    /// `listOutputsWithSecureValues(name or id of a deployment, API version)`
    SecureOutputs,
}
