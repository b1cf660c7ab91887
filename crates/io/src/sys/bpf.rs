//! Loading a program into the kernel (`bpf(2)`).

use super::owned;
use std::io;
use std::os::fd::OwnedFd;

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_TYPE_SOCKET_FILTER: u32 = 1;
const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;

/// The beginning of `union bpf_attr` as `BPF_PROG_LOAD` reads it; the kernel takes the rest as zero.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

/// Loads a traffic-control classifier and returns the descriptor that holds it.
///
/// # Errors
/// `EPERM` without the capability; `EINVAL` or `EACCES` with the verifier's last words where it refuses the program.
pub(crate) fn load_classifier(instructions: &[u64], name: &str) -> io::Result<OwnedFd> {
    load_or_hear_why(BPF_PROG_TYPE_SCHED_CLS, instructions, name)
}

/// Loads a program that filters a socket's packets or steers them, and returns the descriptor that holds it.
///
/// # Errors
/// As [`load_classifier`].
pub(crate) fn load_socket_filter(instructions: &[u64], name: &str) -> io::Result<OwnedFd> {
    load_or_hear_why(BPF_PROG_TYPE_SOCKET_FILTER, instructions, name)
}

fn load_or_hear_why(kind: u32, instructions: &[u64], name: &str) -> io::Result<OwnedFd> {
    let mut log = vec![0u8; 64 << 10];
    load(kind, instructions, name, &mut []).or_else(|error| match error.raw_os_error() {
        Some(libc::EPERM | libc::ENOMEM | libc::ENOSYS) => Err(error),
        // A second time, only to hear why.
        _ => load(kind, instructions, name, &mut log).map_err(|error| {
            let text = String::from_utf8_lossy(&log);
            let words: Vec<_> = text.trim_end_matches('\0').lines().rev().take(3).collect();
            io::Error::other(format!("{error}: {}", words.join(" / ")))
        }),
    })
}

fn load(kind: u32, instructions: &[u64], name: &str, log: &mut [u8]) -> io::Result<OwnedFd> {
    let mut load = Load {
        kind,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        licence: c"MIT".as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: log.len() as u32,
        log: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        kernel_version: 0,
        flags: 0,
        name: [0; 16],
    };
    for (place, byte) in load.name.iter_mut().take(15).zip(name.bytes()) {
        *place = byte;
    }
    // SAFETY: the kernel reads `size_of::<Load>()` bytes of `load`, `count` instructions of 8 bytes and a
    // terminated string, and writes at most `log_size` bytes to the log; all live until the call returns.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw mut load, size_of::<Load>() as libc::c_uint)
    };
    owned(result)
}
