//! The detectors of `learn` behind the mind's seam: what they find once is followed until it is over.

mod switch;

use std::sync::Arc;
use std::time::Duration;

use learn::fault::Fault;
use learn::{Finding, Kind, STATE_BYTES_MAX, Settings};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::insight::{Expected, InsightKind};
use super::seam::{MakeWatch, News, Seen, Verdict, Watch};
use switch::Switched;

/// What goes on is told again so often.
const AGAIN_AFTER: Duration = Duration::from_mins(1);
/// A finding is over after so many samples in a row that do not show it.
const CALM_SAMPLES: u8 = 5;
/// Detectors learn for about three days before they tell anything.
const LEARNING: Duration = Duration::from_hours(72);
/// How quickly the mean step between neighbours follows.
const STEP_RATE: f64 = 1.0 / 12.0;

/// A finding that was told, the newest of its sort.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Told {
    kind: InsightKind,
    finding: Finding,
    goes_on: bool,
    /// When it was last told.
    last: Timestamp,
    calm: u8,
    /// The mean step between neighbours when it was found.
    step: f64,
    /// How late the sample came that showed it, in seconds.
    late_seconds: f64,
}

/// What a detector's bytes do not hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Followed {
    first: Option<Timestamp>,
    last: Option<(Timestamp, f64)>,
    step: f64,
    told: Vec<Told>,
}

/// A stream under watch.
struct Learned {
    stream: learn::Stream,
    followed: Followed,
}

/// Makes the detectors of `learn`.
pub(crate) fn watch() -> MakeWatch {
    Arc::new(|about, state| {
        if about.is_number() {
            Box::new(state.and_then(Learned::restore).unwrap_or_else(Learned::new))
        } else {
            Box::new(state.and_then(Switched::restore).unwrap_or_else(Switched::new))
        }
    })
}

fn kind_of(kind: Kind) -> InsightKind {
    match kind {
        Kind::Fault(Fault::Spike) => InsightKind::Spike,
        Kind::Fault(Fault::Stuck) => InsightKind::Stuck,
        Kind::Fault(Fault::Dropout) => InsightKind::Dropout,
        Kind::Fault(Fault::Drift) => InsightKind::Drift,
        Kind::Fault(Fault::Noise) => InsightKind::Noise,
        Kind::Fault(Fault::Oscillation) => InsightKind::Oscillation,
        Kind::Fault(Fault::ClockSkew) => InsightKind::ClockSkew,
        Kind::Anomaly(_) => InsightKind::Anomaly,
    }
}

fn late_seconds(seen: &Seen) -> f64 {
    seen.received.map_or(0.0, |received| (received.micros() - seen.time.micros()) as f64 / 1e6)
}

impl Learned {
    fn new() -> Self {
        Self { stream: learn::Stream::new(Settings::default()), followed: Followed::default() }
    }

    /// One line of JSON, and then the detector's bytes.
    fn restore(state: &[u8]) -> Option<Self> {
        let end = state.iter().position(|byte| *byte == b'\n')?;
        let followed = serde_json::from_slice(&state[..end]).ok()?;
        Some(Self { stream: learn::Stream::from_bytes(&state[end + 1..]).ok()?, followed })
    }

    /// Follows what was found before, sample by sample, until it is over.
    fn follow(&mut self, seen: &Seen, news: &mut Vec<News>) {
        if !self.followed.told.iter().any(|told| told.goes_on) {
            return;
        }
        let expected = self.stream.expected(seen.time.micros());
        let (step, value) = (self.followed.step, self.stream.watched());
        let mut told = std::mem::take(&mut self.followed.told);
        for told in told.iter_mut().filter(|told| told.goes_on) {
            let is_outside = expected.is_none_or(|(_, low, high)| value < low || value > high);
            let shows = match told.kind {
                InsightKind::Stuck => seen.value.to_bits() == self.followed.last.map_or(0, |(_, last)| last.to_bits()),
                InsightKind::Noise | InsightKind::Oscillation => step > told.step / 2.0,
                InsightKind::ClockSkew => (late_seconds(seen) - told.late_seconds).abs() < told.finding.deviation / 2.0,
                _ => is_outside,
            };
            told.calm = if shows { 0 } else { told.calm + 1 };
            if told.calm >= CALM_SAMPLES || (!shows && told.kind == InsightKind::Stuck) {
                told.goes_on = false;
                news.push(News::Over { kind: told.kind, time: seen.time });
            } else if shows && seen.time.since(told.last) >= AGAIN_AFTER {
                told.last = seen.time;
                told.finding.came = value;
                if let Some((expected, low, high)) = expected {
                    (told.finding.expected, told.finding.low, told.finding.high) = (expected, low, high);
                }
                news.push(News::Found(verdict(&told.finding, told.kind, seen.time)));
            }
        }
        self.followed.told = told;
    }

    fn tell(&mut self, finding: Finding, seen: &Seen, news: &mut Vec<News>) {
        let kind = kind_of(finding.kind);
        // Silence is found by the clock while it lasts; this is the same, found when it is over.
        if kind == InsightKind::Dropout {
            return;
        }
        news.push(News::Found(verdict(&finding, kind, seen.time)));
        self.followed.told.retain(|told| told.kind != kind);
        self.followed.told.push(Told {
            kind,
            finding,
            goes_on: kind.lasts(),
            last: seen.time,
            calm: 0,
            step: self.followed.step,
            late_seconds: late_seconds(seen),
        });
    }
}

fn verdict(finding: &Finding, kind: InsightKind, time: Timestamp) -> Verdict {
    let Finding { since_microseconds, came, expected, low, high, surprise, .. } = *finding;
    let expected = (kind != InsightKind::ClockSkew).then_some(Expected { value: expected, low, high });
    Verdict { kind, began: Timestamp(since_microseconds), time, expected, came: Some(came), score: surprise }
}

impl Watch for Learned {
    fn take(&mut self, seen: Seen, news: &mut Vec<News>) {
        self.followed.first.get_or_insert(seen.time);
        if let Some((_, before)) = self.followed.last {
            self.followed.step += STEP_RATE * ((seen.value - before).abs() - self.followed.step);
        }
        let received = seen.received.map(Timestamp::micros);
        let found = self.stream.observe(seen.time.micros(), received, seen.value);
        self.follow(&seen, news);
        if let Some(finding) = found {
            self.tell(finding, &seen, news);
        }
        self.followed.last = Some((seen.time, seen.value));
    }

    fn normal(&mut self, kind: InsightKind) {
        let Self { stream, followed } = self;
        for told in followed.told.iter_mut().filter(|told| told.kind == kind) {
            told.goes_on = false;
            stream.label(&told.finding, true);
        }
    }

    fn set_rate(&mut self, false_alarms_a_month: f64) {
        self.stream.set(Settings { alarms_per_month: false_alarms_a_month });
    }

    fn learned_share(&self) -> f64 {
        if self.stream.ready() {
            return 1.0;
        }
        let seen = self.followed.first.zip(self.followed.last).map(|(first, (last, _))| last.since(first));
        seen.map_or(0.0, |seen| (seen.as_secs_f64() / LEARNING.as_secs_f64()).min(0.99))
    }

    fn counts(&self) -> bool {
        self.stream.counts()
    }

    fn state_bytes(&self) -> usize {
        STATE_BYTES_MAX + size_of::<Self>() + self.followed.told.capacity() * size_of::<Told>()
    }

    fn save(&self) -> Vec<u8> {
        let mut saved = serde_json::to_vec(&self.followed).expect("finite numbers are plain data");
        saved.push(b'\n');
        saved.extend(self.stream.to_bytes());
        saved
    }
}

#[cfg(test)]
mod tests;
