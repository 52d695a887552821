//! Measurements in the history, and out of it again.
//!
//! **Invariant:** what comes out is what went in, raw samples included.

use anyhow::Context;

use crate::exit::{Classify, Fault, Kind};
use crate::home;
use crate::measure::Measurement;
use crate::store::{Entry, History, HistoryError, Kept};

/// The history in the user's home.
pub fn open() -> anyhow::Result<History> {
    History::open(&home::folder()?).map_err(|error| {
        let advice = "name a folder of yours by PEARL_HOME, or measure with --no-history";
        Fault::usage(format_args!("the history cannot be opened: {error}; {advice}")).into()
    })
}

/// Keeps a measurement and gives its number.
pub fn keep(history: &mut History, measurement: &Measurement) -> anyhow::Result<i64> {
    let document = serde_json::to_string(measurement).context("own measurement")?;
    let latency = measurement.latency;
    let entry = Entry {
        at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        model: measurement.model.path.clone(),
        sha256: measurement.model.sha256.clone(),
        device: measurement.device.clone(),
        fingerprint: measurement.fingerprint.id(),
        verdict: measurement.judgement.verdict.to_string(),
        median_ns: latency.point.0,
        lo_ns: latency.lo.0,
        hi_ns: latency.hi.0,
    };
    history.keep(&entry, &document).or_fault(Kind::Usage)
}

/// A measurement by its number.
pub fn load(history: &History, id: i64) -> anyhow::Result<(Kept, Measurement)> {
    let (kept, document) = history.get(id).map_err(|error| match error {
        HistoryError::Absent { .. } => Fault::input(error),
        error => Fault::usage(error),
    })?;
    let measurement = serde_json::from_str(&document)
        .map_err(|error| Fault::input(format_args!("measurement #{id} of the history: {error}")))?;
    Ok((kept, measurement))
}

/// The number in `#12`, or in a `12` that is no file.
pub fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_file = text == digits && std::path::Path::new(text).exists();
    (plain && !is_file).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_measurement_is_named_by_its_number() {
        assert_eq!(number("#12"), Some(12));
        assert_eq!(number("12"), Some(12));
        for path in ["a.onnx", "12.onnx", "#", "", "#1x", "-3"] {
            assert_eq!(number(path), None, "{path}");
        }
    }
}
