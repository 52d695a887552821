//! Android's fixed-performance mode while the device is leased.
//!
//! The shell may switch it on without root: the system then holds clock rates at a lower level that it can
//! sustain. Not every device has it, so it counts only where the lower bounds of clock rates are seen to rise.
//!
//! A journal says that the mode is on, as that of [`frequency`](super::frequency) does of governors. Nothing
//! tells whether the mode was on before. It is off after each start of the device, and left off.
//!
//! **Invariant:** the mode is switched on only while the journal on disk says so, and stays on only where its
//! effect was seen.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::android::Programs;
use super::procfs::Tree;
use crate::platform::{boot, frequency};
use crate::session::lock;
use pearl_agent::protocol::wire::{Failure, FailureKind};

/// How long the mode may take to show.
const PATIENCE: Duration = Duration::from_secs(1);

const POLL: Duration = Duration::from_millis(20);

/// The mode that this process has switched on; switched off when dropped.
#[derive(Debug)]
pub(crate) struct FixedPerformance {
    programs: Programs,
    journal: PathBuf,
    /// The journal, locked for as long as this process is responsible for the mode.
    _lock: File,
}

impl FixedPerformance {
    /// Switches the mode on, and sees whether the lower bound of a clock rate rises on these processors, or on
    /// any where `cpus` is empty.
    ///
    /// # Errors
    /// Where the device does not have the mode, or shows no effect; then it is off.
    pub(crate) fn set(
        programs: &Programs,
        tree: &Tree,
        journal: &Path,
        cpus: &[usize],
    ) -> Result<Self, Failure> {
        let before = lower_bounds(tree, cpus);
        if before.is_empty() {
            let reason = "the device does not tell their lower bounds (scaling_min_freq), in which \
                          fixed-performance mode would show";
            return Err(frequency::refused(reason));
        }
        let lock = write_down(journal)?;
        if !switch(programs, true) {
            // The answer may only have come too late.
            switch(programs, false);
            let _ = fs::remove_file(journal);
            return Err(frequency::refused("the device has no fixed-performance mode"));
        }
        let set = Self { programs: programs.clone(), journal: journal.into(), _lock: lock };
        let begun = Instant::now();
        while !rose(&before, &lower_bounds(tree, cpus)) {
            if begun.elapsed() > PATIENCE {
                return Err(frequency::refused("fixed-performance mode has no effect here"));
            }
            thread::sleep(POLL);
        }
        Ok(set)
    }
}

impl Drop for FixedPerformance {
    fn drop(&mut self) {
        put_back(&self.programs, &self.journal);
    }
}

/// Switches off what an agent that has ended left on. A running agent keeps its journal locked.
pub(crate) fn recover(programs: &Programs, journal: &Path) {
    let Ok(file) = File::open(journal) else {
        return;
    };
    if !lock::try_lock(&file, journal) {
        return;
    }
    let written = fs::read_to_string(journal).unwrap_or_default();
    if written == this_start() {
        put_back(programs, journal);
    } else {
        // Half written, so nothing was changed; or the device was restarted since.
        let _ = fs::remove_file(journal);
    }
}

/// The journal stays where the mode could not be switched off.
fn put_back(programs: &Programs, journal: &Path) {
    if switch(programs, false) {
        let _ = fs::remove_file(journal);
    } else {
        // The host may be gone, and with it the reader of stderr.
        let _ = writeln!(io::stderr(), "pearl-agent: fixed-performance mode stays on");
    }
}

fn switch(programs: &Programs, on: bool) -> bool {
    let on = if on { "true" } else { "false" };
    programs.output("cmd", &["power", "set-fixed-performance-mode-enabled", on]).is_some()
}

/// What the journal holds: one line that names this start of the device.
fn this_start() -> String {
    format!("{}\n", boot::id().unwrap_or_default())
}

fn write_down(journal: &Path) -> Result<File, Failure> {
    let fail = |error: io::Error| frequency::refused(&format!("{}: {error}", journal.display()));
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(journal).map_err(fail)?;
    if !lock::try_lock(&file, journal) {
        let reason = "another agent in this folder has changed them";
        return Err(Failure::new(FailureKind::Busy, format!("clock rates: {reason}")));
    }
    file.set_len(0).map_err(fail)?;
    file.write_all(this_start().as_bytes()).map_err(fail)?;
    file.sync_data().map_err(fail)?;
    Ok(file)
}

/// The lowest rate that each processor may run at, in kHz.
fn lower_bounds(tree: &Tree, cpus: &[usize]) -> Vec<(String, u64)> {
    let all = "sys/devices/system/cpu";
    let wanted = |name: &String| {
        let number = name.strip_prefix("cpu").and_then(|number| number.parse().ok());
        number.is_some_and(|cpu: usize| cpus.is_empty() || cpus.contains(&cpu))
    };
    let bound = |name: String| {
        let lowest = tree.number(format!("{all}/{name}/cpufreq/scaling_min_freq"))?;
        Some((name, lowest))
    };
    tree.names(all).into_iter().filter(wanted).filter_map(bound).collect()
}

fn rose(before: &[(String, u64)], now: &[(String, u64)]) -> bool {
    let before_of = |name: &String| before.iter().find(|(of, _)| of == name).map(|(_, khz)| *khz);
    now.iter().any(|(name, khz)| before_of(name).is_some_and(|before| *khz > before))
}

#[cfg(test)]
mod tests {
    use std::mem::ManuallyDrop;

    use super::*;
    use crate::platform::android::tests::scripts;
    use crate::platform::procfs::tests::{Planted, tree};

    const CPUS: &str = "sys/devices/system/cpu";

    /// A phone whose processor 4 obeys the mode, and whose `cmd` writes down how it was called.
    struct Phone {
        kernel: Planted,
        programs: Programs,
        folder: tempfile::TempDir,
    }

    impl Phone {
        fn new(obeys: &str) -> Self {
            let bound = |cpu: usize| format!("{CPUS}/cpu{cpu}/cpufreq/scaling_min_freq");
            let kernel = tree(&[(bound(0), "300000"), (bound(4), "500000")]);
            let file = kernel.path(bound(4));
            let script = format!(
                "echo \"$*\" >> \"$(dirname \"$0\")/calls\"
                 test \"$1 $2\" = 'power set-fixed-performance-mode-enabled' || exit 1
                 rate=500000; test \"$3\" = true && rate={obeys}
                 echo $rate > '{}'",
                file.display()
            );
            let (folder, programs) = scripts(&[("cmd", script.as_str())]);
            Self { kernel, programs, folder }
        }

        fn journal(&self) -> PathBuf {
            self.folder.path().join("journal")
        }

        fn set(&self, cpus: &[usize]) -> Result<FixedPerformance, Failure> {
            FixedPerformance::set(&self.programs, &self.kernel, &self.journal(), cpus)
        }

        /// The last word of each call.
        fn calls(&self) -> Vec<String> {
            let calls = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
            calls
                .lines()
                .filter_map(|call| call.split(' ').next_back().map(str::to_owned))
                .collect()
        }
    }

    #[test]
    fn the_mode_is_on_while_it_is_held_where_it_is_seen_to_work() {
        let phone = Phone::new("1200000");
        for cpus in [&[][..], &[4], &[0, 4]] {
            let held = phone.set(cpus).unwrap();
            assert!(phone.journal().exists());
            assert_eq!(phone.calls().last().unwrap(), "true");
            drop(held);
            assert_eq!(phone.calls().last().unwrap(), "false");
            assert!(!phone.journal().exists());
        }
    }

    #[test]
    fn a_device_on_which_nothing_changes_is_refused_and_left_as_it_was() {
        for (obeys, cpus, told) in [
            ("500000", &[][..], "no effect"),
            // Another processor than the one that is measured, or a rate that may only fall.
            ("1200000", &[0], "no effect"),
            ("400000", &[4], "no effect"),
            ("1200000", &[7], "scaling_min_freq"),
        ] {
            let phone = Phone::new(obeys);
            let refused = phone.set(cpus).unwrap_err();
            assert_eq!(refused.kind, FailureKind::Device);
            assert!(refused.message.contains(told), "{}", refused.message);
            assert_ne!(phone.calls().last().map(String::as_str), Some("true"));
            assert!(!phone.journal().exists());
        }
        let (folder, none) = scripts(&[]);
        let phone = Phone { programs: none, folder, ..Phone::new("1200000") };
        let refused = phone.set(&[]).unwrap_err();
        assert!(refused.message.contains("has no fixed-performance mode"), "{}", refused.message);
        assert!(!phone.journal().exists());
    }

    #[test]
    fn what_a_killed_agent_left_on_is_switched_off_by_the_next_and_only_then() {
        let phone = Phone::new("1200000");
        let held = phone.set(&[]).unwrap();
        recover(&phone.programs, &phone.journal());
        assert_eq!(phone.calls(), ["true"], "its agent still runs");
        assert_eq!(phone.set(&[]).unwrap_err().kind, FailureKind::Busy);
        // A killed process closes its files and does nothing else.
        let mut held = ManuallyDrop::new(held);
        held._lock = File::open("/dev/null").unwrap();
        recover(&phone.programs, &phone.journal());
        assert_eq!(phone.calls(), ["true", "false"]);
        assert!(!phone.journal().exists());
        recover(&phone.programs, &phone.journal());
        assert_eq!(phone.calls(), ["true", "false"]);
    }

    #[test]
    fn a_journal_of_an_earlier_start_or_half_written_changes_nothing() {
        let phone = Phone::new("1200000");
        for text in ["another-start\n", "", &this_start()[..5]] {
            fs::write(phone.journal(), text).unwrap();
            recover(&phone.programs, &phone.journal());
            assert!(phone.calls().is_empty() && !phone.journal().exists(), "{text}");
        }
    }
}
