//! The shapes around resources and of them: wrappers, flattened answers, answers that are no policy.

use super::kind::Kind;
use super::resource::is_full;
use super::{Reader, keys, kind};
use crate::codes;
use diagnostic::{At, Diagnostic, INVALID_REQUEST_FORMAT};
use document::{Node, Place, Value};

/// Answers of Azure's that speak of a network without being it: a property that only they have, and what they are.
const ANSWERS: [(&str, &str); 8] = [
    ("effectiveSecurityRules", "the effective security rules of a network interface"),
    ("securityRuleAssociations", "a security group view"),
    ("results", "a network configuration diagnostic"),
    ("nextHopType", "an answer about routes"),
    ("connectionStatus", "an answer of connection troubleshoot"),
    ("ruleName", "an answer of IP flow verify"),
    ("networkInterfaces", "a security group view"),
    ("changeNumber", "a list of service tags"),
];

/// What holds resources in a way that is not read: a key that only it has, what it is, and how to get what is read.
const NOT_READ: [(&str, &str, &str); 7] = [
    ("error", "an error that Azure answered", "run the command that wrote it again, and look at its error"),
    ("records", "a flow log", "give it to `nsgate replay`, with the network that it is of"),
    (
        "terraform_version",
        "Terraform's own state, or a plan without values",
        "give what `terraform show -json` prints of the state",
    ),
    (
        "changes",
        "an answer of what-if",
        "give the template, or print its resources alone: --query \"changes[].after\"",
    ),
    ("total_records", "an answer of Azure Resource Graph", "print its list alone: --query data"),
    ("totalRecords", "an answer of Azure Resource Graph", "print its list alone: --query data"),
    (
        "templateJson",
        "what `bicep build-params --stdout` prints",
        "give the files that `bicep build` and `bicep build-params` write",
    ),
];

/// The error for an answer that is taken for a policy, where the object is one.
pub(super) fn answer(place: &Place<'_>) -> Option<Diagnostic> {
    let properties = place.get("properties");
    let has =
        |key: &str| place.get(key).is_some() || properties.as_ref().is_some_and(|it| it.get(key).is_some());
    if let Some((_, what, help)) = NOT_READ.iter().find(|(key, ..)| has(key)) {
        let message = format_args!("this is {what}, not a resource");
        return Some(place.error(codes::ANSWER_NOT_POLICY, message).help(*help));
    }
    let (_, what) = ANSWERS.iter().find(|(key, _)| place.get(key).is_some())?;
    let message = format_args!("this is {what}, not a resource");
    let help = if place.get("changeNumber").is_some() {
        "name the file as network.serviceTags, or with --service-tags"
    } else {
        "give the resources that it tells of, as `az network nsg show` and the like print them"
    };
    Some(place.error(codes::ANSWER_NOT_POLICY, message).help(help))
}

/// The error for what holds parameters as a text.
pub(super) fn not_parameters(file: &Node) -> Option<Diagnostic> {
    file.get("parametersJson").and_then(|_| answer(&Place::root(file)))
}

/// The lists of whole resources in answers about what a deployment would make.
const PREDICTED: [&str; 2] = ["predictedResources", "validatedResources"];

/// The resources that Azure or Bicep say a deployment would make, where they say all of each.
pub(super) fn predicted<'a>(place: &'a Place<'a>) -> Option<Place<'a>> {
    let list = PREDICTED.iter().find_map(|key| place.get(key))?;
    let is_whole = list.elements().any(|it| it.get("properties").is_some());
    is_whole.then_some(list)
}

/// The lists that Azure's answers always have, of types that are read without them, too.
const ALWAYS_ANSWERED: [(Kind, &str); 2] =
    [(Kind::SecurityGroup, "securityRules"), (Kind::RouteTable, "routes")];

/// What Azure writes into its resources, and nobody else.
const MARKS_OF_ANSWERS: [&str; 3] = ["etag", "provisioningState", "resourceGuid"];

/// The error for a resource of an answer that tells which resources there are, and not what is in them. An answer has full
/// ids, and is a list of Azure's (`is_listed`) or bears a mark of its own.
pub(super) fn without_properties(place: &Place<'_>, kind: &Kind, is_listed: bool) -> Option<Diagnostic> {
    let help = "`az resource list` prints no properties; give what `az network nsg list` and the like print, or \
                `az group export`";
    if let Some(written) = place.node.entry("properties").filter(|it| it.value.value == Value::Null) {
        let message = format!("{place}: the properties are null, so that nothing says what is in it");
        return Some(Diagnostic::error(codes::ANSWER_NOT_POLICY, &written.key.at, message).help(help));
    }
    let (_, list) = ALWAYS_ANSWERED.iter().find(|(it, _)| it == kind)?;
    let properties = place.get("properties");
    let says =
        |key: &str| place.get(key).is_some() || properties.as_ref().is_some_and(|it| it.get(key).is_some());
    let has_id = place.get("id").is_some_and(|id| id.node.as_str().is_some_and(is_full));
    let is_answer = has_id && (is_listed || MARKS_OF_ANSWERS.iter().any(|mark| says(mark)));
    if says(list) || !is_answer {
        return None;
    }
    let message = format_args!("there are no '{list}', so that nothing says what is in it");
    Some(
        place
            .error(codes::ANSWER_NOT_POLICY, message)
            .help(format!("{help}; where it has none, write \"{list}\": []")),
    )
}

/// Warnings of what Azure could not export, where it says so beside the template.
pub(super) fn not_exported(document: &Place<'_>) -> Vec<Diagnostic> {
    let Some(error) = document.get("error") else { return Vec::new() };
    let warning = |it: &Place<'_>| {
        let text = |key| it.node.get(key).and_then(Node::as_str);
        let why =
            text("message").or(text("target")).or(text("code")).unwrap_or("Azure does not say what of it");
        let warning = it.warning(codes::INCOMPLETE_EXPORT, format_args!("the export is not complete: {why}"));
        warning.help("add what is left out, as `az network nsg list` and the like print it")
    };
    match error.get("details") {
        Some(details) if details.elements().next().is_some() => {
            details.elements().map(|it| warning(&it)).collect()
        }
        _ => vec![warning(&error)],
    }
}

/// The value of an object's only key, where the value is a resource: `{\"NewNSG\": {…}}`, as `az … create` prints.
pub(super) fn unwrapped<'a>(place: &'a Place<'a>) -> Option<Place<'a>> {
    let [only] = place.node.entries() else { return None };
    let inner = place.get(&only.key.value)?;
    let is_resource = kind::is_told(&inner) && matches!(inner.node.value, Value::Object(_));
    is_resource.then_some(inner)
}

impl Reader {
    /// Where a resource has its properties: under `properties`, or beside its name, as Azure's CLI prints them.
    /// Unknown ones are reported; `None` where they cannot be read, which is reported.
    pub(super) fn properties<'a>(&mut self, place: &'a Place<'a>, known: &[&str]) -> Option<Place<'a>> {
        let Some(nested) = place.get("properties") else {
            keys::check(place, &[keys::RESOURCE, known], &mut self.report);
            return Some(*place);
        };
        if !self.report.object(&nested) {
            return None;
        }
        self.beside(place, &nested, known);
        keys::check(&nested, &[known], &mut self.report);
        Some(nested)
    }

    /// Reports what stands beside `properties`. Azure's tools may repeat a property there; one that stands only there
    /// would be lost.
    fn beside(&mut self, place: &Place<'_>, nested: &Place<'_>, known: &[&str]) {
        let is = |list: &[&str], key: &At<String>| list.iter().any(|it| it.eq_ignore_ascii_case(&key.value));
        for entry in place.node.entries() {
            let of_both = is(known, &entry.key) && !is(keys::RESOURCE, &entry.key);
            if of_both && entry.value.value != Value::Null && nested.get(&entry.key.value).is_none() {
                let message = format!("{place}: '{}' stands beside properties", entry.key.value);
                let error = Diagnostic::error(INVALID_REQUEST_FORMAT, &entry.key.at, message);
                self.report.push(error.help("put it under properties"));
            }
        }
        keys::check(place, &[keys::RESOURCE, known], &mut self.report);
    }
}
