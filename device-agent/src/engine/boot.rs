//! Time since the device was started.
//!
//! **Invariant:** it runs on while the device sleeps, and nobody can set it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::procfs;

/// Comparable between the processes of one start of the device, see [`id`].
pub fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Names the start of the device.
pub fn id() -> Option<String> {
    procfs::text("/proc/sys/kernel/random/boot_id")
}
