//! The system calls and the mapped memory behind the attachments: the only code of the workspace that says `unsafe`.
//!
//! What leaves these modules is safe to call with any argument.
#![allow(unsafe_code, reason = "system calls and mapped memory; each block says why it is sound")]

pub(crate) mod bpf;
pub(crate) mod device;
pub(crate) mod heap;
pub(crate) mod ring;
pub(crate) mod socket;
pub(crate) mod tun;
pub(crate) mod wait;

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// What a system call returned, or the error it left behind.
fn check(result: i64) -> io::Result<i64> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The file descriptor a system call has just made.
fn owned(result: i64) -> io::Result<OwnedFd> {
    let fd = check(result)? as RawFd;
    // SAFETY: the caller passes on what a system call that makes a descriptor returned, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
