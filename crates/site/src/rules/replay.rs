//! The past through other rules: series of the history, merged in the order of time, fed to engines of their own.
//!
//! Only the series that the rules read are read, each piece decoded when it is its turn. Rules are shared out to threads,
//! each with an engine and readers of its own: in a replay the history answers, so rules do not see what others would
//! have done.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use model::{Name, Position, Quality, RecordKind, ThingId, Timestamp, Value};
use rule::{
    Effect, Engine, Enlisted, Latest, Options, Outcome, Pace, Place, RecordView, Said, Trace, TraceLevel, View, What,
};
use store::History;
use store::history::{Block, HistoryError, Scan, SeriesId};

/// The longest span that is replayed.
pub const SPAN_MAX: Duration = Duration::from_hours(366 * 24);

/// The most effects of one rule that are kept of a replay; all are counted.
pub const EFFECTS_MAX: usize = 50_000;

/// The most runs of one rule that are kept of a replay, and as many that were kept from running; all are counted.
pub const RUNS_MAX: usize = rule::limits::REPLAY_TRACES_MAX as usize;

/// After how many records runs are taken from the engine.
const TAKE_EVERY: u64 = 4_096;

/// Something that is no series, to be fed in its turn.
#[derive(Debug, Clone)]
pub struct Happened {
    /// When.
    pub time: Timestamp,
    /// Whom it is about.
    pub thing: ThingId,
    /// The sort of fact.
    pub kind: RecordKind,
    /// The name.
    pub name: Name,
    /// What.
    pub value: Value,
}

/// A replay.
#[derive(Debug, Clone, Copy)]
pub struct Replay<'a> {
    /// The past.
    pub history: &'a dyn History,
    /// Where the site is.
    pub place: &'a Place,
    /// What is fed beside the history, oldest first.
    pub happened: &'a [Happened],
    /// From here on.
    pub from: Timestamp,
    /// Up to here.
    pub to: Timestamp,
    /// Which runs are traced.
    pub traces: TraceLevel,
}

/// What one rule did in a replay.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Runs that began.
    pub fired: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs that were kept from running.
    pub kept_from_running: u64,
    /// Commands: writes, actions and scenes.
    pub commands: u64,
    /// What was asked for, oldest first, at most [`EFFECTS_MAX`].
    pub effects: Vec<Effect>,
    /// The runs, oldest first, within bounds; see [`RUNS_MAX`].
    pub runs: Vec<Trace>,
    /// Runs and commands by day of the site's calendar, counted from 1970.
    pub days: BTreeMap<i64, (u64, u64)>,
}

/// What came of a replay.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// Points and other records that were fed. A series that rules of two threads read counts twice.
    pub records: u64,
    /// Each rule, by id.
    pub tallies: HashMap<Arc<str>, Tally>,
}

impl Tally {
    fn effect(&mut self, effect: Effect, place: &Place) {
        if matches!(effect.what, What::Set { .. } | What::Act { .. } | What::Scene { .. }) {
            self.commands += 1;
            self.days.entry(place.day_and_second(effect.time).0).or_default().1 += 1;
        }
        if self.effects.len() < EFFECTS_MAX {
            self.effects.push(effect);
        }
    }

    fn run(&mut self, trace: Trace, place: &Place) {
        if self.count(trace.summary.began, trace.summary.outcome, place) <= RUNS_MAX as u64 {
            self.runs.push(trace);
        }
    }

    /// Counts a run; how many of its sort there were.
    fn count(&mut self, began: Timestamp, outcome: Outcome, place: &Place) -> u64 {
        if outcome == Outcome::KeptFromRunning {
            self.kept_from_running += 1;
            return self.kept_from_running;
        }
        self.fired += 1;
        self.failed += u64::from(outcome == Outcome::Failed);
        self.days.entry(place.day_and_second(began).0).or_default().0 += 1;
        self.fired
    }
}

/// Reads one series, or what happened beside them.
enum Reader<'a> {
    Series { scan: Box<dyn Scan + 'a>, block: Block, at: usize, series: rule::SeriesId },
    Beside { rest: &'a [Happened] },
}

impl Reader<'_> {
    /// When its next record is; `None` at the end.
    fn next_time(&mut self) -> Result<Option<i64>, HistoryError> {
        match self {
            Self::Series { scan, block, at, .. } => {
                if *at == block.len() {
                    let Some(next) = scan.next()? else { return Ok(None) };
                    (*block, *at) = (next, 0);
                }
                Ok(Some(block.time(*at).0))
            }
            Self::Beside { rest } => Ok(rest.first().map(|next| next.time.0)),
        }
    }

    fn feed(&mut self, engine: &mut Engine, effects: &mut Vec<Effect>) {
        match self {
            Self::Series { block, at, series, .. } => {
                let (time, value) = (block.time(*at), block.value(*at));
                *at += 1;
                engine.feed_bound(*series, &said(&value, time), effects);
            }
            Self::Beside { rest } => {
                let Some((next, later)) = rest.split_first() else { return };
                *rest = later;
                let Happened { time, thing, kind, name, value } = next;
                let said = said(value, *time);
                let view = RecordView { thing: thing.as_str(), name: name.as_str(), kind: *kind, said };
                engine.feed(&view, effects);
            }
        }
    }
}

fn said(value: &Value, time: Timestamp) -> Said<'_> {
    Said { value, quality: Quality::Good, time, received: time, position: Position::START, cause: None }
}

/// What things reported at a time.
struct Past<'a> {
    history: &'a dyn History,
    at: Timestamp,
}

impl View for Past<'_> {
    fn latest(&self, kind: RecordKind, thing: &str, name: &str) -> Option<Latest> {
        if kind != RecordKind::Property {
            return None;
        }
        let series = series_of(self.history, &ThingId::new(thing).ok()?, name)?;
        // A series that cannot be read is not known; reading it in the replay says why.
        let point = self.history.last_at(series, self.at).ok()??;
        Some(Latest { value: point.value, time: point.time, since: point.time })
    }
}

pub(super) fn series_of(history: &dyn History, thing: &ThingId, name: &str) -> Option<SeriesId> {
    history.list(Some(thing)).into_iter().find(|info| info.key.name.as_str() == name).map(|info| info.id)
}

impl Replay<'_> {
    /// Runs rules over the past on so many threads.
    pub fn run(&self, rules: &[Enlisted], threads: usize) -> Result<Replayed, HistoryError> {
        // Rules that read the same things go to the same thread, so that few series are read twice.
        let mut rules: Vec<Enlisted> = rules.to_vec();
        let first = |one: &Enlisted| one.rule.references.first().map(|reference| reference.thing.clone());
        rules.sort_by_cached_key(first);
        let share = rules.len().div_ceil(threads.max(1)).max(1);
        let done: Vec<Result<Replayed, HistoryError>> = std::thread::scope(|scope| {
            let workers: Vec<_> = rules.chunks(share).map(|part| scope.spawn(|| self.run_some(part))).collect();
            let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(join).collect()
        });
        let mut all = Replayed::default();
        for part in done {
            let part = part?;
            all.records += part.records;
            all.tallies.extend(part.tallies);
        }
        Ok(all)
    }

    fn run_some(&self, rules: &[Enlisted]) -> Result<Replayed, HistoryError> {
        let mut tallies: HashMap<Arc<str>, Tally> =
            rules.iter().map(|one| (Arc::clone(&one.id), Tally::default())).collect();
        let (records, _) = self.drive(rules, &mut |engine, effects| {
            for effect in effects.drain(..) {
                if let Some(tally) = tallies.get_mut(&effect.rule) {
                    tally.effect(effect, self.place);
                }
            }
            for trace in engine.take_traces() {
                if let Some(tally) = tallies.get_mut(&trace.summary.rule) {
                    tally.run(trace, self.place);
                }
            }
            for untold in engine.take_untold() {
                if let Some(tally) = tallies.get_mut(&untold.rule) {
                    tally.count(untold.began, untold.outcome, self.place);
                }
            }
        })?;
        Ok(Replayed { records, tallies })
    }

    /// Takes an engine with these rules through the past. `take` is called now and then, and at the end; it takes what
    /// came out. Returns how many records were fed, and the engine as it stands at the end.
    pub(super) fn drive(
        &self,
        rules: &[Enlisted],
        take: &mut dyn FnMut(&mut Engine, &mut Vec<Effect>),
    ) -> Result<(u64, Engine), HistoryError> {
        let mut engine = Engine::new(self.place.clone(), Options { pace: Pace::Replay, traces: self.traces });
        let past = Past { history: self.history, at: self.from };
        for one in rules {
            engine.enlist(one.clone(), &past, self.from);
        }
        let mut readers = self.readers(&engine)?;
        let mut heap = BinaryHeap::with_capacity(readers.len());
        for (at, reader) in readers.iter_mut().enumerate() {
            heap.extend(reader.next_time()?.map(|time| Reverse((time, at))));
        }
        let (mut effects, mut records) = (Vec::new(), 0_u64);
        while let Some(mut next) = heap.peek_mut() {
            let reader = &mut readers[next.0.1];
            reader.feed(&mut engine, &mut effects);
            records += 1;
            match reader.next_time()? {
                Some(time) => next.0.0 = time,
                None => drop(PeekMut::pop(next)),
            }
            if !effects.is_empty() || records.is_multiple_of(TAKE_EVERY) {
                take(&mut engine, &mut effects);
            }
        }
        engine.tick(self.to, &mut effects);
        take(&mut engine, &mut effects);
        Ok((records, engine))
    }

    fn readers(&self, engine: &Engine) -> Result<Vec<Reader<'_>>, HistoryError> {
        let mut readers = Vec::new();
        for (series, key) in engine.all_series() {
            let is_series = matches!(key.kind, RecordKind::Property | RecordKind::Event);
            let Some(id) = is_series.then(|| series_of(self.history, &key.thing, key.name.as_str())).flatten() else {
                continue;
            };
            // What was so at the start is known from the view.
            let from = self.from + Duration::from_micros(1);
            let scan = self.history.scan(id, from, self.to)?;
            readers.push(Reader::Series { scan, block: Block::default(), at: 0, series });
        }
        let first = self.happened.partition_point(|one| one.time <= self.from);
        let last = self.happened.partition_point(|one| one.time < self.to);
        readers.push(Reader::Beside { rest: &self.happened[first..last.max(first)] });
        Ok(readers)
    }
}
