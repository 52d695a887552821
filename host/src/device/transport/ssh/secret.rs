//! Passwords and passphrases: from the user at a terminal or from the environment.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{IsTerminal, Write, stderr, stdin};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::device::transport::error::TransportError;
use crate::process::interrupt;

/// Variable that holds the password, or the passphrase of the identity.
pub(super) const VARIABLE: &str = "PEARL_SSH_PASSWORD";

/// Overwritten in memory when it is dropped.
type Secret = Zeroizing<String>;

/// How long a question waits for its answer; sshd waits 120 s for a login.
const LONGEST_WAIT: Duration = Duration::from_secs(100);
const PROBE: Duration = Duration::from_millis(100);

/// Whether a question was left without an answer. Its thread still reads from the terminal, and would
/// take a part of the next answer.
static LEFT: AtomicBool = AtomicBool::new(false);

/// The answers. Keys: the questions.
static TOLD: Mutex<BTreeMap<String, Secret>> = Mutex::new(BTreeMap::new());

/// The secret in the environment, or the one that the user types; `None` if there is neither.
///
/// One question is asked at a time, and none twice: at night no user answers when a device is reached
/// again.
///
/// # Errors
/// An interrupt.
pub(super) fn ask(what: &str) -> Result<Option<Secret>, TransportError> {
    if let Ok(secret) = std::env::var(VARIABLE) {
        return Ok(Some(secret.into()));
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(secret) = told.get(what) {
        return Ok(Some(secret.clone()));
    }
    let check = || interrupt::check().map_err(|_| TransportError::Interrupted);
    check()?;
    if !(stdin().is_terminal() && stderr().is_terminal()) || LEFT.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let secret = typed(format!("{what}: "));
    check()?;
    if let Some(secret) = &secret {
        told.insert(what.to_owned(), secret.clone());
    }
    Ok(secret)
}

/// What the user types, within [`LONGEST_WAIT`] and without an interrupt.
fn typed(question: String) -> Option<Secret> {
    let terminal = File::open("/dev/tty").ok()?;
    let before = tcgetattr(&terminal).ok()?;
    let (sender, typed) = channel();
    // The thread reads until the line ends or the program ends.
    thread::spawn(move || sender.send(rpassword::prompt_password(question).ok().map(Secret::new)));
    let until = Instant::now() + LONGEST_WAIT;
    loop {
        match typed.recv_timeout(PROBE) {
            Ok(secret) => return secret,
            Err(RecvTimeoutError::Timeout) if Instant::now() < until && !interrupt::requested() => {
            }
            Err(_) => {
                // Make typed text visible again.
                let _ = tcsetattr(&terminal, OptionalActions::Now, &before);
                LEFT.store(true, Ordering::Relaxed);
                let _ = writeln!(stderr(), "\nno answer");
                return None;
            }
        }
    }
}

/// Forgets a refused secret, so that the user is asked again.
pub(super) fn forget(what: &str) {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).remove(what);
}

/// Whether a private key needs a passphrase.
pub(super) fn is_encrypted(key: &Path) -> bool {
    let Ok(text) = fs::read_to_string(key) else { return false };
    if text.contains("ENCRYPTED") {
        return true;
    }
    // OpenSSH's own format names the cipher in its first bytes.
    let mut lines = text.lines().skip_while(|line| !line.contains("BEGIN OPENSSH PRIVATE KEY"));
    let Some(head) = lines.nth(1).and_then(|line| line.get(..64)) else { return false };
    let Ok(head) = STANDARD.decode(head) else { return false };
    head.strip_prefix(b"openssh-key-v1\0").is_some_and(|rest| !rest.starts_with(b"\0\0\0\x04none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_passphrase_is_told_from_one_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (cipher, encrypted) in
            [(&b"\0\0\0\x04none"[..], false), (b"\0\0\0\x0aaes256-ctr", true)]
        {
            let mut head = b"openssh-key-v1\0".to_vec();
            head.extend(cipher);
            head.extend([0; 60]);
            let line = STANDARD.encode(&head);
            let text = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{line}\n");
            fs::write(&path, text).unwrap();
            assert_eq!(is_encrypted(&path), encrypted);
        }
        fs::write(&path, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap();
        assert!(is_encrypted(&path));
        assert!(!is_encrypted(&folder.path().join("absent")));
    }
}
