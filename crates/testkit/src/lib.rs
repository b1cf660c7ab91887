//! Packet builder, virtual lab and network namespaces for tests.

pub mod allocations;
pub mod build;
pub mod echo;
pub mod figures;
pub mod flood;
pub mod gateway_file;
pub mod lab;
pub mod netns;
pub mod probe;
pub mod process;
pub mod raw;
pub mod site;
