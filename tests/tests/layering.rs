//! The invariants of the design that a compiler does not check.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use pearl_tests::programs::checkout;
use serde_json::Value;

const LONGEST_FILE: usize = 500;

#[test]
fn no_crate_depends_on_what_its_layer_forbids() {
    let torch = ["tch", "torch-sys"];
    let tract = ["tract-onnx", "tract-core", "tract-linalg"];
    let database = ["rusqlite", "libsqlite3-sys"];
    let ssh = ["ssh2", "libssh2-sys"];
    let runtimes = [&torch[..], &tract, &database, &ssh, &["tokio", "axum", "reqwest"]].concat();
    let own = |names: &[&'static str]| names.to_vec();
    for (package, features, forbidden) in [
        (
            "pearl-models",
            "",
            [runtimes.clone(), own(&["pearl", "pearl-agent", "pearl-calibration"])],
        ),
        ("pearl-calibration", "", [runtimes.clone(), own(&["pearl", "pearl-agent"])]),
        ("pearl-agent", "--no-default-features", [runtimes.clone(), own(&["pearl-models"])]),
        (
            "pearl-agent",
            "--features=engine",
            [
                [&torch[..], &database, &ssh].concat(),
                own(&["pearl", "pearl-models", "pearl-calibration"]),
            ],
        ),
        ("pearl", "", [[&torch[..], &tract].concat(), own(&["pearl-worker"])]),
        ("pearl-worker", "", [tract.to_vec(), vec![]]),
        ("pearl-tests", "", [[&torch[..], &tract, &ssh].concat(), vec![]]),
    ] {
        let tree = dependencies(package, features);
        let found: Vec<_> =
            forbidden.concat().into_iter().filter(|name| tree.contains(*name)).collect();
        assert!(found.is_empty(), "{package} {features} depends on {found:?}");
    }
    let whole = dependencies("pearl-worker", "");
    assert!(whole.contains("tch"), "the list of dependencies is not what it should be: {whole:?}");
}

#[test]
fn nothing_depends_on_the_end_to_end_tests() {
    let output = cargo(&["metadata", "--format-version=1", "--no-deps", "--offline", "--locked"]);
    let metadata: Value = serde_json::from_str(&output).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let mut names: Vec<_> =
        packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    let expected = [
        "pearl",
        "pearl-agent",
        "pearl-calibration",
        "pearl-models",
        "pearl-tests",
        "pearl-worker",
    ];
    assert_eq!(names, expected);
    for package in packages {
        let on_tests = package["dependencies"].as_array().unwrap().iter();
        let on_tests = on_tests.filter(|dependency| dependency["name"] == "pearl-tests");
        assert_eq!(on_tests.count(), 0, "{}", package["name"]);
    }
}

/// Words, where they may stand, and where they do stand (or this test looks for the wrong words).
#[test]
fn every_outside_library_is_known_to_its_own_module_alone() {
    for (words, home) in [
        (&["tch::"][..], &["host/worker/src"][..]),
        (&["rusqlite::"], &["host/src/store"]),
        (&["tract_onnx::", "tract_linalg::"], &["device-agent/src/engine"]),
        (&["ssh2::", "rpassword::"], &["host/src/device/transport/ssh"]),
        (&["use ort::", " ort::"], &["host/src/measure/onnxruntime.rs"]),
        (&["PEARL_ADB"], &["host/src/device/transport/adb.rs"]),
    ] {
        let users = files_with(&["host", "device-agent", "models", "calibration"], words);
        let strays: Vec<_> =
            users.iter().filter(|file| !home.iter().any(|home| file.starts_with(home))).collect();
        assert!(strays.is_empty(), "{words:?} belongs to {home:?}, and stands in {strays:?}");
        for home in home {
            assert!(users.iter().any(|file| file.starts_with(home)), "no {words:?} in {home}");
        }
    }
}

#[test]
fn models_and_calibration_touch_no_file_no_clock_and_no_process() {
    let outside = [
        "std::fs",
        "fs_err",
        "std::time",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
        "Instant::now",
        "SystemTime",
        "File::open",
        "println!",
        "eprintln!",
    ];
    let users = files_with(&["models/src", "calibration/src"], &outside);
    assert!(users.is_empty(), "{users:?} reach outside");
    assert!(!files_with(&["host/src"], &outside).is_empty(), "the words are the wrong ones");
}

/// `println!` and its kin panic where the stream is full or its reader is gone.
#[test]
fn nothing_is_printed_in_a_way_that_can_panic() {
    // Written apart, so that this file does not find itself.
    let macros = ["print", "println", "eprint", "eprintln"].map(|name| format!("{name}!("));
    let macros: Vec<_> = macros.iter().map(String::as_str).collect();
    let found = files_with(&["host/src", "host/worker/src", "device-agent/src"], &macros);
    assert_eq!(found, [Path::new("host/worker/src/on_cuda.rs")]);
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    let long: Vec<_> = sources(&["host", "device-agent", "models", "calibration", "tests"])
        .into_iter()
        .map(|file| {
            (std::fs::read_to_string(checkout().join(&file)).unwrap().lines().count(), file)
        })
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines: {long:?}");
}

#[test]
fn no_file_is_named_after_nothing_in_particular() {
    let vague = ["utils", "util", "helpers", "helper", "common", "misc", "base", "imp"];
    let files = sources(&["host", "device-agent", "models", "calibration", "tests"]);
    let found: Vec<_> = files
        .iter()
        .filter(|file| {
            file.iter()
                .any(|part| vague.contains(&Path::new(part).file_stem().unwrap().to_str().unwrap()))
        })
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn no_test_is_switched_off_but_where_it_needs_a_cuda_device_and_no_work_left_open() {
    // Written apart, so that this file does not find itself.
    let marks = [["#[", "ignore"], ["to", "do!("], ["unimple", "mented!("], ["db", "g!("]]
        .map(|m| m.concat());
    let marks: Vec<_> = marks.iter().map(String::as_str).collect();
    let folders = ["host", "device-agent", "models", "calibration", "tests"];
    let found = files_with(&folders, &marks);
    let on_cuda = Path::new("host/worker/src/on_cuda.rs");
    assert_eq!(found, [on_cuda]);
    assert!(files_with(&folders, &marks[1..]).is_empty());
    let text = std::fs::read_to_string(checkout().join(on_cuda)).unwrap();
    let reasoned = text.matches(&format!(r#"{} = "needs a CUDA device"]"#, marks[0])).count();
    assert_eq!(reasoned, text.matches(marks[0]).count());
}

#[test]
fn the_top_of_the_checkout_holds_the_crates_and_what_tools_need() {
    let output = Command::new("git").arg("ls-files").current_dir(checkout()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let top: BTreeSet<_> = listed.lines().filter_map(|path| path.split('/').next()).collect();
    let allowed = [
        ".cargo",
        ".ci",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "Makefile",
        "README.md",
        "calibration",
        "device-agent",
        "docs",
        "findings",
        "host",
        "mkdocs.yml",
        "models",
        "rustfmt.toml",
        "tests",
    ];
    let strays: Vec<_> = top.iter().filter(|name| !allowed.contains(name)).collect();
    assert!(strays.is_empty(), "{strays:?}");
    assert!(top.contains("Cargo.toml"), "git lists {top:?}");
}

fn dependencies(package: &str, features: &str) -> BTreeSet<String> {
    let mut args = vec!["tree", "--offline", "--locked", "-p", package, "-e", "normal"];
    args.extend(["--prefix", "none", "--format", "{p}"]);
    args.extend(Some(features).filter(|features| !features.is_empty()));
    let output = cargo(&args);
    let names = output.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != package).map(str::to_owned).collect()
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(args).current_dir(checkout()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Rust files, as paths in the checkout, that have one of `words` outside line comments.
fn files_with(folders: &[&str], words: &[&str]) -> Vec<PathBuf> {
    let has = |file: &PathBuf| {
        let text = std::fs::read_to_string(checkout().join(file)).unwrap();
        let mut code = text.lines().map(|line| line.split("//").next().unwrap());
        code.any(|line| words.iter().any(|word| has_word(line, word)))
    };
    let mut files = sources(folders);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs") && has(file));
    files
}

/// Not as the end of a longer name: `batch::` is no `tch::`.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        let whole = checkout().join(&path);
        if whole.is_dir() {
            let entries = std::fs::read_dir(whole).unwrap();
            open.extend(entries.map(|entry| path.join(entry.unwrap().file_name())));
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            files.push(path);
        }
    }
    assert!(!files.is_empty(), "no sources in {folders:?}");
    files.sort();
    files
}
