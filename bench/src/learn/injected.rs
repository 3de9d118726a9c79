//! Faults that are injected into telemetry: which are found, which are named, and what is found where nothing is wrong.
//!
//! A detector watches each stream for weeks. What it finds there is a false alarm. At random moments its state is copied,
//! and the copy is told a broken continuation, so that no fault teaches anything about the next.

use std::collections::BTreeMap;

/// Microseconds of a second, an hour and a day.
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
pub(super) const DAY: i64 = 24 * HOUR;

/// Nothing is counted and nothing is broken before so much of a stream was seen.
pub(super) const LEARNING: i64 = 8 * DAY;
/// A finding that is repeated within so much is the same one.
const SAME: i64 = HOUR;
/// A broken stream is looked at for so long, at most.
const LOOKED_AT: i64 = 2 * DAY;
/// It is judged only if it says so much in that time.
const SAMPLES_MIN: usize = 24;

/// One stream.
#[derive(Debug, Clone)]
pub(super) struct Telemetry {
    pub(super) thing: String,
    /// Times and values.
    pub(super) points: Vec<(i64, f64)>,
}

/// A detector that is judged.
pub(super) trait Judged {
    /// Takes a sample with the time at which it arrived; what is found, by name.
    fn take(&mut self, time: i64, received: Option<i64>, value: f64) -> Option<String>;
    /// Looks at the clock; what is found.
    fn look(&mut self, now: i64) -> Option<String>;
    /// Another one with the same past.
    fn copy(&self) -> Box<dyn Judged>;
    /// Whether it judges.
    fn is_ready(&self) -> bool;
}

/// What is injected, and how it is called when it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Injected {
    Stuck,
    FastDrift,
    SlowDrift,
    Spike,
    Dropout,
    Noise,
    Oscillation,
    ClockSkew,
}

impl Injected {
    pub(super) const ALL: [Self; 8] = [
        Self::Stuck,
        Self::FastDrift,
        Self::SlowDrift,
        Self::Spike,
        Self::Dropout,
        Self::Noise,
        Self::Oscillation,
        Self::ClockSkew,
    ];

    /// What it is in words, with its size. A width is what lies between the least and the greatest value of the last week.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Stuck => "stuck: the value of the first moment for a day",
            Self::FastDrift => "drift: a width each hour for 6 h",
            Self::SlowDrift => "drift: a width a day for two days",
            Self::Spike => "spike: one sample off by two widths",
            Self::Dropout => "dropout: silence for a day",
            Self::Noise => "noise: scatter of half a width to both sides for a day",
            Self::Oscillation => "oscillation: half a width to both sides, 8 samples a period, for a day",
            Self::ClockSkew => "clock skew: a minute later each hour for a day",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::FastDrift | Self::SlowDrift => "drift",
            Self::Spike => "spike",
            Self::Dropout => "dropout",
            Self::Noise => "noise",
            Self::Oscillation => "oscillation",
            Self::ClockSkew => "clock_skew",
        }
    }

    fn lasts(self) -> i64 {
        match self {
            Self::FastDrift => 6 * HOUR,
            Self::SlowDrift => 2 * DAY,
            _ => DAY,
        }
    }

    /// The broken sample; `None` for none. `random` is from -1 to 1.
    fn bend(self, (place, since): (usize, i64), held: f64, value: f64, width: f64, random: f64) -> Option<f64> {
        let hours = since as f64 / HOUR as f64;
        Some(match self {
            Self::Stuck => held,
            Self::FastDrift => value + width * hours,
            Self::SlowDrift => value + width * hours / 24.0,
            Self::Spike if place == 3 => value + 2.0 * width,
            Self::Spike | Self::ClockSkew => value,
            Self::Dropout => return None,
            Self::Noise => value + width / 2.0 * random,
            Self::Oscillation => value + width / 2.0 * (place as f64 * std::f64::consts::TAU / 8.0).sin(),
        })
    }
}

/// What came of one kind of fault.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    pub(super) injected: usize,
    pub(super) found: usize,
    pub(super) named: usize,
    /// What it was called first.
    pub(super) first: BTreeMap<String, usize>,
}

/// What came of everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Score {
    pub(super) by_kind: BTreeMap<Injected, Outcome>,
    pub(super) false_alarms: BTreeMap<String, usize>,
    /// Streams that never said enough to be judged.
    pub(super) silent: usize,
    pub(super) watched: usize,
}

/// Numbers that look like chance (xorshift).
#[derive(Debug, Clone)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn either_side(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// The values of the last week.
fn last_week(points: &[(i64, f64)]) -> &[(i64, f64)] {
    let end = points.last().map_or(0, |point| point.0);
    &points[points.partition_point(|point| point.0 < end - 7 * DAY)..]
}

/// What lies between the least and the greatest value of the last week; of a counter, that is how far it went.
fn width(points: &[(i64, f64)]) -> f64 {
    let values = last_week(points).iter().map(|point| point.1);
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    high - low
}

/// Whether this is the value at which the stream rests: a tenth of the last week was told with it.
fn rests(points: &[(i64, f64)], held: f64) -> bool {
    let week = last_week(points);
    week.iter().filter(|point| point.1 == held).count() * 10 > week.len()
}

/// Watches one stream, and breaks it in each way once at a moment of chance.
pub(super) fn judge(stream: &Telemetry, mut detector: Box<dyn Judged>, chance: &mut Chance, score: &mut Score) {
    let points = &stream.points;
    let Some(first) = points.first().map(|point| point.0) else { return };
    let begun = points.partition_point(|point| point.0 < first + LEARNING);
    let ended = points.partition_point(|point| point.0 < points[points.len() - 1].0 - LOOKED_AT);
    // Faults begin while it speaks: what says nothing cannot be found broken.
    let speaks = |at: usize| {
        let until = points[at].0 + DAY / 4;
        points[at..].partition_point(|point| point.0 < until) >= SAMPLES_MIN
    };
    let moments: Vec<usize> = (begun..ended).filter(|at| speaks(*at)).collect();
    if moments.is_empty() {
        score.silent += 1;
        return;
    }
    let mut planned: Vec<(usize, Injected)> =
        Injected::ALL.into_iter().map(|injected| (moments[chance.below(moments.len())], injected)).collect();
    planned.sort_unstable();
    let mut told: BTreeMap<String, i64> = BTreeMap::new();
    let mut is_watched = false;
    for (at, (time, value)) in points.iter().copied().enumerate() {
        for (_, injected) in planned.iter().filter(|(moment, _)| *moment == at) {
            if detector.is_ready() {
                inject(*injected, points, at, detector.copy(), chance, score);
            }
        }
        let silent = (at > 0).then(|| detector.look(time - SECOND)).flatten();
        for found in silent.into_iter().chain(detector.take(time, Some(time), value)) {
            let before = told.insert(found.clone(), time);
            if time >= first + LEARNING && before.is_none_or(|before| time - before > SAME) {
                *score.false_alarms.entry(found).or_default() += 1;
            }
        }
        is_watched |= detector.is_ready();
    }
    score.watched += usize::from(is_watched);
}

fn inject(
    injected: Injected,
    points: &[(i64, f64)],
    at: usize,
    mut detector: Box<dyn Judged>,
    chance: &mut Chance,
    score: &mut Score,
) {
    let (width, (began, held)) = (width(&points[..at]), points[at]);
    let broken: Vec<(i64, f64)> =
        points[at..].iter().copied().take_while(|point| point.0 < began + injected.lasts()).collect();
    let changes = broken.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    // What stands still is not stuck, and what is always the same has no width.
    let is_still = changes < SAMPLES_MIN || rests(&points[..at], held);
    if width <= 0.0 || (injected == Injected::Stuck && is_still) {
        return;
    }
    let mut found: Vec<String> = Vec::new();
    for (place, (time, value)) in broken.iter().copied().enumerate() {
        let since = time - began;
        found.extend(detector.look(time - SECOND));
        let Some(value) = injected.bend((place, since), held, value, width, chance.either_side()) else { continue };
        let late = if injected == Injected::ClockSkew { since / 60 } else { 0 };
        found.extend(detector.take(time - late, Some(time), value));
    }
    let outcome = score.by_kind.entry(injected).or_default();
    outcome.injected += 1;
    outcome.found += usize::from(!found.is_empty());
    outcome.named += usize::from(found.iter().any(|found| found == injected.name()));
    let first = found.into_iter().next().unwrap_or_else(|| "nothing".to_owned());
    *outcome.first.entry(first).or_default() += 1;
}
