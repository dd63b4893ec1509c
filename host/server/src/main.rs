//! The `cofactor` command.

fn main() -> std::process::ExitCode {
    cofactor::cli::main()
}
