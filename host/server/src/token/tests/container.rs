//! PSKC: what RFC 6030 shows, and what hostile makers send.

use std::time::Instant;

use super::*;

#[test]
fn pskc_every_file_of_the_manifest_is_what_it_says() {
    let hotp = |serial: &str, digits: u8| format!("hotp {serial} {RFC} SHA1 {digits} 0 0");
    let refused = |why: &Refused| format!("refused: {why}");
    let eight = hotp("987654321", 8);
    let mac = refused(&Refused::MacMismatch);
    let expected: Vec<(&str, Result<Vec<String>, FileError>)> = vec![
        (
            "rfc6030_fig02.xml",
            Ok(vec!["hotp 12345678 31323334 SHA1 6 0 0".into()]),
        ),
        ("rfc6030_fig03.xml", Ok(vec![eight.clone()])),
        (
            "rfc6030_fig04.xml",
            Ok(vec![refused(&Refused::Reference("KeyProfileId"))]),
        ),
        (
            "rfc6030_fig05.xml",
            Ok(vec![eight.clone(), format!("skipped: {}", Skipped::Pin)]),
        ),
        ("rfc6030_fig06.xml", Ok(vec![eight.clone()])),
        ("rfc6030_fig07.xml", Ok(vec![eight.clone()])),
        (
            "rfc6030_fig08.xml",
            Err(FileError::Certificate("rsa_1_5".into())),
        ),
        ("rfc6030_fig09.xml", Ok(vec![hotp("0755225266", 6)])),
        (
            "rfc6030_fig10.xml",
            Ok(["654321", "123456", "9999999", "9999999"]
                .map(|serial| hotp(serial, 8))
                .to_vec()),
        ),
        ("bad/billion_laughs.xml", Err(FileError::DocumentType(1))),
        ("bad/xxe_file.xml", Err(FileError::DocumentType(1))),
        ("bad/xxe_http.xml", Err(FileError::DocumentType(1))),
        ("bad/deep_nesting.xml", Err(FileError::Excessive(2))),
        ("bad/doctype_only.xml", Err(FileError::DocumentType(1))),
        ("bad/fig06_mac_flipped.xml", Ok(vec![mac.clone()])),
        (
            "bad/fig06_macmethod_removed.xml",
            Ok(vec![refused(&Refused::NoMac)]),
        ),
        ("bad/fig06_iv_flipped.xml", Ok(vec![mac])),
        (
            "bad/fig06_cipher_3des.xml",
            Err(FileError::Cipher("tripledes-cbc".into())),
        ),
        (
            "bad/fig07_iterations_1.xml",
            Err(FileError::Parameter(
                "IterationCount",
                "1,000 to 10,000,000",
            )),
        ),
        (
            "bad/fig07_keylength_0.xml",
            Err(FileError::Parameter(
                "KeyLength",
                "16, 24 or 32 octets, as the cipher needs",
            )),
        ),
        (
            "bad/fig07_keylength_huge.xml",
            Err(FileError::Parameter(
                "KeyLength",
                "16, 24 or 32 octets, as the cipher needs",
            )),
        ),
        (
            "bad/dup_key_id.xml",
            Ok(vec![
                hotp("654321", 8),
                refused(&Refused::KeyId(9)),
                hotp("9999999", 8),
                hotp("9999999", 8),
            ]),
        ),
        (
            "bad/secret_empty.xml",
            Ok(vec![refused(&Refused::Missing("secret"))]),
        ),
        // The component refuses these two: tests/tests/system/tokens.rs.
        (
            "bad/secret_8_bytes.xml",
            Ok(vec!["hotp 987654321 3132333435363738 SHA1 8 0 0".into()]),
        ),
        ("bad/digits_9.xml", Ok(vec![hotp("987654321", 9)])),
        (
            "bad/encoding_hex.xml",
            Ok(vec![refused(&Refused::Encoding("HEXADECIMAL".into()))]),
        ),
        (
            "bad/counter_negative.xml",
            Ok(vec![refused(&Refused::Number("Counter"))]),
        ),
        (
            "bad/algorithm_unknown.xml",
            Ok(vec![refused(&Refused::Algorithm(
                "urn:ietf:params:xml:ns:keyprov:pskc:magic".into(),
            ))]),
        ),
        ("bad/version_2.xml", Err(FileError::Version("2.0".into()))),
        ("bad/namespace_missing.xml", Err(FileError::NotPskc)),
        ("bad/utf16_bom_mismatch.xml", Err(FileError::Encoding)),
        ("bad/truncated.xml", Err(FileError::Xml(16))),
    ];
    let manifest: Value = serde_json::from_slice(&file("manifest.json")).unwrap();
    let listed = ["good", "bad"].map(|kind| manifest[kind].as_array().unwrap().clone());
    let listed: Vec<&str> = listed
        .iter()
        .flatten()
        .map(|it| it["file"].as_str().unwrap())
        .collect();
    let named: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, listed);
    for (name, expected) in expected {
        assert_eq!(decoded(name).map(|it| words(&it)), expected, "{name}");
    }
}

#[test]
fn im_01_no_document_type_no_entity_and_no_depth_costs_more_than_the_file() {
    for name in [
        "billion_laughs",
        "xxe_file",
        "xxe_http",
        "doctype_only",
        "deep_nesting",
    ] {
        let file = file(&format!("bad/{name}.xml"));
        let started = Instant::now();
        assert!(decode(&file, None).is_err(), "{name}");
        assert!(started.elapsed() < SOON, "{name}");
    }
    let many = |count: usize, element: &str| {
        let text = format!("<KeyContainer>{}</KeyContainer>", element.repeat(count));
        decode(text.as_bytes(), None).unwrap_err()
    };
    // The parser would compare each attribute with every other, and copy each namespace into each element.
    let attributes: String = (0..2_000).map(|at| format!(" a{at}=''")).collect();
    assert_eq!(
        many(1, &format!("<a{attributes}/>")),
        FileError::Excessive(1)
    );
    let namespaces: String = (0..40).map(|at| format!(" xmlns:a{at}='b'")).collect();
    assert_eq!(
        many(1, &format!("<a{namespaces}/>")),
        FileError::Excessive(1)
    );
    assert_eq!(many(1_100_000, "<a/>"), FileError::TooMany);
    let large = vec![b' '; MAX_FILE + 1];
    assert_eq!(decode(&large, None).unwrap_err(), FileError::TooLarge);
    // What looks like a document type and is none; what is one behind something else.
    let fine = text("rfc6030_fig03.xml").replace("<Issuer>", "<!-- <!DOCTYPE --><Issuer>");
    assert_eq!(words(&decode(fine.as_bytes(), None).unwrap()).len(), 1);
    let hidden = "<?xml version='1.0'?><!-- --> <!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>";
    assert_eq!(
        decode(hidden.as_bytes(), None).unwrap_err(),
        FileError::DocumentType(1)
    );
    let entity = text("rfc6030_fig03.xml").replace("MTIzNDU2", "&xxe;");
    assert!(matches!(
        decode(entity.as_bytes(), None),
        Err(FileError::Xml(_))
    ));
    let latin = text("rfc6030_fig03.xml").replace("UTF-8", "ISO-8859-1");
    assert_eq!(
        decode(latin.as_bytes(), None).unwrap_err(),
        FileError::Encoding
    );
}

#[test]
fn im_02_nothing_is_decrypted_before_its_mac_was_checked() {
    let (good, unlock) = (text("rfc6030_fig06.xml"), unlock("fig06"));
    let rows = |text: &str| decode(text.as_bytes(), unlock.as_ref()).map(|it| words(&it));
    let refused = |why: Refused| Ok(vec![format!("refused: {why}")]);
    // Any character of what the MAC covers, and of the MAC.
    let value = "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv";
    let mac = "Su+NvtQfmvfJzF6bmQiJqoLRExc";
    for covered in [value, mac] {
        for at in 0..covered.len() - 1 {
            let other = if &covered[at..=at] == "B" { "C" } else { "B" };
            let altered = [&covered[..at], other, &covered[at + 1..]].concat();
            let altered = good.replace(covered, &altered);
            assert_eq!(rows(&altered), refused(Refused::MacMismatch), "{at}");
        }
    }
    let cut = good
        .replace(mac, "Su+NvtQfmvfJzF6bmQiJqg=")
        .replace("==", "=");
    assert!(rows(&cut).unwrap()[0].starts_with("refused"));
    let none = good
        .replace(&format!("<ValueMAC>{mac}="), "<!--")
        .replace("</ValueMAC>", "-->");
    assert_eq!(rows(&none), refused(Refused::NoMac));
    let plain = good.replace(
        "<EncryptedValue>",
        "<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue><EncryptedValue>",
    );
    assert_eq!(rows(&plain), refused(Refused::NotEncrypted));
    let md5 = good.replace("hmac-sha1", "hmac-md5");
    assert_eq!(rows(&md5), Err(FileError::Mac("hmac-md5".into())));
    let longer = good.replacen("aes128-cbc", "aes256-cbc", 1);
    assert_eq!(
        rows(&longer),
        Err(FileError::KeyLength {
            given: 16,
            needed: 32
        })
    );
    let undeclared = good.replace("EncryptionKey>", "Other>");
    assert_eq!(
        rows(&undeclared),
        Err(FileError::Container(Refused::Missing("EncryptionKey")))
    );
}

#[test]
fn im_02_a_wrong_key_or_passphrase_opens_nothing() {
    for (name, wrong, lock) in [
        (
            "rfc6030_fig06.xml",
            Unlock::Key(Zeroizing::new(vec![7; 16])),
            Lock::Key,
        ),
        (
            "rfc6030_fig07.xml",
            Unlock::Passphrase(Zeroizing::new(b"qwertz".to_vec())),
            Lock::Passphrase,
        ),
    ] {
        let file = file(name);
        match decode(&file, Some(&wrong)) {
            Err(FileError::WrongKey) => {}
            other => assert_eq!(
                other.map(|it| words(&it)),
                Ok(vec![format!("refused: {}", Refused::MacMismatch)])
            ),
        }
        assert_eq!(decode(&file, None).unwrap_err(), FileError::Locked(lock));
    }
    let (key, passphrase) = (unlock("fig06").unwrap(), unlock("fig07").unwrap());
    let other = |name: &str, unlock: &Unlock| decode(&file(name), Some(unlock)).unwrap_err();
    assert_eq!(
        other("rfc6030_fig06.xml", &passphrase),
        FileError::OtherLock(Lock::Key)
    );
    assert_eq!(
        other("rfc6030_fig07.xml", &key),
        FileError::OtherLock(Lock::Passphrase)
    );
}

#[test]
fn im_04_pbkdf2_is_bounded_before_it_is_begun() {
    let good = text("rfc6030_fig07.xml");
    for (count, fine) in [
        ("1000000000", false),
        ("10000001", false),
        ("4294967296", false),
        ("999", false),
        ("0", false),
        ("-1", false),
        ("", false),
        ("1e3", false),
        ("1000", true),
    ] {
        let file = good.replace(
            "<IterationCount>1000<",
            &format!("<IterationCount>{count}<"),
        );
        let started = Instant::now();
        let error = decode(file.as_bytes(), None).unwrap_err();
        assert!(started.elapsed() < SOON, "{count}");
        let expected = if fine {
            FileError::Locked(Lock::Passphrase)
        } else {
            FileError::Parameter("IterationCount", "1,000 to 10,000,000")
        };
        assert_eq!(error, expected, "{count}");
    }
    let salt = good.replace("Ej7/PEpyEpw=", "Ej7/");
    let salt = decode(salt.as_bytes(), None).unwrap_err();
    assert_eq!(salt, FileError::Parameter("Salt", "8 to 128 octets"));
    let scrypt = good.replace("#pbkdf2", "#scrypt");
    let scrypt = decode(scrypt.as_bytes(), None).unwrap_err();
    assert_eq!(scrypt, FileError::Derivation("scrypt".into()));
}

#[test]
fn pskc_says_whose_a_token_is_when_it_is_good_and_that_a_signature_was_not_verified() {
    let only = |name: &str| decoded(name).unwrap();
    assert_eq!(
        only("rfc6030_fig03.xml").rows[0].user.as_deref(),
        Some("jsmith")
    );
    assert_eq!(only("rfc6030_fig06.xml").rows[0].user, None);
    assert!(only("rfc6030_fig06.xml").encrypted && !only("rfc6030_fig03.xml").encrypted);
    assert!(only("rfc6030_fig09.xml").signed && !only("rfc6030_fig10.xml").signed);
    let bulk = only("rfc6030_fig10.xml");
    assert_eq!(bulk.rows[3].place.to_string(), "line 90, key 4");
    let Entry::Token(token) = &bulk.rows[3].entry else {
        panic!()
    };
    assert_eq!(
        (token.starts, token.expires),
        (Some(1_143_849_600_000), Some(1_146_355_200_000))
    );
    assert_eq!(token.manufacturer, "TokenVendorAcme");
    // Another distinguished name is left as it is: the first factor's rules refuse it.
    let cn = text("rfc6030_fig03.xml").replace("UID=jsmith", "CN=Smith");
    let cn = decode(cn.as_bytes(), None).unwrap();
    assert_eq!(
        cn.rows[0].user.as_deref(),
        Some("CN=Smith,DC=example-bank,DC=net")
    );
}

#[test]
fn pskc_what_cannot_be_kept_is_refused_by_name() {
    let good = text("rfc6030_fig05.xml");
    for (from, to, why) in [
        ("\"Local\"", "\"Prepend\"", Refused::Pin("Prepend".into())),
        ("<KeyUsage>OTP<", "<KeyUsage>Encrypt<", Refused::Usage),
        (
            "<KeyUsage>OTP</KeyUsage>",
            "<NumberOfTransactions>4</NumberOfTransactions>",
            Refused::Policy("NumberOfTransactions".into()),
        ),
        (
            "\"DECIMAL\"/>",
            "\"DECIMAL\" CheckDigits=\"true\"/>",
            Refused::CheckDigits,
        ),
        (
            "Length=\"8\"",
            "Length=\"eight\"",
            Refused::Number("Length"),
        ),
        (
            "<Counter>",
            "<Counter/><Counter>",
            Refused::Twice("Counter"),
        ),
        (
            "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=",
            "MTIz NDU2!",
            Refused::Base64("Secret"),
        ),
        (
            "<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=\n                    </PlainValue>",
            "<EncryptedValue/>",
            Refused::NoEncryptionKey,
        ),
        (
            "<SerialNo>987654321<",
            &format!("<SerialNo>{}<", "9".repeat(65)),
            Refused::TooLong("serial number", 65, 64),
        ),
        (
            "<KeyUsage>OTP</KeyUsage>",
            "<ExpiryDate>tomorrow</ExpiryDate>",
            Refused::Date("ExpiryDate"),
        ),
    ] {
        let altered = good.replacen(from, to, 1);
        assert_ne!(altered, good, "{from}");
        let rows = words(&decode(altered.as_bytes(), None).unwrap());
        assert_eq!(rows[0], format!("refused: {why}"), "{to}");
    }
    let totp = good
        .replacen(":hotp\"", ":totp\"", 1)
        .replace(
            "<ResponseFormat Length=\"8\"",
            "<Suite>HMAC-SHA256</Suite><ResponseFormat Length=\"8\"",
        )
        .replace(
            "<Counter>",
            "<TimeInterval><PlainValue>60</PlainValue></TimeInterval><Counter>",
        );
    assert_eq!(
        words(&decode(totp.as_bytes(), None).unwrap())[0],
        format!("totp 987654321 {RFC} SHA256 8 60 0")
    );
}
