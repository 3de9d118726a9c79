//! Silence: a stream that is not heard for much longer than it ever was is found by the clock alone.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::insight::InsightKind;
use super::seam::{News, Verdict};

/// From so many intervals on it is known how a stream speaks.
const INTERVALS_MIN: u32 = 16;
/// After so many intervals the longest one of those before is forgotten, in two generations.
const GENERATION: u32 = 256;
/// But not before this has passed, in microseconds: homes keep days and weeks.
const GENERATION_US: i64 = 7 * 24 * 3_600_000_000;
/// An interval so many times longer than all others was a gap, and says nothing about how the stream speaks.
const GAP: i64 = 8;
/// So many gaps in a generation are believed: then this is how it speaks.
const GAPS_MAX: u32 = 3;
/// Silence of less than so many times the longest interval is never found.
const LONGEST: i64 = 2;
/// Nor is silence that is shorter than this, in microseconds.
const SILENCE_MIN_US: i64 = 5_000_000;
/// The least score, however rarely the stream speaks.
const SCORE_MIN: f64 = 3.0;
const MONTH_US: f64 = 30.44 * 24.0 * 3600.0 * 1e6;

/// How one stream speaks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Silence {
    heard: Option<Timestamp>,
    intervals: u32,
    /// How many intervals this generation has, and how long it has lasted, gaps included.
    generation: (u32, i64),
    mean_us: f64,
    /// The longest interval of this generation, and of the one before.
    longest_us: (i64, i64),
    gaps: u32,
    /// How long its silence was when it was last told, in microseconds; 0 while it speaks.
    told_us: i64,
}

impl Silence {
    /// The stream spoke. `listening` is since when there was somebody to hear it.
    pub fn heard(&mut self, received: Timestamp, listening: Timestamp, news: &mut Vec<News>) {
        let before = self.heard.replace(self.heard.map_or(received, |heard| heard.max(received)));
        let was_told = std::mem::take(&mut self.told_us) > 0;
        if was_told {
            news.push(News::Over { kind: InsightKind::Dropout, time: received });
        }
        let Some(before) = before.filter(|before| *before >= listening || received < listening) else { return };
        let interval_us = received.micros().saturating_sub(before.micros());
        // Properties that are said together are one word.
        if interval_us > 0 {
            self.count(interval_us, was_told);
        }
    }

    fn count(&mut self, interval_us: i64, was_told: bool) {
        self.generation.1 = self.generation.1.saturating_add(interval_us);
        let is_far = self.intervals >= INTERVALS_MIN && interval_us > self.longest().saturating_mul(GAP);
        if is_far || was_told {
            self.gaps += 1;
            if self.gaps < GAPS_MAX {
                return;
            }
        }
        self.intervals = self.intervals.saturating_add(1);
        self.mean_us += (interval_us as f64 - self.mean_us) / f64::from(self.intervals.min(GENERATION));
        self.longest_us.0 = self.longest_us.0.max(interval_us);
        self.generation.0 += 1;
        if self.generation.0 >= GENERATION && self.generation.1 >= GENERATION_US {
            self.longest_us = (0, self.longest_us.0);
            self.generation = (0, 0);
            self.gaps = 0;
        }
    }

    fn longest(&self) -> i64 {
        self.longest_us.0.max(self.longest_us.1)
    }

    /// When the stream last spoke.
    pub(crate) fn last_heard(&self) -> Option<Timestamp> {
        self.heard
    }

    /// How much of what there is to know is known, from 0 to 1.
    pub(crate) fn learned_share(&self) -> f64 {
        f64::from(self.intervals.min(INTERVALS_MIN)) / f64::from(INTERVALS_MIN)
    }

    /// Looks at the clock. Nobody listened before `listening`.
    pub fn look(&mut self, now: Timestamp, listening: Timestamp, rate: f64, news: &mut Vec<News>) {
        let Some(heard) = self.heard.filter(|_| self.intervals >= INTERVALS_MIN) else { return };
        let silent_us = now.micros().saturating_sub(heard.max(listening).micros());
        let longest_us = self.longest();
        // Told again whenever it has doubled.
        let least_us = longest_us.saturating_mul(LONGEST).max(SILENCE_MIN_US).max(self.told_us.saturating_mul(2));
        if silent_us < least_us {
            return;
        }
        // As if intervals beyond the longest one became ever rarer at the pace at which they did before it.
        let seen = f64::from(self.intervals.min(2 * GENERATION));
        let score = silent_us as f64 * (seen + 1.0).log10() / longest_us.max(1) as f64;
        let needed = (MONTH_US / self.mean_us.max(1.0) / rate.max(1e-3)).log10().max(SCORE_MIN);
        if score >= needed {
            self.told_us = silent_us;
            let verdict =
                Verdict { kind: InsightKind::Dropout, began: heard, time: now, expected: None, came: None, score };
            news.push(News::Found(verdict));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: Timestamp = Timestamp(0);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + second)
    }

    /// A stream that spoke every ten seconds, a little unevenly.
    fn regular(until: i64) -> Silence {
        let (mut silence, mut news) = (Silence::default(), Vec::new());
        for second in (0..until).step_by(10) {
            silence.heard(at(second + second % 3), NEVER, &mut news);
        }
        assert!(news.is_empty());
        silence
    }

    fn found(silence: &mut Silence, second: i64, listening: Timestamp) -> bool {
        let mut news = Vec::new();
        silence.look(at(second), listening, 1.0, &mut news);
        !news.is_empty()
    }

    #[test]
    fn silence_is_found_by_the_clock_and_is_over_with_the_next_word() {
        let mut silence = regular(2_000);
        assert!(!found(&mut silence, 2_010, NEVER), "it is hardly late");
        assert!(found(&mut silence, 2_060, NEVER));
        let mut news = Vec::new();
        silence.heard(at(3_000), NEVER, &mut news);
        assert_eq!(news, [News::Over { kind: InsightKind::Dropout, time: at(3_000) }]);
        assert!(!found(&mut silence, 3_010, NEVER) && found(&mut silence, 3_060, NEVER), "the gap taught nothing");
    }

    #[test]
    fn who_has_said_little_or_could_not_be_heard_is_not_silent() {
        assert!(!found(&mut regular(100), 10_000, NEVER), "nobody knows how it speaks");
        let mut silence = regular(2_000);
        assert!(!found(&mut silence, 90_010, at(90_000)), "nobody listened");
        assert!(found(&mut silence, 90_060, at(90_000)));
    }

    #[test]
    fn who_is_silent_every_night_is_found_at_first_and_then_understood() {
        let (mut silence, mut told) = (Silence::default(), 0);
        for day in 0..14 {
            for second in (0..16 * 3_600).step_by(5) {
                let mut news = Vec::new();
                silence.look(at(day * 86_400 + second - 1), NEVER, 1.0, &mut news);
                told += news.len();
                silence.heard(at(day * 86_400 + second), NEVER, &mut news);
            }
        }
        assert!((1..=3).contains(&told), "{told}");
        assert!(found(&mut silence, 14 * 86_400 + 86_400, NEVER), "a whole day is still too long");
    }

    #[test]
    fn irregular_speakers_get_more_patience() {
        let (mut silence, mut news) = (Silence::default(), Vec::new());
        let mut second = 0;
        for word in 0..600 {
            second += if word % 20 == 0 { 900 } else { 15 };
            silence.heard(at(second), NEVER, &mut news);
        }
        assert!(!found(&mut silence, second + 1_700, NEVER));
        assert!(found(&mut silence, second + 3_600, NEVER));
    }
}
