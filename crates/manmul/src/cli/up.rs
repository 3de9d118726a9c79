//! `manmul up`: parse, load, assemble, run, drain.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use model::WallClock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::tell;
use crate::config::{Address, Config};
use crate::{Running, assemble};

/// The exit code of a program that was told twice to stop.
const TOLD_TWICE: u8 = 130;

/// Start Manmul and run until it is told to stop.
#[derive(Debug, Args)]
pub(super) struct Up {
    /// The configuration file
    #[arg(long, env = "MANMUL_CONFIG")]
    config: Option<PathBuf>,
    /// Where everything is kept
    #[arg(long)]
    data: Option<PathBuf>,
    /// Run the demo home: some fifty virtual things with thirty days of a made-up past
    #[arg(long)]
    demo: bool,
    /// Where pages and API listen, like 127.0.0.1:7700
    #[arg(long, value_parser = address)]
    http: Option<Address>,
    /// Where MQTT listens, like 127.0.0.1:1883
    #[arg(long, value_parser = address)]
    mqtt: Option<Address>,
}

fn address(text: &str) -> Result<Address, String> {
    Address::try_from(text.to_owned())
}

impl Up {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.load()?;
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::try_new(&config.log_level)?)
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .with_writer(std::io::stderr)
            .init();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let code = runtime.block_on(run(config));
        // Told twice, nothing is waited for.
        runtime.shutdown_timeout(Duration::from_millis(100));
        code
    }

    fn load(self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars())?;
        config.data_directory = self.data.unwrap_or(config.data_directory);
        config.demo.enabled |= self.demo;
        config.http.listen = self.http.unwrap_or(config.http.listen);
        config.mqtt.listen = self.mqtt.unwrap_or(config.mqtt.listen);
        Ok(config)
    }
}

async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let running = tokio::select! {
        running = assemble(config, Arc::new(WallClock)) => running?,
        () = signals.next() => return Ok(ExitCode::from(TOLD_TWICE)),
    };
    welcome(&running);
    let progress = tokio::spawn(show_progress(running.demo()));
    signals.next().await;
    progress.abort();
    tell("stopping; once more to stop at once");
    tokio::select! {
        drained = running.drain() => drained.map(|()| ExitCode::SUCCESS),
        () = signals.next() => Ok(ExitCode::from(TOLD_TWICE)),
    }
}

fn welcome(running: &Running) {
    let addresses = running.addresses();
    let http = running.http_addr();
    let scheme = if addresses.http.is_some() { "http" } else { "https" };
    let host = if http.ip().is_unspecified() { "127.0.0.1".to_owned() } else { http.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let base = format!("{scheme}://{host}:{}", http.port());
    if let Some(mqtt) = addresses.mqtt {
        tell(&format!("MQTT       {mqtt}"));
    }
    if let Some(mqtts) = addresses.mqtts {
        tell(&format!("MQTT TLS   {mqtts}"));
    }
    tell(&format!("data       {}", running.data_directory.display()));
    match &running.set_up_token {
        None => tell(&format!("open       {base}")),
        Some(token) => {
            tell(&format!("open       {base}/setup?token={token}"));
            tell("           this link makes you the owner; it works once, for a day, and only on this machine");
        }
    }
}

async fn show_progress(mut demo: tokio::sync::watch::Receiver<f64>) {
    if *demo.borrow_and_update() >= 1.0 {
        return;
    }
    let bar = ProgressBar::new(1_000).with_message("the past of the demo home");
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent} %") {
        bar.set_style(style);
    }
    while demo.changed().await.is_ok() {
        let done = *demo.borrow_and_update();
        bar.set_position((done * 1_000.0) as u64);
        if done >= 1.0 {
            break;
        }
    }
    bar.finish_and_clear();
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
