//! The search's policy: it proposes candidates and learns from their rewards.
//!
//! The policy knows the number of choices of each decision and nothing else of a space. `lstm` makes the
//! decisions, `baseline` turns rewards into advantages, `update` turns advantages into a gradient, `adam`
//! makes a step along the gradient, `state` is what is stored, `answer` answers a request.
//!
//! The worker keeps no policy: its state comes with each request and goes back with the answer. The host
//! stores it in the same transaction as the candidate or the reward; a policy restored from it goes on bit
//! for bit. A candidate without a reward (one that could not be measured) is never observed, so it moves
//! nothing.
//!
//! The network is tiny, so threads only cost time: torch's threads wait by spinning, which made an update
//! ten times slower on two busy cores. So requests are answered with one thread.
//!
//! **Invariant:** the random stream advances in `sample` alone, and only its state decides a sample;
//! a call that fails changes nothing.

mod adam;
mod answer;
mod baseline;
mod error;
mod lstm;
mod policy_state;
#[cfg(test)]
mod simulated;
mod update;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use tch::Tensor;

pub use answer::answer;
pub use error::PolicyError;

use pearl::train::worker_protocol::{PolicyConfig, PolicySample, PolicyUpdate, Update};

use adam::Adam;
use baseline::Baseline;
#[cfg(test)]
use lstm::pick_likeliest;
use lstm::{Draw, Lstm, PolicyShape, pick_at};
use policy_state::PolicyState;
use update::Observation;

/// Sequences drawn for an estimate, and the seed of their stream.
const DRAWN: usize = 512;
const DRAW_SEED: u64 = 0x0070_6561_726c;
/// The highest reward: no objective gives more, and squares of rewards stay finite.
const HIGHEST_REWARD: f64 = 1e9;

pub struct Policy {
    config: PolicyConfig,
    state: PolicyState,
}

impl Policy {
    /// A fresh policy over decisions with that many choices each.
    ///
    /// # Errors
    /// A configuration out of range, or invalid decisions.
    pub fn new(choices: &[usize], config: PolicyConfig, seed: u64) -> Result<Self, PolicyError> {
        config.check()?;
        let shape = PolicyShape::new(choices, &config)?;
        let mut rng = Pcg64::seed_from_u64(seed);
        let parameters = shape.initial(&mut rng);
        let adam = Adam::new(parameters.len());
        let state = PolicyState {
            shape,
            parameters,
            adam,
            baseline: Baseline::default(),
            rng,
            pending: Vec::new(),
        };
        Ok(Self { config, state })
    }

    /// A policy that continues from a stored `state`.
    ///
    /// # Errors
    /// A state of other decisions or of an LSTM of another size.
    pub fn restore(
        choices: &[usize],
        config: PolicyConfig,
        state: PolicyState,
    ) -> Result<Self, PolicyError> {
        config.check()?;
        if PolicyShape::new(choices, &config)? != state.shape {
            return Err(PolicyError::State(
                "it belongs to other decisions or another configuration".into(),
            ));
        }
        Ok(Self { config, state })
    }

    pub fn state(&self) -> &PolicyState {
        &self.state
    }

    /// Samples a candidate.
    ///
    /// # Errors
    /// A policy whose numbers overflowed.
    pub fn sample(&mut self) -> Result<PolicySample, PolicyError> {
        let mut rng = self.state.rng.clone();
        let mut draw = self.draw(1, |probabilities| pick_at(probabilities, rng.random()))?;
        self.state.rng = rng;
        Ok(PolicySample { choices: draw.choices.remove(0), log_prob: draw.log_prob[0] })
    }

    /// Takes the reward of a candidate; the policy learns when the reward fills a batch.
    ///
    /// `log_prob` is the one that [`Policy::sample`] gave with it.
    ///
    /// # Errors
    /// Choices that this policy does not have, numbers that are not finite.
    pub fn observe(
        &mut self,
        choices: &[usize],
        log_prob: f64,
        reward: f64,
    ) -> Result<Option<PolicyUpdate>, PolicyError> {
        self.state.shape.check_choices(choices)?;
        if !log_prob.is_finite() {
            return Err(PolicyError::NotFinite { what: "a log probability", value: log_prob });
        }
        if !(-HIGHEST_REWARD..=HIGHEST_REWARD).contains(&reward) {
            return Err(PolicyError::NotFinite { what: "a reward", value: reward });
        }
        let observation = Observation { choices: choices.to_vec(), log_prob, reward };
        if self.state.pending.len() + 1 < self.config.batch {
            self.state.pending.push(observation);
            return Ok(None);
        }
        let mut next = self.state.clone();
        next.pending.push(observation);
        let report = learn(&mut next, &self.config)?;
        self.state = next;
        Ok(Some(report))
    }

    /// The marginal probabilities of each decision's choices: the mean of the conditional
    /// distributions along sequences drawn from the policy with a fixed seed.
    ///
    /// # Errors
    /// A policy whose numbers overflowed.
    pub fn probabilities(&self) -> Result<Vec<Vec<f64>>, PolicyError> {
        let draw = self.draw_many()?;
        let mut marginals: Vec<Vec<f64>> =
            self.state.shape.choices().iter().map(|&count| vec![0.0; count]).collect();
        for sequence in &draw.probabilities {
            for (marginal, probabilities) in marginals.iter_mut().zip(sequence) {
                for (sum, probability) in marginal.iter_mut().zip(probabilities) {
                    *sum += probability / DRAWN as f64;
                }
            }
        }
        Ok(marginals)
    }

    /// The likeliest choice at each decision, given the likeliest ones before it.
    ///
    /// # Errors
    /// A policy whose numbers overflowed.
    #[cfg(test)]
    pub fn greedy(&self) -> Result<Vec<usize>, PolicyError> {
        Ok(self.draw(1, pick_likeliest)?.choices.remove(0))
    }

    /// The policy's entropy in nats, over all decisions together; estimated as the marginals are.
    ///
    /// # Errors
    /// A policy whose numbers overflowed.
    #[cfg(test)]
    pub fn entropy(&self) -> Result<f64, PolicyError> {
        let draw = self.draw_many()?;
        let terms = draw
            .probabilities
            .iter()
            .flatten()
            .flatten()
            .filter(|&&p| p > 0.0)
            .map(|p| -p * p.ln());
        Ok(terms.sum::<f64>() / DRAWN as f64)
    }

    fn draw_many(&self) -> Result<Draw, PolicyError> {
        let mut rng = Pcg64::seed_from_u64(DRAW_SEED);
        self.draw(DRAWN, |probabilities| pick_at(probabilities, rng.random()))
    }

    fn draw(&self, rows: usize, pick: impl FnMut(&[f64]) -> usize) -> Result<Draw, PolicyError> {
        let parameters = Tensor::f_from_slice(&self.state.parameters)?;
        Lstm::new(&self.state.shape, &parameters)?.draw(rows, pick)
    }
}

/// Spends the pending observations on one update.
fn learn(state: &mut PolicyState, config: &PolicyConfig) -> Result<PolicyUpdate, PolicyError> {
    let batch = std::mem::take(&mut state.pending);
    let rewards: Vec<f64> = batch.iter().map(|observation| observation.reward).collect();
    let advantages = state.baseline.advantages(&rewards, config.baseline_decay);
    let epochs = match config.update {
        Update::Reinforce => 1,
        Update::Ppo { epochs, .. } => epochs,
    };
    let mut step = || {
        let gradient =
            update::gradient(&state.shape, &state.parameters, &batch, &advantages, config)?;
        state.adam.step(&mut state.parameters, &gradient.values, config.learning_rate);
        Ok::<_, PolicyError>(gradient)
    };
    let mut last = step()?;
    for _ in 1..epochs {
        last = step()?;
    }
    if let Some(&value) = state.parameters.iter().find(|parameter| !parameter.is_finite()) {
        return Err(PolicyError::NotFinite { what: "a parameter of the policy", value });
    }
    Ok(PolicyUpdate {
        loss: last.loss,
        entropy: last.entropy,
        baseline: state.baseline.mean,
        grad_norm: last.norm,
    })
}

/// The number of threads with which requests are answered.
#[cfg(test)]
fn use_one_thread() {
    tch::set_num_threads(1);
}

#[cfg(test)]
mod tests;
