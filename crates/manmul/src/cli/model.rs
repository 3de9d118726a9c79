//! `model`: bring models, try them, bind them to streams.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use store::files;

use super::client::{Client, escaped};
use super::{Remote, say};

/// The largest file of a model, in bytes.
const FILE_BYTES_MAX: u64 = 128 << 20;

/// Bring models that run on streams
#[derive(Debug, Args)]
pub(super) struct Model {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring a model: an ONNX file with its manifest
    Install(Install),
    /// List the models, and what they are bound to
    List(List),
    /// Let a model answer to values
    Try(Try),
    /// Bind a model to streams
    Bind(Bind),
    /// Let a binding go
    Unbind(Named),
    /// Let a model go
    Remove(Named),
}

#[derive(Debug, Args)]
struct Install {
    /// The ONNX file
    file: PathBuf,
    /// What is said of it, JSON; beside the file with the ending .json when not given
    #[arg(long)]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Try {
    /// The model's id, as `list` shows it
    model: String,
    /// The values of a stream, the newest last, like 1,2.5,3; once for each stream
    #[arg(long = "values", required = true, value_name = "VALUES", allow_hyphen_values = true)]
    streams: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Bind {
    /// The model's id, as `list` shows it
    model: String,
    /// A stream: THING/NAME, topic:FILTER or file:NAME; once for each that the model wants, in its order
    #[arg(long = "input", required = true, value_name = "STREAM")]
    inputs: Vec<String>,
    /// How messages and files are read: json, u8, i16, f32 or pnm
    #[arg(long, default_value = "json")]
    format: String,
    /// Where answers go: THING/NAME, or THING/NAME,NAME for several
    #[arg(long, value_name = "THING/NAMES")]
    output: String,
    /// Answers become events, not properties
    #[arg(long)]
    events: bool,
    /// Run it every so many seconds, not on every sample
    #[arg(long, value_name = "SECONDS", conflicts_with = "samples")]
    seconds: Option<f64>,
    /// Run it after so many samples
    #[arg(long)]
    samples: Option<u32>,
    /// Only look at its answers
    #[arg(long)]
    shadow: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
struct Named {
    /// Its id
    id: String,
    #[command(flatten)]
    remote: Remote,
}

impl Model {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Install(install) => install.run(),
            Command::List(list) => list.run(),
            Command::Try(wanted) => wanted.run(),
            Command::Bind(bind) => bind.run(),
            Command::Unbind(named) => named.remove("bindings"),
            Command::Remove(named) => named.remove("models"),
        }
    }
}

impl Install {
    fn run(self) -> anyhow::Result<()> {
        let beside = self.manifest.unwrap_or_else(|| self.file.with_extension("json"));
        let manifest = files::read(&beside)
            .with_context(|| format!("{}\nhint: name the manifest with --manifest", beside.display()))?;
        let mut file = Vec::new();
        let opened = files::open(&self.file, FILE_BYTES_MAX);
        opened.and_then(|mut opened| opened.read_to_end(&mut file)).with_context(|| self.file.display().to_string())?;
        let parts = [("manifest", manifest.as_slice()), ("file", file.as_slice())];
        let model = Client::new(&self.remote)?.post_form("/inference/models", &parts)?;
        say(&if self.remote.json { model.to_string() } else { line(&model) })
    }
}

fn line(model: &Value) -> String {
    let text = |name: &str| model[name].as_str().unwrap_or("-").to_owned();
    let milliseconds = model["milliseconds_mean"].as_f64().or(model["milliseconds"].as_f64());
    let milliseconds = milliseconds.map_or_else(|| "-".to_owned(), |it| format!("{it:.3} ms"));
    let count = |name: &str| model[name].as_u64().unwrap_or(0);
    let problem = model["problem"].as_str().or(model["last_error"].as_str()).map(|it| format!("  {it}"));
    format!(
        "{:<24} {:<8} {:<6} {:<12} {milliseconds:>12}  {} runs, {} failed, {} late, {} refused{}",
        text("id"),
        text("stage"),
        text("engine"),
        text("licence"),
        count("runs"),
        count("failed"),
        count("late"),
        count("refused"),
        problem.unwrap_or_default().replace('\n', " ")
    )
}

/// A stream in words.
fn stream(input: &Value) -> String {
    let text = |name: &str| input[name].as_str();
    match (text("thing"), text("topic"), text("file")) {
        (Some(thing), _, _) => format!("{thing}/{}", text("name").unwrap_or_default()),
        (_, Some(topic), _) => format!("topic:{topic}"),
        (_, _, file) => format!("file:{}", file.unwrap_or_default()),
    }
}

fn binding_line(binding: &Value) -> String {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let inputs: Vec<String> = list(&binding["inputs"]).iter().map(stream).collect();
    let names: Vec<String> =
        list(&binding["output"]["names"]).iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let trouble = binding["problem"].as_str().or(binding["last_error"].as_str()).map(|it| format!("  {it}"));
    format!(
        "{:<12} {} of {} -> {}/{}  {} answers{}",
        text(&binding["id"]),
        text(&binding["model"]),
        inputs.join(" "),
        text(&binding["output"]["thing"]),
        names.join(","),
        binding["answers"].as_u64().unwrap_or(0),
        trouble.unwrap_or_default().replace('\n', " ")
    )
}

impl List {
    fn run(self) -> anyhow::Result<()> {
        let client = Client::new(&self.remote)?;
        let models = client.get("/inference/models")?;
        let bindings = client.get("/inference/bindings")?;
        if self.remote.json {
            return say(&json!({"models": models["items"], "bindings": bindings["items"]}).to_string());
        }
        for model in models["items"].as_array().into_iter().flatten() {
            say(&line(model))?;
        }
        for binding in bindings["items"].as_array().into_iter().flatten() {
            say(&binding_line(binding))?;
        }
        Ok(())
    }
}

impl Try {
    fn run(self) -> anyhow::Result<()> {
        let streams = self.streams.iter().map(|text| numbers(text)).collect::<anyhow::Result<Vec<_>>>()?;
        let path = format!("/inference/models/{}/try", escaped(&self.model));
        let answer = Client::new(&self.remote)?.post(&path, &json!({ "streams": streams }))?;
        if self.remote.json {
            return say(&answer.to_string());
        }
        let milliseconds = answer["milliseconds"].as_f64().unwrap_or(0.0);
        say(&format!("{}  ({milliseconds:.3} ms)", answer["answer"]))
    }
}

fn numbers(text: &str) -> anyhow::Result<Vec<f32>> {
    let number = |text: &str| text.trim().parse::<f32>().ok().filter(|number| number.is_finite());
    let numbers: Option<Vec<f32>> = text.split(',').map(number).collect();
    numbers.ok_or_else(|| anyhow!("{text:?} are no numbers\nhint: write them like 1,2.5,3"))
}

impl Bind {
    fn run(self) -> anyhow::Result<()> {
        let inputs = self.inputs.iter().map(|text| input(text, &self.format)).collect::<anyhow::Result<Vec<_>>>()?;
        let (thing, names) = self.output.split_once('/').context("the output names no property\nhint: THING/NAME")?;
        let every = match (self.seconds, self.samples) {
            (Some(seconds), _) => json!({ "seconds": seconds }),
            (None, samples) => json!({ "samples": samples.unwrap_or(1) }),
        };
        let spec = json!({
            "model": self.model,
            "inputs": inputs,
            "output": {
                "thing": thing,
                "names": names.split(',').collect::<Vec<_>>(),
                "kind": if self.events { "event" } else { "property" },
            },
            "every": every,
            "mode": if self.shadow { "shadow" } else { "live" },
        });
        let made = Client::new(&self.remote)?.post("/inference/bindings", &spec)?;
        say(&if self.remote.json { made.to_string() } else { binding_line(&made) })
    }
}

fn input(text: &str, format: &str) -> anyhow::Result<Value> {
    if let Some(topic) = text.strip_prefix("topic:") {
        return Ok(json!({"topic": topic, "format": format}));
    }
    if let Some(file) = text.strip_prefix("file:") {
        return Ok(json!({"file": file, "format": format}));
    }
    match text.split_once('/') {
        Some((thing, name)) => Ok(json!({"thing": thing, "name": name})),
        None => bail!("{text:?} is no stream\nhint: write it like pump/shake, topic:audio/hall or file:yard.pgm"),
    }
}

impl Named {
    fn remove(self, kind: &str) -> anyhow::Result<()> {
        Client::new(&self.remote)?.delete(&format!("/inference/{kind}/{}", escaped(&self.id)))?;
        if self.remote.json { Ok(()) } else { say(&format!("{} is gone", self.id)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_numbers_are_read() {
        let read = |text| input(text, "i16").map_err(|error| error.to_string());
        assert_eq!(read("pump/shake"), Ok(json!({"thing": "pump", "name": "shake"})));
        assert_eq!(read("topic:audio/+"), Ok(json!({"topic": "audio/+", "format": "i16"})));
        assert_eq!(read("file:yard.raw"), Ok(json!({"file": "yard.raw", "format": "i16"})));
        assert!(read("pump").unwrap_err().contains("hint: write it like"));
        assert_eq!(numbers("1, -2.5").unwrap(), [1.0, -2.5]);
        assert!(numbers("1,inf").is_err() && numbers("").is_err());
    }
}
