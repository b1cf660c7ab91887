//! Names that are numbered once and kept, so that a flow record outlives the policy that allowed it.

use model::Direction;
use packet::{Owner, Scope};
use std::collections::HashMap;
use std::sync::Arc;

/// Scopes from here up are those of outside attachments; below are the virtual networks.
pub(crate) const OUTSIDE_SCOPES: u16 = 0x8000;

/// One rule of one NSG, numbered for the daemon's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub u32);

/// What a [`RuleId`] stands for. A rule that a reload turns around is another one, as is one of another NSG of the same name.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RuleName {
    /// The NSG's resource id in lower case, as the letter case of ids means nothing.
    pub nsg_id: Arc<str>,
    /// The NSG's name.
    pub nsg: Arc<str>,
    /// The rule's name.
    pub rule: Arc<str>,
    /// Which way it looks.
    pub direction: Direction,
    /// Whether it is one of the six default rules.
    pub default: bool,
}

impl RuleName {
    /// The name as Azure's IP flow verify answers it: `securityRules/web` or `defaultSecurityRules/DenyAllInBound`.
    pub fn azure(&self) -> String {
        let kind = if self.default { "defaultSecurityRules" } else { "securityRules" };
        format!("{kind}/{}", self.rule)
    }
}

/// Every rule, every virtual network and every network interface that any policy since the start had. A name keeps its number over all reloads.
#[derive(Clone, Debug, Default)]
pub struct Names {
    list: Arc<Vec<RuleName>>,
    numbers: HashMap<RuleName, RuleId>,
    scopes: HashMap<String, Scope>,
    owners: HashMap<String, Owner>,
}

impl Names {
    /// The number of a name, a new one if it was never seen.
    pub fn number(&mut self, name: RuleName) -> RuleId {
        if let Some(&id) = self.numbers.get(&name) {
            return id;
        }
        let id = RuleId(self.list.len() as u32);
        Arc::make_mut(&mut self.list).push(name.clone());
        self.numbers.insert(name, id);
        id
    }

    /// The scope of a virtual network by its resource id; `None` when 32,768 are taken.
    pub fn scope(&mut self, vnet_id: &str) -> Option<Scope> {
        let known = self.scopes.get(&vnet_id.to_ascii_lowercase()).copied();
        known.or_else(|| {
            let next = Scope(u16::try_from(self.scopes.len()).ok().filter(|&n| n < OUTSIDE_SCOPES)?);
            self.scopes.insert(vnet_id.to_ascii_lowercase(), next);
            Some(next)
        })
    }

    /// The number of a network interface by its resource id; `None` when 65,536 are taken.
    pub fn owner(&mut self, nic_id: &str) -> Option<Owner> {
        let known = self.owners.get(&nic_id.to_ascii_lowercase()).copied();
        known.or_else(|| {
            let next = Owner(u16::try_from(self.owners.len()).ok()?);
            self.owners.insert(nic_id.to_ascii_lowercase(), next);
            Some(next)
        })
    }

    /// All rule names so far, by number.
    pub fn list(&self) -> Arc<Vec<RuleName>> {
        Arc::clone(&self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_all_numbers_are_taken_the_known_keep_theirs() {
        let mut names = Names::default();
        let mut take = |nth: u32| (names.scope(&format!("vnet{nth}")), names.owner(&format!("nic{nth}")));
        for nth in 0..0x10000 {
            take(nth);
        }
        assert_eq!(take(0x7fff), (Some(Scope(0x7fff)), Some(Owner(0x7fff))));
        assert_eq!(take(0x8000), (None, Some(Owner(0x8000))));
        assert_eq!(take(0x10000), (None, None));
    }
}
