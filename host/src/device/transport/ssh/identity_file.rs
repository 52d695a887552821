//! The files of a key: private, public, certificates.
//!
//! **Invariant:** only the public part of a private file is read here, which is never encrypted.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key_blob::{self, Fields};

pub(super) struct IdentityFile {
    /// The path of the private key, where there is such a file.
    pub private: Option<PathBuf>,
    /// The public key, where it is known without a passphrase.
    pub public: Option<Vec<u8>>,
    /// Certificates of this key.
    pub certificates: Vec<PathBuf>,
}

impl IdentityFile {
    /// `named` is the private file or the public one, `certificates` those that the user has named.
    pub fn find(named: &Path, certificates: &[PathBuf]) -> Self {
        let of_public = public_file(named);
        let private = match &of_public {
            Some(_) => named.to_str().and_then(|path| path.strip_suffix(".pub")).map(PathBuf::from),
            None => Some(named.to_owned()),
        };
        let private = private.filter(|path| path.is_file());
        let beside = with(private.as_deref().unwrap_or(named), ".pub");
        let public = of_public.or_else(|| public_file(&beside)).or_else(|| public_part(named));
        let usual = private.as_deref().map(|path| with(path, "-cert.pub"));
        let mut certificates: Vec<_> =
            usual.into_iter().chain(certificates.iter().cloned()).collect();
        certificates.retain(|path| {
            let certificate = public_file(path).filter(|blob| is_certificate(blob));
            certificate.is_some_and(|blob| {
                public.as_ref().is_none_or(|public| key_blob::plain(&blob) == *public)
            })
        });
        Self { private, public, certificates }
    }
}

fn is_certificate(blob: &[u8]) -> bool {
    key_blob::kind(blob).is_some_and(key_blob::is_of_certificate)
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The key or the certificate in a public file.
pub(super) fn public_file(path: &Path) -> Option<Vec<u8>> {
    fs::read_to_string(path).ok()?.lines().find_map(key_blob::of_line)
}

/// The public key in OpenSSH's form of a private file.
fn public_part(private: &Path) -> Option<Vec<u8>> {
    let text = fs::read_to_string(private).ok()?;
    let lines = text.lines().skip_while(|line| !line.contains("BEGIN OPENSSH PRIVATE KEY")).skip(1);
    let body: String = lines.take_while(|line| !line.starts_with("-----")).map(str::trim).collect();
    let bytes = STANDARD.decode(body).ok()?;
    let mut fields = Fields(bytes.strip_prefix(b"openssh-key-v1\0")?);
    for _ in ["cipher", "key derivation", "its options"] {
        fields.string()?;
    }
    let keys = fields.number()?;
    (keys == 1).then(|| fields.string())?.map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAsQtGvfh6tACExKvPbJwvj4xLBYa1bY4e0tgXXF4cof";
    const CERTIFIED: &str = "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIPyr5kjyHYOXTAjHWCP+1clVYVVBdl8KLt4lLdC/fNWiAAAAIAsQtGvfh6tACExKvPbJwvj4xLBYa1bY4e0tgXXF4cofAAAAAAAAAAAAAAACAAAABWJvYXJkAAAAFgAAAAkxMC43Ny4wLjIAAAAFYm9hcmQAAAAAAAAAAP//////////AAAAAAAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACAUbKca3LRDK9cr2dFYtkNiTRVh06LKW4N7IQiif0eyEQAAAFMAAAALc3NoLWVkMjU1MTkAAABAERl9LTYSGZbh6SAUaSVwcFFE9evSaObm0EXNrlUZmqPNW8WCuAquSRSLUzUiRuBgA+0D+DAU3w35qgahj1DsBg==";

    /// The beginning of a private file, as far as it is read here.
    fn private(public: &[u8]) -> String {
        let mut bytes = b"openssh-key-v1\0".to_vec();
        for field in [&b"aes256-ctr"[..], b"bcrypt", b"options"] {
            bytes.extend((field.len() as u32).to_be_bytes());
            bytes.extend(field);
        }
        bytes.extend([0, 0, 0, 1]);
        bytes.extend((public.len() as u32).to_be_bytes());
        bytes.extend(public);
        bytes.extend([7; 200]);
        let text = STANDARD.encode(bytes);
        let (one, two) = text.split_at(70);
        format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{one}\n{two}\n-----END OPENSSH PRIVATE KEY-----\n"
        )
    }

    #[test]
    fn a_key_is_known_by_any_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let public = key_blob::of_line(PUBLIC);
        fs::write(path("key"), private(public.as_ref().unwrap())).unwrap();
        let found = IdentityFile::find(&path("key"), &[]);
        assert_eq!((found.private, &found.public), (Some(path("key")), &public));
        assert_eq!(found.certificates, [""; 0].map(PathBuf::from));

        // The public half of a key that an agent holds.
        fs::write(path("held.pub"), PUBLIC).unwrap();
        let found = IdentityFile::find(&path("held.pub"), &[]);
        assert_eq!((found.private, &found.public), (None, &public));

        for name in ["key.pub", "key-cert.pub", "named"] {
            fs::write(path(name), if name == "key.pub" { PUBLIC } else { CERTIFIED }).unwrap();
        }
        for named in ["key", "key.pub"] {
            let found = IdentityFile::find(&path(named), &[path("named"), path("key.pub")]);
            assert_eq!((found.private, &found.public), (Some(path("key")), &public));
            assert_eq!(found.certificates, [path("key-cert.pub"), path("named")]);
        }
        // Files that tell nothing.
        fs::write(path("other.pub"), PUBLIC.replace("ed25519 ", "x ")).unwrap();
        fs::write(path("other"), "-----BEGIN EC PRIVATE KEY-----\n").unwrap();
        assert_eq!(IdentityFile::find(&path("other"), &[]).public, None);
    }
}
