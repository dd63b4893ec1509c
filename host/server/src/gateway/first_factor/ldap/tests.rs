#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const GOOD: &str = "url = 'ldaps://ldap.example.com'\nca = 'authority.pem'\n\
                    bind-dn = 'uid={user},ou=people,dc=example,dc=org'\n";
const SEARCH: &str = "url = 'ldap://ldap.example.com'\nstarttls = true\nca = 'authority.pem'\n[search]\n\
                      base = 'ou=people,dc=example,dc=org'\nfilter = '(&(objectClass=person)(uid={user}))'\n\
                      dn = 'cn=cofactor,dc=example,dc=org'\npassword = 'secret'\n";

fn read(text: &str) -> Result<Directory, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tls");
    let section: LdapSection = toml::from_str(text).map_err(|error| error.to_string())?;
    Directory::new(&section, &folder)
}

#[test]
fn a_table_with_nothing_but_what_it_needs() {
    let directory = read(GOOD).unwrap();
    assert_eq!(
        directory.challenge(),
        "Basic realm=\"Sign in\", charset=\"UTF-8\""
    );
    assert!(matches!(directory.lookup, Lookup::Pattern(_)));
    assert!(matches!(
        read(SEARCH).unwrap().lookup,
        Lookup::Search { .. }
    ));
    for local in ["127.0.0.1", "localhost:3890", "[::1]", "127.8.8.8"] {
        let url = format!("ldap://{local}");
        let text = GOOD.replace("ldaps://ldap.example.com", &url);
        assert!(read(&text).is_ok(), "{url}");
    }
}

#[test]
fn ld_06_a_table_that_would_send_passwords_in_the_clear_is_refused_like_any_other_mistake() {
    for (from, to, said) in [
        ("ldaps:", "ldap:", "in the clear"),
        (
            "ldaps://ldap.example.com",
            "ldap://localhost.example.com",
            "in the clear",
        ),
        (
            "ldaps://ldap.example.com",
            "ldap://10.0.0.1",
            "in the clear",
        ),
        ("ldaps:", "https:", "expected ldaps://"),
        ("ldap.example.com", "a@ldap.example.com", "expected scheme"),
        (
            "ldap.example.com",
            "ldap.example.com/dc=x",
            "expected scheme",
        ),
        ("ca =", "starttls = true\nca =", "leave starttls out"),
        ("authority.pem", "missing.pem", "cannot read"),
        ("{user}", "user", "once"),
        ("ou=people", "ou={user}", "once"),
        (
            "bind-dn = 'uid={user},ou=people,dc=example,dc=org'",
            "",
            "expected bind-dn",
        ),
        ("ca =", "timeout-seconds = 31\nca =", "timeout-seconds"),
        ("ca =", "connections = 0\nca =", "connections"),
        ("ca =", "cache-seconds = 601\nca =", "cache-seconds"),
        (
            "ca =",
            "failures-per-minute = 0\nca =",
            "failures-per-minute",
        ),
        ("ca =", "realm = 'a\"b'\nca =", "realm"),
        ("ca =", "realm = ''\nca =", "realm"),
    ] {
        let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(said), "{from} -> {to}: {error}");
    }
    for (from, to, said) in [
        ("(uid={user})", "(uid=*)", "search.filter"),
        ("(uid={user}))", "(uid={user}", "no filter"),
        ("'(&", "'&", "search.filter"),
        ("password = 'secret'", "", "password-file"),
        ("'secret'", "''", "is empty"),
        ("'cn=cofactor,dc=example,dc=org'", "''", "search.dn"),
        (
            "[search]",
            "bind-dn = 'uid={user}'\n[search]",
            "expected bind-dn",
        ),
    ] {
        let error = read(&SEARCH.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(said), "{from} -> {to}: {error}");
    }
}

#[tokio::test]
async fn ld_01_an_empty_password_and_a_name_that_is_none_never_reach_the_directory() {
    // Nobody listens there: whatever asks is told that it cannot.
    let text = GOOD.replace("ldaps://ldap.example.com", "ldap://127.0.0.1:9");
    let directory = read(&text).unwrap();
    let identify = async |pair: &str| {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(pair));
        headers.insert(AUTHORIZATION, HeaderValue::try_from(value).unwrap());
        directory
            .identify(&Names::default(), &headers, None, 0)
            .await
    };
    assert_eq!(
        identify("alice:").await,
        Err(IdentityError::Refused("the password is empty"))
    );
    for name in ["", "al ice", "alice\0", "a@b@c"] {
        let refused = identify(&format!("{name}:x")).await;
        assert!(matches!(refused, Err(IdentityError::Name(_))), "{name:?}");
    }
    // What is not ASCII is looked up by a search, or not at all; it is not asked for.
    let sharp = identify("stra\u{df}e:x").await;
    assert!(matches!(sharp, Err(IdentityError::Refused(_))), "{sharp:?}");
    let asked = identify("alice:x").await;
    assert!(
        matches!(asked, Err(IdentityError::Unavailable(_))),
        "{asked:?}"
    );
}

#[test]
fn ld_03_a_name_is_escaped_where_it_is_put() {
    let names = Names::default();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/misc/username_cases.json"
    );
    let cases: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let escapes = cases["ldap_filter_escape_rfc4515"].as_array().unwrap();
    assert!(escapes.len() >= 5);
    for case in escapes {
        let raw = match (case["value"].as_str(), case["value_hex"].as_str()) {
            (Some(text), _) => text.to_owned(),
            (_, hex) => String::from_utf8(hex::decode(hex.unwrap()).unwrap()).unwrap(),
        };
        // The filter means the value and nothing besides: it is what a directory reads back.
        let escaped = ldap_escape(raw.as_str());
        assert!(ldap3::parse_filter(format!("(cn={escaped})")).is_ok());
        assert!(!escaped.contains(['(', ')', '*', '\0']), "{escaped}");
        assert_eq!(ldap3::ldap_unescape(escaped.as_ref()).unwrap(), raw);
    }
    for name in [
        "a*",
        "a)(uid=*",
        "a,ou=admins",
        "a+cn=b",
        "#a",
        "a\"b",
        "<a>;",
    ] {
        let name = names.canonical(name.as_bytes()).unwrap();
        let dn = format!("uid={},ou=people", dn_escape(name.as_str()));
        let read = super::super::distinguished_name::values(
            &dn,
            super::super::distinguished_name::Attribute::UserId,
        );
        assert_eq!(read.unwrap(), [name.as_str()], "{dn}");
    }
}
