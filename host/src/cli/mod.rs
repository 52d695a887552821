//! The command line: one file a verb.
//!
//! **Invariant:** results go to stdout (with `--json` exactly one document), everything else to
//! stderr; an error is printed once.

mod arch;
mod baseline;
mod bench;
mod characterise;
mod check;
mod compare;
mod completions;
mod devices;
mod export;
mod history;
mod input_args;
mod limit_args;
mod measuring;
mod network_args;
mod onnxruntime_child;
mod report;
mod talk;

mod recipe;
mod search;
mod search_progress;
mod teacher;
mod teacher_args;
mod train;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::output::error_class::{self, Classified};
use crate::output::terminal::Terminal;

/// Find the student network that a teacher teaches best, within a latency budget measured on the
/// device.
#[derive(Parser)]
#[command(name = "pearl", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  pearl bench student.onnx\n  pearl search --space mnas --data \
    fashion-mnist --teacher resnet --budget 2ms --out runs/first\n\nExit codes: 0 done; 1 slower \
    than allowed; 2 wrong usage or configuration; 3 bad input; 4 device unreachable, lost or at a \
    limit; 5 measured, but not to be believed; 70 a bug; 74 a file, the disk or a database of this \
    machine failed; 130 interrupted."
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
    /// Also print each request to the agent or the worker, when it was answered, and their logs
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Verb {
    Search(search::SearchArgs),
    Train(train::TrainArgs),
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
    #[command(hide = true, name = crate::measure::ONCE_COMMAND)]
    RunInOnnxruntime,
}

/// The whole program.
pub fn main() -> ExitCode {
    error_class::report(run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<()> {
    if cli.global.quiet && cli.global.verbose {
        return Err(Classified::usage("--quiet and --verbose exclude each other").into());
    }
    let terminal = Terminal::new(cli.global.quiet, cli.global.verbose);
    match cli.verb {
        Verb::Search(args) => search::run(args, &terminal),
        Verb::Train(args) => train::run(args, &terminal),
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
        Verb::RunInOnnxruntime => onnxruntime_child::run(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The commands of a page: the lines of its `sh` blocks that call `pearl`, without comments.
    fn commands(page: &str) -> Vec<String> {
        let blocks = page.split("```sh\n").skip(1);
        let blocks = blocks.filter_map(|rest| Some(rest.split_once("```")?.0.replace("\\\n", " ")));
        let lines: Vec<String> =
            blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let command = |line: String| {
            let line = line.split(" #").next().unwrap_or_default();
            let end = line.find([';', '|', '>', '&']).unwrap_or(line.len());
            let words: Vec<&str> = line[..end].split_whitespace().collect();
            let others = ["cargo", "cp", "ln", "pip", "rm", "export"];
            let is_pearl = |word: &&str| *word == "pearl" || word.ends_with("/pearl");
            let at = words.iter().position(is_pearl).filter(|_| !others.contains(&words[0]))?;
            Some(words[at..].join(" "))
        };
        lines.into_iter().filter_map(command).collect()
    }

    #[test]
    fn every_command_of_the_docs_parses() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let docs = fs::read_dir(checkout.join("docs")).unwrap().map(|entry| entry.unwrap().path());
        let pages = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
        let mut seen = 0;
        for page in pages.chain([checkout.join("README.md")]) {
            for command in commands(&fs::read_to_string(&page).unwrap()) {
                let words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
                let parsed = Cli::try_parse_from(words);
                let help = parsed.as_ref().is_err_and(|error| !error.use_stderr());
                assert!(parsed.is_ok() || help, "{}: {command}", page.display());
                seen += 1;
            }
        }
        assert!(seen > 30, "only {seen} commands were found");
    }
}
