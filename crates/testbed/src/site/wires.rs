//! The wires of a site: how each is made, and what whoever is behind it is called.

use super::{PATIENCE, Site, Wires};
use crate::netns::{Namespace, eventually, veth};

/// What a backend that knows nothing of offloads needs of both ends of a wire.
const OFFLOADS_OFF: &str = "tx off gso off tso off gro off";

/// The machines behind the gateway: its interface, the address, the first hop.
pub(super) const MACHINES: [(&str, &str, &str); 3] =
    [("vm1", "10.0.1.4", "10.0.1.1"), ("vm2", "10.0.1.5", "10.0.1.1"), ("vm3", "10.0.2.4", "10.0.2.1")];

impl Site {
    /// Connects somebody's interface with the gateway's interface `name`, by a pair of veth interfaces.
    pub fn connect(&self, (machine, its): (&Namespace, &str), name: &str) {
        veth((machine, its), (&self.gateway, name));
        if self.setting.wires == Wires::Plain {
            machine.run(&format!("ethtool -K {its} {OFFLOADS_OFF}"));
            self.gateway.run(&format!("ethtool -K {name} {OFFLOADS_OFF}"));
        }
    }

    /// Gives whoever is behind the gateway's interface `name` addresses and routes.
    pub(super) fn address(&self, name: &str) {
        match MACHINES.iter().find(|(machine, ..)| *machine == name) {
            Some((_, address, first_hop)) => {
                let machine = self.behind(name);
                machine.address("eth0", &format!("{address}/24"));
                machine.route("default", first_hop);
            }
            None => {
                self.internet.address("eth0", "203.0.113.1/24");
                self.internet.ip("route replace local 198.51.100.0/24 dev lo");
            }
        }
        if self.is_dual {
            self.address_v6(name);
        }
    }

    /// Who is behind the gateway's interface `name`.
    fn behind(&self, name: &str) -> &Namespace {
        let found = self.wired().into_iter().find(|(_, interface)| *interface == name);
        found.map(|(machine, _)| machine).expect("an interface of the site")
    }

    /// Moves a TAP device that the daemon has made, and that is there soon, to its machine, as a start does with all of them.
    ///
    /// # Panics
    /// Where it is not there within some seconds.
    pub fn plug(&self, name: &str) {
        let machine = self.behind(name);
        let is_there = || self.gateway.attempt(&format!("ip link show {name}")).success.then_some(());
        assert!(eventually(PATIENCE, is_there).is_some(), "the daemon makes no {name}");
        self.gateway.ip(&format!("link set {name} netns {} name eth0", machine.name()));
        machine.ip("link set eth0 up");
        self.address(name);
    }

    /// Moves the TAP devices that the daemon has made to their machines.
    pub(super) fn plug_all(&self) {
        for (_, name) in self.wired().into_iter().filter(|(_, name)| self.setting.is_tap(name)) {
            self.plug(name);
        }
    }

    pub(super) fn address_v6(&self, name: &str) {
        let machine = self.behind(name);
        let (address, first_hop) = match name {
            "vm1" => ("fd00:a:0:1::4", Some("fd00:a:0:1::1")),
            "vm2" => ("fd00:a:0:1::5", Some("fd00:a:0:1::1")),
            "vm3" => ("fd00:a:0:2::4", Some("fd00:a:0:2::1")),
            _ => ("2001:db8:ffff::1", None),
        };
        if first_hop.is_none() {
            // It asks for its neighbours from its link-local address, and shall not wait a second until that is tried.
            machine.sysctl("net.ipv6.conf.eth0.accept_dad", "0");
        }
        for interface in ["all", "default", "lo", "eth0"] {
            machine.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "0");
        }
        machine.ip(&format!("address add {address}/64 dev eth0 nodad"));
        if let Some(first_hop) = first_hop {
            return machine.ip(&format!("-6 route add default via {first_hop} dev eth0"));
        }
        self.internet.ip("-6 route replace local 2001:db8:1::/64 dev lo");
        // Its servers may stand on any of those.
        self.internet.sysctl("net.ipv6.ip_nonlocal_bind", "1");
    }
}
