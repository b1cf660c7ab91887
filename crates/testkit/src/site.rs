//! A small site for real traffic: a gateway host, three machines behind it and an internet.
//!
//! ```text
//!   vm1 10.0.1.4 ──┐ vm1                      ┌── eth0 203.0.113.1, and all of 198.51.100.0/24
//!   vm2 10.0.1.5 ──┤ vm2   gateway   eth0 ────┤   internet
//!   vm3 10.0.2.4 ──┘ vm3                      └── knows no private address
//! ```
#![expect(clippy::panic, clippy::expect_used, reason = "the caller is a test")]

use crate::echo;
use crate::gateway_file::GatewayFile;
use crate::netns::{self, Namespace, Process, eventually, veth};
use crate::probe::{self, Outcome};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// How long a probe waits before it says that nobody answers.
pub const PATIENCE: Duration = Duration::from_millis(800);

/// How the daemon of a site works: with how many workers, on what wires, and whether every frame is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// `engine.workers`; `None` leaves it to the gateway file.
    pub workers: Option<usize>,
    /// What the machines are connected by.
    pub wires: Wires,
    /// `engine.handOff: always`.
    pub hand_off: bool,
}

/// What the machines of a site are connected by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wires {
    /// A pair of veth interfaces each, there before the daemon.
    Veth,
    /// A TAP device each, which the daemon makes and which is then moved to its machine.
    Tap,
    /// A pair of veth interfaces each with every offload off, for `engine.io: pnet`.
    Plain,
}

impl Setting {
    /// What the gateway file says, on veth.
    pub const PLAIN: Self = Self { workers: None, wires: Wires::Veth, hand_off: false };

    /// So many workers on veth.
    pub const fn veth(workers: usize) -> Self {
        Self { workers: Some(workers), ..Self::PLAIN }
    }

    /// So many workers on TAP devices.
    pub const fn tap(workers: usize) -> Self {
        Self { wires: Wires::Tap, ..Self::veth(workers) }
    }

    /// The portable backend, which serves one worker.
    pub const fn pnet() -> Self {
        Self { wires: Wires::Plain, ..Self::veth(1) }
    }

    /// The same with every frame handed over.
    #[must_use]
    pub const fn handing_over(self) -> Self {
        Self { hand_off: true, ..self }
    }

    /// A gateway file's text as this setting has it; a broken one stays as it is.
    fn apply(self, text: &str) -> String {
        let Ok(mut file) = serde_json::from_str::<Value>(text) else { return text.into() };
        if let Some(workers) = self.workers {
            let hand_off = if self.hand_off { "always" } else { "auto" };
            let io = if self.wires == Wires::Plain { "pnet" } else { "auto" };
            file["engine"] = serde_json::json!({ "workers": workers, "handOff": hand_off, "io": io });
        }
        let attachments = file["attachments"].as_array_mut().into_iter().flatten();
        for attachment in attachments.filter_map(Value::as_object_mut).filter(|_| self.wires == Wires::Tap) {
            if let Some(name) = attachment.remove("interface") {
                attachment.insert("tap".into(), name);
            }
        }
        format!("{file:#}\n")
    }
}

/// Makes a test of each case, a function that takes a [`Setting`](site::Setting), on every setting: one, two and four
/// workers and every frame handed over, on veth and on TAP; and the portable backend.
#[macro_export]
macro_rules! on_every_setting {
    ($($case:ident),+ $(,)?) => {
        $crate::on_rings_and_taps!($($case),+);
        $crate::on_setting!(pnet, $crate::site::Setting::pnet(), $($case),+);
    };
}

/// The same without the portable backend.
#[macro_export]
macro_rules! on_rings_and_taps {
    ($($case:ident),+ $(,)?) => {
        $crate::on_veth!($($case),+);
        $crate::on_setting!(tap_1, $crate::site::Setting::tap(1), $($case),+);
        $crate::on_setting!(tap_2, $crate::site::Setting::tap(2), $($case),+);
        $crate::on_setting!(tap_4, $crate::site::Setting::tap(4), $($case),+);
        $crate::on_setting!(tap_2_handing_over, $crate::site::Setting::tap(2).handing_over(), $($case),+);
    };
}

/// The same on veth alone, for cases in which the host changes an interface.
#[macro_export]
macro_rules! on_veth {
    ($($case:ident),+ $(,)?) => {
        $crate::on_setting!(veth_1, $crate::site::Setting::veth(1), $($case),+);
        $crate::on_setting!(veth_2, $crate::site::Setting::veth(2), $($case),+);
        $crate::on_setting!(veth_4, $crate::site::Setting::veth(4), $($case),+);
        $crate::on_setting!(veth_2_handing_over, $crate::site::Setting::veth(2).handing_over(), $($case),+);
    };
}

/// A module with a test of each case on one setting.
#[macro_export]
macro_rules! on_setting {
    ($module:ident, $setting:expr, $($case:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case($setting);
                }
            )+
        }
    };
}

/// What a backend that knows nothing of offloads needs of both ends of a wire.
const OFFLOADS_OFF: &str = "tx off gso off tso off gro off";

/// The machines behind the gateway: its interface, the address, the first hop.
const MACHINES: [(&str, &str, &str); 3] =
    [("vm1", "10.0.1.4", "10.0.1.1"), ("vm2", "10.0.1.5", "10.0.1.1"), ("vm3", "10.0.2.4", "10.0.2.1")];

/// The namespaces and their wires; removed on drop.
#[derive(Debug)]
pub struct Site {
    /// The host that runs the daemon; its kernel forwards nothing.
    pub gateway: Namespace,
    /// 10.0.1.4, in the subnet `web`.
    pub vm1: Namespace,
    /// 10.0.1.5, in the subnet `web`, with the public address 203.0.113.20.
    pub vm2: Namespace,
    /// 10.0.2.4, in the subnet `data`.
    pub vm3: Namespace,
    /// 203.0.113.1, and every address of 198.51.100.0/24.
    pub internet: Namespace,
    /// The processor that the daemon is kept on, where measuring needs it.
    pub pin: Option<usize>,
    setting: Setting,
    is_dual: bool,
    directory: tempfile::TempDir,
}

impl Site {
    /// The whole site, without the daemon. Every veth keeps its default offloads.
    pub fn new() -> Self {
        Self::set(Setting::PLAIN)
    }

    /// The same for a setting. TAP devices come with the daemon.
    pub fn set(setting: Setting) -> Self {
        let gateway = Namespace::new("gateway");
        let internet = Namespace::new("internet");
        let [vm1, vm2, vm3] = MACHINES.map(|(name, ..)| Namespace::new(name));
        let directory = tempfile::tempdir().expect("a temporary directory");
        let site = Self { gateway, vm1, vm2, vm3, internet, pin: None, setting, is_dual: false, directory };
        if setting.wires != Wires::Tap {
            for (machine, name) in site.wired() {
                veth((machine, "eth0"), (&site.gateway, name));
                if setting.wires == Wires::Plain {
                    machine.run(&format!("ethtool -K eth0 {OFFLOADS_OFF}"));
                    site.gateway.run(&format!("ethtool -K {name} {OFFLOADS_OFF}"));
                }
            }
            site.address();
        }
        site
    }

    /// The machines and the internet, each with the gateway's interface to it.
    fn wired(&self) -> [(&Namespace, &'static str); 4] {
        [(&self.vm1, "vm1"), (&self.vm2, "vm2"), (&self.vm3, "vm3"), (&self.internet, "eth0")]
    }

    /// Gives everybody addresses and routes.
    fn address(&self) {
        for ((machine, _), (_, address, first_hop)) in self.wired().into_iter().zip(MACHINES) {
            machine.address("eth0", &format!("{address}/24"));
            machine.route("default", first_hop);
        }
        self.internet.address("eth0", "203.0.113.1/24");
        self.internet.ip("route replace local 198.51.100.0/24 dev lo");
    }

    /// Moves the TAP devices that the daemon has made to their machines.
    fn plug(&self) {
        for (machine, name) in self.wired() {
            self.gateway.ip(&format!("link set {name} netns {} name eth0", machine.name()));
            machine.ip("link set eth0 up");
        }
        self.address();
        if self.is_dual {
            self.address_v6();
        }
    }

    /// The hardware address of the gateway that the machine behind its interface `name` sees.
    pub fn gateway_mac(&self, name: &str) -> [u8; 6] {
        match self.setting.wires {
            Wires::Veth | Wires::Plain => self.gateway.mac(name),
            Wires::Tap => io::tap::describe(name, 1).expect("a name of a device").mac,
        }
    }

    /// Gives every machine IPv6 as [`GatewayFile::dual_stack`] says it; the internet is 2001:db8:ffff::1, and every address of
    /// 2001:db8:1::/64. The gateway's kernel stays without.
    pub fn dual_stack(mut self) -> Self {
        self.is_dual = true;
        if self.setting.wires != Wires::Tap {
            self.address_v6();
        }
        self
    }

    fn address_v6(&self) {
        let machines = [
            (&self.vm1, "fd00:a:0:1::4", "fd00:a:0:1::1"),
            (&self.vm2, "fd00:a:0:1::5", "fd00:a:0:1::1"),
            (&self.vm3, "fd00:a:0:2::4", "fd00:a:0:2::1"),
            (&self.internet, "2001:db8:ffff::1", ""),
        ];
        // It asks for its neighbours from its link-local address, and shall not wait a second until that is tried.
        self.internet.sysctl("net.ipv6.conf.eth0.accept_dad", "0");
        for (machine, address, first_hop) in machines {
            for interface in ["all", "default", "lo", "eth0"] {
                machine.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "0");
            }
            machine.ip(&format!("address add {address}/64 dev eth0 nodad"));
            if !first_hop.is_empty() {
                machine.ip(&format!("-6 route add default via {first_hop} dev eth0"));
            }
        }
        self.internet.ip("-6 route replace local 2001:db8:1::/64 dev lo");
        // Its servers may stand on any of those.
        self.internet.sysctl("net.ipv6.ip_nonlocal_bind", "1");
    }

    /// The dual-stack site with the daemon running on `file`; see [`Self::with`].
    pub fn dual_stack_with(nsgate: &str, setting: Setting, file: &GatewayFile) -> Option<(Self, Daemon)> {
        netns::available().then(|| {
            let site = Self::set(setting).dual_stack();
            let daemon = site.start(Path::new(nsgate), file);
            (site, daemon)
        })
    }

    /// The site with the daemon running on `file`, or `None`, aloud, where this process may not make namespaces.
    pub fn with(nsgate: &str, file: &GatewayFile) -> Option<(Self, Daemon)> {
        Self::with_setting(nsgate, Setting::PLAIN, file)
    }

    /// The same for a setting.
    pub fn with_setting(nsgate: &str, setting: Setting, file: &GatewayFile) -> Option<(Self, Daemon)> {
        netns::available().then(|| {
            let site = Self::set(setting);
            let daemon = site.start(Path::new(nsgate), file);
            (site, daemon)
        })
    }

    /// Writes the gateway file and starts the daemon, ready when this returns.
    ///
    /// # Panics
    /// Where the daemon does not answer on its socket within some seconds, with its log.
    pub fn start(&self, nsgate: &Path, file: &GatewayFile) -> Daemon {
        let daemon = self.launch(nsgate, file).wait_until_ready();
        if self.setting.wires == Wires::Tap {
            self.plug();
        }
        daemon
    }

    /// The same, without waiting for it to be ready.
    pub fn launch(&self, nsgate: &Path, file: &GatewayFile) -> Daemon {
        let directory = self.directory.path().to_owned();
        let config = directory.join("gateway.yaml");
        fs::write(&config, self.setting.apply(&file.text())).expect("writing the gateway file");
        let pin = self.pin.map_or_else(String::new, |cpu| format!("taskset -c {cpu} "));
        let run = format!("{pin}{} run --config {}", nsgate.display(), config.display());
        let process = self.gateway.start(&run, &directory.join("nsgate.log"));
        Daemon { process, nsgate: nsgate.to_owned(), directory, setting: self.setting }
    }

    /// Starts an echo server for TCP and UDP on `port` of a machine.
    pub fn serve(&self, machine: &Namespace, port: u16) {
        machine.enter(|| echo::serve(port)).unwrap_or_else(|error| panic!("serving on port {port}: {error}"));
    }

    /// Starts an echo server for TCP and UDP on one IPv6 address and port of a machine, such as `[fd00:a:0:1::4]:80`.
    pub fn serve_v6(&self, machine: &Namespace, on: &str) {
        let on = on.parse().unwrap_or_else(|_| panic!("{on} is no IPv6 address with a port"));
        machine.enter(|| echo::serve_v6(on)).unwrap_or_else(|error| panic!("serving on {on}: {error}"));
    }

    /// Starts a server program in the internet and waits until it listens on the TCP port `port`.
    ///
    /// # Panics
    /// Where it does not within some seconds.
    pub fn serve_with(&self, command: &str, port: u16) -> Process {
        let log = self.directory.path().join("server.log");
        let server = self.internet.start(command, &log);
        let listens = || self.internet.run("ss -Hltn").contains(&format!(":{port} ")).then_some(());
        let ready = eventually(Duration::from_secs(5), listens);
        assert!(ready.is_some(), "`{command}`: {}", fs::read_to_string(&log).unwrap_or_default());
        server
    }

    /// Loads nftables rules on the gateway, one command a line.
    pub fn load_nft(&self, rules: &str) {
        let file = self.directory.path().join("rules.nft");
        fs::write(&file, rules).expect("writing the rules");
        self.gateway.run(&format!("nft -f {}", file.display()));
    }

    /// Tries an echo server from a machine by TCP.
    pub fn tcp(&self, from: &Namespace, to: &str) -> Outcome {
        let to = socket_address(to);
        from.enter(|| probe::tcp(to, PATIENCE))
    }

    /// Tries an echo server from a machine by UDP.
    pub fn udp(&self, from: &Namespace, to: &str) -> Outcome {
        let to = socket_address(to);
        from.enter(|| probe::udp(to, PATIENCE))
    }

    /// Sends one ping of ordinary size; whether it was answered.
    pub fn ping(&self, from: &Namespace, to: &str) -> bool {
        from.attempt(&format!("ping -n -c 1 -W 1 {to}")).success
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// A running `nsgate run`, killed on drop.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    nsgate: PathBuf,
    directory: PathBuf,
    setting: Setting,
}

impl Daemon {
    /// What it wrote to stderr so far, over all starts at this site.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("nsgate.log")).unwrap_or_default()
    }

    /// The path of the gateway file.
    pub fn config(&self) -> PathBuf {
        self.directory.join("gateway.yaml")
    }

    /// The answer of `nsgate <command>` over the control socket.
    ///
    /// # Panics
    /// Where the command fails or answers no JSON.
    pub fn ask(&self, command: &str) -> Value {
        let output = self.attempt(&format!("{command} --output json"));
        assert!(output.status.success(), "nsgate {command}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("nsgate {command} is no JSON ({error})"))
    }

    /// Runs `nsgate <command>` over the control socket; it may fail.
    pub fn attempt(&self, command: &str) -> std::process::Output {
        let mut nsgate = std::process::Command::new(&self.nsgate);
        nsgate.args(command.split_whitespace()).arg("--socket").arg(self.directory.join("control.sock"));
        nsgate.output().expect("running nsgate")
    }

    /// How many packets were dropped so far for `reason`, `nsg` and `rule`; an empty string is any.
    pub fn dropped(&self, reason: &str, nsg: &str, rule: &str) -> u64 {
        let matches = |drop: &Value, key: &str, wanted: &str| wanted.is_empty() || drop[key] == wanted;
        let drops = self.ask("drops");
        let drops = drops.as_array().expect("drops is a list").iter();
        drops
            .filter(|drop| {
                matches(drop, "reason", reason) && matches(drop, "nsg", nsg) && matches(drop, "rule", rule)
            })
            .filter_map(|drop| drop["packets"].as_u64())
            .sum()
    }

    /// Asserts that `work` makes the daemon drop packets by `rule` of `nsg`; gives back what `work` does.
    pub fn denies<T>(&self, nsg: &str, rule: &str, work: impl FnOnce() -> T) -> T {
        let before = self.dropped("", nsg, rule);
        let result = work();
        assert!(
            self.dropped("", nsg, rule) > before,
            "nothing dropped by {nsg}/{rule}: {:#}",
            self.ask("drops")
        );
        result
    }

    /// Writes a new gateway file and has it reloaded; the exit status is the answer's.
    pub fn reload(&self, text: &str) -> std::process::Output {
        fs::write(self.config(), self.setting.apply(text)).expect("writing the gateway file");
        self.attempt("reload")
    }

    /// Sends the signal `name`, such as `HUP`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// SIGTERM, then its exit status, or `None` where it does not end within 5 seconds.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.process.signal("TERM");
        self.process.wait(Duration::from_secs(5))
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.signal("KILL");
        self.process.wait(Duration::from_secs(5)).expect("a killed process ends");
    }

    /// Its exit status, where it ends within `limit`.
    pub fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.process.wait(limit)
    }

    /// Waits until it answers on its socket.
    ///
    /// # Panics
    /// Where it does not within some seconds, with its log.
    #[must_use]
    pub fn wait_until_ready(mut self) -> Self {
        let ready = eventually(Duration::from_secs(10), || {
            let answers = self.attempt("status").status.success();
            (answers || self.process.ended().is_some()).then_some(answers)
        });
        assert_eq!(ready, Some(true), "nsgate is not ready:\n{}", self.log());
        self
    }
}

fn socket_address(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no address with a port"))
}
