//! Writing measurements to the history, and reading them back.
//!
//! **Invariant:** a measurement is read back as it was written, raw samples included.

use anyhow::Context;
use pearl_calibration::{Reproducibility, Verdict, reproducibility, usual_speed};

use crate::measure::{Characterised, Measurement, UsualSpeeds, document, inputs_text};
use crate::output::error_class::{Classified, Classify, ErrorClass};
use crate::store::home;
use crate::store::{Entry, History, HistoryError, Kept};

/// The history in the user's home.
pub fn open() -> anyhow::Result<History> {
    History::open(&home::folder()?).map_err(|error| {
        let advice = "name a folder of your own in PEARL_HOME, or measure with --no-history";
        let message = format!("the history cannot be opened: {error}; {advice}");
        Classified::usage(message).because(error).into()
    })
}

/// The usual speeds of devices, as far as they are known.
pub fn usual_speeds(history: &History) -> anyhow::Result<UsualSpeeds> {
    let speeds = history.speeds().or_class(ErrorClass::Usage)?;
    let usual = speeds.into_iter().filter_map(|(of, speeds)| Some((of, usual_speed(speeds)?)));
    Ok(usual.collect())
}

/// Keeps the usual speed that was found for a device.
pub fn keep_characterised(history: &mut History, found: &Characterised) -> anyhow::Result<()> {
    let fingerprint = found.fingerprint.id();
    history.keep_speed(&now(), &fingerprint, found.usual).or_class(ErrorClass::Usage)
}

/// How far another session of the same model and fingerprint is expected to differ, by the
/// sessions in the history.
pub fn reproducibility_of(
    history: &History,
    measurement: &Measurement,
) -> anyhow::Result<Option<Reproducibility>> {
    if measurement.compensated.is_none() {
        return Ok(None);
    }
    let fingerprint = measurement.fingerprint.id();
    let mut sessions = history.sessions(&fingerprint).or_class(ErrorClass::Usage)?;
    let own = sessions
        .remove(&(measurement.model.identity(), inputs_text(measurement.inputs())))
        .unwrap_or_default();
    let others: Vec<_> = sessions.into_values().collect();
    Ok(reproducibility(&own, &others))
}

/// Whether the device ran at its usual speed: not if it was hot, or disturbed all the time.
fn tells_usual_speed(measurement: &Measurement) -> bool {
    let disturbed = [Verdict::Contended, Verdict::Throttled, Verdict::Drifting];
    measurement.sustained.is_none() && !disturbed.contains(&measurement.judgement.verdict)
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Keeps a measurement and returns its number.
pub fn keep(history: &mut History, measurement: &Measurement) -> anyhow::Result<i64> {
    let document = document::write(measurement).context("own measurement")?;
    let latency = measurement.latency;
    let entry = Entry {
        at: now(),
        model: measurement.model.path.clone(),
        sha256: measurement.model.identity(),
        device: measurement.device.clone(),
        fingerprint: measurement.fingerprint.id(),
        verdict: measurement.judgement.verdict.to_string(),
        median_ns: latency.point.0,
        lo_ns: latency.lo.0,
        hi_ns: latency.hi.0,
        inputs: inputs_text(measurement.inputs()),
        compensated_ns: measurement.compensated.as_ref().map(|found| found.latency.point.0),
    };
    if let Some(speed) = measurement.undisturbed_speed().filter(|_| tells_usual_speed(measurement))
    {
        history.keep_speed(&entry.at, &entry.fingerprint, speed).or_class(ErrorClass::Usage)?;
    }
    history.keep(&entry, &document).or_class(ErrorClass::Usage)
}

/// A measurement that is not there, or damaged, is bad input. Where the database failed, that counts more.
pub fn classified(error: HistoryError) -> Classified {
    let class = match error {
        HistoryError::Absent { .. } | HistoryError::Damaged { .. } => ErrorClass::Input,
        _ => ErrorClass::Usage,
    };
    Classified::new(class, &error).because(error)
}

/// A measurement by its number.
pub fn load(history: &History, id: i64) -> anyhow::Result<(Kept, Measurement)> {
    let (kept, document) = history.get(id).map_err(classified)?;
    let measurement = document::read(&document).map_err(|error| {
        Classified::input(format_args!("measurement #{id} of the history is damaged: {error}"))
    })?;
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
