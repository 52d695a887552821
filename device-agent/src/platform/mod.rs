//! What the agent reads from the device and sets on it: Linux and Android.
//!
//! **Invariant:** the module that changes a setting restores it; a value that cannot be read is absent, not
//! an error.

pub(crate) mod android;
pub(crate) mod boot;
mod cgroup;
pub(crate) mod cycles;
pub(crate) mod device_state;
pub(crate) mod energy;
pub(crate) mod facts;
pub(crate) mod fixed_performance;
pub(crate) mod frequency;
mod hypervisor;
pub mod memory;
pub(crate) mod others;
pub(crate) mod pinning;
pub(crate) mod procfs;
pub(crate) mod thermal;
pub(crate) mod threads;
mod topology;
pub(crate) mod usage;
