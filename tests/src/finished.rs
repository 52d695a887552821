//! A program that has ended, and what it said.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Finished {
    pub command: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Its exit code; none where a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Fails the test unless it ended with 0.
    pub fn ok(self) -> Finished {
        assert_eq!(self.code(), Some(0), "{self:#?}");
        self
    }

    /// The one JSON document on its stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON document: {error}: {self:#?}"))
    }

    /// What is wrong with the way in which it refused; nothing where it printed no result and said, in one
    /// line without a trace of a panic, `code` and all `words`.
    pub fn faults_of_refusal(&self, code: i32, words: &[&str]) -> Vec<String> {
        let mut faults = self.faults_of_failure(code, words);
        if !self.stdout.is_empty() {
            faults.push(format!("prints {:?} on stdout", self.stdout));
        }
        faults
    }

    /// The same of a command that printed a result before it failed.
    pub fn faults_of_failure(&self, code: i32, words: &[&str]) -> Vec<String> {
        let mut faults = Vec::new();
        if self.code() != Some(code) {
            let signal = self.status.signal();
            faults.push(format!("exit code {:?} (signal {signal:?}), not {code}", self.code()));
        }
        let lines = self.stderr.lines().count();
        if lines != 1 || !self.stderr.starts_with("pearl: error: ") {
            faults.push(format!("{lines} lines where one 'pearl: error: …' was expected"));
        }
        let lower = self.stderr.to_lowercase();
        let missing = words.iter().filter(|word| !lower.contains(&word.to_lowercase()));
        faults.extend(missing.map(|word| format!("does not say '{word}'")));
        let traces = ["panicked", "rust_backtrace", "unwrap()", "stack backtrace"];
        let found = traces.iter().filter(|trace| lower.contains(**trace));
        faults.extend(found.map(|trace| format!("says '{trace}'")));
        if !faults.is_empty() {
            faults.push(format!("stderr was {:?}", self.stderr));
        }
        faults
    }
}
