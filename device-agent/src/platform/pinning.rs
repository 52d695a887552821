//! Pins a launch to processors.
//!
//! **Invariant:** a launch is pinned to all requested processors, or refused.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::engine::EngineError;

/// The processors that the calling thread may run on.
pub(crate) fn allowed() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else {
        return Vec::new();
    };
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

/// Pins the calling thread to `cpus`; where `cpus` is empty, nothing changes.
///
/// # Errors
/// Where the process may not use one of them; the error names this one and the allowed ones.
pub(crate) fn pin(cpus: &[usize]) -> Result<(), EngineError> {
    if cpus.is_empty() {
        return Ok(());
    }
    let allowed = allowed();
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if !allowed.contains(&cpu) {
            let exist = ranges(&allowed);
            let reason = format!("processor {cpu} cannot be used here, only {exist}");
            return Err(EngineError::Request(reason));
        }
        set.set(cpu);
    }
    sched_setaffinity(None, &set)
        .map_err(|error| EngineError::System { what: "pinning".into(), source: error.into() })
}

/// Such as `0-3, 6`.
fn ranges(ascending: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &cpu in ascending {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => runs.push((cpu, cpu)),
        }
    }
    let told = |&(first, last): &(usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    runs.iter().map(told).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_told_as_ranges() {
        for (cpus, told) in
            [(&[0, 1, 2, 3][..], "0-3"), (&[0, 2, 3], "0, 2-3"), (&[5], "5"), (&[], "")]
        {
            assert_eq!(ranges(cpus), told);
        }
    }
}
