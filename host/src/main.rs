use std::process::ExitCode;

fn main() -> ExitCode {
    pearl::cli::main()
}
