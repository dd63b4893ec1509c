//! Authorizers that always say yes, and an application that always answers `ok`: on the listener that ours is on.

use anyhow::Context as _;
use axum::Router;
use cofactor::config::Door;
use cofactor::gateway::ext_authz::PATH;
use cofactor::listener::Listener;
use tonic::codec::EncodeBody;
use tonic_prost::ProstEncoder;

/// Where they listen.
pub(super) struct Bare {
    /// The authorizer over HTTP.
    pub(super) web: u16,
    /// The authorizer over gRPC.
    pub(super) grpc: u16,
    /// The application.
    pub(super) application: u16,
    _runtime: tokio::runtime::Runtime,
    _stop: tokio::sync::watch::Sender<bool>,
}

impl Bare {
    pub(super) fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let door = Door {
            address: "127.0.0.1:0".parse().map_err(anyhow::Error::msg)?,
            tls: None,
            connections: 4096,
        };
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let serve = |listener: Listener, router: Router| -> anyhow::Result<u16> {
            let address = listener.address().to_string();
            runtime.spawn(listener.serve(router, stopped.clone()));
            Ok(address.rsplit_once(':').context("no port")?.1.parse()?)
        };
        let web = runtime.block_on(Listener::bind(&door))?;
        let grpc = runtime.block_on(Listener::bind_http2(&door))?;
        let application = runtime.block_on(Listener::bind(&door))?;
        Ok(Self {
            web: serve(web, Router::new().fallback(async || ""))?,
            grpc: serve(grpc, always_yes())?,
            application: serve(application, Router::new().fallback(async || "ok"))?,
            _runtime: runtime,
            _stop: stop,
        })
    }

    /// What makes Envoy ask it.
    pub(super) fn edits(&self) -> Vec<(String, String)> {
        let cluster = format!(
            "  clusters:\n  - name: bare\n    typed_extension_protocol_options:\n      \
             envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n        \
             \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n        \
             explicit_http_config: {{ http2_protocol_options: {{}} }}\n    load_assignment:\n      cluster_name: bare\n      \
             endpoints:\n      - lb_endpoints:\n        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, \
             port_value: {} }} }} }}\n",
            self.grpc
        );
        vec![
            (
                "envoy_grpc: { cluster_name: cofactor_grpc }".to_owned(),
                "envoy_grpc: { cluster_name: bare }".to_owned(),
            ),
            ("  clusters:\n".to_owned(), cluster),
        ]
    }
}

/// The answer without a word is yes: code 0 is not written.
fn always_yes() -> Router {
    let yes = async |_: axum::extract::Request| {
        let message = tokio_stream::once(Ok(()));
        let encoder = ProstEncoder::<()>::default();
        let body = EncodeBody::new_server(encoder, message, None, Default::default(), None);
        let kind = [("content-type", "application/grpc")];
        (kind, axum::body::Body::new(body))
    };
    Router::new().route(PATH, axum::routing::post(yes))
}
