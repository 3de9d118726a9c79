//! Models that people bring, bound to streams: what they say becomes records like any other.
//!
//! The fold leaves what bindings want in a bounded queue ([`post`](self)) and goes on. One thread (or [`Site::turn`] of a
//! stepped site) fills the windows of bindings, leaves jobs for the models, each of which has a thread of its own, and
//! tells their answers: `things/{thing}/properties/{name}` or `.../events/{name}`, caused by the model, following from
//! the entry that led to it. Files of models lie in the folder of models, named by their hash; bindings in the state.
//!
//! What was said before a site was opened fills windows and is not answered: what matters is now, and nothing is
//! answered twice.
//!
//! **Invariant:** no model is run that did not compute its golden vectors, at each start anew.
//!
//! **Invariant:** a model that is slow, stuck, wrong or panics costs its own bindings their answers, and nobody else
//! anything: neither the fold nor this module ever waits for one.

mod binding;
mod bound;
mod compare;
mod error;
mod post;
mod read;
mod registry;
mod round;
mod window;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use learn::inference::{Question, Rten, Runtime};
use model::{Cause, CauseKind, Clock, Position};
use parking_lot::Mutex;
use store::State;
use store::state::{Change, Table};

use crate::counters::{CounterKind, Figure};
use crate::error::SiteError;
use crate::site::{Site, setting};
use crate::system::Queue;
use bound::{Bindings, Bound};
use post::Post;
use registry::{ModelRow, Registry};

use binding::BindingRow;
pub use binding::{BindingInput, BindingMode, BindingOutput, BindingSpec, Every, OutputKind};
pub use bound::Binding;
pub use compare::Comparison;
pub use error::InferenceError;
pub use learn::inference::Refused;
pub use post::{ANSWERS_MAX, TAPPED_BYTES_MAX, TAPPED_MAX};
pub use read::Format;
pub use registry::{InferenceModel, MODELS_MAX, ModelRuns, ModelStage, Port, Try, TryAnswer};
use window::WINDOW_VALUES_MAX;

/// The most bindings of a site.
pub const BINDINGS_MAX: usize = 256;

/// The setting in which the rows of models are kept.
const MODELS_SETTING: &str = "site.inference.models";
/// The setting in which bindings are kept.
const BINDINGS_SETTING: &str = "site.inference.bindings";
/// What the cause of what a model says begins with.
const MODEL_CAUSE: &str = "model:";

/// Makes the engines that models are tried in.
pub type MakeEngines = Arc<dyn Fn() -> Vec<Box<dyn Runtime>> + Send + Sync>;

/// What can be set of inference when the site is opened.
#[derive(Clone)]
pub struct InferenceOptions {
    /// The folder of the files of models; without one, none are taken.
    pub models: Option<PathBuf>,
    /// The folder of the files that models may look at.
    pub watched: Option<PathBuf>,
    /// The largest file of a model.
    pub file_bytes_max: u64,
    /// How many cores models may use together.
    pub cores: f64,
    /// The engines.
    pub engines: MakeEngines,
}

impl Default for InferenceOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as f64 / 2.0;
        let engines: MakeEngines = Arc::new(|| vec![Box::new(Rten::new())]);
        Self { models: None, watched: None, file_bytes_max: 128 << 20, cores, engines }
    }
}

impl std::fmt::Debug for InferenceOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InferenceOptions")
            .field("models", &self.models)
            .field("cores", &self.cores)
            .finish_non_exhaustive()
    }
}

/// Everything about models. Lock order: `registry.changing`, `bindings`, the registry's own; none is held while the
/// site's `things` are locked.
pub(crate) struct Inference {
    pub(crate) post: Arc<Post>,
    registry: Arc<Registry>,
    bindings: Mutex<Bindings>,
    /// What was said before this is the past.
    from: Position,
    is_loading: AtomicBool,
    looked: Mutex<Option<model::Timestamp>>,
}

/// Whether a model said it.
pub(crate) fn is_said_by_model(cause: &Cause) -> bool {
    cause.kind == CauseKind::System && cause.id.starts_with(MODEL_CAUSE)
}

impl Inference {
    /// Goes on with the models and bindings that were written down.
    pub(crate) fn open(
        state: &dyn State,
        clock: &Arc<dyn Clock>,
        options: &InferenceOptions,
        from: Position,
    ) -> Result<Self, SiteError> {
        let models: Vec<ModelRow> = setting(state, MODELS_SETTING)?.unwrap_or_default();
        let rows: Vec<BindingRow> = setting(state, BINDINGS_SETTING)?.unwrap_or_default();
        let post = Arc::new(Post::default());
        let registry =
            Registry::open(options, models, Arc::clone(clock), Arc::clone(&post)).map_err(InferenceError::File)?;
        let mut bindings = Bindings::default();
        bindings.all.extend(rows.into_iter().map(|row| (row.number, Bound::new(row))));
        post.want(bindings.route());
        Ok(Self {
            post,
            registry: Arc::new(registry),
            bindings: Mutex::new(bindings),
            from,
            is_loading: AtomicBool::new(false),
            looked: Mutex::default(),
        })
    }

    /// Gauges.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let gauges = [
            ("inference_models", "Models that people brought.", self.registry.len()),
            ("inference_bindings", "Bindings of models to streams.", self.bindings.lock().all.len()),
        ];
        let gauge = |(name, help, value)| Figure { name, help, kind: CounterKind::Gauge, value: value as f64 };
        gauges.map(gauge).into()
    }

    /// The bounded queues.
    pub(crate) fn queues(&self) -> [Queue; 2] {
        let [(tapped, tapped_dropped), (answers, answers_dropped)] = self.post.fill();
        let queue = |name, length: usize, limit: usize, dropped, policy| Queue {
            name,
            length: length as u64,
            limit: limit as u64,
            dropped,
            policy,
        };
        [
            queue("values for models", tapped, TAPPED_MAX, tapped_dropped, "the oldest go; what matters is now"),
            queue("answers of models", answers, ANSWERS_MAX, answers_dropped, "the oldest go"),
        ]
    }
}

impl Site {
    /// Takes a model in. Takes as long as the model takes for its golden vectors.
    pub fn install_model(&self, manifest: &[u8], file: Vec<u8>, by: &str) -> Result<InferenceModel, SiteError> {
        let registry = &self.inference.registry;
        let id = registry.add(manifest, file, by, |rows| self.keep_setting(MODELS_SETTING, &rows))?;
        Ok(registry.get(&id)?)
    }

    /// Every model that people brought, in order of id.
    pub fn inference_models(&self) -> Vec<InferenceModel> {
        self.inference.registry.all()
    }

    /// One of them.
    pub fn inference_model(&self, id: &str) -> Result<InferenceModel, SiteError> {
        Ok(self.inference.registry.get(id)?)
    }

    /// Lets a model go that nothing is bound to.
    pub fn remove_model(&self, id: &str) -> Result<(), SiteError> {
        let registry = &self.inference.registry;
        let _changing = registry.changing.lock();
        let user = self.inference.bindings.lock().all.values().find_map(|bound| {
            let spec = &bound.row.spec;
            (spec.model == id || spec.successor.as_deref() == Some(id)).then(|| bound.row.id.clone())
        });
        if let Some(by) = user {
            return Err(InferenceError::Bound { id: id.to_owned(), by }.into());
        }
        registry.remove(id, |rows| self.keep_setting(MODELS_SETTING, &rows))
    }

    /// Lets a model answer what somebody wants to try. Waits for the answer.
    pub fn try_model(&self, id: &str, wanted: Try) -> Result<TryAnswer, SiteError> {
        let question = match wanted {
            Try { streams: Some(streams), tensors: None } => Question::Streams(streams),
            Try { streams: None, tensors: Some(tensors) } => Question::Tensors(tensors),
            _ => {
                let problem = "neither streams nor tensors were given, or both".to_owned();
                let hint = "give the values of each stream, or one tensor an input";
                return Err(InferenceError::Binding { place: "streams".to_owned(), problem, hint }.into());
            }
        };
        let tried = self.inference.registry.ask(id, question)?;
        Ok(TryAnswer { answer: tried.answer, outputs: tried.outputs, milliseconds: tried.run_us as f64 / 1e3 })
    }

    fn keep_setting<T: serde::Serialize>(&self, name: &str, value: &T) -> Result<(), SiteError> {
        self.state.commit(vec![Change::put(Table::Setting, name, None, value)], self.clock.now())?;
        Ok(())
    }
}
