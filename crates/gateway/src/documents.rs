//! The documents that the file names, found and read.

use crate::codes;
use crate::templates::{Given, read_document, read_parameters};
use crate::written::Written;
use arm::{Deployment, Ignored, Resources};
use diagnostic::{At, Diagnostic, Severity};
use document::Node;
use model::{Network, ServiceTags};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most files that the patterns of `network.files` may match together.
const MAX_FILES: usize = 1000;

/// What the documents say.
#[derive(Debug, Default)]
pub struct Documents {
    /// The network, unless an error in it leaves none.
    pub network: Option<Network>,
    /// How many resources of which types say nothing about packets, such as virtual machines.
    pub ignored: BTreeMap<String, usize>,
    /// The names and ids of all network interfaces; `None` where a document could not be read.
    pub(crate) nics: Option<Vec<String>>,
}

/// Reads and validates Azure's documents without a gateway file.
///
/// Returns the network where there are no errors, and everything that is wrong.
pub fn load_documents(files: &[PathBuf], given: &Given<'_>) -> (Documents, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let deployment = given.deployment(&mut found);
    let mut nodes = Vec::new();
    let mut complete = found.iter().all(|it| it.severity != Severity::Error);
    for file in files {
        match read_document(file, &mut found) {
            Ok(node) => nodes.push(node),
            Err(errors) => {
                complete = false;
                found.extend(errors);
            }
        }
    }
    let tags = given.service_tags.and_then(|file| match arm::read_service_tags_file(file) {
        Ok((tags, warning)) => {
            found.extend(warning);
            Some(tags)
        }
        Err(errors) => {
            complete = false;
            found.extend(errors);
            None
        }
    });
    let documents = judge(&nodes, &deployment, tags.unwrap_or_default(), complete, &mut found);
    (documents, found)
}

/// Reads the network of a gateway file.
pub(crate) fn read_network(written: &Written, directory: &Path, out: &mut Vec<Diagnostic>) -> Documents {
    let mut nodes = Vec::new();
    let mut complete = true;
    for file in find_files(&written.files, directory, out) {
        match document::read_json_file(&file.value, out) {
            Ok(node) => nodes.push(node),
            Err(errors) => {
                complete = false;
                out.extend(errors.into_iter().map(|error| placed(error, &file)));
            }
        }
    }
    nodes.extend(written.resources.clone());
    let mut deployment =
        Deployment { facts: written.facts.clone(), values: written.values.clone(), ..Deployment::default() };
    for file in find_files(&written.parameters, directory, out) {
        match read_parameters(&file.value, out) {
            Ok(node) => deployment.parameters.push(node),
            Err(errors) => {
                complete = false;
                out.extend(errors.into_iter().map(|error| placed(error, &file)));
            }
        }
    }
    let tags = match &written.service_tags {
        None => ServiceTags::default(),
        Some(file) => {
            let file = At { value: directory.join(&file.value), at: file.at.clone() };
            match arm::read_service_tags_file(&file.value) {
                Ok((tags, warning)) => {
                    out.extend(warning);
                    tags
                }
                Err(errors) => {
                    complete = false;
                    out.extend(errors.into_iter().map(|error| placed(error, &file)));
                    ServiceTags::default()
                }
            }
        }
    };
    judge(&nodes, &deployment, tags, complete, out)
}

/// Reads and validates documents.
///
/// Where one could not be read, what it might have held would be reported as missing, so nothing is validated then.
pub(crate) fn judge(
    nodes: &[Node],
    deployment: &Deployment,
    tags: ServiceTags,
    complete: bool,
    out: &mut Vec<Diagnostic>,
) -> Documents {
    let Resources { network, ignored, diagnostics } = arm::read_documents(nodes, deployment);
    out.extend(diagnostics);
    let (network_parts, others): (Vec<_>, Vec<_>) = ignored.iter().partition(|it| is_of_the_network(it));
    out.extend(network_parts.into_iter().map(not_honoured));
    let mut ignored = BTreeMap::new();
    others.into_iter().for_each(|it| *ignored.entry(it.what.clone()).or_default() += 1);
    if !complete {
        return Documents { ignored, ..Documents::default() };
    }
    let mut nics = Vec::with_capacity(2 * network.network_interfaces.len());
    for nic in &network.network_interfaces {
        nics.push(nic.name.value.clone());
        nics.extend(nic.id.as_ref().map(|id| id.value.clone()));
    }
    let (network, findings) = model::validate(network, Arc::new(tags));
    out.extend(findings);
    Documents { network, ignored, nics: Some(nics) }
}

/// Whether something is a part of the network; resources of other kinds, such as virtual machines, say nothing about
/// packets.
fn is_of_the_network(ignored: &Ignored) -> bool {
    let provider = ignored.what.split_once('/').map(|(provider, _)| provider);
    provider.is_none_or(|provider| provider.eq_ignore_ascii_case("Microsoft.Network"))
}

/// A part of the network that Azure would heed and nsgate does not.
fn not_honoured(Ignored { what, name, at }: &Ignored) -> Diagnostic {
    let kind = what.rsplit('/').next().unwrap_or_default();
    let is_one_of = |kinds: &[&str]| kinds.iter().any(|it| it.eq_ignore_ascii_case(kind));
    let yet = if is_one_of(&PLANNED) { " yet" } else { "" };
    let message = format!("{what} of '{name}' is not honoured{yet}");
    let warning = Diagnostic::warning(arm::codes::NOT_HONOURED, at, message);
    warning.help(match is_one_of(&TO_PREMISES) {
        true => {
            "VirtualNetwork lacks the prefixes behind it, unless an onPremises attachment of the gateway file brings them in"
        }
        false => "nsgate acts as though it were not there",
    })
}

/// What nsgate shall honour one day.
const PLANNED: [&str; 7] = [
    "loadBalancers",
    "loadBalancerBackendAddressPools",
    "loadBalancerInboundNatRules",
    "natGateways",
    "natGateway",
    "serviceEndpoints",
    "serviceEndpointPolicies",
];

/// What leads to sites on premises, as Azure and as Terraform call it.
const TO_PREMISES: [&str; 6] = [
    "virtualNetworkGateways",
    "localNetworkGateways",
    "connections",
    "azurerm_virtual_network_gateway",
    "azurerm_local_network_gateway",
    "azurerm_virtual_network_gateway_connection",
];

/// An unreadable file stands where it was named.
fn placed(error: Diagnostic, file: &At<PathBuf>) -> Diagnostic {
    Diagnostic { at: error.at.or_else(|| Some(file.at.clone())), ..error }
}

fn find_files(patterns: &[At<String>], directory: &Path, out: &mut Vec<Diagnostic>) -> Vec<At<PathBuf>> {
    let mut files: Vec<At<PathBuf>> = Vec::new();
    for pattern in patterns {
        match matches(&pattern.value, directory) {
            Ok(found) => {
                for path in found {
                    // Two patterns may match one file; its resources are there once.
                    if !files.iter().any(|file| file.value == path) {
                        files.push(At { value: path, at: pattern.at.clone() });
                    }
                }
            }
            Err(why) => out.push(Diagnostic::error(codes::FILE, &pattern.at, why)),
        }
    }
    files
}

fn matches(pattern: &str, directory: &Path) -> Result<Vec<PathBuf>, String> {
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![directory.join(pattern)]);
    }
    // The directory is the user's, and may itself have a bracket in its name.
    let directory = glob::Pattern::escape(&directory.to_string_lossy());
    let whole = Path::new(&directory).join(pattern);
    let paths = glob::glob(&whole.to_string_lossy()).map_err(|error| format!("\"{pattern}\": {error}"))?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| format!("\"{pattern}\": {error}"))?;
        if !path.is_dir() {
            found.push(path);
        }
        if found.len() > MAX_FILES {
            return Err(format!("\"{pattern}\" matches more than {MAX_FILES} files"));
        }
    }
    if found.is_empty() {
        return Err(format!("\"{pattern}\" matches no file"));
    }
    Ok(found)
}
