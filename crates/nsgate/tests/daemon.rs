//! The daemon on real interfaces: start, reload, stop, and everything that keeps it from starting.
#![expect(clippy::expect_used, reason = "tests")]

use serde_json::{Value, json};
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Command, Output};
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::{available, eventually};
use testbed::probe::{self, Outcome};
use testbed::site::{Daemon, PATIENCE, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const OUTSIDE: &str = "198.51.100.7:8080";

fn site() -> Option<Site> {
    if !available() {
        eprintln!("skipped: no permission to make network namespaces");
        return None;
    }
    let site = Site::new();
    site.serve(&site.internet, 8080);
    Some(site)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command in the gateway's namespace, with the gateway file.
fn in_gateway(site: &Site, config: &Path, words: &str) -> Output {
    let words = format!("{NSGATE} {words} --config {}", config.display());
    site.gateway.command(&words).output().expect("running nsgate")
}

fn is_answered(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Seen(_))
}

#[test]
fn packets_flow_and_every_question_is_answered() {
    let Some(site) = site() else { return };
    let file =
        GatewayFile::open().nsg("vm1", [Rule::deny("NoTelnet", 100).outbound().protocol("Tcp").port("23")]);
    let mut daemon = site.start(Path::new(NSGATE), &file);
    assert!(is_answered(&site.tcp(&site.vm1, OUTSIDE)), "{}", daemon.log());
    assert!(is_answered(&site.udp(&site.vm3, OUTSIDE)), "{}", daemon.log());
    daemon.denies("vm1-nsg", "NoTelnet", || site.try_tcp(&site.vm1, "198.51.100.7:23"));

    let status = daemon.ask("status");
    assert_eq!(status["attachments"].as_array().unwrap().len(), 4);
    assert!(status["attachments"].as_array().unwrap().iter().all(|a| a["state"] == "attached"), "{status:#}");
    assert!(status["endings"].as_array().unwrap().iter().any(|e| e["ending"] == "forwarded"), "{status:#}");

    let flows = daemon.ask("flows");
    let udp =
        flows.as_array().unwrap().iter().find(|flow| flow["protocol"] == "Udp").expect("the flow is alive");
    assert_eq!(udp["initiator"]["source"], "10.0.2.4");
    assert_eq!(udp["translated"]["source"], "203.0.113.10");
    let tcp =
        flows.as_array().unwrap().iter().find(|flow| flow["protocol"] == "Tcp").expect("the flow lingers");
    assert_eq!(tcp["rules"], json!([{"nsg": "vm1-nsg", "rule": "AllowInternetOutBound"}]));

    let snat = daemon.ask("snat");
    let pool = snat.as_array().unwrap().iter().find(|pool| pool["protocol"] == "Udp").unwrap();
    assert_eq!(pool["publicIp"], "203.0.113.10");
    assert_eq!(pool["destination"], "198.51.100.7");
    assert_eq!((&pool["used"], &pool["capacity"]), (&json!(1), &json!(64511)));

    let verdict = daemon.ask(
        "test-ip-flow --nic vm1-nic --direction Outbound --protocol TCP --local 10.0.1.4:* --remote 198.51.100.7:23",
    );
    assert_eq!(verdict, json!({"access": "Deny", "ruleName": "securityRules/NoTelnet"}));
    let walk = daemon.ask("explain --from vm1-nic tcp 10.0.1.4:5000 198.51.100.7:23");
    assert_eq!(walk["verdict"], "denied-outbound");
    let walk = daemon.ask("explain --from vm1-nic tcp 10.0.1.4:5000 198.51.100.7:443");
    assert_eq!(walk["verdict"], "forwarded");
    for table in ["status", "flows", "snat", "drops"] {
        let output = daemon.attempt(table);
        assert!(output.status.success() && output.stdout.len() > 100, "{table}: {}", stderr(&output));
    }

    let ended = daemon.stop();
    assert!(ended.is_some_and(|ended| ended.success()), "{}", daemon.log());
    assert!(!daemon.config().with_file_name("control.sock").exists());
}

#[test]
fn a_reload_changes_everything_or_nothing() {
    let Some(site) = site() else { return };
    let daemon = site.start(Path::new(NSGATE), &GatewayFile::open());
    assert!(is_answered(&site.tcp(&site.vm1, OUTSIDE)));

    let broken = daemon.reload("network: {\nattachments: [{interface: vm1, nik: vm1-nic}]\n");
    assert_eq!(broken.status.code(), Some(1), "{}", stderr(&broken));
    assert!(stderr(&broken).contains("gateway.yaml:"), "{}", stderr(&broken));
    let wrong = GatewayFile::open().with("atachments", json!([])).with("engine", json!({"workers": 65}));
    let wrong = daemon.reload(&wrong.text());
    assert_eq!(wrong.status.code(), Some(1));
    for what in ["atachments", "workers: \"65\" is not auto or a number between 1 and 64"] {
        assert!(stderr(&wrong).contains(what), "{}", stderr(&wrong));
        assert!(daemon.log().contains(what), "{}", daemon.log());
    }
    assert!(is_answered(&site.tcp(&site.vm1, OUTSIDE)), "a refused reload changes nothing");
    assert_eq!(daemon.ask("status")["reloads"]["refused"], 2);

    let closed = GatewayFile::open().nsg("vm1", [Rule::deny("NoTcp", 100).outbound().protocol("Tcp")]);
    let done = daemon.reload(&closed.text());
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(!is_answered(&daemon.denies("vm1-nsg", "NoTcp", || site.try_tcp(&site.vm1, OUTSIDE))));

    std::fs::write(daemon.config(), GatewayFile::open().text()).unwrap();
    daemon.signal("HUP");
    let opened = eventually(PATIENCE, || is_answered(&site.try_tcp(&site.vm1, OUTSIDE)).then_some(()));
    assert!(opened.is_some(), "{}", daemon.log());
}

/// Root reads all files only until the daemon has given up its rights.
#[test]
fn a_file_that_no_reload_can_read_is_told_at_the_start() {
    let Some(site) = site() else { return };
    let mut daemon = site.start(Path::new(NSGATE), &GatewayFile::open());
    assert!(!daemon.log().contains("no reload will work"), "{}", daemon.log());
    daemon.stop();
    std::fs::set_permissions(daemon.config(), Permissions::from_mode(0o600)).unwrap();
    chown(daemon.config(), Some(65_534), None).unwrap();
    // Writing it again changes neither.
    let daemon = site.start(Path::new(NSGATE), &GatewayFile::open());
    assert!(daemon.log().contains("no reload will work: the daemon gives up its rights"), "{}", daemon.log());
    let refused = daemon.reload(&GatewayFile::open().text());
    assert!(
        !refused.status.success() && stderr(&refused).contains("Permission denied"),
        "{}",
        stderr(&refused)
    );
    chown(daemon.config(), Some(0), None).unwrap();
    let done = daemon.reload(&GatewayFile::open().text());
    assert!(done.status.success(), "{}", stderr(&done));
}

/// Service tags that tell one kind of addresses more apart than a policy may: one for each of 16 bits, and one of an address
/// beyond those.
fn too_many_kinds() -> Vec<(String, Vec<String>)> {
    let bit = |bit: u8| {
        let halves = (0..1_u32 << (15 - bit)).map(|nth| Ipv4Addr::from((2 * nth + 1) << bit));
        (format!("Bit{bit}"), halves.map(|start| format!("{start}/{}", 32 - bit)).collect())
    };
    (0..16).map(bit).chain([("Beyond".into(), vec!["0.1.0.0/32".into()])]).collect()
}

#[test]
fn a_policy_that_costs_too_much_changes_nothing() {
    let Some(site) = site() else { return };
    let daemon = site.start(Path::new(NSGATE), &GatewayFile::open());
    let running = site.vm1.enter(|| TcpStream::connect(OUTSIDE)).unwrap();
    BufReader::new(&running).read_line(&mut String::new()).unwrap();

    let tags = too_many_kinds();
    let values = tags.iter().map(|(name, prefixes)| {
        json!({ "name": name, "id": name, "properties": {
            "changeNumber": 1, "region": "", "regionId": 0, "platform": "Azure", "systemService": "",
            "addressPrefixes": prefixes, "networkFeatures": ["NSG"],
        }})
    });
    let file = json!({ "changeNumber": 1, "cloud": "Public", "values": values.collect::<Vec<_>>() });
    std::fs::write(daemon.config().with_file_name("tags.json"), file.to_string()).unwrap();
    let rules = (100..).zip(&tags).map(|(priority, (tag, _))| Rule::deny(tag, priority).from(tag));
    let costly = GatewayFile::open().nsg("vm1", rules).with("serviceTags", json!("tags.json"));
    let refused = daemon.reload(&costly.text());
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    let why = "network security group vm1-nsg tells more than 65536 kinds of addresses or ports apart";
    assert!(stderr(&refused).contains(why), "{}", stderr(&refused));
    assert!(daemon.log().contains(why), "{}", daemon.log());
    assert_eq!(daemon.ask("status")["reloads"]["refused"], 1);
    assert_eq!(probe::returned(&running, 100_000), 100_000, "a connection goes on");
    assert!(is_answered(&site.tcp(&site.vm3, OUTSIDE)), "and new ones come about: {}", daemon.log());
}

/// What `drops` says of denied packets: the reason, the NSG, the rule and how many.
fn denied(daemon: &Daemon) -> Vec<(String, String, String, u64)> {
    let drops = daemon.ask("drops");
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let rows = drops.as_array().expect("drops is a list").iter().map(|drop| {
        let packets = drop["packets"].as_u64().expect("a count");
        (text(&drop["reason"]), text(&drop["nsg"]), text(&drop["rule"]), packets)
    });
    rows.filter(|(reason, ..)| reason.starts_with("denied-")).collect()
}

#[test]
fn a_rule_that_a_reload_turns_around_counts_anew() {
    let Some(site) = site() else { return };
    let file = |turn: fn(Rule) -> Rule| {
        let telnet = turn(Rule::deny("Telnet", 100).protocol("Tcp").port("23"));
        GatewayFile::open().nsg("vm1", [telnet, turn(Rule::allow("Web", 200).protocol("Udp").port("8080"))])
    };
    let daemon = site.start(Path::new(NSGATE), &file(Rule::outbound));
    assert!(is_answered(&site.udp(&site.vm1, OUTSIDE)), "{}", daemon.log());
    daemon.denies("vm1-nsg", "Telnet", || site.try_tcp(&site.vm1, "198.51.100.7:23"));
    let [out] = &denied(&daemon)[..] else { panic!("{:#}", daemon.ask("drops")) };
    assert_eq!((&*out.0, &*out.1, &*out.2), ("denied-outbound", "vm1-nsg", "Telnet"));

    let done = daemon.reload(&file(|rule| rule).text());
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(denied(&daemon), std::slice::from_ref(out));
    let flows = daemon.ask("flows");
    let web = flows.as_array().unwrap().iter().find(|flow| flow["protocol"] == "Udp").expect("it is alive");
    assert_eq!(web["rules"], json!([{"nsg": "vm1-nsg", "rule": "Web"}]));

    daemon.denies("vm1-nsg", "Telnet", || site.try_tcp(&site.vm2, "10.0.1.4:23"));
    let (ended, rows) = (daemon.ask("status"), denied(&daemon));
    assert_eq!(rows.len(), 2, "{rows:?}");
    for (reason, nsg, rule, packets) in rows {
        assert_eq!((&*nsg, &*rule), ("vm1-nsg", "Telnet"));
        let of_all = ended["endings"].as_array().unwrap().iter().find(|it| it["ending"] == *reason);
        assert_eq!(of_all.map(|it| &it["packets"]), Some(&json!(packets)), "{reason}");
    }
}

#[test]
fn nsgs_of_one_name_count_apart() {
    let Some(site) = site() else { return };
    let deny = || [Rule::deny("Telnet", 100).outbound().protocol("Tcp").port("23")];
    // The second one is of another resource group, and has the first one's name.
    let groups =
        |name: &str| format!("resourceGroups/{name}/providers/Microsoft.Network/networkSecurityGroups/");
    let text = GatewayFile::open().nsg("vm1", deny()).nsg("vm2", deny()).text();
    let text = text.replace(&format!("{}vm2-nsg", groups("lab")), &format!("{}vm1-nsg", groups("other")));
    let text = text.replace("\"vm2-nsg\"", "\"vm1-nsg\"");
    let daemon = site.start_on(Path::new(NSGATE), &text);
    let names = |expected: usize| {
        let rows = denied(&daemon);
        assert!(rows.iter().all(|(_, nsg, rule, _)| nsg == "vm1-nsg" && rule == "Telnet"), "{rows:?}");
        assert_eq!(rows.len(), expected, "{rows:?}");
    };
    daemon.denies("vm1-nsg", "Telnet", || site.try_tcp(&site.vm1, "198.51.100.7:23"));
    names(1);
    daemon.denies("vm1-nsg", "Telnet", || site.try_tcp(&site.vm2, "198.51.100.7:23"));
    names(2);

    let done = daemon.reload(&text.replace(&groups("other"), &groups("OTHER")));
    assert!(done.status.success(), "{}", stderr(&done));
    daemon.denies("vm1-nsg", "Telnet", || site.try_tcp(&site.vm2, "198.51.100.7:23"));
    names(2);
}

#[test]
fn a_reload_attaches_and_detaches() {
    let Some(site) = site() else { return };
    let without_vm3 = json!([
        { "interface": "vm1", "nic": "vm1-nic" },
        { "interface": "vm2", "nic": "vm2-nic" },
        { "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } },
    ]);
    let daemon = site.start(Path::new(NSGATE), &GatewayFile::open().with("attachments", without_vm3.clone()));
    assert!(!is_answered(&site.try_tcp(&site.vm3, OUTSIDE)));
    let done: Value = {
        let output = daemon.reload(&GatewayFile::open().text());
        assert!(output.status.success(), "{}", stderr(&output));
        daemon.ask("status")
    };
    assert_eq!(done["attachments"].as_array().unwrap().len(), 4);
    assert!(is_answered(&site.tcp(&site.vm3, OUTSIDE)), "{}", daemon.log());
    let output = daemon.reload(&GatewayFile::open().with("attachments", without_vm3).text());
    assert!(String::from_utf8_lossy(&output.stdout).contains("given back: vm3"), "{}", stderr(&output));
    assert!(!is_answered(&site.try_tcp(&site.vm3, OUTSIDE)));
    assert!(is_answered(&site.tcp(&site.vm1, OUTSIDE)), "{}", daemon.log());
}

#[test]
fn an_interface_that_comes_back_is_attached_again() {
    let Some(site) = site() else { return };
    let daemon = site.start(Path::new(NSGATE), &GatewayFile::open());
    site.gateway.ip("link del vm3");
    let state = |wanted: &str| {
        eventually(PATIENCE, || {
            let status = daemon.ask("status");
            let vm3 =
                status["attachments"].as_array().unwrap().iter().find(|a| a["interface"] == "vm3").unwrap();
            (vm3["state"] == wanted).then_some(())
        })
    };
    assert!(state("missing").is_some(), "{}", daemon.log());
    assert!(is_answered(&site.tcp(&site.vm1, OUTSIDE)), "the others go on");
    let reloaded = daemon.reload(&GatewayFile::open().text());
    assert!(
        reloaded.status.success(),
        "a missing interface keeps nobody from new rules: {}",
        stderr(&reloaded)
    );

    testbed::netns::veth((&site.vm3, "eth0"), (&site.gateway, "vm3"));
    site.vm3.address("eth0", "10.0.2.4/24");
    site.vm3.route("default", "10.0.2.1");
    assert!(state("attached").is_some(), "{}", daemon.log());
    let back = eventually(PATIENCE, || is_answered(&site.try_tcp(&site.vm3, OUTSIDE)).then_some(()));
    assert!(back.is_some(), "{}", daemon.log());
}

/// The descriptors that a daemon holds.
#[test]
fn an_interface_that_comes_back_down_is_guarded_and_holds_up_nobody() {
    let Some(site) = site() else { return };
    let file = GatewayFile::open().with("engine", json!({ "workers": 2 }));
    let daemon = site.start(Path::new(NSGATE), &file);
    site.gateway.ip("link del vm3");
    site.gateway.ip("link add vm3 address 02:00:00:00:00:33 type bridge");
    let soon = |what: &dyn Fn() -> bool| eventually(PATIENCE, || what().then_some(())).is_some();
    let is = |wanted: &str| {
        let status = daemon.ask("status");
        status["attachments"]
            .as_array()
            .unwrap()
            .iter()
            .any(|a| a["interface"] == "vm3" && a["state"] == wanted)
    };
    assert!(
        soon(&|| site.gateway.run("tc filter show dev vm3 ingress").contains("nsgate")),
        "{}",
        daemon.log()
    );
    assert!(soon(&|| is("missing")), "it waits until it is up: {}", daemon.log());
    let reloaded = daemon.reload(&file.text());
    assert!(reloaded.status.success(), "{}", stderr(&reloaded));
    site.gateway.mtu("vm1", 1400);
    let followed = |name: &str| {
        daemon.log().lines().any(|line| line.contains("followed a change") && line.contains(name))
    };
    assert!(soon(&|| followed("vm1")), "{}", daemon.log());
    assert!(is("missing"));
    site.gateway.ip("link set vm3 up");
    assert!(soon(&|| is("attached")), "{}", daemon.log());
}

fn descriptors(daemon: &Daemon) -> usize {
    let pid = daemon.ask("status")["pid"].to_string();
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("a running daemon").count()
}

#[test]
fn an_interface_that_comes_and_goes_leaves_nothing_behind() {
    let Some(site) = site() else { return };
    let daemon = site.start(
        Path::new(NSGATE),
        &GatewayFile::open().with("engine", json!({ "workers": 2, "handOff": "auto" })),
    );
    assert!(is_answered(&site.tcp(&site.vm3, OUTSIDE)), "{}", daemon.log());
    let before = descriptors(&daemon);
    for _ in 0..5 {
        site.gateway.ip("link del vm3");
        testbed::netns::veth((&site.vm3, "eth0"), (&site.gateway, "vm3"));
        site.vm3.address("eth0", "10.0.2.4/24");
        site.vm3.route("default", "10.0.2.1");
        let guarded = eventually(PATIENCE, || {
            site.gateway.run("tc filter show dev vm3 ingress").contains("nsgate").then_some(())
        });
        assert!(guarded.is_some(), "{}", daemon.log());
        let back = eventually(PATIENCE, || is_answered(&site.try_tcp(&site.vm3, OUTSIDE)).then_some(()));
        assert!(back.is_some(), "{}", daemon.log());
    }
    // A connection to the control socket may have been open still at the first look; five rounds would leave more.
    let after = eventually(PATIENCE, || (descriptors(&daemon) <= before).then_some(()));
    assert!(after.is_some(), "{} descriptors, {before} before", descriptors(&daemon));
    // And what changes of it is followed as ever. The log would not tell that from its return.
    site.gateway.mtu("vm3", 1400);
    let told = || (site.told_mtu(&site.vm1, "10.0.2.4") == Some(1400)).then_some(());
    assert!(eventually(PATIENCE, told).is_some(), "{}", daemon.log());
}

#[test]
fn a_reload_makes_and_removes_tap_devices() {
    let Some(site) = site() else { return };
    let attachments = |vm3: Option<Value>| {
        let mut list = vec![
            json!({ "interface": "vm1", "nic": "vm1-nic" }),
            json!({ "interface": "vm2", "nic": "vm2-nic" }),
            json!({ "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } }),
        ];
        list.extend(vm3);
        GatewayFile::open().with("attachments", list.into()).with("engine", json!({ "workers": 2 }))
    };
    let daemon = site.start(Path::new(NSGATE), &attachments(None));
    let with_tap = attachments(Some(json!({ "tap": "tap3", "nic": "vm3-nic" })));
    let output = daemon.reload(&with_tap.text());
    assert!(output.status.success(), "{}", stderr(&output));
    site.vm3.ip("link del eth0");
    site.gateway.ip(&format!("link set tap3 netns {} name eth0", site.vm3.name()));
    site.vm3.ip("link set eth0 up");
    site.vm3.address("eth0", "10.0.2.4/24");
    site.vm3.route("default", "10.0.2.1");
    assert!(is_answered(&site.tcp(&site.vm3, OUTSIDE)), "{}", daemon.log());

    // One that is attached already stays, wherever it is by now.
    let output = daemon.reload(&with_tap.text());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(is_answered(&site.tcp(&site.vm3, OUTSIDE)), "{}", daemon.log());

    let output = daemon.reload(&attachments(None).text());
    assert!(String::from_utf8_lossy(&output.stdout).contains("given back: tap3"), "{}", stderr(&output));
    let gone = eventually(PATIENCE, || (!site.vm3.attempt("ip link show eth0").success).then_some(()));
    assert!(gone.is_some(), "the device went with its queues");
    assert!(is_answered(&site.tcp(&site.vm1, OUTSIDE)), "{}", daemon.log());
}

#[test]
fn a_dead_daemon_leaves_the_door_shut_until_release() {
    let Some(site) = site() else { return };
    let mut daemon = site.start(Path::new(NSGATE), &GatewayFile::open());
    let config = daemon.config();
    let refused = in_gateway(&site, &config, "release");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("attached by another nsgate daemon"), "{}", stderr(&refused));

    daemon.kill();
    let guarded = || site.gateway.run("tc filter show dev vm1 ingress").contains("nsgate");
    assert!(guarded());
    let mut again = site.start(Path::new(NSGATE), &GatewayFile::open());
    assert!(is_answered(&site.tcp(&site.vm1, OUTSIDE)), "{}", again.log());
    assert!(again.stop().expect("it ends").success());
    assert!(guarded());
    let released = in_gateway(&site, &config, "release");
    assert!(released.status.success(), "{}", stderr(&released));
    assert!(!guarded());
}

#[test]
fn what_keeps_it_from_starting_is_named() {
    let Some(site) = site() else { return };
    let daemon = site.start(Path::new(NSGATE), &GatewayFile::open());
    let config = daemon.config();
    let second = in_gateway(&site, &config, "run");
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("attached by another nsgate"), "{}", stderr(&second));
    drop(daemon);

    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.yaml");
    let run = |text: &str| {
        std::fs::write(&other, text).unwrap();
        in_gateway(&site, &other, "run")
    };
    let missing = run(&GatewayFile::open().text().replace("\"vm1\"", "\"vm9\""));
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("no interface is named `vm9`"), "{}", stderr(&missing));
    let nothing = run(&GatewayFile::open().with("attachments", json!([])).text());
    assert_eq!(nothing.status.code(), Some(2));
    assert!(stderr(&nothing).contains("there are no attachments"), "{}", stderr(&nothing));
    site.gateway.address("vm1", "10.0.1.1/24");
    let bypass = run(&GatewayFile::open().text());
    assert!(stderr(&bypass).contains("bypass the network security groups"), "{}", stderr(&bypass));
    site.gateway.ip("address del 10.0.1.1/24 dev vm1");

    std::fs::write(&other, GatewayFile::open().text()).unwrap();
    let powerless = |rights: &str| {
        let words = format!(
            "setpriv --bounding-set -all{rights} --inh-caps -all {NSGATE} run --config {}",
            other.display()
        );
        let output = site.gateway.command(&words).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        stderr(&output)
    };
    let said = powerless("");
    assert!(said.contains("CAP_NET_RAW, CAP_NET_ADMIN, CAP_BPF missing"), "{said}");
    let said = powerless(",+net_raw,+net_admin");
    assert!(said.starts_with("nsgate: CAP_BPF missing"), "{said}");
    let filters = site.gateway.run("tc filter show dev vm1 ingress");
    assert!(filters.contains("nsgate"), "the earlier daemon's guard is untouched: {filters}");
}

/// The answer is the same whoever is asked, also about a network interface whose address Azure has yet to choose.
#[test]
fn a_daemon_answers_what_its_file_answers() {
    let Some(site) = site() else { return };
    let file = GatewayFile::open()
        .nsg("web", [Rule::allow("Web", 100).port("80"), Rule::deny("Ssh", 110).port("22")]);
    let mut text: Value = serde_json::from_str(&file.text()).unwrap();
    let resources = text["network"]["resources"].as_array_mut().unwrap();
    let mut open = resources.iter().find(|it| it["name"] == "vm1-nic").unwrap().clone();
    (open["name"], open["id"]) = (json!("open-nic"), json!("open-nic"));
    open["properties"]["ipConfigurations"][0]["properties"]
        .as_object_mut()
        .unwrap()
        .remove("privateIPAddress");
    resources.push(open);
    let daemon = site.start_on(Path::new(NSGATE), &text.to_string());
    let diagnostic =
        "run-configuration-diagnostic --direction Inbound --protocol TCP --source 8.8.8.8 --port 80";
    let mut answers = 0;
    for (nic, address) in [
        ("open-nic", "10.0.1.77"),
        ("open-nic", "10.0.1.4"),
        ("open-nic", "10.0.2.77"),
        ("vm1-nic", "10.0.1.4"),
    ] {
        for question in [
            format!(
                "test-ip-flow --nic {nic} --direction Inbound --protocol TCP --local {address}:80 --remote 8.8.8.8:*"
            ),
            format!("list-effective-nsg --nic {nic}"),
            format!("{diagnostic} --nic {nic} --destination {address}"),
            format!("{diagnostic} --nic {nic} --destination *"),
            format!("explain --from {nic} tcp {address}:5000 10.0.2.4:80"),
        ] {
            for output in ["text", "json"] {
                let words = format!("{question} --output {output}");
                let [asked, offline] = [daemon.attempt(&words), in_gateway(&site, &daemon.config(), &words)];
                assert_eq!(
                    (asked.status.code(), String::from_utf8_lossy(&asked.stdout), stderr(&asked)),
                    (offline.status.code(), String::from_utf8_lossy(&offline.stdout), stderr(&offline)),
                    "{words}"
                );
                answers += usize::from(asked.status.success());
            }
        }
    }
    // Refused are only the addresses that the open one cannot be, and the interface that is not attached.
    assert_eq!(answers, 2 * (4 * 5 - 2 - 3));
    let supposed = daemon.attempt(&format!("{diagnostic} --nic open-nic --destination 10.0.1.77"));
    assert!(!String::from_utf8_lossy(&supposed.stdout).contains("no private address"));
}

#[test]
fn a_command_without_a_daemon_says_whom_it_asked() {
    let asked = Command::new(NSGATE).args(["status", "--socket", "/nowhere/control.sock"]).output().unwrap();
    assert_eq!(asked.status.code(), Some(2));
    assert!(stderr(&asked).contains("/nowhere/control.sock"), "{}", stderr(&asked));
}
