//! Walking through a log's JSON, record by record.

use crate::lines::{Lines, Position};
use crate::record::parse_mac;
use crate::{Entry, Error, Form, Record, Tuple};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

/// Reads a log and hands over each of its records; `file` is what errors call it.
///
/// # Errors
/// Where it is not JSON, ends too soon, or a record is longer than [`MAX_RECORD`](crate::MAX_RECORD); what stands before that
/// has been handed over, of the record that is not whole its tuples as far as their rule is known. A tuple that cannot be read is no such error: its record names it.
///
/// # Cost
/// One record is in memory at a time.
pub fn read(file: &str, source: impl BufRead, mut each: impl FnMut(Record)) -> Result<(), Error> {
    let file: Arc<str> = file.into();
    let error = |line, why: String| Error { file: Arc::clone(&file), line, why };
    let (lines, position) = Lines::new(source).map_err(|why| error(1, why.to_string()))?;
    let mut tuples = 0;
    let mut documents = serde_json::Deserializer::from_reader(lines);
    loop {
        position.renew();
        match documents.end() {
            Ok(()) => return Ok(()),
            Err(why) if why.is_io() => return Err(error(position.line(), why.to_string())),
            // Something stands there.
            Err(_) => {}
        }
        let mut log = Log { file: &file, position: &position, tuples: &mut tuples, each: &mut each };
        let mut outermost = Draft::default();
        let walk = Walk { log: &mut log, draft: &mut outermost, at: At::Records };
        walk.deserialize(&mut documents).map_err(|why| error(position.line(), said(&why)))?;
    }
}

/// An error of JSON without its place, which stands before it.
fn said(why: &serde_json::Error) -> String {
    if why.is_eof() {
        return "the log ends in the middle of a record; what stands before that is read".into();
    }
    let why = why.to_string();
    why.rfind(" at line ").map_or(why.clone(), |at| why[..at].to_owned())
}

/// What stays the same throughout a log.
struct Log<'a> {
    file: &'a Arc<str>,
    position: &'a Position,
    /// The tuples so far.
    tuples: &'a mut u64,
    each: &'a mut dyn FnMut(Record),
}

/// A record while it is read: its members may stand in any order.
#[derive(Default)]
struct Draft {
    form: Option<Form>,
    mac: Option<String>,
    resource: Option<Arc<str>>,
    entries: Vec<Entry>,
    faults: Vec<Error>,
}

/// Where in the tree of a log a value stands. Lists may stand around any of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// A record, or what has records in it.
    Records,
    /// `properties` or `flowRecords`: what has the flows in it.
    Flows(Form),
    /// The flows of a rule (NSG) or an NSG (VNet).
    Outer(Form),
    /// The flows of a network interface (NSG) or a rule (VNet).
    Inner(Form),
    /// Tuples.
    Tuples(Form),
}

struct Walk<'a, 'b> {
    log: &'a mut Log<'b>,
    draft: &'a mut Draft,
    at: At,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.at {
            At::Records => "records of a flow log",
            At::Tuples(_) => "tuples of a flow log",
            At::Flows(_) | At::Outer(_) | At::Inner(_) => "flows of a record",
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let At::Tuples(form) = self.at else {
            return Err(E::invalid_type(serde::de::Unexpected::Str(text), &self));
        };
        let line = self.log.position.line();
        *self.log.tuples += 1;
        let number = *self.log.tuples;
        match Tuple::parse(form, text) {
            Ok(tuple) => {
                self.draft.entries.push(Entry {
                    rule: Arc::default(),
                    acl: None,
                    mac: None,
                    tuple,
                    line,
                    number,
                });
            }
            Err(why) => {
                let why = format!("tuple {number}: {why}");
                self.draft.faults.push(Error { file: Arc::clone(self.log.file), line, why });
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { log, draft, at } = self;
        while list.next_element_seed(Walk { log, draft, at })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        let Self { log, draft, at } = self;
        match at {
            At::Records => record(log, members),
            At::Flows(form) => flows(log, draft, form, members),
            At::Outer(_) | At::Inner(_) => group(log, draft, at, members),
            At::Tuples(_) => Err(A::Error::custom("a tuple is a string")),
        }
    }
}

/// A record, or the wrapper of many.
fn record<'de, A: MapAccess<'de>>(log: &mut Log<'_>, mut members: A) -> Result<(), A::Error> {
    log.position.renew();
    let mut draft = Draft::default();
    let read = members_of_record(log, &mut draft, &mut members);
    if let Some(form) = draft.form {
        let Draft { mac, resource, mut entries, faults, .. } = draft;
        if read.is_err() {
            // The name of a rule may stand behind its tuples.
            entries.retain(|entry| !entry.rule.is_empty());
        }
        (log.each)(Record { form, mac: mac.and_then(|mac| parse_mac(&mac)), resource, entries, faults });
    }
    log.position.renew();
    read
}

fn members_of_record<'de, A: MapAccess<'de>>(
    log: &mut Log<'_>,
    draft: &mut Draft,
    members: &mut A,
) -> Result<(), A::Error> {
    while let Some(key) = members.next_key::<String>()? {
        let mut descend = |at, draft: &mut Draft| members.next_value_seed(Walk { log, draft, at });
        match key.as_str() {
            "records" => descend(At::Records, &mut Draft::default())?,
            "properties" => {
                draft.form.get_or_insert(Form::Nsg);
                descend(At::Flows(Form::Nsg), draft)?;
            }
            "flowRecords" => {
                draft.form = Some(Form::Vnet);
                descend(At::Flows(Form::Vnet), draft)?;
            }
            "macAddress" => draft.mac = members.next_value()?,
            "resourceId" | "flowLogResourceID" => {
                draft.resource = members.next_value::<Option<String>>()?.map(Arc::from);
            }
            _ => drop(members.next_value::<IgnoredAny>()?),
        }
    }
    Ok(())
}

fn flows<'de, A: MapAccess<'de>>(
    log: &mut Log<'_>,
    draft: &mut Draft,
    form: Form,
    mut members: A,
) -> Result<(), A::Error> {
    while let Some(key) = members.next_key::<String>()? {
        match key.as_str() {
            "flows" => members.next_value_seed(Walk { log, draft, at: At::Outer(form) })?,
            _ => drop(members.next_value::<IgnoredAny>()?),
        }
    }
    Ok(())
}

/// Flows with something in common, which is said of all tuples inside.
fn group<'de, A: MapAccess<'de>>(
    log: &mut Log<'_>,
    draft: &mut Draft,
    at: At,
    mut members: A,
) -> Result<(), A::Error> {
    let first = draft.entries.len();
    let mut common = Common::default();
    let read = members_of_group(log, draft, at, &mut members, &mut common);
    let Common { rule, acl, mac } = common;
    let (rule, acl) = (rule.map(Arc::<str>::from), acl.map(Arc::<str>::from));
    let mac = mac.as_deref().and_then(parse_mac);
    for entry in draft.entries.iter_mut().skip(first) {
        if let Some(rule) = &rule {
            entry.rule = Arc::clone(rule);
        }
        entry.acl = acl.clone().or(entry.acl.take());
        entry.mac = mac.or(entry.mac);
    }
    read
}

/// What flows of a group have in common.
#[derive(Default)]
struct Common {
    rule: Option<String>,
    acl: Option<String>,
    mac: Option<String>,
}

fn members_of_group<'de, A: MapAccess<'de>>(
    log: &mut Log<'_>,
    draft: &mut Draft,
    at: At,
    members: &mut A,
    common: &mut Common,
) -> Result<(), A::Error> {
    while let Some(key) = members.next_key::<String>()? {
        let inside = match (at, key.as_str()) {
            (At::Outer(Form::Nsg), "flows") => At::Inner(Form::Nsg),
            (At::Outer(Form::Vnet), "flowGroups") => At::Inner(Form::Vnet),
            (At::Inner(form), "flowTuples") => At::Tuples(form),
            (At::Outer(Form::Nsg) | At::Inner(Form::Vnet), "rule") => {
                common.rule = members.next_value::<Option<String>>()?;
                continue;
            }
            (At::Outer(Form::Vnet), "aclID") => {
                common.acl = members.next_value::<Option<String>>()?;
                continue;
            }
            (At::Inner(Form::Nsg), "mac") => {
                common.mac = members.next_value::<Option<String>>()?;
                continue;
            }
            _ => {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
        };
        members.next_value_seed(Walk { log, draft, at: inside })?;
    }
    Ok(())
}
