//! Measurements in the history, and out of it again.
//!
//! **Invariant:** what comes out is what went in, raw samples included.

use anyhow::Context;
use pearl_calibration::{Reproducibility, Verdict, reproducibility, usual_speed};

use crate::exit::{Classify, Fault, Kind};
use crate::home;
use crate::measure::{Characterised, Measurement, UsualSpeeds};
use crate::store::{Entry, History, HistoryError, Kept};

/// The history in the user's home.
pub fn open() -> anyhow::Result<History> {
    History::open(&home::folder()?).map_err(|error| {
        let advice = "name a folder of yours by PEARL_HOME, or measure with --no-history";
        Fault::usage(format_args!("the history cannot be opened: {error}; {advice}")).into()
    })
}

/// What is known of devices' usual speed.
pub fn usual_speeds(history: &History) -> anyhow::Result<UsualSpeeds> {
    let speeds = history.speeds().or_fault(Kind::Usage)?;
    let usual = speeds.into_iter().filter_map(|(of, speeds)| Some((of, usual_speed(speeds)?)));
    Ok(usual.collect())
}

/// Keeps what was found out of a device's usual speed.
pub fn keep_characterised(history: &mut History, found: &Characterised) -> anyhow::Result<()> {
    let fingerprint = found.fingerprint.id();
    history.keep_speed(&now(), &fingerprint, found.usual).or_fault(Kind::Usage)
}

/// Where another session of the same model and fingerprint is to be expected, from those that were
/// believed.
pub fn reproducibility_of(
    history: &History,
    measurement: &Measurement,
) -> anyhow::Result<Option<Reproducibility>> {
    if measurement.compensated.is_none() {
        return Ok(None);
    }
    let fingerprint = measurement.fingerprint.id();
    let mut sessions = history.sessions(&fingerprint).or_fault(Kind::Usage)?;
    let own = sessions.remove(&measurement.model.sha256).unwrap_or_default();
    let others: Vec<_> = sessions.into_values().collect();
    Ok(reproducibility(&own, &others))
}

/// A device that was hot, or disturbed all the time, was not at its usual speed.
fn tells_usual_speed(measurement: &Measurement) -> bool {
    let disturbed = [Verdict::Contended, Verdict::Throttled, Verdict::Drifting];
    measurement.sustained.is_none() && !disturbed.contains(&measurement.judgement.verdict)
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Keeps a measurement and gives its number.
pub fn keep(history: &mut History, measurement: &Measurement) -> anyhow::Result<i64> {
    let document = serde_json::to_string(measurement).context("own measurement")?;
    let latency = measurement.latency;
    let entry = Entry {
        at: now(),
        model: measurement.model.path.clone(),
        sha256: measurement.model.sha256.clone(),
        device: measurement.device.clone(),
        fingerprint: measurement.fingerprint.id(),
        verdict: measurement.judgement.verdict.to_string(),
        median_ns: latency.point.0,
        lo_ns: latency.lo.0,
        hi_ns: latency.hi.0,
        compensated_ns: measurement.compensated.as_ref().map(|found| found.latency.point.0),
    };
    if let Some(speed) = measurement.calm_speed().filter(|_| tells_usual_speed(measurement)) {
        history.keep_speed(&entry.at, &entry.fingerprint, speed).or_fault(Kind::Usage)?;
    }
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
