//! Progress, notes and results for people.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::output::error_class::{Classified, ErrorClass};
use crate::output::sanitise::for_terminal;
use crate::process::child;

/// Progress goes to stderr, and only if that is a terminal; notes are plain lines.
#[derive(Clone)]
pub struct Terminal {
    quiet: bool,
    live: bool,
    bars: MultiProgress,
}

impl Terminal {
    /// With `verbose`, the log of every child process is printed as well.
    pub fn new(quiet: bool, verbose: bool) -> Self {
        let live = !quiet && io::stderr().is_terminal();
        let target = if live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let terminal = Self { quiet, live, bars: MultiProgress::with_draw_target(target) };
        if verbose {
            let again = terminal.clone();
            child::log_to(move |line| again.note(line));
        }
        terminal
    }

    /// Whether bars are drawn. If not, long work prints a line now and then instead.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// A line on stderr, above the bars.
    pub fn note(&self, line: impl AsRef<str>) {
        if self.live {
            // If stderr is gone, nothing can be done.
            let _ = self.bars.println(for_terminal(line.as_ref()));
        } else if !self.quiet {
            let _ = writeln!(io::stderr(), "{}", for_terminal(line.as_ref()));
        }
    }

    /// A bar with the time left.
    pub fn bar(&self, length: usize, template: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(length as u64));
        bar.set_style(
            ProgressStyle::with_template(template)
                .expect("templates are constants")
                .progress_chars("=> "),
        );
        bar
    }

    /// A line with a spinner.
    pub fn spinner(&self) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new_spinner());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

/// A line now and then, where no bar is drawn: long work that prints nothing looks like work that hangs.
pub struct Pulse {
    terminal: Terminal,
    last: Option<Instant>,
}

/// How long a [`Pulse`] says nothing.
const PULSE: Duration = Duration::from_secs(30);

impl Pulse {
    pub fn new(terminal: &Terminal) -> Self {
        Self { terminal: terminal.clone(), last: None }
    }

    /// The first line is printed at once.
    pub fn tell(&mut self, line: impl FnOnce() -> String) {
        if !self.terminal.live && self.last.is_none_or(|last| last.elapsed() >= PULSE) {
            self.last = Some(Instant::now());
            self.terminal.note(line());
        }
    }
}

/// Prints the one JSON document of a command.
pub fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    print_document(&serde_json::to_string_pretty(document).context("own document")?)
}

/// Prints a line of results for people.
pub fn print_line(line: &str) -> anyhow::Result<()> {
    print_document(&for_terminal(line))
}

/// Prints text for a program, unchanged; it is no error if the reader has closed the pipe.
pub fn print_document(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            let failed = |error: io::Error| -> anyhow::Error {
                let message = format!("stdout: {error}");
                Classified::new(ErrorClass::Machine, message).because(error).into()
            };
            written.map_err(failed)
        }
    }
}

/// Prints who has leased a device, once per wait.
#[derive(Default)]
pub struct Waiting {
    told: bool,
}

impl Waiting {
    pub fn tell(&mut self, terminal: &Terminal, device: &str, who: &str) {
        if !std::mem::replace(&mut self.told, true) {
            terminal.note(format!("device '{device}': {who}; waiting"));
        }
    }
}

/// A line that says which other processes use a device.
pub fn disturbed(device: &str, who: &str, waits: bool) -> String {
    let next = if waits {
        "waiting for them to end"
    } else {
        "the compensated latency leaves the slowdown out, but its interval is wider; stop them, or wait \
         for them with --quiet-wait 5m"
    };
    format!("device '{device}': {who}; {next}")
}
