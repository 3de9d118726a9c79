//! Telling what was found: in the book, on the disk, on the log.

use bytes::Bytes;
use model::{Cause, CauseKind, Name, Position, ThingId, Timestamp};

use super::book::{About, Outcome};
use super::insight::{Insight, InsightKind};
use super::seam::{News, Verdict};
use super::stream::Said;
use super::words::sentence;
use crate::counters::count;
use crate::publish::Outgoing;
use crate::site::Site;

/// The cause of what the mind says.
const MIND: &str = "mind";

impl Site {
    /// Tells what detectors said.
    pub(crate) fn tell_insights(&self, said: Vec<Said>, now: Timestamp) {
        for Said { stream, position, news } in said {
            let Some((thing, name)) =
                self.mind.watched.lock().get(stream).map(|it| (it.thing.clone(), it.name.clone()))
            else {
                continue;
            };
            match news {
                News::Found(verdict) => self.insight_found((&thing, &name), &verdict, &[], (stream, position), now),
                News::Over { kind, time } => {
                    let over = self.mind.book.lock().over(&thing, &name, kind, time);
                    over.iter().for_each(|insight| self.publish_insight(insight, position));
                }
            }
        }
    }

    /// Something was found; `others` are properties that it does not fit.
    pub(super) fn insight_found(
        &self,
        (thing, name): (&ThingId, &Name),
        verdict: &Verdict,
        others: &[Name],
        (stream, position): (u32, Position),
        now: Timestamp,
    ) {
        if verdict.kind == InsightKind::Dropout && self.is_silent_already(thing, name) {
            return count(&self.counters.mind_dropouts_merged);
        }
        let Some(about) = self.insight_about(thing, name, verdict, others) else { return };
        let outcome = self.mind.book.lock().found(about, verdict, now);
        match outcome {
            Outcome::Opened(insight) => {
                count(&self.counters.mind_insights);
                if let Some(stream) = self.mind.watched.lock().get_mut(stream) {
                    stream.found += 1;
                }
                self.publish_insight(&insight, position);
                self.try_keep("findings", Self::keep_insights);
            }
            Outcome::Raised(insight) => self.publish_insight(&insight, position),
            Outcome::Repeated => {}
            Outcome::Refused => count(&self.counters.mind_insights_refused),
        }
    }

    /// Whether all of a thing is silent since its silence was found in another of its streams: that is one finding.
    fn is_silent_already(&self, thing: &ThingId, name: &Name) -> bool {
        let heard = self.mind.watched.lock().heard(thing);
        let book = self.mind.book.lock();
        book.of(thing).any(|insight| {
            insight.kind == InsightKind::Dropout
                && insight.name != *name
                && heard.is_none_or(|heard| heard <= insight.found)
        })
    }

    fn insight_about(&self, thing: &ThingId, name: &Name, verdict: &Verdict, others: &[Name]) -> Option<About> {
        let things = self.things.read();
        let slot = things.registry.get(thing)?;
        let model = slot.thing.model.properties.get(name);
        let title = |name: &'_ Name| {
            let title = slot.thing.model.properties.get(name).map(|model| model.title.clone());
            title.filter(|title| !title.is_empty()).unwrap_or_else(|| name.to_string())
        };
        let others: Vec<String> = others.iter().map(title).collect();
        let unit = model.and_then(|model| model.unit.clone());
        let words = sentence((&title(name), &others), &slot.thing.title, unit.as_ref(), verdict);
        Some(About { thing: thing.clone(), name: name.clone(), unit, words })
    }

    /// Puts a finding on the log, following the entry that led to it.
    pub(crate) fn publish_insight(&self, insight: &Insight, position: Position) {
        let last_report = {
            let things = self.things.read();
            // A message about a thing that is gone would bring it back.
            let Some(slot) = things.registry.get(&insight.thing) else { return };
            slot.twin.property(&insight.name).map(|reported| reported.position)
        };
        if self.publisher.get().is_none() {
            return;
        }
        let mut cause = Cause::new(CauseKind::System, MIND);
        let led_here = if position == Position::START { last_report } else { Some(position) };
        if let Some(position) = led_here {
            cause = cause.following(position);
        }
        let message = Outgoing {
            topic: format!("things/{}/insights/{}", insight.thing, insight.name),
            payload: Bytes::from(serde_json::to_vec(insight).expect("a finding is plain data")),
            qos: 1,
            retain: false,
            cause,
        };
        if let Err(error) = self.publish(message) {
            tracing::warn!(%error, "a finding is not on the log");
        }
    }
}
