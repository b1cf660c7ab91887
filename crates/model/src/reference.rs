//! How resources refer to each other: by id, by a short relative id, or by name.
//!
//! Ids compare case-insensitively. A resource with an id is found by that id, and by name where the reference
//! names no resource group. A resource without one is matched by type and name in any subscription and group; so is what
//! a template makes, and what it refers to, as far as nobody said where the template is deployed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The ids that we give to resources without one start with this.
pub(crate) const LOCAL_GROUP: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.Network";

/// The subscription of templates of which nobody said where they are deployed.
pub const NO_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";
/// The resource group of such templates, unless somebody said that.
pub const NO_RESOURCE_GROUP: &str = "nsgate";

/// The resource group of the nth such template, where it cannot be that of the others.
pub fn another_resource_group(nth: usize) -> String {
    format!("{NO_RESOURCE_GROUP}-{nth}")
}

/// The types of resource that are referred to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    VirtualNetwork,
    Subnet,
    NetworkInterface,
    SecurityGroup,
    ApplicationSecurityGroup,
    RouteTable,
    PublicIp,
}

impl Kind {
    /// The type's words in an id, one for each name.
    fn path(self) -> &'static [&'static str] {
        match self {
            Self::VirtualNetwork => &["virtualNetworks"],
            Self::Subnet => &["virtualNetworks", "subnets"],
            Self::NetworkInterface => &["networkInterfaces"],
            Self::SecurityGroup => &["networkSecurityGroups"],
            Self::ApplicationSecurityGroup => &["applicationSecurityGroups"],
            Self::RouteTable => &["routeTables"],
            Self::PublicIp => &["publicIPAddresses"],
        }
    }

    /// The type in the words of a message.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::VirtualNetwork => "virtual network",
            Self::Subnet => "subnet",
            Self::NetworkInterface => "network interface",
            Self::SecurityGroup => "network security group",
            Self::ApplicationSecurityGroup => "application security group",
            Self::RouteTable => "route table",
            Self::PublicIp => "public IP address",
        }
    }

    /// The id of a resource of this type that has none: `name` is `vnet/subnet` for a subnet.
    pub(crate) fn local_id(self, name: &str) -> String {
        let mut id = String::from(LOCAL_GROUP);
        for (word, name) in self.path().iter().zip(name.split('/')) {
            id.extend(["/", word, "/", name]);
        }
        id
    }
}

/// Why a reference leads nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotFound {
    /// No resource of the type has that id or name; perhaps this name was meant.
    Missing {
        /// The type, in words.
        kind: &'static str,
        /// The reference.
        reference: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// Several resources have that name.
    Ambiguous {
        /// The type, in words.
        kind: &'static str,
        /// The reference.
        reference: String,
        /// The ids of those it could mean.
        ids: Vec<String>,
    },
    /// It is the id of a resource of another type.
    OtherType {
        /// The type that was looked for, in words.
        kind: &'static str,
        /// The reference.
        reference: String,
    },
}

impl NotFound {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Missing { nearest: Some(name), .. } => format!("did you mean '{name}'?"),
            Self::Missing { kind, .. } => format!("add the {kind}, or take the reference away"),
            Self::Ambiguous { ids, .. } => format!("use one of the ids {}", ids.join(", ")),
            Self::OtherType { kind, .. } => format!("refer to a {kind}"),
        }
    }

    /// All of it in one sentence, for somebody who asked by that name and wrote no document.
    pub fn sentence(&self) -> String {
        match self {
            Self::Missing { nearest: None, .. } => self.to_string(),
            Self::Ambiguous { .. } => format!("{self}; name its --resource-group, or {}", self.help()),
            _ => format!("{self}; {}", self.help()),
        }
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { kind, reference, .. } => write!(f, "there is no {kind} '{reference}'"),
            Self::Ambiguous { kind, reference, ids } => {
                write!(f, "'{reference}' could be any of {} {kind}s of that name", ids.len())
            }
            Self::OtherType { kind, reference } => write!(f, "'{reference}' is not the id of a {kind}"),
        }
    }
}

impl std::error::Error for NotFound {}

/// The resources of one type, found by reference.
#[derive(Clone, Debug)]
pub(crate) struct Directory<I> {
    kind: Kind,
    entries: Vec<Entry<I>>,
    by_id: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
    by_last_name: HashMap<String, Vec<usize>>,
}

#[derive(Clone, Debug)]
struct Entry<I> {
    index: I,
    id: Arc<str>,
    /// The names along the id, joined by `/`.
    name: String,
    /// Whether the document wrote the id.
    given: bool,
    /// Whether it is in a subscription that nobody said.
    invented: bool,
}

impl<I: Copy> Directory<I> {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            entries: Vec::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            by_last_name: HashMap::new(),
        }
    }

    /// Adds a resource; `name` is `vnet/subnet` for a subnet. Returns the index of another that has this id, or
    /// that has this name where one of the two has no id.
    pub(crate) fn add(&mut self, index: I, id: &Arc<str>, name: &str) -> Option<I> {
        let nth = self.entries.len();
        let given = is_given(id);
        let lower = name.to_ascii_lowercase();
        let last = lower.rsplit('/').next().unwrap_or_default().to_owned();
        let namesakes = self.by_name.entry(lower).or_default();
        let namesake = namesakes.iter().copied().find(|&n| !given || !self.entries[n].given);
        let other = self.by_id.get(&canonical(id)).copied().or(namesake);
        namesakes.push(nth);
        self.by_last_name.entry(last).or_default().push(nth);
        self.by_id.entry(canonical(id)).or_insert(nth);
        let invented = is_invented(id);
        self.entries.push(Entry { index, id: id.clone(), name: name.to_owned(), given, invented });
        other.map(|nth| self.entries[nth].index)
    }

    /// Whether [`Directory::add`] has told these two as one resource that is there twice.
    fn is_reported_twin(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.entries[one], &self.entries[other]);
        let told_apart = one.given && other.given && canonical(&one.id) != canonical(&other.id);
        !told_apart && one.name.eq_ignore_ascii_case(&other.name)
    }

    /// The same directory under other indices.
    pub(crate) fn map<J>(self, index: impl Fn(I) -> J) -> Directory<J> {
        let entry = |it: Entry<I>| Entry {
            index: index(it.index),
            id: it.id,
            name: it.name,
            given: it.given,
            invented: it.invented,
        };
        Directory {
            kind: self.kind,
            entries: self.entries.into_iter().map(entry).collect(),
            by_id: self.by_id,
            by_name: self.by_name,
            by_last_name: self.by_last_name,
        }
    }

    /// Whether any of them is in the subscription and resource group of a whole id.
    pub(crate) fn has_place_of(&self, id: &str) -> bool {
        let same = |(one, group): (&str, &str), (other, other_group): (&str, &str)| {
            one.eq_ignore_ascii_case(other) && group.eq_ignore_ascii_case(other_group)
        };
        let own = place(id);
        self.entries.iter().any(|it| own.zip(place(&it.id)).is_some_and(|(own, it)| same(own, it)))
    }

    /// The resource that `reference` means.
    ///
    /// # Errors
    /// [`NotFound`] where it means none, or could mean several.
    pub(crate) fn find(&self, reference: &str) -> Result<I, NotFound> {
        if let Some(&nth) = self.by_id.get(&canonical(reference)) {
            return Ok(self.entries[nth].index);
        }
        let kind = self.kind.words();
        let (found, names) = match parse(reference, self.kind.path()) {
            Parsed::Full(names) => {
                let any_group = self.by_name.get(&names.to_ascii_lowercase()).into_iter().flatten();
                let open = is_invented(reference);
                let whole = is_of_a_subscription(reference);
                let may_be = |it: &Entry<I>| {
                    !it.given
                        || ((open || it.invented) && may_be_one_place(&it.id, reference))
                        || (whole && may_be_within(&it.id, reference))
                };
                (any_group.filter(|&&nth| may_be(&self.entries[nth])).collect::<Vec<_>>(), names)
            }
            Parsed::Names(names) => {
                (self.by_name.get(&names.to_ascii_lowercase()).into_iter().flatten().collect(), names)
            }
            Parsed::LastName(name) => {
                (self.by_last_name.get(&name.to_ascii_lowercase()).into_iter().flatten().collect(), name)
            }
            Parsed::OtherType => return Err(NotFound::OtherType { kind, reference: reference.to_owned() }),
        };
        let mut found = found;
        found.dedup_by(|later, first| self.is_reported_twin(**first, **later));
        match found.as_slice() {
            [nth] => Ok(self.entries[**nth].index),
            [] => {
                let known = self.entries.iter().map(|entry| entry.name.as_str());
                let nearest = diagnostic::nearest(&names, known).map(str::to_owned);
                // A namesake in another resource group: only its id tells the two apart.
                let nearest = match self.by_name.get(&names.to_ascii_lowercase()).and_then(|n| n.first()) {
                    Some(&nth) => Some(self.entries[nth].id.to_string()),
                    None => nearest,
                };
                Err(NotFound::Missing { kind, reference: reference.to_owned(), nearest })
            }
            several => Err(NotFound::Ambiguous {
                kind,
                reference: reference.to_owned(),
                ids: several.iter().map(|nth| self.entries[**nth].id.to_string()).collect(),
            }),
        }
    }
}

/// Whether a document wrote this id as a full one; others count as no id.
fn is_given(id: &str) -> bool {
    is_full(id) && !canonical(id).starts_with(&canonical(LOCAL_GROUP))
}

/// Whether the string is a whole resource id.
pub(crate) fn is_full(id: &str) -> bool {
    let mut words = id.split('/').filter(|word| !word.is_empty());
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("subscriptions")) && words.next().is_some()
}

/// The subscription and the resource group of a whole id.
fn place(id: &str) -> Option<(&str, &str)> {
    let mut words = id.split('/').filter(|word| !word.is_empty());
    let subscription = words.nth(1)?;
    let is_group = words.next()?.eq_ignore_ascii_case("resourceGroups");
    Some((subscription, words.next().filter(|_| is_group)?))
}

/// Whether an id is in a subscription that nobody said; its resource group may have been said all the same.
fn is_invented(id: &str) -> bool {
    is_given(id) && place(id).is_some_and(|(subscription, _)| subscription == NO_SUBSCRIPTION)
}

/// Whether what has an id may be where another id says: in its subscription and its resource group, as far as either id
/// says them.
pub fn may_be_within(id: &str, place_of: &str) -> bool {
    let part = |id: &str, key: &str| {
        let mut words = id.split('/').skip_while(|word| !word.eq_ignore_ascii_case(key));
        words.nth(1).map(str::to_ascii_lowercase)
    };
    let agree = |key: &str| match (part(id, key), part(place_of, key)) {
        (Some(one), Some(other)) => {
            one == other || [&one, &other].into_iter().any(|it| it == NO_SUBSCRIPTION)
        }
        _ => true,
    };
    agree("subscriptions") && (agree("resourceGroups") || may_be_one_place(id, place_of))
}

/// Whether a whole id says no resource group: it asks for all that are in a subscription.
fn is_of_a_subscription(id: &str) -> bool {
    is_full(id) && place(id).is_none()
}

/// Whether two ids, one of which is invented, agree in the resource groups that somebody said.
fn may_be_one_place(one: &str, other: &str) -> bool {
    let (Some((one, group)), Some((other, other_group))) = (place(one), place(other)) else { return false };
    let is_one_of_ours = |group: &str| {
        let rest =
            group.get(..NO_RESOURCE_GROUP.len()).filter(|it| it.eq_ignore_ascii_case(NO_RESOURCE_GROUP));
        let nth = rest.and_then(|it| group.get(it.len()..)).map(|it| it.strip_prefix('-').unwrap_or(it));
        nth.is_some_and(|nth| nth.bytes().all(|it| it.is_ascii_digit()))
    };
    let is_unsaid =
        |subscription: &str, group: &str| subscription == NO_SUBSCRIPTION && is_one_of_ours(group);
    group.eq_ignore_ascii_case(other_group) || is_unsaid(one, group) || is_unsaid(other, other_group)
}

/// What compares equal where two ids mean the same resource.
fn canonical(id: &str) -> String {
    id.trim_matches('/').to_ascii_lowercase()
}

enum Parsed {
    /// A whole id, with the names along it.
    Full(String),
    /// A short id or names, in any group.
    Names(String),
    /// Only the child's own name.
    LastName(String),
    /// The id of something else.
    OtherType,
}

fn parse(reference: &str, path: &[&str]) -> Parsed {
    let words: Vec<&str> = reference.split('/').filter(|word| !word.is_empty()).collect();
    let is_type = |word: &str, of: &str| word.eq_ignore_ascii_case(of);
    let tail = words.len().checked_sub(2 * path.len()).map(|start| &words[start..]);
    if let Some(tail) = tail
        && tail.chunks(2).zip(path).all(|(pair, of)| pair.first().is_some_and(|word| is_type(word, of)))
    {
        let names: Vec<&str> = tail.iter().skip(1).step_by(2).copied().collect();
        let names = names.join("/");
        return if is_full(reference) { Parsed::Full(names) } else { Parsed::Names(names) };
    }
    if is_full(reference) {
        return Parsed::OtherType;
    }
    match (words.as_slice(), path) {
        ([of, name], [.., last]) if is_type(of, last) => Parsed::LastName((*name).to_owned()),
        ([name], _) => Parsed::LastName((*name).to_owned()),
        (names, _) if names.len() == path.len() => Parsed::Names(names.join("/")),
        _ => Parsed::OtherType,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "/subscriptions/s/resourceGroups/a/providers/Microsoft.Network/networkSecurityGroups/web";
    const B: &str = "/subscriptions/s/resourceGroups/b/providers/Microsoft.Network/networkSecurityGroups/web";

    fn groups(ids: &[(&str, &str)]) -> Directory<usize> {
        let mut directory = Directory::new(Kind::SecurityGroup);
        for (nth, (id, name)) in ids.iter().enumerate() {
            directory.add(nth, &Arc::from(*id), name);
        }
        directory
    }

    #[test]
    fn a_resource_without_id_is_found_from_any_group() {
        let directory = groups(&[(&Kind::SecurityGroup.local_id("web"), "web")]);
        for reference in
            [A, B, "networkSecurityGroups/WEB", "web", "Microsoft.Network/networkSecurityGroups/web"]
        {
            assert_eq!(directory.find(reference), Ok(0), "{reference}");
        }
    }

    #[test]
    fn an_id_finds_its_own_resource_only() {
        let directory = groups(&[(A, "web"), (B, "web")]);
        assert_eq!(directory.find(&A.to_uppercase()), Ok(0));
        assert_eq!(directory.find(&format!("{B}/")), Ok(1));
        assert!(matches!(directory.find("web"), Err(NotFound::Ambiguous { ids, .. }) if ids.len() == 2));
        let elsewhere = A.replace("/a/", "/c/");
        assert!(matches!(directory.find(&elsewhere), Err(NotFound::Missing { .. })));
        let other_type = A.replace("networkSecurityGroups", "routeTables");
        assert!(matches!(directory.find(&other_type), Err(NotFound::OtherType { .. })));
    }

    #[test]
    fn what_nobody_said_of_an_id_may_be_anything() {
        let id = |subscription: &str, group: &str| {
            A.replace("/s/", &format!("/{subscription}/")).replace("/a/", &format!("/{group}/"))
        };
        let nowhere = id(NO_SUBSCRIPTION, NO_RESOURCE_GROUP);
        let directory = groups(&[(&nowhere, "web")]);
        assert_eq!((directory.find(A), directory.find(B)), (Ok(0), Ok(0)));
        assert!(directory.find(&A.replace("web", "api")).is_err());
        // The other way round, and only where one is meant.
        assert_eq!(groups(&[(A, "web")]).find(&nowhere), Ok(0));
        assert!(matches!(groups(&[(A, "web"), (B, "web")]).find(&nowhere), Err(NotFound::Ambiguous { .. })));
        // What has that very id comes first.
        let directory = groups(&[(&nowhere, "web"), (A, "web")]);
        assert_eq!((directory.find(A), directory.find(&nowhere), directory.find(B)), (Ok(1), Ok(0), Ok(0)));
        // One of several such groups is its own, and may be what nobody else is.
        let second = id(NO_SUBSCRIPTION, &another_resource_group(2));
        let directory = groups(&[(&nowhere, "web"), (&second, "web")]);
        assert_eq!((directory.find(&nowhere), directory.find(&second)), (Ok(0), Ok(1)));
        assert!(matches!(directory.find(A), Err(NotFound::Ambiguous { .. })));
        assert_eq!(groups(&[(&nowhere, "web")]).find(&second), Ok(0));
        assert!(groups(&[(&id(NO_SUBSCRIPTION, "nsgate-x"), "web")]).find(A).is_err());
        // A group that somebody said is that group, in whatever subscription.
        let directory = groups(&[(&id(NO_SUBSCRIPTION, "a"), "web")]);
        assert_eq!(directory.find(A), Ok(0));
        assert!(directory.find(B).is_err());
        // And somebody's own resource group may have that name.
        let directory = groups(&[(&id("s", NO_RESOURCE_GROUP), "web")]);
        assert!(directory.find(A).is_err());
    }

    #[test]
    fn a_subscription_alone_is_a_place() {
        let directory = groups(&[(A, "web"), (&B.replace("/s/", "/t/"), "web")]);
        let within = |subscription: &str| {
            format!("/subscriptions/{subscription}/providers/Microsoft.Network/networkSecurityGroups/web")
        };
        assert_eq!((directory.find(&within("S")), directory.find(&within("t"))), (Ok(0), Ok(1)));
        assert!(matches!(directory.find(&within("u")), Err(NotFound::Missing { .. })));
        let twice = groups(&[(A, "web"), (B, "web")]);
        assert!(matches!(twice.find(&within("s")), Err(NotFound::Ambiguous { .. })));
        // What says no place may be in any.
        let local = groups(&[(&Kind::SecurityGroup.local_id("web"), "web")]);
        assert_eq!(local.find(&within("u")), Ok(0));
    }

    #[test]
    fn subnets_are_found_by_both_names_or_by_their_own() {
        let mut directory = Directory::new(Kind::Subnet);
        directory.add(0, &Arc::from(Kind::Subnet.local_id("v/s")), "v/s");
        directory.add(1, &Arc::from(Kind::Subnet.local_id("w/t")), "w/t");
        let full =
            "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/virtualNetworks/v/subnets/s";
        for reference in [full, "virtualNetworks/v/subnets/s", "v/s", "s", "subnets/s"] {
            assert_eq!(directory.find(reference), Ok(0), "{reference}");
        }
        assert!(directory.find("w/s").is_err());
        assert!(directory.find("v").is_err());
    }

    #[test]
    fn namesakes_are_told_when_one_has_no_id() {
        let mut directory = Directory::new(Kind::SecurityGroup);
        assert_eq!(directory.add(0, &Arc::from(A), "web"), None);
        assert_eq!(directory.add(1, &Arc::from(B), "web"), None);
        assert_eq!(directory.add(2, &Arc::from(A.to_uppercase()), "web"), Some(0));
        assert_eq!(directory.add(3, &Arc::from(Kind::SecurityGroup.local_id("web")), "Web"), Some(0));
    }
}
