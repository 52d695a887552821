//! The three standard streams of a child process, on this machine or another one.
//!
//! **Invariant:** the streams come with a handle that can end the process; a process that was started
//! here is reaped here.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Closing `stdin` asks the process to end.
pub struct Streams {
    pub stdin: Box<dyn Write + Send>,
    pub stdout: Box<dyn Read + Send>,
    pub stderr: Box<dyn Read + Send>,
    pub process: Box<dyn Handle>,
}

/// A process, perhaps on another machine.
pub trait Handle: Send {
    /// How the process ended, in words, once that is known.
    fn ended(&mut self) -> Option<String>;

    /// Ends the process, or at least the connection to it, without waiting.
    fn kill(&mut self);
}

impl Streams {
    /// Starts `command` in a process group of its own.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        Ok(Self {
            stdin: Box::new(process.stdin.take().expect("stdin was piped")),
            stdout: Box::new(process.stdout.take().expect("stdout was piped")),
            stderr: Box::new(process.stderr.take().expect("stderr was piped")),
            process: Box::new(process),
        })
    }
}

impl Handle for Child {
    fn ended(&mut self) -> Option<String> {
        match self.try_wait() {
            Ok(status) => status.map(|status| status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    fn kill(&mut self) {
        // Fails only if the process has ended already.
        let _ = Child::kill(self);
    }
}
