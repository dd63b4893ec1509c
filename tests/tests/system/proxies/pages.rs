//! What `cofactor gateway print` prints is what the pages of the documentation show.

use std::fs;

use cofactor_tests::program::project;
use cofactor_tests::proxies::Proxy;

use crate::Tested;

#[test]
fn the_pages_show_what_the_command_prints() -> Tested {
    for (proxy, files) in [
        (Proxy::Nginx, &["nginx.conf"][..]),
        (Proxy::Envoy, &["envoy.yaml", "cofactor.toml"]),
        (Proxy::Caddy, &["Caddyfile", "cofactor.toml"]),
        (
            Proxy::Traefik,
            &["cofactor.yml", "traefik.yml", "cofactor.toml"],
        ),
        (Proxy::Haproxy, &["haproxy.cfg", "cofactor.toml"]),
    ] {
        let name = format!("docs/{}.md", proxy.name());
        let page = fs::read_to_string(project(&name))?;
        for file in files {
            let printed = proxy.printed(&["--file", file])?;
            let shown = format!("\n{printed}```\n");
            assert!(
                page.contains(&shown),
                "{name} shows another {file} than\n{printed}"
            );
        }
    }
    Ok(())
}

#[test]
fn what_is_not_there_is_said() -> Tested {
    let wrong = Proxy::Caddy.printed(&["--file", "nginx.conf"]);
    let error = format!("{:#}", wrong.expect_err("Caddy has no such file"));
    assert!(error.contains("Caddyfile"), "{error}");
    assert_eq!(
        Proxy::Caddy.printed(&[])?,
        Proxy::Caddy.printed(&["--file", Proxy::Caddy.file()])?
    );
    Ok(())
}
