//! `pearl compare`: which of two is slower, and by how much.

use std::path::Path;

use clap::Args;
use pearl_calibration::{Comparison, Outcome, Sentinel, Verdict, compare_apart};
use serde::Serialize;
use serde_json::{Value, json};

use super::Terminal;
use super::measuring::{MeasuringArgs, percent};
use super::terminal::{Waiting, disturbed, print_json, print_line};
use crate::agent::Agent;
use crate::device::Devices;
use crate::duration::ms_with_interval;
use crate::exit::{Classify, Fault, Kind};
use crate::harmless::for_terminal;
use crate::history;
use crate::measure::{
    Measurement, Session, Settings, Step, UsualSpeeds, changes, comparison_json, model_file,
    result_json,
};

/// Compare two models on one device, or measurements that were kept
///
/// Two files are measured by turns, so that what the device feels alike cancels. A kept measurement is
/// named by its number in `pearl history list`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl compare old.onnx new.onnx --device phone\n  pearl compare 12 15\n  pearl compare 12 new.onnx --threshold 1%"
)]
pub struct CompareArgs {
    /// Model file, or number of a kept measurement
    #[arg(value_name = "A")]
    first: String,
    /// What is compared with it, likewise
    #[arg(value_name = "B")]
    second: String,
    /// Where to measure [default: local]
    #[arg(long, value_name = "DEV")]
    device: Option<String>,
    /// How large a difference is of interest: that there is none above it can be told, too
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    threshold: f64,
    /// Compare although what the numbers depend on differs
    #[arg(long)]
    across: bool,
    /// Exit with 0 though a verdict says not to believe it
    #[arg(long)]
    accept_unstable: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    measuring: MeasuringArgs,
}

impl CompareArgs {
    fn device(&self) -> &str {
        self.device.as_deref().unwrap_or("local")
    }
}

/// Two sides with what is said of the second against the first.
struct Compared {
    /// What the outcome is: by turns of the compensated latencies, apart of those as they were timed.
    comparison: Comparison,
    /// By turns: of the latencies as they were timed.
    as_timed: Option<Comparison>,
    /// Apart, under one fingerprint: with the device's slowness taken out.
    compensated: Option<Comparison>,
    sides: [Measurement; 2],
    /// Numbers in the history, where they have some.
    numbers: [Option<i64>; 2],
    /// Why one could not be kept.
    unkept: Option<anyhow::Error>,
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
    let compared = match [&args.first, &args.second].map(|side| history::number(side)) {
        [None, None] => by_turns(&args, terminal)?,
        [Some(first), Some(second)] if first == second => {
            return Err(Fault::usage(format_args!(
                "#{first} is one measurement: name two, or the model's file twice to measure it \
                 against itself"
            ))
            .into());
        }
        [Some(_), Some(_)] if args.device.is_some() || args.measuring.says_how() => {
            return Err(Fault::usage(format_args!(
                "{} and {} are kept measurements, nothing is measured: leave --device, --threads and \
                 --precision out, or name the models' files",
                args.first, args.second
            ))
            .into());
        }
        numbers => apart(&args, numbers, terminal)?,
    };
    if args.json {
        print_json(&document(&compared, &args))?;
    } else {
        print(&compared)?;
        // Where they are not accepted, the error tells them.
        let accepted = compared.doubts.iter().filter(|_| args.accept_unstable);
        accepted.chain(&compared.remarks).for_each(|doubt| terminal.note(doubt));
        for (side, name) in compared.sides.iter().zip(["first", "second"]) {
            for remark in &side.judgement.remarks {
                terminal.note(format!("{name}: {remark}"));
            }
        }
    }
    // The numbers are on the screen before it is said that they were not kept.
    if let Some(error) = compared.unkept {
        return Err(error);
    }
    if compared.doubts.is_empty() || args.accept_unstable {
        return Ok(());
    }
    // What to do is part of a doubt.
    let doubts = compared.doubts.join("; ");
    let message = format!("not to be believed: {doubts}; or accept it with --accept-unstable");
    Err(Fault::new(Kind::Unstable, message).into())
}

fn by_turns(args: &CompareArgs, terminal: &Terminal) -> anyhow::Result<Compared> {
    let settings = settings(args)?;
    let files = [&args.first, &args.second]
        .map(|path| model_file(Path::new(path), settings.limits.model_bytes));
    let [first, second] = files;
    let files = [first?, second?];
    let devices = Devices::find(args.measuring.devices.as_deref())?;
    let mut history = if args.measuring.no_history { None } else { Some(history::open()?) };
    let mut agent = Agent::connect(devices.get(args.device())?)?;
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
        Step::Resting { why } => bar.set_message(format!("the device is {why}: giving it a rest")),
        _ => {}
    });
    bar.finish_and_clear();
    let paired = paired?;
    let doubts = paired.doubts;
    let remarks = (paired.left_out > 0 && doubts.is_empty()).then(|| {
        format!("{} pairs were left out: somebody else had the processor", paired.left_out)
    });
    let sides = [paired.first, paired.second];
    let (mut numbers, mut unkept) = ([None; 2], None);
    if let Some(history) = &mut history {
        for (number, side) in numbers.iter_mut().zip(&sides) {
            match history::keep(history, side) {
                Ok(kept) => *number = Some(kept),
                Err(error) => unkept = Some(error),
            }
        }
    }
    let remarks = remarks.into_iter().collect();
    Ok(Compared {
        comparison: paired.comparison,
        as_timed: Some(paired.as_timed),
        compensated: None,
        sides,
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
    let (mut kept, mut unkept) = (numbers, None);
    for ((number, kept), path) in numbers.iter().zip(&mut kept).zip([&args.first, &args.second]) {
        match number {
            Some(number) => all.push(history::load(&history::open()?, *number)?.1),
            None => {
                let measurement = measure(args, path, terminal)?;
                match keep(args, &measurement) {
                    Ok(number) => *kept = number,
                    Err(error) => unkept = Some(error),
                }
                all.push(measurement);
            }
        }
    }
    let second = all.pop().expect("there are two");
    let first = all.pop().expect("there are two");
    let differences = first.fingerprint.differences(&second.fingerprint);
    if !differences.is_empty() && !args.across {
        return Err(Fault::usage(format_args!(
            "{} and {} are not comparable: they differ in {}; compare them all the same with --across",
            args.first,
            args.second,
            differences.join("; ")
        ))
        .into());
    }
    let compare = |usual: Option<Sentinel>| -> anyhow::Result<Comparison> {
        let levels = |side: &Measurement| side.levels(usual).or_fault(Kind::Input);
        compare_apart(&levels(&first)?, &levels(&second)?, args.threshold).or_fault(Kind::Unstable)
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
    let doubts = [doubted(&first, &args.first), doubted(&second, &args.second)];
    let mut remarks = vec![
        "they were measured at different times: what changed on the device in between is part of \
         the difference"
            .to_owned(),
    ];
    if compensated.is_some() {
        remarks.push(
            "the compensated ratio's interval does not know what is uncertain of the compensation: \
             trust it where neither side was disturbed for long, else compare by turns"
                .to_owned(),
        );
    }
    remarks.extend(differences.iter().map(|difference| format!("they differ in {difference}")));
    if first.model.sha256 == second.model.sha256 {
        remarks.push("both are of the same model".into());
    }
    if first.sustained.is_some() != second.sustained.is_some() {
        remarks.push("one of them is what a sustained run ended up at, the other is not".into());
    }
    if let (Some(one), Some(two)) = (&first.platform, &second.platform) {
        remarks.extend(changes(one, two));
    }
    Ok(Compared {
        comparison,
        as_timed: None,
        compensated,
        sides: [first, second],
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
    history::keep(&mut history::open()?, measurement).map(Some)
}

fn measure(args: &CompareArgs, path: &str, terminal: &Terminal) -> anyhow::Result<Measurement> {
    let settings = settings(args)?;
    let model = model_file(Path::new(path), settings.limits.model_bytes)?;
    let devices = Devices::find(args.measuring.devices.as_deref())?;
    let mut agent = Agent::connect(devices.get(args.device())?)?;
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
        history::usual_speeds(&history::open()?)?
    };
    Ok(Settings { usual, ..args.measuring.settings(Settings::bench()) })
}

fn document(compared: &Compared, args: &CompareArgs) -> Value {
    let sides = compared.sides.iter().zip(compared.numbers).map(|(side, number)| {
        let mut side = result_json(side);
        if let Some(number) = number {
            side["history"] = json!(number);
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

fn print(compared: &Compared) -> anyhow::Result<()> {
    let [first, second] = &compared.sides;
    for (name, side) in ["A", "B"].into_iter().zip([first, second]) {
        let engine = &side.fingerprint.engine;
        let compensated = side.compensated.as_ref().map(|found| ms_with_interval(&found.latency));
        let compensated = compensated.map_or_else(String::new, |of| format!(", compensated {of}"));
        print_line(&format!(
            "{name}  {} on {} with {} {}: as timed {}{compensated}",
            side.model.path,
            side.device,
            engine.name,
            engine.version,
            ms_with_interval(&side.latency),
        ))?;
    }
    let ratio = compared.comparison.ratio;
    let n = ratio.n;
    // Neither is the ratio of the two medians above, which are of all samples of a side.
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
        ("compensated, with the device's slowness taken out", &compared.compensated),
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
            format!("{comparison}; repeat it where the device is quieter, or widen --threshold")
        }
        (Outcome::NoDifference, _) => format!("B is as fast as A: {comparison}"),
        (Outcome::Slower | Outcome::Faster, _) => format!("B is {comparison} than A"),
    }
}
