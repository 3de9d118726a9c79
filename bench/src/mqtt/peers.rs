//! The brokers as processes of their own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::tls::Identity;

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// How often and how long a starting broker is asked whether it is there.
const START_LOOK: Duration = Duration::from_millis(50);
const START_LOOKS: usize = 200;

/// A broker; it ends with the value.
pub(super) struct Server {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(problem) = self.child.kill().and_then(|()| self.child.wait()) {
            #[expect(clippy::print_stderr, reason = "a process that stays would disturb what is measured next")]
            {
                eprintln!("a broker could not be ended: {problem}");
            }
        }
    }
}

fn broker() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("MANMUL_BENCH_BROKER") {
        return Ok(path.into());
    }
    let folder = std::env::current_exe()?.parent().map(Path::to_owned).context("the program lies in a folder")?;
    Ok(folder.join("examples/broker"))
}

/// Builds our broker as it is measured: the example of the crate, in release mode.
pub(super) fn build() -> anyhow::Result<()> {
    if std::env::var_os("MANMUL_BENCH_BROKER").is_some() {
        return Ok(());
    }
    let status = Command::new("cargo").args(["build", "--release", "-p", "mqtt", "--example", "broker"]).status()?;
    ensure!(status.success(), "the broker does not build");
    Ok(())
}

/// Name and version of the peer.
pub(super) fn mosquitto_version() -> anyhow::Result<String> {
    let hint = "hint: install the package `mosquitto`";
    let output =
        Command::new(MOSQUITTO).arg("-h").output().with_context(|| format!("{MOSQUITTO} is missing\n{hint}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next().and_then(|line| line.split_whitespace().nth(2)).unwrap_or("of unknown version");
    Ok(format!("mosquitto {version}"))
}

impl Server {
    /// mosquitto, persistence off, queues wide open.
    pub(super) fn mosquitto() -> anyhow::Result<Self> {
        Self::mosquitto_with("")
    }

    /// The same over TLS.
    pub(super) fn mosquitto_over_tls(identity: &Identity) -> anyhow::Result<Self> {
        let (certificate, key) = (identity.certificate.display(), identity.key.display());
        Self::mosquitto_with(&format!("certfile {certificate}\nkeyfile {key}\n"))
    }

    fn mosquitto_with(more: &str) -> anyhow::Result<Self> {
        let (folder, port) = (TempDir::new()?, free_port()?);
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\n{more}allow_anonymous true\npersistence false\nmax_queued_messages 1000000\n\
             max_inflight_messages 1000\nset_tcp_nodelay true\nlog_type none\nuser root\n"
        );
        #[expect(clippy::disallowed_methods, reason = "a file of the peer, not of the product")]
        std::fs::write(&config, text)?;
        let mut command = Command::new(MOSQUITTO);
        command.arg("-c").arg(&config);
        Self::start(command, port, folder)
    }

    /// Our broker, in memory or with its log and state in a folder.
    pub(super) fn ours(state: Option<&Path>) -> anyhow::Result<Self> {
        let (folder, port) = (TempDir::new()?, free_port()?);
        let mut command = Command::new(broker()?);
        command.arg(port.to_string());
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        Self::start(command, port, folder)
    }

    /// Our broker over TLS, in memory.
    pub(super) fn ours_over_tls(identity: &Identity) -> anyhow::Result<Self> {
        let (folder, port) = (TempDir::new()?, free_port()?);
        let mut command = Command::new(broker()?);
        command.arg(port.to_string()).arg("--certificate").arg(&identity.certificate).arg("--key").arg(&identity.key);
        Self::start(command, port, folder)
    }

    fn start(mut command: Command, port: u16, folder: TempDir) -> anyhow::Result<Self> {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.with_context(|| format!("cannot start {command:?}"))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = Self { child, address, _folder: folder };
        for _ in 0..START_LOOKS {
            if TcpStream::connect(address).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(START_LOOK);
        }
        anyhow::bail!("{command:?} does not listen on {address}")
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
