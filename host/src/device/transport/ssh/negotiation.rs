//! Why a connection did not become a session: what the other side says before anything is encrypted.
//!
//! The library tells every failure of this time in the same words. So the beginning of another connection is
//! read here: the server's first line (RFC 4253, section 4.2) and its algorithms (section 7.1).
//!
//! **Invariant:** at most [`MOST`] bytes are read, for at most [`LIMIT`]; nothing is negotiated here.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, read, write};
use ssh2::{MethodType, Session};

use super::key_blob::Fields;
use super::timed_session::{TICK, wait_for};
use crate::device::transport::error::TransportError;
use crate::process::interrupt;

const MOST: usize = 64 << 10;
const LIMIT: Duration = Duration::from_secs(10);
const BANNER: &[u8] = b"SSH-2.0-pearl\r\n";
/// The number of the message with the algorithms, `SSH_MSG_KEXINIT`.
const KEXINIT: u8 = 20;
const COOKIE: usize = 16;
const REFUSES: &str = "a server refuses an address for a while after failed logins, or has too many \
                       connections; try again in a minute";

/// The lists of algorithms, in the order in which a server sends them.
const PARTS: [(&str, MethodType); 6] = [
    ("key exchange", MethodType::Kex),
    ("host key", MethodType::HostKey),
    ("cipher", MethodType::CryptCs),
    ("cipher", MethodType::CryptSc),
    ("MAC", MethodType::MacCs),
    ("MAC", MethodType::MacSc),
];

/// Why a handshake failed, as far as the beginning of another connection tells. `doing` begins the message.
pub(super) fn reason(socket: &OwnedFd, session: &Session, doing: &str) -> Option<TransportError> {
    let heard = hear(socket);
    if let Some(theirs) = offers(&heard) {
        let ours = PARTS.map(|(_, part)| session.supported_algs(part).unwrap_or_default());
        let reason = disagreement(&theirs, &ours)?;
        return Some(TransportError::Lasting(format!("{doing}: {reason}")));
    }
    match heard.split(|byte| *byte == b'\n').next().map(printable).unwrap_or_default().as_str() {
        "" => Some(TransportError::failed(
            doing,
            format!("it ends the connection without a word; {REFUSES}"),
        )),
        line if line.starts_with("SSH-") => None,
        line => Some(TransportError::failed(
            doing,
            format!("it says '{line}' and not what an ssh server says; {REFUSES}"),
        )),
    }
}

fn hear(socket: &OwnedFd) -> Vec<u8> {
    // A server that is gone already has said what it had to say.
    let _ = write(socket, BANNER);
    let mut heard = Vec::new();
    let mut chunk = [0u8; 4096];
    let start = Instant::now();
    while start.elapsed() < LIMIT && heard.len() < MOST && !interrupt::requested() {
        if wait_for(&mut [PollFd::new(socket, PollFlags::IN)], TICK).is_err() {
            break;
        }
        match read(socket, &mut chunk) {
            Ok(0) => break,
            Ok(length) => heard.extend_from_slice(&chunk[..length]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => break,
        }
        if offers(&heard).is_some() {
            break;
        }
    }
    heard
}

/// The server's lists of algorithms, once all have arrived.
fn offers(heard: &[u8]) -> Option<Vec<String>> {
    let mut rest = heard;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.starts_with(b"SSH-") {
            break;
        }
    }
    let packet = Fields(rest).string()?;
    let message = packet.get(1..)?.strip_prefix(&[KEXINIT])?;
    let mut lists = Fields(message.get(COOKIE..)?);
    PARTS.iter().map(|_| lists.string().map(printable)).collect()
}

/// Which part the two sides do not agree on, and what each offers.
fn disagreement(theirs: &[String], ours: &[Vec<&str>]) -> Option<String> {
    let mut sealed = false;
    for (((part, _), theirs), ours) in PARTS.iter().zip(theirs).zip(ours) {
        let common = ours.iter().find(|word| theirs.split(',').any(|their| their == **word));
        match (common, *part) {
            (Some(cipher), "cipher") => {
                sealed = cipher.contains("gcm") || cipher.contains("poly1305")
            }
            (Some(_), _) => {}
            // Such ciphers need no MAC.
            (None, "MAC") if sealed => {}
            (None, part) => {
                let (ours, theirs) = (cut(&ours.join(",")), cut(theirs));
                return Some(format!(
                    "no {part} in common: it offers {theirs}, and this program {ours}"
                ));
            }
        }
    }
    None
}

fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().chars().filter(|c| !c.is_control()).collect()
}

/// Its beginning, where it is long.
fn cut(list: &str) -> String {
    list.chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn said(lists: [&str; 6]) -> Vec<u8> {
        let mut message = vec![0, KEXINIT];
        message.extend([7; COOKIE]);
        for list in lists {
            message.extend((list.len() as u32).to_be_bytes());
            message.extend(list.as_bytes());
        }
        let mut said = b"a notice\r\nSSH-2.0-OpenSSH_9.2\r\n".to_vec();
        said.extend((message.len() as u32).to_be_bytes());
        said.extend(message);
        said
    }

    #[test]
    fn the_part_without_anything_in_common_is_named_with_both_lists() {
        let ours = ["kex1,kex2", "key1", "aes-gcm,aes-ctr", "aes-gcm,aes-ctr", "mac1", "mac1"]
            .map(|list| list.split(',').collect::<Vec<_>>());
        for (theirs, expect) in [
            (["kex2", "key1", "aes-ctr", "aes-ctr", "mac1", "mac1"], None),
            (["kex2", "key1", "aes-gcm", "aes-gcm", "mac9", "mac9"], None),
            (
                ["kex9", "key1", "aes-ctr", "aes-ctr", "mac1", "mac1"],
                Some("no key exchange in common: it offers kex9, and this program kex1,kex2"),
            ),
            (["kex1", "key9", "aes-ctr", "aes-ctr", "mac1", "mac1"], Some("no host key")),
            (["kex1", "key1", "aes-ctr", "aes-cbc", "mac1", "mac1"], Some("no cipher")),
            (["kex1", "key1", "aes-ctr", "aes-ctr", "mac9", "mac1"], Some("no MAC")),
        ] {
            let offered = offers(&said(theirs)).unwrap();
            let told = disagreement(&offered, &ours);
            match expect {
                Some(expect) => assert!(told.unwrap().starts_with(expect), "{theirs:?}"),
                None => assert_eq!(told, None, "{theirs:?}"),
            }
        }
        let whole = said(["a", "b", "c", "d", "e", "f"]);
        assert!((0..whole.len()).all(|length| offers(&whole[..length]).is_none()));
    }

    #[test]
    fn a_server_that_refuses_is_quoted_with_what_to_do() {
        for (said, expect) in
            [("", "without a word"), ("Not allowed at this time\r\n", "'Not allowed at this time'")]
        {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            theirs.write_all(said.as_bytes()).unwrap();
            drop(theirs);
            let told = reason(&ours.into(), &Session::new().unwrap(), "connecting").unwrap();
            let told = told.to_string();
            assert!(told.contains(expect) && told.contains("failed logins"), "{told}");
        }
    }
}
