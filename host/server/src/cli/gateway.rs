//! `cofactor gateway`.

mod check;
mod print;

use clap::{Args, Subcommand};

use super::Failure;

/// The proxies that ask Cofactor before they let a request through
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor gateway print nginx
  cofactor gateway print caddy --host app.example.com
  cofactor gateway check https://app.example.com/")]
pub(super) struct GatewayCommand {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Print(Box<print::Print>),
    Check(Box<check::Check>),
}

impl GatewayCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::Check(it) => it.run(),
            Sub::Print(it) => it.run(),
        }
    }
}
