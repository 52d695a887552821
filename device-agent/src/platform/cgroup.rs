//! The limits of the control group that this process runs in, of both versions.
//!
//! **Invariant:** the tightest limit of the group and its ancestors counts; "no limit" is absent.

use std::path::Path;

use super::procfs::Tree;
use pearl_agent::protocol::messages::Cgroup;

const MOUNT: &str = "sys/fs/cgroup";

/// Version 1 expresses "no limit" by the largest number of pages, which is above this.
const NO_MEMORY_LIMIT: u64 = 1 << 60;

pub(crate) fn cgroup(tree: &Tree) -> Cgroup {
    let own = tree.text("proc/self/cgroup").unwrap_or_default();
    let second = group(&own, "").map(|path| (MOUNT.to_owned(), path));
    let first = |controller: &str| {
        group(&own, controller).map(|path| (format!("{MOUNT}/{controller}"), path))
    };
    let memory_2 = |folder: &str| tree.number(format!("{folder}/memory.max"));
    let memory_1 = |folder: &str| {
        let limit: u64 = tree.number(format!("{folder}/memory.limit_in_bytes"))?;
        (limit < NO_MEMORY_LIMIT).then_some(limit)
    };
    let cpu_2 = |folder: &str| {
        let text = tree.text(format!("{folder}/cpu.max"))?;
        let (quota, period) = text.split_once(' ')?;
        milli(quota.parse().ok()?, period.parse().ok()?)
    };
    let cpu_1 = |folder: &str| {
        let quota = tree.number(format!("{folder}/cpu.cfs_quota_us"))?;
        milli(quota, tree.number(format!("{folder}/cpu.cfs_period_us"))?)
    };
    let memory = [tightest(second.clone(), memory_2), tightest(first("memory"), memory_1)];
    let cpu = [tightest(second, cpu_2), tightest(first("cpu"), cpu_1)];
    Cgroup {
        memory_bytes: memory.into_iter().flatten().min(),
        cpu_milli: cpu.into_iter().flatten().min(),
    }
}

/// The group's path for a controller of version 1; for version 2 where `controller` is empty.
fn group(own: &str, controller: &str) -> Option<String> {
    own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        controllers.split(',').any(|known| known == controller).then(|| path.to_owned())
    })
}

/// The tightest limit of the group and its ancestors. Inside a container the ancestors look like the root.
fn tightest(group: Option<(String, String)>, limit: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let (mount, path) = group?;
    let folders = Path::new(path.trim_start_matches('/')).ancestors();
    folders.filter_map(|folder| limit(&format!("{mount}/{}", folder.display()))).min()
}

fn milli(quota: i64, period: i64) -> Option<u64> {
    let milli = quota.checked_mul(1000)?.checked_div(period)?;
    u64::try_from(milli).ok().filter(|milli| *milli > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::procfs::tests::tree;

    fn check(files: &[(&str, &str)], memory_bytes: Option<u64>, cpu_milli: Option<u64>) {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| {
                let path = path.strip_prefix("g/").map(|path| format!("{MOUNT}/{path}"));
                (path.unwrap_or_else(|| "proc/self/cgroup".into()), *text)
            })
            .collect();
        assert_eq!(cgroup(&tree(&files)), Cgroup { memory_bytes, cpu_milli }, "{files:?}");
    }

    #[test]
    fn the_tightest_limit_of_either_version_counts() {
        let second = ("own", "0::/jobs/pearl");
        check(
            &[
                second,
                ("g/jobs/pearl/memory.max", "max"),
                ("g/jobs/memory.max", "1073741824"),
                ("g/jobs/pearl/cpu.max", "150000 100000"),
                ("g/jobs/cpu.max", "max 100000"),
            ],
            Some(1 << 30),
            Some(1500),
        );
        // In a container the path is the one outside of it.
        check(
            &[second, ("g/memory.max", "4096"), ("g/cpu.max", "50000 100000")],
            Some(4096),
            Some(500),
        );
        let first = ("own", "9:cpu,cpuacct:/a\n4:memory:/a/b\n0::/");
        check(
            &[
                first,
                ("g/memory/a/b/memory.limit_in_bytes", "9223372036854771712"),
                ("g/memory/a/memory.limit_in_bytes", "2147483648"),
                ("g/cpu/a/cpu.cfs_quota_us", "-1"),
                ("g/cpu/a/cpu.cfs_period_us", "100000"),
                ("g/cpu/cpu.cfs_quota_us", "200000"),
                ("g/cpu/cpu.cfs_period_us", "100000"),
            ],
            Some(2 << 30),
            Some(2000),
        );
    }

    #[test]
    fn nonsense_and_silence_are_no_limit() {
        check(&[], None, None);
        check(&[("own", "nonsense"), ("g/memory.max", "many"), ("g/cpu.max", "1")], None, None);
        check(&[("own", "0::/"), ("g/cpu.max", "100 0")], None, None);
    }
}
