//! Public keys and certificates in the form in which ssh sends them (RFC 4253, section 6.6; OpenSSH's
//! `PROTOCOL.certkeys`).
//!
//! **Invariant:** a blob is read within its bounds; no signature is checked here.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use pearl_agent::protocol::content_hash::sha256;

const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// Reads numbers and byte strings one after the other.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn long_number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string()?).ok()
    }
}

/// What a certificate says, whoever signed it.
pub(super) struct Certificate {
    /// The key that is certified.
    pub key: Vec<u8>,
    pub of_a_host: bool,
    pub principals: Vec<String>,
    /// Seconds since 1970.
    pub valid_from: u64,
    pub valid_until: u64,
    pub has_critical_options: bool,
    /// The key of the authority that signed it.
    pub authority: Vec<u8>,
}

impl Certificate {
    /// `None` if the blob is no certificate.
    pub fn read(blob: &[u8]) -> Option<Self> {
        let mut fields = Fields(blob);
        let plain_kind = plain_kind(fields.text()?)?;
        fields.string()?;
        let mut key = Vec::new();
        append(&mut key, plain_kind.as_bytes());
        for _ in 0..key_fields(&plain_kind)? {
            append(&mut key, fields.string()?);
        }
        fields.long_number()?;
        let of_a_host = fields.number()? == 2;
        fields.string()?;
        let mut names = Fields(fields.string()?);
        let mut principals = Vec::new();
        while !names.0.is_empty() {
            principals.push(names.text()?.to_owned());
        }
        let (valid_from, valid_until) = (fields.long_number()?, fields.long_number()?);
        let has_critical_options = !fields.string()?.is_empty();
        fields.string()?;
        fields.string()?;
        let authority = fields.string()?.to_owned();
        Some(Self {
            key,
            of_a_host,
            principals,
            valid_from,
            valid_until,
            has_critical_options,
            authority,
        })
    }
}

/// The type of a certified key, where `kind` is the type of a certificate.
fn plain_kind(kind: &str) -> Option<String> {
    let plain = kind.strip_suffix(CERTIFICATE)?;
    let domain = if plain.starts_with("sk-") { "@openssh.com" } else { "" };
    Some(format!("{plain}{domain}"))
}

/// Of how many strings a key of this type consists.
fn key_fields(kind: &str) -> Option<usize> {
    match kind {
        "ssh-ed25519" => Some(1),
        "ssh-rsa" | "sk-ssh-ed25519@openssh.com" => Some(2),
        "sk-ecdsa-sha2-nistp256@openssh.com" => Some(3),
        ecdsa if ecdsa.starts_with("ecdsa-sha2-") => Some(2),
        _ => None,
    }
}

fn append(to: &mut Vec<u8>, string: &[u8]) {
    to.extend((string.len() as u32).to_be_bytes());
    to.extend(string);
}

/// The first string of a key's bytes names its type.
pub(super) fn kind(blob: &[u8]) -> Option<&str> {
    Fields(blob).text()
}

/// Whether a word names the type of a certificate.
pub(super) fn is_of_certificate(kind: &str) -> bool {
    kind.ends_with(CERTIFICATE)
}

/// The key itself, without its certificate.
pub(super) fn plain(blob: &[u8]) -> Vec<u8> {
    Certificate::read(blob).map_or_else(|| blob.to_vec(), |certificate| certificate.key)
}

/// As `ssh-keygen -lf` shows it.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    let hex = sha256(blob);
    let bytes: Vec<_> = (0..hex.len() / 2)
        .filter_map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    format!("SHA256:{}", STANDARD_NO_PAD.encode(bytes))
}

/// The key in a line such as `ssh-ed25519 AAAA… comment`.
pub(super) fn of_line(line: &str) -> Option<Vec<u8>> {
    let mut words = line.split_whitespace();
    let (word, blob) = (words.next()?, STANDARD.decode(words.next()?).ok()?);
    (kind(&blob) == Some(word)).then_some(blob)
}

/// A line that [`of_line`] reads.
pub(super) fn line(blob: &[u8]) -> String {
    format!("{} {}", kind(blob).unwrap_or_default(), STANDARD.encode(blob))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsQtGvfh6tACExKvPbJwvj4xLBYa1bY4e0tgXXF4cof";
    const CERTIFIED: &str = "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIPyr5kjyHYOXTAjHWCP+1clVYVVBdl8KLt4lLdC/fNWiAAAAIAsQtGvfh6tACExKvPbJwvj4xLBYa1bY4e0tgXXF4cofAAAAAAAAAAAAAAACAAAABWJvYXJkAAAAFgAAAAkxMC43Ny4wLjIAAAAFYm9hcmQAAAAAAAAAAP//////////AAAAAAAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACAUbKca3LRDK9cr2dFYtkNiTRVh06LKW4N7IQiif0eyEQAAAFMAAAALc3NoLWVkMjU1MTkAAABAERl9LTYSGZbh6SAUaSVwcFFE9evSaObm0EXNrlUZmqPNW8WCuAquSRSLUzUiRuBgA+0D+DAU3w35qgahj1DsBg==";
    const AUTHORITY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBRspxrctEMr1yvZ0Vi2Q2JNFWHTospbg3shCKJ/R7IR";

    #[test]
    fn a_certificate_holds_its_key_and_that_of_its_authority() {
        let (key, certificate) = (of_line(KEY).unwrap(), of_line(CERTIFIED).unwrap());
        let read = Certificate::read(&certificate).unwrap();
        assert!(read.of_a_host && !read.has_critical_options);
        assert_eq!(read.principals, ["10.77.0.2", "board"]);
        assert_eq!((read.valid_from, read.valid_until), (0, u64::MAX));
        assert_eq!(read.authority, of_line(AUTHORITY).unwrap());
        assert_eq!((&read.key, plain(&certificate)), (&key, key.clone()));
        assert_eq!(plain(&key), key);
        assert_eq!(fingerprint(&key), "SHA256:KI/MN+KIibrLDXz8+OI8EupJ/A37bw49ADq9Sy4TXbk");
        assert_eq!(format!("{} a comment", line(&key)), format!("{KEY} a comment"));
    }

    #[test]
    fn a_blob_that_is_cut_anywhere_is_no_certificate() {
        let certificate = of_line(CERTIFIED).unwrap();
        let signature = certificate.len() - 87;
        for length in 0..signature {
            assert!(Certificate::read(&certificate[..length]).is_none(), "{length}");
        }
        assert!(of_line("ssh-rsa AAAA").is_none() && of_line("").is_none());
    }
}
