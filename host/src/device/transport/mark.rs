//! The mark before what a program prints: the login shell that starts the program may print as well.
//!
//! Shells greet, warn of updates or log what they do, with a line feed at the end or without, before they
//! run the command that they were given. So they are told to print [`READY`] first, and all before it is
//! skipped.
//!
//! **Invariant:** nothing before the mark reaches a reader, nothing after it is lost, and at most
//! [`MOST_BEFORE`] bytes are skipped.

use std::io::{self, Read};

/// The last line before the program's own output.
const READY: &str = "pearl:ready=0";
/// Put before the words of a program; every shell that is somebody's login shell understands it.
pub(super) const FIRST: [&str; 4] = ["echo", READY, ";", "exec"];
/// Most bytes that a login shell may print.
pub(super) const MOST_BEFORE: usize = 1 << 20;
/// Why a reader gave up.
const TOO_MUCH: &str = "the login shell printed more than 1 MiB before it started the agent";

/// What follows the mark.
pub(super) struct AfterMark<R> {
    inner: R,
    found: bool,
}

impl<R: Read> AfterMark<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, found: false }
    }

    /// Skips the mark and all before it. Without a mark, all is skipped.
    ///
    /// # Errors
    /// If too much comes before the mark.
    pub fn skip(&mut self) -> io::Result<()> {
        let mut end_of_line = Vec::new();
        let mut skipped = 0;
        // Byte by byte, because what follows belongs to the program.
        let mut byte = [0];
        while !self.found {
            match self.inner.read(&mut byte) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            skipped += 1;
            if skipped > MOST_BEFORE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, TOO_MUCH));
            }
            match byte[0] {
                // A terminal in between adds a carriage return.
                b'\r' => {}
                b'\n' => {
                    self.found = end_of_line == READY.as_bytes();
                    end_of_line.clear();
                }
                other => {
                    if end_of_line.len() == READY.len() {
                        end_of_line.remove(0);
                    }
                    end_of_line.push(other);
                }
            }
        }
        Ok(())
    }

    /// Whether the mark was found.
    pub fn found(&self) -> bool {
        self.found
    }
}

impl<R: Read> Read for AfterMark<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.skip()?;
        self.inner.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(said: &str) -> io::Result<String> {
        let mut text = String::new();
        AfterMark::new(said.as_bytes()).read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn what_a_login_shell_prints_is_skipped_and_nothing_else() {
        for before in ["", "hello\n", "hello", "pearl:ready=1\n", "echo pearl:ready=0 ; exec x\n"] {
            for mark in ["pearl:ready=0\n", "pearl:ready=0\r\n"] {
                let own = "{\"id\":1}\npearl:ready=0\n";
                assert_eq!(after(&format!("{before}{mark}{own}")).unwrap(), own, "{before:?}");
            }
        }
        assert_eq!(after("no such user\n").unwrap(), "");
    }

    #[test]
    fn a_shell_that_goes_on_and_on_is_given_up() {
        let mut endless = AfterMark::new(io::repeat(b'y'));
        let error = endless.read(&mut [0]).unwrap_err();
        assert!(error.to_string().contains("1 MiB") && !endless.found(), "{error}");
    }
}
