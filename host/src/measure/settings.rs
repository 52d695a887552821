//! How long and how often to measure, and with what.

use std::collections::BTreeMap;
use std::time::Duration;

use pearl_agent::protocol::messages::{InputValues, Limits, Precision, Sampling, Sizes, WarmUp};
use pearl_calibration::{Sentinel, StoppingRule};

/// The times of the reference workload (sentinel) on undisturbed devices. Keys: fingerprints.
pub type UsualSpeeds = BTreeMap<String, Sentinel>;

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub stopping_rule: StoppingRule,
    /// The usual speeds, as far as they are known; latencies are compensated to them.
    pub usual: UsualSpeeds,
    /// Threads of the engine's matrix products; if absent, those of the device's entry.
    pub threads: Option<usize>,
    pub precision: Precision,
    /// Sizes of the axes that a model's file leaves open.
    pub sizes: Sizes,
    /// Values of inputs, by name; the others get values that suit them.
    pub values: BTreeMap<String, InputValues>,
    /// How many other random inputs to try once for each model.
    pub other_inputs: u64,
    pub warm_up: WarmUp,
    /// Its slice is the shortest one; a model that takes long to load is sampled for longer.
    pub sampling: Sampling,
    pub longest_slice: Duration,
    /// The share of a launch's time that should go into timed inference.
    pub timed_share: f64,
    pub limits: Limits,
    /// Longest cooldown of a session in total.
    pub longest_cooldown: Duration,
    /// How long to wait, before the first launch, until no other process uses the device; if absent, the
    /// session does not look for other processes.
    pub quiet_wait: Option<Duration>,
    /// How long to wait while another host measures on the device.
    pub lease_wait: Duration,
    /// Run each model for this time without a pause, and take the latency of the last third.
    pub sustained: Option<Duration>,
}

impl Settings {
    /// Settings for a number that people will quote: ±1 %.
    pub fn bench() -> Self {
        Self {
            stopping_rule: StoppingRule { min_launches: 6, max_launches: 40, target: 0.01 },
            other_inputs: 3,
            longest_slice: Duration::from_secs(2),
            timed_share: 0.65,
            ..Self::search()
        }
    }

    /// Settings for a reward: ±3 %. With `w = -0.07` an error of 3 % in the latency moves the reward by
    /// 0.2 %, less than two trainings of one network differ.
    pub fn search() -> Self {
        Self {
            stopping_rule: StoppingRule { min_launches: 6, max_launches: 20, target: 0.03 },
            usual: UsualSpeeds::new(),
            threads: None,
            precision: Precision::F32,
            sizes: Sizes::default(),
            values: BTreeMap::new(),
            other_inputs: 0,
            warm_up: WarmUp {
                min_ns: nanos(Duration::from_millis(50)),
                max_ns: nanos(Duration::from_secs(3)),
                tolerance_ppm: 50_000,
            },
            sampling: Sampling {
                slice_ns: nanos(Duration::from_millis(200)),
                // Disturbances come and go within fractions of a second.
                block_ns: nanos(Duration::from_millis(25)),
                min_samples: 11,
                max_samples: 20_000,
            },
            longest_slice: Duration::from_millis(200),
            timed_share: 0.5,
            limits: Limits {
                // ONNX files cannot be larger. While a model is read, it is in memory several times.
                model_bytes: 2 << 30,
                memory_bytes: 8 << 30,
                time_ns: nanos(Duration::from_secs(120)),
            },
            longest_cooldown: Duration::from_secs(30),
            quiet_wait: None,
            lease_wait: Duration::from_secs(600),
            sustained: None,
        }
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("settings are days at most")
}
