//! The mind at work: takes what the fold gathered, learns from the history, looks at the clock, tells what it found.

use std::time::Duration;

use model::{DataType, Name, Position, ThingId, Timestamp};
use parking_lot::Mutex;
use store::history::SeriesKey;
use twin::{Slot, ThingStatus};

use super::feed::{Newcomer, Sample};
use super::keep::{self, SAVE_EVERY, SAVE_FORECASTERS_EVERY};
use super::seam::{MakeWatch, News, StreamAbout};
use super::stream::{Said, Stream};
use crate::counters::{add, count};
use crate::site::Site;

/// Samples that are taken in under one lock.
const SLICE: usize = 4_096;

/// How far back in the history a new detector learns, and from how many points at most: the newest ones.
pub const LEARN_SPAN: Duration = Duration::from_hours(30 * 24);
/// See [`LEARN_SPAN`].
pub const LEARN_POINTS_MAX: u64 = 100_000;

/// Points of the history that are learned from in between two looks at what is live.
const LEARN_SLICE: usize = 4_096;

/// How often it is looked for silence.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often streams are compared with the models of their things.
const COMPARE_EVERY: Duration = Duration::from_secs(5);
/// How often findings that were merely repeated are written down.
const WRITE_EVERY: Duration = Duration::from_secs(5);
/// After a start, things have so much time to speak before silence counts.
const LISTEN_FIRST: Duration = Duration::from_mins(1);

/// When what was last done.
#[derive(Debug)]
pub(crate) struct Rounds {
    restored: bool,
    /// Since when it listens.
    listening: Timestamp,
    looked: Timestamp,
    compared: Timestamp,
    written: Timestamp,
    saved: Timestamp,
    saved_forecasters: Timestamp,
}

impl Rounds {
    pub(crate) fn new(now: Timestamp) -> Mutex<Self> {
        Mutex::new(Self {
            restored: false,
            listening: now,
            looked: now,
            compared: now,
            written: now,
            saved: now,
            saved_forecasters: now,
        })
    }
}

/// Whether it is time again; if so it counts as done. A clock that was set back makes it time, too.
pub(super) fn is_due(last: &mut Timestamp, now: Timestamp, every: Duration) -> bool {
    let due = now < *last || now.since(*last) >= every;
    if due {
        *last = now;
    }
    due
}

impl Site {
    /// Thinks about everything that waits; `lessons` bounds how many pieces of history are learned from.
    pub(crate) fn think(&self, lessons: usize) {
        let mut rounds = self.mind.rounds.lock();
        let now = self.clock.now();
        let mut waiting = self.mind.feed.take();
        if !std::mem::replace(&mut rounds.restored, true) {
            self.restore_streams();
        }
        waiting.newcomers.into_iter().for_each(|newcomer| self.welcome(newcomer));
        if !self.mind.settings.read().enabled {
            return;
        }
        for samples in waiting.samples.make_contiguous().chunks(SLICE) {
            self.take_samples(samples, rounds.listening, now);
        }
        for _ in 0..lessons {
            // What is live goes first.
            if !self.learn_some(rounds.listening, now) || self.mind.feed.fill().0 > SLICE {
                break;
            }
        }
        if is_due(&mut rounds.looked, now, LOOK_EVERY) {
            self.look_for_silence(now, rounds.listening);
        }
        if is_due(&mut rounds.compared, now, COMPARE_EVERY) {
            self.compare_streams(now);
        }
        if is_due(&mut rounds.written, now, WRITE_EVERY) {
            self.try_keep("findings", Self::keep_insights);
        }
        if is_due(&mut rounds.saved, now, SAVE_EVERY) {
            self.try_keep("detectors", Self::keep_detectors);
            self.try_keep("things as a whole", Self::keep_wholes);
        }
        if is_due(&mut rounds.saved_forecasters, now, SAVE_FORECASTERS_EVERY) {
            self.try_keep("forecasters", Self::keep_forecasters);
        }
        drop(rounds);
        self.watch_together(now);
        self.foresee_some(now);
    }

    /// Writes everything down, at the end.
    pub(crate) fn keep_mind(&self) -> Result<(), crate::SiteError> {
        self.keep_insights()?;
        self.keep_detectors()?;
        self.keep_wholes()?;
        self.keep_forecasters()
    }

    pub(crate) fn try_keep(&self, what: &str, keep: impl FnOnce(&Self) -> Result<(), crate::SiteError>) {
        if let Err(error) = keep(self) {
            tracing::error!(%error, what, "what the mind knows could not be written down; it is tried again");
        }
    }

    /// Goes on with the detectors that were written down; what came since is learned from the history.
    fn restore_streams(&self) {
        let learned = match keep::learned(&*self.state) {
            Ok(learned) => learned,
            Err(error) => return tracing::error!(%error, "the detectors cannot be read; they learn anew"),
        };
        self.mind.joints.lock().by_thing.extend(learned.wholes);
        for kept in learned.streams {
            let Some((rev, about)) = self.stream_about(kept.thing(), kept.name()) else { continue };
            if about != kept.about() {
                continue;
            }
            let key = SeriesKey { thing: kept.thing().clone(), name: kept.name().clone() };
            let Some(series) = self.series_of(&key) else { continue };
            let watch = self.make_watch().map(|make| make(&about, Some(kept.state())));
            let mut stream = Stream::new((key.thing, key.name), series, about, watch);
            kept.fill(&mut stream);
            self.add_stream(stream, rev);
        }
        for (key, foreseen) in learned.forecasters {
            let is_watched = self.mind.watched.lock().named(&key.thing, &key.name).is_some();
            if let Some(series) = self.series_of(&key).filter(|_| is_watched) {
                self.mind.foresight.restore(series, foreseen);
            }
        }
    }

    /// What a property of a thing is, with the revision of the thing's row; `None` when it is not watched: what people
    /// set is no behaviour, and free text is anything.
    fn stream_about(&self, thing: &ThingId, name: &Name) -> Option<(i64, StreamAbout)> {
        let things = self.things.read();
        let slot = things.registry.get(thing)?;
        let model = slot.thing.model.properties.get(name);
        let is_watched = slot.thing.status != ThingStatus::Ignored
            && model.is_none_or(|model| {
                !model.writable && (model.data_type != DataType::String || !model.choices.is_empty())
            });
        is_watched.then(|| (slot.thing.rev, about(slot, name)))
    }

    fn welcome(&self, newcomer: Newcomer) {
        let Newcomer { series, thing, name } = newcomer;
        if self.mind.watched.lock().has(series) {
            return;
        }
        let Some((rev, about)) = self.stream_about(&thing, &name) else { return };
        let watch = self.make_watch().map(|make| make(&about, None));
        self.add_stream(Stream::new((thing, name), series, about, watch), rev);
    }

    fn make_watch(&self) -> Option<&MakeWatch> {
        self.options.mind.watch.as_ref()
    }

    fn add_stream(&self, stream: Stream, rev: i64) {
        let bearable = self.mind.settings.read().false_alarms_a_month;
        let mut watched = self.mind.watched.lock();
        if watched.len() >= self.options.mind.streams_max {
            return count(&self.counters.mind_streams_refused);
        }
        watched.add(stream, rev, bearable);
    }

    fn take_samples(&self, samples: &[Sample], listening: Timestamp, now: Timestamp) {
        let mut said = Vec::new();
        let mut watched = self.mind.watched.lock();
        let failures = watched.take(samples.iter(), listening, self.make_watch(), &mut said);
        drop(watched);
        add(&self.counters.mind_samples, samples.len());
        add(&self.counters.mind_failures, failures);
        self.tell_insights(said, now);
    }

    /// Shows a piece of its history to the detector that waits longest. False when none waits.
    fn learn_some(&self, listening: Timestamp, now: Timestamp) -> bool {
        let (at, series, last) = {
            let mut watched = self.mind.watched.lock();
            let Some(at) = watched.backlog.pop_front() else { return false };
            let Some(stream) = watched.get(at) else { return true };
            (at, stream.series, stream.last)
        };
        let end = now + Duration::from_micros(1);
        let from = last.map_or_else(|| self.learn_from(series, now), |last| last + Duration::from_micros(1));
        let points = self.history.range(series, from.max(now - LEARN_SPAN), end, LEARN_SLICE);
        let points = points.inspect_err(|error| tracing::warn!(%error, "a detector learns nothing from the history"));
        let points = points.unwrap_or_default();
        add(&self.counters.mind_samples_learned, points.len());
        let mut said = Vec::new();
        {
            let mut watched = self.mind.watched.lock();
            let Some(stream) = watched.get_mut(at).filter(|stream| stream.series == series) else { return true };
            if stream.learn(&points, listening) {
                count(&self.counters.mind_failures);
                stream.replace(self.make_watch());
            }
            // Words in the history teach nothing, but they are passed all the same.
            stream.last = stream.last.max(points.last().map(|point| point.time));
            if points.len() < LEARN_SLICE {
                let going_on = stream.has_learned().into_iter();
                let news =
                    going_on.map(|verdict| Said { stream: at, position: Position::START, news: News::Found(verdict) });
                said.extend(news);
            } else {
                watched.backlog.push_front(at);
            }
        }
        self.tell_insights(said, now);
        true
    }

    /// Where in the history a detector begins that knows nothing: as far back as [`LEARN_POINTS_MAX`] goes.
    fn learn_from(&self, series: store::history::SeriesId, now: Timestamp) -> Timestamp {
        const COLUMNS: usize = 30;
        let earliest = now - LEARN_SPAN;
        let Ok((_, buckets)) = self.history.buckets(series, earliest, now, COLUMNS) else { return earliest };
        let mut points = 0;
        let fits = |bucket: &&store::history::Bucket| {
            points += bucket.count;
            points <= LEARN_POINTS_MAX
        };
        buckets.iter().rev().take_while(fits).last().map_or(earliest, |bucket| bucket.time)
    }

    fn look_for_silence(&self, now: Timestamp, listening: Timestamp) {
        let mut said = Vec::new();
        if now.since(listening) >= LISTEN_FIRST {
            self.mind.watched.lock().look(now, listening, &mut said);
        }
        self.tell_insights(said, now);
        let calm = self.mind.book.lock().calm(now);
        calm.iter().for_each(|insight| self.publish_insight(insight, Position::START));
    }

    /// Drops the streams of things that are gone, and begins anew where a model changed its type or unit.
    fn compare_streams(&self, now: Timestamp) {
        let known: Vec<(ThingId, i64)> = {
            let watched = self.mind.watched.lock();
            watched.things.iter().map(|(thing, of)| (thing.clone(), of.rev)).collect()
        };
        let (mut gone, mut changed) = (Vec::new(), Vec::new());
        {
            let things = self.things.read();
            for (thing, rev) in known {
                match things.registry.get(&thing) {
                    None => gone.push(thing),
                    Some(slot) if slot.thing.status == ThingStatus::Ignored => gone.push(thing),
                    Some(slot) if slot.thing.rev != rev => changed.push((thing, slot.thing.rev)),
                    Some(_) => {}
                }
            }
        }
        gone.iter().for_each(|thing| self.mind_forgets(thing, now));
        for (thing, rev) in changed {
            let names: Vec<Name> = self.mind.watched.lock().of(&thing).map(|stream| stream.name.clone()).collect();
            let abouts: Vec<(Name, Option<StreamAbout>)> = names
                .into_iter()
                .map(|name| (name.clone(), self.stream_about(&thing, &name).map(|(_, about)| about)))
                .collect();
            let about =
                |name: &Name| abouts.iter().find(|(other, _)| other == name).and_then(|(_, about)| about.clone());
            let anew = self.mind.watched.lock().compare(&thing, rev, about, self.make_watch());
            for name in anew {
                tracing::info!(%thing, %name, "its type, unit or role has changed: what was learned of it is put away");
                self.mind.book.lock().end_all(&thing, Some(&name), now);
                count(&self.counters.mind_streams_anew);
            }
        }
    }

    /// Forgets a thing: its streams, and what goes on with it.
    pub(crate) fn mind_forgets(&self, thing: &ThingId, now: Timestamp) {
        let series: Vec<_> = {
            let mut watched = self.mind.watched.lock();
            let series = watched.of(thing).map(|stream| stream.series).collect();
            watched.forget(thing);
            series
        };
        self.mind.foresight.forget(&series);
        self.mind.joints.lock().forget(thing);
        self.mind.book.lock().end_all(thing, None, now);
        let rows = store::state::Change::DeleteKey { table: store::state::Table::Detector, key: thing.to_string() };
        if let Err(error) = self.state.commit(vec![rows], now) {
            tracing::warn!(%error, "what was learned of a thing that is gone stays on the disk");
        }
    }
}

fn about(slot: &Slot, name: &Name) -> StreamAbout {
    let model = slot.thing.model.properties.get(name);
    // Whole numbers are numbers: what is inferred of a model changes from the one to the other as it is learned.
    let data_type = model.map_or(DataType::Number, |model| model.data_type);
    let is_choice = model.is_some_and(|model| !model.choices.is_empty());
    StreamAbout {
        data_type: match data_type {
            _ if is_choice => DataType::String,
            DataType::Integer => DataType::Number,
            data_type => data_type,
        },
        unit: model.and_then(|model| model.unit.clone()),
    }
}
