//! What the host asks of the worker, and what it answers.
//!
//! **Invariant:** a request names everything that its result depends on, seeds included; the worker
//! keeps caches between requests, never state that changes a result.

use std::path::{Path, PathBuf};

use pearl_agent::protocol::messages::TensorData;
use pearl_models::architecture::Architecture;
use pearl_models::shape::ImageShape;
use serde::{Deserialize, Serialize};

pub use super::policy_config::{PolicyConfig, PolicyConfigError, Update};
pub use super::state_bytes::StateBytes;
use super::teacher_options::TeacherOptions;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerRequest {
    /// The first request. `torch_device` is `auto`, `cpu` or `cuda:N`.
    Hello {
        protocol: u32,
        torch_device: String,
    },
    /// Read and check a data set.
    Data(DataSource),
    /// Load a teacher, check it against the data and make sure that its logits are on disk.
    Teach(TeachRequest),
    Train(Box<TrainRequest>),
    /// Logits of given inputs, for parity tests.
    Forward(ForwardRequest),
    Policy(PolicyRequest),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerDone {
    Hello(WorkerHello),
    Data(DataReport),
    Teach(TeachReport),
    Train(TrainReport),
    Forward(ForwardReport),
    Policy(PolicyReport),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerHello {
    pub protocol: u32,
    pub version: String,
    /// Version of libtorch.
    pub torch: String,
    /// The device chosen, such as `cpu` or `cuda:0`.
    pub torch_device: String,
    pub threads: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// The data set's name, such as `fashion-mnist`.
    pub name: String,
    /// Holds the four IDX files, plain or `.gz`.
    pub folder: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataReport {
    pub input: ImageShape,
    pub classes: usize,
    pub train_images: usize,
    pub test_images: usize,
    /// SHA-256 over the decoded files.
    pub sha256: String,
}

/// Which of the training images train, and which judge. The images are drawn class by class, so that each
/// part holds every class by its share. `holdout` images judge accuracy and are never trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    pub images: usize,
    pub holdout: usize,
}

/// A network by name (a reference network such as `resnet-8`) or by architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkSource {
    Architecture(Architecture),
    Reference { name: String, input: ImageShape, classes: usize },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TeacherSource {
    /// A reference network with our own weights.
    Native { network: String, weights: PathBuf },
    /// A traced or scripted module. Unless the options say otherwise: input `[n, c, h, w]` f32, normalised
    /// as ours are, output `[n, classes]` logits.
    TorchScript {
        file: PathBuf,
        #[serde(default, skip_serializing_if = "TeacherOptions::are_default")]
        options: Box<TeacherOptions>,
    },
}

impl TeacherSource {
    /// The file of the weights, or of the module.
    pub fn file(&self) -> &Path {
        match self {
            Self::Native { weights, .. } => weights,
            Self::TorchScript { file, .. } => file,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeachRequest {
    pub teacher: TeacherSource,
    pub data: DataSource,
    pub split: Split,
    /// Folder of the logits that are kept; files in it are named by content key.
    pub cache: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeachReport {
    /// Key of the logits: a hash of the teacher's content, the data's, the split and the views.
    pub key: String,
    /// Whether the logits had to be computed.
    pub computed: bool,
    /// The teacher's own accuracy on the held-out images.
    pub accuracy: Accuracy,
    /// What is odd about the teacher, such as rows that sum to one; each names it.
    pub remarks: Vec<String>,
    pub took_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainRequest {
    pub network: NetworkSource,
    pub data: DataSource,
    pub split: Split,
    pub recipe: Recipe,
    pub loss: Loss,
    pub seeds: TrainSeeds,
    /// Safetensors file to write, by temporary name and rename.
    pub weights_out: Option<PathBuf>,
    /// Whether to evaluate the test images too.
    pub test: bool,
}

/// Stochastic gradient descent with Nesterov momentum and a one-cycle learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub epochs: usize,
    pub batch: usize,
    /// The highest learning rate of the cycle.
    pub learning_rate: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    /// Flip images left to right at random: two views of each.
    pub flip: bool,
}

/// `CE(y, p)`, and for distillation `+ alpha · CE(softmax(z_teacher / temperature), p)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    Hard,
    Distillation { teacher: TeacherSource, cache: PathBuf, alpha: f64, temperature: f64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainSeeds {
    pub weights: u64,
    pub order: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accuracy {
    pub correct: u64,
    pub total: u64,
}

impl Accuracy {
    pub fn share(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.correct as f64 / self.total as f64 }
    }
}

/// Sent at most a few times a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainProgress {
    pub step: usize,
    pub steps: usize,
    /// Mean loss since the last line; absent if it is not finite.
    pub loss: Option<f32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    pub holdout: Accuracy,
    pub test: Option<Accuracy>,
    /// Why training stopped early, such as a loss that is not finite; the accuracies are then 0.
    pub diverged: Option<String>,
    /// Mean loss of each finished epoch.
    pub epoch_loss: Vec<f32>,
    pub time: TrainTime,
}

/// How the time was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainTime {
    /// Reading data, building the network, everything before the first step.
    pub prepare_ns: u64,
    /// Finding, loading or computing the teacher's logits.
    pub teacher_ns: u64,
    pub steps_ns: u64,
    pub evaluate_ns: u64,
    /// Images that went through training steps.
    pub images: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForwardRequest {
    pub network: NetworkSource,
    pub weights: PathBuf,
    pub input: TensorData,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForwardReport {
    pub logits: TensorData,
}

/// A question to a search's policy, with all that its answer depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRequest {
    /// The number of choices of each decision.
    pub choices: Vec<usize>,
    pub config: PolicyConfig,
    pub start: PolicyStart,
    pub ask: PolicyAsk,
}

/// The policy that is asked: a fresh one, or a stored one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyStart {
    Seed(u64),
    State(StateBytes),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAsk {
    /// Whether the policy can go on.
    Check,
    /// Samples a candidate.
    Sample,
    /// Gives the policy a candidate's reward; the policy learns when the reward fills a batch.
    Observe { choices: Vec<usize>, log_prob: f64, reward: f64 },
    /// Asks for the marginal probabilities of each decision's choices.
    Marginals,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// The policy afterwards.
    pub state: StateBytes,
    pub answer: PolicyAnswer,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAnswer {
    Checked,
    Sampled(PolicySample),
    /// `None` if the batch is not full yet.
    Observed(Option<PolicyUpdate>),
    Marginals(Vec<Vec<f64>>),
}

/// A candidate's decisions, and the logarithm of the probability that the policy gave them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicySample {
    pub choices: Vec<usize>,
    pub log_prob: f64,
}

/// What one batch did. Loss, entropy and norm are those of its last step, before that step changed the
/// parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyUpdate {
    pub loss: f64,
    /// Entropy of the policy over the batch, in nats.
    pub entropy: f64,
    /// Baseline after the batch.
    pub baseline: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
}
