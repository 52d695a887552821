//! `pearl talk`: the agent's requests, by way of the host and its transports.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use pearl_agent::protocol::messages::{
    AgentDone, AgentHello, AgentRequest, Frequency, LaunchReport, LaunchRequest, LeaseRequest,
    Limits, ModelFile, Precision, ProbeReport, ProbeRequest, ProfileReport, ProfileRequest,
    RunRequest, Sampling, Sizes, TensorData, WarmUp, WeightsFile,
};
use pearl_agent::protocol::wire::PROTOCOL;
use tempfile::TempDir;

use crate::link::Link;

const LIMITS: Limits =
    Limits { model_bytes: 2 << 30, memory_bytes: 4 << 30, time_ns: 60_000_000_000 };

pub struct Talk {
    link: Link,
    folder: TempDir,
}

/// What a host sent, by its own count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub bytes: u64,
    pub round_trips: u64,
}

impl Talk {
    /// `command` is `pearl talk DEV`.
    pub fn start(command: &mut Command) -> Talk {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let stderr = File::create(folder.path().join("stderr")).expect("own folder");
        Talk { link: Link::start(command.stderr(stderr)), folder }
    }

    pub fn id(&self) -> u32 {
        self.link.id()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).expect("own folder")
    }

    fn ask(&mut self, request: AgentRequest) -> Result<AgentDone, String> {
        self.link.ask(request).map_err(|error| format!("{error}; stderr: {}", self.stderr()))
    }

    pub fn hello(&mut self) -> AgentHello {
        match self.ask(AgentRequest::Hello { protocol: PROTOCOL }) {
            Ok(AgentDone::Hello(hello)) => hello,
            other => panic!("{other:?}"),
        }
    }

    pub fn lease(&mut self) -> Result<(), String> {
        // The host says for itself who it is.
        let request = LeaseRequest {
            owner: String::new(),
            session: String::new(),
            idle_ns: 0,
            frequency: Frequency::Keep,
            cpus: Vec::new(),
        };
        match self.ask(AgentRequest::Lease(request))? {
            AgentDone::Leased => Ok(()),
            other => panic!("{other:?}"),
        }
    }

    pub fn look(&mut self) -> ProbeReport {
        let request =
            ProbeRequest { cpus: Vec::new(), threads: 1, probe_ns: 0, time_ns: 120_000_000_000 };
        match self.ask(AgentRequest::Probe(request)) {
            Ok(AgentDone::Probe(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    pub fn launch(&mut self, model: &Path, slice_ns: u64) -> Result<LaunchReport, String> {
        match self.ask(AgentRequest::Launch(launch(model, slice_ns)))? {
            AgentDone::Launch(report) => Ok(*report),
            other => panic!("{other:?}"),
        }
    }

    pub fn profile(&mut self, model: &Path) -> ProfileReport {
        let request = ProfileRequest { launch: launch(model, 0) };
        match self.ask(AgentRequest::Profile(request)) {
            Ok(AgentDone::Profile(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    /// The first output for this input.
    pub fn run(&mut self, model: &Path, input: &TensorData) -> Result<Vec<f32>, String> {
        self.run_in(Precision::F32, model, input)
    }

    pub fn run_in(
        &mut self,
        precision: Precision,
        model: &Path,
        input: &TensorData,
    ) -> Result<Vec<f32>, String> {
        self.run_file(precision, model_file(model), input)
    }

    /// Of a model with weights beside it: `location` is their name in the model.
    pub fn run_with_weights(
        &mut self,
        model: &Path,
        (location, weights): (&str, &Path),
        input: &TensorData,
    ) -> Result<Vec<f32>, String> {
        let ModelFile { path, sha256, .. } = model_file(weights);
        let beside = WeightsFile { location: location.to_owned(), path, sha256 };
        let model = ModelFile { weights: vec![beside], ..model_file(model) };
        self.run_file(Precision::F32, model, input)
    }

    fn run_file(
        &mut self,
        precision: Precision,
        model: ModelFile,
        input: &TensorData,
    ) -> Result<Vec<f32>, String> {
        let request = run_request(model, input.clone(), precision);
        match self.ask(AgentRequest::Run(request))? {
            AgentDone::Run(mut report) => Ok(report.outputs.remove(0).values),
            other => panic!("{other:?}"),
        }
    }

    /// Ends it, as it should end, and tells what it sent.
    pub fn close(self) -> Sent {
        let Talk { link, folder } = self;
        let code = link.close();
        let stderr = fs::read_to_string(folder.path().join("stderr")).expect("own folder");
        assert_eq!(code, Some(0), "{stderr}");
        let last = stderr.lines().last().unwrap_or_default();
        let numbers: Vec<u64> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [bytes, round_trips] => Sent { bytes, round_trips },
            _ => panic!("{stderr}"),
        }
    }
}

/// One input through a model with one input.
pub fn run_request(model: ModelFile, input: TensorData, precision: Precision) -> RunRequest {
    RunRequest {
        model,
        sizes: Sizes::default(),
        inputs: vec![input],
        values: BTreeMap::new(),
        input_seed: 0,
        precision,
        // Large networks on a busy machine take their time.
        limits: Limits { memory_bytes: 8 << 30, time_ns: 120_000_000_000, ..LIMITS },
    }
}

fn launch(model: &Path, slice_ns: u64) -> LaunchRequest {
    LaunchRequest {
        model: model_file(model),
        sizes: Sizes::default(),
        values: BTreeMap::new(),
        input_seed: 1,
        other_seeds: Vec::new(),
        cpus: Vec::new(),
        threads: 1,
        precision: Precision::F32,
        warm_up: WarmUp { min_ns: 0, max_ns: 50_000_000, tolerance_ppm: 100_000 },
        sampling: Sampling {
            slice_ns,
            block_ns: 25_000_000,
            min_samples: 3,
            max_samples: 1_000_000,
        },
        limits: LIMITS,
    }
}

fn model_file(model: &Path) -> ModelFile {
    let output = Command::new("sha256sum").arg(model).output().expect("sha256sum can be started");
    let said = String::from_utf8(output.stdout).expect("text");
    // A name with a backslash or a line feed in it is escaped, and that is told by a first letter.
    let sha256 = said.trim_start_matches('\\').split_whitespace().next();
    let sha256 = sha256.unwrap_or_else(|| panic!("{}: no such file", model.display())).to_owned();
    ModelFile { path: model.to_str().expect("text").to_owned(), sha256, ..ModelFile::default() }
}

/// Tells a file from a later one of the same name.
pub fn number(path: &Path) -> u64 {
    let metadata = fs::metadata(path);
    metadata.unwrap_or_else(|error| panic!("{}: {error}", path.display())).ino()
}
