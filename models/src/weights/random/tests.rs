use super::RandomWeights;
use crate::reference;
use crate::shape::ImageShape;
use crate::tensors::{Role, TensorSpec};
use crate::weights::Weights;

fn spec(name: &str, dims: &[usize], role: Role) -> TensorSpec {
    TensorSpec { name: name.to_owned(), dims: dims.to_vec(), role }
}

#[test]
fn numbers_depend_on_seed_and_name_alone() {
    let tensor = |seed, name| {
        let spec = spec(name, &[8, 4, 3, 3], Role::ConvWeight);
        RandomWeights { seed }.tensor(&spec).unwrap().into_owned()
    };
    assert_eq!(tensor(1, "a.weight"), tensor(1, "a.weight"));
    assert_ne!(tensor(1, "a.weight"), tensor(2, "a.weight"));
    assert_ne!(tensor(1, "a.weight"), tensor(1, "b.weight"));
    // A change of these numbers changes every stored file of random weights.
    assert_eq!(tensor(1, "a.weight")[..3], [-0.1624451, -0.11902754, -0.09327334]);
}

#[test]
fn weights_have_the_variance_of_he_and_the_middle_zero() {
    for (dims, role) in [
        (vec![64, 32, 3, 3], Role::ConvWeight),
        (vec![512, 1, 5, 5], Role::ConvWeight),
        (vec![100, 256], Role::LinearWeight),
    ] {
        let spec = spec("w.weight", &dims, role);
        let numbers = RandomWeights { seed: 3 }.tensor(&spec).unwrap();
        assert_eq!(numbers.len(), spec.elements());
        let count = numbers.len() as f64;
        let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        let variance = numbers.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / count;
        let expected = 2.0 / dims[1..].iter().product::<usize>() as f64;
        assert!((variance / expected - 1.0).abs() < 0.03, "{dims:?}: {variance}");
        assert!(mean.abs() < 0.03 * expected.sqrt(), "{dims:?}: {mean}");
    }
}

#[test]
fn no_number_is_zero_or_denormal_and_variances_are_positive() {
    let net = reference::network("mobilenet-v3-small", Some(ImageShape::new(3, 32, 32)), 10);
    for spec in net.unwrap().tensors() {
        let numbers = RandomWeights { seed: 4 }.tensor(&spec).unwrap();
        assert_eq!(numbers.len(), spec.elements(), "{}", spec.name);
        assert!(numbers.iter().all(|x| x.is_normal()), "{}", spec.name);
        if spec.role == Role::RunningVar {
            assert!(numbers.iter().all(|&x| x > 0.5), "{}", spec.name);
        }
    }
}
