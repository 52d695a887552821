//! `pearl completions`: for the shell.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Print the completions of a shell
#[derive(Args)]
#[command(
    after_help = "Example:\n  pearl completions bash > ~/.local/share/bash-completion/completions/pearl"
)]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn run(args: CompletionsArgs) -> anyhow::Result<()> {
    clap_complete::generate(args.shell, &mut Cli::command(), "pearl", &mut io::stdout());
    Ok(())
}
