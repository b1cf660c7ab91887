//! The published service tags: `ServiceTags_Public_YYYYMMDD.json` of 2019 to today.

use crate::codes;
use diagnostic::{Diagnostic, Location};
use document::Places;
use ipnet::IpNet;
use model::{NamedTag, ServiceTags};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

mod shape;

/// The most bad prefixes that are told one by one.
const MOST_ERRORS: usize = 100;

/// Reads the published file of any cloud, or the answer of the service tag discovery API, which has the same shape.
///
/// # Returns
/// The tags, and what is worth a look: that there are more of them in another answer, or that one is never asked for.
///
/// # Errors
/// The place of what is not JSON or not the file's shape, and every prefix that is none, with its tag's name.
///
/// # Cost
/// Linear; about 45 ms for the 4 MB and 93,000 prefixes of today's file.
///
/// # Source
/// Azure "Virtual network service tags", *Discover service tags by using downloadable JSON files*; "Service Tags - List".
pub fn read_service_tags(file: &str, text: &str) -> Result<(ServiceTags, Vec<Diagnostic>), Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document: Result<Document<'_>, _> = serde_json::from_str(text);
    let document = document
        .or_else(|error| in_example(text).ok_or(error))
        .map_err(|error| shape::wrong(file, text).unwrap_or_else(|| vec![not_read(file, text, &error)]))?;
    let mut places = Places::new(file, text);
    let invalid = |places: &mut Places<'_>, message: &str| {
        vec![Diagnostic::error(codes::INVALID_SERVICE_TAGS, &places.at(0), message).help(HELP)]
    };
    let Some(change_number) = document.change_number.read() else {
        return Err(invalid(&mut places, "changeNumber is not a number"));
    };
    if document.values.is_empty() {
        return Err(invalid(&mut places, "the file has no service tags"));
    }
    let next = document.next_link.filter(|Text(link)| !link.is_empty()).map(|Text(link)| {
        let message = "the list of service tags goes on in another answer";
        let warning =
            Diagnostic::warning(codes::INCOMPLETE_LIST, &places.at(offset_in(text, &link)), message);
        warning.help("put the values of all answers into one list, as az network list-service-tags does")
    });
    let mut errors = Errors::default();
    let mut warnings = Vec::from_iter(next);
    let names: Vec<(&str, usize)> =
        document.values.iter().map(|tag| (&*tag.name, offset_in(text, &tag.name))).collect();
    told_of_names(&names, &mut places, &mut errors, &mut warnings);
    let tags = document.values.into_iter().map(|tag| named(tag, text, &mut places, &mut errors)).collect();
    errors.finish()?;
    let mut tags = ServiceTags::new(tags);
    tags.cloud = document.cloud.map(|Text(cloud)| Arc::from(&*cloud));
    tags.change_number = change_number;
    Ok((tags, warnings))
}

/// Names that stand for two tags, and those of tags that are computed.
fn told_of_names(
    names: &[(&str, usize)],
    places: &mut Places<'_>,
    errors: &mut Errors,
    warnings: &mut Vec<Diagnostic>,
) {
    let mut seen: HashMap<String, (&str, usize)> = HashMap::with_capacity(names.len());
    for &(name, offset) in names {
        if let Some((first, at)) = seen.insert(name.to_ascii_lowercase(), (name, offset)) {
            errors.push(|| {
                let message = format!("there are two service tags '{name}'");
                let error = Diagnostic::error(codes::INVALID_SERVICE_TAGS, &places.at(offset), message);
                let help = "names compare without regard to case; take one of the two away";
                error.help(help).related(&places.at(at), format!("'{first}' is here"))
            });
        }
        if model::is_computed_tag(name) && warnings.len() < MOST_ERRORS {
            let message = format!("service tag '{name}' is not taken from the file");
            let warning = Diagnostic::warning(codes::INVALID_SERVICE_TAGS, &places.at(offset), message);
            warnings.push(warning.help("it is computed from the network; take it away"));
        }
    }
}

const HELP: &str = "use ServiceTags_Public_*.json as Microsoft publishes it";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    values: Vec<Tag<'a>>,
    /// Required, to tell the file from others.
    #[serde(borrow, rename = "changeNumber")]
    change_number: Number<'a>,
    #[serde(borrow, default)]
    cloud: Option<Text<'a>>,
    #[serde(borrow, rename = "nextLink", default)]
    next_link: Option<Text<'a>>,
}

/// The answer inside one of Azure's published examples.
fn in_example(text: &str) -> Option<Document<'_>> {
    #[derive(Deserialize)]
    struct Example<'a> {
        #[serde(borrow)]
        responses: Responses<'a>,
    }
    #[derive(Deserialize)]
    struct Responses<'a> {
        #[serde(borrow, rename = "200")]
        ok: Response<'a>,
    }
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        body: Document<'a>,
    }
    serde_json::from_str(text).ok().map(|example: Example<'_>| example.responses.ok.body)
}

/// The versions of the file write a number, the API writes a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Plain(u64),
    Quoted(#[serde(borrow)] Cow<'a, str>),
}

impl Number<'_> {
    fn read(&self) -> Option<u64> {
        match self {
            Self::Plain(number) => Some(*number),
            Self::Quoted(text) => text.trim().parse().ok(),
        }
    }
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
    #[serde(borrow, default)]
    region: Option<Text<'a>>,
    #[serde(borrow, rename = "systemService", default)]
    system_service: Option<Text<'a>>,
    #[serde(borrow, rename = "addressPrefixes")]
    address_prefixes: Vec<Text<'a>>,
    #[serde(borrow, rename = "networkFeatures", default)]
    network_features: Option<Vec<Text<'a>>>,
}

/// A string that borrows from the file, which a `Cow` in a list would not.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Bad prefixes; a file that is full of them does not fill the memory with messages.
#[derive(Default)]
struct Errors {
    told: Vec<Diagnostic>,
    others: usize,
}

impl Errors {
    fn push(&mut self, error: impl FnOnce() -> Diagnostic) {
        match self.told.len() < MOST_ERRORS {
            true => self.told.push(error()),
            false => self.others += 1,
        }
    }

    fn finish(mut self) -> Result<(), Vec<Diagnostic>> {
        if let Some(last) = self.told.last_mut().filter(|_| self.others > 0) {
            last.message = format!("{}; so have {} more", last.message, self.others);
        }
        if self.told.is_empty() { Ok(()) } else { Err(self.told) }
    }
}

fn named(tag: Tag<'_>, text: &str, places: &mut Places<'_>, errors: &mut Errors) -> NamedTag {
    let Properties { region, system_service, address_prefixes, network_features } = tag.properties;
    let mut prefixes = Vec::with_capacity(address_prefixes.len());
    for Text(written) in &address_prefixes {
        match written.parse::<IpNet>() {
            Ok(net) if net.trunc() == net => prefixes.push(net),
            result => errors.push(|| {
                let why = result.map(|net| format!("did you mean '{}'?", net.trunc()));
                let message = format!("service tag '{}' has the address prefix '{written}'", tag.name);
                let at = places.at(offset_in(text, written));
                let error = Diagnostic::error(codes::INVALID_SERVICE_TAGS, &at, message);
                error.help(why.unwrap_or_else(|_| HELP.to_owned()))
            }),
        }
    }
    let lists = |feature: &str| {
        let listed = |features: &Vec<Text<'_>>| features.iter().any(|it| it.0.eq_ignore_ascii_case(feature));
        network_features.as_ref().is_none_or(listed)
    };
    let said = |text: Option<Text<'_>>| text.filter(|it| !it.0.is_empty()).map(|it| Arc::from(&*it.0));
    NamedTag {
        name: Arc::from(&*tag.name),
        region: said(region),
        system_service: said(system_service),
        prefixes,
        usable_in_nsg: lists("NSG"),
        usable_in_routes: lists("UDR"),
    }
}

/// Where a string that was borrowed from `text` begins, its quote included; 0 for one that had escapes.
fn offset_in(text: &str, part: &str) -> usize {
    let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    if offset <= text.len() { offset.saturating_sub(1) } else { 0 }
}

/// What is JSON and no file of service tags in a way that nothing else says.
fn not_read(file: &str, text: &str, error: &serde_json::Error) -> Diagnostic {
    let at = place(file, text, error);
    Diagnostic::error(codes::INVALID_SERVICE_TAGS, &at, reason(error)).help(HELP)
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
        let tags = read_service_tags("tags.json", &format!("\u{feff}{}", file("10.0.0.0/8"))).unwrap().0;
        let tag = tags.get(tags.find("SQL").unwrap()).unwrap();
        assert!(tag.usable_in_nsg && tag.usable_in_routes);
        assert_eq!(tag.prefixes, ["10.0.0.0/8".parse::<IpNet>().unwrap()]);
    }

    #[test]
    fn features_are_read() {
        let with = |features: &str| {
            let text = file("::/0").replace("\"]}", &format!("\"], \"networkFeatures\": {features}}}"));
            let tags = read_service_tags("tags.json", &text).unwrap().0;
            let tag = tags.iter().next().unwrap();
            (tag.usable_in_nsg, tag.usable_in_routes)
        };
        assert_eq!(with("[\"API\", \"NSG\"]"), (true, false));
        assert_eq!(with("[\"udr\", \"API\"]"), (false, true));
        assert_eq!(with("[]"), (false, false));
        assert_eq!(with("null"), (true, true));
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
    fn the_file_says_of_which_cloud_and_week_it_is() {
        let read = |text: &str| read_service_tags("tags.json", text).unwrap();
        let (tags, more) = read(&file("10.0.0.0/8"));
        assert_eq!((tags.cloud.as_deref(), tags.change_number), (Some("Public"), 82));
        assert!(more.is_empty());
        let text = file("10.0.0.0/8").replace("\"82\"", "375").replace("\"cloud\": \"Public\", ", "");
        assert_eq!((read(&text).0.cloud, read(&text).0.change_number), (None, 375));
        assert!(
            read_service_tags("tags.json", &file("10.0.0.0/8").replace("82", "new"))
                .is_err_and(|errors| errors[0].message.contains("changeNumber"))
        );
        for negative in ["-1", "1.5", "[]", "null"] {
            let text = file("10.0.0.0/8").replace("\"82\"", negative);
            assert!(read_service_tags("tags.json", &text).is_err(), "{negative}");
        }
    }

    /// "Service Tags - List" of Azure's REST API.
    #[test]
    fn an_answer_of_the_discovery_api_is_read() {
        let answer = |next: &str| {
            format!(
                r#"{{"name": "public", "id": "/subscriptions/s/providers/Microsoft.Network/serviceTags/public",
  "type": "Microsoft.Network/serviceTags", "changeNumber": "63", "cloud": "Public", "nextLink": {next},
  "values": [{{"name": "Storage.WestUS", "id": "Storage.WestUS", "properties": {{"changeNumber": "7",
    "region": "westus", "state": "GA", "systemService": "AzureStorage",
    "addressPrefixes": ["13.64.39.16/32", "2603:1030::/48"]}}}}]}}"#
            )
        };
        let read = |next: &str| read_service_tags("tags.json", &answer(next)).unwrap();
        let (tags, more) = read("null");
        let tag = tags.iter().next().unwrap();
        assert_eq!(
            (tag.region.as_deref(), tag.system_service.as_deref()),
            (Some("westus"), Some("AzureStorage"))
        );
        assert_eq!(tag.prefixes.len(), 2);
        assert!(more.is_empty() && read("\"\"").1.is_empty());
        let more = read("\"https://management.azure.com/more\"").1[0].to_string();
        assert!(more.starts_with("tags.json:2:"), "{more}");
        let example =
            format!(r#"{{"parameters": {{}}, "responses": {{"200": {{"body": {}}}}}}}"#, answer("null"));
        assert_eq!(read_service_tags("tags.json", &example).unwrap().0, tags);
        assert!(more.contains("warning[IncompleteList]: the list of service tags goes on"), "{more}");
    }

    #[test]
    fn ten_thousand_bad_prefixes_are_a_hundred_messages() {
        let text = file("10.0.0.0/8").replace("\"10.0.0.0/8\"", &vec!["\"10.0.0.1/8\""; 10_000].join(","));
        let errors = read_service_tags("tags.json", &text).unwrap_err();
        assert_eq!(errors.len(), 100);
        assert!(errors[99].message.ends_with("so have 9900 more"), "{}", errors[99]);
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_its_place() {
        let error = |text: &str| read_service_tags("tags.json", text).unwrap_err().remove(0).to_string();
        assert!(
            error("{\n  \"a\": }").starts_with("tags.json:2:8: error[InvalidServiceTags]: "),
            "{}",
            error("{\n  \"a\": }")
        );
        assert!(error("{}").contains("it has no values, the list of the tags"));
        assert!(
            error("[{\"type\": \"Microsoft.Network/networkSecurityGroups\"}]")
                .contains("a list of resources")
        );
        assert!(error("{\"type\": \"Microsoft.Network/networkSecurityGroups\"}").contains("a resource"));
        assert!(error("{\"values\": [{\"name\": \"Foo\"}]}").contains("it has no changeNumber"));
        let values = |values: &str| error(&format!("{{\"changeNumber\": 1, \"values\": {values}}}"));
        assert!(values("{}").contains("values is an object, and no list"));
        assert!(values("[{}]").contains("values[0] has no name"));
        assert!(values("[{\"name\": \"Foo\"}]").contains("values[0] ('Foo') has no properties"));
        assert!(
            values("[{\"name\": \"Foo\", \"properties\": {}}]").contains("'Foo') has no addressPrefixes")
        );
        assert!(error("{\"changeNumber\": 1, \"values\": []}").contains("no service tags"));
        assert!(error("").contains("there is nothing in it"));
        assert!(error("{\"changeNumber\": 1, \"values\": [").contains("unterminated array"));
        let number = values("[{\"name\": 5}]");
        assert!(
            number.starts_with("tags.json:1:41: ") && number.contains("a number, and no text"),
            "{number}"
        );
    }

    #[test]
    fn a_tag_stands_once_in_it_and_is_none_that_is_computed() {
        let tag = |name: &str| {
            format!(r#"{{"name": "{name}", "properties": {{"addressPrefixes": ["10.0.0.0/8"]}}}}"#)
        };
        let read = |names: [&str; 2]| {
            let tags = names.map(tag).join(",\n");
            read_service_tags("tags.json", &format!("{{\"changeNumber\": 1, \"values\": [\n{tags}]}}"))
        };
        let errors = read(["Foo", "foo"]).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(error.to_string().starts_with(
            "tags.json:3:10: error[InvalidServiceTags]: there are two service tags 'foo'\n  tags.json:2:10: 'Foo' is here"
        ), "{error}");
        let (tags, warnings) = read(["Foo", "internet"]).unwrap();
        assert_eq!(tags.len(), 2);
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(warning.to_string().starts_with(
            "tags.json:3:10: warning[InvalidServiceTags]: service tag 'internet' is not taken from the file"
        ), "{warning}");
    }
}
