//! The thresholds of the rules in [`crate::verdict::judge`].
//!
//! **Invariant:** every threshold has a default with its reason.

/// Shares are of 1, so 0.05 is 5 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Least median in steps of the clock (its resolution and the cost of reading it). At 100 the
    /// clock alone accounts for 1 % of a sample, the target of the interval.
    pub least_clock_steps: u64,
    /// Least share of the wall-clock time that the thread of a launch was running. A thread alone on
    /// its core gets 0.97 and more; one other busy thread on the same core takes half.
    pub least_cpu_share: f64,
    /// Most that the reference workload (sentinel) may slow down from the first third of the launches to
    /// the last. The speed of an idle virtual machine was seen to vary by 5 % either way, and heat to
    /// halve a phone's speed (MegaDetector, issue 34).
    pub most_sentinel_slowdown: f64,
    /// Most that clock rates may drop from the first launch to the last, for the same reason.
    pub most_frequency_drop: f64,
    /// Most that the median of the later half of the launches may differ from that of the earlier half:
    /// more than such variation makes them differ.
    pub most_drift: f64,
    /// The halves are apart where more than this share of the pairs of an earlier and a later launch agree
    /// on which one is slower. In equal halves 0.5 agree. By chance all pairs agree in one of ten
    /// measurements of six launches, which is why the halves must also differ by more than `most_drift`.
    pub least_separation: f64,
    /// Largest half width of the interval, as a share of the median.
    pub target: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            least_clock_steps: 100,
            least_cpu_share: 0.95,
            most_sentinel_slowdown: 0.10,
            most_frequency_drop: 0.10,
            most_drift: 0.08,
            least_separation: 0.9,
            target: 0.01,
        }
    }
}
