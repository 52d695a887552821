//! Cycles and instructions of the calling thread, as the processor counts them.
//!
//! They are a second clock: an inference that takes longer with as many cycles ran at a lower clock rate, and
//! one that takes more cycles lost them to others.
//!
//! Processors of different kinds have counters of their own, and a counter for all processors counts on those
//! of the first kind alone. So there is one pair of counters for each processor that the thread is pinned to.
//!
//! **Invariant:** both counters counted all of the time that is told of, or nothing is told. A kernel that
//! refuses to count makes no launch fail.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Of counters that share a processor with other programs' counters, less than this is left out.
const LEAST_PERCENT: u64 = 99;

/// Kinds of events, and events of these kinds (`linux/perf_event.h`).
const HARDWARE: u32 = 0;
const CYCLES_AND_INSTRUCTIONS: [u64; 2] = [0, 1];

/// A reading holds the time that the counters were wanted, the time that they counted, and both counts.
const READ_FORMAT: u64 = ENABLED_TIME | RUNNING_TIME | GROUP;
const ENABLED_TIME: u64 = 1;
const RUNNING_TIME: u64 = 1 << 1;
const GROUP: u64 = 1 << 3;

/// What a user may count without any permission: not the kernel, not a hypervisor.
const FLAGS: u64 = EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;

const CLOSE_ON_EXEC: libc::c_long = 1 << 3;
const THIS_THREAD: libc::c_long = 0;
const ANY_PROCESSOR: i32 = -1;
const NO_GROUP: RawFd = -1;

/// The first version of the kernel's `perf_event_attr`, which all kernels take.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    event: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    breakpoint_address: u64,
}

/// Counts between [`Cycles::resume`] and [`Cycles::pause`], and adds that up.
#[derive(Default)]
pub(crate) struct Cycles {
    /// Empty where the kernel refuses to count.
    counters: Vec<Pair>,
    since: Option<Counts>,
    sum: Option<Counts>,
}

/// Two counters that count at the same times.
struct Pair {
    first: File,
    _second: File,
}

/// What a pair, or several, have counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    enabled_ns: u64,
    running_ns: u64,
    counted: [u64; 2],
}

impl Cycles {
    /// Counters for the calling thread, which is pinned to `cpus`, or not pinned where they are empty.
    pub(crate) fn of_this_thread(cpus: &[usize]) -> Self {
        let cpus: BTreeSet<i32> = match cpus {
            [] => [ANY_PROCESSOR].into(),
            cpus => cpus.iter().filter_map(|cpu| i32::try_from(*cpu).ok()).collect(),
        };
        let pairs = cpus.into_iter().map(|cpu| Pair::open(HARDWARE, CYCLES_AND_INSTRUCTIONS, cpu));
        let counters = pairs.collect::<io::Result<_>>().unwrap_or_default();
        Self { counters, ..Self::default() }
    }

    pub(crate) fn resume(&mut self) {
        self.since = self.read();
    }

    pub(crate) fn pause(&mut self) {
        let more = self.since.take().zip(self.read()).map(|(since, now)| now.minus(since));
        match more {
            Some(more) => self.sum = Some(self.sum.unwrap_or_default().plus(more)),
            // What cannot be read once is not counted all of the time.
            None => *self = Self::default(),
        }
    }

    /// The cycles and instructions so far.
    pub(crate) fn counted(&self) -> Option<[u64; 2]> {
        self.sum?.whole()
    }

    fn read(&self) -> Option<Counts> {
        let counts: Option<Vec<Counts>> = self.counters.iter().map(Pair::read).collect();
        counts?.into_iter().reduce(Counts::beside)
    }
}

impl Pair {
    /// Opened one for all: where the second cannot be opened, there is no first.
    fn open(kind: u32, [first, second]: [u64; 2], cpu: i32) -> io::Result<Self> {
        let first = open(kind, first, cpu, NO_GROUP)?;
        let second = open(kind, second, cpu, first.as_raw_fd())?;
        Ok(Self { first, _second: second })
    }

    fn read(&self) -> Option<Counts> {
        let mut bytes = [0; 5 * size_of::<u64>()];
        (&self.first).read_exact(&mut bytes).ok()?;
        let numbers: Vec<u64> = bytes
            .chunks_exact(size_of::<u64>())
            .map(|number| number.try_into().map(u64::from_ne_bytes))
            .collect::<Result<_, _>>()
            .ok()?;
        let [2, enabled_ns, running_ns, first, second] = numbers[..] else { return None };
        Some(Counts { enabled_ns, running_ns, counted: [first, second] })
    }
}

impl Counts {
    fn minus(self, earlier: Self) -> Self {
        Self {
            enabled_ns: self.enabled_ns.saturating_sub(earlier.enabled_ns),
            running_ns: self.running_ns.saturating_sub(earlier.running_ns),
            counted: [0, 1].map(|at| self.counted[at].saturating_sub(earlier.counted[at])),
        }
    }

    fn plus(self, later: Self) -> Self {
        Self { enabled_ns: self.enabled_ns.saturating_add(later.enabled_ns), ..self.beside(later) }
    }

    /// The counts of two processors at the same time: the thread runs on one of them at a time.
    fn beside(self, other: Self) -> Self {
        Self {
            enabled_ns: self.enabled_ns.max(other.enabled_ns),
            running_ns: self.running_ns.saturating_add(other.running_ns),
            counted: [0, 1].map(|at| self.counted[at].saturating_add(other.counted[at])),
        }
    }

    /// The counts where they are of all of the time.
    fn whole(self) -> Option<[u64; 2]> {
        let whole = u128::from(self.running_ns) * 100
            >= u128::from(self.enabled_ns) * u128::from(LEAST_PERCENT);
        (whole && self.counted.iter().all(|count| *count > 0)).then_some(self.counted)
    }
}

fn open(kind: u32, event: u64, cpu: i32, group: RawFd) -> io::Result<File> {
    let attributes = Attributes {
        kind,
        size: size_of::<Attributes>() as u32,
        event,
        read_format: READ_FORMAT,
        flags: FLAGS,
        ..Attributes::default()
    };
    // SAFETY: the kernel reads `size` bytes of the attributes, which live until the call returns.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            THIS_THREAD,
            libc::c_long::from(cpu),
            libc::c_long::from(group),
            CLOSE_ON_EXEC,
        )
    };
    if opened < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened this descriptor, and nothing else knows of it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(opened as RawFd) }))
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    fn counts(enabled_ns: u64, running_ns: u64, counted: [u64; 2]) -> Counts {
        Counts { enabled_ns, running_ns, counted }
    }

    #[test]
    fn counts_are_told_only_where_they_are_of_all_of_the_time() {
        for (of, told) in [
            (counts(1000, 1000, [7, 9]), Some([7, 9])),
            (counts(1000, 990, [7, 9]), Some([7, 9])),
            // The counters made room for others', or the thread ran on processors of another kind.
            (counts(1000, 989, [7, 9]), None),
            (counts(1000, 0, [0, 0]), None),
            (counts(1000, 1000, [7, 0]), None),
        ] {
            assert_eq!(of.whole(), told, "{of:?}");
        }
    }

    #[test]
    fn a_thread_that_moves_between_its_processors_is_counted_whole() {
        let before = counts(100, 60, [10, 20]).beside(counts(100, 40, [5, 6]));
        let after = counts(300, 160, [30, 60]).beside(counts(301, 141, [9, 8]));
        assert_eq!(after.minus(before), counts(201, 201, [24, 42]));
        let twice = after.minus(before).plus(counts(100, 100, [1, 1]));
        assert_eq!(twice, counts(301, 301, [25, 43]));
    }

    #[test]
    fn what_could_not_be_read_once_is_not_told() {
        let sum = Some(counts(1000, 1000, [7, 9]));
        let mut cycles = Cycles { sum, ..Cycles::default() };
        assert_eq!(cycles.counted(), Some([7, 9]));
        cycles.resume();
        cycles.pause();
        assert_eq!(cycles.counted(), None);
    }

    /// The kernel's own events are counted on machines without counters, too. A kernel may refuse the call
    /// as a whole; it must not find it wrong.
    #[test]
    fn the_kernel_understands_what_it_is_asked() {
        const SOFTWARE: u32 = 1;
        const TASK_CLOCK_AND_PAGE_FAULTS: [u64; 2] = [1, 2];
        match Pair::open(SOFTWARE, TASK_CLOCK_AND_PAGE_FAULTS, ANY_PROCESSOR) {
            Ok(pair) => {
                let before = pair.read().unwrap();
                let pages = vec![1_u8; 1 << 24];
                black_box(pages.iter().map(|byte| u64::from(*byte)).sum::<u64>());
                let [time_ns, faults] = pair.read().unwrap().minus(before).whole().unwrap();
                assert!(time_ns > 1000 && faults > 0, "{time_ns} {faults}");
            }
            Err(error) => {
                let refused = [libc::EACCES, libc::EPERM, libc::ENOSYS];
                assert!(refused.map(Some).contains(&error.raw_os_error()), "{error}");
            }
        }
    }
}
