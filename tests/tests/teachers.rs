//! Teachers as people have them: fed as they want to be, or named for what they are.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::path::PathBuf;

use pearl_tests::data::DataSet;
use pearl_tests::pearl::Pearl;
use pearl_tests::python;
use serde_json::Value;

const SHORT: &str = "--images 200 --holdout 100";
const STUDENT: &str = "train resnet-8 --input 1x28x28 --classes 4 --data data \
                       --training-by distillation --epochs 1 --batch 32 --out trained";

/// A working folder with data of four classes, and the teachers.
fn with_teachers(exported: bool) -> Pearl {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    let more = exported.then(|| PathBuf::from("exported"));
    python::run("make_teachers.py", std::iter::once(pearl.path("")).chain(more));
    pearl
}

fn import(words: &str) -> String {
    format!("teacher import {words} --data data {SHORT}")
}

/// How many of the held-out images a teacher is right about, and what is remarked on it.
fn imported(pearl: &Pearl, words: &str) -> (f64, String) {
    let made = pearl.line(&import(&format!("{words} --json"))).ok().json();
    let remarks = made["remarks"].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
    let remarks = remarks.collect::<Vec<_>>().join("\n");
    (made["teacher"]["holdout_accuracy"].as_f64().unwrap(), remarks)
}

#[test]
fn a_teacher_is_fed_and_read_as_it_wants_to_be() {
    let pearl = with_teachers(false);
    for words in [
        "pixels.pt --mean 0",
        "pixels.pt --std 1 --name unscaled",
        "imagenet.pt --input 3x56x56 --mean 0.5,0.5,0.5 --std 0.25",
        "imagenet.pt --input 3x56x56 --mean 127.5 --std 63.75 --scale 255 --name scaled",
        "bytes.pt --type u8",
        "double.pt --mean 0 --type f64",
        "probabilities.pt --mean 0 --probabilities",
        "tuple.pt --mean 0 --output 1",
        "dict.pt --mean 0 --output logits",
    ] {
        assert_eq!(imported(&pearl, words), (1.0, String::new()), "{words}");
    }
    // The student's training feeds it and reads it in the same way, though no option is given.
    for teacher in ["bytes", "dict"] {
        pearl.line(&format!("{STUDENT} {SHORT} --teacher {teacher}")).ok();
    }
    // In another way it knows nothing, which is said.
    for words in ["pixels.pt --name raw", "imagenet.pt --input 3x56x56 --name raw2"] {
        let (accuracy, remarks) = imported(&pearl, words);
        assert!(accuracy < 0.5 && remarks.contains("--mean"), "{words}: {accuracy} {remarks}");
    }
}

#[test]
fn a_teacher_that_ends_in_a_softmax_is_never_taken_for_another_unseen() {
    let pearl = with_teachers(false);
    let (_, remarks) = imported(&pearl, "probabilities.pt --mean 0");
    let words = ["probabilities.pt", "sum to one", "--probabilities"];
    assert!(words.iter().all(|word| remarks.contains(word)), "{remarks}");
    let again = pearl.line(&format!("{STUDENT} {SHORT} --teacher probabilities")).ok();
    assert!(words[1..].iter().all(|word| again.stderr.contains(word)), "{again:#?}");
    let wrong = import("--quiet pixels.pt --mean 0 --probabilities");
    let refused = pearl.line(&wrong).faults_of_refusal(3, &["pixels.pt", "do not sum to one"]);
    assert_eq!(refused, [""; 0]);
}

#[test]
fn what_a_module_needs_or_why_it_cannot_teach_is_said_in_one_line() {
    let pearl = with_teachers(false);
    let cases: [(&str, i32, &[&str]); 12] = [
        ("tuple.pt", 3, &["a tuple (0 is [8, 1], 1 is [8, 4])", "--output"]),
        ("dict.pt", 3, &["a dict (pixels is [8, 1, 28, 28], logits is [8, 4])", "--output"]),
        ("dict.pt --output logit", 3, &["no output 'logit'", "logits is [8, 4]"]),
        ("good.pt --output 0", 3, &["one tensor", "--output"]),
        ("colour.pt", 3, &["[8, 1, 28, 28]", "cannot be multiplied", "--input"]),
        ("colour.pt --input 3x30x30", 3, &["[8, 3, 30, 30]", "cannot be multiplied"]),
        ("bytes.pt", 3, &["only whole pixels", "--type"]),
        ("training.pt", 3, &["training mode", "rest of the batch", "network.eval()"]),
        ("dropout.pt", 3, &["training mode", "each time", "network.eval()"]),
        ("colour.pt --input 3x28x28 --mean 1,2", 2, &["--mean", "2 numbers for 3 channels"]),
        ("bytes.pt --type u8 --mean 0.5", 2, &["--type u8", "--mean"]),
        // The name comes before everything else.
        ("absent.pt --name ../up", 2, &["'../up'"]),
    ];
    let mut faults = Vec::new();
    for (words, code, expected) in cases {
        let done = pearl.line(&import(&format!("--quiet {words}")));
        let refused = done.faults_of_refusal(code, expected);
        faults.extend(refused.into_iter().map(|fault| format!("{words}: {fault}")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
    let list = pearl.line("teacher list --json").ok().json();
    assert_eq!(list["teachers"], Value::Array(vec![]), "a refused import leaves nothing behind");
}

#[test]
fn a_file_that_is_no_torch_script_is_answered_with_the_lines_that_convert_it() {
    let pearl = with_teachers(true);
    for (file, kind) in [
        ("state_dict.pth", "a state_dict"),
        ("legacy.pth", "a state_dict"),
        ("checkpoint.pth.tar", "a checkpoint with weights (a state_dict) under 'model'"),
        ("module.pth", "a module that torch has pickled"),
        ("pickle.pkl", "a pickle"),
        ("exported.pt2", "torch.export"),
    ] {
        let line = import(&format!("--quiet {file}"));
        let refused = pearl.line(&line);
        let faults = refused.faults_of_refusal(3, &[file, "no TorchScript module", kind]);
        assert_eq!(faults, [""; 0], "{file}");
        let lines = refused.stderr.trim().split_once("import ").unwrap().1;
        python::run("run_lines.py", [pearl.path(""), format!("import {lines}").into()]);
        let stem = file.rsplit_once('.').unwrap().0;
        let converted = format!("{stem}.torchscript.pt");
        pearl.line(&import(&converted)).ok();
    }
    pearl.write("weights.safetensors", b"\x08\0\0\0\0\0\0\0{\"a\":{}}");
    pearl.write("pointer.pt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    for (file, expected) in [("weights.safetensors", "load_file"), ("pointer.pt", "git lfs pull")] {
        let refused = pearl.line(&import(&format!("--quiet {file}")));
        assert_eq!(refused.faults_of_refusal(3, &[file, expected]), [""; 0]);
    }
}

#[test]
fn another_use_of_a_file_is_another_teacher_with_logits_of_its_own() {
    let pearl = with_teachers(false);
    let logits = || fs::read_dir(pearl.home().join("logits")).unwrap().count();
    let said = pearl.line(&import("pixels.pt --mean 0 --name one")).ok();
    assert!(said.stderr.contains("program, and runs as you"), "{said:#?}");
    assert_eq!(logits(), 1);
    pearl.line(&import("pixels.pt --mean 0 --name same")).ok();
    assert_eq!(logits(), 1, "the same use of the same file");
    pearl.line(&import("pixels.pt --mean 0 --scale 255 --name other")).ok();
    assert_eq!(logits(), 2);
    let listed = pearl.line("teacher list --json").ok().json();
    let hash = |at: usize| listed["teachers"][at]["sha256"].as_str().unwrap();
    let options = |at: usize| &listed["teachers"][at]["source"]["torch_script"]["options"];
    // By name: one, other, same.
    assert!(hash(0) == hash(2) && hash(0) != hash(1), "{listed}");
    assert_eq!(options(1)["normalisation"]["scale"], 255.0);
    let again = pearl.line(&import("--quiet pixels.pt --name one"));
    assert_eq!(again.faults_of_refusal(2, &["'one'", "--replace"]), [""; 0]);
}

#[test]
fn a_teacher_keeps_how_it_was_trained() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    let train = "teacher train --network resnet-8 --data data --images 220 --holdout 100 --epochs 2 \
                 --batch 32 --json";
    let made = pearl.line(train).ok().json();
    assert_eq!(made["teacher"]["training"]["images"], 220);
    assert_eq!(made["teacher"]["training"]["epochs"], 2);
    let list = pearl.line("teacher list").ok().stdout;
    assert!(list.contains("trained on 220 images, 2 epochs"), "{list}");
}
