//! Secrets that are planted and searched for, and text that would like to be a log line.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use cofactor_guest::base32;
use cofactor_runtime::contract::{Action, AdministrationChange, Answer, Issuance, Proof};
use cofactor_tests::program::{own, wait_for};
use cofactor_tests::scenario::{answer, begin, totp};
use serde_json::json;
use totp_rs::Algorithm;

use crate::place::{self, CLIENT, Host, Place, json_lines};
use crate::races::MANY_CODES;

/// What must not be found, and what to call it when it is.
#[derive(Default)]
struct Canaries {
    octets: Vec<(String, Vec<u8>)>,
    /// Digits, found only where no other digit stands beside them: an instant may hold any eight.
    codes: Vec<(String, String)>,
}

impl Canaries {
    /// A key, in every form in which keys are written.
    fn key(&mut self, what: &str, key: &[u8]) {
        let text = base32::encode(key).to_string();
        let mut add = |form: &str, octets: Vec<u8>| {
            self.octets.push((format!("{what}, {form}"), octets));
        };
        add("raw", key.to_vec());
        add("base32", text.clone().into_bytes());
        add("base32 in lower case", text.to_lowercase().into_bytes());
        add("hexadecimal", hex::encode(key).into_bytes());
        add(
            "hexadecimal in upper case",
            hex::encode_upper(key).into_bytes(),
        );
        add(
            "base64",
            STANDARD
                .encode(key)
                .trim_end_matches('=')
                .as_bytes()
                .to_vec(),
        );
        add(
            "base64url",
            URL_SAFE
                .encode(key)
                .trim_end_matches('=')
                .as_bytes()
                .to_vec(),
        );
        // As programs print lists of octets.
        let list = format!("{:?}", &key[..8]);
        add("a list", list.trim_end_matches(']').as_bytes().to_vec());
    }

    fn text(&mut self, what: &str, text: &str) {
        self.octets
            .push((what.to_owned(), text.as_bytes().to_vec()));
    }

    fn code(&mut self, what: &str, code: &str) {
        self.codes.push((what.to_owned(), code.to_owned()));
    }

    /// Every canary that is somewhere in `octets`.
    fn found(&self, octets: &[u8]) -> Vec<&str> {
        let digit = |at: Option<usize>| {
            at.and_then(|at| octets.get(at))
                .is_some_and(u8::is_ascii_digit)
        };
        let codes = self.codes.iter().filter(|(_, code)| {
            places(octets, code.as_bytes())
                .any(|at| !digit(at.checked_sub(1)) && !digit(Some(at + code.len())))
        });
        let others = self
            .octets
            .iter()
            .filter(|(_, it)| places(octets, it).next().is_some());
        codes
            .map(|(what, _)| what.as_str())
            .chain(others.map(|(what, _)| what.as_str()))
            .collect()
    }
}

fn places<'a>(octets: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = wanted[0];
    (0..octets.len()).filter(move |at| octets[*at] == first && octets[*at..].starts_with(wanted))
}

#[test]
fn lg_02_no_secret_and_no_code_is_in_any_file_log_metric_or_report() {
    let place = Place::logging(MANY_CODES, "trace");
    let mut canaries = Canaries::default();
    let mut command = Command::new(own("cofactor").unwrap());
    command
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LOG", "trace");
    let mut host = place.start_by(command);
    let mut client = host.client();
    canaries.text("the client's secret", CLIENT.1);

    // An imported key, and one that the component makes.
    canaries.key("alice's key", &place::key("alice"));
    assert!(
        client
            .act("alice", &place::import("alice", 8))
            .unwrap()
            .done()
    );
    assert!(
        !client
            .act(
                "alice",
                &administer_uri("otpauth://totp/A:a?secret=JBSWY3DPEHPK3PXQCANARY22&digits=9")
            )
            .unwrap()
            .done()
    );
    canaries.text("a key of a refused import", "JBSWY3DPEHPK3PXQCANARY22");
    let issued = client
        .administer(
            "bob",
            AdministrationChange::Issue(Issuance::new("totp", "Authenticator")),
        )
        .unwrap();
    let text = issued.body["outcome"]["done"]["provisioning"]["manual-key"]
        .as_str()
        .unwrap();
    let key = base32::decode_secret(text).unwrap().as_bytes().to_vec();
    canaries.key("bob's key", &key);
    let bobs = totp(&key, Algorithm::SHA1, 6, 30, place::now() / 1_000).unwrap();
    assert!(client.sign_in("bob", &bobs).unwrap().allowed());

    // Codes that are accepted, used again, wrong, answered to a challenge, given in pairs, given for nobody.
    let code = |step| place::code("alice", 8, place::now(), step);
    for step in [-5, -4] {
        let right = code(step);
        canaries.code("an accepted code", &right);
        assert!(client.sign_in("alice", &right).unwrap().allowed());
        assert!(!client.sign_in("alice", &right).unwrap().allowed());
    }
    for wrong in [
        "73519264",
        "9182736455",
        "canary-typed-as-code",
        " 73519265",
        "7351-9266",
    ] {
        canaries.code("a wrong code", wrong.trim());
        assert!(!client.sign_in("alice", wrong).unwrap().allowed());
        assert!(!client.sign_in("nobody", wrong).unwrap().allowed());
    }
    let begun = client.act("alice", &begin(None)).unwrap();
    let challenge = begun.body["outcome"]["challenge"]["id"].as_str().unwrap();
    for given in ["64738291".to_owned(), code(1)] {
        canaries.code("an answer to a challenge", &given);
        client.act("alice", &answer(challenge, &given)).unwrap();
    }
    let begun = client.act("alice", &begin(None)).unwrap();
    let two = (code(6), code(7));
    canaries.code("the first of two codes", &two.0);
    canaries.code("the second of two codes", &two.1);
    let challenge = begun.body["outcome"]["challenge"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let proof = Proof::TwoCodes(two);
    let answer = Answer {
        challenge,
        proof,
        remember: false,
    };
    let pair = client.act("alice", &Action::Answer(answer)).unwrap();
    assert!(pair.allowed(), "{}", pair.body);
    let session = pair.body["session"].as_str().unwrap().to_owned();
    canaries.text("a session", &session);

    // Requests that break the contract, with codes in them.
    let mut body = client.step("alice", &begin(Some("58291736"))).unwrap();
    body["event"]["action"]["begin"]["early-answer"] = json!(["58291736"]);
    canaries.code("a code of the wrong type", "58291736");
    canaries.code("a code in broken JSON", "58291737");
    canaries.code("a code as an unknown key", "58291738");
    canaries.code("a code that is a number", "58291739");
    let broken = [
        body.to_string(),
        r#"{"user":"alice","event":{"code":"58291737"#.to_owned(),
        r#"{"58291738":1}"#.to_owned(),
        body.to_string().replace("[\"58291736\"]", "58291739"),
    ];
    for body in broken {
        client.send("POST", "/v1/step", body.as_bytes()).unwrap();
        assert_eq!(client.receive().unwrap().status, 400);
    }
    let request = json!({"user": "bob", "session": session, "request": {
        "application": "example", "host": "example.com", "path": "/", "method": "GET"}});
    client
        .send("POST", "/v1/authorize", request.to_string().as_bytes())
        .unwrap();
    assert_eq!(
        client.receive().unwrap().status,
        403,
        "another user's session"
    );
    canaries.text("a stranger's secret", "canary-of-a-stranger");
    let mut stranger =
        cofactor_tests::api::Client::connect(host.api, "test", "canary-of-a-stranger", "example")
            .unwrap();
    assert_eq!(stranger.sign_in("alice", "00000000").unwrap().status, 401);

    // Metrics, and what the command prints for operators.
    let metrics = metrics(&host);
    assert!(metrics.contains("cofactor_steps"), "{metrics}");
    let mut places = vec![("metrics".to_owned(), metrics.into_bytes())];
    for arguments in [
        &["audit", "show", "--json"][..],
        &["audit", "show"],
        &["audit", "verify", "--json"],
        &["user", "show", "alice", "--json"],
        &["user", "show", "bob"],
        &["user", "list", "--json"],
    ] {
        let output = place.cofactor(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        places.push((format!("standard output of {arguments:?}"), output.stdout));
        places.push((format!("standard error of {arguments:?}"), output.stderr));
    }
    // While it runs, with the write-ahead log full; then as it ends by a fault, with whatever it says and leaves then.
    places.extend(searched(&place));
    let id = host.running.id().to_string();
    let status = Command::new("kill").args(["-ABRT", &id]).status().unwrap();
    assert!(status.success());
    wait_for("the host to end", || host.running.ended().then_some(())).unwrap();
    places.extend(searched(&place));

    let log = host.log();
    assert!(log.lines().count() > 10, "{log}");
    for (name, octets) in &places {
        let found = canaries.found(octets);
        assert!(found.is_empty(), "{name} holds {found:?}");
    }
    // The search finds what is there.
    let control = [b"x ".as_slice(), &place::key("alice"), b" 73519264 "].concat();
    assert_eq!(
        canaries.found(&control),
        ["a wrong code", "alice's key, raw"]
    );
}

/// The keys of the ring and the configuration are where secrets belong; everything else is searched.
fn searched(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut files = place.files();
    files.retain(|(name, _)| name != "keys" && name != "cofactor.toml");
    for name in ["db", "db-wal", "anchor", "log-0"] {
        assert!(
            files
                .iter()
                .any(|(it, octets)| it == name && !octets.is_empty()),
            "no {name}"
        );
    }
    files
}

/// No dump is written when a host falls, and none of the keys that it worked with are left in its memory.
#[test]
fn st_06_no_key_is_left_in_memory_and_no_core_is_dumped() {
    let place = Place::new(MANY_CODES);
    let users: Vec<_> = (0..20).map(|n| format!("user-{n}")).collect();
    place.enrol(&users, 6);
    let host = place.start();
    let mut client = host.client();
    for user in &users {
        for step in [-1, 0] {
            let code = place::code(user, 6, place::now(), step);
            assert!(client.sign_in(user, &code).unwrap().allowed());
        }
        assert!(!client.sign_in(user, "000000").unwrap().allowed());
    }
    let process = format!("/proc/{}", host.running.id());
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"],
        "{core}"
    );

    let mut canaries = Canaries::default();
    for user in &users {
        canaries
            .octets
            .push((format!("{user}'s key"), place::key(user)));
        let text = base32::encode(&place::key(user)).to_string();
        canaries
            .octets
            .push((format!("{user}'s key in base32"), text.into_bytes()));
    }
    let mut memory = fs::File::open(format!("{process}/mem")).unwrap();
    let (mut searched, mut found, mut control) = (0, Vec::new(), false);
    for line in fs::read_to_string(format!("{process}/maps"))
        .unwrap()
        .lines()
    {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        // Reservations of gigabytes hold nothing but what is inside smaller mappings.
        if !rights.starts_with("rw") || to - from > 512 << 20 {
            continue;
        }
        let mut octets = vec![0; usize::try_from(to - from).unwrap()];
        memory.seek(SeekFrom::Start(from)).unwrap();
        if memory.read_exact(&mut octets).is_err() {
            continue;
        }
        searched += octets.len();
        // Names are no secret, and on the pages of the database that SQLite keeps.
        control |= places(&octets, users[0].as_bytes()).next().is_some();
        found.extend(
            canaries
                .found(&octets)
                .into_iter()
                .map(|what| format!("{what} in {line}")),
        );
    }
    eprintln!("{} MiB searched", searched >> 20);
    assert!(searched > 4 << 20, "only {searched} octets could be read");
    assert!(control, "not even a name was found");
    assert!(found.is_empty(), "{found:#?}");
}

/// Whatever a client calls things: one line an event, every line JSON, every audit row whole.
#[test]
fn lg_01_nobody_writes_a_log_line_of_their_own() {
    let place = Place::logging(MANY_CODES, "trace");
    place.enrol(&["alice".to_owned()], 6);
    let mut host = place.start();
    let mut client = host.client();
    let evil = [
        "alice\n{\"level\":\"INFO\",\"message\":\"decided\",\"outcome\":\"forged\"}",
        "alice\r\n2026-01-01T00:00:00Z INFO forged",
        "\u{1b}[2J\u{1b}[31mforged",
        "alice\",\"outcome\":\"forged",
        "alice\0forged",
        "\u{202e}degrof\u{2028}forged\u{85}",
        "forged\u{7f}\u{9b}31m",
    ];
    let mut sent = 0;
    for text in evil {
        let mut bodies = Vec::new();
        for pointer in [
            "/user",
            "/event/id",
            "/event/origin/application",
            "/event/origin/binding",
            "/event/origin/address",
            "/event/origin/language",
            "/event/action/begin/early-answer",
            "/event/action/begin/method",
        ] {
            let mut body = client.step("alice", &begin(Some("000000"))).unwrap();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            body.pointer_mut(parent).unwrap()[key] = json!(text);
            bodies.push(body);
        }
        let mut groups = client.step("alice", &begin(Some("000000"))).unwrap();
        groups["event"]["origin"]["groups"] = json!([text, text]);
        bodies.push(groups);
        bodies.push(client.step("alice", &answer(text, "000000")).unwrap());
        let by = cofactor_runtime::contract::Administration {
            actor: text.to_owned(),
            why: text.to_owned(),
            change: AdministrationChange::Unlock,
        };
        bodies.push(client.step("alice", &Action::Administer(by)).unwrap());
        for body in bodies {
            client
                .send("POST", "/v1/step", body.to_string().as_bytes())
                .unwrap();
            client.receive().unwrap();
            sent += 1;
        }
    }
    // In the head of a request as well. Whatever the answer is, the connection may be over after it.
    for line in [
        "GET /\u{1b}[31mforged HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/description?\"forged HTTP/1.1\r\nHost: x\r\nX-Request-Id: forged\r\n\r\n",
        "POST /v1/step HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer forged\u{85}:forged\r\nContent-Length: 0\r\n\r\n",
        "forged\nforged\r\n\r\n",
    ] {
        let mut client = host.client();
        client.send_raw(line.as_bytes()).unwrap();
        let _ = client.receive();
    }
    host.running.stop().unwrap();
    let log = host.log();
    let mut lines = 0;
    for line in json_lines(&log) {
        assert_ne!(line["outcome"], "forged", "{line}");
        assert_ne!(line["request"], "forged", "{line}");
        lines += 1;
    }
    assert!(lines >= sent, "{lines} lines for {sent} requests");
    let bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}');
    assert!(!log.contains(bad), "a control character in the log");

    let rows = place.cofactor(&["audit", "show", "--json"]);
    let rows = String::from_utf8(rows.stdout).unwrap();
    assert!(json_lines(&rows).count() > 10);
    let shown = String::from_utf8(place.cofactor(&["audit", "show"]).stdout).unwrap();
    assert_eq!(shown.lines().count(), rows.lines().count());
    assert!(!shown.contains(bad), "a control character in the audit");
    assert!(place.cofactor(&["audit", "verify"]).status.success());
}

fn administer_uri(uri: &str) -> Action {
    place::administer(AdministrationChange::ImportOtpauth(uri.into()))
}

fn metrics(host: &Host) -> String {
    ureq::get(format!("http://{}/metrics", host.metrics))
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap()
}
