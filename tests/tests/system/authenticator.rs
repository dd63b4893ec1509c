//! The built component agrees with the published vectors and with another implementation.

use std::io::Write as _;
use std::process::{Command, Stdio};

use cofactor_runtime::contract::Outcome;
use cofactor_tests::program::{peer, project};
use cofactor_tests::scenario::Scenario;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use super::Tested;

/// No step but the very one: whatever is accepted is the code of that step and of no other.
const EXACT: &str = "[totp]\nwindow = 0\ndrift-cap = 0\n[hotp]\nlook-ahead = 0\n[throttle]\ndelay-after = 100\nlock-after = 100\n";

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for five in bytes.chunks(5) {
        let mut bits = 0_u64;
        for at in 0..5 {
            bits = bits << 8 | u64::from(*five.get(at).unwrap_or(&0));
        }
        for at in 0..(five.len() * 8).div_ceil(5) {
            text.push(char::from(LETTERS[(bits >> (35 - 5 * at) & 31) as usize]));
        }
    }
    text
}

fn account(uri: &str, now: u64) -> anyhow::Result<Scenario> {
    let mut it = Scenario::new(EXACT)?;
    it.now = now * 1000;
    it.import(uri)?;
    Ok(it)
}

fn vectors(path: &str) -> anyhow::Result<Value> {
    let file = std::fs::read_to_string(project("tests/vectors").join(path))?;
    Ok(serde_json::from_str(&file)?)
}

#[test]
fn rfc_4226_appendix_d_holds_in_the_built_component() -> Tested {
    let file = vectors("oath/hotp_rfc4226.json")?;
    let secret = base32(&hex::decode(file["secret_hex"].as_str().unwrap())?);
    let uri = format!("otpauth://hotp/E:a?secret={secret}&issuer=E&counter=0");
    let mut it = account(&uri, 1_800_000_000)?;
    let cases = file["vectors"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let code = case["hotp6"].as_str().unwrap();
        assert!(matches!(it.early(code)?, Outcome::Allow(_)), "{case}");
    }
    Ok(())
}

#[test]
fn rfc_6238_appendix_b_holds_in_the_built_component() -> Tested {
    let file = vectors("oath/totp_rfc6238.json")?;
    let cases = file["vectors"].as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let algorithm = case["algorithm"].as_str().unwrap();
        let seed = hex::decode(file["seeds_hex"][algorithm].as_str().unwrap())?;
        let now = case["unix_time"].as_u64().unwrap();
        for (digits, key) in [(8, "totp8"), (6, "totp6")] {
            let uri = format!(
                "otpauth://totp/E:a?secret={}&issuer=E&algorithm={algorithm}&digits={digits}",
                base32(&seed)
            );
            let mut it = account(&uri, now)?;
            let code = case[key].as_str().unwrap();
            assert!(matches!(it.early(code)?, Outcome::Allow(_)), "{case}");
        }
    }
    Ok(())
}

#[test]
fn ten_thousand_codes_of_oathtool_are_accepted() -> Tested {
    let Some(oathtool) = peer("oathtool") else {
        return Ok(());
    };
    let mut tuples = 0;
    for round in 0..1000_usize {
        let mut random = [0; 80];
        getrandom::fill(&mut random)?;
        let (choice, key) = random.split_at(16);
        let key = &key[..16 + usize::from(choice[0]) % 49];
        let algorithm = ["SHA1", "SHA256", "SHA512"][round % 3];
        let digits = 6 + usize::from(choice[1]) % 3;
        let period = [15, 30, 60, 300][usize::from(choice[2]) % 4];
        // Any time from 1970 to 2242.
        let now = u64::from_be_bytes(choice[8..16].try_into()?) % (1 << 33);
        let mut child = Command::new(&oathtool)
            .args([
                &format!("--totp={}", algorithm.to_lowercase()),
                "--base32",
                &format!("--digits={digits}"),
                &format!("--time-step-size={period}s"),
                &format!("--now=@{now}"),
                "--window=9",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let secret = base32(key);
        child.stdin.take().unwrap().write_all(secret.as_bytes())?;
        let shown = String::from_utf8(child.wait_with_output()?.stdout)?;
        let uri = format!(
            "otpauth://totp/E:a?secret={secret}&issuer=E&algorithm={algorithm}&digits={digits}&period={period}"
        );
        let mut it = account(&uri, now)?;
        let codes: Vec<&str> = shown.lines().collect();
        assert_eq!(codes.len(), 10, "{shown}");
        for (step, code) in codes.iter().enumerate() {
            it.now = (now + step as u64 * period) * 1000;
            let what = format!("{secret} {algorithm} {digits} {period} {now} {step}");
            assert_eq!(code.len(), digits, "{what}");
            // The code of the next step is not that of this one, but for one chance in a million.
            if let Some(next) = codes
                .get(step + 1)
                .filter(|next| *next != code && step == 0)
            {
                assert!(
                    !matches!(it.early(next)?, Outcome::Allow(_)),
                    "early: {what}"
                );
            }
            assert!(matches!(it.early(code)?, Outcome::Allow(_)), "{what}");
            tuples += 1;
        }
    }
    assert_eq!(tuples, 10_000);
    Ok(())
}

/// RFC 2202 and RFC 4231, by the hash functions that are linked into the component.
#[test]
fn hmac_is_as_published() -> Tested {
    fn tag<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }
    let file = vectors("hmac/hmac_rfc2202_rfc4231.json")?;
    let mut held = std::collections::BTreeMap::new();
    for case in file.as_array().unwrap() {
        let bytes = |name: &str| case[name].as_str().map(hex::decode).transpose();
        let (Some(key), Some(data)) = (bytes("key_hex")?, bytes("data_hex")?) else {
            continue;
        };
        let algorithm = case["alg"].as_str().unwrap();
        let made = match algorithm {
            "HMAC-SHA1" => tag::<Hmac<sha1::Sha1>>(&key, &data),
            "HMAC-SHA256" => tag::<Hmac<sha2::Sha256>>(&key, &data),
            "HMAC-SHA512" => tag::<Hmac<sha2::Sha512>>(&key, &data),
            _ => continue,
        };
        if let Some(expected) = bytes("tag_hex")? {
            // One case of RFC 4231 publishes the first 128 bits alone.
            assert!(expected.len() >= 16, "{case}");
            assert_eq!(made[..expected.len()], expected, "{case}");
            *held.entry(algorithm.to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(
        held.values().copied().collect::<Vec<i32>>(),
        [7, 7, 7],
        "{held:?}"
    );
    Ok(())
}
