//! Remarks on the launches behind a number, which the number itself does not show.
//!
//! **Invariant:** pure; values that a device does not report give no remark.

use std::collections::BTreeSet;

use pearl_agent::protocol::messages::{
    Cluster, InputReport, LaunchReport, Platform, State, Thermal, WeightType,
};

use super::measurement::shape_text;
use crate::output::duration::ms;

/// Ratio of the clock rate in use to the highest one; below it, a device is hot or saves power.
pub const FULL_RATE: f64 = 0.85;

/// Android's statuses by their numbers, from which the first means that nothing throttles.
const THERMAL_STATUSES: [&str; 7] =
    ["none", "light", "moderate", "severe", "critical", "emergency", "shutdown"];

/// A headroom above this, in thousandths, is where Android advises apps to do less.
const MOST_HEADROOM_MILLI: u64 = 850;

/// By how much the times of other inputs may differ. They are the shortest of a few inferences each, and two
/// seeds of one network differ by a few per cent.
const SPREAD_OF_INPUTS: f64 = 0.5;

/// The name of a device, and what was asked of it.
pub(super) struct Asked<'a> {
    pub device: &'a str,
    /// Such as `tract 0.23.9`.
    pub engine: &'a str,
    pub clusters: &'a [Cluster],
    pub cpus: &'a [usize],
    pub threads: usize,
    /// Whether the processors compute in 16-bit floats.
    pub half_precision: bool,
}

pub(super) fn remarks(launches: &[LaunchReport], asked: &Asked<'_>) -> Vec<String> {
    [
        unsteady(launches),
        slow_clock(launches, asked),
        few_threads(launches, asked.threads),
        governors(launches, asked.device),
        throttled_by_android(launches),
    ]
    .into_iter()
    .flatten()
    .chain(random_weights(launches))
    .chain(batches(launches, asked.engine))
    .chain(chosen(launches))
    .chain(graphs(launches, asked))
    .chain(hangs_on_values(launches))
    .collect()
}

/// The lowest of the clusters' highest clock rates, in kHz, over the clusters of these processors (if
/// empty, over all clusters).
pub fn highest_khz(clusters: &[Cluster], cpus: &[usize]) -> Option<u64> {
    let used =
        |cluster: &&Cluster| cpus.is_empty() || cluster.cpus.iter().any(|cpu| cpus.contains(cpu));
    clusters.iter().filter(used).filter_map(|cluster| cluster.max_khz).min()
}

/// What Android says of a device that throttles, or is about to.
pub fn android_heat(state: &State) -> Option<String> {
    let Thermal { status, headroom_milli } = state.thermal?;
    let hot = status.is_some_and(|status| status > 0)
        || headroom_milli.is_some_and(|milli| milli > MOST_HEADROOM_MILLI);
    let name = |status: u64| {
        let name = usize::try_from(status).ok().and_then(|at| THERMAL_STATUSES.get(at));
        format!("thermal status {}", name.copied().unwrap_or("unknown"))
    };
    let headroom = |milli: u64| {
        let headroom = milli as f64 / 1000.0;
        format!("a headroom of {headroom:.2} (at 1 it throttles severely)")
    };
    let told = [status.map(name), headroom_milli.map(headroom)];
    hot.then(|| told.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// Changes that are no part of a fingerprint but may still change a number.
pub fn changes(one: &Platform, other: &Platform) -> Vec<String> {
    let build = |of: &Platform| of.android.as_ref().and_then(|android| android.build.clone());
    let limit = |of: &Platform| of.cgroup.cpu_milli.map(|milli| format!("{milli} milli"));
    [
        ("kernel", one.kernel.clone(), other.kernel.clone()),
        ("Android build", build(one), build(other)),
        ("limit of processor time", limit(one), limit(other)),
    ]
    .into_iter()
    .filter(|(_, one, other)| one != other)
    .map(|(what, one, other)| {
        let plain = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        format!("the device's {what} changed: {}, {}", plain(one), plain(other))
    })
    .collect()
}

fn unsteady(launches: &[LaunchReport]) -> Option<String> {
    let unsteady = launches.iter().filter(|launch| !launch.steady).count();
    (unsteady > 0).then(|| {
        format!(
            "the warm-up of {unsteady} of {} launches reached its time limit before it was steady",
            launches.len()
        )
    })
}

/// A clock rate that is low from the first launch to the last is no drift, so no verdict shows it.
fn slow_clock(launches: &[LaunchReport], asked: &Asked<'_>) -> Option<String> {
    let highest = highest_khz(asked.clusters, asked.cpus)?;
    // The user has chosen the rate.
    let chosen = |of: &State| of.governor.as_deref() == Some("userspace") || of.fixed_performance;
    if launches.iter().any(|launch| chosen(&launch.state_before)) {
        return None;
    }
    let after = |launch: &LaunchReport| launch.state_after.frequency_khz.iter().copied().max();
    let mut rates: Vec<u64> = launches.iter().filter_map(after).collect();
    rates.sort_unstable();
    let usual = *rates.get(rates.len() / 2)?;
    ((usual as f64) < FULL_RATE * highest as f64).then(|| {
        format!(
            "the processors ran at {} MHz, the highest is {} MHz: the device is hot, saves power or is \
             capped; see `pearl devices check {}`",
            usual / 1000,
            highest / 1000,
            asked.device
        )
    })
}

fn throttled_by_android(launches: &[LaunchReport]) -> Option<String> {
    let hot: Vec<_> =
        launches.iter().filter_map(|launch| android_heat(&launch.state_after)).collect();
    let last = hot.last()?;
    Some(format!(
        "after {} of {} launches Android called the device hot: {last}; let it cool down, or take off its cover",
        hot.len(),
        launches.len()
    ))
}

fn few_threads(launches: &[LaunchReport], asked: usize) -> Option<String> {
    let busy = launches.iter().map(|launch| launch.threads).max()?;
    (busy < asked).then(|| {
        format!(
            "{asked} threads were asked for and {busy} computed: the network has no work for more"
        )
    })
}

/// Weights that stand for those that the file has no values of.
fn random_weights(launches: &[LaunchReport]) -> Option<String> {
    let count = launches.first()?.graph.random_weights;
    (count > 0).then(|| {
        format!(
            "weights that the file has no values of, and that are random numbers here: {count}; the latency is \
             that of the structure"
        )
    })
}

/// Batches that nobody gave a size, and batches of several images.
fn batches(launches: &[LaunchReport], engine: &str) -> Vec<String> {
    let inputs = launches.first().map_or(&[][..], |launch| &launch.inputs);
    let told = |input: &InputReport| match input.dims[..] {
        _ if input.assumed_batch => Some(format!(
            "the file leaves the first size of input '{0}' open: it is 1 here; --input {1} gives another",
            input.name,
            shape_text(input),
        )),
        [batch, _, _, _] if batch > 1 => Some(format!(
            "input '{}' is a batch of {batch}: with {engine} a 1x1 convolution of a batch may take several \
             times as long for each image as that of a single one",
            input.name
        )),
        _ => None,
    };
    inputs.iter().filter_map(told).collect()
}

/// Whole numbers that nobody gave: how long a network takes may hang on them.
fn chosen(launches: &[LaunchReport]) -> Option<String> {
    let inputs = launches.first().map_or(&[][..], |launch| &launch.inputs);
    let told: Vec<_> = inputs
        .iter()
        .filter(|input| input.chosen)
        .map(|input| format!("'{}' ({}) was fed {}", input.name, input.of_type, input.values))
        .collect();
    let first = inputs.iter().find(|input| input.chosen)?;
    Some(format!(
        "nobody gave values for these inputs: {}; --input-value {}=… gives others",
        told.join(", "),
        first.name
    ))
}

/// What makes a network slow in this engine, or its time a matter of what it is fed.
fn graphs(launches: &[LaunchReport], asked: &Asked<'_>) -> Vec<String> {
    let engine = asked.engine;
    let Some(graph) = launches.first().map(|launch| &launch.graph) else { return Vec::new() };
    let dynamic = (graph.whole_convolutions > 0).then(|| {
        format!(
            "int8 convolutions whose scales are found anew at every inference (ConvInteger): {}; with {engine} \
             they may take more than ten times as long as in float: quantise with fixed scales, or matrix \
             products alone",
            graph.whole_convolutions
        )
    });
    let branches = (graph.branches > 0).then(|| {
        format!(
            "'If' nodes that choose a branch by the values that are fed: {}; the time is that of the branches \
             taken, and {engine} prepares a branch anew at every inference, which may take many times as long as \
             the branch itself: export the branch that you use, or feed real values with --input-value",
            graph.branches
        )
    });
    let halves = graph.weights.first() == Some(&WeightType::F16) && !asked.half_precision;
    let emulated = halves.then(|| {
        format!(
            "the weights are in half precision, and these processors do not compute in it: {engine} emulates it, \
             which may take hundreds of times as long as in single precision; export the file in f32 to measure \
             it here"
        )
    });
    [dynamic, branches, emulated].into_iter().flatten().collect()
}

/// The time of other random inputs, where it is another time.
fn hangs_on_values(launches: &[LaunchReport]) -> Option<String> {
    let tried = launches.iter().find(|launch| !launch.by_seed_ns.is_empty())?;
    let least = *tried.by_seed_ns.iter().min()?;
    let most = *tried.by_seed_ns.iter().max()?;
    (most as f64 > (1.0 + SPREAD_OF_INPUTS) * least.max(1) as f64).then(|| {
        let cause = if tried.graph.branches > 0 {
            "it has branches ('If')"
        } else {
            "some operators do more or less by what they get, and very small numbers slow some processors"
        };
        format!(
            "the time hangs on the values that are fed: {} to {} over {} random inputs ({cause}); this number is \
             that of one of them, so feed real values with --input-value",
            ms(least),
            ms(most),
            tried.by_seed_ns.len()
        )
    })
}

fn governors(launches: &[LaunchReport], device: &str) -> Option<String> {
    let governors: BTreeSet<_> =
        launches.iter().filter_map(|launch| launch.state_before.governor.as_deref()).collect();
    (governors.len() > 1).then(|| {
        let governors = governors.into_iter().collect::<Vec<_>>().join(", ");
        format!(
            "the governor of device '{device}' changed between launches ({governors}); measure again"
        )
    })
}

#[cfg(test)]
mod tests {
    use pearl_agent::protocol::messages::GraphFacts;
    use serde_json::json;

    use super::*;

    fn launch(steady: bool, threads: usize, khz: u64, governor: &str) -> LaunchReport {
        let state = json!({
            "frequency_khz": [khz], "governor": governor, "temperature_mc": [], "load_milli": null,
            "memory_available_bytes": null, "battery": null,
        });
        serde_json::from_value(json!({
            "load_ns": 1, "optimise_ns": 1, "warm_up_ns": [1], "steady": steady, "samples_ns": [1],
            "cpu_ns": 1, "wall_ns": 1, "involuntary_switches": 0,
            "clock": { "resolution_ns": 1, "overhead_ns": 1 },
            "threads": threads,
            "peak_memory_bytes": null, "energy_uj": null,
            "state_before": state, "state_after": state,
        }))
        .unwrap()
    }

    fn clusters() -> [Cluster; 2] {
        [(0, 1_800_000), (4, 2_800_000)].map(|(cpu, khz)| Cluster {
            cpus: vec![cpu],
            capacity: None,
            max_khz: Some(khz),
        })
    }

    #[test]
    fn what_was_not_as_it_should_be_is_said() {
        let good = || launch(true, 2, 2_700_000, "performance");
        for (other, said) in [
            (good(), None),
            (launch(false, 2, 2_700_000, "performance"), Some("warm-up of 2 of 3 launches")),
            (launch(true, 2, 1_200_000, "performance"), Some("1200 MHz, the highest is 2800 MHz")),
            (launch(true, 2, 2_700_000, "powersave"), Some("(performance, powersave)")),
            (launch(true, 2, 1_200_000, "userspace"), Some("(performance, userspace)")),
        ] {
            let launches = [good(), other.clone(), other];
            let clusters = &clusters();
            let asked = Asked {
                device: "phone",
                engine: "tract 1",
                clusters,
                cpus: &[4],
                threads: 2,
                half_precision: false,
            };
            let remarks = remarks(&launches, &asked);
            assert_eq!(remarks.len(), usize::from(said.is_some()), "{remarks:?}");
            assert!(said.is_none_or(|said| remarks[0].contains(said)), "{remarks:?}");
        }
    }

    #[test]
    fn heat_that_android_tells_is_said_and_a_mode_that_lowers_the_clock_is_no_heat() {
        let clusters = &clusters();
        let asked = Asked {
            device: "phone",
            engine: "tract 1",
            clusters,
            cpus: &[4],
            threads: 1,
            half_precision: false,
        };
        for (status, headroom_milli, said) in [
            (Some(0), Some(850), None),
            (
                Some(2),
                None,
                Some("2 of 3 launches Android called the device hot: thermal status moderate;"),
            ),
            (Some(0), Some(913), Some("thermal status none, a headroom of 0.91 (at 1")),
            (Some(u64::MAX), None, Some("thermal status unknown")),
            (None, None, None),
        ] {
            let good = launch(true, 1, 1_200_000, "sched_pixel");
            let mut launches = vec![good.clone(), good.clone(), good];
            for launch in &mut launches {
                launch.state_before.fixed_performance = true;
            }
            for launch in &mut launches[1..] {
                launch.state_after.thermal = Some(Thermal { status, headroom_milli });
            }
            let remarks = remarks(&launches, &asked);
            assert_eq!(remarks.len(), usize::from(said.is_some()), "{remarks:?}");
            assert!(said.is_none_or(|said| remarks[0].contains(said)), "{remarks:?}");
        }
    }

    #[test]
    fn fewer_threads_than_asked_for_are_said_and_unknown_clock_rates_are_not() {
        let asked = Asked {
            device: "local",
            engine: "tract 1",
            clusters: &[],
            cpus: &[],
            threads: 4,
            half_precision: false,
        };
        let remarks = remarks(&[launch(true, 1, 1, "performance")], &asked);
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(remarks[0].starts_with("4 threads were asked for and 1 computed"));
    }

    #[test]
    fn a_batch_that_nobody_gave_and_one_of_several_images_are_said() {
        let asked = Asked {
            device: "local",
            engine: "tract 1",
            clusters: &[],
            cpus: &[],
            threads: 1,
            half_precision: false,
        };
        for (dims, assumed, said) in [
            (vec![1, 3, 8, 8], false, None),
            (vec![1, 3, 8, 8], true, Some("--input x:1x3x8x8 gives another")),
            (vec![2, 3, 8, 8], false, Some("'x' is a batch of 2: with tract 1")),
            (vec![2, 3], false, None),
        ] {
            let mut launch = launch(true, 1, 1, "performance");
            launch.inputs = vec![InputReport {
                name: "x".into(),
                dims,
                of_type: "f32".into(),
                assumed_batch: assumed,
                values: "uniform from -1 to 1".into(),
                chosen: false,
            }];
            let remarks = remarks(&[launch], &asked);
            assert_eq!(remarks.len(), usize::from(said.is_some()), "{remarks:?}");
            assert!(said.is_none_or(|said| remarks[0].contains(said)), "{remarks:?}");
        }
    }

    #[test]
    fn what_a_graph_and_other_inputs_tell_is_said() {
        let asked = Asked {
            device: "local",
            engine: "tract 1",
            clusters: &[],
            cpus: &[],
            threads: 1,
            half_precision: false,
        };
        let facts = |whole_convolutions, branches| GraphFacts {
            weights: vec![WeightType::F32],
            whole_convolutions,
            branches,
            ..GraphFacts::default()
        };
        let half = GraphFacts { weights: vec![WeightType::F16], ..GraphFacts::default() };
        for (graph, by_seed_ns, said) in [
            (facts(0, 0), vec![], &[][..]),
            (facts(0, 0), vec![1_000_000, 1_100_000, 980_000], &[]),
            (facts(0, 0), vec![1_000_000, 1_600_000], &["1.000 ms to 1.600 ms over 2"]),
            (half, vec![], &["emulates it"]),
            (facts(3, 0), vec![], &["at every inference (ConvInteger): 3"]),
            (facts(0, 2), vec![10, 500], &["values that are fed: 2", "it has branches"]),
            (
                GraphFacts { random_weights: 3, ..GraphFacts::default() },
                vec![],
                &["random numbers here: 3"],
            ),
        ] {
            let first = LaunchReport { graph, by_seed_ns, ..launch(true, 1, 1, "performance") };
            let remarks = remarks(&[first, launch(true, 1, 1, "performance")], &asked);
            assert_eq!(remarks.len(), said.len(), "{remarks:?}");
            for (remark, said) in remarks.iter().zip(said) {
                assert!(remark.contains(said), "'{said}' is not in: {remark}");
            }
        }
    }

    #[test]
    fn what_changed_of_the_platform_is_named() {
        let one: Platform = serde_json::from_value(json!({
            "arch": "aarch64", "os": "linux", "kernel": "6.1", "cpu_model": null, "cpus": [0],
            "clusters": [], "memory_bytes": null, "android": null, "half_precision": false,
            "cgroup": { "memory_bytes": null, "cpu_milli": null }, "root": false, "boot_id": null,
            "folder": "/tmp/pearl-0",
        }))
        .unwrap();
        assert_eq!(changes(&one, &one), [""; 0]);
        let mut two = Platform { kernel: Some("6.12".into()), folder: "/x".into(), ..one.clone() };
        two.cgroup.cpu_milli = Some(500);
        assert_eq!(
            changes(&one, &two),
            [
                "the device's kernel changed: 6.1, 6.12",
                "the device's limit of processor time changed: none, 500 milli"
            ]
        );
    }

    #[test]
    fn the_highest_rate_is_that_of_the_slowest_cluster_in_use() {
        for (cpus, khz) in [(&[4][..], 2_800_000), (&[0, 4], 1_800_000), (&[], 1_800_000)] {
            assert_eq!(highest_khz(&clusters(), cpus), Some(khz), "{cpus:?}");
        }
        assert_eq!(highest_khz(&[], &[]), None);
    }
}
