//! Headers by which an application could be told something that nobody has checked: who the client is, and what it asks for.
//! Every proxy's configuration, the answer to Envoy and `cofactor gateway check` go by these lists.

/// Names that say who a client is or what it proved, which an application must never have from a client, and those that
/// are between gateway and host.
pub const IDENTITY: [&str; 22] = [
    "Remote-User",
    "Remote-Groups",
    "Remote-Name",
    "Remote-Email",
    "X-Remote-User",
    "X-Forwarded-User",
    "X-Forwarded-Groups",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Auth-Request-User",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Email",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Access-Token",
    "X-Auth-Request-Redirect",
    "X-Cofactor-User",
    "X-Cofactor-Secret",
    "X-Cofactor-Method",
    "X-Cofactor-Level",
    "X-Cofactor-Verified",
    "X-Cofactor-Fail-Open",
    "X-Cofactor-Fail-Closed",
];

/// Those of them that a gateway tells an application, as Cofactor says.
pub const TOLD: [&str; 5] = [
    "Remote-User",
    "X-Cofactor-Method",
    "X-Cofactor-Level",
    "X-Cofactor-Verified",
    "X-Cofactor-Fail-Open",
];

/// Names by which an application could take a request for another one than was judged: another path, another method.
pub const REQUEST: [&str; 9] = [
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
];

/// What other names of these sorts begin with, in lower case and with hyphens.
const PREFIXES: [&str; 12] = [
    "remote-",
    "x-remote-",
    "x-cofactor-",
    "x-auth-request-",
    "x-forwarded-user",
    "x-forwarded-groups",
    "x-forwarded-email",
    "x-forwarded-preferred-username",
    "x-original-",
    "x-rewrite-",
    "x-http-method",
    "x-method-override",
];

/// Whether a header of this name, in lower case, would tell an application who the client is or what it asks for.
/// Applications read a hyphen and an underscore as one (FA-02).
#[must_use]
pub fn is_ours_to_say(name: &str) -> bool {
    let plain = |octet: u8| if octet == b'_' { b'-' } else { octet };
    PREFIXES.iter().any(|prefix| {
        name.len() >= prefix.len()
            && name
                .bytes()
                .map(plain)
                .zip(prefix.bytes())
                .all(|(a, b)| a == b)
    })
}

/// Every way to write a name with hyphens and underscores, the name itself first: CGI and WSGI make one variable of them all.
#[must_use]
pub fn spellings(name: &str) -> Vec<String> {
    name.chars().fold(vec![String::new()], |begun, letter| {
        let other = (letter == '-').then_some('_');
        let next = [Some(letter), other];
        begun
            .iter()
            .flat_map(|text| {
                next.into_iter()
                    .flatten()
                    .map(move |letter| format!("{text}{letter}"))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fa_02_a_name_has_every_spelling_once() {
        assert_eq!(spellings("Forwarded"), ["Forwarded"]);
        assert_eq!(
            spellings("X-Cofactor-Level"),
            [
                "X-Cofactor-Level",
                "X-Cofactor_Level",
                "X_Cofactor-Level",
                "X_Cofactor_Level"
            ]
        );
        assert_eq!(spellings("X-HTTP-Method-Override").len(), 8);
    }

    #[test]
    fn what_is_listed_is_known_in_any_spelling() {
        for name in IDENTITY.iter().chain(&TOLD) {
            for spelling in spellings(name) {
                assert!(is_ours_to_say(&spelling.to_ascii_lowercase()), "{spelling}");
            }
        }
        for name in ["x-http-method_override", "x_rewrite-url", "x-original-url"] {
            assert!(is_ours_to_say(name), "{name}");
        }
        for name in ["cookie", "x-forwarded-for", "x-request-id", "host"] {
            assert!(!is_ours_to_say(name), "{name}");
        }
    }
}
