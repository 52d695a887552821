//! What an agent must end or restore: its child, its lease, clock rates, an incomplete file.
//!
//! **Invariant:** after `leave` nothing is taken again. On every thread `leave` returns only when everything
//! is restored.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::folder::Folder;
use super::isolation::Isolation;
use super::lease::{Lease, Places};
use crate::platform::android::Programs;
use crate::platform::fixed_performance::{self, FixedPerformance};
use crate::platform::frequency::{self, Fixed};
use crate::platform::procfs::Tree;
use crate::platform::thermal;
use crate::session::model_store::Store;
use pearl_agent::protocol::messages::{Frequency, LeaseRequest, PutReport, PutRequest};
use pearl_agent::protocol::wire::{Failure, FailureKind};

const SYS: &str = "/sys";

pub(crate) struct SessionGuard {
    pub(crate) isolation: Isolation,
    /// The private folder, or why there is none.
    folder: Result<Folder, Failure>,
    held: Mutex<Held>,
    store: Mutex<Option<Store>>,
}

#[derive(Default)]
struct Held {
    left: bool,
    /// Dropped before the lease, so that the next lease owner finds everything restored.
    fixed: Option<Fixed>,
    fixed_performance: Option<FixedPerformance>,
    lease: Option<Lease>,
}

impl Held {
    fn restore(&mut self) {
        self.fixed = None;
        self.fixed_performance = None;
    }
}

impl SessionGuard {
    /// Restores what killed agents left changed.
    pub(crate) fn enter() -> Self {
        let folder = Folder::open();
        if let Ok(folder) = &folder {
            frequency::recover(Path::new(SYS), &folder.journal());
            if let Some(programs) = Programs::of_the_device() {
                fixed_performance::recover(&programs, &folder.fixed_performance());
            }
        }
        let store = folder.as_ref().ok().map(|folder| Store::new(folder.models()));
        Self {
            isolation: Isolation::default(),
            folder,
            held: Mutex::default(),
            store: Mutex::new(store),
        }
    }

    /// # Errors
    /// Why there is no folder.
    pub(crate) fn folder(&self) -> Result<&Folder, Failure> {
        self.folder.as_ref().map_err(Clone::clone)
    }

    /// Takes the lease, or changes the one that this agent holds; returns the idle timeout.
    ///
    /// # Errors
    /// Where another agent has the lease, the clock rates cannot be fixed, or Android's thermal status has been
    /// set by hand.
    pub(crate) fn lease(&self, request: &LeaseRequest) -> Result<Duration, Failure> {
        let mut held = lock(&self.held);
        if held.left {
            return Err(gone());
        }
        let new = match &mut held.lease {
            Some(lease) if lease.is_of(&request.session) => {
                lease.change(request)?;
                None
            }
            Some(_) => {
                let message = "lease: this agent holds that of another session; release it first";
                return Err(Failure::new(FailureKind::BadRequest, message));
            }
            None => Some(Lease::take(self.places(), request)?),
        };
        held.restore();
        // Where one of these fails, a new lease is not kept.
        let programs = Programs::of_the_device();
        if programs.as_ref().is_some_and(thermal::is_overridden) {
            return Err(overridden());
        }
        match (request.frequency, programs) {
            (Frequency::Keep, _) => {}
            (Frequency::Fix, Some(programs)) if !rustix::process::geteuid().is_root() => {
                held.fixed_performance = Some(self.fix_performance(&programs, &request.cpus)?);
            }
            (Frequency::Fix, _) => held.fixed = Some(self.fix(&request.cpus)?),
        }
        if new.is_some() {
            held.lease = new;
        }
        Ok(held.lease.as_ref().map_or(Duration::ZERO, Lease::idle))
    }

    /// `enter` has created the private folder, which holds a file of the lease.
    fn places(&self) -> Places {
        Places::of(self.folder.as_ref().ok().map(Folder::path))
    }

    /// What needs no lease is refused as well while somebody measures.
    ///
    /// # Errors
    /// Where another agent has the lease.
    pub(crate) fn admit(&self) -> Result<(), Failure> {
        match &lock(&self.held).lease {
            Some(_) => Ok(()),
            None => self.places().free(),
        }
    }

    fn fix(&self, cpus: &[usize]) -> Result<Fixed, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Err(frequency::refused("the agent is not root"));
        }
        Fixed::fix(Path::new(SYS), &self.folder()?.journal(), cpus)
    }

    fn fix_performance(
        &self,
        programs: &Programs,
        cpus: &[usize],
    ) -> Result<FixedPerformance, Failure> {
        let journal = self.folder()?.fixed_performance();
        FixedPerformance::set(programs, &Tree::of_the_device(), &journal, cpus)
    }

    /// Whether this agent has switched Android's fixed-performance mode on.
    pub(crate) fn has_fixed_performance(&self) -> bool {
        lock(&self.held).fixed_performance.is_some()
    }

    /// Restores the clock rates and gives the lease back; without a lease nothing happens.
    pub(crate) fn release(&self) {
        let mut held = lock(&self.held);
        held.restore();
        held.lease = None;
    }

    /// Extends the lease, if there is one, by `work` and the idle timeout after it.
    ///
    /// # Errors
    /// Where its file cannot be written.
    pub(crate) fn renew(&self, work: Duration) -> Result<(), Failure> {
        lock(&self.held).lease.as_mut().map_or(Ok(()), |lease| lease.renew(work))
    }

    /// # Errors
    /// As [`Store::put`], or why there is no folder.
    pub(crate) fn put(&self, request: &PutRequest) -> Result<PutReport, Failure> {
        self.folder()?;
        lock(&self.store).as_mut().ok_or_else(gone)?.put(request)
    }

    /// Ends the child, then restores everything.
    pub(crate) fn leave(&self) {
        self.isolation.end();
        let mut held = lock(&self.held);
        held.left = true;
        held.restore();
        held.lease = None;
        drop(held);
        if let Some(mut store) = lock(&self.store).take() {
            store.give_up();
        }
    }
}

fn overridden() -> Failure {
    let message = "somebody has set the thermal status of this device by hand, so that it does not tell \
                   whether the device is hot; run `cmd thermalservice reset` on it";
    Failure::new(FailureKind::Device, message)
}

fn gone() -> Failure {
    Failure::new(FailureKind::Internal, "the agent is ending")
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic leaves nothing in there half changed.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
