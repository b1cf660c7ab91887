//! Network namespaces, the hosts in them and the daemon between them, for tests.
//!
//! | module | question |
//! |---|---|
//! | [`netns`] | how are hosts and cables made, and removed? |
//! | [`site`], [`gateway_file`] | how do machines, a gateway and its daemon stand together? |
//! | [`raw`], [`flood`] | how does a host send and hear frames as they are? |
//! | [`probe`], [`echo`] | what does a host see of another? |
//! | [`figures`], [`process`] | what do the counters and `/proc` say? |

pub mod echo;
pub mod figures;
pub mod flood;
pub mod gateway_file;
pub mod netns;
pub mod probe;
pub mod process;
pub mod raw;
pub mod site;
