//! What the policy's learning depends on besides the decisions and the seed.
//!
//! The paper leaves every one of these open. Ours are chosen for searches of a few dozen candidates,
//! on a simulated task of the `mnas` space's shape (the worker's tests of the policy).
//!
//! **Invariant:** a configuration that passed `check` gives finite steps on finite rewards.

use serde::{Deserialize, Serialize};

/// A value out of its range.
#[derive(Debug, thiserror::Error)]
#[error("policy: {name} is {value}, expected {lo} to {hi}")]
pub struct PolicyConfigError {
    name: &'static str,
    value: f64,
    lo: f64,
    hi: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    pub update: Update,
    /// Rewards that one update learns from. With three, a search of 24 candidates has eight updates.
    pub batch: usize,
    /// Learning rate of Adam. Far above the usual 1e-3, because there are only 8 to 16 updates. With three
    /// times this rate, the policy converges before it has seen enough, and its best candidate is worse.
    pub learning_rate: f64,
    /// Weight of the policy's entropy (nats, summed over the decisions) beside an advantage of unit
    /// scale. After so few updates the policy is broad anyway: a higher bonus only slows learning.
    pub entropy_bonus: f64,
    /// Share of the moving baseline (and of the moving variance) that one update keeps. Low enough
    /// to follow a policy that improves within a few updates.
    pub baseline_decay: f64,
    /// The gradient of one step is scaled down to this norm: with three rewards a batch, one outlier
    /// would move the policy too far.
    pub max_grad_norm: f64,
    /// Width of the LSTM's state. A few dozen rewards teach no more than a few units can hold.
    pub hidden: usize,
    /// Width of the embedding of a choice; there are two to four choices a decision.
    pub embedding: usize,
}

/// How the policy learns from a batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Update {
    /// One step along `A · ∇log π` (Williams 1992).
    Reinforce,
    /// `epochs` steps on the clipped objective with ratios within `1 ± clip` (Schulman et al.,
    /// arXiv 1707.06347, eq. 7).
    Ppo { clip: f64, epochs: usize },
}

impl Update {
    /// PPO with the published clip, and as many epochs as suit our short searches.
    pub const PPO: Self = Self::Ppo { clip: 0.2, epochs: 2 };
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            update: Update::Reinforce,
            batch: 3,
            learning_rate: 0.06,
            entropy_bonus: 0.01,
            baseline_decay: 0.6,
            max_grad_norm: 1.0,
            hidden: 24,
            embedding: 8,
        }
    }
}

impl PolicyConfig {
    /// # Errors
    /// Names the first value that is out of its range.
    pub fn check(&self) -> Result<(), PolicyConfigError> {
        let number = |name, value: f64, lo: f64, hi: f64| {
            if (lo..=hi).contains(&value) {
                Ok(())
            } else {
                Err(PolicyConfigError { name, value, lo, hi })
            }
        };
        number("batch", self.batch as f64, 1.0, 4096.0)?;
        number("learning_rate", self.learning_rate, 0.0, 10.0)?;
        number("entropy_bonus", self.entropy_bonus, 0.0, 1e3)?;
        number("baseline_decay", self.baseline_decay, 0.0, 1.0)?;
        number("max_grad_norm", self.max_grad_norm, 1e-9, 1e9)?;
        number("hidden", self.hidden as f64, 1.0, 1024.0)?;
        number("embedding", self.embedding as f64, 1.0, 1024.0)?;
        if let Update::Ppo { clip, epochs } = self.update {
            number("clip", clip, 1e-6, 1.0)?;
            number("epochs", epochs as f64, 1.0, 100.0)?;
        }
        Ok(())
    }
}
