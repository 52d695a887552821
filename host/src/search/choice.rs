//! The choice of the winner.

use crate::search::objective::{Contender, best};
use crate::store::{Candidate, Miss, Status};

/// The index of the most accurate candidate whose latency interval lies within the budget, or
/// within `budget ± window`, but for those that missed it when they were measured again.
pub fn choose(
    candidates: &[Candidate],
    budget_ns: u64,
    window_ns: Option<u64>,
    missed: &[Miss],
) -> Option<usize> {
    let missed = |index: usize| missed.iter().any(|miss| miss.index == index);
    // A repeat of one that missed is the same student.
    let out: Vec<_> =
        candidates.iter().filter(|one| missed(one.index)).map(|one| &one.arch_id).collect();
    let contenders = candidates
        .iter()
        .filter(|candidate| candidate.status == Status::Done && !out.contains(&&candidate.arch_id));
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
