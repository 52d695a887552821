//! Time since the device was started.
//!
//! **Invariant:** the clock runs on while the device sleeps, and cannot be set.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::procfs;

/// Comparable between all processes until the device restarts, see [`id`].
pub(crate) fn now() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Identifies this boot of the device.
pub(crate) fn id() -> Option<String> {
    procfs::text("/proc/sys/kernel/random/boot_id")
}
