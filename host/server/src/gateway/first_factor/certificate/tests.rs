#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
use axum::http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

/// Of somebody whose subject is `CN=Alice,UID=alice-7,O=Example`, with a mail address, a principal name and a URI.
const ALICE: &str = include_str!("../../../../../../tests/fixtures/tls/alice.pem");

fn reader(text: &str) -> ClientCertificate {
    let text = format!("header = 'X-Cert'\n{text}");
    ClientCertificate::new(&toml::from_str(&text).unwrap()).unwrap()
}

fn read(
    reader: &ClientCertificate,
    headers: &[(&'static str, &str)],
) -> Result<Option<String>, IdentityError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let identity = reader.identify(&Names::default(), &map)?;
    Ok(identity.map(|it| it.user.to_string()))
}

#[test]
fn a_subject_counts_only_if_the_proxy_has_verified_it() {
    let nginx = reader("verify-header = 'X-Verify'");
    let subject = ("x-cert", "CN=Alice,O=Example");
    let success = ("x-verify", "SUCCESS");
    assert_eq!(read(&nginx, &[subject, success]), Ok(Some("alice".into())));
    assert_eq!(read(&nginx, &[("x-verify", "NONE")]), Ok(None));
    assert_eq!(read(&nginx, &[("x-cert", ""), success]), Ok(None));
    for verify in [
        &[][..],
        &[("x-verify", "")],
        &[("x-verify", "NONE")],
        &[("x-verify", "FAILED:certificate has expired")],
        &[("x-verify", "success")],
        &[("x-verify", "SUCCESS ")],
    ] {
        let headers = [&[subject][..], verify].concat();
        let refused = read(&nginx, &headers);
        assert!(
            matches!(refused, Err(IdentityError::Refused(_))),
            "{verify:?}: {refused:?}"
        );
    }
    for twice in [subject, success] {
        let headers = [subject, success, twice];
        assert!(matches!(read(&nginx, &headers), Err(IdentityError::Twice)));
    }
}

#[test]
fn a_subject_without_the_name_or_with_two_is_nobodys() {
    let reader = reader("proxy-verifies = true");
    for bad in [
        "O=Example",
        "CN=alice,CN=bob",
        "CN=alice+CN=bob",
        "/CN=alice",
        "CN=alice;CN=bob",
        "alice",
    ] {
        assert!(
            matches!(
                read(&reader, &[("x-cert", bad)]),
                Err(IdentityError::Refused(_))
            ),
            "{bad}"
        );
    }
    let name = read(&reader, &[("x-cert", "CN=al ice")]);
    assert!(matches!(name, Err(IdentityError::Name(_))), "{name:?}");
    // An organisation that calls itself a person is no person.
    let smuggled = "O=x\\,CN\\=admin,CN=alice";
    assert_eq!(
        read(&reader, &[("x-cert", smuggled)]),
        Ok(Some("alice".into()))
    );
}

#[test]
fn a_certificate_is_read_in_every_form_that_proxies_send() {
    let der = CertificateDer::from_pem_slice(ALICE.as_bytes()).unwrap();
    let base64 = STANDARD.encode(&der);
    let escaped = utf8_percent_encode(ALICE, NON_ALPHANUMERIC).to_string();
    let xfcc = format!("By=spiffe://us;Hash=00;Cert=\"{escaped}\"");
    for (part, name) in [
        ("cn", "alice"),
        ("uid", "alice-7"),
        ("email", "alice@example.org"),
        ("upn", "alice@corp.example"),
        ("uri", "spiffe://example.org/alice"),
    ] {
        for (format, value) in [
            ("certificate", base64.as_str()),
            ("certificate", &format!(":{base64}:")),
            ("certificate", &format!("{base64},AAAA")),
            ("certificate", &escaped),
            ("xfcc", &xfcc),
        ] {
            let reader = reader(&format!(
                "proxy-verifies = true\nformat = '{format}'\nuser = '{part}'"
            ));
            let found = read(&reader, &[("x-cert", value)]);
            assert_eq!(found, Ok(Some(name.into())), "{part} {format}");
        }
    }
    let reader = reader("proxy-verifies = true\nformat = 'certificate'\nuser = 'subject-email'");
    let none = read(&reader, &[("x-cert", &base64)]);
    assert!(matches!(none, Err(IdentityError::Refused(_))), "{none:?}");
    for bad in [
        "x",
        ":",
        "::",
        &base64[..100],
        &format!(":{base64}"),
        "-----BEGIN CERTIFICATE-----",
    ] {
        let refused = read(&reader, &[("x-cert", bad)]);
        assert!(matches!(refused, Err(IdentityError::Refused(_))), "{bad}");
    }
}

#[test]
fn envoys_header_tells_of_one_certificate() {
    let by = |part: &str| {
        reader(&format!(
            "proxy-verifies = true\nformat = 'xfcc'\nuser = '{part}'"
        ))
    };
    let one = "By=spiffe://a;Hash=1f;Subject=\"CN=Alice,O=Ex\\,ample\";URI=spiffe://b/alice;DNS=a.example;DNS=b.example";
    assert_eq!(
        read(&by("cn"), &[("x-cert", one)]),
        Ok(Some("alice".into()))
    );
    assert_eq!(
        read(&by("uri"), &[("x-cert", one)]),
        Ok(Some("spiffe://b/alice".into()))
    );
    for bad in [
        "Subject=\"CN=mallory\",Subject=\"CN=alice\"",
        "Subject=\"CN=mallory\";Subject=\"CN=alice\"",
        "Subject=\"CN=alice",
        "Subject=\"CN=alice\"x",
        "Subject=\"\"",
        "Hash=1f",
        "Subject",
        ";",
        "CN=alice,O=x",
    ] {
        let refused = read(&by("cn"), &[("x-cert", bad)]);
        assert!(
            matches!(refused, Err(IdentityError::Refused(_))),
            "{bad}: {refused:?}"
        );
    }
}

#[test]
fn a_table_that_believes_too_much_is_refused() {
    let read = |text: &str| {
        let section: ClientCertificateSection =
            toml::from_str(text).map_err(|error| error.to_string())?;
        ClientCertificate::new(&section).map(drop)
    };
    assert_eq!(read("header = 'X-Dn'\nproxy-verifies = true"), Ok(()));
    for (text, said) in [
        ("header = 'X-Dn'", "verify-header"),
        (
            "header = 'X-Dn'\nverify-header = 'X-V'\nproxy-verifies = true",
            "verify-header",
        ),
        (
            "header = 'X-Dn'\nverify-header = 'X-V'\nverified = ''",
            "verified",
        ),
        (
            "header = 'X-Dn'\nproxy-verifies = true\nuser = 'upn'",
            "is not in the subject",
        ),
        (
            "header = 'Cookie'\nproxy-verifies = true",
            "another meaning",
        ),
        ("proxy-verifies = true", "missing field"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}
