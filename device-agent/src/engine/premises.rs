//! What an agent must leave as it found it: its child, its lease, clock rates, half a file.
//!
//! **Invariant:** once left, nothing is taken again; whoever leaves waits until all is put back, from
//! whichever thread.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::folder::Folder;
use super::frequency::{self, Fixed};
use super::isolation::Isolation;
use super::lease::{self, Lease};
use super::store::Store;
use crate::agent::{Frequency, LeaseRequest, PutReport, PutRequest};
use crate::wire::{Failure, FailureKind};

const SYS: &str = "/sys";

pub struct Premises {
    pub isolation: Isolation,
    /// Or why there is none.
    folder: Result<Folder, Failure>,
    held: Mutex<Held>,
    store: Mutex<Option<Store>>,
}

#[derive(Default)]
struct Held {
    left: bool,
    /// Dropped before the lease, so that the next holder finds everything put back.
    fixed: Option<Fixed>,
    lease: Option<Lease>,
}

impl Premises {
    /// Tidies up after agents that could not.
    pub fn enter() -> Self {
        let folder = Folder::open();
        if let Ok(folder) = &folder {
            frequency::recover(Path::new(SYS), &folder.journal());
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
    pub fn folder(&self) -> Result<&Folder, Failure> {
        self.folder.as_ref().map_err(Clone::clone)
    }

    /// Takes the lease, or changes the one held; how long its holder may be silent.
    ///
    /// # Errors
    /// Where somebody else has it, or the clock rates cannot be held.
    pub fn lease(&self, request: &LeaseRequest) -> Result<Duration, Failure> {
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
                let message = "lease: this agent holds one of another session; release it first";
                return Err(Failure::new(FailureKind::BadRequest, message));
            }
            // The folder that was set by hand is made here, where it holds the lease too.
            None => Some(Lease::take(lease::place(), request)?),
        };
        held.fixed = None;
        let fixed = match request.frequency {
            Frequency::Keep => Ok(None),
            Frequency::Fix => self.fix(&request.cpus).map(Some),
        };
        // A new lease without what was asked for is none.
        let fixed = fixed?;
        held.fixed = fixed;
        if new.is_some() {
            held.lease = new;
        }
        Ok(held.lease.as_ref().map_or(Duration::ZERO, Lease::idle))
    }

    fn fix(&self, cpus: &[usize]) -> Result<Fixed, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Err(frequency::refused("the agent is not root"));
        }
        Fixed::fix(Path::new(SYS), &self.folder()?.journal(), cpus)
    }

    /// Puts everything back; without a lease nothing happens.
    pub fn release(&self) {
        let mut held = lock(&self.held);
        held.fixed = None;
        held.lease = None;
    }

    /// Holds on to a lease for `work` and the silence allowed after it.
    ///
    /// # Errors
    /// Where its file cannot be written.
    pub fn renew(&self, work: Duration) -> Result<(), Failure> {
        lock(&self.held).lease.as_mut().map_or(Ok(()), |lease| lease.renew(work))
    }

    /// # Errors
    /// As [`Store::put`], or why there is no folder.
    pub fn put(&self, request: &PutRequest) -> Result<PutReport, Failure> {
        self.folder()?;
        lock(&self.store).as_mut().ok_or_else(gone)?.put(request)
    }

    /// Ends the child, then puts everything back.
    pub fn leave(&self) {
        self.isolation.end();
        let mut held = lock(&self.held);
        held.left = true;
        held.fixed = None;
        held.lease = None;
        drop(held);
        if let Some(mut store) = lock(&self.store).take() {
            store.give_up();
        }
    }
}

fn gone() -> Failure {
    Failure::new(FailureKind::Internal, "the agent is ending")
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in there is left half changed by a panic.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
