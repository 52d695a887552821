//! A simulated task of the `mnas` space's shape, and how well the defaults learn on it.
//!
//! Seven blocks of decisions (4, 2, 2, 3, 3, 3). Each choice adds to the logarithm of the latency and
//! to the accuracy, by normal effects that correlate by 0.4 (what is slower tends to be better). Over
//! uniform samples the latency is 0.5 to 2 times the budget and the accuracy 0.80 to 0.89, both
//! bounded there; training noise has a standard deviation of 0.003.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::{Policy, PolicyConfig, Update, use_one_thread};

const BLOCK: [usize; 6] = [4, 2, 2, 3, 3, 3];
const BLOCKS: usize = 7;
const CORRELATION: f64 = 0.4;
const NOISE: f64 = 0.003;
const W: f64 = -0.07;

struct Task {
    choices: Vec<usize>,
    /// The effect of each decision's choices; the sum over a uniform sample has unit variance.
    latency: Vec<Vec<f64>>,
    accuracy: Vec<Vec<f64>>,
    rng: Pcg64,
}

/// Sum of twelve uniform numbers: normal enough.
fn normal(rng: &mut Pcg64) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

fn standardised(mut effects: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut variance = 0.0;
    for effects in &mut effects {
        let mean = effects.iter().sum::<f64>() / effects.len() as f64;
        effects.iter_mut().for_each(|effect| *effect -= mean);
        variance +=
            effects.iter().map(|effect| effect * effect).sum::<f64>() / effects.len() as f64;
    }
    effects.iter_mut().flatten().for_each(|effect| *effect /= variance.sqrt());
    effects
}

impl Task {
    fn new(seed: u64) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let choices = BLOCK.repeat(BLOCKS);
        let mut independent = || -> Vec<Vec<f64>> {
            choices.iter().map(|&count| (0..count).map(|_| normal(&mut rng)).collect()).collect()
        };
        let (latency, mut accuracy) = (independent(), independent());
        for (accuracy, latency) in accuracy.iter_mut().flatten().zip(latency.iter().flatten()) {
            *accuracy =
                CORRELATION * latency + (1.0 - CORRELATION * CORRELATION).sqrt() * *accuracy;
        }
        Self { latency: standardised(latency), accuracy: standardised(accuracy), choices, rng }
    }

    fn reward(&mut self, choices: &[usize]) -> f64 {
        let sum = |effects: &[Vec<f64>]| {
            effects.iter().zip(choices).map(|(e, &choice)| e[choice]).sum::<f64>()
        };
        let latency = (0.7 * (sum(&self.latency) * 0.3 / 0.7).tanh()).exp();
        let accuracy = 0.845 + 0.045 * (sum(&self.accuracy) * 0.018 / 0.045).tanh();
        (accuracy + NOISE * normal(&mut self.rng)) * latency.powf(W)
    }
}

/// Mean reward of the last quarter above that of the first, and the best reward.
fn search(candidates: usize, update: Update, seed: u64) -> (f64, f64) {
    let mut task = Task::new(seed);
    let config = PolicyConfig { update, ..PolicyConfig::default() };
    let mut policy = Policy::new(&task.choices, config, 1000 + seed).unwrap();
    let rewards: Vec<f64> = (0..candidates)
        .map(|_| {
            let sample = policy.sample().unwrap();
            let reward = task.reward(&sample.choices);
            policy.observe(&sample.choices, sample.log_prob, reward).unwrap();
            reward
        })
        .collect();
    let mean = |rewards: &[f64]| rewards.iter().sum::<f64>() / rewards.len() as f64;
    let quarter = candidates / 4;
    let gain = mean(&rewards[candidates - quarter..]) - mean(&rewards[..quarter]);
    (gain, rewards.iter().copied().fold(f64::MIN, f64::max))
}

#[test]
fn a_short_search_earns_more_in_its_last_quarter_than_in_its_first() {
    use_one_thread();
    for (update, candidates, least) in [
        (Update::Reinforce, 24, 17),
        (Update::Reinforce, 48, 19),
        (Update::PPO, 24, 17),
        (Update::PPO, 48, 19),
    ] {
        let gains: Vec<f64> = (0..20).map(|seed| search(candidates, update, seed).0).collect();
        let won = gains.iter().filter(|&&gain| gain > 0.0).count();
        assert!(won >= least, "{update:?}, {candidates} candidates: {won} of 20, gains {gains:?}");
    }
}
