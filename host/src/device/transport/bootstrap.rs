//! Installing the agent on a remote device, once.
//!
//! ```text
//! sh -s FOLDER < look.sh           what is it, where may the agent live, what is there
//! upload  FOLDER/part-RANDOM       only if the agent is not there yet
//! sh -s FOLDER … < settle.sh       check it, give it its name, keep the latest few
//! echo MARK ; exec WRAPPER… FOLDER/agent-SHA256     start it
//! ```
//!
//! The scripts are constant and travel on stdin, because the login shell may be any program. Their
//! arguments are words of a checked alphabet.
//!
//! **Invariant:** an agent gets its final name only after its length was checked, and its hash if the
//! device can compute it; its folder belongs to the user and is closed to other users.

use std::time::Duration;

use super::Opened;
use super::agents::{AgentFile, agent_for};
use super::error::TransportError;
use super::shell::{Said, Shell};
use crate::device::entry::Device;
use crate::device::random_name::random_name;

const LOOK: &str = include_str!("bootstrap/look.sh");
const SETTLE: &str = include_str!("bootstrap/settle.sh");
/// Time limit of a script, including the hashing of some megabytes on a slow board.
const SCRIPT: Duration = Duration::from_secs(30);
/// The same for the script after an upload, including the writing of an agent to a slow disk.
const SETTLING: Duration = Duration::from_secs(120);

/// What the device reported about itself.
struct Site {
    machine: String,
    folder: String,
    agents: Vec<String>,
}

pub(super) fn start(device: &Device, mut shell: impl Shell) -> Result<Opened, TransportError> {
    let site = look(device, &mut shell)?;
    let agent = agent_for(&site.machine)?;
    let name = format!("agent-{}", agent.sha256);
    if !site.agents.contains(&name) {
        upload(&mut shell, &site, &agent)?;
    }
    let path = format!("{}/{name}", site.folder);
    let mut words: Vec<_> = device.wrapper.iter().map(String::as_str).collect();
    words.push(&path);
    Ok(Opened { streams: shell.start(&words)?, build: Some(agent.sha256) })
}

fn look(device: &Device, shell: &mut impl Shell) -> Result<Site, TransportError> {
    let folder = device.folder.as_deref().unwrap_or("any");
    let said = shell.run(&["sh", "-s", folder], LOOK.as_bytes(), SCRIPT)?;
    let Some(machine) = said.value("machine").filter(|_| said.value("end").is_some()) else {
        return Err(TransportError::Refused(format!(
            "it does not answer as a POSIX shell does: {}",
            said.complaint()
        )));
    };
    let Some(folder) = said.value("folder").filter(|folder| is_plain(folder)) else {
        let refused: Vec<_> = said.values("refused").collect();
        return Err(TransportError::Refused(format!(
            "there is no folder for the agent: {}; name another with `folder` in devices.toml",
            refused.join(", ")
        )));
    };
    Ok(Site {
        machine: machine.to_owned(),
        folder: folder.to_owned(),
        agents: said.values("has").map(str::to_owned).collect(),
    })
}

fn upload(shell: &mut impl Shell, site: &Site, agent: &AgentFile) -> Result<(), TransportError> {
    let part = format!("part-{}", random_name::<8>());
    let bytes = agent.bytes.to_string();
    let sent = shell.upload(&agent.path, &format!("{}/{part}", site.folder));
    // Also run after a failed upload: the partial file has to be removed.
    let words = ["sh", "-s", &site.folder, &part, &agent.sha256, &bytes];
    let settled = shell.run(&words, SETTLE.as_bytes(), SETTLING);
    let (sent, settled) = (sent?, settled?);
    if settled.value("settled").is_some() {
        return Ok(());
    }
    let reason = settled.value("refused").unwrap_or("it did not arrive");
    let complaint = match (sent.stderr.trim(), settled.stderr.trim()) {
        ("", "") => Said::default(),
        ("", _) => settled.clone(),
        _ => sent,
    };
    let complaint = match complaint {
        said if said == Said::default() => String::new(),
        said => format!(" ({})", said.complaint()),
    };
    let mebibytes = agent.bytes.div_ceil(1 << 20);
    Err(TransportError::Refused(format!(
        "the agent could not be put into {}: {reason}{complaint}; it needs {mebibytes} MiB there, or \
         name another folder with `folder` in devices.toml",
        site.folder
    )))
}

/// Whether a path passes through the device's shell unchanged.
fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
}
