//! What each rule says of the packets of a question, field by field.

use crate::effective::standing;
use crate::words;
use answer::{
    Diagnosis, Diagnostic, EvaluatedNsg, MatchedRule, Mixed, NsgResult, PLATFORM_NOTE, Profile,
    RuleEvaluation, Verbosity, WithoutRule, Witness,
};
use ipnet::IpNet;
use model::{
    Access, AddressMatch, Direction, IpConfiguration, Network, NetworkInterface, NicIndex, RuleProtocol,
    ServiceTag,
};
use policy::{Fates, FieldMatches, GroupId, IPV4, Match, PLATFORM, Question, Ranges, Spoken, Traffic, Tuple};
use snapshot::{Guards, Level, Snapshot};
use std::net::IpAddr;

/// What ICMP is over IPv6.
const ICMPV6_NOTE: &str =
    "over IPv6 this is ICMPv6, which only rules about any protocol hold, not those about Icmp";

/// Asks the NSGs before a network interface about all packets of a question at once, as Azure's network configuration
/// diagnostic does: rules only, no live flows, no routes.
///
/// A field of a rule matches where it holds every packet that is asked about, from whatever source port. A rule is named
/// where it decides over all of them alone; each NSG is asked about all of them, until one denies them all. At the network interface's own end `*` is its addresses,
/// or while Azure has yet to choose one, those of its subnet. The result is `Allow` where every packet is allowed. Where an
/// earlier rule decides otherwise over a part of them, the answer shows a packet of each fate. Outbound to the platform's
/// addresses only rules with its tags are asked, and where the question is about nothing else only those are shown.
///
/// # Errors
/// One sentence on what is wrong with the question.
///
/// # Source
/// Azure "Network Watchers - Get Network Configuration Diagnostic". What Azure answers where prefixes are only partly
/// covered is not documented.
pub fn diagnose(snapshot: &Snapshot, asked: &Diagnostic) -> Result<Diagnosis, String> {
    let network = &snapshot.network;
    let index = words::target(network, asked.nic.as_deref(), asked.vm.as_deref())?;
    let nic = network.network_interfaces.get(index.0).ok_or("no such network interface")?;
    let profile = &asked.profile;
    let direction = words::direction(&profile.direction)?;
    let mut question = Question {
        protocol: words::protocol(&profile.protocol)?,
        source: words::side("source", &profile.source, network)?,
        destination: words::side("destination", &profile.destination, network)?,
        destination_ports: words::ports(&profile.destination_port)?,
    };
    if !of_one_family(&question) {
        let Profile { source, destination, .. } = profile;
        return Err(format!("{source} and {destination} are of different address families"));
    }
    let local = match direction {
        Direction::Inbound => &mut question.destination,
        Direction::Outbound => &mut question.source,
    };
    let is_all = *local == AddressMatch::Any;
    let own: Vec<IpNet> = nic.ip_configurations.iter().flat_map(|own| may_have(network, own)).collect();
    if is_all && !own.is_empty() {
        *local = AddressMatch::Prefixes(own);
    }
    let (configuration, note) = configuration_of(nic, local);
    let note = note.filter(|_| !is_all);
    let asking = Asking { snapshot, index, nic, direction, configuration, verbosity: asked.verbosity };
    let guards = snapshot.guards(index, configuration);
    let mut result =
        if guards.is_none() { asking.without_rules(&question)? } else { asking.rules(guards, &question)? };
    result.notes.splice(0..0, note);
    result.notes.extend(is_icmpv6(&question).then(|| ICMPV6_NOTE.to_owned()));
    Ok(Diagnosis { profile: canonical(profile, direction), network_security_group_result: result })
}

/// The address of an IP configuration, or those of which Azure has yet to choose one.
fn may_have(network: &Network, own: &IpConfiguration) -> Vec<IpNet> {
    match own.private_address {
        Some(address) => vec![address.into()],
        None => network.subnet(own.subnet).map(|it| it.prefixes.clone()).unwrap_or_default(),
    }
}

/// The question in Azure's own words.
fn canonical(profile: &Profile, direction: Direction) -> Profile {
    let direction = words::way(direction).into();
    let protocol = match profile.protocol.to_ascii_uppercase().as_str() {
        "ANY" => "*".to_owned(),
        protocol => protocol.to_owned(),
    };
    Profile { direction, protocol, ..profile.clone() }
}

/// Whether a question about ICMP has only IPv6 packets.
fn is_icmpv6(question: &Question) -> bool {
    let is_v6 = |side: &AddressMatch| matches!(side, AddressMatch::Prefixes(list) if list.iter().all(|it| it.addr().is_ipv6()));
    question.protocol == RuleProtocol::Icmp && (is_v6(&question.source) || is_v6(&question.destination))
}

/// Two sides of prefixes of different families have no packet between them.
fn of_one_family(question: &Question) -> bool {
    let is_v4 = |side: &AddressMatch| match side {
        AddressMatch::Prefixes(prefixes) => prefixes.first().map(|it| it.addr().is_ipv4()),
        _ => None,
    };
    match (is_v4(&question.source), is_v4(&question.destination)) {
        (Some(source), Some(destination)) => source == destination,
        _ => true,
    }
}

/// The IP configuration that the question is about: the one that has the address, or the primary one.
fn configuration_of(nic: &NetworkInterface, local: &AddressMatch) -> (usize, Option<String>) {
    let primary = nic.ip_configurations.iter().position(|it| it.primary).unwrap_or_default();
    let AddressMatch::Prefixes(prefixes) = local else { return (primary, None) };
    let holds = |address: IpAddr| prefixes.iter().any(|prefix| prefix.contains(&address));
    let own = nic.ip_configurations.iter().position(|it| it.private_address.is_some_and(holds));
    let note = || {
        let asked: Vec<String> = prefixes.iter().map(IpNet::to_string).collect();
        format!("{} holds no private address of {}", asked.join(", "), nic.name)
    };
    own.map_or_else(|| (primary, Some(note())), |own| (own, None))
}

/// Whom the question is about.
pub(crate) struct Asking<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) index: NicIndex,
    pub(crate) nic: &'a NetworkInterface,
    pub(crate) direction: Direction,
    pub(crate) configuration: usize,
    verbosity: Verbosity,
}

impl Asking<'_> {
    fn rules(&self, guards: Guards, question: &Question) -> Result<NsgResult, String> {
        let Self { snapshot, direction, .. } = *self;
        let groups: Vec<(Level, GroupId)> = guards.in_order(direction).collect();
        let numbers: Vec<GroupId> = groups.iter().map(|&(_, group)| group).collect();
        let first = numbers.first().and_then(|&group| snapshot.policy.expansion(&snapshot.network, group));
        let traffic = first.and_then(|it| snapshot.policy.traffic(&it, direction, question));
        let traffic = traffic.ok_or("a service tag of the question is not loaded")?;
        if traffic.is_empty() {
            return Err(self.nobody(question));
        }
        let fates = snapshot.policy.fates(&numbers, direction, &traffic);
        let tells_of_platform = traffic.is_platforms()
            || [fates.allowed, fates.denied].iter().flatten().any(|it| self.is_to_platform(it));
        let mut evaluated = Vec::with_capacity(groups.len());
        for (level, group) in groups {
            let own = snapshot.policy.fates(&[group], direction, &traffic);
            evaluated.extend(self.evaluate(level, group, &traffic, &own));
            if own.complete && own.allowed.is_none() {
                break;
            }
        }
        let mut result = self.result(&numbers, evaluated, fates);
        result.notes.extend(tells_of_platform.then(|| PLATFORM_NOTE.to_owned()));
        Ok(result)
    }

    /// Whether a packet goes to one of the platform's addresses.
    fn is_to_platform(&self, tuple: &Tuple) -> bool {
        self.direction == Direction::Outbound && PLATFORM.iter().any(|own| tuple.destination.ip() == *own)
    }

    /// Why no packet is both from one side and to the other.
    pub(crate) fn nobody(&self, question: &Question) -> String {
        let nobody = "no packet is both from that source and to that destination".to_owned();
        match self.internet_is_empty(question) {
            Some(why) => format!("{nobody}: {why}"),
            None => nobody,
        }
    }

    /// That Internet holds nothing of a family which the other side is of, where a route has brought all into VirtualNetwork.
    fn internet_is_empty(&self, question: &Question) -> Option<String> {
        let Self { snapshot, index, nic, configuration, .. } = *self;
        let internet = AddressMatch::Tag(ServiceTag::Internet);
        let other = match (question.source == internet, question.destination == internet) {
            (true, false) => &question.destination,
            (false, true) => &question.source,
            _ => return None,
        };
        let table = snapshot.network.vantage(nic.ip_configurations.get(configuration)?.subnet).route_table?;
        let other = snapshot.addresses(index, configuration, other)?;
        let six = other.minus(&Ranges::union([IPV4]));
        let families = [
            (true, other != six, "IPv4", "0.0.0.0/0", "8.8.8.8"),
            (false, !six.is_empty(), "IPv6", "::/0", "2001:4860:4860::8888"),
        ];
        let (is_v4, _, version, all, example) = families.into_iter().find(|(_, is_asked, ..)| *is_asked)?;
        let by = snapshot.network.everything_by_routes(table, is_v4)?;
        Some(format!(
            "Internet holds no {version} address here, as VirtualNetwork holds {all} by {by}; ask about an address or a \
             prefix instead, such as {example}"
        ))
    }

    /// What one NSG says, and whose `own` fates are those of all packets before it.
    fn evaluate(&self, level: Level, group: GroupId, traffic: &Traffic, own: &Fates) -> Option<EvaluatedNsg> {
        let Self { snapshot, nic, direction, .. } = *self;
        let rules = snapshot.policy.rules(group, direction);
        let held = snapshot.policy.fields_held(group, direction, traffic);
        // What goes to the platform no other rules are asked about, whatever their fields hold.
        let is_asked =
            |rule: &model::SecurityRule| !traffic.is_platforms() || Spoken::of(rule).judges_platform;
        let asked: Vec<_> = rules.iter().zip(&held).filter(|(rule, _)| is_asked(rule)).collect();
        // No packet comes to a rule after the first that holds all, whoever decided before.
        let last = asked.iter().position(|(_, fields)| fields.all());
        let told = match self.verbosity {
            Verbosity::Minimum => 0,
            Verbosity::Normal => last.map_or(asked.len(), |last| last + 1),
            Verbosity::Full => asked.len(),
        };
        let evaluation = |(rule, fields): &(&model::SecurityRule, &FieldMatches)| RuleEvaluation {
            name: words::prefixed(&rule.name, rule.default),
            protocol_matched: fields.protocol,
            source_matched: fields.source,
            source_port_matched: fields.source_port,
            destination_matched: fields.destination,
            destination_port_matched: fields.destination_port,
        };
        let decider = snapshot.policy.decider(group, direction, traffic);
        let matched = decider.and_then(|index| snapshot.policy.rule(group, direction, index));
        let together = match (own.allowed, own.denied) {
            (Some(_), None) if own.complete => Some(Access::Allow),
            (None, Some(_)) if own.complete => Some(Access::Deny),
            _ => None,
        };
        let configuration = nic.ip_configurations.get(self.configuration)?;
        let (nsg, place) = standing(&snapshot.network, nic, configuration, level)?;
        Some(EvaluatedNsg {
            network_security_group_id: snapshot.network.security_groups.get(nsg.0)?.id.to_string(),
            applied_to: place.id().to_owned(),
            matched_rule: matched.map(|rule| MatchedRule {
                rule_name: words::prefixed(&rule.name, rule.default),
                action: words::access(rule.access).into(),
            }),
            together: together.filter(|_| matched.is_none()).map(|access| words::access(access).into()),
            rules_evaluation_result: asked.iter().take(told).map(evaluation).collect(),
        })
    }

    fn result(&self, groups: &[GroupId], evaluated: Vec<EvaluatedNsg>, fates: Fates) -> NsgResult {
        let Fates { allowed, denied, complete } = fates;
        let allow = complete && denied.is_none();
        let mut notes = Vec::new();
        if !complete {
            notes.push(
                "the rules cut these packets into too many parts to look at each; ask about fewer".into(),
            );
        }
        let mixed = allowed.zip(denied).map(|(allowed, denied)| Mixed {
            allowed: self.witness(groups, &allowed),
            denied: self.witness(groups, &denied),
        });
        NsgResult {
            security_rule_access_result: words::access(if allow { Access::Allow } else { Access::Deny })
                .into(),
            evaluated_network_security_groups: evaluated,
            mixed,
            notes,
        }
    }

    /// A packet with the rule that denies it, or of those that allow it the last.
    fn witness(&self, groups: &[GroupId], tuple: &Tuple) -> Witness {
        let Self { snapshot: Snapshot { policy, .. }, direction, .. } = *self;
        let classes = policy.classes(tuple);
        let mut rule_name = None;
        for &group in groups {
            let Match::Rule(index) = policy.first_match(group, direction, &classes) else { continue };
            let Some(rule) = policy.rule(group, direction, index) else { continue };
            rule_name = Some(words::prefixed(&rule.name, rule.default));
            if rule.access == Access::Deny {
                break;
            }
        }
        let is_platforms = rule_name.is_none() && self.is_to_platform(tuple);
        let without_rule = is_platforms.then_some(WithoutRule::Platform);
        Witness { packet: words::packet(tuple), rule_name, without_rule }
    }
}
