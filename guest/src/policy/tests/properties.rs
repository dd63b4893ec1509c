//! What holds for every document and all bytes.

use proptest::prelude::*;

use super::super::keys::{KEYS, Kind};
use super::super::{Methods, compile, compiled};
use super::EXAMPLE;

/// A document that sets some keys to legal values, with the policy that it should give.
fn documents() -> impl Strategy<Value = (String, Vec<(usize, u32)>)> {
    let value = |kind: &Kind, seed: u32| match kind {
        Kind::Count(range) => range.start() + seed % (range.end() - range.start() + 1),
        Kind::Duration(range) => {
            (range.start() + u64::from(seed) % (range.end() - range.start() + 1)) as u32
        }
        Kind::Age => 30_000 + seed % 2_000_000_000,
        Kind::Choice(words) => seed % words.len() as u32,
        Kind::OneOf(numbers) => numbers[seed as usize % numbers.len()],
        Kind::Methods { least } => (*least..=u32::MAX)
            .map(|bits| Methods::from_bits(bits.wrapping_add(seed)).bits())
            .find(|bits| bits >= least)
            .unwrap(),
        Kind::Flag => seed % 2,
        Kind::Long(range) => {
            let (first, last) = (range.start() / 1000, range.end() / 1000);
            (first + u64::from(seed) % (last - first + 1)) as u32
        }
    };
    prop::collection::btree_map(0..KEYS.len(), any::<u32>(), 0..KEYS.len()).prop_map(move |seeds| {
        let mut document = String::new();
        let mut values = vec![];
        for (at, seed) in seeds {
            let key = &KEYS[at];
            let mut number = value(&key.kind, seed);
            let text = match &key.kind {
                Kind::Count(_) => number.to_string(),
                Kind::Duration(_) | Kind::Age => {
                    number = (number / 1000 * 1000).max(if matches!(key.kind, Kind::Age) {
                        30_000
                    } else {
                        0
                    });
                    format!("\"{}s\"", number / 1000)
                }
                Kind::Choice(words) => format!("'{}'", words[number as usize]),
                Kind::OneOf(_) => number.to_string(),
                Kind::Flag => (number == 1).to_string(),
                Kind::Long(_) => format!("'{number}s'"),
                Kind::Methods { .. } => {
                    let names: Vec<String> = Methods::from_bits(number)
                        .iter()
                        .map(|name| format!("'{name}'"))
                        .collect();
                    format!("[{}]", names.join(", "))
                }
            };
            document.push_str(&format!("{} = {text}\n", key.path));
            values.push((at, number));
        }
        (document, values)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn legal_values_survive_or_clash_with_each_other((document, values) in documents()) {
        match compile(&document) {
            Ok(compiled) => {
                let policy = compiled::decode(&compiled.bytes).unwrap();
                for (at, value) in values {
                    prop_assert_eq!((KEYS[at].get)(&policy), value, "{}", KEYS[at].path);
                }
                prop_assert_eq!(compiled::encode(&policy), compiled.bytes);
            }
            Err(errors) => prop_assert!(errors.iter().all(|error| error.problem.contains("does not go with")), "{errors:?}"),
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(document in "\\PC{0,200}") {
        let _ = compile(&document);
    }

    #[test]
    fn no_mixture_of_toml_makes_the_parser_panic(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "\n", "\r\n", "\r", " ", "#", "'", "\"", "\"\"\"", "'''", "\\", "\\u",
                "\\U0010FFFF", "totp", "window", "application", "name", "preset", "nist", "1", "0x", "0b2", "1e5", "+", "-", "_", "é",
                "\u{0}", "\u{feff}", "inf", "1979-05-27T07:32:00Z", "true", "'5m'", "max-age", "9999999999999999999",
            ]),
            0..60,
        )
    ) {
        let document = pieces.concat();
        if let Err(errors) = compile(&document) {
            prop_assert!(!errors.is_empty() && errors.len() <= 64);
            prop_assert!(errors.is_sorted_by_key(|error| (error.line, error.column)));
        }
    }

    #[test]
    fn no_change_of_the_example_makes_the_parser_panic(at in 0..EXAMPLE.len(), with in "\\PC{0,3}", cut in 0_usize..20) {
        let mut document = EXAMPLE.as_bytes().to_vec();
        let end = (at + cut).min(document.len());
        document.splice(at..end, with.into_bytes());
        let _ = compile(&String::from_utf8_lossy(&document));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(noise in prop::collection::vec(any::<u8>(), 0..64), at in 0_usize..220) {
        let mut bytes = compile("[[application]]\nname = 'a'").unwrap().bytes;
        let at = at.min(bytes.len());
        bytes.splice(at..(at + noise.len()).min(bytes.len()), noise);
        if let Ok(policy) = compiled::decode(&bytes) {
            let again = compiled::encode(&policy);
            prop_assert_eq!(compiled::decode(&again).unwrap(), policy);
        }
    }
}
