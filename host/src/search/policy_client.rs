//! The policy as the search sees it: bytes of state, which each request sends to the worker.
//!
//! **Invariant:** the bytes change only in [`Policy::sample`] and [`Policy::observe`], and are in the
//! store before anything depends on them.

use anyhow::Context;
use pearl_models::space::Space;

use super::SearchConfig;
use crate::output::error_class::{Classify, ErrorClass};
use crate::store::Store;
use crate::train::worker_client::{Worker, unexpected};
use crate::train::worker_protocol::{
    PolicyAnswer, PolicyAsk, PolicyConfig, PolicyRequest, PolicySample, PolicyStart, PolicyUpdate,
    StateBytes,
};

pub(super) struct Policy {
    choices: Vec<usize>,
    config: PolicyConfig,
    state: StateBytes,
}

impl Policy {
    /// The stored policy of the run, or a fresh one.
    ///
    /// # Errors
    /// A stored state of another version or of other decisions.
    pub fn restore(
        config: &SearchConfig,
        space: &Space,
        store: &Store,
        worker: &mut Worker,
    ) -> anyhow::Result<Self> {
        let choices: Vec<usize> =
            space.decisions().iter().map(|decision| decision.choices.len()).collect();
        let file = Store::path(&config.out);
        let start = match store.policy().or_class(ErrorClass::Usage)? {
            None => PolicyStart::Seed(config.seeds.controller),
            Some(bytes) => PolicyStart::State(StateBytes(bytes)),
        };
        let request =
            PolicyRequest { choices, config: config.controller, start, ask: PolicyAsk::Check };
        let stored = matches!(request.start, PolicyStart::State(_));
        let report = worker.policy(&request);
        let report =
            if stored { report.with_context(|| file.display().to_string()) } else { report }?;
        Ok(Self { choices: request.choices, config: config.controller, state: report.state })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.state.0
    }

    pub fn sample(&mut self, worker: &mut Worker) -> anyhow::Result<PolicySample> {
        match self.ask(worker, PolicyAsk::Sample)? {
            PolicyAnswer::Sampled(sample) => Ok(sample),
            other => Err(unexpected(&other)),
        }
    }

    /// Gives the policy the reward of a candidate; the policy learns when the reward fills a batch.
    pub fn observe(
        &mut self,
        worker: &mut Worker,
        choices: &[usize],
        log_prob: f64,
        reward: f64,
    ) -> anyhow::Result<Option<PolicyUpdate>> {
        let choices = choices.to_vec();
        match self.ask(worker, PolicyAsk::Observe { choices, log_prob, reward })? {
            PolicyAnswer::Observed(update) => Ok(update),
            other => Err(unexpected(&other)),
        }
    }

    /// The probabilities of each decision's choices.
    pub fn marginals(&mut self, worker: &mut Worker) -> anyhow::Result<Vec<Vec<f64>>> {
        match self.ask(worker, PolicyAsk::Marginals)? {
            PolicyAnswer::Marginals(marginals) => Ok(marginals),
            other => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, worker: &mut Worker, ask: PolicyAsk) -> anyhow::Result<PolicyAnswer> {
        let request = PolicyRequest {
            choices: self.choices.clone(),
            config: self.config,
            start: PolicyStart::State(self.state.clone()),
            ask,
        };
        let report = worker.policy(&request)?;
        self.state = report.state;
        Ok(report.answer)
    }
}
