//! What training minimises: `CE(y, p)`, and for distillation `+ α·CE(q, p)` with
//! `q = softmax(z_teacher / T)` ("Search to Distill", CVPR 2020).
//!
//! **Invariant:** the mean over the batch, in f32 whatever the network computed in.

use tch::{Kind, Reduction, TchError, Tensor};

/// The teacher's distribution over the classes for every view of every image.
pub struct SoftTargets {
    /// `[views · images, classes]`, views outermost.
    probabilities: Tensor,
    alpha: f64,
}

impl SoftTargets {
    /// Soft targets from logits `[views, images, classes]`.
    pub fn new(logits: &Tensor, temperature: f64, alpha: f64) -> Result<SoftTargets, TchError> {
        let classes = logits.size().last().copied().unwrap_or(0);
        let scaled = logits.f_reshape([-1, classes])?.f_div_scalar(temperature)?;
        Ok(SoftTargets { probabilities: scaled.f_softmax(-1, Kind::Float)?, alpha })
    }

    /// `rows`: `view · images + image` of each image of the batch.
    fn batch(&self, rows: &Tensor) -> Result<Tensor, TchError> {
        self.probabilities.f_index_select(0, rows)
    }
}

/// The loss of a batch: logits `[n, classes]`, labels `[n]`, rows into the soft targets `[n]`.
pub fn loss(
    logits: &Tensor,
    labels: &Tensor,
    soft: Option<&SoftTargets>,
    rows: &Tensor,
) -> Result<Tensor, TchError> {
    let log_p = logits.f_log_softmax(-1, Kind::Float)?;
    let hard = log_p.f_nll_loss::<Tensor>(labels, None, Reduction::Mean, -100)?;
    let Some(soft) = soft else { return Ok(hard) };
    let share = -soft.alpha / logits.size().first().copied().unwrap_or(1) as f64;
    let taught = soft.batch(rows)?.f_mul(&log_p)?.f_sum(Kind::Float)?.f_mul_scalar(share)?;
    hard.f_add(&taught)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `-Σ q ln p` with `p = softmax(z)`, in plain arithmetic.
    fn cross_entropy(q: &[f64], z: &[f64]) -> f64 {
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        -q.iter().zip(z).map(|(q, z)| q * (z.exp() / total).ln()).sum::<f64>()
    }

    fn softmax(z: &[f64]) -> Vec<f64> {
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        z.iter().map(|z| z.exp() / total).collect()
    }

    #[test]
    fn the_loss_equals_the_papers_formula() {
        let z = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]];
        let (labels, rows) = ([2i64, 1], [3i64, 0]);
        // Two views of two images.
        let teacher = [[3.0, 1.0, -2.0], [0.0, 0.5, 1.0], [9.0, 9.0, 9.0], [-1.0, 4.0, 0.5]];
        let (alpha, temperature) = (0.7, 2.5);

        let one_hot = |label: i64| std::array::from_fn::<_, 3, _>(|i| f64::from(i as i64 == label));
        let mut hard = 0.0;
        let mut both = 0.0;
        for i in 0..2 {
            hard += cross_entropy(&one_hot(labels[i]), &z[i]) / 2.0;
            let cooled = teacher[rows[i] as usize].map(|t: f64| t / temperature);
            both += alpha * cross_entropy(&softmax(&cooled), &z[i]) / 2.0;
        }
        both += hard;

        let logits = Tensor::from_slice2(&z).to_kind(Kind::Float);
        let (labels, rows) = (Tensor::from_slice(&labels), Tensor::from_slice(&rows));
        let targets = Tensor::from_slice2(&teacher).to_kind(Kind::Float).reshape([2, 2, 3]);
        let soft = SoftTargets::new(&targets, temperature, alpha).unwrap();
        let found = loss(&logits, &labels, None, &rows).unwrap().double_value(&[]);
        assert!((found - hard).abs() < 1e-6, "{found} {hard}");
        let found = loss(&logits, &labels, Some(&soft), &rows).unwrap().double_value(&[]);
        assert!((found - both).abs() < 1e-6, "{found} {both}");
    }
}
