//! A route table under a running daemon: a reload takes it, every answer follows it, and no real packet goes where it does not
//! lead.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use std::fs;
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::site::Site;

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
/// Two servers in the internet.
const ONE: &str = "198.51.100.7:8080";
const TWO: &str = "198.51.100.8:8080";

/// vm1 and vm3 may not go to the internet.
fn closed() -> GatewayFile {
    let deny = || [Rule::deny("DenyInternet", 100).outbound().to("Internet")];
    GatewayFile::open().nsg("vm1", deny()).nsg("vm3", deny())
}

/// The same with a route to an appliance for the first server, at the subnet of vm1.
fn routed() -> String {
    let mut file: Value = serde_json::from_str(&closed().text()).unwrap();
    let resources = file["network"]["resources"].as_array_mut().unwrap();
    resources[0]["properties"]["subnets"][0]["properties"]["routeTable"] = json!({ "id": "inspected" });
    resources.push(json!({ "type": "Microsoft.Network/routeTables", "name": "inspected", "properties": {
        "routes": [{ "name": "server", "properties": {
            "addressPrefix": "198.51.100.7/32", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.2.4",
        } }],
    } }));
    file.to_string()
}

#[test]
fn rules_follow_the_route_table_from_one_reload_to_the_next() {
    let Some((site, daemon)) = Site::with(NSGATE, &closed()) else { return };
    site.serve(&site.internet, 8080);
    let reach = || {
        [(&site.vm1, ONE), (&site.vm1, TWO), (&site.vm3, ONE)]
            .map(|(vm, to)| site.try_udp(vm, to).address().is_some())
    };
    let verified = || {
        let flow = "--nic vm1-nic --direction Outbound --protocol UDP --local 10.0.1.4:5000";
        let answer = daemon.attempt(&format!("test-ip-flow {flow} --remote {ONE} --output json"));
        serde_json::from_slice::<Value>(&answer.stdout).unwrap()["ruleName"].clone()
    };
    assert_eq!(reach(), [false; 3], "{}", daemon.log());
    assert_eq!(verified(), json!("securityRules/DenyInternet"));

    fs::write(daemon.config(), routed()).unwrap();
    let trial = daemon.attempt("reload --dry-run --output json");
    assert_eq!(trial.status.code(), Some(1));
    let trial: Value = serde_json::from_slice(&trial.stdout).unwrap();
    let differences = trial["differences"].as_array().unwrap();
    let opens = |it: &Value| {
        it["nic"] == "vm1-nic"
            && it["direction"] == "Outbound"
            && it["newRuleName"] == "vm1-nsg/AllowVnetOutBound"
            && it["region"]["destination"].as_str().is_some_and(|it| it.contains("198.51.100.7"))
    };
    assert!(differences.iter().any(opens), "{trial:#}");
    assert!(differences.iter().all(|it| it["nic"] != "vm3-nic"), "{trial:#}");
    assert_eq!(reach(), [false; 3], "nothing is in force yet");

    let taken = daemon.reload(&routed());
    assert!(taken.status.success(), "{}", daemon.log());
    let said = String::from_utf8_lossy(&taken.stderr).into_owned() + &String::from_utf8_lossy(&taken.stdout);
    assert!(said.contains("packets of subnet 'vnet1/web' are not routed by its route table yet"), "{said}");
    let elsewhere = daemon.dropped("route-elsewhere", "", "");
    assert_eq!(reach(), [false; 3], "{}", daemon.log());
    assert_eq!(elsewhere, 0);
    daemon.drops("route-elsewhere", |packets| packets > 0);
    assert_eq!(verified(), json!("defaultSecurityRules/AllowVnetOutBound"));

    assert!(daemon.reload(&closed().text()).status.success(), "{}", daemon.log());
    assert_eq!(reach(), [false; 3], "{}", daemon.log());
    assert_eq!(verified(), json!("securityRules/DenyInternet"));
}
