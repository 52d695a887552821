//! What the bootstrap needs of a transport.

use std::path::Path;
use std::time::Duration;

use super::error::TransportError;
use crate::process::streams::Streams;

/// A way to run commands on a device.
///
/// Words are joined by spaces and read by the shell of the device's user, which may be any shell and may
/// print something by itself before it runs them. So words of `devices.toml` hold only letters, digits and
/// `_ . / -`, those of a wrapper also `, = : +` (not `=` first). Words of Pearl's own may hold `: =` as well, or
/// be `>`, `;` or `|`. What is printed counts from a mark on.
pub(super) trait Shell {
    /// Feeds `input` to a command and returns its output. The exit code is not known on every device,
    /// so the output has to show success.
    fn run(
        &mut self,
        words: &[&str],
        input: &[u8],
        limit: Duration,
    ) -> Result<Said, TransportError>;

    /// Copies a file of this machine to a path on the device. The caller checks on the device whether
    /// the file arrived. After an error, Ctrl-C included, [`Shell::run`] is for tidying up and ignores
    /// Ctrl-C.
    fn upload(&mut self, file: &Path, to: &str) -> Result<Said, TransportError>;

    /// Starts a command that keeps running.
    fn start(self, words: &[&str]) -> Result<Streams, TransportError>;
}

/// The last line of every script.
pub(super) const END: &str = "pearl:end=0";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The values of `pearl:KEY=VALUE` lines. A terminal in between may add carriage returns.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.stdout.lines().filter_map(move |line| {
            let rest = line.trim_end_matches('\r').strip_prefix("pearl:")?;
            rest.strip_prefix(key)?.strip_prefix('=')
        })
    }

    pub fn value(&self, key: &str) -> Option<&str> {
        self.stdout.lines().find_map(|line| {
            let rest = line.trim_end_matches('\r').strip_prefix("pearl:")?;
            rest.strip_prefix(key)?.strip_prefix('=')
        })
    }

    /// The last line of stderr, else the last line of stdout.
    pub fn complaint(&self) -> String {
        let last = |text: &str| {
            let line = text.lines().rfind(|line| !line.trim().is_empty())?;
            Some(line.trim().chars().filter(|c| !c.is_control()).take(200).collect::<String>())
        };
        last(&self.stderr).or_else(|| last(&self.stdout)).unwrap_or_else(|| "nothing".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_a_terminal_that_echoes_and_adds_carriage_returns() {
        let stdout = "say arch \"$(uname -m)\"\r\npearl:arch=aarch64\r\npearl:has=a\r\n\
                      pearl:has=b=c\r\npearl:architecture=x\r\n";
        let said = Said { stdout: stdout.to_owned(), stderr: String::new() };
        assert_eq!(said.value("arch"), Some("aarch64"));
        assert_eq!(said.values("has").collect::<Vec<_>>(), ["a", "b=c"]);
        assert_eq!(said.value("folder"), None);
    }

    #[test]
    fn a_complaint_is_the_last_line_of_stderr() {
        let said = Said { stdout: "x\n".into(), stderr: "a\ncat: no space\u{7}\n\n".into() };
        assert_eq!(said.complaint(), "cat: no space");
        assert_eq!(Said::default().complaint(), "nothing");
    }
}
