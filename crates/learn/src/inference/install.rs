//! The registry's gate: a model comes in when its manifest holds and it computes what its maker says it computes.

use model::Clock;
use sha2::{Digest, Sha256};

use super::manifest::{FILE_BYTES_MAX, LICENCES, LOADED_FACTOR, Manifest, Source};
use super::onnx;
use super::process::{Answer, ProcessError};
use super::runtime::{Network, Runtime};
use super::tensor::Tensor;

/// Golden vectors may differ by this much.
pub const DISTANCE_MAX: f32 = 1e-3;
/// Operators of a model.
const NODES_MAX: usize = 100_000;
/// Operators whose runs have no bound that can be seen before.
const ENDLESS: [&str; 1] = ["Loop"];
/// An engine is measured by the best of so many rounds,
const ROUNDS: usize = 5;
/// each of which has runs for about so long, or one.
const ROUND_US: u64 = 2_000;

/// A model that may be run.
pub struct Installed {
    /// What is known of it.
    pub manifest: Manifest,
    /// Which engine runs it.
    pub engine: &'static str,
    /// How far its golden vectors were off.
    pub distance: f32,
    /// How long a run took, in microseconds.
    pub run_us: f64,
    network: Box<dyn Network>,
}

/// What outputs said for the inputs that are carried, one place an input; empty before the first run.
pub type Carried = Vec<Option<Tensor>>;

impl std::fmt::Debug for Installed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Installed")
            .field("name", &self.manifest.name)
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
        /// What its manifest says.
        licence: String,
    },
    /// The file is not the one that the manifest is about.
    #[error("model {name}: the file's sha256 is {found}, its manifest says {expected}")]
    Hash {
        /// The model.
        name: String,
        /// What the manifest says.
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
    /// What its manifest says cannot be.
    #[error("model {name}: {what}")]
    Manifest {
        /// The model.
        name: String,
        /// In words.
        what: String,
    },
    /// A run takes longer than its manifest allows.
    #[error(
        "model {name}: a run takes {took_us} us, its limit is {limit_us}\nhint: allow more in run_us_max, or bring a smaller model"
    )]
    Slow {
        /// The model.
        name: String,
        /// What it takes.
        took_us: u64,
        /// What it may take.
        limit_us: u64,
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

/// Takes a model in, in the engine of `runtimes` that computes its golden vectors and is the fastest at it.
///
/// This takes as long as the model takes for its golden vectors: run it where nobody waits.
pub fn install(
    manifest: Manifest,
    file: &[u8],
    runtimes: &[Box<dyn Runtime>],
    clock: &dyn Clock,
) -> Result<Installed, ModelError> {
    let name = manifest.name.clone();
    check(&manifest, file)?;
    let (mut why, mut best): (Vec<String>, Option<Installed>) = (Vec::new(), None);
    for runtime in runtimes {
        match try_engine(&manifest, file, &**runtime, clock) {
            Ok(installed) if best.as_ref().is_none_or(|best| installed.run_us < best.run_us) => best = Some(installed),
            Ok(_) => {}
            Err(Refused::ByEngine(words)) => why.push(words),
            Err(Refused::Model(error)) => return Err(error),
        }
    }
    let Some(installed) = best else { return Err(ModelError::NoEngine { name, why }) };
    let (took_us, limit_us) = (installed.run_us.ceil() as u64, installed.manifest.run_us_max);
    if took_us > limit_us {
        return Err(ModelError::Slow { name, took_us, limit_us });
    }
    Ok(installed)
}

/// Why a model does not come in through an engine.
enum Refused {
    /// Another engine may do.
    ByEngine(String),
    /// No engine would.
    Model(ModelError),
}

fn try_engine(
    manifest: &Manifest,
    file: &[u8],
    runtime: &dyn Runtime,
    clock: &dyn Clock,
) -> Result<Installed, Refused> {
    let (name, engine) = (manifest.name.clone(), runtime.name());
    let refused = |words: String| Refused::ByEngine(format!("{engine} {words}"));
    let network = runtime.load(file.to_vec()).map_err(|words| refused(format!("says {words}")))?;
    let given = network.inputs().iter().map(|port| &port.name);
    if !given.clone().eq(manifest.inputs.iter().map(|input| &input.name)) || network.outputs() != manifest.outputs {
        let what = format!(
            "its manifest says {:?} to {:?}, the file says {:?} to {:?}",
            manifest.inputs.iter().map(|input| &input.name).collect::<Vec<_>>(),
            manifest.outputs,
            given.collect::<Vec<_>>(),
            network.outputs()
        );
        return Err(Refused::Model(ModelError::Shape { name, what }));
    }
    let mut installed = Installed { manifest: manifest.clone(), engine, distance: 0.0, run_us: 0.0, network };
    installed.distance = match installed.check_golden() {
        Ok(distance) if distance <= DISTANCE_MAX => distance,
        Ok(distance) => return Err(refused(format!("is {distance} off its golden vectors"))),
        Err(ModelError::Failed { why, .. }) => return Err(refused(format!("says {why}"))),
        Err(error) => return Err(Refused::Model(error)),
    };
    installed.run_us = installed.measure(clock).map_err(Refused::Model)?;
    Ok(installed)
}

fn check(manifest: &Manifest, file: &[u8]) -> Result<(), ModelError> {
    let name = manifest.name.clone();
    if let Some(what) = manifest.problem() {
        return Err(ModelError::Manifest { name, what });
    }
    if !LICENCES.contains(&manifest.licence.as_str()) {
        return Err(ModelError::Licence { name, licence: manifest.licence.clone() });
    }
    let limit = manifest.memory_bytes_max.min(FILE_BYTES_MAX * LOADED_FACTOR);
    let needed = file.len() as u64 * LOADED_FACTOR;
    if needed > limit {
        return Err(ModelError::TooLarge { name, needed, limit });
    }
    let found: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
    if !found.eq_ignore_ascii_case(&manifest.sha256) {
        return Err(ModelError::Hash { name, expected: manifest.sha256.clone(), found });
    }
    if manifest.golden.is_empty() {
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
        for golden in &self.manifest.golden {
            let outputs = self.run(&golden.inputs)?;
            if outputs.len() != golden.outputs.len() {
                let what = format!("{} outputs came, its golden vectors have {}", outputs.len(), golden.outputs.len());
                return Err(ModelError::Shape { name: self.manifest.name.clone(), what });
            }
            for ((output, expected), name) in outputs.iter().zip(&golden.outputs).zip(&self.manifest.outputs) {
                let distance = output.distance(expected).ok_or_else(|| {
                    let what =
                        format!("output {name} is {:?}, its golden vectors say {:?}", output.shape, expected.shape);
                    ModelError::Shape { name: self.manifest.name.clone(), what }
                })?;
                furthest = furthest.max(distance);
            }
            self.meant(&outputs)?;
        }
        Ok(furthest)
    }

    /// Does work that runs the model again and again, where its engine likes it best.
    pub(super) fn at_work(&self, work: Box<dyn FnOnce() + Send + '_>) {
        self.network.at_work(work);
    }

    /// How long a run on the first golden vector takes.
    fn measure(&self, clock: &dyn Clock) -> Result<f64, ModelError> {
        let mut measured = Ok(0.0);
        let place = &mut measured;
        self.at_work(Box::new(move || *place = self.measure_here(clock)));
        measured
    }

    fn measure_here(&self, clock: &dyn Clock) -> Result<f64, ModelError> {
        let Some(golden) = self.manifest.golden.first() else { return Ok(0.0) };
        let round = |runs: u64| -> Result<f64, ModelError> {
            let began = clock.now();
            for _ in 0..runs {
                self.run(&golden.inputs)?;
            }
            Ok(clock.now().since(began).as_micros() as f64 / runs as f64)
        };
        let first = round(1)?;
        let runs = (ROUND_US as f64 / first.max(1.0)).clamp(1.0, 1_000.0) as u64;
        (1..ROUNDS).try_fold(first, |best, _| round(runs).map(|took| took.min(best)))
    }

    /// Runs the model on tensors; what comes out is finite.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, ModelError> {
        let name = || self.manifest.name.clone();
        if inputs.len() != self.network.inputs().len() {
            let what = format!("{} inputs came, it has {}", inputs.len(), self.network.inputs().len());
            return Err(ModelError::Shape { name: name(), what });
        }
        let mut bytes = self.manifest.memory_bytes_max;
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
                limit: self.manifest.memory_bytes_max,
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

    /// From the values of streams to an answer; `carried` is what the run before left for this one.
    pub fn answer<S: AsRef<[f32]>>(&self, streams: &[S], carried: &mut Carried) -> Result<Answer, ModelError> {
        let process = |error| ModelError::Process { name: self.manifest.name.clone(), error };
        carried.resize(self.manifest.inputs.len(), None);
        let mut rest = streams;
        let mut inputs = Vec::with_capacity(self.manifest.inputs.len());
        for (input, carried) in self.manifest.inputs.iter().zip(carried.iter()) {
            inputs.push(match &input.from {
                Source::Streams(preparation) => {
                    let (own, others) = rest.split_at(preparation.streams.min(rest.len()));
                    rest = others;
                    preparation.input(own).map_err(process)?
                }
                Source::Fixed(tensor) => tensor.clone(),
                Source::Carried { start, .. } => carried.as_ref().unwrap_or(start).clone(),
                Source::Given => return Err(process(ProcessError::NotGiven(input.name.clone()))),
            });
        }
        if !rest.is_empty() {
            let (given, wanted) = (streams.len(), self.manifest.streams());
            return Err(process(ProcessError::Streams { given, wanted }));
        }
        let outputs = self.run(&inputs)?;
        let answer = self.meant(&outputs)?;
        for (input, carried) in self.manifest.inputs.iter().zip(carried.iter_mut()) {
            if let Source::Carried { output, .. } = &input.from {
                let at = self.manifest.outputs.iter().position(|name| name == output);
                *carried = at.and_then(|at| outputs.get(at)).cloned();
            }
        }
        Ok(answer)
    }

    /// What the outputs of a run mean.
    pub fn meant(&self, outputs: &[Tensor]) -> Result<Answer, ModelError> {
        let process = |error| ModelError::Process { name: self.manifest.name.clone(), error };
        let output = outputs.get(self.manifest.answer_at()).ok_or_else(|| process(ProcessError::NoOutput))?;
        self.manifest.meaning.answer(output).map_err(process)
    }
}
