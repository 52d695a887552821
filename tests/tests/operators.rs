//! The time of each operator of a model, with what it computes on.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use pearl_tests::pearl::Pearl;
use serde_json::Value;

fn two_models() -> Pearl {
    let pearl = Pearl::new();
    for (name, seed) in [("a", 0), ("b", 1)] {
        let line = "export resnet-8 --input 1x28x28 --classes 10";
        pearl.line(&format!("{line} --seed {seed} -o {name}.onnx")).ok();
    }
    pearl
}

#[test]
fn operators_are_listed_with_shapes_attributes_share_and_caveat() {
    let pearl = two_models();
    let document = pearl.line("bench a.onnx --device steady --ops --json").ok().json();
    let profile = &document["results"][0]["ops"];
    let ops = profile["ops"].as_array().unwrap();
    assert!(ops.len() > 8, "{profile}");
    let shares: f64 = ops.iter().map(|op| op["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    assert!(ops.iter().any(|op| op["output"].as_str().unwrap().contains("28")), "{profile}");
    let takes_image = |op: &Value| {
        let inputs = op["inputs"].as_array().unwrap().iter();
        inputs.map(|input| input.as_str().unwrap()).any(|input| input.ends_with("28,28,f32"))
    };
    assert!(ops.iter().any(takes_image), "{profile}");
    let of_convolution =
        |op: &Value| op["attributes"].as_str().unwrap().starts_with("kernel_shape=3,3 strides=");
    assert!(ops.iter().any(of_convolution), "{profile}");
    assert!(profile["profiled_ns"].as_u64().unwrap() > 0 && profile["caveat"].is_string());
    for format in ["table", "markdown"] {
        let told = pearl.line(&format!("bench a.onnx --device steady --ops --format {format}"));
        let told = told.ok().stdout;
        assert!(told.contains("this graph alone"), "{told}");
        assert!(told.contains("attributes") && told.contains("kernel_shape=3,3"), "{told}");
    }
}

#[test]
fn operators_are_written_for_spreadsheets_a_line_each() {
    let pearl = two_models();
    let csv = pearl.line("bench a.onnx b.onnx --device steady --ops --format csv").ok().stdout;
    let (header, lines) = csv.split_once('\n').unwrap();
    assert!(header.starts_with("model,sha256,device,fingerprint,engine,"), "{csv}");
    assert!(header.ends_with("node,operator,inputs,output,attributes,median_ns,share"), "{csv}");
    let of = |model: &str| lines.lines().filter(|line| line.starts_with(model)).count();
    assert!(of("a.onnx,") > 8 && of("a.onnx,") == of("b.onnx,"), "{csv}");
    assert_eq!(of(""), of("a.onnx,") + of("b.onnx,"), "{csv}");
    assert!(lines.contains("28,28,f32") && lines.contains("\"kernel_shape=3,3 strides="), "{csv}");
}
