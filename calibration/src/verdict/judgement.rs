//! Whether a measurement may be believed, and why not.
//!
//! **Invariant:** every verdict but `Stable` comes with evidence: what was seen, the threshold, and
//! what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a measurement may be believed, and if not, the first reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No rule was broken: the latency may be believed.
    Stable,
    /// The later launches have another latency than the earlier ones.
    Drifting,
    /// The device became slower during the measurement.
    Throttled,
    /// Other processes used the processor.
    Contended,
    /// The latency is too short for the clock.
    TooShort,
    /// The interval is wider than the target.
    Unconverged,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Drifting => "drifting",
            Self::Throttled => "throttled",
            Self::Contended => "contended",
            Self::TooShort => "too-short",
            Self::Unconverged => "unconverged",
        })
    }
}

/// A verdict with one line of evidence for each rule that was broken; the verdict is that of the
/// first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict of the first broken rule.
    pub verdict: Verdict,
    /// For each broken rule: what was seen, the threshold, and what to do.
    pub evidence: Vec<String>,
    /// Problems that were corrected, so that the verdict does not depend on them.
    pub remarks: Vec<String>,
}
