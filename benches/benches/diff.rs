//! The difference of two groups of 1,000 rules that name 200 tags, and the rules of one that change nothing.
//!
//! With `NSGATE_DATA` set to a folder that holds `service-tags/ServiceTags_Public_*.json`, the tags are those of the
//! newest of these files; without it, of a made-up file of the same size.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod made;

use analysis::{Limits, diff, lint};
use criterion::{Criterion, criterion_group, criterion_main};
use made::{network, tags};
use model::{AddressMatch, Network, PortSet};
use std::collections::BTreeMap;
use std::time::Duration;

const RULES: u16 = 1000;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = compare
}
criterion_main!(benches);

fn compare(criterion: &mut Criterion) {
    let (old, nowhere) = (network(RULES, &tags()), BTreeMap::new());
    let mut group = criterion.benchmark_group("diff");
    let mut bench = |name: &str, new: &Network| {
        let side = |network| analysis::Network {
            network,
            virtual_networks: &nowhere,
            on_premises: &[],
            internet: &[],
        };
        let found = diff(&side(&old), &side(new), &Limits::default()).unwrap();
        let more: u64 = found.differences.iter().map(|one| one.more).sum();
        let shown: usize = found.differences.iter().map(|one| one.regions.len()).sum();
        eprintln!("diff/{name}: {} regions", shown as u64 + more);
        group.bench_function(name, |bencher| {
            bencher.iter(|| diff(&side(&old), &side(new), &Limits::default()).unwrap());
        });
    };
    bench("equal", &rewritten(&old));
    bench("one_port_one_address", &one_packet(&old));
    bench("other_rules", &moved(&old));
    group.bench_function("lint", |bencher| {
        bencher.iter(|| {
            lint(&analysis::Network {
                network: &old,
                virtual_networks: &nowhere,
                on_premises: &[],
                internet: &[],
            })
            .unwrap()
        });
    });
    group.finish();
}

/// The same in other words: every prefix in halves, other names and priorities.
fn rewritten(old: &Network) -> Network {
    let mut new = old.clone();
    for (nth, rule) in new.security_groups[0].rules.iter_mut().enumerate() {
        rule.name = format!("other-{nth}").into();
        rule.priority = 100 + 3 * nth as u16;
        for side in [&mut rule.source, &mut rule.destination] {
            let AddressMatch::Prefixes(prefixes) = side else { continue };
            let halves = |prefix: &ipnet::IpNet| -> Vec<ipnet::IpNet> {
                let length = (prefix.prefix_len() + 1).min(prefix.max_prefix_len());
                prefix.subnets(length).unwrap().collect()
            };
            *prefixes = prefixes.iter().flat_map(halves).collect();
        }
    }
    new
}

/// One rule in the middle holds one packet more.
fn one_packet(old: &Network) -> Network {
    let mut new = old.clone();
    let rules = &mut new.security_groups[0].rules;
    let mut rule = rules[500].clone();
    rule.name = "one-packet".into();
    rule.priority = 99;
    rule.access = model::Access::Allow;
    rule.protocol = model::RuleProtocol::Tcp;
    rule.source = AddressMatch::Prefixes(vec!["203.0.113.77/32".parse().unwrap()]);
    rule.destination = AddressMatch::Prefixes(vec!["10.0.77.7/32".parse().unwrap()]);
    rule.destination_ports = PortSet::from_ranges([7777..=7777]);
    rules.push(rule);
    new
}

/// Ten rules look at other ports.
fn moved(old: &Network) -> Network {
    let mut new = old.clone();
    for rule in new.security_groups[0].rules.iter_mut().step_by(100) {
        rule.destination_ports = PortSet::from_ranges([2222..=2230]);
    }
    new
}
