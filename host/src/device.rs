//! Devices: where networks are measured.
//!
//! **Invariant:** `local` always exists; what a user writes in `devices.toml` is checked whole
//! before anything is measured, unknown keys included. What goes to a remote device's command line
//! is made of letters that no shell interprets.

mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use pearl_agent::agent::{Frequency, Platform};

use crate::exit::Fault;

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
    /// In which folder of the device the agent's own is made; absent where it finds a place itself.
    pub folder: Option<String>,
}

/// How a device is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    Local,
    Ssh(Ssh),
    Adb(Adb),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    pub host: String,
    pub port: u16,
    /// Absent means the user who runs Pearl.
    pub user: Option<String>,
    /// A private key; absent means those of the agent and the usual files.
    pub identity: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adb {
    /// Absent means the only one that is attached.
    pub serial: Option<String>,
}

impl Transport {
    /// As `devices.toml` has it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ssh(_) => "ssh",
            Self::Adb(_) => "adb",
        }
    }

    /// Where it leads: `user@host:port`, a serial, or nothing to tell.
    pub fn address(&self) -> String {
        match self {
            Self::Local => String::new(),
            Self::Ssh(Ssh { host, port, user, .. }) => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                format!("{user}{host}:{port}")
            }
            Self::Adb(Adb { serial }) => serial.clone().unwrap_or_default(),
        }
    }
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

/// The devices that a user can name.
#[derive(Debug)]
pub struct Devices {
    all: BTreeMap<String, Device>,
    source: Option<PathBuf>,
}

impl Devices {
    /// Reads `file`, or `./devices.toml`, or the one in the user's configuration directory;
    /// where there is none, only `local` exists.
    ///
    /// # Errors
    /// Where the file cannot be read or holds what it must not.
    pub fn find(file: Option<&Path>) -> anyhow::Result<Self> {
        let source = match file {
            Some(file) => Some(file.to_owned()),
            None => candidates().into_iter().find(|path| path.symlink_metadata().is_ok()),
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
        let mut all = BTreeMap::from([(local.name.clone(), local)]);
        if let Some(path) = &source {
            // One that is no file is an error of its reader's.
            let listed = file::read(path)?;
            all.extend(listed.into_iter().map(|device| (device.name.clone(), device)));
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

fn candidates() -> Vec<PathBuf> {
    let configuration = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let mut paths = vec![PathBuf::from("devices.toml")];
    paths.extend(configuration.map(|folder| folder.join("pearl/devices.toml")));
    paths
}
