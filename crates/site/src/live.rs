//! Live views: everybody reads one shared ring of the newest records, each at their own pace.
//!
//! A client is a cursor into the ring: it costs nothing while it keeps up, and cannot hold anything up when it does not.
//! What a slow client missed of a property is the newest value, which the twin has; events are never merged, but those
//! that left the ring are gone and counted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use model::{Position, Record, RecordKind, SpaceId, ThingId};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::counters::{add, count};
use crate::site::Site;

/// The most records that one [`LiveBatch`] carries, unless a single fold made more; a client that is further behind
/// gets several.
pub const LIVE_BATCH_RECORDS_MAX: usize = 16_384;

/// What a client wants to see; `None` is everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only these things, and those in `spaces`.
    pub things: Option<HashSet<ThingId>>,
    /// Only things in these spaces and what lies within them, and those in `things`.
    pub spaces: Option<Vec<SpaceId>>,
    /// Only records of these kinds.
    pub kinds: Option<Vec<RecordKind>>,
}

/// What a client gets.
#[derive(Debug, Clone)]
pub struct LiveBatch {
    /// The newest position that the client has now seen, whatever its filter let through: where to resume.
    pub newest: Position,
    /// The records, oldest first. Clients that see everything and keep up share them.
    pub records: Arc<[Record]>,
    /// True when events may be missing before these records: what was shown has to be fetched again.
    pub gap: bool,
    /// Which batch of the ring this is, when it is exactly one, unfiltered: what was encoded of it for one client
    /// serves all others.
    pub shared: Option<u64>,
}

/// What one turn of the fold made.
#[derive(Debug)]
struct Turn {
    sequence: u64,
    newest: Position,
    records: Arc<[Record]>,
    /// Which records are about which thing; made when the first client asks.
    by_thing: OnceLock<HashMap<ThingId, Vec<u32>, ahash::RandomState>>,
}

impl Turn {
    fn of_thing(&self, thing: &ThingId) -> impl Iterator<Item = &Record> {
        let by_thing = self.by_thing.get_or_init(|| {
            let mut by_thing: HashMap<ThingId, Vec<u32>, ahash::RandomState> = HashMap::default();
            for (at, record) in self.records.iter().enumerate() {
                match by_thing.get_mut(&record.thing) {
                    Some(found) => found.push(at as u32),
                    None => drop(by_thing.insert(record.thing.clone(), vec![at as u32])),
                }
            }
            by_thing
        });
        by_thing.get(thing).into_iter().flatten().map(|at| &self.records[*at as usize])
    }
}

#[derive(Debug, Default)]
struct Ring {
    turns: VecDeque<Arc<Turn>>,
    records: usize,
    next: u64,
    /// Everything after this position is in the ring.
    complete_after: Position,
    newest: Position,
}

/// The ring and who waits for it.
#[derive(Debug)]
pub(crate) struct Hub {
    ring: Mutex<Ring>,
    limit: usize,
    news: watch::Sender<u64>,
    receivers: Arc<AtomicUsize>,
}

impl Hub {
    pub(crate) fn new(limit: usize, newest: Position) -> Self {
        let ring = Ring { complete_after: newest, newest, ..Ring::default() };
        Self { ring: Mutex::new(ring), limit, news: watch::Sender::new(0), receivers: Arc::default() }
    }

    /// Adds what one turn of the fold made.
    pub(crate) fn push(&self, newest: Position, records: Arc<[Record]>) {
        let mut ring = self.ring.lock();
        ring.newest = ring.newest.max(newest);
        if records.is_empty() {
            return;
        }
        let turn = Turn { sequence: ring.next, newest, records, by_thing: OnceLock::new() };
        ring.next += 1;
        ring.records += turn.records.len();
        ring.turns.push_back(Arc::new(turn));
        while ring.records > self.limit && ring.turns.len() > 1 {
            let gone = ring.turns.pop_front().expect("there are at least two");
            ring.records -= gone.records.len();
            ring.complete_after = ring.complete_after.max(gone.newest);
        }
        let next = ring.next;
        drop(ring);
        self.news.send_replace(next);
    }

    /// How many records the ring holds, and how many fit.
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.ring.lock().records, self.limit)
    }

    /// How many clients there are.
    pub(crate) fn receivers(&self) -> usize {
        self.receivers.load(Ordering::Relaxed)
    }
}

/// A filter with its spaces looked up.
#[derive(Debug, Default)]
struct Compiled {
    /// `None` is everything.
    things: Option<HashSet<ThingId>>,
    /// The registry's arrangement that this was looked up in.
    arrangement: Option<u64>,
}

/// What there is to read for a client.
struct Taken {
    turns: Vec<Arc<Turn>>,
    /// When some turns have left the ring unread: the position up to which they had been.
    missed_up_to: Option<Position>,
    newest: Position,
}

/// One client's view. Wait on [`LiveReceiver::next`]; whatever came in between is merged.
#[derive(Debug)]
pub struct LiveReceiver {
    site: Arc<Site>,
    filter: Filter,
    compiled: Compiled,
    /// The next turn to read.
    cursor: u64,
    /// Records up to here were seen.
    seen: Position,
    gap: bool,
    news: watch::Receiver<u64>,
    receivers: Arc<AtomicUsize>,
}

impl Drop for LiveReceiver {
    fn drop(&mut self) {
        self.receivers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Site {
    /// Subscribes a client. With `resume`, what came after that position is given first, or, when it is not kept any
    /// more, the first batch has a gap.
    pub fn subscribe(self: &Arc<Self>, filter: Filter, resume: Option<Position>) -> LiveReceiver {
        let news = self.live.news.subscribe();
        let ring = self.live.ring.lock();
        let (cursor, seen, gap) = match resume {
            None => (ring.next, ring.newest, false),
            Some(position) if position > ring.newest || position < ring.complete_after => {
                (ring.next, ring.newest, position != ring.newest)
            }
            Some(position) => {
                let first = ring.turns.iter().find(|turn| turn.newest > position);
                (first.map_or(ring.next, |turn| turn.sequence), position, false)
            }
        };
        drop(ring);
        self.live.receivers.fetch_add(1, Ordering::Relaxed);
        let receivers = Arc::clone(&self.live.receivers);
        LiveReceiver {
            site: Arc::clone(self),
            filter,
            compiled: Compiled::default(),
            cursor,
            seen,
            gap,
            news,
            receivers,
        }
    }
}

impl LiveReceiver {
    /// The newest position that the client has seen, for heartbeats: where to resume.
    pub fn newest(&self) -> Position {
        self.seen
    }

    /// Replaces the filter from here on.
    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.compiled = Compiled::default();
    }

    /// Waits for records that pass the filter. Cancel safe: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> LiveBatch {
        loop {
            self.news.mark_unchanged();
            if let Some(batch) = self.try_next() {
                return batch;
            }
            if self.news.changed().await.is_err() {
                // The site is held by this receiver, so its sender cannot be gone.
                std::future::pending::<()>().await;
            }
        }
    }

    /// What there is now, if anything.
    pub fn try_next(&mut self) -> Option<LiveBatch> {
        self.compile();
        loop {
            let taken = self.take_turns();
            let batch = match taken.missed_up_to {
                Some(missed_up_to) => self.catch_up(&taken.turns, missed_up_to),
                None if taken.turns.is_empty() => {
                    self.seen = self.seen.max(taken.newest);
                    return std::mem::take(&mut self.gap).then(|| self.batch(Vec::new().into(), true, None));
                }
                None => self.merge(&taken.turns),
            };
            if batch.gap || !batch.records.is_empty() {
                return Some(batch);
            }
        }
    }

    /// The turns from the cursor on, as far as one batch goes.
    fn take_turns(&mut self) -> Taken {
        let ring = self.site.live.ring.lock();
        let first = ring.turns.front().map_or(ring.next, |turn| turn.sequence);
        let missed_up_to = (self.cursor < first).then_some(ring.complete_after);
        let skip = self.cursor.saturating_sub(first) as usize;
        let mut records = 0;
        let turns: Vec<Arc<Turn>> = ring
            .turns
            .iter()
            .skip(skip)
            .take_while(|turn| {
                let first = records == 0;
                records += turn.records.len();
                first || records <= LIVE_BATCH_RECORDS_MAX
            })
            .cloned()
            .collect();
        self.cursor = turns.last().map_or(ring.next, |turn| turn.sequence + 1);
        Taken { turns, missed_up_to, newest: ring.newest }
    }

    fn batch(&self, records: Arc<[Record]>, gap: bool, shared: Option<u64>) -> LiveBatch {
        LiveBatch { newest: self.seen, records, gap, shared }
    }

    /// One or several turns in a row, of which a property's newest record counts.
    fn merge(&mut self, turns: &[Arc<Turn>]) -> LiveBatch {
        let (seen, gap) = (self.seen, std::mem::take(&mut self.gap));
        self.seen = turns.last().map_or(seen, |turn| turn.newest.max(seen));
        if let [turn] = turns {
            let sees_all = self.compiled.things.is_none() && self.filter.kinds.is_none();
            let is_new = turn.records.first().is_none_or(|record| record.position > seen);
            if sees_all && is_new {
                return self.batch(Arc::clone(&turn.records), gap, Some(turn.sequence));
            }
        }
        let mut records: Vec<Record> = Vec::new();
        for turn in turns {
            self.pick(turn, seen, &mut records);
        }
        if turns.len() > 1 {
            let before = records.len();
            conflate(&mut records);
            add(&self.site.counters.live_conflated, before - records.len());
        }
        self.batch(records.into(), gap, None)
    }

    /// Adds what passes the filter.
    fn pick(&self, turn: &Turn, seen: Position, out: &mut Vec<Record>) {
        let wanted = |record: &&Record| {
            record.position > seen && self.filter.kinds.as_ref().is_none_or(|kinds| kinds.contains(&record.kind))
        };
        match &self.compiled.things {
            None => out.extend(turn.records.iter().filter(wanted).cloned()),
            Some(things) if things.len() < turn.records.len() => {
                let from = out.len();
                out.extend(things.iter().flat_map(|thing| turn.of_thing(thing)).filter(wanted).cloned());
                out[from..].sort_by_key(|record| record.position);
            }
            Some(things) => {
                out.extend(turn.records.iter().filter(|record| things.contains(&record.thing)).filter(wanted).cloned());
            }
        }
    }

    /// Some turns left the ring before the client read them: the twins know the newest of every property.
    fn catch_up(&mut self, turns: &[Arc<Turn>], missed_up_to: Position) -> LiveBatch {
        let seen = self.seen;
        let mut records = self.reported_between(seen, missed_up_to);
        let kinds = self.filter.kinds.as_ref();
        if kinds.is_none_or(|kinds| kinds.iter().any(|kind| *kind != RecordKind::Property)) {
            count(&self.site.counters.live_gaps);
        }
        self.gap = false;
        for turn in turns {
            self.pick(turn, seen, &mut records);
        }
        conflate(&mut records);
        self.seen = turns.last().map_or(missed_up_to, |turn| turn.newest).max(seen);
        self.batch(records.into(), true, None)
    }

    /// What the twins report that was said after `from` and up to `to`, in order.
    fn reported_between(&self, from: Position, to: Position) -> Vec<Record> {
        if self.filter.kinds.as_ref().is_some_and(|kinds| !kinds.contains(&RecordKind::Property)) {
            return Vec::new();
        }
        let things = self.site.things.read();
        let slots = things.registry.iter().map(|(_, slot)| slot);
        let wanted = slots.filter(|slot| {
            slot.twin.applied() > from && self.compiled.things.as_ref().is_none_or(|ids| ids.contains(&slot.thing.id))
        });
        let mut records: Vec<Record> = Vec::new();
        for slot in wanted {
            let reported = slot.twin.properties().iter();
            let missed = reported.filter(|reported| reported.position > from && reported.position <= to);
            records.extend(missed.map(|reported| Record {
                position: reported.position,
                time: reported.time,
                received: reported.received,
                thing: slot.thing.id.clone(),
                kind: RecordKind::Property,
                name: reported.name.clone(),
                value: reported.value.clone(),
                quality: reported.quality,
                cause: Arc::clone(&reported.cause),
            }));
        }
        records.sort_by_key(|record| record.position);
        records
    }

    /// Looks up which things are in the filter's spaces, again when anything was rearranged.
    fn compile(&mut self) {
        let Some(spaces) = &self.filter.spaces else {
            if self.compiled.arrangement.is_none() {
                self.compiled = Compiled { things: self.filter.things.clone(), arrangement: Some(0) };
            }
            return;
        };
        let things = self.site.things.read();
        let arrangement = Some(things.registry.arrangement());
        if self.compiled.arrangement == arrangement {
            return;
        }
        let within: HashSet<SpaceId> = spaces.iter().flat_map(|space| things.spaces.within(space)).collect();
        let there = things.registry.iter().map(|(_, slot)| &slot.thing);
        let there = there.filter(|thing| thing.space.as_ref().is_some_and(|space| within.contains(space)));
        let mut ids: HashSet<ThingId> = there.map(|thing| thing.id.clone()).collect();
        ids.extend(self.filter.things.iter().flatten().cloned());
        drop(things);
        self.compiled = Compiled { things: Some(ids), arrangement };
    }
}

/// Keeps the newest record of every property; everything else stays.
fn conflate(records: &mut Vec<Record>) {
    let mut seen: HashSet<(ThingId, model::Name), ahash::RandomState> = HashSet::default();
    let mut keep: Vec<bool> = records
        .iter()
        .rev()
        .map(|record| record.kind != RecordKind::Property || seen.insert((record.thing.clone(), record.name.clone())))
        .collect();
    records.retain(|_| keep.pop().expect("there is one for each record"));
}
