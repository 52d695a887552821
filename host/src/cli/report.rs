//! `pearl report`: the report of a run, made again from its store.

use std::path::PathBuf;

use clap::Args;

use super::Terminal;
use super::terminal::print_line;
use crate::stored_run;

/// Write the report of a run again, also while it goes on
#[derive(Args)]
#[command(after_help = "Example:\n  pearl report runs/first")]
pub struct ReportArgs {
    /// Run directory
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Write the picture of accuracy against latency alone, as SVG, instead
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
}

pub fn run(args: ReportArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let path = match args.picture {
        Some(path) => stored_run::write_picture(&args.run, &path).map(|()| path)?,
        None => stored_run::write_report(&args.run)?,
    };
    terminal.note("the report was written");
    print_line(&path.display().to_string())
}
