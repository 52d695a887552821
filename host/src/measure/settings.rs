//! How long and how often to measure.

use std::time::Duration;

use pearl_agent::agent::{Limits, Sampling, WarmUp};

#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub min_launches: usize,
    pub max_launches: usize,
    /// Stop where each half of the median's 95 % interval is at most this share of the median.
    pub target: f64,
    pub warm_up: WarmUp,
    pub sampling: Sampling,
    pub limits: Limits,
}

impl Settings {
    /// For a number that people will quote: ±1 %.
    pub fn bench() -> Self {
        Self { min_launches: 5, max_launches: 30, target: 0.01, ..Self::search() }
    }

    /// For a reward: ±3 %. With `w = -0.07` an error of 3 % in the latency moves the reward by 0.2 %,
    /// less than what two trainings of one network differ by.
    pub fn search() -> Self {
        Self {
            min_launches: 3,
            max_launches: 15,
            target: 0.03,
            warm_up: WarmUp {
                min_ns: nanos(Duration::from_millis(50)),
                max_ns: nanos(Duration::from_secs(3)),
                tolerance_ppm: 50_000,
            },
            sampling: Sampling {
                slice_ns: nanos(Duration::from_millis(250)),
                min_samples: 11,
                max_samples: 20_000,
            },
            limits: Limits {
                model_bytes: 1 << 30,
                memory_bytes: 4 << 30,
                time_ns: nanos(Duration::from_secs(120)),
            },
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("settings are minutes at most")
}
