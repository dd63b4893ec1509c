//! How an answer differs from what a line expects.

use serde_json::{Map, Value};

/// Every key that is expected has to be there with that value; what is not expected may be there as well. Lists have to
/// have the same length.
pub(super) fn compare(path: &str, expected: &Value, actual: &Value, differences: &mut Vec<String>) {
    let name = if path.is_empty() { "the answer" } else { path };
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, expected) in expected {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                match actual.get(key) {
                    Some(actual) => compare(&path, expected, actual, differences),
                    None => differences.push(format!(
                        "{name}: expected `{key}`, found {}",
                        listed(actual)
                    )),
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (at, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{path}[{at}]"), expected, actual, differences);
            }
        }
        (expected, actual) if expected == actual => {}
        (expected, actual) => {
            differences.push(format!("{name}: expected {expected}, found {actual}"))
        }
    }
}

fn listed(object: &Map<String, Value>) -> String {
    object
        .keys()
        .map(|key| format!("`{key}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
