//! `pearl completions`: completion scripts for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::output::terminal::print_document;

/// Print the completion script for a shell
#[derive(Args)]
#[command(
    after_help = "Example:\n  pearl completions bash > ~/.local/share/bash-completion/completions/pearl"
)]
pub struct CompletionsArgs {
    /// Shell to print the script for
    shell: Shell,
}

pub fn run(args: CompletionsArgs) -> anyhow::Result<()> {
    // Generate into memory first: the generator panics if the reader of stdout is gone.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pearl", &mut script);
    print_document(String::from_utf8_lossy(&script).trim_end())
}
