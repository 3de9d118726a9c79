//! The site: what it stands on, and how it goes on from where it stopped.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use connect::Adapter;
use model::{Clock, Position, ThingId, ThingModel, Timestamp};
use parking_lot::{Mutex, RwLock};
use serde::de::DeserializeOwned;
use store::state::{Row, StateError, Table};
use store::{History, Log, State};
use twin::{Checkpoint, CommandBook, Diagnostics, Registry, Spaces, Thing};

use crate::counters::Counters;
use crate::error::SiteError;
use crate::fold::Fold;
use crate::guard::Guard;
use crate::inference::Inference;
use crate::live::Hub;
use crate::maintenance::RetentionSettings;
use crate::mind::Mind;
use crate::options::Options;
use crate::overview::Overview;
use crate::plans::Plans;
use crate::publish::Publish;
use crate::rules::Rules;
use crate::running::Links;
use crate::things::Things;

/// How many rows are read at a time when the site opens.
const ROWS_PER_READ: usize = 4_096;

/// Makes a set of adapters that know nothing yet, in the order in which they are asked. Called once for the fold, and
/// again whenever old entries are decoded to be shown.
pub type MakeAdapters = Arc<dyn Fn() -> Vec<Box<dyn Adapter>> + Send + Sync>;

/// What a site stands on.
pub struct Parts {
    /// Everything that was said.
    pub log: Arc<dyn Log>,
    /// Time series.
    pub history: Arc<dyn History>,
    /// Rows.
    pub state: Arc<dyn State>,
    /// The protocols.
    pub adapters: MakeAdapters,
    /// What every command has to pass.
    pub guards: Vec<Box<dyn Guard>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What can be set.
    pub options: Options,
}

/// The adapters of the fold.
pub(crate) struct Adapters {
    pub(crate) list: Vec<Box<dyn Adapter>>,
    /// Their names, shared by the rows of their things.
    pub(crate) names: Vec<Arc<str>>,
    /// The revision of each that is written down.
    pub(crate) saved: Vec<Option<u64>>,
}

/// The running fold, and everything that it knows. Opened once; shared by all who ask.
pub struct Site {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) state: Arc<dyn State>,
    pub(crate) make_adapters: MakeAdapters,
    pub(crate) guards: Vec<Box<dyn Guard>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    /// Lock order: `keeping`, `fold`, `adapters`, `things`; each may be taken alone.
    pub(crate) keeping: Mutex<()>,
    pub(crate) fold: Mutex<Fold>,
    pub(crate) adapters: Mutex<Adapters>,
    pub(crate) things: RwLock<Things>,
    pub(crate) models: RwLock<BTreeMap<String, Arc<ThingModel>>>,
    pub(crate) live: Hub,
    pub(crate) counters: Counters,
    pub(crate) publisher: OnceLock<Arc<dyn Publish>>,
    pub(crate) links: Mutex<Links>,
    pub(crate) retention: RwLock<RetentionSettings>,
    pub(crate) overview: Mutex<Option<Arc<Overview>>>,
    pub(crate) commands_made: AtomicU64,
    pub(crate) mind: Mind,
    pub(crate) inference: Inference,
    pub(crate) rules: Rules,
    pub(crate) plans: Plans,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("applied", &self.applied()).finish_non_exhaustive()
    }
}

impl Site {
    /// Goes on from what the state holds, or starts a new site. Reads the state, not the log: what has come since the
    /// last checkpoint is folded by [`Site::start`] or [`Site::turn`].
    pub fn open(parts: Parts) -> Result<Arc<Self>, SiteError> {
        let now = parts.clock.now();
        let state = &*parts.state;
        let applied: Position = setting(state, FOLD_SETTING)?.unwrap_or_default();
        let things = Things {
            registry: restore_registry(state, &parts.options)?,
            spaces: restore_spaces(state, &parts.options, now)?,
            commands: CommandBook::restore(documents(state, Table::Command)?),
            event_series: std::collections::HashMap::default(),
            diagnostics: Diagnostics::default(),
            applied,
        };
        let models: Vec<ThingModel> = documents(state, Table::Model)?;
        let retention = setting(state, RETENTION_SETTING)?.unwrap_or_default();
        let adapters = restore_adapters(state, &parts.adapters)?;
        let rules = Rules::open(state, &parts.options.place)?;
        let from = applied.min(parts.history.applied());
        let from = rules.goes_on_after(from).map_or(from, |rules| from.min(rules));
        let plans = Plans::open(state)?;
        let mind = Mind::open(state, &*parts.clock, &parts.options.mind)?;
        let past = parts.log.bounds().durable;
        let inference = Inference::open(state, &parts.clock, &parts.options.inference, past)?;
        let site = Arc::new(Self {
            live: Hub::new(parts.options.live_records, applied),
            fold: Mutex::new(Fold::starting_after(from, parts.history.applied(), now)),
            adapters: Mutex::new(adapters),
            things: RwLock::new(things),
            models: RwLock::new(models.into_iter().map(|model| (model.id.clone(), Arc::new(model))).collect()),
            log: parts.log,
            history: parts.history,
            state: parts.state,
            make_adapters: parts.adapters,
            guards: parts.guards,
            clock: parts.clock,
            options: parts.options,
            keeping: Mutex::default(),
            counters: Counters::default(),
            publisher: OnceLock::new(),
            links: Mutex::default(),
            retention: RwLock::new(retention),
            overview: Mutex::default(),
            commands_made: AtomicU64::new(0),
            mind,
            inference,
            rules,
            plans,
        });
        site.restore_rules();
        Ok(site)
    }

    /// Everything up to here has been folded in.
    pub fn applied(&self) -> Position {
        self.things.read().applied
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.options
    }
}

/// The setting in which the fold's position is kept.
pub(crate) const FOLD_SETTING: &str = "site.fold";

/// The setting in which retention is kept.
pub(crate) const RETENTION_SETTING: &str = "site.retention";

pub(crate) fn setting<T: DeserializeOwned>(state: &dyn State, name: &str) -> Result<Option<T>, StateError> {
    state.get(Table::Setting, name)?.map(|row| row.parse(Table::Setting)).transpose()
}

/// Calls `each` with every row of a table.
pub(crate) fn each_row(
    state: &dyn State,
    table: Table,
    mut each: impl FnMut(Row) -> Result<(), StateError>,
) -> Result<(), StateError> {
    let mut after: Option<String> = None;
    loop {
        let rows = state.list(table, None, after.as_deref(), ROWS_PER_READ)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id.clone());
        rows.into_iter().try_for_each(&mut each)?;
    }
}

fn documents<T: DeserializeOwned>(state: &dyn State, table: Table) -> Result<Vec<T>, StateError> {
    let mut documents = Vec::new();
    each_row(state, table, |row| {
        documents.push(row.parse(table)?);
        Ok(())
    })?;
    Ok(documents)
}

fn restore_registry(state: &dyn State, options: &Options) -> Result<Registry, StateError> {
    let mut registry = Registry::new(options.registry);
    // Both tables are in order of id, so one pass over each is enough, and only one page of each is in memory.
    let mut after: Option<String> = None;
    loop {
        let things = state.list(Table::Thing, None, after.as_deref(), ROWS_PER_READ)?;
        let Some(last) = things.last() else { return Ok(registry) };
        let mut twins: BTreeMap<String, Row> = BTreeMap::new();
        let mut twin_after = after.clone();
        while twin_after.as_deref().is_none_or(|twin_after| twin_after < last.id.as_str()) {
            let rows = state.list(Table::Twin, None, twin_after.as_deref(), ROWS_PER_READ)?;
            let Some(last_twin) = rows.last() else { break };
            twin_after = Some(last_twin.id.clone());
            twins.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        }
        after = Some(last.id.clone());
        for row in &things {
            let thing: Thing = row.parse(Table::Thing)?;
            let checkpoint: Option<Checkpoint> = twins.get(&row.id).map(|twin| twin.parse(Table::Twin)).transpose()?;
            registry.restore(thing, checkpoint);
        }
    }
}

fn restore_spaces(state: &dyn State, options: &Options, now: Timestamp) -> Result<Spaces, StateError> {
    if let Some(spaces) = Spaces::restore(documents(state, Table::Space)?) {
        return Ok(spaces);
    }
    let spaces = Spaces::new(options.root_space.clone(), options.title.clone());
    let root = spaces.root();
    let change = store::state::Change::put(Table::Space, root.space.id.to_string(), None, root);
    state.commit(vec![change], now)?;
    Ok(spaces)
}

fn restore_adapters(state: &dyn State, make: &MakeAdapters) -> Result<Adapters, StateError> {
    let mut list = make();
    let mut saved = Vec::with_capacity(list.len());
    for adapter in &mut list {
        if let Some(row) = state.get(Table::Adapter, adapter.name())? {
            adapter.restore(row.parse(Table::Adapter)?);
            saved.push(Some(adapter.revision()));
        } else {
            saved.push(None);
        }
    }
    let names = list.iter().map(|adapter| Arc::from(adapter.name())).collect();
    Ok(Adapters { list, names, saved })
}

impl Site {
    /// A second set of adapters that knows what the fold's adapters know: for decoding old entries, and for questions
    /// that take long.
    pub(crate) fn fresh_adapters(&self) -> Vec<Box<dyn Adapter>> {
        let mut fresh = (self.make_adapters)();
        let states: Vec<serde_json::Value> = self.adapters.lock().list.iter().map(|adapter| adapter.save()).collect();
        for (adapter, state) in fresh.iter_mut().zip(states) {
            adapter.restore(state);
        }
        fresh
    }

    /// Asks the adapter that speaks for a thing.
    pub(crate) fn with_adapter<T>(
        &self,
        name: &str,
        thing: &ThingId,
        ask: impl FnOnce(&mut dyn Adapter) -> T,
    ) -> Result<T, SiteError> {
        let mut adapters = self.adapters.lock();
        match adapters.list.iter_mut().find(|adapter| adapter.name() == name) {
            Some(adapter) => Ok(ask(&mut **adapter)),
            None => Err(SiteError::NoAdapter { thing: thing.clone(), adapter: name.to_owned() }),
        }
    }
}
