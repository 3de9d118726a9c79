//! What of the mind survives a restart: findings at once, detectors now and then and at the end.

use std::time::Duration;

use model::{DataType, Name, ThingId, Timestamp, Unit};
use serde::{Deserialize, Serialize};
use store::State;
use store::state::{Change, Expect, Row, StateError, Table};

use super::insight::Insight;
use super::seam::StreamAbout;
use super::silence::Silence;
use super::stream::Stream;
use crate::error::SiteError;
use crate::site::{Site, each_row};

/// The most detectors whose state is written down; the others learn from the history again.
pub const DETECTORS_KEPT_MAX: usize = 10_000;

/// How often detectors are written down.
pub(crate) const SAVE_EVERY: Duration = Duration::from_mins(15);

/// Rows of one commit.
const ROWS_PER_COMMIT: usize = 256;

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
    let id = format!("{}/{}", stream.thing, stream.name);
    let (table, key) = (Table::Detector, Some(stream.thing.to_string()));
    Change::Put { table, id, key, document, expect: Expect::Any }
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

/// The detectors that were written down.
pub(crate) fn detectors(state: &dyn State) -> Result<Vec<Kept>, StateError> {
    let mut kept = Vec::new();
    each_row(state, Table::Detector, |row| {
        kept.extend(Kept::read(&row));
        Ok(())
    })?;
    Ok(kept)
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
