//! The gradient that a batch of rewards gives the policy.
//!
//! **Invariant:** the gradient depends on the arguments alone.

use tch::{Kind, TchError, Tensor};

use pearl::train::worker_protocol::{PolicyConfig, Update};

use super::error::PolicyError;
use super::lstm::{Lstm, PolicyShape};

/// A candidate whose reward is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    pub choices: Vec<usize>,
    /// Logarithm of the probability that the policy gave the choices when it sampled them.
    pub log_prob: f64,
    pub reward: f64,
}

/// The gradient of one step, at the parameters before the step.
pub struct Gradient {
    pub loss: f64,
    /// Mean entropy over the batch, in nats.
    pub entropy: f64,
    /// Norm of the gradient before clipping.
    pub norm: f64,
    /// The gradient, scaled down to the configured norm.
    pub values: Vec<f64>,
}

/// The gradient of `−mean(objective) − entropy_bonus · mean(entropy)`.
///
/// The objective of a candidate with advantage `A` is `A · log π` (REINFORCE), or
/// `min(ρ·A, clamp(ρ, 1 − clip, 1 + clip)·A)` with `ρ` the ratio of its probability now to that when
/// it was sampled (PPO).
pub fn gradient(
    shape: &PolicyShape,
    parameters: &[f64],
    batch: &[Observation],
    advantages: &[f64],
    config: &PolicyConfig,
) -> Result<Gradient, PolicyError> {
    let leaf = Tensor::f_from_slice(parameters)?.f_set_requires_grad(true)?;
    let sequences: Vec<&[usize]> =
        batch.iter().map(|observation| observation.choices.as_slice()).collect();
    let (log_prob, entropy) = Lstm::new(shape, &leaf)?.evaluate(&sequences)?;
    let entropy = entropy.f_mean(Kind::Double)?;
    let objective = objective(&log_prob, batch, advantages, config.update)?.f_mean(Kind::Double)?;
    let loss = objective.f_add(&entropy.f_mul_scalar(config.entropy_bonus)?)?.f_neg()?;
    let gradient = Tensor::f_run_backward(&[&loss], &[&leaf], false, false)?;
    let [gradient] = gradient.as_slice() else { unreachable!("one gradient for one leaf") };
    let mut values = Vec::<f64>::try_from(gradient)?;

    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let (loss, entropy) = (f64::try_from(&loss)?, f64::try_from(&entropy)?);
    for (what, value) in [("the loss of an update", loss), ("the norm of a gradient", norm)] {
        if !value.is_finite() {
            return Err(PolicyError::NotFinite { what, value });
        }
    }
    if norm > config.max_grad_norm {
        let scale = config.max_grad_norm / norm;
        values.iter_mut().for_each(|value| *value *= scale);
    }
    Ok(Gradient { loss, entropy, norm, values })
}

fn objective(
    log_prob: &Tensor,
    batch: &[Observation],
    advantages: &[f64],
    update: Update,
) -> Result<Tensor, TchError> {
    let advantages = Tensor::f_from_slice(advantages)?;
    match update {
        Update::Reinforce => log_prob.f_mul(&advantages),
        Update::Ppo { clip, .. } => {
            let sampled: Vec<f64> = batch.iter().map(|observation| observation.log_prob).collect();
            let ratio = log_prob.f_sub(&Tensor::f_from_slice(&sampled)?)?.f_exp()?;
            let clipped = ratio.f_clamp(1.0 - clip, 1.0 + clip)?.f_mul(&advantages)?;
            ratio.f_mul(&advantages)?.f_minimum(&clipped)
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;
    use crate::policy::use_one_thread;

    const CHOICES: [usize; 3] = [2, 3, 2];

    fn config() -> PolicyConfig {
        use_one_thread();
        PolicyConfig { hidden: 3, embedding: 2, max_grad_norm: 1e9, ..PolicyConfig::default() }
    }

    /// A policy with parameters far from symmetric ones, and three candidates of it.
    fn setup() -> (PolicyShape, Vec<f64>, Vec<Observation>) {
        let shape = PolicyShape::new(&CHOICES, &config()).unwrap();
        let mut parameters = shape.initial(&mut Pcg64::seed_from_u64(5));
        parameters.iter_mut().for_each(|parameter| *parameter *= 8.0);
        let batch = [[0, 2, 1], [1, 0, 0], [1, 1, 1]]
            .map(|choices| Observation {
                choices: choices.to_vec(),
                log_prob: reference(&shape, &parameters, &choices).0,
                reward: 0.0,
            })
            .to_vec();
        (shape, parameters, batch)
    }

    /// Log probability and entropy along a sequence by an LSTM written out in plain arithmetic.
    fn reference(shape: &PolicyShape, parameters: &[f64], choices: &[usize]) -> (f64, f64) {
        let (h, e) = (config().hidden, config().embedding);
        let mut rest = parameters;
        let mut piece = |length: usize| {
            let (piece, tail) = rest.split_at(length);
            rest = tail;
            piece
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (mut input, w_input, w_hidden, bias) =
            (piece(e), piece(4 * h * e), piece(4 * h * h), piece(4 * h));
        let (mut hidden, mut cell) = (vec![0.0; h], vec![0.0; h]);
        let (mut log_prob, mut entropy) = (0.0, 0.0);
        for (&count, &choice) in shape.choices().iter().zip(choices) {
            let gates: Vec<f64> = (0..4 * h)
                .map(|g| {
                    dot(&w_input[g * e..][..e], input)
                        + dot(&w_hidden[g * h..][..h], &hidden)
                        + bias[g]
                })
                .collect();
            for unit in 0..h {
                let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gates[gate * h + unit]);
                cell[unit] = sigmoid(f) * cell[unit] + sigmoid(i) * g.tanh();
                hidden[unit] = sigmoid(o) * cell[unit].tanh();
            }
            let (embeddings, weights, bias) = (piece(count * e), piece(count * h), piece(count));
            let exp: Vec<f64> = (0..count)
                .map(|c| (dot(&weights[c * h..][..h], &hidden) + bias[c]).exp())
                .collect();
            let sum: f64 = exp.iter().sum();
            log_prob += (exp[choice] / sum).ln();
            entropy -= exp.iter().map(|x| x / sum * (x / sum).ln()).sum::<f64>();
            input = &embeddings[choice * e..][..e];
        }
        assert!(rest.is_empty());
        (log_prob, entropy)
    }

    #[test]
    fn log_probability_and_entropy_equal_those_of_an_lstm_written_out() {
        let (shape, parameters, batch) = setup();
        let lstm = Lstm::new(&shape, &Tensor::from_slice(&parameters)).unwrap();
        let sequences: Vec<&[usize]> = batch.iter().map(|o| o.choices.as_slice()).collect();
        let (log_prob, entropy) = lstm.evaluate(&sequences).unwrap();
        for (row, sequence) in sequences.iter().enumerate() {
            let expected = reference(&shape, &parameters, sequence);
            let found = (log_prob.double_value(&[row as i64]), entropy.double_value(&[row as i64]));
            assert!(
                (found.0 - expected.0).abs() < 1e-12 && (found.1 - expected.1).abs() < 1e-12,
                "{found:?}"
            );
        }
    }

    #[test]
    fn the_gradient_equals_finite_differences_of_the_written_out_loss() {
        let (shape, parameters, batch) = setup();
        let advantages = [1.5, -0.5, 0.25];
        for entropy_bonus in [0.0, 0.3] {
            let loss = |parameters: &[f64]| {
                let gains = batch.iter().zip(advantages).map(|(observation, advantage)| {
                    let (log_prob, entropy) = reference(&shape, parameters, &observation.choices);
                    advantage * log_prob + entropy_bonus * entropy
                });
                -gains.sum::<f64>() / 3.0
            };
            let config = PolicyConfig { entropy_bonus, ..config() };
            let found = gradient(&shape, &parameters, &batch, &advantages, &config).unwrap();
            assert!((found.loss - loss(&parameters)).abs() < 1e-12);
            for (at, found) in found.values.iter().enumerate() {
                let shifted = |by: f64| {
                    let mut parameters = parameters.clone();
                    parameters[at] += by;
                    loss(&parameters)
                };
                let expected = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!(
                    (found - expected).abs() < 1e-8,
                    "parameter {at}: {found}, expected {expected}"
                );
            }
        }
    }

    #[test]
    fn at_ratio_one_the_gradient_of_ppo_is_that_of_reinforce() {
        let (shape, parameters, batch) = setup();
        let advantages = [1.5, -0.5, 0.25];
        let of = |update| {
            let config = PolicyConfig { update, ..config() };
            gradient(&shape, &parameters, &batch, &advantages, &config).unwrap().values
        };
        let (reinforce, ppo) = (of(Update::Reinforce), of(Update::PPO));
        for (a, b) in reinforce.iter().zip(&ppo) {
            assert!((a - b).abs() < 1e-12, "{a} and {b}");
        }
        assert!(reinforce.iter().any(|value| value.abs() > 0.01));
    }

    #[test]
    fn ppo_stops_where_the_ratio_has_moved_far_enough_and_only_there() {
        let (shape, parameters, batch) = setup();
        let config = PolicyConfig { update: Update::PPO, entropy_bonus: 0.0, ..config() };
        // (ratio now to then, advantage, whether a gradient is left)
        for (ratio, advantage, moves) in [
            (1.1, 1.0, true),
            (1.3, 1.0, false),
            (0.7, 1.0, true),
            (1.3, -1.0, true),
            (0.7, -1.0, false),
            (0.9, -1.0, true),
        ] {
            let mut observation = batch[0].clone();
            observation.log_prob -= f64::ln(ratio);
            let found =
                gradient(&shape, &parameters, &[observation], &[advantage], &config).unwrap();
            assert_eq!(
                found.norm > 1e-6,
                moves,
                "ratio {ratio}, advantage {advantage}: {}",
                found.norm
            );
        }
    }

    #[test]
    fn a_long_gradient_is_cut_to_the_norm_and_keeps_its_direction() {
        let (shape, parameters, batch) = setup();
        let of = |max_grad_norm| {
            let config = PolicyConfig { max_grad_norm, ..config() };
            gradient(&shape, &parameters, &batch, &[3.0, -2.0, 1.0], &config).unwrap()
        };
        let (free, cut) = (of(1e9), of(0.01));
        assert_eq!(free.norm, cut.norm);
        for (free_value, cut_value) in free.values.iter().zip(&cut.values) {
            assert!((free_value * 0.01 / free.norm - cut_value).abs() < 1e-12);
        }
    }
}
