//! `pearl`, with a home and a working folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::finished::Finished;
use crate::programs;
use crate::python;
use crate::running::Running;

/// Many times what any of the commands takes on a quiet machine.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// Every command that a person types.
pub const COMMANDS: [&str; 22] = [
    "search",
    "train",
    "teacher",
    "teacher train",
    "teacher import",
    "teacher list",
    "bench",
    "compare",
    "history",
    "history list",
    "history show",
    "arch",
    "arch list",
    "arch sample",
    "arch show",
    "export",
    "devices",
    "devices list",
    "devices check",
    "devices characterise",
    "report",
    "completions",
];

pub struct Pearl {
    folder: TempDir,
}

impl Default for Pearl {
    fn default() -> Pearl {
        Pearl::new()
    }
}

impl Pearl {
    pub fn new() -> Pearl {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for name in ["home", "work", "config"] {
            std::fs::create_dir(folder.path().join(name)).expect("own folder can be written");
        }
        let pearl = Pearl { folder };
        // Its latencies are a function of the file: what is tested does not hang on a quiet machine.
        pearl.write("devices.toml", python::steady_device("steady", &[]));
        pearl
    }

    /// A path in the working folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("own folder can be written");
        path
    }

    /// The environment of every run: nothing of the user's own.
    pub fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .current_dir(self.path(""))
            .env("PEARL_HOME", self.home())
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            // A file that merely lies in the current folder starts no program.
            .env("PEARL_DEVICES", "devices.toml")
            .env("PEARL_AGENT", programs::agent())
            // With it comes a lease of its own: tests do not wait for one another.
            .env("PEARL_AGENT_FOLDER", self.folder.path().join("agent"))
            // Threads that spin at barriers make training on a busy machine many times slower.
            .env("OMP_WAIT_POLICY", "passive")
            .env("NO_COLOR", "1")
            .env_remove("PEARL_DATA")
            .env_remove("PEARL_WORKER")
            .env_remove("PEARL_AGENTS")
            .env_remove("RUST_BACKTRACE")
    }

    pub fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(programs::pearl());
        self.prepare(&mut command).args(args);
        command
    }

    pub fn start(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        Running::start(&mut self.command(args))
    }

    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Finished {
        self.start(args).finish(DEADLINE)
    }

    /// A command in one string, split at spaces.
    pub fn line(&self, line: &str) -> Finished {
        self.run(line.split_whitespace())
    }
}
