//! Accuracy on a part of a data set.
//!
//! **Invariant:** a model whose logits are not finite has no accuracy.

use tch::{Kind, TchError, Tensor};

use crate::dataset::Part;
use pearl::train::worker_protocol::Accuracy;

/// Images per batch: few enough that a layer's values stay in the processor's caches.
pub const BATCH: usize = 250;

/// How many images have their largest logit at their label, for `batch` images at a time; `None` if a logit
/// is not finite.
pub fn accuracy<E: From<TchError>>(
    part: &Part,
    batch: usize,
    mut forward: impl FnMut(&Tensor) -> Result<Tensor, E>,
) -> Result<Option<Accuracy>, E> {
    let _guard = tch::no_grad_guard();
    let mut correct = 0;
    for first in (0..part.count).step_by(batch) {
        let batch = part.slice(first, batch.min(part.count - first))?;
        let logits = forward(&batch.images)?;
        if !all_finite(&logits)? {
            return Ok(None);
        }
        correct += hits(&logits, &batch.labels)?;
    }
    Ok(Some(Accuracy { correct, total: part.count as u64 }))
}

pub fn hits(logits: &Tensor, labels: &Tensor) -> Result<u64, TchError> {
    let hits = logits.f_argmax(-1, false)?.f_eq_tensor(labels)?.f_sum(Kind::Int64)?;
    Ok(hits.f_int64_value(&[])?.unsigned_abs())
}

pub fn all_finite(values: &Tensor) -> Result<bool, TchError> {
    Ok(values.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
}
