//! Where a device is, and how to log in there: its entry in `devices.toml`, completed from the user's
//! configuration of ssh.
//!
//! The system's own `ssh -G HOST` reads that configuration, so it counts as it does for `ssh`. Without that
//! program the entry counts alone.
//!
//! **Invariant:** what the entry says comes before what the configuration says; a part of an option that is
//! not known here is refused by name, and never left out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::jump;
use crate::device::entry::Ssh;
use crate::device::transport::error::TransportError;
use crate::device::transport::program;
use crate::device::transport::shell::Said;

/// Variable that names the program; without it, `ssh` is found on PATH.
const VARIABLE: &str = "PEARL_SSH";
/// `ssh -G` may ask a name server, and run what the user's configuration names.
const READING: Duration = Duration::from_secs(10);
const SYSTEM: [&str; 2] = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];
const PORT: u16 = 22;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub host: String,
    pub port: u16,
    pub user: String,
    /// The name of the host in known_hosts, where it is another one.
    pub alias: Option<String>,
    /// Keys that the user has named; the private file or the public one. The first is the entry's, if any.
    pub identities: Vec<PathBuf>,
    /// Certificates that the user has named.
    pub certificates: Vec<PathBuf>,
    /// Whether keys of the SSH agent that are not among the identities are left out.
    pub only_identities: bool,
    pub agent: SshAgent,
    pub known_hosts: Vec<PathBuf>,
    /// Keys that no host may have, if the user has named such a file.
    pub revoked: Option<PathBuf>,
    /// The program that leads to the host, where there is no direct way.
    pub jump: Option<Vec<String>>,
    /// Whether there is a configuration that could not be read, because `ssh` is missing.
    pub unread: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SshAgent {
    /// That of `SSH_AUTH_SOCK`.
    Usual,
    At(PathBuf),
    None,
}

impl Route {
    /// # Errors
    /// If the configuration is wrong, or asks for what there is not.
    pub fn of(settings: &Ssh) -> Result<Self, TransportError> {
        if let Some(identity) = settings.identity.as_ref().filter(|path| !path.is_file()) {
            let path = identity.display();
            return Err(TransportError::Lasting(format!("identity {path}: no such file")));
        }
        let home = home();
        let own = home.join(".ssh/config");
        let mut ssh = Command::new(program());
        ssh.args(["-G", "-T"]);
        if let Some(port) = settings.port {
            ssh.arg("-p").arg(port.to_string());
        }
        if let Some(user) = &settings.user {
            ssh.arg("-l").arg(user);
        }
        let doing = format!("reading the configuration of ssh for {}", settings.host);
        let lasting = |reason: String| TransportError::Lasting(format!("{doing}: {reason}"));
        match program::ask(ssh.arg(&settings.host), b"", &doing, READING, true)? {
            Some(answer) if answer.succeeded => {
                read(&answer.said.stdout, settings, &home).map_err(lasting)
            }
            // An `ssh` of another make: without a configuration its answer does not matter.
            Some(_) if !own.exists() => Ok(Self::plain(settings, &home)),
            Some(answer) => {
                // The first line has the reason, the last one counts the errors.
                let reason = answer.said.stderr.lines().next().unwrap_or_default().to_owned();
                Err(lasting(Said { stdout: String::new(), stderr: reason }.complaint()))
            }
            None if std::env::var_os(VARIABLE).is_some() => {
                Err(lasting(format!("there is no {}; see {VARIABLE}", program().display())))
            }
            None => Ok(Self { unread: own.exists(), ..Self::plain(settings, &home) }),
        }
    }

    /// Of the entry alone.
    fn plain(settings: &Ssh, home: &Path) -> Self {
        let user = settings.user.clone().or_else(|| std::env::var("USER").ok());
        Self {
            host: settings.host.to_ascii_lowercase(),
            port: settings.port.unwrap_or(PORT),
            user: user.unwrap_or_else(|| "root".to_owned()),
            alias: None,
            identities: settings.identity.iter().cloned().collect(),
            certificates: Vec::new(),
            only_identities: false,
            agent: SshAgent::Usual,
            known_hosts: own_known_hosts(home).chain(SYSTEM.map(PathBuf::from)).collect(),
            revoked: None,
            jump: None,
            unread: false,
        }
    }

    /// `user@host:port`, for messages.
    pub fn to(&self) -> String {
        let Self { host, port, user, .. } = self;
        if host.contains(':') {
            format!("{user}@[{host}]:{port}")
        } else {
            format!("{user}@{host}:{port}")
        }
    }
}

/// The `ssh` of this machine.
fn program() -> OsString {
    std::env::var_os(VARIABLE).unwrap_or_else(|| "ssh".into())
}

pub(super) fn home() -> PathBuf {
    std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default()
}

/// The name of this machine, with its domain where it has one.
fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn own_known_hosts(home: &Path) -> impl Iterator<Item = PathBuf> {
    ["known_hosts", "known_hosts2"].map(|name| home.join(".ssh").join(name)).into_iter()
}

/// What `ssh -G` prints: a keyword in small letters and its value a line.
#[derive(Clone, Copy)]
struct Printed<'a>(&'a str);

impl<'a> Printed<'a> {
    fn all(self, key: &'static str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| {
            let (word, value) = line.split_once(' ')?;
            (word == key && !value.trim().is_empty()).then(|| value.trim())
        })
    }

    fn one(self, key: &'static str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// As [`Self::one`], of an option that `none` switches off.
    fn some(self, key: &'static str) -> Option<&'a str> {
        self.one(key).filter(|value| *value != "none")
    }
}

fn read(printed: &str, settings: &Ssh, home: &Path) -> Result<Route, String> {
    let printed = Printed(printed);
    let plain = Route::plain(settings, home);
    let host = printed.one("hostname").ok_or("it names no host")?.to_owned();
    let port = printed.one("port").and_then(|port| port.parse().ok()).unwrap_or(plain.port);
    let user = match &settings.user {
        Some(user) => user.clone(),
        None => printed.one("user").map_or(plain.user, str::to_owned),
    };
    let token = |name: char| match name {
        'h' => Some(host.clone()),
        'n' => Some(settings.host.clone()),
        'p' => Some(port.to_string()),
        'r' => Some(user.clone()),
        'd' => Some(home.display().to_string()),
        'k' => Some(printed.some("hostkeyalias").unwrap_or(&settings.host).to_owned()),
        'u' => std::env::var("USER").ok(),
        'i' => Some(rustix::process::getuid().as_raw().to_string()),
        'l' => Some(machine()),
        'L' => machine().split('.').next().map(str::to_owned),
        _ => None,
    };
    let path = |text: &str| match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(text),
    };
    let file = |key: &str, text: &str| match jump::expand(text, &token) {
        Ok(text) => Ok(path(&text)),
        Err(reason) => Err(format!("{key} `{text}`: {reason}")),
    };

    let named: Vec<_> = printed.all("identityfile").collect();
    let named = if are_usual(&named) { Vec::new() } else { named };
    let mut identities = plain.identities;
    for text in named {
        identities.extend(Some(file("identityfile", text)?).filter(|path| path.is_file()));
    }
    let certificates = printed.all("certificatefile").map(|text| file("certificatefile", text));
    let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
    let agent = match printed.one("identityagent") {
        None | Some("SSH_AUTH_SOCK") => SshAgent::Usual,
        Some("none") => SshAgent::None,
        Some(text) => match text.strip_prefix('$') {
            Some(variable) => {
                std::env::var_os(variable).map_or(SshAgent::None, |path| SshAgent::At(path.into()))
            }
            None => SshAgent::At(file("identityagent", text)?),
        },
    };
    let jump = match (printed.some("proxyjump"), printed.some("proxycommand")) {
        (Some(hops), _) => {
            let wrong = |reason| format!("ProxyJump `{hops}`: {reason}");
            let hops = jump::expand(hops, &token).map_err(wrong)?;
            let ssh = program().to_string_lossy().into_owned();
            Some(jump::through(ssh, &hops, &host, port))
        }
        (None, Some(command)) => {
            if printed.one("proxyusefdpass") == Some("yes") {
                return Err("ProxyUseFdpass is not known here".to_owned());
            }
            let wrong =
                |reason| format!("ProxyCommand `{command}`: {reason}; put it into a script");
            Some(jump::words(command, token).map_err(wrong)?)
        }
        (None, None) => None,
    };
    let listed = |key| -> Result<Vec<PathBuf>, String> {
        let words = printed.some(key).into_iter().flat_map(str::split_whitespace);
        words.map(|text| file(key, text)).collect()
    };
    let own = listed("userknownhostsfile")?;
    let mut known_hosts = if are_own(&own) { own_known_hosts(home).collect() } else { own };
    known_hosts.extend(listed("globalknownhostsfile")?);
    let revoked = printed.some("revokedhostkeys").map(|text| file("revokedhostkeys", text));
    let revoked = revoked.transpose()?;
    Ok(Route {
        alias: printed.some("hostkeyalias").map(str::to_ascii_lowercase),
        only_identities: printed.one("identitiesonly") == Some("yes"),
        unread: false,
        host,
        port,
        user,
        identities,
        certificates,
        agent,
        known_hosts,
        revoked,
        jump,
    })
}

/// Whether these are the keys that `ssh` takes where the user has named none: a list of all there may be.
fn are_usual(files: &[&str]) -> bool {
    let usual =
        |file: &&str| file.strip_prefix("~/.ssh/").is_some_and(|name| name.starts_with("id_"));
    files.len() >= 4 && files.iter().all(usual)
}

/// Whether these are the files that `ssh` takes where the user has named none. It does not ask `HOME` for
/// them.
fn are_own(files: &[PathBuf]) -> bool {
    matches!(files, [one, two] if one.ends_with(".ssh/known_hosts") && two.ends_with(".ssh/known_hosts2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str = "host Board\nuser anna\nhostname board\nport 22\nidentitiesonly no\n\
        identityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ecdsa\nidentityfile ~/.ssh/id_ed25519\n\
        identityfile ~/.ssh/id_dsa\nglobalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n\
        userknownhostsfile /home/anna/.ssh/known_hosts /home/anna/.ssh/known_hosts2\n";

    fn settings() -> Ssh {
        Ssh { host: "Board".to_owned(), port: None, user: None, identity: None }
    }

    #[test]
    fn without_a_configuration_the_entry_counts_alone() {
        let home = Path::new("/other");
        let route = read(USUAL, &settings(), home).unwrap();
        let plain = Route::plain(&settings(), home);
        assert_eq!(route, Route { user: "anna".to_owned(), ..plain });
        assert_eq!((route.host.as_str(), route.to().as_str()), ("board", "anna@board:22"));
    }

    #[test]
    fn what_ssh_reads_of_a_host_counts_and_the_entry_before_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".ssh")).unwrap();
        for key in ["board7", "own"] {
            std::fs::write(folder.path().join(".ssh").join(key), "").unwrap();
        }
        let printed = "host board7\nuser lab\nhostname 10.0.0.7\nport 2222\nidentitiesonly yes\n\
            identityfile %d/.ssh/board7\nidentityfile ~/.ssh/absent\ncertificatefile ~/c\n\
            identityagent ~/agent\nhostkeyalias Lab7\nuserknownhostsfile ~/kh\nproxyjump me@gate:23,inner\n";
        let key = folder.path().join(".ssh/own");
        let own = Ssh { user: Some("me".to_owned()), identity: Some(key.clone()), ..settings() };
        let route = read(printed, &own, folder.path()).unwrap();
        assert_eq!(route.to(), "me@10.0.0.7:2222");
        assert_eq!(route.identities, [key, folder.path().join(".ssh/board7")]);
        assert_eq!((route.only_identities, route.alias.as_deref()), (true, Some("lab7")));
        assert_eq!(route.agent, SshAgent::At(folder.path().join("agent")));
        assert_eq!(route.known_hosts, [folder.path().join("kh")]);
        assert_eq!(route.jump.unwrap().last().unwrap(), "ssh://inner");
    }

    #[test]
    fn a_token_gets_its_value_and_one_that_is_not_known_is_refused_by_name() {
        let home = Path::new("/home/anna");
        let read = |more: &str| read(&format!("{USUAL}{more}\n"), &settings(), home);
        let machine = machine();
        let short = machine.split('.').next().unwrap();
        let user = rustix::process::getuid().as_raw();
        for (more, expect) in [
            ("certificatefile ~/%k-%n-%h", "/home/anna/Board-Board-board".to_owned()),
            ("hostkeyalias Lab7\ncertificatefile %d/%k", "/home/anna/Lab7".to_owned()),
            ("certificatefile /%i-%%", format!("/{user}-%")),
            ("certificatefile /%L_%l", format!("/{short}_{machine}")),
        ] {
            assert_eq!(read(more).unwrap().certificates, [PathBuf::from(expect)], "{more}");
        }
        for more in [
            "certificatefile ~/%C",
            "identityfile ~/%C",
            "identityagent ~/%C",
            "userknownhostsfile ~/a ~/%C",
            "globalknownhostsfile ~/%C",
            "revokedhostkeys ~/%C",
        ] {
            // Of two values the first counts.
            let printed = format!("hostname board\n{more}\n");
            let refused = super::read(&printed, &settings(), home).unwrap_err();
            let key = more.split(' ').next().unwrap();
            assert!(refused.starts_with(key) && refused.contains("%C is not known"), "{refused}");
        }
        let revoked = |more: &str| read(more).unwrap().revoked;
        assert_eq!(revoked("revokedhostkeys ~/no"), Some(PathBuf::from("/home/anna/no")));
        assert_eq!((revoked("revokedhostkeys none"), revoked("")), (None, None));
    }

    #[test]
    fn the_hosts_of_a_jump_may_be_named_by_tokens() {
        let read = |more: &str| read(&format!("{USUAL}{more}\n"), &settings(), Path::new("/"));
        let jump = read("proxyjump %r@gate-%n:23,%h.lab:%p").unwrap().jump.unwrap();
        let end = &jump[jump.len() - 5..];
        assert_eq!(end, ["-J", "anna@gate-Board:23", "-W", "[board]:22", "ssh://board.lab:22"]);
        let refused = read("proxyjump gate,%C.lab").unwrap_err();
        assert!(refused.contains("ProxyJump `gate,%C.lab`: %C is not known"), "{refused}");
    }

    #[test]
    fn a_proxy_command_gets_the_host_that_is_meant() {
        let read = |more: &str| read(&format!("{USUAL}{more}\n"), &settings(), Path::new("/"));
        let route = read("proxycommand nc -x proxy %h %p %r %n").unwrap();
        assert_eq!(route.jump.unwrap(), ["nc", "-x", "proxy", "board", "22", "anna", "Board"]);
        let refused = read("proxycommand nc %h | tee log").unwrap_err();
        assert!(refused.contains("nc %h | tee log") && refused.contains("script"), "{refused}");
        assert_eq!(read("proxycommand none").unwrap().jump, None);
        assert!(super::read("user a\n", &settings(), Path::new("/")).is_err());
    }
}
