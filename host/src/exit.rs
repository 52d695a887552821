//! Exit codes, and the one place that prints an error.
//!
//! **Invariant:** an error is printed once, as one line: what, on which object, what to do next. An
//! error that nobody classified is a bug of ours.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::harmless::for_terminal;

/// Whose move it is. The numbers are part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wrong usage or configuration.
    Usage = 2,
    /// A model, data set, table or architecture that cannot be used.
    Input = 3,
    /// A device that cannot be reached, refused or got lost.
    Device = 4,
    /// Measured, but not to be believed.
    Unstable = 5,
    /// Ours.
    Bug = 70,
    Interrupted = 130,
}

/// A classified error; travels as a layer of an [`anyhow::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub kind: Kind,
    message: String,
    lasting: bool,
}

impl Fault {
    pub fn new(kind: Kind, message: impl Display) -> Self {
        Self { kind, message: message.to_string(), lasting: false }
    }

    /// Of a device: trying again is no use until somebody has done something.
    pub fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }

    pub fn usage(message: impl Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub fn input(message: impl Display) -> Self {
        Self::new(Kind::Input, message)
    }

    /// Of a file that was named and cannot be read.
    pub fn unreadable(kind: Kind, path: &Path, error: &io::Error) -> Self {
        let path = path.display();
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(kind, format_args!("{path}: no such file")),
            _ => Self::new(kind, format_args!("{path}: {error}")),
        }
    }
}

/// Says whose move an error is, where it is first known.
pub trait Classify<T> {
    fn or_fault(self, kind: Kind) -> anyhow::Result<T>;
}

impl<T, E: Display> Classify<T> for Result<T, E> {
    fn or_fault(self, kind: Kind) -> anyhow::Result<T> {
        self.map_err(|error| Fault::new(kind, format_args!("{error:#}")).into())
    }
}

/// The kind of the outermost layer that has one.
pub fn kind(error: &anyhow::Error) -> Kind {
    error
        .chain()
        .find_map(|layer| layer.downcast_ref::<Fault>())
        .map_or(Kind::Bug, |fault| fault.kind)
}

/// Whether patience helps against it.
pub fn may_pass(error: &anyhow::Error) -> bool {
    let mut faults = error.chain().filter_map(|layer| layer.downcast_ref::<Fault>());
    kind(error) == Kind::Device && !faults.any(|fault| fault.lasting)
}

/// Prints the error and yields the exit code.
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let kind = kind(&error);
    let text = for_terminal(&format!("{error:#}").replace(['\n', '\r'], " "));
    match kind {
        Kind::Bug => eprintln!("pearl: internal error: {text}; please report it with the command"),
        Kind::Interrupted => eprintln!("pearl: {text}"),
        _ => eprintln!("pearl: error: {text}"),
    }
    ExitCode::from(kind as u8)
}
