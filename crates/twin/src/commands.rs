//! Commands and their life: sent, accepted, running, finished, failed, timed out.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use model::{Command, CommandId, CommandState, Name, Position, ThingId, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// The most commands of one thing that may be open at a time; further ones are refused.
pub const OPEN_PER_THING_MAX: usize = 64;

/// The newest commands of one thing that are kept when they are over.
pub const OVER_PER_THING_MAX: usize = 32;

/// The most commands kept of all things together when they are over; the oldest ones go first.
pub const OVER_TOTAL_MAX: usize = 20_000;

/// The most entries that are remembered as effects of one command.
pub const EFFECTS_PER_COMMAND_MAX: usize = 16;

/// How long after an action a change of the thing's state counts as its effect.
pub const EFFECT_WINDOW: Duration = Duration::from_secs(3);

/// A command with what has to be known about it besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRow {
    /// The command.
    pub command: Command,
    /// Its entry on the log, once published.
    #[serde(default)]
    pub position: Option<Position>,
    /// The entries in which the thing reported what the command brought about.
    #[serde(default)]
    pub effects: Vec<Position>,
}

/// A step in the life of a command, as the thing said it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// Which command; `None` for the oldest open one of this action.
    pub command: Option<&'a CommandId>,
    /// Whose.
    pub thing: &'a ThingId,
    /// Which action or property.
    pub action: &'a Name,
    /// Where it stands now.
    pub state: CommandState,
    /// What the thing answered.
    pub output: &'a Value,
    /// Why it failed.
    pub error: Option<&'a str>,
}

/// Too many commands of one thing are open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} has {OPEN_PER_THING_MAX} open commands, which is the limit\nhint: wait until it has answered some of them"
)]
pub struct CommandsFull(pub ThingId);

#[derive(Debug, Default)]
struct OfThing {
    /// Oldest first.
    ids: VecDeque<CommandId>,
    open: usize,
    /// When the last action was sent, and its entry.
    last_action: Option<(Timestamp, Position)>,
}

/// All commands that are open, and the newest that are over.
#[derive(Debug, Default)]
pub struct CommandBook {
    rows: HashMap<CommandId, CommandRow, ahash::RandomState>,
    of_thing: HashMap<ThingId, OfThing, ahash::RandomState>,
    deadlines: BTreeSet<(Timestamp, CommandId)>,
    /// In the order in which they ended.
    over: VecDeque<CommandId>,
    /// From an entry that reports an effect to the entry of the command that led to it.
    effects: HashMap<Position, Position, ahash::RandomState>,
    changed: HashSet<CommandId, ahash::RandomState>,
    removed: Vec<CommandId>,
}

impl CommandBook {
    /// Goes on with rows that were kept.
    pub fn restore(rows: impl IntoIterator<Item = CommandRow>) -> Self {
        let mut rows: Vec<CommandRow> = rows.into_iter().collect();
        rows.sort_by(|a, b| (a.command.created, &a.command.id).cmp(&(b.command.created, &b.command.id)));
        let mut ended: Vec<(Timestamp, CommandId)> = Vec::new();
        let mut book = Self::default();
        for row in rows {
            let command = &row.command;
            if command.state.is_final() {
                ended.push((command.updated, command.id.clone()));
            }
            if let Some(position) = row.position {
                book.effects.extend(row.effects.iter().map(|effect| (*effect, position)));
            }
            book.insert(row);
        }
        ended.sort();
        book.over = ended.into_iter().map(|(_, id)| id).collect();
        book
    }

    fn insert(&mut self, row: CommandRow) {
        let command = &row.command;
        let of_thing = self.of_thing.entry(command.thing.clone()).or_default();
        of_thing.ids.push_back(command.id.clone());
        if !command.state.is_final() {
            of_thing.open += 1;
            self.deadlines.insert((command.deadline, command.id.clone()));
        }
        if let (Some(position), false) = (row.position, command.write) {
            of_thing.last_action = Some((command.created, position));
        }
        self.rows.insert(command.id.clone(), row);
    }

    /// Adds a new command. Older open writes of the same property fail: the newer wish counts. Returns those.
    pub fn add(&mut self, command: Command) -> Result<Vec<Command>, CommandsFull> {
        let (id, thing, now) = (command.id.clone(), command.thing.clone(), command.created);
        let superseded = if command.write { self.open_of(&thing, &command.action, true) } else { Vec::new() };
        let open = self.of_thing.get(&thing).map_or(0, |of_thing| of_thing.open);
        if open - superseded.len().min(open) >= OPEN_PER_THING_MAX {
            return Err(CommandsFull(thing));
        }
        self.insert(CommandRow { command, position: None, effects: Vec::new() });
        self.changed.insert(id);
        let fail = |id: CommandId| {
            self.advance(&id, CommandState::Failed, &Value::Null, Some("superseded by a newer write"), now)
        };
        Ok(superseded.into_iter().filter_map(fail).collect())
    }

    /// How many more commands a thing may have open.
    pub fn room(&self, thing: &ThingId) -> usize {
        OPEN_PER_THING_MAX.saturating_sub(self.of_thing.get(thing).map_or(0, |of_thing| of_thing.open))
    }

    /// The command went out as this entry.
    pub fn published(&mut self, id: &CommandId, position: Position) {
        let Some(row) = self.rows.get_mut(id) else { return };
        row.position = Some(position);
        self.changed.insert(id.clone());
        if !row.command.write
            && let Some(of_thing) = self.of_thing.get_mut(&row.command.thing)
        {
            of_thing.last_action = Some((row.command.created, position));
        }
    }

    /// Open commands of an action (or writes of a property), oldest first.
    fn open_of(&self, thing: &ThingId, action: &Name, write: bool) -> Vec<CommandId> {
        let ids = self.of_thing.get(thing).into_iter().flat_map(|of_thing| &of_thing.ids);
        let open = ids.filter_map(|id| self.rows.get(id)).map(|row| &row.command);
        open.filter(|command| !command.state.is_final() && command.write == write && command.action == *action)
            .map(|command| command.id.clone())
            .collect()
    }

    /// Takes in what a thing said about a command. Returns the command when that was news.
    pub fn step(&mut self, step: &Step<'_>, now: Timestamp) -> Option<Command> {
        let oldest = |write| self.open_of(step.thing, step.action, write).into_iter().next();
        let id = step.command.cloned().or_else(|| oldest(false)).or_else(|| oldest(true))?;
        // A thing speaks only for its own commands.
        if self.rows.get(&id)?.command.thing != *step.thing {
            return None;
        }
        self.advance(&id, step.state, step.output, step.error, now)
    }

    /// Moves a command on, if it may. Returns it when it moved.
    pub fn advance(
        &mut self,
        id: &CommandId,
        state: CommandState,
        output: &Value,
        error: Option<&str>,
        now: Timestamp,
    ) -> Option<Command> {
        let command = &mut self.rows.get_mut(id)?.command;
        if !command.state.may_become(state) {
            return None;
        }
        command.state = state;
        command.updated = now.max(command.created);
        if *output != Value::Null {
            command.output.clone_from(output);
        }
        command.error = error.map(str::to_owned);
        let moved = command.clone();
        self.changed.insert(id.clone());
        if state.is_final() {
            self.deadlines.remove(&(moved.deadline, moved.id.clone()));
            self.over.push_back(moved.id.clone());
            if let Some(of_thing) = self.of_thing.get_mut(&moved.thing) {
                of_thing.open = of_thing.open.saturating_sub(1);
            }
            self.trim(&moved.thing);
        }
        Some(moved)
    }

    /// Whether a report of the thing at `now` could be the effect of a command. Cheap; asked for every entry.
    pub fn watches(&self, thing: &ThingId, now: Timestamp) -> bool {
        self.of_thing.get(thing).is_some_and(|of_thing| {
            of_thing.open > 0 || of_thing.last_action.is_some_and(|(at, _)| within_window(at, now))
        })
    }

    /// A thing reported a property at `position`: what `matches` the value of an open write finishes it. Returns the
    /// entry of the command that led to the report, and the command if it moved.
    pub fn reported(
        &mut self,
        thing: &ThingId,
        name: &Name,
        changed: bool,
        position: Position,
        now: Timestamp,
        matches: &dyn Fn(&Value) -> bool,
    ) -> (Option<Position>, Option<Command>) {
        for id in self.open_of(thing, name, true) {
            let row = self.rows.get(&id).expect("open_of found it");
            let fits = matches(&row.command.input);
            if !fits && !changed {
                continue;
            }
            let led_here = self.link(&id, position);
            let finished = fits.then(|| self.advance(&id, CommandState::Finished, &Value::Null, None, now)).flatten();
            return (led_here, finished);
        }
        let last_action = self.of_thing.get(thing).and_then(|of_thing| of_thing.last_action);
        match last_action {
            Some((at, action)) if changed && within_window(at, now) => {
                let ids = self.of_thing.get(thing).map(|of_thing| of_thing.ids.iter());
                let id = ids.into_iter().flatten().rev().find(|id| self.rows[*id].position == Some(action)).cloned();
                (id.and_then(|id| self.link(&id, position)), None)
            }
            _ => (None, None),
        }
    }

    /// Remembers that the entry at `effect` reports what the command brought about.
    fn link(&mut self, id: &CommandId, effect: Position) -> Option<Position> {
        let row = self.rows.get_mut(id)?;
        let position = row.position?;
        if !row.effects.contains(&effect) && row.effects.len() < EFFECTS_PER_COMMAND_MAX {
            row.effects.push(effect);
            self.changed.insert(id.clone());
            self.effects.insert(effect, position);
        }
        Some(position)
    }

    /// The entry of the command that led to the report in the entry at `effect`.
    pub fn led_to(&self, effect: Position) -> Option<Position> {
        self.effects.get(&effect).copied()
    }

    /// Ends what has passed its deadline. Returns those commands.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Command> {
        let mut expired = Vec::new();
        while let Some((deadline, id)) = self.deadlines.first().cloned() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            let error = Some("no answer before the deadline");
            expired.extend(self.advance(&id, CommandState::TimedOut, &Value::Null, error, now));
        }
        expired
    }

    fn trim(&mut self, thing: &ThingId) {
        let Some(of_thing) = self.of_thing.get(thing) else { return };
        if of_thing.ids.len() - of_thing.open > OVER_PER_THING_MAX {
            let oldest = of_thing.ids.iter().find(|id| self.rows[*id].command.state.is_final()).cloned();
            oldest.inspect(|id| self.forget(id));
        }
        while self.over.len() > OVER_TOTAL_MAX {
            let oldest = self.over.front().cloned();
            oldest.inspect(|id| self.forget(id));
        }
    }

    fn forget(&mut self, id: &CommandId) {
        let Some(row) = self.rows.remove(id) else { return };
        if let Some(at) = self.over.iter().position(|over| over == id) {
            self.over.remove(at);
        }
        self.deadlines.remove(&(row.command.deadline, id.clone()));
        for effect in &row.effects {
            self.effects.remove(effect);
        }
        if let Some(of_thing) = self.of_thing.get_mut(&row.command.thing) {
            of_thing.ids.retain(|known| known != id);
            if !row.command.state.is_final() {
                of_thing.open = of_thing.open.saturating_sub(1);
            }
            if of_thing.ids.is_empty() {
                self.of_thing.remove(&row.command.thing);
            }
        }
        self.changed.remove(id);
        self.removed.push(id.clone());
    }

    /// Forgets every command of a thing.
    pub fn remove_thing(&mut self, thing: &ThingId) {
        let ids = self.of_thing.get(thing).map(|of_thing| of_thing.ids.clone()).unwrap_or_default();
        for id in ids {
            self.forget(&id);
        }
    }

    /// One command.
    pub fn get(&self, id: &CommandId) -> Option<&CommandRow> {
        self.rows.get(id)
    }

    /// The commands of a thing, newest first.
    pub fn of(&self, thing: &ThingId) -> impl Iterator<Item = &CommandRow> {
        let ids = self.of_thing.get(thing).into_iter().flat_map(|of_thing| of_thing.ids.iter().rev());
        ids.filter_map(|id| self.rows.get(id))
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.deadlines.len()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows that changed and the ids of those that went since the last call: what has to be written down.
    pub fn take_changes(&mut self) -> (Vec<CommandRow>, Vec<CommandId>) {
        let changed = self.changed.drain().filter_map(|id| self.rows.get(&id).cloned()).collect();
        (changed, std::mem::take(&mut self.removed))
    }

    /// What [`CommandBook::take_changes`] gave could not be written: it has to be given again.
    pub fn give_back(&mut self, changed: &[CommandRow], removed: Vec<CommandId>) {
        let known = changed.iter().map(|row| &row.command.id).filter(|id| self.rows.contains_key(*id));
        self.changed.extend(known.cloned());
        self.removed.extend(removed);
    }
}

fn within_window(at: Timestamp, now: Timestamp) -> bool {
    now >= at && now <= at + EFFECT_WINDOW
}

#[cfg(test)]
mod tests;
