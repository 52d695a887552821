//! The time of a model's operators.

use pearl_agent::protocol::messages::{ModelFile, ProfileReport, ProfileRequest};

use super::Session;
use super::step::Observer;

impl Session<'_> {
    /// Profiles one model in a single launch; the times are no better than those of one launch.
    ///
    /// # Errors
    /// What is wrong with the model or the device.
    pub fn profile(
        &mut self,
        at: usize,
        model: &ModelFile,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<ProfileReport> {
        self.hold(observer, |session, observer| {
            let placed = session.place(at, model, observer)?;
            let placed = placed.map_err(|error| session.agent.classified(&error))?;
            let slice = session.settings.sampling.slice_ns;
            let request = ProfileRequest { launch: session.request(placed.there, slice) };
            let profiled = session.attempt_within_limits(|agent| agent.profile(request.clone()))?;
            Ok(profiled.map_err(|error| session.agent.classified(&error))?)
        })
    }
}
