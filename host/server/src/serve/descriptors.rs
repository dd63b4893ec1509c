//! Whether there are files to open for as many connections as the configuration allows.

use super::{METRICS_CONNECTIONS, StartError};
use crate::config::Config;

/// Files that are open beside the connections: database, log, sockets, and a reader of the database for each thread.
const OTHER_FILES: u64 = 256;

/// Refuses more connections than there are files to open.
pub(super) fn check(config: &Config, limit: Option<u64>) -> Result<(), StartError> {
    let doors =
        1 + u64::from(!config.gateways.all.is_empty()) + u64::from(config.gateways.any_over_grpc());
    let metrics = config
        .listen
        .metrics
        .map_or(0, |_| METRICS_CONNECTIONS as u64);
    let connections = config.listen.api.connections;
    let needed = (connections as u64)
        .saturating_mul(doors)
        .saturating_add(metrics + OTHER_FILES);
    match limit {
        Some(limit) if needed > limit => Err(StartError::Descriptors {
            connections,
            needed,
            limit,
            fitting: limit.saturating_sub(metrics + OTHER_FILES) / doors,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn connections_that_do_not_fit_are_refused_with_what_would() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[listen]\nconnections = 65535";
        let config = Config::parse(text, folder.path()).unwrap();
        assert!(check(&config, Some(65_535 + 64 + 256)).is_ok());
        assert!(check(&config, None).is_ok());
        let few = check(&config, Some(1_024));
        assert!(matches!(
            few,
            Err(StartError::Descriptors { fitting: 704, .. })
        ));
    }
}
