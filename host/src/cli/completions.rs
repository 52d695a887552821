//! `pearl completions`: for the shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::terminal::print_document;

/// Print the completions of a shell
#[derive(Args)]
#[command(
    after_help = "Example:\n  pearl completions bash > ~/.local/share/bash-completion/completions/pearl"
)]
pub struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub fn run(args: CompletionsArgs) -> anyhow::Result<()> {
    // Into memory first: the generator panics where a reader went away early.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pearl", &mut script);
    print_document(String::from_utf8_lossy(&script).trim_end())
}
