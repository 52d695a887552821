use std::process::ExitCode;

fn main() -> ExitCode {
    pearl_worker::main()
}
