//! What user-defined routes do to VirtualNetwork, and so to the rules before the subnets that have them; and that no packet
//! goes where they do not lead.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use model::{NextHop, NicIndex};
use pipeline::{DropReason, Ending};
use snapshot::{Names, Snapshot};
use std::sync::Arc;
use testkit::build::{ipv4, ipv6};
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const PUBLIC1: &str = "203.0.113.21";
const PUBLIC3: &str = "203.0.113.23";
const APPLIANCE: NextHop = NextHop::VirtualAppliance(None);
const PASSES: Ending = Ending::Forwarded;
const ELSEWHERE: Ending = Ending::Dropped(DropReason::RouteElsewhere);
const NONE: Ending = Ending::Dropped(DropReason::RouteNone);

/// `vm1` in `web` and `vm3` in `db`, each with a public address, behind groups without rules of their own.
fn guarded() -> Blueprint {
    let open = Blueprint::default().public("vm1", PUBLIC1).public("vm3", PUBLIC3);
    open.guard("web", &[]).guard("db", &[])
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn a_default_route_into_a_tunnel_opens_the_default_rules() {
    for next_hop in [APPLIANCE, NextHop::VirtualNetworkGateway] {
        let mut lab = guarded().routes("web", &[("0.0.0.0/0", next_hop)]).build();
        // The rules allow it; its answers would go into the tunnel.
        lab.send("internet", ipv4(FAR, PUBLIC1).tcp(5000, 22).syn());
        // The other subnet has not got the table.
        lab.send("internet", ipv4(FAR, PUBLIC3).tcp(5000, 22).syn());
        lab.expect([("route-elsewhere", 1), ("denied-inbound", 1), ("db-nsg/DenyAllInBound", 1)]);
    }
}

#[test]
fn a_default_route_that_leads_nowhere_else_opens_nothing() {
    for next_hop in [NextHop::Internet, NextHop::None, NextHop::VnetLocal] {
        let mut lab = guarded().routes("web", &[("0.0.0.0/0", next_hop)]).build();
        lab.send("internet", ipv4(FAR, PUBLIC1).tcp(5000, 22).syn());
        lab.expect([("denied-inbound", 1), ("web-nsg/DenyAllInBound", 1)]);
    }
}

#[test]
fn a_default_route_of_ipv6_opens_ipv6_alone() {
    let public = guarded().dual_stack().public_v6("vm1", "2001:db8:f::21");
    let mut lab = public.routes("web", &[("::/0", APPLIANCE)]).build();
    lab.send("internet", ipv6("2001:db8:1::7", "2001:db8:f::21").tcp(5000, 22).syn());
    lab.send("internet", ipv4(FAR, PUBLIC1).tcp(5000, 22).syn());
    lab.expect([("route-elsewhere", 1), ("denied-inbound", 1), ("web-nsg/DenyAllInBound", 1)]);
}

/// Every other prefix counts whatever the next hop, and is no longer in Internet.
#[test]
fn a_route_takes_its_prefix_out_of_internet() {
    let rules = ["100 out deny any * > Internet"];
    for (next_hop, end) in
        [(APPLIANCE, "route-elsewhere"), (NextHop::Internet, "forwarded"), (NextHop::None, "route-none")]
    {
        let routed = guarded().guard("web", &rules).routes("web", &[("198.51.100.0/24", next_hop)]);
        let mut lab = routed.build();
        lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
        lab.send("vm1", ipv4(VM1, "192.0.2.7").udp(5000, 53));
        lab.expect([(end, 1), ("denied-outbound", 1), ("web-nsg/rule-100", 1)]);
    }
}

/// One group at two subnets and at a NIC, and each sees the tag of its own subnet.
#[test]
fn each_subnet_sees_the_tag_of_its_own_table() {
    let rules = ["100 in allow tcp VirtualNetwork > *:22", "110 in deny any * > *"];
    let blueprint = Blueprint::default().public("vm1", PUBLIC1).public("vm3", PUBLIC3);
    let blueprint = blueprint.guard("vm1", &rules).guard("vm3", &rules);
    let blueprint = blueprint.routes("web", &[("198.51.100.7/32", NextHop::Internet)]);
    let mut lab = blueprint.routes("db", &[("198.51.100.6/32", NextHop::Internet)]).build();
    for (from, to, passes) in [
        (FAR, PUBLIC1, true),
        ("198.51.100.6", PUBLIC1, false),
        (FAR, PUBLIC3, false),
        ("198.51.100.6", PUBLIC3, true),
    ] {
        let sent = lab.send("internet", ipv4(from, to).tcp(5000, 22).syn());
        assert_eq!(sent.lines().len(), usize::from(passes), "{from} > {to}");
    }
    lab.expect([("forwarded", 2), ("denied-inbound", 2), ("vm1-nsg/rule-110", 1), ("vm3-nsg/rule-110", 1)]);
}

/// Subnets that see the same share a table of rules, whether they have the same route table or equal ones.
#[test]
fn equal_tags_are_compiled_once() {
    let snapshot = |blueprint: Blueprint| {
        let mut network = blueprint.network();
        network.security_groups.truncate(1);
        let subnets = &mut network.virtual_networks[0].subnets;
        subnets[1].security_group = subnets[0].security_group;
        Snapshot::build(&blueprint.gateway(Arc::new(network)), &mut Names::default()).unwrap()
    };
    let both = |snapshot: &Snapshot| [NicIndex(0), NicIndex(2)].map(|nic| snapshot.guards(nic, 0).subnet);
    let route = [("198.51.100.0/24", APPLIANCE)];
    for (web, db, same) in [
        (&route[..], &route[..], true),
        (&[("0.0.0.0/0", NextHop::Internet)], &[], true),
        (&[("10.0.0.0/24", APPLIANCE)], &[], true),
        (&route, &[], false),
    ] {
        let snapshot = snapshot(Blueprint::default().guard("web", &[]).routes("web", web).routes("db", db));
        let [of_web, of_db] = both(&snapshot);
        assert!(of_web.is_some());
        assert_eq!(of_web == of_db, same, "{web:?} {db:?}");
    }
}

/// Of the routes that hold an address the longest counts, and of equal ones the user's.
#[test]
fn no_packet_goes_where_its_route_does_not_lead() {
    let ends = |routes: &[(&str, NextHop)], to: &str| {
        let mut lab = guarded().routes("web", routes).build();
        lab.send("vm1", ipv4(VM1, to).udp(5000, 53));
        let mut ends = [PASSES, ELSEWHERE, NONE].into_iter();
        ends.find(|end| lab.ended(*end) == 1).unwrap()
    };
    for (route, to, end) in [
        (("0.0.0.0/0", APPLIANCE), VM3, PASSES),
        (("0.0.0.0/0", APPLIANCE), FAR, ELSEWHERE),
        (("0.0.0.0/0", NextHop::None), FAR, NONE),
        (("0.0.0.0/0", NextHop::Internet), FAR, PASSES),
        (("10.0.0.0/8", APPLIANCE), VM3, PASSES),
        (("10.0.0.0/16", APPLIANCE), VM3, ELSEWHERE),
        (("10.0.0.0/16", NextHop::VnetLocal), VM3, PASSES),
        (("10.0.2.0/24", NextHop::None), VM3, NONE),
        (("10.0.2.0/24", NextHop::Internet), VM3, ELSEWHERE),
        (("10.0.2.5/32", NextHop::None), VM3, PASSES),
        (("198.51.100.0/24", NextHop::VnetLocal), FAR, ELSEWHERE),
        (("198.51.100.0/24", NextHop::VirtualNetworkGateway), FAR, ELSEWHERE),
    ] {
        assert_eq!(ends(&[route], to), end, "{route:?} {to}");
    }
    let both = [("0.0.0.0/0", APPLIANCE), ("198.51.100.0/24", NextHop::Internet)];
    assert_eq!(ends(&both, FAR), PASSES);
}

/// What is answered must go back the way it came: from a machine of ours, from the internet, and from on premises.
#[test]
fn nothing_comes_whose_answers_lead_elsewhere() {
    let open = ["100 in allow any * > *"];
    let blueprint = guarded().guard("db", &open).guard("web", &open);
    let blueprint = blueprint.on_premises("site", "vnet", "192.168.0.1/24", &["192.168.0.0/16"], None);
    for (from, source, to, prefix) in [
        ("vm1", VM1, VM3, "10.0.1.0/24"),
        ("internet", FAR, PUBLIC3, "198.51.100.0/24"),
        ("site", "192.168.0.9", VM3, "192.168.0.0/16"),
    ] {
        for (next_hop, end) in [(APPLIANCE, "route-elsewhere"), (NextHop::None, "route-none")] {
            let mut lab = blueprint.clone().routes("db", &[(prefix, next_hop)]).build();
            lab.send(from, ipv4(source, to).udp(5000, 53));
            lab.expect([(end, 1)]);
        }
        let mut lab = blueprint.clone().routes("web", &[(prefix, NextHop::VnetLocal)]).build();
        let passes = lab.send(from, ipv4(source, to).udp(5000, 53)).lines().len() == 1;
        assert_eq!(passes, from != "vm1" || prefix.starts_with("10."), "{from}");
    }
}

/// Whoever asks is told which route of which table it was, and of the answers' way the same.
#[test]
fn the_route_that_decides_is_named() {
    let appliance = NextHop::VirtualAppliance(Some("10.0.0.9".parse().unwrap()));
    let web = [
        ("0.0.0.0/0", NextHop::Internet),
        ("198.51.100.0/24", NextHop::None),
        ("198.51.100.7/32", appliance),
        ("10.0.0.0/16", NextHop::VnetLocal),
        ("192.168.0.0/16", NextHop::Internet),
    ];
    let open = Blueprint::default().public("vm3", PUBLIC3);
    let lab = open.routes("web", &web).routes("db", &[("192.0.2.0/24", NextHop::None)]).build();
    let told = |from: &str, source: &str, to: &str| {
        let explained = lab.explain(from, ipv4(source, to).udp(5000, 53));
        let of = |name: &str| explained.stages.iter().find(|stage| stage.name == name).cloned();
        let stage = of("route-of-answers").or_else(|| of("route")).unwrap();
        (stage.text, stage.route.unwrap(), explained.why.unwrap_or_default())
    };
    for (to, by, next_hop, why) in [
        (
            "192.0.2.7",
            "Internet, by the user-defined web-routes/to-0.0.0.0/0: 0.0.0.0/0 to Internet",
            "Internet",
            "",
        ),
        (
            "198.51.100.8",
            "user-defined web-routes/to-198.51.100.0/24: 198.51.100.0/24 to None",
            "None",
            "A user-defined route drops it. web-routes/to-198.51.100.0/24: 198.51.100.0/24 to None.",
        ),
        (
            FAR,
            "user-defined web-routes/to-198.51.100.7/32: 198.51.100.7/32 to VirtualAppliance 10.0.0.9",
            "VirtualAppliance",
            "A user-defined route leads it to a next hop that nsgate gives nothing to yet. \
             web-routes/to-198.51.100.7/32: 198.51.100.7/32 to VirtualAppliance 10.0.0.9.",
        ),
        (
            "192.168.7.7",
            "user-defined web-routes/to-192.168.0.0/16: 192.168.0.0/16 to Internet, where nobody has the private or reserved \
             192.168.7.7",
            "Internet",
            "A user-defined route leads it where nobody has this private or reserved address. web-routes/to-192.168.0.0/16: \
             192.168.0.0/16 to Internet.",
        ),
        (
            VM3,
            "VnetLocal: vm3, by the user-defined web-routes/to-10.0.0.0/16: 10.0.0.0/16 to VnetLocal",
            "VnetLocal",
            "",
        ),
    ] {
        let (text, route, said) = told("vm1", VM1, to);
        assert_eq!((text.as_str(), route.next_hop_type, said.as_str()), (by, next_hop, why), "{to}");
        let user = route.user.unwrap();
        assert_eq!(
            (&*user.table, user.prefix.contains(&to.parse::<std::net::IpAddr>().unwrap())),
            ("web-routes", true)
        );
    }
    let (text, route, said) = told("internet", "192.0.2.7", PUBLIC3);
    assert_eq!(text, "user-defined db-routes/to-192.0.2.0/24: 192.0.2.0/24 to None");
    assert_eq!(route.next_hop_type, "None");
    assert_eq!(
        said,
        "A user-defined route drops the answers to it. db-routes/to-192.0.2.0/24: 192.0.2.0/24 to None."
    );
    // None of the user's: the system's.
    let (text, route, _) = told("vm3", VM3, FAR);
    assert_eq!((text.as_str(), route.user, route.next_hop_type), ("Internet", None, "Internet"));
}
