//! Random damage to files of every kind.

use proptest::prelude::*;

use super::*;

/// A file with something else in some of its places.
fn damaged(file: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"<>/&\"',=#\n\r 0".to_vec())
    ];
    let damage = prop::collection::vec((any::<prop::sample::Index>(), octet, 0..3_u8), 1..8);
    damage.prop_map(move |damage| {
        let mut file = file.clone();
        for (at, octet, kind) in damage {
            let at = at.index(file.len().max(1));
            match kind {
                0 if at < file.len() => file[at] = octet,
                1 => file.insert(at, octet),
                _ => file.truncate(at.max(1)),
            }
        }
        file
    })
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let cases: Vec<Value> =
        serde_json::from_slice(&std::fs::read(vectors("misc/oath_csv_cases.json")).unwrap())
            .unwrap();
    let mut files: Vec<Vec<u8>> = cases
        .iter()
        .map(|case| case["text"].as_str().unwrap().into())
        .collect();
    for figure in 2..=10 {
        files.push(file(&format!("rfc6030_fig{figure:02}.xml")));
    }
    prop_oneof![
        4 => prop::sample::select(files).prop_flat_map(damaged),
        1 => prop::collection::vec(any::<u8>(), 0..512),
        1 => "(upn|serial|secret|type|digits|counter|[a-z]{1,3})(,(upn|serial|secret|type|[ -~]{0,5})){0,5}(\n[ -~]{0,40}){0,3}"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    /// What is decoded is within the contract's bounds, is the same each time, and stands where its row says.
    #[test]
    fn any_file_is_refused_or_decoded_within_bounds(file in any_file()) {
        let unlock = Unlock::Key(Zeroizing::new(hex::decode("12345678901234567890123456789012").unwrap()));
        let Ok(decoded) = decode(&file, Some(&unlock)) else { return Ok(()) };
        let again = decode(&file, Some(&unlock)).unwrap();
        prop_assert_eq!(words(&decoded), words(&again));
        let lines = file.split(|octet| *octet == b'\n').count();
        for row in &decoded.rows {
            prop_assert!((1..=lines).contains(&row.place.line));
            if let Entry::Token(token) = &row.entry {
                prop_assert!((1..=64).contains(&token.serial.len()));
                prop_assert!(token.manufacturer.len() <= 64 && token.model.len() <= 64);
                prop_assert!((1..=128).contains(&token.secret.len()));
                prop_assert!(token.suite.len() <= 128);
                prop_assert_eq!(token.method == Method::Totp, token.period != 0 || token.method == Method::Totp);
            }
        }
    }

    /// What was encrypted and is altered is refused, or has not been altered where it matters.
    #[test]
    fn no_damage_to_an_encrypted_file_gives_another_secret(file in damaged(file("rfc6030_fig06.xml"))) {
        let Ok(decoded) = decode(&file, unlock("fig06").as_ref()) else { return Ok(()) };
        for row in decoded.rows {
            if let (Entry::Token(token), true) = (row.entry, decoded.encrypted) {
                prop_assert_eq!(token.secret.as_slice(), SECRET);
            }
        }
    }

    #[test]
    fn any_list_of_recipients_is_refused_or_read(text in "(serial,user\n)?([ -~]{0,20}\n){0,5}") {
        if let Ok(found) = recipients(text.as_bytes()) {
            prop_assert!(found.iter().all(|it| !it.serial.is_empty() && !it.user.is_empty()));
        }
    }
}
