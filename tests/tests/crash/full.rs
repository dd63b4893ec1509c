//! A disk that is full: what cannot be written down is not answered with an acceptance (ST-04, LG-04).

use std::fs;
use std::process::Command;

use cofactor_tests::program::{own, peer};

use crate::place::{self, Host, Place};
use crate::races::MANY_CODES;

#[test]
fn lg_04_nobody_is_let_in_while_the_disk_is_full_and_it_heals() {
    let place = Place::new(&format!(
        "{MANY_CODES}[[application]]\nname = \"example\"\nfail-mode = \"open\"\n"
    ));
    let users: Vec<_> = (0..40).map(|n| format!("user-{n}")).collect();
    place.enrol(&users, 6);
    let host = start(&place);
    let mut client = host.client();
    let code = |user: &str| place::code(user, 6, place::now(), 0);
    assert!(client.sign_in("user-0", &code("user-0")).unwrap().allowed());

    // A file may not grow beyond its first octet: neither the database nor the log on standard error.
    if !limit(&host, "1") {
        return;
    }
    for user in &users[1..20] {
        let reply = client.sign_in(user, &code(user)).unwrap();
        assert_eq!(reply.status, 503, "{user}: {}", reply.body);
        // A client can fill a disk, so this is overload: no fail mode answers it.
        assert_eq!(reply.body["type"], "urn:cofactor:problem:overloaded");
    }
    limit(&host, "unlimited");
    for user in &users[..20] {
        let code = code(user);
        let reply = client.sign_in(user, &code).unwrap();
        // What was not accepted is not burnt; what was, is.
        assert_eq!(reply.allowed(), user != "user-0", "{user}: {}", reply.body);
        assert_eq!(
            client.sign_in(user, &code).unwrap().denied_for(),
            "code-already-used"
        );
    }

    // Full in the middle of a commit, a little later each time. The log begins anew after lulls: only a write beyond
    // its end can fail.
    let mut refused = 0;
    for (step, user) in users[20..].iter().enumerate() {
        let code = code(user);
        let end = fs::metadata(place.path("db-wal")).map_or(0, |file| file.len());
        limit(&host, &(end + 700 * step as u64).to_string());
        let reply = client.sign_in(user, &code).unwrap();
        limit(&host, "unlimited");
        let accepted = reply.allowed();
        assert!(accepted || reply.status == 503, "{user}: {}", reply.body);
        refused += u64::from(!accepted);
        let again = client.sign_in(user, &code).unwrap();
        assert_eq!(again.allowed(), !accepted, "{user}: {}", again.body);
        assert_eq!(
            client.sign_in(user, &code).unwrap().denied_for(),
            "code-already-used"
        );
    }
    assert!(refused > 0, "no commit was cut off");
    assert!(host.log().contains("the store could not commit"));
    drop(client);
    drop(host);

    // Nothing of it is left behind.
    let store = place.store();
    assert!(store.findings().is_empty());
    store.check().unwrap();
    store.verify_chain().unwrap();
}

/// A host whose system calls fail at the limit, as on a full disk, instead of ending it by SIGXFSZ.
fn start(place: &Place) -> Host {
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(own("cofactor").unwrap());
    place.start_by(command)
}

/// Sets how large the host's files may become. False where prlimit may be missing.
fn limit(host: &Host, octets: &str) -> bool {
    let Some(program) = peer("prlimit") else {
        return false;
    };
    let status = Command::new(program)
        .args([
            "--pid",
            &host.running.id().to_string(),
            &format!("--fsize={octets}:unlimited"),
        ])
        .status()
        .unwrap();
    assert!(status.success());
    true
}
