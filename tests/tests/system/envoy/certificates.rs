//! A certificate in the place of the secret: for Envoy over gRPC and for nginx over HTTP/1.1.

use cofactor_tests::envoy::{self, Proof};
use cofactor_tests::nginx;
use cofactor_tests::program::project;

use super::{ALICE, BOB, PATIENT, Tested, is_application, sign_in, visitor};

#[test]
fn envoy_is_known_by_its_certificate_alone() -> Tested {
    // The right one; another client of the same authority; none at all.
    for (proof, status) in [
        (Proof::Certificate("gateway"), 302),
        (Proof::Certificate("another"), 403),
        (Proof::Nothing, 403),
        // The right names, signed by somebody else: there is no session, and Envoy answers by itself.
        (Proof::Certificate("stranger"), 503),
    ] {
        let Some(site) = envoy::Guarded::start(&envoy::Site {
            policy: PATIENT.to_owned(),
            proof,
            ..envoy::Site::default()
        })?
        else {
            return Ok(());
        };
        let mut bob = visitor(&site, BOB);
        for _ in 0..10 {
            assert_eq!(bob.get("/")?.status, status, "{proof:?}");
        }
        if status == 302 {
            let mut alice = super::signed_in(&site, ALICE)?;
            assert!(is_application(&alice.visit("/")?), "{proof:?}");
        } else {
            // The pages as well are for the gateway's visitors alone.
            let page = bob.get("/.cofactor/devices")?;
            assert!(page.status >= 400, "{proof:?}: {}", page.status);
            assert!(site.envoy.application.asked().is_empty());
        }
    }
    Ok(())
}

#[test]
fn a_secret_is_nothing_without_the_certificate_that_belongs_to_it() -> Tested {
    for (certificate, status) in [("gateway", 302), ("another", 403)] {
        let mut site = envoy::Site {
            policy: PATIENT.to_owned(),
            proof: Proof::Certificate(certificate),
            gateway: "secret-file = \"envoy.secret\"".into(),
            ..envoy::Site::default()
        };
        let metadata = "                envoy_grpc: { cluster_name: cofactor_grpc }\n";
        site.edits.push((
            metadata.to_owned(),
            format!(
                "{metadata}                initial_metadata:\n                - {{ key: x-cofactor-secret, value: \"{}\" }}\n",
                nginx::SECRET
            ),
        ));
        let Some(site) = envoy::Guarded::start(&site)? else {
            return Ok(());
        };
        assert_eq!(visitor(&site, BOB).get("/")?.status, status);
    }
    Ok(())
}

/// nginx with the section of docs/nginx.md about TLS.
fn nginx_with(certificate: Option<&str>) -> anyhow::Result<nginx::Site> {
    let page = std::fs::read_to_string(project("docs/nginx.md"))?;
    let fixtures = project("tests/fixtures/tls").canonicalize()?;
    let fixture = |name: &str| fixtures.join(name).display().to_string();
    let mut tls = nginx::block(&page, "nginx", "proxy_ssl_certificate ")?
        .replace("/etc/nginx/cofactor-ca.pem", &fixture("authority.pem"))
        .replace("cofactor.example.com", "localhost");
    tls = match certificate {
        Some(name) => tls
            .replace("/etc/nginx/gateway.pem", &fixture(&format!("{name}.pem")))
            .replace("/etc/nginx/gateway.key", &fixture(&format!("{name}.key"))),
        None => tls
            .lines()
            .filter(|line| !line.contains("/etc/nginx/gateway."))
            .map(|line| format!("{line}\n"))
            .collect(),
    };
    let listen = nginx::block(&page, "toml", "web-tls")?
        .replace("[listen]\n", "")
        .replace("tls/nginx-ca.pem", "clients.pem")
        .replace("tls/", "");
    let files = ["host.pem", "host.key", "clients.pem"].map(|name| {
        let content = std::fs::read_to_string(fixtures.join(name));
        (name.to_owned(), content.unwrap())
    });
    let line = format!("proxy_set_header X-Cofactor-Secret \"{}\";", nginx::SECRET);
    Ok(nginx::Site {
        policy: PATIENT.to_owned(),
        listen,
        files: files.into(),
        edits: vec![
            ("http://cofactor".into(), "https://cofactor".into()),
            (line, "proxy_set_header X-Cofactor-Secret \"\";".into()),
            (
                "    location = /cofactor-check {".into(),
                format!("{tls}\n    location = /cofactor-check {{"),
            ),
        ],
        by_certificate: true,
        ..nginx::Site::default()
    })
}

#[test]
fn nginx_is_known_by_its_certificate_alone() -> Tested {
    for (certificate, status) in [
        (Some("gateway"), 303),
        (Some("another"), 403),
        (None, 403),
        (Some("stranger"), 500),
    ] {
        let Some(site) = nginx::Guarded::start(&nginx_with(certificate)?)? else {
            return Ok(());
        };
        let mut bob = crate::visitor(&site, BOB);
        assert_eq!(bob.get("/")?.status, status, "{certificate:?}");
        if status == 303 {
            let (mut alice, mut phone) = crate::with_device(&site, ALICE)?;
            assert!(is_application(&sign_in(&mut alice, &mut phone, "/a?b=c")?));
        } else {
            let page = bob.get("/.cofactor/devices")?;
            assert!(page.status >= 400, "{certificate:?}: {}", page.status);
            assert!(site.application.asked().is_empty());
        }
    }
    Ok(())
}
