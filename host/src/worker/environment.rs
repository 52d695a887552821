//! The variables that a process which trains is started with.
//!
//! They are read by libraries when a process starts, so they cannot be set later.
//!
//! - glibc's allocator takes each large tensor from the kernel and gives it back, at a page fault for
//!   every 4 KiB; kept, and on huge pages, training takes about an eighth less processor time.
//! - libgomp's threads spin at barriers. Where other programs run too, a thread that spins keeps the
//!   one that it waits for from its core, and training becomes ten times slower and more; with a
//!   short spin that does not happen.
//!
//! **Invariant:** settings of the user's own win.

use std::env;
#[cfg(feature = "torch")]
use std::io;
#[cfg(feature = "torch")]
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

/// Has `command` start with the settings.
pub fn prepare(command: &mut Command) -> &mut Command {
    command.envs(missing())
}

/// Starts this process again in its place where it has been started without them.
///
/// # Errors
/// Where that fails; the process can then go on as it is.
#[cfg(feature = "torch")]
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
