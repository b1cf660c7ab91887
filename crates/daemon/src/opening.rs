//! From attachments to ports, and from ports to workers.

use crate::commands::{Command, Workers};
use crate::hold::Attached;
use gateway::Loaded;
use io::{Interface, Port, Reception, Wire};
use packet::AttachmentId;
use snapshot::Snapshot;
use std::sync::Arc;
use tracing::error;

/// Opened attachments: for each a port for every worker, in the workers' order.
pub(crate) type Opened = Vec<(AttachmentId, Interface, Vec<Port>)>;

/// Each attachment with its interface.
pub(crate) fn attached(loaded: &Loaded) -> impl Iterator<Item = Attached<'_>> {
    loaded.gateway.attachments.iter().filter_map(|attachment| {
        let link = loaded.links.get(&attachment.id)?;
        Some(Attached { attachment, interface: link.interface.as_ref()?, wire: link.wire })
    })
}

/// Opens an attachment for all workers.
///
/// # Errors
/// What the system answered, with the interface's name.
pub(crate) fn open(
    one: &Attached<'_>,
    workers: usize,
) -> Result<(AttachmentId, Interface, Vec<Port>), String> {
    let opened = match one.wire {
        // It comes into being only now.
        Wire::Made => io::tap::create(&one.interface.name, Reception::Own, workers),
        Wire::Existing(backend) => io::open(one.interface, backend, Reception::Own, workers)
            .map(|ports| (one.interface.clone(), ports)),
    };
    let (interface, ports) = opened.map_err(|error| one.error(&error))?;
    Ok((one.attachment.id, interface, ports))
}

/// Writes down what opened interfaces turned out to be, and names them.
pub(crate) fn note_opened(loaded: &mut Loaded, opened: &Opened) -> Vec<String> {
    for (id, found, _) in opened {
        if let Some(link) = loaded.links.get_mut(id) {
            link.interface = Some(found.clone());
        }
    }
    opened.iter().map(|(_, interface, _)| interface.name.clone()).collect()
}

/// All ports that were opened.
pub(crate) fn ports_of(opened: Opened) -> Vec<Port> {
    opened.into_iter().flat_map(|(_, _, ports)| ports).collect()
}

/// The ports of each worker, of all that were opened.
pub(crate) fn by_worker(opened: Opened, workers: usize) -> Vec<Vec<(AttachmentId, Port)>> {
    let mut each: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    for (id, _, ports) in opened {
        each.iter_mut().zip(ports).for_each(|(own, port)| own.push((id, port)));
    }
    each
}

/// Has every worker judge by a policy, and then relay on the ports opened for it. Returns the ports that are no longer
/// needed.
///
/// A worker that does not answer in time leaves the others with another policy than its own; the daemon goes down
/// rather than on.
pub(crate) fn put_in_force(
    workers: &Workers,
    snapshot: &Arc<Snapshot>,
    opened: Opened,
    detach: &[AttachmentId],
) -> Vec<Port> {
    let mut ports = by_worker(opened, workers.count()).into_iter();
    // All know the new attachments before any of them brings a frame that one hands to another.
    let done = workers.ask_all(|_, reply| Command::Replace { snapshot: Arc::clone(snapshot), reply });
    let done = done.and_then(|_| {
        workers.ask_all(|_, reply| {
            let ports = ports.next().unwrap_or_default();
            Command::Attach { ports, detach: detach.to_vec(), reply }
        })
    });
    done.map(|parted| parted.into_iter().flatten().collect()).unwrap_or_else(|why| {
        while workers.are_ending() {
            // The daemon is told to stop: they have ended, and the process is about to.
            std::thread::park();
        }
        error!("a change is half done, nsgate goes down: {why}; the interfaces stay guarded");
        std::process::exit(70);
    })
}
