//! One model measured on one device.

use pearl_agent::agent::{LaunchReport, ModelFile, Platform};
use pearl_calibration::{
    Estimate, Judgement, LaunchView, Nanos, Ratio, Samples, StatisticError, Sustained, Thresholds,
    Window, contended, counted, in_sentinels, judge, measurement, stability_score, sustained,
};
use serde::{Deserialize, Serialize};

use super::Fingerprint;

pub const CONFIDENCE: f64 = 0.95;

/// Samples, what they say, and whether to believe it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurement {
    pub model: ModelFile,
    pub device: String,
    pub fingerprint: Fingerprint,
    /// What the device told of itself, where that was kept.
    #[serde(default)]
    pub platform: Option<Platform>,
    /// The median and its 95 % interval, of the launches that count.
    pub latency: Estimate,
    pub judgement: Judgement,
    /// All, in time order.
    pub launches: Vec<LaunchReport>,
    /// Which of them had to share the processor.
    pub contended: Vec<bool>,
    /// Where the model ran without a pause; the latency is then that of its last third.
    pub sustained: Option<Sustained>,
}

impl Measurement {
    pub(super) fn new(
        model: ModelFile,
        device: String,
        fingerprint: Fingerprint,
        launches: Vec<LaunchReport>,
        target: f64,
    ) -> Result<Self, StatisticError> {
        let thresholds = Thresholds { target, ..Thresholds::default() };
        let views = views(&launches)?;
        Ok(Self {
            model,
            device,
            fingerprint,
            platform: None,
            latency: measurement(&counted(&views, &thresholds), CONFIDENCE)?,
            judgement: judge(&views, &thresholds)?,
            contended: contended(&views, &thresholds),
            launches,
            sustained: None,
        })
    }

    /// Of launches back to back, with the time of each since the first. The verdict is on the last
    /// third alone: that a device throttled before is what such a run is there to tell.
    pub(super) fn of_sustained(
        model: ModelFile,
        device: String,
        fingerprint: Fingerprint,
        launches: Vec<(u64, LaunchReport)>,
        target: f64,
    ) -> Result<Self, StatisticError> {
        let windows = launches
            .iter()
            .map(|(at, launch)| Ok(Window { at: Nanos(*at), launch: view(launch)? }))
            .collect::<Result<Vec<_>, StatisticError>>()?;
        let thresholds = Thresholds { target, ..Thresholds::default() };
        let found = sustained(&windows, &thresholds)?;
        let last = launches.len() - launches.len().div_ceil(3);
        let launches: Vec<_> = launches.into_iter().map(|(_, launch)| launch).collect();
        let views = views(&launches)?;
        // The part that the number comes from is labelled by itself, as it is judged.
        let label = |part: &[LaunchView]| contended(part, &thresholds);
        Ok(Self {
            model,
            device,
            fingerprint,
            platform: None,
            latency: found.steady,
            judgement: judge(&views[last..], &thresholds)?,
            contended: [&views[..last], &views[last..]].map(label).concat(),
            launches,
            sustained: Some(found),
        })
    }

    /// What speaks against the number, and what was put right on the way to it.
    pub fn warnings(&self) -> Vec<String> {
        [&self.judgement.evidence[..], &self.judgement.remarks].concat()
    }

    /// The launches that the latency is of, with whether each had to share the processor.
    pub(super) fn in_question(&self) -> (&[LaunchReport], &[bool]) {
        let all = self.launches.len();
        let first = if self.sustained.is_some() { all - all.div_ceil(3) } else { 0 };
        (&self.launches[first..], &self.contended[first..])
    }

    pub fn contended_count(&self) -> usize {
        self.contended.iter().filter(|spoilt| **spoilt).count()
    }

    /// The samples that the latency comes from, launch by launch.
    pub fn samples(&self) -> Samples {
        let views = self.views().unwrap_or_default();
        let all = views.iter().flat_map(|launch| launch.samples.in_time_order());
        Samples::new(all.copied().collect())
            .expect("a measurement has samples, or its interval would have been refused")
    }

    /// ExecuTorch's.
    pub fn stability_score(&self) -> f64 {
        stability_score(&self.samples())
    }

    /// The latency with the core's own speed taken out; none of too few launches.
    pub fn in_sentinels(&self) -> Option<Ratio> {
        in_sentinels(&self.views().ok()?, CONFIDENCE).ok()
    }

    /// What the fixed piece of work took in the median.
    pub fn sentinel(&self) -> Option<Nanos> {
        let sentinels = self.views().ok()?.iter().map(LaunchView::sentinel).collect();
        Samples::new(sentinels).ok().map(|sentinels| sentinels.median())
    }

    /// Of the package, in microjoules, where the device tells and nobody else used it up.
    pub fn energy_per_inference_uj(&self) -> Option<f64> {
        let (launches, contended) = self.in_question();
        let alone = launches.iter().zip(contended).filter(|(_, contended)| !**contended);
        // All or none: those in which a coarse counter happened to move would tell too much.
        let known: Option<Vec<_>> =
            alone.map(|(of, _)| Some((of.energy_uj? as f64, of.samples_ns.len() as f64))).collect();
        let (energy, inferences) =
            known?.into_iter().fold((0.0, 0.0), |(e, n), (de, dn)| (e + de, n + dn));
        (inferences > 0.0).then(|| energy / inferences)
    }

    /// Time spent in timed inferences.
    pub fn timed_ns(&self) -> u64 {
        self.launches.iter().flat_map(|launch| &launch.samples_ns).sum()
    }

    /// The launches that count, as statistics see them.
    pub fn views(&self) -> Result<Vec<LaunchView>, StatisticError> {
        Ok(counted(&views(self.in_question().0)?, &Thresholds::default()))
    }
}

pub(super) fn views(launches: &[LaunchReport]) -> Result<Vec<LaunchView>, StatisticError> {
    launches.iter().map(view).collect()
}

fn view(launch: &LaunchReport) -> Result<LaunchView, StatisticError> {
    Ok(LaunchView {
        samples: Samples::from_ns(&launch.samples_ns)?,
        // Told of every sample or of none.
        sample_cpu: if launch.samples_cpu_ns.len() == launch.samples_ns.len() {
            launch.samples_cpu_ns.iter().copied().map(Nanos).collect()
        } else {
            Vec::new()
        },
        cpu: Nanos(launch.cpu_ns),
        wall: Nanos(launch.wall_ns),
        threads: launch.threads,
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
