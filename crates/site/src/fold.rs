//! The fold: reads the durable log in order, has it decoded, and applies it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use connect::{Adapter, Decoded, Diagnostic};
use model::{Cause, CauseKind, Entry, Position, Quality, Record, RecordKind, ThingId, Timestamp, Value};
use parking_lot::MutexGuard;
use store::history::{Batch, HistoryError};
use store::log::LogError;
use twin::ThingIndex;

use crate::apply::{Apply, Made};
use crate::counters::{add, count};
use crate::error::SiteError;
use crate::mind::Gathered;
use crate::options::BATCH_ENTRIES_MAX;
use crate::site::Site;

/// How much of the [`Decoded`] belongs to an entry: where its part ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// Which adapter claimed it.
    pub(crate) adapter: Option<usize>,
    pub(crate) records: usize,
    pub(crate) discovered: usize,
    pub(crate) removed: usize,
    pub(crate) steps: usize,
    pub(crate) diagnostics: usize,
}

/// Where the fold stands, and the buffers it uses again and again.
#[derive(Debug)]
pub(crate) struct Fold {
    /// Everything up to here has been read and applied.
    pub(crate) position: Position,
    /// Everything up to here is in the history.
    pub(crate) in_history: Position,
    /// How many entries were folded since the last checkpoint.
    pub(crate) since_checkpoint: u64,
    /// For the rate: when it was last worked out, how many records there were, and what it was.
    rate: (Timestamp, u64, f64),
    /// When it was last looked at which values are too old to be known.
    expired_at: Timestamp,
    heard: Vec<Heard>,
    batch: Batch,
    /// What the mind gets of the batch.
    gathered: Gathered,
    /// The history had no room for the batch, which belongs to this position. Nothing is folded until it has.
    waiting: Option<Position>,
}

/// How often it is looked at which values are too old to be known.
const EXPIRY_EVERY: Duration = Duration::from_secs(2);

/// What a batch asks to be done once the locks are open.
#[derive(Debug, Default)]
pub(crate) struct Afterwards {
    /// Things that were not taken in: their adapters need not remember them.
    pub(crate) refused: Vec<ThingId>,
    /// Things whose wishes changed by what they reported.
    pub(crate) desired_changed: Vec<ThingId>,
}

impl Fold {
    pub(crate) fn starting_after(position: Position, in_history: Position, now: Timestamp) -> Self {
        Self {
            position,
            in_history,
            since_checkpoint: 0,
            rate: (now, 0, 0.0),
            expired_at: now,
            heard: Vec::new(),
            batch: Batch::default(),
            gathered: Gathered::default(),
            waiting: None,
        }
    }

    /// Records per second, about.
    pub(crate) fn records_per_second(&mut self, records: u64, now: Timestamp) -> f64 {
        let (then, before, rate) = self.rate;
        let seconds = now.since(then).as_secs_f64();
        if seconds >= 1.0 || now < then {
            let rate = if now < then { rate } else { records.saturating_sub(before) as f64 / seconds };
            self.rate = (now, records, rate);
        }
        self.rate.2
    }
}

impl Site {
    /// Folds everything that is durable now, and then looks after what time brings: deadlines, who is connected, and what
    /// the mind and the rules have to think about. Returns how many entries were folded. [`Site::start`] does this all the time; tests
    /// and stepped sites call it.
    pub fn turn(&self) -> Result<usize, SiteError> {
        let folded = self.fold_all()?;
        self.think(usize::MAX);
        self.infer();
        self.follow_rules();
        Ok(folded)
    }

    /// Folds everything that is durable now, and looks at the clock.
    pub(crate) fn fold_all(&self) -> Result<usize, SiteError> {
        let mut folded = 0;
        while let Some((count, _)) = self.fold_some()? {
            folded += count;
        }
        self.look_at_the_clock(self.clock.now());
        Ok(folded)
    }

    /// Folds the next entries, at most [`BATCH_ENTRIES_MAX`]. Returns how many there were, and when the last of them was
    /// received; `None` at the end of the log.
    pub(crate) fn fold_some(&self) -> Result<Option<(usize, Timestamp)>, SiteError> {
        let mut fold = self.fold.lock();
        self.settle_history(&mut fold)?;
        let from = if fold.position == Position::START { Position::START } else { fold.position.next() };
        let entries = match self.log.read(from, BATCH_ENTRIES_MAX) {
            Ok(entries) => entries,
            Err(LogError::Gone { asked, first }) => {
                let missed = first.0.saturating_sub(asked.0);
                tracing::error!(missed, %first, "entries were removed from the log before they were folded");
                add(&self.counters.entries_missed, missed as usize);
                self.log.read(first, BATCH_ENTRIES_MAX)?
            }
            Err(error) => return Err(error.into()),
        };
        let Some((last, received)) = entries.last().map(|entry| (entry.position, entry.received)) else {
            return Ok(None);
        };
        let mut decoded = Decoded::default();
        self.decode(&mut fold, &entries, &mut decoded);
        let afterwards = self.apply(&mut fold, &entries, decoded, last);
        fold.position = last;
        fold.since_checkpoint += entries.len() as u64;
        add(&self.counters.entries, entries.len());
        self.append_history(&mut fold, last);
        // After the history, so that a detector which learns from it finds there what it does not take from here.
        add(&self.counters.mind_samples_dropped, self.mind.feed.push(&mut fold.gathered));
        // Whoever waits to write a checkpoint gets in between two batches.
        MutexGuard::unlock_fair(fold);
        self.do_afterwards(afterwards);
        Ok(Some((entries.len(), received)))
    }

    fn decode(&self, fold: &mut Fold, entries: &[Entry], decoded: &mut Decoded) {
        fold.heard.clear();
        let mut adapters = self.adapters.lock();
        for entry in entries {
            let adapter = adapters.list.iter_mut().position(|adapter| decode_one(&mut **adapter, entry, decoded));
            match adapter {
                Some(at) => self.decode_retained(&mut *adapters.list[at], entry, decoded),
                None => count(&self.counters.entries_unclaimed),
            }
            fold.heard.push(Heard {
                adapter,
                records: decoded.records.len(),
                discovered: decoded.discovered.len(),
                removed: decoded.removed.len(),
                steps: decoded.command_steps.len(),
                diagnostics: decoded.diagnostics.len(),
            });
        }
    }

    /// What was retained on a topic before anybody knew what it is about is said now.
    fn decode_retained(&self, adapter: &mut dyn Adapter, entry: &Entry, decoded: &mut Decoded) {
        for wanted in std::mem::take(&mut decoded.retained_wanted) {
            let Some(publisher) = self.publisher.get() else { continue };
            for retained in publisher.retained(&wanted) {
                let said = Entry { topic: retained.topic, payload: retained.payload, retain: true, ..entry.clone() };
                decode_one(adapter, &said, decoded);
            }
        }
        decoded.retained_wanted.clear();
    }

    fn apply(&self, fold: &mut Fold, entries: &[Entry], decoded: Decoded, last: Position) -> Afterwards {
        add(&self.counters.records, decoded.records.len());
        add(&self.counters.diagnostics, decoded.diagnostics.len());
        let mut live: Vec<Record> = Vec::with_capacity(decoded.records.len());
        let mut again: Vec<Record> = Vec::new();
        let adapters = self.adapters.lock().names.clone();
        let mut things = self.things.write();
        let made = Made { batch: &mut fold.batch, gathered: &mut fold.gathered, live: &mut live, again: &mut again };
        let mut apply = Apply::new(self, &mut things, &adapters, fold.in_history, made);
        apply.entries(entries, &fold.heard, decoded);
        let afterwards = apply.finish();
        things.applied = things.applied.max(last);
        self.inference.post.tap(entries, &live);
        let live: Arc<[Record]> = live.into();
        // Under the lock, so that records of commands come in order.
        add(&self.counters.rule_records_dropped, self.rules.feed.push(last, &for_rules(&live, again)));
        self.live.push(last, live);
        afterwards
    }

    /// Values whose things promised to say them again, and did not, become unknown.
    pub(crate) fn expire_values(&self, now: Timestamp) {
        let mut fold = self.fold.lock();
        let is_early = now >= fold.expired_at && now.since(fold.expired_at) < EXPIRY_EVERY;
        if is_early || fold.waiting.is_some() {
            return;
        }
        fold.expired_at = now;
        let cause = Arc::new(Cause::new(CauseKind::System, "not reported in time"));
        let mut expired: Vec<(ThingIndex, Record)> = Vec::new();
        let mut things = self.things.write();
        for (index, slot) in things.registry.iter().filter(|(_, slot)| !slot.thing.expires_after.is_empty()) {
            let over = slot.twin.expired(&slot.thing.expires_after, now);
            expired.extend(over.into_iter().map(|reported| {
                let record = Record {
                    position: things.applied,
                    time: now,
                    received: now,
                    thing: slot.thing.id.clone(),
                    kind: RecordKind::Property,
                    name: reported.name.clone(),
                    value: Value::Null,
                    quality: Quality::Bad,
                    cause: Arc::clone(&cause),
                };
                (index, record)
            }));
        }
        let mut live: Vec<Record> = Vec::with_capacity(expired.len());
        for (index, mut record) in expired {
            let slot = things.registry.slot_mut(index);
            let model = Arc::clone(&slot.thing.model);
            if let Some(applied) = slot.twin.report(&mut record, &model) {
                let series = slot.twin.properties()[applied.property].series;
                fold.batch.points.extend(series.map(|series| (series, now, Value::Null)));
                things.remember(index, &record);
                live.push(record);
            }
        }
        let live: Arc<[Record]> = live.into();
        add(&self.counters.rule_records_dropped, self.rules.feed.push(things.applied, &live));
        self.live.push(things.applied, live);
        drop(things);
        if !fold.batch.points.is_empty() {
            let last = fold.in_history;
            self.append_points(&mut fold, last);
        }
    }

    /// Hands the points to the history, which keeps the position with them.
    fn append_history(&self, fold: &mut Fold, last: Position) {
        if last > fold.in_history {
            self.append_points(fold, last);
        } else {
            fold.batch.points.clear();
        }
    }

    fn append_points(&self, fold: &mut Fold, last: Position) {
        add(&self.counters.points, fold.batch.points.len());
        if let Err(error) = self.try_append(fold, last) {
            count(&self.counters.history_errors);
            if fold.waiting.is_some() {
                tracing::error!(%error, "the fold waits for the history");
            } else {
                tracing::error!(%error, "the history did not take points; they are folded again after a restart");
            }
        }
    }

    fn try_append(&self, fold: &mut Fold, last: Position) -> Result<(), HistoryError> {
        let appended = self.history.append(&fold.batch, last);
        fold.waiting = matches!(appended, Err(HistoryError::NoRoom(_))).then_some(last);
        if fold.waiting.is_none() {
            fold.batch.points.clear();
        }
        if appended.is_ok() {
            fold.in_history = fold.in_history.max(last);
        }
        appended
    }

    /// Hands over what the history had no room for. While it has none, the fold must not go on: the position of later
    /// points would cover these.
    pub(crate) fn settle_history(&self, fold: &mut Fold) -> Result<(), SiteError> {
        match fold.waiting {
            Some(last) => Ok(self.try_append(fold, last)?),
            None => Ok(()),
        }
    }

    fn do_afterwards(&self, afterwards: Afterwards) {
        if !afterwards.refused.is_empty() {
            let mut adapters = self.adapters.lock();
            for thing in &afterwards.refused {
                adapters.list.iter_mut().for_each(|adapter| adapter.forget(thing));
            }
        }
        for thing in afterwards.desired_changed {
            self.publish_desired(&thing);
        }
    }
}

/// What the rules get of a batch, in the order of the log.
fn for_rules(live: &Arc<[Record]>, again: Vec<Record>) -> Arc<[Record]> {
    if again.is_empty() {
        return Arc::clone(live);
    }
    let mut both: Vec<Record> = again.into_iter().chain(live.iter().cloned()).collect();
    both.sort_by_key(|record| record.position);
    both.into()
}

/// Has one entry decoded. An adapter that panics over an entry must not take the site with it, at this entry and again at
/// every start: the entry counts as not understood.
fn decode_one(adapter: &mut dyn Adapter, entry: &Entry, decoded: &mut Decoded) -> bool {
    let decode = AssertUnwindSafe(|| adapter.decode(entry, decoded));
    std::panic::catch_unwind(decode).unwrap_or_else(|_panic| {
        tracing::error!(position = %entry.position, topic = %entry.topic, "an adapter panicked over an entry");
        let detail = format!("the adapter {} failed over {}", adapter.name(), entry.topic);
        decoded.diagnostics.push(Diagnostic { thing: None, code: "adapter_failed", detail });
        true
    })
}
