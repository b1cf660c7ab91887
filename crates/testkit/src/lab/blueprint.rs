//! What a lab is built from: a network in a few lines, and the attachments that it needs.

use super::networks::{Segment, Site};
use super::steering::Steering;
use ipnet::IpNet;
use model::{Peering, PublicIpSku, RouteTable};
use packet::{AttachmentId, Mac};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A lab on paper: what it holds when [`Blueprint::build`](super::Blueprint::build) makes it.
#[derive(Clone, Debug)]
pub struct Blueprint {
    pub(super) vnets: Vec<(String, IpNet)>,
    pub(super) subnets: Vec<SubnetPlan>,
    pub(super) vms: Vec<Vm>,
    pub(super) nsgs: Vec<(String, Vec<String>)>,
    pub(super) asgs: Vec<(String, Vec<String>)>,
    pub(super) route_tables: Vec<RouteTable>,
    pub(super) default_public: Vec<Ipv4Addr>,
    pub(super) snat_ports: nat::Ports,
    pub(super) ports_per_vm: u32,
    pub(super) internet: Option<Internet>,
    pub(super) segments: Vec<Segment>,
    pub(super) sites: Vec<Site>,
    /// Halves, each with the virtual network that it belongs to.
    pub(super) peerings: Vec<(usize, Peering)>,
    pub(super) dual_stack: bool,
    pub(super) capacity: usize,
    pub(super) flow_seed: [u64; 2],
    pub(super) flow_idle: Duration,
    pub(super) snat_idle: Duration,
    /// How many workers, and how they come to their frames; else as the environment says.
    pub(super) workers: Option<(usize, Steering)>,
}

#[derive(Clone, Debug)]
pub(super) struct SubnetPlan {
    pub(super) vnet: usize,
    pub(super) name: String,
    pub(super) prefix: IpNet,
    pub(super) nsg: Option<usize>,
    pub(super) route_table: Option<usize>,
}

/// A virtual machine with one NIC of the same name.
#[derive(Clone, Debug)]
pub(super) struct Vm {
    pub(super) name: String,
    pub(super) subnet: usize,
    pub(super) address: Ipv4Addr,
    pub(super) public: Option<(Ipv4Addr, PublicIpSku)>,
    pub(super) public_v6: Option<Ipv6Addr>,
    pub(super) nsg: Option<usize>,
    pub(super) mtu: u32,
    pub(super) enforced_mac: bool,
    /// The hardware address that it has taken instead of the one that it was made with.
    pub(super) mac: Option<Mac>,
    /// Its own attachment's number, or `None` while it has none.
    pub(super) attachment: Option<u16>,
}

#[derive(Clone, Debug)]
pub(super) struct Internet {
    pub(super) addresses: Vec<IpNet>,
    pub(super) next_hop: Option<Ipv4Addr>,
    pub(super) next_hop_v6: Option<Ipv6Addr>,
    pub(super) host: Vec<Ipv4Addr>,
    pub(super) mtu: u32,
}

/// The internet's attachment; VMs come after it.
pub(super) const INTERNET: AttachmentId = AttachmentId(0);

impl Default for Blueprint {
    /// VNet 10.0.0.0/16 with the subnets `web` 10.0.1.0/24 and `db` 10.0.2.0/24; `vm1` 10.0.1.4 and `vm2` 10.0.1.5 in `web`,
    /// `vm3` 10.0.2.4 in `db`; no NSG; the gateway 203.0.113.2/24 on the internet, next hop 203.0.113.1, and
    /// 203.0.113.10 as the default public address.
    fn default() -> Self {
        let internet = Internet {
            addresses: vec![net("203.0.113.2/24")],
            next_hop: Some(ip("203.0.113.1")),
            next_hop_v6: None,
            host: Vec::new(),
            mtu: 1500,
        };
        let empty = Self {
            vnets: Vec::new(),
            subnets: Vec::new(),
            vms: Vec::new(),
            nsgs: Vec::new(),
            asgs: Vec::new(),
            route_tables: Vec::new(),
            default_public: vec![ip("203.0.113.10")],
            snat_ports: nat::Ports::ALL,
            ports_per_vm: nat::CAPACITY as u32,
            internet: Some(internet),
            segments: Vec::new(),
            sites: Vec::new(),
            peerings: Vec::new(),
            dual_stack: false,
            capacity: 1000,
            flow_seed: [0x5eed, 0xfeed],
            flow_idle: Duration::from_secs(240),
            snat_idle: Duration::from_secs(240),
            workers: None,
        };
        empty
            .vnet("vnet", "10.0.0.0/16")
            .subnet("web", "10.0.1.0/24")
            .subnet("db", "10.0.2.0/24")
            .vm("vm1", "web", "10.0.1.4")
            .vm("vm2", "web", "10.0.1.5")
            .vm("vm3", "db", "10.0.2.4")
    }
}

impl Blueprint {
    /// Adds a virtual network; the subnets named after it are its own.
    pub fn vnet(mut self, name: &str, space: &str) -> Self {
        self.vnets.push((name.into(), net(space)));
        self
    }

    /// Adds a subnet to the last virtual network.
    pub fn subnet(mut self, name: &str, prefix: &str) -> Self {
        let vnet = self.vnets.len() - 1;
        self.subnets.push(SubnetPlan {
            vnet,
            name: name.into(),
            prefix: net(prefix),
            nsg: None,
            route_table: None,
        });
        self
    }

    /// Adds a VM with an attachment of its own.
    pub fn vm(mut self, name: &str, subnet: &str, address: &str) -> Self {
        let subnet = self.subnets.iter().position(|s| s.name == subnet).expect("a subnet of the blueprint");
        self.vms.push(Vm {
            name: name.into(),
            subnet,
            address: ip(address),
            public: None,
            public_v6: None,
            nsg: None,
            mtu: 1500,
            enforced_mac: false,
            mac: None,
            attachment: Some(self.vms.len() as u16 + 1),
        });
        self
    }

    /// Adds a VM without an attachment of its own: behind its subnet's segment, where that has one.
    pub fn vm_behind(self, name: &str, subnet: &str, address: &str) -> Self {
        self.vm(name, subnet, address).detached(name)
    }

    /// Gives a VM an instance-level public address of the Basic kind, open where no NSG stands.
    pub fn public(mut self, vm: &str, address: &str) -> Self {
        self.find(vm).public = Some((ip(address), PublicIpSku::Basic));
        self
    }

    /// Gives a VM an instance-level public address of the Standard kind, closed where no NSG stands.
    pub fn standard_public(mut self, vm: &str, address: &str) -> Self {
        self.find(vm).public = Some((ip(address), PublicIpSku::Standard));
        self
    }

    /// Puts an NSG with these rules before a VM or a subnet; its name is `<place>-nsg`. The rules' text is told at
    /// [`super`].
    pub fn guard(mut self, place: &str, rules: &[&str]) -> Self {
        let name = format!("{place}-nsg");
        let rules = rules.iter().map(|&rule| rule.into()).collect();
        let known = self.nsgs.iter().position(|(known, _)| *known == name);
        let nsg = known.unwrap_or(self.nsgs.len());
        match known {
            Some(nsg) => self.nsgs[nsg].1 = rules,
            None => self.nsgs.push((name, rules)),
        }
        match self.subnets.iter_mut().find(|subnet| subnet.name == place) {
            Some(subnet) => subnet.nsg = Some(nsg),
            None => self.find(place).nsg = Some(nsg),
        }
        self
    }

    /// Adds an application security group.
    pub fn asg(mut self, name: &str, members: &[&str]) -> Self {
        self.asgs.push((name.into(), members.iter().map(|&vm| vm.into()).collect()));
        self
    }

    /// The default public addresses, or none.
    pub fn default_public(mut self, addresses: &[&str]) -> Self {
        self.default_public = addresses.iter().map(|address| ip(address)).collect();
        self
    }

    /// The MTU of a VM's attachment, or of `internet`.
    pub fn mtu(mut self, place: &str, mtu: u32) -> Self {
        match &mut self.internet {
            Some(internet) if place == "internet" => internet.mtu = mtu,
            _ => self.find(place).mtu = mtu,
        }
        self
    }

    /// Enforces the VM's hardware address.
    pub fn enforce_mac(mut self, vm: &str) -> Self {
        self.find(vm).enforced_mac = true;
        self
    }

    /// Takes a VM's attachment away; the NIC stays in the model.
    pub fn detached(mut self, vm: &str) -> Self {
        self.find(vm).attachment = None;
        self
    }

    /// Gives a VM an attachment of its own.
    pub fn attached(mut self, vm: &str) -> Self {
        let nth = self.vms.iter().position(|known| known.name == vm).expect("a VM of the blueprint");
        self.vms[nth].attachment = Some(nth as u16 + 1);
        self
    }

    /// Takes the internet attachment away.
    pub fn without_internet(mut self) -> Self {
        self.internet = None;
        self
    }

    /// How many workers share the frames, and how; without this as [`super::in_every_arrangement`] wants, or one.
    pub fn workers(mut self, workers: usize, steering: Steering) -> Self {
        self.workers = Some((workers, steering));
        self
    }

    /// One worker, whatever the arrangement: for what is said of one flow table.
    pub fn one_worker(self) -> Self {
        self.workers(1, Steering::Home)
    }

    /// The ports of translated flows; all unless told.
    pub fn snat_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.snat_ports = nat::Ports::new(ports).expect("a range of ports that flows can be given");
        self
    }

    /// The most ports that one VM may hold of one pool; all unless told.
    pub fn ports_per_vm(mut self, ports: u32) -> Self {
        self.ports_per_vm = ports;
        self
    }

    /// Addresses on the internet attachment that the host itself holds.
    pub fn host(mut self, addresses: &[&str]) -> Self {
        if let Some(internet) = &mut self.internet {
            internet.host = addresses.iter().map(|&address| ip(address)).collect();
        }
        self
    }

    /// The gateway's own address with its prefix, and the next hop, on the internet attachment.
    pub fn internet(mut self, address: &str, next_hop: Option<&str>) -> Self {
        if let Some(internet) = &mut self.internet {
            internet.addresses = vec![net(address)];
            internet.next_hop = next_hop.map(ip);
        }
        self
    }

    /// The most flow records; 1,000 unless told.
    pub fn capacity(mut self, flows: usize) -> Self {
        self.capacity = flows;
        self
    }

    /// The secret of the flow tables.
    pub fn flow_seed(mut self, seed: [u64; 2]) -> Self {
        self.flow_seed = seed;
        self
    }

    /// How long flows may be silent; 4 minutes unless told.
    pub fn idle(mut self, idle: Duration) -> Self {
        (self.flow_idle, self.snat_idle) = (idle, idle);
        self
    }

    pub(super) fn find(&mut self, vm: &str) -> &mut Vm {
        self.vms.iter_mut().find(|known| known.name == vm).expect("a VM or subnet of the blueprint")
    }
}

/// The gateway's hardware address on an attachment.
pub(super) fn gateway_mac(on: AttachmentId) -> Mac {
    [2, 0, 0, 1, 0, on.0 as u8]
}

/// The hardware address of whoever is behind an attachment.
pub(super) fn host_mac(on: AttachmentId) -> Mac {
    [2, 0, 0, 2, 0, on.0 as u8]
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

pub(super) fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("an IPv4 address")
}
