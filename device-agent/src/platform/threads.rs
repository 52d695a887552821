//! Counts the threads of this process that compute.
//!
//! **Invariant:** threads are counted by their processor time, not by the number that was requested.

use std::collections::HashMap;
use std::fs;

use super::procfs;

/// Processor time of each thread so far, in the unit that the kernel reports for all of them.
pub(crate) struct Times(HashMap<String, u64>);

/// A thread with less than the busiest thread's time divided by this only woke up at times.
const LEAST_PART: u64 = 100;

impl Times {
    pub(crate) fn now() -> Self {
        let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let time = |name: String| Some((name.clone(), of(&name)?));
        Self(threads.filter_map(|thread| time(thread.file_name().into_string().ok()?)).collect())
    }

    /// How many threads computed between `self` and `later`; the calling thread counts always.
    pub(crate) fn busy_until(&self, later: &Self) -> usize {
        let spent = |(name, time): (&String, &u64)| {
            time.saturating_sub(self.0.get(name).copied().unwrap_or(0))
        };
        let spent: Vec<u64> = later.0.iter().map(spent).collect();
        let least = spent.iter().max().copied().unwrap_or(0) / LEAST_PART;
        spent.iter().filter(|time| **time > least).count().max(1)
    }
}

fn of(thread: &str) -> Option<u64> {
    let folder = format!("/proc/self/task/{thread}");
    let first = |text: String| text.split_whitespace().next()?.parse().ok();
    let nanoseconds = procfs::text(format!("{folder}/schedstat")).and_then(first);
    nanoseconds.or_else(|| ticks(&procfs::text(format!("{folder}/stat"))?))
}

/// User and system time, the 14th and 15th field. The second field is a name that may contain anything.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(each: &[(&str, u64)]) -> Times {
        Times(each.iter().map(|(name, time)| ((*name).to_owned(), *time)).collect())
    }

    #[test]
    fn threads_that_only_woke_up_are_not_counted() {
        let before = times(&[("1", 1000), ("2", 500), ("3", 7)]);
        for (later, busy) in [
            (&[("1", 1000), ("2", 500), ("3", 7)][..], 1),
            (&[("1", 101_000), ("2", 600), ("3", 7)], 1),
            (&[("1", 101_000), ("2", 90_000), ("3", 7)], 2),
            (&[("1", 101_000), ("2", 90_000), ("3", 7), ("4", 80_000)], 3),
        ] {
            assert_eq!(before.busy_until(&times(later)), busy, "{later:?}");
        }
    }

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "12 (a) b (c) S 1 1 1 0 -1 4194304 100 0 0 0 31 11 0 0 20 0 1 0 5";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("12 (cut"), None);
    }
}
