//! IPv6 in a lab: everything that has an IPv4 address gets an IPv6 one beside it.

use super::blueprint::{Blueprint, SubnetPlan, Vm};
use super::networks::Site;
use ipnet::{IpNet, Ipv6Net};
use model::{IpConfiguration, PublicIpAddress, PublicIpIndex, PublicIpSku};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The gateway's own address on the internet, and its next hop.
pub(super) const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 2);
const NEXT_HOP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

impl Blueprint {
    /// Gives IPv6 to all, sites included: 10.0.1.4 becomes fd00:a:0:1::4 besides, 10.0.1.0/24 fd00:a:0:1::/64 and
    /// 10.0.0.0/16 fd00:a::/48. On the internet the gateway is 2001:db8:ffff::2/64, the next hop 2001:db8:ffff::1.
    pub fn dual_stack(mut self) -> Self {
        self.dual_stack = true;
        if let Some(internet) = &mut self.internet {
            internet.addresses.push(IpNet::V6(Ipv6Net::new_assert(OWN, 64)));
            internet.next_hop_v6 = Some(NEXT_HOP);
        }
        self
    }

    /// Gives a VM an instance-level public IPv6 address, open where no NSG stands.
    pub fn public_v6(mut self, vm: &str, address: &str) -> Self {
        let address = address.parse().expect("an IPv6 address");
        self.find(vm).public_v6 = Some(address);
        self
    }

    /// Takes the next hop for IPv6 away.
    pub fn without_next_hop_v6(mut self) -> Self {
        if let Some(internet) = &mut self.internet {
            internet.next_hop_v6 = None;
        }
        self
    }

    /// The prefixes of both families, as far as there are two.
    pub(super) fn both(&self, prefix: IpNet) -> Vec<IpNet> {
        let IpNet::V4(v4) = prefix else { return vec![prefix] };
        let six = || IpNet::V6(Ipv6Net::new_assert(beside(v4.addr()), 16 + 2 * v4.prefix_len()));
        [prefix].into_iter().chain(self.dual_stack.then(six)).collect()
    }

    /// The next hops of a site on premises, of both families, as far as there are two.
    pub(super) fn next_hops_of(&self, site: &Site) -> Vec<IpAddr> {
        let six = site.next_hop.filter(|_| self.dual_stack).map(|v4| beside(v4).into());
        site.next_hop.map(IpAddr::from).into_iter().chain(six).collect()
    }

    /// The NIC's IPv6 configuration, if it has one, like its first.
    pub(super) fn configuration_v6(
        &self,
        vm: &Vm,
        first: &IpConfiguration,
        public_ips: &mut Vec<PublicIpAddress>,
    ) -> Option<IpConfiguration> {
        let public_ip = vm.public_v6.map(|address| {
            let name = format!("{}-ip6", vm.name);
            let (id, address, sku) = (name.as_str().into(), Some(address.into()), PublicIpSku::Basic);
            public_ips.push(PublicIpAddress { id, name: name.into(), address, sku });
            PublicIpIndex(public_ips.len() - 1)
        });
        self.dual_stack.then(|| IpConfiguration {
            name: "ipconfig2".into(),
            private_address: Some(beside(vm.address).into()),
            is_assumed: false,
            is_ipv6: true,
            public_ip,
            primary: false,
            ..first.clone()
        })
    }
}

impl Vm {
    /// Whether the VM has an address.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.address == v4,
            IpAddr::V6(v6) => beside(self.address) == v6,
        }
    }
}

impl SubnetPlan {
    /// The prefixes of a subnet.
    pub(super) fn prefixes(&self, blueprint: &Blueprint) -> Vec<IpNet> {
        blueprint.both(self.prefix)
    }
}

/// The IPv6 address that goes with an IPv4 one.
pub(super) fn beside(v4: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = v4.octets().map(u16::from);
    Ipv6Addr::new(0xfd00, a, b, c, 0, 0, 0, d)
}
