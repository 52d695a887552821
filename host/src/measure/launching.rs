//! Requests to the device, and what happens if the agent is lost during one.

use std::time::Instant;

use pearl_agent::protocol::messages::{LaunchReport, LaunchRequest, Limits, ModelFile, Sampling};
use pearl_agent::protocol::wire::{Failure, FailureKind};

use super::Session;
use super::settings::nanos;
use super::step::{Observer, Step};
use crate::device::agent_client::{Agent, Replaced};
use crate::process::child::ChildError;

/// About as long as a launch tries other inputs for.
const OTHER_INPUTS_NS: u64 = 1_000_000_000;

/// A model on the device.
pub(super) struct Placed {
    pub there: ModelFile,
    /// The shortest time so far that a launch took besides timed inference.
    overhead_ns: Option<u64>,
}

impl Session<'_> {
    /// The outer error ends the session, the inner one only this request.
    pub(super) fn attempt<T>(
        &mut self,
        mut ask: impl FnMut(&mut Agent) -> Result<T, ChildError>,
    ) -> anyhow::Result<Result<T, ChildError>> {
        let mut result = ask(self.agent);
        if result.as_ref().is_err_and(ChildError::lost) {
            let replaced = self.agent.replace()?;
            self.losses.agents += 1;
            self.losses.boots += usize::from(replaced == Replaced::OtherBoot);
            result = ask(self.agent);
        }
        match result {
            Err(error) if ends_everything(&error) => Err(self.agent.classified(&error).into()),
            result => Ok(result),
        }
    }

    /// As [`Session::attempt`], for work on a model: a failure by a limit names the option that raises it.
    pub(super) fn attempt_within_limits<T>(
        &mut self,
        ask: impl FnMut(&mut Agent) -> Result<T, ChildError>,
    ) -> anyhow::Result<Result<T, ChildError>> {
        let result = self.attempt(ask)?;
        let raisable = self.limits().memory_bytes == self.settings.limits.memory_bytes;
        Ok(result.map_err(|error| advised(error, raisable)))
    }

    pub(super) fn place(
        &mut self,
        at: usize,
        model: &ModelFile,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<Result<Placed, ChildError>> {
        let since = Instant::now();
        let placed = self.attempt(|agent| {
            agent.place(model, |sent, of| observer(Step::Uploading { at, sent, of }))
        })?;
        self.ledger.upload_ns += nanos(since.elapsed());
        Ok(placed.map(|there| Placed { there, overhead_ns: None }))
    }

    pub(super) fn launch(
        &mut self,
        placed: &mut Placed,
    ) -> anyhow::Result<Result<LaunchReport, ChildError>> {
        let mut request = self.request(placed.there.clone(), self.slice_ns(placed.overhead_ns));
        // Once a model: what it is fed hardly depends on the process.
        if placed.overhead_ns.is_none() {
            let tried = 1..=self.settings.other_inputs;
            request.other_seeds = tried.map(|more| self.input_seed.wrapping_add(more)).collect();
        }
        let since = Instant::now();
        let launched = self.attempt_within_limits(|agent| agent.launch(request.clone()))?;
        if let Ok(report) = &launched {
            self.ledger.launched(report);
            let useful = report.wall_ns + report.warm_up_ns.iter().sum::<u64>();
            let overhead = nanos(since.elapsed()).saturating_sub(useful);
            // What other inputs took is no overhead of every launch.
            let tried = if request.other_seeds.is_empty() { 0 } else { OTHER_INPUTS_NS };
            let least = placed.overhead_ns.unwrap_or(u64::MAX);
            placed.overhead_ns = Some(least.min(overhead.saturating_sub(tried)));
        }
        Ok(launched)
    }

    pub(super) fn request(&self, model: ModelFile, slice_ns: u64) -> LaunchRequest {
        LaunchRequest {
            model,
            sizes: self.settings.sizes.clone(),
            values: self.settings.values.clone(),
            input_seed: self.input_seed,
            other_seeds: Vec::new(),
            cpus: self.agent.cpus(),
            threads: self.threads(),
            precision: self.settings.precision,
            warm_up: self.settings.warm_up,
            sampling: Sampling { slice_ns, ..self.settings.sampling },
            limits: self.limits(),
        }
    }

    /// The limits of a launch, with at most the memory of the device: a launch that reaches a limit
    /// reports it, while a launch that takes all memory of the device is killed.
    pub(super) fn limits(&self) -> Limits {
        let platform = &self.agent.hello().platform;
        let limits = self.settings.limits;
        let there = [platform.memory_bytes, platform.cgroup.memory_bytes].into_iter().flatten();
        Limits { memory_bytes: there.fold(limits.memory_bytes, u64::min), ..limits }
    }

    /// How long to sample, so that timed inference has its share of a launch with this overhead.
    fn slice_ns(&self, overhead_ns: Option<u64>) -> u64 {
        let share = self.settings.timed_share;
        let wanted = overhead_ns.map_or(0.0, |overhead| overhead as f64 * share / (1.0 - share));
        let least = self.settings.sampling.slice_ns;
        (wanted as u64).clamp(least, nanos(self.settings.longest_slice).max(least))
    }
}

/// `raisable` says whether the device has more memory than the limit.
fn advised(error: ChildError, raisable: bool) -> ChildError {
    let ChildError::Failed(Failure { kind, message }) = error else { return error };
    let advice = match kind {
        FailureKind::TimeLimit => "; give each launch more with --limit, such as --limit 10m",
        FailureKind::MemoryLimit if raisable => {
            "; give it more with --memory-limit, such as --memory-limit 16GB"
        }
        FailureKind::MemoryLimit => "; the device has no more: measure a smaller model",
        _ => "",
    };
    ChildError::Failed(Failure { kind, message: message + advice })
}

/// Whether every later request would fail as well.
fn ends_everything(error: &ChildError) -> bool {
    match error {
        ChildError::Interrupted => true,
        ChildError::Failed(failure) => {
            matches!(failure.kind, FailureKind::Internal | FailureKind::Busy)
        }
        error => error.lost(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_by_a_limit_names_the_option_that_raises_it() {
        for (kind, raisable, told) in [
            (FailureKind::TimeLimit, true, "m.onnx: why; give each launch more with --limit"),
            (FailureKind::MemoryLimit, true, "m.onnx: why; give it more with --memory-limit"),
            (FailureKind::MemoryLimit, false, "m.onnx: why; the device has no more"),
            (FailureKind::BadInput, true, "m.onnx: why"),
        ] {
            let error = ChildError::Failed(Failure::new(kind, "m.onnx: why"));
            let ChildError::Failed(failure) = advised(error, raisable) else { panic!("{kind:?}") };
            assert_eq!(failure.kind, kind);
            assert!(failure.message.starts_with(told), "{}", failure.message);
            let plain = kind == FailureKind::BadInput;
            assert_eq!(failure.message.contains("--"), !plain && raisable, "{}", failure.message);
        }
    }
}
