//! The output of `pearl bench` as a table, as CSV and as Markdown.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};
use pearl_agent::protocol::messages::ProfileReport;
use pearl_calibration::{Estimate, Percentile, Summary, Sustained, percentile};

use super::results::Results;
use crate::measure::{Measurement, OPS_CAVEAT, result_json};
use crate::output::duration::{ms, ms_with_interval};

const COLUMNS: [&str; 10] = [
    "model",
    "device",
    "engine",
    "as timed (95 %)",
    "compensated (95 %)",
    "other sessions",
    "samples",
    "launches",
    "verdict",
    "history",
];
const RIGHT: [usize; 5] = [3, 4, 5, 6, 7];

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
    text += &line(&std::array::from_fn::<_, 10, _>(|at| rule(at).to_owned()));
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

pub fn csv(results: &Results<'_>) -> String {
    let mut text =
        "model,sha256,device,fingerprint,engine,threads,precision,median_ns,lo_ns,hi_ns,\
                    p90_ns,p99_ns,min_ns,max_ns,mean_ns,stddev_ns,samples,launches,\
                    contended_launches,stability_score,compensated_ns,compensated_lo_ns,\
                    compensated_hi_ns,slowdown,\
                    load_ns,optimise_ns,peak_memory_bytes,\
                    verdict,history\n"
            .to_owned();
    for (measurement, _) in results.measured() {
        let samples = measurement.samples();
        let summary = Summary::of(&samples);
        let fingerprint = &measurement.fingerprint;
        let latency = measurement.latency;
        let at = |of| percentile(&samples, of).map(|value| value.0.to_string()).unwrap_or_default();
        let (p90, p99) = (at(Percentile::P90), at(Percentile::P99));
        let names = [
            &measurement.model.path,
            &measurement.model.sha256,
            &measurement.device,
            &fingerprint.id(),
            &format!("{} {}", fingerprint.engine.name, fingerprint.engine.version),
            &fingerprint.threads.to_string(),
            &fingerprint.precision,
        ];
        let names: Vec<_> = names.into_iter().map(|name| quoted(name)).collect();
        let [median, lo, hi] = [latency.point.0, latency.lo.0, latency.hi.0];
        let Summary { min, max, mean, stddev, n } = summary;
        let (launches, contended) = (measurement.launches.len(), measurement.contended_count());
        let score = measurement.stability_score();
        let document = result_json(measurement);
        let [load, optimise, memory] =
            ["load_ns", "optimise_ns", "peak_memory_bytes"].map(|field| {
                document[field].as_u64().map(|value| value.to_string()).unwrap_or_default()
            });
        let compensated = measurement.compensated.as_ref().map(|found| {
            let Estimate { point, lo, hi, .. } = found.latency;
            format!("{},{},{},{:.4}", point.0, lo.0, hi.0, found.slowdown)
        });
        let compensated = compensated.unwrap_or_else(|| ",,,".into());
        let verdict = measurement.judgement.verdict;
        let history = results.number_of(measurement).map(|id| id.to_string()).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{},{median},{lo},{hi},{p90},{p99},{},{},{},{},{n},{launches},{contended},{score:.1},\
             {compensated},{load},{optimise},{memory},{verdict},{history}",
            names.join(","),
            min.0,
            max.0,
            mean.0,
            stddev.0
        );
    }
    text
}

/// Quotes a field as RFC 4180 prescribes.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn row(results: &Results<'_>, measurement: &Measurement) -> [String; 10] {
    let latency = measurement.latency;
    let compensated =
        measurement.compensated.as_ref().map(|found| ms_with_interval(&found.latency));
    let fingerprint = &measurement.fingerprint;
    let mut engine = format!("{} {}", fingerprint.engine.name, fingerprint.engine.version);
    if fingerprint.threads > 1 {
        engine += &format!(", {} threads", fingerprint.threads);
    }
    if fingerprint.precision != "f32" {
        engine += &format!(", {}", fingerprint.precision);
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
        latency.n.to_string(),
        if contended > 0 { format!("{clean} + {contended} contended") } else { clean.to_string() },
        measurement.judgement.verdict.to_string(),
        results.number_of(measurement).map_or_else(String::new, |id| format!("#{id}")),
    ]
}

fn aligned<const N: usize>(header: &[&str], rows: Vec<[String; N]>, right: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
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

fn operators(measurement: &Measurement, profile: &ProfileReport) -> String {
    let sum: u64 = profile.ops.iter().map(|op| op.median_ns).sum();
    let rows = profile
        .ops
        .iter()
        .map(|op| {
            let share = 100.0 * op.median_ns as f64 / sum.max(1) as f64;
            [
                op.name.clone(),
                op.operator.clone(),
                op.output.clone(),
                format!("{:.1} µs", op.median_ns as f64 / 1e3),
                format!("{share:.1} %"),
            ]
        })
        .collect();
    let cost = 100.0 * (profile.profiled_ns as f64 / profile.plain_ns.max(1) as f64 - 1.0);
    format!(
        "{} on {}, operator by operator\n{}\nprofiled {} an inference, plain {} ({cost:+.1} %): {OPS_CAVEAT}",
        measurement.model.path,
        measurement.device,
        aligned(&["node", "operator", "output", "median", "share"], rows, &[3, 4]),
        ms(profile.profiled_ns),
        ms(profile.plain_ns)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_would_break_a_line_are_quoted() {
        for (field, expected) in
            [("a.onnx", "a.onnx"), ("a,b", "\"a,b\""), ("say \"a\"", "\"say \"\"a\"\"\"")]
        {
            assert_eq!(quoted(field), expected);
        }
    }
}
