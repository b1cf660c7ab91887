//! Peerings of virtual networks: both shapes, both halves, and what cannot be peered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Sound, check};
use diagnostic::INVALID_REQUEST_FORMAT;
use model::{Network, VnetIndex, codes};

/// A hub with a gateway, two spokes that use it; the second spoke's half is a resource of its own.
const NETWORK: &str = r#"[
  {"type": "Microsoft.Network/virtualNetworks", "name": "hub", "properties": {
    "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
    "virtualNetworkPeerings": [
      {"name": "to-east", "properties": {"remoteVirtualNetwork": {"id": "virtualNetworks/east"},
        "allowGatewayTransit": true, "allowForwardedTraffic": true, "peeringState": "Connected",
        "remoteAddressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}},
      {"name": "to-west", "properties": {"remoteVirtualNetwork": {"id": "virtualNetworks/west"},
        "allowVirtualNetworkAccess": false}}]}},
  {"type": "Microsoft.Network/virtualNetworks", "name": "east", "properties": {
    "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]},
    "virtualNetworkPeerings": [
      {"name": "east-to-hub", "properties": {"remoteVirtualNetwork": {"id": "virtualNetworks/hub"},
        "useRemoteGateways": true}}]}},
  {"type": "Microsoft.Network/virtualNetworks", "name": "west", "properties": {
    "addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}}},
  {"type": "Microsoft.Network/virtualNetworks/virtualNetworkPeerings", "name": "west/west-to-hub",
    "properties": {"remoteVirtualNetwork": {"id": "virtualNetworks/hub"}, "useRemoteGateways": false}}
]"#;

const SOUND: Sound = Sound(NETWORK);

const HUB: VnetIndex = VnetIndex(0);
const EAST: VnetIndex = VnetIndex(1);
const WEST: VnetIndex = VnetIndex(2);

fn peers(network: &Network, vnet: VnetIndex) -> Vec<VnetIndex> {
    network.peers(vnet).map(|peering| peering.remote).collect()
}

fn served(network: &Network, vnet: VnetIndex) -> Vec<VnetIndex> {
    network.served_by_gateway_of(vnet).into_iter().map(|(vnet, _)| vnet).collect()
}

#[test]
fn two_halves_are_connected_and_not_transitive() {
    let network = check(NETWORK).clean();
    assert_eq!(peers(&network, HUB), [EAST, WEST]);
    assert_eq!((peers(&network, EAST), peers(&network, WEST)), (vec![HUB], vec![HUB]));
    let halves = &network.virtual_networks[0].peerings;
    assert_eq!(halves.iter().map(|half| half.virtual_network_access).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_gateway_is_shared_by_both_halves_consent() {
    let network = check(NETWORK).clean();
    assert_eq!(served(&network, HUB), [HUB, EAST]);
    assert_eq!(served(&network, EAST), [EAST]);
    let (network, told) =
        SOUND.warning(r#""allowGatewayTransit": true, "#, "", "true}}]}},", codes::REMOTE_GATEWAYS);
    assert_eq!(served(&network, HUB), [HUB]);
    assert!(told.contains("'to-east'"), "{told}");
}

#[test]
fn what_azure_answers_of_a_remote_gateway_is_known() {
    let asked = r#""useRemoteGateways": true"#;
    let gateway = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworkGateways/gw";
    let answered = format!(r#"{asked}, "remoteGateways": [{{"id": "{gateway}"}}], "routeServiceVips": {{}}"#);
    let (_, outcome) = SOUND.changed(asked, &answered);
    assert_eq!(served(&outcome.clean(), HUB), [HUB, EAST]);
}

#[test]
fn one_half_carries_nothing() {
    let half = r#""virtualNetworkPeerings": [
      {"name": "east-to-hub", "properties": {"remoteVirtualNetwork": {"id": "virtualNetworks/hub"},
        "useRemoteGateways": true}}]"#;
    let (network, told) =
        SOUND.warning(half, r#""subnets": []"#, "\"to-east\"", codes::PEERING_NOT_CONNECTED);
    assert_eq!(peers(&network, HUB), [WEST]);
    assert!(told.contains("'east' has no peering back"), "{told}");
}

#[test]
fn a_state_that_azure_answered_counts() {
    for state in ["Initiated", "Disconnected"] {
        let (network, told) = SOUND.warning(
            r#""peeringState": "Connected""#,
            &format!(r#""peeringState": "{state}""#),
            &format!("\"{state}\""),
            codes::PEERING_NOT_CONNECTED,
        );
        assert_eq!((peers(&network, HUB), peers(&network, EAST)), (vec![WEST], vec![]));
        assert!(told.contains(state), "{told}");
    }
}

#[test]
fn a_network_that_nobody_gave_us_is_worth_a_warning_and_a_misspelt_one_an_error() {
    let far = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/far";
    let peering = r#""virtualNetworkPeerings": [
      {"name": "to-east""#;
    let more = format!(
        r#""virtualNetworkPeerings": [
      {{"name": "to-far", "properties": {{"remoteVirtualNetwork": {{"id": "{far}"}}}}}},
      {{"name": "to-east""#
    );
    let (network, _) = SOUND.warning(peering, &more, &format!("\"{far}\""), codes::PEERING_NOT_CONNECTED);
    assert_eq!(peers(&network, HUB), [EAST, WEST]);
    let (_, outcome) =
        SOUND.changed(r#"{"id": "virtualNetworks/west"}"#, r#"{"id": "virtualNetworks/wets"}"#);
    assert!(outcome.network.is_none());
    assert_eq!(outcome.codes(), [codes::INVALID_RESOURCE_REFERENCE, codes::PEERING_NOT_CONNECTED]);
    assert!(outcome.to_string().contains("did you mean 'west'?"), "{outcome}");
}

/// A half that joins a network of no document, as Azure answers it, before the half named `to-east`.
fn with_a_peer_elsewhere(changes: &[(&str, &str)]) -> String {
    let far = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/far";
    let half = format!(
        r#"{{"name": "to-far", "properties": {{"remoteVirtualNetwork": {{"id": "{far}"}},
        "peeringState": "Connected", "allowVirtualNetworkAccess": true,
        "remoteAddressSpace": {{"addressPrefixes": ["10.9.0.0/16", "fd00:9::/48"]}},
        "remoteVirtualNetworkAddressSpace": {{"addressPrefixes": ["10.10.0.0/16"]}}}}}},
      {{"name": "to-east""#
    );
    let half = changes.iter().fold(half, |half, (from, to)| {
        assert!(half.contains(from), "{from}");
        half.replacen(from, to, 1)
    });
    NETWORK.replacen(r#"{"name": "to-east""#, &half, 1)
}

#[test]
fn the_prefixes_of_a_peer_that_nobody_gave_us_are_known_by_azures_answer() {
    let of_hub = |changes: &[(&str, &str)]| {
        let text = with_a_peer_elsewhere(changes);
        let outcome = check(&text);
        let told = outcome.one_warning(&text, "\"/subscriptions/s", codes::PEERING_NOT_CONNECTED);
        let network = outcome.network.unwrap();
        assert_eq!(peers(&network, HUB), [EAST, WEST]);
        let hub = &network.virtual_networks[0];
        (hub.peers_elsewhere.iter().map(ToString::to_string).collect::<Vec<_>>(), told)
    };
    let (prefixes, told) = of_hub(&[]);
    assert_eq!(prefixes, ["10.9.0.0/16", "fd00:9::/48"]);
    assert!(
        told.contains("rules see its prefixes in VirtualNetwork, and packets to there have no way"),
        "{told}"
    );
    // What the peering is in force for comes before what the network has by now.
    assert_eq!(of_hub(&[("remoteAddressSpace", "localAddressSpace")]).0, ["10.10.0.0/16"]);
    assert_eq!(of_hub(&[("\"10.9.0.0/16\", \"fd00:9::/48\"", "")]).0, ["10.10.0.0/16"]);
    for change in [
        ("\"Connected\"", "\"Disconnected\""),
        ("\"peeringState\": \"Connected\",", ""),
        ("\"allowVirtualNetworkAccess\": true", "\"allowVirtualNetworkAccess\": false"),
    ] {
        let (prefixes, told) = of_hub(&[change]);
        assert!(prefixes.is_empty(), "{change:?}");
        assert!(told.contains("as though the peering were not there"), "{told}");
    }
}

#[test]
fn the_prefixes_of_a_peer_that_nobody_gave_us_are_checked() {
    for (bad, code) in [
        ("10.9.0.1/16", codes::INVALID_CIDR_NOTATION),
        ("10.9.0.0", codes::INVALID_ADDRESS_PREFIX_FORMAT),
        ("0.0.0.0/0", codes::ADDRESS_SPACE_NOT_ALLOWED),
    ] {
        let text = with_a_peer_elsewhere(&[("10.9.0.0/16", bad)]);
        let outcome = check(&text);
        assert!(outcome.network.is_none(), "{bad}");
        let found = outcome.findings.iter().find(|found| found.code == code).unwrap();
        let place = format!("net.json:{}", common::position(&text, &format!("\"{bad}\"")));
        assert_eq!(found.at.as_ref().unwrap().to_string(), place, "{bad}");
        assert!(found.message.contains("peering 'hub/to-far'"), "{}", found.message);
    }
}

#[test]
fn address_spaces_of_peers_are_apart() {
    let overlapping = r#""addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}"#;
    let (_, outcome) =
        SOUND.changed(overlapping, r#""addressSpace": {"addressPrefixes": ["10.0.128.0/17"]}"#);
    let [stale, overlap] = [codes::PEERING_NOT_IN_SYNC, codes::ADDRESS_SPACES_OVERLAP];
    assert_eq!(outcome.codes(), [overlap, stale, overlap], "each half tells it: {outcome}");
    assert!(outcome.to_string().contains("10.0.0.0/16 and 10.0.128.0/17"), "{outcome}");
    let two = r#""addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}"#;
    let told = SOUND.error(
        two,
        r#""addressSpace": {"addressPrefixes": ["10.1.7.0/24"]}"#,
        r#""virtualNetworks/west""#,
        codes::PEERS_OVERLAP,
    );
    assert!(told.contains("'hub' cannot be peered with both 'east' and 'west'"), "{told}");
}

/// What is peered of `east`, as `hub` sees it.
fn peered_of_east(network: &Network) -> Vec<String> {
    let east = network.peers(HUB).find(|peering| peering.remote == EAST).unwrap();
    east.address_space.iter().map(ToString::to_string).collect()
}

#[test]
fn a_peering_that_is_not_in_sync_is_told() {
    let space = r#""remoteAddressSpace": {"addressPrefixes": ["10.1.0.0/16"]}"#;
    let written = |prefixes: &str| format!(r#""remoteAddressSpace": {{"addressPrefixes": [{prefixes}]}}"#);
    for prefixes in [r#""10.1.3.0/24", "10.9.0.0/16""#, r#""10.9.0.0/16""#] {
        let place = prefixes.split(',').next().unwrap();
        let (network, message) = SOUND.warning(space, &written(prefixes), place, codes::PEERING_NOT_IN_SYNC);
        assert_eq!(peered_of_east(&network), ["10.1.0.0/16"], "it is taken for all");
        assert!(message.contains("is not in force for all of 'east'"), "{message}");
        // Of some subnets alone it need not be.
        let some = format!("{}, \"peerCompleteVnets\": false", written(prefixes));
        SOUND.changed(space, &some).1.clean();
    }
    // All of it, however it is written; what the network has given up since is nobody's, and a typing error no part.
    for prefixes in [r#""10.1.0.0/17", "10.1.128.0/17""#, r#""10.0.0.0/8""#, "", r#""10.1.0.1/33""#] {
        let network = SOUND.changed(space, &written(prefixes)).1.clean();
        assert_eq!(peered_of_east(&network), ["10.1.0.0/16"], "{prefixes}");
    }
}

#[test]
fn an_ipv6_only_peering_leaves_ipv4_out() {
    // The IPv4 prefixes of both may be the same then.
    let text = NETWORK
        .replace(
            r#""addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}"#,
            r#""addressSpace": {"addressPrefixes": ["10.1.0.0/16", "fd00::/48"]}"#,
        )
        .replace(
            r#""addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}"#,
            r#""addressSpace": {"addressPrefixes": ["10.1.0.0/16", "fd00:1::/48"]}"#,
        )
        .replace(
            r#""remoteAddressSpace": {"addressPrefixes": ["10.1.0.0/16"]}"#,
            r#""enableOnlyIPv6Peering": true, "peerCompleteVnets": true"#,
        )
        .replace(
            r#""useRemoteGateways": true"#,
            r#""useRemoteGateways": true, "enableOnlyIPv6Peering": true"#,
        );
    let network = check(&text).clean();
    assert_eq!(peered_of_east(&network), ["fd00:1::/48"]);
    // One half is enough: nothing of IPv4 is to come in by the other one.
    let half = text.replace(
        r#""useRemoteGateways": true, "enableOnlyIPv6Peering": true"#,
        r#""useRemoteGateways": true"#,
    );
    let half = half.replace("10.1.0.0/16\", \"fd00::/48", "10.0.0.0/16\", \"fd00::/48");
    let outcome = check(&half);
    assert_eq!(outcome.codes(), [codes::PEERING_NOT_IN_SYNC], "{outcome}");
    let halved = outcome.network.unwrap();
    assert_eq!(peered_of_east(&halved), ["fd00:1::/48"]);
    let back = halved.peers(EAST).next().unwrap();
    assert_eq!(back.address_space, ["fd00::/48".parse().unwrap()]);
    assert_eq!(network.served_by_gateway_of(HUB)[1].1, ["fd00:1::/48".parse().unwrap()]);
    let both = text.replace(r#""enableOnlyIPv6Peering": true"#, r#""enableOnlyIPv6Peering": false"#);
    assert_eq!(check(&both).codes(), [codes::ADDRESS_SPACES_OVERLAP; 2]);
}

#[test]
fn peerings_that_contradict_each_other_are_refused() {
    SOUND.error(
        r#"{"id": "virtualNetworks/west"},
        "allowVirtualNetworkAccess": false}}]"#,
        r#"{"id": "virtualNetworks/west"}}}, {"name": "again", "properties": {"remoteVirtualNetwork": {"id": "WEST"}}}]"#,
        "\"WEST\"",
        codes::PEERED_TWICE,
    );
    let (_, outcome) = SOUND.changed(r#"{"id": "virtualNetworks/west"}"#, r#"{"id": "virtualNetworks/hub"}"#);
    assert_eq!(outcome.codes(), [codes::PEERED_WITH_ITSELF, codes::PEERING_NOT_CONNECTED], "{outcome}");
    let text = NETWORK
        .replace("\"allowVirtualNetworkAccess\": false", "\"useRemoteGateways\": true")
        .replace("\"allowForwardedTraffic\": true", "\"useRemoteGateways\": true");
    assert!(check(&text).codes().contains(&codes::REMOTE_GATEWAYS));
    assert!(check(&text).network.is_none());
    let (_, outcome) = SOUND.changed(r#""remoteVirtualNetwork": {"id": "virtualNetworks/west"},"#, "");
    assert_eq!(outcome.codes(), [INVALID_REQUEST_FORMAT, codes::PEERING_NOT_CONNECTED], "{outcome}");
}

#[test]
fn a_child_takes_the_place_of_an_inline_half() {
    let inline = r#""addressSpace": {"addressPrefixes": ["10.2.0.0/16"]}"#;
    let with = format!(
        r#"{inline}, "virtualNetworkPeerings": [{{"name": "WEST-TO-HUB", "properties": {{
      "remoteVirtualNetwork": {{"id": "east"}}}}}}]"#
    );
    let (_, outcome) = SOUND.changed(inline, &with);
    assert_eq!(peers(&outcome.clean(), WEST), [HUB]);
    let (_, outcome) = SOUND.changed("\"west/west-to-hub\"", "\"nobody/x\"");
    assert_eq!(
        outcome.codes(),
        [codes::PEERING_NOT_CONNECTED, codes::PARENT_RESOURCE_NOT_FOUND],
        "{outcome}"
    );
}

#[test]
fn a_half_of_a_network_elsewhere_joins_nothing() {
    // A template of a spoke writes the hub's half too, into the hub's resource group.
    let half = |vnet: &str| {
        format!(
            r#""id": "/subscriptions/s/resourceGroups/hubs/providers/Microsoft.Network/virtualNetworks/{vnet}/virtualNetworkPeerings/x",
    "properties": {{"remoteVirtualNetwork": {{"id": "virtualNetworks/east"}}}}}},
  {{"type": "Microsoft.Network/virtualNetworks/virtualNetworkPeerings", "name": "west/west-to-hub""#
        )
    };
    let (_, outcome) = SOUND.changed("\"name\": \"west/west-to-hub\"", &half("central"));
    assert_eq!(outcome.codes(), [codes::PEERING_NOT_CONNECTED], "{outcome}");
    let network = outcome.network.unwrap();
    assert_eq!((peers(&network, EAST), peers(&network, HUB)), (vec![HUB], vec![EAST, WEST]));
    // One that is nearly the name of a network there is a mistake.
    let there = r#""name": "hub", "id": "/subscriptions/s/resourceGroups/hubs/providers/Microsoft.Network/virtualNetworks/hubs""#;
    let text = NETWORK.replacen("\"name\": \"hub\"", there, 1).replace("virtualNetworks/hub\"", "hubs\"");
    let outcome = check(&text.replace("\"name\": \"west/west-to-hub\"", &half("hubz")));
    assert!(outcome.codes().contains(&codes::PARENT_RESOURCE_NOT_FOUND), "{outcome}");
}
