//! One model measured on one device.

use pearl_agent::protocol::messages::{
    InputReport, LaunchReport, ModelFile, Platform, Reading, Thermal, WeightType,
};
use pearl_calibration::{
    Block, Compensated, Estimate, Judgement, LEAST_LAUNCHES, LaunchView, Nanos, Samples, Sentinel,
    StatisticError, Sustained, Thresholds, Verdict, Window, clean, compensated, contended, counted,
    judge, measurement, stability_score, sustained, undisturbed_speed,
};
use serde::{Deserialize, Serialize};

use super::Fingerprint;
use super::verification::Arithmetic;

pub const CONFIDENCE: f64 = 0.95;

/// Where the usual speed comes from that a latency is compensated to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsualFrom {
    /// From earlier sessions of the device's fingerprint, or from `pearl devices characterise`.
    Device,
    /// From this session alone: a disturbance of the whole session is not compensated.
    Session,
}

/// The samples, the latency that they give, and the verdict on it.
#[derive(Clone, Debug)]
pub struct Measurement {
    pub model: ModelFile,
    pub device: String,
    pub fingerprint: Fingerprint,
    /// What the device reported about itself, if that was kept.
    pub platform: Option<Platform>,
    /// The latency as timed: the centre of the medians of the launches that count, and its 95 % interval.
    pub latency: Estimate,
    /// The latency with the slowdown of the device removed; absent if the reference workload (sentinel)
    /// was not read.
    pub compensated: Option<Compensated>,
    /// Where the sentinel's usual speed comes from.
    pub usual_from: Option<UsualFrom>,
    pub judgement: Judgement,
    /// All launches, in time order.
    pub launches: Vec<LaunchReport>,
    /// Which of the launches were contended.
    pub contended: Vec<bool>,
    /// The curve of a sustained run; the latency is then that of the last third.
    pub sustained: Option<Sustained>,
}

impl Measurement {
    pub(super) fn new(
        model: ModelFile,
        device: String,
        fingerprint: Fingerprint,
        launches: Vec<LaunchReport>,
        usual: Option<Sentinel>,
        target: f64,
    ) -> Result<Self, StatisticError> {
        let thresholds = Thresholds { target, ..Thresholds::default() };
        let views = views(&launches)?;
        let counted = counted(&views, &thresholds);
        let (usual, usual_from) = known_or_own(usual, &counted);
        Ok(Self {
            model: as_measured(model, &launches),
            device,
            fingerprint,
            platform: None,
            latency: measurement(&counted, CONFIDENCE)?,
            compensated: usual.and_then(|usual| compensated(&counted, usual, CONFIDENCE).ok()),
            usual_from,
            judgement: judge(&views, usual, &thresholds)?,
            contended: contended(&views, &thresholds),
            launches,
            sustained: None,
        })
    }

    /// The measurement of a sustained run: launches back to back, each with its time since the first.
    /// The verdict is on the last third alone: the run is meant to show the throttling before it.
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
        // The part that gives the number is labelled on its own, as it is judged on its own.
        let label = |part: &[LaunchView]| contended(part, &thresholds);
        Ok(Self {
            model: as_measured(model, &launches),
            device,
            fingerprint,
            platform: None,
            latency: found.steady,
            // A sustained run is meant to show the slowdown of a hot device, not to remove it.
            compensated: None,
            usual_from: None,
            judgement: judge(&views[last..], None, &thresholds)?,
            contended: [&views[..last], &views[last..]].map(label).concat(),
            launches,
            sustained: Some(found),
        })
    }

    /// The evidence against the number, and the remarks on it.
    pub fn warnings(&self) -> Vec<String> {
        [&self.judgement.evidence[..], &self.judgement.remarks].concat()
    }

    /// The launches that give the latency, and whether each was contended.
    pub(super) fn in_question(&self) -> (&[LaunchReport], &[bool]) {
        let all = self.launches.len();
        let first = if self.sustained.is_some() { all - all.div_ceil(3) } else { 0 };
        (&self.launches[first..], &self.contended[first..])
    }

    /// The inputs that were fed; none in measurements kept before launches told them.
    pub fn inputs(&self) -> &[InputReport] {
        self.launches.first().map_or(&[], |launch| &launch.inputs)
    }

    /// The types of the model's weights, the most frequent first, such as `f32` or `int8+f32`; empty in
    /// measurements kept before launches told them.
    pub fn weights_text(&self) -> String {
        let weights = self.launches.first().map_or(&[][..], |launch| &launch.graph.weights);
        weights.iter().map(|of_type| weight_name(*of_type)).collect::<Vec<_>>().join("+")
    }

    /// The coarsest that the model computes in.
    pub(super) fn arithmetic(&self) -> Arithmetic {
        let weights = self.launches.first().map_or(&[][..], |launch| &launch.graph.weights);
        let any = |types: &[WeightType]| weights.iter().any(|of_type| types.contains(of_type));
        if any(&[WeightType::Int8, WeightType::Int4]) {
            Arithmetic::Whole
        } else if self.fingerprint.precision != "f32" || any(&[WeightType::F16, WeightType::Bf16]) {
            Arithmetic::Half
        } else {
            Arithmetic::Single
        }
    }

    pub fn contended_count(&self) -> usize {
        self.contended.iter().filter(|shared| **shared).count()
    }

    /// The samples that the latency comes from, launch by launch.
    pub fn samples(&self) -> Samples {
        let views = self.views().unwrap_or_default();
        let all = views.iter().flat_map(|launch| launch.samples.in_time_order());
        Samples::new(all.copied().collect())
            .expect("a measurement has samples, or its interval would have been refused")
    }

    /// The stability score as ExecuTorch defines it.
    pub fn stability_score(&self) -> f64 {
        stability_score(&self.samples())
    }

    /// The number that the verdict is about: the compensated latency if there is one.
    pub fn number(&self) -> Estimate {
        self.compensated.as_ref().map_or(self.latency, |compensated| compensated.latency)
    }

    /// Whether the number may be used even if the verdict is not `stable`: enough launches were clean, and
    /// each half of the interval is at most `width` of the latency.
    pub fn is_usable(&self, width: f64) -> bool {
        let count = |views: Vec<LaunchView>| clean(&views, &Thresholds::default()).len();
        let had_the_processor = || views(self.in_question().0).map_or(0, count) >= LEAST_LAUNCHES;
        self.judgement.verdict == Verdict::Stable
            || (self.compensated.is_some()
                && self.judgement.verdict != Verdict::TooShort
                && self.number().relative_half_width() <= width
                && had_the_processor())
    }

    /// The level of each launch that counts, in nanoseconds: its median, or the median compensated to
    /// this usual speed.
    pub fn levels(&self, usual: Option<Sentinel>) -> Result<Vec<f64>, StatisticError> {
        let views = self.views()?;
        let found = usual.and_then(|usual| compensated(&views, usual, CONFIDENCE).ok());
        let raw = || views.iter().map(|launch| launch.samples.median().0 as f64).collect();
        Ok(found.map_or_else(raw, |found| found.levels))
    }

    /// The sentinel in the fastest fifth of this session's blocks.
    pub fn undisturbed_speed(&self) -> Option<Sentinel> {
        undisturbed_speed(&self.views().ok()?)
    }

    /// The energy of the package, in microjoules, over the launches that were not contended; `None` if
    /// the device does not report it.
    pub fn energy_per_inference_uj(&self) -> Option<f64> {
        self.per_inference(|launch| launch.energy_uj)
    }

    /// The cycles of an inference, over the launches that were not contended; `None` where they could not
    /// be counted.
    pub fn cycles_per_inference(&self) -> Option<f64> {
        self.per_inference(|launch| launch.cycles)
    }

    /// The instructions of an inference, likewise.
    pub fn instructions_per_inference(&self) -> Option<f64> {
        self.per_inference(|launch| launch.instructions)
    }

    fn per_inference(&self, of: impl Fn(&LaunchReport) -> Option<u64>) -> Option<f64> {
        let (launches, contended) = self.in_question();
        let alone = launches.iter().zip(contended).filter(|(_, contended)| !**contended);
        // All launches or none: a coarse counter moves in some of them only, and those alone would give
        // too high a value.
        let known: Option<Vec<_>> = alone
            .map(|(launch, _)| Some((of(launch)? as f64, launch.samples_ns.len() as f64)))
            .collect();
        let (sum, inferences) =
            known?.into_iter().fold((0.0, 0.0), |(e, n), (de, dn)| (e + de, n + dn));
        (inferences > 0.0).then(|| sum / inferences)
    }

    /// The highest thermal status and headroom that Android told, before or after a launch.
    pub fn thermal(&self) -> Option<Thermal> {
        let states = self.launches.iter().flat_map(|of| [&of.state_before, &of.state_after]);
        states.filter_map(|state| state.thermal).reduce(|one, other| Thermal {
            status: one.status.max(other.status),
            headroom_milli: one.headroom_milli.max(other.headroom_milli),
        })
    }

    /// The first inference of a process, which finds nothing in the caches: the median over the launches.
    pub fn first_inference_ns(&self) -> Option<u64> {
        self.over_launches(|launch| launch.warm_up_ns.first().copied())
    }

    /// Parsing the file and everything else that is done once before the first inference: the median over
    /// the launches.
    pub fn load_ns(&self) -> Option<u64> {
        self.over_launches(|launch| Some(launch.load_ns.saturating_add(launch.optimise_ns)))
    }

    fn over_launches(&self, of: impl Fn(&LaunchReport) -> Option<u64>) -> Option<u64> {
        let values: Vec<_> = self.launches.iter().filter_map(of).collect();
        Samples::from_ns(&values).ok().map(|values| values.median().0)
    }

    /// Time spent in timed inferences.
    pub fn timed_ns(&self) -> u64 {
        self.launches.iter().flat_map(|launch| &launch.samples_ns).sum()
    }

    /// The launches that count, in the form that the statistics take.
    pub fn views(&self) -> Result<Vec<LaunchView>, StatisticError> {
        Ok(counted(&views(self.in_question().0)?, &Thresholds::default()))
    }
}

/// A model that lacks no weights has no random ones, whatever was asked for.
fn as_measured(model: ModelFile, launches: &[LaunchReport]) -> ModelFile {
    let random_weights = launches.first().is_some_and(|launch| launch.graph.random_weights > 0);
    ModelFile { random_weights, ..model }
}

/// The usual speed, and where it comes from. If none is known, it is that of the session's own fastest
/// blocks. If the session was faster than the known speed, the faster one counts.
pub(super) fn known_or_own(
    usual: Option<Sentinel>,
    views: &[LaunchView],
) -> (Option<Sentinel>, Option<UsualFrom>) {
    match (usual, undisturbed_speed(views)) {
        (Some(usual), Some(own)) => (Some(usual.faster(own)), Some(UsualFrom::Device)),
        (None, Some(own)) => (Some(own), Some(UsualFrom::Session)),
        (_, None) => (None, None),
    }
}

/// Inputs with their shapes and the values of those that were not random, such as
/// `x:1x3x224x224, mask:1x16=1`.
pub fn inputs_text(inputs: &[InputReport]) -> String {
    let told = |input: &InputReport| {
        let values = match input.values.as_str() {
            "" | "uniform from -1 to 1" => String::new(),
            values => format!("={values}"),
        };
        format!("{}{values}", shape_text(input))
    };
    inputs.iter().map(told).collect::<Vec<_>>().join(", ")
}

fn weight_name(of_type: WeightType) -> &'static str {
    match of_type {
        WeightType::F64 => "f64",
        WeightType::F32 => "f32",
        WeightType::F16 => "f16",
        WeightType::Bf16 => "bf16",
        WeightType::Int8 => "int8",
        WeightType::Int4 => "int4",
    }
}

/// An input with its shape, as `--input` takes it.
pub(super) fn shape_text(input: &InputReport) -> String {
    let dims: Vec<_> = input.dims.iter().map(ToString::to_string).collect();
    format!("{}:{}", input.name, dims.join("x"))
}

pub(super) fn views(launches: &[LaunchReport]) -> Result<Vec<LaunchView>, StatisticError> {
    launches.iter().map(view).collect()
}

fn view(launch: &LaunchReport) -> Result<LaunchView, StatisticError> {
    Ok(LaunchView {
        samples: Samples::from_ns(&launch.samples_ns)?,
        // The processor time is known for every sample or for none.
        sample_cpu: if launch.samples_cpu_ns.len() == launch.samples_ns.len() {
            launch.samples_cpu_ns.iter().copied().map(Nanos).collect()
        } else {
            Vec::new()
        },
        blocks: blocks(launch),
        cpu: Nanos(launch.cpu_ns),
        wall: Nanos(launch.wall_ns),
        cycles: launch.cycles,
        threads: launch.threads,
        involuntary_switches: launch.involuntary_switches,
        clock_resolution: Nanos(launch.clock.resolution_ns),
        clock_overhead: Nanos(launch.clock.overhead_ns),
        steady: launch.steady,
        frequency_before_khz: launch.state_before.frequency_khz.clone(),
        frequency_after_khz: launch.state_after.frequency_khz.clone(),
    })
}

/// The blocks of a launch; none if they do not fit the samples, as in measurements kept before there
/// were blocks.
fn blocks(launch: &LaunchReport) -> Vec<Block> {
    let samples: u128 = launch.blocks.iter().map(|samples| *samples as u128).sum();
    if samples != launch.samples_ns.len() as u128
        || launch.readings.len() != launch.blocks.len() + 1
    {
        return Vec::new();
    }
    let between =
        launch.readings.windows(2).map(|pair| sentinel(&pair[0]).between(sentinel(&pair[1])));
    let blocks = launch.blocks.iter().zip(between);
    blocks.map(|(samples, sentinel)| Block { samples: *samples, sentinel }).collect()
}

pub(super) fn sentinel(reading: &Reading) -> Sentinel {
    Sentinel {
        core: Nanos(reading.core_ns),
        network: Nanos(reading.network_ns),
        memory: Nanos(reading.memory_ns),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::measure::document;

    /// A measurement as the first format of the history holds it.
    fn kept() -> Measurement {
        let state = json!({
            "frequency_khz": [], "governor": null, "temperature_mc": [], "load_milli": null,
            "memory_available_bytes": null, "battery": null,
        });
        let launch = json!({
            "load_ns": 1, "optimise_ns": 1, "warm_up_ns": [100], "steady": true,
            "samples_ns": [100, 101, 102], "cpu_ns": 303, "wall_ns": 303,
            "involuntary_switches": 0, "clock": { "resolution_ns": 1, "overhead_ns": 1 },
            "sentinel_before_ns": 50, "sentinel_after_ns": 50, "threads": 1,
            "peak_memory_bytes": null, "energy_uj": null,
            "state_before": state, "state_after": state,
        });
        let document = json!({
            "model": { "path": "a.onnx", "sha256": "00" },
            "device": "local",
            "fingerprint": {
                "arch": "x86_64", "os": "linux", "cpu_model": null, "soc": null, "cpus": [],
                "governor": null, "threads": 1, "precision": "f32",
                "engine": { "name": "tract", "version": "0.23.9" },
                "agent_version": "0.1.0", "agent_build": "00",
            },
            "latency": { "point": 101, "lo": 100, "hi": 102, "n": 18 },
            "judgement": { "verdict": "stable", "evidence": [], "remarks": [] },
            "launches": vec![launch; 6],
            "contended": vec![false; 6],
            "sustained": null,
        });
        document::read(&document.to_string()).unwrap()
    }

    #[test]
    fn what_was_kept_before_the_sentinel_was_read_between_blocks_is_given_as_it_was_timed() {
        let kept = kept();
        assert_eq!((kept.number(), kept.compensated.as_ref()), (kept.latency, None));
        assert_eq!(kept.undisturbed_speed(), None);
        assert_eq!(kept.levels(None).unwrap(), [101.0; 6]);
    }

    #[test]
    fn load_and_first_inference_are_medians_over_the_launches_that_tell_them() {
        let mut kept = kept();
        kept.launches[0].warm_up_ns = vec![];
        for (launch, first) in kept.launches[1..].iter_mut().zip([900, 300, 500, 700, 800]) {
            launch.warm_up_ns = vec![first, 100];
            launch.optimise_ns = 10 * first;
        }
        assert_eq!(kept.first_inference_ns(), Some(700));
        // Of 2, 3001, 5001, 7001, 8001 and 9001.
        assert_eq!(kept.load_ns(), Some(6001));
        kept.launches.iter_mut().for_each(|launch| launch.warm_up_ns.clear());
        assert_eq!(kept.first_inference_ns(), None);
    }

    #[test]
    fn cycles_are_told_where_every_launch_that_was_alone_counted_them() {
        let mut kept = kept();
        assert_eq!(kept.cycles_per_inference(), None);
        for launch in &mut kept.launches {
            (launch.cycles, launch.instructions) = (Some(600), Some(1500));
        }
        assert_eq!(kept.cycles_per_inference(), Some(200.0));
        assert_eq!(kept.instructions_per_inference(), Some(500.0));
        kept.launches[3].cycles = None;
        assert_eq!(kept.cycles_per_inference(), None);
        kept.contended[3] = true;
        assert_eq!(kept.cycles_per_inference(), Some(200.0));
    }

    #[test]
    fn the_hottest_moment_that_was_told_is_that_of_the_measurement() {
        let mut kept = kept();
        assert_eq!(kept.thermal(), None);
        let told = |status, headroom_milli| Some(Thermal { status, headroom_milli });
        kept.launches[1].state_after.thermal = told(Some(2), None);
        kept.launches[4].state_before.thermal = told(Some(0), Some(830));
        assert_eq!(kept.thermal(), told(Some(2), Some(830)));
    }

    #[test]
    fn blocks_and_readings_that_do_not_fit_the_samples_are_no_blocks() {
        let reading = Reading { core_ns: 1, network_ns: 1, memory_ns: 1, cpu_ns: 1, wall_ns: 1 };
        for (blocks, readings, count) in [
            (vec![3], 2, 1),
            (vec![1, 2], 3, 2),
            (vec![1, 2], 2, 0),
            (vec![2], 2, 0),
            (vec![usize::MAX, 4], 3, 0),
            (vec![], 1, 0),
        ] {
            let mut launch = kept().launches[0].clone();
            (launch.blocks, launch.readings) = (blocks, vec![reading; readings]);
            assert_eq!(super::blocks(&launch).len(), count, "{:?}", launch.blocks);
        }
    }
}
