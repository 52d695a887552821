//! Quantiles of plain numbers.

/// The quantile at `share`, from 0 to 1, of values that are sorted: linear between order statistics (Hyndman
/// and Fan's type 7).
///
/// # Panics
/// If there are no values.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        for (values, share, expected) in [
            (&[10.0, 20.0, 30.0, 40.0, 50.0][..], 0.5, 30.0),
            (&[10.0, 20.0], 0.5, 15.0),
            (&[10.0, 20.0], 0.99, 19.9),
            (&[7.0], 0.5, 7.0),
        ] {
            assert!((quantile(values, share) - expected).abs() < 1e-9, "{values:?}");
        }
    }
}
