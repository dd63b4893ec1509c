//! A real nginx with the configuration of docs/nginx.md, taken out of that page as it stands there: only ports, paths
//! and the secret are put in.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::application::Application;
use crate::program::{Running, free_port, peer, project, wait_for};
use crate::server::{Server, Setup};

/// The secret of the gateway.
pub const SECRET: &str = "q3Vb7s0yXwZtR1uK5mPf8dLh2gNc6aJe";
/// Users of the basic authentication: name and password.
pub const USERS: [(&str, &str); 4] = [
    ("alice", "alice's password"),
    ("ALICE", "alice's password"),
    ("bob", "bob's password"),
    ("carol", "carol's password"),
];

/// Which first factor stands before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstFactor {
    /// nginx asks for a password.
    Password,
    /// Another proxy has accepted the user, and says so in `X-Authenticated-User`.
    Header,
}

/// What differs from the page.
#[derive(Clone, Debug)]
pub struct Site {
    /// The policy document; empty for the defaults. `@port@` stands for the port of nginx.
    pub policy: String,
    /// Another name under which browsers reach it, beside `127.0.0.1`: none, or `localhost`.
    pub name: Option<&'static str>,
    /// Which first factor.
    pub first: FirstFactor,
    /// Whether the pages are on a site of their own.
    pub own_portal: bool,
    /// Whether nginx comes over a Unix socket, `web.sock` in the host's folder.
    pub socket: bool,
    /// Further keys of the `[[gateway]]`.
    pub gateway: String,
    /// Further tables of cofactor.toml.
    pub tables: String,
    /// Whether nginx is known by its certificate, in the place of the secret.
    pub by_certificate: bool,
    /// Further keys of `[listen]`.
    pub listen: String,
    /// Further files in the host's folder: name and content.
    pub files: Vec<(String, String)>,
    /// Variables of the host's environment.
    pub environment: Vec<(String, String)>,
    /// Replacements in nginx's configuration, after the usual ones; `@application@` stands for the application's port.
    pub edits: Vec<(String, String)>,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            policy: String::new(),
            name: None,
            first: FirstFactor::Password,
            own_portal: false,
            socket: false,
            gateway: String::new(),
            tables: String::new(),
            by_certificate: false,
            listen: String::new(),
            files: Vec::new(),
            environment: Vec::new(),
            edits: Vec::new(),
        }
    }
}

/// A guarded site: nginx, the host behind it, and the application.
pub struct Guarded {
    /// Where browsers go.
    pub port: u16,
    /// The host.
    pub server: Server,
    /// What is protected.
    pub application: Application,
    nginx: Running,
    folder: TempDir,
}

impl Guarded {
    /// Starts everything. None where nginx may be missing, or the authenticator of those who sign in there.
    ///
    /// # Errors
    /// Where something does not start; with nginx's own words.
    pub fn start(site: &Site) -> anyhow::Result<Option<Self>> {
        let (Some(program), Some(_)) = (peer("nginx"), peer("oathtool")) else {
            return Ok(None);
        };
        let port = free_port()?;
        let application = Application::start()?;
        let page = fs::read_to_string(project("docs/nginx.md"))?;
        let server = Server::start(&Setup {
            policy: site.policy.replace("@port@", &port.to_string()),
            tables: gateway(&page, site, port)?,
            listen: format!("{}{}", listen(&page, site)?, site.listen),
            files: [("nginx.secret".to_owned(), format!("{SECRET}\n"))]
                .into_iter()
                .chain(site.files.iter().cloned())
                .collect(),
            environment: site.environment.clone(),
        })?;
        let folder = tempfile::tempdir()?;
        let users: String = USERS
            .iter()
            .map(|(user, password)| format!("{user}:{{PLAIN}}{password}\n"))
            .collect();
        fs::write(folder.path().join("htpasswd"), users)?;
        let configuration = configuration(&page, site, port, &server, &application, folder.path())?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut nginx = Running::start(
            Command::new(program)
                .args(["-e", "error.log", "-p"])
                .arg(folder.path())
                .arg("-c")
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let log = folder.path().join("error.log");
        let up = wait_for("nginx", || {
            if nginx.ended() {
                return Some(false);
            }
            std::net::TcpStream::connect(("127.0.0.1", port))
                .ok()
                .map(|_| true)
        })?;
        if !up {
            bail!("nginx: {}", fs::read_to_string(log).unwrap_or_default());
        }
        Ok(Some(Self {
            port,
            server,
            application,
            nginx,
            folder,
        }))
    }

    /// What nginx complained about.
    #[must_use]
    pub fn nginx_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Its workers go with a master that is asked, not with one that is killed.
        let _ = self.nginx.stop();
    }
}

/// What the page has in `[listen]` for a Unix socket; otherwise nothing.
fn listen(page: &str, site: &Site) -> anyhow::Result<String> {
    if !site.socket {
        return Ok(String::new());
    }
    let text = block(page, "toml", "web = \"unix:")?;
    Ok(text
        .replace("[listen]\n", "")
        .replace("unix:/run/cofactor/", "unix:"))
}

/// The `[[gateway]]` of the page.
fn gateway(page: &str, site: &Site, port: u16) -> anyhow::Result<String> {
    let mut text =
        block(page, "toml", "[[gateway]]")?.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
    if let Some(name) = site.name {
        let usual = format!("\"127.0.0.1:{port}\"");
        text = text.replace(&usual, &format!("{usual}, \"http://{name}:{port}\""));
    }
    if site.own_portal {
        // The same machine under another name: another site to browsers and to the host.
        text.push_str("\nportal = \"http://localhost:@web@\"");
    }
    if site.socket {
        let peers = "peers = [\"unix\"]";
        if !page.contains(&format!("`{peers}`")) {
            bail!("docs/nginx.md has no `{peers}` any more");
        }
        text = text.replace("peers = [\"127.0.0.1/32\"]", peers);
    }
    if site.by_certificate {
        let certificates = "certificates = [\"dns:gateway.example\"]";
        if !page.contains(certificates) {
            bail!("docs/nginx.md has no `{certificates}` any more");
        }
        text = text.replace("secret-file = \"nginx.secret\"", certificates);
    }
    if site.first == FirstFactor::Header {
        text.push_str("\nproxies = [\"127.0.0.1/32\"]");
    }
    Ok(format!("{text}\n{}\n{}\n", site.gateway, site.tables))
}

/// nginx.conf around the page's text.
fn configuration(
    page: &str,
    site: &Site,
    port: u16,
    server: &Server,
    application: &Application,
    folder: &Path,
) -> anyhow::Result<String> {
    let here = folder.display();
    let mut text = block(page, "nginx", "upstream cofactor")?;
    let upstream = if site.socket {
        let usual = text
            .split_once("upstream cofactor {")
            .and_then(|(_, rest)| rest.split_once("}\n"))
            .map(|(inside, _)| format!("upstream cofactor {{{inside}}}\n"))
            .context("docs/nginx.md has no upstream")?;
        text = text.replace(&usual, &block(page, "nginx", "server unix:")?);
        (
            "/run/cofactor/web.sock".to_owned(),
            server.folder().join("web.sock").display().to_string(),
        )
    } else {
        (
            "127.0.0.1:7080".to_owned(),
            format!("127.0.0.1:{}", server.web()),
        )
    };
    let mut swaps = vec![
        upstream,
        ("127.0.0.1:8080".to_owned(), format!("127.0.0.1:{port}")),
        (
            "127.0.0.1:8081".to_owned(),
            format!("127.0.0.1:{}", application.port()),
        ),
        (
            "change-me-to-a-long-random-text".to_owned(),
            SECRET.to_owned(),
        ),
    ];
    if site.first == FirstFactor::Password {
        let users = format!("{here}/htpasswd");
        swaps.push(("/etc/nginx/cofactor.htpasswd".to_owned(), users));
    }
    if site.first == FirstFactor::Header {
        let map = block(page, "nginx", "geo $from_the_proxy")?;
        text = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("auth_basic"))
            .map(|line| format!("{line}\n"))
            .collect();
        text = format!("{map}\n{text}");
        swaps.push(("$remote_user".to_owned(), "$first_factor_user".to_owned()));
        swaps.push(("10.0.0.5/32".to_owned(), "127.0.0.1/32".to_owned()));
        swaps.push((
            "X-Forwarded-For   $remote_addr".to_owned(),
            "X-Forwarded-For   $proxy_add_x_forwarded_for".to_owned(),
        ));
    }
    swaps.extend(site.edits.iter().map(|(from, to)| {
        let to = to.replace("@application@", &application.port().to_string());
        (from.clone(), to)
    }));
    for (from, to) in swaps {
        if !text.contains(&from) {
            bail!("docs/nginx.md has no `{from}` any more");
        }
        text = text.replace(&from, &to);
    }
    around(&text, folder)
}

/// nginx.conf around what belongs into its `http` section: everything that nginx writes is in `folder`.
pub(crate) fn around(text: &str, folder: &Path) -> anyhow::Result<String> {
    let here = folder.display();
    // Workers of root's nginx become another user, who cannot see a folder that is the test's own.
    let user = Command::new("id").arg("-un").output()?.stdout;
    let user = String::from_utf8(user)?;
    let user = match user.trim() {
        "root" => "user root;",
        _ => "",
    };
    Ok(format!(
        "daemon off;\n{user}\nworker_processes 1;\npid {here}/nginx.pid;\nerror_log {here}/error.log info;\n\
         events {{ worker_connections 256; }}\n\
         http {{\naccess_log off;\nclient_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\n\
         fastcgi_temp_path {here}/fastcgi;\nuwsgi_temp_path {here}/uwsgi;\nscgi_temp_path {here}/scgi;\n{text}\n}}\n"
    ))
}

/// The page's fenced block of that language that contains `mark`.
///
/// # Errors
/// Where there is none.
pub fn block(page: &str, language: &str, mark: &str) -> anyhow::Result<String> {
    page.split(&format!("```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .find(|text| text.contains(mark))
        .map(str::to_owned)
        .with_context(|| format!("the page has no {language} block with `{mark}`"))
}
