//! What a report shows, as plain data: the search fills it from its store, the renderer only reads.
//!
//! **Invariant:** apart from the engine, no type of the store, of the worker or of the agent's
//! measurements is named here, so that a report of a stored run is rendered exactly as one of a live
//! run.

use std::fmt;

use pearl_agent::protocol::messages::Engine;

/// One search, finished or not.
#[derive(Clone, Debug)]
pub struct RunView {
    pub title: String,
    /// The run directory, as the user named it.
    pub directory: String,
    pub state: RunState,
    /// The exact command line that repeats the run.
    pub command: String,
    /// The settings, in the order in which they are shown.
    pub settings: Vec<SettingsView>,
    /// When the run started, already in words.
    pub started: String,
    pub ended: Option<String>,
    pub wall: WallTime,
    /// The device that was measured.
    pub device: String,
    pub engine: Engine,
    pub budget_ns: u64,
    /// What else a reader has to know of the run's numbers.
    pub remarks: Vec<String>,
    /// Half the width of `budget ± window`, if the search asks for it.
    pub window_ns: Option<u64>,
    pub teacher: Option<TeacherView>,
    /// The candidates, in the order in which they were sampled.
    pub candidates: Vec<CandidateView>,
    pub best: Option<BestView>,
    pub decisions: Vec<DecisionView>,
    /// The updates of the policy, in the order in which they happened.
    pub updates: Vec<PolicyUpdateView>,
    /// The stretches of the run, in their order; empty if the run does not tell.
    pub segments: Vec<SegmentView>,
}

/// A stretch of the run whose numbers were made under the same conditions.
#[derive(Clone, Debug)]
pub struct SegmentView {
    pub index: u64,
    /// When the segment started, already in words.
    pub started: String,
    /// How many of the candidates are of this segment.
    pub candidates: usize,
    /// What differs from the segment before.
    pub differences: Vec<String>,
}

/// What one update of the policy did.
#[derive(Clone, Copy, Debug)]
pub struct PolicyUpdateView {
    /// The candidate whose reward filled the batch.
    pub candidate: u64,
    pub loss: f64,
    /// Entropy of the policy over the batch, in nats.
    pub entropy: f64,
    /// The moving average of the rewards after the update.
    pub baseline: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// All candidates are done, and the winner was tried.
    Finished,
    Interrupted {
        done: usize,
        total: usize,
    },
    /// A search uses the run directory now.
    Running {
        done: usize,
        total: usize,
    },
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Finished => f.write_str("finished"),
            Self::Interrupted { done, total } if done >= total => {
                write!(f, "interrupted before the winner of {total} candidates was ready")
            }
            Self::Interrupted { done, total } => {
                write!(f, "interrupted after {done} of {total} candidates")
            }
            Self::Running { done, total } => write!(f, "running: {done} of {total} candidates"),
        }
    }
}

/// A titled group of settings, such as `space` or `device`.
#[derive(Clone, Debug)]
pub struct SettingsView {
    pub title: String,
    /// Names and values.
    pub entries: Vec<(String, String)>,
}

/// How the run's wall-clock time was used, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallTime {
    pub training_ns: u64,
    pub inference_ns: u64,
    /// Warm-up, and starting and ending the measured processes.
    pub launches_ns: u64,
    pub other_ns: u64,
}

/// Accuracies are fractions from 0 to 1.
#[derive(Clone, Debug)]
pub struct TeacherView {
    pub name: String,
    /// Accuracy on the held-out images that judge the candidates.
    pub holdout_accuracy: Option<f64>,
    pub test_accuracy: Option<f64>,
}

#[derive(Clone, Debug)]
pub struct CandidateView {
    pub index: u64,
    pub arch_id: String,
    pub status: CandidateStatus,
    /// Why the candidate is not done, or another remark on it.
    pub reason: Option<String>,
    /// Accuracy on held-out images after the search's short training, from 0 to 1.
    pub accuracy: Option<f64>,
    pub latency: Option<LatencyView>,
    pub reward: Option<f64>,
    pub params: Option<u64>,
    pub macs: Option<u64>,
    /// [`SegmentView::index`] of the segment that the numbers are of.
    pub segment: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateStatus {
    Done,
    /// Trained, but no measurement of it could be believed.
    Unmeasured,
    Failed,
    /// Sampled, and not yet through training and measuring.
    InFlight,
    /// An architecture sampled before, whose numbers were taken over.
    Repeated,
}

/// The median of the samples and its interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyView {
    pub point_ns: u64,
    pub lo_ns: u64,
    pub hi_ns: u64,
}

/// The chosen student.
#[derive(Clone, Debug)]
pub struct BestView {
    /// [`CandidateView::index`] of the candidate.
    pub candidate: u64,
    /// Absent until it is trained in full.
    pub trained: Option<TrainedView>,
}

/// The chosen student after its full training.
#[derive(Clone, Debug)]
pub struct TrainedView {
    pub epochs: u64,
    /// Accuracy on the test images, from 0 to 1.
    pub test_accuracy: f64,
    pub holdout_accuracy: Option<f64>,
    pub latency: Option<LatencyView>,
    /// The verdict on the final measurement, such as `stable`.
    pub verdict: String,
    /// The exported file.
    pub onnx: String,
}

/// One categorical decision of the space.
#[derive(Clone, Debug)]
pub struct DecisionView {
    /// What the decision belongs to, such as `block 3`. Neighbours of one group share a row.
    pub group: String,
    /// The decision's name, such as `kernel`.
    pub name: String,
    pub choices: Vec<ChoiceView>,
}

#[derive(Clone, Debug)]
pub struct ChoiceView {
    pub label: String,
    /// How often it was sampled in the first and in the last quarter of the candidates.
    pub first_quarter: u64,
    pub last_quarter: u64,
    /// Its probability under the final policy, averaged over the decisions before it.
    pub probability: f64,
}

/// Rewards are accuracies scaled; a larger one is no reward, and no axis could show it.
const LARGEST_REWARD: f64 = 1e6;

impl CandidateStatus {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unmeasured => "unmeasured",
            Self::Failed => "failed",
            Self::InFlight => "in flight",
            Self::Repeated => "repeated",
        }
    }
}

impl CandidateView {
    /// Latency and accuracy, if both are known and the candidate counts.
    pub(super) fn measured(&self) -> Option<(LatencyView, f64)> {
        let counts = matches!(self.status, CandidateStatus::Done | CandidateStatus::Repeated);
        let accuracy = self.accuracy.filter(|accuracy| (0.0..=1.0).contains(accuracy));
        self.latency.filter(|_| counts).zip(accuracy)
    }

    /// The reward that the policy learnt from.
    pub(super) fn rewarded(&self) -> Option<f64> {
        let counts = matches!(self.status, CandidateStatus::Done | CandidateStatus::Repeated);
        self.reward.filter(|reward| counts && reward.abs() <= LARGEST_REWARD)
    }
}

impl WallTime {
    pub(super) fn total_ns(&self) -> u64 {
        [self.inference_ns, self.launches_ns, self.other_ns]
            .into_iter()
            .fold(self.training_ns, u64::saturating_add)
    }
}

impl RunView {
    pub(super) fn chosen(&self) -> Option<&CandidateView> {
        let best = self.best.as_ref()?;
        self.candidates.iter().find(|candidate| candidate.index == best.candidate)
    }

    /// Whether the conditions changed in the course of the run.
    pub(super) fn has_segments(&self) -> bool {
        self.segments.len() > 1
    }

    pub(super) fn trained(&self) -> Option<&TrainedView> {
        self.best.as_ref()?.trained.as_ref()
    }
}
