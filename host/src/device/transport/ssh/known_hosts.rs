//! Lines of known_hosts: which keys a host is known by, and which authorities may vouch for it (sshd(8),
//! "SSH_KNOWN_HOSTS FILE FORMAT").
//!
//! **Invariant:** a line that is not understood affects no other; a port that was never seen is new, whatever
//! is known of the host's other ports.

use super::key_blob;

pub(super) struct Line {
    marker: Marker,
    /// Patterns, or one hashed name.
    hosts: String,
    pub key: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Host,
    Authority,
    Revoked,
}

/// The names by which a host may be known.
pub(super) struct Names {
    /// With its port, where that is an unusual one.
    pub whole: String,
    /// Without its port. A key that is known by it is accepted, as `ssh` does; another key says nothing.
    pub bare: Option<String>,
}

/// What known_hosts says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Known,
    New,
    Changed,
    Revoked,
}

/// Whether a hashed name, such as `|1|SALT|HASH`, is this name.
pub(super) type IsHashOf<'a> = &'a dyn Fn(&str, &str) -> bool;

pub(super) fn parse(text: &str) -> impl Iterator<Item = Line> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        let (marker, line) = match line.split_once(char::is_whitespace)? {
            ("@cert-authority", rest) => (Marker::Authority, rest),
            ("@revoked", rest) => (Marker::Revoked, rest),
            (word, _) if word.starts_with(['@', '#']) => return None,
            _ => (Marker::Host, line),
        };
        let (hosts, key) = line.trim_start().split_once(char::is_whitespace)?;
        Some(Line { marker, hosts: hosts.to_owned(), key: key_blob::of_line(key)? })
    })
}

impl Line {
    fn names(&self, name: &str, is_hash_of: IsHashOf<'_>) -> bool {
        if self.hosts.starts_with('|') {
            return is_hash_of(&self.hosts, name);
        }
        let mut found = false;
        for pattern in self.hosts.split(',') {
            match pattern.strip_prefix('!') {
                Some(pattern) if fits(pattern, name) => return false,
                Some(_) => {}
                None => found |= fits(pattern, name),
            }
        }
        found
    }

    fn names_any(&self, names: &Names, is_hash_of: IsHashOf<'_>) -> bool {
        let bare = names.bare.as_ref();
        self.names(&names.whole, is_hash_of)
            || bare.is_some_and(|bare| self.names(bare, is_hash_of))
    }
}

/// The keys that may belong to a host.
pub(super) fn keys<'a>(
    lines: &'a [Line],
    names: &'a Names,
    is_hash_of: IsHashOf<'a>,
) -> impl Iterator<Item = &'a Line> {
    of(lines, Marker::Host, names, is_hash_of)
}

/// The authorities whose certificates of a host count.
pub(super) fn authorities<'a>(
    lines: &'a [Line],
    names: &'a Names,
    is_hash_of: IsHashOf<'a>,
) -> impl Iterator<Item = &'a Line> {
    of(lines, Marker::Authority, names, is_hash_of)
}

fn of<'a>(
    lines: &'a [Line],
    marker: Marker,
    names: &'a Names,
    is_hash_of: IsHashOf<'a>,
) -> impl Iterator<Item = &'a Line> {
    let marked = lines.iter().filter(move |line| line.marker == marker);
    marked.filter(move |line| line.names_any(names, is_hash_of))
}

/// Whether a key is one that nobody may use any more, of any host.
pub(super) fn is_revoked(lines: &[Line], key: &[u8]) -> bool {
    lines.iter().any(|line| line.marker == Marker::Revoked && line.key == key)
}

/// What is known of a host's key.
pub(super) fn standing(
    lines: &[Line],
    names: &Names,
    key: &[u8],
    is_hash_of: IsHashOf<'_>,
) -> Standing {
    if is_revoked(lines, key) {
        return Standing::Revoked;
    }
    let mut standing = Standing::New;
    for line in keys(lines, names, is_hash_of) {
        if line.key == key {
            return Standing::Known;
        }
        if line.names(&names.whole, is_hash_of) {
            standing = Standing::Changed;
        }
    }
    standing
}

/// Whether a name fits a pattern with `*` and `?`, in any case.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut of_name) = (0, 0);
    // The last star, and the part of the name that it stands for so far.
    let mut star = None;
    while let Some(c) = name.get(of_name) {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, of_name));
                at += 1;
            }
            (Some(p), _) if *p == b'?' || p.eq_ignore_ascii_case(c) => {
                at += 1;
                of_name += 1;
            }
            (_, Some((before, upto))) => {
                star = Some((before, upto + 1));
                (at, of_name) = (before + 1, upto + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|p| *p == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that no other number gives.
    fn key(number: u8) -> Vec<u8> {
        let mut key = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        key.extend([number; 32]);
        key
    }

    fn names(host: &str, port: u16) -> Names {
        match port {
            22 => Names { whole: host.to_owned(), bare: None },
            port => Names { whole: format!("[{host}]:{port}"), bare: Some(host.to_owned()) },
        }
    }

    fn told(text: &str, host: &str, port: u16, number: u8) -> Standing {
        let mut text = text.to_owned();
        for number in 0..4 {
            text = text.replace(&format!("KEY{number}"), &key_blob::line(&key(number)));
        }
        let lines: Vec<_> = parse(&text).collect();
        let is_hash_of: IsHashOf<'_> = &|hashed, name| hashed == format!("|1|{name}");
        standing(&lines, &names(host, port), &key(number), is_hash_of)
    }

    #[test]
    fn a_key_counts_for_the_host_that_its_line_names() {
        let text = "# board KEY0\nboard,10.0.0.2 KEY1 a comment\n\n[lab]:2222 KEY2\n*.Lab,!old.lab KEY3\n\
            |1|hidden KEY1\nboard ssh-rsa broken\n@other x KEY0\n";
        for (host, port, number, expect) in [
            ("board", 22, 1, Standing::Known),
            ("10.0.0.2", 22, 1, Standing::Known),
            ("board", 22, 2, Standing::Changed),
            ("board", 22, 0, Standing::Changed),
            ("lab", 2222, 2, Standing::Known),
            ("lab", 2222, 1, Standing::Changed),
            ("lab", 22, 2, Standing::New),
            ("new.lab", 22, 3, Standing::Known),
            ("old.lab", 22, 3, Standing::New),
            ("hidden", 22, 1, Standing::Known),
            ("hidden", 22, 2, Standing::Changed),
            ("x", 22, 0, Standing::New),
            // A port that was never seen, of a host that is known by another one.
            ("board", 2200, 2, Standing::New),
            ("board", 2200, 1, Standing::Known),
            ("lab", 2223, 3, Standing::New),
        ] {
            assert_eq!(told(text, host, port, number), expect, "{host}:{port} {number}");
        }
        assert_eq!(told("a KEY1\n@revoked * KEY1\n", "a", 22, 1), Standing::Revoked);
    }

    #[test]
    fn an_authority_is_no_key_of_a_host() {
        let text = format!("@cert-authority *.lab {}\n", key_blob::line(&key(1)));
        let lines: Vec<_> = parse(&text).collect();
        let never: IsHashOf<'_> = &|_, _| false;
        let (lab, other) = (names("a.lab", 2222), names("a.example", 22));
        assert_eq!(authorities(&lines, &lab, never).count(), 1);
        assert_eq!(authorities(&lines, &other, never).count(), 0);
        assert_eq!(standing(&lines, &lab, &key(1), never), Standing::New);
    }

    #[test]
    fn a_pattern_fits_with_stars_and_question_marks_in_any_case() {
        for (pattern, name, fit) in [
            ("*", "", true),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("10.0.?.*", "10.0.1.22", true),
            ("10.0.?.*", "10.0.12.2", false),
            ("Board", "bOARD", true),
            ("board", "boards", false),
            ("boards", "board", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
