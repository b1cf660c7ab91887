//! System calls: a list for each role of what it may do; anything else kills the process.
//!
//! The lists were found by tracing every test of the lab. Each thread installs its list when it runs already, so
//! making threads is on none of them.
//!
//! One call is refused instead: threads that have no business with files get `EACCES` where they open one. When glibc
//! gives memory back it asks `/proc/sys/vm/overcommit_memory` how, and does without an answer.

use crate::{Error, Role};
use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use std::collections::BTreeMap;

/// Memory, time, waiting for each other, the log on stderr where it takes more, and an end: what every thread may do.
const EVERYBODY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_write,
];

/// Packet sockets and devices that are open already.
const WORKER: &[c_long] = &[
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
];

/// The peers of the control socket, and the pipe that signals come through.
const CONTROL: &[c_long] = &[
    libc::SYS_accept4,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
];

/// Files to read, and netlink to look interfaces up.
const LOADER: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_fstat,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getsockname,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_pread64,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_statx,
];

/// Where files are and when they change, but nothing of what is in them.
const WATCH: &[c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getcwd,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_statx,
];

/// Interfaces, guards, rings, and telling the service manager.
const MAIN: &[c_long] = &[
    libc::SYS_bind,
    libc::SYS_bpf,
    libc::SYS_connect,
    libc::SYS_fstat,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_ioctl,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_socket,
    libc::SYS_statx,
    libc::SYS_unlinkat,
];

/// What newer architectures have only in the forms above.
#[cfg(target_arch = "x86_64")]
const OLD_FORMS: [(Role, &[c_long]); 5] = [
    (Role::Worker, &[libc::SYS_poll]),
    (Role::Control, &[libc::SYS_poll]),
    (Role::Loader, &[libc::SYS_poll, libc::SYS_stat, libc::SYS_lstat]),
    (Role::Watch, &[libc::SYS_poll, libc::SYS_stat, libc::SYS_lstat, libc::SYS_readlink]),
    (Role::Main, &[libc::SYS_poll, libc::SYS_unlink, libc::SYS_stat, libc::SYS_lstat]),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_FORMS: [(Role, &[c_long]); 0] = [];

/// Calls that are allowed only with some arguments.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Installs the list of a role on the calling thread.
///
/// # Errors
/// Where the kernel has no filters.
pub(crate) fn filter(role: Role) -> Result<(), Error> {
    let install = |program: Result<BpfProgram, BackendError>| {
        let program = program.map_err(|error| Error::Calls(error.to_string()))?;
        apply_filter(&program).map_err(|error| Error::Calls(error.to_string()))
    };
    if has_no_files(role) {
        // Of two filters the stricter answer counts.
        install(refusing_files())?;
    }
    install(program(role))
}

fn has_no_files(role: Role) -> bool {
    matches!(role, Role::Worker | Role::Control | Role::Watch)
}

fn refusing_files() -> Result<BpfProgram, BackendError> {
    let rules = Rules::from([(libc::SYS_openat, Vec::new())]);
    let refused = SeccompAction::Errno(libc::EACCES as u32);
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?.try_into()
}

fn program(role: Role) -> Result<BpfProgram, BackendError> {
    let own = match role {
        Role::Main => MAIN,
        Role::Worker => WORKER,
        Role::Control => CONTROL,
        Role::Loader => LOADER,
        Role::Watch => WATCH,
    };
    let old = OLD_FORMS.iter().filter(|(whose, _)| *whose == role).flat_map(|(_, calls)| *calls);
    let calls = EVERYBODY.iter().chain(own).chain(old);
    // An empty list of rules allows the call with any arguments.
    let mut rules: Rules = calls.map(|call| (*call, Vec::new())).collect();
    if has_no_files(role) {
        rules.insert(libc::SYS_openat, Vec::new());
    }
    common_conditions(&mut rules)?;
    match role {
        Role::Watch => {}
        Role::Main => main_conditions(&mut rules)?,
        // Whether an interface is up again.
        Role::Worker => drop(rules.insert(libc::SYS_ioctl, vec![equals(1, libc::SIOCGIFFLAGS)?])),
        Role::Control => control_conditions(&mut rules)?,
        Role::Loader => loader_conditions(&mut rules)?,
    }
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?.try_into()
}

/// Memory is never made executable, and signals go to this process alone.
fn common_conditions(rules: &mut Rules) -> Result<(), BackendError> {
    let not_executable = || bits(2, libc::PROT_EXEC as u64, 0);
    rules.insert(libc::SYS_mmap, vec![not_executable()?]);
    rules.insert(libc::SYS_mprotect, vec![not_executable()?]);
    rules.insert(libc::SYS_fcntl, vec![closing()?]);
    // What `abort` does.
    rules.insert(libc::SYS_tgkill, vec![equals(0, u64::from(std::process::id()))?]);
    Ok(())
}

/// What the standard library asks of every descriptor that it closes, where it checks itself.
fn closing() -> Result<SeccompRule, BackendError> {
    equals(1, libc::F_GETFD as u64)
}

/// An interface that pnet opens is opened twice, and does not block.
fn main_conditions(rules: &mut Rules) -> Result<(), BackendError> {
    let opening = [libc::F_DUPFD_CLOEXEC, libc::F_SETFL].map(|what| equals(1, what as u64));
    let allowed = opening.into_iter().chain([closing()]);
    rules.insert(libc::SYS_fcntl, allowed.collect::<Result<_, _>>()?);
    Ok(())
}

/// A socket may be told not to block, and nothing else.
fn control_conditions(rules: &mut Rules) -> Result<(), BackendError> {
    rules.insert(libc::SYS_ioctl, vec![equals(1, libc::FIONBIO)?]);
    Ok(())
}

/// Files are opened to be read; of sockets there is netlink, and any that can be asked about interfaces.
fn loader_conditions(rules: &mut Rules) -> Result<(), BackendError> {
    let writing = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND;
    rules.insert(libc::SYS_openat, vec![bits(2, writing as u64, 0)?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, vec![bits(1, writing as u64, 0)?]);
    let families = [libc::AF_NETLINK, libc::AF_INET, libc::AF_UNIX];
    let families = families.map(|family| equals(0, family as u64));
    rules.insert(libc::SYS_socket, families.into_iter().collect::<Result<_, _>>()?);
    // Of the device's features, too: without a capability ethtool only tells.
    let questions = [libc::SIOCGIFINDEX, libc::SIOCGIFMTU, libc::SIOCGIFFLAGS, libc::SIOCETHTOOL]
        .map(|question| equals(1, question));
    rules.insert(libc::SYS_ioctl, questions.into_iter().collect::<Result<_, _>>()?);
    Ok(())
}

/// The call's argument, of which the kernel reads four bytes, is `value`.
fn equals(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    condition(argument, SeccompCmpOp::Eq, value)
}

/// The bits `mask` of the argument are those of `value`.
fn bits(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
    condition(argument, SeccompCmpOp::MaskedEq(mask), value)
}

fn condition(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 5] = [Role::Main, Role::Worker, Role::Control, Role::Loader, Role::Watch];

    #[test]
    fn every_role_has_a_program() {
        for role in ROLES {
            assert!(!program(role).unwrap().is_empty(), "{role:?}");
        }
    }

    #[test]
    fn nobody_runs_programs_watches_others_or_changes_the_host() {
        let never = [
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_writev,
            libc::SYS_mount,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_kexec_load,
            libc::SYS_reboot,
            libc::SYS_setns,
            libc::SYS_unshare,
            libc::SYS_setuid,
            libc::SYS_capset,
            libc::SYS_prctl,
            libc::SYS_keyctl,
            libc::SYS_io_uring_setup,
        ];
        for list in [EVERYBODY, WORKER, CONTROL, LOADER, WATCH, MAIN] {
            assert!(never.iter().all(|call| !list.contains(call)));
        }
        for list in [EVERYBODY, WORKER, CONTROL, WATCH] {
            let opening = [libc::SYS_openat, libc::SYS_socket, libc::SYS_connect, libc::SYS_bpf];
            assert!(opening.iter().all(|call| !list.contains(call)));
        }
    }
}
