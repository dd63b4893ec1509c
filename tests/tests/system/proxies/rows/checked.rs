//! What an operator sees who probes the proxy from outside.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::program::own;
use cofactor_tests::proxies::{Guarded, PASSWORD};
use serde_json::Value;

use super::signed_in;

/// `cofactor gateway check` finds no mistake in what `cofactor gateway print` prints.
pub(super) fn checked(site: &mut Guarded) -> anyhow::Result<String> {
    let (name, who, _) = signed_in(site)?;
    let session = who.cookie("cofactor").context("no session")?;
    let password = STANDARD.encode(format!("{name}:{PASSWORD}"));
    let folder = tempfile::tempdir()?;
    let (first, signed_in) = (folder.path().join("first"), folder.path().join("session"));
    fs::write(&first, format!("Authorization: Basic {password}\n"))?;
    fs::write(&signed_in, format!("Cookie: cofactor={session}\n"))?;
    let output = Command::new(own("cofactor")?)
        .args(["gateway", "check"])
        .arg(format!("http://127.0.0.1:{}/papers", site.port))
        .arg("--first-factor")
        .arg(first)
        .arg("--session")
        .arg(signed_in)
        .arg("--json")
        .output()?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let findings = report["findings"].as_array().context("no findings")?;
    ensure!(findings.len() >= 15, "{report}");
    for finding in findings {
        // There is no path here that everybody is let into.
        let expected = match finding["check"].as_str() {
            Some("public-paths") => "not-tried",
            _ => "right",
        };
        ensure!(finding["result"] == expected, "{finding}");
    }
    ensure!(output.status.code() == Some(0), "{}", output.status);
    Ok("no finding".to_owned())
}
