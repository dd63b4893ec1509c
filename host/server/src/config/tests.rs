#![allow(clippy::unwrap_used)]
use std::path::Path;

use super::*;

const AUTHORITY: &str = include_str!("../../../../tests/fixtures/tls/authority.pem");
const EXAMPLE: &str = include_str!("../../../../docs/cofactor.example.toml");

/// The keys that the example shows commented out are part of the documentation: they have to be right as well.
#[test]
fn the_example_is_loaded_as_it_is_and_with_every_commented_key() {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "secrets/nginx-1.secret",
        "secrets/payroll.secret",
        "secrets/with-tokens.secret",
        "secrets/with-certificates.secret",
        "secrets/with-a-directory.secret",
        "secrets/directory.password",
        "tls/api.key",
        "tls/web.key",
        "tls/grpc.key",
    ] {
        private_file(&folder.path().join(file));
    }
    for file in ["tls/issuer-ca.pem", "tls/directory-ca.pem"] {
        std::fs::write(folder.path().join(file), AUTHORITY).unwrap();
    }
    let shown = Config::parse(EXAMPLE, folder.path());
    assert!(shown.is_ok(), "{shown:?}");

    let all: String = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let all = Config::parse(&all, folder.path());
    assert!(all.is_ok(), "{all:?}");
}

fn private_file(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Each has a secret of its own.
    let name = path.file_name().unwrap().to_string_lossy();
    std::fs::write(path, format!("0123456789abcdef-{name}\n")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, private).unwrap();
}

/// What an operator copies out of the manual has to be right as well.
#[test]
fn the_configurations_of_the_manual_are_right() {
    for (page, blocks) in [
        (include_str!("../../../../docs/envoy.md"), 2),
        (include_str!("../../../../docs/install.md"), 1),
        (include_str!("../../../../docs/nginx.md"), 3),
        (include_str!("../../../../docs/portal.md"), 1),
        (include_str!("../../../../docs/first-factor.md"), 4),
    ] {
        let shown: Vec<&str> = page
            .split("```toml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        assert_eq!(shown.len(), blocks);
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "nginx.secret",
            "caddy.secret",
            "envoy.secret",
            "directory.password",
            "tls/host.key",
        ] {
            private_file(&folder.path().join(file));
        }
        for file in ["issuer-ca.pem", "directory-ca.pem"] {
            std::fs::write(folder.path().join(file), AUTHORITY).unwrap();
        }
        for text in shown {
            let read = Config::parse(text, folder.path());
            assert!(read.is_ok(), "{text}\n{read:?}");
        }
    }
}

#[test]
fn the_gateways_of_the_manual_share_their_sessions() {
    let page = include_str!("../../../../docs/sessions.md");
    let shown = page.split("```toml\n").nth(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in ["nginx.secret", "caddy.secret"] {
        let secret = folder.path().join(file);
        std::fs::write(&secret, format!("0123456789abcdef-{file}\n")).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, private).unwrap();
    }
    let config = Config::parse(shown.split("```").next().unwrap(), folder.path()).unwrap();
    let sessions: Vec<_> = config.gateways.all.iter().map(|it| &it.sessions).collect();
    assert_eq!(sessions, ["sessions:staff", "sessions:staff"]);
}

#[test]
fn nothing_is_needed() {
    let config = Config::parse("", Path::new("/etc/cofactor")).unwrap();
    assert_eq!(config.listen.api.address.to_string(), "127.0.0.1:7081");
    assert_eq!(config.store.path, Path::new("/etc/cofactor/cofactor.db"));
    assert_eq!(config.keys, Path::new("/etc/cofactor/cofactor.keys"));
    assert!(config.policy.is_none() && config.clients.is_empty());
}

#[test]
fn what_is_wrong_is_said_with_key_and_way_out() {
    const CLIENT: &str =
        "[[client]]\nname = 'a'\napplications = ['x']\nsecret = '0123456789abcdef'\n";
    for (text, said) in [
        (
            "[listen]\napi = '0.0.0.0:7081'",
            "line 2, column 7: listen.api: 0.0.0.0:7081 can be reached",
        ),
        ("[listen]\nweb = '[::]:7080'", "web-plaintext"),
        (
            "[listen]\ngrpc = '[::]:7083'",
            "set listen.grpc-tls, or grpc-plaintext",
        ),
        (
            "[listen]\napi-tls = { certificate = 'a', key = 'b', client-ca = 'c' }",
            "listen.api-tls.client-ca: programs prove themselves",
        ),
        (
            "[[gateway]]\nname = 'g'\npeers = ['127.0.0.1']\nhosts = ['a.example']\napplication = 'x'\ncertificates = ['g.example']",
            "write dns:NAME or uri:URI",
        ),
        (
            "[[gateway]]\nname = 'g'\npeers = ['127.0.0.1']\nhosts = ['a.example']\napplication = 'x'\ncertificates = ['dns:g.example']",
            "line 6, column 16: gateway[0].certificates: nobody is asked for a certificate: listen.web-tls has no client-ca",
        ),
        (
            "[listen]\nweb = 'localhost:7080'",
            "`localhost:7080` is no address",
        ),
        (
            "[listen]\nconnections = 0",
            "listen.connections: nobody could connect",
        ),
        ("[listen]\nmetrics = 'none'", "or off"),
        (
            "[listen]\nprotal = 1",
            "listen.protal: there is no such key",
        ),
        ("[lissten]", "did you mean `listen`?"),
        (
            "[log]\nformat = 'xml'",
            "log.format: `xml` is none of `text`, `json`",
        ),
        ("[component]\nsha256 = 'abc'", "64 hexadecimal digits"),
        ("[component]\ninstances = 0", "at least one step"),
        (
            "[[client]]\nname = 'a'",
            "client[0].applications: this key is missing",
        ),
        (
            "[[client]]\nname = 'a'\napplications = ['x']",
            "a secret is missing",
        ),
        (
            "[[client]]\nname = 'a'\napplications = []\nsecret = '0123456789abcdef'",
            "may ask for nothing",
        ),
        (
            "[[client]]\nname = 'a\\nb'\napplications = ['x']\nsecret = '0123456789abcdef'",
            "name",
        ),
        (
            "[[client]]\nname = \"a\\nb\"\napplications = ['x']\nsecret = '0123456789abcdef'",
            "`a\\nb` has a character",
        ),
        (
            "[[client]]\nname = 'a'\napplications = ['x']\nsecret = 'short'",
            "shorter than 16",
        ),
        (
            "[[client]]\nname = 'a'\napplications = ['x']\nsecret-file = 'nowhere'",
            "cannot read",
        ),
        (
            &format!("{CLIENT}secret-sha256 = '{}'", "0".repeat(64)),
            "beside another secret",
        ),
        (
            &format!("{CLIENT}{CLIENT}"),
            "line 6, column 8: client[1].name: two clients are named `a`",
        ),
        (
            &format!("{CLIENT}requests_per_second = 5"),
            "did you mean `requests-per-second`?",
        ),
    ] {
        let problems = Config::parse(text, Path::new("/nowhere")).unwrap_err();
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            all.iter().any(|line| line.contains(said)),
            "{text}\n{all:#?}"
        );
    }
}

#[test]
fn problems_of_several_sections_come_together_and_no_secret_is_shown() {
    let text = "[listen]\napi = '0.0.0.0:1'\n[[client]]\nname = 'b'\napplications = []\nsecret = 'canary-0123456789'\n[component]\ninstances = 0\n";
    let problems = Config::parse(text, Path::new("/")).unwrap_err();
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.line)
            .collect::<Vec<_>>(),
        [2, 5, 8]
    );
    let shown = Config::parse(
        "[[client]]\nname = 'b'\napplications = ['x']\nsecret = 'canary-0123456789'",
        Path::new("/"),
    );
    assert!(!format!("{shown:?}").contains("canary"));
}

#[test]
fn an_error_shows_the_line_and_a_caret() {
    let text = "[store]\n\tpth = 'x'\n";
    let problems = Config::parse(text, Path::new("/")).unwrap_err();
    let shown = Excerpt::of(text, problems.first().unwrap()).to_string();
    assert_eq!(
        shown,
        "  line 2, column 2: store.pth: there is no such key\n    | \tpth = 'x'\n    | \t^ did you mean `path`?"
    );
}

/// LG-02: what is wrong with a secret is said without it.
#[test]
fn problems_do_not_show_secrets() {
    const GATEWAY: &str = "[[gateway]]\nname = 'g'\npeers = ['127.0.0.1']\nhosts = ['a.example']\napplication = 'x'\n";
    for line in [
        "secret = \"hunter2 hunter2 hunter2\"",
        "secrets = \"hunter2hunter2hunter2\"",
        "sceret = \"hunter2hunter2hunter2\"",
        "secret = \"hunter2hunter2hunter2",
        "secret = hunter2hunter2hunter2",
        "secret = [\"hunter2hunter2hunter2\"]",
        "secret = { hunter2hunter2hunter2 = 1 }",
    ] {
        let text = format!("{GATEWAY}{line}\n");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cofactor.toml");
        std::fs::write(&path, text).unwrap();
        let said = Config::load(&path).unwrap_err().to_string();
        assert!(said.contains("line 6"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let text = "[[client]]\nname = 'c'\napplications = ['x']\nsecret = 123456789012345678\n";
    let problems = Config::parse(text, Path::new("/")).unwrap_err();
    assert!(
        !format!("{problems:?}").contains("1234567890"),
        "{problems:?}"
    );
}
