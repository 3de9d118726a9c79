//! Who commanded what: noted as it goes out, because the history keeps what became of things and not who wanted it.

use model::{CauseKind, Command, CommandId, Name, ThingId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use store::state::Table;

use super::super::shelf::{Kept, Shelf};
use super::Suggestions;

/// The most commands that are remembered for habits. The oldest go, and habits are looked for in the time since then.
pub const HABIT_NOTES_MAX: usize = 20_000;

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The command's; they sort by time.
    id: String,
    pub(super) time: Timestamp,
    pub(super) thing: ThingId,
    /// Which property or action.
    pub(super) name: Name,
    pub(super) value: Value,
    /// A write, not an action.
    pub(super) write: bool,
    /// Somebody wanted it at that moment.
    pub(super) by_hand: bool,
    /// The rule that wanted it.
    pub(super) rule: Option<String>,
}

impl Kept for Note {
    const TABLE: Table = Table::HabitNote;

    fn id(&self) -> &str {
        &self.id
    }
}

impl Note {
    fn of(command: &Command) -> Option<Self> {
        let by_hand = matches!(command.cause.kind, CauseKind::User | CauseKind::Token);
        let is_rule = command.cause.kind == CauseKind::Rule;
        // What policies set to numbers is no switch: nobody looks for hands there, and it is much.
        let is_switch = !command.write || !matches!(command.input, Value::Integer(_) | Value::Float(_));
        (by_hand || is_rule || is_switch).then(|| Self {
            id: command.id.to_string(),
            time: command.created,
            thing: command.thing.clone(),
            name: command.action.clone(),
            value: command.input.clone(),
            write: command.write,
            by_hand,
            rule: is_rule.then(|| command.cause.id.to_string()),
        })
    }
}

impl Suggestions {
    /// Notes commands that go out. Quick; never blocks.
    pub(crate) fn note<'a>(&self, commands: impl Iterator<Item = &'a Command>) {
        let mut notes = self.notes.lock();
        for note in commands.filter_map(Note::of) {
            notes.put(note);
        }
        forget(&mut notes, |_| false);
    }

    /// A command was decided on earlier, and is no act of the moment.
    pub(crate) fn is_not_by_hand(&self, id: &CommandId) {
        if let Some(note) = self.notes.lock().get_mut(id.as_str()) {
            note.by_hand = false;
        }
    }

    /// Forgets what is older than a time.
    pub(super) fn forget_notes_before(&self, time: Timestamp) {
        forget(&mut self.notes.lock(), |note| note.time < time);
    }

    /// Every note, oldest first, and from when on none is missing.
    pub(super) fn notes(&self, from: Timestamp) -> (Vec<Note>, Timestamp) {
        let notes = self.notes.lock();
        let is_full = notes.len() >= HABIT_NOTES_MAX;
        let oldest = notes.iter().next().filter(|_| is_full).map_or(from, |note| note.time.max(from));
        (notes.iter().filter(|note| note.time >= oldest).cloned().collect(), oldest)
    }
}

fn forget(notes: &mut Shelf<Note>, is_old: impl Fn(&Note) -> bool) {
    let surplus = notes.len().saturating_sub(HABIT_NOTES_MAX);
    let goes = notes.iter().enumerate().take_while(|(at, note)| *at < surplus || is_old(note));
    let gone: Vec<String> = goes.map(|(_, note)| note.id.clone()).collect();
    gone.iter().for_each(|id| drop(notes.remove(id)));
}
