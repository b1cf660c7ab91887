//! A cold start with the published service tags and 1,000 rules that name 200 of them. Says how long it takes and what it
//! holds: less than a second of work is meant, and with `--release --nocapture` these are the figures that count.
use serde_json::{Value, json};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns;
use testbed::process::Holdings;
use testbed::site::Site;

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const RULES: usize = 1000;
const NAMED: usize = 200;
const SOON: Duration = Duration::from_secs(60);

/// The newest published file, where there is one.
fn published() -> Option<PathBuf> {
    let folder = Path::new(&std::env::var_os("NSGATE_DATA")?).join("service-tags");
    fs::read_dir(folder).ok()?.flatten().map(|file| file.path()).max()
}

/// A file of the same size: 3,039 tags with 93,000 prefixes, the first with 13,000 of them.
fn made_up() -> String {
    let mut next = 0_u32;
    let mut prefixes = |count: usize| -> Vec<String> {
        let mut one = || {
            // Every 28-bit prefix of public addresses once, in an order that is none.
            next = next.wrapping_add(0x9e37_79b1);
            let bits = (0x1400_0000 | (next >> 4 & 0x03ff_ffff)) & !0xf;
            format!("{}/28", std::net::Ipv4Addr::from(bits))
        };
        (0..count).map(|_| one()).collect()
    };
    let mut tag = |nth: usize| {
        let prefixes = prefixes(if nth == 0 { 13_000 } else { 26 + usize::from(nth.is_multiple_of(3)) });
        json!({ "name": format!("Service{nth}"), "id": format!("Service{nth}"), "properties": {
            "changeNumber": 1, "region": "", "regionId": 0, "platform": "Azure", "systemService": "",
            "addressPrefixes": prefixes, "networkFeatures": ["API", "NSG", "UDR", "FW"],
        }})
    };
    let values: Vec<Value> = (0..3039).map(&mut tag).collect();
    format!("{:#}", json!({ "changeNumber": 1, "cloud": "Public", "values": values }))
}

#[test]
fn all_published_tags_and_a_thousand_rules_that_name_two_hundred_of_them() {
    if !netns::available() {
        eprintln!("skipped: no permission to make network namespaces");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    match published() {
        Some(file) => drop(fs::copy(file, path("tags.json")).unwrap()),
        None => fs::write(path("tags.json"), made_up()).unwrap(),
    }
    let tags: Value = serde_json::from_str(&fs::read_to_string(path("tags.json")).unwrap()).unwrap();
    let tags = tags["values"].as_array().unwrap();
    // The first are the whole services, the largest among them.
    let mut largest: Vec<_> = tags
        .iter()
        .map(|tag| (tag["properties"]["addressPrefixes"].as_array().unwrap().len(), &tag["name"]))
        .collect();
    largest.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let rule = |nth: usize| {
        let tag = largest[nth % NAMED].1.as_str().unwrap();
        Rule::allow(&format!("rule{nth}"), 100 + nth as u16).outbound().to(tag).port(&(1 + nth).to_string())
    };
    let written = GatewayFile::open().nsg("vm1", (0..RULES).map(rule));
    let document: Value = serde_json::from_str(&written.text()).unwrap();
    fs::write(path("network.json"), document["network"]["resources"].to_string()).unwrap();
    let file = written
        .with("network", json!({ "files": ["network.json"] }))
        .with("serviceTags", json!("tags.json"))
        .with("flows", json!({ "capacity": 1000 }))
        .with("engine", json!({ "workers": 1 }));
    fs::write(path("gateway.yaml"), file.text()).unwrap();

    let site = Site::new();
    let manager = UnixDatagram::bind(path("notify")).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let run = format!(
        "env NOTIFY_SOCKET={} {NSGATE} run --config {}",
        path("notify").display(),
        path("gateway.yaml").display()
    );
    let log = || fs::read_to_string(path("nsgate.log")).unwrap_or_default();
    let (mut least, mut soonest) = (u64::MAX, Duration::MAX);
    for _ in 0..3 {
        let begun = Instant::now();
        let mut daemon = site.gateway.start(&run, &path("nsgate.log"));
        let mut message = [0; 64];
        let length = manager.recv(&mut message).unwrap_or_default();
        let took = begun.elapsed();
        assert!(message[..length].starts_with(b"READY=1"), "{}", log());
        let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.id())).unwrap();
        // Behind the name, which is in brackets: user and system time are the 12th and 13th field, in hundredths.
        let cpu: u64 = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|it| it.parse::<u64>().unwrap())
            .sum();
        eprintln!("ready after {took:?}, of it {} ms of CPU; {}", 10 * cpu, Holdings::of(daemon.id()));
        least = least.min(10 * cpu);
        soonest = soonest.min(took);
        let peak = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
        eprintln!("{}", peak.lines().find(|line| line.starts_with("VmHWM")).unwrap());
        daemon.signal("TERM");
        assert!(daemon.wait(SOON).is_some_and(|ended| ended.success()), "{}", log());
        while manager.set_nonblocking(true).is_ok() && manager.recv(&mut message).is_ok() {}
        manager.set_nonblocking(false).unwrap();
        fs::remove_file(path("nsgate.log")).unwrap();
    }
    eprintln!("the quickest start took {least} ms of CPU, and the soonest was over after {soonest:?}");
}
