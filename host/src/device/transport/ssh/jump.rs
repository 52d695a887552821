//! Reaching a device through other hosts or programs, as `ProxyJump` and `ProxyCommand` of
//! `~/.ssh/config` say.
//!
//! Jumps are made by the system's `ssh -W`, so the hosts on the way are reached, known and logged in to as
//! `ssh` does it. Nobody is asked for a password on the way.
//!
//! **Invariant:** no shell is started to read a `ProxyCommand`: it is split into words as a shell would do
//! it, and one that needs a shell is refused. Where it names a shell itself, what `devices.toml` puts into its
//! words is nothing that a shell interprets. The program ends with the connection.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program on the way may take to say why it ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(5);
/// As long as a direct link that is dead is borne: three probes of 20 s.
const OPTIONS: [&str; 4] =
    ["BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=20", "ServerAliveCountMax=3"];

/// The program that leads to a device; it is ended when dropped.
pub(super) struct Jump {
    child: Child,
    program: String,
    said: Arc<Mutex<String>>,
}

/// The words that make the program `ssh` lead to `host` through `hops`, such as `me@gate:2222,inner`.
pub(super) fn through(ssh: String, hops: &str, host: &str, port: u16) -> Vec<String> {
    let (earlier, last) = match hops.rsplit_once(',') {
        Some((earlier, last)) => (Some(earlier), last),
        None => (None, hops),
    };
    let mut words = vec![ssh];
    words.extend(OPTIONS.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]));
    words.extend(earlier.into_iter().flat_map(|hops| ["-J".to_owned(), hops.to_owned()]));
    words.extend(["-W".to_owned(), format!("[{host}]:{port}")]);
    // Only in this form may the last host have a port.
    words.push(match last.starts_with("ssh://") {
        true => last.to_owned(),
        false => format!("ssh://{last}"),
    });
    words
}

/// The words of a `ProxyCommand`, each with its tokens replaced.
///
/// # Errors
/// Why the command cannot be run without a shell, or a token is not known.
pub(super) fn words(
    command: &str,
    token: impl Fn(char) -> Option<String>,
) -> Result<Vec<String>, String> {
    let command = command.trim();
    let command = command.strip_prefix("exec ").unwrap_or(command);
    let quiet = ["2>/dev/null", "2> /dev/null"].iter().find_map(|end| command.strip_suffix(end));
    let words = split(quiet.unwrap_or(command))?;
    match words.first() {
        None => return Err("it is empty".to_owned()),
        Some(first) if first.contains('=') => return Err("it sets a variable".to_owned()),
        Some(_) => {}
    }
    words.iter().map(|word| expand(word, &token)).collect()
}

/// Replaces `%x` by what `token` says of `x`.
///
/// # Errors
/// The token that is not known.
pub(super) fn expand(
    word: &str,
    token: &impl Fn(char) -> Option<String>,
) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = word.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => {
                let name = rest.next().unwrap_or('%');
                let value = if name == '%' { Some("%".to_owned()) } else { token(name) };
                expanded += &value.ok_or_else(|| format!("%{name} is not known here"))?;
            }
            c => expanded.push(c),
        }
    }
    Ok(expanded)
}

/// Splits a command at its blanks, as a shell does it.
fn split(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = command.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '$' | '`') => return Err(format!("{c} needs a shell")),
            (Some(_), '\\') => {
                let next = rest.next().ok_or("a backslash ends it")?;
                let word = word.get_or_insert_default();
                if next != '"' && next != '\\' {
                    word.push('\\');
                }
                word.push(next);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => {
                let next = rest.next().ok_or("a backslash ends it")?;
                word.get_or_insert_default().push(next);
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?') => {
                return Err(format!("{c} needs a shell"));
            }
            (None, '~' | '#') if word.is_none() => return Err(format!("{c} needs a shell")),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark is left open".to_owned());
    }
    words.extend(word);
    Ok(words)
}

impl Jump {
    /// Starts the program; its stdin and stdout are the other end of the socket.
    pub fn start(words: &[String]) -> io::Result<(OwnedFd, Self)> {
        let (program, arguments) =
            words.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (stdin, stdout) = (OwnedFd::from(theirs.try_clone()?), OwnedFd::from(theirs));
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| io::Error::other(format!("{program} cannot be started: {error}")))?;
        let said = Arc::new(Mutex::new(String::new()));
        if let Some(stderr) = child.stderr.take() {
            let said = Arc::clone(&said);
            thread::spawn(move || keep_last(stderr, &said));
        }
        Ok((ours.into(), Self { child, program: program.clone(), said }))
    }

    /// What the program says of a connection that failed.
    pub fn last_words(&mut self) -> String {
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < LAST_WORDS {
            thread::sleep(TICK);
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said.as_str() {
            "" => format!("{} on the way there says nothing", self.program),
            said => format!("{} on the way there says: {said}", self.program),
        }
    }
}

impl Drop for Jump {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep_last(stderr: ChildStderr, said: &Mutex<String>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    // A line without an end is cut, so that it is not kept whole.
    while let Ok(1..) = (&mut stderr).take(4096).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        let text: String = text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
        line.clear();
        if !text.is_empty() {
            *said.lock().unwrap_or_else(PoisonError::into_inner) = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn told(command: &str) -> Result<Vec<String>, String> {
        words(command, |name| match name {
            'h' => Some("a b".to_owned()),
            'p' => Some("22".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn a_proxy_command_is_split_as_a_shell_does_it() {
        for (command, expect) in [
            ("nc %h %p", &["nc", "a b", "22"][..]),
            ("exec  nc -x \"a \\\"c\" '%h' 2>/dev/null", &["nc", "-x", "a \"c", "a b"]),
            ("sh -c 'exec nc $1' x\\ y \"\"", &["sh", "-c", "exec nc $1", "x y", ""]),
            ("nc [%h]:%p 100%%", &["nc", "[a b]:22", "100%"]),
        ] {
            assert_eq!(told(command).unwrap(), expect, "{command}");
        }
        for (command, expect) in [
            ("nc %h | tee log", "| needs a shell"),
            ("nc \"$HOST\"", "$ needs a shell"),
            ("~/bin/way %h", "~ needs a shell"),
            ("X=1 nc", "sets a variable"),
            ("nc 'x", "left open"),
            ("nc %C", "%C is not known"),
            ("  ", "empty"),
        ] {
            let error = told(command).unwrap_err();
            assert!(error.contains(expect), "{command}: {error}");
        }
    }

    #[test]
    fn the_last_host_on_the_way_opens_the_connection_and_the_others_lead_to_it() {
        let words = through("ssh".to_owned(), "me@gate:2222,inner:23", "fe80::1", 2200);
        let end = &words[words.len() - 5..];
        assert_eq!(end, ["-J", "me@gate:2222", "-W", "[fe80::1]:2200", "ssh://inner:23"]);
        let words = through("ssh".to_owned(), "gate", "board", 22);
        assert!(words[0] == "ssh" && !words.contains(&"-J".to_owned()), "{words:?}");
    }

    #[test]
    fn a_program_on_the_way_carries_bytes_and_tells_why_it_ended() {
        let words = ["sh", "-c", "head -c 3; echo no route >&2"].map(str::to_owned);
        let (socket, mut jump) = Jump::start(&words).unwrap();
        let mut stream = UnixStream::from(socket);
        stream.set_nonblocking(false).unwrap();
        stream.write_all(b"abc").unwrap();
        let mut back = String::new();
        stream.read_to_string(&mut back).unwrap();
        assert_eq!(back, "abc");
        assert!(jump.last_words().ends_with("no route"), "{}", jump.last_words());
        assert!(Jump::start(&["/nowhere/program".to_owned()]).is_err());
    }
}
