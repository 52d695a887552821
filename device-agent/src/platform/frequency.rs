//! Fixes clock rates while the device is leased.
//!
//! The old governor is written to a journal before it is changed. It is restored at the end of the lease,
//! at the end of the agent, or by the next agent after one that was killed.
//!
//! **Invariant:** a governor is changed only while the journal on disk holds its old value.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::platform::boot;
use crate::session::lock;
use pearl_agent::protocol::wire::{Failure, FailureKind};

const FIXED: &str = "performance";

/// Governors that this process changed; restored when dropped.
#[derive(Debug)]
pub(crate) struct Fixed {
    sys: PathBuf,
    journal: PathBuf,
    /// The journal, locked for as long as this process is responsible for what it holds.
    _lock: File,
    changed: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    /// Below the root of sysfs.
    policy: PathBuf,
    governor: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    /// A restart of the device resets all earlier changes.
    boot_id: Option<String>,
    changed: Vec<Change>,
}

impl Fixed {
    /// Sets the governor `performance` on these processors, or on all of them where `cpus` is empty;
    /// `sys` is the root of sysfs.
    ///
    /// # Errors
    /// Where the device has no such governor or refuses the change; then everything is as before.
    pub(crate) fn fix(sys: &Path, journal: &Path, cpus: &[usize]) -> Result<Self, Failure> {
        let wanted = changes(sys, cpus)?;
        let (lock, changed) = write_down(journal, &wanted)?;
        let fixed = Self { sys: sys.into(), journal: journal.into(), _lock: lock, changed };
        for Change { policy, .. } in &wanted {
            set(&sys.join(policy), FIXED)
                .map_err(|reason| refused(&format!("{}: {reason}", policy.display())))?;
        }
        Ok(fixed)
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        put_back(&self.sys, &self.journal, &self.changed);
    }
}

/// Restores what an agent that has ended left changed. A running agent keeps its journal locked.
pub(crate) fn recover(sys: &Path, journal: &Path) {
    let Ok(file) = File::open(journal) else {
        return;
    };
    if !lock::try_lock(&file, journal) {
        return;
    }
    match owed(journal) {
        Some(changed) => put_back(sys, journal, &changed),
        None => drop(fs::remove_file(journal)),
    }
}

/// The changes that a journal says are still to be restored. `None` where the device was restarted since,
/// or where the journal is incomplete, because then nothing was changed.
fn owed(journal: &Path) -> Option<Vec<Change>> {
    let kept: Journal = serde_json::from_slice(&fs::read(journal).ok()?).ok()?;
    (kept.boot_id == boot::id()).then_some(kept.changed)
}

/// Restores the governors. The journal stays where one of them could not be restored.
fn put_back(sys: &Path, journal: &Path, changed: &[Change]) {
    let failed = changed.iter().filter(|Change { policy, governor }| {
        set(&sys.join(policy), governor)
            .inspect_err(|reason| {
                // The host may be gone, and with it the reader of stderr.
                let _ = writeln!(
                    io::stderr(),
                    "pearl-agent: {} stays at {FIXED}: {reason}",
                    policy.display()
                );
            })
            .is_err()
    });
    if failed.count() == 0 {
        let _ = fs::remove_file(journal);
    }
}

/// Writes the journal. Returns what has to be restored: `wanted`, and what could not be restored before.
fn write_down(journal: &Path, wanted: &[Change]) -> Result<(File, Vec<Change>), Failure> {
    let fail = |error: io::Error| refused(&format!("{}: {error}", journal.display()));
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(journal).map_err(fail)?;
    if !lock::try_lock(&file, journal) {
        let reason = "another agent in this folder has changed them";
        return Err(Failure::new(FailureKind::Busy, format!("clock rates: {reason}")));
    }
    let mut changed = owed(journal).unwrap_or_default();
    for change in wanted {
        if !changed.iter().any(|earlier| earlier.policy == change.policy) {
            changed.push(change.clone());
        }
    }
    file.set_len(0).map_err(fail)?;
    let kept = Journal { boot_id: boot::id(), changed: changed.clone() };
    serde_json::to_writer(&mut file, &kept).map_err(|error| fail(error.into()))?;
    file.sync_data().map_err(fail)?;
    Ok((file, changed))
}

/// The current governors, once per policy, because processors share policies.
fn changes(sys: &Path, cpus: &[usize]) -> Result<Vec<Change>, Failure> {
    let all = sys.join("devices/system/cpu");
    let cpus = if cpus.is_empty() { processors(&all) } else { cpus.to_vec() };
    let root = sys.canonicalize().map_err(|error| refused(&error.to_string()))?;
    let mut changes: Vec<Change> = Vec::new();
    for cpu in cpus {
        let policy = all.join(format!("cpu{cpu}/cpufreq"));
        let Ok(policy) = policy.canonicalize() else {
            return Err(refused(&format!("that of processor {cpu} cannot be set (no cpufreq)")));
        };
        let text = |file: &str| fs::read_to_string(policy.join(file)).unwrap_or_default();
        let governor = text("scaling_governor");
        let governor = governor.lines().next().unwrap_or_default().trim().to_owned();
        if !text("scaling_available_governors").split_whitespace().any(|word| word == FIXED) {
            return Err(refused(&format!("processor {cpu} has no governor '{FIXED}'")));
        }
        let policy = policy.strip_prefix(&root).unwrap_or(&policy).to_owned();
        if !changes.iter().any(|change| change.policy == policy) {
            changes.push(Change { policy, governor });
        }
    }
    if changes.is_empty() {
        return Err(refused("there are no processors whose rate can be set"));
    }
    Ok(changes)
}

fn processors(all: &Path) -> Vec<usize> {
    let entries = fs::read_dir(all).into_iter().flatten().flatten();
    let number = |name: String| name.strip_prefix("cpu")?.parse().ok();
    let mut found: Vec<usize> =
        entries.filter_map(|entry| number(entry.file_name().into_string().ok()?)).collect();
    found.retain(|cpu| all.join(format!("cpu{cpu}/cpufreq")).exists());
    found.sort_unstable();
    found
}

/// Sets the governor and reads it back.
fn set(policy: &Path, governor: &str) -> Result<(), String> {
    let file = policy.join("scaling_governor");
    // Neither created nor truncated: the file is one of the kernel's.
    let mut open = File::options().write(true).open(&file).map_err(|error| error.to_string())?;
    open.write_all(format!("{governor}\n").as_bytes())
        .map_err(|error| format!("governor '{governor}': {error}"))?;
    drop(open);
    let found = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let found = found.lines().next().unwrap_or_default().trim();
    if found == governor {
        Ok(())
    } else {
        Err(format!("governor '{governor}' was written, but '{found}' was read back"))
    }
}

pub(crate) fn refused(reason: &str) -> Failure {
    let advice = "set frequency = \"keep\" in devices.toml";
    Failure::new(FailureKind::Device, format!("clock rates cannot be fixed: {reason}; {advice}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Four processors, of which two and two share a policy.
    fn board() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let cpus = folder.path().join("sys/devices/system/cpu");
        for (policy, governor) in [("policy0", "schedutil"), ("policy2", "powersave")] {
            let policy = cpus.join("cpufreq").join(policy);
            fs::create_dir_all(&policy).unwrap();
            fs::write(policy.join("scaling_governor"), format!("{governor}\n")).unwrap();
            fs::write(
                policy.join("scaling_available_governors"),
                "performance powersave schedutil \n",
            )
            .unwrap();
        }
        for cpu in 0..4 {
            let at = cpus.join(format!("cpu{cpu}"));
            fs::create_dir(&at).unwrap();
            symlink(format!("../cpufreq/policy{}", cpu / 2 * 2), at.join("cpufreq")).unwrap();
        }
        let sys = folder.path().join("sys");
        (folder, sys)
    }

    fn governors(sys: &Path) -> [String; 2] {
        ["policy0", "policy2"].map(|policy| {
            let file = sys.join("devices/system/cpu/cpufreq").join(policy).join("scaling_governor");
            fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned()
        })
    }

    #[test]
    fn the_processors_asked_for_are_fixed_and_put_back() {
        let (folder, sys) = board();
        let journal = folder.path().join("journal.json");
        for (cpus, fixed) in [
            (&[][..], ["performance", "performance"]),
            (&[1], ["performance", "powersave"]),
            (&[2, 3], ["schedutil", "performance"]),
        ] {
            let held = Fixed::fix(&sys, &journal, cpus).unwrap();
            assert_eq!(governors(&sys), fixed);
            assert!(journal.exists());
            drop(held);
            assert_eq!(governors(&sys), ["schedutil", "powersave"]);
            assert!(!journal.exists());
        }
    }

    #[test]
    fn what_a_killed_agent_left_is_put_back_by_the_next_and_only_then() {
        let (folder, sys) = board();
        let journal = folder.path().join("journal.json");
        let held = Fixed::fix(&sys, &journal, &[]).unwrap();
        recover(&sys, &journal);
        assert_eq!(governors(&sys), ["performance", "performance"], "its agent still runs");
        // A killed process closes its files and does nothing else.
        let mut held = std::mem::ManuallyDrop::new(held);
        held._lock = File::open("/dev/null").unwrap();
        recover(&sys, &journal);
        assert_eq!(governors(&sys), ["schedutil", "powersave"]);
        assert!(!journal.exists());
    }

    #[test]
    fn what_could_not_be_put_back_is_still_owed_after_the_next_time() {
        let (folder, sys) = board();
        let journal = folder.path().join("journal.json");
        let first = sys.join("devices/system/cpu/cpufreq/policy0");
        let held = Fixed::fix(&sys, &journal, &[0]).unwrap();
        // Its processors are switched off for a while.
        let away = first.with_extension("away");
        fs::rename(&first, &away).unwrap();
        drop(held);
        assert!(journal.exists());
        drop(Fixed::fix(&sys, &journal, &[2]).unwrap());
        assert!(journal.exists());
        fs::rename(&away, &first).unwrap();
        drop(Fixed::fix(&sys, &journal, &[0]).unwrap());
        assert_eq!(governors(&sys), ["schedutil", "powersave"]);
        assert!(!journal.exists());
    }

    #[test]
    fn a_journal_of_an_earlier_start_or_half_written_changes_nothing() {
        let (folder, sys) = board();
        let journal = folder.path().join("journal.json");
        let change = Change {
            policy: "devices/system/cpu/cpufreq/policy0".into(),
            governor: "performance".into(),
        };
        let earlier = Journal { boot_id: Some("another".into()), changed: vec![change] };
        for text in [serde_json::to_string(&earlier).unwrap(), "{\"boot".into()] {
            fs::write(&journal, text).unwrap();
            recover(&sys, &journal);
            assert_eq!(governors(&sys), ["schedutil", "powersave"]);
            assert!(!journal.exists());
        }
    }

    #[test]
    fn a_device_that_cannot_is_refused_and_stays_as_it_was() {
        let (folder, sys) = board();
        let journal = folder.path().join("journal.json");
        let policy = |name: &str| sys.join("devices/system/cpu/cpufreq/policy2").join(name);
        let check = |cpus: &[usize], told: &str| {
            let failure = Fixed::fix(&sys, &journal, cpus).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Device);
            assert!(failure.message.contains(told), "{}", failure.message);
            assert_eq!(governors(&sys)[0], "schedutil");
            assert!(!journal.exists());
        };
        check(&[9], "that of processor 9 cannot be set (no cpufreq)");
        fs::write(policy("scaling_available_governors"), "powersave\n").unwrap();
        check(&[], "processor 2 has no governor 'performance'");
        // Half of them could be set.
        fs::write(policy("scaling_available_governors"), "performance\n").unwrap();
        fs::remove_file(policy("scaling_governor")).unwrap();
        fs::create_dir(policy("scaling_governor")).unwrap();
        let failure = Fixed::fix(&sys, &journal, &[]).unwrap_err();
        assert!(failure.message.contains("policy2"), "{}", failure.message);
        let first = sys.join("devices/system/cpu/cpufreq/policy0/scaling_governor");
        assert!(fs::read_to_string(first).unwrap().starts_with("schedutil"));
    }
}
