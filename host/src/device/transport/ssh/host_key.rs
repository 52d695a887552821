//! Checking a host's key against known_hosts.
//!
//! **Invariant:** only the user accepts a key: a refusal names the key's fingerprint and the command
//! that accepts exactly this key.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ssh2::{CheckResult, HashType, KnownHostFileKind, KnownHosts, Session};

use super::route::Route;
use super::timed_session::Wire;
use crate::device::transport::error::TransportError;

const SYSTEM: &str = "/etc/ssh/ssh_known_hosts";

/// The key types to ask for. Types by which the host is known come first, so that a host that is known
/// by one key is not refused because of another.
pub(super) fn preference(session: &Session, route: &Route) -> Option<String> {
    let known = load(session);
    let name = name(route);
    let mut types = Vec::new();
    for host in known.hosts().ok()? {
        // Hashed names are compared by the library, which needs the key for it.
        let Ok(key) = STANDARD.decode(host.key()) else { continue };
        let of_this_host = match host.name() {
            Some(plain) => plain == name || plain == route.host,
            None => true,
        };
        if of_this_host
            && matches!(known.check_port(&route.host, route.port, &key), CheckResult::Match)
            && let Some(word) = key_type(&key)
        {
            types.extend(match word.as_str() {
                // One key, three ways to sign with it.
                "ssh-rsa" => vec!["rsa-sha2-512".to_owned(), "rsa-sha2-256".to_owned(), word],
                _ => vec![word],
            });
        }
    }
    let supported = session.supported_algs(ssh2::MethodType::HostKey).ok()?;
    types.retain(|word| supported.contains(&word.as_str()));
    let others = supported.into_iter().filter(|word| !types.iter().any(|known| known == word));
    let others: Vec<_> = others.map(str::to_owned).collect();
    types.extend(others);
    (!types.is_empty()).then(|| types.join(","))
}

/// # Errors
/// If the host is not known, or is known by another key.
pub(super) fn check(wire: &Wire, route: &Route) -> Result<(), TransportError> {
    let refused = |message: String| Err(TransportError::Lasting(message));
    let Some((key, _)) = wire.session.host_key() else {
        return refused(format!("{} has no host key", wire.to));
    };
    let name = name(route);
    let line = format!("{name} {} {}", key_type(key).unwrap_or_default(), STANDARD.encode(key));
    let fingerprint =
        wire.session.host_key_hash(HashType::Sha256).map(|hash| STANDARD_NO_PAD.encode(hash));
    let fingerprint = format!("SHA256:{}", fingerprint.unwrap_or_default());
    if revoked(&STANDARD.encode(key)) {
        return refused(format!(
            "the host key of {name} ({fingerprint}) is revoked in known_hosts"
        ));
    }
    let accept = format!("echo '{line}' >> ~/.ssh/known_hosts");
    match load(&wire.session).check_port(&route.host, route.port, key) {
        CheckResult::Match => Ok(()),
        CheckResult::NotFound => refused(format!(
            "the host key of {name} is not known: {fingerprint}; if the device itself shows the \
             same (ssh-keygen -lf on its host key), accept it with: {accept}"
        )),
        CheckResult::Mismatch => refused(format!(
            "the host key of {name} has changed to {fingerprint}: another device answers there, or it \
             was reinstalled; if the device itself shows the same, accept it with: \
             ssh-keygen -f ~/.ssh/known_hosts -R '{name}' && {accept}"
        )),
        CheckResult::Failure => refused(format!("known_hosts cannot be searched for {name}")),
    }
}

/// The host's name in known_hosts.
fn name(route: &Route) -> String {
    match route.port {
        22 => route.host.clone(),
        port => format!("[{}]:{port}", route.host),
    }
}

fn files() -> Vec<PathBuf> {
    let own = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".ssh/known_hosts"));
    own.into_iter().chain([PathBuf::from(SYSTEM)]).collect()
}

fn load(session: &Session) -> KnownHosts {
    let mut known = session.known_hosts().expect("memory for a list of hosts");
    for path in files() {
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        for line in text.lines() {
            // A line that is not understood, or is of a certificate authority, does not affect others.
            if !line.trim_start().starts_with(['@', '#']) {
                let _ = known.read_str(line, KnownHostFileKind::OpenSSH);
            }
        }
    }
    known
}

fn revoked(key: &str) -> bool {
    let text = files().into_iter().filter_map(|path| std::fs::read_to_string(path).ok());
    text.into_iter().any(|text| {
        let mut lines = text.lines().filter(|line| line.trim_start().starts_with("@revoked"));
        lines.any(|line| line.split_whitespace().any(|word| word == key))
    })
}

/// The first string of a key's bytes names its type.
fn key_type(key: &[u8]) -> Option<String> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let word = rest.get(..u32::from_be_bytes(*length) as usize)?;
    String::from_utf8(word.to_vec()).ok()
}
