//! Measuring latency: launches until the interval of the median is narrow, then a verdict.
//!
//! The agent does one launch at a time; this side pools them, decides when there are enough and
//! judges. Several models on one device are interleaved in random order.
//!
//! **Invariant:** samples are kept raw and in time order; a number never goes without its engine,
//! its fingerprint and its verdict.

mod document;
mod fingerprint;
mod measurement;
mod model;
mod session;
mod settings;

pub use document::result_json;
pub use fingerprint::Fingerprint;
pub use measurement::Measurement;
pub use model::model_file;
pub use session::Session;
pub use settings::Settings;
