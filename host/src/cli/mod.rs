//! The command line: one file a verb.
//!
//! **Invariant:** results go to stdout (with `--json` exactly one document), everything else to
//! stderr; an error is printed once.

mod arch;
mod bench;
mod characterise;
mod check;
mod compare;
mod completions;
mod devices;
mod export;
mod history;
mod measuring;
mod network;
mod report;
mod talk;
mod terminal;

#[cfg(feature = "torch")]
mod recipe;
#[cfg(feature = "torch")]
mod search;
#[cfg(feature = "torch")]
mod search_progress;
#[cfg(feature = "torch")]
mod teacher;
#[cfg(feature = "torch")]
mod train;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::exit::{self, Fault};

pub use terminal::Terminal;

/// Find the student network that a teacher teaches best, within a latency budget measured on the
/// device.
#[derive(Parser)]
#[command(name = "pearl", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  pearl bench student.onnx\n  pearl search --space mnas --data \
    fashion-mnist --teacher resnet --budget 2ms --out runs/first\n\nExit codes: 0 done; 2 wrong \
    usage or configuration; 3 bad input; 4 device unreachable or lost; 5 \
    measured, but not to be believed; 70 a bug; 130 interrupted."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Args)]
struct Global {
    /// No progress and no notes, only results and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Also tell what is asked of the agent and the worker, when they answer, and what they log
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Verb {
    #[cfg(feature = "torch")]
    Search(search::SearchArgs),
    #[cfg(feature = "torch")]
    Train(train::TrainArgs),
    #[cfg(feature = "torch")]
    #[command(subcommand)]
    Teacher(teacher::TeacherVerb),
    Bench(bench::BenchArgs),
    Compare(compare::CompareArgs),
    #[command(subcommand)]
    History(history::HistoryVerb),
    #[command(subcommand)]
    Arch(arch::ArchVerb),
    Export(export::ExportArgs),
    #[command(subcommand)]
    Devices(devices::DevicesVerb),
    Report(report::ReportArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Talk(talk::TalkArgs),
    /// The child process that trains; started by the other commands
    #[cfg(feature = "torch")]
    #[command(hide = true)]
    Worker,
}

/// The whole program.
pub fn main() -> ExitCode {
    exit::report(run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<()> {
    if cli.global.quiet && cli.global.verbose {
        return Err(Fault::usage("--quiet and --verbose exclude each other").into());
    }
    let terminal = Terminal::new(cli.global.quiet, cli.global.verbose);
    match cli.verb {
        #[cfg(feature = "torch")]
        Verb::Search(args) => search::run(args, &terminal),
        #[cfg(feature = "torch")]
        Verb::Train(args) => train::run(args, &terminal),
        #[cfg(feature = "torch")]
        Verb::Teacher(verb) => teacher::run(verb, &terminal),
        Verb::Bench(args) => bench::run(args, &terminal),
        Verb::Compare(args) => compare::run(args, &terminal),
        Verb::History(verb) => history::run(verb),
        Verb::Arch(verb) => arch::run(verb),
        Verb::Export(args) => export::run(args, &terminal),
        Verb::Devices(verb) => devices::run(verb, &terminal),
        Verb::Report(args) => report::run(args, &terminal),
        Verb::Completions(args) => completions::run(args),
        Verb::Talk(args) => talk::run(args, &terminal),
        #[cfg(feature = "torch")]
        Verb::Worker => crate::worker::run(),
    }
}
