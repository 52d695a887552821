//! How glibc's allocator is set for a process that trains.
//!
//! A training step allocates and frees the same large tensors again and again. By default glibc takes
//! each from the kernel and gives it back, which costs a page fault for every 4 KiB; kept, and on huge
//! pages, training takes about an eighth less processor time. The settings have to be there when the
//! process starts.
//!
//! **Invariant:** settings of the user's own win.

use std::env;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

const VARIABLE: &str = "GLIBC_TUNABLES";
const SETTINGS: &str = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000:\
    glibc.malloc.trim_threshold=8000000000:glibc.malloc.top_pad=268435456";

/// Has `command` start with the settings.
pub fn prepare(command: &mut Command) -> &mut Command {
    if env::var_os(VARIABLE).is_none() { command.env(VARIABLE, SETTINGS) } else { command }
}

/// Starts this process again in its place where it has been started without them.
///
/// # Errors
/// Where that fails; the process can then go on as it is.
pub fn ensure() -> io::Result<()> {
    if env::var_os(VARIABLE).is_some() || cfg!(not(target_env = "gnu")) {
        return Ok(());
    }
    let mut again = Command::new(env::current_exe()?);
    Err(prepare(again.args(env::args_os().skip(1))).exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_carries_the_settings_unless_the_user_has_some() {
        let mut command = Command::new("true");
        prepare(&mut command);
        let set: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
        let expected: &[&str] = if env::var_os(VARIABLE).is_none() { &[VARIABLE] } else { &[] };
        assert_eq!(set, expected);
    }
}
