//! The properties of one thing together: values that are ordinary one by one, and do not fit each other.
//!
//! A thing is watched as a whole once the detectors of all its numbers have learned. The history feeds it, in means over
//! a few minutes, so that it learns and watches in the same way: what is told afterwards, for a time that was fed
//! already, does not reach it. Counters say nothing about each other and are left out.
//!
//! **Invariant:** one piece of history is read at a time, and things take turns.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use learn::multivariate::{Joint, PROPERTIES_MAX, Together};
use model::{DataType, Name, Position, ThingId, Timestamp};
use serde::{Deserialize, Serialize};
use store::History;
use store::history::{HistoryError, SeriesId};

use super::insight::{Expected, InsightKind};
use super::seam::Verdict;
use super::work::{LEARN_SPAN, is_due};
use crate::site::Site;

/// The most things that are watched as a whole.
pub const JOINTS_MAX: usize = 2_000;

/// The history is read in means over so much.
const COLUMN: Duration = Duration::from_mins(5);
/// So many of them at a time: a day.
const COLUMNS: u32 = 288;
/// Things that are fed in one round.
const TURNS: usize = 16;
/// How often it is looked which things can be watched as a whole.
const CHOOSE_EVERY: Duration = Duration::from_mins(1);
/// A mean is complete so long after its end.
const SETTLED: Duration = Duration::from_secs(10);

/// One thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Whole {
    names: Vec<Name>,
    #[serde(skip)]
    series: Vec<SeriesId>,
    /// The last mean of each property.
    values: Vec<Option<f64>>,
    pub(super) fed_to: Timestamp,
    /// Up to when it was fed when it was last written down.
    #[serde(skip)]
    pub(super) saved_to: Timestamp,
    #[serde(skip)]
    together: Option<Together>,
}

/// The things that are watched as a whole.
#[derive(Debug, Default)]
pub(super) struct Joints {
    pub(super) by_thing: HashMap<ThingId, Whole, ahash::RandomState>,
    queue: VecDeque<ThingId>,
    chosen: Timestamp,
}

/// What was found, and when.
struct Found {
    joint: Joint,
    value: f64,
    time: Timestamp,
}

impl Whole {
    fn new(properties: Vec<(Name, SeriesId)>, from: Timestamp) -> Self {
        let (names, series): (Vec<Name>, Vec<SeriesId>) = properties.into_iter().unzip();
        let (values, together) = (vec![None; names.len()], Some(Together::new(names.len(), COLUMNS)));
        Self { names, series, values, fed_to: from, saved_to: from, together }
    }

    /// One line of JSON, and then the detector's bytes.
    pub(super) fn save(&self) -> Vec<u8> {
        let mut saved = serde_json::to_vec(self).expect("names and finite numbers are plain data");
        saved.push(b'\n');
        saved.extend(self.together.iter().flat_map(Together::to_bytes));
        saved
    }

    /// From what was saved.
    pub(super) fn restore(saved: &[u8]) -> Option<Self> {
        let end = saved.iter().position(|byte| *byte == b'\n')?;
        let mut whole: Self = serde_json::from_slice(&saved[..end]).ok()?;
        whole.together = Some(Together::from_bytes(&saved[end + 1..]).ok()?);
        Some(whole)
    }

    /// Feeds a piece of the history, up to `until` at most.
    fn feed(
        &mut self,
        history: &dyn History,
        until: Timestamp,
        alarms_a_month: f64,
    ) -> Result<Vec<Found>, HistoryError> {
        let end = until.min(self.fed_to + COLUMN * COLUMNS);
        let columns = (end.since(self.fed_to).as_micros() / COLUMN.as_micros()) as usize;
        let is_known = columns > 0 && self.series.len() == self.names.len();
        let Some(together) = self.together.as_mut().filter(|_| is_known) else { return Ok(Vec::new()) };
        let end = self.fed_to + COLUMN * columns as u32;
        let mut means = vec![vec![None; columns]; self.series.len()];
        for (series, means) in self.series.iter().zip(&mut means) {
            let (_, buckets) = history.buckets(*series, self.fed_to, end, columns)?;
            for bucket in buckets {
                let column = bucket.time.since(self.fed_to).as_micros() / COLUMN.as_micros();
                if let Some(mean) = means.get_mut(column as usize) {
                    *mean = Some(bucket.sum / bucket.count.max(1) as f64);
                }
            }
        }
        let mut found = Vec::new();
        let threshold = together.rarity_of(alarms_a_month, COLUMN.as_secs_f64());
        for column in 0..columns {
            // What tells only changes is what it last was in between.
            for (value, means) in self.values.iter_mut().zip(&means) {
                *value = means[column].or(*value);
            }
            let Some(values) = self.values.iter().copied().collect::<Option<Vec<f64>>>() else { continue };
            if let Some(joint) = together.watch(&values, threshold) {
                let (value, time) = (values[joint.property], self.fed_to + COLUMN * column as u32);
                found.push(Found { joint, value, time });
            }
        }
        self.fed_to = end;
        Ok(found)
    }
}

impl Joints {
    pub(super) fn forget(&mut self, thing: &ThingId) {
        self.by_thing.remove(thing);
        self.queue.retain(|other| other != thing);
    }
}

impl Site {
    /// Feeds some of the things that are watched as a whole, and tells what does not fit.
    pub(super) fn watch_together(&self, now: Timestamp) {
        let mut joints = self.mind.joints.lock();
        if is_due(&mut joints.chosen, now, CHOOSE_EVERY) {
            self.choose_joints(&mut joints, now);
        }
        let until = now - SETTLED;
        let mut told = Vec::new();
        for _ in 0..TURNS.min(joints.queue.len()) {
            let Some(thing) = joints.queue.pop_front() else { break };
            joints.queue.push_back(thing.clone());
            let alarms_a_month = self.mind.watched.lock().share(&thing);
            let Some(whole) = joints.by_thing.get_mut(&thing) else { continue };
            let found = whole.feed(&*self.history, until, alarms_a_month).unwrap_or_else(|error| {
                tracing::warn!(%error, "a thing as a whole learns nothing from the history");
                Vec::new()
            });
            // What did not fit in the past stays there.
            let lately = until - COLUMN * 2;
            if let Some(found) = found.into_iter().rfind(|found| found.time >= lately) {
                told.push((thing, whole.names.clone(), found));
            }
        }
        drop(joints);
        for (thing, names, found) in told {
            self.tell_joint(&thing, &names, &found, now);
        }
    }

    fn tell_joint(&self, thing: &ThingId, names: &[Name], found: &Found, now: Timestamp) {
        let Found { joint, value, time } = found;
        let name = &names[joint.property];
        let others: Vec<&Name> = joint.others.iter().map(|place| &names[*place]).collect();
        // What a detector has found of one of them explains why they do not fit.
        let is_explained = self.mind.book.lock().of(thing).any(|insight| {
            insight.kind != InsightKind::Joint && (insight.name == *name || others.contains(&&insight.name))
        });
        let Some(stream) = self.mind.watched.lock().place(thing, name).filter(|_| !is_explained) else { return };
        let expected = Expected { value: joint.expected, low: joint.expected, high: joint.expected };
        let verdict = Verdict {
            kind: InsightKind::Joint,
            began: *time,
            time: *time,
            expected: Some(expected),
            came: Some(*value),
            score: joint.rarity + f64::from(COLUMNS).log10(),
        };
        let others: Vec<Name> = others.into_iter().cloned().collect();
        self.insight_found((thing, name), &verdict, &others, (stream, Position::START), now);
    }

    /// Takes in things whose numbers have all been learned, and lets go of those whose numbers are others now.
    fn choose_joints(&self, joints: &mut Joints, now: Timestamp) {
        let watched = self.mind.watched.lock();
        let mut is_full = joints.by_thing.len() >= JOINTS_MAX;
        joints.by_thing.retain(|thing, _| watched.things.contains_key(thing));
        for thing in watched.things.keys() {
            if watched.of(thing).any(|stream| stream.learning) {
                continue;
            }
            let numbers = watched.of(thing).filter(|stream| stream.about.data_type == DataType::Number);
            let numbers = numbers.filter(|stream| stream.learned_share() >= 1.0 && !stream.counts());
            let mut numbers: Vec<(Name, SeriesId)> =
                numbers.map(|stream| (stream.name.clone(), stream.series)).collect();
            numbers.sort();
            numbers.truncate(PROPERTIES_MAX);
            let names = numbers.iter().map(|(name, _)| name);
            match joints.by_thing.get_mut(thing) {
                Some(whole) if whole.names.iter().eq(names) => {
                    whole.series = numbers.into_iter().map(|(_, series)| series).collect();
                }
                _ if numbers.len() < 2 => drop(joints.by_thing.remove(thing)),
                None if is_full => {}
                _ => {
                    let from = Timestamp((now - LEARN_SPAN).micros() / COLUMN_US * COLUMN_US);
                    joints.by_thing.insert(thing.clone(), Whole::new(numbers, from));
                    is_full = joints.by_thing.len() >= JOINTS_MAX;
                }
            }
        }
        let Joints { by_thing, queue, .. } = joints;
        queue.retain(|thing| by_thing.contains_key(thing));
        let known: std::collections::HashSet<&ThingId> = queue.iter().collect();
        let new: Vec<ThingId> = by_thing.keys().filter(|thing| !known.contains(thing)).cloned().collect();
        queue.extend(new);
    }
}

const COLUMN_US: i64 = COLUMN.as_micros() as i64;
