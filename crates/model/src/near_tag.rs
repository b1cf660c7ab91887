//! The service tag that an unknown one was probably meant to be.

use diagnostic::nearest;

/// What people put before the names of services that are tags without it, and leave out where tags have it.
const BEFORE: [&str; 2] = ["Azure", "Microsoft."];

/// The tag of `names` that `written` was probably meant to be, or `None` where none is near.
///
/// A tag of a region is one of the same service whose region is spelt nearly so or begins so, else the service without a
/// region; else the same of a service whose name is near. `KeyVault` and `Microsoft.KeyVault` are `AzureKeyVault`.
///
/// # Cost
/// A few passes over the names.
pub(crate) fn near_tag<'a>(written: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let spelt = |name: &str| names.clone().find(|known| is_spelling(name, known));
    if let Some(found) = spelt(written) {
        return Some(found);
    }
    let Some((service, region)) = written.rsplit_once('.') else { return nearest(written, names) };
    if let Some(found) = of_service(service, region, names.clone()).or_else(|| spelt(service)) {
        return Some(found);
    }
    let services = names.clone().map(|name| name.rsplit_once('.').map_or(name, |(service, _)| service));
    let near = nearest(service, services)?;
    let exact = names.clone().find(|name| {
        name.rsplit_once('.').is_some_and(|(of, at)| of == near && at.eq_ignore_ascii_case(region))
    });
    exact.or_else(|| of_service(near, region, names.clone())).or_else(|| spelt(near))
}

/// Of the tags of one service the one whose region is near, or begins like what was written.
fn of_service<'a>(
    service: &str,
    region: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let own = names.filter(|name| name.rsplit_once('.').is_some_and(|(of, _)| is_spelling(service, of)));
    let regions = own.clone().filter_map(|name| Some(name.rsplit_once('.')?.1));
    if let Some(near) = nearest(region, regions) {
        return own.clone().find(|name| name.ends_with(near));
    }
    let begins = |name: &&str| {
        let start = name.rsplit_once('.').and_then(|(_, other)| other.get(..region.len()));
        !region.is_empty() && start.is_some_and(|start| start.eq_ignore_ascii_case(region))
    };
    own.filter(begins).min_by_key(|name| (name.len(), *name))
}

/// Whether a name is another's whatever the case, or but for what people put before it.
fn is_spelling(written: &str, known: &str) -> bool {
    bare(written).eq_ignore_ascii_case(bare(known))
}

/// A name without what people put before it.
fn bare(name: &str) -> &str {
    BEFORE.iter().rev().fold(name, |name, before| match name.split_at_checked(before.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(before) && !rest.is_empty() => rest,
        _ => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: [&str; 16] = [
        "AzureLoadBalancer",
        "AppService",
        "AppService.EastUS",
        "AzureCosmosDB",
        "AzureCosmosDB.EastUS",
        "AzureFrontDoor.Frontend",
        "AzureKeyVault",
        "AzureKeyVault.WestEurope",
        "EventHub",
        "Sql",
        "Sql.EastUS",
        "Sql.GermanyNorth",
        "Sql.GermanyWestCentral",
        "Storage",
        "Storage.WestUS",
        "Storage.WestUS2",
    ];

    #[test]
    fn the_service_counts_before_the_region() {
        for (written, meant) in [
            ("SQL.Germany", Some("Sql.GermanyNorth")),
            ("AppService.Foo", Some("AppService")),
            ("KeyVault", Some("AzureKeyVault")),
            ("keyvault.westeurop", Some("AzureKeyVault.WestEurope")),
            ("CosmosDB", Some("AzureCosmosDB")),
            ("LoadBalancer", Some("AzureLoadBalancer")),
            ("Microsoft.Storage", Some("Storage")),
            ("Microsoft.KeyVault", Some("AzureKeyVault")),
            ("Microsoft.Storage.WestUS", Some("Storage.WestUS")),
            ("AzureSql", Some("Sql")),
            ("foo.EASTUS", None),
            ("Storage.WestUS9", Some("Storage.WestUS")),
            ("Strage.WestUS2", Some("Storage.WestUS2")),
            ("Strage.WestU", Some("Storage.WestUS")),
            ("Strage", Some("Storage")),
            ("AzureFrontDoor.Frontends", Some("AzureFrontDoor.Frontend")),
            ("EventHubs", Some("EventHub")),
            ("", None),
            (".", None),
            ("web-subnet", None),
        ] {
            assert_eq!(near_tag(written, PUBLISHED.into_iter()), meant, "{written}");
        }
        let with_foo = PUBLISHED.into_iter().chain(["Foo"]);
        assert_eq!(near_tag("foo.EASTUS", with_foo), Some("Foo"));
    }
}
