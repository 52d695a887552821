use super::*;

fn small() -> PolicyConfig {
    use_one_thread();
    PolicyConfig { hidden: 6, embedding: 4, ..PolicyConfig::default() }
}

/// Lets the policy sample and observe; the reward is a plain function of the choices.
fn run(
    policy: &mut Policy,
    candidates: usize,
    reward: impl Fn(&[usize]) -> f64,
) -> Vec<PolicySample> {
    (0..candidates)
        .map(|_| {
            let sample = policy.sample().unwrap();
            policy.observe(&sample.choices, sample.log_prob, reward(&sample.choices)).unwrap();
            sample
        })
        .collect()
}

fn sum(choices: &[usize]) -> f64 {
    0.8 + 0.01 * choices.iter().sum::<usize>() as f64
}

/// All sequences over 2 × 3 × 2 choices with their probabilities by this policy.
fn enumerated(policy: &Policy) -> Vec<([usize; 3], f64)> {
    let all: Vec<[usize; 3]> = (0..12).map(|n| [n / 6, n / 2 % 3, n % 2]).collect();
    let sequences: Vec<&[usize]> = all.iter().map(<[usize; 3]>::as_slice).collect();
    let parameters = Tensor::from_slice(&policy.state.parameters);
    let lstm = Lstm::new(&policy.state.shape, &parameters).unwrap();
    let log_prob = Vec::<f64>::try_from(lstm.evaluate(&sequences).unwrap().0).unwrap();
    all.into_iter().zip(log_prob).map(|(choices, log_prob)| (choices, log_prob.exp())).collect()
}

/// A policy that depends on what it chose before.
fn opinionated() -> Policy {
    let mut policy = Policy::new(&[2, 3, 2], small(), 11).unwrap();
    policy.state.parameters.iter_mut().for_each(|parameter| *parameter *= 8.0);
    policy
}

#[test]
fn an_update_of_one_decision_equals_the_closed_form() {
    for entropy_bonus in [0.0, 0.5] {
        let config = PolicyConfig { entropy_bonus, max_grad_norm: 1e9, ..small() };
        let mut policy = Policy::new(&[3], config, 3).unwrap();
        policy.state.parameters.iter_mut().for_each(|parameter| *parameter *= 4.0);
        let before = policy.state.parameters.clone();
        let p = policy.probabilities().unwrap().remove(0);
        let entropy = -p.iter().map(|p| p * p.ln()).sum::<f64>();
        let mut report = None;
        for (choice, reward) in [(0, 0.80), (2, 0.82), (2, 0.83)] {
            report = policy.observe(&[choice], p[choice].ln(), reward).unwrap();
        }
        // Median 0.82, distances −0.02, 0, 0.01, mean square 5e-4 / 3.
        let scale = (5e-4f64 / 3.0).sqrt() + 1e-6;
        let advantages = [-0.02 / scale, 0.0, 0.01 / scale];
        let first_bias = before.len() - 3;
        for (logit, &p_logit) in p.iter().enumerate() {
            // ∂ log p_x / ∂z_j = 1[x = j] − p_j;  ∂H / ∂z_j = −p_j (ln p_j + H)
            let ascent = [0, 2, 2]
                .iter()
                .zip(advantages)
                .map(|(&choice, advantage)| {
                    advantage * (f64::from(u8::from(choice == logit)) - p_logit)
                })
                .sum::<f64>()
                / 3.0;
            let gradient = -ascent + entropy_bonus * p_logit * (p_logit.ln() + entropy);
            // The first step of Adam: moments of a share of the gradient, a step of the learning rate.
            let at = first_bias + logit;
            assert!((policy.state.adam.first[at] - 0.1 * gradient).abs() < 1e-12, "logit {logit}");
            let moved = policy.state.parameters[at] - before[at];
            let expected = -config.learning_rate * gradient / (gradient.abs() + 1e-8);
            assert!(
                (moved - expected).abs() < 1e-10,
                "logit {logit} moved {moved}, expected {expected}"
            );
        }
        let report = report.unwrap();
        let gains = advantages
            .iter()
            .zip([0, 2, 2])
            .map(|(advantage, choice): (_, usize)| advantage * p[choice].ln());
        let loss = -gains.sum::<f64>() / 3.0 - entropy_bonus * entropy;
        assert!(
            (report.loss - loss).abs() < 1e-12 && (report.entropy - entropy).abs() < 1e-12,
            "{report:?}"
        );
        assert!(
            (report.baseline - (0.82 - (1.0 - config.baseline_decay) * 0.01 / 3.0)).abs() < 1e-12
        );
    }
}

#[test]
fn both_updates_find_the_optimum_of_a_tabulated_objective() {
    // Four decisions that interact: the best of each alone is not the best together.
    let reward = |c: &[usize]| {
        let alone = [[1, 0, 1], [0, 1, 1], [1, 0, 3], [1, 0, 1]];
        let alone: i32 = alone.iter().zip(c).map(|(row, &choice)| row[choice]).sum();
        let together = 6 * i32::from(c[0] == 1 && c[1] == 2) + 3 * i32::from(c[2] == c[3]);
        0.8 + 0.005 * f64::from(alone + together)
    };
    let all = || (0..81).map(|n| [n / 27, n / 9 % 3, n / 3 % 3, n % 3]);
    let optimum = all().max_by(|a, b| reward(a).total_cmp(&reward(b))).unwrap();
    assert_eq!(optimum, [1, 2, 2, 2]);
    assert_eq!(all().filter(|c| reward(c) >= reward(&optimum)).count(), 1);
    use_one_thread();
    for (update, learning_rate) in [(Update::Reinforce, 0.02), (Update::PPO, 0.01)] {
        let found = (0..10).filter(|&seed| {
            let config = PolicyConfig {
                update,
                learning_rate,
                batch: 16,
                entropy_bonus: 0.2,
                ..PolicyConfig::default()
            };
            let mut policy = Policy::new(&[3; 4], config, seed).unwrap();
            run(&mut policy, 1200, reward);
            policy.greedy().unwrap() == optimum
        });
        assert_eq!(found.count(), 10, "{update:?}");
    }
}

#[test]
fn a_search_interrupted_anywhere_goes_on_bit_for_bit() {
    for update in [Update::Reinforce, Update::PPO] {
        let config = PolicyConfig { update, ..small() };
        let choices = [4, 2, 2, 3];
        let mut whole = Policy::new(&choices, config, 42).unwrap();
        let expected = run(&mut whole, 10, sum);
        let stored = |policy: &Policy| {
            let state = PolicyState::from_bytes(&policy.state().to_bytes()).unwrap();
            Policy::restore(&choices, config, state).unwrap()
        };
        for stop in 0..10 {
            for observed_before in [false, true] {
                let mut policy = Policy::new(&choices, config, 42).unwrap();
                let mut samples = run(&mut policy, stop, sum);
                let sample = policy.sample().unwrap();
                if observed_before {
                    policy.observe(&sample.choices, sample.log_prob, sum(&sample.choices)).unwrap();
                    policy = stored(&policy);
                } else {
                    policy = stored(&policy);
                    policy.observe(&sample.choices, sample.log_prob, sum(&sample.choices)).unwrap();
                }
                samples.push(sample);
                samples.extend(run(&mut policy, 9 - stop, sum));
                assert_eq!(samples, expected, "stopped at {stop}");
                assert_eq!(policy.state(), whole.state(), "stopped at {stop}");
            }
        }
    }
}

#[test]
fn only_the_seed_decides_a_sample() {
    let first = |seed| run(&mut Policy::new(&[3; 12], small(), seed).unwrap(), 6, sum);
    let expected = first(1);
    tch::manual_seed(99);
    assert_eq!(first(1), expected);
    assert_ne!(first(2), expected);
    assert!(expected.windows(2).any(|pair| pair[0] != pair[1]), "samples differ");
}

#[test]
fn a_fresh_policy_is_all_but_uniform() {
    let policy = Policy::new(&[4, 2, 1, 3], small(), 8).unwrap();
    for marginal in policy.probabilities().unwrap() {
        assert!(
            marginal.iter().all(|p| (p * marginal.len() as f64 - 1.0).abs() < 0.15),
            "{marginal:?}"
        );
    }
    assert!((policy.entropy().unwrap() - 24f64.ln()).abs() < 0.01);
}

#[test]
fn samples_come_with_their_probability_and_as_often() {
    let mut policy = opinionated();
    let exact = enumerated(&policy);
    assert!((exact.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-12);
    let samples: Vec<PolicySample> = (0..4000).map(|_| policy.sample().unwrap()).collect();
    for (choices, probability) in exact {
        let same: Vec<&PolicySample> =
            samples.iter().filter(|sample| sample.choices == choices).collect();
        assert!(same.iter().all(|sample| (sample.log_prob - probability.ln()).abs() < 1e-12));
        let share = same.len() as f64 / 4000.0;
        let error = (probability * (1.0 - probability) / 4000.0).sqrt();
        assert!(
            (share - probability).abs() < 4.0 * error,
            "{choices:?}: {share}, expected {probability}"
        );
    }
}

#[test]
fn marginals_entropy_and_greedy_choices_are_the_policys() {
    let policy = opinionated();
    let exact = enumerated(&policy);
    let marginals = policy.probabilities().unwrap();
    for (decision, marginal) in marginals.iter().enumerate() {
        assert!((marginal.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (choice, &estimate) in marginal.iter().enumerate() {
            let expected: f64 =
                exact.iter().filter(|(c, _)| c[decision] == choice).map(|(_, p)| p).sum();
            assert!(
                (estimate - expected).abs() < 0.03,
                "{decision} {choice}: {estimate}, expected {expected}"
            );
        }
    }
    let entropy = -exact.iter().map(|(_, p)| p * p.ln()).sum::<f64>();
    assert!((policy.entropy().unwrap() - entropy).abs() < 0.03);
    let greedy = policy.greedy().unwrap();
    let share = |prefix: &[usize]| {
        exact.iter().filter(|(c, _)| c.starts_with(prefix)).map(|(_, p)| p).sum::<f64>()
    };
    for decision in 0..3 {
        let (before, taken) = (&greedy[..decision], &greedy[..=decision]);
        for other in 0..marginals[decision].len() {
            assert!(share(taken) >= share(&[before, &[other]].concat()));
        }
    }
}

#[test]
fn reading_a_policy_leaves_it_as_it_was() {
    let policy = opinionated();
    let before = policy.state().clone();
    let twice = [(); 2].map(|()| (policy.probabilities().unwrap(), policy.entropy().unwrap()));
    assert_eq!(twice[0], twice[1]);
    policy.greedy().unwrap();
    assert_eq!(policy.state(), &before);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut policy = Policy::new(&[2, 3], small(), 1).unwrap();
    policy.observe(&[0, 1], -1.0, 0.5).unwrap();
    let before = policy.state().clone();
    for (choices, log_prob, reward, says) in [
        (&[0][..], -1.0, 0.5, "1 choices given for 2 decisions"),
        (&[0, 3], -1.0, 0.5, "decision 1 has no choice 3, only 3 choices"),
        (&[0, 1], f64::NEG_INFINITY, 0.5, "a log probability is -inf"),
        (&[0, 1], -1.0, f64::NAN, "a reward is NaN"),
        (&[0, 1], -1.0, 1e300, "a reward is 1"),
    ] {
        let error = policy.observe(choices, log_prob, reward).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(policy.state(), &before);

    for (choices, says) in [
        (&[][..], "no decisions"),
        (&[2, 0], "decision 1, which has no choices"),
        (&[usize::MAX, 2], "parameters"),
    ] {
        let error = Policy::new(choices, small(), 1).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
    for (config, says) in [
        (PolicyConfig { batch: 0, ..small() }, "batch is 0, expected 1 to 4096"),
        (PolicyConfig { learning_rate: f64::NAN, ..small() }, "learning_rate is NaN"),
        (PolicyConfig { update: Update::Ppo { clip: 0.0, epochs: 1 }, ..small() }, "clip is 0"),
    ] {
        let error = Policy::new(&[2], config, 1).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
    for (choices, config) in
        [(&[3, 2][..], small()), (&[2, 3], PolicyConfig { hidden: 7, ..small() })]
    {
        assert!(Policy::restore(choices, config, before.clone()).is_err());
    }
}

#[test]
fn a_policy_that_overflowed_says_so_and_keeps_its_state() {
    let mut policy = Policy::new(&[2, 3], small(), 1).unwrap();
    policy.state.parameters.iter_mut().for_each(|parameter| *parameter = 1e308);
    let before = policy.state().clone();
    let error = policy.sample().unwrap_err().to_string();
    assert!(error.contains("log probability is NaN"), "{error}");
    assert_eq!(policy.state(), &before);
}
