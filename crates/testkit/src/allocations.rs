//! Counting how often a thread asks for memory, and how much the process holds.
//!
//! A test that wants to know makes [`Counting`] its allocator:
//!
//! ```
//! use testkit::allocations::{Counting, during};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! assert_eq!(during(|| drop(vec![1])), 1);
//! assert_eq!(during(|| ()), 0);
//! ```
#![allow(unsafe_code)] // A global allocator cannot be written without; this one only counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

static HELD: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has asked for memory so far.
pub fn asked() -> u64 {
    ASKED.with(Cell::get)
}

/// How often `work` asks for memory.
pub fn during(work: impl FnOnce()) -> u64 {
    let before = asked();
    work();
    asked() - before
}

/// How many bytes all threads have asked for and not given back.
pub fn held() -> u64 {
    HELD.load(Ordering::Relaxed)
}

/// The system's allocator, which counts.
#[derive(Debug)]
pub struct Counting;

fn count(block: *mut u8, size: usize) -> *mut u8 {
    // A thread that is ending has no counter any more, and nothing to prove.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
    if !block.is_null() {
        HELD.fetch_add(size as u64, Ordering::Relaxed);
    }
    block
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches no memory of theirs.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        count(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        count(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: `block` came from the system's allocator, as all of ours do.
        let moved = count(unsafe { System.realloc(block, layout, size) }, size);
        if !moved.is_null() {
            HELD.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        }
        moved
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(block, layout) }
        HELD.fetch_sub(layout.size() as u64, Ordering::Relaxed);
    }
}
