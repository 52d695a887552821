//! A fresh agent in the place of one that was lost.

use std::time::{Duration, Instant};

use super::{Agent, fault, lease, start};
use crate::device::Transport;
use crate::exit::{Fault, Kind, may_pass};

/// How long a device that is out of reach is tried again.
const PATIENCE: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a replacement found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The device has been up all the time, as far as it tells.
    SameBoot,
    /// It was started again in between.
    OtherBoot,
}

impl Agent {
    /// Puts a fresh agent in the place of one that was lost; tries for two minutes where the device is
    /// out of reach. A lease is taken up again.
    ///
    /// # Errors
    /// Where the device stays away, is somebody else's now, or another agent answers.
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
            if !again || start_of_it.elapsed() + pause > PATIENCE {
                return Err(error);
            }
            lease::pause(pause).map_err(|error| fault(&error))?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// `boot` is that of the agent that was lost.
    fn reconnect(&mut self, boot: Option<&str>) -> anyhow::Result<Replaced> {
        let (child, hello) = start(&self.device)?;
        if (&hello.build, &hello.engine) != (&self.hello.build, &self.hello.engine) {
            let message = format!(
                "device '{}': another agent answered after a restart; measure again",
                self.device.name
            );
            return Err(Fault::new(Kind::Device, message).lasting().into());
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
            self.request_lease().map_err(|error| fault(&error))?;
        }
        Ok(replaced)
    }
}
