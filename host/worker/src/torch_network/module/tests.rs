use pearl_models::builder::{Builder, Conv};
use pearl_models::shape::ImageShape;
use tch::{Kind, Tensor};

use super::*;
use crate::torch_network::parameters::numbers;
use crate::toy;

/// A network in which every operator occurs.
fn every_op() -> Network {
    let mut net = Builder::new("every-op", ImageShape { channels: 2, height: 9, width: 9 });
    let input = net.input();
    let a = net.conv("a.conv", input, Conv::new(6, 3).with_bias());
    let a = net.activation("a.act", a, Activation::HSwish);
    let b = net.conv_bn_act("b", a, Conv::depthwise(6, 5).stride(2), Activation::Relu);
    let c = net.conv_bn_act("c", a, Conv::new(6, 1).stride(2).groups(2), Activation::Relu6);
    let sum = net.add("d.add", b, c);
    let joined = net.concat("d.cat", &[sum, b]);
    let max = net.max_pool("e.max", joined, 3, 1, 1);
    let mean = net.avg_pool("e.avg", joined, 3, 1, 1);
    let product = net.mul("e.mul", max, mean);
    let pooled = net.global_avg_pool("f.pool", product);
    let reduced = net.conv("f.conv", pooled, Conv::pointwise(12).with_bias());
    let gate = net.activation("f.gate", reduced, Activation::HSigmoid);
    let gated = net.mul("f.mul", product, gate);
    let last = net.global_avg_pool("g.pool", gated);
    let flat = net.flatten("g.flatten", last);
    let hidden = net.linear("g.hidden", flat, 7);
    let hidden = net.activation("g.act", hidden, Activation::Sigmoid);
    let hidden = net.dropout("g.dropout", hidden, 0.5);
    net.linear("classifier", hidden, 4);
    net.finish(4).unwrap()
}

fn images(network: &Network, count: i64) -> Tensor {
    let ImageShape { channels, height, width } = network.input;
    let dims = [count, channels as i64, height as i64, width as i64];
    let n: i64 = dims.iter().product();
    (Tensor::arange(n, (Kind::Float, tch::Device::Cpu)) * 0.7).sin().reshape(dims)
}

/// A module whose tensors are all different, running variances positive.
fn module() -> Module {
    let mut module = Module::new(every_op(), TorchDevice::CPU).unwrap();
    let values: Vec<Vec<f32>> = every_op()
        .tensors()
        .iter()
        .enumerate()
        .map(|(i, spec)| {
            let value = |j: usize| ((i * 31 + j * 7) as f32).sin() * 0.4;
            let shift = if spec.name.ends_with("running_var") { 1.0 } else { 0.1 };
            (0..spec.elements()).map(|j| value(j) + shift).collect()
        })
        .collect();
    module.parameters_mut().fill(&values).unwrap();
    module
}

fn named(module: &Module, name: &str) -> Tensor {
    let values = module.parameters().values().unwrap();
    let (spec, values) = values.into_iter().find(|(spec, _)| spec.name == name).unwrap();
    let dims: Vec<i64> = spec.dims.iter().map(|&dim| dim as i64).collect();
    Tensor::from_slice(&values).reshape(dims)
}

#[test]
fn the_module_computes_what_the_graph_says() {
    let module = module();
    let t = |name: &str| named(&module, name);
    let normed = |x: &Tensor, unit: &str| {
        let part = |part: &str| t(&format!("{unit}.bn.{part}")).reshape([1, -1, 1, 1]);
        (x - part("running_mean")) / (part("running_var") + 1e-5).sqrt() * part("weight")
            + part("bias")
    };
    let x = images(&every_op(), 3);
    let none = None::<Tensor>;
    let a = x.conv2d(&t("a.conv.weight"), Some(t("a.conv.bias")), [1, 1], [1, 1], [1, 1], 1);
    let a = &a * (&a + 3.0).clamp(0.0, 6.0) / 6.0;
    let b = a.conv2d(&t("b.conv.weight"), none.as_ref(), [2, 2], [2, 2], [1, 1], 6);
    let b = normed(&b, "b").clamp_min(0.0);
    let c = a.conv2d(&t("c.conv.weight"), none.as_ref(), [2, 2], [0, 0], [1, 1], 2);
    let c = normed(&c, "c").clamp(0.0, 6.0);
    let joined = Tensor::cat(&[&b + &c, b], 1);
    let max = joined.max_pool2d([3, 3], [1, 1], [1, 1], [1, 1], false);
    let mean = joined.avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None::<i64>);
    let product = max * mean;
    let pooled = product.mean_dim([2i64, 3].as_slice(), true, Kind::Float);
    let gate =
        pooled.conv2d(&t("f.conv.weight"), Some(t("f.conv.bias")), [1, 1], [0, 0], [1, 1], 1);
    let gated = product * ((gate + 3.0).clamp(0.0, 6.0) / 6.0);
    let flat = gated.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
    let hidden = (flat.matmul(&t("g.hidden.weight").tr()) + t("g.hidden.bias")).sigmoid();
    let expected = hidden.matmul(&t("classifier.weight").tr()) + t("classifier.bias");

    let found = module.forward(&x, Phase::Evaluation).unwrap();
    assert_eq!(found.size(), [3, 4]);
    let error = f64::try_from((found - &expected).abs().max()).unwrap();
    let spread = f64::try_from(expected.abs().max()).unwrap();
    assert!(error < 1e-5 * spread, "{error} of {spread}");
}

#[test]
fn evaluation_changes_nothing_and_training_only_the_running_statistics() {
    let _alone = toy::alone();
    let module = module();
    let before = module.parameters().values().unwrap();
    let x = images(&every_op(), 5);
    let _ = module.forward(&x, Phase::Evaluation).unwrap();
    assert_eq!(module.parameters().values().unwrap(), before);
    let _ = module.forward(&x, Phase::Training).unwrap();
    for ((spec, new), (_, old)) in module.parameters().values().unwrap().iter().zip(&before) {
        let running = spec.name.contains(".running_");
        assert_eq!(new != old, running, "{}", spec.name);
    }
}

#[test]
fn every_parameter_has_the_gradient_of_its_difference_quotient() {
    let module = module();
    let x = images(&every_op(), 4);
    // Evaluation, where neither drop-out nor batch statistics make the quotient noisy.
    let loss =
        |module: &Module| module.forward(&x, Phase::Evaluation).unwrap().square().sum(Kind::Float);
    let gradient = numbers(&module.parameters().gradient(&loss(&module)).unwrap()).unwrap();
    let flat = module.parameters().flat().shallow_clone();
    let direction =
        (Tensor::arange(flat.numel() as i64, (Kind::Float, tch::Device::Cpu)) * 1.3).cos();
    let slope: f64 =
        gradient.iter().zip(numbers(&direction).unwrap()).map(|(g, d)| f64::from(g * d)).sum();
    let moved = |step: f64| {
        let _guard = tch::no_grad_guard();
        let mut flat = flat.shallow_clone();
        let old = flat.copy();
        let _ = flat.f_add_(&(&direction * step)).unwrap();
        let value = loss(&module).double_value(&[]);
        flat.copy_(&old);
        value
    };
    let step = 1e-3;
    let quotient = (moved(step) - moved(-step)) / (2.0 * step);
    assert!((slope - quotient).abs() < 0.02 * slope.abs(), "{slope} {quotient}");
}

#[test]
fn weights_survive_the_way_into_a_module_and_out_of_it() {
    let first = module();
    let values: Vec<Vec<f32>> =
        first.parameters().values().unwrap().into_iter().map(|(_, values)| values).collect();
    let mut second = Module::initialised(every_op(), TorchDevice::CPU, 1).unwrap();
    second.parameters_mut().fill(&values).unwrap();
    assert_eq!(second.parameters().values().unwrap(), first.parameters().values().unwrap());
    let x = images(&every_op(), 2);
    let logits =
        |module: &Module| numbers(&module.forward(&x, Phase::Evaluation).unwrap()).unwrap();
    assert_eq!(logits(&first), logits(&second));
}

#[test]
fn every_tensor_starts_where_a_vectorised_kernel_may_read() {
    let module = module();
    for (index, (spec, _)) in module.parameters().values().unwrap().iter().enumerate() {
        let start = module.parameters().tensor(index).data_ptr().addr();
        assert_eq!(start % 64, 0, "{}", spec.name);
    }
}

#[test]
fn names_and_shapes_are_those_of_the_network() {
    let module = Module::initialised(every_op(), TorchDevice::CPU, 3).unwrap();
    let specs: Vec<_> =
        module.parameters().values().unwrap().into_iter().map(|(spec, _)| spec).collect();
    assert_eq!(specs, every_op().tensors());
}
