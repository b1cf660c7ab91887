//! The gateway file of the lab, written from what a test wants of it.

use serde_json::{Value, json};

/// A gateway file for the lab's three machines: what differs from an open network is said by the test.
///
/// Virtual network `vnet1` has the subnets `web` (10.0.1.0/24, with `vm1` and `vm2`) and `data` (10.0.2.0/24,
/// with `vm3`). `vm2` has the public address 203.0.113.20, the others share 203.0.113.10.
#[derive(Clone, Debug, Default)]
pub struct GatewayFile {
    groups: Vec<Group>,
    idle_timeout: Option<String>,
    dual_stack: bool,
    extra: Vec<(String, Value)>,
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    guards: String,
    rules: Vec<Rule>,
}

impl GatewayFile {
    /// No NSG at all.
    pub fn open() -> Self {
        Self::default()
    }

    /// An NSG named `<guards>-nsg` before a subnet (`web`, `data`) or a NIC (`vm1`, `vm2`, `vm3`).
    #[must_use]
    pub fn nsg(mut self, guards: &str, rules: impl IntoIterator<Item = Rule>) -> Self {
        let rules = rules.into_iter().collect();
        self.groups.push(Group { name: format!("{guards}-nsg"), guards: guards.into(), rules });
        self
    }

    /// IPv6 besides: `vnet1` has fd00:a::/48, `web` fd00:a:0:1::/64 and `data` fd00:a:0:2::/64, each machine the address
    /// whose last part is its own, and `vm2` the public address 2001:db8:ffff::20.
    #[must_use]
    pub fn dual_stack(mut self) -> Self {
        self.dual_stack = true;
        self
    }

    /// Flows and SNAT ports are given up after `timeout` without a packet, such as `2s`.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: &str) -> Self {
        self.idle_timeout = Some(timeout.into());
        self
    }

    /// One more top-level key, such as `engine`; it replaces one of ours.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.extra.push((key.into(), value));
        self
    }

    /// The file's text. JSON, which YAML includes.
    pub fn text(&self) -> String {
        let idle = self.idle_timeout.as_deref().unwrap_or("4m");
        let mut file = json!({
            "network": { "resources": self.resources() },
            "attachments": [
                { "interface": "vm1", "nic": "vm1-nic" },
                { "interface": "vm2", "nic": "vm2-nic" },
                { "interface": "vm3", "nic": "vm3-nic" },
                { "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } },
            ],
            "outbound": { "defaultPublicIp": "203.0.113.10", "idleTimeout": idle },
            "flows": { "idleTimeout": idle },
            "control": { "socket": "control.sock" },
        });
        if self.dual_stack {
            file["attachments"][3]["internet"] = json!({
                "address": ["203.0.113.2/24", "2001:db8:ffff::2/64"],
                "nextHop": ["203.0.113.1", "2001:db8:ffff::1"],
            });
        }
        for (key, value) in &self.extra {
            file[key] = value.clone();
        }
        format!("{file:#}\n")
    }

    fn resources(&self) -> Vec<Value> {
        let mut resources = vec![
            json!({
                "type": "Microsoft.Network/virtualNetworks",
                "name": "vnet1",
                "id": id("virtualNetworks", "vnet1"),
                "properties": {
                    "addressSpace": { "addressPrefixes": self.both("10.0.0.0/16", "fd00:a::/48") },
                    "subnets": [
                        self.subnet("web", "10.0.1.0/24", "fd00:a:0:1::/64"),
                        self.subnet("data", "10.0.2.0/24", "fd00:a:0:2::/64"),
                    ],
                },
            }),
            json!({
                "type": "Microsoft.Network/publicIPAddresses",
                "name": "vm2-ip",
                "id": id("publicIPAddresses", "vm2-ip"),
                "sku": { "name": "Basic" },
                "properties": { "ipAddress": "203.0.113.20", "publicIPAllocationMethod": "Static" },
            }),
            self.nic("vm1", "web", ["10.0.1.4", "fd00:a:0:1::4"], None),
            self.nic("vm2", "web", ["10.0.1.5", "fd00:a:0:1::5"], Some("vm2-ip")),
            self.nic("vm3", "data", ["10.0.2.4", "fd00:a:0:2::4"], None),
        ];
        resources.extend(self.dual_stack.then(|| {
            json!({
                "type": "Microsoft.Network/publicIPAddresses",
                "name": "vm2-ip-v6",
                "id": id("publicIPAddresses", "vm2-ip-v6"),
                "sku": { "name": "Basic" },
                "properties": { "ipAddress": "2001:db8:ffff::20", "publicIPAddressVersion": "IPv6" },
            })
        }));
        resources.extend(self.groups.iter().map(|group| {
            json!({
                "type": "Microsoft.Network/networkSecurityGroups",
                "name": group.name,
                "id": id("networkSecurityGroups", &group.name),
                "properties": { "securityRules": group.rules.iter().map(Rule::resource).collect::<Vec<_>>() },
            })
        }));
        resources
    }

    fn both<'a>(&self, v4: &'a str, v6: &'a str) -> Vec<&'a str> {
        if self.dual_stack { vec![v4, v6] } else { vec![v4] }
    }

    fn subnet(&self, name: &str, v4: &str, v6: &str) -> Value {
        let properties = match self.dual_stack {
            true => json!({ "addressPrefixes": [v4, v6] }),
            false => json!({ "addressPrefix": v4 }),
        };
        let id = format!("{}/subnets/{name}", id("virtualNetworks", "vnet1"));
        json!({ "name": name, "id": id, "properties": self.guarded(name, properties) })
    }

    fn nic(&self, name: &str, subnet: &str, [v4, v6]: [&str; 2], public: Option<&str>) -> Value {
        let subnet = format!("{}/subnets/{subnet}", id("virtualNetworks", "vnet1"));
        let mut configuration = json!({
            "subnet": { "id": subnet }, "privateIPAddress": v4, "privateIPAllocationMethod": "Static",
            "primary": true,
        });
        if let Some(public) = public {
            configuration["publicIPAddress"] = json!({ "id": id("publicIPAddresses", public) });
        }
        let mut second = json!({
            "subnet": configuration["subnet"], "privateIPAddress": v6, "privateIPAllocationMethod": "Static",
            "privateIPAddressVersion": "IPv6",
        });
        if let Some(public) = public {
            second["publicIPAddress"] = json!({ "id": id("publicIPAddresses", &format!("{public}-v6")) });
        }
        let mut configurations = vec![json!({ "name": "primary", "properties": configuration })];
        configurations.extend(self.dual_stack.then(|| json!({ "name": "v6", "properties": second })));
        let properties = json!({ "ipConfigurations": configurations });
        let nic = format!("{name}-nic");
        json!({
            "type": "Microsoft.Network/networkInterfaces", "name": nic, "id": id("networkInterfaces", &nic),
            "properties": self.guarded(name, properties),
        })
    }

    fn guarded(&self, name: &str, mut properties: Value) -> Value {
        if let Some(group) = self.groups.iter().find(|group| group.guards == name) {
            properties["networkSecurityGroup"] = json!({ "id": id("networkSecurityGroups", &group.name) });
        }
        properties
    }
}

/// One rule of an NSG. It names any packet until a method narrows it.
#[derive(Clone, Debug)]
pub struct Rule {
    name: String,
    properties: Value,
}

impl Rule {
    /// A rule that lets inbound packets pass.
    pub fn allow(name: &str, priority: u16) -> Self {
        Self::new(name, priority, "Allow")
    }

    /// A rule that drops inbound packets.
    pub fn deny(name: &str, priority: u16) -> Self {
        Self::new(name, priority, "Deny")
    }

    /// The rule speaks of outbound packets instead.
    #[must_use]
    pub fn outbound(self) -> Self {
        self.set("direction", "Outbound")
    }

    /// Only `Tcp`, `Udp` or `Icmp`.
    #[must_use]
    pub fn protocol(self, protocol: &str) -> Self {
        self.set("protocol", protocol)
    }

    /// Only from this prefix or service tag.
    #[must_use]
    pub fn from(self, prefix: &str) -> Self {
        self.set("sourceAddressPrefix", prefix)
    }

    /// Only to this prefix or service tag.
    #[must_use]
    pub fn to(self, prefix: &str) -> Self {
        self.set("destinationAddressPrefix", prefix)
    }

    /// Only to these ports: `n`, `n-m`.
    #[must_use]
    pub fn port(self, ports: &str) -> Self {
        self.set("destinationPortRange", ports)
    }

    fn new(name: &str, priority: u16, access: &str) -> Self {
        let properties = json!({
            "priority": priority, "direction": "Inbound", "access": access, "protocol": "*",
            "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "*",
        });
        Self { name: name.into(), properties }
    }

    fn set(mut self, key: &str, value: &str) -> Self {
        self.properties[key] = json!(value);
        self
    }

    fn resource(&self) -> Value {
        json!({ "name": self.name, "properties": self.properties })
    }
}

fn id(kind: &str, name: &str) -> String {
    format!("/subscriptions/lab/resourceGroups/lab/providers/Microsoft.Network/{kind}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_written_and_linked_to_what_it_guards() {
        let file = GatewayFile::open().nsg("web", [Rule::deny("NoTelnet", 100).protocol("Tcp").port("23")]);
        let file: Value = serde_json::from_str(&file.text()).unwrap();
        let resources = file["network"]["resources"].as_array().unwrap();
        let group = resources.iter().find(|resource| resource["name"] == "web-nsg").unwrap();
        let rule = &group["properties"]["securityRules"][0]["properties"];
        assert_eq!(rule["destinationPortRange"], "23");
        assert_eq!(rule["sourceAddressPrefix"], "*");
        let subnets = &resources[0]["properties"]["subnets"];
        assert_eq!(subnets[0]["properties"]["networkSecurityGroup"]["id"], group["id"]);
        assert_eq!(subnets[1]["properties"]["networkSecurityGroup"], Value::Null);
    }
}
