//! The order of the training images, whose two ends a split takes.
//!
//! Many data sets are sorted by class. The images of each class are shuffled and then spread evenly, so that
//! the first or the last images of this order hold every class by its share.
//!
//! **Invariant:** the order depends on the labels alone; it holds every image once.

use rand::RngExt;

use crate::torch_network::init::stream;

/// Which drawing of the images: another number gives other splits of the same data.
const SEED: u64 = 0;

/// The position in the file of each image, in the new order. Labels are `0..classes`.
pub fn split_order(labels: &[u8], classes: usize) -> Vec<usize> {
    let mut of_class = vec![Vec::new(); classes];
    for (at, &label) in labels.iter().enumerate() {
        of_class[usize::from(label)].push(at);
    }
    let mut placed = Vec::with_capacity(labels.len());
    for (class, images) in of_class.iter_mut().enumerate() {
        let mut rng = stream(SEED, &format!("split/{class}"));
        for last in (1..images.len()).rev() {
            images.swap(last, rng.random_range(0..=last));
        }
        let count = images.len() as u64;
        // Image k of n lies at (2k + 1) / 2n of the whole; fractions are compared without rounding.
        placed.extend(images.iter().zip(0_u64..).map(|(&at, k)| (2 * k + 1, count, class, at)));
    }
    placed
        .sort_by(|(k, n, class, _), (j, m, other, _)| (k * m).cmp(&(j * n)).then(class.cmp(other)));
    placed.into_iter().map(|(.., at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_hold_every_class_by_its_share_however_the_file_is_sorted() {
        // 600, 300 and 100 images, sorted by class.
        let labels: Vec<u8> = [(0, 600), (1, 300), (2, 100)]
            .into_iter()
            .flat_map(|(class, count)| vec![class; count])
            .collect();
        let order = split_order(&labels, 3);
        let mut all = order.clone();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1000), "every image once");
        for part in [&order[..100], &order[..10], &order[900..], &order[990..]] {
            for (class, share) in [(0, 0.6), (1, 0.3), (2, 0.1)] {
                let count = part.iter().filter(|&&at| labels[at] == class).count() as f64;
                let expected = share * part.len() as f64;
                assert!((count - expected).abs() <= 1.0, "{class}: {count} of {}", part.len());
            }
        }
        assert_ne!(order[..100], split_order(&labels[..999], 3)[..100]);
        assert_eq!(order, split_order(&labels, 3));
    }
}
