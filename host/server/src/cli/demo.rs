//! `cofactor demo`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::sync::watch;

use super::{Exit, Failure, output};
use crate::config::{Config, Door, Level, Log, LogFormat};
use crate::demo::{Demo, USER};
use crate::listener::Listener;
use crate::{log, serve};

/// Where it listens unless told otherwise, if nobody else does.
const USUAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// See it work, on this machine, with nothing configured
///
/// Starts the host with a demonstration gateway, an application behind it and a first factor with one test user, all in
/// one process and on loopback alone. Open the address that it prints, sign in, enrol, sign out and sign in again.
///
/// Accounts are kept in a temporary folder that goes when it ends, or in --data to keep them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor demo
  cofactor demo --listen 127.0.0.1:9000 --data demo-data")]
pub(super) struct DemoCommand {
    /// The loopback address to listen on; 127.0.0.1:8080 or, if that is taken, a free port.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Keep accounts and keys in this folder.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

impl DemoCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        log::init(Log {
            format: LogFormat::Text,
            level: Level::Info,
        });
        let folder = match &self.data {
            Some(folder) => Folder::kept(folder)?,
            None => Folder::temporary()?,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
        runtime.block_on(self.demonstrate(&folder.path))
    }

    async fn demonstrate(&self, folder: &Path) -> Result<(), Failure> {
        let mut signals = serve::Signals::new()?;
        let listener = match self.listen {
            Some(address) => listen(address).await?,
            None => match listen(USUAL).await {
                Ok(listener) => listener,
                Err(_) => listen(SocketAddr::new(USUAL.ip(), 0)).await?,
            },
        };
        let config = Config::parse("", folder)
            .map_err(|_| Failure::new(Exit::Configuration, "the empty configuration is refused"))?;
        let (service, _in_use) = serve::service(&config)?;
        let service = std::sync::Arc::new(service);
        let demo = Demo::new(
            std::sync::Arc::clone(&service),
            listener_address(&listener)?,
        )
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        output::lines([
            String::new(),
            format!("  Open      {}", demo.url()),
            format!("  User      {USER}"),
            format!("  Password  {}", demo.password()),
            String::new(),
            "  Ctrl-C ends it.".to_owned(),
            String::new(),
        ])?;
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(listener.serve(demo.router(), stopped));
        signals.wait().await;
        let _ = stop.send(true);
        let _ = serving.await;
        service.store().close();
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> Result<Listener, Failure> {
    let door = Door {
        address: crate::config::Address::Tcp(address),
        tls: None,
        connections: 64,
    };
    Ok(Listener::bind(&door)
        .await
        .map_err(serve::StartError::from)?)
}

fn listener_address(listener: &Listener) -> Result<SocketAddr, Failure> {
    match listener.address() {
        crate::config::Address::Tcp(address) => Ok(*address),
        crate::config::Address::Unix(_) => Err(Failure::new(
            Exit::Usage,
            "a browser needs an address and a port",
        )),
    }
}

/// Where accounts and keys are; a temporary folder goes with this value.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn kept(path: &Path) -> Result<Self, Failure> {
        private_folder(path, true)?;
        Ok(Self {
            path: path.to_owned(),
            temporary: false,
        })
    }

    fn temporary() -> Result<Self, Failure> {
        let name = format!("cofactor-demo-{}", log::request_id());
        let path = std::env::temp_dir().join(name);
        private_folder(&path, false)?;
        Ok(Self {
            path,
            temporary: true,
        })
    }
}

/// Makes a folder for its owner alone.
fn private_folder(path: &Path, may_exist: bool) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(may_exist)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("cannot make the folder {}: {error}", path.display()),
            )
        })
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
