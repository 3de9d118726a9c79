//! Runs: how they begin, go on, stand still and end.

use std::sync::Arc;
use std::time::Duration;

use model::{RecordKind, Timestamp, Value};

use super::condition::Look;
use super::program::OperationKind;
use super::state::{Answer, Lead, Round, Run, Running, Timer, TimerWhat, Waiting};
use super::{Engine, Pace, TraceLevel, Untold};
use crate::calendar::span_words;
use crate::effect::{Effect, What};
use crate::expression::{EvaluateError, Fired, Scope, Template, Variables};
use crate::limits::{
    CHAIN_MAX, CIRCLES_WAITING_MAX, COMMANDS_PER_MINUTE_MAX, DURATION_MAX, LOOP_RUNS_PER_MINUTE_MAX, ROUNDS_MAX,
    RUNS_MAX, STEPS_AT_ONCE_MAX, STEPS_MAX, TRACE_STEPS_MAX, TRACES_WAITING_MAX, UNTOLD_WAITING_MAX,
};
use crate::rule::{ActionKind, AfterTimeout, Delay, Mode, Reference, Rounds, Variable};
use crate::trace::{Outcome, Step, StepOutcome, Trace, TraceSummary};
use crate::words;

/// What follows an operation.
enum Flow {
    Next,
    Jump(usize),
    Stand,
    End(Outcome),
}

/// What an operation came to, for the trace.
struct Done {
    flow: Flow,
    value: Value,
    detail: Option<String>,
}

impl From<Flow> for Done {
    fn from(flow: Flow) -> Self {
        Self { flow, value: Value::Null, detail: None }
    }
}

impl Engine {
    /// A trigger of a rule fired.
    pub(super) fn fire(&mut self, at: u32, running: &mut Running, fired: Fired, lead: Lead, effects: &mut Vec<Effect>) {
        let now = self.now;
        let index = fired.index as usize;
        running.state.triggers[index].last = Some(now);
        running.state.triggers[index].closest = None;
        self.counters.fired += 1;
        if index >= running.program.own_triggers {
            self.resume(at, running, fired.index, effects);
        } else {
            running.state.last_fired = Some(now);
            self.set_off(at, running, fired, lead, effects);
        }
        self.begin_queued(at, running, effects);
    }

    fn set_off(&mut self, at: u32, running: &mut Running, fired: Fired, lead: Lead, effects: &mut Vec<Effect>) {
        if let Some(reason) = self.is_loop(running, &lead) {
            if let Some(reason) = reason {
                self.counters.loops_stopped += 1;
                self.kept(running, fired, lead, Vec::new(), Outcome::Failed, Some(reason));
            }
            return;
        }
        let (runs, waiting) = (running.state.runs.len(), running.state.queue.len());
        let most = running.program.rule.max.min(RUNS_MAX) as usize;
        let full = match running.program.rule.mode {
            Mode::Single if runs > 0 => {
                let since = running.state.runs[0].began;
                let lasted = span_words(self.now.since(since));
                Some(format!("it has been running for {lasted}, and its mode is single"))
            }
            Mode::Queued if runs + waiting >= most => Some(format!("{most} runs go on or wait already")),
            Mode::Parallel if runs >= most => Some(format!("{most} runs go on already")),
            _ => None,
        };
        if let Some(reason) = full {
            return self.kept(running, fired, lead, Vec::new(), Outcome::KeptFromRunning, Some(reason));
        }
        let mut traces = self.options.traces != TraceLevel::Off;
        let mut steps = Vec::new();
        let variables = match self.variables(running, &fired) {
            Ok(variables) => variables,
            Err((variable, error)) => {
                let step = self.step_of(&variable.spot.path, variable.spot.line, StepOutcome::Failed, error.message);
                steps.push(Step { words: format!("Sets {}.", variable.name).into(), ..step });
                let outcome = if error.unknown { Outcome::KeptFromRunning } else { Outcome::Failed };
                return self.kept(running, fired, lead, steps, outcome, None);
            }
        };
        if traces && self.options.pace == Pace::Replay {
            // What is only counted need not be explained.
            let held = self.look(running, &variables, Some(&fired), false).all(&running.program.rule.conditions, None);
            traces = if held == Ok(true) { running.traces_left.0 > 0 } else { running.traces_left.1 > 0 };
        }
        let look = self.look(running, &variables, Some(&fired), traces);
        let held = look.all(&running.program.rule.conditions, traces.then_some(&mut steps));
        match held {
            Ok(true) => {}
            Ok(false) => return self.kept(running, fired, lead, steps, Outcome::KeptFromRunning, None),
            Err(_) => return self.kept(running, fired, lead, steps, Outcome::Failed, None),
        }
        match running.program.rule.mode {
            Mode::Queued if runs > 0 => {
                running.state.queue.push_back(Waiting { fired, lead, began: self.now, steps });
            }
            Mode::Restart => {
                self.stop_all(running, "a newer run began");
                self.begin(at, running, fired, lead, variables, steps, effects);
            }
            _ => self.begin(at, running, fired, lead, variables, steps, effects),
        }
    }

    /// Whether the rule was set off by what it did itself, too often: the reason, once a minute.
    #[expect(clippy::option_option, reason = "no loop, a loop that is told, and one that was told already")]
    fn is_loop(&mut self, running: &mut Running, lead: &Lead) -> Option<Option<String>> {
        let id = &running.enlisted.id;
        if !lead.chain.contains(id) {
            return None;
        }
        let count = running.state.loops.count(self.now);
        if count <= LOOP_RUNS_PER_MINUTE_MAX {
            return None;
        }
        let from = lead.chain.iter().rposition(|rule| rule == id).unwrap_or(0);
        let around = &lead.chain[from..];
        if self.circles.len() < CIRCLES_WAITING_MAX && !self.circles.iter().any(|known| same_circle(known, around)) {
            self.circles.push(around.to_vec());
        }
        let mut circle: Vec<&str> = around.iter().map(|rule| &**rule).collect();
        circle.push(id);
        let reason = format!(
            "stopped: what it did set it off again {LOOP_RUNS_PER_MINUTE_MAX} times within a minute ({})\nhint: \
             add a condition that is false once its work is done",
            circle.join(" → ")
        );
        Some((count == LOOP_RUNS_PER_MINUTE_MAX + 1).then_some(reason))
    }

    /// Notes a run that did not begin.
    fn kept(
        &mut self,
        running: &mut Running,
        fired: Fired,
        lead: Lead,
        mut steps: Vec<Step>,
        outcome: Outcome,
        reason: Option<String>,
    ) {
        match outcome {
            Outcome::Failed => self.counters.failed += 1,
            _ => self.counters.kept_from_running += 1,
        }
        if self.options.traces != TraceLevel::All && outcome != Outcome::Failed
            || self.options.traces == TraceLevel::Off
        {
            return;
        }
        if self.options.pace == Pace::Replay {
            if running.traces_left.1 == 0 {
                return self.count_untold(running, self.now, outcome);
            }
            running.traces_left.1 -= 1;
        }
        if let Some(reason) = reason {
            let how = if outcome == Outcome::Failed { StepOutcome::Failed } else { StepOutcome::Held };
            let step = self.step_of("", 1, how, reason);
            steps.push(Step { words: "Begins a run.".into(), ..step });
        }
        let run = self.new_run(running, fired, lead, Variables::new(), steps);
        self.tell(running, run, outcome);
    }

    fn step_of(&self, path: &str, line: u32, outcome: StepOutcome, detail: String) -> Step {
        Step {
            path: path.into(),
            line,
            words: Arc::from(""),
            began: self.now,
            seconds: 0.0,
            outcome,
            value: Value::Null,
            detail: Some(detail),
        }
    }

    fn new_run(&mut self, running: &Running, fired: Fired, lead: Lead, variables: Variables, steps: Vec<Step>) -> Run {
        self.next_run += 1;
        let mut lead = lead;
        lead.chain.push(Arc::clone(&running.enlisted.id));
        let excess = lead.chain.len().saturating_sub(CHAIN_MAX);
        lead.chain.drain(..excess);
        Run {
            id: format!("{:x}-{:x}", self.now.micros().max(0), self.next_run).into(),
            at: 0,
            fired,
            lead,
            began: self.now,
            variables,
            rounds: Vec::new(),
            wake: None,
            stands_since: None,
            waits_for: None,
            steps,
            steps_left_out: 0,
            steps_taken: 0,
            is_untold: false,
        }
    }

    fn variables<'r>(&self, running: &'r Running, fired: &Fired) -> Result<Variables, (&'r Variable, EvaluateError)> {
        let mut variables = running.program.constants.clone();
        for variable in running.program.rule.variables.iter().filter(|variable| variable.value.literal().is_none()) {
            let scope = self.scope(running, &variables, Some(fired), None);
            let value = variable.value.evaluate(&scope).map_err(|error| (variable, error))?;
            variables.insert(Arc::clone(&variable.name), value);
        }
        Ok(variables)
    }

    fn begin(
        &mut self,
        at: u32,
        running: &mut Running,
        fired: Fired,
        lead: Lead,
        variables: Variables,
        steps: Vec<Step>,
        effects: &mut Vec<Effect>,
    ) {
        self.counters.runs += 1;
        let mut run = self.new_run(running, fired, lead, variables, steps);
        if self.options.pace == Pace::Replay {
            run.is_untold = running.traces_left.0 == 0;
            running.traces_left.0 = running.traces_left.0.saturating_sub(1);
        }
        running.state.runs.push(run);
        let last = running.state.runs.len() - 1;
        self.go_on(at, running, last, effects);
    }

    /// Begins the runs that wait, as far as those before them are over.
    pub(super) fn begin_queued(&mut self, at: u32, running: &mut Running, effects: &mut Vec<Effect>) {
        while running.state.runs.is_empty()
            && let Some(waiting) = running.state.queue.pop_front()
        {
            let Waiting { fired, lead, steps, .. } = waiting;
            match self.variables(running, &fired) {
                Ok(variables) => self.begin(at, running, fired, lead, variables, steps, effects),
                Err((_, error)) => self.kept(running, fired, lead, steps, Outcome::Failed, Some(error.message)),
            }
        }
    }

    /// A trigger that runs wait for fired.
    fn resume(&mut self, at: u32, running: &mut Running, trigger: u32, effects: &mut Vec<Effect>) {
        let waits = |run: &Run| run.waits_for.is_some_and(|(first, count)| (first..first + count).contains(&trigger));
        while let Some(index) = running.state.runs.iter().position(waits) {
            self.wait_over(running, index, true);
            self.go_on(at, running, index, effects);
        }
    }

    /// A run need not stand still any longer.
    fn wait_over(&self, running: &mut Running, index: usize, happened: bool) {
        let run = &mut running.state.runs[index];
        let since = run.stands_since.take().unwrap_or(self.now);
        if let Some(step) = run.steps.last_mut() {
            step.seconds = self.now.since(since).as_secs_f64();
            if run.waits_for.is_some() {
                step.value = Value::Boolean(happened);
                step.detail = Some(if happened { "it happened" } else { "nothing happened in time" }.to_owned());
            }
        }
        if run.waits_for.take().is_some() {
            run.variables.insert("waited".into(), Value::Boolean(happened));
        }
        run.wake = None;
    }

    /// Lets the runs of a rule go on whose time has come.
    pub(super) fn wake_runs(&mut self, at: u32, running: &mut Running, effects: &mut Vec<Effect>) {
        let now = self.now;
        while let Some(index) = running.state.runs.iter().position(|run| run.wake.is_some_and(|wake| wake <= now)) {
            let operation = running.state.runs[index].at.saturating_sub(1);
            let ends = matches!(
                running.program.operations[operation].kind,
                OperationKind::Wait { then: AfterTimeout::Stop, .. }
            );
            self.wait_over(running, index, false);
            if ends {
                self.end(running, index, Outcome::Stopped);
            } else {
                self.go_on(at, running, index, effects);
            }
        }
        self.begin_queued(at, running, effects);
    }

    /// Ends all runs of a rule, and those that wait.
    pub(super) fn stop_all(&mut self, running: &mut Running, reason: &str) {
        running.state.queue.clear();
        while !running.state.runs.is_empty() {
            let step = self.step_of("", 1, StepOutcome::Skipped, reason.to_owned());
            let run = &mut running.state.runs[0];
            run.steps.push(Step { words: "Ends.".into(), ..step });
            self.end(running, 0, Outcome::Stopped);
        }
    }

    fn end(&mut self, running: &mut Running, index: usize, outcome: Outcome) {
        let run = running.state.runs.remove(index);
        if outcome == Outcome::Failed {
            self.counters.failed += 1;
        }
        if run.is_untold {
            self.count_untold(running, run.began, outcome);
        } else if self.options.traces != TraceLevel::Off {
            self.tell(running, run, outcome);
        }
    }

    fn count_untold(&mut self, running: &Running, began: Timestamp, outcome: Outcome) {
        if self.options.traces == TraceLevel::Off {
            return;
        }
        if self.untold.len() >= UNTOLD_WAITING_MAX {
            self.untold.pop_front();
            self.counters.traces_dropped += 1;
        }
        self.untold.push_back(Untold { rule: Arc::clone(&running.enlisted.id), began, outcome });
    }

    fn tell(&mut self, running: &Running, run: Run, outcome: Outcome) {
        let trace = trace(running, run, outcome, self.now);
        if self.traces.len() >= TRACES_WAITING_MAX {
            self.traces.pop_front();
            self.counters.traces_dropped += 1;
        }
        self.traces.push_back(trace);
    }

    /// Lets a run go on until it stands still or ends.
    fn go_on(&mut self, at: u32, running: &mut Running, index: usize, effects: &mut Vec<Effect>) {
        let mut left = STEPS_AT_ONCE_MAX;
        loop {
            let run = &mut running.state.runs[index];
            run.steps_taken = run.steps_taken.saturating_add(1);
            let Some(operation) = running.program.operations.get(run.at) else {
                return self.end(running, index, Outcome::Finished);
            };
            let quiet = matches!(operation.kind, OperationKind::Jump(_) | OperationKind::Enter | OperationKind::Leave);
            let (path, line, here) = (Arc::clone(&operation.spot.path), operation.spot.line, run.at);
            left = left.saturating_sub(1);
            let done = match left {
                0 => Err(format!("the run takes more than {STEPS_AT_ONCE_MAX} steps without standing still")),
                _ if run.steps_taken > STEPS_MAX => Err(format!(
                    "the run takes more than {STEPS_MAX} steps\nhint: let a trigger begin a new run instead of going round"
                )),
                _ => self.operate(running, index, here, effects),
            };
            let run = &mut running.state.runs[index];
            let (flow, value, detail, outcome) = match done {
                Ok(Done { flow, value, detail }) => (flow, value, detail, StepOutcome::Passed),
                Err(message) => (Flow::End(Outcome::Failed), Value::Null, Some(message), StepOutcome::Failed),
            };
            let is_told = self.options.traces != TraceLevel::Off && !run.is_untold;
            if is_told && (!quiet || outcome == StepOutcome::Failed) {
                if run.steps.len() >= TRACE_STEPS_MAX && outcome != StepOutcome::Failed {
                    run.steps_left_out += 1;
                } else {
                    let words = running.program.words(&path);
                    run.steps.push(Step { path, line, words, began: self.now, seconds: 0.0, outcome, value, detail });
                }
            }
            match flow {
                Flow::Next => run.at = here + 1,
                Flow::Jump(to) => run.at = to,
                Flow::Stand => {
                    run.at = here + 1;
                    run.stands_since = Some(self.now);
                    if let Some(due) = run.wake {
                        self.push_timer(Timer { due, rule: at, what: TimerWhat::Run });
                    }
                    return;
                }
                Flow::End(outcome) => return self.end(running, index, outcome),
            }
        }
    }

    fn operate(
        &mut self,
        running: &mut Running,
        index: usize,
        here: usize,
        effects: &mut Vec<Effect>,
    ) -> Result<Done, String> {
        let now = self.now;
        // What changes below is the run; what is read of the program stays.
        let run = &running.state.runs[index];
        let says = |error: EvaluateError| error.message;
        Ok(match &running.program.operations[here].kind {
            OperationKind::Do(ActionKind::Variables(variables)) => {
                for variable in variables {
                    let run = &running.state.runs[index];
                    let value = variable.value.evaluate(&self.run_scope(running, run)).map_err(says)?;
                    running.state.runs[index].variables.insert(Arc::clone(&variable.name), value);
                }
                Flow::Next.into()
            }
            OperationKind::Do(action) => {
                let before = effects.len();
                let made = self.act(running, run, action, here, effects);
                if made.is_err() {
                    effects.truncate(before);
                }
                let value = made?;
                self.commanded(running, index, &effects[before..])?;
                Done { flow: Flow::Next, value, detail: None }
            }
            OperationKind::Delay(delay) => {
                let duration = match delay {
                    Delay::Fixed(duration) => *duration,
                    Delay::Seconds(seconds) => {
                        let seconds = seconds.number(&self.run_scope(running, run)).map_err(says)?;
                        if !(0.0..=DURATION_MAX.as_secs_f64()).contains(&seconds) {
                            return Err(format!("{seconds} seconds cannot be waited for"));
                        }
                        Duration::from_secs_f64(seconds)
                    }
                };
                // What takes no time is gone through at once, and counted as such.
                let flow = if duration.is_zero() { Flow::Next } else { Flow::Stand };
                running.state.runs[index].wake = (!duration.is_zero()).then(|| now + duration);
                Done { flow, value: Value::text(span_words(duration)), detail: None }
            }
            OperationKind::Wait { first, count, timeout, .. } => {
                let (waits_for, wake) = ((*first, *count), timeout.map(|timeout| now + timeout));
                let run = &mut running.state.runs[index];
                run.waits_for = Some(waits_for);
                run.wake = wake;
                Flow::Stand.into()
            }
            OperationKind::If { conditions, otherwise } => {
                let (held, steps) = self.looked(running, run, conditions)?;
                let to = if held { here + 1 } else { *otherwise };
                running.state.runs[index].steps.extend(steps);
                Done { flow: Flow::Jump(to), value: Value::Boolean(held), detail: None }
            }
            OperationKind::Until { conditions, exit } => {
                let (held, steps) = self.looked(running, run, conditions)?;
                let to = if held { *exit } else { here + 1 };
                running.state.runs[index].steps.extend(steps);
                Done { flow: Flow::Jump(to), value: Value::Boolean(held), detail: None }
            }
            OperationKind::Jump(to) => Flow::Jump(*to).into(),
            OperationKind::Enter => {
                running.state.runs[index].rounds.push(Round::default());
                Flow::Next.into()
            }
            OperationKind::Leave => {
                running.state.runs[index].rounds.pop();
                Flow::Next.into()
            }
            OperationKind::Round { rounds, exit } => {
                let next = run.rounds.last().map_or(1, |round| round.index + 1);
                let most = match rounds {
                    Rounds::Times(times) => *times,
                    Rounds::Each(items) => items.len() as u32,
                    Rounds::While(_) | Rounds::Until(_) => u32::MAX,
                };
                let mut steps = Vec::new();
                let goes = match rounds {
                    Rounds::While(conditions) => {
                        let (held, looked) = self.looked(running, run, conditions)?;
                        steps = looked;
                        held
                    }
                    _ => next <= most,
                };
                if goes && next > ROUNDS_MAX {
                    return Err(format!("the repeat takes more than {ROUNDS_MAX} rounds"));
                }
                let item = match rounds {
                    Rounds::Each(items) => items.get(next as usize - 1).cloned().unwrap_or_default(),
                    _ => Value::Null,
                };
                let exit = *exit;
                let run = &mut running.state.runs[index];
                run.steps.extend(steps);
                if let Some(round) = run.rounds.last_mut() {
                    *round = Round { index: next, item };
                }
                let flow = if goes { Flow::Next } else { Flow::Jump(exit) };
                Done { flow, value: Value::Integer(i64::from(next)), detail: (!goes).then(|| "it is over".to_owned()) }
            }
            OperationKind::Stop(reason) => {
                let reason = reason.as_ref().map(|reason| reason.text(&self.run_scope(running, run)));
                let detail = reason.transpose().map_err(says)?;
                Done { flow: Flow::End(Outcome::Stopped), value: Value::Null, detail }
            }
        })
    }

    fn looked(
        &self,
        running: &Running,
        run: &Run,
        conditions: &[crate::rule::Condition],
    ) -> Result<(bool, Vec<Step>), String> {
        let traces = self.options.traces != TraceLevel::Off && !run.is_untold && run.steps.len() < TRACE_STEPS_MAX;
        let mut steps = Vec::new();
        let scope = self.run_scope(running, run);
        let look = Look { scope, program: &running.program, trackers: &running.state.trackers, explains: traces };
        let held = look.all(conditions, traces.then_some(&mut steps))?;
        Ok((held, steps))
    }

    pub(super) fn run_scope<'a>(&'a self, running: &'a Running, run: &'a Run) -> Scope<'a> {
        let round = run.rounds.last().map(|round| (round.index, &round.item));
        self.scope(running, &run.variables, Some(&run.fired), round)
    }

    /// Makes the effects of an action.
    fn act(
        &self,
        running: &Running,
        run: &Run,
        action: &ActionKind,
        here: usize,
        effects: &mut Vec<Effect>,
    ) -> Result<Value, String> {
        let scope = self.run_scope(running, run);
        let says = |error: EvaluateError| error.message;
        let value = |template: &Option<Template>| match template {
            Some(template) => template.evaluate(&scope).map_err(says),
            None => Ok(Value::Null),
        };
        let text = |template: &Option<Template>| match template {
            Some(template) => template.text(&scope).map_err(says),
            None => Ok(String::new()),
        };
        let spot = &running.program.operations[here].spot;
        let mut effect = |what: What| {
            effects.push(Effect {
                rule: Arc::clone(&running.enlisted.id),
                version: running.enlisted.version,
                shadow: running.enlisted.shadow,
                run: Arc::clone(&run.id),
                path: Arc::clone(&spot.path),
                line: spot.line,
                time: self.now,
                position: run.lead.position,
                what,
            });
        };
        Ok(match action {
            ActionKind::Set(sets) => {
                let mut last = Value::Null;
                for (of, to) in sets {
                    let value = to.evaluate(&scope).map_err(|error| format!("{of}: {}", error.message))?;
                    last = value.clone();
                    effect(What::Set { thing: of.thing.clone(), name: of.name.clone(), value });
                }
                last
            }
            ActionKind::Act { of, input } => {
                let input = value(input)?;
                effect(What::Act { thing: of.thing.clone(), name: of.name.clone(), input: input.clone() });
                input
            }
            ActionKind::Scene(scene) => {
                effect(What::Scene { scene: Arc::clone(scene) });
                Value::Text(Arc::clone(scene))
            }
            ActionKind::Notify { title, message, to } => {
                let message = message.text(&scope).map_err(says)?;
                let title = match title {
                    Some(_) => text(title)?,
                    None => running.program.rule.title.clone(),
                };
                let value = Value::text(&message);
                effect(What::Notify { title, message, to: to.clone() });
                value
            }
            ActionKind::Alarm { name, severity, message } => {
                let message = match message {
                    Some(_) => text(message)?,
                    None => running.program.rule.title.clone(),
                };
                let thing = run.fired.thing.as_ref().and_then(|thing| model::ThingId::new(thing).ok());
                let value = Value::text(&message);
                effect(What::Alarm { name: Arc::clone(name), severity: *severity, message, thing });
                value
            }
            ActionKind::Policy { name, input } => {
                let input = value(input)?;
                effect(What::CallPolicy { policy: Arc::clone(name), input: input.clone() });
                input
            }
            ActionKind::Variables(_)
            | ActionKind::Delay(_)
            | ActionKind::Wait { .. }
            | ActionKind::Choose { .. }
            | ActionKind::Repeat { .. }
            | ActionKind::Stop(_) => Value::Null,
        })
    }

    /// Counts the commands of a rule, and remembers them until things answer.
    fn commanded(&mut self, running: &mut Running, index: usize, made: &[Effect]) -> Result<(), String> {
        for effect in made {
            let is_command = !matches!(effect.what, What::Notify { .. } | What::Alarm { .. });
            if is_command && running.state.commands.count(self.now) > COMMANDS_PER_MINUTE_MAX {
                return Err(format!(
                    "the rule gave more than {COMMANDS_PER_MINUTE_MAX} commands within a minute\nhint: let it wait between them"
                ));
            }
            let What::Set { thing, name, value } = &effect.what else { continue };
            if effect.shadow {
                continue;
            }
            if let Some(series) = self.table.find(RecordKind::Property, thing.as_str(), name.as_str()) {
                let chain = running.state.runs[index].lead.chain.clone();
                self.answers.insert(series, Answer { value: value.clone(), at: self.now, chain });
            }
        }
        Ok(())
    }

    pub(super) fn look<'a>(
        &'a self,
        running: &'a Running,
        variables: &'a Variables,
        fired: Option<&'a Fired>,
        explains: bool,
    ) -> Look<'a> {
        let scope = self.scope(running, variables, fired, None);
        Look { scope, program: &running.program, trackers: &running.state.trackers, explains }
    }

    pub(super) fn scope<'a>(
        &'a self,
        running: &'a Running,
        variables: &'a Variables,
        fired: Option<&'a Fired>,
        round: Option<(u32, &'a Value)>,
    ) -> Scope<'a> {
        let references: &[Reference] = &running.program.rule.references;
        Scope {
            readings: &self.table.readings,
            slots: &running.slots,
            references,
            variables,
            fired,
            round,
            now: self.now,
            place: &self.place,
        }
    }
}

/// Whether two circles are of the same rules, wherever they begin.
fn same_circle(a: &[Arc<str>], b: &[Arc<str>]) -> bool {
    a.len() == b.len() && a.iter().all(|rule| b.contains(rule))
}

/// The trace of a run.
pub(super) fn trace(running: &Running, run: Run, outcome: Outcome, now: Timestamp) -> Trace {
    let trigger = &running.program.triggers[run.fired.index as usize];
    let variables = run.variables.iter().map(|(name, value)| (name.to_string(), value.to_json()));
    Trace {
        summary: TraceSummary {
            id: run.id,
            rule: Arc::clone(&running.enlisted.id),
            version: running.enlisted.version,
            began: run.began,
            seconds: now.since(run.began).as_secs_f64(),
            outcome,
            shadow: running.enlisted.shadow,
            trigger_words: words::fired(trigger, &run.fired),
            cause: run.lead.cause,
        },
        variables: variables.collect(),
        steps: run.steps,
        steps_left_out: run.steps_left_out,
    }
}
