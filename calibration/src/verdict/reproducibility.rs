//! Predicts the latency of another session of the same model on the same device.
//!
//! The interval of one session covers the differences between launches. Differences between days show
//! only between sessions: in the spread of the sessions of one model, pooled over all models of the
//! fingerprint. The spread is taken in logarithms, because a larger model spreads by more nanoseconds and
//! by the same per cent. The interval is Student's prediction interval for one more session.
//!
//! **Invariant:** models are pooled by the spread of their sessions, never by their latencies.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::Nanos;

/// Least degrees of freedom for a useful interval: Student's factor is 2.8 there.
const LEAST_FREEDOM: usize = 4;
const CONFIDENCE: f64 = 0.95;

/// A prediction of the latency of another session.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reproducibility {
    /// Lower end of the interval in which the latency of another session of this model lies, in 95 % of all
    /// cases.
    #[serde(rename = "lo_ns")]
    pub lo: Nanos,
    /// Upper end of that interval.
    #[serde(rename = "hi_ns")]
    pub hi: Nanos,
    /// Half the width of that interval, as a share.
    pub half_width: f64,
    /// Number of sessions of this model.
    pub sessions: usize,
    /// Number of sessions of all models together.
    pub sessions_of_all: usize,
}

/// `own` are the sessions of this model, `others` those of each other model. `None` where there are too
/// few sessions.
pub fn reproducibility(own: &[Nanos], others: &[Vec<Nanos>]) -> Option<Reproducibility> {
    let logs = |sessions: &[Nanos]| -> Vec<f64> {
        sessions.iter().map(|session| (session.0.max(1) as f64).ln()).collect()
    };
    let own = logs(own);
    let all = std::iter::once(own.clone()).chain(others.iter().map(|of| logs(of)));
    let (mut squares, mut freedom, mut sessions_of_all) = (0.0, 0, 0);
    for sessions in all.filter(|sessions| !sessions.is_empty()) {
        let mean = mean(&sessions);
        squares += sessions.iter().map(|session| (session - mean).powi(2)).sum::<f64>();
        freedom += sessions.len() - 1;
        sessions_of_all += sessions.len();
    }
    if own.is_empty() || freedom < LEAST_FREEDOM {
        return None;
    }
    let student = StudentsT::new(0.0, 1.0, freedom as f64).expect("the freedom is above zero");
    let factor = student.inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
    let half = factor * (squares / freedom as f64 * (1.0 + 1.0 / own.len() as f64)).sqrt();
    let at = |log: f64| Nanos::from_f64(log.exp());
    Some(Reproducibility {
        lo: at(mean(&own) - half),
        hi: at(mean(&own) + half),
        half_width: half.exp_m1(),
        sessions: own.len(),
        sessions_of_all,
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::simulation::Stream;

    #[test]
    fn a_later_session_lies_in_the_interval_as_often_as_it_says() {
        let mut stream = Stream::new(8);
        for (own, others) in [(1, 6), (3, 3), (8, 0)] {
            let trials = 4000;
            let mut held = 0;
            for _ in 0..trials {
                let mut sessions = |count: usize, level: f64| -> Vec<Nanos> {
                    let one = |_| Nanos::from_f64(level * (0.02 * stream.normal()).exp());
                    (0..count).map(one).collect()
                };
                let pool = [sessions(others, 2e6), sessions(others, 9e6)];
                let mut mine = sessions(own + 1, 5e6);
                let later = mine.pop().unwrap();
                let found = reproducibility(&mine, &pool).unwrap();
                held += u32::from(found.lo <= later && later <= found.hi);
            }
            let share = f64::from(held) / f64::from(trials);
            assert!((0.93..=0.97).contains(&share), "{own} and {others} sessions: {share}");
        }
    }

    #[test]
    fn too_few_sessions_tell_nothing() {
        let three = vec![Nanos(100), Nanos(101), Nanos(102)];
        assert_eq!(reproducibility(&three, &[]), None);
        assert_eq!(reproducibility(&[], &[three.clone(), three.clone()]), None);
        let found = reproducibility(&three, &[three.clone(), vec![]]).unwrap();
        assert_eq!((found.sessions, found.sessions_of_all), (3, 6));
        assert!(found.lo < Nanos(101) && Nanos(101) < found.hi);
    }
}
