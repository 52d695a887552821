//! What is wrong with a command or a file is said in one line, with an exit code that tells whose
//! move it is, and nothing is harmed.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::process::Command;

use pearl_tests::data::{DataSet, SIDE, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, idx};
use pearl_tests::finished::Finished;
use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::programs;
use pearl_tests::python;
use pearl_tests::running::Running;
use pearl_tests::small_search::SmallSearch;

const SHORT: &str = "--images 200 --holdout 100 --epochs 1 --batch 32";
const SEARCH: &str = "search --budget 15ms --candidates 1 --images 200 --holdout 100 --out run";

fn finished(command: &mut Command) -> Finished {
    Running::start(command).finish(DEADLINE)
}

/// Runs each command and gathers what is wrong with how it was refused.
fn check(pearl: &Pearl, cases: &[(&str, i32, &[&str])]) {
    let mut faults = Vec::new();
    for (line, code, words) in cases {
        // Not a word of an earlier case.
        let _ = fs::remove_dir_all(pearl.path("run"));
        let refused = pearl.line(&format!("--quiet {line}")).faults_of_refusal(*code, words);
        faults.extend(refused.into_iter().map(|fault| format!("{line}: {fault}")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn an_unknown_name_is_refused_with_those_that_exist() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    pearl.write("broken.onnx", "no model");
    let hard = |rest: &str| format!("{SEARCH} --searching-by hard {rest}");
    check(
        &pearl,
        &[
            (&hard("--space mnsa --data data"), 2, &["mnsa", "mnas", "conv20"]),
            (&hard("--space mnas --data fashion-mnits"), 2, &["fashion-mnits", "not found"]),
            (&hard("--space mnas --data data --device pixel"), 2, &["pixel", "local", "steady"]),
            (
                &format!("{SEARCH} --space mnas --data data --teacher nobody"),
                2,
                &["nobody", "teacher train"],
            ),
            (&format!("{SEARCH} --space mnas --data data"), 2, &["--teacher"]),
            (&hard("--space mnas --data data --torch-device gpu"), 2, &["gpu", "auto"]),
            ("bench broken.onnx --device pixel", 2, &["pixel", "local"]),
            ("arch sample --space nowhere -o out", 2, &["nowhere", "mnas", "conv20"]),
            ("arch show mobilenet-v9", 3, &["mobilenet-v9", "mobilenet-v2"]),
            ("teacher train --network resnet-9 --data data", 2, &["resnet-9"]),
            ("teacher train --network resnet-8 --data data --name ../up", 2, &["../up"]),
            ("train resnet-8 --data nowhere --training-by hard --out t", 2, &["nowhere"]),
            ("report nowhere", 2, &["nowhere"]),
        ],
    );
}

#[test]
fn what_no_option_takes_is_refused_with_what_it_does() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    for (line, words) in [
        ("search --budget fast --space mnas --data data --out run", &["fast", "--budget"][..]),
        ("search --budget 15 --space mnas --data data --out run", &["15", "--budget"]),
        ("search --budget p0 --space mnas --data data --out run", &["p0", "--budget"]),
        ("search --budget=-3ms --space mnas --data data --out run", &["-3ms", "--budget"]),
        (
            "search --budget 5ms --objective loud --space mnas --data data --out run",
            &["loud", "soft"],
        ),
        ("search --budget 5ms --policy luck --space mnas --data data --out run", &["luck", "ppo"]),
        ("search --budget 5ms --epochs 0 --space mnas --data data --out run", &["--epochs", "'0'"]),
        ("search --budget 5ms --images 1 --space mnas --data data --out run", &["--images", "'1'"]),
        ("search --budget 5ms --holdout 0 --space mnas --data data --out run", &["--holdout"]),
        ("search --budget 5ms --batch 1 --space mnas --data data --out run", &["--batch"]),
        ("train resnet-8 --data data --training-by hard --epochs 0 --out run", &["--epochs"]),
        ("arch show mobilenet-v2 --input 3x224", &["3x224"]),
        ("bench", &["MODEL.onnx"]),
        ("serach", &["serach", "search"]),
    ] {
        let refused = pearl.line(line);
        assert_eq!(refused.code(), Some(2), "{refused:#?}");
        assert!(refused.stderr.starts_with("error: "), "{refused:#?}");
        assert!(words.iter().all(|word| refused.stderr.contains(word)), "{refused:#?}");
    }
    assert!(!pearl.path("run").exists());
}

#[test]
fn numbers_that_make_no_sense_are_refused_before_anything_trains() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    let with = |rest: &str| {
        format!(
            "search --space mnas --data data --searching-by hard --budget 15ms --out run {rest}"
        )
    };
    check(
        &pearl,
        &[
            (&with("--candidates 0"), 2, &["--candidates 0"]),
            (&with("--images 400 --holdout 100"), 3, &["--images 400", "100 held out"]),
            (
                &with("--images 200 --holdout 100 --final-images 999"),
                3,
                &["--final-images 999", "100 held out", "at most", "--final-epochs 0"],
            ),
        ],
    );
    assert!(!pearl.path("run/pearl.db").exists());
}

#[test]
fn a_search_that_was_refused_can_be_corrected_in_the_same_directory() {
    let pearl = Pearl::new();
    let good = SmallSearch { candidates: 1, ..SmallSearch::new(&pearl) };
    let run = pearl.path("run");
    for more in ["--torch-device gpu", "--momentum nan"] {
        let refused = pearl.run(good.clone().with(more).args(&run));
        assert_eq!(refused.code(), Some(2), "{refused:#?}");
    }
    fs::write(good.data.join(TRAIN_LABELS), "nothing of use").unwrap();
    let refused = pearl.run(good.args(&run));
    assert_eq!(refused.faults_of_refusal(3, &[TRAIN_LABELS]), [""; 0]);
    DataSet::default().write(&good.data);
    pearl.run(good.args(&run)).ok();
}

#[test]
fn a_malformed_file_of_devices_is_refused_with_the_line_or_the_key() {
    let pearl = Pearl::new();
    pearl.write("m.onnx", "no model");
    for (text, words) in [
        ("[device.a\n", &["line 1"][..]),
        ("[device.a]\ntransport = \"pigeon\"\n", &["line 2", "pigeon", "local"]),
        ("[device.a]\ntransport = \"local\"\ncolour = 1\n", &["line 3", "colour", "cpus"]),
        ("[device.a]\ntransport = \"local\"\ncpus = \"fast\"\n", &["'a'", "fast"]),
        ("[device.a]\ncpus = \"all\"\n", &["transport"]),
        ("\u{0}", &["line 1"]),
    ] {
        pearl.write("bad.toml", text);
        let words = [words, &["bad.toml"]].concat();
        check(
            &pearl,
            &[
                ("bench m.onnx --devices bad.toml", 2, &words),
                ("devices list --devices bad.toml", 2, &words),
            ],
        );
    }
    check(&pearl, &[("devices list --devices absent.toml", 2, &["absent.toml: no such file"])]);
}

#[test]
fn a_malformed_architecture_is_refused_with_what_is_wrong_in_it() {
    let pearl = Pearl::new();
    let sampled = pearl.line("arch sample --space mnas --input 1x28x28 --classes 4 -o s").ok();
    let good = fs::read_to_string(pearl.path(sampled.stdout.trim())).unwrap();
    assert!(good.contains("pearl.architecture/1") && good.contains("\"decisions\""), "{good}");
    let overruled = pearl.line(&format!("arch show {} --classes 3", sampled.stdout.trim()));
    assert_eq!(overruled.faults_of_refusal(2, &["--classes", "in its file"]), [""; 0]);
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{good}");
        good.replacen(from, to, 1)
    };
    for (text, words) in [
        (String::new(), &[][..]),
        ("{".to_owned(), &["line 1"]),
        ("[1, 2]".to_owned(), &[]),
        (good[..good.len() / 2].to_owned(), &["eof"]),
        (replaced("pearl.architecture/1", "pearl.architecture/2"), &["newer", "2"]),
        (replaced("pearl.architecture/1", "pearl.table/1"), &["pearl.table/1"]),
        (replaced("\"classes\"", "\"colour\": 1, \"classes\""), &["colour"]),
        (replaced("\"space\": \"mnas\"", "\"space\": \"nasm\""), &["nasm", "mnas"]),
        (replaced("\"decisions\": {", "\"decisions\": { \"b9.op\": \"x\","), &["b9.op"]),
        (replaced("\"classes\": 4", "\"classes\": 0"), &["class"]),
        (replaced("\"height\": 28", "\"height\": 99999999"), &["99999999"]),
    ] {
        pearl.write("bad.json", &text);
        let words = [words, &["bad.json"]].concat();
        check(
            &pearl,
            &[("arch show bad.json", 3, &words), ("export bad.json -o out.onnx", 3, &words)],
        );
    }
    pearl.write("huge.json", " ".repeat(2 << 20));
    pearl.write("bytes.onnx", [8, 255, 254]);
    check(
        &pearl,
        &[
            ("arch show huge.json", 3, &["huge.json", "large"]),
            ("arch show absent.json", 3, &["absent.json: no such file"]),
            ("arch show bytes.onnx", 3, &["bytes.onnx", "not the json of an architecture"]),
            ("arch show s", 3, &["s"]),
            (
                "export resnet-8 --classes 0 -o out.onnx",
                3,
                &["error: reference network 'resnet-8'"],
            ),
            ("export mobilenet-v2:abc -o out.onnx", 3, &["error: reference network", "'abc'"]),
        ],
    );
    assert!(!pearl.path("out.onnx").exists());
}

#[test]
fn a_corrupt_truncated_or_mislabelled_data_set_is_refused_before_anything_trains() {
    let pearl = Pearl::new();
    let images = |count: usize| idx(&[count, SIDE, SIDE], &vec![7; count * SIDE * SIDE]);
    let good = DataSet::default();
    let whole = fs::read(good.write(&pearl.path("good")).join(TRAIN_IMAGES)).unwrap();
    let labels = fs::read(pearl.path("good").join(TRAIN_LABELS)).unwrap();
    let mut stray = fs::read(pearl.path("good").join(TEST_LABELS)).unwrap();
    stray[8 + 5] = 9;
    let mut gap = labels.clone();
    gap[8..].iter_mut().for_each(|label| *label += u8::from(*label == 3));
    let mut faults = Vec::new();
    for (name, file, bytes, words) in [
        ("empty", TRAIN_IMAGES, Vec::new(), &["truncated"][..]),
        ("garbage", TRAIN_IMAGES, b"GIF89a and so on".to_vec(), &["not an IDX file"]),
        ("cut", TRAIN_IMAGES, whole[..whole.len() - 1].to_vec(), &["truncated"]),
        ("long", TRAIN_IMAGES, [&whole[..], b"x"].concat(), &["bytes follow"]),
        ("swapped", TRAIN_IMAGES, labels.clone(), &["file of labels"]),
        ("swapped", TRAIN_LABELS, whole.clone(), &["file of images"]),
        ("fewer", TRAIN_LABELS, idx(&[399], &labels[8..8 + 399]), &["399 labels", "400 images"]),
        ("stray", TEST_LABELS, stray, &["label 9", "0 to 3"]),
        ("gap", TRAIN_LABELS, gap, &["label 4", "3 does not"]),
        ("one class", TRAIN_LABELS, idx(&[400], &[0; 400]), &["single class"]),
        ("sides", TEST_IMAGES, idx(&[100, 14, 14], &[1; 100 * 196]), &["14", "28"]),
        ("nothing", TRAIN_IMAGES, idx(&[0, SIDE, SIDE], &[]), &["holds nothing"]),
        ("huge", TRAIN_IMAGES, idx(&[u32::MAX as usize, SIDE, SIDE], &[]), &["announces"]),
        ("floats", TRAIN_IMAGES, [&[0, 0, 13, 3][..], &whole[4..]].concat(), &["0x0d"]),
        ("gzip", TRAIN_IMAGES, [&[0x1f, 0x8b, 8, 0][..], &images(2)].concat(), &[]),
    ] {
        let folder = pearl.path(format!("data-{}", name.replace(' ', "-")));
        good.write(&folder);
        fs::write(folder.join(file), bytes).unwrap();
        let mut search = SmallSearch::new(&pearl);
        search.data = folder.clone();
        let words = [words, &[file]].concat();
        let run = folder.join("run");
        let refused = pearl.run(search.args(&run)).faults_of_refusal(3, &words);
        faults.extend(refused.into_iter().map(|fault| format!("{name}: {fault}")));
        if fs::read_dir(run.join("models")).is_ok_and(|models| models.count() > 0) {
            faults.push(format!("{name}: something was trained"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    fs::remove_file(pearl.path("good").join(TEST_LABELS)).unwrap();
    check(&pearl, &[("teacher train --network resnet-8 --data good", 2, &["good", TEST_LABELS])]);
}

#[test]
fn a_bad_or_unfit_torch_script_teacher_is_refused() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    python::run("make_teachers.py", [pearl.path("")]);
    let good = fs::read(pearl.path("good.pt")).unwrap();
    pearl.write("garbage.pt", "this is no archive");
    pearl.write("empty.pt", "");
    pearl.write("truncated.pt", &good[..good.len() / 2]);
    fs::create_dir(pearl.path("folder.pt")).unwrap();
    let import =
        |file: &str| format!("teacher import {file} --data data --images 200 --holdout 100");
    check(
        &pearl,
        &[
            (&import("garbage.pt"), 3, &["garbage.pt", "TorchScript"]),
            (&import("empty.pt"), 3, &["empty.pt", "TorchScript"]),
            (&import("truncated.pt"), 3, &["truncated.pt", "TorchScript"]),
            (&import("folder.pt"), 3, &["folder.pt"]),
            (&import("absent.pt"), 3, &["absent.pt: no such file"]),
            (&import("seven.pt"), 3, &["seven.pt", "7 classes", "4"]),
            (&import("nan.pt"), 3, &["nan.pt", "not finite"]),
            (&import("colour.pt"), 3, &["colour.pt"]),
        ],
    );
    let list = pearl.line("teacher list --json").ok().json();
    assert_eq!(list["teachers"].as_array().unwrap().len(), 0, "{list}");

    // One that was good when it was imported, and then was exchanged.
    pearl.line(&import("good.pt --name good")).ok();
    let kept = pearl.home().join("teachers/good/teacher.pt");
    fs::write(&kept, fs::read(pearl.path("seven.pt")).unwrap()).unwrap();
    let search = SmallSearch::new(&pearl).with("--teacher good");
    let refused = pearl.run(search.args(&pearl.path("run")));
    assert_eq!(refused.faults_of_refusal(3, &["teacher.pt", "7 classes"]), [""; 0]);
    // A teacher that is there is not overwritten unseen; the same file may be imported again.
    let import =
        "--quiet teacher import seven.pt --data data --name good --images 200 --holdout 100";
    let refused = pearl.line(import);
    assert_eq!(refused.faults_of_refusal(2, &["'good'", "--replace"]), [""; 0]);
    let train = "--quiet teacher train --network resnet-8 --data data --name good";
    assert_eq!(pearl.line(train).faults_of_refusal(2, &["'good'", "--replace"]), [""; 0]);
    fs::remove_file(&kept).unwrap();
    let refused = pearl.run(search.args(&pearl.path("run")));
    assert_eq!(refused.faults_of_refusal(3, &["teacher.pt"]), [""; 0]);
    fs::write(pearl.home().join("teachers/good/teacher.json"), "{").unwrap();
    let refused = pearl.run(search.args(&pearl.path("run")));
    assert_eq!(refused.faults_of_refusal(3, &["teacher.json"]), [""; 0]);
}

#[test]
fn a_file_of_devices_that_came_with_a_folder_of_models_starts_nothing() {
    let pearl = Pearl::new();
    pearl.line("export resnet-8 --classes 10 -o good.onnx").ok();
    let touch = ["touch", "owned"];
    pearl.write(
        "devices.toml",
        format!(
            "[device.local]\ntransport = \"local\"\nwrapper = {touch:?}\n\
             [device.other]\ntransport = \"local\"\nwrapper = {touch:?}\n"
        ),
    );
    let run = |line: &str| {
        let mut command = pearl.command(line.split_whitespace());
        Running::start(command.env_remove("PEARL_DEVICES")).finish(DEADLINE)
    };
    let quick = "--launches 6 --target 50% --accept-unstable --json";
    run(&format!("bench good.onnx {quick}")).ok();
    let refused = run("bench good.onnx --device other");
    assert_eq!(refused.faults_of_refusal(2, &["'other'", "wrapper", "--devices"]), [""; 0]);
    run("devices check --json").ok();
    assert!(!pearl.path("owned").exists());
    // Chosen, it counts.
    run("bench good.onnx --device other --devices devices.toml");
    assert!(pearl.path("owned").exists());
}

#[test]
fn a_model_that_cannot_be_measured_is_refused_by_name() {
    let pearl = Pearl::new();
    python::run("make_models.py", [pearl.path("")]);
    pearl.line("export resnet-8 --classes 10 -o good.onnx").ok();
    let good = fs::read(pearl.path("good.onnx")).unwrap();
    pearl.write("empty.onnx", "");
    pearl.write("garbage.onnx", "\u{8}\u{7}no model at all, but text");
    pearl.write("truncated.onnx", &good[..good.len() * 2 / 3]);
    pearl.write(
        "pointer.onnx",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    );
    fs::create_dir(pearl.path("folder.onnx")).unwrap();
    fs::File::create(pearl.path("huge.onnx")).unwrap().set_len(3 << 30).unwrap();
    fs::File::create(pearl.path("zeros.onnx")).unwrap().set_len(1 << 20).unwrap();
    check(
        &pearl,
        &[
            ("bench empty.onnx", 3, &["empty.onnx"]),
            ("bench garbage.onnx", 3, &["garbage.onnx"]),
            ("bench truncated.onnx", 3, &["truncated.onnx"]),
            ("bench zeros.onnx", 3, &["zeros.onnx"]),
            ("bench operator.onnx", 3, &["operator.onnx", "swirling", "Twirl"]),
            ("bench sides.onnx", 3, &["sides.onnx", "'height'", "'width'", "--input input:1x3x"]),
            ("bench sides.onnx --dim height=8", 3, &["sides.onnx", "'width'"]),
            ("bench sides.onnx --dim depth=8", 2, &["sides.onnx", "'depth'", "'height', 'width'"]),
            ("bench sides.onnx --input x:1x3x8x8", 2, &["sides.onnx", "'x'", "'input'"]),
            ("bench sides.onnx --input input:3x8x8", 2, &["sides.onnx", "4 axes, not 3"]),
            ("bench lost.onnx", 3, &["lost.onnx", "lost.data is not there"]),
            ("bench outside.onnx", 3, &["outside.onnx", "outside the model's folder"]),
            ("bench pointer.onnx", 3, &["pointer.onnx", "git lfs pull"]),
            ("bench folder.onnx", 3, &["folder.onnx", "not a file"]),
            ("bench huge.onnx", 3, &["huge.onnx", "3072 MiB"]),
            ("bench good.onnx absent.onnx --json", 3, &["absent.onnx: no such file"]),
            ("compare good.onnx absent.onnx", 3, &["absent.onnx: no such file"]),
            ("export resnet-8 --weights good.onnx -o out.onnx", 3, &["good.onnx", "safetensors"]),
            (
                "export resnet-8 --weights absent.safetensors -o out.onnx",
                3,
                &["absent.safetensors"],
            ),
            ("export resnet-8 -o good.onnx/out.onnx", 2, &["good.onnx/out.onnx"]),
        ],
    );
    assert!(!pearl.path("out.onnx").exists());
}

#[test]
fn an_agent_that_is_absent_or_no_agent_is_a_fault_of_the_device() {
    let pearl = Pearl::new();
    pearl.line("export resnet-8 --classes 10 -o good.onnx").ok();
    let devices = [("echo", "echo"), ("absent", "/nowhere/wrapper"), ("false", "false")];
    let devices = devices.map(|(name, wrapper)| {
        format!("[device.{name}]\ntransport = \"local\"\nwrapper = [\"{wrapper}\"]\n")
    });
    pearl.write("devices.toml", devices.concat());
    check(
        &pearl,
        &[
            ("bench good.onnx --device echo", 4, &["'echo'"]),
            ("bench good.onnx --device absent", 4, &["'absent'"]),
            ("bench good.onnx --device false", 4, &["'false'"]),
        ],
    );
    let mut command = pearl.command(["--quiet", "bench", "good.onnx"]);
    command.env("PEARL_AGENT", "/nowhere/agent");
    let refused = finished(&mut command).faults_of_refusal(4, &["/nowhere/agent", "PEARL_AGENT"]);
    assert_eq!(refused, [""; 0]);
}

#[test]
fn a_worker_that_is_absent_or_no_worker_is_answered_with_what_to_build() {
    let pearl = Pearl::new();
    let data = DataSet::default().write(&pearl.path("data"));
    let alone = pearl.path("pearl");
    fs::copy(programs::pearl(), &alone).unwrap();
    let train = |words: &str| format!("--quiet {words} --data {} {SHORT}", data.display());
    let commands = [
        train("teacher train --network resnet-8 --name one"),
        train("train resnet-8 --classes 10 --training-by hard --out trained"),
        SmallSearch::new(&pearl).args(&pearl.path("run")).join(" "),
    ];
    for line in commands {
        let words: Vec<_> = line.split_whitespace().collect();
        for (program, named, expected) in [
            (alone.clone(), "", ["pearl-worker", "make build"]),
            (programs::pearl(), "/nowhere/worker", ["/nowhere/worker", "PEARL_WORKER"]),
            (programs::pearl(), "/bin/false", ["worker", "pearl-worker --version"]),
        ] {
            let mut command = Command::new(program);
            pearl.prepare(&mut command).args(&words).env("PEARL_WORKER", named);
            let refused = finished(&mut command).faults_of_refusal(2, &expected);
            assert_eq!(refused, [""; 0], "{line} with '{named}'");
        }
    }
    let mut bare = Command::new(&alone);
    pearl.prepare(&mut bare).args(["arch", "show", "resnet-8"]);
    finished(&mut bare).ok();
}
