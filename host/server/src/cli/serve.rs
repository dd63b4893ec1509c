//! `cofactor serve`.

use clap::Args;

use super::{ConfigFile, Exit, Failure};
use crate::{log, serve};

/// Run the host: gateways, portal, verify API, metrics
///
/// Reads the configuration, loads the component, makes the key ring and the database where there are none, and serves
/// until SIGTERM or SIGINT. A stop lets requests that run come to their end and writes the anchor last.
///
/// The log goes to standard error, one line an event.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor serve --config /etc/cofactor/cofactor.toml
  COFACTOR_CONFIG=cofactor.toml cofactor serve

Is it up?
  curl -f http://127.0.0.1:7082/readyz")]
pub(super) struct Serve {
    #[command(flatten)]
    config: ConfigFile,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        log::init(config.log);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
        Ok(runtime.block_on(serve::run(config))?)
    }
}
