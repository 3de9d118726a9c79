//! One stream: its detector, and what it still has to learn from the history.

use std::panic::AssertUnwindSafe;

use model::{Name, Position, ThingId, Timestamp};
use store::history::{Point, SeriesId};

use super::feed::number_of;
use super::insight::InsightKind;
use super::seam::{MakeWatch, News, Seen, StreamAbout, Verdict, Watch};
use super::silence::Silence;

/// A detector that panicked so often is not made anew: the stream is not watched any more until the next start.
pub(crate) const FAILURES_MAX: u8 = 3;

/// A stream with its detector.
pub(crate) struct Stream {
    pub(crate) thing: ThingId,
    pub(crate) name: Name,
    pub(crate) series: SeriesId,
    pub(crate) about: StreamAbout,
    watch: Option<Box<dyn Watch>>,
    pub(crate) silence: Silence,
    /// The time of the newest sample that the detector has seen.
    pub(crate) last: Option<Timestamp>,
    /// The detector is still shown the history; live samples are in there too, and are not taken in twice.
    pub(crate) learning: bool,
    /// What was found while it was learning, and was not over at the end of it.
    going_on: Vec<Verdict>,
    pub(crate) failures: u8,
    pub(crate) samples: u64,
    /// The oldest sample that its detector has seen.
    pub(crate) first: Option<Timestamp>,
    /// Its state on disk is older.
    pub(crate) changed: bool,
    rate: f64,
    /// How often it found something since `first`, and how often that was called normal.
    pub(crate) found: u64,
    pub(crate) called_normal: u64,
}

/// What a stream said, and upon which entry.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stream: u32,
    pub(crate) position: Position,
    pub(crate) news: News,
}

impl Stream {
    pub(crate) fn new(
        (thing, name): (ThingId, Name),
        series: SeriesId,
        about: StreamAbout,
        watch: Option<Box<dyn Watch>>,
    ) -> Self {
        Self {
            thing,
            name,
            series,
            about,
            watch,
            silence: Silence::default(),
            last: None,
            learning: true,
            going_on: Vec::new(),
            failures: 0,
            samples: 0,
            first: None,
            changed: true,
            rate: 1.0,
            found: 0,
            called_normal: 0,
        }
    }

    /// Takes a sample in. Returns whether the detector failed over it.
    pub(crate) fn take(&mut self, seen: Seen, listening: Timestamp, news: &mut Vec<News>) -> bool {
        // A claim ahead of our own clock is a wrong clock: it must not hide what comes once the clock is right. Both times
        // are moved back, so that the detector still sees how far they are apart.
        let received = seen.received.unwrap_or(seen.time);
        let ahead = seen.time.since(received);
        let seen = Seen { time: seen.time - ahead, received: seen.received.map(|received| received - ahead), ..seen };
        if self.last.is_some_and(|last| seen.time <= last) {
            return false;
        }
        self.last = Some(seen.time);
        self.first.get_or_insert(seen.time);
        self.samples += 1;
        self.changed = true;
        self.silence.heard(received, listening, news);
        let failed = self.guarded(|watch| watch.take(seen, news));
        if failed {
            // Nobody would tell their end any more.
            news.extend(InsightKind::OF_VALUES.map(|kind| News::Over { kind, time: seen.time }));
        }
        failed
    }

    /// Shows a piece of the history to the detector. What it finds in the past stays there, but for what goes on.
    pub(crate) fn learn(&mut self, points: &[Point], listening: Timestamp) -> bool {
        let (mut news, mut failed) = (Vec::new(), false);
        for point in points {
            let number = if self.about.is_number() { point.value.as_f64() } else { number_of(&point.value) };
            let Some(value) = number else { continue };
            failed |= self.take(Seen { time: point.time, received: None, value }, listening, &mut news);
            for news in news.drain(..) {
                match news {
                    News::Found(verdict) if verdict.kind.lasts() => {
                        self.going_on.retain(|other| other.kind != verdict.kind);
                        self.going_on.push(verdict);
                    }
                    News::Found(_) => {}
                    News::Over { kind, .. } => self.going_on.retain(|other| other.kind != kind),
                }
            }
        }
        failed
    }

    /// The end of the history is reached. Returns what goes on.
    pub(crate) fn has_learned(&mut self) -> Vec<Verdict> {
        self.learning = false;
        std::mem::take(&mut self.going_on)
    }

    /// Looks for silence.
    pub(crate) fn look(&mut self, now: Timestamp, listening: Timestamp, news: &mut Vec<News>) {
        if !self.learning {
            self.silence.look(now, listening, self.rate, news);
        }
    }

    /// A person said that this is normal.
    pub(crate) fn normal(&mut self, kind: InsightKind) -> bool {
        self.called_normal += 1;
        self.changed = true;
        self.guarded(|watch| watch.normal(kind))
    }

    pub(crate) fn set_rate(&mut self, false_alarms_a_month: f64) {
        if self.rate.to_bits() != false_alarms_a_month.to_bits() {
            self.rate = false_alarms_a_month;
            self.guarded(|watch| watch.set_rate(false_alarms_a_month));
        }
    }

    /// What is bearable, false alarms a month.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Whether it only counts.
    pub(crate) fn counts(&self) -> bool {
        self.watch.as_ref().is_some_and(|watch| watch.counts())
    }

    /// Begins anew with what the stream is now: what was learned of another unit or type is of no use.
    pub(crate) fn relearn(&mut self, about: StreamAbout, make: Option<&MakeWatch>) {
        self.watch = make.map(|make| make(&about, None));
        self.about = about;
        self.samples = 0;
        self.first = None;
        self.going_on.clear();
        self.changed = true;
        self.set_rate_again();
    }

    fn set_rate_again(&mut self) {
        let rate = self.rate;
        self.guarded(|watch| watch.set_rate(rate));
    }

    /// Makes a detector anew that failed; gives up after [`FAILURES_MAX`].
    pub(crate) fn replace(&mut self, make: Option<&MakeWatch>) {
        if self.watch.is_none() && self.failures < FAILURES_MAX {
            self.relearn(self.about.clone(), make);
        }
    }

    pub(crate) fn learned_share(&self) -> f64 {
        let values = self.watch.as_ref().map_or(1.0, |watch| watch.learned_share().clamp(0.0, 1.0));
        values.min(self.silence.learned_share())
    }

    pub(crate) fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.watch.as_ref().map_or(0, |watch| watch.state_bytes())
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        self.watch.as_ref().map(|watch| watch.save()).unwrap_or_default()
    }

    /// A detector that panics must not take the site with it: it is put away.
    fn guarded(&mut self, work: impl FnOnce(&mut dyn Watch)) -> bool {
        let Some(watch) = &mut self.watch else { return false };
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| work(&mut **watch)));
        if done.is_err() {
            tracing::error!(thing = %self.thing, name = %self.name, "a detector panicked and is put away");
            self.watch = None;
            self.failures += 1;
        }
        done.is_err()
    }
}
