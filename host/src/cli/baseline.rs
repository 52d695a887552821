//! `pearl compare --baseline`: results of now against a document of another day or machine.
//!
//! **Invariant:** results of different fingerprints are compared only where that is asked for, and then as they
//! were timed.

use std::path::Path;

use fs_err as fs;
use pearl_calibration::{Comparison, Estimate, Nanos, Outcome, compare_intervals};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::measure::{Measurement, comparison_json, result_json};
use crate::output::error_class::{Classified, Classify, ErrorClass};
use crate::output::terminal::{print_json, print_line};

const FORMAT: &str = "pearl.bench/1";
/// More is no document of results.
const MOST_BYTES: u64 = 1 << 28;

#[derive(Deserialize)]
struct Document {
    format: String,
    results: Vec<Side>,
}

/// What a comparison needs of a result.
#[derive(Deserialize)]
struct Side {
    model: Model,
    device: Device,
    latency_ns: Latency,
    compensated: Option<Compensated>,
    n_launches: usize,
    verdict: String,
}

#[derive(Deserialize)]
struct Model {
    path: String,
}

#[derive(Deserialize)]
struct Device {
    name: String,
    fingerprint: String,
}

#[derive(Deserialize)]
struct Latency {
    median: u64,
    ci95: [u64; 2],
}

#[derive(Deserialize)]
struct Compensated {
    latency_ns: Interval,
}

#[derive(Deserialize)]
struct Interval {
    point: u64,
    lo: u64,
    hi: u64,
}

/// A result and the one of the baseline that belongs to it.
struct Compared<'a> {
    before: &'a Side,
    now: &'a Side,
    comparison: Comparison,
    compensated: bool,
}

/// What is asked of the comparison.
pub struct Asked<'a> {
    /// The document that is compared with.
    pub baseline: &'a Path,
    pub threshold: f64,
    pub slower_than: Option<f64>,
    /// Whether other fingerprints may be compared.
    pub across: bool,
    pub accept_unstable: bool,
    pub json: bool,
}

/// What is compared with the baseline.
pub enum Now<'a> {
    Results(&'a Path),
    Measured(Box<Measurement>),
}

pub fn run(asked: &Asked<'_>, now: &Now<'_>) -> anyhow::Result<()> {
    let baseline = read(asked.baseline)?;
    let now = match now {
        Now::Results(file) => read(file)?,
        Now::Measured(measurement) => {
            vec![serde_json::from_value(result_json(measurement)).or_class(ErrorClass::Bug)?]
        }
    };
    let all: Vec<Compared<'_>> =
        now.iter().map(|now| compared(asked, &baseline, now)).collect::<anyhow::Result<_>>()?;
    if asked.json {
        print_json(&document(&all, asked))?;
    } else {
        all.iter().try_for_each(|one| print_line(&line(one)))?;
    }
    conclude(asked, &all)
}

fn read(file: &Path) -> anyhow::Result<Vec<Side>> {
    let unreadable = |error| Classified::unreadable(ErrorClass::Input, file, &error);
    let bytes = fs::metadata(file).map_err(unreadable)?.len();
    let refuse = |reason: String| Classified::input(format_args!("{}: {reason}", file.display()));
    if bytes > MOST_BYTES {
        return Err(refuse(format!("{} MiB are no document of results", bytes >> 20)).into());
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let document: Document = serde_json::from_str(&text)
        .map_err(|error| refuse(format!("no document of `pearl bench --json`: {error}")))?;
    if document.format != FORMAT {
        let found = document.format;
        return Err(
            refuse(format!("it is of format {found:?}, and this program reads {FORMAT}")).into()
        );
    }
    Ok(document.results)
}

/// The result of the baseline for a model is the one of the same file name, on the same device.
fn compared<'a>(
    asked: &Asked<'_>,
    baseline: &'a [Side],
    now: &'a Side,
) -> anyhow::Result<Compared<'a>> {
    let same_name = |side: &&Side| name(&side.model.path) == name(&now.model.path);
    let named: Vec<&Side> = baseline.iter().filter(same_name).collect();
    let alike = named.iter().find(|side| side.device.fingerprint == now.device.fingerprint);
    let across = || {
        let of_device = named.iter().find(|side| side.device.name == now.device.name);
        of_device.or_else(|| named.first()).filter(|_| asked.across)
    };
    let model = &now.model.path;
    let Some(before) = alike.or_else(across) else {
        let names: Vec<_> = baseline.iter().map(|side| name(&side.model.path)).collect();
        let why = if named.is_empty() {
            format!("has no result of '{}'; it has {}", name(model), names.join(", "))
        } else {
            format!(
                "has results of '{}' for other fingerprints only, not for {} of device '{}'; compare them \
                 anyway with --across",
                name(model),
                now.device.fingerprint,
                now.device.name
            )
        };
        return Err(
            Classified::usage(format_args!("{}: it {why}", asked.baseline.display())).into()
        );
    };
    // A usual speed is that of one fingerprint.
    let both = before.compensated.as_ref().zip(now.compensated.as_ref());
    let both = both.filter(|_| alike.is_some());
    let (first, second) = match both {
        Some((first, second)) => (first.of(before.n_launches), second.of(now.n_launches)),
        None => (before.as_timed(), now.as_timed()),
    };
    let comparison = compare_intervals(first, second, asked.threshold);
    Ok(Compared { before, now, comparison, compensated: both.is_some() })
}

impl Side {
    fn as_timed(&self) -> Estimate {
        let Latency { median, ci95: [lo, hi] } = self.latency_ns;
        estimate(median, lo, hi, self.n_launches)
    }
}

impl Compensated {
    fn of(&self, n: usize) -> Estimate {
        let Interval { point, lo, hi } = self.latency_ns;
        estimate(point, lo, hi, n)
    }
}

fn estimate(point: u64, lo: u64, hi: u64, n: usize) -> Estimate {
    Estimate { point: Nanos(point), lo: Nanos(lo), hi: Nanos(hi), n }
}

fn name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}

impl Compared<'_> {
    /// Whether it is shown to be slower, and by more than this share as far as one can tell.
    fn is_slower(&self, than: f64) -> bool {
        self.comparison.outcome == Outcome::Slower && self.comparison.ratio.point - 1.0 > than
    }

    fn doubts(&self) -> Vec<String> {
        [("the baseline's", self.before), ("this", self.now)]
            .into_iter()
            .filter(|(_, side)| side.verdict != "stable")
            .map(|(which, side)| {
                format!("{which} result of {} is {}", name(&self.now.model.path), side.verdict)
            })
            .collect()
    }
}

fn line(one: &Compared<'_>) -> String {
    let ratio = one.comparison.ratio;
    let what = if one.compensated { "compensated" } else { "as timed" };
    format!(
        "{} on {}: {} ({what}, now/baseline = {:.4}, 99 %: {:.4} – {:.4})",
        name(&one.now.model.path),
        one.now.device.name,
        one.comparison,
        ratio.point,
        ratio.lo,
        ratio.hi
    )
}

fn document(all: &[Compared<'_>], asked: &Asked<'_>) -> Value {
    let comparisons: Vec<_> = all
        .iter()
        .map(|one| {
            json!({
                "model": one.now.model.path,
                "device": one.now.device.name,
                "fingerprints": [one.before.device.fingerprint, one.now.device.fingerprint],
                "of": if one.compensated { "compensated" } else { "as_timed" },
                "comparison": comparison_json(&one.comparison),
                "slower_than_allowed": asked.slower_than.map(|than| one.is_slower(than)),
                "warnings": one.doubts(),
            })
        })
        .collect();
    json!({
        "format": "pearl.compare-baseline/1",
        "baseline": asked.baseline,
        "threshold": asked.threshold,
        "slower_than": asked.slower_than,
        "comparisons": comparisons,
    })
}

/// A model that is too slow counts before a number that is not to be believed.
fn conclude(asked: &Asked<'_>, all: &[Compared<'_>]) -> anyhow::Result<()> {
    if let Some(than) = asked.slower_than {
        let slower: Vec<_> = all.iter().filter(|one| one.is_slower(than)).map(line).collect();
        if !slower.is_empty() {
            let message =
                format!("slower by more than {:.2} %: {}", 100.0 * than, slower.join("; "));
            return Err(Classified::new(ErrorClass::Slower, message).into());
        }
    }
    let doubts: Vec<_> = all.iter().flat_map(Compared::doubts).collect();
    if doubts.is_empty() || asked.accept_unstable {
        return Ok(());
    }
    let message = format!(
        "not to be believed: {}; measure again, or accept it with --accept-unstable",
        doubts.join("; ")
    );
    Err(Classified::new(ErrorClass::Unstable, message).into())
}
