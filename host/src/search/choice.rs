//! The choice of the winner.

use crate::search::objective::{Contender, best};
use crate::store::{Candidate, Status};

/// The index of the most accurate candidate whose latency interval lies within the budget, or
/// within `budget ± window`.
pub fn choose(candidates: &[Candidate], budget_ns: u64, window_ns: Option<u64>) -> Option<usize> {
    let contenders = candidates.iter().filter(|candidate| candidate.status == Status::Done);
    let contenders = contenders.filter_map(|candidate| {
        let latency = candidate.latency?;
        Some(Contender {
            index: candidate.index,
            accuracy: candidate.accuracy?,
            latency_ns: latency.median_ns,
            lo_ns: latency.lo_ns,
            hi_ns: latency.hi_ns,
        })
    });
    best(contenders, budget_ns, window_ns).map(|contender| contender.index)
}
