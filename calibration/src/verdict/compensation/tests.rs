use super::*;
use crate::verdict::measurement;
use crate::verdict::simulation::{Neighbour, Stream, USUAL, quiet_launch};

const TRUTH: f64 = 5e6;

fn session(stream: &mut Stream, neighbour: &mut Neighbour) -> Vec<LaunchView> {
    (0..8).map(|_| neighbour.launch(stream, TRUTH)).collect()
}

/// The median error of compensated sessions as a share of the truth, half the distance from their 5th
/// to their 95th percentile, and the share of them whose interval holds the truth.
fn sessions(neighbour: &Neighbour) -> (f64, f64, f64) {
    let mut stream = Stream::new(5);
    let trials = 300;
    let mut covered = 0;
    let errors = sorted((0..trials).map(|_| {
        let launches = session(&mut stream, &mut neighbour.clone());
        let found = compensated(&launches, USUAL, 0.95).unwrap().latency;
        let truth = Nanos::from_f64(TRUTH);
        covered += u32::from(found.lo <= truth && truth <= found.hi);
        found.point.0 as f64 / TRUTH - 1.0
    }));
    let spread = (quantile(&errors, 0.95) - quantile(&errors, 0.05)) / 2.0;
    (quantile(&errors, 0.5), spread, f64::from(covered) / f64::from(trials))
}

/// The estimator's errors where a disturbance slows the sentinel as much as the model, more, or less.
///
/// Each row: by how much another process slows the model, the sentinel's network and its memory part while
/// that process is busy; its share of the time; the most bias and spread; the least coverage.
#[test]
fn what_a_neighbour_takes_is_given_back() {
    for (model, network, memory, share, bias, spread, coverage) in [
        // No disturbance.
        (0.00, 0.00, 0.00, 0.0, 0.003, 0.01, 0.93),
        // In the core, as the prior expects, half and all of the time.
        (0.24, 0.30, 0.00, 0.5, 0.01, 0.02, 0.9),
        (0.24, 0.30, 0.00, 1.0, 0.02, 0.02, 0.95),
        // In the memory, likewise.
        (0.04, 0.02, 0.40, 0.5, 0.01, 0.02, 0.9),
        (0.04, 0.02, 0.40, 1.0, 0.02, 0.03, 0.95),
        // The sentinel slows more than the model.
        (0.05, 0.30, 0.00, 0.5, 0.01, 0.02, 0.9),
        (0.00, 0.00, 0.60, 0.5, 0.01, 0.02, 0.9),
        // The sentinel slows less than the model.
        (0.30, 0.15, 0.00, 0.5, 0.02, 0.03, 0.75),
        (0.30, 0.00, 0.40, 0.5, 0.02, 0.03, 0.75),
        (0.30, 0.05, 0.00, 0.5, 0.12, 0.12, 0.3),
    ] {
        let neighbour = Neighbour::new(model, network, memory, share);
        let (error, width, covers) = sessions(&neighbour);
        let told =
            format!("{neighbour:?}: bias {error:.4}, spread {width:.4}, coverage {covers:.2}");
        assert!(error.abs() <= bias && width <= spread && covers >= coverage, "{told}");
    }
}

/// A disturbance that never pauses holds no information on the elasticities: an error of the prior is an
/// error of the estimate, and the interval has to cover it.
#[test]
fn a_neighbour_that_never_rests_widens_the_interval() {
    for (model, network, memory) in [(0.08, 0.25, 0.00), (0.27, 0.25, 0.00), (0.10, 0.00, 0.40)] {
        let (_, _, covers) = sessions(&Neighbour::new(model, network, memory, 1.0));
        assert!(covers >= 0.9, "model {model}, network {network}, memory {memory}: {covers}");
    }
    let mut stream = Stream::new(3);
    let mut width = |share| {
        let launches = session(&mut stream, &mut Neighbour::new(0.19, 0.25, 0.0, share));
        compensated(&launches, USUAL, 0.95).unwrap().latency.relative_half_width()
    };
    assert!(width(1.0) > 4.0 * width(0.0));
}

#[test]
fn a_quiet_session_is_what_it_is_without_compensation() {
    let launches = session(&mut Stream::new(1), &mut Neighbour::new(0.0, 0.0, 0.0, 0.0));
    let found = compensated(&launches, USUAL, 0.95).unwrap();
    let raw = measurement(&launches, 0.95).unwrap();
    let ratio = found.latency.point.0 as f64 / raw.point.0 as f64;
    assert!((ratio - 1.0).abs() < 0.005, "{ratio}");
    assert!(found.undisturbed > 0.9 && found.slowdown.abs() < 0.02, "{found:?}");
    assert_eq!(found.levels.len(), launches.len());
}

#[test]
fn a_slower_device_changes_the_latency_and_not_what_is_left_of_it() {
    let mut stream = Stream::new(3);
    let mut slow = Neighbour::new(0.08, 0.10, 0.0, 1.0);
    let launches = session(&mut stream, &mut slow);
    let found = compensated(&launches, USUAL, 0.95).unwrap();
    assert!((found.latency.point.0 as f64 / TRUTH - 1.0).abs() < 0.03, "{found:?}");
    assert!((found.network_slowdown - 0.1).abs() < 0.01 && found.undisturbed < 0.1, "{found:?}");
}

#[test]
fn what_was_not_read_is_not_compensated() {
    let mut launch = quiet_launch(&mut Stream::new(2), TRUTH, 20);
    launch.blocks.clear();
    assert_eq!(compensated(&[launch.clone()], USUAL, 0.95), Err(StatisticError::Empty));
    assert_eq!((undisturbed_speed(&[launch]), usual_speed([])), (None, None));
}

#[test]
fn the_usual_speed_is_that_of_the_calmer_sessions() {
    let of =
        |core| Sentinel { core: Nanos(core), network: Nanos(2 * core), memory: Nanos(3 * core) };
    let sessions = [100, 101, 102, 103, 160, 170, 180, 190, 104];
    assert_eq!(usual_speed(sessions.map(of)), Some(of(102)));
}
