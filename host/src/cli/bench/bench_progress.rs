//! The progress display of `pearl bench`.

use std::collections::BTreeMap;

use indicatif::ProgressBar;

use crate::measure::{FleetEvent, Order, Step, What};
use crate::output::duration::ms_with_interval;
use crate::output::sanitise::for_terminal;
use crate::output::terminal::{Terminal, Waiting, disturbed};

const TEMPLATE: &str = "{prefix:12} {bar:24} {percent:>3} %, {elapsed} so far, {eta} left  {msg}";

/// On a terminal, one progress bar per device. Elsewhere, only notes.
pub struct Progress<'a> {
    terminal: &'a Terminal,
    order: &'a Order,
    devices: Vec<DeviceBar>,
}

struct DeviceBar {
    bar: ProgressBar,
    /// Launches done and expected, by model.
    models: BTreeMap<usize, (u64, u64)>,
    waiting: Waiting,
}

impl<'a> Progress<'a> {
    pub fn new(terminal: &'a Terminal, order: &'a Order) -> Self {
        let devices = order.devices.iter().map(|device| {
            let bar = terminal.bar(1, TEMPLATE);
            bar.set_prefix(for_terminal(&device.name));
            DeviceBar { bar, models: BTreeMap::new(), waiting: Waiting::default() }
        });
        Self { terminal, order, devices: devices.collect() }
    }

    pub fn show(&mut self, event: &FleetEvent) {
        let name = &self.order.devices[event.device].name;
        let device = &mut self.devices[event.device];
        let model = |at: usize| for_terminal(&self.order.models[at].path);
        match &event.what {
            What::Step(Step::Waiting { who }) => {
                device.waiting.tell(self.terminal, name, who);
                device.bar.set_message("waiting");
            }
            What::Step(Step::Disturbed { who, waits }) => {
                self.terminal.note(disturbed(name, who, *waits));
            }
            What::Step(Step::Uploading { at, sent, of }) => {
                let percent = 100 * sent / (*of).max(1);
                device.bar.set_message(format!("uploading {}: {percent} %", model(*at)));
            }
            What::Step(Step::Launched { at, launches, expected }) => {
                device.count(*at, *launches as u64, *expected as u64, self.order.models.len());
                device.bar.set_message(format!("launch {launches} of {}", model(*at)));
            }
            What::Step(Step::Sustaining { at, elapsed_ns, of_ns }) => {
                device.count(
                    *at,
                    *elapsed_ns / 1_000_000,
                    *of_ns / 1_000_000,
                    self.order.models.len(),
                );
                device.bar.set_message(format!("running {}", model(*at)));
            }
            What::Step(Step::CoolingDown { why }) => {
                device.bar.set_message(format!("the device is {why}: cooldown"));
            }
            What::Step(Step::Finished { at, result }) => {
                if let Some(count) = device.models.get_mut(at) {
                    count.1 = count.0;
                }
                if let (Ok(measurement), true) = (result.as_ref(), self.terminal.is_live()) {
                    let latency = ms_with_interval(&measurement.number());
                    self.terminal.note(format!("{name}: {}: {latency}", model(*at)));
                }
            }
            What::Step(Step::Characterising { .. })
            | What::Profiled { .. }
            | What::Verified { .. }
            | What::Failed { .. } => {}
            What::Done { .. } => device.bar.finish_and_clear(),
        }
    }

    pub fn close(&self) {
        self.devices.iter().for_each(|device| device.bar.finish_and_clear());
    }
}

impl DeviceBar {
    /// A model that has not started is assumed to need as much as the started ones on average.
    fn count(&mut self, at: usize, done: u64, expected: u64, models: usize) {
        self.models.insert(at, (done, expected.max(done)));
        let begun = self.models.len() as u64;
        let sum = |of: fn(&(u64, u64)) -> u64| self.models.values().map(of).sum::<u64>();
        let unknown = (models as u64).saturating_sub(begun);
        let whole = sum(|count| count.1) + unknown * sum(|count| count.1) / begun;
        self.bar.set_length(whole.max(1));
        self.bar.set_position(sum(|count| count.0));
    }
}
