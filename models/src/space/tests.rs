use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64;

use super::{Space, SpaceError};
use crate::builder::{Builder, Conv};
use crate::network::NetworkError;
use crate::shape::ImageShape;

const INPUTS: [(usize, usize, usize); 6] =
    [(1, 28, 28), (3, 32, 32), (3, 224, 224), (3, 96, 160), (1, 1, 1), (2, 95, 7)];

fn inputs() -> impl Iterator<Item = ImageShape> {
    INPUTS.iter().map(|&(c, h, w)| ImageShape::new(c, h, w))
}

fn pick() -> impl Strategy<Value = (&'static str, ImageShape, Vec<usize>)> {
    let space = prop::sample::select(Space::names());
    let input = prop::sample::select(inputs().collect::<Vec<_>>());
    (space, input).prop_flat_map(|(name, input)| {
        let space = Space::new(name, input, 10).unwrap();
        let choices: Vec<_> = space.decisions().iter().map(|d| 0..d.choices.len()).collect();
        (Just(name), Just(input), choices)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_architecture_is_read_back_from_its_network((name, input, choices) in pick()) {
        let space = Space::new(name, input, 10).unwrap();
        let architecture = space.architecture(choices).unwrap();
        let network = space.decode(&architecture).unwrap();
        prop_assert_eq!(network.classes, 10);
        prop_assert_eq!(space.encode(&network).unwrap(), architecture);
    }

    #[test]
    fn choices_and_their_canonical_form_are_one_network_and_one_id((name, input, choices) in pick()) {
        let space = Space::new(name, input, 10).unwrap();
        let canonical = space.architecture(choices.clone()).unwrap();
        prop_assert_eq!(&space.architecture(canonical.choices.clone()).unwrap(), &canonical);
        let mut raw = canonical.clone();
        raw.choices = choices;
        prop_assert_eq!(raw.id(), canonical.id());
        prop_assert_eq!(space.decode(&raw).unwrap(), space.decode(&canonical).unwrap());
    }
}

#[test]
fn samples_take_every_choice_of_every_decision() {
    for name in Space::names() {
        let space = Space::new(name, ImageShape::new(1, 28, 28), 10).unwrap();
        let mut rng = Pcg64::seed_from_u64(1);
        let samples: Vec<_> = (0..300).map(|_| space.sample(&mut rng)).collect();
        for (index, decision) in space.decisions().iter().enumerate() {
            for choice in 0..decision.choices.len() {
                let taken = samples.iter().filter(|sample| sample.choices[index] == choice).count();
                // A skip without effect is taken as `none`; all others are uniform.
                if !decision.name.ends_with(".skip") {
                    let expected = samples.len() / decision.choices.len();
                    assert!(taken.abs_diff(expected) < 60, "{}: {taken}", decision.name);
                }
                assert!(taken > 0, "{} {choice}", decision.name);
            }
        }
    }
}

#[test]
fn equal_seeds_sample_equal_architectures() {
    let space = Space::new("mnas", ImageShape::new(1, 28, 28), 10).unwrap();
    let draw = |seed| space.sample(&mut Pcg64::seed_from_u64(seed));
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn no_name_of_a_node_begins_with_another() {
    for name in Space::names() {
        let space = Space::new(name, ImageShape::new(3, 32, 32), 10).unwrap();
        let mut rng = Pcg64::seed_from_u64(2);
        for _ in 0..20 {
            let network = space.decode(&space.sample(&mut rng)).unwrap();
            let mut names: Vec<&str> = network.nodes().iter().map(|n| n.name.as_str()).collect();
            names.sort_unstable();
            for pair in names.windows(2) {
                assert!(!pair[1].starts_with(pair[0]), "{pair:?}");
            }
        }
    }
}

#[test]
fn an_unknown_space_is_refused_with_those_that_exist() {
    let error = Space::new("mnasnet", ImageShape::new(1, 28, 28), 10).unwrap_err();
    assert_eq!(error.to_string(), "space 'mnasnet': unknown; there are conv20, mnas");
}

#[test]
fn absurd_sizes_are_refused() {
    for (c, h, w, classes) in
        [(0, 28, 28, 10), (1, 0, 28, 10), (1, 28, 4097, 10), (1, 28, 28, 0), (1, 28, 28, 1_000_001)]
    {
        for name in Space::names() {
            let error = Space::new(name, ImageShape::new(c, h, w), classes).unwrap_err();
            let expected = matches!(
                error,
                SpaceError::Network(NetworkError::Input { .. } | NetworkError::Classes { .. })
            );
            assert!(expected, "{error}");
        }
    }
}

#[test]
fn architectures_of_another_space_size_or_length_are_refused() {
    let input = ImageShape::new(1, 28, 28);
    let space = Space::new("mnas", input, 10).unwrap();
    let architecture = space.architecture(vec![0; 42]).unwrap();
    for other in [
        Space::new("conv20", input, 10).unwrap(),
        Space::new("mnas", ImageShape::new(3, 28, 28), 10).unwrap(),
        Space::new("mnas", input, 11).unwrap(),
    ] {
        assert!(matches!(other.decode(&architecture), Err(SpaceError::Foreign { .. })));
    }
    assert!(matches!(space.architecture(vec![0; 41]), Err(SpaceError::Length { .. })));
    let mut choices = vec![0; 42];
    choices[7] = 2;
    let error = space.architecture(choices).unwrap_err();
    assert_eq!(error.to_string(), "architecture: decision 'b2.kernel' has no choice of index 2");
}

#[test]
fn a_network_from_elsewhere_is_not_encoded() {
    let input = ImageShape::new(1, 28, 28);
    let mut net = Builder::new("other", input);
    let x = net.conv_bn("stem", net.input(), Conv::new(24, 3));
    net.classify(x, 10, None);
    let stranger = net.finish(10).unwrap();
    for name in Space::names() {
        let space = Space::new(name, input, 10).unwrap();
        assert!(matches!(space.encode(&stranger), Err(SpaceError::Outside { .. })));
    }
    let small = Space::new("mnas", input, 10).unwrap();
    let large = Space::new("mnas", ImageShape::new(1, 224, 224), 10).unwrap();
    let network = large.decode(&large.architecture(vec![1; 42]).unwrap()).unwrap();
    assert!(matches!(small.encode(&network), Err(SpaceError::Outside { .. })));
}
