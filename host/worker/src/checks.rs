//! Checks that refuse invalid requests before any work.
//!
//! **Invariant:** every number of a recipe that passes is finite and in its range.

use pearl_models::network::Network;
use pearl_models::reference;

use crate::dataset::Dataset;
use crate::error::WorkerError;
use pearl::train::worker_protocol::{Loss, NetworkSource, Recipe};

pub fn network(source: &NetworkSource) -> Result<Network, WorkerError> {
    Ok(match source {
        NetworkSource::Architecture(architecture) => architecture.network()?,
        NetworkSource::Reference { name, input, classes } => {
            reference::network(name, Some(*input), *classes)?
        }
    })
}

pub fn fits(network: &Network, data: &Dataset) -> Result<(), WorkerError> {
    if (network.input, network.classes) == (data.input, data.classes) {
        return Ok(());
    }
    Err(WorkerError::Request(format!(
        "network '{}' takes {} to {} classes, data set {} has {} and {}",
        network.name, network.input, network.classes, data.name, data.input, data.classes
    )))
}

pub fn check(recipe: &Recipe, loss: &Loss) -> Result<(), WorkerError> {
    let Recipe { epochs, batch, learning_rate, momentum, weight_decay, flip: _ } = *recipe;
    let mut wrong = vec![
        ((1..=100_000).contains(&epochs), format!("{epochs} epochs")),
        ((2..=65_536).contains(&batch), format!("batches of {batch}")),
        (
            learning_rate.is_finite() && learning_rate > 0.0,
            format!("learning rate {learning_rate}"),
        ),
        ((0.0..1.0).contains(&momentum), format!("momentum {momentum}")),
        (weight_decay.is_finite() && weight_decay >= 0.0, format!("weight decay {weight_decay}")),
    ];
    if let Loss::Distillation { alpha, temperature, .. } = loss {
        wrong.push((alpha.is_finite() && *alpha >= 0.0, format!("alpha {alpha}")));
        let positive = temperature.is_finite() && *temperature > 0.0;
        wrong.push((positive, format!("temperature {temperature}")));
    }
    match wrong.into_iter().find(|(right, _)| !right) {
        None => Ok(()),
        Some((_, what)) => Err(WorkerError::Request(format!("invalid recipe: {what}"))),
    }
}
