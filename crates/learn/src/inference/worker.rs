//! Runs a model beside everything else: whoever has values leaves them and goes on.
//!
//! Each model has one thread. Each of those who use it has one place for values, and they take turns: newer values take
//! the place of those that still wait, since what matters is now. A place whose runs are too slow or fail again and again
//! is suspended for a while, longer each time, and values that are left there meanwhile cost what it costs to refuse
//! them. A model that is stuck in a run holds up nobody but its own places.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use model::{Clock, Position, Timestamp};
use parking_lot::{Condvar, Mutex};

use super::install::{Carried, Installed, ModelError};
use super::process::Answer;
use super::tensor::Tensor;

/// A run that takes so many times its limit is not going to end.
const STUCK_FACTOR: u64 = 10;
/// A place is suspended after so many runs in a row that failed or took too long,
const FAULTS_MAX: u32 = 3;
/// first for so long,
const PAUSE_FIRST: Duration = Duration::from_mins(1);
/// then twice as long each time, and at most so long.
const PAUSE_MAX: Duration = Duration::from_hours(1);
/// Questions of people that wait for one model; further ones are refused.
const QUESTIONS_MAX: usize = 4;
/// A thread that has used up its part of the machine rests at most so long at a time.
const REST_MAX: Duration = Duration::from_secs(1);

/// The part of the machine that models may use together. Those that run have equal parts.
#[derive(Debug)]
pub struct Budget {
    cores: f64,
    workers: AtomicUsize,
}

impl Budget {
    /// So many cores for all models together.
    pub fn new(cores: f64) -> Arc<Self> {
        Arc::new(Self { cores, workers: AtomicUsize::new(0) })
    }

    /// How long to rest after a run, so that the part is kept.
    fn rest(&self, run_us: u64) -> Duration {
        let share = self.cores / self.workers.load(Ordering::Relaxed).max(1) as f64;
        let rest = if share >= 1.0 { 0.0 } else { run_us as f64 * (1.0 / share.max(1e-3) - 1.0) };
        Duration::from_micros(rest as u64).min(REST_MAX)
    }
}

/// Values for a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Whose place.
    pub place: u64,
    /// The number that the place gave it.
    pub number: u64,
    /// The moment that the values belong to.
    pub time: Timestamp,
    /// The entry that led to it.
    pub position: Position,
    /// The latest values of each stream.
    pub streams: Vec<Vec<f32>>,
}

/// What became of a job that was run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whose place.
    pub place: u64,
    /// The number of the job.
    pub number: u64,
    /// The moment that the values belong to.
    pub time: Timestamp,
    /// The entry that led to it.
    pub position: Position,
    /// What the model says, or why it does not.
    pub answer: Result<Answer, ModelError>,
    /// How long it took.
    pub run_us: u64,
    /// Whether that was longer than it may.
    pub is_late: bool,
}

/// What somebody wants to try.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// The values of each stream, as from a binding that was just made.
    Streams(Vec<Vec<f32>>),
    /// One tensor an input.
    Tensors(Vec<Tensor>),
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// What it means.
    pub answer: Answer,
    /// One tensor an output; empty for streams.
    pub outputs: Vec<Tensor>,
    /// How long it took.
    pub run_us: u64,
}

/// Counts of what happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Runs that ended.
    pub runs: u64,
    /// Values that newer ones took the place of.
    pub replaced: u64,
    /// Values that were not taken, because their place is suspended or the model is stuck.
    pub refused: u64,
    /// Runs that took too long.
    pub late: u64,
    /// Runs without an answer.
    pub failed: u64,
    /// Microseconds of all runs.
    pub run_us: u64,
    /// Microseconds of the longest run.
    pub run_us_most: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// For so long it has been stuck in a run.
    pub stuck_us: Option<u64>,
}

/// Why values were not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The model failed or was late too often with the values of this place.
    #[error(
        "it is suspended until {until} after {FAULTS_MAX} failures in a row\nhint: bind it anew, or bring another model"
    )]
    Suspended {
        /// Until when.
        until: Timestamp,
    },
    /// The run that is going on has long passed its limit.
    #[error("the model is stuck in a run of {run_us} us")]
    Stuck {
        /// How long it has been running.
        run_us: u64,
    },
    /// Too many questions wait.
    #[error("{QUESTIONS_MAX} questions wait for the model already")]
    Busy,
    /// No answer came in time.
    #[error("no answer came within {0:?}")]
    NoAnswer(Duration),
    /// The model does not like the question.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// What belongs to one of those who use the model.
#[derive(Default)]
struct Place {
    waiting: Option<Job>,
    carried: Carried,
    faults: u32,
    pause: Duration,
    suspended: Option<Timestamp>,
}

#[derive(Default)]
struct Desk {
    places: BTreeMap<u64, Place>,
    /// Places whose values wait, in the order of their turns.
    turns: VecDeque<u64>,
    questions: VecDeque<(Question, SyncSender<Result<Tried, ModelError>>)>,
    /// When the run that is going on began.
    began: Option<Timestamp>,
    counts: Counts,
    is_over: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    came: Condvar,
    clock: Arc<dyn Clock>,
    run_us_max: u64,
}

/// Who is told what came of a job, on the model's thread: it must be quick.
pub type Tell = Box<dyn Fn(Outcome) + Send>;

/// A model at work.
pub struct Worker {
    shared: Arc<Shared>,
    budget: Arc<Budget>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// What the thread does next.
enum Turn {
    Job(Job, Carried),
    Question(Question, SyncSender<Result<Tried, ModelError>>),
    End,
}

impl Worker {
    /// Starts a thread for a model.
    pub fn start(model: Installed, clock: Arc<dyn Clock>, budget: Arc<Budget>, tell: Tell) -> std::io::Result<Self> {
        let run_us_max = model.manifest.run_us_max;
        let shared = Arc::new(Shared { desk: Mutex::default(), came: Condvar::new(), clock, run_us_max });
        let (thread, part) = (Arc::clone(&shared), Arc::clone(&budget));
        std::thread::Builder::new().name("model".to_owned()).spawn(move || {
            let model = &model;
            model.at_work(Box::new(move || thread.work(model, &part, &tell)));
        })?;
        budget.workers.fetch_add(1, Ordering::Relaxed);
        Ok(Self { shared, budget })
    }

    /// Leaves values for the model, in the place of those that still wait there. Never waits for the model.
    pub fn offer(&self, job: Job) -> Result<(), Refused> {
        let now = self.shared.clock.now();
        let mut desk = self.shared.desk.lock();
        let desk = &mut *desk;
        let stuck = self.shared.stuck_us(desk, now);
        let place = desk.places.entry(job.place).or_default();
        let suspended = place.suspended.filter(|until| now < *until);
        let refused = suspended.map(|until| Refused::Suspended { until });
        let refused = refused.or(stuck.map(|run_us| Refused::Stuck { run_us }));
        if let Some(refused) = refused {
            desk.counts.refused += 1;
            return Err(refused);
        }
        let number = job.place;
        if place.waiting.replace(job).is_some() {
            desk.counts.replaced += 1;
        } else {
            desk.turns.push_back(number);
        }
        self.shared.came.notify_one();
        Ok(())
    }

    /// Asks the model something and waits for the answer, at most so long.
    pub fn ask(&self, question: Question, patience: Duration) -> Result<Tried, Refused> {
        let (sender, answer) = sync_channel(1);
        {
            let now = self.shared.clock.now();
            let mut desk = self.shared.desk.lock();
            if let Some(run_us) = self.shared.stuck_us(&desk, now) {
                return Err(Refused::Stuck { run_us });
            }
            if desk.questions.len() >= QUESTIONS_MAX {
                return Err(Refused::Busy);
            }
            desk.questions.push_back((question, sender));
        }
        self.shared.came.notify_one();
        match answer.recv_timeout(patience) {
            Ok(answer) => Ok(answer?),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(Refused::NoAnswer(patience)),
        }
    }

    /// Forgets a place: what waits there, what was carried, and that it was suspended.
    pub fn forget(&self, place: u64) {
        let mut desk = self.shared.desk.lock();
        desk.places.remove(&place);
        desk.turns.retain(|turn| *turn != place);
    }

    /// Until when a place is suspended.
    pub fn suspended(&self, place: u64) -> Option<Timestamp> {
        let now = self.shared.clock.now();
        self.shared.desk.lock().places.get(&place)?.suspended.filter(|until| now < *until)
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let now = self.shared.clock.now();
        let desk = self.shared.desk.lock();
        Counts { stuck_us: self.shared.stuck_us(&desk, now), ..desk.counts.clone() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.budget.workers.fetch_sub(1, Ordering::Relaxed);
        self.shared.desk.lock().is_over = true;
        self.shared.came.notify_one();
    }
}

impl Shared {
    fn stuck_us(&self, desk: &Desk, now: Timestamp) -> Option<u64> {
        let run_us = now.since(desk.began?).as_micros() as u64;
        (run_us > self.run_us_max.saturating_mul(STUCK_FACTOR)).then_some(run_us)
    }

    fn work(&self, model: &Installed, budget: &Budget, tell: &Tell) {
        loop {
            let run_us = match self.next() {
                Turn::End => return,
                Turn::Question(question, sender) => {
                    let (answer, run_us) = self.timed(model, || match question {
                        Question::Streams(streams) => {
                            model.answer(&streams, &mut Carried::new()).map(|answer| (answer, Vec::new()))
                        }
                        Question::Tensors(tensors) => {
                            let outputs = model.run(&tensors)?;
                            Ok((model.meant(&outputs)?, outputs))
                        }
                    });
                    self.desk.lock().began = None;
                    let tried = answer.map(|(answer, outputs)| Tried { answer, outputs, run_us });
                    // Whoever asked may have lost patience.
                    drop(sender.try_send(tried));
                    run_us
                }
                Turn::Job(job, mut carried) => {
                    let (answer, run_us) = self.timed(model, || model.answer(&job.streams, &mut carried));
                    let is_late = run_us > self.run_us_max;
                    self.ended(&job, carried, answer.as_ref().err(), run_us);
                    let Job { place, number, time, position, .. } = job;
                    tell(Outcome { place, number, time, position, answer, run_us, is_late });
                    run_us
                }
            };
            std::thread::sleep(budget.rest(run_us));
        }
    }

    fn next(&self) -> Turn {
        let mut desk = self.desk.lock();
        loop {
            if desk.is_over {
                return Turn::End;
            }
            let question = desk.questions.pop_front();
            if question.is_some() || !desk.turns.is_empty() {
                desk.began = Some(self.clock.now());
            }
            if let Some((question, sender)) = question {
                return Turn::Question(question, sender);
            }
            if let Some(turn) = desk.turns.pop_front() {
                let place = desk.places.get_mut(&turn).expect("turns are of places that there are");
                let job = place.waiting.take().expect("a place has its turn when values wait");
                return Turn::Job(job, std::mem::take(&mut place.carried));
            }
            self.came.wait(&mut desk);
        }
    }

    /// Runs something; a panic is the model's fault, not the end of its thread.
    fn timed<T>(&self, model: &Installed, run: impl FnOnce() -> Result<T, ModelError>) -> (Result<T, ModelError>, u64) {
        let began = self.clock.now();
        let answer = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_panic| {
            Err(ModelError::Failed { name: model.manifest.name.clone(), why: "it panicked".to_owned() })
        });
        (answer, self.clock.now().since(began).as_micros() as u64)
    }

    fn ended(&self, job: &Job, carried: Carried, error: Option<&ModelError>, run_us: u64) {
        let now = self.clock.now();
        let is_late = run_us > self.run_us_max;
        let mut desk = self.desk.lock();
        desk.began = None;
        let counts = &mut desk.counts;
        counts.runs += 1;
        counts.run_us += run_us;
        counts.run_us_most = counts.run_us_most.max(run_us);
        counts.late += u64::from(is_late);
        counts.failed += u64::from(error.is_some());
        if let Some(error) = error {
            counts.last_error = Some(error.to_string());
        } else if is_late {
            counts.last_error = Some(format!("a run took {run_us} us, its limit is {}", self.run_us_max));
        }
        let Some(place) = desk.places.get_mut(&job.place) else { return };
        if error.is_none() {
            // What a run that failed left behind is not carried on: the memory begins anew.
            place.carried = carried;
        }
        if error.is_none() && !is_late {
            (place.faults, place.pause, place.suspended) = (0, Duration::ZERO, None);
            return;
        }
        place.faults += 1;
        if place.faults >= FAULTS_MAX {
            place.pause = (place.pause * 2).clamp(PAUSE_FIRST, PAUSE_MAX);
            place.suspended = Some(now + place.pause);
        }
    }
}
