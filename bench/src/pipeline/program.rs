//! The program as people start it: how soon it shows a page, and how much memory it takes to do nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::client::Publisher;
use super::{PROPERTIES, THINGS};
use crate::machine;
use crate::report::{Row, Target};

/// How long a start may take before it counts as failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reports of each thing before it falls silent.
const REPORTS: usize = 20;

/// A process that ends when this is dropped, without a chance to tidy up.
pub(crate) struct Program(Child);

impl Program {
    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts the program on an empty folder, gives it things, leaves it alone, kills it and starts it again.
pub(super) async fn measure(quiet: Duration, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (http, mqtt) = (free_address()?, free_address()?);
    let config = folder.path().join("manmul.toml");
    let grant = "[http]\ntls_listen = \"\"\n[mqtt]\ntls_listen = \"\"\n[mqtt.anonymous]\n\
                 grants = [{ filter = \"things/#\", publish = true }]\n";
    std::fs::write(&config, grant)?;
    let start = || start(&config, &folder.path().join("data"), http, mqtt);

    let (program, took) = start()?;
    let target = Target::AtMost(2.0);
    rows.push(Row::absolute("start of an empty place to the first page", "s", took.as_secs_f64(), target));
    let publisher = Publisher::connect(mqtt).await?;
    let pace = THINGS as f64;
    let sent = tokio::task::spawn_blocking(move || publisher.pace(THINGS, PROPERTIES, THINGS * REPORTS, pace));
    let publisher = sent.await??;
    tokio::time::sleep(quiet).await;
    let resident = machine::resident_bytes(program.id())? as f64 / 1e6;
    let metric = format!("resident memory of the idle program with {THINGS} things");
    rows.push(Row::absolute(metric, "MB", resident, Target::AtMost(150.0)));
    publisher.close();

    drop(program);
    let (program, took) = start()?;
    let metric = format!("start with {THINGS} things after a kill to the first page");
    rows.push(Row::absolute(metric, "s", took.as_secs_f64(), target));
    drop(program);
    Ok(())
}

/// Starts the program beside this benchmark, and waits for its first page.
pub(crate) fn start(
    config: &Path,
    data: &Path,
    http: SocketAddr,
    mqtt: SocketAddr,
) -> anyhow::Result<(Program, Duration)> {
    let program = find()?;
    let began = Instant::now();
    let child = Command::new(&program)
        .arg("up")
        .args([Path::new("--config"), config, Path::new("--data"), data])
        .args(["--http", &http.to_string(), "--mqtt", &mqtt.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{}: cannot be started", program.display()))?;
    let mut program = Program(child);
    loop {
        if page(http).is_ok_and(|status| status.starts_with("HTTP/1.1 200")) {
            return Ok((program, began.elapsed()));
        }
        ensure!(program.0.try_wait()?.is_none(), "the program ended before it showed a page");
        ensure!(began.elapsed() < PATIENCE, "no page within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The program beside this benchmark: `cargo xtask bench` builds both.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.with_file_name("manmul");
    ensure!(
        program.exists(),
        "{} is not there\nhint: cargo build --release --package manmul --package bench",
        program.display()
    );
    Ok(program)
}

/// The first page, whole; its status line.
fn page(http: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&http, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {http}\r\nAccept: text/html\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// An address on loopback that nobody listens at now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
