//! The models that people brought: their files on the disk, their rows, and each at work.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use learn::inference::{
    Answer, Budget, Installed, MANIFEST_BYTES_MAX, Manifest, Numbers, Question, Source, Tensor, Tried, Worker, install,
};
use model::{Clock, Timestamp};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use store::Blobs;

use super::error::InferenceError;
use super::post::Post;
use super::{InferenceOptions, MakeEngines};

/// The most models of a site.
pub const MODELS_MAX: usize = 64;
/// How long it may take to load a model and compute its golden vectors.
const INSTALL_WITHIN: Duration = Duration::from_secs(45);
/// The most models that are loaded and checked at the same time; what never ends counts as well.
const INSTALLS_MAX: usize = 4;
/// How long a try waits beyond the runs that go before it.
const TRY_PATIENCE: Duration = Duration::from_secs(10);

/// A model as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModelRow {
    pub(crate) id: String,
    /// The blob of its manifest.
    manifest: String,
    /// The blob of its file.
    file: String,
    bytes: u64,
    added: Timestamp,
    by: String,
}

/// How far a model is.
#[derive(Debug)]
enum Stage {
    Loading,
    Ready { worker: Arc<Worker>, engine: &'static str, distance: f32, run_us: f64 },
    Refused(String),
}

#[derive(Debug)]
struct Kept {
    row: ModelRow,
    manifest: Option<Arc<Manifest>>,
    stage: Stage,
}

/// Where a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelStage {
    /// It is being loaded and checked.
    Loading,
    /// It answers.
    Ready,
    /// It is stuck in a run; whatever is bound to it gets no answers.
    Stuck,
    /// It did not pass its check at the last start.
    Refused,
}

/// An input or an output.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The lengths of its dimensions, as in its golden vectors.
    pub shape: Vec<usize>,
    /// `float` or `integer`.
    #[serde(rename = "type")]
    pub data_type: &'static str,
    /// Of an input, where it comes from: `streams`, `fixed`, `carried` or `given`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'static str>,
}

/// What happened with a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelRuns {
    /// Runs that ended.
    pub runs: u64,
    /// Milliseconds of a run, on average.
    #[cfg_attr(feature = "schema", schema(required))]
    pub milliseconds_mean: Option<f64>,
    /// Milliseconds of the longest run.
    pub milliseconds_most: f64,
    /// Runs without an answer: it failed, panicked, or said what is no number.
    pub failed: u64,
    /// Runs that took longer than they may.
    pub late: u64,
    /// Values that were not taken, because it was stuck or suspended.
    pub refused: u64,
    /// Values that newer ones took the place of before they were looked at.
    pub replaced: u64,
    /// What went wrong last.
    #[cfg_attr(feature = "schema", schema(required))]
    pub last_error: Option<String>,
}

/// A model that somebody brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct InferenceModel {
    /// Its name and version.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Where it was got.
    pub source: String,
    /// Its licence, an SPDX name.
    pub licence: String,
    /// The SHA-256 of its file.
    pub sha256: String,
    /// The bytes of its file.
    pub bytes: u64,
    /// When it was brought.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub added: Timestamp,
    /// By whom.
    pub by: String,
    /// Where it stands.
    pub stage: ModelStage,
    /// Why it is not ready.
    #[cfg_attr(feature = "schema", schema(required))]
    pub problem: Option<String>,
    /// Which engine runs it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub engine: Option<&'static str>,
    /// How far its golden vectors were off.
    #[cfg_attr(feature = "schema", schema(required))]
    pub distance: Option<f32>,
    /// Milliseconds of a run when it was checked.
    #[cfg_attr(feature = "schema", schema(required))]
    pub milliseconds: Option<f64>,
    /// How long a run may take.
    pub milliseconds_max: f64,
    /// What it may take of memory.
    pub memory_bytes_max: u64,
    /// How many streams it is fed from.
    pub streams: usize,
    /// Whether it can be bound to streams; one that cannot can be tried.
    pub is_bindable: bool,
    /// The labels of its answers, if they are labels.
    pub labels: Vec<String>,
    /// Its inputs.
    pub inputs: Vec<Port>,
    /// Its outputs.
    pub outputs: Vec<Port>,
    /// What happened with it since the start.
    #[serde(flatten)]
    pub runs: ModelRuns,
}

/// What somebody wants to try; one of the two.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// The values of each stream, the newest last.
    #[serde(default)]
    pub streams: Option<Vec<Vec<f32>>>,
    /// One tensor an input: `{"shape": [1, 2], "numbers": {"float": [0.5, 1.5]}}`, or `integer`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<Vec<Object>>))]
    pub tensors: Option<Vec<Tensor>>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TryAnswer {
    /// What it means: `{"values": [0.5]}`, or `{"label": ["calm", 0.9]}`, null when no label was likely enough.
    #[cfg_attr(feature = "schema", schema(value_type = Object))]
    pub answer: Answer,
    /// One tensor an output, when tensors were given.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Object>))]
    pub outputs: Vec<Tensor>,
    /// How long it took.
    pub milliseconds: f64,
}

/// All models. Lock order: `changing`, then `kept`.
pub(crate) struct Registry {
    blobs: Option<Blobs>,
    file_bytes_max: u64,
    make_engines: MakeEngines,
    budget: Arc<Budget>,
    clock: Arc<dyn Clock>,
    post: Arc<Post>,
    installing: Arc<AtomicUsize>,
    /// Held while the rows change, and the files with them.
    pub(super) changing: Mutex<()>,
    kept: RwLock<BTreeMap<String, Kept>>,
}

impl Registry {
    /// Goes on with the models that are written down; [`Registry::load_all`] makes them ready.
    pub(super) fn open(
        options: &InferenceOptions,
        rows: Vec<ModelRow>,
        clock: Arc<dyn Clock>,
        post: Arc<Post>,
    ) -> std::io::Result<Self> {
        let bytes_max = options.file_bytes_max;
        let blobs = options.models.as_ref().map(|folder| Blobs::open(folder, bytes_max)).transpose()?;
        let kept = rows.into_iter().map(|row| (row.id.clone(), Kept { row, manifest: None, stage: Stage::Loading }));
        let registry = Self {
            blobs,
            file_bytes_max: bytes_max,
            make_engines: Arc::clone(&options.engines),
            budget: Budget::new(options.cores),
            clock,
            post,
            installing: Arc::default(),
            changing: Mutex::default(),
            kept: RwLock::new(kept.collect()),
        };
        registry.tidy();
        Ok(registry)
    }

    /// Removes files that no model has.
    pub(super) fn tidy(&self) {
        let names = self
            .kept
            .read()
            .values()
            .flat_map(|kept| [kept.row.manifest.clone(), kept.row.file.clone()])
            .collect::<HashSet<_>>();
        if let Some(Err(error)) = self.blobs.as_ref().map(|blobs| blobs.keep_only(&names)) {
            tracing::warn!(%error, "files of models that are gone stay on the disk");
        }
    }

    /// Loads and checks every model that is written down. Takes its time.
    pub(super) fn load_all(&self) {
        let rows = self.rows();
        for row in rows {
            let loaded = self.load(&row);
            let mut kept = self.kept.write();
            let Some(kept) = kept.get_mut(&row.id) else { continue };
            match loaded {
                Ok((manifest, stage)) => (kept.manifest, kept.stage) = (Some(manifest), stage),
                Err(error) => {
                    tracing::error!(model = row.id, %error, "a model does not run");
                    kept.stage = Stage::Refused(error.to_string());
                }
            }
        }
    }

    fn load(&self, row: &ModelRow) -> Result<(Arc<Manifest>, Stage), InferenceError> {
        let blobs = self.blobs.as_ref().ok_or(InferenceError::NoFolder)?;
        let manifest = read_manifest(&blobs.get(&row.manifest)?)?;
        let file = blobs.get(&row.file)?;
        self.ready(manifest, file)
    }

    /// Checks a model and puts it to work.
    fn ready(&self, manifest: Manifest, file: Vec<u8>) -> Result<(Arc<Manifest>, Stage), InferenceError> {
        let id: Arc<str> = Arc::from(manifest.id());
        let model = self.install_within(manifest, file)?;
        let (manifest, post) = (Arc::new(model.manifest.clone()), Arc::clone(&self.post));
        let (engine, distance, run_us) = (model.engine, model.distance, model.run_us);
        let tell = Box::new(move |outcome| post.answer(&id, outcome));
        let worker = Arc::new(Worker::start(model, Arc::clone(&self.clock), Arc::clone(&self.budget), tell)?);
        Ok((manifest, Stage::Ready { worker, engine, distance, run_us }))
    }

    /// Checks a model on a thread of its own: one whose runs do not end costs that thread, and nothing else.
    fn install_within(&self, manifest: Manifest, file: Vec<u8>) -> Result<Installed, InferenceError> {
        if self.installing.fetch_add(1, Ordering::Relaxed) >= INSTALLS_MAX {
            self.installing.fetch_sub(1, Ordering::Relaxed);
            return Err(InferenceError::Busy(INSTALLS_MAX));
        }
        let name = manifest.name.clone();
        let (sender, installed) = sync_channel(1);
        let (make_engines, clock, installing) =
            (Arc::clone(&self.make_engines), Arc::clone(&self.clock), Arc::clone(&self.installing));
        let thread = std::thread::Builder::new().name("model-check".to_owned());
        thread.spawn(move || {
            let check = || install(manifest, &file, &make_engines(), &*clock);
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
            installing.fetch_sub(1, Ordering::Relaxed);
            // Nobody may wait for it any more.
            drop(sender.send(checked));
        })?;
        let seconds = INSTALL_WITHIN.as_secs();
        match installed.recv_timeout(INSTALL_WITHIN) {
            Ok(Ok(checked)) => Ok(checked?),
            Ok(Err(_panic)) => {
                let why = "it panicked while it was checked".to_owned();
                Err(learn::inference::ModelError::Failed { name, why }.into())
            }
            Err(_) => Err(InferenceError::NotInTime { name, seconds }),
        }
    }

    /// Takes a model in; `keep` writes all rows down.
    pub(super) fn add(
        &self,
        manifest: &[u8],
        file: Vec<u8>,
        by: &str,
        keep: impl FnOnce(&[ModelRow]) -> Result<(), crate::SiteError>,
    ) -> Result<String, crate::SiteError> {
        let blobs = self.blobs.as_ref().ok_or(InferenceError::NoFolder)?;
        let parsed = read_manifest(manifest)?;
        let id = parsed.id();
        self.has_room(&id)?;
        let (bytes, most) = (file.len() as u64, self.file_bytes_max);
        if bytes > most {
            return Err(InferenceError::FileTooLarge { bytes, most }.into());
        }
        let (checked, stage) = self.ready(parsed, file.clone())?;
        let _changing = self.changing.lock();
        self.has_room(&id)?;
        let row = ModelRow {
            id: id.clone(),
            manifest: blobs.put(manifest).map_err(InferenceError::File)?,
            file: blobs.put(&file).map_err(InferenceError::File)?,
            bytes,
            added: self.clock.now(),
            by: by.to_owned(),
        };
        let rows: Vec<ModelRow> = self.rows().into_iter().chain([row.clone()]).collect();
        keep(&rows)?;
        self.kept.write().insert(id.clone(), Kept { row, manifest: Some(checked), stage });
        Ok(id)
    }

    fn has_room(&self, id: &str) -> Result<(), InferenceError> {
        let kept = self.kept.read();
        if kept.contains_key(id) {
            return Err(InferenceError::Exists(id.to_owned()));
        }
        if kept.len() >= MODELS_MAX {
            return Err(InferenceError::Full { what: "models", count: MODELS_MAX });
        }
        Ok(())
    }

    /// Lets a model go. The caller holds [`Registry::changing`].
    pub(super) fn remove(
        &self,
        id: &str,
        keep: impl FnOnce(&[ModelRow]) -> Result<(), crate::SiteError>,
    ) -> Result<(), crate::SiteError> {
        let rows = self.rows();
        if !rows.iter().any(|row| row.id == id) {
            return Err(InferenceError::UnknownModel(id.to_owned()).into());
        }
        let rows: Vec<ModelRow> = rows.into_iter().filter(|row| row.id != id).collect();
        keep(&rows)?;
        self.kept.write().remove(id);
        self.tidy();
        Ok(())
    }

    fn rows(&self) -> Vec<ModelRow> {
        self.kept.read().values().map(|kept| kept.row.clone()).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.kept.read().len()
    }

    /// What a model says of itself, once it is loaded.
    pub(super) fn manifest(&self, id: &str) -> Option<Arc<Manifest>> {
        self.kept.read().get(id)?.manifest.clone()
    }

    /// Does something with a model at work.
    pub(super) fn with<T>(
        &self,
        id: &str,
        ask: impl FnOnce(&Manifest, &Arc<Worker>) -> T,
    ) -> Result<T, InferenceError> {
        let kept = self.kept.read();
        let model = kept.get(id).ok_or_else(|| InferenceError::UnknownModel(id.to_owned()))?;
        let not_ready = |why: &str| InferenceError::NotReady { id: id.to_owned(), why: why.to_owned() };
        match (&model.stage, &model.manifest) {
            (Stage::Ready { worker, .. }, Some(manifest)) => Ok(ask(manifest, worker)),
            (Stage::Refused(why), _) => Err(not_ready(why)),
            _ => Err(not_ready("it is being loaded")),
        }
    }

    /// Asks a model something.
    pub(super) fn ask(&self, id: &str, question: Question) -> Result<Tried, InferenceError> {
        // The lock is not held while the model thinks.
        let (worker, patience) = self.with(id, |manifest, worker| {
            (Arc::clone(worker), TRY_PATIENCE + Duration::from_micros(manifest.run_us_max))
        })?;
        Ok(worker.ask(question, patience)?)
    }

    /// Every model, in order of id.
    pub(super) fn all(&self) -> Vec<InferenceModel> {
        self.kept.read().values().map(shown).collect()
    }

    /// One model.
    pub(super) fn get(&self, id: &str) -> Result<InferenceModel, InferenceError> {
        self.kept.read().get(id).map(shown).ok_or_else(|| InferenceError::UnknownModel(id.to_owned()))
    }
}

fn read_manifest(bytes: &[u8]) -> Result<Manifest, InferenceError> {
    if bytes.len() > MANIFEST_BYTES_MAX {
        return Err(InferenceError::ManifestTooLarge(bytes.len()));
    }
    serde_json::from_slice(bytes).map_err(|error| InferenceError::Manifest(error.to_string()))
}

fn shown(kept: &Kept) -> InferenceModel {
    let Kept { row, manifest, stage } = kept;
    let counts =
        if let Stage::Ready { worker, .. } = stage { worker.counts() } else { learn::inference::Counts::default() };
    let milliseconds = |microseconds: f64| microseconds / 1_000.0;
    let (shown_stage, problem) = match (stage, counts.stuck_us) {
        (Stage::Loading, _) => (ModelStage::Loading, None),
        (Stage::Refused(why), _) => (ModelStage::Refused, Some(why.clone())),
        (Stage::Ready { .. }, Some(run_us)) => {
            let seconds = run_us as f64 / 1e6;
            (ModelStage::Stuck, Some(format!("it has been stuck in a run for {seconds:.1} s")))
        }
        (Stage::Ready { .. }, None) => (ModelStage::Ready, None),
    };
    let (engine, distance, run_us) = match stage {
        Stage::Ready { engine, distance, run_us, .. } => (Some(*engine), Some(*distance), Some(*run_us)),
        Stage::Loading | Stage::Refused(_) => (None, None, None),
    };
    let said = manifest.as_deref();
    let golden = said.and_then(|said| said.golden.first());
    let port = |name: &String, tensor: Option<&Tensor>, from| Port {
        name: name.clone(),
        shape: tensor.map(|tensor| tensor.shape.clone()).unwrap_or_default(),
        data_type: match tensor.map(|tensor| &tensor.numbers) {
            Some(Numbers::Integer(_)) => "integer",
            _ => "float",
        },
        from,
    };
    let inputs = said.map_or(&[][..], |said| &said.inputs).iter().enumerate();
    let outputs = said.map_or(&[][..], |said| &said.outputs).iter().enumerate();
    let text = |of: fn(&Manifest) -> &str| said.map(|said| of(said).to_owned()).unwrap_or_default();
    InferenceModel {
        id: row.id.clone(),
        name: said.map_or_else(|| row.id.clone(), |said| said.name.clone()),
        version: text(|said| &said.version),
        description: text(|said| &said.description),
        source: text(|said| &said.source),
        licence: text(|said| &said.licence),
        sha256: row.file.clone(),
        bytes: row.bytes,
        added: row.added,
        by: row.by.clone(),
        stage: shown_stage,
        problem,
        engine,
        distance,
        milliseconds: run_us.map(milliseconds),
        milliseconds_max: said.map_or(0.0, |said| milliseconds(said.run_us_max as f64)),
        memory_bytes_max: said.map_or(0, |said| said.memory_bytes_max),
        streams: said.map_or(0, Manifest::streams),
        is_bindable: said.is_some_and(Manifest::is_bindable),
        labels: match said.map(|said| &said.meaning) {
            Some(learn::inference::Meaning::Labels { labels, .. }) => labels.clone(),
            _ => Vec::new(),
        },
        inputs: inputs
            .map(|(at, input)| {
                let from = match input.from {
                    Source::Streams(_) => "streams",
                    Source::Fixed(_) => "fixed",
                    Source::Carried { .. } => "carried",
                    Source::Given => "given",
                };
                port(&input.name, golden.and_then(|golden| golden.inputs.get(at)), Some(from))
            })
            .collect(),
        outputs: outputs.map(|(at, name)| port(name, golden.and_then(|golden| golden.outputs.get(at)), None)).collect(),
        runs: ModelRuns {
            runs: counts.runs,
            milliseconds_mean: (counts.runs > 0).then(|| milliseconds(counts.run_us as f64 / counts.runs as f64)),
            milliseconds_most: milliseconds(counts.run_us_most as f64),
            failed: counts.failed,
            late: counts.late,
            refused: counts.refused,
            replaced: counts.replaced,
            last_error: counts.last_error,
        },
    }
}
