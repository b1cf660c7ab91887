//! Counting how often a thread asks for memory.
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

/// The system's allocator, which counts.
#[derive(Debug)]
pub struct Counting;

fn count() {
    // A thread that is ending has no counter any more, and nothing to prove.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting touches no memory of theirs.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: `block` came from the system's allocator, as all of ours do.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}
