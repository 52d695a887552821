//! One model measured on one device.

use pearl_agent::agent::{LaunchReport, ModelFile};
use pearl_calibration::{
    Estimate, Judgement, LaunchView, Nanos, Samples, StatisticError, Thresholds, judge, measurement,
};
use serde::Serialize;

use super::Fingerprint;

pub const CONFIDENCE: f64 = 0.95;

/// Samples, what they say, and whether to believe it.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    pub model: ModelFile,
    pub device: String,
    pub fingerprint: Fingerprint,
    /// The median and its 95 % interval.
    pub latency: Estimate,
    pub judgement: Judgement,
    /// In time order.
    pub launches: Vec<LaunchReport>,
}

impl Measurement {
    pub(super) fn new(
        model: ModelFile,
        device: String,
        fingerprint: Fingerprint,
        launches: Vec<LaunchReport>,
        target: f64,
    ) -> Result<Self, StatisticError> {
        let views = views(&launches)?;
        let latency = measurement(&views, CONFIDENCE)?;
        let judgement = judge(&views, &Thresholds { target, ..Thresholds::default() })?;
        Ok(Self { model, device, fingerprint, latency, judgement, launches })
    }

    /// All samples, launch by launch.
    pub fn samples(&self) -> Samples {
        let all = self.launches.iter().flat_map(|launch| &launch.samples_ns);
        Samples::from_ns(&all.copied().collect::<Vec<_>>())
            .expect("a measurement has samples, or its interval would have been refused")
    }

    /// Time spent in timed inferences.
    pub fn timed_ns(&self) -> u64 {
        self.launches.iter().flat_map(|launch| &launch.samples_ns).sum()
    }
}

pub(super) fn views(launches: &[LaunchReport]) -> Result<Vec<LaunchView>, StatisticError> {
    launches.iter().map(view).collect()
}

fn view(launch: &LaunchReport) -> Result<LaunchView, StatisticError> {
    Ok(LaunchView {
        samples: Samples::from_ns(&launch.samples_ns)?,
        cpu: Nanos(launch.cpu_ns),
        wall: Nanos(launch.wall_ns),
        involuntary_switches: launch.involuntary_switches,
        sentinel_before: Nanos(launch.sentinel_before_ns),
        sentinel_after: Nanos(launch.sentinel_after_ns),
        clock_resolution: Nanos(launch.clock.resolution_ns),
        clock_overhead: Nanos(launch.clock.overhead_ns),
        steady: launch.steady,
        frequency_before_khz: launch.state_before.frequency_khz.clone(),
        frequency_after_khz: launch.state_after.frequency_khz.clone(),
    })
}
