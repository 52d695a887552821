//! Android devices, through the `adb` program.
//!
//! On old devices, `adb shell` may put a terminal in between and may lose exit codes. So the scripts
//! mark their output, and the agent's protocol has its own terminal messages.
//!
//! **Invariant:** one device is addressed, by its serial or because no other is attached.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::error::TransportError;
use super::mark::{AfterMark, FIRST};
use super::program;
use super::shell::{Said, Shell};
use crate::device::entry::Adb;
use crate::process::streams::{Handle, Streams};

/// Variable that names the program; without it, `adb` is found on PATH.
const VARIABLE: &str = "PEARL_ADB";
/// Variable of adb that chooses among several devices.
const CHOSEN: &str = "ANDROID_SERIAL";
/// The line before the list.
const HEAD: &str = "List of devices attached";
/// The first call may have to start adb's server.
const LIST: Duration = Duration::from_secs(30);
const LONGEST_UPLOAD: Duration = Duration::from_secs(30 * 60);
/// What adb says of a device; more may follow, such as the reason or the product.
const STATES: [&str; 15] = [
    "device",
    "unauthorized",
    "offline",
    "disconnect",
    "authorizing",
    "connecting",
    "no permissions",
    "noperm",
    "recovery",
    "sideload",
    "bootloader",
    "rescue",
    "detached",
    "host",
    "unknown",
];
/// Without these words a terminal would echo its input and cut long lines.
const RAW: [&str; 4] = ["stty", "raw", "-echo", ";"];
const START: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(20);

/// A device that is attached and ready.
pub(super) struct Phone {
    serial: String,
    /// Whether a terminal lies in between: old devices have no other shell.
    terminal: bool,
    /// Whether Ctrl-C is ignored: after a failed upload only tidying up is left to do.
    insists: bool,
}

/// # Errors
/// If the device is not attached, not ready or not the only one; the error says what to do.
pub(super) fn find(settings: &Adb) -> Result<Phone, TransportError> {
    let listed = call(&["devices"], &[], "asking adb for its devices", LIST, true)?;
    if !listed.stdout.contains(HEAD) {
        // adb prints its reason last.
        let mut said = listed.stdout.lines().chain(listed.stderr.lines());
        let (program, said) = (program(), said.rfind(|line| !line.is_empty()).unwrap_or("nothing"));
        let message = format!(
            "`{0} devices` printed no list but: {said}; run it by hand, or name another program in \
             {VARIABLE}",
            program.display()
        );
        return Err(TransportError::Refused(message));
    }
    // adb itself takes the variable where no serial is named.
    let chosen = std::env::var(CHOSEN).ok().filter(|serial| !serial.is_empty());
    let wanted = settings.serial.clone().or(chosen);
    let serial = choose(&listed.stdout, wanted.as_deref()).map_err(TransportError::Refused)?;
    Ok(Phone { serial, terminal: false, insists: false })
}

/// A serial and its state, of a line such as `SERIAL\tSTATE`, also with the details of `adb devices -l`.
///
/// States are several words at times, and serials of wireless devices hold blanks.
fn read_line(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    // Notes of adb's server, such as `* daemon started successfully`.
    if line.is_empty() || line.starts_with("* ") {
        return None;
    }
    let (serial, state) = line
        .split_once('\t')
        // With details, blanks fill the column of the serial.
        .or_else(|| line.split_once("  "))
        .or_else(|| line.split_once(' '))
        .unwrap_or((line, "unknown"));
    let state = state.trim();
    let state = STATES.iter().find(|known| state.starts_with(**known)).copied().unwrap_or(state);
    Some((serial.trim(), state))
}

/// Chooses the serial among the lines after [`HEAD`].
fn choose(listed: &str, wanted: Option<&str>) -> Result<String, String> {
    let list = listed.split_once(HEAD).map_or("", |(_, list)| list);
    let mut all: Vec<_> = list.lines().filter_map(read_line).collect();
    let names =
        |all: &[(&str, &str)]| all.iter().map(|(serial, _)| *serial).collect::<Vec<_>>().join(", ");
    let (serial, state) = match wanted {
        Some(wanted) => {
            let attached = if all.is_empty() { "none is".to_owned() } else { names(&all) };
            all.retain(|(serial, _)| *serial == wanted);
            if all.len() > 1 {
                return Err(format!(
                    "adb sees {} devices with the serial {wanted}; unplug all but one",
                    all.len()
                ));
            }
            all.pop().ok_or_else(|| {
                format!(
                    "adb sees no device {wanted}; attached: {attached}; plug it in and allow USB \
                     debugging, or `adb connect` it"
                )
            })?
        }
        None if all.len() > 1 => {
            let names = names(&all);
            return Err(format!(
                "adb sees several devices ({names}); name one with `serial` in devices.toml, or in {CHOSEN}"
            ));
        }
        None => all
            .pop()
            .ok_or("adb sees no device; plug it in and allow USB debugging, or `adb connect` it")?,
    };
    let next = match state {
        "device" => return Ok(serial.to_owned()),
        "unauthorized" => "unlock it and confirm this computer's key in its dialogue",
        "offline" | "disconnect" => "plug it in again, or run `adb reconnect`",
        "authorizing" | "connecting" => "it is being set up; try again in a moment",
        "no permissions" | "noperm" => "this user may not use the USB device; see `adb devices -l`",
        "recovery" | "sideload" | "bootloader" | "rescue" => "start Android on it",
        "detached" => "run `adb attach`",
        _ => "see `adb devices -l`",
    };
    Err(format!("adb says that {serial} is {state}; {next}"))
}

impl Phone {
    fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        ["-s", self.serial.as_str()].into_iter().chain(words.iter().copied()).collect()
    }

    fn shell<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        let shell: &[&str] = if self.terminal { &["shell"] } else { &["shell", "-T"] };
        self.words(&[shell, words].concat())
    }
}

impl Shell for Phone {
    fn run(
        &mut self,
        words: &[&str],
        input: &[u8],
        limit: Duration,
    ) -> Result<Said, TransportError> {
        let doing = "asking the device";
        if !self.terminal {
            let said = call(&self.shell(words), input, doing, limit, !self.insists)?;
            self.terminal = said.complaint().contains("PTY args");
            if !self.terminal {
                return Ok(said);
            }
        }
        // Through a pipe, because a shell on a terminal is interactive. With a number of bytes, because a
        // terminal does not pass on the end of the input.
        let bytes = input.len().to_string();
        let words = [&RAW[..], &["head", "-c", &bytes, "|"], words].concat();
        call(&self.shell(&words), input, doing, limit, !self.insists)
    }

    fn upload(&mut self, file: &Path, to: &str) -> Result<Said, TransportError> {
        let doing = "sending the agent";
        let file = file.to_str().ok_or_else(|| {
            TransportError::Refused(format!("{}: the path is not valid UTF-8", file.display()))
        })?;
        let sent = call(&self.words(&["push", file, to]), &[], doing, LONGEST_UPLOAD, true);
        self.insists |= sent.is_err();
        sent
    }

    fn start(self, words: &[&str]) -> Result<Streams, TransportError> {
        let start = |words: &[&str]| {
            Streams::spawn(Command::new(program()).args(words)).map_err(|error| missing(&error))
        };
        let words = [&FIRST[..], words].concat();
        if !self.terminal {
            let streams = start(&self.shell(&words))?;
            return Ok(Streams { stdout: Box::new(AfterMark::new(streams.stdout)), ..streams });
        }
        let words = [&RAW[..], &words[..]].concat();
        let Streams { stdin, stdout, stderr, mut process } = start(&self.shell(&words))?;
        match once_ready(stdout) {
            Ok(stdout) => Ok(Streams { stdin, stdout, stderr, process }),
            Err(error) => {
                end(&mut *process);
                Err(error)
            }
        }
    }
}

fn program() -> OsString {
    std::env::var_os(VARIABLE).unwrap_or_else(|| "adb".into())
}

fn missing(reason: &dyn Display) -> TransportError {
    let program = program();
    TransportError::Lasting(format!(
        "{} cannot be started: {reason}; install Android's platform tools, or name the program in \
         {VARIABLE}",
        program.display()
    ))
}

/// Runs adb to its end. With `interruptible`, Ctrl-C ends adb earlier.
fn call(
    words: &[&str],
    input: &[u8],
    doing: &str,
    limit: Duration,
    interruptible: bool,
) -> Result<Said, TransportError> {
    let mut adb = Command::new(program());
    match program::ask(adb.args(words), input, doing, limit, interruptible)? {
        // adb's exit code may be the device's, its own, or lost, so the output decides.
        Some(answer) => Ok(answer.said),
        None => Err(missing(&"there is no such program")),
    }
}

/// Kills the process and waits for it; else it would stay as a zombie.
fn end(process: &mut dyn Handle) {
    process.kill();
    while process.ended().is_none() {
        thread::sleep(TICK);
    }
}

/// The output after the mark: the terminal is in raw mode from there on, and would echo input that is sent
/// earlier.
fn once_ready(stdout: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>, TransportError> {
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = AfterMark::new(stdout);
        if stdout.skip().is_ok() && stdout.found() {
            let _ = sender.send(stdout);
        }
    });
    match ready.recv_timeout(START) {
        Ok(stdout) => Ok(Box::new(stdout)),
        Err(_) => {
            let reason = "the device's terminal does not answer";
            Err(TransportError::failed("starting the agent", reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_that_is_meant_is_found_by_its_serial_or_for_being_the_only_one() {
        let one = format!("{HEAD}\nemulator-5554\tdevice\n\n");
        let two = format!("* daemon started\n{HEAD}\na\toffline\r\nb\tdevice\r\n");
        assert_eq!(choose(&one, None).unwrap(), "emulator-5554");
        assert_eq!(choose(&two, Some("b")).unwrap(), "b");
    }

    #[test]
    fn every_form_of_the_list_is_read() {
        for (line, expect) in [
            ("a\tdevice", Some(("a", "device"))),
            ("192.168.1.7:5555\tdevice\r", Some(("192.168.1.7:5555", "device"))),
            (
                "R58M  device usb:1-2 product:x model:y device:z transport_id:4",
                Some(("R58M", "device")),
            ),
            ("R58M device", Some(("R58M", "device"))),
            (
                "adb-R5 (2)._adb-tls-connect._tcp\tdevice",
                Some(("adb-R5 (2)._adb-tls-connect._tcp", "device")),
            ),
            (
                "????????????\tno permissions (user in plugdev group; are your udev rules wrong?); see [http]",
                Some(("????????????", "no permissions")),
            ),
            ("(no serial number)\tdevice", Some(("(no serial number)", "device"))),
            ("a\thibernating", Some(("a", "hibernating"))),
            ("alone", Some(("alone", "unknown"))),
            ("* daemon started successfully", None),
            ("", None),
        ] {
            assert_eq!(read_line(line), expect, "{line}");
        }
    }

    #[test]
    fn every_state_is_explained_with_the_next_step() {
        let listed = |lines: &str| format!("{HEAD}\n{lines}\n");
        for (lines, wanted, expect) in [
            ("", None, "USB debugging"),
            ("", Some("x"), "no device x"),
            ("a\tdevice\n", Some("x"), "attached: a"),
            ("a\tdevice\nb\tdevice\n", None, "`serial`"),
            ("a\tunauthorized\n", None, "confirm"),
            ("a\toffline\n", Some("a"), "adb reconnect"),
            ("a\tno permissions; see [http]\n", None, "adb devices -l"),
            ("a\tsideload\n", None, "start Android"),
            ("a\tdevice\na\tdevice\n", Some("a"), "2 devices with the serial a"),
        ] {
            let error = choose(&listed(lines), wanted).unwrap_err();
            assert!(error.contains(expect), "{lines:?}: {error}");
        }
    }
}
