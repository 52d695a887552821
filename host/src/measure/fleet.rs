//! Many models on many devices, which measure at the same time.
//!
//! **Invariant:** a failed device does not affect the others; every model on every device ends as a
//! measurement or as a failure that names both. Two entries for one machine never measure at the same
//! time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use pearl_agent::protocol::messages::{ModelFile, ProfileReport};

use super::queue::Queue;
use super::step::Step;
use super::verification::{Arithmetic, Verified};
use super::{Fingerprint, Ledger, Measurement, Session, Settings};
use crate::device::agent_client::Agent;
use crate::device::entry::Device;
use crate::output::error_class::{Classified, ErrorClass, class_of, told};
use crate::process::child::Traffic;

/// What each device does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// All models on every device.
    All,
    /// Each model on the next free device; all devices must have the same fingerprint.
    Among,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ops {
    Without,
    With,
}

/// Which models to measure on which devices.
#[derive(Clone, Debug)]
pub struct Order {
    pub devices: Vec<Device>,
    pub models: Vec<ModelFile>,
    pub settings: Settings,
    pub sharing: Sharing,
    pub ops: Ops,
    /// onnxruntime's library, where the outputs are to be compared with its own.
    pub verify: Option<PathBuf>,
    pub seed: u64,
}

/// What happened on a device; `device` is its index in the order.
#[derive(Debug)]
pub struct FleetEvent {
    pub device: usize,
    pub what: What,
}

#[derive(Debug)]
pub enum What {
    /// Indices of models are those of the order.
    Step(Step),
    Profiled {
        at: usize,
        report: Box<ProfileReport>,
    },
    Verified {
        at: usize,
        verified: Verified,
    },
    /// A failure of one model, or of the device.
    Failed {
        at: Option<usize>,
        error: anyhow::Error,
    },
    /// The device has nothing more to do.
    Done {
        ledger: Ledger,
        traffic: Traffic,
    },
}

/// Carries out the order; `on_event` runs on the calling thread. Returns the models that no device was
/// left to measure.
pub fn measure_fleet(order: &Order, mut on_event: impl FnMut(FleetEvent)) -> Vec<usize> {
    let queue = Queue::new(if order.sharing == Sharing::Among { order.models.len() } else { 0 });
    let kin = Mutex::new(None);
    let machines = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        let (events, incoming) = mpsc::channel();
        for device in 0..order.devices.len() {
            let worker = Worker {
                order,
                device,
                queue: &queue,
                kin: &kin,
                machines: &machines,
                events: events.clone(),
            };
            scope.spawn(move || worker.work());
        }
        drop(events);
        incoming.into_iter().for_each(&mut on_event);
    });
    queue.left()
}

/// One device's part, on its own thread.
struct Worker<'a> {
    order: &'a Order,
    device: usize,
    queue: &'a Queue,
    /// The device whose fingerprint the others have to share.
    kin: &'a Mutex<Option<(String, Fingerprint)>>,
    /// Keys: boot ids, which tell running machines apart.
    machines: &'a Mutex<BTreeMap<String, Machine>>,
    events: Sender<FleetEvent>,
}

/// Locked by the device that measures on it.
type Machine = Arc<Mutex<()>>;

impl Worker<'_> {
    fn work(&self) {
        let mut agent = match Agent::connect(&self.order.devices[self.device]) {
            Ok(agent) => agent,
            Err(error) => return self.lost(error),
        };
        // The lease belongs to this process, so it does not keep two threads of this process apart.
        let machine = self.machine(agent.hello().platform.boot_id.as_deref());
        let mut session = Session::new(&mut agent, &self.order.settings, self.order.seed);
        match self.order.sharing {
            Sharing::All => {
                let all: Vec<_> = (0..self.order.models.len()).collect();
                let _alone = machine.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = self.measure(&mut session, &all) {
                    self.tell(What::Failed { at: None, error });
                }
            }
            Sharing::Among => self.share(&mut session, &machine),
        }
        let ledger = session.ledger();
        self.tell(What::Done { ledger, traffic: agent.traffic() });
    }

    /// A device that does not report a boot id counts as a machine of its own.
    fn machine(&self, boot_id: Option<&str>) -> Machine {
        let Some(boot_id) = boot_id else { return Machine::default() };
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(machines.entry(boot_id.to_owned()).or_default())
    }

    fn share(&self, session: &mut Session<'_>, machine: &Machine) {
        if let Err(error) = self.akin(session) {
            return self.tell(What::Failed { at: None, error });
        }
        loop {
            // The machine first, so that a device takes a model only when it can measure.
            let alone = machine.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(at) = self.queue.take() else { return };
            let measured = self.measure(session, &[at]);
            drop(alone);
            match measured {
                Ok(()) => self.queue.finish(),
                Err(error) => {
                    self.queue.give_back(at);
                    return self.tell(What::Failed { at: None, error });
                }
            }
        }
    }

    /// A device that could not be reached fails every model that was meant for it alone.
    fn lost(&self, error: anyhow::Error) {
        self.fail_all(&(0..self.order.models.len()).collect::<Vec<_>>(), error);
    }

    fn fail_all(&self, models: &[usize], error: anyhow::Error) {
        if self.order.sharing == Sharing::Among {
            return self.tell(What::Failed { at: None, error });
        }
        let shared = Classified::new(class_of(&error), told(&error)).shared(&Arc::new(error));
        for at in models {
            self.tell(What::Failed { at: Some(*at), error: shared.clone().into() });
        }
    }

    /// # Errors
    /// What ended the work of the device, if that is not a failure of one model. If the models are not
    /// shared, every model without a result is reported as failed instead, unless it was an interrupt.
    fn measure(&self, session: &mut Session<'_>, models: &[usize]) -> anyhow::Result<()> {
        let files: Vec<_> = models.iter().map(|at| self.order.models[*at].clone()).collect();
        let mut open = models.to_vec();
        let mut measured = Vec::new();
        let mut arithmetic = BTreeMap::new();
        let result = session.measure_each(files, &mut |step| {
            self.tell(match renumber(step, models) {
                Step::Finished { at, result } => {
                    open.retain(|model| *model != at);
                    match *result {
                        Ok(measurement) => {
                            measured.push(at);
                            arithmetic.insert(at, measurement.arithmetic());
                            let result = Box::new(Ok::<Measurement, anyhow::Error>(measurement));
                            What::Step(Step::Finished { at, result })
                        }
                        Err(error) => What::Failed { at: Some(at), error },
                    }
                }
                step => What::Step(step),
            });
        });
        let result = result
            .and_then(|()| self.profile(session, &measured))
            .and_then(|()| self.verify(session, &arithmetic));
        match (result, self.order.sharing) {
            (Err(error), Sharing::All)
                if class_of(&error) != ErrorClass::Interrupted && !open.is_empty() =>
            {
                self.fail_all(&open, error);
                Ok(())
            }
            (result, _) => result,
        }
    }

    fn profile(&self, session: &mut Session<'_>, models: &[usize]) -> anyhow::Result<()> {
        if self.order.ops == Ops::Without {
            return Ok(());
        }
        for &at in models {
            let model = &self.order.models[at];
            match session.profile(at, model, &mut |step| self.tell(What::Step(step))) {
                Ok(report) => self.tell(What::Profiled { at, report: Box::new(report) }),
                Err(error) if class_of(&error) == ErrorClass::Interrupted => return Err(error),
                Err(error) => self.tell(What::Failed { at: Some(at), error }),
            }
        }
        Ok(())
    }

    fn verify(
        &self,
        session: &mut Session<'_>,
        models: &BTreeMap<usize, Arithmetic>,
    ) -> anyhow::Result<()> {
        let Some(library) = &self.order.verify else { return Ok(()) };
        for (&at, &arithmetic) in models {
            let (model, how) = (&self.order.models[at], (library.as_path(), arithmetic));
            match session.verify(at, model, how, &mut |step| self.tell(What::Step(step))) {
                Ok(verified) => self.tell(What::Verified { at, verified }),
                Err(error) if class_of(&error) == ErrorClass::Interrupted => return Err(error),
                Err(error) => self.tell(What::Failed { at: Some(at), error }),
            }
        }
        Ok(())
    }

    /// # Errors
    /// If another device of the order has another fingerprint.
    fn akin(&self, session: &Session<'_>) -> anyhow::Result<()> {
        let own = session.fingerprint(None);
        let name = &self.order.devices[self.device].name;
        let mut kin = self.kin.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, theirs) = kin.get_or_insert_with(|| (name.clone(), own.clone()));
        let differences = theirs.differences(&own);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Classified::usage(format_args!(
            "device '{name}' is not like '{first}' ({}); share models only among devices with \
             the same fingerprint",
            differences.join("; ")
        ))
        .into())
    }

    fn tell(&self, what: What) {
        // Sending fails only if the caller is gone as well.
        let _ = self.events.send(FleetEvent { device: self.device, what });
    }
}

/// Translates indices of one session's models to those of the order.
fn renumber(step: Step, models: &[usize]) -> Step {
    match step {
        Step::Uploading { at, sent, of } => Step::Uploading { at: models[at], sent, of },
        Step::Launched { at, launches, expected } => {
            Step::Launched { at: models[at], launches, expected }
        }
        Step::Sustaining { at, elapsed_ns, of_ns } => {
            Step::Sustaining { at: models[at], elapsed_ns, of_ns }
        }
        Step::Finished { at, result } => Step::Finished { at: models[at], result },
        step @ (Step::Waiting { .. }
        | Step::CoolingDown { .. }
        | Step::Disturbed { .. }
        | Step::Characterising { .. }) => step,
    }
}
