//! The kernel's counters of the sampling thread and its process.
//!
//! **Invariant:** nothing is counted here; a counter that the kernel lacks is zero or absent.

use rustix::time::{ClockId, clock_gettime};

use super::procfs;

/// CPU time of the calling thread since [`Usage::start`].
pub(crate) struct Usage {
    start_ns: u64,
}

impl Usage {
    pub(crate) fn start() -> Self {
        Self { start_ns: thread_cpu_ns() }
    }

    pub(crate) fn elapsed_ns(&self) -> u64 {
        thread_cpu_ns().saturating_sub(self.start_ns)
    }
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Involuntary context switches of the calling thread so far.
pub(crate) fn involuntary_switches() -> u64 {
    procfs::text("/proc/thread-self/status")
        .and_then(|text| procfs::value(&text, "nonvoluntary_ctxt_switches")?.parse().ok())
        .unwrap_or(0)
}

/// Peak memory of this process so far.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    procfs::kibibytes(procfs::value(&procfs::text("/proc/self/status")?, "VmHWM")?)
}
