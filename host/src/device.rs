//! Devices: where networks are measured.
//!
//! **Invariant:** `local` always exists; what a user writes in `devices.toml` is checked whole
//! before anything is measured, unknown keys included.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use fs_err as fs;
use pearl_agent::agent::{Frequency, Platform};
use serde::Deserialize;

use crate::exit::{Classify, Fault, Kind};

/// One entry of `devices.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub transport: Transport,
    pub cpus: Cpus,
    /// Of the engine's matrix products.
    pub threads: usize,
    pub frequency: Frequency,
    /// Words put before the agent.
    pub wrapper: Vec<String>,
    /// Where the agent lives on the device; absent where it finds a place itself.
    pub folder: Option<String>,
}

/// How a device is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    Local,
}

/// Which processors a device measures on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cpus {
    /// Left to the scheduler.
    All,
    /// The most capable cluster.
    Big,
    /// The least capable cluster.
    Little,
    List(Vec<usize>),
}

impl Cpus {
    /// As the agent is told: empty leaves the choice to the scheduler.
    pub fn on(&self, platform: &Platform) -> Vec<usize> {
        let cluster = match self {
            Self::All => None,
            Self::List(list) => return list.clone(),
            Self::Big => platform.clusters.last(),
            Self::Little => platform.clusters.first(),
        };
        cluster.map(|cluster| cluster.cpus.clone()).unwrap_or_default()
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Big => f.write_str("big"),
            Self::Little => f.write_str("little"),
            Self::List(list) => write!(f, "{list:?}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    device: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    transport: TransportName,
    #[serde(default)]
    cpus: Option<toml::Value>,
    #[serde(default)]
    wrapper: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum TransportName {
    Local,
}

/// The devices that a user can name.
#[derive(Debug)]
pub struct Devices {
    all: BTreeMap<String, Device>,
    source: Option<PathBuf>,
}

impl Devices {
    /// Reads `file`, or `./devices.toml`, or the one in the user's configuration directory;
    /// where there is none, only `local` exists.
    pub fn find(file: Option<&Path>) -> anyhow::Result<Self> {
        let source = match file {
            Some(file) => Some(file.to_owned()),
            None => candidates().into_iter().find(|path| path.is_file()),
        };
        let local = Device {
            name: "local".to_owned(),
            transport: Transport::Local,
            cpus: Cpus::All,
            threads: 1,
            frequency: Frequency::Keep,
            wrapper: Vec::new(),
            folder: None,
        };
        let blank = local.clone();
        let mut all = BTreeMap::from([(local.name.clone(), local)]);
        if let Some(path) = &source {
            let text = fs::read_to_string(path).or_fault(Kind::Usage)?;
            let file: File = toml::from_str(&text)
                .map_err(|error| one_line(&error, &text))
                .or_fault(Kind::Usage)
                .with_context(|| path.display().to_string())?;
            for (name, entry) in file.device {
                let Entry { transport: TransportName::Local, cpus, wrapper } = entry;
                let cpus = parse_cpus(cpus.as_ref())
                    .or_fault(Kind::Usage)
                    .with_context(|| format!("{}: device '{name}'", path.display()))?;
                all.insert(name.clone(), Device { name, cpus, wrapper, ..blank.clone() });
            }
        }
        Ok(Self { all, source })
    }

    pub fn get(&self, name: &str) -> anyhow::Result<&Device> {
        self.all.get(name).ok_or_else(|| {
            let names: Vec<_> = self.all.keys().map(String::as_str).collect();
            let source = match &self.source {
                Some(path) => format!("in {}", path.display()),
                None => "there is no devices.toml".to_owned(),
            };
            Fault::usage(format_args!(
                "unknown device '{name}'; known are {} ({source})",
                names.join(", ")
            ))
            .into()
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.all.values()
    }
}

impl Device {
    /// The command that starts the agent.
    ///
    /// # Errors
    /// Where there is no agent beside this program and none named by `PEARL_AGENT`.
    pub fn agent_command(&self) -> anyhow::Result<Command> {
        let agent = local_agent()?;
        let mut words = self.wrapper.iter().map(PathBuf::from).chain([agent]);
        let mut command = Command::new(words.next().expect("the agent is one word"));
        command.args(words);
        Ok(command)
    }
}

fn local_agent() -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os("PEARL_AGENT") {
        Some(path) => PathBuf::from(path),
        None => std::env::current_exe().context("own executable")?.with_file_name("pearl-agent"),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(Fault::new(
        Kind::Device,
        format_args!(
            "device 'local': there is no agent at {}; build it with `cargo build -p pearl-agent` \
             or name one in PEARL_AGENT",
            path.display()
        ),
    )
    .into())
}

fn candidates() -> Vec<PathBuf> {
    let configuration = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let mut paths = vec![PathBuf::from("devices.toml")];
    paths.extend(configuration.map(|folder| folder.join("pearl/devices.toml")));
    paths
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

    fn load(text: &str) -> Result<Devices, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices.toml");
        fs::write(&path, text).unwrap();
        Devices::find(Some(&path)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_file_of_devices_is_read_and_local_is_always_there() {
        let devices = load(
            "[device.big]\ntransport = \"local\"\ncpus = [1]\nwrapper = [\"nice\", \"-n5\"]\n",
        )
        .unwrap();
        assert_eq!(devices.get("local").unwrap().cpus, Cpus::All);
        let big = devices.get("big").unwrap();
        assert_eq!((big.cpus.clone(), big.wrapper.len()), (Cpus::List(vec![1]), 2));
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named_in_one_line() {
        for (text, expect) in [
            ("[device.a]\ntransport = \"local\"\ncolour = 1\n", "line 3: unknown field `colour`"),
            ("[device.a]\ntransport = \"pigeon\"\n", "pigeon"),
            ("[device.a]\ntransport = \"local\"\ncpus = \"fast\"\n", "fast"),
            ("[device.a]\ntransport = \"local\"\ncpus = [-1]\n", "processor numbers"),
            ("[device.a\n", "line 1"),
            ("devices = 3\n", "devices"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(expect), "{text:?} gave {error:?}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn an_unknown_device_is_refused_with_the_known_ones() {
        let error = load("").unwrap().get("pixel").unwrap_err().to_string();
        assert!(error.contains("'pixel'") && error.contains("local"), "{error}");
    }
}
