//! What the phases of a search share: the parts it works with, and how far it has come.
//!
//! **Invariant:** owns nothing that another search could use at the same time.

use std::path::PathBuf;
use std::time::Instant;

use pearl_models::architecture::Architecture;
use pearl_models::space::Space;

use super::SearchConfig;
use super::policy_client::Policy;
use crate::device::agent_client::Agent;
use crate::measure::Settings;
use crate::output::error_class::{Classify, ErrorClass};
use crate::store::{Candidate, Store};
use crate::train::worker_client::Worker;

pub(super) struct Run<'a> {
    pub config: &'a SearchConfig,
    pub store: &'a mut Store,
    pub worker: &'a mut Worker,
    pub agent: &'a mut Agent,
    pub space: Space,
    /// The configuration's settings, with the usual speed of the device.
    pub measuring: Settings,
    pub state: RunState,
    /// The time up to which the wall time is in the store.
    pub since: Instant,
}

/// How far a search has come, as it is in the store.
pub(super) struct RunState {
    pub budget_ns: u64,
    pub policy: Policy,
    /// The candidates, by index. A candidate whose status is not final is open.
    pub candidates: Vec<Candidate>,
    /// The segment that the search goes on in.
    pub segment: usize,
}

impl RunState {
    /// The first candidate that was begun and is not done.
    pub fn open(&self) -> Option<usize> {
        self.candidates.iter().position(|candidate| !candidate.status.is_final())
    }
}

impl Run<'_> {
    pub fn architecture(&self, candidate: &Candidate) -> anyhow::Result<Architecture> {
        self.space.architecture(candidate.choices.clone()).or_class(ErrorClass::Usage)
    }

    pub fn weights_path(&self, candidate: &Candidate) -> PathBuf {
        self.model_path(candidate, "safetensors")
    }

    pub fn model_path(&self, candidate: &Candidate, extension: &str) -> PathBuf {
        let name = format!("{}.{extension}", candidate.arch_id);
        self.config.out.join("models").join(name)
    }
}
