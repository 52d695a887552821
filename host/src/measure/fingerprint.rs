//! What a number depends on besides the model.

use pearl_agent::agent::{AgentHello, Engine};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model::hex;
use crate::device::Device;

/// Numbers of different fingerprints are not comparable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    pub arch: String,
    pub os: String,
    pub cpu_model: Option<String>,
    /// Processors pinned to; empty where the scheduler chose.
    pub cpus: Vec<usize>,
    pub governor: Option<String>,
    pub threads: usize,
    pub precision: String,
    pub engine: Engine,
    pub agent_version: String,
    /// SHA-256 of the agent's executable.
    pub agent_build: String,
}

impl Fingerprint {
    pub fn new(device: &Device, hello: &AgentHello, governor: Option<String>) -> Self {
        Self {
            arch: hello.platform.arch.clone(),
            os: hello.platform.os.clone(),
            cpu_model: hello.platform.cpu_model.clone(),
            cpus: device.cpus.on(&hello.platform),
            governor,
            threads: 1,
            precision: "f32".to_owned(),
            engine: hello.engine.clone(),
            agent_version: hello.version.clone(),
            agent_build: hello.build.clone(),
        }
    }

    /// A short name for comparing: the first 16 hexadecimal digits of a hash over all of it.
    pub fn id(&self) -> String {
        let text = serde_json::to_vec(self).expect("a fingerprint is plain data");
        hex(&Sha256::digest(&text))[..16].to_owned()
    }
}
