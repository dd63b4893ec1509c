//! Sessions that several gateways, hosts and domains of one operator have in common. As docs/sessions.md has them.

use cofactor_tests::http::send;
use cofactor_tests::nginx::{Guarded, Site, block};
use cofactor_tests::program::{free_port, project};
use cofactor_tests::server::Server;
use cofactor_tests::visitor::Visitor;

use super::{ALICE, BOB, PATIENT, Tested, answer, is_application, sign_in, sign_out, with_device};

/// The secret of the second gateway.
const OTHER: &str = "w7Jq2nVx5bTz8cRk1yLm4pHs6dGf9aEu";

/// Two sites of two gateways on two domains, and the pages on a third.
struct Operator {
    site: Guarded,
    /// The second site.
    wiki: String,
}

impl Operator {
    /// With this policy beside the patient one, and these further keys of both gateways.
    fn start(policy: &str, shared: &str) -> anyhow::Result<Option<Self>> {
        let page = std::fs::read_to_string(project("docs/nginx.md"))?;
        let port = free_port()?;
        let wiki = format!("localhost:{port}");
        let first = block(&page, "nginx", "upstream cofactor")?;
        let server = first
            .split_once("server {\n    listen")
            .map(|(_, rest)| format!("server {{\n    listen{rest}"))
            .unwrap()
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:8081", "127.0.0.1:@application@")
            .replace("/etc/nginx/cofactor.htpasswd", "htpasswd")
            .replace("change-me-to-a-long-random-text", OTHER);
        let portal = "portal = \"http://127.0.0.2:@web@\"";
        let site = Site {
            policy: format!("{PATIENT}{policy}"),
            gateway: format!("{portal}\n{shared}"),
            tables: format!(
                "[[gateway]]\nname = \"nginx-2\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{OTHER}\"\n\
                 hosts = [\"{wiki}\"]\napplication = \"wiki\"\n{portal}\n{shared}"
            ),
            edits: vec![(
                "upstream cofactor {".to_owned(),
                format!("{server}\nupstream cofactor {{"),
            )],
            ..Site::default()
        };
        let site = Guarded::start(&site)?;
        Ok(site.map(|site| Self { site, wiki }))
    }

    /// Somebody who gives the password to both sites.
    fn with_device(
        &self,
    ) -> anyhow::Result<(Visitor, cofactor_tests::authenticator::Authenticator)> {
        let (mut who, phone) = with_device(&self.site, ALICE)?;
        who.also_at(&self.wiki);
        Ok((who, phone))
    }

    fn at_the_wiki(&self, path: &str) -> String {
        format!("http://{}{path}", self.wiki)
    }
}

/// What docs/sessions.md has in the policy.
fn policy() -> anyhow::Result<String> {
    let page = std::fs::read_to_string(project("docs/sessions.md"))?;
    block(&page, "toml", "session = \"staff\"")
}

const SHARED: &str = "sessions = \"staff\"";

/// What the second gateway asks about a cookie, at any host of the operator's.
fn asks(server: &Server, wiki: &str, cookie: &str) -> anyhow::Result<u16> {
    let url = format!("http://{wiki}/");
    let cookie = format!("cofactor={cookie}");
    let headers = [
        ("X-Cofactor-Secret", OTHER),
        ("X-Cofactor-User", "alice"),
        ("X-Original-URL", url.as_str()),
        ("X-Original-Method", "GET"),
        ("Cookie", cookie.as_str()),
    ];
    Ok(send(server.web(), "GET", "/v1/gateway/nginx", &headers, "")?.status)
}

#[test]
fn one_sign_in_serves_two_gateways_on_two_domains() -> Tested {
    let Some(operator) = Operator::start(&policy()?, SHARED)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = operator.with_device()?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    // The second site sends the browser to the pages and gets it back, and nobody is asked for anything.
    let page = alice.visit(&operator.at_the_wiki("/page?a=b"))?;
    assert!(is_application(&page), "{}: {}", page.address, page.text());
    assert_eq!(page.address, operator.at_the_wiki("/page?a=b"));
    // Each host has a cookie of its own, which no other is sent.
    let hosts = ["127.0.0.1", "localhost", "127.0.0.2"];
    let cookies = hosts.map(|host| alice.cookie_of(host, "cofactor").unwrap().to_owned());
    assert!(cookies[0] != cookies[1] && cookies[1] != cookies[2] && cookies[0] != cookies[2]);
    // Another user at the same browser has none of it.
    let mut bob = alice.as_user(BOB.0, BOB.1);
    bob.also_at(&operator.wiki);
    for at in ["/".to_owned(), operator.at_the_wiki("/")] {
        assert!(!is_application(&bob.visit(&at)?), "{at}");
    }
    Ok(())
}

#[test]
fn ch_09_without_the_policys_word_or_the_gateways_nothing_is_shared() -> Tested {
    let other = "[[application]]\nname = \"wiki\"\nsession = \"staff\"\n";
    for (policy, keys) in [
        (policy()?, ""),
        (String::new(), SHARED),
        (other.into(), SHARED),
    ] {
        let Some(operator) = Operator::start(&policy, keys)? else {
            return Ok(());
        };
        let (mut alice, mut phone) = operator.with_device()?;
        assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
        let page = alice.visit(&operator.at_the_wiki("/"))?;
        assert!(!is_application(&page), "{policy} {keys}");
        let page = answer(&mut alice, &page, &phone.fresh()?)?;
        assert!(is_application(&page), "{}", page.text());
        // The first one is as good as before.
        assert!(is_application(&alice.visit("/")?), "{policy} {keys}");
    }
    Ok(())
}

#[test]
fn an_application_that_demands_more_asks_for_it_though_it_shares() -> Tested {
    // A code by TOTP is no phishing-resistant one, however shared its session is.
    let policy = format!("{}required-level = 3\n", policy()?);
    let Some(operator) = Operator::start(&policy, SHARED)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = operator.with_device()?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let page = alice.visit(&operator.at_the_wiki("/"))?;
    assert!(!is_application(&page), "{}", page.text());
    assert!(is_application(&alice.visit("/")?));
    Ok(())
}

#[test]
fn signing_out_at_one_site_ends_the_session_at_all_of_them() -> Tested {
    let Some(operator) = Operator::start(&policy()?, SHARED)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = operator.with_device()?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    assert!(is_application(&alice.visit(&operator.at_the_wiki("/"))?));
    sign_out(&mut alice)?;
    assert!(!is_application(&alice.visit(&operator.at_the_wiki("/"))?));
    assert!(!is_application(&alice.visit("/")?));
    Ok(())
}

/// One button on "my devices".
#[test]
fn signing_out_everywhere_ends_the_sessions_of_every_browser_at_every_site() -> Tested {
    let Some(operator) = Operator::start(&policy()?, SHARED)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = operator.with_device()?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    assert!(is_application(&alice.visit(&operator.at_the_wiki("/"))?));
    let mut other = alice.elsewhere();
    let page = other.visit(&operator.at_the_wiki("/"))?;
    assert!(is_application(&answer(&mut other, &page, &phone.fresh()?)?));
    assert!(is_application(&other.visit("/")?));
    let page = alice.visit("/.cofactor/devices")?;
    let page = alice.submit(&page, "/.cofactor/sign-out/everywhere", &[])?;
    assert_eq!(page.answer.status, 200, "{}", page.text());
    for who in [&mut alice, &mut other] {
        assert!(!is_application(&who.visit("/")?));
        assert!(!is_application(&who.visit(&operator.at_the_wiki("/"))?));
    }
    Ok(())
}

#[test]
fn fa_14_a_block_and_a_change_of_factors_end_sessions_at_every_host_of_the_database() -> Tested {
    let Some(operator) = Operator::start(&policy()?, SHARED)? else {
        return Ok(());
    };
    let twin = operator.site.server.twin()?;
    let (mut alice, mut phone) = operator.with_device()?;
    for change in ["block", "sign-out"] {
        assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
        assert!(is_application(&alice.visit(&operator.at_the_wiki("/"))?));
        let cookie = alice.cookie_of("localhost", "cofactor").unwrap().to_owned();
        // Both hosts have just said that it holds for a while.
        for server in [&operator.site.server, &twin] {
            assert_eq!(asks(server, &operator.wiki, &cookie)?, 200);
        }
        operator.site.server.operator(&["user", change, "alice"])?;
        for server in [&operator.site.server, &twin] {
            assert_eq!(asks(server, &operator.wiki, &cookie)?, 401, "{change}");
        }
        assert!(!is_application(&alice.visit(&operator.at_the_wiki("/"))?));
        if change == "block" {
            operator
                .site
                .server
                .operator(&["user", "unblock", "alice"])?;
        }
    }
    // Another factor ends the sessions that were made without it.
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    assert!(is_application(&alice.visit(&operator.at_the_wiki("/"))?));
    let cookie = alice.cookie_of("localhost", "cofactor").unwrap().to_owned();
    assert_eq!(asks(&twin, &operator.wiki, &cookie)?, 200);
    operator
        .site
        .server
        .enrol("alice", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")?;
    assert_eq!(asks(&twin, &operator.wiki, &cookie)?, 401);
    Ok(())
}
