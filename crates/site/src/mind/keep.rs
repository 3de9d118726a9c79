//! What of the mind survives a restart: findings at once, detectors and forecasters now and then and at the end.

use std::time::Duration;

use model::{DataType, Name, ThingId, Timestamp, Unit};
use serde::{Deserialize, Serialize};
use store::State;
use store::history::SeriesKey;
use store::state::{Change, Expect, Row, StateError, Table};

use super::foresight::Foreseen;
use super::insight::Insight;
use super::joint::Whole;
use super::seam::StreamAbout;
use super::silence::Silence;
use super::stream::Stream;
use crate::error::SiteError;
use crate::site::{Site, each_row};

/// The most detectors whose state is written down; the others learn from the history again.
pub const DETECTORS_KEPT_MAX: usize = 10_000;

/// How often detectors are written down.
pub(crate) const SAVE_EVERY: Duration = Duration::from_mins(15);

/// How often forecasters are written down: they are large, and lose little.
pub(crate) const SAVE_FORECASTERS_EVERY: Duration = Duration::from_hours(6);

/// Rows of one commit.
const ROWS_PER_COMMIT: usize = 256;
/// The same for forecasters.
const FORECASTERS_PER_COMMIT: usize = 16;

/// What follows on a thing's or property's id in the id of a row that is not a detector's: no name has such a letter.
const WHOLE: &str = "?whole";
const FORECASTER: &str = "?forecaster";

/// What was written down.
#[derive(Default)]
pub(crate) struct Learned {
    pub(crate) streams: Vec<Kept>,
    pub(crate) wholes: Vec<(ThingId, Whole)>,
    pub(crate) forecasters: Vec<(SeriesKey, Foreseen)>,
}

/// What is kept of a stream, in front of its detector's state.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    thing: ThingId,
    name: Name,
    data_type: DataType,
    unit: Option<Unit>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    samples: u64,
    found: u64,
    called_normal: u64,
    silence: Silence,
}

/// A stream that was written down.
#[derive(Debug)]
pub(crate) struct Kept {
    head: Head,
    state: Vec<u8>,
}

impl Kept {
    pub(crate) fn thing(&self) -> &ThingId {
        &self.head.thing
    }

    pub(crate) fn name(&self) -> &Name {
        &self.head.name
    }

    pub(crate) fn about(&self) -> StreamAbout {
        StreamAbout { data_type: self.head.data_type, unit: self.head.unit.clone() }
    }

    pub(crate) fn state(&self) -> &[u8] {
        &self.state
    }

    /// Gives a stream what was counted of it.
    pub(crate) fn fill(&self, stream: &mut Stream) {
        stream.first = self.head.first;
        stream.last = self.head.last;
        stream.samples = self.head.samples;
        stream.found = self.head.found;
        stream.called_normal = self.head.called_normal;
        stream.silence.clone_from(&self.head.silence);
        stream.changed = false;
    }

    /// A row is one line of JSON, and then the detector's bytes.
    fn read(row: &Row) -> Option<Self> {
        let end = row.document.iter().position(|byte| *byte == b'\n')?;
        let head = serde_json::from_slice(&row.document[..end]).ok()?;
        Some(Self { head, state: row.document[end + 1..].to_vec() })
    }
}

fn change(stream: &Stream) -> Change {
    let head = Head {
        thing: stream.thing.clone(),
        name: stream.name.clone(),
        data_type: stream.about.data_type,
        unit: stream.about.unit.clone(),
        first: stream.first,
        last: stream.last,
        samples: stream.samples,
        found: stream.found,
        called_normal: stream.called_normal,
        silence: stream.silence.clone(),
    };
    let mut document = serde_json::to_vec(&head).expect("a head is plain data");
    document.push(b'\n');
    document.extend(stream.save());
    put(&stream.thing, format!("{}/{}", stream.thing, stream.name), document)
}

/// The findings that were written down.
pub(crate) fn insights(state: &dyn State) -> Result<Vec<Insight>, StateError> {
    let mut insights = Vec::new();
    each_row(state, Table::Insight, |row| {
        match row.parse::<Insight>(Table::Insight) {
            Ok(insight) => insights.push(insight),
            // One that an older program wrote otherwise is no reason not to start.
            Err(error) => tracing::warn!(%error, "a finding cannot be read and is left out"),
        }
        Ok(())
    })?;
    Ok(insights)
}

/// Everything that was written down; what cannot be read is learned anew.
pub(crate) fn learned(state: &dyn State) -> Result<Learned, StateError> {
    let mut learned = Learned::default();
    each_row(state, Table::Detector, |row| {
        if let Some(thing) = row.id.strip_suffix(WHOLE) {
            learned.wholes.extend(ThingId::new(thing).ok().zip(Whole::restore(&row.document)));
        } else if let Some(stream) = row.id.strip_suffix(FORECASTER) {
            let key = stream.split_once('/').and_then(|(thing, name)| {
                Some(SeriesKey { thing: ThingId::new(thing).ok()?, name: Name::new(name).ok()? })
            });
            learned.forecasters.extend(key.zip(serde_json::from_slice(&row.document).ok()));
        } else {
            learned.streams.extend(Kept::read(&row));
        }
        Ok(())
    })?;
    Ok(learned)
}

fn put(thing: &ThingId, id: String, document: Vec<u8>) -> Change {
    Change::Put { table: Table::Detector, id, key: Some(thing.to_string()), document, expect: Expect::Any }
}

impl Site {
    /// Writes down the findings that changed.
    pub(crate) fn keep_insights(&self) -> Result<(), SiteError> {
        let (changed, removed) = {
            let mut book = self.mind.book.lock();
            if !book.is_changed() {
                return Ok(());
            }
            book.take_changes()
        };
        let puts = changed
            .iter()
            .map(|insight| Change::put(Table::Insight, insight.id.clone(), Some(insight.thing.to_string()), insight));
        let deletes = removed.iter().map(|id| Change::delete(Table::Insight, id.clone()));
        let written = self.state.commit(puts.chain(deletes).collect(), self.clock.now());
        if let Err(error) = written {
            self.mind.book.lock().give_back(&changed, removed);
            return Err(error.into());
        }
        Ok(())
    }

    /// Writes down the things as a whole that learned something, piece by piece.
    pub(crate) fn keep_wholes(&self) -> Result<(), SiteError> {
        let changes: Vec<Change> = {
            let mut joints = self.mind.joints.lock();
            let changed = joints.by_thing.iter_mut().filter(|(_, whole)| whole.saved_to != whole.fed_to);
            changed
                .map(|(thing, whole)| {
                    whole.saved_to = whole.fed_to;
                    put(thing, format!("{thing}{WHOLE}"), whole.save())
                })
                .collect()
        };
        for changes in changes.chunks(ROWS_PER_COMMIT) {
            self.state.commit(changes.to_vec(), self.clock.now())?;
        }
        Ok(())
    }

    /// Writes down the forecasters that learned something, piece by piece.
    pub(crate) fn keep_forecasters(&self) -> Result<(), SiteError> {
        for some in self.mind.foresight.all().chunks(FORECASTERS_PER_COMMIT) {
            let mut changes = Vec::new();
            for (series, shared) in some {
                let mut foreseen = shared.lock();
                let stream = self.mind.watched.lock().find(*series).map(|it| (it.thing.clone(), it.name.clone()));
                let Some((thing, name)) = stream.filter(|_| foreseen.saved_to != foreseen.fed_to) else { continue };
                foreseen.saved_to = foreseen.fed_to;
                match serde_json::to_vec(&*foreseen) {
                    Ok(document) => changes.push(put(&thing, format!("{thing}/{name}{FORECASTER}"), document)),
                    Err(error) => tracing::warn!(%error, "a forecaster cannot be written down"),
                }
            }
            if !changes.is_empty() {
                self.state.commit(changes, self.clock.now())?;
            }
        }
        Ok(())
    }

    /// Writes down the detectors that learned something, piece by piece.
    pub(crate) fn keep_detectors(&self) -> Result<(), SiteError> {
        let mut from = 0;
        loop {
            let (mut changes, mut next) = (Vec::new(), None);
            for (at, stream) in self.mind.watched.lock().iter_mut().skip(from) {
                if at as usize >= DETECTORS_KEPT_MAX {
                    break;
                }
                from += 1;
                if stream.learning || !std::mem::take(&mut stream.changed) {
                    continue;
                }
                changes.push(change(stream));
                if changes.len() >= ROWS_PER_COMMIT {
                    next = Some(from);
                    break;
                }
            }
            if !changes.is_empty() {
                self.state.commit(changes, self.clock.now())?;
            }
            match next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }
}
