//! A session that is renewed while it is used: the new cookie goes to the browser by Envoy, beside the application's own.

use std::sync::Arc;

use cofactor::config::{Config, Door};
use cofactor::gateway::session::Session;
use cofactor::gateway::{self, Front, ext_authz};
use cofactor::listener::Listener;
use cofactor::portal::PortalSection;
use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{
    Action, Administration, AdministrationChange, Claims, Event, Origin,
};
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::memory::MemoryStore;
use cofactor_tests::envoy::{Envoy, Site};
use cofactor_tests::nginx::SECRET;
use cofactor_tests::program::free_port;
use cofactor_tests::visitor::Visitor;
use tokio::sync::watch;

use super::{ALICE, Tested};

const START: u64 = 1_800_000_000_000;

/// A host in this process, whose clock goes as the test says.
struct Host {
    front: Arc<Front<MemoryStore>>,
    clock: Arc<FixedClock>,
    ports: [u16; 2],
    _stop: watch::Sender<bool>,
    runtime: tokio::runtime::Runtime,
}

impl Host {
    fn start(port: u16) -> anyhow::Result<Self> {
        let clock = Arc::new(FixedClock::at(START));
        let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default())?;
        let ring = KeyRing::generate(START)?;
        let service = Service::new(plugin, MemoryStore::new(), ring, "", clock.clone())?;
        let text = format!(
            "[[gateway]]\nname = \"envoy-1\"\nkind = \"envoy-grpc\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{SECRET}\"\n\
             hosts = [\"127.0.0.1:{port}\"]\napplication = \"intranet\"\n"
        );
        let config = Config::parse(&text, std::path::Path::new(".")).unwrap();
        let front = Front::new(
            Arc::new(service),
            config.gateways,
            &PortalSection::default(),
        )?;
        let front = Arc::new(front);
        let runtime = tokio::runtime::Runtime::new()?;
        let (stop, stopped) = watch::channel(false);
        let door = Door {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            connections: 64,
        };
        let ports = runtime.block_on(async {
            let web = Listener::bind(&door).await?;
            let grpc = Listener::bind_http2(&door).await?;
            let ports = [&web, &grpc].map(|listener| {
                let address = listener.address().to_string();
                address.rsplit_once(':').unwrap().1.parse().unwrap()
            });
            tokio::spawn(web.serve(gateway::router(Arc::clone(&front)), stopped.clone()));
            tokio::spawn(grpc.serve(ext_authz::router(Arc::clone(&front)), stopped));
            anyhow::Ok(ports)
        })?;
        Ok(Self {
            front,
            clock,
            ports,
            _stop: stop,
            runtime,
        })
    }

    /// The cookie of a user who was verified now.
    fn cookie(&self, user: &str) -> anyhow::Result<String> {
        let gateway = &self.front.gateways.all[0];
        let user = self.front.gateways.names.canonical(user.as_bytes())?;
        let name = gateway.account(&user);
        let event = Event {
            id: vec![1; 16],
            origin: Origin {
                user: user.as_str().to_owned(),
                known: false,
                groups: Vec::new(),
                application: "intranet".into(),
                gateway: "test".into(),
                binding: vec![1; 32],
                address: None,
                language: String::new(),
                client: String::new(),
                country: None,
            },
            action: Action::Administer(Administration {
                actor: "test".into(),
                why: "test".into(),
                change: AdministrationChange::Create,
            }),
        };
        let service = &self.front.service;
        let settled = self.runtime.block_on(service.step(&name, event))?;
        let session = Session {
            id: [1; 16],
            account: settled.account.0,
            claims: Claims {
                application: "intranet".into(),
                generation: service.standing(&name, None)?.unwrap().generation,
                level: 2,
                method: "totp".into(),
                proved: vec!["totp".into()],
                amr: vec!["otp".into(), "mfa".into()],
                reason: "successfully-completed".into(),
                started: START,
                verified: START,
                active: START,
                transaction: None,
            },
        };
        Ok(self.front.sessions.seal(gateway, &user, &session).unwrap())
    }
}

#[test]
fn a_renewed_session_goes_to_the_browser_beside_the_applications_cookies() -> Tested {
    let port = free_port()?;
    let host = Host::start(port)?;
    let [web, grpc] = host.ports;
    // The application sets a cookie of its own.
    let site = Site {
        edits: vec![(
            "                route: { cluster: application }\n".into(),
            "                direct_response: { status: 200, body: { inline_string: \"in\" } }\n                \
             response_headers_to_add:\n                - header: { key: set-cookie, value: \"theme=dark\" }\n"
                .into(),
        )],
        ..Site::default()
    };
    let Some(envoy) = Envoy::start(&site, port, web, grpc)? else {
        return Ok(());
    };
    let mut alice = Visitor::with_password(port, ALICE.0, ALICE.1);
    let first = host.cookie("alice")?;
    alice.plant("cofactor", &first);
    let answer = alice.get("/")?;
    assert_eq!((answer.status, answer.body.as_str()), (200, "in"));
    assert_eq!(
        alice.cookie("cofactor"),
        Some(first.as_str()),
        "nothing is new"
    );

    host.clock.set(START + 61_000);
    let answer = alice.get("/")?;
    assert_eq!(answer.status, 200);
    let set: Vec<&str> = answer.all("set-cookie").collect();
    assert_eq!(set.len(), 2, "{set:?}");
    assert!(set.contains(&"theme=dark"), "{set:?}");
    let second = alice.cookie("cofactor").unwrap().to_owned();
    assert_ne!(first, second);
    // What is new is good, and an hour later over.
    assert_eq!(alice.get("/")?.status, 200);
    host.clock.set(START + 61_000 + 61 * 60_000);
    assert_eq!(alice.get("/")?.status, 302);
    assert_eq!(envoy.counted()?["error"], 0);
    Ok(())
}
