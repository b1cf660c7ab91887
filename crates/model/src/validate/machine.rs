//! Virtual machines, which questions name in the place of their network interfaces.

use crate::reference::Directory;
use crate::{NetworkInterface, NicIndex, raw};

/// Says of each network interface whose it is, where it does not say so itself.
///
/// A machine is not modelled, so one whose network interfaces are elsewhere is no error.
pub(super) fn name_all(
    machines: &[raw::VirtualMachine],
    nics: &Directory<NicIndex>,
    all: &mut [NetworkInterface],
) {
    for machine in machines {
        for reference in &machine.network_interfaces {
            let Ok(index) = nics.find(reference) else { continue };
            if let Some(nic) = all.get_mut(index.0) {
                nic.virtual_machine.get_or_insert_with(|| machine.id_or_name.as_str().into());
            }
        }
    }
}
