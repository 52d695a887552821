//! The Pareto front of latency and accuracy.
//!
//! **Invariant:** a point is in the front exactly when no other point is at least as fast and at
//! least as accurate, and better in one of the two.

use std::cmp::Ordering;

/// Any unit of latency does, as long as all points share it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub latency: f64,
    pub accuracy: f64,
}

/// Indices of the points that no other dominates, from the fastest to the most accurate; equal points
/// stay together. A point that is not finite is never among them.
pub fn front(points: &[Point]) -> Vec<usize> {
    let finite = |point: &Point| point.latency.is_finite() && point.accuracy.is_finite();
    let mut order: Vec<usize> = (0..points.len()).filter(|&index| finite(&points[index])).collect();
    order.sort_by(|&a, &b| fastest_then_most_accurate(&points[a], &points[b]));
    let mut kept: Vec<usize> = Vec::new();
    for index in order {
        let better = kept.last().is_none_or(|&last| {
            points[index].accuracy > points[last].accuracy || points[index] == points[last]
        });
        if better {
            kept.push(index);
        }
    }
    kept
}

fn fastest_then_most_accurate(a: &Point, b: &Point) -> Ordering {
    // Comparing with `partial_cmp` keeps 0 and -0 equal; the caller hands in finite numbers only.
    let ascending = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    ascending(a.latency, b.latency).then(ascending(b.accuracy, a.accuracy))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point((latency, accuracy): (f64, f64)) -> Point {
        Point { latency, accuracy }
    }

    fn dominates(a: &Point, b: &Point) -> bool {
        a.latency <= b.latency
            && a.accuracy >= b.accuracy
            && (a.latency < b.latency || a.accuracy > b.accuracy)
    }

    fn check(points: &[(f64, f64)], expect: &[usize]) {
        let points: Vec<Point> = points.iter().copied().map(point).collect();
        assert_eq!(front(&points), expect);
    }

    #[test]
    fn the_front_runs_from_the_fastest_to_the_most_accurate() {
        check(&[], &[]);
        check(&[(3.0, 0.5)], &[0]);
        check(&[(3.0, 0.9), (1.0, 0.5), (2.0, 0.4), (2.0, 0.7)], &[1, 3, 0]);
    }

    #[test]
    fn of_equal_latencies_only_the_most_accurate_stays() {
        check(&[(1.0, 0.5), (1.0, 0.6), (1.0, 0.4)], &[1]);
    }

    #[test]
    fn equal_points_stay_together() {
        check(&[(1.0, 0.5), (1.0, 0.5), (0.0, 0.1), (-0.0, 0.1)], &[2, 3, 0, 1]);
    }

    #[test]
    fn what_is_not_finite_is_left_out() {
        check(&[(f64::NAN, 0.5), (1.0, f64::INFINITY), (2.0, 0.2)], &[2]);
    }

    proptest! {
        #[test]
        fn nothing_in_the_front_is_dominated_and_all_else_is(
            // A coarse grid, so that ties happen.
            points in prop::collection::vec((0u8..12, 0u8..12), 0..60)
        ) {
            let points: Vec<Point> =
                points.into_iter().map(|(x, y)| point((f64::from(x), f64::from(y)))).collect();
            let front = front(&points);
            for (index, point) in points.iter().enumerate() {
                let dominated = points.iter().any(|other| dominates(other, point));
                prop_assert_eq!(front.contains(&index), !dominated);
            }
            for pair in front.windows(2) {
                prop_assert!(points[pair[0]].latency <= points[pair[1]].latency);
                prop_assert!(points[pair[0]].accuracy <= points[pair[1]].accuracy);
            }
        }
    }
}
