//! The book of runs and plans: what was asked, what waits, what works, what came of it.

mod recording;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use model::{Clock, Timestamp};
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::State;
use store::state::{Change, StateError, Table};

use super::domain::{Complaint, Domain};
use super::kpi::{Better, Kpis, Summary};
use super::mode::Mode;
use super::scenario::{SCENARIO_BYTES_MAX, Scenario};
use super::search::{Found, Plan, PlanRequest};

pub use recording::{Frame, RECORDING_BYTES_MAX};

/// The most runs and plans that wait; more are refused.
pub const WAITING_MAX: usize = 64;
/// The most runs and plans that are kept, each; the oldest that is over and not live goes first.
pub const KEPT_MAX: usize = 1_000;

/// Where a run or plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It waits for its turn.
    Waiting,
    /// It is being worked on.
    Running,
    /// It went through.
    Finished,
    /// It could not go through.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl RunState {
    /// Whether nothing more will come.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Cancelled)
    }
}

/// What one seed came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SeedOutcome {
    /// Which.
    pub seed: u64,
    /// Its figures.
    pub kpis: Kpis,
    /// The digest of everything that happened, in hexadecimal.
    pub trace: String,
}

/// What a repetition shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Repeats {
    /// Which run is repeated.
    pub run: String,
    /// Whether every trace was the same; unknown until it is over.
    pub same: Option<bool>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Run {
    /// Unique; ids of later runs sort behind.
    pub id: String,
    /// In which mode.
    pub mode: Mode,
    /// Of what.
    pub scenario: Scenario,
    /// Where it stands.
    pub state: RunState,
    /// The part that is done, from 0 to 1.
    pub progress: f64,
    /// When it was asked for.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub created: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was over.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>))]
    pub finished: Option<Timestamp>,
    /// The figures over all seeds.
    pub kpis: BTreeMap<String, Summary>,
    /// Each seed.
    pub outcomes: Vec<SeedOutcome>,
    /// What a person should know, each once.
    pub findings: Vec<String>,
    /// Why it failed.
    pub problem: Option<String>,
    /// The run that this one repeats.
    pub repeats: Option<Repeats>,
    /// How many frames of its first seed were kept.
    pub frames: usize,
}

/// A plan with what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanRun {
    /// Unique; ids of later plans sort behind.
    pub id: String,
    /// What was asked.
    pub request: PlanRequest,
    /// Where it stands.
    pub state: RunState,
    /// The part that is done, from 0 to 1.
    pub progress: f64,
    /// When it was asked for.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub created: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was over.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>))]
    pub finished: Option<Timestamp>,
    /// What it found.
    pub found: Option<Found>,
    /// Why it failed.
    pub problem: Option<String>,
}

/// A figure of two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// Which figure.
    pub name: String,
    /// Over all seeds of the first.
    pub first: Summary,
    /// Over all seeds of the second.
    pub second: Summary,
    /// Second minus first, pair by pair, over the seeds that both have.
    pub difference: Option<Summary>,
    /// Whether the second is better; `None` when nobody can tell.
    pub second_is_better: Option<bool>,
}

/// Why the book did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such domain.
    #[error("there is no domain {0:?}")]
    UnknownDomain(String),
    /// There is no such run or plan.
    #[error("there is no run {0}")]
    Unknown(String),
    /// The domain has no such operation.
    #[error("{0} has no operation {1:?}")]
    UnknownOperation(&'static str, String),
    /// The scenario cannot be simulated.
    #[error("{}", complained(.0))]
    Complaints(Vec<Complaint>),
    /// Too much waits.
    #[error("{WAITING_MAX} runs wait already\nhint: wait until some are over, or cancel them")]
    Busy,
    /// It is not over.
    #[error("{0} is not over yet")]
    NotOver(String),
    /// It did not go through, so that it shows nothing.
    #[error("{0} did not finish\nhint: promote a run that did, or force it as an owner")]
    NothingToShow(String),
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
}

fn complained(complaints: &[Complaint]) -> String {
    let lines: Vec<String> = complaints.iter().map(|one| format!("{}: {}", one.place, one.problem)).collect();
    lines.join("\n")
}

/// Something to be done.
#[derive(Debug, Clone)]
enum Work {
    Run(String),
    Plan(String),
}

impl Work {
    fn id(&self) -> &str {
        let (Self::Run(id) | Self::Plan(id)) = self;
        id
    }
}

/// How far something is, and whether it shall go on.
#[derive(Debug, Default)]
struct Progress {
    /// In millionths.
    done: AtomicU64,
    cancelled: AtomicBool,
}

/// All runs and plans of a site.
pub struct RunBook {
    pub(super) state: Arc<dyn State>,
    pub(super) clock: Arc<dyn Clock>,
    domains: BTreeMap<&'static str, Arc<dyn Domain>>,
    threads: usize,
    waiting: Mutex<VecDeque<(Work, Arc<Progress>)>>,
    /// What is being worked on, and what waits, by id.
    progress: Mutex<BTreeMap<String, Arc<Progress>>>,
    came: Condvar,
    closing: AtomicBool,
    last_id: AtomicI64,
}

impl std::fmt::Debug for RunBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunBook").field("domains", &self.domains.keys()).finish_non_exhaustive()
    }
}

impl RunBook {
    /// Opens the book. What was not over when the program ended has failed. `threads` simulate at the same time.
    pub fn open(
        state: Arc<dyn State>,
        clock: Arc<dyn Clock>,
        domains: Vec<Arc<dyn Domain>>,
        threads: usize,
    ) -> Result<Arc<Self>, StateError> {
        let domains = domains.into_iter().map(|domain| (domain.description().name, domain)).collect();
        let book = Self {
            state,
            clock,
            domains,
            threads,
            waiting: Mutex::default(),
            progress: Mutex::default(),
            came: Condvar::new(),
            closing: AtomicBool::new(false),
            last_id: AtomicI64::new(0),
        };
        book.end_what_was_cut_off()?;
        Ok(Arc::new(book))
    }

    /// Everything that can be simulated.
    pub fn domains(&self) -> impl Iterator<Item = &Arc<dyn Domain>> {
        self.domains.values()
    }

    /// One domain.
    pub fn domain(&self, name: &str) -> Result<&Arc<dyn Domain>, RunError> {
        self.domains.get(name).ok_or_else(|| RunError::UnknownDomain(name.to_owned()))
    }

    /// Has a domain answer a question.
    pub fn operate(&self, domain: &str, name: &str, input: Json) -> Result<Json, RunError> {
        let domain = self.domain(domain)?;
        if !domain.operations().iter().any(|operation| operation.name == name) {
            return Err(RunError::UnknownOperation(domain.description().name, name.to_owned()));
        }
        domain.operate(name, input).map_err(RunError::Complaints)
    }

    /// Asks for a simulation. It waits for its turn; see [`RunBook::run`] for how it does.
    pub fn simulate(&self, scenario: Scenario, by: &str) -> Result<Run, RunError> {
        self.enter_run(scenario, by, None)
    }

    /// Asks for a run again, to see that every trace is the same.
    pub fn repeat(&self, id: &str, by: &str) -> Result<Run, RunError> {
        let run = self.run(id)?;
        if run.state != RunState::Finished {
            return Err(RunError::NothingToShow(id.to_owned()));
        }
        self.enter_run(run.scenario, by, Some(Repeats { run: run.id, same: None }))
    }

    fn enter_run(&self, scenario: Scenario, by: &str, repeats: Option<Repeats>) -> Result<Run, RunError> {
        self.check(&scenario)?;
        let run = Run {
            id: self.next_id("run"),
            mode: Mode::Simulate,
            scenario,
            state: RunState::Waiting,
            progress: 0.0,
            created: self.clock.now(),
            created_by: by.to_owned(),
            finished: None,
            kpis: BTreeMap::new(),
            outcomes: Vec::new(),
            findings: Vec::new(),
            problem: None,
            repeats,
            frames: 0,
        };
        self.enqueue(Work::Run(run.id.clone()), || self.keep_run(&run))?;
        self.forget_old(Table::Run)?;
        Ok(run)
    }

    /// Asks for a search over candidates.
    pub fn plan(&self, mut request: PlanRequest, by: &str) -> Result<PlanRun, RunError> {
        self.check(&request.base)?;
        let kpis = self.domain(&request.base.domain)?.description().kpis;
        if request.objective.is_empty() {
            kpis.first().map_or("", |kpi| kpi.name).clone_into(&mut request.objective);
        }
        if !kpis.iter().any(|kpi| kpi.name == request.objective) {
            let names: Vec<&str> = kpis.iter().map(|kpi| kpi.name).collect();
            let problem = format!("there is no figure {:?}", request.objective);
            let complaint =
                Complaint { place: "/objective".into(), problem, hint: format!("one of {}", names.join(", ")) };
            return Err(RunError::Complaints(vec![complaint]));
        }
        let laid_out = self.lay_out(&request)?;
        for candidate in laid_out.candidates() {
            if let Ok(scenario) = laid_out.scenario(candidate) {
                self.check(&scenario)?;
            }
        }
        let plan = PlanRun {
            id: self.next_id("plan"),
            request,
            state: RunState::Waiting,
            progress: 0.0,
            created: self.clock.now(),
            created_by: by.to_owned(),
            finished: None,
            found: None,
            problem: None,
        };
        self.enqueue(Work::Plan(plan.id.clone()), || self.keep_plan(&plan))?;
        self.forget_old(Table::Plan)?;
        Ok(plan)
    }

    fn lay_out(&self, request: &PlanRequest) -> Result<Plan, RunError> {
        let kpis = self.domain(&request.base.domain)?.description().kpis;
        let better = kpis.iter().find(|kpi| kpi.name == request.objective).map_or(Better::Neither, |kpi| kpi.better);
        Plan::new(request, &request.objective, better).map_err(RunError::Complaints)
    }

    /// What is wrong with a scenario is said before anything is begun.
    fn check(&self, scenario: &Scenario) -> Result<(), RunError> {
        let domain = self.domain(&scenario.domain)?;
        let mut complaints = scenario.complaints();
        let bytes = serde_json::to_vec(scenario).map_or(usize::MAX, |json| json.len());
        if bytes > SCENARIO_BYTES_MAX {
            let problem = format!("{bytes} bytes are more than {SCENARIO_BYTES_MAX}");
            complaints.push(Complaint { place: String::new(), problem, hint: String::new() });
        }
        if complaints.is_empty() {
            complaints = domain.check(scenario);
        }
        if complaints.is_empty() { Ok(()) } else { Err(RunError::Complaints(complaints)) }
    }

    fn enqueue(&self, work: Work, keep: impl FnOnce() -> Result<(), StateError>) -> Result<(), RunError> {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= WAITING_MAX {
            return Err(RunError::Busy);
        }
        keep()?;
        let progress = Arc::new(Progress::default());
        self.progress.lock().insert(work.id().to_owned(), Arc::clone(&progress));
        waiting.push_back((work, progress));
        self.came.notify_one();
        Ok(())
    }

    /// One run, with how far it is.
    pub fn run(&self, id: &str) -> Result<Run, RunError> {
        let row = self.state.get(Table::Run, id)?.ok_or_else(|| RunError::Unknown(id.to_owned()))?;
        let mut run: Run = row.parse(Table::Run)?;
        run.progress = self.progress_of(id, run.progress);
        Ok(run)
    }

    /// One plan, with how far it is.
    pub fn plan_run(&self, id: &str) -> Result<PlanRun, RunError> {
        let row = self.state.get(Table::Plan, id)?.ok_or_else(|| RunError::Unknown(id.to_owned()))?;
        let mut plan: PlanRun = row.parse(Table::Plan)?;
        plan.progress = self.progress_of(id, plan.progress);
        Ok(plan)
    }

    /// All runs, the newest first.
    pub fn runs(&self) -> Result<Vec<Run>, RunError> {
        let mut runs: Vec<Run> = self.documents(Table::Run)?;
        runs.iter_mut().for_each(|run| run.progress = self.progress_of(&run.id, run.progress));
        Ok(runs)
    }

    /// All plans, the newest first.
    pub fn plans(&self) -> Result<Vec<PlanRun>, RunError> {
        let mut plans: Vec<PlanRun> = self.documents(Table::Plan)?;
        plans.iter_mut().for_each(|plan| plan.progress = self.progress_of(&plan.id, plan.progress));
        Ok(plans)
    }

    /// The recorded frames of a run's first seed, in the order of time.
    pub fn frames(&self, id: &str) -> Result<Vec<Frame>, RunError> {
        self.run(id)?;
        Ok(recording::load(&*self.state, id)?)
    }

    /// Stops a run or plan that is not over.
    pub fn cancel(&self, id: &str) -> Result<(), RunError> {
        match self.progress.lock().get(id) {
            Some(progress) => progress.cancelled.store(true, Ordering::Relaxed),
            None => return Err(RunError::Unknown(id.to_owned())),
        }
        Ok(())
    }

    /// Removes a run that is over, with its recording.
    pub fn remove(&self, id: &str) -> Result<(), RunError> {
        if !self.run(id)?.state.is_over() {
            return Err(RunError::NotOver(id.to_owned()));
        }
        let recording = Change::DeleteKey { table: Table::Recording, key: id.to_owned() };
        self.state.commit(vec![Change::delete(Table::Run, id), recording], self.clock.now())?;
        Ok(())
    }

    /// Removes a plan that is over.
    pub fn remove_plan(&self, id: &str) -> Result<(), RunError> {
        if !self.plan_run(id)?.state.is_over() {
            return Err(RunError::NotOver(id.to_owned()));
        }
        self.state.commit(vec![Change::delete(Table::Plan, id)], self.clock.now())?;
        Ok(())
    }

    /// Sets two finished runs side by side.
    pub fn compare(&self, first: &str, second: &str) -> Result<Vec<Comparison>, RunError> {
        let (first, second) = (self.run(first)?, self.run(second)?);
        let described = self.domain(&first.scenario.domain)?.description().kpis;
        let of_both = |name: &String| Some((first.kpis.get(name)?, second.kpis.get(name)?));
        let comparisons = first.kpis.keys().filter_map(|name| {
            let (one, other) = of_both(name)?;
            let difference = Summary::of(&paired(&first, &second, name));
            let better = described.iter().find(|kpi| kpi.name == name).map_or(Better::Neither, |kpi| kpi.better);
            let second_is_better = difference.filter(Summary::is_sure).and_then(|difference| match better {
                Better::Higher => Some(difference.mean > 0.0),
                Better::Lower => Some(difference.mean < 0.0),
                Better::Neither => None,
            });
            Some(Comparison { name: name.clone(), first: *one, second: *other, difference, second_is_better })
        });
        Ok(comparisons.collect())
    }

    /// Ends the workers; what works is cut off, and says so when the book is opened again.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.progress.lock().values().for_each(|progress| progress.cancelled.store(true, Ordering::Relaxed));
        self.came.notify_all();
    }

    fn progress_of(&self, id: &str, stored: f64) -> f64 {
        let progress = self.progress.lock();
        progress.get(id).map_or(stored, |progress| progress.done.load(Ordering::Relaxed) as f64 / 1e6)
    }

    /// Sorts by time, and never twice the same.
    fn next_id(&self, kind: &str) -> String {
        let now = self.clock.now().0;
        let last = self.last_id.fetch_max(now, Ordering::Relaxed);
        let id = if last >= now { self.last_id.fetch_add(1, Ordering::Relaxed) + 1 } else { now };
        format!("{kind}-{id:014x}")
    }

    fn keep_run(&self, run: &Run) -> Result<(), StateError> {
        let change = Change::put(Table::Run, run.id.clone(), Some(run.scenario.domain.clone()), run);
        self.state.commit(vec![change], self.clock.now()).map(drop)
    }

    fn keep_plan(&self, plan: &PlanRun) -> Result<(), StateError> {
        let change = Change::put(Table::Plan, plan.id.clone(), Some(plan.request.base.domain.clone()), plan);
        self.state.commit(vec![change], self.clock.now()).map(drop)
    }

    /// The newest first.
    fn documents<T: serde::de::DeserializeOwned>(&self, table: Table) -> Result<Vec<T>, StateError> {
        let rows = self.state.list(table, None, None, KEPT_MAX + WAITING_MAX + 1)?;
        rows.iter().rev().map(|row| row.parse(table)).collect()
    }

    /// Ids sort by time, so the first rows are the oldest.
    fn forget_old(&self, table: Table) -> Result<(), RunError> {
        let count = usize::try_from(self.state.count(table, None)?).unwrap_or(usize::MAX);
        let surplus = count.saturating_sub(KEPT_MAX);
        if surplus == 0 {
            return Ok(());
        }
        let live = self.live_runs()?;
        let busy = self.progress.lock();
        let old = self.state.list(table, None, None, surplus + live.len() + busy.len())?;
        let gone = old.into_iter().filter(|row| !live.contains(&row.id) && !busy.contains_key(&row.id)).take(surplus);
        let changes = gone.flat_map(|row| {
            let recording = Change::DeleteKey { table: Table::Recording, key: row.id.clone() };
            [Change::delete(table, row.id), recording]
        });
        self.state.commit(changes.collect(), self.clock.now())?;
        Ok(())
    }

    fn end_what_was_cut_off(&self) -> Result<(), StateError> {
        const CUT_OFF: &str = "the program ended before it was over";
        for mut run in self.documents::<Run>(Table::Run)?.into_iter().filter(|run| !run.state.is_over()) {
            (run.state, run.problem, run.finished) = (RunState::Failed, Some(CUT_OFF.into()), Some(self.clock.now()));
            self.keep_run(&run)?;
        }
        for mut plan in self.documents::<PlanRun>(Table::Plan)?.into_iter().filter(|plan| !plan.state.is_over()) {
            (plan.state, plan.problem) = (RunState::Failed, Some(CUT_OFF.into()));
            plan.finished = Some(self.clock.now());
            self.keep_plan(&plan)?;
        }
        Ok(())
    }
}

/// Second minus first of a figure, for the seeds that both have.
fn paired(first: &Run, second: &Run, name: &str) -> Vec<f64> {
    let figure = |run: &Run, seed: u64| run.outcomes.iter().find(|one| one.seed == seed)?.kpis.get(name).copied();
    let seeds = first.outcomes.iter().map(|outcome| outcome.seed);
    seeds.filter_map(|seed| Some(figure(second, seed)? - figure(first, seed)?)).collect()
}

/// How long a worker sleeps at most before it looks whether it shall end.
const LOOK: Duration = Duration::from_millis(200);
