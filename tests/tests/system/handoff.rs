//! Pages on a site of their own: the browser is handed over and back by sealed tickets.

use cofactor_tests::http::Answer;
use cofactor_tests::nginx::{Guarded, SECRET, Site};
use cofactor_tests::program::{free_port, project};
use cofactor_tests::visitor::Visitor;

use super::{ALICE, BOB, Tested, answer, is_application, patient, visitor, with_device};

fn own_portal() -> Site {
    Site {
        own_portal: true,
        ..patient()
    }
}

/// Follows redirects until one leads to `stage`, and returns that address without going there.
fn until(who: &mut Visitor, from: &str, stage: &str) -> anyhow::Result<String> {
    let mut at = from.to_owned();
    for _ in 0..6 {
        let answer = who.get(&at)?;
        at = match answer.location() {
            "" => anyhow::bail!("{at}: {} instead of {stage}", answer.status),
            to => to.to_owned(),
        };
        if at.contains(&format!("/.cofactor/{stage}?ticket=")) {
            return Ok(at);
        }
    }
    anyhow::bail!("never came to {stage}")
}

/// The page says so, and leads to where it can be begun anew.
fn is_over(answer: &Answer) -> bool {
    answer.status == 403
        && answer.body.contains("This way in is over")
        && answer.body.contains("class=\"button\" href=\"")
}

#[test]
fn the_browser_is_handed_over_and_comes_back_to_the_very_address() -> Tested {
    let Some(site) = Guarded::start(&own_portal())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let wanted = "/reports?from=1&to=%C3%A4";
    let page = alice.visit(wanted)?;
    let portal = format!("http://localhost:{}/.cofactor/", site.server.web());
    assert!(page.address.starts_with(&portal), "{}", page.address);
    assert!(page.text().contains("Enter the code"), "{}", page.text());
    let policy = page.answer.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' "), "{policy}");
    let page = answer(&mut alice, &page, &phone.fresh()?)?;
    assert_eq!(page.address, alice.absolute(wanted));
    assert!(is_application(&page), "{}", page.text());
    assert_eq!(site.application.asked()[0].all("remote-user"), ["alice"]);
    assert!(is_application(&alice.visit("/again")?));
    Ok(())
}

/// The server for a portal's own site, as docs/nginx.md shows it.
#[test]
fn nginx_serves_the_portals_own_site_as_the_manual_says() -> Tested {
    let page = std::fs::read_to_string(project("docs/nginx.md"))?;
    let port = free_port()?;
    let own = page
        .split("```nginx\n")
        .filter_map(|rest| rest.split("```").next())
        .find(|text| text.contains("listen 127.0.0.1:8082;"))
        .unwrap()
        .replace("8082", &port.to_string());
    let site = Site {
        gateway: format!("portal = \"http://localhost:{port}\""),
        edits: vec![(
            "upstream cofactor {".to_owned(),
            format!("{own}\nupstream cofactor {{"),
        )],
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let page = alice.visit("/reports")?;
    let portal = format!("http://localhost:{port}/.cofactor/");
    assert!(page.address.starts_with(&portal), "{}", page.address);
    let page = answer(&mut alice, &page, &phone.fresh()?)?;
    assert_eq!(page.address, alice.absolute("/reports"));
    assert!(is_application(&page), "{}", page.text());
    // Whoever says who they are to that site says nothing.
    let claims = [("X-Cofactor-Secret", SECRET), ("X-Cofactor-User", "alice")];
    let answer = alice.elsewhere().request("GET", &portal, &claims, "")?;
    assert_eq!(answer.status, 403);
    Ok(())
}

#[test]
fn each_ticket_is_good_once() -> Tested {
    let Some(site) = Guarded::start(&own_portal())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    for stage in ["begin", "confirm", "enter"] {
        let ticket = until(&mut alice, "/", stage)?;
        assert_eq!(alice.get(&ticket)?.status, 303, "{stage}");
        assert!(is_over(&alice.get(&ticket)?), "{stage}");
    }
    let page = alice.visit("/")?;
    let fields = page.hidden("/.cofactor/answer")?;
    let mut body = cofactor_tests::visitor::form(&fields);
    body.push_str(&format!("&code={}", phone.fresh()?));
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let action = page.address.split_once("/.cofactor/").unwrap().0.to_owned() + "/.cofactor/answer";
    let finish = alice
        .request("POST", &action, &[kind], &body)?
        .location()
        .to_owned();
    assert!(finish.contains("/.cofactor/finish?ticket="), "{finish}");
    let entered = alice.get(&finish)?;
    assert_eq!(entered.status, 303);
    assert!(
        entered
            .header("set-cookie")
            .is_some_and(|it| it.starts_with("cofactor="))
    );
    assert!(is_over(&alice.get(&finish)?));
    Ok(())
}

#[test]
fn ch_02_a_ticket_is_of_no_use_in_another_browser() -> Tested {
    let Some(site) = Guarded::start(&own_portal())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    // The attacker knows the password, begins, and sends the address to the victim, or steals it on the way.
    for stage in ["confirm", "enter"] {
        let mut attacker = alice.elsewhere();
        let ticket = until(&mut attacker, "/", stage)?;
        // The victim's browser may be one that has been here before.
        alice.visit("/")?;
        assert!(is_over(&alice.get(&ticket)?), "{stage}: the victim's");
        let mut fresh = alice.elsewhere();
        assert!(is_over(&fresh.get(&ticket)?), "{stage}: a new one");
        assert_eq!(
            attacker.get(&ticket)?.status,
            303,
            "{stage}: nobody spoiled it"
        );
    }
    // A first ticket may be opened anywhere, and leads no further than to its own browser.
    let mut attacker = alice.elsewhere();
    let ticket = until(&mut attacker, "/", "begin")?;
    assert!(is_over(&alice.visit(&ticket)?.answer));

    // And the last one, with the session in it, opens nothing elsewhere.
    let page = alice.visit("/")?;
    let mut body = cofactor_tests::visitor::form(&page.hidden("/.cofactor/answer")?);
    body.push_str(&format!("&code={}", phone.fresh()?));
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let action = page.address.split_once("/.cofactor/").unwrap().0.to_owned() + "/.cofactor/answer";
    let finish = alice
        .request("POST", &action, &[kind], &body)?
        .location()
        .to_owned();
    let mut thief = alice.elsewhere();
    thief.visit("/")?;
    assert!(is_over(&thief.get(&finish)?));
    assert!(!is_application(&thief.visit("/")?));
    let mut bob = alice.as_user(BOB.0, BOB.1);
    assert!(is_over(&bob.get(&finish)?));
    assert_eq!(alice.get(&finish)?.status, 303);
    assert!(is_application(&alice.visit("/")?));
    Ok(())
}

#[test]
fn a_ticket_is_of_no_use_to_another_user_or_at_another_stage() -> Tested {
    let Some(site) = Guarded::start(&own_portal())? else {
        return Ok(());
    };
    let (mut alice, _) = with_device(&site, ALICE)?;
    let ticket = until(&mut alice, "/", "confirm")?;
    let mut bob = alice.as_user(BOB.0, BOB.1);
    assert!(is_over(&bob.get(&ticket)?));
    let text = ticket.split_once("ticket=").unwrap().1;
    for (at, stage) in [
        (format!("http://127.0.0.1:{}", site.port), "finish"),
        (format!("http://localhost:{}", site.server.web()), "begin"),
        (format!("http://localhost:{}", site.server.web()), "enter"),
    ] {
        let wrong = format!("{at}/.cofactor/{stage}?ticket={text}");
        assert!(is_over(&alice.get(&wrong)?), "{stage}");
    }
    let (kept, last) = ticket.split_at(ticket.len() - 1);
    let altered = format!("{kept}{}", if last == "A" { "E" } else { "A" });
    let twice = format!("{ticket}&ticket={text}");
    let none = ticket.split_once('?').unwrap().0.to_owned();
    for bad in [altered, twice, none] {
        assert!(is_over(&alice.get(&bad)?), "{bad}");
    }
    assert_eq!(alice.get(&ticket)?.status, 303);
    Ok(())
}

#[test]
fn the_portals_site_shows_nothing_to_who_was_not_handed_over() -> Tested {
    let Some(site) = Guarded::start(&own_portal())? else {
        return Ok(());
    };
    let portal = format!("http://localhost:{}/.cofactor/", site.server.web());
    let mut stranger = visitor(&site, ALICE);
    for (page, headers) in [
        ("", &[][..]),
        ("devices", &[]),
        ("sign-out", &[]),
        ("?user=alice", &[]),
        ("", &[("X-Cofactor-User", "alice")]),
        ("", &[("Remote-User", "alice")]),
        ("", &[("Cookie", "cofactor-visitor=AAAA")]),
    ] {
        let answer = stranger.request("GET", &format!("{portal}{page}"), headers, "")?;
        assert_eq!(answer.status, 403, "{page} {headers:?}");
        assert!(!answer.body.contains("<form"), "{page} {headers:?}");
    }
    // A portal without a name of its own is nobody's.
    let other = format!("http://127.0.0.1:{}/.cofactor/", site.server.web());
    assert_eq!(stranger.get(&other)?.status, 403);
    Ok(())
}
