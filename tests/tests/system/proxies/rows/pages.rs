//! Cofactor's pages, as they come through the proxy (FA-06, FA-07, FA-10, FA-11, FA-13).

use anyhow::ensure;
use cofactor_tests::proxies::Guarded;
use cofactor_tests::visitor::{Page, Visitor, form};

use super::{cookies_of_a_sign_in, signed_in, visitor, with_device};
use crate::{answer, is_application, sign_in};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Return addresses that lead away from the site, as they are once a query is decoded; `@site@` stands for the site.
const AWAY: [&str; 13] = [
    "http://evil.example/",
    "https://evil.example",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "/\t/evil.example/",
    "/\r\nLocation: http://evil.example/",
    "/\r\nX-Injected: yes",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http://@site@@evil.example/",
    "http://@site@.evil.example/",
    "http://alice:x@@site@/",
];

/// FA-06, FA-07.
pub(super) fn return_address(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let own = who.absolute("/");
    let at = format!("127.0.0.1:{}", site.port);
    let mut targets: Vec<String> = AWAY
        .map(|away| {
            let octets = away.replace("@site@", &at).into_bytes();
            let encoded = octets.iter().map(|octet| format!("%{octet:02x}"));
            format!("/.cofactor/?rd={}", encoded.collect::<String>())
        })
        .into();
    // As they may stand in a link.
    targets.extend(
        [
            "rd=//evil.example/",
            "rd=http://evil.example/",
            "rd=/\\evil.example/",
            "rd=/a&rd=http://evil.example/",
        ]
        .map(|query| format!("/.cofactor/?{query}")),
    );
    for target in targets {
        let answer = who.get(&target)?;
        let to = answer.location();
        ensure!(answer.status == 303, "{target}: {}", answer.status);
        let rest = to.strip_prefix(&own);
        ensure!(
            rest.is_some_and(|rest| !rest.starts_with(['/', '\\'])),
            "{target} leads to {to}"
        );
        ensure!(answer.header("x-injected").is_none(), "{target}");
    }
    let good = who.get("/.cofactor/?rd=/deep/er%3Fx%3Dy")?;
    ensure!(good.location() == who.absolute("/deep/er?x=y"), "{good:?}");
    // The same with the second factor in between.
    let (_, mut who, mut phone) = with_device(site)?;
    let away = "/.cofactor/?rd=javascript%3Aalert(1)%0d%0aX-Injected%3A%201";
    let page = sign_in(&mut who, &mut phone, away)?;
    ensure!(is_application(&page), "{}", page.text());
    ensure!(page.address == who.absolute("/"), "{}", page.address);
    Ok("stays on the site".to_owned())
}

/// FA-10.
pub(super) fn foreign_form(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, mut phone) = with_device(site)?;
    let page = who.visit("/")?;
    let code = phone.fresh()?;
    forged(&mut who, &page, "/.cofactor/answer", &[("code", &code)])?;
    ensure!(!is_application(&who.visit("/")?), "signed in");
    let page = answer(&mut who, &page, &code)?;
    ensure!(is_application(&page), "the code was used up");
    let page = who.visit("/.cofactor/sign-out")?;
    forged(&mut who, &page, "/.cofactor/sign-out", &[])?;
    ensure!(is_application(&who.visit("/")?), "signed out");
    Ok("403, changes nothing".to_owned())
}

/// Sends the form with everything right but where it comes from.
fn forged(
    who: &mut Visitor,
    page: &Page,
    action: &str,
    typed: &[(&str, &str)],
) -> anyhow::Result<()> {
    let own = who.absolute("");
    let typed = typed
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let mut fields = page.hidden(action)?;
    fields.extend(typed.clone());
    let good = form(&fields);
    let bare = form(&typed.collect::<Vec<_>>());
    let origin = ("Origin", own.as_str());
    for (what, headers, body) in [
        (
            "another origin",
            vec![FORM, ("Origin", "http://evil.example")],
            &good,
        ),
        ("no origin at all", vec![FORM, ("Origin", "null")], &good),
        (
            "another site, says the browser",
            vec![FORM, origin, ("Sec-Fetch-Site", "cross-site")],
            &good,
        ),
        (
            "a sibling site",
            vec![FORM, origin, ("Sec-Fetch-Site", "same-site")],
            &good,
        ),
        ("no token", vec![FORM, origin], &bare),
        (
            "a kind of body that any site can send",
            vec![("Content-Type", "text/plain"), origin],
            &good,
        ),
    ] {
        let answer = who.request("POST", action, &headers, body)?;
        ensure!(answer.status == 403, "{action}: {what}: {}", answer.status);
    }
    Ok(())
}

/// FA-11.
pub(super) fn framed(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, mut phone) = with_device(site)?;
    let challenge = who.visit("/")?;
    let wrong = answer(&mut who, &challenge, "000000")?;
    ensure!(is_application(&answer(&mut who, &wrong, &phone.fresh()?)?));
    let (_, mut newcomer) = visitor(site);
    let mut pages = vec![challenge, wrong, newcomer.visit("/")?];
    for address in ["devices", "sign-out", "nothing"] {
        pages.push(who.visit(&format!("/.cofactor/{address}"))?);
    }
    for Page { address, answer } in pages {
        let policy: Vec<&str> = answer.all("content-security-policy").collect();
        ensure!(
            policy.len() == 1 && policy[0].contains("frame-ancestors 'none'"),
            "{address}: {policy:?}"
        );
        for (name, expected) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            let values: Vec<&str> = answer.all(name).collect();
            ensure!(values == [expected], "{address}: {name}: {values:?}");
        }
    }
    Ok("never".to_owned())
}

/// FA-13. Over TLS it is another cookie: see `over_tls`.
pub(super) fn cookies(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, mut phone) = with_device(site)?;
    let set = cookies_of_a_sign_in(&mut who, &mut phone)?;
    for (cookie, name) in set.iter().zip(["cofactor-browser=", "cofactor="]) {
        ensure!(cookie.starts_with(name), "{cookie}");
        for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
            ensure!(cookie.contains(attribute), "{cookie}");
        }
        // Of this host alone; and on the machine itself there is no TLS to keep it to.
        ensure!(
            !cookie.contains("Domain") && !cookie.contains("Secure"),
            "{cookie}"
        );
    }
    Ok("HttpOnly, Lax, of this host".to_owned())
}
