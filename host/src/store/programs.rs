//! The programs that a run was made with, as its facts `agent` and `worker` hold them.
//!
//! **Invariant:** the types are the documents' own; runs of every format hold these fields, and more that
//! are not looked at.

use pearl_agent::protocol::messages::AgentHello;
use serde::{Deserialize, Serialize};

use crate::train::worker_protocol::WorkerHello;

/// The agent, its engine and its device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunAgent {
    pub version: String,
    /// SHA-256 of the agent's executable.
    pub build: String,
    pub engine: RunEngine,
    pub platform: RunPlatform,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunEngine {
    pub name: String,
    pub version: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunPlatform {
    pub arch: String,
    pub os: String,
    pub cpu_model: Option<String>,
}

/// The worker and its torch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunWorker {
    pub version: String,
    pub torch: String,
    pub torch_device: String,
    pub threads: usize,
}

impl From<&AgentHello> for RunAgent {
    fn from(hello: &AgentHello) -> Self {
        let (engine, platform) = (&hello.engine, &hello.platform);
        Self {
            version: hello.version.clone(),
            build: hello.build.clone(),
            engine: RunEngine { name: engine.name.clone(), version: engine.version.clone() },
            platform: RunPlatform {
                arch: platform.arch.clone(),
                os: platform.os.clone(),
                cpu_model: platform.cpu_model.clone(),
            },
        }
    }
}

impl From<&WorkerHello> for RunWorker {
    fn from(hello: &WorkerHello) -> Self {
        Self {
            version: hello.version.clone(),
            torch: hello.torch.clone(),
            torch_device: hello.torch_device.clone(),
            threads: hello.threads,
        }
    }
}
