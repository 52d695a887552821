//! What the README tells people to type does what it says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::Command;

use pearl_tests::pearl::{DEADLINE, Pearl};
use pearl_tests::programs::checkout;
use pearl_tests::python;
use pearl_tests::running::Running;
use pearl_tests::small_search::SmallSearch;
use serde_json::Value;

/// After the README's lines: the share of test images that they classify, and what the file says of itself.
const JUDGE: &str = r#"
def numbers(name, header):
    return numpy.fromfile("data/" + name, "uint8", offset=header)

labels = numbers("t10k-labels-idx1-ubyte", 8)
images = numbers("t10k-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
names = ["highest", "high", "low", "lowest"]
right = sum(classify(image) == names[label] for image, label in zip(images, labels))
print(json.dumps({"accuracy": right / len(labels), "images": len(images), "about": dict(about)}))
"#;

#[test]
fn the_lines_that_use_a_student_on_a_raw_image_reach_the_accuracy_that_was_printed() {
    let readme = std::fs::read_to_string(checkout().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```python\n").unwrap();
    let (snippet, _) = rest.split_once("```").unwrap();
    for (option, range) in [("", "normalised"), ("--raw-input", "0..255")] {
        let pearl = Pearl::new();
        let search = SmallSearch { candidates: 2, final_epochs: 2, ..SmallSearch::new(&pearl) };
        pearl.write("data/classes.txt", "highest\nhigh\nlow\nlowest\n");
        let run = pearl.path("runs/first");
        let document = pearl.run(search.with(option).args(&run)).ok().json();
        let mut python = Command::new(python::program());
        let script = format!("{snippet}{JUDGE}");
        let output = Running::start(python.args(["-c", &script]).current_dir(pearl.path("")));
        let stdout = output.finish(DEADLINE).ok().stdout;
        let judged: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
        assert_eq!(judged["images"], 100);
        let best = &document["best"];
        assert_eq!(judged["accuracy"], best["accuracy"], "{range}");

        let about = &judged["about"];
        let known = |key: &str| about[key].as_str().unwrap_or_else(|| panic!("no {key}: {about}"));
        assert_eq!(known("pearl.input.range"), range);
        assert_eq!(known("pearl.run"), "first");
        assert_eq!(known("pearl.data.name"), "data");
        assert_eq!(known("pearl.latency.device"), "steady");
        assert_eq!(known("pearl.arch_id"), best["arch_id"].as_str().unwrap());
        let accuracy: f64 = known("pearl.accuracy.test").parse().unwrap();
        assert_eq!(accuracy, best["accuracy"].as_f64().unwrap());
        assert_eq!(known("pearl.latency.ns"), best["latency_ns"].to_string());
        assert!(known("pearl.latency.engine").starts_with("tract "), "{about}");
        assert_eq!(known("pearl.data.sha256").len(), 64);
        assert!(about["pearl.teacher.name"].is_null(), "{about}");
    }
}
