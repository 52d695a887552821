//! Exit codes, and the one place that prints an error.
//!
//! **Invariant:** an error is printed once, as one line: what, on which object, what to do next. An
//! error without a class is a bug of ours.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::output::sanitise::for_terminal;

/// Where an error comes from. The numbers are the exit codes, part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// A model is slower than it may be.
    Slower = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// A model, data set, table or architecture that cannot be used.
    Input = 3,
    /// A device that cannot be reached, refused or got lost.
    Device = 4,
    /// The measurement was made, but its verdict says not to believe it.
    Unstable = 5,
    /// A bug of ours.
    Bug = 70,
    Interrupted = 130,
}

/// A classified error; travels as a layer of an [`anyhow::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Classified {
    pub class: ErrorClass,
    message: String,
    lasting: bool,
}

impl Classified {
    pub fn new(class: ErrorClass, message: impl Display) -> Self {
        Self { class, message: message.to_string(), lasting: false }
    }

    /// Marks an error of a device: trying again is of no use until the user has changed something.
    pub fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }

    pub fn usage(message: impl Display) -> Self {
        Self::new(ErrorClass::Usage, message)
    }

    pub fn input(message: impl Display) -> Self {
        Self::new(ErrorClass::Input, message)
    }

    /// The error of a named file that cannot be read.
    pub fn unreadable(class: ErrorClass, path: &Path, error: &io::Error) -> Self {
        let path = path.display();
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(class, format_args!("{path}: no such file")),
            _ => Self::new(class, format_args!("{path}: {error}")),
        }
    }
}

/// Gives an error its class, at the place where the class is first known.
pub trait Classify<T> {
    fn or_class(self, class: ErrorClass) -> anyhow::Result<T>;
}

impl<T, E: Display> Classify<T> for Result<T, E> {
    fn or_class(self, class: ErrorClass) -> anyhow::Result<T> {
        self.map_err(|error| Classified::new(class, format_args!("{error:#}")).into())
    }
}

/// The class of the outermost layer that has one.
pub fn class_of(error: &anyhow::Error) -> ErrorClass {
    error
        .chain()
        .find_map(|layer| layer.downcast_ref::<Classified>())
        .map_or(ErrorClass::Bug, |error| error.class)
}

/// Whether trying again later may help.
pub fn may_pass(error: &anyhow::Error) -> bool {
    let mut classified = error.chain().filter_map(|layer| layer.downcast_ref::<Classified>());
    class_of(error) == ErrorClass::Device && !classified.any(|error| error.lasting)
}

/// Prints the error and yields the exit code.
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let class = class_of(&error);
    let text = for_terminal(&format!("{error:#}").replace(['\n', '\r'], " "));
    match class {
        ErrorClass::Bug => {
            eprintln!("pearl: internal error: {text}; please report it with the command")
        }
        ErrorClass::Interrupted => eprintln!("pearl: {text}"),
        _ => eprintln!("pearl: error: {text}"),
    }
    ExitCode::from(class as u8)
}
