//! Route tables in every shape, what their routes must be, and what is worth a warning.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Sound, check, check_all, tags};
use diagnostic::{INVALID_REQUEST_FORMAT, Severity};
use model::codes;
use model::{NextHop, RouteDestination, SubnetIndex, VnetIndex};
use std::sync::Arc;

const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";

/// One table with a route of each kind, and a subnet that has it.
const SOUND: Sound = Sound(
    r#"[{"type": "Microsoft.Network/routeTables", "name": "rt", "properties": {
  "disableBgpRoutePropagation": true,
  "routes": [
    {"name": "tunnel", "properties": {"addressPrefix": "10.9.0.0/16", "nextHopType": "virtualappliance", "nextHopIpAddress": "10.0.1.9"}},
    {"name": "site", "properties": {"addressPrefix": "192.168.0.0/16", "nextHopType": "VirtualNetworkGateway", "nextHopIpAddress": ""}},
    {"name": "inside", "properties": {"addressPrefix": "10.0.1.0/24", "nextHopType": "VNetLocal"}},
    {"name": "database", "properties": {"addressPrefix": "sql", "nextHopType": "INTERNET", "nextHopIpAddress": null}},
    {"name": "nowhere", "properties": {"addressPrefix": "2001:db8::/32", "nextHopType": "None"}}
  ]}},
 {"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {
  "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
  "subnets": [
    {"name": "a", "properties": {"addressPrefix": "10.0.1.0/24"}},
    {"name": "b", "properties": {"addressPrefix": "10.0.2.0/24", "routeTable": {"id": "rt2"}}}
  ]}},
 {"type": "Microsoft.Network/routeTables", "name": "rt2", "properties": {"routes": []}}]"#,
);

#[test]
fn every_kind_of_route_is_read() {
    let network = check(SOUND.0).clean();
    let [table, other] = network.route_tables.as_slice() else { panic!("{network:?}") };
    assert!(table.disable_bgp_route_propagation && !other.disable_bgp_route_propagation);
    let routes: Vec<String> = table
        .routes
        .iter()
        .map(|route| {
            let to = match route.destination {
                RouteDestination::Prefix(prefix) => prefix.to_string(),
                RouteDestination::Tag(tag) => network.service_tags.get(tag).unwrap().name.to_string(),
            };
            format!("{} {to} {:?}", route.name, route.next_hop)
        })
        .collect();
    assert_eq!(
        routes,
        [
            "tunnel 10.9.0.0/16 VirtualAppliance(Some(10.0.1.9))",
            "site 192.168.0.0/16 VirtualNetworkGateway",
            "inside 10.0.1.0/24 VnetLocal",
            "database Sql Internet",
            "nowhere 2001:db8::/32 None",
        ]
    );
    let subnets = &network.virtual_networks[0].subnets;
    assert_eq!(subnets[0].route_table, None);
    assert_eq!(subnets[1].route_table.map(|table| table.0), Some(1));
}

/// The portal's words, and whatever letters.
#[test]
fn next_hops_are_known_by_all_their_names() {
    for (word, expected) in [
        ("Virtual network", NextHop::VnetLocal),
        ("VNETLOCAL", NextHop::VnetLocal),
        ("virtual network gateway", NextHop::VirtualNetworkGateway),
        ("none", NextHop::None),
    ] {
        let (_, outcome) = SOUND.changed("\"VNetLocal\"", &format!("\"{word}\""));
        assert_eq!(outcome.clean().route_tables[0].routes[2].next_hop, expected, "{word}");
    }
}

#[test]
fn every_shape_holds_the_same_table() {
    let route = r#""addressPrefix": "10.9.0.0/16", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.1.9""#;
    let nested = format!(r#"{{"name": "r", "properties": {{{route}}}}}"#);
    let (id, table) =
        (format!("{GROUP}/routeTables/rt"), r#""type": "Microsoft.Network/routeTables", "name": "rt""#);
    let schema =
        r#""$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#""#;
    for text in [
        format!(r#"{{{table}, "properties": {{"routes": [{nested}]}}}}"#),
        format!(r#"{{"value": [{{"id": "{id}", "properties": {{"routes": [{nested}]}}}}]}}"#),
        format!(r#"[{{"id": "{id}", "name": "rt", "routes": [{{"name": "r", {route}}}], "subnets": null}}]"#),
        format!(
            r#"{{"NewRouteTable": {{"id": "{id}", "name": "rt", "routes": [{{"name": "r", {route}}}]}}}}"#
        ),
        format!(
            r#"{{"name": "rt", "properties": {{"disableBgpRoutePropagation": false, "routes": [{nested}]}}}}"#
        ),
        format!(r#"[{{{table}, "properties": {{}}}}, {{"id": "{id}/routes/r", "name": "r", {route}}}]"#),
        format!(
            r#"[{{{table}, "properties": {{}}, "resources": [{{"type": "routes", "name": "r", "properties": {{{route}}}}}]}}]"#
        ),
        // A child counts more than an inline route of its name.
        format!(
            r#"[{{{table}, "properties": {{"routes": [{{"name": "R", "properties": {{"addressPrefix": "1.0.0.0/8",
            "nextHopType": "None"}}}}]}}}},
            {{"type": "Microsoft.Network/routeTables/routes", "name": "rt/r", "properties": {{{route}}}}}]"#
        ),
        format!(
            r#"{{{schema}, "parameters": {{"n": {{"type": "string", "defaultValue": "rt"}}}}, "resources": [
            {{"type": "Microsoft.Network/routeTables", "name": "[parameters('n')]", "properties": {{"routes": []}}}},
            {{"type": "Microsoft.Network/routeTables/routes", "name": "[concat(parameters('n'), '/r')]",
              "properties": {{{route}}}}}]}}"#
        ),
        format!(
            r#"{{{schema}, "languageVersion": "2.0", "resources": {{"table": {{"type": "Microsoft.Network/routeTables",
            "name": "rt", "properties": {{"copy": [{{"name": "routes", "count": 1, "input": {nested}}}]}}}}}}}}"#
        ),
    ] {
        let network = check(&text).clean();
        let [table] = network.route_tables.as_slice() else { panic!("{text}") };
        let [only] = table.routes.as_slice() else { panic!("{text}: {table:?}") };
        assert!(only.name.eq_ignore_ascii_case("r"));
        assert_eq!(only.destination, RouteDestination::Prefix("10.9.0.0/16".parse().unwrap()), "{text}");
        assert_eq!(only.next_hop, NextHop::VirtualAppliance(Some([10, 0, 1, 9].into())), "{text}");
    }
}

#[test]
fn what_a_route_must_not_be_is_named_with_its_place() {
    for (from, to, needle, code, word) in [
        ("10.9.0.0/16", "10.9.0.1/16", "\"10.9.0.1/16\"", codes::INVALID_CIDR_NOTATION, "10.9.0.0/16"),
        ("10.9.0.0/16", "10.9.0.1", "\"10.9.0.1\"", codes::INVALID_ADDRESS_PREFIX_FORMAT, "such as"),
        ("10.9.0.0/16", "10.9.0.0/33", "\"10.9.0.0/33\"", codes::INVALID_ADDRESS_PREFIX_FORMAT, "such as"),
        (
            "10.9.0.0/16",
            "",
            "\"\", \"nextHopType\": \"virtual",
            codes::INVALID_ADDRESS_PREFIX_FORMAT,
            "such as",
        ),
        ("\"sql\"", "\"sgl\"", "\"sgl\"", codes::INVALID_ADDRESS_PREFIX_FORMAT, "did you mean 'Sql'?"),
        ("\"sql\"", "\"Internet\"", "\"Internet\"", codes::INVALID_ADDRESS_PREFIX_FORMAT, "for rules only"),
        ("\"addressPrefix\": \"sql\", ", "", "\"database\"", INVALID_REQUEST_FORMAT, "addressPrefix"),
        ("\"INTERNET\"", "\"Internt\"", "\"Internt\"", INVALID_REQUEST_FORMAT, "did you mean 'Internet'?"),
        ("\"INTERNET\"", "\"HyperNetGateway\"", "\"HyperNet", INVALID_REQUEST_FORMAT, "use one of Virtual"),
        (", \"nextHopType\": \"INTERNET\"", "", "\"database\"", INVALID_REQUEST_FORMAT, "nextHopType"),
        (
            ", \"nextHopIpAddress\": \"10.0.1.9\"",
            "",
            "\"virtualapp",
            codes::NEXT_HOP_ADDRESS_MISSING,
            "to which",
        ),
        ("\"10.0.1.9\"", "\"10.0.1\"", "\"10.0.1\"", codes::INVALID_IP_ADDRESS_FORMAT, "such as"),
        ("\"10.0.1.9\"", "\"fd00::1\"", "\"fd00::1\"", codes::NEXT_HOP_ADDRESS_VERSION, "IPv4 address"),
        ("10.9.0.0/16", "fd09::/48", "\"10.0.1.9\"", codes::NEXT_HOP_ADDRESS_VERSION, "IPv6 address"),
        ("null", "\"10.0.1.8\"", "\"10.0.1.8\"", codes::NEXT_HOP_ADDRESS_NOT_ALLOWED, "next hop is Internet"),
        (
            "192.168.0.0/16",
            "10.9.0.0/16",
            "\"10.9.0.0/16\", \"nextHopType\": \"VirtualNet",
            codes::ROUTE_CONFLICT,
            "'tunnel'",
        ),
        ("\"site\"", "\"TUNNEL\"", "\"TUNNEL\"", codes::DUPLICATE_RESOURCE_NAME, "TUNNEL"),
        ("\"site\"", "\"to site\"", "\"to site\"", codes::INVALID_RESOURCE_NAME, "to site"),
        (
            "{\"id\": \"rt2\"}",
            "{\"id\": \"rt3\"}",
            "\"rt3\"",
            codes::INVALID_RESOURCE_REFERENCE,
            "did you mean",
        ),
    ] {
        let told = SOUND.error(from, to, needle, code);
        assert!(told.contains(word), "{told}");
    }
}

#[test]
fn a_route_to_several_appliances_leads_to_the_first() {
    let one = r#""virtualappliance", "nextHopIpAddress": "10.0.1.9""#;
    let several = |addresses: &str| {
        format!(r#""VirtualApplianceEcmp", "nextHop": {{"nextHopIpAddresses": [{addresses}]}}"#)
    };
    let (network, told) = SOUND.warning(
        one,
        &several("\"10.0.1.9\", \"10.0.1.10\""),
        "\"VirtualApplianceEcmp",
        codes::NOT_HONOURED,
    );
    assert!(told.contains("routes[0].properties: a route to several appliances"), "{told}");
    assert_eq!(
        network.route_tables[0].routes[0].next_hop,
        NextHop::VirtualAppliance("10.0.1.9".parse().ok())
    );
    let (_, outcome) = SOUND.changed(one, &several(""));
    assert_eq!(outcome.codes(), [codes::NOT_HONOURED, codes::NEXT_HOP_ADDRESS_MISSING]);
}

#[test]
fn a_table_has_400_routes_and_25_with_a_tag() {
    let table = |routes: &mut dyn Iterator<Item = String>| {
        let routes: Vec<String> = routes
            .enumerate()
            .map(|(nth, prefix)| {
                format!(r#"{{"name": "r{nth}", "properties": {{"addressPrefix": "{prefix}", "nextHopType": "None"}}}}"#)
            })
            .collect();
        format!(
            r#"[{{"type": "Microsoft.Network/routeTables", "name": "rt", "properties": {{"routes": [{}]}}}}]"#,
            routes.join(",")
        )
    };
    let prefixes =
        |count: usize| table(&mut (0..count).map(|nth| format!("10.{}.{}.0/24", nth / 256, nth % 256)));
    assert_eq!(check(&prefixes(400)).clean().route_tables[0].routes.len(), 400);
    check(&prefixes(401)).one_error(&prefixes(401), "\"rt\"", codes::ROUTE_COUNT_LIMIT);

    let tags: Vec<_> = (0..26)
        .map(|nth| model::NamedTag {
            name: format!("Tag{nth}").into(),
            usable_in_routes: true,
            ..model::NamedTag::default()
        })
        .collect();
    let tags = Arc::new(model::ServiceTags::new(tags));
    for (count, expected) in [(25, None), (26, Some(codes::SERVICE_TAG_ROUTE_COUNT_LIMIT))] {
        let text = table(&mut (0..count).map(|nth| format!("Tag{nth}")));
        let read = arm::read_resources(&[document::read_json("net.json", &text).unwrap()]);
        let (_, found) = model::validate(read.network, Arc::clone(&tags));
        assert_eq!(found.first().map(|one| one.code), expected, "{found:?}");
    }
}

/// What tags hold is counted for each subnet that sees it alone.
#[test]
fn routes_bring_no_more_prefixes_than_can_be_computed_with() {
    let prefix = |nth: u32| ipnet::Ipv4Net::new((0x4000_0000 + 2 * nth).into(), 32).unwrap().into();
    let tag = model::NamedTag {
        name: "Many".into(),
        prefixes: (0..50_000).map(prefix).collect(),
        usable_in_routes: true,
        ..model::NamedTag::default()
    };
    let tags = Arc::new(model::ServiceTags::new(vec![tag]));
    let found = |tables: usize, subnets: usize| {
        let table = |nth: usize| {
            format!(
                r#"{{"type": "Microsoft.Network/routeTables", "name": "rt{nth}", "properties": {{"routes": [{}]}}}}"#,
                route("all", "Many", "Internet")
            )
        };
        let subnet = |nth: usize| {
            let (prefix, table) = (format!("10.0.{nth}.0/24"), nth % tables);
            format!(
                r#"{{"name": "s{nth}", "properties": {{"addressPrefix": "{prefix}", "routeTable": {{"id": "rt{table}"}}}}}}"#
            )
        };
        let text = format!(
            r#"[{}, {{"name": "v", "properties": {{"addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}}, "subnets": [{}]}}}}]"#,
            (0..tables).map(table).collect::<Vec<_>>().join(",\n"),
            (0..subnets).map(subnet).collect::<Vec<_>>().join(", ")
        );
        let read = arm::read_resources(&[document::read_json("net.json", &text).unwrap()]);
        model::validate(read.network, Arc::clone(&tags)).1
    };
    assert!(found(39, 78).is_empty());
    let refused = found(40, 40);
    let [one] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!((one.code, one.at.as_ref().unwrap().line), (codes::ROUTE_PREFIXES_LIMIT, 40));
}

/// The address of a firewall that the template makes changes nothing that rules see.
#[test]
fn an_appliance_may_be_known_only_after_the_deployment() {
    let text = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
      "resources": [{"type": "Microsoft.Network/routeTables", "name": "rt", "properties": {"routes": [
        {"name": "all", "properties": {"addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance",
         "nextHopIpAddress": "[reference('firewall').ipConfigurations[0].properties.privateIPAddress]"}}]}}]}"#;
    let network = check(text).clean();
    assert_eq!(network.route_tables[0].routes[0].next_hop, NextHop::VirtualAppliance(None));
    // Where it leads does.
    let other = text.replace("\"0.0.0.0/0\"", "\"[reference('firewall').prefix]\"");
    assert_eq!(check(&other).codes(), ["ValueNotKnown"]);
}

/// Azure's answers name tables that nobody has given us.
#[test]
fn a_table_in_none_of_the_documents_is_a_warning() {
    let id = format!("{GROUP}/routeTables/elsewhere");
    let (network, told) =
        SOUND.warning("\"rt2\"}", &format!("\"{id}\"}}"), &format!("\"{id}\""), codes::NOT_HONOURED);
    assert_eq!(network.virtual_networks[0].subnets[1].route_table, None);
    assert!(told.contains("in none of the documents") && told.contains("VirtualNetwork lacks"), "{told}");
}

/// A table with one route, and two subnets that have it.
fn routed(route: &str) -> String {
    format!(
        r#"[{{"type": "Microsoft.Network/routeTables", "name": "rt", "properties": {{"routes": [{route}]}}}},
 {{"type": "Microsoft.Network/virtualNetworks", "name": "v", "properties": {{"addressSpace": {{"addressPrefixes": ["10.0.0.0/16", "fd00::/48"]}},
  "subnets": [{{"name": "a", "properties": {{"addressPrefix": "10.0.1.0/24", "routeTable": {{"id": "rt"}}}}}},
              {{"name": "b", "properties": {{"addressPrefix": "10.0.2.0/24", "routeTable": {{"id": "RT"}}}}}}]}}}}]"#
    )
}

fn route(name: &str, prefix: &str, next_hop: &str) -> String {
    let address = if prefix.contains(':') { "fd00::4" } else { "10.0.2.4" };
    let appliance = match next_hop {
        "VirtualAppliance" => format!(r#", "nextHopIpAddress": "{address}""#),
        _ => String::new(),
    };
    format!(
        r#"{{"name": "{name}", "properties": {{"addressPrefix": "{prefix}", "nextHopType": "{next_hop}"{appliance}}}}}"#
    )
}

#[test]
fn virtual_network_grown_to_everything_is_a_warning_at_the_route() {
    for (prefix, version) in [("0.0.0.0/0", "IPv4"), ("::/0", "IPv6")] {
        for next_hop in ["VirtualAppliance", "VirtualNetworkGateway"] {
            let text = routed(&route("all", prefix, next_hop));
            let found = check(&text).findings;
            let [grown, _, _] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!(
                (grown.code, grown.severity),
                (codes::VIRTUAL_NETWORK_HOLDS_EVERYTHING, Severity::Warning)
            );
            assert_eq!(
                grown.message,
                format!(
                    "VirtualNetwork is grown to {prefix} in subnets 'v/a', 'v/b' by route 'all' of route table 'rt': \
                     the default rules AllowVnetInBound and AllowVnetOutBound allow the internet there, and Internet \
                     holds no {version} address, so that rules which name Internet hold no {version} packet there"
                )
            );
            let at = common::position(&text, &format!("\"{prefix}\""));
            assert_eq!(grown.at.as_ref().unwrap().to_string(), format!("net.json:{at}"));
        }
        for next_hop in ["Internet", "None", "VnetLocal"] {
            let codes = check(&routed(&route("all", prefix, next_hop))).codes();
            assert!(!codes.contains(&codes::VIRTUAL_NETWORK_HOLDS_EVERYTHING), "{prefix} {next_hop}");
        }
    }
    // In halves it is the same, and each half counts whatever its next hop.
    let halves =
        format!("{},{}", route("low", "0.0.0.0/1", "Internet"), route("high", "128.0.0.0/1", "None"));
    let found = check(&routed(&halves)).findings;
    assert!(found[0].message.contains("by route 'low' and others of route table 'rt'"), "{found:?}");
    // Nobody has the table.
    let unused =
        routed(&route("all", "0.0.0.0/0", "VirtualAppliance")).replace("\"id\": \"rt\"", "\"id\": \"no\"");
    let unused = unused.replace("\"id\": \"RT\"", "\"id\": \"no\"");
    let other = r#"{"type": "Microsoft.Network/routeTables", "name": "no"}"#;
    assert!(check_all(&[&unused, other]).findings.is_empty());
}

#[test]
fn packets_that_a_table_would_lead_elsewhere_are_a_warning_at_each_subnet() {
    let warned = |prefix: &str, next_hop: &str| {
        let found = check(&routed(&route("r", prefix, next_hop))).findings;
        let warned: Vec<_> = found.iter().filter(|one| one.code == codes::NOT_HONOURED).collect();
        assert!([0, 2].contains(&warned.len()), "both subnets, or none: {found:?}");
        warned.first().map(|one| one.message.clone())
    };
    assert_eq!(
        warned("10.1.0.0/16", "VirtualAppliance").as_deref(),
        Some(
            "packets of subnet 'v/a' are not routed by its route table yet: 'rt/r' has the next hop VirtualAppliance \
             for 10.1.0.0/16"
        )
    );
    for (prefix, next_hop, departs) in [
        ("0.0.0.0/0", "Internet", false),
        ("::/0", "Internet", false),
        ("203.0.113.0/24", "Internet", false),
        ("Sql", "Internet", false),
        ("10.0.0.0/16", "VnetLocal", false),
        ("10.0.1.0/24", "VnetLocal", false),
        ("10.0.1.0/24", "Internet", true),
        ("192.168.0.0/24", "Internet", true),
        ("fd00::/64", "Internet", true),
        ("10.0.0.0/8", "VnetLocal", true),
        ("Sql", "VnetLocal", true),
        ("203.0.113.0/24", "None", false),
        ("203.0.113.0/24", "VirtualNetworkGateway", true),
        ("0.0.0.0/0", "VirtualAppliance", true),
        ("Sql", "VirtualAppliance", true),
    ] {
        assert_eq!(warned(prefix, next_hop).is_some(), departs, "{prefix} {next_hop}");
    }
    let two = format!("{},{}", route("x", "10.1.0.0/16", "Internet"), route("y", "10.2.0.0/16", "Internet"));
    assert!(check(&routed(&two)).findings[0].message.ends_with("for 10.1.0.0/16, and 1 more"));
}

#[test]
fn a_tag_that_is_not_for_routes_is_a_warning() {
    let (_, told) = SOUND.warning("\"sql\"", "\"Feeder\"", "\"Feeder\"", codes::SERVICE_TAG_NOT_FOR_ROUTES);
    assert!(told.contains("lists UDR"), "{told}");
}

/// What VirtualNetwork holds by a route follows the file of tags.
#[test]
fn another_file_of_tags_is_taken_for_routes_too() {
    let network = check(&routed(&route("sql", "SQL", "VirtualAppliance"))).network.unwrap();
    let held = |network: &model::Network| {
        let from = network.vantage(SubnetIndex { vnet: VnetIndex(0), subnet: 0 });
        let held = from.route_table.into_iter().flat_map(|table| network.prefixes_by_routes(table));
        held.map(|prefix| prefix.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(held(&network), ["13.64.0.0/16"]);
    let mut newer: Vec<model::NamedTag> = tags().iter().cloned().collect();
    newer.reverse();
    newer.iter_mut().for_each(|tag| tag.prefixes = vec!["20.1.0.0/16".parse().unwrap()]);
    let (next, found) = model::retag(&network, Arc::new(model::ServiceTags::new(newer.clone())));
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(held(&next.unwrap()), ["20.1.0.0/16"]);
    newer.retain(|tag| &*tag.name != "Sql");
    let (none, found) = model::retag(&network, Arc::new(model::ServiceTags::new(newer)));
    assert!(none.is_none());
    assert_eq!(found[0].code, codes::INVALID_ADDRESS_PREFIX_FORMAT);
    assert!(found[0].message.contains("route 'rt/sql' has the address prefix 'SQL'"), "{found:?}");
}
