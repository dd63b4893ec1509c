//! What docs/install.md and docs/nginx.md tell an operator to write and to type, done as it stands there: only paths, ports
//! and what takes root are another's.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context as _;
use cofactor_tests::nginx::{Guarded, Site, block};
use cofactor_tests::program::{Running, free_port, own, peer, project, wait_for};

use super::{ALICE, Tested, is_application, patient, sign_in, with_device};

/// The page, and a scratch folder that stands for the machine.
struct Machine {
    page: String,
    root: tempfile::TempDir,
    metrics: u16,
}

/// Commands of the page that change the machine itself, or ask its service manager.
const AS_ROOT: [&str; 6] = [
    "make build",
    "useradd --system --home-dir /var/lib/cofactor --shell /usr/sbin/nologin cofactor",
    "systemctl daemon-reload",
    "systemctl enable --now cofactor",
    "journalctl -u cofactor",
    "export COFACTOR_CONFIG=/etc/cofactor/cofactor.toml",
];

impl Machine {
    fn new() -> anyhow::Result<Self> {
        let it = Self {
            page: fs::read_to_string(project("docs/install.md"))?,
            root: tempfile::tempdir()?,
            metrics: free_port()?,
        };
        for folder in ["usr/local/bin", "etc", "var/lib", "run"] {
            fs::create_dir_all(it.path(folder))?;
        }
        Ok(it)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// A text of the page with this machine's paths, and without other owners.
    fn here(&self, text: &str) -> anyhow::Result<String> {
        let root = self.root.path().display();
        let mut text = text
            .replace(
                "target/release/cofactor",
                &own("cofactor")?.display().to_string(),
            )
            .replace("-o root -g cofactor ", "")
            .replace("sudo -u cofactor --preserve-env=COFACTOR_CONFIG ", "")
            .replace("127.0.0.1:7082", &format!("127.0.0.1:{}", self.metrics));
        for folder in [
            "/usr/local/bin",
            "/etc/cofactor",
            "/var/lib/cofactor",
            "/run/cofactor",
        ] {
            text = text.replace(folder, &format!("{root}{folder}"));
        }
        Ok(text)
    }

    /// The page's commands in order: indented lines.
    fn commands(&self) -> impl Iterator<Item = &str> {
        let outside = self.page.split("```").step_by(2);
        outside
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("    "))
    }

    /// Types the page's command that begins so.
    fn types(&self, begin: &str) -> anyhow::Result<String> {
        let command = self
            .commands()
            .find(|command| command.starts_with(begin))
            .with_context(|| format!("docs/install.md has no command `{begin}…`"))?;
        let path = format!(
            "{}:{}",
            self.path("usr/local/bin").display(),
            std::env::var("PATH")?
        );
        let output = Command::new("sh")
            .args(["-euc", &self.here(command)?])
            .env("PATH", path)
            .env("COFACTOR_CONFIG", self.path("etc/cofactor/cofactor.toml"))
            .stdin(Stdio::null())
            .output()?;
        succeeded(command, output)
    }

    /// A setting of the page's unit.
    fn unit(&self, key: &str) -> anyhow::Result<String> {
        let unit = block(&self.page, "ini", "[Unit]")?;
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        Ok(line
            .with_context(|| format!("the unit has no {key}"))?
            .to_owned())
    }
}

fn succeeded(what: &str, output: Output) -> anyhow::Result<String> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "{what}: {said}");
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn the_installation_of_the_page_works() -> Tested {
    let machine = Machine::new()?;
    const TYPED: [&str; 4] = [
        "install -m 755",
        "install -d",
        "curl -f",
        "sudo -u cofactor",
    ];
    for command in machine.commands() {
        let known = AS_ROOT.contains(&command) || TYPED.iter().any(|it| command.starts_with(it));
        assert!(known, "nobody has tried `{command}` of docs/install.md");
    }
    machine.types("install -m 755")?;
    machine.types("install -d")?;
    let mode = |path: &str| -> anyhow::Result<u32> {
        Ok(fs::metadata(machine.path(path))?.permissions().mode() & 0o7777)
    };
    assert_eq!(mode("usr/local/bin/cofactor")?, 0o755);
    assert_eq!(mode("etc/cofactor")?, 0o750);

    let mut configuration = fs::File::create(machine.path("etc/cofactor/cofactor.toml"))?;
    let tables = machine.here(&block(&machine.page, "toml", "[store]")?)?;
    let (api, metrics) = (free_port()?, machine.metrics);
    writeln!(
        configuration,
        "{tables}\n[listen]\napi = \"127.0.0.1:{api}\""
    )?;
    writeln!(configuration, "metrics = \"127.0.0.1:{metrics}\"")?;
    drop(configuration);

    // What systemd would do: folders, the mask of new files, the command.
    for (folder, setting) in [("var/lib", "State"), ("run", "Runtime")] {
        let name = machine.unit(&format!("{setting}Directory"))?;
        let mode = machine.unit(&format!("{setting}DirectoryMode"))?;
        let folder = machine.path(folder).join(name);
        fs::create_dir(&folder)?;
        fs::set_permissions(
            folder,
            fs::Permissions::from_mode(u32::from_str_radix(&mode, 8)?),
        )?;
    }
    let command = machine.here(&machine.unit("ExecStart")?)?;
    let mask = machine.unit("UMask")?;
    let mut host = Running::start(
        Command::new("sh")
            .args(["-euc", &format!("umask {mask}; cd /; exec {command}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    if peer("curl").is_some() {
        let ready = wait_for("the host", || machine.types("curl -f").ok())?;
        assert_eq!(ready, "ready\n");
    }
    wait_for("the host's files", || {
        machine
            .path("var/lib/cofactor/cofactor.anchor")
            .exists()
            .then_some(())
    })?;
    assert_eq!(machine.types("sudo -u cofactor")?, "");
    host.stop()?;
    for entry in fs::read_dir(machine.path("var/lib/cofactor"))? {
        let entry = entry?;
        let mode = entry.metadata()?.permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    Ok(())
}

#[test]
fn systemd_understands_the_unit_of_the_page() -> Tested {
    let Some(program) = peer("systemd-analyze") else {
        return Ok(());
    };
    let machine = Machine::new()?;
    machine.types("install -m 755")?;
    let unit = block(&machine.page, "ini", "[Unit]")?;
    let verify = |text: &str| -> anyhow::Result<String> {
        let file: &Path = &machine.path("cofactor.service");
        fs::write(file, machine.here(text)?)?;
        let output = Command::new(&program)
            .args(["verify", "--man=no"])
            .arg(file)
            .output()?;
        let said = String::from_utf8(output.stderr)?;
        let ours = said
            .lines()
            .filter(|line| line.contains("cofactor.service"));
        Ok(ours.map(|line| format!("{line}\n")).collect())
    };
    assert_eq!(verify(&unit)?, "");
    // It would say so.
    for (right, wrong) in [
        ("LockPersonality", "LockPersonalty"),
        ("Restart=on-failure", "Restart=sometimes"),
        ("/usr/local/bin/cofactor", "/usr/local/bin/cofactr"),
    ] {
        assert!(unit.contains(right), "{right}");
        assert_ne!(verify(&unit.replace(right, wrong))?, "", "{wrong}");
    }
    Ok(())
}

#[test]
fn nginx_comes_over_the_unix_socket_of_the_page() -> Tested {
    let site = Site {
        socket: true,
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let socket = fs::metadata(site.server.folder().join("web.sock"))?;
    assert_eq!(socket.permissions().mode() & 0o777, 0o660);
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let page = sign_in(&mut alice, &mut phone, "/a?b=c")?;
    assert!(is_application(&page), "{}", page.text());
    assert_eq!(page.address, alice.absolute("/a?b=c"));
    Ok(())
}
