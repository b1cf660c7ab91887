//! Capabilities: which are needed at the start, and which each thread keeps.

use crate::Role;
use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};

/// What packet sockets, guards and the programs in them need.
const NEEDED: [Capability; 3] = [Capability::CAP_NET_RAW, Capability::CAP_NET_ADMIN, Capability::CAP_BPF];

/// The needed capabilities that the calling thread does not have, by name; where the system does not say, none.
pub fn missing() -> Vec<String> {
    let Ok(effective) = caps::read(None, CapSet::Effective) else { return Vec::new() };
    NEEDED.iter().filter(|needed| !effective.contains(needed)).map(ToString::to_string).collect()
}

/// Whom files belong to and who may read them does not count for whoever has one of these.
const PAST_FILE_MODES: [Capability; 2] = [Capability::CAP_DAC_OVERRIDE, Capability::CAP_DAC_READ_SEARCH];

/// Does something as one of the later [loaders](Role::Loader) can, which have no capability: root, too, reads only what is
/// root's or everybody's then. The calling thread has its rights back afterwards.
///
/// # Errors
/// What the system answered when they were to be put aside or taken back.
pub fn without_rights_over_files<T>(work: impl FnOnce() -> T) -> Result<T, crate::Error> {
    let held = caps::read(None, CapSet::Effective)?;
    let fewer = held.difference(&PAST_FILE_MODES.into()).copied().collect();
    caps::set(None, CapSet::Effective, &fewer)?;
    let done = work();
    caps::set(None, CapSet::Effective, &held)?;
    Ok(done)
}

/// Gives up every capability that the role does not need, in every set of the calling thread. Returns the names of those that
/// stay.
///
/// The bounding set can be reduced only by whoever has `CAP_SETPCAP`. Who has it not can gain nothing from the set
/// either: nothing is executed any more.
///
/// # Errors
/// What the system answered.
pub(crate) fn keep(role: Role) -> Result<Vec<String>, CapsError> {
    let kept: CapsHashSet = if role == Role::Main { NEEDED.into() } else { CapsHashSet::new() };
    let held = caps::read(None, CapSet::Permitted)?;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::read(None, CapSet::Bounding)?.difference(&kept) {
            caps::drop(None, CapSet::Bounding, *capability)?;
        }
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    let kept: CapsHashSet = held.intersection(&kept).copied().collect();
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    let mut names: Vec<_> = kept.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    Ok(names)
}
