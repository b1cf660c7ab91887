//! A small site for real traffic: a gateway host, three machines behind it and an internet.
//!
//! ```text
//!   vm1 10.0.1.4 ──┐ vm1                      ┌── eth0 203.0.113.1, and all of 198.51.100.0/24
//!   vm2 10.0.1.5 ──┤ vm2   gateway   eth0 ────┤   internet
//!   vm3 10.0.2.4 ──┘ vm3                      └── knows no private address
//! ```
#![expect(clippy::panic, clippy::expect_used, reason = "the caller is a test")]

mod daemon;
mod setting;
mod wires;

pub use daemon::Daemon;
pub use setting::{Setting, Wires};

use crate::echo;
use crate::gateway_file::GatewayFile;
use crate::netns::{self, Namespace, Process, Ran, eventually};
use crate::probe::{self, Outcome};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use wires::MACHINES;

/// How long to wait for what is expected to come; only a test that fails waits so long.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a try waits where nothing is expected to come, or where it is made again.
const MOMENT: Duration = Duration::from_millis(800);

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
        for (machine, name) in site.wired().into_iter().filter(|(_, name)| !setting.is_tap(name)) {
            site.connect((machine, "eth0"), name);
            site.address(name);
        }
        site
    }

    /// The machines and the internet, each with the gateway's interface to it.
    pub fn wired(&self) -> [(&Namespace, &'static str); 4] {
        [(&self.vm1, "vm1"), (&self.vm2, "vm2"), (&self.vm3, "vm3"), (&self.internet, "eth0")]
    }

    /// Lets one processor take in all that comes by any wire: the kernel itself may let what is sent on one processor overtake
    /// what was sent on another, as segments of one connection are that a write or an acknowledgement lets go.
    ///
    /// # Panics
    /// Where the kernel cannot be told (it lacks RPS).
    pub fn receive_in_order(&self) {
        let receive = |namespace: &Namespace, interface: &str| {
            let set = format!("echo 1 > /sys/class/net/{interface}/queues/rx-0/rps_cpus");
            let told = namespace.command("sh -c").arg(set).status();
            assert!(told.is_ok_and(|status| status.success()), "{interface} has no receive packet steering");
        };
        for (machine, name) in self.wired().into_iter().filter(|(_, name)| !self.setting.is_tap(name)) {
            receive(machine, "eth0");
            receive(&self.gateway, name);
        }
    }

    /// The hardware address of the gateway that the machine behind its interface `name` sees.
    pub fn gateway_mac(&self, name: &str) -> [u8; 6] {
        match self.setting.is_tap(name) {
            true => self.gateway.enter(|| io::tap::describe(name, 1).expect("a name of a device").mac),
            false => self.gateway.mac(name),
        }
    }

    /// Gives every machine IPv6 as [`GatewayFile::dual_stack`] says it; the internet is 2001:db8:ffff::1, and every address of
    /// 2001:db8:1::/64. The gateway's kernel stays without.
    pub fn dual_stack(mut self) -> Self {
        self.is_dual = true;
        for (_, name) in self.wired().into_iter().filter(|(_, name)| !self.setting.is_tap(name)) {
            self.address_v6(name);
        }
        self
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
        self.start_on(nsgate, &file.text())
    }

    /// The same with the text of a gateway file.
    pub fn start_on(&self, nsgate: &Path, text: &str) -> Daemon {
        let daemon = self.launch_on(nsgate, text).wait_until_ready();
        self.plug_all();
        daemon
    }

    /// The same, without waiting for it to be ready.
    pub fn launch(&self, nsgate: &Path, file: &GatewayFile) -> Daemon {
        self.launch_on(nsgate, &file.text())
    }

    fn launch_on(&self, nsgate: &Path, text: &str) -> Daemon {
        let directory = self.directory.path().to_owned();
        let config = directory.join("gateway.yaml");
        fs::write(&config, self.setting.apply(text)).expect("writing the gateway file");
        let pin = self.pin.map_or_else(String::new, |cpu| format!("taskset -c {cpu} "));
        let run = format!("{pin}{} run --config {}", nsgate.display(), config.display());
        let process = self.gateway.start(&run, &directory.join("nsgate.log"));
        Daemon::new(process, nsgate, directory, self.setting)
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
        let ready = eventually(PATIENCE, listens);
        assert!(ready.is_some(), "`{command}`: {}", fs::read_to_string(&log).unwrap_or_default());
        server
    }

    /// Loads nftables rules on the gateway, one command a line.
    pub fn load_nft(&self, rules: &str) {
        let file = self.directory.path().join("rules.nft");
        fs::write(&file, rules).expect("writing the rules");
        self.gateway.run(&format!("nft -f {}", file.display()));
    }

    /// Asks an echo server from a machine by TCP.
    pub fn tcp(&self, from: &Namespace, to: &str) -> Outcome {
        let to = socket_address(to);
        from.enter(|| probe::tcp(to, PATIENCE))
    }

    /// Asks an echo server from a machine by UDP.
    pub fn udp(&self, from: &Namespace, to: &str) -> Outcome {
        let to = socket_address(to);
        from.enter(|| probe::udp(to, PATIENCE))
    }

    /// Sends that many bytes to an echo server by TCP; how many came back as they were sent.
    ///
    /// # Panics
    /// Where it does not answer at all.
    pub fn echoed(&self, from: &Namespace, to: &str, length: usize) -> usize {
        let address = socket_address(to);
        let echoed = from.enter(|| probe::echoed(address, length, PATIENCE));
        echoed.unwrap_or_else(|error| panic!("{to}: {error}"))
    }

    /// Makes the link to the internet narrower than the others; before the daemon starts.
    pub fn narrow(&self, mtu: u32) {
        for end in [&self.gateway, &self.internet] {
            end.mtu("eth0", mtu);
        }
    }

    /// Sends pings of 1,400 bytes that may not be cut until there is an answer: what is told of the MTU, where it is too large.
    ///
    /// One that the gateway took before it followed a change of the MTU is lost; the next is told.
    pub fn told_mtu(&self, from: &Namespace, to: &str) -> Option<u32> {
        let ping = from.attempt(&format!("ping -n -c 1 -i 0.2 -w {} -M do -s 1400 {to}", PATIENCE.as_secs()));
        let told = format!("{}{}", ping.stdout, ping.stderr).replace(' ', "");
        let (_, mtu) = told.split_once("mtu=").filter(|_| !ping.success)?;
        mtu.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }

    /// Sends one ping of ordinary size; whether it was answered.
    pub fn ping(&self, from: &Namespace, to: &str) -> bool {
        ping(from, to, PATIENCE)
    }

    /// Sends one ping with these options, or several if they say so, as `-c 2 -s 3000`; what was heard of it.
    pub fn ping_with(&self, from: &Namespace, options: &str, to: &str) -> Ran {
        from.attempt(&format!("ping -n -c 1 -W {} {options} {to}", PATIENCE.as_secs()))
    }

    /// Asserts that such a ping is answered.
    #[track_caller]
    pub fn answers(&self, from: &Namespace, options: &str, to: &str) {
        let Ran { success, stdout, stderr } = self.ping_with(from, options, to);
        assert!(success, "ping {options} {to}: {stdout}{stderr}");
    }

    /// As [`Self::tcp`], where no answer is expected, or not yet: for a moment only.
    pub fn try_tcp(&self, from: &Namespace, to: &str) -> Outcome {
        let to = socket_address(to);
        from.enter(|| probe::tcp(to, MOMENT))
    }

    /// As [`Self::udp`], likewise.
    pub fn try_udp(&self, from: &Namespace, to: &str) -> Outcome {
        let to = socket_address(to);
        from.enter(|| probe::udp(to, MOMENT))
    }

    /// As [`Self::ping`], likewise.
    pub fn try_ping(&self, from: &Namespace, to: &str) -> bool {
        ping(from, to, MOMENT)
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

fn socket_address(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no address with a port"))
}

fn ping(from: &Namespace, to: &str, limit: Duration) -> bool {
    from.attempt(&format!("ping -n -c 1 -W {} {to}", limit.as_secs_f32())).success
}
