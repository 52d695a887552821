//! Other processes that use the device's processors.
//!
//! The kernel's counters of processor time are read twice and subtracted. A shell on Android sees only its
//! own processes; the processors' totals still show how busy the device is.
//!
//! **Invariant:** this process and its ancestors are not among the others; what the kernel does not report
//! is absent, never zero.

use std::collections::{HashMap, HashSet};

use super::procfs::Tree;
use pearl_agent::protocol::messages::{Others, Process};

/// The kernel counts in hundredths of a second, on every architecture that this runs on.
const TICK_NS: u64 = 10_000_000;
/// Most processes that are reported; the busiest first.
const MOST: usize = 8;
/// A process with less than this share of one processor disturbs no measurement and is not reported.
const LEAST_PERCENT: u64 = 3;
/// Most processes that are read: a device has some thousands; a broken one may list the same for ever.
const MOST_PROCESSES: usize = 100_000;

/// What the kernel has counted so far.
pub(crate) struct Counted {
    /// Ticks by process id and start time; the start time distinguishes processes with the same id.
    processes: HashMap<(u32, u64), (String, u64)>,
    family: HashSet<u32>,
    own: u64,
    processors: Option<Processors>,
}

/// Ticks of all processors together.
#[derive(Clone, Copy)]
struct Processors {
    busy: u64,
    stolen: u64,
}

impl Counted {
    pub(crate) fn now(tree: &Tree) -> Self {
        let pids = tree.names("proc").into_iter().filter_map(|name| name.parse().ok());
        let (mut processes, mut parents) = (HashMap::new(), HashMap::new());
        for pid in pids.take(MOST_PROCESSES) {
            let text = tree.text(format!("proc/{pid}/stat"));
            if let Some(stat) = text.as_deref().and_then(Stat::of) {
                parents.insert(pid, stat.parent);
                processes.insert((pid, stat.started), (stat.name.to_owned(), stat.ticks));
            }
        }
        let mut family = HashSet::new();
        let mut member = std::process::id();
        while family.insert(member) {
            member = parents.get(&member).copied().unwrap_or(member);
        }
        let of_family = |((pid, _), (_, ticks)): (&(u32, u64), &(String, u64))| {
            family.contains(pid).then_some(*ticks)
        };
        let own = processes.iter().filter_map(of_family).sum();
        let processors = tree.text("proc/stat").as_deref().and_then(processors);
        Self { processes, family, own, processors }
    }

    /// What other processes did between `self` and `later`, which was taken `wall_ns` later.
    pub(crate) fn until(&self, later: &Self, wall_ns: u64) -> Others {
        let ns = |ticks: u64| ticks.saturating_mul(TICK_NS);
        let mut processes: Vec<Process> = later
            .processes
            .iter()
            .filter(|((pid, _), _)| !later.family.contains(pid))
            .map(|(key, (name, ticks))| {
                let before = self.processes.get(key).map_or(0, |(_, ticks)| *ticks);
                Process { pid: key.0, name: name.clone(), cpu_ns: ns(ticks.saturating_sub(before)) }
            })
            .filter(|process| {
                u128::from(process.cpu_ns) * 100 >= u128::from(wall_ns) * u128::from(LEAST_PERCENT)
            })
            .collect();
        processes.sort_unstable_by(|a, b| (b.cpu_ns, a.pid).cmp(&(a.cpu_ns, b.pid)));
        processes.truncate(MOST);
        let own = later.own.saturating_sub(self.own);
        let between = self.processors.zip(later.processors);
        let busy = between.map(|(before, now)| now.busy.saturating_sub(before.busy));
        Others {
            wall_ns,
            processes,
            busy_ns: busy.map(|busy| ns(busy.saturating_sub(own))),
            stolen_ns: between.map(|(before, now)| ns(now.stolen.saturating_sub(before.stolen))),
        }
    }
}

/// The fields of a process that matter here.
struct Stat<'a> {
    name: &'a str,
    parent: u32,
    ticks: u64,
    started: u64,
}

impl<'a> Stat<'a> {
    /// The name is in parentheses and may contain anything, also parentheses.
    fn of(text: &'a str) -> Option<Self> {
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        // Counted from the state, which is the third field of proc(5).
        let ticks = number(11)?.saturating_add(number(12)?);
        let parent = u32::try_from(number(1)?).ok()?;
        Some(Self { name, parent, ticks, started: number(19)? })
    }
}

/// The fields are user, nice, system, idle, iowait, irq, softirq, steal.
fn processors(stat: &str) -> Option<Processors> {
    let fields = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = fields.split_whitespace().map_while(|tick| tick.parse().ok()).collect();
    let of = |at: usize| ticks.get(at).copied();
    let busy = [0, 1, 2, 5, 6].into_iter().map(of).sum::<Option<u64>>()?;
    Some(Processors { busy, stolen: of(7).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::procfs::tests::tree;

    fn stat(pid: u32, name: &str, parent: u32, ticks: u64, started: u64) -> (String, String) {
        let fields = format!("S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {started} 0");
        (format!("proc/{pid}/stat"), format!("{pid} ({name}) {fields}"))
    }

    fn cpu(user: u64, stolen: u64) -> (String, String) {
        ("proc/stat".into(), format!("cpu  {user} 0 0 900 5 0 0 {stolen} 0 0\ncpu0 1 2 3"))
    }

    #[test]
    fn who_was_busy_in_between_is_named_and_the_own_family_is_not() {
        let own = std::process::id();
        let (parent, busy) = (own + 1, own + 2);
        let before = tree(&[
            cpu(1000, 10),
            stat(own, "pearl-agent", parent, 5, 1),
            stat(parent, "pearl", 0, 5, 1),
            stat(busy, "a (b) c", 0, 100, 7),
            stat(busy + 1, "old", 0, 500, 7),
            stat(busy + 2, "idle", 0, 50, 7),
        ]);
        let after = tree(&[
            cpu(1180, 13),
            stat(own, "pearl-agent", parent, 45, 1),
            stat(parent, "pearl", 0, 15, 1),
            stat(busy, "a (b) c", 0, 190, 7),
            stat(busy + 1, "new", 0, 30, 8),
            stat(busy + 2, "idle", 0, 52, 7),
        ]);
        let others = Counted::now(&before).until(&Counted::now(&after), 1_000_000_000);
        let told: Vec<_> = others.processes.iter().map(|p| (p.name.as_str(), p.cpu_ns)).collect();
        assert_eq!(told, [("a (b) c", 900_000_000), ("new", 300_000_000)]);
        assert_eq!((others.busy_ns, others.stolen_ns), (Some(1_300_000_000), Some(30_000_000)));
    }

    #[test]
    fn a_device_that_tells_nothing_has_nobody_named() {
        let nothing = tree::<&str, &str>(&[]);
        let others = Counted::now(&nothing).until(&Counted::now(&nothing), 1);
        assert!(others.processes.is_empty());
        assert_eq!((others.busy_ns, others.stolen_ns), (None, None));
        assert!(Stat::of("12 (cut").is_none() && processors("intr 1").is_none());
    }

    #[test]
    fn this_machine_tells_of_its_processors() {
        let tree = Tree::of_the_device();
        let others = Counted::now(&tree).until(&Counted::now(&tree), 1_000_000_000);
        assert!(others.busy_ns.is_some());
    }
}
