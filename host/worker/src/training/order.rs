//! The order in which images are seen, and the view of each.
//!
//! **Invariant:** an epoch's order depends on the seed and the epoch's number alone; every epoch sees
//! every image at most once, and all of them but a last batch that would not be full.

use rand::RngExt;

use crate::torch_network::init::stream;
use pearl::train::worker_protocol::Recipe;

/// One epoch: image numbers in order, and for each its view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub images: Vec<i64>,
    /// 0 for the image as it is, 1 for it flipped left to right.
    pub views: Vec<i64>,
}

/// Size of a batch, and how many there are in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    pub size: usize,
    pub count: usize,
}

impl Batches {
    /// If there are fewer images than a batch takes, all of them are one batch.
    pub fn of(images: usize, recipe: &Recipe) -> Batches {
        let size = recipe.batch.min(images);
        Batches { size, count: images / size }
    }
}

impl Epoch {
    pub fn new(images: usize, recipe: &Recipe, seed: u64, epoch: usize) -> Epoch {
        let mut rng = stream(seed, &format!("order/{epoch}"));
        let mut order: Vec<i64> = (0..images as i64).collect();
        for last in (1..images).rev() {
            order.swap(last, rng.random_range(0..=last));
        }
        let mut rng = stream(seed, &format!("views/{epoch}"));
        let mut views: Vec<i64> =
            (0..images).map(|_| i64::from(recipe.flip && rng.random::<bool>())).collect();
        let Batches { size, count } = Batches::of(images, recipe);
        order.truncate(size * count);
        views.truncate(size * count);
        Epoch { images: order, views }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(flip: bool) -> Recipe {
        Recipe { epochs: 1, batch: 10, learning_rate: 0.1, momentum: 0.9, weight_decay: 0.0, flip }
    }

    #[test]
    fn an_epoch_sees_every_image_once() {
        let mut seen = Epoch::new(50, &recipe(true), 3, 0).images;
        seen.sort_unstable();
        assert_eq!(seen, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_batch_is_left_out_where_it_is_not_full() {
        let epoch = Epoch::new(57, &recipe(false), 3, 0);
        assert_eq!((epoch.images.len(), epoch.views.len()), (50, 50));
        assert_eq!(Batches::of(7, &recipe(false)), Batches { size: 7, count: 1 });
    }

    #[test]
    fn epochs_and_seeds_differ_and_repeat() {
        let first = Epoch::new(50, &recipe(true), 3, 0);
        assert_eq!(first, Epoch::new(50, &recipe(true), 3, 0));
        assert_ne!(first, Epoch::new(50, &recipe(true), 3, 1));
        assert_ne!(first, Epoch::new(50, &recipe(true), 4, 0));
    }

    #[test]
    fn without_flips_the_same_order_has_one_view() {
        let (plain, flipped) =
            (Epoch::new(500, &recipe(false), 3, 0), Epoch::new(500, &recipe(true), 3, 0));
        assert_eq!(plain.images, flipped.images);
        assert_eq!(plain.views.iter().sum::<i64>(), 0);
        assert!((150..350).contains(&flipped.views.iter().sum::<i64>()));
    }
}
