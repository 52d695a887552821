use proptest::prelude::*;

use super::*;
use crate::verdict::simulation::{Neighbour, Stream, USUAL, quiet_launch};
use crate::{Block, Samples, Sentinel};

const MS: u64 = 1_000_000;

fn launches(levels: &[u64]) -> Vec<LaunchView> {
    let mut stream = Stream::new(3);
    levels.iter().map(|level| quiet_launch(&mut stream, *level as f64, 300)).collect()
}

fn quiet() -> Vec<LaunchView> {
    launches(&[5 * MS; 7])
}

fn set_core(launch: &mut LaunchView, ns: u64) {
    launch.blocks.iter_mut().for_each(|block| block.sentinel.core = Nanos(ns));
}

fn check(launches: &[LaunchView], verdict: Verdict, told: &str) {
    let judgement = judge(launches, None, &Thresholds::default()).unwrap();
    assert_eq!(judgement.verdict, verdict, "{:?}", judgement.evidence);
    match judgement.evidence.first() {
        None => assert_eq!(verdict, Verdict::Stable),
        Some(evidence) => assert!(evidence.contains(told), "'{told}' is not in: {evidence}"),
    }
}

#[test]
fn a_quiet_measurement_is_stable() {
    check(&quiet(), Verdict::Stable, "");
    assert!(judge(&[], None, &Thresholds::default()).is_err());
}

#[test]
fn a_median_of_few_clock_steps_is_too_short() {
    check(&launches(&[5400; 6]), Verdict::TooShort, "under 100 steps of 55 ns");
    check(&launches(&[5600; 6]), Verdict::Stable, "");
}

#[test]
fn a_launch_that_was_preempted_while_its_clock_was_measured_makes_nothing_too_short() {
    let mut launches = launches(&[58_000; 6]);
    launches[2].clock_overhead = Nanos(2_025);
    check(&launches, Verdict::Stable, "");
    launches.iter_mut().for_each(|launch| launch.clock_overhead = Nanos(2_025));
    check(&launches, Verdict::TooShort, "under 100 steps of 2055 ns");
}

#[test]
fn a_processor_that_was_shared_is_contended() {
    let spoil = |launch: &mut LaunchView| {
        launch.cpu = Nanos(launch.wall.0 / 2);
        launch.involuntary_switches = 40;
    };
    let mut shared = quiet();
    shared.iter_mut().for_each(spoil);
    check(&shared, Verdict::Contended, "7 of 7 launches");
    check(&shared, Verdict::Contended, "for 50.0 % of the time");
    check(&shared, Verdict::Contended, "280 involuntary context switches");
    let mut few = quiet();
    few[..2].iter_mut().for_each(spoil);
    check(&few, Verdict::Contended, "2 of 7 launches");
}

#[test]
fn a_contended_launch_among_enough_clean_ones_is_a_remark() {
    let mut once = launches(&[5 * MS, 5 * MS, 9 * MS, 5 * MS, 5 * MS, 5 * MS, 5 * MS]);
    once[2].cpu = Nanos(once[2].wall.0 / 2);
    check(&once, Verdict::Stable, "");
    let judgement = judge(&once, None, &Thresholds::default()).unwrap();
    assert_eq!(judgement.remarks.len(), 1);
    assert!(judgement.remarks[0].contains("1 of 7 launches"), "{:?}", judgement.remarks);
    assert!(judgement.remarks[0].contains("the 6 others"), "{:?}", judgement.remarks);
}

#[test]
fn launches_of_which_enough_is_left_are_no_contention_but_a_remark() {
    let mut shared = launches(&[5 * MS; 7]);
    for launch in &mut shared {
        launch.cpu = Nanos(launch.wall.0 / 2);
        launch.sample_cpu = launch.samples.clone().into();
    }
    check(&shared, Verdict::Stable, "");
    let remarks = judge(&shared, None, &Thresholds::default()).unwrap().remarks;
    assert!(remarks[0].contains("7 of 7 launches"), "{remarks:?}");
    assert!(remarks[0].contains("samples of 7 of them"), "{remarks:?}");
}

#[test]
fn a_device_that_slows_as_a_whole_is_throttled() {
    let mut hot = launches(&[5 * MS, 5 * MS, 5 * MS, 6 * MS, 6 * MS, 7 * MS, 7 * MS]);
    check(&hot, Verdict::Drifting, "by +");
    for launch in &mut hot[4..] {
        set_core(launch, MS * 7 / 10);
    }
    check(&hot, Verdict::Throttled, "(sentinel) slowed by 40.0 %");
    for launch in &mut hot[4..] {
        set_core(launch, MS / 2);
    }
    hot[6].frequency_after_khz = vec![1_400_000];
    check(&hot, Verdict::Throttled, "the clock rate fell by 30.0 %");
}

#[test]
fn the_first_evidence_says_by_cycles_what_was_slow_and_a_stable_measurement_has_it_as_a_remark() {
    let mut hot = launches(&[5 * MS, 5 * MS, 5 * MS, 7 * MS, 7 * MS, 7 * MS]);
    for launch in &mut hot {
        launch.cycles = Some(300 * 10_000_000);
    }
    check(&hot, Verdict::Drifting, "cycles: the clock rate fell");
    let evidence = judge(&hot, None, &Thresholds::default()).unwrap().evidence;
    assert!(evidence[1..].iter().all(|evidence| !evidence.contains("cycles")), "{evidence:?}");
    let mut mixed = quiet();
    for (launch, cycles) in mixed.iter_mut().zip([10, 10, 10, 10, 12, 12, 12]) {
        launch.cycles = Some(cycles);
        launch.cpu = Nanos(launch.wall.0 / 12 * cycles);
        launch.sample_cpu = launch.samples.clone().into();
    }
    let judgement = judge(&mixed, None, &Thresholds::default()).unwrap();
    let told = judgement.remarks.iter().any(|remark| remark.contains("cycles: others cost them"));
    assert!(judgement.verdict == Verdict::Stable && told, "{judgement:?}");
}

#[test]
fn a_sentinel_that_is_slower_alone_or_once_throttles_nothing() {
    let mut odd = quiet();
    for launch in &mut odd[4..] {
        set_core(launch, MS * 3 / 4);
    }
    check(&odd, Verdict::Stable, "");
    let mut once =
        launches(&[5 * MS, 5 * MS, 5 * MS, 5 * MS, 54 * MS / 10, 53 * MS / 10, 54 * MS / 10]);
    set_core(&mut once[6], MS);
    check(&once, Verdict::Unconverged, "after 7 launches");
}

#[test]
fn launches_that_move_away_drift_and_odd_ones_do_not() {
    let step =
        |from: u64, to: u64| [from, from, from, from, to, to, to, to].map(|level| level * MS);
    check(&launches(&step(5, 6)), Verdict::Drifting, "+");
    check(&launches(&step(6, 5)), Verdict::Drifting, "by -");
    let mixed = [50, 50, 50, 57, 57, 57, 50, 57].map(|level| level * MS / 10);
    check(&launches(&mixed), Verdict::Unconverged, "after 8 launches");
    let mut odd = vec![5 * MS; 12];
    odd[7] = 8 * MS;
    check(&launches(&odd), Verdict::Stable, "");
}

#[test]
fn an_interval_that_is_too_wide_is_not_converged() {
    let spread = launches(&[500, 515, 500, 515, 500, 515].map(|level| level * MS / 100));
    check(&spread, Verdict::Unconverged, "after 6 launches");
    check(&quiet()[..1], Verdict::Unconverged, "1 launch does not tell");
    check(&quiet()[..5], Verdict::Unconverged, "5 launches do not tell");
}

#[test]
fn evidence_is_kept_for_every_rule_that_was_broken() {
    let mut all = launches(&[5 * MS, 7 * MS]);
    all[0].cpu = Nanos(0);
    let judgement = judge(&all, None, &Thresholds::default()).unwrap();
    assert_eq!((judgement.verdict, judgement.evidence.len()), (Verdict::Contended, 3));
    let short = launches(&[400, 400]);
    let judgement = judge(&short, None, &Thresholds::default()).unwrap();
    assert_eq!((judgement.verdict, judgement.evidence.len()), (Verdict::TooShort, 2));
}

#[test]
fn a_device_that_is_disturbed_all_the_time_is_contended_and_one_that_is_at_times_is_not() {
    let beside = |share| -> Vec<LaunchView> {
        let mut neighbour = Neighbour::new(0.32, 0.40, 0.0, share);
        let mut stream = Stream::new(6);
        (0..12).map(|_| neighbour.launch(&mut stream, 5e6)).collect()
    };
    let rule = Thresholds { target: 0.5, ..Thresholds::default() };
    let always = judge(&beside(1.0), Some(USUAL), &rule).unwrap();
    assert_eq!(always.verdict, Verdict::Contended, "{always:?}");
    assert!(always.evidence[0].contains("never ran at its usual speed"), "{always:?}");
    assert!(always.evidence[0].contains("other hardware thread"), "{always:?}");
    let half = judge(&beside(0.6), Some(USUAL), &rule).unwrap();
    assert_eq!(half.verdict, Verdict::Stable, "{half:?}");
    assert!(half.remarks.iter().any(|remark| remark.contains("in the median")), "{half:?}");
    assert_eq!(judge(&beside(0.0), Some(USUAL), &rule).unwrap().remarks, [""; 0]);
}

proptest! {
    #[test]
    fn any_numbers_are_judged(
        numbers in prop::collection::vec(
            (prop::collection::vec(any::<u64>(), 1..20), any::<[u64; 7]>(), any::<Vec<u64>>()), 1..6),
        n: u64,
    ) {
        let launches: Vec<LaunchView> = numbers.into_iter().map(|(samples, n, khz)| LaunchView {
            sample_cpu: samples.iter().rev().copied().map(Nanos).collect(),
            samples: Samples::from_ns(&samples).unwrap(),
            cpu: Nanos(n[0]), wall: Nanos(n[1]), cycles: Some(n[2]), threads: 1,
            involuntary_switches: n[2],
            blocks: vec![Block {
                samples: 2,
                sentinel: Sentinel { core: Nanos(n[3]), network: Nanos(n[4]), memory: Nanos(n[5]) },
            }],
            clock_resolution: Nanos(n[5]), clock_overhead: Nanos(n[6]), steady: false,
            frequency_before_khz: khz.clone(), frequency_after_khz: khz,
        }).collect();
        let usual = Some(Sentinel { core: Nanos(n), network: Nanos(n / 2), memory: Nanos(n / 3) });
        let judgement = judge(&launches, usual, &Thresholds::default()).unwrap();
        prop_assert_eq!(judgement.verdict == Verdict::Stable, judgement.evidence.is_empty());
    }

    #[test]
    fn the_order_of_the_samples_within_a_launch_changes_nothing(seed: u64) {
        let mut shuffled = launches(&[5 * MS, 6 * MS, 5 * MS]);
        let expected = judge(&shuffled, None, &Thresholds::default());
        let estimate = measurement(&shuffled, 0.95);
        let mut stream = Stream::new(seed);
        for launch in &mut shuffled {
            let mut samples: Vec<Nanos> = launch.samples.clone().into();
            for i in (1..samples.len()).rev() {
                samples.swap(i, (stream.next() % (i as u64 + 1)) as usize);
            }
            launch.samples = Samples::new(samples).unwrap();
        }
        prop_assert_eq!(judge(&shuffled, None, &Thresholds::default()), expected);
        prop_assert_eq!(measurement(&shuffled, 0.95), estimate);
    }
}
