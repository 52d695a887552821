//! The results of `pearl bench`, collected from the events of the fleet.

use std::collections::BTreeMap;

use pearl_agent::protocol::messages::ProfileReport;
use pearl_calibration::{Judgement, Reproducibility, Verdict};
use serde_json::{Value, json};

use crate::measure::{
    FleetEvent, Ledger, Measurement, Order, Step, Verified, What, ops_json, result_json,
};
use crate::output::error_class::{Classified, ErrorClass, Several, class_of, told};
use crate::process::child::Traffic;

/// Results in the order of devices and models, not in the order of their arrival.
pub struct Results<'a> {
    order: &'a Order,
    /// Keys: the indices of device and model.
    measured: BTreeMap<(usize, usize), Measurement>,
    profiles: BTreeMap<(usize, usize), ProfileReport>,
    verified: BTreeMap<(usize, usize), Verified>,
    /// Numbers in the history. Keys: device name and model path.
    numbers: BTreeMap<(String, String), i64>,
    /// The spread expected of other sessions. Keys: device name and model path.
    reproducibility: BTreeMap<(String, String), Reproducibility>,
    /// Which other processes used each device before the first measurement.
    others: BTreeMap<usize, String>,
    failures: Vec<Failure>,
    devices: BTreeMap<usize, (Ledger, Traffic)>,
}

/// What failed, in the order of arrival.
struct Failure {
    /// Indices of device and model, as far as one device or one model failed.
    device: Option<usize>,
    model: Option<usize>,
    error: anyhow::Error,
}

impl<'a> Results<'a> {
    pub fn new(order: &'a Order) -> Self {
        Self {
            order,
            measured: BTreeMap::new(),
            profiles: BTreeMap::new(),
            verified: BTreeMap::new(),
            numbers: BTreeMap::new(),
            reproducibility: BTreeMap::new(),
            others: BTreeMap::new(),
            failures: Vec::new(),
            devices: BTreeMap::new(),
        }
    }

    pub fn take(&mut self, event: FleetEvent) {
        let device = event.device;
        match event.what {
            What::Step(Step::Finished { at, result }) => match *result {
                Ok(measurement) => {
                    self.measured.insert((device, at), measurement);
                }
                Err(error) => self.fail(Some(device), Some(at), error),
            },
            What::Step(Step::Disturbed { who, waits: false }) => {
                self.others.insert(device, who);
            }
            What::Step(_) => {}
            What::Profiled { at, report } => {
                self.profiles.insert((device, at), *report);
            }
            What::Verified { at, verified } => {
                if !verified.agrees {
                    let error = differs(&self.order.models[at].path, &verified);
                    self.fail(Some(device), Some(at), error);
                }
                self.verified.insert((device, at), verified);
            }
            What::Failed { at, error } => self.fail(Some(device), at, error),
            What::Done { ledger, traffic } => {
                self.devices.insert(device, (ledger, traffic));
            }
        }
    }

    fn fail(&mut self, device: Option<usize>, model: Option<usize>, error: anyhow::Error) {
        self.failures.push(Failure { device, model, error });
    }

    /// Records why a measurement could not be kept; one history fails many of them alike.
    pub fn unkept(&mut self, error: anyhow::Error) {
        let text = told(&error);
        if !self.failures.iter().any(|failure| told(&failure.error) == text) {
            self.fail(None, None, error);
        }
    }

    /// The message of a failure that fails these models, with the models and the device where the error does
    /// not name them.
    fn named(&self, failure: &Failure, models: &[usize]) -> String {
        let text = told(&failure.error);
        let paths = models.iter().map(|at| self.order.models[*at].path.as_str());
        let unnamed: Vec<_> = paths.filter(|path| !text.contains(path)).collect();
        let mut parts = Vec::new();
        if let Some(device) = failure.device.filter(|_| self.order.devices.len() > 1) {
            let name = format!("'{}'", self.order.devices[device].name);
            parts.extend((!text.contains(&name)).then(|| format!("device {name}")));
        }
        parts.extend((!unnamed.is_empty()).then(|| unnamed.join(", ")));
        parts.push(text);
        parts.join(": ")
    }

    /// The failures, one error for each cause: what a lost device cost is told once, with the models.
    fn causes(mut self) -> Vec<anyhow::Error> {
        let failures = std::mem::take(&mut self.failures);
        let mut causes: Vec<(Failure, Vec<usize>)> = Vec::new();
        for failure in failures {
            let text = told(&failure.error);
            let same = causes
                .iter_mut()
                .find(|(cause, _)| cause.device == failure.device && told(&cause.error) == text);
            match same {
                Some((_, models)) => models.extend(failure.model),
                None => {
                    let models = failure.model.into_iter().collect();
                    causes.push((failure, models));
                }
            }
        }
        let error = |(failure, models): (Failure, Vec<usize>)| -> anyhow::Error {
            let message = self.named(&failure, &models);
            Classified::new(class_of(&failure.error), message).because(failure.error).into()
        };
        causes.into_iter().map(error).collect()
    }

    pub fn number(&mut self, measurement: &Measurement, id: i64) {
        self.numbers.insert(key(measurement), id);
    }

    pub fn expect(&mut self, measurement: &Measurement, found: Reproducibility) {
        self.reproducibility.insert(key(measurement), found);
    }

    pub fn reproducibility_of(&self, measurement: &Measurement) -> Option<&Reproducibility> {
        self.reproducibility.get(&key(measurement))
    }

    /// Records a failure for each model that no device was left to measure.
    pub fn leave(&mut self, models: &[usize]) {
        let left = || Classified::new(ErrorClass::Device, "no device is left to measure it on");
        models.iter().for_each(|at| self.fail(None, Some(*at), left().into()));
    }

    pub fn measured(&self) -> impl Iterator<Item = (&Measurement, Option<&ProfileReport>)> {
        self.measured.iter().map(|(at, measurement)| (measurement, self.profiles.get(at)))
    }

    pub fn number_of(&self, measurement: &Measurement) -> Option<i64> {
        self.numbers.get(&key(measurement)).copied()
    }

    pub fn json(&self) -> Value {
        let results: Vec<_> = self
            .measured
            .iter()
            .map(|(at, measurement)| {
                let profile = self.profiles.get(at);
                let mut result = result_json(measurement);
                if let Some(verified) = self.verified.get(at) {
                    result["verified"] = json!(verified);
                }
                if let Some(id) = self.number_of(measurement) {
                    result["history"] = json!(id);
                }
                if let Some(found) = self.reproducibility_of(measurement) {
                    result["reproducibility"] = json!(found);
                }
                if let Some(profile) = profile {
                    result["ops"] = ops_json(profile);
                }
                result
            })
            .collect();
        let models = |failure: &Failure| failure.model.into_iter().collect::<Vec<_>>();
        let errors = self.failures.iter().map(|failure| self.named(failure, &models(failure)));
        let errors: Vec<_> = errors.collect();
        let devices: Vec<_> = self
            .devices
            .iter()
            .map(|(device, (ledger, traffic))| {
                json!({
                    "name": self.order.devices[*device].name,
                    "others": self.others.get(device),
                    "time": ledger,
                    "utilisation": ledger.utilisation(),
                    "traffic": {
                        "bytes_sent": traffic.bytes_sent,
                        "bytes_received": traffic.bytes_received,
                        "round_trips": traffic.round_trips,
                    },
                })
            })
            .collect();
        json!({
            "format": "pearl.bench/1",
            "results": results,
            "errors": errors,
            "devices": devices,
        })
    }

    /// The evidence and the remarks that readers of the numbers should know.
    pub fn remarks(&self) -> Vec<String> {
        self.remarks_besides(None)
    }

    /// The remarks without the evidence that the final error prints, and then how each device's time was
    /// used.
    pub fn notes(&self, accept_unstable: bool) -> Vec<String> {
        let told = match self.doubted()[..] {
            [only] if !accept_unstable && self.failures.is_empty() => Some(only),
            _ => None,
        };
        // A device that measured nothing has no utilisation to report.
        let has_measured = |at: usize| self.measured.keys().any(|(device, _)| *device == at);
        let used = self.devices.iter().filter(|(at, _)| has_measured(**at));
        let times = used.filter_map(|(device, (ledger, traffic))| {
            Some(format!(
                "device '{}': leased for {:.1} s, {:.0} % of it in timed inference or warm-up; {} \
                 requests, {} KiB sent",
                self.order.devices[*device].name,
                ledger.leased_ns as f64 / 1e9,
                100.0 * ledger.utilisation()?,
                traffic.round_trips,
                traffic.bytes_sent >> 10
            ))
        });
        self.remarks_besides(told).into_iter().chain(self.agreements()).chain(times).collect()
    }

    /// The models whose outputs are onnxruntime's, with how close they are.
    fn agreements(&self) -> Vec<String> {
        let agreed = self.verified.iter().filter(|(_, verified)| verified.agrees);
        let told = agreed.map(|((_, model), verified)| {
            format!(
                "{}: its outputs are those of onnxruntime within {:.1e} of the largest number ({})",
                self.order.models[*model].path,
                verified.difference,
                verified.library.display()
            )
        });
        told.collect()
    }

    fn remarks_besides(&self, told: Option<&Measurement>) -> Vec<String> {
        let of_one = |(measurement, _): (&Measurement, Option<&ProfileReport>)| {
            let path = self.model_of(measurement);
            let Judgement { verdict, evidence, remarks } = &measurement.judgement;
            let untold = told.is_none_or(|told| !std::ptr::eq(told, measurement));
            let evidence = evidence.iter().filter(|_| untold);
            let evidence = evidence.map(|evidence| format!("{path}: {verdict}: {evidence}"));
            let remarks = remarks.iter().map(|remark| format!("{path}: {remark}"));
            evidence.chain(remarks).collect::<Vec<_>>()
        };
        self.measured().flat_map(of_one).collect()
    }

    /// The model's path; with the device's name if there are several devices.
    fn model_of(&self, measurement: &Measurement) -> String {
        let path = &measurement.model.path;
        match self.order.devices.len() {
            1 => path.clone(),
            _ => format!("{path} on {}", measurement.device),
        }
    }

    fn doubted(&self) -> Vec<&Measurement> {
        let all = self.measured.values();
        all.filter(|measurement| measurement.judgement.verdict != Verdict::Stable).collect()
    }

    /// # Errors
    /// All failures; if nothing failed, the verdicts that say not to believe a number.
    pub fn conclude(self, accept_unstable: bool) -> anyhow::Result<()> {
        if !self.failures.is_empty() {
            return Several::of(self.causes()).map_or(Ok(()), Err);
        }
        let doubted = self.doubted();
        if doubted.is_empty() || accept_unstable {
            return Ok(());
        }
        let named = |measurement: &&Measurement| {
            format!("{} is {}", self.model_of(measurement), measurement.judgement.verdict)
        };
        let names = doubted.iter().map(named).collect::<Vec<_>>().join(", ");
        // The evidence ends with advice.
        let message = match doubted[..] {
            [only] => {
                let wider = match only.judgement.verdict {
                    Verdict::Unconverged => " (--launches, --sustained, --target)",
                    _ => "",
                };
                format!(
                    "not to be believed: {names}: {}{wider}; or accept it with --accept-unstable",
                    only.judgement.evidence.join("; ")
                )
            }
            _ => format!(
                "not to be believed: {names}; the note on each (`warnings` in JSON) says what to do, \
                 or accept them with --accept-unstable"
            ),
        };
        Err(Classified::new(ErrorClass::Unstable, message).into())
    }
}

/// The failure of a model whose outputs are not onnxruntime's.
fn differs(model: &str, verified: &Verified) -> anyhow::Error {
    Classified::input(format_args!(
        "{model}: output '{}' differs from onnxruntime's by {:.1e} of its largest number, more than {:.0e}: one \
         of the two computes another network, so that this latency may be that of something else; find the \
         operator by cutting the graph in half, and see docs/engine-surprises.md",
        verified.output, verified.difference, verified.tolerance
    ))
    .into()
}

/// A device measures a file once. A file that is named twice in one command has one measurement and
/// one key.
fn key(measurement: &Measurement) -> (String, String) {
    (measurement.device.clone(), measurement.model.path.clone())
}
