//! The output of `pearl bench` as a table, as CSV and as Markdown.

use pearl_agent::protocol::messages::ProfileReport;
use pearl_calibration::{Estimate, Percentile, Summary, Sustained, percentile};

use super::columns::{aligned, comma_separated};
use super::operator_rendering::operators;
use super::results::Results;
use crate::measure::{Measurement, result_json};
use crate::output::duration::{ms, ms_with_interval};

const COLUMNS: [&str; 12] = [
    "model",
    "device",
    "engine",
    "as timed (95 %)",
    "compensated (95 %)",
    "other sessions",
    "load",
    "first inference",
    "samples",
    "launches",
    "verdict",
    "history",
];
const RIGHT: [usize; 7] = [3, 4, 5, 6, 7, 8, 9];

/// `None` if nothing could be measured.
pub fn table(results: &Results<'_>) -> Option<String> {
    let rows: Vec<_> =
        results.measured().map(|(measurement, _)| row(results, measurement)).collect();
    if rows.is_empty() {
        return None;
    }
    let details = details(results).into_iter().map(|detail| format!("\n\n{detail}"));
    Some(aligned(&COLUMNS, rows, &RIGHT) + &details.collect::<String>())
}

/// Curves of sustained runs and times of operators, if they were requested.
fn details(results: &Results<'_>) -> Vec<String> {
    let of_one = |(measurement, profile): (&Measurement, Option<&ProfileReport>)| {
        let curve = measurement.sustained.as_ref().map(|found| curve(measurement, found));
        let operators = profile.map(|profile| operators(measurement, profile));
        [curve, operators].into_iter().flatten()
    };
    results.measured().flat_map(of_one).collect()
}

pub fn markdown(results: &Results<'_>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&COLUMNS.map(str::to_owned));
    let rule = |at| if RIGHT.contains(&at) { "---:" } else { "---" };
    text += &line(&std::array::from_fn::<_, { COLUMNS.len() }, _>(|at| rule(at).to_owned()));
    for (measurement, _) in results.measured() {
        let cells = row(results, measurement);
        text += &line(&cells.map(|cell| cell.replace('|', "\\|").replace(['\n', '\r'], " ")));
    }
    let remarks = results.remarks();
    if !remarks.is_empty() {
        text.push('\n');
    }
    text.extend(remarks.iter().map(|remark| format!("- {}\n", remark.replace(['\n', '\r'], " "))));
    text.extend(details(results).iter().map(|detail| format!("\n```text\n{detail}\n```\n")));
    text
}

/// The columns of the CSV format, without `--ops`. Scripts rely on them: new ones go before the last two.
const CSV_COLUMNS: [&str; 31] = [
    "model",
    "sha256",
    "device",
    "fingerprint",
    "engine",
    "threads",
    "precision",
    "median_ns",
    "lo_ns",
    "hi_ns",
    "p90_ns",
    "p99_ns",
    "min_ns",
    "max_ns",
    "mean_ns",
    "stddev_ns",
    "samples",
    "launches",
    "contended_launches",
    "stability_score",
    "compensated_ns",
    "compensated_lo_ns",
    "compensated_hi_ns",
    "slowdown",
    "load_ns",
    "optimise_ns",
    "peak_memory_bytes",
    "arithmetic",
    "first_inference_ns",
    "verdict",
    "history",
];

/// # Errors
/// As [`comma_separated`].
pub fn csv(results: &Results<'_>) -> anyhow::Result<String> {
    comma_separated(
        &CSV_COLUMNS,
        results.measured().map(|(measurement, _)| csv_row(results, measurement)),
    )
}

/// An unknown number is an empty field.
fn csv_row(results: &Results<'_>, measurement: &Measurement) -> [String; 31] {
    let samples = measurement.samples();
    let Summary { min, max, mean, stddev, n } = Summary::of(&samples);
    let fingerprint = &measurement.fingerprint;
    let latency = measurement.latency;
    let at = |of| percentile(&samples, of).map(|value| value.0.to_string()).unwrap_or_default();
    let document = result_json(measurement);
    let of_document =
        |field: &str| document[field].as_u64().map(|value| value.to_string()).unwrap_or_default();
    let compensated = measurement.compensated.as_ref().map(|found| {
        let Estimate { point, lo, hi, .. } = found.latency;
        let [point, lo, hi] = [point, lo, hi].map(|value| value.0.to_string());
        [point, lo, hi, format!("{:.4}", found.slowdown)]
    });
    let [compensated, compensated_lo, compensated_hi, slowdown] = compensated.unwrap_or_default();
    [
        measurement.model.path.clone(),
        measurement.model.identity(),
        measurement.device.clone(),
        fingerprint.id(),
        format!("{} {}", fingerprint.engine.name, fingerprint.engine.version),
        fingerprint.threads.to_string(),
        measurement.weights_text(),
        latency.point.0.to_string(),
        latency.lo.0.to_string(),
        latency.hi.0.to_string(),
        at(Percentile::P90),
        at(Percentile::P99),
        min.0.to_string(),
        max.0.to_string(),
        mean.0.to_string(),
        stddev.0.to_string(),
        n.to_string(),
        measurement.launches.len().to_string(),
        measurement.contended_count().to_string(),
        format!("{:.1}", measurement.stability_score()),
        compensated,
        compensated_lo,
        compensated_hi,
        slowdown,
        of_document("load_ns"),
        of_document("optimise_ns"),
        of_document("peak_memory_bytes"),
        fingerprint.precision.clone(),
        of_document("first_inference_ns"),
        measurement.judgement.verdict.to_string(),
        results.number_of(measurement).map(|id| id.to_string()).unwrap_or_default(),
    ]
}

fn row(results: &Results<'_>, measurement: &Measurement) -> [String; 12] {
    let latency = measurement.latency;
    let compensated =
        measurement.compensated.as_ref().map(|found| ms_with_interval(&found.latency));
    let fingerprint = &measurement.fingerprint;
    let mut engine = format!("{} {}", fingerprint.engine.name, fingerprint.engine.version);
    if fingerprint.threads > 1 {
        engine += &format!(", {} threads", fingerprint.threads);
    }
    // The file's own; what the engine computes in is said where it is not the usual.
    let weights = measurement.weights_text();
    if !weights.is_empty() {
        engine += &format!(", {weights}");
    }
    if fingerprint.precision != "f32" {
        engine += &format!(" computed in {}", fingerprint.precision);
    }
    let contended = measurement.contended_count();
    let clean = measurement.launches.len() - contended;
    [
        measurement.model.path.clone(),
        measurement.device.clone(),
        engine,
        ms_with_interval(&latency),
        compensated.unwrap_or_default(),
        results.reproducibility_of(measurement).map_or_else(String::new, |found| {
            format!("±{:.1} % ({})", 100.0 * found.half_width, found.sessions_of_all)
        }),
        measurement.load_ns().map_or_else(String::new, ms),
        measurement.first_inference_ns().map_or_else(String::new, ms),
        latency.n.to_string(),
        if contended > 0 { format!("{clean} + {contended} contended") } else { clean.to_string() },
        measurement.judgement.verdict.to_string(),
        results.number_of(measurement).map_or_else(String::new, |id| format!("#{id}")),
    ]
}

/// The curve as one line of block characters, scaled from the fastest window to the slowest.
fn curve(measurement: &Measurement, sustained: &Sustained) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const WIDTH: usize = 72;
    let medians: Vec<u64> = sustained.curve.iter().map(|point| point.median.0).collect();
    let step = medians.len().div_ceil(WIDTH).max(1);
    let means: Vec<u64> =
        medians.chunks(step).map(|chunk| chunk.iter().sum::<u64>() / chunk.len() as u64).collect();
    let lowest = means.iter().copied().min().unwrap_or(0);
    let highest = means.iter().copied().max().unwrap_or(0);
    // The scale spans at least 5 % of the lowest value, so small differences look small.
    let range = (highest - lowest).max(lowest / 20).max(1);
    let line: String = means
        .iter()
        .map(|mean| BLOCKS[((mean - lowest) * (BLOCKS.len() as u64 - 1) / range) as usize])
        .collect();
    let throttled = match sustained.time_to_throttle {
        Some(at) => format!("it throttled after {:.0} s", at.0 as f64 / 1e9),
        None => "it did not throttle".to_owned(),
    };
    let first = medians.first().copied().unwrap_or(0);
    format!(
        "{} on {}: from {} to {}, {throttled}\n{line}\nfrom {} to {}",
        measurement.model.path,
        measurement.device,
        ms(first),
        ms(sustained.steady.point.0),
        ms(lowest),
        ms(highest)
    )
}
