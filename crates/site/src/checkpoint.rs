//! Writing down where the fold stands, so that a restart replays only what came after.
//!
//! The order matters: the history is made durable first, then twins, adapters and the position go into one
//! transaction. So the position on disk is never ahead of the history on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{CommandId, Position, ThingId};
use store::state::{Change, Table};
use twin::{Checkpoint, CommandRow, Thing};

use crate::counters::count;
use crate::error::SiteError;
use crate::site::{FOLD_SETTING, Site};
use crate::things::Things;

/// Rows that changed.
#[derive(Default)]
struct Rows {
    things: Vec<Arc<Thing>>,
    removed_things: Vec<ThingId>,
    commands: Vec<CommandRow>,
    removed_commands: Vec<CommandId>,
    twins: Vec<(ThingId, Checkpoint)>,
}

/// Where the fold stood at one moment.
struct Snapshot {
    position: Position,
    /// Entries folded since the last one.
    entries: u64,
    rows: Rows,
    /// Name, revision and state of the adapters that changed.
    adapters: Vec<(usize, u64, serde_json::Value)>,
}

impl Snapshot {
    /// Whether the disk knows all of this already, so that an idle site leaves it asleep.
    fn is_nothing(&self) -> bool {
        self.entries == 0 && self.adapters.is_empty() && self.rows.is_nothing()
    }
}

impl Rows {
    fn is_nothing(&self) -> bool {
        let Self { things, removed_things, commands, removed_commands, twins } = self;
        things.is_empty()
            && removed_things.is_empty()
            && commands.is_empty()
            && removed_commands.is_empty()
            && twins.is_empty()
    }

    fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::with_capacity(self.things.len() + self.commands.len());
        for id in &self.removed_things {
            changes.push(Change::delete(Table::Thing, id.as_str()));
            changes.push(Change::delete(Table::Twin, id.as_str()));
            changes.push(Change::DeleteKey { table: Table::Command, key: id.to_string() });
        }
        for thing in &self.things {
            let status = thing.status.as_str().to_owned();
            changes.push(Change::put(Table::Thing, thing.id.as_str(), Some(status), &**thing));
        }
        for id in &self.removed_commands {
            changes.push(Change::delete(Table::Command, id.as_str()));
        }
        for row in &self.commands {
            let thing = row.command.thing.to_string();
            changes.push(Change::put(Table::Command, row.command.id.as_str(), Some(thing), row));
        }
        for (id, checkpoint) in &self.twins {
            changes.push(Change::put(Table::Twin, id.as_str(), None, checkpoint));
        }
        changes
    }
}

impl Site {
    fn take_rows(things: &mut Things) -> Rows {
        let (rows, removed_things) = things.registry.take_changes();
        let (commands, removed_commands) = things.commands.take_changes();
        Rows { things: rows, removed_things, commands, removed_commands, twins: Vec::new() }
    }

    fn give_back(&self, rows: Rows) {
        let mut things = self.things.write();
        things.registry.give_back(&rows.things, rows.removed_things);
        things.commands.give_back(&rows.commands, rows.removed_commands);
        things.registry.give_back_checkpoints(rows.twins.into_iter().map(|(id, _)| id));
    }

    /// Writes down the rows of things and commands that changed. Afterwards they survive.
    ///
    /// The twins of those things go with them, because a row is only right for the twin that it was made with. They
    /// may be ahead of the fold's position on disk (each remembers its own), but never ahead of the history.
    pub(crate) fn write_rows(&self) -> Result<(), SiteError> {
        self.write_rows_with(Vec::new())
    }

    /// The same, with further changes that stand or fall with them.
    pub(crate) fn write_rows_with(&self, more: Vec<Change>) -> Result<(), SiteError> {
        let _one = self.keeping.lock();
        let (mut rows, settled) = {
            // Between two batches, so that what the twins have seen was handed to the history, too.
            let mut fold = self.fold.lock();
            let settled = self.settle_history(&mut fold);
            let mut things = self.things.write();
            let rows = Self::take_rows(&mut things);
            let ids =
                rows.things.iter().map(|thing| &thing.id).chain(rows.commands.iter().map(|row| &row.command.thing));
            let twins: BTreeMap<ThingId, Checkpoint> =
                ids.filter_map(|id| Some((id.clone(), things.registry.get(id)?.twin.checkpoint()))).collect();
            (Rows { twins: twins.into_iter().collect(), ..rows }, settled)
        };
        if rows.is_nothing() && more.is_empty() {
            return Ok(());
        }
        if let Err(error) = settled.and_then(|()| Ok(self.history.sync()?)) {
            tracing::error!(%error, "the history cannot be written; what is known of things now is written down without it");
            rows.twins.clear();
        }
        let changes = more.into_iter().chain(rows.changes()).collect();
        if let Err(error) = self.state.commit(changes, self.clock.now()) {
            self.give_back(rows);
            return Err(error.into());
        }
        Ok(())
    }

    /// Writes down everything that a restart needs, as it is between two batches of the fold.
    pub fn checkpoint(&self) -> Result<(), SiteError> {
        let _one = self.keeping.lock();
        let snapshot = self.snapshot()?;
        if snapshot.is_nothing() {
            return Ok(());
        }
        let written = self.write_snapshot(&snapshot);
        if written.is_ok() {
            count(&self.counters.checkpoints);
            let mut adapters = self.adapters.lock();
            for (at, revision, _) in &snapshot.adapters {
                adapters.saved[*at] = Some(*revision);
            }
        } else {
            count(&self.counters.checkpoint_errors);
            self.fold.lock().since_checkpoint += snapshot.entries;
            self.give_back(snapshot.rows);
        }
        written
    }

    fn snapshot(&self) -> Result<Snapshot, SiteError> {
        let mut fold = self.fold.lock();
        self.settle_history(&mut fold)?;
        let entries = std::mem::take(&mut fold.since_checkpoint);
        let adapters = self.adapters.lock();
        let changed = adapters.list.iter().zip(&adapters.saved).enumerate();
        let changed = changed.filter(|(_, (adapter, saved))| **saved != Some(adapter.revision()));
        let changed = changed.map(|(at, (adapter, _))| (at, adapter.revision(), adapter.save())).collect();
        drop(adapters);
        let mut things = self.things.write();
        let rows = Rows { twins: things.registry.take_checkpoints(), ..Self::take_rows(&mut things) };
        Ok(Snapshot { position: fold.position, entries, rows, adapters: changed })
    }

    fn write_snapshot(&self, snapshot: &Snapshot) -> Result<(), SiteError> {
        self.history.sync()?;
        let mut changes = snapshot.rows.changes();
        let names = self.adapters.lock().names.clone();
        for (at, _, state) in &snapshot.adapters {
            changes.push(Change::put(Table::Adapter, &*names[*at], None, state));
        }
        // A history that lags behind (its disk failed) is folded again from where it stands.
        let position = snapshot.position.min(self.history.applied());
        changes.push(Change::put(Table::Setting, FOLD_SETTING, None, &position));
        self.state.commit(changes, self.clock.now())?;
        Ok(())
    }
}
