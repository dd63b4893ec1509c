//! `[listen]`: where the host listens, and how.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Address, Door, Listen, Tls, secret};
use crate::gateway::config::{Gateways, Kind};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct ListenSection {
    web: Address,
    web_tls: Option<TlsSection>,
    web_plaintext: bool,
    grpc: Address,
    grpc_tls: Option<TlsSection>,
    grpc_plaintext: bool,
    api: Address,
    api_tls: Option<TlsSection>,
    metrics: MetricsAddress,
    connections: u16,
}

impl Default for ListenSection {
    fn default() -> Self {
        Self {
            web: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 7080))),
            web_tls: None,
            web_plaintext: false,
            grpc: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 7083))),
            grpc_tls: None,
            grpc_plaintext: false,
            api: Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 7081))),
            api_tls: None,
            metrics: MetricsAddress(Some(SocketAddr::from(([127, 0, 0, 1], 7082)))),
            connections: 1024,
        }
    }
}

/// An address, or `off`.
#[derive(Clone, Copy, Debug)]
struct MetricsAddress(Option<SocketAddr>);

impl<'de> Deserialize<'de> for MetricsAddress {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text == "off" {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_| {
            serde::de::Error::custom(format_args!(
                "`{text}` is no address: write an IP address and a port, such as 127.0.0.1:7082, or off"
            ))
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TlsSection {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

impl ListenSection {
    /// Checks what types cannot. `wrong` is told of every problem: key, problem, help.
    pub(super) fn resolve(
        self,
        base: &Path,
        wrong: &mut impl FnMut(&str, String, String),
    ) -> Listen {
        if !self.api.is_local() && self.api_tls.is_none() {
            wrong(
                "listen.api",
                format!(
                    "{} can be reached from elsewhere, and secrets would cross the network in the clear",
                    self.api
                ),
                "set listen.api-tls, or listen on 127.0.0.1 or unix:/path".to_owned(),
            );
        }
        for (key, address, tls, plaintext) in [
            ("web", &self.web, &self.web_tls, self.web_plaintext),
            ("grpc", &self.grpc, &self.grpc_tls, self.grpc_plaintext),
        ] {
            if !address.is_local() && tls.is_none() && !plaintext {
                wrong(
                    &format!("listen.{key}"),
                    format!(
                        "{address} can be reached from elsewhere, and the gateway's secret and the cookies would cross the network in the clear"
                    ),
                    format!(
                        "set listen.{key}-tls, or {key}-plaintext = true if that network is only the gateway's"
                    ),
                );
            }
        }
        if self.connections == 0 {
            wrong(
                "listen.connections",
                "nobody could connect".to_owned(),
                "leave the key out, or set 1 to 65535".to_owned(),
            );
        }
        let mut door = |key: &str, address: Address, tls: Option<TlsSection>| Door {
            address: match address {
                Address::Unix(path) => Address::Unix(base.join(path)),
                tcp => tcp,
            },
            tls: tls.map(|files| {
                let files = Tls {
                    certificate: base.join(files.certificate),
                    key: base.join(files.key),
                    client_ca: files.client_ca.map(|file| base.join(file)),
                };
                if let Err(problem) = secret::private(&files.key) {
                    wrong(&format!("{key}.key"), problem, String::new());
                }
                if key == "listen.api-tls" && files.client_ca.is_some() {
                    wrong(
                        &format!("{key}.client-ca"),
                        "programs prove themselves by their secret alone".to_owned(),
                        "take the key away".to_owned(),
                    );
                }
                files
            }),
            connections: usize::from(self.connections),
        };
        Listen {
            web: door("listen.web-tls", self.web, self.web_tls),
            grpc: door("listen.grpc-tls", self.grpc, self.grpc_tls),
            api: door("listen.api-tls", self.api, self.api_tls),
            metrics: self.metrics.0,
        }
    }
}

impl Listen {
    /// Checks that every gateway can show what it has to show.
    pub(super) fn check(&self, gateways: &Gateways, wrong: &mut impl FnMut(&str, String, String)) {
        for (at, gateway) in gateways.all.iter().enumerate() {
            if !gateway.credential.needs_a_certificate() {
                continue;
            }
            let doors = [
                ("web-tls", &self.web, true),
                ("grpc-tls", &self.grpc, gateway.kind == Kind::EnvoyGrpc),
            ];
            for (key, door, is_used) in doors {
                let asks = door.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
                if is_used && !asks {
                    wrong(
                        &format!("gateway[{at}].certificates"),
                        format!("nobody is asked for a certificate: listen.{key} has no client-ca"),
                        format!(
                            "set client-ca in listen.{key} to the authority that signs the gateways' certificates"
                        ),
                    );
                }
            }
        }
    }
}
