//! Adam (Kingma & Ba, arXiv 1412.6980, algorithm 1) over one flat vector of parameters.
//!
//! **Invariant:** everything that the next step depends on is in the public fields, so that it can be
//! stored: torch's optimisers cannot be.

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    /// Moving mean of the gradient.
    pub first: Vec<f64>,
    /// Moving mean of the squared gradient.
    pub second: Vec<f64>,
    pub steps: u64,
}

impl Adam {
    pub fn new(parameters: usize) -> Self {
        Self { first: vec![0.0; parameters], second: vec![0.0; parameters], steps: 0 }
    }

    /// Moves `parameters` against `gradient`, which is as long.
    pub fn step(&mut self, parameters: &mut [f64], gradient: &[f64], learning_rate: f64) {
        self.steps += 1;
        // Beyond a million steps the corrections are 1 to the last bit.
        let power = i32::try_from(self.steps.min(1_000_000)).expect("a million fits");
        let (correct1, correct2) = (1.0 - BETA1.powi(power), 1.0 - BETA2.powi(power));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in
            parameters.iter_mut().zip(gradient).zip(moments)
        {
            *first = BETA1 * *first + (1.0 - BETA1) * gradient;
            *second = BETA2 * *second + (1.0 - BETA2) * gradient * gradient;
            *parameter -=
                learning_rate * (*first / correct1) / ((*second / correct2).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_equal_hand_computed_ones() {
        let mut adam = Adam::new(2);
        let mut parameters = [1.0, 0.5];
        // The first step is the learning rate in the gradient's direction, and none without one.
        adam.step(&mut parameters, &[4.0, 0.0], 0.1);
        assert!((parameters[0] - 0.9).abs() < 1e-9 && parameters[1] == 0.5, "{parameters:?}");
        // m = 0.9·0.4 − 0.1·2 = 0.16, v = 0.999·0.016 + 0.001·4 = 0.019984;
        // 0.1 · (0.16 / 0.19) / √(0.019984 / 0.001999) = 0.0266337
        adam.step(&mut parameters, &[-2.0, 0.0], 0.1);
        assert!((parameters[0] - (0.9 - 0.0266337)).abs() < 1e-7, "{parameters:?}");
        assert!(
            (adam.first[0] - 0.16).abs() < 1e-12 && (adam.second[0] - 0.019984).abs() < 1e-12,
            "{adam:?}"
        );
        assert_eq!(adam.steps, 2);
    }
}
