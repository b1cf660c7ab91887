//! Files, as far as the kernel has Landlock.

use crate::Role;
use answer::Landlock;
use landlock::{
    ABI, Access as _, AccessFs, RestrictionStatus, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus, path_beneath_rules,
};
use std::path::Path;

/// The newest Landlock whose rights are used: ioctls of devices count from here on. An older kernel enforces less.
const NEWEST: ABI = ABI::V5;

/// Leaves the calling thread the files of its role.
///
/// # Errors
/// Where the kernel has Landlock and refuses the rules.
pub(crate) fn restrict(role: Role, socket: &Path) -> Result<Landlock, RulesetError> {
    let rules = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?.create()?;
    let directory = socket.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    let tun = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    // By its directory: the device file may come, or come again, when TAP devices are first wanted.
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let rules = match role {
        Role::Main => rules
            .add_rules(path_beneath_rules([directory], AccessFs::RemoveFile))?
            .add_rules(path_beneath_rules(["/proc/sys/net"], AccessFs::ReadFile))?
            .add_rules(path_beneath_rules(["/dev/net"], tun))?,
        Role::Loader => rules.add_rules(path_beneath_rules(["/"], reading))?,
        Role::Worker | Role::Control | Role::Watch => rules,
    };
    let RestrictionStatus { ruleset, .. } = rules.restrict_self()?;
    Ok(match ruleset {
        RulesetStatus::FullyEnforced => Landlock::Enforced,
        RulesetStatus::PartiallyEnforced => Landlock::Partly,
        RulesetStatus::NotEnforced => Landlock::Absent,
    })
}
