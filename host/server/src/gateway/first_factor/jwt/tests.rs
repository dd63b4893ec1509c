#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
use ring::rand::SystemRandom;
use ring::signature::KeyPair;
use serde_json::json;

use super::super::jwks::tests::{Issuer, encode};
use super::*;

/// In seconds since the epoch.
const NOW: u64 = 1_700_000_000;

struct House {
    issuer: Issuer,
    jwt: Jwt,
    _folder: tempfile::TempDir,
}

impl House {
    fn new(more: &str) -> Self {
        let issuer = Issuer::new();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        std::fs::write(&file, issuer.keys().to_string()).unwrap();
        let text = format!(
            "jwks-file = 'keys.json'\nalgorithms = ['EdDSA', 'ES256']\nissuer = 'https://login.example'\n\
             audience = ['cofactor', 'intranet']\n{more}"
        );
        let jwt = Jwt::new(&toml::from_str(&text).unwrap(), folder.path()).unwrap();
        Self {
            issuer,
            jwt,
            _folder: folder,
        }
    }

    /// A token of the issuer's, signed by its Ed25519 key whatever the header says.
    fn token(&self, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", encode(header), encode(claims));
        let signature = self.issuer.edwards.sign(text.as_bytes());
        format!("{text}.{}", encode(signature))
    }

    async fn read(&self, value: &str) -> Result<Option<Identity>, IdentityError> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::try_from(value).unwrap());
        self.jwt
            .identify(&Names::default(), &headers, NOW * 1_000)
            .await
    }

    async fn user(&self, token: &str) -> Result<String, IdentityError> {
        let identity = self.read(&format!("Bearer {token}")).await?;
        Ok(identity.expect("a token was sent").user.to_string())
    }
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"ed","typ":"JWT"}"#;

fn claims() -> Value {
    json!({"iss": "https://login.example", "aud": "cofactor", "sub": "Alice", "exp": NOW + 300})
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    claims.to_string()
}

fn without(name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims.to_string()
}

#[tokio::test]
async fn a_token_of_the_issuer_names_its_user() {
    let house = House::new("");
    let token = house.token(HEADER, &claims().to_string());
    assert_eq!(house.user(&token).await.unwrap(), "alice");
    assert_eq!(house.read("Basic YTpi").await, Ok(None));
    assert_eq!(house.read("Bearer ").await, Ok(None));
    let headers = HeaderMap::new();
    let none = house.jwt.identify(&Names::default(), &headers, 0).await;
    assert_eq!(none, Ok(None));
    // The other curve.
    let text = format!(
        "{}.{}",
        encode(r#"{"alg":"ES256","kid":"ec"}"#),
        encode(claims().to_string())
    );
    let signature = house
        .issuer
        .nist
        .sign(&SystemRandom::new(), text.as_bytes())
        .unwrap();
    let token = format!("{text}.{}", encode(signature));
    assert_eq!(house.user(&token).await.unwrap(), "alice");
}

/// RFC 7515 appendix A.2: somebody else's signature by RSA.
#[test]
fn rsa_signatures_are_checked_as_the_standard_shows_them() {
    const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let set = json!({"keys": [{"kty": "RSA", "n": N, "e": "AQAB"}]}).to_string();
    let set = super::super::jwks::KeySet::read(set.as_bytes()).unwrap();
    let key = set.find(None, Algorithm::Rs256).unwrap();
    let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(key.signed(signed.as_bytes(), &signature));
    assert!(!key.signed(&signed.as_bytes()[1..], &signature));
    // A key that is too short to be one counts for nothing.
    let short = json!({"keys": [{"kty": "RSA", "n": &N[..172], "e": "AQAB"}]}).to_string();
    let short = super::super::jwks::KeySet::read(short.as_bytes()).unwrap();
    let key = short.find(None, Algorithm::Rs256).unwrap();
    assert!(!key.signed(signed.as_bytes(), &signature[..129]));
}

#[tokio::test]
async fn a_hostile_header_chooses_nothing() {
    let house = House::new("");
    let good = claims().to_string();
    let key = house.issuer.keys()["keys"][0].clone();
    let evil = Issuer::new();
    for header in [
        r#"{"alg":"none"}"#.to_owned(),
        r#"{"alg":"None","kid":"ed"}"#.to_owned(),
        r#"{"alg":"HS256","kid":"ed"}"#.to_owned(),
        r#"{"alg":"HS256","kid":"shared"}"#.to_owned(),
        r#"{"alg":"RS256","kid":"ed"}"#.to_owned(),
        r#"{"alg":"ES256","kid":"ed"}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"ec"}"#.to_owned(),
        r#"{"alg":"eddsa","kid":"ed"}"#.to_owned(),
        r#"{"alg":["EdDSA"],"kid":"ed"}"#.to_owned(),
        r#"{"kid":"ed"}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"../../../dev/null"}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"ed' OR '1'='1"}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"https://evil.example/keys"}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":7}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"ed","crit":["exp"]}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"ed","crit":[]}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"ed","b64":false,"crit":["b64"]}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"ed","typ":"logout+jwt"}"#.to_owned(),
        r#"{"alg":"EdDSA","kid":"ed","typ":7}"#.to_owned(),
        r#"{"alg":"EdDSA","alg":"none","kid":"ed"}"#.to_owned(),
        r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#.to_owned(),
        r#"[]"#.to_owned(),
        String::new(),
    ] {
        let refused = house.user(&house.token(&header, &good)).await;
        assert!(
            matches!(refused, Err(IdentityError::Refused(_))),
            "{header}: {refused:?}"
        );
    }
    // What a header says of keys is not looked at: neither for the better nor for the worse.
    let own = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(evil.edwards.public_key())});
    for more in [
        json!({"jku": "https://evil.example/keys.json"}),
        json!({"jwk": own}),
        json!({"x5u": "https://evil.example/cert.pem"}),
        json!({"x5c": ["AAAA"]}),
        json!({"jwk": key}),
    ] {
        let mut header: Value = serde_json::from_str(HEADER).unwrap();
        for (name, value) in more.as_object().unwrap() {
            header[name] = value.clone();
        }
        let text = format!("{}.{}", encode(header.to_string()), encode(&good));
        let forged = evil.edwards.sign(text.as_bytes());
        let refused = house.user(&format!("{text}.{}", encode(forged))).await;
        assert!(matches!(refused, Err(IdentityError::Refused(_))), "{more}");
        let own = house.token(&header.to_string(), &good);
        assert_eq!(house.user(&own).await.unwrap(), "alice", "{more}");
    }
}

#[tokio::test]
async fn what_is_not_signed_as_it_stands_is_refused() {
    let house = House::new("");
    let token = house.token(HEADER, &claims().to_string());
    let (text, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = text.split_once('.').unwrap();
    let other = encode(with("sub", json!("admin")));
    for bad in [
        format!("{text}."),
        format!("{text}.{}", &signature[1..]),
        text.to_owned(),
        format!("{header}.{other}.{signature}"),
        format!("{token}.{signature}"),
        format!("{token}="),
        format!("{text}.{}", signature.replace(['-', '_'], "+")),
        "a.b.c.d.e".to_owned(),
        "x".repeat(20_000),
        "..".to_owned(),
        format!("{token}, {token}"),
    ] {
        let refused = house.user(&bad).await;
        assert!(
            matches!(refused, Err(IdentityError::Refused(_))) || bad == token,
            "{bad:.60}: {refused:?}"
        );
    }
    let mut headers = HeaderMap::new();
    for _ in 0..2 {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        headers.append(AUTHORIZATION, value);
    }
    let names = Names::default();
    let twice = house.jwt.identify(&names, &headers, NOW * 1_000).await;
    assert_eq!(twice, Err(IdentityError::Twice));
}

#[tokio::test]
async fn claims_are_of_the_issuer_for_us_and_of_now() {
    let house = House::new("");
    for (claims, accepted) in [
        (with("aud", json!(["x", "intranet"])), true),
        (with("exp", json!(NOW - 59)), true),
        (with("exp", json!(NOW - 60)), false),
        (with("exp", json!(NOW as f64 + 0.5)), true),
        (with("nbf", json!(NOW + 60)), true),
        (with("nbf", json!(NOW + 61)), false),
        (with("iat", json!(NOW + 61)), false),
        (with("exp", json!("tomorrow")), false),
        (with("exp", json!(-1)), false),
        (with("exp", json!(1e300)), false),
        (without("exp"), false),
        (without("iss"), false),
        (without("aud"), false),
        (without("sub"), false),
        (with("iss", json!("https://login.example/")), false),
        (with("iss", json!(["https://login.example"])), false),
        (with("aud", json!("other")), false),
        (with("aud", json!([])), false),
        (with("aud", json!({"cofactor": 1})), false),
        (with("sub", json!(7)), false),
        (with("sub", json!(["alice"])), false),
        // Which of two is meant nobody knows.
        (
            claims().to_string().replace('{', r#"{"sub":"admin","#),
            false,
        ),
        ("[]".to_owned(), false),
        ("x".to_owned(), false),
    ] {
        let found = house.user(&house.token(HEADER, &claims)).await;
        assert_eq!(found.is_ok(), accepted, "{claims}: {found:?}");
    }
    let token = house.token(HEADER, &with("sub", json!("al ice")));
    assert!(matches!(
        house.user(&token).await,
        Err(IdentityError::Name(_))
    ));
}

#[tokio::test]
async fn name_and_groups_are_the_claims_that_are_configured() {
    let house = House::new("user-claim = 'email'\ngroups-claim = 'groups'");
    let read = async |claims: Value| {
        let mut all = super::tests::claims();
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        let token = house.token(HEADER, &all.to_string());
        let identity = house.read(&format!("Bearer {token}")).await?.unwrap();
        Ok::<_, IdentityError>((identity.user.to_string(), identity.groups))
    };
    let mail = json!("Alice@Example.com");
    let alice = "alice@example.com".to_owned();
    assert_eq!(
        read(json!({"email": mail, "groups": ["a", "b"]})).await,
        Ok((alice.clone(), vec!["a".into(), "b".into()]))
    );
    assert_eq!(
        read(json!({"email": mail, "groups": "a", "email_verified": true})).await,
        Ok((alice.clone(), vec!["a".into()]))
    );
    assert_eq!(read(json!({"email": mail})).await, Ok((alice, Vec::new())));
    for bad in [
        json!({"email": mail, "email_verified": false}),
        json!({"email": mail, "email_verified": "true"}),
        json!({"email": mail, "groups": {"a": 1}}),
        json!({"email": mail, "groups": ["a", 7]}),
        json!({"email": mail, "groups": vec!["a"; 65]}),
        json!({"email": mail, "groups": [""]}),
        json!({"email": mail, "groups": ["a".repeat(129)]}),
    ] {
        assert!(read(bad.clone()).await.is_err(), "{bad}");
    }
}

#[test]
fn a_table_that_would_accept_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Issuer::new().keys().to_string();
    std::fs::write(folder.path().join("keys.json"), keys).unwrap();
    const GOOD: &str =
        "jwks-file = 'keys.json'\nalgorithms = ['EdDSA']\nissuer = 'i'\naudience = ['a']\n";
    let read = |text: &str| {
        let section: JwtSection = toml::from_str(text).map_err(|error| error.to_string())?;
        Jwt::new(&section, folder.path()).map(drop)
    };
    assert_eq!(read(GOOD), Ok(()));
    for (from, to, said) in [
        ("'EdDSA'", "", "algorithms"),
        ("'EdDSA'", "'none'", "unknown variant"),
        ("'EdDSA'", "'HS256'", "unknown variant"),
        ("'a'", "", "audience"),
        ("'a'", "''", "audience"),
        ("'i'", "''", "issuer"),
        ("issuer = 'i'\n", "", "issuer"),
        ("jwks-file = 'keys.json'\n", "", "jwks-file and jwks-url"),
        ("keys.json", "missing.json", "cannot read"),
        ("issuer", "leeway-seconds = 301\nissuer", "leeway-seconds"),
        ("issuer", "jwks-keep-seconds = 1\nissuer", "jwks-keep"),
        ("issuer", "header = 'Cookie'\nissuer", "another meaning"),
        ("issuer", "header = 'a b'\nissuer", "no header name"),
    ] {
        let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(said), "{from} -> {to}: {error}");
    }
}
