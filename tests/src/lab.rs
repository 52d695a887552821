//! A host beside a board that it can reach.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::board::{Board, Options};
use crate::finished::Finished;
use crate::pearl::{DEADLINE, Pearl};
use crate::running::Running;
use crate::talk::Talk;

/// How long what a host left on a device may live on after it.
const FAREWELL: Duration = Duration::from_secs(15);

/// A host beside a board of its own.
pub struct Lab {
    pub pearl: Pearl,
    pub board: Board,
    pub model: PathBuf,
}

impl Default for Lab {
    fn default() -> Lab {
        Lab::new()
    }
}

impl Lab {
    /// As most boards are.
    pub fn new() -> Lab {
        Lab::with(Options::default(), "")
    }

    /// `more` goes into the board's entry in `devices.toml`.
    pub fn with(options: Options, more: &str) -> Lab {
        let (pearl, board) = (Pearl::new(), Board::with(options));
        pearl.write("devices.toml", board.entry("board", more));
        pearl.line("export resnet-8 --input 1x28x28 --classes 10 -o a.onnx").ok();
        Lab { model: pearl.path("a.onnx"), pearl, board }
    }

    /// `pearl talk` with the board.
    pub fn talk(&self) -> Talk {
        Talk::start(&mut self.board.command(&self.pearl, "talk board"))
    }

    /// `pearl` in the board's network.
    pub fn start(&self, line: &str) -> Running {
        Running::start(&mut self.board.command(&self.pearl, line))
    }

    /// As [`Lab::start`], to its end.
    pub fn run(&self, line: &str) -> Finished {
        self.start(line).finish(DEADLINE)
    }

    /// Runs `talk` without any request: reaches the device, and puts the agent there.
    pub fn reach(&self) -> Finished {
        self.run("--quiet talk board")
    }

    /// What is wrong with the way in which the device was given up.
    pub fn refusal(&self, words: &[&str]) -> Vec<String> {
        self.reach().faults_of_refusal(4, &[words, &["'board'"]].concat())
    }

    /// # Panics
    /// Where a process or a half file is left on the board.
    pub fn is_clean(&self) {
        let start = Instant::now();
        loop {
            let agents = self.board.agents();
            let files = self.board.agent_files("/tmp", 0);
            let halves =
                files.iter().filter(|name| name.contains("part") || name.contains("test-"));
            let halves: Vec<_> = halves.collect();
            if agents.is_empty() && halves.is_empty() {
                return;
            }
            assert!(start.elapsed() < FAREWELL, "{agents:?} and {halves:?} are left");
            thread::sleep(Duration::from_millis(20));
        }
    }
}
