//! ONNX files as people have them, measured from the command line.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::path::Path;

use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::python;
use pearl_tests::running::Running;
use serde_json::{Value, json};

const QUICK: &str = "--launches 6 --target 50% --accept-unstable --json";

fn rig() -> Pearl {
    let pearl = Pearl::new();
    python::run("make_models.py", [pearl.path("")]);
    pearl
}

fn bench(pearl: &Pearl, line: &str) -> Value {
    pearl.line(&format!("bench {line} {QUICK}")).ok().json()["results"][0].clone()
}

fn warned(result: &Value, of: &str) -> bool {
    result["warnings"].as_array().unwrap().iter().any(|one| one.as_str().unwrap().contains(of))
}

#[test]
fn sizes_that_a_file_leaves_open_are_given_and_stand_in_result_and_history() {
    let pearl = rig();
    let input = |dims: [u64; 4], assumed: bool| json!([{ "name": "input", "dims": dims, "type": "f32", "assumed_batch": assumed, "values": "uniform from -1 to 1", "chosen": false }]);
    let alone = bench(&pearl, "batch.onnx");
    assert_eq!(alone["inputs"], input([1, 3, 8, 8], true));
    assert!(warned(&alone, "--input input:1x3x8x8 gives another"), "{alone}");
    let two = bench(&pearl, "batch.onnx --dim n=2");
    assert_eq!(two["inputs"], input([2, 3, 8, 8], false));
    assert!(warned(&two, "is a batch of 2"), "{two}");
    let small = bench(&pearl, "sides.onnx --input input:1x3x16x24");
    assert_eq!(small["inputs"], input([1, 3, 16, 24], false));
    assert!(!warned(&small, "gives another"), "{small}");
    let large = bench(&pearl, "sides.onnx --dim height=32 --dim input:3=16");
    assert_eq!(large["inputs"], input([1, 3, 32, 16], false));

    let kept = pearl.line("history show 3 --json").ok().json();
    assert_eq!(kept["result"]["inputs"], small["inputs"]);
    let compared = pearl.line("compare 3 4 --accept-unstable --json").ok().json();
    let told = "their inputs differ: input:1x3x16x24; input:1x3x32x16";
    assert!(warned(&compared, told), "{compared}");
    let refused = pearl.line("compare 3 4 --dim height=8");
    assert_eq!(refused.faults_of_refusal(2, &["--dim"]), [""; 0]);
}

#[test]
fn weights_beside_the_file_belong_to_the_model() {
    let pearl = rig();
    let first = bench(&pearl, "beside.onnx");
    let [file] = &first["model"]["weights"].as_array().unwrap()[..] else { panic!("{first}") };
    assert_eq!(file["location"], "weights/all.data");
    // Other weights in the same file make another model.
    let data = pearl.path("weights/all.data");
    let mut bytes = fs::read(&data).unwrap();
    bytes[0] ^= 1;
    fs::write(&data, bytes).unwrap();
    let second = bench(&pearl, "beside.onnx");
    assert_eq!(second["model"]["sha256"], first["model"]["sha256"]);
    let compared = pearl.line("compare 1 2 --accept-unstable --json").ok().json();
    assert!(!warned(&compared, "of the same model"), "{compared}");
    let listed = pearl.line("history list --model beside.onnx --json").ok().json();
    let ids: Vec<_> =
        listed["measurements"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, [2]);
    // A file that ends early is named with its weights.
    fs::write(&data, [0; 40]).unwrap();
    let short = pearl.line("--quiet bench beside.onnx");
    assert_eq!(
        short.faults_of_refusal(3, &["beside.onnx", "'w'", "all.data, which has 40"]),
        [""; 0]
    );
}

#[test]
fn a_function_that_bears_an_operators_name_is_measured_as_what_it_is() {
    let pearl = rig();
    let profile = pearl.line(&format!("bench function.onnx --ops {QUICK}")).ok().json();
    let ops = profile["results"][0]["ops"]["ops"].as_array().unwrap();
    // The engine gives the standard operator of this name no node at all.
    assert!(!ops.is_empty(), "{profile}");
}

#[test]
fn inputs_are_fed_what_is_given_and_otherwise_what_suits_them_and_both_are_told() {
    let pearl = rig();
    let fed = |result: &Value| -> Vec<(String, bool)> {
        let inputs = result["inputs"].as_array().unwrap().iter();
        let text = |input: &Value| input["values"].as_str().unwrap().to_owned();
        inputs.map(|input| (text(input), input["chosen"].as_bool().unwrap())).collect()
    };
    let told = |values: [(&str, bool); 2]| values.map(|(text, chosen)| (text.to_owned(), chosen));
    let own = bench(&pearl, "pick.onnx");
    assert_eq!(fed(&own), told([("uniform from -1 to 1", false), ("0", true)]));
    assert!(warned(&own, "'place' (i64) was fed 0; --input-value place="), "{own}");
    for (options, values) in [
        (
            "--input-value place=4 --input-value input=0..255",
            [("uniform from 0 to 255", false), ("4", false)],
        ),
        (
            "--input-value place=two.npy --input-value input=ten.safetensors",
            [("given one by one", false), ("given one by one", false)],
        ),
    ] {
        let result = bench(&pearl, &format!("pick.onnx {options}"));
        assert_eq!(fed(&result), told(values), "{options}");
        assert!(!warned(&result, "nobody gave values"), "{result}");
    }
    for (options, code, words) in [
        ("--input-value length=4", 2, &["no input 'length'", "'input', 'place'"][..]),
        ("--input-value place=three.npy", 2, &["'place' has shape [1], not [3]"]),
        ("--input-value place=absent.npy", 3, &["absent.npy"]),
        (
            "--input-value place=ten.safetensors --input-value input=1",
            2,
            &["'place' has shape [1]"],
        ),
    ] {
        let refused = pearl.line(&format!("--quiet bench pick.onnx {options}"));
        assert_eq!(refused.faults_of_refusal(code, words), [""; 0], "{options}");
    }
    // A comparison calls its sides by one name throughout.
    let line = "compare pick.onnx pick.onnx --device steady --accept-unstable";
    let compared = pearl.line(line).ok();
    for side in ["A", "B"] {
        let row = format!("{side}  pick.onnx on steady");
        assert!(compared.stdout.lines().any(|line| line.starts_with(&row)), "{compared:#?}");
        let remark =
            |line: &str| line.starts_with(&format!("{side}: ")) && line.contains("'place'");
        assert!(compared.stderr.lines().any(remark), "{compared:#?}");
    }
}

#[test]
fn the_precision_told_is_that_of_the_file() {
    let pearl = rig();
    for (file, precision) in [("half.onnx", "f16"), ("int8.onnx", "int8"), ("batch.onnx", "")] {
        let result = bench(&pearl, file);
        assert_eq!(result["precision"], precision, "{file}");
        assert_eq!(result["arithmetic"], "f32", "{file}");
        let options = "--launches 6 --target 50% --accept-unstable --no-history";
        let table = pearl.line(&format!("--quiet bench {file} {options}")).ok();
        let cell =
            format!("tract 0.23.9{}{precision}", if precision.is_empty() { "" } else { ", " });
        assert!(table.stdout.contains(&cell), "{}", table.stdout);
        let csv = pearl.line(&format!("--quiet bench {file} --format csv {options}")).ok().stdout;
        let mut lines = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
        let of = |name: &str| values[names.iter().position(|one| *one == name).unwrap()];
        assert_eq!((of("precision"), of("arithmetic")), (precision, "f32"), "{csv}");
    }
}

#[test]
fn what_makes_a_files_time_unlike_that_of_others_is_remarked_on() {
    let pearl = rig();
    for (file, told) in [
        ("dynamic.onnx", "anew at every inference (ConvInteger): 1"),
        ("branches.onnx", "'If' nodes that choose a branch by the values that are fed: 1"),
    ] {
        let result = bench(&pearl, file);
        assert!(warned(&result, told), "{result}");
    }
    // Four random inputs, of which none takes another time than the others by the graph.
    let plain = bench(&pearl, "batch.onnx");
    assert_eq!(plain["by_seed_ns"].as_array().unwrap().len(), 4, "{plain}");
    // Nothing is random, so that there is nothing to try.
    let fixed = bench(&pearl, "batch.onnx --input-value input=1");
    assert!(fixed["by_seed_ns"].is_null(), "{fixed}");
}

#[test]
fn what_the_engine_computes_otherwise_is_refused_with_all_its_nodes() {
    let pearl = rig();
    for (file, words) in [
        (
            "shifted.onnx",
            &["node 0 'ConvTranspose' (up)", "output_shape", "pads and output_padding"][..],
        ),
        (
            "many.onnx",
            &[
                "node 1 'Twirl' (swirling): operator not supported",
                "node 0 'Celu' (bent): tract 0.23.9 computes it otherwise",
                "node 2 'GlobalLpPool' (pool)",
            ],
        ),
        ("number.onnx", &["weights 'w' hold values that are no numbers"]),
        ("old.onnx", &["'Upsample' (wider)", "operator set 9", "version converter"]),
    ] {
        let refused = pearl.line(&format!("--quiet bench {file}"));
        assert_eq!(refused.faults_of_refusal(3, words), [""; 0], "{file}");
    }
}

#[test]
fn outputs_are_held_against_those_of_onnxruntime_where_it_is_installed() {
    let pearl = rig();
    let verify = |file: &str, library: &Path| {
        let line = format!("--quiet bench {file} --verify {QUICK}");
        let mut command = pearl.command(line.split_whitespace());
        Running::start(command.env("PEARL_ONNXRUNTIME", library)).finish(DEADLINE)
    };
    let library = python::onnxruntime();
    for file in
        ["batch.onnx", "half.onnx", "int8.onnx", "branches.onnx", "function.onnx", "beside.onnx"]
    {
        let verified = verify(file, &library).ok().json()["results"][0]["verified"].clone();
        assert_eq!(verified["agrees"], true, "{file}: {verified}");
    }
    // The number is still told; whoever reads the exit code alone does not miss that it is another network's.
    let differs = verify("stretched.onnx", &library);
    let found = differs.json();
    assert_eq!(found["results"][0]["verified"]["agrees"], false, "{found}");
    assert_eq!(differs.faults_of_failure(3, &["'logits'", "differs from onnxruntime's"]), [""; 0]);
    // A library that is none, and none at all.
    let no_library = verify("batch.onnx", &pearl.write("libonnxruntime.so", "none"));
    assert_eq!(no_library.faults_of_failure(2, &["libonnxruntime.so", "cannot be used"]), [""; 0]);
    let absent = verify("batch.onnx", &pearl.path("absent.so"));
    assert_eq!(absent.faults_of_refusal(2, &["PEARL_ONNXRUNTIME", "absent.so"]), [""; 0]);
}

#[test]
fn a_structure_alone_is_measured_with_random_weights_where_that_is_asked_for_and_this_is_told() {
    let pearl = rig();
    let random = |result: &Value| result["model"]["random_weights"].as_bool().unwrap_or(false);
    for (file, words) in [
        ("structure.onnx", &["node 0 'Conv' (bare)", "'w'", "--random-weights"][..]),
        ("lost.onnx", &["lost.data is not there", "--random-weights"]),
    ] {
        let refused = pearl.line(&format!("--quiet bench {file}"));
        assert_eq!(refused.faults_of_refusal(3, words), [""; 0], "{file}");
        let result = bench(&pearl, &format!("{file} --random-weights"));
        assert!(random(&result) && warned(&result, "random numbers here: 1"), "{result}");
    }
    // Where nothing lacks, nothing is random.
    let whole = bench(&pearl, "beside.onnx --random-weights");
    assert!(!random(&whole) && !warned(&whole, "random numbers"), "{whole}");
    fs::remove_file(pearl.path("weights/all.data")).unwrap();
    let bare = bench(&pearl, "beside.onnx --random-weights");
    assert!(random(&bare), "{bare}");

    let list = |line: &str| -> Vec<(i64, bool)> {
        let listed = pearl.line(&format!("history list {line} --json")).ok().json();
        let of = |one: &Value| (one["id"].as_i64().unwrap(), one["random_weights"] == true);
        listed["measurements"].as_array().unwrap().iter().map(of).collect()
    };
    assert_eq!(list(""), [(1, true), (2, true), (3, false), (4, true)]);
    // With its weights the file is another model.
    assert_eq!(list("--model beside.onnx"), [(4, true)]);
    let compared = pearl.line("compare 3 4 --accept-unstable --json").ok().json();
    assert!(!warned(&compared, "of the same model"), "{compared}");
    assert!(random(&pearl.line("history show 4 --json").ok().json()["result"]));

    let line =
        "compare structure.onnx lost.onnx --random-weights --device steady --accept-unstable";
    let compared = pearl.line(line).ok();
    for side in ["A: ", "B: "] {
        let remark = |line: &str| line.starts_with(side) && line.contains("random numbers here: 1");
        assert!(compared.stderr.lines().any(remark), "{compared:#?}");
    }
}
