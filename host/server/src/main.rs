//! The `cofactor` command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    cofactor::cli::main()
}
