//! Devices: where networks are measured.
//!
//! **Invariant:** `local` always exists; `devices.toml` is checked completely, unknown keys included,
//! before anything is measured. What goes to a remote device's command line is made of characters
//! that no shell interprets, and so are `host` and `user`, which go to the user's configuration of ssh.

use std::fmt;
use std::path::PathBuf;

use pearl_agent::protocol::messages::{Frequency, Platform};

/// One entry of `devices.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub transport: Transport,
    pub cpus: Cpus,
    /// Threads of the engine's matrix products.
    pub threads: usize,
    pub frequency: Frequency,
    /// Words put before the agent.
    pub wrapper: Vec<String>,
    /// The folder of the device that holds the agent's folder; absent, the host looks for a place.
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
    /// What stands in `devices.toml`; `~/.ssh/config` may say where it is.
    pub host: String,
    /// Absent means the port of `~/.ssh/config`, else 22.
    pub port: Option<u16>,
    /// Absent means the user of `~/.ssh/config`, else the user who runs Pearl.
    pub user: Option<String>,
    /// A private key or its public half; absent means the keys of the SSH agent and the usual files.
    pub identity: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adb {
    /// Absent means the only attached device.
    pub serial: Option<String>,
}

impl Transport {
    /// The transport's name in `devices.toml`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ssh(_) => "ssh",
            Self::Adb(_) => "adb",
        }
    }

    /// The address: `user@host:port` as far as the entry has them, a serial number, or nothing for `local`.
    pub fn address(&self) -> String {
        match self {
            Self::Local => String::new(),
            Self::Ssh(Ssh { host, port, user, .. }) => {
                let user = user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                format!("{user}{host}{port}")
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
    /// The processors to pin to; an empty list leaves the choice to the scheduler.
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
