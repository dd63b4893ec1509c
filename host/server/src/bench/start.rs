//! From start to ready, and what an idle host holds.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::figure::Figure;
use super::say;

pub(super) fn measure(folder: &Path) -> anyhow::Result<Vec<Figure>> {
    say("start to ready");
    let folder = tempfile::tempdir_in(folder)?;
    let port =
        || -> anyhow::Result<u16> { Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port()) };
    let (web, api, metrics) = (port()?, port()?, port()?);
    let config = folder.path().join("cofactor.toml");
    std::fs::write(
        &config,
        format!(
            "[listen]\nweb = \"127.0.0.1:{web}\"\napi = \"127.0.0.1:{api}\"\nmetrics = \"127.0.0.1:{metrics}\"\n\
             [store]\npath = \"cofactor.db\"\nanchor = \"cofactor.anchor\"\n[keys]\nfile = \"cofactor.keys\"\n"
        ),
    )?;
    // The first start makes keys and database; it is the second that is measured.
    let (_, first) = Host::start(&config, metrics)?;
    let baseline = first.as_secs_f64() * 1e3;
    let (host, ready) = Host::start(&config, metrics)?;
    let resident = host.resident()? as f64 / (1 << 20) as f64;
    Ok(vec![
        Figure::new("start to ready", ready.as_secs_f64() * 1e3, "ms")
            .beside("the first start", baseline)
            .goal("500 ms or less"),
        Figure::new("idle memory", resident, "MiB").goal("60 MiB or less"),
    ])
}

struct Host(Child);

impl Host {
    fn start(config: &Path, metrics: u16) -> anyhow::Result<(Self, Duration)> {
        let begun = Instant::now();
        // Also when another program measures: the command lies beside it.
        let child = Command::new(std::env::current_exe()?.with_file_name("cofactor"))
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut host = Self(child);
        loop {
            if ready(metrics) {
                return Ok((host, begun.elapsed()));
            }
            if let Some(status) = host.0.try_wait()? {
                bail!("the host stopped with {status}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ready(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
