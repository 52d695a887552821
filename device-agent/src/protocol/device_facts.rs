//! What the agent reports of the device itself.

use serde::{Deserialize, Serialize};

/// What does not change while the device is up. Absent where the device does not tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Such as `x86_64` or `aarch64`.
    pub arch: String,
    /// Such as `linux` or `android`.
    pub os: String,
    /// Release of the kernel, such as `6.1.0-28-amd64`.
    pub kernel: Option<String>,
    /// Name of the processor or the board; the types of ARM cores where there is no name.
    pub cpu_model: Option<String>,
    /// The processors that the agent may run on, ascending.
    pub cpus: Vec<usize>,
    /// Those processors by kind, from the least capable to the most; a single one where all are alike
    /// or the device does not tell.
    pub clusters: Vec<Cluster>,
    /// Memory of the device (`MemTotal`), in bytes.
    pub memory_bytes: Option<u64>,
    /// The limits of the control group that the agent runs in.
    pub cgroup: Cgroup,
    /// The hypervisor, or the machine that it shows, where the device is a virtual machine.
    #[serde(default)]
    pub hypervisor: Option<String>,
    /// Only on Android.
    pub android: Option<Android>,
    /// Whether the processors compute in half precision themselves.
    pub half_precision: bool,
    /// Whether the agent may change clock rates.
    pub root: bool,
    /// Changes with every start of the device.
    pub boot_id: Option<String>,
    /// The agent's private folder, where model files are put. It is empty where the agent cannot have
    /// one; every `put` is then refused with the reason.
    pub folder: String,
}

/// Processors of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Ascending.
    pub cpus: Vec<usize>,
    /// The kernel's `cpu_capacity`: 1024 is the most capable core of the device.
    pub capacity: Option<u32>,
    /// Highest clock rate, in kHz.
    pub max_khz: Option<u64>,
}

/// Limits of a control group; absent where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroup {
    /// Most memory of all processes in the group, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time in thousandths of one processor.
    pub cpu_milli: Option<u64>,
}

/// Android's own facts of the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Android {
    /// Such as `Google`.
    pub manufacturer: Option<String>,
    /// Such as `Pixel 6`.
    pub model: Option<String>,
    /// The chip, such as `gs101`.
    pub soc: Option<String>,
    /// Version of Android, such as `15`.
    pub release: Option<String>,
    /// Fingerprint of the build, or its id.
    pub build: Option<String>,
}

/// What changes while the device is up; absent where the device does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Per processor in use, in kHz.
    pub frequency_khz: Vec<u64>,
    /// The kernel's governor of the first processor in use, such as `schedutil`.
    pub governor: Option<String>,
    /// How its driver weighs speed against power, such as `balance_performance`.
    #[serde(default)]
    pub preference: Option<String>,
    /// Whether it may run faster than its nominal clock rate.
    #[serde(default)]
    pub boost: Option<bool>,
    /// Thermal zones: name and thousandths of a degree Celsius.
    pub temperature_mc: Vec<(String, i64)>,
    /// Load average over a minute, in thousandths.
    pub load_milli: Option<u64>,
    /// Memory that processes can still get (`MemAvailable`), in bytes.
    pub memory_available_bytes: Option<u64>,
    /// The device's own battery.
    pub battery: Option<Battery>,
    /// What Android's thermal service says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thermal: Option<Thermal>,
    /// The group that Android's scheduler has the process in, such as `top-app`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<String>,
    /// Whether the agent has switched Android's fixed-performance mode on, and seen its effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixed_performance: bool,
}

/// How hot Android finds the device; absent where it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thermal {
    /// From 0 (none) over 1 (light), 2 (moderate) and 3 (severe) to 6 (shutdown).
    pub status: Option<u64>,
    /// The forecast of ten seconds ahead, in thousandths: at 1000 the status becomes severe.
    pub headroom_milli: Option<u64>,
}

/// A battery at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Battery {
    /// Charge, 0 to 100.
    pub percent: Option<u64>,
    /// The kernel's word, such as `Charging`, `Discharging` or `Full`.
    pub status: Option<String>,
}
