//! A program that runs, with its output in files: whoever outlives it cannot keep a reader waiting.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::finished::Finished;

pub struct Running {
    command: String,
    child: Child,
    stdout: File,
    stderr: File,
}

impl Running {
    pub fn start(command: &mut Command) -> Running {
        let file = || tempfile::tempfile().expect("a temporary file can be made");
        let share = |file: &File| file.try_clone().expect("a file can be shared");
        let (stdout, stderr) = (file(), file());
        let child = command
            .stdin(Stdio::null())
            .stdout(share(&stdout))
            .stderr(share(&stderr))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        Running { command: format!("{command:?}"), child, stdout, stderr }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a child that was not waited for can be signalled");
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Looks again and again until `look` sees something, or the program has ended.
    ///
    /// # Panics
    /// After `deadline`.
    pub fn until<T>(
        &mut self,
        deadline: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let start = Instant::now();
        loop {
            if let Some(seen) = look() {
                return Some(seen);
            }
            if self.ended().is_some() {
                return None;
            }
            assert!(start.elapsed() < deadline, "{}: nothing seen in {deadline:?}", self.command);
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// # Panics
    /// Where it runs longer than `deadline`; it is ended then.
    pub fn finish(mut self, deadline: Duration) -> Finished {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            if start.elapsed() > deadline {
                self.end();
                let said = read(&mut self.stderr);
                panic!("{}: still running after {deadline:?}; stderr: {said}", self.command);
            }
            thread::sleep(Duration::from_millis(5));
        };
        let (stdout, stderr) = (read(&mut self.stdout), read(&mut self.stderr));
        Finished { command: self.command.clone(), status, stdout, stderr }
    }

    fn end(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("own file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}
