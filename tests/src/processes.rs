//! Processes of this machine, as `/proc` tells.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, Signal, kill_process};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub id: u32,
    parent: u32,
    /// In clock ticks since boot: tells a process from a later one of the same number.
    started: u64,
    /// Words of its command line.
    pub words: Vec<String>,
}

impl Process {
    fn read(id: u32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name in parentheses may hold anything, spaces included.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let zombie = matches!(fields.first(), Some(&("Z" | "X")));
        let parent = fields.get(1)?.parse().ok()?;
        let started = fields.get(19)?.parse().ok()?;
        let words = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        let words = words.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into());
        (!zombie).then(|| Process { id, parent, started, words: words.collect() })
    }

    pub fn lives(&self) -> bool {
        Process::read(self.id).is_some_and(|now| now.started == self.started)
    }

    pub fn has_word(&self, ending: &str) -> bool {
        self.words.iter().any(|word| word.ends_with(ending))
    }

    /// Ends it at once; where it has ended already that is all right too.
    pub fn kill(&self) {
        let pid = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        if let (true, Some(pid)) = (self.lives(), pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn all() -> Vec<Process> {
    let ids = fs::read_dir("/proc").expect("there is /proc").flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(Process::read).collect()
}

/// All living processes in the process namespace of `one`, whoever started them.
pub fn neighbours(one: u32) -> Vec<Process> {
    let namespace = |id: u32| fs::read_link(format!("/proc/{id}/ns/pid")).ok();
    let of_one = namespace(one);
    all().into_iter().filter(|other| of_one.is_some() && namespace(other.id) == of_one).collect()
}

/// All living processes below `root`, which is not among them.
pub fn descendants(root: u32) -> Vec<Process> {
    let all = all();
    let mut family = BTreeSet::from([root]);
    loop {
        let before = family.len();
        family.extend(
            all.iter()
                .filter(|one| family.contains(&one.parent))
                .map(|one| one.id)
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    all.into_iter().filter(|one| one.id != root && family.contains(&one.id)).collect()
}
