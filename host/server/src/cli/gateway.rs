//! `cofactor gateway`.

mod check;

use clap::{Args, Subcommand};

use super::Failure;

/// Look at a proxy from outside
#[derive(Debug, Args)]
pub(super) struct GatewayCommand {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Check(Box<check::Check>),
}

impl GatewayCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::Check(it) => it.run(),
        }
    }
}
