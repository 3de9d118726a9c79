//! `token`, `credential` and `config`.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use connect::vda5050::Address;
use model::access::TopicGrant;
use model::{Clock as _, WallClock};
use serde_json::{Value, json};

use super::client::{Client, escaped};
use super::{Remote, say};
use crate::config;

/// Manage the tokens of programs.
#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token; its secret is printed once
    Create {
        /// What it is for
        title: String,
        /// What it is good for: read, command, configure, ingest
        #[arg(long, required = true, value_delimiter = ',')]
        scope: Vec<String>,
        /// After how many days it stops working; never when left out
        #[arg(long)]
        days: Option<u32>,
        #[command(flatten)]
        remote: Remote,
    },
    /// List tokens
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Withdraw a token
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Token {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            TokenCommand::Create { title, scope, days, remote } => {
                let life = |days: u32| std::time::Duration::from_secs(u64::from(days) * 24 * 3600);
                let expires = days.map(|days| (WallClock.now() + life(days)).micros());
                let body = json!({"title": title, "scopes": scope, "expires_us": expires});
                let made = Client::new(&remote)?.post("/tokens", &body)?;
                say(&if remote.json { made.to_string() } else { text(&made["secret"]) })
            }
            TokenCommand::List { remote } => {
                let tokens = Client::new(&remote)?.get("/tokens?limit=500")?;
                for token in tokens["items"].as_array().into_iter().flatten() {
                    let line = format!("{}  {}  {}", text(&token["id"]), text(&token["title"]), token["scopes"]);
                    say(&if remote.json { token.to_string() } else { line })?;
                }
                Ok(())
            }
            TokenCommand::Delete { id, remote } => {
                Client::new(&remote)?.delete(&format!("/tokens/{}", escaped(&id))).map(drop)
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Manage the credentials of things.
#[derive(Debug, Args)]
pub(super) struct Credential {
    /// The thing; it is made when there is none of this id
    thing: String,
    /// Another filter that it may publish and subscribe to, like homeassistant/#
    #[arg(long)]
    grant: Vec<String>,
    /// The thing is a VDA 5050 robot at this address, like uagv/v2/MAKER/SERIAL: it may say what robots say there, and hear
    /// what is said to it
    #[arg(long, value_name = "ADDRESS", value_parser = robot_address)]
    robot: Option<Address>,
    #[command(flatten)]
    remote: Remote,
}

fn robot_address(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| "expected INTERFACE/v2/MANUFACTURER/SERIAL".to_owned())
}

impl Credential {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let path = format!("/things/{}", escaped(&self.thing));
        let made = if client.get(&path).is_err() {
            client.post("/things", &json!({"id": self.thing}))?["credential"].clone()
        } else {
            Value::Null
        };
        let whole = |filter| TopicGrant { filter, publish: true, subscribe: true };
        let mut grants: Vec<TopicGrant> = self.grant.into_iter().map(whole).collect();
        grants.extend(self.robot.iter().flat_map(|address| address.rules().grants));
        let credential = if made.is_null() || !grants.is_empty() {
            let body = if grants.is_empty() { json!({}) } else { json!({"rules": {"grants": grants}}) };
            client.post(&format!("{path}/credential"), &body)?
        } else {
            made
        };
        if self.remote.json {
            return say(&credential.to_string());
        }
        say(&format!("username  {}\npassword  {}", text(&credential["username"]), text(&credential["secret"])))
    }
}

/// Print or check a configuration.
#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the configuration with every key at its default
    Print,
    /// Say whether a configuration is right
    Check {
        /// The file; the environment is checked with it
        file: Option<PathBuf>,
    },
}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            ConfigCommand::Print => say(config::DEFAULT.trim_end()),
            ConfigCommand::Check { file } => {
                config::Config::load(file.as_deref(), std::env::vars()).map_err(|error| anyhow!("{error}"))?;
                say("the configuration is right").context("nobody reads this")
            }
        }
    }
}
