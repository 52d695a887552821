//! Whether a model's outputs on a device are those of onnxruntime on the same inputs.
//!
//! An engine that computes an operator otherwise is as fast as the right one and gives other answers; only a
//! second engine shows it.
//!
//! **Invariant:** onnxruntime runs in a process of its own, with a deadline: a library that crashes or never
//! returns is a failure of one model.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use pearl_agent::protocol::messages::{ModelFile, NoProgress, RunReport, RunRequest, TensorData};
use pearl_agent::protocol::wire::FailureKind;
use serde::Serialize;

use super::Session;
use super::onnxruntime::{OnceDone, OnceRequest};
use super::step::Observer;
use crate::output::error_class::{Classified, ErrorClass};
use crate::process::child::{Child, ChildError, Deadline};
use crate::process::streams::Streams;

/// Names onnxruntime's library.
const VARIABLE: &str = "PEARL_ONNXRUNTIME";
/// The hidden command that [`Session::verify`] starts this program with.
pub const COMMAND: &str = "run-in-onnxruntime";
/// How far the outputs may lie apart, as a share of the largest number of an output.
const TOLERANCE: f64 = 1e-3;
/// As much where weights are in int8: a number next to a rounding edge falls to either side.
const WHOLE_TOLERANCE: f64 = 2e-2;
/// As much where half precision is computed in: its numbers have eleven bits.
const HALF_TOLERANCE: f64 = 2e-2;
/// For loading, and one inference without optimisations; longer where a launch may take longer.
const LEAST_DEADLINE: Duration = Duration::from_secs(300);

/// What a model computes in; the coarsest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Single,
    Half,
    Whole,
}

/// How far the outputs of two engines lie apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verified {
    /// The library that was asked.
    pub library: PathBuf,
    /// The output whose numbers differ most.
    pub output: String,
    /// The largest difference, as a share of the largest number of that output.
    pub difference: f64,
    /// Most that the difference may be.
    pub tolerance: f64,
    pub agrees: bool,
}

/// onnxruntime's library: the one that `PEARL_ONNXRUNTIME` names, else that of Python's package in the
/// virtual environment, the user's own packages or the system's, else one of the system's folders.
///
/// # Errors
/// If there is none.
pub fn library() -> anyhow::Result<PathBuf> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        return match named.is_file() {
            true => Ok(named),
            false => {
                Err(Classified::usage(format_args!("{VARIABLE}: {} is no file", named.display()))
                    .into())
            }
        };
    }
    // A relative path would be one of the current folder, which anybody may have filled.
    let of = |name: &str, below: &str| {
        let root = PathBuf::from(env::var_os(name)?);
        root.is_absolute().then(|| root.join(below))
    };
    let pythons = [of("VIRTUAL_ENV", "lib"), of("HOME", ".local/lib")];
    let pythons = pythons.into_iter().flatten().chain(["/usr/local/lib".into(), "/usr/lib".into()]);
    let packages = pythons.flat_map(|lib| {
        entries(&lib)
            .into_iter()
            .filter(|entry| name_of(entry).starts_with("python3"))
            .flat_map(|python| ["site-packages", "dist-packages"].map(|of| python.join(of)))
    });
    let folders = packages.map(|packages| packages.join("onnxruntime/capi"));
    let system =
        ["/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let mut all = folders.chain(system.map(PathBuf::from)).flat_map(|folder| entries(&folder));
    all.find(|file| name_of(file).starts_with("libonnxruntime.so")).ok_or_else(|| {
        Classified::usage(format_args!(
            "--verify: onnxruntime is not installed where it was looked for; install Python's package \
             (`pip install onnxruntime`) and activate its virtual environment, or name its library \
             (libonnxruntime.so…) in {VARIABLE}"
        ))
        .into()
    })
}

impl Session<'_> {
    /// Runs one model once on the device, fed as in its launches, and compares its outputs with those of
    /// onnxruntime on this machine.
    ///
    /// # Errors
    /// What is wrong with the model, the device or the library.
    pub fn verify(
        &mut self,
        at: usize,
        model: &ModelFile,
        (library, arithmetic): (&Path, Arithmetic),
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<Verified> {
        let ours = self.hold(observer, |session, observer| {
            let placed = session.place(at, model, observer)?;
            let placed = placed.map_err(|error| session.agent.classified(&error))?;
            let launch = session.request(placed.there, session.settings.sampling.slice_ns);
            let request = RunRequest {
                model: launch.model,
                sizes: launch.sizes,
                inputs: Vec::new(),
                values: launch.values,
                input_seed: launch.input_seed,
                precision: launch.precision,
                limits: launch.limits,
            };
            let ran = session.attempt_within_limits(|agent| agent.run(request.clone()))?;
            Ok(ran.map_err(|error| session.agent.classified(&error))?)
        })?;
        let deadline = LEAST_DEADLINE.max(Duration::from_nanos(self.limits().time_ns));
        second_opinion(library, Path::new(&model.path), &ours, arithmetic, deadline)
    }
}

/// Sorted; empty where the folder cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut entries: Vec<_> = read.map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Asks onnxruntime for its outputs on the inputs of `ours`, and compares.
///
/// # Errors
/// If the library cannot run the model.
fn second_opinion(
    library: &Path,
    model: &Path,
    ours: &RunReport,
    arithmetic: Arithmetic,
    deadline: Duration,
) -> anyhow::Result<Verified> {
    let names = ours.inputs.iter().map(|input| input.name.clone());
    let request = OnceRequest {
        library: library.to_owned(),
        model: model.to_owned(),
        inputs: names.zip(ours.fed.iter().cloned()).collect(),
    };
    let theirs = ask(request, deadline).map_err(|error| classified(&error))?.outputs;
    compare(library, model, &ours.outputs, &theirs, arithmetic)
}

fn ask(request: OnceRequest, deadline: Duration) -> Result<OnceDone, ChildError> {
    let name = "onnxruntime".to_owned();
    let start = || Streams::spawn(Command::new(env::current_exe()?).arg(COMMAND));
    let streams = start().map_err(|source| ChildError::Start { name: name.clone(), source })?;
    let mut child: Child<OnceRequest, NoProgress, OnceDone> = Child::start(name, streams)?;
    child.request(request, Deadline::Total(deadline), |progress| match progress {})
}

fn classified(error: &ChildError) -> Classified {
    let class = match error {
        ChildError::Interrupted => ErrorClass::Interrupted,
        ChildError::Failed(failure) if failure.kind == FailureKind::Device => ErrorClass::Usage,
        ChildError::Late { .. } => ErrorClass::Limit,
        ChildError::Failed(_) | ChildError::Died { .. } => ErrorClass::Input,
        _ => ErrorClass::Bug,
    };
    Classified::new(class, error)
}

/// # Errors
/// If the outputs have other shapes, or there are other ones.
fn compare(
    library: &Path,
    model: &Path,
    ours: &[TensorData],
    theirs: &[(String, TensorData)],
    arithmetic: Arithmetic,
) -> anyhow::Result<Verified> {
    let tolerance = match arithmetic {
        Arithmetic::Single => TOLERANCE,
        Arithmetic::Half => HALF_TOLERANCE,
        Arithmetic::Whole => WHOLE_TOLERANCE,
    };
    let other = |what: String| {
        Classified::input(format_args!("{}: {what} in onnxruntime", model.display()))
    };
    if ours.len() != theirs.len() {
        return Err(other(format!("{} outputs here, {}", ours.len(), theirs.len())).into());
    }
    let mut worst = (String::new(), 0.0f64);
    for (ours, (name, theirs)) in ours.iter().zip(theirs) {
        if ours.dims != theirs.dims || ours.values.len() != theirs.values.len() {
            let (here, there) = (&ours.dims, &theirs.dims);
            return Err(other(format!("output '{name}' has shape {here:?} here, {there:?}")).into());
        }
        let largest = theirs.values.iter().fold(0.0f64, |most, value| most.max(value.abs().into()));
        let pairs = ours.values.iter().zip(&theirs.values);
        let apart = pairs
            .fold(0.0f64, |most, (one, two)| most.max((f64::from(*one) - f64::from(*two)).abs()));
        // All zeros there: any number here is as far away as a number can be.
        let share = if apart == 0.0 { 0.0 } else { apart / largest.max(f64::MIN_POSITIVE) };
        if share >= worst.1 {
            worst = (name.clone(), share);
        }
    }
    let (output, difference) = worst;
    let agrees = difference <= tolerance;
    Ok(Verified { library: library.to_owned(), output, difference, tolerance, agrees })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dims: &[usize], values: &[f32]) -> TensorData {
        TensorData { dims: dims.to_vec(), values: values.to_vec() }
    }

    #[test]
    fn outputs_agree_up_to_a_share_of_the_largest_number() {
        for (ours, theirs, arithmetic, difference, agrees) in [
            ([1.0, 200.0], [1.0, 200.0], Arithmetic::Single, 0.0, true),
            ([1.1, 200.0], [1.0, 200.0], Arithmetic::Single, 0.0005, true),
            ([2.0, 200.0], [1.0, 200.0], Arithmetic::Single, 0.005, false),
            ([2.0, 200.0], [1.0, 200.0], Arithmetic::Whole, 0.005, true),
            ([0.0, 0.0], [0.0, 0.0], Arithmetic::Single, 0.0, true),
        ] {
            let theirs = [("y".to_owned(), tensor(&[2], &theirs))];
            let found =
                compare("lib".as_ref(), "m".as_ref(), &[tensor(&[2], &ours)], &theirs, arithmetic);
            let found = found.unwrap();
            assert!((found.difference - difference).abs() < 1e-6, "{found:?}");
            assert_eq!((found.agrees, found.output.as_str()), (agrees, "y"), "{found:?}");
        }
    }

    #[test]
    fn outputs_of_another_shape_or_number_are_named() {
        let ours = [tensor(&[2, 1], &[1.0, 2.0])];
        for (theirs, told) in [
            (vec![], "1 outputs here, 0 in onnxruntime"),
            (vec![("y".to_owned(), tensor(&[2], &[1.0, 2.0]))], "shape [2, 1] here, [2] in"),
        ] {
            let error =
                compare("lib".as_ref(), "m.onnx".as_ref(), &ours, &theirs, Arithmetic::Single);
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("m.onnx: ") && error.contains(told), "{error}");
        }
    }
}
