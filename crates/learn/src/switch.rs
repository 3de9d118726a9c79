//! Streams of few values: switches, contacts, modes. Nothing can be expected of the value, but of how often it changes.
//!
//! What is learned is how many changes an hour of the day brings. A stream is stuck when far more changes should have come
//! than ever were awaited before, and it chatters when changes come faster than they ever did. Both are calibrated by
//! the stream's own past ([`crate::calibrate`]).

use crate::calibrate::Peaks;
use crate::codec::{CodecError, from_bytes, packed, to_bytes};
use crate::stream::Settings;

/// The version of the bytes.
const VERSION: u8 = 1;
const HOUR_MICROSECONDS: i64 = 3_600_000_000;
const DAY_HOURS: usize = 24;
/// A learning period, in hours.
const WARMUP_HOURS: u32 = 72;
/// Nobody is told of anything before so many hours: a week, because its days are not alike.
const READY_HOURS: u32 = 168;
/// Days that an hour's rate remembers.
const RATE_DAYS: u8 = 28;
/// So many changes in a row are a burst.
const BURST: usize = 8;
/// A burst of less than so many changes a minute is nothing, and so is having waited for less than so many changes.
const BURST_MIN: f64 = 0.5;
const WAITED_MIN: f64 = 2.0;
/// Quiet after a finding, in hours.
const QUIET_HOURS: u32 = 6;
const MONTH_HOURS: f64 = 30.0 * 24.0;

/// What is wrong with a stream of few values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchFault {
    /// It has not changed for far longer than it ever did, for the time of the day.
    Stuck,
    /// It changes to and fro faster than it ever did.
    Chatter,
}

/// Something that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SwitchFinding {
    /// What it is.
    pub fault: SwitchFault,
    /// Since when.
    pub since_microseconds: i64,
    /// The negative decimal logarithm of the chance of such an hour.
    pub surprise: f64,
    /// How large it is in its own measure; [`Switch::label`] takes it back.
    pub deviation: f64,
}

/// A stream of few values under watch.
#[derive(Debug, Clone)]
pub struct Switch {
    settings: Settings,
    last_microseconds: i64,
    last_value: f64,
    changed_microseconds: i64,
    /// Changes that an hour of the day brings, and on how many days that was seen.
    rates: [f32; DAY_HOURS],
    days: [u8; DAY_HOURS],
    hour: i64,
    changes: u32,
    /// How many changes should have come since the last one.
    waited: f64,
    /// When the last ones came, oldest first.
    burst: Vec<i64>,
    /// The largest of this hour.
    longest_waited: f64,
    fastest: f64,
    still: Peaks,
    busy: Peaks,
    hours: u32,
    quiet_until: [i64; 2],
}

packed!(Switch {
    settings,
    last_microseconds,
    last_value,
    changed_microseconds,
    rates,
    days,
    hour,
    changes,
    waited,
    burst,
    longest_waited,
    fastest,
    still,
    busy,
    hours,
    quiet_until
});

impl Switch {
    /// A stream of which nothing is known.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            last_microseconds: i64::MIN,
            last_value: 0.0,
            changed_microseconds: 0,
            rates: [0.0; DAY_HOURS],
            days: [0; DAY_HOURS],
            hour: 0,
            changes: 0,
            waited: 0.0,
            burst: Vec::new(),
            longest_waited: 0.0,
            fastest: 0.0,
            still: Peaks::new(WARMUP_HOURS, true),
            busy: Peaks::new(WARMUP_HOURS, true),
            hours: 0,
            quiet_until: [i64::MIN; 2],
        }
    }

    /// Takes a report: a number that stands for the value. Reports that are older than the last one teach nothing.
    pub fn observe(&mut self, time_microseconds: i64, value: f64) -> Option<SwitchFinding> {
        if !value.is_finite() || time_microseconds <= self.last_microseconds {
            return None;
        }
        if self.last_microseconds == i64::MIN {
            (self.last_value, self.changed_microseconds) = (value, time_microseconds);
            (self.last_microseconds, self.hour) = (time_microseconds, time_microseconds.div_euclid(HOUR_MICROSECONDS));
            return None;
        }
        self.pass(time_microseconds);
        if value == self.last_value {
            self.longest_waited = self.longest_waited.max(self.waited);
            return self.judge(SwitchFault::Stuck, self.waited, self.changed_microseconds);
        }
        self.last_value = value;
        self.changes = self.changes.saturating_add(1);
        (self.waited, self.changed_microseconds) = (0.0, time_microseconds);
        if self.burst.len() >= BURST {
            self.burst.remove(0);
        }
        self.burst.push(time_microseconds);
        let since = self.burst[0];
        let pace = self.changes_a_minute();
        self.fastest = self.fastest.max(pace);
        self.judge(SwitchFault::Chatter, pace, since)
    }

    /// How fast the last changes came.
    pub fn changes_a_minute(&self) -> f64 {
        if self.burst.len() < BURST {
            return 0.0;
        }
        let minutes = (self.burst[BURST - 1] - self.burst[0]).max(1) as f64 / 60e6;
        (BURST - 1) as f64 / minutes
    }

    /// Somebody said of a finding that it is ordinary, or that it is not.
    pub fn label(&mut self, finding: &SwitchFinding, ordinary: bool) {
        let peaks = match finding.fault {
            SwitchFault::Stuck => &mut self.still,
            SwitchFault::Chatter => &mut self.busy,
        };
        if ordinary { peaks.tolerate(finding.deviation) } else { peaks.forbid(finding.deviation) }
    }

    /// How much of what has to be seen first was seen, from 0 to 1.
    pub fn learned_share(&self) -> f64 {
        f64::from(self.hours.min(READY_HOURS)) / f64::from(READY_HOURS)
    }

    /// How often alarms by chance are borne from now on.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The whole state.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(VERSION, self)
    }

    /// A stream from its state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        from_bytes(VERSION, bytes)
    }

    /// Time passes: hours end, and changes are awaited. A longer silence than a week teaches no more than that.
    fn pass(&mut self, time: i64) {
        let hour = time.div_euclid(HOUR_MICROSECONDS);
        let skipped = (hour - self.hour - i64::from(READY_HOURS)).max(0);
        let mut from = self.last_microseconds.max((self.hour + skipped) * HOUR_MICROSECONDS);
        self.hour += skipped;
        while self.hour < hour {
            let end = (self.hour + 1) * HOUR_MICROSECONDS;
            self.wait(end - from);
            self.end_hour();
            from = end;
        }
        self.wait(time - from);
        self.last_microseconds = time;
    }

    fn wait(&mut self, microseconds: i64) {
        let rate = f64::from(self.rates[self.hour.rem_euclid(DAY_HOURS as i64) as usize]);
        self.waited += rate * microseconds as f64 / HOUR_MICROSECONDS as f64;
    }

    fn end_hour(&mut self) {
        let place = self.hour.rem_euclid(DAY_HOURS as i64) as usize;
        self.days[place] = (self.days[place] + 1).min(RATE_DAYS);
        let changes = std::mem::take(&mut self.changes) as f32;
        self.rates[place] += (changes - self.rates[place]) / f32::from(self.days[place]);
        self.still.learn(std::mem::take(&mut self.longest_waited) + WAITED_MIN);
        self.busy.learn(std::mem::take(&mut self.fastest) + BURST_MIN);
        self.hours = self.hours.saturating_add(1);
        self.hour += 1;
    }

    fn judge(&mut self, fault: SwitchFault, figure: f64, since_microseconds: i64) -> Option<SwitchFinding> {
        let (peaks, floor, most) = match fault {
            // The chance that no change comes where so many are awaited.
            SwitchFault::Stuck => (&self.still, WAITED_MIN, figure / std::f64::consts::LN_10),
            SwitchFault::Chatter => (&self.busy, BURST_MIN, f64::INFINITY),
        };
        let rarity = peaks.rarity(figure + floor).min(most);
        let share = self.settings.alarms_per_month / 2.0;
        let threshold = (MONTH_HOURS / f64::from(WARMUP_HOURS) / share.max(1e-6)).log10().max(0.0);
        if self.hours < READY_HOURS || figure < floor || rarity < threshold {
            return None;
        }
        let quiet = &mut self.quiet_until[usize::from(fault == SwitchFault::Chatter)];
        let is_new = self.hour >= *quiet;
        *quiet = self.hour + i64::from(QUIET_HOURS);
        let surprise = rarity + f64::from(WARMUP_HOURS).log10();
        is_new.then_some(SwitchFinding { fault, since_microseconds, surprise, deviation: figure + floor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    const MINUTE: i64 = 60_000_000;

    /// A door that is opened now and then by day, and is told every ten minutes besides.
    fn door(seed: u64, days: i64, found: &mut Vec<SwitchFinding>) -> (Switch, i64, f64) {
        let (mut switch, mut chance, mut value) = (Switch::new(Settings::default()), Chance::new(seed), 0.0);
        let start = 1_700_000_000_000_000 / (1_440 * MINUTE) * 1_440 * MINUTE;
        let mut time = start;
        for minute in 0..days * 1_440 {
            time = start + minute * MINUTE;
            let is_day = (7..22).contains(&(minute / 60 % 24));
            let opens = is_day && chance.unit() < 0.05;
            if opens || minute % 10 == 0 {
                value = if opens { 1.0 - value } else { value };
                found.extend(switch.observe(time, value));
            }
        }
        (switch, time, value)
    }

    #[test]
    fn what_is_ordinary_for_its_hour_is_quiet() {
        let mut found = Vec::new();
        for seed in 1..=4 {
            door(seed, 40, &mut found);
        }
        assert!(found.len() <= 1, "{found:?}");
    }

    #[test]
    fn stuck_by_day_and_chatter_are_found_and_labels_count() {
        let mut found = Vec::new();
        let (mut switch, mut time, mut value) = door(9, 20, &mut found);
        found.clear();
        let mut stuck = switch.clone();
        let began = (1..=144).find_map(|ten| stuck.observe(time + ten * 10 * MINUTE, value));
        assert_eq!(began.map(|finding| finding.fault), Some(SwitchFault::Stuck));
        for _ in 0..20 {
            time += MINUTE / 60;
            value = 1.0 - value;
            found.extend(switch.observe(time, value));
        }
        let [chatter] = found[..] else { panic!("{found:?}") };
        assert_eq!(chatter.fault, SwitchFault::Chatter);
        let bytes = switch.to_bytes();
        assert_eq!(Switch::from_bytes(&bytes).unwrap().to_bytes(), bytes);
        assert!(bytes.len() < 1_000);
        // Said to be ordinary, and then not, over and over: the last word counts.
        for turn in 0..100 {
            switch.label(&chatter, turn % 2 == 0);
        }
        assert!(switch.busy.rarity(chatter.deviation) > 2.0);
        switch.label(&chatter, true);
        assert_eq!(switch.busy.rarity(chatter.deviation), 0.0);
    }
}
