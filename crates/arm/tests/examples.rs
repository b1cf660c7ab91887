//! Azure's own examples and tag files, where the environment variable `NSGATE_DATA` names a folder of them:
//! `rest-examples/*.json`, `az-cli/*.json`, `service-tags/*.json`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::codes as azure;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The JSON files of a folder of the data, or `None` after saying that there are none.
fn files(folder: &str) -> Option<Vec<PathBuf>> {
    let Some(data) = std::env::var_os("NSGATE_DATA") else {
        eprintln!("skipped: NSGATE_DATA is not set");
        return None;
    };
    let folder = Path::new(&data).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty(), "{} has no JSON files", folder.display());
    Some(files)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[test]
fn examples_of_modelled_types_are_read_without_a_word() {
    let Some(files) = files("rest-examples") else { return };
    let modelled = [
        "ApplicationSecurityGroup",
        "NetworkInterfaceCreate",
        "NetworkInterfaceGet",
        "NetworkSecurityGroup",
        "PublicIpAddress",
        "Subnet",
        "VirtualNetworkCreate",
        "VirtualNetworkGet",
    ];
    let mut read = 0;
    for path in files {
        let resources = arm::load(&[&path]);
        if !modelled.iter().any(|name| stem(&path).starts_with(name)) {
            continue;
        }
        read += 1;
        assert!(resources.diagnostics.is_empty(), "{}: {:?}", path.display(), resources.diagnostics);
        // An example shows one resource; what it refers to is elsewhere.
        let (_, findings) = model::validate(resources.network, Default::default());
        for found in findings {
            let elsewhere = [azure::INVALID_RESOURCE_REFERENCE, azure::PARENT_RESOURCE_NOT_FOUND];
            assert!(elsewhere.contains(&found.code), "{found}");
        }
    }
    assert!(read >= 10, "only {read} examples of modelled types");
}

#[test]
fn groups_as_rest_lists_them_are_valid_and_as_the_cli_prints_them_are_named() {
    let Some(files) = files("az-cli") else { return };
    for path in files {
        let resources = arm::load(&[&path]);
        if stem(&path).starts_with("rest-") {
            assert!(resources.diagnostics.is_empty(), "{:?}", resources.diagnostics);
            let (network, findings) = model::validate(resources.network, Default::default());
            assert!(network.is_some_and(|network| network.security_groups.len() > 1), "{findings:?}");
        } else {
            let codes: Vec<_> = resources.diagnostics.iter().map(|found| found.code).collect();
            assert!(!codes.is_empty());
            assert!(codes.iter().all(|&code| code == arm::codes::FLATTENED_NOT_SUPPORTED), "{codes:?}");
        }
    }
}

#[test]
fn templates_are_refused_by_name() {
    let Some(files) = files("arm") else { return };
    for path in files {
        let found = arm::load(&[&path]).diagnostics;
        assert!(!found.is_empty(), "{}", path.display());
    }
}

#[test]
fn published_tags_of_every_year_are_read() {
    let Some(files) = files("service-tags") else { return };
    for path in files {
        let start = Instant::now();
        let tags = arm::read_service_tags_file(&path).unwrap();
        let prefixes: usize = tags.iter().map(|tag| tag.prefixes.len()).sum();
        eprintln!("{}: {} tags, {prefixes} prefixes in {:?}", path.display(), tags.len(), start.elapsed());
        let storage = tags.find("STORAGE").and_then(|index| tags.get(index)).unwrap();
        assert!(storage.usable_in_nsg && !storage.prefixes.is_empty());
    }
}
