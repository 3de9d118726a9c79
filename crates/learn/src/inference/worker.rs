//! Runs a model beside everything else: whoever has values leaves them and goes on.
//!
//! Each model has one thread and one place for values. Newer values take the place of those that still wait: what
//! matters is now. A model that is too slow or fails again and again is suspended, and says so; the values that are left
//! for it meanwhile cost what it costs to refuse them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use model::{Clock, Timestamp};
use parking_lot::{Condvar, Mutex};

use super::install::{Installed, ModelError};
use super::process::Answer;

/// Answers that wait to be fetched; a newer one is dropped, and counted, when nobody fetches them.
const ANSWERS_MAX: usize = 64;
/// A run that takes so many times its limit is not going to end.
const STUCK_FACTOR: u64 = 10;
/// A model is suspended after so many runs in a row that failed or took too long.
const FAULTS_MAX: u32 = 3;

/// What became of the values that were left for a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The moment that the values belong to.
    pub time: Timestamp,
    /// What the model says, or why it does not.
    pub answer: Result<Answer, ModelError>,
    /// How long it took.
    pub run_us: u64,
    /// Whether that was longer than it may.
    pub is_late: bool,
    /// The answer of the model that is tried beside this one; it is tried no longer once it is late.
    pub shadow: Option<Result<Answer, ModelError>>,
}

/// Counts of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Runs that ended.
    pub runs: u64,
    /// Values that newer ones took the place of.
    pub replaced: u64,
    /// Runs that took too long.
    pub late: u64,
    /// Runs without an answer.
    pub failed: u64,
    /// Answers that nobody fetched.
    pub dropped: u64,
    /// Microseconds of all runs, for the budget.
    pub run_us: u64,
    /// The model gets no values any more.
    pub is_suspended: bool,
}

#[derive(Default)]
struct Place {
    waiting: Option<(Timestamp, Vec<f32>)>,
    /// When the run that is going on began.
    began: Option<Timestamp>,
    counts: Counts,
    faults: u32,
    run_us_max: u64,
    current: Option<Arc<Mutex<Installed>>>,
    /// The model that is tried, with its limit.
    shadow: Option<(u64, Arc<Mutex<Installed>>)>,
    is_over: bool,
}

struct Shared {
    place: Mutex<Place>,
    came: Condvar,
    clock: Arc<dyn Clock>,
}

/// A model at work.
pub struct Worker {
    shared: Arc<Shared>,
    answers: Receiver<Outcome>,
}

/// Why values were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The model failed or was late too often.
    #[error("the model is suspended after {FAULTS_MAX} failures in a row\nhint: install it again, or another one")]
    Suspended,
    /// The run that is going on has long passed its limit.
    #[error("the model is stuck in a run of {run_us} us")]
    Stuck {
        /// How long it has been running.
        run_us: u64,
    },
}

impl Worker {
    /// Starts a thread for a model.
    pub fn start(model: Installed, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let run_us_max = model.facts.run_us_max;
        let place = Place { run_us_max, current: Some(Arc::new(Mutex::new(model))), ..Place::default() };
        let shared = Arc::new(Shared { place: Mutex::new(place), came: Condvar::new(), clock });
        let (sender, answers) = sync_channel(ANSWERS_MAX);
        let thread = shared.clone();
        std::thread::Builder::new().name("model".to_owned()).spawn(move || work(&thread, &sender))?;
        Ok(Self { shared, answers })
    }

    /// Leaves values for the model, in the place of those that still wait. Never waits for the model.
    pub fn offer(&self, time: Timestamp, values: Vec<f32>) -> Result<(), Refused> {
        let mut place = self.shared.place.lock();
        if place.counts.is_suspended {
            return Err(Refused::Suspended);
        }
        if let Some(began) = place.began {
            let run_us = self.shared.clock.now().since(began).as_micros() as u64;
            if run_us > place.run_us_max.saturating_mul(STUCK_FACTOR) {
                return Err(Refused::Stuck { run_us });
            }
        }
        if place.waiting.replace((time, values)).is_some() {
            place.counts.replaced += 1;
        }
        drop(place);
        self.shared.came.notify_one();
        Ok(())
    }

    /// The next outcome, when there is one.
    pub fn fetch(&self) -> Option<Outcome> {
        self.answers.try_recv().ok()
    }

    /// The next outcome; `None` when none comes within the time.
    pub fn wait(&self, time: std::time::Duration) -> Option<Outcome> {
        self.answers.recv_timeout(time).ok()
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.shared.place.lock().counts
    }

    /// Tries another model beside this one: it gets the same values, and its answers come with the outcomes.
    pub fn shadow(&self, model: Installed) {
        self.shared.place.lock().shadow = Some((model.facts.run_us_max, Arc::new(Mutex::new(model))));
    }

    /// Puts the model that is tried in the place of the current one, between two runs. False when none is tried.
    pub fn promote(&self) -> bool {
        let mut place = self.shared.place.lock();
        let Some((run_us_max, shadow)) = place.shadow.take() else { return false };
        place.current = Some(shadow);
        place.run_us_max = run_us_max;
        place.faults = 0;
        place.counts.is_suspended = false;
        true
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.place.lock().is_over = true;
        self.shared.came.notify_one();
    }
}

fn work(shared: &Shared, answers: &SyncSender<Outcome>) {
    loop {
        let (time, values, current, shadow, run_us_max) = {
            let mut place = shared.place.lock();
            loop {
                if place.is_over {
                    return;
                }
                if let Some((time, values)) = place.waiting.take() {
                    let Some(current) = place.current.clone() else { return };
                    place.began = Some(shared.clock.now());
                    break (time, values, current, place.shadow.clone(), place.run_us_max);
                }
                shared.came.wait(&mut place);
            }
        };
        let (answer, run_us) = timed(&shared.clock, &current, &values);
        let is_late = run_us > run_us_max;
        let tried = shadow.map(|(limit_us, shadow)| {
            let (answer, run_us) = timed(&shared.clock, &shadow, &values);
            (answer, run_us > limit_us)
        });
        let mut place = shared.place.lock();
        place.began = None;
        // A successor that is late would make the model late too: it is tried no longer.
        if matches!(tried, Some((_, true))) {
            place.shadow = None;
        }
        let shadow = tried.map(|(answer, _)| answer);
        place.counts.runs += 1;
        place.counts.run_us += run_us;
        place.counts.late += u64::from(is_late);
        place.counts.failed += u64::from(answer.is_err());
        place.faults = if is_late || answer.is_err() { place.faults + 1 } else { 0 };
        place.counts.is_suspended |= place.faults >= FAULTS_MAX;
        match answers.try_send(Outcome { time, answer, run_us, is_late, shadow }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => place.counts.dropped += 1,
            Err(TrySendError::Disconnected(_)) => return,
        }
    }
}

fn timed(clock: &Arc<dyn Clock>, model: &Mutex<Installed>, values: &[f32]) -> (Result<Answer, ModelError>, u64) {
    let began = clock.now();
    let answer = model.lock().answer(values);
    (answer, clock.now().since(began).as_micros() as u64)
}
