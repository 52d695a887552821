//! Answering a request to the policy.

use pearl::train::worker_protocol::{
    PolicyAnswer, PolicyAsk, PolicyReport, PolicyRequest, PolicyStart, StateBytes,
};

use super::Policy;
use super::error::PolicyError;
use super::policy_state::PolicyState;

/// # Errors
/// A configuration, a state or choices that do not fit; a policy whose numbers overflowed.
pub fn answer(request: PolicyRequest) -> Result<PolicyReport, PolicyError> {
    let PolicyRequest { choices, config, start, ask } = request;
    let mut policy = match start {
        PolicyStart::Seed(seed) => Policy::new(&choices, config, seed)?,
        PolicyStart::State(bytes) => {
            Policy::restore(&choices, config, PolicyState::from_bytes(&bytes.0)?)?
        }
    };
    let answer = match ask {
        PolicyAsk::Check => PolicyAnswer::Checked,
        PolicyAsk::Sample => PolicyAnswer::Sampled(policy.sample()?),
        PolicyAsk::Observe { choices, log_prob, reward } => {
            PolicyAnswer::Observed(policy.observe(&choices, log_prob, reward)?)
        }
        PolicyAsk::Marginals => PolicyAnswer::Marginals(policy.probabilities()?),
    };
    Ok(PolicyReport { state: StateBytes(policy.state().to_bytes()), answer })
}
