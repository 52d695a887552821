//! A program of this machine that answers and ends, such as `ssh -G`.
//!
//! **Invariant:** no shell starts it; it is ended at a deadline and by Ctrl-C; at most [`MOST`] bytes of each
//! of its outputs are kept.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::error::TransportError;
use super::shell::Said;
use crate::process::interrupt;

const MOST: u64 = 256 << 10;
const TICK: Duration = Duration::from_millis(5);
/// How long to wait for output after the end: a process that the program left behind may hold it open.
const FAREWELL: Duration = Duration::from_secs(1);

pub(super) struct Answer {
    pub said: Said,
    pub succeeded: bool,
}

/// Runs `command` to its end. `None` if there is no such program.
///
/// # Errors
/// If it cannot be started, or does not end in time.
pub(super) fn ask(
    command: &mut Command,
    input: &[u8],
    doing: &str,
    limit: Duration,
) -> Result<Option<Answer>, TransportError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(TransportError::Lasting(format!("{doing}: {error}"))),
    };
    if let Some(mut stdin) = child.stdin.take() {
        // The input fits into the pipe's buffer. Whether the program reads it shows in its answer.
        let _ = stdin.write_all(input);
    }
    let stdout = child.stdout.take().map(gather);
    let stderr = child.stderr.take().map(gather);
    let start = Instant::now();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) => {}
            Err(error) => break Err(TransportError::failed(doing, error)),
        }
        if interrupt::requested() {
            break Err(TransportError::Interrupted);
        }
        if start.elapsed() > limit {
            let (doing, seconds) = (doing.to_owned(), limit.as_secs());
            break Err(TransportError::Late { doing, seconds });
        }
        thread::sleep(TICK);
    };
    if ended.is_err() {
        // Fails only if it has ended meanwhile.
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = |from: Option<Receiver<String>>| {
        from.and_then(|from| from.recv_timeout(FAREWELL).ok()).unwrap_or_default()
    };
    let succeeded = ended?.success();
    Ok(Some(Answer { said: Said { stdout: text(stdout), stderr: text(stderr) }, succeeded }))
}

fn gather(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, text) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error counts.
        let _ = (&mut stream).take(MOST).read_to_end(&mut bytes);
        // The rest is read as well, so that the program can end.
        let ended = bytes.len() < MOST as usize || io::copy(&mut stream, &mut io::sink()).is_ok();
        if ended {
            let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
        }
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
        let answer = ask(Command::new("sh").args(["-c", script]), b"yes", "asking", LONG).unwrap();
        let Answer { said, succeeded } = answer.unwrap();
        assert_eq!((said.stdout.as_str(), said.stderr.as_str(), succeeded), ("yes", "no\n", false));
        let mut absent = Command::new("/nowhere/program");
        assert!(ask(&mut absent, b"", "asking", LONG).unwrap().is_none());
    }

    #[test]
    fn a_program_that_prints_much_or_does_not_end_holds_nobody_up() {
        let much = ["-c", "head -c 3000000 /dev/zero"];
        let answer = ask(Command::new("sh").args(much), b"", "asking", LONG).unwrap().unwrap();
        assert_eq!((answer.said.stdout.len() as u64, answer.succeeded), (MOST, true));
        let late = ask(Command::new("sleep").arg("60"), b"", "asking", Duration::ZERO);
        assert!(matches!(late, Err(TransportError::Late { .. })));
    }
}
