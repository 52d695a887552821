//! A program of this machine that answers and ends, such as `ssh -G` or `adb devices`.
//!
//! **Invariant:** no shell starts it; it is ended at a deadline, by Ctrl-C where that may interrupt it, and
//! soon after its answer; at most [`MOST`] bytes of each of its outputs are kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::error::TransportError;
use super::shell::{END, Said};
use crate::process::interrupt;

const MOST: u64 = 256 << 10;
const TICK: Duration = Duration::from_millis(5);
/// How long to wait for the end of the output after that of the program, as a process that was left behind
/// may hold it open; and for the end of the program after that of the output.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Answer {
    pub said: Said,
    /// Whether the program ended by itself, and well.
    pub succeeded: bool,
}

/// Runs `command` to its end. `None` if there is no such program.
///
/// [`END`] ends its output too: a program that hands on a device's may not learn that its input has ended.
///
/// # Errors
/// If it cannot be started, or does not end in time. With `interruptible`, Ctrl-C ends it earlier.
pub(super) fn ask(
    command: &mut Command,
    input: &[u8],
    doing: &str,
    limit: Duration,
    interruptible: bool,
) -> Result<Option<Answer>, TransportError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let program = command.get_program().display();
            let message = format!("{doing}: {program} cannot be started: {error}");
            return Err(TransportError::Lasting(message));
        }
    };
    if let Some(mut stdin) = child.stdin.take() {
        // The input fits into the pipe's buffer. Whether the program reads it shows in its answer.
        let _ = stdin.write_all(input);
    }
    let stdout = gather(child.stdout.take().expect("stdout was piped"));
    let stderr = gather(child.stderr.take().expect("stderr was piped"));
    let start = Instant::now();
    // What the program printed, and when that was all.
    let mut printed: Option<(String, Instant)> = None;
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status.success()),
            Ok(None) => {}
            Err(error) => break Err(TransportError::failed(doing, error)),
        }
        if printed.is_none() {
            printed = stdout.try_recv().ok().map(|text| (text, Instant::now()));
        }
        if printed.as_ref().is_some_and(|(_, all)| all.elapsed() > FAREWELL) {
            break Ok(false);
        }
        if interruptible && interrupt::requested() {
            break Err(TransportError::Interrupted);
        }
        if printed.is_none() && start.elapsed() > limit {
            let (doing, seconds) = (doing.to_owned(), limit.as_secs());
            break Err(TransportError::Late { doing, seconds });
        }
        thread::sleep(TICK);
    };
    // Does nothing if it has ended.
    let _ = child.kill();
    let _ = child.wait();
    let succeeded = ended?;
    let rest = |from: Receiver<String>| from.recv_timeout(FAREWELL).unwrap_or_default();
    let stdout = printed.map_or_else(|| rest(stdout), |(text, _)| text);
    Ok(Some(Answer { said: Said { stdout, stderr: rest(stderr) }, succeeded }))
}

fn gather(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, text) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut stream = BufReader::new(stream);
        let mut kept = (&mut stream).take(MOST);
        // What was read before an error counts.
        while let Ok(1..) = kept.read_until(b'\n', &mut bytes) {
            if bytes.trim_ascii_end().ends_with(END.as_bytes()) {
                break;
            }
        }
        // Fails only if nobody waits any more.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        // The rest is read as well, so that the program can end.
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_answers_with_all_that_it_says_and_how_it_ended() {
        let script = "cat; echo no >&2; exit 3";
        let answer =
            ask(Command::new("sh").args(["-c", script]), b"yes", "asking", LONG, true).unwrap();
        let Answer { said, succeeded } = answer.unwrap();
        assert_eq!((said.stdout.as_str(), said.stderr.as_str(), succeeded), ("yes", "no\n", false));
        let mut absent = Command::new("/nowhere/program");
        assert!(ask(&mut absent, b"", "asking", LONG, true).unwrap().is_none());
    }

    #[test]
    fn a_program_that_prints_much_or_does_not_end_holds_nobody_up() {
        let much = ["-c", "head -c 3000000 /dev/zero"];
        let answer =
            ask(Command::new("sh").args(much), b"", "asking", LONG, true).unwrap().unwrap();
        assert_eq!((answer.said.stdout.len() as u64, answer.succeeded), (MOST, true));
        let late = ask(Command::new("sleep").arg("60"), b"", "asking", Duration::ZERO, true);
        assert!(matches!(late, Err(TransportError::Late { .. })));
    }

    #[test]
    fn a_program_that_has_answered_and_does_not_end_is_ended() {
        for script in ["echo a; echo pearl:end=0; exec sleep 600", "echo a; exec yes"] {
            let mut shell = Command::new("sh");
            let answer = ask(shell.args(["-c", script]), b"", "asking", LONG, false).unwrap();
            let Answer { said, succeeded } = answer.unwrap();
            assert!(said.stdout.starts_with("a\n") && !succeeded, "{script}: {succeeded}");
        }
    }

    #[test]
    fn a_program_that_may_not_be_started_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = ask(&mut Command::new(file.path()), b"", "asking", LONG, true);
        let error = refused.err().unwrap().to_string();
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    }
}
