//! Whether a measurement may be believed, and why not.
//!
//! **Invariant:** every verdict but `Stable` comes with evidence: what was seen, the threshold, and
//! what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Stable,
    Drifting,
    Throttled,
    Contended,
    TooShort,
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
    pub verdict: Verdict,
    pub evidence: Vec<String>,
    /// What went wrong on the way and was put right, so that the verdict does not hang on it.
    pub remarks: Vec<String>,
}
