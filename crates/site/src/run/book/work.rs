//! Working off what waits: one thing after the other, each on all threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::Mutex;

use super::recording::Recorder;
use super::{LOOK, PlanRun, Progress, Run, RunBook, RunError, RunState, SeedOutcome, Work};
use crate::run::domain::{Failed, Outcome, Watch};
use crate::run::kpi::Summary;
use crate::run::worker;

/// Hands on whether a simulation shall go on, and keeps its frames.
struct Watcher<'a> {
    progress: &'a Progress,
    recorder: Option<Recorder>,
    /// Tells the part that is done, when this is the only simulation.
    tells: bool,
}

impl Watch for Watcher<'_> {
    fn goes_on(&mut self, part: f64) -> bool {
        if self.tells {
            self.progress.tell(part);
        }
        !self.progress.cancelled.load(Ordering::Relaxed)
    }

    fn wants_frames(&self) -> bool {
        self.recorder.is_some()
    }

    fn frame(&mut self, second: f64, frame: Bytes) {
        if let Some(recorder) = &mut self.recorder {
            recorder.take(second, frame);
        }
    }
}

impl Progress {
    fn tell(&self, part: f64) {
        self.done.store((part.clamp(0.0, 1.0) * 1e6) as u64, Ordering::Relaxed);
    }

    fn goes_on(&self, part: f64) -> bool {
        self.tell(part);
        !self.cancelled.load(Ordering::Relaxed)
    }
}

impl RunBook {
    /// Starts a thread that works off whatever waits until the book is closed, or nobody else has it any more.
    pub fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let book = Arc::downgrade(self);
        std::thread::spawn(move || {
            while let Some(book) = book.upgrade()
                && !book.closing.load(Ordering::Relaxed)
            {
                book.work_off(true);
            }
        })
    }

    /// Works off what waits now. Returns how many were done; tests and the command line call it.
    pub fn turn(&self) -> usize {
        let mut done = 0;
        while self.work_off(false) {
            done += 1;
        }
        done
    }

    fn work_off(&self, wait: bool) -> bool {
        let (work, progress) = {
            let mut waiting = self.waiting.lock();
            if waiting.is_empty() && wait {
                self.came.wait_for(&mut waiting, LOOK);
            }
            let Some(next) = waiting.pop_front() else { return false };
            next
        };
        let done = match &work {
            Work::Run(id) => self.do_run(id, &progress),
            Work::Plan(id) => self.do_plan(id, &progress),
        };
        self.progress.lock().remove(work.id());
        if let Err(error) = done {
            tracing::error!(id = work.id(), %error, "what came of a run could not be kept");
        }
        true
    }

    fn do_run(&self, id: &str, progress: &Progress) -> Result<(), RunError> {
        let mut run = self.run(id)?;
        run.state = RunState::Running;
        self.keep_run(&run)?;
        let recorder = Mutex::new(None);
        let outcomes = self.simulate_seeds(&run, progress, &recorder);
        run.progress = 1.0;
        run.finished = Some(self.clock.now());
        match outcomes {
            Ok(outcomes) => self.close_run(&mut run, outcomes),
            Err(Failed::Cancelled) => run.state = RunState::Cancelled,
            Err(Failed::Broken(problem)) => (run.state, run.problem) = (RunState::Failed, Some(problem)),
        }
        if let (RunState::Finished, Some(recorder)) = (run.state, recorder.into_inner()) {
            run.frames = recorder.save(&*self.state, id, self.clock.now())?;
        }
        Ok(self.keep_run(&run)?)
    }

    fn simulate_seeds(
        &self,
        run: &Run,
        progress: &Progress,
        recorder: &Mutex<Option<Recorder>>,
    ) -> Result<Vec<Outcome>, Failed> {
        let scenario = &run.scenario;
        let domain = self.domain(&scenario.domain).map_err(|error| Failed::Broken(error.to_string()))?;
        let first = scenario.seeds.first().copied();
        let simulate = |seed: &u64| {
            let recorded = Some(*seed) == first;
            let mut watcher =
                Watcher { progress, recorder: recorded.then(Recorder::default), tells: scenario.seeds.len() == 1 };
            let outcome = domain.simulate(scenario, *seed, &mut watcher)?;
            if recorded {
                *recorder.lock() = watcher.recorder;
            }
            Ok(outcome)
        };
        let outcomes = worker::all(self.threads, &scenario.seeds, &simulate, &|part| progress.goes_on(part))?;
        outcomes.into_iter().collect::<Result<_, _>>().map_err(Failed::Broken)
    }

    fn close_run(&self, run: &mut Run, outcomes: Vec<Outcome>) {
        let mut by_name: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (seed, outcome) in run.scenario.seeds.iter().zip(outcomes) {
            for (name, figure) in &outcome.kpis {
                by_name.entry(name.clone()).or_default().push(*figure);
            }
            for finding in outcome.findings {
                if !run.findings.contains(&finding) {
                    run.findings.push(finding);
                }
            }
            let trace = format!("{:016x}", outcome.trace);
            run.outcomes.push(SeedOutcome { seed: *seed, kpis: outcome.kpis, trace });
        }
        run.kpis = by_name.into_iter().filter_map(|(name, figures)| Some((name, Summary::of(&figures)?))).collect();
        run.state = RunState::Finished;
        if let Some(repeats) = &mut run.repeats {
            let before = self.run(&repeats.run).map(|before| before.outcomes).unwrap_or_default();
            let traces = |outcomes: &[SeedOutcome]| -> Vec<(u64, String)> {
                outcomes.iter().map(|outcome| (outcome.seed, outcome.trace.clone())).collect()
            };
            repeats.same = Some(traces(&before) == traces(&run.outcomes));
        }
    }

    fn do_plan(&self, id: &str, progress: &Progress) -> Result<(), RunError> {
        let mut plan: PlanRun = self.plan_run(id)?;
        plan.state = RunState::Running;
        self.keep_plan(&plan)?;
        let domain = self.domain(&plan.request.base.domain)?;
        let search = self.lay_out(&plan.request)?.watching(&domain.watched());
        let simulate = |scenario: &_, seed| {
            let mut watcher = Cancellable(progress);
            domain.simulate(scenario, seed, &mut watcher)
        };
        let found = search.search(self.threads, &simulate, &|part| progress.goes_on(part));
        plan.progress = 1.0;
        plan.finished = Some(self.clock.now());
        match found {
            Ok(mut found) => {
                found.turns.iter_mut().for_each(|turn| turn.words = domain.words(turn));
                (plan.state, plan.found) = (RunState::Finished, Some(found));
            }
            Err(Failed::Cancelled) => plan.state = RunState::Cancelled,
            Err(Failed::Broken(problem)) => (plan.state, plan.problem) = (RunState::Failed, Some(problem)),
        }
        Ok(self.keep_plan(&plan)?)
    }
}

/// Only hands on whether a simulation shall go on.
struct Cancellable<'a>(&'a Progress);

impl Watch for Cancellable<'_> {
    fn goes_on(&mut self, _part: f64) -> bool {
        !self.0.cancelled.load(Ordering::Relaxed)
    }
}
