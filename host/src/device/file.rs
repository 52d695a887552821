//! `devices.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use pearl_agent::protocol::messages::Frequency;
use serde::Deserialize;

use crate::device::entry::{Adb, Cpus, Device, Ssh, Transport};
use crate::output::error_class::{Classified, Classify, ErrorClass};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    device: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    transport: Word,
    host: Option<String>,
    port: Option<i64>,
    user: Option<String>,
    identity: Option<PathBuf>,
    serial: Option<String>,
    cpus: Option<toml::Value>,
    threads: Option<usize>,
    #[serde(default)]
    frequency: Frequency,
    #[serde(default)]
    wrapper: Vec<String>,
    folder: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Local,
    Ssh,
    Adb,
}

/// # Errors
/// Errors of usage, in one line that names the file and the device.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Device>> {
    let text = fs::read_to_string(path)
        .map_err(|error| Classified::unreadable(ErrorClass::Usage, path, &error))?;
    let file: File = toml::from_str(&text)
        .map_err(|error| anyhow::Error::msg(one_line(&error, &text)))
        .or_class(ErrorClass::Usage)
        .with_context(|| path.display().to_string())?;
    let device = |(name, entry): (String, Entry)| {
        let context = format!("{}: device '{name}'", path.display());
        entry.device(name).map_err(anyhow::Error::msg).or_class(ErrorClass::Usage).context(context)
    };
    file.device.into_iter().map(device).collect()
}

impl Entry {
    fn device(self, name: String) -> Result<Device, String> {
        self.has_no_foreign_key()?;
        let cpus = parse_cpus(self.cpus.as_ref())?;
        if name.is_empty() {
            return Err("a device needs a name".to_owned());
        }
        if name == "local" && self.transport != Word::Local {
            return Err("this name is for the machine that runs pearl; take another".to_owned());
        }
        if self.threads == Some(0) {
            return Err("threads must be at least 1".to_owned());
        }
        if self.transport != Word::Local {
            self.wrapper.iter().try_for_each(|word| plain(word, OF_WORDS))?;
            self.folder.iter().try_for_each(|folder| plain(folder, OF_PATHS))?;
        }
        if self.wrapper.iter().any(String::is_empty) {
            return Err("a word of wrapper is empty".to_owned());
        }
        if self.folder.as_ref().is_some_and(|folder| !folder.starts_with('/')) {
            return Err("folder must begin with /".to_owned());
        }
        let transport = match self.transport {
            Word::Local => Transport::Local,
            Word::Ssh => {
                let host = self.host.ok_or("ssh needs a host, such as host = \"10.0.0.12\"")?;
                if host.is_empty() || !host.chars().all(is_of_address) || host.starts_with('-') {
                    return Err(format!("host must be a name or an address, not {host:?}"));
                }
                let valid = |port: i64| u16::try_from(port).ok().filter(|port| *port > 0);
                let wrong = "port must be a number from 1 to 65535";
                let port = self.port.map(|port| valid(port).ok_or(wrong)).transpose()?;
                let user = self.user;
                if user.as_ref().is_some_and(|user| !is_user(user)) {
                    let user = user.unwrap_or_default();
                    return Err(format!(
                        "user must be a name of A-Z, a-z, 0-9 and . _ @ + -, not {user:?}"
                    ));
                }
                Transport::Ssh(Ssh { host, port, user, identity: self.identity.map(from_home) })
            }
            Word::Adb => Transport::Adb(Adb { serial: self.serial }),
        };
        Ok(Device {
            name,
            transport,
            cpus,
            threads: self.threads.unwrap_or(1),
            frequency: self.frequency,
            wrapper: self.wrapper,
            folder: self.folder,
        })
    }

    fn has_no_foreign_key(&self) -> Result<(), String> {
        for (key, given, of) in [
            ("host", self.host.is_some(), Word::Ssh),
            ("port", self.port.is_some(), Word::Ssh),
            ("user", self.user.is_some(), Word::Ssh),
            ("identity", self.identity.is_some(), Word::Ssh),
            ("serial", self.serial.is_some(), Word::Adb),
        ] {
            if given && self.transport != of {
                let of = if of == Word::Ssh { "ssh" } else { "adb" };
                return Err(format!("{key} belongs to transport = \"{of}\""));
            }
        }
        if self.folder.is_some() && self.transport == Word::Local {
            return Err("folder belongs to transport = \"ssh\" or \"adb\"".to_owned());
        }
        Ok(())
    }
}

/// What no shell interprets in a path, beside letters and digits.
const OF_PATHS: &str = "_./-";
/// The same in a word, as in `taskset -c 4,5` and `env X=1`.
const OF_WORDS: &str = "_./-,=:+";

/// Refuses a word of a remote device's command line that some shell would interpret.
fn plain(word: &str, others: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    // Some shells look for a program that is named after a first `=`.
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('=') {
        return Ok(());
    }
    let others: Vec<_> = others.chars().map(String::from).collect();
    Err(format!(
        "{word:?} goes through the device's shell, so it may hold A-Z, a-z, 0-9 and {} only",
        others.join(" ")
    ))
}

/// The user's configuration of ssh may hand the name to a shell, as `Match exec` does with `%r`.
fn is_user(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(plain)
}

/// A host may get to a shell as a user does.
fn is_of_address(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.:%-".contains(c)
}

fn from_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path,
    }
}

fn parse_cpus(value: Option<&toml::Value>) -> Result<Cpus, String> {
    let expected =
        "cpus must be \"big\", \"little\", \"all\" or a list of processor numbers such as [2, 3]";
    match value {
        None => Ok(Cpus::All),
        Some(toml::Value::String(word)) if word == "all" => Ok(Cpus::All),
        Some(toml::Value::String(word)) if word == "big" => Ok(Cpus::Big),
        Some(toml::Value::String(word)) if word == "little" => Ok(Cpus::Little),
        Some(toml::Value::Array(list)) if !list.is_empty() => list
            .iter()
            .map(|item| item.as_integer().and_then(|cpu| usize::try_from(cpu).ok()))
            .collect::<Option<Vec<_>>>()
            .map(Cpus::List)
            .ok_or_else(|| expected.to_owned()),
        Some(other) => Err(format!("{expected}, not {other}")),
    }
}

fn one_line(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
    let line = 1 + before.matches('\n').count();
    format!("line {line}: {}", error.message().replace('\n', "; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::registry::Devices;

    fn load(text: &str) -> Result<Devices, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices.toml");
        fs::write(&path, text).unwrap();
        Devices::find(Some(&path)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_file_of_devices_is_read_and_local_is_always_there() {
        let devices = load(
            "[device.big]\ntransport = \"local\"\ncpus = [1]\nwrapper = [\"nice\", \"-n5\"]\n\
             [device.board]\ntransport = \"ssh\"\nhost = \"10.0.0.12\"\nuser = \"lab\"\n\
             wrapper = [\"env\", \"X=1\", \"taskset\", \"-c\", \"4,5\"]\nthreads = 2\nfrequency = \"fix\"\nfolder = \"/opt/pearl\"\n\
             [device.phone]\ntransport = \"adb\"\nserial = \"emulator-5554\"\n",
        )
        .unwrap();
        assert_eq!(devices.get("local").unwrap().cpus, Cpus::All);
        let big = devices.get("big").unwrap();
        assert_eq!((big.cpus.clone(), big.wrapper.len()), (Cpus::List(vec![1]), 2));
        let board = devices.get("board").unwrap();
        assert_eq!(board.transport.address(), "lab@10.0.0.12");
        assert_eq!((board.threads, board.frequency), (2, Frequency::Fix));
        assert_eq!(board.folder.as_deref(), Some("/opt/pearl"));
        assert_eq!(board.wrapper.join(" "), "env X=1 taskset -c 4,5");
        let phone = devices.get("phone").unwrap();
        assert_eq!(
            (phone.transport.word(), phone.transport.address().as_str()),
            ("adb", "emulator-5554")
        );
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named_in_one_line() {
        let ssh = "[device.a]\ntransport = \"ssh\"\nhost = \"h\"\n";
        for (text, expect) in [
            ("[device.a]\ntransport = \"local\"\ncolour = 1\n", "line 3: unknown field `colour`"),
            ("[device.a]\ntransport = \"pigeon\"\n", "pigeon"),
            ("[device.a]\ntransport = \"local\"\ncpus = \"fast\"\n", "fast"),
            ("[device.a]\ntransport = \"local\"\ncpus = [-1]\n", "processor numbers"),
            ("[device.a\n", "line 1"),
            ("devices = 3\n", "devices"),
            ("[device.a]\ntransport = \"ssh\"\n", "device 'a': ssh needs a host"),
            ("[device.a]\ntransport = \"ssh\"\nhost = \"a b\"\n", "a b"),
            ("[device.a]\ntransport = \"adb\"\nport = 22\n", "port belongs to transport = \"ssh\""),
            ("[device.a]\ntransport = \"local\"\nserial = \"x\"\n", "serial belongs to"),
            (&format!("{ssh}port = 70000\n"), "device 'a': port must be a number from 1 to 65535"),
            (&format!("{ssh}port = 0\n"), "65535"),
            (&format!("{ssh}user = \"-oProxyCommand=id\"\n"), "-oProxyCommand=id"),
            (&format!("{ssh}user = \"a b\"\n"), "user must be a name"),
            (&format!("{ssh}user = \"a$(id)\"\n"), "A-Z, a-z, 0-9 and . _ @ + -, not \"a$(id)\""),
            (&format!("{ssh}user = \"a;id\"\n"), "a;id"),
            (&format!("{ssh}user = \"a`id`\"\n"), "a`id`"),
            (&format!("{ssh}user = \"\"\n"), "user must be a name"),
            ("[device.a]\ntransport = \"ssh\"\nhost = \"h;id\"\n", "host must be a name"),
            ("[device.a]\ntransport = \"ssh\"\nhost = \"$(id)\"\n", "host must be a name"),
            ("[device.a]\ntransport = \"ssh\"\nhost = \"-h\"\n", "host must be a name"),
            (&format!("{ssh}threads = 0\n"), "threads"),
            (&format!("{ssh}frequency = \"turbo\"\n"), "turbo"),
            (&format!("{ssh}folder = \"tmp\"\n"), "folder must begin with /"),
            (&format!("{ssh}folder = \"/tmp/$(id)\"\n"), "$(id)"),
            (&format!("{ssh}wrapper = [\"nice; id\"]\n"), "nice; id"),
            (&format!("{ssh}wrapper = [\"\"]\n"), "shell"),
            (&format!("{ssh}wrapper = [\"env\", \"=ls\"]\n"), "shell"),
            (&format!("{ssh}folder = \"/tmp/a=b\"\n"), "shell"),
            ("[device.a]\ntransport = \"local\"\nwrapper = [\"\"]\n", "word of wrapper is empty"),
            ("[device.\"\"]\ntransport = \"local\"\n", "a device needs a name"),
            ("[device.local]\ntransport = \"adb\"\n", "this name is for the machine"),
            (&format!("{ssh}password = \"x\"\n"), "unknown field `password`"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(expect), "{text:?} gave {error:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn a_user_of_a_domain_and_a_host_with_a_zone_are_taken() {
        let entry = "[device.a]\ntransport = \"ssh\"\nhost = \"fe80::1%eth0\"\n";
        let devices = load(&format!("{entry}user = \"a.b-c_d+e@LAB.example\"\n")).unwrap();
        let address = devices.get("a").unwrap().transport.address();
        assert_eq!(address, "a.b-c_d+e@LAB.example@[fe80::1%eth0]");
    }

    #[test]
    fn an_unknown_device_is_refused_with_the_known_ones() {
        let error = load("").unwrap().get("pixel").unwrap_err().to_string();
        assert!(error.contains("'pixel'") && error.contains("local"), "{error}");
    }
}
