//! Every stream that is watched, by series and by thing.

use std::collections::{HashMap, VecDeque};

use model::{Name, Position, ThingId, Timestamp};
use store::history::SeriesId;

use super::feed::Sample;
use super::seam::{MakeWatch, Seen, StreamAbout};
use super::stream::{Said, Stream};

/// The streams of one thing.
#[derive(Debug, Default)]
pub(crate) struct OfThing {
    pub(crate) streams: Vec<u32>,
    /// The revision of the thing's row that the streams were last compared with.
    pub(crate) rev: i64,
}

/// The streams.
#[derive(Default)]
pub(crate) struct Watched {
    /// A place whose stream was dropped is used again.
    streams: Vec<Option<Stream>>,
    free: Vec<u32>,
    by_series: HashMap<SeriesId, u32, ahash::RandomState>,
    pub(crate) things: HashMap<ThingId, OfThing, ahash::RandomState>,
    /// Streams that have something to learn from the history.
    pub(crate) backlog: VecDeque<u32>,
}

impl Watched {
    pub(crate) fn len(&self) -> usize {
        self.by_series.len()
    }

    pub(crate) fn get(&self, stream: u32) -> Option<&Stream> {
        self.streams.get(stream as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, stream: u32) -> Option<&mut Stream> {
        self.streams.get_mut(stream as usize)?.as_mut()
    }

    pub(crate) fn has(&self, series: SeriesId) -> bool {
        self.by_series.contains_key(&series)
    }

    pub(crate) fn find(&self, series: SeriesId) -> Option<&Stream> {
        self.get(*self.by_series.get(&series)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Stream)> {
        self.streams.iter().enumerate().filter_map(|(at, stream)| Some((at as u32, stream.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Stream)> {
        self.streams.iter_mut().enumerate().filter_map(|(at, stream)| Some((at as u32, stream.as_mut()?)))
    }

    /// The streams of a thing.
    pub(crate) fn of(&self, thing: &ThingId) -> impl Iterator<Item = &Stream> {
        self.things.get(thing).into_iter().flat_map(|of| &of.streams).filter_map(|stream| self.get(*stream))
    }

    /// The stream of a thing and name, to be changed.
    pub(crate) fn named(&mut self, thing: &ThingId, name: &Name) -> Option<&mut Stream> {
        let place = self.place(thing, name)?;
        self.get_mut(place)
    }

    /// Adds a stream, which begins to learn.
    pub(crate) fn add(&mut self, stream: Stream, rev: i64, false_alarms_a_month: f64) {
        let (thing, series) = (stream.thing.clone(), stream.series);
        let at = match self.free.pop() {
            Some(at) => {
                self.streams[at as usize] = Some(stream);
                at
            }
            None => {
                self.streams.push(Some(stream));
                (self.streams.len() - 1) as u32
            }
        };
        self.by_series.insert(series, at);
        self.backlog.push_back(at);
        let of = self.things.entry(thing.clone()).or_insert_with(|| OfThing { rev, ..OfThing::default() });
        of.streams.push(at);
        self.share_rate(&thing, false_alarms_a_month);
    }

    /// The streams of a thing share what is bearable.
    pub(crate) fn share_rate(&mut self, thing: &ThingId, false_alarms_a_month: f64) {
        let Some(of) = self.things.get(thing) else { return };
        // Where there are several, they are watched together, too.
        let shares = of.streams.len().max(1) + usize::from(of.streams.len() > 1);
        let each = false_alarms_a_month / shares as f64;
        for stream in of.streams.clone() {
            if let Some(stream) = self.get_mut(stream) {
                stream.set_rate(each);
            }
        }
    }

    /// What is bearable of one share of a thing, false alarms a month.
    pub(crate) fn share(&self, thing: &ThingId) -> f64 {
        self.of(thing).next().map_or(0.0, Stream::rate)
    }

    /// The place of the stream of a thing and name.
    pub(crate) fn place(&self, thing: &ThingId, name: &Name) -> Option<u32> {
        let is_it = |stream: &&u32| self.get(**stream).is_some_and(|stream| stream.name == *name);
        self.things.get(thing)?.streams.iter().find(is_it).copied()
    }

    /// Drops everything of a thing.
    pub(crate) fn forget(&mut self, thing: &ThingId) {
        let streams = self.things.get(thing).map(|of| of.streams.clone());
        streams.into_iter().flatten().for_each(|at| self.drop_stream(at));
        self.things.remove(thing);
    }

    /// Takes samples in. Returns how often a detector failed.
    pub(crate) fn take<'a>(
        &mut self,
        samples: impl Iterator<Item = &'a Sample>,
        listening: Timestamp,
        make: Option<&MakeWatch>,
        said: &mut Vec<Said>,
    ) -> usize {
        let (mut news, mut failures) = (Vec::new(), 0);
        for sample in samples {
            let Some(at) = self.by_series.get(&sample.series).copied() else { continue };
            let Some(stream) = self.streams[at as usize].as_mut().filter(|stream| !stream.learning) else { continue };
            let seen = Seen { time: sample.time, received: Some(sample.received), value: sample.value };
            if stream.take(seen, listening, &mut news) {
                failures += 1;
                stream.replace(make);
            }
            said.extend(news.drain(..).map(|news| Said { stream: at, position: sample.position, news }));
        }
        failures
    }

    /// When anything was last heard of a thing.
    pub(crate) fn heard(&self, thing: &ThingId) -> Option<Timestamp> {
        self.of(thing).filter_map(|stream| stream.silence.last_heard()).max()
    }

    /// Looks for silence in every stream.
    pub(crate) fn look(&mut self, now: Timestamp, listening: Timestamp, said: &mut Vec<Said>) {
        let mut news = Vec::new();
        for (at, stream) in self.iter_mut() {
            stream.look(now, listening, &mut news);
            said.extend(news.drain(..).map(|news| Said { stream: at, position: Position::START, news }));
        }
    }

    /// Compares what is known of a thing's streams with what they are now; those that are another begin anew, those that
    /// are not to be watched go. Returns their names.
    pub(crate) fn compare(
        &mut self,
        thing: &ThingId,
        rev: i64,
        about: impl Fn(&Name) -> Option<StreamAbout>,
        make: Option<&MakeWatch>,
    ) -> Vec<Name> {
        let Some(of) = self.things.get_mut(thing) else { return Vec::new() };
        of.rev = rev;
        let mut changed = Vec::new();
        for at in of.streams.clone() {
            let Some(stream) = self.get_mut(at) else { continue };
            match about(&stream.name) {
                Some(now) if stream.about == now => {}
                Some(now) => {
                    changed.push(stream.name.clone());
                    stream.relearn(now, make);
                }
                None => {
                    changed.push(stream.name.clone());
                    self.drop_stream(at);
                }
            }
        }
        changed
    }

    fn drop_stream(&mut self, at: u32) {
        let Some(stream) = self.streams[at as usize].take() else { return };
        self.by_series.remove(&stream.series);
        self.free.push(at);
        self.backlog.retain(|other| *other != at);
        if let Some(of) = self.things.get_mut(&stream.thing) {
            of.streams.retain(|other| *other != at);
        }
    }
}
