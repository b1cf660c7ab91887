//! What a deployment knows of itself: where it goes and what it is called.

use crate::links::FOLDER_URI;
use diagnostic::{At, Location};
use document::{Entry, Node, Unknown, Value};
use expression::{Fact, Level, SUPPLY};
use model::{NO_RESOURCE_GROUP, NO_SUBSCRIPTION};
use std::sync::Arc;

/// Where a deployment goes and what it is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// `subscription().subscriptionId`
    pub subscription: String,
    /// `tenant().tenantId`
    pub tenant: String,
    /// `resourceGroup().name`
    pub resource_group: String,
    /// `resourceGroup().location`
    pub location: String,
    /// `deployment().name`
    pub deployment: String,
}

impl Default for Facts {
    /// A subscription and tenant of zeros, the resource group `nsgate` in `eastus`, and a deployment called as Azure's command line calls one.
    fn default() -> Self {
        Self {
            subscription: NO_SUBSCRIPTION.to_owned(),
            tenant: "00000000-0000-0000-0000-000000000000".to_owned(),
            resource_group: NO_RESOURCE_GROUP.to_owned(),
            location: "eastus".to_owned(),
            deployment: "azuredeploy".to_owned(),
        }
    }
}

impl Facts {
    /// What stands before `/providers/…` in the id of a resource.
    pub(crate) fn prefix(&self, level: Level) -> String {
        match level {
            Level::ResourceGroup => {
                format!("/subscriptions/{}/resourceGroups/{}", self.subscription, self.resource_group)
            }
            Level::Subscription => format!("/subscriptions/{}", self.subscription),
            Level::ManagementGroup => {
                format!("/providers/Microsoft.Management/managementGroups/{}", self.tenant)
            }
            Level::Tenant => String::new(),
        }
    }

    /// The value of a function without arguments, or `None` where the level has none. `file` is the path of the template below its folder.
    pub(crate) fn node(&self, fact: Fact, level: Level, template: &Node, file: &str) -> Option<Node> {
        let made = Made(&template.at);
        let text = |text: &str| made.text(text);
        Some(match fact {
            // The deployment has it already.
            Fact::Template => return None,
            Fact::ResourceGroup if level != Level::ResourceGroup => return None,
            Fact::Subscription if matches!(level, Level::ManagementGroup | Level::Tenant) => return None,
            Fact::ManagementGroup if level != Level::ManagementGroup => return None,
            Fact::ResourceGroup => made.object([
                ("id", made.text(self.prefix(level))),
                ("name", text(&self.resource_group)),
                ("type", text("Microsoft.Resources/resourceGroups")),
                ("location", text(&self.location)),
                ("managedBy", text("")),
                ("tags", made.unknown("resourceGroup().tags", "is known only where it is deployed")),
                ("properties", made.object([("provisioningState", text("Succeeded"))])),
            ]),
            Fact::Subscription => made.object([
                ("id", made.text(self.prefix(Level::Subscription))),
                ("subscriptionId", text(&self.subscription)),
                ("tenantId", text(&self.tenant)),
                ("displayName", text("nsgate")),
            ]),
            Fact::Tenant => made.object([
                ("countryCode", text("US")),
                ("displayName", text("nsgate")),
                ("id", made.text(format!("/tenants/{}", self.tenant))),
                ("tenantId", text(&self.tenant)),
            ]),
            Fact::ManagementGroup => made.object([
                ("id", made.text(self.prefix(level))),
                ("name", text(&self.tenant)),
                ("type", text("/providers/Microsoft.Management/managementGroups")),
                (
                    "properties",
                    made.unknown("managementGroup().properties", "is not known before the deployment"),
                ),
            ]),
            Fact::Deployer => made.object([
                ("tenantId", text(&self.tenant)),
                ("objectId", made.unknown("deployer().objectId", "is not known before somebody deploys")),
                (
                    "userPrincipalName",
                    made.unknown("deployer().userPrincipalName", "is not known before somebody deploys"),
                ),
            ]),
            Fact::Deployment => self.deployment(&made, level, template, file),
            Fact::Environment => environment(&made),
        })
    }

    fn deployment(&self, made: &Made<'_>, level: Level, template: &Node, file: &str) -> Node {
        let kept = ["$schema", "contentVersion", "metadata"];
        let kept = kept.iter().filter_map(|key| Some((*key, template.get(key)?.clone())));
        let mut entries = vec![
            ("name", made.text(&self.deployment)),
            (
                "id",
                made.text(format!(
                    "{}/providers/Microsoft.Resources/deployments/{}",
                    self.prefix(level),
                    self.deployment
                )),
            ),
        ];
        if level != Level::ResourceGroup {
            entries.push(("location", made.text(&self.location)));
        }
        let link = made.object([("uri", made.text(format!("{FOLDER_URI}{file}")))]);
        let properties = [
            ("templateLink", link),
            ("template", made.object(kept)),
            ("parameters", made.object([])),
            ("mode", made.text("Incremental")),
            ("provisioningState", made.text("Accepted")),
        ];
        entries.push(("properties", made.object(properties)));
        made.object(entries)
    }
}

/// The public cloud.
fn environment(made: &Made<'_>) -> Node {
    let text = |text: &str| made.text(text);
    let audiences = vec![text("https://management.core.windows.net/"), text("https://management.azure.com/")];
    let authentication = [
        ("loginEndpoint", text("https://login.microsoftonline.com/")),
        ("audiences", Node::new(Value::Array(audiences), made.0.clone())),
        ("tenant", text("common")),
        ("identityProvider", text("AAD")),
    ];
    let suffixes = [
        ("acrLoginServer", text(".azurecr.io")),
        ("azureDatalakeAnalyticsCatalogAndJob", text("azuredatalakeanalytics.net")),
        ("azureDatalakeStoreFileSystem", text("azuredatalakestore.net")),
        ("azureFrontDoorEndpointSuffix", text("azurefd.net")),
        ("keyvaultDns", text(".vault.azure.net")),
        ("sqlServerHostname", text(".database.windows.net")),
        ("storage", text("core.windows.net")),
    ];
    made.object([
        ("name", text("AzureCloud")),
        ("gallery", text("https://gallery.azure.com/")),
        ("graph", text("https://graph.windows.net/")),
        ("portal", text("https://portal.azure.com")),
        ("graphAudience", text("https://graph.windows.net/")),
        ("activeDirectoryDataLake", text("https://datalake.azure.net/")),
        ("batch", text("https://batch.core.windows.net/")),
        ("media", text("https://rest.media.azure.net")),
        ("sqlManagement", text("https://management.core.windows.net:8443/")),
        ("vmImageAliasDoc", text("https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json")),
        ("resourceManager", text("https://management.azure.com/")),
        ("authentication", made.object(authentication)),
        ("suffixes", made.object(suffixes)),
    ])
}

/// Makes nodes that all have one place.
pub(crate) struct Made<'a>(pub(crate) &'a Location);

impl Made<'_> {
    pub(crate) fn text(&self, text: impl Into<String>) -> Node {
        Node::new(Value::String(text.into()), self.0.clone())
    }

    pub(crate) fn object<'k>(&self, entries: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
        let entry = |(key, value): (&str, Node)| Entry { key: At::new(key, self.0), value };
        Node::new(Value::Object(entries.into_iter().map(entry).collect()), self.0.clone())
    }

    pub(crate) fn unknown(&self, expression: &str, why: &str) -> Node {
        Node::new(Value::Unknown(Arc::new(Unknown::new(expression, why, SUPPLY))), self.0.clone())
    }
}
