//! Seeded latencies for tests: skewed distributions with known medians.
//!
//! **Invariant:** the same seed gives the same samples on every machine.

use crate::Nanos;

/// SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014).
pub struct Stream(u64);

/// All around a millisecond.
#[derive(Clone, Copy, Debug)]
pub enum Distribution {
    Exponential,
    LogNormal,
    /// Shape 1.5: infinite variance.
    Pareto,
}

const SCALE_NS: f64 = 1e6;

impl Stream {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn draw(&mut self, distribution: Distribution) -> Nanos {
        let value = match distribution {
            Distribution::Exponential => -self.uniform().ln(),
            Distribution::LogNormal => self.normal().exp(),
            Distribution::Pareto => self.uniform().powf(-1.0 / 1.5),
        };
        Nanos::from_f64(SCALE_NS * value)
    }
}

impl Distribution {
    /// In nanoseconds.
    pub fn median(self) -> f64 {
        SCALE_NS
            * match self {
                Self::Exponential => std::f64::consts::LN_2,
                Self::LogNormal => 1.0,
                Self::Pareto => 2f64.powf(1.0 / 1.5),
            }
    }
}
