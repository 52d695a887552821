//! `pearl compare`: which of two models is slower, and by how much.

use std::path::{Path, PathBuf};

use clap::Args;
use pearl_calibration::{Comparison, Estimate, Outcome, Sentinel, Verdict, compare_apart};
use serde::Serialize;
use serde_json::{Value, json};

use super::baseline::{self, Asked, Now};
use super::input_args::InputArgs;
use super::measuring::{MeasuringArgs, percent};
use crate::device::agent_client::Agent;
use crate::device::registry::Devices;
use crate::measure::past_sessions;
use crate::measure::{
    InPairs, Measurement, Session, Settings, Step, UsualSpeeds, changes, comparison_json,
    inputs_text, model_file_with, result_json,
};
use crate::output::duration::ms_with_interval;
use crate::output::error_class::{Classified, Classify, ErrorClass, Several, both_of};
use crate::output::sanitise::for_terminal;
use crate::output::terminal::Terminal;
use crate::output::terminal::{Waiting, disturbed, print_json, print_line};

/// Compare two models on one device, or two kept measurements
///
/// Two files are measured by turns, so that what slows the device slows both and cancels. A kept
/// measurement is named by its number in `pearl history list`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl compare old.onnx new.onnx --device phone\n  pearl compare 12 15\n  pearl compare 12 new.onnx --threshold 1%\n  pearl compare new.onnx --baseline results.json --slower-than 5%"
)]
pub struct CompareArgs {
    /// Model file, or number of a kept measurement; with --baseline also a document of `pearl bench --json`
    #[arg(value_name = "A")]
    first: String,
    /// Model file, or number of a kept measurement, to compare with A
    #[arg(value_name = "B", required_unless_present = "baseline", conflicts_with = "baseline")]
    second: Option<String>,
    /// Compare A with the results in this document of `pearl bench --json`, of another day or machine
    #[arg(long, value_name = "RESULTS.json")]
    baseline: Option<PathBuf>,
    /// Exit with 1 if a model is slower than in the baseline by more than this share
    #[arg(long, value_name = "PERCENT", requires = "baseline", value_parser = percent)]
    slower_than: Option<f64>,
    /// Device to measure on [default: local]
    #[arg(long, value_name = "DEV")]
    device: Option<String>,
    /// Smallest difference of interest; the outcome may be that there is no larger one
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    threshold: f64,
    /// Compare even if the two measurements have different fingerprints
    #[arg(long)]
    across: bool,
    /// Exit with 0 even if a verdict says not to believe a number
    #[arg(long)]
    accept_unstable: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    measuring: MeasuringArgs,
}

impl CompareArgs {
    fn device(&self) -> &str {
        self.device.as_deref().unwrap_or("local")
    }

    /// The second side; there is one where there is no baseline.
    fn second(&self) -> &str {
        self.second.as_deref().unwrap_or_default()
    }

    fn says_how(&self) -> bool {
        self.device.is_some() || self.measuring.says_how() || self.inputs.any()
    }
}

/// Two measurements, and the comparison of the second with the first.
struct Compared {
    /// Decides the outcome: by turns the comparison of the compensated latencies, apart of the latencies as
    /// they were timed.
    comparison: Comparison,
    /// By turns: the comparison of the latencies as they were timed.
    as_timed: Option<Comparison>,
    /// The comparison of the compensated latencies; only for sides measured apart under one fingerprint.
    compensated: Option<Comparison>,
    sides: [Measurement; 2],
    /// By turns: what the sides took in the launches that are compared.
    in_pairs: Option<[InPairs; 2]>,
    /// Numbers in the history, if the measurements were kept.
    numbers: [Option<i64>; 2],
    /// Why measurements could not be kept.
    unkept: Vec<anyhow::Error>,
    doubts: Vec<String>,
    remarks: Vec<String>,
    how: How,
}

/// How the two sides were measured.
#[derive(Clone, Copy, Serialize)]
enum How {
    #[serde(rename = "by turns")]
    ByTurns,
    #[serde(rename = "apart")]
    Apart,
}

pub fn run(args: CompareArgs, terminal: &Terminal) -> anyhow::Result<()> {
    if let Some(file) = &args.baseline {
        return with_baseline(&args, file, terminal);
    }
    let compared = match [args.first.as_str(), args.second()].map(past_sessions::number) {
        [None, None] => by_turns(&args, terminal)?,
        [Some(first), Some(second)] if first == second => {
            return Err(Classified::usage(format_args!(
                "#{first} was named twice: name two measurements, or name the model's file twice to \
                 measure it against itself"
            ))
            .into());
        }
        [Some(_), Some(_)] if args.says_how() => {
            return Err(Classified::usage(format_args!(
                "{} and {} are kept measurements, so nothing is measured: leave out --device, --threads, \
                 --precision, --input, --dim, --input-value and --random-weights, or name the models' files",
                args.first,
                args.second()
            ))
            .into());
        }
        numbers => apart(&args, numbers, terminal)?,
    };
    if args.json {
        print_json(&document(&compared, &args))?;
    } else {
        print(&compared)?;
        // Without --accept-unstable, the error prints the doubts.
        let accepted = compared.doubts.iter().filter(|_| args.accept_unstable);
        accepted.chain(&compared.remarks).for_each(|doubt| terminal.note(doubt));
        for (side, name) in compared.sides.iter().zip(["A", "B"]) {
            for remark in &side.judgement.remarks {
                terminal.note(format!("{name}: {remark}"));
            }
        }
    }
    // First the numbers are printed, then that the history could not keep them, or that they are doubtful.
    let mut errors = compared.unkept;
    if !compared.doubts.is_empty() && !args.accept_unstable {
        // Each doubt already says what to do.
        let doubts = compared.doubts.join("; ");
        let message = format!("not to be believed: {doubts}; or accept it with --accept-unstable");
        errors.push(Classified::new(ErrorClass::Unstable, message).into());
    }
    Several::of(errors).map_or(Ok(()), Err)
}

fn with_baseline(args: &CompareArgs, baseline: &Path, terminal: &Terminal) -> anyhow::Result<()> {
    let first = &args.first;
    let now = if first.ends_with(".json") {
        if args.says_how() {
            return Err(Classified::usage(format_args!(
                "{first} holds results, so nothing is measured: leave out --device, --threads, \
                 --precision, --input, --dim, --input-value and --random-weights, or name a model's file"
            ))
            .into());
        }
        Now::Results(Path::new(first))
    } else if past_sessions::number(first).is_some() {
        return Err(Classified::usage(format_args!(
            "--baseline compares with a model's file or a document of results, not with the number {first}"
        ))
        .into());
    } else {
        Now::Measured(Box::new(measure(args, first, terminal)?))
    };
    let asked = Asked {
        baseline,
        threshold: args.threshold,
        slower_than: args.slower_than,
        across: args.across,
        accept_unstable: args.accept_unstable,
        json: args.json,
    };
    baseline::run(&asked, &now)
}

fn by_turns(args: &CompareArgs, terminal: &Terminal) -> anyhow::Result<Compared> {
    let settings = settings(args)?;
    let (most_bytes, absent) = (settings.limits.model_bytes, args.inputs.absent_weights());
    let [first, second] = [args.first.as_str(), args.second()]
        .map(|path| model_file_with(Path::new(path), most_bytes, absent));
    let devices = Devices::find(args.measuring.devices.as_deref())?;
    let (device, (first, second)) = both_of(devices.get(args.device()), both_of(first, second))?;
    let files = [first, second];
    let mut history = if args.measuring.no_history { None } else { Some(past_sessions::open()?) };
    let mut agent = Agent::connect(device)?;
    let bar = terminal.bar(1, "{bar:24} {pos}/{len} pairs, {elapsed} so far, {eta} left  {msg}");
    let mut session = Session::new(&mut agent, &settings, args.measuring.seed);
    let mut waiting = Waiting::default();
    let paired = session.compare(files, args.threshold, &mut |step| match step {
        Step::Launched { launches, expected, .. } => {
            bar.set_length(expected as u64);
            bar.set_position(launches as u64);
            bar.set_message("");
        }
        Step::Waiting { who } => waiting.tell(terminal, args.device(), &who),
        Step::Disturbed { who, waits } => terminal.note(disturbed(args.device(), &who, waits)),
        Step::CoolingDown { why } => bar.set_message(format!("the device is {why}: cooldown")),
        _ => {}
    });
    bar.finish_and_clear();
    let paired = paired?;
    let doubts = paired.doubts;
    let remarks = (paired.left_out > 0 && doubts.is_empty()).then(|| {
        format!("{} pairs were left out: another process used the processor", paired.left_out)
    });
    let sides = [paired.first, paired.second];
    let (mut numbers, mut unkept) = ([None; 2], Vec::new());
    if let Some(history) = &mut history {
        for (number, side) in numbers.iter_mut().zip(&sides) {
            match past_sessions::keep(history, side) {
                Ok(kept) => *number = Some(kept),
                Err(error) => unkept.push(error),
            }
        }
    }
    let remarks = remarks.into_iter().collect();
    Ok(Compared {
        comparison: paired.comparison,
        as_timed: Some(paired.as_timed),
        compensated: None,
        sides,
        in_pairs: Some(paired.in_pairs),
        numbers,
        unkept,
        doubts,
        remarks,
        how: How::ByTurns,
    })
}

fn apart(
    args: &CompareArgs,
    numbers: [Option<i64>; 2],
    terminal: &Terminal,
) -> anyhow::Result<Compared> {
    let mut all = Vec::new();
    let (mut kept, mut unkept) = (numbers, Vec::new());
    for ((number, kept), path) in
        numbers.iter().zip(&mut kept).zip([args.first.as_str(), args.second()])
    {
        match number {
            Some(number) => all.push(past_sessions::load(&past_sessions::open()?, *number)?.1),
            None => {
                let measurement = measure(args, path, terminal)?;
                match keep(args, &measurement) {
                    Ok(number) => *kept = number,
                    Err(error) => unkept.push(error),
                }
                all.push(measurement);
            }
        }
    }
    let second = all.pop().expect("there are two");
    let first = all.pop().expect("there are two");
    let differences = first.fingerprint.differences(&second.fingerprint);
    if !differences.is_empty() && !args.across {
        return Err(Classified::usage(format_args!(
            "{} and {} are not comparable: they differ in {}; compare them anyway with --across",
            args.first,
            args.second(),
            differences.join("; ")
        ))
        .into());
    }
    let compare = |usual: Option<Sentinel>| -> anyhow::Result<Comparison> {
        let levels = |side: &Measurement| side.levels(usual).or_class(ErrorClass::Input);
        compare_apart(&levels(&first)?, &levels(&second)?, args.threshold)
            .or_class(ErrorClass::Unstable)
    };
    let comparison = compare(None)?;
    let alike = differences.is_empty();
    let both = first.compensated.as_ref().zip(second.compensated.as_ref()).filter(|_| alike);
    let usual = both.map(|(one, other)| one.usual.faster(other.usual));
    let compensated = usual.map(|usual| compare(Some(usual))).transpose()?;
    let doubted = |side: &Measurement, name: &str| {
        let judgement = &side.judgement;
        let evidence = judgement.evidence.first().map_or("", String::as_str);
        (judgement.verdict != Verdict::Stable)
            .then(|| format!("{name} is {}: {evidence}", judgement.verdict))
    };
    let doubts = [doubted(&first, &args.first), doubted(&second, args.second())];
    let mut remarks = vec![
        "the two were measured at different times: any change of the device in between is part of \
         the difference"
            .to_owned(),
    ];
    if compensated.is_some() {
        remarks.push(
            "the interval of the compensated ratio leaves out the uncertainty of the compensation: \
             trust it if neither side was disturbed for long, else compare by turns"
                .to_owned(),
        );
    }
    remarks.extend(differences.iter().map(|difference| format!("they differ in {difference}")));
    let [one, other] = [&first, &second].map(|side| inputs_text(side.inputs()));
    if first.model.identity() == second.model.identity() && one == other {
        remarks.push("both measurements are of the same model".into());
    } else if one != other && !one.is_empty() && !other.is_empty() {
        remarks.push(format!("their inputs differ: {one}; {other}"));
    }
    if first.sustained.is_some() != second.sustained.is_some() {
        remarks.push("one measurement is from a sustained run, the other is not".into());
    }
    if let (Some(one), Some(two)) = (&first.platform, &second.platform) {
        remarks.extend(changes(one, two));
    }
    Ok(Compared {
        comparison,
        as_timed: None,
        compensated,
        sides: [first, second],
        in_pairs: None,
        numbers: kept,
        unkept,
        doubts: doubts.into_iter().flatten().collect(),
        remarks,
        how: How::Apart,
    })
}

fn keep(args: &CompareArgs, measurement: &Measurement) -> anyhow::Result<Option<i64>> {
    if args.measuring.no_history {
        return Ok(None);
    }
    past_sessions::keep(&mut past_sessions::open()?, measurement).map(Some)
}

/// Measures a model alone.
fn measure(args: &CompareArgs, path: &str, terminal: &Terminal) -> anyhow::Result<Measurement> {
    let settings = settings(args)?;
    let devices = Devices::find(args.measuring.devices.as_deref())?;
    let absent = args.inputs.absent_weights();
    let model = model_file_with(Path::new(path), settings.limits.model_bytes, absent);
    let (device, model) = both_of(devices.get(args.device()), model)?;
    let mut agent = Agent::connect(device)?;
    let spinner = terminal.spinner();
    let mut session = Session::new(&mut agent, &settings, args.measuring.seed);
    let mut waiting = Waiting::default();
    let measured = session.measure(vec![model], |step| match step {
        Step::Launched { launches, expected, .. } => {
            spinner.set_message(for_terminal(&format!("launch {launches} of {expected}, {path}")));
        }
        Step::Waiting { who } => waiting.tell(terminal, args.device(), who),
        Step::Disturbed { who, waits } => terminal.note(disturbed(args.device(), who, *waits)),
        _ => {}
    });
    spinner.finish_and_clear();
    measured?.pop().expect("one model gives one result")
}

fn settings(args: &CompareArgs) -> anyhow::Result<Settings> {
    let usual = if args.measuring.no_history {
        UsualSpeeds::new()
    } else {
        past_sessions::usual_speeds(&past_sessions::open()?)?
    };
    let (sizes, values) = (args.inputs.sizes(), args.inputs.values()?);
    Ok(Settings { usual, sizes, values, ..args.measuring.settings(Settings::bench()) })
}

fn document(compared: &Compared, args: &CompareArgs) -> Value {
    let sides =
        compared.sides.iter().zip(compared.numbers).enumerate().map(|(at, (of, number))| {
            let mut side = result_json(of);
            if let Some(number) = number {
                side["history"] = json!(number);
            }
            if let Some(in_pairs) = &compared.in_pairs {
                side["in_pairs"] = in_pairs_json(&in_pairs[at], of.compensated.is_some());
            }
            side
        });
    let differences = compared.sides[0].fingerprint.differences(&compared.sides[1].fingerprint);
    let warnings = [&compared.doubts[..], &compared.remarks].concat();
    let mut document = json!({
        "format": "pearl.compare/1",
        "comparison": comparison_json(&compared.comparison),
        "threshold": args.threshold,
        "measured": compared.how,
        "sides": sides.collect::<Vec<_>>(),
        "different_fingerprints": differences,
        "believed": compared.doubts.is_empty(),
        "warnings": warnings,
    });
    let others = [
        ("comparison_as_timed", &compared.as_timed),
        ("comparison_compensated", &compared.compensated),
    ];
    for (field, found) in others {
        if let Some(found) = found {
            document[field] = comparison_json(found);
        }
    }
    document
}

fn in_pairs_json(of: &InPairs, is_compensated: bool) -> Value {
    let interval = |of: &Estimate| json!({ "point": of.point, "lo": of.lo, "hi": of.hi });
    let mut document = json!({ "latency_ns": interval(&of.as_timed), "n_launches": of.as_timed.n });
    if is_compensated {
        document["compensated_ns"] = interval(&of.compensated);
    }
    document
}

fn print(compared: &Compared) -> anyhow::Result<()> {
    for (at, (name, side)) in ["A", "B"].into_iter().zip(&compared.sides).enumerate() {
        let engine = &side.fingerprint.engine;
        let compensated = side.compensated.as_ref().map(|found| found.latency);
        // The numbers beside a ratio are of the launches that it is of.
        let (as_timed, compensated) = match &compared.in_pairs {
            Some(in_pairs) => {
                (in_pairs[at].as_timed, compensated.map(|_| in_pairs[at].compensated))
            }
            None => (side.latency, compensated),
        };
        let compensated = compensated.map(|of| format!(", compensated {}", ms_with_interval(&of)));
        print_line(&format!(
            "{name}  {} on {} with {} {}: as timed {}{}",
            side.model.path,
            side.device,
            engine.name,
            engine.version,
            ms_with_interval(&as_timed),
            compensated.unwrap_or_default(),
        ))?;
    }
    let ratio = compared.comparison.ratio;
    let n = ratio.n;
    // The ratio of the centres above is nearly, not exactly, the centre of the ratios.
    let of = match compared.how {
        How::Apart => format!("of the means of the launches' medians, {n} launches in all"),
        How::ByTurns => format!("centre of the compensated ratios of {n} pairs of launches"),
    };
    print_line(&headline(compared))?;
    print_line(&format!(
        "B/A = {:.4} (99 %: {:.4} – {:.4}), {of}",
        ratio.point, ratio.lo, ratio.hi
    ))?;
    let others = [
        ("as timed", &compared.as_timed),
        ("compensated for the slowdown of the device", &compared.compensated),
    ];
    for (how, found) in others.iter().filter_map(|(how, found)| Some((how, found.as_ref()?))) {
        let ratio = found.ratio;
        print_line(&format!(
            "{how}: B/A = {:.4} (99 %: {:.4} – {:.4}), {found}",
            ratio.point, ratio.lo, ratio.hi
        ))?;
    }
    Ok(())
}

fn headline(compared: &Compared) -> String {
    let comparison = &compared.comparison;
    match (comparison.outcome, compared.how) {
        (Outcome::Undecided, How::Apart) => format!(
            "{comparison}; measure both again with more launches, or compare their files by turns"
        ),
        (Outcome::Undecided, How::ByTurns) => {
            format!("{comparison}; repeat it while the device is less busy, or widen --threshold")
        }
        (Outcome::NoDifference, _) => format!("B is as fast as A: {comparison}"),
        (Outcome::Slower | Outcome::Faster, _) => format!("B is {comparison} than A"),
    }
}
