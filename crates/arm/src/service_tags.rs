//! The published service tags: `ServiceTags_Public_YYYYMMDD.json` of 2019 to today.

use crate::codes;
use document::Places;
use ipnet::IpNet;
use model::{Diagnostic, Location, NamedTag, ServiceTags};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::sync::Arc;

/// Reads the published file, or the answer of the service tag discovery API, which has the same shape.
///
/// # Errors
/// The place of what is not JSON or not the file's shape, and every prefix that is none, with its tag's name.
///
/// # Cost
/// Linear; about 45 ms for the 4 MB and 93,000 prefixes of today's file.
///
/// # Source
/// Azure "Virtual network service tags", *Discover service tags by using downloadable JSON files*.
pub fn read_service_tags(file: &str, text: &str) -> Result<ServiceTags, Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document: Document<'_> = serde_json::from_str(text).map_err(|error| {
        let at = place(file, text, &error);
        vec![Diagnostic::error(codes::INVALID_SERVICE_TAGS, &at, reason(&error)).help(HELP)]
    })?;
    if document.values.is_empty() {
        let at = Places::new(file, text).at(0);
        let message = "the file has no service tags";
        return Err(vec![Diagnostic::error(codes::INVALID_SERVICE_TAGS, &at, message).help(HELP)]);
    }
    let mut errors = Vec::new();
    let mut places = Places::new(file, text);
    let tags = document.values.into_iter().map(|tag| named(tag, text, &mut places, &mut errors)).collect();
    if errors.is_empty() { Ok(ServiceTags::new(tags)) } else { Err(errors) }
}

const HELP: &str = "use ServiceTags_Public_*.json as Microsoft publishes it";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    values: Vec<Tag<'a>>,
    /// The versions of the file write a number here, the API a string; required, to tell the file from others.
    #[serde(rename = "changeNumber")]
    _change_number: IgnoredAny,
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    properties: Properties<'a>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow, rename = "addressPrefixes")]
    address_prefixes: Vec<Text<'a>>,
    #[serde(borrow, rename = "networkFeatures", default)]
    network_features: Option<Vec<Text<'a>>>,
}

/// A string that borrows from the file, which a `Cow` in a list would not.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn named(tag: Tag<'_>, text: &str, places: &mut Places<'_>, errors: &mut Vec<Diagnostic>) -> NamedTag {
    let mut prefixes = Vec::with_capacity(tag.properties.address_prefixes.len());
    for Text(written) in &tag.properties.address_prefixes {
        match written.parse::<IpNet>() {
            Ok(net) if net.trunc() == net => prefixes.push(net),
            result => {
                let why = result.map(|net| format!("did you mean '{}'?", net.trunc()));
                let message = format!("service tag '{}' has the address prefix '{written}'", tag.name);
                let at = places.at(offset_in(text, written));
                let error = Diagnostic::error(codes::INVALID_SERVICE_TAGS, &at, message);
                errors.push(error.help(why.unwrap_or_else(|_| HELP.to_owned())));
            }
        }
    }
    let lists_nsg = |features: &Vec<Text<'_>>| features.iter().any(|it| it.0.eq_ignore_ascii_case("NSG"));
    NamedTag {
        name: Arc::from(&*tag.name),
        prefixes,
        usable_in_nsg: tag.properties.network_features.as_ref().is_none_or(lists_nsg),
    }
}

/// Where a string that was borrowed from `text` begins, its quote included; 0 for one that had escapes.
fn offset_in(text: &str, part: &str) -> usize {
    let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    if offset <= text.len() { offset.saturating_sub(1) } else { 0 }
}

/// The parser counts columns in bytes, from zero after a line's end.
fn place(file: &str, text: &str, error: &serde_json::Error) -> Location {
    let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    Places::new(file, text).at(start.saturating_add(error.column().saturating_sub(1)))
}

/// The parser's reason without the place, which we say ourselves.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(prefix: &str) -> String {
        let tag = format!(
            "{{\"name\": \"Sql\", \"id\": \"Sql\", \"properties\": {{\"addressPrefixes\": [\n  \"{prefix}\"]}}}}"
        );
        format!("{{\"changeNumber\": \"82\", \"cloud\": \"Public\", \"values\": [{tag}]}}")
    }

    #[test]
    fn a_file_of_2019_says_nothing_of_features() {
        let tags = read_service_tags("tags.json", &format!("\u{feff}{}", file("10.0.0.0/8"))).unwrap();
        let tag = tags.get(tags.find("SQL").unwrap()).unwrap();
        assert!(tag.usable_in_nsg);
        assert_eq!(tag.prefixes, ["10.0.0.0/8".parse::<IpNet>().unwrap()]);
    }

    #[test]
    fn features_are_read() {
        let with = |features: &str| {
            let text = file("::/0").replace("\"]}", &format!("\"], \"networkFeatures\": {features}}}"));
            read_service_tags("tags.json", &text).unwrap().iter().next().unwrap().usable_in_nsg
        };
        assert!(with("[\"API\", \"NSG\"]"));
        assert!(!with("[]"));
        assert!(with("null"));
    }

    #[test]
    fn a_bad_prefix_is_named_with_its_tag_and_place() {
        for (bad, help) in
            [("10.0.0.1/8", "did you mean '10.0.0.0/8'?"), ("10.0.0.0/33", HELP), ("10.0.0.1", HELP)]
        {
            let errors = read_service_tags("tags.json", &file(bad)).unwrap_err();
            assert_eq!(
                errors[0].to_string(),
                format!(
                    "tags.json:2:3: error[InvalidServiceTags]: service tag 'Sql' has the address prefix '{bad}'\n  help: {help}"
                )
            );
        }
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_its_place() {
        let error = |text: &str| read_service_tags("tags.json", text).unwrap_err().remove(0).to_string();
        assert!(
            error("{\n  \"a\": }").starts_with("tags.json:2:8: error[InvalidServiceTags]: expected value\n")
        );
        assert!(error("{}").contains("missing field `values`"));
        assert!(error("{\"changeNumber\": 1, \"values\": []}").contains("no service tags"));
        assert!(error("").contains("EOF"));
        assert!(error("{\"values\": [{\"name\": 5}]}").starts_with("tags.json:1:22: "));
    }
}
