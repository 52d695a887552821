//! Measuring latency: launches until the interval of the median is narrow, then a verdict.
//!
//! The agent does one launch at a time. The host pools the launches, decides when there are enough, and
//! judges them. Several models on one device are interleaved in random order; several devices measure
//! at the same time.
//!
//! **Invariant:** samples are kept raw and in time order; a number never goes without its engine,
//! its fingerprint and its verdict; nothing is measured on a device that is not leased.

mod cooldown;
pub mod document;
mod fingerprint;
mod fleet;
mod launching;
mod ledger;
mod measurement;
mod measuring_session;
mod model;
mod neighbours;
mod onnxruntime;
mod ops;
mod pairing;
pub mod past_sessions;
mod queue;
mod remarks;
mod result_document;
mod settings;
mod step;
mod sustained_run;
mod verification;

pub use fingerprint::{Fingerprint, name as precision_name};
pub use fleet::{FleetEvent, Ops, Order, Sharing, What, measure_fleet};
pub use ledger::Ledger;
pub use measurement::{Measurement, UsualFrom, inputs_text};
pub use measuring_session::Session;
pub use model::{AbsentWeights, hashed_file, model_file, model_file_with};
pub use neighbours::{Characterised, PROBE, disturbance};
pub use onnxruntime::{OnceDone, OnceRequest, run_once};
pub use pairing::{InPairs, Paired};
pub use remarks::{FULL_RATE, android_heat, changes, highest_khz};
pub use result_document::{OPS_CAVEAT, comparison_json, ops_json, result_json};
pub use settings::{Settings, UsualSpeeds};
pub use step::{Observer, Step};
pub use verification::{COMMAND as ONCE_COMMAND, Verified, library as onnxruntime_library};
