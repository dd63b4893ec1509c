//! Each proxy's files, and how lines are chosen from them.

use super::Proxy;

/// What a line of a file may begin with, in brackets: it is printed only where that holds. Several are all meant.
///
/// | condition | it holds |
/// |---|---|
/// | `tls`, `plain` | with the site over TLS, or on the machine itself |
/// | `password`, `header`, `authorization` | with that first factor |
/// | `named` | where the proxy names the user to Cofactor: not with `authorization` |
/// | `direct` | where clients connect to the proxy itself: not with `header` |
/// | `grpc`, `http` | with Envoy asking by that |
/// | `secret`, `certificate` | with the proxy proving by that who it is |
/// | `application-by-name`, `cofactor-by-name`, `grpc-by-name` | with a host there that is no address |
const CONDITIONS: [&str; 14] = [
    "tls",
    "plain",
    "password",
    "header",
    "authorization",
    "named",
    "direct",
    "grpc",
    "http",
    "secret",
    "certificate",
    "application-by-name",
    "cofactor-by-name",
    "grpc-by-name",
];

impl Proxy {
    /// The files, the one that matters most first.
    pub(super) fn files(self) -> &'static [(&'static str, &'static str)] {
        const OWN: (&str, &str) = ("cofactor.toml", include_str!("cofactor.toml"));
        match self {
            Self::Nginx => &[("nginx.conf", include_str!("nginx.conf")), OWN],
            Self::Envoy => &[("envoy.yaml", include_str!("envoy.yaml")), OWN],
            Self::Caddy => &[("Caddyfile", include_str!("Caddyfile")), OWN],
            Self::Traefik => &[
                ("cofactor.yml", include_str!("cofactor.yml")),
                ("traefik.yml", include_str!("traefik.yml")),
                OWN,
            ],
            Self::Haproxy => &[
                ("haproxy.cfg", include_str!("haproxy.cfg")),
                ("cofactor.lua", include_str!("cofactor.lua")),
                OWN,
            ],
        }
    }

    /// The text of one of its files, or of the first.
    ///
    /// # Errors
    /// Where it has no file of that name.
    pub(super) fn template(self, file: Option<&str>) -> Result<&'static str, String> {
        let files = self.files();
        files
            .iter()
            .find(|(name, _)| file.is_none_or(|file| file == *name))
            .map(|(_, text)| *text)
            .ok_or_else(|| {
                let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
                format!("--file: {} has {}", self.name(), names.join(", "))
            })
    }
}

/// A template's lines whose conditions hold, with the values put in.
pub(super) fn fill(
    template: &str,
    holds: impl Fn(&str) -> bool,
    values: &[(&'static str, String)],
) -> String {
    let mut text = String::new();
    'lines: for line in template.lines() {
        let mut line = line;
        while let Some((name, rest)) = condition(line) {
            if !holds(name) {
                continue 'lines;
            }
            line = rest;
        }
        let mut line = line.to_owned();
        for (name, value) in values {
            line = line.replace(&format!("@{name}@"), value);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The condition that a line begins with, and the rest of it.
pub(super) fn condition(line: &str) -> Option<(&'static str, &str)> {
    let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
    let known = CONDITIONS.into_iter().find(|known| *known == name)?;
    Some((known, rest))
}
