//! Checking a host's key against known_hosts, as `ssh` does it.
//!
//! **Invariant:** only the user accepts a key: a refusal names the key's fingerprint and the command
//! that accepts exactly this key. A certificate counts where an authority of known_hosts has signed it. Where
//! the user has named a file of revoked keys that cannot be read, no host is accepted.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ssh2::{CheckResult, KnownHostFileKind, MethodType, Session};

use super::key_blob::{self, Certificate};
use super::known_hosts::{self, Line, Names, Standing};
use super::route::{self, Route};
use super::timed_session::Wire;
use crate::device::transport::error::TransportError;
use crate::device::transport::program;

/// Reads a certificate, and refuses one whose signature is wrong. Reads lists of revoked keys in their binary
/// form as well.
const VERIFIER: &str = "ssh-keygen";
const VERIFYING: Duration = Duration::from_secs(10);
/// The first bytes of a list of revoked keys in its binary form (OpenSSH's `PROTOCOL.krl`).
const REVOCATIONS: &[u8] = b"SSHKRL\n\0";
/// Where keys are added if the user has named no file.
const OWN: &str = "~/.ssh/known_hosts";

/// The key types to ask for. Types by which the host is known come first, so that a host that is known
/// by one key is not refused because of another. Certificates are asked for where an authority of the
/// host is known.
pub(super) fn preference(session: &Session, route: &Route) -> Option<String> {
    let (lines, names) = (load(route), names(route));
    let is_hash_of = |hashed: &str, name: &str| is_hash_of(session, hashed, name);
    let known: Vec<_> = known_hosts::keys(&lines, &names, &is_hash_of)
        .filter_map(|line| key_blob::kind(&line.key))
        .collect();
    let vouched = known_hosts::authorities(&lines, &names, &is_hash_of).next().is_some();
    let mut types = session.supported_algs(MethodType::HostKey).ok()?;
    types.retain(|word| vouched || !key_blob::is_of_certificate(word));
    // The sort keeps the order of those that are alike.
    types.sort_by_key(|word| match key_blob::is_of_certificate(word) {
        true => 0,
        // One key, three ways to sign with it.
        false if word.starts_with("rsa-sha2-") && known.contains(&"ssh-rsa") => 1,
        false if known.contains(word) => 1,
        false => 2,
    });
    (!types.is_empty()).then(|| types.join(","))
}

/// # Errors
/// If the host is not known, or is known by another key.
pub(super) fn check(wire: &Wire, route: &Route) -> Result<(), TransportError> {
    let refused = |message: String| Err(TransportError::Lasting(message));
    let Some((blob, _)) = wire.session.host_key() else {
        return refused(format!("{} has no host key", wire.to));
    };
    let (lines, names) = (load(route), names(route));
    let is_hash_of = |hashed: &str, name: &str| is_hash_of(&wire.session, hashed, name);
    if let Some(file) = &route.revoked
        && lists(file, blob)?
    {
        let (name, shown) = (&names.whole, key_blob::fingerprint(&key_blob::plain(blob)));
        let file = file.display();
        return refused(format!("the host key of {name} ({shown}) is revoked in {file}"));
    }
    let mut remark = String::new();
    if let Some(certificate) = Certificate::read(blob) {
        let mut authorities = known_hosts::authorities(&lines, &names, &is_hash_of);
        let is_known = authorities.any(|line| line.key == certificate.authority)
            && !known_hosts::is_revoked(&lines, &certificate.authority)
            && !known_hosts::is_revoked(&lines, &certificate.key);
        match vouches(&certificate, blob, is_known, principal(route))? {
            None => return Ok(()),
            Some(reason) => remark = format!("; its certificate does not count: {reason}"),
        }
    }
    let key = key_blob::plain(blob);
    let name = &names.whole;
    let fingerprint = key_blob::fingerprint(&key);
    let (accept, forget) = commands(route, name, &key);
    match known_hosts::standing(&lines, &names, &key, &is_hash_of) {
        Standing::Known => Ok(()),
        Standing::New => refused(format!(
            "the host key of {name} is not known: {fingerprint}{remark}; if the device itself shows the \
             same (ssh-keygen -lf on its host key), accept it with: {accept}"
        )),
        Standing::Changed => refused(format!(
            "the host key of {name} has changed to {fingerprint}{remark}: another device answers there, or \
             it was reinstalled; if the device itself shows the same, accept it with: \
             {forget} && {accept}"
        )),
        Standing::Revoked => {
            refused(format!("the host key of {name} ({fingerprint}) is revoked in known_hosts"))
        }
    }
}

/// Whether a list of revoked keys holds a key, or the authority of a certificate: one public key a line, or
/// the binary form.
fn lists(file: &Path, blob: &[u8]) -> Result<bool, TransportError> {
    let doing = format!("reading the revoked host keys of {}", file.display());
    let lasting = |reason: String| TransportError::Lasting(format!("{doing}: {reason}"));
    let bytes = std::fs::read(file).map_err(|error| lasting(error.to_string()))?;
    if !bytes.starts_with(REVOCATIONS) {
        let meant = [
            Some(blob.to_vec()),
            Some(key_blob::plain(blob)),
            Certificate::read(blob).map(|certificate| certificate.authority),
        ];
        let text = String::from_utf8_lossy(&bytes);
        return Ok(text
            .lines()
            .filter_map(key_blob::of_line)
            .any(|key| meant.contains(&Some(key))));
    }
    let mut verifier = Command::new(VERIFIER);
    verifier.arg("-Q").arg("-f").arg(file).arg("/dev/stdin");
    let line = key_blob::line(blob) + "\n";
    match program::ask(&mut verifier, line.as_bytes(), &doing, VERIFYING, true)? {
        Some(answer) if answer.succeeded => Ok(false),
        Some(answer) if answer.said.stdout.trim_end().ends_with("REVOKED") => Ok(true),
        Some(answer) => Err(lasting(answer.said.complaint())),
        None => Err(lasting(format!("there is no {VERIFIER} to read it"))),
    }
}

/// Why a certificate does not count, if it does not.
fn vouches(
    certificate: &Certificate,
    blob: &[u8],
    is_known: bool,
    principal: &str,
) -> Result<Option<String>, TransportError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let fits = |name: &String| known_hosts::fits(name, principal);
    let reason = if !is_known {
        "no authority of known_hosts has signed it".to_owned()
    } else if !certificate.of_a_host {
        "it is one of a user".to_owned()
    } else if !certificate.principals.iter().any(fits) {
        format!("it does not name {principal}")
    } else if now < certificate.valid_from || now >= certificate.valid_until {
        "it is not valid now".to_owned()
    } else if certificate.has_critical_options {
        "it has an option that is not known here".to_owned()
    } else {
        return verified(blob);
    };
    Ok(Some(reason))
}

/// Why a certificate was not signed by the authority that it names, if it was not.
fn verified(blob: &[u8]) -> Result<Option<String>, TransportError> {
    let mut verifier = Command::new(VERIFIER);
    let line = key_blob::line(blob) + "\n";
    let doing = "verifying the host's certificate";
    let answer =
        program::ask(verifier.args(["-L", "-f", "-"]), line.as_bytes(), doing, VERIFYING, true)?;
    Ok(match answer {
        Some(answer) if answer.succeeded => None,
        Some(answer) => Some(answer.said.complaint()),
        None => Some(format!("there is no {VERIFIER} to verify it")),
    })
}

/// The commands that accept a key, and that forget the host's others.
fn commands(route: &Route, name: &str, key: &[u8]) -> (String, String) {
    let file = route.known_hosts.first().and_then(|path| shown(path));
    let file = file.unwrap_or_else(|| OWN.to_owned());
    let line = key_blob::line(key);
    (format!("echo '{name} {line}' >> {file}"), format!("ssh-keygen -f {file} -R '{name}'"))
}

/// A path as a shell reads it; `None` where it holds something that a shell would interpret.
fn shown(path: &Path) -> Option<String> {
    let text = match path.strip_prefix(route::home()) {
        Ok(rest) => format!("~/{}", rest.to_str()?),
        Err(_) => path.to_str()?.to_owned(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "~/._-".contains(c);
    text.chars().all(plain).then_some(text)
}

/// The host's names in known_hosts.
fn names(route: &Route) -> Names {
    let host = &route.host;
    match (&route.alias, route.port) {
        (Some(alias), _) => Names { whole: alias.clone(), bare: None },
        (None, 22) => Names { whole: host.clone(), bare: None },
        (None, port) => Names { whole: format!("[{host}]:{port}"), bare: Some(host.clone()) },
    }
}

/// The name that a certificate has to hold.
fn principal(route: &Route) -> &str {
    route.alias.as_deref().unwrap_or(&route.host)
}

fn load(route: &Route) -> Vec<Line> {
    let texts = route.known_hosts.iter().filter_map(|path| std::fs::read(path).ok());
    let texts: Vec<_> = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    texts.iter().flat_map(|text| known_hosts::parse(text)).collect()
}

/// The library knows how names are hashed. Any key does for that.
fn is_hash_of(session: &Session, hashed: &str, name: &str) -> bool {
    let key = [0u8; 32];
    let line = format!("{hashed} ssh-ed25519 {}", STANDARD.encode(key));
    let Ok(mut known) = session.known_hosts() else { return false };
    !name.contains('\0')
        && known.read_str(&line, KnownHostFileKind::OpenSSH).is_ok()
        && matches!(known.check(name, &key), CheckResult::Match)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsQtGvfh6tACExKvPbJwvj4xLBYa1bY4e0tgXXF4cof";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBRspxrctEMr1yvZ0Vi2Q2JNFWHTospbg3shCKJ/R7IR";

    #[test]
    fn a_list_of_revoked_keys_counts_in_both_forms_and_is_never_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (key, other) = (key_blob::of_line(KEY).unwrap(), key_blob::of_line(OTHER).unwrap());
        std::fs::write(path("plain"), format!("# theirs\n\n{KEY} of a board\n")).unwrap();
        let mut make = Command::new(VERIFIER);
        make.arg("-q").arg("-k").arg("-f").arg(path("binary")).arg(path("plain"));
        assert!(make.status().unwrap().success());
        assert!(std::fs::read(path("binary")).unwrap().starts_with(REVOCATIONS));
        for name in ["plain", "binary"] {
            assert!(lists(&path(name), &key).unwrap(), "{name}");
            assert!(!lists(&path(name), &other).unwrap(), "{name}");
        }
        std::fs::write(path("broken"), [REVOCATIONS, b"and no more"].concat()).unwrap();
        for name in ["broken", "absent"] {
            let error = lists(&path(name), &other).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
