//! Rules as boxes: five numbered sets each, of lines that all lists of rules under comparison share.

use crate::Error;
use crate::line::{DESTINATION, DESTINATION_PORT, FIELDS, FULL, Line, PROTOCOL, SOURCE, SOURCE_PORT, Sets};
use crate::symbol::{Addresses, Sight, World};
use model::{Access, AddressMatch, AsgIndex, Direction, NetworkSecurityGroup, SecurityRule, ServiceTag};
use policy::{KINDS, PLATFORM, Ranges, Spoken};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// All lists of rules under comparison.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) lines: [Line; FIELDS],
    pub(crate) worlds: Vec<World>,
    pub(crate) tables: Vec<Table>,
    /// The names of sets of addresses that people know by a name: of sources, and of destinations.
    pub(crate) names: [HashMap<u32, Arc<str>>; FIELDS],
}

impl Space {
    /// Whether a rule holds the packets of a class in each field.
    pub(crate) fn holds(&self, rule: &Boxed, packet: &[u32; FIELDS]) -> bool {
        (0..FIELDS).all(|field| self.lines[field].holds(rule.sets[field], packet[field]))
    }

    /// The name of the tag that holds exactly these classes of some families.
    pub(crate) fn name_of(&self, field: usize, classes: &[u32], kinds: [bool; 2]) -> Option<Arc<str>> {
        let names = &self.names[field];
        let line = &self.lines[field];
        let counts = |class: &&u32| kinds[line.classes[**class as usize].kind];
        let is = |set: u32| line.set(set).iter().filter(counts).eq(classes.iter().filter(counts));
        let (_, name) = names.iter().find(|(set, _)| is(**set))?;
        // Two tag files may know two tags of one name.
        let known = names.values().filter(|other| *other == name).count();
        (known == 1).then(|| Arc::clone(name))
    }
}

/// The rules of one group and direction in the order in which they are looked at; the last one holds everything.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rules: Vec<Boxed>,
}

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Boxed {
    /// The number of its set on each line.
    pub(crate) sets: [u32; FIELDS],
    pub(crate) access: Access,
    /// The rule; `None` is the platform, which allows.
    pub(crate) rule: Option<SecurityRule>,
}

impl Boxed {
    /// All that counts in deciding; names do not.
    pub(crate) fn meaning(&self) -> ([u32; FIELDS], bool) {
        (self.sets, self.access == Access::Allow)
    }
}

/// A space while lists are added.
#[derive(Debug)]
pub(crate) struct Builder {
    protocols: Sets<u8>,
    ports: [Sets<Ranges>; 2],
    addresses: [Sets<Addresses>; 2],
    names: [HashMap<u32, Arc<str>>; FIELDS],
    tables: Vec<Table>,
    open: bool,
}

/// Sides of rules that were spelled out once.
#[derive(Default)]
struct Known {
    tags: HashMap<ServiceTag, Addresses>,
    groups: HashMap<Vec<AsgIndex>, Addresses>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let ports = || Sets::new(Ranges::of_ports(&model::PortSet::full()));
        let addresses = || Sets::new(Addresses::known(Ranges::every_address()));
        Self {
            protocols: Sets::new((1 << KINDS.len()) - 1),
            ports: [ports(), ports()],
            addresses: [addresses(), addresses()],
            names: Default::default(),
            tables: Vec::new(),
            open: false,
        }
    }

    /// Adds the rules of a group in one direction and returns the number of the list.
    ///
    /// # Errors
    /// A tag that is not loaded.
    pub(crate) fn add(
        &mut self,
        group: &NetworkSecurityGroup,
        direction: Direction,
        sight: Sight<'_>,
    ) -> Result<usize, Error> {
        self.open |= sight.is_open();
        let own = group.rules.iter().filter(|rule| rule.direction == direction).cloned();
        let mut rules: Vec<SecurityRule> = own.collect();
        rules.sort_by_key(|rule| rule.priority);
        rules.extend(SecurityRule::defaults(direction));
        let mut known = Known::default();
        let mut boxes = Vec::with_capacity(rules.len() + 1);
        let last = rules.len().saturating_sub(1);
        for (nth, rule) in rules.into_iter().enumerate() {
            if nth == last && direction == Direction::Outbound {
                boxes.push(self.platform());
            }
            let unknown =
                || policy::Error::UnknownTag { group: Arc::clone(&group.name), rule: Arc::clone(&rule.name) };
            let sets = self.sets(&rule, nth == last, sight, &mut known).ok_or_else(unknown)?;
            boxes.push(Boxed { sets, access: rule.access, rule: Some(rule) });
        }
        Ok(self.table(boxes))
    }

    /// Adds what a NIC without any group does with what comes in by a Standard public address: only `private` senders pass.
    pub(crate) fn add_closed(&mut self, private: Ranges) -> usize {
        let mut sets = [FULL; FIELDS];
        sets[SOURCE] = self.address(SOURCE, Addresses::known(private));
        let private = Boxed { sets, access: Access::Allow, rule: None };
        self.table(vec![private, Boxed { sets: [FULL; FIELDS], access: Access::Deny, rule: None }])
    }

    /// The number of a set of known addresses, for a domain.
    pub(crate) fn local(&mut self, field: usize, addresses: Ranges) -> u32 {
        self.address(field, Addresses::known(addresses))
    }

    /// All that counts in a list; two lists of one builder that mean the same in every word have the same.
    pub(crate) fn meaning(&self, table: usize) -> Vec<([u32; FIELDS], bool)> {
        self.tables
            .get(table)
            .map(|table| table.rules.iter().map(Boxed::meaning).collect())
            .unwrap_or_default()
    }

    /// Cuts the lines.
    ///
    /// # Errors
    /// Sets that overlap too much.
    pub(crate) fn build(self) -> Result<Space, Error> {
        let [destination_ports, source_ports] = &self.ports;
        let [destinations, sources] = &self.addresses;
        let sets = destinations.as_slice().iter().chain(sources.as_slice());
        let worlds = World::of(self.open, sets);
        let lines = [
            Line::protocols(self.protocols.as_slice()),
            Line::ports(destination_ports.as_slice())?,
            Line::addresses(destinations.as_slice(), &worlds)?,
            Line::addresses(sources.as_slice(), &worlds)?,
            Line::ports(source_ports.as_slice())?,
        ];
        Ok(Space { lines, worlds, tables: self.tables, names: self.names })
    }

    fn table(&mut self, rules: Vec<Boxed>) -> usize {
        self.tables.push(Table { rules });
        self.tables.len() - 1
    }

    /// Outbound, what no rule of a platform's tag judges of the platform's own traffic.
    fn platform(&mut self) -> Boxed {
        let mut sets = [FULL; FIELDS];
        sets[DESTINATION] = self.address(DESTINATION, Addresses::known(platform()));
        Boxed { sets, access: Access::Allow, rule: None }
    }

    /// The sets of a rule; the last one of a list holds everything that is left.
    fn sets(
        &mut self,
        rule: &SecurityRule,
        last: bool,
        sight: Sight<'_>,
        known: &mut Known,
    ) -> Option<[u32; FIELDS]> {
        let spoken = Spoken::of(rule);
        let mut sets = [FULL; FIELDS];
        sets[PROTOCOL] = self.protocols.number(spoken.protocols);
        sets[DESTINATION_PORT] = self.ports[0].number(spoken.destination_ports);
        sets[SOURCE_PORT] = self.ports[1].number(spoken.source_ports);
        let source = known.spell(&rule.source, sight)?;
        sets[SOURCE] = self.address(SOURCE, source);
        let destination = known.spell(&rule.destination, sight)?;
        let to_platform = rule.direction == Direction::Outbound && !spoken.judges_platform && !last;
        let destination = if to_platform { destination.minus(&platform()) } else { destination };
        sets[DESTINATION] = self.address(DESTINATION, destination);
        for (field, side) in [(SOURCE, &rule.source), (DESTINATION, &rule.destination)] {
            if let Some(name) = name_of(side, sight) {
                self.names[field].entry(sets[field]).or_insert(name);
            }
        }
        Some(sets)
    }

    fn address(&mut self, field: usize, set: Addresses) -> u32 {
        if set.is_full() { FULL } else { self.addresses[usize::from(field == SOURCE)].number(set) }
    }
}

impl Known {
    fn spell(&mut self, side: &AddressMatch, sight: Sight<'_>) -> Option<Addresses> {
        match side {
            AddressMatch::Tag(tag) => {
                if !self.tags.contains_key(tag) {
                    self.tags.insert(*tag, Addresses::of(side, sight)?);
                }
                self.tags.get(tag).cloned()
            }
            AddressMatch::ApplicationSecurityGroups(groups) => {
                if !self.groups.contains_key(groups) {
                    self.groups.insert(groups.clone(), Addresses::of(side, sight)?);
                }
                self.groups.get(groups).cloned()
            }
            AddressMatch::Any | AddressMatch::Prefixes(_) => Addresses::of(side, sight),
        }
    }
}

/// The platform's addresses.
pub(crate) fn platform() -> Ranges {
    Ranges::of_addresses(PLATFORM.map(IpAddr::V4))
}

/// The name of a tag that holds many prefixes.
fn name_of(side: &AddressMatch, sight: Sight<'_>) -> Option<Arc<str>> {
    match side {
        AddressMatch::Tag(ServiceTag::Internet) => Some("Internet".into()),
        AddressMatch::Tag(ServiceTag::Named(index)) => {
            sight.network().service_tags.get(*index).map(|tag| Arc::clone(&tag.name))
        }
        _ => None,
    }
}
