//! Step-up by where a request goes, through a real nginx (E19).

use cofactor_tests::nginx::{Guarded, Site};
use cofactor_tests::visitor::Visitor;

use crate::visitor;
use crate::{ALICE, PATIENT, Tested, answer, is_application, phone, with_device};

/// Whoever is at this machine is let in on the password alone, but not to everything.
const POLICY: &str = "
[[location]]
name = 'here'
networks = ['127.0.0.1/32']
[[rule]]
name = 'here'
locations = ['here']
then = 'skip'
[[route]]
name = 'administration'
paths = ['/admin', '=/settings']
level = 2
[[route]]
name = 'orders'
hosts = ['127.0.0.1']
paths = ['/orders']
http-methods = ['POST', 'DELETE']
level = 2
max-age = '15m'
[[route]]
name = 'vault'
paths = ['/vault']
level = 3
";

fn site() -> Site {
    Site {
        policy: format!("{PATIENT}{POLICY}"),
        ..Site::default()
    }
}

#[test]
fn a_route_asks_for_a_factor_and_leads_back_to_the_very_address() -> Tested {
    for own_portal in [false, true] {
        let Some(site) = Guarded::start(&Site {
            own_portal,
            ..site()
        })?
        else {
            return Ok(());
        };
        let (mut alice, mut phone) = with_device(&site, ALICE)?;
        let home = alice.visit("/")?;
        assert!(is_application(&home), "{}", home.text());
        assert!(
            home.text().contains("\"X-Cofactor-Level\",\"1\""),
            "{}",
            home.text()
        );
        // A pass for one place serves no other.
        let reached = site.application.asked().len();
        for path in [
            "/admin",
            "/admin/users?page=2",
            "/settings",
            "/Admin",
            "/%61dmin",
        ] {
            assert_eq!(alice.get(path)?.status, 303, "{path}");
        }
        for path in ["/administrator", "/settings/colours", "/orders"] {
            assert!(is_application(&alice.visit(path)?), "{path}");
        }
        assert_eq!(site.application.asked().len(), reached + 3);

        let wanted = "/admin/users?page=2&a=%2Fb";
        let page = alice.visit(wanted)?;
        assert!(page.address.contains("/.cofactor/"), "{}", page.address);
        let page = answer(&mut alice, &page, &phone.fresh()?)?;
        assert!(is_application(&page), "{}", page.text());
        assert_eq!(page.address, alice.absolute(wanted));
        assert!(
            page.text().contains("\"X-Cofactor-Level\",\"2\""),
            "{}",
            page.text()
        );
        assert!(is_application(&alice.visit("/settings")?));
    }
    Ok(())
}

#[test]
fn a_route_for_a_method_asks_before_the_method_is_used() -> Tested {
    for own_portal in [false, true] {
        let Some(site) = Guarded::start(&Site {
            own_portal,
            ..site()
        })?
        else {
            return Ok(());
        };
        let (mut alice, mut phone) = with_device(&site, ALICE)?;
        assert!(is_application(&alice.visit("/orders")?));
        let reached = site.application.asked().len();
        let refused = alice.request("POST", "/orders", &[], "a=b")?;
        assert_eq!(refused.status, 303);
        // The page asks, though the address itself may be looked at without.
        let page = alice.visit(refused.location())?;
        assert!(page.text().contains("name=\"code\""), "{}", page.text());
        let page = answer(&mut alice, &page, &phone.fresh()?)?;
        assert!(is_application(&page), "{}", page.text());
        assert_eq!(page.address, alice.absolute("/orders"));
        assert_eq!(
            site.application.asked().len(),
            reached + 1,
            "nothing was posted"
        );
        assert_eq!(alice.request("POST", "/orders", &[], "a=b")?.status, 200);
        assert_eq!(alice.request("DELETE", "/orders/1", &[], "")?.status, 200);
    }
    Ok(())
}

#[test]
fn fa_04_no_way_to_write_a_path_leads_around_its_route() -> Tested {
    let Some(site) = Guarded::start(&Site {
        gateway: "ambiguous-paths = \"accept\"".into(),
        ..site()
    })?
    else {
        return Ok(());
    };
    let (mut alice, _) = with_device(&site, ALICE)?;
    assert!(is_application(&alice.visit("/")?));
    let reached = site.application.asked().len();
    for path in [
        "/admin/..%2f",
        "/public/..%2fadmin",
        "/%2e%2e/admin",
        "/public/%2e%2e/admin",
        "/public/../admin",
        "//admin",
        "/admin;x",
        "/public;/../admin",
        "/;x/admin",
        "/admin%3bx",
        "/admin%00",
        "/public/..%5cadmin",
        "/public/%252e%252e/admin",
        "/ADMIN",
        "/admin%2fusers",
        "/admin%252fusers",
        "/admin.",
        "/admin%20",
        "/%61%64%6d%69%6e",
        "/%2561dmin",
    ] {
        let answer = alice.get(path)?;
        assert!(
            matches!(answer.status, 303 | 400),
            "{path}: {}",
            answer.status
        );
    }
    assert_eq!(site.application.asked().len(), reached);
    // What the application needs such paths for is let through where no reading leads to a route.
    for path in ["/projects/group%2Fproject", "/a;b/c", "/a//b"] {
        assert!(is_application(&alice.visit(path)?), "{path}");
    }
    Ok(())
}

#[test]
fn a_level_that_the_user_cannot_reach_lets_nobody_in() -> Tested {
    let Some(site) = Guarded::start(&site())? else {
        return Ok(());
    };
    let mut phone = phone();
    site.server.enrol("alice", crate::SECRET)?;
    let mut alice = visitor(&site, ALICE);
    let page = alice.visit("/admin")?;
    assert!(is_application(&answer(&mut alice, &page, &phone.fresh()?)?));
    let page = alice.visit("/vault/1")?;
    assert!(!is_application(&page), "{}", page.text());
    assert!(page.address.contains("/.cofactor/"), "{}", page.address);
    Ok(())
}

#[test]
fn fa_08_a_program_is_told_what_would_be_enough() -> Tested {
    let Some(site) = Guarded::start(&site())? else {
        return Ok(());
    };
    let (mut alice, _) = with_device(&site, ALICE)?;
    let json = [("Accept", "application/json")];
    // Without a session there is nothing that could be raised.
    let answer = alice.request("GET", "/admin", &json, "")?;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), None);
    assert!(is_application(&alice.visit("/")?));
    let challenge = |alice: &mut Visitor, method, path| -> anyhow::Result<String> {
        let answer = alice.request(method, path, &json, "")?;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.location(), "", "{path}");
        Ok(answer
            .header("www-authenticate")
            .unwrap_or_default()
            .to_owned())
    };
    assert_eq!(
        challenge(&mut alice, "GET", "/admin/users")?,
        "Bearer error=\"insufficient_user_authentication\", error_description=\"A different verification is required\", \
         acr_values=\"urn:cofactor:level:2\""
    );
    assert!(
        challenge(&mut alice, "GET", "/vault")?.contains("acr_values=\"urn:cofactor:level:3\"")
    );
    assert!(
        challenge(&mut alice, "DELETE", "/orders/1")?
            .ends_with("acr_values=\"urn:cofactor:level:2\", max_age=\"900\"")
    );
    Ok(())
}
