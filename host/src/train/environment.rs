//! The environment variables of processes that train.
//!
//! Libraries read these variables when a process starts, so they cannot be set later.
//!
//! - By default, glibc's allocator takes each large tensor from the kernel and gives it back, with a page
//!   fault for every 4 KiB. If memory is kept, and is on huge pages, training takes about an eighth less
//!   processor time.
//! - libgomp's threads spin at barriers. If other programs run too, a spinning thread keeps the thread
//!   that it waits for from its core, and training becomes ten times slower or more. With a short spin
//!   that does not happen.
//!
//! **Invariant:** a variable that the user has set is kept.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

const SETTINGS: [(&str, &str); 2] = [
    (
        "GLIBC_TUNABLES",
        "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000:\
         glibc.malloc.trim_threshold=8000000000:glibc.malloc.top_pad=268435456",
    ),
    ("GOMP_SPINCOUNT", "10000"),
];

fn missing() -> impl Iterator<Item = (&'static str, &'static str)> {
    SETTINGS.into_iter().filter(|(name, _)| env::var_os(name).is_none())
}

/// Makes `command` start with the settings.
pub fn prepare(command: &mut Command) -> &mut Command {
    command.envs(missing())
}

/// Restarts this process with the settings, if it was started without them.
///
/// # Errors
/// If the restart fails; the process can then go on as it is.
pub fn ensure() -> io::Result<()> {
    if missing().next().is_none() {
        return Ok(());
    }
    let mut again = Command::new(env::current_exe()?);
    Err(prepare(again.args(env::args_os().skip(1))).exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_carries_the_settings_that_the_user_has_not_made() {
        let mut command = Command::new("true");
        prepare(&mut command);
        let set: Vec<_> = command.get_envs().filter_map(|(name, _)| name.to_str()).collect();
        let expected: Vec<_> = missing().map(|(name, _)| name).collect();
        assert_eq!(set, expected);
    }
}
