//! A virtual thing: the protocol side of a body. It decides what to tell and when, remembers what it was asked to do,
//! and keeps the life cycle of every command.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{CommandId, CommandState, Name, ThingId, ThingModel, Timestamp, Value};

use crate::body::{Body, Progress};
use crate::fault::{BROKEN_EVERY, Fault, FaultKind};
use crate::reporting::{Reporter, Reporting};

/// The most commands of one thing that are at work at the same time; more are refused with a reason.
pub const COMMANDS_OPEN_MAX: usize = 8;
/// The most finished commands that one thing remembers, to answer a repeated command without doing it again; the
/// oldest is forgotten.
pub const COMMANDS_REMEMBERED_MAX: usize = 32;
/// The least progress of a running command that is told.
const PROGRESS_STEP: f64 = 0.1;

/// Something that a thing says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Who.
    pub thing: ThingId,
    /// When it was so.
    pub time: Timestamp,
    /// What.
    pub said: Said,
}

/// What a thing can say.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// It is there; this is its model.
    Online(Arc<ThingModel>),
    /// It is about to leave, or was lost.
    Offline,
    /// Properties that changed or are due.
    Properties {
        /// By name.
        values: Vec<(Name, Value)>,
        /// The command that is at work and may have brought them about.
        command: Option<CommandId>,
    },
    /// Something happened.
    Event {
        /// Which event of the model.
        name: Name,
        /// What it says.
        value: Value,
    },
    /// A step in the life of a command.
    Action(ActionStatus),
}

/// Where a command stands, as its thing tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionStatus {
    /// Which command; `None` when it came without an id.
    pub command: Option<CommandId>,
    /// Which action.
    pub action: Name,
    /// Where it stands.
    pub state: CommandState,
    /// The part that is done, from 0 to 1, while it runs.
    pub progress: Option<f64>,
    /// What it answers.
    pub output: Value,
    /// Why it failed.
    pub error: Option<String>,
}

impl ActionStatus {
    fn new(command: Option<CommandId>, action: Name, state: CommandState) -> Self {
        Self { command, action, state, progress: None, output: Value::Null, error: None }
    }
}

/// Something that a thing is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Instruction {
    /// The properties as they should be.
    Desired(BTreeMap<Name, Value>),
    /// Do something.
    Invoke {
        /// Which command this is, to be named in every answer.
        command: Option<CommandId>,
        /// Which action.
        action: Name,
        /// What it gets.
        input: Value,
    },
}

/// A command at work.
#[derive(Debug)]
struct Open {
    command: Option<CommandId>,
    action: usize,
    told: f64,
}

/// One virtual thing.
#[derive(Debug)]
pub struct VirtualThing {
    id: ThingId,
    title: String,
    model: Arc<ThingModel>,
    /// By property, in the order of the model; `None` for what is only written.
    reporters: Vec<Option<Reporter>>,
    open: Vec<Open>,
    remembered: VecDeque<ActionStatus>,
    desired: BTreeMap<Name, Value>,
    online: bool,
    /// Whether it was taken off its body.
    silent: bool,
    /// What is broken, by property. It is whole again after a restart.
    faults: BTreeMap<usize, Fault>,
}

impl VirtualThing {
    /// A thing that tells its properties by the rules that suit their models.
    pub fn new(id: ThingId, title: impl Into<String>, model: Arc<ThingModel>) -> Self {
        Self::with_reporting(id, title, model, &BTreeMap::new())
    }

    /// A thing with rules of its own for some properties.
    pub fn with_reporting(
        id: ThingId,
        title: impl Into<String>,
        model: Arc<ThingModel>,
        rules: &BTreeMap<Name, Reporting>,
    ) -> Self {
        let reporters = model
            .properties
            .iter()
            .map(|(name, property)| {
                let rule = rules.get(name).copied().unwrap_or_else(|| Reporting::of(property));
                property.readable.then(|| Reporter::new(rule))
            })
            .collect();
        Self {
            id,
            title: title.into(),
            model,
            reporters,
            open: Vec::new(),
            remembered: VecDeque::new(),
            desired: BTreeMap::new(),
            online: false,
            silent: false,
            faults: BTreeMap::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &ThingId {
        &self.id
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What it can tell and do.
    pub fn model(&self) -> &Arc<ThingModel> {
        &self.model
    }

    /// Whether it has power and a connection.
    pub fn is_online(&self) -> bool {
        self.online
    }

    /// What it was last told to be like.
    pub(crate) fn desired(&self) -> &BTreeMap<Name, Value> {
        &self.desired
    }

    /// Begins anew, but knows what it was told to be like.
    pub(crate) fn restore(&mut self, desired: BTreeMap<Name, Value>) {
        self.reset();
        self.desired = desired;
    }

    /// Whether it was taken off its body and says no more.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Says no more.
    pub(crate) fn silence(&mut self) {
        self.reset();
        self.silent = true;
    }

    /// Forgets everything that happened since it was made.
    pub(crate) fn reset(&mut self) {
        for reporter in self.reporters.iter_mut().flatten() {
            reporter.forget();
        }
        self.open.clear();
        self.remembered.clear();
        self.desired.clear();
        self.faults.clear();
        self.online = false;
    }

    /// Tells what is new after a step, or after it was told something.
    pub(crate) fn observe(&mut self, body: &dyn Body, index: usize, now: Timestamp, reports: &mut Vec<Report>) {
        let reachable = body.is_reachable(index) && !self.silent;
        if reachable != self.online {
            if reachable {
                return self.announce(body, index, now, reports);
            }
            self.online = false;
            // Whatever it was doing is lost with its power; whoever waits is told by the deadline.
            self.open.clear();
            reports.push(self.report(now, Said::Offline));
        }
        if !self.online {
            return;
        }
        let changed: Vec<(Name, Value)> = self
            .model
            .properties
            .keys()
            .zip(&mut self.reporters)
            .enumerate()
            .filter_map(|(property, (name, reporter))| {
                let (value, reporter) = (body.read(index, property), reporter.as_mut()?);
                let Some(fault) = self.faults.get(&property) else {
                    return reporter.wants(now, &value).then(|| (name.clone(), value));
                };
                let told = reporter.is_older(now, BROKEN_EVERY).then(|| fault.tell(value, now)).flatten()?;
                reporter.tell(now, &told);
                Some((name.clone(), told))
            })
            .collect();
        if !changed.is_empty() {
            let command = self.open.last().and_then(|open| open.command.clone());
            reports.push(self.report(now, Said::Properties { values: changed, command }));
        }
        self.follow_commands(body, index, now, reports);
    }

    /// Tells that it is there, what it is and everything it knows.
    pub(crate) fn announce(&mut self, body: &dyn Body, index: usize, now: Timestamp, reports: &mut Vec<Report>) {
        self.online = true;
        reports.push(self.report(now, Said::Online(Arc::clone(&self.model))));
        let mut all = Vec::with_capacity(self.reporters.len());
        for (property, (name, reporter)) in self.model.properties.keys().zip(&mut self.reporters).enumerate() {
            let Some(reporter) = reporter else { continue };
            let value = body.read(index, property);
            let told = match self.faults.get(&property) {
                Some(fault) => fault.tell(value, now),
                None => Some(value),
            };
            let Some(value) = told else { continue };
            reporter.tell(now, &value);
            all.push((name.clone(), value));
        }
        if !all.is_empty() {
            reports.push(self.report(now, Said::Properties { values: all, command: None }));
        }
    }

    /// Breaks the instrument behind a property, or makes it whole again. False when it tells no numbers.
    pub(crate) fn fault(
        &mut self,
        name: &Name,
        kind: Option<FaultKind>,
        body: &dyn Body,
        index: usize,
        now: Timestamp,
    ) -> bool {
        let found = self.model.properties.iter().enumerate().find(|(_, (known, _))| *known == name);
        let Some((property, (_, model))) = found.filter(|(_, (_, model))| model.readable) else { return false };
        match kind {
            None => drop(self.faults.remove(&property)),
            Some(kind) => {
                let Some(fault) = Fault::new(kind, model, &body.read(index, property), now) else { return false };
                self.faults.insert(property, fault);
            }
        }
        true
    }

    /// Tells an event.
    pub(crate) fn tell_event(&self, event: usize, value: Value, now: Timestamp, reports: &mut Vec<Report>) {
        let name = self.model.events.keys().nth(event).filter(|_| self.online);
        if let Some(name) = name {
            reports.push(self.report(now, Said::Event { name: name.clone(), value }));
        }
    }

    /// Takes an instruction.
    pub(crate) fn instruct(
        &mut self,
        instruction: Instruction,
        body: &mut dyn Body,
        index: usize,
        now: Timestamp,
        reports: &mut Vec<Report>,
    ) {
        match instruction {
            Instruction::Desired(desired) => self.apply_desired(desired, body, index),
            Instruction::Invoke { command, action, input } => {
                self.invoke(command, action, input, body, index, now, reports);
            }
        }
        self.observe(body, index, now, reports);
    }

    /// Writes what differs from what was desired before. What is repeated (a retained message after a reconnection)
    /// does not undo what was done at the thing itself since.
    fn apply_desired(&mut self, desired: BTreeMap<Name, Value>, body: &mut dyn Body, index: usize) {
        for (name, value) in &desired {
            if self.desired.get(name) == Some(value) {
                continue;
            }
            let Ok(checked) = self.model.check_write(name, value.clone()) else { continue };
            if checked == Value::Null {
                continue;
            }
            if let Some(property) = self.model.properties.keys().position(|known| known == name) {
                body.write(index, property, &checked);
            }
        }
        self.desired = desired;
    }

    fn invoke(
        &mut self,
        command: Option<CommandId>,
        action: Name,
        input: Value,
        body: &mut dyn Body,
        index: usize,
        now: Timestamp,
        reports: &mut Vec<Report>,
    ) {
        if command.is_some() {
            if let Some(done) = self.remembered.iter().find(|status| status.command == command).cloned() {
                return reports.push(self.report(now, Said::Action(done)));
            }
            if self.open.iter().any(|open| open.command == command) {
                return;
            }
        }
        let refuse = |thing: &mut Self, error: String, reports: &mut Vec<Report>| {
            let status = ActionStatus::new(command.clone(), action.clone(), CommandState::Failed);
            thing.finish(ActionStatus { error: Some(error), ..status }, now, reports);
        };
        let input = match self.model.check_input(&action, input) {
            Ok(input) => input,
            Err(error) => return refuse(self, error.to_string(), reports),
        };
        let position = self.model.actions.keys().position(|known| *known == action);
        let position = position.expect("an action whose input was checked is in the model");
        if let Some(older) = self.open.iter().position(|open| open.action == position) {
            let older = self.open.remove(older);
            let status = ActionStatus::new(older.command, action.clone(), CommandState::Failed);
            let error = Some("a newer command of the same action took its place".to_owned());
            self.finish(ActionStatus { error, ..status }, now, reports);
        }
        if self.open.len() >= COMMANDS_OPEN_MAX {
            return refuse(self, format!("{COMMANDS_OPEN_MAX} commands are at work already"), reports);
        }
        if let Err(error) = body.start(index, position, &input) {
            return refuse(self, error, reports);
        }
        let accepted = ActionStatus::new(command.clone(), action, CommandState::Accepted);
        reports.push(self.report(now, Said::Action(accepted)));
        self.open.push(Open { command, action: position, told: -1.0 });
    }

    /// Tells how far the open commands have come.
    fn follow_commands(&mut self, body: &dyn Body, index: usize, now: Timestamp, reports: &mut Vec<Report>) {
        let mut at = 0;
        while at < self.open.len() {
            let open = &mut self.open[at];
            let action = self.model.actions.keys().nth(open.action).expect("an open command is of the model").clone();
            let status = |state| ActionStatus::new(open.command.clone(), action, state);
            match body.progress(index, open.action) {
                Progress::Running(part) => {
                    if part - open.told >= PROGRESS_STEP || open.told < 0.0 {
                        let progress = Some(libm::round(part.clamp(0.0, 1.0) * 100.0) / 100.0);
                        let running = ActionStatus { progress, ..status(CommandState::Running) };
                        open.told = part.max(0.0);
                        reports.push(self.report(now, Said::Action(running)));
                    }
                    at += 1;
                }
                Progress::Finished(output) => {
                    let finished = ActionStatus { output, ..status(CommandState::Finished) };
                    self.open.remove(at);
                    self.finish(finished, now, reports);
                }
                Progress::Failed(error) => {
                    let failed = ActionStatus { error: Some(error), ..status(CommandState::Failed) };
                    self.open.remove(at);
                    self.finish(failed, now, reports);
                }
            }
        }
    }

    fn finish(&mut self, status: ActionStatus, now: Timestamp, reports: &mut Vec<Report>) {
        if status.command.is_some() {
            if self.remembered.len() >= COMMANDS_REMEMBERED_MAX {
                self.remembered.pop_front();
            }
            self.remembered.push_back(status.clone());
        }
        reports.push(self.report(now, Said::Action(status)));
    }

    fn report(&self, time: Timestamp, said: Said) -> Report {
        Report { thing: self.id.clone(), time, said }
    }
}
