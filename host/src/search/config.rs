//! What a search is asked to do.

use std::path::PathBuf;

use serde::Serialize;

use super::Budget;
use crate::device::entry::Device;
use crate::measure::{Fingerprint, Settings, precision_name};
use crate::search::objective::Objective;
use crate::search::seeds::Seeds;
use crate::store::OtherConditions;
use crate::student::InputForm;
use crate::teacher::Teacher;
use crate::train::worker_protocol::{DataSource, Loss, PolicyConfig, Recipe, Split, WorkerHello};

#[derive(Clone, Debug)]
pub struct SearchConfig {
    pub space: String,
    pub data: DataSource,
    pub split: Split,
    /// Also kept if the loss is hard: the report then compares the students with this teacher.
    pub teacher: Option<Teacher>,
    pub recipe: Recipe,
    pub loss: Loss,
    pub device: Device,
    pub measuring: Settings,
    /// Of every file that is measured, and of the winner's.
    pub input_form: InputForm,
    pub budget: Budget,
    pub window_ns: Option<u64>,
    pub objective: Objective,
    pub controller: PolicyConfig,
    pub seeds: Seeds,
    pub torch_device: String,
    pub candidates: usize,
    /// How the winner is trained; none leaves it untrained.
    pub final_training: Option<FinalTraining>,
    /// What to do if the run goes on under other conditions than before.
    pub other_conditions: OtherConditions,
    /// The run directory.
    pub out: PathBuf,
    /// The command line that repeats the run, for readers of the report.
    pub command: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FinalTraining {
    pub epochs: usize,
    pub images: usize,
}

impl SearchConfig {
    /// The settings that must stay the same when a run is resumed. The number of candidates and the
    /// final training are not among them, because they may grow.
    pub fn settings(&self) -> Vec<(String, String)> {
        let recipe = &self.recipe;
        let loss = match &self.loss {
            Loss::Hard => "hard".to_owned(),
            Loss::Distillation { alpha, temperature, .. } => {
                format!("distillation, alpha = {alpha}, temperature = {temperature}")
            }
        };
        let teacher = self.teacher.as_ref();
        let controller = serde_json::to_string(&self.controller)
            .expect("a controller's configuration is plain data");
        [
            ("space", self.space.clone()),
            ("data", self.data.name.clone()),
            ("training images", self.split.images.to_string()),
            ("held-out images", self.split.holdout.to_string()),
            ("split", "by class".to_owned()),
            ("teacher", teacher.map_or("none".to_owned(), |teacher| teacher.name.clone())),
            ("searching by", loss),
            ("epochs", recipe.epochs.to_string()),
            ("batch", recipe.batch.to_string()),
            ("learning rate", recipe.learning_rate.to_string()),
            ("momentum", recipe.momentum.to_string()),
            ("weight decay", recipe.weight_decay.to_string()),
            ("flip", recipe.flip.to_string()),
            ("device", self.device.name.clone()),
            ("cpus", self.device.cpus.to_string()),
            ("threads", self.measuring.threads.unwrap_or(self.device.threads).to_string()),
            ("precision", precision_name(self.measuring.precision).to_owned()),
            (
                "sustained",
                self.measuring
                    .sustained
                    .map_or("none".to_owned(), |length| format!("{} ns", length.as_nanos())),
            ),
            ("input of networks", self.input_form.range().to_owned()),
            ("budget", self.budget.to_string()),
            ("window", self.window_ns.map_or("none".to_owned(), |window| format!("{window} ns"))),
            ("objective", self.objective.to_string()),
            ("latency", "compensated".to_owned()),
            ("latency interval", format!("±{} %", 100.0 * self.measuring.stopping_rule.target)),
            ("controller", controller),
            ("seed of weights", self.seeds.weights.to_string()),
            ("seed of order", self.seeds.order.to_string()),
            ("seed of controller", self.seeds.controller.to_string()),
            ("seed of measurement", self.seeds.measurement.to_string()),
            ("torch device", self.torch_device.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// What the numbers of the run depend on besides its settings: the device, the engine, the agent, what
    /// trains, and the teacher's content.
    pub fn conditions(
        &self,
        fingerprint: &Fingerprint,
        worker: &WorkerHello,
    ) -> Vec<(String, String)> {
        let teacher = self.teacher.as_ref();
        let mut all = fingerprint.parts();
        all.extend(
            [
                ("worker version", worker.version.clone()),
                ("torch", worker.torch.clone()),
                ("torch device", worker.torch_device.clone()),
                ("training threads", worker.threads.to_string()),
                (
                    "teacher sha256",
                    teacher.map_or("none".to_owned(), |teacher| teacher.sha256.clone()),
                ),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        all
    }
}
