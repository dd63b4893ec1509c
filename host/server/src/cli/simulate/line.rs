//! The lines of a scenario as they are written. docs/scenario.md describes each key.

use std::path::PathBuf;

use cofactor_runtime::contract::{Fact, Key, Observation};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The first line.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Setting {
    #[serde(default)]
    pub(super) policy: Option<String>,
    #[serde(default)]
    pub(super) policy_file: Option<PathBuf>,
    #[serde(default = "default_tenant")]
    pub(super) tenant: String,
    #[serde(default)]
    pub(super) keys: Vec<Key>,
    pub(super) entropy: String,
    #[serde(default)]
    pub(super) start: u64,
    #[serde(default)]
    pub(super) origin: Map<String, Value>,
}

fn default_tenant() -> String {
    "default".to_owned()
}

/// Any other line.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Line {
    #[serde(default)]
    pub(super) at: Option<At>,
    #[serde(default)]
    pub(super) account: Option<String>,
    #[serde(default)]
    pub(super) event: Option<Value>,
    #[serde(default)]
    pub(super) authorize: Option<Value>,
    #[serde(default)]
    pub(super) observed: Vec<Observation>,
    #[serde(default)]
    pub(super) facts: Vec<Fact>,
    #[serde(default)]
    pub(super) refuse_before: Option<u64>,
    #[serde(default)]
    pub(super) expect: Option<Value>,
    /// For the reader; nothing reads it.
    #[serde(default, rename = "note")]
    _note: Option<String>,
}

/// When: an instant, or how long after the line before.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum At {
    Instant(u64),
    After(String),
}

/// A signed duration such as `+30s`: milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = rest.split_at_checked(digits)?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    count
        .parse::<i64>()
        .ok()?
        .checked_mul(unit)?
        .checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("+30s", Some(30_000)),
            ("-5m", Some(-300_000)),
            ("+1d", Some(86_400_000)),
            ("+1ms", Some(1)),
            ("30s", None),
            ("+s", None),
            ("+30", None),
            ("", None),
        ] {
            assert_eq!(duration(text), ms, "{text}");
        }
    }
}
