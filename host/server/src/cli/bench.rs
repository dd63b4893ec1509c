//! `cofactor bench`.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure, output};
use crate::bench::{self, Figure, Options};

/// Measure this machine: decisions, session checks, durable verifications, start
///
/// Every figure stands beside a baseline from the same run, because machines differ and one machine differs from itself.
/// Nothing of an installation is touched: databases are made in --folder and removed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor bench
  cofactor bench --accounts 1000 --folder /var/lib/cofactor")]
pub(super) struct Bench {
    /// How many accounts to have in the store; a measurement for each.
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_value = "1000,100000,1000000",
          value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    accounts: Vec<u32>,
    /// How many codes to verify in each measurement.
    #[arg(long, value_name = "NUMBER", default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    verifications: u32,
    /// The folder to make databases in: on the disk that is to be measured.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// One JSON object for each figure.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        let options = Options {
            accounts: self.accounts.clone(),
            verifications: self.verifications,
            ..Options::default()
        };
        if !self.json {
            output::lines([bench::HEADING])?;
        }
        let mut show = |figure: &Figure| -> anyhow::Result<()> {
            if self.json {
                output::json(figure)?;
            } else {
                output::lines([figure.to_string()])?;
            }
            Ok(())
        };
        bench::run(&options, &self.folder, &mut show)
            .map_err(|error| Failure::new(Exit::Failed, format!("could not measure: {error:#}")))
    }
}
