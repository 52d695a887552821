//! Processors by type: the big and little cores of a phone.
//!
//! The kernel's `cpu_capacity` is the best measure of a core. Where it is absent, the highest clock rate is
//! used, then the type of an ARM core.
//!
//! **Invariant:** each processor given is in exactly one cluster; one device is ordered by one measure.

use std::collections::{BTreeMap, HashMap};

use super::procfs::{self, Tree};
use pearl_agent::protocol::messages::Cluster;

const CPUS: &str = "sys/devices/system/cpu";

/// ARM's own cores (implementer 0x41) that are made to save power, and those that are made for speed
/// alone; all others lie between.
const LITTLE: [u64; 6] = [0xd02, 0xd03, 0xd04, 0xd05, 0xd46, 0xd80];
const PRIME: [u64; 5] = [0xd44, 0xd48, 0xd4e, 0xd82, 0xd85];

/// The clusters, from the least capable to the most.
pub(crate) fn clusters(tree: &Tree, cpus: &[usize]) -> Vec<Cluster> {
    let number = |cpu: usize, file: &str| tree.number::<u64>(format!("{CPUS}/cpu{cpu}/{file}"));
    let capacity = |cpu| number(cpu, "cpu_capacity");
    let max_khz = |cpu| number(cpu, "cpufreq/cpuinfo_max_freq");
    let parts = arm_parts(&tree.text("proc/cpuinfo").unwrap_or_default());
    let part = |cpu| parts.get(&cpu).map(|part| rank(*part));
    let measures: [&dyn Fn(usize) -> Option<u64>; 3] = [&capacity, &max_khz, &part];
    let mut kinds: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    // A measure that is not known of all processors cannot order them.
    let measure = measures.iter().find(|of| cpus.iter().all(|cpu| of(*cpu).is_some()));
    for &cpu in cpus {
        let kind = measure.and_then(|of| of(cpu)).unwrap_or(0);
        kinds.entry(kind).or_default().push(cpu);
    }
    let cluster = |cpus: Vec<usize>| Cluster {
        capacity: cpus.first().and_then(|cpu| u32::try_from(capacity(*cpu)?).ok()),
        max_khz: cpus.iter().filter_map(|cpu| max_khz(*cpu)).max(),
        cpus,
    };
    kinds.into_values().map(cluster).collect()
}

/// Little cores first; the types of one class are ordered by their part number.
fn rank((implementer, part): (u64, u64)) -> u64 {
    let class = match part {
        _ if implementer != 0x41 => 1,
        part if LITTLE.contains(&part) => 0,
        part if PRIME.contains(&part) => 2,
        _ => 1,
    };
    class << 32 | part
}

/// Implementer and part of each processor.
fn arm_parts(cpuinfo: &str) -> HashMap<usize, (u64, u64)> {
    let hexadecimal = |value: &str| u64::from_str_radix(value.strip_prefix("0x")?, 16).ok();
    let one = |lines: &str| {
        let cpu = procfs::value(lines, "processor")?.parse().ok()?;
        let implementer = hexadecimal(procfs::value(lines, "CPU implementer")?)?;
        Some((cpu, (implementer, hexadecimal(procfs::value(lines, "CPU part")?)?)))
    };
    cpuinfo.split("\n\n").filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::procfs::tests::tree;

    fn check(files: &[(String, String)], cpus: &[usize], expected: &[&[usize]]) -> Vec<Cluster> {
        let found = clusters(&tree(files), cpus);
        let members: Vec<_> = found.iter().map(|cluster| cluster.cpus.as_slice()).collect();
        assert_eq!(members, expected);
        found
    }

    fn of_each(file: &str, values: &[u64]) -> Vec<(String, String)> {
        let one =
            |(cpu, value): (usize, &u64)| (format!("{CPUS}/cpu{cpu}/{file}"), value.to_string());
        values.iter().enumerate().map(one).collect()
    }

    #[test]
    fn a_phone_is_ordered_by_capacity() {
        let mut files = of_each("cpu_capacity", &[124, 124, 124, 124, 427, 427, 1024, 1024]);
        files.extend(of_each(
            "cpufreq/cpuinfo_max_freq",
            &[
                1_803_000, 1_803_000, 1_803_000, 1_803_000, 2_253_000, 2_253_000, 2_802_000,
                2_802_000,
            ],
        ));
        let all: Vec<usize> = (0..8).collect();
        let found = check(&files, &all, &[&[0, 1, 2, 3], &[4, 5], &[6, 7]]);
        assert_eq!((found[0].capacity, found[0].max_khz), (Some(124), Some(1_803_000)));
        assert_eq!((found[2].capacity, found[2].max_khz), (Some(1024), Some(2_802_000)));
        // Processors that the agent may not use are not reported.
        check(&files, &[3, 6], &[&[3], &[6]]);
    }

    #[test]
    fn a_board_without_capacities_is_ordered_by_clock_rate() {
        let files =
            of_each("cpufreq/cpuinfo_max_freq", &[2_208_000, 2_208_000, 1_800_000, 1_800_000]);
        let found = check(&files, &[0, 1, 2, 3], &[&[2, 3], &[0, 1]]);
        assert_eq!((found[0].capacity, found[0].max_khz), (None, Some(1_800_000)));
    }

    #[test]
    fn a_board_that_tells_nothing_else_is_ordered_by_the_kind_of_its_cores() {
        let core = |(cpu, part): (usize, &str)| {
            format!("processor\t: {cpu}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n")
        };
        let cores = ["0xd0b", "0xd44", "0xd05", "0xd05"];
        let text: Vec<_> = cores.into_iter().enumerate().map(core).collect();
        let files = [("proc/cpuinfo".to_owned(), text.join("\n"))];
        check(&files, &[0, 1, 2, 3], &[&[2, 3], &[0], &[1]]);
    }

    #[test]
    fn a_machine_of_equal_cores_is_one_cluster() {
        check(&of_each("cpu_capacity", &[1024, 1024]), &[0, 1], &[&[0, 1]]);
        check(&[], &[0, 1, 5], &[&[0, 1, 5]]);
        // A measure that is known of one processor only is not used.
        check(&of_each("cpu_capacity", &[512]), &[0, 1], &[&[0, 1]]);
        check(&[], &[], &[]);
    }
}
