//! What is said of a model beside its file: where it comes from, how it is fed, what it means, how it is checked.

use serde::{Deserialize, Serialize};

use super::process::{Meaning, Preparation, VALUES_MAX};
use super::tensor::Tensor;

/// A file is never larger than this, whatever its manifest says.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// A manifest with all its golden vectors is never larger than this.
pub const MANIFEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most golden vectors of a model.
pub(super) const GOLDEN_MAX: usize = 16;
/// The most streams that a model is fed from.
pub(super) const STREAMS_MAX: usize = 64;
/// The longest run that a manifest may allow.
pub(super) const RUN_US_MAX: u64 = 60_000_000;
/// A loaded model takes so many times the bytes of its file: the weights as read, and packed for the engine.
pub(super) const LOADED_FACTOR: u64 = 3;
/// Names and versions are no longer than this.
const NAME_LENGTH_MAX: usize = 48;
/// The longest source and description.
const TEXT_LENGTH_MAX: usize = 1_000;
/// Licences under which a model may be used for anything; SPDX names.
pub(super) const LICENCES: [&str; 8] =
    ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "CC-BY-4.0", "Unlicense"];

/// An input and what the model makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// One tensor an input of the model, in its order.
    pub inputs: Vec<Tensor>,
    /// What the reference engine gave, one tensor an output.
    pub outputs: Vec<Tensor>,
}

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// From the latest values of streams.
    Streams(Preparation),
    /// Always the same: a rate, a mask.
    Fixed(Tensor),
    /// What an output said in the run before: the memory of a model that hears its stream piece by piece.
    Carried {
        /// Which output.
        output: String,
        /// What stands there before the first run.
        start: Tensor,
    },
    /// From whoever asks: such a model can be tried, and not be bound to streams.
    Given,
}

/// An input of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in the file.
    pub name: String,
    /// Where it comes from.
    pub from: Source,
}

/// What stands in the registry about a model, beside its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name: small letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Which of its versions this is; written like the name.
    pub version: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Where it was got.
    #[serde(default)]
    pub source: String,
    /// Its licence, an SPDX name.
    pub licence: String,
    /// The SHA-256 of the file, in hex.
    pub sha256: String,
    /// Its inputs, in order.
    pub inputs: Vec<Input>,
    /// The names of its outputs, in order.
    pub outputs: Vec<String>,
    /// Which output is the answer; the first one when it is not said.
    #[serde(default)]
    pub answer: Option<String>,
    /// What the answer means.
    #[serde(default)]
    pub meaning: Meaning,
    /// What it may take of memory.
    pub memory_bytes_max: u64,
    /// How long one run may take.
    pub run_us_max: u64,
    /// Inputs with known outputs; at least one.
    pub golden: Vec<Golden>,
}

impl Manifest {
    /// Its id in a registry.
    pub fn id(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// How many streams it is fed from.
    pub fn streams(&self) -> usize {
        self.preparations().map(|preparation| preparation.streams).sum()
    }

    /// How its streams become inputs, in order.
    pub fn preparations(&self) -> impl Iterator<Item = &Preparation> {
        self.inputs.iter().filter_map(|input| match &input.from {
            Source::Streams(preparation) => Some(preparation),
            Source::Fixed(_) | Source::Carried { .. } | Source::Given => None,
        })
    }

    /// Whether every input is there without somebody who gives it.
    pub fn is_bindable(&self) -> bool {
        self.streams() > 0 && !self.inputs.iter().any(|input| input.from == Source::Given)
    }

    /// The place of the answer among the outputs.
    pub fn answer_at(&self) -> usize {
        let wanted = self.answer.as_ref();
        wanted.and_then(|wanted| self.outputs.iter().position(|output| output == wanted)).unwrap_or(0)
    }

    /// What is wrong with it, in words.
    pub(super) fn problem(&self) -> Option<String> {
        let named = [("name", &self.name), ("version", &self.version)];
        if let Some((what, text)) = named.into_iter().find(|(_, text)| !is_name(text)) {
            return Some(format!(
                "the {what} {text:?} is not of at most {NAME_LENGTH_MAX} small letters, digits, '-', '_' and '.'"
            ));
        }
        if self.description.len().max(self.source.len()) > TEXT_LENGTH_MAX {
            return Some(format!("its description or source has more than {TEXT_LENGTH_MAX} bytes"));
        }
        if !(1..=RUN_US_MAX).contains(&self.run_us_max) {
            return Some(format!("a run of {} us is not between 1 and {RUN_US_MAX}", self.run_us_max));
        }
        if self.inputs.is_empty() || self.outputs.is_empty() {
            return Some("it has no input or no output".to_owned());
        }
        let is_output = |name: &String| self.outputs.contains(name);
        if let Some(answer) = self.answer.as_ref().filter(|answer| !is_output(answer)) {
            return Some(format!("its answer {answer:?} is no output"));
        }
        if self.golden.len() > GOLDEN_MAX {
            return Some(format!("it has {} golden vectors, more than {GOLDEN_MAX}", self.golden.len()));
        }
        for Input { name, from } in &self.inputs {
            let problem = match from {
                Source::Streams(preparation) => preparation.problem(),
                Source::Fixed(tensor) => broken(tensor),
                Source::Carried { output, start } => {
                    let unknown = (!is_output(output)).then(|| format!("{output:?} is no output"));
                    unknown.or_else(|| broken(start))
                }
                Source::Given => None,
            };
            if let Some(problem) = problem {
                return Some(format!("input {name}: {problem}"));
            }
        }
        (self.streams() > STREAMS_MAX).then(|| format!("it wants {} streams, more than {STREAMS_MAX}", self.streams()))
    }
}

fn broken(tensor: &Tensor) -> Option<String> {
    let is_good = tensor.is_whole() && tensor.is_finite() && tensor.len() <= VALUES_MAX;
    (!is_good).then(|| format!("its tensor of {} numbers does not fit its shape {:?}", tensor.len(), tensor.shape))
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts && text.len() <= NAME_LENGTH_MAX && text.bytes().all(fits)
}
