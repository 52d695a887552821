//! Passwords and passphrases: from a person at a terminal or from the environment.

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal, stderr, stdin};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Holds the password, or the passphrase of the identity.
pub(super) const VARIABLE: &str = "PEARL_SSH_PASSWORD";

/// By the question.
static TOLD: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// What the environment holds, or a person types; nothing where neither is there.
///
/// One question at a time and none twice: a device that is reached again at night finds nobody to ask.
pub(super) fn ask(what: &str) -> Option<String> {
    if let Ok(secret) = std::env::var(VARIABLE) {
        return Some(secret);
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(secret) = told.get(what) {
        return Some(secret.clone());
    }
    if !(stdin().is_terminal() && stderr().is_terminal()) {
        return None;
    }
    let secret = rpassword::prompt_password(format!("{what}: ")).ok()?;
    told.insert(what.to_owned(), secret.clone());
    Some(secret)
}

/// One that was refused is asked for again.
pub(super) fn forget(what: &str) {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).remove(what);
}

/// Whether a private key needs a passphrase.
pub(super) fn is_encrypted(key: &Path) -> bool {
    let Ok(text) = fs::read_to_string(key) else { return false };
    if text.contains("ENCRYPTED") {
        return true;
    }
    // OpenSSH's own format tells the cipher in its first bytes.
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
