//! Measuring from the command line: benches, comparisons, the history and the doctor.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;

use pearl_tests::pearl::Pearl;
use pearl_tests::python;
use pearl_tests::small_search::SmallSearch;
use rusqlite::Connection;
use serde_json::Value;

/// Devices whose latencies are a function of the file, and some that cannot be measured on.
fn devices(pearl: &Pearl) {
    let file = [
        python::steady_device("one", &[]),
        python::steady_device("two", &[]),
        python::steady_device("pinned", &[]) + "cpus = [0]\n",
        python::steady_device("rough", &["--rough"]),
        "[device.gone]\ntransport = \"local\"\nwrapper = [\"false\"]\n".to_owned(),
    ];
    pearl.write("devices.toml", file.concat());
}

/// Models of different lengths, so that the devices give them different latencies.
fn models(pearl: &Pearl) -> [u64; 3] {
    ["a", "b", "c"].map(|name| {
        let network = if name == "c" { "resnet-14" } else { "resnet-8" };
        let input = if name == "b" { "3x28x28" } else { "1x28x28" };
        let line = format!("export {network} --input {input} --classes 10 -o {name}.onnx");
        pearl.line(&line).ok();
        1_000_000 + fs::metadata(pearl.path(format!("{name}.onnx"))).unwrap().len() % 1_000_000
    })
}

fn rig() -> (Pearl, [u64; 3]) {
    let pearl = Pearl::new();
    devices(&pearl);
    let latencies = models(&pearl);
    (pearl, latencies)
}

fn results(document: &Value) -> Vec<(&str, &str, u64)> {
    let results = document["results"].as_array().unwrap().iter();
    results
        .map(|result| {
            let median = result["latency_ns"]["median"].as_u64().unwrap();
            let name = |of: &Value| -> &str { of.as_str().unwrap().to_owned().leak() };
            (name(&result["device"]["name"]), name(&result["model"]["path"]), median)
        })
        .collect()
}

#[test]
fn many_models_are_measured_on_many_devices_in_the_order_given() {
    let (pearl, [a, b, _]) = rig();
    let document = pearl.line("bench b.onnx a.onnx --device two --device one --json").ok().json();
    assert_eq!(
        results(&document),
        [("two", "b.onnx", b), ("two", "a.onnx", a), ("one", "b.onnx", b), ("one", "a.onnx", a)]
    );
    for result in document["results"].as_array().unwrap() {
        assert_eq!(result["verdict"], "stable", "{result}");
        assert_eq!((&result["threads"], &result["precision"]), (&1.into(), &"f32".into()));
        assert_eq!(result["n_clean_launches"], result["n_launches"]);
        assert!(result["n_launches"].as_u64().unwrap() >= 6);
        for field in ["load_ns", "optimise_ns", "peak_memory_bytes", "history"] {
            assert!(result[field].as_u64().unwrap() > 0, "{field}: {result}");
        }
        assert!(result["stability_score"].as_f64().unwrap() > 99.0, "{result}");
        let detail = &result["device"]["detail"];
        assert!(detail["wrapper"].as_array().unwrap().len() >= 2, "{result}");
        assert!(detail["kernel"].is_string(), "{result}");
        // Never zero where it cannot be known.
        assert_ne!(result["energy_per_inference_uj"], 0, "{result}");
    }
    let devices = document["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    for device in devices {
        assert!(device["utilisation"].as_f64().unwrap() > 0.0, "{device}");
        assert!(device["traffic"]["round_trips"].as_u64().unwrap() >= 12, "{device}");
        assert!(device["traffic"]["bytes_received"].as_u64().unwrap() > 1000, "{device}");
    }
}

#[test]
fn a_lost_device_does_not_stop_the_others() {
    let (pearl, [a, ..]) = rig();
    let ended = pearl.line("--quiet bench a.onnx --device gone --device one --json");
    assert_eq!(ended.code(), Some(4), "{ended:#?}");
    assert!(ended.stderr.contains("'gone'") && ended.stderr.lines().count() == 1, "{ended:#?}");
    let document = ended.json();
    assert_eq!(results(&document), [("one", "a.onnx", a)]);
    let errors = document["errors"].as_array().unwrap();
    assert!(errors.len() == 1 && errors[0].as_str().unwrap().contains("a.onnx"), "{errors:?}");
}

#[test]
fn devices_of_one_fingerprint_share_models_and_a_lost_one_leaves_its_to_the_others() {
    let (pearl, [a, b, c]) = rig();
    let line = "--quiet bench a.onnx b.onnx c.onnx --share --json --device one";
    let document = pearl.line(&format!("{line} --device two")).ok().json();
    let mut medians: Vec<_> = results(&document).iter().map(|(_, path, ns)| (*path, *ns)).collect();
    medians.sort_unstable();
    assert_eq!(medians, [("a.onnx", a), ("b.onnx", b), ("c.onnx", c)]);

    let lost = pearl.line(&format!("{line} --device gone"));
    assert_eq!(lost.code(), Some(4), "{lost:#?}");
    assert_eq!(results(&lost.json()).len(), 3);

    let unlike = pearl.line(&format!("{line} --device pinned"));
    assert_eq!(unlike.code(), Some(2), "{unlike:#?}");
    assert!(unlike.stderr.contains("cpus"), "{unlike:#?}");
    assert_eq!(results(&unlike.json()).len(), 3);
}

#[test]
fn a_bench_is_written_for_spreadsheets_and_documents_too() {
    let (pearl, [a, ..]) = rig();
    fs::copy(pearl.path("a.onnx"), pearl.path("odd, \"one\"|.onnx")).unwrap();
    let run = |format: &str| {
        let args = ["bench", "a.onnx", "odd, \"one\"|.onnx", "--device", "one", "--format", format];
        pearl.run(args).ok().stdout
    };
    let csv = run("csv");
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("model,sha256,device,"), "{csv}");
    assert!(lines[1].starts_with("a.onnx,") && lines[1].contains(&format!(",{a},")), "{csv}");
    assert!(lines[2].starts_with("\"odd, \"\"one\"\"|.onnx\","), "{csv}");
    assert!(
        lines[0].ends_with(",peak_memory_bytes,arithmetic,first_inference_ns,verdict,history"),
        "{csv}"
    );
    let (rest, number) = lines[1].rsplit_once(',').unwrap();
    assert!(rest.ends_with(",stable") && number.parse::<u32>().is_ok(), "{csv}");
    let first = rest.rsplit(',').nth(1).unwrap();
    assert!(first.parse::<u64>().unwrap() > 0, "no first inference: {csv}");
    let rough = pearl.line("bench a.onnx b.onnx --device rough --device one --format csv");
    assert_eq!(rough.code(), Some(5), "{rough:#?}");
    assert!(rough.stderr.contains("a.onnx on rough: "), "{rough:#?}");
    let markdown = run("markdown");
    assert!(markdown.lines().all(|line| line.starts_with('|')), "{markdown}");
    assert!(markdown.contains("odd, \"one\"\\|.onnx"), "{markdown}");
    let document: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(document["format"], "pearl.bench/1");
    for result in document["results"].as_array().unwrap() {
        for time in ["load_ns", "optimise_ns", "first_inference_ns"] {
            assert!(result[time].as_u64().unwrap() > 0, "{time}: {result}");
        }
    }
    let table = run("table");
    let header = table.lines().next().unwrap();
    assert!(header.contains("load") && header.contains("first inference"), "{table}");
}

#[test]
fn a_name_that_steers_terminals_is_shown_without_its_effect_and_kept_in_documents() {
    let (pearl, _) = rig();
    let name = "red\u{1b}[31m\u{202e}.onnx";
    fs::copy(pearl.path("a.onnx"), pearl.path(name)).unwrap();
    let table = pearl.run(["bench", name, "--device", "one"]).ok();
    let missing = pearl.run(["bench", "no\u{7}.onnx", "--device", "one"]);
    let history = pearl.line("history list").ok();
    for text in [&table.stdout, &table.stderr, &missing.stderr, &history.stdout] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{text:?}");
    }
    assert!(table.stdout.contains("red\u{fffd}[31m\u{fffd}.onnx"), "{}", table.stdout);
    let listed = pearl.line("history list --json").ok().json();
    assert!(listed.to_string().contains("\u{202e}"), "{listed}");
}

#[test]
fn a_sustained_run_tells_its_curve_and_where_it_ends() {
    let (pearl, [a, ..]) = rig();
    let line = "bench a.onnx --device one --sustained 2s";
    let document = pearl.line(&format!("{line} --json")).ok().json();
    let result = &document["results"][0];
    let sustained = &result["sustained"];
    assert!(sustained["curve"].as_array().unwrap().len() >= 18, "{sustained}");
    assert_eq!(sustained["steady"]["point"], a);
    assert_eq!(result["latency_ns"]["median"], a);
    assert_eq!(sustained["time_to_throttle_ns"], Value::Null);
    let told = pearl.line(line).ok().stdout;
    assert!(told.contains("did not throttle") && told.contains('▁'), "{told}");
}

#[test]
fn contention_is_told_and_labelled() {
    let (pearl, _) = rig();
    let doubted = pearl.line("--quiet bench a.onnx --device rough --json");
    assert_eq!(doubted.code(), Some(5), "{doubted:#?}");
    let document = doubted.json();
    let result = &document["results"][0];
    assert_eq!((&result["verdict"], &result["contended"]), (&"contended".into(), &true.into()));
    assert_eq!(result["n_contended_launches"], result["n_launches"]);
    assert!(doubted.stderr.contains("contended: ") && doubted.stderr.contains("stop what else"));
    let told = pearl.line("bench a.onnx --device rough").stderr;
    assert_eq!(told.matches("had to share").count(), 1, "{told}");
    let document = pearl.line("bench a.onnx --device rough --format markdown").stdout;
    assert!(document.contains("\n- a.onnx: contended: "), "{document}");
}

#[test]
fn two_models_are_compared_by_turns() {
    let (pearl, [a, _, c]) = rig();
    assert!(a.abs_diff(c) > 50_000, "too much alike to tell apart");
    let document = pearl.line("compare a.onnx c.onnx --device one --json").ok().json();
    assert_eq!(document["format"], "pearl.compare/1");
    let ratio = &document["comparison"]["ratio"];
    let [point, lo, hi] = ["point", "lo", "hi"].map(|field| ratio[field].as_f64().unwrap());
    assert!((point - c as f64 / a as f64).abs() < 1e-9 && lo <= point && point <= hi, "{ratio}");
    assert!(ratio["n"].as_u64().unwrap() >= 10, "{ratio}");
    let outcome = if c > a { "slower" } else { "faster" };
    assert_eq!(document["comparison"]["outcome"], outcome);
    assert_eq!(document["believed"], true);
    // The numbers beside the ratio are of the same launches.
    for (side, expected) in document["sides"].as_array().unwrap().iter().zip([a, c]) {
        assert_eq!(side["in_pairs"]["n_launches"], ratio["n"], "{side}");
        for of in ["latency_ns", "compensated_ns"] {
            let point = side["in_pairs"][of]["point"].as_u64().unwrap();
            assert!(point.abs_diff(expected) <= 1, "{of}: {side}");
        }
    }

    let same = pearl.line("compare a.onnx a.onnx --device one --threshold 1%").ok().stdout;
    assert!(same.contains("no difference above 1.00 %"), "{same}");
    let rough = pearl.line("--quiet compare a.onnx b.onnx --device rough --json");
    assert_eq!(rough.code(), Some(5), "{rough:#?}");
    assert_eq!((&rough.json()["believed"], rough.stderr.lines().count()), (&false.into(), 1));
}

#[test]
fn measurements_are_kept_listed_shown_and_compared() {
    let (pearl, [a, ..]) = rig();
    assert!(pearl.line("history list").ok().stdout.contains("no measurements yet"));
    pearl.line("bench a.onnx --device one --no-history").ok();
    pearl.line("bench a.onnx b.onnx --device one").ok();
    pearl.line("bench a.onnx --device two --threads 2").ok();
    let listed = pearl.line("history list --json").ok().json();
    let ids: Vec<_> =
        listed["measurements"].as_array().unwrap().iter().map(|kept| &kept["id"]).collect();
    assert_eq!(ids, [1, 2, 3]);
    let of_a = pearl.line("history list --model a.onnx --json").ok().json();
    assert_eq!(of_a["measurements"].as_array().unwrap().len(), 2);
    assert_eq!(of_a["measurements"][0]["engine"]["name"], "tract");
    assert!(pearl.line("history list").ok().stdout.contains("tract 0."));
    let of_c = pearl.line("history list --model c.onnx").ok().stdout;
    assert!(of_c.contains("no measurement of c.onnx"), "{of_c}");
    let table = pearl.line("history show 3").ok().stdout;
    assert!(table.contains("a.onnx on two") && table.lines().count() > 6, "{table}");
    let shown = pearl.line("history show 3 --json").ok().json();
    assert_eq!(shown["result"]["latency_ns"]["median"], a);
    let samples = shown["launches"][0]["report"]["samples_ns"].as_array().unwrap();
    assert_eq!(samples.len(), 60);

    let apart = pearl.run(["compare", "#1", "#2", "--json"]).ok().json();
    let of_one: Vec<_> = listed["measurements"].as_array().unwrap()[..2]
        .iter()
        .map(|kept| kept["latency_ns"]["median"].as_f64().unwrap())
        .collect();
    let ratio = apart["comparison"]["ratio"]["point"].as_f64().unwrap();
    assert!((ratio - of_one[1] / of_one[0]).abs() < 1e-9, "{ratio} of {of_one:?}");
    // These devices' sentinels are always the same: there is nothing to take out.
    let compensated = apart["comparison_compensated"]["ratio"]["point"].as_f64().unwrap();
    assert!((compensated - ratio).abs() < 1e-6, "{compensated} of {ratio}");
    let compensated = shown["result"]["compensated"]["latency_ns"]["point"].as_u64().unwrap();
    assert!(compensated.abs_diff(a) <= 1, "{compensated} of {a}");
    assert!(table.contains("compensated to the speed of this session"), "{table}");

    let unlike = pearl.line("--quiet compare 1 3");
    assert_eq!(unlike.faults_of_refusal(2, &["threads: 1, 2", "--across"]), [""; 0]);
    let across = pearl.line("compare 1 3 --across").ok().stdout;
    assert!(
        across.contains("B/A = ") && !across.contains("compensated for the slowdown"),
        "{across}"
    );
    let alike = pearl.line("compare 1 2").ok().stdout;
    assert!(alike.contains("compensated for the slowdown"), "{alike}");
    let itself = pearl.run(["--quiet", "compare", "#2", "2"]);
    assert_eq!(itself.faults_of_refusal(2, &["#2", "named twice"]), [""; 0]);
    let fresh = pearl.line("compare 1 a.onnx --device one").ok().stdout;
    assert!(fresh.contains(&a.to_string()[..1]) && fresh.contains("B/A = "), "{fresh}");
    let absent = pearl.line("--quiet compare 1 99");
    assert_eq!(absent.faults_of_refusal(3, &["#99", "history list"]), [""; 0]);
}

#[test]
fn who_else_uses_the_machine_is_named_before_anything_is_measured() {
    let (pearl, _) = rig();
    // A name of its own, so that no other process is meant.
    let shell = fs::canonicalize("/bin/sh").unwrap();
    fs::copy(shell, pearl.path("neighbour")).unwrap();
    let neighbour = std::process::Command::new(pearl.path("neighbour"))
        .args(["-c", "while :; do :; done"])
        .spawn()
        .unwrap();
    let neighbour = Ended(neighbour);
    let told = format!("neighbour (process {})", neighbour.0.id());
    let bench = pearl.line("bench a.onnx --device one --json").ok();
    assert!(bench.stderr.contains(&told) && bench.stderr.contains("--quiet-wait"), "{bench:#?}");
    let others = bench.json()["devices"][0]["others"].clone();
    assert!(others.as_str().unwrap().contains(&told), "{others}");
    let waited = pearl.line("bench a.onnx --device one --quiet-wait 1s").ok();
    assert!(waited.stderr.contains("waiting for them"), "{waited:#?}");
    let findings = pearl.line("devices check one").ok().stdout;
    assert!(findings.contains("warning   others") && findings.contains(&told), "{findings}");
    drop(neighbour);
}

struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn latencies_are_compensated_to_what_is_known_of_the_device_and_say_what_other_sessions_gave() {
    let (pearl, [a, ..]) = rig();
    let first = pearl.line("bench a.onnx --device one --json").ok().json();
    assert_eq!(first["results"][0]["usual_from"], "session");
    let found = pearl.line("devices characterise one --for 1s --json").ok().json();
    assert_eq!(found["format"], "pearl.devices-characterise/1");
    assert_eq!(found["usual_sentinel"]["network_ns"], 900_000);
    assert_eq!(found["device"]["fingerprint"], first["results"][0]["device"]["fingerprint"]);
    for _ in 0..4 {
        pearl.line("bench a.onnx --device one").ok();
    }
    let last = pearl.line("bench a.onnx --device one --json").ok().json();
    let result = &last["results"][0];
    assert_eq!(result["usual_from"], "device");
    let reproducibility = &result["reproducibility"];
    assert_eq!(reproducibility["sessions"], 6, "{result}");
    assert!(reproducibility["half_width"].as_f64().unwrap() < 1e-6, "{result}");
    assert!(reproducibility["lo_ns"].as_u64().unwrap().abs_diff(a) <= 1, "{result}");
    assert!(pearl.line("bench a.onnx --device one").ok().stdout.contains("±0.0 % (7)"));
    let wrong = pearl.line("devices characterise one --for never");
    assert_eq!(wrong.code(), Some(2), "{wrong:#?}");
}

#[test]
fn a_history_of_a_newer_format_is_refused_and_not_touched() {
    let (pearl, _) = rig();
    pearl.line("bench a.onnx --device one").ok();
    let file = pearl.home().join("history.db");
    let db = Connection::open(&file).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = fs::read(&file).unwrap();
    for line in ["bench a.onnx --device one", "history list", "compare 1 2"] {
        let refused = pearl.line(&format!("--quiet {line}"));
        assert_eq!(refused.faults_of_refusal(2, &["history format 99", "history.db"]), [""; 0]);
    }
    assert_eq!(fs::read(&file).unwrap(), before);
    pearl.line("bench a.onnx --device one --no-history").ok();
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let (pearl, _) = rig();
    for (line, words) in [
        ("bench a.onnx --target 0%", &["percentage"][..]),
        ("bench a.onnx --launches 3", &["launches"]),
        ("bench a.onnx --threads 0", &["threads"]),
        ("bench a.onnx --precision f8", &["f8"]),
        ("bench a.onnx --format yaml", &["yaml"]),
        ("bench a.onnx --json --format csv", &["format"]),
        ("bench a.onnx --sustained soon", &["soon"]),
        ("bench a.onnx --sustained 900ms", &["900ms", "at least 1s"]),
        ("compare 1 2 --device one", &["kept", "--device"]),
        ("compare #1 2 --precision f16", &["kept", "--precision"]),
        ("bench a.onnx --device one --device one", &["twice"]),
        ("history list -n 0", &["0"]),
        ("compare a.onnx", &["B"]),
        ("compare a.onnx b.onnx --threshold 3", &["percentage"]),
        ("history show x", &["'x'"]),
    ] {
        let refused = pearl.line(line);
        assert_eq!(refused.code(), Some(2), "{line}: {refused:#?}");
        assert!(words.iter().all(|word| refused.stderr.contains(word)), "{line}: {refused:#?}");
    }
}

#[test]
fn the_doctor_has_evidence_for_everything_and_says_what_stops_a_device() {
    let (pearl, _) = rig();
    let document = pearl.line("devices check one --json").ok().json();
    assert_eq!(document["format"], "pearl.devices-check/1");
    let findings = document["devices"][0]["findings"].as_array().unwrap();
    for about in [
        "reachability",
        "agent",
        "lease",
        "system",
        "clock rates",
        "temperature",
        "load",
        "others",
        "sentinel",
    ] {
        let finding = findings.iter().find(|finding| finding["about"] == about);
        let finding = finding.unwrap_or_else(|| panic!("nothing about {about}: {document}"));
        assert!(!finding["evidence"].as_str().unwrap().is_empty(), "{finding}");
        assert_eq!(finding["level"] == "ok", finding["advice"].is_null(), "{finding}");
    }
    let all = pearl.line("--quiet devices check");
    assert_eq!(all.code(), Some(4), "{all:#?}");
    assert!(all.stderr.contains("'gone'") && !all.stderr.contains("'one'"), "{all:#?}");
    assert!(all.stdout.contains("obstacle  reachability"), "{all:#?}");
    pearl.write("far.toml", "[device.far]\ntransport = \"local\"\ncpus = [999]\n");
    let far = pearl.line("--quiet devices check far --devices far.toml");
    assert_eq!(far.code(), Some(4), "{far:#?}");
    assert!(far.stdout.contains("obstacle  cores") && far.stdout.contains("`cpus`"), "{far:#?}");
}

#[test]
fn a_search_can_be_rewarded_with_what_is_left_of_a_hot_device() {
    let pearl = Pearl::new();
    let search = SmallSearch { candidates: 1, ..SmallSearch::new(&pearl) };
    let sustained = search.clone().with("--sustained 1s");
    let run = pearl.path("run");
    let document = pearl.run(sustained.args(&run)).ok().json();
    assert_eq!(document["candidates"][0]["status"], "done");
    assert!(document["candidates"][0]["latency_ns"].as_u64().unwrap() > 1_000_000);
    let other = pearl.run(search.with("--sustained 2s").args(&run));
    assert_eq!(other.faults_of_refusal(2, &["sustained: 1"]), [""; 0]);
}

/// The document with all its latencies multiplied.
fn scaled(mut document: Value, by: f64) -> Value {
    let scale = |value: &mut Value| *value = ((value.as_f64().unwrap() * by) as u64).into();
    for result in document["results"].as_array_mut().unwrap() {
        let timed = &mut result["latency_ns"];
        scale(&mut timed["median"]);
        timed["ci95"].as_array_mut().unwrap().iter_mut().for_each(scale);
        for end in ["point", "lo", "hi"] {
            scale(&mut result["compensated"]["latency_ns"][end]);
        }
    }
    document
}

#[test]
fn a_model_that_is_slower_than_its_baseline_allows_ends_with_1() {
    let (pearl, _) = rig();
    let now = pearl.line("bench a.onnx b.onnx --device one --json").ok().json();
    pearl.write("now.json", now.to_string());
    pearl.write("faster.json", scaled(now.clone(), 0.9).to_string());
    let compare = |line: &str| pearl.line(&format!("--quiet compare {line} --json"));
    let slower = compare("now.json --baseline faster.json --slower-than 5%");
    assert_eq!(slower.code(), Some(1), "{slower:#?}");
    assert!(slower.stderr.contains("slower by more than 5.00 %: a.onnx on one"), "{slower:#?}");
    let document = slower.json();
    assert_eq!(document["format"], "pearl.compare-baseline/1");
    for one in document["comparisons"].as_array().unwrap() {
        assert_eq!(
            (&one["of"], &one["slower_than_allowed"]),
            (&"compensated".into(), &true.into())
        );
        let ratio = one["comparison"]["ratio"]["point"].as_f64().unwrap();
        assert!((ratio - 1.0 / 0.9).abs() < 1e-3, "{one}");
    }
    compare("now.json --baseline faster.json --slower-than 20%").ok();
    compare("a.onnx --baseline now.json --device one --slower-than 5%").ok();
    // Another fingerprint is refused unless asked for.
    let other = compare("a.onnx --baseline now.json --device pinned");
    assert_eq!(other.faults_of_refusal(2, &["now.json", "'a.onnx'", "--across"]), [""; 0]);
    let across = compare("a.onnx --baseline now.json --device pinned --across").ok().json();
    assert_eq!(across["comparisons"][0]["of"], "as_timed");

    pearl.write("empty.json", "{}");
    pearl.write("later.json", now.to_string().replace("pearl.bench/1", "pearl.bench/2"));
    for (line, code, words) in [
        (
            "c.onnx --baseline now.json --device one",
            2,
            &["now.json", "'c.onnx'", "a.onnx, b.onnx"][..],
        ),
        ("a.onnx --baseline empty.json", 3, &["empty.json"]),
        ("a.onnx --baseline later.json", 3, &["later.json", "pearl.bench/2"]),
        ("a.onnx --baseline absent.json", 3, &["absent.json: no such file"]),
        ("now.json --baseline now.json --threads 2", 2, &["now.json"]),
        ("3 --baseline now.json", 2, &["number"]),
    ] {
        assert_eq!(compare(line).faults_of_refusal(code, words), [""; 0], "{line}");
    }
}
