//! The addresses that are assumed, against a slow look at every address of small subnets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ipnet::IpNet;
use model::*;
use proptest::prelude::*;
use std::collections::HashSet;
use std::net::IpAddr;

/// What stands in the documents of one IP configuration: its subnet, its address by its place among the subnet's free ones,
/// and whether it is to have IPv6.
type Plan = (usize, Option<usize>, bool);

const SUBNETS: [&[&str]; 4] = [
    &["10.0.0.0/29"],
    &["10.0.0.16/28"],
    &["10.0.0.32/29", "fd00::/64", "10.0.0.64/29"],
    &["fd00:0:0:1::/64"],
];

fn prefixes(subnet: usize) -> Vec<IpNet> {
    SUBNETS[subnet].iter().map(|text| text.parse().unwrap()).collect()
}

/// The addresses that Azure gives in a subnet, ascending within each prefix; of IPv6 the first ones.
fn given(subnet: usize, six: bool) -> Vec<IpAddr> {
    let mut given = Vec::new();
    for prefix in prefixes(subnet) {
        match prefix {
            IpNet::V4(prefix) if !six => {
                let all: Vec<_> = (u32::from(prefix.network())..=prefix.broadcast().into()).collect();
                given.extend(all[4..all.len() - 1].iter().map(|bits| IpAddr::V4((*bits).into())));
            }
            IpNet::V6(prefix) if six => {
                given.extend((4..40).map(|nth| IpAddr::V6((u128::from(prefix.network()) + nth).into())));
            }
            _ => {}
        }
    }
    given
}

fn is_six(subnet: usize, six: bool) -> bool {
    six || prefixes(subnet).iter().all(|prefix| prefix.addr().is_ipv6())
}

/// A network of NICs; an address that is written twice is so once.
fn network(plans: &[Vec<Plan>]) -> Network {
    let mut taken = HashSet::new();
    let mut own = |&(subnet, place, six): &Plan| {
        let given = given(subnet, is_six(subnet, six));
        let written = place.and_then(|place| given.get(place).copied());
        IpConfiguration {
            name: "".into(),
            subnet: SubnetIndex { vnet: VnetIndex(0), subnet },
            private_address: written.filter(|address| taken.insert(*address)),
            is_assumed: false,
            is_ipv6: six,
            public_ip: None,
            application_security_groups: Vec::new(),
            primary: false,
        }
    };
    let nics = plans.iter().enumerate().map(|(nth, plans)| NetworkInterface {
        id: nth.to_string().into(),
        name: nth.to_string().into(),
        security_group: None,
        ip_forwarding: false,
        virtual_machine: None,
        mac: None,
        ip_configurations: plans.iter().map(&mut own).collect(),
    });
    let network_interfaces = nics.collect();
    let subnet = |nth: usize| Subnet {
        id: nth.to_string().into(),
        name: nth.to_string().into(),
        prefixes: prefixes(nth),
        security_group: None,
        route_table: None,
        default_outbound_access: true,
    };
    let vnet = VirtualNetwork {
        id: "vnet".into(),
        name: "vnet".into(),
        address_space: ["10.0.0.0/16", "fd00::/56"].map(|text| text.parse().unwrap()).to_vec(),
        subnets: (0..SUBNETS.len()).map(subnet).collect(),
        peerings: Vec::new(),
        peers_elsewhere: Vec::new(),
    };
    Network { virtual_networks: vec![vnet], network_interfaces, ..Network::default() }
}

fn plans() -> impl Strategy<Value = Vec<Vec<Plan>>> {
    let plan =
        (0..SUBNETS.len(), prop_oneof![2 => Just(None), 1 => (0..12_usize).prop_map(Some)], any::<bool>());
    prop::collection::vec(prop::collection::vec(plan, 1..3), 0..16)
}

fn addresses(network: &Network) -> Vec<Option<IpAddr>> {
    let all = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    all.map(|own| own.private_address).collect()
}

/// Everybody has an address of its own that its subnet can give, and what the documents say has stayed.
fn sound(written: &Network, network: &Network) -> Result<(), TestCaseError> {
    let mut seen = HashSet::new();
    let before = written.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    let after = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    for (before, own) in before.zip(after) {
        prop_assert_eq!(own.is_assumed, before.private_address.is_none() && own.private_address.is_some());
        let Some(address) = own.private_address else { continue };
        prop_assert!(before.private_address.is_none_or(|written| written == address));
        prop_assert!(seen.insert(address), "{} twice", address);
        prop_assert!(given(own.subnet.subnet, is_six(own.subnet.subnet, own.is_ipv6)).contains(&address));
    }
    Ok(())
}

proptest! {
    #[test]
    fn are_the_lowest_that_are_free(plans in plans()) {
        let written = network(&plans);
        let mut taken: HashSet<IpAddr> = addresses(&written).into_iter().flatten().collect();
        let mut expected = Vec::new();
        for own in written.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations) {
            let subnet = own.subnet.subnet;
            let mut given = given(subnet, is_six(subnet, own.is_ipv6)).into_iter();
            let address = own.private_address.or_else(|| given.find(|address| !taken.contains(address)));
            taken.extend(address);
            expected.push(address);
        }
        let mut assumed = written.clone();
        assumed.assume_addresses();
        prop_assert_eq!(addresses(&assumed), expected);
        sound(&written, &assumed)?;
        // Whoever comes later changes nothing for those before.
        let mut more = network(&[plans.as_slice(), &[vec![(1, None, false)]]].concat());
        more.assume_addresses();
        let before = addresses(&assumed);
        prop_assert_eq!(&addresses(&more)[..before.len()], before.as_slice());
        let mut again = assumed.clone();
        again.assume_again(&|_, _| None, &HashSet::new());
        prop_assert_eq!(addresses(&again), addresses(&assumed));
    }

    #[test]
    fn are_those_of_another_network_where_they_can_be(one in plans(), other in plans()) {
        let (written, mut other) = (network(&one), network(&other));
        other.assume_addresses();
        let wanted = |nic: NicIndex, place: usize| {
            other.network_interfaces.get(nic.0)?.ip_configurations.get(place)?.private_address
        };
        let to_avoid: HashSet<IpAddr> = addresses(&other).into_iter().flatten().collect();
        let mut network = written.clone();
        network.assume_addresses();
        network.assume_again(&wanted, &to_avoid);
        sound(&written, &network)?;
        let taken: HashSet<IpAddr> = addresses(&network).into_iter().flatten().collect();
        for (nth, nic) in network.network_interfaces.iter().enumerate() {
            for (place, own) in nic.ip_configurations.iter().enumerate().filter(|(_, own)| own.is_assumed) {
                let subnet = own.subnet.subnet;
                let six = is_six(subnet, own.is_ipv6);
                let given = |address: &IpAddr| {
                    address.is_ipv6() == six && given(subnet, six).contains(address)
                };
                match wanted(NicIndex(nth), place).filter(given) {
                    Some(wanted) => prop_assert!(own.private_address == Some(wanted) || taken.contains(&wanted)),
                    None => {
                        let others = self::given(subnet, six).into_iter().filter(|it| !taken.contains(it));
                        let is_avoided = own.private_address.is_some_and(|address| to_avoid.contains(&address));
                        prop_assert!(!is_avoided || others.clone().all(|address| to_avoid.contains(&address)));
                    }
                }
            }
        }
    }

    #[test]
    fn give_way_to_the_one_that_is_asked_about(plans in plans(), nic in 0..16_usize, address in 0..80_u8) {
        let written = network(&plans);
        let mut assumed = written.clone();
        assumed.assume_addresses();
        let (before, address) = (addresses(&assumed), IpAddr::from([10, 0, 0, address]));
        let settled = assumed.settle_address(NicIndex(nic), address);
        let own = written.network_interfaces.get(nic).map(|nic| nic.ip_configurations.as_slice()).unwrap_or_default();
        let open: Vec<_> = own.iter().filter(|own| own.private_address.is_none()).collect();
        let is_taken = addresses(&written).contains(&Some(address));
        let can = !is_taken && open.iter().any(|own| !own.is_ipv6 && given(own.subnet.subnet, false).contains(&address));
        let has = assumed.network_interfaces.get(nic).is_some_and(|nic| {
            nic.ip_configurations.iter().any(|own| own.private_address == Some(address))
        });
        match settled {
            Ok(true) => {
                prop_assert!(can && has);
                // Only who was in the way has another one, and who had none may have what is free now.
                let moved = before.iter().zip(addresses(&assumed)).filter(|(before, after)| *before != after).count();
                prop_assert!(moved <= 3, "{moved}");
            }
            Ok(false) => prop_assert!(has || open.is_empty()),
            Err(_) => prop_assert!(!can && !has && !open.is_empty()),
        }
        let mut seen = HashSet::new();
        prop_assert!(addresses(&assumed).into_iter().flatten().all(|address| seen.insert(address)));
    }
}

#[test]
fn are_told_in_a_sentence() {
    let told = |plans: &[Vec<Plan>]| {
        let mut network = network(plans);
        network.assume_addresses();
        network.assumptions()
    };
    assert_eq!(told(&[vec![(0, Some(0), false)]]), None);
    let one = told(&[vec![(0, None, false)], vec![(0, Some(0), false)]]).unwrap();
    assert_eq!(one, "0 has no address in these documents: 10.0.0.5 is assumed, the first that is free");
    let many = told(&vec![vec![(1, None, false)]; 6]).unwrap();
    assert_eq!(
        many,
        "6 IP configurations have no address in these documents: the first that are free are assumed, 10.0.0.20 for 0, \
         10.0.0.21 for 1, 10.0.0.22 for 2, 10.0.0.23 for 3 and 2 more"
    );
    let full = told(&vec![vec![(0, None, false)]; 5]).unwrap();
    assert!(
        full.ends_with("3 has no address, and its subnet has none that is free, nor have 1 more"),
        "{full}"
    );
}

#[test]
fn are_refused_where_azure_would_not_give_them() {
    let mut network = network(&[vec![(0, None, false)], vec![(0, Some(1), false)]]);
    let mut settle = |last: u8| network.settle_address(NicIndex(0), [10, 0, 0, last].into());
    for reserved in [0, 1, 2, 3, 7] {
        let why = settle(reserved).unwrap_err();
        assert_eq!(why, "Azure keeps the first four addresses and the last one of 10.0.0.0/29 for itself");
    }
    assert_eq!(settle(5).unwrap_err(), "already the address of 1");
    assert_eq!(settle(20).unwrap_err(), "outside subnet 0 (10.0.0.0/29)");
    assert_eq!((settle(6), settle(6)), (Ok(true), Ok(false)));
}
