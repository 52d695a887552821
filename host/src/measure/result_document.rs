//! The JSON of measurements that scripts rely on.

use pearl_agent::protocol::messages::{ProfileReport, Thermal};
use pearl_calibration::{
    COMPARISON_CONFIDENCE, Comparison, Compensated, Percentile, Samples, Summary, Verdict,
    outliers, percentile,
};
use serde_json::{Value, json};

use super::Measurement;

/// One element of `results[]`; what is not known is absent, such as `p99` of too few samples.
pub fn result_json(measurement: &Measurement) -> Value {
    let samples = measurement.samples();
    let summary = Summary::of(&samples);
    let latency = measurement.latency;
    let mut latency_ns = json!({
        "median": latency.point,
        "ci95": [latency.lo, latency.hi],
        "min": summary.min,
        "max": summary.max,
        "mean": summary.mean,
        "stddev": summary.stddev,
    });
    for (name, of) in [("p90", Percentile::P90), ("p99", Percentile::P99)] {
        if let Ok(value) = percentile(&samples, of) {
            latency_ns[name] = json!(value);
        }
    }
    let judgement = &measurement.judgement;
    let launches = measurement.launches.len();
    let contended = measurement.contended_count();
    let mut document = json!({
        "model": measurement.model,
        "device": {
            "name": measurement.device,
            "fingerprint": measurement.fingerprint.id(),
            "detail": measurement.fingerprint,
            "platform": measurement.platform,
        },
        "engine": measurement.fingerprint.engine,
        "threads": measurement.fingerprint.threads,
        "precision": measurement.weights_text(),
        "arithmetic": measurement.fingerprint.precision,
        "inputs": measurement.inputs(),
        "latency_ns": latency_ns,
        "n_samples": latency.n,
        "n_launches": launches,
        "n_clean_launches": launches - contended,
        "n_contended_launches": contended,
        "verdict": judgement.verdict,
        "stable": judgement.verdict == Verdict::Stable,
        "contended": contended > 0,
        "warnings": measurement.warnings(),
        "stability_score": measurement.stability_score(),
        "outliers": outliers(&samples),
        "load_ns": median(measurement.launches.iter().map(|launch| launch.load_ns)),
        "optimise_ns": median(measurement.launches.iter().map(|launch| launch.optimise_ns)),
    });
    let peak = measurement.launches.iter().filter_map(|launch| launch.peak_memory_bytes).max();
    let by_seed = measurement.launches.iter().map(|launch| &launch.by_seed_ns);
    let by_seed = by_seed.clone().find(|times| !times.is_empty());
    let known = [
        ("by_seed_ns", by_seed.map(|times| json!(times))),
        ("first_inference_ns", measurement.first_inference_ns().map(Value::from)),
        ("compensated", measurement.compensated.as_ref().map(compensated_json)),
        ("usual_from", measurement.usual_from.map(|from| json!(from))),
        ("peak_memory_bytes", peak.map(Value::from)),
        ("energy_per_inference_uj", measurement.energy_per_inference_uj().map(Value::from)),
        ("cycles_per_inference", measurement.cycles_per_inference().map(Value::from)),
        ("instructions_per_inference", measurement.instructions_per_inference().map(Value::from)),
        ("thermal", measurement.thermal().map(thermal_json)),
        ("sustained", measurement.sustained.as_ref().map(|sustained| json!(sustained))),
    ];
    for (field, value) in known {
        if let Some(value) = value {
            document[field] = value;
        }
    }
    document
}

fn thermal_json(of: Thermal) -> Value {
    json!({ "status": of.status, "headroom": of.headroom_milli.map(|milli| milli as f64 / 1000.0) })
}

/// The compensated latency: the latency with the slowdown of the device removed.
fn compensated_json(found: &Compensated) -> Value {
    let latency = found.latency;
    json!({
        "latency_ns": { "point": latency.point, "lo": latency.lo, "hi": latency.hi },
        "usual_sentinel": found.usual,
        "elasticity": { "network": found.elasticity[0], "memory": found.elasticity[1] },
        "slowdown": found.slowdown,
        "least_slowdown": found.least_slowdown,
        "core_slowdown": found.core_slowdown,
        "network_slowdown": found.network_slowdown,
        "memory_slowdown": found.memory_slowdown,
        "undisturbed_share": found.undisturbed,
    })
}

/// The operators of one model in the order of execution, with their share of the sum of all.
pub fn ops_json(report: &ProfileReport) -> Value {
    let sum: u64 = report.ops.iter().map(|op| op.median_ns).sum();
    let ops: Vec<_> = report
        .ops
        .iter()
        .map(|op| {
            json!({
                "name": op.name,
                "operator": op.operator,
                "inputs": op.inputs,
                "output": op.output,
                "attributes": op.attributes,
                "median_ns": op.median_ns,
                "share": op.median_ns as f64 / sum.max(1) as f64,
            })
        })
        .collect();
    json!({
        "inferences": report.inferences,
        "profiled_ns": report.profiled_ns,
        "plain_ns": report.plain_ns,
        "caveat": OPS_CAVEAT,
        "ops": ops,
    })
}

pub const OPS_CAVEAT: &str = "the operators' times hold within this graph alone: in another graph \
    the engine fuses other operators and other weights stay in the caches; taking the times has a cost \
    of its own, which profiled_ns and plain_ns show";

pub fn comparison_json(comparison: &Comparison) -> Value {
    let ratio = comparison.ratio;
    json!({
        "outcome": comparison.outcome,
        "text": comparison.to_string(),
        "ratio": { "point": ratio.point, "lo": ratio.lo, "hi": ratio.hi, "n": ratio.n },
        "confidence": COMPARISON_CONFIDENCE,
        "above": comparison.above,
    })
}

fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let values: Vec<_> = values.collect();
    Samples::from_ns(&values).ok().map(|values| values.median().0)
}
