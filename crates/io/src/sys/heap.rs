//! The heap of this process, as far as the host has an interest in it.

/// Gives memory that has been freed back to the host.
///
/// The allocator keeps what was freed for what will be asked for next. That is right from packet to packet and wrong after
/// a reload, which needs twice as much as it leaves.
///
/// Costs some milliseconds at a hundred MiB; threads that allocate meanwhile may wait for a part of that. Does nothing
/// where the allocator is not glibc's.
///
/// # Source
/// `malloc_trim(3)`.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no memory of ours, locks what it touches, and may be called from any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
