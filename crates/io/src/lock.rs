//! One daemon for each interface.

use crate::{Error, Interface};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The right to attach an interface. It ends with this value, and with the process whatever way that ends.
///
/// It is a socket bound to an abstract name: such names belong to a network namespace, as interfaces do.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its name")] UnixDatagram);

impl Lock {
    /// Takes the right to attach an interface of the calling thread's network namespace.
    ///
    /// # Errors
    /// [`Error::AlreadyAttached`] where another holds it.
    pub fn take(interface: &Interface) -> Result<Self, Error> {
        Self::bind(&format!("nsgate-interface-{}", interface.index), &interface.name)
    }

    /// Takes the right to a TAP device that may not exist yet, by its name.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_tap(name: &str) -> Result<Self, Error> {
        Self::bind(&format!("nsgate-tap-{name}"), name)
    }

    fn bind(name: &str, interface: &str) -> Result<Self, Error> {
        let bound = SocketAddr::from_abstract_name(name).and_then(|name| UnixDatagram::bind_addr(&name));
        bound.map(Self).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::AlreadyAttached(interface.into()),
            _ => Error::System { doing: "locking an interface", source },
        })
    }
}
