//! The policy: an LSTM that makes one decision after the other.
//!
//! At decision `t` its input is the embedding of the choice taken at `t − 1` (a learned vector at the
//! first), and a linear head of that decision turns its state into logits. This is the policy of Zoph &
//! Le (arXiv 1611.01578), except that embeddings belong to decisions, because choice 1 of a kernel size
//! and choice 1 of a layer type have nothing in common.
//!
//! All parameters are one flat vector of f64, which torch sees as one leaf: one gradient, one Adam,
//! one blob to store. Torch's random stream is not used, and its thread count does not matter.
//!
//! **Invariant:** the same parameters and choices give the same bits on the same machine.

use rand::RngExt;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor};

use pearl::train::worker_protocol::PolicyConfig;

use super::error::PolicyError;

/// Initial weights are uniform in ± this, so that the first samples are nearly uniform.
const INITIAL: f64 = 0.1;
/// Limits the memory that a stored state can make the worker allocate.
const MOST_PARAMETERS: u128 = 1 << 20;

/// What fixes the number and meaning of the parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyShape {
    choices: Vec<usize>,
    hidden: usize,
    embedding: usize,
}

impl PolicyShape {
    /// # Errors
    /// No decisions, a decision without choices, or more parameters than any search needs.
    pub fn new(choices: &[usize], config: &PolicyConfig) -> Result<Self, PolicyError> {
        let shape =
            Self { choices: choices.to_vec(), hidden: config.hidden, embedding: config.embedding };
        shape.check()?;
        Ok(shape)
    }

    pub fn check(&self) -> Result<(), PolicyError> {
        let refuse = |text: String| Err(PolicyError::Shape(text));
        if self.choices.is_empty() {
            return refuse("no decisions".to_owned());
        }
        if let Some(decision) = self.choices.iter().position(|&count| count == 0) {
            return refuse(format!("decision {decision}, which has no choices"));
        }
        let (hidden, embedding) = (self.hidden as u128, self.embedding as u128);
        if hidden == 0 || embedding == 0 || hidden.max(embedding) > MOST_PARAMETERS {
            return refuse(format!("anything with hidden {hidden} and embedding {embedding}"));
        }
        let choices: u128 = self.choices.iter().map(|&count| count as u128).sum();
        let parameters =
            choices * (embedding + hidden + 1) + 4 * hidden * (embedding + hidden + 1) + embedding;
        if parameters > MOST_PARAMETERS {
            return refuse(format!(
                "{choices} choices: {parameters} parameters, at most {MOST_PARAMETERS}"
            ));
        }
        Ok(())
    }

    /// Number of choices of each decision.
    pub fn choices(&self) -> &[usize] {
        &self.choices
    }

    /// # Errors
    /// Choices that are not one for each decision, within its count.
    pub fn check_choices(&self, choices: &[usize]) -> Result<(), PolicyError> {
        if choices.len() != self.choices.len() {
            return Err(PolicyError::Decisions {
                given: choices.len(),
                expected: self.choices.len(),
            });
        }
        match choices.iter().zip(&self.choices).position(|(choice, count)| choice >= count) {
            None => Ok(()),
            Some(decision) => Err(PolicyError::Choice {
                decision,
                choice: choices[decision],
                count: self.choices[decision],
            }),
        }
    }

    /// Rows and columns of each piece of the flat vector, in order: start, input and state weights
    /// and bias of the LSTM (gates in torch's order i, f, g, o), then of each decision the embedding
    /// of its choices, weights and bias of its head.
    fn pieces(&self) -> Vec<(usize, usize)> {
        let gates = 4 * self.hidden;
        let mut pieces =
            vec![(1, self.embedding), (gates, self.embedding), (gates, self.hidden), (1, gates)];
        for &count in &self.choices {
            pieces.extend([(count, self.embedding), (count, self.hidden), (1, count)]);
        }
        pieces
    }

    pub fn parameters(&self) -> usize {
        self.pieces().iter().map(|(rows, columns)| rows * columns).sum()
    }

    pub fn initial(&self, rng: &mut Pcg64) -> Vec<f64> {
        let mut parameters = Vec::with_capacity(self.parameters());
        for (rows, columns) in self.pieces() {
            parameters.extend((0..rows * columns).map(|_| rng.random_range(-INITIAL..INITIAL)));
        }
        // The forget gates start open, or early decisions would not reach late ones.
        let forget =
            self.embedding + 4 * self.hidden * (self.embedding + self.hidden) + self.hidden;
        for bias in &mut parameters[forget..forget + self.hidden] {
            *bias += 1.0;
        }
        parameters
    }
}

/// A policy of one shape with parameters: a 1-d f64 tensor.
pub struct Lstm<'a> {
    shape: &'a PolicyShape,
    pieces: Vec<Tensor>,
}

/// The state of `rows` sequences between two decisions.
struct Position {
    input: Tensor,
    hidden: Tensor,
    cell: Tensor,
}

/// Sequences drawn from a policy. The first index is the sequence's, the second the decision's.
pub struct Draw {
    pub choices: Vec<Vec<usize>>,
    /// The distribution that each choice was picked from.
    pub probabilities: Vec<Vec<Vec<f64>>>,
    pub log_prob: Vec<f64>,
}

impl<'a> Lstm<'a> {
    pub fn new(shape: &'a PolicyShape, parameters: &Tensor) -> Result<Self, TchError> {
        let sizes = shape.pieces();
        let lengths: Vec<i64> =
            sizes.iter().map(|(rows, columns)| (rows * columns) as i64).collect();
        let pieces = parameters
            .f_split_with_sizes(lengths, 0)?
            .iter()
            .zip(sizes)
            .map(|(piece, (rows, columns))| piece.f_view([rows as i64, columns as i64]))
            .collect::<Result<_, _>>()?;
        Ok(Self { shape, pieces })
    }

    fn start(&self, rows: usize) -> Result<Position, TchError> {
        let (rows, hidden) = (rows as i64, self.shape.hidden as i64);
        let zeros = || Tensor::f_zeros([rows, hidden], (Kind::Double, tch::Device::Cpu));
        let input = self.pieces[0].f_expand([rows, self.shape.embedding as i64], false)?;
        Ok(Position { input, hidden: zeros()?, cell: zeros()? })
    }

    /// Log probabilities of a decision's choices: `[rows, choices]`.
    fn decide(&self, decision: usize, position: &mut Position) -> Result<Tensor, TchError> {
        let (hidden, cell) = position.input.f_lstm_cell(
            &[&position.hidden, &position.cell],
            &self.pieces[1],
            &self.pieces[2],
            Some(&self.pieces[3].f_squeeze_dim(0)?),
            None,
        )?;
        (position.hidden, position.cell) = (hidden, cell);
        let logits = position
            .hidden
            .f_linear(&self.pieces[5 + 3 * decision], Some(&self.pieces[6 + 3 * decision]))?;
        logits.f_log_softmax(1, Kind::Double)
    }

    fn take(
        &self,
        decision: usize,
        choices: &Tensor,
        position: &mut Position,
    ) -> Result<(), TchError> {
        position.input = self.pieces[4 + 3 * decision].f_index_select(0, choices)?;
        Ok(())
    }

    /// Log probability and entropy of given sequences, `[sequences]` each.
    ///
    /// The entropy of a sequence is the sum of those of the distributions along it, in nats: its
    /// mean over the policy's own sequences estimates the policy's entropy without bias.
    pub fn evaluate(&self, sequences: &[&[usize]]) -> Result<(Tensor, Tensor), TchError> {
        let mut position = self.start(sequences.len())?;
        let zeros = || Tensor::f_zeros([sequences.len() as i64], (Kind::Double, tch::Device::Cpu));
        let (mut log_prob, mut entropy) = (zeros()?, zeros()?);
        for decision in 0..self.shape.choices.len() {
            let log_p = self.decide(decision, &mut position)?;
            let taken: Vec<i64> =
                sequences.iter().map(|choices| choices[decision] as i64).collect();
            let taken = Tensor::f_from_slice(&taken)?;
            let of_taken = log_p.f_gather(1, &taken.f_unsqueeze(1)?, false)?;
            log_prob = log_prob.f_add(&of_taken.f_squeeze_dim(1)?)?;
            let along = log_p.f_exp()?.f_mul(&log_p)?.f_sum_dim_intlist(1, false, Kind::Double)?;
            entropy = entropy.f_sub(&along)?;
            self.take(decision, &taken, &mut position)?;
        }
        Ok((log_prob, entropy))
    }

    /// Makes the decisions of `rows` sequences by `pick`, which gets the probabilities.
    pub fn draw(
        &self,
        rows: usize,
        mut pick: impl FnMut(&[f64]) -> usize,
    ) -> Result<Draw, PolicyError> {
        let mut position = self.start(rows)?;
        let mut draw = Draw {
            choices: vec![Vec::new(); rows],
            probabilities: vec![Vec::new(); rows],
            log_prob: vec![0.0; rows],
        };
        for decision in 0..self.shape.choices.len() {
            let log_p = Vec::<Vec<f64>>::try_from(self.decide(decision, &mut position)?)?;
            let mut taken = Vec::with_capacity(rows);
            for (row, log_p) in log_p.iter().enumerate() {
                if let Some(&value) = log_p.iter().find(|log_p| log_p.is_nan()) {
                    return Err(PolicyError::NotFinite { what: "a log probability", value });
                }
                let probabilities: Vec<f64> = log_p.iter().map(|log_p| log_p.exp()).collect();
                let choice = pick(&probabilities);
                taken.push(choice as i64);
                draw.choices[row].push(choice);
                draw.log_prob[row] += log_p[choice];
                draw.probabilities[row].push(probabilities);
            }
            self.take(decision, &Tensor::f_from_slice(&taken)?, &mut position)?;
        }
        Ok(draw)
    }
}

/// The choice at which the cumulated probability passes `uniform`, of [0, 1).
pub fn pick_at(probabilities: &[f64], uniform: f64) -> usize {
    let mut cumulated = 0.0;
    for (choice, probability) in probabilities.iter().enumerate() {
        cumulated += probability;
        if uniform < cumulated {
            return choice;
        }
    }
    // Rounding left the sum below `uniform`.
    probabilities.iter().rposition(|&probability| probability > 0.0).unwrap_or(0)
}

/// The likeliest choice; of equals the first.
#[cfg(test)]
pub fn pick_likeliest(probabilities: &[f64]) -> usize {
    let mut likeliest = 0;
    for (choice, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[likeliest] {
            likeliest = choice;
        }
    }
    likeliest
}
