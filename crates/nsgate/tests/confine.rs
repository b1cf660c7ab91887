//! What the daemon's threads have given up, and what happens to one that wants it back.
#![expect(clippy::unwrap_used, reason = "tests")]

use landlock::{ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _};
use std::collections::BTreeMap;
use std::fs;
use testbed::gateway_file::GatewayFile;
use testbed::netns;
use testbed::site::Site;

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
/// CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF.
const KEPT: &str = "0000008000003000";
const NONE: &str = "0000000000000000";

/// The lines of a thread's `/proc/PID/task/TID/status`, by thread name.
fn threads(process: &serde_json::Value) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let read = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).unwrap();
    let lines = |status: String| {
        let pairs = status.lines().filter_map(|line| line.split_once(':'));
        pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
    };
    tasks.map(|task| lines(read(task.unwrap()))).collect()
}

/// How far this kernel has the Landlock that the daemon asks for, by its own answer.
fn landlock() -> &'static str {
    let has = |version| {
        let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        rules.handle_access(AccessFs::from_all(version)).and_then(Ruleset::create).is_ok()
    };
    match (has(ABI::V5), has(ABI::V1)) {
        (true, _) => "enforced",
        (false, true) => "partly",
        (false, false) => "absent",
    }
}

#[test]
fn after_the_start_only_the_main_thread_holds_what_it_needs() {
    let Some((_site, daemon)) = Site::with(NSGATE, &GatewayFile::open()) else { return };
    let status = daemon.ask("status");
    let threads = threads(&status["pid"]);
    let names: Vec<&str> = threads.iter().map(|thread| thread["Name"].as_str()).collect();
    for name in
        ["nsgate", "worker-0", "loader-0", "loader-3", "signals", "control", "control-0", "control-15"]
    {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for thread in &threads {
        let kept = if thread["Name"] == "nsgate" { KEPT } else { NONE };
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            assert_eq!(thread[set], kept, "{set} of {}", thread["Name"]);
        }
        for set in ["CapInh", "CapAmb"] {
            assert_eq!(thread[set], NONE, "{set} of {}", thread["Name"]);
        }
        assert_eq!(thread["NoNewPrivs"], "1", "{}", thread["Name"]);
        // Of SIGHUP, SIGINT and SIGTERM, bits 0, 1 and 14, only one thread hears: passing them on is a system call.
        let blocked = u64::from_str_radix(&thread["SigBlk"], 16).unwrap();
        let is_deaf = blocked & 0x4003 == 0x4003;
        assert_eq!(is_deaf, thread["Name"] != "signals", "{}: {blocked:x}", thread["Name"]);
        assert_eq!(thread["Seccomp"], "2", "{}: the mode of filters", thread["Name"]);
    }
    let confinement = &status["confinement"];
    assert_eq!(confinement["capabilities"], serde_json::json!(["CAP_BPF", "CAP_NET_ADMIN", "CAP_NET_RAW"]));
    assert_eq!(confinement["seccomp"], true);
    assert_eq!(confinement["landlock"], landlock());
}

#[test]
fn a_plain_user_with_ambient_capabilities_is_enough() {
    if !netns::available() {
        return;
    }
    let site = Site::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::write(path.join("gateway.yaml"), GatewayFile::open().text()).unwrap();
    // Where anybody may run it.
    let nsgate = path.join("nsgate");
    fs::copy(NSGATE, &nsgate).unwrap();
    let nsgate = nsgate.display();
    // Nobody's own directory, as RuntimeDirectory= makes one.
    std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    let rights = "+net_admin,+net_raw,+bpf";
    let config = path.join("gateway.yaml");
    let run = format!(
        "setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all,{rights} --inh-caps={rights} \
         --ambient-caps={rights} {nsgate} run --config {}",
        config.display()
    );
    let log = path.join("nsgate.log");
    let mut daemon = site.gateway.start(&run, &log);
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let ready =
        netns::eventually(std::time::Duration::from_secs(10), || said().contains("ready").then_some(()));
    assert!(ready.is_some(), "{}", said());
    site.serve(&site.internet, 80);
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some(), "{}", said());

    let socket = path.join("control.sock");
    let metadata = fs::metadata(&socket).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&metadata), 65534);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
    let ask = |user: &str| {
        let command = format!(
            "setpriv --reuid={user} --regid={user} --clear-groups {nsgate} reload --socket {}",
            socket.display()
        );
        site.gateway.attempt(&command)
    };
    assert!(ask("0").success, "root may: {}", said());
    assert!(ask("65534").success, "its own user may: {}", said());
    assert!(!ask("1").success, "nobody else may");
    let pid = serde_json::json!(daemon.id());
    for thread in threads(&pid) {
        let kept = if thread["Name"] == "nsgate" { KEPT } else { NONE };
        for set in ["CapEff", "CapPrm"] {
            assert_eq!(thread[set], kept, "{set} of {}", thread["Name"]);
        }
        assert_eq!(thread["CapAmb"], NONE);
        assert_eq!(thread["Uid"].split_whitespace().next(), Some("65534"));
    }
    daemon.signal("TERM");
    let ended = daemon.wait(std::time::Duration::from_secs(5));
    assert!(ended.is_some_and(|ended| ended.success()), "{}", said());
    assert!(!socket.exists());
}
