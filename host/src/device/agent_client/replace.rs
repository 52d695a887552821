//! Replacing a lost agent by a fresh one.

use std::time::{Duration, Instant};

use super::{Agent, classified, lease_wait, start};
use crate::device::entry::Transport;
use crate::output::error_class::{Classified, ErrorClass, may_pass};

/// How long to try to reach a device again.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a replacement found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The device was not rebooted, as far as it reports.
    SameBoot,
    /// The device was rebooted in between.
    OtherBoot,
}

impl Agent {
    /// Replaces a lost agent by a fresh one. Tries for two minutes if the device cannot be reached. A
    /// lease is taken again.
    ///
    /// # Errors
    /// If the device stays out of reach, another host has leased it, or another agent answers.
    pub fn replace(&mut self) -> anyhow::Result<Replaced> {
        let start_of_it = Instant::now();
        let mut pause = FIRST_PAUSE;
        let boot = self.hello.platform.boot_id.clone();
        loop {
            let error = match self.reconnect(boot.as_deref()) {
                Ok(replaced) => return Ok(replaced),
                Err(error) => error,
            };
            let again = may_pass(&error) && !matches!(self.device.transport, Transport::Local);
            if !again || start_of_it.elapsed() + pause > LONGEST_WAIT {
                return Err(error);
            }
            lease_wait::pause(pause).map_err(|error| classified(&error))?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// `boot` is the boot id that the lost agent reported.
    fn reconnect(&mut self, boot: Option<&str>) -> anyhow::Result<Replaced> {
        let (child, hello) = start(&self.device)?;
        if (&hello.build, &hello.engine) != (&self.hello.build, &self.hello.engine) {
            let message = format!(
                "device '{}': another agent answered after a restart; measure again",
                self.device.name
            );
            return Err(Classified::new(ErrorClass::Device, message).lasting().into());
        }
        let replaced = match (hello.platform.boot_id.as_deref(), boot) {
            (Some(now), Some(then)) if now != then => Replaced::OtherBoot,
            _ => Replaced::SameBoot,
        };
        self.earlier += self.child.traffic();
        self.child = child;
        self.hello = hello;
        self.placed.values_mut().for_each(|placed| placed.doubted = true);
        if self.lease.is_some() {
            self.request_lease().map_err(|error| classified(&error))?;
        }
        Ok(replaced)
    }
}
