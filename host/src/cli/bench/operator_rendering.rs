//! The output of `pearl bench --ops`: the operators of models as a table and as CSV.

use pearl_agent::protocol::messages::{OpProfile, ProfileReport};

use super::columns::{aligned, comma_separated};
use super::results::Results;
use crate::measure::{Measurement, OPS_CAVEAT};
use crate::output::duration::ms;

/// The columns of the CSV format with `--ops`. Scripts rely on them: new ones go to the end.
const CSV_COLUMNS: [&str; 15] = [
    "model",
    "sha256",
    "device",
    "fingerprint",
    "engine",
    "threads",
    "precision",
    "position",
    "node",
    "operator",
    "inputs",
    "output",
    "attributes",
    "median_ns",
    "share",
];

/// One line for each operator of each model, in the order of execution.
///
/// # Errors
/// As [`comma_separated`].
pub fn operators_csv(results: &Results<'_>) -> anyhow::Result<String> {
    let of_one = |(measurement, profile): (&Measurement, Option<&ProfileReport>)| {
        profile.map_or_else(Vec::new, |profile| csv_rows(measurement, profile))
    };
    comma_separated(&CSV_COLUMNS, results.measured().flat_map(of_one))
}

fn csv_rows(measurement: &Measurement, profile: &ProfileReport) -> Vec<[String; 15]> {
    let fingerprint = &measurement.fingerprint;
    let sum = sum_ns(profile);
    let row = |(position, op): (usize, &OpProfile)| {
        [
            measurement.model.path.clone(),
            measurement.model.identity(),
            measurement.device.clone(),
            fingerprint.id(),
            format!("{} {}", fingerprint.engine.name, fingerprint.engine.version),
            fingerprint.threads.to_string(),
            measurement.weights_text(),
            position.to_string(),
            op.name.clone(),
            op.operator.clone(),
            op.inputs.join("; "),
            op.output.clone(),
            op.attributes.clone(),
            op.median_ns.to_string(),
            format!("{:.6}", op.median_ns as f64 / sum as f64),
        ]
    };
    profile.ops.iter().enumerate().map(row).collect()
}

pub fn operators(measurement: &Measurement, profile: &ProfileReport) -> String {
    let sum = sum_ns(profile);
    let row = |op: &OpProfile| {
        [
            op.name.clone(),
            op.operator.clone(),
            op.inputs.join("; "),
            op.output.clone(),
            op.attributes.clone(),
            format!("{:.1} µs", op.median_ns as f64 / 1e3),
            format!("{:.1} %", 100.0 * op.median_ns as f64 / sum as f64),
        ]
    };
    let rows = profile.ops.iter().map(row).collect();
    let header = ["node", "operator", "inputs", "output", "attributes", "median", "share"];
    let cost = 100.0 * (profile.profiled_ns as f64 / profile.plain_ns.max(1) as f64 - 1.0);
    format!(
        "{} on {}, operator by operator\n{}\nprofiled {} an inference, plain {} ({cost:+.1} %): {OPS_CAVEAT}",
        measurement.model.path,
        measurement.device,
        aligned(&header, rows, &[5, 6]),
        ms(profile.profiled_ns),
        ms(profile.plain_ns)
    )
}

/// At least 1, to divide by.
fn sum_ns(profile: &ProfileReport) -> u64 {
    profile.ops.iter().fold(0, |sum: u64, op| sum.saturating_add(op.median_ns)).max(1)
}
