//! The JSON of a measurement that scripts rely on.

use pearl_calibration::{Percentile, Summary, Verdict, percentile};
use serde_json::{Value, json};

use super::Measurement;

/// One element of `results[]`; `p99` is there only with enough samples.
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
    let mut warnings = measurement.judgement.evidence.clone();
    if measurement.launches.iter().any(|launch| !launch.steady) {
        warnings.push("the warm-up of a launch reached its time limit before it was steady".into());
    }
    json!({
        "model": measurement.model,
        "device": {
            "name": measurement.device,
            "fingerprint": measurement.fingerprint.id(),
            "detail": measurement.fingerprint,
        },
        "engine": measurement.fingerprint.engine,
        "latency_ns": latency_ns,
        "n_samples": latency.n,
        "n_launches": measurement.launches.len(),
        "verdict": measurement.judgement.verdict,
        "stable": measurement.judgement.verdict == Verdict::Stable,
        "warnings": warnings,
        "load_ns": median(measurement.launches.iter().map(|launch| launch.load_ns)),
        "optimise_ns": median(measurement.launches.iter().map(|launch| launch.optimise_ns)),
        "peak_memory_bytes":
            measurement.launches.iter().filter_map(|launch| launch.peak_memory_bytes).max(),
    })
}

fn median(values: impl Iterator<Item = u64>) -> Option<u64> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
