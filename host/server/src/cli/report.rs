//! What is wrong with a policy, each error in its line.

use cofactor_runtime::contract::PolicyError;

use crate::config::Excerpt;

/// All that is wrong, with the lines it stands in.
pub(super) fn report(name: &str, text: &str, errors: &[PolicyError]) -> String {
    let count = errors.len();
    let noun = if count == 1 { "error" } else { "errors" };
    format!("{name}: {count} {noun}:{}", excerpts(text, errors))
}

/// The errors alone.
pub(super) fn excerpts(text: &str, errors: &[PolicyError]) -> String {
    errors.iter().fold(String::new(), |all, error| {
        let place = (error.line as usize, error.column as usize);
        let excerpt = Excerpt::at(text, place, &error.field, &error.problem, &error.help);
        format!("{all}\n{excerpt}")
    })
}
