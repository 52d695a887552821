use super::*;
use crate::torch_device::TorchDevice;
use crate::torch_network::module::Module;
use crate::toy;

#[test]
fn steps_equal_the_formula_and_only_weights_decay() {
    let recipe = Recipe { momentum: 0.8, weight_decay: 0.3, ..toy::recipe(1) };
    let mut module = Module::initialised(toy::network(), TorchDevice::CPU, 5).unwrap();
    let mut optimizer = Sgd::new(module.parameters(), &recipe).unwrap();
    let n = module.parameters().flat().numel();
    let decaying = module.parameters().decaying() as usize;
    let weights: usize = toy::network()
        .tensors()
        .iter()
        .filter(|spec| spec.dims.len() > 1)
        .map(|spec| spec.elements().next_multiple_of(16))
        .sum();
    assert_eq!(decaying, weights);

    let read =
        |module: &Module| crate::torch_network::parameters::numbers(module.parameters().flat());
    let mut expected: Vec<f64> = read(&module).unwrap().into_iter().map(f64::from).collect();
    let mut velocity = vec![0.0; n];
    for (step, rate) in [0.1, 0.05, 0.2].into_iter().enumerate() {
        let gradient: Vec<f32> = (0..n).map(|i| ((i + step) as f32 * 0.3).sin()).collect();
        for i in 0..n {
            let decay = if i < decaying { recipe.weight_decay } else { 0.0 };
            let g = f64::from(gradient[i]) + decay * expected[i];
            velocity[i] = recipe.momentum * velocity[i] + g;
            expected[i] -= rate * (g + recipe.momentum * velocity[i]);
        }
        optimizer.step(module.parameters_mut(), Tensor::from_slice(&gradient), rate).unwrap();
    }
    for (found, expected) in read(&module).unwrap().into_iter().zip(expected) {
        assert!((f64::from(found) - expected).abs() < 1e-5, "{found} {expected}");
    }
}
