//! What the kernel counted of the sampling thread and its process.
//!
//! **Invariant:** nothing is counted here; absent counters are zero or absent.

use rustix::time::{ClockId, clock_gettime};

use super::procfs;

/// CPU time of the calling thread since [`Usage::start`].
pub struct Usage {
    start_ns: u64,
}

impl Usage {
    pub fn start() -> Self {
        Self { start_ns: thread_cpu_ns() }
    }

    pub fn elapsed_ns(&self) -> u64 {
        thread_cpu_ns().saturating_sub(self.start_ns)
    }
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// How often the calling thread was made to yield its processor, so far.
pub fn involuntary_switches() -> u64 {
    procfs::text("/proc/thread-self/status")
        .and_then(|text| procfs::value(&text, "nonvoluntary_ctxt_switches")?.parse().ok())
        .unwrap_or(0)
}

/// The most memory that this process ever had in use.
pub fn peak_memory_bytes() -> Option<u64> {
    procfs::kibibytes(procfs::value(&procfs::text("/proc/self/status")?, "VmHWM")?)
}
