//! Comma-separated files, lists of users and reports.

use super::*;

#[test]
fn csv_every_case_is_what_it_says() {
    let cases: Vec<Value> =
        serde_json::from_slice(&std::fs::read(vectors("misc/oath_csv_cases.json")).unwrap())
            .unwrap();
    let refused = |why: Refused| format!("refused: {why}");
    let tens = "31323334353637383930";
    let expected: Vec<Result<Vec<String>, FileError>> = vec![
        Ok(vec![refused(Refused::Base32(1))]),
        Ok(vec![
            "totp 1234567 d6b7cefbe0088642eb5be77df0044321 SHA1 6 60 0".into(),
        ]),
        Err(FileError::NoHeader),
        Ok(vec![
            "hotp tok1 1212 SHA1 6 0 0".into(),
            format!("skipped: {}", Skipped::NoSerial),
            "totp tok3 1212 SHA1 6 30 0".into(),
        ]),
        Ok(vec![
            "hotp cccccccccccc 916821d3a138bf855e70069605559a206ba854cd SHA1 6 0 0".into(),
            "hotp 508327 69cfb9202438ca68964ec3244bfa4843d073a43b SHA1 6 0 0".into(),
        ]),
        Ok(vec![refused(Refused::Quotes)]),
        Ok(vec![
            format!("totp 1 {tens} SHA1 6 30 0"),
            refused(Refused::Serial(2)),
        ]),
        Ok(vec![refused(Refused::Interval); 3]),
    ];
    assert_eq!(cases.len(), expected.len());
    for (case, expected) in cases.iter().zip(expected) {
        let text = case["text"].as_str().unwrap();
        let found = decode(text.as_bytes(), None);
        assert_eq!(found.map(|it| words(&it)), expected, "{case}");
    }
    let places = |text: &str| {
        decode(text.as_bytes(), None).unwrap().rows[0]
            .place
            .to_string()
    };
    assert_eq!(places(cases[5]["text"].as_str().unwrap()), "line 2");
    let users = decode(cases[3]["text"].as_str().unwrap().as_bytes(), None).unwrap();
    assert_eq!(users.rows[0].user.as_deref(), Some("realm1\\user1"));
}

#[test]
fn csv_columns_are_named_and_never_guessed() {
    const HEAD: &str = "upn,serial number,secret key,time interval,manufacturer,model";
    let error = |head: &str| decode(format!("{head}\nx").as_bytes(), None).unwrap_err();
    assert_eq!(
        error(&format!("{HEAD},colour")),
        FileError::Column { line: 1, column: 7 }
    );
    assert_eq!(
        error(&format!("{HEAD},model")),
        FileError::Column { line: 1, column: 7 }
    );
    assert_eq!(
        error("upn,serial number"),
        FileError::NoColumn {
            line: 1,
            name: "secret key"
        }
    );
    assert_eq!(error("# version:3"), FileError::NoHeader);
    let more = "secret,serial,type,algorithm,digits,counter\n\
                GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,7,hotp,sha256,8,5\n\
                gezd gnbv gy3t qojq,8,hotp,,,\n\
                GEZDGNBVGY3TQOJQG,9,hotp,,,\n\
                GEZDGNBV,9,hotp,MD5,,\n\
                GEZDGNBV,9,hotp,,,,\n";
    assert_eq!(
        words(&decode(more.as_bytes(), None).unwrap()),
        [
            format!("hotp 7 {RFC} SHA256 8 0 5"),
            "hotp 8 31323334353637383930 SHA1 6 0 0".into(),
            format!("refused: {}", Refused::CutShort),
            format!("refused: {}", Refused::Hash("MD5".into())),
            format!("refused: {}", Refused::Many(7, 6)),
        ]
    );
}

#[test]
fn recipients_are_a_list_of_serials_and_users() {
    let read = |text: &str| recipients(text.as_bytes());
    let found = read("\u{feff}serial,user\r\n\r\n 17 , alice\r\n\"1,8\",bob\r\n").unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|it| (it.line, it.serial.as_str(), it.user.as_str()))
        .collect();
    assert_eq!(found, [(3, "17", "alice"), (4, "1,8", "bob")]);
    for (text, error) in [
        ("", FileError::Empty),
        (
            "user,serial\n",
            FileError::NoColumn {
                line: 1,
                name: "serial",
            },
        ),
        (
            "serial,user,more\n",
            FileError::NoColumn {
                line: 1,
                name: "user",
            },
        ),
        (
            "serial,user\n1,a\n1,b\n",
            FileError::Twice { line: 3, first: 2 },
        ),
        (
            "serial,user\n1\n",
            FileError::Line {
                line: 2,
                why: Refused::Few(1, 2),
            },
        ),
        (
            "serial,user\n1,\n",
            FileError::Line {
                line: 2,
                why: Refused::Missing("user"),
            },
        ),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
}

#[test]
fn im_05_a_cell_of_a_report_is_never_a_formula() {
    for (text, written) in [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1,A2)", "\"'@SUM(A1,A2)\""),
        ("\t=1", "\"'\t=1\""),
        ("a,\"b\"", "\"a,\"\"b\"\"\""),
        ("a\n=1", "\"a\n=1\""),
        ("alice", "alice"),
        ("", ""),
    ] {
        assert_eq!(cell(text), written, "{text}");
    }
}

#[test]
fn no_secret_is_in_a_debug_or_an_error() {
    let secret = hex::encode(SECRET);
    for name in [
        "rfc6030_fig03.xml",
        "rfc6030_fig06.xml",
        "rfc6030_fig07.xml",
    ] {
        let shown = format!("{:?}", decoded(name).unwrap());
        assert!(shown.contains("[redacted]"), "{shown}");
        for leak in [secret.as_str(), "123456789012", "MTIzNDU2", "[49, 50, 51"] {
            assert!(!shown.contains(leak), "{name}: {shown}");
        }
    }
    assert_eq!(
        format!("{:?}", unlock("fig07").unwrap()),
        "Passphrase([redacted])"
    );
    // A row in the wrong order, or with a secret that is nearly one.
    for file in [
        "upn,serial number,secret key,time interval\na,1,HUSHHUSH1,30\na,2,GEZDGNBV,HUSHHUSH\n",
        "upn,serial number,secret key,time interval\n\"HUSHHUSH\"x,1,2,3\nHUSHHUSH\n",
        "upn,HUSHHUSH,secret key,time interval\n",
        "HUSHHUSH,1,2,3\n",
        "# version:1\n1,HUSHHUSH,hotp\n1,1212,hotp,HUSHHUSH\n",
    ] {
        let said = match decode(file.as_bytes(), None) {
            Ok(decoded) => words(&decoded).join(""),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!said.contains("HUSHHUSH"), "{said}");
    }
}
