//! The registry's gate: a model comes in when its facts hold and it computes what its maker says it computes.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::onnx;
use super::process::{Answer, Pipeline, ProcessError};
use super::runtime::{Network, Runtime};
use super::tensor::Tensor;

/// Golden vectors may differ by this much.
pub const DISTANCE_MAX: f32 = 1e-3;
/// A file is never larger than this, whatever its facts say.
pub const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// A loaded model takes so many times the bytes of its file: the weights as read, and packed for the engine.
const LOADED_FACTOR: u64 = 3;
/// More golden vectors than these are not looked at.
const GOLDEN_MAX: usize = 16;
/// Operators of a model.
const NODES_MAX: usize = 100_000;
/// Operators whose runs have no bound that can be seen before.
const ENDLESS: [&str; 1] = ["Loop"];
/// Licences under which a model may be used for anything; SPDX names.
const LICENCES: [&str; 8] =
    ["MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "CC0-1.0", "CC-BY-4.0", "Unlicense"];

/// An input and what the model makes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// One tensor an input of the model, in its order.
    pub inputs: Vec<Tensor>,
    /// What the reference engine gave, one tensor an output.
    pub outputs: Vec<Tensor>,
}

/// What stands in the registry about a model, beside its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// The SHA-256 of the file, in hex.
    pub sha256: String,
    /// Its licence, an SPDX name.
    pub licence: String,
    /// The names of its inputs, in order.
    pub inputs: Vec<String>,
    /// The names of its outputs, in order.
    pub outputs: Vec<String>,
    /// How a stream becomes its input, and its output an answer.
    pub pipeline: Pipeline,
    /// What it may take of memory.
    pub memory_bytes_max: u64,
    /// How long one run may take.
    pub run_us_max: u64,
    /// Inputs with known outputs; at least one.
    pub golden: Vec<Golden>,
}

/// A model that may be run.
pub struct Installed {
    /// What is known of it.
    pub facts: Facts,
    /// Which engine runs it.
    pub engine: &'static str,
    /// How far its golden vectors were off.
    pub distance: f32,
    network: Box<dyn Network>,
}

impl std::fmt::Debug for Installed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installed")
            .field("name", &self.facts.name)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// Why a model is not taken, or gave no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The licence is missing or not one that allows any use.
    #[error("model {name}: the licence {licence:?} is not on the list\nhint: one of {}", LICENCES.join(", "))]
    Licence {
        /// The model.
        name: String,
        /// What its facts say.
        licence: String,
    },
    /// The file is not the one that the facts are about.
    #[error("model {name}: the file's sha256 is {found}, its facts say {expected}")]
    Hash {
        /// The model.
        name: String,
        /// What the facts say.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// It takes more memory than it may.
    #[error("model {name}: it needs about {needed} bytes of memory, its limit is {limit}")]
    TooLarge {
        /// The model.
        name: String,
        /// What it needs.
        needed: u64,
        /// What it may have.
        limit: u64,
    },
    /// The file is not one that can be read.
    #[error("model {name}: the file is not a usable ONNX model: {why}")]
    Malformed {
        /// The model.
        name: String,
        /// In words.
        why: String,
    },
    /// No engine runs it.
    #[error("model {name}: no engine can run it: {}", why.join("; "))]
    NoEngine {
        /// The model.
        name: String,
        /// What each engine said.
        why: Vec<String>,
    },
    /// There is nothing to check it by.
    #[error("model {name}: there are no golden vectors\nhint: give one input with the output of the reference engine")]
    NoGolden {
        /// The model.
        name: String,
    },
    /// What goes in or comes out is of another shape.
    #[error("model {name}: {what}")]
    Shape {
        /// The model.
        name: String,
        /// In words.
        what: String,
    },
    /// What came out is not finite.
    #[error("model {name}: output {output} is not finite")]
    NotFinite {
        /// The model.
        name: String,
        /// Which output.
        output: String,
    },
    /// The engine gave up on this input.
    #[error("model {name}: {why}")]
    Failed {
        /// The model.
        name: String,
        /// In words.
        why: String,
    },
    /// The input could not be made, or the output not be read.
    #[error("model {name}: {error}")]
    Process {
        /// The model.
        name: String,
        /// What went wrong.
        error: ProcessError,
    },
}

/// Takes a model in, in the first of `runtimes` that loads it and computes its golden vectors.
///
/// This takes as long as the model takes for its golden vectors: run it where nobody waits.
pub fn install(facts: Facts, file: &[u8], runtimes: &[&dyn Runtime]) -> Result<Installed, ModelError> {
    let name = facts.name.clone();
    check_facts(&facts, file)?;
    let mut why = Vec::new();
    for runtime in runtimes {
        let network = match runtime.load(file.to_vec()) {
            Ok(network) => network,
            Err(words) => {
                why.push(format!("{} says {words}", runtime.name()));
                continue;
            }
        };
        let given: Vec<&String> = network.inputs().iter().map(|port| &port.name).collect();
        if !given.iter().copied().eq(&facts.inputs) || network.outputs() != facts.outputs {
            let what = format!(
                "its facts say {:?} to {:?}, the file says {given:?} to {:?}",
                facts.inputs,
                facts.outputs,
                network.outputs()
            );
            return Err(ModelError::Shape { name, what });
        }
        let mut installed = Installed { facts: facts.clone(), engine: runtime.name(), distance: 0.0, network };
        match installed.check_golden() {
            Ok(distance) if distance <= DISTANCE_MAX => {
                installed.distance = distance;
                return Ok(installed);
            }
            Ok(distance) => why.push(format!("{} is {distance} off its golden vectors", runtime.name())),
            Err(ModelError::Failed { why: words, .. }) => why.push(format!("{} says {words}", runtime.name())),
            Err(error) => return Err(error),
        }
    }
    Err(ModelError::NoEngine { name, why })
}

fn check_facts(facts: &Facts, file: &[u8]) -> Result<(), ModelError> {
    let name = facts.name.clone();
    if !LICENCES.contains(&facts.licence.as_str()) {
        return Err(ModelError::Licence { name, licence: facts.licence.clone() });
    }
    let limit = facts.memory_bytes_max.min(FILE_BYTES_MAX * LOADED_FACTOR);
    let needed = file.len() as u64 * LOADED_FACTOR;
    if needed > limit {
        return Err(ModelError::TooLarge { name, needed, limit });
    }
    let found: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
    if !found.eq_ignore_ascii_case(&facts.sha256) {
        return Err(ModelError::Hash { name, expected: facts.sha256.clone(), found });
    }
    if facts.golden.is_empty() {
        return Err(ModelError::NoGolden { name });
    }
    let summary = onnx::summary(file).map_err(|why| ModelError::Malformed { name: name.clone(), why })?;
    if summary.has_external_data {
        let why = "it keeps weights in other files".to_owned();
        return Err(ModelError::Malformed { name, why });
    }
    if let Some(operator) = ENDLESS.iter().find(|operator| summary.operators.contains(**operator)) {
        let why = format!("the operator {operator} may never end\nhint: export the model without it");
        return Err(ModelError::Malformed { name, why });
    }
    if summary.nodes > NODES_MAX {
        let why = format!("it has {} operators, more than {NODES_MAX}", summary.nodes);
        return Err(ModelError::Malformed { name, why });
    }
    Ok(())
}

impl Installed {
    /// How far the golden vectors are off.
    fn check_golden(&self) -> Result<f32, ModelError> {
        let mut furthest = 0.0_f32;
        for golden in self.facts.golden.iter().take(GOLDEN_MAX) {
            let outputs = self.run(&golden.inputs)?;
            if outputs.len() != golden.outputs.len() {
                let what = format!("{} outputs came, its golden vectors have {}", outputs.len(), golden.outputs.len());
                return Err(ModelError::Shape { name: self.facts.name.clone(), what });
            }
            for ((output, expected), name) in outputs.iter().zip(&golden.outputs).zip(&self.facts.outputs) {
                let distance = output.distance(expected).ok_or_else(|| {
                    let what =
                        format!("output {name} is {:?}, its golden vectors say {:?}", output.shape, expected.shape);
                    ModelError::Shape { name: self.facts.name.clone(), what }
                })?;
                furthest = furthest.max(distance);
            }
        }
        Ok(furthest)
    }

    /// Runs the model on tensors; what comes out is finite.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, ModelError> {
        let name = || self.facts.name.clone();
        if inputs.len() != self.network.inputs().len() {
            let what = format!("{} inputs came, it has {}", inputs.len(), self.network.inputs().len());
            return Err(ModelError::Shape { name: name(), what });
        }
        let mut bytes = self.facts.memory_bytes_max;
        for (input, port) in inputs.iter().zip(self.network.inputs()) {
            let fits = port.shape.as_ref().is_none_or(|shape| {
                shape.len() == input.shape.len()
                    && shape
                        .iter()
                        .zip(&input.shape)
                        .all(|(wanted, given)| wanted.is_none_or(|wanted| wanted == *given))
            });
            if !fits || !input.is_whole() {
                let what = format!("input {} is {:?}, the model wants {:?}", port.name, input.shape, port.shape);
                return Err(ModelError::Shape { name: name(), what });
            }
            let needed = 4 * input.len() as u64;
            bytes = bytes.checked_sub(needed).ok_or_else(|| ModelError::TooLarge {
                name: name(),
                needed,
                limit: self.facts.memory_bytes_max,
            })?;
        }
        let outputs = self.network.run(inputs).map_err(|why| ModelError::Failed { name: name(), why })?;
        for (output, port) in outputs.iter().zip(self.network.outputs()) {
            if !output.is_finite() {
                return Err(ModelError::NotFinite { name: name(), output: port.clone() });
            }
        }
        Ok(outputs)
    }

    /// From the values of a stream to an answer.
    pub fn answer(&self, values: &[f32]) -> Result<Answer, ModelError> {
        let process = |error| ModelError::Process { name: self.facts.name.clone(), error };
        let input = self.facts.pipeline.input(values).map_err(process)?;
        let outputs = self.run(&[input])?;
        let first = outputs.first().ok_or_else(|| process(ProcessError::NoOutput))?;
        self.facts.pipeline.answer(first).map_err(process)
    }
}
