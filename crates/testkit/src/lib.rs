//! Packets, a virtual lab and a counting allocator, for tests.

pub mod allocations;
pub mod build;
pub mod lab;
