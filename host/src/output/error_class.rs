//! Exit codes, and the one place that prints an error.
//!
//! **Invariant:** an error is printed once, as one line: what, on which object, what to do next. The class
//! that was given first, where most was known, is the error's. An error without a class is a bug of ours.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::output::sanitise::for_terminal;

/// Where an error comes from; of several errors the last in this order decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorClass {
    /// A model is slower than it may be.
    Slower,
    /// The measurement was made, but its verdict says not to believe it.
    Unstable,
    /// Wrong usage or configuration.
    Usage,
    /// A model, data set, table or architecture that cannot be used.
    Input,
    /// The device reached a limit of time, memory or size, which an option raises.
    Limit,
    /// A device that cannot be reached, refused or got lost.
    Device,
    /// A file, the disk or a database of this machine failed.
    Machine,
    /// A bug of ours.
    Bug,
    Interrupted,
}

impl ErrorClass {
    /// The exit code, part of the contract with scripts.
    pub fn code(self) -> u8 {
        match self {
            Self::Slower => 1,
            Self::Usage => 2,
            Self::Input => 3,
            Self::Limit | Self::Device => 4,
            Self::Unstable => 5,
            Self::Bug => 70,
            Self::Machine => 74,
            Self::Interrupted => 130,
        }
    }
}

/// A classified error; travels as a layer of an [`anyhow::Error`].
#[derive(Clone, Debug)]
pub struct Classified {
    pub class: ErrorClass,
    /// Also says what the source says.
    message: String,
    lasting: bool,
    source: Option<Arc<anyhow::Error>>,
}

impl Display for Classified {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Classified {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn Error + 'static) = (**source).as_ref();
            source
        })
    }
}

impl Classified {
    pub fn new(class: ErrorClass, message: impl Display) -> Self {
        Self { class, message: message.to_string(), lasting: false, source: None }
    }

    /// Marks an error of a device: trying again is of no use until the user has changed something.
    pub fn lasting(self) -> Self {
        Self { lasting: true, ..self }
    }

    /// Keeps what caused it. A class that the cause has counts more than this one.
    pub fn because(self, source: impl Into<anyhow::Error>) -> Self {
        self.shared(&Arc::new(source.into()))
    }

    /// As [`Classified::because`], where several errors have one cause.
    pub fn shared(self, source: &Arc<anyhow::Error>) -> Self {
        Self { source: Some(Arc::clone(source)), ..self }
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
        let plain = match error.kind() {
            io::ErrorKind::NotFound => Self::new(class, format_args!("{path}: no such file")),
            _ => Self::new(class, format_args!("{path}: {error}")),
        };
        match error.raw_os_error() {
            Some(code) => plain.because(io::Error::from_raw_os_error(code)),
            None => plain,
        }
    }

    /// The error of a file or folder of this machine that cannot be written. A path that cannot be one is the
    /// user's to correct.
    pub fn unwritable(error: io::Error) -> Self {
        use io::ErrorKind::{AlreadyExists, InvalidInput, IsADirectory, NotADirectory};
        let class = match error.kind() {
            AlreadyExists | InvalidInput | IsADirectory | NotADirectory => ErrorClass::Usage,
            _ => ErrorClass::Machine,
        };
        Self::new(class, &error).because(error)
    }
}

/// Gives an error its class, at the place where the class is first known. A class that the error has already
/// stays.
pub trait Classify<T> {
    fn or_class(self, class: ErrorClass) -> anyhow::Result<T>;
}

impl<T, E: Display + Into<anyhow::Error> + 'static> Classify<T> for Result<T, E> {
    fn or_class(self, class: ErrorClass) -> anyhow::Result<T> {
        self.map_err(|error| {
            let message = match (&error as &dyn Any).downcast_ref::<anyhow::Error>() {
                Some(error) => told(error),
                None => error.to_string(),
            };
            let source = error.into();
            let class = known_class(&source).unwrap_or(class);
            Classified::new(class, message).because(source).into()
        })
    }
}

/// Classifies the error of a file or folder of this machine that cannot be written.
pub trait ClassifyWriting<T> {
    fn or_unwritable(self) -> anyhow::Result<T>;
}

impl<T> ClassifyWriting<T> for io::Result<T> {
    fn or_unwritable(self) -> anyhow::Result<T> {
        self.map_err(|error| Classified::unwritable(error).into())
    }
}

/// Several errors of one command, which are printed one by one.
#[derive(Debug)]
pub struct Several(Vec<anyhow::Error>);

impl Several {
    /// One error for all; `None` if there is none. Errors that are several themselves are taken apart, and an
    /// interrupt that stopped several counts once.
    pub fn of(errors: Vec<anyhow::Error>) -> Option<anyhow::Error> {
        let parts = |error: anyhow::Error| match error.downcast::<Self>() {
            Ok(Self(parts)) => parts,
            Err(other) => vec![other],
        };
        let mut errors: Vec<_> = errors.into_iter().flat_map(parts).collect();
        let mut interrupted = false;
        errors.retain(|error| {
            class_of(error) != ErrorClass::Interrupted || !std::mem::replace(&mut interrupted, true)
        });
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(Self(errors).into()),
        }
    }
}

impl Display for Several {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(told).collect::<Vec<_>>().join("; "))
    }
}

impl Error for Several {}

/// All values, or all errors.
pub fn all_of<T>(results: impl IntoIterator<Item = anyhow::Result<T>>) -> anyhow::Result<Vec<T>> {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    Several::of(errors).map_or(Ok(values), Err)
}

/// Both values, or all errors.
pub fn both_of<A, B>(
    first: anyhow::Result<A>,
    second: anyhow::Result<B>,
) -> anyhow::Result<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (first, second) => {
            let errors = first.err().into_iter().chain(second.err()).collect();
            Err(Several::of(errors).expect("one of them failed"))
        }
    }
}

/// The class of the innermost layer that has one; of several errors the worst.
pub fn class_of(error: &anyhow::Error) -> ErrorClass {
    known_class(error).unwrap_or(ErrorClass::Bug)
}

fn known_class(error: &anyhow::Error) -> Option<ErrorClass> {
    let class = |layer: &(dyn Error + 'static)| {
        if let Some(Several(all)) = layer.downcast_ref::<Several>() {
            return all.iter().map(class_of).max();
        }
        layer.downcast_ref::<Classified>().map(|error| error.class)
    };
    error.chain().rev().find_map(class)
}

/// Whether trying again later may help.
pub fn may_pass(error: &anyhow::Error) -> bool {
    let mut classified = error.chain().filter_map(|layer| layer.downcast_ref::<Classified>());
    class_of(error) == ErrorClass::Device && !classified.any(|error| error.lasting)
}

/// The whole message of an error. What lies below a classified layer is not told: that layer's message says
/// it.
pub fn told(error: &anyhow::Error) -> String {
    let mut text = Vec::new();
    for layer in error.chain() {
        text.push(layer.to_string());
        if layer.is::<Classified>() {
            break;
        }
    }
    text.join(": ")
}

/// Prints the error, or each of several, and yields the exit code.
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    match error.downcast_ref::<Several>() {
        Some(Several(all)) => all.iter().for_each(print),
        None => print(&error),
    }
    ExitCode::from(class_of(&error).code())
}

fn print(error: &anyhow::Error) {
    let text = for_terminal(&told(error).replace(['\n', '\r'], " "));
    let line = match class_of(error) {
        ErrorClass::Bug => {
            format!("pearl: internal error: {text}; please report it with the command")
        }
        ErrorClass::Interrupted => format!("pearl: {text}"),
        _ => format!("pearl: error: {text}"),
    };
    // A stderr that is full or closed loses the line; the exit code still tells.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    fn full() -> io::Error {
        io::Error::from_raw_os_error(28)
    }

    #[test]
    fn the_class_that_was_given_first_stays_and_its_source_is_kept() {
        let inner: anyhow::Result<()> = Err(full()).or_unwritable();
        let outer = inner.context("best.onnx").or_class(ErrorClass::Usage).unwrap_err();
        assert_eq!(class_of(&outer), ErrorClass::Machine);
        let source = outer.chain().find_map(|layer| layer.downcast_ref::<io::Error>()).unwrap();
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn what_a_source_says_is_told_once() {
        let once: anyhow::Result<()> = Err(full()).or_class(ErrorClass::Input);
        let twice = once.context("a.onnx").or_class(ErrorClass::Usage).context("model");
        assert_eq!(told(&twice.unwrap_err()), format!("model: a.onnx: {}", full()));
        let bare = anyhow::Error::from(full()).context("a.onnx");
        assert_eq!(told(&bare), format!("a.onnx: {}", full()));
        assert_eq!(class_of(&bare), ErrorClass::Bug);
    }

    #[test]
    fn a_path_that_cannot_be_one_is_wrong_usage_and_a_full_disk_is_the_machines() {
        for (kind, class) in [
            (io::ErrorKind::NotADirectory, ErrorClass::Usage),
            (io::ErrorKind::StorageFull, ErrorClass::Machine),
            (io::ErrorKind::PermissionDenied, ErrorClass::Machine),
            (io::ErrorKind::NotFound, ErrorClass::Machine),
        ] {
            assert_eq!(Classified::unwritable(kind.into()).class, class, "{kind}");
        }
    }

    #[test]
    fn of_several_errors_all_are_told_and_the_worst_decides() {
        let all = || {
            [Classified::input("a.onnx: no such file"), Classified::usage("no device 'x'")]
                .map(|error| Err::<(), _>(anyhow::Error::from(error)))
        };
        let error = all_of(all()).unwrap_err();
        assert_eq!(told(&error), "a.onnx: no such file; no device 'x'");
        assert_eq!(class_of(&error), ErrorClass::Input);
        let within = anyhow::Error::from(Classified::new(ErrorClass::Device, "lost"));
        let error = Several::of(vec![error, within]).unwrap();
        assert_eq!(class_of(&error).code(), 4);
        assert_eq!(all_of([Ok(1), Ok(2)]).unwrap(), [1, 2]);
    }

    #[test]
    fn an_interrupt_that_stopped_several_counts_once() {
        let error = |class, text: &str| anyhow::Error::from(Classified::new(class, text));
        let interrupted = || error(ErrorClass::Interrupted, "interrupted");
        let only = Several::of(vec![interrupted(), interrupted()]).unwrap();
        assert!(only.downcast_ref::<Several>().is_none());
        let lost = error(ErrorClass::Device, "lost");
        let both = Several::of(vec![interrupted(), lost, interrupted()]).unwrap();
        assert_eq!(told(&both), "interrupted; lost");
        assert_eq!(class_of(&both).code(), 130);
    }

    #[test]
    fn exit_codes_are_those_of_the_docs() {
        use ErrorClass::*;
        let all = [Slower, Usage, Input, Limit, Device, Unstable, Bug, Machine, Interrupted];
        assert_eq!(all.map(ErrorClass::code), [1, 2, 3, 4, 4, 5, 70, 74, 130]);
    }
}
