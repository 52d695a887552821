//! The stopping rule: what a measurement does next.
//!
//! **Invariant:** every measurement ends, whatever its launches show. It takes at most `max_launches`
//! clean launches and, beyond the first few, at most one contended launch more than clean ones.

use crate::verdict::contention::{clean, last_is_lost};
use crate::verdict::pooled_latency::{LEAST_LAUNCHES, half_width};
use crate::{LaunchView, Sentinel, Thresholds, converged};

/// How narrow the interval has to be, and how many launches that may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoppingRule {
    /// Launches before the interval is first checked; fewer than [`LEAST_LAUNCHES`] mean [`LEAST_LAUNCHES`].
    pub min_launches: usize,
    /// Most launches that were not contended.
    pub max_launches: usize,
    /// Stop where each half of the latency's interval is at most this share of it: of the compensated latency
    /// where there is one, at a confidence of 96.8 %.
    pub target: f64,
}

/// What a measurement does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// One more launch.
    Launch,
    /// The last launch was contended and does not count: wait until the device is quiet, then launch.
    Rest,
    /// End: the interval is narrow enough, or more launches are not worth it.
    Done,
}

impl StoppingRule {
    /// `usual` is the sentinel's usual speed, where that is known.
    pub fn next(
        &self,
        launches: &[LaunchView],
        usual: Option<Sentinel>,
        thresholds: &Thresholds,
    ) -> Next {
        let clean = clean(launches, thresholds);
        let shared = launches.len() - clean.len();
        let hopeless = shared >= LEAST_LAUNCHES.min(self.max_launches) && shared > clean.len();
        if hopeless
            || clean.len() >= self.max_launches
            || converged(&clean, usual, self.min_launches, self.target)
        {
            Next::Done
        } else if last_is_lost(launches, thresholds) {
            Next::Rest
        } else {
            Next::Launch
        }
    }

    /// The expected number of launches in all: the interval narrows with the square root of their number.
    pub fn expected(&self, launches: &[LaunchView], usual: Option<Sentinel>) -> usize {
        let least = self.min_launches.max(LEAST_LAUNCHES).min(self.max_launches);
        let most = self.max_launches.max(launches.len());
        let Some(width) = half_width(launches, usual) else {
            return least.max(launches.len());
        };
        let needed = launches.len() as f64 * (width / self.target).powi(2);
        (needed.ceil() as usize).clamp(least.max(launches.len()).min(most), most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;
    use crate::verdict::judge;
    use crate::verdict::simulation::{Busy, Stream};

    const RULE: StoppingRule = StoppingRule { min_launches: 6, max_launches: 30, target: 0.01 };

    /// A session on a core that another process keeps busy for a while; a launch takes half a second.
    fn session(stream: &mut Stream, busy: Busy) -> Vec<LaunchView> {
        let mut launches = Vec::new();
        let mut now = 0.0;
        loop {
            match RULE.next(&launches, None, &Thresholds::default()) {
                Next::Done => return launches,
                // As the host does: two seconds, or until it is quiet.
                Next::Rest => now += busy.left(now).min(2.0),
                Next::Launch => {}
            }
            let between = 1.0 + 0.008 * stream.normal();
            launches.push(busy.launch(stream, now + 0.2, 5e6 * between));
            now += 0.5;
            assert!(launches.len() <= 60, "a session without end");
        }
    }

    #[test]
    fn contention_is_told_where_there_is_some_and_nowhere_else() {
        let sessions = 1000;
        let mut stream = Stream::new(9);
        let (mut told, mut false_alarms, mut believed, mut right) = (0, 0, 0, 0);
        for _ in 0..sessions {
            let quiet = session(&mut stream, Busy::never());
            let judgement = judge(&quiet, None, &Thresholds::default()).unwrap();
            false_alarms += usize::from(!judgement.remarks.is_empty());
            false_alarms += usize::from(judgement.verdict != Verdict::Stable);

            // The other process begins during the session and runs for up to ten seconds.
            let busy = Busy { from: 3.0 * stream.uniform(), length: 0.5 + 9.5 * stream.uniform() };
            let shared = session(&mut stream, busy);
            let judgement = judge(&shared, None, &Thresholds::default()).unwrap();
            told += usize::from(
                judgement.verdict == Verdict::Contended || !judgement.remarks.is_empty(),
            );
            if judgement.verdict == Verdict::Stable {
                believed += 1;
                let counted = crate::counted(&shared, &Thresholds::default());
                let point = crate::verdict::measurement(&counted, 0.95).unwrap().point.0 as f64;
                right += usize::from((point / 5e6 - 1.0).abs() < 0.02);
            }
        }
        let share = |count: usize| count as f64 / f64::from(sessions);
        assert!(share(told) >= 0.99, "told in {}", share(told));
        assert!(share(false_alarms) <= 0.01, "false alarms in {}", share(false_alarms));
        assert!(share(believed) > 0.5, "believed {}", share(believed));
        assert!(right >= believed * 99 / 100, "{right} of {believed} are right");
    }

    #[test]
    fn what_is_left_is_told_from_the_width_so_far() {
        let mut stream = Stream::new(1);
        let mut launches = |count, spread: f64| -> Vec<LaunchView> {
            let mut launch = || 5e6 * (1.0 + spread * stream.normal());
            let levels: Vec<f64> = (0..count).map(|_| launch()).collect();
            levels.into_iter().map(|level| Busy::never().launch(&mut stream, 0.0, level)).collect()
        };
        assert_eq!(RULE.expected(&[], None), 6);
        assert_eq!(RULE.expected(&launches(6, 0.001), None), 6);
        assert!((13..=30).contains(&RULE.expected(&launches(12, 0.02), None)));
        assert_eq!(RULE.expected(&launches(8, 0.5), None), 30);
    }

    #[test]
    fn a_device_that_never_gets_quiet_is_given_up_on() {
        let always = Busy { from: -1.0, length: 1e9 };
        let launches = session(&mut Stream::new(2), always);
        assert_eq!(launches.len(), LEAST_LAUNCHES);
        let judgement = judge(&launches, None, &Thresholds::default()).unwrap();
        assert_eq!(judgement.verdict, Verdict::Contended);
    }
}
