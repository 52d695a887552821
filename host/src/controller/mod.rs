//! The search's policy: it proposes candidates and learns from their rewards.
//!
//! It knows the number of choices of each decision and nothing else of a space. `policy` is the LSTM,
//! `baseline` turns rewards into advantages, `update` makes a gradient of them, `adam` follows it,
//! `state` is what survives of all that.
//!
//! The host stores [`Controller::state`] whenever `sample` or `observe` has changed it, in the same
//! transaction as the candidate or the reward; a controller restored from it goes on bit for bit. A
//! candidate without a reward (one that could not be measured) is never observed, so it moves nothing.
//!
//! The net is tiny: threads only cost (torch's wait by spinning, which made an update ten times slower
//! on two busy cores). So the thread that uses a controller first calls [`use_one_thread`]; the
//! host's process does nothing else with torch.
//!
//! **Invariant:** the random stream advances in `sample` alone, and only its state decides a sample;
//! a call that fails changes nothing.

mod adam;
mod baseline;
mod config;
mod error;
mod policy;
#[cfg(test)]
mod simulated;
mod state;
mod update;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use tch::Tensor;

pub use config::{ControllerConfig, Update};
pub use error::ControllerError;
pub use state::ControllerState;

use adam::Adam;
use baseline::Baseline;
use policy::{Draw, Policy, PolicyShape, pick_at, pick_likeliest};
use update::Observation;

/// Sequences drawn for an estimate, and the seed of their stream.
const DRAWN: usize = 512;
const DRAW_SEED: u64 = 0x0070_6561_726c;
/// No objective gives more; squares of rewards stay finite.
const HIGHEST_REWARD: f64 = 1e9;

pub struct Controller {
    config: ControllerConfig,
    state: ControllerState,
}

/// A candidate's decisions, and the logarithm of the probability that the policy gave them.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub choices: Vec<usize>,
    pub log_prob: f64,
}

/// What one batch did. Loss, entropy and norm are of its last step, before that moved anything.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateReport {
    pub loss: f64,
    /// Of the policy over the batch, in nats.
    pub entropy: f64,
    /// After the batch.
    pub baseline: f64,
    /// Before clipping.
    pub grad_norm: f64,
}

/// Makes torch use one thread: in the calling thread, and in those that use torch for the first time
/// after it.
pub fn use_one_thread() {
    tch::set_num_threads(1);
}

impl Controller {
    /// A fresh policy over decisions with that many choices each.
    ///
    /// # Errors
    /// A configuration out of range, or decisions that are none.
    pub fn new(
        choices: &[usize],
        config: ControllerConfig,
        seed: u64,
    ) -> Result<Self, ControllerError> {
        config.check()?;
        let shape = PolicyShape::new(choices, &config)?;
        let mut rng = Pcg64::seed_from_u64(seed);
        let parameters = shape.initial(&mut rng);
        let adam = Adam::new(parameters.len());
        let state = ControllerState {
            shape,
            parameters,
            adam,
            baseline: Baseline::default(),
            rng,
            pending: Vec::new(),
        };
        Ok(Self { config, state })
    }

    /// Goes on where `state` was taken.
    ///
    /// # Errors
    /// A state of other decisions or of an LSTM of another size.
    pub fn restore(
        choices: &[usize],
        config: ControllerConfig,
        state: ControllerState,
    ) -> Result<Self, ControllerError> {
        config.check()?;
        if PolicyShape::new(choices, &config)? != state.shape {
            return Err(ControllerError::State(
                "it belongs to other decisions or another configuration".into(),
            ));
        }
        Ok(Self { config, state })
    }

    pub fn state(&self) -> &ControllerState {
        &self.state
    }

    /// Samples a candidate.
    ///
    /// # Errors
    /// A policy whose numbers overflowed.
    pub fn sample(&mut self) -> Result<Sample, ControllerError> {
        let mut rng = self.state.rng.clone();
        let mut draw = self.draw(1, |probabilities| pick_at(probabilities, rng.random()))?;
        self.state.rng = rng;
        Ok(Sample { choices: draw.choices.remove(0), log_prob: draw.log_prob[0] })
    }

    /// Takes the reward of a candidate; learns when that fills a batch.
    ///
    /// `log_prob` is the one that [`Controller::sample`] gave with it.
    ///
    /// # Errors
    /// Choices that this policy does not have, numbers that are not finite.
    pub fn observe(
        &mut self,
        choices: &[usize],
        log_prob: f64,
        reward: f64,
    ) -> Result<Option<UpdateReport>, ControllerError> {
        self.state.shape.check_choices(choices)?;
        if !log_prob.is_finite() {
            return Err(ControllerError::NotFinite { what: "a log probability", value: log_prob });
        }
        if !(-HIGHEST_REWARD..=HIGHEST_REWARD).contains(&reward) {
            return Err(ControllerError::NotFinite { what: "a reward", value: reward });
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

    /// Of each decision the probabilities of its choices, whatever the others are: the mean of the
    /// conditional distributions along sequences drawn from the policy by a fixed seed.
    ///
    /// # Errors
    /// A policy whose numbers overflowed.
    pub fn probabilities(&self) -> Result<Vec<Vec<f64>>, ControllerError> {
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
    pub fn greedy(&self) -> Result<Vec<usize>, ControllerError> {
        Ok(self.draw(1, pick_likeliest)?.choices.remove(0))
    }

    /// The policy's entropy in nats, over all decisions together; estimated as the marginals are.
    ///
    /// # Errors
    /// A policy whose numbers overflowed.
    pub fn entropy(&self) -> Result<f64, ControllerError> {
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

    fn draw_many(&self) -> Result<Draw, ControllerError> {
        let mut rng = Pcg64::seed_from_u64(DRAW_SEED);
        self.draw(DRAWN, |probabilities| pick_at(probabilities, rng.random()))
    }

    fn draw(
        &self,
        rows: usize,
        pick: impl FnMut(&[f64]) -> usize,
    ) -> Result<Draw, ControllerError> {
        let parameters = Tensor::f_from_slice(&self.state.parameters)?;
        Policy::new(&self.state.shape, &parameters)?.draw(rows, pick)
    }
}

/// Spends the pending observations on one update.
fn learn(
    state: &mut ControllerState,
    config: &ControllerConfig,
) -> Result<UpdateReport, ControllerError> {
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
        Ok::<_, ControllerError>(gradient)
    };
    let mut last = step()?;
    for _ in 1..epochs {
        last = step()?;
    }
    if let Some(&value) = state.parameters.iter().find(|parameter| !parameter.is_finite()) {
        return Err(ControllerError::NotFinite { what: "a parameter of the policy", value });
    }
    Ok(UpdateReport {
        loss: last.loss,
        entropy: last.entropy,
        baseline: state.baseline.mean,
        grad_norm: last.norm,
    })
}

#[cfg(test)]
mod tests;
