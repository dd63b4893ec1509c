//! `cofactor component`.

use std::path::PathBuf;

use clap::Args;
use cofactor_runtime::plugin::{Options, Plugin};
use serde_json::json;

use super::{Exit, Failure, output};

/// Show the component that judges, or write it out
///
/// The command carries one component: the exact bytes that it was built with. This prints its SHA-256 digest, which the
/// configuration can pin (`component.sha256`), and what it says of itself. A component imports nothing: it has no clock,
/// no network and no files. One that imports anything is refused.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor component                     digest, version, methods, size
  cofactor component --write mfa.wasm    write its bytes, for an audit or another runtime
  cofactor component --file other.wasm   the same about another component")]
pub(super) struct Inspect {
    /// Look at this component instead of the one that the command carries.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write the component's bytes to this file, which must not exist.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    write: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), Failure> {
        let bytes = match &self.file {
            None => std::borrow::Cow::Borrowed(cofactor_component::COMPONENT),
            Some(path) => std::fs::read(path)
                .map_err(|error| {
                    Failure::new(
                        Exit::Configuration,
                        format!("cannot read {}: {error}", path.display()),
                    )
                })?
                .into(),
        };
        let options = Options {
            instances: 1,
            ..Options::default()
        };
        let plugin = Plugin::load(&bytes, &options)
            .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
        if let Some(path) = &self.write {
            write_new(path, &bytes)?;
            output::note(&format!("wrote {}", path.display()));
        }
        let it = plugin.description();
        let exports = ["cofactor:mfa/types@0.1.0", "cofactor:mfa/verifier@0.1.0"];
        if self.json {
            return Ok(output::json(&json!({
                "sha256": plugin.digest().to_string(),
                "size": bytes.len(),
                "imports": [],
                "exports": exports,
                "description": it,
            }))?);
        }
        Ok(output::lines([
            format!("name      {} {}", it.name, it.version),
            format!("sha256    {}", plugin.digest()),
            format!("size      {} bytes", bytes.len()),
            "imports   none".to_owned(),
            format!("exports   {}", exports.join(", ")),
            format!("methods   {}", it.methods.join(", ")),
            format!("actions   {}", it.actions.join(", ")),
            format!("effects   {}", it.effects.join(", ")),
            format!(
                "records   reads {} to {}, writes {}",
                it.reads.0, it.reads.1, it.writes
            ),
            format!("presets   {}", it.presets.join(", ")),
        ])?)
    }
}

fn write_new(path: &PathBuf, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot write {}: {error}", path.display()),
            )
        })
}
