//! How long and how often to measure, and with what.

use std::collections::BTreeMap;
use std::time::Duration;

use pearl_agent::agent::{Limits, Precision, Sampling, WarmUp};
use pearl_calibration::{Pace, Sentinel};

/// What the sentinel takes on undisturbed devices, by fingerprint.
pub type UsualSpeeds = BTreeMap<String, Sentinel>;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub pace: Pace,
    /// As far as they are known; latencies are compensated to them.
    pub usual: UsualSpeeds,
    /// Of the engine's matrix products; where absent, what the device's entry says.
    pub threads: Option<usize>,
    pub precision: Precision,
    pub warm_up: WarmUp,
    /// Its slice is the shortest; a model that takes long to load is sampled for longer.
    pub sampling: Sampling,
    pub longest_slice: Duration,
    /// The share of a launch's time that should go into timed inference.
    pub timed_share: f64,
    pub limits: Limits,
    /// Most time that a session gives the device to get cool or quiet.
    pub most_rest: Duration,
    /// Look at who else uses the device before anything is measured, and wait so long for them to leave.
    pub quiet_wait: Option<Duration>,
    /// How long to wait for somebody else who measures on the device.
    pub patience: Duration,
    /// Run each model for so long without a pause, and take the latency that it ends up at.
    pub sustained: Option<Duration>,
}

impl Settings {
    /// For a number that people will quote: ±1 %.
    pub fn bench() -> Self {
        Self {
            pace: Pace { min_launches: 6, max_launches: 40, target: 0.01 },
            longest_slice: Duration::from_secs(2),
            timed_share: 0.65,
            ..Self::search()
        }
    }

    /// For a reward: ±3 %. With `w = -0.07` an error of 3 % in the latency moves the reward by 0.2 %,
    /// less than what two trainings of one network differ by.
    pub fn search() -> Self {
        Self {
            pace: Pace { min_launches: 6, max_launches: 20, target: 0.03 },
            usual: UsualSpeeds::new(),
            threads: None,
            precision: Precision::F32,
            warm_up: WarmUp {
                min_ns: nanos(Duration::from_millis(50)),
                max_ns: nanos(Duration::from_secs(3)),
                tolerance_ppm: 50_000,
            },
            sampling: Sampling {
                slice_ns: nanos(Duration::from_millis(200)),
                // What disturbs comes and goes in fractions of a second.
                block_ns: nanos(Duration::from_millis(25)),
                min_samples: 11,
                max_samples: 20_000,
            },
            longest_slice: Duration::from_millis(200),
            timed_share: 0.5,
            limits: Limits {
                // ONNX files end there; in memory a model is there several times while it is read.
                model_bytes: 2 << 30,
                memory_bytes: 8 << 30,
                time_ns: nanos(Duration::from_secs(120)),
            },
            most_rest: Duration::from_secs(30),
            quiet_wait: None,
            patience: Duration::from_secs(600),
            sustained: None,
        }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("settings are days at most")
}
