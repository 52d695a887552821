//! The memory limit of a launch.
//!
//! The kernel refuses memory beyond the limit. The limit (`RLIMIT_DATA`) counts memory that is written to,
//! not address space that is only reserved: Android's allocator reserves gigabytes. When an allocation
//! fails, the heap ends the process with a text that the parent recognises; otherwise a failed allocation
//! is a panic in one library and an abort in another.
//!
//! **Invariant:** an allocation that succeeds costs one comparison more than the system's own.

use std::alloc::{GlobalAlloc, Layout, System};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::procfs;

/// What a process writes to stderr when it reaches its limit.
pub(crate) const OUT_OF_MEMORY: &str = "pearl-agent: no memory left within the limit";

/// The system's heap; it ends the process where an allocation fails.
pub struct LimitedHeap;

/// Limits the memory of this process permanently and switches its core dumps off.
///
/// # Errors
/// Where the system refuses.
pub(crate) fn limit(bytes: u64) -> std::io::Result<()> {
    let exactly = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::Core, exactly(0))?;
    setrlimit(Resource::Data, exactly(bytes))?;
    // The kernel refuses only growth; a process that already has more might never allocate again.
    let status = procfs::text("/proc/self/status");
    let held = status.and_then(|text| procfs::kibibytes(procfs::value(&text, "VmData")?));
    if held.is_some_and(|held| held > bytes) {
        give_up();
    }
    Ok(())
}

/// Where the device itself runs out of memory, the kernel ends this process first, so that the agent
/// survives and reports it. Some devices forbid this setting and choose the process themselves.
pub(crate) fn go_first() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

fn end_where_null(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() {
        give_up();
    }
    pointer
}

#[cold]
fn give_up() -> ! {
    // Nothing here may allocate. Where the text cannot be written, the abort has to be enough.
    let _ = rustix::io::write(std::io::stderr(), OUT_OF_MEMORY.as_bytes());
    std::process::abort()
}

// SAFETY: every call goes to the system's allocator with the arguments given, and what it returns is
// handed on unchanged.
unsafe impl GlobalAlloc for LimitedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps this function's own contract.
        end_where_null(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        end_where_null(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        end_where_null(unsafe { System.realloc(pointer, layout, size) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
