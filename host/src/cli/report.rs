//! `pearl report`: the report of a run, written again from its store.

use std::path::PathBuf;

use clap::Args;

use crate::output::terminal::Terminal;
use crate::output::terminal::print_line;
use crate::report::stored_run;

/// Write the report of a run again, even while the run is going on
#[derive(Args)]
#[command(after_help = "Example:\n  pearl report runs/first")]
pub struct ReportArgs {
    /// Run directory
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Instead of the report, write only the chart of accuracy against latency, as SVG
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
}

pub fn run(args: ReportArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let (what, (path, state)) = match args.picture {
        Some(path) => {
            let state = stored_run::write_picture(&args.run, &path)?;
            ("picture", (path, state))
        }
        None => ("report", stored_run::write_report(&args.run)?),
    };
    terminal.note(format!("the {what} was written; the run is {state}"));
    print_line(&path.display().to_string())
}
