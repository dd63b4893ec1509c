//! Hardware tokens: a maker's file, the operator who imports it, and the user who signs in with the token.

mod refused;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use cofactor_tests::program::{own, peer, project};
use cofactor_tests::server::{Server, Setup};
use serde_json::Value;

use super::{PATIENT, Tested, phone};

/// In hexadecimal, base64 and as it is: what no output may have.
const SECRETS: [&str; 4] = [
    "3132333435363738393031323334353637383930",
    "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=",
    "12345678901234567890",
    super::SECRET,
];
const HEAD: &str = "upn,serial number,secret key,time interval,manufacturer,model\n";
/// Another secret, of 20 octets.
const OTHER: &str = "KRUGS4ZANFZSAYJAON2HEZLBNU5DAMBQ";
const KEY: &str = "12345678901234567890123456789012\n";

/// A host, and what is imported beside it.
struct Desk(Server);

impl Desk {
    fn open() -> anyhow::Result<Self> {
        let policy = PATIENT.to_owned();
        let server = Server::start(&Setup {
            policy,
            ..Setup::default()
        })?;
        Ok(Self(server))
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<String> {
        let path = self.0.folder().join(name);
        std::fs::write(&path, content)?;
        Ok(path.to_str().context("a path")?.to_owned())
    }

    /// Exit code and report. Nothing that is printed has a secret.
    fn import(&self, arguments: &[&str]) -> anyhow::Result<(i32, Value)> {
        let all = [&["token", "import", "--json"], arguments].concat();
        let output = self.0.command(&all)?;
        quiet(&output);
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Ok((output.status.code().context("ended")?, report))
    }

    /// Everything that a change would leave a trace in.
    fn traces(&self) -> anyhow::Result<(String, String)> {
        let users = self.0.operator(&["user", "list"])?;
        Ok((users, self.0.operator(&["audit", "show"])?))
    }
}

fn quiet(output: &Output) {
    for said in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(said);
        assert!(
            !SECRETS.iter().any(|secret| said.contains(secret)),
            "{said}"
        );
    }
}

fn vector(name: &str) -> anyhow::Result<Vec<u8>> {
    Ok(std::fs::read(project("tests/vectors/pskc").join(name))?)
}

/// `result` of each row, with the reason and the field where there is one.
fn results(report: &Value) -> Vec<String> {
    let rows = report["rows"].as_array().expect("rows");
    let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
    let words = |row: &Value| {
        ["result", "reason", "field"]
            .iter()
            .filter_map(|key| text(row, key))
            .collect::<Vec<_>>()
            .join(" ")
    };
    rows.iter().map(words).collect()
}

/// Codes of a counting token with the secret of the RFCs: by oathtool, or as RFC 4226 appendix D has them.
fn counted(digits: u8, counter: usize) -> anyhow::Result<String> {
    const TRUNCATED: [&str; 3] = ["1284755224", "1094287082", "0137359152"];
    let expected = &TRUNCATED[counter][10 - usize::from(digits)..];
    if let Some(oathtool) = peer("oathtool") {
        let (digits, counter) = (format!("--digits={digits}"), format!("--counter={counter}"));
        let output = Command::new(oathtool)
            .args(["--hotp", &digits, &counter, SECRETS[0]])
            .output()?;
        assert_eq!(String::from_utf8(output.stdout)?.trim(), expected);
    }
    Ok(expected.to_owned())
}

#[test]
fn users_sign_in_with_the_tokens_of_a_csv_file() -> Tested {
    let desk = Desk::open()?;
    let text = format!(
        "{HEAD}ALICE,1001,{},30,Acme,\"Key, blue\"\nbob,1002,{OTHER},60,Acme,Key\n",
        super::SECRET
    );
    let file = desk.file("tokens.csv", text)?;
    let (code, report) = desk.import(&[&file, "--why", "order 4711"])?;
    assert_eq!(code, 0, "{report}");
    assert_eq!(results(&report), ["accepted", "accepted"]);
    assert_eq!(report["committed"], true);
    assert_eq!(report["rows"][0]["user"], "alice");
    let mut phone = phone();
    assert_eq!(desk.0.verify("alice", &phone.fresh()?)?, "allow");
    assert_eq!(desk.0.verify("bob", &phone.fresh()?)?, "incorrect-code");
    let shown = desk.0.operator(&["user", "show", "alice"])?;
    let credential = report["rows"][0]["credential"].as_str().unwrap();
    assert!(
        shown.contains(credential) && shown.contains("serial=1001"),
        "{shown}"
    );
    assert!(shown.contains("Key, blue 1001"), "{shown}");
    let audit = desk.0.operator(&["audit", "show", "--json"])?;
    assert_eq!(audit.matches("order 4711").count(), 4, "{audit}");
    assert!(!SECRETS.iter().any(|secret| audit.contains(secret)));
    Ok(())
}

#[test]
fn users_sign_in_with_the_tokens_of_encrypted_files() -> Tested {
    let desk = Desk::open()?;
    let users = desk.file("users.csv", "serial,user\n987654321,alice\n")?;
    let (sealed, key) = (
        desk.file("fig06.xml", vector("rfc6030_fig06.xml")?)?,
        desk.file("key.txt", KEY)?,
    );
    let (code, report) = desk.import(&[&sealed, "--key", &key, "--users", &users])?;
    assert_eq!(
        (code, &report["encrypted"]),
        (0, &Value::Bool(true)),
        "{report}"
    );
    assert_eq!(desk.0.verify("alice", &counted(8, 0)?)?, "allow");
    assert_eq!(
        desk.0.verify("alice", &counted(8, 0)?)?,
        "code-already-used"
    );
    assert_eq!(desk.0.verify("alice", &counted(8, 1)?)?, "allow");
    // A passphrase on standard input, for another user.
    let users = desk.file("users.csv", "serial,user\n987654321,bob\n")?;
    let sealed = desk.file("fig07.xml", vector("rfc6030_fig07.xml")?)?;
    let mut child = Command::new(own("cofactor")?)
        .args([
            "token",
            "import",
            &sealed,
            "--passphrase",
            "-",
            "--users",
            &users,
        ])
        .env("COFACTOR_CONFIG", desk.0.configuration())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .context("stdin")?
        .write_all(b"qwerty\n")?;
    let output = child.wait_with_output()?;
    quiet(&output);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(desk.0.verify("bob", &counted(8, 0)?)?, "allow");
    // Without, with another, and with one that is not needed.
    let plain = desk.file("fig03.xml", vector("rfc6030_fig03.xml")?)?;
    let wrong = desk.file("wrong.txt", "another passphrase\n")?;
    let before = desk.traces()?;
    for arguments in [
        &[sealed.as_str()][..],
        &[&sealed, "--passphrase", &wrong],
        &[&sealed, "--key", &key],
        &[&sealed, "--key", &wrong],
        &[&plain, "--key", &key],
    ] {
        let (code, report) = desk.import(arguments)?;
        let refused = code == 1 && results(&report) == ["refused unreadable"];
        assert!(code == 3 || refused, "{arguments:?} {report}");
    }
    assert_eq!(desk.traces()?, before);
    Ok(())
}

#[test]
fn a_dry_run_judges_everything_and_writes_nothing() -> Tested {
    let desk = Desk::open()?;
    let text = format!(
        "{HEAD}alice,1,{},30,A,B\nbob,2,{OTHER},30,A,B\n",
        super::SECRET
    );
    let file = desk.file("tokens.csv", text)?;
    let before = desk.traces()?;
    for _ in 0..2 {
        let (code, report) = desk.import(&[&file, "--dry-run"])?;
        assert_eq!(
            (code, results(&report)),
            (0, vec!["accepted".to_owned(); 2])
        );
        assert_eq!(
            (&report["committed"], &report["dry-run"]),
            (&false.into(), &true.into())
        );
    }
    assert_eq!(desk.traces()?, before);
    assert_eq!(desk.import(&[&file])?.0, 0);
    let (code, report) = desk.import(&[&file, "--dry-run"])?;
    assert_eq!(
        (code, results(&report)),
        (1, vec!["refused already-claimed".to_owned(); 2])
    );
    Ok(())
}

#[test]
fn one_row_that_is_refused_keeps_all_of_them_out() -> Tested {
    let desk = Desk::open()?;
    desk.0.enrol("carol", super::SECRET)?;
    let before = desk.traces()?;
    let good = format!("alice,1,{},30,A,B\nbob,2,{OTHER},30,A,B\n", super::SECRET);
    for (row, expected) in [
        ("dave,3,GEZDGNBVGY,30,A,B", "refused import-invalid secret"),
        ("dave,3,GEZDGNBV1,30,A,B", "refused unreadable"),
        ("dave,3,GEZDGNBVGY3TQOJQ,45,A,B", "refused unreadable"),
        ("\"dave\"x,3,GEZDGNBVGY3TQOJQ,30,A,B", "refused unreadable"),
        (",3,GEZDGNBVGY3TQOJQ,30,A,B", "refused user-missing"),
        ("a@b@c,3,GEZDGNBVGY3TQOJQ,30,A,B", "refused user-invalid"),
        // In the file already; in the file already for the same user; the secret that the account has already.
        ("dave,2,GEZDGNBVGY3TQOJQ,30,A,B", "refused unreadable"),
        (
            "bob,3,KRUGS4ZANFZSAYJAON2HEZLBNU5DAMBQ,30,A,B",
            "refused already-claimed",
        ),
        (
            "carol,3,GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,30,A,B",
            "refused already-claimed",
        ),
    ] {
        let file = desk.file("tokens.csv", format!("{HEAD}{good}{row}\n"))?;
        for more in [&[file.as_str()][..], &[&file, "--dry-run"]] {
            let (code, report) = desk.import(more)?;
            assert_eq!(code, 1, "{row}: {report}");
            assert_eq!(
                results(&report),
                ["accepted", "accepted", expected],
                "{row}"
            );
            assert_eq!(report["committed"], false);
        }
    }
    assert_eq!(desk.traces()?, before);
    let text = desk.file(
        "tokens.csv",
        format!("{HEAD}{good}dave,3,GEZDGNBVGY,30,A,B\n"),
    )?;
    let output = desk.0.command(&["token", "import", &text])?;
    let said = String::from_utf8(output.stdout)?;
    let last = "line 4: 3 for dave: REFUSED, import-invalid: its secret has to have 10 to 80 octets\n\
                nothing was imported: 1 refused, 2 would be imported without them, 0 skipped\n";
    assert!(said.ends_with(last), "{said}");
    Ok(())
}

#[test]
fn a_user_may_get_several_tokens_of_one_file_and_no_more_than_the_policy_allows() -> Tested {
    let desk = Desk::open()?;
    let rows = |count: u8| {
        let row = |at| format!("{at},{:040x},hotp\n", 1_000 + u64::from(at));
        let rows: String = (0..count).map(row).collect();
        format!("# version:1\n{rows}")
    };
    let list = |count: u8| {
        let rows: String = (0..count).map(|at| format!("{at},alice\n")).collect();
        format!("serial,user\n{rows}")
    };
    let users = desk.file("users.csv", list(6))?;
    let six = desk.file("six.csv", rows(6))?;
    let before = desk.traces()?;
    let (code, report) = desk.import(&[&six, "--users", &users])?;
    assert_eq!(code, 1);
    assert_eq!(
        results(&report)[4..],
        ["accepted", "refused too-many-credentials"]
    );
    assert_eq!(desk.traces()?, before);
    // The list alone says who gets what; whoever it does not name gets nothing.
    let users = desk.file("users.csv", list(5))?;
    let (code, report) = desk.import(&[&six, "--users", &users])?;
    assert_eq!(code, 0, "{report}");
    assert_eq!(results(&report)[4..], ["accepted", "skipped"]);
    let shown = desk.0.operator(&["user", "show", "alice"])?;
    assert!(shown.contains("credentials  5"), "{shown}");
    let users = desk.file("users.csv", "serial,user\n17,bob\n")?;
    let (code, report) = desk.import(&[&six, "--users", &users])?;
    assert_eq!(
        (code, results(&report).pop().unwrap().as_str()),
        (1, "refused not-in-file")
    );
    Ok(())
}

/// A token that is past its date is imported, and is of no use.
#[test]
fn a_token_that_has_expired_signs_nobody_in() -> Tested {
    let desk = Desk::open()?;
    let file = desk.file("fig10.xml", vector("rfc6030_fig10.xml")?)?;
    let users = desk.file("users.csv", "serial,user\n654321,alice\n")?;
    let (code, report) = desk.import(&[&file, "--users", &users])?;
    assert_eq!((code, results(&report)[0].as_str()), (0, "accepted"));
    assert_eq!(
        desk.0.verify("alice", &counted(8, 0)?)?,
        "credential-expired"
    );
    Ok(())
}

/// Whoever gets the report opens it in a spreadsheet.
#[test]
fn im_05_a_report_in_csv_has_no_formula_in_it() -> Tested {
    let desk = Desk::open()?;
    let text = format!("{HEAD}alice,=1+1,{},30,A,B\n", super::SECRET);
    let file = desk.file("tokens.csv", text)?;
    let printed = desk
        .0
        .operator(&["token", "import", &file, "--dry-run", "--csv"])?;
    assert_eq!(
        printed,
        "line,key,serial,user,result,reason,field,detail\n2,,'=1+1,alice,accepted,,,\n"
    );
    Ok(())
}

#[test]
fn what_cannot_be_imported_ends_with_its_exit_code_and_a_way_out() -> Tested {
    let desk = Desk::open()?;
    const ROW: &str = "alice,1,GEZDGNBVGY3TQOJQ,30,A,B\n";
    let headless = desk.file("x.csv", ROW)?;
    let good = desk.file("good.csv", format!("{HEAD}{ROW}"))?;
    for (arguments, code, text) in [
        (
            &[headless.as_str()][..],
            3,
            "no known kind of file: expected PSKC",
        ),
        (&["/nowhere"], 3, "cannot read /nowhere"),
        (&["-", "--users", "-"], 2, "only one of the files"),
        (&[&good, "--users", &headless], 3, "no column `serial`"),
    ] {
        let all = [&["token", "import"], arguments].concat();
        let output = desk.0.command(&all)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
    let empty = tempfile::tempdir()?;
    std::fs::write(empty.path().join("cofactor.toml"), "")?;
    let output = Command::new(own("cofactor")?)
        .args(["token", "import", "--dry-run", &headless])
        .current_dir(empty.path())
        .env_remove("COFACTOR_CONFIG")
        .output()?;
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(
        std::fs::read_dir(empty.path())?.count(),
        1,
        "looking makes no database"
    );
    Ok(())
}
