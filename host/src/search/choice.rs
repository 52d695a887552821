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

/// The same where the choice is not trained and measured again: the numbers of another segment than this one
/// hold under its conditions alone.
pub fn choose_untrained(
    candidates: &[Candidate],
    segment: usize,
    budget_ns: u64,
    window_ns: Option<u64>,
) -> Option<usize> {
    let own = candidates.iter().filter(|candidate| candidate.segment == segment);
    choose(&own.cloned().collect::<Vec<_>>(), budget_ns, window_ns, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{CandidateTime, Latency};

    fn done(index: usize, segment: usize, accuracy: f64, latency_ns: u64) -> Candidate {
        Candidate {
            index,
            arch_id: format!("{index:016x}"),
            choices: Vec::new(),
            repeats: None,
            log_prob: 0.0,
            params: 1,
            macs: 1,
            status: Status::Done,
            reason: None,
            accuracy: Some(accuracy),
            latency: Some(Latency { median_ns: latency_ns, lo_ns: latency_ns, hi_ns: latency_ns }),
            reward: Some(accuracy),
            time: CandidateTime::default(),
            segment,
        }
    }

    #[test]
    fn a_candidate_of_another_segment_is_chosen_only_to_be_measured_again() {
        let all =
            [done(0, 0, 0.9, 10), done(1, 1, 0.7, 10), done(2, 1, 0.8, 10), done(3, 1, 0.9, 30)];
        assert_eq!(choose(&all, 20, None, &[]), Some(0));
        assert_eq!(choose_untrained(&all, 1, 20, None), Some(2));
        assert_eq!(choose_untrained(&all, 0, 20, None), Some(0));
        assert_eq!(choose_untrained(&all, 2, 20, None), None);
    }
}
