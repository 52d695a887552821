//! A real agent, driven as a host drives it, and a folder of model files.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::{
    AgentDone, AgentHello, AgentRequest, Frequency, LaunchRequest, LeaseRequest, Limits, ModelFile,
    NoProgress, Precision, RunReport, RunRequest, Sampling, Sizes, TensorData, WarmUp,
};
use pearl_agent::protocol::wire::{Failure, Outcome, PROTOCOL, Reply, Request};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Longer than any step takes on a busy machine; a test that waits so long has failed.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

pub const AGENT: &str = env!("CARGO_BIN_EXE_pearl-agent");

pub struct Agent {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    last_id: u64,
    /// Removed with the agent.
    _own_folder: Option<TempDir>,
}

impl Agent {
    /// Started in a folder of its own, and not yet greeted.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut agent = Self::start_in(folder.path());
        agent._own_folder = Some(folder);
        agent
    }

    /// Started in that private folder, where its lease lies too.
    pub fn start_in(folder: &Path) -> Self {
        Self::spawn(Command::new(AGENT).env("PEARL_AGENT_FOLDER", folder))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { stdin: child.stdin.take(), child, lines, last_id: 0, _own_folder: None }
    }

    pub fn greeted() -> Self {
        let mut agent = Self::start();
        agent.hello();
        agent
    }

    pub fn greeted_in(folder: &Path) -> Self {
        let mut agent = Self::start_in(folder);
        agent.hello();
        agent
    }

    /// Greeted, and holding a lease of its own.
    pub fn leased() -> Self {
        let mut agent = Self::greeted();
        agent.ask(AgentRequest::Lease(lease("test", "session"))).unwrap();
        agent
    }

    pub fn hello(&mut self) -> AgentHello {
        let done = self.ask(AgentRequest::Hello { protocol: PROTOCOL }).unwrap();
        let AgentDone::Hello(hello) = done else { panic!("{done:?}") };
        hello
    }

    pub fn send(&mut self, body: AgentRequest) {
        self.last_id += 1;
        let line = serde_json::to_string(&Request { id: self.last_id, body }).unwrap();
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    pub fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// The exit status of an agent that ends by itself.
    pub fn ended(&mut self) -> ExitStatus {
        wait_for(|| self.child.try_wait().unwrap())
    }

    pub fn answer(&mut self) -> Result<AgentDone, Failure> {
        let line = self.lines.recv_timeout(LONGEST_WAIT).unwrap();
        let reply: Reply<NoProgress, AgentDone> = serde_json::from_str(&line).unwrap();
        assert_eq!(reply.id, self.last_id);
        match reply.outcome {
            Outcome::Done(done) => Ok(done),
            Outcome::Failed(failure) => Err(failure),
            Outcome::Progress(never) => match never {},
        }
    }

    /// The failure that answers bytes that are no request, whatever its id.
    pub fn answer_to_garbage(&mut self) -> Failure {
        let line = self.lines.recv_timeout(LONGEST_WAIT).unwrap();
        let reply: Reply<NoProgress, AgentDone> = serde_json::from_str(&line).unwrap();
        let Outcome::Failed(failure) = reply.outcome else { panic!("{line}") };
        failure
    }

    pub fn ask(&mut self, body: AgentRequest) -> Result<AgentDone, Failure> {
        self.send(body);
        self.answer()
    }

    pub fn run(&mut self, model: ModelFile, inputs: Vec<TensorData>) -> Result<RunReport, Failure> {
        let request = RunRequest {
            model,
            sizes: Sizes::default(),
            inputs,
            values: BTreeMap::new(),
            input_seed: 0,
            precision: Precision::F32,
            limits: limits(),
        };
        self.ask(AgentRequest::Run(request)).map(|done| {
            let AgentDone::Run(report) = done else { panic!("{done:?}") };
            report
        })
    }

    /// The process of the launch at hand, once there is one.
    pub fn launched(&self) -> u32 {
        wait_for(|| {
            let id = self.child.id();
            let children =
                std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // At the end of its input it leaves nothing behind.
        drop(self.stdin.take());
        let started = Instant::now();
        while started.elapsed() < LONGEST_WAIT / 10 && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first value that `find` returns.
pub fn wait_for<T>(mut find: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(started.elapsed() < LONGEST_WAIT, "timed out");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether the process has ended; it may still be a zombie.
pub fn is_gone(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    status.map_or(true, |text| text.contains("State:\tZ"))
}

pub fn signal(name: &str, process: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    assert!(sent.unwrap().success());
}

/// A lease that lasts longer than any test.
pub fn lease(owner: &str, session: &str) -> LeaseRequest {
    LeaseRequest {
        owner: owner.into(),
        session: session.into(),
        idle_ns: 300_000_000_000,
        frequency: Frequency::Keep,
        cpus: Vec::new(),
    }
}

/// A folder of model files.
pub struct Models(TempDir);

impl Models {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn add(&self, name: &str, bytes: &[u8]) -> ModelFile {
        std::fs::write(self.path(name), bytes).unwrap();
        meant(&self.path(name), bytes)
    }
}

/// The file at that path, if it holds these bytes.
pub fn meant(path: &Path, bytes: &[u8]) -> ModelFile {
    let digits = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    ModelFile { path: path.to_str().unwrap().into(), sha256: digits, ..ModelFile::default() }
}

pub fn limits() -> Limits {
    Limits { model_bytes: 1 << 20, memory_bytes: 1 << 30, time_ns: 100_000_000_000 }
}

/// A launch of a few milliseconds.
pub fn launch(model: ModelFile) -> LaunchRequest {
    LaunchRequest {
        model,
        sizes: Sizes::default(),
        values: BTreeMap::new(),
        input_seed: 1,
        other_seeds: Vec::new(),
        cpus: Vec::new(),
        threads: 1,
        precision: Precision::F32,
        warm_up: WarmUp { min_ns: 1_000_000, max_ns: 20_000_000, tolerance_ppm: 50_000 },
        sampling: Sampling {
            slice_ns: 2_000_000,
            block_ns: 500_000,
            min_samples: 20,
            max_samples: 50,
        },
        limits: limits(),
    }
}
