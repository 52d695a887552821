//! The commands and the documents that scripts rely on.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::process::{Command, Stdio};

use pearl_tests::data::DataSet;
use pearl_tests::pearl::{COMMANDS, Pearl};
use pearl_tests::python;
use pearl_tests::running::Running;
use pearl_tests::small_search::SmallSearch;
use serde_json::Value;

const SHORT: &str = "--images 200 --holdout 100 --epochs 1 --batch 32";

#[test]
fn every_command_has_help_with_an_example() {
    let pearl = Pearl::new();
    for command in COMMANDS {
        let help = pearl.line(&format!("{command} --help")).ok();
        let example = help.stdout.split("Example").nth(1).unwrap_or_default();
        assert!(example.contains(&format!("pearl {command}")), "{command}: {}", help.stdout);
        assert_eq!(help.stderr, "");
    }
    let whole = pearl.line("--help").ok().stdout;
    for command in COMMANDS {
        let verb = command.split(' ').next().unwrap();
        assert!(whole.contains(&format!("\n  {verb} ")), "{verb}: {whole}");
    }
    assert!(whole.contains("Examples:\n  pearl bench"), "{whole}");
    assert!(whole.contains("Exit codes") && !whole.contains("\n  worker"), "{whole}");
    assert!(pearl.line("--version").ok().stdout.starts_with("pearl "));
}

#[test]
fn completions_name_the_commands_in_every_shell() {
    let pearl = Pearl::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = pearl.line(&format!("completions {shell}")).ok().stdout;
        assert!(
            ["search", "teacher", "accept-unstable"].iter().all(|word| script.contains(word)),
            "{shell}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_early_is_no_panic() {
    let pearl = Pearl::new();
    for line in [
        "arch show mobilenet-v2",
        "arch show mobilenet-v2 --json",
        "devices list",
        "completions bash",
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = pearl.command(line.split(' '));
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked") && said.is_empty(), "{line}: {said}");
        assert_eq!(output.status.code(), Some(0), "{line}");
    }
}

#[test]
fn arch_show_counts_parameters_and_multiply_accumulates() {
    let pearl = Pearl::new();
    for (name, params) in [("mobilenet-v2", 3_504_872), ("mobilenet-v2:1.0@224", 3_504_872)] {
        let document = pearl.run(["arch", "show", name, "--json"]).ok().json();
        assert_eq!(document["format"], "pearl.arch/1");
        assert_eq!(document["params"], params);
        let layers = document["layers"].as_array().unwrap();
        let sum =
            |field: &str| layers.iter().map(|layer| layer[field].as_u64().unwrap()).sum::<u64>();
        assert_eq!(document["params"], sum("params"));
        assert_eq!(document["macs"], sum("macs"));
        assert!(document["macs"].as_u64().unwrap() > 250_000_000, "{}", document["macs"]);
    }
    assert!(pearl.line("arch show mobilenet-v2").ok().stdout.contains("3504872 parameters"));
}

#[test]
fn what_is_listed_can_be_shown_and_sampled() {
    let pearl = Pearl::new();
    let listed = pearl.line("arch list --json").ok().json();
    let names = |field: &str| -> Vec<String> {
        let all = listed[field].as_array().unwrap().iter();
        all.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    assert!(names("networks").len() >= 12 && names("spaces").len() >= 2, "{listed}");
    for network in names("networks") {
        pearl.line(&format!("arch show {network}")).ok();
    }
    for space in names("spaces") {
        pearl.line(&format!("arch sample --space {space} --input 3x32x32 -o students")).ok();
    }
    assert!(pearl.line("arch list").ok().stdout.contains("mobilenet-v2"));
}

#[test]
fn sampled_architectures_are_files_that_other_commands_take() {
    let pearl = Pearl::new();
    for space in ["mnas", "conv20"] {
        let sample =
            format!("arch sample --space {space} -n 5 --seed 1 --input 3x32x32 --classes 7");
        let first = pearl.line(&format!("{sample} -o one --json")).ok().json();
        let again = pearl.line(&format!("{sample} -o two --json")).ok().json();
        let of = |document: &Value, field: &str| -> Vec<Value> {
            let all = document["architectures"].as_array().unwrap();
            all.iter().map(|one| one[field].clone()).collect()
        };
        assert_eq!(of(&first, "arch_id"), of(&again, "arch_id"));
        let other =
            pearl.line(&format!("{sample} --seed 2 -o two --json").replacen("--seed 1 ", "", 1));
        assert_ne!(of(&other.ok().json(), "arch_id"), of(&first, "arch_id"));
        assert_eq!(of(&first, "path").len(), 5);
        for (path, params) in of(&first, "path").iter().zip(of(&first, "params")) {
            let shown = pearl.run(["arch", "show", path.as_str().unwrap(), "--json"]).ok().json();
            assert_eq!(shown["params"], params);
            assert_eq!((&shown["classes"], &shown["input"][0]), (&7.into(), &3.into()));
        }
    }
}

#[test]
fn bench_measures_what_export_writes_and_prints_what_scripts_rely_on() {
    let pearl = Pearl::new();
    pearl.line("export resnet-8 --input 1x28x28 --classes 10 -o a.onnx").ok();
    pearl.line("export resnet-8 --input 1x28x28 --classes 10 --seed 1 -o b.onnx").ok();
    let bytes = |name: &str| fs::read(pearl.path(name)).unwrap();
    assert_ne!(bytes("a.onnx"), bytes("b.onnx"));
    let document = pearl.line("bench a.onnx b.onnx --json --accept-unstable").ok().json();
    assert_eq!(document["format"], "pearl.bench/1");
    let results = document["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for (result, name) in results.iter().zip(["a.onnx", "b.onnx"]) {
        assert_eq!(result["model"]["path"], name);
        let sum = Command::new("sha256sum").arg(pearl.path(name)).output().unwrap().stdout;
        let sum = String::from_utf8(sum).unwrap();
        assert_eq!(result["model"]["sha256"], sum.split(' ').next().unwrap());
        assert_eq!(result["device"]["name"], "local");
        assert_eq!(result["device"]["fingerprint"].as_str().unwrap().len(), 16);
        assert_eq!(result["engine"]["name"], "tract");
        assert!(result["engine"]["version"].as_str().unwrap().starts_with("0."), "{result}");
        let latency = &result["latency_ns"];
        let ns =
            |field: &str| latency[field].as_u64().unwrap_or_else(|| panic!("{field}: {latency}"));
        let ci = [&latency["ci95"][0], &latency["ci95"][1]].map(|end| end.as_u64().unwrap());
        let sorted = [ns("min"), ci[0], ns("median"), ci[1], ns("max")];
        assert!(sorted.is_sorted() && ns("min") > 0, "{latency}");
        assert!((ns("median")..=ns("max")).contains(&ns("p90")), "{latency}");
        assert!((ns("min")..=ns("max")).contains(&ns("mean")), "{latency}");
        assert!(ns("stddev") < ns("max"), "{latency}");
        assert!(result["n_samples"].as_u64().unwrap() >= 55, "{result}");
        assert!(result["n_launches"].as_u64().unwrap() >= 5, "{result}");
        let verdict = result["verdict"].as_str().unwrap();
        let verdicts = ["stable", "drifting", "throttled", "contended", "too-short", "unconverged"];
        assert!(verdicts.contains(&verdict), "{result}");
        let warned = !result["warnings"].as_array().unwrap().is_empty();
        assert!(warned || verdict == "stable", "a doubt without a reason: {result}");
    }
    assert_eq!(results[0]["device"], results[1]["device"]);
}

#[test]
fn a_bench_that_is_not_to_be_believed_ends_with_5_and_one_that_is_with_0() {
    let pearl = Pearl::new();
    pearl.line("export resnet-8 --input 1x28x28 --classes 10 -o a.onnx").ok();
    let steady = pearl.line("bench a.onnx --device steady --json").ok().json();
    assert_eq!(steady["results"][0]["verdict"], "stable");
    assert!(pearl.line("bench a.onnx --device steady").ok().stdout.contains("stable"));
    pearl.write("rough.toml", python::steady_device("rough", &["--rough"]));
    let line = "bench a.onnx --devices rough.toml --device rough --json --quiet";
    let doubted = pearl.line(line);
    assert_eq!(doubted.code(), Some(5), "{doubted:#?}");
    assert!(doubted.stderr.contains("--accept-unstable"), "{doubted:#?}");
    assert_ne!(doubted.json()["results"][0]["verdict"], "stable");
    pearl.line(&format!("{line} --accept-unstable")).ok();
}

#[test]
fn verbose_tells_what_is_asked_of_the_agent_and_nothing_else_does() {
    let pearl = Pearl::new();
    pearl.line("export resnet-8 --input 1x28x28 --classes 10 -o a.onnx").ok();
    let line = "bench a.onnx --device steady --no-history";
    let asks = |stderr: &str| stderr.lines().any(|line| line.contains(r#"asked {"id""#));
    assert!(asks(&pearl.line(&format!("{line} -v")).ok().stderr));
    assert!(!asks(&pearl.line(line).ok().stderr));
    for line in ["--quiet -v devices list", "--quiet devices list -v"] {
        let faults = pearl.line(line).faults_of_refusal(2, &["--quiet", "--verbose"]);
        assert!(faults.is_empty(), "{line}: {faults:?}");
    }
}

#[test]
fn devices_are_listed_with_local_among_them() {
    let pearl = Pearl::new();
    assert!(pearl.line("devices list").ok().stdout.lines().any(|line| line.starts_with("local")));
    let document = pearl.line("devices list --json").ok().json();
    let names = document["devices"].as_array().unwrap().iter().map(|device| &device["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["local", "steady"]);
}

#[test]
fn teachers_are_trained_imported_and_listed() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    assert_eq!(pearl.line("teacher list --json").ok().json()["teachers"], Value::Array(vec![]));
    assert!(pearl.line("teacher list").ok().stdout.contains("no teachers yet"));
    python::run("make_teachers.py", [pearl.path("")]);
    let train = format!("teacher train --network resnet-8 --data data --name own {SHORT} --json");
    let trained = pearl.line(&train).ok().json();
    let import = "teacher import good.pt --data data --name good --images 200 --holdout 100 --json";
    let imported = pearl.line(import).ok().json();
    fs::remove_file(pearl.path("good.pt")).unwrap();
    let listed = pearl.line("teacher list --json").ok().json();
    assert_eq!(listed["teachers"][0], imported["teacher"]);
    assert_eq!(listed["teachers"][1], trained["teacher"]);
    assert_eq!(listed["teachers"].as_array().unwrap().len(), 2);
    for teacher in listed["teachers"].as_array().unwrap() {
        assert_eq!(teacher["classes"], 4);
        assert!((0.0..=1.0).contains(&teacher["holdout_accuracy"].as_f64().unwrap()), "{teacher}");
    }
    let lines = pearl.line("teacher list").ok().stdout;
    assert!(
        lines.contains("own") && lines.contains("good") && lines.contains("TorchScript"),
        "{lines}"
    );

    // The imported copy teaches, though the file that it came from is gone.
    let search = SmallSearch { candidates: 1, ..SmallSearch::new(&pearl) }.with("--teacher good");
    let document = pearl.run(search.args(&pearl.path("run"))).ok().json();
    assert_eq!(document["candidates"][0]["status"], "done");
}

#[test]
fn a_student_is_trained_by_labels_and_by_a_teacher() {
    let pearl = Pearl::new();
    DataSet::default().write(&pearl.path("data"));
    let sampled = "arch sample --space mnas --input 1x28x28 --classes 4 --seed 5 -o s";
    let arch = pearl.line(sampled).ok().stdout.trim().to_owned();
    pearl.line(&format!("teacher train --network resnet-8 --data data --name tutor {SHORT}")).ok();
    for by in ["hard", "distillation --teacher tutor"] {
        let line = format!("train {arch} --data data --training-by {by} {SHORT} --out t --json");
        let document = pearl.line(&line).ok().json();
        assert_eq!(document["format"], "pearl.train/1");
        assert!((0.0..=1.0).contains(&document["accuracy"].as_f64().unwrap()), "{document}");
        let written: Value =
            serde_json::from_str(&fs::read_to_string(pearl.path("t/train.json")).unwrap()).unwrap();
        assert_eq!(written, document);
        pearl.line(&format!("export {arch} --weights t/model.safetensors -o again.onnx")).ok();
        // What training found is appended to what its weights give.
        let exported = fs::read(pearl.path("again.onnx")).unwrap();
        let student = fs::read(pearl.path("t/model.onnx")).unwrap();
        assert!(student.starts_with(&exported) && student.len() > exported.len(), "{by}");
        let tells = |words: &str| student.windows(words.len()).any(|at| at == words.as_bytes());
        assert!(tells("pearl.input.mean") && tells("pearl.accuracy.test"), "{by}");
        assert_eq!(tells("pearl.teacher.sha256"), by != "hard", "{by}");
    }
    let wrong = format!("--quiet train resnet-8 --data data --training-by hard {SHORT} --out u");
    let refused =
        pearl.line(&wrong).faults_of_refusal(3, &["resnet-8", "1000 classes", "1x28x28 and 4"]);
    assert_eq!(refused, [""; 0]);
}

#[test]
fn a_student_learns_what_is_to_be_learnt() {
    let pearl = Pearl::new();
    DataSet { classes: 3, train: 700, test: 100 }.write(&pearl.path("data"));
    let line = "train resnet-8 --input 1x28x28 --classes 3 --data data --training-by hard \
                --images 600 --holdout 100 --epochs 4 --batch 32 --no-flip --out t --json";
    let document = pearl.line(line).ok().json();
    assert!(document["accuracy"].as_f64().unwrap() > 0.9, "{document}");
}

#[test]
fn a_report_is_written_again_also_of_a_run_that_goes_on() {
    let pearl = Pearl::new();
    let search = SmallSearch { candidates: 2, ..SmallSearch::new(&pearl) };
    let run = pearl.path("run");
    let mut host = Running::start(&mut pearl.command(search.args(&run)));
    let database = pearl_tests::run_database::RunDatabase::of(&run);
    let first = || database.rewards().contains_key(&0).then_some(());
    host.until(pearl_tests::pearl::DEADLINE, first).unwrap();
    pearl.line("report run").ok();
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("<svg") && report.contains("steady"));
    let loads = ["src=\"http", "<link", "@import"].into_iter().find(|word| report.contains(word));
    assert_eq!(loads, None, "a report has to be one file");
    host.finish(pearl_tests::pearl::DEADLINE).ok();
    fs::remove_file(run.join("report.html")).unwrap();
    assert_eq!(pearl.line("report run").ok().stdout.trim(), "run/report.html");
    assert!(run.join("report.html").is_file());
    pearl.line("report run --picture front.svg").ok();
    assert!(fs::read_to_string(pearl.path("front.svg")).unwrap().starts_with("<svg"));
}
