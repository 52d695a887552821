//! A measurement as history and run databases hold it: a document with a version, of types of its own.
//!
//! A field that the agent's protocol gains or renames changes no document that was written before.
//!
//! **Invariant:** a document of any version that was ever written is read; one that contradicts itself, or
//! is of a newer version, is refused before anything is computed from it.

use pearl_calibration::{Compensated, Estimate, Judgement, Sustained};
use serde::{Deserialize, Serialize};

use super::{Fingerprint, Measurement, UsualFrom};

/// Defines a type of the document with the same fields as a message of the protocol, and the way between
/// both. `plain` fields are copied or converted one by one, those of `lists` and `options` inside theirs.
macro_rules! same_fields {
    ($(#[$of:meta])* $name:ident = $message:ident {
        plain { $($(#[$plain_meta:meta])* $plain:ident: $plain_type:ty,)* }
        lists { $($(#[$list_meta:meta])* $list:ident: $list_type:ty,)* }
        options { $($(#[$option_meta:meta])* $option:ident: $option_type:ty,)* }
    }) => {
        $(#[$of])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub(in crate::measure::document) struct $name {
            $($(#[$plain_meta])* pub(in crate::measure::document) $plain: $plain_type,)*
            $($(#[$list_meta])* pub(in crate::measure::document) $list: Vec<$list_type>,)*
            $($(#[$option_meta])* pub(in crate::measure::document) $option: Option<$option_type>,)*
        }

        impl From<$message> for $name {
            fn from(of: $message) -> Self {
                Self {
                    $($plain: of.$plain.into(),)*
                    $($list: of.$list.into_iter().map(Into::into).collect(),)*
                    $($option: of.$option.map(Into::into),)*
                }
            }
        }

        impl From<$name> for $message {
            fn from(of: $name) -> Self {
                Self {
                    $($plain: of.$plain.into(),)*
                    $($list: of.$list.into_iter().map(Into::into).collect(),)*
                    $($option: of.$option.map(Into::into),)*
                }
            }
        }
    };
}

mod launch_v1;
mod platform_v1;

use launch_v1::{LaunchV1, ModelV1};
use platform_v1::PlatformV1;

/// The version that is written.
///
/// Changelog: 1, the first. Documents that were written before documents had a version have the fields of
/// this one.
const FORMAT: &str = "pearl.measurement/1";

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(
        "format {found} is not {FORMAT}, which this program reads; use the pearl that wrote it"
    )]
    OtherFormat { found: String },
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("it contradicts itself: {0}")]
    Contradiction(&'static str),
}

#[derive(Deserialize)]
struct Head {
    format: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct MeasurementV1 {
    #[serde(default)]
    format: String,
    model: ModelV1,
    device: String,
    fingerprint: Fingerprint,
    platform: Option<PlatformV1>,
    latency: Estimate,
    compensated: Option<Compensated>,
    usual_from: Option<UsualFrom>,
    judgement: Judgement,
    launches: Vec<LaunchV1>,
    contended: Vec<bool>,
    sustained: Option<Sustained>,
}

/// The document of a measurement.
///
/// # Errors
/// Numbers that JSON cannot hold.
pub fn write(measurement: &Measurement) -> Result<String, DocumentError> {
    let of = measurement.clone();
    Ok(serde_json::to_string(&MeasurementV1 {
        format: FORMAT.to_owned(),
        model: of.model.into(),
        device: of.device,
        fingerprint: of.fingerprint,
        platform: of.platform.map(Into::into),
        latency: of.latency,
        compensated: of.compensated,
        usual_from: of.usual_from,
        judgement: of.judgement,
        launches: of.launches.into_iter().map(Into::into).collect(),
        contended: of.contended,
        sustained: of.sustained,
    })?)
}

/// The measurement of a document.
///
/// # Errors
/// As [`DocumentError`] says.
pub fn read(text: &str) -> Result<Measurement, DocumentError> {
    let head: Head = serde_json::from_str(text)?;
    if let Some(found) = head.format.filter(|format| format != FORMAT) {
        return Err(DocumentError::OtherFormat { found });
    }
    let of: MeasurementV1 = serde_json::from_str(text)?;
    check(&of).map_err(DocumentError::Contradiction)?;
    Ok(Measurement {
        model: of.model.into(),
        device: of.device,
        fingerprint: of.fingerprint,
        platform: of.platform.map(Into::into),
        latency: of.latency,
        compensated: of.compensated,
        usual_from: of.usual_from,
        judgement: of.judgement,
        launches: of.launches.into_iter().map(Into::into).collect(),
        contended: of.contended,
        sustained: of.sustained,
    })
}

fn check(of: &MeasurementV1) -> Result<(), &'static str> {
    let Estimate { point, lo, hi, .. } = of.latency;
    if of.launches.is_empty() || of.launches.iter().any(|launch| launch.samples_ns.is_empty()) {
        return Err("a launch without samples");
    }
    if of.launches.len() != of.contended.len() {
        return Err("other launches than labels of them");
    }
    if lo > point || point > hi {
        return Err("a latency outside of its interval");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A document as it was before documents had a version, and one as it is today.
    const GOLDEN: [&str; 2] = [
        include_str!("document/golden/measurement-0.json"),
        include_str!("document/golden/measurement-1.json"),
    ];

    #[test]
    fn every_document_that_was_ever_written_is_read() {
        for text in GOLDEN {
            let measurement = read(text).unwrap();
            assert_eq!(measurement.launches.len(), 6);
            assert!(!measurement.views().unwrap().is_empty());
            assert_eq!(measurement.fingerprint.engine.version, "0.23.9");
            assert_eq!(measurement.model.path, "model.onnx");
            // What is written again is the same, with today's version.
            let (before, again): (Value, Value) = (
                serde_json::from_str(text).unwrap(),
                serde_json::from_str(&write(&measurement).unwrap()).unwrap(),
            );
            assert_eq!(again["format"], FORMAT);
            for (field, value) in before.as_object().unwrap() {
                if value.is_object() && field != "compensated" {
                    let parts = value.as_object().unwrap();
                    let same =
                        parts.iter().all(|(part, value)| again[field].get(part) == Some(value));
                    assert!(same, "{field}: {value} {}", again[field]);
                }
            }
            let samples = |of: &Value| of["launches"][0]["samples_ns"].clone();
            assert_eq!(samples(&again), samples(&before));
        }
        let today: Value = serde_json::from_str(GOLDEN[1]).unwrap();
        let again = write(&read(GOLDEN[1]).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), today);
    }

    #[test]
    fn the_names_of_fingerprints_that_are_kept_do_not_change() {
        let ids = GOLDEN.map(|text| read(text).unwrap().fingerprint.id());
        assert_eq!(ids, ["71a6186fb611f754", "71a6186fb611f754"]);
    }

    #[test]
    fn a_newer_or_a_damaged_document_is_refused_with_the_reason() {
        let whole: Value = serde_json::from_str(GOLDEN[1]).unwrap();
        for (pointer, value, said) in [
            ("/format", json!("pearl.measurement/2"), "pearl.measurement/2"),
            ("/launches", json!([]), "without samples"),
            ("/launches/0/samples_ns", json!([]), "without samples"),
            ("/contended", json!([true]), "labels"),
            ("/latency/lo", json!(u64::MAX), "interval"),
            ("/launches/0/load_ns", json!(-1), "invalid value"),
            ("/judgement/verdict", json!("splendid"), "unknown variant"),
        ] {
            let mut damaged = whole.clone();
            *damaged.pointer_mut(pointer).unwrap() = value;
            let error = read(&damaged.to_string()).unwrap_err().to_string();
            assert!(error.contains(said), "{pointer}: {error}");
        }
        assert!(read("nothing").is_err());
        assert!(read(&GOLDEN[1][..GOLDEN[1].len() / 2]).is_err());
    }
}
